"""Scenes drawn at random over the whole option space, each repeatable from its name.

A scene has a window of a few thousand pixels and a bounded number of steps, whatever it has
besides.  Some are placed where bounds are hardest to keep: indices that are exactly whole numbers,
a pixel whose centre lies in the beam, spindle angles of exactly 0, amplitudes and fluences whose
products are denormal or infinite.
"""

from dataclasses import dataclass, replace
import math
import random

import numpy as np

from ..configs.orientations import random_rotations
from ..configs.structure_factors import StructureFactors
from ..scene.placement import CONVENTIONS
from ..scene.prepare import prepare
from ..scene.request import Draft, PanelRequest
from ..scene.revisions import REVISIONS
from ..scene.shot import prepare_shot
from .coverage import options_of
from .tables import draw_limit, draw_table

__all__ = ["COMPACT", "RandomScene", "random_scene", "MOST_STEPS"]

#: Names of scenes most of whose terms can be left out begin with it.
COMPACT = "compact "

#: No scene has more steps in a pixel.
MOST_STEPS = 400

VECTORS = ("beam_vector", "fast_axis", "slow_axis", "normal", "polarisation_axis", "spindle_axis",
           "twotheta_axis")


@dataclass(slots=True)
class RandomScene:
    """A scene, ready to be rendered, and the names of the options that it uses (`coverage`)."""

    name: str
    prepared: object
    options: frozenset


def _spread(r, low, high):
    """A number between two positive ones, every decade equally likely."""
    return math.exp(r.uniform(math.log(low), math.log(high)))


def _sign(r):
    return r.choice((1.0, -1.0))


# -- crystal


def _draw_cell(p, r):
    kind = r.choice(("cubic", "tetragonal", "orthorhombic", "hexagonal", "monoclinic", "triclinic", "matrix"))
    longest = r.choice((60.0, 150.0, 500.0))
    a, b, c = (round(_spread(r, 20.0, longest), 2) for _ in range(3))
    alpha = beta = gamma = 90.0
    if kind == "matrix":
        scale = p.wavelength * 1e10 / a
        p.matrix = tuple(scale * ((i % 4 == 0) + r.uniform(-0.25, 0.25)) for i in range(9))
        return
    if kind == "cubic":
        b = c = a
    elif kind in ("tetragonal", "hexagonal"):
        b, gamma = a, 90.0 if kind == "tetragonal" else 120.0
    elif kind == "monoclinic":
        beta = r.uniform(80.0, 120.0)
    elif kind == "triclinic":
        alpha, beta, gamma = (r.uniform(75.0, 110.0) for _ in range(3))
    p.cell_given = True
    p.cell_lengths = [a, b, c]
    p.cell_angles = [math.radians(v) for v in (alpha, beta, gamma)]


def _rotation(r):
    """A rotation matrix by rows, from a random quaternion."""
    w, x, y, z = (r.gauss(0.0, 1.0) for _ in range(4))
    s = 2.0 / (w * w + x * x + y * y + z * z)
    return (1.0 - s * (y * y + z * z), s * (x * y - w * z), s * (x * z + w * y),
            s * (x * y + w * z), 1.0 - s * (x * x + z * z), s * (y * z - w * x),
            s * (x * z - w * y), s * (y * z + w * x), 1.0 - s * (x * x + y * y))


def _draw_orientation(p, r):
    kind = r.choice(("aligned", "aligned", "U matrix", "angles", "angles", "random"))
    if kind == "U matrix":
        p.u_matrix = _rotation(r)
    elif kind == "angles":
        p.misset, p.misset_angles = kind, [r.uniform(-math.pi, math.pi) for _ in range(3)]
    elif kind == "random":
        p.misset, p.misset_seed = kind, r.randrange(1, 2 ** 31)


def _draw_size(p, r):
    kind = r.choice(("one", "few", "few", "tens", "tens", "thousands", "mixed", "mixed", "sample"))
    low, high = {"one": (1, 1), "few": (1, 8), "tens": (8, 99), "thousands": (1000, 5000),
                 "mixed": (1, 5000), "sample": (1, 100)}[kind]
    n = [round(_spread(r, low, high)) for _ in range(3)]
    if kind == "mixed":
        n[r.randrange(3)] = 1
    p.n_cells = [float(v) for v in n]
    if kind == "sample":
        p.sample_size = [_spread(r, 1e-9, 1e-6) for _ in range(3)]


def _draw_shape(p, r):
    p.shape = r.choice(("square", "square", "round", "gauss", "tophat"))
    if p.shape in ("gauss", "tophat") and r.random() < 0.7:
        # the product of the numbers of cells counts squared there: without this nearly all would be 0
        length = p.cell_lengths[0] or 100.0
        p.fudge = _spread(r, 0.1, 3000.0) * (2.0 * length / math.prod(p.n_cells)) ** 2
    elif r.random() < 0.3:
        p.fudge = _spread(r, 1e-3, 1e3)


# -- beam


def _draw_beam(p, r):
    low, high = r.choice(((0.1, 0.6), (0.6, 2.0), (0.6, 2.0), (2.0, 10.0)))
    p.wavelength = _spread(r, low, high) * 1e-10
    fluence = r.choice((None, None, None, None, "tiny", "huge", "flux"))
    if fluence == "tiny":
        p.fluence = _spread(r, 1e-20, 1e8)
    elif fluence == "huge":
        p.fluence = _spread(r, 1e38, 1e70)
    elif fluence == "flux":
        p.flux, p.exposure, p.beam_size = _spread(r, 1e8, 1e14), _spread(r, 1e-3, 1e2), _spread(r, 1e-6, 1e-3)
    p.polarisation_fraction = r.choice((0.0, r.uniform(-1.0, 1.0), r.uniform(-1.0, 1.0), _sign(r),
                                        _sign(r) * r.uniform(1.0, 1.6)))
    p.unpolarised_factor = r.random() < 0.2
    if r.random() < 0.12:
        p.water_size = _spread(r, 1e-7, 1e-4)


# -- detector


def _draw_detector(p, r):
    p.convention = r.choice((*CONVENTIONS, "custom"))
    p.pivot = r.choice(("beam", "sample"))
    p.pixels_f, p.pixels_s = r.randint(50, 80), r.randint(50, 80)
    if r.random() < 0.12:
        p.pixels_f, p.pixels_s = r.randint(200, 400), r.randint(200, 400)
        fast, slow = r.randint(0, 130), r.randint(0, 130)
        p.roi = [fast, fast + r.randint(50, 69), slow, slow + r.randint(50, 69)]
    p.pixel_size = _spread(r, 1e-5, 5e-3)
    p.distance = _spread(r, 0.01, 1.0)
    if r.random() < 0.4:
        p.beam_x, p.beam_y = (p.pixel_size * r.uniform(-60.0, 140.0) for _ in range(2))
    if r.random() < 0.15:
        p.origin_x, p.origin_y = (r.uniform(-60.0, 140.0) for _ in range(2))
    if r.random() < 0.12:
        p.close_distance = r.choice((1.0, 1.0, -1.0)) * p.distance * r.uniform(0.8, 1.0)
    if r.random() < 0.3:
        p.rotation_x, p.rotation_y, p.rotation_z = (r.uniform(-0.6, 0.6) for _ in range(3))
    if r.random() < 0.2:
        p.twotheta = r.uniform(-1.6, 1.6)
    if p.convention == "custom":
        for name in VECTORS:
            scale = r.choice((1.0, 1.0, 3.0))
            setattr(p, name, tuple(scale * x + r.uniform(-0.2, 0.2) for x in getattr(p, name)))
    p.curved = r.random() < 0.12
    p.point_pixel = r.random() < 0.12
    if r.random() < 0.12:
        share = r.random()
        p.mask = np.random.RandomState(r.getrandbits(32)).random_sample((p.pixels_s, p.pixels_f)) < share


# -- what is summed; each returns the number of steps that it takes of those that there is room for


def _draw_sub_pixels(p, r, room):
    p.oversample = r.choice([n for n in (2, 3, 3, 4, 4, 4) if n * n <= room] or [1])
    return p.oversample ** 2


def _draw_sensor(p, r, room):
    if room < 2:
        return 1
    p.sensor_thickness = _spread(r, 1e-6, 2e-3)
    p.sensor_layers = r.randint(2, min(room, 5))
    if r.random() < 0.7:
        p.attenuation = _spread(r, 1.0, 1e5)
    return p.sensor_layers


def _draw_sources(p, r, room):
    if r.random() < 0.4:
        n = r.randint(1, min(room, 12))
        rows = [[r.uniform(-9.0, -8.0), r.uniform(-0.2, 0.2), r.uniform(-0.2, 0.2), r.random(),
                 p.wavelength * r.uniform(0.95, 1.05)] for _ in range(n)]
        if p.convention in ("adxv", "xds", "dials"):
            rows = [[z, y, x, *rest] for x, y, z, *rest in rows]
        p.sources = np.array([[math.nan if r.random() < 0.1 else v for v in row] for row in rows])
        return n
    n = 1
    for axis in r.sample(("h", "v", "dispersion"), 3):
        count = r.randint(2, 6)
        if n * count > room or r.random() < 0.2:
            continue
        n *= count
        if axis == "dispersion":
            p.dispersion, p.dispersion_steps = _spread(r, 1e-4, 0.1), count
        else:
            setattr(p, f"divergence_{axis}", _spread(r, 1e-5, 0.03))
            setattr(p, f"divergence_{axis}_steps", count)
    p.round_divergence = r.random() < 0.5
    return n


def _draw_spindle(p, r, room):
    if room < 2:
        p.phi_start = r.uniform(-3.0, 3.0)
        return 1
    p.phi_steps = r.randint(2, min(room, 8))
    # a power of two, so that a start a whole number of steps away leads to exactly 0
    p.phi_step = 2.0 ** -r.randint(2, 14)
    p.oscillation = p.phi_step * p.phi_steps
    p.phi_start = r.choice((r.uniform(-3.0, 3.0), -r.randrange(p.phi_steps) * p.phi_step))
    return p.phi_steps


def _draw_domains(p, r, room):
    p.mosaic_spread = _spread(r, 1e-5, 0.1)
    p.mosaic_domains = r.randint(1, min(room, 40))
    p.mosaic_seed = r.randrange(1, 2 ** 31)
    return p.mosaic_domains


def _draw_steps(p, r):
    room = r.choice((1, 1, 1, 16, 16, 48, 48, 250))
    p.oversample = 1
    axes = (_draw_sub_pixels, _draw_sensor, _draw_sources, _draw_spindle, _draw_domains)
    for axis in r.sample(axes, len(axes)):
        if r.random() < (0.9 if axis is _draw_sub_pixels else 0.7):
            room = max(room // axis(p, r, room), 1)
    if p.oversample == 1 and r.random() < 0.4:
        p.oversample = -1
    p.oversample_thick = r.random() < (0.4 if p.sensor_thickness > 0.0 else 0.02)
    p.oversample_polar = r.random() < 0.2
    p.oversample_omega = r.random() < 0.2
    if r.random() < 0.14:
        p.revision = next(row.name for row in REVISIONS if row.flags_multiply_running_sum)
        if r.random() < 0.6:
            # its flags multiply the running sum, which is for the strict evaluator alone
            p.oversample_thick = p.oversample_polar = p.oversample_omega = False


# -- the hardest places


def _place_exactly(p, r):
    """A detector of round numbers: a pixel's centre in the beam, or seen at exactly 90 degrees."""
    plain = Draft()
    p.convention, p.pivot, p.oversample = "custom", "sample", 1
    names = [*VECTORS, "rotation_x", "rotation_y", "rotation_z", "twotheta", "origin_x", "origin_y"]
    if r.random() < 0.7:
        # the beam's own direction alone
        names += ["sources", "dispersion", "dispersion_steps", "divergence_h", "divergence_h_steps",
                  "divergence_v", "divergence_v_steps"]
    for name in names:
        setattr(p, name, getattr(plain, name))
    p.pixel_size = 2.0 ** -r.randint(8, 16)
    p.distance = p.close_distance = 2.0 ** -r.randint(1, 6)
    p.beam_x, p.beam_y = ((max(first, 0) + r.randint(0, 49) + 0.5) * p.pixel_size for first in p.roi[::2])
    if r.random() < 0.5:
        return
    # at 90 degrees, with a crystal of right angles whose edges are so many wavelengths
    p.normal, p.fast_axis = (0.0, 0.0, 1.0), (-1.0, 0.0, 0.0)
    p.curved = False
    p.matrix = p.u_matrix = None
    p.misset = "none"
    p.phi_start = 0.0
    edge = float(r.randint(20, 200))
    p.cell_given, p.cell_angles = True, [0.0] * 3
    p.cell_lengths = [edge, edge * r.choice((1.0, 1.0, 2.0)), edge]
    p.wavelength = edge / r.randint(max(math.ceil(edge / 10.0), 8), 200) * 1e-10
    if p.sources is not None:
        p.sources = np.full((len(p.sources), 5), math.nan)


# -- what the C program does not have


def _draw_spectrum(p, r):
    n = r.randint(2, 5)
    # a wide range of weights, or equal ones, which are exactly 1
    weights = [math.exp(r.uniform(-8.0, 2.0)) for _ in range(n)] if r.random() < 0.8 else [1.0] * n
    mean = math.fsum(weights) / n
    p.spectrum = np.array([(p.wavelength * r.uniform(0.95, 1.05), w / mean) for w in weights])


def _draw_mosaicity(p, r):
    kind = r.choice(("gaussian", "anisotropic", "given"))
    if kind == "given":
        p.mosaic_rotations = random_rotations(p.mosaic_domains, r.getrandbits(32)).reshape(-1, 9)
        return
    p.mosaicity, p.mosaic_low_discrepancy = kind, r.random() < 0.5
    if kind == "anisotropic":
        p.mosaic_spreads = tuple(p.mosaic_spread * r.uniform(0.1, 1.0) for _ in range(3))
        p.mosaic_domains += p.mosaic_domains % 2


def _draw_own(p, r):
    if p.sources is None and p.dispersion == 0.0 and r.random() < 0.2:
        _draw_spectrum(p, r)
    if p.shape in ("gauss", "tophat") and r.random() < 0.4:
        p.spot_metric, p.fudge = "hkl", _spread(r, 1e-3, 3.0)
    if r.random() < 0.3:
        if p.mosaic_domains < 2:
            p.mosaic_spread, p.mosaic_domains = _spread(r, 1e-5, 0.1), 2
        _draw_mosaicity(p, r)


def _on_panel(prepared, factors, r):
    """The scene on a panel near the place of its plane: other pitches, not at right angles, layers that fill it."""
    placement, request = prepared.placement, prepared.request
    size = request.detector.pixel_size

    def pitch(axis, other):
        scale, skew = size * r.uniform(0.9, 1.1), r.uniform(-0.05, 0.05)
        return tuple(scale * (a + skew * b) for a, b in zip(axis, other))

    layers = r.randint(1, max(1, min(5, MOST_STEPS * prepared.counts.layers // prepared.steps)))
    origin = tuple(v + size * r.uniform(-1.0, 1.0) for v in placement.origin)
    panel = PanelRequest(plane=request.detector, origin=origin, fast=pitch(placement.fast, placement.slow),
                         slow=pitch(placement.slow, placement.fast), layers=layers)
    (found,), = prepare_shot([(request.crystal, factors, 1.0)], [panel], request)
    return found


def _with_attenuations(prepared, r):
    """The scene with a sensor that absorbs each wavelength in its own way."""
    scene = prepared.scene
    mean = scene.geometry.attenuation
    found = np.array([mean * r.uniform(0.2, 5.0) for _ in scene.beam.wavelengths])
    sampling = scene.sampling._replace(oversample_thick=True, running_product=False)
    return replace(prepared, scene=scene._replace(beam=scene.beam._replace(attenuations=found), sampling=sampling))


def _sensor_of_own(prepared, factors, r):
    if not prepared.request.detector.curved and r.random() < 0.25:
        prepared = _on_panel(prepared, factors, r)
    if prepared.counts.thickness > 0.0 and len(prepared.scene.beam.wavelengths) > 1 and r.random() < 0.9:
        prepared = _with_attenuations(prepared, r)
    return prepared


# -- all of it


def _draw(r, own):
    """A draft, and whether it is placed exactly.

    What the C program does not have is drawn from numbers of its own (`own`), after all else.
    """
    p = Draft()
    for draw in (_draw_beam, _draw_cell, _draw_orientation, _draw_size, _draw_shape, _draw_detector,
                 _draw_steps):
        draw(p, r)
    exactly = r.random() < 0.23
    if exactly:
        _place_exactly(p, r)
    else:
        _draw_own(p, own)
    return p, exactly


# -- compact spots in fine pixels, most of whose terms reach no pixel


def _draw_compact(p, r):
    """A crystal of many orientations whose spots are small beside their distance, and many pixels."""
    for draw in (_draw_beam, _draw_cell, _draw_orientation, _draw_detector):
        draw(p, r)
    p.shape = r.choice(("gauss", "gauss", "tophat"))
    size = _spread(r, 6.0, 150.0)
    p.n_cells = [float(max(round(size * r.uniform(0.5, 1.5)), 1)) for _ in range(3)]
    if r.random() < 0.1:
        p.n_cells[r.randrange(3)] = 1.0
    length = p.cell_lengths[0] or 100.0
    if r.random() < 0.5:
        p.spot_metric, p.fudge = "hkl", r.choice((1.0, _spread(r, 0.1, 10.0)))
    else:
        # spots of this metric are narrower by all cells of the other two axes
        p.fudge = (size * length / math.prod(p.n_cells)) ** 2 * _spread(r, 0.3, 3.0)
    p.pixels_f, p.pixels_s, p.roi = r.randint(60, 260), r.randint(60, 260), Draft().roi
    if p.mask is not None:
        p.mask = np.random.RandomState(r.getrandbits(32)).random_sample((p.pixels_s, p.pixels_f)) < r.random()
    # what an index changes by from one pixel to the next
    p.pixel_size = _spread(r, 0.002, 0.3) * p.wavelength * 1e10 / length * p.distance
    if r.random() < 0.8:
        p.beam_x, p.beam_y = (p.pixel_size * r.uniform(-2000.0, 2000.0) for _ in range(2))
    p.oversample = 1
    for axis, room in ((_draw_sub_pixels, 4), (_draw_sensor, 3), (_draw_sources, 3), (_draw_spindle, 3)):
        if r.random() < 0.15:
            axis(p, r, room)
    p.mosaic_spread, p.mosaic_domains = _spread(r, 1e-4, 0.05), r.randint(8, 24)
    p.mosaic_seed = r.randrange(1, 2 ** 31)
    p.oversample_thick = r.random() < (0.4 if p.sensor_thickness > 0.0 else 0.02)
    p.oversample_polar, p.oversample_omega = r.random() < 0.1, r.random() < 0.1


def _compact_scene(name, r):
    p = Draft()
    _draw_compact(p, r)
    prepared = _few_steps(p, StructureFactors.constant(1.0))
    p.d_min = draw_limit(prepared, r)
    factors, _ = draw_table(prepared, r)
    p.interpolation = False
    prepared = _few_steps(p, factors)
    return RandomScene(name, prepared, options_of(prepared))


def _few_steps(p, factors):
    """The scene, with as many sub-pixels as it asks for unless that is too many."""
    prepared = prepare(p.freeze(), factors)
    if prepared.steps > MOST_STEPS:
        p.oversample = 1
        prepared = prepare(p.freeze(), factors)
    if prepared.steps > MOST_STEPS:
        p.spectrum = None
        prepared = prepare(p.freeze(), factors)
    if prepared.steps > MOST_STEPS:
        raise ValueError("domains, spindle steps, layers and sources are too many together")
    return prepared


def random_scene(name):
    """Draw a scene.

    Parameters
    ----------
    name : str
        Any text; the same text gives the same scene.  If it begins with COMPACT, one of compact spots in fine pixels.

    Returns
    -------
    RandomScene
    """
    r, own = random.Random(f"numbragg {name}"), random.Random(f"numbragg's own {name}")
    while True:
        if name.startswith(COMPACT):
            try:
                return _compact_scene(name, r)
            except ValueError:
                continue
        p, exactly = _draw(r, own)
        try:
            prepared = _few_steps(p, StructureFactors.constant(1.0))
            p.d_min = draw_limit(prepared, r)
            factors, p.interpolation = draw_table(prepared, r)
            prepared = _few_steps(p, factors)
            if not exactly:
                prepared = _sensor_of_own(prepared, factors, own)
        except ValueError:
            # no such cell, or a beam in the detector's plane
            continue
        return RandomScene(name, prepared, options_of(prepared))
