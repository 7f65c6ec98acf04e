"""Memory on a kernel's stack: aligned, of the size and type asked for, and not shared."""

import numpy as np
import pytest

from formula_tools import INTERPRETED
from numbragg.kernels.compilation import jit
from numbragg.kernels.stack import on_stack

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
    return doubles.shape[0], floats.shape[0]


def test_arrays_keep_what_is_written():
    for first, second in ((0.0, 0.5), (1e300, -2.0)):
        results = np.full(SIZE + 4, np.nan)
        assert _use(first, second, results) == (SIZE, 3)
        assert (results[:SIZE] == first + np.arange(SIZE)).all()
        assert (results[SIZE:-1] == np.float32(second) + np.arange(3)).all() and np.isnan(results[-1])


@jit
def _addresses(again, out):
    for _ in range(again):
        one, other = on_stack(SIZE, np.float64), on_stack(5, np.float32)
        out[0], out[1] = one.ctypes.data, other.ctypes.data


@pytest.mark.skipif(INTERPRETED, reason="the interpreter's arrays lie anywhere")
def test_arrays_lie_side_by_side_on_cache_lines():
    out = np.zeros(2, dtype=np.int64)
    _addresses(1, out)
    once = out.copy()
    assert (out % 64 == 0).all()
    assert 64 <= out[0] - out[1] < 4096 or SIZE * 8 <= out[1] - out[0] < SIZE * 8 + 4096
    # a loop does not take more of the stack each time
    _addresses(10_000, out)
    assert (np.diff(out) == np.diff(once)).all()
