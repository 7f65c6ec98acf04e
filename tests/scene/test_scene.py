"""From settings to a scene: what `prepare` puts into every field, against the oracle; what it refuses."""

import math
import random

from formula_tools import (
    bits,
    draw_factors,
    draw_parameters,
    factors_for_oracle,
    oracle_scene,
    prepared_example,
    prepared_scene,
    vars_of,
)
from hypothesis import given, settings
from hypothesis import strategies as st
import naive
import naive_arguments
import numpy as np
import pytest

from numbragg.configs.structure_factors import StructureFactors
from numbragg.kernels.physics import records
from numbragg.scene.notes import scene_notes
from numbragg.scene.pixels import clipped
from numbragg.scene.request import Draft

QUIET = settings(derandomize=True, deadline=None, max_examples=200)
SEEDS = range(1000, 1200)


def assert_same_geometry(prepared, s):
    """Detector and sensor."""
    g, d = prepared.scene.geometry, s.d
    assert bits((g.fast_axis, g.slow_axis, g.normal, g.origin, g.beam)) == bits(
        (d["f"], d["s"], d["o"], d["pix0"], d["beam"]))
    assert bits((g.distance, g.close_distance, g.pixel_area, g.sub_pixel_size)) == bits(
        (d["distance"], d["close_distance"], s.p.pixel_size * s.p.pixel_size, s.subpixel))
    assert (g.oversample, g.curved, g.point_pixel) == (s.oversample, s.p.curved, s.p.point_pixel)
    assert bits((g.layers, g.thickness, g.layer_step, g.attenuation)) == bits(
        (*s.counts["sensor"], s.counts["attenuation"]))
    assert prepared.shape == (s.pixels_s, s.pixels_f)


def assert_same_beam(prepared, s):
    """Sources, resolution limit, polarisation."""
    b = prepared.scene.beam
    assert bits(b.directions) == bits([direction for direction, _ in s.sources])
    assert bits(b.wavelengths) == bits([wavelength for _, wavelength in s.sources])
    assert prepared.sources == len(s.sources)
    assert bits((b.d_min, b.polarisation_fraction)) == bits((s.p.d_min, s.p.polarisation_fraction))
    assert b.unpolarised_factor is s.p.unpolarised_factor
    axis = s.d["polarisation"]
    for row in (0, 1, 2):
        at = 0
        for _ in range(row):
            at = b.next_axis[at]
        assert bits(b.polarisation_axes[at]) == bits(axis)
        axis = naive.unitize(axis)[0]


def assert_same_crystal(prepared, s):
    """Size, shape and every orientation."""
    c, counts = prepared.scene.crystal, s.counts
    assert bits(c.n_cells) == bits(s.n_cells) and bits(prepared.n_cells) == bits(s.n_cells)
    assert list(records.SHAPES)[c.shape] == s.p.shape and c.fudge == s.p.fudge
    assert bits(c.reciprocal) == bits([x for star in s.stars for x in star])
    phi_steps, _, phi_step = counts["phi"]
    unrotated = [s.crystal[name] for name in "abc"]
    for n in range(phi_steps):
        phi = s.p.phi_start + phi_step * n
        turned = [naive.rotate_axis(v, s.d["spindle"], phi) for v in unrotated] if phi != 0.0 else unrotated
        if phi != 0.0 or s.p.revision == "fixed":
            assert bits(c.phi_cells[c.phi_rows[n]]) == bits(sum(map(tuple, turned), ()))
            assert c.first_phi_rows[n] == c.phi_rows[n]
    domains, spread = counts["mosaic"]
    assert c.domains == domains
    if spread > 0.0:
        assert bits(c.mosaic) == bits(s.umats)
        for n, row in enumerate(c.phi_cells):
            expected = [[x for i in (0, 3, 6) for x in naive.rotate_umat(row[i:i + 3].tolist(), u)]
                        for u in s.umats]
            assert bits(c.cells[n]) == bits(expected)
    else:
        assert c.mosaic.size == c.cells.size == 0


def assert_same_sums(prepared, s):
    """Background, scale and flags."""
    x = prepared.scene.sampling
    assert bits((x.background, x.scale)) == bits((s.background, naive.R_E_SQR * s.fluence))
    assert x.steps == s.steps == prepared.steps // s.counts["sensor"][0]
    assert (x.oversample_thick, x.oversample_polar, x.oversample_omega) == (
        s.p.oversample_thick, s.p.oversample_polar, s.p.oversample_omega)
    assert x.running_product is (s.p.revision == "main") and x.skip_zero is (s.p.water_size == 0.0)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_field_of_a_scene(seed):
    p, factors = draw_parameters(seed), draw_factors(seed)
    prepared, s = prepared_scene(p, factors), oracle_scene(p, factors)
    assert_same_geometry(prepared, s)
    assert_same_beam(prepared, s)
    assert_same_crystal(prepared, s)
    assert_same_sums(prepared, s)
    assert prepared.interpolating is s.interpolate
    assert bits(prepared.fluence) == bits(s.fluence)
    lookup = prepared.scene.lookup
    assert (lookup.filled, lookup.default) == (s.table is not None, s.default_f)
    if lookup.filled:
        assert lookup.table.tolist() == s.table
        assert (lookup.minimum, lookup.maximum) == (s.hkl_min, s.hkl_max)
    edges = [magnitude * 1.0 for magnitude in map(naive.magnitude, (s.crystal[name] for name in "abc"))]
    assert bits(prepared.crystal_size) == bits([n * edge for n, edge in zip(s.n_cells, edges)])
    assert prepared.recommended_oversample == naive.oversample_advice(
        max(edge * n for edge, n in zip(edges, s.n_cells)), p.wavelength, s.d["distance"], p.pixel_size)


def test_all_scenes_have_one_type():
    """Kernels are compiled once: neither values nor settings change the type of a record's field."""
    def types(value):
        if isinstance(value, np.ndarray):
            return value.dtype, value.ndim, value.flags.c_contiguous, value.flags.writeable
        if isinstance(value, tuple):
            return type(value), tuple(map(types, value))
        return type(value)

    kinds = {types(prepared_scene(draw_parameters(seed), draw_factors(seed)).scene) for seed in SEEDS}
    assert len(kinds) == 1


# -- region of interest and mask


@QUIET
@given(st.tuples(*[st.integers(-3, 12)] * 4), st.integers(1, 8), st.integers(1, 8))
def test_window(roi, pixels_f, pixels_s):
    """The pixels inside are those that the oracle does not skip."""
    s = naive.scene(Draft(roi=list(roi), pixels_f=pixels_f, pixels_s=pixels_s, cell_given=True,
                               cell_lengths=[50.0] * 3, oversample=1))
    fast_min, fast_max, slow_min, slow_max = clipped(roi, (pixels_s, pixels_f))
    for slow in range(pixels_s):
        for fast in range(pixels_f):
            inside = fast_min <= fast <= fast_max and slow_min <= slow <= slow_max
            assert inside is not naive.skipped(s, slow, fast)
    assert 0 <= fast_min and fast_max < pixels_f and 0 <= slow_min and slow_max < pixels_s


@pytest.mark.parametrize("kind", (np.uint16, np.bool_, np.float64, np.int64))
def test_mask_of_any_type(kind):
    values = np.arange(20).reshape(4, 5) % 3
    prepared = prepared_example(mask=values.astype(kind))
    assert prepared.mask.dtype == np.uint8
    assert prepared.mask.tolist() == (values.astype(kind) != 0).tolist()
    assert prepared_example(mask=np.asfortranarray(values)).mask.flags.c_contiguous
    assert prepared_example(mask=values.tolist()).mask.tolist() == (values != 0).tolist()


# -- random orientations: misset first, then mosaic, on one table


@pytest.mark.parametrize("seed", (0, 1, -1, 54321, -54321, 2 ** 40))
@pytest.mark.parametrize("mosaic_seed", (12345678, 0, -5))
def test_random_orientations(seed, mosaic_seed):
    p = Draft(cell_given=True, cell_lengths=[40.0, 50.0, 60.0], pixels_f=3, pixels_s=3, oversample=1,
                   misset="random", misset_seed=seed, mosaic_spread=0.02, mosaic_domains=4,
                   mosaic_seed=mosaic_seed)
    matrices, angles = naive_arguments.orientations(p)
    prepared = prepared_scene(p)
    assert bits(prepared.orientation.misset) == bits(angles)
    assert bits(prepared.scene.crystal.mosaic) == bits([np.ravel(u) for u in matrices])
    assert bits(prepared.scene.crystal.mosaic[0]) == bits(naive.IDENTITY)


def test_interpolation_by_default():
    """On for two cells or fewer as asked for, whatever the sample's size makes of them; off without table."""
    table = StructureFactors.from_array(np.ones((9, 9, 9)), (-4, -4, -4))
    for n_cells, interpolation, factors, expected in (
            ([3.0, 3.0, 3.0], None, table, False), ([3.0, 2.0, 3.0], None, table, True),
            ([0.0, 5.0, 5.0], None, table, True), ([3.0, 2.0, 3.0], False, table, False),
            ([9.0, 9.0, 9.0], True, table, True),
            ([1.0, 1.0, 1.0], True, StructureFactors.constant(5.0), False)):
        p = Draft(cell_given=True, cell_lengths=[50.0] * 3, pixels_f=3, pixels_s=3, oversample=1,
                       n_cells=n_cells, interpolation=interpolation, sample_size=[1e-6] * 3, beam_size=-1.0)
        assert prepared_scene(p, factors).interpolating is expected
        assert naive.scene(p, **factors_for_oracle(factors)).interpolate is expected


# -- what is refused


REFUSED = {
    "no crystal": ({"cell_given": False}, "no crystal"),
    "no wavelength": ({"wavelength": 0.0}, "wavelength"),
    "wavelength not a number": ({"wavelength": math.nan}, "wavelength"),
    "no pixel size": ({"pixel_size": 0.0}, "pixel size"),
    "no pixels": ({"pixels_f": 0, "detector_size_f": 0.0}, "at least 1 each way"),
    "too many pixels": ({"pixels_f": 65536, "pixels_s": 65536}, "less than 2"),
    "no phi steps": ({"oscillation": 0.0, "phi_step": 0.1}, "nothing to sum"),
    "too many steps": ({"oversample": 50000}, "below 2"),
    "mask of another size": ({"mask": np.ones((5, 4))}, "mask: 4 x 5 pixels, but the detector has 5 x 4"),
    "mask of one dimension": ({"mask": np.ones(20)}, "mask"),
    "impossible cell": ({"cell_angles": [math.pi / 2, math.pi / 2, math.pi]}, "impossible cell"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refuses(name):
    changes, message = REFUSED[name]
    with pytest.raises(ValueError, match=message) as caught:
        prepared_example(**changes)
    assert "\n" not in str(caught.value)


def test_largest_number_of_steps():
    """2**31 - 1 is the last that is accepted; nothing is as large as the steps."""
    assert prepared_example(oversample=46340).steps == 46340 ** 2
    with pytest.raises(ValueError, match="below 2"):
        prepared_example(oversample=46341)


def test_settings_are_left_alone():
    """Preparing twice gives the same scene, and the settings are as they were."""
    r = random.Random(1)
    for seed in r.sample(SEEDS, 20):
        p, factors = draw_parameters(seed), draw_factors(seed)
        before = {name: repr(getattr(p, name)) for name in vars_of(p)}
        first, second = prepared_scene(p, factors), prepared_scene(p, factors)
        assert {name: repr(getattr(p, name)) for name in vars_of(p)} == before
        for one, other in zip(first.scene, second.scene):
            assert bits([np.ravel(np.asarray(v, dtype=float)) for v in one]) == bits(
                [np.ravel(np.asarray(v, dtype=float)) for v in other])


def test_warns_of_a_factor_that_captures_nothing():
    def said(**settings):
        return [note for note in scene_notes(((prepared_example(**settings),),)) if "nothing is captured" in note]

    assert said(oversample_thick=True) and not said(oversample_thick=True, sensor_thickness=1e-4)
