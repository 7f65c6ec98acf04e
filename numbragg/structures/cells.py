"""The reciprocal axes of a cell, exactly, for cells of which nanoBragg makes another."""

import math

__all__ = ["RIGHT", "cell_fields", "needs_matrix", "reciprocal_columns"]

#: A right angle [deg].
RIGHT = 90.0


def needs_matrix(cell):
    """Whether nanoBragg, given this cell (a b c [Angstrom], alpha beta gamma [deg]), simulates another one.

    It is right only where at most one angle is not a right one (docs/quirks Q30).
    """
    return sum(angle != RIGHT for angle in cell[3:]) > 1


def reciprocal_columns(cell):
    """B of a cell: columns a*, b*, c*, with a* along x and b* in the plane of x and y.

    Parameters
    ----------
    cell : six floats
        a, b, c [Angstrom], alpha, beta, gamma [deg].

    Returns
    -------
    three rows of three floats
        [1/Angstrom].  In the orientation in which nanoBragg puts its cells.

    Raises
    ------
    ValueError
        The angles leave no volume.

    Notes
    -----
    Busing and Levy (1967), Acta Cryst. 22, 457, equation 3.
    """
    a, b, c = cell[:3]
    cosines = [0.0 if angle == RIGHT else math.cos(math.radians(angle)) for angle in cell[3:]]
    sines = [1.0 if angle == RIGHT else math.sin(math.radians(angle)) for angle in cell[3:]]
    (ca, cb, cg), (sa, sb, sg) = cosines, sines
    part = 1.0 - ca * ca - cb * cb - cg * cg + 2.0 * ca * cb * cg
    # rounding leaves some 1e-16 where there is really nothing
    if not part > 1e-12:
        raise ValueError(f"cell: angles of {cell[3]:g}, {cell[4]:g} and {cell[5]:g} degrees leave no volume; each must "
                         "be below the sum of the other two, and all together below 360")
    volume = a * b * c * math.sqrt(part)
    a_star, b_star, c_star = b * c * sa / volume, c * a * sb / volume, a * b * sg / volume
    cos_beta_star, cos_gamma_star = (ca * cg - cb) / (sa * sg), (ca * cb - cg) / (sa * sb)
    sin_beta_star, sin_gamma_star = (math.sqrt(1.0 - x * x) for x in (cos_beta_star, cos_gamma_star))
    return ((a_star, b_star * cos_gamma_star, c_star * cos_beta_star),
            (0.0, b_star * sin_gamma_star, -c_star * sin_beta_star * ca),
            (0.0, 0.0, 1.0 / c))


def cell_fields(cell):
    """What `Crystal` is to be given for a cell: the cell, and where nanoBragg would bend it a matrix as well.

    With both, the lengths are those of the cell and the directions those of the matrix, whatever the wavelength.
    """
    fields = {"cell": tuple(cell)}
    if needs_matrix(cell):
        fields["matrix"] = reciprocal_columns(cell)
    return fields
