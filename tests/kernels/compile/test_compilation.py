"""How kernels are compiled: a cache that sees every edit, the C library's functions, no contraction."""

import ast
import ctypes
import ctypes.util
import functools
import math
import os
from pathlib import Path
import re
import shutil
import subprocess
import sys
import threading
import time

import forks
from formula_tools import INTERPRETED
import llvmlite.binding
import numba
import pytest

import numbragg as nb
from numbragg.kernels.arithmetic import c_library, fused
from numbragg.kernels.compile import cache, compilation
from numbragg.kernels.compile.compilation import inlined, jit
from numbragg.kernels.evaluate import lanes
from numbragg.kernels.evaluate import strict as strict_evaluator
from numbragg.kernels.evaluate.gpu_inputs import input_rows
from numbragg.kernels.physics import view

KERNELS = cache.PACKAGE
PACKAGE = Path(nb.__file__).parent

X86 = pytest.mark.skipif(os.uname().machine not in ("x86_64", "AMD64"), reason="looks at x86-64 machine code")

#: Counts compilations; tells a sum, the cache folder and the count.
COUNTING = """
import numba.core.compiler, numpy as np, numbragg as nb
from numbragg.kernels.compile import cache, compilation
from numbragg.kernels.drive import cpu as driver_cpu
from numbragg.kernels.physics import records
compiled = 0
real = numba.core.compiler.compile_extra
def counting(*arguments, **keywords):
    global compiled
    compiled += 1
    return real(*arguments, **keywords)
numba.core.compiler.compile_extra = counting
{body}
print(repr(total), cache.cache_folder(), compiled)
"""

#: A whole image.
IMAGE = COUNTING.format(body="""
image = nb.simulate(nb.Crystal(cell=(60, 70, 80, 90, 90, 90), n_cells=4, shape="tophat"), nb.Beam(),
                    nb.Detector(pixels=(12, 10), pixel_mm=2.0), 10.0, threads=1)
total = float(image.sum(dtype=float))
""")

#: One small kernel, with functions of three modules in it: soon compiled.
CELLS = COUNTING.format(body="""
names = dict.fromkeys(records.Lattice._fields)
names |= dict(phi_cells=np.arange(9.0)[None], mosaic=np.linspace(-1.0, 1.0, 18).reshape(2, 9), domains=2,
              cells=np.empty((0, 0, 9)), n_cells=(1.0, 1.0, 1.0), shape=0, fudge=1.0, reciprocal=(0.0,) * 9,
              phi_rows=np.zeros(1, np.int64), first_phi_rows=np.zeros(1, np.int64))
total = float((driver_cpu.rotated_cells(records.Lattice(**names)) ** 2).sum())
""")


def image_total(pixels):
    """What IMAGE computes, in this process."""
    image = nb.simulate(nb.Crystal(cell=(60, 70, 80, 90, 90, 90), n_cells=4, shape="tophat"), nb.Beam(),
                        nb.Detector(pixels=pixels, pixel_mm=2.0), 10.0, threads=1)
    return float(image.sum(dtype=float))


def probe(folder, cache, program=CELLS, said=()):
    """Run a program with the package of a folder; each line that it says on the standard error stream has a word.

    Returns (sum, cache folder, functions compiled).
    """
    done = forks.run(["-c", program], folder, {"NUMBRAGG_CACHE_DIR": str(cache)}, first=folder, edited=True,
                     seconds=600)
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stderr.splitlines() if "arning" in line]
    assert len(lines) == len(said) and all(word in line for word, line in zip(said, lines)), done.stderr
    total, used, compiled = done.stdout.split()
    return float(total), Path(used), int(compiled)


@pytest.fixture
def copy(tmp_path):
    """The package in a folder of its own, kernels included, to be edited."""
    skip = shutil.ignore_patterns("__pycache__", "kernels")
    shutil.copytree(PACKAGE, tmp_path / "copy" / "numbragg", ignore=skip)
    shutil.copytree(KERNELS, tmp_path / "copy" / "numbragg" / "kernels",
                    ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "copy"


@pytest.fixture(scope="module")
def total_of_cells():
    """What CELLS computes, from the cache that is used everywhere else."""
    return probe(PACKAGE.parent, os.environ.get("NUMBRAGG_CACHE_DIR", ""))[0]


#: A program, a function that it calls in another module, and an edit of that.
EDITS = {
    "image": (IMAGE, "physics/shapes/tophat.py", "TOPHAT_LIMIT = 0.3969", "TOPHAT_LIMIT = 0.1"),
    "cells": (CELLS, "arithmetic/vectors.py", "    return (u[0] * v[0] + u[1]", "    return (u[0] * v[0] - u[1]"),
}


@pytest.mark.parametrize("name", EDITS)
def test_edit_of_a_callee_is_seen(name, copy, tmp_path):
    """Machine code of the old source is never used for the new one, and the old one's is kept."""
    program, module, old, new = EDITS[name]
    wanted = image_total((12, 10)) if name == "image" else None
    if wanted is not None and cache.kept(lanes.lane_kernel):
        # what this process compiled for it: sources of the same text, wherever they lie, have a folder of one name
        shutil.copytree(cache.cache_folder(), tmp_path / "cache" / cache.source_hash())
        first, folder, compiled = probe(copy, tmp_path / "cache", program)
        assert (first, compiled) == (wanted, 0)
    else:
        first, folder, compiled = probe(copy, tmp_path / "cache", program)
        assert compiled > 0
        again, same, compiled = probe(copy, tmp_path / "cache", program)
        assert (again, same, compiled) == (first, folder, 0)
    assert first > 0.0
    path = copy / "numbragg" / "kernels" / module
    source = path.read_text()
    assert source.count(old) == 1
    path.write_text(source.replace(old, new))
    edited, other, compiled = probe(copy, tmp_path / "cache", program)
    assert compiled > 0 and other != folder and other.parent == folder.parent
    assert edited != first and edited > 0.0
    path.write_text(source)
    back, same, compiled = probe(copy, tmp_path / "cache", program)
    assert (back, same, compiled) == (first, folder, 0)


@pytest.mark.parametrize("name", sorted(path.relative_to(KERNELS).as_posix() for path in KERNELS.rglob("*.py")))
def test_hash_sees_every_module(name, tmp_path):
    """One changed character anywhere, a new module or a module of another name: another hash."""
    shutil.copytree(KERNELS, tmp_path / "kernels", ignore=shutil.ignore_patterns("__pycache__"))
    before = cache.source_hash(tmp_path / "kernels")
    assert before == cache.source_hash() and re.fullmatch("[0-9a-f]{16}", before)
    path = tmp_path / "kernels" / name
    path.write_text(path.read_text() + "#")
    after = cache.source_hash(tmp_path / "kernels")
    path.rename(path.with_name("other.py"))
    renamed = cache.source_hash(tmp_path / "kernels")
    (tmp_path / "kernels" / "room").mkdir()
    path.with_name("other.py").rename(tmp_path / "kernels" / "room" / "other.py")
    assert len({before, after, renamed, cache.source_hash(tmp_path / "kernels")}) == 4


def test_folder_is_where_it_was_asked_for(monkeypatch, tmp_path):
    monkeypatch.setenv("NUMBRAGG_CACHE_DIR", str(tmp_path))
    assert Path(cache.cache_folder()).parent == tmp_path
    monkeypatch.delenv("NUMBRAGG_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert Path(cache.cache_folder()).parent == tmp_path / "xdg" / "numbragg"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert Path(cache.cache_folder()).parent == tmp_path / "home" / ".cache" / "numbragg"


def test_folders_of_other_versions_are_removed_when_long_unused(tmp_path):
    """Only where a new folder begins, only old ones, and never anything that is not ours."""
    def folder(name, days, *files):
        place = tmp_path / name
        place.mkdir()
        for file in files:
            (place / file).write_bytes(b"")
        when = time.time() - days * 86400
        os.utime(place, (when, when))
        return place

    recent = folder("0" * 16, cache.KEPT_DAYS - 1, "a.nbi", "a.1.nbc")
    old = folder("1" * 16, cache.KEPT_DAYS + 1, "a.nbi", "a.1.nbc")
    with_more = folder("2" * 16, cache.KEPT_DAYS + 1, "a.nbi", "notes.txt")
    other = folder("photographs", 1000, "a.nbi")
    target = tmp_path / "elsewhere"
    target.mkdir()
    (target / "a.nbi").write_bytes(b"")
    (tmp_path / ("3" * 16)).symlink_to(target)
    cache.enter_folder(str(recent))
    assert old.exists() and recent.stat().st_mtime > time.time() - 60  # marked as used, nothing removed
    cache.enter_folder(str(tmp_path / ("4" * 16)))
    assert not old.exists()
    assert sorted(file.name for file in recent.iterdir()) == ["a.1.nbc", "a.nbi"]
    assert (with_more / "notes.txt").exists() and (other / "a.nbi").exists() and (target / "a.nbi").exists()
    cache.enter_folder(str(tmp_path / "missing" / ("5" * 16)))


@pytest.mark.parametrize("place", ["below a file", "/dev/null"])
def test_folder_that_cannot_be_written(place, tmp_path, total_of_cells):
    """Then everything is compiled in memory, with the same result and no word about it."""
    (tmp_path / "file").write_text("not a folder")
    cache = tmp_path / "file" / "cache" if place == "below a file" else place
    total, _, compiled = probe(PACKAGE.parent, cache)
    assert compiled > 0
    assert total == total_of_cells
    assert (tmp_path / "file").read_text() == "not a folder"


def test_damaged_cache(tmp_path):
    """Truncated or garbled files of an interrupted run do no more than cost a compilation."""
    cache = tmp_path / "cache"
    total, folder, _ = probe(PACKAGE.parent, cache)
    files = sorted(folder.iterdir())
    assert files
    for number, path in enumerate(files):
        content = path.read_bytes()
        path.write_bytes([content[:len(content) // 2], b"", b"garbage"][number % 3])
    assert probe(PACKAGE.parent, cache, said=["is damaged"])[0] == total
    assert probe(PACKAGE.parent, cache)[::2] == (total, 0)


#: Bodies of functions that return a number, which is put into them in one way or another.
FORMS = ["return {}", "return 1.0 + {}", "a = {}\n    return a if a > 0.0 else -a"]


@pytest.fixture(scope="module")
def edited_script(tmp_path_factory):
    """What a script with a function of each form prints, before and after an edit: number by number what it should."""
    folder = tmp_path_factory.mktemp("edited")
    script, found = folder / "script.py", {}
    for number in ("1.5", "2.5"):
        lines = ["from numbragg.kernels.compile.compilation import jit"]
        for n, form in enumerate(FORMS):
            lines += ["\n\n@jit", f"def value_{n}():", f"    {form.format(number)}\n\n",
                      f"print(value_{n}() - value_{n}.py_func() + {number})"]
        script.write_text("\n".join(lines) + "\n")
        done = forks.run([script], environment={"NUMBRAGG_CACHE_DIR": str(folder / "cache")})
        assert done.returncode == 0, done.stderr
        found[number] = done.stdout.split()
    return found


@pytest.mark.parametrize("form", FORMS)
def test_functions_of_other_files_are_not_kept(form, edited_script):
    """The folder's name stands for the kernels only: code from elsewhere must not be answered from it."""
    assert len(edited_script) == 2
    for number, printed in edited_script.items():
        assert printed[FORMS.index(form)] == number


@pytest.mark.skipif(INTERPRETED, reason="compares with what is compiled here")
def test_interpreted():
    """Without compilation the same functions give the same bits, slowly."""
    code = IMAGE.replace("pixels=(12, 10)", "pixels=(4, 3)")
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, timeout=600,
                          env=os.environ | {"NUMBA_DISABLE_JIT": "1"})
    assert done.returncode == 0, done.stderr
    total, _, compiled = done.stdout.split()
    assert float(total) == image_total((4, 3)) > 0.0 and compiled == "0"


# -- no contraction, no reassociation


def test_jit_refuses_fastmath():
    for value in (True, False, {"contract"}):
        with pytest.raises(TypeError, match="fastmath"):
            jit(lambda x: x, fastmath=value)
        with pytest.raises(TypeError, match="fastmath"):
            jit(fastmath=value)(lambda x: x)


def test_jit_refuses_reference_counts():
    """Machine code of kept kernels is loaded without what counts them."""
    for value in (True, False):
        with pytest.raises(TypeError, match="reference counts"):
            jit(lambda x: x, _nrt=value)


def test_no_module_asks_for_fastmath():
    """Only `compilation` may name it, to refuse it; and nobody compiles past `compilation`."""
    for path in sorted([*KERNELS.rglob("*.py"), *PACKAGE.rglob("*.py")]):
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.keyword):
                assert node.arg != "error_model" or path.name == "compilation.py" or (
                    ast.literal_eval(node.value) == "numpy"), path
                assert node.arg != "fastmath", path
            if isinstance(node, ast.Attribute) and isinstance(node.value,
                                                              ast.Name) and node.value.id == "numba":
                assert node.attr not in ("njit", "jit", "vectorize", "guvectorize", "stencil") or (
                    path.name == "compilation.py"), f"{path}: numba.{node.attr}"
                assert node.attr != "core" or path.name == "compilation.py", f"{path}: numba.{node.attr}"
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("numba.core"):
                assert not {"registry", "CPUDispatcher"} & {name.name for name in node.names} or (
                    path.name == "compilation.py"), path
            if isinstance(node, ast.ImportFrom) and node.module == "numba":
                assert not {"njit", "jit", "vectorize",
                            "guvectorize"} & {name.name for name in node.names}, path


def test_options_of_compiled_kernels():
    """What the decorator promises is what Numba was told."""
    for kernel in (strict_evaluator.strict_pixels, strict_evaluator.pixel_sum):
        options = kernel.targetoptions
        assert options["nogil"] and options["error_model"] == "numpy" and not options.get("fastmath")
        assert options["nopython"] and not options.get("parallel")


def test_parts_are_no_programs_of_their_own():
    """An inlined function has no entry from Python (which would take as long to compile), and can be called."""
    @inlined
    def part(x, y):
        return 3.0 * x - y

    @jit
    def whole(x, y):
        return part(x, y)

    assert whole(2.0, 0.5) == 5.5
    assert part(2.0, 0.5) == part(2.0, y=0.5) == 5.5
    if not INTERPRETED:
        for kernel, entries in ((part, False), (whole, True)):
            compiled, = kernel.overloads.values()
            code = compiled.library.get_llvm_str()
            assert (compiled.fndesc.llvm_cpython_wrapper_name in code) == entries
            assert (compiled.fndesc.llvm_cfunc_wrapper_name in code) == entries


@pytest.mark.skipif(INTERPRETED, reason="nothing is compiled")
def test_images_make_no_program_of_a_part(monkeypatch):
    """What the host asks of a rule is answered by Python: to compile or load a kernel for it costs a start's time."""
    def alone(part):
        raise AssertionError(f"{part.py_func.__name__} was called from Python")

    monkeypatch.setattr(compilation._Part, "_kernel", property(alone))
    with pytest.raises(AssertionError, match="beyond_limit was called from Python"):
        view.beyond_limit(1.0, 2.0)
    crystal = nb.Crystal(cell=(50, 60, 70, 90, 95, 90), n_cells=4, mosaic_spread_deg=1.0, mosaic_domains=3)
    detector = nb.Detector(pixels=(4, 3), pixel_mm=2.0, sensor_thickness_um=300.0, attenuation_depth_um=200.0)
    scene = (nb.Beam(), detector, 10.0)
    per_step = nb.Sampling(per_step=["capture", "polarisation"])
    for crystals in (crystal, [crystal, nb.Crystal(cell=(40, 40, 40, 90, 90, 90), n_cells=3)]):
        for sampling in (None, per_step, nb.Sampling(interpolation=True)):
            assert nb.simulate(crystals, *scene, sampling=sampling).max() > 0.0
    assert nb.trace(crystal, *scene, 1, 2).final["steps"] > 0
    prepared = nb.Simulator(detector, nb.Beam(), 10.0, sampling=per_step).prepare(crystal)
    assert input_rows(prepared.scene)[1] > 0 and view.per_step(prepared.scene.sampling)


def test_threads_that_ask_at_once_get_one_kernel():
    """Each would else compile, or load, a kernel of its own."""
    everyone, made = threading.Barrier(4), []

    @compilation.variants
    def maker(name):
        time.sleep(0.05)
        made.append(name)
        return object()

    def ask(got):
        everyone.wait()
        got.append((maker("a"), maker("b")))

    got = []
    crew = [threading.Thread(target=ask, args=(got,)) for _ in range(4)]
    for thread in crew:
        thread.start()
    for thread in crew:
        thread.join()
    assert len(set(got)) == 1 and sorted(made) == ["a", "b"] and got[0][0] is not got[0][1]
    assert maker.__name__ == "maker"


@pytest.fixture(scope="module")
def strict_kernel():
    """The strict evaluator's kernel, with the types with which the driver calls it, to be looked at."""
    if not strict_evaluator.strict_pixels.signatures:
        nb.simulate(nb.Crystal(cell=(60, 70, 80, 90, 90, 90)), nb.Beam(polarisation_axis=(-0.16, 1.1, 1.65)),
                    nb.Detector(pixels=(2, 2), convention="custom"), 10.0, threads=1)
    return compiled_here(strict_evaluator.strict_pixels)


def compiled_here(kernel):
    """A kernel with its first signature, compiled in this process: of one that was loaded there is no full text."""
    signature = kernel.signatures[0]
    if len(kernel.signatures) == 1 and signature not in kernel.stats.cache_hits:
        return kernel
    anew = jit(kernel.py_func, variant="looked at")
    anew._cache = numba.core.caching.NullCache()
    anew.compile(signature)
    return anew


def only(texts):
    """The text of the only signature."""
    text, = texts.values()
    return text


FUSED = re.compile(r"\bvf(n?m(add|sub)|maddsub|msubadd)\w*")


@X86
def test_strict_evaluator_has_no_fused_operation(strict_kernel):
    code = only(strict_kernel.inspect_asm())
    assert "mulsd" in code and "addsd" in code
    assert FUSED.findall(code) == []


@X86
def test_fused_operations_would_be_seen():
    """The pattern finds them where they are meant to be."""
    @jit
    def one_rounding(a, b, c):
        return fused.fma(a, b, c)

    assert one_rounding(2.0, 3.0, 4.0) == 10.0
    code = only(compiled_here(one_rounding).inspect_asm())
    if not llvmlite.binding.get_host_cpu_features().get("fma"):
        pytest.skip("this processor has no fused multiply-add")
    assert FUSED.findall(code)


def test_strict_evaluator_asks_for_no_freedom(strict_kernel):
    """No fast-math flag and no fused intrinsic in the intermediate code."""
    code = only(strict_kernel.inspect_llvm())
    assert not re.search(r"\bf(mul|add|sub|div|cmp)( \w+)* (fast|reassoc|contract|arcp|nnan|ninf|nsz|afn)\b",
                         code)
    assert "llvm.fma" not in code and "llvm.fmuladd" not in code


#: Names under which a compiler could offer its own elementary functions.
FOREIGN = re.compile(r"llvm\.(sin|cos|exp|exp2|log|pow|tan|atan2)\b|__svml_\w+|_ZGV\w+"
                     r"|\bnumba_(sin|cos|exp|log)\w*"
                     r"|@(sin|cos|sincos|exp|log|tan|atan2|pow|powf)\b")


def test_strict_evaluator_calls_the_c_library(strict_kernel):
    """By our names only, which no compiler knows."""
    code = only(strict_kernel.inspect_llvm())
    called = set(re.findall(r'call [^\n]*@"?([\w.]+)"?\(', code))
    ours = {name for name in called if name.startswith("numbragg_libm_")}
    assert {"numbragg_libm_exp", "numbragg_libm_cos", "numbragg_libm_atan2"} <= ours
    assert any("sin" in name for name in ours)
    assert FOREIGN.findall(code) == []


@X86
def test_machine_code_calls_the_c_library(strict_kernel):
    code = only(strict_kernel.inspect_asm())
    assert "numbragg_libm_exp" in code and "numbragg_libm_atan2" in code
    assert not re.search(r"__svml|_ZGV|\b(sin|cos|exp|atan2)@PLT", code)


def test_foreign_functions_would_be_seen():
    """What Numba makes of math.sin is found by the same pattern."""
    @numba.njit
    def plain(x):
        return math.sin(x)

    plain(1.0)
    assert FOREIGN.findall(only(compiled_here(plain).inspect_llvm()))


@pytest.mark.parametrize("name", ["sin", "cos", "exp", "log", "tan", "atan2", "powf"])
def test_symbols_are_those_of_the_c_library(name):
    """The address behind our name is the one that the dynamic linker gives for the C's name."""
    libm = ctypes.CDLL(ctypes.util.find_library("m"))
    wanted = ctypes.cast(getattr(libm, name), ctypes.c_void_p).value
    assert llvmlite.binding.address_of_symbol("numbragg_libm_" + name) == wanted
    dlsym = ctypes.CDLL(None).dlsym
    dlsym.restype, dlsym.argtypes = ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_char_p]
    assert dlsym(libm._handle, name.encode()) == wanted


@pytest.mark.parametrize("name, arguments", [
    ("sin", (0.5, 1e5, 3.3e-9, 710.25)), ("cos", (0.5, 1e5, 3.3e-9, 710.25)),
    ("exp", (0.5, -745.0, 3.3e-9, 700.25)), ("log", (0.5, 1e5, 3.3e-9, 710.25)),
    ("tan", (0.5, 1e5, 3.3e-9, 710.25))])
def test_compiled_functions_give_the_c_library_s_bits(name, arguments):
    """Called from compiled code, from Python and through ctypes."""
    ours = getattr(c_library, "c_" + name)
    theirs = getattr(ctypes.CDLL(ctypes.util.find_library("m")), name)
    theirs.restype, theirs.argtypes = ctypes.c_double, [ctypes.c_double]

    @jit(variant=name)
    def compiled(x):
        return ours(x)

    for x in arguments:
        assert compiled(x) == ours(x) == theirs(x)


def test_constants_are_not_folded():
    """A constant argument is still computed by the C library when the program runs."""
    @jit
    def constant():
        return c_library.c_sin(0.7)

    constant()
    assert "numbragg_libm_sin" in only(compiled_here(constant).inspect_llvm())


@pytest.mark.parametrize("named", [True, False])
def test_closures_are_told_apart(named):
    """Functions made by one piece of code from different parts are different functions, variant or not."""
    def adder(amount):
        def added(x):
            return x + amount

        return jit(added, variant=amount) if named else jit(added)

    assert [adder(amount)(1.0) for amount in (1.0, 2.0, 1.0)] == [2.0, 3.0, 2.0]


SHARED = """
import sys
import threading
import time
from numbragg.kernels.compile.compilation import jit

def adder(amount):
    @jit(variant=amount)
    def added(x):
        return x + amount
    return added

print(adder(float(sys.argv[1]))({"float": float, "int": int}[sys.argv[2]](1)))
"""


@pytest.fixture(scope="module")
def saved_by(tmp_path_factory):
    """A function: names of the files that a process of its own saves for a variant and a type of argument."""
    folder = tmp_path_factory.mktemp("saved")
    script = folder / "script.py"
    script.write_text(SHARED)

    @functools.cache
    def names(variant, kind):
        cache = folder / (variant + kind)
        done = forks.run([script, variant, kind], environment={"NUMBRAGG_CACHE_DIR": str(cache)})
        assert done.returncode == 0, done.stderr
        return frozenset(path.name for path in cache.glob("*/*.nbc"))

    return names


@pytest.mark.parametrize("other", [("2.0", "float"), ("1.0", "int")])
def test_processes_that_compile_at_once_do_not_exchange_their_code(other, saved_by):
    """What two processes save at the same time, both finding nothing there, must have names of its own.

    Numba numbers data files by what the index held when it was read: two processes that save two
    variants (or two signatures) at once then write the same file, and the index of one names the
    code of the other, for ever after.
    """
    names = saved_by("1.0", "float"), saved_by(*other)
    assert all(names) and not names[0] & names[1]


@X86
@pytest.mark.parametrize("shape", ["square", "gauss", "round", "tophat"])
def test_lanes_call_no_foreign_function(shape):
    """Lanes have elementary functions of their own; what is per pixel calls the C library."""
    from numbragg.kernels.physics.records import EXACT, SEQUENTIAL, SHAPES

    nb.simulate(nb.Crystal(cell=(60, 70, 80, 90, 90, 90), n_cells=4, shape=shape), nb.Beam(),
                nb.Detector(pixels=(16, 16)), 10.0, threads=1)
    made = (lanes.lane_kernel(SHAPES[shape], False, about, EXACT, SEQUENTIAL) for about in (True, False))
    kernels = [kernel for kernel in made if kernel.signatures]
    assert kernels
    for kernel in kernels:
        assert FOREIGN.findall(only(compiled_here(kernel).inspect_llvm())) == []
