"""Spots on what is looked at: from a table, or where the crystals that a file names meet Ewald's sphere.

Positions only: a file of images does not have the amplitudes, nor the size of the crystal.
"""

from __future__ import annotations

import csv
import math

import numpy as np

from ..io.errors import format_error
from ..io.literals import decimal, whole
from ..results.ewald import Plane, dots, finest, indices, lengths, off_sphere, on_planes, passages, times

__all__ = ["predicted", "read_spots"]

_COLUMNS = ("h", "k", "l", "panel", "fast", "slow", "phi_deg")
#: A still has the reflections within this share of the shortest reciprocal axis of the sphere, and what spreads them:
#: the interference function of 50 cells in a row has its first zero there, and of more cells nearer.
STILL = 0.02
#: Photons travel along z in the frame of files.
_BEAM = np.array((0.0, 0.0, 1.0))
#: Spots in a page, each of some 60 bytes, all of which are looked through where the pointer is.
_MOST = 200_000
#: h k l, each of which takes about a microsecond.
_MOST_TRIED = 20_000_000


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

    Returns a list of (panel, fast, slow, h, k, l, phi or None), and notes on what is left out.
    """
    planes = [Plane(np.array(panel.origin_mm), np.array(panel.fast_mm), np.array(panel.slow_mm), panel.pixels)
              for panel in panels]
    d_min = finest(planes, _BEAM, wavelength)
    found, notes = [], []
    for number, (a_matrix, spread) in enumerate(series.crystals):
        # a reciprocal vector's index along a is its product with a
        reach = [int(np.linalg.norm(axis) / d_min) for axis in np.linalg.inv(a_matrix)]
        tried = math.prod(2 * n + 1 for n in reach)
        if tried > _MOST_TRIED:
            notes.append(f"spots: crystal {number} has {tried} h k l out to {d_min:.3g} Angstrom, the finest resolution on "
                         f"the detector; more than {_MOST_TRIED} are not tried, and none of its spots is marked")
            continue
        for h in range(-reach[0], reach[0] + 1):
            # layer by layer, so that little memory is needed
            hkl = indices((h, -reach[1], -reach[2]), (h, *reach[1:]), a_matrix, d_min)
            found += _of_layer(series, planes, hkl, (a_matrix, spread, wavelength))
            if len(found) > _MOST:
                notes.append(f"spots: more than {_MOST} are predicted, more than can be looked at; none is marked. "
                             "Fewer frames of a rotation have fewer (--frames A:B)")
                return [], notes
    return found, notes


def _of_layer(series, planes, hkl, crystal):
    a_matrix, spread, wavelength = crystal
    q, s0 = times(hkl, a_matrix.T), _BEAM / wavelength
    turned = [phi for phi in series.phi_deg if phi is not None]
    if turned and series.spindle is not None:
        start, end = math.radians(min(phi[0] for phi in turned)), math.radians(max(phi[1] for phi in turned))
        axis = np.array(series.spindle)
        rows, angles, scattered = passages(q, axis / math.sqrt(dots(axis, axis)), s0, start, end - start)
        angles = np.degrees(angles).tolist()
    else:
        scattered, _, excess = off_sphere(q, s0, wavelength)
        squared = dots(q, q)
        width = (STILL * min(lengths(a_matrix.T)) + spread * np.sqrt(squared)
                 + series.bandwidth * 0.5 * wavelength * squared)
        rows = np.flatnonzero(np.abs(excess) < width)
        angles, scattered = [None] * len(rows), scattered[rows]
    panel, fast, slow = on_planes(planes, scattered)
    hkl, panel, fast, slow = hkl[rows].tolist(), panel.tolist(), fast.tolist(), slow.tolist()
    return [(panel[n], fast[n], slow[n], *hkl[n], angles[n]) for n in range(len(rows)) if panel[n] >= 0]
