"""Operations that a processor has and Python has not, or not with its types: fused multiply-add, rounding, roots.

Each is one rounding of the exact result, on every target: vector code on the CPU, correctly rounded
instructions on CUDA, the same bits in the interpreter.
"""

import math
import struct

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload, register_jitable
import numpy as np

__all__ = ["WHOLE_SHIFT", "ceil", "divided", "floor", "fma", "in_kernels", "shifted_whole", "sqrt",
           "whole_double"]


def in_kernels(function, called):
    """Make a function of one argument, in kernels, a call of something else."""
    overload(function)(lambda x: lambda x: called(x))


# -- fused multiply-add, for the lane functions that want it; nothing else is ever contracted


@intrinsic
def _fma(typingctx, a, b, c):
    def codegen(context, builder, signature, args):
        return builder.fma(*args)

    kind = types.float32 if a == b == c == types.float32 else types.float64
    return kind(kind, kind, kind), codegen


def _single(numerator, denominator):
    """A ratio of integers rounded to float32, once: by way of the double that is odd where it is not exact."""
    double = numerator / denominator
    above, below = double.as_integer_ratio()
    rest = numerator * below - above * denominator
    if rest and not int.from_bytes(struct.pack("<d", double)[:1], "little") & 1:
        double = math.nextafter(double, math.inf if rest > 0 else -math.inf)
    return np.float32(double)


def fma(a, b, c):
    """a * b + c, rounded once, to float32 if all three are; vectorised where the processor has the instruction."""
    if not (math.isfinite(a) and math.isfinite(b) and math.isfinite(c)):
        return a * b + c
    (above_a, below_a), (above_b, below_b), (above_c, below_c) = (float(x).as_integer_ratio() for x in (a, b, c))
    # exact, and a quotient of integers is rounded once
    product = below_a * below_b
    numerator, denominator = above_a * above_b * below_c + above_c * product, product * below_c
    try:
        if not numerator:
            return a * b + c
        single = all(isinstance(x, np.float32) for x in (a, b, c))
        return _single(numerator, denominator) if single else numerator / denominator
    except OverflowError:
        return math.inf if numerator > 0 else -math.inf


@overload(fma)
def _jit_fma(a, b, c):
    return lambda a, b, c: _fma(a, b, c)


# -- whole numbers in the low bits of doubles: converting is slow, and few processors have it for vectors


#: A double n + WHOLE_SHIFT has the whole number n, 0 <= n < 2**52, in its low bits.
WHOLE_SHIFT = 2.0**52

_WHOLE_SHIFT_BITS, = struct.unpack("<q", struct.pack("<d", WHOLE_SHIFT))


@intrinsic
def _bits(typingctx, x):
    def codegen(context, builder, signature, args):
        return builder.bitcast(args[0], ir.IntType(64))

    return types.int64(types.float64), codegen


def shifted_whole(x):
    """The whole number n of a double n + WHOLE_SHIFT, as an int64; anything where n is none or out of range."""
    bits, = struct.unpack("<q", struct.pack("<d", x))
    return np.int64(bits - _WHOLE_SHIFT_BITS)


in_kernels(shifted_whole, register_jitable(lambda x: _bits(x) - _WHOLE_SHIFT_BITS))


@intrinsic
def _double(typingctx, n):
    def codegen(context, builder, signature, args):
        return builder.bitcast(args[0], ir.DoubleType())

    return types.float64(types.int64), codegen


def whole_double(n):
    """The double n + WHOLE_SHIFT of a whole number n, 0 <= n < 2**52, an int64; anything where n is out of range."""
    double, = struct.unpack("<d", struct.pack("<q", n + _WHOLE_SHIFT_BITS))
    return double


in_kernels(whole_double, register_jitable(lambda n: _double(n + _WHOLE_SHIFT_BITS)))


# -- of one argument and its type: vector code on the CPU, correctly rounded on CUDA


def _on_cuda(context):
    return "cuda" in type(context).__module__


def _of_one(name, on_cuda):
    """Intrinsic for a function: LLVM's own, or what libNVVM has in its place, for doubles and floats."""
    @intrinsic
    def called_by_name(typingctx, x):
        if x not in (types.float32, types.float64):
            return None

        def codegen(context, builder, signature, args):
            kind = args[0].type
            if _on_cuda(context):
                called = on_cuda[x == types.float32]
            else:
                called = f"llvm.{name}." + ("f32" if x == types.float32 else "f64")
            function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(kind, [kind]), called)
            return builder.call(function, args)

        return x(x), codegen

    return called_by_name


_ceil = _of_one("ceil", ("__nv_ceil", "__nv_ceilf"))
_floor = _of_one("floor", ("__nv_floor", "__nv_floorf"))
_sqrt = _of_one("sqrt", ("llvm.nvvm.sqrt.rn.d", "llvm.nvvm.sqrt.rn.f"))


def ceil(x):
    """Least whole number that is not below x, of x's type (`math.ceil` makes an int, and breaks vectors)."""
    return np.ceil(x)


def floor(x):
    """Largest whole number that is not above x, of x's type."""
    return np.floor(x)


def sqrt(x):
    """Square root of x, of x's type (`math.sqrt` makes a double in the interpreter)."""
    return np.sqrt(x)


for _function, _called in ((ceil, _ceil), (floor, _floor), (sqrt, _sqrt)):
    in_kernels(_function, _called)


@register_jitable(error_model="numpy")
def divided(x, divisor, reciprocal):
    """x / divisor, correctly rounded, by multiplication with the rounded reciprocal and a correction.

    Markstein's theorem: one step with the exact remainder leaves the rounded quotient.  Not so
    where the quotient or the remainder is denormal, and NaN for infinite x.
    """
    quotient = x * reciprocal
    return fma(fma(-divisor, quotient, x), reciprocal, quotient)
