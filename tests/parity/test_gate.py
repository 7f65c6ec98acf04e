"""The comparison with a C binary, seen to pass, to fail and to be skipped, with numbragg in the binary's place."""

import os
from pathlib import Path
import runpy
import stat
import subprocess
import sys

import live_c
import numba
import pytest

MATRIX_FILE = Path(__file__).with_name("test_live_c.py")
CASES = "(same_files and plain) or matrix_is_large"

#: A program with the C program's command line; it may do some harm before it ends. What it computed once it keeps.
STAND_IN = """#!{python} -S
import hashlib, os, shutil, subprocess, sys
words = sys.argv[1:]
inputs = sorted((name, open(name, "rb").read()) for name in os.listdir())
kept = os.path.join({kept!r}, hashlib.sha256(repr((words, inputs)).encode()).hexdigest())
if not os.path.isdir(kept):
    command = [sys.executable, "-m", "numbragg", *words, "--revision", "main", "--quiet"]
    subprocess.run(command, check=True)
    shutil.copytree(".", kept)
shutil.copytree(kept, ".", dirs_exist_ok=True)
{harm}
"""

ONE_BIT = """
content = bytearray(open("noiseimage.img", "rb").read())
content[700] ^= 1
open("noiseimage.img", "wb").write(content)
"""


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Where the stand-ins keep what they have computed."""
    return str(tmp_path_factory.mktemp("kept"))


def run(folder, kept, harm, **environment):
    """Run some of the matrix against a stand-in.

    Returns what pytest prints.
    """
    program = folder / "stand-in"
    program.write_text(STAND_IN.format(python=sys.executable, kept=kept, harm=harm))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    others = {name: value for name, value in os.environ.items() if not name.startswith("NB_")}
    environment |= {"NB_RUN_PARALLEL": "1", "NB_C_BIN": str(program)}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(MATRIX_FILE), "-k", CASES]
    return subprocess.run(command, env=others | environment, capture_output=True, text=True, timeout=600).stdout


compiled_only = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="whole images are for compiled kernels")


@compiled_only
def test_same_files_pass_and_the_revision_is_found_out(tmp_path, kept):
    printed = run(tmp_path, kept, "print('as ever')")
    assert "2 passed" in printed, printed


@compiled_only
@pytest.mark.parametrize("harm", [ONE_BIT, "import os; os.remove('image.pgm')"], ids=["one bit", "no picture"])
def test_other_files_fail(tmp_path, kept, harm):
    printed = run(tmp_path, kept, harm, NB_C_REVISION="main")
    assert "1 failed, 1 passed" in printed, printed


@compiled_only
def test_a_binary_of_neither_revision_fails(tmp_path, kept):
    printed = run(tmp_path, kept, "open('floatimage.bin', 'ab').write(bytes(4))")
    assert "is neither revision main nor fixed" in printed and "1 passed" in printed and "1 error" in printed, printed


@pytest.mark.parametrize("environment, reason", [
    ({}, "NB_RUN_PARALLEL=1 is not set"), ({"NB_RUN_PARALLEL": "yes"}, "NB_RUN_PARALLEL=1 is not set"),
    ({"NB_RUN_PARALLEL": "1"}, "NB_C_BIN names no C binary"),
    ({"NB_RUN_PARALLEL": "1", "NB_C_BIN": "nothing/like/it"}, "NB_C_BIN: nothing/like/it is no program"),
    ({"NB_RUN_PARALLEL": "1", "NB_C_BIN": sys.executable}, None)])
def test_reason_of_a_skip(monkeypatch, environment, reason):
    for name in ("NB_RUN_PARALLEL", "NB_C_BIN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    loaded = runpy.run_path(live_c.__file__)
    assert loaded["reason"]() == reason
    mark = loaded["skipped"]
    assert mark.args == (reason is not None,) and mark.kwargs == {"reason": reason or ""}
