"""Where things are in a clone."""

from pathlib import Path

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent
DOCS = ROOT / "docs"
BENCHMARKS = ROOT / "benchmarks"
GOLDEN = TESTS / "golden"
