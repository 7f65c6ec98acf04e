"""Remarks on a command line: what has no effect or another one than the words say is named, loudly or not."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
import numpy as np
import pytest

from numbragg.command_line.inputs import read_inputs, with_headers
from numbragg.command_line.overridden import overridden
from numbragg.command_line.parse import CommandLine, check, parse
from numbragg.command_line.words import option_uses
from numbragg.notes import Loud
from numbragg.scene.notes import scene_notes
from numbragg.scene.prepare import prepare

LOUD = {
    # no effect
    "-coherent": "-coherent has no effect", "-stol a": "-stol has no effect", "-4stol a": "-4stol has no effect",
    "-Q a": "-Q has no effect", "-stolout a": "-stolout has no effect", "-density 2": "-density has no effect",
    "-MW 20": "-MW has no effect",
    "-exposure 2": "-exposure 2 has no effect without -flux",
    "-beamsize 1": "size of the beam: 1 mm has no effect on spots without a flux",
    "-flux 1e12 -beamsize -1": "-flux has no effect", "-fudge 2": "fudge: 2 has no effect on a parallelepiped",
    "-nopolar -oversample_polar": "polarisation: to be left out, but computed all the same",
    "-detector_abs 100": "sensor: an attenuation depth of 100 micrometres has no effect without a thickness",
    "-detector_thicksteps 3": "sensor layers: 3 have no effect without a thickness",
    # two things said
    "-cell 50 -mat a": "-cell together with -mat: the lengths of a, b and c are those of the cell",
    "-cell 50 60 70 80 -cell 40": "-cell 40 leaves what an earlier -cell has set behind its last value: 40 60 70 80",
    "-pix0_vector 0 0 1": "-pix0_vector only selects",
    "-twotheta_axis 2 0 1": "also sets two-theta to 2 degrees",
    "-misset random -misset_seed 5 -N 3": "also sets the misset angles to 5 0 3 degrees",
    "-polar_vector 1 0 0 -adxv": "the later -adxv resets all axes: no effect of -polar_vector",
    "-xds -spindle_axis 1 0 0": "the later -spindle_axis chooses the custom convention: no effect of -xds",
    # places
    "-ORGX 500 -ORGY 501": "-ORGX 500 -ORGY 501 does not move the detector: the mosflm convention",
    "-Xclose 5": "-Xclose 5 does not move the detector: the mosflm convention takes its centre from -Xbeam -Ybeam",
    "-spindle_axis 0 0 1 -Xbeam 5 -ORGX 9": "-ORGX 9 has no effect: a better centre is given",
    "-xds -Xbeam 5 -ORGX 50": "-Xbeam 5 does not move the detector: the xds convention takes its centre from -ORGX",
    "-dials -Ybeam 5": "-Ybeam 5 does not move the detector", "-distance -80": "distance: -80 mm loses its sign",
    "-pivot sample -twotheta 5": "-pivot has no effect in the mosflm convention",
    "-pivot sample -Xbeam 5 -spindle_axis 0 0 1": "-pivot sample has no effect: -Xbeam 5 comes after it and sets the",
    "-odet_vector 1 0.2 0": "-odet_vector 1 0.2 0: not of unit length, so fast x slow is the normal",
    "-twotheta_axis 0 2 0 -twotheta 5": "-twotheta_axis 0 2 0: not of unit length, which distorts the detector",
    "-curved_det -xds": "a curved detector takes its angles from y and z of the laboratory",
    "-curved_det --revision main": "-curved_det is the last word: nanoBragg main would ignore it there",
    "-point_pixel": "point pixels leave out the area of a pixel",
    "-roi 2000 3000 0 5": "no pixel of the detector lies in it", "-printout_pixel 1024 3": "there is no such pixel",
    "-printout_pixel 3 -1": "there is no such pixel",
    # sensors
    "-detector_thick 300 -oversample_thick -detector_thicksteps 1":
        "sensor layers: 2, 300 micrometres each: together they are 2 times the thickness",
    "-detector_thick 300 -oversample_thick -detector_thicksteps 4":
        "sensor layers: 4, 100 micrometres each: together they are 1.333 times the thickness",
    "-detector_thick 300": "2 sensor layers, the captured fraction not at every step: the sum over all of them",
    "-detector_abs inf -detector_thick 300": "sensor: of infinite depth, so that nothing is absorbed",
    "-detector_thick 300 -oversample_thick 0": "-oversample_thick 0 turns it on",
    # sizes
    "-N -3": "number of cells: -3 along a, -3 along b, -3 along c: one cell is simulated",
    "-xtalsize 0.2": "size of the crystal along b: 0.2 mm is cut",
    "-xtalsize 0.01 -hkl few.hkl": "structure factors are interpolated, for the number of cells as given",
    # steps
    "-mosaic -1": "-mosaic -1: negative, which counts as not given",
    "-detector_thick 5 -detector_abs -2": "-detector_abs -2: negative, which counts as not given",
    "-osc -2": "-osc -2: negative, which counts as not given", "-dispersion -1": "-dispersion -1: negative",
    "-detector_thick 5 -thicksteps -2": "-thicksteps -2: negative",
    "-dmin -2": "-dmin -2: negative, so there is no limit",
    "-phisteps 10": "phi: 10 steps without an oscillation range are a rotation by 1 degree",
    "-phisteps 10 -phistep 0.1": "phi: 10 steps asked for, 2 simulated",
    "-osc 1 -phisteps 10 -phistep 0.2": "the steps are 0.2 degrees apart, whatever the range",
    "-mosaic 1 -mosaic_dom 1": "mosaic spread: 1 degrees have no effect: the only domain is not rotated",
    "-hdivsteps 3": "horizontal divergence: a number of directions without a range means a range of 1000 mrad",
    "-vdivsteps 1": "vertical divergence: a number of directions without a range",
    "-hdivstep 5": "horizontal divergence: a step without a range is two directions that far",
    "-vdivrange 3 -vdivstep 5": "vertical divergence: the step is larger than the range",
    "-divergence 3 -divsteps 1": "vertical divergence: 1 direction asked for, 2 simulated",
    "-dispersion 3 -dispsteps 1": "dispersion: 1 wavelength asked for, 2 simulated",
    "-mosaic_dom 5": "mosaic domains: 5 asked for, 1 simulated",
    "-dispsteps 5": "dispersion: 5 wavelengths asked for, 1 simulated",
    # intensities
    "-water 5 -fluence 1e20": "water: the background of 5 um counts r_e^2 x fluence twice, as in nanoBragg",
    "-water 5 -fluence 1e20 -oversample 3":
        "water: the background of 5 um counts r_e^2 x fluence twice and is divided by the 9 steps of a pixel",
    "-water 5 -oversample 2": "water: the background of 5 um is divided by the 4 steps of a pixel",
    "--spot-metric hkl": "spot metric: hkl has no effect on a parallelepiped",
    "--spot-metric hkl -round_xtal": "spot metric: hkl has no effect on an ellipsoid",
    "-fluence 1e20 -flux 1e10": "-fluence 1e20 has no effect: the flux, exposure and beam size give the fluence",
    "-sourcefile a -divsteps 3": "-sourcefile replaces the divergence and dispersion: no effect of -divsteps",
    "-distance 80 -close_distance 70": "-distance has no effect: the close distance, 70 mm, wins over it",
    "-adc -5": "-adc -5: the noise image has no lower limit",
    "-adc 65535": "-adc 65535: beyond 16 bits: every pixel of the integer image and the noise image becomes 65535",
    "-adc 7e4 -nonoise": "-adc 7e4: beyond 16 bits: every pixel of the integer image becomes 65535",
    "-hdiv 0 -divergence 5": "-hdiv 0 has no effect: nanoBragg has no such option, and another one sets the divergence",
}
PLAIN = {
    "-lambda 1 -energy 12000": "-lambda 1 has no effect: -energy 12000 comes after it",
    "-energy 12000 -lambda 1": "-energy 12000 has no effect: -lambda 1 comes after it",
    "-cell 50 -cell 40 50 60": "-cell 50 has no effect: -cell 40 50 60 comes after it",
    "-N 3 -cell 50 -N 4": "-N 3 has no effect: -N 4 comes after it",
    "-Na 3 -N 4": "-Na 3 has no effect: -N 4 comes after it",
    "-hdivrange 2 -divergence 4": "-hdivrange 2 has no effect: -divergence 4 comes after it",
    "-round_xtal -gauss_xtal": "-round_xtal has no effect: -gauss_xtal comes after it",
    "-nopgm -pgmscale 3": "-nopgm has no effect: -pgmscale 3 comes after it",
    "-Xbeam 5 -Xbeam 6": "-Xbeam 5 has no effect: -Xbeam 6 comes after it",
    "-noisefile a -noisefile b": "-noisefile a has no effect: -noisefile b comes after it",
    "-misset random -misset 1 2 3": "-misset random has no effect: -misset 1 2 3 comes after it",
    "-hkl a -hkl b": "-hkl a has no effect: -hkl b comes after it",
    "-misset 1 2 3 -misset random": "-misset 1 2 3 has no effect: -misset random comes after it",
    "-misset 1 2 3 -misset 4 5 6": "-misset 1 2 3 has no effect: -misset 4 5 6 comes after it",
    "-detector_thick 300 -detector_abs inf": "-detector_thick 300 has no effect: -detector_abs inf comes after it",
    "--threads 2 --threads 3": "--threads 2 has no effect: --threads 3 comes after it",
    "-polar_vector 0 1 0 -polar_vector 0 0 1": "-polar_vector 0 1 0 has no effect: -polar_vector 0 0 1 comes after it",
    "-spindle_axis 0 1 0 -Ybeam 7": "-spindle_axis chooses the custom convention: -Xbeam is along fast and -Ybeam",
    "-twotheta 5 -spindle_axis 0 1 0": "-spindle_axis chooses the custom convention: the two-theta axis is 0 1 0",
    "-adxv -xds": "the later -xds counts: no effect of -adxv",
    "-N 5 -xtalsize 0.01": "number of cells: the size of the crystal replaces 5 along a by",
    "-N 0": "number of cells: 0 along a, 0 along b, 0 along c: one cell is simulated",
    "-pivot sample": "-pivot has no effect in the mosflm convention",
    "-detsize 10.04": "detector size along fast: 10.04 mm is made 100 pixels, 10 mm",
    "-roi 5 9999 5 10": "-roi 5 9999 5 10 ends at the last pixel, 1023 10 (fast, slow)",
    "-phisteps 1": "phi: 1 step without an oscillation range is a rotation by 1 degree in headers",
    "-osc 1": "phi: an oscillation without a number of steps is 2 steps, 0.5 degrees apart",
    "-osc 1 --revision main": "the step at a spindle angle of 0 keeps the rotation of the step before it",
    "-mosaic_seed 5": "-mosaic_seed 5 has no effect without a mosaic spread",
    "-mosaic 1 -mosaic_seed -5": "-mosaic_seed -5: a negative seed chooses no numbers of its own",
    "-seed 5 -nonoise": "-seed 5 has no effect: there is no noise image",
    "-seed -5": "-seed -5: a negative seed goes on with the numbers that the mosaic domains left",
    "-polar .5 -nopolar": "-polar .5 has no effect: -nopolar comes after it",
    "-nopolar -polar .5": "-nopolar has no effect: -polar .5 comes after it",
    "-oversample -2": "-oversample -2: negative, which is the automatic one", "-scale -1": "-scale -1: negative, which",
    "-pgmscale -1": "-pgmscale -1: negative, which is the automatic one",
    "-beamsize -1": "-beamsize -1: negative, so no crystal is cut to the beam",
    "-distance 70 -close_distance 70": "-distance has no effect: the close distance, 70 mm, wins over it",
    "-dispersion 1": "dispersion: a range without a number of wavelengths is 2, 1 percent apart, at the ends of the",
    "-hdivrange 1": "horizontal divergence: a range without a number of directions or a step is 2, at the ends of the",
    "-hdiv 0": "-hdiv 0 has no effect: nanoBragg has no such option",
}


#: What else a scene needs; a later option wins.
SCENE = "-cell 50 60 70 -default_F 1 -detpixels 8 -oversample 1 "


def said(text):
    """What is said of a command line: by its words and, where they make a scene, by that."""
    notes = parse(text.split()).notices
    try:
        line = with_headers(parse((SCENE + text).split()))
        check(line)
        made = prepare(line.draft.freeze(), read_inputs(line))
    except (ValueError, OSError):
        return notes
    return [*notes, *scene_notes(((made,),))]


@pytest.mark.parametrize("text", LOUD)
def test_loud(text, few):
    found = [note for note in said(text) if LOUD[text] in note]
    assert found and all(isinstance(note, Loud) and note.isprintable() for note in found)


@pytest.mark.parametrize("text", PLAIN)
def test_plain(text, few):
    found = [note for note in said(text) if PLAIN[text] in note]
    assert found and not any(isinstance(note, Loud) for note in found)


@pytest.mark.parametrize("text", [
    "-cell 50 60 70 -N 5 -default_F 10 -lambda 1 -distance 100 -detpixels 100 -pixel 0.5 -seed 3",
    "-lambda 2 -lambda 2", "-phi 0 -osc 1 -phisteps 5", "-phi 5 -osc 1 -phisteps 5 --revision main",
    "-mosaic 1 -mosaic_dom 20 -mosaic_seed 3", "-flux 1e12 -exposure 2 -beamsize 0.05", "-xtalsize 0.01 -nointerpolate",
    "-hdivrange 1 -hdivsteps 3 -vdivrange 2 -vdivsteps 5", "-dispersion 1 -dispsteps 3", "-xds -ORGX 500 -ORGY 500",
    "-fdet_vector 0 0 1 -Xclose 5 -Yclose 6", "-odet_vector 2 0 0", "-odet_vector 1 0.000 0",
    "-detector_thick 0 -detector_abs inf", "-roi 5 1023 -1 -1", "-printout_pixel 1023 1023", "-detsize 10.0 -pixel 0.1",
    "-N 3 -Na 4", "-xtalsize 0.01 -sample_x 0.02 -interpolate", "-cell 40 50 60 -N 5 -cell 40 50 60",
    "-adc -5 -nonoise", "-distance 100 -twotheta 5", "-noisefile a -nonoise", "-detpixels 0 -detsize 3"])
def test_nothing_to_say(text):
    assert parse(text.split()).notices == []


def test_the_cell_and_the_matrix_share_what_the_remark_says(folder):
    (folder / "a").write_text("0.02 0.001 0\n0 0.025 0.001\n0.0005 0 0.03\n")
    both = prepared("-cell 40 50 60 -mat a -default_F 1 -detpixels 5")
    alone = prepared("-mat a -default_F 1 -detpixels 5")
    assert both.orientation.lengths == pytest.approx([40e-10, 50e-10, 60e-10], rel=1e-12)
    for start in (0, 3, 6):
        one, other = (np.array(p.orientation.direct[start:start + 3]) for p in (both, alone))
        assert one / np.linalg.norm(one) == pytest.approx(other / np.linalg.norm(other), abs=1e-12)


# -- against the scene itself

BASE = "-cell 50 60 70 -hkl few.hkl -detpixels_f 12 -detpixels_s 10 -pixel 1 -oversample 1 -N 4 -lambda 1.1 -seed 1 "
#: Settings of which the scene does not depend on some, and should.
SINGLE = """
    -fudge 0.5, -mosaic_dom 3, -mosaic_seed 5, -osc -2, -density 2, -MW 20, -stol s.txt, -exposure 2, -beamsize 0.02,
    -dispersion -2, -dispsteps 3, -coherent, -hdiv 0, -vdiv 0, -detsize 5, -detsize_f 6, -Xclose 3.5, -Yclose 4.5,
    -ORGX 11, -ORGY 12, -xds, -detector_abs 200, -detector_thicksteps 4, -pivot sample, -xtalsize 0.00005,
    -mosaic 0.5, -phi 4, -osc 2, -phistep 0.5, -water 3, -default_F 7, -interpolate, -lambda 1.3, -energy 10000,
    -fluence 1e20, -flux 1e12, -polar 0.7, -nopolar, -divergence 3, -hdivstep 1, -hdivsteps 2, -dmin 3, -distance 60,
    -distance -60, -Xbeam 3, -Ybeam 4, -detector_rotx 3, -twotheta 6, -curved_det, -point_pixel, -detector_thick 300,
    -beam_vector 1 .1 0, -oversample 2, -oversample_thick, -roi 1 5 2 6, -misset 1 2 3, -Na 9, -round_xtal,
    -phisteps 3, -dmin -3, -close_distance 70""".replace("\n    ", " ").strip().split(", ")


def prepared(text):
    line = with_headers(parse(text.split()))
    check(line)
    factors = read_inputs(line)
    return prepare(line.draft.freeze(), factors)


def bits(value):
    if isinstance(value, np.ndarray):
        return value.tobytes()
    return tuple(map(bits, value)) if isinstance(value, tuple) else repr(value)


@pytest.fixture
def few(folder):
    (folder / "few.hkl").write_text("".join(f"{h} {k} {l} {10 + h * 3 + k + l / 2}\n" for h in range(-3, 4)
                                            for k in range(-3, 4) for l in range(-3, 4)))
    (folder / "s.txt").write_text("0 1\n")


def test_what_changes_no_scene_is_named(few):
    def scene(text):
        made = prepared(text)
        return bits(tuple(made.scene)), tuple(made.window), made.interpolating

    base, silent = scene(BASE), 0
    for text in SINGLE:
        if scene(BASE + text) == base:
            silent += 1
            # in its own words, or those of the scene
            assert len(said(BASE + text)) > len(said(BASE)), text
    assert 20 < silent < len(SINGLE) - 20


OPTIONS = st.lists(st.sampled_from([text.split() for text in SINGLE if "stol" not in text]
                                   + [["-N", "5"], ["-Nb", "6"], ["-cell", "40"], ["-nopgm"], ["-pgmscale", "2"]]),
                   max_size=7)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(OPTIONS)
def test_overridden_options_can_be_left_out(options):
    uses = option_uses([word for words in options for word in words])

    def entered(chosen):
        line = CommandLine()
        for use in chosen:
            use.option.apply(line, use)
        return [repr(getattr(part, name)) for part in (line.draft, line.files, line.outputs, line)
                for name in part.__slots__ if name not in ("draft", "files", "outputs")]

    for use, later in overridden(uses, CommandLine):
        order = [id(other) for other in uses]
        assert order.index(id(use)) < order.index(id(later))
        assert entered(uses) == entered([other for other in uses if other is not use])
