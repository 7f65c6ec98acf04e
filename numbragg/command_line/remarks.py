"""Remarks on a command line: options that have no effect, and surprises that took effect.

They go into the report of a run.  Nothing here changes a setting.
"""

import math

from ..scene.revisions import revision_rules
from ..scene.units import to_degrees, to_mm
from .effects import sets_misset_angles
from .values import quoted

__all__ = ["remarks"]

_NO_EFFECT = ("-coherent", "-density", "-MW", "-stol", "-4stol", "-Q", "-stolout")
_VECTORS = ("-beam_vector", "-fdet_vector", "-sdet_vector", "-odet_vector", "-polar_vector",
            "-spindle_axis", "-twotheta_axis", "-pix0_vector")
_SPREADS = ("-divergence", "-hdivrange", "-vdivrange", "-divsteps", "-hdivsteps", "-vdivsteps", "-hdivstep",
            "-vdivstep", "-dispersion", "-dispsteps", "-round_div", "-square_div")


def remarks(line, uses):
    """One-line remarks on a command line.

    Parameters
    ----------
    line : numbragg.command_line.line.CommandLine
        With all options entered.
    uses : list of numbragg.command_line.effects.Use
        The options as given.

    Returns
    -------
    list of str
        In a fixed order, empty where there is nothing to say.
    """
    given = {use.option.name: use for use in uses}  # the last of each
    return [*_inert(line, given), *_orientation(line, uses, given), *_geometry(line, uses, given),
            *_beam(line, given)]


def _inert(line, given):
    for name in _NO_EFFECT:
        if name in given:
            yield f"{given[name].word} has no effect"
    if line.files.sources is not None:
        without = [name for name in _SPREADS if name in given]
        if without:
            yield f"-sourcefile replaces the divergence and dispersion: no effect of {' '.join(without)}"


def _orientation(line, uses, given):
    p = line.draft
    last = next((use for use in reversed(uses) if use.option.name == "-misset"
                 or use.option.name == "-misset_seed" and sets_misset_angles(use)), None)
    if last is not None and last.option.name == "-misset_seed":
        angles = " ".join(f"{to_degrees(angle):g}" for angle in p.misset_angles)
        words = " ".join(map(quoted, last.following))
        yield f"{last.word} also sets the misset angles to {angles} degrees, from the words {words}"
    if p.misset == "random" and p.misset_seed is None:
        yield "-misset random without -misset_seed takes its seed from the clock (-seed is for the noise)"


def _geometry(line, uses, given):
    p = line.draft
    if "-pix0_vector" in given:
        yield "-pix0_vector only selects the custom convention: the vector itself is not used"
    last = next((use for use in reversed(uses) if use.option.name in ("-twotheta", "-twotheta_axis")), None)
    if last is not None and last.option.name == "-twotheta_axis" and (p.twotheta or "-twotheta" in given):
        yield (f"{last.word} also sets two-theta to {to_degrees(p.twotheta):g} degrees, its first"
               " number (give -twotheta after it)")
    if not math.isnan(p.close_distance) and "-distance" in given:
        yield (f"{given['-distance'].word} has no effect: the close distance,"
               f" {to_mm(p.close_distance):g} mm, wins over it")
    if p.convention != "custom":
        if "-pivot" in given:
            yield f"-pivot has no effect in the {p.convention} convention"
        without = [name for name in _VECTORS if name in given]
        if without:
            yield f"the later -{p.convention} resets all axes: no effect of {' '.join(without)}"
    curved = [use for use in uses if use.option.name == "-curved_det"]
    if revision_rules(p.revision).ignores_last_curved_det and curved and not curved[0].following:
        yield (f"{curved[0].word} is the last word: nanoBragg {p.revision} would ignore it there, numbragg curves the"
               " detector")
    for name, counts in (("-detsize", (p.pixels_f, p.pixels_s)), ("-detsize_f", (p.pixels_f,)),
                         ("-detsize_s", (p.pixels_s,))):
        if name in given and all(counts):
            yield f"{name} has no effect: the number of pixels is given"


def _beam(line, given):
    p = line.draft
    if "-flux" in given and p.flux != 0.0 and not (p.exposure > 0.0 and p.beam_size >= 0.0):
        yield "-flux has no effect: the exposure is not positive or the beam size negative"
    if p.oversample_polar and p.unpolarised_factor:
        yield "-nopolar has no effect: -oversample_polar computes the polarisation factor anyway"
