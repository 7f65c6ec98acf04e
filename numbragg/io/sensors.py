"""Sensors as files have them: readers know three materials, by whose absorption they move spots to the surface."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..notes import Misleading

if TYPE_CHECKING:
    from .experiment import Experiment, PanelPlace

__all__ = ["NO_SENSOR_UM", "sensor_notes", "sensor_of"]

#: Readers must have a sensor: so thin a one [um] moves no pixel; dxtbx refuses 0.
NO_SENSOR_UM = 1e-3

#: Depth at which 1/e of photons are left [um] at some energies [keV]; from xraydb, edges between them.
_ENERGIES = (4.0, 5.0, 6.0, 8.0, 10.0, 10.4, 11.8, 11.9, 13.0, 16.0, 20.0, 26.0, 27.0, 31.7, 32.0, 40.0, 60.0)
_DEPTHS = {
    "Si": (9.482, 17.52, 29.21, 66.37, 126.7, 142.1, 205.5, 210.7, 273.0, 502.0, 962.0, 2026.0, 2248.0, 3456.0, 3542.0,
           6126.0, 13390.0),
    "GaAs": (4.144, 7.539, 12.34, 27.02, 49.76, 15.05, 20.84, 11.25, 14.09, 24.2, 44.18, 90.62, 100.6, 156.9, 161.1,
             300.4, 921.3),
    "CdTe": (2.364, 2.037, 3.234, 6.86, 12.38, 13.76, 19.32, 19.76, 25.05, 43.72, 79.73, 161.8, 59.72, 90.35, 49.66,
             88.57, 261.3)}
#: hc [keV Angstrom].
_HC = 12.39842
#: A mean depth may be so far off, in pixels: at 45 degrees spots shift by as much.
_WARNED = 0.1


def sensor_of(panel: PanelPlace, wavelength_angstrom: float) -> tuple[str, float]:
    """Material and thickness [um] of a sensor as readers know them.

    A material that they do not know, or one that has a depth only, is written as the one that absorbs at the nearest
    mean depth.

    Parameters
    ----------
    panel : io.experiment.PanelPlace
    wavelength_angstrom : float

    Returns
    -------
    str
        "Si", "CdTe" or "GaAs".
    float
    """
    if not panel.thickness_um > 0.0:
        return "Si", NO_SENSOR_UM
    if panel.material in _DEPTHS:
        return panel.material, panel.thickness_um
    wanted = _mean(panel.thickness_um, panel.depth_um)
    return min(_DEPTHS, key=lambda material: abs(
        _mean(panel.thickness_um, _depth(material, wavelength_angstrom)) - wanted)), panel.thickness_um


def _depth(material: str, wavelength_angstrom: float) -> float:
    """Straight lines between logarithms, the outermost of them as far as needed."""
    energy, energies, depths = _HC / wavelength_angstrom, _ENERGIES, _DEPTHS[material]
    upper = next((n for n in range(1, len(energies)) if energy <= energies[n]), len(energies) - 1)
    share = math.log(energy / energies[upper - 1]) / math.log(energies[upper] / energies[upper - 1])
    return depths[upper - 1] * (depths[upper] / depths[upper - 1]) ** share


def _mean(thickness: float, depth: float) -> float:
    """Mean depth at which photons are captured; a depth of 0 is one that is not known, and absorbs evenly."""
    if not depth > 0.0 or thickness < 1e-6 * depth:
        return 0.5 * thickness
    return depth + thickness / (1.0 - math.exp(min(thickness / depth, 700.0)))


def sensor_notes(experiment: Experiment, kind: str, *, has_sensor: bool = True) -> tuple[str, ...]:
    """A note where readers take spots to be captured at another depth than they were.

    Parameters
    ----------
    experiment : io.experiment.Experiment
    kind : str
        Name of the format, for the message.
    has_sensor : bool
        Whether it has a place for a sensor.

    Returns
    -------
    tuple of str
        None or one; `Misleading` where spots that come at 45 degrees are off by more than 0.1 pixels.
    """
    panel, wavelength = experiment.panels[0], experiment.wavelength_angstrom
    if not panel.thickness_um > 0.0 or has_sensor and panel.material in _DEPTHS:
        return ()
    simulated = _mean(panel.thickness_um, panel.depth_um)
    said = f"{kind}: the sensor of {panel.thickness_um:.6g} micrometres captures at a mean depth of {simulated:.3g}"
    if has_sensor:
        material, thickness = sensor_of(panel, wavelength)
        read = _mean(thickness, _depth(material, wavelength))
        said += f", and is of no material that its readers know; they take it for {material}, with one of {read:.3g}"
    else:
        read = 0.0
        said += ", and its header has no sensor; readers correct nothing; NXmx has it"
    if kind != "DIALS models":
        said += "; an .expt has it as simulated"
    return (Misleading(said) if abs(read - simulated) > 1000.0 * _WARNED * math.hypot(*panel.fast_mm) else said,)
