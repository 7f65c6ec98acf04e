"""What the drop-ins say of words without effect, of tables that give no image, and of pixels that are no numbers."""

from pathlib import Path
import re

import numpy as np
from program_scenes import HEADER, SCENES, prepare
import pytest

from numbragg.command_line.effects import nothing
from numbragg.command_line.table import TABLE
from numbragg.commands.catalogue import COMMANDS, parser_of
from numbragg.commands.cli import main
from numbragg.programs.noisify_words import NOISIFY
from numbragg.programs.nonbragg_words import NONBRAGG

KNOWN = {"nonbragg": NONBRAGG, "noisify": NOISIFY}
RUN = {"nonbragg": "nonbragg -stol a.stol -detpixels 5 -seed 1", "noisify": "noisify -floatfile a.bin -seed 1"}


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a.stol").write_text("0 1\n0.2 3\n0.5 2\n")
    Path("s.txt").write_text("-10 0 0 1 1e-10\n")
    Path("a.img").write_bytes(HEADER.ljust(512).encode() + bytes(960))
    np.full(480, 3.0, "f4").tofile("a.bin")


def said(words, capfd):
    """What is said on stderr by a run that succeeds, with and without --quiet, and its report."""
    assert main([*words.split(), "--quiet"]) == 0
    loud = capfd.readouterr().err
    assert main(words.split()) == 0
    return loud, capfd.readouterr().out


@pytest.mark.parametrize("program", KNOWN)
def test_every_word_that_does_nothing_is_said(program, files, capfd):
    words = [option for option in KNOWN[program].table if option.apply is nothing]
    assert {"nonbragg": {"-odet_vector", "-pix0_vector", "-gain", "-noreject", "-coherent", "-nopgm"},
            "noisify": {"-detsize", "-badpix_seed"}}[program] <= {option.name for option in words}
    for option in words:
        value = "0" if option.name in ("-hdiv", "-vdiv") else "1"
        loud, report = said(" ".join([RUN[program], option.name, *[value] * len(option.values)]), capfd)
        assert option.name in report and re.search(f"{option.name}.*(no effect|all the same)", report), option.name
        assert (value == "0") == (option.name not in loud)


@pytest.mark.parametrize("program, words, told, loud", [
    ("nonbragg", "-phisteps 7 -osc 3", "-phisteps 7: no effect: an amorphous sample", False),
    ("nonbragg", "-phisteps 7", "-phisteps 7: no effect but on OSC_RANGE", False),
    ("nonbragg", "-phistep 0.5", "-phistep 0.5: no effect but on OSC_RANGE", False),
    ("nonbragg", "-spindle_axis 0 1 0", "-spindle_axis 0 1 0: no effect", False),
    ("nonbragg", "-progress", "-progress has no effect", False),
    ("nonbragg", "-ignore 5", "-ignore 5: no effect without -img", True),
    ("nonbragg", "-stolout b.stol", "-stolout b.stol: no effect without -img", True),
    ("nonbragg", "-molecules 1e9 -density 2", "-density 2 has no effect: -molecules 1e9", True),
    ("nonbragg", "-sourcefile s.txt -hdivrange 5", "-hdivrange 5: no effect: -sourcefile s.txt replaces", True),
    ("nonbragg", "-polar 0.9 -nopolar", "-polar 0.9: no effect", True),
    ("nonbragg", "-Xclose 3 -ORGX 4", "-Xclose 3 has no effect: -ORGX 4", True),
    ("nonbragg", "-exposure 3", "-exposure 3 has no effect without -flux", True),
    ("nonbragg", "-flux 1e9 -exposure 1 -beamsize 0.1 -fluence 1e20", "-fluence 1e20 has no effect", True),
    ("nonbragg", "-nonoise -noisefile b.img -nonoise", "-noisefile b.img: no effect", False),
    ("noisify", "-header a.img -distance 50 -phi 3", "-distance 50, -phi 3: no effect: the header is copied", True),
    ("noisify", "-header a.img -detpixels 3", "-detpixels 3: no effect: the numbers of pixels are those", True),
    ("noisify", "-psf_rad 3", "-psf_rad 3: no effect without -psf", True),
    ("noisify", "-nonoise -readout 3", "-readout 3: no effect: -nonoise", True),
    ("noisify", "-calibration 0 -calib_seed 3", "-calib_seed 3: no effect", False),
    ("noisify", "-nopgm -pgmfile b.pgm", "-pgmfile b.pgm has no effect", True)])
def test_words_that_others_leave_without_effect_are_said(program, words, told, loud, files, capfd):
    quiet, report = said(f"{RUN[program]} {words}", capfd)
    assert told in report and (told in quiet) == loud


@pytest.mark.parametrize("program, words, image", [
    ("nonbragg", "-phisteps 7 -osc 3", "floatimage.bin"), ("nonbragg", "-spindle_axis 0 1 0", "floatimage.bin"),
    ("nonbragg", "-odet_vector 0 1 0", "floatimage.bin"), ("nonbragg", "-molecules 1e9 -density 2", "floatimage.bin"),
    ("noisify", "-detsize 77", "noiseimage.img"), ("noisify", "-psf_rad 3", "noiseimage.img")])
def test_what_is_said_to_have_no_effect_has_none(program, words, image, files):
    pixels = []
    for some in ("-molecules 1e9" if "-molecules" in words else "", words):
        assert main([*RUN[program].split(), *some.split(), "--quiet"]) == 0
        pixels.append(Path(image).read_bytes()[0 if image.endswith("bin") else 512:])
    assert pixels[0] == pixels[1]


@pytest.mark.parametrize("program", SCENES)
def test_words_with_an_effect_are_not_told(program, tmp_path, monkeypatch, capfd):
    prepare(program, tmp_path, monkeypatch)
    capfd.readouterr()
    for name, words in SCENES[program].items():
        assert main([program, *words.split(), "--quiet"]) == 0
        told = capfd.readouterr().err
        assert "no effect" not in told or (program, name) in (("noisify", "noiseless"),), (name, told)


def test_a_radius_is_a_whole_number(files, capfd):
    for word in ("-psf_rad", "-psf_radius"):
        assert main([*RUN["noisify"].split(), "-psf", "gauss", word, "2.7"]) == 2
        assert capfd.readouterr().err == (f"numbragg: error: {word} 2.7: must be a whole number (no fraction or "
                                          "exponent)\n")


# -- help


@pytest.mark.parametrize("program", KNOWN)
def test_help_names_every_choice(program, capsys):
    assert main([program, "--help"]) == 0
    text = capsys.readouterr().out
    for option in KNOWN[program].table:
        if option.kind == "choice":
            entry = re.search(rf"^  {re.escape(option.name)} .*\n(?:   .*\n)*", text, re.MULTILINE)[0]
            assert all(re.search(rf"\b{re.escape(word)}\b", entry) for word in option.choices()), entry
    if program == "nonbragg":
        assert "number of spindle steps" not in text


def test_help_of_everything_else_names_every_choice():
    for option in TABLE:
        if option.kind == "choice":
            assert all(word in option.text for word in option.choices()), option.name
    for name in COMMANDS:
        parser = parser_of(name)
        for spelling, _, reader, text in parser.options() if parser is not None else ():
            assert all(word in text for word in getattr(reader, "words", ())), (name, spelling)


# -- tables and pixels


@pytest.mark.parametrize("table, told, finite", [
    ("0,1 4\n0,3 8\n", "2 points are at 0: the cubic through them divides by zero, as in nonBragg; a comma parts",
     False),
    ("0.1 4\n0.1 5\n0.3 8\n", "2 points are at 0.1: the cubic through them divides by zero, as in nonBragg\n", False),
    ("nan 4\n0.3 8\n", "1 points are at no finite sin(theta)/lambda", False),
    ("inf 4\n0.3 8\n", "1 points are at no finite sin(theta)/lambda", None),
    ("0.1 4\n0.3 1e300\n", "not finite", False),
    ("0.3 4\n0.1 5\n0.2 3\n0.4 2\n", "points are not in the order of their first column", None),
    ("0.1 4\n0.2 5\n0.3 8\n", "", True)])
def test_tables_without_a_cubic_are_said(table, told, finite, files, capfd):
    Path("a.stol").write_text(table)
    loud, _ = said("nonbragg -stol a.stol -detpixels 20 -pixel 5 -seed 1", capfd)
    assert told in loud and (loud == "") == (told == "")
    image = np.fromfile("floatimage.bin", "f4")
    count = int((~np.isfinite(image)).sum())
    assert (f"floatimage.bin: {count} of 400 pixels are not finite (infinite or NaN)" in loud) == (count > 0)
    assert finite is None or (count == 0) == finite


def test_pixels_that_are_no_numbers_are_said(files, capfd):
    np.array([1, np.nan, np.inf, -np.inf], "f4").tofile("x.bin")
    loud, report = said("noisify -bin x.bin -detpixels 2 -scale 1 -fluence 1e29 -seed 1", capfd)
    assert "x.bin: 3 of 4 pixels are not finite (infinite or NaN)" in loud and "3 of 4" in report
    assert "x.bin: 1 pixels are negative" in loud
    loud, _ = said("noisify -bin a.bin -seed 1 -detpixels_x 24 -scale 1e300", capfd)
    assert "a.bin: multiplied by 1e+300 (-scale, -fluence): 480 of 480 pixels are not finite" in loud


@pytest.mark.parametrize("words, told", [
    ("-bin x.bin -detpixels 2 -psf fiber", "x.bin: 1 of 4 pixels are not finite (infinite or NaN); the point spread"),
    ("-bin a.bin -detpixels_x 24 -scale 1e300 -psf fiber",
     "a.bin: multiplied by 1e+300 (-scale, -fluence): 480 of 480 pixels are not finite (infinite or NaN); the point"),
    ("-bin a.bin -detpixels_x 24 -scale 1e300 -psf gauss -nonoise", "a.bin: multiplied by 1e+300"),
    ("-bin a.bin -detpixels_x 24 -scale 1e38 -flicker 1e9 -psf gauss", "noisify: noise image: ")])
def test_what_is_not_finite_is_named(words, told, files, capfd):
    np.array([1, 2, 3, np.nan], "f4").tofile("x.bin")
    before = sorted(Path().iterdir())
    assert main(["noisify", "-seed", "1", *words.split()]) == 2
    error = capfd.readouterr().err
    assert error.startswith(f"numbragg: error: {told}") and error.count("\n") == 1
    assert sorted(Path().iterdir()) == before
