"""The names of the options that a scene uses, for counts of what has been tested."""

import math

import numpy as np

from ..scene.revisions import DEFAULT
from .tables import indices

__all__ = ["LASTS", "RUNS_OUT", "options_of"]


def _cell(p):
    if p.matrix is not None:
        return "orientation matrix"
    a, b, c = p.cell_lengths
    angles = [angle if angle > 0.0 else math.pi / 2 for angle in p.cell_angles]
    right = [abs(angle - math.pi / 2) < 1e-9 for angle in angles]
    if all(right):
        return "cubic" if a == b == c else "tetragonal" if a == b else "orthorhombic"
    if sum(right) == 2:
        return "hexagonal" if a == b and right[0] and right[1] else "monoclinic"
    return "triclinic"


def _orientation(p):
    if p.u_matrix is not None:
        return "U matrix"
    return {"none": "aligned", "angles": "misset angles", "random": "random misset"}[p.misset]


def _crystal(prepared):
    p = prepared.request.crystal
    n = prepared.n_cells
    crystal = prepared.scene.crystal
    angles = p.phi_start + prepared.counts.phi_step * np.arange(prepared.counts.phi_steps)
    yield p.shape, True
    yield _cell(p), True
    yield _orientation(p), True
    yield "one unit cell", max(n) == 1
    yield "2 to 99 cells", 1 < max(n) < 100
    yield "1000 cells or more", max(n) >= 1000
    yield "unequal numbers of cells", min(n) * 10 < max(n)
    yield "sample size", max(p.sample_size) > 0.0
    yield "fudge", p.fudge != 1.0
    yield "spots in indices", p.spot_metric == "hkl"
    yield "mosaic domains", crystal.domains > 1
    yield "Gaussian mosaicity", p.mosaicity == "gaussian"
    yield "anisotropic mosaicity", p.mosaicity == "anisotropic"
    yield "mosaicity of low discrepancy", p.mosaic_low_discrepancy
    yield "given mosaic rotations", p.mosaic_rotations is not None
    yield "phi steps", len(angles) > 1
    yield "phi of exactly 0 among others", len(angles) > 1 and bool((angles == 0.0).any())
    yield "water", p.water_size > 0.0


def _beam(prepared):
    p = prepared.request.beam
    fraction = abs(p.polarisation_fraction)
    yield "wavelength below 0.6 A", p.wavelength < 0.6e-10
    yield "wavelength above 2 A", p.wavelength > 2e-10
    yield "tiny fluence", prepared.fluence < 1e9
    yield "huge fluence", prepared.fluence > 1e37
    yield "flux", p.flux != 0.0
    yield "unpolarised", fraction == 0.0 and not p.unpolarised_factor
    yield "polarised", 0.0 < fraction < 1.0 and not p.unpolarised_factor
    yield "polarised: fraction 1 or -1", fraction == 1.0 and not p.unpolarised_factor
    yield "polarised: fraction beyond 1", fraction > 1.0 and not p.unpolarised_factor
    yield "nopolar", p.unpolarised_factor
    listed = p.sources is not None
    yield "list of sources", listed
    counts = prepared.counts
    yield "divergence", not listed and max(counts.divergence_h[0], counts.divergence_v[0]) > 1
    yield "dispersion", not listed and counts.dispersion[0] > 1
    yield "spectrum", p.spectrum is not None
    yield "weights of wavelengths", len(prepared.scene.beam.weights) > 0
    yield "resolution limit", p.d_min > 0.0


def _detector(prepared):
    p = prepared.request.detector
    yield f"convention {p.convention}", True
    yield "pivot on the sample", prepared.placement.pivot == "sample"
    yield "pixel below 0.1 mm", p.pixel_size < 1e-4
    yield "pixel above 1 mm", p.pixel_size > 1e-3
    yield "distance below 5 cm", p.distance < 0.05
    yield "distance above 30 cm", p.distance > 0.3
    yield "beam centre", not math.isnan(p.beam_x)
    yield "origin", not math.isnan(p.origin_x)
    yield "close distance", not math.isnan(p.close_distance)
    yield "tilt", p.rotation_x != 0.0
    yield "two-theta", p.twotheta != 0.0
    yield "curved detector", p.curved
    yield "point pixels", p.point_pixel
    yield "sensor layers", prepared.counts.layers > 1
    # the C program's pixels are squares, whatever its axes are
    yield "panel", prepared.scene.geometry.pixel_area != p.pixel_size * p.pixel_size
    yield "attenuation of each wavelength", len(prepared.scene.beam.attenuations) > 0
    yield "mask", p.mask is not None


def _sampling(prepared):
    p, revision = prepared.request.sampling, prepared.request.revision
    yield "region of interest", p.roi[0] >= 0
    for n in (2, 3, 4):
        yield f"oversample {n}", prepared.oversample == n
    yield "oversample automatic", p.oversample <= 0
    yield "oversample_thick", p.oversample_thick
    yield "oversample_polar", p.oversample_polar
    yield "oversample_omega", p.oversample_omega
    yield "one step", prepared.steps == 1
    yield "100 steps or more", prepared.steps >= 100
    yield f"revision {revision}", revision != DEFAULT


def _structure_factors(prepared):
    factors = prepared.structure_factors
    table = factors.table[:-1, :-1, :-1]
    sizes = np.abs(table[table != 0.0]) if factors.filled else np.array([abs(factors.default)])
    largest = float(sizes.max()) if len(sizes) else 0.0
    yield "one structure factor for all", not factors.filled
    yield "table, default 0", factors.filled and factors.default == 0.0
    yield "table, default not 0", factors.filled and factors.default != 0.0
    yield "table, negative amplitudes", factors.filled and bool((table < 0.0).any())
    yield "table, half or more zeros", factors.filled and len(sizes) * 2 <= table.size
    yield "huge amplitudes", largest > 1e10
    yield "tiny amplitudes", 0.0 < largest < 1e-6
    yield "interpolation", prepared.interpolating


def _places(prepared):
    p = prepared.request.detector
    exact = not p.curved and prepared.oversample == 1 and p.close_distance == p.distance
    hkl = indices(prepared, 1)[:, :1, :1] if exact else np.full((1, 3), 0.5)
    yield "pixel centre in the beam", bool((hkl == 0.0).all(axis=-1).any())
    yield "whole index", bool(((hkl == np.rint(hkl)) & (hkl != 0.0)).any())


_FAMILIES = (_crystal, _beam, _detector, _sampling, _structure_factors, _places)

#: Found only by rendering: whether interpolation lasts.
LASTS, RUNS_OUT = "interpolation lasts", "interpolation runs out"


def options_of(prepared):
    """Names of the options that a prepared scene uses.

    Parameters
    ----------
    prepared : scene.Prepared

    Returns
    -------
    frozenset of str
    """
    return frozenset(name for family in _FAMILIES for name, used in family(prepared) if used)
