"""Runs that fail or are stopped: one line, the right exit code, nothing left, old files untouched."""

import contextlib
import errno
import os
import re
import signal
import subprocess
import time

from cli_tools import C_FILES, SMALL, command, content, error_line
from golden_cases import CASES, INPUTS, REFUSED, bring_inputs
import pytest

from numbragg.commands.cli import main

#: One that takes many minutes on any machine.
LONG = ("-cell 80 80 80 90 90 90 -default_F 100 -N 5 -lambda 1.2 -pixel 0.2 -detpixels 1000 -seed 1 "
        "-mosaic 1 -mosaic_dom 500 -phi 1 -osc 1 -phisteps 50").split()


# -- failures leave nothing behind


def old_files(folder):
    """Files of an earlier run, which must survive."""
    for name in sorted(C_FILES):
        (folder / name).write_bytes(b"old " + name.encode())
    return content(folder)


@pytest.mark.parametrize("option", ["-floatfile", "-intfile", "-pgmfile", "-noisefile", "--npy", "--tiff",
                                    "--png", "--stats-json"])
@pytest.mark.parametrize("name", ["missing/file", "folder", "folder/", "plain/file", ""])
def test_output_that_cannot_be_written(option, name, folder, capfd):
    (folder / "folder").mkdir()
    (folder / "plain").write_bytes(b"plain")
    before = old_files(folder)
    assert main([*SMALL, option, name]) == 2
    assert name.rstrip("/") in error_line(capfd)
    assert content(folder) == before
    assert list((folder / "folder").iterdir()) == []


def test_same_destination_twice(folder, capfd):
    before = old_files(folder)
    assert main([*SMALL, "-floatfile", "a", "-intfile", "./a"]) == 2
    assert "float image" in error_line(capfd)
    assert content(folder) == before


def test_output_over_an_input(folder, capfd):
    """An input that is also an output is read first and then replaced, or refused; never half read."""
    bring_inputs(CASES["hkl-sparse"], folder)
    case = CASES["hkl-sparse"]
    assert main([*case["args"], "-floatfile", "ref.bin"]) == 0
    name = case["inputs"][0]
    code = main([*case["args"], "-floatfile", name])
    if code == 0:
        assert (folder / name).read_bytes() == (folder / "ref.bin").read_bytes()
    else:
        assert (folder / name).read_bytes() == (INPUTS / name).read_bytes()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full on this system")
@pytest.mark.parametrize("option", ["-floatfile", "-noisefile", "--npy", "--stats-json"])
def test_full_device(option, folder, capfd):
    before = old_files(folder)
    assert main([*SMALL, option, "/dev/full"]) == 2
    assert "/dev/full: No space left" in error_line(capfd)
    assert content(folder) == before


@pytest.mark.parametrize("failing", range(6))
def test_full_disk(failing, folder, capfd, monkeypatch):
    """The disk fills up while the n-th file is written."""
    import numbragg.io.output as output

    before = old_files(folder)
    written = 0
    real = output.OutputSet.open

    class Full:
        def __init__(self, file):
            self._file = file

        def write(self, data):
            self._file.write(bytes(data)[:100])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        def __getattr__(self, name):
            return getattr(self._file, name)

    @contextlib.contextmanager
    def opened(self, path):
        nonlocal written
        with real(self, path) as file:
            yield Full(file) if written == failing else file
        written += 1

    monkeypatch.setattr(output.OutputSet, "open", opened)
    assert main([*SMALL, "--npy", "a.npy", "--stats-json", "a.json"]) == 2
    assert "No space left on device" in error_line(capfd)
    assert content(folder) == before


def test_rename_that_fails(folder, capfd, monkeypatch):
    """Even at the very end nothing is left beside the old files."""
    before = old_files(folder)

    def replace(source, target):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), target)

    monkeypatch.setattr(os, "replace", replace)
    assert main(SMALL) == 2
    assert "Permission denied" in error_line(capfd)
    assert content(folder) == before


def test_memory_error_has_one_line(folder, capfd, monkeypatch):
    """A table that does not fit is refused before it is made; numpy's own error gives one line too."""
    case = REFUSED["bad-hkl-huge-range"]
    bring_inputs(case, folder)
    before = content(folder)
    assert main(case["args"]) == 2
    line = error_line(capfd)
    assert "GB" in line and re.search(r"h \S+ to \S+, k \S+ to \S+, l \S+ to \S+", line)
    import numbragg.commands.image as image

    def render(*_):
        raise MemoryError("Unable to allocate 7.45 GiB for an array")

    monkeypatch.setattr(image, "_render", render)
    assert main(SMALL) == 2
    assert "Unable to allocate" in error_line(capfd)
    assert content(folder) == before


@pytest.mark.parametrize("cell", ["1e-200 100 100", "100 1e-200 100", "1e200 100 100", "100 100 1e-170",
                                  "1e-200 1e-200 1e-200", "1e200 1e200 1e200", "1e-100 1e-100 1e-100",
                                  "1e100 1e100 1e100"])
def test_cells_beyond_the_range_of_numbers(cell, folder, capfd):
    """A cell whose axes a double cannot hold is refused; the C program writes an image of NaN."""
    assert main([*SMALL, "-cell", *cell.split()]) == 2
    assert "cell" in error_line(capfd)
    assert content(folder) == {}


def test_arithmetic_that_fails_has_one_line(folder, capfd, monkeypatch):
    def prepare(*_):
        return 1.0 / 0.0

    monkeypatch.setattr("numbragg.scene.prepare.prepare", prepare)
    assert main(SMALL) == 2
    assert "division by zero" in error_line(capfd)
    assert content(folder) == {}


def test_long_words_are_cut(folder, capfd):
    assert main([*SMALL, "-N", "1" * 5000]) == 2
    assert len(error_line(capfd)) < 200


@pytest.mark.parametrize("words", ["-detpixels 46340 -pixel 0.001", "-detpixels_f 2000000000 -detpixels_s 1"])
def test_huge_detector(words, folder):
    """An image of gigabytes is refused in one line where there is not the memory for it.

    The limit is set for the child process only.
    """
    resource = pytest.importorskip("resource", reason="memory is limited through the resource module")

    def limited():
        resource.setrlimit(resource.RLIMIT_AS, (3 * 2 ** 30, 3 * 2 ** 30))

    done = subprocess.run(command(*SMALL, *words.split(), "-roi", "0", "3", "0", "0"), cwd=folder,
                          capture_output=True, text=True, preexec_fn=limited, timeout=120)
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("numbragg: error: ")
    assert content(folder) == {}


def wait_for(condition, seconds):
    """Whether a condition comes true in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize("threads", ["1", "3"])
@pytest.mark.parametrize("scene", ["many pixels", "interpolating", "wandering axis"])
def test_interrupt(threads, scene, folder, interruptible):
    """Ctrl-C in the middle: within two seconds, one line, exit code 130, no file, old ones untouched."""
    before = old_files(folder)
    words = list(LONG)
    if scene == "interpolating":
        (folder / "f.hkl").write_text("".join(f"{h} {k} {l} 10\n" for h in range(-40, 41, 80)
                                              for k in range(-40, 41, 80) for l in range(-40, 41, 80)))
        before = content(folder)
        words += ["-hkl", "f.hkl", "-interpolate"]
    if scene == "wandering axis":
        words += ["-polar_vector", "-0.55", "0.88", "-0.01", "-polar", "0.9"]
    # compiled beforehand: a compilation is not given up halfway
    (folder / "warm").mkdir()
    with contextlib.chdir(folder / "warm"):
        assert main([*words, *(["-hkl", "../f.hkl"] if scene == "interpolating" else []), "-roi", "0", "1",
                     "0", "0", "-oversample", "1", "-nopgm", "--quiet"]) == 0
    process = subprocess.Popen(command(*words, "--threads", threads), cwd=folder, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        # its temporary files show that it has begun
        assert wait_for(lambda: any(path.name.startswith(".numbragg-") for path in folder.iterdir()), 60)
        time.sleep(0.5)
        assert process.poll() is None
        start = time.monotonic()
        process.send_signal(signal.SIGINT)
        out, said = process.communicate(timeout=60)
        seconds = time.monotonic() - start
    finally:
        process.kill()
    assert process.returncode == 130
    said = "".join(line for line in said.splitlines(True) if "compiling" not in line)
    assert said == "numbragg: interrupted; no file was written\n"
    assert out == ""
    assert content(folder) == before
    # half a second on an idle machine
    assert seconds < 5.0


def test_terminated(folder):
    """A batch system ends a job with SIGTERM: nothing may be left beside the old files either."""
    before = old_files(folder)
    process = subprocess.Popen(command(*LONG), cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    try:
        assert wait_for(lambda: any(path.name.startswith(".numbragg-") for path in folder.iterdir()), 60)
        time.sleep(0.5)
        process.terminate()
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode in (-signal.SIGTERM, 128 + signal.SIGTERM, 130)
    assert "Traceback" not in said
    assert content(folder) == before


def test_interrupt_while_reading(folder, interruptible):
    """Before anything is reserved: the same line."""
    os.mkfifo(folder / "slow.hkl")
    process = subprocess.Popen(command(*SMALL, "-hkl", "slow.hkl"), cwd=folder, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        time.sleep(1.0)
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode in (2, 130)
    assert "Traceback" not in said and said.startswith("numbragg: ")
    assert [path.name for path in folder.iterdir()] == ["slow.hkl"]


# -- where a bad value came from


def smv(keys):
    """A small SMV image whose header has these keys."""
    head = ("{\nHEADER_BYTES=512;\nBYTE_ORDER=little_endian;\nSIZE1=8;\nSIZE2=6;\n" + keys + ";\n}\f").encode()
    return head.ljust(512) + bytes(2 * 48)


@pytest.mark.parametrize("option", ["-img", "-mask"])
@pytest.mark.parametrize("header, said", [
    ("PIXEL_SIZE=0", "must be greater than zero"), ("PIXEL_SIZE=-0.1", "must be greater than zero"),
    ("PIXEL_SIZE=inf", "must be greater than zero and finite"), ("WAVELENGTH=0", "must be greater than zero"),
    ("WAVELENGTH=-1", "must be greater than zero"), ("CLOSE_DISTANCE=word", "must not be zero"),
    ("DISTANCE=0", "must not be zero"), ("PHI=inf", "not a finite number"),
    ("BEAM_CENTER_X=-inf", "not a finite number"),
])
def test_bad_value_of_a_header_names_file_and_key(option, header, said, folder, capfd):
    (folder / "m.img").write_bytes(smv(header))
    before = content(folder)
    assert main(["-cell", "80", "-default_F", "1", "-seed", "1", option, "m.img"]) == 2
    line = error_line(capfd)
    assert f"m.img: {header.partition('=')[0]} gives " in line and said in line
    assert content(folder) == before


def test_option_repairs_a_header(folder, capfd):
    (folder / "m.img").write_bytes(smv("WAVELENGTH=0;\nPIXEL_SIZE=0;\nDISTANCE=0"))
    words = "-cell 80 -default_F 1 -seed 1 -img m.img -lambda 1 -pixel 0.1 -distance 100 -detpixels 8 --quiet"
    assert main(words.split()) == 0
    assert capfd.readouterr().err == ""


def test_bad_dump_has_one_line(folder, capfd):
    """The dump is announced when it has been read, not before."""
    (folder / "Fdump.bin").write_bytes(b"no dump")
    words = [word for word in SMALL if word not in ("-default_F", "100")]
    assert main(words) == 2
    assert "Fdump.bin" in error_line(capfd)
    assert os.listdir(folder) == ["Fdump.bin"]
    # nor is a good one announced before all else is known to be right
    (folder / "Fdump.bin").write_bytes(b"0 0 0 0 0 0\n\f" + bytes(64))
    assert main([*words, "-osc", "0", "-phistep", "1"]) == 2
    assert "steps" in error_line(capfd)
    assert main([*words, "-floatfile", "missing/f"]) == 2
    assert "missing/f" in error_line(capfd)
    assert main(words) == 0
    assert capfd.readouterr().err.startswith("numbragg: structure factors read from Fdump.bin")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full on this system")
def test_report_that_cannot_be_written(folder):
    """The images are in place, so the run has succeeded."""
    with open("/dev/full", "w") as full:
        done = subprocess.run(command(*SMALL), cwd=folder, stdout=full, stderr=subprocess.PIPE, text=True, timeout=120)
    assert done.returncode == 0
    assert done.stderr.count("\n") == 1 and "all files are in place" in done.stderr
    assert set(content(folder)) == C_FILES


@pytest.mark.skipif(os.name != "posix", reason="streams are closed through the shell")
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&-"])
def test_closed_streams(closed, folder):
    done = subprocess.run(["sh", "-c", f'exec "$@" {closed}', "sh", *command(*SMALL)], cwd=folder, capture_output=True,
                          text=True, timeout=120)
    assert done.returncode == 0 and done.stderr == ""
    assert set(content(folder)) == C_FILES


def test_quiet_says_nothing_of_a_dump(folder, capfd):
    assert main([*SMALL, "-hkl", "f.hkl", "--quiet"]) == 2
    capfd.readouterr()
    (folder / "f.hkl").write_text("0 0 1 10\n")
    assert main([*SMALL, "-hkl", "f.hkl", "--quiet"]) == 0
    without = [word for word in SMALL if word not in ("-default_F", "100")]
    assert main([*without, "--quiet"]) == 0
    assert capfd.readouterr() == ("", "")
    # but for a default that does not count any more
    assert main([*SMALL, "--quiet"]) == 0
    assert capfd.readouterr() == ("", "numbragg: warning: structure factors read from Fdump.bin, for no -hkl was given;"
                                  " -default_F counts outside of it only\n")


def test_mosaic_spread_beyond_float32(folder, capfd):
    assert main([*SMALL, "-mosaic", "1e300", "-mosaic_dom", "2"]) == 2
    assert "mosaic spread" in error_line(capfd)
    assert content(folder) == {}


@pytest.mark.parametrize("words, said", [
    ("-curved_det -detector_rotz 90 -detector_roty 90 -polar_vector 0.5 0 1 -Xbeam -100 -ORGX 0.5 -detpixels 5 "
     "-pixel 5", "curved detector"),
    ("-sourcefile s.txt", "wavelength"),
])
def test_indices_that_are_not_numbers_are_not_interpolated(words, said, folder, capfd):
    """The C program crashes, or reads memory that it does not own; without interpolation it writes NaN."""
    (folder / "f.hkl").write_text("".join(f"{h} {k} 0 1\n" for h in range(-9, 10) for k in range(-9, 10)))
    (folder / "s.txt").write_text("-1 0 0 1")  # without its newline: the wavelength is 0
    before = content(folder)
    words = [*SMALL, "-hkl", "f.hkl", "-interpolate", *words.split()]
    assert main(words) == 2
    line = error_line(capfd)
    assert said in line and "cannot be interpolated" in line
    assert content(folder) == before
    assert main([*words, "-nointerpolate", "-nonoise"]) == 0


@pytest.mark.parametrize("word, rule", [("zero", "must be a whole number"), ("0", "must be"), ("-1", "must be")])
def test_a_demonstration_with_a_wrong_word_writes_nothing(word, rule, folder, capfd):
    assert main(["demo", "--folder", "nd", "--threads", word]) == 2
    said = error_line(capfd)
    assert f"--threads {word}" in said and rule in said
    assert list(folder.iterdir()) == []
