"""What is drawn for a shot: the generator against its definition, distributions against theirs, and what stays."""

import hashlib
import math

import pytest

from numbragg.campaign.draws import (
    Choice,
    Constant,
    Grid,
    Listed,
    LogUniform,
    Normal,
    Rotation,
    Source,
    Uniform,
    Vector,
)

_MASK = (1 << 64) - 1


def philox(counter, key):
    """Philox4x64-10 as it was published (Salmon et al., 2011), in whole numbers of Python."""
    x, k = list(counter), list(key)
    for number in range(10):
        first, second = 0xD2E7470EE14C6C93 * x[0], 0xCA5A826395121157 * x[2]
        x = [second >> 64 ^ x[1] ^ k[0], second & _MASK, first >> 64 ^ x[3] ^ k[1], first & _MASK]
        k = [(k[0] + 0x9E3779B97F4A7C15) & _MASK, (k[1] + 0xBB67AE8584CAA73B) & _MASK]
    return x


def test_the_independent_generator_is_the_published_one():
    """The known answers of its authors' Random123."""
    assert philox([0] * 4, [0] * 2) == [0x16554D9ECA36314C, 0xDB20FE9D672D0FDC, 0xD7E772CEE186176B, 0x7E68B68AEC7BA23B]
    assert philox([_MASK] * 4, [_MASK] * 2) == [0x87B092C3013FE90B, 0x438C3C67BE8D0224, 0x9CC7D7C69CD777B6,
                                                0xA09CAEBF594F0BA0]


@pytest.mark.parametrize("seed, name, shot, lattice", [(0, "a", 0, 0), (7, "distance_mm", 12, 3),
                                                       (2 ** 63 - 1, "orientation", 2 ** 40, 1)])
def test_numbers_are_those_of_their_key(seed, name, shot, lattice):
    source = Source(seed, name, shot, lattice)
    own = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")
    words = [word for block in range(1, 11) for word in philox([block, shot, lattice, 0], [seed, own])]
    assert [source.bits() for _ in range(40)] == [word >> 11 for word in words]


def numbers(distribution, count, seed=3, name="x"):
    return [distribution.draw(Source(seed, name, shot)) for shot in range(count)]


def test_a_number_depends_on_nothing_but_its_key():
    normal = Normal(0.0, 1.0, -3.0, 3.0)
    found = numbers(normal, 50)
    assert [normal.draw(Source(3, "x", shot)) for shot in reversed(range(50))] == found[::-1]
    assert len({*found, *numbers(normal, 50, seed=4), *numbers(normal, 50, name="y"),
                *(normal.draw(Source(3, "x", shot, 1)) for shot in range(50))}) == 200


def kolmogorov(values, distribution):
    """Largest distance of the distribution of some numbers from a function, in units of its width for chance."""
    ordered = sorted(values)
    n = len(ordered)
    return max(max(abs(distribution(v) - i / n), abs(distribution(v) - (i + 1) / n))
               for i, v in enumerate(ordered)) * math.sqrt(n)


def _phi(x):
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


@pytest.mark.parametrize("made, expected, low, high", [
    (Uniform(-2.0, 3.0), lambda v: (v + 2.0) / 5.0, -2.0, 3.0),
    (LogUniform(0.01, 10.0), lambda v: math.log(v / 0.01) / math.log(1000.0), 0.01, 10.0),
    (Normal(1.0, 2.0, -1.0, 6.0), lambda v: (_phi((v - 1.0) / 2.0) - _phi(-1.0)) / (_phi(2.5) - _phi(-1.0)), -1.0, 6.0),
    (Normal(0.0, 1.0, 3.0, 4.0), lambda v: (_phi(-3.0) - _phi(-v)) / (_phi(-3.0) - _phi(-4.0)), 3.0, 4.0),
])
def test_distributions_of_numbers(made, expected, low, high):
    found = numbers(made, 4000)
    assert low <= min(found) and max(found) <= high
    # chance leaves it above 1.95 once in a thousand times; the seed is fixed
    assert kolmogorov(found, expected) < 1.95
    # and the test can fail
    assert kolmogorov([v + 0.1 * (high - low) for v in found], expected) > 1.95


def test_whole_numbers():
    found = numbers(Uniform(2, 5, True), 4000)
    assert set(found) == {2, 3, 4, 5} and all(abs(found.count(v) - 1000) < 120 for v in range(2, 6))
    found = numbers(LogUniform(1, 15, True), 4000)
    assert set(found) == set(range(1, 16)) and all(type(v) is int for v in found)
    # 1 is an octave of four, from 1 to 16
    assert abs(found.count(1) - 1000) < 120
    found = numbers(Normal(3.0, 2.0, 1, 5, True), 2000)
    assert set(found) == {1, 2, 3, 4, 5} and found.count(3) > found.count(1)


def test_bounds_that_leave_nothing():
    with pytest.raises(ValueError, match="low: 7 to high: 8 must leave at least a millionth"):
        Normal(0.0, 1.0, 7.0, 8.0)


def test_choice():
    found = numbers(Choice("abc", [1, 0, 3]), 4000)
    assert set(found) == {"a", "c"} and abs(found.count("a") - 1000) < 120
    assert set(numbers(Choice((1.5, 2.5)), 100)) == {1.5, 2.5}
    # a sum that rounding leaves below 1 has no value behind it
    assert set(numbers(Choice(range(10), [0.1] * 10), 3000)) == set(range(10))


def test_without_chance():
    assert numbers(Constant(4), 3) == [4, 4, 4]
    assert numbers(Listed((1, 2)), 5) == [1, 2, 1, 2, 1]
    assert numbers(Grid(0.0, 1.0, 5, every=2), 12) == [0.0, 0.0, 0.25, 0.25, 0.5, 0.5, 0.75, 0.75, 1.0, 1.0, 0.0, 0.0]
    assert numbers(Grid(4, 10, 3, whole=True), 4) == [4, 7, 10, 4]
    assert numbers(Grid(4.0, 4.0, 1), 2) == [4.0, 4.0]


def test_vector():
    source = Source(3, "x", 0)
    pair = source.uniform(), source.uniform()
    assert Vector((Uniform(0.0, 1.0), Uniform(0.0, 1.0))).draw(Source(3, "x", 0)) == pair


def test_rotations_are_uniform():
    found = numbers(Rotation(), 4000)
    for rows in found[:100]:
        for i in range(3):
            for j in range(3):
                assert abs(sum(rows[i][n] * rows[j][n] for n in range(3)) - (i == j)) < 1e-14
        (a, b, c), (d, e, f), (g, h, i) = rows
        assert abs(a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g) - 1.0) < 1e-14
    # every entry is uniform from -1 to 1; the angle t of a uniform rotation has the distribution (t - sin t) / pi
    for row in range(3):
        for column in range(3):
            assert kolmogorov([rows[row][column] for rows in found], lambda v: 0.5 * (v + 1.0)) < 2.2
    angles = [math.acos(max(-1.0, min(1.0, 0.5 * (r[0][0] + r[1][1] + r[2][2] - 1.0)))) for r in found]
    assert kolmogorov(angles, lambda t: (t - math.sin(t)) / math.pi) < 1.95
