"""--detector and spectra by name: the same image as from Python, files, and what is refused."""

import json

import numpy as np
import pytest
from structure_tools import model

import numbragg as nb
from numbragg.commands.cli import main

pytestmark = pytest.mark.usefixtures("folder")

GEOMETRY = """
res = 2000
clen = 60 mm
{a}/min_fs = 0
{a}/max_fs = 23
{a}/min_ss = 0
{a}/max_ss = 15
{a}/corner_x = -26
{a}/corner_y = 8
{a}/fs = 0.99x +0.02y
{a}/ss = 0.02x -0.99y
b/min_fs = 24
b/max_fs = {last}
b/min_ss = 0
b/max_ss = 15
b/corner_x = 2
b/corner_y = 9
b/coffset = 0.002
b/fs = x
b/ss = -y
"""
LINE = "-cell 50 60 70 90 90 90 -misset 10 20 30 -N 4 -default_F 10 -oversample 1"
CRYSTAL = dict(cell=(50, 60, 70, 90, 90, 90), misset_deg=(10, 20, 30), n_cells=4)


@pytest.fixture
def geometry(folder):
    (folder / "two.geom").write_text(GEOMETRY.format(a="a", last=47))
    return "two.geom"


def run(words, expected=0):
    assert main(f"{LINE} {words}".split()) == expected


def test_notes_name_options(geometry, capsys):
    run("--detector two.geom -distance 70")
    said = capsys.readouterr().out
    assert "geometry: -distance, 70, replaces the file's clen" in said and "distance_mm" not in said


@pytest.fixture
def models(folder):
    """Two experiments of one detector at two distances."""
    panel = {"name": "a", "fast_axis": [1, 0, 0], "slow_axis": [0, -1, 0], "pixel_size": [1.0, 1.0],
             "image_size": [20, 16], "type": "SENSOR_PAD"}
    beam = {"direction": [0, 0, 1], "wavelength": 1.0}
    (folder / "two.expt").write_text(json.dumps({
        "__id__": "ExperimentList", "beam": [beam],
        "experiment": [{"__id__": "Experiment", "beam": 0, "detector": number} for number in range(2)],
        "detector": [{"panels": [panel | {"origin": [-10, 8, -distance]}]} for distance in (50, 70)]}))
    return "two.expt"


def test_one_of_several_models(models, folder, capsys):
    for number in range(2):
        run(f"--detector two.expt --detector-model {number}")
        expected = simulated(nb.Detector.from_expt(models, number))
        assert (folder / "floatimage.bin").read_bytes() == expected.tobytes() and expected.any()


@pytest.mark.parametrize("words, message", [
    ("--detector two.expt", "--detector-model: is not given, but the 2 experiments of two.expt have 2 different"
     " detectors and beams; give the number of one, from 0 (--detector-model)"),
    ("--detector two.expt --detector-model 2", "--detector-model: 2, but two.expt has 2 experiments, counted from 0"),
    ("--detector two.expt --detector-model -1", "--detector-model -1: "),
    ("--detector two.expt --detector-model 0.5", "--detector-model 0.5: "),
    ("--detector-model 0", "--detector-model 0: needs --detector and a file of DIALS's models"),
    ("--detector eiger2_4m -distance 100 --detector-model 0",
     "--detector-model 0: does not go with --detector eiger2_4m; it is for DIALS's models"),
    ("--detector two.geom --detector-model 0", "--detector-model 0: does not go with --detector two.geom")])
def test_numbers_of_models_that_are_refused(models, geometry, capsys, words, message):
    run(words, 2)
    said = capsys.readouterr().err
    assert said.startswith(f"numbragg: error: {message}") and said.count("\n") == 1


def simulated(detector, beam=None, factors=10.0, **crystal):
    return nb.simulate(nb.Crystal(**CRYSTAL | crystal), beam or nb.Beam(), detector, factors,
                       sampling=nb.Sampling(oversample=1))


def test_the_image_of_python(geometry, folder, capsys):
    run("--detector two.geom --npy a.npy --png a.png --stats-json a.json")
    detector = nb.Detector.from_geom(geometry)
    expected = simulated(detector)
    assert expected.shape == (2, 16, 24) and expected.any()
    assert (np.load("a.npy") == expected).all()
    assert (folder / "floatimage.bin").read_bytes() == expected.tobytes()
    assert (folder / "a.png").read_bytes().startswith(b"\x89PNG")
    # nothing that goes with one plane, no dump
    assert sorted(path.name for path in folder.iterdir()) == ["a.json", "a.npy", "a.png", "floatimage.bin", geometry]
    said = capsys.readouterr().out
    assert "panels                  2, 768 pixels in all\n" in said and "60 to 62 mm closest" in said
    assert "wrote floatimage.bin, a.npy, a.png, a.json" in said
    facts = json.loads((folder / "a.json").read_text())
    panels = facts["detector"]["panels"]
    assert [panel["pixels_fast_slow"] for panel in panels] == [[24, 16], [24, 16]]
    assert [panel["close_distance_mm"] for panel in panels] == pytest.approx([60.0, 62.0])
    assert panels[1]["origin_mm"] == pytest.approx(detector.panels[1].origin_mm)
    assert facts["pixels"]["computed"] == 768 and facts["pixels"]["lane"] + facts["pixels"]["strict"] == 768
    image = facts["image"]
    assert image["maximum"] == expected.max()
    assert expected[image["maximum_on_panel"]][tuple(image["maximum_at_fast_slow"][::-1])] == expected.max()
    assert image["mean"] == pytest.approx(expected.mean()) and len(image["panels"]) == 2


def test_distance_and_sensor(geometry):
    run("--detector two.geom -distance 80 -detector_thick 300 -detector_abs 250 -detector_thicksteps 3 --quiet")
    detector = nb.Detector.from_geom(geometry, 80.0, sensor_thickness_um=300.0, attenuation_depth_um=250.0,
                                     sensor_layers=3)
    assert np.fromfile("floatimage.bin", np.float32).tobytes() == simulated(detector).tobytes()


@pytest.mark.parametrize("word", ["-mosflm", "-denzo", "-adxv", "-xds", "-dials"])
def test_frame_of_a_convention(geometry, word):
    run(f"--detector two.geom {word} -phi 5 -osc 1 -phisteps 2 --quiet")
    detector = nb.Detector.from_geom(geometry).in_convention(word[1:])
    expected = simulated(detector, phi_start_deg=5.0, oscillation_deg=1.0, phi_steps=2)
    assert np.fromfile("floatimage.bin", np.float32).tobytes() == expected.tobytes()


def test_by_name(monkeypatch):
    def small(distance_mm, *, beam_centre_pixels=None, sensor_thickness_um=450.0):
        """Stands for a detector of millions of pixels."""
        x, y = beam_centre_pixels or (4.0, 3.0)
        return nb.Detector(convention="adxv", panels=[nb.Panel(
            pixels=(9, 7), origin_mm=(x, y, distance_mm), fast_mm=(-1, 0, 0), slow_mm=(0, -1, 0),
            sensor_thickness_um=sensor_thickness_um, attenuation_depth_um=300.0)])

    monkeypatch.setattr(nb.detectors, "eiger2_4m", small)
    for words, detector in (("-distance 50", small(50.0)),
                            ("-distance 50 --beam-centre-pixels 1.5 2", small(50.0, beam_centre_pixels=(1.5, 2.0))),
                            ("-distance 60 -detector_thick 0", small(60.0, sensor_thickness_um=0.0))):
        run(f"--detector eiger2_4m {words} --quiet")
        assert np.fromfile("floatimage.bin", np.float32).tobytes() == simulated(detector).tobytes()


def test_a_detector_that_has_a_name():
    run("--detector jungfrau_4m -distance 2000 --npy a.npy --quiet")
    assert np.load("a.npy").tobytes() == simulated(nb.detectors.jungfrau_4m(2000.0)).tobytes()


def test_a_model_reaches_as_far_as_the_farthest_panel(geometry, folder):
    model().write_pdb("m.pdb")
    words = "-hkl m.pdb -N 4 -lambda 1.2 --detector two.geom -oversample 1 --stats-json a.json"
    assert main(words.split()) == 0
    facts = json.loads((folder / "a.json").read_text())
    assert not any("ends before" in note for note in facts["warnings"])
    d = nb.Detector.from_geom(geometry).resolutions_angstrom(nb.Beam(wavelength_angstrom=1.2))
    low, high = (np.array(facts["structure_factors"][name]) for name in ("minimum_hkl", "maximum_hkl"))
    lengths = np.array(facts["crystal"]["cell_angstrom_deg"][:3])
    assert (high >= np.floor(0.98 * lengths / min(panel.min() for panel in d))).all() and (low == -high).all()


@pytest.mark.parametrize("words, spectrum", [
    ("sase:0.3", lambda: nb.Spectrum.sase(1.3, 0.3, 1)),
    ("sase:0.3 --spectrum-samples 7 --spectrum-seed 5", lambda: nb.Spectrum.sase(1.3, 0.3, 5, samples=7)),
    ("gaussian:1 --spectrum-samples 5", lambda: nb.Spectrum.gaussian(1.3, 1.0, 5)),
    ("tophat:2.5", lambda: nb.Spectrum.tophat(1.3, 2.5))])
def test_spectra_by_name(geometry, words, spectrum):
    run(f"--detector two.geom -lambda 1.3 --spectrum {words} --quiet")
    expected = simulated(nb.Detector.from_geom(geometry), nb.Beam(wavelength_angstrom=1.3, spectrum=spectrum()))
    assert np.fromfile("floatimage.bin", np.float32).tobytes() == expected.tobytes()
    # on nanoBragg's plane, too
    run(f"-detpixels 8 -pixel 3 -lambda 1.3 --spectrum {words} --quiet -nopgm -nonoise -seed 1")
    expected = simulated(nb.Detector(pixels=(8, 8), pixel_mm=3.0),
                         nb.Beam(wavelength_angstrom=1.3, spectrum=spectrum()))
    assert np.fromfile("floatimage.bin", np.float32).tobytes() == expected.tobytes()


@pytest.mark.parametrize("words, said", [
    ("--detector eiger2_4m", "--detector eiger2_4m: needs -distance, from the sample to its plane [mm]"),
    ("--detector nothing.geom", "nothing.geom: No such file or directory"),
    ("--detector eiger2-4m -distance 9", "--detector eiger2-4m: is neither a file nor one of eiger2_16m, eiger2_4m, "),
    ("--detector two.geom -detector_thick 300", "-detector_thick: 300.0 needs -detector_abs"),
    ("--detector two.geom -pixel 0.2", "-pixel 0.2: does not go with --detector two.geom: it is of nanoBragg's one"),
    ("--detector two.geom -Xbeam 3", "-Xbeam 3: does not go with --detector two.geom"),
    ("--detector two.geom -intfile a.img", "-intfile a.img: does not go with"),
    ("--detector two.geom -roi 0 1 0 1", "-roi 0 1 0 1: does not go with"),
    ("--detector two.geom -printout", "-printout: does not go with"),
    ("--detector two.geom --beam-centre-pixels 1 2", "--beam-centre-pixels 1 2: does not go with --detector two.geom"),
    ("--detector a.expt -distance 100", "-distance 100: does not go with --detector a.expt, which has its own"),
    ("--detector a.json -detector_thick 100", "-detector_thick 100: does not go with --detector a.json"),
    ("--detector eiger2_4m -distance 100 -detector_abs 9", "-detector_abs 9: does not go with --detector eiger2_4m"),
    ("--detector eiger2_4m -distance -100", "distance_mm: -100.0 must be"),
    ("--beam-centre-pixels 1 2", "--beam-centre-pixels 1 2: needs --detector"),
    ("--detector odd.geom --npy a.npy", "--npy a.npy: needs panels of one size, not of 24 x 16, 36 x 16 pixels"),
    ("--detector far.geom", "clen stands in an image ('/LCLS/z'); give -distance"),
    ("--spectrum sase:", "--spectrum sase: '': must be a finite number"),
    ("--spectrum sase:-1", "--spectrum sase:-1: bandwidth_percent: -1.0 must"),
    ("--spectrum sase:0.3 --spectrum-axis ev", "--spectrum-axis: is for a file, not for --spectrum sase:0.3"),
    ("--spectrum tophat:1 --spectrum-seed 2", "--spectrum-seed 2: is for --spectrum sase:P"),
    ("--spectrum two.geom --spectrum-seed 2", "--spectrum-seed 2: is for --spectrum sase:P, not for a file"),
    ("--spectrum sase:1 -dispersion 1", "--spectrum and -dispersion both give wavelengths"),
    ("--spectrum-seed 2", "--spectrum-seed needs --spectrum")])
def test_refusals(geometry, folder, capsys, words, said):
    (folder / "odd.geom").write_text(GEOMETRY.format(a="a", last=59))
    (folder / "far.geom").write_text(GEOMETRY.format(a="a", last=47).replace("clen = 60 mm", "clen = /LCLS/z"))
    before = sorted(path.name for path in folder.iterdir())
    run(words, 2)
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and said in error
    assert sorted(path.name for path in folder.iterdir()) == before


def test_panels_of_other_sizes_as_floats(folder, capsys):
    (folder / "odd.geom").write_text(GEOMETRY.format(a="a", last=59))
    run("--detector odd.geom -seed 3")
    images = simulated(nb.Detector.from_geom("odd.geom"))
    assert (folder / "floatimage.bin").read_bytes() == b"".join(image.tobytes() for image in images)
    assert "-seed 3 has no effect: there is no noise image" in capsys.readouterr().out


def test_trace_of_a_panel(geometry, capsys):
    words = f"{LINE} --detector two.geom"
    image = simulated(nb.Detector.from_geom(geometry))
    assert main(f"trace 3 5 --panel 1 --json {words} --quiet".split()) == 0
    assert np.float32(json.loads(capsys.readouterr().out)["final"]["pixel"]) == image[1, 5, 3]
    for more, said in (("", "trace: give --panel, from 0 to 1"),
                       ("--panel 2", "trace: --panel 2: must be from 0 to 1")):
        assert main(f"trace 3 5 {more} {words}".split()) == 2
        assert said in capsys.readouterr().err
    assert main(f"trace 3 5 --panel 0 {LINE}".split()) == 2
    assert "--panel 0: goes with --detector" in capsys.readouterr().err
