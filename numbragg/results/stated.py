"""What files without a header of their own say of an image: geometry, beam, crystals, background, counts, by name."""

from __future__ import annotations

import json
from typing import Any

from .._version import __version__
from .truth import LISTED

__all__ = ["stated"]


def stated(experiment: Any) -> dict[str, Any]:
    """An experiment as a dictionary that JSON can hold, in the frame of NeXus; long lists are left out (None).

    Parameters
    ----------
    experiment : io.experiment.Experiment

    Returns
    -------
    dict
        Strings, numbers, arrays, None, and lists and dictionaries of these.
    """
    wavelengths, weights = experiment.spectrum
    said = {
        "program": "numbragg", "version": __version__, "frame": "NeXus: z along the beam, y up",
        "detector": {"panels": [_panel(panel) for panel in experiment.panels],
                     "panels_fast_slow_and_size": [list(tile) for tile in experiment.tiles]},
        "beam": {
            "wavelength_angstrom": experiment.wavelength_angstrom, "fluence_photons_per_m2": experiment.fluence,
            "spectrum_angstrom": wavelengths if len(wavelengths) <= LISTED else None,
            "spectrum_weights": weights if len(weights) <= LISTED else None,
            "polarisation_fraction": experiment.polarisation_fraction,
            "polarisation_axis": list(experiment.polarisation_axis), "exposure_s": experiment.exposure_s},
        "spindle": {
            "axis": list(experiment.spindle_axis), "phi_start_deg": experiment.phi_start_deg,
            "oscillation_deg": experiment.oscillation_deg,
            "phi_deg": experiment.phi_deg if len(experiment.phi_deg) <= LISTED else None},
        "crystals": [_crystal(crystal) for crystal in experiment.crystals],
    }
    if experiment.background:
        said["background"] = json.loads(experiment.background)
    recording = experiment.recording
    if recording is not None:
        said["counts"] = {"seed": recording.seed, "frame": recording.first_frame,
                          "response": json.loads(recording.settings)}
    return said


def _panel(panel: Any) -> dict[str, Any]:
    return {"pixels_fast_slow": list(panel.pixels), "origin_mm": list(panel.origin_mm),
            "fast_mm": list(panel.fast_mm), "slow_mm": list(panel.slow_mm), "sensor_thickness_um": panel.thickness_um,
            "sensor_material": panel.material}


def _crystal(crystal: Any) -> dict[str, Any]:
    rotations = crystal.mosaic_rotations
    return {"cell_angstrom_deg": list(crystal.cell), "a_matrix_per_angstrom": crystal.a_matrix,
            "mosaic_rotations": rotations if len(rotations) <= LISTED else None, "mosaic_seed": crystal.mosaic_seed,
            "misset_seed": crystal.misset_seed}
