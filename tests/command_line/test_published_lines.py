"""What nanoBragg publishes is a drop-in: the lines of its pages and of its device checks run, its words are known.

The lines are retold here; sizes of detectors and files of structure factors are small ones.
"""

import itertools
import os
from pathlib import Path
import re

import numpy as np
import pytest

from numbragg.command_line.parse import CommandLineError, check, parse
from numbragg.command_line.table import TABLE
from numbragg.commands.cli import main
from numbragg.notes import Loud

PAGE = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text(encoding="utf-8")

# -- lines that make an image

#: The pages: crystal, crystal in water, one big cell with and without a matrix, the shortest ones.
PAGES = {
    "crystal": "-hkl P1.hkl -matrix A.mat -lambda 6.2 -N 10",
    "water": "-hkl P1.hkl -matrix A.mat -lambda 6.2 -N 10 -fluence 2e22 -water 4",
    "SAXS": "-mat bigcell.mat -hkl P1.hkl -lambda 1 -dispersion 0 -distance 1000 -detsize 100 -pixel 0.1 "
            "-hdiv 0 -vdiv 0 -fluence 1e32 -N 1",
    "SAXS without a matrix": "-cell 250 250 250 90 90 90 -misset 10 20 30 -hkl P1.hkl -lambda 1 -distance 1000 "
                             "-detsize 100 -fluence 1e32 -N 1",
    "usage": "-mat auto.mat -hkl Fs.hkl",
    "first": "-mat auto.mat -hkl P1.hkl -distance 2500",
    "divergence, with the words that act":
        "-mat A.mat -hkl P1.hkl -lambda 1 -dispersion 0.1 -dispsteps 3 -distance 100 -detsize 100 -pixel 0.1 "
        "-hdivrange 0.28 -hdivstep 0.02 -vdivrange 0.28 -vdivstep 0.02 -fluence 1e24 -N 0 -water 0",
}
GEOMETRY = "-distance 231.27 -lambda 0.9768 -pixel 0.172 -detpixels 2048 -Xbeam 176.128000 -Ybeam 176.128000"
ALWAYS = "-flux 1e18 -beamsize 1.0 -nonoise -nointerpolate -nopgm"
LYSOZYME = "-hkl P1.hkl -cell 78.540 78.540 37.770 90 90 90"
CHECKED = f"{LYSOZYME} {GEOMETRY} {ALWAYS} -Na 100 -Nb 100 -Nc 100"
SENSOR = "-detector_thick 100 -detector_thicksteps 8 -detector_abs 100"
#: The device checks: the three that tell revisions apart, and what a device refuses and the C program computes.
DEVICE = {
    "rotation": f"{CHECKED} -oversample 1 -osc 0.1 -phisteps 10 -misset 0 0 0",
    "sub-pixels": f"{CHECKED} -oversample 2 {SENSOR} -oversample_thick -phisteps 1 -misset 0 0 0",
    "curved": f"{CHECKED} -oversample 1 -misset 0 0 0 -curved_det",
    "interpolate": f"{CHECKED} -interpolate -oversample 1",
    "gauss": f"{CHECKED} -gauss_xtal -oversample 1",
    "tophat": f"{CHECKED} -binary_spots -oversample 1",
    "fudge": f"{CHECKED} -fudge 2 -oversample 1",
    "stol": f"{CHECKED} -stol curve.stol -oversample 1",
    "4stol": f"{CHECKED} -4stol curve.stol -oversample 1",
    "Q": f"{CHECKED} -Q curve.stol -oversample 1",
    "thick 0": f"{CHECKED} -detector_thick 100 -oversample_thick 0 -oversample 1",
    "powder": f"{CHECKED} -mosaic 90 -mosaic_domains 3 -oversample 1",
}
CURVE = "#Curve 0, 3 points\n#x y type\n0 1.35 i\n0.002 0.48 i\n0.004 0.11 i\n"


@pytest.fixture
def inputs(folder):
    rows = (f"{h} {k} {l} {10 + h * h + k - l / 2}\n" for h, k, l in itertools.product(range(-4, 5), repeat=3))
    text = "".join(rows)
    for name in ("P1.hkl", "Fs.hkl"):
        (folder / name).write_text(text)
    for name in ("A.mat", "auto.mat", "bigcell.mat"):
        (folder / name).write_text("0.012 0.025 -0.001\n-0.0145 0.00001 0.028\n 0.017 0.0009 0.0247\nand more text\n")
    (folder / "curve.stol").write_text(CURVE)
    return folder


@pytest.mark.parametrize("name", [*PAGES, *DEVICE])
def test_lines_run(name, inputs):
    words = (PAGES | DEVICE)[name].split()
    first, last = (1020, 1028) if name in DEVICE else (498, 514)  # about the beam
    assert main([*f"-roi {first} {last} {first} {last} -seed 1 --quiet --threads 1".split(), *words]) == 0
    image = np.fromfile("floatimage.bin", np.float32)
    assert image.size in (1024 ** 2, 1000 ** 2, 2048 ** 2) and np.isfinite(image).all() and image.any()
    assert os.path.exists("noiseimage.img") == ("-nonoise" not in words)


CRYSTALS = ["-hkl P1.hkl -cell 322.940 358.040 380.150 90 90 90", LYSOZYME,
            "-hkl P1.hkl -cell 22.329 18.471 40.769 90 90.55 90", "-hkl P1.hkl -mat A.mat"]
NUMBERS = [f"-Na {n} -Nb {n} -Nc {n}" for n in (30, 100, 300, 1000)]
REGIMES = ["-oversample 1 -phisteps 1", "-oversample 1 -dispersion 2 -dispsteps 9 -phisteps 1",
           "-oversample 1 -mosaic 0.5 -mosaic_domains 10 -phisteps 1", "-oversample 1 -osc 0.1 -phisteps 10",
           "-oversample 4 -phisteps 1"]
TILTED = "-twotheta 20 -detector_rotx 3 -detector_roty 4 -detector_rotz 5"
PLACES = ["-misset 0 0 0", "-misset 13 27 41", TILTED, f"-misset 13 27 41 {TILTED}"]
#: One thing changed at a time.
COVERAGE = [f"{flag} {value}" for flag, values in {
    "-Na": "10 1000", "-mosaic": "0 0.5 1.0 90", "-mosaic_domains": "1 10 20 100", "-default_F": "0 100",
    "-lambda": "1.0 1.1 0.31", "-polar": "0 0.9 1.0", "-dispersion": "0 2 5", "-dispsteps": "1 9 15",
    "-hdivrange": "0 40 100", "-vdivrange": "0 40 100", "-hdivsteps": "1 5 7", "-vdivsteps": "1 5 7",
    "-dmin": "0 1.3 2.0", "-oversample": "1 4 8", "-phi": "0 45 90", "-osc": "0 0.1 1.0", "-phisteps": "1 10 20",
    "-distance": "150 300", "-pixel": "0.075 0.1", "-twotheta": "0 20 45", "-water": "0 1 10",
    "-pivot": "beam sample", "-energy": "18000", "-close_distance": "231.27"}.items() for value in values.split()] + [
    "-square_xtal", "-round_xtal", "-mosflm", "-xds", "-adxv", "-denzo", "-dials", "-point_pixel", "-curved_det",
    "-nopolar", SENSOR, "-detector_thick 320 -detector_thicksteps 10 -detector_abs 256", "-roi 500 1500 500 1500",
    "-fdet_vector 0 0 1 -sdet_vector 0 -1 0 -odet_vector 1 0 0 -oversample 1", "-detpixels_x 2048 -detpixels_y 1024",
    "-Xclose 176.128 -Yclose 176.128", "-ORGX 1024.5 -ORGY 1024.5"]
#: Pairs of risky settings.
PAIRWISE = [" ".join(parts) for parts in itertools.product(
    ("-oversample 1", "-oversample 4"), ("-misset 0 0 0", "-misset 13 27 41"),
    ("", "-lambda 0.31 -pixel 0.10 -Xbeam 102.4 -Ybeam 102.4"), ("", SENSOR, f"{SENSOR} -oversample_thick"),
    ("", "-dispersion 5 -dispsteps 9"), ("", "-curved_det"))]


def device_lines():
    for crystal, number, regime, place in itertools.product(CRYSTALS, NUMBERS, REGIMES, PLACES):
        yield f"{crystal} {GEOMETRY} {ALWAYS} {number} {regime} {place}"
    for more in (*COVERAGE, *PAIRWISE):
        yield f"{CHECKED} {more}"
    yield (f"{GEOMETRY} {ALWAYS} {NUMBERS[3]} -cell 200 220 250 74 82 68 -misset 13 27 41 -dispersion 5 -dispsteps 15 "
           "-default_F 100 -oversample 4")


def test_device_lines_are_read():
    lines = list(device_lines())
    assert len(lines) == len(set(lines)) > 480
    for text in lines:
        line = parse(text.split())
        check(line)
        assert line.draft.curved == ("-curved_det" in text)


# -- words

#: Words of the list of options and of the usage text.
WORDS = """
    -hkl -matrix -mat -cell -misset -misset_seed -Na -Nb -Nc -N -samplesize -sample_thick -sample_x -sample_width
    -sample_y -sample_height -sample_z -xtalsize -img -mask -distance -close_distance -detsize -detsize_f -detsize_s
    -pixel -detpixels -detpixels_x -detpixels_y -Xbeam -Ybeam -Xclose -Yclose -ORGX -ORGY -detector_rotx
    -detector_roty -detector_rotz -twotheta -pivot -beam_vector -polar_vector -spindle_axis -twotheta_axis
    -pix0_vector -fdet_vector -sdet_vector -odet_vector -curved_det -oversample -roi -lambda -energy -fluence -flux
    -exposure -beamsize -hdivrange -vdivrange -hdivstep -vdivstep -hdiv -vdiv -round_div -square_div -dispersion
    -dispsteps -sourcefile -coherent -mosaic -mosaic_domains -phi -osc -phistep -phisteps -floatfile -intfile -pgmfile
    -noisefile -nonoise -nopgm -scale -pgmscale -adcoffset -adc -point_pixel -printout -noprogress -nointerpolate
    -interpolate -round_xtal -square_xtal -gauss_xtal -tophat_spots -binary_spots -seed -mosaic_seed -default_F
    -detector_absorb -detector_thick -detector_thicksteps -mosflm -xds -denzo -adxv -oversample_thick
    -oversample_polar -oversample_omega -water -polar -nopolar -version
""".split()

#: Published words that stay refused, with a value, and what the message names instead.
REFUSED = {
    "-hdiv 0.28": "must be 0, for nanoBragg has no such option and takes no notice of it; the range is -hdivrange",
    "-vdiv 0.28": "the range is -vdivrange",
    "-dispstep 3": "did you mean -dispsteps?",
    "-detsize_x 100": "did you mean -detsize_f?",
    "-detsize_y 100": "did you mean -detsize_s?",
    "-xdet_vector 0 0 1": "did you mean -fdet_vector?",
    "-ydet_vector 0 0 1": "did you mean -sdet_vector?",
    "-zdet_vector 0 0 1": "did you mean -odet_vector?",
    "-source_distance 10": "unknown option -source_distance",
    "-thick 1.2": "did you mean -sample_thick?",
    "-precision double": "did you mean --precision?",
}


@pytest.mark.parametrize("word", WORDS)
def test_words_are_options(word):
    assert any(word in option.spellings for option in TABLE)


def published():
    """Words of the first column of the page's table."""
    part = PAGE.partition("### What stays refused")[2].partition("\n#")[0]
    return [word for row in part.splitlines() if row.startswith("| `") for word in re.findall("`(-[^` ]+)",
                                                                                           row.split("|")[1])]


@pytest.mark.parametrize("words", REFUSED)
def test_words_that_stay_refused(words):
    with pytest.raises(CommandLineError) as caught:
        parse(words.split())
    assert REFUSED[words] in str(caught.value)
    assert words.split()[0] in published(), "has no row in docs/command-line"


def test_the_page_has_no_other_words():
    assert set(published()) == {words.split()[0] for words in REFUSED}


@pytest.mark.parametrize("text, loud", [
    ("-hdiv 0", False), ("-vdiv 0.0", False), ("-hdiv -0 -dispersion 2", False), ("-hdiv 0 -hdivrange 3", True),
    ("-divsteps 3 -vdiv 0", True), ("-vdiv 0 -sourcefile s", True), ("-hdivstep 1 -hdiv 0", True)])
def test_no_divergence_in_words_that_are_none(text, loud):
    notes = [note for note in parse(text.split()).notices if "nanoBragg has no such option" in note]
    assert len(notes) == 1 and isinstance(notes[0], Loud) == loud


def test_adcoffset():
    assert parse(["-adcoffset", "10"]).adc_offset == parse(["-adc", "10"]).adc_offset == 10.0


@pytest.mark.parametrize("word", ["0", "1"])
def test_oversample_thick_takes_no_notice_of_a_digit(word):
    line = parse(["-oversample_thick", word, "-detector_thick", "5", "-N", "3"])
    assert line.draft.oversample_thick and line.draft.n_cells == (3.0, 3.0, 3.0)
    notes = [note for note in line.notices if note.startswith("-oversample_thick")]
    assert [isinstance(note, Loud) for note in notes] == ([True] if word == "0" else [])
    # the C program sees it among the words behind another option
    assert parse(["-misset_seed", "5", "-oversample_thick", word]).draft.misset_angles[2] == float(word) * (
        3.141592653589793 / 180)


@pytest.mark.parametrize("words", ["-oversample_thick 2", "-oversample_thick x", "-oversample_polar 1", "-nonoise 0"])
def test_other_stray_words(words):
    with pytest.raises(CommandLineError, match="stray word"):
        parse(words.split())


@pytest.mark.parametrize("word, meant", [
    ("-xbeam", "-Xbeam"), ("-ybeam", "-Ybeam"), ("-XBEAM", "-Xbeam"), ("-n", "-N"), ("-na", "-Na"), ("-orgx", "-ORGX"),
    ("-q", "-Q"), ("-LAMBDA", "-lambda"), ("-default_f", "-default_F"), ("-quiet", "--quiet"), ("--Xbeam5", "-Xbeam"),
    ("--xbeam", "-Xbeam"), ("-Threads", "--threads"), ("-mw", "-MW")])
def test_suggestions_look_past_capitals(word, meant):
    with pytest.raises(CommandLineError, match=f"unknown option {word}; did you mean {meant}[?]$"):
        parse([word, "1"])


# -- the last word

SMALL = "-cell 50 60 70 -default_F 10 -N 5 -lambda 2 -detpixels 16 -pixel 4 -distance 50 -oversample 1 -misset 10 20 30"


def floats(*words):
    assert main([*SMALL.split(), *"-nonoise -nopgm --quiet --threads 1".split(), *words]) == 0
    return Path("floatimage.bin").read_bytes()


def test_curved_det_as_the_last_word(folder, capfd):
    flat, curved = floats(), floats("-curved_det")
    assert flat != curved and capfd.readouterr().err == ""
    for words in (["-curved_det"], ["-curved_detector"], ["-curved_det", "--threads", "2"]):
        assert floats("--revision", "main", *words) == flat
        assert "is the last word: nanoBragg main would ignore it there, so the detector is flat" in (
            capfd.readouterr().err)
    for words in (["-curved_det", "-phi", "0"], ["-curved_det", "-curved_det"], ["-curved_det", "-nonoise"]):
        assert floats("--revision", "main", *words) == curved
        assert capfd.readouterr().err == ""
    assert floats("-curved_det", "--revision", "main") == flat
