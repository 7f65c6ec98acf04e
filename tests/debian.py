"""Programs that are no Python packages: root on Debian gets them from apt beside the other checks, in one run.

Two runs of apt-get lock each other out. Packages are installed one program after the other, so that one that is not to
be had leaves the others alone.
"""

from collections.abc import Callable
import os
from pathlib import Path
import shutil
import signal
import subprocess
import tempfile
import time
from typing import NamedTuple

from places import ROOT

#: How long all installations together may take [s].
LIMIT = 600
_APT = "apt-get -o DPkg::Lock::Timeout=120 -qq"


class Wanted(NamedTuple):
    """A program that a part of the checks needs."""

    part: str
    name: str  # for messages
    packages: tuple  # the first is the program
    installed: Callable  # whether it can be run


def possible():
    """Whether apt-get may install here."""
    return (hasattr(os, "geteuid") and os.geteuid() == 0 and Path("/etc/debian_version").exists()
            and shutil.which("apt-get") is not None)


def run_alone(wanted, command):
    """Run the tests of a part by themselves; where its program is not to be had, say why not.

    Parameters
    ----------
    wanted : Wanted
    command : list of str
        The tests' command.

    Returns
    -------
    int
        The exit status.
    """
    with Installation([wanted]) as coming:
        reason = coming.reason(wanted)
    if reason:
        print(f"{wanted.part}: left out: {reason}")
        return 0
    return subprocess.run(command, cwd=ROOT).returncode


class Installation:
    """Packages on their way, in a process of their own; nothing where they are not needed, or not to be had.

    A context manager: what is not there at the end is given up.

    Parameters
    ----------
    wanted : sequence of Wanted
        In the order in which they are installed.
    """

    def __init__(self, wanted):
        self._process, self._folder, self._start = None, None, time.monotonic()
        self._missing = [one for one in wanted if not one.installed()]
        if not self._missing or not possible():
            return
        packages = " ".join(" ".join(one.packages) for one in self._missing)
        print(f"-- {', '.join(one.part for one in self._missing)}: apt-get installs {packages} meanwhile", flush=True)
        self._folder = tempfile.TemporaryDirectory()
        steps = [f"{_APT} update"]
        for one in self._missing:
            # what it said, and its status once it has one
            place = os.path.join(self._folder.name, one.part)
            steps.append(f"{_APT} install -y {' '.join(one.packages)} >{place}.said 2>&1; echo $? >{place}.part; "
                         f"mv {place}.part {place}.status")
        # in a session of its own, so that an interrupt from the keyboard does not leave packages half installed
        self._process = subprocess.Popen(
            ["sh", "-c", "; ".join(steps)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True, env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"})

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._stop()
        if self._folder is not None:
            self._folder.cleanup()

    def _stop(self):
        if self._process is not None:
            if self._process.poll() is None:
                # the shell and what it runs
                os.killpg(self._process.pid, signal.SIGTERM)
            self._process.wait()

    def reason(self, wanted):
        """Wait until a program is there.

        Returns why its part cannot be run, or nothing.
        """
        if self._process is not None and wanted in self._missing:
            status = Path(self._folder.name, f"{wanted.part}.status")
            while not status.exists() and self._process.poll() is None:
                if time.monotonic() > self._start + LIMIT:
                    self._stop()
                    break
                time.sleep(0.05)
            if wanted is self._missing[-1] and status.exists():
                self._process.wait()
            if not status.exists():
                return f"apt-get took more than {LIMIT} s to install {wanted.packages[0]}"
            said = Path(self._folder.name, f"{wanted.part}.said").read_text(errors="replace").strip()
            if status.read_text().strip() != "0" or not wanted.installed():
                return f"apt-get could not install {wanted.packages[0]}: {(said.splitlines()[-1:] or [''])[0]}"
        return "" if wanted.installed() else (f"{wanted.name} is not installed, and only root on Debian installs it "
                                              "(apt-get)")
