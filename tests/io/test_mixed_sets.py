"""Sets of files that two runs write, or that a killed run leaves: all of one run, never a mixture."""

import itertools
import os
from pathlib import Path
import signal
import subprocess
import sys
import time

import pytest

import numbragg as nb
from numbragg.io import journal, leftovers, locks, renaming
from numbragg.io.output import OutputSet, write_whole

pytestmark = pytest.mark.skipif(not locks.LOCKS, reason="locks of POSIX")

#: Writes a set of files whose content is a word; before or after the n-th rename something happens.
WRITER = """
import os, signal, sys
from numbragg.io.output import OutputSet
word, when, number, *names = sys.argv[1:]
real, count = os.replace, 0
def replace(source, target):
    global count
    count += 1
    if when == "before" and count == int(number):
        happen()
    real(source, target)
    if when == "after" and count == int(number):
        happen()
def happen():
    if word == "held":
        print("held", flush=True)
        sys.stdin.read()
    else:
        os.kill(os.getpid(), signal.SIGKILL)
os.replace = replace
with OutputSet() as outputs:
    for name in names:
        outputs.reserve(name, name)
        with outputs.open(name) as file:
            file.write(word.encode())
    outputs.commit()
"""


def killed(when, number, *names, word="new"):
    found = subprocess.run([sys.executable, "-c", WRITER, word, when, str(number), *names], check=False)
    assert found.returncode == -signal.SIGKILL


def write(word, *names):
    with OutputSet() as outputs:
        for name in names:
            outputs.reserve(name, name)
            with outputs.open(name) as file:
                file.write(word.encode())
        outputs.commit()


def ours():
    return [name for name in os.listdir() if name.startswith(".numbragg-")]


NAMES = ("a.bin", "b.bin", "c.bin")


@pytest.mark.parametrize("next_run", ["others", "the same", "one of them", "one alone"])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_killed_at_every_rename(folder, when, number, next_run):
    write("old", *NAMES)
    killed(when, number, *NAMES)
    assert ours()
    begun, finished = (when, number) != ("before", 1), (when, number) == ("after", 3)
    names = {"others": ("x.bin", "y.bin"), "the same": NAMES, "one of them": ("b.bin", "y.bin"),
             "one alone": ("b.bin",)}[next_run]
    if begun and not finished:
        with pytest.warns(nb.NumbraggWarning, match="put in place for a run that was killed"):
            write("next", *names)
    else:
        write("next", *names)
    words = {name: "next" if name in names else "new" if begun else "old" for name in NAMES}
    assert {name: Path(name).read_text() for name in NAMES} == words
    assert not ours()


def test_killed_with_files_in_two_folders(folder):
    names = ("a.bin", "more/b.bin", "more/c.bin")
    os.mkdir("more")
    killed("after", 1, *names)
    # only the other one is looked at
    with pytest.warns(nb.NumbraggWarning, match="more/b.bin"):
        write("x", "more/x.bin")
    assert [Path(name).read_text() for name in names] == ["new"] * 3
    assert not ours() and sorted(os.listdir("more")) == ["b.bin", "c.bin", "x.bin"]


def test_a_moved_folder_is_completed_where_it_is(folder):
    os.mkdir("here")
    killed("after", 1, "here/a.bin", "here/b.bin")
    os.rename("here", "there")
    with pytest.warns(nb.NumbraggWarning, match="b.bin: put in place"):
        write("x", "there/x.bin")
    assert sorted(os.listdir("there")) == ["a.bin", "b.bin", "x.bin"]


def test_what_has_come_since_is_kept_and_named(folder):
    write("old", *NAMES)
    killed("after", 1, *NAMES)
    Path("b.bin").write_text("mine")
    with pytest.warns(nb.NumbraggWarning) as caught:
        write("x", "x.bin")
    assert [Path(name).read_text() for name in NAMES] == ["new", "mine", "new"]
    message, = (str(warning.message) for warning in caught)
    assert message.startswith(f"{folder / 'b.bin'}: not of the run that wrote {folder / 'a.bin'}, {folder / 'c.bin'}")
    assert not ours()
    # said once
    write("x", "x.bin")


def test_a_lost_temporary_file_is_named(folder):
    write("old", *NAMES)
    killed("after", 2, *NAMES)
    for name in ours():
        if name.endswith(".tmp"):
            os.unlink(name)
    with pytest.warns(nb.NumbraggWarning, match="c.bin: not of the run that wrote .*a.bin, .*b.bin, which was killed"):
        write("x", "x.bin")
    assert Path("c.bin").read_text() == "old" and not ours()


def test_a_power_failure_puts_no_empty_file_in_place(folder):
    write("old", *NAMES)
    killed("after", 2, *NAMES)
    waiting, = (name for name in ours() if name.endswith(".tmp"))
    os.truncate(waiting, 0)
    with pytest.warns(nb.NumbraggWarning, match="c.bin: not of the run"):
        write("x", "x.bin")
    assert Path("c.bin").read_text() == "old"


def test_nothing_of_a_dead_run_goes_over_a_later_one(folder):
    """Whoever finds the journal last sees that its files have been replaced."""
    killed("after", 1, *NAMES)
    kept = {name: Path(name).read_bytes() for name in ours() if name.endswith(".journal")}
    with pytest.warns(nb.NumbraggWarning):
        write("next", *NAMES)
    for name, text in kept.items():
        Path(name).write_bytes(text)
    write("x", "x.bin")
    assert [Path(name).read_text() for name in NAMES] == ["next"] * 3 and not ours()


@pytest.mark.parametrize("cut", [0, 10, 60, -1])
def test_a_journal_that_was_not_finished(folder, cut):
    """Then nothing had been renamed."""
    write("old", *NAMES)
    killed("before", 1, *NAMES)
    name, = (name for name in ours() if name.endswith(".journal"))
    Path(name).write_bytes(Path(name).read_bytes()[:cut])
    write("x", "x.bin")
    assert [Path(name).read_text() for name in NAMES] == ["old"] * 3 and not ours()


def test_leftovers_of_other_users_and_machines_stay(folder, monkeypatch):
    killed("after", 1, *NAMES)
    before = sorted(ours())
    with monkeypatch.context() as patch:
        patch.setattr(os, "geteuid", lambda: 12345678)
        write("x", "x.bin")
        assert sorted(ours()) == before
    with monkeypatch.context() as patch:
        for module in (locks, journal, leftovers):
            patch.setattr(module, "machine", lambda: "01234567")
        write("x", "x.bin")
        assert sorted(name for name in ours() if not name.endswith(".lock")) == [
            name for name in before if not name.endswith(".lock")]
        # nobody needs an hour for it
        for name in before:
            if name.endswith(".journal"):
                os.utime(name, (time.time() - 4000.0,) * 2)
        with pytest.warns(nb.NumbraggWarning, match="put in place for"):
            write("x", "x.bin")
    assert not ours()


@pytest.mark.parametrize("made", [os.mkfifo, os.mkdir, lambda path: os.symlink("/dev/zero", path)])
def test_a_journal_that_is_no_file_is_not_waited_for(made, folder):
    made(f".numbragg-{locks.machine()}-0123456789abcdee.journal")
    Path(f".numbragg-{locks.machine()}-0123456789abcdef.tmp").write_bytes(b"of a dead run")
    write("x", "x.bin", "y.bin")
    assert len(ours()) == 1


def test_a_link_is_no_journal(folder):
    (folder / "elsewhere").write_bytes(b"kept")
    for ending in ("journal", "tmp", "lock"):
        os.symlink("elsewhere", f".numbragg-{locks.machine()}-0123456789abcdef.{ending}")
    os.mkfifo(f".numbragg-{locks.machine()}-0123456789abcdee.tmp")
    write("x", "x.bin", "y.bin")
    assert len(ours()) == 4 and (folder / "elsewhere").read_bytes() == b"kept"


# -- runs that live


def held(*names, number=1, when="after"):
    """A process that waits in the middle of its renames."""
    process = subprocess.Popen([sys.executable, "-c", WRITER, "held", when, str(number), *names],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    return process


def test_temporary_files_of_the_living_stay(folder):
    with OutputSet() as outputs:
        outputs.reserve("slow.bin", "image")
        mine = set(ours())
        killed("before", 1, "other.bin", "third.bin")
        write("x", "x.bin")
        assert set(ours()) == mine
        with outputs.open("slow.bin") as file:
            file.write(b"done")
        write("y", "y.bin")
        outputs.commit()
    assert Path("slow.bin").read_bytes() == b"done" and not ours()


def test_others_go_on_while_names_are_held(folder, monkeypatch):
    monkeypatch.setattr(locks, "PATIENCE_SECONDS", 0.2)
    process = held("a.bin", "Fdump.bin")
    try:
        start = time.monotonic()
        write("x", "x.bin", "y.bin")
        assert time.monotonic() - start < 10.0
        with pytest.raises(BlockingIOError, match="another run has been putting its file there for 0.2 s") as caught:
            write("y", "y.bin", "./Fdump.bin")
        assert caught.value.filename == "./Fdump.bin"
        assert Path("y.bin").read_text() == "x"
    finally:
        process.communicate("")
    assert {name: Path(name).read_text() for name in ("a.bin", "Fdump.bin")} == {"a.bin": "held", "Fdump.bin": "held"}
    write("z", "z.bin", "Fdump.bin")
    assert Path("Fdump.bin").read_text() == "z" and not ours()


def test_who_waits_gets_the_names(folder):
    process = held(*NAMES)
    waiting = subprocess.Popen([sys.executable, "-c", WRITER, "late", "", "0", *reversed(NAMES)])
    time.sleep(1.0)
    assert waiting.poll() is None
    process.communicate("")
    assert waiting.wait(30) == 0
    assert [Path(name).read_text() for name in NAMES] == ["late"] * 3 and not ours()


PAIRS = """
import os, sys, time
import numbragg.io.output as output
real = os.replace
def replace(source, target):
    # a moment in which the other one may come in between
    time.sleep(0.002)
    real(source, target)
os.replace = replace
word, rounds, *names = sys.argv[1:]
for number in range(int(rounds)):
    sys.stdin.readline()
    with output.OutputSet() as outputs:
        for name in names:
            outputs.reserve(name, name)
            with outputs.open(name) as file:
                file.write(word.encode())
        outputs.commit()
    print("done", flush=True)
"""


def test_two_runs_at_once_never_mix(folder):
    """120 pairs, each with one name more that all share."""
    names = [("a.bin", "b.bin", "c.bin", "Fdump.bin"), ("Fdump.bin", "c.bin", "b.bin", "a.bin")]
    pair = [subprocess.Popen([sys.executable, "-c", PAIRS, word, "120", *own], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, text=True) for word, own in zip("12", names)]
    seen = set()
    for _ in range(120):
        for process in pair:
            process.stdin.write("\n")
            process.stdin.flush()
        for process in pair:
            assert process.stdout.readline() == "done\n"
        words = {Path(name).read_text() for name in names[0]}
        assert len(words) == 1
        seen |= words
    for process in pair:
        process.communicate()
        assert process.returncode == 0
    assert not ours()


# -- without locks


def test_without_locks(folder, monkeypatch):
    """Who makes the file of a lock has it; what is old is of the dead."""
    for module in (locks, leftovers):
        monkeypatch.setattr(module, "lock", lambda descriptor: False)
    monkeypatch.setattr(locks, "PATIENCE_SECONDS", 0.1)
    write("one", *NAMES)
    write("two", *NAMES)
    assert [Path(name).read_text() for name in NAMES] == ["two"] * 3 and not ours()
    left = Path(locks.lock_name("a.bin"))
    left.write_bytes(b"")
    with pytest.raises(BlockingIOError, match=f"if there is none, remove .*{left}"):
        write("three", *NAMES)
    assert Path("b.bin").read_text() == "two"
    os.utime(left, (time.time() - 4000.0,) * 2)
    write("three", *NAMES)
    assert Path("b.bin").read_text() == "three" and not ours()
    unknown = Path(".numbragg-01234567-0123456789abcdef.tmp")
    unknown.write_bytes(b"")
    write("four", *NAMES)
    assert unknown.exists()
    os.utime(unknown, (time.time() - 31 * 86400.0,) * 2)
    renaming._looked.clear()
    write("five", *NAMES)
    assert not ours()


# -- interrupts, forks, errors


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("number", [1, 2, 3])
def test_an_interrupt_between_renames_waits(folder, monkeypatch, number):
    write("old", *NAMES)
    real, count = os.replace, itertools.count(1)

    def replace(source, target):
        real(source, target)
        if next(count) == number:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(KeyboardInterrupt, match="all files are in place: a.bin, b.bin, c.bin"):
        write("new", *NAMES)
    assert [Path(name).read_text() for name in NAMES] == ["new"] * 3 and not ours()


def test_a_child_removes_nothing(folder):
    outputs = OutputSet()
    outputs.reserve("a.bin", "image")
    child = os.fork()
    if not child:
        outputs.discard()
        os._exit(0)
    os.waitpid(child, 0)
    with outputs.open("a.bin") as file:
        file.write(b"whole")
    outputs.commit()
    assert Path("a.bin").read_bytes() == b"whole" and not ours()


def test_a_folder_in_the_way_is_seen_before_the_first_rename(folder):
    write("old", "a.bin", "c.bin")
    with pytest.raises(IsADirectoryError) as caught, OutputSet() as outputs:
        for name in NAMES:
            outputs.reserve(name, name)
            with outputs.open(name) as file:
                file.write(b"new")
        os.mkdir("b.bin")
        outputs.commit()
    assert caught.value.filename == "b.bin"
    assert Path("a.bin").read_text() == "old" and not ours()


def test_a_large_folder_is_not_read_for_each_file(folder, monkeypatch):
    calls = []
    real = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: calls.append(path) or real(path))
    write_whole("a.bin", "image", lambda file: file.write(b"1"))
    renaming._looked[str(folder)] = time.monotonic(), 10.0
    before = len(calls)
    for _ in range(5):
        write_whole("a.bin", "image", lambda file: file.write(b"1"))
    assert before and len(calls) == before


def test_names_of_another_case_share_a_lock():
    assert locks.lock_name("Image.IMG") == locks.lock_name("image.img") != locks.lock_name("image.bin")
