"""What the steps of a pixel share, what is held from one to the next, what a step weighs, and how many there are.

A view is what the steps of one sensor layer, sub-pixel and source share; an orientation is one
spindle angle and mosaic domain.  A step is one orientation in one view.  The evaluators differ in
the order of their loops and in what they keep where; the rules are here, once.
"""

from ..arithmetic.vectors import magnitude, rotate_matrix
from ..compile.compilation import inlined, rule

__all__ = ["beyond_limit", "first_capture", "first_polar", "held", "incident_direction", "is_captured",
           "is_captured_by_source", "is_polarised", "is_renewed", "is_seen", "is_weighted", "number_of_sources",
           "orientations", "per_step", "photons", "place_of_source", "polarisation_axis", "rotated_cell",
           "scattering_vector", "steps_of", "steps_per_pixel", "sub_pixel_number", "tabulated_cell",
           "tabulated_orientation", "views_per_pixel", "weigh_once", "weigh_step"]


# -- how many


def steps_of(layers, oversample, sources, phi_steps, domains):
    """Return the number of steps of so many of everything."""
    return layers * oversample * oversample * sources * phi_steps * domains


@rule
def number_of_sources(beam):
    """Return the number of sources: of pairs of a direction and a wavelength."""
    return beam.directions.shape[0] * beam.per_direction


def views_per_pixel(scene):
    """Return the number of views of a pixel."""
    return steps_of(scene.geometry.layers, scene.geometry.oversample, number_of_sources(scene.beam), 1, 1)


def orientations(crystal):
    """Return the number of orientations of a crystal."""
    return steps_of(1, 1, 1, len(crystal.phi_rows), crystal.domains)


def steps_per_pixel(scene):
    """Return the number of steps that a pixel sums, layers included."""
    return views_per_pixel(scene) * orientations(scene.crystal)


@inlined
def sub_pixel_number(geometry, layer, sub_slow, sub_fast):
    """Return the place of a layer and sub-pixel among all of a pixel, in the order of the sum."""
    return (layer * geometry.oversample + sub_slow) * geometry.oversample + sub_fast


# -- what a view is


@inlined
def place_of_source(per_direction, source):
    """Return where the direction of a source is, and where its wavelength with what else depends on that."""
    # a division that is hardly ever needed
    row = source if per_direction == 1 else source // per_direction
    return row, source if per_direction == 1 else source - row * per_direction


@inlined
def incident_direction(directions, row):
    """Return the incident direction s0 of a row, as it is listed (a unit vector but for rounding)."""
    return (-directions[row, 0], -directions[row, 1], -directions[row, 2])


@inlined
def polarisation_axis(axes, row):
    """Return one of the polarisation axes that repeated normalising makes."""
    return (axes[row, 0], axes[row, 1], axes[row, 2])


@inlined
def scattering_vector(s1, s0, wavelength):
    """Return q = (s1 - s0) / wavelength [1/m]."""
    return ((s1[0] - s0[0]) / wavelength, (s1[1] - s0[1]) / wavelength, (s1[2] - s0[2]) / wavelength)


@inlined
def beyond_limit(d_min, stol):
    """Return whether sin(theta)/wavelength lies beyond the resolution limit."""
    return d_min > 0.0 and stol > 0.0 and d_min > 0.5 / stol


@inlined
def is_seen(d_min, q):
    """Return whether a view lies within the resolution limit; beyond it its steps add nothing."""
    return not beyond_limit(d_min, 0.5 * magnitude(q))


# -- what is held


@inlined
def is_renewed(before, each):
    """Return whether a factor is computed anew: while it is 0, or where it is taken anew each time."""
    return (before == 0.0) | each


@inlined
def held(before, now, each):
    """Return what a factor becomes: a value that stays once it is not 0, unless it is taken anew each time."""
    return now if is_renewed(before, each) else before


@inlined
def first_polar(beam):
    """Return what the polarisation factor of a pixel begins with."""
    return 1.0 if beam.unpolarised_factor else 0.0


@inlined
def first_capture(geometry):
    """Return what the captured fraction of a layer begins with."""
    return 1.0 if geometry.thickness == 0.0 else 0.0


@rule
def is_polarised(beam, sampling):
    """Return whether polarisation factors are computed at all."""
    return sampling.oversample_polar or not beam.unpolarised_factor


@rule
def is_captured(geometry, sampling):
    """Return whether captured fractions are computed at all."""
    return geometry.thickness != 0.0 or sampling.oversample_thick


@rule
def is_captured_by_source(attenuations):
    """Return whether the sensor absorbs the wavelengths differently: captured fractions are then a source's own."""
    return attenuations.shape[0] > 0


# -- what a step weighs


@rule
def is_weighted(weights):
    """Return whether sources differ in what they count, which is the first factor of each of their terms."""
    return weights.shape[0] > 0


@rule
def per_step(sampling):
    """Return whether any factor is multiplied at every step."""
    return sampling.oversample_thick or sampling.oversample_polar or sampling.oversample_omega


@inlined
def weigh_step(sampling, value, capture, polar, omega):
    """Return a value times the factors that are multiplied at every step, one after the other."""
    if sampling.oversample_thick:
        value = value * capture
    if sampling.oversample_polar:
        value = value * polar
    if sampling.oversample_omega:
        value = value * omega
    return value


@inlined
def weigh_once(sampling, value, capture, polar, omega):
    """Return a value times the factors that are multiplied once, at the end: those that are not at every step."""
    if not sampling.oversample_thick:
        value = value * capture
    if not sampling.oversample_polar:
        value = value * polar
    if not sampling.oversample_omega:
        value = value * omega
    return value


@inlined
def photons(sampling, total, capture, polar, omega):
    """Return the sum scaled to photons per pixel, as the double that is rounded to float32."""
    return weigh_once(sampling, sampling.scale * total / sampling.steps, capture, polar, omega)


# -- orientations


@inlined
def _nine(table, place):
    """Return nine numbers of a table as a tuple (scalar look-ups: an array view costs more)."""
    return (table[place + (0,)], table[place + (1,)], table[place + (2,)],
            table[place + (3,)], table[place + (4,)], table[place + (5,)],
            table[place + (6,)], table[place + (7,)], table[place + (8,)])


@inlined
def tabulated_cell(crystal, row, domain):
    """Return a, b, c [m] as nine numbers, after both rotations, from the table of them."""
    return _nine(crystal.cells, (row, domain))


@inlined
def tabulated_orientation(cells, j):
    """Return a, b, c [m] as nine numbers from a table with a row for each number and a column for each orientation."""
    return (cells[0, j], cells[1, j], cells[2, j], cells[3, j], cells[4, j], cells[5, j], cells[6, j], cells[7, j],
            cells[8, j])


@inlined
def rotated_cell(crystal, row, domain):
    """Return a, b, c [m] as nine numbers, after the rotations about the spindle and of the domain."""
    if crystal.cells.shape[0] > 0:
        return tabulated_cell(crystal, row, domain)
    p = _nine(crystal.phi_cells, (row,))
    if crystal.mosaic.shape[0] == 0:
        return p
    u = _nine(crystal.mosaic, (domain,))
    a = rotate_matrix((p[0], p[1], p[2]), u)
    b = rotate_matrix((p[3], p[4], p[5]), u)
    c = rotate_matrix((p[6], p[7], p[8]), u)
    return (a[0], a[1], a[2], b[0], b[1], b[2], c[0], c[1], c[2])
