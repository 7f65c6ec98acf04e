"""Times of files: what is one, in all writers; and a variable of reproducible builds that is no number."""

import os
import subprocess
import sys

from formula_tools import INTERPRETED
import pytest

from numbragg.commands.cli import main
from numbragg.io.dates import date_text

LINE = "-cell 50 60 70 90 90 90 -default_F 1 -N 3 -detpixels 8 -lambda 1 -distance 80 --quiet".split()
BAD = ["abc", "1e9", "1700000000.5", "99999999999999999", "-5"]


@pytest.mark.parametrize("value, text", [
    ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"), ("2026-01-02T03:04:05+02:00", "2026-01-02T01:04:05Z"),
    ("2026-01-02", "2026-01-02T00:00:00Z"), ("0999-12-31T23:59:59-00:30", "1000-01-01T00:29:59Z")])
def test_dates(value, text):
    assert date_text(value) == text


@pytest.mark.parametrize("value", ["yesterday", "", "2020-13-01T00:00:00Z", 5, None, "0001-01-01T00:00:00+02:00"])
def test_no_dates(value):
    with pytest.raises(ValueError, match=r"date: .* must be a time such as 2026-11-26T22:00:00Z"):
        date_text(value)


@pytest.mark.parametrize("word", BAD)
def test_bad_variable(folder, monkeypatch, capfd, word):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", word)
    assert main([*LINE, "--geom", "a.geom"]) == 0
    assert main([*LINE, "--cbf", "a.cbf", "--date", "2026-01-02"]) == 0
    before = sorted(os.listdir())
    for file in ("b.cbf", "b.img", "b.nxs"):
        option = {"cbf": "--cbf", "img": "--smv-readable", "nxs": "--nexus"}[file[2:]]
        capfd.readouterr()
        assert main([*LINE, option, file]) == 2
        assert capfd.readouterr().err == (f"numbragg: error: SOURCE_DATE_EPOCH: {word!r} must be a number of seconds "
                                          "since 1970, whole, from 0 to 253402300799\n")
    assert sorted(os.listdir()) == before and os.environ["SOURCE_DATE_EPOCH"] == word


@pytest.mark.skipif(INTERPRETED, reason="starts interpreters of its own, and these compile")
@pytest.mark.parametrize("word", ["abc", ""])
def test_processes_of_their_own(folder, word):
    """NumPy's f2py reads the variable when Numba first compiles something."""
    program = ("import numbragg as nb; nb.simulate(nb.Crystal(cell=(50, 60, 70, 90, 90, 90), n_cells=3), nb.Beam(), "
               "nb.Detector(pixels=(8, 8)), 100.0); import os; print(os.environ['SOURCE_DATE_EPOCH'] + 'done')")
    for words in (["-m", "numbragg", *LINE], ["-c", program]):
        done = subprocess.run([sys.executable, *words], env=os.environ | {"SOURCE_DATE_EPOCH": word},
                              capture_output=True, text=True)
        assert done.returncode == 0 and not done.stderr, done.stderr
    assert done.stdout == f"{word}done\n"
