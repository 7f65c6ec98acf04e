"""What a detector makes of mean photons, pixel by pixel: photons that are counted, and numbers that are stored.

Every random number is drawn for (seed, stage, frame, panel, slow, fast): where a pixel lies in a region or a part of an
image makes no difference.  No function of a library is called, so that the bits are the same on every processor.
"""

import math
from typing import NamedTuple

from numba.extending import register_jitable
import numpy as np

from ..compile.compilation import jit
from .draws import CALIBRATION, COUNTING, DEAD, FLICKER, GAIN_STAGE, HOT, READOUT, draw
from .normal import normal
from .poisson import count

__all__ = ["ADC_BITS", "DEAD_PIXEL", "GAIN_BITS", "GAP_PIXEL", "HOT_PIXEL", "Key", "LARGEST_ADC", "Numbers", "Shadow",
           "expose", "flicker_factor", "photons_of", "pixel_kinds", "store"]

shared = register_jitable(error_model="numpy")

#: What a pixel is that is no ordinary one.
GAP_PIXEL, DEAD_PIXEL, HOT_PIXEL = 1, 2, 3

#: Bits of a converter behind three gains, and what is above them for each gain.
ADC_BITS, GAIN_BITS = 14, (0, 1, 3)
LARGEST_ADC = 2 ** ADC_BITS - 1


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
def _in_gap(shadow, slow, fast):
    if shadow.module_fast == 0:
        return False
    return (fast % (shadow.module_fast + shadow.gap_fast) >= shadow.module_fast
            or slow % (shadow.module_slow + shadow.gap_slow) >= shadow.module_slow)


@shared
def _shaded(shadow, slow, fast):
    """Whether the middle of a pixel lies in the shadow of the beamstop."""
    if shadow.radius < 0.0:
        return False
    x, y = fast + 0.5 - shadow.centre_fast, slow + 0.5 - shadow.centre_slow
    return x * x + y * y <= shadow.radius * shadow.radius


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
    for i in range(out.shape[0]):
        row = place[0] + i
        for j in range(out.shape[1]):
            column = place[1] + j
            light = 0.0
            if 0 <= row < image.shape[0] and 0 <= column < image.shape[1]:
                slow, fast = row + origin[0], column + origin[1]
                mean = np.float64(image[row, column]) * factor
                if mean > 0.0 and not _in_gap(shadow, slow, fast) and not _shaded(shadow, slow, fast):
                    light = mean
                    if counting:
                        light = count(mean, draw(key.seed, COUNTING, key.frame, key.panel, slow, fast))
                    if calibration > 0.0:
                        g = normal(draw(key.detector_seed, CALIBRATION, 0, key.panel, slow, fast))
                        light *= max(0.0, 1.0 + calibration * g)
            out[i, j] = light


@shared
def _threshold(fraction):
    """How many of the 2^53 draws a fraction is."""
    return np.uint64(fraction * 9007199254740992.0)


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
    dead_below, hot_below = _threshold(dead), _threshold(hot)
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            slow, fast = place[0] + i, place[1] + j
            kind = 0
            if _in_gap(shadow, slow, fast):
                kind = GAP_PIXEL
            elif dead > 0.0 and np.uint64(draw(key.detector_seed, DEAD, 0, key.panel, slow, fast)) < dead_below:
                kind = DEAD_PIXEL
            elif hot > 0.0 and np.uint64(draw(key.detector_seed, HOT, 0, key.panel, slow, fast)) < hot_below:
                kind = HOT_PIXEL
            out[i, j] = kind


@shared
def _stage(numbers, light):
    """Which of three gains a pixel switches to."""
    return 0 if light <= numbers.switches[0] else 1 if light <= numbers.switches[1] else 2


@shared
def _converted(numbers, stage, light, g):
    """What the converter behind one of three gains says: a whole number of 14 bits."""
    adu = numbers.pedestals[stage] + numbers.gains[stage] * (light + numbers.noises[stage] * g)
    return min(max(math.floor(adu + 0.5), 0.0), float(LARGEST_ADC))


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
    return math.floor((adc - numbers.pedestals[stage]) / numbers.gains[stage] + 0.5)


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
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            kind = kinds[i, j]
            if kind == GAP_PIXEL or kind == DEAD_PIXEL:
                out[i, j] = np.int64(numbers.masked)
                continue
            if kind == HOT_PIXEL:
                out[i, j] = np.int64(numbers.hot)
                continue
            slow, fast = place[0] + i, place[1] + j
            if numbers.three_gains:
                value = _three_gains(numbers, light[i, j], normal(
                    draw(key.seed, GAIN_STAGE, key.frame, key.panel, slow, fast)))
            else:
                value = light[i, j] * numbers.gain
                if numbers.readout > 0.0:
                    value += numbers.readout * normal(draw(key.seed, READOUT, key.frame, key.panel, slow, fast))
                value = math.floor(value + numbers.offset + 0.5)
            out[i, j] = np.int64(min(max(value, numbers.least), numbers.largest))


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
