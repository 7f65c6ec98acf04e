"""Where the detector is: six conventions with settings at random, every field against the oracle."""

import math
import random

from formula_tools import CONVENTIONS, U, bits, draw_detector
from hypothesis import given, settings
from hypothesis import strategies as st
import naive
import naive_geometry
import pytest

from numbragg.scene.placement import CONVENTIONS as FRAMES
from numbragg.scene.placement import detector_size, place_detector
from numbragg.scene.request import Draft

QUIET = settings(derandomize=True, deadline=None, max_examples=100)

#: Names of the placement's fields, and of the oracle's.
NAMES = {"beam": "beam", "fast": "f", "slow": "s", "normal": "o", "origin": "pix0",
         "polarisation": "polarisation", "spindle": "spindle", "vertical": "vertical",
         "twotheta_axis": "twotheta_axis", "beam_x": "Xbeam", "beam_y": "Ybeam",
         "fast_beam": "Fbeam", "slow_beam": "Sbeam", "fast_close": "Fclose", "slow_close": "Sclose",
         "distance": "distance", "close_distance": "close_distance", "origin_x": "ORGX", "origin_y": "ORGY",
         "dials_origin": "dials_origin"}
#: Those that the oracle has elsewhere.
OTHERS = ("fpixels", "spixels", "detsize_f", "detsize_s", "pixel_size", "pivot", "convention",
          "normal_generated")

UNSET = math.nan
LENGTHS = st.one_of(st.just(UNSET), st.floats(-0.5, 0.5), st.just(0.0))
ANGLES = st.one_of(st.just(0.0), st.floats(-7.0, 7.0), st.sampled_from((math.pi, math.pi / 2, -0.0)))
COMPONENTS = st.one_of(st.floats(-2.0, 2.0), st.sampled_from((0.0, -0.0, 1.0)))
VECTORS = st.tuples(COMPONENTS, COMPONENTS, COMPONENTS)
SETTINGS = st.fixed_dictionaries({
    "convention": st.sampled_from(CONVENTIONS), "pivot": st.sampled_from(("beam", "sample")),
    "pixel_size": st.floats(1e-6, 1e-2), "pixels_f": st.sampled_from((0, 1, 7, 1024)),
    "pixels_s": st.sampled_from((0, 1, 8, 999)), "detector_size_f": st.floats(0.01, 0.5),
    "detector_size_s": st.floats(0.01, 0.5),
    "distance": st.one_of(st.floats(-1.0, 1.0), st.just(0.1)), "close_distance": LENGTHS,
    "beam_x": LENGTHS, "beam_y": LENGTHS, "close_x": LENGTHS, "close_y": LENGTHS,
    "origin_x": st.one_of(st.just(UNSET), st.floats(-3000.0, 3000.0)),
    "origin_y": st.one_of(st.just(UNSET), st.floats(-3000.0, 3000.0)),
    "rotation_x": ANGLES, "rotation_y": ANGLES, "rotation_z": ANGLES, "twotheta": ANGLES})
AXES = st.fixed_dictionaries({name: VECTORS for name in (
    "beam_vector", "fast_axis", "slow_axis", "normal", "polarisation_axis", "spindle_axis", "twotheta_axis")})


def assert_same(p):
    """Every field of the placement has the oracle's bits, or it is refused for want of a direction."""
    expected = naive.detector(p)
    if any(expected[name] == (0.0, 0.0, 0.0) for name in ("beam", "f", "s", "spindle")) or \
            naive.normalised(naive.beam_centre(p))["o"] == (0.0, 0.0, 0.0):
        with pytest.raises(ValueError, match="direction"):
            place_detector(p.freeze())
        return None
    found = place_detector(p.freeze())
    assert {name: bits(getattr(found, name)) for name in NAMES} == {
        name: bits(expected[theirs]) for name, theirs in NAMES.items()}
    pixels_f, pixels_s, size_f, size_s = naive.detector_size(p)
    assert (found.fpixels, found.spixels) == (pixels_f, pixels_s)
    assert bits((found.detsize_f, found.detsize_s, found.pixel_size)) == bits((size_f, size_s, p.pixel_size))
    assert found.pivot == expected["pivot"] and found.convention == p.convention
    given_normal = tuple(float(v) for v in naive.beam_centre(p)["o"])
    assert found.normal_generated is (naive.magnitude(given_normal) != 1.0)
    return found


def test_fields_are_all_compared():
    assert sorted((*NAMES, *OTHERS)) == sorted(place_detector(Draft().freeze()).__slots__)


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_defaults(convention):
    assert_same(Draft(convention=convention))
    assert_same(Draft(convention=convention, pixels_f=100, pixels_s=80, pivot="sample"))


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_settings_at_random(convention):
    r = random.Random(convention)
    for _ in range(200):
        p = Draft()
        draw_detector(p, r)
        p.convention = convention
        assert_same(p)


@QUIET
@given(SETTINGS)
def test_any_settings(chosen):
    assert_same(Draft(**chosen))


@QUIET
@given(SETTINGS, AXES)
def test_any_axes(chosen, axes):
    assert_same(Draft(**(chosen | axes | {"convention": "custom"})))


@pytest.mark.parametrize("name", ("beam_vector", "fast_axis", "slow_axis", "spindle_axis"))
def test_refuses_a_vector_without_direction(name):
    with pytest.raises(ValueError, match="must not be zero"):
        place_detector(Draft(convention="custom", **{name: (0.0, 0.0, 0.0)}).freeze())
    # in another convention the vector is not used
    assert_same(Draft(convention="xds", **{name: (0.0, 0.0, 0.0)}))


def test_refuses_a_detector_without_area():
    parallel = {"fast_axis": (0.0, 0.0, 1.0), "slow_axis": (0.0, 0.0, 3.0), "normal": (0.0, 0.0, 0.0)}
    with pytest.raises(ValueError, match="parallel"):
        place_detector(Draft(convention="custom", **parallel).freeze())


def test_normal_is_replaced_unless_exactly_one_long():
    """A length one ulp from one is enough to replace the normal by fast x slow."""
    almost = math.nextafter(1.0, 2.0)
    for normal, generated in (((1.0, 0.0, 0.0), False), ((almost, 0.0, 0.0), True), ((0.0, 0.6, 0.8), False),
                              ((2.0, 0.0, 0.0), True), ((0.0, 0.0, 0.0), True)):
        found = assert_same(Draft(convention="custom", normal=normal))
        assert found.normal_generated is generated


def test_detector_edge_on():
    """The beam in the plane of the detector: the C program divides by the smallest normal number."""
    for pivot in ("beam", "sample"):
        for normal in ((0.0, 1.0, 0.0), (0.0, 0.0, -1.0)):
            assert_same(Draft(convention="custom", pivot=pivot, normal=normal))
            assert_same(Draft(convention="custom", pivot=pivot, normal=normal, close_distance=0.1))


@pytest.mark.parametrize("name", CONVENTIONS[:-1])
def test_frame_of_a_convention(name):
    frame = FRAMES[name]
    assert tuple(getattr(frame, field) for field in frame.__slots__) == naive_geometry.CONVENTIONS[name]


@pytest.mark.parametrize("pixels", range(1, 200, 7))
def test_number_of_pixels_from_a_size(pixels):
    """The size of n pixels and its neighbours; halves go down."""
    p = Draft()
    for size in (pixels * 1e-4, math.nextafter(pixels * 1e-4, 0), math.nextafter(pixels * 1e-4, 1),
                 (pixels + 0.5) * 1e-4, (pixels + 0.49) * 1e-4, (pixels + 0.51) * 1e-4):
        p.detector_size_f = p.detector_size_s = size
        fast, slow, size_f, size_s = naive.detector_size(p)
        assert detector_size(p.freeze().detector) == (size_f, size_s, fast, slow)


def test_beam_stays_on_its_spot_in_beam_pivot():
    """Whatever the rotations, the beam hits the detector where the beam centre says."""
    r = random.Random(5)
    for _ in range(50):
        p = Draft(convention="mosflm", beam_x=r.uniform(0.02, 0.08), beam_y=r.uniform(0.02, 0.08),
                       rotation_x=r.uniform(-0.3, 0.3), rotation_y=r.uniform(-0.3, 0.3),
                       rotation_z=r.uniform(-0.3, 0.3))
        d = place_detector(p.freeze())
        # three rotations move an axis by 5u each, so a product of two axes is off by 30u; four of them enter,
        # times at most 0.1 m; and ten roundings of at most 0.2 m
        bound = (4 * 30 * 0.1 + 10 * 0.2) * U
        assert abs(d.fast_beam - (p.beam_y + 0.5 * p.pixel_size)) <= bound
        assert abs(d.slow_beam - (p.beam_x + 0.5 * p.pixel_size)) <= bound
