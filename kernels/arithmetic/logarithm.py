"""The natural logarithm of a double, of basic operations only: the same bits on every target.

log(x) = e log 2 + 2 artanh(s), s = f / (2 + f), where x = (1 + f) 2**e with 1 + f between the roots of 1/2 and 2.
"""

import struct

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from ..compile.compilation import inlined
from .elementary import EXPONENT_ROUNDER, LOG_2_PARTS, power_of_two
from .fused import fma

__all__ = ["LOG_BOUND", "log"]

#: Error of `log`, relative to |log x|, in units of 2**-53 (tests/elementary/test_logarithm.py).
LOG_BOUND = 4.0

_ROOT_OF_HALF = 0x3FE6A09E667F3BCD
# artanh(s) / s = 1 + z/3 + z**2/5 ...; z = s**2 <= 0.02944, the first term left out is below 2**-62 of the sum
_TERMS = (1 / 3, 1 / 5, 1 / 7, 1 / 9, 1 / 11, 1 / 13, 1 / 15, 1 / 17, 1 / 19, 1 / 21, 1 / 23)


@intrinsic
def _word(typingctx, x):
    def codegen(context, builder, signature, args):
        return builder.bitcast(args[0], ir.IntType(64))

    return types.int64(types.float64), codegen


def word(x):
    """The bits of a double as a signed integer."""
    return struct.unpack("<q", struct.pack("<d", x))[0]


@overload(word)
def _jit_word(x):
    return lambda x: _word(x)


@inlined
def log(x):
    """log(x).

    Parameters
    ----------
    x : float
        2**-1022 to 2**1022. Not checked.

    Returns
    -------
    float
        Error at most `LOG_BOUND`; 0 at 1.
    """
    e = float((word(x) - _ROOT_OF_HALF) >> 52)
    f = x * power_of_two(EXPONENT_ROUNDER - e) - 1.0
    s = f / (2.0 + f)
    z = s * s
    q = fma(_TERMS[10], z, _TERMS[9])
    q = fma(q, z, _TERMS[8])
    q = fma(q, z, _TERMS[7])
    q = fma(q, z, _TERMS[6])
    q = fma(q, z, _TERMS[5])
    q = fma(q, z, _TERMS[4])
    q = fma(q, z, _TERMS[3])
    q = fma(q, z, _TERMS[2])
    q = fma(q, z, _TERMS[1])
    q = fma(q, z, _TERMS[0])
    # 2 s = f - f s, and f is exact
    rest = fma(2.0 * (s * z), q, fma(e, LOG_2_PARTS[1], -f * s))
    return fma(e, LOG_2_PARTS[0], f + rest)
