"""noisify's chain: photons with flicker, calibration errors and counting, then read-out and digitisation.

Draws, their order and the generator that both seeds share are the C program's.  Arguments are not checked.
"""

from numba.extending import register_jitable
import numpy as np

from ..compile.compilation import jit
from ..detector.digitise import low_bits
from ..detector.random import gaussian, poisson
from ..stopping import poll

__all__ = ["digitise", "draw_photons", "photon_scale"]

shared = register_jitable(error_model="numpy")

_INT_MAX = 2147483647.0


#: Pixels that a kernel takes at a time.
_PIECE = 1 << 20


def _pieces(size):
    """So many pixels in pieces; a signal that asks the process to end is heard between them."""
    for start in range(0, size, _PIECE):
        poll()
        yield slice(start, min(start + _PIECE, size))


@jit
def _scale(image, factor, found):
    largest, negative = found[0], found[1]
    for i in range(len(image)):
        value = np.float64(image[i])
        if largest < value:
            largest = value
        if value < 0.0:
            negative += 1
        image[i] = np.float32(factor * value)
    found[0], found[1] = largest, negative


def photon_scale(image, factor):
    """Multiply an image by a factor, in double precision. Returns the largest pixel and the number of negative ones."""
    found = np.zeros(2)
    for piece in _pieces(len(image)):
        _scale(image[piece], factor, found)
    largest, negative = found.tolist()
    return largest, int(negative)


@jit
def _draw(image, flicker, calibration, own, of_calibration, total):
    """As `draw_photons`, with the sum of the counts before."""
    for i in range(len(image)):
        photons = np.float64(image[i])
        if flicker > 0.0:
            photons *= 1.0 + flicker * np.float64(gaussian(own))
        if calibration > 0.0:
            photons *= 1.0 + calibration * np.float64(gaussian(of_calibration))
        image[i] = poisson(np.float32(photons), own)
        total += np.float64(image[i])
    return total


def draw_photons(image, flicker, calibration, own, of_calibration):
    """Replace means by photon counts.

    Parameters
    ----------
    image : (pixels,) float32
        Changed in place.
    flicker, calibration : float
        Standard deviations, as parts of the pixel; what is not positive is not drawn.
    own, of_calibration : Stream
        Streams of both seeds, which share all but the seed.

    Returns
    -------
    float
        Sum of the counts.
    """
    total = 0.0
    for piece in _pieces(len(image)):
        total = _draw(image[piece], flicker, calibration, own, of_calibration, total)
    return total


@shared
def _whole(value):
    """Low 32 bits of a double truncated to 64 bits, as x86 converts to an unsigned integer."""
    if value > -9.2e18 and value < 9.2e18:
        return np.uint32(int(value) & 0xFFFFFFFF)
    return np.uint32(0)


@jit
def _digitise(image, numbers, stream, shorts, integers, found):
    """As `digitise`, of whose numbers there are four; adds to what is found."""
    gain, offset, readout, limit = numbers
    total, overloads, overloads_32 = found[0], found[1], found[2]
    for i in range(len(image)):
        photons = np.float64(image[i])
        total += photons
        value = photons * gain + offset
        if readout > 0.0:
            value += readout * np.float64(gaussian(stream))
        if value > _INT_MAX:
            value = _INT_MAX
            overloads_32 += 1.0
        integers[i] = _whole(min(value, limit) if value == value else value)
        if value > 65535.0:
            value = 65535.0
            overloads += 1.0
        shorts[i] = low_bits(value, 0xFFFF)
    found[0], found[1], found[2] = total, overloads, overloads_32


def digitise(image, gain, offset, readout, stream, limit, shorts, integers):
    """Turn photons into pixels of 16 and of 32 bits.

    Parameters
    ----------
    image : (pixels,) float32
    gain, offset : float
        Units per photon, and of no photon.
    readout : float
        Standard deviation of the read-out noise [units]; not positive: none is drawn.
    stream : Stream
        Draws it.
    limit : float
        Of the pixels of 32 bits.
    shorts : (pixels,) uint16
    integers : (pixels,) uint32

    Returns
    -------
    total : float
        Sum of the photons.
    overloads, overloads_32 : int
        Pixels beyond 65535, and beyond 2147483647.

    Notes
    -----
    There is no lower limit: of a negative number the low bits are kept.
    """
    found = np.zeros(3)
    for piece in _pieces(len(image)):
        _digitise(image[piece], (gain, offset, readout, limit), stream, shorts[piece], integers[piece], found)
    total, overloads, overloads_32 = found.tolist()
    return total, int(overloads), int(overloads_32)
