"""The certificate: bounds that hold and are tight, worst cases by hand, and what must never be certified.

docs/accuracy/certificate.md derives the bounds; here they are attacked.  `selftest.compare` renders
a scene with both evaluators and compares the values before rounding.
"""

import math
import random
import shutil
import subprocess
import sys

import forks
from formula_tools import INTERPRETED, U, alter
import numpy as np
from places import ROOT
import pytest
import render_tools

import numbragg as nb
from numbragg.kernels.evaluate import certificate, strict
from numbragg.kernels.physics import lattice
from numbragg.kernels.physics.records import SHAPES, Lookup
from numbragg.kernels.physics.shapes.gauss import GAUSS_WIDTH
from numbragg.scene.prepare import prepare
from numbragg.scene.request import Draft
from numbragg.selftest.rounds import compare

#: Pixels in doubt per relative half-width: 2 sides x 2**23 spacings x the mean of a logarithmic mantissa.
DOUBTFUL_PER_WIDTH = 2.0 ** 24 / math.log(2.0)

#: Terms without a rounding, or with the same one in both evaluators, may agree to the last bit.
MAY_AGREE = {"tophat", "one cell"}

slow_if_interpreted = pytest.mark.skipif(INTERPRETED, reason="millions of steps are for compiled kernels")


@pytest.mark.parametrize("extreme", [0.0, -0.0, 5e-324, -3.5, 1e300, -1e300, math.inf, -math.inf, math.nan, -math.nan])
@pytest.mark.parametrize("default", [0.0, -2.0, 7.0, math.nan])
def test_largest_amplitude(extreme, default):
    """The largest magnitude of table and default, or NaN if one is."""
    numbers = np.array([[[0.5, -1.25], [extreme, 1.0]]])
    lookup = Lookup(table=numbers, minimum=(0, 0, 0), maximum=(0, 0, 0), filled=True, default=default)
    for filled, wanted in ((True, [*numbers.ravel().tolist(), default]), (False, [default])):
        found = certificate.largest_f(lookup._replace(filled=filled))
        if any(map(math.isnan, wanted)):
            assert math.isnan(found)
        else:
            assert found == max(map(abs, wanted))


def table(r, size, low=1.0, high=100.0):
    """Amplitudes of all indices from -size to size, some of them 0 and some negative."""
    amplitudes = np.random.default_rng(r.getrandbits(32)).uniform(-high, high, (2 * size + 1,) * 3)
    amplitudes[np.abs(amplitudes) < low] = 0.0
    return nb.StructureFactors.from_array(amplitudes, (-size,) * 3, 0.0)


def random_prepared(shape, cubic, seed, pixels=(61, 47)):
    """A scene with a little of everything; its largest index is below 11."""
    r = random.Random(f"{shape} {cubic} {seed}")
    n = (1, 1, 1) if shape == "one cell" else [round(math.exp(r.uniform(0.0, 5.0))) for _ in range(3)]
    length = r.uniform(20.0, 45.0)
    fudge = r.uniform(0.2, 2.0)
    if shape in ("gauss", "tophat"):
        # the product of all three numbers counts squared in these
        fudge *= (3.0 * length / math.prod(n)) ** 2
    mosaic = dict(mosaic_spread_deg=r.uniform(0.1, 3.0), mosaic_domains=r.randint(2, 9))
    crystal = nb.Crystal(cell=(length, 1.3 * length, 0.8 * length, 95.0, 90.0, 85.0), n_cells=n, fudge=fudge,
                         shape="square" if shape == "one cell" else shape, oscillation_deg=1.0,
                         random_misset_seed=r.randrange(10 ** 6), phi_steps=r.randint(1, 2),
                         **(mosaic if r.random() < 0.6 else {}))
    beam = nb.Beam(wavelength_angstrom=10.5, dispersion_percent=2.0, dispersion_steps=2,
                   polarisation_fraction=r.uniform(-1.0, 1.0))
    sensor = dict(sensor_thickness_um=300.0, sensor_layers=2) if r.random() < 0.5 else {}
    detector = nb.Detector(pixels=pixels, pixel_mm=1.0, distance_mm=r.uniform(20.0, 60.0), **sensor)
    per_step = tuple(name for name in ("capture", "polarisation", "solid_angle")
                     if r.random() < 0.4 and (sensor or name != "capture"))
    return nb.Simulator(detector, beam, table(r, 14), sampling=nb.Sampling(
        oversample=r.randint(1, 2), interpolation=cubic, per_step=per_step)).prepare(crystal)


def prepared(crystal=None, beam=None, detector=None, factors=100.0, **sampling):
    """A scene of the Python front end, one sub-pixel by default."""
    crystal = dict(cell=(70, 80, 90, 90, 90, 90), n_cells=10, misset_deg=(10, 20, 30)) | (crystal or {})
    # a beam that is on no pixel's centre: there one pixel would need the limit of a grating
    detector = dict(pixels=(67, 53), pixel_mm=1.0, beam_centre_mm=(26.3, 33.2)) | (detector or {})
    still = nb.Simulator(nb.Detector(**detector), nb.Beam(**(beam or {})), factors,
                         sampling=nb.Sampling(**(dict(oversample=1) | sampling)))
    return still.prepare(nb.Crystal(**crystal))


def changed(ready, part, **fields):
    """The same scene with other fields in one of its records."""
    record = getattr(ready.scene, part)._replace(**fields)
    alter(ready, scene=ready.scene._replace(**{part: record}))
    return ready


def agree(ready, most_recomputed=None):
    """Compare both evaluators: no violation, no other bit.

    Returns what the comparison found, and the image.
    """
    found, outcome = compare(ready, threads=1)
    assert (found.violations, found.mismatches) == (0, 0), found.failures
    assert found.ratio <= 1.0
    if most_recomputed is not None:
        assert found.refused is None
        assert sum(found.recomputed.values()) <= most_recomputed
    image = np.zeros(ready.shape, dtype=np.float32)
    render_tools.render(ready.scene, ready.window, ready.mask, image, interpolating=ready.interpolating,
                      threads=1)
    return found, image


# -- the bounds hold, and are not idle


@slow_if_interpreted
@pytest.mark.parametrize("cubic", [False, True], ids=["nearest", "tricubic"])
@pytest.mark.parametrize("shape", [*SHAPES, "one cell"])
def test_bound_holds_and_is_tight(shape, cubic):
    largest, pixels, recomputed = 0.0, 0, 0
    for seed in range(8):
        found, image = agree(random_prepared(shape, cubic, seed))
        assert found.refused is None and image.any()
        assert not cubic or "interpolation out of range" not in found.recomputed
        largest = max(largest, found.ratio)
        pixels += found.pixels
        recomputed += sum(found.recomputed.values())
    if shape not in MAY_AGREE:
        assert largest >= 0.01
    assert recomputed <= 1e-3 * pixels


@slow_if_interpreted
def test_bound_of_the_longer_reduction():
    """N times the largest index beyond 14478: the sines take three parts of pi."""
    ready = prepared(dict(n_cells=(5000, 3000, 1)))
    assert not certificate.plan(ready.scene).about
    found, _ = agree(ready)
    assert 0.01 < found.ratio


# -- scenes made by hand


def on_a_grid(cell, n_cells, shape="square", target="whole"):
    """Pixel (4, 3) sees exactly whole indices, at a right angle, or its centre is in the beam ("beam")."""
    ready = prepared(dict(shape=shape), None, dict(pixels=(9, 7)))
    unit = 2.0 ** -33  # the wavelength
    normal, fast, slow = ((0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (1.0, 0.0, 0.0))
    origin = (-3.5 * 2.0 ** -10, 2.0 ** -3, -4.5 * 2.0 ** -10)
    if target == "beam":
        normal, slow = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)
        origin = (2.0 ** -3, -3.5 * 2.0 ** -10, -4.5 * 2.0 ** -10)
    changed(ready, "geometry", fast_axis=fast, slow_axis=slow, normal=normal, origin=origin,
            close_distance=0.125, pixel_area=2.0 ** -20, sub_pixel_size=2.0 ** -10)
    changed(ready, "beam", directions=np.array([[-1.0, 0.0, 0.0]]), wavelengths=np.array([unit]))
    axes = np.diag(np.array(cell, dtype=float)) * unit
    if target == "whole":
        axes[2] = (0.0, cell[2] * unit, 0.0)  # or l would be 0
    cells = np.tile(axes.reshape(-1), (len(ready.scene.crystal.phi_cells), 1))
    return changed(ready, "crystal", phi_cells=cells, n_cells=tuple(map(float, n_cells)))


@pytest.mark.parametrize("cell, n_cells", [((29, 58, 2895), (5, 5, 5)), ((29, 14479, 29), (5, 5, 5)),
                                           ((14479, 14479, 14479), (1, 2, 1)), ((7, 11, 29), (499, 100, 5))])
def test_exactly_whole_indices(cell, n_cells):
    ready = on_a_grid(cell, n_cells)
    _, image = agree(ready, most_recomputed=0)
    assert certificate.plan(ready.scene).about == (max(cell) * 2.001 * max(n_cells) + 1.0 < 14478.0)
    assert image[3, 4] == image.max() > 0.0


@slow_if_interpreted
@pytest.mark.parametrize("n_cells", [(5, 5, 5), (5, 1, 1), (1, 1, 1)])
@pytest.mark.parametrize("shape", SHAPES)
def test_beam_on_the_centre_of_a_pixel(shape, n_cells):
    """All indices are 0 there: the limits are the strict evaluator's."""
    ready = on_a_grid((40, 50, 60), n_cells, shape, "beam")
    found, image = agree(ready)
    assert found.refused is None and image[3, 4] == image.max() > 0.0


@slow_if_interpreted
@pytest.mark.parametrize("shape", SHAPES)
def test_sums_of_very_many_terms(shape):
    ready = prepared(dict(shape=shape, mosaic_spread_deg=1.0, mosaic_domains=2500, n_cells=3),
                     dict(dispersion_percent=3.0, dispersion_steps=5), dict(pixels=(5, 4)), oversample=2)
    terms = certificate.terms(ready.scene) - 1
    assert terms == 50_000
    assert certificate.plan(ready.scene).bound.relative > 2.0 * terms * U
    agree(ready)


@slow_if_interpreted
@pytest.mark.parametrize("cubic", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_nothing_is_certain(shape, cubic):
    """A sum of zeros is certified, not evaluated again."""
    nothing = nb.StructureFactors.from_array(np.zeros((301,) * 3), (-150,) * 3, 0.0)
    ready = prepared(dict(shape=shape), None, None, nothing, interpolation=cubic)
    found, image = agree(ready, most_recomputed=0)
    assert found.lane_pixels == image.size and not image.any() and not np.signbit(image).any()


@slow_if_interpreted
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("fluence", [0.0, 1e-300, 1e-20, 3e-16, 1e-15, 1e-12, 1e68, 1e69, 1e75])
def test_tiny_and_huge_fluence(shape, fluence):
    crystal = dict(shape=shape, n_cells=3, fudge=1e-3)
    found, image = agree(prepared(crystal, dict(fluence_photons_per_m2=fluence)), most_recomputed=3)
    assert not fluence >= 1e75 or np.isinf(image).any()
    assert not fluence <= 1e-20 or not image.any()
    if fluence == 3e-16 and shape == "square":
        assert 0 < np.count_nonzero(image) and image.max() < np.finfo(np.float32).tiny


@slow_if_interpreted
def test_results_that_are_subnormal_or_infinite_are_all_met():
    """What the fluences above are for."""
    finfo = np.finfo(np.float32)
    subnormal = infinite = False
    for fluence in np.geomspace(1e-20, 1e70, 46).tolist():
        beam = dict(fluence_photons_per_m2=fluence)
        _, image = agree(prepared(dict(n_cells=3), beam, dict(pixels=(20, 10))))
        subnormal |= bool(((image > 0.0) & (image < finfo.tiny)).any() and (image == 0.0).any())
        infinite |= bool(np.isinf(image).any() and np.isfinite(image).any())
    assert subnormal and infinite


@slow_if_interpreted
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("f", [1e-170, 1e-160, 1e-120, 1e-60, 1e-20, -1e-3, 1e20, 1e60])
def test_tiny_and_huge_amplitudes(shape, f):
    crystal = dict(shape=shape, n_cells=3, fudge=1e-3)
    for fluence in (1.26e29, 1e78 if abs(f) < 1.0 else 1e-60):
        agree(prepared(crystal, dict(fluence_photons_per_m2=fluence), None, f), most_recomputed=10)


@slow_if_interpreted
@pytest.mark.parametrize("polarisation, fudge", [(1.6, 10.0), (1.6, 1.0), (0.9, 10.0)])
def test_sign_of_zero(polarisation, fudge):
    """A negative factor times what the Gaussian's cut takes away is -0 in the C program, times 0 it is 0."""
    p = Draft()
    p.cell_given, p.cell_lengths, p.n_cells, p.shape = True, [40.0, 50.0, 60.0], [10.0] * 3, "gauss"
    p.misset, p.misset_angles, p.fudge = "angles", [0.1, 0.2, 0.3], fudge
    p.pixels_f = p.pixels_s = 100
    p.pixel_size, p.distance, p.oversample = 1e-3, 0.01, 1
    p.unpolarised_factor, p.polarisation_fraction = False, polarisation
    found, image = agree(prepare(p.freeze(), nb.StructureFactors.constant(100.0)))
    zeros = np.signbit(image) & (image == 0.0)
    assert zeros.any() == (polarisation > 1.0)
    assert ("factor negative or out of range" in found.recomputed) == (polarisation > 1.0)


@slow_if_interpreted
def test_gaussian_at_the_underflow_of_exp():
    """There it is decided whether a step is skipped, and with it whether interpolation goes on."""
    ready = prepared(dict(shape="gauss", n_cells=2, misset_deg=(1, 2, 3)), None,
                     dict(pixels=(9, 7), pixel_mm=2.0), table(random.Random(1), 3), interpolation=True)
    bare = ready.scene.crystal._replace(fudge=1.0)
    record = np.zeros((1, len(strict.RECORD_FIELDS)))
    state = np.array([0, 0, 0])
    alter(ready, interpolating=True)
    exponents = []
    for fast, slow in ((1, 1), (4, 3), (7, 5)):
        strict.trace_pixel(ready.scene, fast, slow, state.copy(), record)
        row = dict(zip(strict.RECORD_FIELDS, record[0].tolist()))
        offsets = [row[name] - row[name + "0"] for name in "hkl"]
        exponents.append(lattice.squared_distance(bare.reciprocal, bare.n_cells, *offsets) / GAUSS_WIDTH)
    for exponent in exponents:
        for wanted in (354.0, 708.4, 745.12, 745.13, 745.1331, 745.13321, 745.13322, 745.1333, 745.134,
                       745.14, 745.15):
            changed(ready, "crystal", fudge=wanted / exponent)
            agree(ready)


@slow_if_interpreted
@pytest.mark.parametrize("d_min", [0.0, 8.0])
def test_resolution_limit_keeps_interpolation_in_the_lanes(d_min):
    """What lies beyond the limit is not looked up, so it cannot run out of the table."""
    factors = table(random.Random(2), 8)
    ready = prepared(dict(cell=(40, 40, 40, 90, 90, 90), n_cells=3), dict(d_min_angstrom=d_min),
                     dict(pixels=(150, 90), pixel_mm=0.3), factors, interpolation=True)
    found, image = agree(ready)
    assert ("interpolation out of range" in found.recomputed) == (d_min == 0.0)
    assert image.any()


@slow_if_interpreted
def test_masked_pixels_and_a_last_block_that_is_not_full():
    """Every number of pixels left over, some of them masked: those stay untouched."""
    for width in (1, 2, 127, 128, 129, 131):
        ready = prepared(None, None, dict(pixels=(width, 3)))
        alter(ready, mask=(np.random.default_rng(width).random((3, width)) < 0.7).astype(np.uint8))
        found, _ = agree(ready, most_recomputed=1)
        image = np.full(ready.shape, 7.0, dtype=np.float32)
        render_tools.render(ready.scene, ready.window, ready.mask, image, interpolating=False, threads=1)
        assert ((image == 7.0) == (ready.mask == 0)).all() and found.pixels == np.count_nonzero(ready.mask)


_GUARD = """
import ctypes, mmap
import numpy as np
import numbragg as nb
pages = mmap.mmap(-1, 64 * mmap.PAGESIZE)
start = ctypes.addressof(ctypes.c_char.from_buffer(pages))
protect = ctypes.CDLL(None).mprotect
for shape, low in (((2, 31, 31), (0, -15, -15)), ((31, 2, 31), (-15, 0, -15)), ((2, 2, 2), (0, 0, 0)),
                   ((3, 3, 31), (-1, -1, -15))):
    n = int(np.prod(shape))
    for offset in (mmap.PAGESIZE, 63 * mmap.PAGESIZE - 8 * n):
        for page in (0, 63):
            assert protect(ctypes.c_void_p(start + page * mmap.PAGESIZE), mmap.PAGESIZE, 0) == 0
        table = np.frombuffer(pages, count=n, offset=offset).reshape(shape)
        table[:] = 1.0
        factors = nb.StructureFactors.owning(table, low, tuple(a + b - 2 for a, b in zip(low, shape)), 3.0)
        assert factors.table.ctypes.data == start + offset
        crystal = nb.Crystal(cell=(40, 50, 60, 90, 90, 90), n_cells=2, misset_deg=(1, 2, 3))
        detector = nb.Detector(pixels=(16, 16), pixel_mm=4.0)
        image = nb.simulate(crystal, nb.Beam(), detector, factors, threads=1)
        assert image.any()
print("done")
"""


@slow_if_interpreted
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs mmap and mprotect")
def test_tables_too_small_to_interpolate_are_not_overrun():
    """Such a table between two pages that nobody may read."""
    done = subprocess.run([sys.executable, "-c", _GUARD], capture_output=True, text=True)
    assert done.stdout.strip() == "done", (done.returncode, done.stderr[-500:])


# -- what the lanes refuse


def reason(ready, part=None, **fields):
    return certificate.plan((changed(ready, part, **fields) if part else ready).scene).reason


def test_scenes_that_no_bound_covers():
    assert reason(prepared()) is None
    assert reason(prepared(dict(n_cells=10 ** 7)))
    assert reason(prepared(dict(shape="round", n_cells=10 ** 7))) is None
    assert reason(prepared(), "sampling", background=-1.0)
    assert reason(prepared(), "sampling", scale=-1.0)
    assert reason(prepared(), "crystal", fudge=-1.0)
    for record, field in (("sampling", "background"), ("sampling", "scale"), ("crystal", "fudge"),
                          ("lookup", "default")):
        for value in (math.nan, math.inf, 1e300):
            assert reason(prepared(), record, **{field: value})
    assert reason(prepared(), "beam", wavelengths=np.array([0.0]))
    assert reason(prepared(), "beam", wavelengths=np.array([math.nan]))
    assert reason(prepared(), "beam", directions=np.array([[-1.5, 0.0, 0.0]]))
    assert reason(prepared(), "crystal", domains=10 ** 9)
    amplitudes = np.ones((3, 3, 3))
    for value in (math.nan, math.inf, -1e200):
        amplitudes[1, 1, 1] = value
        lookup = prepared().scene.lookup._replace(table=np.pad(amplitudes, (0, 1)), filled=True,
                                                  maximum=(2, 2, 2))
        assert certificate.plan(prepared().scene._replace(lookup=lookup)).reason == "numbers too large"
    # powers that overflow are no error
    assert reason(prepared(dict(shape="gauss", n_cells=10 ** 6), None, None, 1e149))


@slow_if_interpreted
@pytest.mark.parametrize("fudge, possible", [(1e10, True), (1e13, True), (1e14, False), (1e28, False)])
def test_spheres_beyond_the_reduction(fudge, possible):
    """x = pi sqrt(r fudge) grows with the fudge factor, whatever the indices."""
    ready = prepared(dict(shape="round", fudge=fudge), dict(fluence_photons_per_m2=1e29 * fudge))
    assert (reason(ready) is None) == possible
    agree(ready)


def test_mosaic_matrices_that_stretch_are_seen():
    ready = prepared(dict(mosaic_spread_deg=50.0, mosaic_domains=20))
    index = certificate.largest_index(ready.scene)
    assert index == pytest.approx(2.001 * 90.0, rel=1e-6)
    stretched = ready.scene.crystal.mosaic * 3.0
    assert certificate.largest_index(changed(ready, "crystal", mosaic=stretched).scene) >= 2.99 * index


def test_no_index_is_larger():
    """|h| against its bound, backwards scattering at nearly 180 degrees included."""
    for seed in range(20):
        ready = random_prepared("square", False, seed, pixels=(5, 5))
        changed(ready, "geometry", origin=tuple(-x for x in ready.scene.geometry.origin))
        limit = certificate.largest_index(ready.scene)
        state, record = np.array([0, 0, 1]), np.zeros((500, len(strict.RECORD_FIELDS)))
        strict.trace_pixel(ready.scene, 2, 2, state, record)
        assert np.abs(record[:, 17:20]).max() <= limit


# -- rounding


def certain(value, half_width):
    return bool(certificate.float32_is_certain(float(value), float(half_width)))


@pytest.mark.filterwarnings("ignore:overflow")
def test_float32_is_certain():
    single = np.float32
    for x in map(single, (1.0, 1.0 + 2.0 ** -23, 1.5e-42, 3.3e38, -7.25)):
        following = np.nextafter(x, single(np.inf))
        tie = (float(x) + float(following)) / 2.0
        below, above = math.nextafter(tie, -math.inf), math.nextafter(tie, math.inf)
        assert not certain(tie, abs(tie) * 2.0 * U) and not certain(below, abs(tie) * 4.0 * U)
        assert certain(below, 0.0) and certain(above, 0.0) and certain(tie, 0.0)
        assert certain(x, 0.49 * (tie - float(x))) and not certain(x, 1.01 * (tie - float(x)))
    largest = float(np.finfo(single).max)
    limit = largest * (1.0 + 2.0 ** -25 / (1.0 - 2.0 ** -24))  # rounds to infinity from here on
    assert certain(limit * 1.001, limit * 1e-4) and not certain(limit, limit * 1e-9) and certain(1e300, 1e290)
    assert certain(1.79e308, 1e307) and not certain(1e300, 2e300)
    for value, half_width in ((math.nan, 0.0), (math.nan, 1.0), (1.0, math.nan), (math.inf, math.inf),
                              (1.0, math.inf), (0.0, math.inf), (math.inf, math.nan)):
        assert not certain(value, half_width)
    smallest = 2.0 ** -149
    for zero in (0.0, -0.0):
        assert certain(zero, 0.0) and certain(zero, 0.49 * smallest) and not certain(zero, 0.51 * smallest)
    assert certain(0.5 * smallest * (1.0 - 4.0 * U), 0.0) and not certain(0.5 * smallest, 1e-60)


def test_rounding_is_monotone_over_the_interval():
    """Certain means that any double of the interval gives the same bits."""
    r = random.Random(4)
    seen = set()
    with np.errstate(over="ignore"):
        for _ in range(4000):
            value = math.ldexp(r.random(), r.randint(-160, 132))
            half_width = value * 2.0 ** r.uniform(-30.0, -18.0)
            if r.random() < 0.5:
                # near a tie
                near = np.float32(value)
                tie = (float(near) + float(np.nextafter(near, np.float32(np.inf)))) / 2.0
                value = tie * (1.0 + r.gauss(0.0, 1e-7))
            is_certain = certain(value, half_width)
            seen.add(is_certain)
            inside = {float(np.float32(value + t * half_width)) for t in (-1.0, -0.9, -0.5, 0.0, 0.3, 1.0)}
            assert not is_certain or len(inside) == 1
    assert seen == {False, True}


# -- how many pixels are evaluated again


@slow_if_interpreted
@pytest.mark.parametrize("shape, n_cells, scenes", [("square", 10, 4), ("gauss", 3, 2), ("round", 10, 2),
                                                    ("tophat", 3, 2)])
def test_recomputed_fraction_is_the_predicted_one(shape, n_cells, scenes):
    pixels = doubtful = 0
    for number in range(scenes):
        crystal = dict(shape=shape, n_cells=n_cells, fudge=1e-3 if shape != "round" else 1.0,
                       misset_deg=(10 * number + 5, 20, 30))
        ready = prepared(crystal, None, dict(pixels=(1000, 600), pixel_mm=0.2))
        outcome = render_tools.render(ready.scene, ready.window, None, np.zeros(ready.shape, np.float32),
                                    interpolating=False, threads=1)
        pixels += outcome.pixels
        doubtful += outcome.reasons.get("rounding in doubt", 0)
        assert outcome.lane_pixels >= 0.999 * outcome.pixels
    bound = certificate.plan(ready.scene).bound
    # of the sphere's second sum, 2 |D| / D**2 with D from 0.02 on
    relative = bound.relative + (100.0 * bound.spread if shape == "round" else 0.0)
    predicted = pixels * DOUBTFUL_PER_WIDTH * relative
    assert doubtful <= 2.0 * predicted + 3.0
    if shape in ("square", "gauss"):
        assert doubtful >= 0.5 * predicted


# -- that all this can fail

_IMAGES = """
import sys
import numpy as np
import numbragg as nb
from numbragg.kernels.drive import cpu as driver_cpu
from numbragg.selftest.rounds import compare
assert nb.__file__.startswith(sys.argv[1]), nb.__file__
ready = nb.Simulator(nb.Detector(pixels=(3, 2), pixel_mm=1.0), nb.Beam(), 100.0).prepare(
    nb.Crystal(cell=(40, 50, 60, 90, 90, 90), n_cells=5, misset_deg=(1, 2, 3), shape=sys.argv[2]))
for lanes in (False, True):
    image = np.zeros(ready.shape, np.float32)
    driver_cpu.render(ready.scene, driver_cpu.Target(ready.window, None, image),
                      driver_cpu.Modes(threads=1, lanes=lanes), interpolating=False)
    print(image.tobytes().hex())
print(compare(ready, threads=1)[0].violations)
"""

MUTATIONS = {
    "shared": ("lattice.py", "cell[0] * q[0] + cell[1] * q[1]", "cell[0] * q[0] - cell[1] * q[1]"),
    "lanes only": ("shapes/square.py", "factor = many / one if", "factor = (1.0 + 1e-11) * many / one if"),
}


def images_of_a_copy(folder, shape="square", mutation=None):
    """Strict image, lane image and violations of a copy of the package, interpreted."""
    left_out = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "numbragg", folder / "numbragg", ignore=left_out)
    shutil.copytree(ROOT / "kernels", folder / "numbragg" / "kernels", ignore=left_out)
    if mutation:
        path = folder / "numbragg" / "kernels" / "physics" / mutation[0]
        text = path.read_text(encoding="utf-8")
        assert text.count(mutation[1]) == 1
        path.write_text(text.replace(*mutation[1:]), encoding="utf-8")
    done = forks.run(["-c", _IMAGES, str(folder), shape], folder, {"NUMBA_DISABLE_JIT": "1"}, first=folder)
    assert done.returncode == 0, done.stderr[-800:]
    strict, lane, violations = done.stdout.split()
    return strict, lane, int(violations)


def test_a_mutated_line_is_seen(tmp_path):
    """A line that both evaluators share changes both; one of the lanes alone violates the bound."""
    strict, lane, violations = images_of_a_copy(tmp_path / "whole")
    assert strict == lane and violations == 0
    other_strict, other_lane, _ = images_of_a_copy(tmp_path / "shared", mutation=MUTATIONS["shared"])
    assert other_strict != strict and other_lane != lane and other_strict == other_lane
    again, _, violations = images_of_a_copy(tmp_path / "lanes", mutation=MUTATIONS["lanes only"])
    assert again == strict and violations == 6
