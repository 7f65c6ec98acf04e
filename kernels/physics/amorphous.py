"""Photons that layers of amorphous material scatter into pixels: a table of amplitudes instead of a crystal.

Its bits are the same on all processors: sums, products, quotients, roots and our own exponential and sine only.
"""

import math
from typing import NamedTuple

import numpy as np

from ..arithmetic.elementary import (
    EXP_LARGEST,
    cosine_polynomial,
    exp_negative,
    nearest_multiple_of_pi,
    remainder_pi,
    sine_polynomial,
)
from ..arithmetic.vectors import cross, dot, magnitude, rotate_axis_sc, unit
from ..compile.compilation import inlined, jit
from .geometry import flat_position, point_solid_angle
from .polarisation import kahn_factor
from .records import Geometry, Sources
from .view import incident_direction, number_of_sources, place_of_source, polarisation_axis, scattering_vector

__all__ = ["Amorphous", "add_photons", "box_means", "photons_at", "table_square"]


class Amorphous(NamedTuple):
    """A layer: where it scatters, how strongly, and how finely pixels are sampled."""

    knots: np.ndarray  # (n,) sin(theta)/lambda [1/m], increasing, the first 0 or above
    pieces: np.ndarray  # (n - 1, 4) F = c0 + t (c1 + t (c2 + t c3)), t from the knot at the left
    bins: np.ndarray  # (m,) int64: the piece in which each of m equal parts from the first knot to the last begins
    inverse_bin: float  # parts per 1/m
    low: float  # F**2 before the first knot
    high: float  # F**2 behind the last
    places: np.ndarray  # (z,) along the beam from the sample, downstream positive [m]
    weights: np.ndarray  # (z,) shares of the layer, with a sum of 1
    scale: float  # r_e**2 times photons times molecules per area
    fineness: np.ndarray  # (k,) uint8: sub-pixels per edge for each part of a range of sin(theta)/lambda
    inverse_part: float  # parts of it per 1/m
    sub_pixels: int  # per edge at least


# -- elementary functions


@inlined
def _sine_and_cosine(x):
    """Sine and cosine, with their signs."""
    k = nearest_multiple_of_pi(x)
    r = remainder_pi(x, k)
    sign = 1.0 - 2.0 * (k - 2.0 * math.floor(0.5 * k))
    return sign * sine_polynomial(r), sign * cosine_polynomial(r)


@inlined
def _exponential(x):
    """exp(x), held where it would leave the doubles."""
    return exp_negative(min(x, EXP_LARGEST))


# -- the table


@inlined
def _square(layer, stol):
    """F**2 at sin(theta)/lambda; before and behind the table its end's."""
    knots = layer.knots
    if stol <= knots[0]:
        return layer.low
    last = knots.shape[0] - 1
    if stol >= knots[last]:
        return layer.high
    piece = layer.bins[min(int((stol - knots[0]) * layer.inverse_bin), layer.bins.shape[0] - 1)]
    while piece > 0 and stol < knots[piece]:
        piece -= 1
    while stol >= knots[piece + 1]:
        piece += 1
    t = stol - knots[piece]
    pieces = layer.pieces
    f = pieces[piece, 0] + t * (pieces[piece, 1] + t * (pieces[piece, 2] + t * pieces[piece, 3]))
    return f * f


@jit
def table_square(layer, stol, out):
    """Fill F**2 for an array of sin(theta)/lambda [1/m]."""
    for i in range(stol.shape[0]):
        out[i] = _square(layer, stol[i])


@jit
def box_means(layer, centres, width, points, out):
    """Fill means of F**2 over boxes of a width about centres, from so many midpoints each."""
    for i in range(centres.shape[0]):
        total = 0.0
        for j in range(points):
            total += _square(layer, abs(centres[i] + width * ((j + 0.5) / points - 0.5)))
        out[i] = total / points


# -- geometry from a point beside the sample


@inlined
def _pixel_place(geometry, f, s, depth):
    """Laboratory position [m] of a point of the detector, flat or curved."""
    flat = flat_position(geometry, f, s, depth)
    if not geometry.curved:
        return flat
    # `geometry.curved_position` with sines that are the same everywhere
    distance, beam = geometry.distance, geometry.beam
    spot = (distance * beam[0], distance * beam[1], distance * beam[2])
    sine, cosine = _sine_and_cosine(flat[1] / distance)
    turned = rotate_axis_sc(spot, geometry.slow_axis, sine, cosine)
    sine, cosine = _sine_and_cosine(flat[2] / distance)
    return rotate_axis_sc(turned, geometry.fast_axis, sine, cosine)


@inlined
def _seen_solid_angle(geometry, place, z, s0, s1, path):
    """Solid angle of a pixel from the point at z along the beam s0: `geometry.solid_angle` with the sample there."""
    if geometry.point_pixel:
        return point_solid_angle(path)
    if geometry.curved:
        # every pixel faces the sample, and the factor of nanoBragg's own is near 1
        radius = magnitude(place)
        return (geometry.pixel_area / path / path * (geometry.close_distance / radius)
                * (dot(place, s1) / radius))
    # divisions take longer than all else
    close, inverse = geometry.close_distance - z * dot(s0, geometry.normal), 1.0 / path
    return geometry.pixel_area * close * (inverse * inverse * inverse)


@inlined
def _capture(geometry, layer, s1, attenuation):
    """`geometry.capture_fraction` with an exponential that is the same everywhere; 1 without a sensor."""
    if geometry.thickness == 0.0:
        return 1.0
    depth = geometry.layer_step * attenuation / dot(s1, geometry.normal)
    passed = _exponential(-depth)
    front = 1.0 if layer == 0 else passed if layer == 1 else _exponential(-layer * depth)
    return front - front * passed


@inlined
def _fields(beam, s0):
    """Unit vectors along the magnetic and the electric field."""
    b_in, _ = unit(cross(polarisation_axis(beam.polarisation_axes, 0), s0))
    e_in, _ = unit(cross(s0, b_in))
    return b_in, e_in


@inlined
def _polarisation(beam, s0, fields, s1):
    """The Kahn factor, cos(2 psi) from the components of s1 along the electric field and across it."""
    if beam.unpolarised_factor:
        return 1.0
    cos_two_psi = 1.0
    if beam.polarisation_fraction != 0.0:
        across, along = dot(s1, fields[0]), dot(s1, fields[1])
        total = along * along + across * across
        if total > 0.0:
            cos_two_psi = (along * along - across * across) / total
    return kahn_factor(beam.polarisation_fraction, s0, s1, cos_two_psi)


# -- photons


@inlined
def _from_place(geometry, beam, layer, place, sensor_layer, source, z):
    """What a source and a point of the layer give to a point of one layer of the sensor, and sin(theta)/lambda."""
    row, column = place_of_source(beam.per_direction, source)
    s0 = incident_direction(beam.directions, row)
    return _from_ray(geometry, beam, layer, place, sensor_layer, column, z, (s0, _fields(beam, s0)))


@inlined
def _from_ray(geometry, beam, layer, place, sensor_layer, column, z, ray):
    """The same of the source's wavelength, its direction with the fields there."""
    s0, fields = ray
    away = (place[0] - z * s0[0], place[1] - z * s0[1], place[2] - z * s0[2])
    path = magnitude(away)
    inverse = 1.0 / path
    s1 = (away[0] * inverse, away[1] * inverse, away[2] * inverse)
    stol = 0.5 * magnitude((s1[0] - s0[0], s1[1] - s0[1], s1[2] - s0[2])) / beam.wavelengths[column]
    value = _square(layer, stol) * _polarisation(beam, s0, fields, s1)
    value *= _seen_solid_angle(geometry, place, z, s0, s1, path)
    attenuation = beam.attenuations[column] if beam.attenuations.shape[0] > 0 else geometry.attenuation
    value *= _capture(geometry, sensor_layer, s1, attenuation)
    if beam.weights.shape[0] > 0:
        value *= beam.weights[column]
    return value, stol


@inlined
def _at_place(geometry, beam, layer, f, s):
    """Mean over sources, sum over the layers of sensor and material, of one point of the detector; sin(theta)/lambda.

    The latter is the largest of all.
    """
    total, largest, sources = 0.0, 0.0, number_of_sources(beam)
    for sensor_layer in range(geometry.layers):
        place = _pixel_place(geometry, f, s, sensor_layer * geometry.layer_step)
        for source in range(sources):
            for node in range(layer.places.shape[0]):
                value, stol = _from_place(geometry, beam, layer, place, sensor_layer, source, layer.places[node])
                total += layer.weights[node] * value
                largest = max(largest, stol)
    return total / sources, largest


@inlined
def _needed(layer, stol):
    """Sub-pixels per edge that a scattering vector needs."""
    if layer.fineness.shape[0] == 0:
        return layer.sub_pixels
    part = min(int(stol * layer.inverse_part), layer.fineness.shape[0] - 1)
    return max(layer.sub_pixels, int(layer.fineness[part]))


@inlined
def _finest(geometry, beam, layer, f, s):
    """Sub-pixels per edge that any scattering vector of a point needs."""
    place, finest = _pixel_place(geometry, f, s, 0.0), layer.sub_pixels
    for source in range(number_of_sources(beam)):
        row, column = place_of_source(beam.per_direction, source)
        s0 = incident_direction(beam.directions, row)
        for node in range(layer.places.shape[0]):
            z = layer.places[node]
            s1, _ = unit((place[0] - z * s0[0], place[1] - z * s0[1], place[2] - z * s0[2]))
            finest = max(finest, _needed(layer, 0.5 * magnitude(scattering_vector(s1, s0, beam.wavelengths[column]))))
    return finest


@jit
def photons_at(geometry: Geometry, beam: Sources, layer: Amorphous, fast, slow, out):
    """Fill the photons of a layer that pixels get whose middle stands for all of them."""
    size = geometry.sub_pixel_size * geometry.oversample
    for i in range(fast.shape[0]):
        value, _ = _at_place(geometry, beam, layer, (fast[i] + geometry.first_fast + 0.5) * size,
                             (slow[i] + geometry.first_slow + 0.5) * size)
        out[i] = layer.scale * value


@jit
def _add_photons(geometry: Geometry, beam: Sources, layer: Amorphous, mask, place, span, out, found):
    """As `add_photons`, which returns what is found; `span` is start and stop."""
    start, stop = span
    size = geometry.sub_pixel_size * geometry.oversample
    end, beyond, largest = layer.knots[layer.knots.shape[0] - 1], 0, 0.0
    alone = layer.places.shape[0] == 1 and number_of_sources(beam) == 1
    s0 = incident_direction(beam.directions, 0)
    ray = (s0, _fields(beam, s0))
    masked = mask.shape[0] > 0
    fast, slow = place[0] + start % place[2] - 1, place[1] + start // place[2]
    for _ in range(start, stop):
        # pixels are counted: a division takes half as long as all else
        fast += 1
        if fast == place[0] + place[2]:
            fast, slow = place[0], slow + 1
        if masked and mask[slow, fast] == 0:
            continue
        first_f, first_s = (fast + geometry.first_fast) * size, (slow + geometry.first_slow) * size
        if alone:
            # of most backgrounds one point is all
            total, stol = 0.0, 0.0
            for sensor_layer in range(geometry.layers):
                there = _pixel_place(geometry, first_f + 0.5 * size, first_s + 0.5 * size,
                                     sensor_layer * geometry.layer_step)
                value, at = _from_ray(geometry, beam, layer, there, sensor_layer, 0, layer.places[0], ray)
                total += layer.weights[0] * value
                stol = max(stol, at)
            finest = _needed(layer, stol)
        else:
            total, stol = _at_place(geometry, beam, layer, first_f + 0.5 * size, first_s + 0.5 * size)
            finest = layer.sub_pixels
            if layer.fineness.shape[0] > 0:
                finest = _finest(geometry, beam, layer, first_f + 0.5 * size, first_s + 0.5 * size)
        if finest > 1:
            total, step = 0.0, size / finest
            for sub_slow in range(finest):
                for sub_fast in range(finest):
                    value, _ = _at_place(geometry, beam, layer, first_f + (sub_fast + 0.5) * step,
                                         first_s + (sub_slow + 0.5) * step)
                    total += value
            total /= finest * finest
        out[slow, fast] += layer.scale * total
        largest = max(largest, stol)
        if stol > end:
            beyond += 1
    found[0], found[1] = beyond, largest


def add_photons(geometry: Geometry, beam: Sources, layer: Amorphous, mask, place, start, stop, out):
    """Add the photons of a layer to pixels of a window.

    Parameters
    ----------
    geometry : records.Geometry
    beam : records.Sources
    layer : Amorphous
    mask : (slow, fast) uint8 array
        Zero: the pixel is left alone; no rows: none is.
    place : tuple of int
        First fast, first slow, width, as of `records.Window`.
    start, stop : int
        Pixels of the window, row by row.
    out : (slow, fast) float64 array

    Returns
    -------
    beyond : int
        Pixels that reach beyond the last row of the table.
    largest : float
        Largest sin(theta)/lambda [1/m] of the middle of a pixel.
    """
    found = np.zeros(2)
    _add_photons(geometry, beam, layer, mask, place, (start, stop), out, found)
    beyond, largest = found.tolist()
    return int(beyond), largest
