"""Files for other programs, read back by fabio, h5py and our own readers of geometry; bytes, masks, refusals."""

from dataclasses import replace
import json

import fabio
import h5py
import numpy as np
import pytest

import numbragg as nb
from numbragg.commands.cli import main
from numbragg.io.smv import read_header, read_image
from numbragg.results.experiment import describe

CRYSTAL = nb.Crystal(cell=(50, 60, 70, 90, 95, 90), misset_deg=(10, 20, 30), n_cells=5, phi_start_deg=3.1,
                     oscillation_deg=0.7, phi_steps=3)
# off the middle by more than 50 pixels, and not square
PLANE = nb.Detector(pixels=(160, 130), pixel_mm=0.2, distance_mm=80, beam_centre_mm=(2, 28))
TILTED = replace(PLANE, rotation_deg=(3, 5, 7))


def shot(detector=PLANE, crystal=CRYSTAL, **more):
    return nb.Simulator(detector, nb.Beam(**more), 100.0, sampling=nb.Sampling(oversample=1)).run(crystal)


@pytest.fixture(scope="module")
def result():
    return shot()


@pytest.fixture(scope="module")
def counts(result):
    return nb.add_noise(result.image, seed=1, adc_offset=0)


def corners(panel):
    """The four corners of a panel [mm]."""
    f, s = panel.pixels
    return np.array([np.array(panel.origin_mm) + a * f * np.array(panel.fast_mm) + b * s * np.array(panel.slow_mm)
                     for a in (0, 1) for b in (0, 1)])


@pytest.mark.parametrize("convention", ["mosflm", "xds", "dials", "adxv", "denzo"])
@pytest.mark.parametrize("detector", [PLANE, TILTED], ids=["flat", "tilted"])
@pytest.mark.parametrize("ending", ["nxs", "geom", "expt"])
def test_geometry_is_read_back(folder, convention, detector, ending):
    result = shot(replace(detector, convention=convention))
    name = f"a.{ending}"
    nb.write_nexus(name, result) if ending == "nxs" else nb.write_geometry(name, result)
    read = {"nxs": nb.Detector.from_header, "geom": nb.Detector.from_geom, "expt": nb.Detector.from_expt}[ending](name)
    ours = describe(((result.prepared,),)).panels[0]
    assert corners(read.in_convention("adxv").panels[0]) == pytest.approx(_adxv(ours), abs=1e-9)


def _adxv(panel):
    """Corners in adxv's frame, whose z is along the beam and y up, as NeXus's."""
    return corners(panel)


@pytest.mark.parametrize("compression", ["gzip", "bitshuffle", "zstd", "none"])
def test_nexus_pixels(folder, result, compression):
    import hdf5plugin  # noqa: F401

    nb.write_nexus("a.nxs", result, compression=compression)
    with h5py.File("a.nxs") as file:
        data = file["entry/data/data"]
        assert data.dtype == np.float32 and data[0].tobytes() == result.image.tobytes()
        assert data.chunks == (1, 130, 160)


def test_nexus_of_fabio(folder, result, counts):
    nb.write_nexus("a.h5", result, counts.astype(np.int32))
    with fabio.open("a.h5") as image:
        assert np.array_equal(image.data, counts)


def test_masked_pixels(folder):
    mask = np.ones((130, 160), bool)
    mask[10:20, 30:50] = False
    result = shot(replace(PLANE, mask=mask))
    whole = nb.add_noise(result.image, seed=1, adc_offset=0)
    nb.write_minicbf("a.cbf", result, whole)
    assert np.array_equal(fabio.open("a.cbf").data, np.where(mask, whole.astype(int), -1))
    nb.write_smv("a.img", result, whole + np.uint16(7))
    assert np.array_equal(read_image("a.img")[1], np.where(mask, whole + 7, 0))
    for dtype in (np.int32, np.uint16):
        nb.write_nexus("a.nxs", result, whole.astype(dtype))
        with h5py.File("a.nxs") as file:
            largest = np.iinfo(dtype).max
            assert np.array_equal(file["entry/data/data"][0], np.where(mask, whole.astype(int), largest))
            detector = file["entry/instrument/detector"]
            assert np.array_equal(detector["pixel_mask"][:], ~mask) and detector["saturation_value"][()] < largest


def test_regions_are_masked(folder):
    result = nb.Simulator(PLANE, nb.Beam(), 100.0, roi=(10, 40, 20, 30)).run(CRYSTAL)
    nb.write_nexus("a.nxs", result)
    with h5py.File("a.nxs") as file:
        good = file["entry/instrument/detector/pixel_mask"][:] == 0
    assert good.sum() == 31 * 11 and good[20:31, 10:41].all()


def test_panels_of_two_sizes(folder):
    panels = [nb.Panel(pixels=(20, 30), origin_mm=(1, 2, 80), fast_mm=(0.2, 0, 0), slow_mm=(0, 0.2, 0)),
              nb.Panel(pixels=(10, 12), origin_mm=(9, 2, 82), fast_mm=(0, 0.1, 0), slow_mm=(-0.1, 0, 0.0),
                       mask=np.arange(120).reshape(12, 10) > 5)]
    result = shot(nb.Detector(panels=panels))
    nb.write_nexus("a.nxs", result)
    nb.write_geometry("a.geom", result)
    with h5py.File("a.nxs") as file:
        data = file["entry/data/data"][0]
        mask = file["entry/instrument/detector/pixel_mask"][:]
    assert data.shape == (42, 20) and np.array_equal(data[:30], result.image[0])
    assert np.array_equal(data[30:, :10], result.image[1])
    assert mask[:30].sum() == 0 and mask[30:, 10:].all() and mask[30:, :10].sum() == 6
    for read in (nb.Detector.from_header("a.nxs"), nb.Detector.from_geom("a.geom")):
        for ours, theirs in zip(describe(result.prepared).panels, read.panels):
            assert corners(theirs) == pytest.approx(corners(ours), abs=1e-9)
    with pytest.raises(ValueError, match="miniCBF: the detector has 2 panels.*NXmx can"):
        nb.write_minicbf("a.cbf", result, result.image[0].astype(np.int32))


def test_spectrum(folder):
    spectrum = nb.Spectrum.gaussian(1.1, 1, 3)
    nb.write_nexus("a.nxs", shot(spectrum=spectrum))
    with h5py.File("a.nxs") as file:
        beam = file["entry/instrument/beam"]
        assert beam["incident_wavelength"].attrs["variant"] == "incident_wavelength_1Dspectrum"
        weights = beam["incident_wavelength_1Dspectrum_weights"][:]
        assert weights.sum() == pytest.approx(1.0) and len(weights) == 3


def test_smv_header(folder, result, counts):
    nb.write_smv("a.img", result, counts, pedestal=2.5, date="2026-01-02T03:04:05Z")
    header, image = read_image("a.img")
    text = header.text.decode()
    assert np.array_equal(image, counts) and "fake" not in text and header.header_bytes % 512 == 0
    assert "}" in text and all(line.count("=") <= 1 for line in text.split("\n"))
    assert "DATE=Fri Jan  2 03:04:05 2026;" in text
    # MOSFLM's x is along slow; nanoBragg's own MOSFLM convention adds half a pixel to both
    for key, value in (("BEAM_CENTER_X", 2.1), ("BEAM_CENTER_Y", 28.1), ("XDS_ORGX", 141.0), ("XDS_ORGY", 11.0),
                       ("DISTANCE", 80.0), ("OSC_START", 3.1), ("OSC_RANGE", 0.7), ("IMAGE_PEDESTAL", 2.5)):
        assert header.value(key) == pytest.approx(value, abs=1e-12), key
    turned = shot(crystal=replace(CRYSTAL, phi_start_deg=12.3456789012345))
    nb.write_smv("a.img", turned, counts)
    assert read_header("a.img").value("OSC_START") == 12.3456789012345


def test_long_headers(folder, counts):
    """Numbers of many digits make it longer than 512 bytes: it says so, and pixels are where it says."""
    odd = nb.Detector(pixels=(160, 130), pixel_mm=0.17212345678901, distance_mm=199.8712345678901,
                      beam_centre_mm=(12.68423123456789, 13.1263117123456789))
    result = shot(odd, replace(CRYSTAL, phi_start_deg=12.35123456789012), wavelength_angstrom=0.979341234567890)
    nb.write_smv("a.img", result, counts)
    header, image = read_image("a.img")
    assert header.header_bytes == 1024 and np.array_equal(image, counts)
    assert fabio.open("a.img").data.tobytes() == counts.tobytes()


def test_cbf_header(folder, result, counts):
    nb.write_minicbf("a.cbf", result, counts, count_cutoff=1000, date="2026-01-02T03:04:05Z")
    text = fabio.open("a.cbf").header["_array_data.header_contents"]
    for line in ("2026-01-02T03:04:05", "Pixel_size 0.0002 m x 0.0002 m", "Count_cutoff 1000 counts",
                 "Beam_xy (140.500000, 10.500000) pixels", "Start_angle 3.1 deg.", "Angle_increment 0.7 deg.",
                 "Detector_distance 0.08 m"):
        assert line in text


def test_xds(folder, result):
    nb.write_geometry("XDS.INP", result, "a_????.cbf")
    text = (folder / "XDS.INP").read_text()
    for word in ("ORGX= 141.000000 ORGY= 11.000000", "DETECTOR_DISTANCE= 80.000000", "a_????.cbf", "PILATUS"):
        assert word in text
    nb.write_geometry("XDS.INP", result, "a_????.img")
    assert "DETECTOR= ADSC MINIMUM_VALID_PIXEL_VALUE= 0 OVERLOAD= 65535" in (folder / "XDS.INP").read_text()


@pytest.mark.parametrize("detector, said", [
    (TILTED, "the detector is tilted"),
    (nb.Detector(pixels=(160, 130), pixel_mm=0.2, distance_mm=80, convention="dials"), "the spindle does not turn")])
def test_what_headers_cannot_say(folder, counts, detector, said):
    result = shot(detector)
    for write, kind, name in ((nb.write_smv, "SMV", "a.img"), (nb.write_minicbf, "miniCBF", "a.cbf")):
        with pytest.raises(ValueError, match=f"{kind}: {said}.*NXmx can"):
            write(name, result, counts)
    assert not list(folder.iterdir())


def test_bad_arguments(folder, result, counts):
    for image, said in ((counts[1:], "must be uint16 of shape"), (result.image, "must be uint16 of shape")):
        with pytest.raises(ValueError, match=said):
            nb.write_smv("a.img", result, image)
        with pytest.raises(ValueError, match="must be whole numbers of shape"):
            nb.write_minicbf("a.cbf", result, image)
    for image in (counts[1:], result.image.astype(float)):
        with pytest.raises(ValueError, match="must be float32, int32 or uint16 of shape"):
            nb.write_nexus("a.nxs", result, image)
    with pytest.raises(ValueError, match="compression: 'rar' must be one of"):
        nb.write_nexus("a.nxs", result, compression="rar")
    with pytest.raises(ValueError, match="a.xyz: must end in .geom, .expt or .INP"):
        nb.write_geometry("a.xyz", result)
    with pytest.raises(ValueError, match="images: None must be names"):
        nb.write_geometry("XDS.INP", result)
    with pytest.raises(ValueError, match="is curved"):
        nb.write_nexus("a.nxs", shot(replace(PLANE, curved=True)))
    with pytest.raises(ValueError, match="above 2\\^31 - 1"):
        nb.write_minicbf("a.cbf", result, np.full((130, 160), 2 ** 31, np.int64))
    assert not list(folder.iterdir())


# -- the command line

LINE = ("-cell 50 60 70 90 95 90 -default_F 100 -N 5 -distance 80 -pixel 0.2 -detpixels_f 40 -detpixels_s 30 -Xbeam 2"
        " -Ybeam 6 -misset 10 20 30 -phi 3.1 -osc 0.7 -phisteps 3 -seed 4 --quiet").split()
FILES = ("--nexus a.nxs --cbf a_0001.cbf --smv-readable a_0001.img --geom a.geom --expt a.expt "
         "--xds-inp XDS.INP").split()


def test_command_line(folder):
    assert main([*LINE, *FILES, "--stats-json", "s.json"]) == 0
    with h5py.File("a.nxs") as file:
        assert file["entry/data/data"][0].tobytes() == (folder / "floatimage.bin").read_bytes()
        assert file["entry/start_time"][()] == b"1970-01-01T00:00:00Z"
    # counts are those of a scan of one frame
    assert main(["scan", "--frames", "1", "--images", "b_#.cbf", *LINE]) == 0
    assert (folder / "a_0001.cbf").read_bytes() == (folder / "b_1.cbf").read_bytes()
    assert np.array_equal(read_image("a_0001.img")[1], fabio.open("a_0001.cbf").data)
    assert "a_????.cbf" in (folder / "XDS.INP").read_text()
    assert set(FILES[1::2]) <= set(json.loads((folder / "s.json").read_text())["files"])
    files = {name: (folder / name).read_bytes() for name in FILES[1::2]}
    assert main([*LINE, *FILES]) == 0
    assert files == {name: (folder / name).read_bytes() for name in files}


def test_command_line_dates(folder, monkeypatch, capfd):
    assert main([*LINE, "--nexus", "a.nxs", "--date", "2026-01-02T03:04:05"]) == 0
    with h5py.File("a.nxs") as file:
        assert file["entry/start_time"][()] == b"2026-01-02T03:04:05Z"
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    assert main([*LINE, "--cbf", "a.cbf"]) == 0
    assert "1970-01-02T00:00:00" in fabio.open("a.cbf").header["_array_data.header_contents"]
    assert main([*LINE, "--cbf", "a.cbf", "--date", "soon"]) == 2
    assert "--date soon: must be a time such as" in capfd.readouterr().err


def test_command_line_without_noise(folder):
    assert main([*LINE, "--cbf", "a.cbf", "-nonoise"]) == 0
    means = np.fromfile("floatimage.bin", np.float32).reshape(30, 40)
    assert np.array_equal(fabio.open("a.cbf").data, np.rint(means))


def test_command_line_of_panels(folder, capfd):
    lines = ["clen = 0.1", "res = 10000"]
    for number in range(2):
        lines += [f"p{number}/{name} = {value}" for name, value in (
            ("min_fs", 0), ("max_fs", 29), ("min_ss", 20 * number), ("max_ss", 20 * number + 19), ("corner_x", -40),
            ("corner_y", 30.5 * number), ("fs", "+1.0x"), ("ss", "+1.0y"))]
    (folder / "two.geom").write_text("\n".join(lines))
    (folder / "one.geom").write_text("\n".join(line for line in lines if not line.startswith("p1")))
    words = ("-cell 50 60 70 90 90 90 -default_F 100 -N 5 -oversample 1 -seed 2 --quiet --nexus a.nxs "
             "--geom b.geom").split()
    assert main([*words, "--detector", "two.geom"]) == 0
    assert len(nb.Detector.from_geom("b.geom").panels) == 2
    assert main([*words, "--detector", "one.geom", "--cbf", "a.cbf"]) == 0
    assert fabio.open("a.cbf").data.sum() > 0
    assert main([*words, "--detector", "two.geom", "--cbf", "a.cbf"]) == 2
    assert "--cbf: miniCBF: the detector has 2 panels" in capfd.readouterr().err


@pytest.mark.parametrize("words, said", [
    (["--xds-inp", "XDS.INP"], "--xds-inp XDS.INP: names the images, so it needs --cbf or --smv-readable"),
    (["--smv-readable", "a.img", "-twotheta", "20"], "--smv-readable: SMV: the detector is tilted"),
    (["--nexus", "a.nxs", "-curved_det", "-nopgm"], "detector: is curved"),
    (["--cbf", "a.png"], "may not be that of another format|not have the name of another format"),
    (["--cbf", "a.cbf", "--nexus", "a.cbf"], "name of another format")])
def test_command_line_refusals(folder, capfd, words, said):
    import re

    assert main([*LINE, *words]) == 2
    assert re.search(said, capfd.readouterr().err) and not list(folder.iterdir())


def test_names_that_dials_does_not_open_are_said(folder, capfd):
    words = ("-cell 60 70 30 90 90 90 -default_F 100 -N 2 -detpixels 20 -pixel 0.5 -nonoise -floatfile f.bin "
             "-intfile i.img --quiet").split()
    assert main([*words, "--cbf", "a_1.cbf", "--smv-readable", "b1.img"]) == 0 and capfd.readouterr().err == ""
    assert main([*words, "--cbf", "a1_.cbf", "--smv-readable", "b.img"]) == 0
    said = capfd.readouterr().err
    assert "a1_.cbf: DIALS and XDS know images by the number" in said and "b.img: DIALS and XDS" in said


def test_xds_has_the_number_and_the_folder_of_its_images(folder):
    words = ("-cell 60 70 30 90 90 90 -default_F 100 -N 2 -detpixels 20 -pixel 0.5 -floatfile f.bin -intfile i.img "
             "-osc 0.5 -phisteps 1 --quiet").split()
    (folder / "out").mkdir()
    for place, template in (("out/XDS.INP", "q_????.cbf"), ("XDS.INP", "out/q_????.cbf")):
        assert main([*words, "--cbf", "out/q_0007.cbf", "--xds-inp", place]) == 0
        lines = (folder / place).read_text().splitlines()
        assert {f"NAME_TEMPLATE_OF_DATA_FRAMES= {template}", "DATA_RANGE= 7 7", "SPOT_RANGE= 7 7"} <= set(lines)
    assert main(["scan", "--frames", "3", "--images", "out/s_##.cbf", "--xds-inp", "out/S.INP",
                 *(word for word in words if word not in ("-floatfile", "f.bin", "-intfile", "i.img"))]) == 0
    lines = (folder / "out" / "S.INP").read_text().splitlines()
    assert {"NAME_TEMPLATE_OF_DATA_FRAMES= s_??.cbf", "DATA_RANGE= 1 3"} <= set(lines)


def test_a_spindle_that_turns_the_other_way_has_a_remedy(folder):
    crystal = nb.Crystal(cell=(60, 70, 30, 90, 90, 90), n_cells=2, oscillation_deg=0.5, phi_steps=1)
    detector = nb.detectors.pilatus3_6m(300, sensor_thickness_um=0)
    with pytest.raises(ValueError, match=r"spindle turns the other way .* than with -mosflm .*in_convention"):
        nb.scan(nb.Simulator(detector, nb.Beam(), 1.0), crystal, 1).write_images("a_#.cbf")
    assert list(folder.iterdir()) == []
