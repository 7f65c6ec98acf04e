"""Spots on what is looked at: from a table, or where the crystals that a file names meet Ewald's sphere.

Positions only: a file of images does not have the amplitudes, nor the size of the crystal.
"""

from __future__ import annotations

import csv
import math

import numpy as np

from ..io.errors import format_error
from ..io.literals import decimal, whole

__all__ = ["predicted", "read_spots"]

_COLUMNS = ("h", "k", "l", "panel", "fast", "slow", "phi_deg")
#: A still has the reflections within this share of the shortest reciprocal axis of the sphere, and what spreads them.
STILL = 0.02
_MOST = 200_000


def read_spots(path, panels):
    """Spots of a table as `Spots.write_csv` writes it.

    Returns a list of (panel, fast, slow, h, k, l, phi or None).
    """
    found = []
    with open(path, encoding="utf-8", errors="replace", newline="") as file:
        rows = csv.reader(file)
        try:
            head = next(rows, [])
            missing = [name for name in _COLUMNS[:6] if name not in head]
            if missing:
                raise format_error(path, f"has no column {missing[0]}; spots are a table with a first line such as "
                                         "crystal,h,k,l,panel,fast,slow,phi_deg,intensity,d_angstrom", 1)
            for row in rows:
                values = dict(zip(head, row))
                found.append(_row(path, values, panels, rows.line_num))
                if len(found) > _MOST:
                    raise format_error(path, f"has more than {_MOST} spots, more than can be looked at")
        except csv.Error as error:
            raise format_error(path, f"is no table of spots ({error})", rows.line_num) from None
    return found


def _row(path, values, panels, line):
    numbers = [whole(values.get(name, "")) for name in ("panel", "h", "k", "l")]
    places = [decimal(values.get(name, "")) for name in ("fast", "slow")]
    phi = decimal(values["phi_deg"]) if "phi_deg" in values else None
    if None in numbers or None in places or ("phi_deg" in values and phi is None):
        raise format_error(path, "has something else than numbers in the columns of a spot", line)
    if not 0 <= numbers[0] < len(panels):
        raise format_error(path, f"panel {numbers[0]}: must be from 0 to {len(panels) - 1}", line)
    return (numbers[0], *places, *numbers[1:], phi)


def predicted(series, panels, wavelength):
    """Spots of the crystals of a series, on all its frames.

    Returns a list of (panel, fast, slow, h, k, l, phi or None).
    """
    found = []
    for a_matrix, spread in series.crystals:
        hkl = _indices(a_matrix, _finest(panels, wavelength))
        turned = [phi for phi in series.phi_deg if phi is not None]
        if turned and series.spindle is not None:
            rows, scattered, angles = _rotation(hkl @ a_matrix.T, series.spindle, wavelength, turned)
        else:
            rows, scattered, angles = _still(hkl @ a_matrix.T, a_matrix, wavelength, (spread, series.bandwidth))
        for p, fast, slow, ray in _meets(panels, scattered):
            found.append((p, fast, slow, *hkl[rows[ray]].tolist(), angles[ray]))
    return found if len(found) <= _MOST else []


def _finest(panels, wavelength):
    """The finest resolution that a corner has [Angstrom]."""
    corners = [np.array(panel.origin_mm) + f * np.array(panel.fast_mm) + s * np.array(panel.slow_mm)
               for panel in panels for f in (0, panel.pixels[0]) for s in (0, panel.pixels[1])]
    cosine = min(corner[2] / np.linalg.norm(corner) for corner in corners)
    return wavelength / math.sqrt(2.0 * (1.0 - cosine)) if cosine < 1.0 else math.inf


def _indices(a_matrix, d_min):
    """All h, k, l out to a resolution, without 0 0 0; none where there are too many to be looked at."""
    reach = [int(np.linalg.norm(axis) / d_min) for axis in np.linalg.inv(a_matrix)]
    if math.prod(2 * n + 1 for n in reach) > 20_000_000:
        return np.zeros((0, 3), np.int64)
    hkl = np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in reach), indexing="ij"), -1).reshape(-1, 3)
    length = np.linalg.norm(hkl @ a_matrix.T, axis=1)
    return hkl[(length > 0.0) & (length <= 1.0 / d_min)]


def _rotation(q, spindle, wavelength, turned):
    """Rows, scattered vectors and angles [deg] of reflections that pass through the sphere."""
    axis = np.array(spindle) / np.linalg.norm(spindle)
    s0 = np.array((0.0, 0.0, 1.0 / wavelength))
    along = (q @ axis)[:, None] * axis
    across, side = q - along, np.cross(axis, q)
    a, b = across @ s0, side @ s0
    c, size = -0.5 * (q * q).sum(axis=1) - along @ s0, np.hypot(a, b)
    meets = np.flatnonzero(np.abs(c) < size)
    middle, half = np.arctan2(b[meets], a[meets]), np.arccos(c[meets] / size[meets])
    start, end = math.radians(min(phi[0] for phi in turned)), math.radians(max(phi[1] for phi in turned))
    rows, angles = [], []
    for sign in (-1.0, 1.0):
        turn = np.mod(middle + sign * half - start, 2.0 * math.pi)
        for more in range(max(1, math.ceil((end - start) / (2.0 * math.pi)))):
            inside = turn + 2.0 * math.pi * more < end - start
            rows.append(meets[inside])
            angles.append(start + turn[inside] + 2.0 * math.pi * more)
    row, angle = np.concatenate(rows), np.concatenate(angles)
    scattered = s0 + along[row] + np.cos(angle)[:, None] * across[row] + np.sin(angle)[:, None] * side[row]
    return row, scattered, np.degrees(angle).tolist()


def _still(q, a_matrix, wavelength, spreads):
    """The same of those near the sphere, as the crystal stands."""
    mosaic, bandwidth = spreads
    to_pixel = q + np.array((0.0, 0.0, 1.0 / wavelength))
    excess = np.abs(np.linalg.norm(to_pixel, axis=1) - 1.0 / wavelength)
    squared = (q * q).sum(axis=1)
    width = (STILL * min(np.linalg.norm(a_matrix, axis=0)) + mosaic * np.sqrt(squared)
             + bandwidth * 0.5 * wavelength * squared)
    rows = np.flatnonzero(excess < width)
    return rows, to_pixel[rows], [None] * len(rows)


def _meets(panels, scattered):
    """Panel, fast, slow and number of each ray that meets one; of panels behind one another the nearest."""
    count = len(scattered)
    best = np.full(count, np.inf)
    place = np.full((count, 3), -1.0)
    for number, panel in enumerate(panels):
        # far * ray - fast * f - slow * s = origin
        matrix = np.stack(np.broadcast_arrays(scattered, -np.array(panel.fast_mm), -np.array(panel.slow_mm)), -1)
        good = np.abs(np.linalg.det(matrix)) > 0.0
        far, fast, slow = np.full((3, count), -1.0)
        solved = np.linalg.solve(matrix[good], np.array(panel.origin_mm)[:, None])[..., 0]
        far[good], fast[good], slow[good] = solved.T
        hit = ((far > 0.0) & (far < best) & (fast >= 0.0) & (slow >= 0.0) & (fast < panel.pixels[0])
               & (slow < panel.pixels[1]))
        best[hit] = far[hit]
        place[hit] = np.stack((np.full(count, number), fast, slow), -1)[hit]
    for ray in np.flatnonzero(place[:, 0] >= 0.0):
        yield int(place[ray, 0]), float(place[ray, 1]), float(place[ray, 2]), int(ray)
