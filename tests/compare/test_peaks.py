"""Peaks and their assignment, against trying everything."""

import itertools
import math

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
import numpy as np
import pytest

from numbragg.compare import peaks

QUICK = settings(deadline=None, max_examples=60)


# -- slow references


def naive_peaks(image, count):
    """Definition of a peak, pixel by pixel."""
    numbers = [v for v in image.ravel().tolist() if v == v]
    found = []
    for s, f in itertools.product(range(image.shape[0]), range(image.shape[1])):
        value = image[s, f].item()
        around = [image[i, j].item() for i in range(max(s - 1, 0), min(s + 2, image.shape[0]))
                  for j in range(max(f - 1, 0), min(f + 2, image.shape[1]))]
        if value == value and value > min(numbers) and not any(other > value for other in around):
            found.append((-value, s, f))
    return [(s, f) for _, s, f in sorted(found)[:count]]


def naive_matches(a, b, within):
    """Number of pairs and sum of distances of the best of all matchings."""
    if len(a) > len(b):
        a, b = b, a
    best = 0, 0.0
    for chosen in itertools.permutations(range(len(b)), len(a)):
        lengths = [math.dist(p, b[j]) for p, j in zip(a, chosen)]
        lengths = [length for length in lengths if length <= within]
        best = min(best, (-len(lengths), sum(lengths)))
    return -best[0], best[1]


# -- peaks

LEVELS = st.sampled_from([0.0, 1.0, 2.0, 3.0, np.nan, np.inf, -1.0])
SMALL_IMAGES = st.tuples(st.integers(1, 6), st.integers(1, 6)).flatmap(
    lambda shape: arrays(np.float32, shape, elements=LEVELS))


@QUICK
@given(SMALL_IMAGES, st.integers(1, 12))
def test_peaks_like_the_definition(image, count):
    assert [tuple(place) for place in peaks.find_peaks(image, count).tolist()] == naive_peaks(image, count)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.uint64, np.float64])
def test_peaks_of_every_type(dtype):
    image = np.random.RandomState(2).randint(0, 9, (17, 13)).astype(dtype)
    assert [tuple(place) for place in peaks.find_peaks(image, 40).tolist()] == naive_peaks(image, 40)


def test_flat_tops_are_neither_joined_nor_tolerated():
    image = np.zeros((9, 9), np.float32)
    image[3:6, 3:6] = 7
    assert len(peaks.find_peaks(image, 50)) == 9
    image[4, 4] = np.nextafter(np.float32(7), np.float32(8))
    assert peaks.find_peaks(image, 50).tolist() == [[4, 4]]


@pytest.mark.parametrize("count", [0, -1, 501])
def test_impossible_number_of_peaks(count):
    with pytest.raises(ValueError, match="peaks: .* must be a whole number from 1 to 500"):
        peaks.find_peaks(np.ones((3, 3)), count)


# -- assignment


@QUICK
@given(st.integers(1, 5).flatmap(lambda n: st.integers(n, 6).flatmap(
    lambda m: arrays(np.float64, (n, m), elements=st.integers(-3, 6).map(float) | st.floats(-100, 100)))))
def test_assignment_like_trying_everything(cost):
    columns = peaks.assignment(cost)
    n, m = cost.shape
    assert len(set(columns.tolist())) == n
    best = min(sum(cost[i, j] for i, j in enumerate(chosen))
               for chosen in itertools.permutations(range(m), n))
    # each price is a sum of at most a dozen costs below 100
    assert sum(cost[i, j] for i, j in enumerate(columns)) == pytest.approx(best, abs=1e-11)


def test_assignment_of_hundreds():
    """A hidden permutation is found; every other pair costs more than all of its pairs."""
    random = np.random.RandomState(3)
    hidden = random.permutation(300)
    cost = random.uniform(1.0, 2.0, (300, 300))
    cost[np.arange(300), hidden] = random.uniform(0.0, 1e-3, 300)
    assert np.array_equal(peaks.assignment(cost), hidden)


def test_assignment_is_no_greedy_choice():
    cost = np.array([[1.0, 2.0], [2.0, 100.0]])
    assert peaks.assignment(cost).tolist() == [1, 0]


@pytest.mark.parametrize("cost", [np.zeros((3, 2)), np.full((2, 2), np.nan), np.full((1, 2), np.inf)])
def test_impossible_assignment(cost):
    with pytest.raises(ValueError, match="cost: "):
        peaks.assignment(cost)


PLACES = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=5, unique=True)


@QUICK
@given(PLACES, PLACES, st.sampled_from([0.0, 0.5, 1.0, 1.5, 3.0]))
def test_matching_like_trying_everything(a, b, within):
    found = peaks.match_peaks(np.array(a), np.array(b), within)
    number, total = naive_matches(a, b, within)
    assert found.matched == number and found.found == (len(a), len(b))
    if number:
        assert found.mean_distance == pytest.approx(total / number, abs=1e-12)
        assert found.fraction == number / max(len(a), len(b))
    else:
        assert found.mean_distance is None


def test_matching_takes_as_many_pairs_as_it_can():
    """The nearest pair of all would leave two peaks alone."""
    found = peaks.match_peaks([[0, 0], [0, 3]], [[0, 2], [0, 5]], 2.0)
    assert found.matched == 2 and found.mean_distance == 2.0
    found = peaks.match_peaks([[0, 0], [0, 3]], [[0, 2], [0, 5]], 1.0)
    assert found.matched == 1 and found.mean_distance == 1.0
    assert peaks.match_peaks([], [], 1.0).fraction is None
    assert peaks.match_peaks([[1, 1]], [], 1.0).fraction == 0.0


@pytest.mark.parametrize("within", [-1.0, math.nan, math.inf])
def test_impossible_radius(within):
    with pytest.raises(ValueError, match="within: "):
        peaks.match_peaks([[0, 0]], [[0, 0]], within)
