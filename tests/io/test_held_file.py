"""Files that one run at a time writes: locks, failures, and signals that wait."""

import errno
import os
import signal
import subprocess
import sys

import pytest

from numbragg.io.held_file import HeldFile, uninterrupted


def test_one_at_a_time(folder):
    first = HeldFile("a.partial", "a")
    assert first.empty
    with pytest.raises(BlockingIOError, match="another run is writing it") as error:
        HeldFile("a.partial", "a")
    assert error.value.filename == "a"
    first.write(b"begun")
    first.close()
    second = HeldFile("a.partial", "a")
    assert not second.empty and second.read(8) == b"begun\0\0\0"
    second.remove()
    # the name is free while the file that had it is still open
    third = HeldFile("a.partial", "a")
    os.replace(third.path, "a")
    third.close()
    second.close()
    fourth = HeldFile("a.partial", "a")
    third.remove()
    assert sorted(path.name for path in folder.iterdir()) == ["a", "a.partial"]
    fourth.close()


@pytest.mark.parametrize("left", [b"", b"\0" * 20, b"begun", b"begun and more", b"be"])
def test_what_an_interrupted_run_left(left, folder):
    (folder / "a.partial").write_bytes(left)
    HeldFile("a.partial", "a", b"begun").close()
    assert (folder / "a.partial").read_bytes() == left


def test_what_is_somebodys_is_not_written_to(folder):
    """Nobody named it as an output."""
    (folder / "notes").write_bytes(b"precious")
    place = folder / "a.partial"

    def refused(why):
        with pytest.raises(FileExistsError, match=f"is in the way, for it {why}: remove or rename it") as error:
            HeldFile("a.partial", "a", b"begun")
        assert error.value.filename == "a.partial"

    place.write_bytes(b"precious")
    refused("was not left by an interrupted series")
    # nor is it locked
    HeldFile("a.partial", "a").close()
    assert place.read_bytes() == b"precious"
    for link in ("notes", "nothing"):
        place.unlink()
        place.symlink_to(link)
        refused("is a link")
    place.unlink()
    os.mkfifo(place)
    refused("is no file")
    assert (folder / "notes").read_bytes() == b"precious" and not (folder / "nothing").exists() and place.exists()


def test_a_lock_goes_with_its_process(folder):
    code = ("import os, signal\nfrom numbragg.io.held_file import HeldFile\nheld = HeldFile('a.partial', 'a')\n"
            "print('held', flush=True)\nsignal.pause()")
    other = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert other.stdout.readline() == "held\n"
    with pytest.raises(BlockingIOError):
        HeldFile("a.partial", "a")
    other.kill()
    other.communicate()
    HeldFile("a.partial", "a").close()


def test_the_first_failure_is_kept(folder, monkeypatch):
    held = HeldFile("a.partial", "a")
    held.write(b"123")
    full = HeldFile("full", "b.nxs")
    full._file.close()
    full._file = open("/dev/full", "r+b", buffering=0)
    assert full.write(b"4") == 1 and full.tell() == 1 and full.failed and not held.failed
    full.truncate(0)
    with pytest.raises(OSError, match="No space left on device") as error:
        full.check()
    assert error.value.filename == "b.nxs" and error.value.errno == errno.ENOSPC
    held.check()
    held.close()
    full.close()
    assert (folder / "a.partial").read_bytes() == b"123"


@pytest.mark.usefixtures("interruptible")
def test_signals_wait():
    done = []
    with pytest.raises(KeyboardInterrupt):
        with uninterrupted():
            os.kill(os.getpid(), signal.SIGINT)
            done.append(len(str(signal.getsignal(signal.SIGINT))))
    assert done and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with uninterrupted():
        pass
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
