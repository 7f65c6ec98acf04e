"""Odd destinations and odd files on the command line: one line, the right exit code, nothing lost."""

import os
import signal
import subprocess
import sys
import warnings

from cli_tools import C_FILES, SMALL, command, content, error_line
import numpy as np
import pytest

import numbragg as nb
from numbragg.commands.cli import main
from numbragg.io.tiff import read_tiff

LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="device files of Linux")

#: More than a pipe takes before somebody reads.
LARGE = [*SMALL, "-detpixels_f", "200", "-detpixels_s", "200"]
#: A name that is not UTF-8.
ODD = os.fsdecode(b"a\xff")


# -- devices and pipes


@LINUX
@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "p"])
def test_a_reader_that_goes(name, folder):
    """What was not taken is not written, and nothing else is either."""
    os.mkfifo("p")
    before = set(os.listdir())
    run = subprocess.Popen([*command(*LARGE), "--quiet", "-floatfile", name], stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE)
    if name == "p":
        with open("p", "rb", buffering=0) as pipe:
            assert len(pipe.read(10)) == 10
    else:
        assert len(run.stdout.read(10)) == 10
    run.stdout.close()
    said = run.stderr.read().decode()
    run.stderr.close()
    assert run.wait() == 2
    assert said == f"numbragg: error: {name}: Broken pipe\n"
    assert set(os.listdir()) == before


def test_a_report_that_nobody_reads_is_no_failure(folder):
    run = subprocess.Popen(command(*SMALL), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    run.stdout.close()
    assert run.wait() == 0 and run.stderr.read() == b""
    run.stderr.close()
    assert C_FILES <= set(os.listdir())


@LINUX
@pytest.mark.parametrize("first, second", [
    ("/dev/stdout", "/dev/fd/1"), ("/dev/stdout", "/proc/self/fd/1"), ("/proc/self/fd/1", "/dev/fd/1"),
    ("a.bin", "link"), ("a.bin", "hard"), ("link", "hard"), ("/dev/stdout", "out.bin"), ("out.bin", "/dev/fd/1"),
])
def test_one_name_for_one_destination(first, second, folder):
    (folder / "a.bin").write_bytes(b"old")
    os.symlink("a.bin", "link")
    os.link("a.bin", "hard")
    with open("out.bin", "wb") as out:
        before = content(folder)
        found = subprocess.run([*command(*SMALL), "--quiet", "-floatfile", first, "-intfile", second], stdout=out,
                               stderr=subprocess.PIPE, text=True, check=False)
    assert found.returncode == 2
    assert "float image" in found.stderr and "every output needs a file of its own" in found.stderr
    assert found.stderr.count("\n") == 1
    assert content(folder) == before


@LINUX
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_stream_that_goes_to_an_output(stream, folder):
    with open("out.bin", "wb") as out:
        found = subprocess.run([*command(*SMALL), "-floatfile", "out.bin"], **{
            "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, stream: out}, check=False)
    assert found.returncode == 2
    said = found.stderr if stream == "stdout" else (folder / "out.bin").read_bytes()
    name = {"stdout": "output", "stderr": "error"}[stream]
    assert said == (f"numbragg: error: out.bin: is where standard {name} goes and the destination of the float image; "
                    "every output needs a file of its own\n").encode()
    assert os.listdir() == ["out.bin"]


@LINUX
def test_standard_output_is_written_behind_what_it_has(folder):
    assert main([*SMALL, "--quiet", "-floatfile", "ref.bin"]) == 0
    image = (folder / "ref.bin").read_bytes()
    (folder / "out.bin").write_bytes(b"before")
    with open("out.bin", "ab") as out:
        subprocess.run([*command(*SMALL), "-floatfile", "/dev/stdout"], stdout=out, check=True)
    found = (folder / "out.bin").read_bytes()
    # the report, too, spoils nothing
    assert found.startswith(b"before" + image) and b"wrote /dev/stdout" in found[6 + len(image):]


# -- outputs that are inputs


@pytest.fixture
def inputs(folder):
    """Files that are read, under several names."""
    (folder / "F.hkl").write_text("1 0 0 10\n0 1 0 20\n")
    os.symlink("F.hkl", "soft")
    os.link("F.hkl", "hard")
    assert main([*SMALL, "--quiet", "-hkl", "F.hkl", "--expt", "d.expt", "--nexus", "d.nxs"]) == 0
    (folder / "w.stol").write_text("0.1 1\n0.2 1\n")
    (folder / "sp.txt").write_text("1.0 1\n1.1 1\n")
    (folder / "r.toml").write_text("offset_adu = 10\n")
    return folder


@pytest.mark.parametrize("words, name", [
    ("-hkl F.hkl -floatfile F.hkl", "F.hkl"), ("-hkl F.hkl -floatfile soft", "soft"),
    ("-hkl soft -floatfile hard", "hard"), ("-hkl F.hkl -dump F.hkl", "F.hkl"), ("-floatfile Fdump.bin", "Fdump.bin"),
    ("-hkl F.hkl -img intimage.img", "intimage.img"), ("-hkl F.hkl -mask intimage.img", "intimage.img"),
    ("-hkl F.hkl --spectrum sp.txt --geom sp.txt", "sp.txt"),
    ("-hkl F.hkl -stol w.stol --geom w.stol", "w.stol"),
    ("-hkl F.hkl --background w.stol:5um:1:18 --geom w.stol", "w.stol"),
    ("-hkl F.hkl --response r.toml --counts c.npy --geom r.toml", "r.toml"),
    ("scan --frames 2 --images f_##.img -osc 1 -hkl F.hkl --geom hard", "hard"),
    ("trace 1 1 --output F.hkl -hkl F.hkl", "F.hkl"), ("trace 1 1 --output soft -hkl hard", "soft"),
    ("compare intimage.img noiseimage.img --json noiseimage.img", "noiseimage.img"),
    ("view d.nxs --geometry d.expt --html d.expt", "d.expt"),
    ("plateau floatimage.bin --csv floatimage.bin", "floatimage.bin"),
    ("nonbragg -stol F.hkl -floatfile hard", "hard"),
    ("noisify -floatfile floatimage.bin -header intimage.img", "intimage.img"),
    ("noisify -floatfile floatimage.bin -intfile x.img -header noiseimage.img", "noiseimage.img"),
])
def test_what_is_read_is_not_written(words, name, inputs, capfd):
    before = content(inputs)
    words = words.split()
    scene = [] if words[0] in ("compare", "view", "plateau", "nonbragg", "noisify") else SMALL
    assert main([*words, *scene] if words[0][0] != "-" else [*scene, *words]) == 2
    line = error_line(capfd)
    assert f"{name} is read and" in line or f"{name}: is read and" in line
    assert content(inputs) == before
    option = {"intimage.img": "-intfile", "noiseimage.img": "-noisefile"}.get(name)
    if option and words[0] != "compare":
        # a name that was not given
        assert line.endswith(f"; give it another name: {option} FILE\n")


@LINUX
def test_a_redirected_input_is_not_written(inputs):
    before = content(inputs)
    with open("F.hkl", "rb") as file:
        found = subprocess.run([*command(*SMALL), "-hkl", "/dev/stdin", "-floatfile", "soft"], stdin=file,
                               stderr=subprocess.PIPE, check=False)
    assert found.returncode == 2 and b"is read and cannot be written too" in found.stderr
    assert content(inputs) == before


def test_a_geometry_file_is_not_overwritten_by_its_data(folder):
    pytest.importorskip("h5py")
    result = nb.Simulator(nb.Detector(pixels=(8, 6)), nb.Beam(), 1.0).run(nb.Crystal(cell=(50,) * 3 + (90,) * 3,
                                                                                    n_cells=3))
    (folder / "g.h5").write_text("data = /d\n")
    with pytest.raises(ValueError, match="g.h5 is the geometry file, which is read and cannot be written too"):
        nb.write_crystfel("g.h5", result, "./g.h5")
    assert (folder / "g.h5").read_text() == "data = /d\n"


# -- streams and names


@pytest.mark.parametrize("encoding", ["ascii", "ascii:strict", "latin-1", "utf-16"])
def test_streams_that_cannot_encode(encoding, folder):
    found = subprocess.run([*command(*SMALL), "-floatfile", "\u00e9\u0416.bin"], capture_output=True,
                           env=os.environ | {"PYTHONIOENCODING": encoding}, check=False)
    assert found.returncode == 0 and found.stderr == b""
    assert (folder / "\u00e9\u0416.bin").exists() and found.stdout


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="names of any bytes")
@pytest.mark.parametrize("ending, words", [
    (".png", "--png"), (".npy", "--npy"), (".tif", "--tiff"), (".json", "--stats-json"), (".nxs", "--nexus"),
    ("_1.cbf", "--cbf"), ("_1.img", "--smv-readable"), (".geom", "--geom"), (".expt", "--expt"), (".h5", "--counts"),
    (".bin", "-floatfile"), (".INP", "--cbf b_1.cbf --xds-inp"), ("_1.cbf", "--xds-inp b.INP --cbf"),
])
def test_names_that_are_not_utf8(ending, words, folder, capfd):
    name = ODD + ending
    assert main([*SMALL, *words.split(), name]) == 0
    assert name in os.listdir() and "wrote " in capfd.readouterr().out
    if "b.INP" in words:
        assert b"FRAMES= a\xff_?.cbf\n" in (folder / "b.INP").read_bytes()
    if ending in (".npy", ".tif", ".nxs", "_1.cbf", ".bin", ".h5"):
        read = name if ending != ".bin" else [name, "--shape", "20x24"]
        read = [read] if isinstance(read, str) else read
        assert main(["view", *read, "--png", f"{ODD}\n.png", "--html", f"{ODD}.html"]) == 0
        assert main(["compare", name, *read, "--png", f"{ODD}c.png", "--json", f"{ODD}c.json"]) == 0
        assert capfd.readouterr().err == ""


def test_a_name_of_two_lines_is_none_for_xds(folder, capfd):
    assert main([*SMALL, "--cbf", "a\n_1.cbf", "--xds-inp", "b.INP"]) == 2
    assert "must have no line feeds" in error_line(capfd) and not os.listdir()


# -- nested deep


@pytest.mark.parametrize("depth", [400, 990, 100_000])
@pytest.mark.parametrize("begin, end", [('{"a":', "}"), ('{"detector":[', "]}"), ('{"steps":[{"x":', "}]}")])
def test_json_nested_deep(depth, begin, end, folder, capfd):
    text = begin * depth + "1" + end * depth
    for name in ("d.json", "d.expt"):
        (folder / name).write_text(text)
    assert main(["trace", "1", "1", *SMALL, "--against", "d.json"]) in (1, 2)
    assert capfd.readouterr().err.count("\n") == 1
    np.zeros((4, 4), np.float32).tofile("a.bin")
    assert main(["view", "a.bin", "--geometry", "d.expt", "--html", "x.html"]) == 2
    assert error_line(capfd).startswith("numbragg: error: d.expt: ")


@pytest.mark.parametrize("text", ["a = " + "[" * 100_000, "a = " + "{a=" * 5000 + "1" + "}" * 5000,
                                  "[" + ".".join(["a"] * 50_000) + "]\nx = 1\n", ".".join(["a"] * 50_000) + " = 1\n"])
def test_toml_nested_deep(text, folder, capfd):
    (folder / "d.toml").write_text(text)
    assert main([*SMALL, "--response", "d.toml", "--counts", "a.npy"]) == 2
    assert error_line(capfd) == "numbragg: error: d.toml: must be TOML: it is nested too deep\n"


def test_a_tiff_description_nested_deep(folder):
    tifffile = pytest.importorskip("tifffile")
    text = '{"a":' * 5000
    tifffile.imwrite("d.tif", np.zeros((4, 4), np.float32), description=text)
    assert read_tiff("d.tif")[1] == {"description": text}


# -- warnings


def test_warnings_of_others_are_one_line_each(folder, capfd, monkeypatch):
    import numbragg.commands.image as image

    def run(argv):
        with warnings.catch_warnings():
            # tests have them as errors
            warnings.simplefilter("default")
            warnings.warn("first\nsecond\x1b[0m", RuntimeWarning, stacklevel=1)
        return 0

    monkeypatch.setattr(image, "run", run)
    assert main(["-x"]) == 0
    assert capfd.readouterr().err == "numbragg: warning: first second\\x1b[0m\n"


@pytest.mark.parametrize("dtype, value", [
    *((np.float32, value) for value in (np.nan, np.inf, -np.inf, 3e38, -3e38, 1e-45)),
    # infinities are none that float32 has not
    *((np.float64, value) for value in (np.nan, 3e38, -3e38, 1e-45))])
def test_odd_numbers_in_images(dtype, value, folder, capfd):
    image = np.full((12, 10), value, dtype)
    image[::3] *= dtype(1e200) if dtype is np.float64 else dtype(0.5)
    np.save("a.npy", image)
    np.save("b.npy", np.arange(120, dtype=np.float32).reshape(12, 10))
    image.astype(np.float32).tofile("a.bin") if dtype is np.float32 else None
    for words in ("compare a.npy b.npy --png c.png --json c.json", "plateau a.npy --png p.png --csv p.csv",
                  "view a.npy --png v.png --html v.html"):
        assert main(words.split()) in (0, 1)
        assert capfd.readouterr().err == ""
    if dtype is np.float32:
        assert main("noisify -floatfile a.bin -detpixels_x 10 -detpixels_y 12 -seed 1 --quiet".split()) in (0, 2)
        said = capfd.readouterr().err.splitlines()
        assert all(line.startswith("numbragg: ") and "encountered" not in line for line in said)


# -- killed


@LINUX
@pytest.mark.parametrize("words, names", [
    ("", ["floatimage.bin", "intimage.img", "image.pgm", "noiseimage.img"]),
    ("scan --frames 2 --nexus a.nxs -osc 1 --geom a.geom --expt a.expt", ["a.geom", "a.expt", "a.nxs"]),
    ("scan --frames 2 --images a_#.img -osc 1 --geom a.geom --expt a.expt", ["a.geom", "a.expt"]),
])
def test_killed_in_the_middle_of_its_renames(words, names, folder, capfd):
    for name in names:
        (folder / name).write_bytes(b"old")
    code = ("import os, signal, sys\nreal, count = os.replace, [0]\n"
            "def replace(source, target):\n    real(source, target)\n"
            "    if target.endswith(tuple(sys.argv[1].split())):\n        os.kill(os.getpid(), signal.SIGKILL)\n"
            "os.replace = replace\nfrom numbragg.commands.cli import main\nmain(sys.argv[2:])\n")
    found = subprocess.run([sys.executable, "-c", code, " ".join(names[:1]), *words.split(), *SMALL], check=False,
                           capture_output=True)
    assert found.returncode == -signal.SIGKILL
    contents = {name: (folder / name).read_bytes() for name in names}
    assert contents[names[0]] != b"old" and b"old" in contents.values()
    # another run there
    assert main([*SMALL, "--quiet", "-floatfile", "x.bin", "-intfile", "x.img", "-pgmfile", "x.pgm", "-noisefile",
                 "y.img"]) == 0
    said = capfd.readouterr().err
    assert said.startswith("numbragg: warning: ") and said.count("\n") == 1 and "put in place for a run" in said
    assert b"old" not in [(folder / name).read_bytes() for name in names]
    assert not [name for name in os.listdir() if name.startswith(".numbragg-")]
