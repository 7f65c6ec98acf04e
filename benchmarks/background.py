"""What does a background cost, beside Bragg steps on the same detector?  One JSON line a case.

    python benchmarks/background.py                measure 2048 x 2048 pixels
    python benchmarks/background.py --edge 1000    fewer

Every background is checked before it is timed: a part made alone has the same bits, and pixels are the sum of their
layers.  Times are CPU times of one thread, the least of three; the Bragg steps are 20 mosaic domains of a still.
"""

import argparse
import sys

from measuring import emit, spent
import numpy as np

SENSOR = {"sensor_thickness_um": 320, "attenuation_depth_um": 200}
#: Layers, what the detector has, and the polarisation.
CASES = {
    "water": ("water:5um", {}, 0.0), "water, polarised": ("water:5um", {}, 0.9),
    "water, polarised, sensor": ("water:5um", SENSOR, 0.9), "air": ("air:50mm", {}, 0.0),
    "air, polarised, sensor": ("air:50mm", SENSOR, 0.9), "ice": ("ice:5um", {}, 0.0)}


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


def main():
    """Measure."""
    import numbragg as nb
    from numbragg.background.ground import Ground

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--edge", type=int, default=2048)
    edge = parser.parse_args().edge
    for name, (words, sensor, polarised) in CASES.items():
        check(words, sensor, polarised)
        simulator = nb.Simulator(nb.Detector(pixels=(edge, edge), distance_mm=250, **sensor),
                                 nb.Beam(polarisation_fraction=polarised), 10.0, background=words, threads=1,
                                 sampling=nb.Sampling(oversample=1))
        still = nb.Crystal(cell=(50, 60, 70, 90, 90, 90), n_cells=5, mosaic_spread_deg=0.1, mosaic_domains=20)
        shot = simulator.prepare_shot(still)
        ground, bragg, counting = [], [], []
        for _ in range(3):
            time, made = spent(lambda: Ground(simulator.background, shot, 1))
            ground.append(time.cpu)
            bragg.append(spent(lambda: simulator.backend.render_shot(shot, simulator.evaluation))[0].cpu)
            counting.append(spent(lambda: nb.Response().apply(made.images[0] / made.images[0].mean(), seed=1,
                                                              threads=1))[0].cpu)
        ns = {what: round(min(times) / edge ** 2 * 1e9, 1) for what, times in (
            ("background", ground), ("counting", counting), ("bragg_20_steps", bragg))}
        emit({"benchmark": "background", "case": name, "edge": edge, "ns_per_pixel": ns,
              "ratio": round((ns["background"] + ns["counting"]) / ns["bragg_20_steps"], 2)})


if __name__ == "__main__":
    main()
