"""Remarks on options of steps (spindle, mosaic domains, divergence, dispersion) that do not say what they seem to.

What becomes of the numbers themselves is in `numbragg.scene.notes_steps`, for both front ends.
"""

from ..notes import Loud

__all__ = ["step_remarks"]

#: Ranges, steps and numbers for which a negative value means that nothing was given.
_UNSET_IF_NEGATIVE = ("-osc", "-phistep", "-phisteps", "-divergence", "-hdivrange", "-vdivrange", "-hdivstep",
                      "-vdivstep", "-divsteps", "-hdivsteps", "-vdivsteps", "-dispersion", "-dispsteps", "-mosaic",
                      "-mosaic_dom", "-detector_abs", "-detector_thicksteps")
#: Numbers that are chosen automatically where they are not positive.
_AUTOMATIC_IF_NEGATIVE = ("-oversample", "-scale", "-pgmscale")


def step_remarks(line, given):
    """Remarks as `numbragg.command_line.remarks.remarks` makes them.

    Parameters
    ----------
    line : numbragg.command_line.line.CommandLine
    given : dict
        The last use of each option, by its name.

    Returns
    -------
    list of str
    """
    return [*_negative(given), *_mosaic(line, given)]


def _negative(given):
    for name in _UNSET_IF_NEGATIVE:
        if name in given and given[name].values[0] < 0:
            yield Loud(f"{given[name].said}: negative, which counts as not given")
    for name in _AUTOMATIC_IF_NEGATIVE:
        if name in given and given[name].values[0] < 0:
            yield f"{given[name].said}: negative, which is the automatic one"


def _mosaic(line, given):
    p = line.draft
    if "-mosaic_seed" in given:
        if not p.mosaic_spread > 0.0:
            yield f"{given['-mosaic_seed'].said} has no effect without a mosaic spread (-mosaic)"
        elif p.mosaic_seed < 0 and p.mosaicity == "cap":
            yield f"{given['-mosaic_seed'].said}: a negative seed chooses no numbers of its own"
