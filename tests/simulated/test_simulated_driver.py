"""The CUDA driver on numba's simulator: every path of it, against the strict evaluator.

All is interpreted here, so images are of a few pixels.  The simulator proves indices, transfers and
the order of things; that the compiled code rounds as it should is `test_cuda_code`'s.
"""

import contextlib
import dataclasses

import numpy as np
import pytest
import render_tools

import numbragg as nb
from numbragg.kernels.compile import cuda_target
from numbragg.kernels.drive import cpu as driver_cpu
from numbragg.kernels.drive import cuda as driver_cuda
from numbragg.kernels.physics import records
from numbragg.selftest.scenes import random_scene

CELL = (50, 55, 60, 90, 90, 90)
INDICES = np.array([(h, k, l) for h in range(-6, 7) for k in range(-6, 7) for l in range(-6, 7)])
TABLE = nb.StructureFactors.from_reflections(INDICES, np.random.default_rng(1).uniform(5.0, 90.0, len(INDICES)))
ONCE = nb.Sampling(oversample=1)
SMALL = nb.Detector(pixels=(7, 5), pixel_mm=0.9, distance_mm=60.0)

#: Weights that differ by much.
PINK = nb.Spectrum([1.27, 1.3, 1.32], [1.0, 0.03, 6.0])


@pytest.fixture(scope="module")
def session():
    return driver_cuda.Session()


@contextlib.contextmanager
def limits(**values):
    """The driver's constants, changed."""
    before = {name: getattr(driver_cuda, name) for name in values}
    try:
        for name, value in values.items():
            setattr(driver_cuda, name, value)
        yield
    finally:
        for name, value in before.items():
            setattr(driver_cuda, name, value)


def trimmed(prepared, side=4):
    """The same scene with fewer pixels."""
    window = prepared.window
    return dataclasses.replace(prepared, window=window._replace(
        fast_max=min(window.fast_max, window.fast_min + side - 1),
        slow_max=min(window.slow_max, window.slow_min + side - 1)))


def render(session, prepared, precision=records.EXACT, summation=records.SEQUENTIAL, **more):
    image = np.zeros(prepared.shape, dtype=np.float32)
    outcome, there = render_tools.render(prepared.scene, prepared.window, prepared.mask, image, session=session,
                                    interpolating=prepared.interpolating, threads=2, precision=precision,
                                    summation=summation, **more)
    return image, outcome, there


def strict(prepared, lanes=False, precision=records.EXACT, summation=records.SEQUENTIAL):
    image = np.zeros(prepared.shape, dtype=np.float32)
    outcome = render_tools.render(prepared.scene, prepared.window, prepared.mask, image, threads=1, lanes=lanes,
                                interpolating=prepared.interpolating, precision=precision, summation=summation)
    return image, outcome


def bits(image):
    return image.view(np.uint32).tolist()


def prepared(crystal=None, beam=None, detector=SMALL, factors=TABLE, **more):
    more = {"sampling": ONCE, **more}
    crystal = crystal or nb.Crystal(cell=CELL, n_cells=3, misset_deg=(10, 20, 30))
    return nb.Simulator(detector, beam or nb.Beam(wavelength_angstrom=1.3), factors, **more).prepare(crystal)


SCENES = {
    "square": lambda: prepared(),
    "one cell": lambda: prepared(nb.Crystal(cell=CELL, n_cells=1, misset_deg=(1, 2, 3))),
    "round": lambda: prepared(nb.Crystal(cell=CELL, n_cells=6, shape="round", misset_deg=(1, 2, 3))),
    "gauss": lambda: prepared(nb.Crystal(cell=CELL, n_cells=2, shape="gauss", misset_deg=(1, 2, 3))),
    "tophat": lambda: prepared(nb.Crystal(cell=CELL, n_cells=2, shape="tophat", misset_deg=(1, 2, 3))),
    "gauss in indices": lambda: prepared(nb.Crystal(cell=CELL, n_cells=2, shape="gauss", spot_metric="hkl",
                                                    misset_deg=(1, 2, 3))),
    "tophat in indices": lambda: prepared(nb.Crystal(cell=CELL, n_cells=2, shape="tophat", spot_metric="hkl", fudge=0.3,
                                                     misset_deg=(1, 2, 3))),
    "Gaussian mosaicity": lambda: prepared(nb.Crystal(cell=CELL, n_cells=3, mosaicity="gaussian", mosaic_spread_deg=1.0,
                                                      mosaic_domains=4, mosaic_low_discrepancy=True)),
    "mosaic": lambda: prepared(nb.Crystal(cell=CELL, n_cells=3, mosaic_spread_deg=1.0, mosaic_domains=5)),
    "constant F": lambda: prepared(factors=17.0),
    "region": lambda: prepared(roi=(2, 5, 1, 3)),
    "sub-pixels": lambda: prepared(roi=(2, 4, 1, 3), sampling=nb.Sampling(oversample=2)),
    "spectrum": lambda: prepared(beam=nb.Beam(spectrum=PINK)),
    "spectrum, divergence, every factor": lambda: prepared(
        beam=nb.Beam(spectrum=PINK, divergence_h_mrad=4.0, divergence_h_steps=2, polarisation_fraction=0.9,
                     d_min_angstrom=2.2), roi=(2, 5, 1, 3),
        sampling=nb.Sampling(oversample=1, per_step=("polarisation", "solid_angle"))),
    "sources": lambda: prepared(beam=nb.Beam(wavelength_angstrom=1.3, dispersion_percent=3.0, dispersion_steps=3)),
}


@pytest.mark.parametrize("name", SCENES)
def test_scene_has_the_bits_of_the_strict_evaluator(session, name):
    scene = SCENES[name]()
    image, outcome, there = render(session, scene)
    expected, _ = strict(scene)
    assert bits(image) == bits(expected) and expected.any() and there is None
    assert (outcome.backend, outcome.device, outcome.refused) == ("cuda", "0: CUDA simulator", None)
    assert outcome.lane_pixels > 0.8 * outcome.pixels
    assert outcome.lane_pixels + outcome.strict_pixels == outcome.pixels - outcome.masked


@pytest.mark.parametrize("number", [1, 4, 5, 10, 11, 12, 18, 19, 21, 28, 33, 36, 71, 95])
def test_random_scene_has_the_bits_of_the_strict_evaluator(session, number):
    scene = trimmed(random_scene(f"0:{number}").prepared, 3)
    if scene.steps > 150:
        scene = trimmed(scene, 1)
    image, outcome, _ = render(session, scene)
    expected, reference = strict(scene)
    assert bits(image) == bits(expected)
    assert outcome.first_out_of_range == reference.first_out_of_range


@pytest.mark.parametrize("precision, summation", [("compensated", "kahan"), ("single", "sequential"),
                                                  ("single", "kahan")])
@pytest.mark.parametrize("name", ["square", "mosaic", "round", "spectrum", "gauss in indices"])
def test_other_precisions_have_the_bits_of_the_lanes(session, name, precision, summation):
    mode = records.PRECISIONS[precision], records.SUMMATIONS[summation]
    scene = trimmed(SCENES[name](), 4)
    image, _, _ = render(session, scene, *mode)
    assert bits(image) == bits(strict(scene, True, *mode)[0]) and image.any()


# -- in parts and in tiles


def test_many_launches_and_tiles_change_nothing(session):
    scene = random_scene("0:95").prepared
    scene = trimmed(scene, 4)
    launches = []
    kernel = cuda_target.Kernel.launch
    for changes in ({"LAUNCH_STEPS": 1}, {"LAUNCH_STEPS": 3 * 16}, {"TILE_PIXELS": 5}, {"TILE_BYTES": 1}):
        count = []
        with limits(**changes), pytest.MonkeyPatch.context() as patch:
            patch.setattr(cuda_target.Kernel, "launch", lambda *a: (count.append(a[2]), kernel(*a)))
            image, _, _ = render(session, scene)
        launches.append(len(count))
        assert bits(image) == bits(strict(scene)[0])
    assert min(launches) > 1 and max(launches) >= 16


@pytest.mark.parametrize("name", ["mosaic", "sources"])
@pytest.mark.parametrize("steps", [1, 35 * 2])
def test_what_is_carried_between_launches(session, name, steps):
    scene = SCENES[name]()
    with limits(LAUNCH_STEPS=steps):
        assert bits(render(session, scene)[0]) == bits(strict(scene)[0])


# -- what depends on the order of pixels


def outrun(**more):
    """Interpolation that runs out of the table after some pixels."""
    few = INDICES[(np.abs(INDICES) <= 4).all(axis=1)]
    factors = nb.StructureFactors.from_reflections(few, np.linspace(5.0, 90.0, len(few)))
    return prepared(factors=factors, sampling=nb.Sampling(oversample=1, interpolation=True), **more)


def test_interpolation_gives_up_at_the_same_pixel(session):
    scene = outrun(detector=nb.Detector(pixels=(7, 5), pixel_mm=3.0, distance_mm=60.0, beam_centre_mm=(1.0, 1.0)))
    image, outcome, _ = render(session, scene)
    expected, reference = strict(scene)
    assert bits(image) == bits(expected)
    assert outcome.first_out_of_range == reference.first_out_of_range is not None
    assert outcome.reasons["interpolation out of range"] >= 1
    with limits(TILE_PIXELS=4):
        image, outcome, _ = render(session, scene)
    assert bits(image) == bits(expected) and outcome.first_out_of_range == reference.first_out_of_range


def test_interpolation_that_lasts(session):
    scene = prepared(sampling=nb.Sampling(oversample=1, interpolation=True), beam=nb.Beam(wavelength_angstrom=6.0))
    image, outcome, _ = render(session, scene)
    assert bits(image) == bits(strict(scene)[0]) and outcome.first_out_of_range is None and image.any()


def settled_scene():
    """Revision main with a phi sweep through 0: the first pixel sees another row."""
    crystal = nb.Crystal(cell=CELL, n_cells=3, phi_start_deg=0.0, oscillation_deg=2.0, phi_steps=5)
    return prepared(crystal, revision="main")


def test_first_pixels_are_settled_strictly(session):
    scene = settled_scene()
    assert not np.array_equal(scene.scene.crystal.phi_rows, scene.scene.crystal.first_phi_rows)
    image, outcome, _ = render(session, scene)
    assert bits(image) == bits(strict(scene)[0])
    assert outcome.reasons["state of the first pixels"] >= 1 and outcome.lane_pixels > 20


def test_masked_pixels_are_left_alone(session):
    scene = prepared()
    mask = np.ones(scene.shape, dtype=np.uint8)
    mask[1, 2] = mask[4] = 0
    scene = dataclasses.replace(scene, mask=mask)
    image, outcome, _ = render(session, scene)
    assert bits(image) == bits(strict(scene)[0]) and outcome.masked == 8
    assert not image[mask == 0].any() and image[mask != 0].all()


# -- the strict evaluator's part


def test_scene_that_the_lanes_refuse_is_computed_strictly_and_said_so(session):
    scene = prepared(sampling=nb.Sampling(oversample=1, per_step=("polarisation",)), revision="main")
    image, outcome, _ = render(session, scene)
    assert bits(image) == bits(strict(scene)[0])
    assert outcome.refused == "factors that multiply a running sum" and outcome.lane_pixels == 0
    assert outcome.reasons == {outcome.refused: outcome.pixels}
    simulator = nb.Simulator(SMALL, nb.Beam(wavelength_angstrom=1.3), TABLE, revision="main", threads=1,
                             sampling=nb.Sampling(oversample=1, per_step=("polarisation",)), backend="cuda")
    result = simulator.run(nb.Crystal(cell=CELL, n_cells=3, misset_deg=(10, 20, 30)))
    assert bits(result.image) == bits(image)
    warning, = [w for w in result.outcome.remarks if "strict evaluator" in w]
    assert "factors that multiply" in warning and "0: CUDA simulator" in warning
    assert bits(simulator.device_image(nb.Crystal(cell=CELL, n_cells=3, misset_deg=(10, 20, 30))).copy_to_host()) == \
        bits(image)


def test_every_flagged_pixel_is_recomputed(session, monkeypatch):
    """A certificate that vouches for nothing: all pixels come back."""
    scene = prepared()
    bound = driver_cpu.planned(scene.scene, driver_cpu.Modes())
    monkeypatch.setattr(driver_cuda, "planned", lambda *a: bound._replace(bound=bound.bound._replace(relative=1.0)))
    image, outcome, _ = render(session, scene)
    assert bits(image) == bits(strict(scene)[0]) and outcome.strict_pixels == outcome.pixels == 35
    _, _, there = render(session, scene, stays=True)
    assert bits(there.copy_to_host()) == bits(image)


def test_doubles_of_the_device(session):
    scene = prepared()
    doubles = np.zeros((35, 2))
    render(session, scene, doubles=doubles)
    expected = np.zeros((35, 2))
    image = np.zeros(scene.shape, dtype=np.float32)
    render_tools.render(scene.scene, scene.window, None, image, interpolating=False, threads=1, doubles=expected)
    assert doubles.tobytes() == expected.tobytes() and (doubles > 0.0).all()


# -- many images, and images that stay


def crystals(count):
    return [nb.Crystal(cell=CELL, n_cells=3, misset_deg=(5.0 * n, 20, 30)) for n in range(count)]


def test_batch_copies_detector_and_structure_factors_once():
    detector = dataclasses.replace(SMALL, curved=True)
    there, here = (nb.Simulator(detector, nb.Beam(wavelength_angstrom=1.3), TABLE, threads=1, sampling=ONCE, **how)
                   for how in ({"backend": "cuda"}, {}))
    for mine, expected in zip(there.images(crystals(3)), here.images(crystals(3))):
        assert bits(mine) == bits(expected)
    assert there.backend.session.uploads == {"structure factors": 1, "pixels": 1}
    with limits(TILE_PIXELS=20):
        list(there.images(crystals(2)))
    assert there.backend.session.uploads == {"structure factors": 1, "pixels": 3}
    with limits(KEPT_BYTES=0, TILE_PIXELS=19):
        list(there.images(crystals(2)))
    assert there.backend.session.uploads["pixels"] == 7


def test_inputs_are_made_anew_for_another_detector(session):
    curved, further = dataclasses.replace(SMALL, curved=True), dataclasses.replace(SMALL, distance_mm=61.0)
    for detector in (SMALL, curved, further, SMALL):
        scene = prepared(detector=detector)
        assert bits(render(session, scene)[0]) == bits(strict(scene)[0])
    for factors in (TABLE, 3.0, TABLE):
        scene = prepared(factors=factors)
        assert bits(render(session, scene)[0]) == bits(strict(scene)[0])


@pytest.mark.parametrize("roi", [None, (2, 5, 1, 3)])
def test_image_on_the_device(roi):
    simulator = nb.Simulator(SMALL, nb.Beam(wavelength_angstrom=1.3), TABLE, backend="cuda", roi=roi, threads=1,
                             sampling=ONCE)
    crystal, = crystals(1)
    there, here = simulator.device_image(crystal), simulator.image(crystal)
    assert there.shape == here.shape and there.dtype == np.float32 and "7" in repr(there)
    assert bits(there.copy_to_host()) == bits(here) and here.any()
    interface = there.__cuda_array_interface__
    assert interface["shape"] == here.shape and interface["typestr"] == "<f4" and interface["data"][0]


def test_image_on_the_device_by_dlpack():
    from numbragg.render import device_image

    simulator = nb.Simulator(SMALL, nb.Beam(wavelength_angstrom=1.3), TABLE, backend="cuda", threads=1, sampling=ONCE)
    crystal, = crystals(1)
    there = simulator.device_image(crystal)
    taken = np.from_dlpack(there)
    expected = bits(simulator.image(crystal))
    address, = device_image._held
    del there
    assert bits(np.array(taken)) == expected and list(device_image._held) == [address]
    del taken
    assert not device_image._held
    there = simulator.device_image(crystal)
    capsule = there.__dlpack__()
    assert len(device_image._held) == 1
    del capsule
    assert not device_image._held
    with pytest.raises(BufferError, match="no copies"):
        there.__dlpack__(copy=True)
    with pytest.raises(BufferError, match="is on device"):
        there.__dlpack__(dl_device=(2, 5))


def test_progress_counts_all_pixels(session):
    seen = []
    render(session, settled_scene(), progress=seen.append)
    assert sum(seen) == 35


# -- what goes wrong


def test_device_that_is_not_there():
    with pytest.raises(cuda_target.DeviceError, match="device: 1 does not exist; there are 1, counted from 0"):
        driver_cuda.Session(1)


def test_table_larger_than_the_device(monkeypatch):
    session = driver_cuda.Session()
    monkeypatch.setattr(cuda_target.Device, "free_bytes", lambda self: 1000.0)
    with pytest.raises(ValueError, match=r"structure_factors: a table of 2.7e-05 GB does not fit into the 1e-06 GB "
                                         r"that are free on device 0: CUDA simulator"):
        render(session, prepared())


def test_out_of_memory_and_other_failures(monkeypatch):
    from numba.cuda.cudadrv.driver import CudaAPIError

    def fails(code, name):
        def call(*args, **kwargs):
            raise CudaAPIError(code, name)
        return call

    session = driver_cuda.Session()
    for name, message in (("CUDA_ERROR_OUT_OF_MEMORY", "out of memory"), ("CUDA_ERROR_LAUNCH_TIMEOUT", "TIMEOUT")):
        with monkeypatch.context() as patch:
            patch.setattr(cuda_target.cuda, "device_array", fails(2, name))
            with pytest.raises(ValueError, match=f"^device: .*{message}") as caught:
                render(session, prepared())
            assert len(str(caught.value).splitlines()) == 1
    # and the session can be used again
    assert render(session, prepared())[0].any()


def test_auto_takes_the_device():
    simulator = nb.Simulator(SMALL, nb.Beam(wavelength_angstrom=1.3), TABLE, backend="auto", threads=1, sampling=ONCE)
    assert simulator.backend.name == "cuda" and "auto: cuda, device 0" in simulator.backend.remark
    assert simulator.run(crystals(1)[0]).outcome.backend == "cuda"


@pytest.mark.parametrize("lanes", [True, False])
def test_an_overflow_is_an_infinity_without_a_word(session, lanes):
    """Interpreted kernels would warn of it, each of them and in threads of the simulator's; it is an error here."""
    scene = prepared(factors=nb.StructureFactors.constant(1e30))
    image = strict(scene, lanes=lanes)[0]
    assert np.isinf(image).any()
    assert bits(render(session, scene, lanes=lanes)[0]) == bits(image)
