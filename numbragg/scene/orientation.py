"""The unit cell and its orientation: reciprocal vectors, misset, direct vectors.

Lengths of the direct cell are in metres, reciprocal vectors in 1/Angstrom.  The construction of
the reciprocal cell is the C program's, including the third component of c*, which is right only
where gamma equals 180 degrees minus gamma* or one angle at most differs from 90 degrees.
"""

from dataclasses import dataclass
import math

from ..kernels.arithmetic.vectors import cross, dot, magnitude, rotate_matrix, rotate_xyz, unit
from .units import to_angstrom, to_degrees

__all__ = ["Orientation", "cell_of", "matrix_edges", "matrix_vectors", "orient", "reciprocal_cell"]

TINY = 2.2250738585072014e-308
IMPOSSIBLE = ("impossible cell {0:g} {1:g} {2:g} Angstrom, {3:g} {4:g} {5:g} degrees: {6}")


@dataclass(frozen=True, slots=True)
class Orientation:
    """The crystal at phi = 0."""

    direct: tuple  # a, b, c [m], nine numbers
    reciprocal: tuple  # a*, b*, c* [1/Angstrom], nine numbers
    lengths: tuple  # |a|, |b|, |c| [m]
    volume: float  # [Angstrom^3]
    misset: tuple  # angles applied [rad]


def cell_of(orientation):
    """a, b, c [Angstrom], alpha, beta, gamma [deg] of the direct axes: six floats."""
    # in Angstrom first: lengths far from any crystal's would underflow when they are squared
    units = [unit((to_angstrom(x), to_angstrom(y), to_angstrom(z)))[0]
             for x, y, z in (orientation.direct[:3], orientation.direct[3:6], orientation.direct[6:])]
    angles = [math.acos(max(-1.0, min(1.0, dot(units[i], units[j])))) for i, j in ((1, 2), (2, 0), (0, 1))]
    return (*map(to_angstrom, orientation.lengths), *map(to_degrees, angles))


def _scale(vector, factor):
    return (factor * vector[0], factor * vector[1], factor * vector[2])


def _rescale(vector, length):
    m = magnitude(vector)
    factor = length / (m if m > 0.0 else 1.0)
    return _scale(vector, factor)


def _limit_cosine(cosine):
    # the C program puts +1 for a cosine beyond either limit
    return 1.0 if cosine * cosine > 1.0 else cosine


def reciprocal_cell(lengths, angles):
    """Reciprocal vectors of a cell in its default orientation.

    Parameters
    ----------
    lengths : (a, b, c) [Angstrom]; b or c not positive: equal to a.
    angles : (alpha, beta, gamma) [rad]; not positive: a right angle.

    Returns
    -------
    vectors : three tuples of 3, a*, b*, c* [1/Angstrom]
    lengths : (a, b, c) [Angstrom], filled in
    volume : float [Angstrom^3]

    Raises
    ------
    ValueError
        If the cell has no volume.
    """
    a, b, c = lengths
    b = b if b > 0.0 else a
    c = c if c > 0.0 else a
    alpha, beta, gamma = (angle if angle > 0.0 else math.pi / 2 for angle in angles)
    half = (alpha + beta + gamma) / 2
    skew = math.sin(half) * math.sin(half - alpha) * math.sin(half - beta) * math.sin(half - gamma)
    volume = 2.0 * a * b * c * math.sqrt(abs(skew))
    # rounding leaves some 1e-8 of a volume that is really zero
    if not volume > 1e-6 * a * b * c or not math.isfinite(volume):
        raise ValueError(IMPOSSIBLE.format(a, b, c, *map(math.degrees, (alpha, beta, gamma)), "it has no volume"))
    inverse = 1.0 / volume
    sines = math.sin(alpha), math.sin(beta), math.sin(gamma)
    cosines = math.cos(alpha), math.cos(beta), math.cos(gamma)
    a_star = abs(b * c * sines[0] * inverse)
    b_star = abs(c * a * sines[1] * inverse)
    c_star = abs(a * b * sines[2] * inverse)
    if not min(a_star, b_star, c_star) > 0.0:
        raise ValueError(IMPOSSIBLE.format(a, b, c, *map(math.degrees, (alpha, beta, gamma)),
                                           "an angle leaves no reciprocal axis"))
    sin_gamma_star = max(-1.0, min(1.0, c * inverse / a_star / b_star))
    cos_alpha_star = _limit_cosine((cosines[1] * cosines[2] - cosines[0]) / (sines[1] * sines[2]))
    cos_beta_star = _limit_cosine((cosines[2] * cosines[0] - cosines[1]) / (sines[2] * sines[0]))
    cos_gamma_star = _limit_cosine((cosines[0] * cosines[1] - cosines[2]) / (sines[0] * sines[1]))
    vectors = ((a_star, 0.0, 0.0),
               (b_star * cos_gamma_star, b_star * sin_gamma_star, 0.0),
               (c_star * cos_beta_star, c_star * (cos_alpha_star - cos_beta_star * cos_gamma_star) / sin_gamma_star,
                c_star * volume / (a * b * c * sin_gamma_star)))
    return vectors, (a, b, c), volume


def matrix_vectors(matrix, wavelength):
    """a*, b*, c* [1/Angstrom] from nine numbers by rows, columns a*, b*, c* times the wavelength [m]."""
    factor = 1e-10 / wavelength
    return tuple(_scale((matrix[i], matrix[3 + i], matrix[6 + i]), factor) for i in range(3))


def matrix_edges(matrix, wavelength):
    """a, b, c [Angstrom] of the cell of an orientation matrix, which `matrix_vectors` takes so, too."""
    vectors = matrix_vectors(matrix, wavelength)
    products = [cross(vectors[i], vectors[j]) for i, j in ((1, 2), (2, 0), (0, 1))]
    volume_star = abs(dot(vectors[0], products[0]))
    return tuple(magnitude(product) / volume_star for product in products)


def orient(crystal, wavelength, misset):
    """Orient the crystal.

    Parameters
    ----------
    crystal : request.CrystalRequest
    wavelength : float
        [m]; a matrix is scaled with it.
    misset : (x, y, z) [rad] or None
        Missetting angles, random ones already drawn; None: no such rotation.

    Returns
    -------
    Orientation

    Raises
    ------
    ValueError
        If there is neither a cell nor a matrix, or either has no volume.
    """
    if not crystal.cell_given and crystal.matrix is None:
        raise ValueError("no crystal: give a unit cell (-cell) or an orientation matrix (-mat)")
    if crystal.cell_given:
        vectors, lengths, volume = reciprocal_cell(crystal.cell_lengths, crystal.cell_angles)
    if crystal.matrix is not None:
        vectors = matrix_vectors(crystal.matrix, wavelength)
    if crystal.u_matrix is not None:
        vectors = tuple(rotate_matrix(v, crystal.u_matrix) for v in vectors)
    if misset is not None:
        vectors = tuple(rotate_xyz(v, misset) for v in vectors)
    ab, bc, ca = cross(vectors[0], vectors[1]), cross(vectors[1], vectors[2]), cross(vectors[2], vectors[0])
    volume_star = dot(vectors[0], bc)
    if volume_star == 0.0 or not math.isfinite(volume_star):
        raise ValueError("orientation matrix: its three vectors span no volume")
    if crystal.cell_given:
        # the cell's lengths are kept, whatever the vectors are
        bc = _rescale(bc, lengths[0] / volume)
        ca = _rescale(ca, lengths[1] / volume)
        ab = _rescale(ab, lengths[2] / volume)
        volume_star = 1.0 / volume
    volume = 1.0 / volume_star
    a, b, c = _scale(bc, volume), _scale(ca, volume), _scale(ab, volume)
    reciprocal = (*_scale(cross(b, c), volume_star), *_scale(cross(c, a), volume_star),
                  *_scale(cross(a, b), volume_star))
    direct = [_scale(v, 1e-10) for v in (a, b, c)]
    lengths = tuple(magnitude(v) for v in direct)
    if not all(0.0 < length < math.inf for length in lengths):
        shown = " ".join(f"{length * 1e10:g}" for length in lengths)
        raise ValueError(f"unit cell: its axes come out as {shown} Angstrom; lengths must be greater than zero and "
                         "finite")
    return Orientation((*direct[0], *direct[1], *direct[2]), reciprocal, lengths, volume, misset or (0.0, 0.0, 0.0))
