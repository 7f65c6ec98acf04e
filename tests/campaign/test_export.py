"""Exports: what the files of resonet and BraggNN have, and that there is all of them or none."""

import math
import os

from campaign_tools import SMALL, changed, write
from formula_tools import INTERPRETED
import numpy as np
import pytest
from test_shots import GEOMETRY, PLAIN

from numbragg.commands.cli import main

h5py = pytest.importorskip("h5py", reason="files are HDF5")
pytest.importorskip("pyarrow", reason="tables are Parquet")
pytestmark = pytest.mark.skipif(INTERPRETED, reason="files of many shots are for compiled kernels")

LABELS = "[labels]\nmin_photons = 5.0\nmask_photons = 0.5\n"


def made(text):
    write(text)
    assert main(["campaign", "run", "set.toml", "--out", "out", "--shard", "0/1", "--quiet"]) == 0
    from numbragg.campaign.reader import CampaignReader

    return CampaignReader("out")


def test_resonet(folder, capfd):
    shots = made(SMALL + LABELS + '[vary.distance_mm]\ndistribution = "uniform"\nlow = 55.0\nhigh = 60.0\n')
    assert main(["campaign", "export", "out", "--layout", "resonet", "--out", "r.h5"]) == 0
    assert capfd.readouterr().out == "out: 12 shots for resonet: r.h5\n"
    assert sorted(os.listdir(".")) == ["out", "r.h5", "set.toml"]
    with h5py.File("r.h5") as file:
        images, labels, geometry = file["images"][:], file["labels"][:], file["geom"][:]
        names = list(file["labels"].attrs["names"])
        assert list(file["geom"].attrs["names"]) == ["detdist", "wavelen", "pixsize", "xdim", "ydim"]
    assert images.dtype == labels.dtype == geometry.dtype == np.float32 and labels.shape == (12, len(names))
    blank = 0
    for number in range(12):
        row, truth, spots = dict(zip(names, labels[number].tolist())), shots.truth(number), shots.spots(number)
        assert (images[number] == shots.image(number)).all()
        distance = truth["vary.distance_mm"][0]
        assert geometry[number].tolist() == pytest.approx([distance, 1.0, 0.5, 40.0, 32.0], rel=1e-6)
        # the beam meets it in the middle, as fields have it by default
        assert (row["beam_center_fast"], row["beam_center_slow"]) == pytest.approx(CENTRE, abs=1e-4)
        assert row["detdist"] == pytest.approx(distance, rel=1e-6) and row["wavelen"] == 1.0
        assert (row["bg_only"], row["num_lat"]) == (truth["blank"], truth["lattices"])
        assert row["is_multi"] == (truth["lattices"] > 1)
        if truth["blank"]:
            blank += 1
            assert math.isnan(row["reso"]) and math.isnan(row["Na"]) and math.isnan(row["r1"])
            continue
        assert [row[name] for name in ("Na", "Nb", "Nc")] == truth["n_cells"][0]
        u = np.array([row[f"r{n}"] for n in range(1, 10)]).reshape(3, 3)
        assert np.allclose(u @ u.T, np.eye(3), atol=1e-6)
        # the matrix of the file in the frame of NeXus, turned about y; a crystal's axes at right angles
        a_star = np.array(truth["a_matrix_nexus"][0]).reshape(3, 3)
        assert np.allclose(u / [60, 60, 80], np.diag([-1, 1, -1]) @ a_star, atol=1e-8)
        if len(spots["h"]):
            assert row["reso"] == pytest.approx(spots["resolution_angstrom"].min(), rel=1e-6)
            assert row["one_over_reso"] == pytest.approx(1.0 / spots["resolution_angstrom"].min(), rel=1e-6)
    assert 0 < blank < 12


#: Of the detector of the small campaign, in pixels from its corner: half of its size, and MOSFLM's two half pixels.
CENTRE = (21.0, 17.0)


def test_braggnn(folder, capfd):
    shots = made(changed(("n_cells = 20", "n_cells = 8"), ("oversample = 1", "oversample = 3"),
                         ("low = 1e24\nhigh = 1e25", "low = 1e26\nhigh = 1e27")) + LABELS)
    assert main(["campaign", "export", "out", "--layout", "braggnn", "--out", "dataset", "--patch", "9"]) == 0
    assert capfd.readouterr().out == ("out: 12 shots for braggnn: dataset/frames-exp4train.hdf5, "
                                      "dataset/peaks-exp4train-psz9.hdf5\n")
    with h5py.File("dataset/frames-exp4train.hdf5") as file:
        frames = file["frames"][:]
    with h5py.File("dataset/peaks-exp4train-psz9.hdf5") as file:
        peaks = {name: file[name][:] for name in ("peak_fidx", "peak_row", "peak_col", "npeaks", "deviations")}
    assert [peaks[name].dtype for name in peaks] == [np.uint32, np.float32, np.float32, np.uint16, np.float32]
    assert frames.dtype == np.float32
    several = place = 0
    for number in range(12):
        assert (frames[number] == shots.image(number)).all()
        spots = shots.spots(number)
        count = len(spots["h"])
        mine = slice(place, place + count)
        place += count
        assert (peaks["peak_fidx"][mine] == number).all()
        assert (peaks["peak_row"][mine] == spots["slow"].astype(np.float32)).all()
        assert (peaks["peak_col"][mine] == spots["fast"].astype(np.float32)).all()
        for n, (row, column) in enumerate(zip(spots["slow"], spots["fast"]), mine.start):
            # a patch of nine about the pixel that has the centre
            near = [max(abs(math.floor(x) - math.floor(row)), abs(math.floor(y) - math.floor(column))) <= 4
                    for x, y in zip(spots["slow"], spots["fast"])]
            assert peaks["npeaks"][n] == sum(near)
            several += sum(near) > 1
            pixels = [(frames[number, x, y], -x, -y) for x in range(max(0, int(row) - 4), min(32, int(row) + 5))
                      for y in range(max(0, int(column) - 4), min(40, int(column) + 5))]
            _, x, y = max(pixels)
            assert peaks["deviations"][n] == pytest.approx(math.hypot(0.5 - x - row, 0.5 - y - column), abs=1e-5)
    assert place == len(peaks["peak_fidx"]) > 10 and several > 0


def test_panels_of_one_image(folder):
    """Spots are where they are in the frame."""
    (folder / "two.geom").write_text(GEOMETRY)
    text = changed(("pixels = [40, 32]\npixel_mm = 0.5\ndistance_mm = 60.0", 'file = "two.geom"'),
                   ("shots = 12", "shots = 2"), ("n_cells = 20", "n_cells = 4"), ("= 1e22", "= 1e29"), text=PLAIN)
    shots = made(text + LABELS)
    assert shots.places().tolist() == [[0, 0, 20, 16], [22, 0, 20, 16]]
    assert main(["campaign", "export", "out", "--layout", "braggnn", "--out", "dataset"]) == 0
    assert main(["campaign", "export", "out", "--layout", "resonet", "--out", "r.h5"]) == 0
    spots = shots.spots(1)
    assert set(spots["panel"].tolist()) == {0, 1}
    with h5py.File("dataset/peaks-exp4train-psz11.hdf5") as file:
        mine = file["peak_fidx"][:] == 1
        assert np.allclose(file["peak_col"][:][mine], spots["fast"] + 22 * spots["panel"])
    mask = shots.mask(1)
    hits = [mask[int(slow), int(fast) + 22 * panel] for slow, fast, panel, pixels in
            zip(spots["slow"], spots["fast"], spots["panel"], spots["pixels"]) if pixels == 1]
    assert all(hits)
    with h5py.File("r.h5") as file:
        # the corner of the first panel is 20 pixels left of the beam and 8 above it
        centre = [file["labels"][1, list(file["labels"].attrs["names"]).index(f"beam_center_{axis}")]
                  for axis in ("fast", "slow")]
        assert centre == pytest.approx([20.0, 8.0], abs=1e-4)
        assert not file["images"][1, :, 20:22].any() and file["images"].shape == (2, 16, 42)


def test_failed_shots_are_left_out(folder):
    text = changed(("[sampling]", '[background]\nlayers = "water:5um"\n[sampling]'), ("shots = 12", "shots = 4"))
    shots = made(text + LABELS + '[vary.distance_mm]\ndistribution = "list"\nvalues = [60.0, 0.001]\nrepeat = true\n')
    assert main(["campaign", "export", "out", "--layout", "resonet", "--out", "r.h5"]) == 0
    with h5py.File("r.h5") as file:
        assert file["shots"][:].tolist() == [0, 2] and (file["images"][1] == shots.image(2)).all()


@pytest.mark.parametrize("words, said", [
    ("--layout braggnn --out d", "out: has no lists of spots, which braggnn needs; [labels] with spots = true makes "
     "them"),
    ("--layout resonet --out r.h5", "out: has no lists of spots, which resonet needs; [labels] with spots = true makes "
     "them"),
    ("--layout other --out d", "campaign: --layout other: there are resonet, braggnn"),
    ("--out d", "campaign export: give --layout resonet or braggnn"),
    ("--layout resonet", "campaign export: give --out NAME"),
    ("--layout resonet --out r.h5 --patch 5", "campaign export: --patch is for --layout braggnn, not resonet"),
])
def test_refusals(words, said, folder, capfd):
    made(changed(("shots = 12", "shots = 1")))
    assert main(["campaign", "export", "out", *words.split()]) == 2
    assert capfd.readouterr().err == f"numbragg: error: {said}\n"
    assert sorted(os.listdir(".")) == ["out", "set.toml"]


@pytest.mark.parametrize("layout, out", [("braggnn", "dataset"), ("resonet", "r.h5")])
def test_none_if_not_all(layout, out, folder, capfd):
    """A file of shots that is damaged in its last frame; a file that was there stays."""
    made(changed(("shots_per_file = 4", "shots_per_file = 12")) + LABELS)
    with h5py.File("out/shots_000000.h5") as file:
        chunk = file["entry/data/data"].id.get_chunk_info_by_coord((11, 0, 0))
    with open("out/shots_000000.h5", "r+b") as file:
        file.seek(chunk.byte_offset)
        file.write(b"\xff" * 20)
    (folder / "r.h5").write_bytes(b"as it was")
    assert main(["campaign", "export", "out", "--layout", layout, "--out", out]) == 2
    error = capfd.readouterr().err
    assert error.count("\n") == 1 and "frame 11 of entry/data/data cannot be read" in error
    assert sorted(os.listdir(".")) == ["out", "r.h5", "set.toml"]
    assert (folder / "r.h5").read_bytes() == b"as it was"


def test_nothing_to_learn(folder, capfd):
    made(changed(("shots = 12", "shots = 1"), ("low = 1e24\nhigh = 1e25", "low = 1.0\nhigh = 2.0")) + LABELS)
    assert main(["campaign", "export", "out", "--layout", "braggnn", "--out", "dataset"]) == 2
    assert "has no spots; BraggNN has nothing to learn from them" in capfd.readouterr().err
    assert sorted(os.listdir(".")) == ["out", "set.toml"]
