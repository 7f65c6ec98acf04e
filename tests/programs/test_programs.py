"""The drop-ins against the C programs: ten scenes and more of each, by hash, or run side by side."""

from pathlib import Path

from c_programs import BINARIES, hashes, run_c
import numpy as np
from program_scenes import HEADER, SCENES, images_of, prepare, recorded
import pytest

from numbragg.commands.cli import main

ALL = [(program, name) for program, scenes in SCENES.items() for name in scenes]
HASHES = recorded()


@pytest.fixture(scope="module", params=list(SCENES))
def program(request, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        prepare(request.param, tmp_path_factory.mktemp(request.param), patch)
        yield request.param


def test_every_scene_gives_the_c_programs_bytes(program):
    for name, words in SCENES[program].items():
        words = words.split()
        for threads in ("1", "3"):
            for image in images_of(program, words):
                Path(image).unlink(missing_ok=True)
            assert main([program, *words, "--threads", threads, "--quiet"]) == 0
            assert hashes(program, images_of(program, words)) == HASHES[program][name], (name, threads)


def test_every_scene_as_the_c_program_of_this_machine_has_it(program):
    if not BINARIES[program]:
        pytest.skip(f"NB_{program.upper()}_BIN names no C program")
    for name, words in SCENES[program].items():
        words = words.split()
        run_c(program, words)
        assert hashes(program, images_of(program, words)) == HASHES[program][name], name


def test_a_negative_pixel_keeps_its_low_bits_and_the_brightest_are_cut(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.array([[-10.0, 3.0], [1e6, np.nan]], "f4").tofile("a.bin")
    assert main("noisify -floatfile a.bin -detpixels 2 -adc 0 -nonoise -scale 1 --quiet".split()) == 0
    assert np.frombuffer(Path("intimage.img").read_bytes()[512:], "<u2").tolist() == [65526, 3, 65535, 0]


def test_both_seeds_share_one_generator(tmp_path, monkeypatch):
    """The defect is kept: the errors of the calibration are others with every seed."""
    monkeypatch.chdir(tmp_path)
    np.full(10000, 1e5, "f4").tofile("a.bin")
    images = []
    for seed in "12":
        assert main(f"noisify -floatfile a.bin -detpixels 100 -calib_seed 77 -adc 0 -bits 32 -seed {seed} --quiet"
                    .split()) == 0
        images.append(np.frombuffer(Path("noiseimage.img").read_bytes()[512:], "<u4").astype(float))
    # with a calibration of its own it would be 0.99
    assert abs(np.corrcoef(*images)[0, 1]) < 0.1


def _c_scatter(image, width, radii, table):
    """Point spread pixel by pixel in C's own loops, on a list with one place more than there are pixels."""
    pixels, middle = len(image), len(table) // 2
    height = pixels // width
    out = np.zeros(pixels + 1, np.float32)
    for i in range(pixels):
        reach, x0, y0 = int(radii[i]), i % width, i // width
        if image[i] <= 0.0:
            continue
        for dx in range(-reach, reach + 1):
            for dy in range(-reach, reach + 1):
                x, y = x0 + dx, y0 + dy
                if dx * dx + dy * dy > reach * reach or x < 0 or y < 0 or x > width or y > height:
                    continue
                j = y * width + x
                if j <= pixels:
                    out[j] = np.float32(float(out[j]) + float(image[i]) * table[middle + dy, middle + dx])
    return out[:-1]


def test_light_behind_the_last_column_falls_on_the_next_row_in_any_bands_of_rows():
    from numbragg.kernels.programs.spread import FIBER, scatter, spread_radii, spread_table

    width, height, radius = 7, 5, 3
    image = (np.arange(width * height, dtype=np.float32) * 7919 % 31).astype(np.float32)
    table = np.zeros((2 * radius + 1,) * 2)
    spread_table(FIBER, 1.3, radius, table)
    radii = np.zeros(len(image), np.int32)
    spread_radii(FIBER, 1.3, radius, 7, image, radii)
    wanted = _c_scatter(image, width, radii, table)
    for step in (1, 2, 5):
        out = np.zeros_like(image)
        for first in range(0, height, step):
            scatter(image, width, radii, table, radius, first, min(first + step, height), out)
        np.testing.assert_array_equal(out.view("u4"), wanted.view("u4"))


@pytest.mark.parametrize("words, told", [
    ("nonbragg", "nothing to do"), ("noisify", "nothing to do"),
    ("nonbragg -detpixels 5", "-stol"), ("nonbragg -stol a.stol -dispstep 3", "did you mean -dispsteps?"),
    ("nonbragg -stol a.stol -detpixels 5 -printout", "-printout"), ("nonbragg -stol none.stol", "none.stol"),
    ("nonbragg -stol a.stol -MW 0", "-MW 0"),
    ("nonbragg -stol a.stol -lambda 1A", "-lambda 1A"), ("nonbragg -stol a.stol -floatfile a.stol", "a.stol is read"),
    ("nonbragg -stol a.stol -img a.img -stolout b", "-stolout b"), ("nonbragg -stol nan.stol", "nan.stol"),
    ("nonbragg -stol a.stol -roi 5 2 0 1", "-roi"), ("nonbragg -stol a.stol -samplesize 1e999", "too large"),
    ("noisify -seed 1", "-floatfile"), ("noisify -floatfile a.bin -psf moffat", "gauss or gaussian or fiber"),
    ("noisify -floatfile a.bin -detpixels 3", "has 16 bytes"), ("noisify -floatfile empty.bin", "empty.bin"),
    ("noisify -floatfile a.bin -intfile a.bin", "a.bin is read"), ("noisify -floatfile a.bin -bits 8", "-bits 8"),
    ("noisify -floatfile a.bin -intfile xfloatimage.bin", "choose another name"),
    ("noisify -floatfile inf.bin -psf gauss -seed 1", "not finite"), ("noisify none/floatimage.bin", "none/float")])
def test_what_cannot_be_obeyed_is_one_line_and_nothing_is_written(words, told, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    Path("a.stol").write_text("0 1\n0.5 2\n")
    Path("nan.stol").write_text("0 nan\n0.5 nan\n")
    Path("a.img").write_bytes(HEADER.ljust(600).encode())
    np.arange(4, dtype="f4").tofile("a.bin")
    np.full(4, np.inf, "f4").tofile("inf.bin")
    Path("empty.bin").write_bytes(b"")
    before = sorted(tmp_path.iterdir())
    assert main(words.split()) == 2
    out, err = capfd.readouterr()
    assert out == "" and err.count("\n") == 1 and err.startswith("numbragg: error: ") and told in err
    assert sorted(tmp_path.iterdir()) == before


def test_what_differs_from_the_words_is_said(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    Path("a.stol").write_text("0 1\n0.5 2\n")
    assert main("nonbragg -stol a.stol -detpixels 5 -seed 1 -nopgm --quiet -curved_det".split()) == 0
    err = capfd.readouterr().err
    assert "-nopgm" in err and "-curved_det is the last word" in err and Path("image.pgm").exists()
    assert main("nonbragg -stol a.stol -detpixels 5 -seed 1 -divsteps 1 --quiet".split()) == 0
    assert "no source" in capfd.readouterr().err
    assert np.isnan(np.fromfile("floatimage.bin", "f4")).all()
    Path("a.stol").write_text("# water\n0 1\n")
    assert main("nonbragg -stol a.stol -detpixels 5 -seed 1 --quiet".split()) == 0
    assert "line 1" in capfd.readouterr().err


def test_sources_with_crlf_ends_are_those_of_lf_or_refused(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    Path("a.stol").write_text("0 1\n0.5 2\n")
    for text, told in (("-10 0 0 1 1e-10\r\n", ""), ("-10 0 0\r\n", "line 1"), ("-1 0 0 1 1e-10\n\r\n", "line 2")):
        Path("s.txt").write_text(text, newline="")
        code = main("nonbragg -stol a.stol -detpixels 5 -seed 1 --quiet -sourcefile s.txt".split())
        assert code == (2 if told else 0) and told in capfd.readouterr().err


def test_notes_on_headers_name_the_program_that_reads_them(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    Path("a.stol").write_text("0 1\n0.5 2\n")
    Path("a.img").write_bytes(HEADER.replace("}", "TWOTHETA=20;\n}").ljust(512).encode() + bytes(960))
    assert main("nonbragg -stol a.stol -img a.img -seed 1 --quiet".split()) == 0
    err = capfd.readouterr().err
    assert "as in nonBragg (give -twotheta)" in err and "nanoBragg" not in err


def test_help_on_a_word_that_only_a_drop_in_has(capsys):
    for word, told in (("-psf", "numbragg noisify:\n  -psf"), ("Fmap", "numbragg nonbragg:\n  -Fmap")):
        assert main(["help", word]) == 0
        assert told in capsys.readouterr().out


@pytest.mark.parametrize("program", SCENES)
def test_help_names_every_word(program, capsys):
    from numbragg.programs.noisify_words import NOISIFY
    from numbragg.programs.nonbragg_words import NONBRAGG

    assert main([program, "--help"]) == 0
    text = capsys.readouterr().out
    for option in (NONBRAGG if program == "nonbragg" else NOISIFY).table:
        assert all(spelling in text for spelling in option.spellings)
