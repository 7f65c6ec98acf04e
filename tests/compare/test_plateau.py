"""Plateaus: distinct values, runs and histograms against slow references; the command and its files."""

from collections import Counter
import csv
import itertools
import json
import subprocess
import sys

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
import numpy as np
import pytest

from numbragg.commands.cli import main
from numbragg.compare.plateaus import common_histogram, plateaus

QUICK = settings(deadline=None, max_examples=60)

LEVELS = st.sampled_from([0.0, -0.0, 1.0, 2.5, np.nan, np.inf, -np.inf])
IMAGES = st.tuples(st.integers(1, 6), st.integers(1, 8)).flatmap(
    lambda shape: arrays(np.float32, shape, elements=LEVELS))


@pytest.fixture
def folder(folder):
    """The current folder with a flat image, one broken up, and a larger one of counts."""
    flat = np.repeat(np.arange(4, dtype=np.float32), 5).reshape(4, 5) + 100
    flat.tofile("flat.bin")
    broken = flat.copy()
    broken[1, 2] = np.nextafter(broken[1, 2], np.float32(0))
    broken[3, 4] = np.nan
    np.save("broken.npy", broken)
    np.save("counts.npy", np.arange(56, dtype=np.uint16).reshape(7, 8) // 3)
    return folder


def error_line(capfd):
    said = capfd.readouterr()
    assert said.out == "" and said.err.startswith("numbragg: error: ") and said.err.count("\n") == 1, said
    return said.err


# -- the numbers


@QUICK
@given(IMAGES)
def test_values_and_runs_like_counting(image):
    found = plateaus(image)
    rows = [[value.tobytes() for value in row] for row in image]
    counted = dict(zip((value.tobytes() for value in found.values), found.counts.tolist()))
    assert counted == Counter(itertools.chain(*rows))
    lengths = Counter(len(list(run)) for row in rows for _, run in itertools.groupby(row))
    assert list(zip(found.run_lengths.tolist(), found.run_counts.tolist())) == sorted(lengths.items())
    assert found.runs == sum(lengths.values()) and found.longest_run == max(lengths)
    assert found.mean_run == image.size / found.runs and found.pixels == image.size
    numbers = [value for value in found.values.tolist() if value == value]
    assert found.values.tolist()[:len(numbers)] == sorted(numbers)


@pytest.mark.parametrize("dtype", [np.uint16, np.int64, np.float16, np.float64])
def test_every_type(dtype):
    image = np.array([[1, 1, 1, 2], [2, 2, 0, 0]], dtype)
    found = plateaus(image)
    assert found.values.tolist() == [0, 1, 2] and found.counts.tolist() == [2, 3, 3]
    assert found.run_lengths.tolist() == [1, 2, 3] and found.run_counts.tolist() == [1, 2, 1]


def test_region():
    image = np.arange(48, dtype=np.float32).reshape(6, 8)
    found = plateaus(image, (2, 4, 1, 5))
    assert found.shape == (5, 3) and found.values.tolist() == np.sort(image[1:6, 2:5].ravel()).tolist()
    with pytest.raises(ValueError, match="roi: 2 8 1 5 .* must lie within 0 to 7 and 0 to 5"):
        plateaus(image, (2, 8, 1, 5))


@QUICK
@given(st.lists(IMAGES, min_size=1, max_size=3), st.integers(1, 7))
def test_histogram_like_counting(pictures, bins):
    edges, counts = common_histogram([plateaus(image) for image in pictures], bins)
    everything = np.concatenate([image.ravel() for image in pictures]).astype(float)
    everything = everything[np.isfinite(everything)]
    if everything.size:
        assert edges[0] == everything.min() and edges[-1] == everything.max()
    for image, count in zip(pictures, counts):
        values = [v for v in image.ravel().tolist() if np.isfinite(v)]
        last = len(edges) - 2
        expected = [sum(edges[i] <= v < edges[i + 1] or (i == last and v == edges[-1]) for v in values)
                    for i in range(last + 1)]
        assert count.tolist() == expected and sum(expected) == len(values)


def test_histogram_of_extremes():
    large = np.finfo(np.float64).max
    edges, counts = common_histogram([plateaus(np.array([[-large, 0.0, large]]))], 4)
    assert np.isfinite(edges).all() and counts[0].tolist() == [1, 0, 1, 1]
    edges, counts = common_histogram([plateaus(np.full((2, 2), 3.0)), plateaus(np.full((1, 2), np.nan))])
    assert edges.tolist() == [3.0, 3.0] and [count.tolist() for count in counts] == [[4], [0]]


# -- the command


def test_text(folder, capfd):
    assert main(["plateau", "flat.bin", "broken.npy", "--shape", "4x5"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert lines[1].split() == ["[1]", "flat.bin", "float32", "20", "4", "1.000", "4", "5.000", "5"]
    assert lines[2].split() == ["[2]", "broken.npy", "float32", "20", "6", "1.500", "7", "2.857", "5"]
    assert ["not finite", "0", "1"] in [line.rsplit(None, 2) for line in lines]


def test_region_and_one_image(folder, capfd):
    assert main(["plateau", "counts.npy", "--roi", "0", "2", "0", "1"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert lines[0] == "region: fast 0 to 2, slow 0 to 1"
    assert lines[3].split()[3:6] == ["6", "3", "1.000"]


def test_images_of_other_shapes_and_types(folder, capfd):
    """A region must lie in each, the shapes need not agree."""
    assert main(["plateau", "broken.npy", "counts.npy", "--roi", "0", "4", "0", "3"]) == 0
    capfd.readouterr()
    assert main(["plateau", "counts.npy", "broken.npy", "--roi", "0", "7", "0", "3"]) == 2
    assert "broken.npy: roi: 0 7 0 3" in error_line(capfd)


def test_csv(folder):
    assert main(["plateau", "flat.bin", "broken.npy", "--shape", "4x5", "--csv", "out.csv"]) == 0
    rows = list(csv.DictReader((folder / "out.csv").read_text().splitlines()))
    for name, dtype in (("flat.bin", np.float32), ("broken.npy", np.float32)):
        own = [row for row in rows if row["image"] == name]
        image = np.fromfile(name, dtype).reshape(4, 5) if name.endswith("bin") else np.load(name)
        found = plateaus(image)
        values = [row for row in own if row["quantity"] == "value"]
        # the shortest decimal number names the float
        assert np.array([row["value"] for row in values], dtype).tobytes() == found.values.tobytes()
        assert [int(row["count"]) for row in values] == found.counts.tolist()
        runs = [(int(row["value"]), int(row["count"])) for row in own if row["quantity"] == "run length"]
        assert runs == list(zip(found.run_lengths, found.run_counts))
        totals = {row["quantity"]: int(row["count"]) for row in own if row["value"] == ""}
        assert totals == {"pixels": 20, "distinct values": found.distinct, "runs": found.runs}


def test_json(folder, capfd):
    assert main(["plateau", "--json", "flat.bin", "broken.npy", "--shape", "4x5"]) == 0
    account = json.loads(capfd.readouterr().out, parse_constant=pytest.fail)
    first, second = account["images"]
    assert (first["distinct"], second["distinct"], second["ratio"]) == (4, 6, 1.5)
    assert second["values"][-1] == ["nan", 1] and first["values"][0] == [100.0, 5]
    assert sum(account["histogram"]["pixels"][0]) == 20 and account["roi"] is None


def test_picture(folder):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed: numbragg[plot]")
    from matplotlib.image import imread

    np.save("nothing.npy", np.full((4, 5), np.nan))
    for names in (["broken.npy", "nothing.npy"], ["nothing.npy"]):
        assert main(["plateau", *names, "--shape", "4x5", "--roi", "0", "4", "1", "3", "--png", "p.png"]) == 0
        assert imread("p.png").shape[0] == 900


@pytest.mark.parametrize("words, says", [
    ([], "at least one image"), (["flat.bin", "--csv"], "--csv needs a value"),
    (["flat.bin", "--json=yes"], "--json takes no value"),
    (["flat.bin", "--json", "x.json"], "x.json: No such file"),
    (["flat.bin", "--csv", "-"], "--csv -"), (["flat.bin", "--rio", "1"], "--rio is not known"),
    (["flat.bin", "--roi", "0", "5", "0", "3"], "must lie within 0 to 4"),
    (["flat.bin", "missing.npy"], "missing.npy: No such file"),
    (["flat.bin", "--csv", "broken.npy", "broken.npy"], "is read and cannot be written"),
    (["flat.bin", "--csv", "no/such/folder.csv"], "no/such/folder.csv: No such file"),
    (["flat.bin"] * 25 + ["--png", "p.png"], "at most 24"),
])
def test_refusals(words, says, folder, capfd):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    extra = [] if "--csv" in words else ["--csv", "out.csv"]
    assert main(["plateau", *words, *extra, "--shape", "4x5"]) == 2
    assert says in error_line(capfd)
    assert before == {path.name: path.read_bytes() for path in folder.iterdir()}


def test_same_destination_twice(folder, capfd):
    assert main(["plateau", "flat.bin", "--shape", "4x5", "--csv", "out", "--png", "out"]) == 2
    assert "every output needs a file of its own" in error_line(capfd)
    assert not (folder / "out").exists()


def test_help(capfd):
    assert main(["plateau", "-h"]) == 0
    assert capfd.readouterr().out.startswith("usage: numbragg plateau")


def test_nothing_is_compiled(folder):
    """Neither command that looks at images needs Numba."""
    code = ("import sys; sys.modules['numba'] = None; from numbragg.commands.cli import main; "
            "sys.exit(main(['compare', 'flat.bin', 'flat.bin', '--shape', '4x5']) or "
            "main(['plateau', 'flat.bin', 'broken.npy', '--shape', '4x5']))")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
