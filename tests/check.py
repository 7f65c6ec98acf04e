#!/usr/bin/env python3
"""All checks in one command: `python tests/check.py`; exit status 0 only if every one of them passed.

    lint      ruff: names, lines of at most 120 columns, order of imports
    types     mypy: the annotations of the public interface
    tests     pytest with warnings as errors
    oldest    some of the tests with the oldest libraries that setup.cfg allows, in an environment of its own
    browser   chromium opens the pages of `numbragg view`; installed meanwhile, as DIALS is
    dials     DIALS reads and processes our files; installed meanwhile by root on Debian, else left out where it is not

The tests wait for processes, and are left to one processor at their end: meanwhile the other parts run, one after the
other and with a lower priority, and what they say is printed behind the tests.

`--without PART` leaves a part out, `--only PART` all others.  `--coverage` adds to the tests which lines of Python they
ran, for a third more of their time.  Further words go to the pytest of `tests`:
`python tests/check.py --only tests -k golden`.
"""

import argparse
from concurrent.futures import ThreadPoolExecutor
import contextlib
import functools
import os
import subprocess
import sys
import tempfile
import time

import browser_part
import debian
import dials_part
import oldest
from places import ROOT, jobs

PARTS = ("lint", "types", "tests", "oldest", "browser", "dials")

#: Parts that need a program which is no Python package, in the order in which they are installed.
PROGRAMS = {"browser": browser_part, "dials": dials_part}

#: Seconds that a part beside the tests may take; on busy processors DIALS takes twelve minutes.
LIMIT = 1500

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


def _status(command, output):
    """The exit status of a command; one whose output goes to a file takes what processors the tests leave idle."""
    if output is None:
        return subprocess.run(command, cwd=ROOT).returncode
    with subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output) as process:
        if hasattr(os, "setpriority"):
            os.setpriority(os.PRIO_PROCESS, process.pid, lower_priority())
        try:
            return process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            print(f"took longer than {LIMIT} s, and was ended", file=output, flush=True)
            return 1


def lower_priority():
    """The priority of what stands back; a quarter of a processor that others want, too, is left to it."""
    return min(os.getpriority(os.PRIO_PROCESS, 0) + 5, 19)


def run(part, words=(), coverage=False, output=None):
    """Run one part; what it says goes to a file, or where what this process says goes.

    Returns whether it passed.
    """
    first, *others = commands(part, words, coverage)
    print(f"-- {part}: {' '.join(first[1:])}", file=output, flush=True)
    status = _status(first, output)
    if others:
        print(COVERAGE, file=output, flush=True)
    # all of them, also after a failure
    return not any([status, *(_status(command, output) for command in others)])


def _one(part, words, coming, environment, output=None):
    """Run one part, or leave it out. Returns a line on it, and whether it failed."""
    missing = coming.reason(PROGRAMS[part].WANTED) if part in PROGRAMS else ""
    if missing:
        return f"{part:8} left out: {missing}", False
    start = time.perf_counter()
    if part == "oldest":
        words = (["--run", environment.ready(output)],)
    passed = run(part, *words, output=output)
    return f"{part:8} {'passed' if passed else 'FAILED'} {time.perf_counter() - start:8.1f} s", not passed


def _kept(one, part):
    """What `one` makes of a part, and what it said, as text."""
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        found = one(part, (), output=output)
        output.seek(0)
        return *found, output.read()


def _parts(wanted, words, coming, environment):
    """Run parts, the tests with `words`, and meanwhile the others. Returns a line on each, and whether one failed."""
    one = functools.partial(_one, coming=coming, environment=environment)
    found = {part: (f"{part:8} left out", False) for part in PARTS}
    others = [part for part in PARTS if part in wanted and part != "tests"]
    if "tests" not in wanted:
        found |= {part: one(part, ()) for part in others}
    else:
        with ThreadPoolExecutor(1) as beside:
            try:
                coming_up = {part: beside.submit(_kept, one, part) for part in others}
                found["tests"] = one("tests", words)
                for part, future in coming_up.items():
                    *found[part], said = future.result()
                    print(said, end="", flush=True)
            except BaseException:
                beside.shutdown(wait=False, cancel_futures=True)
                raise
    return [line for line, _ in found.values()], any(failed for _, failed in found.values())


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
        lines, failed = _parts(wanted, (words, chosen.coverage), coming, environment)
    print("\n".join(["-- summary", *lines, "-- FAILED" if failed else "-- passed"]))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
