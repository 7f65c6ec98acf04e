"""From a prepared shot to what files say of it, in the frame of NeXus.

The laboratory of the simulation is turned there by the least rotation, as `Detector.in_convention` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
import json
from typing import Any

import numpy as np

from ..io.experiment import CrystalTruth, Experiment, PanelPlace
from ..io.json_text import json_ready
from ..kernels.arithmetic.vectors import unit
from ..scene.materials import MATERIALS
from ..scene.matrices import product, sum_in_order
from ..scene.placement import least_turn
from ..scene.units import to_angstrom, to_degrees, to_mm, to_um
from . import truth

__all__ = ["computed", "describe", "with_background"]


def describe(shot: Sequence[Sequence[Any]]) -> Experiment:
    """The surroundings of a prepared shot.

    Parameters
    ----------
    shot : sequence of tuple of scene.Prepared
        For each panel its crystals.

    Returns
    -------
    Experiment

    Raises
    ------
    ValueError
        If the detector is curved, which no file can say.
    """
    first = shot[0][0]
    if first.request.detector.curved:
        raise ValueError("detector: is curved, and files know flat panels only")
    turn = least_turn(unit(first.placement.beam)[0], (0.0, 0.0, 1.0))
    matrix = np.array([turn(axis) for axis in ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))]).T
    crystal, counts, beam = first.request.crystal, first.counts, first.request.beam
    return Experiment(
        panels=tuple(_panel(panel[0], turn) for panel in shot), wavelength_angstrom=to_angstrom(beam.wavelength),
        spectrum=_spectrum(first), fluence=first.fluence, exposure_s=beam.exposure if beam.exposure > 0.0 else 1.0,
        polarisation_fraction=None if beam.unpolarised_factor else beam.polarisation_fraction,
        polarisation_axis=turn(first.placement.polarisation), spindle_axis=turn(first.placement.spindle),
        phi_start_deg=to_degrees(crystal.phi_start), oscillation_deg=to_degrees(max(counts.oscillation, 0.0)),
        phi_deg=truth.phi_deg(first), crystals=tuple(_crystal(prepared, matrix) for prepared in shot[0]), turn=matrix,
        convention=first.placement.convention)


def _panel(prepared: Any, turn: Any) -> PanelPlace:
    place, geometry = prepared.placement, prepared.scene.geometry
    size = to_mm(place.pixel_size)
    fast, slow = (tuple(size * v for v in turn(axis)) for axis in (place.fast, place.slow))
    origin = tuple(to_mm(o) + geometry.first_fast * f + geometry.first_slow * s
                   for o, f, s in zip(turn(place.origin), fast, slow))
    return PanelPlace(pixels=(prepared.shape[1], prepared.shape[0]), origin_mm=origin, fast_mm=fast, slow_mm=slow,
                      thickness_um=to_um(prepared.counts.thickness), material=_material(prepared),
                      mask=computed(prepared), depth_um=_depth_um(prepared))


def _material(prepared: Any) -> str:
    """The formula of a sensor's material."""
    name = prepared.request.detector.sensor_material
    return MATERIALS[name.lower()][0] if name else ""


def _depth_um(prepared: Any) -> float:
    """Depth at which 1/e of photons are left, of several wavelengths that of the mean attenuation; 0: not known."""
    beam, attenuation = prepared.scene.beam, prepared.scene.geometry.attenuation
    if len(beam.attenuations):
        weights = beam.weights.tolist() if len(beam.weights) else [1.0] * len(beam.attenuations)
        attenuation = sum_in_order(w * v for w, v in zip(weights, beam.attenuations.tolist())) / sum_in_order(weights)
    return to_um(1.0 / attenuation) if prepared.counts.thickness > 0.0 and attenuation > 0.0 else 0.0


def computed(prepared: Any) -> Any:
    """Pixels that were computed, not zero; None where all were."""
    slow, fast = prepared.shape
    window = prepared.window
    if window.pixels == slow * fast:
        return prepared.mask
    mask = np.zeros((slow, fast), np.uint8)

    window.of(mask)[...] = 1 if prepared.mask is None else window.of(prepared.mask)
    return mask


def _spectrum(prepared: Any) -> tuple[Any, Any]:
    """Wavelengths, ascending, and their shares; those of all directions together."""
    found = truth.sources(prepared)
    wavelengths, places = np.unique(found.wavelengths_angstrom, return_inverse=True)
    weights = np.zeros(len(wavelengths))
    np.add.at(weights, places, found.weights)
    return wavelengths, weights


def _crystal(prepared: Any, matrix: Any) -> CrystalTruth:
    return CrystalTruth(
        cell=truth.cell(prepared), a_matrix=product(matrix, truth.a_matrix(prepared)),
        mosaic_rotations=np.array([product(product(matrix, rotation), matrix.T)
                                   for rotation in truth.mosaic_rotations(prepared)]),
        mosaic_seed=prepared.request.crystal.mosaic_seed,
        misset_seed=prepared.request.crystal.misset_seed if prepared.request.crystal.misset == "random" else None)


def with_background(experiment: Experiment, account: dict[str, Any] | None) -> Experiment:
    """The same with the account of a background (`background.ground.Ground.account`), if there is one."""
    return experiment if account is None else replace(experiment, background=json.dumps(json_ready(account)))
