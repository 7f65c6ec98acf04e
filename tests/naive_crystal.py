"""Oracle in plain Python: unit cell, orientation, crystal size, lattice factors, structure factors.

Written from the formulas alone and importing nothing of the program under test; slow on purpose.
The functions named `extended...` give the true values to 50 digits, by mpmath.
"""

import math

import mpmath
from naive_geometry import (
    DBL_MIN,
    ceiling,
    cosine,
    cross,
    dot,
    exponential,
    magnitude,
    quotient,
    rescale,
    root,
    rotate,
    rotate_umat,
    scale,
    sine,
    unitize,
    whole,
)

# -- unit cell and orientation


def reciprocal_cell(lengths, angles):
    """Default orientation of a*, b*, c* from a, b, c [Angstrom] and the angles [rad] (4.8), as a dict.

    Lengths b, c not positive become a, angles not positive become pi/2.  The z component of c* has
    the factor of quirk Q30.
    """
    a = float(lengths[0])
    b, c = (float(v) if v > 0.0 else a for v in lengths[1:])
    alpha, beta, gamma = (float(v) if v > 0.0 else math.pi / 2 for v in angles)
    q = (alpha + beta + gamma) / 2.0
    skew = abs(sine(q) * sine(q - alpha) * sine(q - beta) * sine(q - gamma))
    volume = 2.0 * a * b * c * root(skew)
    if volume <= 0.0:
        volume = DBL_MIN
    v_star = 1.0 / volume
    star = [b * c * sine(alpha) * v_star, c * a * sine(beta) * v_star, a * b * sine(gamma) * v_star]
    a_star, b_star, c_star = (abs(v) if abs(v) > 0.0 else DBL_MIN for v in star)
    sin_gamma_star = clamped(c * v_star / a_star / b_star)
    cos_alpha_star = reciprocal_cosine(beta, gamma, alpha)
    cos_beta_star = reciprocal_cosine(gamma, alpha, beta)
    cos_gamma_star = reciprocal_cosine(alpha, beta, gamma)
    return {
        "lengths": (a, b, c), "angles": (alpha, beta, gamma), "volume": volume,
        "a_star": (a_star, 0.0, 0.0),
        "b_star": (b_star * cos_gamma_star, b_star * sin_gamma_star, 0.0),
        "c_star": (c_star * cos_beta_star,
                   quotient(c_star * (cos_alpha_star - cos_beta_star * cos_gamma_star), sin_gamma_star),
                   quotient(c_star * volume, a * b * c * sin_gamma_star)),
    }


def clamped(x):
    """x limited to [-1, 1]; NaN stays."""
    return 1.0 if x > 1.0 else -1.0 if x < -1.0 else x


def reciprocal_cosine(first, second, own):
    """(cos(first)*cos(second) - cos(own))/(sin(first)*sin(second)), +1 where that is no cosine."""
    x = (cosine(first) * cosine(second) - cosine(own)) / (sine(first) * sine(second))
    return 1.0 if x * x > 1.0 else x


def matrix_vectors(matrix, wavelength):
    """Columns of a row-wise matrix, each times 1e-10/wavelength: a*, b*, c* [1/Angstrom] (3.4)."""
    q = 1e-10 / wavelength
    return tuple(scale((float(matrix[i]), float(matrix[3 + i]), float(matrix[6 + i])), q) for i in range(3))


def orient(cell, matrix=None, wavelength=1e-10, misset_angles=None, u_matrix=None):
    """Oriented direct vectors a, b, c [m] and a*, b*, c* [1/Angstrom] (4.9), as a dict.

    `cell` is what `reciprocal_cell` gave, or None; a matrix, where given, sets the directions, and
    the cell then still sets the lengths.  The U matrix turns a*, b*, c* before the misset angles.
    """
    if matrix is not None:
        stars = matrix_vectors(matrix, wavelength)
    else:
        stars = (cell["a_star"], cell["b_star"], cell["c_star"])
    if u_matrix is not None:
        stars = tuple(rotate_umat(v, u_matrix) for v in stars)
    if misset_angles is not None:
        stars = tuple(rotate(v, *misset_angles) for v in stars)
    a_star, b_star, c_star = stars
    ab, bc, ca = cross(a_star, b_star), cross(b_star, c_star), cross(c_star, a_star)
    v_star = dot(a_star, bc)
    if cell is not None:
        (a, b, c), volume = cell["lengths"], cell["volume"]
        bc, ca, ab = rescale(bc, a / volume), rescale(ca, b / volume), rescale(ab, c / volume)
        v_star = 1.0 / volume
    volume = quotient(1.0, v_star)
    a, b, c = scale(bc, volume), scale(ca, volume), scale(ab, volume)
    return {
        "a_star": scale(cross(b, c), v_star), "b_star": scale(cross(c, a), v_star),
        "c_star": scale(cross(a, b), v_star), "volume": volume,
        "a": scale(a, 1e-10), "b": scale(b, 1e-10), "c": scale(c, 1e-10),
    }


def clipped_sample(sample_size, beam_size):
    """Sample x, y, z [m]: y and z no larger than the beam, if that is not negative (4.2)."""
    x, y, z = (float(v) for v in sample_size)
    if beam_size >= 0.0:
        y, z = (beam_size if v > beam_size else v for v in (y, z))
    return (x, y, z)


def crystal_size(n_cells, sample, a, b, c):
    """(Na, Nb, Nc, longest edge [m]): from the sample size where that is positive (4.10)."""
    edges = [magnitude(v) for v in (a, b, c)]
    cells = [ceiling(size / edge) if size > 0.0 else float(n)
             for n, size, edge in zip(n_cells, sample, edges)]
    cells = [1.0 if n <= 1.0 else n for n in cells]
    return (*cells, max(edge * n for edge, n in zip(edges, cells)))


def oversample_advice(longest, wavelength, distance, pixel):
    """ceil(3*longest/(wavelength*distance/pixel)), at least 1 (4.10)."""
    advice = whole(ceiling(quotient(3.0 * longest, wavelength * distance / pixel)))
    return 1 if advice <= 0 else advice


# -- lattice factors (5.3)


def interference(x, n):
    """sin(x*n)/sin(x), n at x = 0."""
    return n if x == 0.0 else quotient(sine(x * n), sine(x))


def sphere(x):
    """3*(sin(x)/x - cos(x))/(x*x), 1 at x = 0."""
    return 1.0 if x == 0.0 else quotient(3.0 * (sine(x) / x - cosine(x)), x * x)


def squared_distance(dh, dk, dl, n_cells, a_star, b_star, c_star):
    """|dh*a* + dk*b* + dl*c*|^2 * Na*Na*Nb*Nb*Nc*Nc, with the unrotated a*, b*, c* [1/Angstrom]."""
    na, nb, nc = n_cells
    x, y, z = (dh * a_star[i] + dk * b_star[i] + dl * c_star[i] for i in range(3))
    return (x * x + y * y + z * z) * na * na * nb * nb * nc * nc


def square_factor(h, k, l, n_cells):
    """Product of sin(pi*h*N)/sin(pi*h) over the axes with N > 1."""
    factor = 1.0
    for index, n in zip((h, k, l), n_cells):
        if n > 1:
            factor = factor * interference(math.pi * index, n)
    return factor


def round_factor(dh, dk, dl, n_cells, fudge):
    """Na*Nb*Nc*0.723601254558268*sphere(pi*sqrt(r*fudge)), r = sum of d*d*N*N."""
    na, nb, nc = n_cells
    r = dh * dh * na * na + dk * dk * nb * nb + dl * dl * nc * nc
    return na * nb * nc * 0.723601254558268 * sphere(math.pi * root(r * fudge))


def gauss_factor(distance_squared, n_cells, fudge):
    """Na*Nb*Nc*exp(-(R2/0.63*fudge))."""
    na, nb, nc = n_cells
    return na * nb * nc * exponential(-(distance_squared / 0.63 * fudge))


def tophat_factor(distance_squared, n_cells, fudge):
    """Na*Nb*Nc where R2*fudge < 0.3969, else 0."""
    na, nb, nc = n_cells
    return na * nb * nc * (1 if distance_squared * fudge < 0.3969 else 0)


def lattice_factor(shape, h, k, l, h0, k0, l0, n_cells, fudge, stars):
    """The lattice factor of one shape at h, k, l; h0, k0, l0 are nearest, stars = (a*, b*, c*)."""
    if shape == "square":
        return square_factor(h, k, l, n_cells)
    dh, dk, dl = h - h0, k - k0, l - l0
    if shape == "round":
        return round_factor(dh, dk, dl, n_cells, fudge)
    if shape.endswith("_hkl"):
        # in units of cells along each axis, as simtbx has it
        r2 = dh * dh * n_cells[0] * n_cells[0] + dk * dk * n_cells[1] * n_cells[1] + dl * dl * n_cells[2] * n_cells[2]
        shape = shape.removesuffix("_hkl")
    else:
        r2 = squared_distance(dh, dk, dl, n_cells, *stars)
    return {"gauss": gauss_factor, "tophat": tophat_factor}[shape](r2, n_cells, fudge)


# -- structure factors (5.4)


def nearest_f(h0, k0, l0, table, low, high, default_f):
    """The table's entry at h0, k0, l0, or the default outside; table None: always the default."""
    if table is not None and all(a <= i <= b for a, i, b in zip(low, (h0, k0, l0), high)):
        return float(table[h0 - low[0]][k0 - low[1]][l0 - low[2]])
    return default_f


def interpolable(h, k, l, low, high):
    """Whether all nodes of the interpolation lie inside: min + 2 <= index <= max - 2 on each axis."""
    for x, a, b in zip((h, k, l), low, high):
        if x - a + 3 > b - a + 1 or x - 2 < a:
            return False
    return True


def polynomial(x, nodes, values):
    """Lagrange's cubic through four points, as numerator/denominator of each term."""
    n0, n1, n2, n3 = nodes
    y0, y1, y2, y3 = values
    x0 = (x - n1) * (x - n2) * (x - n3) * y0 / ((n0 - n1) * (n0 - n2) * (n0 - n3))
    x1 = (x - n0) * (x - n2) * (x - n3) * y1 / ((n1 - n0) * (n1 - n2) * (n1 - n3))
    x2 = (x - n0) * (x - n1) * (x - n3) * y2 / ((n2 - n0) * (n2 - n1) * (n2 - n3))
    x3 = (x - n0) * (x - n1) * (x - n2) * y3 / ((n3 - n0) * (n3 - n1) * (n3 - n2))
    return x0 + x1 + x2 + x3


def interpolated_f(h, k, l, table, low):
    """Tricubic: the polynomial along l for each h and k node, then along k, then along h."""
    nodes = [[float(math.floor(x) + n) for n in (-1, 0, 1, 2)] for x in (h, k, l)]
    at = [[int(n) - least for n in axis] for axis, least in zip(nodes, low)]
    by_h = []
    for i in at[0]:
        by_k = [polynomial(l, nodes[2], [float(table[i][j][m]) for m in at[2]]) for j in at[1]]
        by_h.append(polynomial(k, nodes[1], by_k))
    return polynomial(h, nodes[0], by_h)


# -- polarisation (5.6)


def polarisation_factor(fraction, incident, diffracted, axis):
    """Kahn's factor 0.5*(1 + cos^2 - fraction*cos(2*psi)*sin^2), and the three vectors made unit.

    Returns (factor, incident, diffracted, axis); the last two outlive the call (Q20).
    """
    incident, diffracted, axis = (unitize(v)[0] for v in (incident, diffracted, axis))
    c = dot(incident, diffracted)
    c2 = c * c
    s2 = 1.0 - c2
    psi = 0.0
    if fraction != 0.0:
        b = unitize(cross(axis, incident))[0]
        e = unitize(cross(incident, b))[0]
        psi = -math.atan2(dot(diffracted, b), dot(diffracted, e))
    return 0.5 * (1.0 + c2 - fraction * cosine(2 * psi) * s2), incident, diffracted, axis


# -- true values


def extended(quantity, *arguments, digits=50):
    """The true value, as an mpmath number, of the quantity whose arguments are exact doubles.

    quantity, arguments:
    "interference" x, n: sin(x*n)/sin(x);  "sphere" x;
    "square" h, k, l, n_cells (with the true pi);  "round" dh, dk, dl, n_cells, fudge (the same);
    "squared_distance", "gauss", "tophat", "polarisation": as the functions above.
    """
    with mpmath.workdps(digits):
        return EXTENDED[quantity](*arguments)


def _extended_interference(x, n):
    x, n = mpmath.mpf(x), mpmath.mpf(n)
    return n if x == 0 else mpmath.sin(x * n) / mpmath.sin(x)


def _extended_sphere(x):
    x = mpmath.mpf(x)
    if x == 0:
        return mpmath.mpf(1)
    with mpmath.extradps(100):  # the two terms cancel: x*x/3 is left of them
        return 3 * (mpmath.sin(x) / x - mpmath.cos(x)) / (x * x)


def _extended_square(h, k, l, n_cells):
    factor = mpmath.mpf(1)
    for index, n in zip((h, k, l), n_cells):
        if n > 1:
            # reduced exactly, so that a whole index meets the limit; (-1)^((n-1)*whole) is its sign
            near = mpmath.nint(mpmath.mpf(index))
            sign = -1 if near % 2 and (n - 1) % 2 else 1
            factor *= sign * _extended_interference(mpmath.pi * (mpmath.mpf(index) - near), n)
    return factor


def _extended_round(dh, dk, dl, n_cells, fudge):
    r = sum((mpmath.mpf(d) * mpmath.mpf(n)) ** 2 for d, n in zip((dh, dk, dl), n_cells))
    return (mpmath.fprod(n_cells) * mpmath.mpf(0.723601254558268)
            * _extended_sphere(mpmath.pi * mpmath.sqrt(r * mpmath.mpf(fudge))))


def _extended_squared_distance(dh, dk, dl, n_cells, a_star, b_star, c_star):
    components = (mpmath.mpf(dh) * a_star[i] + mpmath.mpf(dk) * b_star[i] + mpmath.mpf(dl) * c_star[i]
                  for i in range(3))
    return sum(x * x for x in components) * mpmath.fprod(n_cells) ** 2


def _extended_gauss(distance_squared, n_cells, fudge):
    exponent = -mpmath.mpf(distance_squared) / mpmath.mpf(0.63) * mpmath.mpf(fudge)
    return mpmath.fprod(n_cells) * mpmath.exp(exponent)


def _extended_tophat(distance_squared, n_cells, fudge):
    inside = mpmath.mpf(distance_squared) * mpmath.mpf(fudge) < mpmath.mpf(0.3969)
    return mpmath.fprod(n_cells) if inside else mpmath.mpf(0)


def _extended_unit(v):
    v = [mpmath.mpf(x) for x in v]
    length = mpmath.sqrt(sum(x * x for x in v))
    return [x / length for x in v] if length else v


def _extended_polarisation(fraction, incident, diffracted, axis):
    i, d, p = (_extended_unit(v) for v in (incident, diffracted, axis))
    c2 = dot(i, d) ** 2
    psi = mpmath.mpf(0)
    if fraction != 0.0:
        b = _extended_unit(cross(p, i))
        e = _extended_unit(cross(i, b))
        psi = -mpmath.atan2(dot(d, b), dot(d, e))
    return (1 + c2 - mpmath.mpf(fraction) * mpmath.cos(2 * psi) * (1 - c2)) / 2


EXTENDED = {
    "interference": _extended_interference, "sphere": _extended_sphere, "square": _extended_square,
    "round": _extended_round, "squared_distance": _extended_squared_distance, "gauss": _extended_gauss,
    "tophat": _extended_tophat, "polarisation": _extended_polarisation,
}
