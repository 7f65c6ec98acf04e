"""The same counts in every file, whatever its type; what a file cannot say is refused before, what it cuts is said."""

from dataclasses import replace
import json
import warnings

import numpy as np
import pytest

import numbragg as nb
from numbragg.response import Defects, Gaps

h5py = pytest.importorskip("h5py")
fabio = pytest.importorskip("fabio")
tifffile = pytest.importorskip("tifffile")

CRYSTAL = nb.Crystal(cell=(79, 79, 38, 90, 90, 90), n_cells=5, oscillation_deg=0.5, phi_steps=2,
                     misset_deg=(10, 20, 30))
BEAM, PLANE = nb.Beam(fluence_photons_per_m2=1e20), nb.Detector(pixels=(64, 48), distance_mm=100)
JUNGFRAU = nb.Response.named("jungfrau", gaps=None)
RAW = replace(JUNGFRAU, gain_stages=replace(JUNGFRAU.gain_stages, output="raw"), dtype="uint16")
CAMERAS = {
    "rayonix": nb.Response.named("rayonix"),
    "low uint16": nb.Response(readout_adu=3, offset_adu=2, dtype="uint16"),
    "low int32": nb.Response(readout_adu=3, offset_adu=2, defects=Defects(dead_fraction=0.01, hot_fraction=0.01)),
    "int16": nb.Response(readout_adu=3, dtype="int16", gain_adu_per_photon=100,
                         defects=Defects(dead_fraction=0.01, hot_fraction=0.01)),
    "hot below": nb.Response(readout_adu=3, offset_adu=20, dtype="uint16",
                             defects=Defects(dead_fraction=0.01, hot_fraction=0.01, hot_adu=-3)),
    "negative offset": nb.Response(offset_adu=-2.5), "saturation": nb.Response(saturation_adu=3, offset_adu=1),
    "jungfrau": JUNGFRAU, "raw": RAW,
    "uint32": nb.Response(gain_adu_per_photon=1e9, dtype="uint32", gaps=Gaps(module_pixels=(31, 23),
                                                                             gap_pixels=(2, 2))),
}


@pytest.fixture(scope="module")
def images():
    """Means of two frames with few and with many photons, as a series and as single shots."""
    simulator = nb.Simulator(PLANE, BEAM, 100.0, background="water:5um")
    return simulator, nb.scan(simulator, CRYSTAL, 2, phi_midpoints=False, noise_seed=9)


def shot_of(camera, frame=0, **arguments):
    crystal = replace(CRYSTAL, phi_start_deg=0.5 * frame)
    return nb.simulate_counts(crystal, BEAM, PLANE, 100.0, response=camera, seed=9, frame=frame,
                              background="water:5um", **arguments)


def in_type(shot, dtype):
    """Counts as a file of a type holds them, written out: cut at its ends, masked pixels marked."""
    end = np.iinfo(dtype).max
    signed = dtype.startswith("i")
    counts = np.clip(shot.counts.astype(np.int64), -end if signed else 0, min(end - 1, shot.response.saturation))
    counts[shot.mask == 0] = -1 if signed else end
    return counts


@pytest.mark.filterwarnings("ignore::numbragg.NumbraggWarning")
@pytest.mark.parametrize("name", CAMERAS)
def test_a_frame_is_the_same_alone_and_in_a_series_in_every_file(tmp_path, images, name):
    camera, (simulator, _) = CAMERAS[name], images
    frames = nb.scan(simulator, CRYSTAL, 2, phi_midpoints=False, noise_seed=9, response=camera)
    shots = [shot_of(camera, frame) for frame in range(2)]
    frames.write_nexus(tmp_path / "s.nxs")
    truths = []
    for path, at in ((tmp_path / "s.nxs", None), (tmp_path / "0.nxs", 0), (tmp_path / "1.nxs", 1)):
        if at is not None:
            nb.write_nexus(path, shots[at])
        with h5py.File(path) as file:
            truth, detector = file["entry/numbragg"], file["entry/instrument/detector"]
            truths.append([json.loads(truth["response"].asstr()[()]), int(truth["offset_taken_away"][()]),
                           int(detector["saturation_value"][()]), int(detector["underload_value"][()])])
            for place, frame in enumerate(range(2) if at is None else [at]):
                counts = file["entry/data/data"][place].astype(np.int64)
                shot = shots[frame]
                good = shot.mask != 0
                expected = np.minimum(shot.counts.astype(np.int64) - truths[-1][1], 2 ** 31 - 2)
                assert (counts[good] == expected[good]).all()
    assert truths[0] == truths[1] == truths[2] and truths[0][0]["dtype"] == camera.dtype
    for frame, path in enumerate(frames.write_images(tmp_path / "s_####.img")):
        nb.write_smv(tmp_path / "a_1.img", shots[frame])
        expected = np.where(shots[frame].mask == 0, 0, in_type(shots[frame], "uint16"))
        for each in (path, tmp_path / "a_1.img"):
            assert (fabio.open(str(each)).data == expected).all()
    for dtype in ("uint16", "uint32", "int32", "int16", None):
        nb.write_tiff(tmp_path / "a.tif", shots[1], dtype=dtype)
        read = tifffile.imread(tmp_path / "a.tif")
        assert read.dtype == (dtype or camera.dtype)
        assert (read == in_type(shots[1], dtype or camera.dtype)).all(), dtype


@pytest.mark.filterwarnings("ignore::numbragg.NumbraggWarning")
@pytest.mark.parametrize("name, message", [
    ("rayonix", "offset_adu: 40 must be 0 in miniCBF"),
    ("int16", r"readout_adu: 3 with offset_adu: 0 makes counts below 0, which in miniCBF are pixels that are left out"),
    ("raw", "gain_stages.output: 'raw' must be 'corrected' in miniCBF"), ("jungfrau", None), ("uint32", None)])
def test_minicbf(tmp_path, images, name, message):
    camera, (simulator, _) = CAMERAS[name], images
    shot = shot_of(camera)
    frames = nb.scan(simulator, CRYSTAL, 2, phi_midpoints=False, noise_seed=9, response=camera)
    if message is None:
        nb.write_minicbf(tmp_path / "a_1.cbf", shot)
        for path in (tmp_path / "a_1.cbf", frames.write_images(tmp_path / "s_#.cbf")[0]):
            assert (fabio.open(str(path)).data == in_type(shot, "int32")).all()
        return
    frames._render = None
    for write in (lambda: nb.write_minicbf(tmp_path / "a_1.cbf", shot),
                  lambda: frames.write_images(tmp_path / "s_#.cbf")):
        with pytest.raises(ValueError, match=message):
            write()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("camera, said", [
    (nb.Response(readout_adu=3, offset_adu=40), ""), (nb.Response(readout_adu=0.06), ""),
    (nb.Response(readout_adu=0.061), "readout_adu: 0.061 with offset_adu: 0"),
    (nb.Response(readout_adu=3, dtype="uint16"), ""),
    (nb.Response(offset_adu=-1), "readout_adu: 0 with offset_adu: -1"),
    (nb.Response(readout_adu=3, offset_adu=40, defects=Defects(hot_fraction=0.1, hot_adu=-4)), "defects.hot_adu: -4"),
    (nb.Response(readout_adu=3, offset_adu=40, defects=Defects(hot_fraction=0.1)), ""), (JUNGFRAU, ""), (RAW, ""),
    (replace(JUNGFRAU, gain_stages=replace(JUNGFRAU.gain_stages, noises_kev=(1, 1, 1))),
     "gain_stages.noises_kev: (1.0, 1.0, 1.0)"),
])
def test_what_makes_counts_below_zero(camera, said):
    assert camera.below_zero == said
    stages = camera.gain_stages
    # no deviate is larger than 8.3, and one in ten thousand larger than 3.7
    noise = camera.readout_adu if stages is None else stages.noises_photons[0]
    if said and noise > 0.1 or not said:
        counts = camera.apply(np.zeros((500, 500)), seed=3)
        assert (counts.min() < 0) == (said != "" and counts.dtype.kind == "i")


def told(function, *arguments, **more):
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        function(*arguments, **more)
    return [str(each.message) for each in found]


def test_what_files_cut_is_said(tmp_path):
    low, high = shot_of(CAMERAS["int16"]), shot_of(CAMERAS["uint32"])
    path = tmp_path / "a_1.img"
    said = told(nb.write_smv, path, low)
    assert f"{path}: readout_adu: 3 with offset_adu: 0 makes counts below 0, which are 0 in uint16" in said
    full = int((high.counts[high.mask != 0] >= 65534).sum())
    assert any(f"{full} pixels hold 65534, the largest that counts in uint16" in each for each in told(
        nb.write_smv, path, high))
    # what float32 cannot hold
    odd = int((high.counts.astype(np.float32).astype(np.float64) != high.counts).sum())
    assert odd and any(f"{odd} pixels are whole numbers that float32 cannot hold" in each for each in told(
        nb.write_tiff, tmp_path / "a.tif", high, dtype="float32"))
    assert any("1 pixels are whole numbers that float32 cannot hold" in each for each in told(
        nb.write_tiff, tmp_path / "a.tif", np.array([[2 ** 32 - 1, 2 ** 24]], np.uint32)))
    assert any("1 pixels are below 0, the least of uint16" in each for each in told(
        nb.write_tiff, tmp_path / "a.tif", np.array([[-1, 3]]), dtype="uint16"))
    nb.write_tiff(tmp_path / "a.tif", np.array([[-1, 3]]), dtype="int32")
    assert tifffile.imread(tmp_path / "a.tif").tolist() == [[-1, 3]]


def test_raw_numbers_are_full_where_the_last_gain_ends(tmp_path):
    bright = nb.simulate_counts(CRYSTAL, nb.Beam(fluence_photons_per_m2=1e32), PLANE, 100.0, response=RAW, seed=1)
    assert RAW.saturated_value == 49152 and (bright.counts == 49152).any() and bright.counts.max() > 49152
    stages = RAW.gain_stages
    assert stages.photons(np.array([49152], np.uint16))[0] == pytest.approx(JUNGFRAU.saturation, abs=1)
    full = int((bright.counts == 49152).sum())
    for write, name in ((nb.write_nexus, "a.nxs"), (nb.write_smv, "a_1.img"), (nb.write_tiff, "a.tif")):
        said = told(write, tmp_path / name, bright)
        assert any(f"{full} pixels hold 49152, the largest that counts in uint16" in each for each in said), name
        assert any("pixels are raw numbers of three gains, not counts" in each for each in said), name


def test_truth_in_every_file(tmp_path):
    camera = nb.Response(readout_adu=2.5, offset_adu=30, dtype="uint16", name="a;b{}")
    shot = shot_of(camera, frame=1)
    told(nb.write_tiff, tmp_path / "a.tif", shot)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        said = json.loads(file.pages[0].description)
    assert said["counts"]["seed"] == 9 and said["counts"]["frame"] == 1
    assert said["counts"]["response"]["readout_adu"] == 2.5
    assert said["background"]["layers"][0]["material"] == "water"
    assert said["beam"]["fluence_photons_per_m2"] == 1e20 and said["spindle"]["phi_start_deg"] == 0.5
    assert said["detector"]["panels"][0]["pixels_fast_slow"] == [64, 48]
    assert said["crystals"][0]["cell_angstrom_deg"] == pytest.approx([79, 79, 38, 90, 90, 90])
    told(nb.write_tiff, tmp_path / "b.tif", shot.result)
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        means = json.loads(file.pages[0].description)
    # means are of no detector
    assert "counts" not in means and means["background"] == said["background"]
    told(nb.write_smv, tmp_path / "a_1.img", shot)
    header = (tmp_path / "a_1.img").read_bytes().partition(b"}")[0].decode()
    assert "\nBACKGROUND=(layers: [(material: water" in header and "RESPONSE=seed 9 frame 1 " in header
    assert "readout_adu: 2.5" in header and "name: a.b()" in header
    told(nb.write_minicbf, tmp_path / "a_1.cbf", shot_of(nb.Response()))
    text = fabio.open(str(tmp_path / "a_1.cbf")).header["_array_data.header_contents"]
    assert "# Background: (layers: [(material: water" in text and "# Response: seed 9" in text
