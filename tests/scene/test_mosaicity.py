"""Mosaic domains of our own: matrices against the oracle, distributions, what refines what, refusals."""

import math

import mpmath
import naive_mosaicity
import numpy as np
import pytest

import numbragg as nb
from numbragg.scene import draws

CELL = (40.0, 50.0, 60.0, 90.0, 90.0, 90.0)
SIMULATOR = nb.Simulator(nb.Detector(pixels=(3, 2)), nb.Beam(), 10.0, sampling=nb.Sampling(oversample=1))

mpmath.mp.dps = 40


def prepared(**crystal):
    return SIMULATOR.prepare(nb.Crystal(**{"cell": CELL, "n_cells": 3, **crystal}))


def rotations(**crystal):
    return prepared(**crystal).scene.crystal.mosaic.reshape(-1, 3, 3)


def uniforms(seed, count):
    """The numbers of the generator, from its raw words."""
    return [int(word >> np.uint64(11)) / 2.0 ** 53 for word in np.random.Philox(key=seed).random_raw(count)]


# -- numbers


def test_normal_quantile():
    for p in (2.0 ** -54, 1e-300, 1e-17, 1e-5, 0.02, 0.3, 0.4999, 0.5, 0.5 + 2.0 ** -53, 0.7, 0.99, 1.0 - 1e-10,
              1.0 - 2.0 ** -53):
        with mpmath.workdps(700):
            true = naive_mosaicity.quantile(p)
        assert abs(draws.normal_quantile(p) - true) <= 1e-15 * max(1.0, abs(true)), p


def test_uniform_numbers_begin_every_longer_list():
    assert draws.uniforms(7, 5) == draws.uniforms(7, 50)[:5] == uniforms(7, 5)
    assert draws.uniforms(7, 5) != draws.uniforms(8, 5)
    rows = list(draws.uniform_rows(3, draws._ROWS + 2, 2))
    assert len(rows) == draws._ROWS + 2
    assert [v for row in rows[-3:] for v in row] == uniforms(3, 2 * len(rows))[-6:]


# -- matrices


@pytest.mark.parametrize("spreads", [(0.5, 1.0, 2.0), (0.01, 0.01, 0.01), (3.0, 0.1, 0.2)])
def test_anisotropic(spreads):
    found = rotations(mosaicity="anisotropic", mosaic_spread_deg=spreads, mosaic_domains=60)
    assert naive_mosaicity.largest_difference(found, naive_mosaicity.anisotropic(60, spreads)) <= 1e-15


def test_anisotropic_is_about_the_axes_of_the_cell():
    """An oblique cell, turned, in the middle of its rotation about the spindle."""
    scene = prepared(cell=(40, 50, 60, 80, 95, 105), misset_deg=(10, 20, 30), mosaicity="anisotropic",
                     mosaic_spread_deg=(0.5, 1.0, 2.0), mosaic_domains=20, phi_start_deg=40.0, oscillation_deg=2.0,
                     phi_steps=2)
    direct = np.array(scene.orientation.direct).reshape(3, 3).T
    spindle = mpmath.matrix(naive_mosaicity.turned(scene.placement.spindle, mpmath.radians(41)).tolist())
    axes = np.array((spindle * mpmath.matrix(direct.tolist())).tolist(), dtype=float)
    expected = naive_mosaicity.anisotropic(20, (0.5, 1.0, 2.0), axes)
    found = scene.scene.crystal.mosaic.reshape(-1, 3, 3)
    assert naive_mosaicity.largest_difference(found, expected) <= 1e-15
    # it does depend on them
    assert naive_mosaicity.largest_difference(found, naive_mosaicity.anisotropic(20, (0.5, 1.0, 2.0))) > 1e-4


def test_gaussian():
    found = rotations(mosaicity="gaussian", mosaic_spread_deg=0.7, mosaic_domains=30, mosaic_seed=5)
    numbers = uniforms(5, 120)
    expected = [naive_mosaicity.random_domain(numbers[4 * n:4 * n + 4], 0.7) for n in range(30)]
    assert naive_mosaicity.largest_difference(found, expected) <= 1e-15


def test_low_discrepancy():
    found = rotations(mosaicity="gaussian", mosaic_spread_deg=0.7, mosaic_domains=200, mosaic_seed=5,
                      mosaic_low_discrepancy=True)
    start = uniforms(5, 3)
    for n in (0, 1, 2, 17, 199):
        # a place is a multiple of 2^-53, and so of finite steepness: the quantile's is at most 1e8 in the far tail
        assert naive_mosaicity.largest_difference(found[n], naive_mosaicity.even_domain(start, n, 0.7)) <= 1e-14


# -- distributions


@pytest.mark.parametrize("even", [False, True])
def test_spread_about_one_axis_is_sigma_over_the_root_of_three(even):
    how = dict(mosaicity="gaussian", mosaic_domains=4000, mosaic_low_discrepancy=even)
    vectors = np.degrees(naive_mosaicity.rotation_vectors(rotations(mosaic_spread_deg=0.9, **how)))
    # a standard deviation of n normal numbers is known to 1 / sqrt(2 n) of itself: four of these, here 1/22
    assert vectors.std(axis=0) == pytest.approx(0.9 / math.sqrt(3.0), rel=0.045)
    assert abs(vectors.mean(axis=0)).max() < 4 * 0.9 / math.sqrt(3.0 * 4000)
    again = rotations(mosaic_spread_per_axis_deg=0.9 / math.sqrt(3.0), **how)
    assert naive_mosaicity.largest_difference(again, rotations(mosaic_spread_deg=0.9, **how)) <= 1e-15


def test_spreads_of_an_anisotropic_crystal_follow_the_formula():
    """Over axes C the spread is 1 / sqrt(C E C): the mean square about x is that of the angles times C_x squared."""
    spreads = (0.2, 0.4, 1.0)
    for even in (False, True):
        vectors = np.degrees(naive_mosaicity.rotation_vectors(rotations(
            mosaicity="anisotropic", mosaic_spread_deg=spreads, mosaic_domains=4000, mosaic_low_discrepancy=even)))
        axes = np.random.default_rng(1).standard_normal((400_000, 3))
        axes /= np.linalg.norm(axes, axis=1)[:, None]
        width = 1.0 / (axes ** 2 / np.array(spreads) ** 2).sum(axis=1)
        expected = np.sqrt((axes ** 2 * width[:, None]).mean(axis=0))
        assert np.sqrt((vectors ** 2).mean(axis=0)) == pytest.approx(expected, rel=0.06)


@pytest.mark.parametrize("how", [dict(mosaicity="gaussian", mosaic_spread_deg=0.5),
                                 dict(mosaicity="gaussian", mosaic_spread_deg=0.5, mosaic_low_discrepancy=True),
                                 dict(mosaicity="anisotropic", mosaic_spread_deg=(0.5, 0.2, 0.1),
                                      mosaic_low_discrepancy=True)])
def test_more_domains_go_on_where_fewer_end(how):
    few, many = rotations(mosaic_domains=11, **how), rotations(mosaic_domains=40, **how)
    assert (many[:11] == few).all()
    other = rotations(mosaic_domains=11, mosaic_seed=4, **how)
    assert not (other == few).all(axis=(1, 2)).any()


def test_low_discrepancy_converges_faster():
    """The mean of a smooth function over 256 domains, with several seeds, is nearer to that over very many."""
    def error(even):
        errors = []
        for seed in range(12):
            vectors = naive_mosaicity.rotation_vectors(rotations(
                mosaicity="gaussian", mosaic_spread_deg=1.0, mosaic_domains=256, mosaic_seed=seed,
                mosaic_low_discrepancy=even)) / math.radians(1.0)
            errors.append(np.exp(-0.5 * (vectors ** 2).sum(axis=1)).mean() - math.sqrt(0.5))
        return float(np.sqrt(np.mean(np.square(errors))))

    assert error(True) < 0.2 * error(False)


# -- given rotations


def test_given_rotations_are_applied_as_they_are():
    turns = nb.random_rotations(5, seed=2)
    scene = prepared(mosaic_rotations=turns)
    assert scene.scene.crystal.domains == scene.counts.mosaic_domains == 5
    assert (scene.scene.crystal.mosaic.reshape(-1, 3, 3) == turns).all()
    # a C list of domains handed in again gives its bits
    old = SIMULATOR.run(nb.Crystal(cell=CELL, n_cells=3, mosaic_spread_deg=1.0, mosaic_domains=6))
    new = SIMULATOR.run(nb.Crystal(cell=CELL, n_cells=3, mosaic_rotations=old.mosaic_rotations))
    assert (old.image == new.image).all() and (new.mosaic_rotations == old.mosaic_rotations).all()
    with pytest.raises(ValueError, match="read-only"):
        new.mosaic_rotations[0, 0, 0] = 2.0


def test_crystals_with_rotations_compare():
    turns = nb.random_rotations(2, seed=2)
    one, other = (nb.Crystal(cell=CELL, mosaic_rotations=turns) for _ in range(2))
    assert one == other and hash(one) == hash(other)
    assert one != nb.Crystal(cell=CELL, mosaic_rotations=turns[::-1])


# -- refusals and notes


@pytest.mark.parametrize("words, message", [
    (dict(mosaicity="normal"), "mosaicity: 'normal' must be one of 'cap', 'gaussian', 'anisotropic'"),
    (dict(mosaicity="anisotropic", mosaic_spread_deg=0.5), "mosaic_spread_deg: 0.5 must be three spreads"),
    (dict(mosaicity="anisotropic"), "mosaic_spread_deg: None must be three spreads"),
    (dict(mosaicity="anisotropic", mosaic_spread_deg=(0.5, 0.0, 1.0)), "mosaic_spread_deg: 0.0 must be above 0 in deg"),
    (dict(mosaicity="anisotropic", mosaic_spread_deg=(0.5, 0.1, 1.0), mosaic_domains=7),
     "mosaic_domains: 7 must be even"),
    (dict(mosaicity="anisotropic", mosaic_spread_deg=(0.5, 0.1, 1.0), mosaic_seed=7), "mosaic_seed: .* has none"),
    (dict(mosaic_spread_deg=(0.5, 0.1, 1.0)), "mosaic_spread_deg: .* is not a number in deg"),
    (dict(mosaic_spread_per_axis_deg=0.5), 'mosaic_spread_per_axis_deg: 0.5 needs mosaicity "gaussian"'),
    (dict(mosaicity="gaussian", mosaic_spread_deg=0.5, mosaic_spread_per_axis_deg=0.5), "give it or mosaic_spread_deg"),
    (dict(mosaicity="gaussian", mosaic_spread_deg=0.5, mosaic_seed=-1), "mosaic_seed: -1 must not be negative"),
    (dict(mosaic_low_discrepancy=True, mosaic_spread_deg=0.5), "mosaic_low_discrepancy: .*nanoBragg's random ones"),
    (dict(mosaic_low_discrepancy="yes"), "mosaic_low_discrepancy: 'yes' must be True or False"),
    (dict(mosaic_rotations=np.eye(3)), r"mosaic_rotations: shape \(3, 3\) must be \(n, 3, 3\)"),
    (dict(mosaic_rotations=np.empty((0, 3, 3))), r"mosaic_rotations: shape \(0, 3, 3\)"),
    (dict(mosaic_rotations=[np.diag([1, 1, -1])]), "mosaic_rotations: .* changes the hand"),
    (dict(mosaic_rotations=[np.eye(3) * 1.1]), "mosaic_rotations: .* is not a rotation"),
    (dict(mosaic_rotations=[np.eye(3)], mosaic_domains=1), "mosaic_rotations: .*leave out mosaic_domains"),
    (dict(mosaic_rotations=[np.eye(3)], mosaicity="gaussian"), "mosaic_rotations: .*leave out mosaicity"),
    (dict(spot_metric="angstrom"), "spot_metric: 'angstrom' must be one of 'nanobragg', 'hkl'"),
])
def test_refuses(words, message):
    with pytest.raises(ValueError, match=message) as caught:
        nb.Crystal(cell=CELL, **words)
    assert "\n" not in str(caught.value)


def test_notes():
    with pytest.warns(nb.NumbraggWarning, match="mosaicity: gaussian has no effect without a mosaic spread"):
        prepared(mosaicity="gaussian")
    with pytest.warns(nb.NumbraggWarning, match="mosaic domains: 1, which is rotated"):
        prepared(mosaicity="gaussian", mosaic_spread_deg=0.5, mosaic_domains=1)
    # spots in indices are no rounder than the crystal
    prepared(shape="gauss", spot_metric="hkl", n_cells=(3, 4, 5))
