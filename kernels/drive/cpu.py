"""Runs the evaluators over an image with Python threads; owns the order of pixels and no physics.

Kernels hold no global lock, so plain threads, made for one image and joined at its end, use all
cores.  Nothing outlives the call: a forked child, or a second Python thread that simulates at the
same time, finds no thread pool of ours to trip over.

The bits never depend on the number of threads or on the chunks.  Where the C program depends on
the order of pixels, one-thread order is reproduced: what it carries along is settled first, in
that order, and only then are pixels shared out.
"""

from dataclasses import dataclass, field
import os
import threading

import numpy as np

from ..compile.compilation import jit, kept
from ..evaluate.certificate import plan
from ..evaluate.lanes import BLOCK, REASONS, lane_kernel
from ..evaluate.strict import RECORD_FIELDS, photons, pixel_sum, rotated_cell
from ..physics.records import (
    AXIS,
    EXACT,
    FRESH,
    INTERPOLATING,
    ONE_CELL,
    PRECISIONS,
    SEQUENTIAL,
    SINGLE,
    SQUARE,
    initial_state,
)
from ..physics.structure_factor import squared_grid

__all__ = ["available_threads", "compiled", "counting_scene", "listed_pixels", "load_kernels", "planned", "render",
           "render_in_order", "rotated_cells", "steps_per_pixel", "trace_pixel", "Chunk", "Crew", "Evaluator",
           "NO_DOUBLES", "NO_LIST", "Outcome", "strict_pixels"]

#: Steps that make a chunk: some milliseconds (0.1 microsecond a step, in lanes a tenth of that).
CHUNK_STEPS = 100_000
LANE_CHUNK_STEPS = 1_000_000

#: Steps that take about as long as what is done once for a pixel.
PIXEL_STEPS = 3

#: Part of these numbers of steps that a chunk has at least: some ten times what it takes to hand one out.
LEAST_PART = 32

#: Pixels of a chunk at most: what is kept of each stays in a processor's cache.
CHUNK_PIXELS = 2 ** 15

#: About how many chunks an image has at most, for they are listed: pixels of a million steps would otherwise be
#: a chunk each.
MOST_CHUNKS = 2 ** 16


@dataclass
class Outcome:
    """What a driver did."""

    pixels: int = 0
    masked: int = 0
    threads: int = 1
    first_out_of_range: tuple | None = None  # (fast, slow) where interpolation switched itself off
    lane_pixels: int = 0
    strict_pixels: int = 0
    reasons: dict = field(default_factory=dict)  # why pixels went to the strict evaluator, and how many
    refused: str | None = None  # why the lanes could not treat the scene
    backend: str = "cpu"  # or "cuda"
    device: str | None = None  # number and name


def available_threads():
    """Number of processors this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


_NO_IMAGE = np.empty((0, 0), dtype=np.float32)
NO_LIST = np.empty(0, dtype=np.int64)
NO_DOUBLES = np.empty((0, 2))


@jit
def strict_pixels(scene, window, mask, image, listed, start, stop, state, until_settled, settled_axis, until_trip,
                  doubles):
    """Strict evaluation of pixels start..stop-1 of a window, in the C program's order.

    Parameters
    ----------
    window : (first fast, first slow, fast size) int
        The pixels are numbered row by row inside it.
    mask : (slow, fast) uint8
        Zero: left alone.  No rows: nothing is masked.
    image : (slow, fast) float32
        Written; no rows: nothing is.
    listed : (n,) int64
        Pixels to take instead: listed[start] to listed[stop - 1]; empty: all.
    until_settled : bool
        Stop after the pixel that leaves nothing fresh and the polarisation axis at row
        `settled_axis` or later.
    until_trip : bool
        Stop after the pixel in which interpolation switched itself off.
    doubles : (pixels, 2) float64
        Where it has rows, doubles[n, 0] becomes the value of pixel n before rounding.

    Returns
    -------
    int
        Number (in the list, if there is one) of the pixel to go on with.
    """
    first_fast, first_slow, width = window
    slow, column = start // width, start % width - 1
    for number in range(start, stop):
        if listed.shape[0] > 0:
            slow, column = listed[number] // width, listed[number] % width
        else:
            # counted along: a division for every pixel would be felt
            column += 1
            if column == width:
                slow, column = slow + 1, 0
        index = slow * width + column
        fast = first_fast + column
        row = first_slow + slow
        if mask.shape[0] > 0 and mask[row, fast] == 0:
            continue
        total, capture, polar, omega, _ = pixel_sum(scene, fast, row, state, None)
        value = photons(scene.sampling, total, capture, polar, omega)
        if image.shape[0] > 0:
            image[row, fast] = np.float32(0.0 + value)
        if doubles.shape[0] > 0:
            doubles[index, 0] = value
        if until_settled and state[FRESH] == 0 and state[AXIS] >= settled_axis:
            return number + 1
        if until_trip and state[INTERPOLATING] == 0:
            return number + 1
    return stop


@jit
def trace_pixel(scene, fast, slow, state, record):
    """Strict evaluation of one pixel with a record of its steps; see `pixel.pixel_sum`."""
    total, capture, polar, omega, recorded = pixel_sum(scene, fast, slow, state, record)
    return photons(scene.sampling, total, capture, polar, omega), total, capture, polar, omega, recorded


@jit
def _rotated_cells(crystal, out):
    for row in range(out.shape[0]):
        for domain in range(out.shape[1]):
            cell = rotated_cell(crystal, row, domain)
            for i in range(9):
                out[row, domain, i] = cell[i]


def rotated_cells(crystal):
    """Cells after both rotations, for every spindle angle and domain: (rows, domains, 9)."""
    out = np.empty((len(crystal.phi_cells), crystal.domains, 9))
    _rotated_cells(crystal, out)
    return out


def compiled():
    """Whether kernels of this version have been compiled before and are kept on disk."""
    return kept(strict_pixels) or kept(lane_kernel)


def listed_pixels(scene, window, mask, interpolating, only=None):
    """Trace pixels one by one in the C program's order, with what it carries along.

    Parameters
    ----------
    scene, window, mask, interpolating
        As in `render`.
    only : (fast, slow) or None
        The one pixel to trace; None: all of the window that are not masked.

    Yields
    ------
    fast, slow : int
    row : (len(RECORD_FIELDS),) float64
        Record of the pixel's last step.
    value : float
        Photons, before the rounding to float32.
    """
    if mask is None:
        mask = np.empty((0, 0), dtype=np.uint8)
    fast_min, fast_max, slow_min, slow_max = window
    width = fast_max - fast_min + 1
    state = initial_state(interpolating)
    record = np.zeros((1, len(RECORD_FIELDS)))
    if only is not None:
        fast, slow = only
        if not (fast_min <= fast <= fast_max and slow_min <= slow <= slow_max):
            return
        # everything before it, for the state that it leaves
        strict_pixels(scene, (fast_min, slow_min, width), mask, _NO_IMAGE, NO_LIST, 0,
                      (slow - slow_min) * width + fast - fast_min, state, False, 0, False, NO_DOUBLES)
        fast_range, slow_range = (fast, fast), (slow, slow)
    else:
        fast_range, slow_range = (fast_min, fast_max), (slow_min, slow_max)
    for slow in range(slow_range[0], slow_range[1] + 1):
        for fast in range(fast_range[0], fast_range[1] + 1):
            if mask.shape[0] and not mask[slow, fast]:
                continue
            value = trace_pixel(scene, fast, slow, state, record)[0]
            yield fast, slow, record[0], value


class Crew:
    """Threads that take chunks in turn until none is left, one fails or the user interrupts.

    The caller's thread is one of them: it has a processor already.
    """

    def __init__(self, threads, progress=None):
        self.threads = threads
        self.progress = progress

    def run(self, work, chunks):
        """Call work(chunk) for all chunks, starting them in order."""
        if self.threads == 1 or len(chunks) == 1:
            for chunk in chunks:
                work(chunk)
                self._report(chunk)
            return
        source = iter(chunks)
        lock = threading.Lock()
        failures = []
        stopping = threading.Event()

        def labour():
            while not stopping.is_set():
                with lock:
                    chunk = next(source, None)
                if chunk is None:
                    return
                try:
                    work(chunk)
                    with lock:
                        self._report(chunk)
                except BaseException as failure:  # raised when all have stopped
                    failures.append(failure)
                    stopping.set()

        crew = []
        try:
            for _ in range(min(self.threads, len(chunks)) - 1):
                thread = threading.Thread(target=labour, daemon=True)
                try:
                    thread.start()
                except RuntimeError:
                    # the system gives no more: those that there are do the work
                    break
                crew.append(thread)
            labour()
            for thread in crew:
                thread.join()
        except BaseException:
            stopping.set()
            for thread in crew:
                thread.join()
            raise
        if failures:
            raise failures[0]

    def _report(self, chunk):
        if self.progress is not None:
            self.progress(chunk.stop - chunk.start)


@dataclass
class Chunk:
    """Pixels start..stop-1 of a window, and the row of the polarisation axis that they begin with."""

    start: int
    stop: int
    axis: int


def steps_per_pixel(scene):
    """Number of steps that a pixel sums, layers included."""
    geometry, beam, crystal = scene.geometry, scene.beam, scene.crystal
    return (geometry.layers * geometry.oversample ** 2 * len(beam.wavelengths)
            * max(1, len(crystal.phi_rows)) * crystal.domains)


def _chunks(scene, start, stop, axis, threads, chunk_steps):
    """Chunks that get smaller to the end, so that all threads end at about the same time."""
    steps, chunks = steps_per_pixel(scene) + PIXEL_STEPS, []
    most = max(1, min(chunk_steps // steps, CHUNK_PIXELS), -(-(stop - start) // MOST_CHUNKS))
    least = max(1, min(chunk_steps // (LEAST_PART * steps), most))
    while start < stop:
        share = (stop - start) // (2 * threads) if threads > 1 else most
        end = min(start + _whole_vectors(max(least, min(share, most))), stop)
        chunks.append(Chunk(start, end, axis))
        start = end
    return chunks


def _whole_vectors(pixels):
    """Fewer pixels, so that no loop over them has a rest that is no vector."""
    unit = next((unit for unit in (BLOCK, 16) if pixels > unit), 1)
    return pixels - pixels % unit


def planned(scene, precision):
    """How the lanes treat a scene; ValueError if they cannot and there is no other way."""
    how = plan(scene, precision)
    if how.reason is not None and precision != EXACT:
        name, = (name for name, value in PRECISIONS.items() if value == precision)
        raise ValueError(f"precision: {name!r} is not possible for this scene ({how.reason}); 'exact' is")
    return how


class Evaluator:
    """The evaluators applied to one window of one image."""

    def __init__(self, scene, window, mask, image, plan, doubles, precision, summation, threads):
        fast_min, fast_max, slow_min, slow_max = window
        width, height = fast_max - fast_min + 1, slow_max - slow_min + 1
        self.scene, self.image = scene, image
        self.window, self.place, self.count = window, (fast_min, slow_min, width), max(width, 0) * max(height, 0)
        self.mask = np.empty((0, 0), dtype=np.uint8) if mask is None else mask
        self.polarised = scene.sampling.oversample_polar or not scene.beam.unpolarised_factor
        self.settled_axis = int(scene.beam.next_axis[-1]) if self.polarised else 0
        self.plan = plan
        self.doubles = NO_DOUBLES if doubles is None else doubles
        self.precision, self.summation = precision, summation
        self.threads = threads or available_threads()
        self._grid = self.squared_grid() if self.lanes else None
        self._lock = threading.Lock()
        self.strict_pixels = 0
        self.reasons = {}

    def squared_grid(self):
        """Structure factors for the lanes, in the precision asked for."""
        return squared_grid(self.scene.lookup, np.float32 if self.precision == SINGLE else np.float64)

    @property
    def lanes(self):
        """Whether pixels go through the lanes."""
        return self.plan.reason is None

    @property
    def crew(self):
        """How many threads take chunks."""
        return self.threads

    def in_window(self, pixels):
        """The window's part of an array of the size of the detector."""
        fast_min, fast_max, slow_min, slow_max = self.window
        return pixels[slow_min:slow_max + 1, fast_min:fast_max + 1]

    def chunks(self, start, stop, axis):
        """Pixels start..stop-1, shared out."""
        return _chunks(self.scene, start, stop, axis, self.threads, LANE_CHUNK_STEPS if self.lanes else CHUNK_STEPS)

    def variant(self, interpolating):
        """What tells the kernel of the lanes apart: see `lanes.lane_kernel`."""
        crystal = self.scene.crystal
        shape = ONE_CELL if crystal.shape == SQUARE and max(crystal.n_cells) <= 1.0 else crystal.shape
        about = self.plan.about and shape == SQUARE and self.precision == EXACT
        return shape, bool(interpolating), about, self.precision, self.summation

    def load(self, interpolating):
        """Compile the kernels that this image will need, or load them from disk."""
        nothing = Chunk(0, 0, 0)
        # once on disk, the strict kernel is only loaded for a pixel that needs it
        needed = not self.lanes or not compiled()
        for on in {bool(interpolating), False}:
            self.evaluate(nothing, initial_state(on))
        if needed:
            self.strict(nothing, initial_state(False))

    def strict(self, chunk, state, *, until_settled=False, until_trip=False, listed=NO_LIST):
        """Evaluate a chunk (or the pixels listed) strictly; the pixel (of the list) to go on with."""
        start, stop = (0, len(listed)) if len(listed) else (chunk.start, chunk.stop)
        following = strict_pixels(self.scene, self.place, self.mask, self.image, listed, start, stop, state,
                                  until_settled, self.settled_axis, until_trip, self.doubles)
        return following

    def evaluate(self, chunk, state, until_trip=False):
        """Evaluate a chunk, in lanes where that is possible; the pixel to go on with."""
        if not self.lanes:
            return self.strict(chunk, state, until_trip=until_trip)
        kernel = lane_kernel(*self.variant(state[INTERPOLATING]))
        flags = np.zeros(chunk.stop - chunk.start, dtype=np.uint8)
        doubles = self.doubles[chunk.start:chunk.stop]
        kernel(self.scene, self._grid, self.plan.bound, self.place, self.mask, self.image, chunk.start, chunk.stop,
               len(self.scene.beam.next_axis) - 1, doubles, flags)
        return self.take_over(chunk, state, flags, until_trip)

    def take_over(self, chunk, state, flags, until_trip):
        """Evaluate the flagged pixels of a chunk strictly; the pixel to go on with."""
        listed = np.flatnonzero(flags)
        following = chunk.stop
        if len(listed):
            end = self.strict(chunk, state, until_trip=until_trip, listed=listed + chunk.start)
            listed = listed[:end]
            if until_trip and state[INTERPOLATING] == 0:
                following = chunk.start + int(listed[-1]) + 1
            with self._lock:
                self.strict_pixels += len(listed)
                for flag in flags[listed].tolist():
                    self.reasons[REASONS[flag]] = self.reasons.get(REASONS[flag], 0) + 1
        return following


def load_kernels(scene, interpolating, precision=EXACT, summation=SEQUENTIAL):
    """Compile the kernels that a scene needs, or load them from disk, and compute nothing."""
    # of the right types, but small
    lookup = scene.lookup._replace(table=scene.lookup.table[:1, :1, :1].copy(), minimum=(0, 0, 0), maximum=(-1, -1, -1))
    Evaluator(scene._replace(lookup=lookup), (0, 0, 0, 0), None, _NO_IMAGE, planned(scene, precision), None, precision,
              summation, 1).load(interpolating)


def render(scene, window, mask, image, *, interpolating, threads=None, progress=None, lanes=True, doubles=None,
           precision=EXACT, summation=SEQUENTIAL):
    """Fill a window of an image with the C program's bits.

    Parameters
    ----------
    scene : records.Scene
    window : (fast min, fast max, slow min, slow max) int
        Pixels to compute, both ends included, inside the image.
    mask : (slow, fast) uint8 array or None
    image : (slow, fast) float32 array
        Only pixels of the window that are not masked are written.
    interpolating : bool
        Start with interpolated structure factors.
    threads : int or None
        None: all processors.
    progress : callable or None
        Called with the number of pixels just finished.
    lanes : bool
        False: the strict evaluator alone (exact only).
    doubles : (pixels of the window, 2) float64 array or None
        Gets the values before rounding, and the lanes' half-widths.
    precision, summation : int
        records.EXACT with SEQUENTIAL, COMPENSATED with KAHAN, SINGLE with either.

    Returns
    -------
    Outcome

    Raises
    ------
    ValueError
        If the scene is possible with records.EXACT only.
    """
    how = planned(scene, precision)
    if not lanes:
        assert precision == EXACT
        how = how._replace(reason="strict evaluation asked for")
    evaluator = Evaluator(scene, window, mask, image, how, doubles, precision, summation, threads)
    return render_in_order(evaluator, interpolating, progress)


def render_in_order(evaluator, interpolating, progress=None):
    """Fill a window by whatever evaluates its pixels, in the order that the C program's bits depend on.

    Parameters
    ----------
    evaluator : Evaluator
    interpolating : bool
        Start with interpolated structure factors.
    progress : callable or None
        Called with the number of pixels just finished.

    Returns
    -------
    Outcome
    """
    scene, mask, count, place = evaluator.scene, evaluator.mask, evaluator.count, evaluator.place
    threads, settled_axis, polarised = evaluator.threads, evaluator.settled_axis, evaluator.polarised
    outcome = Outcome(pixels=count, threads=threads)
    if count == 0:
        return outcome
    if mask.shape[0]:
        outcome.masked = int(np.count_nonzero(evaluator.in_window(mask) == 0))
    state = initial_state(interpolating)

    # -- what depends on the first pixels, in their order
    start = 0
    if evaluator.precision != EXACT:
        # not the C program's bits but the same for every region: no pixel sees how the axis settles
        state[AXIS] = settled_axis
    same_rows = np.array_equal(scene.crystal.phi_rows, scene.crystal.first_phi_rows)
    if not same_rows or state[AXIS] != settled_axis:
        start = evaluator.strict(Chunk(0, count, 0), state, until_settled=True, until_trip=bool(interpolating))
        if interpolating and not state[INTERPOLATING]:
            outcome.first_out_of_range = _find_place(start - 1, place)
            start = evaluator.strict(Chunk(start, count, 0), state, until_settled=True)
        if evaluator.lanes:
            evaluator.strict_pixels += start
            evaluator.reasons["state of the first pixels"] = start
        if progress is not None:
            progress(start)
    state[FRESH] = 0

    # -- the rest, in any order
    crew = Crew(evaluator.crew, progress)
    chunks = evaluator.chunks(start, count, int(state[AXIS]))
    if mask.shape[0]:
        chunks = _not_masked(chunks, evaluator.in_window(mask), progress)
    if chunks and polarised and len(scene.beam.next_axis) - settled_axis > 1:
        _settle_axes(scene, chunks, place, mask, threads, settled_axis)
    if state[INTERPOLATING]:
        chunks = _render_interpolating(crew, chunks, state, evaluator, outcome)
    if chunks:
        def work(chunk):
            own = state.copy()
            own[AXIS] = chunk.axis
            own[INTERPOLATING] = 0
            evaluator.evaluate(chunk, own)

        crew.run(work, chunks)
    evaluated = outcome.pixels - outcome.masked
    outcome.strict_pixels = min(evaluator.strict_pixels, evaluated) if evaluator.lanes else evaluated
    outcome.lane_pixels = evaluated - outcome.strict_pixels
    outcome.refused = evaluator.plan.reason
    outcome.reasons = evaluator.reasons if evaluator.lanes else {evaluator.plan.reason: evaluated}
    return outcome


def _not_masked(chunks, mask, progress):
    """The chunks in whose rows there is something to do: to hand out many for nothing would take a while."""
    width, wanted, kept = mask.shape[1], mask.any(axis=1), []
    for chunk in chunks:
        if wanted[chunk.start // width:(chunk.stop - 1) // width + 1].any():
            kept.append(chunk)
        elif progress is not None:
            progress(chunk.stop - chunk.start)
    return kept


def _find_place(index, place):
    return (place[0] + index % place[2], place[1] + index // place[2])


def _render_interpolating(crew, chunks, state, evaluator, outcome):
    """Interpolate up to the first pixel that cannot; the chunks that follow it, not yet rendered."""
    lock = threading.Lock()
    numbers = {chunk.start: number for number, chunk in enumerate(chunks)}
    first = []  # pixel to go on with, axis there, number of the chunk

    def work(chunk):
        if first and first[0] <= chunk.start:
            return
        own = state.copy()
        own[AXIS] = chunk.axis
        following = evaluator.evaluate(chunk, own, until_trip=True)
        if own[INTERPOLATING] == 0:
            with lock:
                if not first or following < first[0]:
                    first[:] = [following, int(own[AXIS]), numbers[chunk.start]]

    crew.run(work, chunks)
    if not first:
        return []
    following, axis, number = first
    outcome.first_out_of_range = _find_place(following - 1, evaluator.place)
    last = chunks[number].stop
    crew.progress = None
    return ([Chunk(following, last, axis)] if following < last else []) + chunks[number + 1:]


def counting_scene(scene):
    """A scene that uses the polarisation axis as often as this one, and has no steps to sum."""
    no_rows = np.empty(0, dtype=np.int64)
    return scene._replace(crystal=scene.crystal._replace(phi_rows=no_rows, first_phi_rows=no_rows))


def _settle_axes(scene, chunks, place, mask, threads, settled_axis):
    """Give each chunk the polarisation axis that one-thread order would bring to it.

    Normalising some axes again and again alternates for ever, so the axis of a chunk depends on
    how often the chunks before it used it.
    """
    counting = counting_scene(scene)
    axes = range(settled_axis, len(scene.beam.next_axis))
    ends = {}

    def work(chunk):
        for axis in axes:
            own = initial_state(False)
            own[AXIS] = axis
            strict_pixels(counting, place, mask, _NO_IMAGE, NO_LIST, chunk.start, chunk.stop, own, False, 0, False,
                          NO_DOUBLES)
            ends[chunk.start, axis] = int(own[AXIS])

    Crew(threads).run(work, chunks)
    axis = chunks[0].axis
    for chunk in chunks:
        chunk.axis = axis
        axis = ends[chunk.start, axis]
