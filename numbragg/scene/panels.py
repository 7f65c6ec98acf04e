"""From a panel to the geometry that kernels read: axes, normal, area, closest approach."""

import math

from ..kernels.arithmetic.vectors import cross, dot, unit

__all__ = ["panel_geometry", "window_geometry"]


def panel_geometry(panel, plane):
    """Geometry of a panel with a place of its own.

    Parameters
    ----------
    panel : request.PanelRequest
    plane : kernels.physics.records.Geometry
        A plane with the panel's sensor and sub-pixels, and the beam: what does not depend on where it is.

    Returns
    -------
    kernels.physics.records.Geometry

    Notes
    -----
    A pixel's place is origin + f fast + s slow, with f and s in units of the fast pitch's length, so
    the axes are the pitch vectors over that length.  The solid angle of a pixel is its area, that of
    the parallelogram, times the cosine of obliquity over the squared distance.  The normal points
    away from the sample, into the sensor.
    """
    pixel = math.sqrt(dot(panel.fast, panel.fast))
    normal, area = unit(cross(panel.fast, panel.slow))
    close = dot(panel.origin, normal)
    if close < 0.0:
        normal, close = tuple(-v for v in normal), -close
    towards = dot(plane.beam, normal)
    return plane._replace(
        fast_axis=tuple(v / pixel for v in panel.fast), slow_axis=tuple(v / pixel for v in panel.slow), normal=normal,
        origin=panel.origin, first_fast=0, first_slow=0, distance=close / towards if towards != 0.0 else math.inf,
        close_distance=close, pixel_area=area, sub_pixel_size=pixel / plane.oversample)


def window_geometry(plane, first_fast, first_slow):
    """Geometry of a window of a plane, with the plane's bits: pixels are counted from the plane's first."""
    return plane._replace(first_fast=plane.first_fast + first_fast, first_slow=plane.first_slow + first_slow)
