"""A C binary of the user's own: whether the tests may run it, which revision it is, its files."""

import hashlib
import os
import subprocess

import pytest

from numbragg.commands.cli import main

__all__ = ["BINARY", "content", "reason", "revision_of", "run_c", "skipped"]

BINARY = os.environ.get("NB_C_BIN")

#: The two revisions give different images of this.
PROBE = ("-cell 40 50 60 80 95 100 -misset 10 20 30 -lambda 1.2 -distance 60 -pixel 0.6 -detpixels 48 -default_F 100 "
         "-N 5 -phi 0 -osc 2 -phisteps 2 -oversample 2 -oversample_omega -seed 1")


def reason():
    """Why tests of the binary are skipped; None if they run."""
    if os.environ.get("NB_RUN_PARALLEL") != "1":
        return "NB_RUN_PARALLEL=1 is not set"
    if not BINARY:
        return "NB_C_BIN names no C binary"
    if not os.access(BINARY, os.X_OK):
        return f"NB_C_BIN: {BINARY} is no program"
    return None


skipped = pytest.mark.skipif(reason() is not None, reason=reason() or "")


def content(folder):
    """Hash of every file of a folder, by name."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def run_c(words, folder, timeout=300):
    """Run the binary in a folder on one thread.

    Returns what it prints.
    """
    done = subprocess.run([BINARY, *words], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=timeout, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-500:]
    return done.stdout


def revision_of(make_folder):
    """Which revision the binary is: what NB_C_REVISION says, or what its image shows."""
    said = os.environ.get("NB_C_REVISION")
    if said:
        return said
    folder, words = make_folder("probe"), PROBE.split()
    run_c(words, folder)
    theirs = content(folder)["floatimage.bin"]
    found = []
    for name in ("main", "fixed"):
        ours = make_folder(name)
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(ours)
            assert main([*words, "--revision", name, "--quiet"]) == 0
        if content(ours)["floatimage.bin"] == theirs:
            found.append(name)
    assert len(found) == 1, f"{BINARY} is neither revision main nor fixed (NB_C_REVISION says which to compare with)"
    print(f"NB_C_BIN is revision {found[0]}")
    return found[0]
