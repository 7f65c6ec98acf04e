"""Hypothesis strategies for scenes: cells, crystals, beams, detectors, sampling, structure factors.

Scenes are small (some hundred pixels, some dozen steps each) and reach over the whole option space.
"""

from dataclasses import dataclass, fields

from hypothesis import assume
from hypothesis import strategies as st
import numpy as np

import numbragg as nb


def numbers(low, high, digits=3):
    """Floats from a coarse grid: as different as any, and short in messages."""
    return st.integers(round(low * 10 ** digits), round(high * 10 ** digits)).map(lambda n: n / 10 ** digits)


def maybe(strategy):
    """None or what the strategy gives."""
    return st.none() | strategy


@st.composite
def cells(draw):
    """Unit cells that exist."""
    lengths = draw(st.tuples(*[numbers(20.0, 150.0, 1)] * 3))
    angles = draw(st.sampled_from(["right", "monoclinic", "triclinic", "hexagonal"]))
    if angles == "right":
        return lengths + (90.0, 90.0, 90.0)
    if angles == "hexagonal":
        return (lengths[0], lengths[0], lengths[2], 90.0, 90.0, 120.0)
    if angles == "monoclinic":
        return lengths + (90.0, draw(numbers(75.0, 120.0, 2)), 90.0)
    return lengths + draw(st.tuples(*[numbers(70.0, 110.0, 2)] * 3))


@st.composite
def crystals(draw, **fixed):
    """Crystals of all shapes, still or turning, with and without mosaic domains."""
    settings = dict(
        cell=draw(cells()), n_cells=draw(st.tuples(*[st.integers(1, 12)] * 3)),
        shape=draw(st.sampled_from(["square", "round", "gauss", "tophat"])), fudge=draw(numbers(0.5, 2.0, 1)))
    if draw(st.booleans()):
        settings["misset_deg"] = draw(st.tuples(*[numbers(-180.0, 180.0, 1)] * 3))
    elif draw(st.booleans()):
        settings["random_misset_seed"] = draw(st.integers(0, 10 ** 6))
    if draw(st.booleans()):
        settings |= dict(mosaic_spread_deg=draw(numbers(0.0, 3.0, 2)), mosaic_domains=draw(st.integers(1, 4)),
                         mosaic_seed=draw(st.integers(0, 10 ** 6)))
    if draw(st.booleans()):
        settings |= dict(phi_start_deg=draw(st.sampled_from([0.0, -1.0, 30.0])),
                         phi_steps=draw(st.integers(1, 3)), oscillation_deg=draw(numbers(0.0, 2.0, 2)))
    return nb.Crystal(**(settings | fixed))


@st.composite
def beams(draw, **fixed):
    """Beams of one or several wavelengths and directions."""
    settings = dict(wavelength_angstrom=draw(numbers(0.5, 6.0, 2)),
                    polarisation_fraction=draw(maybe(numbers(-1.0, 1.0, 2))),
                    d_min_angstrom=draw(st.sampled_from([0.0, 0.0, 15.0, 60.0])))
    if draw(st.booleans()):
        settings |= dict(dispersion_percent=draw(numbers(0.1, 5.0, 1)),
                         dispersion_steps=draw(st.integers(1, 3)))
    if draw(st.booleans()):
        settings |= dict(divergence_h_mrad=draw(numbers(0.1, 5.0, 1)),
                         divergence_h_steps=draw(st.integers(2, 3)), round_divergence=draw(st.booleans()))
    return nb.Beam(**(settings | fixed))


CONVENTIONS = ("mosflm", "adxv", "denzo", "xds", "dials", "custom")


@st.composite
def detectors(draw, **fixed):
    """Small detectors in every convention, flat or curved, tilted, with and without a sensor."""
    settings = dict(
        pixels=(draw(st.integers(1, 24)), draw(st.integers(1, 20))), pixel_mm=draw(numbers(0.05, 2.0, 2)),
        distance_mm=draw(numbers(20.0, 300.0, 1)), convention=draw(st.sampled_from(CONVENTIONS)),
        pivot=draw(st.sampled_from(["beam", "sample"])), curved=draw(st.booleans()),
        point_pixel=draw(st.booleans()))
    if draw(st.booleans()):
        settings["beam_centre_mm"] = draw(st.tuples(*[numbers(-5.0, 30.0, 2)] * 2))
    if draw(st.booleans()):
        settings |= dict(rotation_deg=draw(st.tuples(*[numbers(-20.0, 20.0, 1)] * 3)),
                         twotheta_deg=draw(numbers(-30.0, 30.0, 1)))
    if draw(st.booleans()):
        settings |= dict(sensor_thickness_um=draw(numbers(10.0, 500.0, 0)),
                         sensor_layers=draw(st.integers(2, 3)),
                         attenuation_depth_um=draw(numbers(50.0, 500.0, 0)))
    return nb.Detector(**(settings | fixed))


@st.composite
def samplings(draw, **fixed):
    """Sub-pixels, factors per step, interpolation."""
    settings = dict(
        oversample=draw(st.integers(1, 3)), interpolation=draw(st.sampled_from([None, True, False])),
        per_step=draw(st.lists(st.sampled_from(["capture", "polarisation", "solid_angle"]), unique=True)))
    return nb.Sampling(**(settings | fixed))


@st.composite
def amplitude_tables(draw):
    """Dense arrays of amplitudes and the indices of their first entry."""
    shape = draw(st.tuples(*[st.integers(1, 12)] * 3))
    minimum = draw(st.tuples(*[st.integers(-8, 2)] * 3))
    seed = draw(st.integers(0, 1000))
    return np.random.default_rng(seed).uniform(-100.0, 300.0, shape).round(2), minimum


@st.composite
def structure_factors(draw):
    """One amplitude everywhere, or a table with a default."""
    default = draw(st.sampled_from([0.0, 1.0, 57.5]))
    if draw(st.booleans()):
        return nb.StructureFactors.constant(default or 100.0)
    table, minimum = draw(amplitude_tables())
    return nb.StructureFactors.from_array(table, minimum, default)


@dataclass
class SceneConfigs:
    """The arguments of `numbragg.simulate`."""

    crystal: object
    beam: object
    detector: object
    structure_factors: object
    sampling: object

    def simulate(self, **options):
        """The image."""
        return nb.simulate(self.crystal, self.beam, self.detector, self.structure_factors,
                           sampling=self.sampling, **options)

    def simulator(self, **options):
        """A `numbragg.Simulator`; what it needs besides is `crystal`."""
        return nb.Simulator(self.detector, self.beam, self.structure_factors, sampling=self.sampling,
                            **options)


@st.composite
def scenes(draw, **strategies):
    """Scenes; keywords replace the strategy of one part."""
    parts = dict(crystal=crystals(), beam=beams(), detector=detectors(),
                 structure_factors=structure_factors(), sampling=samplings()) | strategies
    scene = SceneConfigs(**{name: draw(strategy) for name, strategy in parts.items()})
    # a divergence of zero or an ellipse without points leaves no source at all, which is refused
    try:
        scene.simulator().prepare(scene.crystal)
    except ValueError as error:
        assume(not str(error).startswith(("steps:", "impossible cell")))
        raise
    return scene


def with_fields(config, **changes):
    """A configuration with some fields changed."""
    return type(config)(**({item.name: getattr(config, item.name) for item in fields(config)} | changes))
