"""Elementary functions in single precision: what `precision="single"` means, operation by operation.

Every operation is one of float32, rounded to nearest; the multiply-adds are fused where they are
written so and nowhere else.  So the results are the same on every processor.  Like `elementary`,
these serve the lattice factor, which enters squared: a sign that is lost does no harm.  A bound is
relative unless it says absolute, in units of v = 2**-24.  Derivations are in
docs/accuracy/single.md; tests/elementary has the generator of the coefficients and the evidence,
for the sine with all 2**32 arguments.

Arguments outside a domain give a wrong value.  Denormal numbers must not be flushed to zero.
"""

import struct

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload
import numpy as np

from ..compile.compilation import inlined
from .fused import floor, fma

__all__ = ["sine_pi_polynomial", "cosine_pi_polynomial", "sine_pi_single", "many_fraction_single",
           "product_of_three", "parallelepiped_single", "exp_negative_single", "sphere_transform_single",
           "SINE_PI_BOUND", "COSINE_PI_BOUND", "EXP_BOUND", "EXP_SMALLEST", "SPHERE_BOUND", "LARGEST_COUNT",
           "SMALLEST_FRACTION"]

# -- domains, and bounds in units of 2**-24 (derived in docs/accuracy/single.md)

SINE_PI_BOUND = 2.21
#: Absolute.
COSINE_PI_BOUND = 2.5
#: Of `exp_negative_single`, which is 0 below the smallest x.
EXP_BOUND = 3.0
EXP_SMALLEST = np.float32(-87.0)
#: Absolute, of `sphere_transform_single`; its value is at most 1.
SPHERE_BOUND = 8.0
#: Largest number of cells.
LARGEST_COUNT = 2.0**22
#: What smaller fractions are taken for; the lattice factor has its limit there.
SMALLEST_FRACTION = np.float32(2.0**-40)


def _singles(*values):
    return tuple(map(np.float32, values))


# -- constants made by tests/elementary/generate_single.py

PI_PARTS = _singles(3.1415927410125732, -8.742277657347586e-08)
# sin(pi r) = pi r + r**3 * polynomial(r**2)
SINE_PI = _singles(-5.167710781097412, 2.5500869750976562, -0.598338782787323, 0.0777377337217331)
# cos(pi r) = polynomial(r**2)
COSINE_PI = _singles(1.0, -4.934802055358887, 4.058705806732178, -1.335171103477478, 0.2347421646118164,
                     -0.024075988680124283)
LOG_2_PARTS = _singles(0.6931471824645996, -1.9046542121259336e-09)
ONE_OVER_LOG_2 = np.float32(1.4426950216293335)
# exp(r) = polynomial(r)
EXP = _singles(1.0, 1.0, 0.4999999701976776, 0.1666654646396637, 0.04166769981384277, 0.008366158232092857,
               0.0013843323104083538)
# 3 (sin(x)/x - cos(x)) / x**2 in x**2
SPHERE = _singles(1.0, -0.10000000149011612, 0.0035714285913854837, -6.613756704609841e-05, 7.515632773902325e-07,
                  -5.7812559184355905e-09, 3.2118085968591004e-11)

# adding this rounds to an integer, which then stands in the low bits of the sum
ROUNDER = np.float32(1.5 * 2.0**23)
# the same, and the low bits hold the integer plus the bias of a float32's exponent
EXPONENT_ROUNDER = np.float32(1.5 * 2.0**23 + 127.0)

_ZERO, _HALF, _ONE, _THREE = _singles(0.0, 0.5, 1.0, 3.0)


@inlined
def sine_pi_polynomial(r):
    """sin(pi r) for |r| <= 0.5.

    Returns
    -------
    float32
        Error at most `SINE_PI_BOUND`, where pi r is not denormal.
    """
    z = r * r
    q = fma(SINE_PI[3], z, SINE_PI[2])
    q = fma(q, z, SINE_PI[1])
    q = fma(q, z, SINE_PI[0])
    # the second part of pi goes with what is small beside the first
    return fma(r, PI_PARTS[0], r * fma(q, z, PI_PARTS[1]))


@inlined
def cosine_pi_polynomial(r):
    """cos(pi r) for |r| <= 0.5: error at most `COSINE_PI_BOUND`, absolute."""
    z = r * r
    c = fma(COSINE_PI[5], z, COSINE_PI[4])
    c = fma(c, z, COSINE_PI[3])
    c = fma(c, z, COSINE_PI[2])
    c = fma(c, z, COSINE_PI[1])
    return fma(c, z, COSINE_PI[0])


@inlined
def sine_pi_single(x):
    """|sin(pi x)|.

    Parameters
    ----------
    x : float32
        Any.  The reduction to 0..0.5 is exact.

    Returns
    -------
    float32
        Error at most `SINE_PI_BOUND`, where it is not denormal; 0 for whole numbers, NaN for
        infinities and NaN.
    """
    y = abs(x)
    r = y - floor(y)
    return sine_pi_polynomial(r if r <= _HALF else _ONE - r)


@inlined
def many_fraction_single(f, n):
    """n f less the nearest whole number (either one at a tie), rounded once.

    Parameters
    ----------
    f : float32
        |f| <= 0.5.
    n : float32
        A whole number up to `LARGEST_COUNT`.
    """
    return fma(n, f, -((n * f + ROUNDER) - ROUNDER))


@inlined
def _not_too_small(f):
    return f if abs(f) >= SMALLEST_FRACTION else SMALLEST_FRACTION


@inlined
def product_of_three(a, b, c):
    """a b c, rounded once (nearly): the same for any order, so that symmetric pixels stay equal."""
    p = a * b
    return fma(p, c, fma(a, b, -p) * c)


@inlined
def parallelepiped_single(f, g, h, n):
    """Lattice factor of a parallelepiped, up to sign: three gratings over one division.

    Fractions below `SMALLEST_FRACTION` count as that: the ratio of sines is N there, and the
    product of three divisors is a normal number.

    Parameters
    ----------
    f, g, h : float32
        Fractions of the indices, |f| <= 0.5.
    n : tuple of 3 float32
        Numbers of cells.
    """
    f, g, h = _not_too_small(f), _not_too_small(g), _not_too_small(h)
    many = product_of_three(sine_pi_polynomial(many_fraction_single(f, n[0])),
                            sine_pi_polynomial(many_fraction_single(g, n[1])),
                            sine_pi_polynomial(many_fraction_single(h, n[2])))
    return many / product_of_three(sine_pi_polynomial(f), sine_pi_polynomial(g), sine_pi_polynomial(h))


@inlined
def sphere_transform_single(y):
    """3 (sin(x)/x - cos(x)) / x**2 for x = pi y, up to sign; by its series up to y = 0.5.

    Parameters
    ----------
    y : float32
        0 <= y <= 2**22.

    Returns
    -------
    float32
        Error at most `SPHERE_BOUND`, absolute.
    """
    x = y * PI_PARTS[0]
    z = x * x
    q = fma(SPHERE[6], z, SPHERE[5])
    q = fma(q, z, SPHERE[4])
    q = fma(q, z, SPHERE[3])
    q = fma(q, z, SPHERE[2])
    q = fma(q, z, SPHERE[1])
    q = fma(q, z, SPHERE[0])
    near = y <= _HALF
    # a divisor that is not 0, for the value that is not taken
    inverse = _ONE / (_ONE if near else x)
    r = y - floor(y + _HALF)
    far = _THREE * fma(sine_pi_polynomial(r), inverse, -cosine_pi_polynomial(r)) * inverse * inverse
    return q if near else far


@intrinsic
def _power_of_two(typingctx, shifted):
    def codegen(context, builder, signature, args):
        word = ir.IntType(32)
        bits = builder.shl(builder.bitcast(args[0], word), ir.Constant(word, 23))
        return builder.bitcast(bits, ir.FloatType())

    return types.float32(types.float32), codegen


def power_of_two_single(shifted):
    """2**k for a float32 k + EXPONENT_ROUNDER, -126 <= k <= 127; anything for another one."""
    bits, = struct.unpack("<I", struct.pack("<f", shifted))
    return np.float32(struct.unpack("<f", struct.pack("<I", (bits << 23) & (2**32 - 1)))[0])


@overload(power_of_two_single)
def _jit_power_of_two_single(shifted):
    return lambda shifted: _power_of_two(shifted)


@inlined
def exp_negative_single(x):
    """exp(x).

    Parameters
    ----------
    x : float32
        Not above 0.

    Returns
    -------
    float32
        Error at most `EXP_BOUND` from `EXP_SMALLEST` up; 0 below, where exp(x) < 1.7e-38.
    """
    shifted = fma(x, ONE_OVER_LOG_2, EXPONENT_ROUNDER)
    k = shifted - EXPONENT_ROUNDER
    r = fma(-k, LOG_2_PARTS[1], fma(-k, LOG_2_PARTS[0], x))
    p = fma(EXP[6], r, EXP[5])
    p = fma(p, r, EXP[4])
    p = fma(p, r, EXP[3])
    p = fma(p, r, EXP[2])
    p = fma(p, r, EXP[1])
    p = fma(p, r, EXP[0])
    return _ZERO if x < EXP_SMALLEST else p * power_of_two_single(shifted)
