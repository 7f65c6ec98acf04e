"""Spots on what is looked at: from a table, or where the crystals that a file names meet Ewald's sphere.

Positions only: a file of images does not have the amplitudes, nor the size of the crystal.
"""

from __future__ import annotations

import csv
import math

import numpy as np

from ..io.errors import format_error
from ..io.literals import decimal, whole
from ..results.ewald import Plane, dots, finest, indices, lengths, off_sphere, on_planes, passages, times, turned

__all__ = ["predicted", "read_spots"]

_COLUMNS = ("h", "k", "l", "panel", "fast", "slow", "phi_deg")
#: A still has the reflections within this share of the shortest reciprocal axis of the sphere, and what spreads them:
#: the interference function of 50 cells in a row has its first zero there, and of more cells nearer.
STILL = 0.02
#: Mosaic spread and spectrum count by so many of their roots of the mean square: few domains and photons are beyond.
_WIDTHS = 2.0
#: Of a rotation, so that a damaged angle does not take for ever.
_MOST_DEGREES = 36_000.0
#: Photons travel along z in the frame of files.
_BEAM = np.array((0.0, 0.0, 1.0))
#: Spots in a page, each of some 60 bytes, all of which are looked through where the pointer is.
_MOST = 200_000
#: Characters that a line of a table may have.
_LONGEST = 1 << 16
#: h k l, each of which takes about a microsecond.
_MOST_TRIED = 20_000_000


def read_spots(path, panels):
    """Spots of a table as `Spots.write_csv` writes it.

    Returns a list of (panel, fast, slow, h, k, l, phi or None).
    """
    found = []
    with open(path, encoding="utf-8", errors="replace", newline="") as file:
        rows = csv.reader(_lines(path, file))
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


def _lines(path, file):
    """Lines of a text, none of which is endless."""
    number = 0
    while line := file.readline(_LONGEST + 1):
        number += 1
        if len(line) > _LONGEST:
            raise format_error(path, f"has more than {_LONGEST} characters; no line of a table of spots is so long",
                               number)
        yield line


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
    ways = _ways(series)
    if ways is None:
        return [], ["spots: the file tells no spindle axis, or a rotation of more than "
                    f"{_MOST_DEGREES:g} degrees; none is predicted"]
    found, notes = [], []
    for number, (a_matrix, spread) in enumerate(series.crystals):
        # a reciprocal vector's index along a is its product with a
        reach = [int(np.linalg.norm(axis) / d_min) for axis in np.linalg.inv(a_matrix)]
        tried = math.prod(2 * n + 1 for n in reach)
        if tried > _MOST_TRIED:
            notes.append(f"spots: crystal {number} has {tried} h k l out to {d_min:.3g} Angstrom, the finest "
                         f"resolution on the detector; more than {_MOST_TRIED} are not tried, and none of its spots "
                         "is marked")
            continue
        for h in range(-reach[0], reach[0] + 1):
            # layer by layer, so that little memory is needed
            hkl = indices((h, -reach[1], -reach[2]), (h, *reach[1:]), a_matrix, d_min)
            for way in ways:
                found += _of_layer(planes, hkl, (a_matrix, wavelength, spread, series.bandwidth), way)
            if len(found) > _MOST:
                notes.append(f"spots: more than {_MOST} are predicted, more than can be looked at; none is marked. "
                             "Fewer frames of a rotation have fewer (--frames A:B)")
                return [], notes
    return found, notes


def _ways(series):
    """How the crystal turns or stands on the frames: pairs of a unit axis and angles [deg], one for a still.

    None where that is not known.
    """
    known = [phi for phi in series.phi_deg if phi is not None]
    turns = [phi for phi in known if phi[0] < phi[1]]
    stills = sorted({start for start, end in known if start == end})
    if len(known) < len(series.phi_deg):
        return None
    if series.spindle is None:
        return [(None, (start,)) for start in stills] if not turns and set(stills) == {0.0} else None
    axis = np.array(series.spindle)
    axis = axis / math.sqrt(dots(axis, axis))
    if turns:
        start, end = min(phi[0] for phi in turns), max(phi[1] for phi in turns)
        if end - start > _MOST_DEGREES:
            return None
        return [(axis, (start, end)), *((axis, (angle,)) for angle in stills)]
    return [(axis, (angle,)) for angle in stills]


def _of_layer(planes, hkl, crystal, way):
    a_matrix, wavelength, spread, bandwidth = crystal
    axis, angles = way
    q, s0 = times(hkl, a_matrix.T), _BEAM / wavelength
    if len(angles) == 2:
        start, end = map(math.radians, angles)
        rows, found, scattered = passages(q, axis, s0, start, end - start)
        phi = np.degrees(found).tolist()
    else:
        if angles[0] != 0.0:
            q = turned(q, axis, math.radians(angles[0]))
        scattered, _, excess = off_sphere(q, s0, wavelength)
        squared = dots(q, q)
        width = STILL * min(lengths(a_matrix.T)) + _WIDTHS * (
            spread * np.sqrt(squared) + bandwidth * 0.5 * wavelength * squared)
        rows = np.flatnonzero(np.abs(excess) < width)
        phi, scattered = [*angles] * len(rows), scattered[rows]
    panel, fast, slow = on_planes(planes, scattered)
    hkl, panel, fast, slow = hkl[rows].tolist(), panel.tolist(), fast.tolist(), slow.tolist()
    return [(panel[n], fast[n], slow[n], *hkl[n], phi[n]) for n in range(len(rows)) if panel[n] >= 0]
