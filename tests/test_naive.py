"""The oracle proves itself: against images of the C program, against true values, against known numbers."""

import hashlib
import json
import math
from pathlib import Path
import random
import struct

import mpmath
import naive
import naive_arguments
import naive_geometry
from naive_random import NaiveStream
import numpy as np
from places import GOLDEN
import pytest

from numbragg.scene.request import Draft

IMAGES = Path(__file__).resolve().parents[2] / "shared" / "golden"
CASES = {case["id"]: case for case in json.loads((GOLDEN / "manifest.json").read_text())["cases"]}
U = 2.0 ** -53

#: Cases of few steps, at least one of every group that has any.
QUICK = """
detector-one-row detsize-not-multiple geom-very-long geom-rot-all-negative geom-distance-negative
interp-off-for-N2-order interp-sparse-negative-amplitude interp-runs-out-first-pixel interp-roi-crosses-edge
interp-runs-out-late-default-F noise-all-above-1e6 noise-bright-triclinic-water size-N1
size-N1000-triclinic size-N2-hkl-auto-interpolate size-clipped-by-beamsize oversample-1
oversample-polar-mosaic oversample-thick-one-subpixel oversample-omega oversample-omega-tophat
oversample-omega-tophat-water oversample-all-three oversample-thick shape-gauss-big-underflow
shape-gauss-water shape-round-N1 shape-gauss-fudge mat-identity-tiny-cell
mat-lambda-scaled hkl-one hkl-trace-default hkl-duplicates-last-wins energy-soft
lambda-0p1-triclinic-N40 parity-001-detpixels-64 parity-016-extreme-tiny out-printout edge-repeated-options
edge-mask-org fdump-other-geometry fdump-whitespace-byte-shifts mask-roi mask-big-endian mask-phi-zero
mask-plain img-header img-overrides-mask-header misset-seed-clobbers-random misset-random-triclinic-hkl
point-pixel conv-xbeam-only conv-denzo-xbeam-ybeam conv-xds-orgx-orgy conv-adxv-xbeam-ybeam
beamsize-negative flux-beats-fluence water-huge div-zero-range div-h-step-only roi-one-pixel roi-outside
cell-impossible-angles cell-two-lengths cell-triclinic-hkl mosaic-one-domain mosaic-seed-zero
phi-starts-at-zero-roi phi-starts-at-zero-oversample-sources phi-ends-at-zero phi-phisteps-zero phi-only
custom-pivot-reset-by-distance custom-twotheta-axis-alone-quirk custom-odet custom-pivot-beam-rot
sensor-tilted source-no-final-newline-missing source-two-columns dispersion-steps-only
""".split()

#: Images of more steps than this are compared on a sample of their pixels.
MANY_STEPS = 400000
SAMPLE = 40


def revisions(name):
    """The revisions that have images of their own."""
    return ("main", "fixed") if "outputs_fixed" in CASES[name] else ("fixed",)


def prepared(name, revision):
    """(settings, keywords) for one case."""
    case = CASES[name]
    return naive_arguments.read_arguments(case["args"], GOLDEN / "inputs", revision, case.get("prior_args"))


def expected_sha256(name, revision):
    """The hash of the C program's float image."""
    case = CASES[name]
    outputs = case["outputs_fixed"] if revision == "fixed" and "outputs_fixed" in case else case["outputs"]
    return next(entry["sha256"] for entry in outputs.values() if entry["role"] == "float")


def sha256(image):
    """The hash of an image's bytes."""
    return hashlib.sha256(image.tobytes()).hexdigest()


def both(names):
    """Parameters (name, revision)."""
    pairs = [(name, revision) for name in names for revision in revisions(name)]
    return [pytest.param(*pair, id="-".join(pair)) for pair in pairs]


@pytest.mark.parametrize("name, revision", both(QUICK))
def test_whole_image_has_the_bytes_of_the_c_program(name, revision):
    p, keywords = prepared(name, revision)
    image = naive.image(p, **keywords)
    assert image.shape == tuple(CASES[name]["shape"])
    assert sha256(image) == expected_sha256(name, revision)


@pytest.mark.parametrize("name", [name for name in CASES if "samples" in CASES[name]])
def test_sampled_pixels_of_large_images(name):
    p, keywords = prepared(name, "fixed")
    samples = CASES[name]["samples"][::8]
    image = naive.image(p, pixels=[(slow, fast) for slow, fast, _ in samples], **keywords)
    for slow, fast, bits in samples:
        assert struct.pack(">f", image[slow, fast]).hex() == bits, (slow, fast)


def remaining():
    """Every case that the two tests above leave out, but for one that needs an earlier run's image."""
    left_out = set(QUICK) | {"img-own-output"}
    return [name for name in CASES if name not in left_out and "samples" not in CASES[name]]


@pytest.mark.slow
@pytest.mark.parametrize("name, revision", both(remaining()))
def test_all_other_images(name, revision):
    p, keywords = prepared(name, revision)
    s = naive.scene(p, **keywords)
    if s.steps * s.pixels_f * s.pixels_s * s.counts["sensor"][0] <= MANY_STEPS:
        assert sha256(naive.image(p, **keywords)) == expected_sha256(name, revision)
        return
    case = CASES[name]
    stored = IMAGES / (case.get("npz_fixed" if revision == "fixed" else "npz") or case["npz"])
    if not stored.exists():
        pytest.skip("the stored images are not beside the project")
    reference = np.load(stored)["image"]
    draw = random.Random(name)
    chosen = [divmod(draw.randrange(1, s.pixels_s * s.pixels_f), s.pixels_f) for _ in range(SAMPLE)]
    # the pixel before each leaves behind the crystal vectors that quirk Q1 needs
    before = [divmod(slow * s.pixels_f + fast - 1, s.pixels_f) for slow, fast in chosen]
    pixels = [at for pair in zip(before, chosen) for at in pair]
    image = naive.image(p, pixels=pixels, **keywords)
    for at in chosen:
        assert image[at].tobytes() == reference[at].tobytes(), at


def test_the_other_revision_gives_another_hash():
    """The comparison can fail: the revisions differ where the manifest says so."""
    for name in ("phi-starts-at-zero-roi", "oversample-omega"):
        p, keywords = prepared(name, "main")
        assert sha256(naive.image(p, **keywords)) != expected_sha256(name, "fixed")


# -- small formulas against true values


def test_interference_against_its_true_value():
    draw = random.Random(1)
    for _ in range(300):
        x, n = draw.uniform(-40.0, 40.0), draw.randint(2, 200)
        true = naive.extended("interference", x, n)
        # x*n is rounded (u*|x*n| in the argument), each sine within one ulp (2u), the quotient within u
        bound = (abs(x * n) + 2.0) * U / abs(math.sin(x)) + 4 * U * abs(true)
        assert abs(naive.interference(x, n) - true) <= bound
    assert naive.interference(0.0, 7.0) == naive.extended("interference", 0.0, 7) == 7


def test_square_factor_has_the_limit_at_whole_indices():
    assert naive.extended("square", 3.0, -2.0, 5.0, (4, 5, 1)) == -20
    assert naive.square_factor(0.0, 0.0, 0.0, (4.0, 5.0, 6.0)) == 120.0
    assert naive.square_factor(0.3, 0.2, 0.4, (1.0, 1.0, 0.0)) == 1.0
    draw = random.Random(2)
    for _ in range(100):
        hkl = [draw.uniform(-9.0, 9.0) for _ in range(3)]
        value, true = naive.square_factor(*hkl, (5.0, 4.0, 3.0)), naive.extended("square", *hkl, (5, 4, 3))
        # pi*h and pi*h*N are off by at most 3u*pi*|h|*N, which the slope N/sin of each quotient enlarges
        slope = max(n * n * 6 * math.pi * abs(x) / math.sin(math.pi * x) ** 2 for x, n in zip(hkl, (5, 4, 3)))
        assert abs(value - true) <= 3 * 60 * U * (slope + 10)


def test_sphere_is_good_where_its_terms_do_not_cancel():
    draw = random.Random(3)
    for _ in range(200):
        x = draw.uniform(0.5, 30.0)
        # two terms of at most 1/x and 1, each within 2u, over x*x
        assert abs(naive.sphere(x) - naive.extended("sphere", x)) <= 3 * 8 * U / (x * x)
    assert naive.sphere(0.0) == naive.extended("sphere", 0.0) == 1
    assert abs(naive.extended("sphere", 1e-20) - 1) < 1e-39
    assert naive.sphere(1e-9) == 0.0  # the C program's value, far from the truth


def test_gauss_and_tophat():
    assert naive.gauss_factor(0.0, (2.0, 3.0, 4.0), 1.0) == 24.0
    true = naive.extended("gauss", 0.5, (2, 3, 4), 1.25)
    assert abs(naive.gauss_factor(0.5, (2.0, 3.0, 4.0), 1.25) - true) <= 6 * U * true
    for r2, inside in ((0.39, True), (0.3969, False), (0.4, False)):
        assert naive.tophat_factor(r2, (2.0, 3.0, 4.0), 1.0) == 24.0 * inside
        assert naive.extended("tophat", r2, (2, 3, 4), 1.0) == 24 * inside
    stars = ((0.01, 0.0, 0.0), (0.001, 0.02, 0.0), (0.0, 0.003, 0.015))
    true = naive.extended("squared_distance", 0.1, -0.2, 0.3, (5, 6, 7), *stars)
    assert abs(naive.squared_distance(0.1, -0.2, 0.3, (5.0, 6.0, 7.0), *stars) - true) <= 20 * U * true
    r = naive.round_factor(0.1, 0.2, -0.3, (5.0, 4.0, 3.0), 0.9)
    assert abs(r - naive.extended("round", 0.1, 0.2, -0.3, (5, 4, 3), 0.9)) <= 60 * 30 * U


def test_polarisation_against_its_true_value():
    draw = random.Random(4)
    for _ in range(200):
        vectors = [[draw.uniform(-1.0, 1.0) for _ in range(3)] for _ in range(3)]
        fraction = draw.choice((0.0, 0.5, -1.0, 1.0))
        value, incident, diffracted, axis = naive.polarisation_factor(fraction, *vectors)
        sin_axis = naive.magnitude(naive.cross(axis, incident))
        sin_two_theta = naive.magnitude(naive.cross(diffracted, incident))
        # unit vectors to 3u; the angle psi to that over the two sines
        bound = 40 * U * (1.0 + 1.0 / (sin_axis * sin_two_theta))
        assert abs(value - naive.extended("polarisation", fraction, *vectors)) <= bound
    assert naive.polarisation_factor(0.0, (1.0, 0.0, 0.0), (1.0, 0.0, 0.0), (0.0, 0.0, 1.0))[0] == 1.0
    for fraction, expected in ((1.0, 0.0), (-1.0, 1.0)):
        along = naive.polarisation_factor(fraction, (1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.0, 0.0, 1.0))[0]
        assert along == expected  # nothing is scattered along the electric field


def test_polynomial_and_tricubic_are_exact_for_cubics():
    def cubic(x):
        return x ** 3 - 2.0 * x * x + 3.0
    nodes = (4.0, 5.0, 6.0, 7.0)
    for x in (5.0, 5.25, 5.5, 5.75):
        assert abs(naive.polynomial(x, nodes, [cubic(n) for n in nodes]) - cubic(x)) <= 8 * U * 300
        assert naive.polynomial(x, nodes, [2.0] * 4) == 2.0
    low = (-3, -4, -5)
    table = np.fromfunction(lambda i, j, m: (i - 3) + 10 * (j - 4) + 100 * (m - 5) ** 2, (9, 9, 9))
    # three nested cubics of about eight roundings, of values to 2500
    assert abs(naive.interpolated_f(0.5, -1.25, 0.75, table, low) - (0.5 - 12.5 + 56.25)) <= 3 * 16 * U * 2500
    assert naive.interpolable(0.0, 0.0, 0.0, low, (4, 3, 2))
    assert not naive.interpolable(2.01, 0.0, 0.0, low, (4, 3, 2))
    assert naive.interpolable(-1.0, 0.0, 0.0, low, (4, 3, 2))
    assert not naive.interpolable(-1.01, 0.0, 0.0, low, (4, 3, 2))


def test_nearest_and_lookup():
    assert [naive.nearest(x) for x in (0.5, -0.5, 1.5, 2.51, -2.5, math.nan, 1e30)] == [
        0, -1, 1, 3, -3, -2147483648, -2147483648]
    table = np.arange(27.0).reshape(3, 3, 3)
    assert naive.nearest_f(-1, 4, 1, table, (-1, 3, 0), (0, 4, 1), 5.0) == 4.0
    assert naive.nearest_f(1, 4, 1, table, (-1, 3, 0), (0, 4, 1), 5.0) == 5.0
    assert naive.nearest_f(0, 0, 0, None, None, None, 5.0) == 5.0


def test_rotations():
    v, axis = (0.3, -0.4, 0.5), naive.unitize((1.0, 2.0, -2.0))[0]
    turned = naive.rotate_axis(v, axis, 0.7)
    assert abs(naive.dot(turned, axis) - naive.dot(v, axis)) <= 8 * U
    assert abs(naive.magnitude(turned) - naive.magnitude(v)) <= 8 * U
    assert naive.rotate(v, 0.0, 0.0, 0.0) == v
    for i, angles in enumerate(((0.7, 0.0, 0.0), (0.0, 0.7, 0.0), (0.0, 0.0, 0.7))):
        unit = tuple(float(i == j) for j in range(3))
        assert naive.rotate(v, *angles) == pytest.approx(naive.rotate_axis(v, unit, 0.7), rel=0, abs=4 * U)
    matrix = NaiveStream(5).rotation(1.0)
    angles = naive_arguments.matrix_angles(matrix)
    assert naive.rotate(v, *angles) == pytest.approx(naive.rotate_umat(v, sum(matrix, [])), rel=0, abs=20 * U)


# -- known numbers


@pytest.mark.parametrize("cell, angles, printed", [
    # quirk Q30: a triclinic cell does not come back; a monoclinic and a hexagonal one do
    ((40, 50, 60), (80, 95, 100), (79.9796, 95.0104, 100.003)),
    ((40, 55, 62), (90, 107.3, 90), (90, 107.3, 90)), ((60, 60, 90), (90, 90, 120), (90, 90, 120))])
def test_oriented_cell(cell, angles, printed):
    reciprocal = naive.reciprocal_cell(cell, [math.radians(x) for x in angles])
    crystal = naive.orient(reciprocal, misset_angles=(0.1, 0.2, 0.3))
    vectors = [crystal[name] for name in "abc"]
    for v, length in zip(vectors, cell):
        assert naive.magnitude(v) == pytest.approx(length * 1e-10, rel=8 * U)
    for i, angle in enumerate(printed):
        x, y = vectors[i - 2], vectors[i - 1]
        cosine = naive.dot(x, y) / naive.magnitude(x) / naive.magnitude(y)
        assert float(f"{math.degrees(math.acos(cosine)):.6g}") == angle


def test_matrix_and_u_matrix():
    matrix = (0.01, 0.0, 0.0, 0.0, 0.02, 0.0, 0.0, 0.0, 0.04)
    crystal = naive.orient(None, matrix, 1e-10)
    lengths = [naive.magnitude(crystal[name]) for name in "abc"]
    assert lengths == pytest.approx([100e-10, 50e-10, 25e-10], rel=8 * U)
    turn = sum(NaiveStream(5).rotation(1.0), [])
    turned = naive.orient(None, matrix, 1e-10, None, turn)
    assert turned["c"] == pytest.approx(naive.rotate_umat(crystal["c"], turn), rel=0, abs=1e-8 * 20 * U)


def test_distance_with_twotheta_and_default_centres():
    p = naive_arguments.defaults()
    p.distance, p.twotheta, p.convention = 0.06, math.radians(10), "mosflm"
    assert float(f"{naive.detector(p)['distance'] * 1000:.6g}") == 59.0885  # quirk Q25
    p = naive_arguments.defaults()
    p.pixels_f, p.pixels_s = 100, 80
    for convention, extra in (("mosflm", 1.0), ("adxv", 0.5), ("denzo", 0.5), ("xds", 0.0), ("dials", 0.0),
                              ("custom", 0.0)):
        p.convention = convention
        d = naive.detector(p)
        assert d["Fbeam"] == pytest.approx((50 + extra) * 1e-4, rel=16 * U)
        assert d["Sbeam"] == pytest.approx((40 + extra) * 1e-4, rel=16 * U)


@pytest.mark.parametrize("asked, result", [
    ((-1, -1.0, -1.0), (1, 0.0, 0.0)), ((-1, -1.0, 0.5), (2, 0.5, 0.5)), ((-1, 1.0, 0.0), (2, 1.0, 0.5)),
    ((-1, 1.0, 0.3), (4, 1.0, 0.3)), ((-1, 0.0, 0.3), (0, 0.0, 0.3)), ((0, 1.0, -1.0), (1, 1.0, 1.0)),
    ((4, -1.0, -1.0), (4, 1.0 / naive.RTD, 1.0 / naive.RTD / 4)), ((4, -1.0, 0.5), (2, 0.5, 0.5)),
    ((4, 1.0, -1.0), (4, 1.0, 0.25)), ((4, 1.0, 0.0), (4, 1.0, 0.0))])
def test_phi_counts(asked, result):
    assert naive.phi_counts(*asked) == result


@pytest.mark.parametrize("asked, result", [
    ((-1, -1.0, -1.0), (1, 0.0, 0.0)), ((-1, -1.0, 0.5), (2, 0.5, 0.5)), ((-1, 1.0, -1.0), (2, 1.0, 1.0)),
    ((-1, 1.0, 0.3), (4, 1.0, 0.3)), ((3, -1.0, -1.0), (3, 1.0, 1.0 / 3)), ((3, -1.0, 0.5), (2, 0.5, 0.5)),
    ((3, 1.0, -1.0), (3, 1.0, 0.5)), ((1, 1.0, -1.0), (2, 1.0, 1.0)), ((3, 1.0, 0.1), (3, 1.0, 0.1)),
    ((3, 0.0, 0.1), (1, 0.0, 0.0)), ((-1, 0.0, -1.0), (1, 0.0, 0.0))])
def test_range_counts(asked, result):
    assert naive.sane(*naive.range_counts(*asked)) == result


def test_sensor_and_mosaic_counts():
    assert naive.sensor_counts(-1, -1.0) == (1, 0.0, 0.0)
    assert naive.sensor_counts(-1, 4e-4) == (2, 4e-4, 2e-4)
    assert naive.sensor_counts(4, -1.0) == (4, 0.5e-6, 0.5e-6 / 4)
    assert naive.sensor_counts(1, 4e-4) == (2, 4e-4, 4e-4)
    assert naive.attenuation(-1.0, 4e-4) == 1.0 / 4e-4 and naive.attenuation(5.0, 4e-4) == 5.0
    for asked, result in (((-1, -1.0), (1, 0.0)), ((-1, 0.0), (1, 0.0)), ((-1, 0.1), (10, 0.1)),
                          ((5, -1.0), (1, 0.0)), ((5, 0.0), (1, 0.0)), ((5, 0.1), (5, 0.1))):
        assert naive.mosaic_counts(*asked) == result


def test_capture_fractions_add_up():
    total = sum(naive.capture_fraction(t, 1e-4, 3000.0, 0.8) for t in range(5))
    assert abs(total - (1 - mpmath.exp(-5 * mpmath.mpf(1e-4) * 3000 / mpmath.mpf(0.8)))) <= 40 * U


def test_arithmetic_goes_on_as_the_processor_does():
    assert struct.pack("<f", np.float32(naive.quotient(0.0, 0.0))).hex() == "0000c0ff"
    assert naive.quotient(1.0, -0.0) == -math.inf and naive.quotient(-1.0, 4.0) == -0.25
    assert naive.exponential(1000.0) == math.inf and math.isnan(naive.root(-1.0))
    assert naive.wrapped(2 ** 31) == -2 ** 31 and naive_geometry.wrapped(-5) == -5


#: Settings of ours that its command line cannot make.
NOT_THE_C_PROGRAMS = ("spectrum", "spectrum_notes", "beam_notes", "crystal_notes", "detector_notes", "matrix_cell",
                      "sensor_material", "spot_metric", "mosaicity", "mosaic_spreads", "mosaic_low_discrepancy",
                      "mosaic_rotations")


def test_settings_are_those_of_the_program():
    """The oracle reads the program's own record of settings: same names, same start values."""
    ours = naive_arguments.defaults()
    theirs = Draft()
    assert sorted([*vars(ours), *NOT_THE_C_PROGRAMS]) == sorted(theirs.__slots__)
    for name, value in vars(ours).items():
        other = getattr(theirs, name)
        value = tuple(value) if isinstance(value, list) else value
        assert value == other or (math.isnan(value) and math.isnan(other)), name
    theirs.cell_given, theirs.cell_lengths, theirs.pixels_f, theirs.pixels_s = True, [50.0, 60.0, 70.0], 3, 2
    assert naive.image(theirs, default_f=10.0).shape == (2, 3)


def test_arguments_that_fire_twice():
    read = naive_arguments.read_arguments
    p = read(["-misset", "random", "-misset_seed", "10", "20", "30"])[0]
    assert (p.misset, p.misset_seed, p.misset_angles[0]) == ("angles", 10, 10.0 / naive.RTD)
    p = read(["-twotheta_axis", "3", "1", "0"])[0]
    assert (p.twotheta, p.convention, p.pivot) == (3.0 / naive.RTD, "custom", "sample")
