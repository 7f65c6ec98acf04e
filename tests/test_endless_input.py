"""Endless streams and files with huge holes are refused in one line after a bounded read; streams that end are read."""

import os
import subprocess
import sys

from cli_tools import SMALL
import numpy as np
import pytest

#: Options that name text, and what else they need.
OPTIONS = {"-hkl": (), "-mat": (), "-sourcefile": (), "-stol": (), "--spectrum": (),
           "--response": ("--counts", "c.npy"), "-img": (), "-mask": ()}


def limited(words, folder, stdin=None):
    """Run a command that may take no more than 4 GB of addresses; it is stopped after some time."""
    import resource

    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (4 * 10 ** 9, 4 * 10 ** 9))

    return subprocess.run([sys.executable, "-m", "numbragg", *words], cwd=folder, stdin=stdin, capture_output=True,
                          text=True, timeout=300, check=False, preexec_fn=limit)


def refusal(done):
    """The one line of error."""
    assert done.returncode == 2 and done.stdout == "", (done.returncode, done.stderr[-1000:])
    line, = done.stderr.splitlines()
    return line


pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /dev/zero and limits of memory")


@pytest.mark.parametrize("option", OPTIONS)
def test_zeros(option, tmp_path):
    words = [*SMALL, "-oversample", "1", option, "/dev/zero", *OPTIONS[option]]
    assert "/dev/zero" in refusal(limited(words, tmp_path))


@pytest.mark.parametrize("option", ["-hkl", "-sourcefile", "--spectrum", "-mat"])
@pytest.mark.parametrize("text", ["y", "", "1 1 1 1"])
def test_endless_pipe(option, text, tmp_path):
    if (option, text) == ("-mat", "1 1 1 1"):
        text = "1e"
    with subprocess.Popen(["yes", text], stdout=subprocess.PIPE) as source:
        done = limited([*SMALL, "-oversample", "1", option, "/dev/stdin"], tmp_path, source.stdout)
        source.kill()
    assert "/dev/stdin" in refusal(done)


@pytest.mark.parametrize("option", [*OPTIONS, "--detector", "--background"])
def test_holes(option, tmp_path):
    """Ten gigabytes, of which nothing lies on the disk."""
    name = "holes.geom" if option == "--detector" else "holes.stol" if option == "--background" else "holes"
    with open(tmp_path / name, "wb") as file:
        file.truncate(10 ** 10)
    value = f"{name}:5um:1:18" if option == "--background" else name
    words = [*SMALL, "-oversample", "1", option, value, *OPTIONS.get(option, ())]
    if option == "--detector":
        words = [word for word in words if word not in ("-detpixels_x", "-detpixels_y", "24", "20")]
    refusal(limited(words, tmp_path))


@pytest.mark.parametrize("words", [["compare", "holes", "holes"], ["compare", "holes.npy", "holes.npy"],
                                   ["view", "holes", "--html", "x.html"]])
def test_images_of_holes(words, tmp_path):
    with open(tmp_path / "holes", "wb") as file:
        file.truncate(4 * 200000 ** 2)
    with open(tmp_path / "holes.npy", "wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": (200000, 200000)})
        file.truncate(file.tell() + 4 * 200000 ** 2)
    done = subprocess.run([sys.executable, "-m", "numbragg", *words], cwd=tmp_path, capture_output=True, text=True,
                          timeout=300, check=False)
    assert "GB of memory are available" in refusal(done)


@pytest.mark.parametrize("option, text", [
    ("-hkl", "0 0 0 100\n-3 -3 -3 5\n3 3 3 4\n"), ("-mat", "0.02 0 0\n0 0.02 0\n0 0 0.02\n"),
    ("-sourcefile", "-1 0 0 1 1e-10\n"), ("-stol", "0 1\n0.5 2\n"), ("--spectrum", "1.0 1\n1.01 2\n")])
def test_pipe_that_ends(option, text, tmp_path):
    """The same image as of a file."""
    (tmp_path / "input").write_text(text, encoding="ascii")
    images = []
    for name in ("input", "pipe"):
        if name == "pipe":
            os.mkfifo(tmp_path / "pipe")
        words = [*SMALL, "-oversample", "1", option, name, "-nonoise", "-nopgm", "-floatfile", f"{name}.bin"]
        # nothing is written where nobody reads
        with subprocess.Popen(["sh", "-c", "cat input > pipe" if name == "pipe" else ":"], cwd=tmp_path) as writer:
            done = limited(words, tmp_path)
            writer.kill()
        assert done.returncode == 0, done.stderr
        images.append((tmp_path / f"{name}.bin").read_bytes())
    assert images[0] == images[1]
