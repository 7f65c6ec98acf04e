"""What a launch hands to the driver: numbers, their kinds and their places, against the kernel's own list.

There is no device, so the arrays are descriptions of arrays, and the driver's launch is caught.
"""

import ctypes
import re
import types

from cuda_tools import SQUARE_ABOUT, example_arguments, needs_numba_cuda
from formula_tools import INTERPRETED
import numpy as np
import pytest

from numbragg.kernels.compile import cuda_target
from numbragg.kernels.drive import cuda as driver_cuda

pytestmark = [needs_numba_cuda, pytest.mark.skipif(INTERPRETED, reason="there is no code in the interpreter")]

#: Bytes of arguments that every driver takes.
MOST_BYTES = 4096


class DeviceArray:
    """As numba-cuda describes an array on a device."""

    __cuda_ndarray__ = __cuda_memory__ = True

    def __init__(self, array, ptr):
        self.shape, self.dtype, self.size, self.ndim = array.shape, array.dtype, array.size, array.ndim
        self.ptr = ptr
        self._layout = types.SimpleNamespace(strides_in_bytes=None, is_contiguous_c=True, is_contiguous_f=False)
        self._strided_memory_view_shim = self


def described(value, ptrs):
    """Arguments with descriptions in place of arrays."""
    if isinstance(value, tuple):
        parts = [described(v, ptrs) for v in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    if isinstance(value, np.ndarray):
        ptrs.append(0x1000 * (len(ptrs) + 1))
        return DeviceArray(value, ptrs[-1])
    return value


def flat(value):
    """Kinds of numbers that a kernel takes for a value: as a C compiler would list them."""
    if isinstance(value, tuple):
        return [kind for v in value for kind in flat(v)]
    if isinstance(value, np.ndarray):
        return ["u64"] * (5 + 2 * value.ndim)
    return [{bool: "u8", int: "u64", float: "f64"}[type(value)]]


@pytest.fixture(scope="module")
def compiled():
    arguments = example_arguments(SQUARE_ABOUT)
    with cuda_target._as_if_on((8, 0)):
        made = driver_cuda.pixel_kernel(SQUARE_ABOUT).compile(cuda_target.argument_types(arguments), (8, 0))
        return arguments, made, made._codelibrary.get_asm_str(cc=(8, 0, ""))


def test_arguments_are_those_of_the_kernel(compiled, monkeypatch):
    from numba.cuda import dispatcher

    arguments, made, ptx = compiled
    entry = ptx[ptx.index(".visible .entry"):]
    wanted = re.findall(r"\.param \.(?:align \d+ )?\.?([a-z]+\d+) ", entry[:entry.index(")")])
    sizes = {"u64": 8, "f64": 8, "u8": 1, "b8": 1, "b64": 8, "u32": 4}
    assert sum(sizes[w] for w in wanted) < MOST_BYTES
    ptrs, launched = [], []
    on_device = described(arguments, ptrs)
    monkeypatch.setattr(made._codelibrary, "get_cufunc", lambda: types.SimpleNamespace(kernel="kernel"), raising=False)
    monkeypatch.setattr(dispatcher, "launch", lambda *a: launched.append(a))
    kernel = driver_cuda.pixel_kernel(SQUARE_ABOUT)
    device = cuda_target.Device(0, "absent", (8, 0))
    signature = cuda_target.argument_types(on_device)
    assert signature == cuda_target.argument_types(arguments)
    monkeypatch.setitem(kernel._made, (0, signature), made)
    kernel.launch(device, 1000, on_device)
    (stream, config, name, *given), = launched
    assert name == "kernel" and tuple(config.grid) == (8, 1, 1) and tuple(config.block) == (128, 1, 1)
    assert type(stream).__module__.startswith("cuda.core") and int(stream.handle) == 0
    kinds = ["f64" if isinstance(g, ctypes.c_double) else "u8" if isinstance(g, bool) else "u64" for g in given]
    assert kinds == flat(arguments)
    assert [w.replace("b", "u") for w in wanted] == kinds
    # every array's address is there once, after its size and item size
    assert [g for g in given if isinstance(g, int) and g in set(ptrs)] == ptrs


def test_scenes_of_all_kinds_have_one_signature():
    """Kernels are compiled for one list of types: what is an integer in one scene is no float in another."""
    from numbragg.kernels.physics import records
    from numbragg.selftest.scenes import random_scene

    seen = set()
    for number in range(60):
        scene = random_scene(f"0:{number}").prepared.scene
        scene = scene._replace(lookup=scene.lookup._replace(table=np.empty((1, 1, 1))),
                               crystal=scene.crystal._replace(mosaic=np.empty((0, 9)), cells=np.empty((1, 1, 9))))
        seen.add(cuda_target.argument_types((scene,)))
        assert isinstance(scene, records.Scene)
    assert len(seen) == 1
    # and the same as that of the kernels that are tested
    assert seen == {cuda_target.argument_types(example_arguments(SQUARE_ABOUT)[:1])}
