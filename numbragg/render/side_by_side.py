"""Many small shots side by side, a thread each, handed out in their order; large ones share out their pixels.

A thread prepares some shots in a row and then renders them, also where it is the only one: a processor does the same
again much faster than anything for the first time.

Small shots are computed a batch at a time, within one call of `next`: between two calls no thread of ours lives, that
a fork or a second interpreter's end could trip over.  A shot that fails, or turns out to be large, is computed alone
when it is its turn, as if there had been no batch: errors, warnings and their order are those of one shot after the
other.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
import threading
from typing import Any

import numpy as np

from ..configs.checks import optional, whole
from ..configs.crystal import Crystal
from ..kernels.drive.crew import Crew, available_threads
from ..kernels.physics.view import steps_per_pixel
from ..kernels.stamp import stamp
from ..kernels.stopping import Halted, aside
from ..notes import warn
from ..scene.notes import rendering_notes, warnings_of
from .lent import Lent
from .progress import checked_progress

# start-up: this module, and kernels with it, are imported with the first of many images

__all__ = ["images_of"]

#: Steps of a small shot (some 20 ms of a thread): sharing out pixels loses a millisecond or less.
SMALL_STEPS = 1 << 22
#: Steps of one of its pixels: tables of orientations stay small beside an image.
SMALL_PIXEL_STEPS = 1 << 16
#: Steps of a batch for each thread (some tenth of a second), and shots: threads wait for the last one of a batch.
BATCH_STEPS, BATCH_SHOTS = 1 << 25, 64
#: Steps of a first batch for each thread (some 20 ms), so that its images are there soon; each later one is larger.
FIRST_STEPS, GROWTH = 1 << 22, 4
#: Shots of a batch of one thread, which waits for nobody: the fewer, the nearer their memory is.
ALONE_SHOTS = 16
#: Shots that a thread prepares before it renders them; fewer at the end, so that all threads end at about one time.
GROUP = 16
#: Bytes of the images of a batch.
BATCH_BYTES = 1 << 26


class _Source:
    """Crystals, taken in their order; those of a sequence by their numbers, so that it may grow meanwhile."""

    def __init__(self, crystals: Any) -> None:
        self._listed = crystals if isinstance(crystals, Sequence) else None
        self._next = 0
        self._left = iter(()) if self._listed is not None else iter(crystals)
        self._back: deque[Any] = deque()
        self._failure: BaseException | None = None

    @property
    def is_listed(self) -> bool:
        """Whether to take them early makes no difference."""
        return self._listed is not None

    def put_back(self, crystals: Iterable[Any]) -> None:
        """Let these be the next ones."""
        self._back.extendleft(reversed(list(crystals)))

    def _one(self) -> Any:
        if self._back:
            return self._back.popleft()
        if self._failure is not None:
            raise self._failure
        if self._listed is None:
            return next(self._left)
        if self._next >= len(self._listed):
            raise StopIteration
        crystal = self._listed[self._next]
        self._next += 1
        return crystal

    def take(self, most: int) -> list[Any]:
        """The next ones, fewer at the end; what fails behind others fails when they are done."""
        taken: list[Any] = []
        try:
            while len(taken) < most:
                crystals = self._one()
                if taken and not isinstance(crystals, (Crystal, Sequence)):
                    # what can be read once only is read when it is its turn
                    self._back.appendleft(crystals)
                    break
                taken.append(crystals)
                if not isinstance(crystals, (Crystal, Sequence)):
                    break
        except StopIteration:
            pass
        except Exception as failure:
            if not taken:
                raise
            self._failure = failure
        return taken


class _Shot:
    """One shot of a batch."""

    def __init__(self, crystals: Any) -> None:
        self.crystals = crystals
        self.begun = False
        self.state: tuple[Any, ...] = ()
        self.images: Any = None  # of all panels, when they are done
        self.notes: tuple[tuple[str, ...], ...] = ()
        self.failure: Exception | None = None  # of the function that is told the progress


class _Size:
    """What one shot takes, from which batches are made."""

    def __init__(self, shot: Any) -> None:
        steps = [steps_per_pixel(prepared.scene) for panel in shot for prepared in panel]
        self.steps = sum(n * prepared.window.pixels for n, prepared in zip(
            steps, (prepared for panel in shot for prepared in panel)))
        self.most = max(steps)
        self.bytes = 4 * sum(panel[0].shape[0] * panel[0].shape[1] for panel in shot)

    def is_small(self, threads: int) -> bool:
        """Whether it is left to one thread."""
        return (self.steps <= SMALL_STEPS and self.most <= SMALL_PIXEL_STEPS
                and 2 * threads * self.bytes <= BATCH_BYTES)

    def batch(self, threads: int) -> int:
        """How many of them are computed at once."""
        shots = BATCH_SHOTS * threads if threads > 1 else ALONE_SHOTS
        return max(threads, min(shots, BATCH_STEPS * threads // max(self.steps, 1),
                                BATCH_BYTES // max(self.bytes, 1)))

    def first(self, threads: int) -> int:
        """How many of them the first batch has at most."""
        return max(threads, 2, min(FIRST_STEPS * threads // max(self.steps, 1), GROUP * threads))


class _Told(Exception):
    """The function that is told the progress has failed."""


def _one_at_a_time(progress: Any) -> Callable[[int], object] | None:
    """A function that is told the progress by many threads, which it need not know of."""
    step, lock = checked_progress(progress), threading.Lock()
    if step is None:
        return None

    def told(pixels: int) -> None:
        try:
            with lock:
                step(pixels)
        except Exception as failure:
            raise _Told from failure

    return told


def _threads(simulator: Any) -> int:
    return simulator.evaluation.threads or available_threads()


def _factors(simulator: Any, crystals: Any) -> tuple[Any, ...]:
    """The structure factors of a shot."""
    shared = simulator.structure_factors
    if isinstance(crystals, Crystal):
        # hot path: twice for every shot
        return (shared,) if crystals.structure_factors is None else (shared, crystals.structure_factors)
    own = (getattr(crystal, "structure_factors", None)
           for crystal in (crystals if isinstance(crystals, Sequence) else (crystals,)))
    return (shared, *(factors for factors in own if factors is not None))


#: Parts of a state that are not of structure factors.
SHARED = 4


def _state(simulator: Any, crystals: Any, marks: dict[int, bytes]) -> tuple[Any, ...]:
    """What a shot depends on besides its crystals: objects that nobody can change, and stamps of those that one can.

    `marks` has stamps that were made a moment ago.
    """
    found = [simulator._shared(), simulator.background, simulator.evaluation, simulator._regions]
    for factors in _factors(simulator, crystals):
        found.append(factors)
        if factors.is_lent:
            table = factors._kernel_table
            if id(table) not in marks:
                marks[id(table)] = stamp(table)
            found.append(marks[id(table)])
    return tuple(found)


def _same(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    return len(one) == len(other) and all(a is b or (isinstance(a, bytes) and a == b) for a, b in zip(one, other))


def _has_all(simulator: Any) -> bool:
    """Whether threads find what shots share: on a device they cannot, and a background is made with the first one."""
    return simulator.backend.name == "cpu" and (simulator.background is None or simulator._ground is not None)


class _Batch:
    """Shots that are computed at once."""

    def __init__(self, simulator: Any, shots: list[_Shot], progress: Any, lent: Lent) -> None:
        self.simulator, self.shots, self.common, self.lent = simulator, shots, simulator._shared(), lent
        self.evaluation = replace(simulator.evaluation, threads=1)
        self.step = _one_at_a_time(progress)
        self.halt = np.zeros(1, dtype=np.uint8)
        marks: dict[int, bytes] = {}
        tables: dict[int, Any] = {}
        for shot in shots:
            shot.state = _state(simulator, shot.crystals, marks)
            for factors in shot.state[SHARED:]:
                if not isinstance(factors, bytes):
                    tables[id(factors)] = factors._kernel_table
        # looked at once for all of them: nobody but us runs meanwhile
        self.made = simulator.backend.checked(tables.values())
        self.over = False

    def run(self, threads: int) -> None:
        """Compute them, each by one thread."""
        def leave() -> None:
            self.halt[0] = 1

        groups, start = [], 0
        while start < len(self.shots):
            size = GROUP if threads == 1 else max(1, min(GROUP, (len(self.shots) - start) // (2 * threads)))
            groups.append(self.shots[start:start + size])
            start += size
        aside(lambda: Crew(threads).run(self._work, groups), leave)

    def _work(self, shots: list[_Shot]) -> None:
        """Compute some.

        What fails is seen again when it is its turn, with the caller's frames, and so is what is left to all threads:
        then no more are begun.
        """
        if self.halt[0]:
            raise Halted
        prepared = []
        for shot in shots:
            if self.over:
                break
            shot.begun = True
            try:
                made = self._prepared(shot)
            except Exception:
                made = None
            if made is None:
                self.over = True
            else:
                prepared.append((shot, made))
        try:
            self._render(prepared)
        except Halted:
            raise
        except _Told as told:
            cause = told.__cause__
            assert isinstance(cause, Exception)
            self.over, prepared[0][0].failure = True, cause
        except Exception:
            self.over = True

    def _prepared(self, shot: _Shot) -> Any:
        """A shot that is ready to be rendered, or None: it is for all threads."""
        simulator = self.simulator
        prepared = simulator._prepared(shot.crystals, self.common)
        if not _Size(prepared).is_small(1) or (
                simulator.background is not None and not simulator._ground.fits(prepared)):
            return None
        shot.notes = (warnings_of(prepared),)
        return prepared

    def _render(self, prepared: list[tuple[_Shot, Any]]) -> None:
        if not prepared:
            return
        done = self.simulator.backend.render_with(self.made, [made for _, made in prepared], self.evaluation, self.step,
                                                  self.halt, self.lent)
        for (shot, _), (images, outcomes) in zip(prepared, done):
            if self.simulator.background is not None:
                self.simulator._ground.add_to(images, outcomes)
            notes = (note for outcome in outcomes for note in rendering_notes(outcome))
            shot.notes, shot.images = (*shot.notes, tuple(dict.fromkeys(notes))), images


def images_of(simulator: Any, crystals: Any, progress: Any, ahead: int | None) -> Iterator[Any]:
    """As `Simulator.images`, which says what the parameters are."""
    source, threads = _Source(crystals), _threads(simulator)
    ahead = optional(ahead, whole, "ahead", 0)
    if ahead is None:
        ahead = BATCH_SHOTS * threads if source.is_listed else 0
    lent = Lent(BATCH_BYTES)
    try:
        yield from _images(simulator, source, progress, ahead, lent)
    finally:
        lent.close()


def _images(simulator: Any, source: _Source, progress: Any, ahead: int, lent: Lent) -> Iterator[Any]:
    """The images, of shots that are taken from a source."""
    threads = _threads(simulator)
    waiting: deque[_Shot] = deque()
    size: _Size | None = None
    wanted = 1
    while True:
        if waiting and not _same(waiting[0].state, _state(simulator, waiting[0].crystals, {})):
            # what was computed early is no longer what is asked for
            source.put_back(shot.crystals for shot in waiting)
            waiting.clear()
        if not waiting:
            small = size is not None and size.is_small(threads) and _has_all(simulator)
            taken = source.take(min(wanted, size.batch(threads), ahead + 1) if size is not None and small else 1)
            if not taken:
                return
            shots = [_Shot(crystals) for crystals in taken]
            if len(shots) > 1:
                wanted = GROWTH * wanted
                _Batch(simulator, shots, progress, lent).run(threads)
                source.put_back(shot.crystals for shot in shots if not shot.begun)
            waiting.extend(shot for shot in shots if shot.begun or len(shots) == 1)
        done = waiting.popleft()
        if done.failure is not None:
            raise done.failure
        if done.images is None:
            shot = simulator.prepare_shot(done.crystals)
            size = _Size(shot)
            wanted = size.first(threads)
            yield simulator.run_prepared(shot, checked_progress(progress)).image
            continue
        for notes in done.notes:
            warn(notes)
        yield done.images if len(done.images) > 1 else done.images[0]
