"""Numbers by counter: the published vectors, a reading of the paper in plain integers, and independence."""

import itertools

import numba
import numpy as np
import pytest

from numbragg.kernels.detector import draws

INTERPRETED = bool(numba.config.DISABLE_JIT)
# Random123's known answers for philox4x32, 10 rounds: counter, key, result
KNOWN = [
    ((0,) * 4, (0,) * 2, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    ((0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344), (0xA4093822, 0x299F31D0),
     (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1)),
]


def naive_philox(counter, key):
    """The paper's figure, with Python's integers."""
    (left0, right0, left1, right1), (key0, key1) = counter, key
    for _ in range(10):
        high0, low0 = divmod(left0 * 0xD2511F53, 2**32)
        high1, low1 = divmod(left1 * 0xCD9E8D57, 2**32)
        left0, right0, left1, right1 = high1 ^ right0 ^ key0, low1, high0 ^ right1 ^ key1, low0
        key0, key1 = (key0 + 0x9E3779B9) % 2**32, (key1 + 0xBB67AE85) % 2**32
    return left0, right0, left1, right1


def naive_draw(seed, stage, frame, panel, slow, fast):
    words = naive_philox((fast, slow, frame, panel * 256 + stage), (seed % 2**32, seed // 2**32))
    return (words[1] * 2**32 + words[0]) // 2**11


def philox(counter, key):
    return tuple(map(int, draws.philox(tuple(map(np.uint64, counter)), tuple(map(np.uint64, key)))))


@pytest.mark.parametrize("counter, key, result", KNOWN)
def test_known_answers(counter, key, result):
    assert philox(counter, key) == result == naive_philox(counter, key)


def test_against_the_naive_reading():
    rng = np.random.default_rng(1)
    for _ in range(300):
        words = rng.integers(0, 2**32, 6).tolist()
        assert philox(words[:4], words[4:]) == naive_philox(words[:4], words[4:])


LIMITS = (2**64 - 1, 255, 2**32 - 1, 2**24 - 1, 2**32 - 1, 2**32 - 1)


def test_draws_against_the_naive_reading():
    rng = np.random.default_rng(2)
    names = [[int(rng.integers(0, limit, endpoint=True, dtype=np.uint64)) for limit in LIMITS] for _ in range(200)]
    for name in [[0] * 6, list(LIMITS), *names]:
        k = draws.draw(np.uint64(name[0]), *name[1:])
        assert int(k) == naive_draw(*name) and 0 <= int(k) < 2**53


def test_every_part_of_the_name_counts():
    """Exchanged and neighbouring parts give other numbers, and panel and stage do not run into each other."""
    names = list(itertools.product((0, 1, 2**32), (0, 1, 255), (0, 1), (0, 1, 256), (0, 1), (0, 1)))
    made = {int(draws.draw(np.uint64(seed), *rest)) for seed, *rest in names}
    assert len(made) == len(names)


def test_stages_have_numbers_of_their_own():
    stages = (draws.COUNTING, draws.CALIBRATION, draws.FLICKER, draws.READOUT, draws.GAIN_STAGE, draws.POINT_SPREAD,
              draws.DEAD, draws.HOT)
    assert len(set(stages)) == len(stages) and min(stages) >= 0 and max(stages) <= 255
    size = 40 if INTERPRETED else 200
    images = np.array([numbers(stage, 0, 0, size) for stage in stages]) + 0.5
    images *= 2.0**-53
    assert abs(np.corrcoef(images.reshape(len(stages), -1)) - np.eye(len(stages))).max() < 5.0 / size


def numbers(stage, frame, panel, size):
    made = np.empty((size, size), np.uint64)
    fill(made, stage, frame, panel)
    return made


@numba.njit
def fill(made, stage, frame, panel):
    for slow in range(made.shape[0]):
        for fast in range(made.shape[1]):
            made[slow, fast] = draws.draw(np.uint64(5), stage, frame, panel, slow, fast)


def test_numbers_are_uniform_and_neighbours_independent():
    size = 60 if INTERPRETED else 600
    made = numbers(draws.COUNTING, 3, 2, size)
    u = (made + 0.5) * 2.0**-53
    found = np.histogram(u, 100, (0, 1))[0]
    chi_squared = ((found - size**2 / 100) ** 2).sum() / (size**2 / 100)
    # 99 degrees of freedom, five standard deviations
    assert abs(chi_squared - 99) < 5 * 198**0.5
    for other in (numbers(draws.COUNTING, 4, 2, size), numbers(draws.COUNTING, 3, 3, size), np.roll(made, 1, 0),
                  np.roll(made, 1, 1)):
        assert abs(np.corrcoef(made.ravel(), other.ravel())[0, 1]) < 5 / size
    for bit in range(53):
        share = (made >> np.uint64(bit) & np.uint64(1)).mean()
        assert abs(share - 0.5) < 2.5 / size
