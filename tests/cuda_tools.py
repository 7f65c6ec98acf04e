"""PTX and machine code of the CUDA kernels, made without a device, and what is in them."""

import importlib.metadata
import importlib.util
from pathlib import Path
import re
import shutil
import subprocess

import numpy as np
import pytest

import numbragg as nb
from numbragg.kernels.evaluate import certificate, gpu_inputs, gpu_pixel
from numbragg.kernels.physics import records
from numbragg.kernels.physics.structure_factor import squared_grid

HAS_NUMBA_CUDA = importlib.util.find_spec("numba_cuda") is not None
needs_numba_cuda = pytest.mark.skipif(not HAS_NUMBA_CUDA, reason="numba-cuda is not installed")

#: The exact kernels of the parallelepiped, with the shorter reduction of arguments and with the longer.
SQUARE_ABOUT = (records.SQUARE, False, True, records.EXACT, records.SEQUENTIAL)
SQUARE = (records.SQUARE, False, False, records.EXACT, records.SEQUENTIAL)
SQUARE_SINGLE = (records.SQUARE, False, False, records.SINGLE, records.SEQUENTIAL)
SQUARE_TRICUBIC = (records.SQUARE, True, True, records.EXACT, records.SEQUENTIAL)
ROUND_SINGLE_KAHAN = (records.ROUND, False, False, records.SINGLE, records.KAHAN)

CAPABILITIES = [(7, 5), (8, 0), (9, 0), (12, 0)]


def example_arguments(variant):
    """Arguments of a kernel, of the types that the driver gives it."""
    scene = nb.Simulator(nb.Detector(pixels=(8, 8)), nb.Beam(), 100.0).prepare(
        nb.Crystal(cell=(50, 50, 50, 90, 90, 90), n_cells=5)).scene
    grid = squared_grid(scene.lookup, np.float32 if variant[3] == records.SINGLE else np.float64)
    outputs = gpu_pixel.Outputs(np.zeros((1, 1), np.float32), 0, np.zeros((0, 2)), np.zeros(1, np.uint8),
                             np.zeros((gpu_pixel.CARRIED, 0)), records.WHOLE, np.zeros((0, 2)))
    scene = scene._replace(lookup=scene.lookup._replace(table=np.empty((1, 1, 1))))
    pixels = records.Pixels((0, 0, 1), np.zeros((0, 0), np.uint8), np.zeros(0, np.int64), 0, 1)
    return (scene, grid, certificate.plan(scene).bound, pixels, gpu_inputs.empty_inputs(scene, 1),
            gpu_pixel.Span(*[0] * 10, True, True), outputs)


def kernel_ptx(variant, capabilities, fuse=False):
    """PTX of the kernel of a variant, one text per compute capability."""
    from numbragg.kernels.compile import cuda_target
    from numbragg.kernels.drive import cuda as driver_cuda

    return cuda_target.assembly(driver_cuda.pixel_kernel(variant), example_arguments(variant), capabilities, fuse)


def fused(ptx):
    """Number of fused multiply-adds of doubles and floats."""
    return len(re.findall(r"\bfma\.", ptx))


def tool(name):
    """Path of a program of the CUDA toolkit: of the wheels first; None if there is none."""
    spec = importlib.util.find_spec("nvidia")
    for folder in (spec.submodule_search_locations if spec is not None else ()):
        for path in sorted(Path(folder).glob(f"*/bin/{name}")):
            return str(path)
    return shutil.which(name)


def assembled(ptx, capability, folder):
    """Registers, stack bytes and spilled bytes of a kernel, and the path of its machine code."""
    suffix = "a" if capability >= (9, 0) else ""
    source, cubin = folder / "kernel.ptx", folder / "kernel.cubin"
    source.write_text(ptx)
    done = subprocess.run([tool("ptxas"), f"-arch=sm_{capability[0]}{capability[1]}{suffix}", "-v", "-o", str(cubin),
                           str(source)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    stack, stores, loads = map(int, re.search(
        r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", done.stderr).groups())
    registers = int(re.search(r"Used (\d+) registers", done.stderr).group(1))
    return registers, stack, stores + loads, cubin


def versions():
    """Versions of the packages that compile."""
    return {name: importlib.metadata.version(name) for name in ("numba-cuda", "nvidia-nvvm", "nvidia-cuda-nvcc")}
