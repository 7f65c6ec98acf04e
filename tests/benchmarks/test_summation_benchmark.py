"""The study of accumulation order: it runs, and it cannot be fooled about the type that it works in."""

import json
from pathlib import Path

import numpy as np
import pytest
from test_benchmarks import FOLDER, run_script

pytestmark = pytest.mark.usefixtures("benchmark_scripts")

F = np.float32


@pytest.fixture
def summation():
    """The script as a module."""
    import summation

    return summation


def test_it_runs_and_the_table_is_made_from_its_lines(tmp_path):
    output = tmp_path / "lines.jsonl"
    (record,), _ = run_script("summation.py", "--terms", "10", "--edge", "24", "--output", str(output))
    assert record["terms"] == 10 and record["axes"] == [1, 1, 1, 10] and record["pixels"] == 576
    orders = record["orders"]
    assert orders["C order, float64"]["rms_error"] < 1e-6
    # half a unit for the rounding of the result at most, if no more is lost
    assert 0.1 < orders["C order, float32, Neumaier"]["rms_error"] < 0.6 < orders["C order, float32"]["rms_error"]
    assert orders["terms in float32, C order, float32"]["rms_error"] > 5.0
    _, text = run_script("summation.py", "--table", str(output))
    assert "| order | 10 terms |" in text and text.count("\n") == 2 + len(orders)


def test_page_has_the_table_of_the_stored_results(summation):
    lines = (FOLDER / "results" / "summation.jsonl").read_text(encoding="utf-8").splitlines()
    wanted = summation.table([json.loads(line) for line in lines])
    assert wanted in (Path(FOLDER).parent / "docs" / "summation.md").read_text(encoding="utf-8")


def test_an_array_of_the_wrong_type_is_seen(summation):
    terms = np.random.default_rng(1).random((4, 8))
    for name, (kind, order) in {**summation.ORDERS, **summation._torch_orders()}.items():
        narrow = kind in (F, summation.NARROW)
        with pytest.raises(TypeError, match="made an array of"):
            order(terms if narrow else terms.astype(F), (1, 1, 1, 8))
        order(terms.astype(F) if narrow else terms, (1, 1, 1, 8))


def test_the_types_make_a_difference(summation):
    """Sums in float32 and float64 differ where they should, and each is the textbook's."""
    terms = np.random.default_rng(2).random((3, 1000)).astype(F)
    counts = (1, 10, 10, 10)
    narrow = summation.ORDERS["C order, float32"][1](terms, counts)
    wide = summation.ORDERS["float32 terms, float64 sum"][1](terms, counts)
    assert narrow.dtype == F and wide.dtype == np.float64
    textbook = []
    for row in terms:
        total = F(0)
        for term in row:
            total = F(total + term)
        textbook.append(total)
    assert narrow.tolist() == [float(t) for t in textbook]
    assert wide.tolist() != narrow.tolist()
    assert np.abs(wide - terms.astype("f8").sum(axis=1)).max() < 1e-11
    stages = summation.ORDERS["a sum per axis, float32 (numpy)"][1](terms, counts)
    pairwise = summation.ORDERS["pairwise, float32"][1](terms, counts)
    assert stages.tolist() != narrow.tolist() and pairwise.tolist() != narrow.tolist()
    for name in ("C order, float32, Kahan", "C order, float32, Neumaier"):
        assert np.abs(summation.ORDERS[name][1](terms, counts) - wide).max() <= 2.0**-24 * wide.max()
