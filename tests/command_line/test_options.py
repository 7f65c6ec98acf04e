"""The command line: what is accepted, what it sets, and what is refused with one line."""

import math
import subprocess
import sys

import naive_options
from option_tools import differences, flat, spellings
import pytest

from numbragg.command_line.help import help_text
from numbragg.command_line.inputs import with_headers
from numbragg.command_line.parse import CommandLineError, check, parse
from numbragg.command_line.table import GROUPS, TABLE

DEGREE = 180.0 * (1.0 / math.pi)


def read(text):
    return with_headers(parse(text.split()))


# -- settings in detail

TABLE_OF_SETTINGS = {
    "-misset_seed 33 -lambda 1": {"misset": "angles", "misset_angles": [33 / DEGREE, 0.0, 1 / DEGREE]},
    "-misset random -misset_seed 33": {"misset": "random", "misset_seed": 33},
    "-misset random -misset_seed 33 --revision main": {"misset": "random", "revision": "main"},
    "-misset_seed 5 -hkl 7.hkl -misset rand": {
        "misset": "random", "misset_angles": [5 / DEGREE, 0.0, 7 / DEGREE]},
    "-twotheta 5 -twotheta_axis -4 0 1": {"twotheta": -4 / DEGREE, "pivot": "sample", "convention": "custom"},
    "-twotheta_axis -4 0 1 -twotheta 5": {"twotheta": 5 / DEGREE, "twotheta_axis": (-4.0, 0.0, 1.0)},
    "-xds -fdet_vector 0 1 0": {"convention": "custom", "fast_axis": (0.0, 1.0, 0.0), "pivot": "sample"},
    "-fdet_vector 0 1 0 -xds": {"convention": "xds"},
    "-pivot sample -Xbeam 5": {"pivot": "beam", "beam_x": 5 / 1000.0},
    "-nopolar -polar 0.5": {"unpolarised_factor": False, "polarisation_fraction": 0.5},
    "-polar 0.5 -nopolar": {"unpolarised_factor": True, "polarisation_fraction": 0.5},
    "-detector_thick 300 -detector_abs inf": {"sensor_thickness": 0.0, "attenuation": 0.0},
    "-detector_abs 0 -detector_thick 300": {"sensor_thickness": 300 * 1e-6, "attenuation": 0.0},
    "-cell 50 60 70 80 -N 5": {"cell_lengths": [50.0, 60.0, 70.0], "cell_angles": [80 / DEGREE, 0.0, 0.0]},
    "-nonoise -noisefile a": {"calculate_noise": True, "noisefile": "a"},
    "-noisefile a -nonoise": {"calculate_noise": False, "noisefile": "a"},
    "-nopgm -pgmscale 3": {"write_pgm": True, "pgm_scale": 3.0},
    "-seed -5 -curved_det": {"seed": -5, "curved": True},
    "-phisteps 3.0 -mosaic_dom +007. -seed -0.00": {"phi_steps": 3, "mosaic_domains": 7, "seed": 0},
    "-printout_pixel 30 31": {"printout": True, "printout_pixel": (30, 31)},
    "-hkl ./-odd.hkl -roi -1 40 -5 -1": {"hkl": "./-odd.hkl", "roi": [-1, 40, -5, -1]},
    "--quiet --threads=4 --stats-json s.json": {"quiet": True, "threads": 4, "stats_json": "s.json"},
    "--tiff a.tif --npy=b.npy --png c.png": {"tiff": "a.tif", "npy": "b.npy", "png": "c.png"},
}


@pytest.mark.parametrize("text", TABLE_OF_SETTINGS)
def test_settings(text):
    assert differences(flat(read(text)), TABLE_OF_SETTINGS[text]) == []


def test_defaults():
    line = parse([])
    assert differences(flat(line), naive_options.start()) == []
    assert line.draft.revision == "fixed" and not line.notices


@pytest.mark.parametrize("text", ["--help", "-h", "-help", "-nonsense -h", "-lambda 1 --help"])
def test_help_wins(text):
    assert read(text).help and not read("--version").help and read("--version").version


BAD = {
    "stray": "stray word stray",
    "-N 5 stray": "stray word stray after -N 5",
    "-cell 100 100 100 90 90 90 3": "stray word 3",
    "-cell 100 -5": "-cell -5: a cell has no negative",
    "-cell -N 5": "-cell: needs 1 to 6 values",
    "-cell 0": "greater than zero",
    "-cell 50 60 70 200": "-cell 200: an angle",
    "-cell 50 60 70 80 x": "-cell x: must be a finite number",
    "-nosuch 5": "unknown option -nosuch",
    "-dispstep 1": "did you mean -dispsteps?",
    "-nopolarization": "did you mean -nopolar?",
    "-lambda_in_A 1": "did you mean -lambda?",
    "-mosaicity_deg 1": "did you mean -mosaicity?",
    "-mosaic_domain_count 3": "did you mean -mosaic_domain",
    "-detector_thickness 3": "-detector_thick",
    "--mosaic 1": "did you mean -mosaic?",
    "--N 3": "did you mean -N?",
    "--lambda=1": "did you mean -lambda?",
    "--revison main": "did you mean --revision?", "-hdivs 1": "did you mean -hdivsteps or -hdivstep?",
    "-hdiv_steps 1": "did you mean -hdivsteps?", "-detector_distance 100": "did you mean -distance?",
    "-beam_size 1": "did you mean -beamsize?", "-beam_x 1": "did you mean -Xbeam?",
    "-mosiac 1": "did you mean -mosaic?",
    "-rotx 1": "did you mean -detector_rotx?", "-sources a": "did you mean -sourcefile?",
    "-hdivergence 1": "did you mean -hdivrange?", "-osc_range 1": "did you mean -osc?",
    "-axis 1 0 0": "did you mean -spindle_axis or -twotheta_axis", "-energ 1": "did you mean -energy?",
    "-distence 1": "did you mean -distance?", "-wave_length 1": "did you mean -wavelength?",
    "--quiet=1": "--quiet takes no value",
    "--revision old": "--revision old: must be main or fixed",
    "--threads 0": "--threads 0: must be at least 1",
    "-lambda": "-lambda: needs a value (L), but the command line ends",
    "-oversample -nopolar": "-oversample: needs a value (n), but -nopolar follows",
    "-misset 10 20": "needs 3 values or the word random (x y z), but the command line ends after 10 20",
    "-misset 10 20 x": "-misset x: must be a finite number",
    "-fdet_vector 0 1 -N 5": "-fdet_vector: needs 3 values (x y z), but -N follows after 0 1",
    "-fdet_vector 0 0 0": "must not be zero",
    "-lambda 1.1A": "-lambda 1.1A: must be a finite number",
    "-lambda nan": "must be a finite number",
    "-lambda inf": "must be a finite number",
    "-lambda -inf": "-inf follows",
    "-lambda 1e999": "too large",
    "-lambda 0x1p5000": "too large",
    "-lambda 1_0": "must be a finite number",
    "-lambda \u0661": "must be a finite number",
    "-detector_abs nan": "must be a finite number",
    "-N 5x": "-N 5x: must be a whole number",
    "-N 1e3": "no fraction or exponent",
    "-N 5.5": "no fraction or exponent", "-N 0x5": "no fraction or exponent", "-N .0": "no fraction or exponent",
    "-N 5.0e0": "no fraction or exponent", "-N 5.0.0": "must be a whole number",
    "-N 2147483648": "must lie within",
    "-seed " + "9" * 5000: "must lie within",
    "-hkl -x.hkl": "-x.hkl follows (if that is the file, write ./-x.hkl)",
    "-hkl -5": "must not begin with '-'",
    "-pivot middle": "-pivot middle: must be beam or sample",
    "-pixel 0": "-pixel 0: must be greater than zero",
    "-distance 0": "-distance 0: must not be zero",
    "-detpixels -5": "-detpixels -5: must not be negative",
    "-detector_thick -100": "must not be negative",
    "-Xbeam nan": "must be a finite number",
}


@pytest.mark.parametrize("text", BAD)
def test_bad_lines(text):
    with pytest.raises(CommandLineError) as caught:
        read(text)
    assert BAD[text] in str(caught.value) and len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("words", [[""], ["-hkl", ""], ["-lambda", ""], ["a\nb"], ["-lambda", "1\n2"]])
def test_odd_words_give_one_printable_line(words):
    with pytest.raises(CommandLineError) as caught:
        parse(words)
    assert str(caught.value).isprintable()


CELL = "-cell 50 50 50 "
BAD_TOGETHER = {
    "-lambda 1": "no crystal",
    CELL + "-roi 9 3 0 5": "the fast range ends at 3",
    CELL + "-detpixels 50000": "less than 2^31 in all",
    CELL + "-detsize 1e300": "less than 2^31",
    CELL + "-detsize 0.01 -pixel 1": "at least 1",
    CELL + "-misset_seed 5 -hkl nano.hkl": "not finite",
    CELL + "-dispersion 200": "below 200",
    CELL + "-flux 1e12 -beamsize 0": "too small for a fluence",
    CELL + "-lambda 1e-320": "wavelength",
    CELL + "-pixel 1e-323": "pixel size",
}


@pytest.mark.parametrize("text", BAD_TOGETHER)
def test_bad_together(text):
    line = read(text)
    with pytest.raises(CommandLineError, match=BAD_TOGETHER[text].replace("^", r"\^")):
        check(line)


REMARKS = {
    "-coherent -MW 5 -stol a": "-coherent has no effect",
    "-misset_seed 33 -N 5": "sets the misset angles to 33 0 5 degrees",
    "-twotheta_axis 2 0 1": "sets two-theta to 2 degrees",
    "-pix0_vector 0 0 1": "-pix0_vector only selects",
    "-close_distance 80 -distance 100": "-distance has no effect",
    "-pivot sample": "-pivot has no effect in the mosflm convention",
    "-polar_vector 1 0 0 -adxv": "-adxv resets all axes",
    "-detsize 10 -detpixels 100": "-detsize has no effect",
    "-sourcefile a -divsteps 3": "no effect of -divsteps",
    "-flux 1e12 -exposure 0": "-flux has no effect",
    "-N 5 -curved_det --revision main --threads 2": "-curved_det is the last word: nanoBragg main would ignore it",
}


@pytest.mark.parametrize("text", REMARKS)
def test_remarks(text):
    assert any(REMARKS[text] in remark for remark in read(text).notices)


def test_no_remarks_without_cause():
    for text in ("-curved_det -N 5 --revision main", "-N 5 -curved_det",
                 "-curved_det -N 5 -curved_det --revision main"):
        assert read(text).notices == [], text
    assert read("-misset_seed 5 -misset 1 2 3 -twotheta_axis 0 0 1 -odet_vector 1 0 0").notices == []
    assert read("-cell 50 -N 5 -lambda 1 -distance 100 -misset random -misset_seed 5").notices == []


# -- headers


def smv(path, width, height, zeros=(), **values):
    lines = "".join(f"{key}={value};\n" for key, value in values.items())
    head = f"{{\nHEADER_BYTES=512;\nBYTE_ORDER=little_endian;\nSIZE1={width};\nSIZE2={height};\n{lines}}}\f"
    pixels = b"".join(bytes([index not in zeros, 0]) for index in range(width * height))
    path.write_bytes(head.encode().ljust(512) + pixels)


def test_headers_come_first_mask_then_image(folder):
    smv(folder / "m.img", 8, 6, PIXEL_SIZE=0.2, DISTANCE=70, WAVELENGTH=1.5, BEAM_CENTER_X=0.5,
        BEAM_CENTER_Y=0.3, PHI=10, OSC_RANGE=2, TWOTHETA=5)
    p = read("-lambda 2 -mask m.img").draft
    assert (p.pixels_f, p.pixels_s, p.pixel_size, p.distance) == (8, 6, 0.2 / 1000.0, 70 / 1000.0)
    assert p.detector_size_s == p.pixel_size * 6 and p.beam_y == p.detector_size_s - 0.3 / 1000.0
    assert p.wavelength == 2 / 1e10 and p.twotheta == 0.0
    assert (p.phi_start, p.oscillation, p.beam_x) == (10 / DEGREE, 2 / DEGREE, 0.5 / 1000.0)
    assert p.mask.shape == (6, 8)
    smv(folder / "i.img", 8, 6, CLOSE_DISTANCE=50, BEAM_CENTER_Y=0.25, ORGX=3.5, ORGY=2.5)
    line = read("-cell 50 -img i.img -distance 100 -mask m.img -detsize 7")
    p = line.draft
    assert p.beam_y == 0.25 / 1000.0 and p.close_distance == 50 / 1000.0 and p.distance == 100 / 1000.0
    assert (p.origin_x, p.origin_y, p.pivot) == (3.5, 2.5, "beam")
    assert p.detector_size_f == 7 / 1000.0
    assert any("TWOTHETA" in text for text in line.notices)
    check(line)
    check(read("-cell 50 -mask m.img -mask i.img"))
    with pytest.raises(CommandLineError, match="mask: 8 x 6 pixels, but the detector has 9 x 6"):
        check(read("-cell 50 -mask m.img -detpixels_f 9"))


def test_larger_mask_is_taken_in_file_order(folder):
    zeros = [3, 7, 11]
    smv(folder / "m.img", 8, 6, zeros=zeros)
    line = read("-cell 50 -mask m.img -detpixels 5")
    check(line)
    assert line.draft.mask.shape == (5, 5)
    assert [i for i, value in enumerate(line.draft.mask.reshape(-1)) if not value] == zeros
    assert any("file order" in text for text in line.notices)


def test_useless_header_values_matter_only_if_used(folder):
    smv(folder / "i.img", 8, 6, PIXEL_SIZE=0.1, WAVELENGTH=0, DISTANCE=0)
    check(read("-cell 50 -img i.img -lambda 1 -distance 50"))
    for text in ("-cell 50 -img i.img -lambda 1", "-cell 50 -img i.img -distance 50"):
        with pytest.raises(CommandLineError):
            check(read(text))


def test_unreadable_headers(folder):
    (folder / "x.img").write_text("nothing")
    with pytest.raises(ValueError, match="x.img"):
        read("-img x.img")
    with pytest.raises(OSError):
        read("-mask nosuch.img")


# -- help and start-up


def test_help_names_every_option_spelling_and_default():
    text = help_text()
    words = set(text.replace(",", " ").replace(":", " ").replace(";", " ").split())
    assert all(spelling in words for option in TABLE for spelling in option.spellings)
    joined = " ".join(text.split())
    assert all(f"(default: {option.default})" in joined for option in TABLE if option.default)
    assert all(" ".join((option.name, *option.values)) in text for option in TABLE)
    assert all(f"\n{group}:\n" in text for group in GROUPS)
    assert text.isascii() and max(map(len, text.splitlines())) <= 100 and "numbragg demo" in text


def test_no_word_is_accepted_for_two_options():
    words = [text for option in TABLE for text in spellings(option)]
    assert len(words) == len(set(words))


def test_reading_options_loads_neither_numpy_nor_numba():
    code = ("import sys, numbragg.command_line.parse, numbragg.command_line.help;"
            "print({'numpy', 'numba'} & set(sys.modules) or 'neither')")
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "neither"
