"""Sums of a shot: of its mean photons, as `digitise.image_statistics` adds them up, and of its counts, in one pass."""

import numpy as np

from ..compile.compilation import jit
from .digitise import pieces

__all__ = ["shot_sums"]


@jit
def _go_on(image, counts, first, last, means, found):
    """Go on with the sums and the largest numbers over some rows."""
    total, largest = means[0], means[1]
    whole, most = found[0], found[1]
    for slow in range(first, last + 1):
        for fast in range(image.shape[1]):
            value = np.float64(image[slow, fast])
            total += value
            # what is no number is never the largest
            largest = value if value > largest else largest
            count = np.int64(counts[slow, fast])
            whole += count
            most = max(most, count)
    means[0], means[1] = total, largest
    found[0], found[1] = whole, most


def shot_sums(image, counts):
    """Sums and largest numbers of mean photons and of counts of one panel.

    Parameters
    ----------
    image : (slow, fast) float32
        Mean photons.
    counts : (slow, fast) array of whole numbers
        Of no more than 32 bits.

    Returns
    -------
    total, largest : float
        Of the means, as `digitise.image_statistics` has them: added up along rows; the largest is at least 0.
    whole, most : int
        Of the counts.
    """
    means, found = np.zeros(2), np.array([0, np.iinfo(np.int64).min])
    for _, _, first, last in pieces((0, image.shape[1] - 1, 0, image.shape[0] - 1), image.shape):
        _go_on(image, counts, first, last, means, found)
    return (*means.tolist(), *found.tolist())
