"""From parameters to a scene: everything that is derived once, before the first pixel.

`prepare` is the only way from what was asked to what kernels read.  It also keeps the derived
facts that headers and reports show.
"""

from dataclasses import dataclass
import math

import numpy as np

from .. import memory
from ..kernels.arithmetic.vectors import rotate_axis
from ..kernels.physics import records
from .counts import StepCounts, oversampling, phi_angles, phi_rows, step_counts
from .orientation import orient
from .placement import place_detector
from .revisions import revision_rules
from .size import R_E_SQR, background_level, crystal_cells, fluence
from .sources import polarisation_axes, source_list

__all__ = ["Prepared", "image_bytes", "prepare", "window_of"]

#: Largest table of rotated cells that is made beforehand (entries of 72 bytes).
MAX_CELLS = 1 << 19

#: Bytes that one spindle step, one source and one mosaic domain take while their lists are made.
STEP_BYTES, SOURCE_BYTES, DOMAIN_BYTES = 600, 400, 72


@dataclass(slots=True)
class Prepared:
    """A scene, ready for a driver, and how it came about."""

    scene: records.Scene
    parameters: object
    placement: object
    orientation: object
    counts: StepCounts
    n_cells: tuple
    crystal_size: tuple  # [m]
    oversample: int
    recommended_oversample: int
    interpolating: bool
    fluence: float
    sources: int
    structure_factors: object
    random: object  # generator whose table the noise may continue
    mask: object
    window: tuple  # fast min, max, slow min, max, inside the image
    warnings: list

    @property
    def shape(self):
        """(slow, fast) pixels."""
        return (self.placement.spixels, self.placement.fpixels)

    @property
    def steps(self):
        """Steps of one pixel, sensor layers included."""
        return self.scene.sampling.steps * self.scene.geometry.layers


def window_of(roi, fpixels, spixels):
    """Pixels of a region of interest that lie on the detector, ends included.

    A negative limit stands for the detector's own.
    """
    fast_min, fast_max, slow_min, slow_max = roi
    fast_min, slow_min = max(fast_min, 0), max(slow_min, 0)
    fast_max = fpixels - 1 if fast_max < 0 else min(fast_max, fpixels - 1)
    slow_max = spixels - 1 if slow_max < 0 else min(slow_max, spixels - 1)
    return (fast_min, fast_max, slow_min, slow_max)


def image_bytes(fpixels, window, depth):
    """Memory that images of `depth` bytes per pixel in all take: rows that nothing is written to take none."""
    return depth * fpixels * max(window[3] - window[2] + 1, 0)


def _misset(p, generator):
    if p.misset == "none":
        return None
    if p.misset == "angles":
        return tuple(p.misset_angles)
    from .rotations import misset_angles, random_misset

    return misset_angles(random_misset(generator, p.misset_seed))


def _interpolating(p, structure_factors):
    wanted = p.interpolation
    if wanted is None:
        # the number of cells as given, before a sample size replaces it
        wanted = min(p.n_cells) <= 2
    return bool(wanted and structure_factors.filled)


def _rotated(vectors, spindle, angle):
    return [c for i in (0, 3, 6) for c in rotate_axis(tuple(vectors[i:i + 3]), spindle, angle)]


def _crystal(p, keeps_rotation, counts, orientation, placement, n_cells, matrices):
    angles = phi_angles(p, counts)
    rows, first_rows = phi_rows(angles, keeps_rotation)
    cells = [_rotated(orientation.direct, placement.spindle, angle) for angle in angles]
    cells.append(list(orientation.direct))
    cells = np.array(cells, dtype=np.float64)
    turning = counts.mosaic_spread > 0.0
    mosaic = (np.ascontiguousarray(matrices, dtype=np.float64).reshape(-1, 9) if turning
              else np.empty((0, 9)))
    crystal = records.Crystal(
        n_cells=n_cells, shape=records.SHAPES[p.shape], fudge=float(p.fudge), reciprocal=orientation.reciprocal,
        phi_cells=cells, phi_rows=rows, first_phi_rows=first_rows, mosaic=mosaic, domains=counts.mosaic_domains,
        cells=np.empty((0, 0, 9)))
    if turning and len(cells) * counts.mosaic_domains <= MAX_CELLS:
        from ..kernels.drive.cpu import rotated_cells

        crystal = crystal._replace(cells=rotated_cells(crystal))
    return crystal


def _check_steps(sources, domains, phi_steps, oversample):
    steps = sources * domains * phi_steps * oversample * oversample
    if steps == 0:
        raise ValueError(f"steps: {phi_steps} phi steps and {sources} sources leave nothing to sum")
    if steps >= 2 ** 31:
        raise ValueError(f"steps: {sources} sources x {domains} mosaic domains x {phi_steps} phi steps x "
                         f"{oversample}^2 sub-pixels is {steps}; must be below 2^31")
    return steps


def _check_finite(geometry, wavelengths, crystal):
    """Refuse indices that are not numbers: with them the C program interpolates out of bounds."""
    places = (*geometry.origin, *geometry.fast_axis, *geometry.slow_axis, *geometry.normal)
    what = None
    if not all(map(math.isfinite, places)):
        what = "detector: its place is"
    elif geometry.curved and (geometry.distance == 0.0 or not math.isfinite(geometry.distance)):
        what = f"curved detector: with a distance of {geometry.distance * 1000.0:g} mm along the beam, positions are"
    elif not all(wavelength != 0.0 and math.isfinite(2.0 / wavelength) for wavelength in wavelengths.tolist()):
        what = "sources: the inverse of a wavelength is"
    elif not (np.isfinite(crystal.phi_cells).all() and np.isfinite(crystal.mosaic).all()):
        what = "crystal: its orientation is"
    if what is not None:
        raise ValueError(f"{what} not finite, so structure factors cannot be interpolated")


def _check_memory(p, counts, placement):
    """Refuse an image or a list of steps that does not fit in memory, before it is made."""
    window = window_of(p.roi, placement.fpixels, placement.spixels)
    memory.require(image_bytes(placement.fpixels, window, 4),
                   f"detector: {placement.fpixels} x {placement.spixels} pixels")
    memory.require(DOMAIN_BYTES * counts.mosaic_domains, f"mosaic domains: {counts.mosaic_domains} of them")
    memory.require(STEP_BYTES * counts.phi_steps, f"phi: {counts.phi_steps} steps")
    if p.sources is None:
        asked = counts.divergence_h[0] * counts.divergence_v[0] * counts.dispersion[0]
        memory.require(SOURCE_BYTES * asked, f"divergence and dispersion: {asked} sources")


def _check_mask(p, placement):
    if p.mask is None:
        return None
    mask = np.asarray(p.mask)
    if mask.shape != (placement.spixels, placement.fpixels):
        raise ValueError(f"mask: {mask.shape[-1]} x {mask.shape[0]} pixels, but the detector has "
                         f"{placement.fpixels} x {placement.spixels} (fast x slow)")
    return np.ascontiguousarray(mask != 0).view(np.uint8)


def prepare(p, structure_factors):
    """Derive everything.

    Parameters
    ----------
    p : parameters.Parameters
    structure_factors : StructureFactors

    Returns
    -------
    Prepared

    Raises
    ------
    ValueError
        If something cannot be simulated: no crystal, a detector without pixels, no steps or too
        many, a mask of another size.
    """
    from .rotations import Generator, mosaic_domains

    if not p.wavelength > 0.0:
        raise ValueError(f"wavelength: {p.wavelength * 1e10:g} Angstrom; must be positive")
    if not p.pixel_size > 0.0:
        raise ValueError(f"pixel size: {p.pixel_size * 1e3:g} mm; must be positive")
    rules = revision_rules(p.revision)
    placement = place_detector(p)
    if placement.fpixels < 1 or placement.spixels < 1:
        raise ValueError(f"detector: {placement.fpixels} x {placement.spixels} pixels; needs at least one each way")
    if placement.fpixels * placement.spixels >= 2 ** 31:
        raise ValueError(f"detector: {placement.fpixels} x {placement.spixels} pixels; must be below 2^31 in all")
    warnings = []
    generator = Generator()
    counts = step_counts(p)
    orientation = orient(p, _misset(p, generator))
    interpolating = _interpolating(p, structure_factors)
    n_cells = crystal_cells(p, orientation.lengths)
    oversample, recommended = oversampling(p, n_cells, orientation.lengths, placement.distance, p.pixel_size)
    _check_memory(p, counts, placement)
    matrices = mosaic_domains(generator, counts.mosaic_domains, counts.mosaic_spread, p.mosaic_seed)
    if p.sources is None:
        # before a list of them is made; an elliptic clip leaves at least half of them
        asked = counts.divergence_h[0] * counts.divergence_v[0] * counts.dispersion[0]
        _check_steps(-(-asked // 2), counts.mosaic_domains, counts.phi_steps, oversample)
    directions, wavelengths = source_list(p, counts, placement)
    divisor = _check_steps(len(wavelengths), counts.mosaic_domains, counts.phi_steps, oversample)
    photons_per_area = fluence(p)
    axes, next_axis = polarisation_axes(placement.polarisation)
    if counts.thickness == 0.0 and p.oversample_thick:
        warnings.append("-oversample_thick without a sensor thickness captures nothing: the image is "
                        "zero (but for background), as in nanoBragg")
    geometry = records.Geometry(
        fast_axis=placement.fast, slow_axis=placement.slow, normal=placement.normal, origin=placement.origin,
        beam=placement.beam, distance=placement.distance, close_distance=placement.close_distance,
        pixel_size=p.pixel_size, sub_pixel_size=p.pixel_size / oversample, oversample=oversample,
        curved=bool(p.curved), point_pixel=bool(p.point_pixel), thickness=counts.thickness, layers=counts.layers,
        layer_step=counts.layer_step, attenuation=counts.attenuation)
    beam = records.Beam(
        directions=directions, wavelengths=wavelengths, d_min=float(p.d_min),
        polarisation_fraction=float(p.polarisation_fraction), unpolarised_factor=bool(p.unpolarised_factor),
        polarisation_axes=axes, next_axis=next_axis)
    lookup = records.Lookup(
        table=structure_factors.table, minimum=structure_factors.minimum, maximum=structure_factors.maximum,
        filled=structure_factors.filled, default=structure_factors.default)
    sums = records.Sampling(
        background=background_level(p, photons_per_area), scale=R_E_SQR * photons_per_area,
        steps=divisor, oversample_thick=bool(p.oversample_thick), oversample_polar=bool(p.oversample_polar),
        oversample_omega=bool(p.oversample_omega), running_product=rules.flags_multiply_running_sum,
        skip_zero=p.water_size == 0.0)
    crystal = _crystal(p, rules.zero_angle_keeps_rotation, counts, orientation, placement, n_cells, matrices)
    if interpolating:
        _check_finite(geometry, wavelengths, crystal)
    return Prepared(
        scene=records.Scene(geometry, beam, crystal, lookup, sums), parameters=p, placement=placement,
        orientation=orientation, counts=counts, n_cells=n_cells,
        crystal_size=tuple(n * length for n, length in zip(n_cells, orientation.lengths)), oversample=oversample,
        recommended_oversample=recommended, interpolating=interpolating, fluence=photons_per_area,
        sources=len(wavelengths), structure_factors=structure_factors, random=generator,
        mask=_check_mask(p, placement),
        window=window_of(p.roi, placement.fpixels, placement.spixels), warnings=warnings)
