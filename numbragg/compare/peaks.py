"""The strongest peaks of an image, by exact comparison of neighbours; peaks of two images matched."""

from dataclasses import dataclass
import math

import numpy as np
from numpy.typing import NDArray

from ..scene.pixels import check_image

__all__ = ["LARGEST_COUNT", "PeakMatch", "assignment", "find_peaks", "match_peaks"]

#: Peaks that are matched at most: time grows with the cube of the number.
LARGEST_COUNT = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class PeakMatch:
    """Peaks of two images matched one to one.

    Attributes
    ----------
    wanted : int
        How many peaks of each image were asked for.
    found : tuple of two int
        How many there were, at most `wanted`.
    within : float
        Largest distance of two matched peaks [pixel].
    matched : int
        Number of pairs.
    mean_distance : float or None
        Mean distance of the pairs [pixel]; None without pairs.
    """

    wanted: int
    found: tuple
    within: float
    matched: int
    mean_distance: float | None

    @property
    def fraction(self) -> float | None:
        """Pairs over the larger number of peaks found, or None if neither image has a peak."""
        return self.matched / max(self.found) if max(self.found) else None


def find_peaks(image: np.ndarray, count: int) -> NDArray[np.int64]:
    """The strongest peaks: pixels that are not exceeded by any of their eight neighbours.

    The comparison is exact.  There is no tolerance and no clustering, so that every pixel of a flat top is
    a peak of its own; images that break a flat top apart are meant to be found out.  Pixels at the border
    have fewer neighbours.  Pixels at the lowest value of the image are no peaks, else every pixel of an
    empty background would be one.  NaN is no peak and does not count as a neighbour.

    Parameters
    ----------
    image : (slow, fast) array
        Integers or floats.
    count : int
        How many are wanted, from 1 to 500.

    Returns
    -------
    (n, 2) int64 array
        Slow and fast index of each, n <= `count`, in descending order of value, equal values in the order
        of rows and then of columns.

    Raises
    ------
    ValueError
        An impossible `count`, or what is not one image.
    """
    check_image(image)
    if not 1 <= count <= LARGEST_COUNT:
        raise ValueError(f"peaks: {count} must be a whole number from 1 to {LARGEST_COUNT}")
    # fmax passes over NaN
    highest = image.copy()
    np.fmax(highest[:, 1:], image[:, :-1], out=highest[:, 1:])
    np.fmax(highest[:, :-1], image[:, 1:], out=highest[:, :-1])
    rows = highest.copy()
    np.fmax(highest[1:], rows[:-1], out=highest[1:])
    np.fmax(highest[:-1], rows[1:], out=highest[:-1])
    peaks = (image == highest) & (image > np.fmin.reduce(image, axis=None))
    slow, fast = np.nonzero(peaks)
    # a stable sort of the reversed list, reversed: descending, ties in their first order
    order = np.argsort(image[slow, fast][::-1], kind="stable")[::-1]
    order = (len(slow) - 1 - order)[:count]
    return np.column_stack([slow[order], fast[order]])


def match_peaks(a: np.ndarray, b: np.ndarray, within: float, wanted: int | None = None) -> PeakMatch:
    """Match peaks one to one, as many as possible, and among these ways with the smallest sum of distances.

    Parameters
    ----------
    a, b : (n, 2) array
        Places of peaks.
    within : float
        Pairs farther apart than this do not match [pixel].
    wanted : int, optional
        How many peaks had been asked for.

    Returns
    -------
    PeakMatch
        How many pairs there are, and how far apart they lie.

    Raises
    ------
    ValueError
        A negative or infinite `within`.
    """
    if not 0.0 <= within < math.inf:
        raise ValueError(f"within: {within!r} must be a number of pixels, not negative")
    a, b = (np.asarray(peaks, np.float64).reshape(-1, 2) for peaks in (a, b))
    found = len(a), len(b)
    wanted = max(found) if wanted is None else wanted
    if len(a) > len(b):
        a, b = b, a
    distances = np.hypot(a[:, None, 0] - b[None, :, 0], a[:, None, 1] - b[None, :, 1])
    close = distances <= within
    # in units of the radius; a pair left out costs more than all distances together
    cost = np.full(distances.shape, len(a) + 1.0)
    cost[close] = distances[close] / within if within > 0.0 else 0.0
    columns = assignment(cost)
    rows = np.arange(len(a))
    lengths = distances[rows, columns][close[rows, columns]]
    return PeakMatch(wanted=wanted, found=found, within=float(within), matched=len(lengths),
                     mean_distance=float(np.mean(lengths)) if len(lengths) else None)


def assignment(cost):
    """Columns for all rows of a matrix, no column twice, with the smallest sum.

    Rows are added one by one along the cheapest augmenting path, found by Dijkstra's algorithm on reduced
    costs; at most n**2 m steps.

    Parameters
    ----------
    cost : (n, m) float64
        Finite, n <= m.

    Returns
    -------
    (n,) int64 array
        Column of each row.

    References
    ----------
    Kuhn (1955). Naval Research Logistics Quarterly 2, 83-97. doi:10.1002/nav.3800020109
    Jonker & Volgenant (1987). Computing 38, 325-340. doi:10.1007/BF02278710
    """
    cost = np.asarray(cost, np.float64)
    n, m = cost.shape
    if n > m or not np.isfinite(cost).all():
        raise ValueError(f"cost: of shape {cost.shape} must have no more rows than columns, and be finite")
    row_price, column_price = np.zeros(n), np.zeros(m)
    row_of = np.full(m, -1)
    for start in range(n):
        lengths = np.full(m, np.inf)  # of the cheapest path from the new row to each column
        previous = np.full(m, -1)  # column before it on that path, -1 for the new row itself
        settled = np.zeros(m, bool)
        row, column, length = start, -1, 0.0
        while row >= 0:
            through = length + (cost[row] - row_price[row] - column_price)
            shorter = ~settled & (through < lengths)
            lengths[shorter], previous[shorter] = through[shorter], column
            column = int(np.argmin(np.where(settled, np.inf, lengths)))
            length = lengths[column]
            settled[column] = True
            row = row_of[column]
        # prices that keep all reduced costs from being negative, and those of assigned pairs zero
        passed = np.flatnonzero(settled & (row_of >= 0))
        row_price[start] += length
        row_price[row_of[passed]] += length - lengths[passed]
        column_price[passed] -= length - lengths[passed]
        while column >= 0:
            before = previous[column]
            row_of[column] = start if before < 0 else row_of[before]
            column = before
    columns = np.empty(n, np.int64)
    taken = np.flatnonzero(row_of >= 0)
    columns[row_of[taken]] = taken
    return columns
