"""Random numbers as the C program draws them: uniform, Gaussian, Poisson, random rotations, photon noise.

The generator is the "minimal standard" multiplicative generator with a Bays-Durham shuffle; the
deviates follow the recipes usual beside it.  Draws, their order and the precision of every product
are part of the definition: a float32 product here is a float32 product there.  Apart from the
drivers at the end, the functions run in the interpreter as well as inside kernels, with the same
bits; each conversion is therefore written out (a Python float times a numpy float32 would stay a
float32 in the interpreter and become a double in a kernel).  Arguments are not checked.
"""

import math
from typing import NamedTuple

from numba.extending import register_jitable
import numpy as np

from ..arithmetic.c_library import c_cos, c_exp, c_log, c_powf, c_sin, c_tan
from ..compile.compilation import jit
from .digitise import low_bits, pieces

__all__ = ["Stream", "empty_table", "new_stream", "uniform", "gaussian", "poisson", "log_gamma",
           "mosaic_rotation", "mosaic_rotations", "noise_image", "photon_image"]

shared = register_jitable(error_model="numpy")

# -- the uniform generator: multiplier and modulus, their quotient and remainder (Schrage's way
# -- to multiply without overflow), and the shuffle
_MULTIPLIER = 16807
_MODULUS = 2147483647
_QUOTIENT = 127773
_REMAINDER = 2836
_SHUFFLE = 32
_DIVISOR = 1 + (_MODULUS - 1) // _SHUFFLE
_WARM_UP = 8  # numbers thrown away before the table is filled
_SCALE = 1.0 / 2147483647.0
_LARGEST = 1.0 - 1.2e-7

# -- places in Stream.deviates
_MEAN, _ROOT, _LOG, _G, _SPARE, _HAS_SPARE = range(6)
_DEVIATES = 6

# Rejection ends with probability one but not by count.  So that no input can hang a kernel, it stops
# after this many tries (the chance is below 1e-1000): a Gaussian deviate is then 0, a Poisson deviate
# the last candidate.
_TRIES = 65536

# Small whole numbers return to log_gamma all the time; its results are remembered for this many.
_REMEMBERED = 1024

_LOG_GAMMA = (76.18009172947146, -86.50532032941677, 24.01409824083091, -1.231739572450155,
              0.1208650973866179e-2, -0.5395239384953e-5)


class Stream(NamedTuple):
    """State of one stream of random numbers; kernels change the arrays in place.

    Streams that follow one another in one simulation share `table`; `seed` and `deviates` are a
    stream's own.
    """

    seed: np.ndarray  # (1,) int64: the multiplicative generator; not positive: restart at next use
    table: np.ndarray  # (33,) int64: last output, then the shuffle table; all zero: never filled
    deviates: np.ndarray  # (6,) float32: mean of the last Poisson deviate, sqrt(2 mean), log(mean),
    #                       its g (see `poisson`), the spare Gaussian deviate, 1 if there is one
    log_factorials: np.ndarray  # (1024,) float32: what log_gamma gave for 1, 2, ...; NaN: not yet asked


def empty_table():
    """A shuffle table that was never filled."""
    return np.zeros(1 + _SHUFFLE, dtype=np.int64)


def new_stream(seed, table):
    """A stream whose generator starts at `seed`, on a table that other streams may have left.

    A seed that is not positive restarts generator and table at the first draw; a positive one goes
    on with the table as it is.
    """
    deviates = np.zeros(_DEVIATES, dtype=np.float32)
    # no mean yet: a mean of exactly -1 counts as known, as in the C program
    deviates[_MEAN] = -1.0
    log_factorials = np.full(_REMEMBERED, np.nan, dtype=np.float32)
    return Stream(np.array([seed], dtype=np.int64), table, deviates, log_factorials)


@shared
def _step(seed):
    """The multiplicative generator's next state; seeds beyond the modulus are brought into range."""
    if seed >= 0:
        k = seed // _QUOTIENT
    else:
        # towards zero
        k = -(-seed // _QUOTIENT)
    seed = _MULTIPLIER * (seed - k * _QUOTIENT) - _REMAINDER * k
    if seed < 0:
        seed += _MODULUS
    return seed


@shared
def _restart(seed, table):
    """Fill the shuffle table from a seed that is not positive. Returns the generator's state."""
    seed = 1 if -seed < 1 else -seed
    # a step divides the excess of a huge seed by 45, so even 2**63 is in range before the table
    for _ in range(_WARM_UP):
        seed = _step(seed)
    for j in range(_SHUFFLE, 0, -1):
        seed = _step(seed)
        table[j] = seed
    table[0] = table[1]
    return seed


@shared
def uniform(stream):
    """Uniform deviate [0..1), float32."""
    seed = int(stream.seed[0])
    table = stream.table
    if seed <= 0 or table[0] == 0:
        seed = _restart(seed, table)
    seed = _step(seed)
    stream.seed[0] = seed
    # Numbers in the table are below the modulus, so j is below 32 as it is.  (A huge positive seed
    # can put one negative number there, but then the seed is negative too and the table is filled
    # anew at the next draw.)
    j = 1 + (int(table[0]) // _DIVISOR & (_SHUFFLE - 1))
    value = int(table[j])
    table[0] = value
    table[j] = seed
    result = np.float32(_SCALE * value)
    if np.float64(result) > _LARGEST:
        return np.float32(_LARGEST)
    return result


@shared
def log_gamma(x):
    """Logarithm of the gamma function for x >= 1: float32 to float32, double inside (Lanczos)."""
    x = np.float64(x)
    q = x + 5.5
    q = q - (x + 0.5) * c_log(q)
    y = x
    total = 1.000000000190015
    for coefficient in _LOG_GAMMA:
        y = y + 1.0
        total = total + coefficient / y
    return np.float32(-q + c_log(2.5066282746310005 * total / x))


@shared
def gaussian(stream):
    """Gaussian deviate of mean 0 and variance 1, float32; every second one is the kept spare."""
    deviates = stream.deviates
    if deviates[_HAS_SPARE] != np.float32(0.0):
        deviates[_HAS_SPARE] = np.float32(0.0)
        return deviates[_SPARE]
    one = np.float32(1.0)
    zero = np.float32(0.0)
    v1 = zero
    v2 = zero
    r = one
    for _ in range(_TRIES):
        v1 = np.float32(2.0 * np.float64(uniform(stream)) - 1.0)
        v2 = np.float32(2.0 * np.float64(uniform(stream)) - 1.0)
        r = v1 * v1 + v2 * v2
        if r < one and r > zero:
            break
    if not (r < one and r > zero):
        return zero
    wide = np.float64(r)
    factor = np.float32(math.sqrt(-2.0 * c_log(wide) / wide))
    deviates[_SPARE] = v1 * factor
    deviates[_HAS_SPARE] = one
    return v2 * factor


@shared
def _log_factorial(count, remembered):
    """`log_gamma` of count + 1, for a whole number that is not negative."""
    if count < np.float32(_REMEMBERED):
        i = int(count)
        if remembered[i] != remembered[i]:
            remembered[i] = log_gamma(np.float32(np.float64(count) + 1.0))
        return remembered[i]
    return log_gamma(np.float32(np.float64(count) + 1.0))


@shared
def poisson(mean, stream):
    """Poisson deviate of a float32 mean, as a float32.

    Below 12 (negative means and 0 included, which give 0) by multiplying uniform deviates; up to
    one million by rejection; above, and for infinity, a Gaussian deviate that is not rounded to a
    whole number.  NaN takes two draws and gives NaN.
    """
    wide = np.float64(mean)
    known = stream.deviates
    if wide > 1.0e6:
        return np.float32(wide + math.sqrt(wide) * np.float64(gaussian(stream)))
    one = np.float32(1.0)
    if wide < 12.0:
        # multiply uniform deviates until the product is below exp(-mean)
        if mean != known[_MEAN]:
            known[_MEAN] = mean
            known[_G] = np.float32(c_exp(-wide))
        count = np.float32(-1.0)
        product = one
        for _ in range(_TRIES):
            count = count + one
            product = product * uniform(stream)
            # not <=: a NaN ends it
            if not product > known[_G]:
                break
        return count
    # rejection from a Lorentzian; a NaN comes here, is accepted at once and returned
    if mean != known[_MEAN]:
        known[_MEAN] = mean
        known[_ROOT] = np.float32(math.sqrt(2.0 * wide))
        known[_LOG] = np.float32(c_log(wide))
        known[_G] = mean * known[_LOG] - log_gamma(np.float32(wide + 1.0))
    zero = np.float32(0.0)
    count = zero
    for _ in range(_TRIES):
        y = zero
        for _ in range(_TRIES):
            y = np.float32(c_tan(math.pi * np.float64(uniform(stream))))
            count = known[_ROOT] * y + mean
            if not count < zero:
                break
        count = np.float32(np.floor(np.float64(count)))
        exponent = count * known[_LOG] - _log_factorial(count, stream.log_factorials) - known[_G]
        ratio = np.float32(0.9 * (1.0 + np.float64(y * y)) * c_exp(np.float64(exponent)))
        if not uniform(stream) > ratio:
            break
    return count


@shared
def mosaic_rotation(width, stream):
    """Random rotation matrix by rows, nine doubles: random axis, angle width * cbrt(1 - r**2).

    `width` [rad] is a float32, and so is the angle.  Takes three uniform deviates.
    """
    r1 = 2.0 * np.float64(uniform(stream)) - 1.0
    r2 = 2.0 * np.float64(uniform(stream)) - 1.0
    r3 = 2.0 * np.float64(uniform(stream)) - 1.0
    xy = math.sqrt(1.0 - r2 * r2)
    angle = np.float64(width * c_powf(np.float32(1.0 - r3 * r3), np.float32(1.0 / 3.0)))
    v1 = xy * c_sin(math.pi * r1)
    v2 = xy * c_cos(math.pi * r1)
    v3 = r2
    c = c_cos(angle)
    t = 1.0 - c
    s = c_sin(angle)
    tv1 = t * v1
    xy = tv1 * v2
    xz = tv1 * v3
    yz = t * v2 * v3
    sx = s * v1
    sy = s * v2
    sz = s * v3
    return (c + t * (v1 * v1), xy - sz, xz + sy,
            xy + sz, c + t * (v2 * v2), yz - sx,
            xz - sy, yz + sx, c + t * (v3 * v3))


# -- drivers


@jit
def mosaic_rotations(width, stream, out):
    """Rotation matrices of the mosaic domains, drawn in order into a (domains, 3, 3) float64 array.

    All of them are random; the caller replaces the first by the identity, as the C program does
    after drawing it.
    """
    for n in range(out.shape[0]):
        u = mosaic_rotation(width, stream)
        for i in range(3):
            out[n, i, 0] = u[3 * i]
            out[n, i, 1] = u[3 * i + 1]
            out[n, i, 2] = u[3 * i + 2]


@jit
def _draw_noise(image, roi, adc, stream, out, found):
    """As `noise_image`, over a region of interest in the image; adds to what is found: sum of the counts, overloads."""
    total, overloads = found[0], found[1]
    for slow in range(roi[2], roi[3] + 1):
        for fast in range(roi[0], roi[1] + 1):
            count = np.float64(poisson(image[slow, fast], stream))
            total += count
            value = count + adc
            if value > 65535.0:
                value = 65535.0
                overloads += 1.0
            out[slow, fast] = low_bits(value, 0xFFFF)
    found[0], found[1] = total, overloads


@jit
def _draw_photons(image, roi, stream, out):
    for slow in range(roi[2], roi[3] + 1):
        for fast in range(roi[0], roi[1] + 1):
            out[slow, fast] = poisson(image[slow, fast], stream)


def noise_image(image, roi, adc, stream, out):
    """Draw a Poisson deviate for each pixel in the region of interest and digitise it.

    Parameters
    ----------
    image : (slow, fast) float32
        Mean number of photons. Masked pixels draw too.
    roi : tuple of 4 int
        First and last fast, first and last slow pixel; the last ones count.
    adc : float
        Added to each count.
    stream : Stream
        Advanced in place.
    out : (slow, fast) uint16
        Starts as a copy of the integer image, whose pixels stay outside the region of interest.

    Returns
    -------
    total : float
        Sum of the counts, in the order of the pixels.
    overloads : int
        Pixels cut at 65535. There is no lower limit: of a negative number the low 16 bits are kept.
    """
    found = np.zeros(2)
    for piece in pieces(roi, image.shape):
        _draw_noise(image, piece, adc, stream, out, found)
    total, overloads = found.tolist()
    return total, int(overloads)


def photon_image(image, roi, stream, out):
    """The deviates of `noise_image` as they are drawn: float32, before any offset or limit."""
    for piece in pieces(roi, image.shape):
        _draw_photons(image, piece, stream, out)
