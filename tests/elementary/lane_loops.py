"""The lane functions over arrays, and their errors against exact values in units of 2**-53."""

import mpmath
import numba
import numpy as np

from numbragg.kernels.arithmetic import elementary

U = 2.0**-53
INTERPRETED = bool(numba.config.DISABLE_JIT)
#: Long doubles of 64 bits: without them there is no cheap reference.
LONG_DOUBLE = np.finfo(np.longdouble).nmant == 63
#: Points of a sweep that compares with long doubles: compiled, or interpreted (a thousand times slower).
MANY = 4000 if INTERPRETED else 1_000_000

_compile = numba.njit(nogil=True, error_model="numpy")
_kept = {}


def loop(function):
    """A compiled loop `loop(x, result)` over contiguous arrays, as the lanes have it."""
    if function not in _kept:
        @_compile
        def apply(x, result):
            for i in range(x.size):
                result[i] = function(x[i])

        _kept[function] = apply
    return _kept[function]


def values(function, x):
    """A lane function of one argument at every x."""
    x = np.ascontiguousarray(x, dtype=np.float64)
    result = np.empty_like(x)
    # interpreted, numpy's scalars warn where compiled code is silent
    with np.errstate(all="ignore"):
        loop(function)(x, result)
    return result


@_compile
def _remainders(x, k, result):
    for i in range(x.size):
        result[i] = elementary.remainder_pi_short(x[i], k[i])


def short_remainder(x, k):
    """remainder_pi_short at every pair of x and k."""
    x, k = np.ascontiguousarray(x, dtype=np.float64), np.ascontiguousarray(k, dtype=np.float64)
    result = np.empty_like(x)
    _remainders(x, k, result)
    return result


@_compile
def cosine_of_pair(x):
    """The cosine of sine_and_cosine_mod_pi, with the sign of the true one where the sine's is right."""
    return elementary.sine_and_cosine_mod_pi(x)[1]


@_compile
def sine_of_pair(x):
    """The sine of sine_and_cosine_mod_pi."""
    return elementary.sine_and_cosine_mod_pi(x)[0]


@_compile
def difference(x):
    """sphere_difference with the inverse that goes with it."""
    return elementary.sphere_difference(x, 1.0 / x)


#: What `sine_cubics` is the sine times of, as a long double.
SCALE = np.longdouble(elementary.SINE_CUBICS[2]) * np.longdouble(elementary.SINE_CUBICS[5])


@_compile
def cubics_mod_pi(x):
    """sine_cubics after the longer reduction."""
    return elementary.sine_cubics(elementary.remainder_pi(x, elementary.nearest_multiple_of_pi(x)))


@_compile
def _cubics_about(x, k, result):
    for i in range(x.size):
        result[i] = elementary.sine_cubics(elementary.remainder_pi_short(x[i], k[i]))


def cubics_about(x, k):
    """sine_cubics after the shorter reduction, at every pair of x and k."""
    x, k = np.ascontiguousarray(x, dtype=np.float64), np.ascontiguousarray(k, dtype=np.float64)
    result = np.empty_like(x)
    _cubics_about(x, k, result)
    return result


def relative_error(result, exact):
    """Largest relative error up to sign of results against long doubles, in u."""
    result, exact = abs(result.astype(np.longdouble)), abs(exact)
    zero = exact == 0
    assert not result[zero].any()
    return float((abs(result[~zero] - exact[~zero]) / exact[~zero]).max()) / U


def exact_error(result, x, function):
    """Largest relative error up to sign against mpmath, in u."""
    worst = mpmath.mpf(0)
    with mpmath.workdps(60):
        for value, argument in zip(result.tolist(), x.tolist()):
            exact = abs(function(mpmath.mpf(argument)))
            worst = max(worst, abs(abs(mpmath.mpf(value)) / exact - 1))
    return float(worst) / U
