#!/usr/bin/env python3
"""All checks in one command: `python tests/check.py`; exit status 0 only if every one of them passed.

    lint      ruff: names, lines of at most 120 columns, order of imports
    types     mypy: the annotations of the public interface
    tests     pytest with warnings as errors
    oldest    some of the tests with the oldest libraries that setup.cfg allows, in an environment of its own
    browser   chromium opens the pages of `numbragg view`; installed meanwhile, as DIALS is
    dials     DIALS reads and processes our files; installed meanwhile by root on Debian, else left out where it is not

`--without PART` leaves a part out, `--only PART` all others.  `--coverage` adds to the tests which lines of Python they
ran, for a third more of their time.  Further words go to the pytest of `tests`:
`python tests/check.py --only tests -k golden`.
"""

import argparse
import contextlib
import subprocess
import sys
import time

import browser_part
import debian
import dials_part
import oldest
from places import ROOT, jobs

PARTS = ("lint", "types", "tests", "oldest", "browser", "dials")

#: Parts that need a program which is no Python package, in the order in which they are installed.
PROGRAMS = {"browser": browser_part, "dials": dials_part}

COVERAGE = """\
coverage: lines that the tests' own processes ran as Python. Compiled code and other processes are not seen, so that
kernels/ shows what is interpreted (and the rest of it is compared with the oracle, compiled)."""


def commands(part, words=(), coverage=False):
    """The commands of a part; `words` are what the first one takes, of the tests pytest's."""
    python = [sys.executable, "-m"]
    if part == "lint":
        return [[*python, "ruff", "check", "--config", "tests/ruff.toml", "."]]
    if part == "types":
        return [[*python, "mypy"]]
    if part == "tests":
        # side by side, the tests of a file in one process; by name, for files of few tests take the longest and would
        # be left to one process at the end
        tests = [*python, "pytest", "-n", str(jobs()), "--dist", "loadfile", "--no-loadscope-reorder"]
        if not coverage:
            return [[*tests, *words]]
        report = [*python, "coverage", "report", "--include"]
        return [[*tests, "--cov", "--cov-report=", *words], [*report, "numbragg/*"], [*report, "kernels/*"]]
    if part in PROGRAMS:
        return [PROGRAMS[part].command()]
    return [[sys.executable, "tests/oldest.py", *words]]


def run(part, words=(), coverage=False):
    """Run one part.

    Returns whether it passed.
    """
    first, *others = commands(part, words, coverage)
    print(f"-- {part}: {' '.join(first[1:])}", flush=True)
    status = subprocess.run(first, cwd=ROOT).returncode
    if others:
        print(COVERAGE, flush=True)
    # all of them, also after a failure
    return not any([status, *(subprocess.run(command, cwd=ROOT).returncode for command in others)])


def _parts(wanted, run_tests, coming, environment):
    """Run parts, the tests by `run_tests`. Returns a line on each, and whether one failed."""
    lines, failed = [], False
    for part in PARTS:
        if part not in wanted:
            lines.append(f"{part:8} left out")
            continue
        missing = coming.reason(PROGRAMS[part].WANTED) if part in PROGRAMS else ""
        if missing:
            lines.append(f"{part:8} left out: {missing}")
            continue
        start = time.perf_counter()
        if part == "oldest":
            passed = run(part, ["--run", environment.ready()])
        else:
            passed = run_tests() if part == "tests" else run(part)
        lines.append(f"{part:8} {'passed' if passed else 'FAILED'} {time.perf_counter() - start:8.1f} s")
        failed |= not passed
    return lines, failed


def main(arguments):
    """Run all parts that are wanted, also after one has failed.

    Returns the exit status.
    """
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0], allow_abbrev=False)
    parser.add_argument("--without", action="append", default=[], choices=PARTS, help="leave this part out")
    parser.add_argument("--only", action="append", default=[], choices=PARTS, help="leave all others out")
    parser.add_argument("--coverage", action="store_true", help="say which lines of Python the tests ran")
    chosen, words = parser.parse_known_args(arguments)
    wanted = [part for part in chosen.only or PARTS if part not in chosen.without]
    if not wanted:
        parser.error("nothing is left to check")
    with contextlib.ExitStack() as stack:
        # what takes minutes to be installed comes while other parts run
        coming = stack.enter_context(
            debian.Installation([PROGRAMS[part].WANTED for part in PROGRAMS if part in wanted]))
        environment = stack.enter_context(oldest.Environment()) if "oldest" in wanted else None
        lines, failed = _parts(wanted, lambda: run("tests", words, chosen.coverage), coming, environment)
    print("\n".join(["-- summary", *lines, "-- FAILED" if failed else "-- passed"]))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
