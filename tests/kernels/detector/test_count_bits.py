"""Counts have the same bits on all processors, threads, in the interpreter and on CUDA, and for ever."""

import os
import re
import subprocess
import sys

import count_bits
from cuda_tools import CAPABILITIES, needs_numba_cuda
import numba
import numpy as np
from places import TESTS
from processors import PROCESSORS, clean, each_processor
import pytest

INTERPRETED = bool(numba.config.DISABLE_JIT)
SIMULATION = {"NUMBA_ENABLE_CUDASIM": "1", "NUMBA_DISABLE_JIT": "1"}
HERE = TESTS / "kernels" / "detector"
#: Of draws, deviates and counts: a change of it is another random generator, which users must be told of.
HASH = "341d9b59ca15ac409f426e2d669bfe54dced74cef29391d7f49693d4195779bd"

own_processes = pytest.mark.skipif(INTERPRETED, reason="starts interpreters of its own")


def digest(how, **environment):
    done = subprocess.run([sys.executable, "-W", "ignore", HERE / "count_bits.py", how], env=clean() | environment,
                          capture_output=True, text=True, cwd=TESTS.parent)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.strip()


@pytest.mark.parametrize("threads", ["1", "2"])
def test_the_hash(threads):
    with np.errstate(all="ignore"):
        assert count_bits.main(threads) == HASH


@own_processes
@each_processor
def test_other_processors(name):
    assert digest("2", **PROCESSORS[name]()) == HASH


@own_processes
def test_in_the_interpreter():
    assert digest("1", NUMBA_DISABLE_JIT="1") == HASH


@own_processes
@needs_numba_cuda
def test_on_the_cuda_simulator():
    assert digest("cuda", **SIMULATION) == HASH


def test_a_region_has_the_image_s_counts():
    from numbragg.kernels.detector import draws, poisson

    whole, part = count_bits.means(), count_bits.means()[7:20, 11:50]
    part = np.ascontiguousarray(part)
    with np.errstate(all="ignore"):
        poisson.replace_by_counts(whole, count_bits.SEED, draws.COUNTING, 1, 0, 0, 0)
        poisson.replace_by_counts(part, count_bits.SEED, draws.COUNTING, 1, 0, 7, 11)
    assert np.array_equal(whole[7:20, 11:50], part)


# -- compiled for CUDA, without a device: nothing contracted


def _marked_ptx():
    """PTX in which the multiply-adds that are written on purpose are calls."""
    code = ("import sys; sys.path[:0] = sys.argv[1:]\n"
            "from numbragg.kernels.arithmetic import fused\n"
            "import marked_fma\n"
            "fused._fma = marked_fma.marked\n"
            "import test_count_bits\n"
            "print(marked_fma.SEPARATOR.join(test_count_bits.ptx()))\n")
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code, str(TESTS), str(HERE)], capture_output=True,
                          text=True, cwd=TESTS.parent, env=dict(os.environ))
    assert done.returncode == 0, done.stderr[-3000:]
    from marked_fma import SEPARATOR

    return done.stdout.split(SEPARATOR)


def ptx():
    """PTX of counts for all compute capabilities."""
    from numbragg.kernels.compile import cuda_target

    arguments = np.zeros((1, 1)), count_bits.SEED, np.zeros((3, 1, 1))
    return cuda_target.assembly(count_bits.kernel(), arguments, CAPABILITIES)


@own_processes
@needs_numba_cuda
def test_ptx_has_no_fused_multiply_add_but_those_written():
    from numbragg.kernels.compile.cuda_target import contracted

    for text in ptx():
        assert contracted(text) == [] and len(re.findall(r"\b(?:add|sub|mul)\.rn\.f64", text)) > 50
        assert re.search(r"\bfma\.rn\.f64", text)
    marked = _marked_ptx()
    assert len(marked) == len(CAPABILITIES) and not any(re.search(r"\bfma\.", text) for text in marked)
