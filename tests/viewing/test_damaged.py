"""HDF5 files on which the library hangs or crashes: refused by a process of their own, whichever part is damaged."""

import os
import sys

import numpy as np
import pytest
import view_tools

from numbragg.commands.cli import main
from numbragg.io import trial

#: What stands in for the library where a file is tried, and not here, where it is loaded.
LIBRARY = """
import os, signal, time
class Dataset: pass
class Group: pass
class File:
    def __init__(self, *_):
        WHAT
"""


@pytest.fixture
def series(folder):
    view_tools.series("s.nxs")


@pytest.mark.parametrize("part", ["pixels", "geometry"])
@pytest.mark.parametrize("what, said", [("time.sleep(1000)", "HDF5 does not come to an end with it in 2 s"),
                                        ("os.kill(os.getpid(), signal.SIGSEGV)", "HDF5 breaks off on it (signal 11)")])
def test_a_file_that_the_library_does_not_survive(part, what, said, series, folder, monkeypatch, capsys):
    (folder / "damage").mkdir()
    (folder / "damage/h5py.py").write_text(LIBRARY.replace("WHAT", what))
    (folder / "damage/hdf5plugin.py").touch()
    monkeypatch.syspath_prepend(str(folder / "damage"))
    # what does not hang has time enough on a busy machine
    monkeypatch.setattr(trial, "SECONDS", 2.0 if "2 s" in said else 60.0)
    # the other part is sound
    other = "numbragg.io.nxmx_header" if part == "pixels" else "numbragg.viewing.series"
    monkeypatch.setattr(f"{other}.try_reading", lambda *_: None)
    before = sorted(os.listdir())
    assert {"h5py", "hdf5plugin"} <= set(sys.modules) and main(["view", "s.nxs", "--html", "s.html"]) == 2
    assert capsys.readouterr().err == f"numbragg: error: s.nxs: is damaged: {said}\n"
    assert sorted(os.listdir()) == before


def test_only_the_wanted_frames_need_to_be_sound(series, folder, capsys):
    import h5py

    with h5py.File("s.nxs") as file:
        pixels = file["entry/data/data"][()]
        chunk = file["entry/data/data"].id.get_chunk_info(file["entry/data/data"].id.get_num_chunks() - 1)
    with open("s.nxs", "r+b") as file:
        file.seek(chunk.byte_offset)
        file.write(b"\xff" * chunk.size)
    assert chunk.chunk_offset[0] == 2 and main(["view", "s.nxs", "--frames", "0:2", "--html", "a.html"]) == 0
    np.testing.assert_array_equal(view_tools.numbers("a.html", "frame-1"), pixels[1].reshape(-1))
    assert main(["view", "s.nxs", "--frame", "2", "--html", "b.html"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("numbragg: error: s.nxs: is not a readable HDF5 image (") and not os.path.exists("b.html")
