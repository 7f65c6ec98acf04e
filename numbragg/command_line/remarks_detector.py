"""Remarks on what a command line says of the detector: its place, axes, pixels and sensor."""

import math

from ..notes import Loud
from ..scene.centres import CENTRES
from ..scene.pixels import clipped, edge, pixels_along
from ..scene.revisions import revision_rules
from ..scene.units import to_degrees, to_mm

__all__ = ["CONVENTIONS", "detector_remarks"]

_VECTORS = ("-beam_vector", "-fdet_vector", "-sdet_vector", "-odet_vector", "-polar_vector",
            "-spindle_axis", "-twotheta_axis", "-pix0_vector")
#: Options that choose a convention by its name.
CONVENTIONS = ("-mosflm", "-denzo", "-adxv", "-xds", "-dials")
_CENTRE_OPTIONS = {"beam": ("-Xbeam", "-Ybeam"), "close": ("-Xclose", "-Yclose"), "ORG": ("-ORGX", "-ORGY")}
_ROUNDING = 1e-9  # of a length, or a number of pixels: no more than what was given with a few digits


def detector_remarks(line, uses, given):
    """Remarks as `numbragg.command_line.remarks.remarks` makes them.

    Parameters
    ----------
    line : numbragg.command_line.line.CommandLine
    uses : list of numbragg.command_line.effects.Use
    given : dict
        The last use of each option, by its name.

    Returns
    -------
    list of str
    """
    if line.detector is not None:
        return []
    return [*_axes(line, uses, given), *_centre(line, given), *_distance(line, given), *_curved(line, uses),
            *_pixels(line, given), *_sensor(line, given)]


def _turned(p):
    return any((p.rotation_x, p.rotation_y, p.rotation_z, p.twotheta))


def _axes(line, uses, given):
    p = line.draft
    if "-pix0_vector" in given:
        yield Loud("-pix0_vector only selects the custom convention: the vector itself is not used")
    last = next((use for use in reversed(uses) if use.option.name in ("-twotheta", "-twotheta_axis")), None)
    if last is not None and last.option.name == "-twotheta_axis" and (p.twotheta or "-twotheta" in given):
        yield Loud(f"{last.word} also sets two-theta to {to_degrees(p.twotheta):g} degrees, its first"
                   " number (give -twotheta after it)")
    named = [name for name in CONVENTIONS if name in given]
    if p.convention != "custom":
        if "-pivot" in given:
            text = f"-pivot has no effect in the {p.convention} convention"
            yield Loud(text) if _turned(p) else text
        without = [name for name in _VECTORS if name in given]
        if without:
            yield Loud(f"the later -{p.convention} resets all axes: no effect of {' '.join(without)}")
        others = [name for name in named if name != f"-{p.convention}"]
        if others:
            yield f"the later -{p.convention} counts: no effect of {' '.join(others)}"
        return
    vector = next(use.word for use in reversed(uses) if use.option.name in _VECTORS)
    if named:
        yield Loud(f"the later {vector} chooses the custom convention: no effect of {' '.join(named)}")
    if "-Xbeam" in given or "-Ybeam" in given:
        yield f"{vector} chooses the custom convention: -Xbeam is along fast and -Ybeam along slow"
    if p.twotheta and "-twotheta_axis" not in given:
        yield f"{vector} chooses the custom convention: the two-theta axis is 0 1 0"
    if p.twotheta and abs(math.hypot(*p.twotheta_axis) - 1.0) > _ROUNDING:
        yield Loud(f"{given['-twotheta_axis'].said}: not of unit length, which distorts the detector")
    yield from _normal(p, given)


def _normal(p, given):
    """On a normal that is replaced by fast x slow, where that is another direction."""
    length = math.hypot(*p.normal)
    if "-odet_vector" not in given or abs(length - 1.0) < _ROUNDING:
        return
    (fx, fy, fz), (sx, sy, sz) = p.fast_axis, p.slow_axis
    product = (fy * sz - fz * sy, fz * sx - fx * sz, fx * sy - fy * sx)
    size = math.hypot(*product)
    if size > 0.0 and math.dist([v / length for v in p.normal], [v / size for v in product]) > _ROUNDING:
        yield Loud(f"{given['-odet_vector'].said}: not of unit length, so fast x slow is the normal")


def _centre(line, given):
    """On beam centres that the convention does not look at; each axis for itself."""
    p = line.draft
    used = CENTRES[p.convention]
    for kind, names in _CENTRE_OPTIONS.items():
        without = []
        for axis, name in enumerate(names):
            better = any(_CENTRE_OPTIONS[other][axis] in given for other in used[:used.index(kind)]
                         ) if kind in used else True
            if name in given and better:
                without.append(given[name].said)
        if without and kind in used:
            yield Loud(f"{' '.join(without)} has no effect: a better centre is given")
        elif without:
            yield Loud(f"{' '.join(without)} does not move the detector: the {p.convention} convention takes its centre"
                       f" from {' '.join(_CENTRE_OPTIONS[used[0]])}")


def _distance(line, given):
    p = line.draft
    if not math.isnan(p.close_distance) and "-distance" in given:
        text = Loud(f"{given['-distance'].word} has no effect: the close distance, {to_mm(p.close_distance):g} mm, wins"
                    " over it")
        yield str(text) if p.distance == p.close_distance else text
    elif p.distance < 0.0 and math.isnan(p.close_distance):
        yield Loud(f"distance: {to_mm(p.distance):g} mm loses its sign")


def _curved(line, uses):
    p = line.draft
    curved = [use for use in uses if use.option.name == "-curved_det"]
    if curved and not p.curved and revision_rules(p.revision).ignores_last_curved_det:
        yield Loud(f"{curved[-1].word} is the last word: nanoBragg {p.revision} would ignore it there, so the detector"
                   " is flat (give it earlier)")


def _pixels(line, given):
    p = line.draft
    for name, counts in (("-detsize", (p.pixels_f, p.pixels_s)), ("-detsize_f", (p.pixels_f,)),
                         ("-detsize_s", (p.pixels_s,))):
        if name in given and all(counts):
            yield f"{name} has no effect: the number of pixels is given"
    if not 0.0 < p.pixel_size < math.inf:
        return  # refused later
    shape = []
    for axis, count, size in (("slow", p.pixels_s, p.detector_size_s), ("fast", p.pixels_f, p.detector_size_f)):
        shape.append(pixels_along(edge(p.pixel_size, count, size), p.pixel_size))
        if not count and abs(shape[-1] - size / p.pixel_size) > _ROUNDING * shape[-1]:
            yield (f"detector size along {axis}: {to_mm(size):g} mm is made {shape[-1]} pixels,"
                   f" {to_mm(shape[-1] * p.pixel_size):g} mm")
    yield from _beyond(p, given, shape)
    if line.printout_pixel is not None:
        fast, slow = line.printout_pixel
        if not (0 <= fast < shape[1] and 0 <= slow < shape[0]):
            yield Loud(f"{given['-printout_pixel'].said}: there is no such pixel")


def _beyond(p, given, shape):
    if "-roi" not in given or not all(shape):
        return
    fast_min, fast_max, slow_min, slow_max = clipped(p.roi, shape)
    if fast_max < fast_min or slow_max < slow_min:
        yield Loud(f"{given['-roi'].said}: no pixel of the detector lies in it")
    elif p.roi[1] > fast_max or p.roi[3] > slow_max:
        yield f"{given['-roi'].said} ends at the last pixel, {fast_max} {slow_max} (fast, slow)"


def _sensor(line, given):
    if "-oversample_thick" in given and given["-oversample_thick"].words == ["0"]:
        yield Loud(f"{given['-oversample_thick'].said} turns it on: nanoBragg takes no notice of the 0")
