"""What is summed: steps of phi, divergence, dispersion, sensor layers, sub-pixels; lists of them.

The rules that fill in what was not given are the C program's (its ranges and steps are not always
what a physicist expects; docs/quirks has the list).
"""

from dataclasses import dataclass
import math

import numpy as np

from ..kernels.arithmetic.vectors import rotate_axis, unit
from .request import DEGREES_PER_RADIAN

__all__ = ["StepCounts", "step_counts", "phi_angles", "phi_rows", "source_list", "crystal_cells", "oversampling",
           "polarisation_axes", "background_level"]

SOURCE_DISTANCE = 10.0
#: Classical electron radius squared [m^2], as nanoBragg has it.
R_E_SQR = 7.94079248018965e-30
AVOGADRO = 6.02214179e23
WATER_F = 2.57
WATER_MOLECULAR_WEIGHT = 18.0


@dataclass(slots=True)
class StepCounts:
    """Numbers of steps, their ranges and sizes, in radians, metres and fractions."""

    phi_steps: int
    oscillation: float
    phi_step: float
    divergence_h: tuple  # steps, range, step
    divergence_v: tuple
    dispersion: tuple
    layers: int
    thickness: float
    layer_step: float
    attenuation: float
    mosaic_domains: int
    mosaic_spread: float


def _divide(a, b):
    """a / b as the processor divides: infinite or not a number where Python would raise."""
    with np.errstate(all="ignore"):
        return float(np.float64(a) / np.float64(b))


def _count(what, extent, step):
    """Number of steps that cover an extent, as an int can hold it."""
    number = _divide(extent, step)
    if not number < 2147483647.0:
        raise ValueError(f"{what}: a range of {extent:g} in steps of {step:g} is {number:g} steps; must be below 2^31")
    return math.ceil(number)


def _phi(steps, osc, step):
    if steps < 0:
        if osc < 0.0:
            return (2, step, step) if step > 0.0 else (1, 0.0, 0.0)
        if step > 0.0:
            return _count("phi", osc, step), osc, step
        return 2, osc, osc / 2.0
    steps = steps or 1
    if osc < 0.0:
        if step > 0.0:
            return 2, step, step
        osc = 1.0 / DEGREES_PER_RADIAN
        return steps, osc, osc / steps
    return steps, osc, (osc / steps if step < 0.0 else step)


def _grid(steps, extent, step):
    """Steps, range and step of divergence and dispersion."""
    if steps <= 0:
        if extent < 0.0:
            steps, extent, step = (2, step, step) if step > 0.0 else (1, 0.0, 0.0)
        elif step <= 0.0:
            steps, step = 2, extent
        else:
            steps = _count("divergence", extent, step)
    elif extent < 0.0:
        if step > 0.0:
            steps, extent = 2, step
        else:
            extent = 1.0
            step = extent / steps
    elif step <= 0.0:
        steps = max(steps, 2)
        step = extent / (steps - 1)
    if extent <= 0.0 or step <= 0.0 or steps <= 0:
        return 1, 0.0, 0.0
    return steps, extent, step


def _layers(layers, thickness):
    if layers <= 0:
        layers, thickness, step = (1, 0.0, 0.0) if thickness < 0.0 else (2, thickness, thickness / 2.0)
    elif thickness < 0.0:
        thickness = 0.5e-6
        step = thickness / layers
    else:
        layers = max(layers, 2)
        step = thickness / (layers - 1)
    return layers, thickness, step


def _mosaic(domains, spread):
    if domains <= 0:
        if spread < 0.0:
            return 1, 0.0
        return (1, spread) if spread == 0.0 else (10, spread)
    if spread < 0.0:
        return 1, 0.0
    return (1, spread) if spread == 0.0 else (domains, spread)


def step_counts(p):
    """Fill in the numbers of steps.

    Parameters
    ----------
    p : parameters.Parameters

    Returns
    -------
    StepCounts
    """
    phi_steps, oscillation, phi_step = _phi(p.phi_steps, p.oscillation, p.phi_step)
    layers, thickness, layer_step = _layers(p.sensor_layers, p.sensor_thickness)
    attenuation = p.attenuation
    if thickness > 0.0 and attenuation < 0.0:
        attenuation = 1.0 / thickness
    if thickness <= 0.0 or layer_step <= 0.0 or layers <= 0:
        layers, thickness, layer_step = 1, 0.0, 0.0
    domains, spread = _mosaic(p.mosaic_domains, p.mosaic_spread)
    return StepCounts(
        phi_steps=phi_steps, oscillation=oscillation, phi_step=phi_step,
        divergence_h=_grid(p.divergence_h_steps, p.divergence_h, p.divergence_h_step),
        divergence_v=_grid(p.divergence_v_steps, p.divergence_v, p.divergence_v_step),
        dispersion=_grid(p.dispersion_steps, p.dispersion, -1.0),
        layers=layers, thickness=thickness, layer_step=layer_step, attenuation=attenuation,
        mosaic_domains=domains, mosaic_spread=spread)


def phi_angles(p, counts):
    """Spindle angle of each phi step [rad]: the starts of equal steps."""
    return [p.phi_start + counts.phi_step * n for n in range(counts.phi_steps)]


def phi_rows(angles, revision):
    """Which rotation each phi step uses.

    Revision `main` does not rotate back for an angle of exactly 0: that step keeps the rotation of
    the last step before it, of the sweep before it for the first steps, and only the very first
    sweep of an image sees the unrotated crystal.

    Returns
    -------
    rows, first_rows : (phi steps,) int64
        Step whose rotation is used, in every sweep and in the very first one; len(angles) stands
        for the unrotated crystal.
    """
    unrotated = len(angles)
    if revision == "fixed":
        rows = [n if angle != 0.0 else unrotated for n, angle in enumerate(angles)]
        return np.array(rows, dtype=np.int64), np.array(rows, dtype=np.int64)
    turned = [n for n, angle in enumerate(angles) if angle != 0.0]
    out = []
    for last in (turned[-1] if turned else unrotated, unrotated):
        rows = []
        for n, angle in enumerate(angles):
            if angle != 0.0:
                last = n
            rows.append(last)
        out.append(np.array(rows, dtype=np.int64))
    return out[0], out[1]


def _grid_sources(p, counts, placement):
    h_steps, h_range, h_step = counts.divergence_h
    v_steps, v_range, v_step = counts.divergence_v
    d_steps, d_range, d_step = counts.dispersion
    directions, wavelengths = [], []
    start = tuple(-SOURCE_DISTANCE * b for b in placement.beam)
    for i in range(h_steps):
        h = h_step * i - h_range / 2.0
        for j in range(v_steps):
            v = v_step * j - v_range / 2.0
            # distance from the middle, in units of the range; an even grid has no middle point
            t = _divide(_divide(h * h - h_step * h_step / 4.0 * (1 - h_steps % 2), h_range), h_range)
            t += _divide(_divide(v * v - v_step * v_step / 4.0 * (1 - v_steps % 2), v_range), v_range)
            if p.round_divergence and t * 4.0 > 1.1:
                continue
            direction = rotate_axis(rotate_axis(start, placement.polarisation, v), placement.vertical, h)
            for n in range(d_steps):
                directions.append(direction)
                wavelengths.append(p.wavelength * (1.0 + d_step * n - d_range / 2.0))
    return directions, wavelengths


def _listed_sources(p, placement):
    b = placement.beam
    defaults = (-SOURCE_DISTANCE * b[0], -SOURCE_DISTANCE * b[1], -SOURCE_DISTANCE * b[2], 1.0, p.wavelength)
    rows = np.asarray(p.sources, dtype=np.float64)
    rows = np.where(np.isnan(rows), np.array(defaults), rows)
    for number, row in enumerate(rows, 1):
        if not row[:3].any():
            raise ValueError(f"source {number}: its direction is zero")
    return [tuple(float(x) for x in row[:3]) for row in rows], [float(row[4]) for row in rows]


def source_list(p, counts, placement):
    """Directions to the sources (unit vectors) and wavelengths [m].

    Returns
    -------
    directions : (sources, 3) float64
    wavelengths : (sources,) float64
    """
    directions, wavelengths = (_grid_sources(p, counts, placement) if p.sources is None
                               else _listed_sources(p, placement))
    units = [unit(d)[0] for d in directions]
    return np.array(units, dtype=np.float64).reshape(-1, 3), np.array(wavelengths, dtype=np.float64)


def clipped_sample(p):
    """Sample size [m], y and z clipped by the beam (x is not)."""
    x, y, z = p.sample_size
    if p.beam_size >= 0.0:
        y, z = (min(v, p.beam_size) for v in (y, z))
    return (x, y, z)


def crystal_cells(p, lengths):
    """Na, Nb, Nc as floats: from the sample's size where that is given, at least 1."""
    cells = []
    for n, size, length in zip(p.n_cells, clipped_sample(p), lengths):
        if size > 0.0:
            n = float(math.ceil(size / length))
        cells.append(max(float(n), 1.0))
    return tuple(cells)


def oversampling(p, cells, lengths, distance, pixel_size):
    """Sub-pixels per edge: (used, recommended for three samples per fringe)."""
    longest = max(length * n for length, n in zip(lengths, cells))
    reciprocal_pixel = _divide(p.wavelength * distance, pixel_size)
    ratio = _divide(3.0 * longest, reciprocal_pixel)
    recommended = math.ceil(ratio) if abs(ratio) < 2147483647.0 else -1
    if recommended <= 0:
        recommended = 1
    return (p.oversample if p.oversample > 0 else recommended), recommended


def fluence(p):
    """Photons per square metre: from the flux where that is given."""
    if p.flux != 0.0 and p.exposure > 0.0 and p.beam_size >= 0.0:
        return _divide(_divide(p.flux * p.exposure, p.beam_size), p.beam_size)
    return p.fluence


def background_level(p, photons_per_area):
    """Where the sum of a pixel starts: the water background, in the C program's units."""
    w = p.water_size
    return (WATER_F * WATER_F * R_E_SQR * photons_per_area * w * w * w * 1e6 * AVOGADRO
            / WATER_MOLECULAR_WEIGHT)


def polarisation_axes(axis):
    """What normalising an axis again and again makes of it.

    Returns
    -------
    axes : (m, 3) float64
        The axis (normalised once), then each result that is new.
    following : (m,) int64
        Row that each row is normalised to.  The rows from the last entry on come back for ever.
    """
    axes, following = [axis], []
    while True:
        again, _ = unit(axes[-1])
        bits = [np.array(a).tobytes() for a in axes]
        found = np.array(again).tobytes()
        if found in bits:
            following.append(bits.index(found))
            break
        following.append(len(axes))
        axes.append(again)
    return np.array(axes, dtype=np.float64), np.array(following, dtype=np.int64)
