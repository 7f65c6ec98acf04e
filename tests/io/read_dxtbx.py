"""What dxtbx reads of an image, as JSON; run by the Python that has it."""

import json
import sys

from dxtbx.model.experiment_list import ExperimentListFactory


def main(name):
    """Print panels, trusted ranges, and how many pixels are masked or of which values."""
    experiments = ExperimentListFactory.from_filenames([name])
    imageset = experiments[0].imageset
    data, masks = imageset.get_raw_data(0), imageset.get_mask(0)
    found = [{"size": list(panel.get_image_size()), "pixel": list(panel.get_pixel_size()),
              "fast": list(panel.get_fast_axis()), "slow": list(panel.get_slow_axis()),
              "origin": list(panel.get_origin()), "trusted": list(panel.get_trusted_range()),
              "good": int(mask.count(True)), "values": [int(v) for v, good in zip(image, mask) if good]}
             for panel, image, mask in zip(imageset.get_detector(), data, masks)]
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
