"""The Python front end: the command line's bits, exact scaling laws, and errors that name the field."""

import contextlib
import math

from golden_cases import INPUTS
from hypothesis import assume, given, settings
from hypothesis import strategies as st
import numpy as np
import pytest
from strategies import amplitude_tables, beams, crystals, detectors, samplings, scenes, structure_factors, with_fields

import numbragg as nb
from numbragg.commands.cli import main
from numbragg.compare.peaks import find_peaks
from numbragg.compare.plateaus import plateaus
from numbragg.io.raw import read_raw
from numbragg.kernels.arithmetic.vectors import rotate_xyz
from numbragg.kernels.drive import cpu as driver_cpu

FEW = settings(max_examples=25, deadline=None)


def bits(image):
    """Pixels as integers, in which NaN equals NaN and 0 is not -0."""
    return np.ascontiguousarray(image).view(np.int32)


def assert_same_bits(image, wanted):
    assert image.dtype == wanted.dtype == np.float32 and image.shape == wanted.shape
    different = np.argwhere(bits(image) != bits(wanted))
    assert len(different) == 0, f"{len(different)} pixels differ, first {different[0].tolist()}"


@contextlib.contextmanager
def small_chunks(steps):
    """Chunks of so few steps that small images have many."""
    names = [name for name in ("CHUNK_STEPS", "LANE_CHUNK_STEPS") if hasattr(driver_cpu, name)]
    before = {name: getattr(driver_cpu, name) for name in names}
    try:
        for name in names:
            setattr(driver_cpu, name, steps)
        yield
    finally:
        for name in names:
            setattr(driver_cpu, name, before[name])


# -- the command line's bits

CUBIC = (100, 100, 100, 90, 90, 90)
TRICLINIC = (70.123, 80.5, 90.25, 75.1, 85.2, 95.3)


def input_file(name):
    return str(INPUTS / name)


def twins():
    """Scenes in both languages: words of the command line, and keywords of `numbragg.simulate`."""
    small = nb.Detector(pixels=(40, 30), pixel_mm=0.5)
    words = "-cell 100 100 100 90 90 90 -N 5 -default_F 100 -pixel 0.5 -detpixels_f 40 -detpixels_s 30"
    cube = nb.Crystal(cell=CUBIC, n_cells=5)
    yield "cube", words, dict(crystal=cube, detector=small)
    yield "triclinic, misset, hkl", (
        "-cell 70.123 80.5 90.25 75.1 85.2 95.3 -Na 3 -Nb 4 -Nc 5 -misset 11.1 -22.2 33.3 -lambda 1.2345 "
        f"-hkl {input_file('sparse.hkl')} -default_F 3.5 -pixel 0.5 -detpixels_f 40 -detpixels_s 30"), dict(
            crystal=nb.Crystal(cell=TRICLINIC, n_cells=(3, 4, 5), misset_deg=(11.1, -22.2, 33.3)),
            beam=nb.Beam(wavelength_angstrom=1.2345), detector=small,
            structure_factors=nb.StructureFactors.from_file(input_file("sparse.hkl"), 3.5))
    yield "matrix, random orientation", (
        f"-mat {input_file('triclinic_full.mat')} -N 6 -misset_seed 77 -misset random -lambda 1.3 "
        "-default_F 50 -pixel 0.5 -detpixels_f 40 -detpixels_s 30"), dict(
            crystal=nb.Crystal.from_matrix_file(input_file("triclinic_full.mat"), n_cells=6,
                                                random_misset_seed=77),
            beam=nb.Beam(wavelength_angstrom=1.3), detector=small, structure_factors=50.0)
    yield "mosaic, phi", words + (
        " -mosaic 1.7 -mosaic_dom 7 -mosaic_seed 99 -phi 1.1 -osc 3.3 -phisteps 3"), dict(
        crystal=with_fields(cube, mosaic_spread_deg=1.7, mosaic_domains=7, mosaic_seed=99, phi_start_deg=1.1,
                            oscillation_deg=3.3, phi_steps=3), detector=small)
    yield "phi from zero, main", words + " -phi 0 -osc 3.3 -phisteps 3 --revision main", dict(
        crystal=with_fields(cube, oscillation_deg=3.3, phi_steps=3), detector=small, revision="main")
    yield "round, fudge, size", words + " -round_xtal -fudge 0.7 -xtalsize 0.00005", dict(
        crystal=with_fields(cube, shape="round", fudge=0.7, size_mm=0.00005), detector=small)
    yield "gauss, water, flux", words + (
        " -gauss_xtal -water 37 -flux 1.1e11 -exposure 0.3 -beamsize 0.07"), dict(
        crystal=with_fields(cube, shape="gauss", water_size_um=37),
        beam=nb.Beam(flux_photons_per_s=1.1e11, exposure_s=0.3, size_mm=0.07), detector=small)
    yield "tophat, interpolation, dmin", (
        "-cell 40 50 60 90 90 90 -N 2 -tophat_spots -interpolate -fudge 0.01 -dmin 9 -pixel 0.5 "
        f"-detpixels_f 40 -detpixels_s 30 -hkl {input_file('dense8.hkl')}"), dict(
            crystal=nb.Crystal(cell=(40, 50, 60, 90, 90, 90), n_cells=2, shape="tophat", fudge=0.01),
            beam=nb.Beam(d_min_angstrom=9), detector=small, sampling=nb.Sampling(interpolation=True),
            structure_factors=nb.StructureFactors.from_file(input_file("dense8.hkl")))
    yield "divergence, dispersion, polarisation", words + (
        " -divergence 7 -divsteps 3 -dispersion 3 -dispsteps 3 -polar 0.93"), dict(
            crystal=cube, detector=small,
            beam=nb.Beam(divergence_h_mrad=7, divergence_v_mrad=7, divergence_h_steps=3, divergence_v_steps=3,
                         dispersion_percent=3, dispersion_steps=3, polarisation_fraction=0.93))
    yield "square divergence, steps, no polarisation", words + (
        " -hdivrange 5 -hdivstep 1.7 -vdivrange 4 -vdivstep 2 -square_div -nopolar"), dict(
            crystal=cube, detector=small,
            beam=nb.Beam(divergence_h_mrad=5, divergence_v_mrad=4, divergence_h_step_mrad=1.7,
                         divergence_v_step_mrad=2, round_divergence=False, polarisation_fraction=None))
    yield "adxv, centre, tilt, sensor", words + (
        " -adxv -Xbeam 9.1 -Ybeam 8.2 -detector_rotx 3 -detector_roty -4 -detector_rotz 5 -twotheta 6 "
        "-detector_thick 321 -detector_abs 123 -detector_thicksteps 3"), dict(
            crystal=cube,
            detector=with_fields(small, convention="adxv", beam_centre_mm=(9.1, 8.2), rotation_deg=(3, -4, 5),
                                 twotheta_deg=6, sensor_thickness_um=321, attenuation_depth_um=123,
                                 sensor_layers=3))
    yield "xds, close distance, origin", words + (
        " -xds -close_distance 77.7 -ORGX 13.3 -ORGY 11.1 -curved_det"), dict(
        crystal=cube, detector=with_fields(small, convention="xds", close_distance_mm=77.7,
                                           close_point_pixels=(13.3, 11.1), curved=True))
    yield "dials, closest point", words + " -dials -distance 123 -Xclose 7 -Yclose 9 -point_pixel", dict(
        crystal=cube, detector=with_fields(small, convention="dials", distance_mm=123, close_point_mm=(7, 9),
                                           point_pixel=True))
    yield "custom", words + (
        " -beam_vector 1 0.1 0 -fdet_vector 0 0.05 1 -sdet_vector 0 -1 0.05 -odet_vector 1 0 0.01 "
        "-polar_vector 0.1 0.2 1 -spindle_axis 1 1 1 -phi 20 -osc 1 -phisteps 2 -polar 0.5 "
        "-twotheta_axis 0 1 1 -twotheta 7 -Xbeam 9 -Ybeam 8 -pivot sample"), dict(
            crystal=with_fields(cube, spindle_axis=(1, 1, 1), phi_start_deg=20, oscillation_deg=1,
                                phi_steps=2),
            beam=nb.Beam(direction=(1, 0.1, 0), polarisation_axis=(0.1, 0.2, 1), polarisation_fraction=0.5),
            detector=with_fields(small, convention="custom", fast_axis=(0, 0.05, 1), slow_axis=(0, -1, 0.05),
                                 normal=(1, 0, 0.01), twotheta_axis=(0, 1, 1), twotheta_deg=7,
                                 beam_centre_mm=(9, 8), pivot="sample"))
    yield "per step, oversample, roi", words + (
        " -oversample 3 -oversample_thick -oversample_polar -oversample_omega -detector_thick 100 "
        "-roi 5 30 7 20"), dict(
            crystal=cube, detector=with_fields(small, sensor_thickness_um=100), roi=(5, 30, 7, 20),
            sampling=nb.Sampling(oversample=3, per_step=["capture", "polarisation", "solid_angle"]))
    yield "energy, size in mm, listed sources", (
        "-cell 100 100 100 90 90 90 -N 5 -default_F 100 -energy 9876.5 -pixel 0.4 -detsize_f 15.9 "
        f"-detsize_s 12.2 -sourcefile {input_file('sources5.txt')}"), dict(
            crystal=cube, detector=nb.Detector(size_mm=(15.9, 12.2), pixel_mm=0.4),
            beam=nb.Beam.from_energy(9876.5, sources=_sources("sources5.txt")))


def _sources(name):
    from numbragg.io.tables import read_sources

    return read_sources(input_file(name))


@pytest.mark.parametrize("words, arguments", [pytest.param(words, arguments, id=name)
                                              for name, words, arguments in twins()])
def test_same_bits_as_the_command_line(words, arguments, folder):
    assert main([*words.split(), "-nopgm", "-seed", "1", "--quiet"]) == 0
    arguments = dict(beam=nb.Beam(), structure_factors=100.0) | arguments
    image = nb.simulate(**arguments)
    assert image.any()
    assert_same_bits(image, read_raw("floatimage.bin", arguments["detector"].shape))
    noise = nb.add_noise(image, seed=1, roi=arguments.get("roi"))
    assert (folder / "noiseimage.img").read_bytes().endswith(noise.tobytes())
    integers = nb.integer_image(image, roi=arguments.get("roi"))
    assert (folder / "intimage.img").read_bytes().endswith(integers.tobytes())


ORDERLESS = ["-cell 70 80 90 80 85 95", "-misset 10 20 30", "-N 4", "-default_F 77", "-lambda 1.1",
             "-distance 90", "-pixel 0.3", "-detpixels_f 21", "-detpixels_s 17", "-mosaic 1", "-mosaic_dom 3",
             "-phi 5", "-osc 2", "-phisteps 2", "-polar 0.7", "-fluence 1e25", "-round_xtal", "-water 5",
             "-oversample 2", "-adc 10", "-roi 1 19 2 15", "-dispersion 2", "-dispsteps 3", "-scale 2",
             "-pgmscale 3", "-seed 4", "--quiet", "-detector_rotx 4", "-curved_det", "--threads 2"]


@FEW
@given(order=st.permutations(ORDERLESS))
def test_order_of_options(order, tmp_path_factory):
    """Options that set different things may come in any order: all files stay the same."""
    found = []
    for lines in (ORDERLESS, order):
        folder = tmp_path_factory.mktemp("order")
        with contextlib.chdir(folder):
            assert main(" ".join(lines).split()) == 0
        found.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert len(found[0]) == 4 and found[0] == found[1]


# -- what must not matter


@FEW
@given(scene=scenes(), revision=st.sampled_from(["main", "fixed"]), steps=st.sampled_from([1, 30, 400]))
def test_threads_do_not_matter(scene, revision, steps):
    wanted = scene.simulate(threads=1, revision=revision)
    with small_chunks(steps):
        for threads in (1, 2, 3, 7):
            assert_same_bits(scene.simulate(threads=threads, revision=revision), wanted)


def order_dependent(result, revision):
    """Whether pixels may depend on those before them: see test_drivers."""
    scene = result.prepared.scene
    return (result.outcome.first_out_of_range is not None or len(scene.beam.next_axis) > 1
            or not np.array_equal(scene.crystal.phi_rows, scene.crystal.first_phi_rows))


@FEW
@given(scene=scenes(), revision=st.sampled_from(["main", "fixed"]), data=st.data())
def test_region_equals_crop(scene, revision, data):
    whole = scene.simulator(revision=revision).run(scene.crystal)
    assume(not order_dependent(whole, revision))
    slow, fast = whole.image.shape
    limits = [sorted((data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, size - 1))))
              for size in (fast, slow)]
    part = scene.simulate(revision=revision, roi=[*limits[0], *limits[1]])
    window = np.s_[limits[1][0]:limits[1][1] + 1, limits[0][0]:limits[0][1] + 1]
    wanted = np.zeros_like(whole.image)
    wanted[window] = whole.image[window]
    assert_same_bits(part, wanted)


@FEW
@given(scene=scenes(), revision=st.sampled_from(["main", "fixed"]), seed=st.integers(0, 1000))
def test_masked_pixels_are_zero_and_others_stay(scene, revision, seed):
    whole = scene.simulator(revision=revision).run(scene.crystal)
    assume(not order_dependent(whole, revision))
    mask = np.random.default_rng(seed).random(whole.image.shape) < 0.6
    scene.detector = with_fields(scene.detector, mask=mask)
    assert_same_bits(scene.simulate(revision=revision), np.where(mask, whole.image, np.float32(0.0)))


@FEW
@given(scene=scenes())
def test_simulator_equals_simulate(scene):
    """A simulator used again and again gives what a fresh one gives, and leaves its parts alone."""
    other = nb.Crystal(cell=(30, 40, 50, 90, 100, 90), n_cells=2)
    simulator = scene.simulator()
    wanted = scene.simulate()
    images = list(simulator.images([scene.crystal, other, scene.crystal]))
    assert_same_bits(images[0], wanted)
    assert_same_bits(images[2], wanted)
    scene.crystal = other
    assert_same_bits(images[1], scene.simulate())


def exactly_scaled(image, wanted, factor):
    """Whether an image is another times a power of two; where that leaves the normal floats, nearly."""
    with np.errstate(over="ignore"):
        scaled = wanted * np.float32(factor)
    normal = np.abs(wanted) >= np.finfo(np.float32).tiny
    assert_same_bits(np.where(normal, image, np.float32(0.0)), np.where(normal, scaled, np.float32(0.0)))


@FEW
@given(scene=scenes(), by=st.sampled_from(["fluence", "flux", "exposure"]))
def test_twice_the_photons(scene, by):
    """A factor of two is exact in floating point, so it is exact in the image."""
    name, start = {"fluence": ("fluence_photons_per_m2", 1e25), "flux": ("flux_photons_per_s", 1e12),
                   "exposure": ("exposure_s", 0.1)}[by]
    fixed = {} if by == "fluence" else {"flux_photons_per_s": 1e12}
    scene.beam = with_fields(scene.beam, **(fixed | {name: start}))
    once = scene.simulate()
    scene.beam = with_fields(scene.beam, **(fixed | {name: 2.0 * start}))
    exactly_scaled(scene.simulate(), once, 2)


@FEW
@given(scene=scenes(structure_factors=st.just(25.0), sampling=samplings(per_step=())),
       revision=st.sampled_from(["main", "fixed"]))
def test_twice_the_amplitude(scene, revision):
    once = scene.simulate(revision=revision)
    scene.structure_factors = 50.0
    exactly_scaled(scene.simulate(revision=revision), once, 4)


@FEW
@given(scene=scenes(crystal=crystals(water_size_um=10.0)))
def test_water_adds_to_every_pixel(scene):
    wet = scene.simulate()
    scene.crystal = with_fields(scene.crystal, water_size_um=0.0)
    dry = scene.simulate()
    # additions and multiplications by positive numbers are monotone, roundings included
    assume(np.isfinite(dry).all())
    assert (wet >= dry).all()


# -- the same structure factors in four ways


@FEW
@given(scene=scenes(), table=amplitude_tables(), default=st.sampled_from([0.0, 12.5]))
def test_sources_of_structure_factors(scene, table, default, tmp_path_factory):
    amplitudes, minimum = table
    indices = np.array(list(np.ndindex(amplitudes.shape))) + minimum
    folder = tmp_path_factory.mktemp("factors")
    rows = zip(indices.tolist(), amplitudes.reshape(-1).tolist())
    (folder / "f.hkl").write_text("".join(f"{h} {k} {l} {f!r}\n" for (h, k, l), f in rows))
    first = nb.StructureFactors.from_array(amplitudes, minimum, default)
    with open(folder / "f.bin", "wb") as file:
        first.write_dump(file)
    ways = [first, nb.StructureFactors.from_reflections(indices, amplitudes.reshape(-1), default),
            nb.StructureFactors.from_file(folder / "f.hkl", default),
            nb.StructureFactors(first.table, first.minimum, first.maximum, default)]
    # nanoBragg's reader skips white space, which may be the first bytes of the table
    if not (folder / "f.bin").read_bytes().partition(b"\f")[2][:1].isspace():
        ways.append(nb.StructureFactors.from_dump(folder / "f.bin", default))
    images = []
    for factors in ways:
        scene.structure_factors = factors
        images.append(scene.simulate())
    for image in images[1:]:
        assert_same_bits(image, images[0])


@FEW
@given(scene=scenes(structure_factors=st.just(40.0), sampling=samplings(interpolation=False)),
       table=amplitude_tables())
def test_a_flat_table_equals_the_default(scene, table):
    constant = scene.simulate()
    scene.structure_factors = nb.StructureFactors.from_array(np.full_like(table[0], 40.0), table[1], 40.0)
    assert_same_bits(scene.simulate(), constant)


@FEW
@given(scene=scenes(sampling=samplings(interpolation=False)), seed=st.integers(0, 100))
def test_sign_of_amplitudes_does_not_matter(scene, seed):
    """Amplitudes are squared."""
    table = np.random.default_rng(seed).uniform(1, 100, (9, 9, 9))
    scene.structure_factors = nb.StructureFactors.from_array(table, (-4, -4, -4), 3.0)
    wanted = scene.simulate()
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], table.shape)
    scene.structure_factors = nb.StructureFactors.from_array(table * signs, (-4, -4, -4), -3.0)
    assert_same_bits(scene.simulate(), wanted)


# -- orientation and frames


def rotation_matrix(angles_deg):
    """The matrix whose columns are the axes after rotations about x, y, z in this order."""
    angles = [math.radians(a) for a in angles_deg]
    columns = [rotate_xyz(axis, angles) for axis in ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))]
    return tuple(zip(*columns))


def assert_nearly(image, wanted):
    """Equal but for the rounding of orientations.

    Rounding a rotation moves h by some 1e-15 h; with at most 12 cells and h below 100 the phase in
    a fringe by 1e-11, which leaves float32 pixels equal to a few units in the last place except on
    the flanks of zeros, where the change is 1e-11 of the maximum at most.
    """
    # a sensor seen from behind absorbs infinitely much, as in the C program: no number comes of it
    assume(np.isfinite(wanted).all())
    assert np.allclose(image, wanted, rtol=2.0 ** -21, atol=1e-9 * float(np.abs(wanted).max()))


@FEW
@given(scene=scenes(crystal=crystals(shape="square"), sampling=samplings(interpolation=False),
                    structure_factors=st.just(100.0)),
       angles=st.tuples(*[st.integers(-180, 180)] * 3))
def test_u_matrix_equals_misset(scene, angles):
    scene.crystal = with_fields(scene.crystal, misset_deg=angles, random_misset_seed=None)
    by_angles = scene.simulate()
    scene.crystal = with_fields(scene.crystal, misset_deg=None, u_matrix=rotation_matrix(angles))
    assert_nearly(scene.simulate(), by_angles)


@FEW
@given(scene=scenes(crystal=crystals(shape="square"), sampling=samplings(interpolation=False),
                    structure_factors=st.just(100.0)))
def test_matrix_equals_cell(scene):
    """The A matrix of a cell in its orientation gives the same image."""
    ready = scene.simulator().prepare(scene.crystal)
    wavelength = scene.beam.wavelength_angstrom
    stars = np.array(ready.orientation.reciprocal).reshape(3, 3)
    by_cell = scene.simulate()
    # the C program's c* of a cell with three odd angles does not match its direct cell
    cell = scene.crystal.cell
    assume(sum(angle == 90.0 for angle in cell[3:]) >= 2)
    scene.crystal = with_fields(scene.crystal, cell=None, misset_deg=None, random_misset_seed=None,
                                matrix=(stars.T * wavelength).tolist())
    assert_nearly(scene.simulate(), by_cell)


FRAMES = {  # beam, fast, slow, normal, two-theta axis, polarisation, spindle, pivot
    "mosflm": ((1, 0, 0), (0, 0, 1), (0, -1, 0), (1, 0, 0), (0, 0, -1), (0, 0, 1), (0, 0, 1), "beam"),
    "adxv": ((0, 0, 1), (1, 0, 0), (0, -1, 0), (0, 0, 1), (-1, 0, 0), (1, 0, 0), (1, 0, 0), "beam"),
    "denzo": ((1, 0, 0), (0, 0, 1), (0, -1, 0), (1, 0, 0), (0, 0, -1), (0, 0, 1), (0, 0, 1), "beam"),
    "xds": ((0, 0, 1), (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 0, 0), (1, 0, 0), (1, 0, 0), "sample"),
    "dials": ((0, 0, 1), (1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 1, 0), (0, 1, 0), (0, 1, 0), "sample"),
}


@FEW
@given(scene=scenes(crystal=crystals(random_misset_seed=None)), convention=st.sampled_from(sorted(FRAMES)))
def test_custom_convention_can_be_any_other(scene, convention):
    """With the vectors of a named convention, its pivot and its beam spot, "custom" is the same detector."""
    beam, fast, slow, normal, twotheta, polarisation, spindle, pivot = FRAMES[convention]
    # without rotations, so that the pivot makes no difference to where the spot is
    scene.detector = with_fields(scene.detector, convention=convention, rotation_deg=(0.0, 0.0, 0.0), twotheta_deg=0.0,
                                 pixel_mm=0.5, beam_centre_mm=(7.0, 9.0), curved=False)
    named = scene.simulator().run(scene.crystal)
    place = named.prepared.placement
    if pivot == "sample":
        # these put the detector by its point of closest approach
        spot = (place.fast_close * 1000.0, place.slow_close * 1000.0)
    else:
        spot = (place.fast_beam * 1000.0, place.slow_beam * 1000.0)
    scene.detector = with_fields(scene.detector, convention="custom", beam_centre_mm=spot, pivot=pivot,
                                 fast_axis=fast, slow_axis=slow, normal=normal, twotheta_axis=twotheta)
    scene.beam = with_fields(scene.beam, direction=beam, polarisation_axis=polarisation)
    scene.crystal = with_fields(scene.crystal, spindle_axis=spindle)
    custom = scene.simulator().run(scene.crystal)
    assert np.allclose(custom.prepared.placement.origin, place.origin, rtol=0.0, atol=1e-15)
    if custom.prepared.placement.origin == place.origin:
        assert_same_bits(custom.image, named.image)


@FEW
@given(scene=scenes(detector=detectors(convention="custom", twotheta_deg=0.0)),
       scale=st.sampled_from([0.25, 4.0, 1024.0]))
def test_length_of_custom_vectors_does_not_matter(scene, scale):
    """A power of two leaves the direction's bits alone; only the normal must have length one."""
    wanted = scene.simulate()
    scene.detector = with_fields(scene.detector, fast_axis=(0, 0, scale), slow_axis=(0, -scale, 0))
    scene.beam = with_fields(scene.beam, direction=(scale, 0, 0), polarisation_axis=(0, 0, scale))
    scene.crystal = with_fields(scene.crystal, spindle_axis=(0, 0, scale))
    assert_same_bits(scene.simulate(), wanted)


def test_arguments_are_not_changed():
    """Arrays that are handed in are neither kept nor written."""
    mask = np.ones((8, 10))
    sources = np.array([[-10.0, 0.0, 0.0, 1.0, np.nan]])
    table = np.ones((3, 3, 3))
    detector = nb.Detector(pixels=(10, 8), mask=mask)
    beam = nb.Beam(sources=sources)
    factors = nb.StructureFactors.from_array(table, (-1, -1, -1))
    wanted = nb.simulate(nb.Crystal(cell=CUBIC), beam, detector, factors)
    for array in (mask, sources, table):
        array[:] = 0.0
    assert_same_bits(nb.simulate(nb.Crystal(cell=CUBIC), beam, detector, factors), wanted)


def test_all_strategies_are_needed():
    """The strategies reach every kind of scene (a draw that never happens would prove nothing)."""
    seen = {}

    @settings(max_examples=60, deadline=None, database=None, derandomize=True)
    @given(scene=scenes(), factors=structure_factors(), beam=beams())
    def look(scene, factors, beam):
        seen.setdefault("shape", set()).add(scene.crystal.shape)
        seen.setdefault("convention", set()).add(scene.detector.convention)
        seen.setdefault("filled", set()).add(scene.structure_factors.filled)
        seen.setdefault("mosaic", set()).add(scene.crystal.mosaic_spread_deg is not None)
        seen.setdefault("sources", set()).add(scene.beam.dispersion_steps is not None)
        seen.setdefault("sensor", set()).add(scene.detector.sensor_layers is not None)

    look()
    assert len(seen["shape"]) == 4 and len(seen["convention"]) >= 4
    assert all(len(seen[name]) == 2 for name in ("filled", "mosaic", "sources", "sensor"))


@pytest.mark.parametrize("crystals", [{}, [], set(), 5, [1], "crystal"])
def test_what_is_no_shot(crystals):
    with pytest.raises(ValueError, match="crystal: .*must be a Crystal object, or a sequence of them"):
        nb.simulate(crystals, nb.Beam(), nb.Detector(pixels=(4, 4)), 100.0)


def test_order_of_a_shot_counts():
    crystal = nb.Crystal(cell=(50, 50, 50, 90, 90, 90))
    for without in ({crystal: 1}, {crystal}):
        with pytest.raises(ValueError, match="crystal: .*must be a Crystal object, or a sequence"):
            nb.simulate(without, nb.Beam(), nb.Detector(pixels=(4, 4)), 100.0)
    with pytest.raises(ValueError, match="crystals: a Crystal must be in a sequence"):
        next(nb.Simulator(nb.Detector(pixels=(4, 4)), nb.Beam(), 100.0).images(crystal))


def test_what_takes_an_image_takes_one_panel():
    stack = np.zeros((2, 3, 4), np.float32)
    for each in (plateaus, lambda image: find_peaks(image, 5), lambda image: nb.add_noise(image, seed=1)):
        with pytest.raises(ValueError, match=r"\(2, 3, 4\)"):
            each(stack)
