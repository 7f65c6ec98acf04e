#!/usr/bin/env python3
"""Some of the tests with the oldest libraries that setup.cfg allows: `python tests/oldest.py`.

Every `name>=version` of `install_requires` and of the extras in `EXTRAS` becomes `name==version` in a new
virtual environment, which is removed afterwards.  Where it cannot be made, that is a failure and not a pass.
"""

import configparser
import os
from pathlib import Path
import re
import subprocess
import sys
import tempfile

from places import ROOT, jobs

#: Extras besides what is always installed; cuda has one version only, and the tools are of no concern here.
EXTRAS = ("demo", "plot", "io")

#: What the tests themselves need, in any version.
TOOLS = ("pytest", "pytest-xdist", "hypothesis", "mpmath")

#: What is run: every format, the reference files of one revision, the Python interface, the comparisons.
TESTS = ("tests/test_golden.py", "tests/io", "tests/configs", "tests/compare", "tests/render/test_simulate.py")
LEFT_OUT = "test_golden and main"


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


def main():
    """Make the environment and run the tests in it.

    Returns the exit status.
    """
    pinned = requirements((ROOT / "setup.cfg").read_text(encoding="utf-8"))
    print(f"oldest: {' '.join(pinned)}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        python = Path(folder, "venv", "bin", "python")
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        environment = dict(os.environ, NUMBRAGG_CACHE_DIR=str(Path(folder, "cache")))
        for command in ([sys.executable, "-m", "venv", Path(folder, "venv")], [*install, *pinned, *TOOLS],
                        [*install, "--no-deps", "-e", "."]):
            if subprocess.run(command, cwd=ROOT, env=environment).returncode:
                print("oldest: the environment could not be made, so nothing was tested")
                return 1
        return subprocess.run([python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", str(jobs()), "-k",
                               f"not ({LEFT_OUT})", *TESTS], cwd=ROOT, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())
