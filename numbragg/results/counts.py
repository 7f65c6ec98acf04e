"""Photons that a detector counts: Poisson deviates of an image, drawn for each frame and panel on its own."""

from __future__ import annotations

from typing import Any

import numpy as np

# start-up: NumPy's random generators are imported with the first count

__all__ = ["photons"]

#: Rows that are drawn at a time, so that little memory is taken.
_PIXELS = 1 << 20


def photons(image: Any, dtype: Any, *, seed: int | None, frame: int = 0, panel: int = 0) -> Any:
    """Photons of each pixel, as whole numbers.

    The numbers of a frame and a panel do not depend on other frames and panels.  Generator and method are NumPy's
    Mersenne twister and its legacy Poisson deviates, which stay as they are from one version of NumPy to the next.

    Parameters
    ----------
    image : (slow, fast) float32 array
        Mean photons; what is below 0, or no number, counts 0.
    dtype : numpy dtype
        Of the result; what exceeds it becomes its largest number.
    seed : int or None
        0 or more; None: nothing is drawn, the means are rounded.
    frame, panel : int
        From 0.

    Returns
    -------
    (slow, fast) array
    """
    largest = np.iinfo(dtype).max
    made = np.empty(image.shape, dtype)
    draw = None
    if seed is not None:
        from numpy.random import MT19937, RandomState, SeedSequence

        draw = RandomState(MT19937(SeedSequence(seed, spawn_key=(frame, panel)))).poisson
    rows = max(_PIXELS // max(image.shape[1], 1), 1)
    for first in range(0, image.shape[0], rows):
        # deviates of what is far above the limit cannot fall below it
        means = np.clip(np.nan_to_num(image[first:first + rows].astype(np.float64), nan=0.0), 0.0, 2.0 * largest)
        counts = np.rint(means) if draw is None else draw(means)
        made[first:first + rows] = np.minimum(counts, largest)
    return made
