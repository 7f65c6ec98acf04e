"""The panels of a detector put together by their geometry, to be looked at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import memory
from ..configs.detector import Detector

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..configs.panel import Panel
    from ..io.experiment import PanelPlace

    #: Either has pixels, corner, pitch vectors and mask, here in the frame of files: z along the beam, y up.
    Placed = Panel | PanelPlace

__all__ = ["Assembled", "assemble", "assemble_panels", "seen_at"]

#: Rows of a panel that are placed at once; bounds the memory for their places.
_ROWS = 256


@dataclass(frozen=True, slots=True, eq=False)
class Assembled:
    """A detector as someone sees it who looks along the beam.

    Attributes
    ----------
    image : (rows, columns) float32 array
        The largest pixel at each place; NaN where there is none, and where a mask leaves it out.
    pixel_mm : float
        Edge of a place [mm].
    left_mm, top_mm : float
        The corner of the first place: to the right of the beam, and above it [mm].
    """

    image: NDArray[np.float32]
    pixel_mm: float
    left_mm: float
    top_mm: float


def assemble(image: Any, detector: Detector, *, largest_side: int = 2048) -> Assembled:
    """Put the panels of an image where they are, as seen along the beam.

    Pixels are moved along the beam onto one plane: to be looked at, not to be measured in.  Where several pixels share
    a place, the largest is shown, so that no spot is lost.

    Parameters
    ----------
    image : (panel, slow, fast) array, or list of (slow, fast) arrays
        As `simulate` makes it; of one panel also (slow, fast).
    detector : Detector
        The detector of panels that it was made with.
    largest_side : int, optional
        Places along the longer side at most; fewer where pixels are larger.

    Returns
    -------
    Assembled

    Raises
    ------
    ValueError
        If the detector has no panels, or the image is not one of it.

    Examples
    --------
    >>> import numpy as np, numbragg as nb
    >>> detector = nb.detectors.eiger2_4m(150.0)
    >>> whole = nb.assemble(np.ones(detector.shape, np.float32), detector, largest_side=500)
    >>> whole.image.shape, round(whole.pixel_mm, 3)
    ((433, 414), 0.375)
    """
    seen = detector if detector.convention == "adxv" or detector.panels is None else detector.in_convention("adxv")
    if seen.panels is None:
        raise ValueError("detector: must have panels; an image of one plane is whole")
    panels = tuple(seen.panels)
    return assemble_panels(_images(image, panels), panels, largest_side)


def assemble_panels(images: Sequence[Any], panels: Sequence[Placed], largest_side: int = 2048,
                    kind: Any = np.float32) -> Assembled:
    """The same of panels in the frame of files, and of an image of each; in numbers of another type, if asked for."""
    corners = np.array([seen_at(panel, f, s) for panel in panels for f in (0, panel.pixels[0])
                        for s in (0, panel.pixels[1])])
    (left, bottom), (right, top) = corners.min(axis=0), corners.max(axis=0)
    pitch = min(min(math.hypot(*panel.fast_mm), math.hypot(*panel.slow_mm)) for panel in panels)
    side = max(right - left, top - bottom, pitch)
    pitch *= max(1, math.ceil(side / pitch / largest_side * (1.0 - 1e-9)))
    shape = tuple(max(1, math.ceil(length / pitch * (1.0 - 1e-9))) for length in (top - bottom, right - left))
    memory.require(16 * shape[0] * shape[1], f"detector: a picture of {shape[1]} x {shape[0]} places")
    whole = np.full(shape, -np.inf, dtype=kind)
    for panel, pixels in zip(panels, images):
        _put(whole, panel, pixels, (left, top, pitch))
        _fill(whole, panel, pixels, (left, top, pitch))
    whole[whole == -np.inf] = np.nan
    return Assembled(whole, pitch, left, top)


def _images(image: Any, panels: Sequence[Placed]) -> list[NDArray[np.float32]]:
    images = [image] if len(panels) == 1 and getattr(image, "ndim", 0) == 2 else list(image)
    if len(images) != len(panels):
        raise ValueError(f"image: {len(images)} panels; the detector has {len(panels)}")
    for number, (pixels, panel) in enumerate(zip(images, panels)):
        if np.shape(pixels) != panel.pixels[::-1]:
            raise ValueError(f"image: panel {number} has shape {np.shape(pixels)}; must be {panel.pixels[::-1]}")
    return images


def seen_at(panel: Placed, fast: Any, slow: Any) -> tuple[Any, Any]:
    """Where a point of a panel is: to the right and up [mm]; x is to the left for who looks along the beam."""
    x, y = (o + fast * f + slow * s for o, f, s in zip(panel.origin_mm[:2], panel.fast_mm, panel.slow_mm))
    return -x, y


def _seen(panel: Placed, pixels: Any, first: int, end: int, kind: Any) -> NDArray[Any]:
    """Rows of an image, where there is something to see; -inf elsewhere."""
    rows = np.asarray(pixels[first:end], dtype=kind)
    return rows if panel.mask is None else np.where(np.asarray(panel.mask)[first:end] != 0, rows, -np.inf)


def _put(whole: NDArray[np.float32], panel: Placed, pixels: Any, frame: tuple[float, float, float]) -> None:
    """Every pixel at its place, the largest of several."""
    left, top, pitch = frame
    fast, slow = panel.pixels
    for first in range(0, slow, _ROWS):
        end = min(first + _ROWS, slow)
        right, up = seen_at(panel, np.arange(fast) + 0.5, np.arange(first, end)[:, None] + 0.5)
        column = np.clip(((right - left) / pitch).astype(np.int64), 0, whole.shape[1] - 1)
        row = np.clip(((top - up) / pitch).astype(np.int64), 0, whole.shape[0] - 1)
        np.maximum.at(whole, (row, column), _seen(panel, pixels, first, end, whole.dtype))


def _fill(whole: NDArray[np.float32], panel: Placed, pixels: Any, frame: tuple[float, float, float]) -> None:
    """Places between the pixels of a panel that is turned: each has the pixel in which it lies."""
    left, top, pitch = frame
    (a, b), (c, d) = ((-v[0], v[1]) for v in (panel.fast_mm, panel.slow_mm))
    determinant = a * d - b * c
    if abs(determinant) < 1e-9 * pitch * pitch:
        return  # seen edge on
    right, up = zip(*(seen_at(panel, f, s) for f in (0, panel.pixels[0]) for s in (0, panel.pixels[1])))
    columns = np.arange(*_span(min(right) - left, max(right) - left, pitch, whole.shape[1]))
    rows = np.arange(*_span(top - max(up), top - min(up), pitch, whole.shape[0]))
    for some in np.array_split(rows, max(1, len(rows) // _ROWS)):
        x = left + (columns + 0.5) * pitch + panel.origin_mm[0]
        y = top - (some[:, None] + 0.5) * pitch - panel.origin_mm[1]
        fast, slow = np.floor((d * x - c * y) / determinant), np.floor((a * y - b * x) / determinant)
        inside = (fast >= 0) & (fast < panel.pixels[0]) & (slow >= 0) & (slow < panel.pixels[1])
        row, column = np.nonzero(inside)
        f, s = fast[inside].astype(np.int64), slow[inside].astype(np.int64)
        found = np.asarray(pixels)[s, f].astype(whole.dtype)
        if panel.mask is not None:
            found[np.asarray(panel.mask)[s, f] == 0] = -np.inf
        place = some[row], columns[column]
        whole[place] = np.maximum(whole[place], found)


def _span(first: float, last: float, pitch: float, size: int) -> Iterable[int]:
    return max(0, math.floor(first / pitch)), min(size, math.ceil(last / pitch))
