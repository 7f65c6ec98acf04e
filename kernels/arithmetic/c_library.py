"""The C library's elementary functions under names of our own, callable from kernels and from Python.

A compiler that sees a call of `sin` may fold it, vectorise it or replace it.  The strict evaluator
promises the bits of the C library, so kernels call the library's addresses under names that no
compiler knows.  In the interpreter the same callables are `math`'s, which call the same library.
"""

import ctypes
import ctypes.util
import math
import sys

from llvmlite import ir
import llvmlite.binding
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload
import numpy as np

from .fused import in_kernels

__all__ = ["c_sin", "c_cos", "c_exp", "c_log", "c_tan", "c_atan", "c_atan2", "c_erf", "c_powf",
           "sincos"]


def _library():
    if sys.platform == "win32":
        return ctypes.CDLL("ucrtbase")
    return ctypes.CDLL(ctypes.util.find_library("m") or None)


_LIBM = _library()
_PREFIX = "numbragg_libm_"


def _register(name):
    address = ctypes.cast(getattr(_LIBM, name), ctypes.c_void_p).value
    llvmlite.binding.add_symbol(_PREFIX + name, address)


for _name in ("sin", "cos", "exp", "log", "tan", "atan", "atan2", "erf", "powf"):
    _register(_name)

_d1 = types.float64(types.float64)
_sin = types.ExternalFunction(_PREFIX + "sin", _d1)
_cos = types.ExternalFunction(_PREFIX + "cos", _d1)
_exp = types.ExternalFunction(_PREFIX + "exp", _d1)
_log = types.ExternalFunction(_PREFIX + "log", _d1)
_tan = types.ExternalFunction(_PREFIX + "tan", _d1)
_atan = types.ExternalFunction(_PREFIX + "atan", _d1)
_erf = types.ExternalFunction(_PREFIX + "erf", _d1)
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


def c_atan(x):
    """The C library's arc tangent of a double."""
    return math.atan(x)


_erf_ctypes = _LIBM.erf
_erf_ctypes.restype = ctypes.c_double
_erf_ctypes.argtypes = [ctypes.c_double]


def c_erf(x):
    """The C library's error function of a double (Python had one of its own)."""
    return _erf_ctypes(x)


def c_atan2(y, x):
    """The C library's arc tangent of y/x in the right quadrant."""
    return math.atan2(y, x)


_powf_ctypes = _LIBM.powf
_powf_ctypes.restype = ctypes.c_float
_powf_ctypes.argtypes = [ctypes.c_float, ctypes.c_float]


def c_powf(x, y):
    """The C library's single-precision power (not the rounded double one: bits differ)."""
    return np.float32(_powf_ctypes(x, y))


for _function, _called in ((c_sin, _sin), (c_cos, _cos), (c_exp, _exp), (c_log, _log), (c_tan, _tan),
                           (c_atan, _atan), (c_erf, _erf)):
    in_kernels(_function, _called)


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
