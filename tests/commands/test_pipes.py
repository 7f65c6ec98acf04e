"""Inputs from pipes: read as from a file, to the same output, or refused in one line that is true; never a hang."""

import os
import shutil
import signal
import subprocess
import threading

from cli_tools import command, content
import numpy as np
import pytest

from numbragg.commands.cli import main

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")

SMALL = ("-cell 80 80 80 90 90 90 -default_F 100 -N 5 -lambda 1.2 -seed 1 -oversample 1 -nopgm -nonoise --quiet"
         " -floatfile o.bin").split()
PLANE = [*SMALL, "-distance", "100", "-pixel", "0.2", "-detpixels", "20"]
NOISIFY = "noisify -floatfile @ -seed 1 -distance 100 -intfile o.img -noisefile n.img -pgmfile o.pgm --quiet".split()

CIF = ("data_r1sf\n" + "".join(f"_cell.{name} {value}\n" for name, value in (
    ("length_a", 80), ("length_b", 80), ("length_c", 80), ("angle_alpha", 90), ("angle_beta", 90), ("angle_gamma", 90)))
    + "_symmetry.space_group_name_H-M 'P 1'\nloop_\n_refln.index_h\n_refln.index_k\n_refln.index_l\n_refln.F_meas_au\n"
    "1 0 0 10.5\n0 1 0 3\n")

TEXTS = {"list.hkl": "0 0 0 100\n-3 -3 -3 5\n3 3 3 4\n1 0 0 30\n", "list.cif": CIF,
         "a.mat": "1e10 0 0\n0 1e10 0\n0 0 1e10",
         "s.txt": "-1 0 0 1 1e-10\n", "w.stol": "0 1\n0.5 2\n1 3\n", "p.txt": "1.0 1\n1.01 2\n",
         "r.toml": "offset_adu = 10\n"}

#: What reads; what the file is; whether a pipe is read, or what is said of it.
CASES = {
    "-hkl": ([*PLANE, "-hkl", "@"], "list.hkl", True),
    "-hkl, a CIF": ([*PLANE, "-hkl", "@"], "list.cif", "is no regular file"),
    "-mat": ([*PLANE[7:], "-mat", "@"], "a.mat", True),
    "-sourcefile": ([*PLANE, "-sourcefile", "@"], "s.txt", True),
    "-stol": ([*PLANE, "-stol", "@"], "w.stol", True),
    "--spectrum": ([*PLANE, "--spectrum", "@"], "p.txt", True),
    "--background": ([*PLANE, "--background", "@:5um:1:18"], "w.stol", True),
    "--response": ([each for each in PLANE if each != "-nonoise"] + ["-noisefile", "n.img", "--response", "@",
                                                                     "--counts", "o.npy"], "r.toml", True),
    "-dump": ([*PLANE, "-dump", "@"], "d.dump", "is not a regular file"),
    "-img": ([*SMALL, "-intfile", "i.img", "-img", "@"], "in.img", "is a stream"),
    "-mask": ([*SMALL, "-intfile", "i.img", "-mask", "@"], "in.img", "is a stream"),
    "--detector, CrystFEL": ([*SMALL, "--detector", "@"], "d.geom", "is not a regular file"),
    "--detector, DIALS": ([*SMALL, "--detector", "@"], "d.expt", True),
    "--detector, NXmx": ([*SMALL, "--detector", "@"], "d.nxs", "is not a regular file"),
    "noisify": ([*NOISIFY, "-detpixels", "20"], "in.bin", True),
    "noisify, both sizes": ([*NOISIFY, "-detpixels_x", "40", "-detpixels_y", "10"], "in.bin", True),
    "noisify, the size of a header": ([*NOISIFY, "-header", "in.img"], "in.bin", True),
    "noisify, no size": (NOISIFY, "in.bin", "is a stream, whose size does not tell the numbers of pixels"),
    "noisify -header": ("noisify -floatfile in.bin -header @ -seed 1 -intfile o.img -noisefile n.img -pgmfile o.pgm"
                        .split(), "in.img", "is a stream"),
    "nonbragg": ("nonbragg -stol @ -detpixels 20 -seed 1 -floatfile o.bin -nopgm -nonoise --quiet".split(), "w.stol",
                 True),
    "nonbragg -img": ("nonbragg -stol w.stol -img @ -ignore 3 -seed 1 -floatfile o.bin -nopgm -nonoise --quiet".split(),
                      "in.img", "is a stream"),
    "compare": (["compare", "@", "in.bin", "--json", "o.json"], "in.bin", "is not a regular file"),
    "compare, npy": (["compare", "in.npy", "@", "--json", "o.json"], "in.npy", "is not a regular file"),
    "plateau": (["plateau", "@", "--csv", "o.csv"], "in.bin", "is not a regular file"),
    "view": (["view", "@", "--html", "o.html"], "in.npy", "is not a regular file"),
    "view, NXmx": (["view", "@", "--html", "o.html"], "d.nxs", "is not a regular file"),
    "view --geometry": (["view", "in.npy", "--geometry", "@", "--html", "o.html"], "d.geom", "is not a regular file"),
    "trace --against": (["trace", "3", "3", *PLANE, "--against", "@"], "t.json", True),
    "campaign check": (["campaign", "check", "@"], "set.toml", "is not a regular file"),
    "campaign run": (["campaign", "run", "@", "--out", "out", "--shard", "0/3"], "set.toml",
                     "is not a regular file"),
    "campaign, a list": (["campaign", "run", "list.toml", "--out", "out", "--shard", "0/3"], "list.hkl",
                         "is not a regular file"),
}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """A folder with a valid file of each kind."""
    place = tmp_path_factory.mktemp("inputs")
    for name, text in TEXTS.items():
        (place / name).write_text(text, encoding="ascii")
    before = os.getcwd()
    os.chdir(place)
    try:
        words = [*(each for each in PLANE if each not in ("-floatfile", "o.bin")), "-floatfile", "in.bin"]
        assert main([*words, "-intfile", "in.img", "--npy", "in.npy", "--geom", "d.geom", "--expt", "d.expt", "--nexus",
                     "d.nxs"]) == 0
        assert main(["campaign", "init", "set.toml", "--shots", "3"]) == 0
        text = (place / "set.toml").read_text()
        assert text.count("\nconstant = 1000.0") == 1
        (place / "list.toml").write_text(text.replace("\nconstant = 1000.0", "\nfile = 'list.hkl'"))
        assert main([*PLANE, "-hkl", "list.hkl", "-dump", "d.dump"]) == 0
        assert main(["trace", "3", "3", *PLANE, "--output", "t.json"]) == 0
    finally:
        os.chdir(before)
    os.remove(place / "o.bin")
    return place


class Hangs(BaseException):
    """A command that waits for more than there is."""


@pytest.fixture
def in_time():
    def end(number, frame):
        raise Hangs

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(120)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def run(words, folder, capfd):
    """Exit code, what is said on stderr and everything that was written."""
    capfd.readouterr()
    before = set(content(folder))
    code = main(words)
    said = capfd.readouterr()
    written = {name: digest for name, digest in content(folder).items() if name not in before}
    for name in written:
        os.remove(folder / name)
    shutil.rmtree(folder / "out", ignore_errors=True)
    return code, said.err, written, said.out if words[0] == "trace" else ""


def fed(pipe, source):
    """Write a file to a pipe whose other end is opened by somebody, or by nobody: then nothing is left waiting."""
    data = source.read_bytes()

    def feed():
        try:
            with open(pipe, "wb", buffering=0) as file:
                file.write(data)
        except BrokenPipeError:
            # it was refused
            pass

    thread = threading.Thread(target=feed)
    thread.start()
    return thread


@pytest.mark.parametrize("case", CASES)
def test_a_pipe_with_a_name(case, inputs, folder, capfd, in_time):
    words, source, expected = CASES[case]
    for path in inputs.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    wanted = run([word.replace("@", source) for word in words], folder, capfd)
    if case != "noisify, no size":
        assert wanted[0] == 0, wanted[1]
    pipe = f"pipe{os.path.splitext(source)[1]}"
    os.mkfifo(pipe)
    # open for both, so that whoever feeds it never waits for a reader that does not come
    feeder = fed(pipe, inputs / source)
    try:
        if case == "campaign, a list":
            (folder / "list.toml").write_text((folder / "list.toml").read_text().replace(source, pipe))
        found = run([word.replace("@", pipe) for word in words], folder, capfd)
    finally:
        drain = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        feeder.join(60)
        os.close(drain)
    if expected is True:
        assert (found[0], found[2], found[3].replace(pipe, source)) == (0, wanted[2], wanted[3])
    else:
        assert found[0] == 2 and not found[2]
        line, = found[1].splitlines()
        assert line.startswith("numbragg: error: ") and pipe in line and expected in line


def test_noisify_of_what_comes_in_pieces(inputs, folder):
    """As the C program: the rest is left out, and what ends early is refused."""
    image = np.fromfile(inputs / "in.bin", np.float32)
    words = [word.replace("@", "/dev/stdin") for word in NOISIFY]
    expected = None
    for size, extra in ((400, 0), (400, 5), (399, 0)):
        data = image[:size].tobytes() + bytes(extra)
        process = subprocess.Popen(command(*words, "-detpixels", "20"), stdin=subprocess.PIPE, stderr=subprocess.PIPE,
                                   cwd=folder)
        for start in range(0, len(data), 700):
            process.stdin.write(data[start:start + 700])
            process.stdin.flush()
        said = process.communicate(timeout=240)[1].decode()
        if size == 399:
            assert process.returncode == 2 and not content(folder)
            assert said == ("numbragg: error: /dev/stdin: ends after 1596 bytes; an image of 20 x 20 pixels has "
                            "1600\n")
            continue
        assert process.returncode == 0
        assert said == ("numbragg: warning: /dev/stdin: has more than the 1600 bytes of an image of 20 x 20 pixels: "
                        "the rest is left out, as in noisify\n" if extra else "")
        found = content(folder)
        expected = expected or found
        assert found == expected
        for name in found:
            os.remove(folder / name)
