"""Environments in which a process computes as on other processors, for tests that its results are the same."""

import os

import numba
import pytest


def dispatched(*wanted):
    """NumPy's names of those processor features that it can be told to leave out; what it calls them has changed."""
    from numpy._core import _multiarray_umath as core

    return " ".join(name for name in core.__cpu_dispatch__ if any(name.startswith(kind) for kind in wanted))


#: AVX-512 and what came with it, then AVX2 and FMA as well.
FOURTH = ("X86_V4", "AVX512")
THIRD = (*FOURTH, "X86_V3", "AVX2", "FMA3", "AVX", "F16C")

PROCESSORS = {
    "no AVX-512 in NumPy": lambda: {"NPY_DISABLE_CPU_FEATURES": dispatched(*FOURTH)},
    "no AVX2 in NumPy": lambda: {"NPY_DISABLE_CPU_FEATURES": dispatched(*THIRD)},
    "another BLAS": lambda: {"OPENBLAS_CORETYPE": "Prescott"},
    "kernels for haswell": lambda: {"NUMBA_CPU_NAME": "haswell"},
    "kernels for any processor": lambda: {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": "+sse2"},
}

#: Those that differ from this one by AVX-512 alone; elsewhere NumPy is what it is, and kernels have the vectors of
#: haswell already.
_WITHOUT_AVX512 = ("no AVX-512 in NumPy", "kernels for haswell")
_WIDE = "+avx512f" in numba.core.codegen.get_host_cpu_features()

each_processor = pytest.mark.parametrize("name", [
    pytest.param(name, marks=pytest.mark.skipif(name in _WITHOUT_AVX512 and not _WIDE,
                                                reason="this processor has no AVX-512 to be left out"))
    for name in PROCESSORS])


def clean():
    """This environment without any of them."""
    return {name: value for name, value in os.environ.items()
            if name not in ("NPY_DISABLE_CPU_FEATURES", "OPENBLAS_CORETYPE", "NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES")}
