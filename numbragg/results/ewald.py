"""Where reflections meet Ewald's sphere and rays a detector: geometry alone, by NumPy, without a simulation.

Arithmetic is by basic operations in a stated order and by the C library's functions, one number at a time: products of
matrices and NumPy's elementary functions have other last bits on other processors, and a table has all its digits.
Lengths of reciprocal space are in 1/Angstrom, those of the detector in one unit.
"""

from __future__ import annotations

from collections.abc import Iterable
import math
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Plane", "dots", "each", "finest", "indices", "lengths", "off_sphere", "on_planes", "passages",
           "times", "turned"]


class Plane(NamedTuple):
    """A panel: the corner of its first pixel, from a pixel to the next, and how many there are."""

    origin: Any
    fast: Any
    slow: Any
    pixels: tuple[int, int]  # fast, slow


# -- vectors


def dots(a: Any, b: Any) -> Any:
    """Scalar products of rows; either may be one vector."""
    a, b = np.asarray(a), np.asarray(b)
    return a[..., 0] * b[..., 0] + a[..., 1] * b[..., 1] + a[..., 2] * b[..., 2]


def lengths(a: Any) -> Any:
    """Lengths of rows."""
    return np.sqrt(dots(a, a))


def times(rows: Any, matrix: Any) -> Any:
    """Rows times a (3, 3) matrix."""
    return rows[:, 0:1] * matrix[0] + rows[:, 1:2] * matrix[1] + rows[:, 2:3] * matrix[2]


def each(function: Any, *columns: Any) -> Any:
    """A function of the `math` module of each row of numbers."""
    return np.array([function(*row) for row in zip(*(column.tolist() for column in columns))], dtype=np.float64)


# -- lattice


def indices(low: Any, high: Any, a_matrix: Any, d_min: float) -> Any:
    """All h, k, l of a box, its ends included, out to a resolution, without 0 0 0; (n, 3) int64."""
    hkl = np.stack(np.meshgrid(*(np.arange(start, last + 1) for start, last in zip(low, high)), indexing="ij"),
                   axis=-1).reshape(-1, 3)
    q = times(hkl, a_matrix.T)
    squared = dots(q, q)
    return hkl[(squared > 0.0) & (squared <= 1.0 / (d_min * d_min))]


# -- sphere; s0 is the beam's direction over its wavelength


def passages(q: Any, axis: Any, s0: Any, start: float, width: float) -> tuple[Any, Any, Any]:
    """Reflections that pass through the sphere during a rotation: cos and sin of the angle obey one equation.

    Parameters
    ----------
    q : (n, 3) array
        Scattering vectors at an angle of 0.
    axis : (3,) array
        The spindle, a unit vector.
    s0 : (3,) array
    start, width : float
        The rotation [rad]; the width is above 0.

    Returns
    -------
    (m,), (m,), (m, 3) arrays
        Of each passage the row, the angle [rad], and the scattered vector; by rows, then by angles.
    """
    along, across, side = _about(q, axis)
    a, b = dots(across, s0), dots(side, s0)
    c = -0.5 * dots(q, q) - dots(along, s0)
    size = np.sqrt(a * a + b * b)
    meets = np.flatnonzero(np.abs(c) < size)
    middle, half = each(math.atan2, b[meets], a[meets]), each(math.acos, c[meets] / size[meets])
    rows, angles = [], []
    for sign in (-1.0, 1.0):
        turn = np.mod(middle + sign * half - start, 2.0 * math.pi)
        # a rotation by more than a turn meets it again
        for more in range(math.ceil(width / (2.0 * math.pi))):
            inside = turn + 2.0 * math.pi * more < width
            rows.append(meets[inside])
            angles.append(start + turn[inside] + 2.0 * math.pi * more)
    row, angle = np.concatenate(rows), np.concatenate(angles)
    order = np.lexsort((angle, row))
    row, angle = row[order], angle[order]
    cosine, sine = each(math.cos, angle)[:, None], each(math.sin, angle)[:, None]
    return row, angle, s0 + along[row] + cosine * across[row] + sine * side[row]


def turned(q: Any, axis: Any, angle: float) -> Any:
    """Vectors after a rotation about a unit vector [rad]."""
    along, across, side = _about(q, axis)
    return along + math.cos(angle) * across + math.sin(angle) * side


def _about(q: Any, axis: Any) -> tuple[Any, Any, Any]:
    """Parts of vectors along an axis and across it, and the latter after a quarter of a turn."""
    along = dots(q, axis)[:, None] * axis
    across = q - along
    return along, across, np.cross(axis, across)


def off_sphere(q: Any, s0: Any, wavelength: float) -> tuple[Any, Any, Any]:
    """Scattered vectors as a crystal stands, their lengths, and how far they end outside of the sphere."""
    scattered = q + s0
    length = lengths(scattered)
    return scattered, length, length - 1.0 / wavelength


# -- detector


def finest(planes: Iterable[Plane], beam: Any, wavelength: float) -> float:
    """The finest resolution that a corner of the detector has; infinite where none is off the beam."""
    sharpest = 1.0
    for plane in planes:
        width, height = plane.pixels
        corners = np.array([plane.origin + f * plane.fast + s * plane.slow for f in (0, width) for s in (0, height)])
        sharpest = min(sharpest, float((dots(corners, beam) / lengths(corners)).min()))
    return wavelength / math.sqrt(2.0 * (1.0 - sharpest)) if sharpest < 1.0 else math.inf


def on_planes(planes: Iterable[Plane], scattered: Any) -> tuple[Any, Any, Any]:
    """Plane (-1: none), fast and slow of each ray; of planes behind one another the nearest."""
    count = len(scattered)
    panel, fast, slow = np.full(count, -1), np.zeros(count), np.zeros(count)
    nearest = np.full(count, np.inf)
    for number, (origin, f_axis, s_axis, (width, height)) in enumerate(planes):
        normal = np.cross(f_axis, s_axis)
        with np.errstate(divide="ignore", invalid="ignore"):
            far = dots(origin, normal) / dots(scattered, normal)
            place = far[:, None] * scattered - origin
            # places in the plane, by the axes that are at right angles to the other one
            f = dots(place, np.cross(s_axis, normal)) / dots(normal, normal)
            s = dots(place, np.cross(normal, f_axis)) / dots(normal, normal)
        hit = (far > 0.0) & (far < nearest) & (f >= 0.0) & (f < width) & (s >= 0.0) & (s < height)
        panel[hit], fast[hit], slow[hit], nearest[hit] = number, f[hit], s[hit], far[hit]
    return panel, fast, slow
