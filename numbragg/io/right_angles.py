"""Panels for programs that know axes at right angles only: the nearest one, and how far its pixels shift."""

from __future__ import annotations

from dataclasses import replace
import math
from typing import TYPE_CHECKING

from ..kernels.arithmetic.vectors import cross, dot, unit
from ..notes import Misleading

if TYPE_CHECKING:
    from .experiment import Experiment, PanelPlace

__all__ = ["at_right_angles", "nearest"]

#: A smaller cosine between the axes is rounding.
_ROUNDING = 1e-9
#: A smaller shift is not worth a note, a larger one is a warning, in pixels.
_NOTED, _WARNED = 1e-3, 0.1


def nearest(panel: PanelPlace) -> tuple[PanelPlace, float]:
    """The panel with axes at right angles whose corners are nearest to those of another.

    Parameters
    ----------
    panel : io.experiment.PanelPlace

    Returns
    -------
    PanelPlace
        In the same plane, about the same middle.
    float
        By how many pixels its corners are off, at most.

    Notes
    -----
    Sides a and b of the panel become l q and m r, with unit vectors q and r at right angles.  About the middle,
    squares of the shifts of the corners sum up to |a - l q|^2 + |b - m r|^2, which is least where l = a.q, m = b.r and
    (a.q)^2 + (b.r)^2 is greatest.  In the plane, with b turned back by a right angle, that is a quadratic form of q,
    so that q is the first axis of a symmetric matrix.
    """
    if abs(dot(unit(panel.fast_mm)[0], unit(panel.slow_mm)[0])) <= _ROUNDING:
        return panel, 0.0
    fast, slow = panel.pixels
    a, b = tuple(fast * v for v in panel.fast_mm), tuple(slow * v for v in panel.slow_mm)
    x, length = unit(a)
    y = cross(unit(cross(a, b))[0], x)
    p, q = dot(b, x), dot(b, y)
    # twice the angle from x to the new axis
    across, along = -2.0 * p * q, length * length + q * q - p * p
    radius = math.sqrt(across * across + along * along)
    cosine = math.sqrt(0.5 * (1.0 + along / radius))
    sine = across / (2.0 * radius * cosine)
    l, m = length * cosine, q * cosine - p * sine
    new_a = tuple(l * (cosine * u + sine * v) for u, v in zip(x, y))
    new_b = tuple(m * (cosine * v - sine * u) for u, v in zip(x, y))
    half_a, half_b = (tuple(0.5 * (old - new) for old, new in zip(*pair)) for pair in ((a, new_a), (b, new_b)))
    pitch = math.sqrt(min(dot(panel.fast_mm, panel.fast_mm), dot(panel.slow_mm, panel.slow_mm)))
    shift = max(math.sqrt(sum((u + sign * v) ** 2 for u, v in zip(half_a, half_b))) for sign in (1, -1)) / pitch
    return replace(panel, origin_mm=tuple(o + u + v for o, u, v in zip(panel.origin_mm, half_a, half_b)),
                   fast_mm=tuple(v / fast for v in new_a), slow_mm=tuple(v / slow for v in new_b)), shift


def at_right_angles(experiment: Experiment, kind: str) -> tuple[Experiment, tuple[str, ...]]:
    """An experiment whose panels all have axes at right angles, and notes on what that shifts.

    Parameters
    ----------
    experiment : io.experiment.Experiment
    kind : str
        What is written, to begin a note with.

    Returns
    -------
    io.experiment.Experiment
    tuple of str
        None or one.
    """
    found = [nearest(panel) for panel in experiment.panels]
    shifts = [shift for _, shift in found]
    largest = max(shifts)
    if largest == 0.0:
        return experiment, ()
    made = replace(experiment, panels=tuple(panel for panel, _ in found))
    if largest < _NOTED:
        return made, ()
    number = shifts.index(largest)
    where = f"of panel {number} " if len(shifts) > 1 else ""
    note = (f"{kind}: fast and slow {where}are not at right angles, and its readers know no others: written as the "
            f"nearest that are, with pixels shifted by up to {largest:.3g} pixels; a .geom has them as they are")
    return made, (Misleading(note) if largest > _WARNED else note,)
