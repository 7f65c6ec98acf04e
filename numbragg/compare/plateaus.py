"""Plateaus of an image: distinct values, runs of equal pixels along rows, and how values are distributed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..io.any_image import bit_patterns
from ..scene.pixels import cropped

__all__ = ["Plateaus", "common_histogram", "plateaus"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plateaus:
    """What `plateaus` found in a region of an image.

    Attributes
    ----------
    shape : tuple of two int
        Pixels of the region along the slow and the fast axis.
    values : (n,) array
        Distinct bit patterns as values, ascending; NaN at the end.
    counts : (n,) int64
        Pixels that have each value.
    run_lengths : (m,) int64
        Lengths of runs that occur, ascending.  A run is a stretch of pixels of one row with equal bits,
        as long as it goes on.
    run_counts : (m,) int64
        Runs of each length.
    """

    shape: tuple
    values: np.ndarray
    counts: np.ndarray
    run_lengths: np.ndarray
    run_counts: np.ndarray

    @property
    def pixels(self) -> int:
        """Number of pixels."""
        return self.shape[0] * self.shape[1]

    @property
    def distinct(self) -> int:
        """Number of distinct values."""
        return len(self.values)

    @property
    def runs(self) -> int:
        """Number of runs."""
        return int(self.run_counts.sum())

    @property
    def longest_run(self) -> int:
        """Pixels of the longest run."""
        return int(self.run_lengths[-1])

    @property
    def mean_run(self) -> float:
        """Pixels per run."""
        return self.pixels / self.runs


def plateaus(image: np.ndarray, roi: Sequence[int] | None = None) -> Plateaus:
    """Distinct values and runs of equal pixels.

    Values are told apart by their bits: zeros of either sign are two values, and NaN equals NaN if its bits
    do.

    Parameters
    ----------
    image : (slow, fast) array
        Integers or floats of at most 64 bits.
    roi : four int, optional
        First and last pixel along the fast axis, first and last along the slow axis, inclusive.

    Returns
    -------
    Plateaus
        All of it.

    Raises
    ------
    ValueError
        There is not one image, or the region is empty or reaches beyond the image.

    Examples
    --------
    >>> import numpy as np
    >>> found = plateaus(np.array([[1, 1, 2], [2, 2, 2]], np.float32))
    >>> found.distinct, found.runs, found.longest_run
    (2, 3, 3)
    """
    region = np.ascontiguousarray(cropped(np.asarray(image), roi))
    bits = bit_patterns(region)
    patterns, counts = np.unique(bits, return_counts=True)
    values = patterns.view(region.dtype)
    # -0.0 and 0.0, and several NaN, are ordered by their bits
    order = np.lexsort((patterns, values))
    # a run starts where a row does, or where the bits change
    starts = np.ones(bits.shape, bool)
    starts[:, 1:] = bits[:, 1:] != bits[:, :-1]
    lengths = np.diff(np.flatnonzero(starts), append=bits.size)
    run_lengths, run_counts = np.unique(lengths, return_counts=True)
    return Plateaus(shape=region.shape, values=values[order], counts=counts[order], run_lengths=run_lengths,
                    run_counts=run_counts)


def common_histogram(results, bins=10):
    """Histograms of the values of several images over one range.

    Parameters
    ----------
    results : sequence of Plateaus
        At least one.
    bins : int
        Number of bins of equal width.

    Returns
    -------
    edges : (bins + 1,) float64
        From the smallest to the largest finite value of all; all bins but the last leave out their upper
        edge.  One bin if there is but one value.
    counts : list of (bins,) int64
        Pixels of each image in each bin; values that are not finite are in none.
    """
    finite = []
    for result in results:
        values = result.values.astype(np.float64)
        keep = np.isfinite(values)
        finite.append((values[keep], result.counts[keep]))
    everything = np.concatenate([values for values, _ in finite])
    if everything.size == 0:
        return np.zeros(2), [np.zeros(1, np.int64) for _ in results]
    low, high = everything.min(), everything.max()
    if low == high:
        bins = 1
    part = np.linspace(0.0, 1.0, bins + 1)
    # in this form the range itself may be beyond the largest double
    edges = low * (1.0 - part) + high * part
    edges[-1] = high
    counts = []
    for values, numbers in finite:
        places = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, bins - 1)
        total = np.zeros(bins, np.int64)
        np.add.at(total, places, numbers)
        counts.append(total)
    return edges, counts
