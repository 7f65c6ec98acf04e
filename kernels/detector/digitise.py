"""What is made of a finished float32 image: statistics, the 16-bit image and the 8-bit grey image.

Pixels are visited along rows from the first, which fixes the bits of the sums.  A region of
interest is a tuple of four ints: first and last fast, first and last slow pixel, both ends
included.  Arguments are not checked, but nothing outside the image is touched.
"""

import math
from typing import NamedTuple

from numba.extending import register_jitable
import numpy as np

from ..compile.compilation import jit
from ..stopping import poll

__all__ = ["NO_MASK", "PIECE", "Summary", "clipped", "low_bits", "pieces", "image_statistics", "rms_deviation",
           "image_summary", "integer_image", "grey_image", "digital_images"]

shared = register_jitable(error_model="numpy")

#: Stands for a mask that masks nothing.
NO_MASK = np.zeros((0, 0), dtype=np.bool_)

_INT_MIN = -2147483648


@shared
def clipped(roi, shape):
    """The part of a region of interest that lies in the image, same form; may be empty."""
    return max(roi[0], 0), min(roi[1], shape[1] - 1), max(roi[2], 0), min(roi[3], shape[0] - 1)


@shared
def low_bits(x, mask):
    """Low bits of a double truncated to a 32-bit integer, as x86 does it.

    Infinities, NaN and whatever does not fit become -2**31, the bits of which are zero below the
    highest.
    """
    # the test makes the conversion defined: outside, what the compiler would make of it is open
    if x > -2147483649.0 and x < 2147483648.0:
        return int(x) & mask
    return _INT_MIN & mask


#: Pixels that a kernel takes at a time: a few hundredths of a second, after which signals are heard.
PIECE = 1 << 20


def pieces(roi, shape):
    """The part of a region of interest that lies in the image, in pieces of whole rows, one after the other.

    A signal that asks the process to end is heard between them.
    """
    fast_first, fast_last, slow_first, slow_last = clipped(roi, shape)
    rows = max(1, PIECE // max(fast_last - fast_first + 1, 1))
    for first in range(slow_first, slow_last + 1, rows):
        poll()
        yield fast_first, fast_last, first, min(first + rows - 1, slow_last)


# places of what is found of an image, in the order of `Summary`; then the sum of squared deviations from a mean
_MAXIMUM, _MAXIMUM_SLOW, _MAXIMUM_FAST, _TOTAL, _SQUARES, _COUNT, _MEAN, _DEVIATIONS = range(8)


@shared
def _add_statistics(image, roi, mask, found):
    """Go on with the first six numbers over a region of interest in the image."""
    masked = mask.shape[0] > 0
    maximum, maximum_slow, maximum_fast = found[_MAXIMUM], found[_MAXIMUM_SLOW], found[_MAXIMUM_FAST]
    total, squares, count = found[_TOTAL], found[_SQUARES], found[_COUNT]
    for slow in range(roi[2], roi[3] + 1):
        for fast in range(roi[0], roi[1] + 1):
            if masked and not mask[slow, fast]:
                continue
            pixel = image[slow, fast]
            value = np.float64(pixel)
            if value > maximum:
                maximum = value
                maximum_slow = slow
                maximum_fast = fast
            total += value
            # the square is rounded to float32, and overflows there
            squares += np.float64(pixel * pixel)
            count += 1.0
    found[_MAXIMUM], found[_MAXIMUM_SLOW], found[_MAXIMUM_FAST] = maximum, maximum_slow, maximum_fast
    found[_TOTAL], found[_SQUARES], found[_COUNT] = total, squares, count


@shared
def _add_deviations(image, roi, found):
    """Go on with the sum of squared deviations."""
    mean, total = found[_MEAN], found[_DEVIATIONS]
    for slow in range(roi[2], roi[3] + 1):
        for fast in range(roi[0], roi[1] + 1):
            deviation = np.float64(image[slow, fast]) - mean
            total += deviation * deviation
    found[_DEVIATIONS] = total


@jit
def _go_on(image, roi, mask, from_mean, found):
    """Both, as one kernel, for it takes longer to load two."""
    if from_mean:
        _add_deviations(image, roi, found)
    else:
        _add_statistics(image, roi, mask, found)


def image_statistics(image, roi, mask):
    """Maximum and sums over the pixels that are in the region of interest and not masked.

    Parameters
    ----------
    image : (slow, fast) float32
    roi : tuple of 4 int
    mask : (slow, fast) bool, or `NO_MASK`
        False: the pixel is left out.

    Returns
    -------
    maximum : float
        At least 0; NaN is never the maximum.
    maximum_slow, maximum_fast : int
        First pixel that has it; -1 if no pixel is above 0.
    total, squares : float
        Sum of the pixels and of their squares, each square rounded to float32.
    count : int
        Number of pixels.
    """
    found = np.array([0.0, -1.0, -1.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    for piece in pieces(roi, image.shape):
        _go_on(image, piece, mask, False, found)
    maximum, slow, fast, total, squares, count, _, _ = found.tolist()
    return maximum, int(slow), int(fast), total, squares, int(count)


def rms_deviation(image, roi, mean):
    """Root mean square deviation from `mean` over the region of interest, masked pixels included."""
    found, count = np.zeros(8), 0
    found[_MEAN] = mean
    for piece in pieces(roi, image.shape):
        _go_on(image, piece, NO_MASK, True, found)
        count += max(piece[1] - piece[0] + 1, 0) * (piece[3] - piece[2] + 1)
    return math.sqrt(float(found[_DEVIATIONS]) / (max(count, 2) - 1))


class Summary(NamedTuple):
    """What the C program reports of an image; see `image_statistics`."""

    maximum: float
    maximum_slow: int
    maximum_fast: int
    total: float
    squares: float
    count: int
    mean: float  # over the pixels that are not masked; 0 if there are none
    rms: float
    rms_deviation: float  # from this mean, but over the masked pixels too


def image_summary(image, roi, mask):
    """All of `image_statistics`, the mean and both root mean squares, as a `Summary`."""
    maximum, slow, fast, total, squares, count = image_statistics(image, roi, mask)
    mean = total / max(count, 1)
    rms = math.sqrt(squares / (max(count, 2) - 1))
    return Summary(maximum, slow, fast, total, squares, count, mean, rms, rms_deviation(image, roi, mean))


@shared
def _integer_image(image, roi, scale, adc, out):
    fast_first, fast_last, slow_first, slow_last = clipped(roi, image.shape)
    for slow in range(slow_first, slow_last + 1):
        for fast in range(fast_first, fast_last + 1):
            value = np.float64(image[slow, fast]) * scale + adc
            if value > 65535.0:
                value = 65535.0
            if value < 0.0:
                value = 0.0
            # half is added in double, but rounded to float32 before the floor: near 65535 a
            # fraction just below one half rounds up
            value = np.float64(np.float32(value + 0.5))
            out[slow, fast] = low_bits(np.floor(value), 0xFFFF)


@shared
def _grey_image(image, roi, scale, out):
    fast_first, fast_last, slow_first, slow_last = clipped(roi, image.shape)
    for slow in range(slow_first, slow_last + 1):
        for fast in range(fast_first, fast_last + 1):
            value = np.float64(image[slow, fast]) * scale
            if value > 255.0:
                value = 255.0
            out[slow, fast] = low_bits(value, 0xFF)


@jit
def _integers(image, roi, scale, adc, out):
    _integer_image(image, roi, scale, adc, out)


@jit
def _greys(image, roi, scale, out):
    _grey_image(image, roi, scale, out)


@jit
def _both(image, roi, scale, adc, integers, grey_scale, greys):
    _integer_image(image, roi, scale, adc, integers)
    _grey_image(image, roi, grey_scale, greys)


def integer_image(image, roi, scale, adc, out):
    """pixel * scale + adc, limited to 0..65535 and rounded, into a uint16 array that starts as zeros.

    NaN gives 0. Pixels outside the region of interest are left alone.
    """
    for piece in pieces(roi, image.shape):
        _integers(image, piece, scale, adc, out)


def grey_image(image, roi, scale, out):
    """pixel * scale, limited to 255 and truncated, into a uint8 array that starts as zeros.

    There is no lower limit: of a negative number the low 8 bits are kept. NaN gives 0.
    """
    for piece in pieces(roi, image.shape):
        _greys(image, piece, scale, out)


def digital_images(image, roi, scale, adc, integers, grey_scale, greys):
    """`integer_image` and `grey_image` in one call."""
    for piece in pieces(roi, image.shape):
        _both(image, piece, scale, adc, integers, grey_scale, greys)
