"""A progress bar on a terminal, nothing elsewhere; and a word where kernels are compiled."""

import sys

# start-up: what a run needs is imported when it runs, so that --help and refused words load neither NumPy nor Numba

__all__ = ["Progress", "say_compiling"]


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
