"""Masked pixels as rectangles, for files that have a list of them."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["masked_rectangles"]


def masked_rectangles(mask: Any, most: int) -> list[tuple[int, int, int, int]] | None:
    """Rectangles that cover the masked pixels of a panel, none twice.

    Parameters
    ----------
    mask : (slow, fast) array or None
        Zero: masked.
    most : int
        So many at most.

    Returns
    -------
    list of (int, int, int, int) or None
        First fast, end fast, first slow, end slow; ends do not belong to them.  None: there are more.

    Examples
    --------
    >>> import numpy as np
    >>> from numbragg.io.rectangles import masked_rectangles
    >>> mask = np.ones((6, 8))
    >>> mask[2:4, 5:] = 0
    >>> masked_rectangles(mask, 100)
    [(5, 8, 2, 4)]
    """
    if mask is None:
        return []
    masked = np.asarray(mask) == 0
    rows = np.flatnonzero((masked[1:] != masked[:-1]).any(axis=1)) + 1
    found: list[tuple[int, int, int, int]] = []
    # runs of masked pixels in the rows so far, and where they began
    going: dict[tuple[int, int], int] = {}
    for row in (0, *rows.tolist(), len(masked)):
        runs = _runs(masked[row]) if row < len(masked) else []
        found += [(*run, start, row) for run, start in going.items() if run not in runs]
        going = {run: going.get(run, row) for run in runs}
        if len(found) + len(going) > most:
            return None
    return sorted(found, key=lambda edges: (edges[2], edges[0]))


def _runs(row: Any) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate(([False], row, [False])))).tolist()
    return list(zip(edges[::2], edges[1::2]))
