"""nonBragg and noisify of the user's own, built without OpenMP and named by NB_NONBRAGG_BIN and NB_NOISIFY_BIN.

    python tests/programs/c_programs.py

runs all scenes with both and writes the hashes of their images to programs.json.
"""

import hashlib
import json
import os
from pathlib import Path
import subprocess
import sys
import tempfile

BINARIES = {"nonbragg": os.environ.get("NB_NONBRAGG_BIN"), "noisify": os.environ.get("NB_NOISIFY_BIN")}


def hashes(program, names, folder="."):
    """SHA-256 of images, by name; of nonBragg's picture without the memory behind its pixels, which it writes too."""
    found = {}
    for name in names:
        content = (Path(folder) / name).read_bytes()
        if program == "nonbragg" and name.endswith(".pgm"):
            fast, slow = map(int, content.split(b"\n")[1].split())
            content = content[:content.index(b"255\n") + 4 + fast * slow]
        found[name] = hashlib.sha256(content).hexdigest()
    return found


def run_c(program, words):
    """Run a C program in this folder."""
    done = subprocess.run([BINARIES[program], *words], stdin=subprocess.DEVNULL, capture_output=True, timeout=300)
    assert done.returncode == 0, (program, words, done.stderr[-300:])


def _record():
    from program_scenes import RECORDED, SCENES, images_of, prepare
    import pytest

    out = {}
    for program, scenes in SCENES.items():
        with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
            prepare(program, folder, patch)
            out[program] = {}
            for name, words in scenes.items():
                run_c(program, words.split())
                out[program][name] = hashes(program, images_of(program, words.split()))
    RECORDED.write_text(json.dumps(out, indent=1) + "\n")


if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(__file__))
    _record()
