"""Runs by workers, schedulers and shards, disturbed and undisturbed: the same bytes, nothing lost, nothing doubled."""

import ast
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys

from campaign_tools import SMALL, changed, hashes, write
from formula_tools import INTERPRETED
import pytest

from numbragg.commands.cli import main

pytest.importorskip("psutil", reason="comes with distributed, which has the workers")
pytest.importorskip("distributed", reason="has the workers")
pytest.importorskip("h5py", reason="files of shots are HDF5")
pytest.importorskip("pyarrow", reason="tables of truth are Parquet")
campaign_processes = pytest.importorskip("campaign_processes")
SCHEDULER, WORKER, Process = campaign_processes.SCHEDULER, campaign_processes.WORKER, campaign_processes.Process
accounts, alive, scheduler_address, until = (
    campaign_processes.accounts, campaign_processes.alive, campaign_processes.scheduler_address,
    campaign_processes.until)
pytestmark = pytest.mark.skipif(INTERPRETED, reason="starts interpreters of its own, and these compile")

#: Enough files to be killed in the middle of them; some shots fail, for three angles of 170 degrees make no cell.
FILES = 40
TEXT = "[labels]\nmin_photons = 0.1\nmask_photons = 0.01\n" + changed(
    ("shots = 12", f"shots = {FILES}"), ("shots_per_file = 4", "shots_per_file = 1")) + """
[vary.cell_angle_offset_deg]
distribution = "choice"
values = [0.0, 80.0]
weights = [9, 1]
alike = "all"
"""


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """What is in the folder of an undisturbed run in one process."""
    place = tmp_path_factory.mktemp("expected")
    with contextlib.chdir(place):
        write(TEXT)
        assert main(["campaign", "run", "set.toml", "--out", "out", "--shard", "0/1", "--quiet"]) == 0
        assert main(["campaign", "merge", "out"]) == 0
        found = hashes("out")
        with open("out/manifest.json", encoding="utf-8") as file:
            assert 0 < json.load(file)["failed"] < FILES // 2
        assert sum(name.endswith(".spots.parquet") for name in found) == FILES
    return found


def test_kills_of_client_and_worker(expected, folder, capfd):
    write(TEXT)
    words = ("numbragg", "campaign", "run", "set.toml", "--out", "out", "--workers", "2")
    with Process(*words) as run:
        until(lambda: len(accounts()) >= 2)
        family = run.family()[:-1]
        assert len(run.workers()) == 2
        run.started.kill()
        run.started.wait(timeout=60)
        # its workers end by themselves, and whatever else it had started
        until(lambda: not alive(family))
    before = len(accounts())
    assert before < FILES
    # what is there may be damaged, too
    os.truncate(f"out/{accounts()[0]}".replace(".json", ".h5"), 1000)
    with Process(*words) as run:
        until(lambda: len(accounts()) > before + 1)
        run.workers()[0].kill()
        code, out, err = run.end()
        assert code == 0, err
    # a set of files whose renames were cut short is completed by the next run
    there = re.fullmatch(rf"out: {FILES} shots, (\d+) of which were there\n"
                         r"  wrote truth.parquet, spots.parquet and manifest.json\n", out)
    assert there and before - 1 <= int(there[1]) < FILES
    assert re.fullmatch(rf"numbragg: warning: \d+ of {FILES} shots failed; their reasons are in the table of truth\n",
                        err)
    assert hashes("out") == expected
    # and once more: nothing is made again
    assert main([*words[1:-2], "--shard", "0/1"]) == 0
    assert capfd.readouterr().out.startswith(f"out: {FILES} shots, {FILES} of which were there\n")
    assert hashes("out") == expected


def test_a_signal_ends_a_run_in_one_line(expected, folder):
    write(TEXT)
    words = ("numbragg", "campaign", "run", "set.toml", "--out", "out")
    for number, more in ((signal.SIGINT, ("--workers", "1")), (signal.SIGTERM, ("--shard", "0/1"))):
        with Process(*words, *more) as run:
            before = len(accounts())
            until(lambda: len(accounts()) > before)
            run.started.send_signal(number)
            code, out, err = run.end()
        assert (code, out, err.count("\n")) == (128 + number, "", 1), err
        assert re.fullmatch(rf"numbragg: (interrupted|terminated); \d+ of {FILES} shots are written; the same command "
                            r"goes on from there\n", err)
        assert [name for name in os.listdir("out") if name.endswith((".tmp", ".partial"))] == [] or "--workers" in more
    assert main([*words[1:], "--shard", "0/1", "--quiet"]) == 0 and main(["campaign", "merge", "out"]) == 0
    assert {name: one for name, one in hashes("out").items() if not name.endswith(".partial")} == expected


def test_another_cluster_on_the_machine_is_no_news(folder):
    write(SMALL)
    with socket.socket() as taken:
        try:
            taken.bind(("127.0.0.1", 8787))
            taken.listen()
        except OSError:
            # it is taken
            pass
        with Process("numbragg", "campaign", "run", "set.toml", "--out", "out", "--workers", "1", "--quiet") as run:
            assert run.end() == (0, "", "")


def test_a_scheduler_and_two_workers_of_their_own(expected, folder):
    """The scheduler is killed; another one goes on, and goes on when a worker is lost for good."""
    write(TEXT)
    for last in (False, True):
        if os.path.exists("scheduler.json"):
            os.remove("scheduler.json")
        with Process(*SCHEDULER) as manager:
            address = scheduler_address()
            with Process(*WORKER), Process(*WORKER) as lost, Process(
                    "numbragg", "campaign", "run", "set.toml", "--out", "out", "--scheduler", address) as run:
                before = len(accounts())
                until(lambda: len(accounts()) >= before + 2)
                (lost if last else manager).started.kill()
                code, out, err = run.end()
        if last:
            assert (code, out.partition(",")[0]) == (0, f"out: {FILES} shots"), err
        else:
            assert (code, err.count("\n")) == (2, 1), err
            assert "the scheduler is gone; the same command goes on when there is one" in err
    assert hashes("out") == expected


#: Frames that are not packed, so that files have a size that is known.
LARGE = changed(("shots = 12", "shots = 6"), ("shots_per_file = 4", "shots_per_file = 1"),
                ("pixels = [40, 32]\npixel_mm = 0.5", "pixels = [400, 320]\npixel_mm = 0.05"),
                ("[sampling]", '[output]\ncompression = "none"\n[sampling]'))


@contextlib.contextmanager
def full_disk(how, place):
    """A place where two files of `LARGE` have room, or none; yields how a program is told to keep to it."""
    if how == "limit":
        yield ("import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (300000, 300000)); ", lambda: None)
        return
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1500k", "none", place], capture_output=True).returncode:
        pytest.skip("a small disk cannot be mounted here")
    try:
        yield "", lambda: subprocess.run(["mount", "-o", "remount,size=50m", place], check=True)
    finally:
        subprocess.run(["umount", "-l", place], check=True)


@pytest.mark.parametrize("how", ["limit", pytest.param("disk", marks=pytest.mark.slow)])
def test_full_disk_of_workers(how, folder):
    """One line, no half file, and the same bytes when there is room."""
    write(LARGE)
    assert main(["campaign", "run", "set.toml", "--out", "whole", "--shard", "0/1", "--quiet"]) == 0
    assert main(["campaign", "merge", "whole"]) == 0
    (folder / "out").mkdir()
    words = ["campaign", "run", "set.toml", "--out", "out", "--workers", "2", "--quiet"]
    with full_disk(how, "out") as (limit, more):
        program = f"{limit}import sys; from numbragg.commands.cli import main; sys.exit(main(sys.argv[1:]))"
        # compiled modules would be cut off, too, and stay
        done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, timeout=600,
                              env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
        assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
        reason = "File too large" if how == "limit" else "No space left on device"
        assert re.fullmatch(rf"numbragg: error: \S*out/shots_00000\d\.\w+(\.partial)?: {reason}\n", done.stderr)
        there = accounts()
        assert len(there) < (1 if how == "limit" else 4)
        before = {name: one for name, one in hashes("out").items() if name.split(".")[0] in {
            account.split(".")[0] for account in there}}
        more()
        assert main([*words[:5], "--shard", "0/1", "--quiet"]) == 0 and main(["campaign", "merge", "out"]) == 0
        found = {name: one for name, one in hashes("out").items() if not name.endswith((".partial", ".tmp"))}
    assert found == hashes("whole") and before.items() <= found.items()


def test_no_scheduler(folder, capfd, monkeypatch):
    from numbragg.campaign import run

    write(TEXT)
    monkeypatch.setattr(run, "_PATIENCE", "1s")
    assert main(["campaign", "run", "set.toml", "--out", "out", "--scheduler", "tcp://127.0.0.1:9"]) == 2
    assert re.fullmatch(r"numbragg: error: tcp://127.0.0.1:9: no scheduler of Dask answers \(.*\)\n",
                        capfd.readouterr().err)


def test_parts(expected, folder, capfd, monkeypatch):
    """As several processes of a launcher make them, and a third of which the first two know nothing."""
    write(TEXT)
    assert main(["campaign", "run", "set.toml", "--out", "out", "--shard", "2/3"]) == 0
    assert main(["campaign", "merge", "out"]) == 2
    assert "27 of 40 files of shots are not whole (shard 0: missing)" in capfd.readouterr().err
    for rank in "01":
        for name, value in (("SLURM_PROCID", rank), ("SLURM_NTASKS", "3"), ("SLURM_STEP_ID", "0")):
            monkeypatch.setenv(name, value)
        assert main(["campaign", "run", "set.toml", "--out", "out"]) == 0
        said = capfd.readouterr()
        assert said.out.startswith(f"out: {14 if rank == '0' else 13} shots\n")
        assert said.err.splitlines()[0] == f"numbragg: warning: part {rank} of 3, from SLURM_PROCID and SLURM_NTASKS"
    assert main(["campaign", "merge", "out"]) == 0
    assert hashes("out") == expected


def test_parts_on_disks_of_their_own(folder):
    """As nodes have them that write to their own disks: files are moved into one folder, and merged there."""
    write(SMALL)
    for part in "01":
        assert main(["campaign", "run", "set.toml", "--out", f"node{part}", "--shard", f"{part}/2", "--quiet"]) == 0
    for name in os.listdir("node1"):
        if name.startswith("shots_"):
            os.rename(f"node1/{name}", f"node0/{name}")
    assert main(["campaign", "run", "set.toml", "--out", "whole", "--shard", "0/1", "--quiet"]) == 0
    assert main(["campaign", "merge", "node0"]) == main(["campaign", "merge", "whole"]) == 0
    assert hashes("node0") == hashes("whole")


def test_what_another_run_is_writing_is_left_to_it(folder, capfd):
    from numbragg.io.held_file import HeldFile

    write(SMALL)
    assert main(["campaign", "run", "set.toml", "--out", "out", "--shard", "2/3"]) == 0
    held = HeldFile(os.path.realpath("out/shots_000001.h5.partial"), "held")
    try:
        assert main(["campaign", "run", "set.toml", "--out", "out", "--shard", "0/1"]) == 0
        assert "another run is writing 1 of the files of shots, the first of them number 1" in capfd.readouterr().err
    finally:
        held.close()
    assert sorted(accounts()) == ["shots_000000.json", "shots_000002.json"]


def test_launchers():
    from numbragg.campaign.run import share_of_environment as share

    assert share({}) is None and share({"SLURM_PROCID": "0", "SLURM_NTASKS": "64"}) is None
    assert share({"SLURM_PROCID": "3", "SLURM_NTASKS": "64", "SLURM_STEP_ID": "0"})[:2] == (3, 64)
    assert share({"SLURM_PROCID": "0", "SLURM_NTASKS": "1", "SLURM_STEP_ID": "0"}) is None
    assert share({"OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "2"})[:2] == (1, 2)
    assert share({"PMI_RANK": "5", "PMI_SIZE": "8"})[:2] == (5, 8)
    assert share({"SLURM_PROCID": "0"}) is None
    with pytest.raises(ValueError, match="campaign run: SLURM_PROCID is 1 and SLURM_NTASKS is not set, so this is one"):
        share({"SLURM_PROCID": "1"})
    assert share({"PMI_RANK": "x", "PMI_SIZE": "8"}) is None and share({"PMI_RANK": "8", "PMI_SIZE": "8"}) is None


@pytest.mark.parametrize("words, loaded", [
    ("init new.toml", set()), ("check set.toml", {"h5py"}), ("run set.toml --out out --shard 0/1", {"h5py", "pyarrow"}),
    ("--help", set())])
def test_libraries_are_loaded_where_they_are_used(words, loaded, folder):
    write(changed(("shots = 12", "shots = 1")))
    code = (f"import sys; from numbragg.commands.cli import main; main({['campaign', *words.split()]}); "
            "print({'dask', 'distributed', 'h5py', 'pyarrow', 'gemmi', 'fabio'} & {*sys.modules}, file=sys.stderr)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300)
    assert ast.literal_eval(done.stderr.splitlines()[-1].replace("set()", "{0}")) - {0} == loaded, done.stderr
