"""Spots that `numbragg view` predicts: stills by Ewald's construction, point by point, and what is left out."""

import itertools
import math
import os

import h5py
import numpy as np
import pytest
import view_tools

import numbragg as nb
from numbragg.commands.cli import main
from numbragg.viewing import spots
from numbragg.viewing.reading import read_seen

WAVELENGTH = 1.0


def still(path, phi=0.0, n_cells=50, **more):
    """An NXmx still of one crystal.

    Returns its result.
    """
    crystal = nb.Crystal(cell=(60, 70, 80, 90, 100, 90), n_cells=n_cells, misset_deg=(10, 20, 30), phi_start_deg=phi,
                         **more)
    detector, beam = nb.Detector(pixels=(220, 200), pixel_mm=0.1), nb.Beam(wavelength_angstrom=WAVELENGTH)
    result = nb.Simulator(detector, beam, 100.0).run(crystal)
    nb.write_nexus(path, result)
    return result


def conjugated(vector, axis, angle):
    """A vector turned about a unit axis, by quaternions."""
    w, (x, y, z) = math.cos(angle / 2), (math.sin(angle / 2) * v for v in axis)

    def times(p, q):
        return (p[0] * q[0] - p[1] * q[1] - p[2] * q[2] - p[3] * q[3], p[0] * q[1] + p[1] * q[0] + p[2] * q[3]
                - p[3] * q[2], p[0] * q[2] - p[1] * q[3] + p[2] * q[0] + p[3] * q[1], p[0] * q[3] + p[1] * q[2]
                - p[2] * q[1] + p[3] * q[0])

    return times(times((w, x, y, z), (0.0, *vector)), (w, -x, -y, -z))[1:]


def naive(path, phi, panel):
    """Points of the reciprocal lattice near the sphere, and where rays through them meet the plane."""
    with h5py.File(path) as file:
        a_matrix = file["entry/numbragg/crystal_0/a_matrix"][()]
        turns = file["entry/numbragg/crystal_0/mosaic_rotations"][()].reshape(-1, 3, 3)
    # the angle between a vector and itself turned, of domains
    angles = [math.acos(min(1.0, (sum(turn[i][i] for i in range(3)) - 1) / 2)) for turn in turns]
    spread = math.sqrt(sum(angle ** 2 for angle in angles) / len(angles))
    shortest = min(math.hypot(*a_matrix[:, i]) for i in range(3))
    radius, found = 1 / WAVELENGTH, {}
    for hkl in itertools.product(range(-9, 10), repeat=3):
        point = conjugated([sum(a_matrix[i][j] * hkl[j] for j in range(3)) for i in range(3)], (-1.0, 0.0, 0.0),
                           math.radians(phi))
        length = math.hypot(*point)
        # from the middle of the sphere, which touches the origin with the beam along z
        ray = (point[0], point[1], point[2] + radius)
        if hkl == (0, 0, 0) or abs(math.hypot(*ray) - radius) >= 0.02 * shortest + 2 * spread * length:
            continue
        far, fast, slow = np.linalg.solve(np.transpose([ray, [-v for v in panel.fast_mm], [-v for v in panel.slow_mm]]),
                                          panel.origin_mm)
        if far > 0 and 0 <= fast < panel.pixels[0] and 0 <= slow < panel.pixels[1]:
            found[hkl] = fast, slow
    return found


@pytest.mark.parametrize("phi, more", [(0.0, {}), (25.0, {}), (25.0, {"mosaic_spread_deg": 0.3, "mosaic_domains": 20})])
def test_stills_are_those_of_ewalds_construction(phi, more, folder):
    still("a.nxs", phi, n_cells=5, **more)
    seen = read_seen("a.nxs")
    wanted = naive("a.nxs", phi, seen.panels[0])
    assert len(wanted) > 5 and seen.frames[0].phi_deg == (phi, phi)
    assert {spot[3:6] for spot in seen.spots} == set(wanted) and len(seen.spots) == len(wanted)
    for spot in seen.spots:
        assert math.dist(spot[1:3], wanted[spot[3:6]]) < 1e-6


@pytest.mark.parametrize("phi", [0.0, 25.0])
def test_what_shines_in_a_still_is_marked(phi, folder):
    """Crystals of 50 cells: what is outside of the main maximum has less than a twentieth of it."""
    image = still("a.nxs", phi).image
    marked = np.array([spot[1:3] for spot in read_seen("a.nxs").spots])
    # the direct beam is no reflection
    image[90:110, 100:120] = 0
    bright = np.argwhere(image > 0.3 * image.max())
    assert len(bright) > 3
    for slow, fast in bright:
        assert np.hypot(*(marked - (fast + 0.5, slow + 0.5)).T).min() < 2.0


def test_bandwidth_widens():
    series = view_series(phi_deg=[(7.0, 7.0)])
    panel = [view_panel()]
    narrow, wide = (spots.predicted(series._replace(bandwidth=width), panel, 1.0)[0] for width in (0.0, 0.05))
    assert {spot[3:6] for spot in narrow} < {spot[3:6] for spot in wide}


def view_series(**more):
    from numbragg.viewing.series import Series

    a_matrix = np.diag((1 / 60, 1 / 70, 1 / 80))
    return Series(**{"frames": [], "numbers": [0], "wavelength_angstrom": 1.0, "saturation": None,
                     "phi_deg": [(0.0, 0.0)], "spindle": (-1.0, 0.0, 0.0), "crystals": [(a_matrix, 0.0)],
                     "bandwidth": 0.0} | more)


def view_panel():
    from numbragg.viewing.scene import SeenPanel

    return SeenPanel("", (200, 200), (10.0, 10.0, 100.0), (-0.1, 0.0, 0.0), (0.0, -0.1, 0.0), None)


def test_stills_at_angles_of_their_own():
    found, notes = spots.predicted(view_series(phi_deg=[(0.0, 0.0), (7.0, 7.0)]), [view_panel()], 1.0)
    alone = [spots.predicted(view_series(phi_deg=[(phi, phi)]), [view_panel()], 1.0)[0] for phi in (0.0, 7.0)]
    assert notes == [] and sorted(found) == sorted(alone[0] + alone[1]) and len(alone[0]) != len(alone[1])


def test_what_is_left_out_is_said(monkeypatch):
    panel, series = [view_panel()], view_series()
    monkeypatch.setattr(spots, "_MOST", 3)
    found, (note,) = spots.predicted(series, panel, 1.0)
    assert found == [] and note.startswith("spots: more than 3 are predicted, more than can be looked at; none is ")
    monkeypatch.setattr(spots, "_MOST_TRIED", 100)
    found, (note,) = spots.predicted(series, panel, 1.0)
    d_min = 0.5 / math.sin(0.5 * math.atan(math.hypot(10.0, 10.0) / 100.0))
    tried = math.prod(2 * int(length / d_min) + 1 for length in (60, 70, 80))
    assert found == [] and note == (
        f"spots: crystal 0 has {tried} h k l out to {d_min:.3g} Angstrom, the finest resolution on the detector; more "
        "than 100 are not tried, and none of its spots is marked")


@pytest.mark.parametrize("more", [{"spindle": None, "phi_deg": [(5.0, 5.0)]}, {"phi_deg": [(0.0, 1e9)]},
                                  {"phi_deg": [None]}])
def test_an_orientation_that_is_not_known(more):
    found, (note,) = spots.predicted(view_series(**more), [view_panel()], 1.0)
    assert found == [] and "none is predicted" in note


def test_notes_are_in_a_page(folder, monkeypatch):
    monkeypatch.setattr(spots, "_MOST", 3)
    view_tools.series("s.nxs")
    assert main(["view", "s.nxs", "--html", "s.html"]) == 0
    said = view_tools.facts("s.html")
    assert said["spots"] == [] and any(note.startswith("spots: more than 3 are predicted") for note in said["notes"])


def test_a_crystal_that_is_none(folder, capsys):
    still("a.nxs", n_cells=5)
    with h5py.File("a.nxs", "r+") as file:
        file["entry/numbragg/crystal_0/a_matrix"][:] = 0.0
    assert main(["view", "a.nxs", "--html", "x.html"]) == 2 and os.listdir() == ["a.nxs"]
    assert "a.nxs: is not a readable HDF5 image (/entry/numbragg/crystal_0: " in capsys.readouterr().err
