"""The CPU driver: whatever the threads and the chunks, the bits of one thread in the C's order.

Three things make a pixel depend on those before it, in the C program and so here: spindle angles
of exactly zero (revision main), the switch that gives up interpolation, and the polarisation axis
that is normalised in place again and again.  Each is put where it is hardest: in the first pixels,
behind skipped ones, inside a chunk, in the last pixel.
"""

import itertools
import threading

from formula_tools import alter
import numpy as np
import pytest
import render_tools

import numbragg as nb
from numbragg.kernels.arithmetic.vectors import unit
from numbragg.kernels.drive import cpu as driver_cpu
from numbragg.kernels.drive import crew
from numbragg.kernels.evaluate import strict
from numbragg.kernels.evaluate.strict import RECORD_FIELDS
from numbragg.kernels.physics.records import INTERPOLATING, initial_state
from numbragg.scene.sources import polarisation_axes

#: (threads, steps of a chunk); 1 step makes chunks of one pixel.
CREWS = [(1, 10 ** 12), (1, 1), (2, 1), (3, 40), (7, 1), (4, 333)]

#: With and without lanes, where there are any.
EVALUATORS = [{}, {"lanes": False}]

#: Polarisation axes by (rows before the cycle, rows in the cycle) of their repeated normalisation.
AXES = {
    (0, 1): (0.35, 0.82, 0.33), (1, 1): (-1.3, 0.91, 0.45), (2, 1): (0.19, -1.63, -1.2),
    (0, 2): (-0.55, 0.88, -0.01), (1, 2): (-0.16, 1.1, 1.65), (5, 1): (1.7, 2.25, 1.19),
    (13, 1): (-0.46, 0.45, 0.15), (35, 1): (-1.67, -1.47, 0.21),
}


def prepared(crystal, beam=None, detector=None, factors=100.0, **options):
    """A prepared scene of the Python front end."""
    beam = nb.Beam() if beam is None else beam
    detector = nb.Detector(pixels=(9, 7), pixel_mm=1.0) if detector is None else detector
    return nb.Simulator(detector, beam, factors, **options).prepare(crystal)


def one_by_one(ready):
    """Pixels in the C program's order, each with its value and what is carried on from it."""
    fast_min, fast_max, slow_min, slow_max = ready.window
    state = initial_state(ready.interpolating)
    record = np.zeros((1, len(RECORD_FIELDS)))
    for slow in range(slow_min, slow_max + 1):
        for fast in range(fast_min, fast_max + 1):
            if ready.mask is None or ready.mask[slow, fast]:
                value = strict.trace_pixel(ready.scene, fast, slow, state, record)[0]
                yield fast, slow, value, state


def in_c_order(ready):
    """The image from one strict evaluation after the other."""
    image = np.zeros(ready.shape, dtype=np.float32)
    for fast, slow, value, _ in one_by_one(ready):
        image[slow, fast] = 0.0 + value
    return image


def first_trip(ready):
    """The pixel (fast, slow) in which interpolation is given up."""
    return next(((fast, slow) for fast, slow, _, state in one_by_one(ready) if not state[INTERPOLATING]),
                None)


def same_for_all_crews(ready, monkeypatch):
    """The image in C order, after the driver gave the same with every crew; and the last outcome."""
    wanted = in_c_order(ready)
    for (threads, steps), kind in itertools.product(CREWS, EVALUATORS):
        monkeypatch.setattr(driver_cpu, "CHUNK_STEPS", steps)
        monkeypatch.setattr(driver_cpu, "LANE_CHUNK_STEPS", steps, raising=False)
        image = np.zeros(ready.shape, dtype=np.float32)
        outcome = render_tools.render(ready.scene, ready.window, ready.mask, image,
                                    interpolating=ready.interpolating, threads=threads, **kind)
        different = np.argwhere(image.view(np.int32) != wanted.view(np.int32))
        how = f"{kind}, {threads} threads, chunks of {steps} steps"
        assert len(different) == 0, f"{how}: {different[:5].tolist()}"
        assert outcome.threads == threads
    return wanted, outcome


# -- spindle angles of exactly zero, revision main


SWEEPS = {"zero first": dict(phi_start_deg=0.0, oscillation_deg=3.0, phi_steps=3),
          "zero last": dict(phi_start_deg=-2.0, phi_step_deg=1.0, oscillation_deg=3.0, phi_steps=3),
          "zero in the middle": dict(phi_start_deg=-1.0, phi_step_deg=1.0, oscillation_deg=3.0, phi_steps=3),
          "zero only": dict(phi_start_deg=0.0, oscillation_deg=0.0, phi_steps=3)}
HIDING = {
    "nothing": {},
    "mask": dict(masked=13),
    "region": dict(roi=(3, 7, 2, 5)),
    "region and mask": dict(roi=(3, 7, 2, 5), masked=23),
    "resolution": dict(d_min=12.0),
    "resolution and mask": dict(d_min=12.0, masked=13),
}


def turning(sweep, hiding, revision, **more):
    """A turning crystal of which the first pixels are skipped somehow."""
    mask = np.ones((7, 9), dtype=bool)
    mask.reshape(-1)[:HIDING[hiding].get("masked", 0)] = False
    return prepared(
        nb.Crystal(cell=(40, 50, 60, 90, 90, 90), n_cells=4, misset_deg=(10, 20, 30), **SWEEPS[sweep],
                   **more),
        nb.Beam(d_min_angstrom=HIDING[hiding].get("d_min", 0.0)),
        nb.Detector(pixels=(9, 7), pixel_mm=4.0, mask=mask), roi=HIDING[hiding].get("roi"), revision=revision,
        sampling=nb.Sampling(oversample=1))


@pytest.mark.parametrize("hiding", HIDING)
@pytest.mark.parametrize("sweep", SWEEPS)
@pytest.mark.parametrize("revision", ["main", "fixed"])
def test_spindle_angle_of_zero(sweep, hiding, revision, monkeypatch):
    ready = turning(sweep, hiding, revision)
    image, _ = same_for_all_crews(ready, monkeypatch)
    assert image.any()


@pytest.mark.parametrize("hiding", HIDING)
def test_spindle_angle_of_zero_shows_in_one_pixel(hiding, monkeypatch):
    """In `main` only the first pixel that is summed sees the unrotated crystal."""
    ready = turning("zero first", hiding, "main")
    image, _ = same_for_all_crews(ready, monkeypatch)
    other = ready.scene.crystal._replace(first_phi_rows=ready.scene.crystal.phi_rows)
    alter(ready, scene=ready.scene._replace(crystal=other))
    carried = in_c_order(ready)
    different = np.argwhere(image != carried)
    assert len(different) == 1
    summed = np.argwhere(image != 0.0)
    assert different[0].tolist() == summed[0].tolist()


def test_nothing_is_summed(monkeypatch):
    """Every pixel beyond the resolution limit: nothing ever settles."""
    ready = prepared(nb.Crystal(cell=(40, 50, 60, 90, 90, 90), phi_steps=2, oscillation_deg=1.0),
                     nb.Beam(d_min_angstrom=1e6, polarisation_axis=AXES[0, 2]),
                     nb.Detector(pixels=(9, 7), pixel_mm=4.0, convention="custom"), revision="main")
    image, _ = same_for_all_crews(ready, monkeypatch)
    assert not image.any()


# -- interpolation that is given up


def table(size, seed=3):
    """Amplitudes of all indices from -size to size."""
    n = 2 * size + 1
    return nb.StructureFactors.from_array(np.random.default_rng(seed).uniform(1.0, 100.0, (n, n, n)),
                                          (-size,) * 3, 7.0)


def interpolated(centre, *, size=6, cell=40.0, mosaic=False, roi=None, beam=None, convention="mosflm",
                 **sampling):
    """A scene in which interpolation fails beyond a circle about the beam's centre (pixels)."""
    more = dict(mosaic_spread_deg=2.0, mosaic_domains=4) if mosaic else {}
    x, y = (0.6 * c for c in centre)
    return prepared(
        nb.Crystal(cell=(cell, cell + 10.0, cell + 20.0, 90, 90, 90), n_cells=3, misset_deg=(1, 2, 3),
                   **more), beam,
        nb.Detector(pixels=(20, 16), pixel_mm=0.6, convention=convention,
                    beam_centre_mm=(x, y) if convention == "custom" else (y, x)),
        table(size), sampling=nb.Sampling(oversample=1, interpolation=True, **sampling), roi=roi)


TRIPS = {
    "first pixel": dict(centre=(30.0, 6.0)),
    "first row": dict(centre=(5.0, 2.0)),
    "somewhere": dict(centre=(8.0, -1.0)),
    "last row": dict(centre=(9.0, 1.0)),
    "never": dict(centre=(9.0, 6.0)),
    "region without": dict(centre=(9.0, -1.0), roi=(2, 7, 1, 9)),
    "region, first pixel": dict(centre=(5.0, 2.0), roi=(18, 19, 3, 10)),
}


@pytest.mark.parametrize("mosaic", [False, True])
@pytest.mark.parametrize("trip", TRIPS)
def test_interpolation_is_given_up(trip, mosaic, monkeypatch):
    ready = interpolated(mosaic=mosaic, **TRIPS[trip])
    assert ready.interpolating
    where = first_trip(ready)
    _, outcome = same_for_all_crews(ready, monkeypatch)
    assert outcome.first_out_of_range == where
    assert (where is None) == (trip in ("never", "region without"))
    if "first pixel" in trip:
        assert where == (ready.window[0], ready.window[2])
    if trip in ("somewhere", "last row"):
        assert where[1] >= 5


def test_interpolation_is_given_up_among_masked_rows(monkeypatch):
    """Chunks are left out before the pixel that is the first to fail, and after it."""
    ready = interpolated((8.0, -1.0), mosaic=True)
    slow = first_trip(ready)[1]
    assert 3 < slow < ready.shape[0] - 3
    alter(ready, mask=np.ones(ready.shape, dtype=np.uint8))
    for rows in ([1, 2], [slow + 1], [slow - 1], [slow]):
        ready.mask[rows] = 0
        where = first_trip(ready)
        _, outcome = same_for_all_crews(ready, monkeypatch)
        assert outcome.first_out_of_range == where and where[1] >= slow


def test_interpolation_is_given_up_in_the_last_pixel(monkeypatch):
    """A region whose last pixel is the first to fail."""
    ready = interpolated((8.0, -1.0), mosaic=True, roi=(0, 19, 0, 5))
    assert first_trip(ready) == (19, 5)
    _, outcome = same_for_all_crews(ready, monkeypatch)
    assert outcome.first_out_of_range == (19, 5)


def test_interpolation_is_given_up_between_domains(monkeypatch):
    """The switch falls inside a pixel: what comes before it is interpolated, what comes after is not."""
    ready = interpolated((8.0, -1.0), mosaic=True)
    fast, slow = first_trip(ready)
    assert slow > 0
    image, _ = same_for_all_crews(ready, monkeypatch)
    alter(ready, interpolating=False)
    nearest = in_c_order(ready)
    assert (image[:slow] != nearest[:slow]).all()
    assert image[slow, fast] != nearest[slow, fast]
    assert (image[slow, fast + 1:] == nearest[slow, fast + 1:]).all()
    assert (image[slow + 1:] == nearest[slow + 1:]).all()


@pytest.mark.parametrize("shape", ["tophat", "gauss"])
def test_skipped_steps_do_not_give_up_interpolation(shape, monkeypatch):
    """Steps whose lattice factor is zero are never looked up: there interpolation goes on."""
    ready = prepared(nb.Crystal(cell=(40, 50, 60, 90, 90, 90), n_cells=12, shape=shape, misset_deg=(1, 2, 3)),
                     None, nb.Detector(pixels=(20, 16), pixel_mm=3.0), table(4),
                     sampling=nb.Sampling(oversample=1, interpolation=True))
    where = first_trip(ready)
    _, outcome = same_for_all_crews(ready, monkeypatch)
    assert outcome.first_out_of_range == where


# -- the polarisation axis, normalised in place


def rows_before_and_in_cycle(axis):
    rows, following = polarisation_axes(unit(axis)[0])
    before = int(following[-1])
    return before, len(rows) - before


@pytest.mark.parametrize("wanted", AXES)
def test_axes_are_what_they_are_meant_to_be(wanted):
    assert rows_before_and_in_cycle(AXES[wanted]) == wanted


def polarised(wanted, *, pixels=(9, 7), d_min=0.0, fraction=0.9, factors=100.0, crystal=None, roi=None,
              per_step=(), revision="fixed", visible=True):
    """A scene whose polarisation axis wanders.

    Repeated normalisation changes the last bit only, which float32 pixels seldom show; `visible`
    puts quite different axes in the place of those that it gives, in the same succession.
    """
    ready = prepared(
        crystal or nb.Crystal(cell=(40, 50, 60, 90, 90, 90), n_cells=3, misset_deg=(10, 20, 30)),
        nb.Beam(polarisation_axis=AXES.get(wanted), polarisation_fraction=fraction, d_min_angstrom=d_min,
                dispersion_percent=3.0, dispersion_steps=3),
        nb.Detector(pixels=pixels, pixel_mm=4.0, convention="custom"), factors, roi=roi, revision=revision,
        sampling=nb.Sampling(oversample=2, per_step=per_step))
    if visible:
        before, cycle = wanted
        rows = np.random.default_rng(5).normal(size=(before + cycle, 3))
        rows /= np.linalg.norm(rows, axis=1)[:, None]
        following = np.append(np.arange(1, before + cycle), before)
        if wanted in AXES:
            assert following.tolist() == ready.scene.beam.next_axis.tolist()
        alter(ready, scene=ready.scene._replace(beam=ready.scene.beam._replace(polarisation_axes=rows,
                                                                          next_axis=following)))
    return ready


#: Successions that no axis has shown, besides those that some axes have.
LONG = [(0, 3), (4, 2), (7, 5)]


@pytest.mark.parametrize("per_step", [(), ("polarisation",)])
@pytest.mark.parametrize("d_min", [0.0, 12.0])
@pytest.mark.parametrize("visible", [False, True])
@pytest.mark.parametrize("wanted", AXES)
def test_wandering_polarisation_axis(wanted, visible, d_min, per_step, monkeypatch):
    ready = polarised(wanted, d_min=d_min, per_step=per_step, visible=visible)
    image, _ = same_for_all_crews(ready, monkeypatch)
    assert image.any()


@pytest.mark.parametrize("per_step", [(), ("polarisation",)])
@pytest.mark.parametrize("d_min", [0.0, 12.0])
@pytest.mark.parametrize("wanted", LONG)
def test_longer_successions_of_axes(wanted, d_min, per_step, monkeypatch):
    same_for_all_crews(polarised(wanted, d_min=d_min, per_step=per_step), monkeypatch)


@pytest.mark.parametrize("wanted", [(0, 2), (1, 2), (7, 5)])
def test_wandering_polarisation_axis_matters(wanted):
    """Each step to another axis changes pixels, so that the tests above can fail."""
    ready = polarised(wanted)
    image = in_c_order(ready)
    before, cycle = wanted
    following = np.append(np.arange(1, before + cycle), before + cycle - 1)
    alter(ready, scene=ready.scene._replace(beam=ready.scene.beam._replace(next_axis=following)))
    held = in_c_order(ready)
    assert (image != held).sum() > 20


@pytest.mark.parametrize("wanted", [(0, 2), (1, 2), (35, 1), (7, 5)])
def test_wandering_axis_in_a_region_with_a_mask(wanted, monkeypatch):
    ready = polarised(wanted, roi=(2, 8, 1, 5))
    alter(ready, mask=(np.arange(63).reshape(7, 9) % 3 != 1).astype(np.uint8))
    same_for_all_crews(ready, monkeypatch)
    # chunks of masked rows are left out
    ready.mask[3] = 0
    same_for_all_crews(ready, monkeypatch)


def test_everything_masked(monkeypatch):
    ready = polarised((7, 5))
    alter(ready, mask=np.zeros(ready.shape, dtype=np.uint8))
    image, outcome = same_for_all_crews(ready, monkeypatch)
    assert not image.any() and outcome.masked == outcome.pixels == image.size


@pytest.mark.parametrize("pixels", [(1, 1), (2, 1), (1, 3)])
@pytest.mark.parametrize("wanted", [(0, 2), (1, 2), (13, 1), (4, 2)])
def test_image_that_ends_before_the_axis_settles(wanted, pixels, monkeypatch):
    image, _ = same_for_all_crews(polarised(wanted, pixels=pixels), monkeypatch)
    assert image.all()


@pytest.mark.parametrize("wanted", [(0, 2), (1, 2), (13, 1), (7, 5)])
@pytest.mark.parametrize("revision", ["main", "fixed"])
def test_all_that_is_carried_at_once(wanted, revision, monkeypatch):
    """Wandering axis, angle of zero, interpolation that fails: each settles at its own pixel."""
    crystal = nb.Crystal(cell=(40, 50, 60, 90, 90, 90), n_cells=3, misset_deg=(1, 2, 3), oscillation_deg=2.0,
                         phi_steps=2, mosaic_spread_deg=1.0, mosaic_domains=2)
    for d_min in (0.0, 12.0):
        ready = polarised(wanted, d_min=d_min, factors=table(6), crystal=crystal, per_step=("polarisation",),
                          revision=revision)
        alter(ready, interpolating=True)
        where = first_trip(ready)
        assert where is not None
        _, outcome = same_for_all_crews(ready, monkeypatch)
        assert outcome.first_out_of_range == where


@pytest.mark.parametrize("centre", [(30.0, 6.0), (5.0, 2.0), (2.0, 2.0), (9.0, 0.0)])
@pytest.mark.parametrize("wanted", [(1, 2), (13, 1), (35, 1), (7, 5)])
def test_interpolation_fails_about_when_the_axis_settles(wanted, centre, monkeypatch):
    """The place that is reported is the pixel itself, not the one in which all is settled."""
    ready = interpolated(centre, convention="custom", beam=nb.Beam(polarisation_axis=AXES.get(wanted),
                                                                  polarisation_fraction=0.5))
    rows = np.random.default_rng(5).normal(size=(sum(wanted), 3))
    following = np.append(np.arange(1, sum(wanted)), wanted[0])
    alter(ready, scene=ready.scene._replace(beam=ready.scene.beam._replace(polarisation_axes=rows,
                                                                      next_axis=following)))
    where = first_trip(ready)
    assert where is not None
    _, outcome = same_for_all_crews(ready, monkeypatch)
    assert outcome.first_out_of_range == where


@pytest.mark.parametrize("wanted", [(0, 2), (1, 2)])
def test_polarisation_factor_of_zero_is_computed_again(wanted, monkeypatch):
    """A factor of exactly zero counts as not yet computed, so the axis is normalised more often."""
    beam = nb.Beam(polarisation_axis=(0.0, 1.0, 0.0), direction=(1.0, 0.0, 0.0), polarisation_fraction=1.0)
    ready = prepared(nb.Crystal(cell=(40, 50, 60, 90, 90, 90)), beam,
                     nb.Detector(pixels=(9, 7), pixel_mm=4.0, convention="custom"))
    rows, following = polarisation_axes(unit(AXES[wanted])[0])
    alter(ready, scene=ready.scene._replace(beam=ready.scene.beam._replace(polarisation_axes=rows,
                                                                      next_axis=following)))
    same_for_all_crews(ready, monkeypatch)


# -- the crew


def test_progress_adds_up(monkeypatch):
    """Every pixel is told once, masked ones too."""
    ready = interpolated((9.0, -1.0))
    alter(ready, mask=np.ones(ready.shape, dtype=np.uint8))
    ready.mask[1:3] = ready.mask[0, :5] = 0
    for threads, steps in CREWS:
        monkeypatch.setattr(driver_cpu, "CHUNK_STEPS", steps)
        told = []
        render_tools.render(ready.scene, ready.window, ready.mask, np.zeros(ready.shape, np.float32),
                          interpolating=True, threads=threads, progress=told.append)
        assert sum(told) == ready.shape[0] * ready.shape[1]


@pytest.mark.parametrize("threads", [1, 3])
def test_a_failure_reaches_the_caller(threads, monkeypatch):
    """An error in one chunk ends the crew and is raised; no thread is left."""
    ready = turning("zero first", "nothing", "fixed")
    monkeypatch.setattr(driver_cpu, "CHUNK_STEPS", 1)

    def fail(pixels):
        raise RuntimeError("no more")

    before = threading.active_count()
    with pytest.raises(RuntimeError, match="no more"):
        render_tools.render(ready.scene, ready.window, ready.mask, np.zeros(ready.shape, np.float32),
                          interpolating=False, threads=threads, progress=fail)
    assert threading.active_count() == before


@pytest.mark.parametrize("available", [0, 1, 2])
def test_fewer_threads_than_asked_for(available, monkeypatch):
    """Where the system gives no more threads, those that there are do the work."""
    ready = turning("zero first", "nothing", "fixed")
    wanted = in_c_order(ready)
    monkeypatch.setattr(driver_cpu, "CHUNK_STEPS", 1)
    monkeypatch.setattr(driver_cpu, "LANE_CHUNK_STEPS", 1, raising=False)
    start, started = threading.Thread.start, []

    def scarce(thread):
        if len(started) == available:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", scarce)
    image = np.zeros(ready.shape, np.float32)
    render_tools.render(ready.scene, ready.window, ready.mask, image, interpolating=False, threads=50)
    assert len(started) == available
    assert image.tobytes() == wanted.tobytes()


def test_empty_window(monkeypatch):
    """A region outside the detector: nothing is computed."""
    ready = turning("zero first", "nothing", "main")
    image = np.zeros(ready.shape, np.float32)
    outcome = render_tools.render(ready.scene, (5, 4, 0, 3), None, image, interpolating=False, threads=2)
    assert outcome.pixels == 0 and not image.any()


def test_counts(monkeypatch):
    """Pixels of the window, masked ones apart."""
    ready = turning("zero first", "region and mask", "main")
    image = np.zeros(ready.shape, np.float32)
    outcome = render_tools.render(ready.scene, ready.window, ready.mask, image, interpolating=False, threads=2)
    window = np.s_[2:6, 3:8]
    assert outcome.pixels == 20
    assert outcome.masked == np.count_nonzero(ready.mask[window] == 0)
    assert outcome.strict_pixels + outcome.lane_pixels == outcome.pixels - outcome.masked


@pytest.mark.parametrize("threads", [1, 2, 1000])
@pytest.mark.parametrize("count", [1, 100, 2 ** 16, 2 ** 22 + 1, 2 ** 30])
def test_chunks_are_few_and_cover_everything(count, threads, monkeypatch):
    """However many steps a pixel has: the list of chunks must not take more memory than the image."""
    monkeypatch.setattr(crew, "steps_per_pixel", lambda scene: 10 ** 9)
    chunks = crew.shares(None, 0, count, 0, threads, driver_cpu.LANE_CHUNK_STEPS)
    assert len(chunks) <= 2 * crew.MOST_CHUNKS
    assert chunks[0].start == 0 and chunks[-1].stop == count
    assert all(one.stop == other.start for one, other in zip(chunks, chunks[1:]))
    assert len(chunks) >= min(count, 4 * threads) or count < 4 * threads


@pytest.mark.parametrize("threads", [2, 3, 8, 16])
@pytest.mark.parametrize("steps", [1, 10, 50, 200, 5000])
@pytest.mark.parametrize("count", [2 ** 14, 2 ** 16, 2 ** 18, 2 ** 22])
def test_threads_end_together(count, steps, threads, monkeypatch):
    """Where all pixels take the same time, and whoever is free takes the next chunk, all end at about the same time."""
    monkeypatch.setattr(crew, "steps_per_pixel", lambda scene: steps)
    chunks = crew.shares(None, 0, count, 0, threads, driver_cpu.LANE_CHUNK_STEPS)
    ends = [0] * threads
    for chunk in chunks:
        ends[ends.index(min(ends))] += chunk.stop - chunk.start
    cost = steps + crew.PIXEL_STEPS
    assert (max(ends) - count / threads) * cost <= max(driver_cpu.LANE_CHUNK_STEPS / crew.LEAST_PART, 128 * cost)
    # to hand one out takes as long as a thousand steps or two
    assert len(chunks) * 2000 < 0.1 * count * cost + 2000


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("lanes", EVALUATORS)
def test_masked_rows_are_not_handed_out(lanes, threads, monkeypatch):
    """Chunks without a pixel to compute are left out, told to the progress, and change nothing."""
    detector = nb.Detector(pixels=(9, 7), pixel_mm=1.0)
    mask = np.zeros(detector.shape, dtype=np.uint8)
    mask[2, 3:] = mask[5] = 1
    crystal = nb.Crystal(cell=(60, 70, 80, 90, 90, 90), n_cells=5)
    whole = prepared(crystal, detector=detector)
    ready = prepared(crystal, detector=nb.Detector(pixels=(9, 7), pixel_mm=1.0, mask=mask))
    monkeypatch.setattr(driver_cpu, "CHUNK_STEPS", 1)
    monkeypatch.setattr(driver_cpu, "LANE_CHUNK_STEPS", 1)
    images = [np.zeros(ready.shape, np.float32) for _ in range(2)]
    told, seen, evaluate = [], [], driver_cpu.Evaluator.evaluate

    def watched(evaluator, chunk, state, until_trip=False):
        seen.append(chunk)
        return evaluate(evaluator, chunk, state, until_trip)

    render_tools.render(whole.scene, whole.window, None, images[0], interpolating=False, threads=threads, **lanes)
    monkeypatch.setattr(driver_cpu.Evaluator, "evaluate", watched)
    render_tools.render(ready.scene, ready.window, ready.mask, images[1], interpolating=False, threads=threads,
                      progress=told.append, **lanes)
    assert (images[1] == np.where(mask, images[0], 0)).all() and images[1][5].all()
    assert sum(told) == mask.size
    assert seen and {chunk.start // mask.shape[1] for chunk in seen} <= {2, 5}
