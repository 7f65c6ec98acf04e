"""What does a background cost, beside Bragg steps on the same detector?  One JSON line a case and geometry.

    python benchmarks/background.py                         measure 2048 x 2048 pixels
    python benchmarks/background.py --edge 1000 --rounds 3  fewer, and less often

Every background is checked before it is timed: a part made alone has the same bits, and pixels are the sum of their
layers.  Times are CPU times of one thread.  In every round background, counts and Bragg steps follow each other, and
make one ratio; medians and quartiles of all rounds are told.  The Bragg steps are 20 mosaic domains of a still.
"""

import argparse
import sys

from measuring import emit, quartiles, spent
import numpy as np

SENSOR = {"sensor_thickness_um": 320, "attenuation_depth_um": 200}
#: Layers, what the detector has, and the polarisation.
CASES = {
    "water": ("water:5um", {}, 0.0), "water, polarised": ("water:5um", {}, 0.9),
    "water, polarised, sensor": ("water:5um", SENSOR, 0.9), "air": ("air:50mm", {}, 0.0),
    "air, polarised, sensor": ("air:50mm", SENSOR, 0.9), "ice": ("ice:5um", {}, 0.0),
    "ice, polarised, sensor": ("ice:5um", SENSOR, 0.9)}
#: Distances and pixels [mm].
GEOMETRIES = ((200, 0.075), (150, 0.1), (100, 0.172))


def check(words, sensor, polarised):
    """Stop where a background is wrong."""
    import numbragg as nb

    def made(layers, **more):
        return nb.Simulator(nb.Detector(pixels=(60, 50), pixel_mm=2, distance_mm=250, **sensor),
                            nb.Beam(polarisation_fraction=polarised), 0.0, background=layers,
                            **more).run(nb.Crystal(cell=(50, 60, 70, 90, 90, 90), n_cells=5)).background

    whole = made(words)
    if not np.array_equal(made(words, roi=(20, 39, 10, 29))[10:30, 20:40], whole[10:30, 20:40]):
        sys.exit(f"{words}: a part has other photons than the whole")
    if not np.allclose(made(f"{words},{words}"), 2.0 * whole, rtol=1e-13, atol=0.0):
        sys.exit(f"{words}: two layers are not twice one")


def measure(case, geometry, edge, rounds):
    """One record."""
    import numbragg as nb
    from numbragg.background.ground import Ground

    (words, sensor, polarised), (distance, pixel) = CASES[case], geometry
    simulator = nb.Simulator(nb.Detector(pixels=(edge, edge), distance_mm=distance, pixel_mm=pixel, **sensor),
                             nb.Beam(polarisation_fraction=polarised), 10.0, background=words, threads=1,
                             sampling=nb.Sampling(oversample=1))
    still = nb.Crystal(cell=(50, 60, 70, 90, 90, 90), n_cells=5, mosaic_spread_deg=0.1, mosaic_domains=20)
    shot = simulator.prepare_shot(still)
    taken, ratios = {"background": [], "counting": [], "bragg_20_steps": []}, []
    for _ in range(rounds):
        time, made = spent(lambda: Ground(simulator.background, shot, 1))
        mean = made.images[0] / made.images[0].mean()
        now = {"background": time.cpu,
               "counting": spent(lambda: nb.Response().apply(mean, seed=1, threads=1))[0].cpu,
               "bragg_20_steps": spent(lambda: simulator.backend.render_shot(shot, simulator.evaluation))[0].cpu}
        for what, seconds in now.items():
            taken[what].append(seconds / edge ** 2 * 1e9)
        ratios.append((now["background"] + now["counting"]) / now["bragg_20_steps"])
    return {"benchmark": "background", "case": case, "edge": edge, "distance_mm": distance, "pixel_mm": pixel,
            "rounds": rounds, "ns_per_pixel": {what: [round(each, 1) for each in quartiles(all_of_it)]
                                               for what, all_of_it in taken.items()},
            "ratio": [round(each, 2) for each in quartiles(ratios)]}


def main():
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--edge", type=int, default=2048)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    # kernels are compiled, or loaded, before anything is timed
    measure("ice", GEOMETRIES[0], 64, 1)
    for case, (words, sensor, polarised) in CASES.items():
        check(words, sensor, polarised)
        for geometry in GEOMETRIES:
            emit(measure(case, geometry, given.edge, given.rounds))


if __name__ == "__main__":
    main()
