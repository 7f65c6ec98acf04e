"""These tests want numba's CUDA simulator, which must be chosen before numba is imported."""

import numba
import pytest


def pytest_collection_modifyitems(items):
    for item in items:
        if "simulated" not in item.path.parts:
            continue
        if not numba.config.ENABLE_CUDASIM:
            # test_cuda_simulator starts them in a process of their own
            item.add_marker(pytest.mark.skip(reason="runs in a process with the CUDA simulator"))
