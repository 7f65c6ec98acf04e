"""Words of `numbragg campaign`: what is refused, in one line and before anything is made; what its parts say."""

import os
import re

from cli_tools import content, error_line
import pytest

from numbragg.commands import campaign as campaign_command
from numbragg.commands.cli import main


@pytest.mark.parametrize("words, said", [
    ("", "campaign: must be one of init, check, run, status, report, verify, merge, export; see numbragg "
     "campaign --help"),
    ("make x", "campaign: make must be one of init, check, run, status, report, verify, merge, export; see numbragg "
     "campaign --help"),
    ("run", "campaign run: needs FILE, one name, and not 0"),
    ("check a b", "campaign check: needs FILE, one name, and not 2"),
    ("run a.toml", "campaign run: give --out FOLDER"),
    ("merge out --out x", "campaign merge: --out does not go with it; it has none"),
    ("init a.toml --workers 2", "campaign init: --workers does not go with it; it has --shots"),
    ("run a.toml --out x --workers 2 --shard 0/2", "campaign run: --workers and --shard exclude one another"),
    ("run a.toml --out x --shard 2/2",
     "campaign: --shard 2/2: must be I/N, two whole numbers, I from 0 to N - 1"),
    ("run a.toml --out x --scheduler host:8786", "campaign: --scheduler host:8786: must be an address such as "
     "tcp://host:8786"),
    ("run a.toml --out x --workers 0", "campaign: --workers 0: must be a whole number from 1 to 100000"),
    ("run a.toml --out x --device 1", "campaign: --device is for --backend cuda or auto"),
    ("run a.toml --out x --backend gpu", "campaign: --backend gpu: there are cpu, cuda, auto"),
    ("run a.toml --out x --shots 0", "campaign: --shots 0: must be at least 1"),
    ("run a.toml --out x --shoots 2",
     "campaign: --shoots is not known; there are --out, --shots, --workers, --scheduler, --shard, --layout, --patch, "
     "--sample, --threads, --backend, --device, --quiet"),
    ("run a.toml --out x", "a.toml: No such file or directory"),
    ("check a.toml", "a.toml: No such file or directory"),
])
def test_refusals(words, said, folder, capfd):
    assert main(["campaign", *words.split()]) == 2
    assert error_line(capfd) == f"numbragg: error: {said}\n"
    assert os.listdir(folder) == []


def test_init_replaces_nothing(folder, capfd):
    assert main(["campaign", "init", "set.toml", "--shots", "7"]) == 0
    assert capfd.readouterr().out == "set.toml: a description of 7 shots; numbragg campaign check set.toml\n"
    before = (folder / "set.toml").read_bytes()
    assert main(["campaign", "init", "set.toml"]) == 2
    assert error_line(capfd).endswith("campaign init: set.toml is there, and is not replaced; give a new name\n")
    assert (folder / "set.toml").read_bytes() == before


def test_a_description_that_is_wrong_makes_no_folder(folder, capfd):
    (folder / "set.toml").write_text("[campaign]\nshots = 1\n")
    assert main(["campaign", "run", "set.toml", "--out", "out"]) == 2
    assert error_line(capfd) == "numbragg: error: set.toml: campaign.seed: is missing; must be a whole number\n"
    assert os.listdir(folder) == ["set.toml"]


@pytest.mark.parametrize("name", ["manifest.json", "truth.parquet", "campaign.json", "shots_000000.h5",
                                  "shots_000001.json", "shots_000002.h5.partial"])
@pytest.mark.parametrize("of", ["description", "input"])
def test_what_is_read_is_not_written(name, of, folder, capfd):
    (folder / "out").mkdir()
    text = TEXT
    if of == "input":
        (folder / "out" / name).write_text("1 0 0 10\n0 1 0 20\n")
        text = text.replace("constant = 100", f"file = 'out/{name}'")
        assert text != TEXT
    path = f"out/{name}" if of == "description" else "set.toml"
    (folder / path).write_text(text)
    before = content(folder / "out")
    assert main(["campaign", "run", path, "--out", "./out", "--shard", "0/1"]) == 2
    assert error_line(capfd).endswith(f"{name}: is read, and {name} in ./out is written; give another folder\n")
    assert content(folder / "out") == before


TEXT = """[campaign]
shots = 3
seed = 1
shots_per_file = 2
[structure]
constant = 100
[detector]
pixels = [20, 10]
[crystal]
cell = [50, 50, 50, 90, 90, 90]
n_cells = 5
[vary.distance_mm]
distribution = "list"
values = [100, 101, 102]
"""


@pytest.mark.parametrize("hours, said", [(30.0, "30 hours"), (1.0, "1 hours"), (0.5, "30 minutes"),
                                         (0.003, "11 seconds"), (1e-6, "0.0036 seconds")])
def test_time_that_is_read_at_a_glance(hours, said):
    assert campaign_command._hours(hours) == said


def test_check_run_verify(folder, capfd):
    pytest.importorskip("h5py", reason="files of shots are HDF5")
    pytest.importorskip("pyarrow", reason="tables of truth are Parquet")
    (folder / "set.toml").write_text(TEXT)
    assert main(["campaign", "check", "set.toml"]) == 0
    out = capfd.readouterr().out
    assert re.match(r"set.toml: 3 shots in 2 files, campaign [0-9a-f]{16}\n"
                    r"  20 x 10 pixels \(fast x slow\), int32, gzip\n  varies: distance_mm\n"
                    r"  about [0-9.]+ kB \([0-9.]+ kB a shot\)\n  about [0-9.e-]+ seconds of one", out), out
    assert main(["campaign", "run", "set.toml", "--out", "out", "--shard", "0/1", "--quiet"]) == 0
    assert main(["campaign", "merge", "out"]) == 0
    assert main(["campaign", "verify", "set.toml", "--out", "out"]) == 0
    assert capfd.readouterr().out.endswith("out: checksums of 2 files of shots, and 3 shots made again: all as they "
                                           "must be\n")
    assert main(["campaign", "status", "out"]) == 0
    assert re.fullmatch(r"out: 3 of 3 shots, [0-9.]+ kB, campaign [0-9a-f]{16}\n", capfd.readouterr().out)
    with open("out/shots_000001.parquet", "r+b") as file:
        file.seek(100)
        file.write(b"\0\1\2\3")
    assert main(["campaign", "verify", "set.toml", "--out", "out", "--sample", "0"]) == 1
    assert capfd.readouterr().out == (
        "shard 1: shots_000001.parquet: another checksum than when it was written\n"
        "out: checksums of 2 files of shots, and 0 shots made again: 1 differ\n")
    (folder / "set.toml").write_text(TEXT.replace("seed = 1", "seed = 2"))
    assert main(["campaign", "verify", "set.toml", "--out", "out"]) == 2
    assert error_line(capfd) == "numbragg: error: set.toml: is another description than that of out\n"
