"""Headers of -img and -mask: what is simulated where they lack or garble something, and what is said."""

import numpy as np
import pytest

from numbragg.command_line.inputs import with_headers
from numbragg.command_line.parse import CommandLineError, check, parse
from numbragg.commands.cli import main
from numbragg.io.smv import write_image
from numbragg.notes import Loud

FULL = ["PIXEL_SIZE=0.2;", "DISTANCE=70;", "WAVELENGTH=1.5;"]
SCENE = "-cell 50 60 70 90 90 90 -default_F 10 -N 3 -oversample 1 -seed 1 --quiet"


def stored(folder, name, *lines, kind="TYPE=unsigned_short;", pixels=b""):
    head = "\n".join(["{", "HEADER_BYTES=512;", "DIM=2;", "BYTE_ORDER=little_endian;", kind, "SIZE1=8;", "SIZE2=6;",
                      *lines, "}\f"])
    (folder / name).write_bytes(head.encode().ljust(512) + pixels)


def loud(words):
    line = with_headers(parse(words.split()))
    return line, [str(note) for note in line.notices if isinstance(note, Loud)]


def test_a_header_without_pixels_is_enough(folder, capfd):
    stored(folder, "a.img", *FULL)
    assert main([*SCENE.split(), "-img", "a.img"]) == 0
    assert capfd.readouterr() == ("", "")
    whole = (folder / "floatimage.bin").read_bytes()
    stored(folder, "b.img", *FULL, pixels=bytes(96))
    assert main([*SCENE.split(), "-img", "b.img"]) == 0
    assert (folder / "floatimage.bin").read_bytes() == whole and len(whole) == 4 * 8 * 6
    assert main([*SCENE.split(), "-mask", "a.img"]) == 2
    assert "a.img: has 512 bytes; an image of 8 x 6 pixels of 16 bits needs 608" in capfd.readouterr().err


@pytest.mark.parametrize("missing, option, default", [
    ("PIXEL_SIZE", "-pixel 0.3", "0.1 mm"), ("DISTANCE", "-distance 60", "100 mm"),
    ("WAVELENGTH", "-lambda 2", "1 Angstrom")])
def test_a_default_that_fills_a_gap_is_named(missing, option, default, folder):
    stored(folder, "a.img", *(line for line in FULL if not line.startswith(missing)))
    line, notes = loud("-cell 50 -img a.img")
    assert notes == [f"a.img: the header gives no {missing}: the default is used, {default} (give {option.split()[0]})"]
    assert loud(f"-cell 50 -img a.img {option}")[1] == []
    # the header of a mask gives it too
    stored(folder, "m.img", *FULL, pixels=b"\1\0" * 48)
    assert loud("-cell 50 -img a.img -mask m.img")[1] == []
    # or lacks it too
    stored(folder, "l.img", *(line for line in FULL if not line.startswith(missing)), pixels=b"\1\0" * 48)
    assert [note.replace("l.img", "a.img") for note in loud("-cell 50 -mask l.img")[1]] == notes
    assert loud("-cell 50 -img a.img -mask l.img")[1] == notes and loud(f"-cell 50 -mask l.img {option}")[1] == []


def test_other_options_that_give_a_value(folder):
    stored(folder, "a.img")
    assert loud("-cell 50 -img a.img -pixel 0.1 -close_distance 80 -energy 12000")[1] == []
    stored(folder, "own.img", "PIXEL_SIZE=0.2;", "WAVELENGTH=1;", "CLOSE_DISTANCE=70;", "XDS_ORGX=4;", "XDS_ORGY=3;")
    line, notes = loud("-cell 50 -img own.img -xds")
    assert notes == [] and line.draft.close_distance == 0.07 and line.draft.origin_x == 4.0


def test_the_program_s_own_images_are_not_worth_a_word(folder, capfd):
    words = f"{SCENE} -detpixels_f 8 -detpixels_s 6 -distance 70 -lambda 1.5 -phi 2 -osc 0.5 -phisteps 2"
    assert main(words.split()) == 0
    assert main([*SCENE.split(), "-img", "intimage.img", "-intfile", "again.img"]) == 0
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("key, text, value, said", [
    ("DISTANCE", "1,5", ("distance", 1e-3), "1 mm"), ("DISTANCE", "2.5e", ("distance", 2.5e-3), "2.5 mm"),
    ("DISTANCE", "120 cm", ("distance", 0.12), "120 mm"),
    ("WAVELENGTH", "1.5.2", ("wavelength", 1.5e-10), "1.5 Angstrom"),
    ("PHI", "", ("phi_start", 0.0), "0 degrees"), ("PHI", "abc", ("phi_start", 0.0), "0 degrees"),
    ("BEAM_CENTER_X", "0.5 0.6", ("beam_x", 0.5e-3), "0.5 mm"), ("OSC_RANGE", "--1", ("oscillation", 0.0), "0 degrees"),
    ("ORGX", "3,5", ("origin_x", 3.0), "3 pixels")])
def test_a_garbled_number_is_named_with_what_is_made_of_it(key, text, value, said, folder):
    stored(folder, "a.img", *(line for line in FULL if not line.startswith(key)), f"{key}={text};")
    line, notes = loud("-cell 50 -img a.img -xds" if key == "ORGX" else "-cell 50 -img a.img")
    assert notes == [f"a.img: {key} is {text!r}, which is not a number and nothing else: {said} is used, as"
                     " nanoBragg reads it"]
    assert getattr(line.draft, value[0]) == pytest.approx(value[1], rel=1e-15)


def test_a_garbled_number_that_an_option_replaces_is_not_worth_a_word(folder):
    stored(folder, "a.img", *FULL[:2], "WAVELENGTH=1,5;")
    assert len(loud("-cell 50 -img a.img")[1]) == 1 and loud("-cell 50 -img a.img -lambda 1.5")[1] == []


def test_numbers_with_their_units_are_fine(folder):
    stored(folder, "a.img", "PIXEL_SIZE= 0.2 mm;", "DISTANCE=70 (mm);", "WAVELENGTH=+1.5E0 A;", "PHI=1e1 deg;",
           "ORGX=0x4;")
    line, notes = loud("-cell 50 -img a.img -xds")
    assert notes == [] and line.draft.wavelength == 1.5e-10 and line.draft.origin_x == 4.0


def test_numbers_that_make_no_image_are_refused_with_their_text(folder):
    stored(folder, "a.img", FULL[0], "DISTANCE=abc;", FULL[2])
    line, notes = loud("-cell 50 -img a.img")
    assert notes == ["a.img: DISTANCE is 'abc', which is not a number and nothing else: 0 mm is used, as"
                     " nanoBragg reads it"]
    with pytest.raises(CommandLineError, match=r"a.img: DISTANCE gives 0 \('abc'\), for the distance: "):
        check(line)
    stored(folder, "a.img", *FULL[:2], "WAVELENGTH=nan;")
    line, notes = loud("-cell 50 -img a.img")
    assert line.draft.wavelength == 1e-10 and "it is not used" in notes[0] and "the default is used, 1 Ang" in notes[1]


def test_a_number_of_another_keyword_is_named(folder):
    """The look-up finds the last occurrence, be it within another word."""
    stored(folder, "a.img", *FULL, "SOURCE_WAVELENGTH= 1 1.5418;", "PHI=3;", "AXIS=PHI;", "GAIN=7;")
    line, notes = loud("-cell 50 -img a.img")
    assert line.draft.wavelength == 1e-10 and len(notes) == 2
    assert "WAVELENGTH is looked up in 'SOURCE_WAVELENGTH=1 1.5418'" in notes[0] and "1 Angstrom is used" in notes[0]
    assert "PHI is looked up in 'AXIS=PHI" in notes[1] and "7 degrees is used" in notes[1]


def test_a_keyword_with_two_values_is_named(folder):
    stored(folder, "a.img", *FULL, "DISTANCE=90;", "WAVELENGTH=1.50;")
    assert loud("-cell 50 -img a.img")[1] == ["a.img: DISTANCE is '70' and, later, '90': 90 mm is used, as"
                                              " nanoBragg reads it"]


@pytest.mark.parametrize("lines, words", [
    (["TWOTHETA=0.000;", "TWOTHETADIST=200;"], []), (["TWOTHETA=0;"], []), (["TWOTHETADIST=200;"], []),
    (["TWOTHETA=5;"], ["a.img: TWOTHETA of the header, '5', is not used, as in nanoBragg (give -twotheta)"]),
    (["TWOTHETADIST=0;", "TWOTHETA=-3.5;"],
     ["a.img: TWOTHETA of the header, '-3.5', is not used, as in nanoBragg (give -twotheta)"])])
def test_twotheta(lines, words, folder):
    stored(folder, "a.img", *FULL, *lines)
    assert loud("-cell 50 -img a.img")[1] == words
    assert loud("-cell 50 -img a.img -twotheta 5")[1] == []


def test_a_mask_counts_its_centre_from_the_other_edge(folder):
    stored(folder, "m.img", *FULL, "BEAM_CENTER_Y=0.3;", pixels=b"\1\0" * 48)
    line, notes = loud("-cell 50 -mask m.img")
    assert notes == ["m.img: BEAM_CENTER_Y of a mask, 0.3 mm, counts from the other edge, as in nanoBragg: 0.9 mm is"
                     " used (give -Ybeam)"]
    assert line.draft.beam_y == pytest.approx(0.9e-3)
    assert loud("-cell 50 -mask m.img -Ybeam 0.3")[1] == []
    stored(folder, "i.img", *FULL, "BEAM_CENTER_Y=0.3;")
    assert loud("-cell 50 -mask m.img -img i.img")[1] == []
    stored(folder, "m.img", *FULL, "BEAM_CENTER_Y=0.6;", pixels=b"\1\0" * 48)
    assert loud("-cell 50 -mask m.img")[1] == []


def test_a_mask_of_another_type_is_named(folder):
    write_image(folder / "m.img", {"PIXEL_SIZE": 0.2, "DISTANCE": 70, "WAVELENGTH": 1}, np.ones((6, 8), np.int32))
    line, notes = loud("-cell 50 -mask m.img")
    assert notes == ["m.img: Data_type is 'long int'; as in nanoBragg the pixels of the mask are taken for numbers"
                     " of 16 bits"]
    # every other 16 bits are zero
    assert line.draft.mask.sum() == 24


# -- what is not read


CENTRE = ["BEAM_CENTER_X=0.5;", "BEAM_CENTER_Y=0.6;"]


@pytest.mark.parametrize("entry, option", [
    ("OSC_START=30;", "-phi 30"), ("OMEGA=20.0;", "-phi 20"), ("KAPPA=-10;", "-phi 0"), ("CHI=5;", "-phi 0"),
    ("CRYSTAL_GONIO_VALUES=0.0 0.0 30.0;", "-phi 30"), ("DETECTOR_ROTX=2;", "-detector_rotx 2"),
    ("ROTY=1e0;", "-detector_rotx 2"), ("TILT=0.5;", "-detector_roty 2"), ("TWO_THETA=10;", "-twotheta 10"),
    ("2THETA=10;", "-twotheta 10"), ("DETECTOR_TWOTHETA=10;", "-twotheta 10"),
    ("CCD_GONIO_VALUES=0.0 15.0 0.0 0.0 0.0 150.0;", "-twotheta 15 -distance 150")])
@pytest.mark.parametrize("mask", [False, True])
def test_angles_that_are_not_used_are_named(entry, option, mask, folder):
    stored(folder, "a.img", *FULL, *CENTRE, entry, pixels=b"\1\0" * 48)
    words = f"-cell 50 {'-mask' if mask else '-img'} a.img"
    word = entry.partition("=")[0]
    notes = [note for note in loud(words)[1] if "not used of the header" in note]
    assert len(notes) == 1 and f"{word}=" in notes[0] and notes[0].startswith("a.img: ")
    assert not [note for note in loud(f"{words} {option}")[1] if "not used of the header" in note]
    value = entry.partition("=")[2]
    zero = "0 0 0;" if " " in value else "0.00;"
    stored(folder, "a.img", *FULL, *CENTRE, f"{word}={zero}", pixels=b"\1\0" * 48)
    assert not [note for note in loud(words)[1] if "not used of the header" in note]


def test_a_spindle_angle_under_two_names_is_one(folder):
    stored(folder, "a.img", *FULL, *CENTRE, "PHI=12.5;", "OSC_START=12.500;", "OMEGA=12.5;", "KAPPA=0;")
    assert loud("-cell 50 -img a.img")[1] == []
    stored(folder, "a.img", *FULL, *CENTRE, "PHI=12.5;", "OSC_START=13;", "KAPPA=40;")
    note, = loud("-cell 50 -img a.img")[1]
    assert "OSC_START='13', KAPPA='40' (give -phi" in note


@pytest.mark.parametrize("entries, convention, said", [
    (CENTRE, "", None),
    (CENTRE, "-xds", "the xds convention takes its centre from ORGX ORGY, and without it the middle"),
    (["XDS_ORGX=4;", "XDS_ORGY=3;"], "-xds", None), (["XDS_ORGX=4;", "XDS_ORGY=3;"], "", "the mosflm convention takes"),
    (["DENZO_X_BEAM=0.5;", "DENZO_Y_BEAM=0.6;"], "", "DENZO_X_BEAM, DENZO_Y_BEAM of the header does not place"),
    (["MOSFLM_CENTER_X=0.5;"], "-Xbeam 0.5", None), (["DENZO_X_BEAM=0.5;"], "-xds -ORGX 4", None),
    ([], "", None)])
def test_a_centre_that_does_not_place_the_detector(entries, convention, said, folder):
    stored(folder, "a.img", *FULL, *entries)
    notes = loud(f"-cell 50 -img a.img {convention}")[1]
    assert notes == [] if said is None else len(notes) == 1 and said in notes[0]


@pytest.mark.parametrize("binning, told", [("2x2", True), ("none", False), ("1x1", False)])
def test_binned_pixels(binning, told, folder):
    stored(folder, "a.img", *FULL, f"BIN={binning};")
    line = with_headers(parse("-cell 50 -img a.img".split()))
    assert [str(note) for note in line.notices] == [
        "a.img: BIN of the header, '2x2', is not used: PIXEL_SIZE is taken for that of the binned pixels"][:told]


@pytest.mark.parametrize("key, value, said", [
    ("PIXEL_SIZE", "0.0001", "pixel: 0.0001 mm; lengths of a detector are in millimetres"),
    ("PIXEL_SIZE", "100", "pixel: 100 mm;"), ("DISTANCE", "0.07", "distance: 0.07 mm;"),
    ("WAVELENGTH", "1.5e-10", "wavelength: 1.5e-10 Angstrom; wavelengths are in Angstrom"),
    ("CLOSE_DISTANCE", "0.07", "distance: 0.07 mm;")])
def test_headers_in_metres(key, value, said, folder, capfd):
    stored(folder, "a.img", *(f"{key}={value};" if line.startswith(f"{key}=") else line for line in FULL),
           *([f"{key}={value};"] if key == "CLOSE_DISTANCE" else []))
    assert main([*SCENE.split(), "-img", "a.img"]) == 0
    assert f"numbragg: warning: {said}" in capfd.readouterr().err


@pytest.mark.parametrize("words, told", [
    ("-lambda 1.5", "-lambda 1.5 is not simulated: the sources have wavelengths of their own, 0.98 to 1 Angstrom"),
    ("-energy 8000", "-energy 8000 is not simulated"), ("-lambda 1.1 -lambda 0.98", None), ("", None),
    ("-img a.img", "WAVELENGTH of a header is not simulated")])
def test_a_wavelength_beside_sources(words, told, folder, capfd):
    stored(folder, "a.img", *FULL)
    (folder / "s.txt").write_text("-1 0 0 1 0.98e-10\n-1 0.001 0 1 1e-10\n")
    assert main([*SCENE.split(), *f"-detpixels 8 -sourcefile s.txt {words}".split()]) == 0
    said = capfd.readouterr().err
    assert said == "" if told is None else f"numbragg: warning: {told}" in said
    (folder / "s.txt").write_text("-1 0 0\n")
    assert main([*SCENE.split(), *f"-detpixels 8 -sourcefile s.txt {words}".split()]) == 0
    assert "not simulated" not in capfd.readouterr().err
