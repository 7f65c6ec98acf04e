"""The Kahn polarisation factor."""

from ..arithmetic.c_library import c_atan2, c_cos
from ..arithmetic.vectors import cross, dot, unit
from ..compile.compilation import inlined

__all__ = ["cosine_of_two_psi", "kahn_factor", "polarisation_factor"]


@inlined
def cosine_of_two_psi(s0, s1, axis):
    """Cosine of twice the angle psi of s1 about s0, counted from the electric field along `axis`."""
    b_in, _ = unit(cross(axis, s0))
    e_in, _ = unit(cross(s0, b_in))
    return c_cos(2.0 * -c_atan2(dot(s1, b_in), dot(s1, e_in)))


@inlined
def kahn_factor(fraction, s0, s1, cos_two_psi):
    """Polarisation factor from cos(2 psi); see `polarisation_factor`."""
    cos_two_theta = dot(s0, s1)
    cos_sqr = cos_two_theta * cos_two_theta
    sin_sqr = 1.0 - cos_sqr
    return 0.5 * (1.0 + cos_sqr - fraction * cos_two_psi * sin_sqr)


@inlined
def polarisation_factor(fraction, s0, s1, axis):
    """Kahn polarisation factor for one scattering direction.

    Parameters
    ----------
    fraction : float
        Kahn factor [-1..1]; 0 is unpolarised.
    s0, s1 : tuples of 3 float64
        Incident and diffracted unit vectors, not checked.
    axis : tuple of 3 float64
        Unit vector of the electric field, not checked.

    Returns
    -------
    float
        Factor [0..1 for a fraction within -1..1].

    Notes
    -----
    (1 + cos^2(2 theta) - fraction cos(2 psi) sin^2(2 theta)) / 2, with psi the angle of the
    diffracted ray about the incident one, counted from the electric field.

    References
    ----------
    Kahn, Fourme, Gadet, Janin, Dumas & Andre (1982). J. Appl. Cryst. 15, 330-337.
    """
    # psi is 0, and its cosine 1, where it is of no consequence
    cos_two_psi = cosine_of_two_psi(s0, s1, axis) if fraction != 0.0 else 1.0
    return kahn_factor(fraction, s0, s1, cos_two_psi)
