"""Where what is simulated differs from what the words say: notes on a prepared scene, for both front ends.

Every note is one line.  Those on what was asked for and is not so are `notes.Loud`; the others say what an image
costs or lacks that is as it was asked for.
"""

import math

from ..kernels.arithmetic.vectors import cross, dot, magnitude
from ..notes import Loud
from .orientation import cell_of
from .size import clipped_sample
from .units import to_angstrom, to_degrees, to_mm, to_um

__all__ = ["scene_notes", "warnings_of"]

#: Angles of a cell that differ by less are the same [deg]: what rounding does to acos.
SAME_ANGLE = 1e-4

#: A wavelength above this [m] is one in Angstrom.
LONGEST_WAVELENGTH = 1e-6

#: Structure factors may end so much before the corners of a detector do, as a fraction of the resolution.
REACH = 0.02


def scene_notes(shot):
    """Notes on what was asked for and on what becomes of it.

    Parameters
    ----------
    shot : sequence of sequence of prepare.Prepared
        For each panel the crystals, as `shot.prepare_shot` makes them.

    Returns
    -------
    tuple of str
        In a fixed order, each once, empty where there is nothing to say.
    """
    found = [*warnings_of(shot)]
    for crystal in zip(*shot):
        found += [*_background(crystal[0]), *_sampling(crystal[0]), *_reach(crystal)]
    return tuple(dict.fromkeys(found))


def warnings_of(shot):
    """Those among the notes that are `notes.Loud`, as a tuple; quickly, for this is asked for every image."""
    return tuple(dict.fromkeys(note for panel in shot for prepared in panel for rule in _LOUD
                               for note in rule(prepared)))


def _factors(prepared):
    yield from prepared.structure_factors.notes


def _cell(prepared):
    crystal, orientation = prepared.request.crystal, prepared.orientation
    a, b, c = (orientation.direct[i:i + 3] for i in (0, 3, 6))
    if crystal.cell_given and crystal.matrix is None:
        asked = [to_degrees(angle) if angle > 0.0 else 90.0 for angle in crystal.cell_angles]
        simulated = cell_of(orientation)
        if any(abs(one - other) > SAME_ANGLE for one, other in zip(asked, simulated[3:])):
            angles = " ".join(f"{angle:g}" for angle in asked)
            yield Loud(f"cell: angles of {angles} degrees were given; simulated is {_numbers(simulated)} (Angstrom,"
                       " degrees), as in nanoBragg, which is exact only where at most one angle is not 90; an"
                       " orientation matrix is taken as it is")
    if dot(a, cross(b, c)) < 0.0:
        yield Loud("orientation matrix: left-handed (its determinant is negative): the crystal's mirror image is"
                   " simulated")


def _numbers(values):
    return " ".join(f"{value:.6g}" for value in values)


def _counts(prepared):
    """Numbers of steps that are not those that were asked for."""
    crystal, beam, detector = (prepared.request.crystal, prepared.request.beam, prepared.request.detector)
    counts = prepared.counts
    for what, asked, made, why in (
            ("phi", crystal.phi_steps, counts.phi_steps, "a step without an oscillation range makes 2"),
            ("mosaic domains", crystal.mosaic_domains, counts.mosaic_domains, "without a mosaic spread there is 1"),
            ("sensor layers", detector.sensor_layers, counts.layers,
             "1 layer becomes 2, and without a sensor thickness there is 1")):
        if asked > 0 and asked != made:
            yield Loud(f"{what}: {asked} asked for, {made} simulated: {why}, as in nanoBragg")
    if beam.sources is None:
        for what, asked, extent, made in (
                ("horizontal divergence", beam.divergence_h_steps, beam.divergence_h, counts.divergence_h[0]),
                ("vertical divergence", beam.divergence_v_steps, beam.divergence_v, counts.divergence_v[0]),
                ("dispersion", beam.dispersion_steps, beam.dispersion, counts.dispersion[0])):
            if asked > 0 and asked != made:
                yield Loud(f"{what}: {asked} steps asked for, {made} simulated, as in nanoBragg")
            if asked > 1 and extent < 0.0 and what != "dispersion":
                yield Loud(f"{what}: {asked} steps without a range spread over 1 radian, as in nanoBragg")
    if crystal.phi_steps < 0 and crystal.oscillation == 0.0 and counts.phi_steps == 2:
        also = "; the background of water, divided by both, is halved" if crystal.water_size > 0.0 else ""
        yield Loud(f"phi: an oscillation of 0 makes 2 steps at one angle, as in nanoBragg{also}")


def _size(prepared):
    crystal, beam = prepared.request.crystal, prepared.request.beam
    clipped = clipped_sample(crystal.sample_size, beam.beam_size)
    if clipped != tuple(crystal.sample_size):
        asked, made = (" x ".join(f"{to_mm(size):g}" for size in sizes) for sizes in (crystal.sample_size, clipped))
        yield Loud(f"crystal size: {asked} mm asked for; y and z are clipped by the beam of"
                   f" {to_mm(beam.beam_size):g} mm: {made} mm are simulated")
    replaced = [f"{int(n)} along {axis} by {int(made)}" for axis, n, made, size
                in zip("abc", crystal.n_cells, prepared.n_cells, crystal.sample_size)
                if size > 0.0 and n != 1.0 and n != made]
    if replaced:
        yield Loud(f"cells: the size of the crystal replaces {', '.join(replaced)}")


def _sources(prepared):
    sources = prepared.request.beam.sources
    if sources is None:
        return
    rows = sources.tolist()
    # what is missing (NaN) counts as 1
    weights = {1.0 if math.isnan(row[3]) else row[3] for row in rows}
    if len(weights) > 1:
        yield Loud(f"sources: their intensities differ ({min(weights):g} to {max(weights):g}) and are not used: every"
                   " source counts the same, as in nanoBragg")
    longest = max(prepared.scene.beam.wavelengths.tolist(), default=0.0)
    if longest > LONGEST_WAVELENGTH:
        yield Loud(f"sources: a wavelength of {longest:g} m; wavelengths of a list are in metres, not in Angstrom")


def _sensor(prepared):
    if prepared.counts.thickness == 0.0 and prepared.request.sampling.oversample_thick:
        yield Loud("-oversample_thick without a sensor thickness captures nothing: the image is "
                   "zero (but for background), as in nanoBragg")


def _background(prepared):
    water = prepared.request.crystal.water_size
    steps = prepared.scene.sampling.steps
    if water > 0.0 and steps > 1:
        yield (f"water: the background of {to_um(water):g} um is divided by the {steps} steps of a pixel, as in"
               " nanoBragg")


def _sampling(prepared):
    used, recommended = prepared.oversample, prepared.recommended_oversample
    if used < recommended:
        yield (f"sub-pixels: {used} along each edge where {recommended} resolve the spots: intensities depend on where"
               " a spot lies on its pixels, and follow F^2 poorly")


def _corners(geometry, shape):
    """Centres of the corner pixels [m]; a curved detector is taken for its flat one, which sees as far."""
    pixel = geometry.sub_pixel_size * geometry.oversample
    slow, fast = shape
    for f in (0.5, fast - 0.5):
        for s in (0.5, slow - 0.5):
            yield tuple(o + pixel * (f * x + s * y) for o, x, y
                        in zip(geometry.origin, geometry.fast_axis, geometry.slow_axis))


def _farthest(prepared):
    """Largest 1/d that a corner of the detector sees [1/m]."""
    beam, seen = prepared.placement.beam, 0.0
    shortest = min(prepared.scene.beam.wavelengths.tolist())
    for corner in _corners(prepared.scene.geometry, prepared.shape):
        distance = magnitude(corner)
        if distance > 0.0 and shortest > 0.0:
            cosine = max(-1.0, min(1.0, dot(corner, beam) / distance))
            seen = max(seen, math.sqrt(2.0 * (1.0 - cosine)) / shortest)
    return seen


def _reach(panels):
    """A list of structure factors of one crystal that ends before all panels together do."""
    prepared = panels[0]
    factors = prepared.structure_factors
    if not factors.filled or prepared.request.beam.d_min > 0.0:
        return
    farthest = max(map(_farthest, panels))
    if not 0.0 < farthest < math.inf:
        return
    lacking = []
    for name, length, low, high in zip("hkl", prepared.orientation.lengths, factors.minimum, factors.maximum):
        last = length * farthest
        if min(-low, high) < math.floor((1.0 - REACH) * last):
            lacking.append(f"{name} {low}..{high} of {-math.floor(last)}..{math.floor(last)}")
    if lacking:
        yield (f"structure factors: the detector sees to {to_angstrom(1.0 / farthest):.3g} Angstrom, the list ends"
               f" before ({', '.join(lacking)}): all else has the default, {factors.default:g}")


_LOUD = (_factors, _cell, _counts, _size, _sources, _sensor)
