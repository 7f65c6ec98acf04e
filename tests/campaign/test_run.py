"""Runs by workers, schedulers and shards, disturbed and undisturbed: the same bytes, nothing lost, nothing doubled."""

import ast
import os
import re
import signal
import subprocess
import sys
import time

from campaign_tools import SMALL, campaign, changed, hashes, write
from formula_tools import INTERPRETED
import pytest

from numbragg.commands.cli import main

psutil = pytest.importorskip("psutil", reason="comes with distributed, which has the workers")
pytest.importorskip("distributed", reason="has the workers")
pytest.importorskip("h5py", reason="files of shots are HDF5")
pytest.importorskip("pyarrow", reason="tables of truth are Parquet")
pytestmark = pytest.mark.skipif(INTERPRETED, reason="starts interpreters of its own, and these compile")

#: Enough work to be killed in the middle of it: 24 files, with labels.
LABELS = "[labels]\nmin_photons = 0.1\nmask_photons = 0.01\n"
TEXT = LABELS + changed(("shots = 12", "shots = 48"), ("shots_per_file = 4", "shots_per_file = 2"),
               ("pixels = [40, 32]\npixel_mm = 0.5", "pixels = [400, 320]\npixel_mm = 0.05"))


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """What is in the folder of an undisturbed run in one process."""
    place = tmp_path_factory.mktemp("expected")
    (place / "set.toml").write_text(TEXT)
    done = campaign("run", "set.toml", "--out", "out", "--shard", "0/1", "--quiet", cwd=place)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert campaign("merge", "out", cwd=place).returncode == 0
    made = hashes(place / "out")
    assert "spots.parquet" in made and sum(name.endswith(".spots.parquet") for name in made) == 24
    return made


class Process:
    """A command that runs, with what it says; it and its children are gone at the end."""

    def __init__(self, *words):
        # a test run in the background ignores interrupts, and its children would
        self.started = subprocess.Popen([sys.executable, "-m", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        for process in self.family():
            try:
                process.kill()
            except psutil.NoSuchProcess:
                pass
        self.started.communicate(timeout=60)

    def family(self):
        try:
            mine = psutil.Process(self.started.pid)
            return [*mine.children(recursive=True), mine]
        except psutil.NoSuchProcess:
            return []

    def workers(self):
        """Processes of workers on this machine."""
        return [each for each in self.family() if "spawn_main" in " ".join(each.cmdline())]

    def end(self):
        said = self.started.communicate(timeout=300)
        return self.started.returncode, *said


def until(condition, seconds=240.0):
    """Wait for a condition."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def accounts(where="out"):
    there = os.listdir(where) if os.path.isdir(where) else []
    return [name for name in there if re.fullmatch(r"shots_\d+.json", name)]


def test_kills_of_client_and_worker(expected, folder):
    write(TEXT)
    words = ("numbragg", "campaign", "run", "set.toml", "--out", "out", "--workers", "2")
    with Process(*words) as run:
        until(lambda: len(accounts()) >= 2)
        run.started.kill()
        run.started.wait(timeout=60)
        # its workers end by themselves
        until(lambda: not run.workers())
    before = len(accounts())
    assert before < 24
    with Process(*words) as run:
        until(lambda: len(accounts()) > before + 1)
        run.workers()[0].kill()
        code, out, err = run.end()
        assert code == 0, err
    assert re.fullmatch(r"out: 48 shots, \d+ of which were there\n  wrote truth.parquet, spots.parquet and "
                        r"manifest.json\n", out)
    assert hashes("out") == expected
    # and once more: nothing is made again
    done = campaign("run", "set.toml", "--out", "out", "--workers", "1")
    assert done.stdout.startswith("out: 48 shots, 48 of which were there\n"), done.stderr
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
        assert re.fullmatch(r"numbragg: (interrupted|terminated); \d+ of 48 shots are written; the same command goes "
                            r"on from there\n", err)
        assert [name for name in os.listdir("out") if name.endswith((".tmp", ".partial"))] == [] or "--workers" in more
    assert main([*words[1:], "--shard", "0/1", "--quiet"]) == 0 and main(["campaign", "merge", "out"]) == 0
    assert {name: one for name, one in hashes("out").items() if not name.endswith(".partial")} == expected


def test_a_scheduler_and_two_workers_of_their_own(expected, folder):
    write(TEXT)
    scheduler = ("distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard",
                 "--scheduler-file", "scheduler.json")
    worker = ("distributed.cli.dask_worker", "--scheduler-file", "scheduler.json", "--nthreads", "1", "--no-dashboard",
              "--no-nanny", "--death-timeout", "20")

    def address():
        with open("scheduler.json", encoding="utf-8") as file:
            return re.search(r'"address": "(tcp://[^"]+)"', file.read())[1]

    for last in (False, True):
        if os.path.exists("scheduler.json"):
            os.remove("scheduler.json")
        with Process(*scheduler) as manager:
            until(lambda: os.path.exists("scheduler.json") and os.path.getsize("scheduler.json"))
            with Process(*worker), Process(*worker), Process(
                    "numbragg", "campaign", "run", "set.toml", "--out", "out", "--scheduler", address()) as run:
                if not last:
                    until(lambda: len(accounts()) >= 2)
                    manager.started.kill()
                    code, out, err = run.end()
                    assert (code, err.count("\n")) == (2, 1), err
                    assert "the scheduler is gone; the same command goes on when there is one" in err
                else:
                    code, out, err = run.end()
                    assert (code, out.partition(",")[0]) == (0, "out: 48 shots"), err
    assert hashes("out") == expected


def test_no_scheduler(folder, capfd):
    write(TEXT)
    assert main(["campaign", "run", "set.toml", "--out", "out", "--scheduler", "tcp://127.0.0.1:9"]) == 2
    assert re.fullmatch(r"numbragg: error: tcp://127.0.0.1:9: no scheduler of Dask answers \(.*\)\n",
                        capfd.readouterr().err)


def test_parts(expected, folder, capfd, monkeypatch):
    """As several processes of a launcher make them, and a third of which the first two know nothing."""
    write(TEXT)
    assert main(["campaign", "run", "set.toml", "--out", "out", "--shard", "2/3"]) == 0
    assert main(["campaign", "merge", "out"]) == 2
    assert "16 of 24 files of shots are not whole (shard 0: missing)" in capfd.readouterr().err
    for rank in "01":
        for name, value in (("SLURM_PROCID", rank), ("SLURM_NTASKS", "3"), ("SLURM_STEP_ID", "0")):
            monkeypatch.setenv(name, value)
        assert main(["campaign", "run", "set.toml", "--out", "out"]) == 0
        said = capfd.readouterr()
        assert said.out.startswith("out: 16 shots\n")
        assert said.err.splitlines()[0] == f"numbragg: warning: part {rank} of 3, from SLURM_PROCID and SLURM_NTASKS"
    assert main(["campaign", "merge", "out"]) == 0
    assert hashes("out") == expected


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
