"""Panels on one grid of pixels as one image with masked gaps, as files of EIGER and PILATUS have it.

What is written of each panel is found here, too: images in the order of the panels of a file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import memory
from ..kernels.arithmetic.vectors import dot

if TYPE_CHECKING:
    from .experiment import Experiment, PanelPlace

__all__ = ["LAYOUTS", "file_images", "one_image", "panel_list"]

#: How several panels lie in a file: as one image of the whole, or one below the other.
LAYOUTS = ("whole", "stacked")

#: Pixels may be so far off the grid, in pixels.
_TOLERANCE = 1e-3
#: Gaps are at most so many times what panels have, or nobody would make one image of them.
_GAPS = 1.0


def one_image(experiment: Experiment, layout: str | None = None) -> Experiment:
    """An experiment whose panels are one with masked gaps, where they lie on one grid of pixels.

    Parameters
    ----------
    experiment : io.experiment.Experiment
    layout : {"whole", "stacked"} or None
        None: one image where that is possible and half of it or more are pixels.

    Returns
    -------
    io.experiment.Experiment
        With one panel and the `tiles` that it is made of; or as it was.

    Raises
    ------
    ValueError
        If there must be one image and there cannot be.
    """
    panels = experiment.panels
    if layout == "stacked" or len(panels) == 1 or experiment.tiles:
        return experiment
    places, problem = _places(panels)
    if problem is None:
        width, height = (max(place[axis] + panel.pixels[axis] for place, panel in zip(places, panels))
                         for axis in (0, 1))
        pixels = sum(panel.pixels[0] * panel.pixels[1] for panel in panels)
        if layout is None and width * height > (1.0 + _GAPS) * pixels:
            return experiment
        memory.require(2 * width * height, f"detector: one image of {width} x {height} pixels")
        mask, problem = _covered(panels, places, (height, width))
    if problem is None:
        corner = places[0]
        first = panels[0]
        origin = tuple(o - corner[0] * f - corner[1] * s
                       for o, f, s in zip(first.origin_mm, first.fast_mm, first.slow_mm))
        whole = replace(first, pixels=(width, height), origin_mm=origin, mask=mask)
        return replace(experiment, panels=(whole,), tiles=tuple((*place, *panel.pixels)
                                                                for place, panel in zip(places, panels)))
    if layout == "whole":
        raise ValueError(f"layout: 'whole' needs panels on one grid of pixels; {problem}")
    return experiment


def _places(panels: Sequence[PanelPlace]) -> tuple[list[tuple[int, int]], str | None]:
    """First fast and slow pixel of each panel in the whole; or what is in the way."""
    first = panels[0]
    fast, slow = first.fast_mm, first.slow_mm
    ff, fs, ss = dot(fast, fast), dot(fast, slow), dot(slow, slow)
    pitch = math.sqrt(min(ff, ss))
    found = []
    for number, panel in enumerate(panels):
        if (panel.thickness_um, panel.material) != (first.thickness_um, first.material):
            return [], f"the sensor of panel {number} is another than that of the first"
        along = [sum(abs(a - b) for a, b in zip(mine, theirs)) for mine, theirs in (
            (panel.fast_mm, fast), (panel.slow_mm, slow))]
        away = tuple(o - p for o, p in zip(panel.origin_mm, first.origin_mm))
        f, s = ((ss * dot(away, fast) - fs * dot(away, slow)) / (ff * ss - fs * fs),
                (ff * dot(away, slow) - fs * dot(away, fast)) / (ff * ss - fs * fs))
        if not max(abs(f), abs(s)) < 2.0 ** 30:
            return [], f"panel {number} is too far from the first"
        place = round(f), round(s)
        rest = tuple(v - place[0] * a - place[1] * b for v, a, b in zip(away, fast, slow))
        off = (math.sqrt(dot(rest, rest)) + along[0] * panel.pixels[0] + along[1] * panel.pixels[1]) / pitch
        if not off <= _TOLERANCE:
            return [], f"pixels of panel {number} are up to {off:.3g} pixels off that of the first"
        found.append(place)
    left, top = (min(place[axis] for place in found) for axis in (0, 1))
    return [(f - left, s - top) for f, s in found], None


def _covered(panels: Sequence[PanelPlace], places: Any, shape: tuple[int, int]) -> tuple[Any, str | None]:
    """The mask of the whole, zero: gaps and what panels leave out; or which panel lies on another."""
    mask, taken = np.zeros(shape, np.uint8), np.zeros(shape, np.bool_)
    for number, (panel, (f, s)) in enumerate(zip(panels, places)):
        where = np.s_[s:s + panel.pixels[1], f:f + panel.pixels[0]]
        if taken[where].any():
            return None, f"panel {number} lies on another one"
        taken[where] = True
        mask[where] = 1 if panel.mask is None else np.asarray(panel.mask) != 0
    return (None if mask.all() else mask), None


def panel_list(image: Any) -> list[Any]:
    """The arrays of an image of one panel or of several."""
    if isinstance(image, np.ndarray):
        return [image] if image.ndim == 2 else list(image)
    parts = list(image)
    # rows of numbers are one panel
    return [np.asarray(parts)] if parts and np.ndim(parts[0]) == 1 else [np.asarray(part) for part in parts]


def file_images(experiment: Experiment, image: Any, holds: Callable[[Any], bool], rule: str) -> list[Any]:
    """Images of the panels of a file, from those that were simulated.

    Parameters
    ----------
    experiment : io.experiment.Experiment
        As `one_image` left it.
    image : (slow, fast) array, or sequence of one for each simulated panel
        Or of the whole, where panels are one image.
    holds : callable
        Whether a file can hold a type.
    rule : str
        Its types in words.

    Returns
    -------
    list of (slow, fast) array
        Gaps of the whole are 0.

    Raises
    ------
    ValueError
        If the image is of another type, or not one of the detector.
    """
    parts = panel_list(image)
    whole = [panel.pixels[::-1] for panel in experiment.panels]
    simulated = [(slow, fast) for _, _, fast, slow in experiment.tiles] or whole
    shapes = [part.shape for part in parts]
    types = {part.dtype for part in parts}
    if shapes not in (simulated, whole) or len(types) != 1 or not all(map(holds, types)):
        found = ", ".join(f"{part.dtype} of shape {part.shape}" for part in parts[:3])
        raise ValueError(f"image: {found} must be {rule} of shape {', '.join(map(str, simulated[:3]))}"
                         + (f" and {len(simulated) - 3} more" if len(simulated) > 3 else ""))
    if shapes == whole:
        return parts
    made = np.zeros(whole[0], parts[0].dtype)
    for (f, s, fast, slow), part in zip(experiment.tiles, parts):
        made[s:s + slow, f:f + fast] = part
    return [made]
