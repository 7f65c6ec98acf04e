"""Remarks on a command line: options that have no effect, and surprises that took effect.

They go into the report of a run.  Nothing here changes a setting.  What holds for the scene, whichever front end it
comes from, is in `numbragg.scene.notes`.  A remark is `numbragg.notes.Loud` where what is
simulated is not what the words say, and a plain line where they say it twice, or what holds anyway.
"""

from ..notes import Loud, Misleading
from ..scene.pixels import LARGEST_PIXEL
from ..scene.units import to_degrees
from .effects import sets_misset_angles
from .remarks_detector import CONVENTIONS, detector_remarks
from .remarks_steps import step_remarks
from .values import quoted

__all__ = ["remarks"]

_NO_EFFECT = ("-coherent", "-density", "-MW", "-stol", "-4stol", "-Q", "-stolout")
_SPREADS = ("-divergence", "-hdivrange", "-vdivrange", "-divsteps", "-hdivsteps", "-vdivsteps", "-hdivstep",
            "-vdivstep", "-dispersion", "-dispsteps", "-round_div", "-square_div")


def remarks(line, uses, lost=()):
    """One-line remarks on a command line.

    Parameters
    ----------
    line : numbragg.command_line.line.CommandLine
        With all options entered.
    uses : list of numbragg.command_line.effects.Use
        The options as given.
    lost : sequence of (Use, Use)
        What `numbragg.command_line.overridden` found: options without effect, and the later ones that set the same.

    Returns
    -------
    list of str
        In a fixed order, empty where there is nothing to say.
    """
    given = {use.option.name: use for use in uses}  # the last of each
    return [*_inert(line, given), *_overridden(line, lost), *_orientation(line, uses), *_cell(line, uses, given),
            *detector_remarks(line, uses, given), *_beam(line, given), *step_remarks(line, given),
            *_output(line, given)]


def _inert(line, given):
    p = line.draft
    for name in _NO_EFFECT:
        if name in given:
            yield Loud(f"{given[name].word} has no effect")
    spread = line.files.sources is not None or max(
        p.divergence_h, p.divergence_v, p.divergence_h_step, p.divergence_v_step, p.divergence_h_steps - 1,
        p.divergence_v_steps - 1) > 0
    for name in ("-hdiv", "-vdiv"):
        if name in given:
            said = f"{given[name].said} has no effect: nanoBragg has no such option"
            yield Loud(f"{said}, and another one sets the divergence") if spread else said
    if line.files.sources is not None:
        without = [name for name in _SPREADS if name in given]
        if without:
            yield Loud(f"-sourcefile replaces the divergence and dispersion: no effect of {' '.join(without)}")


def _overridden(line, lost):
    for use, later in lost:
        text = f"{use.said} has no effect: {later.said} comes after it"
        if use.option.name == "-pivot" and later.option.name != "-pivot":
            # whoever knows that distances and centres set it would not have given it before them
            if line.draft.convention == "custom":
                yield Loud(f"{text} and sets the pivot")
        elif use.option.name not in CONVENTIONS:  # said with the axes
            yield text


def _orientation(line, uses):
    p = line.draft
    last = next((use for use in reversed(uses) if use.option.name == "-misset"
                 or use.option.name == "-misset_seed" and sets_misset_angles(use)), None)
    if last is not None and last.option.name == "-misset_seed":
        angles = " ".join(f"{to_degrees(angle):g}" for angle in p.misset_angles)
        words = " ".join(map(quoted, last.following))
        yield Loud(f"{last.word} also sets the misset angles to {angles} degrees, from the words {words}")
    if p.misset == "random" and p.misset_seed is None:
        yield "-misset random without -misset_seed takes its seed from the clock (-seed is for the noise)"


def _cell(line, uses, given):
    p = line.draft
    if p.cell_given and line.files.matrix is not None:
        yield Loud(f"{given['-cell'].word} together with {given['-mat'].word}: the lengths of a, b and c are those of"
                   " the cell, their directions those of the matrix")
    cells = [use for use in uses if use.option.name == "-cell"]
    if cells and len(cells[-1].values) < max(len(use.values) for use in cells):
        cell = " ".join(f"{value:g}" for value in (*p.cell_lengths, *map(to_degrees, p.cell_angles)))
        yield Loud(f"{cells[-1].said} leaves what an earlier {cells[0].word} has set behind its last value: {cell}")


def _beam(line, given):
    p = line.draft
    if p.flux != 0.0 and not (p.exposure > 0.0 and p.beam_size >= 0.0):
        yield Loud("-flux has no effect: the exposure is not positive or the beam size negative")
    elif p.flux != 0.0 and "-fluence" in given:
        yield Loud(f"{given['-fluence'].said} has no effect: the flux, exposure and beam size give the fluence")
    if "-polar" in given and p.unpolarised_factor and not p.oversample_polar:
        yield f"{given['-polar'].said} has no effect: {given['-nopolar'].word} comes after it"
    if p.flux == 0.0 and "-exposure" in given:
        yield Loud(f"{given['-exposure'].said} has no effect without -flux")
    if p.flux == 0.0 and p.beam_size < 0.0:
        yield f"{given['-beamsize'].said}: negative, so no crystal is cut to the beam"
    if p.d_min < 0.0:
        yield Loud(f"{given['-dmin'].said}: negative, so there is no limit")


def _output(line, given):
    noise = line.outputs.calculate_noise and line.detector is None
    if not noise and "-seed" in given:
        yield f"{given['-seed'].said} has no effect: there is no noise image"
    elif line.seed == 0:
        yield f"{given['-seed'].said} is the same as -seed 1"
    elif line.seed is not None and line.seed < 0:
        yield f"-seed {line.seed}: a negative seed goes on with the numbers that the mosaic domains left"
    if noise and line.adc_offset < 0.0:
        yield Loud(f"{given['-adc'].said}: the noise image has no lower limit: -1 becomes 65535")
    elif line.detector is None and line.adc_offset >= LARGEST_PIXEL:
        images = "the integer image and the noise image" if noise else "the integer image"
        yield Misleading(f"{given['-adc'].said}: beyond 16 bits: every pixel of {images} becomes 65535")
