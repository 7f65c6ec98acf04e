"""From a panel to the geometry that kernels read: axes, normal, area, closest approach."""

import math

from ..kernels.arithmetic.vectors import cross, dot, unit
from .materials import attenuations

__all__ = ["distances", "panel_geometry", "window_geometry", "with_material"]


def _normal(panel):
    """Unit normal of a panel, away from the sample, the area of a pixel [m^2] and the distance of the plane [m]."""
    normal, area = unit(cross(panel.fast, panel.slow))
    close = dot(panel.origin, normal)
    if close < 0.0:
        normal, close = tuple(-v for v in normal), -close
    return normal, area, close


def _along(close, beam, normal):
    """Distance along the beam of a plane that is so close [m]; infinite where the beam is along the plane."""
    towards = dot(beam, normal)
    return close / towards if towards != 0.0 else math.inf


def _captured(thickness, attenuation):
    """What part of the photons along its normal a sensor captures, and at which mean depth [m]."""
    # beyond some hundred depths all is captured in front
    deep = min(thickness * attenuation, 500.0)
    if deep < 1e-6:
        return deep, thickness / 2.0
    return -math.expm1(-deep), thickness * (1.0 / deep - 1.0 / math.expm1(deep))


def _mean_depth(plane, beam):
    """Mean depth at which a sensor captures photons of all wavelengths that come along its normal [m]."""
    if not len(beam.attenuations):
        return _captured(plane.thickness, plane.attenuation)[1]
    weights = beam.weights.tolist() if len(beam.weights) else [1.0] * len(beam.attenuations)
    photons = depths = 0.0
    for weight, attenuation in zip(weights, beam.attenuations.tolist()):
        part, depth = _captured(plane.thickness, attenuation)
        photons += weight * part
        depths += weight * part * depth
    return depths / photons


def distances(panel, beam):
    """Distance of a panel's plane from the sample, nearest and along the beam (a unit vector) [m]."""
    normal, _, close = _normal(panel)
    return close, _along(close, beam, normal)


def with_material(scene, material):
    """A scene with the attenuation of a sensor's material at each wavelength of its sources, or at their only one."""
    found = attenuations(material, scene.beam.wavelengths)
    if (found == found[0]).all():
        return scene._replace(geometry=scene.geometry._replace(attenuation=float(found[0])))
    return scene._replace(beam=scene.beam._replace(attenuations=found))


def panel_geometry(panel, plane, beam):
    """Geometry of a panel with a place of its own.

    Parameters
    ----------
    panel : request.PanelRequest
    plane : kernels.physics.records.Geometry
        A plane with the panel's sensor and sub-pixels, and the beam: what does not depend on where it is.
    beam : kernels.physics.records.Sources
        With the attenuations of the sensor.

    Returns
    -------
    kernels.physics.records.Geometry

    Notes
    -----
    A pixel's place is origin + f fast + s slow, with f and s in units of the fast pitch's length, so
    the axes are the pitch vectors over that length.  The solid angle of a pixel is its area, that of
    the parallelogram, times the cosine of obliquity over the squared distance.  The normal points
    away from the sample, into the sensor.  Kernels have layer n at the depth of n layers; they are given
    the place of the middle of the first layer, and so have the middle of each.  They have one nearest
    distance for the cosine of all layers: that of the mean depth at which photons are captured, so that what
    layers in front have too much those behind have too little.
    """
    pixel = math.sqrt(dot(panel.fast, panel.fast))
    normal, area, close = _normal(panel)
    origin = panel.origin
    if plane.thickness > 0.0:
        half = plane.layer_step / 2.0
        origin, close = tuple(o + half * n for o, n in zip(origin, normal)), close + _mean_depth(plane, beam)
    return plane._replace(
        fast_axis=tuple(v / pixel for v in panel.fast), slow_axis=tuple(v / pixel for v in panel.slow), normal=normal,
        origin=origin, first_fast=0, first_slow=0, distance=_along(close, plane.beam, normal),
        close_distance=close, pixel_area=area, sub_pixel_size=pixel / plane.oversample)


def window_geometry(plane, first_fast, first_slow):
    """Geometry of a window of a plane, with the plane's bits: pixels are counted from the plane's first."""
    return plane._replace(first_fast=plane.first_fast + first_fast, first_slow=plane.first_slow + first_slow)
