"""What writers are given: each argument that breaks a rule is named with its value; masks and sensors in text files."""

from dataclasses import replace
import json
import math
import warnings

import h5py
import numpy as np
import pytest
from test_readable_files import CRYSTAL, PLANE, shot

import numbragg as nb
from numbragg.commands.cli import main
from numbragg.io.sensors import sensor_notes
from numbragg.notes import Misleading
from numbragg.results.experiment import describe

STILL = replace(CRYSTAL, oscillation_deg=None, phi_steps=None)


@pytest.fixture(scope="module")
def result():
    return shot()


def counts(dtype=np.int32):
    return np.ones((130, 160), dtype)


WRITERS = {
    "nxs": lambda result, **more: nb.write_nexus("a.nxs", result, counts(), **more),
    "cbf": lambda result, **more: nb.write_minicbf("a.cbf", result, counts(), **more),
    "img": lambda result, **more: nb.write_smv("a.img", result, counts(np.uint16), **more)}


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("date", ["yesterday", "", "2020-13-01T00:00:00Z", 5, None])
def test_dates(folder, result, kind, date):
    with pytest.raises(ValueError, match=r"^date: .* must be a time such as"):
        WRITERS[kind](result, date=date)
    assert not list(folder.iterdir())


def test_dates_of_zones(folder, result):
    for kind, write in WRITERS.items():
        files = []
        for date in ("2026-01-02T03:04:05+02:00", "2026-01-02T01:04:05Z"):
            write(result, date=date)
            files.append((folder / f"a.{kind}").read_bytes())
        assert files[0] == files[1]


@pytest.mark.parametrize("kind, field, values", [
    ("cbf", "count_cutoff", [-1, 0, 10**10, 1.5, math.nan, "x", None, True]),
    ("img", "pedestal", [math.nan, math.inf, "40", None]),
    ("nxs", "saturation", [-5, 0, 0.5, 10.5, math.nan, math.inf, "x"])])
def test_numbers(folder, result, kind, field, values):
    for value in values:
        with pytest.raises(ValueError, match=f"^{field}: {value!r} "):
            WRITERS[kind](result, **{field: value})
    assert not list(folder.iterdir())


@pytest.mark.parametrize("value", [-1, -5, -2**31, -2**40])
def test_negative_counts(folder, value):
    mask = np.ones((130, 160), bool)
    mask[3, 4] = False
    image = counts(np.int64)
    image[3, 4] = value
    # what masked pixels hold does not matter
    nb.write_minicbf("a.cbf", shot(replace(PLANE, mask=mask)), image)
    with pytest.raises(ValueError, match=f"image: {value} must be 0 or more"):
        nb.write_minicbf("b.cbf", shot(), image)
    assert [path.name for path in folder.iterdir()] == ["a.cbf"]


@pytest.mark.parametrize("call, said", [
    (lambda r: nb.write_png("e.png", r, rings=5.0), "rings: 5.0 must be True, False or resolutions"),
    (lambda r: nb.write_png("e.png", r, rings="5"), "rings: '5' must be"),
    (lambda r: nb.write_png("e.png", r, title=5), "title: 5 must be text"),
    (lambda r: nb.write_png("e.jpg", r), "path: e.jpg must not have the name of another format; that of PNG ends in"),
    (lambda r: nb.write_tiff("e.png", r), "path: e.png must not have the name"),
    (lambda r: nb.write_nexus("e.cbf", r), "path: e.cbf must not have the name"),
    (lambda r: nb.write_minicbf("e.img", r, counts()), "path: e.img must not have the name"),
    (lambda r: nb.write_smv("e.h5", r, counts(np.uint16)), "path: e.h5 must not have the name"),
    (lambda r: nb.write_nexus(5, r), "path: 5 must be the name of a file"),
    (lambda r: nb.write_geometry(5, r), "path: 5 must be the name of a file"),
    (lambda r: nb.write_png(None, r), "path: None must be the name of a file"),
    (lambda r: nb.write_nexus("e.nxs", 5), "result: 5 must be a Result"),
    (lambda r: nb.write_geometry("x.INP", r, "a.cbf"), "images: 'a.cbf' must be names such as frame_"),
    (lambda r: nb.write_geometry("x.geom", r, "a.cbf"), "images: 'a.cbf' must be None for a .geom"),
    (lambda r: nb.write_geometry("x.expt", r, 5), "images: 5 must be")])
def test_words(folder, result, call, said):
    with pytest.raises(ValueError, match=said):
        call(result)
    assert not list(folder.iterdir())


def test_numberless_image_of_xds(folder, capfd):
    line = "-cell 50 60 70 90 90 90 -default_F 1 -N 3 -detpixels 8 -lambda 1 -distance 80 --quiet".split()
    assert main([*line, "--cbf", "a.cbf", "--xds-inp", "XDS.INP"]) == 2
    assert "--xds-inp XDS.INP: XDS knows images by their number" in capfd.readouterr().err


# -- masks and sensors


def masked(number):
    """Some rectangles, two of them across each other, and single pixels."""
    mask = np.ones((130, 160), bool)
    mask[10:20, 30:50] = False
    mask[0] = False
    mask[:, 159] = False
    mask[45:55, 65:90] = False
    mask[40:60, 60:80] = False
    mask.reshape(-1)[np.arange(number) * 31 + 2000] = False
    return mask


@pytest.mark.parametrize("number", [0, 100])
def test_masks_come_back(folder, number):
    mask = masked(number)
    other = np.ones((12, 10), bool)
    other[3:, 7:] = False
    panels = [nb.Panel(pixels=(160, 130), origin_mm=(-16, 13, 80), fast_mm=(0.2, 0, 0), slow_mm=(0, -0.2, 0),
                       mask=mask),
              nb.Panel(pixels=(10, 12), origin_mm=(20, 2, 82), fast_mm=(0, 0.1, 0), slow_mm=(-0.1, 0, 0), mask=other)]
    for detector, masks in ((replace(PLANE, mask=mask), [mask]), (nb.Detector(panels=panels), [mask, other])):
        result = shot(detector)
        nb.write_geometry("a.geom", result)
        nb.write_geometry("a.expt", result)
        assert "pixel_mask" not in (folder / "a.geom").read_text()
        for read in (nb.Detector.from_geom("a.geom"), nb.Detector.from_expt("a.expt")):
            assert all(np.array_equal(panel.mask, mask) for panel, mask in zip(read.panels, masks, strict=True))


def test_masks_of_too_many_rectangles(folder):
    mask = masked(530)
    result = shot(replace(PLANE, mask=mask))
    with pytest.warns(nb.NumbraggWarning, match="a.geom: masked pixels are more than 500 rectangles"):
        nb.write_geometry("a.geom", result)
    text = (folder / "a.geom").read_text()
    assert "mask = /entry/instrument/detector/pixel_mask" in text and "bad_" not in text
    nb.write_geometry("a.expt", result)
    assert np.array_equal(nb.Detector.from_expt("a.expt").panels[0].mask, mask)


def test_sensors(folder):
    """A depth that no known material has: the nearest, the truth beside it, and a warning where it shifts spots."""
    detector = replace(PLANE, sensor_thickness_um=450.0, attenuation_depth_um=300.0, sensor_layers=3)
    result = shot(detector)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # a tenth of a pixel is 20 micrometres
        nb.write_nexus("a.nxs", result)
    fine = describe(((shot(replace(detector, pixel_mm=0.1)).prepared,),))
    note, = sensor_notes(fine, "NXmx")
    assert isinstance(note, Misleading) and note.startswith(
        "NXmx: the sensor of 450 micrometres captures at a mean depth of 171, and is of no material that its readers "
        "know; they take it for Si, with one of 1")
    with h5py.File("a.nxs") as file:
        place, own = file["entry/instrument/detector"], file["entry/numbragg"]
        assert place["sensor_material"][()] == b"Si" and place["sensor_thickness"][()] == pytest.approx(450.0)
        assert own["sensor_thickness"][:] == pytest.approx([450.0])
        assert own["sensor_attenuation_depth"][:] == pytest.approx([300.0])
    nb.write_geometry("a.expt", result)
    panel, = json.loads((folder / "a.expt").read_text())["detector"][0]["panels"]
    assert (panel["thickness"], panel["mu"]) == pytest.approx((0.45, 1 / 0.3))
    assert panel["px_mm_strategy"]["type"] == "ParallaxCorrectedPxMmStrategy"
    back = nb.Detector.from_expt("a.expt").panels[0]
    assert (back.sensor_thickness_um, back.attenuation_depth_um) == pytest.approx((450.0, 300.0))
    with pytest.warns(nb.NumbraggWarning, match="SMV: .* its header has no sensor; readers correct nothing; NXmx has"):
        nb.write_smv("a.img", result, counts(np.uint16))


def test_truth_of_seeds_and_angles(folder):
    turned = replace(CRYSTAL, misset_deg=None, random_misset_seed=17)
    nb.write_nexus("a.nxs", shot(crystal=turned))
    frames = nb.scan(nb.Simulator(PLANE, nb.Beam(), 100.0, sampling=nb.Sampling(oversample=1)), CRYSTAL, frames=3)
    frames.write_nexus("b.nxs")
    with h5py.File("a.nxs") as file:
        assert file["entry/data/data_scale_factor"][()] == 1.0
        own = file["entry/numbragg"]
        assert own["crystal_0/misset_seed"][()] == 17
        assert own["crystal_0/mosaic_seed"][()] == nb.Crystal(cell=(50, 60, 70, 90, 90, 90), n_cells=5).mosaic_seed
        assert own["phi_start"][:] == pytest.approx([3.1]) and own["phi_width"][()] == pytest.approx(0.7)
        assert own["phi_steps"][()] == 3
    with h5py.File("b.nxs") as file:
        own = file["entry/numbragg"]
        assert "noise_seed" in own and "misset_seed" not in own["crystal_0"]
        assert own["phi_start"][:] == pytest.approx([3.1, 3.8, 4.5])


# -- polarisation


@pytest.mark.parametrize("kind", WRITERS)
def test_polarisation_that_readers_do_not_expect(folder, kind):
    detector = replace(PLANE, convention="dials", beam_centre_mm=None)
    with pytest.warns(nb.NumbraggWarning, match="DIALS takes the polarisation for one along .*"
                      r"geometry.beam.polarization_normal=-?1,0,0 geometry.beam.polarization_fraction=0.95"):
        WRITERS[kind](shot(detector, STILL, polarisation_fraction=0.9))
    with warnings.catch_warnings():
        warnings.filterwarnings("error", ".*polarisation")
        # without polarisation its direction is none; XDS's and MOSFLM's lies along fast
        WRITERS[kind](shot(detector, STILL, polarisation_fraction=0.0))
        for convention in ("xds", "mosflm"):
            other = replace(detector, convention=convention)
            WRITERS[kind](shot(other, STILL, polarisation_fraction=0.9))
