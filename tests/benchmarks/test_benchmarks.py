"""The benchmark scripts: each runs, on something tiny; they refuse to time what is wrong; the tables are fresh."""

import contextlib
import json
import os
import shutil
import subprocess
import sys

from cuda_tools import needs_numba_cuda
from places import ROOT
import pytest

import numbragg as nb
from numbragg.commands.cli import main
from numbragg.kernels.drive import cpu as driver_cpu

FOLDER = ROOT / "benchmarks"

pytestmark = pytest.mark.usefixtures("benchmark_scripts")


def run_script(name, *words, code=0, **environment):
    """Run a script.

    Returns its records, and all that it printed.
    """
    done = subprocess.run([sys.executable, str(FOLDER / name), *words], env={**os.environ, **environment},
                          capture_output=True, text=True, timeout=300)
    assert done.returncode == code, done.stdout + done.stderr
    records = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    for record in records:
        assert {"machine", "versions", "date"} <= record.keys()
        assert record["machine"]["processor"] and record["versions"]["kernels"]
    return records, done.stdout + done.stderr


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """The kernels of the scripts, in the cache: compiled here, they share their parts with what is compiled later."""
    crystal = nb.Crystal(cell=(79.1, 79.1, 37.9, 90, 90, 90), n_cells=10)
    scene = crystal, nb.Beam(), nb.Detector(pixels=(8, 8)), 10.0
    for precision, summation in (("exact", "sequential"), ("compensated", "kahan"), ("single", "sequential"),
                                 ("single", "kahan")):
        image = nb.simulate(*scene, precision=precision, summation=summation)
    nb.trace(*scene, 1, 2)
    prepared = nb.Simulator(scene[2], scene[1], scene[3]).prepare(crystal)
    driver_cpu.render(prepared.scene, driver_cpu.Target(prepared.window, None, image),
                      driver_cpu.Modes(threads=1, lanes=False), interpolating=False)
    folder = tmp_path_factory.mktemp("compiled")
    (folder / "a.hkl").write_text("0 0 0 1\n1 2 3 4\n")
    words = f"-hkl {folder}/a.hkl -cell 80 -N 10 -lambda 1 -distance 200 -detpixels 8 -oversample 1 -seed 1 --quiet"
    with contextlib.chdir(folder):
        assert main(words.split()) == 0


# -- each script


def test_speed(tmp_path, compiled):
    output = tmp_path / "lines.jsonl"
    records, text = run_script("speed.py", "--scene", "A", "--pixels", "32", "--pairs", "2", "--seconds",
                               "0.01", "--table", "--output", str(output))
    record = records[0]
    assert record["scene"] == "A" and record["pixels"] == 1024 and record["steps_per_pixel"] == 200
    assert record["differ"] == {"strict": 0} and record["lane_fraction"] >= 0.99 and record["c"] is None
    assert 0.0 <= record["zero_terms"] <= 0.5
    assert all(record["correlation"][name] > 0.9999 and len(record["ratios"][f"lanes_over_{name}"]) == 2
               for name in ("compensated", "single", "single_kahan"))
    assert len(record["ns_per_step"]["lanes"]) == len(record["ns_per_step"]["strict"]) == 2
    assert json.loads(output.read_text().splitlines()[0]) == record
    assert "| A | mosaic: 200 domains |" in text
    assert str(tmp_path) not in text and "port" in text


@needs_numba_cuda
def test_on_device(tmp_path):
    """On the simulator, from another folder."""
    output = tmp_path / "lines.jsonl"
    done = subprocess.run(
        ["bash", str(FOLDER / "on_device.sh"), "--simulate", "--minutes", "0.05", "--output", str(output)],
        env={**os.environ, "PYTHON": sys.executable}, cwd=tmp_path, capture_output=True, text=True,
        timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    records = [json.loads(line) for line in output.read_text().splitlines()]
    assert list(dict.fromkeys(r["benchmark"] for r in records))[:4] == [
        "cuda, published table", "cuda, batch", "cuda, sums", "cuda, selftest"]
    assert all(r["same_bits"] is True and "CUDA simulator" in r["device"] for r in records)
    assert sum(r.get("scenes", 0) for r in records) >= 1
    assert done.stdout.rstrip().endswith("passed")


def test_a_wrong_image_on_a_device_fails():
    from on_device import page

    record = {"benchmark": "cuda, sums", "precision": "exact", "seconds": 1.0, "crystals": 2, "panels": 2}
    assert list(page([{**record, "same_bits": True}], "none", 1))[-1] == "passed"
    text = list(page([{**record, "same_bits": True}, {**record, "same_bits": False}], "none", 1))
    assert text[-1] == "FAILED" and any(line.endswith("NO") for line in text)


def test_balance():
    (record,), _ = run_script("balance.py", "--scene", "F", "--pixels", "64", "--repeats", "2", "--threads", "2")
    assert record["threads"] == 2
    assert list(record["ratios"]) == list(record["seconds"]) == ["whole", "upper half masked", "random rows masked"]
    assert all(len(values) <= 2 for values in record["ratios"].values())


def test_masks_leave_rows_of_unequal_work():
    from balance import masks

    found = masks((100, 7))
    assert found["whole"] is None
    assert found["upper half masked"].sum() == 350 and found["upper half masked"][50:].all()
    kept = found["random rows masked"].sum(axis=1)
    assert set(kept.tolist()) == {0, 7} and 25 < (kept > 0).sum() < 55


def test_startup(compiled):
    (record,), _ = run_script("startup.py", "--runs", "1", "--pixels", "32")
    assert record["seconds"].keys() == {"import numba", "frame", "demo", "import numpy", "import numbragg"}
    assert record["ratios"].keys() == {"frame", "demo", "import"} and record["clock"] in ("wall", "cpu")


def test_read_hkl(compiled):
    (record,), _ = run_script("read_hkl.py", "--lines", "2000", "--pairs", "1")
    assert record["lines"] == 2000 and record["seconds"].keys() == {"process", "command"}


def test_memory():
    records, _ = run_script("memory.py", "--pixels", "64", "--edge", "12")
    assert [r["source"] for r in records] == ["dump", "list"]
    for record in records:
        assert 10e6 < record["peak_bytes"] < record["allowed_bytes"]


def test_compile_time():
    (record,), _ = run_script("compile_time.py", "--variant", "one cell, nearest")
    assert record["kept"] and record["bytes"] > 10_000 and record["seconds"] > record["load_seconds"]


def test_all_variants_are_compiled():
    """Six lattice factors, five in three other ways, nearest and tricubic, and the strict evaluator."""
    from compile_time import VARIANTS

    assert len(VARIANTS) == 1 + 6 * 2 + 5 * 2 * 3


# -- they see what is wrong


def test_wrong_image_is_not_timed(tmp_path):
    program = tmp_path / "wrong"
    program.write_text("#!/bin/sh\nhead -c 1024 /dev/zero >floatimage.bin\n")
    program.chmod(0o755)
    (record,), text = run_script("speed.py", "--scene", "F", "--pixels", "16", "--pairs", "1", code=1,
                                 NB_C_BIN=str(program))
    assert record["differ"]["c"] > 200 and "ratios" not in record and "not timed" in text
    assert str(tmp_path) not in json.dumps(record)


def test_scene_outside_the_lanes_is_not_timed(monkeypatch, capsys):
    import scenes
    import speed

    # indices beyond the reduction's range
    scene = scenes.Scene("X", "huge", "-cell 79 79 38 90 90 90 -lambda 1 -distance 200 -detpixels 16 -pixel 0.1 "
                         "-oversample 1 -N 100000000 -default_F 1", table=None)
    monkeypatch.setitem(speed.SCENES, "X", scene)
    assert speed.main(["--scene", "X", "--pairs", "1"]) == 1
    captured = capsys.readouterr()
    record = json.loads(captured.out.splitlines()[0])
    assert record["lane_fraction"] == 0.0 and "ratios" not in record and "not timed" in captured.err


def test_imprecise_image_is_not_timed(monkeypatch, capsys):
    import speed

    monkeypatch.setattr(speed, "correlations", lambda ours: {"single": 0.99})
    assert speed.main(["--scene", "F", "--pixels", "16", "--pairs", "1"]) == 1
    captured = capsys.readouterr()
    assert "ratios" not in json.loads(captured.out.splitlines()[0]) and "correlation of single" in captured.err


def test_missing_program_is_named():
    _, text = run_script("speed.py", "--scene", "F", "--pixels", "16", code=1, NB_C_BIN="no-such-program")
    assert "NB_C_BIN: no-such-program is not a program" in text


def test_absent_port_is_named():
    import torch_port

    reason = torch_port.missing()
    if reason is None:
        pytest.skip("the PyTorch port is installed")
    assert reason in ("torch is not installed", "nanobrag_torch is not installed")
    _, text = run_script("torch_port.py", "--scene", "A")
    assert f"skipped: {reason}" in text


def test_disturbed_wall_times_do_not_count():
    from measuring import Spent, pair_ratios, quartiles

    theirs = [Spent(4.0, 6.0, 0.0), Spent(8.0, 9.0, 0.0), Spent(9.0, 9.0, 0.9)]
    ours = [Spent(2.0, 2.0, 0.01), Spent(2.0, 3.0, 0.5), Spent(1.0, 3.0, 0.0)]
    assert pair_ratios(theirs, ours) == [2.0, 4.0, 9.0]
    assert pair_ratios(theirs, ours, "wall") == [3.0]
    assert quartiles([]) == [] and quartiles([3.0]) == [3.0] * 3 and quartiles([1.0, 2.0, 3.0]) == [1.5, 2.0, 2.5]


# -- the page


def test_tables_are_fresh():
    run_script("make_table.py", "--check")


def test_stale_table_is_seen_and_repaired(tmp_path):
    copy = tmp_path / "clone"
    shutil.copytree(FOLDER, copy / "benchmarks", ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "docs").mkdir()
    page = copy / "docs" / "benchmarks.md"
    original = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    end = "<!-- end of what make_table.py made -->"
    page.write_text(original.replace(end, f"something else\n{end}", 1), encoding="utf-8")

    def make_table(*words):
        return subprocess.run([sys.executable, str(copy / "benchmarks" / "make_table.py"), *words],
                              capture_output=True, text=True, timeout=60)

    stale = make_table("--check")
    assert stale.returncode == 1 and stale.stderr.startswith("benchmarks.md: stale")
    assert make_table().returncode == 0 and page.read_text(encoding="utf-8") == original


def test_results_name_no_machine_paths():
    for path in sorted((FOLDER / "results").glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            assert not [word for word in json.dumps(json.loads(line)).split('"') if word.startswith("/")], path.name
