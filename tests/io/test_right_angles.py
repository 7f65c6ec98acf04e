"""Panels whose axes are not at right angles: written as the nearest that are, with the shift said; .geom has them."""

import json
import warnings

import h5py
import numpy as np
import pytest

import numbragg as nb
from numbragg.commands.cli import main
from numbragg.io.experiment import PanelPlace
from numbragg.io.right_angles import nearest

CRYSTAL = nb.Crystal(cell=(50, 60, 70, 90, 95, 90), n_cells=5)


def place(fast, slow, pixels, origin=(3.0, -4.0, 90.0)):
    return PanelPlace(pixels=pixels, origin_mm=origin, fast_mm=tuple(fast), slow_mm=tuple(slow), thickness_um=0.0,
                      material="", mask=None)


def corners(panel):
    f, s = panel.pixels
    return np.array([np.array(panel.origin_mm) + a * f * np.array(panel.fast_mm) + b * s * np.array(panel.slow_mm)
                     for a in (0, 1) for b in (0, 1)])


def least_squares(panel):
    """The least sum of squares of shifts of corners, by trying angles: for each all else is a straight projection."""
    target = corners(panel)
    middle = target.mean(axis=0)
    a, b = target[2] - target[0], target[1] - target[0]
    x = a / np.linalg.norm(a)
    y = np.cross(np.cross(a, b), a)
    y /= np.linalg.norm(y)
    low, high, best = -np.pi / 2, np.pi / 2, None
    for _ in range(6):
        for angle in np.linspace(low, high, 2001):
            q, r = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
            sides = (a @ q) * q, (b @ r) * r
            made = np.array([middle + (i - 0.5) * sides[0] + (j - 0.5) * sides[1] for i in (0, 1) for j in (0, 1)])
            cost = ((made - target) ** 2).sum()
            if best is None or cost < best[0]:
                best = cost, angle, made
        width = (high - low) / 500
        low, high = best[1] - width, best[1] + width
    return best[0], best[2]


@pytest.mark.parametrize("number", range(8))
def test_against_trying_all_angles(number):
    random = np.random.default_rng(number)
    fast, slow = random.normal(size=(2, 3)) * 0.05
    # some nearly at right angles, some far from it
    if number < 5:
        slow -= fast * (slow @ fast) / (fast @ fast) * (1.0 - 10.0 ** -(number + 0.5))
    panel = place(fast, slow, tuple(random.integers(5, 60, 2)))
    found, shift = nearest(panel)
    cost, expected = least_squares(panel)
    assert np.dot(found.fast_mm, found.slow_mm) == pytest.approx(0.0, abs=1e-17)
    assert corners(found).mean(axis=0) == pytest.approx(corners(panel).mean(axis=0))
    assert ((corners(found) - corners(panel)) ** 2).sum() == pytest.approx(cost, rel=1e-6)
    assert corners(found) == pytest.approx(expected, abs=1e-5)
    assert np.dot(np.cross(found.fast_mm, found.slow_mm), np.cross(fast, slow)) > 0
    pitch = min(np.linalg.norm(fast), np.linalg.norm(slow))
    assert shift == pytest.approx(np.linalg.norm(corners(found) - corners(panel), axis=1).max() / pitch)


def test_square_panels_are_kept_and_polar_decomposition():
    panel = place((0.1, 0.0, 0.0), (0.0, -0.2, 0.0), (30, 20))
    assert nearest(panel) == (panel, 0.0)
    # sides of one length: the axes are those of the polar decomposition
    sides = np.array([[0.1, 0.003, 0.002], [0.001, 0.1, -0.004]])
    sides *= 0.1 / np.linalg.norm(sides, axis=1)[:, None]
    u, _, v = np.linalg.svd(sides, full_matrices=False)
    found, _ = nearest(place(*sides, (50, 50)))
    assert np.array([found.fast_mm, found.slow_mm]) / np.linalg.norm(found.fast_mm) == pytest.approx(u @ v, abs=1e-9)


def skewed(sine, pixels=(40, 30)):
    panel = nb.Panel(pixels=pixels, origin_mm=(4, -3, 80), fast_mm=(-0.2, 0, 0), slow_mm=(0.2 * sine, -0.2, 0.0))
    return nb.Simulator(nb.Detector(panels=[panel], convention="adxv"), nb.Beam(), 100.0).run(CRYSTAL)


@pytest.mark.parametrize("sine, warned", [(1e-3, False), (2e-2, True)])
def test_files(folder, sine, warned):
    result = skewed(sine)
    for name, kind in (("a.nxs", "NXmx"), ("a.expt", "a.expt")):
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            nb.write_nexus(name, result) if name == "a.nxs" else nb.write_geometry(name, result)
        assert len(told) == warned
        if warned:
            said = f"{kind}: fast and slow are not at right angles, and its readers know no others"
            assert said in str(told[0].message)
    expected = corners(nearest(place((-0.2, 0, 0), (0.2 * sine, -0.2, 0), (40, 30), (4, -3, 80)))[0])
    for read in (nb.Detector.from_header("a.nxs"), nb.Detector.from_expt("a.expt")):
        assert corners(read.panels[0]) == pytest.approx(expected, abs=1e-9)
    with h5py.File("a.nxs") as file:
        module = file["entry/instrument/detector/module_0"]
        vectors = [module[f"{name}_pixel_direction"].attrs["vector"] for name in ("fast", "slow")]
        assert abs(vectors[0] @ vectors[1]) < 1e-15
    with open("a.expt") as file:
        panel, = json.load(file)["detector"][0]["panels"]
    assert np.dot(panel["fast_axis"], panel["slow_axis"]) == pytest.approx(0, abs=1e-15)
    nb.write_geometry("a.geom", result)
    assert nb.Detector.from_geom("a.geom").panels[0].slow_mm == pytest.approx((0.2 * sine, -0.2, 0), abs=1e-15)


def test_what_has_one_pixel_size(folder):
    panel = nb.Panel(pixels=(40, 30), origin_mm=(4, 3, 80), fast_mm=(-0.2, 0, 0), slow_mm=(0, -0.21, 0))
    result = nb.Simulator(nb.Detector(panels=[panel], convention="adxv"), nb.Beam(), 100.0).run(CRYSTAL)
    counts = nb.add_noise(result.image, seed=1)
    with pytest.raises(ValueError, match="SMV: pixels of 0.2 x 0.21 mm are not square, which its header cannot say"):
        nb.write_smv("a.img", result, counts)
    nb.write_minicbf("a.cbf", result, counts)
    read = nb.Detector.from_header("a.cbf").panels[0]
    assert (read.fast_mm[0], read.slow_mm[1]) == pytest.approx((-0.2, -0.21))


def test_command_line(folder, capfd):
    words = "-cell 50 60 70 90 95 90 -default_F 100 -N 5 -oversample 1 -seed 2 --quiet --detector a.geom".split()
    text = ("clen = 0.1\nres = 5000\np/min_fs = 0\np/max_fs = 39\np/min_ss = 0\np/max_ss = 29\np/corner_x = -20\n"
            "p/corner_y = -15\np/fs = x\np/ss = {}x +y\n")
    (folder / "a.geom").write_text(text.format("+0.02"))
    said = "numbragg: warning: NXmx and DIALS models: fast and slow are not at right angles"
    assert main([*words, "--nexus", "a.nxs", "--expt", "a.expt"]) == 0
    err = capfd.readouterr().err
    assert said in err and err.count("\n") == 1 and "shifted by up to 0.2" in err
    assert main(["scan", "--frames", "2", "--nexus", "b.nxs", "-osc", "1", *words]) == 0
    err = capfd.readouterr().err
    assert "numbragg: warning: NXmx: fast and slow are" in err and err.count("\n") == 1
    assert main([*words, "--geom", "b.geom"]) == 0 and not capfd.readouterr().err
    (folder / "a.geom").write_text(text.format("+0.001"))
    assert main([*words, "--nexus", "a.nxs"]) == 0 and not capfd.readouterr().err
    assert main([*(word for word in words if word != "--quiet"), "--nexus", "a.nxs"]) == 0
    assert "NXmx: fast and slow are not at right angles" in capfd.readouterr().out
