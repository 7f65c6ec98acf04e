"""Processes that are started end with the one that started them, also when that is killed with -9."""

import os
from pathlib import Path
import signal
import subprocess
import sys
import time

from cli_tools import command
from cuda_tools import needs_numba_cuda
import pytest

from numbragg.io.children import started

LINUX = pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="this system does not list children")

#: What a child does that waits, and one that lets no Python run meanwhile.
WAITS = {"in Python": "import time; print('ready', flush=True); time.sleep(600)",
         "in a library": "import ctypes; print('ready', flush=True); ctypes.PyDLL(None).sleep(600)"}


def is_there(pid):
    """Whether a process runs; one that has ended may wait for somebody who sees to it."""
    try:
        return "zombie" not in Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return False


def children_of(pid):
    """Numbers of the processes that a process has started."""
    return [int(name) for place in Path(f"/proc/{pid}/task").glob("*/children") for name in place.read_text().split()]


def gone(pid, seconds=60.0):
    until = time.monotonic() + seconds
    while is_there(pid) and time.monotonic() < until:
        time.sleep(0.02)
    return not is_there(pid)


@LINUX
@pytest.mark.parametrize("way", WAITS)
def test_a_child_ends_with_a_parent_that_is_killed(way, folder):
    code = (f"from numbragg.io.children import started\nchild = started({WAITS[way]!r})\n"
            "print(child.pid, flush=True)\nchild.wait()\n")
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    said = {parent.stdout.readline(), parent.stdout.readline()} - {"ready\n"}
    pid = int(said.pop())
    assert is_there(pid)
    parent.kill()
    parent.communicate()
    assert gone(pid)


def test_a_child_ends_where_only_the_pipe_tells():
    """The parent lives, so that the system has nothing to say."""
    child = started(WAITS["in Python"], ends_by="SIGTERM", stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "ready\n" and child.poll() is None
    child.stdin.close()
    assert child.wait(timeout=60) == -signal.SIGTERM
    child.stdout.close()


@pytest.mark.usefixtures("interruptible")
@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="this system cannot let signals wait")
def test_an_interrupt_from_the_first_moment_on_ends_a_child_without_a_word():
    """Python would answer it with a traceback."""
    for turn in range(30):
        child = started(WAITS["in Python"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        time.sleep(0.002 * turn)
        child.send_signal(signal.SIGINT)
        _, said = child.communicate(timeout=60)
        assert (said, child.returncode) == ("", -signal.SIGINT)
    # nothing of that here
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == set()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_that_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        child = started(WAITS["in Python"], stdout=subprocess.PIPE, text=True)
    finally:
        signal.signal(signal.SIGINT, before)
    assert child.stdout.readline() == "ready\n"
    child.send_signal(signal.SIGINT)
    time.sleep(0.1)
    assert child.poll() is None
    child.stdin.close()
    assert child.wait(timeout=60) == -signal.SIGKILL
    child.stdout.close()


def test_words_and_folders_come_through(folder):
    """Also where the current folder has a package of our name, as the root of a clone."""
    (folder / "numbragg").mkdir()
    (folder / "numbragg" / "__init__.py").write_text("raise SystemExit('the wrong numbragg')\n")
    (folder / "more").mkdir()
    (folder / "more" / "of_a_folder.py").write_text("word = 'found'\n")
    child = started("import of_a_folder; print(sys.argv[1:], of_a_folder.word)", ["a", "-b", ""],
                    path=[str(folder / "more")], stdout=subprocess.PIPE, text=True)
    assert child.stdout.read() == "['a', '-b', ''] found\n" and child.wait(timeout=60) == 0
    child.stdin.close()
    child.stdout.close()


@LINUX
@needs_numba_cuda
def test_the_process_of_a_simulated_device_ends_with_a_parent_that_is_killed(folder):
    parent = subprocess.Popen(command("selftest", "--backend", "cudasim", "--pixels", "1000000", "--json", "a.json"),
                              cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 240.0
    # it has begun: what it will write is reserved
    while not list(folder.glob(".numbragg-*")):
        assert parent.poll() is None and time.monotonic() < until
        time.sleep(0.02)
    child, = children_of(parent.pid)
    parent.kill()
    assert parent.wait(timeout=60) == -signal.SIGKILL and gone(child)
    assert parent.stderr.read() == "numbragg: terminated; no file was written\n"
    parent.stderr.close()
    assert list(folder.iterdir()) == []
