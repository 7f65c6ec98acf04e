"""noisify's chain: photons with flicker, calibration errors and counting, then read-out and digitisation.

Draws, their order and the generator that both seeds share are the C program's.  Arguments are not checked.
"""

from numba.extending import register_jitable
import numpy as np

from ..compile.compilation import jit
from ..detector.digitise import low_bits
from ..detector.random import gaussian, poisson

__all__ = ["digitise", "draw_photons", "photon_scale"]

shared = register_jitable(error_model="numpy")

_INT_MAX = 2147483647.0


@jit
def photon_scale(image, factor):
    """Multiply an image by a factor, in double precision. Returns the largest pixel and the number of negative ones."""
    largest, negative = 0.0, 0
    for i in range(len(image)):
        value = np.float64(image[i])
        if largest < value:
            largest = value
        if value < 0.0:
            negative += 1
        image[i] = np.float32(factor * value)
    return largest, negative


@jit
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
    for i in range(len(image)):
        photons = np.float64(image[i])
        if flicker > 0.0:
            photons *= 1.0 + flicker * np.float64(gaussian(own))
        if calibration > 0.0:
            photons *= 1.0 + calibration * np.float64(gaussian(of_calibration))
        image[i] = poisson(np.float32(photons), own)
        total += np.float64(image[i])
    return total


@shared
def _whole(value):
    """Low 32 bits of a double truncated to 64 bits, as x86 converts to an unsigned integer."""
    if value > -9.2e18 and value < 9.2e18:
        return np.uint32(int(value) & 0xFFFFFFFF)
    return np.uint32(0)


@jit
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
    total = 0.0
    overloads, overloads_32 = 0, 0
    for i in range(len(image)):
        photons = np.float64(image[i])
        total += photons
        value = photons * gain + offset
        if readout > 0.0:
            value += readout * np.float64(gaussian(stream))
        if value > _INT_MAX:
            value = _INT_MAX
            overloads_32 += 1
        integers[i] = _whole(min(value, limit) if value == value else value)
        if value > 65535.0:
            value = 65535.0
            overloads += 1
        shorts[i] = low_bits(value, 0xFFFF)
    return total, overloads, overloads_32
