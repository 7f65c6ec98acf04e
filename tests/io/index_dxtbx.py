"""Miller indices of the bright pixels of an image by the models of an .expt, as JSON; run by the Python with dxtbx."""

import json
import sys

from dxtbx.model.experiment_list import ExperimentListFactory
import numpy as np


def main(image, models):
    """Print fractional indices of bright pixels by dxtbx's reading of the image, and what the two have in common."""
    read = ExperimentListFactory.from_filenames([image])[0]
    ours = ExperimentListFactory.from_json_file(models, check_format=False)[0]
    panel, = read.imageset.get_detector()
    beam, mine = read.imageset.get_beam(), ours.detector[0]
    pixels = np.array(read.imageset.get_raw_data(0)[0].as_double()).reshape(panel.get_image_size()[::-1])
    inside = pixels[2:-2, 2:-2]
    around = [pixels[2 + s:pixels.shape[0] - 2 + s, 2 + f:pixels.shape[1] - 2 + f]
              for s in range(-2, 3) for f in range(-2, 3) if s or f]
    peaks = np.argwhere((inside > np.sort(inside.ravel())[-1500]) & (inside >= np.max(around, axis=0))) + 2
    back = np.linalg.inv(np.array(ours.crystal.get_A()).reshape(3, 3))
    s0 = np.array(beam.get_s0())
    found = []
    for s, f in peaks:
        part = pixels[s - 2:s + 3, f - 2:f + 3]
        place = [float((part * axis).sum() / part.sum()) for axis in (
            np.arange(f - 2, f + 3)[None] + 0.5, np.arange(s - 2, s + 3)[:, None] + 0.5)]
        ray = np.array(panel.get_pixel_lab_coord(place))
        found.append((back @ (ray / np.linalg.norm(ray) * np.linalg.norm(s0) - s0)).tolist())
    print(json.dumps({
        "hkl": found, "normal": [list(b.get_polarization_normal()) for b in (beam, ours.beam)],
        "fraction": beam.get_polarization_fraction(),
        "axes": [list(p.get_fast_axis()) + list(p.get_slow_axis()) for p in (panel, mine)],
        "origin": [list(p.get_origin()) for p in (panel, mine)],
        "trusted": [list(p.get_trusted_range()) for p in (panel, mine)], "gain": panel.get_gain(),
        "sensor": [[p.get_thickness(), p.get_mu(), p.get_material()] for p in (panel, mine)],
        "masked": [list(r) for r in mine.get_mask()],
        "shift": [np.subtract(p.get_ray_intersection_px((0.3, 0.1, -0.9)), p.get_bidirectional_ray_intersection_px(
            (0.3, 0.1, -0.9))).tolist() for p in (panel, mine)]}))


if __name__ == "__main__":
    main(*sys.argv[1:])
