"""Predictions of spots: where reflections meet the detector, at which spindle angle, and how many photons they have.

By the geometry of Ewald's sphere (`ewald`) and the kinematic intensity of a small crystal, without the steps of an
image.
"""

from __future__ import annotations

from collections.abc import Sequence
import math
import os
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import memory
from ..io.output import write_whole
from ..kernels.arithmetic.vectors import rotate_axis
from ..kernels.physics.shapes.gauss import GAUSS_WIDTH
from ..kernels.physics.shapes.tophat import TOPHAT_LIMIT
from ..scene.units import to_angstrom, to_degrees, to_mm
from . import truth
from .ewald import Plane, dots, each, finest, indices, lengths, off_sphere, on_planes, passages, times

__all__ = ["Spots", "spots"]

#: A still has the reflections whose distance from Ewald's sphere is at most so many widths of theirs.
_WIDTHS = 2.0
#: Widths are those at half of the height; a Gaussian's standard deviation is so much less.
_SIGMA = 2.0 * math.sqrt(2.0 * math.log(2.0))
#: Width at half of the height of an interference function, times the size of the crystal.
_SCHERRER = 0.886
#: Bytes of a reflection while predictions are made.
_BYTES = 400


class Spots(NamedTuple):
    """Predicted spots, one row each, in the order of crystals, h, k, l and angles."""

    crystal: NDArray[np.int64]  # (n,) number of the crystal, from 0
    hkl: NDArray[np.int64]  # (n, 3)
    panel: NDArray[np.int64]  # (n,) number of the panel, from 0
    fast: NDArray[np.float64]  # (n,) [pixels] from the corner of the panel; a pixel's centre is at a half
    slow: NDArray[np.float64]
    phi_deg: NDArray[np.float64]  # (n,) spindle angle at which the reflection is on Ewald's sphere; a still's own
    intensity: NDArray[np.float64]  # (n,) photons in the spot
    d_angstrom: NDArray[np.float64]  # (n,) resolution

    def write_csv(self, path: str | os.PathLike[str]) -> None:
        """Write the spots as a table of text, one row each; the file appears whole or not at all.

        Parameters
        ----------
        path : str or path-like
            The file; one that is there is replaced.

        Raises
        ------
        OSError
            The file cannot be written.
        """
        def write(file: Any) -> None:
            file.write(b"crystal,h,k,l,panel,fast,slow,phi_deg,intensity,d_angstrom\n")
            for row in zip(self.crystal.tolist(), *self.hkl.T.tolist(), *(part.tolist() for part in self[2:])):
                file.write((",".join(map(repr, row)) + "\n").encode())

        write_whole(path, "spots", write)


def spots(shot: Sequence[Sequence[Any]]) -> Spots:
    """Spots of a prepared shot.

    Parameters
    ----------
    shot : sequence of tuple of scene.Prepared
        For each panel its crystals.

    Returns
    -------
    Spots

    Raises
    ------
    MemoryError
        If there are too many reflections.
    """
    found = [_of_crystal([panel[number] for panel in shot], number) for number in range(len(shot[0]))]
    return Spots(*(np.concatenate(parts) for parts in zip(*found)))


def _of_crystal(panels: Sequence[Any], number: int) -> Spots:
    first = panels[0]
    wavelength = to_angstrom(first.request.beam.wavelength)
    s0 = np.array(first.placement.beam) / wavelength
    planes = [_plane(prepared) for prepared in panels]
    hkl = _indices(first, _limit(first, planes, wavelength), wavelength)
    q = times(hkl, truth.a_matrix(first).T)
    turning = first.counts.oscillation > 0.0
    rows, angles, scattered, geometric = (_rotation if turning else _still)(first, q, s0, wavelength)
    hkl, q = hkl[rows], q[rows]
    panel, fast, slow = on_planes(planes, scattered)
    hit = panel >= 0
    sizes = lengths(q)
    photons = geometric * _scattering(first, hkl, wavelength) * _polarisation(first, scattered)
    return Spots(np.full(int(hit.sum()), number), hkl[hit], panel[hit], fast[hit], slow[hit],
                 np.array([to_degrees(angle) for angle in angles[hit].tolist()]), photons[hit], 1.0 / sizes[hit])


# -- which reflections


def _limit(first: Any, planes: Sequence[Plane], wavelength: float) -> float:
    """The finest resolution [Angstrom] that the detector or the beam lets through."""
    d = finest(planes, first.placement.beam, wavelength)
    return max(d, wavelength / 2.0, to_angstrom(first.request.beam.d_min))


def _plane(prepared: Any) -> Plane:
    """A panel [mm]."""
    geometry, place = prepared.scene.geometry, prepared.placement
    size = to_mm(place.pixel_size)
    fast, slow = size * np.array(geometry.fast_axis), size * np.array(geometry.slow_axis)
    origin = np.array([to_mm(v) for v in geometry.origin])
    corner = origin + geometry.first_fast * fast + geometry.first_slow * slow
    height, width = prepared.shape
    return Plane(corner, fast, slow, (width, height))


def _indices(prepared: Any, d_min: float, wavelength: float) -> Any:
    """All h, k, l with an amplitude, out to a resolution; never 0 0 0."""
    factors = prepared.structure_factors
    # a reciprocal vector's index along a is its product with a
    reach = [math.floor(to_angstrom(length) / d_min) for length in prepared.orientation.lengths]
    low, high = [-n for n in reach], reach
    if factors.filled and factors.default == 0.0:
        low = [max(n, edge) for n, edge in zip(low, factors.minimum)]
        high = [min(n, edge) for n, edge in zip(high, factors.maximum)]
    counts = [max(last - start + 1, 0) for start, last in zip(low, high)]
    memory.require(_BYTES * math.prod(counts), f"spots: {' x '.join(map(str, counts))} reflections")
    hkl = indices(low, high, truth.a_matrix(prepared), d_min)
    return hkl[factors.at(hkl) != 0.0]


# -- where they meet Ewald's sphere; each returns rows, spindle angles [rad], scattered vectors, and a factor of photons


def _rotation(prepared: Any, q: Any, s0: Any, wavelength: float) -> Any:
    """Reflections that pass through the sphere during the rotation."""
    axis, width = np.array(prepared.placement.spindle), prepared.counts.oscillation
    row, angle, scattered = passages(q, axis, s0, prepared.request.crystal.phi_start, width)
    speed = np.abs(dots(np.cross(s0, scattered), axis)) * wavelength * wavelength
    # Lorentz's factor, for the share of the exposure that a radian takes
    with np.errstate(divide="ignore"):
        return row, angle, scattered, 1.0 / (speed * width)


def _still(prepared: Any, q: Any, s0: Any, wavelength: float) -> Any:
    """Reflections near the sphere, as the crystal stands; their share is a Gaussian's of the distance from it."""
    phi = prepared.request.crystal.phi_start
    turn = np.array([rotate_axis(axis, prepared.placement.spindle, phi) for axis in np.eye(3).tolist()])
    q = times(q, turn)
    to_pixel, length, excess = off_sphere(q, s0, wavelength)
    outward = to_pixel / length[:, None]
    spread, variance = _spread(prepared, q, outward, turn)
    sigma = np.sqrt(variance)
    ball = _is_ball(prepared)
    rows = np.flatnonzero(np.abs(excess) < (math.sqrt(5.0) if ball else _WIDTHS * _SIGMA) * sigma)
    excess, sigma = excess[rows], sigma[rows]
    if ball:
        # the area of its section
        share = 0.75 * (1.0 - (excess / sigma) ** 2 / 5.0) / (sigma * math.sqrt(5.0))
    else:
        share = each(math.exp, -0.5 * (excess / sigma) ** 2) / (sigma * math.sqrt(2.0 * math.pi))
    # on the sphere a spot is brightest where it is longest, not straight below its middle
    on_sphere = to_pixel[rows] - (excess / variance[rows])[:, None] * spread[rows]
    scattered = on_sphere / (lengths(on_sphere)[:, None] * wavelength)
    return rows, np.full(len(rows), phi), scattered, share / wavelength


def _is_ball(prepared: Any) -> bool:
    """Whether spots are balls with an edge, which nothing blurs."""
    asked = prepared.request.crystal
    return (asked.shape == "tophat" and asked.fudge > 0.0 and not prepared.counts.mosaic_spread > 0.0
            and len(set(truth.sources(prepared).wavelengths_angstrom.tolist())) == 1)


def _spread(prepared: Any, q: Any, outward: Any, turn: Any) -> Any:
    """How far a spot reaches around its middle in reciprocal space, by size, mosaicity and spectrum.

    Its covariance times the direction out of the sphere, (n, 3), and the variance along that, (n,) [1/Angstrom^2].
    """
    found = truth.sources(prepared)
    size = _of_size(prepared, outward, turn)
    squared = dots(q, q)
    # domains are turned by up to the spread either way, across the reflection's own direction
    mosaic = (2.0 * prepared.counts.mosaic_spread / _SIGMA) ** 2
    across = squared[:, None] * outward - dots(q, outward)[:, None] * q
    weights, wavelengths = found.weights.tolist(), found.wavelengths_angstrom.tolist()
    total = math.fsum(weights)
    mean = math.fsum(w * v for w, v in zip(weights, wavelengths)) / total
    bandwidth = math.fsum(w * (v - mean) ** 2 for w, v in zip(weights, wavelengths)) / total
    spread = size + mosaic * across + (0.25 * squared * squared * bandwidth)[:, None] * outward
    return spread, dots(spread, outward)


def _of_size(prepared: Any, outward: Any, turn: Any) -> Any:
    """The part of the crystal's size, by its shape."""
    asked = prepared.request.crystal
    if asked.shape in ("gauss", "tophat") and asked.fudge > 0.0:
        # a Gaussian's variance, and that of a ball's sections, in indices times numbers of cells
        variance = (GAUSS_WIDTH / 4.0 if asked.shape == "gauss" else TOPHAT_LIMIT / 5.0) / asked.fudge
        if asked.spot_metric != "hkl":
            # the same in all directions
            return variance / math.prod(prepared.n_cells) ** 2 * outward
        reciprocal = times(truth.a_matrix(prepared).T, turn)
        return sum((variance / cells ** 2 * dots(outward, axis))[:, None] * axis
                   for cells, axis in zip(prepared.n_cells, reciprocal))
    cells = times(truth.real_space_vectors(prepared), turn)
    extent = sum((dots(outward, axis / math.sqrt(float(dots(axis, axis)))) * to_angstrom(length)) ** 2
                 for axis, length in zip(cells, prepared.crystal_size))
    return (_SCHERRER / _SIGMA) ** 2 / extent[:, None] * outward


# -- how many photons


def _scattering(prepared: Any, hkl: Any, wavelength: float) -> Any:
    """Photons of a spot but for what depends on its direction: fluence, amplitudes, size of the crystal."""
    amplitudes = prepared.structure_factors.at(hkl)
    a, b, c = truth.real_space_vectors(prepared)
    volume = abs(float(dots(np.cross(a, b), c)))
    scale = prepared.scene.sampling.scale * wavelength ** 3 / volume
    return scale * _peak(prepared, volume) * amplitudes * amplitudes


def _peak(prepared: Any, volume: float) -> float:
    """Integral of the squared lattice factor over a reciprocal cell; of a parallelepiped the number of cells."""
    asked, cells = prepared.request.crystal, math.prod(prepared.n_cells)
    if asked.shape == "square":
        return cells
    narrower = asked.fudge ** -1.5 if asked.fudge > 0.0 else math.inf
    if asked.shape == "round":
        return cells * narrower
    integral = ((0.5 * math.pi * GAUSS_WIDTH) ** 1.5 if asked.shape == "gauss"
                else 4.0 / 3.0 * math.pi * TOPHAT_LIMIT ** 1.5) * narrower
    # as nanoBragg measures them, these are narrower by the number of cells, whatever the cell
    return integral * (cells if asked.spot_metric == "hkl" else volume / cells)


def _polarisation(prepared: Any, scattered: Any) -> Any:
    """Kahn's factor of the nominal beam."""
    beam = prepared.request.beam
    if beam.unpolarised_factor:
        return np.ones(len(scattered))
    directions = scattered / lengths(scattered)[:, None]
    s0, electric = np.array(prepared.placement.beam), np.array(prepared.placement.polarisation)
    cosine = dots(directions, s0)
    other = np.cross(s0, electric)
    x, y = dots(directions, electric), dots(directions, other)
    with np.errstate(divide="ignore", invalid="ignore"):
        # of the angle about the beam; along the beam it is of no consequence
        double = np.where(x * x + y * y > 0.0, (x * x - y * y) / (x * x + y * y), 1.0)
    return 0.5 * (1.0 + cosine * cosine - beam.polarisation_fraction * double * (1.0 - cosine * cosine))
