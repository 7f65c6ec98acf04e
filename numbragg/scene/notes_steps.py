"""Notes on numbers of steps that are not those that were asked for: spindle, mosaic domains, divergence, dispersion."""

from ..notes import Loud
from .revisions import revision_rules
from .units import to_degrees, to_percent

__all__ = ["step_notes"]

#: Steps of the spindle and their range agree to this fraction.
ROUNDING = 1e-9


def step_notes(prepared):
    """Notes on the steps of a prepared scene, as an iterator; see `numbragg.scene.notes.scene_notes`."""
    crystal, beam = prepared.request.crystal, prepared.request.beam
    yield from _phi(crystal, prepared.counts)
    yield from _zero_angle(prepared)
    yield from _mosaic(crystal)
    if beam.sources is None:
        horizontal = beam.divergence_h_steps, beam.divergence_h, beam.divergence_h_step
        vertical = beam.divergence_v_steps, beam.divergence_v, beam.divergence_v_step
        for name, asked, made in (("horizontal divergence", horizontal, prepared.counts.divergence_h),
                                  ("vertical divergence", vertical, prepared.counts.divergence_v)):
            yield from _divergence(name, *asked)
            yield from _directions(name, asked, made)
        yield from _dispersion(beam)


def _phi(crystal, counts):
    asked, osc, step = crystal.phi_steps, crystal.oscillation, crystal.phi_step
    if asked < 0:
        if osc == 0.0 and counts.phi_steps == 2:
            also = "; the background of water, divided by both, is halved" if crystal.water_size > 0.0 else ""
            yield Loud(f"phi: an oscillation of 0 makes 2 steps at one angle, as in nanoBragg{also}")
        elif osc > 0.0 and not step > 0.0:
            yield (f"phi: an oscillation without a number of steps is 2 steps, {to_degrees(osc / 2.0):g} degrees apart,"
                   " as in nanoBragg")
        elif osc > 0.0 and abs(counts.phi_steps * step - osc) > ROUNDING * osc:
            yield Loud(f"phi: {counts.phi_steps} steps of {to_degrees(step):g} degrees each are not the oscillation of"
                       f" {to_degrees(osc):g} degrees")
    elif osc < 0.0 and step > 0.0:
        if asked != 2:
            yield Loud(f"phi: {asked} steps asked for, 2 simulated: a step without an oscillation range makes 2, as in"
                       " nanoBragg")
    elif osc < 0.0:
        if asked > 1:
            yield Loud(f"phi: {asked} steps without an oscillation range are a rotation by 1 degree, as in nanoBragg")
        else:
            yield "phi: 1 step without an oscillation range is a rotation by 1 degree in headers, as in nanoBragg"
    elif step >= 0.0 and abs(max(asked, 1) * step - osc) > ROUNDING * max(osc, step):
        yield Loud("phi: oscillation, step and number of steps do not agree: the steps are"
                   f" {to_degrees(step):g} degrees apart, whatever the range")


def _zero_angle(prepared):
    """On a revision that does not rotate back; a plain note: whoever names that revision asks for it."""
    asked = prepared.request
    if (asked.crystal.phi_start == 0.0 and prepared.counts.phi_steps > 1 and prepared.counts.phi_step != 0.0
            and revision_rules(asked.revision).zero_angle_keeps_rotation):
        yield (f"phi: the step at a spindle angle of 0 keeps the rotation of the step before it, as in nanoBragg"
               f" {asked.revision}")


def _mosaic(crystal):
    if crystal.mosaic_rotations is not None:
        return
    domains, spread = crystal.mosaic_domains, crystal.mosaic_spread
    if crystal.mosaicity != "cap" and not spread > 0.0:
        yield Loud(f"mosaicity: {crystal.mosaicity} has no effect without a mosaic spread")
    if domains > 1 and not spread > 0.0:
        yield Loud(f"mosaic domains: {domains} asked for, 1 simulated: there is no mosaic spread")
    elif domains == 1 and spread > 0.0 and crystal.mosaicity != "cap":
        yield Loud(f"mosaic domains: 1, which is rotated: a spread of {to_degrees(spread):g} degrees needs many")
    elif domains == 1 and spread > 0.0:
        yield Loud(f"mosaic spread: {to_degrees(spread):g} degrees have no effect: the only domain is not rotated")
    elif domains < 0 and spread > 0.0:
        yield "mosaic domains: 10, as in nanoBragg, where only a spread is given"


def _divergence(name, steps, extent, step):
    if extent < 0.0 and step > 0.0:
        if steps != 2:
            yield Loud(f"{name}: a step without a range is two directions that far apart, whatever their"
                       " number, as in nanoBragg")
    elif extent < 0.0 and steps > 0:
        yield Loud(f"{name}: a number of directions without a range means a range of 1000 mrad, as in"
                   " nanoBragg")
    elif extent > 0.0 and step > extent:
        yield Loud(f"{name}: the step is larger than the range")
    elif extent > 0.0 and steps == 1 and step <= 0.0:
        yield Loud(f"{name}: 1 direction asked for, 2 simulated, at the ends of the range, as in nanoBragg")
    elif extent > 0.0 and steps <= 0 and step <= 0.0:
        yield (f"{name}: a range without a number of directions or a step is 2, at the ends of the range, as in"
               " nanoBragg")
    elif extent == 0.0 and steps > 1:
        yield Loud(f"{name}: {steps} directions asked for, 1 simulated: the range is 0")


def _directions(name, asked, made):
    """On a range and a step: directions start at one end of the range and end where their number has it."""
    steps, extent, step = made
    if not (asked[1] > 0.0 and 0.0 < asked[2] <= extent):
        return
    last = (steps - 1) * step - extent / 2.0
    if abs(last - extent / 2.0) > ROUNDING * extent:
        yield Loud(f"{name}: {steps} directions {1e3 * step:g} mrad apart, from {-500.0 * extent:g} to"
                   f" {1e3 * last:g} mrad: not to the other end of the range, as in nanoBragg")


def _dispersion(beam):
    steps, extent = beam.dispersion_steps, beam.dispersion
    if extent > 0.0 and steps == 1:
        yield Loud("dispersion: 1 wavelength asked for, 2 simulated, at the ends of the range, as in nanoBragg")
    elif extent > 0.0 and steps <= 0:
        yield (f"dispersion: a range without a number of wavelengths is 2, {to_percent(extent):g} percent apart, at"
               " the ends of the range, as in nanoBragg")
    elif steps > 1 and extent == 0.0:
        yield Loud(f"dispersion: {steps} wavelengths asked for, 1 simulated: the range is 0")
