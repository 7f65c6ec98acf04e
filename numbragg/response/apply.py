"""A response applied to images: in parts of a panel, on threads, in little memory.

Parts lie on a grid that begins at the corner of the panel, whatever the region or the number of threads, so that
Fourier transforms, too, are of the same numbers.  Light that spreads into a part from around it is drawn again there,
by the same keys.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .. import memory
from ..configs.checks import entries, optional, positive, whole
from ..io.literals import INT_MAX
from ..kernels.detector import response as kernels
from ..kernels.detector.point_spread import spread
from ..kernels.drive.crew import Crew, available_threads
from ..scene.draws import LARGEST_SEED
from ..scene.pixels import region

__all__ = ["apply", "mask"]

#: Pixels of a part without a point spread, about: whole rows.
_PART_PIXELS = 1 << 17
#: Edge of a part whose light is summed up directly.
_DIRECT_EDGE = 256
#: Edges of Fourier transforms, powers of two.
_LEAST_EDGE, _LARGEST_EDGE = 256, 4096
#: Part of its edge that light may come from beyond a part on each side.
_SHARE = 8

_FRAMES, _PANELS, _PIXELS = 2 ** 32 - 1, 2 ** 24 - 1, INT_MAX


class _Part(NamedTuple):
    """Pixels of a panel: rows first..stop-1, columns first..stop-1."""

    rows: tuple[int, int]
    columns: tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class _Work:
    """What all parts of an image have in common."""

    response: Any
    image: Any
    origin: tuple[int, int]  # slow, fast
    key: Any
    shadow: Any
    factor: float
    numbers: Any
    weights: Any  # or None
    transform: Any  # of the weights, or None
    edge: tuple[int, int]  # rows and columns of a part
    made: Any
    first: tuple[int, int]  # slow, fast: the panel's pixel that is the first of what is made


def apply(response: Any, image: Any, *, seed: int, frame: int, panel: int, where: Any,
          threads: int | None) -> Any:
    """As `Response.apply`; `where` is its pixel_mm, roi and origin."""
    pixel_mm, roi, origin = where
    panels = _panels(image)
    if panels is not None:
        if roi is not None:
            raise ValueError("roi: must be None for several panels")
        first = whole("panel", panel, 0, _PANELS)
        return [apply(response, part, seed=seed, frame=frame, panel=first + number,
                      where=(pixel_mm, None, origin), threads=threads) for number, part in enumerate(panels)]
    pixels = _real_image(image)
    fast, slow = (whole("origin", v, 0, _PIXELS) for v in entries("origin", origin, 2, "two whole numbers"))
    wanted = region(roi, pixels.shape)
    key = kernels.Key(np.uint64(whole("seed", seed, 0, LARGEST_SEED)), np.uint64(0), whole("frame", frame, 0, _FRAMES),
                      whole("panel", panel, 0, _PANELS))
    crew = optional(threads, whole, "threads") or available_threads()
    shape = wanted[3] - wanted[2] + 1, wanted[1] - wanted[0] + 1
    work = _work(response, pixels, key, pixel_mm, (slow, fast), (slow + wanted[2], fast + wanted[0]), shape)
    parts = list(_parts(work))
    memory.require(work.made.nbytes + min(crew, len(parts)) * _part_bytes(work),
                   f"image: the counts of {shape[1]} x {shape[0]} pixels")
    Crew(crew).run(lambda part: _fill(work, part), parts)
    return work.made


def mask(response: Any, shape: Sequence[int], panel: int) -> Any:
    """As `Response.mask`."""
    slow, fast = (whole("shape", v, 1) for v in entries("shape", shape, 2, "slow and fast"))
    kinds = np.empty((slow, fast), np.uint8)
    _kinds(response, _key(response, kernels.Key(np.uint64(0), np.uint64(0), 0, whole("panel", panel, 0, _PANELS)),
                          "defects"), (0, 0), kinds)
    return ((kinds != kernels.GAP_PIXEL) & (kinds != kernels.DEAD_PIXEL)).astype(np.uint8)


def _panels(image: Any) -> list[Any] | None:
    """The images of several panels; None of one."""
    if isinstance(image, np.ndarray):
        return list(image) if image.ndim == 3 else None
    if isinstance(image, (list, tuple)) and image and all(np.ndim(part) == 2 for part in image):
        return list(image)
    return None


def _real_image(image: Any) -> Any:
    """An array that kernels take: float32 or float64."""
    if isinstance(image, np.ma.MaskedArray):
        raise ValueError("image: a masked array must be made a plain one first, its masked pixels filled")
    try:
        array = np.asarray(image)
    except ValueError:
        raise ValueError("image: rows of different lengths; must be a two-dimensional array of real numbers") from None
    if array.ndim != 2 or array.dtype.kind not in "fiu" or not array.size:
        raise ValueError(f"image: shape {array.shape}, {array.dtype}; must be a two-dimensional array of real numbers, "
                         "not empty")
    # writeable, although nothing is written: a kernel would be compiled anew for read-only arrays
    return np.require(array, np.float32 if array.dtype == np.float32 else np.float64, ["C", "A", "W"])


def _key(response: Any, key: Any, stage: str) -> Any:
    """The key with the seed of the detector that a stage has."""
    record = getattr(response, stage)
    return key._replace(detector_seed=np.uint64(0 if record is None else record.detector_seed))


def _work(response: Any, image: Any, key: Any, pixel_mm: Any, origin: Any, first: Any, shape: Any) -> _Work:
    weights = transform = None
    # whole rows of the image
    edge = (max(1, _PART_PIXELS // image.shape[1]), origin[1] + image.shape[1])
    spreading = response.point_spread
    if spreading is not None:
        weights = spreading.weights(_edges_mm(pixel_mm))
        reach = max(weights.shape) // 2
        if spreading.method == "fft":
            size = _LEAST_EDGE
            while size < min(_SHARE * reach, _LARGEST_EDGE):
                size *= 2
            transform = np.fft.rfft2(weights, (size, size))
            edge = size - 2 * reach, size - 2 * reach
        else:
            edge = _DIRECT_EDGE, _DIRECT_EDGE
    factor = 1.0
    if response.flicker_fraction > 0.0:
        factor = kernels.flicker_factor(key, response.flicker_fraction)
    return _Work(response, image, origin, key, _shadow(response, key.panel), factor, _numbers(response), weights,
                 transform, edge, np.empty(shape, response.dtype), first)


def _edges_mm(pixel_mm: Any) -> tuple[float, float]:
    if pixel_mm is None:
        raise ValueError("pixel_mm: None must be the edge of a pixel in mm, for a point spread is in micrometres")
    pair = (pixel_mm,) * 2 if np.ndim(pixel_mm) == 0 else pixel_mm
    fast, slow = (positive("pixel_mm", v, "mm") for v in entries("pixel_mm", pair, 2, "one number, or two"))
    return fast, slow


def _shadow(response: Any, panel: int) -> Any:
    stop, gaps = response.beamstop, response.gaps
    if stop is None or stop.panel != panel:
        disc = (0.0, 0.0, -1.0)
    else:
        disc = (*stop.centre_pixels, stop.radius_pixels)
    return kernels.Shadow(*disc, *((0,) * 4 if gaps is None else (*gaps.module_pixels, *gaps.gap_pixels)))


def _numbers(response: Any) -> Any:
    stages, defects = response.gain_stages, response.defects
    zeros = (0.0, 0.0, 0.0)
    three = (0, zeros, zeros, zeros, (0.0, 0.0)) if stages is None else (
        2 if response.raw else 1, stages.gains_adu_per_photon, stages.pedestals_adu, stages.noises_photons,
        stages.switches_photons)
    largest = float(response.saturation)
    hot = largest if defects is None or defects.hot_adu is None else min(max(defects.hot_adu, response.least), largest)
    return kernels.Numbers(response.gain_adu_per_photon, response.readout_adu, response.offset_adu, *three,
                           float(response.least), largest, float(response.masked_value), float(round(hot)))


def _parts(work: _Work) -> Iterator[_Part]:
    """Parts that what is made lies in, cut to it."""
    ends = [first + size for first, size in zip(work.first, work.made.shape)]
    for row in range(work.first[0] // work.edge[0] * work.edge[0], ends[0], work.edge[0]):
        for column in range(work.first[1] // work.edge[1] * work.edge[1], ends[1], work.edge[1]):
            yield _Part((row, row + work.edge[0]), (column, column + work.edge[1]))


def _part_bytes(work: _Work) -> int:
    """Bytes that a thread needs for a part: light, kinds and numbers of its pixels; and what transforms are made of."""
    rows, columns = (min(edge, size) for edge, size in zip(work.edge, work.made.shape))
    needed = 17 * rows * columns
    if work.transform is not None:
        needed += 40 * work.transform.shape[0] ** 2
    elif work.weights is not None:
        needed += 8 * (rows + work.weights.shape[0]) * (columns + work.weights.shape[1])
    return needed


def _kinds(response: Any, key: Any, place: tuple[int, int], out: Any) -> None:
    """Gaps, dead and hot pixels of a part."""
    defects = response.defects
    dead, hot = (0.0, 0.0) if defects is None else (defects.dead_fraction, defects.hot_fraction)
    kernels.pixel_kinds(place, key, _shadow(response, key.panel), dead, hot, out)
    for panel, fast, slow in () if defects is None else defects.dead_pixels:
        row, column = slow - place[0], fast - place[1]
        if panel == key.panel and 0 <= row < out.shape[0] and 0 <= column < out.shape[1] and (
                out[row, column] != kernels.GAP_PIXEL):
            out[row, column] = kernels.DEAD_PIXEL


def _fill(work: _Work, part: _Part) -> None:
    """Make the counts of a part, as far as they are wanted."""
    # what is wanted of it
    rows, columns = ((max(ends[0], first), min(ends[1], first + size)) for ends, first, size in zip(
        part, work.first, work.made.shape))
    light = _light(work, part, rows, columns)
    place = rows[0], columns[0]
    kinds = np.empty(light.shape, np.uint8)
    _kinds(work.response, _key(work.response, work.key, "defects"), place, kinds)
    numbers = np.empty(light.shape, np.int64)
    kernels.store(light, place, work.key, work.numbers, kinds, numbers)
    top, left = place[0] - work.first[0], place[1] - work.first[1]
    work.made[top:top + light.shape[0], left:left + light.shape[1]] = numbers


def _light(work: _Work, part: _Part, rows: tuple[int, int], columns: tuple[int, int]) -> Any:
    """Light of the pixels of a part that are wanted, as it has spread."""
    if work.weights is None:
        return _exposed(work, rows, columns)
    down, across = (size // 2 for size in work.weights.shape)
    if work.transform is None:
        around = _exposed(work, (rows[0] - down, rows[1] + down), (columns[0] - across, columns[1] + across))
        made = np.empty((rows[1] - rows[0], columns[1] - columns[0]))
        spread(around, work.weights, made)
        return made
    # all of the part whatever is wanted, so that a transform is always of the same numbers
    reach = max(down, across)
    size = work.transform.shape[0]
    top, left = part.rows[0] - reach, part.columns[0] - reach
    around = _exposed(work, (top, top + size), (left, left + size))
    spectrum = np.fft.rfft2(around)
    del around
    spectrum *= work.transform
    made = np.fft.irfft2(spectrum, (size, size))
    # the weights' middle is not at their corner
    top, left = top - down, left - across
    return np.ascontiguousarray(made[rows[0] - top:rows[1] - top, columns[0] - left:columns[1] - left])


def _exposed(work: _Work, rows: tuple[int, int], columns: tuple[int, int]) -> Any:
    """Light of rows and columns of the panel, before it spreads."""
    response = work.response
    made = np.empty((rows[1] - rows[0], columns[1] - columns[0]))
    key = _key(response, work.key, "calibration")
    calibration = 0.0 if response.calibration is None else response.calibration.fraction
    kernels.expose(work.image, (rows[0] - work.origin[0], columns[0] - work.origin[1]), work.origin, key, work.shadow,
                   (work.factor, response.counting, calibration), made)
    return made
