"""Vectors and rotations in three dimensions, each in one stated order of operations.

Vectors are tuples of three floats; matrices nine numbers by rows.  The same functions serve the
interpreter (setting up a scene) and kernels.  Arguments are not checked.
"""

import math

from numba.extending import register_jitable

from .c_library import c_cos, c_sin

__all__ = ["dot", "cross", "magnitude", "unit", "rotate_axis", "rotate_axis_sc", "rotate_matrix", "rotate_xyz"]

shared = register_jitable(error_model="numpy")


@shared
def dot(x, y):
    """Scalar product, summed from the first component on."""
    return x[0] * y[0] + x[1] * y[1] + x[2] * y[2]


@shared
def cross(x, y):
    """Vector product."""
    return (x[1] * y[2] - x[2] * y[1], x[2] * y[0] - x[0] * y[2], x[0] * y[1] - x[1] * y[0])


@shared
def magnitude(v):
    """Length of a vector."""
    return math.sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2])


@shared
def unit(v):
    """A vector divided by its length, and the length; zeros for the zero vector."""
    length = magnitude(v)
    if length != 0.0:
        return (v[0] / length, v[1] / length, v[2] / length), length
    return (0.0, 0.0, 0.0), length


@shared
def rotate_axis_sc(v, axis, s, c):
    """Rotate about an axis (not normalised here) by the angle of given sine and cosine.

    Rodrigues' formula, v cos + (axis x v) sin + axis (axis . v)(1 - cos), summed in this order.
    """
    d = (axis[0] * v[0] + axis[1] * v[1] + axis[2] * v[2]) * (1.0 - c)
    return (axis[0] * d + v[0] * c + (-axis[2] * v[1] + axis[1] * v[2]) * s,
            axis[1] * d + v[1] * c + (axis[2] * v[0] - axis[0] * v[2]) * s,
            axis[2] * d + v[2] * c + (-axis[1] * v[0] + axis[0] * v[1]) * s)


@shared
def rotate_axis(v, axis, angle):
    """Rotate about an axis by an angle [rad], also when the angle is 0."""
    return rotate_axis_sc(v, axis, c_sin(angle), c_cos(angle))


@shared
def rotate_matrix(v, u):
    """Rotation matrix, nine numbers by rows, times a vector."""
    return (u[0] * v[0] + u[1] * v[1] + u[2] * v[2],
            u[3] * v[0] + u[4] * v[1] + u[5] * v[2],
            u[6] * v[0] + u[7] * v[1] + u[8] * v[2])


def rotate_xyz(v, angles):
    """Rotate about x, then y, then z [rad]; an angle of exactly 0 is skipped.

    The products with 0 and 1 of the full matrices are kept where they can change a sign of zero.
    """
    x, y, z = v
    if angles[0] != 0.0:
        s, c = math.sin(angles[0]), math.cos(angles[0])
        x, y, z = x, y * c + z * -s, y * s + z * c
    if angles[1] != 0.0:
        s, c = math.sin(angles[1]), math.cos(angles[1])
        x, y, z = x * c + y * 0.0 + z * s, y, x * -s + y * 0.0 + z * c
    if angles[2] != 0.0:
        s, c = math.sin(angles[2]), math.cos(angles[2])
        x, y, z = x * c + y * -s, x * s + y * c, z
    return (x, y, z)
