"""What a detector makes of mean photons, pixel by pixel: photons that are counted, and numbers that are stored.

Every random number is drawn for (seed, stage, frame, panel, slow, fast): where a pixel lies in a region or a part of an
image makes no difference.  No function of a library is called, so that the bits are the same on every processor.
"""

import math
from typing import NamedTuple

from numba.extending import register_jitable
import numpy as np

from ..arithmetic.fused import floor
from ..compile.compilation import jit
from ..compile.stack import on_stack
from .draws import CALIBRATION, COUNTING, DEAD, FLICKER, GAIN_STAGE, HOT, READOUT, draw
from .normal import normal, normal_row
from .poisson import count_row

__all__ = ["ADC_BITS", "DEAD_PIXEL", "GAIN_BITS", "GAP_PIXEL", "HOT_PIXEL", "Key", "LARGEST_ADC", "Numbers", "Shadow",
           "expose", "flicker_factor", "photons_of", "pixel_kinds", "store"]

shared = register_jitable(error_model="numpy")

#: What a pixel is that is no ordinary one.
GAP_PIXEL, DEAD_PIXEL, HOT_PIXEL = 1, 2, 3

#: Bits of a converter behind three gains, and what is above them for each gain.
ADC_BITS, GAIN_BITS = 14, (0, 1, 3)
LARGEST_ADC = 2 ** ADC_BITS - 1

#: Normal deviates are drawn for so many pixels of a row at once, by vector code.
_BLOCK = 512


class Key(NamedTuple):
    """Whose random numbers are drawn, but for the pixel."""

    seed: np.uint64
    detector_seed: np.uint64
    frame: int
    panel: int


class Shadow(NamedTuple):
    """Where no light comes: a disc, in pixels from the corner of the panel; gaps between modules."""

    centre_fast: float
    centre_slow: float
    radius: float  # below 0: no disc
    module_fast: int  # 0: no gaps
    module_slow: int
    gap_fast: int
    gap_slow: int


class Numbers(NamedTuple):
    """From light to numbers; all but the first four are those of three gains."""

    gain: float
    readout: float
    offset: float
    three_gains: int  # 0: one gain; 1: three, corrected; 2: three, raw
    gains: tuple  # [ADU/photon]
    pedestals: tuple  # [ADU]
    noises: tuple  # [photons]
    switches: tuple  # [photons]
    least: float
    largest: float
    masked: float
    hot: float


@shared
def _row_in_gap(shadow, slow):
    return shadow.module_fast > 0 and slow % (shadow.module_slow + shadow.gap_slow) >= shadow.module_slow


@shared
def _column_in_gap(shadow, fast):
    return shadow.module_fast > 0 and fast % (shadow.module_fast + shadow.gap_fast) >= shadow.module_fast


@shared
def _cast_shadow(row, slow, fast, shadow):
    """Take the light of pixels of a row that lie in a gap, or whose middle lies in the shadow of the beamstop."""
    if _row_in_gap(shadow, slow):
        row[:] = 0.0
        return
    if shadow.module_fast > 0 and shadow.gap_fast > 0:
        for j in range(row.shape[0]):
            if _column_in_gap(shadow, fast + j):
                row[j] = 0.0
    if shadow.radius >= 0.0:
        y = slow + 0.5 - shadow.centre_slow
        for j in range(row.shape[0]):
            x = fast + j + 0.5 - shadow.centre_fast
            row[j] = 0.0 if x * x + y * y <= shadow.radius * shadow.radius else row[j]


@shared
def _calibrate(row, key, slow, fast, calibration):
    """Multiply light by the map of the detector."""
    g = on_stack(_BLOCK, np.float64)
    for first in range(0, row.shape[0], _BLOCK):
        size = min(_BLOCK, row.shape[0] - first)
        normal_row(g[:size], key.detector_seed, CALIBRATION, 0, key.panel, slow, fast + first)
        for i in range(size):
            row[first + i] *= max(0.0, 1.0 + calibration * g[i])


@jit
def flicker_factor(key, fraction):
    """Strength of the source in a frame: one for all panels and pixels, never below 0."""
    return max(0.0, 1.0 + fraction * normal(draw(key.seed, FLICKER, key.frame, 0, 0, 0)))


@jit
def expose(image, place, origin, key, shadow, how, out):
    """Light of the pixels of a part of a panel, in photons.

    Parameters
    ----------
    image : (slow, fast) float32 or float64 array
        Mean photons; what is below 0, or no number, counts 0.
    place : (int, int)
        First slow and fast pixel of the part in the image; may lie outside, where there is no light.
    origin : (int, int)
        First slow and fast pixel of the image in the panel.
    key : Key
    shadow : Shadow
    how : (float, bool, float)
        Strength of the source; whether photons are counted, or the means are taken; standard deviation of the map of
        the detector.
    out : (rows, columns) float64 array
        Filled.
    """
    factor, counting, calibration = how
    # columns of what is made that lie in the image
    left = min(max(-place[1], 0), out.shape[1])
    right = max(min(image.shape[1] - place[1], out.shape[1]), left)
    fast = place[1] + left + origin[1]
    for i in range(out.shape[0]):
        row, slow = place[0] + i, place[0] + i + origin[0]
        if not 0 <= row < image.shape[0]:
            out[i, :] = 0.0
            continue
        out[i, :left] = 0.0
        out[i, right:] = 0.0
        line = out[i, left:right]
        for j in range(line.shape[0]):
            mean = np.float64(image[row, place[1] + left + j]) * factor
            line[j] = mean if mean > 0.0 else 0.0
        _cast_shadow(line, slow, fast, shadow)
        if counting:
            count_row(line, key.seed, COUNTING, key.frame, key.panel, slow, fast)
        if calibration > 0.0:
            _calibrate(line, key, slow, fast, calibration)


@shared
def _threshold(fraction):
    """How many of the 2^53 draws a fraction is."""
    return np.uint64(fraction * 9007199254740992.0)


@shared
def _mark(row, kind, below, key, stage, slow, fast):
    """Mark the ordinary pixels of a row whose draw is below a limit."""
    numbers = on_stack(_BLOCK, np.uint64)
    for first in range(0, row.shape[0], _BLOCK):
        size = min(_BLOCK, row.shape[0] - first)
        for j in range(size):
            numbers[j] = draw(key.detector_seed, stage, 0, key.panel, slow, fast + first + j)
        for j in range(size):
            if numbers[j] < below and row[first + j] == 0:
                row[first + j] = kind


@jit
def pixel_kinds(place, key, shadow, dead, hot, out):
    """Which pixels of a part of a panel are no ordinary ones, the same in every frame.

    Parameters
    ----------
    place : (int, int)
        First slow and fast pixel in the panel.
    key : Key
    shadow : Shadow
    dead, hot : float
        Fractions.
    out : (rows, columns) uint8 array
        Filled: 0, or what a pixel is.
    """
    for i in range(out.shape[0]):
        row, slow = out[i], place[0] + i
        row[:] = GAP_PIXEL if _row_in_gap(shadow, slow) else 0
        if shadow.module_fast > 0 and shadow.gap_fast > 0:
            for j in range(row.shape[0]):
                if _column_in_gap(shadow, place[1] + j):
                    row[j] = GAP_PIXEL
        if dead > 0.0:
            _mark(row, DEAD_PIXEL, _threshold(dead), key, DEAD, slow, place[1])
        if hot > 0.0:
            _mark(row, HOT_PIXEL, _threshold(hot), key, HOT, slow, place[1])


@shared
def _stage(numbers, light):
    """Which of three gains a pixel switches to."""
    return 0 if light <= numbers.switches[0] else 1 if light <= numbers.switches[1] else 2


@shared
def _converted(numbers, stage, light, g):
    """What the converter behind one of three gains says: a whole number of 14 bits."""
    adu = numbers.pedestals[stage] + numbers.gains[stage] * (light + numbers.noises[stage] * g)
    return min(max(floor(adu + 0.5), 0.0), float(LARGEST_ADC))


@shared
def _three_gains(numbers, light, g):
    stage = _stage(numbers, light)
    adc = _converted(numbers, stage, light, g)
    if numbers.three_gains == 2:
        return adc + 16384.0 * GAIN_BITS[stage]
    # where the least gain has no more to give
    ends = 0.0 if numbers.gains[2] < 0.0 else float(LARGEST_ADC)
    if stage == 2 and adc == ends:
        return numbers.largest
    return floor((adc - numbers.pedestals[stage]) / numbers.gains[stage] + 0.5)


@shared
def _store_row(light, g, numbers, kinds, out):
    """As `store`, of pixels of a row, whose normal deviates are drawn."""
    if numbers.three_gains:
        for j in range(out.shape[0]):
            out[j] = np.int64(min(max(_three_gains(numbers, light[j], g[j]), numbers.least), numbers.largest))
    else:
        for j in range(out.shape[0]):
            value = floor(light[j] * numbers.gain + numbers.readout * g[j] + numbers.offset + 0.5)
            out[j] = np.int64(min(max(value, numbers.least), numbers.largest))
    for j in range(out.shape[0]):
        if kinds[j]:
            out[j] = np.int64(numbers.hot if kinds[j] == HOT_PIXEL else numbers.masked)


@jit
def store(light, place, key, numbers, kinds, out):
    """The numbers that are stored of the pixels of a part of a panel.

    Parameters
    ----------
    light : (rows, columns) float64 array
        Photons, as they have spread.
    place : (int, int)
        First slow and fast pixel in the panel.
    key : Key
    numbers : Numbers
    kinds : (rows, columns) uint8 array
        As `pixel_kinds` has them.
    out : (rows, columns) int64 array
        Filled.
    """
    g = on_stack(_BLOCK, np.float64)
    g[:] = 0.0
    noisy = numbers.three_gains or numbers.readout > 0.0
    stage = GAIN_STAGE if numbers.three_gains else READOUT
    for i in range(out.shape[0]):
        for first in range(0, out.shape[1], _BLOCK):
            size = min(_BLOCK, out.shape[1] - first)
            if noisy:
                normal_row(g[:size], key.seed, stage, key.frame, key.panel, place[0] + i, place[1] + first)
            _store_row(light[i, first:first + size], g, numbers, kinds[i, first:first + size],
                       out[i, first:first + size])


@jit
def photons_of(raw, gains, pedestals, out):
    """Photons of raw numbers behind three gains, not rounded.

    Parameters
    ----------
    raw : (n,) uint16 array
        14 bits of the converter, 2 of the gain.
    gains, pedestals : (3,) float64 array
        [ADU/photon] and [ADU].
    out : (n,) float64 array
        Filled; NaN where the gain's bits are of none.
    """
    for i in range(raw.shape[0]):
        bits, adc = raw[i] >> 14, raw[i] & LARGEST_ADC
        stage = 0 if bits == 0 else 1 if bits == 1 else 2
        out[i] = math.nan if bits == 2 else (adc - pedestals[stage]) / gains[stage]
