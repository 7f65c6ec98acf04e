"""Reflections that pixels are credited to: their keys, tables of them, and what is made of tables.

A key has the indices in one number, h 2^34 + k 2^17 + l, which a double holds exactly.
"""

from typing import NamedTuple

import numpy as np

from ..arithmetic.vectors import magnitude
from ..compile.compilation import inlined, jit
from ..physics.view import photons

__all__ = ["Bright", "DONE", "FULL_BRIGHT", "FULL_OWN", "FULL_TABLE", "HALTED", "LARGEST_INDEX", "Table", "WIDE",
           "credit", "indices_of", "into_table", "key_of", "parts_of", "place_of_pixel", "resolutions", "settle",
           "slot_of"]

#: No index is larger: each has 17 bits of a key.
LARGEST_INDEX = 65535
_HALF, _BASE = 65536, 131072

#: What a kernel returns: all is done, or it was halted, or which of its tables must be larger, or it is not for these
#: pixels.
DONE, HALTED, FULL_OWN, FULL_TABLE, FULL_BRIGHT, WIDE = 0, 1, 2, 3, 4, 5


class Table(NamedTuple):
    """Reflections of many pixels."""

    slots: np.ndarray  # (2 n,) int64: entry + 1, or 0; n is a power of two
    keys: np.ndarray  # (n,) int64
    sums: np.ndarray  # (n, 3): photons, and photons times slow and fast [pixels from the panel's corner]
    counts: np.ndarray  # (n,) int64: pixels in which it is bright
    size: np.ndarray  # (1,) int64: entries


class Bright(NamedTuple):
    """Reflections of single pixels that have more photons there than a threshold."""

    pixels: np.ndarray  # (n,) int64, numbers within the window
    entries: np.ndarray  # (n,) int64, of a `Table`
    photons: np.ndarray  # (n,) float64
    size: np.ndarray  # (1,) int64


@inlined
def slot_of(key, size):
    """Where to look for a key first, in a table of so many slots (a power of two)."""
    mixed = (key ^ (key >> 15) ^ (key >> 31)) & 0x7FFFFFFF
    return ((mixed * 0x9E3779B1) >> 20) & (size - 1)


@inlined
def key_of(nearest):
    """The key of whole numbers h, k, l, as a float."""
    return (nearest[0] * 131072.0 + nearest[1]) * 131072.0 + nearest[2]


@inlined
def parts_of(key):
    """h, k, l of a key."""
    l = ((key + _HALF) & (_BASE - 1)) - _HALF
    rest = (key - l) >> 17
    k = ((rest + _HALF) & (_BASE - 1)) - _HALF
    return (rest - k) >> 17, k, l


@jit
def indices_of(keys, out):
    """Enter h, k, l of keys: (n, 3) int64."""
    for i in range(keys.shape[0]):
        out[i, 0], out[i, 1], out[i, 2] = parts_of(keys[i])


@inlined
def place_of_pixel(place, index):
    """Fast and slow place on the panel of a pixel of the window."""
    slow = index // place[2]
    return place[0] + index - slow * place[2], place[1] + slow


@inlined
def _entry_of(table, key):
    """The entry of a key in a table, made if there is none; -1: the table is full."""
    size = table.slots.shape[0]
    slot = slot_of(key, size)
    for _ in range(size):
        found = table.slots[slot] - 1
        if found < 0:
            found = table.size[0]
            if found == table.keys.shape[0]:
                return -1
            table.size[0] = found + 1
            table.slots[slot], table.keys[found], table.counts[found] = found + 1, key, 0
            table.sums[found, 0] = table.sums[found, 1] = table.sums[found, 2] = 0.0
            return found
        if table.keys[found] == key:
            return found
        slot = (slot + 1) & (size - 1)
    return -1


@inlined
def credit(sampling, square, key, sums, pixel, factors, filled, least):
    """Enter a reflection of a pixel that is done into the table.

    Parameters
    ----------
    square : float
        Squared structure factor; 1 where terms have it.
    key : int
    sums : tuple of three float
        Sum of terms, of terms times slow and of terms times fast [pixels from the pixel's corner].
    pixel : tuple of three
        Number within the window; fast and slow place on the panel.
    factors : tuple of three float
        Captured fraction, polarisation factor, solid angle.
    filled : tuple
        A `Table` and a `Bright`.
    least : float
        Photons above which a reflection is bright in a pixel.

    Returns
    -------
    int
        DONE, FULL_TABLE or FULL_BRIGHT.
    """
    photons_here = photons(sampling, square * sums[0], factors[0], factors[1], factors[2])
    if not photons_here > 0.0:
        return DONE
    table, bright = filled
    entry = _entry_of(table, key)
    if entry < 0:
        return FULL_TABLE
    table.sums[entry, 0] += photons_here
    table.sums[entry, 1] += photons_here * (pixel[2] + sums[1] / sums[0])
    table.sums[entry, 2] += photons_here * (pixel[1] + sums[2] / sums[0])
    if photons_here > least:
        at = bright.size[0]
        if at == bright.pixels.shape[0]:
            return FULL_BRIGHT
        bright.pixels[at], bright.entries[at], bright.photons[at] = pixel[0], entry, photons_here
        bright.size[0] = at + 1
        table.counts[entry] += 1
    return DONE


# -- what is made of many pixels


@jit
def into_table(source, table, entries):
    """Add a table to another one, entry by entry.

    Parameters
    ----------
    source, table : Table
    entries : (n,) int64
        Filled with the entries of the second for those of the first.

    Returns
    -------
    int
        DONE or FULL_TABLE.
    """
    for i in range(source.size[0]):
        entry = _entry_of(table, source.keys[i])
        if entry < 0:
            return FULL_TABLE
        entries[i] = entry
        table.counts[entry] += source.counts[i]
        for j in range(3):
            table.sums[entry, j] += source.sums[i, j]
    return DONE


@jit
def settle(bright, entries, labels, overlap, owners, largest, mask):
    """Find the strongest reflection of each pixel, and reflections that share one.

    Parameters
    ----------
    bright : Bright
        Of one lattice.
    entries : (n,) int64
        Numbers among all reflections, from 0, of the table's entries.
    labels : (n of all,) int64
        What a mask has of each reflection; 0: nothing.
    overlap : (n of all,) uint8
        Becomes 1 for those that are bright in a pixel in which another one is.
    owners : (pixels,) int64
        The first reflection that was bright in a pixel, + 1, or 0; updated, as the two that follow.
    largest : (pixels,) float64
        Photons of the strongest reflection with a label.
    mask : (pixels,) int32
        Its label; of two alike the smaller one.
    """
    for i in range(bright.size[0]):
        pixel, entry, photons_here = bright.pixels[i], entries[bright.entries[i]], bright.photons[i]
        if owners[pixel] == 0:
            owners[pixel] = entry + 1
        elif owners[pixel] != entry + 1:
            overlap[entry] = 1
            overlap[owners[pixel] - 1] = 1
        label = labels[entry]
        if label == 0 or photons_here < largest[pixel]:
            continue
        if photons_here > largest[pixel] or label < mask[pixel]:
            largest[pixel], mask[pixel] = photons_here, label


@jit
def resolutions(cells, keys, out):
    """Enter resolutions d = 1 / |h a* + k b* + l c*| of keys: (n,) [Angstrom]; infinite for 0 0 0.

    `cells` are a*, b*, c* [1/Angstrom], nine numbers.
    """
    for i in range(keys.shape[0]):
        h, k, l = parts_of(keys[i])
        q = (h * cells[0] + k * cells[3] + l * cells[6], h * cells[1] + k * cells[4] + l * cells[7],
             h * cells[2] + k * cells[5] + l * cells[8])
        size = magnitude(q)
        out[i] = 1.0 / size if size > 0.0 else np.inf
