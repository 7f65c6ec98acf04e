"""Started in a folder that holds another `numbragg`, as the root of a clone does; and a demonstration that stops."""

import os
import subprocess
import sys

from cli_tools import error_line
from cuda_tools import needs_numba_cuda
import pytest

from numbragg.commands import demo, image
from numbragg.commands.cli import main

#: What a console script does: the current folder is not searched.
SCRIPT = "import sys; from numbragg.commands.cli import main; sys.exit(main(sys.argv[1:]))"


@pytest.fixture
def shadow(folder):
    """A current folder with a package of our name in it that cannot be used."""
    (folder / "numbragg").mkdir()
    (folder / "numbragg" / "__init__.py").write_text("raise SystemExit('the wrong numbragg')\n")
    return folder


def started(*words, safe=True):
    return subprocess.run([sys.executable, *(["-P"] if safe else []), *words], capture_output=True, text=True,
                          timeout=600)


def test_the_wrong_package_would_be_found(shadow):
    done = started("-m", "numbragg", "--version", safe=False)
    assert done.returncode == 1 and "the wrong numbragg" in done.stderr


@needs_numba_cuda
def test_simulator_starts_the_installed_package(shadow):
    done = started("-c", SCRIPT, "selftest", "--backend", "cudasim", "--pixels", "1", "--threads", "1")
    assert done.returncode == 0, done.stderr
    assert "passed: 0 violations" in done.stdout


def test_a_clone_that_is_not_installed(folder, capfd, monkeypatch):
    """Where the folder of a clone is found instead of the installed package, the line says what to do."""
    def run(argv):
        raise ModuleNotFoundError("No module named 'numbragg.kernels'", name="numbragg.kernels")

    monkeypatch.setattr(image, "run", run)
    assert main(["-N", "1"]) == 2
    line = error_line(capfd)
    assert "pip install -e ." in line and "not installed" in line


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("raised, code", [(ValueError("no"), 2), (MemoryError(), 2), (KeyboardInterrupt(), 130)])
def test_demonstration_that_stops_leaves_nothing(before, raised, code, folder, capfd, monkeypatch):
    def run(argv):
        assert os.path.getsize("demo.hkl") > 1_000_000
        raise raised

    if before:
        (folder / "new").mkdir()
        (folder / "new" / "mine").write_bytes(b"")
    monkeypatch.setattr(image, "run", run)
    assert main(["demo", "--folder", "new"]) == code
    left = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))
    assert left == (["new", "new/mine"] if before else []) and os.path.samefile(os.getcwd(), folder)


def test_demonstration_without_matplotlib(folder, capfd, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setattr(demo, "_simulate", lambda words, folder: print(*words) or 0)
    assert main(["demo"]) == 0
    told = capfd.readouterr().out
    assert "pip install matplotlib" in told and "--png" not in told


def test_demonstration_in_place_of_a_file(folder, capfd):
    (folder / "new").write_bytes(b"mine")
    assert main(["demo", "--folder", "new"]) == 2
    assert "new: " in error_line(capfd) and (folder / "new").read_bytes() == b"mine"
