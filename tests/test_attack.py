"""A few of the attacks of tests/attack.py; all of them where slow tests are asked for."""

import sys

from attack import COUNTS, attacked
import pytest

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"),
                                reason="/proc says when a process handles signals")

FEW = {"signals": 4, "kills": 4, "forks": 1, "bits": 2, "campaigns": 1}
SHORT = ("image", "scan, NXmx")


@pytest.mark.parametrize("what, count", [*FEW.items(),
                                         *(pytest.param(*each, marks=pytest.mark.slow) for each in COUNTS.items())])
def test_nothing_is_lost(what, count, tmp_path):
    lines = []
    names = SHORT if count == FEW[what] else None
    faults = attacked(what, count, 20261127, tmp_path, report=lines.append, names=names)
    assert not faults, "\n".join(lines)
