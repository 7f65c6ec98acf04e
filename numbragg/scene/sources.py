"""Where photons come from: lists of directions and wavelengths, and the polarisation axis."""

from array import array
from typing import NamedTuple

import numpy as np

from ..kernels.arithmetic.vectors import rotate_axis, unit
from .size import divided

__all__ = ["SourceTable", "polarisation_axes", "source_list"]

#: From the sample to a source [m], before directions are normalised.
SOURCE_DISTANCE = 10.0


class SourceTable(NamedTuple):
    """Directions and wavelengths: pairs, or a spectrum that every direction has."""

    directions: np.ndarray  # (directions, 3) unit vectors to the sources
    wavelengths: np.ndarray  # (wavelengths,) [m]
    per_direction: int  # 1: pairs; else the number of wavelengths of each direction
    weights: np.ndarray  # (wavelengths,); no rows: all alike

    @property
    def count(self):
        """Number of sources."""
        return len(self.directions) * self.per_direction


#: Weights where every source counts the same.
_ALIKE = np.empty(0)


def _grid_sources(beam, counts, placement, distance):
    """Unit vectors, three numbers each, and wavelengths: flat, for lists of tuples take seven times as much memory."""
    h_steps, h_range, h_step = counts.divergence_h
    v_steps, v_range, v_step = counts.divergence_v
    d_steps, d_range, d_step = counts.dispersion
    units, wavelengths = array("d"), array("d")
    start = tuple(-distance * b for b in placement.beam)
    for i in range(h_steps):
        h = h_step * i - h_range / 2.0
        for j in range(v_steps):
            v = v_step * j - v_range / 2.0
            # distance from the middle, in units of the range; an even grid has no middle point
            t = divided(divided(h * h - h_step * h_step / 4.0 * (1 - h_steps % 2), h_range), h_range)
            t += divided(divided(v * v - v_step * v_step / 4.0 * (1 - v_steps % 2), v_range), v_range)
            if beam.round_divergence and t * 4.0 > 1.1:
                continue
            direction, _ = unit(rotate_axis(rotate_axis(start, placement.polarisation, v), placement.vertical, h))
            for n in range(d_steps):
                units.extend(direction)
                wavelengths.append(beam.wavelength * (1.0 + d_step * n - d_range / 2.0))
    return np.array(units), np.array(wavelengths)


def _listed_sources(beam, placement, distance):
    b = placement.beam
    defaults = (-distance * b[0], -distance * b[1], -distance * b[2], 1.0, beam.wavelength)
    rows = np.asarray(beam.sources, dtype=np.float64)
    units, wavelengths = np.empty((len(rows), 3)), np.empty(len(rows))
    for number, row in enumerate(rows):
        # NaN stands for what is not given
        x, y, z, _, wavelength = (own if own == own else default for own, default in zip(row.tolist(), defaults))
        if x == y == z == 0.0:
            raise ValueError(f"source {number + 1}: its direction is zero")
        units[number], wavelengths[number] = unit((x, y, z))[0], wavelength
    return units, wavelengths


def source_list(beam, counts, placement, distance=SOURCE_DISTANCE):
    """Directions to the sources, wavelengths and weights.

    A spectrum is listed once, however many directions there are: nothing holds their product.

    Parameters
    ----------
    beam : request.BeamRequest
    counts : counts.StepCounts
    placement : placement.Placement
    distance : float, optional
        From the sample to a source [m], before directions are normalised.

    Returns
    -------
    SourceTable
    """
    units, wavelengths = (_grid_sources(beam, counts, placement, distance) if beam.sources is None
                          else _listed_sources(beam, placement, distance))
    units = units.reshape(-1, 3)
    if beam.spectrum is None:
        return SourceTable(units, wavelengths, 1, _ALIKE)
    # the grid's wavelengths are one for each direction, for a dispersion beside a spectrum is refused
    wavelengths, weights = (np.ascontiguousarray(column, dtype=np.float64) for column in beam.spectrum.T)
    return SourceTable(units, wavelengths, len(wavelengths), _ALIKE if (weights == 1.0).all() else weights)


def polarisation_axes(axis):
    """What normalising an axis again and again makes of it.

    Returns
    -------
    axes : (m, 3) float64
        The axis (normalised once), then each result that is new.
    following : (m,) int64
        Row that each row is normalised to.  The rows from the last entry on come back for ever.
    """
    axes, following = [axis], []
    while True:
        again, _ = unit(axes[-1])
        bits = [np.array(a).tobytes() for a in axes]
        found = np.array(again).tobytes()
        if found in bits:
            following.append(bits.index(found))
            break
        following.append(len(axes))
        axes.append(again)
    return np.array(axes, dtype=np.float64), np.array(following, dtype=np.int64)
