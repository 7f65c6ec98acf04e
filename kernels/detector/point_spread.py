"""How far light spreads in a detector: the share of each pixel, and the sum over pixels written out.

Made of basic operations, square roots and the project's own exponential, so that weights and the direct sum have the
same bits on every processor.
"""

import math

from ..arithmetic.elementary import exp_negative
from ..compile.compilation import jit

__all__ = ["arctangent", "error_function", "fibre_weights", "gaussian_outside", "gaussian_weights", "spread"]

#: Half width at half maximum over the length g of the fibre's point spread, the other way round.
FIBRE_LENGTH = 0.652383013252053

_PI = 3.141592653589793
_ROOT_PI = 1.772453850905516
_LOG_16 = 2.772588722239781
_ROOT_LOG_16 = 1.6651092223153954

#: Terms of the series of the arctangent, for arguments below 0.199: the rest is below 1e-19.
_TERMS = 13


@jit
def arctangent(x):
    """arctan(x) [rad] of a finite number; error some 1e-16, absolutely.

    The angle is halved three times, tan(a / 2) = t / (1 + sqrt(1 + t^2)), then its series is summed up.
    """
    t = x
    for _ in range(3):
        t = t / (1.0 + math.sqrt(1.0 + t * t))
    square, total = t * t, 0.0
    for n in range(_TERMS - 1, -1, -1):
        total = 1.0 / (2.0 * n + 1.0) - square * total
    return 8.0 * t * total


@jit
def error_function(x):
    """erf(x), by 2/sqrt(pi) exp(-x^2) sum_n 2^n x^(2n+1) / (2n+1)!!; error some 1e-15, absolutely."""
    if x > 6.0 or x < -6.0:
        return 1.0 if x > 0.0 else -1.0
    square, term, total = x * x, x, x
    for n in range(1, 160):
        term = term * (2.0 * square) / (2.0 * n + 1.0)
        total += term
    return 2.0 / _ROOT_PI * exp_negative(-square) * total


@jit
def gaussian_outside(radius, fwhm):
    """Share of a Gaussian's light that falls beyond a radius, in the unit of its full width at half maximum."""
    reach = radius / fwhm
    return exp_negative(-min(_LOG_16 * reach * reach, 700.0))


@jit
def _corner(x, y, g):
    """Light of a fibre's point spread from the middle to (x, y)."""
    return arctangent(x * y / (g * math.sqrt(g * g + x * x + y * y))) / (2.0 * _PI)


@jit
def _cut(weights, pixel_fast, pixel_slow, radius):
    """Leave a disc of the weights, and make their sum 1."""
    rows, columns = weights.shape[0] // 2, weights.shape[1] // 2
    total = 0.0
    for i in range(weights.shape[0]):
        for j in range(weights.shape[1]):
            x, y = (j - columns) * pixel_fast, (i - rows) * pixel_slow
            if x * x + y * y > radius * radius:
                weights[i, j] = 0.0
            total += weights[i, j]
    for i in range(weights.shape[0]):
        for j in range(weights.shape[1]):
            weights[i, j] /= total


@jit
def fibre_weights(fwhm, pixel_fast, pixel_slow, radius, weights):
    """Shares of pixels in the light of one, as a fibre optic spreads it: g / (2 pi) (g^2 + r^2)^(-3/2).

    Parameters
    ----------
    fwhm, pixel_fast, pixel_slow, radius : float
        Of one unit of length; g = 0.652383 fwhm, pixels farther than the radius have none.
    weights : (2 m + 1, 2 n + 1) float64 array
        Filled; the middle is the pixel that is hit.  Each is the integral over its pixel; their sum is 1.
    """
    g = FIBRE_LENGTH * fwhm
    rows, columns = weights.shape[0] // 2, weights.shape[1] // 2
    for i in range(weights.shape[0]):
        for j in range(weights.shape[1]):
            left, right = (j - columns - 0.5) * pixel_fast, (j - columns + 0.5) * pixel_fast
            low, high = (i - rows - 0.5) * pixel_slow, (i - rows + 0.5) * pixel_slow
            above = _corner(right, high, g) - _corner(left, high, g)
            weights[i, j] = max(above - (_corner(right, low, g) - _corner(left, low, g)), 0.0)
    _cut(weights, pixel_fast, pixel_slow, radius)


@jit
def gaussian_weights(fwhm, pixel_fast, pixel_slow, radius, weights):
    """As `fibre_weights`, of a Gaussian: the product of two integrals along the edges of a pixel."""
    rows, columns = weights.shape[0] // 2, weights.shape[1] // 2
    scale = _ROOT_LOG_16 / fwhm
    # the first row keeps what the others are made of, and is the last to be made
    for j in range(weights.shape[1]):
        weights[0, j] = 0.5 * (error_function((j - columns + 0.5) * pixel_fast * scale)
                               - error_function((j - columns - 0.5) * pixel_fast * scale))
    for i in range(weights.shape[0] - 1, -1, -1):
        across = 0.5 * (error_function((i - rows + 0.5) * pixel_slow * scale)
                        - error_function((i - rows - 0.5) * pixel_slow * scale))
        for j in range(weights.shape[1]):
            weights[i, j] = across * weights[0, j]
    _cut(weights, pixel_fast, pixel_slow, radius)


@jit
def spread(light, weights, out):
    """The sum over the neighbours of each pixel, in one order whatever the part of an image.

    Parameters
    ----------
    light : (rows + 2 m, columns + 2 n) float64 array
        With a margin of the weights' reach on every side.
    weights : (2 m + 1, 2 n + 1) float64 array
        The same when turned by half a turn.
    out : (rows, columns) float64 array
        Filled.
    """
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            out[row, column] = 0.0
        for i in range(weights.shape[0]):
            for j in range(weights.shape[1]):
                share = weights[i, j]
                if share != 0.0:
                    for column in range(out.shape[1]):
                        out[row, column] += share * light[row + i, column + j]
