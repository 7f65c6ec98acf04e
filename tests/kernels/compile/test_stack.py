"""Memory on a kernel's stack: aligned, of the size and type asked for, and not shared."""

from formula_tools import INTERPRETED
import numba
import numpy as np
import pytest

from numbragg.kernels.compile.compilation import jit
from numbragg.kernels.compile.stack import on_stack

SIZE = 4736


@jit
def _use(first, second, results):
    """Fill two arrays, one after the other; both must still be right then."""
    doubles, floats = on_stack(SIZE, np.float64), on_stack(3, np.float32)
    for i in range(doubles.shape[0]):
        doubles[i] = first + i
    for i in range(floats.shape[0]):
        floats[i] = second + i
    for i in range(doubles.shape[0]):
        results[i] = doubles[i]
    for i in range(floats.shape[0]):
        results[SIZE + i] = floats[i]
    return 10 * doubles.shape[0] + floats.shape[0]


def test_arrays_keep_what_is_written():
    for first, second in ((0.0, 0.5), (1e300, -2.0)):
        results = np.full(SIZE + 4, np.nan)
        assert _use(first, second, results) == 10 * SIZE + 3
        assert (results[:SIZE] == first + np.arange(SIZE)).all()
        assert (results[SIZE:-1] == np.float32(second) + np.arange(3)).all() and np.isnan(results[-1])


@jit
def _addresses(out):
    for n in range(out.shape[0]):
        one, other = on_stack(SIZE, np.float64), on_stack(5, np.float32)
        out[n, 0], out[n, 1] = one.ctypes.data, other.ctypes.data


@pytest.mark.skipif(INTERPRETED, reason="the interpreter's arrays lie anywhere")
def test_arrays_lie_side_by_side_on_cache_lines():
    out = np.zeros((3, 2), dtype=np.int64)
    _addresses(out)
    one, other = out[0]
    assert one % 64 == other % 64 == 0
    assert 64 <= one - other < 4096 or SIZE * 8 <= other - one < SIZE * 8 + 4096
    # a loop does not take more of the stack each time
    assert (out == out[0]).all()


@pytest.mark.skipif(INTERPRETED, reason="the interpreter takes any size")
def test_size_is_a_constant():
    with pytest.raises(numba.TypingError, match="on_stack: the size must be a constant"):
        jit(lambda size: on_stack(size, np.float64)[0])(5)
