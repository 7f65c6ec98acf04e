"""Random numbers: bits against a plain-Python oracle and against numbers from the C program."""

import doctest
import hashlib
import math

from naive_random import NaiveStream, NaiveTable, naive_counts, naive_log_gamma
import numpy as np
import pytest

from numbragg.kernels.compile.compilation import jit
from numbragg.kernels.detector import random as kernels
import numbragg.scene.rotations
from numbragg.scene.rotations import Generator, misset_angles, mosaic_domains, random_misset

F = np.float32

SEEDS = [0, 1, 2, 3, 42, 12345678, 2147483646, 2147483647, 2147483648, 2 * 2147483647, 10**10, 10**15,
         2**62, 2**63 - 1]
SEEDS += [-seed for seed in SEEDS[1:]]

# SHA-256 (first 16 digits) of 1000 numbers of the C program's generator, one stream after the other
# on one table
C_UNIFORM = [
    (1, "acb2f30ba336485a"), (0, "acb2f30ba336485a"), (12345678, "1622321f3c45e16f"),
    (-5, "be2638ff7e60b949"), (-7, "d5b128cac289ef79"), (2147483647, "6f1c5b5fae4fe64a"),
    (-2147483647, "fa3580453a19cfa3"), (2**40, "61c6627d3030d9fd"), (-(2**40), "0031b6ac600ad150"),
    (2**63 - 1, "acb2f30ba336485a"), (-(2**63 - 1), "97735720aa4600e2"), (3, "4f4756426b40a050"),
    (-3, "cf36b9d6b6fa21f0")]

# the same of its Poisson deviates for the means n*n/16, n = 0..4096
C_COUNTS = [(1, "274e23456d07628a"), (12345, "77dcda56f78a2fcd"), (2**40, "c2012044f6709149")]

# its mosaic domains 1 and 2 for seed 3 and a spread of 0.005
C_MOSAIC = [
    [0.9999974014332059, 0.0020723212349128056, 0.0009500587007863892,
     -0.0020717548136595506, 0.9999976758323262, -0.0005967930445003176,
     -0.0009512932395896332, 0.0005948232050071188, 0.9999993706130654],
    [0.9999925410924569, 0.0022216497052795687, -0.0031594353986037836,
     -0.002219226082827665, 0.9999972407519255, 0.0007704051719123129,
     0.003161138251360864, -0.0007633879240877922, 0.9999947122079362]]

# its random orientations: seed, first row, missetting angles
C_MISSET = [
    (1, [0.9327774194498154, -0.3176466556430809, -0.170372791029874],
     [0.08138395537081032, -0.20673388068880616, 0.30757148560872183]),
    (54321, [-0.019563299502185605, -0.8741304829295604, -0.4852969978538104],
     [-0.48048416646628367, 0.9315478353714266, 1.6035939358130402]),
    (-4, [0.9327774194498154, -0.3176466556430809, -0.170372791029874],
     [0.08138395537081032, -0.20673388068880616, 0.30757148560872183])]

# Another processor's sin, cos and powf may differ in the last place. Entries are at most 1, and each
# such difference moves them by at most 2**-52; four functions enter.
ENTRY = 4 * 2.0**-52

WORST_MEANS = [
    -1.0, -1.0, 12.0, 12.0, np.nextafter(F(12), F(0)), np.nextafter(F(12), F(13)), 1e6,
    np.nextafter(F(1e6), F(0)), np.nextafter(F(1e6), F(2e6)), 2e6, 2e6, 12.5, 2e6, np.nan, np.inf, np.inf,
    -np.inf, np.nan, 3.0, 3.0,
    -200.0, 0.0, -0.0, 1e-45, 1e-8, 11.0, 999999.0, 1e12, 3e38, -1.0, 20.0, 20.0, 1023.0, 1024.5, 5e5]


@jit
def _uniforms(stream, out):
    for i in range(out.size):
        out[i] = kernels.uniform(stream)


@jit
def _gaussians(stream, out):
    for i in range(out.size):
        out[i] = kernels.gaussian(stream)


@jit
def _log_gammas(x, out):
    for i in range(out.size):
        out[i] = kernels.log_gamma(x[i])


def uniforms(stream, n):
    out = np.empty(n, dtype=np.float32)
    _uniforms(stream, out)
    return out


def counts(means, stream):
    image = np.array([means], dtype=np.float32)
    out = np.empty_like(image)
    with np.errstate(all="ignore"):
        kernels.photon_image(image, (0, image.shape[1] - 1, 0, 0), stream, out)
    return out[0]


def bits(x):
    x = np.ascontiguousarray(x)
    return x.view(f"u{x.dtype.itemsize}").tolist()


def same_or_nan(a, b):
    """Equal bits, but one NaN is as good as another."""
    return bits(np.where(np.isnan(a), F(0), a)) == bits(np.where(np.isnan(b), F(0), b)) and \
        np.isnan(a).tolist() == np.isnan(b).tolist()


def digest(x):
    return hashlib.sha256(np.ascontiguousarray(x).tobytes()).hexdigest()[:16]


# -- uniform


@pytest.mark.parametrize("seed", SEEDS)
def test_uniform_as_the_oracle(seed):
    naive = NaiveStream(seed)
    expected = np.array([naive.uniform() for _ in range(200)])
    assert bits(uniforms(Generator().stream(seed), 200)) == bits(expected)


def test_uniform_as_the_oracle_on_one_table():
    generator, table = Generator(), NaiveTable()
    for seed in SEEDS[::-1]:
        naive = NaiveStream(seed, table)
        expected = np.array([naive.uniform() for _ in range(45)])
        assert bits(uniforms(generator.stream(seed), 45)) == bits(expected), seed


def test_uniform_as_the_c_program():
    generator = Generator()
    for seed, expected in C_UNIFORM:
        assert digest(uniforms(generator.stream(seed), 1000)) == expected, seed


def test_uniform_in_the_interpreter():
    stream = Generator().stream(7)
    here = [kernels.uniform(stream) for _ in range(100)]
    assert all(type(u) is np.float32 for u in here)
    assert bits(np.array(here)) == bits(uniforms(Generator().stream(7), 100))


def test_uniform_is_cut_below_one():
    # a table whose next output is the largest number rounds to 1, which is never returned
    stream = Generator().stream(1)
    kernels.uniform(stream)
    stream.table[1:] = 2147483646
    assert kernels.uniform(stream) == F(1.0 - 1.2e-7) < 1


def test_seeds_that_are_the_same():
    first = bits(uniforms(Generator().stream(1), 50))
    assert bits(uniforms(Generator().stream(0), 50)) == first
    # on a table that was never filled, negative seeds say nothing
    assert bits(uniforms(Generator().stream(-17), 50)) == first
    assert bits(uniforms(Generator().stream(2), 50)) != first


def test_negative_seeds_continue_and_others_restart():
    def after(before, seed):
        generator = Generator()
        uniforms(generator.stream(before), 9)
        return bits(uniforms(generator.stream(seed), 50))
    assert after(3, -5) != after(4, -5)
    assert after(3, -5) != after(3, -7)
    assert after(3, 5) == after(4, 5) == bits(uniforms(Generator().stream(5), 50))


def test_uniform_moments():
    u = uniforms(Generator().stream(99), 100000).astype(float)
    # five standard deviations of the mean (1/sqrt(12 n)) and of the variance (1/sqrt(180 n))
    assert abs(u.mean() - 0.5) < 5 / math.sqrt(12e5)
    assert abs(u.var() - 1 / 12) < 5 / math.sqrt(180e5)


@pytest.mark.parametrize("seed", [1.5, "1", None, True, 2**63, -(2**63), 10**30])
def test_bad_seeds(seed):
    with pytest.raises(ValueError, match="^seed is .*must"):
        Generator().stream(seed)


# -- deviates


def test_log_gamma():
    x = np.concatenate([np.arange(1, 1200), np.linspace(1200, 1.1e6, 500), np.logspace(6, 19, 100)]).astype(F)
    out = np.empty_like(x)
    _log_gammas(x, out)
    assert bits(out) == bits(np.array([naive_log_gamma(v) for v in x]))
    # rounded to float32; the series is good to 2e-10 in the gamma function itself
    exact = np.array([math.lgamma(v) for v in x.tolist()])
    assert (abs(out - exact) <= abs(exact) * 2.0**-24 + 1e-9).all()


@pytest.mark.parametrize("seed", [1, 5, 2**40])
def test_gaussian(seed):
    naive = NaiveStream(seed)
    out = np.empty(301, dtype=np.float32)
    _gaussians(Generator().stream(seed), out)
    assert bits(out) == bits(np.array([naive.gaussian() for _ in range(301)]))


@pytest.mark.parametrize("seed", SEEDS)
def test_poisson_worst_cases(seed):
    means = np.array(WORST_MEANS + WORST_MEANS[::-1], dtype=np.float32)
    expected = naive_counts(means[None], (0, means.size - 1, 0, 0), NaiveStream(seed))[0]
    assert same_or_nan(counts(means, Generator().stream(seed)), expected)


def test_poisson_random_means():
    rng = np.random.default_rng(20)
    means = np.concatenate([10.0 ** rng.uniform(-3, 6.5, 600), rng.uniform(11, 13, 200),
                            rng.uniform(0.9e6, 1.1e6, 100)])
    rng.shuffle(means)
    for seed in (1, 77):
        expected = naive_counts(means[None].astype(F), (0, means.size - 1, 0, 0), NaiveStream(seed))[0]
        assert bits(counts(means, Generator().stream(seed))) == bits(expected)


@pytest.mark.parametrize("seed, expected", C_COUNTS)
def test_poisson_as_the_c_program(seed, expected):
    means = np.arange(4097, dtype=np.float32) ** 2 / F(16)
    assert digest(counts(means, Generator().stream(seed))) == expected


def test_poisson_after_mosaic_as_the_c_program():
    generator = Generator()
    mosaic_domains(generator, 3, 0.005, 3)
    means = np.arange(4097, dtype=np.float32) ** 2 / F(16)
    assert digest(counts(means, generator.stream(-5))) == "a48d2c336d40c513"


def test_poisson_in_the_interpreter():
    stream = Generator().stream(11)
    with np.errstate(all="ignore"):
        here = np.array([kernels.poisson(F(m), stream) for m in WORST_MEANS])
    assert here.dtype == np.float32
    assert same_or_nan(here, counts(WORST_MEANS, Generator().stream(11)))


def test_poisson_draws():
    # how many uniform deviates special means consume shows in the number that follows
    for mean, draws in ((0.0, 1), (-3.0, 1), (-np.inf, 1), (np.nan, 2)):
        stream = Generator().stream(8)
        counts([mean], stream)
        assert uniforms(stream, 1)[0] == uniforms(Generator().stream(8), draws + 1)[draws], mean


def test_the_spare_gaussian_outlives_small_means():
    stream = Generator().stream(8)
    bright, _, again = counts([2e6, 5.0, 2e6], stream)
    plain = counts([2e6, 2e6], Generator().stream(8))
    assert (bright, again) == tuple(plain)


@pytest.mark.parametrize("mean", [0.5, 5.0, 11.99, 12.0, 50.0, 3e4, 9e5, 2e6])
def test_poisson_moments(mean):
    n = 20000
    values = counts(np.full(n, mean), Generator().stream(4)).astype(float)
    # five standard deviations; the fourth central moment of a Poisson variate is mean + 3 mean**2
    assert abs(values.mean() - mean) < 5 * math.sqrt(mean / n)
    assert abs(values.var() - mean) < 5 * math.sqrt((mean + 2 * mean**2) / n)


# -- rotations


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("width", [0.0, 0.01, -0.3, 90.0])
def test_mosaic_rotations_as_the_oracle(seed, width):
    naive = NaiveStream(seed)
    expected = np.array([naive.rotation(width) for _ in range(12)])
    out = np.empty((12, 3, 3))
    kernels.mosaic_rotations(F(width), Generator().stream(seed), out)
    assert bits(out) == bits(expected)
    interpreted = np.empty((12, 3, 3))
    getattr(kernels.mosaic_rotations, "py_func", kernels.mosaic_rotations)(
        F(width), Generator().stream(seed), interpreted)
    assert bits(interpreted) == bits(expected)


def test_mosaic_rotations_are_rotations():
    out = np.empty((100, 3, 3))
    kernels.mosaic_rotations(F(0.02), Generator().stream(1), out)
    # axis and matrix are products of a few numbers below 1
    assert abs(out @ out.transpose(0, 2, 1) - np.eye(3)).max() < 16 * 2.0**-53
    angles = np.arccos((np.trace(out, axis1=1, axis2=2) - 1) / 2)
    assert 0 < angles.min() and angles.max() <= float(F(0.02)) * (1 + 2.0**-24) + 1e-8


def test_mosaic_domains_as_the_c_program():
    domains = mosaic_domains(Generator(), 3, 0.005, 3)
    assert domains.shape == (3, 3, 3) and domains.dtype == np.float64
    assert (domains[0] == np.eye(3)).all()
    assert abs(domains[1:].reshape(2, 9) - C_MOSAIC).max() <= ENTRY


def test_many_mosaic_domains_continue_the_few():
    few = mosaic_domains(Generator(), 10, 0.01, 5)
    many = mosaic_domains(Generator(), 600, 0.01, 5)
    assert bits(many[:10]) == bits(few)


def test_spread_is_single_precision():
    rounded = mosaic_domains(Generator(), 3, float(F(0.1)), 5)
    assert bits(mosaic_domains(Generator(), 3, 0.1, 5)) == bits(rounded)


@pytest.mark.parametrize("count, spread, text", [
    (0, 0.1, "^count is 0"), (-1, 0.1, "^count is -1"), (1, math.nan, "^mosaic spread is nan"),
    (2, math.inf, "must lie between")])
def test_bad_mosaic(count, spread, text):
    with pytest.raises(ValueError, match=text):
        mosaic_domains(Generator(), count, spread, 1)


@pytest.mark.parametrize("seed, first_row, angles", C_MISSET)
def test_random_misset_as_the_c_program(seed, first_row, angles):
    u = random_misset(Generator(), seed)
    assert abs(u[0] - first_row).max() <= ENTRY
    # a last-place change of an entry moves the angles by about as much, far from the right angle
    assert abs(np.array(misset_angles(u)) - angles).max() <= 4 * ENTRY


def test_random_misset_as_the_oracle():
    for seed in SEEDS:
        assert bits(random_misset(Generator(), seed)) == bits(np.array(NaiveStream(seed).rotation(90.0)))


def test_order_of_streams():
    generator, table = Generator(), NaiveTable()
    assert bits(random_misset(generator, 33)) == bits(np.array(NaiveStream(33, table).rotation(90.0)))
    naive = NaiveStream(-12, table)
    expected = np.array([naive.rotation(0.2) for _ in range(4)])
    assert bits(mosaic_domains(generator, 4, 0.2, -12)[1:]) == bits(expected[1:])
    expected = naive_counts(np.full((1, 9), 6, F), (0, 8, 0, 0), NaiveStream(-1, table))[0]
    assert bits(counts(np.full(9, 6.0), generator.stream(-1))) == bits(expected)


def rotation(x, y, z):
    cx, sx, cy, sy, cz, sz = (f(a) for a in (x, y, z) for f in (math.cos, math.sin))
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


def test_misset_angles_give_the_matrix_back():
    for seed in range(1, 60):
        u = random_misset(Generator(), seed)
        angles = misset_angles(u)
        assert abs(rotation(*angles) - u).max() < 1e-14  # three matrices of entries below 1, 2**-53 each
    rng = np.random.default_rng(1)
    for angles in rng.uniform(-1.5, 1.5, (20, 3)):
        # near y = 90 deg, x and z are only known to 1/cos(y) roundings
        back = np.array(misset_angles(rotation(*angles)))
        assert abs(back - angles).max() < 8e-15 / math.cos(angles[1])


def test_misset_angles_special():
    assert misset_angles(np.eye(3)) == (0.0, 0.0, 0.0)
    assert misset_angles(5 * np.eye(3)) == (0.0, 0.0, 0.0)
    u = [[0, 0, 1], [0, 1, 0], [-1, 0, 0]]
    assert misset_angles(u) == (math.pi, math.pi / 2, math.atan2(0.0, -1.0))


@pytest.mark.parametrize("u", [np.eye(2), [[1, 0, 0], [0, 0, 0], [0, 0, 1]], np.full((3, 3), np.nan)])
def test_bad_matrices(u):
    with pytest.raises(ValueError, match="^u is .* it must be a finite 3x3 matrix"):
        misset_angles(u)


def test_examples():
    result = doctest.testmod(numbragg.scene.rotations)
    assert result.attempted > 0 and result.failed == 0
