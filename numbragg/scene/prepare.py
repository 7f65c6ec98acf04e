"""From a request to a scene: everything that is derived once, before the first pixel.

`prepare` is the only way from what was asked to what kernels read.  It also keeps the derived
facts that headers and reports show.
"""

from dataclasses import dataclass, replace
import math
from typing import NamedTuple

import numpy as np

from .. import memory
from ..io.literals import INT_MAX
from ..kernels.arithmetic.vectors import rotate_axis
from ..kernels.drive.cpu import rotated_cells
from ..kernels.physics import records
from ..kernels.physics.view import steps_of
from .counts import StepCounts, oversampling, phi_angles, phi_rows, step_counts
from .kept import Kept, Shared
from .orientation import Orientation, orient
from .pixels import check_pixels, clipped
from .placement import Placement, place_detector
from .request import Request
from .revisions import revision_rules
from .rotations import Generator, misset_angles, mosaic_domains, random_misset
from .size import R_E_SQR, background_level, crystal_cells, fluence
from .sources import SourceTable, polarisation_axes, source_list
from .units import to_angstrom, to_mm

# start-up: kernels, and Numba with them, are imported with the first image

__all__ = ["Prepared", "image_bytes", "prepare", "turned", "uint8_mask"]

#: Largest table of rotated cells that is made beforehand (entries of 72 bytes).
MAX_CELLS = 1 << 19

#: Largest numbers of mosaic domains and of sources that are kept for other shots.
MOST_KEPT = 1 << 12

#: Bytes that one spindle step, one source and one mosaic domain take while their lists are made and looked at.
STEP_BYTES, SOURCE_BYTES, LISTED_BYTES, DOMAIN_BYTES = 106, 51, 38, 72

#: Bytes that one orientation takes where it is looked at what can be left out, and the most that there are then.
CULLED_BYTES, MOST_CULLED = 216, 1 << 17


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Prepared:
    """A scene, ready for a driver, and how it came about. Two are equal if they are the same object."""

    scene: records.Scene
    request: Request
    placement: Placement
    orientation: Orientation
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
    window: records.Window  # inside the image
    alike: tuple = (Shared(), None)  # what those of other orientations share, and the scene for which that holds

    def __repr__(self):
        slow, fast = self.shape
        return (f"<Prepared scene of {fast} x {slow} pixels (fast x slow), {self.oversample}^2 sub-pixels, "
                f"{self.steps} steps per pixel>")

    @property
    def shape(self):
        """(slow, fast) pixels."""
        return (self.placement.spixels, self.placement.fpixels)

    @property
    def steps(self):
        """Steps of one pixel, sensor layers included."""
        return self.scene.sampling.steps * self.scene.geometry.layers


def image_bytes(fpixels, window, depth):
    """Memory that images of `depth` bytes per pixel in all take: rows that nothing is written to take none."""
    return depth * fpixels * window.height


def _misset(crystal, generator):
    if crystal.misset == "none":
        return None
    if crystal.misset == "angles":
        return crystal.misset_angles
    return misset_angles(random_misset(generator, crystal.misset_seed))


def _interpolating(request, structure_factors):
    wanted = request.sampling.interpolation
    if wanted is None:
        # the number of cells as given, before a sample size replaces it
        wanted = min(request.crystal.n_cells) <= 2
    return bool(wanted and structure_factors.filled)


def _rotated(vectors, spindle, angle):
    return [c for i in (0, 3, 6) for c in rotate_axis(tuple(vectors[i:i + 3]), spindle, angle)]


def _phi_cells(direct, spindle, angles):
    """Direct vectors at each spindle angle, those of the unrotated crystal last."""
    cells = np.empty((len(angles) + 1, 9))
    for row, angle in enumerate(angles):
        cells[row] = _rotated(direct, spindle, angle)
    cells[-1] = direct
    return cells


def _mosaic(asked, counts, generator, kept, shared):
    """Rotation matrices of the mosaic domains, (domains, 9); no rows where there is no spread."""
    def drawn():
        matrices = mosaic_domains(generator, counts.mosaic_domains, counts.mosaic_spread, asked.mosaic_seed)
        return np.ascontiguousarray(matrices, dtype=np.float64).reshape(-1, 9), generator.numbers()

    key = counts.mosaic_domains, counts.mosaic_spread, asked.mosaic_seed
    # with a negative seed they depend on what was drawn before
    if asked.mosaic_seed < 0 or counts.mosaic_domains > MOST_KEPT:
        matrices, _ = drawn()
    else:
        matrices, numbers = shared.once("mosaic domains", lambda: kept.get("mosaic domains", (), key, drawn))
        generator.go_on(numbers)
        matrices = matrices.copy()
    return matrices if counts.mosaic_spread > 0.0 else np.empty((0, 9))


def _other_mosaic(asked, counts, direct, spindle, kept):
    from .mosaicity import domain_rotations, middle_axes

    # as the crystal stands in the middle of its rotation
    axes = middle_axes(direct, spindle, asked.phi_start + 0.5 * counts.oscillation)
    if asked.mosaic_rotations is not None or _follows_axes(asked) or counts.mosaic_domains > MOST_KEPT:
        return domain_rotations(asked, counts, axes)
    key = counts.mosaic_domains, counts.mosaic_spread, asked.mosaic_seed, asked.mosaic_low_discrepancy
    return kept.get("normal angles", (), key, lambda: domain_rotations(asked, counts, axes)).copy()


def _is_of_c(asked):
    """Whether mosaic domains are the C program's: only these draw from its random numbers."""
    return asked.mosaicity == "cap" and asked.mosaic_rotations is None


def _follows_axes(asked):
    """Whether mosaic domains depend on how the crystal stands."""
    return asked.mosaicity == "anisotropic" and asked.mosaic_rotations is None


def _shape_number(asked):
    number = records.SHAPES[asked.shape]
    return records.IN_CELLS.get(number, number) if asked.spot_metric == "hkl" else number


def _with_rotated_cells(crystal):
    """The same crystal with a table of every domain at every angle, unless that would be too large."""
    if not len(crystal.mosaic) or len(crystal.phi_cells) * crystal.domains > MAX_CELLS:
        return crystal
    return crystal._replace(cells=rotated_cells(crystal))


class _Rotation(NamedTuple):
    """The spindle, without a crystal."""

    angles: list
    rows: np.ndarray  # as of `phi_rows`
    first_rows: np.ndarray


def _rotation(request, counts):
    angles = phi_angles(request.crystal.phi_start, counts)
    return _Rotation(angles, *phi_rows(angles, revision_rules(request.revision).zero_angle_keeps_rotation))


def _lattice(asked, orientation, counts, spindle, n_cells, mosaic, rotation):
    """The crystal at each spindle angle, as kernels read it."""
    return _with_rotated_cells(records.Lattice(
        n_cells=n_cells, shape=_shape_number(asked), fudge=float(asked.fudge), reciprocal=orientation.reciprocal,
        phi_cells=_phi_cells(orientation.direct, spindle, rotation.angles), phi_rows=rotation.rows,
        first_phi_rows=rotation.first_rows, mosaic=mosaic, domains=counts.mosaic_domains,
        cells=np.empty((0, 0, 9))))


def _check_steps(sources, domains, phi_steps, oversample):
    # the C program's divisor does not count sensor layers
    steps = steps_of(1, oversample, sources, phi_steps, domains)
    if steps == 0:
        raise ValueError(f"steps: {phi_steps} phi steps and {sources} sources leave nothing to sum")
    if steps > INT_MAX:
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
        what = f"curved detector: with a distance of {to_mm(geometry.distance):g} mm along the beam, positions are"
    elif not all(wavelength != 0.0 and math.isfinite(2.0 / wavelength) for wavelength in wavelengths.tolist()):
        what = "sources: the inverse of a wavelength is"
    elif not (np.isfinite(crystal.phi_cells).all() and np.isfinite(crystal.mosaic).all()):
        what = "crystal: its orientation is"
    if what is not None:
        raise ValueError(f"{what} not finite, so structure factors cannot be interpolated")


def _check_memory(beam, window, counts, placement):
    """Refuse an image or a list of steps that does not fit in memory, before it is made."""
    memory.require(image_bytes(placement.fpixels, window, 4),
                   f"detector: {placement.fpixels} x {placement.spixels} pixels")
    memory.require(DOMAIN_BYTES * counts.mosaic_domains, f"mosaic domains: {counts.mosaic_domains} of them")
    listed, round_divergence = beam.sources, beam.round_divergence
    memory.require(STEP_BYTES * counts.phi_steps, f"phi: {counts.phi_steps} steps")
    orientations = counts.mosaic_domains * counts.phi_steps
    if orientations <= MOST_CULLED:
        memory.require(CULLED_BYTES * orientations, f"crystal: {orientations} orientations")
    if listed is not None:
        # the list is there already
        memory.require(LISTED_BYTES * len(listed), f"sources: {len(listed)} of them")
        return
    asked = _asked_directions(counts)
    # of a round beam the corners are left out; in one dimension there are none
    square = not round_divergence or 1 in (counts.divergence_h[0], counts.divergence_v[0])
    memory.require(int(SOURCE_BYTES * asked * (1.0 if square else math.pi / 4.0)),
                   f"divergence and dispersion: {asked} sources")


def _asked_directions(counts):
    """Directions of the grid, with every wavelength of a dispersion."""
    return counts.divergence_h[0] * counts.divergence_v[0] * counts.dispersion[0]


def _asked_sources(beam, counts):
    return _asked_directions(counts) * (1 if beam.spectrum is None else len(beam.spectrum))


def _check_mask(mask, placement):
    if mask is None:
        return None
    mask = np.asarray(mask)
    if mask.shape != (placement.spixels, placement.fpixels):
        raise ValueError(f"mask: {mask.shape[-1]} x {mask.shape[0]} pixels, but the detector has "
                         f"{placement.fpixels} x {placement.spixels} (fast x slow)")
    return uint8_mask(mask)


def uint8_mask(mask):
    """A mask as kernels read it, 0 or 1, or None; it is an array of the caller's own."""
    return None if mask is None else np.ascontiguousarray(mask != 0).view(np.uint8)


def _geometry(detector, placement, counts, oversample):
    return records.Geometry(
        fast_axis=placement.fast, slow_axis=placement.slow, normal=placement.normal, origin=placement.origin,
        beam=placement.beam, distance=placement.distance, close_distance=placement.close_distance,
        first_fast=0, first_slow=0, pixel_area=detector.pixel_size * detector.pixel_size,
        sub_pixel_size=detector.pixel_size / oversample, oversample=oversample,
        curved=bool(detector.curved), point_pixel=bool(detector.point_pixel), thickness=counts.thickness,
        layers=counts.layers, layer_step=counts.layer_step, attenuation=counts.attenuation)


def _lookup(factors):
    return records.Lookup(table=factors._kernel_table, minimum=factors.minimum, maximum=factors.maximum,
                          filled=factors.filled, default=factors.default)


def _check_request(request):
    if not request.beam.wavelength > 0.0:
        raise ValueError(f"wavelength: {to_angstrom(request.beam.wavelength):g} Angstrom; must be positive")
    if not request.detector.pixel_size > 0.0:
        raise ValueError(f"pixel size: {to_mm(request.detector.pixel_size):g} mm; must be positive")


class _Beam(NamedTuple):
    """What follows from a beam and a detector, without a crystal."""

    sources: SourceTable
    fluence: float  # [photons/m^2]
    axes: tuple  # arrays, as of `polarisation_axes`


def _beam(request, counts, placement, kept):
    """What follows from the beam."""
    beam = request.beam

    def made():
        return _Beam(source_list(beam, counts, placement), fluence(beam), polarisation_axes(placement.polarisation))

    # arrays of somebody else's can be changed in place
    if not _is_kept(beam, counts):
        return made()
    return kept.get("beam", (beam, request.detector), request.crystal.spindle_axis, made)


def _check_sources(request, counts, oversample):
    """Refuse too many steps before their sources are listed."""
    if request.beam.sources is None:
        # an elliptic clip leaves at least half of them
        _check_steps(-(-_asked_sources(request.beam, counts) // 2), counts.mosaic_domains, counts.phi_steps, oversample)


def _sources(beam, made):
    """The beam as kernels read it."""
    listed, (axes, next_axis) = made.sources, made.axes
    return records.Sources(
        directions=listed.directions, wavelengths=listed.wavelengths, per_direction=listed.per_direction,
        weights=listed.weights, attenuations=np.empty(0), d_min=float(beam.d_min),
        polarisation_fraction=float(beam.polarisation_fraction), unpolarised_factor=bool(beam.unpolarised_factor),
        polarisation_axes=axes, next_axis=next_axis)


def _is_kept(beam, counts):
    """Whether lists of sources and of spindle angles serve for other shots: short ones, and not somebody else's."""
    return (beam.sources is None and beam.spectrum is None
            and max(_asked_directions(counts), counts.phi_steps) <= MOST_KEPT)


def _own(record):
    """A record with arrays of its own, which whoever has it may write to."""
    return type(record)(*[item.copy() if isinstance(item, np.ndarray) else item for item in record])


class _Frame(NamedTuple):
    """What follows from all but the crystal's cell and orientation."""

    placement: Placement
    window: records.Window
    counts: StepCounts


def _frame(request, kept):
    # all of a beam that a detector's place depends on
    axes = request.beam.beam_vector, request.beam.polarisation_axis, request.crystal.spindle_axis
    placement = kept.get("placement", (request.detector,), axes, lambda: place_detector(request))
    check_pixels(placement.fpixels, placement.spixels)
    window = records.Window(*clipped(request.sampling.roi, (placement.spixels, placement.fpixels)))
    return _Frame(placement, window, step_counts(request))


class _Sums(NamedTuple):
    """What follows from a frame and a number of sub-pixels."""

    sources: int
    fluence: float
    geometry: records.Geometry
    beam: records.Sources
    sampling: records.Summation
    rotation: _Rotation


def _sums(request, frame, oversample, kept):
    placement, counts, sampling = frame.placement, frame.counts, request.sampling
    _check_sources(request, counts, oversample)
    made = _beam(request, counts, placement, kept)
    photons_per_area, water = made.fluence, request.crystal.water_size
    divisor = _check_steps(made.sources.count, counts.mosaic_domains, counts.phi_steps, oversample)
    rules = revision_rules(request.revision)
    return _Sums(
        sources=made.sources.count, fluence=photons_per_area,
        geometry=_geometry(request.detector, placement, counts, oversample), beam=_sources(request.beam, made),
        sampling=records.Summation(
            background=background_level(water, photons_per_area), scale=R_E_SQR * photons_per_area, steps=divisor,
            oversample_thick=bool(sampling.oversample_thick), oversample_polar=bool(sampling.oversample_polar),
            oversample_omega=bool(sampling.oversample_omega), running_product=rules.flags_multiply_running_sum,
            skip_zero=water == 0.0),
        rotation=_rotation(request, counts))


def _with_fluence(sums, request):
    """What `_sums` makes of a request, from what it has made of one whose beam has another number of photons."""
    photons_per_area = fluence(request.beam)
    level = background_level(request.crystal.water_size, photons_per_area)
    return sums._replace(fluence=photons_per_area, sampling=sums.sampling._replace(
        background=level, scale=R_E_SQR * photons_per_area))


def prepare(request, structure_factors, kept=None):
    """Derive everything.

    Parameters
    ----------
    request : request.Request
    structure_factors : StructureFactors
    kept : kept.Kept, optional
        What earlier shots have left, and this one leaves to others.

    Returns
    -------
    Prepared

    Raises
    ------
    ValueError
        If something cannot be simulated: no crystal, a detector without pixels, no steps or too
        many, a mask of another size.
    """
    _check_request(request)
    kept = Kept() if kept is None else kept
    asked, shared = request.crystal, kept.shared(request)
    frame = shared.whatever_intensity.once("frame", lambda: _frame(request, kept))
    placement, window, counts = frame
    generator = Generator()
    orientation = orient(asked, request.beam.wavelength, _misset(asked, generator))
    interpolating = _interpolating(request, structure_factors)
    n_cells = crystal_cells(request, orientation.lengths)
    oversample, recommended = oversampling(request, n_cells, orientation.lengths, placement.distance)
    _check_memory(request.beam, window, counts, placement)
    mosaic = (_mosaic(asked, counts, generator, kept, shared) if _is_of_c(asked)
              else _other_mosaic(asked, counts, orientation.direct, placement.spindle, kept))
    if _is_kept(request.beam, counts):
        sums = shared.once(("sums", oversample), lambda: _with_fluence(shared.whatever_intensity.once(
            ("sums", oversample), lambda: _sums(request, frame, oversample, kept)), request))
        sums = sums._replace(beam=_own(sums.beam), rotation=_own(sums.rotation))
    else:
        sums = _sums(request, frame, oversample, kept)
    crystal = _lattice(asked, orientation, counts, placement.spindle, n_cells, mosaic, sums.rotation)
    if interpolating:
        _check_finite(sums.geometry, sums.beam.wavelengths, crystal)
    scene = records.Scene(sums.geometry, sums.beam, crystal, _lookup(structure_factors), sums.sampling)
    return Prepared(
        scene=scene, request=request, placement=placement, orientation=orientation, counts=counts, n_cells=n_cells,
        crystal_size=tuple(n * length for n, length in zip(n_cells, orientation.lengths)), oversample=oversample,
        recommended_oversample=recommended, interpolating=interpolating, fluence=sums.fluence, sources=sums.sources,
        structure_factors=structure_factors, random=generator, mask=_check_mask(request.detector.mask, placement),
        window=window, alike=(shared, scene))


def turned(prepared, phi_start):
    """A prepared scene whose spindle starts elsewhere: what `prepare` makes of it, but only what changes is made anew.

    Parameters
    ----------
    prepared : Prepared
    phi_start : float
        Spindle angle at the start [rad].

    Returns
    -------
    Prepared

    Raises
    ------
    ValueError
        As `prepare`.
    """
    asked = replace(prepared.request.crystal, phi_start=phi_start)
    request, spindle = replace(prepared.request, crystal=asked), prepared.placement.spindle
    mosaic = prepared.scene.crystal.mosaic
    if _follows_axes(asked):
        # their widths are along axes of the crystal as it stands in the middle of its rotation
        mosaic = _other_mosaic(asked, prepared.counts, prepared.orientation.direct, spindle, Kept())
    crystal = _lattice(asked, prepared.orientation, prepared.counts, spindle, prepared.n_cells, mosaic,
                       _rotation(request, prepared.counts))
    scene = prepared.scene._replace(crystal=crystal)
    if prepared.interpolating:
        _check_finite(scene.geometry, scene.beam.wavelengths, crystal)
    return replace(prepared, scene=scene, request=request)
