"""Every reference run of the C program: all files, both revisions; and all that must be refused.

The manifest holds command lines and SHA-256 hashes of what the C program wrote, so a fresh clone
proves the bits with nothing else at hand.
"""

import subprocess
import sys

import forks
from golden_cases import (
    CASES,
    CLOCK_SEEDED,
    INPUTS,
    MANIFEST,
    OF_EVERY_GROUP,
    REFUSED,
    REVISIONS,
    bring_inputs,
    complaints,
    sha256,
)
import pytest

from numbragg.commands.cli import main


def arguments(case, revision):
    """The command lines of a case, in the order in which they are run in one folder."""
    return [args + ["--revision", revision]
            for args in ([case["prior_args"]] if "prior_args" in case else []) + [case["args"]]]


def test_manifest_is_whole():
    assert len(CASES) == len(MANIFEST["cases"]) == 334
    assert len(REFUSED) == 53
    assert {name: sha256(INPUTS / name) for name in MANIFEST["inputs"]} == {
        name: about["sha256"] for name, about in MANIFEST["inputs"].items()}


@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("name", CASES)
def test_same_files_as_c(name, revision, folder):
    case = CASES[name]
    bring_inputs(case, folder)
    for argv in arguments(case, revision):
        assert main(argv) == 0
    assert complaints(case, revision, folder) == []


def test_comparison_can_fail(folder):
    """A changed byte, a file too few and one too many are seen."""
    case = CASES["cell-cubic-one-length"]
    assert main(case["args"]) == 0
    assert complaints(case, "fixed", folder) == []
    image = folder / "floatimage.bin"
    content = bytearray(image.read_bytes())
    content[1000] ^= 1
    image.write_bytes(content)
    (folder / "image.pgm").unlink()
    (folder / "extra").write_bytes(b"")
    assert complaints(case, "fixed", folder) == ["extra: unexpected", "floatimage.bin: other content",
                                                 "image.pgm: missing"]


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name, folder, capfd):
    """One clear line, exit status 2, no file."""
    case = REFUSED[name]
    bring_inputs(case, folder)
    before = {path.name: sha256(path) for path in folder.iterdir()}
    assert main(case["args"]) == 2
    message, = capfd.readouterr().err.splitlines()
    assert message.startswith("numbragg: ") and "Traceback" not in message
    assert {path.name: sha256(path) for path in folder.iterdir()} == before


def test_clock_seeded_orientation(folder, capfd):
    """What the C program seeds from the clock is simulated, and the seed is told."""
    case = next(entry for entry in MANIFEST["unstable"] if entry["id"] == CLOCK_SEEDED)
    bring_inputs(case, folder)
    assert main(case["args"]) == 0
    assert "orientation seed" in capfd.readouterr().out


@pytest.mark.parametrize("name", OF_EVERY_GROUP)
def test_same_files_as_c_through_the_command_line(name, tmp_path):
    """As separate processes, the way a user does; the first ones with an interpreter of their own."""
    case = CASES[name]
    revision = REVISIONS[OF_EVERY_GROUP.index(name) % 2]
    bring_inputs(case, tmp_path)
    for argv in arguments(case, revision):
        words = ["-m", "numbragg", *argv]
        if name in OF_EVERY_GROUP[:2]:
            done = subprocess.run([sys.executable, *words], cwd=tmp_path, stdin=subprocess.DEVNULL, text=True,
                                  capture_output=True, timeout=300)
        else:
            done = forks.run(words, tmp_path)
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
    assert complaints(case, revision, tmp_path) == []
