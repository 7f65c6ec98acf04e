"""Comparing images: every number against a slow reference; the command, its exit status and its files."""

import json
import math
import struct
import sys

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
import mpmath
import numpy as np
import pytest

from numbragg.commands.cli import main
from numbragg.compare import images
from numbragg.io import any_image

QUICK = settings(deadline=None, max_examples=60)
NO_DISTANCE = 2 ** 64 - 1


def spots(shape=(40, 50), seed=1, dtype=np.float32):
    """An image with some hundred peaks, of non-negative values."""
    return np.random.RandomState(seed).exponential(100.0, shape).astype(dtype)


def error_line(capfd):
    said = capfd.readouterr()
    assert said.out == "" and said.err.startswith("numbragg: error: ") and said.err.count("\n") == 1, said
    return said.err


# -- slow references


def naive_ulp(a, b, code, size):
    """Distance of two floats by walking along the line of all floats (in integers, which is the same)."""
    bits = [int.from_bytes(struct.pack(f">{code}", value), "big") for value in (a, b)]
    if not (math.isfinite(a) and math.isfinite(b)):
        return 0 if bits[0] == bits[1] else NO_DISTANCE
    half = 1 << (8 * size - 1)
    places = [half - pattern if pattern >= half else pattern for pattern in bits]
    return abs(places[0] - places[1])


def naive_statistics(a, b):
    """Correlation, RMSE and sums with 60 digits, for images without NaN."""
    with mpmath.workdps(60):
        x, y = ([mpmath.mpf(v) for v in image.ravel().tolist()] for image in (a, b))
        n = len(x)
        mean_x, mean_y = mpmath.fsum(x) / n, mpmath.fsum(y) / n
        xy = mpmath.fsum((u - mean_x) * (v - mean_y) for u, v in zip(x, y))
        xx, yy = mpmath.fsum((u - mean_x) ** 2 for u in x), mpmath.fsum((v - mean_y) ** 2 for v in y)
        correlation = float(xy / mpmath.sqrt(xx * yy)) if xx and yy else None
        rmse = float(mpmath.sqrt(mpmath.fsum((u - v) ** 2 for u, v in zip(x, y)) / n))
        return correlation, rmse, float(mpmath.fsum(x)), float(mpmath.fsum(y))


# -- units in the last place

SPECIAL = [0.0, -0.0, 1.0, -1.0, math.inf, -math.inf, math.nan, 5e-324, 1.5e-45, 3.4e38, 1e308]


@pytest.mark.parametrize("code, bits, kind", [("e", np.uint16, np.float16), ("f", np.uint32, np.float32),
                                              ("d", np.uint64, np.float64)])
def test_ulp_of_random_bits(code, bits, kind):
    random = np.random.RandomState(4)
    size = np.dtype(kind).itemsize
    pattern = random.randint(0, 256, (2, 300, size), np.uint8).view(bits)[..., 0]
    pattern[1, :100] = pattern[0, :100] + random.randint(0, 9, 100).astype(bits)
    a, b = pattern.view(kind)
    with np.errstate(over="ignore"):
        corners = np.array(SPECIAL).astype(kind)
    a = np.concatenate([a, np.repeat(corners, len(corners))])
    b = np.concatenate([b, np.tile(corners, len(corners))])
    expected = [naive_ulp(x, y, code, size) for x, y in zip(a.tolist(), b.tolist())
                if x == x and y == y]
    numbers = ~(np.isnan(a) | np.isnan(b))
    assert images.ulp_distances(a, b)[numbers].tolist() == expected
    # NaN does not survive Python's floats with all its bits
    same = a.view(bits) == b.view(bits)
    assert images.ulp_distances(a, b)[~numbers].tolist() == [0 if x else NO_DISTANCE for x in same[~numbers]]


def test_ulp_step_by_step():
    value = np.array([1.0], np.float32)
    other = value
    for steps in range(20):
        assert images.ulp_distances(value, other).tolist() == [steps]
        other = np.nextafter(other, np.float32(-2))


def test_distance_of_integers():
    a, b = np.array([-2 ** 63, 5, 2 ** 63 - 1]), np.array([2 ** 63 - 1, 3, -2 ** 63])
    assert images.ulp_distances(a, b).tolist() == [2 ** 64 - 1, 2, 2 ** 64 - 1]
    assert images.ulp_distances(np.array([3], np.uint8), np.array([250], np.uint8)).tolist() == [247]


@QUICK
@given(st.lists(st.integers(0, 2 ** 64 - 1) | st.integers(0, 70), max_size=30))
def test_histogram_like_counting(distances):
    bins = images.ulp_histogram(np.array(distances, np.uint64))
    assert bins[0][:2] == (0, 0) and all(b[0] == a[1] + 1 for a, b in zip(bins, bins[1:]))
    assert [low for low, _, _ in bins][:6] == [0, 1, 2, 3, 5, 9][:len(bins)]
    for low, high, count in bins:
        assert count == sum(low <= distance <= high for distance in distances)
    assert sum(count for *_, count in bins) == len(distances)
    assert len(bins) == 1 or bins[-1][2] > 0


# -- statistics


@pytest.mark.parametrize("factor", [1.0, 1e300, 1e-300, 1e-320])
@pytest.mark.parametrize("noise", [1.0, 1e-7])
def test_statistics_with_many_digits(factor, noise):
    random = np.random.RandomState(5)
    a = random.exponential(1.0, (7, 9)) * factor
    b = a * (1.0 + noise * random.normal(size=a.shape))
    found = images.compare_images(a, b)
    correlation, rmse, sum_a, sum_b = naive_statistics(a, b)
    # a few roundings of 63 terms; the smallest factor leaves its own numbers few digits
    assert found.correlation == pytest.approx(correlation, rel=1e-12)
    assert found.rmse == pytest.approx(rmse, rel=1e-13, abs=5e-324)
    assert found.sums == (pytest.approx(sum_a, rel=1e-14), pytest.approx(sum_b, rel=1e-14))
    assert found.sum_ratio == pytest.approx(sum_b / sum_a, rel=1e-14)
    assert found.largest_difference == np.abs(a - b).max()


@QUICK
@given(arrays(np.float32, (2, 3, 4), elements=st.floats(-1e6, 1e6, width=32)))
def test_statistics_of_any_image(pair):
    correlation, rmse, *_ = naive_statistics(*pair)
    found = images.compare_images(*pair)
    assert found.rmse == pytest.approx(rmse, rel=1e-13)
    if np.array_equal(*pair):
        assert found.correlation == 1.0
    elif correlation is None:
        assert found.correlation is None
    else:
        spread = min(image.std(dtype=np.float64) / max(np.abs(image).max(), 1e-300) for image in pair)
        assume(spread > 1e-6)
        # deviations lose the digits that the mean takes
        assert found.correlation == pytest.approx(correlation, abs=1e-14 / spread)


def test_numbers_that_are_not_defined():
    flat, other = np.ones((3, 3), np.float32), np.full((3, 3), 2, np.float32)
    assert images.compare_images(flat, flat).correlation == 1.0
    found = images.compare_images(flat, other)
    assert found.correlation is None and not found.checks(min_correlation=-1.0)[-1].passed
    assert found.peaks.fraction is None and not found.checks(at_least=0.0)[-1].passed
    assert images.compare_images(flat * 0, other).sum_ratio is None
    nothing = np.full((2, 2), np.nan, np.float32)
    found = images.compare_images(nothing, nothing)
    assert found.identical and found.finite == 0 and found.correlation is None and found.rmse is None


# -- the whole comparison


def test_one_pixel():
    a = spots()
    b = a.copy()
    b[7, 11] = np.nextafter(b[7, 11], np.float32(np.inf))
    b[30, 2] = -b[30, 2]
    found = images.compare_images(a, b)
    assert found.differing == 2 and not found.identical
    assert found.first[:2] == (11, 7) and found.first.a == a[7, 11] and found.largest[:2] == (2, 30)
    assert found.first.bits() == tuple(f"0x{image[7, 11:12].view(np.uint32)[0]:08x}" for image in (a, b))
    assert found.histogram[1] == (1, 1, 1) and found.histogram[0][2] == a.size - 2
    assert found.largest_ulp == 2 * int(a[30, 2:3].view(np.uint32)[0])
    assert [check.passed for check in found.checks(max_ulp=found.largest_ulp)] == [True, True]
    assert [check.passed for check in found.checks(max_ulp=found.largest_ulp - 1)] == [True, False]


def test_region_is_like_an_image_of_its_own():
    a, b = spots(seed=1), spots(seed=2)
    whole = images.compare_images(a[5:21, 10:41].copy(), b[5:21, 10:41].copy())
    part = images.compare_images(a, b, roi=(10, 40, 5, 20))
    for name in ("shape", "differing", "histogram", "correlation", "rmse", "sums", "peaks", "largest_ulp"):
        assert getattr(part, name) == getattr(whole, name)
    assert part.first[:2] == (10, 5) and whole.first[:2] == (0, 0) and part.shape == (16, 31)


@pytest.mark.parametrize("roi", [(0, 50, 0, 3), (0, 3, 0, 40), (-1, 3, 0, 3), (3, 2, 0, 3)])
def test_region_beyond_the_image(roi):
    with pytest.raises(ValueError, match="roi: .* must lie within 0 to 49 and 0 to 39"):
        images.compare_images(spots(), spots(), roi=roi)


def test_zeros_and_nan():
    """A zero's sign is a bit; NaN is like itself if its bits are."""
    a = np.array([[0.0, np.nan, np.inf, 1.0]], np.float32)
    assert images.compare_images(a, a.copy()).identical
    b = a.copy()
    b[0, 0] = -0.0
    found = images.compare_images(a, b)
    assert (found.identical, found.differing, found.largest_ulp) == (False, 1, 0)
    assert [check.passed for check in found.checks(max_ulp=0)] == [True, True]
    c = a.copy()
    c.view(np.uint32)[0, 1] ^= 1
    found = images.compare_images(a, c)
    assert np.isnan(c[0, 1]) and found.differing == found.unmatched == 1
    # no limit, however wide, lets it pass
    for limits in ({"max_ulp": 2 ** 63}, {"min_correlation": -1.0}, {"at_least": 0.0}):
        assert not all(check.passed for check in found.checks(**limits))
    d = a.copy()
    d[0, 2] = np.finfo(np.float32).max
    assert images.compare_images(a, d).unmatched == 1


def test_types_that_differ():
    a = np.array([[1, 2, 65535]], np.uint16)
    found = images.compare_images(a, a.astype(np.float32))
    assert (found.identical, found.differing, found.largest_ulp, found.ulp_type) == (False, 0, 0, "float32")
    assert not found.checks()[0].passed and found.checks(max_ulp=0)[1].passed
    b = np.array([[1.0, 2.0 + 1e-12, 65535.0]])
    found = images.compare_images(a.astype(np.float32), b)
    assert (found.differing, found.largest_ulp, found.ulp_type, found.first.fast) == (1, 0, "float32", 1)
    found = images.compare_images(a, np.array([[-1, 2, 65535]], np.int32))
    assert (found.differing, found.largest_ulp, found.ulp_type) == (1, 2, "integer")
    assert images.compare_images(a, a.astype(">u2")).identical
    assert images.compare_images(a, np.ones((1, 3), np.float16)).ulp_type == "float32"


def test_integers_that_no_float_holds():
    large = np.array([[2 ** 63 - 1]])
    assert images.compare_images(large, large - 1).largest_ulp == 1
    with pytest.raises(ValueError, match="beyond 2"):
        images.compare_images(large, np.array([[1.0]]))


@pytest.mark.parametrize("image", [np.zeros(3), np.zeros((0, 3)), np.zeros((2, 2), complex),
                                   np.array([["a"]])])
def test_what_is_no_image(image):
    with pytest.raises(ValueError, match="a: shape .* an image has two dimensions"):
        images.compare_images(image, image)


def test_shapes_that_differ():
    with pytest.raises(ValueError, match="of 2 x 3 and 3 x 2 pixels"):
        images.compare_images(np.zeros((2, 3)), np.zeros((3, 2)))


# -- the command


@pytest.fixture
def pair(folder):
    """Two images that differ by a unit in the last place in one pixel, and one that differs more."""
    a = spots()
    b = a.copy()
    b[3, 5] = np.nextafter(b[3, 5], np.float32(1e9))
    a.tofile("a.bin")
    np.save("b.npy", b)
    np.save("far.npy", spots(seed=9))
    return folder


SHAPE = ["--shape", "40x50"]


@pytest.mark.parametrize("words, code", [
    (["a.bin", "a.bin"], 0),
    (["a.bin", "b.npy"], 1),
    (["a.bin", "b.npy", "--max-ulp", "1"], 0),
    (["a.bin", "b.npy", "--max-ulp=0"], 1),
    (["a.bin", "b.npy", "--min-correlation", "0.9995", "--max-ulp", "1", "--at-least", "0.95"], 0),
    (["a.bin", "a.bin", "--min-correlation", "1"], 0),
    (["a.bin", "far.npy", "--min-correlation", "0.9"], 1),
    (["a.bin", "far.npy", "--min-correlation", "-1"], 0),
    (["a.bin", "far.npy", "--at-least", "0.95"], 1),
    (["a.bin", "far.npy", "--at-least", "0.95", "--within", "64"], 0),
    (["a.bin", "far.npy", "--at-least", "0.95", "--within", "64", "--max-ulp", "3"], 1),
    (["a.bin", "b.npy", "--roi", "6", "49", "0", "39"], 0),
    (["a.bin", "b.npy", "--roi", "5", "5", "3", "3"], 1),
    (["--peaks", "20", "a.bin", "b.npy"], 1),
])
def test_exit_status(words, code, pair, capfd):
    assert main(["compare", *words, *SHAPE]) == code
    said = capfd.readouterr()
    assert said.err == "" and said.out.splitlines()[-1] == ("NOT equal" if code else "equal")
    assert ("FAILED" in said.out) == bool(code)


@pytest.mark.parametrize("words, says", [
    ([], "two images, not 0"), (["a.bin"], "two images, not 1"), (["a.bin"] * 3, "two images, not 3"),
    (["a.bin", "b.npy", "--max-ulps", "1"], "--max-ulps is not known"),
    (["a.bin", "b.npy", "-x"], "-x is not known"),
    (["a.bin", "b.npy", "--max-ulp"], "--max-ulp needs a value"),
    (["a.bin", "b.npy", "--max-ulp", "--json"], "--max-ulp needs a value"),
    (["a.bin", "b.npy", "--max-ulp", "1.5"], "whole number"),
    (["a.bin", "b.npy", "--max-ulp", "-1"], "whole number"),
    (["a.bin", "b.npy", "--max-ulp", "1_0"], "whole number"),
    (["a.bin", "b.npy", "--max-ulp", "\u0661"], "whole number"),
    (["a.bin", "b.npy", "--max-ulp", "1", "--max-ulp", "1"], "given twice"),
    (["a.bin", "b.npy", "--min-correlation", "1.1"], "from -1 to 1"),
    (["a.bin", "b.npy", "--min-correlation", "nan"], "from -1 to 1"),
    (["a.bin", "b.npy", "--at-least", "95"], "from 0 to 1"),
    (["a.bin", "b.npy", "--peaks", "0"], "from 1 to 500"),
    (["a.bin", "b.npy", "--within", "-0.5"], "at least 0"),
    (["a.bin", "b.npy", "--within", "inf"], "at least 0"),
    (["a.bin", "b.npy", "--within", "0.5px"], "at least 0"),
    (["a.bin", "b.npy", "--roi", "0", "1", "2"], "needs 4 values"),
    (["a.bin", "b.npy", "--roi", "3", "1", "0", "1"], "smaller number"),
    (["a.bin", "b.npy", "--roi", "0", "1", "0", "x"], "four pixel numbers"),
    (["a.bin", "b.npy", "--roi", "0", "50", "0", "1"], "must lie within"),
    (["a.bin", "b.npy", "--roi=0", "1", "0", "1"], "without an equals sign"),
    (["a.bin", "b.npy", "--png", "-"], "--png -"), (["a.bin", "b.npy", "--png", ""], "name of a file"),
    (["a.bin", "missing.npy"], "missing.npy: No such file"), (["a.bin", "."], "Is a directory"),
    (["a.bin", "a\nb"], "No such file"),
])
def test_refusals(words, says, pair, capfd):
    before = sorted(pair.iterdir())
    assert main(["compare", *words, *SHAPE, "--json", "account.json"]
                if "--json" not in words else ["compare", *words]) == 2
    assert says in error_line(capfd)
    assert sorted(pair.iterdir()) == before


@pytest.mark.parametrize("shape", ["40", "40x", "50x40", "40X50", "0x5", "-40x50", "40x50x1", "99999x99999",
                                   "4e1x50"])
def test_impossible_shapes(shape, pair, capfd):
    assert main(["compare", "a.bin", "b.npy", "--shape", shape]) == 2
    error_line(capfd)


def test_help_wins(folder, capfd):
    assert main(["compare", "--nonsense", "--help"]) == 0
    said = capfd.readouterr()
    assert said.out.startswith("usage: numbragg compare") and said.err == ""


def test_json(pair, capfd):
    assert main(["compare", "a.bin", "b.npy", *SHAPE, "--json", "-", "--max-ulp", "1"]) == 0
    printed = json.loads(capfd.readouterr().out)
    assert main(["compare", "a.bin", "b.npy", *SHAPE, "--json", "account.json", "--max-ulp", "1"]) == 0
    account = json.loads((pair / "account.json").read_text())
    assert account == printed and "equal" in capfd.readouterr().out
    a, b = (any_image.read_image(name, (40, 50)).pixels for name in ("a.bin", "b.npy"))
    first = account["differing"]["first"]
    assert (first["fast"], first["slow"]) == (5, 3) and account["differing"]["pixels"] == 1
    assert np.array(first["values"], np.float32).tolist() == [a[3, 5], b[3, 5]]
    assert account["ulp"]["largest"] == 1
    assert sum(row["pixels"] for row in account["ulp"]["histogram"]) == a.size
    assert account["equal"] is True and account["identical"] is False and account["peaks"]["fraction"] == 1.0


def test_json_of_what_is_not_finite(folder):
    image = np.array([[np.nan, np.inf], [-np.inf, 1.0]], np.float32)
    np.save("a.npy", image)
    np.save("b.npy", np.zeros((2, 2), np.float32))
    assert main(["compare", "a.npy", "b.npy", "--json", "a.json", "--png", "a.png"]) == 1
    account = json.loads((folder / "a.json").read_text(), parse_constant=pytest.fail)
    assert account["differing"]["first"]["values"] == ["nan", 0.0] and account["ulp"]["without"] == 3


def test_picture(pair):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed: numbragg[plot]")
    from matplotlib.image import imread

    assert main(["compare", "a.bin", "far.npy", *SHAPE, "--png", "ab.png"]) == 1
    picture = imread("ab.png")
    assert picture.shape[:2] == (900, 1200)
    # dark spots, and both colours of the difference
    red, blue = picture[..., 0] - picture[..., 2] > 0.5, picture[..., 2] - picture[..., 0] > 0.4
    assert red[500:, :600].any() and blue[500:, :600].any() and not red[:400].any()


def test_large_picture_keeps_a_single_pixel(folder):
    figures = pytest.importorskip("numbragg.commands.figures")
    image = np.zeros((1500, 900))
    image[777, 333] = -5.0
    image[1499, 899] = 3.0
    small = figures.reduced(image, signed=True)
    assert small.shape == (500, 300) and small[259, 111] == -5.0 and small[499, 299] == 3.0
    assert np.count_nonzero(small) == 2 and figures.reduced(image).max() == 3.0


def test_without_matplotlib(pair, capfd, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    before = sorted(pair.iterdir())
    assert main(["compare", "a.bin", "b.npy", *SHAPE, "--png", "a.png", "--json", "a.json"]) == 2
    assert "pip install matplotlib" in error_line(capfd) and sorted(pair.iterdir()) == before


def test_an_input_is_not_replaced(pair, capfd):
    (pair / "link.png").symlink_to("b.npy")
    for words in (["--json", "a.bin"], ["--png", "./b.npy"], ["--png", "link.png"]):
        before = {path.name: path.read_bytes() for path in pair.iterdir()}
        assert main(["compare", "a.bin", "b.npy", *SHAPE, *words]) == 2
        assert "is read and cannot be written too" in error_line(capfd)
        assert before == {path.name: path.read_bytes() for path in pair.iterdir()}
