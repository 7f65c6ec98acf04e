"""A process that works for somebody else, as a worker of Dask does, ends though a thread of it is making shots."""

import os
import subprocess
import sys

from campaign_tools import campaign, hashes, write
from formula_tools import INTERPRETED
import pytest

pytest.importorskip("h5py", reason="files of shots are HDF5")
pytest.importorskip("pyarrow", reason="tables of truth are Parquet")
pytestmark = pytest.mark.skipif(INTERPRETED, reason="starts interpreters of its own, and these compile")

#: Work in a thread for which Python does not wait, and an end in the middle of a shot, with the lock of h5py taken.
WORKER = """\
import sys, threading, time
from h5py._objects import phil
from numbragg.campaign import work
from numbragg.campaign.store import read_head

begun = threading.Event()
plan = work.Plan("set.toml", "out", read_head("out"), 1)

def step(shots):
    with phil:
        begun.set()
        # whoever sleeps has let go of Python's lock, and stops when it wants it back
        time.sleep(float(sys.argv[1]))

work._FAREWELL = float(sys.argv[2])
threading.Thread(target=work.do_shard, args=(plan, 0, step), daemon=True).start()
assert begun.wait(240)
"""


@pytest.mark.parametrize("shot,farewell,code", [(0.5, 60.0, 0), (240.0, 0.5, 143)])
def test_a_process_ends_in_the_middle_of_a_shot(folder, shot, farewell, code):
    """Nothing half done is there; the same command goes on."""
    write()
    assert campaign("run", "set.toml", "--out", "out", "--shard", "2/3", "--quiet").returncode == 0
    # it would wait for ever, and 240 s for its thread
    ended = subprocess.run([sys.executable, "-c", WORKER, str(shot), str(farewell)], capture_output=True, text=True,
                           timeout=120)
    assert ended.returncode == code, ended.stderr
    # what a kill leaves as well, and the next run begins anew
    left = {name for name in os.listdir("out") if "000000" in name}
    assert left <= ({"shots_000000.h5.partial"} if code else set())
    for name in ("out", "other"):
        assert campaign("run", "set.toml", "--out", name, "--shard", "0/1", "--quiet").returncode == 0
    assert hashes("out") == hashes("other")
