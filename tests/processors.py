"""Environments in which a process computes as on other processors, for tests that its results are the same."""

import os


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


def clean():
    """This environment without any of them."""
    return {name: value for name, value in os.environ.items()
            if name not in ("NPY_DISABLE_CPU_FEATURES", "OPENBLAS_CORETYPE", "NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES")}
