"""Reflections of an asymmetric unit, or of any part, expanded to all of the P1 cell."""

from typing import NamedTuple

import numpy as np

from .. import memory
from .symmetry import DENOMINATOR

__all__ = ["LARGEST_INDEX", "Expanded", "absent", "centric", "expand"]

#: Largest index of an expanded list: three of them fit into one number of 64 bits.
LARGEST_INDEX = (1 << 20) - 1

#: Amplitudes of equivalent reflections may differ by this part of the larger one: rounding of what was written.
SAME_AMPLITUDE = 0.01

#: Which entry counts where there are several: an amplitude that was given for it; F- for its own reflection; a mate.
_GIVEN, _MINUS, _MATE = 0, 1, 2

#: Bytes that an entry takes while a list is expanded: where mates are those of the same row, and where not.
_ENTRY_BYTES, _APART_BYTES = 100, 68


class Expanded(NamedTuple):
    """Amplitudes in P1."""

    indices: np.ndarray  # (n, 3) int32, sorted, each once
    f: np.ndarray  # (n,) float64
    absences: int  # reflections given with an amplitude though they are systematically absent: now 0
    merged: int  # reflections given more than once, symmetry taken into account
    unpaired: int  # of F+ and F-, given both, only one is there: the mate has the same


def absent(indices, symmetry):
    """Which reflections are systematically absent.

    Parameters
    ----------
    indices : (n, 3) int64
    symmetry : symmetry.Symmetry

    Returns
    -------
    (n,) bool
        Where an operation leaves h, k, l as they are and changes the phase.
    """
    found = np.zeros(len(indices), bool)
    for rotation, translation in zip(symmetry.rotations, symmetry.translations):
        if translation.any():
            same = (indices @ rotation == indices).all(axis=1)
            found |= same & (indices @ translation % DENOMINATOR != 0)
    return found


def centric(indices, symmetry):
    """Which reflections are equivalent to their own Friedel mates.

    Parameters
    ----------
    indices : (n, 3) int64
    symmetry : symmetry.Symmetry

    Returns
    -------
    (n,) bool
    """
    found = np.zeros(len(indices), bool)
    for rotation in np.unique(symmetry.rotations, axis=0):
        found |= (indices @ rotation == -indices).all(axis=1)
    return found


def _keys(indices):
    """One number for each triple of indices, in their order."""
    shifted = indices + (LARGEST_INDEX + 1)
    return (shifted[:, 0] << 42) | (shifted[:, 1] << 21) | shifted[:, 2]


def _indices(keys):
    mask = (1 << 21) - 1
    return np.stack([keys >> 42, keys >> 21 & mask, keys & mask], axis=1) - (LARGEST_INDEX + 1)


def _entries(indices, plus, minus, symmetry):
    """Keys, amplitudes, ranks and rows of all images of all reflections."""
    rotations = np.unique(symmetry.rotations, axis=0)
    rows = np.arange(len(indices))
    have_plus = ~np.isnan(plus)
    parts = []
    for rotation in rotations:
        images = indices @ rotation
        parts.append((_keys(images[have_plus]), plus[have_plus], _GIVEN, rows[have_plus]))
        parts.append((_keys(-images[have_plus]), plus[have_plus], _MATE, rows[have_plus]))
        if minus is not None:
            have = ~np.isnan(minus)
            parts.append((_keys(-images[have]), minus[have], _MINUS, rows[have]))
            parts.append((_keys(images[have]), minus[have], _MATE, rows[have]))
    ranks = np.concatenate([np.full(len(keys), rank, np.int8) for keys, _, rank, _ in parts])
    keys, f, row = (np.concatenate([part[column] for part in parts]) for column in (0, 1, 3))
    return keys, f, ranks, row


def _check_equivalents(indices, keys, f, ranks, row):
    """Number of reflections given twice. Raises `ValueError` where their amplitudes differ."""
    # sorted: neighbours with one key, both given, from two rows or from F+ and F- of one
    same = keys[1:] == keys[:-1]
    twice = same & (ranks[1:] == _GIVEN) & (row[1:] != row[:-1])
    sides = same & (ranks[1:] == _MINUS) & ((row[1:] != row[:-1]) | (ranks[:-1] == _GIVEN))
    where = np.flatnonzero(twice | sides)
    first, second = f[where], f[where + 1]
    differing = np.flatnonzero(np.abs(first - second) > SAME_AMPLITUDE * np.maximum(np.abs(first), np.abs(second)))
    if differing.size:
        at = where[differing[0]]
        one, other = (indices[row[n]] * (-1 if ranks[n] == _MINUS else 1) for n in (at, at + 1))
        names = [" ".join(map(str, hkl.tolist())) for hkl in (one, other)]
        said = f"reflection {names[0]} is there twice, with" if (one == other).all() else \
            f"reflections {' and '.join(names)} are equivalent, but have"
        raise ValueError(f"{said} amplitudes {f[at]:g} and {f[at + 1]:g}; unmerged data, or the wrong space group"
                         f" ({np.unique(row[where[differing]]).size} such reflections)")
    return np.unique(row[np.flatnonzero(twice) + 1]).size


def expand(indices, plus, minus, symmetry):
    """Expand reflections to P1.

    Parameters
    ----------
    indices : (n, 3) integers
        h, k, l, of an asymmetric unit or otherwise; at least one row.
    plus : (n,) float64
        Amplitudes; NaN: not measured.
    minus : (n,) float64 or None
        Amplitudes of -h, -k, -l, to be kept apart; NaN: not measured.  None: as those of h, k, l, unless
        -h, -k, -l has a row of its own.
    symmetry : symmetry.Symmetry

    Returns
    -------
    Expanded
        Every equivalent and its Friedel mate.  Of centric reflections with F+ and F-, which are equivalents, F+
        counts.

    Raises
    ------
    ValueError
        If an index is too large, equivalents have different amplitudes, or the list does not fit in memory.

    Notes
    -----
    Images of h are the rows h R for each rotation R, which have the amplitude of h whatever the translation; the
    amplitudes themselves pass unchanged, to the bit.
    """
    indices = np.asarray(indices, np.int64)
    limit = LARGEST_INDEX // 3
    if len(indices) and not (indices.min() >= -limit and indices.max() <= limit):
        raise ValueError(f"indices: beyond {limit}, the limit where reflections are expanded by symmetry")
    operations = len(np.unique(symmetry.rotations, axis=0))
    memory.require(len(indices) * operations * (2 * _ENTRY_BYTES if minus is None else 4 * _APART_BYTES),
                   f"structure factors: {len(indices)} reflections and {operations} operations")
    gone, plus = absent(indices, symmetry), np.asarray(plus, np.float64)
    wrong = np.count_nonzero(gone & (plus > 0.0) | (False if minus is None else gone & (minus > 0.0)))
    plus = np.where(gone, np.where(np.isnan(plus), plus, 0.0), plus)
    unpaired = 0
    if minus is not None:
        minus = np.where(gone, np.where(np.isnan(minus), minus, 0.0), minus)
        unpaired = np.count_nonzero(np.isnan(plus) != np.isnan(minus))
    keys, f, ranks, row = _entries(indices, plus, minus, symmetry)
    order = np.lexsort((row, ranks, keys))
    keys, f, ranks, row = keys[order], f[order], ranks[order], row[order]
    merged = _check_equivalents(indices, keys, f, ranks, row)
    first = np.ones(len(keys), bool)
    first[1:] = keys[1:] != keys[:-1]
    return Expanded(_indices(keys[first]).astype(np.int32), f[first], int(wrong), merged, int(unpaired))
