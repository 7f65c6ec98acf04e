"""The published scene with a device: the script runs, here by the CPU in its place; what is wrong is not timed."""

import json
import os
import re

import pytest
from test_benchmarks import run_script

pytestmark = pytest.mark.usefixtures("benchmark_scripts")

SMALL = ("--backend", "cpu", "--pixels", "96", "80", "--domains", "4", "--shots", "2")


def test_it_runs(tmp_path):
    pytest.importorskip("h5py")
    output = tmp_path / "lines.jsonl"
    (r,), _ = run_script("published_device.py", *SMALL, "--precision", "exact", "--processes", "2", "--output",
                         str(output))
    assert r == json.loads(output.read_text()) and r["differ"] == 0 and r["processes"] == 2 and r["shots"] == 2
    assert r["seconds"] > 0.0 and list(r["parts"]) == ["preparing", "Bragg", "background", "response", "writing"]
    assert min(r["parts"].values()) > 0.0 and "device" not in r
    from make_table import device_table

    shown = device_table([{**r, "device": "0: a card"}])
    assert "a card" in shown
    assert re.search(r"\n\| trial of 96 x 80 pixels, 4 domains \| exact \| 2 \| [\d.e-]+ \| preparing ", shown)


def test_only_the_published_set_is_called_so():
    import published_device

    job = {"scene": "pilatus", "pixels": None, "domains": published_device.DOMAINS}
    assert published_device._what(job) == "2463 x 2527 pixels, Gaussian spots"
    assert published_device._what({**job, "domains": 7}) == "trial of 2463 x 2527 pixels, 7 domains"


def test_other_bits_are_not_timed(monkeypatch, capsys):
    import published_device

    monkeypatch.setattr(published_device, "differing", lambda job: 3)
    assert published_device.main([*SMALL, "--precision", "exact", "--processes", "1"]) == 1
    record = json.loads(capsys.readouterr().out)
    assert record["differ"] == 3 and "seconds" not in record


def test_what_ends_a_process_is_said():
    import published_device

    job = {"scene": "no such scene", "precision": "exact", "domains": 1, "pixels": None, "shots": 1, "backend": "cpu"}
    with pytest.raises(SystemExit, match="KeyError"):
        published_device.timed(job, 2)


def test_processes_that_are_killed_are_said():
    import published_device

    with pytest.raises(SystemExit, match="BrokenProcessPool"):
        published_device.timed(Dies(), 2)


class Dies(dict):
    """A job that ends the process to which it is sent."""

    def __reduce__(self):
        return os._exit, (3,)
