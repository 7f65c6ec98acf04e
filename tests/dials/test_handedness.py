"""Handedness by anomalous differences: DIALS finds which of two Friedel mates is the stronger; in a mirror the other.

Geometry alone cannot tell a series from its mirror image, flipped and turned the other way: that indexes as well, with
the indices of Friedel mates.  The intensities can.
"""

from dials_tools import CELL, KNOWN, NEEDS_DIALS, dials, factors, figures
import h5py
import numpy as np
import pytest

import numbragg as nb

pytestmark = NEEDS_DIALS

#: Frames of a degree, wide and few; the orientation, along the axes nearly, has both mates within 24 degrees.
FRAMES, MISSET = 24, (5, 3, 2)


@pytest.fixture(scope="module")
def series():
    # the beam in the middle, so that the flipped image is the mirror's about the spindle
    plane = nb.Detector(pixels=(340, 300), pixel_mm=0.3, distance_mm=150)
    crystal = nb.Crystal(cell=CELL, n_cells=(8, 7, 15), shape="gauss", spot_metric="hkl", misset_deg=MISSET,
                         oscillation_deg=1.0, phi_steps=6, water_size_um=2)
    beam = nb.Beam(polarisation_fraction=0.998, fluence_photons_per_m2=3e27)
    simulator = nb.Simulator(plane, beam, factors(), sampling=nb.Sampling(oversample=2))
    return nb.scan(simulator, crystal, FRAMES, noise_seed=None)


def mirrored(name):
    """Flip the images of a file across the spindle, and turn the crystal the other way."""
    with h5py.File(name, "r+") as file:
        data = file["entry/data/data"]
        data[...] = data[...][:, ::-1]
        file["entry/sample/transformations/omega"].attrs["vector"] *= -1


def signs(hkl, intensities):
    """Of each Bijvoet pair whose true intensities differ by more than 5 %: whether the measured sign is right.

    The proper rotations of 222 turn two signs of h, k, l, so that the product's sign tells the mates apart.
    """
    true = factors().at(hkl) ** 2
    found = {}
    for index, measured, is_true in zip(hkl, intensities, true):
        if 0 not in index:
            mates = found.setdefault(tuple(map(abs, index)), ([], []))
            mates[int(np.prod(np.sign(index)) < 0)].append((measured, is_true))
    differences = [np.mean(plus, axis=0) - np.mean(minus, axis=0) for plus, minus in found.values() if plus and minus]
    means = [np.mean(plus + minus, axis=0)[1] for plus, minus in found.values() if plus and minus]
    return [(measured > 0.0) == (is_true > 0.0)
            for (measured, is_true), mean in zip(differences, means) if abs(is_true) > 0.05 * mean]


@pytest.mark.parametrize("mirror", [False, True], ids=["as written", "mirror"])
def test_bijvoet_pairs(folder, series, mirror):
    series.write_nexus("a.nxs")
    if mirror:
        mirrored("a.nxs")
    dials("dials.import", "a.nxs")
    dials("dials.find_spots", "imported.expt", "nproc=1")
    dials("dials.index", "imported.expt", "strong.refl", *KNOWN)
    dials("dials.integrate", "indexed.expt", "indexed.refl", "nproc=1", "profile.fitting=False",
          "background.algorithm=simple")
    found = figures("indexed.refl", "indexed.expt", "integrated.refl")
    right = signs(found["hkl"], found["intensity"])
    print(f"{found['indexed']} of {found['strong']} indexed, {len(right)} pairs, {np.mean(right):.3f} right")
    assert found["indexed"] > 0.9 * found["strong"] and len(right) >= 300
    assert np.mean(right) <= 0.1 if mirror else np.mean(right) >= 0.9
