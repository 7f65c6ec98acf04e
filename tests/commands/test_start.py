"""What a start loads, and what it leaves alone: only what is needed, and nothing of a process that is not its own."""

import gc
import os
import subprocess
import sys

from cli_tools import SMALL
from formula_tools import INTERPRETED
import pytest

from numbragg.command_line.early import EARLY, early_answer, spellings_of
from numbragg.command_line.parse import parse
from numbragg.command_line.table import TABLE
from numbragg.commands.cli import main

COMPILED = pytest.mark.skipif(INTERPRETED, reason="nothing is compiled")


def modules_after(code):
    """Names of what is loaded when some code has run in a process of its own, which may print them earlier itself."""
    program = f"{code}\nimport sys; print('\\n', *sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=300)
    return set(done.stdout.splitlines()[-1].split())


def test_early_words_are_those_of_the_table():
    rows = {option.name: " ".join(option.spellings) for option in TABLE}
    assert rows["--help"] == spellings_of("help") and rows["--version"] == spellings_of("version")
    assert {word for row in (rows["--help"], rows["--version"]) for word in row.split()} == EARLY.keys()


def test_the_first_early_word_counts():
    assert early_answer(["-cell", "--version", "--help"]) == "version"
    assert early_answer(["-cell", "-h", "--version"]) == "help"
    assert early_answer(["-cell", "--helpless", "help"]) is None
    line = parse(["nonsense", "-version"])
    assert line.version and not line.help


@pytest.mark.parametrize("word, needed", [("--help", {"numbragg.command_line.table"}), ("--version", set())])
def test_early_words_load_no_more_than_they_print(word, needed):
    found = modules_after(f"from numbragg.commands.cli import main; main([{word!r}])")
    assert needed <= found
    unneeded = {"numpy", "numba", "numbragg.command_line.parse", "numbragg.command_line.inputs",
                "numbragg.commands.image"} | ({"numbragg.command_line.table"} - needed)
    assert not unneeded & found


@pytest.mark.parametrize("name", ["Simulator", "simulate"])
def test_names_load_no_more_than_they_need(name):
    found = modules_after(f"import numbragg; numbragg.{name}")
    assert "numbragg.render.simulation" in found
    assert not {"numba", "numbragg.configs.without_effect", "numbragg.scene.draws", "numbragg.scene.prepare"} & found


@COMPILED
def test_kept_kernels_are_loaded_without_what_compiles(folder):
    """Numba's implementations of everything, SciPy with them, take as long to load as Numba itself."""
    assert main(SMALL) == 0
    found = modules_after(f"from numbragg.commands.cli import main; assert main({SMALL!r}) == 0")
    assert "numba" in found and "numbragg.kernels.detector.digitise" in found
    assert not {"numba.np.arrayobj", "numba.np.linalg", "numba.cpython.listobj", "scipy.linalg"} & found


@COMPILED
def test_functions_of_a_user_are_compiled_behind_kept_kernels(folder):
    """What was left out is there for them: lists, linear algebra, random numbers, their own cache."""
    (folder / "mine.py").write_text(
        "import sys\n"
        "import numba, numpy as np\n"
        "from numba.extending import overload\n"
        "from numbragg.commands.cli import main\n"
        f"assert main({[*SMALL, '--quiet']!r}) == 0\n"
        "assert 'numba.np.linalg' not in sys.modules\n"
        "def twice(x): pass\n"
        "@overload(twice)\n"
        "def _(x): return lambda x: 2 * x\n"
        "@numba.njit(cache=True)\n"
        "def f(a):\n"
        "    found = [twice(x) for x in a]\n"
        "    found.append(np.linalg.norm(a))\n"
        "    return sum(found) + len({1: str(2)})\n"
        "print(f(np.array([3.0, 4.0])), sum(f.stats.cache_hits.values()))\n"
        f"assert main({[*SMALL, '--quiet']!r}) == 0\n")
    for hits in (0, 1):
        done = subprocess.run([sys.executable, "mine.py"], capture_output=True, text=True, timeout=300,
                              env=os.environ | {"NUMBA_CACHE_DIR": str(folder / "own")})
        assert (done.stdout.split(), done.stderr) == (["20.0", str(hits)], "")


def test_garbage_is_looked_for_seldom_in_a_process_of_its_own_only(capfd):
    before = gc.get_threshold()
    assert main(["--version"]) == 0 and gc.get_threshold() == before
    code = ("import gc, sys; from numbragg.commands import cli, program; program.end = lambda code: None; "
            "usual = gc.get_threshold()[0]; sys.argv = ['numbragg', '--version']; cli.entry(); "
            "print(gc.get_threshold()[0] > usual, gc.isenabled())")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "True True"
