"""DIALS on our files, from import to integration, without edits; run with -m dials where DIALS is installed."""

import json

from dials_tools import CELL, KNOWN, NEEDS_DIALS, PYTHON, dials, factors, figures, symmetric_angle
import numpy as np
import pytest

import numbragg as nb

pytestmark = NEEDS_DIALS

PIXELS = (440, 380)
#: Beam centres of MOSFLM's convention [mm]: in the middle, and off it by 60 pixels both ways.
CENTRES = {"centred": (57.0, 66.0), "off": (75.0, 48.0)}


def series(centre, frames=40, noise_seed=3, response=None):
    crystal = nb.Crystal(cell=CELL, n_cells=(6, 5, 12), shape="gauss", spot_metric="hkl", misset_deg=(15, 25, 35),
                         oscillation_deg=0.5, phi_steps=8, scale=1.5e9)
    plane = nb.Detector(pixels=PIXELS, pixel_mm=0.3, distance_mm=200, beam_centre_mm=CENTRES[centre])
    # 0.999 of the photons in the plane, which DIALS takes for granted
    beam = nb.Beam(polarisation_fraction=0.998, fluence_photons_per_m2=1e18)
    simulator = nb.Simulator(plane, beam, factors(), sampling=nb.Sampling(oversample=3),
                             background=nb.Background("water:100um,air:50mm"))
    return nb.scan(simulator, crystal, frames, noise_seed=noise_seed,
                   response=response and nb.Response.named(response))


def written(frames, kind):
    """The words by which dials.import finds a series."""
    if kind == "nxs":
        frames.write_nexus("a.nxs")
        return ["a.nxs"]
    return frames.write_images(f"a_##.{kind}")


def integrated(models):
    """What DIALS integrates with these models, by Miller index: intensities and variances."""
    dials("dials.integrate", models, "refined.refl", "nproc=1")
    return figures("refined.refl", models, "integrated.refl")


@pytest.mark.parametrize("kind, centre, response", [
    ("cbf", "centred", None), ("nxs", "off", "eiger"), ("img", "off", "rayonix"), ("nxs", "centred", "jungfrau")])
def test_end_to_end(folder, kind, centre, response):
    """With a background of water and air, and what a detector makes of the photons."""
    frames = series(centre, response=response)
    dials("dials.import", *written(frames, kind))
    dials("dials.find_spots", "imported.expt", "nproc=1")
    dials("dials.index", "imported.expt", "strong.refl", "indexing.method=fft1d", *KNOWN)
    dials("dials.refine", "indexed.expt", "indexed.refl", "scan_varying=False")
    found = integrated("refined.expt")
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
    if response:
        check_errors(found, series(centre, noise_seed=4, response=response), kind)


def check_errors(found, again, kind):
    """The same frames with other noise: intensities differ as much as their variances, of counting alone, say."""
    written(again, kind)
    other = integrated("refined.expt")
    values = [{tuple(hkl): pair for hkl, *pair in zip(each["hkl"], each["intensity"], each["variance"])}
              for each in (found, other)]
    both = np.array([[*values[0][hkl], *values[1][hkl]] for hkl in sorted(values[0].keys() & values[1].keys())])
    assert len(both) > 1000
    ratio = (both[:, 0] - both[:, 2]) / np.sqrt(both[:, 1] + both[:, 3])
    # of both, so that no noise is selected
    strength = (both[:, 0] + both[:, 2]) / np.sqrt(2.0 * (both[:, 1] + both[:, 3]))
    for least, most in ((-10.0, 3.0), (3.0, 10.0), (10.0, 1e9)):
        part = ratio[(strength >= least) & (strength < most)]
        print(least, most, len(part), np.mean(part), np.std(part))
        assert len(part) > 100 and abs(np.mean(part)) < 0.2 and 0.85 < np.std(part) < 1.15


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
