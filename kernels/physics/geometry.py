"""From a place on the detector to a direction, a solid angle and the fraction absorbed."""

from ..arithmetic.c_library import c_exp
from ..arithmetic.vectors import dot, rotate_axis
from ..compile.compilation import inlined

__all__ = ["sub_pixel_centre", "flat_position", "flat_sub_pixel", "curved_position", "position", "pixel_solid_angle",
           "point_solid_angle", "solid_angle", "sub_pixel_position", "capture_fraction"]


@inlined
def sub_pixel_centre(geometry, pixel, sub):
    """Distance from the edge of the detector to the middle of a sub-pixel, along one axis [m]."""
    return geometry.sub_pixel_size * (pixel * geometry.oversample + sub) + geometry.sub_pixel_size / 2.0


@inlined
def flat_position(geometry, f, s, depth):
    """Laboratory position [m] of a point f, s along the axes of a plane and `depth` into the sensor."""
    fast, slow, normal, origin = geometry.fast_axis, geometry.slow_axis, geometry.normal, geometry.origin
    return (f * fast[0] + s * slow[0] + depth * normal[0] + origin[0],
            f * fast[1] + s * slow[1] + depth * normal[1] + origin[1],
            f * fast[2] + s * slow[2] + depth * normal[2] + origin[2])


@inlined
def curved_position(geometry, flat):
    """Laboratory position [m] on a curved detector, from the one on the plane.

    Every pixel is at the distance of the beam spot, and the second and third laboratory components
    of the flat position, over that distance, are the angles about the slow and the fast axis: as
    the C program has it, whatever the frame.
    """
    distance, beam = geometry.distance, geometry.beam
    spot = (distance * beam[0], distance * beam[1], distance * beam[2])
    return rotate_axis(rotate_axis(spot, geometry.slow_axis, flat[1] / distance), geometry.fast_axis,
                       flat[2] / distance)


@inlined
def flat_sub_pixel(geometry, fast, slow, layer, sub_slow, sub_fast):
    """Laboratory position [m] of the middle of a sub-pixel in one layer of a flat sensor.

    Pixels are counted from the first of the panel, which need not be the first of its plane.
    """
    return flat_position(geometry, sub_pixel_centre(geometry, fast + geometry.first_fast, sub_fast),
                         sub_pixel_centre(geometry, slow + geometry.first_slow, sub_slow),
                         layer * geometry.layer_step)


@inlined
def position(geometry, f, s, depth):
    """Laboratory position [m] of a point f, s along the detector axes and `depth` into the sensor."""
    flat = flat_position(geometry, f, s, depth)
    if geometry.curved:
        return curved_position(geometry, flat)
    return flat


@inlined
def sub_pixel_position(geometry, fast, slow, layer, sub_slow, sub_fast):
    """Laboratory position [m] of the middle of a sub-pixel in one layer of the sensor, flat or curved."""
    flat = flat_sub_pixel(geometry, fast, slow, layer, sub_slow, sub_fast)
    if geometry.curved:
        return curved_position(geometry, flat)
    return flat


@inlined
def pixel_solid_angle(geometry, airpath):
    """Solid angle of a pixel [sr], obliquity included."""
    return geometry.pixel_area / airpath / airpath * geometry.close_distance / airpath


@inlined
def point_solid_angle(airpath):
    """Solid angle of a point pixel over its area [1/m^2]."""
    return 1.0 / airpath / airpath


@inlined
def solid_angle(geometry, airpath):
    """Solid angle of a pixel [sr], or that of a point pixel over its area [1/m^2]."""
    if geometry.point_pixel:
        return point_solid_angle(airpath)
    return pixel_solid_angle(geometry, airpath)


@inlined
def capture_fraction(geometry, layer, s1, attenuation):
    """Fraction of the photons along s1 that are absorbed in one layer of the sensor, attenuation in 1/m."""
    parallax = dot(s1, geometry.normal)
    step, mu = geometry.layer_step, attenuation
    front = float(-layer) * step * mu / parallax
    # the exponential of 0 is 1, and in a first layer it would be half of the work
    return (1.0 if front == 0.0 else c_exp(front)) - c_exp(float(-(layer + 1)) * step * mu / parallax)
