"""Random rotations: rotations, the same for the same seed and number, and uniform by several statistics."""

import hashlib
import math

import numpy as np
import pytest

import numbragg as nb

MANY = 20000


@pytest.fixture(scope="module")
def many():
    return nb.random_rotations(MANY, seed=2024)


def angles_of(rotations):
    """Angle of each rotation [deg], from its trace."""
    return np.degrees(np.arccos(np.clip((np.trace(rotations, axis1=1, axis2=2) - 1.0) / 2.0, -1.0, 1.0)))


def shares(angles):
    """Share of angles in each 30 degrees."""
    return np.histogram(angles, bins=np.arange(0.0, 181.0, 30.0))[0] / len(angles)


#: The density of the angle t of a uniform rotation is (1 - cos t) / pi, so this much lies below t.
UNIFORM = np.diff([(t - math.sin(t)) / math.pi for t in np.radians(np.arange(0.0, 181.0, 30.0))])


def far_from(found, wanted, count):
    """Deviation of shares in units of their standard deviation."""
    return np.abs(found - wanted) / np.sqrt(wanted * (1.0 - wanted) / count)


def test_they_are_rotations(many):
    assert many.shape == (MANY, 3, 3) and many.dtype == np.float64 and many.flags.c_contiguous
    # sums of a few products of numbers of at most 2
    assert np.abs(many @ many.transpose(0, 2, 1) - np.eye(3)).max() < 20 * 2.0 ** -53
    assert np.abs(np.linalg.det(many) - 1.0).max() < 20 * 2.0 ** -53


def test_the_same_whatever_their_number(many):
    for n in (0, 1, 2, 7, 100):
        assert (nb.random_rotations(n, seed=2024) == many[:n]).all()
    assert nb.random_rotations(0, 1).shape == (0, 3, 3)


def test_seeds(many):
    seeds = [0, 1, 2, 2 ** 32, 2 ** 63 - 1, 2024]
    first = [nb.random_rotations(1, seed) for seed in seeds]
    assert len({rotation.tobytes() for rotation in first}) == len(seeds)
    assert (nb.random_rotations(1, np.int64(2024)) == many[0]).all()
    # two seeds have nothing to do with each other: the turn from one to the other is uniform, too
    other = nb.random_rotations(MANY, seed=2025)
    assert far_from(shares(angles_of(other @ many.transpose(0, 2, 1))), UNIFORM, MANY).max() < 4.0
    assert far_from(shares(angles_of(many[1:] @ many[:-1].transpose(0, 2, 1))), UNIFORM, MANY).max() < 4.0


def test_bits_stay():
    """What a seed gives is for good; 24 bits each, which no sine of another C library changes."""
    rounded = np.round(nb.random_rotations(50, seed=3) * 2.0 ** 24).astype(np.int32)
    assert hashlib.sha256(rounded.astype("<i4").tobytes()).hexdigest()[:16] == "b29fe8f19f2440fd"


def test_angles_are_those_of_uniform_rotations(many):
    assert np.round(100.0 * UNIFORM).astype(int).tolist() == [1, 5, 12, 21, 28, 33]
    assert far_from(shares(angles_of(many)), UNIFORM, MANY).max() < 4.0


def test_axes_are_uniform(many):
    """Axes of rotation and images of the laboratory's axes: components uniform from -1 to 1, mean zero."""
    axes = np.stack([many[:, 2, 1] - many[:, 1, 2], many[:, 0, 2] - many[:, 2, 0], many[:, 1, 0] - many[:, 0, 1]], 1)
    axes /= np.linalg.norm(axes, axis=1)[:, np.newaxis]
    for directions in (axes, many[:, :, 0], many[:, :, 1], many[:, :, 2], many[:, 0, :], many[:, 2, :]):
        # a component of a uniform direction has variance 1/3
        assert np.abs(directions.mean(axis=0)).max() < 4.0 * math.sqrt(1.0 / 3.0 / MANY)
        for component in directions.T:
            found = np.histogram(component, bins=np.linspace(-1.0, 1.0, 11))[0] / MANY
            assert far_from(found, np.full(10, 0.1), MANY).max() < 4.5
        covariance = directions.T @ directions / MANY
        assert np.abs(covariance - np.eye(3) / 3.0).max() < 4.0 * math.sqrt(4.0 / 45.0 / MANY)


def test_the_statistics_see_what_is_not_uniform():
    """nanoBragg's own random orientation (quirk Q31)."""
    from numbragg.random import Generator, random_misset

    misset = np.array([random_misset(Generator(), seed) for seed in range(2, 1002)])
    assert far_from(shares(angles_of(misset)), UNIFORM, len(misset)).max() > 10.0


def test_a_crystal_takes_one():
    for turn in nb.random_rotations(20, seed=11):
        crystal = nb.Crystal(cell=(50, 60, 70, 90, 90, 90), u_matrix=turn)
        assert np.array(crystal.u_matrix).tolist() == turn.tolist()


@pytest.mark.parametrize("n, seed, field", [
    (-1, 1, "n"), (1.0, 1, "n"), (True, 1, "n"), ("3", 1, "n"), (None, 1, "n"), (2 ** 31, 1, "n"), (10 ** 400, 1, "n"),
    (1, -1, "seed"), (1, 1.5, "seed"), (1, None, "seed"), (1, False, "seed"), (1, 2 ** 63, "seed"), (1, "7", "seed")])
def test_refused(n, seed, field):
    with pytest.raises(ValueError, match=f"^{field}: ") as caught:
        nb.random_rotations(n, seed)
    assert "\n" not in str(caught.value)


def test_more_than_memory_holds(monkeypatch):
    from numbragg.configs.orientations import BYTES

    monkeypatch.setattr("numbragg.memory.available", lambda: 100 * BYTES - 1)
    assert len(nb.random_rotations(99, 1)) == 99
    with pytest.raises(ValueError, match="^n: 100 rotations need .* GB"):
        nb.random_rotations(100, 1)
