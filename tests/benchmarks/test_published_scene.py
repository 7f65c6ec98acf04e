"""The scene of a published training set: the script runs, alone and beside a checkout; what is wrong is not timed."""

import json
import subprocess
import sys

from places import ROOT
import pytest
from test_benchmarks import run_script

pytestmark = pytest.mark.usefixtures("benchmark_scripts")

SMALL = ("--pixels", "96", "80", "--domains", "4", "--part", "2", "--rounds", "1")
PARTS = {"preparing", "Bragg, exact", "Bragg, single", "background, once", "background, each shot", "response",
         "writing"}
SINGLE = "scene pilatus: correlation of single with exact is {}; not timed"
FINE = {"differ": 0, "correlation": 1.0, "lane_fraction": 1.0, "checked_rows": 5, "sha256": "a", "kernels": "k"}


def test_it_runs_beside_a_checkout(tmp_path):
    pytest.importorskip("h5py")
    output = tmp_path / "lines.jsonl"
    (r,), text = run_script("published_scene.py", "--scene", "pilatus", *SMALL, "--baseline", str(ROOT), "--table",
                            "--output", str(output))
    assert r["pixels"] == 96 * 80 and r["steps_per_pixel"] == r["domains"] == 4
    # rows 32 to 63 of 80
    assert r["scale"] == 2.5 and r["check"]["differ"] == 0 and r["check"]["checked_rows"] == 5
    assert r["this"]["kernels"] == r["before"]["kernels"] == r["versions"]["kernels"]
    for state in ("this", "before"):
        assert r[state]["seconds"].keys() == PARTS
        assert all(len(times) == 1 and min(times) > 0.0 for times in r[state]["seconds"].values())
    assert r["ratios"].keys() == {"exact", "single"} and all(len(v) == 1 for v in r["ratios"].values())
    assert r["mean_counts"] > 1.0 and r["file_bytes"] > 1000
    assert json.loads(output.read_text()) == r
    # two checkouts and two precisions each
    assert text.count("\n| pilatus: ") == 4 and "before over this" in text and "published 2.89 s" in text
    assert str(tmp_path) not in text and str(ROOT) not in json.dumps(r)


def test_the_other_scene_runs_alone():
    pytest.importorskip("h5py")
    (r,), _ = run_script("published_scene.py", "--scene", "as printed", *SMALL)
    assert r["this"]["seconds"].keys() == PARTS and not {"before", "ratios"} & r.keys()


def test_blocks_of_rows_are_spread():
    from published_scene import BLOCK, blocks

    found = blocks(2527, 8)
    assert found.sum() == 10 * BLOCK and found[4 * BLOCK:5 * BLOCK].all() and not found[:4 * BLOCK].any()
    assert blocks(2527, 1).all() and blocks(40, 8).tolist() == [True] * 32 + [False] * 8


def test_a_shot_is_the_sum_of_its_parts():
    from published_scene import in_all

    seconds = {"preparing": 1.0, "Bragg, exact": 2.0, "Bragg, single": 3.0, "background, once": 1000.0,
               "background, each shot": 10.0, "response": 20.0, "writing": 30.0}
    assert in_all({"seconds": seconds, "scale": 8.0}) == {"exact": 77.0, "single": 85.0}


def test_published_time():
    from published_scene import PUBLISHED_SECONDS

    assert PUBLISHED_SECONDS == pytest.approx(2.8908, abs=1e-4)


@pytest.mark.parametrize("states, said", [
    ([{**FINE, "differ": 3}], "scene pilatus: 3 pixels differ from strict; not timed"),
    ([FINE, {**FINE, "correlation": 0.99}], SINGLE.format("0.990000")),
    ([FINE, {**FINE, "correlation": float("nan")}], SINGLE.format("nan")),
    ([FINE, {**FINE, "sha256": "b"}], "scene pilatus: the two checkouts have other images; not timed")])
def test_what_is_wrong_is_not_timed(monkeypatch, capsys, states, said):
    import published_scene

    asked = []

    def ask(**job):
        asked.append(job)
        assert job["check"]
        return states[len(asked) - 1]

    monkeypatch.setattr(published_scene, "_ask", ask)
    words = ["--scene", "pilatus", *SMALL, *(["--baseline", str(ROOT)] if len(states) == 2 else [])]
    assert published_scene.main(words) == 1
    captured = capsys.readouterr()
    record = json.loads(captured.out.splitlines()[0])
    assert len(asked) == len(states) and "this" not in record and captured.err.rstrip() == said


def test_a_wrong_pixel_is_counted(monkeypatch):
    import published_scene

    shot = published_scene.Shot(published_scene.SCENES["pilatus"], (48, 40), 2)
    monkeypatch.setattr(published_scene, "CHECKED", 3)
    right = published_scene.checked(shot)
    assert right["differ"] == 0 and right["checked_rows"] == 3
    real = published_scene._rendered

    def rendered(simulator, crystal):
        prepared, images, outcomes = real(simulator, crystal)
        images[0][20, 7] += 1.0
        return prepared, images, outcomes

    monkeypatch.setattr(published_scene, "_rendered", rendered)
    wrong = published_scene.checked(shot)
    assert wrong["differ"] == 1 and wrong["sha256"] != right["sha256"]


def test_kernels_of_the_other_checkout_are_used(tmp_path):
    """The installed package maps numbragg.kernels to a folder of its own, wherever numbragg is from."""
    for name in ("numbragg", "kernels"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"WHERE = {name!r}\n")
    (tmp_path / "kernels" / "inner.py").write_text("WHERE = __name__\n")
    code = ("import sys; sys.path.insert(0, sys.argv[1]); import published_scene; published_scene.use(sys.argv[2]);"
            "import numbragg, numbragg.kernels.inner as inner;"
            "print(numbragg.WHERE, numbragg.kernels.WHERE, inner.WHERE, inner.__file__.startswith(sys.argv[2]))")
    done = subprocess.run([sys.executable, "-c", code, str(ROOT / "benchmarks"), str(tmp_path)], capture_output=True,
                          text=True, timeout=100, cwd=tmp_path)
    assert done.stdout.split() == ["numbragg", "kernels", "numbragg.kernels.inner", "True"], done.stderr


@pytest.mark.parametrize("words, said", [
    (("--baseline", "nowhere"), "--baseline: nowhere must be the root of a checkout, with kernels/__init__.py"),
    (("--part", "0"), "--rounds, --part, --domains and --pixels must be 1 or more")])
def test_wrong_words(words, said):
    _, text = run_script("published_scene.py", *words, code=2)
    assert said in text and "Traceback" not in text


def test_a_checkout_that_lacks_what_is_needed_is_one_line(tmp_path):
    for name in ("numbragg", "kernels"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("")
    _, text = run_script("published_scene.py", "--scene", "pilatus", *SMALL, "--baseline", str(tmp_path), code=1)
    assert text.splitlines()[-1].startswith(f"scene pilatus, {tmp_path}: ") and "Traceback" not in text
