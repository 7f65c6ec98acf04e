"""Elementary functions for the lanes: branch-free polynomials of fused multiply-adds, with proven bounds.

They serve the lattice factor only, which enters squared: the sine and cosine here are right up to a
common sign, so the reduction is modulo pi and knows no quadrants.  Nothing here has the C library's
bits.  A bound is the error of the returned double against the exact function of the double `x`,
relative unless it says absolute, in units of u = 2**-53; the domain in which it holds is part of it.
Derivations are in docs/accuracy/elementary.md; tests/elementary has the generator of the
coefficients, the line-by-line bounds computed from these very functions, and the worst cases.

Nothing is checked: arguments outside a domain give a wrong value.  NaN gives NaN, and so does an
infinity, except that the exponentials of minus infinity are 0.
"""

import struct

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from ..compile.compilation import inlined
from .fused import fma

__all__ = [
    "nearest_multiple_of_pi", "remainder_pi", "remainder_pi_short",
    "sine_polynomial", "sine_cubics", "cosine_polynomial",
    "sine_mod_pi", "sine_and_cosine_mod_pi",
    "sphere_difference", "exp_negative", "exp_squared_coarse", "exp_squared_of",
    "SINE_LARGEST", "SINE_BOUND", "SINE_ABOUT_LARGEST",
    "SINE_CUBICS_BOUND", "SINE_CUBICS_ABOUT_BOUND",
    "COSINE_BOUND", "SPHERE_SMALLEST", "SPHERE_DIFFERENCE_BOUND",
    "EXP_SMALLEST", "EXP_LARGEST", "EXP_BOUND", "EXP_SQUARED_SMALLEST", "EXP_SQUARED_LARGEST",
    "EXP_SQUARED_BOUND", "EXP_SQUARED_CONSTANTS", "C_EXP_ZERO_BELOW", "C_EXP_POSITIVE_ABOVE",
]

# -- domains, and bounds in units of 2**-53 (proven in docs/accuracy/elementary.md)

#: Largest |x| of the sines and the cosine.
SINE_LARGEST = 1e8
#: `sine_mod_pi`.
SINE_BOUND = 2.4
#: Largest |k| of `remainder_pi_short`.
SINE_ABOUT_LARGEST = 14478.0
#: `sine_cubics` of `remainder_pi`, and of `remainder_pi_short` for |k| up to `SINE_ABOUT_LARGEST`.
SINE_CUBICS_BOUND = 622.0
SINE_CUBICS_ABOUT_BOUND = 638.0
#: The cosine of `sine_and_cosine_mod_pi`, absolute.
COSINE_BOUND = 2.95
#: `sphere_difference` against the C program's expression, absolute; below the smallest x it is mostly error.
SPHERE_DIFFERENCE_BOUND = 11.5
SPHERE_SMALLEST = 2.0**-7
#: `exp_negative`: 0 below the smallest x, meaningless above the largest.
EXP_SMALLEST = -708.0
EXP_LARGEST = 709.0
EXP_BOUND = 1.35
#: `exp_squared_coarse`: 0 below the smallest x, meaningless above the largest.
EXP_SQUARED_SMALLEST = -354.0
EXP_SQUARED_LARGEST = 354.5
EXP_SQUARED_BOUND = 7000.0
#: The C library's exp is 0 below the first and positive above the second; nothing is said between.
C_EXP_ZERO_BELOW = -745.14
C_EXP_POSITIVE_ABOVE = -745.13

# -- constants made by tests/elementary/generate.py

PI_PARTS = (3.141592653589793, 1.2246467991473532e-16, -2.9947698097183397e-33)
ONE_OVER_PI = 0.3183098861837907
LOG_2_PARTS = (0.6931471805599453, 2.3190468138462996e-17)
ONE_OVER_LOG_2 = 1.4426950408889634
# sin(r) = r + r**3 * polynomial(r**2)
SINE = (
    -0.16666666666666666, 0.008333333333333212, -0.0001984126984121522, 2.755731921211477e-06,
    -2.5052106958123534e-08, 1.605894380592154e-10, -7.643093759857948e-13, 2.7222096190407907e-15,
)
# shorter, and but for a scale: sin(r) = r * p(r**2) * q(r**2) / (p(0) q(0)), two cubics with 1 before the highest power
SINE_CUBICS = (
    -96.61240490870367, 3438.3966013833647, -25486.16543053733,
    -65.82077108476531, 8085.553159053923, -254627.88470924782,
)
# cos(r) = polynomial(r**2)
COSINE = (
    1.0, -0.49999999999999994, 0.0416666666666656, -0.0013888888888828803, 2.4801587286305895e-05,
    -2.7557317160045884e-07, 2.087659868509632e-09, -1.1463821062723788e-11, 4.618291848736008e-14,
)
# exp(r) = polynomial(r)
EXP = (
    1.0, 1.0, 0.5000000000000006, 0.16666666666666569, 0.04166666666657539, 0.0083333333334117,
    0.001388888893156384, 0.00019841269652885523, 2.480150556575868e-05, 2.7557481508236088e-06,
    2.7625852335224924e-07, 2.5026082955032442e-08,
)
# exp(2 r) = polynomial(r)
EXP_SQUARED_COARSE = (
    0.9999999999997623, 1.9999999999612377, 2.0000000002473732, 1.3333333508370484, 0.6666666275062085,
    0.2666645449641132, 0.08889074416399158, 0.025491741084649307, 0.006330152703651892,
)

# adding this rounds to an integer, which then stands in the low bits of the sum
ROUNDER = 1.5 * 2.0**52
# the same, and the low bits hold the integer plus the bias of a double's exponent
EXPONENT_ROUNDER = ROUNDER + 1023.0


# -- sine and cosine, up to sign


@inlined
def nearest_multiple_of_pi(x):
    """The integer nearest to x / pi, as a float; near a tie either neighbour.

    Parameters
    ----------
    x : float
        Any |x| <= `SINE_LARGEST`.

    Returns
    -------
    float
        k with |x - k pi| <= pi/2 + 2**-24.
    """
    return fma(x, ONE_OVER_PI, ROUNDER) - ROUNDER


@inlined
def remainder_pi(x, k):
    """x - k pi.

    The first multiply-add is exact, the other two round once each, and none of them cancels what
    an earlier one has rounded: the doubles nearest to multiples of pi are no exception.

    Parameters
    ----------
    x : float
        Any |x| <= `SINE_LARGEST`.
    k : float
        An integer with |x - k pi| <= pi/2 + 2**-24. Not checked.

    Returns
    -------
    float
        Relative error at most 2.01 u.
    """
    return fma(-k, PI_PARTS[2], fma(-k, PI_PARTS[1], fma(-k, PI_PARTS[0], x)))


@inlined
def remainder_pi_short(x, k):
    """x - k pi with two parts of pi: one operation less than `remainder_pi`, and a smaller domain.

    Parameters
    ----------
    x : float
    k : float
        An integer with |x - k pi| <= pi/2 + 2**-24 and |k| <= `SINE_ABOUT_LARGEST`. Not checked.

    Returns
    -------
    float
        Relative error at most 633 u, reached at the double nearest to 29 pi; for larger |k| up to 7.4e7 u.
    """
    return fma(-k, PI_PARTS[1], fma(-k, PI_PARTS[0], x))


@inlined
def sine_polynomial(r):
    """Sine of r for |r| <= pi/2 + 2**-24."""
    z = r * r
    q = fma(SINE[7], z, SINE[6])
    q = fma(q, z, SINE[5])
    q = fma(q, z, SINE[4])
    q = fma(q, z, SINE[3])
    q = fma(q, z, SINE[2])
    q = fma(q, z, SINE[1])
    q = fma(q, z, SINE[0])
    return fma(r * z, q, r)


@inlined
def sine_cubics(r):
    """SINE_CUBICS[2] * SINE_CUBICS[5] times the sine of r, to 13 digits, for |r| <= pi/2 + 2**-24 (subnormal r: fewer).

    For ratios of such sines, from which the scale goes.  It takes one operation more than
    one polynomial of that degree, and two thirds of the time from the first to the last of them: a processor holds some
    sixty vector operations that wait for others, and is kept busy by the shorter chains.
    """
    z = r * r
    p = fma(fma(z + SINE_CUBICS[0], z, SINE_CUBICS[1]), z, SINE_CUBICS[2])
    q = fma(fma(z + SINE_CUBICS[3], z, SINE_CUBICS[4]), z, SINE_CUBICS[5])
    return r * p * q


@inlined
def cosine_polynomial(r):
    """Cosine of r for |r| <= pi/2 + 2**-24; the error is absolute: near pi/2 no digit need be right."""
    z = r * r
    c = fma(COSINE[8], z, COSINE[7])
    c = fma(c, z, COSINE[6])
    c = fma(c, z, COSINE[5])
    c = fma(c, z, COSINE[4])
    c = fma(c, z, COSINE[3])
    c = fma(c, z, COSINE[2])
    c = fma(c, z, COSINE[1])
    return fma(c, z, COSINE[0])


@inlined
def sine_mod_pi(x):
    """Sine of x up to sign, to the last bit or two.

    Parameters
    ----------
    x : float
        Any |x| <= `SINE_LARGEST`, subnormal numbers and the doubles nearest to multiples of pi included.

    Returns
    -------
    float
        Error at most `SINE_BOUND`; 0 at 0 only.
    """
    return sine_polynomial(remainder_pi(x, nearest_multiple_of_pi(x)))


@inlined
def sine_and_cosine_mod_pi(x):
    """Sine and cosine of x up to one common sign.

    Parameters
    ----------
    x : float
        As for `sine_mod_pi`.

    Returns
    -------
    tuple of 2 floats
        Error at most `SINE_BOUND` relative, and `COSINE_BOUND` absolute.
    """
    r = remainder_pi(x, nearest_multiple_of_pi(x))
    return sine_polynomial(r), cosine_polynomial(r)


@inlined
def sphere_difference(x, inverse):
    """sin(x)/x - cos(x) up to sign.

    The difference is about x**2/3 for small x and has zeros beyond x = 4.49, so its error is absolute.

    Parameters
    ----------
    x : float
        0 < x <= `SINE_LARGEST`; 0 gives NaN.
    inverse : float
        1 / x, rounded.

    Returns
    -------
    float
        Within `SPHERE_DIFFERENCE_BOUND`, absolute, of what the C program computes with the C
        library's functions. At x = `SPHERE_SMALLEST` that is 6.3e-11 of the difference.
    """
    s, c = sine_and_cosine_mod_pi(x)
    return fma(s, inverse, -c)


# -- exponentials


@intrinsic
def _power_of_two(typingctx, shifted):
    def codegen(context, builder, signature, args):
        word = ir.IntType(64)
        bits = builder.shl(builder.bitcast(args[0], word), ir.Constant(word, 52))
        return builder.bitcast(bits, ir.DoubleType())

    return types.float64(types.float64), codegen


def power_of_two(shifted):
    """2**k for a double k + EXPONENT_ROUNDER, -1022 <= k <= 1023; anything for another double.

    The low bits of that sum are the biased exponent of the result; a shift puts them in place.
    """
    bits, = struct.unpack("<Q", struct.pack("<d", shifted))
    return struct.unpack("<d", struct.pack("<Q", (bits << 52) & (2**64 - 1)))[0]


@overload(power_of_two)
def _jit_power_of_two(shifted):
    return lambda shifted: _power_of_two(shifted)


@inlined
def exp_polynomial(r):
    """exp(r) for |r| <= log(2)/2 + 2**-24."""
    p = fma(EXP[11], r, EXP[10])
    p = fma(p, r, EXP[9])
    p = fma(p, r, EXP[8])
    p = fma(p, r, EXP[7])
    p = fma(p, r, EXP[6])
    p = fma(p, r, EXP[5])
    p = fma(p, r, EXP[4])
    p = fma(p, r, EXP[3])
    p = fma(p, r, EXP[2])
    p = fma(p, r, EXP[1])
    return fma(p, r, EXP[0])


@inlined
def exp_negative(x):
    """exp(x).

    Parameters
    ----------
    x : float
        Up to `EXP_LARGEST`.

    Returns
    -------
    float
        Error at most `EXP_BOUND` from `EXP_SMALLEST` up; 0 below, where exp(x) < 3.4e-308.
    """
    shifted = fma(x, ONE_OVER_LOG_2, EXPONENT_ROUNDER)
    k = shifted - EXPONENT_ROUNDER
    r = fma(-k, LOG_2_PARTS[1], fma(-k, LOG_2_PARTS[0], x))
    value = exp_polynomial(r) * power_of_two(shifted)
    return 0.0 if x < EXP_SMALLEST else value


#: What `exp_squared_of` works with.
EXP_SQUARED_CONSTANTS = (*EXP_SQUARED_COARSE, 2.0 * ONE_OVER_LOG_2, EXPONENT_ROUNDER, 0.5 * LOG_2_PARTS[0],
                         0.5 * LOG_2_PARTS[1], EXP_SQUARED_SMALLEST)


@inlined
def exp_squared_polynomial(c, r):
    """exp(2 r) for |r| <= log(2)/4 + 2**-25; to 12 digits with the coefficients EXP_SQUARED_COARSE."""
    p = fma(c[8], r, c[7])
    p = fma(p, r, c[6])
    p = fma(p, r, c[5])
    p = fma(p, r, c[4])
    p = fma(p, r, c[3])
    p = fma(p, r, c[2])
    p = fma(p, r, c[1])
    return fma(p, r, c[0])


@inlined
def exp_squared_of(constants, x):
    """`exp_squared_coarse`, its constants given.

    A compiler makes those that it knows anew for every few lanes, which is half of the instructions of a short loop;
    those that it does not know it keeps.
    """
    shifted = fma(x, constants[9], constants[10])
    k = shifted - constants[10]
    r = fma(-k, constants[12], fma(-k, constants[11], x))
    value = exp_squared_polynomial(constants, r) * power_of_two(shifted)
    return 0.0 if x < constants[13] else value


@inlined
def exp_squared_coarse(x):
    """exp(x)**2, to 12 digits.

    Parameters
    ----------
    x : float
        Up to `EXP_SQUARED_LARGEST`.

    Returns
    -------
    float
        Error at most `EXP_SQUARED_BOUND` from `EXP_SQUARED_SMALLEST` up; 0 below, where
        exp(x)**2 < 3.4e-308.
    """
    return exp_squared_of(EXP_SQUARED_CONSTANTS, x)
