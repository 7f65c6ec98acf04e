"""What is summed: counts over all sign patterns, sources, crystal size, phi, axes; the oracle's bits."""

from dataclasses import fields
import itertools
import math
import random

from formula_tools import CONVENTIONS, SPECIAL, bits, draw_detector, draw_parameters, vars_of, vector
from hypothesis import given, settings
from hypothesis import strategies as st
import naive
import numpy as np
import pytest

from numbragg.scene import counts as rules
from numbragg.scene import size as sizes
from numbragg.scene import sources
from numbragg.scene.placement import place_detector
from numbragg.scene.request import Draft

QUIET = settings(derandomize=True, deadline=None, max_examples=200)
COUNTS = (-5, -1, 0, 1, 2, 3, 7, 40)
EXTENTS = (-2.5, -1.0, -0.0, 0.0, 1e-8, 0.1, 0.3, 1.0, 7.3)


def assert_same_counts(**asked):
    """Every count, range and step of the rules has the oracle's bits.

    Returns ours.
    """
    p = Draft(**asked)
    found, expected = rules.step_counts(p.freeze()), naive.step_counts(p)
    assert bits((found.phi_steps, found.oscillation, found.phi_step)) == bits(expected["phi"]), asked
    assert bits(found.divergence_h) == bits(expected["hdiv"]), asked
    assert bits(found.divergence_v) == bits(expected["vdiv"]), asked
    assert bits(found.dispersion) == bits(expected["dispersion"]), asked
    assert bits((found.layers, found.thickness, found.layer_step)) == bits(expected["sensor"]), asked
    assert bits(found.attenuation) == bits(expected["attenuation"]), asked
    assert bits((found.mosaic_domains, found.mosaic_spread)) == bits(expected["mosaic"]), asked
    return found


# -- the tables of the rules, every pattern of signs


@pytest.mark.parametrize("prefix", ("phi", "h", "v", "dispersion"))
def test_counts_ranges_and_steps(prefix):
    divergence = (f"divergence_{prefix}_steps", f"divergence_{prefix}", f"divergence_{prefix}_step")
    names = {"phi": ("phi_steps", "oscillation", "phi_step"),
             "dispersion": ("dispersion_steps", "dispersion", None)}.get(prefix, divergence)
    for values in itertools.product(COUNTS, EXTENTS, EXTENTS):
        if names[2] is not None or values[2] == -1.0:  # the dispersion's step cannot be set
            assert_same_counts(**{name: value for name, value in zip(names, values) if name})


def test_sensor_layers_and_attenuation():
    for layers, thickness, attenuation in itertools.product(COUNTS, (*EXTENTS, 3e-4, 5e-324),
                                                            (-1.0, -0.0, 0.0, 5.0, math.inf)):
        assert_same_counts(sensor_layers=layers, sensor_thickness=thickness, attenuation=attenuation)


def test_mosaic_domains():
    for domains, spread in itertools.product(COUNTS, EXTENTS):
        assert_same_counts(mosaic_domains=domains, mosaic_spread=spread)


@QUIET
@given(st.sampled_from(COUNTS), st.floats(-1.0, 10.0), st.one_of(st.floats(1e-6, 1.0), st.floats(-1.0, 0.0)))
def test_counts_from_any_range_and_step(count, extent, step):
    assert_same_counts(phi_steps=count, oscillation=extent, phi_step=step, divergence_h_steps=count,
                       divergence_h=extent, divergence_h_step=step, divergence_v_steps=-count,
                       divergence_v=-extent, divergence_v_step=step, dispersion_steps=count,
                       dispersion=extent)


def test_some_rules_by_hand():
    """One line of each table, so that both sides cannot be wrong together."""
    counts = assert_same_counts(phi_steps=4, oscillation=-1.0, phi_step=0.5, divergence_h_steps=3,
                                divergence_h=-1.0, divergence_v=0.9, divergence_v_step=0.4, dispersion=0.1,
                                dispersion_steps=1, sensor_layers=1, sensor_thickness=4e-4, mosaic_spread=0.1)
    assert (counts.phi_steps, counts.oscillation, counts.phi_step) == (2, 0.5, 0.5)
    assert counts.divergence_h == (3, 1.0, 1.0 / 3)
    assert counts.divergence_v == (3, 0.9, 0.4)
    assert counts.dispersion == (2, 0.1, 0.1)
    assert (counts.layers, counts.thickness, counts.layer_step) == (2, 4e-4, 4e-4)
    assert counts.attenuation == 1.0 / 4e-4
    assert (counts.mosaic_domains, counts.mosaic_spread) == (10, 0.1)
    assert assert_same_counts(oscillation=0.0, phi_step=0.3).phi_steps == 0


def test_counts_hold_nothing_else():
    assert {field.name for field in fields(rules.StepCounts)} == {
        "phi_steps", "oscillation", "phi_step", "divergence_h", "divergence_v", "dispersion", "layers",
        "thickness", "layer_step", "attenuation", "mosaic_domains", "mosaic_spread"}


# -- phi


def phi_orders(angles, revision, sweeps=4):
    """For each sweep, the step whose rotation each step sees; len(angles): none. By carrying it along."""
    orders, carried = [], len(angles)
    for _ in range(sweeps):
        order = []
        for n, angle in enumerate(angles):
            if angle != 0.0:
                carried = n
            elif revision == "fixed":
                carried = len(angles)
            order.append(carried)
        orders.append(order)
    return orders


@pytest.mark.parametrize("revision", ("fixed", "main"))
def test_rotation_that_each_phi_step_sees(revision):
    for length in range(1, 6):
        for angles in itertools.product((0.0, -0.0, 0.3), repeat=length):
            rows, first = (x.tolist() for x in rules.phi_rows(list(angles), revision == "main"))
            orders = phi_orders(angles, revision)
            assert first == orders[0] and [rows] * 3 == orders[1:], angles


def test_phi_angles():
    r = random.Random(1)
    for _ in range(200):
        p = Draft(phi_start=r.uniform(-3.0, 3.0), phi_steps=r.choice((1, 2, 5, 100)),
                       oscillation=r.uniform(0.0, 1.0))
        counts = rules.step_counts(p.freeze())
        assert bits(rules.phi_angles(p.phi_start, counts)) == bits([p.phi_start + counts.phi_step * n
                                                          for n in range(counts.phi_steps)])
    p = Draft(phi_start=-0.02, phi_steps=3, oscillation=0.06, phi_step=0.02)
    assert rules.phi_angles(p.phi_start, rules.step_counts(p.freeze()))[1] == 0.0


# -- sources


def assert_same_sources(p):
    """Directions and wavelengths have the oracle's bits, in its order.

    Returns how many there are.
    """
    counts = naive.step_counts(p)
    expected = naive.sources(p.wavelength, naive.detector(p), counts["hdiv"], counts["vdiv"],
                             counts["dispersion"], p.round_divergence, p.sources)
    asked = p.freeze()
    found = sources.source_list(asked.beam, rules.step_counts(asked), place_detector(asked))
    directions, wavelengths = found.directions, found.wavelengths
    assert (found.per_direction, len(found.weights), found.count) == (1, 0, len(expected))
    assert directions.shape == (len(expected), 3) and wavelengths.shape == (len(expected),)
    assert directions.flags.c_contiguous and directions.dtype == wavelengths.dtype == np.float64
    assert bits(directions) == bits([direction for direction, _ in expected])
    assert bits(wavelengths) == bits([length for _, length in expected])
    return len(expected)


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_grid_of_sources(convention):
    r = random.Random(convention)
    sizes = set()
    for _ in range(60):
        p = Draft(wavelength=r.uniform(0.5e-10, 2e-10), round_divergence=r.random() < 0.5)
        draw_detector(p, r)
        p.convention = convention
        for axis in "hv":
            setattr(p, f"divergence_{axis}_steps", r.choice((-1, 1, 2, 3, 4, 5)))
            setattr(p, f"divergence_{axis}", r.choice((-1.0, 0.0, 0.02, r.uniform(0.0, 0.5))))
            setattr(p, f"divergence_{axis}_step", r.choice((-1.0, 0.005, r.uniform(0.01, 0.1))))
            if getattr(p, f"divergence_{axis}") / abs(getattr(p, f"divergence_{axis}_step")) > 20:
                setattr(p, f"divergence_{axis}_step", -1.0)
        p.dispersion, p.dispersion_steps = r.choice((0.0, 0.05)), r.choice((-1, 1, 3))
        sizes.add(assert_same_sources(p))
    assert len(sizes) > 5


def test_round_and_square_grids():
    """Corners are cut, even grids lose none of their four middle points, one axis alone is never round."""
    sizes = {}
    for shape, h, v in itertools.product((True, False), range(1, 8), range(1, 8)):
        p = Draft(divergence_h=0.01, divergence_v=0.02, divergence_h_steps=h, divergence_v_steps=v,
                       round_divergence=shape)
        sizes[shape, h, v] = assert_same_sources(p)
    assert sizes[False, 5, 4] == 20 and sizes[True, 5, 5] == 13 and sizes[False, 1, 1] == 4
    # no divergence: 0/0, which is not above the limit
    assert assert_same_sources(Draft(round_divergence=True)) == 1
    assert assert_same_sources(Draft(divergence_h=0.01, divergence_h_steps=5)) == 5


def test_list_of_sources():
    r = random.Random(2)
    for convention in CONVENTIONS:
        for _ in range(20):
            rows = np.array([[r.choice((math.nan, 0.0, r.uniform(-20.0, 20.0))) for _ in range(4)]
                             + [r.choice((math.nan, r.uniform(0.5e-10, 2e-10)))]
                             for _ in range(r.randint(1, 5))])
            p = Draft(convention=convention, sources=rows, wavelength=1.1e-10, divergence_h=0.1,
                           dispersion=0.1)
            for row in rows:
                row[r.randrange(3)] = r.uniform(0.1, 20.0)  # three zeros are refused
            assert assert_same_sources(p) == len(rows)
            p.sources = rows.tolist()
            assert_same_sources(p)


def test_list_of_sources_at_its_limits():
    """Directions whose squares underflow or overflow, wavelengths that are none."""
    rows = np.array([[0.0, 0.0, 1e200, 1.0, 1e-10], [-0.0, 1.0, math.nan, math.nan, 0.0],
                     [math.inf, 0.0, 0.0, 0.0, -1e-10], [1e-300, 0.0, 0.0, 0.0, math.inf]])
    assert assert_same_sources(Draft(sources=rows)) == 4


def test_spectrum_is_listed_once():
    """Directions of the grid, and the wavelengths that each of them has; no weights where all are 1."""
    for weights in ((0.5, 1.5), (1.0, 1.0)):
        p = Draft(divergence_h=0.01, divergence_h_steps=5, spectrum=np.array(list(zip((1e-10, 1.1e-10), weights))))
        asked = p.freeze()
        found = sources.source_list(asked.beam, rules.step_counts(asked), place_detector(asked))
        expected = naive.sources(p.wavelength, naive.detector(p), (5, 0.01, 0.0025), (1, 0.0, 0.0), (1, 0.0, 0.0), True)
        assert bits(found.directions) == bits([direction for direction, _ in expected])
        assert found.wavelengths.tolist() == [1e-10, 1.1e-10]
        assert found.weights.tolist() == ([] if weights == (1.0, 1.0) else list(weights))
        assert (found.per_direction, found.count) == (2, 10)


def test_refuses_a_source_without_direction():
    for zeros in ((0.0, 0.0, 0.0), (-0.0, 0.0, -0.0)):
        p = Draft(sources=[[1.0, 0.0, 0.0, 1.0, 1e-10], [*zeros, 1.0, 1e-10]])
        with pytest.raises(ValueError, match="source 2: its direction is zero"):
            sources.source_list(p.freeze().beam, rules.step_counts(p.freeze()), place_detector(p.freeze()))


# -- size and sampling of the crystal


def test_crystal_cells():
    r = random.Random(3)
    for _ in range(500):
        p = Draft(n_cells=[float(r.choice((-1, 0, 1, 2, 3, 5000))) for _ in range(3)],
                       sample_size=[r.choice((0.0, -1e-6, 1e-9, r.uniform(0.0, 3e-4))) for _ in range(3)],
                       beam_size=r.choice((1e-4, 0.0, -1.0, r.uniform(0.0, 3e-4))))
        vectors = [vector(r, 1e-8) for _ in range(3)]
        lengths = tuple(naive.magnitude(v) for v in vectors)
        sample = naive.clipped_sample(p.sample_size, p.beam_size)
        assert bits(sizes.clipped_sample(p.sample_size, p.beam_size)) == bits(sample)
        *cells, longest = naive.crystal_size(p.n_cells, sample, *vectors)
        assert bits(sizes.crystal_cells(p.freeze(), lengths)) == bits(cells)
        distance, p.pixel_size, p.wavelength = r.uniform(-1.0, 1.0), r.uniform(1e-5, 1e-3), r.uniform(1e-11, 1e-9)
        p.oversample = r.choice((-1, 0, 1, 7))
        advice = naive.oversample_advice(longest, p.wavelength, distance, p.pixel_size)
        expected = (p.oversample if p.oversample > 0 else advice, advice)
        assert rules.oversampling(p.freeze(), tuple(cells), lengths, distance) == expected


def test_whole_number_of_cells_is_kept():
    """A sample of exactly n cells; one ulp more is one cell more."""
    for n in (1, 2, 5, 100):
        length = 2.0 ** -27
        for size, cells in ((n * length, n), (math.nextafter(n * length, 1), n + 1),
                            (math.nextafter(n * length, 0), n)):
            p = Draft(sample_size=[size] * 3, beam_size=-1.0)
            assert sizes.crystal_cells(p.freeze(), (length,) * 3) == (float(cells),) * 3
            edges = [(length, 0.0, 0.0)] * 3
            assert naive.crystal_size(p.n_cells, p.sample_size, *edges)[:3] == (float(cells),) * 3


def test_oversampling_at_its_limits():
    """No distance, no pixel, too many: one sub-pixel where the C program's conversion has no result."""
    for longest, distance, pixel in itertools.product((1e-6, 1e300, 0.0), (0.1, 0.0, -0.1, 1e-300, math.inf),
                                                      (1e-4, 1e10, 1e-300)):
        p = Draft(pixel_size=pixel)
        expected = naive.oversample_advice(longest, p.wavelength, distance, pixel)
        assert rules.oversampling(p.freeze(), (1.0,) * 3, (longest,) * 3, distance) == (expected, expected)


# -- fluence and background


def test_fluence_and_background():
    r = random.Random(4)
    for _ in range(300):
        p = Draft(flux=r.choice((0.0, 1e12, -1e12, r.uniform(0.0, 1e15))),
                       exposure=r.choice((1.0, 0.0, -1.0, r.random())),
                       beam_size=r.choice((1e-4, 0.0, -1e-4, r.random())),
                       fluence=10.0 ** r.uniform(0.0, 40.0),
                       water_size=r.choice((0.0, -1e-6, r.uniform(0.0, 1e-4))))
        found = sizes.fluence(p.freeze().beam)
        assert bits(found) == bits(naive.fluence(p))
        assert bits(sizes.background_level(p.water_size, found)) == bits(naive.background(p.water_size, found))


def test_constants():
    assert (sizes.R_E_SQR, sizes.AVOGADRO) == (naive.R_E_SQR, naive.AVOGADRO)


def test_background_at_its_limits():
    for water, photons in itertools.product(SPECIAL, SPECIAL):
        found = sizes.background_level(water, photons)
        assert bits(found) == bits(naive.background(water, photons))


# -- the polarisation axis, made a unit vector again and again


def chain(axis, length):
    """The axis after 0, 1, 2... times."""
    found = [axis]
    while len(found) < length:
        found.append(naive.unitize(found[-1])[0])
    return found


def assert_same_axes(axis):
    axes, following = sources.polarisation_axes(axis)
    rows, row = [], 0
    for _ in range(60):
        rows.append(row)
        row = int(following[row])
    assert bits(axes[rows]) == bits(chain(axis, 60))
    assert sorted(set(rows)) == list(range(len(axes)))  # none too many
    return len(axes), len(axes) - int(following[-1])


def test_polarisation_axes_at_random():
    r = random.Random(5)
    found = {assert_same_axes(naive.unitize(vector(r))[0]) for _ in range(800)}
    lengths, cycles = {n for n, _ in found}, {n for _, n in found}
    # most stay or settle; some go to and fro for ever
    assert {1, 2} <= lengths and {1, 2} <= cycles


def test_polarisation_axes_of_the_conventions_and_of_none():
    for name in CONVENTIONS:
        assert assert_same_axes(place_detector(Draft(convention=name).freeze()).polarisation) == (1, 1)
    assert assert_same_axes((0.0, 0.0, 0.0)) == (1, 1)
    assert assert_same_axes((-0.0, 0.0, 0.0))[1] == 1  # the sign of zero goes, which is a new row
    assert assert_same_axes((math.nan, 0.0, 0.0))[1] == 1


def test_counts_of_random_scenes():
    """The drawn scenes of the pixel tests: all counts at once."""
    for seed in range(100):
        p = draw_parameters(seed)
        assert_same_counts(**{name: getattr(p, name) for name in vars_of(p)})
        assert_same_sources(p)
