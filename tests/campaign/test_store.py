"""Folders of campaigns: what files hold, what is refused, what is made again, and that nothing is half written."""

import json
import os

from campaign_tools import SMALL, campaign, changed, hashes, write
import numpy as np
import pytest

from numbragg.campaign.shard import names_of, write_shard
from numbragg.campaign.shots import Maker
from numbragg.campaign.store import merge, open_store, read_head, wrong_with
from numbragg.campaign.verify import sample, verify_shots
from numbragg.commands.cli import main

h5py = pytest.importorskip("h5py", reason="files of shots are HDF5")
parquet = pytest.importorskip("pyarrow.parquet", reason="tables of truth are Parquet")


def made(text=SMALL, where="out", **more):
    """A store of all shots, made here. Returns the maker and the head."""
    maker = Maker(write(text), threads=1, **more)
    open_store(where, maker.description, maker.description.hash())
    head = read_head(where)
    for number in range(head.shards):
        if wrong_with(where, head, number) is not None:
            write_shard(maker, number, where, head.campaign)
    merge(where)
    return maker, head


def frames(number, where="out"):
    with h5py.File(f"{where}/{names_of(number)[0]}") as file:
        return file["entry/data/data"][:]


def test_files_hold_shots_and_their_truth(folder):
    maker, head = made()
    assert sorted(os.listdir("out")) == sorted(["campaign.json", "manifest.json", "truth.parquet",
                                                *(name for n in range(3) for name in names_of(n))])
    rows = parquet.read_table("out/truth.parquet").to_pylist()
    assert [row["shot"] for row in rows] == list(range(12))
    for row in rows:
        shot = maker.shot(row["shot"])
        with h5py.File(f"out/{row['file']}") as file:
            assert (file["entry/data/data"][row["frame"]] == shot.images[0]).all()
            shots, lattices = file["entry/numbragg/shots"], file["entry/numbragg/lattices"]
            assert shots["shot"][row["frame"]] == row["shot"] and shots["counts"][row["frame"]] == row["counts"]
            mine = lattices["shot"][:] == row["shot"]
            assert mine.sum() == row["lattices"]
            assert (lattices["a_matrix"][mine].reshape(-1, 9) == np.array(row["a_matrix_nexus"]).reshape(-1, 9)).all()
            assert (lattices["vary_orientation"][mine].reshape(-1, 9)
                    == np.array(row["vary.orientation"]).reshape(-1, 9)).all()
        assert {name: row[name] for name in ("photons", "blank", "cell", "vary.fluence_photons_per_m2")} == {
            name: shot.row[name] for name in ("photons", "blank", "cell", "vary.fluence_photons_per_m2")}
    manifest = json.loads((folder / "out" / "manifest.json").read_text())
    own = hashes("out")
    assert {name: about["sha256"] for name, about in manifest["files"].items()} == {
        name: own[name] for name in own if name not in ("manifest.json", "campaign.json")}
    assert own["truth.parquet"] and manifest["failed"] == 0 and manifest["shots"] == 12


def test_same_description_same_bytes(folder):
    made()
    made(where="again")
    assert hashes("out") == hashes("again")


def test_more_shots(folder):
    """The last file was not full: it is made again, and all is as if there had been more from the beginning."""
    made(changed(("shots = 12", "shots = 6")))
    first = hashes("out")
    made()
    made(where="again")
    assert hashes("out") == hashes("again")
    assert first["shots_000000.h5"] == hashes("out")["shots_000000.h5"]


@pytest.mark.parametrize("pair, said", [
    (("distance_mm = 60.0", "distance_mm = 61.5"),
     "out: is of another description: detector.distance_mm was 60 and is 61.5; only more shots may be asked for"),
    (("[sampling]", "[evaluation]\nrevision = \"main\"\n[sampling]"),
     "out: is of another description: evaluation was None and is {'revision': 'main'}; only more shots"),
    (("seed = 5", "seed = 6"), "out: is of another description: campaign.seed was 5 and is 6; only more shots"),
    (("shots = 12", "shots = 11"), "campaign.shots: 11 must be at least 12, which out is of; --shots 12 asks for as "
     "many"),
])
def test_a_changed_description_is_refused(pair, said, folder):
    made()
    before = hashes("out")
    with pytest.raises(ValueError) as refused:
        made(changed(pair))
    assert str(refused.value).startswith(said) and hashes("out") == before


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_file_is_no_folder(place, folder, capfd):
    (folder / "file").write_text("mine")
    write()
    assert main(["campaign", "run", "set.toml", "--out", place, "--shard", "0/1"]) == 2
    assert capfd.readouterr().err.splitlines()[-1] == (
        f"numbragg: error: {place}: must be a folder, or none yet, for files of a campaign")
    assert (folder / "file").read_text() == "mine"


def test_a_folder_of_something_else_is_refused(folder, capfd):
    (folder / "out").mkdir()
    (folder / "out" / "shots_000000.h5").write_bytes(b"")
    with pytest.raises(ValueError, match="out: has files of shots and no campaign.json"):
        made()
    assert main(["campaign", "status", "."]) == 2
    assert capfd.readouterr().err == ("numbragg: error: .: is no campaign's folder, which has a file campaign.json\n")


@pytest.mark.parametrize("damage, said", [
    (lambda path: os.truncate(path, 1000), "shots_000001.h5: 1000 bytes, and must be "),
    (lambda path: os.remove(path), "shots_000001.h5: missing"),
    (lambda path: flip(path), "shots_000001.h5: another checksum than when it was written"),
])
def test_damage_is_found_and_mended(damage, said, folder):
    _, head = made()
    before = hashes("out")
    damage("out/shots_000001.h5")
    assert wrong_with("out", head, 1).startswith(said)
    with pytest.raises(ValueError, match="out: 1 of 3 files of shots are not whole"):
        merge("out")
    made()
    assert hashes("out") == before


def flip(path):
    with open(path, "r+b") as file:
        file.seek(3000)
        byte = file.read(1)[0]
        file.seek(3000)
        file.write(bytes([byte ^ 1]))


def test_verify_finds_a_pixel_and_a_number(folder):
    maker, head = made()
    assert verify_shots(maker, "out", head, list(range(12))) == []
    with h5py.File("out/shots_000001.h5", "r+") as file:
        file["entry/data/data"][2, 3, 4] += 1
    found = verify_shots(maker, "out", head, list(range(12)))
    # its size may be another one, too
    assert len(found) >= 1 and all("shots_000001.h5" in line for line in found)
    assert sample(head, 5) == sample(head, 5) and len(sample(head, 5)) == 5 and sample(head, 99) == list(range(12))


def test_a_failing_shot_is_recorded_and_the_rest_goes_on(folder, capfd):
    text = changed(("[sampling]", '[background]\nlayers = "water:5um"\n[sampling]'),
                   ("low = 1\nhigh = 2", "low = 1\nhigh = 1\n".replace("high = 1", "high = 2")))
    text += '[vary.distance_mm]\ndistribution = "list"\nvalues = [60.0, 60.0, 0.001]\nrepeat = true\n'
    _, head = made(text)
    rows = parquet.read_table("out/truth.parquet").to_pylist()
    assert [row["shot"] for row in rows if row["failed"] is not None] == [2, 5, 8, 11]
    assert rows[2]["failed"].startswith("background: water from ") and rows[2]["a_matrix"] is None
    found = frames(0)
    # all of it is masked
    assert (found[2] == 2 ** 31 - 1).all() and (found[1] < 2 ** 31 - 1).all()
    with h5py.File("out/shots_000000.h5") as file:
        assert file["entry/numbragg/shots/failed"][:].tolist() == [0, 0, 1, 0]
        assert np.isnan(file["entry/numbragg/shots/panel_origin_mm"][2]).all()
    assert main(["campaign", "run", "set.toml", "--out", "out", "--shard", "0/1"]) == 0
    assert "4 of 12 shots failed; their reasons are in the table of truth" in capfd.readouterr().err


def test_pixels_that_do_not_count_vary(folder):
    """Files mark those of each shot, and say of none that it is so in all."""
    text = SMALL + '[response]\noffset_adu = 40\n[vary.defects_dead_fraction]\ndistribution = "grid"\nlow = 0.0\n' \
        "high = 0.5\nsteps = 2\n"
    maker, head = made(text)
    found = frames(0)
    dead = [int((image == 2 ** 31 - 1).sum()) for image in found]
    assert dead[0] == dead[2] == 0 and 500 < dead[1] < 780 and dead[1] == dead[3]
    with h5py.File("out/shots_000000.h5") as file:
        assert "pixel_mask" not in file["entry/instrument/detector"]
    assert verify_shots(maker, "out", head, list(range(12))) == []


def test_means(folder):
    text = SMALL + '[output]\nkind = "mean"\ncompression = "none"\n'
    maker, head = made(text)
    assert frames(0).dtype == np.float32 and (frames(1)[2] == maker.shot(6).images[0]).all()
    assert verify_shots(maker, "out", head, list(range(12))) == []


def test_full_disk_leaves_nothing_half_written(folder):
    """A limit of the size of files stands for it; the shard that it hits leaves no file."""
    write(changed(("pixels = [40, 32]", "pixels = [400, 320]"),
                  ("[sampling]", '[output]\ncompression = "none"\n[sampling]')))
    program = ("import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
               "resource.setrlimit(resource.RLIMIT_FSIZE, (900000, 900000)); "
               "from numbragg.commands.cli import main; sys.exit(main(sys.argv[1:]))")
    import subprocess
    import sys

    done = subprocess.run([sys.executable, "-c", program, "campaign", "run", "set.toml", "--out", "out", "--shard",
                           "0/1"], capture_output=True, text=True, timeout=600)
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("numbragg: error: ") and "shots_000000.h5: File too large" in done.stderr
    assert os.listdir("out") == ["campaign.json"]


def test_other_versions_are_told(folder):
    made()
    head = json.loads((folder / "out" / "campaign.json").read_text())
    head["versions"]["h5py"] = "3.0"
    (folder / "out" / "campaign.json").write_text(json.dumps(head))
    maker = Maker("set.toml")
    note, = open_store("out", maker.description, maker.description.hash())
    assert note.startswith("out: was begun with h5py 3.0 and now ")


def test_other_commands_read_frames_by_number(folder):
    from numbragg.io.any_image import read_image

    maker, _ = made()
    assert (read_image("out/shots_000001.h5::/entry/data/data[2]").pixels == maker.shot(6).images[0]).all()


def test_status_in_the_middle(folder):
    made()
    os.remove("out/shots_000002.json")
    os.truncate("out/shots_000000.parquet", 10)
    done = campaign("status", "out")
    assert done.returncode == 0
    assert done.stdout.startswith("out: 4 of 12 shots, ")
    assert "shots_000000.parquet: 10 bytes, and must be" in done.stdout


def test_panels_in_one_image(folder):
    """Two panels with a gap: one image in the file, what does not count marked in each of its frames."""
    from test_shots import GEOMETRY, PLAIN

    (folder / "two.geom").write_text(GEOMETRY)
    text = changed(("pixels = [40, 32]\npixel_mm = 0.5\ndistance_mm = 60.0", 'file = "two.geom"'), text=PLAIN)
    text += ('[background]\nlayers = "water:5um"\n[vary.distance_mm]\ndistribution = "list"\nvalues = [60, 0.001]\n'
             'repeat = true\n[vary.defects_dead_fraction]\ndistribution = "constant"\nvalue = 0.25\n')
    maker, head = made(text)
    found = frames(0)
    assert found.shape == (4, 16, 42)
    left_out = found == 2 ** 31 - 1
    assert left_out[:, :, 20:22].all() and left_out[1].all() and not left_out[0].all()
    for number, (left, right) in enumerate(((0, 20), (22, 42))):
        assert (left_out[0, :, left:right] == (maker.shot(0).masks[number] == 0)).all()
        assert 40 < left_out[0, :, left:right].sum() < 120
    assert verify_shots(maker, "out", head, list(range(12))) == []
    stacked, _ = made(text + '[output]\nlayout = "stacked"\n', where="stacked")
    assert (frames(0, "stacked")[0, 16:] == found[0, :, 22:]).all()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
@pytest.mark.parametrize("name, status, said", [
    ("campaign.json", 2, "out/campaign.json: is no regular file"), ("shots_000000.json", 0, "8 of 12 shots"),
    ("shots_000000.h5", 0, "8 of 12 shots"), ("log/zz.jsonl", 0, "12 of 12 shots")])
def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(name, status, said, folder):
    made()
    os.makedirs("out/log", exist_ok=True)
    if os.path.exists(f"out/{name}"):
        os.remove(f"out/{name}")
    os.mkfifo(f"out/{name}")
    done = campaign("report", "out", "--out", "page.html")
    assert done.returncode == status and said in done.stdout + done.stderr
    assert done.stderr.count("\n") == (1 if status else 0)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
@pytest.mark.parametrize("name", ["truth.parquet", "manifest.json", "shots_000001.json", "shots_000001.parquet",
                                  "shots_000001.h5"])
def test_a_pipe_is_not_written_in_the_place_of_a_file(name, folder):
    maker, head = made()
    os.remove(f"out/{name}")
    os.mkfifo(f"out/{name}")
    with pytest.raises((ValueError, OSError), match=rf"{name}.*(regular|must be a file)"):
        if name.startswith("shots"):
            write_shard(maker, 1, "out", head.campaign)
        else:
            merge("out")
    assert not [each for each in os.listdir("out") if each.startswith(".numbragg")]
