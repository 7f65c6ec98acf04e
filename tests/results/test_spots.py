"""Predicted spots against images: places, angles and photons."""

import csv
from dataclasses import replace

import numpy as np
import pytest

import numbragg as nb

CRYSTAL = nb.Crystal(cell=(40, 44, 48, 90, 100, 90), misset_deg=(10, 25, 33), n_cells=(12, 10, 9), phi_start_deg=20,
                     oscillation_deg=3, phi_steps=150, shape="gauss", spot_metric="hkl")
PLANE = nb.Detector(pixels=(150, 130), pixel_mm=0.2, distance_mm=60, beam_centre_mm=(12, 16))
BEAM = nb.Beam(polarisation_fraction=0.9)


def amplitudes():
    hkl = np.array([(h, k, m) for h in range(-16, 17) for k in range(-17, 18) for m in range(-19, 20)])
    return nb.StructureFactors.from_reflections(hkl, 20.0 + np.abs(hkl @ (7.0, 5.0, 3.0)))


@pytest.fixture(scope="module")
def result():
    return nb.Simulator(PLANE, BEAM, amplitudes(), sampling=nb.Sampling(oversample=4)).run(CRYSTAL)


def alone(spots, away):
    """Rows of spots that are far from the edges of image and rotation, from the spindle and from other spots."""
    place = np.stack([spots.fast, spots.slow], axis=1)
    apart = np.sqrt(((place[:, None] - place[None]) ** 2).sum(axis=-1))
    np.fill_diagonal(apart, np.inf)
    return np.flatnonzero((apart.min(axis=1) > 2 * away) & (spots.fast > away) & (spots.fast < 150 - away)
                          & (spots.slow > away) & (spots.slow < 130 - away)
                          & (np.abs(spots.slow - 60) > 25) & (spots.phi_deg > 21.0) & (spots.phi_deg < 22.0))


def test_places_and_photons_are_those_of_the_image(result):
    spots = result.spots()
    rows = alone(spots, 5)
    assert len(rows) > 6
    ratios = []
    for row in rows:
        f, s = int(spots.fast[row]), int(spots.slow[row])
        part = result.image[s - 4:s + 5, f - 4:f + 5].astype(float)
        weights = part / part.sum()
        centre = (np.arange(f - 4, f + 5) + 0.5) @ weights.sum(axis=0), (np.arange(s - 4, s + 5) + 0.5) @ weights.sum(
            axis=1)
        assert np.hypot(centre[0] - spots.fast[row], centre[1] - spots.slow[row]) < 0.6
        ratios.append(part.sum() / spots.intensity[row])
    assert np.median(ratios) == pytest.approx(1.0, abs=0.03) and np.std(ratios) < 0.1, ratios


def test_angles_are_where_the_spot_is_brightest(result):
    spots = result.spots()
    row = alone(spots, 5)[0]
    f, s = int(spots.fast[row]), int(spots.slow[row])
    angles = spots.phi_deg[row] + np.linspace(-0.6, 0.6, 25)
    still = replace(CRYSTAL, oscillation_deg=None, phi_steps=None)
    simulator = nb.Simulator(PLANE, BEAM, amplitudes(), roi=(f - 4, f + 4, s - 4, s + 4),
                             sampling=nb.Sampling(oversample=4))
    sums = np.array([simulator.image(replace(still, phi_start_deg=float(angle))).sum() for angle in angles])
    assert (angles @ sums) / sums.sum() == pytest.approx(spots.phi_deg[row], abs=0.04)


@pytest.mark.parametrize("shape, more", [("square", {}), ("round", {}), ("gauss", {"fudge": 1.3}),
                                         ("tophat", {"spot_metric": "hkl"})])
def test_other_shapes(shape, more):
    crystal = replace(CRYSTAL, **{"shape": shape, "spot_metric": "nanobragg"} | more)
    if shape == "gauss" and not more.get("spot_metric"):
        # narrow as nanoBragg has them
        crystal = replace(crystal, n_cells=(7, 7, 7))
    result = nb.Simulator(PLANE, BEAM, amplitudes(), sampling=nb.Sampling(oversample=6)).run(crystal)
    spots = result.spots()
    rows = alone(spots, 5)
    ratios = [result.image[int(spots.slow[r]) - 4:int(spots.slow[r]) + 5,
                           int(spots.fast[r]) - 4:int(spots.fast[r]) + 5].sum() / spots.intensity[r] for r in rows]
    # the wings of a parallelepiped's and a sphere's transform go far beyond the box
    assert np.median(ratios) == pytest.approx(0.9 if shape in ("square", "round") else 1.0, abs=0.08)


def test_resolution_and_order(result):
    spots = result.spots()
    d = 1.0 / np.linalg.norm(spots.hkl @ result.a_matrix.T, axis=1)
    assert spots.d_angstrom == pytest.approx(d)
    assert [tuple(row) for row in spots.hkl] == sorted(tuple(row) for row in spots.hkl)
    assert (spots.phi_deg >= 20.0).all() and (spots.phi_deg < 23.0).all()
    limited = nb.Simulator(PLANE, replace(BEAM, d_min_angstrom=4.0), amplitudes()).prepare_shot(CRYSTAL)
    from numbragg.results.spots import spots as predicted

    few = predicted(limited)
    assert few.d_angstrom.min() >= 4.0 and len(few.hkl) == (spots.d_angstrom >= 4.0).sum()


def peaks(image, half):
    """Places of local maxima, their moments and sums, of pixels far from the edges."""
    for s, f in np.argwhere(image > 0.01 * image.max()):
        part = image[s - half:s + half + 1, f - half:f + half + 1]
        if part.shape == (2 * half + 1, 2 * half + 1) and image[s, f] == part.max():
            at = np.arange(-half, half + 1) + 0.5
            yield (f + part.sum(axis=0) @ at / part.sum(), s + part.sum(axis=1) @ at / part.sum()), part.sum()


@pytest.mark.parametrize("convention", ["mosflm", "xds", "dials"])
@pytest.mark.parametrize("shape, metric, cells, phi", [
    ("gauss", "hkl", (12, 10, 9), 20), ("gauss", "hkl", (24, 7, 9), 0), ("tophat", "hkl", (12, 10, 9), 20)])
def test_stills(convention, shape, metric, cells, phi):
    """Every strong peak that is alone is predicted, at its place and with its photons."""
    still = replace(CRYSTAL, oscillation_deg=None, phi_steps=None, n_cells=cells, phi_start_deg=phi, shape=shape,
                    spot_metric=metric)
    detector = nb.Detector(pixels=(400, 360), pixel_mm=0.07, distance_mm=60, convention=convention)
    result = nb.Simulator(detector, BEAM, amplitudes(), sampling=nb.Sampling(oversample=2)).run(still)
    spots = result.spots()
    assert (spots.phi_deg == phi).all()
    places = np.stack([spots.fast, spots.slow], axis=1)
    found = []
    for place, photons in peaks(result.image.astype(float), 7):
        apart = np.sqrt(((places - place) ** 2).sum(axis=1))
        # but for the direct beam, which is no spot, and where two are in one box
        if np.hypot(place[0] - 200, place[1] - 180) > 20 and (apart < 20).sum() < 2:
            found.append((apart.min(), photons / spots.intensity[apart.argmin()]))
    distances, ratios = np.array(found).T
    # a ball that the sphere only touches has few sub-pixels
    assert len(found) > 12 and distances.max() < (0.5 if shape == "gauss" else 0.7)
    # a ball's sections are no Gaussian
    assert np.median(ratios) == pytest.approx(1.0, abs=0.01 if shape == "gauss" else 0.1)
    assert np.abs(ratios - 1.0).mean() < (0.02 if shape == "gauss" else 0.25), ratios


def test_stills_of_parallelepipeds_have_the_bright_spots():
    still = replace(CRYSTAL, oscillation_deg=None, phi_steps=None, n_cells=(6, 6, 6), shape="square",
                    spot_metric="nanobragg")
    result = nb.Simulator(PLANE, BEAM, 100.0, sampling=nb.Sampling(oversample=3)).run(still)
    spots = result.spots()
    order = np.argsort(-spots.intensity)[:30]
    image = np.pad(result.image, 3)
    sums = np.array([image[int(s):int(s) + 7, int(f):int(f) + 7].sum() for f, s in zip(spots.fast, spots.slow)])
    assert np.corrcoef(sums[order], spots.intensity[order])[0, 1] > 0.5
    assert sums[order].sum() == pytest.approx(spots.intensity[order].sum(), rel=0.25)


def test_panels_and_crystals():
    panels = [nb.Panel(pixels=(75, 130), origin_mm=(-12.0 + x, 16.0, 60.0), fast_mm=(0.2, 0, 0), slow_mm=(0, -0.2, 0))
              for x in (0.0, 15.0)]
    two = [CRYSTAL, replace(CRYSTAL, misset_deg=(0, 0, 0))]
    spots = nb.Simulator(nb.Detector(panels=panels), BEAM, 100.0).run(two).spots()
    assert set(spots.panel.tolist()) == {0, 1} and set(spots.crystal.tolist()) == {0, 1}
    assert (spots.fast < 75).all()


def test_csv(folder, result):
    spots = result.spots()
    spots.write_csv("spots.csv")
    with open("spots.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(spots.hkl)
    assert [float(row["fast"]) for row in rows] == spots.fast.tolist()
    assert [(int(row["h"]), int(row["k"]), int(row["l"])) for row in rows] == [tuple(row) for row in spots.hkl.tolist()]
    assert list(rows[0]) == ["crystal", "h", "k", "l", "panel", "fast", "slow", "phi_deg", "intensity", "d_angstrom"]
