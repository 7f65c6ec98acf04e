"""Generator of the constants in kernels/arithmetic/elementary_single.py: minimax fits, rounded to float32 one by one.

Run as a script it prints them as they stand in that module.  The first coefficient of the sine, pi,
is kept in two parts: its rounding to float32 would be the largest error of all.
"""

import math

from elementary.generate import DIGITS, parts, rounded_fit, show
import mpmath
import numpy as np

#: Reduced arguments are within 0.5 by construction; that of exp overshoots log(2)/2 by the rounding of k.
SLACK = mpmath.mpf(2) ** -16


def nearest_single(value):
    """The float32 nearest to a number, as a float."""
    return float(np.float32(float(value)))


def sine_tail(z):
    """(sin(pi r) - pi r) / r**3 of z = r**2."""
    return mpmath.nsum(lambda n: (-1) ** n * mpmath.pi ** (2 * n + 1) * z ** (n - 1) / mpmath.factorial(2 * n + 1),
                       [1, 25])


def sphere_series(count):
    """Taylor coefficients of 3 (sin(x)/x - cos(x)) / x**2 in x**2."""
    return tuple(nearest_single(mpmath.mpf((-1) ** k * 3 * (2 * k + 2)) / math.factorial(2 * k + 3))
                 for k in range(count))


def constants():
    """Every constant of kernels/arithmetic/elementary_single.py that comes from here, by name."""
    with mpmath.workdps(DIGITS):
        quarter, zero = mpmath.mpf(1) / 4, mpmath.mpf(0)
        high, low = parts(+mpmath.pi, 2, nearest_single)
        half_log_2 = mpmath.log(2) / 2 + SLACK

        def sine_weight(z):
            # error relative to sin(pi r) of what is multiplied by r**3
            r = mpmath.sqrt(z)
            return z / (mpmath.pi * mpmath.sincpi(r))

        return {
            "PI_PARTS": (high, low),
            # sin(pi r) = pi r + r**3 * polynomial(r**2)
            "SINE_PI": rounded_fit(sine_tail, sine_weight, 4, zero, quarter, nearest_single),
            # cos(pi r) = polynomial(r**2)
            "COSINE_PI": rounded_fit(lambda z: mpmath.cospi(mpmath.sqrt(z)), lambda _: mpmath.mpf(1), 6, zero,
                                     quarter, nearest_single),
            "LOG_2_PARTS": parts(mpmath.log(2), 2, nearest_single),
            "ONE_OVER_LOG_2": nearest_single(1 / mpmath.log(2)),
            "EXP": rounded_fit(mpmath.exp, lambda r: mpmath.exp(-r), 7, -half_log_2, half_log_2, nearest_single),
            "SPHERE": sphere_series(7),
        }


if __name__ == "__main__":
    show(constants())
