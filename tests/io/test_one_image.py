"""Panels on one grid of pixels as one image: sizes as real files have them, gaps masked, read by other programs."""

from dataclasses import replace
import warnings

import fabio
import h5py
import numpy as np
import pytest
import tifffile

import numbragg as nb
from numbragg.commands.cli import main
from numbragg.detectors import _tiled
from numbragg.io.one_image import one_image
from numbragg.io.smv import read_image
from numbragg.results.experiment import describe

CRYSTAL = nb.Crystal(cell=(50, 60, 70, 90, 95, 90), misset_deg=(10, 20, 30), n_cells=5)
#: Two by three modules of 20 x 12 pixels, 3 and 5 apart.
SIZE = (43, 46)


def small(**more):
    detector = _tiled((2, 3), (20, 12), (3, 5), 0.3, (90.0, (15.3, 40.2)), (0.0, {}), ())
    return replace(detector, **more) if more else detector


def simulator(detector):
    return nb.Simulator(detector, nb.Beam(), 100.0, sampling=nb.Sampling(oversample=1))


@pytest.fixture(scope="module")
def result():
    return simulator(small()).run(CRYSTAL)


def whole_of(images, gap):
    """The same by loops over modules."""
    made = np.full(SIZE[::-1], gap, np.asarray(images[0]).dtype)
    for row in range(3):
        for column in range(2):
            made[17 * row:17 * row + 12, 23 * column:23 * column + 20] = images[2 * row + column]
    return made


GAPS = whole_of([np.zeros((12, 20), bool)] * 6, True)


@pytest.mark.parametrize("name, size, pixels", [
    ("eiger2_16m", (4148, 4362), 32 * 1028 * 512), ("eiger2_4m", (2068, 2162), 8 * 1028 * 512),
    ("pilatus3_6m", (2463, 2527), 60 * 487 * 195), ("jungfrau_4m", (2068, 2164), 8 * 1030 * 514)])
@pytest.mark.parametrize("convention", ["adxv", "mosflm"])
def test_sizes_of_real_files(name, size, pixels, convention):
    """DECTRIS's and PSI's own numbers; the frame does not matter."""
    detector = getattr(nb.detectors, name)(150.0, beam_centre_pixels=(1000.25, 900.75)).in_convention(convention)
    experiment = describe(simulator(detector).prepare_shot([CRYSTAL]))
    made = one_image(experiment)
    panel, = made.panels
    assert panel.pixels == size and int(panel.mask.sum()) == pixels and len(made.tiles) == len(detector.panels)
    assert panel.origin_mm == experiment.panels[0].origin_mm
    # the corner of the last module, from that of the whole
    f, s, _, _ = made.tiles[-1]
    corner = np.array(panel.origin_mm) + f * np.array(panel.fast_mm) + s * np.array(panel.slow_mm)
    assert corner == pytest.approx(np.array(experiment.panels[-1].origin_mm), abs=1e-9)
    assert len(one_image(experiment, "stacked").panels) == len(detector.panels)


def test_minicbf_and_smv(folder, result):
    counts = [nb.add_noise(image, seed=1, adc_offset=0) for image in result.image]
    nb.write_minicbf("a.cbf", result, counts)
    image = fabio.open("a.cbf")
    assert np.array_equal(image.data, np.where(GAPS, -1, whole_of(counts, 0).astype(int)))
    assert "Beam_xy (15.300000, 40.200000) pixels" in image.header["_array_data.header_contents"]
    nb.write_smv("a.img", result, counts)
    assert np.array_equal(read_image("a.img")[1], whole_of(counts, 0))
    assert np.array_equal(fabio.open("a.img").data, whole_of(counts, 0))
    # an image that is put together already
    nb.write_minicbf("b.cbf", result, whole_of(counts, 0))
    assert (folder / "a.cbf").read_bytes() == (folder / "b.cbf").read_bytes()
    nb.write_geometry("XDS.INP", result, "a_?.cbf")
    assert "NX= 43 NY= 46" in (folder / "XDS.INP").read_text()


def test_nexus_and_geometry(folder, result):
    nb.write_nexus("a.nxs", result)
    nb.write_nexus("s.nxs", result, layout="stacked")
    nb.write_nexus("i.nxs", result, np.rint(result.image).astype(np.uint16), layout="whole")
    with h5py.File("a.nxs") as file:
        assert np.array_equal(file["entry/data/data"][0], whole_of(result.image, 0.0))
        assert np.array_equal(file["entry/instrument/detector/pixel_mask"][:], GAPS)
    with h5py.File("i.nxs") as file:
        assert (file["entry/data/data"][0][GAPS] == 65535).all()
        assert file["entry/instrument/detector/saturation_value"][()] == 65534
    with h5py.File("s.nxs") as file:
        assert np.array_equal(file["entry/data/data"][0], np.concatenate(list(result.image)))
        assert "pixel_mask" not in file["entry/instrument/detector"]
    assert [len(nb.Detector.from_header(name).panels) for name in ("a.nxs", "s.nxs")] == [1, 6]
    for layout, number in (("stacked", 6), (None, 1), ("whole", 1)):
        nb.write_geometry("a.geom", result, layout=layout)
        nb.write_geometry("a.expt", result, layout=layout)
        assert len(nb.Detector.from_geom("a.geom").panels) == len(nb.Detector.from_expt("a.expt").panels) == number
    # read back, it is the same detector
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        again = simulator(nb.Detector.from_header("a.nxs")).run(CRYSTAL).image
    assert np.allclose(again, whole_of(result.image, 0.0), rtol=1e-4) and (again[GAPS] == 0).all()


def test_masks_of_panels(folder):
    mask = np.ones((12, 20), bool)
    mask[3, 4:9] = False
    panels = [replace(panel, mask=mask if number == 3 else None) for number, panel in enumerate(small().panels)]
    result = simulator(nb.Detector(panels=panels, convention="adxv")).run(CRYSTAL)
    nb.write_minicbf("a.cbf", result, np.rint(result.image).astype(np.int32))
    expected = whole_of([mask if number == 3 else np.ones((12, 20), bool) for number in range(6)], False)
    assert np.array_equal(fabio.open("a.cbf").data == -1, ~expected)


def test_tiff(folder, result):
    nb.write_tiff("a.tif", result)
    assert np.array_equal(tifffile.imread("a.tif"), whole_of(result.image, 0.0))


def test_series(folder):
    crystal = replace(CRYSTAL, oscillation_deg=0.5)
    upright = nb.scan(simulator(small().in_convention("mosflm")), crystal, 2)
    names = upright.write_images("a_#.cbf")
    counts = upright.counts(1)
    found = fabio.open(names[1]).data
    assert (found == -1).sum() == GAPS.sum() and found[found >= 0].sum() == sum(int(c.sum()) for c in counts)
    upright.write_nexus("a.nxs")
    with h5py.File("a.nxs") as file:
        assert np.array_equal(np.where(found < 0, 2 ** 31 - 1, found), file["entry/data/data"][1])
    upright.write_nexus("s.nxs", layout="stacked")
    with h5py.File("s.nxs") as file:
        assert np.array_equal(file["entry/data/data"][1], np.concatenate(counts))


def moved(number, **changes):
    panels = list(small().panels)
    panels[number] = replace(panels[number], **{name: change(getattr(panels[number], name))
                                                for name, change in changes.items()})
    return nb.Detector(panels=panels, convention="adxv")


@pytest.mark.parametrize("detector, said", [
    (moved(4, origin_mm=lambda o: (o[0] + 0.09, *o[1:])), "pixels of panel 4 are up to 0.3 pixels off"),
    (moved(2, origin_mm=lambda o: (*o[:2], o[2] + 1.5)), "pixels of panel 2 are up to 5 pixels off"),
    (moved(1, fast_mm=lambda f: (f[0], 0.003, 0)), "pixels of panel 1 are up to 0.2 pixels off"),
    (moved(3, origin_mm=lambda o: (o[0] + 0.9, *o[1:])), None),
    (moved(3, origin_mm=lambda o: (o[0] + 1.2, *o[1:])), "panel 3 lies on another one"),
    (moved(5, sensor_thickness_um=lambda t: 320.0, attenuation_depth_um=lambda d: 500.0),
     "the sensor of panel 5 is another"),
    (moved(5, origin_mm=lambda o: (o[0] + 3e30, *o[1:])), "panel 5 is too far from the first"),
    (moved(5, origin_mm=lambda o: (o[0] + 30.0, *o[1:])), "sparse")], ids=range(8))
def test_what_is_one_image(folder, detector, said):
    experiment = describe(simulator(detector).prepare_shot([CRYSTAL]))
    if said is None:
        assert one_image(experiment).panels[0].pixels == SIZE
        return
    assert one_image(experiment) is experiment
    if said == "sparse":
        # asked for by name it is made
        assert one_image(experiment, "whole").panels[0].pixels[0] > 100
        return
    with pytest.raises(ValueError, match=f"layout: 'whole' needs panels on one grid of pixels; {said}"):
        one_image(experiment, "whole")


def test_bad_arguments(folder, result):
    with pytest.raises(ValueError, match="layout: 'pile' must be one of 'whole', 'stacked'"):
        nb.write_nexus("a.nxs", result, layout="pile")
    with pytest.raises(ValueError, match="layout: 'pile' must be one of 'whole', 'stacked'"):
        nb.write_geometry("a.geom", result, layout="pile")
    with pytest.raises(ValueError, match="image: .* must be whole numbers of shape .12, 20., .12, 20., .12, 20. and 3"):
        nb.write_minicbf("a.cbf", result, np.zeros((5, 12, 20), int))
    assert not list(folder.iterdir())


WORDS = ("-cell 50 60 70 90 95 90 -default_F 100 -N 5 -oversample 1 -seed 2 --detector eiger.geom --quiet --nexus a.nxs"
         " --cbf a.cbf --geom a.geom").split()


def test_command_line(folder, capfd):
    lines = ["clen = 0.1", "res = 5000"]
    for number in range(4):
        lines += [f"p{number}/{name} = {value}" for name, value in (
            ("min_fs", 0), ("max_fs", 19), ("min_ss", 12 * number), ("max_ss", 12 * number + 11),
            ("corner_x", -20 + 22 * (number % 2)), ("corner_y", 15 * (number // 2)), ("fs", "x"), ("ss", "y"))]
    (folder / "eiger.geom").write_text("\n".join(lines))
    assert main(WORDS) == 0
    data = fabio.open("a.cbf").data
    assert data.shape == (27, 42) and (data == -1).sum() == 27 * 42 - 4 * 240
    with h5py.File("a.nxs") as file:
        assert file["entry/data/data"].shape == (1, 27, 42)
    assert len(nb.Detector.from_geom("a.geom").panels) == 1
    assert main([*WORDS, "--panel-layout", "stacked"]) == 0
    with h5py.File("a.nxs") as file:
        assert file["entry/data/data"].shape == (1, 48, 20)
    assert len(nb.Detector.from_geom("a.geom").panels) == 4
    # counts of an image are those of a series
    words = [word for word in WORDS if word not in ("--nexus", "a.nxs", "--cbf", "a.cbf", "--geom", "a.geom")]
    assert main(["scan", "--frames", "1", "--nexus", "b.nxs", "-osc", "1", "-phisteps", "1", *words]) == 0
    with h5py.File("b.nxs") as file:
        assert np.array_equal(file["entry/data/data"][0] == 2 ** 31 - 1, data == -1)
    (folder / "eiger.geom").write_text("\n".join(lines).replace("p3/corner_x = 2", "p3/corner_x = 2.5"))
    assert main([*WORDS, "--panel-layout", "whole"]) == 2
    assert "--panel-layout whole: needs panels on one grid of pixels; pixels of panel 3 are up to 0.5 pixels off" in (
        capfd.readouterr().err)
