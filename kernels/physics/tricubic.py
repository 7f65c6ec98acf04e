"""Vector code written out, for the one place where a compiler does not find it: tricubic interpolation.

Four neighbours along l lie side by side in memory, so the sixty-four values about a point are
sixteen vectors; each level of the interpolation weighs four vectors and adds them up across, with
the operations and the order of `structure_factor.cubic_lane`, or of `weighed` in single precision.
In the interpreter the scalar form runs instead.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload
import numpy as np

from .structure_factor import tricubic_scalar, tricubic_scalar_single

__all__ = ["tricubic"]


def tricubic(amplitudes, at, row_h, row_k, wh, wk, wl):
    """Interpolated structure factor.

    Parameters
    ----------
    amplitudes : (n,) float64 or float32
        Flat table, rows of l.
    at : int
        Place of the first of the 4 x 4 x 4 values.
    row_h, row_k : int
        Values of k per h, and of l per k.
    wh, wk, wl : tuples of 4 of the same type
        Weights of `structure_factor.cubic_weights`, or of `single_weights`.
    """
    scalar = tricubic_scalar_single if amplitudes.dtype == np.float32 else tricubic_scalar
    return scalar(amplitudes, at, row_h, row_k, wh, wk, wl)


_DOUBLE = ir.DoubleType()
_FOUR = ir.VectorType(_DOUBLE, 4)
_FOUR_SINGLE = ir.VectorType(ir.FloatType(), 4)
_INT = ir.IntType(32)
_DIVISORS = (-6.0, 2.0, -2.0, 6.0)


def _constant(values):
    return ir.Constant(_FOUR, [ir.Constant(_DOUBLE, v) for v in values])


def _fma(builder, a, b, c):
    function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(_FOUR, [_FOUR] * 3), "llvm.fma.v4f64")
    return builder.call(function, [a, b, c])


def _weighed(builder, weights, values):
    """weights * values, and for doubles / (-6, 2, -2, 6), as `fused.divided` divides."""
    product = builder.fmul(weights, values)
    if values.type == _FOUR_SINGLE:
        return product
    reciprocals = _constant([1.0 / d for d in _DIVISORS])
    quotient = builder.fmul(product, reciprocals)
    remainder = _fma(builder, _constant([-d for d in _DIVISORS]), quotient, product)
    return _fma(builder, remainder, reciprocals, quotient)


def _shuffle(builder, a, b, places):
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(_INT, 4), [ir.Constant(_INT, p) for p in places]))


def _sums(builder, rows):
    """Sum of each of four vectors, from its first element on, as one vector."""
    a = _shuffle(builder, rows[0], rows[1], (0, 4, 2, 6))
    b = _shuffle(builder, rows[0], rows[1], (1, 5, 3, 7))
    c = _shuffle(builder, rows[2], rows[3], (0, 4, 2, 6))
    d = _shuffle(builder, rows[2], rows[3], (1, 5, 3, 7))
    columns = (_shuffle(builder, a, c, (0, 1, 4, 5)), _shuffle(builder, b, d, (0, 1, 4, 5)),
               _shuffle(builder, a, c, (2, 3, 6, 7)), _shuffle(builder, b, d, (2, 3, 6, 7)))
    total = columns[0]
    for column in columns[1:]:
        total = builder.fadd(total, column)
    return total


def _vector(builder, four, values):
    vector = ir.Constant(four, ir.Undefined)
    for n, value in enumerate(values):
        vector = builder.insert_element(vector, value, ir.Constant(_INT, n))
    return vector


@intrinsic
def _tricubic(typingctx, amplitudes, at, row_h, row_k, wh, wk, wl):
    kind = amplitudes.dtype
    four = types.UniTuple(kind, 4)
    signature = kind(amplitudes, types.uint64, types.uint64, types.uint64, four, four, four)
    vector = _FOUR_SINGLE if kind == types.float32 else _FOUR

    def codegen(context, builder, signature, args):
        array = context.make_array(signature.args[0])(context, builder, args[0])
        weights = [_vector(builder, vector, cgutils.unpack_tuple(builder, w, 4)) for w in args[4:]]
        planes = []
        for plane in range(4):
            rows = []
            for n in range(4):
                skipped = builder.add(builder.mul(ir.Constant(ir.IntType(64), plane), args[2]),
                                      ir.Constant(ir.IntType(64), n))
                place = builder.add(args[1], builder.mul(skipped, args[3]))
                pointer = builder.bitcast(builder.gep(array.data, [place]), vector.as_pointer())
                loaded = builder.load(pointer)
                loaded.align = kind.bitwidth // 8
                rows.append(_weighed(builder, weights[2], loaded))
            planes.append(_weighed(builder, weights[1], _sums(builder, rows)))
        last = _weighed(builder, weights[0], _sums(builder, planes))
        total = builder.extract_element(last, ir.Constant(_INT, 0))
        for n in range(1, 4):
            total = builder.fadd(total, builder.extract_element(last, ir.Constant(_INT, n)))
        return total

    return signature, codegen


@overload(tricubic)
def _jit_tricubic(amplitudes, at, row_h, row_k, wh, wk, wl):
    return lambda amplitudes, at, row_h, row_k, wh, wk, wl: _tricubic(amplitudes, at, row_h, row_k, wh, wk, wl)
