"""The command line: what it says, what it writes, and that a run that fails leaves nothing behind."""

import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios

from cli_tools import C_FILES, SMALL, command, content, error_line
from golden_cases import CASES, bring_inputs
import numpy as np
import pytest

import numbragg
from numbragg.command_line.table import TABLE
from numbragg.commands.cli import main

# -- help, version, nothing, mistakes


@pytest.mark.parametrize("word", ["--help", "-h", "-help"])
def test_help(word, capfd, folder):
    assert main([word]) == 0
    said = capfd.readouterr()
    assert said.err == "" and said.out.startswith("usage: numbragg")
    for option in TABLE:
        assert option.name in said.out
    assert max(map(len, said.out.splitlines())) <= 100
    assert content(folder) == {}


def test_help_is_quick_and_needs_nothing():
    """Neither numpy nor numba is loaded to print a text."""
    code = ("import sys; from numbragg.commands.cli import main; main(['--help']); "
            "print(sorted(sys.modules), file=sys.stderr)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "'numba'" not in done.stderr and "'numpy'" not in done.stderr


@pytest.mark.parametrize("word", ["--help", "--version"])
@pytest.mark.parametrize("before", [["-cell"], ["nonsense"], SMALL])
def test_help_wins_over_everything_behind_an_option(word, before, capfd, folder):
    code = main([*before, word])
    assert code == (2 if before == ["nonsense"] else 0)
    assert content(folder) == {}


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_a_name_that_cannot_be_printed_is_escaped(encoding, folder):
    """The report is lost to no name: the files would be in place, and the exit status would say they are not."""
    name = os.fsdecode(b"\xff\xc3\xa9.bin")
    done = subprocess.run(command(*SMALL, "-floatfile", name), capture_output=True,
                          env={**os.environ, "PYTHONIOENCODING": encoding})
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"wrote \\udcff" in done.stdout and name in content(folder)


def test_an_image_that_is_no_number_is_told_of(capfd, folder):
    """A column that is missing is 0 on a last line without its end, and a wavelength of 0 makes NaN of every pixel."""
    (folder / "s.txt").write_text("-1 0.02 0")
    assert main([*SMALL, "-sourcefile", "s.txt", "--quiet"]) == 0
    said = capfd.readouterr()
    assert said.out == "" and "numbragg: warning: image: 480 of 480 pixels infinite or NaN, the first" in said.err
    assert np.isnan(np.fromfile("floatimage.bin", np.float32)).all()
    assert main([*SMALL, "--quiet"]) == 0
    assert capfd.readouterr().err == ""


def test_version(capfd):
    assert main(["--version"]) == 0
    assert capfd.readouterr().out == f"numbragg {numbragg.__version__}\n"


def test_no_arguments(capfd, folder):
    assert main([]) == 2
    said = capfd.readouterr()
    assert said.out == "" and said.err.count("\n") == 1 and "--help" in said.err and "-hkl" in said.err
    assert content(folder) == {}


@pytest.mark.parametrize("word, hint", [("dem", "demo"), ("nonsense", "demo"), ("demoo", "demo"),
                                        ("P1.hkl", "dash"), ("", ""), ("42", "")])
def test_unknown_command(word, hint, capfd):
    assert main([word]) == 2
    line = error_line(capfd)
    assert word in line and hint in line


@pytest.mark.parametrize("words, hint", [
    ("-celll 80", "did you mean -cell?"), ("-lamda 1", "did you mean -lambda?"), ("--thread 2", "--threads"),
    ("-mosiac 1", "-mosaic"), ("--noprogess", "-noprogress"), ("-detpixel 5", "-detpixels"),
])
def test_suggestion(words, hint, capfd, folder):
    assert main([*SMALL, *words.split()]) == 2
    assert hint in error_line(capfd)
    assert content(folder) == {}


def test_error_of_a_line_with_control_characters(capfd, folder):
    """One line stays one line."""
    assert main([*SMALL, "-hkl", "no\nsuch\rfile\x1b[31m"]) == 2
    assert error_line(capfd).rstrip("\n").isprintable()


# -- what is printed


def test_report_has_what_people_look_for(capfd, folder):
    assert main([*SMALL, "-mosaic", "1", "-mosaic_dom", "3"]) == 0
    said = capfd.readouterr()
    for words in ("mosflm", "denzo", "adxv", "xds", "dials", "sub-pixels per edge", "maximum", "mean",
                  "volume", "steps", "photons", "floatimage.bin", "revision fixed", "3, spread 1 deg"):
        assert words in said.out
    assert f"numbragg {numbragg.__version__}" in said.out
    assert not [line for line in said.err.splitlines() if "compiling" not in line]


def test_quiet(capfd, folder):
    assert main([*SMALL, "--quiet"]) == 0
    said = capfd.readouterr()
    assert said.out == "" and said.err == ""
    assert set(content(folder)) == C_FILES


def test_quiet_errors_are_still_told(capfd, folder):
    assert main([*SMALL, "--quiet", "-hkl", "missing.hkl"]) == 2
    assert "missing.hkl" in error_line(capfd)


def test_stale_dump_is_announced(capfd, folder):
    """Structure factors from an earlier run are used, as the C program does, but not in silence."""
    case = CASES["fdump-reread"]
    bring_inputs(case, folder)
    assert main([*case["prior_args"]]) == 0
    assert "no -hkl was given" not in capfd.readouterr().err
    assert main([*SMALL, "--stats-json", "stats.json"]) == 0
    said = capfd.readouterr()
    assert "Fdump.bin" in said.err and "no -hkl was given" in said.err and "Fdump.bin" in said.out
    stats = json.loads((folder / "stats.json").read_text())
    assert stats["structure_factors"]["source"] == "Fdump.bin"
    assert any("Fdump.bin" in notice for notice in stats["notices"])


def test_header_longer_than_it_says(capfd, folder):
    """Such a header is written as the C program does it, and the user is told."""
    words = [*SMALL, "-pixel", "0.123456", "-distance", "123.456", "-lambda", "1.23456", "-phi", "12.3456",
             "-osc", "1.23456", "-detector_rotx", "1.23", "-detector_roty", "2.34", "-detector_rotz", "3.45",
             "-twotheta", "12.3456", "-Xbeam", "1.23456", "-Ybeam", "1.23457"]
    assert main(words) == 0
    said = capfd.readouterr().out
    header = (folder / "intimage.img").read_bytes().index(b"}\f") + 2
    assert header > 512
    assert f"header takes {header} bytes" in said
    assert main(SMALL) == 0
    assert "header takes" not in capfd.readouterr().out


def test_clock_seeds_are_told_and_repeat(capfd, folder):
    words = [word for word in SMALL if word not in ("-seed", "1")]
    assert main([*words, "-misset", "random"]) == 0
    said = capfd.readouterr().out
    noise = re.search(r"\(-seed (\d+) repeats it\)", said)[1]
    orientation = re.search(r"\(-misset_seed (\d+) repeats it\)", said)[1]
    first = content(folder)
    assert main([*words, "-seed", noise, "-misset_seed", orientation, "-misset", "random"]) == 0
    assert content(folder) == first


# -- files of ours


def read_float_image(folder, shape):
    return np.fromfile(folder / "floatimage.bin", np.float32).reshape(shape)


def test_extra_images(folder):
    assert main([*SMALL, "--npy", "a.npy", "--tiff", "a.tiff", "--png", "a.png", "--stats-json",
                 "a.json"]) == 0
    assert set(content(folder)) == C_FILES | {"a.npy", "a.tiff", "a.png", "a.json"}
    image = read_float_image(folder, (20, 24))
    for found in (np.load(folder / "a.npy"), numbragg_tiff(folder / "a.tiff")[0]):
        assert found.dtype == np.float32
        assert found.tobytes() == image.tobytes()
    metadata = numbragg_tiff(folder / "a.tiff")[1]
    assert metadata["beam"]["wavelength_angstrom"] == pytest.approx(1.2, rel=1e-15)  # 1.2 / 1e10 * 1e10
    assert metadata["arguments"][:2] == SMALL[:2]
    assert (folder / "a.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert json.loads((folder / "a.json").read_text())["files"][-1] == "a.json"


def numbragg_tiff(path):
    from numbragg.io.tiff import read_tiff

    return read_tiff(path)


SCHEMA = {
    "program": str, "version": str, "revision": str, "arguments": list, "threads": int, "seconds": dict,
    "steps": int, "steps_per_second": float, "warnings": list, "notices": list, "files": list,
    "detector": {"pixels_fast_slow": list, "pixel_mm": float, "distance_mm": float,
                 "close_distance_mm": float, "convention": str, "pivot": str, "beam_centre": dict,
                 "fast_axis": list, "slow_axis": list, "normal": list, "origin_mm": list, "layers": int,
                 "sensor_thickness_um": float, "window_fast_slow": list},
    "beam": {"wavelength_angstrom": float, "fluence_photons_per_m2": float, "sources": int,
             "polarisation_fraction": float, "dispersion": list, "divergence_h_rad": list,
             "divergence_v_rad": list},
    "crystal": {"cell_angstrom_deg": list, "volume_angstrom3": float, "misset_deg": list, "n_cells": list,
                "size_um": list, "shape": str, "mosaic_domains": int, "mosaic_spread_deg": float,
                "phi_start_deg": float, "phi_steps": int, "phi_step_deg": float, "oscillation_deg": float},
    "structure_factors": {"source": str, "default": float, "interpolated": bool},
    "sampling": {"oversample": int, "recommended_oversample": int, "steps_per_pixel": int},
    "pixels": {"computed": int, "masked": int, "lane": int, "strict": int, "left_out_terms": int,
               "strict_reasons": dict},
    "image": {"maximum": float, "maximum_at_fast_slow": list, "sum": float, "mean": float, "rms": float,
              "rms_deviation": float, "integer_scale": float, "grey_scale": float, "photons": float,
              "overloads": int},
}


def assert_schema(found, wanted, place=""):
    for name, kind in wanted.items():
        assert name in found, f"{place}{name} is missing"
        if isinstance(kind, dict):
            assert_schema(found[name], kind, f"{place}{name}.")
        else:
            assert isinstance(found[name], kind if kind is not float else (float, int)), f"{place}{name}"


def test_statistics(folder):
    """Sums and counts agree with the files."""
    bring_inputs(CASES["mask-plain"], folder)
    words = [*CASES["mask-plain"]["args"], "-roi", "3", "40", "5", "44", "--stats-json", "stats.json",
             "--threads", "2"]
    assert main(words) == 0
    stats = json.loads((folder / "stats.json").read_text())
    assert_schema(stats, SCHEMA)
    assert stats["image"]["noise_seed"] == 1 and stats["image"]["adc_offset"] == 40.0
    assert stats["crystal"]["mosaic_seed"] == 12345678 and stats["crystal"]["random_misset_seed"] is None
    assert stats["sampling"]["per_step"] == []
    assert stats["arguments"] == words and stats["threads"] == 2 and stats["revision"] == "fixed"
    fast, slow = stats["detector"]["pixels_fast_slow"]
    image = read_float_image(folder, (slow, fast)).astype(np.float64)
    f0, f1, s0, s1 = stats["detector"]["window_fast_slow"]
    assert (f0, f1, s0, s1) == (3, 40, 5, 44)
    mask = np.frombuffer((folder / "mask_plain.img").read_bytes()[512:], np.uint16).reshape(slow, fast)
    mask, window = mask[s0:s1 + 1, f0:f1 + 1], image[s0:s1 + 1, f0:f1 + 1]
    pixels = stats["pixels"]
    assert pixels["computed"] == np.count_nonzero(mask) and pixels["masked"] == np.count_nonzero(mask == 0)
    assert pixels["lane"] + pixels["strict"] == pixels["computed"]
    assert image.sum() == window.sum() == window[mask != 0].sum()
    found = stats["image"]
    total = 0.0
    for value in window[mask != 0].tolist():
        total += value
    assert found["sum"] == total and found["maximum"] == window.max()
    assert found["mean"] == total / pixels["computed"]
    x, y = found["maximum_at_fast_slow"]
    assert image[y, x] == found["maximum"]
    integers = np.frombuffer((folder / "intimage.img").read_bytes()[512:], np.uint16).reshape(slow, fast)
    assert integers[y, x] == min(np.floor(found["maximum"] * found["integer_scale"] + 40.5), 65535)
    noise = np.frombuffer((folder / "noiseimage.img").read_bytes()[512:], np.uint16).reshape(slow, fast)
    # the noise image holds every photon, on an offset of 40 in the region
    assert found["overloads"] == np.count_nonzero(noise == 65535)
    if not found["overloads"]:
        assert noise[s0:s1 + 1, f0:f1 + 1].sum(dtype=np.int64) - 40 * window.size == found["photons"]
    assert stats["steps"] == stats["sampling"]["steps_per_pixel"] * pixels["computed"]
    assert set(stats["files"]) == set(content(folder)) - {"mask_plain.img"}
    assert all(seconds >= 0.0 for seconds in stats["seconds"].values())


NOT_FINITE = [name for name, case in CASES.items() if {"nan", "inf"} & set(case["float_stats"])]


@pytest.mark.parametrize("name", NOT_FINITE)
def test_statistics_of_images_that_are_not_finite(name, folder, capfd):
    """JSON has no infinities; statistics and TIFF are written all the same."""
    bring_inputs(CASES[name], folder)
    assert main(CASES[name].get("prior_args", ["--version"])) == 0
    assert main([*CASES[name]["args"], "--stats-json", "stats.json", "--tiff", "a.tiff", "--revision",
                 "main"]) == 0
    json.loads((folder / "stats.json").read_text(), parse_constant=lambda word: pytest.fail(word))


@pytest.mark.parametrize("words", ["-fluence 1e300", "-fluence 1e200 -polar 0.5", "-default_F 1e200",
                                   "-default_F 1e-200"])
def test_statistics_of_overflowing_images(words, folder, capfd):
    assert main([*SMALL, *words.split(), "--stats-json", "stats.json"]) == 0
    json.loads((folder / "stats.json").read_text(), parse_constant=lambda word: pytest.fail(word))


def test_there_are_images_that_are_not_finite():
    assert NOT_FINITE


@pytest.mark.parametrize("threads", ["1", "2", "5", "64"])
def test_threads(threads, folder, capfd):
    assert main([*SMALL, "--threads", threads, "--stats-json", "stats.json"]) == 0
    assert json.loads((folder / "stats.json").read_text())["threads"] == int(threads)
    (folder / "stats.json").unlink()
    one = content(folder)
    assert main([*SMALL, "--threads", "1"]) == 0
    assert content(folder) == one


def test_absurd_number_of_threads(folder, capfd):
    """There are never more threads than work to share out."""
    assert main(SMALL) == 0
    wanted = content(folder)
    assert main([*SMALL, "--threads", "2000000000"]) == 0
    assert content(folder) == wanted


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "two", ""])
def test_bad_threads(value, folder, capfd):
    assert main([*SMALL, "--threads", value]) == 2
    assert "--threads" in error_line(capfd)
    assert content(folder) == {}


# -- listings


def blocks(text):
    """The listing of -printout as (fast, slow, photons) and the numbers of each line."""
    found = []
    for block in re.split(r"(?m)^pixel ", text)[1:]:
        fast, slow = map(int, block.split()[:2])
        names = "F_cell|F_latt|I|I/steps|polar|omega|capture|photons"
        numbers = dict(re.findall(rf"({names}) (-?[\d.]+(?:e[-+]?\d+)?)", block))
        found.append((fast, slow, {name: float(value) for name, value in numbers.items()}))
    return found


def test_printout(folder, capfd):
    assert main([*SMALL, "-printout", "-detpixels_f", "6", "-detpixels_s", "5"]) == 0
    said = capfd.readouterr().out
    image = read_float_image(folder, (5, 6))
    listed = blocks(said)
    assert [(fast, slow) for fast, slow, _ in listed] == [(f, s) for s in range(5) for f in range(6)]
    for fast, slow, numbers in listed:
        # float32 rounds by 6e-8
        assert numbers["photons"] == pytest.approx(float(image[slow, fast]), rel=1e-7)
        assert numbers["F_cell"] == 100.0 and numbers["capture"] == 1.0
        # 7.94079248018965e-30 m^2 times the fluence is 1
        photons = numbers["I/steps"] * numbers["polar"] * numbers["omega"] * numbers["capture"]
        assert photons == pytest.approx(numbers["photons"], rel=1e-8)  # ten digits each are printed


def test_printout_respects_region_and_mask(folder, capfd):
    bring_inputs(CASES["mask-plain"], folder)
    assert main([*CASES["mask-plain"]["args"], "-printout", "-roi", "10", "13", "20", "22"]) == 0
    listed = {(fast, slow) for fast, slow, _ in blocks(capfd.readouterr().out)}
    fast, slow = CASES["mask-plain"]["shape"][::-1]
    mask = np.frombuffer((folder / "mask_plain.img").read_bytes()[512:], np.uint16).reshape(slow, fast)
    assert listed == {(f, s) for s in range(20, 23) for f in range(10, 14) if mask[s, f]}


@pytest.mark.parametrize("pixel", [(0, 0), (23, 19), (7, 3)])
@pytest.mark.parametrize("words", ["", "-roi 5 9 2 8", "-phi 0 -osc 2 -phisteps 2 --revision main"])
def test_printout_of_one_pixel(pixel, words, folder, capfd):
    """The pixel is listed as it is in the image, with all that came before it, if the region holds it."""
    assert main([*SMALL, "-printout_pixel", *map(str, pixel), *words.split()]) == 0
    listed = blocks(capfd.readouterr().out)
    image = read_float_image(folder, (20, 24))
    if "-roi" in words and pixel != (7, 3):
        assert listed == []
    else:
        (fast, slow, numbers), = listed
        assert (fast, slow) == pixel
        # float32 rounds by 6e-8
        assert numbers["photons"] == pytest.approx(float(image[slow, fast]), rel=1e-7)


def test_printout_pixel_outside(folder, capfd):
    """As in the C program nothing is listed for a pixel that is not computed, but not in silence."""
    for words in (["-printout_pixel", "100", "3"], ["-printout_pixel", "3", "3", "-roi", "5", "9", "0", "9"]):
        assert main([*SMALL, *words]) == 0
        said = capfd.readouterr().out
        assert f"-printout_pixel {words[1]} {words[2]}: masked, or outside the region of interest" in said
        assert blocks(said) == []


def test_printout_to_a_closed_pipe(folder):
    """`numbragg -printout ... | head -1`: no traceback, and the files are there."""
    process = subprocess.Popen(command(*SMALL, "-printout", "-detpixels_f", "200"), stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    process.stdout.readline()
    process.stdout.close()
    said = process.stderr.read().decode()
    process.stderr.close()
    process.wait(timeout=120)
    assert "Traceback" not in said and "Exception" not in said
    assert set(content(folder)) == C_FILES


# -- progress


def on_a_terminal(words, folder):
    """What a command says on a terminal of its own, and its exit code."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    process = subprocess.Popen(command(*words), cwd=folder, stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=follower)
    os.close(follower)
    said = b""
    while True:
        try:
            ready = select.select([leader], [], [], 120)[0]
            piece = os.read(leader, 4096) if ready else b""
        except OSError:  # the other end was closed
            break
        if not piece:
            break
        said += piece
    os.close(leader)
    return said.decode(), process.wait(timeout=120)


MIDDLING = [*SMALL, "-detpixels_f", "300", "-detpixels_s", "300", "-mosaic", "1", "-mosaic_dom", "20",
            "-oversample", "1"]


def test_progress_on_a_terminal(folder):
    pytest.importorskip("tqdm", reason="the progress bar needs tqdm")
    said, code = on_a_terminal(MIDDLING, folder)
    assert code == 0 and "pixel" in said and "%" in said


@pytest.mark.parametrize("word", ["-noprogress", "--quiet"])
def test_no_progress_when_not_wanted(word, folder):
    said, code = on_a_terminal([*MIDDLING, word], folder)
    assert code == 0
    assert "%" not in said and "pixel/s" not in said


@pytest.mark.parametrize("words", [[], ["-progress"]])
def test_no_progress_without_a_terminal(words, folder):
    done = subprocess.run(command(*MIDDLING, *words), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0
    assert "%" not in done.stderr and "\r" not in done.stderr


def test_demo_options(capfd, folder):
    assert main(["demo", "--help"]) == 0
    assert "--folder" in capfd.readouterr().out
    for words in (["--nonsense"], ["--folder"], ["--threads", "x", "--folder", "f"]):
        before = content(folder)
        assert main(["demo", *words]) == 2
        error_line(capfd)
        assert content(folder) == before


@pytest.mark.parametrize("words, code, said", [(["--version"], 0, b"numbragg "), (["-nonsense"], 2, b"")])
def test_a_process_ends_with_the_exit_code_and_all_output(words, code, said):
    """It ends at once, without Python's own end: nothing that was printed may be lost by that."""
    for program in ([sys.executable, "-m", "numbragg"], [sys.executable, "-c",
                    "import sys; from numbragg.commands.cli import entry; sys.argv[0] = 'numbragg'; entry()"]):
        done = subprocess.run([*program, *words], capture_output=True, timeout=120)
        assert done.returncode == code and done.stdout.startswith(said) and bool(done.stderr) == (code == 2)
    # a long text into a pipe
    done = subprocess.run([sys.executable, "-m", "numbragg", "--help"], capture_output=True, timeout=120)
    assert done.returncode == 0 and done.stdout.endswith(b"\n") and len(done.stdout) > 5000
    # whoever traces gets to write
    traced = subprocess.run([sys.executable, "-c", "import atexit, sys; sys.settrace(lambda *a: None); "
                             "atexit.register(print, 'end'); from numbragg.commands.cli import entry; "
                             "sys.argv = ['numbragg', '--version']; entry()"], capture_output=True, timeout=120)
    assert traced.returncode == 0 and traced.stdout.endswith(b"end\n")
