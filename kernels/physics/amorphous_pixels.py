"""Photons that layers of amorphous material scatter into pixels, many points of a detector at a time.

Its bits are the same on all processors: sums, products, quotients, roots and our own exponential and sine only.  What
is smooth is computed for all points of a block in one loop, which compilers turn into vectors; tables follow.
"""

import math

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
from .amorphous import Amorphous, from_table, integrals, mean_of_cell, part_of
from .geometry import flat_position, point_solid_angle
from .records import Geometry, Sources
from .view import incident_direction, number_of_sources, place_of_source, polarisation_axis

__all__ = ["COLUMNS", "POINTS", "fill_photons"]

#: Points of a block, which a processor's nearest cache holds, and numbers of a kernel's own for each.
POINTS, COLUMNS = 256, 28
#: Columns: points on the detector, the edge of their cells [m], what they get, their largest sin(theta)/lambda, the
#: subdivision that they need; in the laboratory; what a source and a node give them: factors, sin(theta)/lambda, s1.
_F, _S, _EDGE, _TOTAL, _LARGEST, _NEEDED, _X, _Y, _Z, _FACTOR, _STOL, _U, _V, _W = range(14)
#: Of pixels: which they are, their sums, their subdivisions; of points in them: whose they are and how much they weigh.
_FAST, _SLOW, _SUM, _RULE, _OWNER, _WEIGHT = range(14, 20)
#: Of means over cells: inverse distance; how much sin(theta)/lambda changes along each edge; the middle, half of the
#: sum and of the difference of the changes, and one over their product; the fineness.
_NEAR, _ALONG_FAST, _ALONG_SLOW, _MIDDLE, _HALF, _LESS, _INVERSE, _FINENESS = range(20, 28)
#: Nodes of Gauss's rule of three points, from the middle in half lengths, and the square.
_NODE, _NODE_SQUARED = math.sqrt(0.6), 0.6
#: Of points in a square cell about the beam: root of the mean square of their distance from it, in edges; where the
#: cell is, at least.
_ROOT_MEAN_SQUARE, _LEAST_STOL = math.sqrt(1.0 / 6.0), 0.01
#: Least sine of 2 theta for which a segment is looked at.
_LEAST_SINE = 1e-6


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
def _longer_edge(geometry):
    """The longer edge of a pixel [m]."""
    longer = max(dot(geometry.fast_axis, geometry.fast_axis), dot(geometry.slow_axis, geometry.slow_axis))
    return geometry.sub_pixel_size * geometry.oversample * math.sqrt(longer)


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
def _ray(beam, source):
    """What is the same for all points: direction of a source, unit vectors of the fields there, and its own numbers.

    These are wavelength, over which one half is, weight, and the sensor's attenuation, or less than 0 for its own.
    """
    row, column = place_of_source(beam.per_direction, source)
    s0 = incident_direction(beam.directions, row)
    b_in, _ = unit(cross(polarisation_axis(beam.polarisation_axes, 0), s0))
    e_in, _ = unit(cross(s0, b_in))
    weight = beam.weights[column] if beam.weights.shape[0] > 0 else 1.0
    attenuation = beam.attenuations[column] if beam.attenuations.shape[0] > 0 else -1.0
    return s0, b_in, e_in, beam.wavelengths[column], weight, attenuation


@inlined
def _polarisation(beam, ray, s1):
    """The Kahn factor; the square of the sine times cos(2 psi) comes from the components of s1 along the fields."""
    if beam.unpolarised_factor:
        return 1.0
    cosine = dot(ray[0], s1)
    square = 1.0 + cosine * cosine
    if beam.polarisation_fraction != 0.0:
        across, along = dot(s1, ray[1]), dot(s1, ray[2])
        square -= beam.polarisation_fraction * (along * along - across * across)
    return 0.5 * square


@inlined
def _smooth(geometry, beam, ray, place, sensor_layer, z):
    """All factors but F**2 of a source and a point of the layer, and the direction to a point of the sensor."""
    s0 = ray[0]
    away = (place[0] - z * s0[0], place[1] - z * s0[1], place[2] - z * s0[2])
    path = magnitude(away)
    inverse = 1.0 / path
    s1 = (away[0] * inverse, away[1] * inverse, away[2] * inverse)
    attenuation = ray[5] if ray[5] >= 0.0 else geometry.attenuation
    value = _polarisation(beam, ray, s1) * _seen_solid_angle(geometry, place, z, s0, s1, path)
    return value * (_capture(geometry, sensor_layer, s1, attenuation) * ray[4]), s1


@inlined
def _stol_of(geometry, ray, point, z):
    """sin(theta)/lambda of a point of the sensor, seen from a point of the beam."""
    place, s0 = _pixel_place(geometry, point[0], point[1], point[2]), ray[0]
    s1, _ = unit((place[0] - z * s0[0], place[1] - z * s0[1], place[2] - z * s0[2]))
    return 0.5 / ray[3] * magnitude((s1[0] - s0[0], s1[1] - s0[1], s1[2] - s0[2]))


@inlined
def _logarithmic_slope(beam, ray, s1, cosine):
    """Slope of the logarithm of the polarisation factor with cos(2 theta), the azimuth fixed."""
    if beam.unpolarised_factor:
        return 0.0
    across, along = dot(s1, ray[1]), dot(s1, ray[2])
    twice = beam.polarisation_fraction * (along * along - across * across)
    sine_squared = max(1.0 - cosine * cosine, 1e-12)
    return 2.0 * cosine * (sine_squared + twice) / (sine_squared * max(1.0 + cosine * cosine - twice, 1e-3))


@inlined
def _slopes_in_cells(geometry, ray, z, depth, work, count):
    """Fill by how much sin(theta)/lambda changes along the edges of cells."""
    at, edge, near, u, v, t = work[_STOL], work[_EDGE], work[_NEAR], work[_U], work[_V], work[_W]
    fast, slow = work[_ALONG_FAST], work[_ALONG_SLOW]
    s0, axis, other = ray[0], geometry.fast_axis, geometry.slow_axis
    scale, on_axis, on_other = -0.25 / (ray[3] * ray[3]), dot(s0, axis), dot(s0, other)
    least = _LEAST_STOL * (0.5 / ray[3])
    for i in range(count):
        s1 = (u[i], v[i], t[i])
        cosine = dot(s0, s1)
        slope = scale * (near[i] * edge[i]) / max(at[i], least * (near[i] * edge[i]))
        fast[i] = slope * (on_axis - cosine * dot(s1, axis))
        slow[i] = slope * (on_other - cosine * dot(s1, other))
    if geometry.curved:
        # cells face the sample
        for i in range(count):
            f, s, half = work[_F, i], work[_S, i], 0.5 * edge[i]
            fast[i] = 2.0 * (_stol_of(geometry, ray, (f + half, s, depth), z) - at[i])
            slow[i] = 2.0 * (_stol_of(geometry, ray, (f, s + half, depth), z) - at[i])


@inlined
def _cells(geometry, beam, ray, work, count):
    """Fill the middles of cells in sin(theta)/lambda, and their edges' half sum, half difference and inverse product.

    The mean is exact if sin(theta)/lambda x changes evenly.  Its curvature, and a slope of the logarithm of the other
    factors, shift the mean by their first order, which is the same as to shift x: by 1/24 of its second derivatives
    along both edges, and by 1/12 of the products of the slopes, edges being the unit of length of each.
    """
    at, edge, near, u, v, t = work[_STOL], work[_EDGE], work[_NEAR], work[_U], work[_V], work[_W]
    fast, slow = work[_ALONG_FAST], work[_ALONG_SLOW]
    middle, half, less, inverse_product = work[_MIDDLE], work[_HALF], work[_LESS], work[_INVERSE]
    s0, half_inverse, axis, other = ray[0], 0.5 / ray[3], geometry.fast_axis, geometry.slow_axis
    on_axis, on_other, lengths = dot(s0, axis), dot(s0, other), dot(axis, axis) + dot(other, other)
    power = 2.0 if geometry.point_pixel else 3.0
    curved = geometry.curved
    for i in range(count):
        s1 = (u[i], v[i], t[i])
        cosine = dot(s0, s1)
        angle = edge[i] * near[i]
        inside = half_inverse * angle
        inverse, bound = 1.0 / max(at[i], _LEAST_STOL * inside), _ROOT_MEAN_SQUARE * inside
        gradient = fast[i] * fast[i] + slow[i] * slow[i]
        # summed over both edges, times path or its square: slopes of cos(2 theta) times those of path, their squares,
        # second derivatives of cos(2 theta); cells of a curved detector face the sample
        if curved:
            towards, squared, bend = 0.0, 1.0 - cosine * cosine, -2.0 * cosine
        else:
            a, b = dot(s1, axis), dot(s1, other)
            one, two = on_axis - cosine * a, on_other - cosine * b
            towards, squared = one * a + two * b, one * one + two * two
            bend = 3.0 * cosine * (a * a + b * b) - cosine * lengths - 2.0 * (on_axis * a + on_other * b)
        slope = -power * towards + _logarithmic_slope(beam, ray, s1, cosine) * squared
        here = -half_inverse * half_inverse * (angle * angle)
        shift = (here * (bend + 2.0 * slope) - gradient) * (inverse * (1.0 / 24.0))
        # about the beam, cells are no further from it than that
        middle[i] = abs(at[i] + min(max(shift, -bound), bound))
        long, short = max(abs(fast[i]), abs(slow[i])), min(abs(fast[i]), abs(slow[i]))
        # in the beam itself there is no gradient
        long = max(long, _LEAST_STOL * inside)
        # a narrow one loses digits, and is as good as one that is a little wider
        short = max(short, 0.015625 * long)
        half[i], less[i] = 0.5 * (long + short), 0.5 * (long - short)
        inverse_product[i] = 1.0 / (long * short)


# -- layers as nodes


@inlined
def _seen_from(geometry, s0, z, half, work, count):
    """Fill directions from a point of the beam to points of a block, sin(theta)/lambda, and solid angles as factors.

    One loop for each case, and each without branches: these become vectors.
    """
    x, y, w, factor, at, u, v, t, near = (work[_X], work[_Y], work[_Z], work[_FACTOR], work[_STOL], work[_U], work[_V],
                                          work[_W], work[_NEAR])
    a, b, c = z * s0[0], z * s0[1], z * s0[2]
    solid = geometry.pixel_area * (geometry.close_distance - z * dot(s0, geometry.normal))
    for i in range(count):
        away = (x[i] - a, y[i] - b, w[i] - c)
        inverse = 1.0 / magnitude(away)
        s1 = (away[0] * inverse, away[1] * inverse, away[2] * inverse)
        at[i] = half * magnitude((s1[0] - s0[0], s1[1] - s0[1], s1[2] - s0[2]))
        factor[i] = solid * (inverse * inverse * inverse)
        near[i] = inverse
        u[i], v[i], t[i] = s1
    if geometry.curved or geometry.point_pixel:
        for i in range(count):
            place = (x[i], y[i], w[i])
            path = magnitude((x[i] - a, y[i] - b, w[i] - c))
            factor[i] = _seen_solid_angle(geometry, place, z, s0, (u[i], v[i], t[i]), path)


@inlined
def _weighed(geometry, beam, ray, sensor_layer, work, count):
    """Multiply the factors of points by polarisation and captured fraction, where there are such."""
    factor, u, v, t = work[_FACTOR], work[_U], work[_V], work[_W]
    if not beam.unpolarised_factor:
        for i in range(count):
            factor[i] *= _polarisation(beam, ray, (u[i], v[i], t[i]))
    if geometry.thickness != 0.0:
        attenuation = ray[5] if ray[5] >= 0.0 else geometry.attenuation
        for i in range(count):
            factor[i] *= _capture(geometry, sensor_layer, (u[i], v[i], t[i]), attenuation)


@inlined
def _add_node(geometry, beam, layer, ray, sensor_layer, node, work, count):
    """Add what a source and a node give to points of a block."""
    z, weight = layer.places[node], layer.weights[node] * ray[4]
    depth = sensor_layer * geometry.layer_step
    _seen_from(geometry, ray[0], z, 0.5 / ray[3], work, count)
    _weighed(geometry, beam, ray, sensor_layer, work, count)
    factor, at, total, largest, needs = work[_FACTOR], work[_STOL], work[_TOTAL], work[_LARGEST], work[_NEEDED]
    if node == layer.places.shape[0] - 1:
        # seen from further downstream angles are larger
        for i in range(count):
            largest[i] = max(largest[i], at[i])
    parts, coarse = layer.fineness.shape[0], False
    if parts > 0:
        for i in range(count):
            fineness = layer.fineness[part_of(layer, at[i], parts)]
            needs[i] = max(needs[i], fineness - 1.0)
            work[_FINENESS, i] = fineness
            coarse |= fineness > 0
    if not coarse:
        for i in range(count):
            total[i] += weight * factor[i] * from_table(layer, at[i])
        return
    _slopes_in_cells(geometry, ray, z, depth, work, count)
    _cells(geometry, beam, ray, work, count)
    for i in range(count):
        if work[_FINENESS, i] == 0.0:
            mean = from_table(layer, at[i])
        else:
            mean = mean_of_cell(layer, work[_MIDDLE, i], work[_HALF, i], work[_LESS, i]) * work[_INVERSE, i]
        total[i] += weight * factor[i] * mean


# -- layers as segments: F**2 is integrated exactly, times a parabola through the smooth factors at three nodes


@inlined
def _segment(geometry, beam, ray, place, sensor_layer, between, moments):
    """Integral along the beam between two sin(theta)/lambda."""
    wavelength = ray[3]
    along, across, begin, end = between
    middle, half = 0.5 * (begin + end), 0.5 * (end - begin)
    # moments about the middle, in half lengths
    zeroth = moments[0]
    first = (moments[1] - middle * zeroth) / half
    second = (moments[2] - 2.0 * middle * moments[1] + middle * middle * zeroth) / (half * half)
    total = 0.0
    for node in range(3):
        share = zeroth - second / _NODE_SQUARED
        if node != 1:
            share = 0.5 / _NODE_SQUARED * (second + (node - 1) * _NODE * first)
        sine = wavelength * (middle + half * ((node - 1) * _NODE))
        cosine = math.sqrt(1.0 - sine * sine)
        # of 2 theta
        double_sine, double_cosine = 2.0 * sine * cosine, 1.0 - 2.0 * (sine * sine)
        z = along - across * double_cosine / double_sine
        value, _ = _smooth(geometry, beam, ray, place, sensor_layer, z)
        total += share * value * (2.0 * wavelength * across / (double_sine * double_sine * cosine))
    return total


@inlined
def _stol_at(along, across, wavelength):
    """sin(theta)/lambda of a point so far along the beam from where it scatters, and across."""
    path = math.sqrt(along * along + across * across)
    cosine = along / path
    sine = across / path
    square = sine * sine / (1.0 + cosine) if cosine > 0.0 else 1.0 - cosine
    return math.sqrt(0.5 * square) / wavelength


@inlined
def _wrong(layer, level, rule, begin, end):
    """What a subdivision makes wrong of the integral of F**2 between two sin(theta)/lambda."""
    parts, errors = layer.errors.shape[2], layer.errors
    return errors[level, rule, part_of(layer, begin, parts)] + errors[level, rule, part_of(layer, end, parts)]


@inlined
def _level(layer, size, along, across):
    """How much sin(theta)/lambda changes at most in a pixel so far along the beam and from it: a row of errors."""
    beside = along - min(max(along, layer.ends[0]), layer.ends[1])
    nearest, level = math.sqrt(across * across + beside * beside), 0
    while level < layer.errors.shape[0] - 1 and size <= layer.ratios[level + 1] * nearest:
        level += 1
    return level


@inlined
def _add_segments(geometry, beam, layer, ray, sensor_layer, work, count):
    """Add what a source and all segments give to points of a block."""
    s0, ends, segments, size = ray[0], layer.ends, layer.segments, _longer_edge(geometry)
    inverse = 1.0 / (ends[1] - ends[0])
    for i in range(count):
        place = (work[_X, i], work[_Y, i], work[_Z, i])
        along = dot(place, s0)
        aside = (place[0] - along * s0[0], place[1] - along * s0[1], place[2] - along * s0[2])
        across = max(magnitude(aside), _LEAST_SINE * abs(along))
        first, last = _stol_at(along - ends[0], across, ray[3]), _stol_at(along - ends[1], across, ray[3])
        begin, before = first, integrals(layer, first)
        beginning, total = before, 0.0
        # equal ones along the beam would be ever longer to a pixel, the nearer they are to it
        step = (last - first) / segments
        for segment in range(1, segments + 1):
            end = last if segment == segments else first + step * segment
            now = integrals(layer, end)
            total += _segment(geometry, beam, ray, place, sensor_layer, (along, across, begin, end),
                              (now[0] - before[0], now[1] - before[1], now[2] - before[2]))
            begin, before = end, now
        work[_TOTAL, i] += total * inverse
        work[_LARGEST, i] = max(work[_LARGEST, i], begin)
        if layer.errors.shape[0] > 0:
            rule, level = int(work[_NEEDED, i]), _level(layer, size, along, across)
            allowed = layer.tolerance * (before[0] - beginning[0])
            while rule < layer.errors.shape[1] - 1 and _wrong(layer, level, rule, first, begin) > allowed:
                rule += 1
            work[_NEEDED, i] = rule


# -- points and pixels


@inlined
def _look_near(geometry, layer, s0, work, count):
    """Raise the subdivisions that points of a block need to what the solid angle needs, for the beam is near them.

    Seen along an edge of a pixel a layer is nearest where the factors have a singularity, off the line: Gauss's rules
    converge as fast as the ellipse about the ends of the edge through it is large.
    """
    size, reaches = _longer_edge(geometry), layer.subdivisions.reaches
    half = 2.0 / size
    for i in range(count):
        place = (work[_X, i], work[_Y, i], work[_Z, i])
        z = min(max(dot(place, s0), layer.ends[0]), layer.ends[1])
        away = (place[0] - z * s0[0], place[1] - z * s0[1], place[2] - z * s0[2])
        # cells of a curved detector face the sample
        height = dot(away, geometry.normal) if not geometry.curved else dot(away, place) / magnitude(place)
        aside = half * math.sqrt(max(dot(away, away) - height * height, 0.0))
        height *= half
        reach = (math.sqrt((aside - 1.0) * (aside - 1.0) + height * height)
                 + math.sqrt((aside + 1.0) * (aside + 1.0) + height * height))
        rule = int(work[_NEEDED, i])
        while rule < reaches.shape[0] - 1 and reach < reaches[rule]:
            rule += 1
        work[_NEEDED, i] = rule


@inlined
def _fill(geometry, beam, layer, work, count):
    """Fill what points of a block get: a mean over sources, a sum over the layers of sensor and material."""
    sources = number_of_sources(beam)
    for i in range(count):
        work[_TOTAL, i] = 0.0
        work[_LARGEST, i] = 0.0
        work[_NEEDED, i] = 0.0
    for sensor_layer in range(geometry.layers):
        for i in range(count):
            work[_X, i], work[_Y, i], work[_Z, i] = _pixel_place(geometry, work[_F, i], work[_S, i],
                                                                 sensor_layer * geometry.layer_step)
        for source in range(sources):
            ray = _ray(beam, source)
            if layer.near:
                _look_near(geometry, layer, ray[0], work, count)
            if layer.segments > 0:
                _add_segments(geometry, beam, layer, ray, sensor_layer, work, count)
                continue
            for node in range(layer.places.shape[0]):
                _add_node(geometry, beam, layer, ray, sensor_layer, node, work, count)
    if sources > 1:
        for i in range(count):
            work[_TOTAL, i] /= sources


@inlined
def _points_in_pixels(geometry, layer, work, at, size):
    """Fill the next points of those pixels whose middle does not stand for them.

    Given how many pixels there are, the one to begin with and how many points of it are done.  Returns the number of
    points, and where to go on.
    """
    count, pixel, sub = at
    rules, filled = layer.subdivisions, 0
    while pixel < count and filled < POINTS:
        rule = int(work[_RULE, pixel])
        edge, first = rules.counts[rule], rules.firsts[rule]
        if rule == 0 or sub == edge * edge:
            pixel, sub = pixel + 1, 0
            continue
        i, j = first + sub % edge, first + sub // edge
        work[_F, filled] = (work[_FAST, pixel] + geometry.first_fast + 0.5 + rules.places[i]) * size
        work[_S, filled] = (work[_SLOW, pixel] + geometry.first_slow + 0.5 + rules.places[j]) * size
        work[_OWNER, filled], work[_WEIGHT, filled] = pixel, rules.weights[i] * rules.weights[j]
        work[_EDGE, filled] = size / edge
        filled, sub = filled + 1, sub + 1
    return filled, pixel, sub


@jit
def fill_photons(geometry: Geometry, beam: Sources, layer: Amorphous, fast, slow, refined, work, filled):
    """Fill the photons of a layer in pixels.

    Parameters
    ----------
    geometry : records.Geometry
    beam : records.Sources
    layer : Amorphous
    fast, slow : (n,) int64 arrays
    refined : bool
        Whether pixels are means over as many points as they need; else their middle stands for all of them.
    work : (`COLUMNS`, `POINTS`) float64 array
    filled : (array, array, array)
        (n,) float64 arrays of photons, and of the number of points that pixels need; a (2,) float64 array that gets how
        many pixels reach beyond the last row of the table, and the largest sin(theta)/lambda [1/m] of the middle of a
        pixel.
    """
    # one kernel for both, for most of the time that compiling takes goes into what all points share
    out, wanted, found = filled
    size = geometry.sub_pixel_size * geometry.oversample
    beyond, largest = 0, 0.0
    for start in range(0, fast.shape[0], POINTS):
        count = min(POINTS, fast.shape[0] - start)
        for i in range(count):
            work[_FAST, i], work[_SLOW, i] = fast[start + i], slow[start + i]
            work[_F, i] = (fast[start + i] + geometry.first_fast + 0.5) * size
            work[_S, i] = (slow[start + i] + geometry.first_slow + 0.5) * size
            work[_EDGE, i] = size
        points, pixel, sub, middles = count, 0, 0, True
        while points > 0:
            _fill(geometry, beam, layer, work, points)
            if middles:
                for i in range(count):
                    largest = max(largest, work[_LARGEST, i])
                    beyond += work[_LARGEST, i] > layer.last
                    edge = layer.subdivisions.counts[int(work[_NEEDED, i])]
                    wanted[start + i] = edge * edge
                    work[_RULE, i] = work[_NEEDED, i] if refined else 0.0
                    work[_SUM, i] = 0.0 if work[_RULE, i] > 0.0 else work[_TOTAL, i]
                middles = False
            else:
                for i in range(points):
                    work[_SUM, int(work[_OWNER, i])] += work[_WEIGHT, i] * work[_TOTAL, i]
            points, pixel, sub = _points_in_pixels(geometry, layer, work, (count, pixel, sub), size)
        for i in range(count):
            out[start + i] = layer.scale * work[_SUM, i]
    found[0], found[1] = beyond, largest
