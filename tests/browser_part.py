#!/usr/bin/env python3
"""The tests that open our pages in a browser: `python tests/browser_part.py`, a part of `check.py`.

Chromium is no Python package; how it comes, or that the part is left out, is as for DIALS (`debian.py`).
"""

import shutil
import subprocess
import sys

import debian
from places import ROOT

#: Names that the program goes by.
NAMES = ("chromium", "chromium-browser", "google-chrome")


def program():
    """The browser's path, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


WANTED = debian.Wanted("browser", "Chromium", ("chromium",), lambda: program() is not None)


def command():
    """The tests' command."""
    return [sys.executable, "-m", "pytest", "-m", "browser", "-q", "-p", "no:cacheprovider", "tests/browser"]


def main():
    """Run the tests.

    Returns the exit status.
    """
    with debian.Installation([WANTED]) as coming:
        reason = coming.reason(WANTED)
    if reason:
        print(f"browser: left out: {reason}")
        return 0
    return subprocess.run(command(), cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main())
