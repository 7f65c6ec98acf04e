"""Where what is simulated differs from what the words say: notes on a prepared scene, for both front ends.

Every note is one line.  Those on what was asked for and is not so are `notes.Loud`; the others say what an image
costs or lacks that is as it was asked for.
"""

import math

from ..io.matrix import other_cell
from ..kernels.arithmetic.vectors import cross, dot, magnitude
from ..notes import Loud, Reported
from .notes_sources import source_notes
from .notes_steps import step_notes
from .orientation import cell_of, matrix_edges
from .request import DEFAULTS
from .size import R_E_SQR, clipped_sample
from .units import to_angstrom, to_degrees, to_mm, to_um

__all__ = ["NOT_OF_SPOTS", "farthest", "rendering_notes", "scene_notes", "warnings_of"]

#: Angles of a cell that differ by less are the same [deg]: what rounding does to acos.
SAME_ANGLE = 1e-4

#: Cells whose edges differ by a smaller part, and angles by less [deg], are the same crystal's, measured twice.
SAME_CELL_EDGE, SAME_CELL_ANGLE = 0.005, 0.3

#: Wavelengths of f' and f'' and of a beam that differ by a smaller part are the same.
SAME_ANOMALOUS = 0.01

#: What pixels and distances of detectors may be [m]: anything else was probably meant in another unit.
PIXELS, DISTANCES = (1e-6, 2e-2), (3e-3, 100.0)

#: A product that is 1, for a fluence written with a few digits.
UNIT = 1e-4

#: What edges of a crystal's cell may be [m].
CELLS = (1e-10, 1e-6)

#: What is said of the size of a beam that nothing of the crystal depends on; a background may.
NOT_OF_SPOTS = "has no effect on spots without a flux, and without a size of the crystal to be cut"

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
    return tuple(dict.fromkeys(_of_rules(shot)))


def rendering_notes(outcome):
    """Notes on how an image came about (a driver's outcome), as a tuple."""
    if outcome.first_out_of_range is None:
        return tuple(outcome.remarks)
    fast, slow = outcome.first_out_of_range
    return (Loud(f"structure factors: interpolation switched itself off at pixel {fast} {slow} (fast slow), the first"
                 " one out of the list's range; all others have the nearest, as in nanoBragg"), *outcome.remarks)


def warnings_of(shot):
    """Those among the notes that are `notes.Reported`, as a tuple; quickly, for this is asked for every image."""
    return tuple(note for note in dict.fromkeys(_of_rules(shot)) if isinstance(note, Reported))


def _of_rules(shot):
    heard = set()
    for panel in shot:
        for prepared in panel:
            # panels of one kind share their requests, and all that rules look at but which side is hit
            kind = id(prepared.request), id(prepared.counts), prepared.placement.close_distance < 0.0
            if kind in heard:
                continue
            heard.add(kind)
            for rule in _OF_CRYSTALS:
                yield from rule(prepared)
            yield from _beside_orientation(prepared)
    for crystal in zip(*shot):
        yield from _sampling(crystal[0])
        yield from _reach(crystal)


def _beside_orientation(prepared):
    """Notes that are the same for crystals of other cells and orientations and the same numbers of steps and cells."""
    def found():
        return tuple(note for rule in _OF_ALL_ELSE for note in rule(prepared))

    shared, scene = prepared.alike
    # somebody may have changed what was prepared
    if prepared.scene is not scene:
        return found()
    return shared.once(("notes", prepared.n_cells, prepared.oversample, prepared.interpolating), found)


def _asked(prepared):
    """What a front end has to say of its own words."""
    request = prepared.request
    yield from request.crystal.crystal_notes
    yield from request.beam.beam_notes
    yield from request.detector.detector_notes


def _factors(prepared):
    factors = prepared.structure_factors
    yield from factors.notes
    yield from _anomalous(prepared)
    if factors.cell is None:
        return
    simulated = cell_of(prepared.orientation)
    edges = _other_edges(factors.cell[:3], simulated[:3])
    if edges or any(abs(one - other) > SAME_CELL_ANGLE for one, other in zip(factors.cell[3:], simulated[3:])):
        yield Loud(f"structure factors: of the cell {_numbers(factors.cell)}, but simulated is {_numbers(simulated)}"
                   " (Angstrom, degrees)")


def _anomalous(prepared):
    """f' and f'' of a wavelength that is not simulated."""
    about, beam = prepared.structure_factors.about, prepared.request.beam
    if about is None or about.wavelength is None:
        return
    simulated = [to_angstrom(length) for length in prepared.scene.beam.wavelengths.tolist()]
    # a dispersion is about the wavelength that was given, whether or not a step of it has that one
    own = [to_angstrom(beam.wavelength)] if beam.sources is None and beam.spectrum is None else []
    if all(abs(length - about.wavelength) > SAME_ANOMALOUS * about.wavelength for length in (*simulated, *own)):
        low, high = min(simulated), max(simulated)
        yield Loud(f"structure factors: f' and f'' at {about.wavelength:g} Angstrom, but simulated is"
                   f" {f'{low:g}' if low == high else f'{low:g} to {high:g}'}")


def _cell(prepared):
    crystal, orientation = prepared.request.crystal, prepared.orientation
    a, b, c = (orientation.direct[i:i + 3] for i in (0, 3, 6))
    if crystal.cell_given and crystal.matrix is not None:
        asked = tuple(map(to_angstrom, orientation.lengths))
        edges = matrix_edges(crystal.matrix, prepared.request.beam.wavelength)
        # in 1/Angstrom, not times the wavelength, it has the directions all the same
        if _other_edges(asked, edges) and _other_edges(asked, matrix_edges(crystal.matrix, 1e-10)):
            yield Loud(f"cell: edges of {_numbers(asked)} Angstrom were given, the matrix has {_numbers(edges)}: the"
                       " lengths of a, b and c are those of the cell, their directions those of the matrix")
    if crystal.cell_given:
        asked = [to_degrees(angle) if angle > 0.0 else 90.0 for angle in crystal.cell_angles]
        simulated = cell_of(orientation)
        apart = max(abs(one - other) for one, other in zip(asked, simulated[3:]))

        def said():
            return (f"cell: angles of {' '.join(f'{angle:g}' for angle in asked)} degrees were given; simulated is"
                    f" {_numbers(simulated)} (Angstrom, degrees)")

        if crystal.matrix is None and apart > SAME_ANGLE:
            yield Loud(f"{said()}, as in nanoBragg, which is exact only where at most one angle is not 90; an"
                       " orientation matrix is taken as it is")
        elif crystal.matrix is not None and apart > SAME_CELL_ANGLE:
            yield Loud(f"{said()}: the matrix gives the directions of a, b and c, and with them the angles")
    elif crystal.matrix_cell is not None and other_cell(crystal.matrix_cell, cell_of(orientation)):
        yield Loud(f"orientation matrix: its file has the cell {_numbers(crystal.matrix_cell)}, but simulated is"
                   f" {_numbers(cell_of(orientation))} (Angstrom, degrees): was it made for another wavelength?")
    odd = [length for length in orientation.lengths if not CELLS[0] <= length <= CELLS[1]]
    if odd:
        yield Loud(f"cell: a length of {to_angstrom(odd[0]):g} Angstrom; cells are in Angstrom, and matrices in"
                   " 1/Angstrom times the wavelength")
    if crystal.misset == "random":
        yield "orientation: random as in nanoBragg, which is not uniform over orientations"
    if dot(a, cross(b, c)) < 0.0:
        yield Loud("orientation matrix: left-handed (its determinant is negative): the crystal's mirror image is"
                   " simulated")


def _other_edges(one, other):
    return any(abs(a - b) > SAME_CELL_EDGE * a for a, b in zip(one, other))


def _numbers(values):
    return " ".join(f"{value:.6g}" for value in values)


def _size(prepared):
    crystal, beam = prepared.request.crystal, prepared.request.beam
    clipped = clipped_sample(crystal.sample_size, beam.beam_size)
    for axis, size, made in zip("abc", crystal.sample_size, clipped):
        if made != size:
            yield Loud(f"size of the crystal along {axis}: {to_mm(size):g} mm is cut to the beam, {to_mm(made):g} mm")
    if beam.beam_size > 0.0 and beam.beam_size != DEFAULTS["beam_size"] and not (
            beam.flux > 0.0 or max(crystal.sample_size) > 0.0):
        yield Loud(f"size of the beam: {to_mm(beam.beam_size):g} mm {NOT_OF_SPOTS}")
    if max(crystal.sample_size) > 0.0 and prepared.interpolating and prepared.request.sampling.interpolation is None:
        yield Loud("structure factors are interpolated, for the number of cells as given, 2 or less, decides it and"
                   " not the size of the crystal, as in nanoBragg")
    replaced = [f"{n:g} along {axis} by {made:g}" for axis, n, made, size
                in zip("abc", crystal.n_cells, prepared.n_cells, crystal.sample_size) if size > 0.0 and n > 1.0]
    if replaced:
        yield Reported(f"number of cells: the size of the crystal replaces {', '.join(replaced)}")
    few = [f"{n:g} along {axis}" for axis, n, size in zip("abc", crystal.n_cells, crystal.sample_size)
           if n < 1.0 and not size > 0.0]
    if few:
        text = f"number of cells: {', '.join(few)}: one cell is simulated"
        yield text if all(n >= 0.0 for n in crystal.n_cells) else Loud(text)
    if crystal.shape in ("gauss", "tophat") and crystal.spot_metric != "hkl" and len(set(prepared.n_cells)) > 1:
        numbers = " x ".join(f"{n:g}" for n in prepared.n_cells)
        yield Loud(f"shape of spots: {numbers} cells make round ones, of a width that depends on the product of the"
                   " numbers only, as in nanoBragg")
    if crystal.shape == "square" and crystal.fudge != 1.0:
        yield Loud(f"fudge: {crystal.fudge:g} has no effect on a parallelepiped")
    if crystal.shape in ("square", "round") and crystal.spot_metric == "hkl":
        body = "a parallelepiped" if crystal.shape == "square" else "an ellipsoid"
        yield Loud(f"spot metric: hkl has no effect on {body}, whose spots are measured in indices in any case")


def _sensor(prepared):
    detector, counts, asked = prepared.request.detector, prepared.counts, prepared.request.sampling
    if counts.thickness == 0.0:
        if asked.oversample_thick:
            yield Loud("captured fraction at every step, without a sensor thickness: nothing is captured and the image"
                       " is zero (but for background), as in nanoBragg")
        if detector.sensor_layers > 1:
            yield Loud(f"sensor layers: {detector.sensor_layers} have no effect without a thickness of the sensor")
        if detector.attenuation > 0.0:
            yield Loud(f"sensor: an attenuation depth of {to_um(1.0 / detector.attenuation):g} micrometres has no"
                       " effect without a thickness of the sensor")
        return
    if counts.attenuation == 0.0:
        yield Loud("sensor: of infinite depth, so that nothing is absorbed and the image is black")
    whole = counts.layers * counts.layer_step
    if detector.sensor_layers > 0 and abs(whole - counts.thickness) > 1e-9 * whole:
        yield Loud(f"sensor layers: {counts.layers}, {to_um(counts.layer_step):g} micrometres each: together they are"
                   f" {whole / counts.thickness:.4g} times the thickness, as in nanoBragg")
    if counts.layers > 1 and not asked.oversample_thick:
        yield Loud(f"{counts.layers} sensor layers, the captured fraction not at every step: the sum over all of them"
                   " is multiplied by the fraction absorbed in the last one, as in nanoBragg")


def _pixels(prepared):
    detector = prepared.request.detector
    distance = detector.distance if math.isnan(detector.close_distance) else detector.close_distance
    for name, length, (least, most) in (("pixel", detector.pixel_size, PIXELS), ("distance", abs(distance), DISTANCES)):
        if not least <= length <= most:
            yield Loud(f"{name}: {to_mm(length):g} mm; lengths of a detector are in millimetres, in headers too")
    if prepared.placement.close_distance < 0.0:
        yield Loud("detector: turned so far that it is hit from behind: solid angles, and with them intensities, are"
                   " negative, as in nanoBragg")
    if detector.point_pixel:
        yield Loud("point pixels leave out the area of a pixel: intensities are larger by 1 / pixel^2 (in metres)")
    if detector.curved and prepared.placement.convention not in ("mosflm", "denzo"):
        yield Loud("a curved detector takes its angles from y and z of the laboratory, which in the"
                   f" {prepared.placement.convention} convention are not along slow and fast")


def _beam(prepared):
    beam, sampling = prepared.request.beam, prepared.request.sampling
    every_step = (sampling.oversample_thick, sampling.oversample_polar, sampling.oversample_omega)
    if prepared.scene.sampling.running_product and any(every_step) and prepared.steps > 1:
        # a plain note: whoever names that revision asks for it
        yield (f"factors at every step multiply the sum so far, as in nanoBragg {prepared.request.revision}: the first"
               f" of {prepared.steps} steps is multiplied {prepared.steps} times")
    if abs(beam.polarisation_fraction) > 1.0 and not beam.unpolarised_factor:
        yield Loud(f"polarisation: a Kahn factor of {beam.polarisation_fraction:g}, which is used as it is; there is"
                   " none beyond -1 to 1")
    if sampling.oversample_polar and beam.unpolarised_factor:
        yield Loud("polarisation: to be left out, but computed all the same, for it is taken at every step")
    yield from _water(prepared)


def _water(prepared):
    water, steps = prepared.request.crystal.water_size, prepared.scene.sampling.steps
    if not water > 0.0:
        return
    said = f"water: the background of {to_um(water):g} um"
    twice = abs(R_E_SQR * prepared.fluence - 1.0) > UNIT
    if twice and steps == 1:
        yield Loud(f"{said} counts r_e^2 x fluence twice, as in nanoBragg")
    elif steps > 1:
        also = " counts r_e^2 x fluence twice and" if twice else ""
        yield Loud(f"{said}{also} is divided by the {steps} steps of a pixel, sub-pixels included, as in nanoBragg")


def _sampling(prepared):
    used, recommended = prepared.oversample, prepared.recommended_oversample
    if used < recommended:
        yield Reported(f"sub-pixels: {used} along each edge where {recommended} resolve the spots: intensities depend"
                       " on where a spot lies on its pixels, and follow F^2 poorly")


def _corners(geometry, shape):
    """Centres of the corner pixels [m]; a curved detector is taken for its flat one, which sees as far."""
    pixel = geometry.sub_pixel_size * geometry.oversample
    slow, fast = shape
    for f in (0.5, fast - 0.5):
        for s in (0.5, slow - 0.5):
            yield tuple(o + pixel * (f * x + s * y) for o, x, y
                        in zip(geometry.origin, geometry.fast_axis, geometry.slow_axis))


def farthest(*panels):
    """Largest 1/d that a corner of the panels, each a `prepare.Prepared`, sees at the shortest wavelength [1/m]."""
    shortest, cosine = float(panels[0].scene.beam.wavelengths.min()), 1.0
    for prepared in panels:
        beam = prepared.placement.beam
        for corner in _corners(prepared.scene.geometry, prepared.shape):
            distance = magnitude(corner)
            if distance > 0.0:
                cosine = min(cosine, dot(corner, beam) / distance)
    return math.sqrt(2.0 * (1.0 - max(-1.0, cosine))) / shortest if shortest > 0.0 else 0.0


def _reach(panels):
    """A list of structure factors of one crystal that ends before all panels together do."""
    prepared = panels[0]
    factors = prepared.structure_factors
    if not factors.filled or prepared.request.beam.d_min > 0.0:
        return
    shared, scene = prepared.alike
    alone = len(panels) == 1 and prepared.scene is scene
    seen = shared.once(("farthest", prepared.oversample), lambda: farthest(prepared)) if alone else farthest(*panels)
    if not 0.0 < seen < math.inf:
        return
    lacking = []
    for name, length, low, high in zip("hkl", prepared.orientation.lengths, factors.minimum, factors.maximum):
        last = length * seen
        if min(-low, high) < math.floor((1.0 - REACH) * last):
            lacking.append(f"{name} {low}..{high} of {-math.floor(last)}..{math.floor(last)}")
    if lacking:
        yield Reported(f"structure factors: the detector sees to {to_angstrom(1.0 / seen):.3g} Angstrom, the list ends"
                       f" before ({', '.join(lacking)}): all else has the default, {factors.default:g}")


#: In their order: those that look at the words of a crystal, its cell and its orientation, and then all others.
_OF_CRYSTALS = _asked, _factors, _cell
_OF_ALL_ELSE = step_notes, _size, source_notes, _beam, _sensor, _pixels
