"""Oracle of mosaic domains: written from the formulas with many digits, importing nothing of the program under test."""

import math
import random

import mpmath
import numpy as np


def turned(axis, angle):
    """The rotation matrix of an axis and an angle, by the exponential of its generator."""
    x, y, z = axis
    return mpmath.expm(mpmath.matrix([[0, -z, y], [z, 0, -x], [-y, x, 0]]) * angle)


def quantile(p):
    """The normal quantile."""
    return mpmath.sqrt(2) * mpmath.erfinv(2 * mpmath.mpf(p) - 1)


def anisotropic(n, spreads_deg, axes=None):
    """n matrices: axes on a hemisphere, shuffled cumulative values, both signs.

    axes: a, b, c as columns of a matrix, whose unit vectors turn E = diag(1/eta^2) into S E S^-1.
    """
    half = n // 2
    values = [mpmath.mpf(j) / half for j in range(half)]
    random.Random(8675309).shuffle(values)
    e = mpmath.diag([1 / mpmath.mpf(eta) ** 2 for eta in spreads_deg])
    if axes is not None:
        s = mpmath.matrix(np.asarray(axes).tolist())
        for column in range(3):
            length = mpmath.norm(s[:, column])
            for row in range(3):
                s[row, column] /= length
        e = s * e * s ** -1
    found = []
    for i in range(1, half + 1):
        t = (i - mpmath.mpf(1) / 2) / half
        theta, phi = mpmath.acos(t), mpmath.sqrt(mpmath.pi * half) * mpmath.asin(t)
        c = mpmath.matrix([mpmath.sin(theta) * mpmath.cos(phi), mpmath.sin(theta) * mpmath.sin(phi), mpmath.cos(theta)])
        eta = 1 / mpmath.sqrt(abs((c.T * e * c)[0]))
        angle = eta * mpmath.sqrt(2) * mpmath.erfinv(values[i - 1]) * mpmath.pi / 180
        found += [turned(c, angle), turned(c, -angle)]
    return np.array([[[float(u[row, column]) for column in range(3)] for row in range(3)] for u in found])


def random_domain(numbers, sigma_deg):
    """A normal angle by the transform of Box and Muller, an axis uniform on the sphere, of four uniform numbers."""
    u, v, w, turn = map(mpmath.mpf, numbers)
    angle = mpmath.sqrt(-2 * mpmath.log(1 - u)) * mpmath.cos(2 * mpmath.pi * v) * sigma_deg * mpmath.pi / 180
    return _about(2 * w - 1, turn, angle)


def even_domain(start, number, sigma_deg):
    """The number-th of the additive recurrence that starts at three numbers: 1/g, 1/g^2, 1/g^3 with g^4 = g + 1."""
    g = mpmath.findroot(lambda x: x ** 4 - x - 1, 1.22)
    place = [(mpmath.mpf(u) + number / g ** (k + 1)) % 1 for k, u in enumerate(start)]
    return _about(2 * place[1] - 1, place[2], quantile(place[0]) * sigma_deg * mpmath.pi / 180)


def _about(cosine, turn, angle):
    sine = mpmath.sqrt(1 - cosine * cosine)
    axis = (sine * mpmath.cos(2 * mpmath.pi * turn), sine * mpmath.sin(2 * mpmath.pi * turn), cosine)
    u = turned(axis, angle)
    return np.array([[float(u[row, column]) for column in range(3)] for row in range(3)])


def largest_difference(a, b):
    """Largest difference of two lists of matrices, element by element."""
    return float(np.abs(np.asarray(a) - np.asarray(b)).max())


def rotation_vectors(matrices):
    """Axis times angle [rad] of each, for small angles."""
    found = []
    for u in np.asarray(matrices):
        v = np.array([u[2, 1] - u[1, 2], u[0, 2] - u[2, 0], u[1, 0] - u[0, 1]]) / 2.0
        sine = float(np.linalg.norm(v))
        found.append(v * (math.asin(min(1.0, sine)) / sine if sine > 0.0 else 1.0))
    return np.array(found)
