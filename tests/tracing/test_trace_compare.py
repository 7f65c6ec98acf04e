"""Traces compared with files: the first difference is named, whatever prints the numbers."""

import json
import re

import numpy as np
import pytest
from trace_tools import FROM_ZERO, LISTED, LISTED_FIXED, LISTED_MAIN, SCENE, TWO, from_arguments

import numbragg as nb
from numbragg.compare.ulp import ulps
from numbragg.io.errors import FileFormatError
from numbragg.tracing.compare import compare
from numbragg.tracing.formats import printed
from numbragg.tracing.reading import read_trace
from numbragg.tracing.record import STEP_FIELDS, trace_prepared


def test_ulps():
    assert ulps(0.0, -0.0) == 0 and ulps(float("nan"), -float("nan")) == 0 and ulps(1.0, float("nan")) is None
    assert ulps(-1.0, np.nextafter(-1.0, 0.0)) == 1 and ulps(1.0, 2.0) == 2 ** 52
    assert ulps(-1.0, 1.0) == 2 * ulps(0.0, 1.0)
    assert ulps(1.0, 2.0, single=True) == 2 ** 23


@pytest.mark.parametrize("form", ["text", "json", "csv"])
def test_planted_difference_is_named(form, folder, traced):
    """The first in the order of evaluation, though another stands before it in the file."""
    content = "".join(traced.lines(form))
    (folder / "same").write_text(content)
    same = compare(traced, "same")
    assert same.same and same.exact and same.first is None and same.notes == ()
    assert same.compared == 16 * len(STEP_FIELDS) + len(traced.before) + len(traced.final)
    for name, number in (("k", 11), ("s1_z", 4)):
        value = traced.step(number)[name]
        assert content.count(printed(value)) >= 1
        content = content.replace(printed(value), printed(float(np.nextafter(value, 9e9))))
    content = content.replace(printed(traced.final["sum"]), "144033.0")
    (folder / "other").write_text(content)
    found = compare(traced, "other")
    # the direction is shared by the four steps of the sub-pixel
    names = [d.name for d in found.differences]
    assert names == [*(f"step[{n}].s1_z" for n in (4, 5, 6, 7)), "step[11].k", "step[15].sum", "final.sum"]
    assert found.first.ulps == 1 and found.first.detail == "1 ulp" and not found.same
    assert "first difference: step[4].s1_z, 1 ulp" in found.to_text() and "7 differ" in found.to_text()


def test_pixel_is_counted_in_float32(folder, traced):
    (folder / "a.txt").write_text(f"pixel = {printed(float(np.nextafter(traced.pixel, np.float32(9))))}\n")
    found = compare(traced, "a.txt")
    assert found.first.name == "final.pixel" and found.first.detail == "1 ulp of float32"
    (folder / "a.txt").write_text(f"pixel = {printed(traced.value)}\n")
    assert compare(traced, "a.txt").same


@pytest.mark.parametrize("harm", [b"\0", b"\x01", b"\x1a"])
def test_an_image_is_no_trace(folder, traced, harm):
    """Among the bytes of an image there is sooner or later a name with a number, and it may even agree."""
    (folder / "image.bin").write_bytes(b"\xc3\x28 z:0" + harm + b"omega = 0.00027\n")
    with pytest.raises(FileFormatError, match="image.bin: is not text"):
        compare(traced, "image.bin")
    (folder / "log.txt").write_bytes(b"caf\xe9 \x1b[1m100 %\x1b[0m\r\nomega = 0.00027\r\n\tpolar = 1.0\r")
    assert compare(traced, "log.txt").compared == 2


def test_traces_of_other_lengths(folder, traced):
    short = nb.trace(*SCENE, 9, 5, sampling=TWO, steps=3)
    (folder / "whole").write_text(traced.to_text())
    (folder / "short").write_text(short.to_csv())
    found = compare(short, "whole")
    assert found.same and found.notes == ("12 step(s) of the file are not kept here; --steps all keeps them",)
    found = compare(traced, "short")
    assert found.same and found.notes == ("12 step(s) kept here are not in the file",)


def test_another_pixel_differs_at_once(folder, traced):
    (folder / "other").write_text(nb.trace(*SCENE, 8, 5, sampling=TWO).to_json())
    assert compare(traced, "other").first.name == "before.fast"


def test_what_the_c_program_lists(folder, traced):
    (folder / "c.txt").write_text(LISTED)
    found = compare(traced, "c.txt")
    assert found.same and not found.exact and found.compared == 27
    assert "nanoBragg's -printout" in found.to_text() and "to the digits printed" in found.to_text()
    # where interpolation ends, a warning that has no end of line stands before the block
    (folder / "warned.txt").write_text(LISTED.replace(
        "   9    5 :", "WARNING: out of range for three point interpolation: h,k,l,h0,k0,l0: 4.3,6.2,-11.7,4,6,-12 \n"
        "WARNING: further warnings will not be printed!    9    5 :"))
    assert compare(traced, "warned.txt").compared == 27
    for old, new, name in (("0.497344", "0.497345", "step[15].h"),
                           ("2.13567820", "2.13567821", "step[15].c_y"),
                           ("0.9997890222", "0.9997890223", "final.polarisation_factor"),
                           ("2.485414267", "2.485414266", "final.pixel"),
                           ("hkl0= 0 3", "hkl0= 0 2", "step[15].k0"),
                           ("2.31358e+08", "2.31359e+08", "step[15].stol"),
                           ("9002.10151", "9003.10151", "final.sum_per_step")):
        assert LISTED.count(old) == 1
        (folder / "c.txt").write_text(LISTED.replace(old, new))
        found = compare(traced, "c.txt")
        assert [d.name for d in found.differences] == [name]
        assert found.first.detail in ("1 in the last digit printed", "1e+05 in the last digit printed")


@pytest.mark.parametrize("revision", ["fixed", "main"])
def test_listing_of_both_revisions(revision, folder):
    (folder / "fixed.txt").write_text(LISTED_FIXED)
    (folder / "main.txt").write_text(LISTED_MAIN)
    trace = trace_prepared(from_arguments([*FROM_ZERO, "--revision", revision]), 9, 5)
    other = {"fixed": "main", "main": "fixed"}[revision]
    assert compare(trace, f"{revision}.txt").same
    assert [d.name for d in compare(trace, f"{other}.txt").differences] == ["final.sum", "final.sum_per_step",
                                                                            "final.pixel"]


def test_output_without_a_listing(folder, traced):
    """What the C program says of the scene is not taken for the pixel; traces of instrumented copies are."""
    said = "nanoBragg nanocrystal diffraction simulator\n  -0.1 -0.2 x 3\nx = 17\nF000=0\n"
    (folder / "c.txt").write_text(said)
    with pytest.raises(FileFormatError, match="c.txt: is nanoBragg's output without a listing of pixels"):
        compare(traced, "c.txt")
    (folder / "c.txt").write_text(said + f"TRACE_C: omega_pixel_sr {printed(traced.final['solid_angle'])}\n")
    found = compare(traced, "c.txt")
    assert found.same and found.compared == 1


def test_listings_of_several_pixels(folder, traced):
    before = LISTED.replace("   9    5 :", "   8    5 :").replace("0.497344", "0.4")
    (folder / "c.txt").write_text(before + LISTED + before)
    assert compare(traced, "c.txt").same and compare(traced, "c.txt").notes == ()
    (folder / "c.txt").write_text(LISTED.replace("0.497344", "0.4") + LISTED)
    assert compare(traced, "c.txt").same and "2 times" in compare(traced, "c.txt").notes[0]
    with pytest.raises(FileFormatError, match="c.txt: lists no pixel 1 2"):
        read_trace("c.txt", (1, 2))
    (folder / "c.txt").write_text(LISTED.partition("capfrac")[0])
    with pytest.raises(FileFormatError, match="c.txt, line 13: "):
        read_trace("c.txt", (9, 5))


def test_what_a_listing_shows_of_another_step_is_left_out(folder):
    """A skipped step leaves the structure factor of one before it."""
    crystal = nb.Crystal(cell=(100, 100, 100, 90, 90, 90), n_cells=9, shape="tophat")
    trace = nb.trace(crystal, nb.Beam(), nb.Detector(pixels=(32, 32), pixel_mm=0.5), 100.0, 5, 7)
    assert trace.step(-1)["skipped"] == 1
    last = trace.step(-1)
    block = (f"   5    7 : stol = {last['stol']:g} or 0\nat {last['x']:g} {last['y']:g} {last['z']:g}\n"
             f"hkl= {last['h']:f} {last['k']:f} {last['l']:f}  hkl0= {last['h0']} {last['k0']} {last['l0']}\n"
             " F_cell=77  F_latt=0   I = 0\nI/steps 0\n"
             f"polar {trace.final['polarisation_factor']:.10g}\nomega {trace.final['solid_angle']:.10g}\n"
             "capfrac 1\n"
             "pixel 0\nreal-space cell vectors (Angstrom):\n a b c\nX: 100 0 0\nY: 0 100 0\nZ: 0 0 100\n")
    (folder / "c.txt").write_text(block)
    found = compare(trace, "c.txt")
    assert found.same, found.to_text()
    assert len(found.notes) == 1 and "f_cell" in found.notes[0] and "skipped" in found.notes[0]


def plain(folder, traced, text):
    (folder / "plain.txt").write_text(text)
    return compare(traced, "plain.txt")


def test_names_and_numbers(folder, traced):
    last, final = traced.step(-1), traced.final
    found = plain(folder, traced, f"""\
pixel 9 5 of some program
TRACE_C: pixel_pos_meters {last['x']:.15g} {last['y']:.15g} {last['z']:.15g}
TRACE_PY: diffracted_vec = [{last['s1_x']:.12e}, {last['s1_y']:.12e}, {last['s1_z']:.12e}] (unit)
TRACE_C: scattering_vec_A_inv {last['q_x']:.15g} {last['q_y']:.15g} {last['q_z']:.15g}
TRACE_C: rot_a_angstroms {last['a_x'] * 1e10:.13g} {last['a_y'] * 1e10:.13g} {last['a_z'] * 1e10:.13g}
hkl_frac: {last['h']:.9f} {last['k']:.9f} {last['l']:.9f}
F_cell=100  F_latt={last['f_latt']:.6f}   I = {final['sum']:.3f}
omega_pixel = {final['solid_angle']:.8g} sr, polar = {final['polarisation_factor']:.4f}
step[3].h = {traced.step(3)['h']:.7g}
final.photons = {final['photons']:.9g}
colour = 17
""")
    assert found.same, found.to_text()
    assert found.compared == 22 and not found.exact
    assert found.notes == ("not known: colour", "no number of the file has 17 digits, so all are compared to "
                                                "the digits that they have")
    found = plain(folder, traced, f"h = {last['h'] + 1e-6:.7f}\npolar = 0.9998\nF_latt = 1\n")
    assert [d.name for d in found.differences] == ["step[15].h", "step[15].f_latt"]
    assert re.fullmatch(r"(9\.\d+|10|10\.\d) in the last digit printed", found.first.detail)


@pytest.mark.parametrize("line, name, factor", [
    ("Wavelength (A): {}", "wavelength", 1e10), ("wavelength = {} Angstrom", "wavelength", 1e10),
    ("lambda [nm] = {}", "wavelength", 1e9), ("wavelength_nm: {}", "wavelength", 1e9),
    ("lambda: {}", "wavelength", 1.0),
    ("wavelength: {} m", "wavelength", 1.0), ("lambda: {} \u00c5,", "wavelength", 1e10),
    ("airpath (mm): {}", "airpath", 1e3), ("airpath = {} mm", "airpath", 1e3), ("airpath_cm = {}", "airpath", 1e2),
    ("airpath={}um", "airpath", 1e6), ("stol (1/A) = {}", "stol", 1e-10), ("stol = {} A^-1", "stol", 1e-10),
    ("stol: {} nm-1", "stol", 1e-9), ("omega: {} msr", "solid_angle", 1e3), ("omega (sr) = {}", "solid_angle", 1.0),
    ("fluence = {} photons/mm^2", "fluence", 1e-6), ("F_cell (electrons) = {}", "f_cell", 1.0),
    ("h (frac): {}", "h", 1.0),
    ("Distance: 100 mm, wavelength (A): {}, omega: 1", "wavelength", 1e10),
])
def test_units_of_a_log_are_read(line, name, factor, folder, traced):
    ours = traced.final.get(name) if name in traced.final else traced.step(-1)[name]
    for change, same in ((1.0, True), (1.001, False)):
        (folder / "log.txt").write_text(line.format(f"{ours * factor * change:.8g}") + "\n", encoding="utf-8")
        differences = [d.name.rpartition(".")[2] for d in compare(traced, "log.txt").differences]
        assert (name not in differences) == same, line
    assert name in [key[1] for key in read_trace("log.txt", (9, 5)).values]


@pytest.mark.parametrize("line, note", [
    ("wavelength = 12.4 keV", "wavelength in keV"), ("airpath (deg) = 5", "airpath in deg"),
    ("omega: 3 mm", "omega in mm"),
    ("h = 3 mm", "h in mm"), ("wavelength (furlong): 2", "wavelength in furlong")])
def test_a_unit_of_something_else_is_not_compared(line, note, folder, traced):
    (folder / "log.txt").write_text(f"{line}\npolar = {traced.final['polarisation_factor']:.5g}\n")
    found = compare(traced, "log.txt")
    assert found.same and found.compared == 1 and f"not known: {note}" in found.notes
    assert found.uncompared == (note,) and found.to_dict()["uncompared"] == [note]
    assert f"no difference in what could be compared; of the file not compared: {note}" in found.to_text()


def test_json_that_is_nested_too_deep_is_refused_in_one_line(folder):
    (folder / "deep.json").write_text('{"a": ' + "[" * 100_000)
    with pytest.raises(FileFormatError, match="^deep.json: not JSON"):
        read_trace("deep.json", (9, 5))


def test_names_that_look_like_units_are_names(folder, traced):
    step = traced.step(-1)
    (folder / "log.txt").write_text(f"h = {step['h']:.6g} k = {step['k']:.6g} l={step['l']:.6g} m = 3 sum = "
                                    f"{traced.final['sum']:.6g}\n")
    found = compare(traced, "log.txt")
    assert found.same and found.compared == 4 and "not known: m" in found.notes
    (folder / "log.txt").write_text(f"h = {step['h']:.6g}\n")
    assert compare(traced, "log.txt").uncompared == () and "\nno difference\n" in compare(traced, "log.txt").to_text()


def test_units_in_a_flat_json(folder, traced):
    (folder / "log.json").write_text(f'{{"wavelength (A)": {traced.step(-1)["wavelength"] * 1e10:.6g}, "airpath_mm": '
                                     f'{traced.step(-1)["airpath"] * 1e3:.6g}, "a (b)": "x"}}')
    found = compare(traced, "log.json")
    assert found.same and found.compared == 2 and "not known: a (b)" in found.notes


def test_numbers_in_full_make_all_numbers_exact(folder, traced):
    """Else 0.5 would pass for 0.50000000000000011."""
    last = traced.step(-1)
    text = f"polar = 1.0\nh = {printed(last['h'])}\n"
    assert _digits(text) >= 17
    found = plain(folder, traced, text)
    assert [d.name for d in found.differences] == ["final.polarisation_factor"] and found.exact
    assert plain(folder, traced, "polar = 1.0\n").differences == ()
    text = f"h = {printed(last['h'])}\nlambda_A = 1.2000000000000002\nk = {last['k']!r}\n"
    found = plain(folder, traced, text)
    assert found.same, found.to_text()


def _digits(text):
    return max(len(re.sub(r"\D", "", word).lstrip("0")) for word in text.split())


def test_steps_by_section_and_by_order(folder, traced):
    values = [traced.step(n)["h"] for n in range(16)]
    found = plain(folder, traced, "".join(f"h = {value:.17g}\n" for value in values))
    assert found.same and found.compared == 16 and found.exact
    values[6] = float(np.nextafter(values[6], 0.0))
    found = plain(folder, traced, "".join(f"h = {value:.17g}\n" for value in values))
    assert found.first.name == "step[6].h" and found.first.ulps == 1
    lines = [f"step {n}:\n  h = {value:.17g}\n" for n, value in enumerate(values)]
    found = plain(folder, traced, "".join(lines))
    assert found.first.name == "step[6].h" and found.compared == 16
    found = plain(folder, traced, f"h = 7\nh = 9\nh = {values[15]:.17g}\n")
    assert found.same and "stands 3 times" in found.notes[0]


def test_flat_json(folder, traced):
    (folder / "a.json").write_text(json.dumps({"omega": traced.final["solid_angle"], "who": "me",
                                               "hkl": [traced.step(-1)[n] for n in "hkl"]}))
    found = compare(traced, "a.json")
    assert found.same and found.compared == 4 and "not known: who" in found.notes


@pytest.mark.parametrize("content, message", [
    ("", "holds no quantity"), ("nothing here\n", "holds no quantity"), ("{", "not JSON"),
    ("{}", "holds no quantity"),
    ('{"format": "numbragg trace 1"}', "not a whole trace"),
    ("# numbragg trace 1, made\n[before]\nfast = x\n", "line 3"),
    ("# numbragg trace 1, made\nfast = 1\n", "line 2"),
    ("# numbragg trace 1, made\nstep,h\n1,2,3\n", "line 3"),
    ("step[99].h = 3\n", "no quantity that the trace has"), ("hkl = 1 2\n", "holds no quantity"),
])
def test_files_that_are_no_traces(content, message, folder, traced):
    with pytest.raises(FileFormatError, match=message):
        plain(folder, traced, content)


def test_numbers_that_are_not_finite(folder, traced):
    (folder / "nan.txt").write_text(re.sub(r"(?m)^stol = .*$", "stol = nan", traced.to_text(), count=1))
    found = compare(traced, "nan.txt").first
    assert (found.name, found.ulps, found.there) == ("step[0].stol", None, "nan")
    assert printed(float("-inf")) == "-inf" and printed(-0.0) == "-0"
