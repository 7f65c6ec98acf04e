"""The order of pixels that the C program's bits depend on, whatever evaluates them; no physics.

The bits never depend on the number of threads or on the chunks.  Where the C program depends on
the order of pixels, one-thread order is reproduced: what it carries along is settled first, in
that order, and only then are pixels shared out.
"""

from dataclasses import dataclass, field
import threading

import numpy as np

from ..evaluate.strict import RECORD_FIELDS, strict_pixels, trace_pixel
from ..physics.records import AXIS, EXACT, FRESH, INTERPOLATING, WHOLE, Filled, Pixels, Until, Window, initial_state
from ..physics.view import steps_per_pixel
from ..stopping import Halted, halting, poll
from .crew import CHUNK_PIXELS, Chunk, Crew

__all__ = ["NOTHING", "NO_DOUBLES", "NO_IMAGE", "NO_LIST", "NO_MASK", "Outcome", "counting_scene", "listed_pixels",
           "render_in_order", "render_together", "settle"]

NO_IMAGE = np.empty((0, 0), dtype=np.float32)
NO_MASK = np.empty((0, 0), dtype=np.uint8)
NO_LIST = np.empty(0, dtype=np.int64)
NO_DOUBLES = np.empty((0, 2))

#: Pixels for each thread, the last ones of several images, that are shared out in chunks that get smaller.
TAIL_PIXELS = 4 * CHUNK_PIXELS

#: Nothing is written.
NOTHING = Filled(NO_IMAGE, NO_DOUBLES, WHOLE, NO_DOUBLES)


@dataclass
class Outcome:
    """What a driver did."""

    pixels: int = 0
    masked: int = 0
    threads: int = 1
    first_out_of_range: tuple | None = None  # (fast, slow) where interpolation switched itself off
    lane_pixels: int = 0
    strict_pixels: int = 0
    left_out: int = 0  # terms that lanes did not add up, because they cannot matter
    reasons: dict = field(default_factory=dict)  # why pixels went to the strict evaluator, and how many
    refused: str | None = None  # why the lanes could not treat the scene
    backend: str = "cpu"  # or "cuda"
    device: str | None = None  # number and name
    settled: int = 0  # first pixels that were evaluated in order, because what they leave is carried along
    contributions: tuple = ()  # the outcome of each, where the image is a sum of several
    remarks: tuple = ()  # what is remarkable about this rendering; about the scene, it is with the scene


def settle(scene, pixels, state, halt, settled_axis=None):
    """Evaluate pixels strictly for the state that they leave, and for nothing else.

    Parameters
    ----------
    scene : records.Scene
    pixels : records.Pixels
    state : (STATE_SIZE,) int64
        Updated.
    halt : (1,) uint8 array
        As in `records.Filled`.
    settled_axis : int or None
        As in `records.Until`, to end where the state has settled; None: to the last pixel.

    Returns
    -------
    int
        Number of the pixel to go on with.

    Raises
    ------
    Halted
        It was.
    """
    until = Until(settled_axis is not None, settled_axis or 0, False)
    following = strict_pixels(scene, pixels, state, until, NOTHING._replace(halt=halt))
    if halt[0]:
        raise Halted
    return following


def listed_pixels(scene, window, mask, interpolating, only=None):
    """Trace pixels one by one in the C program's order, with what it carries along.

    Parameters
    ----------
    scene : records.Scene
    window : records.Window
    mask : (slow, fast) uint8 array or None
    interpolating : bool
        Start with interpolated structure factors.
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
    mask = NO_MASK if mask is None else mask
    state = initial_state(interpolating)
    record = np.zeros((1, len(RECORD_FIELDS)))
    if only is not None:
        fast, slow = only
        if not (window.fast_min <= fast <= window.fast_max and window.slow_min <= slow <= window.slow_max):
            return
        # everything before it, for the state that it leaves
        number = (slow - window.slow_min) * window.width + fast - window.fast_min
        before = Pixels(window.place, mask, NO_LIST, 0, number)
        halting(lambda halt: settle(scene, before, state, halt), before.stop * steps_per_pixel(scene))
        window = Window(fast, fast, slow, slow)
    for slow in range(window.slow_min, window.slow_max + 1):
        for fast in range(window.fast_min, window.fast_max + 1):
            if mask.shape[0] and not mask[slow, fast]:
                continue
            poll()
            value = trace_pixel(scene, fast, slow, state, record)[0]
            yield fast, slow, record[0], value


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
    begun = _Begun(evaluator, interpolating, progress)
    if begun.chunks:
        begun.crew.run(begun.work, begun.chunks)
    return begun.finish()


def render_together(evaluators, interpolating, progress=None):
    """Fill the windows of several images, each as `render_in_order` does, their pixels shared out among one crew.

    Threads that were made and joined for each image would wait for the last one of them every time.

    Parameters
    ----------
    evaluators : sequence of Evaluator
        Of as many threads each.
    interpolating : sequence of bool
        For each whether it starts with interpolated structure factors.
    progress : callable or None
        Called with the number of pixels just finished.

    Returns
    -------
    list of Outcome
    """
    threads = evaluators[0].threads
    following = sum(evaluator.count for evaluator in evaluators)
    begun, chunks = [], []
    for evaluator, on in zip(evaluators, interpolating):
        # only at the end of all do small chunks let the threads end at one time
        if following > TAIL_PIXELS * threads:
            evaluator.sharers = 1
        following -= evaluator.count
        each = _Begun(evaluator, on, progress)
        begun.append(each)
        chunks += [_Owned(chunk.start, chunk.stop, chunk.axis, each) for chunk in each.chunks]
    if chunks:
        Crew(threads, progress).run(lambda chunk: chunk.owner.work(chunk), chunks)
    return [each.finish() for each in begun]


class _Begun:
    """A window of which all that depends on the order of pixels is done: the chunks that are left, in any order."""

    def __init__(self, evaluator, interpolating, progress):
        scene, mask, count, place = evaluator.scene, evaluator.mask, evaluator.count, evaluator.place
        window, threads, settled_axis, polarised = (evaluator.window, evaluator.threads, evaluator.settled_axis,
                                                    evaluator.polarised)
        outcome = Outcome(pixels=count, threads=threads)
        self.evaluator, self.outcome, self.chunks = evaluator, outcome, []
        self.state = state = initial_state(interpolating)
        self.crew = crew = Crew(evaluator.crew, progress)
        if count == 0:
            return
        if mask.shape[0]:
            outcome.masked = int(np.count_nonzero(window.of(mask) == 0))

        # -- what depends on the first pixels, in their order
        start = 0
        if evaluator.precision != EXACT:
            # not the C program's bits but the same for every region: no pixel sees how the axis settles
            state[AXIS] = settled_axis
        same_rows = scene.crystal.phi_rows.tobytes() == scene.crystal.first_phi_rows.tobytes()
        if not same_rows or state[AXIS] != settled_axis:
            start = evaluator.strict(Chunk(0, count, 0), state, until_settled=True, until_trip=bool(interpolating))
            if interpolating and not state[INTERPOLATING]:
                outcome.first_out_of_range = _find_place(start - 1, place)
                start = evaluator.strict(Chunk(start, count, 0), state, until_settled=True)
            outcome.settled = start
            if evaluator.lanes:
                evaluator.strict_pixels += start
                evaluator.reasons["state of the first pixels"] = start
            if progress is not None:
                progress(start)
        state[FRESH] = 0

        # -- the rest, in any order
        chunks = evaluator.chunks(start, count, int(state[AXIS]))
        if mask.shape[0]:
            chunks = _not_masked(chunks, window.of(mask), progress)
        if chunks and polarised and len(scene.beam.next_axis) - settled_axis > 1:
            _settle_axes(scene, chunks, place, mask, threads, settled_axis, evaluator.halt)
        if state[INTERPOLATING]:
            chunks = _render_interpolating(crew, chunks, state, evaluator, outcome)
        self.chunks = chunks

    def work(self, chunk):
        """Evaluate one of the chunks."""
        own = self.state.copy()
        own[AXIS] = chunk.axis
        own[INTERPOLATING] = 0
        self.evaluator.evaluate(chunk, own)

    def finish(self):
        """The account of it, once all chunks are evaluated."""
        evaluator, outcome = self.evaluator, self.outcome
        if outcome.pixels == 0:
            return outcome
        evaluated = outcome.pixels - outcome.masked
        outcome.strict_pixels = min(evaluator.strict_pixels, evaluated) if evaluator.lanes else evaluated
        outcome.lane_pixels = evaluated - outcome.strict_pixels
        outcome.left_out = evaluator.left_out
        outcome.refused = evaluator.plan.reason
        outcome.reasons = evaluator.reasons if evaluator.lanes else {evaluator.plan.reason: evaluated}
        return outcome


@dataclass
class _Owned(Chunk):
    """A chunk of one of several windows."""

    owner: _Begun


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
    """Interpolate up to the first pixel that cannot. Returns the chunks that follow it, not yet rendered."""
    lock = threading.Lock()
    numbers = {chunk.start: number for number, chunk in enumerate(chunks)}
    first = []  # pixel to go on with, axis there, number of the chunk
    # what is evaluated twice must not be added twice to a sum that others have begun
    begun = evaluator.sums.copy() if not evaluator.part.begins else None

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
    if begun is not None:
        evaluator.sums[following:] = begun[following:]
    crew.progress = None
    return ([Chunk(following, last, axis)] if following < last else []) + chunks[number + 1:]


def counting_scene(scene):
    """A scene that uses the polarisation axis as often as this one, and has no steps to sum."""
    no_rows = np.empty(0, dtype=np.int64)
    return scene._replace(crystal=scene.crystal._replace(phi_rows=no_rows, first_phi_rows=no_rows))


def _settle_axes(scene, chunks, place, mask, threads, settled_axis, halt):
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
            settle(counting, Pixels(place, mask, NO_LIST, chunk.start, chunk.stop), own, halt)
            ends[chunk.start, axis] = int(own[AXIS])

    Crew(threads).run(work, chunks)
    axis = chunks[0].axis
    for chunk in chunks:
        chunk.axis = axis
        axis = ends[chunk.start, axis]
