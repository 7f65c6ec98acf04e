"""Sums of a shot against a loop over its pixels, in their order."""

import math

import numpy as np
import pytest

from numbragg.kernels.detector import digitise
from numbragg.kernels.detector.digitise import NO_MASK, image_statistics
from numbragg.kernels.detector.sums import shot_sums


def naive(image, counts):
    total, largest = 0.0, 0.0
    for value in image.reshape(-1).tolist():
        total += value
        largest = value if value > largest else largest
    numbers = counts.reshape(-1).tolist()
    return total, largest, sum(numbers), max(numbers)


def drawn(seed, shape=(37, 53)):
    generator = np.random.default_rng(seed)
    return (10.0 ** generator.uniform(-9.0, 9.0, shape)).astype(np.float32), generator.integers(-5, 2 ** 31 - 1, shape)


@pytest.mark.parametrize("dtype", [np.int32, np.uint16])
@pytest.mark.parametrize("piece", [1 << 20, 100])
def test_sums_are_those_of_a_loop(dtype, piece, monkeypatch):
    """However many rows are taken at a time; as statistics have them."""
    monkeypatch.setattr(digitise, "PIECE", piece)
    image, counts = drawn(1)
    counts = counts.astype(dtype)
    found = shot_sums(image, counts)
    assert found == naive(image, counts) and [type(number) for number in found] == [float, float, int, int]
    statistics = image_statistics(image, (0, 52, 0, 36), NO_MASK)
    assert found[:2] == (statistics[3], statistics[0])
    assert naive(image[::-1], counts)[0] != found[0], "the order of the pixels would not be seen"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -1.0])
def test_odd_pixels(value):
    image, counts = drawn(2)
    image[:] = -2.0
    image[3, 4] = value
    found = shot_sums(image, counts.astype(np.int32))
    statistics = image_statistics(image, (0, 52, 0, 36), NO_MASK)
    assert repr(found[:2]) == repr((statistics[3], statistics[0]))


def test_counts_below_zero_and_large_sums():
    image = np.zeros((3, 2), np.float32)
    assert shot_sums(image, np.full((3, 2), -7, np.int32)) == (0.0, 0.0, -42, -7)
    assert shot_sums(image, np.full((3, 2), 2 ** 31 - 1, np.int32))[2:] == (6 * (2 ** 31 - 1), 2 ** 31 - 1)
