"""Where the pixels of a detector are, as arrays: positions, scattering vectors, solid angles.

Each is the kernels' own formula, operation by operation, for the centres of pixels, at the front of the sensor: what
the evaluators have with one sub-pixel, to the bit.  NumPy's sums, products, quotients and roots are rounded as compiled
ones are; sines are taken number by number from the C library.
"""

from dataclasses import replace
import math
from typing import NamedTuple

import numpy as np

from .. import memory
from ..kernels.arithmetic.c_library import c_cos, c_sin
from ..kernels.arithmetic.vectors import dot, rotate_axis_sc
from ..kernels.physics import geometry as formulas
from ..kernels.physics.records import Geometry
from ..kernels.physics.view import scattering_vector
from .request import BeamRequest, PanelRequest, Request, SamplingRequest
from .shot import ANY_CRYSTAL, prepare_shot
from .units import to_degrees, to_mm, to_per_angstrom

__all__ = ["Plane", "planes", "positions_mm", "resolutions_angstrom", "scattering_angles_deg", "scattering_vectors",
           "solid_angles"]

#: Bytes that a pixel takes while vectors are made, on a curved detector, where sines are numbers of Python.
PIXEL_BYTES = 160


class Plane(NamedTuple):
    """One panel of a detector, and the beam that comes to it."""

    geometry: Geometry  # of one sub-pixel
    shape: tuple  # (slow, fast) pixels
    travel: tuple  # direction of the photons, unit vector
    wavelength: float  # [m]


class _NoFactors(NamedTuple):
    """Structure factors of a scene that is never rendered."""

    kernel_table: np.ndarray = np.zeros((1, 1, 1))
    minimum: tuple = (0, 0, 0)
    maximum: tuple = (-1, -1, -1)
    filled: bool = False
    default: float = 0.0
    notes: tuple = ()

    @property
    def _kernel_table(self):
        return self.kernel_table


def planes(pieces, beam):
    """The panels of a detector as a simulation with one sub-pixel has them.

    Parameters
    ----------
    pieces : sequence of PanelRequest, WindowRequest or one DetectorRequest
    beam : request.BeamRequest
        Its wavelength, direction and polarisation axis count; all photons are taken for parallel and of one
        wavelength.

    Returns
    -------
    tuple of Plane

    Raises
    ------
    ValueError
        If arrays of all their pixels do not fit in memory, and as `prepare.prepare`.
    """
    beam = BeamRequest(wavelength=beam.wavelength, beam_vector=beam.beam_vector,
                       polarisation_axis=beam.polarisation_axis)
    request = Request(beam=beam, sampling=SamplingRequest(oversample=1))
    # with a sensor kernels are given the place of the middle of its first layer
    pieces = [replace(piece, plane=replace(piece.plane, sensor_thickness=0.0)) if isinstance(piece, PanelRequest)
              else piece for piece in pieces]
    shot = prepare_shot([(ANY_CRYSTAL, _NoFactors(), 1.0)], pieces, request)
    pixels = sum(math.prod(prepared.shape) for prepared, in shot)
    memory.require(PIXEL_BYTES * pixels, f"detector: vectors of {pixels} pixels")
    found = []
    for prepared, in shot:
        source = prepared.scene.beam
        travel = tuple(-v for v in source.directions[0].tolist())
        found.append(Plane(prepared.scene.geometry, prepared.shape, travel, float(source.wavelengths[0])))
    return tuple(found)


def _interpreted(formula):
    """A formula as it is written, which takes arrays; the compiled one takes numbers."""
    return getattr(formula, "py_func", formula)


def _each(function, angles):
    """A function of one number, of every number of an array."""
    return np.frompyfunc(function, 1, 1)(angles).astype(np.float64)


def _places(plane):
    """x, y, z [m] of all pixels, three (slow, fast) arrays."""
    geometry, (slow, fast) = plane.geometry, plane.shape
    centre = _interpreted(formulas.sub_pixel_centre)
    f = centre(geometry, np.arange(fast)[np.newaxis, :] + geometry.first_fast, 0)
    s = centre(geometry, np.arange(slow)[:, np.newaxis] + geometry.first_slow, 0)
    flat = _interpreted(formulas.flat_position)(geometry, f, s, 0.0)
    if not geometry.curved:
        return flat
    # `kernels.physics.geometry.curved_position`, the sines of which take one number
    distance = geometry.distance
    turned = tuple(distance * b for b in geometry.beam)
    for axis, angle in ((geometry.slow_axis, flat[1] / distance), (geometry.fast_axis, flat[2] / distance)):
        turned = rotate_axis_sc(turned, axis, _each(c_sin, angle), _each(c_cos, angle))
    return turned


def _directions(plane):
    """Unit vectors from the sample to all pixels, three (slow, fast) arrays, and the distances [m]."""
    place = _places(plane)
    airpath = np.sqrt(dot(place, place))
    return tuple(v / airpath for v in place), airpath


def positions_mm(plane):
    """Laboratory positions of the pixels' centres [mm]: a (slow, fast, 3) array."""
    return np.stack([to_mm(v) for v in _places(plane)], axis=-1)


def _scattering(plane):
    """Scattering vectors [1/m], three (slow, fast) arrays."""
    return _interpreted(scattering_vector)(_directions(plane)[0], plane.travel, plane.wavelength)


def scattering_vectors(plane):
    """Scattering vectors (s1 - s0) / wavelength [1/Angstrom]: a (slow, fast, 3) array."""
    return np.stack([to_per_angstrom(v) for v in _scattering(plane)], axis=-1)


def resolutions_angstrom(plane):
    """Resolution d = 1/|q| [Angstrom], infinite in the direct beam: a (slow, fast) array."""
    q = _scattering(plane)
    with np.errstate(divide="ignore"):
        return 1.0 / to_per_angstrom(np.sqrt(dot(q, q)))


def solid_angles(plane):
    """Solid angles of the pixels [sr], of a point pixel over its area [1/m^2]: a (slow, fast) array."""
    _, airpath = _directions(plane)
    if plane.geometry.point_pixel:
        return _interpreted(formulas.point_solid_angle)(airpath)
    return _interpreted(formulas.pixel_solid_angle)(plane.geometry, airpath)


def scattering_angles_deg(plane):
    """Scattering angles two-theta [deg]: a (slow, fast) array."""
    s1, _ = _directions(plane)
    # half the chord from one unit vector to the other, and half that to the opposite one: exact at all angles
    chord, opposite = (np.sqrt(sum((a + sign * b) ** 2 for a, b in zip(s1, plane.travel))) for sign in (-1.0, 1.0))
    return to_degrees(2.0 * np.arctan2(chord, opposite))
