"""What is written about a campaign never replaces its own files."""

import contextlib
import os
import subprocess
import sys

from campaign_tools import SMALL, hashes, ran
from formula_tools import INTERPRETED
import pytest

from numbragg.commands.cli import main

pytest.importorskip("h5py", reason="files are HDF5")
pytest.importorskip("pyarrow", reason="tables are Parquet")
pytestmark = pytest.mark.skipif(INTERPRETED, reason="files of many shots are for compiled kernels")

REPORT, RESONET = ("report",), ("export", "--layout", "resonet")


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    place = tmp_path_factory.mktemp("outputs")
    ran(place, SMALL + "[labels]\nspots = true\n", "--shard", "0/1")
    with contextlib.chdir(place):
        assert main(["campaign", "merge", "out"]) == 0
        # another name of one of its files, and another folder's of another
        os.link("out/shots_000001.parquet", "hard")
        os.symlink("out/truth.parquet", "soft")
        os.symlink("out", "same")
        os.makedirs("net")
        os.link("out/shots_000002.h5", "net/frames-exp4train.hdf5")
    return place


@pytest.mark.parametrize("words", [REPORT, RESONET])
@pytest.mark.parametrize("name", ["out/campaign.json", "out/manifest.json", "out/shots_000000.h5", "hard", "soft",
                                  "out/shots_000099.json", "same/shots_000000.spots.parquet"])
def test_files_of_the_campaign_stay(words, name, campaign, monkeypatch, capfd):
    monkeypatch.chdir(campaign)
    before = hashes("out")
    assert main(["campaign", words[0], "out", *words[1:], "--out", name]) == 2
    said = capfd.readouterr()
    assert said.err.startswith(f"numbragg: error: {name}: is a file of the campaign in ") and said.err.count("\n") == 1
    assert said.out == "" and hashes("out") == before


def test_a_folder_for_a_network_in_which_a_name_is_a_file_of_the_campaign(campaign, monkeypatch, capfd):
    monkeypatch.chdir(campaign)
    before = hashes("out")
    assert main(["campaign", "export", "out", "--layout", "braggnn", "--out", "net"]) == 2
    said = capfd.readouterr().err
    assert said.startswith("numbragg: error: net/frames-exp4train.hdf5: is a file of the campaign in ")
    assert hashes("out") == before and os.listdir("net") == ["frames-exp4train.hdf5"]


def test_other_names_in_its_folder_are_written(campaign, monkeypatch, capfd):
    monkeypatch.chdir(campaign)
    before = hashes("out")
    assert main(["campaign", "report", "out", "--out", "out/shots.html"]) == 0
    assert main(["campaign", "export", "out", "--layout", "resonet", "--out", "out/set.h5"]) == 0
    assert set(hashes("out")) - set(before) == {"shots.html", "set.h5"} and before.items() <= hashes("out").items()


@pytest.mark.parametrize("name", ["/dev/null", "/dev/stdout", "pipe"])
def test_an_export_needs_a_file(name, campaign, monkeypatch, capfd):
    monkeypatch.chdir(campaign)
    if name == "pipe" and not os.path.exists(name):
        os.mkfifo(name)
    assert main(["campaign", "export", "out", "--layout", "resonet", "--out", name]) == 2
    assert capfd.readouterr().err == f"numbragg: error: {name}: must be a file, for it is written in pieces\n"
    assert not [each for each in os.listdir() if "partial" in each or each.startswith(".numbragg")]


LOST = "numbragg: standard output: No space left on device; the report is lost, all files are in place\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no device that is full")
@pytest.mark.parametrize("words, name", [
    (("init", "new.toml"), "new.toml"), (("report", "out", "--out", "page.html"), "page.html"),
    (("merge", "out"), "out/manifest.json"), (("export", "out", "--layout", "resonet", "--out", "full.h5"), "full.h5"),
    (("run", "set.toml", "--out", "out", "--shard", "0/1"), "out/shots_000000.json")])
def test_a_report_that_cannot_be_printed_is_no_failure(words, name, campaign, monkeypatch):
    monkeypatch.chdir(campaign)
    with open("/dev/full", "wb") as full:
        done = subprocess.run([sys.executable, "-m", "numbragg", "campaign", *words], stdout=full, timeout=300,
                              stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0 and done.stderr.endswith(LOST) and "error" not in done.stderr
    assert os.path.getsize(name) > 0
