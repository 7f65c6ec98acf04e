"""Series of frames: their bits, angles, counts and files, and what an interrupt leaves."""

from dataclasses import replace
from pathlib import Path
import subprocess
import sys
import tracemalloc
import warnings

import h5py
import numpy as np
import pytest

import numbragg as nb
from numbragg.io.image_series import check_template, name_of
from numbragg.results.counts import photons
from numbragg.results.fingerprint import fingerprint

HERE = Path(__file__).parent
CRYSTAL = nb.Crystal(cell=(50, 60, 70, 90, 90, 90), misset_deg=(10, 20, 30), n_cells=5, phi_start_deg=3.1,
                     oscillation_deg=0.7, phi_steps=3, mosaic_spread_deg=0.5, mosaic_domains=3)
PLANE = nb.Detector(pixels=(60, 50), pixel_mm=0.2, distance_mm=80, beam_centre_mm=(2, 8))
SIMULATOR = nb.Simulator(PLANE, nb.Beam(), 100.0)


class Stop(Exception):
    """An interrupt at a moment of our choice."""


def stop_at(frame):
    def progress(done):
        if done == frame:
            raise Stop
    return progress


def at(frame, shift=0.0):
    return replace(CRYSTAL, phi_start_deg=3.1 + frame * 0.7 + shift)


def test_frames_have_the_bits_of_single_images():
    frames = nb.scan(SIMULATOR, CRYSTAL, 4, phi_midpoints=False)
    assert [image.tobytes() for image in frames] == [SIMULATOR.image(at(n)).tobytes() for n in range(4)]
    assert len({image.tobytes() for image in frames}) == 4


@pytest.mark.parametrize("more", [
    {"mosaicity": "gaussian"}, {"n_cells": (1, 5, 5)},
    {"mosaicity": "anisotropic", "mosaic_domains": 8, "mosaic_low_discrepancy": True,
     "mosaic_spread_deg": (0.1, 0.5, 1.0)}],
                         ids=["gaussian", "interpolated", "axes"])
def test_frames_of_other_mosaicities(more):
    crystal = replace(CRYSTAL, **more)
    hkl = np.array([(h, k, m) for h in range(-9, 10) for k in range(-9, 10) for m in range(-9, 10)])
    factors = nb.StructureFactors.from_reflections(hkl, 10.0 + abs(hkl @ (1.0, 2.0, 3.0)))
    simulator = nb.Simulator(PLANE, nb.Beam(), factors)
    frames = nb.scan(simulator, crystal, 3, phi_midpoints=False)
    for n in range(3):
        one = simulator.image(replace(crystal, phi_start_deg=3.1 + n * 0.7))
        assert one.any() and frames.image(n).tobytes() == one.tobytes()


def test_several_crystals_on_panels():
    panels = [nb.Panel(pixels=(20, 20), origin_mm=(-2.0, y, 80.0), fast_mm=(0.2, 0, 0), slow_mm=(0, -0.2, 0))
              for y in (-1.0, 5.0)]
    simulator = nb.Simulator(nb.Detector(panels=panels), nb.Beam(), 100.0)
    two = [CRYSTAL, replace(CRYSTAL, phi_start_deg=40.0, scale=0.5)]
    frames = nb.scan(simulator, two, 2, phi_midpoints=False)
    one = simulator.image([at(1), replace(two[1], phi_start_deg=40.0 + 0.7)])
    assert frames.image(1).tobytes() == np.asarray(one).tobytes()
    assert len(frames.counts(1)) == 2


def test_angles_are_computed_not_added_up():
    frames = nb.scan(SIMULATOR, replace(CRYSTAL, phi_start_deg=0.0, oscillation_deg=0.1), 100)
    assert frames.phi_deg == tuple(0.0 + n * 0.1 for n in range(100))


def test_means_and_middles():
    """The steps 0, 1/3 and 2/3 of a frame have their mean at 1/3; centred ones in the middle."""
    edge = nb.scan(SIMULATOR, CRYSTAL, 2, phi_midpoints=False)
    assert edge.mean_phi_deg == pytest.approx((3.1 + 0.7 / 3, 3.8 + 0.7 / 3))
    middle = nb.scan(SIMULATOR, CRYSTAL, 2)
    assert middle.mean_phi_deg == pytest.approx((3.45, 4.15)) and middle.phi_deg == edge.phi_deg
    assert np.array_equal(middle.image(1), SIMULATOR.image(at(1, 0.7 / 6)))


def test_counts_are_of_a_frame_alone():
    frames, longer = nb.scan(SIMULATOR, CRYSTAL, 2, noise_seed=7), nb.scan(SIMULATOR, CRYSTAL, 5, noise_seed=7)
    assert np.array_equal(frames.counts(1), longer.counts(1))
    other = nb.scan(SIMULATOR, CRYSTAL, 2, noise_seed=8)
    assert not np.array_equal(frames.counts(1), other.counts(1))
    assert np.array_equal(nb.scan(SIMULATOR, CRYSTAL, 2, noise_seed=None).counts(1), np.rint(frames.image(1)))


def test_photons_are_poisson_deviates():
    mean = np.repeat(np.float32([0.1, 3.0, 40.0, 1e6]), 100000).reshape(4, -1)
    drawn = photons(mean, np.int32, seed=3)
    for row, lam in zip(drawn, (0.1, 3.0, 40.0, 1e6)):
        # four standard deviations of mean and variance
        assert abs(row.mean() - lam) < 4.0 * (lam / 1e5) ** 0.5
        assert abs(row.var() - lam) < 4.0 * ((2.0 * lam * lam + lam) / 1e5) ** 0.5
    frames = [photons(mean, np.int32, seed=3, frame=f, panel=p).tobytes() for f, p in ((0, 0), (1, 0), (0, 1), (1, 1))]
    assert len(set(frames)) == 4
    # whatever numbers of rows are drawn at a time
    tall = np.full((3000, 700), 2.0, np.float32)
    assert np.array_equal(photons(tall, np.int32, seed=1)[:1000], photons(tall[:1000], np.int32, seed=1))


def test_photons_of_odd_images():
    odd = np.float32([[np.nan, -5.0, np.inf, 7e4]])
    assert photons(odd, np.uint16, seed=None).tolist() == [[0, 0, 65535, 65535]]
    assert photons(odd, np.uint16, seed=1).tolist() == [[0, 0, 65535, 65535]]
    assert photons(odd, np.int32, seed=1)[0, 2] == 2 ** 31 - 1


@pytest.mark.parametrize("stop", [1, 2, 3, 4])
def test_nexus_goes_on_after_an_interrupt(folder, stop):
    frames = nb.scan(SIMULATOR, CRYSTAL, 4)
    frames.write_nexus("whole.nxs")
    with pytest.raises(Stop):
        frames.write_nexus("parts.nxs", progress=stop_at(stop))
    assert sorted(path.name for path in folder.iterdir()) == ["parts.nxs.partial", "whole.nxs"]
    made = []
    frames.write_nexus("parts.nxs", progress=made.append)
    assert made == list(range(stop, 5))
    with h5py.File("whole.nxs") as whole, h5py.File("parts.nxs") as parts:
        assert np.array_equal(whole["entry/data/data"], parts["entry/data/data"])
        assert [frame.tobytes() for frame in whole["entry/data/data"]] == [frames.counts(n).tobytes() for n in range(4)]
        assert whole.attrs["numbragg_unfinished"] == b"" and whole.attrs["numbragg_frames_written"] == 4
    # whatever was interrupted
    assert (folder / "whole.nxs").read_bytes() == (folder / "parts.nxs").read_bytes()
    assert sorted(path.name for path in folder.iterdir()) == ["parts.nxs", "whole.nxs"]


def test_an_unfinished_file_of_another_series_is_not_gone_on_with(folder):
    with pytest.raises(Stop):
        nb.scan(SIMULATOR, CRYSTAL, 4).write_nexus("a.nxs", progress=stop_at(2))
    made = []
    nb.scan(SIMULATOR, CRYSTAL, 4, noise_seed=2).write_nexus("a.nxs", progress=made.append)
    assert made[0] == 0
    (folder / "b.nxs.partial").write_bytes(b"no HDF5")
    with pytest.raises(FileExistsError, match="not left by an interrupted series"):
        nb.scan(SIMULATOR, CRYSTAL, 1).write_nexus("b.nxs", progress=made.append)
    assert (folder / "b.nxs.partial").read_bytes() == b"no HDF5" and not (folder / "b.nxs").exists()


@pytest.mark.parametrize("ending", ["img", "cbf"])
def test_images_go_on_after_an_interrupt(folder, ending):
    frames = nb.scan(SIMULATOR, CRYSTAL, 4)
    names = frames.write_images(f"whole_##.{ending}")
    with pytest.raises(Stop):
        frames.write_images(f"parts_##.{ending}", progress=stop_at(2))
    assert not (folder / f"parts_03.{ending}").exists()
    made = []
    frames.write_images(f"parts_##.{ending}", progress=made.append)
    assert made == [2, 3, 4]
    for name in names:
        assert (folder / name).read_bytes() == (folder / name.replace("whole", "parts")).read_bytes()
    assert not list(folder.glob("*.partial"))
    with pytest.raises(Stop):
        frames.write_images(f"parts_##.{ending}", progress=stop_at(3))
    (folder / f"parts_02.{ending}").unlink()
    made.clear()
    frames.write_images(f"parts_##.{ending}", progress=made.append)
    assert made == [1, 2, 3, 4]


def test_the_same_series_has_the_same_bytes(folder):
    for name in ("a.nxs", "b.nxs"):
        nb.scan(SIMULATOR, CRYSTAL, 2).write_nexus(name)
    assert (folder / "a.nxs").read_bytes() == (folder / "b.nxs").read_bytes()


def test_truth_in_nexus(folder):
    frames = nb.scan(SIMULATOR, CRYSTAL, 3, phi_midpoints=False, noise_seed=11)
    frames.write_nexus("a.nxs", date="2026-01-02T03:04:05Z")
    with h5py.File("a.nxs") as file:
        truth = file["entry/numbragg"]
        assert truth["phi_mean"][:] == pytest.approx(frames.mean_phi_deg) and truth["noise_seed"][()] == 11
        assert truth["crystal_0/unit_cell"][:] == pytest.approx((50, 60, 70, 90, 90, 90))
        omega = file["entry/sample/transformations"]
        assert omega["omega"][:].tolist() == list(frames.phi_deg)
        assert omega["omega_end"][:] == pytest.approx([phi + 0.7 for phi in frames.phi_deg])
        assert file["entry/start_time"][()] == b"2026-01-02T03:04:05Z"


@pytest.mark.parametrize("crystal, more, said", [
    (replace(CRYSTAL, oscillation_deg=None), {}, "oscillation_deg: None must be above 0"),
    ([CRYSTAL, replace(CRYSTAL, oscillation_deg=1.0)], {}, "oscillation_deg: 0.7 must be above 0, and the same"),
    (CRYSTAL, {"frames": 0}, "frames: 0 must be a whole number from 1"),
    (CRYSTAL, {"noise_seed": -1}, "noise_seed: -1 must be a whole number from 0"),
    (CRYSTAL, {"phi_midpoints": "no"}, "phi_midpoints: 'no'")])
def test_refused(crystal, more, said):
    with pytest.raises(ValueError, match=said):
        nb.scan(SIMULATOR, crystal, **{"frames": 2} | more)
    with pytest.raises(ValueError, match="simulator: Detector must be a Simulator"):
        nb.scan(PLANE, CRYSTAL, 2)


def test_refused_files(folder):
    frames = nb.scan(SIMULATOR, CRYSTAL, 12)
    for name, said in (("a.img", "must have one #"), ("a_#_#.img", "must have one #"), ("a_#.img", "2, one for each"),
                       ("a_##.tif", "must end in .img or .cbf"), ("#/a_##.cbf", "must have one #")):
        with pytest.raises(ValueError, match=said):
            frames.write_images(name)
    with pytest.raises(ValueError, match="compression: 'lzma'"):
        frames.write_nexus("a.nxs", compression="lzma")
    with pytest.raises(FileNotFoundError):
        frames.write_nexus("none/a.nxs")
    with pytest.raises(ValueError, match="must be a file"):
        frames.write_nexus("/dev/null")
    tilted = nb.Simulator(replace(PLANE, rotation_deg=(0, 10, 0)), nb.Beam(), 100.0)
    for ending in ("img", "cbf"):
        with pytest.raises(ValueError, match="the detector is tilted.*NXmx can"):
            nb.scan(tilted, CRYSTAL, 2).write_images(f"a_#.{ending}")
    with pytest.raises(IndexError, match="frame: 12 of 12"):
        frames.image(12)
    assert not list(folder.iterdir())


def test_names():
    check_template("x/name_####.img", 9999)
    assert name_of("x/name_###.cbf", 9) == "x/name_010.cbf"


def test_fingerprints_tell_what_differs():
    array = np.arange(6.0)
    same = fingerprint((array, 1.5), "a")
    assert fingerprint((array.copy(), 1.5), "a") == same
    others = [((array + 1.0, 1.5), "a"), ((array.reshape(2, 3), 1.5), "a"), ((array, 1.5), "b"), ((array, 1.5, "a"),),
              ((array.astype(np.float32), 1.5), "a")]
    assert len({same, *(fingerprint(*parts) for parts in others)}) == 6


def test_a_long_series_takes_no_memory():
    tracemalloc.start()
    try:
        frames = nb.scan(SIMULATOR, CRYSTAL, 10 ** 9)
        assert tracemalloc.get_traced_memory()[1] < 10 ** 7
    finally:
        tracemalloc.stop()
    assert len(frames) == 10 ** 9
    assert frames.image(3).tobytes() == nb.scan(SIMULATOR, CRYSTAL, 4).image(3).tobytes()
    assert frames.image(10 ** 9 - 1).any()


def test_a_file_of_more_frames_than_memory_has_angles_for(folder, monkeypatch):
    from numbragg.render.scan import _FRAME_BYTES

    monkeypatch.setattr("numbragg.memory.available", lambda: 10 ** 9)
    with pytest.raises(ValueError, match=f"^frames: the angles of 1000000000 frames need {_FRAME_BYTES} GB"):
        nb.scan(SIMULATOR, CRYSTAL, 10 ** 9).write_nexus("a.nxs")
    assert not list(folder.iterdir())


#: So bright that some pixels are saturated whatever the type, and some are not.
BRIGHT = nb.Simulator(replace(PLANE, mask=np.arange(3000).reshape(50, 60) % 3 > 0),
                      nb.Beam(fluence_photons_per_m2=1e37), 100.0)


@pytest.mark.parametrize("name, largest", [("s_#.img", 65535), ("s_#.cbf", 2 ** 31 - 1), ("s.nxs", 2 ** 31 - 2)])
def test_saturation_is_said_once(folder, name, largest):
    frames = nb.scan(BRIGHT, CRYSTAL, 3)
    full = [int((frames.counts(n) >= largest).sum()) for n in range(3)]
    assert all(full)
    said = f"{name}: {sum(full)} pixels in 3 frames hold {largest}, the largest that is counted"
    write = frames.write_nexus if name.endswith(".nxs") else frames.write_images
    with pytest.warns(nb.NumbraggWarning, match=said) as found:
        write(name)
    assert len(found) == 1
    # an interrupt does not make it forget
    with pytest.raises(Stop):
        write(name, progress=stop_at(2))
    with pytest.warns(nb.NumbraggWarning, match=said):
        write(name)


def test_saturated_pixels_are_not_masked_ones(folder):
    frames = nb.scan(BRIGHT, CRYSTAL, 1)
    with pytest.warns(nb.NumbraggWarning, match="hold 2147483646"):
        frames.write_nexus("a.nxs")
    with h5py.File("a.nxs") as file:
        detector, data = file["entry/instrument/detector"], file["entry/data/data"][0]
        mask, largest = detector["pixel_mask"][:] != 0, detector["saturation_value"][()]
    assert largest == 2 ** 31 - 2 and (data[mask] == 2 ** 31 - 1).all() and (data[~mask] <= largest).all()
    assert np.array_equal(data[~mask] == largest, frames.counts(0)[~mask] >= largest) and (data == largest).any()


def test_means_above_every_saturation_value_are_said(folder):
    frames = nb.scan(BRIGHT, CRYSTAL, 1)
    above = int((frames.image(0) >= 2 ** 31 - 1).sum())
    with pytest.warns(nb.NumbraggWarning, match=f"a.nxs: {above} pixels in 1 frame hold 2147483647 or more"):
        frames.write_nexus("a.nxs", floats=True)
    with h5py.File("a.nxs") as file:
        assert file["entry/data/data"][0].tobytes() == frames.image(0).tobytes()


def test_files_of_an_earlier_series_are_said(folder):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nb.scan(SIMULATOR, CRYSTAL, 5).write_images("p_#.img")
        nb.scan(SIMULATOR, CRYSTAL, 5, noise_seed=2).write_images("p_#.img")
        (folder / "p_10.img").touch()
        (folder / "p_x.img").touch()
        nb.scan(SIMULATOR, CRYSTAL, 5).write_images("p_#.img")
    with pytest.warns(nb.NumbraggWarning, match="p_#.img: 2 files of this name, p_4.img to p_5.img, are not of this"):
        nb.scan(SIMULATOR, CRYSTAL, 3).write_images("p_#.img")
    (folder / "p_5.img").unlink()
    with pytest.warns(nb.NumbraggWarning, match="p_#.img: a file of this name, p_4.img, is not of this series"):
        nb.scan(SIMULATOR, CRYSTAL, 3).write_images("p_#.img")


@pytest.mark.parametrize("name", ["a.nxs", "a_#.img", "a_#.cbf"])
def test_a_series_that_is_being_written_is_refused(folder, name):
    write = ["write_images", "write_nexus"][name == "a.nxs"]
    inside = []

    def second(done):
        if done == 1:
            with pytest.raises(BlockingIOError, match="another run is writing it") as error:
                getattr(nb.scan(SIMULATOR, CRYSTAL, 2), write)(name)
            inside.append(error.value.filename)

    getattr(nb.scan(SIMULATOR, CRYSTAL, 2), write)(name, progress=second)
    assert inside == [name] and not list(folder.glob("*.partial"))
    getattr(nb.scan(SIMULATOR, CRYSTAL, 2), write)(name)


@pytest.mark.parametrize("name, at", [("a.nxs", "numbragg.io.nxmx.NexusWriter._goes_on"),
                                      ("a_#.img", "numbragg.io.image_series.ImageSeries._go_on")])
def test_an_interrupt_before_the_first_frame_loses_nothing(folder, monkeypatch, name, at):
    frames = nb.scan(SIMULATOR, CRYSTAL, 4)
    write = frames.write_nexus if name == "a.nxs" else frames.write_images

    def stop(*arguments):
        raise Stop

    with monkeypatch.context() as patch:
        patch.setattr(at, stop)
        with pytest.raises(Stop):
            write(name)
        # nothing was there
        assert not list(folder.iterdir())
        patch.undo()
        with pytest.raises(Stop):
            write(name, progress=stop_at(2))
        patch.setattr(at, stop)
        with pytest.raises(Stop):
            write(name)
    made = []
    write(name, progress=made.append)
    assert made == [2, 3, 4]


def test_names_in_the_way(folder):
    frames = nb.scan(SIMULATOR, CRYSTAL, 3)
    (folder / "a_2.img").mkdir()
    with pytest.raises(IsADirectoryError) as error:
        frames.write_images("a_#.img")
    assert error.value.filename == "a_2.img"
    for write, name in ((frames.write_images, "none/a_#.img"), (frames.write_nexus, "none/a.nxs")):
        with pytest.raises(FileNotFoundError) as error:
            write(name)
        assert error.value.filename == name
    (folder / "b_#.img.partial").mkdir()
    with pytest.raises(IsADirectoryError) as error:
        frames.write_images("b_#.img")
    assert error.value.filename == "b_#.img.partial"
    for write, name in ((frames.write_images, "c_#.img"), (frames.write_nexus, "c.nxs")):
        with pytest.raises(Stop):
            write(name, progress=stop_at(0))
    assert not list(folder.glob("c*"))


#: Files may grow to a limit that is raised step by step; each time the same series is written again.
FULL_DISK = """
import pathlib, resource, sys
import h5py
import numpy as np
import numbragg as nb
sys.path.insert(0, {tests!r})
from test_scan import CRYSTAL, SIMULATOR

frames, name, hard = nb.scan(SIMULATOR, CRYSTAL, 4), {name!r}, resource.getrlimit(resource.RLIMIT_FSIZE)[1]
write = frames.write_nexus if name.endswith(".nxs") else frames.write_images
failed, limit, most = 0, 100, 0
while True:
    begun = [0]
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        write(name, progress=begun.append{more})
        break
    except OSError as error:
        assert error.errno == 27 and error.filename in (name, name.replace("#", "1")), error
        failed += 1
        assert not pathlib.Path(name).exists()
        assert pathlib.Path(name + ".partial").exists() == (begun[-1] > 0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        most = max(most, begun[1] if begun[1:] else 0)
    limit += 700
    assert limit < 10 ** 6
assert failed > 5
if name.endswith(".nxs"):
    with h5py.File(name) as file:
        for n in range(4):
            assert np.array_equal(file["entry/data/data"][n], frames.counts(n))
print(failed, most, pathlib.Path(name + ".partial").exists())
"""


@pytest.mark.parametrize("name, more", [("a.nxs", ""), ("a.nxs", ", compression='none'"), ("a_#.img", "")],
                         ids=["gzip", "uncompressed", "images"])
def test_a_full_disk_is_an_error_and_the_series_goes_on(folder, name, more):
    pytest.importorskip("resource", reason="no limits of this kind on this system")
    code = FULL_DISK.format(name=name, more=more, tests=str(HERE))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    most, left = done.stdout.split()[1:]
    # frames that were whole were gone on with: images have one size, so that the first one is as hard as the last
    assert (int(most) in (1, 2, 3)) == name.endswith(".nxs") and left == "False" and not done.stderr


def test_what_readers_take_for_granted_is_said(folder):
    plane = nb.Detector(pixels=(20, 16), pixel_mm=1.0, convention="dials")
    crystal = nb.Crystal(cell=(50, 60, 70, 90, 90, 90), n_cells=3, oscillation_deg=0.5)
    frames = nb.scan(nb.Simulator(plane, nb.Beam(polarisation_fraction=0.9), 100.0), crystal, 1)
    with pytest.warns(nb.NumbraggWarning, match="NXmx: DIALS takes the polarisation"):
        frames.write_nexus("a.nxs")
    with warnings.catch_warnings():
        warnings.filterwarnings("error", ".*polarisation")
        nb.scan(nb.Simulator(plane, nb.Beam(polarisation_fraction=0.0), 100.0), crystal, 1).write_nexus("a.nxs")
