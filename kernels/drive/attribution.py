"""Attributes the photons of an image to reflections, on the processors; owns memory and threads and no physics.

Pixels are taken in bands of one size, whatever the number of threads; each band has a table of its own, and these are
added up in the order of the bands: so the sums have the same bits on any number of threads.
"""

import math
from typing import NamedTuple

import numpy as np

from ..evaluate.attribute import NO_KEY, SCRATCH_SIZE, Own, attribution_kernel
from ..evaluate.attribute_lanes import BLOCK, lanes_of_reflections
from ..evaluate.certificate import largest_index
from ..evaluate.cull import enter_cells
from ..evaluate.reflections import (
    DONE,
    FULL_BRIGHT,
    FULL_OWN,
    FULL_TABLE,
    HALTED,
    LARGEST_INDEX,
    WIDE,
    Bright,
    Table,
    into_table,
)
from ..physics.shapes import kind_of
from ..physics.view import is_polarised, orientations, per_step, steps_per_pixel
from ..stopping import Halted, halting
from .crew import Chunk, Crew, available_threads

__all__ = ["BAND", "Reflections", "attributed", "bytes_of", "obstacle"]

#: Pixels of a band: part of what the last bits of sums depend on.
BAND = 4096

#: Entries that tables begin with, of a pixel, of a band; they are doubled as often as that is needed.
_OWN, _TABLE = 64, 1024

#: Lattice points that may be the nearest ones of a pixel where each has a place for its sums; for each step so many at
#: most, or looking through them would take longer than what it saves.  Pixels that go the other way where one has more.
_BOX, _PER_STEP, _WIDE = 512, 8, 1024

#: Bytes of an entry of a table, and of one bright reflection of a pixel.
ENTRY_BYTES, BRIGHT_BYTES = 72, 24

#: Beyond all pixels.
_NEVER = np.iinfo(np.int64).max


class Reflections(NamedTuple):
    """Reflections of one crystal on one panel, in the order in which pixels have met them."""

    keys: np.ndarray  # (n,) int64: see `evaluate.reflections.indices_of`
    sums: np.ndarray  # (n, 3): photons, and photons times slow and fast [pixels from the panel's corner]
    counts: np.ndarray  # (n,) int64: pixels in which they are bright
    bright: Bright  # all such pixels


def obstacle(scene):
    """Why the steps of a scene cannot be attributed, or None if they can."""
    if scene.sampling.running_product and per_step(scene.sampling):
        return "factors that multiply a running sum leave no parts of it"
    # what is no number is not below it either
    if not largest_index(scene) < LARGEST_INDEX:
        return f"Miller indices may be beyond {LARGEST_INDEX}"
    return None


def bytes_of(scene, pixels, threads):
    """Bytes that it takes to attribute an image of so many pixels, all of them bright in one reflection."""
    own = threads * (8 * SCRATCH_SIZE + 24 * BLOCK * _largest_box(scene) + 2 * ENTRY_BYTES * (_OWN + _TABLE)
                     + BRIGHT_BYTES * BAND)
    return 72 * orientations(scene.crystal) + own + (8 + BRIGHT_BYTES) * pixels


def _largest_box(scene):
    return min(_BOX, _PER_STEP * steps_per_pixel(scene))


def _own(size):
    return Own(np.full(2 * size, NO_KEY), np.empty((2 * size, 3)), np.empty(size, np.int64))


def _table(size):
    return Table(np.zeros(2 * size, np.int64), np.empty(size, np.int64), np.empty((size, 3)),
                 np.empty(size, np.int64), np.zeros(1, np.int64))


def _bright(size):
    return Bright(np.empty(size, np.int64), np.empty(size, np.int64), np.empty(size), np.zeros(1, np.int64))


class _Attribution:
    """One crystal on one panel."""

    def __init__(self, scene, interpolating, window, least, require):
        self.scene, self.place, self.least = scene, window.place, least
        self.interpolating, self.require = interpolating, require
        self.cells = np.empty((9, orientations(scene.crystal)))
        enter_cells(scene.crystal, self.cells)
        self.axis = int(scene.beam.next_axis[-1]) if is_polarised(scene.beam, scene.sampling) else 0
        self.kernel = attribution_kernel(kind_of(scene.crystal), bool(interpolating))
        self.lanes = lanes_of_reflections(kind_of(scene.crystal))
        mean = np.array([math.fsum(row) / len(row) for row in self.cells.tolist()])
        away = (self.cells - mean[:, None]).reshape(3, 3, -1)
        self.crystal = self.cells, mean, np.sqrt((away * away).sum(axis=1).max(axis=1))

    def band(self, listed, trip, halt):
        """The reflections of some pixels: a `Table`, a `Bright`, and where interpolation switched itself off."""
        own, table, bright = _OWN, _TABLE, len(listed)
        while True:
            filled, tripped = (_own(own), _table(table), _bright(bright)), np.array([trip, _NEVER])
            code = (self.one_by_one if self.interpolating else self.side_by_side)(listed, filled, tripped, halt)
            if code == DONE:
                return filled[1], _cut(filled[2]), int(tripped[1])
            if code == HALTED:
                raise Halted
            # the band once more, with more room
            own, table, bright = (size * 2 if code == which else size for size, which in (
                (own, FULL_OWN), (table, FULL_TABLE), (bright, FULL_BRIGHT)))
            self.require(ENTRY_BYTES * (own + table) + BRIGHT_BYTES * bright)

    def one_by_one(self, listed, filled, tripped, halt):
        """Fill tables with pixels of any number of reflections. Returns what the kernel does."""
        return self.kernel(self.scene, self.cells, (self.place, listed, tripped), self.axis, filled, self.least,
                           np.empty(SCRATCH_SIZE), halt)

    def side_by_side(self, listed, filled, tripped, halt):
        """Fill tables with pixels of few reflections as long as they are that, and with others one by one."""
        start, done, largest = 0, np.zeros(1, np.int64), _largest_box(self.scene)
        sums = np.zeros((3, BLOCK * largest))
        while start < len(listed):
            code = self.lanes(self.scene, self.crystal, (self.place, listed[start:], done), self.axis,
                              (sums, *filled[1:]), self.least, largest, halt)
            start += int(done[0])
            if code == WIDE:
                code = self.one_by_one(listed[start:start + _WIDE], filled, tripped, halt)
                start += _WIDE
            if code != DONE:
                return code
        return DONE

    def bands(self, listed, threads, trip, halt):
        """Those of all bands, in their order."""
        done = {}

        def work(chunk):
            done[chunk.start] = self.band(listed[chunk.start:chunk.stop], trip, halt)

        Crew(threads).run(work, [Chunk(start, min(start + BAND, len(listed)), 0)
                                 for start in range(0, len(listed), BAND)])
        return [done[start] for start in sorted(done)]


def _cut(bright):
    """What is in use of it."""
    size = int(bright.size[0])
    return Bright(*(part[:size].copy() for part in bright[:3]), bright.size)


def _added(bands, require):
    """Tables of bands added up in their order."""
    whole, parts = _table(_TABLE), []
    for table, bright, _ in bands:
        needed = int(whole.size[0]) + int(table.size[0])
        if needed > len(whole.keys):
            size = len(whole.keys)
            while size < needed:
                size *= 2
            require(ENTRY_BYTES * size)
            larger = _table(size)
            into_table(whole, larger, np.empty(len(whole.keys), np.int64))
            whole = larger
        entries = np.empty(len(table.keys), np.int64)
        into_table(table, whole, entries)
        parts.append(bright._replace(entries=entries[bright.entries]))
    size = int(whole.size[0])
    joined = [np.concatenate([getattr(part, name) for part in parts]) if parts else np.empty(0, kind)
              for name, kind in (("pixels", np.int64), ("entries", np.int64), ("photons", np.float64))]
    return Reflections(whole.keys[:size], whole.sums[:size], whole.counts[:size],
                       Bright(*joined, np.array([len(joined[0])])))


def attributed(scene, interpolating, window, listed, least, threads=None, require=lambda size: None):
    """Attribute the photons of pixels to the reflections that they come from.

    Parameters
    ----------
    scene : records.Scene
        Of one crystal on one panel, without an `obstacle`.
    interpolating : bool
        Start with interpolated structure factors.
    window : records.Window
    listed : (n,) int64
        Numbers of pixels within the window, in rising order: of all that interpolate, for the first that leaves the
        table switches it off for the others.
    least : float
        Photons above which a reflection is bright in a pixel.
    threads : int or None
        None: one for each processor.
    require : callable
        Told how many bytes are needed beyond `bytes_of`, before they are.

    Returns
    -------
    Reflections
        All with photons.  The sum of photons is that of the pixels of the image, but for rounding and background.
    """
    threads = threads or available_threads()

    def work(halt):
        made = _Attribution(scene, interpolating, window, least, require)
        bands = made.bands(listed, threads, _NEVER, halt)
        trip = min((band[2] for band in bands), default=_NEVER)
        if interpolating and trip < _NEVER:
            # what comes behind does not interpolate any more
            bands = made.bands(listed, threads, trip, halt)
        return _added(bands, require)

    return halting(work, len(listed) * steps_per_pixel(scene))
