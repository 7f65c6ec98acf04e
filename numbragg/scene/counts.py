"""How many steps: spindle angles, divergence, dispersion, sensor layers, mosaic domains, sub-pixels.

The rules that fill in what was not given are the C program's (its ranges and steps are not always
what a physicist expects; docs/quirks has the list).
"""

from dataclasses import dataclass
import math

import numpy as np

from ..io.literals import INT_MAX
from .size import divided
from .units import from_degrees

__all__ = ["StepCounts", "step_counts", "phi_angles", "phi_rows", "oversampling"]


@dataclass(frozen=True, slots=True)
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


def _count(what, extent, step):
    """Number of steps that cover an extent, as an int can hold it."""
    number = divided(extent, step)
    if not number < INT_MAX:
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
        osc = from_degrees(1.0)
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


def _largest_angle(rotations):
    """Largest angle [rad] among rotation matrices of nine numbers."""
    smallest = min(rows[0] + rows[4] + rows[8] for rows in rotations.tolist())
    return math.acos(max(-1.0, min(1.0, 0.5 * (smallest - 1.0))))


def step_counts(request):
    """Fill in the numbers of steps.

    Parameters
    ----------
    request : request.Request

    Returns
    -------
    StepCounts
    """
    crystal, beam, detector = request.crystal, request.beam, request.detector
    phi_steps, oscillation, phi_step = _phi(crystal.phi_steps, crystal.oscillation, crystal.phi_step)
    layers, thickness, layer_step = _layers(detector.sensor_layers, detector.sensor_thickness)
    attenuation = detector.attenuation
    if thickness > 0.0 and attenuation < 0.0:
        attenuation = 1.0 / thickness
    if thickness <= 0.0 or layer_step <= 0.0 or layers <= 0:
        layers, thickness, layer_step = 1, 0.0, 0.0
    domains, spread = _mosaic(crystal.mosaic_domains, crystal.mosaic_spread)
    if crystal.mosaic_rotations is not None:
        domains, spread = len(crystal.mosaic_rotations), _largest_angle(crystal.mosaic_rotations)
    return StepCounts(
        phi_steps=phi_steps, oscillation=oscillation, phi_step=phi_step,
        divergence_h=_grid(beam.divergence_h_steps, beam.divergence_h, beam.divergence_h_step),
        divergence_v=_grid(beam.divergence_v_steps, beam.divergence_v, beam.divergence_v_step),
        dispersion=_grid(beam.dispersion_steps, beam.dispersion, -1.0),
        layers=layers, thickness=thickness, layer_step=layer_step, attenuation=attenuation,
        mosaic_domains=domains, mosaic_spread=spread)


def phi_angles(phi_start, counts):
    """Spindle angle of each phi step [rad]: the starts of equal steps."""
    return [phi_start + counts.phi_step * n for n in range(counts.phi_steps)]


def phi_rows(angles, keeps_rotation):
    """Which rotation each phi step uses.

    Parameters
    ----------
    angles : sequence of float
        Spindle angles [rad].
    keeps_rotation : bool
        A revision may not rotate back for an angle of exactly 0: that step keeps the rotation of the last
        step before it, of the sweep before it for the first steps, and only the very first sweep of an image
        sees the unrotated crystal.

    Returns
    -------
    rows, first_rows : (phi steps,) int64
        Step whose rotation is used, in every sweep and in the very first one; len(angles) stands
        for the unrotated crystal.
    """
    unrotated = len(angles)
    if not keeps_rotation:
        rows = np.fromiter((n if angle != 0.0 else unrotated for n, angle in enumerate(angles)), np.int64, len(angles))
        return rows, rows.copy()
    turned = next((n for n in reversed(range(len(angles))) if angles[n] != 0.0), unrotated)
    out = []
    for last in (turned, unrotated):
        rows = np.empty(len(angles), dtype=np.int64)
        for n, angle in enumerate(angles):
            if angle != 0.0:
                last = n
            rows[n] = last
        out.append(rows)
    return out[0], out[1]


def oversampling(request, cells, lengths, distance):
    """Sub-pixels per edge: (used, recommended for three samples per fringe)."""
    wanted = request.sampling.oversample
    longest = max(length * n for length, n in zip(lengths, cells))
    reciprocal_pixel = divided(request.beam.wavelength * distance, request.detector.pixel_size)
    ratio = divided(3.0 * longest, reciprocal_pixel)
    recommended = math.ceil(ratio) if abs(ratio) < INT_MAX else -1
    if recommended <= 0:
        recommended = 1
    return (wanted if wanted > 0 else recommended), recommended
