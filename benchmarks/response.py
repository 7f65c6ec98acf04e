"""What does a detector's response cost?  Nanoseconds a pixel of each stage, and the memory of 16 megapixels with all.

    python benchmarks/response.py                  measure; one JSON line
    python benchmarks/response.py --edge 1000      of smaller images

Every response is checked before it is timed: its mean, and that a part of the image has the same counts.
"""

import argparse
import resource
import sys

from measuring import emit, spent
import numpy as np

MEAN = 1.0
REPEATS = 3


def responses():
    """Responses by the stage that they have beside counting."""
    import numbragg as nb
    from numbragg.response import Calibration, Defects

    rayonix = nb.Response.named("rayonix")
    return {
        "counting": nb.Response(), "calibration": nb.Response(calibration=Calibration(fraction=0.03)),
        "read-out": nb.Response(readout_adu=3.0, offset_adu=40.0), "gains": nb.Response.named("jungfrau", gaps=None),
        "defects": nb.Response(defects=Defects(dead_fraction=1e-4, hot_fraction=1e-4)),
        "point spread": nb.Response(point_spread=rayonix.point_spread),
        "everything": nb.Response.named("rayonix", flicker_fraction=0.01, defects=Defects(
            dead_fraction=1e-4, hot_fraction=1e-4), gain_adu_per_photon=2.0)}


def check(name, response, edge):
    """Stop where counts are wrong."""
    image = np.full((edge, edge), MEAN, np.float32)
    counts = response.apply(image, seed=1, pixel_mm=0.1)
    part = response.apply(image, seed=1, pixel_mm=0.1, roi=(edge // 2, edge - 1, 3, edge // 2))
    if not np.array_equal(counts[3:edge // 2 + 1, edge // 2:], part):
        sys.exit(f"{name}: a part has other counts than the whole")
    inner = counts[edge // 4:-edge // 4, edge // 4:-edge // 4].astype(float)
    good = (inner >= 0) & (inner < response.saturation)
    expected = MEAN * response.gain_adu_per_photon + response.offset_adu
    if abs(inner[good].mean() - expected) > 0.05 * response.gain_adu_per_photon:
        sys.exit(f"{name}: mean {inner[good].mean()}, not {expected}")


def main():
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--edge", type=int, default=4096)
    edge = parser.parse_args().edge
    image = np.full((edge, edge), MEAN, np.float32)
    figures = {}
    for name, response in responses().items():
        check(name, response, 600)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        # the least of some: others are at work on the machine
        cpu = min(spent(lambda: response.apply(image, seed=2, pixel_mm=0.1, threads=1))[0].cpu for _ in range(REPEATS))
        figures[name] = {"ns_per_pixel": round(cpu / edge ** 2 * 1e9, 2), "peak_mb": round(
            resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024), "before_mb": round(before / 1024)}
    emit({"benchmark": "response", "edge": edge, "mean": MEAN, "figures": figures})


if __name__ == "__main__":
    main()
