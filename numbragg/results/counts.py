"""Photons that a detector counts: Poisson deviates of an image, each pixel's drawn on its own."""

from __future__ import annotations

from typing import Any

import numpy as np

# start-up: kernels, and Numba with them, are imported with the first count that is drawn

__all__ = ["photons"]

#: Pixels that a thread has at a time, so that little memory is taken: half a megabyte.
_PIXELS = 1 << 16


def photons(image: Any, dtype: Any, *, seed: int | None, frame: int = 0, panel: int = 0, threads: int = 1) -> Any:
    """Photons of each pixel, as whole numbers.

    A pixel's number depends on seed, frame, panel, its place on the panel and its mean, and on nothing else: it is the
    same alone and in a series, on any number of threads and on any processor.  It is drawn by one uniform number
    (Philox4x32-10) through the inverse of the Poisson distribution, and never decreases with the mean.

    Parameters
    ----------
    image : (slow, fast) array
        Mean photons; what is below 0, or no number, counts 0. Above 2**45 a mean counts as that.
    dtype : numpy dtype
        Of the result; what exceeds it becomes its largest number.
    seed : int or None
        0 to 2**64 - 1; None: nothing is drawn, the means are rounded.
    frame : int
        From 0 to 2**32 - 1.
    panel : int
        From 0 to 2**24 - 1.
    threads : int

    Returns
    -------
    (slow, fast) array

    Raises
    ------
    ValueError
        A seed, frame or panel outside its limits.

    Examples
    --------
    >>> import numpy as np
    >>> from numbragg.results.counts import photons
    >>> photons(np.full((2, 3), 4.0), np.int32, seed=1).shape
    (2, 3)
    """
    largest = np.iinfo(dtype).max
    made = np.empty(image.shape, dtype)
    rows = max(_PIXELS // max(image.shape[1], 1), 1)
    parts = [slice(first, first + rows) for first in range(0, image.shape[0], rows)]
    if seed is None:
        for part in parts:
            means = np.clip(np.nan_to_num(image[part].astype(np.float64), nan=0.0), 0.0, 2.0 * largest)
            made[part] = np.minimum(np.rint(means), largest)
        return made
    for name, value, bits in (("seed", seed, 64), ("frame", frame, 32), ("panel", panel, 24)):
        if not 0 <= value < 1 << bits:
            raise ValueError(f"{name}: {value}; must be from 0 to {(1 << bits) - 1}")
    from ..kernels.detector.draws import COUNTING
    from ..kernels.detector.poisson import replace_by_counts
    from ..kernels.drive.crew import Crew

    def draw(part: slice) -> None:
        pixels = image[part].astype(np.float64)
        replace_by_counts(pixels, np.uint64(seed), COUNTING, frame, panel, part.start, 0)
        made[part] = np.minimum(pixels, largest)

    Crew(threads).run(draw, parts)
    return made
