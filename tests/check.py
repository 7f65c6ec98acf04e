#!/usr/bin/env python3
"""All checks in one command: `python tests/check.py`; exit status 0 only if every one of them passed.

First the rules of the house (`test_layers.py`), then everything else, then whichever linter is
installed.  Further words go to pytest: `python tests/check.py -k golden`.
"""

import importlib.util
from pathlib import Path
import subprocess
import sys

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ["numbragg", "kernels", "tests", "benchmarks", "docs"]


def checks(arguments):
    """The commands to run, by name."""
    python = sys.executable
    yield "layers", [python, "-m", "pytest", "-q", "tests/test_layers.py"]
    yield "tests", [python, "-m", "pytest", *(arguments or ["--ignore=tests/test_layers.py"])]
    # syntax, undefined names, comparisons that are always true
    for module, words in (("flake8", []), ("ruff", ["check"])):
        words += ["--select", "E9,F63,F7,F82"]
        if importlib.util.find_spec(module) is not None:
            yield module, [python, "-m", module, *words, *SOURCES]
        else:
            print(f"-- {module}: not installed, left out")


def main(arguments):
    """Run all checks, also after one has failed.

    Returns the exit status.
    """
    failed = []
    for name, command in checks(arguments):
        print(f"-- {name}: {' '.join(command[1:])}", flush=True)
        if subprocess.run(command, cwd=ROOT).returncode != 0:
            failed.append(name)
    print(f"-- failed: {', '.join(failed)}" if failed else "-- all checks passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
