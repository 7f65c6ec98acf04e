#!/usr/bin/env python3
"""The tests that open our pages in a browser: `python tests/browser_part.py`, a part of `check.py`.

Chromium is no Python package; how it comes, or that the part is left out, is as for DIALS (`debian.py`).
"""

import shutil
import sys

import debian

#: Names that the program goes by.
NAMES = ("chromium", "chromium-browser", "google-chrome")


def program():
    """The browser's path, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


WANTED = debian.Wanted("browser", "Chromium", ("chromium",), lambda: program() is not None)


def command():
    """The tests' command."""
    return [sys.executable, "-m", "pytest", "-m", "browser", "-q", "-p", "no:cacheprovider", "tests/browser"]


if __name__ == "__main__":
    sys.exit(debian.run_alone(WANTED, command()))
