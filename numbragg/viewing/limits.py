"""What a look refuses or cannot honour: numbers of files that nothing has, rings that are not on the image."""

from __future__ import annotations

import math

import numpy as np

from ..io.errors import FileFormatError, format_error
from ..notes import Loud

# start-up: rings are made where some are asked for

__all__ = ["LEAST", "MOST", "NoSuchNumber", "check_number", "check_panels", "check_place", "ring_notes"]

#: What is taken for a wavelength [Angstrom], an edge of a pixel or a distance [mm].
LEAST, MOST = 1e-6, 1e6
#: Farther from the sample is no corner of a panel [mm].
_FARTHEST = 1e9


class NoSuchNumber(FileFormatError):
    """A file gives a length that none of an experiment has: sums with it would overflow or vanish."""


def check_number(path, field, value, unit, instead):
    """Refuse a wavelength, an edge of a pixel or a distance that is out of all range.

    Parameters
    ----------
    path, field : str
        Where it stands.
    value : float
    unit : str
    instead : str
        Which option tells another.

    Raises
    ------
    NoSuchNumber
    """
    if not LEAST <= value <= MOST:
        raise _none(path, field, f"{value:g} {unit} must be from {LEAST:g} to {MOST:g}", instead)


def check_place(path, field, place, instead):
    """The same for how far from the beam something is [mm]."""
    if not abs(place) <= _FARTHEST:
        raise _none(path, field, f"{place:g} mm must be at most {_FARTHEST:g} away", instead)


def check_panels(path, panels, instead):
    """The same for the pixels and the places of panels."""
    for number, panel in enumerate(panels):
        name = f"panel {panel.name or number}"
        for vector in (panel.fast_mm, panel.slow_mm):
            check_number(path, f"{name}: edge of a pixel", math.hypot(*vector), "mm", instead)
        for place in panel.origin_mm:
            check_place(path, f"{name}: corner", place, instead)
        normal = np.cross(panel.fast_mm, panel.slow_mm)
        length = math.hypot(*normal)
        if length > 0.0:
            check_number(path, f"{name}: distance", abs(float(np.dot(panel.origin_mm, normal))) / length, "mm", instead)


def _none(path, field, rule, instead):
    return NoSuchNumber(str(format_error(path, f"{field}: {rule} ({instead} tells another)")))


def ring_notes(seen, rings):
    """Notes on rings that were asked for and are not drawn.

    Parameters
    ----------
    seen : numbragg.viewing.scene.Seen
    rings : sequence of float, False or None
        As asked for [Angstrom].
    """
    if not rings:
        return
    if not seen.placed:
        yield Loud("--rings: none is drawn: the image has no geometry (--geometry FILE tells one)")
    elif seen.wavelength_angstrom is None:
        yield Loud("--rings: none is drawn: the wavelength, or how far the detector is, is not known (--wavelength,"
                   " --distance)")
    else:
        from ..results.rings import rings_of

        drawn = rings_of(seen.panels, seen.wavelength_angstrom, rings)
        absent = [label for level, label in zip(drawn.levels, drawn.labels)
                  if not any(squared.min() < level < squared.max() for _, _, squared in drawn.panels)]
        if absent:
            yield Loud(f"--rings: not on the detector: {', '.join(absent)}")
