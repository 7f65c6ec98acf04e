"""Counts of shots and series, and the files that hold them: from Python and from the command line."""

import json
import subprocess
import sys

import numpy as np
import pytest

import numbragg as nb
from numbragg.response import Defects, Gaps

h5py = pytest.importorskip("h5py")

CRYSTAL = nb.Crystal(cell=(50, 60, 70, 90, 90, 90), n_cells=5, water_size_um=100)
RAYONIX = nb.Response.named("rayonix", gain_adu_per_photon=2.0, defects=Defects(dead_pixels=[(0, 3, 4)]),
                            gaps=Gaps(module_pixels=(30, 50), gap_pixels=(4, 0)))


@pytest.fixture(scope="module")
def shot():
    plane = nb.Detector(pixels=(64, 48))
    return nb.simulate_counts(CRYSTAL, nb.Beam(), plane, 100.0, response=RAYONIX, seed=5, frame=3)


@pytest.fixture(scope="module")
def frames():
    from dataclasses import replace

    crystal = replace(CRYSTAL, oscillation_deg=0.5, phi_steps=2)
    return nb.scan(nb.Simulator(nb.Detector(pixels=(64, 48)), nb.Beam(), 100.0), crystal, 3, noise_seed=5,
                   response=RAYONIX)


def test_a_shot(shot):
    assert (shot.image == nb.simulate(CRYSTAL, nb.Beam(), nb.Detector(pixels=(64, 48)), 100.0)).all()
    assert (shot.counts == RAYONIX.apply(shot.image, seed=5, frame=3, pixel_mm=0.1)).all()
    assert shot.mask[4, 3] == 0 and shot.mask[:, 30:34].sum() == 0 and shot.mask.sum() == 48 * 60 - 1
    assert repr(shot).startswith("<Counts of Rayonix, seed 5, frame 3, of <Result of 1 crystal(s)")
    plain = nb.simulate_counts(CRYSTAL, nb.Beam(), nb.Detector(pixels=(64, 48)), 100.0, seed=5)
    assert (plain.counts == nb.Response().apply(plain.image, seed=5)).all()


def test_panels():
    panels = [nb.Panel(pixels=(20, 30), origin_mm=(1 + 5.0 * n, 2, 80), fast_mm=(0.2, 0, 0), slow_mm=(0, 0.2, 0))
              for n in range(2)]
    shot = nb.simulate_counts(CRYSTAL, nb.Beam(), nb.Detector(panels=panels), 100.0, response=RAYONIX, seed=5)
    for number in range(2):
        assert (shot.counts[number] == RAYONIX.apply(shot.image[number], seed=5, panel=number, pixel_mm=0.2)).all()
    assert [part.shape for part in shot.mask] == [(30, 20), (30, 20)]


def test_a_series_is_that_of_single_frames(frames):
    for frame in (2, 0, 1):
        expected = RAYONIX.apply(frames.image(frame), seed=5, frame=frame, pixel_mm=0.1)
        assert (frames.counts(frame) == expected).all() and expected.dtype == np.uint16


def check_nexus(path, frame, counts, response=RAYONIX):
    with h5py.File(path) as file:
        detector, data = file["entry/instrument/detector"], file["entry/data"]
        stored, mask = data["data"][frame], response.mask(counts.shape) == 0
        assert (stored[~mask] == counts[~mask].astype(int) - 40).all() and (stored[mask] == 2 ** 31 - 1).all()
        assert ((detector["pixel_mask"][()] != 0) == mask).all()
        assert detector["saturation_value"][()] == 65534 - 40 and detector["underload_value"][()] <= -40
        assert data["data_scale_factor"][()] == 0.5
        truth = file["entry/numbragg"]
        assert truth["response_seed"][()] == 5 and truth["offset_taken_away"][()] == 40
        settings = json.loads(truth["response"].asstr()[()])
        assert settings["gain_adu_per_photon"] == 2.0 and settings["point_spread"]["kind"] == "fibre"


GAIN = "NXmx: the gain of 2 ADU a photon is not read from it"


def test_nexus(tmp_path, shot, frames):
    with pytest.warns(nb.NumbraggWarning, match=GAIN):
        nb.write_nexus(tmp_path / "a.nxs", shot)
    check_nexus(tmp_path / "a.nxs", 0, shot.counts)
    with pytest.warns(nb.NumbraggWarning, match=GAIN):
        frames.write_nexus(tmp_path / "b.nxs")
    for frame in range(3):
        check_nexus(tmp_path / "b.nxs", frame, frames.counts(frame))
    nb.write_nexus(tmp_path / "c.nxs", shot, shot.image)
    with h5py.File(tmp_path / "c.nxs") as file:
        # means are not what a detector records
        assert "pixel_mask" not in file["entry/instrument/detector"] and "response" not in file["entry/numbragg"]


def header_of(path):
    return dict(line.rstrip(b";").decode().split("=", 1) for line in path.read_bytes().partition(b"}")[0].split(b"\n")
                if b"=" in line)


def test_smv(tmp_path, shot, frames):
    from numbragg.io.any_image import read_image

    nb.write_smv(tmp_path / "a_1.img", shot)
    frames.write_images(tmp_path / "b_#.img")
    for name, counts in (("a_1.img", shot.counts), ("b_2.img", frames.counts(1))):
        header = header_of(tmp_path / name)
        assert header["IMAGE_PEDESTAL"] == "40.0" and header["GAIN"] == "2.0"
        assert header["CCD_IMAGE_SATURATION"] == "65534"
        assert header["RESPONSE"].startswith("seed 5 frame ") and "fwhm_um: 41.4" in header["RESPONSE"]
        mask = RAYONIX.mask(counts.shape) == 0
        assert (read_image(tmp_path / name)[0] == np.where(mask, 0, counts)).all()


def test_minicbf(tmp_path, shot):
    fabio = pytest.importorskip("fabio")
    with pytest.raises(ValueError, match="offset_adu: 40 must be 0 in miniCBF"):
        nb.write_minicbf(tmp_path / "a_1.cbf", shot)
    assert not (tmp_path / "a_1.cbf").exists()
    with pytest.warns(nb.NumbraggWarning, match="gaps: the panel of 1040 x 10 pixels .* is not made of whole modules"):
        eiger = nb.simulate_counts(CRYSTAL, nb.Beam(), nb.Detector(pixels=(1040, 10)), 100.0, seed=1,
                                   response=nb.Response.named("eiger", saturation_adu=3))
    with pytest.warns(nb.NumbraggWarning, match=r"a_1.cbf: \d+ pixels hold 3, the largest that counts in int32"):
        nb.write_minicbf(tmp_path / "a_1.cbf", eiger)
    read = fabio.open(str(tmp_path / "a_1.cbf"))
    assert (read.data == eiger.counts).all() and (read.data[:, 1028:] == -1).all() and read.data.max() == 3
    text = read.header["_array_data.header_contents"]
    assert "# Count_cutoff 3 counts" in text and "# Response: seed 1 frame 0 (gaps: (module_pixels: [1028 512]" in text


def test_counts_are_needed_for_formats_of_counts(tmp_path):
    result = nb.Simulator(nb.Detector(pixels=(64, 48)), nb.Beam(), 100.0).run(CRYSTAL)
    with pytest.raises(ValueError, match="image: must be given for SMV, unless the result is that of simulate_counts"):
        nb.write_smv(tmp_path / "a_1.img", result)


def test_a_series_goes_on_with_its_own_response_only(frames):
    from dataclasses import replace

    other = nb.scan(nb.Simulator(nb.Detector(pixels=(64, 48)), nb.Beam(), 100.0),
                    replace(CRYSTAL, oscillation_deg=0.5, phi_steps=2), 3, noise_seed=5,
                    response=replace(RAYONIX, readout_adu=3.5))
    assert frames._key() != other._key()
    other.response = RAYONIX
    assert frames._key() == other._key()


@pytest.mark.parametrize("arguments, message", [
    ({"response": 3}, "response: 3 must be a Response object"),
    ({"seed": -1}, f"seed: -1 must be a whole number from 0 to {2 ** 63 - 1}"),
    ({"frame": -1}, f"frame: -1 must be a whole number from 0 to {2 ** 32 - 1}"),
])
def test_what_cannot_be_counted(arguments, message):
    with pytest.raises(ValueError) as error:
        nb.simulate_counts(CRYSTAL, nb.Beam(), nb.Detector(pixels=(4, 4)), 100.0, **{"seed": 1, **arguments})
    assert str(error.value) == message
    with pytest.raises(ValueError, match="response: needs a noise_seed, from which it draws"):
        nb.scan(nb.Simulator(nb.Detector(pixels=(4, 4)), nb.Beam(), 100.0), CRYSTAL, 1, noise_seed=None,
                response=RAYONIX)


# -- the command line

LINE = ["-default_F", "100", "-cell", "79", "79", "38", "90", "90", "90", "-N", "8", "-oversample", "1", "-seed", "5",
        "-detpixels", "60", "-water", "2"]
ENDS = ".h5, .hdf5, .nxs, .cxi, .cbf, .img, .smv, .tif, .tiff or .npy"
TOML = 'detector = "rayonix"\ngain_adu_per_photon = 2\n'


def run(*words):
    done = subprocess.run([sys.executable, "-m", "numbragg", *words], capture_output=True, text=True)
    return done.returncode, done.stderr


@pytest.fixture
def means(folder):
    (folder / "r.toml").write_text(TOML)
    return folder


def test_command_line(means):
    response = nb.Response.named("rayonix", gain_adu_per_photon=2)
    from numbragg.io.any_image import read_image

    for name in ("a.npy", "a_1.img", "a.tif", "a.h5"):
        assert run(*LINE, "--response", "r.toml", "--counts", name, "--stats-json", "s.json", "--quiet",
                   "-nopgm")[0] == 0, name
        image = np.fromfile("floatimage.bin", np.float32).reshape(60, 60)
        expected = response.apply(image, seed=5, pixel_mm=0.1)
        found = np.load(name) if name == "a.npy" else np.squeeze(read_image(name)[0])
        assert (found == (expected.astype(int) - 40 if name == "a.h5" else expected)).all(), name
    facts = json.loads((means / "s.json").read_text())
    assert facts["counts"]["seed"] == 5 and facts["counts"]["response"]["gain_adu_per_photon"] == 2.0
    assert "a.h5" in facts["files"]
    # the C program's noise image stays as it is
    noise = (means / "noiseimage.img").read_bytes()
    assert run(*LINE, "--quiet")[0] == 0 and (means / "noiseimage.img").read_bytes() == noise
    assert run(*LINE, "--counts", "p.npy", "--quiet")[0] == 0
    assert (np.load("p.npy") == nb.Response().apply(image, seed=5)).all()


def test_command_line_of_panels_and_series(means):
    assert run(*LINE, "--detector", "jungfrau4m", "-roi", "0", "40", "0", "40", "--counts", "a.npy")[0] == 2
    words = ["--response", "r.toml", *LINE, "-osc", "0.5", "-phisteps", "2"]
    assert run("scan", "--frames", "2", "--images", "s_#.img", *words)[0] == 0
    assert header_of(means / "s_2.img")["GAIN"] == "2.0"


@pytest.mark.parametrize("words, message", [
    (["--response", "r.toml"],
     "--response r.toml: needs --counts FILE, or --cbf, --smv-readable or a --tiff-type of counts"),
    (["--response", "r.toml", "--counts", "a.npy", "-nonoise"],
     "--response r.toml: draws random numbers, and -nonoise wants none"),
    (["--counts", "a.jpg"], "--counts a.jpg: must end in " + ENDS),
    (["--response", "r.toml", "--counts", "a_1.cbf"], "r.toml: offset_adu: 40 must be 0 in miniCBF, whose header has "
     "no word for it; NXmx and SMV have (a_1.cbf)"),
    (["--response", "none.toml", "--counts", "a.npy"], "none.toml: No such file or directory"),
    (["--response", "r.toml", "--counts", "r.toml"],
     "--counts r.toml: must end in " + ENDS),
    (["--response", "r.toml", "--counts", "a.npy", "-floatfile", "r.toml"],
     "r.toml: is read and cannot be written too"),
    (["--nexus", "a.h5", "--counts", "./a.h5"],
     "./a.h5: is the destination of the NXmx file and of the counts; every output needs a file of its own"),
    (["--response", "bad.toml", "--counts", "a.npy"],
     "bad.toml: readout_adu: -1 must not be negative in ADU"),
])
def test_one_line_and_no_file(means, words, message):
    (means / "bad.toml").write_text("readout_adu = -1")
    assert run(*LINE, *words) == (2, f"numbragg: error: {message}\n")
    assert sorted(path.name for path in means.iterdir()) == ["bad.toml", "r.toml"]


@pytest.mark.parametrize("words, message", [
    (["--float"], "--response r.toml: is of counts, and --float writes means"),
    (["-nonoise"], "--response r.toml: draws random numbers, and -nonoise wants none"),
])
def test_series_of_means_have_no_response(means, words, message):
    assert run("scan", "--frames", "2", "--nexus", "a.nxs", *words, "--response", "r.toml", *LINE, "-osc", "1") == (
        2, f"numbragg: error: {message}\n")


PANELS = """clen = 0.1
res = 10000
one/min_fs = 0
one/max_fs = 29
one/min_ss = 0
one/max_ss = 19
one/corner_x = -40
one/corner_y = 0
one/fs = +1.0x
one/ss = -1.0y
two/min_fs = 0
two/max_fs = 29
two/min_ss = 20
two/max_ss = 39
two/corner_x = -40
two/corner_y = 30.5
two/fs = +1.0x
two/ss = -1.0y
"""


def test_counts_of_several_panels(means):
    (means / "two.geom").write_text(PANELS)
    line = ["-default_F", "100", "-cell", "79", "79", "38", "90", "90", "90", "-N", "8", "-oversample", "1",
            "-seed", "5", "-fluence", "1e24", "--detector", "two.geom", "--quiet"]
    words = [*line, "--response", "r.toml"]
    before = sorted(path.name for path in means.iterdir())
    for name in ("a_1.img", "a_1.cbf"):
        status, said = run(*line, "--counts", name)
        assert status == 2 and "the detector has 2 panels, which its header cannot say" in said, name
    for wrong in (["--npy", "r.toml.npy", "--counts", "r.toml.npy"], ["--counts", "a.npy", "-floatfile", "r.toml"],
                  ["--counts", "a.npy", "--geom", "two.geom"]):
        assert run(*words, *wrong)[0] == 2, wrong
    assert sorted(path.name for path in means.iterdir()) == before and (means / "r.toml").read_text() == TOML
    assert run(*words, "--counts", "a.npy", "-floatfile", "f.bin")[0] == 0
    image = np.fromfile("f.bin", np.float32).reshape(2, 20, 30)
    response = nb.Response.named("rayonix", gain_adu_per_photon=2)
    expected = np.array(response.apply(image, seed=5, pixel_mm=0.1))
    assert (np.load("a.npy") == expected).all() and (expected[0] != expected[1]).any()
    for name in ("a.h5", "a.tif"):
        assert run(*words, "--counts", name)[0] == 0, name
    import h5py

    with h5py.File("a.h5") as file:
        assert (file["entry/data/data"][0].reshape(2, 20, 30) == expected.astype(int) - 40).all()


def test_counts_are_compared_and_viewed_by_the_name_of_their_file(means):
    assert run(*LINE, "--quiet", "--counts", "a.h5", "--response", "r.toml")[0] == 0
    assert run("compare", "a.h5", "a.h5") == (0, "")
    assert run("view", "a.h5", "--png", "a.png") == (0, "") and (means / "a.png").stat().st_size
