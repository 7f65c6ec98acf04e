"""Vectors of either width: the script runs, says where there is one width only, and does not time what is wrong."""

import json
import os
import subprocess
import sys

from places import ROOT
import pytest
from test_benchmarks import run_script

pytestmark = pytest.mark.usefixtures("benchmark_scripts")

SMALL = ("--scene", "F", "--precision", "exact", "--pixels", "16", "--pairs", "2")


def test_it_runs_on_a_bare_machine(tmp_path):
    """From a folder of links; both ways as they are, so that any processor will do."""
    output = tmp_path / "lines.jsonl"
    done = subprocess.run(["bash", str(ROOT / "benchmarks" / "bare.sh"), "vector_width.py", "--same", *SMALL, "--table",
                           "--output", str(output)], cwd=tmp_path, capture_output=True, text=True, timeout=300,
                          env={**os.environ, "PYTHON": sys.executable, "TMPDIR": str(tmp_path)})
    assert done.returncode == 0, done.stdout + done.stderr
    record = json.loads(output.read_text())
    assert (record["scene"], record["precision"], record["steps"], record["same_bits"]) == ("F", "exact", 256, True)
    assert all(len(times) == 2 and min(times) > 0.0 for times in record["ns_per_step"].values())
    assert "\n| F: one step" in done.stdout and "| yes |" in done.stdout
    # nothing is left of the links
    assert [path.name for path in tmp_path.iterdir()] == ["lines.jsonl"]


def test_beside_a_checkout():
    (record,), _ = run_script("vector_width.py", "--same", *SMALL, "--baseline", str(ROOT))
    assert record["same_bits"] and list(record["ns_per_step"]) == ["512", "256", "before, 512", "before, 256"]


def test_where_there_is_one_width():
    records, text = run_script("vector_width.py", *SMALL, code=2, NUMBA_CPU_NAME="haswell",
                               NUMBA_CPU_FEATURES="+avx2,+fma")
    assert not records and "no vectors of 512 bits" in text


def test_two_widths_where_there_are(monkeypatch):
    import vector_width

    from numbragg.kernels.compile import compilation

    monkeypatch.setattr(compilation, "vector_bits", lambda processor, features: 512)
    found = vector_width.ways()
    assert found.keys() == {"512", "256"} and found["512"] == ({}, None)
    assert found["256"][0]["NUMBA_CPU_FEATURES"].endswith(",+prefer-256-bit") and found["256"][1] is None
    # a checkout that knows of no widths is told of both
    found = vector_width.ways("there")
    assert found["before, 512"][0]["NUMBA_CPU_FEATURES"].endswith(",-prefer-256-bit")
    assert found["before, 256"] == (found["256"][0], "there")


class OtherBits:
    """A process whose image is its own."""

    def __init__(self, way, *_):
        self.said = {"sha256": way, "steps": 1, "lane_fraction": 1.0}

    def ready(self):
        return self

    def close(self):
        pass


def test_other_bits_are_not_timed(monkeypatch):
    import vector_width

    monkeypatch.setattr(vector_width, "Way", OtherBits)
    record = vector_width.measure("A", "exact", 3, {"512": "a", "256": "b"})
    assert not record["same_bits"] and "ns_per_step" not in record
    assert "NO" in vector_width.width_table([{**record, "machine": {"processor": "p"}, "versions": {"kernels": "k"}}])


def test_a_baseline_is_a_checkout(tmp_path, capsys):
    import vector_width

    with pytest.raises(SystemExit, match="2"):
        vector_width.main(["--same", *SMALL, "--baseline", str(tmp_path)])
    assert f"--baseline: {tmp_path} must be the root of a checkout" in capsys.readouterr().err


def test_a_process_that_died_is_said():
    import vector_width

    way = vector_width.Way(({}, None), "F", "exact", 16)
    try:
        way.ready()
        way._process.kill()
        way._process.wait()
        with pytest.raises(SystemExit, match="a process ended with status -9"):
            way.seconds()
    finally:
        way.close()
