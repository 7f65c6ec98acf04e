"""Structure factors of 0 inside a list: orientations whose lattice points near a block of pixels have all F = 0.

Absences, centring, holes, the missing half of a list: where F is 0 the strict evaluator adds F F L L = 0, so nothing
that has a last bit is left out, in any precision.  Of the scattering vectors of a block there is a box; an orientation
makes of it a box of indices, whose structure factors are looked at before any lane is.  The derivation is in
docs/accuracy/culling.md.
"""

import math

import numpy as np

from ..compile.compilation import inlined, jit
from ..physics.lattice import round_half_down
from .lane_rows import BLOCK, HKL, NEAREST, QX, vector
from .step import limited

__all__ = ["ALWAYS", "MARGIN", "NOT_ASKED", "box_of", "has_only_zeros", "is_tried", "patience_after", "zeros_seen"]

#: Indices are so much farther apart than the box says, or less: more than roundings of the largest of them.
MARGIN = 1e-5

#: Margin and patience where nothing is asked, and where everything is.
NOT_ASKED, ALWAYS = (math.inf, 0.0), (MARGIN, math.inf)

#: Largest box of places that is looked at: about as long as a fifth of the orientation takes, if all are 0.
_MOST_PLACES = 256.0

#: What asking costs is this part of what an orientation that is passed over saves, or less.
_COST = 1.0 / 32.0

#: So much patience there is at the start and at most; where it is lost one block in some is still asked for.
_PATIENCE, _MOST_PATIENCE, _BETWEEN = 3.0, 64.0, 16

#: Part of the structure factors of a sample that must be 0, and pixels of the sample along an edge.
_LEAST_SHARE, _SAMPLE = 0.05, 16


# -- in the loops


@inlined
def is_tried(bound, patience, turn):
    """Whether a block and source is asked for zeros: those that found some before are, of others one in some."""
    return bound.margin < np.inf and (patience > 0.0 or turn % _BETWEEN == 0)


@inlined
def patience_after(bound, patience, found, total):
    """The patience after a block and source of which `found` orientations of `total` have been passed over."""
    most = bound.patience if bound.patience > _MOST_PATIENCE else _MOST_PATIENCE
    patience += found / (_COST * total) - 1.0
    return patience if patience < most else most


@inlined
def _fold(source, half, scratch):
    """Halve the rows of least and largest components, which begin as those of the scattering vectors: vector code."""
    for axis in range(3):
        low, high = (QX, QX) if source == QX else (HKL, NEAREST)
        for i in range(half):
            at = axis * BLOCK + i
            a, b = scratch[low + at], scratch[low + at + half]
            scratch[HKL + at] = a if a < b else b
            a, b = scratch[high + at], scratch[high + at + half]
            scratch[NEAREST + at] = a if a > b else b


@inlined
def _extremes(low, high, n, scratch):
    """Least and largest of the first numbers of three rows each."""
    least, most = vector(scratch, low, 0), vector(scratch, high, 0)
    for i in range(1, n):
        a, b = vector(scratch, low, i), vector(scratch, high, i)
        least = (min(a[0], least[0]), min(a[1], least[1]), min(a[2], least[2]))
        most = (max(b[0], most[0]), max(b[1], most[1]), max(b[2], most[2]))
    return least, most


@jit
def box_of(n, scratch):
    """The box of the scattering vectors of all lanes; rows of indices are overwritten.

    Returns
    -------
    bool
        Whether there is one: all of them are finite.
    middle, half : tuples of 3 float64
        Its middle, and half its edges [1/m].
    """
    finite = 0
    for i in range(n):
        x, y, z = vector(scratch, QX, i)
        finite += 1 if 0.0 * x + 0.0 * y + 0.0 * z == 0.0 else 0
    if n == BLOCK:
        _fold(QX, BLOCK // 2, scratch)
        _fold(HKL, BLOCK // 4, scratch)
        _fold(HKL, BLOCK // 8, scratch)
        least, most = _extremes(HKL, NEAREST, BLOCK // 8, scratch)
    else:
        least, most = _extremes(QX, QX, n, scratch)
    return (finite == n, (0.5 * (least[0] + most[0]), 0.5 * (least[1] + most[1]), 0.5 * (least[2] + most[2])),
            (0.5 * (most[0] - least[0]), 0.5 * (most[1] - least[1]), 0.5 * (most[2] - least[2])))


@inlined
def _reach(a, b, c, half, margin):
    return abs(a) * half[0] + abs(b) * half[1] + abs(c) * half[2] + margin


@inlined
def _ends(index, reach, low, high):
    """The first and the last place along an axis, counted from the border, that an index so near can have."""
    return (limited(round_half_down(index - reach), low, high) - low,
            limited(round_half_down(index + reach), low, high) - low)


@inlined
def _is_outside(ends, low, high):
    """Whether all of them are on the border, which stands for what is outside."""
    return ends[0] == ends[1] and (ends[0] == 0.0 or ends[0] == high - low)


@jit
def has_only_zeros(grid, cell, box, margin):
    """Whether all structure factors that an orientation can have in a box of scattering vectors are exactly 0.

    Parameters
    ----------
    grid : structure_factor.Grid
    cell : tuple of nine float
        a, b, c [m].
    box : tuple of two tuples of 3 float64
        Middle and half the edges [1/m].
    margin : float
        Boxes of indices are made so much wider.

    Returns
    -------
    bool
        False, too, where the box has too many places.
    """
    middle, half = box
    low, high = grid.low, grid.high
    reach_h = _reach(cell[0], cell[1], cell[2], half, margin)
    reach_k = _reach(cell[3], cell[4], cell[5], half, margin)
    reach_l = _reach(cell[6], cell[7], cell[8], half, margin)
    h = _ends(cell[0] * middle[0] + cell[1] * middle[1] + cell[2] * middle[2], reach_h, low[0], high[0])
    k = _ends(cell[3] * middle[0] + cell[4] * middle[1] + cell[5] * middle[2], reach_k, low[1], high[1])
    l = _ends(cell[6] * middle[0] + cell[7] * middle[1] + cell[8] * middle[2], reach_l, low[2], high[2])
    if not reach_h + reach_k + reach_l < np.inf:
        return False
    rows, row = np.int64(grid.stride_h), np.int64(grid.stride_k)
    first = np.int64(h[0]) * rows + np.int64(k[0]) * row + np.int64(l[0])
    if _is_outside(h, low[0], high[0]) or _is_outside(k, low[1], high[1]) or _is_outside(l, low[2], high[2]):
        # the same everywhere
        return grid.squares[np.uint64(first)] == 0.0
    if (h[1] - h[0] + 1.0) * (k[1] - k[0] + 1.0) * (l[1] - l[0] + 1.0) > _MOST_PLACES:
        return False
    for i in range(np.int64(h[1] - h[0]) + 1):
        for j in range(np.int64(k[1] - k[0]) + 1):
            at = first + i * rows + j * row
            for m in range(np.int64(l[1] - l[0]) + 1):
                if grid.squares[np.uint64(at + m)] != 0.0:
                    return False
    return True


# -- whether it is worth while


def _share(scene, window, grid):
    """Part of the structure factors of a sample of the window's pixels that are 0: first source and orientation."""
    geometry, beam = scene.geometry, scene.beam
    size = geometry.sub_pixel_size * geometry.oversample
    part = (np.arange(_SAMPLE) + 0.5) / _SAMPLE
    fast = (window.fast_min + geometry.first_fast + part * window.width)[None, :, None] * size
    slow = (window.slow_min + geometry.first_slow + part * window.height)[:, None, None] * size
    with np.errstate(all="ignore"):
        s1 = np.array(geometry.origin) + fast * np.array(geometry.fast_axis) + slow * np.array(geometry.slow_axis)
        s1 = s1.reshape(-1, 3) / np.sqrt((s1.reshape(-1, 3) ** 2).sum(axis=1))[:, None]
        q = (s1 + beam.directions[0]) / beam.wavelengths[0]
        nearest = np.rint((q[:, None, :] * scene.crystal.phi_cells[0].reshape(3, 3)).sum(axis=2))
        place = np.clip(np.nan_to_num(nearest), grid.low, grid.high) - grid.low
    at = place @ (grid.stride_h, grid.stride_k, 1.0)
    return np.count_nonzero(grid.squares[at.astype(np.int64)] == 0.0) / len(at)


def zeros_seen(scene, window, grid):
    """Whether it is worth while to ask for zeros: of few pixels on a grid, and it decides nothing but time.

    Parameters
    ----------
    scene : records.Scene
    window : records.Window
    grid : structure_factor.Grid

    Returns
    -------
    margin, patience : float
        Of `certificate.Bound`; NOT_ASKED where few structure factors are 0.
    """
    return (MARGIN, _PATIENCE) if _share(scene, window, grid) >= _LEAST_SHARE else NOT_ASKED
