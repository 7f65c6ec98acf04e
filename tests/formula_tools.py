"""Functions shared by the tests that compare formulas with the oracle: bits, settings drawn at random."""

import math
import random
import struct

import naive
import naive_arguments
import numba
import numpy as np

from numbragg.configs.structure_factors import StructureFactors
from numbragg.scene.prepare import prepare
from numbragg.scene.request import Draft

__all__ = ["vars_of", "U", "INTERPRETED", "SPECIAL", "CONVENTIONS", "bits", "image_bits", "ulps", "vector", "draw_cell",
           "draw_detector", "draw_orientation", "draw_parameters", "draw_factors", "factors_for_oracle",
           "oracle_scene", "prepared_scene", "prepared_example"]

#: Unit roundoff of double precision: one operation is within U, relatively, or half an ulp.
U = 2.0 ** -53

#: True where kernels run as plain Python, which raises where the processor would go on.
INTERPRETED = bool(numba.config.DISABLE_JIT)

SPECIAL = (0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1e-300, -1e-300, 5e-324, 1e-17, 1e17, -1e17, 1e300, math.inf,
           -math.inf, math.nan)

CONVENTIONS = ("mosflm", "adxv", "denzo", "xds", "dials", "custom")


def bits(value):
    """A number, or any nest of them, as text that is equal only for the same bits (any two NaN are)."""
    if isinstance(value, (tuple, list, np.ndarray)):
        return tuple(bits(v) for v in value)
    value = float(value)
    return "nan" if math.isnan(value) else struct.pack(">d", value).hex()


def image_bits(image):
    """The float32 bits of an image, all NaN alike."""
    image = np.where(np.isnan(image), np.float32(np.nan), image)
    return image.view(np.uint32).tolist()


def ulps(value, true):
    """Error of a double in units of the last place of the true value (an mpmath number)."""
    return abs(float((value - true) / math.ulp(float(true))))


# -- settings at random; `r` is a seeded random.Random


def vector(r, size=1.0):
    """Three numbers within -size..size."""
    return tuple(r.uniform(-size, size) for _ in range(3))


def _maybe(r, chance, value, otherwise):
    return value() if r.random() < chance else otherwise


def draw_cell(p, r):
    """A unit cell, a matrix or both."""
    p.cell_given = r.random() < 0.7
    if p.cell_given:
        p.cell_lengths = [r.uniform(20.0, 120.0), *(_maybe(r, 0.8, lambda: r.uniform(20.0, 120.0), 0.0)
                                                     for _ in range(2))]
        p.cell_angles = [_maybe(r, 0.5, lambda: math.radians(r.uniform(75.0, 115.0)), 0.0) for _ in range(3)]
    if not p.cell_given or r.random() < 0.2:
        p.matrix = tuple(r.uniform(-0.03, 0.03) + 0.03 * (i % 4 == 0) for i in range(9))


def draw_orientation(p, r):
    """A U matrix, misset angles, a random orientation, or none of them."""
    if r.random() < 0.2:
        p.u_matrix = tuple(r.uniform(-1.0, 1.0) for _ in range(9))
    p.misset = r.choice(("none", "angles", "angles", "random"))
    p.misset_angles = [_maybe(r, 0.8, lambda: r.uniform(-4.0, 4.0), 0.0) for _ in range(3)]
    p.misset_seed = r.choice((0, 1, -1, -7, 54321, r.randrange(2 ** 40)))


def draw_detector(p, r):
    """Size, place and attitude of the detector."""
    p.convention = r.choice(CONVENTIONS)
    p.pixel_size = r.choice((1e-4, 1e-3, 4e-3, r.uniform(1e-4, 5e-3)))
    if r.random() < 0.8:
        p.pixels_f, p.pixels_s = r.randint(3, 6), r.randint(3, 5)
    else:
        p.detector_size_f, p.detector_size_s = (p.pixel_size * r.uniform(3.0, 5.0) for _ in range(2))
    p.distance = r.choice((0.1, 0.06, -0.1, r.uniform(0.03, 0.5)))
    size = p.pixel_size * 5
    for name, spread in (("close_distance", 0.2), ("beam_x", size), ("beam_y", size), ("close_x", size),
                         ("close_y", size), ("origin_x", 5.0), ("origin_y", 5.0)):
        if r.random() < 0.25:
            setattr(p, name, r.uniform(-0.5 * spread, spread))
    for name in ("rotation_x", "rotation_y", "rotation_z", "twotheta"):
        if r.random() < 0.3:
            setattr(p, name, r.choice((r.uniform(-0.3, 0.3), r.uniform(-4.0, 4.0))))
    p.pivot = r.choice(("beam", "sample"))
    for name in ("beam_vector", "fast_axis", "slow_axis", "normal", "polarisation_axis", "spindle_axis",
                 "twotheta_axis"):
        if r.random() < 0.4:
            old = getattr(p, name)
            scale = r.choice((1.0, 3.0))
            setattr(p, name, tuple(scale * x + r.uniform(-0.2, 0.2) for x in old))
    p.curved = r.random() < 0.2
    p.point_pixel = r.random() < 0.15


def _draw_steps(p, r):
    if r.random() < 0.35:
        p.phi_start = r.choice((0.0, r.uniform(-1.0, 1.0), -0.02))
        p.oscillation = r.choice((-1.0, 0.0, 0.04, r.uniform(0.0, 0.2)))
        p.phi_step = r.choice((-1.0, -1.0, 0.0, 0.02))
        p.phi_steps = r.choice((-1, 0, 1, 2, 3, 5))
    if r.random() < 0.3:
        p.mosaic_spread = r.choice((-1.0, 0.0, r.uniform(0.0, 0.1)))
        p.mosaic_domains = r.choice((-1, 0, 1, 2, 3))
        p.mosaic_seed = r.choice((12345678, 0, -3, r.randrange(10 ** 6)))
    for axis in "hv":
        if r.random() < 0.25:
            setattr(p, f"divergence_{axis}", r.choice((-1.0, 0.0, r.uniform(0.0, 0.02))))
            setattr(p, f"divergence_{axis}_step", r.choice((-1.0, -1.0, 0.004, 0.011)))
            setattr(p, f"divergence_{axis}_steps", r.choice((-1, 1, 2, 3)))
    p.round_divergence = r.random() < 0.6
    if r.random() < 0.25:
        p.dispersion, p.dispersion_steps = r.choice((0.0, r.uniform(0.0, 0.1))), r.choice((-1, 1, 2, 3))
    if r.random() < 0.2:
        p.sources = np.array([[-10.0 + r.uniform(-0.1, 0.1), r.uniform(-0.3, 0.3), r.uniform(-0.3, 0.3),
                               r.random(), r.uniform(0.8e-10, 3e-10)] for _ in range(r.randint(1, 3))])
        p.sources[[[r.random() < 0.2 for _ in row] for row in p.sources]] = math.nan


def _draw_beam(p, r):
    p.wavelength = r.choice((1e-10, 6.2e-10, r.uniform(0.7e-10, 3e-10)))
    p.fluence = r.choice((p.fluence, 10.0 ** r.uniform(10.0, 34.0)))
    if r.random() < 0.2:
        p.flux, p.exposure, p.beam_size = 10.0 ** r.uniform(8.0, 14.0), r.choice((1.0, 0.1, 0.0)), r.choice(
            (1e-4, 5e-6, -1.0))
    p.polarisation_fraction = r.choice((0.0, 0.0, 1.0, -1.0, 0.95, r.uniform(-1.2, 1.2)))
    p.unpolarised_factor = r.random() < 0.25
    p.d_min = _maybe(r, 0.15, lambda: 10.0 ** r.uniform(-10.0, -8.5), 0.0)


def _draw_sampling(p, r):
    p.oversample = r.choice((1, 1, 1, 2, 2, 3, -1))
    for name in ("oversample_thick", "oversample_polar", "oversample_omega"):
        setattr(p, name, r.random() < 0.25)
    if r.random() < 0.35:
        p.sensor_thickness = r.choice((0.0, -1.0, 3e-4, r.uniform(0.0, 1e-3)))
        p.sensor_layers = r.choice((-1, 1, 2, 3))
        p.attenuation = r.choice((-1.0, -1.0, 0.0, 10.0 ** r.uniform(1.0, 6.0)))
    p.interpolation = r.choice((None, None, True, False))
    p.revision = r.choice(("fixed", "main"))


def draw_parameters(seed, most_steps=400):
    """Settings of a tiny scene, any option on or off; redrawn where they make too many steps or none."""
    r = random.Random(seed)
    while True:
        p = Draft()
        draw_cell(p, r)
        draw_orientation(p, r)
        draw_detector(p, r)
        _draw_steps(p, r)
        _draw_beam(p, r)
        _draw_sampling(p, r)
        p.n_cells = [float(r.choice((0, 1, 2, 3, 5, 8, 20))) for _ in range(3)]
        if r.random() < 0.15:
            p.sample_size = [r.uniform(0.0, 3e-8) for _ in range(3)]
        p.shape = r.choice(("square", "square", "round", "gauss", "tophat"))
        p.fudge = r.choice((1.0, 1.0, 0.5, r.uniform(0.0, 3.0)))
        p.water_size = _maybe(r, 0.2, lambda: r.uniform(0.0, 2e-5), 0.0)
        if r.random() < 0.2:
            p.roi = [r.choice((-1, 0, 1)), r.choice((-1, 2, 9)), r.choice((-1, 0, 1)), r.choice((-1, 2, 9))]
        fast, slow = naive.detector_size(p)[:2]
        if r.random() < 0.15:
            mask = [[r.choice((0, 1, 1, 65535)) for _ in range(fast)] for _ in range(slow)]
            p.mask = np.array(mask, np.uint16)
        domains, angles = naive_arguments.orientations(p)
        s = naive.scene(p, umats=domains, misset_angles=angles)
        if 0 < s.steps * s.counts["sensor"][0] <= most_steps:
            return p


def draw_factors(seed):
    """Structure factors: one for all, or a box of them about the origin."""
    r = random.Random(f"factors {seed}")
    default = r.choice((0.0, 100.0, r.uniform(-50.0, 50.0)))
    if r.random() < 0.4:
        return StructureFactors.constant(default or 10.0)
    sizes = [r.choice((1, 3, 6, 9, 20, 40)) for _ in range(3)]
    low = [-(n // 2) + r.randint(-1, 1) for n in sizes]
    values = [r.gauss(0.0, 100.0) * (r.random() < 0.9) for _ in range(sizes[0] * sizes[1] * sizes[2])]
    return StructureFactors.from_array(np.reshape(values, sizes), low, default)


def vars_of(p):
    """Names of the settings."""
    return list(p.__slots__)


# -- the same scene for both sides


def factors_for_oracle(factors):
    """Structure factors as keywords of the oracle."""
    if not factors.filled:
        return {"default_f": factors.default}
    return {"table": factors.table.tolist(), "hkl_min": factors.minimum, "hkl_max": factors.maximum,
            "default_f": factors.default}


def oracle_scene(p, factors):
    """The oracle's scene, its random orientations drawn by the oracle's generator."""
    domains, angles = naive_arguments.orientations(p)
    return naive.scene(p, umats=domains, misset_angles=angles, **factors_for_oracle(factors))


def prepared_scene(p, factors=None):
    """The program's scene."""
    return prepare(p.freeze(), StructureFactors.constant(100.0) if factors is None else factors)


def prepared_example(**settings):
    """A prepared scene of an orthorhombic crystal on a 5 by 4 detector, with settings of one's own."""
    asked = {"cell_given": True, "cell_lengths": [40.0, 50.0, 60.0], "pixels_f": 5, "pixels_s": 4,
             "pixel_size": 2e-3, "oversample": 1, "n_cells": [5.0, 4.0, 3.0]}
    return prepared_scene(Draft(**(asked | settings)))


def alter(record, **fields):
    """Change a frozen record in place, for scenes that are made by hand."""
    for name, value in fields.items():
        object.__setattr__(record, name, value)
