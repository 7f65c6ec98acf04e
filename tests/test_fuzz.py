"""Some hundred random command lines and damaged files, and that what is wrong would be seen (`tests/fuzz.py`)."""

import os
from pathlib import Path
import subprocess
import sys

import fuzz
from fuzzing.cases import Case, Content
from fuzzing.checks import Failure, files_after, said
from fuzzing.crew import Worker, shrunk
from fuzzing.crystals import KINDS, random_crystal, seed_bytes
from fuzzing.files import random_file
from fuzzing.lines import random_line
import pytest

ERROR = "numbragg: error: no\n"
SCENE = tuple("-cell 12 14 16 90 101 90 -N 5 -detpixels 5 -pixel 1 -distance 20 -oversample 1 -seed 1".split())


@pytest.mark.parametrize("count", [150, pytest.param(300, marks=pytest.mark.slow)])
@pytest.mark.parametrize("what", ["lines", "files", "crystals"])
def test_nothing_fails(what, count):
    """Longer runs are a matter of `tests/fuzz.py`; these have the same cases every time."""
    script = Path(__file__).with_name("fuzz.py")
    environment = {name: value for name, value in os.environ.items() if name != "NB_C_BIN"}
    done = subprocess.run([sys.executable, script, what, "--count", str(count), "--seed", "2"], capture_output=True,
                          text=True, env=environment)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-1000:]
    assert f"{count} cases in" in done.stdout and "all passed" in done.stdout


@pytest.mark.parametrize("make", [random_line, random_file, random_crystal])
def test_a_case_is_its_seed_and_number(make):
    for number in range(30):
        a, b = make(5, number), make(5, number)
        assert a == b and [c and c.bytes() for c in a.files.values()] == [c and c.bytes() for c in b.files.values()]
    cases = [make(5, number) for number in range(30)]
    assert len({(case.shown(), *(c and c.bytes() for c in case.files.values())) for case in cases}) > 20
    assert make(5, 0) != make(6, 0)


@pytest.mark.parametrize("kind", KINDS)
def test_undamaged_files_are_read(kind, tmp_path):
    """Else what is damaged would never come further than the first check."""
    name = "file" + KINDS[kind][0]
    worker = Worker()
    if kind == "mask":
        pytest.skip("lies beside a geometry, as the cases of its kind have it")
    words = {"geom": ("from_geom", name), "expt": ("from_expt", name), **dict.fromkeys(
        ("nxmx", "cbf", "smv"), ("from_header", name)),
             "spectrum": (*SCENE, "--spectrum", name, "-default_F", "1"),
             "list": (*SCENE, "-hkl", name, "--hkl-columns", "auto")}.get(kind, (*SCENE, "-hkl", name))
    try:
        account = worker.run(Case("x", (words,), {name: Content(seed_bytes(kind))}))
    finally:
        worker.stop()
    assert account["failure"] is None and account["code"] == 0


# -- what is wrong is seen

IMAGE = ("-cell", "80")


@pytest.mark.parametrize("words, code, out, err, kind", [
    (IMAGE, 0, "numbragg", "Traceback (most recent call last):\n", "traceback"),
    (IMAGE, 0, "numbragg", "x.py:1: RuntimeWarning: overflow\n", "foreign warning"),
    (IMAGE, 1, "numbragg", "", "exit status"),
    (("trace", "1", "1"), 1, "numbragg", "", "exit status"),
    (IMAGE, 2, "", "", "one line of error"),
    (IMAGE, 2, "", ERROR * 2, "one line of error"),
    (IMAGE, 2, "", "numbragg: note: x\n" + ERROR, "one line of error"),
    (IMAGE, 2, "", "numbragg: error: 'NoneType' object has no attribute x\n", "Python"),
    (IMAGE, 2, "a report", ERROR, "stdout beside"),
    (IMAGE, 0, "numbragg", "something\n", "stderr beside"),
    ((*IMAGE, "--quiet"), 0, "", "numbragg: note: x\n", "stderr beside"),
    ((*IMAGE, "--quiet"), 0, "x", "", "stdout under"),
    (IMAGE, 0, "", "", "no report"),
    (("compare", "a", "b"), 0, "", "", "no answer"),
])
def test_streams_are_checked(words, code, out, err, kind):
    with pytest.raises(Failure) as caught:
        said(Case("x", (words,)), code, out, err)
    assert kind in caught.value.kind


@pytest.mark.parametrize("words, code, out, err", [
    (IMAGE, 0, "numbragg", ""), (IMAGE, 2, "", ERROR), (("compare", "a", "b"), 1, "NOT equal", ""),
    ((*IMAGE, "--quiet"), 0, "", "numbragg: warning: x\n"), (("--help", "--quiet"), 0, "usage: numbragg", ""),
])
def test_what_is_right_passes(words, code, out, err):
    said(Case("x", (words,)), code, out, err)


@pytest.mark.parametrize("before, after, outputs, kind", [
    ({}, {"new": b""}, (), "left over"), ({"a": b"1"}, {"a": b"2"}, (), "input is changed"),
    ({"a": b"1"}, {}, (), "input is changed"), ({}, {}, ("a.json",), "missing"),
    ({}, {"a.json": b'{"x": NaN}'}, ("a.json",), "not whole"),
])
def test_files_are_checked(before, after, outputs, kind):
    case = Case("x", (("compare", "a", "b", *outputs),), outputs=outputs)
    with pytest.raises(Failure) as caught:
        files_after(case, 0, before, after, None, "")
    assert kind in caught.value.kind


def test_a_case_is_made_smaller():
    """Parts that have nothing to do with a failure go; a worker that dies or hangs is replaced."""

    class Faulty(Worker):
        def run(self, case):
            bad = "-x" in case.words and b"!" in case.files.get("f", Content(b"")).bytes()
            return {"failure": ("dies", "seen") if bad else None}

    content = Content(b"abc", ((0.0, 1, b"?"), (0.5, 0, b"!"), (0.9, 0, b"c")), "gzip", outside=True)
    case = Case("x", (("-a", "1"), ("-x",), ("-b",)), {"f": content, "g": None})
    small, seen = shrunk(Faulty(), case, "dies")
    assert small.groups == (("-x",),) and small.files == {"f": Content(b"abc", ((0.5, 0, b"!"),), outside=True)}
    assert seen == "seen"


def test_a_worker_that_dies_is_replaced(monkeypatch, capsys):
    """And the exit status says that something failed."""

    class Dying(Worker):
        def __init__(self, *settings):
            # three cases need no kernel
            super().__init__(*settings, warm=False)

        def run(self, case):
            if case.label.endswith(" 1") and self._process is not None:
                self._process.kill()
                self._process.join()
            return super().run(case)

    monkeypatch.setattr(fuzz, "Worker", Dying)
    monkeypatch.delenv("NB_C_BIN", raising=False)
    assert fuzz.main(["files", "--count", "3"]) == 1
    text = capsys.readouterr().out
    assert "FAILED files 1 1: the process ends with -9" in text and "--seed 1 --case 1" in text
    assert "1 broke off" in text and "1 FAILED" in text
