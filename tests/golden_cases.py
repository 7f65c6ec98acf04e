"""The reference runs of the C program as the tests use them: command lines, inputs and hashes."""

import hashlib
import json
from pathlib import Path
import shutil

FOLDER = Path(__file__).parent / "golden"
INPUTS = FOLDER / "inputs"
MANIFEST = json.loads((FOLDER / "manifest.json").read_text(encoding="utf-8"))
CASES = {case["id"]: case for case in MANIFEST["cases"]}
REVISIONS = ("main", "fixed")

#: Seeded from the clock: the C program's result cannot be repeated, but it is a proper command line.
CLOCK_SEEDED = "bad-misset-random-unseeded"

REFUSED = {entry["id"]: entry for kind in ("crashes", "bad_input", "refused", "unstable")
           for entry in MANIFEST[kind] if entry["id"] != CLOCK_SEEDED}

#: Cases that stand for all: one or more of nearly every group.
OF_EVERY_GROUP = (
    "cell-triclinic-hkl", "misset-random-triclinic-hkl", "matrix-option-name-extra-lines", "hkl-sparse",
    "fdump-reread", "fdump-unwritable", "size-N2-hkl-auto-interpolate", "shape-round-mosaic-phi",
    "interp-phi-mosaic-runs-out", "oversample-all-three", "sensor-tilted", "curved-rotated",
    "polar-first-source-cached", "phi-starts-at-zero-oversample-sources", "mosaic-phi-triclinic",
    "dispersion-range-and-steps", "div-polar-dispersion", "source-full", "conv-denzo-rotated",
    "geom-twotheta-xds", "custom-twotheta-phi-curved", "detpixels-x-y", "roi-centre", "mask-phi-zero",
    "img-own-output", "energy", "flux-default-beamsize", "dmin-water", "out-image-names", "out-printout",
    "noise-bright-triclinic-water", "at012-triclinic-p1", "parity-022-multi-step-phi",
)


def bring_inputs(case, folder):
    """Copy the input files of a case."""
    for name in case["inputs"]:
        shutil.copy(INPUTS / name, folder)


def wanted_outputs(case, revision):
    """Name, size and hash of every file that a case must leave behind."""
    if revision == "fixed" and "outputs_fixed" in case:
        return case["outputs_fixed"]
    return case["outputs"]


def sha256(path):
    """Hash of a file."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def complaints(case, revision, folder):
    """What differs between a folder and what the C program left there; empty if nothing does."""
    wanted = wanted_outputs(case, revision)
    found = {path.name for path in Path(folder).iterdir()}
    problems = [f"{name}: unexpected" for name in sorted(found - set(case["inputs"]) - set(wanted))]
    for name, about in sorted(wanted.items()):
        if name not in found:
            problems.append(f"{name}: missing")
        elif (size := (Path(folder) / name).stat().st_size) != about["bytes"]:
            problems.append(f"{name}: {size} bytes, expected {about['bytes']}")
        elif sha256(Path(folder) / name) != about["sha256"]:
            problems.append(f"{name}: other content")
    for name in case["inputs"]:
        if name not in wanted and sha256(Path(folder) / name) != sha256(INPUTS / name):
            problems.append(f"{name}: an input was changed")
    return problems
