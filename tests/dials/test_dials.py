"""DIALS on our files, from import to integration, without edits; run with -m dials where DIALS is installed."""

import json

from dials_tools import CELL, NEEDS_DIALS, PYTHON, dials, factors, figures, symmetric_angle
import numpy as np
import pytest

import numbragg as nb

pytestmark = NEEDS_DIALS

PIXELS = (440, 380)
#: Beam centres of MOSFLM's convention [mm]: in the middle, and off it by 60 pixels both ways.
CENTRES = {"centred": (57.0, 66.0), "off": (75.0, 48.0)}


def series(centre, frames=80, noise_seed=3):
    crystal = nb.Crystal(cell=CELL, n_cells=(6, 5, 12), shape="gauss", spot_metric="hkl", misset_deg=(15, 25, 35),
                         oscillation_deg=0.25, phi_steps=4, water_size_um=2)
    plane = nb.Detector(pixels=PIXELS, pixel_mm=0.3, distance_mm=150, beam_centre_mm=CENTRES[centre])
    # 0.999 of the photons in the plane, which DIALS takes for granted
    beam = nb.Beam(polarisation_fraction=0.998, fluence_photons_per_m2=3e26)
    simulator = nb.Simulator(plane, beam, factors(), sampling=nb.Sampling(oversample=3))
    return nb.scan(simulator, crystal, frames, noise_seed=noise_seed)


def written(frames, kind):
    """The words by which dials.import finds a series."""
    if kind == "nxs":
        frames.write_nexus("a.nxs")
        return ["a.nxs"]
    return frames.write_images(f"a_##.{kind}")


@pytest.mark.parametrize("kind, centre", [("nxs", "off"), ("img", "off"), ("cbf", "centred")])
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
    assert symmetric_angle(found["a_matrix"], truth) < 0.05
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
    assert dials(PYTHON, "-c", code).split(maxsplit=2) == [
        str(int(counts.sum())), str(int(counts[:, :100].sum())), f"{counts.shape}\n"]


def test_panels(folder):
    panels = [nb.Panel(pixels=(20, 30), origin_mm=(1 + 5.03 * n, 2, 80), fast_mm=(0.2, 0, 0), slow_mm=(0, 0.2, 0.01))
              for n in range(3)]
    result = nb.Simulator(nb.Detector(panels=panels), nb.Beam(), 100.0).run(nb.Crystal(cell=CELL, n_cells=3))
    nb.write_nexus("a.nxs", result)
    nb.write_geometry("b.expt", result)
    dials("dials.import", "a.nxs")
    code = ("import sys, json; from dxtbx.model.experiment_list import ExperimentListFactory as F; "
            "e, = F.from_json_file(sys.argv[1], check_format=False); "
            "print(json.dumps([[p.get_origin(), p.get_fast_axis(), p.get_slow_axis()] for p in e.detector]))")
    read, ours = (np.array(json.loads(dials(PYTHON, "-c", code, name)))
                  for name in ("imported.expt", "b.expt"))
    assert ours.shape == (3, 3, 3) and read == pytest.approx(ours, abs=1e-6)
