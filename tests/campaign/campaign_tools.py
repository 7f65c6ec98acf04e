"""Small campaigns for tests: descriptions, and what a folder holds."""

import contextlib
import hashlib
import os
import subprocess
import sys

#: A description whose shots take some milliseconds.
SMALL = """\
[campaign]
shots = 12
seed = 5
shots_per_file = 4

[structure]
constant = 100.0

[detector]
pixels = [40, 32]
pixel_mm = 0.5
distance_mm = 60.0

[beam]
fluence_photons_per_m2 = 1e22
size_mm = 0.01

[crystal]
cell = [60, 60, 80, 90, 90, 90]
n_cells = 20
shape = "gauss"
spot_metric = "hkl"

[sampling]
oversample = 1

[vary.orientation]
distribution = "uniform"

[vary.lattices]
distribution = "uniform"
low = 1
high = 2

[vary.fluence_photons_per_m2]
distribution = "log-uniform"
low = 1e24
high = 1e25

[vary.blank]
distribution = "choice"
values = [true, false]
weights = [1, 4]
"""


def write(text=SMALL, name="set.toml"):
    """Write a description into the current folder. Returns its name."""
    with open(name, "w", encoding="utf-8") as file:
        file.write(text)
    return name


def changed(*pairs, text=SMALL):
    """A description with other words; each must have been there, once."""
    for old, new in pairs:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def hashes(folder):
    """SHA-256 of every file of a folder, by name; not of what is below, such as logs."""
    made = {}
    for name in sorted(os.listdir(folder)):
        if os.path.isdir(os.path.join(folder, name)):
            continue
        with open(os.path.join(folder, name), "rb") as file:
            made[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return made


def ran(place, text, *words):
    """Make a campaign of a description in the folder `out` of a place, in this process. Returns that folder's name."""
    from numbragg.commands.cli import main

    with contextlib.chdir(place):
        assert main(["campaign", "run", write(text), "--out", "out", *words, "--quiet"]) == 0
    return str(place / "out")


def campaign(*words, environment=None, **more):
    """Run `numbragg campaign` in a process of its own. Returns what came of it."""
    return subprocess.run([sys.executable, "-m", "numbragg", "campaign", *words], capture_output=True, text=True,
                          timeout=600, env={**os.environ, **(environment or {})}, **more)
