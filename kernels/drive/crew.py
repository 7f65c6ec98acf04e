"""Threads that take chunks of pixels in turn; no physics.

Kernels hold no global lock, so plain threads, made for one image and joined at its end, use all
cores.  Nothing outlives the call: a forked child, or a second Python thread that simulates at the
same time, finds no thread pool of ours to trip over.
"""

from dataclasses import dataclass
import os
import threading

from ..evaluate.lane_rows import BLOCK
from ..physics.view import steps_per_pixel
from ..stopping import poll

__all__ = ["CHUNK_PIXELS", "Chunk", "Crew", "available_threads", "shares"]

#: Steps that take about as long as what is done once for a pixel.
PIXEL_STEPS = 3

#: Part of the steps of a chunk that a chunk has at least: some ten times what it takes to hand one out.
LEAST_PART = 32

#: Pixels of a chunk at most: what is kept of each stays in a processor's cache.
CHUNK_PIXELS = 2 ** 15

#: About how many chunks an image has at most, for they are listed: pixels of a million steps would otherwise be
#: a chunk each.
MOST_CHUNKS = 2 ** 16


def available_threads():
    """Return the number of processors this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


class Crew:
    """Threads that take chunks in turn until none is left, one fails or a signal asks to end.

    The caller's thread is one of them: it has a processor already.
    """

    def __init__(self, threads, progress=None):
        self.threads = threads
        self.progress = progress

    def run(self, work, chunks):
        """Call work(chunk) for all chunks, starting them in order."""
        if self.threads == 1 or len(chunks) == 1:
            for chunk in chunks:
                poll()
                work(chunk)
                self._report(chunk)
            return
        source = iter(chunks)
        lock = threading.Lock()
        # appended to, which nothing can interrupt halfway
        failures, stopping = [], []

        def labour():
            while not stopping:
                with lock:
                    chunk = next(source, None)
                if chunk is None:
                    return
                try:
                    poll()
                    work(chunk)
                    with lock:
                        self._report(chunk)
                except BaseException as failure:  # raised when all have stopped
                    failures.append(failure)
                    stopping.append(True)

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
            stopping.append(True)
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


def shares(scene, start, stop, axis, threads, chunk_steps):
    """Share out pixels start..stop-1 in chunks that get smaller to the end: so all threads end at about one time."""
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
