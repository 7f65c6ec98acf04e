"""Standard streams that are closed, full, or read by nobody: no other exit status, no other files, no hang."""

import hashlib
import io
import os
import signal
import subprocess
import sys
import time

from cli_tools import C_FILES, SMALL, command, content
import pytest

from numbragg.commands import printing

QUIET = [*SMALL, "--quiet"]
EMPTY = hashlib.sha256(b"").hexdigest()

pytestmark = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no device that is full")


def shell(words, streams, folder):
    """Run a command with redirections of a shell. Returns the exit code and what is said."""
    done = subprocess.run(["sh", "-c", f'"$@" {streams}', "sh", *command(*words)], cwd=folder, timeout=300,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return done.returncode, done.stderr


@pytest.fixture
def nobody():
    """The end of a pipe that nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


def run_for_nobody(words, folder, **streams):
    return subprocess.run(command(*words), cwd=folder, stdin=subprocess.DEVNULL, timeout=300, **streams)


# -- closed


@pytest.mark.parametrize("name, streams", [("/dev/stdout", ">&-"), ("/dev/stdout", "<&- >&-"), ("/dev/fd/3", ""),
                                           ("/dev/fd/1", "<&- >&-"), ("/dev/stderr", "<&- >&- 2>&-")])
def test_an_image_for_a_closed_stream_is_refused(name, streams, folder):
    """Not written into what the program has open for itself, such as the pipe of its signals."""
    code, said = shell([*QUIET, "-floatfile", name], streams, folder)
    assert code == 2 and content(folder) == {}
    assert "2>&-" in streams or said == f"numbragg: error: {name}: Bad file descriptor\n"


def test_an_image_for_a_temporary_file_of_ours_is_refused(folder):
    places = [f"/dev/fd/{number}" for number in range(4, 9)]
    for place in places:
        code, said = shell([*QUIET, "-floatfile", "f.bin", "-intfile", place], "", folder)
        assert code == 2 and content(folder) == {}
        # what is not open at all is not there
        assert said in (f"numbragg: error: {place}: {why}\n"
                        for why in ("Bad file descriptor", "No such file or directory"))


def test_what_a_shell_has_opened_is_written_to(folder):
    assert shell([*QUIET, "-floatfile", "/dev/fd/7"], "7>seven", folder) == (0, "")
    assert set(content(folder)) == C_FILES - {"floatimage.bin"} | {"seven"}
    assert (folder / "seven").stat().st_size == 1920


def test_closed_streams_hold_no_file(folder):
    code, _ = shell(SMALL, "<&- >&- 2>&-", folder)
    assert code == 0 and set(content(folder)) == C_FILES
    assert shell(QUIET, "", folder) == (0, "")
    before = content(folder)
    assert shell(SMALL, "<&- >&- 2>&-", folder)[0] == 0 and content(folder) == before


# -- full, and read by nobody


def test_errors_that_nobody_hears_keep_their_exit_status(folder, nobody):
    for words in (["-foo"], [], [*QUIET, "-floatfile", "no/such/folder"], ["compare", "a", "b"]):
        assert shell(words, "2>/dev/full", folder)[0] == 2
        assert run_for_nobody(words, folder, stderr=nobody).returncode == 2


def test_notes_that_nobody_hears_cost_no_file(folder, nobody):
    words = ["scan", *SMALL, "-osc", "0.5", "--frames", "3", "--images", "f_#.img", "-progress"]
    assert run_for_nobody(words, folder, stderr=nobody, stdout=subprocess.DEVNULL).returncode == 0
    assert set(content(folder)) == {"f_1.img", "f_2.img", "f_3.img"}
    assert shell([*SMALL, "-lambda", "1e-10"], "2>/dev/full >/dev/full", folder)[0] == 0
    assert set(content(folder)) > C_FILES


@pytest.mark.parametrize("streams", [("stdout",), ("stdout", "stderr")])
def test_a_demonstration_that_nobody_reads(streams, folder, nobody):
    """Its list of structure factors stays, too, when the report behind the image has no reader any more."""
    words = ["demo", "--folder", "d"]
    assert run_for_nobody(words, folder, **dict.fromkeys(streams, nobody)).returncode == 0
    assert set(content(folder / "d")) >= C_FILES | {"demo.hkl"}


def test_a_comparison_that_nobody_reads_has_its_exit_status(folder, nobody):
    assert shell(QUIET, "", folder) == (0, "")
    image = bytearray((folder / "floatimage.bin").read_bytes())
    (folder / "same.bin").write_bytes(image)
    image[:4] = b"\0\0\x80\x3f"
    (folder / "other.bin").write_bytes(image)
    for more in ([], ["--json", "-"]):
        for name, code in (("same.bin", 0), ("other.bin", 1)):
            words = ["compare", "floatimage.bin", name, "--shape", "20x24", *more]
            assert run_for_nobody(words, folder, stdout=nobody).returncode == code


def test_more_text_than_a_pipe_takes(nobody, monkeypatch):
    """What fails in the middle of printing, not behind it."""
    code = ("import sys\nfrom numbragg.commands.printing import say_all\nsay_all('x' * 1_000_000)\n"
            "say_all('y')\nsys.exit(7)")
    done = subprocess.run([sys.executable, "-c", code], stdout=nobody, stderr=subprocess.PIPE, timeout=60)
    assert (done.returncode, done.stderr) == (7, b"")


def test_other_failures_of_standard_output_are_told(folder):
    assert shell(QUIET, "", folder) == (0, "")
    words = ["compare", "floatimage.bin", "floatimage.bin", "--shape", "20x24"]
    assert shell(words, ">/dev/full", folder) == (2, "numbragg: error: No space left on device\n")


# -- the end of a process that nobody hears


def full_pipe():
    """The ends of a pipe that takes nothing more, and would wait for ever."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    for size in (1024, 1):
        try:
            while True:
                os.write(writing, b"x" * size)
        except BlockingIOError:
            pass
    os.set_blocking(writing, True)
    return reading, writing


@pytest.mark.parametrize("stream", ["full device", "closed", "full pipe"])
def test_an_output_that_waits_for_its_reader_ends(stream, folder):
    os.mkfifo(folder / "waiting")
    opened = os.open("/dev/full", os.O_WRONLY), None
    if stream == "full pipe":
        opened = full_pipe()[::-1]
    words = command(*QUIET, "-floatfile", "waiting")
    if stream == "closed":
        words = ["sh", "-c", 'exec "$@" 2>&-', "sh", *words]
    process = subprocess.Popen(words, cwd=folder, stdin=subprocess.DEVNULL, stderr=opened[0])
    try:
        until = time.monotonic() + 120.0
        while len(list(folder.iterdir())) < 4:
            assert process.poll() is None and time.monotonic() < until
            time.sleep(0.01)
        time.sleep(1.0)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 128 + signal.SIGTERM
    finally:
        process.kill()
        process.wait()
        for descriptor in filter(None, opened):
            os.close(descriptor)
    assert [path.name for path in folder.iterdir()] == ["waiting"]


def test_a_stream_that_fails_is_no_failure():
    with open("/dev/full", "wb", buffering=0) as full:
        stream = printing.Unheard(io.TextIOWrapper(full, write_through=True))
        assert stream.write("words\n") == 6
        stream.flush()
        assert stream.name == "/dev/full"
        stream.detach()


@pytest.mark.parametrize("name, streams", [("/dev/stdout", "| cat"), ("/dev/fd/3", "3>kept"), ("/dev/null", ""),
                                           ("pipe", "")])
def test_a_series_is_written_in_pieces_and_needs_a_file(name, streams, folder):
    pytest.importorskip("h5py", reason="the series is HDF5")
    if name == "pipe":
        os.mkfifo(folder / name)
    before = content(folder)
    code, said = shell(["scan", "--frames", "2", "--nexus", name, *SMALL, "-osc", "1", "--quiet"], streams, folder)
    assert said == f"numbragg: error: {name}: must be a file, for it is written in pieces\n"
    assert code == 2 or "|" in streams
    assert content(folder) == before | {kept.name: EMPTY for kept in folder.glob("kept")}
    assert not list(folder.glob("*.partial"))


@pytest.mark.parametrize("words, name", [
    (["scan", "--frames", "2", "--images", "f_##.img", *SMALL, "-osc", "1"], "f_02.img"),
    (["view", "in.pgm", "--png", "out.png"], "out.png"), (["view", "in.pgm", "--html", "out.html"], "out.html"),
    (SMALL, "floatimage.bin")])
def test_a_report_that_cannot_be_printed_is_no_failure(words, name, folder):
    (folder / "in.pgm").write_text("P2 3 2 255\n0 1 2 3 4 5\n")
    code, said = shell(words, ">/dev/full", folder)
    assert code == 0 and (folder / name).stat().st_size > 0
    assert said.endswith("numbragg: standard output: No space left on device; the report is lost, all files are in "
                         "place\n")
