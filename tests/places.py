"""Where things are in a clone, and how many tests run side by side."""

import os
from pathlib import Path

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent
DOCS = ROOT / "docs"
BENCHMARKS = ROOT / "benchmarks"
GOLDEN = TESTS / "golden"


def jobs():
    """How many processes run tests: not more than processors, and few enough that their memory is there."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(count, 4)
