"""A few of the attacks of tests/attack.py; all of them where slow tests are asked for."""

import sys

from attack import COUNTS, attacked
from attacks.sets import COMMANDS
import pytest

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"),
                                reason="/proc says when a process handles signals")

FEW = {"signals": len(COMMANDS), "kills": len(COMMANDS), "forks": 2, "bits": 3}


@pytest.mark.parametrize("what, count", [*FEW.items(),
                                         *(pytest.param(*each, marks=pytest.mark.slow) for each in COUNTS.items())])
def test_nothing_is_lost(what, count, tmp_path):
    lines = []
    faults = attacked(what, count, 20261127, tmp_path, report=lines.append)
    assert not faults, "\n".join(lines)
