"""Error bounds of kernels/arithmetic/elementary.py, computed line by line from the functions themselves.

The polynomials of that module are run on arrays of enclosures instead of floats.  An enclosure is
an interval that holds the exact result of the operations so far (on the exact input) and a bound on
the distance of the computed double from it; every operation adds half a unit in the last place of
the largest value that it can return.  What the exact polynomial leaves of the true function is
bounded from the difference of their Taylor coefficients.  docs/accuracy/elementary.md explains the
steps that are done here by formula: the reduction, and arguments so small that the last addition
returns its larger operand.

All bounds are in units of u = 2**-53.
"""

import contextlib
from fractions import Fraction
import math

import numpy as np
from worst_cases import closest_doubles, smallest_distance

from numbragg.kernels.arithmetic import elementary

U = 2.0**-53
PIECES = 20000
TERMS = 20
# |r| below which r + r**3 q is rounded to r, for r**2 / 6 < u / 2
TINY = 2.0**-27
LARGEST_REMAINDER = math.pi / 2 + 2.0**-24
LARGEST_EXPONENT = math.log(2) / 2 + 2.0**-24
# the arithmetic of the bounds themselves is in double; each step is widened by more than it can be off
WIDEN = 2.0**-48


def half_ulp(magnitude):
    """Largest rounding error of a result of at most this magnitude."""
    _, exponent = np.frexp(magnitude)
    return np.where(magnitude == 0, 0.0, np.ldexp(1.0, exponent - 54))


class Enclosure:
    """Interval of the exact value, and bound on the absolute error of the computed one."""

    def __init__(self, low, high, error=0.0):
        self.low, self.high = np.asarray(low, float), np.asarray(high, float)
        self.error = np.broadcast_to(np.asarray(error, float), self.low.shape)

    @classmethod
    def of(cls, value):
        return value if isinstance(value, cls) else cls(value, value)

    @property
    def magnitude(self):
        return np.maximum(abs(self.low), abs(self.high))

    def __neg__(self):
        return Enclosure(-self.high, -self.low, self.error)

    def __mul__(self, other):
        return fma(self, other, 0.0)

    __rmul__ = __mul__

    def __add__(self, other):
        return fma(self, 1.0, other)


def fma(a, b, c):
    """Enclosure of a * b + c with one rounding."""
    a, b, c = Enclosure.of(a), Enclosure.of(b), Enclosure.of(c)
    corners = [a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high]
    low, high = np.minimum.reduce(corners), np.maximum.reduce(corners)
    margin = WIDEN * (np.maximum(abs(low), abs(high)) + c.magnitude)
    low, high = low + c.low - margin, high + c.high + margin
    carried = a.magnitude * b.error + b.magnitude * a.error + a.error * b.error + c.error
    rounding = half_ulp(np.maximum(abs(low), abs(high)) + carried)
    return Enclosure(low, high, (carried + rounding) * (1 + WIDEN))


@contextlib.contextmanager
def enclosing_arithmetic():
    """Let the functions of the kernel work on enclosures."""
    original = elementary.fma
    elementary.fma = fma
    try:
        yield
    finally:
        elementary.fma = original


def evaluation_error(polynomial, low, high):
    """Absolute error of a polynomial of the kernel against itself without rounding, per piece."""
    with enclosing_arithmetic():
        result = getattr(polynomial, "py_func", polynomial)(Enclosure(low, high))
    return result.error


def approximation_error(coefficients, series, low, high):
    """Bound of |polynomial - series| for variables in [low, high], from coefficients of equal powers."""
    padded = list(coefficients) + [0.0] * (len(series) - len(coefficients))
    differences = np.array([float(Fraction(c) - t) for c, t in zip(padded, series)])
    middle, half = (low + high) / 2, (high - low) / 2
    reach = np.maximum(abs(low), abs(high))
    value = slope = curvature = noise = 0.0
    for p, d in enumerate(differences):
        value = value + d * middle**p
        slope = slope + d * p * middle ** max(p - 1, 0)
        curvature = curvature + abs(d) * p * (p - 1) * reach ** max(p - 2, 0)
        noise = noise + WIDEN * abs(d) * (reach**p + p * half * reach ** max(p - 1, 0))
    # the series' remainder is below its last term, for the variables met here
    last = abs(differences[-1]) * reach ** (len(series) - 1)
    return abs(value) + abs(slope) * half + curvature * half**2 / 2 + noise + last


def pieces(low, high):
    """Consecutive intervals, short where the values are small, cut at every power of two."""
    edges = np.linspace(low, high, PIECES) if low < 0 else np.concatenate(
        [np.geomspace(low, 2.0**-6, PIECES // 10)[:-1], np.linspace(2.0**-6, high, PIECES)])
    powers = 2.0 ** np.arange(-40, 2)
    powers = np.concatenate([-powers, powers])
    edges = np.unique(np.concatenate([edges, powers[(powers > low) & (powers < high)]]))
    return edges[:-1], edges[1:]


def third_part():
    """Largest |k| and largest |k| times the third part of pi in the domain of the sines."""
    k = elementary.SINE_LARGEST / math.pi + 1
    return k, k * abs(elementary.PI_PARTS[2])


def reduction_error(high):
    """Absolute error of `remainder_pi` where the remainder is at least TINY and at most `high`."""
    # the second multiply-add rounds once; the third changes nothing or less than what it subtracts
    return half_ulp(high) + third_part()[1]


def tiny_sine_bound():
    """Relative bound of the sines where the remainder is below TINY."""
    # two roundings, the first of a number that the third part of pi makes a little larger; then r**2/6
    _, change = third_part()
    return 1 + (1 + change / smallest_distance(elementary.SINE_LARGEST)) + TINY**2 / 6 / U + 1e-9


def sine_series():
    """Taylor coefficients of (sin(r) - r)/r**3 in r**2."""
    return [Fraction((-1) ** (j + 1), math.factorial(2 * j + 3)) for j in range(TERMS)]


def sine_errors(polynomial, coefficients, reduction, scale=1.0):
    """Relative error per piece of remainders from TINY up, after a reduction of that absolute error.

    The polynomial may be `scale` times the sine; the coefficients are those of the sine.
    """
    low, high = pieces(TINY, LARGEST_REMAINDER)
    error = evaluation_error(polynomial, low, high) / scale
    error = error + high**3 * approximation_error(coefficients, sine_series(), low**2, high**2)
    moved = reduction(high)
    error = error + moved * np.maximum(abs(np.cos(low)), abs(np.cos(high))) + moved**2
    return low, high, error / np.sin(low) / U * (1 + 1e-9)


def sine_bound():
    _, _, errors = sine_errors(elementary.sine_polynomial, elementary.SINE, reduction_error)
    return max(errors.max(), tiny_sine_bound())


def cubics_as_one():
    """Exact coefficients of (sin(r) - r)/r**3 in r**2 that the product of two cubics stands for, and its scale."""
    a, b, c, d, e, f = map(Fraction, elementary.SINE_CUBICS)
    scale = c * f
    powers = (c * e + b * f, c * d + b * e + a * f, c + b * d + a * e + f, b + a * d + e, a + d, Fraction(1))
    return [power / scale for power in powers], float(scale)


def tiny_cubics_error():
    """Relative error of `sine_cubics` where the remainder is below TINY, which it is given without error."""
    # each cubic is its last coefficient within its own rounding, for the rest is below half a unit of its last place;
    # and two products
    a, b, c, d, e, f = map(abs, elementary.SINE_CUBICS)
    assert max((b + a + 1) / c, (e + d + 1) / f) * TINY**2 < U / 4
    return 4 + TINY**2 / 6 / U + 1e-9


def sine_cubics_bound():
    coefficients, scale = cubics_as_one()
    _, _, errors = sine_errors(elementary.sine_cubics, coefficients, reduction_error, scale)
    return max(errors.max(), tiny_sine_bound() + tiny_cubics_error())


def sine_cubics_about_bound():
    def reduction(high):
        return half_ulp(high) + elementary.SINE_ABOUT_LARGEST * abs(elementary.PI_PARTS[2])

    coefficients, scale = cubics_as_one()
    _, _, errors = sine_errors(elementary.sine_cubics, coefficients, reduction, scale)
    return max(errors.max(), short_reduction_bound(elementary.SINE_ABOUT_LARGEST) + tiny_cubics_error())


def short_reduction_bound(largest):
    """Relative bound of `remainder_pi_short` for 1 <= |k| <= largest: one rounding, and the missing part."""
    k = np.arange(1, int(largest) + 1)
    _, distance = closest_doubles(k)
    return float((k * abs(elementary.PI_PARTS[2]) / abs(distance)).max()) / U * (1 + 1e-9) + 1.001


def cosine_bound():
    """Absolute."""
    low, high = pieces(TINY, LARGEST_REMAINDER)
    series = [Fraction((-1) ** j, math.factorial(2 * j)) for j in range(TERMS)]
    error = evaluation_error(elementary.cosine_polynomial, low, high)
    error = error + approximation_error(elementary.COSINE, series, low**2, high**2)
    moved = reduction_error(high)
    error = error + moved * np.sin(np.minimum(high, np.pi / 2)) + moved**2
    # below TINY: the polynomial at 0, changed by less than u/4 before the last rounding
    return max(error.max() / U * (1 + 1e-9), abs(elementary.COSINE[0] - 1) / U + 1.25)


def sphere_bound(kernel_sine=None, kernel_cosine=None):
    """Absolute distance of `sphere_difference` from the C's sin(x)/x - cos(x), any x > 0.

    The C library's sine is taken within 1.2 u of itself and its cosine within 0.6 u of 1.
    """
    kernel_sine = sine_bound() if kernel_sine is None else kernel_sine
    kernel_cosine = cosine_bound() if kernel_cosine is None else kernel_cosine
    # |sin(x)/x| <= 1 and |difference| < 1.0630, its value at x = 2.7437; beyond x = 4 below 1.03
    largest = 1.064
    kernel = (kernel_sine + 1.001) + kernel_cosine + half_ulp(largest) / U
    c_program = (1.2 + 1.001) + 0.6 + half_ulp(largest) / U
    return kernel + c_program


def exp_errors(polynomial, coefficients, factor):
    """Relative error per piece of exp(factor * r), after the reduction."""
    low, high = pieces(-LARGEST_EXPONENT / factor, LARGEST_EXPONENT / factor)
    series = [Fraction(factor**j, math.factorial(j)) for j in range(TERMS)]
    error = evaluation_error(polynomial, low, high)
    error = error + approximation_error(coefficients, series, low, high)
    # one rounding of r, and |k| <= 1075 times what two parts leave of log(2), for which 2**-106 is ample
    moved = factor * (half_ulp(np.maximum(abs(low), abs(high))) + 1075 * 2.0**-106)
    return error / np.exp(factor * low) / U * (1 + 1e-9) + moved / U * (1 + moved)


def exp_bound():
    return exp_errors(elementary.exp_polynomial, elementary.EXP, 1).max()


def exp_squared_bound():
    of = elementary.exp_squared_polynomial
    plain = getattr(of, "py_func", of)
    return exp_errors(lambda r: plain(elementary.EXP_SQUARED_COARSE, r), elementary.EXP_SQUARED_COARSE, 2).max()


def table():
    """Claimed and derived bounds, by name of the constant that claims."""
    return {
        "SINE_BOUND": sine_bound(),
        "SINE_CUBICS_BOUND": sine_cubics_bound(),
        "SINE_CUBICS_ABOUT_BOUND": sine_cubics_about_bound(),
        "COSINE_BOUND": cosine_bound(),
        "SPHERE_DIFFERENCE_BOUND": sphere_bound(),
        "EXP_BOUND": exp_bound(),
        "EXP_SQUARED_BOUND": exp_squared_bound(),
    }


if __name__ == "__main__":
    for name, bound in table().items():
        print(f"{name:24s} claimed {getattr(elementary, name):9.2f}  derived {bound:11.4f}")
