"""Many small shots: computed side by side, handed out as if each had been computed when it was asked for."""

from collections.abc import Sequence
from dataclasses import replace
import gc
import signal
import threading
import time
import warnings
import weakref

import numpy as np
import pytest

import numbragg as nb
from numbragg import memory
from numbragg.render import side_by_side
from numbragg.render.backends import CPU

TABLE = np.random.default_rng(3).uniform(1, 100, (21, 21, 21))
FACTORS = nb.StructureFactors.from_array(TABLE, (-10, -10, -10), 5.0)
OTHERS = nb.StructureFactors.from_array(TABLE[::-1] + 1.0, (-10, -10, -10), 5.0)
BEAM = nb.Beam(polarisation_fraction=0.9)
PLANE = nb.Detector(pixels=(60, 50), pixel_mm=0.5)
MASK = np.arange(60 * 50).reshape(50, 60) % 3 > 0
WINDOWS = nb.Detector(pixels=(60, 50), pixel_mm=0.5, windows=((0, 0, 30, 50), (30, 0, 30, 40)))
SAMPLING = nb.Sampling(oversample=2)

pytestmark = pytest.mark.filterwarnings("ignore::numbragg.NumbraggWarning")


def crystal(number, **fields):
    return nb.Crystal(**{"cell": (60, 70, 80, 90, 90, 90), "n_cells": 4, "misset_deg": (number, 2 * number, 3),
                         "mosaic_spread_deg": 1.0, "mosaic_domains": 3, **fields})


CRYSTALS = [crystal(n) for n in range(13)]


def simulator(detector=PLANE, threads=3, **fields):
    return nb.Simulator(detector, BEAM, FACTORS, **{"sampling": SAMPLING, "threads": threads, **fields})


def as_bytes(images):
    return [image.tobytes() if isinstance(image, np.ndarray) else tuple(panel.tobytes() for panel in image)
            for image in images]


def alone(crystals, *arguments, **fields):
    """Images of simulators that have made no other."""
    return as_bytes(simulator(*arguments, **{**fields, "threads": 1}).run(crystals).image for crystals in crystals)


@pytest.fixture
def workers(monkeypatch):
    """The threads of shots that were rendered side by side."""
    found, render = [], CPU.render_with

    def noted(self, made, shots, evaluation, progress=None, halt=None, lent=None):
        if halt is not None:
            found.extend([threading.get_ident()] * len(shots))
        return render(self, made, shots, evaluation, progress, halt, lent)

    monkeypatch.setattr(CPU, "render_with", noted)
    return found


# -- the same images in the same order


SCENES = {
    "one panel": (CRYSTALS, PLANE, {}),
    "region": (CRYSTALS[:6], PLANE, {"roi": (10, 40, 5, 30)}),
    "masked": (CRYSTALS[:6], replace(PLANE, mask=MASK), {}),
    "windows": (CRYSTALS[:6], WINDOWS, {}),
    "several crystals": ([CRYSTALS[n:n + 2] for n in range(6)] + CRYSTALS[:2], PLANE, {}),
    "several crystals on panels": ([CRYSTALS[n:n + 2] for n in range(5)], WINDOWS, {}),
    "own structure factors": ([crystal(n, structure_factors=(FACTORS, OTHERS)[n % 2], scale=1.0 + n)
                               for n in range(7)], PLANE, {}),
    "interpolated": ([crystal(n, n_cells=2) for n in range(6)], PLANE, {}),
    "background": (CRYSTALS[:6], PLANE, {"background": "water:5um"}),
    "random orientations": ([crystal(n, misset_deg=None, random_misset_seed=n + 1, mosaic_seed=-n) for n in range(6)],
                            PLANE, {}),
    "other mosaicities": ([crystal(n, mosaicity=("gaussian", "anisotropic")[n % 2], mosaic_domains=4,
                                   mosaic_spread_deg=1.0 if n % 2 == 0 else (0.5, 1.0, 0.7)) for n in range(8)],
                          PLANE, {}),
    "sources of a list": (CRYSTALS[:5], PLANE, {}),
    "revision main": ([crystal(n, oscillation_deg=2.0, phi_steps=2) for n in range(5)], PLANE, {"revision": "main"}),
    "single": (CRYSTALS[:5], PLANE, {"precision": "single"}),
}


@pytest.mark.parametrize("name", SCENES)
def test_images_are_those_of_shots_one_by_one(name, workers, monkeypatch):
    crystals, detector, fields = SCENES[name]
    if name == "sources of a list":
        listed = np.array([[-10.0, 0.01 * n, 0.0, 1.0, 1e-10] for n in range(3)])
        monkeypatch.setattr(f"{__name__}.BEAM", nb.Beam(sources=listed))
    made = as_bytes(simulator(detector, **fields).images(crystals))
    # the first shot, and one that is left over, have all threads
    assert len(workers) >= len(crystals) - 2
    assert made == alone(crystals, detector, **fields)


def test_threads_have_a_shot_each(monkeypatch):
    """Two are in work at once; and each has one thread only."""
    render, both, seen = CPU.render_with, threading.Barrier(2, timeout=60.0), []

    def meeting(self, made, shots, evaluation, progress=None, halt=None, lent=None):
        if halt is not None and len(seen) < 2:
            seen.append((threading.get_ident(), evaluation.threads))
            both.wait()
        return render(self, made, shots, evaluation, progress, halt, lent)

    monkeypatch.setattr(CPU, "render_with", meeting)
    assert as_bytes(simulator().images(CRYSTALS[:5])) == alone(CRYSTALS[:5])
    assert len({thread for thread, _ in seen}) == 2 and {threads for _, threads in seen} == {1}


def test_a_large_shot_among_small_ones(monkeypatch, workers):
    """It is computed by all threads, when it is its turn."""
    monkeypatch.setattr(side_by_side, "SMALL_STEPS", 50 * 60 * 4 * 3)
    crystals = [crystal(n, mosaic_domains=7) if n in (4, 5, 9) else crystal(n) for n in range(13)]
    assert as_bytes(simulator().images(crystals)) == alone(crystals)
    assert 0 < len(workers) < 10


def test_images_too_large_for_a_batch(monkeypatch, workers):
    monkeypatch.setattr(side_by_side, "BATCH_BYTES", 5 * 4 * 50 * 60)
    assert as_bytes(simulator().images(CRYSTALS[:4])) == alone(CRYSTALS[:4]) and not workers


def test_size_of_batches():
    """Some tenths of a second, some megabytes: however many threads there are."""
    size = side_by_side._Size(simulator().prepare_shot(CRYSTALS[0]))
    assert (size.steps, size.most, size.bytes) == (60 * 50 * 12, 12, 4 * 60 * 50)
    assert size.batch(2) == 128 and size.is_small(2) and not size.is_small(10 ** 4)
    assert size.first(2) == 2 * side_by_side.GROUP
    size.steps, size.bytes = 1 << 22, 1 << 20
    assert size.batch(2) == 16 and size.first(2) == size.first(1) == 2 and size.first(3) == 3
    size.steps = 256 * 256 * 10
    assert size.first(1) == 6 and size.first(2) == 12
    size.bytes = 1 << 24
    assert size.batch(1) == 4 and size.is_small(2) and not size.is_small(4)


# -- what is taken, and when


class Listed(Sequence):
    """A sequence that notes what it was asked for."""

    def __init__(self, items):
        self.items, self.asked = items, []

    def __len__(self):
        return len(self.items)

    def __getitem__(self, number):
        self.asked.append(number)
        return self.items[number]


def test_a_sequence_is_taken_ahead_by_little():
    listed = Listed([CRYSTALS[n % 13] for n in range(1000)])
    images = simulator().images(listed)
    assert listed.asked == []
    next(images)
    assert listed.asked == [0]
    next(images)
    assert listed.asked == list(range(1 + 3 * side_by_side.GROUP))
    for _ in range(100):
        next(images)
    assert 101 < len(listed.asked) < 102 + 64 * 3
    images.close()
    assert not [thread for thread in threading.enumerate() if thread is not threading.main_thread()
                and "pydevd" not in thread.name and "pytest" not in thread.name and thread.name == "numbragg"]


def test_an_iterator_is_asked_when_its_image_is(workers):
    """What it gives next may depend on the image before."""
    seen = []

    def following():
        number = 0
        while number < 5:
            yield crystal(number)
            number = len(seen)

    for image in simulator().images(following()):
        seen.append(image)
    assert as_bytes(seen) == alone(CRYSTALS[:5]) and not workers


@pytest.mark.parametrize("ahead", [1, 4])
def test_an_iterator_is_taken_ahead_if_asked_for(ahead, workers):
    taken = []
    images = simulator().images((taken.append(n) or CRYSTALS[n] for n in range(13)), ahead=ahead)
    done = []
    for image in images:
        done.append(image)
        assert len(taken) <= len(done) + ahead
    assert as_bytes(done) == alone(CRYSTALS) and workers


def test_nothing_ahead_of_a_list(workers):
    listed = Listed(CRYSTALS[:4])
    for number, _ in enumerate(simulator().images(listed, ahead=0)):
        assert listed.asked == list(range(number + 1))
    assert not workers
    with pytest.raises(ValueError, match="^ahead: -1 "):
        next(simulator().images(CRYSTALS, ahead=-1))


def test_a_list_that_grows():
    crystals, done = CRYSTALS[:3], []
    for image in simulator().images(crystals):
        done.append(image)
        if len(crystals) < 8:
            crystals.append(CRYSTALS[len(crystals)])
    assert as_bytes(done) == alone(CRYSTALS[:8])


def test_crystals_of_a_shot_that_can_be_read_once():
    shots = [CRYSTALS[0], CRYSTALS[1], iter(CRYSTALS[2:4]), CRYSTALS[4], CRYSTALS[5], iter(CRYSTALS[6:7]), CRYSTALS[7]]
    wanted = [CRYSTALS[0], CRYSTALS[1], CRYSTALS[2:4], *CRYSTALS[4:8]]
    assert as_bytes(simulator().images(shots)) == alone(wanted)


def test_no_shots():
    assert list(simulator().images([])) == [] == list(simulator().images(iter(())))


# -- what goes wrong


@pytest.mark.parametrize("wrong", [crystal(5, cell=(60, 70, 80, 120, 120, 120)), "crystal", [], 3,
                                   crystal(5, spindle_axis=(0, 0, 1)),
                                   crystal(5, phi_steps=2 ** 30, oscillation_deg=1)])
@pytest.mark.parametrize("place", [1, 2, 6])
def test_an_error_comes_when_it_is_its_turn(wrong, place, monkeypatch):
    """All images before it, the words of `image`, and then no more."""
    # other programs change it meanwhile
    monkeypatch.setattr(memory, "available", lambda: 10 ** 10)
    crystals = CRYSTALS[:9]
    crystals[place] = wrong
    with pytest.raises(ValueError) as expected:
        simulator().image(wrong)
    images, done = simulator().images(crystals), []
    with pytest.raises(ValueError) as found:
        for image in images:
            done.append(image)
    assert str(found.value) == str(expected.value)
    assert as_bytes(done) == alone(CRYSTALS[:place]) and list(images) == []


def test_an_iterator_that_fails():
    def failing():
        yield from CRYSTALS[:5]
        raise KeyError("no more")

    images, done = simulator().images(failing(), ahead=10), []
    with pytest.raises(KeyError, match="no more"):
        for image in images:
            done.append(image)
    assert as_bytes(done) == alone(CRYSTALS[:5]) and list(images) == []


def told(images):
    """Warnings in the order of images: for each how many images there were, its words and its file."""
    found, count = [], 0
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in images:
            count += 1
            found += [(count, str(warning.message), warning.filename) for warning in caught]
            del caught[:]
    return found


def test_warnings_come_with_their_images():
    crystals = [crystal(n, fudge=1.0 + n % 3, n_cells=2 if n == 7 else 4) for n in range(11)]

    def one_by_one():
        for each in crystals:
            yield simulator().image(each)

    found, wanted = told(simulator().images(crystals)), told(one_by_one())
    assert found == wanted and {row[2] for row in found} == {__file__}
    assert len({row[0] for row in found}) > 5


def test_a_warning_that_is_an_error():
    crystals = [crystal(n, fudge=1.0 if n < 6 else 2.0) for n in range(9)]
    images, done = simulator().images(crystals), []
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "fudge")
        with pytest.raises(nb.NumbraggWarning, match="fudge: 2 "):
            for image in images:
                done.append(image)
    assert as_bytes(done) == alone(CRYSTALS[:6])


def test_progress_of_all_shots(workers):
    """Told by one thread at a time, and in the end of every pixel."""
    told_of, inside = [], []

    def progress(pixels):
        inside.append(pixels)
        time.sleep(0.0005)
        assert inside == [pixels]
        told_of.append(inside.pop())

    done = list(simulator().images(CRYSTALS, progress))
    assert len(done) == 13 and sum(told_of) == 13 * 60 * 50 and workers


def test_progress_that_fails():
    """Once, after the images before it."""
    count = []

    def progress(pixels):
        count.append(pixels)
        if sum(count) > 6 * 3000:
            raise RuntimeError("enough")

    images, done = simulator().images(CRYSTALS, progress), []
    with pytest.raises(RuntimeError, match="enough"):
        for image in images:
            done.append(image)
    assert 1 <= len(done) <= 6 and as_bytes(done) == alone(CRYSTALS[:len(done)])


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs timers that send signals")
@pytest.mark.parametrize("after", [0.02, 0.06, 0.1, 0.13])
def test_an_interrupt_ends_them_at_once(after):
    class Interrupted(BaseException):
        pass

    def interrupt(number, frame):
        raise Interrupted

    made = simulator(nb.Detector(pixels=(256, 256)))
    crystals = [crystal(n % 100, mosaic_domains=10) for n in range(2000)]
    list(made.images(crystals[:3]))
    before = signal.signal(signal.SIGALRM, interrupt)
    images = made.images(crystals)
    try:
        signal.setitimer(signal.ITIMER_REAL, after)
        begun = time.monotonic()
        with pytest.raises(Interrupted):
            for _ in images:
                pass
        assert time.monotonic() - begun < 5.0
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
    assert list(images) == []
    assert not [thread for thread in threading.enumerate() if thread.name == "numbragg"]
    # and nothing is left behind
    assert as_bytes(made.images(crystals[:4])) == as_bytes(made.image(each) for each in crystals[:4])


# -- what may change meanwhile


def test_a_table_is_not_to_be_written_to():
    for factors in (FACTORS, nb.StructureFactors(np.ones((3, 3, 3)), (0, 0, 0), (1, 1, 1)),
                    nb.StructureFactors.from_reflections([[0, 0, 1]], [2.0])):
        with pytest.raises(ValueError, match="WRITEABLE"):
            factors.table.setflags(write=True)
        with pytest.raises(ValueError, match="read-only"):
            factors.table[0, 0, 0] = 1.0


def changeable():
    """Structure factors whose table somebody else holds, and that table."""
    padded = np.zeros((22, 22, 22))
    padded[:-1, :-1, :-1] = TABLE
    return nb.StructureFactors.owning(padded, (-10,) * 3, (10,) * 3, 5.0), padded


@pytest.mark.parametrize("n_cells", [4, 2])
@pytest.mark.parametrize("threads", [1, 3])
def test_a_table_changed_in_place_is_noticed(threads, n_cells):
    factors, table = changeable()
    made = nb.Simulator(PLANE, BEAM, factors, sampling=SAMPLING, threads=threads)
    for number in range(5):
        fresh = nb.StructureFactors(table.copy(), (-10,) * 3, (10,) * 3, 5.0)
        other = nb.Simulator(PLANE, BEAM, fresh, sampling=SAMPLING, threads=1)
        each = crystal(number, n_cells=n_cells)
        assert made.image(each).tobytes() == other.image(each).tobytes()
        # the last time by one number, far away, and one sign
        table[...] = table * 1.5 if number < 3 else table
        table[3, 10, 10] += number


@pytest.mark.parametrize("of", ["simulator", "crystals"])
def test_a_table_changed_between_images_that_were_made_ahead(of):
    factors, table = changeable()
    fields = {"structure_factors": factors} if of == "crystals" else {}
    crystals = [crystal(n, **fields) for n in range(13)]
    made = nb.Simulator(PLANE, BEAM, factors if of == "simulator" else FACTORS, sampling=SAMPLING, threads=3)
    for number, image in enumerate(made.images(crystals)):
        fresh = nb.StructureFactors(table.copy(), (-10,) * 3, (10,) * 3, 5.0)
        wanted = nb.Simulator(PLANE, BEAM, fresh, sampling=SAMPLING, threads=1).image(crystal(number))
        assert image.tobytes() == wanted.tobytes(), number
        if number % 4 == 2:
            table *= 1.25


def test_attributes_that_are_assigned_between_images():
    made = simulator()
    others = {3: ("beam", nb.Beam(wavelength_angstrom=1.1)), 5: ("structure_factors", OTHERS),
              7: ("detector", replace(PLANE, distance_mm=90.0)), 9: ("sampling", nb.Sampling(oversample=1))}
    for number, image in enumerate(made.images(CRYSTALS)):
        fresh = nb.Simulator(made.detector, made.beam, made.structure_factors, sampling=made.sampling, threads=1)
        assert image.tobytes() == fresh.image(CRYSTALS[number]).tobytes(), number
        if number in others:
            setattr(made, *others[number])


def test_what_was_prepared_is_the_users():
    """To write into one shot's arrays changes no other's."""
    made, wanted = simulator(threads=1), alone(CRYSTALS[:3])
    for number in range(3):
        prepared = made.prepare(CRYSTALS[number])
        scene = prepared.scene
        for array in (scene.crystal.mosaic, scene.crystal.cells, scene.crystal.phi_cells, scene.beam.directions,
                      scene.beam.wavelengths, scene.beam.polarisation_axes):
            array[...] = 0.125
        scene.beam.next_axis[...] = 0
        prepared.random._table[...] = 7
        assert as_bytes([made.image(CRYSTALS[number])]) == [wanted[number]]


def test_random_numbers_go_on_from_where_the_shot_left_them():
    """Also where its mosaic domains were drawn for another one."""
    made = simulator()
    for number, seed in ((1, 5), (2, 5), (3, 6), (4, 5)):
        each = crystal(number, mosaic_seed=seed)
        tables = [one.prepare(each).random.numbers() for one in (made, simulator())]
        assert np.array_equal(*tables) and tables[0].any()


def test_a_mask_and_sources_changed_in_place():
    mask, sources = np.ones((50, 60), bool), np.array([[-10.0, 0.0, 0.0, 1.0, 1e-10], [-10.0, 0.1, 0.0, 1.0, 1e-10]])
    detector, beam = replace(PLANE, mask=mask), nb.Beam(sources=sources)
    made = nb.Simulator(detector, beam, FACTORS, sampling=SAMPLING, threads=2)
    before = made.image(CRYSTALS[0])
    for array in (detector.mask, beam.sources):
        array.setflags(write=True)
    detector.mask[10:20] = 0
    beam.sources[1, 1] = -0.1
    fresh = nb.Simulator(replace(PLANE, mask=np.array(detector.mask)), nb.Beam(sources=np.array(beam.sources)), FACTORS,
                         sampling=SAMPLING, threads=1)
    after = made.image(CRYSTALS[0])
    assert after.tobytes() == fresh.image(CRYSTALS[0]).tobytes() != before.tobytes()


def test_tables_of_others_are_let_go():
    """Of many crystals with structure factors of their own not all are kept."""
    made, theirs = simulator(threads=1), []
    for number in range(9):
        factors = nb.StructureFactors.from_array(TABLE + number, (-10,) * 3)
        theirs.append(weakref.ref(factors._kernel_table))
        made.image(crystal(number, structure_factors=factors))
    del factors
    gc.collect()
    assert len(made.backend._tables._kept) <= 4
    assert sum(1 for each in theirs if each() is not None) <= 4
