"""Figures of a DIALS run, for the tests: run by the Python that has DIALS, prints JSON.

    python figures.py indexed.refl refined.expt [integrated.refl]
"""

import json
import sys

from dials.array_family import flex
from dxtbx.model.experiment_list import ExperimentListFactory


def rmsd(values):
    """Root of the mean square."""
    return (sum(v * v for v in values) / max(len(values), 1)) ** 0.5


def main(reflections, experiments, integrated=None):
    """Print what was indexed, how well it fits, the crystal, and intensities if there are any."""
    table = flex.reflection_table.from_file(reflections)
    experiment, = ExperimentListFactory.from_json_file(experiments, check_format=False)
    indexed = table.select(table.get_flags(table.flags.indexed))
    width = experiment.scan.get_oscillation()[1]
    size = experiment.detector[0].get_pixel_size()[0]
    used = table.select(table.get_flags(table.flags.used_in_refinement))
    x, y, phi = used["xyzobs.mm.value"].parts()
    to_x, to_y, to_phi = used["xyzcal.mm"].parts()
    found = {
        "strong": len(table), "indexed": len(indexed), "cell": experiment.crystal.get_unit_cell().parameters(),
        "space_group": experiment.crystal.get_space_group().type().lookup_symbol(),
        "a_matrix": experiment.crystal.get_A(),
        "rmsd_pixels": [rmsd(list(x - to_x)) / size, rmsd(list(y - to_y)) / size],
        "rmsd_frames": rmsd(list(phi - to_phi)) * 57.29577951308232 / width,
        "beam_centre": experiment.detector[0].get_beam_centre_px(experiment.beam.get_s0()),
    }
    if integrated:
        done = flex.reflection_table.from_file(integrated)
        good = done.select(done.get_flags(done.flags.integrated_sum))
        # a reflection that is cut off by the ends of the series is no full intensity
        good = good.select(good["partiality"] > 0.99)
        found["hkl"] = [list(hkl) for hkl in good["miller_index"]]
        found["intensity"] = list(good["intensity.sum.value"] * good["lp"])
        found["variance"] = list(good["intensity.sum.variance"] * good["lp"] ** 2)
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
