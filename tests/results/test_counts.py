"""Counts of an image: of the pixel alone, whatever is drawn with it, and within what files hold."""

import numpy as np
import pytest

from numbragg.results.counts import photons

MEANS = np.random.RandomState(3).uniform(0.0, 40.0, (70, 1000)).astype(np.float32)


def test_threads_and_parts_make_no_difference():
    whole = photons(MEANS, np.int32, seed=5)
    assert np.array_equal(whole, photons(MEANS, np.int32, seed=5, threads=2))
    assert np.array_equal(whole, photons(np.asfortranarray(MEANS), np.int32, seed=5))
    assert np.array_equal(whole[:9], photons(MEANS[:9], np.int32, seed=5))
    assert np.array_equal(whole[:, :9], photons(MEANS[:, :9], np.int32, seed=5))
    # the mean of a pixel, and not its neighbours', counts
    assert np.array_equal(whole[3:], photons(np.concatenate([MEANS[:3] * 7, MEANS[3:]]), np.int32, seed=5)[3:])


def test_frame_17_is_the_same_alone():
    series = [photons(MEANS, np.int32, seed=5, frame=frame, panel=1) for frame in range(15, 19)]
    assert np.array_equal(series[2], photons(MEANS, np.int32, seed=5, frame=17, panel=1))
    assert len({frame.tobytes() for frame in series}) == 4


def test_a_little_more_is_never_less():
    assert (photons(MEANS * np.float32(1.01), np.int32, seed=5) >= photons(MEANS, np.int32, seed=5)).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.uint32])
def test_what_a_type_holds(dtype):
    largest = np.iinfo(dtype).max
    odd = np.array([[np.nan, -5.0, np.inf, 2.0**44, 3.0, 0.0]])
    for seed in (None, 1):
        made = photons(odd, dtype, seed=seed)
        assert made.dtype == dtype and made[0, :2].tolist() == [0, 0] and made[0, 5] == 0
        assert made[0, 2:4].tolist() == [largest] * 2
    assert photons(odd, np.int64, seed=1)[0, 2] > 2**44


@pytest.mark.parametrize("words, message", [
    ({"seed": -1}, "seed: -1; must be from 0 to 18446744073709551615"),
    ({"seed": 2**64}, "seed: 18446744073709551616; must be"),
    ({"seed": 1, "frame": 2**32}, "frame: 4294967296; must be from 0 to 4294967295"),
    ({"seed": 1, "panel": 2**24}, "panel: 16777216; must be from 0 to 16777215"),
])
def test_names_outside_their_limits(words, message):
    with pytest.raises(ValueError, match=message):
        photons(MEANS, np.int32, **words)


def test_empty_images():
    assert photons(np.zeros((0, 5)), np.int32, seed=1).shape == (0, 5)
    assert photons(np.zeros((5, 0)), np.int32, seed=1).shape == (5, 0)
