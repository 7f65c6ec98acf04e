"""The CUDA kernels' PTX and machine code, made without a device: no contraction, few registers, no spills."""

import re
import subprocess
import sys

import cuda_tools
from cuda_tools import CAPABILITIES, assembled, fused, kernel_ptx, needs_numba_cuda, tool
from formula_tools import INTERPRETED
from marked_fma import MARK, SEPARATOR
import numpy as np
from places import TESTS
import pytest

from numbragg.kernels.compile.cuda_target import cuda
from numbragg.kernels.physics import records

pytestmark = [needs_numba_cuda, pytest.mark.skipif(INTERPRETED, reason="there is no code in the interpreter")]
needs_ptxas = pytest.mark.skipif(tool("ptxas") is None, reason="there is no ptxas")

#: Registers of a thread at most, by kernel; the launch bounds ask for that.
MOST_REGISTERS = {"SQUARE_ABOUT": 128, "SQUARE_SINGLE": 128, "SQUARE_TRICUBIC": 168}

TESTED = tuple(MOST_REGISTERS)


@pytest.fixture(scope="module")
def ptx():
    """PTX of a kernel for all compute capabilities, made once."""
    made = {}

    def of(name):
        if name not in made:
            made[name] = dict(zip(CAPABILITIES, kernel_ptx(getattr(cuda_tools, name), CAPABILITIES)))
        return made[name]

    return of


def marked_ptx(name, *words):
    """PTX for all capabilities in which the multiply-adds that are written on purpose are calls."""
    text = subprocess.run([sys.executable, str(TESTS / "marked_fma.py"), name, *words],
                          capture_output=True, text=True, check=True, cwd=TESTS).stdout
    return text.split(SEPARATOR)


def marks(text):
    """How many such calls there are."""
    return len(re.findall(rf"\bcall\b[^;]*\b{MARK}_\w+,", text))


@pytest.mark.parametrize("name", TESTED)
def test_kernels_compile_for_all_capabilities(ptx, name):
    texts = ptx(name)
    for capability, text in texts.items():
        assert re.search(rf"\.target\s+sm_{capability[0]}{capability[1]}", text)
        assert ".visible .entry" in text


@pytest.mark.parametrize("name", TESTED)
def test_every_sum_and_product_is_rounded_to_nearest(ptx, name):
    from numbragg.kernels.compile.cuda_target import contracted

    for text in ptx(name).values():
        assert contracted(text) == []
        assert len(re.findall(r"\b(?:add|sub|mul)\.rn\.f64", text)) > 50
        assert not re.search(r"\.(?:rz|rm|rp)\.f(?:32|64)\s", re.sub(r"cvt\.\S+", "", text))


@pytest.mark.parametrize("name", ["SQUARE_ABOUT", "SQUARE_SINGLE"])
def test_every_fused_multiply_add_is_written_on_purpose(ptx, name):
    """Take the written ones away, and none is left; put them back, and there are so many."""
    marked = marked_ptx(name)
    assert len(marked) == len(CAPABILITIES) and [fused(text) for text in marked] == [0] * len(marked)
    purposeful = min(map(marks, marked))
    assert purposeful > 30
    # a loop that was made twice has them twice
    assert {fused(text) % purposeful for text in ptx(name).values()} == {0}
    assert max(fused(text) for text in ptx(name).values()) <= 2 * purposeful


def test_contraction_would_be_seen():
    """The compiler contracts where it may, and each of the checks above turns red."""
    from numbragg.kernels.compile.cuda_target import contracted

    marked = marked_ptx("SQUARE_ABOUT", "fuse")[0]
    assert fused(marked) > 10 and len(contracted(marked)) > 10


def _slipped_in(x):
    i = cuda.grid(1)
    x[i] = x[i] * x[i + 1] + x[i + 2]


def test_a_plain_product_and_sum():
    """Kept apart by the option; contracted without it, and then the driver takes no such kernel."""
    from numbragg.kernels.compile import cuda_target

    apart, = cuda_target.assembly(cuda_target.Kernel(_slipped_in, None), (np.empty(1),), [(8, 0)])
    assert fused(apart) == 0 and "mul.rn.f64" in apart and "add.rn.f64" in apart
    together, = cuda_target.assembly(cuda_target.Kernel(_slipped_in, None), (np.empty(1),), [(8, 0)], fuse=True)
    assert fused(together) == 1
    with cuda_target._as_if_on((8, 0)):
        made = cuda_target._compile(_two, cuda_target.argument_types((np.empty(1),)), (8, 0), fuse=True)
        with pytest.raises(RuntimeError, match="could be fused"):
            cuda_target._checked(made, (8, 0, ""))


def _two(x):
    # a product that is used twice is not contracted here, but could be by the assembler
    i = cuda.grid(1)
    product = x[i] * x[i + 1]
    x[i] = product + x[i + 2]
    x[i + 1] = product


@needs_ptxas
@pytest.mark.parametrize("name", TESTED)
@pytest.mark.parametrize("capability", CAPABILITIES)
def test_registers_and_spills(ptx, name, capability, tmp_path):
    registers, stack, spilled, _ = assembled(ptx(name)[capability], capability, tmp_path)
    assert 40 < registers <= MOST_REGISTERS[name]
    assert (stack, spilled) == (0, 0)


@needs_ptxas
def test_spills_would_be_seen(ptx, tmp_path):
    text = ptx("SQUARE_ABOUT")[8, 0]
    tight = re.sub(r"\.maxntid[^\n]*\n(\.minnctapersm[^\n]*\n)?", ".maxntid 1024, 1, 1\n.minnctapersm 2\n", text)
    assert tight != text
    _, stack, spilled, _ = assembled(tight, (8, 0), tmp_path)
    assert stack > 0 and spilled > 0


def test_kept_kernels_can_be_read_again(tmp_path):
    """What is written to disk is the kernel, with its machine code; damage costs a compilation, no more."""
    from numbragg.kernels.compile import cuda_target

    with cuda_target._as_if_on((8, 0)):
        made = cuda_target._compile(_slipped_in, cuda_target.argument_types((np.empty(1),)), (8, 0))
    cubin = made._codelibrary.get_cubin(cc=(8, 0, ""))
    path = tmp_path / "folder" / "kernel.nbc"
    cuda_target._write(path, made)
    again = cuda_target._read(path)
    assert again._codelibrary.get_cubin(cc=(8, 0, "")).code == cubin.code
    assert again.argument_types == made.argument_types
    assert [p.name for p in path.parent.iterdir()] == ["kernel.nbc"]
    path.write_bytes(b"damaged")
    assert cuda_target._read(path) is None and cuda_target._read(tmp_path / "absent") is None


@pytest.mark.parametrize("text, names", [
    ("\tadd.f64 \t%fd1, %fd2, %fd3;", ["add.f64"]), ("\tmul.f32 \t%f1, %f2, %f3;", ["mul.f32"]),
    ("\tadd.rn.f64 \t%fd1, %fd2, %fd3;", []), ("\tfma.rn.ftz.f32 %f1, %f2, %f3, %f4;", ["fma.rn.ftz.f32"]),
    ("\tdiv.approx.f32 %f1, %f2, %f3;", ["div.approx.f32"]), ("\tdiv.rn.f32 %f1, %f2, %f3;", []),
    ("\tmad.lo.s32 %r1, %r2, %r3, %r4;", []), ("\t@%p3 sub.f64 \t%fd1, %fd2, %fd3;", ["sub.f64"])])
def test_what_counts_as_contraction(text, names):
    from numbragg.kernels.compile.cuda_target import contracted

    assert contracted(text + "\n") == names


def test_the_kernel_that_puts_pixels_in_place():
    from numbragg.kernels.compile import cuda_target
    from numbragg.kernels.drive import cuda as driver_cuda

    arguments = (np.empty((1, 1), np.float32), 0, np.empty(1, np.int64), np.empty(1, np.int64), np.empty(1, np.float32))
    text, = cuda_target.assembly(driver_cuda._REPLACE, arguments, [(8, 0)])
    assert ".visible .entry" in text and "st.global" in text


#: With all 64 neighbours in registers it has some bytes too many for compute capability 9.0.
GAUSS_TRICUBIC_SINGLE = (records.GAUSS, True, False, records.SINGLE, records.SEQUENTIAL)


def every_variant():
    """All kernels that there can be."""
    for precision, summation in ((0, 0), (1, 1), (2, 0), (2, 1)):
        for shape in (records.ONE_CELL, *records.SHAPES.values()):
            for cubic in (False, True):
                for about in ((False, True) if (shape, precision) == (records.SQUARE, records.EXACT) else (False,)):
                    yield shape, cubic, about, precision, summation


@pytest.mark.slow
@needs_ptxas
@pytest.mark.parametrize("variant", list(every_variant()), ids=str)
def test_every_kernel(variant, tmp_path):
    """None contracts, none has more registers than its launch bounds allow, and only one spills, for one capability."""
    from numbragg.kernels.compile.cuda_target import contracted

    for capability, text in zip(CAPABILITIES, kernel_ptx(variant, CAPABILITIES)):
        assert contracted(text) == []
        registers, stack, spilled, _ = assembled(text, capability, tmp_path)
        most = 128 if not variant[1] else 255 if variant[3] == records.SINGLE else 168
        assert registers <= most
        if variant == GAUSS_TRICUBIC_SINGLE and capability == (9, 0):
            assert stack <= 16 and spilled <= 40
        else:
            assert (stack, spilled) == (0, 0)


def test_number_of_kernels():
    assert len(set(every_variant())) == 42
