"""Images that are sums: several crystals in a shot; running sums that are shared, and sums of sums."""

import itertools

from formula_tools import INTERPRETED
import numpy as np
import pytest

import numbragg as nb
from numbragg.kernels.drive import contributions as sums
from numbragg.kernels.drive.contributions import Contribution, in_groups, merged, render_sum
from numbragg.kernels.drive.cpu import Modes, Target, render
from numbragg.kernels.evaluate import certificate
from numbragg.kernels.physics.records import COMPENSATED, EXACT, KAHAN, SEQUENTIAL, SINGLE, Window
from numbragg.selftest.scenes import random_scene

compiled = pytest.mark.skipif(INTERPRETED, reason="thousands of steps are for compiled kernels")

CELL = (61, 72, 45, 90, 100, 110)
RNG = np.random.default_rng(11)
TABLE = nb.StructureFactors.from_array(RNG.gamma(2.0, 60.0, (41, 41, 41)), (-20, -20, -20), 5.0)
OTHER = nb.StructureFactors.from_array(RNG.gamma(2.0, 60.0, (31, 31, 31)), (-15, -15, -15), 7.0)
DETECTOR = nb.Detector(pixels=(21, 17), pixel_mm=1.1, distance_mm=60.0)
MODES = {"exact": (EXACT, SEQUENTIAL), "compensated": (COMPENSATED, KAHAN), "single": (SINGLE, SEQUENTIAL),
         "single, Kahan": (SINGLE, KAHAN)}


def crystal(**fields):
    return nb.Crystal(**{"cell": CELL, "n_cells": 5, "misset_deg": (10, 20, 30)} | fields)


def contribution(prepared):
    return Contribution(prepared.scene, prepared.interpolating)


def values(parts, target_of, modes=Modes(threads=2), **how):
    """Image, doubles and outcome of a sum of prepared scenes."""
    image, doubles, target = target_of
    return image, doubles, render_sum([contribution(p) for p in parts], target, modes, **how)


def target(prepared, **fields):
    """Image and doubles to be filled, and the target that holds them."""
    window = fields.pop("window", prepared.window)
    image = np.zeros(prepared.shape, np.float32)
    doubles = np.zeros(((window[1] - window[0] + 1) * (window[3] - window[2] + 1), 2))
    return image, doubles, Target(Window(*window), prepared.mask, image, doubles, **fields)


def bits(array):
    return array.view({4: np.uint32, 8: np.uint64}[array.itemsize])


def same(a, b):
    return bool(((bits(a) == bits(b)) | (np.isnan(a) & np.isnan(b))).all())


# -- one crystal handed in as two lists of its domains


def halves(prepared, at):
    """Two scenes with the first `at` domains and with the rest, and the divisor of the whole."""
    whole = prepared.scene.crystal
    parts = []
    for some in (slice(None, at), slice(at, None)):
        mosaic = np.ascontiguousarray(whole.mosaic[some])
        cells = np.ascontiguousarray(whole.cells[:, some]) if len(whole.cells) else whole.cells
        part = whole._replace(mosaic=mosaic, cells=cells, domains=len(mosaic))
        sampling = prepared.scene.sampling
        if some.start is not None:
            # the water is there once
            sampling = sampling._replace(background=0.0)
        parts.append(Contribution(prepared.scene._replace(crystal=part, sampling=sampling), prepared.interpolating))
    return parts


SPREAD = dict(mosaic_spread_deg=0.6, mosaic_domains=7)
SCENES = {
    "one view": (dict(SPREAD), {}, {}, {}),
    "sub-pixels, sources, phi": (dict(SPREAD, oscillation_deg=1.0, phi_steps=3), dict(dispersion_percent=2.0,
                                 dispersion_steps=3), {}, dict(oversample=2)),
    "factors per step": (dict(SPREAD), dict(polarisation_fraction=0.9, dispersion_percent=2.0, dispersion_steps=2),
                         dict(sensor_thickness_um=300.0, attenuation_depth_um=200.0, sensor_layers=3),
                         dict(oversample=2, per_step=("capture", "polarisation", "solid_angle"))),
    "sphere, water": (dict(SPREAD, shape="round", water_size_um=3.0), {}, {}, dict(oversample=2)),
    "Gaussian": (dict(SPREAD, shape="gauss"), {}, {}, dict(oversample=2)),
    "top-hat, resolution": (dict(SPREAD, shape="tophat", fudge=0.01), dict(d_min_angstrom=1.6), {}, dict(oversample=2)),
    "tricubic": (dict(SPREAD), dict(dispersion_percent=2.0, dispersion_steps=2), dict(distance_mm=150.0),
                 dict(interpolation=True, oversample=2)),
    "curved": (dict(SPREAD), dict(polarisation_fraction=0.5), dict(curved=True), {}),
}


def prepared_of(name, revision="fixed"):
    crystal_fields, beam, detector, sampling = SCENES[name]
    detector = nb.Detector(**{"pixels": (21, 17), "pixel_mm": 1.1, "distance_mm": 60.0} | detector)
    return nb.Simulator(detector, nb.Beam(**{"wavelength_angstrom": 1.3} | beam), TABLE,
                        sampling=nb.Sampling(**{"oversample": 1} | sampling), revision=revision).prepare(
                            crystal(**crystal_fields))


@pytest.mark.parametrize("precision", MODES)
@pytest.mark.parametrize("name", SCENES)
def test_two_lists_of_domains_are_the_crystal(name, precision):
    prepared = prepared_of(name)
    modes = Modes(*MODES[precision], threads=2)
    image, doubles, whole = target(prepared)
    outcome = render(prepared.scene, whole, modes, interpolating=prepared.interpolating)
    assert image.any() and outcome.first_out_of_range is None
    for at in (1, 4):
        again, values_again, part = target(prepared)
        render_sum(halves(prepared, at), part, modes)
        assert same(again, image) and same(values_again[:, 0], doubles[:, 0])


def test_two_lists_in_strict_evaluation_and_under_the_other_revision():
    prepared = prepared_of("sub-pixels, sources, phi", "main")
    images = []
    for lanes, at in itertools.product((True, False), (None, 3)):
        image, _, where = target(prepared)
        modes = Modes(threads=2, lanes=lanes)
        if at is None:
            render(prepared.scene, where, modes, interpolating=prepared.interpolating)
        else:
            render_sum(halves(prepared, at), where, modes)
        images.append(image)
    assert images[0].any() and all(same(image, images[0]) for image in images)


def test_lists_without_a_table_of_cells():
    """Rotations that are applied step by step give the bits of the table."""
    prepared = prepared_of("one view")
    bare = prepared.scene._replace(crystal=prepared.scene.crystal._replace(cells=np.empty((0, 0, 9))))
    parts = [c._replace(scene=c.scene._replace(crystal=c.scene.crystal._replace(cells=np.empty((0, 0, 9)))))
             for c in halves(prepared, 3)]
    image, _, whole = target(prepared)
    render(bare, whole, Modes(threads=1), interpolating=False)
    again, _, where = target(prepared)
    render_sum(parts, where, Modes(threads=1))
    assert same(again, image)


# -- who shares a sum


def test_groups():
    simulator = nb.Simulator(DETECTOR, nb.Beam(), TABLE, sampling=nb.Sampling(oversample=1))
    first, turned, larger, weaker, many, round_one = (contribution(simulator.prepare(c)) for c in (
        crystal(), crystal(misset_deg=(1, 2, 3)), crystal(n_cells=6), crystal(scale=0.5), crystal(**SPREAD),
        crystal(shape="round")))
    groups = in_groups([first, many, turned, weaker, larger, round_one])
    assert [len(group) for group in groups] == [4, 1, 1]
    assert groups[0] == [first, turned, larger, round_one] and groups[1] == [many]
    joined = merged(groups[0])
    assert [c.scene.crystal.domains for c in joined] == [2, 1, 1]
    # what is joined is a neighbour: the order of the sum is that of the contributions
    assert [c.scene.crystal.domains for c in merged([first, larger, turned])] == [1, 1, 1]


def test_shapes_that_measure_in_reciprocal_space_are_not_joined_with_turned_ones():
    simulator = nb.Simulator(DETECTOR, nb.Beam(), TABLE, sampling=nb.Sampling(oversample=1))
    for shape, number in (("gauss", 2), ("tophat", 2), ("round", 1), ("square", 1)):
        pair = [contribution(simulator.prepare(crystal(shape=shape, misset_deg=(a, 0, 0)))) for a in (5, 6)]
        assert len(merged(pair)) == number


def test_parts_of_a_list_of_sources_share_a_sum():
    """A list too long for a table may be handed in in parts; the divisor is that of the whole."""
    rows = [(-1.0, 0.0, 0.0, 1.0, 1e-10 * (1.0 + 0.01 * n)) for n in range(6)]
    prepared = nb.Simulator(DETECTOR, nb.Beam(sources=rows, polarisation_fraction=0.8), TABLE,
                            sampling=nb.Sampling(oversample=1)).prepare(crystal())
    beam = prepared.scene.beam
    parts = [contribution(prepared)._replace(scene=prepared.scene._replace(beam=beam._replace(
        directions=beam.directions[some].copy(), wavelengths=beam.wavelengths[some].copy())))
        for some in (slice(0, 4), slice(4, None))]
    assert len(in_groups(parts)) == 1
    image, _, whole = target(prepared)
    render(prepared.scene, whole, Modes(threads=2), interpolating=False)
    again, _, where = target(prepared)
    render_sum(parts, where, Modes(threads=2))
    assert same(again, image)


# -- two crystals


def several():
    """Crystals of all shapes, sizes, tables and scales, on one panel."""
    simulator = nb.Simulator(DETECTOR, nb.Beam(polarisation_fraction=0.9), TABLE, sampling=nb.Sampling(oversample=2))
    return [simulator.prepare(c) for c in (
        crystal(), crystal(misset_deg=(50, 1, 2)), crystal(shape="round", n_cells=(4, 5, 6)),
        crystal(shape="gauss", structure_factors=OTHER), crystal(shape="tophat", fudge=0.02, scale=0.25),
        crystal(**SPREAD, scale=0.5), crystal(cell=(30, 31, 32, 90, 90, 90), n_cells=1, structure_factors=50.0))]


def test_sum_of_separate_sums_is_the_double_sum():
    """Crystals with divisors or scales of their own: the strict values are added in double, in their order."""
    parts = several()
    alone = []
    for prepared in (parts[0], parts[4], parts[5]):
        _, doubles, where = target(prepared)
        render(prepared.scene, where, Modes(threads=1, lanes=False), interpolating=prepared.interpolating)
        alone.append(doubles[:, 0].copy())
    expected = (alone[0] + alone[1]) + alone[2]
    chosen = [parts[0], parts[4], parts[5]]
    image, doubles, _ = values(chosen, target(parts[0]), Modes(threads=2, lanes=False))
    assert same(doubles[:, 0].copy(), expected)
    assert same(image.ravel(), expected.astype(np.float32))
    lanes, lane_doubles, _ = values(chosen, target(parts[0]))
    assert same(lanes, image)
    assert (np.abs(lane_doubles[:, 0] - expected) <= lane_doubles[:, 1]).all()


def test_a_shared_sum_is_the_double_sum_within_the_bound():
    parts = several()[:4]
    total, within = 0.0, 0.0
    for prepared in parts:
        _, doubles, where = target(prepared)
        render(prepared.scene, where, Modes(threads=1), interpolating=prepared.interpolating)
        total, within = total + doubles[:, 0], within + doubles[:, 1]
    image, doubles, _ = values(parts, target(parts[0]))
    # both are within their bounds of one exact sum
    assert (np.abs(doubles[:, 0] - total) <= within + doubles[:, 1] + 8.0 * certificate.U * total).all()
    strict, _, outcome = values(parts, target(parts[0]), Modes(threads=2, lanes=False))
    assert same(image, strict) and outcome.lane_pixels == 0 and len(outcome.contributions) == 3


@pytest.mark.parametrize("precision", MODES)
def test_threads_regions_and_masks(precision):
    parts, modes = several(), MODES[precision]
    whole, _, _ = values(parts, target(parts[0]), Modes(*modes, threads=1))
    again, _, _ = values(parts, target(parts[0]), Modes(*modes, threads=3))
    assert same(whole, again)
    part, _, _ = values(parts, target(parts[0], window=(3, 12, 2, 9)), Modes(*modes, threads=2))
    assert same(part[2:10, 3:13].copy(), whole[2:10, 3:13].copy()) and np.count_nonzero(part) == 80
    mask = (np.arange(whole.size).reshape(whole.shape) % 3 != 1).astype(np.uint8)
    masked = np.zeros_like(whole)
    outcome = render_sum([contribution(p) for p in parts], Target(parts[0].window, mask, masked),
                         Modes(*modes, threads=2))
    assert same(masked, np.where(mask != 0, whole, np.float32(0.0))) and outcome.masked == np.count_nonzero(mask == 0)


@pytest.mark.parametrize("more", [[], [{"n_cells": 4}], [{"n_cells": 4}, {"n_cells": 3}], [{"misset_deg": (5, 6, 7)}],
                                  [{"n_cells": 4}, {"shape": "round"}, {"scale": 0.5}]])
def test_interpolation_is_given_up_by_each_crystal_alone(more):
    """Crystals that would be joined are taken apart where their common table runs out; nothing is added twice."""
    simulator = nb.Simulator(nb.Detector(pixels=(40, 30), pixel_mm=1.5, distance_mm=60.0,
                                         beam_centre_mm=(1.0, 1.0)), nb.Beam(), OTHER,
                             sampling=nb.Sampling(oversample=1, interpolation=True))
    crystals = [dict(misset_deg=(0, 0, 0)), dict(misset_deg=(35, 50, 20)), *more]
    parts = [simulator.prepare(crystal(**fields)) for fields in crystals]
    alone = []
    for prepared in parts:
        _, doubles, where = target(prepared)
        outcome = render(prepared.scene, where, Modes(threads=1, lanes=False), interpolating=True)
        alone.append((doubles[:, 0].copy(), outcome.first_out_of_range))
    assert alone[0][1] != alone[1][1] and None not in (alone[0][1], alone[1][1])
    for lanes in (True, False):
        image, doubles, outcome = values(parts, target(parts[0]), Modes(threads=2, lanes=lanes))
        assert sorted(o.first_out_of_range for o in outcome.contributions) == sorted(trip for _, trip in alone)
        expected = sum(values for values, _ in alone)
        assert (np.abs(doubles[:, 0] - expected) <= 1e-9 * expected).all()
        other, _, _ = values(parts, target(parts[0]), Modes(threads=1, lanes=not lanes))
        assert same(image, other)


def test_water_of_joined_crystals():
    """Each brings its own, also where two become one."""
    simulator = nb.Simulator(DETECTOR, nb.Beam(), TABLE, sampling=nb.Sampling(oversample=1))
    parts = [simulator.prepare(crystal(misset_deg=angles, water_size_um=size))
             for angles, size in (((0, 0, 0), 100.0), ((35, 50, 20), 80.0))]
    assert len(merged([contribution(p) for p in parts])) == 1
    image, _, _ = values(parts, target(parts[0]))
    expected = sum(simulator.image(crystal(misset_deg=angles, water_size_um=size)).astype(float)
                   for angles, size in (((0, 0, 0), 100.0), ((35, 50, 20), 80.0)))
    assert (np.abs(image - expected) <= 2e-7 * expected).all()
    dry = simulator.image([crystal(misset_deg=(0, 0, 0)), crystal(misset_deg=(35, 50, 20))])
    assert ((image - dry) > 0.5 * (image - dry).max()).all()


def test_crystals_of_which_one_skips_zeros_are_not_joined():
    """Whether a structure factor of zero is skipped decides what the weights of its step do."""
    simulator = nb.Simulator(DETECTOR, nb.Beam(), TABLE)
    one, two = (contribution(simulator.prepare(crystal(misset_deg=(n, 0, 0)))) for n in (0, 1))
    assert len(merged([one, two])) == 1
    sampling = two.scene.sampling
    other = two._replace(scene=two.scene._replace(sampling=sampling._replace(skip_zero=not sampling.skip_zero)))
    assert len(merged([one, other])) == 2


def test_first_pixels_under_revision_main():
    """What one crystal leaves in its first pixel does not reach another's."""
    simulator = nb.Simulator(DETECTOR, nb.Beam(polarisation_fraction=0.7), TABLE, revision="main",
                             sampling=nb.Sampling(oversample=2))
    parts = [simulator.prepare(crystal(oscillation_deg=1.0, phi_steps=3, shape=shape, scale=scale))
             for shape, scale in (("square", 1.0), ("round", 1.0), ("gauss", 0.5))]
    assert not np.array_equal(parts[0].scene.crystal.phi_rows, parts[0].scene.crystal.first_phi_rows)
    lanes, _, outcome = values(parts, target(parts[0]))
    strict, doubles, _ = values(parts, target(parts[0]), Modes(threads=1, lanes=False))
    assert same(lanes, strict) and outcome.reasons["state of the first pixels"] == 1
    alone = [target(p) for p in parts]
    for prepared, (_, _, where) in zip(parts, alone):
        render(prepared.scene, where, Modes(threads=1, lanes=False), interpolating=False)
    assert abs(doubles[0, 0] - sum(d[0, 0] for _, d, _ in alone)) <= 1e-14 * doubles[0, 0]


# -- the certificate of a sum, attacked


def on_one_panel(names):
    """Random scenes, all put before the panel and the window of the first."""
    prepared = [random_scene(name).prepared for name in names]
    first = prepared[0]
    made = []
    for p in prepared:
        geometry = first.scene.geometry._replace(oversample=p.scene.geometry.oversample)
        geometry = geometry._replace(sub_pixel_size=first.scene.geometry.sub_pixel_size
                                     * first.scene.geometry.oversample / geometry.oversample)
        made.append(Contribution(p.scene._replace(geometry=geometry), p.interpolating))
    return first, made


@compiled
def test_random_sums(seeds=range(0, 240, 3)):
    """Lanes and strict evaluation of sums of three random scenes: doubles within the bound, and the same bits."""
    largest, pixels = 0.0, 0
    for seed in seeds:
        first, parts = on_one_panel([f"7:{seed + n}" for n in range(3)])
        if first.steps * len(parts) * 400 > 4e6:
            continue
        fast_min, fast_max, slow_min, slow_max = first.window
        window = (fast_min, min(fast_max, fast_min + 19), slow_min, min(slow_max, slow_min + 19))
        found = []
        for lanes in (True, False):
            image, doubles, where = target(first, window=window)
            render_sum(parts, where, Modes(threads=2, lanes=lanes))
            found.append((image, doubles))
        (image, doubles), (strict_image, strict) = found
        assert same(image, strict_image), f"7:{seed}"
        # what an evaluator does to a sum, both would do
        expected = 0.0
        for part in parts:
            _, alone, where = target(first, window=window)
            render(part.scene, where, Modes(threads=1, lanes=False), interpolating=part.interpolating)
            expected = expected + alone[:, 0]
        ordinary = np.isfinite(expected) & (np.abs(expected) > 1e-290)
        assert np.allclose(strict[ordinary, 0], expected[ordinary], rtol=1e-9, atol=0.0), f"7:{seed}"
        with np.errstate(all="ignore"):
            distance = np.abs(doubles[:, 0] - strict[:, 0])
            different = (doubles[:, 0] != strict[:, 0]) & ~(np.isnan(doubles[:, 0]) & np.isnan(strict[:, 0]))
            assert (distance[different] <= doubles[different, 1]).all(), f"7:{seed}"
            if different.any():
                largest = max(largest, float((distance[different] / doubles[different, 1]).max()))
        pixels += len(doubles)
    assert pixels > 5000 and 0.01 < largest <= 1.0


def test_a_bound_that_is_too_small_is_seen(monkeypatch):
    """The comparison above can go red."""
    plan = certificate.shared_plan

    def bolder(plans):
        made = plan(plans)
        return made._replace(bound=made.bound._replace(relative=made.bound.relative * 1e-3))

    monkeypatch.setattr(sums, "shared_plan", bolder)
    parts = several()[:4]
    _, doubles, _ = values(parts, target(parts[0]))
    _, strict, _ = values(parts, target(parts[0]), Modes(threads=2, lanes=False))
    assert (np.abs(doubles[:, 0] - strict[:, 0]) > doubles[:, 1]).any()


@pytest.mark.parametrize("first, second, certain", [
    (1.0, 1e-30, True), (1.0, 2.0 ** -24, False), (1e-46, -1e-46, False), (0.0, 0.0, True), (np.inf, 1.0, False),
    (np.nan, 1.0, False), (1.0, -1.0, False)])
def test_certain_sums(first, second, certain):
    """Ties, cancellation to a zero of unknown sign, and what is not finite are never certain."""
    pair = [np.array([[v, abs(v) * 1e-15]]) for v in (first, second)]
    value, half, sure = certificate.sum_of_values(pair)
    assert bool(sure[0]) == certain
    if np.isfinite(first):
        assert value[0] == first + second and half[0] >= (abs(first) + abs(second)) * 1e-15


# -- in Python


def test_lists_of_crystals():
    simulator = nb.Simulator(DETECTOR, nb.Beam(), TABLE, threads=2)
    one, two = crystal(), crystal(misset_deg=(40, 0, 7), scale=0.5)
    assert same(simulator.image([one]), simulator.image(one))
    both, parts = simulator.image([one, two]), [simulator.image(c) for c in (one, two)]
    assert np.abs(both - (parts[0].astype(float) + parts[1])).max() <= 2e-7 * both.max()
    assert same(simulator.image((two, one)), simulator.image([two, one]))
    assert [image.shape for image in simulator.images([one, [one, two]])] == [(17, 21)] * 2
    assert same(nb.simulate([one, two], nb.Beam(), DETECTOR, TABLE), both)
    result = simulator.run([one, two])
    assert len(result.prepared) == 1 and len(result.prepared[0]) == 2 and result.outcome.pixels == both.size


def test_scale_and_structure_factors_of_a_crystal():
    simulator = nb.Simulator(DETECTOR, nb.Beam(), TABLE)
    assert same(simulator.image(crystal(scale=2.0)), simulator.image(crystal()) * np.float32(2.0))
    assert not simulator.image(crystal(scale=0.0)).any()
    other = nb.Simulator(DETECTOR, nb.Beam(), OTHER)
    assert same(simulator.image(crystal(structure_factors=OTHER)), other.image(crystal()))
    assert same(simulator.image(crystal(structure_factors=3.0)),
                nb.Simulator(DETECTOR, nb.Beam(), 3.0).image(crystal()))


@pytest.mark.parametrize("given, message", [
    ([], "crystal: list must be a Crystal object, or a sequence"), (None, "crystal: NoneType must be"),
    ([1], "crystal: must be a Crystal object"), ("crystal", "crystal: must be a Crystal")])
def test_what_is_no_crystal(given, message):
    with pytest.raises(ValueError, match=message):
        nb.Simulator(DETECTOR, nb.Beam(), 1.0).image(given)


@pytest.mark.parametrize("fields, message", [
    (dict(scale=-1.0), "scale: -1.0 must not be negative"), (dict(scale=np.inf), "scale"),
    (dict(structure_factors="P1.hkl"), "structure_factors: str must be"),
    (dict(structure_factors=True), "structure_factors: bool must be")])
def test_bad_fields_of_a_crystal(fields, message):
    with pytest.raises(ValueError, match=message):
        crystal(**fields)


def test_other_precisions_refuse_what_they_cannot_hold():
    simulator = nb.Simulator(DETECTOR, nb.Beam(), 100.0, precision="single")
    with pytest.raises(ValueError, match="'single' is not possible for this scene"):
        simulator.image([crystal(), crystal(structure_factors=1e30)])
