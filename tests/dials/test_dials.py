"""DIALS on our files, from import to integration, without edits; run with -m dials where DIALS is installed."""

import itertools
import json
import os
import shutil
import subprocess

import numpy as np
from places import ROOT
import pytest

import numbragg as nb

pytestmark = [pytest.mark.dials,
              pytest.mark.skipif(shutil.which("dials.import") is None,
                                 reason="DIALS is not installed (Debian: apt-get install dials)")]

CELL = (59.1, 68.5, 30.5, 90.0, 90.0, 90.0)
PIXELS = (440, 380)
#: Beam centres of MOSFLM's convention [mm]: in the middle, and off it by 60 pixels both ways.
CENTRES = {"centred": (57.0, 66.0), "off": (75.0, 48.0)}


def factors():
    """Amplitudes of P 21 21 21 as Wilson has them, with anomalous differences; from a fixed seed."""
    import gemmi

    group, random = gemmi.SpaceGroup("P 21 21 21"), np.random.RandomState(5)
    hkl, amplitudes = [], []
    for h, k, m in itertools.product(range(34), range(39), range(18)):
        squared = (h / CELL[0]) ** 2 + (k / CELL[1]) ** 2 + (m / CELL[2]) ** 2
        if not 0.0 < squared < 1 / 1.75 ** 2:
            continue
        # four times a thousand atoms, with a B factor of 15
        mean = 1.8e5 * np.exp(-0.5 * 15.0 * squared)
        plus, sign = random.exponential(mean) ** 0.5, random.uniform(-0.1, 0.1)
        if group.operations().is_systematically_absent([h, k, m]):
            continue
        hkl.append((h, k, m))
        amplitudes.append(plus * (1.0 + sign))
        if h and k and m:
            hkl.append((-h, -k, -m))
            amplitudes.append(plus * (1.0 - sign))
    return nb.StructureFactors.from_reflections(hkl, amplitudes, space_group="P 21 21 21", cell=CELL)


def series(centre, frames=80, noise_seed=3):
    crystal = nb.Crystal(cell=CELL, n_cells=(6, 5, 12), shape="gauss", spot_metric="hkl", misset_deg=(15, 25, 35),
                         oscillation_deg=0.25, phi_steps=4, water_size_um=2)
    plane = nb.Detector(pixels=PIXELS, pixel_mm=0.3, distance_mm=150, beam_centre_mm=CENTRES[centre])
    # 0.999 of the photons in the plane, which DIALS takes for granted
    beam = nb.Beam(polarisation_fraction=0.998, fluence_photons_per_m2=3e26)
    simulator = nb.Simulator(plane, beam, factors(), sampling=nb.Sampling(oversample=3))
    return nb.scan(simulator, crystal, frames, noise_seed=noise_seed)


def dials(*words, folder="."):
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, f"{words[0]}: {done.stdout[-2000:]} {done.stderr[-2000:]}"
    return done.stdout


def written(frames, kind):
    """The words by which dials.import finds a series."""
    if kind == "nxs":
        frames.write_nexus("a.nxs")
        return ["a.nxs"]
    return frames.write_images(f"a_##.{kind}")


def figures(*files):
    return json.loads(dials("/usr/bin/python3", str(ROOT / "tests" / "dials" / "figures.py"), *files))


def turned_by(first, second):
    """Angle [deg] between the orientations of two A matrices."""
    u, _, v = np.linalg.svd(first @ np.linalg.inv(second))
    return np.degrees(2.0 * np.arcsin(min(np.linalg.norm(u @ v - np.eye(3)) / 8.0 ** 0.5, 1.0)))


@pytest.mark.parametrize("kind, centre", [("nxs", "off"), ("img", "centred"), ("img", "off"), ("cbf", "off")])
def test_end_to_end(folder, kind, centre):
    frames = series(centre)
    dials("dials.import", *written(frames, kind))
    dials("dials.find_spots", "imported.expt", "nproc=1")
    dials("dials.index", "imported.expt", "strong.refl", "space_group=P212121",
          "unit_cell=" + ",".join(map(str, CELL)))
    dials("dials.refine", "indexed.expt", "indexed.refl", "scan_varying=False")
    dials("dials.integrate", "refined.expt", "refined.refl", "nproc=1")
    found = figures("refined.refl", "refined.expt", "integrated.refl")
    print({name: value for name, value in found.items() if name not in ("hkl", "intensity", "variance")})
    assert found["cell"][:3] == pytest.approx(CELL[:3], rel=1e-3) and found["cell"][3:] == pytest.approx([90.0] * 3)
    assert found["indexed"] >= 0.95 * found["strong"] and found["strong"] > 1000
    assert max(found["rmsd_pixels"]) < 0.4 and found["rmsd_frames"] < 0.3
    x, y = CENTRES[centre]
    # MOSFLM's centre is half a pixel before nanoBragg's
    assert found["beam_centre"] == pytest.approx((y / 0.3 + 0.5, x / 0.3 + 0.5), abs=0.1)
    truth = np.diag((-1.0, 1.0, -1.0)) @ frames.experiment.crystals[0].a_matrix
    symmetry = [np.diag(signs) for signs in ((1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1))]
    fitted = np.array(found["a_matrix"]).reshape(3, 3)
    assert min(turned_by(fitted, truth @ turn) for turn in symmetry) < 0.05
    squared = factors().at(found["hkl"]) ** 2
    assert len(squared) > 1000 and np.corrcoef(squared, found["intensity"])[0, 1] > 0.95


@pytest.mark.parametrize("kind", ["nxs", "img", "cbf"])
def test_import(folder, kind):
    """Place, spindle, wavelength and pixels as dxtbx reads them: of each format the same, off-centre and not square."""
    frames = series("off", 2)
    dials("dials.import", *written(frames, kind))
    with open("imported.expt") as file:
        models = json.load(file)
    panel, = models["detector"][0]["panels"]
    ours = frames.experiment.panels[0]
    flip = np.diag((-1.0, 1.0, -1.0))
    # a reader may turn the laboratory about the beam; the spindle says how
    axis = np.array(models["goniometer"][0]["rotation_axis"])
    spindle = flip @ frames.experiment.spindle_axis
    beam = -np.array(models["beam"][0]["direction"])
    frame = np.array([axis, np.cross(beam, axis), beam])
    our_frame = np.array([spindle, np.cross((0.0, 0.0, -1.0), spindle), (0.0, 0.0, -1.0)])
    for name, vector in (("origin", ours.origin_mm), ("fast_axis", np.array(ours.fast_mm) / 0.3),
                         ("slow_axis", np.array(ours.slow_mm) / 0.3)):
        assert frame @ panel[name] == pytest.approx(our_frame @ flip @ vector, abs=1e-4), name
    assert panel["pixel_size"] == pytest.approx((0.3, 0.3)) and panel["image_size"] == list(PIXELS)
    assert models["beam"][0]["wavelength"] == pytest.approx(1.0)
    scan, = models["scan"]
    oscillation = scan.get("oscillation") or scan["properties"]["oscillation"]
    assert scan["image_range"] == [1, 2] and oscillation[0] == pytest.approx(0.0)
    code = ("import sys; from dxtbx.model.experiment_list import ExperimentListFactory as F; "
            "e, = F.from_json_file('imported.expt'); d = e.imageset.get_raw_data(1)[0].as_numpy_array(); "
            "print(int(d.sum()), int(d[:, :100].sum()), d.shape)")
    counts = frames.counts(1)
    assert dials("/usr/bin/python3", "-c", code).split(maxsplit=2) == [
        str(int(counts.sum())), str(int(counts[:, :100].sum())), f"{counts.shape}\n"]


def test_panels(folder):
    panels = [nb.Panel(pixels=(20, 30), origin_mm=(1 + 5 * n, 2, 80), fast_mm=(0.2, 0, 0), slow_mm=(0, 0.2, 0.01))
              for n in range(3)]
    result = nb.Simulator(nb.Detector(panels=panels), nb.Beam(), 100.0).run(nb.Crystal(cell=CELL, n_cells=3))
    nb.write_nexus("a.nxs", result)
    nb.write_geometry("b.expt", result)
    dials("dials.import", "a.nxs")
    code = ("import sys, json; from dxtbx.model.experiment_list import ExperimentListFactory as F; "
            "e, = F.from_json_file(sys.argv[1], check_format=False); "
            "print(json.dumps([[p.get_origin(), p.get_fast_axis(), p.get_slow_axis()] for p in e.detector]))")
    read, ours = (np.array(json.loads(dials("/usr/bin/python3", "-c", code, name)))
                  for name in ("imported.expt", "b.expt"))
    assert ours.shape == (3, 3, 3) and read == pytest.approx(ours, abs=1e-6)
