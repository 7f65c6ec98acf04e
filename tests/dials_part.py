#!/usr/bin/env python3
"""The tests that need DIALS: `python tests/dials_part.py`, a part of `check.py`.

DIALS is no Python package. Where it is not installed, root on Debian gets it from apt, beside the other parts, which
takes some minutes; elsewhere, or if that fails, the part is left out and says why. `--without dials` leaves it alone.
"""

import importlib.util
import os
from pathlib import Path
import shutil
import subprocess
import sys
import tempfile
import time

from places import ROOT, jobs

PACKAGES = ("dials", "python3-hdf5plugin")
#: How long an installation may take [s].
LIMIT = 600


def installed():
    """Whether DIALS can be run."""
    return shutil.which("dials.import") is not None


class Installation:
    """Packages on their way, in a process of their own; nothing where they are not needed, or not to be had."""

    def __init__(self):
        self._process, self._output, self._start = None, None, time.monotonic()
        if installed() or not self.possible():
            return
        print(f"-- dials: apt-get installs {' '.join(PACKAGES)} meanwhile", flush=True)
        self._output = tempfile.TemporaryFile()
        words = "apt-get -o DPkg::Lock::Timeout=120 -qq"
        # in a session of its own, so that an interrupt from the keyboard does not leave packages half installed
        self._process = subprocess.Popen(
            ["sh", "-c", f"{words} update; exec {words} install -y {' '.join(PACKAGES)}"],
            stdin=subprocess.DEVNULL, stdout=self._output, stderr=subprocess.STDOUT, start_new_session=True,
            env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"})

    @staticmethod
    def possible():
        """Whether apt-get may install here."""
        return (hasattr(os, "geteuid") and os.geteuid() == 0 and Path("/etc/debian_version").exists()
                and shutil.which("apt-get") is not None)

    def reason(self):
        """Wait until all is there.

        Returns why the part cannot be run, or nothing.
        """
        if self._process is not None:
            with self._output as output:
                try:
                    status = self._process.wait(max(self._start + LIMIT - time.monotonic(), 0.1))
                except subprocess.TimeoutExpired:
                    self._process.terminate()
                    self._process.wait()
                    return f"apt-get took more than {LIMIT} s to install {PACKAGES[0]}"
                output.seek(0)
                last = output.read().decode(errors="replace").strip().splitlines()[-1:] or [""]
            if status or not installed():
                return f"apt-get could not install {PACKAGES[0]}: {last[0]}"
        return "" if installed() else "DIALS is not installed, and only root on Debian installs it (apt-get)"


def command():
    """The tests' command; side by side where pytest-xdist is there."""
    side_by_side = ["-n", str(jobs())] if importlib.util.find_spec("xdist") else []
    return [sys.executable, "-m", "pytest", "-m", "dials", "-q", "-p", "no:cacheprovider", *side_by_side,
            "tests/dials", "tests/io/test_dxtbx.py"]


def main():
    """Run the tests.

    Returns the exit status.
    """
    reason = Installation().reason()
    if reason:
        print(f"dials: left out: {reason}")
        return 0
    return subprocess.run(command(), cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main())
