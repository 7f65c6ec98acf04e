"""Remarks on what a command line says of steps: spindle, mosaic domains, divergence and dispersion."""

from ..notes import Loud
from ..scene.revisions import revision_rules
from ..scene.units import to_degrees

__all__ = ["step_remarks"]

#: Ranges, steps and numbers for which a negative value means that nothing was given.
_UNSET_IF_NEGATIVE = ("-osc", "-phistep", "-phisteps", "-divergence", "-hdivrange", "-vdivrange", "-hdivstep",
                      "-vdivstep", "-divsteps", "-hdivsteps", "-vdivsteps", "-dispersion", "-dispsteps", "-mosaic_dom",
                      "-detector_thicksteps")


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
    return [*_negative(given), *_phi(line, given), *_mosaic(line, given), *_divergence(line, given)]


def _negative(given):
    for name in _UNSET_IF_NEGATIVE:
        if name in given and given[name].values[0] < 0:
            yield Loud(f"{given[name].said}: negative, which counts as not given")


def _phi(line, given):
    p = line.draft
    steps, osc, step = max(p.phi_steps, 1), p.oscillation, p.phi_step
    if p.phi_steps >= 0 and osc < 0.0:
        said = given["-phisteps"].said
        if step > 0.0:
            if steps != 2:
                yield Loud(f"{said} has no effect with -phistep and without -osc: there are two steps")
        else:
            yield (Loud(f"{said} without -osc is a rotation by 1 degree") if steps > 1 else
                   f"{said} without -osc is one step, and a rotation by 1 degree in the headers")
    elif p.phi_steps >= 0 and step >= 0.0 and abs(steps * step - osc) > 1e-9 * max(osc, step):
        yield Loud(f"-osc, -phistep and -phisteps do not agree: the steps are {to_degrees(step):g} degrees apart,"
                   " whatever the range")
    several = p.phi_steps > 1 or p.phi_steps < 0 and (osc > 0.0 or step > 0.0)
    if several and p.phi_start == 0.0 and revision_rules(p.revision).zero_angle_keeps_rotation:
        # a plain line: whoever names that revision asks for it
        yield (f"the step at a spindle angle of 0 keeps the rotation of the step before it, as in nanoBragg"
               f" {p.revision} (--revision fixed, or another -phi)")


def _mosaic(line, given):
    p = line.draft
    if p.mosaic_spread > 0.0 and p.mosaic_domains == 1:
        yield Loud(f"{given['-mosaic'].said} has no effect: the only domain is not rotated (-mosaic_domains)")
    elif p.mosaic_domains > 1 and not p.mosaic_spread > 0.0:
        yield f"{given['-mosaic_dom'].said} has no effect without a mosaic spread (-mosaic)"
    if "-mosaic_seed" in given:
        if not p.mosaic_spread > 0.0:
            yield f"{given['-mosaic_seed'].said} has no effect without a mosaic spread (-mosaic)"
        elif p.mosaic_seed < 0:
            yield f"{given['-mosaic_seed'].said}: a negative seed chooses no numbers of its own"


def _divergence(line, given):
    p = line.draft
    if line.files.sources is not None:
        return
    for axis, name, steps, extent, step in (
            ("horizontal", "-hdivstep", p.divergence_h_steps, p.divergence_h, p.divergence_h_step),
            ("vertical", "-vdivstep", p.divergence_v_steps, p.divergence_v, p.divergence_v_step)):
        if extent < 0.0 and step > 0.0:
            yield Loud(f"{axis} divergence: {given[name].said} [mrad] without a range is two directions that far apart,"
                       " whatever their number")
        elif extent < 0.0 and steps > 0:
            yield Loud(f"{axis} divergence: a number of directions without a range means a range of 1000 mrad")
        elif extent > 0.0 and step > extent:
            yield Loud(f"{axis} divergence: {given[name].said} is larger than the range")
        elif extent > 0.0 and steps == 1 and step <= 0.0:
            yield Loud(f"{axis} divergence: one direction is made two, at the ends of the range")
    if p.dispersion > 0.0 and p.dispersion_steps == 1:
        yield Loud(f"{given['-dispsteps'].said} with a dispersion is made two wavelengths, at the ends of the range")
    if p.dispersion_steps > 1 and p.dispersion == 0.0:
        yield f"{given['-dispsteps'].said} has no effect without -dispersion"
