#!/usr/bin/env python3
"""Some of the tests with the oldest libraries that setup.cfg allows: `python tests/oldest.py`.

Every `name>=version` of `install_requires` and of the extras in `EXTRAS` becomes `name==version` in a new
virtual environment, which is removed afterwards.  Where it cannot be made, that is a failure and not a pass.
"""

import configparser
import contextlib
import os
from pathlib import Path
import re
import signal
import subprocess
import sys
import tempfile

from golden_cases import CASES, OF_EVERY_GROUP
from places import ROOT, jobs

#: Extras besides what is always installed; cuda has one version only, and the tools are of no concern here.
EXTRAS = ("demo", "plot", "io", "campaign")

#: What the tests themselves need, in any version.
TOOLS = ("pytest", "pytest-xdist", "hypothesis", "mpmath")

#: What is run: every format, reference files, the Python interface, the comparisons, what libraries' locks ask for.
TESTS = ("tests/io", "tests/configs", "tests/compare", "tests/render/test_simulate.py", "tests/campaign/test_store.py",
         "tests/kernels/compile/test_forks.py::test_locks_of_libraries_are_free_after_a_fork")

#: What is left out: kernels compiled once more, for another processor, are no business of a library's version.
LEFT_OUT = ("tests/io/test_same_bytes.py::test_other_processors[kernels for haswell]",
            "tests/io/test_same_bytes.py::test_other_processors[kernels for any processor]")

#: Groups of reference files of which all are made: they need every kernel, and every kind of random number. Of the
#: others some stand for all; what their cases tell apart are words, which no library reads.
WHOLE_GROUPS = ("shape", "interpolate", "noise", "realistic")


def reference_files():
    """The tests that make reference files, of one revision."""
    chosen = [name for name, case in CASES.items() if name in OF_EVERY_GROUP or case["group"] in WHOLE_GROUPS]
    return [f"tests/test_golden.py::test_same_files_as_c[{name}-fixed]" for name in chosen]


#: Seconds that it may take to be made.
LIMIT = 1200

#: The command that makes the environment in the folder that is put behind it.
MAKE = [sys.executable, __file__, "--make"]


def requirements(text):
    """The oldest versions that a setup.cfg allows.

    Returns lines for pip, sorted.
    """
    config = configparser.ConfigParser(interpolation=None)
    config.read_string(text)
    lines = config["options"]["install_requires"].split("\n")
    for extra in EXTRAS:
        lines += config["options.extras_require"][extra].split("\n")
    found = {}
    for line in filter(None, map(str.strip, lines)):
        match = re.fullmatch(r"([A-Za-z0-9_-]+)>=([0-9.]+)", line)
        if not match:
            raise ValueError(f"setup.cfg: {line}: a lower limit alone is wanted, such as name>=1.2")
        if found.setdefault(match[1], match[2]) != match[2]:
            raise ValueError(f"setup.cfg: {match[1]} has two lower limits, {found[match[1]]} and {match[2]}")
    return [f"{name}=={version}" for name, version in sorted(found.items())]


def make(folder):
    """Make the environment in a folder; `made` in it says that it is whole."""
    pinned = requirements((ROOT / "setup.cfg").read_text(encoding="utf-8"))
    print(f"oldest: {' '.join(pinned)}", flush=True)
    python = Path(folder, "venv", "bin", "python")
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    for command in ([sys.executable, "-m", "venv", Path(folder, "venv")], [*install, *pinned, *TOOLS],
                    [*install, "--no-deps", "-e", "."]):
        if subprocess.run(command, cwd=ROOT).returncode:
            return
    Path(folder, "made").touch()


def run(folder):
    """Run the tests in the environment of a folder.

    Returns the exit status.
    """
    if not Path(folder, "made").exists():
        print("oldest: the environment could not be made, so nothing was tested")
        return 1
    environment = dict(os.environ, NUMBRAGG_CACHE_DIR=str(Path(folder, "cache")))
    # the tests of a file in one process: two that meet a kernel at the same time would both compile it
    left_out = [word for name in LEFT_OUT for word in ("--deselect", name)]
    return subprocess.run([Path(folder, "venv", "bin", "python"), "-m", "pytest", "-q", "-p", "no:cacheprovider",
                           "-n", str(jobs()), "--dist", "loadfile", "--no-loadscope-reorder", *left_out,
                           *reference_files(), *TESTS], cwd=ROOT, env=environment).returncode


class Environment:
    """The environment on its way, in a process and a folder of its own, which go when `with` ends."""

    def __enter__(self):
        self._folder, self._output = tempfile.TemporaryDirectory(), tempfile.TemporaryFile("w+")
        self.folder = self._folder.name
        # in a session of its own, so that what it starts ends with it
        self.process = subprocess.Popen([*MAKE, self.folder], start_new_session=True, stdin=subprocess.DEVNULL,
                                        stdout=self._output, stderr=subprocess.STDOUT)
        return self

    def ready(self, output=None):
        """Wait for its end, and print what was said to a file, or the standard output.

        Returns the folder.
        """
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(LIMIT)
        self._output.seek(0)
        print(self._output.read(), end="", file=output, flush=True)
        if self.process.poll() is None:
            print(f"oldest: not ready after {LIMIT} s", file=output, flush=True)
        return self.folder

    def __exit__(self, *_):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait()
        self._output.close()
        self._folder.cleanup()


def main(words):
    """Make the environment and run the tests in it; `--make FOLDER` and `--run FOLDER` do one of the two.

    Returns the exit status.
    """
    if words:
        return (make if words[0] == "--make" else run)(words[1]) or 0
    with Environment() as environment:
        return run(environment.ready())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
