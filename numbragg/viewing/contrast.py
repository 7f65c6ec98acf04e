"""Which values are darkest and brightest: given, or percentiles of what was measured."""

from __future__ import annotations

import math

import numpy as np

__all__ = ["SCALES", "contrast", "counting"]

SCALES = ("linear", "sqrt", "log")
#: Without words: from zero, or the darkest where that is not the least, to the brightest part of a pixel in a thousand.
_PERCENTILE = 99.9


def counting(seen, panel, image):
    """Pixels that were measured: neither masked nor marked nor no number, a (slow, fast) bool array."""
    good = np.isfinite(image) if image.dtype.kind == "f" else np.ones(image.shape, bool)
    if panel.mask is not None:
        good &= np.asarray(panel.mask) != 0
    if seen.marked is not None:
        good &= image != seen.marked
    if seen.least is not None:
        good &= image >= seen.least
    return good


def contrast(seen, asked=None):
    """Lowest and highest value of the colours.

    Parameters
    ----------
    seen : numbragg.viewing.scene.Seen
    asked : tuple of two (float, bool) or None
        A number, and whether it is a percentile of the first frame.

    Returns
    -------
    (float, float)

    Raises
    ------
    ValueError
        The low one is not below the high one.
    """
    first = seen.frames[0].images
    measured = None
    if asked is None or any(percent for _, percent in asked):
        parts = [image[counting(seen, panel, image)] for panel, image in zip(seen.panels, first)]
        measured = np.concatenate(parts) if parts else np.zeros(0)
    if asked is None:
        bright = measured[measured > 0]
        high = float(np.percentile(bright, _PERCENTILE)) if bright.size else 1.0
        return 0.0, high
    low, high = (_percentile(measured, number) if percent else number for number, percent in asked)
    if not low < high or not math.isfinite(high - low):
        raise ValueError(f"contrast: from {low:g} to {high:g}: the first must be below the second")
    return low, high


def _percentile(measured, share):
    # between numbers that are too far apart for their difference
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.percentile(measured, share)) if measured.size else share / 100.0
