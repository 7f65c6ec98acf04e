"""Runs the evaluators over an image on the processors; owns memory and threads and no physics."""

import threading
from typing import NamedTuple

import numpy as np

from ..compile.cache import kept
from ..compile.compilation import jit
from ..evaluate.certificate import REASONS, largest_f, plan
from ..evaluate.cull import GROUP, culling_of
from ..evaluate.cull_lanes import cull_kernel
from ..evaluate.dark import dark_beyond, ends_of_rows
from ..evaluate.lanes import lane_kernel
from ..evaluate.patch import PATCH_SLOW, patches_of
from ..evaluate.strict import strict_pixels
from ..evaluate.zeros import ALWAYS, NOT_ASKED, zeros_seen
from ..physics.records import (
    EXACT,
    INTERPOLATING,
    PRECISIONS,
    SEQUENTIAL,
    SINGLE,
    SQUARE,
    WHOLE,
    Filled,
    Part,
    Pixels,
    Until,
    Window,
    initial_state,
    never,
)
from ..physics.shapes import kind_of
from ..physics.structure_factor import squared_grid
from ..physics.view import is_polarised, orientations, rotated_cell, steps_per_pixel
from ..stopping import Halted, halting
from .crew import Chunk, available_threads, shares
from .order import NO_DOUBLES, NO_IMAGE, NO_LIST, NO_MASK, NOTHING, render_in_order, render_together
from .tables import Made

__all__ = ["Evaluator", "Modes", "Target", "compiled", "load_kernels", "planned", "render", "render_images",
           "rotated_cells", "small", "squares_key", "steps_of_target"]

#: Steps that make a chunk: some milliseconds (0.1 microsecond a step, in lanes a tenth of that).
CHUNK_STEPS = 100_000
LANE_CHUNK_STEPS = 1_000_000

#: Steps of an image from which on it is worth while to look at what can be left out.
CULLED_STEPS = 400_000

#: So many times as many make it worth while to look for zeros of structure factors, of so many orientations at least.
ZEROS_COST, FEWEST_TURNS = 16, 4

#: Where culling has paused for so many blocks, nothing can be left out, and it is tried in one of so many chunks.
LONG_PAUSE, CHUNKS_BETWEEN = 63, 16


class Modes(NamedTuple):
    """How an image is computed.

    Attributes
    ----------
    precision, summation : int
        records.EXACT with SEQUENTIAL, COMPENSATED with KAHAN, SINGLE with either.
    threads : int or None
        None: all processors.
    lanes : bool
        False: the strict evaluator alone (exact only).
    culled : int
        Images of so many steps or more leave out what cannot matter, where shape and orientations allow that; 0: they
        look for it in every block of pixels, whether it pays or not.
    """

    precision: int = EXACT
    summation: int = SEQUENTIAL
    threads: int | None = None
    lanes: bool = True
    culled: int = CULLED_STEPS


class Target(NamedTuple):
    """Which pixels are computed, and what is written of them.

    Attributes
    ----------
    window : records.Window
        Pixels to compute, inside the image.
    mask : (slow, fast) uint8 array or None
        Zero: the pixel is left alone.
    image : (slow, fast) float32 array or None
        Only pixels of the window that are not masked are written.
    doubles : (pixels of the window, 2) float64 array or None
        Gets the values before rounding, and the lanes' half-widths.
    part : records.Part
        Where this contribution stands in the running sum of its pixels.
    sums : (pixels of the window, 2) float64 array
        Those sums; no rows where there is one contribution only.
    flags : (pixels of the window,) uint8 array or None
        Gets why pixels need the strict evaluator, which then is not called for them: for
        contributions to a sum of several.
    halt : (1,) uint8 array or None
        Not zero: what is being computed is to end at once, by an exception.
    """

    window: Window
    mask: np.ndarray | None = None
    image: np.ndarray | None = None
    doubles: np.ndarray | None = None
    part: Part = WHOLE
    sums: np.ndarray = NO_DOUBLES
    flags: np.ndarray | None = None
    halt: np.ndarray | None = None


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
    """Return whether kernels of this version have been compiled before and are kept on disk."""
    return kept(strict_pixels) or kept(lane_kernel)


def squares_key(lookup, kind):
    """The name of the squares of a table among all that is made of it: they have a border of defaults."""
    return lookup.filled, lookup.minimum, lookup.maximum, lookup.default, kind


def planned(scene, modes, made=None):
    """How the lanes treat a scene. Raises ValueError if they cannot and there is no other way.

    `made`, a `tables.Made`, has the largest structure factor where the same ones were looked at before.
    """
    lookup, largest = scene.lookup, None
    if made is not None:
        largest = made.get(lookup.table, (lookup.filled, lookup.default), lambda: largest_f(lookup))
    how = plan(scene, modes.precision, largest)
    if how.reason is not None and modes.precision != EXACT:
        name, = (name for name, value in PRECISIONS.items() if value == modes.precision)
        raise ValueError(f"precision: {name!r} is not possible for this scene ({how.reason}); 'exact' is")
    if not modes.lanes:
        assert modes.precision == EXACT
        how = how._replace(reason="strict evaluation asked for")
    return how


class Evaluator:
    """The evaluators applied to one window of one image, or to one contribution to it.

    `made` has what is made of tables of structure factors, for other images of the same ones: a `tables.Made`.
    `shared` is a dictionary in which images that differ in their pixels only keep what is made of the rest.
    """

    def __init__(self, scene, plan, target, modes, made=None, shared=None):
        self.scene, self.plan, self.made = scene, plan, Made() if made is None else made
        self.window = target.window
        self.place, self.count = self.window.place, self.window.pixels
        self.mask = NO_MASK if target.mask is None else target.mask
        self.image = NO_IMAGE if target.image is None else target.image
        self.doubles = NO_DOUBLES if target.doubles is None else target.doubles
        self.part, self.sums, self.flags = target.part, target.sums, target.flags
        self.halt = never() if target.halt is None else target.halt
        self.filled = Filled(self.image, self.doubles, self.part, self.sums, self.halt)
        self.polarised = bool(is_polarised(scene.beam, scene.sampling))
        self.settled_axis = int(scene.beam.next_axis[-1]) if self.polarised else 0
        self.precision, self.summation, self.culled = modes.precision, modes.summation, modes.culled
        self.threads = modes.threads or available_threads()
        # threads that the pixels are shared out to
        self.sharers = self.threads
        self._shared = {} if shared is None else shared
        self._grid = self.squared_grid() if self.lanes else None
        self.culling = self.made_culling(modes.culled) if self.lanes and self.precision == EXACT else None
        self.bound = plan.bound
        if self.lanes:
            margin, patience = self.made_zeros(modes.culled)
            self.bound = plan.bound._replace(beyond=self.made_beyond(modes.culled), margin=margin, patience=patience)
        self._lock = threading.Lock()
        self.strict_pixels = 0
        self.reasons = {}
        # of the culling kernel: terms that were asked for, those that were added up, and where it pauses
        self.account = np.zeros(4, dtype=np.int64)
        if modes.culled == 0:
            # it never pauses
            self.account[3] = -1
        self.passed = 0

    def made_culling(self, culled):
        """What the culling kernel needs to know of an image of so many steps or more, or None."""
        if steps_per_pixel(self.scene) * self.count < culled:
            return None
        if "culling" not in self._shared:
            self._shared["culling"] = culling_of(self.scene, self.plan.largest_f ** 2)
        return self._shared["culling"]

    def made_beyond(self, culled):
        """Which scattering vectors of an image of so many steps or more have no terms: `certificate.Bound.beyond`."""
        lookup = self.scene.lookup
        if steps_per_pixel(self.scene) * self.count < max(culled, 1):
            return np.inf
        return dark_beyond(self.scene, self.window, lambda: self.made.get(
            lookup.table, (lookup.filled, lookup.minimum, lookup.maximum, "ends"), lambda: ends_of_rows(lookup)))

    def made_zeros(self, culled):
        """Whether boxes of indices are asked for zeros: `margin` and `patience` of `certificate.Bound`."""
        scene, lookup = self.scene, self.scene.lookup
        if culled == 0:
            return ALWAYS
        if (orientations(scene.crystal) < FEWEST_TURNS
                or steps_per_pixel(scene) * self.count < ZEROS_COST * culled):
            return NOT_ASKED
        # other orientations of the crystal have about as many
        key = ("zeros", lookup.minimum, lookup.default, self.window, scene.geometry.origin, scene.crystal.domains)
        return self.made.get(lookup.table, key, lambda: zeros_seen(scene, self.window, self._grid))

    def squared_grid(self):
        """Structure factors for the lanes, in the precision asked for."""
        lookup, kind = self.scene.lookup, np.float32 if self.precision == SINGLE else np.float64
        return self.made.get(lookup.table, squares_key(lookup, kind), lambda: squared_grid(lookup, kind))

    @property
    def lanes(self):
        """Whether pixels go through the lanes."""
        return self.plan.reason is None

    @property
    def crew(self):
        """Number of threads that take chunks."""
        return self.threads

    def chunks(self, start, stop, axis):
        """Pixels start..stop-1, shared out."""
        chunks = shares(self.scene, start, stop, axis, self.sharers, LANE_CHUNK_STEPS if self.lanes else CHUNK_STEPS)
        return chunks if self.culling is None else _in_bands(chunks, self.window.width * PATCH_SLOW)

    def variant(self, interpolating):
        """What tells the kernel of the lanes apart: see `lanes.lane_kernel`."""
        shape = kind_of(self.scene.crystal)
        about = self.plan.about and shape == SQUARE and self.precision == EXACT
        return shape, bool(interpolating), about, self.precision, self.summation

    def load(self, interpolating, pixels=None):
        """Compile the kernels that an image of so many pixels (None: any number) needs, or load them from disk."""
        nothing = Chunk(0, 0, 0)
        # once on disk, the strict kernel is only loaded for a pixel that needs it
        needed = not self.lanes or not compiled()
        for on in {bool(interpolating), False}:
            self.evaluate(nothing, initial_state(on))
        many = pixels is None or steps_per_pixel(self.scene) * pixels >= self.culled
        if self.lanes and self.precision == EXACT and self.culling is None and many:
            # it has no pixels: which of the two kernels it is depends on their number
            self.culling = self.made_culling(0)
            if self.culling is not None:
                self.evaluate(nothing, initial_state(False))
        if needed:
            self.strict(nothing, initial_state(False))

    def strict(self, chunk, state, *, until_settled=False, until_trip=False, listed=NO_LIST):
        """Evaluate a chunk (or the pixels listed) strictly. Returns the pixel (of the list) to go on with."""
        start, stop = (0, len(listed)) if len(listed) else (chunk.start, chunk.stop)
        following = strict_pixels(self.scene, Pixels(self.place, self.mask, listed, start, stop), state,
                                  Until(until_settled, self.settled_axis, until_trip), self.filled)
        self.check_halt()
        return following

    def _is_culled(self, state):
        """Whether a chunk is looked at for what can be left out."""
        if self.culling is None or state[INTERPOLATING]:
            return False
        if self.account[3] < LONG_PAUSE:
            return True
        # threads may count together: it decides nothing but the time that it takes
        self.passed += 1
        return self.passed % CHUNKS_BETWEEN == 0

    @property
    def left_out(self):
        """How many terms were not added up, because they cannot matter."""
        return int(self.account[0] - self.account[1])

    def check_halt(self):
        """Raise `Halted` if a kernel may have left before its end."""
        if self.halt[0]:
            raise Halted

    def evaluate(self, chunk, state, until_trip=False):
        """Evaluate a chunk, in lanes where that is possible. Returns the pixel to go on with."""
        if not self.lanes:
            return self.strict(chunk, state, until_trip=until_trip)
        flags = np.zeros(chunk.stop - chunk.start, dtype=np.uint8)
        filled = self.filled._replace(doubles=self.doubles[chunk.start:chunk.stop])
        pixels = Pixels(self.place, self.mask, NO_LIST, chunk.start, chunk.stop)
        axis = len(self.scene.beam.next_axis) - 1
        if self._is_culled(state):
            account = np.zeros(4, dtype=np.int64)
            account[2:] = self.account[2:]
            kernel = cull_kernel(self.scene.crystal.shape)
            # what the kernel works with: it allocates nothing
            own = np.empty((9, GROUP))
            marks = np.empty((patches_of(self.scene), self.culling.cells.shape[1]), dtype=np.uint32)
            kernel(self.scene, self._grid, (self.bound, self.culling, own, marks), pixels, axis, filled, flags,
                   account)
            with self._lock:
                self.account[:2] += account[:2]
                self.account[2:] = account[2:]
        else:
            kernel = lane_kernel(*self.variant(state[INTERPOLATING]))
            kernel(self.scene, self._grid, self.bound, pixels, axis, filled, flags)
        self.check_halt()
        return self.take_over(chunk, state, flags, until_trip)

    def take_over(self, chunk, state, flags, until_trip):
        """Evaluate the flagged pixels of a chunk strictly. Returns the pixel to go on with."""
        # hot path: of truths zeros are skipped many at a time, of numbers one by one
        listed = np.flatnonzero(flags != 0)
        following = chunk.stop
        if len(listed) and self.flags is not None:
            # of a sum of several only the sum need be right; that is seen to when all are there
            self.flags[listed + chunk.start] = flags[listed]
            listed = listed if until_trip else listed[:0]
        if len(listed):
            end = self._finish(chunk, state, until_trip, listed + chunk.start)
            listed = listed[:end]
            if until_trip and state[INTERPOLATING] == 0:
                following = chunk.start + int(listed[-1]) + 1
            with self._lock:
                self.strict_pixels += len(listed)
                for flag in flags[listed].tolist():
                    self.reasons[REASONS[flag]] = self.reasons.get(REASONS[flag], 0) + 1
        return following

    def _finish(self, chunk, state, until_trip, listed):
        """Evaluate flagged pixels strictly: for their values or, where these are not wanted yet, for the state."""
        if self.flags is None:
            return self.strict(chunk, state, until_trip=until_trip, listed=listed)
        following = strict_pixels(self.scene, Pixels(self.place, self.mask, listed, 0, len(listed)), state,
                                  Until(False, self.settled_axis, until_trip), NOTHING._replace(halt=self.halt))
        self.check_halt()
        return following


def _in_bands(chunks, band):
    """The same pixels in chunks that end where whole tiles do, the last one excepted."""
    made = []
    for chunk in chunks:
        stop = chunk.stop if chunk is chunks[-1] else -(-chunk.stop // band) * band
        stop, start = min(stop, chunks[-1].stop), made[-1].stop if made else chunk.start
        if stop > start:
            made.append(Chunk(start, stop, chunk.axis))
    return made


def small(scene):
    """A scene of the right types, but with next to nothing in its table, and a target of one pixel."""
    lookup = scene.lookup._replace(table=scene.lookup.table[:1, :1, :1].copy(), minimum=(0, 0, 0), maximum=(-1, -1, -1))
    return scene._replace(lookup=lookup), Target(Window(0, 0, 0, 0))


def load_kernels(scene, interpolating, modes=Modes(), pixels=None):
    """Compile the kernels that a scene of so many pixels needs, or load them from disk, and compute nothing."""
    how = planned(scene, modes)
    little, target = small(scene)
    Evaluator(little, how, target, modes._replace(threads=1)).load(interpolating, pixels)


def steps_of_target(scene, target):
    """Steps of all pixels of a target."""
    return target.window.pixels * steps_per_pixel(scene)


def render(scene, target, modes=Modes(), *, interpolating, progress=None, made=None):
    """Fill a window of an image with the C program's bits.

    Parameters
    ----------
    scene : records.Scene
    target : Target
    modes : Modes
    interpolating : bool
        Start with interpolated structure factors.
    progress : callable or None
        Called with the number of pixels just finished.
    made : tables.Made or None
        What was made of the tables of structure factors for other images.

    Returns
    -------
    order.Outcome

    Raises
    ------
    ValueError
        If the scene is possible with records.EXACT only.
    """
    def work(halt):
        evaluator = Evaluator(scene, planned(scene, modes, made), target._replace(halt=halt), modes, made)
        return render_in_order(evaluator, interpolating, progress)

    return halting(work, steps_of_target(scene, target), target.halt)


def render_images(scenes, targets, modes=Modes(), *, interpolating, progress=None, made=None):
    """Fill windows of several images, each with the bits that `render` gives it; what they share is done once.

    Parameters
    ----------
    scenes : sequence of records.Scene
        Such as those of one crystal on many panels: those that hold the same records share what is made of them.
    targets : sequence of Target
    modes : Modes
    interpolating : sequence of bool
        For each whether it starts with interpolated structure factors.
    progress : callable or None
        Called with the number of pixels just finished.
    made : tables.Made or None
        What was made of the tables of structure factors for other images.

    Returns
    -------
    list of order.Outcome

    Raises
    ------
    ValueError
        If a scene is possible with records.EXACT only.
    """
    def work(halt):
        plans, shared, evaluators = {}, Made() if made is None else made, []
        for scene, target in zip(scenes, targets):
            # of the geometry only these two count
            key = (*(id(part) for part in scene[1:]), scene.geometry.layers, scene.geometry.oversample)
            if key not in plans:
                plans[key] = planned(scene, modes, shared), {}
            how, kept = plans[key]
            evaluators.append(Evaluator(scene, how, target._replace(halt=halt), modes, shared, kept))
        return render_together(evaluators, interpolating, progress)

    return halting(work, sum(map(steps_of_target, scenes, targets)), targets[0].halt)
