"""A few of the attacks of tests/attack.py; all of them where slow tests are asked for."""

import os
import signal
import subprocess
import sys

from attack import COUNTS, attacked
import pytest

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"),
                                reason="/proc says when a process handles signals")

FEW = {"signals": 4, "kills": 4, "disks": 4, "forks": 1, "bits": 2, "campaigns": 1}
SHORT = ("image", "scan, NXmx")


@pytest.mark.parametrize("what, count", [*FEW.items(),
                                         *(pytest.param(*each, marks=pytest.mark.slow) for each in COUNTS.items())])
def test_nothing_is_lost(what, count, tmp_path):
    lines = []
    names = SHORT if count == FEW[what] else None
    faults = attacked(what, count, 20261127, tmp_path, report=lines.append, names=names)
    assert not faults, "\n".join(lines)


def test_signals_that_are_ignored_where_the_attack_runs_reach_what_is_attacked():
    """A run ignores what it finds ignored, so that nothing would have been attacked."""
    code = ("import signal, subprocess, sys; from attacks.signals import heard\n"
            "if sys.argv[1:]: heard()\n"
            "print(subprocess.run(['grep', 'SigIgn', '/proc/self/status'], capture_output=True, text=True).stdout)")
    ignored = []
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGHUP)}
    try:
        for words in ([], ["heard"]):
            said = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True,
                                  cwd=os.path.dirname(__file__)).stdout
            ignored.append(int(said.split()[1], 16) & 0b11)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert ignored == [0b11, 0]
