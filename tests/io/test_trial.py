"""A file on which a library hangs or crashes is refused; any other is read as ever."""

import sys

import pytest

from numbragg.io import trial
from numbragg.io.errors import FileFormatError

LIBRARY = """
import os, signal, time
def well(path):
    open(path + ".seen", "w").close()
def refuses(path):
    raise ValueError(path)
def hangs(path):
    time.sleep(1000)
def crashes(path):
    os.kill(os.getpid(), signal.SIGSEGV)
"""


@pytest.fixture
def library(folder, monkeypatch):
    (folder / "some_library.py").write_text(LIBRARY)
    monkeypatch.syspath_prepend(str(folder))


def test_what_is_read_or_refused_by_python(library, folder, capfd):
    for function in ("well", "refuses", "is_not_there"):
        trial.try_reading("a file", "some_library", function, "it")
    trial.try_reading("a file", "no_library", "well", "it")
    assert (folder / "a file.seen").exists() and capfd.readouterr() == ("", "")


@pytest.mark.parametrize("function, message", [("hangs", "HDF5 does not come to an end with it in 2 s"),
                                               ("crashes", r"HDF5 breaks off on it \(signal 11\)")])
def test_hangs_and_crashes(library, monkeypatch, function, message):
    # what does not hang has time enough on a busy machine
    monkeypatch.setattr(trial, "SECONDS", 2.0 if function == "hangs" else 60.0)
    with pytest.raises(FileFormatError, match=f"^a file: is damaged: {message}$"):
        trial.try_reading("a file", "some_library", function, "HDF5")


def test_where_no_process_can_be_started(library, monkeypatch, folder):
    for program in ("", str(folder / "none")):
        monkeypatch.setattr(sys, "executable", program)
        trial.try_reading("a file", "some_library", "crashes", "it")
    trial.try_reading("a\0file", "some_library", "crashes", "it")
