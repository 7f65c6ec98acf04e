"""The cost of counts: the script runs, makes its table, and does not time what is wrong."""

import numpy as np
import pytest
from test_benchmarks import run_script

pytestmark = pytest.mark.usefixtures("benchmark_scripts")


def test_it_runs():
    (record,), text = run_script("counts.py", "--edge", "64", "--repeats", "2", "--table")
    assert record["benchmark"] == "counts" and record["edge"] == 64
    assert all(len(times) == 2 and min(times) > 0.0 for times in record["ns"].values())
    assert text.count("\n| ") == len(record["ns"]) + 2


def test_wrong_counts_are_not_timed(monkeypatch):
    import counts

    counts.check(1.0, 100)
    monkeypatch.setattr(counts, "drawn", lambda mean, edge, place=(0, 0): np.full((edge, edge), mean))
    with pytest.raises(SystemExit, match="counts of mean 1.0: mean 1.0, variance 0.0"):
        counts.check(1.0, 100)
