"""What nonBragg makes of a command line: the image of an amorphous sample, and the numbers of its headers."""

from dataclasses import dataclass, replace
import math
import os

import numpy as np

from .. import memory
from ..io.literals import INT_MAX
from ..io.smv import general, read_header
from ..io.tables import read_amplitudes, read_sources
from ..kernels.drive.crew import Chunk, Crew, available_threads
from ..kernels.physics import records
from ..kernels.programs.amorphous import Amorphous, amorphous_pixels, cubic_divisors
from ..notes import Loud
from ..scene.counts import step_counts
from ..scene.pixels import clipped, edge
from ..scene.placement import Frame, placed
from ..scene.size import AVOGADRO, R_E_SQR, clipped_sample, divided, fluence
from ..scene.sources import polarisation_axes, source_list
from ..scene.units import DEGREES_PER_RADIAN
from .asked import header_of, pixels_rounded_up

__all__ = ["Scene", "amorphous_image", "header", "pixels_of_last_row", "prepared",
           "scattering_table"]

#: Bytes of a pixel: the image and as much beside it; with `-img` the row of the table and what counts of that image.
_PIXEL_BYTES, _WITH_IMAGE_BYTES = 8, 13
#: The guard points before and behind a table [1/m].
_GUARDS = ((-1e99, -1e98), (1e98, 1e99))
#: Rows that the C program allocates behind them, NaN.
_SPARE = 6
#: Pixels that a thread takes at once.
_CHUNK = 2 ** 14


@dataclass(slots=True, eq=False)
class Scene:
    """All that an image and its files are made of."""

    request: object
    placement: object
    counts: object
    geometry: records.Geometry
    table: Amorphous
    window: tuple  # the pixels that are computed
    in_order: bool  # the pointer's way matters


# -- tables


def scattering_table(rows, scale):
    """A table with its guard points, as the C program lays it out.

    Parameters
    ----------
    rows : (n, 2) float64 array
        As `io.tables.read_amplitudes` gives them.
    scale : float
        Of the first column [1/m].

    Returns
    -------
    stol, amplitudes : (n + 10,) float64 arrays
        Two guard points, the table, two guard points, six rows of NaN.
    """
    x, y = rows[:, 0] * scale, rows[:, 1]
    known = y[~np.isnan(y)]
    rest = np.full(_SPARE, np.nan)
    stol = np.concatenate([_GUARDS[0], x, _GUARDS[1], rest])
    filled = np.where(np.isnan(y), 0.0, y)
    return stol, np.concatenate([[known[0]] * 2, filled, [known[-1]] * 2, rest])


def _table_notes(name, x):
    """Notes on points of a table between which no cubic goes as its writer meant it."""
    wrong = ~np.isfinite(x)
    if wrong.any():
        yield Loud(f"{name}: {int(wrong.sum())} points are at no finite sin(theta)/lambda: pixels near them are not"
                   " numbers, as in nonBragg")
        return
    values, counts = np.unique(x, return_counts=True)
    if (counts > 1).any():
        # of 0,1 the C program reads 0 and 1
        comma = "; a comma parts columns, it is no decimal point" if (x == np.floor(x)).all() else ""
        place, count = values[counts > 1][0], counts[counts > 1][0]
        yield Loud(f"{name}: {count} points are at {place:g}: the cubic through them divides by zero, as in"
                   f" nonBragg{comma}")
    elif (np.diff(x) < 0.0).any():
        yield Loud(f"{name}: points are not in the order of their first column: which cubic a pixel gets depends on the"
                   " pixels before it, as in nonBragg")


def _walks_alike(stol, wavelengths):
    """Whether the pointer comes to the same point from everywhere: the points increase, and no value is beyond them."""
    return bool((np.diff(stol[:-_SPARE]) > 0.0).all()) and bool((wavelengths > 1e-97).all())


# -- the scene


def _placement(detector, request):
    """The detector, by nonBragg's rules for its size and centre."""
    detsize_f, detsize_s = (edge(detector.pixel_size, count, size) for count, size in (
        (detector.pixels_f, detector.detector_size_f), (detector.pixels_s, detector.detector_size_s)))
    pixel = detector.pixel_size
    close_x = detector.origin_x * pixel if not math.isnan(detector.origin_x) else detector.close_x
    close_y = detector.origin_y * pixel if not math.isnan(detector.origin_y) else detector.close_y
    if math.isnan(close_x):
        close_x = (detsize_f - pixel) / 2.0
    if math.isnan(close_y):
        close_y = (detsize_s + pixel) / 2.0
    x = close_x if math.isnan(detector.beam_x) else detector.beam_x
    y = close_y if math.isnan(detector.beam_y) else detector.beam_y
    beam = request.beam
    # whatever normal is given: it is that of fast and slow
    frame = Frame(beam.beam_vector, detector.fast_axis, detector.slow_axis, (0, 0, 0), detector.twotheta_axis,
                  beam.polarisation_axis, request.crystal.spindle_axis, detector.pivot)
    size = detsize_f, detsize_s, pixels_rounded_up(detsize_f, pixel), pixels_rounded_up(detsize_s, pixel)
    return placed(detector, frame, size, (x, y, x, y, close_x, close_y), float)


def _molecules(line, beam):
    """Number of molecules in the light."""
    x, y, z = clipped_sample((line.sample_x, line.sample_y, line.sample_z), beam.beam_size)
    volume = x * y * z
    density = line.density
    if line.molecules != 0.0:
        density = divided(divided(line.molecules, volume), AVOGADRO) * line.molecular_weight
    return volume * density * AVOGADRO / line.molecular_weight


def _light(line, request, counts, placement):
    """The sources and their weights."""
    beam = request.beam
    found = source_list(beam, counts, placement, line.source_distance)
    weights = np.ones(found.count)
    if beam.sources is not None:
        listed = np.asarray(beam.sources, dtype=np.float64)[:, 3]
        weights = np.where(np.isnan(listed), 1.0, listed)
    return found, weights


def prepared(line):
    """Read the files of a command line and derive everything.

    Parameters
    ----------
    line : numbragg.programs.nonbragg_words.NonBraggLine

    Returns
    -------
    Scene

    Raises
    ------
    ValueError, OSError
        If a file cannot be read, or what is asked for has no place or is too large.
    """
    rows, doubtful = read_amplitudes(line.files.stol)
    if doubtful:
        line.notices.append(Loud(
            f"{os.fsdecode(line.files.stol)}: what is no number is taken for a point of the table, mostly one at 0 0,"
            f" as in nonBragg: line {', '.join(map(str, doubtful[:5]))}{' and more' if len(doubtful) > 5 else ''}"))
    line.notices += _table_notes(os.fsdecode(line.files.stol), rows[:, 0])
    stol, amplitudes = scattering_table(rows, line.stol_scale)
    if line.files.sources is not None:
        line.draft.sources = read_sources(line.files.sources, as_c=True)
    request = line.draft.freeze()
    request = replace(request, detector=replace(request.detector, sensor_thickness=0.0, sensor_layers=1))
    detector, counts = request.detector, step_counts(request)
    placement = _placement(detector, request)
    oversample = max(request.sampling.oversample, 1)
    geometry = records.Geometry(
        fast_axis=placement.fast, slow_axis=placement.slow, normal=placement.normal, origin=placement.origin,
        beam=placement.beam, distance=placement.distance, close_distance=placement.close_distance, first_fast=0,
        first_slow=0, pixel_area=detector.pixel_size * detector.pixel_size,
        sub_pixel_size=detector.pixel_size / oversample, oversample=oversample, curved=bool(detector.curved),
        point_pixel=bool(detector.point_pixel), thickness=0.0, layers=1, layer_step=0.0, attenuation=0.0)
    light, weights = _light(line, request, counts, placement)
    if not light.count:
        line.notices.append(Loud("divergence: no source is left of it inside the round beam: every pixel is NaN"))
    steps = light.count * oversample * oversample
    if steps > INT_MAX:
        raise ValueError(f"nonbragg: {steps} steps of a pixel; must be below 2^31")
    axes, following = polarisation_axes(placement.polarisation)
    table = Amorphous(
        stol=stol, amplitudes=amplitudes, divisors=cubic_divisors(stol), directions=light.directions,
        wavelengths=light.wavelengths, weights=weights, polarisation_fraction=float(request.beam.polarisation_fraction),
        unpolarised_factor=bool(request.beam.unpolarised_factor), polarisation_axes=axes, repeated=int(following[-1]),
        factors=(R_E_SQR, fluence(request.beam), _molecules(line, request.beam)), steps=float(steps),
        amplitude_map=line.amplitude_map)
    shape = placement.spixels, placement.fpixels
    each = _PIXEL_BYTES if line.files.image is None else _WITH_IMAGE_BYTES
    memory.require(each * shape[0] * shape[1], f"detector: the images of {shape[1]} x {shape[0]} pixels")
    return Scene(request, placement, counts, geometry, table, _window(request.sampling.roi, shape),
                 not _walks_alike(stol, light.wavelengths))


def _window(roi, shape):
    """The pixels of a region whose negative ends are those of the detector."""
    slow, fast = shape
    ends = (max(roi[0], 0), fast if roi[1] < 0 else roi[1], max(roi[2], 0), slow if roi[3] < 0 else roi[3])
    return tuple(clipped(ends, shape))


def amorphous_image(scene, threads=None, rows=None):
    """The float image.

    Parameters
    ----------
    scene : Scene
    threads : int, optional
        Default: all processors.  The image is the same on any number.
    rows : (slow, fast) int32 array, optional
        Filled with the row of the table that each pixel is nearest to.

    Returns
    -------
    (slow, fast) float32 array
    """
    image = np.zeros((scene.placement.spixels, scene.placement.fpixels), np.float32)
    rows = np.zeros((0, 0), np.int32) if rows is None else rows
    first_f, last_f, first_s, last_s = scene.window
    pixels = max(last_f - first_f + 1, 0) * max(last_s - first_s + 1, 0)
    threads = available_threads() if threads is None else threads
    size = pixels if scene.in_order else max(1, min(_CHUNK, -(-pixels // (4 * threads))))
    chunks = [Chunk(start, min(start + size, pixels), 0) for start in range(0, pixels, max(size, 1))]

    def work(chunk):
        amorphous_pixels(scene.geometry, scene.table, scene.window, chunk.start, chunk.stop, image, rows)

    if chunks:
        Crew(threads).run(work, chunks)
    return image


def pixels_of_last_row(scene, line, image, rows):
    """How many pixels are nearest to the last row of the table: by it, nonBragg divides with `-img`.

    Parameters
    ----------
    scene : Scene
    line : numbragg.programs.nonbragg_words.NonBraggLine
        With an image, whose pixels of the values of `-ignore` do not count.
    image : (slow, fast) float32 array
        What was computed.
    rows : (slow, fast) int32 array
        As `amorphous_image` fills it.

    Returns
    -------
    int
    """
    first_f, last_f, first_s, last_s = scene.window
    counted = np.zeros(image.shape, bool)
    counted[first_s:last_s + 1, first_f:last_f + 1] = True
    if line.ignored:
        start = len(read_header(line.files.image).content) // 2 * 2
        given = np.fromfile(line.files.image, "<u2", image.size, offset=start)
        counted.reshape(-1)[:given.size] &= ~np.isin(given, line.ignored)
    # behind it there are two guard points
    return int((counted & (rows == len(scene.table.stol) - _SPARE - 3)).sum())


# -- files


def header(scene):
    """Header of both SMV images, byte for byte as the C program writes it.

    Parameters
    ----------
    scene : Scene

    Returns
    -------
    bytes
        512 bytes or more.
    """
    place, crystal, detector = scene.placement, scene.request.crystal, scene.request.detector
    phi = general(crystal.phi_start * DEGREES_PER_RADIAN)
    values = [
        ("HEADER_BYTES", "512"), ("DIM", "2"), ("BYTE_ORDER", "little_endian"), ("TYPE", "unsigned_short"),
        ("SIZE1", str(place.fpixels)), ("SIZE2", str(place.spixels)),
        ("PIXEL_SIZE", general(place.pixel_size * 1000.0)), ("DISTANCE", general(place.distance * 1000.0)),
        ("WAVELENGTH", general(scene.request.beam.wavelength * 1e10)),
        ("BEAM_CENTER_X", general(place.fast_beam * 1000.0)),
        ("BEAM_CENTER_Y", general((place.detsize_s - place.slow_beam) * 1000.0)),
        ("ORGX", general(place.fast_close / place.pixel_size)), ("ORGY", general(place.slow_close / place.pixel_size)),
        ("CLOSE_DISTANCE", general(place.close_distance * 1000.0)), ("PHI", phi), ("OSC_START", phi),
        ("OSC_RANGE", general(scene.counts.oscillation * DEGREES_PER_RADIAN)),
        ("TWOTHETA", general(detector.twotheta * DEGREES_PER_RADIAN)), ("DETECTOR_SN", "000"), ("BEAMLINE", "fake")]
    return header_of(values)
