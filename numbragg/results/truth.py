"""The truth of an image: orientation, cell, rotations and sources that were simulated, in the units of the field.

All of it is read from the prepared scene, after every rule and quirk of the C program; nothing here
goes back into an image.  Vectors are in the laboratory frame of the detector's convention.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..kernels.arithmetic.vectors import cross, dot, unit
from ..scene.counts import phi_angles
from ..scene.orientation import cell_of
from ..scene.size import divided
from ..scene.units import to_angstrom, to_degrees

__all__ = ["SourceList", "a_matrix", "b_matrix", "cell", "crystal_truth", "lattice_rows", "mosaic_rotations", "phi_deg",
           "real_space_vectors", "source_truth", "sources", "spindle_axis", "u_matrix"]

#: Longest list of spindle angles or of sources that an account of a run holds.
LISTED = 100


class SourceList(NamedTuple):
    """The sources of a beam, as they were simulated."""

    directions: NDArray[np.float64]  # (n, 3) unit vectors from the sample towards the source
    wavelengths_angstrom: NDArray[np.float64]  # (n,)
    weights: NDArray[np.float64]  # (n,) share of each in the fluence


def _axes(prepared):
    """a, b, c [Angstrom], three tuples."""
    direct = prepared.orientation.direct
    return [tuple(map(to_angstrom, direct[i:i + 3])) for i in (0, 3, 6)]


def _reciprocal(prepared):
    """a*, b*, c* [1/Angstrom], three tuples.

    Of the direct axes, which are what indices are made with: for a cell of two or more angles other than 90
    degrees the C program's own reciprocal vectors belong to the volume of another cell (quirk Q30).
    """
    a, b, c = _axes(prepared)
    volume = dot(a, cross(b, c))
    # cells far from any crystal's overflow, and are simulated all the same
    return [tuple(divided(x, volume) for x in cross(*pair)) for pair in ((b, c), (c, a), (a, b))]


def real_space_vectors(prepared):
    """Rows a, b, c [Angstrom] at phi = 0: a (3, 3) array."""
    return np.array(_axes(prepared))


def a_matrix(prepared):
    """Columns a*, b*, c* [1/Angstrom] at phi = 0: a (3, 3) array."""
    return np.array(_reciprocal(prepared)).T.copy()


def _frame(reciprocal):
    """The crystal's Cartesian frame: x along a*, y in the plane of a* and b*, z = x cross y."""
    a_star, b_star, _ = reciprocal
    x, _ = unit(a_star)
    z, _ = unit(cross(a_star, b_star))
    return x, cross(z, x), z


def u_matrix(prepared):
    """The rotation U of A = U B: a (3, 3) array."""
    return np.array(_frame(_reciprocal(prepared))).T.copy()


def lattice_rows(prepared):
    """Rows of `a_matrix` and of `u_matrix`, as tuples of numbers: of many shots no arrays need be made."""
    reciprocal = _reciprocal(prepared)
    return list(zip(*reciprocal)), list(zip(*_frame(reciprocal)))


def b_matrix(prepared):
    """The upper triangle B of A = U B [1/Angstrom]: a (3, 3) array."""
    reciprocal = _reciprocal(prepared)
    frame = _frame(reciprocal)
    columns = [tuple(dot(axis, vector) if row <= column else 0.0 for row, axis in enumerate(frame))
               for column, vector in enumerate(reciprocal)]
    return np.array(columns).T.copy()


def cell(prepared):
    """a, b, c [Angstrom], alpha, beta, gamma [deg] of the axes that were simulated: six floats."""
    return cell_of(prepared.orientation)


def mosaic_rotations(prepared):
    """Rotation of each mosaic domain, as it is applied after the spindle's: a read-only (domains, 3, 3) array."""
    crystal = prepared.scene.crystal
    # without a spread nothing is rotated, and there is one domain
    rotations = crystal.mosaic.reshape(-1, 3, 3) if len(crystal.mosaic) else np.eye(3).reshape(1, 3, 3)
    rotations.setflags(write=False)
    return rotations


def phi_deg(prepared):
    """Angle by which the spindle has turned the crystal at each step [deg]: a (steps,) array."""
    angles = [*phi_angles(prepared.request.crystal.phi_start, prepared.counts), 0.0]
    # a step may show another angle's rotation (revision main), and the last row is the unrotated crystal
    return np.array([to_degrees(angles[row]) for row in prepared.scene.crystal.phi_rows.tolist()])


def spindle_axis(prepared):
    """Unit vector about which the spindle turns, right-handed: a (3,) array."""
    return np.array(prepared.placement.spindle, dtype=np.float64)


def sources(prepared):
    """The sources, a `SourceList`."""
    beam = prepared.scene.beam
    count, wavelengths = prepared.sources, np.array([to_angstrom(v) for v in beam.wavelengths.tolist()])
    # intensities of a list are never used: the C program divides by the number of sources
    weights = beam.weights / count if len(beam.weights) else np.full(len(wavelengths), 1.0 / count)
    if beam.per_direction > 1:
        # every direction has the whole spectrum
        wavelengths, weights = (np.tile(column, len(beam.directions)) for column in (wavelengths, weights))
    return SourceList(np.repeat(beam.directions, beam.per_direction, axis=0), wavelengths, weights)


# -- for the account of a run


def crystal_truth(prepared):
    """Orientation, cell, spindle and domains as plain lists, by name; a long list is left out (None)."""
    angles = phi_deg(prepared) if len(prepared.scene.crystal.phi_rows) <= LISTED else None
    domains = mosaic_rotations(prepared) if prepared.counts.mosaic_domains <= LISTED else None
    return {
        "cell_angstrom_deg": list(cell(prepared)),
        "a_matrix_per_angstrom": a_matrix(prepared).tolist(), "u_matrix": u_matrix(prepared).tolist(),
        "b_matrix_per_angstrom": b_matrix(prepared).tolist(),
        "real_space_vectors_angstrom": real_space_vectors(prepared).tolist(),
        "spindle_axis": spindle_axis(prepared).tolist(), "phi_deg": None if angles is None else angles.tolist(),
        "mosaic_rotations": None if domains is None else domains.tolist(),
    }


def source_truth(prepared):
    """The sources as plain dictionaries; None where there are too many for an account."""
    if prepared.sources > LISTED:
        return None
    found = sources(prepared)
    return [{"direction": direction, "wavelength_angstrom": wavelength, "weight": weight}
            for direction, wavelength, weight in zip(*(part.tolist() for part in found))]
