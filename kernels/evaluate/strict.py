"""One step of the sum, and the loop nest of one pixel: the strict evaluator.

A step is one sensor layer, sub-pixel, source, phi and mosaic domain.  Every operation of the C
program in its order, with the C library's functions: the sum has its bits by construction.  What
the C program carries from pixel to pixel is in `state` (see `records`); nothing else is remembered.
"""

from typing import NamedTuple

from ..arithmetic.vectors import magnitude, rotate_matrix, unit
from ..compile.compilation import inlined, jit
from ..physics.geometry import capture_fraction, position, solid_angle, sub_pixel_centre
from ..physics.lattice import lattice_factor, miller_indices, nearest_index
from ..physics.polarisation import polarisation_factor
from ..physics.records import AXIS, FRESH, INTERPOLATING
from ..physics.structure_factor import interpolated_f, nearest_f, within_margin

__all__ = ["Step", "rotated_cell", "tabulated_cell", "scattering_vector", "beyond_limit", "step", "pixel_sum", "photons",
           "RECORD_FIELDS"]

#: What a row of a record holds: the values after a step, in this order.
RECORD_FIELDS = (
    "layer", "sub_slow", "sub_fast", "source", "phi_step", "domain", "x", "y", "z", "airpath", "s1_x", "s1_y", "s1_z",
    "q_x", "q_y", "q_z", "stol", "h", "k", "l", "h0", "k0", "l0", "f_cell", "f_latt", "sum",
    "solid_angle", "capture_fraction", "polarisation_factor",
    "a_x", "a_y", "a_z", "b_x", "b_y", "b_z", "c_x", "c_y", "c_z")


class Step(NamedTuple):
    """Intermediates of one step."""

    hkl: tuple
    nearest: tuple
    f_latt: float
    f_cell: float
    skipped: bool
    interpolating: bool


class View(NamedTuple):
    """What the steps of one sub-pixel and source share."""

    layer: int
    sub_slow: int
    sub_fast: int
    source: int
    position: tuple
    airpath: float
    s1: tuple
    q: tuple
    stol: float
    solid_angle: float
    capture: float
    polar: float


@inlined
def _nine(table, place):
    """Nine numbers of a table as a tuple (scalar look-ups: an array view costs more)."""
    return (table[place + (0,)], table[place + (1,)], table[place + (2,)],
            table[place + (3,)], table[place + (4,)], table[place + (5,)],
            table[place + (6,)], table[place + (7,)], table[place + (8,)])


@inlined
def tabulated_cell(crystal, row, domain):
    """a, b, c [m] as nine numbers, after both rotations, from the table of them."""
    return _nine(crystal.cells, (row, domain))


@inlined
def rotated_cell(crystal, row, domain):
    """a, b, c [m] as nine numbers, after the rotations about the spindle and of the domain."""
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


@inlined
def scattering_vector(s1, s0, wavelength):
    """q = (s1 - s0) / wavelength [1/m]."""
    return ((s1[0] - s0[0]) / wavelength, (s1[1] - s0[1]) / wavelength, (s1[2] - s0[2]) / wavelength)


@inlined
def beyond_limit(d_min, stol):
    """Whether sin(theta)/wavelength lies beyond the resolution limit."""
    return d_min > 0.0 and stol > 0.0 and d_min > 0.5 / stol


@inlined
def step(scene, cell, q, interpolating):
    """Lattice factor and structure factor of one orientation at one scattering vector."""
    hkl = miller_indices(cell, q)
    nearest = (nearest_index(hkl[0]), nearest_index(hkl[1]), nearest_index(hkl[2]))
    f_latt = lattice_factor(scene.crystal, hkl, nearest)
    if f_latt == 0.0 and scene.sampling.skip_zero:
        return Step(hkl, nearest, f_latt, 0.0, True, interpolating)
    if interpolating and not within_margin(scene.lookup, hkl):
        interpolating = False
    if interpolating:
        f_cell = interpolated_f(scene.lookup, hkl)
    else:
        f_cell = nearest_f(scene.lookup, nearest)
    return Step(hkl, nearest, f_latt, f_cell, False, interpolating)


@inlined
def accumulate(sampling, view, total, now):
    """The sum after one step."""
    term = now.f_cell * now.f_cell * now.f_latt * now.f_latt
    if sampling.running_product:
        total = total + term
        if sampling.oversample_thick:
            total = total * view.capture
        if sampling.oversample_polar:
            total = total * view.polar
        if sampling.oversample_omega:
            total = total * view.solid_angle
        return total
    if sampling.oversample_thick:
        term = term * view.capture
    if sampling.oversample_polar:
        term = term * view.polar
    if sampling.oversample_omega:
        term = term * view.solid_angle
    return total + term


@jit
def write_record(row, view, phi_step, domain, now, total, cell):
    """One row of a record, in the order of RECORD_FIELDS."""
    row[0] = view.layer
    row[1] = view.sub_slow
    row[2] = view.sub_fast
    row[3] = view.source
    row[4] = phi_step
    row[5] = domain
    row[9] = view.airpath
    row[16] = view.stol
    row[23] = now.f_cell
    row[24] = now.f_latt
    row[25] = total
    row[26] = view.solid_angle
    row[27] = view.capture
    row[28] = view.polar
    for i in range(3):
        row[6 + i] = view.position[i]
        row[10 + i] = view.s1[i]
        row[13 + i] = view.q[i]
        row[17 + i] = now.hkl[i]
        row[20 + i] = now.nearest[i]
    for i in range(9):
        row[29 + i] = cell[i]


@inlined
def sweep(scene, view, total, state, record, recorded):
    """Add all phi steps and mosaic domains of one sub-pixel and source to the sum."""
    crystal = scene.crystal
    interpolating = state[INTERPOLATING] != 0
    rows = crystal.first_phi_rows if state[FRESH] != 0 else crystal.phi_rows
    for phi_step in range(rows.shape[0]):
        for domain in range(crystal.domains):
            cell = rotated_cell(crystal, rows[phi_step], domain)
            now = step(scene, cell, view.q, interpolating)
            interpolating = now.interpolating
            if not now.skipped:
                total = accumulate(scene.sampling, view, total, now)
            if record is not None:
                write_record(record[min(recorded, record.shape[0] - 1)], view, phi_step, domain, now, total, cell)
                recorded += 1
    state[INTERPOLATING] = interpolating
    state[FRESH] = 0
    return total, recorded


@inlined
def pixel_sum(scene, fast_pixel, slow_pixel, state, record):
    """The sum over all steps of a pixel, and the factors that scale it.

    Parameters
    ----------
    scene : records.Scene
    fast_pixel, slow_pixel : int
        Place on the detector, from 0.
    state : (STATE_SIZE,) int64
        What the C program carries from pixel to pixel; updated.
    record : (n, len(RECORD_FIELDS)) float64, or None
        Filled with the first n - 1 steps and the last one.

    Returns
    -------
    total, capture, polar, omega : float
        Sum of squared amplitudes, fraction absorbed, polarisation factor and solid angle [sr] as
        they are left by the last step.
    steps : int
        Steps recorded.
    """
    geometry, beam, sampling = scene.geometry, scene.beam, scene.sampling
    total = sampling.background
    polar = 1.0 if beam.unpolarised_factor else 0.0
    omega = 0.0
    capture = 0.0
    recorded = 0
    for layer in range(geometry.layers):
        capture = 1.0 if geometry.thickness == 0.0 else 0.0
        for sub_slow in range(geometry.oversample):
            for sub_fast in range(geometry.oversample):
                place = position(geometry, sub_pixel_centre(geometry, fast_pixel, sub_fast),
                                 sub_pixel_centre(geometry, slow_pixel, sub_slow), layer * geometry.layer_step)
                s1, airpath = unit(place)
                if omega == 0.0 or sampling.oversample_omega:
                    omega = solid_angle(geometry, airpath)
                if capture == 0.0 or sampling.oversample_thick:
                    capture = capture_fraction(geometry, layer, s1)
                for source in range(beam.wavelengths.shape[0]):
                    s0 = (-beam.directions[source, 0], -beam.directions[source, 1], -beam.directions[source, 2])
                    q = scattering_vector(s1, s0, beam.wavelengths[source])
                    stol = 0.5 * magnitude(q)
                    if beyond_limit(beam.d_min, stol):
                        continue
                    if polar == 0.0 or sampling.oversample_polar:
                        # normalised once more, and so used for the sources that follow
                        s1, _ = unit(s1)
                        state[AXIS] = beam.next_axis[state[AXIS]]
                        row = state[AXIS]
                        axis = (beam.polarisation_axes[row, 0], beam.polarisation_axes[row, 1],
                                beam.polarisation_axes[row, 2])
                        polar = polarisation_factor(beam.polarisation_fraction, unit(s0)[0], s1, axis)
                    view = View(layer, sub_slow, sub_fast, source, place, airpath, s1, q, stol, omega, capture, polar)
                    total, recorded = sweep(scene, view, total, state, record, recorded)
    return total, capture, polar, omega, recorded


@inlined
def photons(sampling, total, capture, polar, omega):
    """The sum scaled to photons per pixel, as the double that is rounded to float32."""
    value = sampling.scale * total / sampling.steps
    if not sampling.oversample_thick:
        value = value * capture
    if not sampling.oversample_polar:
        value = value * polar
    if not sampling.oversample_omega:
        value = value * omega
    return value
