"""The C library's elementary functions under names of our own, callable from kernels and from Python.

A compiler that sees a call of `sin` may fold it, vectorise it or replace it.  The strict evaluator
promises the bits of the C library, so kernels call the library's addresses under names that no
compiler knows.  In the interpreter the same callables are `math`'s, which call the same library.
"""

import ctypes
import ctypes.util
from fractions import Fraction
import math
import struct
import sys

from llvmlite import ir
import llvmlite.binding
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload, register_jitable
import numpy as np

__all__ = ["c_sin", "c_cos", "c_exp", "c_log", "c_tan", "c_atan2", "c_powf", "sincos", "fma", "divided", "ceil",
           "floor", "sqrt"]


def _library():
    if sys.platform == "win32":
        return ctypes.CDLL("ucrtbase")
    return ctypes.CDLL(ctypes.util.find_library("m") or None)


_LIBM = _library()
_PREFIX = "numbragg_libm_"


def _register(name):
    address = ctypes.cast(getattr(_LIBM, name), ctypes.c_void_p).value
    llvmlite.binding.add_symbol(_PREFIX + name, address)


for _name in ("sin", "cos", "exp", "log", "tan", "atan2", "powf"):
    _register(_name)

_d1 = types.float64(types.float64)
_sin = types.ExternalFunction(_PREFIX + "sin", _d1)
_cos = types.ExternalFunction(_PREFIX + "cos", _d1)
_exp = types.ExternalFunction(_PREFIX + "exp", _d1)
_log = types.ExternalFunction(_PREFIX + "log", _d1)
_tan = types.ExternalFunction(_PREFIX + "tan", _d1)
_atan2 = types.ExternalFunction(_PREFIX + "atan2", types.float64(types.float64, types.float64))
_powf = types.ExternalFunction(_PREFIX + "powf", types.float32(types.float32, types.float32))


def c_sin(x):
    """The C library's sine of a double."""
    return math.sin(x) if math.isfinite(x) else math.nan


def c_cos(x):
    """The C library's cosine of a double."""
    return math.cos(x) if math.isfinite(x) else math.nan


def c_exp(x):
    """The C library's exponential of a double."""
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf


def c_log(x):
    """The C library's natural logarithm of a positive double."""
    return math.log(x)


def c_tan(x):
    """The C library's tangent of a double."""
    return math.tan(x)


def c_atan2(y, x):
    """The C library's arc tangent of y/x in the right quadrant."""
    return math.atan2(y, x)


_powf_ctypes = _LIBM.powf
_powf_ctypes.restype = ctypes.c_float
_powf_ctypes.argtypes = [ctypes.c_float, ctypes.c_float]


def c_powf(x, y):
    """The C library's single-precision power (not the rounded double one: bits differ)."""
    return np.float32(_powf_ctypes(x, y))


def _in_kernels(function, called):
    """In kernels, a function of one argument is a call of something else."""
    overload(function)(lambda x: lambda x: called(x))


for _function, _called in ((c_sin, _sin), (c_cos, _cos), (c_exp, _exp), (c_log, _log), (c_tan, _tan)):
    _in_kernels(_function, _called)


@overload(c_atan2)
def _jit_atan2(y, x):
    return lambda y, x: _atan2(y, x)


@overload(c_powf)
def _jit_powf(x, y):
    return lambda x, y: _powf(np.float32(x), np.float32(y))


# -- sine and cosine of one argument: one call where the C library has it (its bits equal the
# -- separate calls': glibc's sincos shares their code)

_HAS_SINCOS = hasattr(_LIBM, "sincos")
if _HAS_SINCOS:
    _register("sincos")


@intrinsic
def _sincos(typingctx, x):
    def codegen(context, builder, signature, args):
        double = ir.DoubleType()
        pointer = double.as_pointer()
        function_type = ir.FunctionType(ir.VoidType(), [double, pointer, pointer])
        function = cgutils.get_or_insert_function(builder.module, function_type, _PREFIX + "sincos")
        s = cgutils.alloca_once(builder, double)
        c = cgutils.alloca_once(builder, double)
        builder.call(function, [args[0], s, c])
        return context.make_tuple(builder, signature.return_type, [builder.load(s), builder.load(c)])

    return types.UniTuple(types.float64, 2)(types.float64), codegen


def sincos(x):
    """Sine and cosine of one argument, the C library's."""
    return c_sin(x), c_cos(x)


@overload(sincos)
def _jit_sincos(x):
    if _HAS_SINCOS:
        return lambda x: _sincos(x)
    return lambda x: (_sin(x), _cos(x))


# -- fused multiply-add, for the lane functions that want it; nothing else is ever contracted


@intrinsic
def _fma(typingctx, a, b, c):
    def codegen(context, builder, signature, args):
        return builder.fma(*args)

    kind = types.float32 if a == b == c == types.float32 else types.float64
    return kind(kind, kind, kind), codegen


def _single(exact):
    """A fraction rounded to float32, once: by way of the double that is odd where it is not exact."""
    double = float(exact)
    if Fraction(double) != exact and not int.from_bytes(struct.pack("<d", double)[:1], "little") & 1:
        double = math.nextafter(double, math.inf if exact > Fraction(double) else -math.inf)
    return np.float32(double)


def fma(a, b, c):
    """a * b + c, rounded once, to float32 if all three are; vectorised where the processor has the instruction."""
    if not (math.isfinite(a) and math.isfinite(b) and math.isfinite(c)):
        return a * b + c
    exact = Fraction(float(a)) * Fraction(float(b)) + Fraction(float(c))
    try:
        if not exact:
            return a * b + c
        return _single(exact) if all(isinstance(x, np.float32) for x in (a, b, c)) else float(exact)
    except OverflowError:
        return math.inf if exact > 0 else -math.inf


@overload(fma)
def _jit_fma(a, b, c):
    return lambda a, b, c: _fma(a, b, c)


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
    _in_kernels(_function, _called)


@register_jitable(error_model="numpy")
def divided(x, divisor, reciprocal):
    """x / divisor, correctly rounded, by multiplication with the rounded reciprocal and a correction.

    Markstein's theorem: one step with the exact remainder leaves the rounded quotient.  Not so
    where the quotient or the remainder is denormal, and NaN for infinite x.
    """
    quotient = x * reciprocal
    return fma(fma(-divisor, quotient, x), reciprocal, quotient)
