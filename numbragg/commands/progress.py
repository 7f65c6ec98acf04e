"""A progress bar on a terminal, nothing elsewhere; and a word where kernels are compiled."""

import sys
import time

# start-up: what a run needs is imported when it runs, so that --help and refused words load neither NumPy nor Numba

__all__ = ["FrameProgress", "Progress", "say_compiling"]


def say_compiling(how_long):
    """Say on stderr why nothing happens for a while."""
    print(f"numbragg: compiling (once for this version; {how_long})", file=sys.stderr)


class Progress:
    """Counts finished pixels; a context manager.

    Parameters
    ----------
    total : int
        Pixels in all.
    wanted : bool
        False: never a bar.  Also none where stderr is not a terminal or tqdm is not installed.
    """

    def __init__(self, total, wanted=True):
        self._bar = None
        if wanted and sys.stderr.isatty():
            try:
                from tqdm import tqdm
            except ImportError:
                return
            self._bar = tqdm(total=total, unit="pixel", unit_scale=True, leave=False, mininterval=0.2)

    def __call__(self, pixels):
        if self._bar is not None:
            self._bar.update(pixels)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self._bar is not None:
            self._bar.close()


class FrameProgress:
    """Says how many frames of a series are done, how many a second, and how long the rest will take.

    One line that is written over on a terminal; elsewhere, if it is wanted all the same, a line every ten seconds.

    Parameters
    ----------
    total : int
        Frames in all.
    wanted : bool or None
        None: on a terminal only.
    what : str
        What is counted.
    """

    def __init__(self, total, wanted=None, what="frame"):
        self.total, self.done, self._what = total, 0, what
        self._terminal = sys.stderr.isatty()
        self._wanted = self._terminal if wanted is None else wanted
        self._first = self._said = None

    def __call__(self, done):
        now, self.done = time.monotonic(), done
        if self._first is None:
            # frames of an interrupted run are there already
            self._first, self._said = (done, now), now
            return
        if not self._wanted or done < self.total and now - self._said < (0.2 if self._terminal else 10.0):
            return
        self._said = now
        print("\r" if self._terminal else "", self.text(now), sep="", end="" if self._terminal else "\n",
              file=sys.stderr, flush=True)

    def found(self, count):
        """Note that some of what is done was there already, and took no time."""
        if self._first is not None:
            self._first = self._first[0] + count, self._first[1]

    @property
    def started(self):
        """Whether it is known how many frames an interrupted run left."""
        return self._first is not None

    def text(self, now):
        """How far the series is at a time [s]."""
        frames, start = self._first
        rate = (self.done - frames) / max(now - start, 1e-9)
        left = (self.total - self.done) / rate if rate else 0.0
        return (f"numbragg: {self._what} {self.done} of {self.total}, {rate:.3g} {self._what}s/s, "
                f"{left // 60:.0f} min {left % 60:.0f} s left  ")

    def close(self):
        """End the line."""
        if self._terminal and self._wanted and self.done:
            print(file=sys.stderr)
