"""What compiled code hears while it runs, and what it hands to Python."""

import threading
from typing import NamedTuple

import numba
import numpy as np
import pytest

from numbragg.kernels.compile.compilation import inlined, jit
from numbragg.kernels.compile.halting import is_halted

pytestmark = pytest.mark.skipif(numba.config.DISABLE_JIT, reason="nothing is compiled")


class Pair(NamedTuple):
    number: float
    count: int


@jit
def pair(x):
    return Pair(x, 1)


@jit
def two(x):
    return x, 1


@inlined
def part(x):
    return x, 1.0


@jit
def number(x):
    return pair(x).number + part(x)[1]


@jit
def turns(halt, most):
    n = 0
    while n < most and not is_halted(halt):
        n += 1
    return n


@pytest.mark.parametrize("kernel", [pair, two])
def test_a_kernel_that_would_make_objects_for_python_is_refused(kernel):
    with pytest.raises(TypeError, match=f"{kernel.py_func.__name__}: .* must return a number or nothing"):
        kernel(1.0)


def test_kernels_hand_each_other_what_they_like():
    assert number(np.float32(2.0)) == 3.0
    # a part is called from Python in tests only
    assert part(2.0) == (2.0, 1.0)


def test_a_kernel_hears_of_it_while_it_runs():
    """A load before the loop would never see it."""
    halt = np.zeros(1, dtype=np.uint8)
    assert turns(halt, 1000) == 1000
    timer = threading.Timer(0.2, halt.__setitem__, (0, 1))
    timer.start()
    # an hour
    assert 1000 < turns(halt, 10 ** 13) < 10 ** 13
    timer.join()
    assert turns(halt, 1000) == 0
