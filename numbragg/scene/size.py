"""How large and how strong: cells of the crystal, fluence, and the background of water."""

import math

import numpy as np

__all__ = ["R_E_SQR", "background_level", "clipped_sample", "crystal_cells", "divided", "fluence"]

#: Classical electron radius squared [m^2], as nanoBragg has it.
R_E_SQR = 7.94079248018965e-30
AVOGADRO = 6.02214179e23
WATER_F = 2.57
WATER_MOLECULAR_WEIGHT = 18.0


def divided(a, b):
    """a / b as the processor divides: infinite or not a number where Python would raise."""
    if b != 0.0:
        # hot path: the same quotient, without the way through NumPy
        return float(a) / float(b)
    with np.errstate(all="ignore"):
        return float(np.float64(a) / np.float64(b))


def clipped_sample(sample_size, beam_size):
    """Sample size [m], y and z clipped by the beam (x is not)."""
    x, y, z = sample_size
    if beam_size >= 0.0:
        y, z = (min(v, beam_size) for v in (y, z))
    return (x, y, z)


def crystal_cells(request, lengths):
    """Na, Nb, Nc as floats: from the sample's size where that is given, at least 1."""
    crystal, cells = request.crystal, []
    if not max(crystal.sample_size) > 0.0:
        return tuple([max(float(n), 1.0) for n in crystal.n_cells])
    sample = clipped_sample(crystal.sample_size, request.beam.beam_size)
    for n, size, length in zip(crystal.n_cells, sample, lengths):
        if size > 0.0:
            n = float(math.ceil(size / length))
        cells.append(max(float(n), 1.0))
    return tuple(cells)


def fluence(beam):
    """Photons per square metre: from the flux where that is given."""
    if beam.flux != 0.0 and beam.exposure > 0.0 and beam.beam_size >= 0.0:
        return divided(divided(beam.flux * beam.exposure, beam.beam_size), beam.beam_size)
    return beam.fluence


def background_level(water_size, photons_per_area):
    """Where the sum of a pixel starts: the water background, in the C program's units."""
    w = water_size
    return (WATER_F * WATER_F * R_E_SQR * photons_per_area * w * w * w * 1e6 * AVOGADRO
            / WATER_MOLECULAR_WEIGHT)
