"""Small shots: the script runs, makes its table, and does not time what is wrong."""

import pytest
from test_benchmarks import run_script

import numbragg as nb

pytestmark = pytest.mark.usefixtures("benchmark_scripts")


def test_it_runs():
    (record,), text = run_script("small_shots.py", "--edge", "32", "--shots", "9", "--repeats", "2", "--table")
    assert (record["benchmark"], record["edge"], record["steps"], record["shots"]) == ("small shots", 32, 10, 9)
    assert min(record["kernels_ms"] + record["preparation_ms"] + record["cpu_of_two"]) > 0.0
    assert all(len(found) == 3 for found in record["overhead"].values()) and len(record["two_threads"]) <= 2
    assert text.count("\n| ") == 3


@pytest.mark.filterwarnings("ignore::numbragg.NumbraggWarning")
def test_wrong_images_are_not_timed(monkeypatch):
    import small_shots

    small_shots.check(16, 2, 3)
    images = nb.Simulator.images
    monkeypatch.setattr(nb.Simulator, "images", lambda self, shots: (image + 1.0 for image in images(self, shots)))
    with pytest.raises(SystemExit, match="16 x 16 pixels, 2 steps: other images by 1 threads"):
        small_shots.check(16, 2, 3)
