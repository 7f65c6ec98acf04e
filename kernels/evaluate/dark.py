"""How far from the origin of reciprocal space structure factors reach: beyond, every term is exactly 0, for any shape.

Nothing is left out that has a last bit: where F is 0 the strict evaluator adds F F L L = 0.  A list may end before the
detector does, and its default be 0.  The derivation is in docs/accuracy/culling.md.
"""

import math

import numpy as np

from ..arithmetic.vectors import magnitude
from ..compile.compilation import inlined, jit
from .lane_rows import QX, vector

__all__ = ["dark_beyond", "ends_of_rows", "is_dark"]

#: Half the distance of two lattice points, and more than roundings of indices can be.
_HALF_STEP = 0.5 + 1e-6

_MORE = 1.0 + 1e-9


@inlined
def is_dark(beyond, n, scratch):
    """Whether the scattering vectors of all lanes are longer than that; beyond: its square, infinite where none is."""
    if not beyond < np.inf:
        return False
    inside = 0
    for i in range(n):
        x, y, z = vector(scratch, QX, i)
        # not a number: not dark
        inside += 0 if x * x + y * y + z * z > beyond else 1
    return inside == 0


@jit
def _enter_ends(table, out):
    for h in range(out.shape[0]):
        for k in range(out.shape[1]):
            low, high = 0, table.shape[2] - 1
            while low <= high and table[h, k, low] == 0.0:
                low += 1
            while high > low and table[h, k, high] == 0.0:
                high -= 1
            out[h, k, 0] = low
            out[h, k, 1] = high if low <= high else -1


def ends_of_rows(lookup):
    """The first and last indices (h, k, l) of every row along l at which there is a structure factor that is not 0.

    Parameters
    ----------
    lookup : records.Lookup
        With entries.

    Returns
    -------
    (n, 3) float64
    """
    extents = [high - low + 1 for low, high in zip(lookup.minimum, lookup.maximum)]
    table = lookup.table[:extents[0], :extents[1], :extents[2]]
    ends = np.empty((extents[0], extents[1], 2), dtype=np.int64)
    _enter_ends(np.ascontiguousarray(table), ends)
    h, k = np.nonzero(ends[:, :, 1] >= 0)
    found = np.concatenate([np.stack([h, k, ends[h, k, end]], axis=1) for end in range(2)])
    return found + np.array(lookup.minimum, dtype=np.float64)


def _farthest_pixel(scene, window):
    """No scattering vector of the window's pixels is longer [1/m]; 2 / wavelength where the detector is not a plane."""
    geometry, beam = scene.geometry, scene.beam
    shortest = float(np.abs(beam.wavelengths).min())
    if geometry.curved or len(beam.directions) > 1 or geometry.layers > 1:
        return 2.001 / shortest
    # hot path: of so few numbers arrays take longer to be made than all else here
    size, source, longest = geometry.sub_pixel_size * geometry.oversample, beam.directions[0].tolist(), 0.0
    for f in (window.fast_min + geometry.first_fast, window.fast_max + geometry.first_fast + 1):
        for s in (window.slow_min + geometry.first_slow, window.slow_max + geometry.first_slow + 1):
            s1 = [o + (f * x + s * y) * size for o, x, y in zip(geometry.origin, geometry.fast_axis,
                                                                geometry.slow_axis)]
            far = magnitude(s1)
            if not 0.0 < far < math.inf:
                # a corner at the crystal, or no number
                return 2.001 / shortest
            longest = max(longest, magnitude([a / far + b for a, b in zip(s1, source)]))
    return 1.001 * longest / shortest


def _stretch(scene, inverse):
    """No orientation's reciprocal vectors are longer than those of the first one, times this."""
    cells = scene.crystal.phi_cells.reshape(-1, 3, 3)
    turned = np.einsum("ij,mjk->mik", inverse, cells)
    mosaic = scene.crystal.mosaic.reshape(-1, 3, 3)
    least = 1.0
    for each in (turned, mosaic):
        if len(each):
            off = np.abs(np.einsum("mji,mjk->mik", each, each) - np.eye(3)).sum(axis=2).max()
            least *= 1.0 - float(off)
    return 1.0 / math.sqrt(least) if least > 0.25 else math.inf


def dark_beyond(scene, window, ends_of):
    """The square of a length such that no pixel with a longer scattering vector has any term [1/m^2].

    Parameters
    ----------
    scene : records.Scene
    window : records.Window
    ends_of : function
        Returns `ends_of_rows` of the scene's table; called only where something can be dark.

    Returns
    -------
    float
        Infinite where all may have terms.
    """
    lookup, crystal = scene.lookup, scene.crystal
    if lookup.default != 0.0:
        return math.inf
    if not lookup.filled:
        return -1.0
    axes = crystal.phi_cells[0].tolist()
    farthest = _farthest_pixel(scene, window)
    ends = [max(abs(low), abs(high)) for low, high in zip(lookup.minimum, lookup.maximum)]
    lengths = [magnitude(axes[i:i + 3]) for i in (0, 3, 6)]
    # a list that has all of the sphere that the detector sees is the rule
    if not any(farthest * length > end for end, length in zip(ends, lengths)):
        return math.inf
    with np.errstate(all="ignore"):
        first = crystal.phi_cells[0].reshape(3, 3)
        try:
            inverse = np.linalg.inv(first)
        except np.linalg.LinAlgError:
            return math.inf
        stretch = _stretch(scene, inverse)
        rows = ends_of()
        longest = math.sqrt(float(((rows @ inverse.T) ** 2).sum(axis=1).max())) if len(rows) else 0.0
        half = _HALF_STEP * float(np.linalg.norm(inverse, axis=0).sum())
        beyond = ((longest + half) * stretch * _MORE) ** 2
    return beyond if beyond < farthest ** 2 else math.inf
