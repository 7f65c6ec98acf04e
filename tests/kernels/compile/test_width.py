"""Vectors of 512 bits: in our kernels only, on processors that are named, and with the same bits.

Machine code for another processor is made and read, not run: where this one has no such vectors, nothing here says
how fast they are.
"""

import json
import os
from pathlib import Path

import forks
from formula_tools import INTERPRETED
import llvmlite.binding
import numba
import numpy as np
from processors import clean
import pytest

import numbragg as nb
from numbragg.kernels.compile import cache, width
from numbragg.kernels.compile.compilation import inlined, jit
from numbragg.kernels.compile.width import vector_bits

TESTS = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(os.uname().machine not in ("x86_64", "AMD64"), reason="looks at x86-64 machine code")
compiled = pytest.mark.skipif(INTERPRETED, reason="nothing is compiled")

ALL = "+avx512f,+avx512bw,+avx512dq,+avx512vl,+avx2,+fma"


@pytest.mark.parametrize("processor, features, bits", [
    ("sapphirerapids", ALL, 512), ("emeraldrapids", ALL, 512), ("icelake-server", ALL, 512), ("znver4", ALL, 512),
    ("skylake-avx512", ALL, None), ("cascadelake", ALL, None), ("cooperlake", ALL, None), ("cannonlake", ALL, None),
    ("icelake-client", ALL, None), ("tigerlake", ALL, None), ("rocketlake", ALL, None),
    # no processor, but a list of features
    ("generic", ALL, None), ("x86-64-v4", ALL, None),
    # without one of the features: knl has no vl
    *(("sapphirerapids", ALL.replace(f"+{name}", f"-{name}"), None) for name in ("avx512f", "avx512bw", "avx512dq",
                                                                                  "avx512vl")),
    ("haswell", "+avx2,+fma", None), ("haswell", "", None),
    # the user has chosen
    ("sapphirerapids", ALL + ",+prefer-256-bit", None), ("sapphirerapids", ALL + ",-prefer-256-bit", None),
    ("sapphirerapids", ALL + ",+prefer-128-bit", None),
])
def test_who_gets_them(processor, features, bits):
    assert vector_bits(processor, features) == bits


#: Compiles for a processor what this one need not be able to run.
ABROAD = f"""
import json, re, sys
import llvmlite.binding as llvm
import numba, numpy as np

processor, features = sys.argv[1], {ALL + ",+avx"!r}

def go_abroad():
    from numba.core.registry import cpu_target
    codegen = cpu_target.target_context.codegen()
    codegen._tm = llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine(
        cpu=processor, features=features, opt=3, reloc="static", codemodel="jitdefault", jit=True)
    codegen._tm_features, codegen._get_host_cpu_name = features, lambda: processor

def count(texts):
    text, = texts.values()
    # a value that is copied may take any register
    fused = [line for line in text.splitlines() if re.match(r"\\s+vfn?m(add|sub)[0-9]+pd", line)]
    return {{name: sum(name in line for line in fused) for name in ("zmm", "ymm")}}
"""

#: Ours, in a kernel and in a part of one, and somebody's.
LOOPS = ABROAD + """
from numbragg.kernels.compile.compilation import inlined, jit
from numbragg.kernels.arithmetic.elementary import sine_mod_pi

@inlined
def part(x, result):
    for i in range(x.size):
        result[i] = sine_mod_pi(x[i])

@jit
def ours(x, result):
    for i in range(x.size):
        result[i] = sine_mod_pi(x[i])

@jit
def whole(x, result):
    part(x, result)

@numba.njit(error_model="numpy")
def somebodys(x, result):
    for i in range(x.size):
        result[i] = sine_mod_pi(x[i])

go_abroad()
signature = (numba.float64[::1], numba.float64[::1])
found = {}
for function in (ours, whole, somebodys):
    function.compile(signature)
    found[function.py_func.__name__] = count(function.inspect_asm())
print(json.dumps(found))
"""

#: The kernel of the lanes for parallelepipeds, by the kind of loop.
LANES = ABROAD + """
from formula_tools import prepared_example
from numba import typeof
from numbragg.kernels.drive import cpu
from numbragg.kernels.drive.order import NO_LIST
from numbragg.kernels.evaluate.lanes import lane_kernel
from numbragg.kernels.physics.records import Pixels

prepared = prepared_example()
scene, modes = prepared.scene, cpu.Modes(threads=1)
target = cpu.Target(prepared.window, prepared.mask, np.zeros(prepared.shape, np.float32))
made = cpu.Evaluator(scene, cpu.planned(scene, modes), target, modes)
variant = made.variant(prepared.interpolating)
arguments = (scene, made._grid, made.plan.bound, Pixels(made.place, made.mask, NO_LIST, 0, 1), 0,
             made.filled._replace(doubles=made.doubles), np.zeros(1, np.uint8))
go_abroad()
kernel = lane_kernel(*variant)
kernel._cache = numba.core.caching.NullCache()
kernel.compile(tuple(map(typeof, arguments)))
print(json.dumps(count(kernel.inspect_asm())))
"""


def abroad(program, processor, **more):
    done = forks.run(["-c", program, processor], first=TESTS, seconds=900, **more)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@compiled
def test_loops_of_kernels_and_parts_are_wide():
    found = abroad(LOOPS, "sapphirerapids")
    for ours in ("ours", "whole"):
        assert found[ours]["zmm"] >= 10 and found[ours]["ymm"] == 0
    assert found["somebodys"]["zmm"] == 0 and found["somebodys"]["ymm"] >= 10


@compiled
def test_loops_stay_narrow_where_they_should():
    found = abroad(LOOPS, "skylake-avx512")
    assert all(of["zmm"] == 0 and of["ymm"] >= 10 for of in found.values()) and len(found) == 3


@compiled
@pytest.mark.slow
def test_lanes_are_wide():
    """Six sines of seven fused operations or more, their reductions, and nothing of it narrow."""
    found = abroad(LANES, "sapphirerapids")
    assert found["zmm"] >= 24 + 15 and found["ymm"] == 0


#: A function of somebody who keeps it on disk, compiled before or after one of ours, or without us.
SOMEBODYS = ABROAD + """
order = sys.argv[2]

@numba.njit(cache=True)
def somebodys(x, result):
    for i in range(x.size):
        result[i] = x[i] * x[i] + 3.0

def compile_somebodys():
    somebodys.compile((numba.float64[::1], numba.float64[::1]))

def compile_ours():
    from numbragg.kernels.compile.compilation import jit
    kernel = jit(lambda x: x + 1.0)
    kernel._cache = numba.core.caching.NullCache()
    kernel.compile((numba.float64,))
    assert "prefer-vector-width" in "".join(kernel.inspect_llvm().values())

go_abroad()
steps = {"first": (compile_somebodys, compile_ours), "last": (compile_ours, compile_somebodys),
         "alone": (compile_somebodys,)}
for step in steps[order]:
    step()
assert ("numbragg" in sys.modules) == (order != "alone")
assembly, = somebodys.inspect_asm().values()
llvm_code, = somebodys.inspect_llvm().values()
import pathlib
folder = pathlib.Path(somebodys._cache.cache_path)
assert list(folder.glob("*.nbi"))
files = sorted(path.name for path in folder.iterdir())
# names have the number of the function in its process in them
unnumbered = [re.sub(r"B\\d+v\\d+B", "BvB", text) for text in (assembly, llvm_code)]
kept = repr(somebodys._cache._cache_file._load_index())
print(json.dumps([*unnumbered, kept, files]))
"""


@compiled
@pytest.mark.parametrize("order", ["first", "last"])
def test_somebodys_functions_are_as_without_us(order, tmp_path):
    """Machine code, intermediate code, and what their cache on disk has them under."""
    script = tmp_path / "somebodys.py"
    script.write_text(SOMEBODYS)
    found = {}
    for name in ("alone", order):
        done = forks.run([script, "sapphirerapids", name], seconds=300,
                         environment={"NUMBA_CACHE_DIR": str(tmp_path / name)})
        assert done.returncode == 0, done.stderr
        found[name] = json.loads(done.stdout)
    assert "ymm" in found["alone"][0] and "zmm" not in found["alone"][0]
    assert found[order] == found["alone"]


@compiled
def test_where_nothing_is_asked_for_nothing_is_changed(monkeypatch):
    """The attribute is all that is ours: without it kernels are what Numba makes of them."""
    def code():
        @inlined
        def part(x):
            return 2.0 * x

        @jit
        def kernel(x):
            return part(x) + 1.0

        assert kernel(1.5) == 4.0
        text, = kernel.inspect_llvm().values()
        return text

    monkeypatch.setattr(width, "vector_bits", lambda processor, features: None)
    assert "prefer-vector-width" not in code()
    monkeypatch.setattr(width, "vector_bits", lambda processor, features: 512)
    assert '"prefer-vector-width"="512"' in code()


@compiled
@pytest.mark.parametrize("d_min", [0.0, 4.0], ids=["unweighted", "weighted"])
def test_same_bits_with_the_loops_of_wide_vectors(monkeypatch, d_min):
    """The sines' loop has the quotients where vectors are of 512 bits: made here for whatever this processor has."""
    from numbragg.kernels.drive import cpu
    from numbragg.kernels.drive.order import NO_LIST
    from numbragg.kernels.evaluate import lanes
    from numbragg.kernels.physics.records import Pixels

    crystal = nb.Crystal(cell=(60, 70, 80, 90, 95, 90), n_cells=(5, 7, 20), mosaic_spread_deg=0.5, mosaic_domains=7)
    detector = nb.Detector(pixels=(61, 47), pixel_mm=1.0)
    prepared = nb.Simulator(detector, nb.Beam(d_min_angstrom=d_min), 10.0).prepare(crystal)
    images = []
    for wide in (False, True):
        monkeypatch.setattr(lanes, "is_wide", lambda: wide)
        image = np.zeros(prepared.shape, np.float32)
        modes = cpu.Modes(threads=1)
        made = cpu.Evaluator(prepared.scene, cpu.planned(prepared.scene, modes),
                             cpu.Target(prepared.window, prepared.mask, image), modes)
        # not the one that is kept for all who ask
        kernel = lanes.lane_kernel.__wrapped__(*made.variant(prepared.interpolating))
        kernel._cache = numba.core.caching.NullCache()
        doubles, flags = np.zeros((image.size, 2)), np.zeros(image.size, np.uint8)
        kernel(prepared.scene, made._grid, made.plan.bound, Pixels(made.place, made.mask, NO_LIST, 0, image.size), 0,
               made.filled._replace(doubles=doubles), flags)
        text, = kernel.inspect_llvm().values()
        images.append((image.tobytes(), doubles.tobytes(), flags.tobytes(), text.count(" fdiv <")))
    assert images[0][:3] == images[1][:3]
    # beyond the resolution limit there is nothing, nor yet in pixels without a certificate
    dark = image.size - np.count_nonzero(np.frombuffer(images[0][0], np.float32)) - np.count_nonzero(flags)
    assert dark == 0 if d_min == 0.0 else 100 < dark < image.size - 100
    # they are other loops, with other numbers of divisions
    assert images[0][3] != images[1][3]


def test_width_is_in_the_key_of_the_cache(monkeypatch):
    kept = cache.cache_of(vector_bits, "any")
    if kept is None:
        pytest.skip("kernels are not kept here")

    class Codegen:
        def magic_tuple(self):
            return ("x86_64-unknown-linux-gnu", "sapphirerapids", ALL)

    wide = kept._index_key("signature", Codegen())
    monkeypatch.setattr(cache, "vector_bits", lambda processor, features: None)
    assert kept._index_key("signature", Codegen()) != wide


#: A whole image of each shape, as a hash.
IMAGE = """
import hashlib, numbragg as nb
digest = hashlib.sha256()
for shape in ("square", "round", "gauss", "tophat"):
    crystal = nb.Crystal(cell=(60, 70, 80, 90, 90, 90), n_cells=5, shape=shape, mosaic_spread_deg=0.5, mosaic_domains=3)
    digest.update(nb.simulate(crystal, nb.Beam(), nb.Detector(pixels=(131, 7)), 10.0, threads=1).tobytes())
print(digest.hexdigest())
"""


@compiled
def test_same_bits_with_vectors_of_either_width():
    features = llvmlite.binding.get_host_cpu_features()
    if vector_bits(llvmlite.binding.get_host_cpu_name(), features.flatten()) is None:
        pytest.skip("this processor has no vectors of 512 bits, or is not given them")
    found = set()
    for more in ({}, {"NUMBA_CPU_FEATURES": features.flatten() + ",+prefer-256-bit"}):
        done = forks.run(["-c", IMAGE], environment=clean() | more, seconds=900)
        assert done.returncode == 0, done.stderr
        found.add(done.stdout)
    assert len(found) == 1


def test_bits_of_shifted_whole_numbers():
    """Places of structure factors are read from the low bits of doubles."""
    from numbragg.kernels.arithmetic.fused import WHOLE_SHIFT, shifted_whole

    @numba.njit
    def compiled_whole(x):
        return shifted_whole(x)

    for whole in (0, 1, 2, 12345, 2**31 - 1, 2**31, 2**40 + 7, 2**52 - 1):
        assert shifted_whole(float(whole) + WHOLE_SHIFT) == compiled_whole(float(whole) + WHOLE_SHIFT) == whole
        assert np.uint64(compiled_whole(float(whole) + WHOLE_SHIFT)) == whole
