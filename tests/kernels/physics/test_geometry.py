"""Per-pixel geometry: compiled and interpreted, the oracle's bits; errors against true values."""

import math
import random

from formula_tools import INTERPRETED, SPECIAL, U, bits, prepared_example, ulps, vector
import mpmath
import naive
import pytest

from numbragg.kernels.arithmetic.vectors import unit
from numbragg.kernels.physics import geometry as ours

goes_on = pytest.mark.skipif(INTERPRETED, reason="Python raises where the processor goes on")


def versions(kernel):
    """A kernel compiled, and its body as plain Python."""
    return (kernel,) if INTERPRETED else (kernel, kernel.py_func)


EXAMPLE = prepared_example().scene.geometry


def geometry(r, **changes):
    """A detector anywhere, its axes not even at right angles."""
    fast, slow, normal, beam = (unit(vector(r))[0] for _ in range(4))
    size = r.uniform(1e-5, 1e-3)
    made = EXAMPLE._replace(fast_axis=fast, slow_axis=slow, normal=normal, beam=beam, origin=vector(r),
                            distance=r.choice((0.1, -0.2, r.uniform(0.01, 1.0))),
                            close_distance=r.uniform(-0.5, 0.5),
                            sub_pixel_size=size, pixel_area=size * size, attenuation=10.0 ** r.uniform(1.0, 5.0),
                            layer_step=10.0 ** r.uniform(-7.0, -3.0))
    return made._replace(**changes)


def as_oracle(g):
    """The same for the oracle."""
    return {"f": g.fast_axis, "s": g.slow_axis, "o": g.normal, "beam": g.beam, "pix0": g.origin,
            "distance": g.distance}


def test_centre_of_a_sub_pixel():
    r = random.Random(1)
    for _ in range(300):
        oversample, pixel = r.randint(1, 40), r.uniform(1e-6, 1e-2)
        g = EXAMPLE._replace(oversample=oversample, sub_pixel_size=pixel / oversample)
        index, sub = r.choice((0, 1, 7, r.randrange(20000))), r.randrange(oversample)
        expected = naive.subpixel_centre(index, sub, oversample, pixel / oversample)
        for version in versions(ours.sub_pixel_centre):
            assert bits(version(g, index, sub)) == bits(expected)


@pytest.mark.parametrize("curved", (False, True))
def test_position(curved):
    r = random.Random(f"position {curved}")
    for _ in range(500):
        g = geometry(r, curved=curved)
        f, s, depth = r.uniform(0.0, 0.5), r.uniform(0.0, 0.5), r.choice((0.0, r.uniform(0.0, 1e-3)))
        expected = naive.position(f, s, depth, as_oracle(g))
        if curved:
            expected = naive.curved(expected, as_oracle(g))
        for version in versions(ours.position):
            assert bits(version(g, f, s, depth)) == bits(expected)


def test_curved_positions_are_at_the_distance_of_the_spot():
    r = random.Random(2)
    for _ in range(100):
        g = geometry(r, curved=True)
        place = ours.position(g, r.uniform(0.0, 0.5), r.uniform(0.0, 0.5), 0.0)
        # each rotation: 36u of the length per component (see the test of vectors), so 63u; an axis that is
        # unit to 4u changes the length by 20u more. Two of them, the beam's own length 4u and three
        # roundings: 2 x 83 + 4 + 3
        assert abs(naive.magnitude(place) - abs(g.distance)) <= 173 * U * abs(g.distance)


@goes_on
def test_curved_detector_without_a_distance():
    r = random.Random(3)
    for distance in (0.0, -0.0, math.inf, math.nan):
        g = geometry(r, curved=True, distance=distance)
        d = as_oracle(g)
        expected = naive.curved(naive.position(0.1, 0.2, 0.0, d), d)
        assert bits(ours.position(g, 0.1, 0.2, 0.0)) == bits(expected)


@pytest.mark.parametrize("point_pixel", (False, True))
def test_solid_angle(point_pixel):
    r = random.Random(f"solid angle {point_pixel}")
    for _ in range(500):
        g = geometry(r, point_pixel=point_pixel)
        airpath = 10.0 ** r.uniform(-5.0, 4.0)
        expected = naive.solid_angle(g.sub_pixel_size, airpath, g.close_distance, point_pixel)
        for version in versions(ours.solid_angle):
            assert bits(version(g, airpath)) == bits(expected)


def test_error_of_the_solid_angle_in_ulp():
    r = random.Random(4)
    for _ in range(200):
        g, airpath = geometry(r), r.uniform(0.01, 2.0)
        with mpmath.workdps(50):
            true = mpmath.mpf(g.sub_pixel_size) ** 2 * mpmath.mpf(g.close_distance) / mpmath.mpf(airpath) ** 3
            point = 1 / mpmath.mpf(airpath) ** 2
        # five operations within u each, and u is at most one ulp
        assert ulps(ours.solid_angle(g, airpath), true) <= 5
        assert ulps(ours.solid_angle(g._replace(point_pixel=True), airpath), point) <= 2


@goes_on
def test_solid_angle_at_the_sample_itself():
    for point_pixel in (False, True):
        for airpath in (0.0, 1e-200, math.inf, math.nan):
            for close in (0.1, 0.0, -0.1):
                g = EXAMPLE._replace(point_pixel=point_pixel, close_distance=close)
                expected = naive.solid_angle(g.sub_pixel_size, airpath, close, point_pixel)
                assert bits(ours.solid_angle(g, airpath)) == bits(expected)


def test_capture_fraction():
    r = random.Random(5)
    for _ in range(600):
        g, s1, layer = geometry(r), unit(vector(r))[0], r.choice((0, 1, 2, 9, 500))
        expected = naive.capture_fraction(layer, g.layer_step, g.attenuation, naive.dot(s1, g.normal))
        for version in versions(ours.capture_fraction):
            assert bits(version(g, layer, s1, g.attenuation)) == bits(expected)


@goes_on
def test_capture_fraction_at_its_limits():
    """Grazing and backward rays, no absorption, no thickness, overflow: NaN where the formula has it."""
    for normal in ((1.0, 0.0, 0.0), (-1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 0.0), (1e-300, 0.0, 0.0)):
        for step in (0.0, 1e-4, 1e300):
            for mu in (0.0, 1e3, math.inf, -1e3):
                for layer in (0, 1, 3):
                    g = EXAMPLE._replace(normal=normal, layer_step=step)
                    s1 = (1.0, 0.0, 0.0)
                    expected = naive.capture_fraction(layer, step, mu, naive.dot(s1, normal))
                    assert bits(ours.capture_fraction(g, layer, s1, mu)) == bits(expected)
    for s1 in ((x, y, 0.5) for x in SPECIAL for y in SPECIAL):
        expected = naive.capture_fraction(2, EXAMPLE.layer_step, 100.0, naive.dot(s1, EXAMPLE.normal))
        assert bits(ours.capture_fraction(EXAMPLE, 2, s1, 100.0)) == bits(expected)


def test_error_of_the_capture_fraction():
    r = random.Random(6)
    worst = 0.0
    for _ in range(200):
        g, s1, layer = geometry(r), unit(vector(r))[0], r.choice((0, 1, 5))
        parallax = naive.dot(s1, g.normal)
        if parallax < 0.05:
            continue
        depths = []
        with mpmath.workdps(50):
            for n in (layer, layer + 1):
                depths.append(n * mpmath.mpf(g.layer_step) * mpmath.mpf(g.attenuation) / mpmath.mpf(parallax))
            true = mpmath.exp(-depths[0]) - mpmath.exp(-depths[1])
        # the exponents are off by 3u relatively, so each exponential by 3u x depth and its own 2u; the
        # difference by u
        bound = sum((3 * d + 2) * mpmath.exp(-d) for d in depths) * U + U * abs(true)
        worst = max(worst, float(abs(ours.capture_fraction(g, layer, s1, g.attenuation) - true) / bound))
    assert 0.01 < worst <= 1
