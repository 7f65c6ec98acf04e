#!/usr/bin/env python3
"""The tests that need DIALS: `python tests/dials_part.py`, a part of `check.py`.

DIALS is no Python package. Where it is not installed, root on Debian gets it from apt (`debian.py`), beside the other
parts, which takes some minutes; elsewhere, or if that fails, the part is left out and says why. `--without dials`
leaves it alone.
"""

import importlib.util
import shutil
import sys

import debian
from places import jobs


def installed():
    """Whether DIALS can be run."""
    return shutil.which("dials.import") is not None


WANTED = debian.Wanted("dials", "DIALS", ("dials", "python3-hdf5plugin"), lambda: installed())


def command():
    """The tests' command; side by side where pytest-xdist is there."""
    side_by_side = ["-n", str(jobs())] if importlib.util.find_spec("xdist") else []
    return [sys.executable, "-m", "pytest", "-m", "dials", "-q", "-p", "no:cacheprovider", *side_by_side,
            "tests/dials", "tests/io/test_dxtbx.py"]


if __name__ == "__main__":
    sys.exit(debian.run_alone(WANTED, command()))
