"""The beam: wavelength, flux, polarisation, divergence and dispersion, or a list of sources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
import math
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ..scene.request import UNIT_FLUENCE, BeamRequest
from ..scene.units import angstrom_from_ev, from_angstrom, from_mm, from_mrad, from_percent, resolution_from_angstrom
from .checks import (
    Unset,
    count,
    finite,
    flag,
    given,
    not_negative,
    optional,
    positive,
    real_array,
    shown,
    vector,
    whole,
)

if TYPE_CHECKING:
    from .spectrum import Spectrum

# start-up: spectra are imported with the first one

__all__ = ["Beam"]


def _sources(value):
    rule = "(n, 5) numbers: x, y, z, intensity, wavelength [m]"
    table = np.atleast_2d(real_array("sources", value, rule))
    if table.ndim != 2 or table.shape[1] != 5 or len(table) == 0:
        raise ValueError(f"sources: shape {table.shape} must be {rule}")
    for number, row in enumerate(table.tolist(), 1):
        if any(map(math.isinf, row)):
            raise ValueError(f"sources: {row} in row {number} must be finite numbers, or NaN for the default")
        if row[4] <= 0.0:
            raise ValueError(f"sources: {row[4]!r} in row {number}, the wavelength, must be a number above 0 m")
        if row[:3] == [0.0, 0.0, 0.0]:
            raise ValueError(f"sources: {row[:3]} in row {number} has no direction, must be three numbers not all 0")
    table.setflags(write=False)
    return table


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Beam:
    """What hits the crystal.

    Parameters
    ----------
    wavelength_angstrom : float
        See `from_energy` for photon energies.  With a spectrum it is what `Crystal.matrix` is scaled by and headers
        name; by default then the mean of the spectrum.
    fluence_photons_per_m2 : float
        Photons per square metre over the exposure.
    flux_photons_per_s, exposure_s : float
        Flux [photons/s] and exposure [s].  With a flux, the fluence is flux * exposure / size**2.
    size_mm : float or None
        Edge of the square beam [mm].  It clips the crystal's y and z size (`Crystal.size_mm`), with the
        default too; None: it does not.
    polarisation_fraction : float or None
        Kahn factor [-1..1]: 0 unpolarised, 1 along `polarisation_axis`; None: the polarisation
        factor is 1 everywhere.
    polarisation_axis, direction : three floats, optional
        Electric field and direction of travel; only with `Detector.convention` "custom".
    divergence_h_mrad, divergence_v_mrad : float, optional
        Full range of directions, horizontal and vertical [mrad].
    divergence_h_step_mrad, divergence_v_step_mrad : float, optional
    divergence_h_steps, divergence_v_steps : int, optional
        Directions; by default 2, at the ends of the range, where there is a range and no step, else 1.
    round_divergence : bool
        Clip the grid of directions to an ellipse.
    dispersion_percent : float
        Full spread of the wavelength [%].
    dispersion_steps : int, optional
        Wavelengths; by default 2, at the ends of the spread, where there is one, else 1.
    sources : (n, 5) array, optional
        x, y, z (a direction to the source), intensity (never used, as in nanoBragg: every source counts the
        same) and wavelength **in metres**; NaN stands for the default.  Replaces divergence and dispersion.
    d_min_angstrom : float
        Sources and pixels beyond this resolution are skipped; 0: none [Angstrom].
    spectrum : Spectrum, optional
        Weighted wavelengths, which every direction of the divergence has; in the place of a dispersion.

    Raises
    ------
    ValueError
        Naming the field, the value and the rule.

    Examples
    --------
    >>> import numbragg as nb
    >>> round(nb.Beam.from_energy(12000.0).wavelength_angstrom, 4)
    1.0332
    """

    wavelength_angstrom: float = Unset(1.0)
    fluence_photons_per_m2: float = Unset(UNIT_FLUENCE)
    flux_photons_per_s: float = 0.0
    exposure_s: float = Unset(1.0)
    size_mm: float | None = 0.1
    polarisation_fraction: float | None = 0.0
    polarisation_axis: Sequence[float] | None = None
    direction: Sequence[float] | None = None
    divergence_h_mrad: float | None = None
    divergence_v_mrad: float | None = None
    divergence_h_step_mrad: float | None = None
    divergence_v_step_mrad: float | None = None
    divergence_h_steps: int | None = None
    divergence_v_steps: int | None = None
    round_divergence: bool = True
    dispersion_percent: float = 0.0
    dispersion_steps: int | None = None
    sources: object = None
    d_min_angstrom: float = 0.0
    spectrum: Spectrum | None = None

    def __post_init__(self):
        def put(name, value):
            object.__setattr__(self, name, value)

        self._check_spectrum()
        wavelength = self.wavelength_angstrom
        if self.spectrum is not None and type(wavelength) is Unset:
            wavelength = Unset(self.spectrum.mean_wavelength_angstrom)
        put("wavelength_angstrom", positive("wavelength_angstrom", wavelength, "Angstrom"))
        put("fluence_photons_per_m2", not_negative("fluence_photons_per_m2", self.fluence_photons_per_m2,
                                                   "photons/m^2"))
        put("flux_photons_per_s", not_negative("flux_photons_per_s", self.flux_photons_per_s, "photons/s"))
        put("exposure_s", positive("exposure_s", self.exposure_s, "s"))
        put("size_mm", optional(self.size_mm, positive, "size_mm", "mm"))
        put("polarisation_fraction", optional(self.polarisation_fraction, finite, "polarisation_fraction"))
        if self.polarisation_fraction is not None and abs(self.polarisation_fraction) > 1.0:
            raise ValueError(f"polarisation_fraction: {self.polarisation_fraction!r} must be from -1 to 1, or None")
        put("polarisation_axis", optional(self.polarisation_axis, vector, "polarisation_axis"))
        put("direction", optional(self.direction, vector, "direction"))
        for name in ("divergence_h_mrad", "divergence_v_mrad", "divergence_h_step_mrad", "divergence_v_step_mrad"):
            put(name, optional(getattr(self, name), not_negative, name, "mrad"))
        for name in ("divergence_h_steps", "divergence_v_steps", "dispersion_steps"):
            put(name, optional(getattr(self, name), whole, name))
        put("dispersion_percent", not_negative("dispersion_percent", self.dispersion_percent, "%"))
        put("round_divergence", flag("round_divergence", self.round_divergence))
        if self.dispersion_percent >= 200.0:
            raise ValueError(f"dispersion_percent: {self.dispersion_percent!r} must be below 200 %, "
                             "or wavelengths vanish")
        if self.flux_photons_per_s and self.size_mm is None:
            raise ValueError("size_mm: None mm, but a fluence from the flux needs a number")
        area = 1.0 if self.size_mm is None else from_mm(self.size_mm) * from_mm(self.size_mm)
        if self.flux_photons_per_s and not (
                area > 0.0 and math.isfinite(self.flux_photons_per_s * self.exposure_s / area)):
            raise ValueError(f"size_mm: {self.size_mm!r} mm is too small for a fluence from the flux")
        put("d_min_angstrom", not_negative("d_min_angstrom", self.d_min_angstrom, "Angstrom"))
        put("sources", None if self.sources is None else _sources(self.sources))

    def _check_spectrum(self):
        if self.spectrum is None:
            return
        from .spectrum import Spectrum

        if not isinstance(self.spectrum, Spectrum):
            raise ValueError(f"spectrum: {shown(self.spectrum)} must be a numbragg.Spectrum")
        if self.sources is not None:
            raise ValueError("spectrum: a list of sources has wavelengths of its own; give one of the two")
        if self.dispersion_percent != 0.0 or self.dispersion_steps is not None:
            raise ValueError("spectrum: give a spectrum or a dispersion, not both")

    @classmethod
    def from_energy(cls, energy_ev: float, **fields: Any) -> Self:
        """A beam of photons of `energy_ev` electronvolt."""
        return cls(wavelength_angstrom=angstrom_from_ev(positive("energy_ev", energy_ev, "eV")), **fields)

    def pack(self) -> BeamRequest:
        """This beam as a part of a request, in SI units and radians."""
        # start-up: where something is simulated
        from .without_effect import beam_notes

        axes = {"beam_vector": self.direction, "polarisation_axis": self.polarisation_axis}
        return BeamRequest(
            wavelength=from_angstrom(self.wavelength_angstrom), fluence=float(self.fluence_photons_per_m2),
            flux=self.flux_photons_per_s, exposure=float(self.exposure_s),
            beam_size=-1.0 if self.size_mm is None else from_mm(self.size_mm),
            unpolarised_factor=self.polarisation_fraction is None,
            polarisation_fraction=self.polarisation_fraction or 0.0,
            divergence_h=_mrad(self.divergence_h_mrad), divergence_v=_mrad(self.divergence_v_mrad),
            divergence_h_step=_mrad(self.divergence_h_step_mrad), divergence_v_step=_mrad(self.divergence_v_step_mrad),
            divergence_h_steps=count(self.divergence_h_steps), divergence_v_steps=count(self.divergence_v_steps),
            round_divergence=self.round_divergence, dispersion=from_percent(self.dispersion_percent),
            dispersion_steps=count(self.dispersion_steps), sources=self.sources,
            d_min=resolution_from_angstrom(self.d_min_angstrom),
            spectrum=None if self.spectrum is None else self.spectrum.pack(),
            spectrum_notes=() if self.spectrum is None else self.spectrum.notes,
            beam_notes=tuple(beam_notes(self)), **given(axes))


def _mrad(value):
    return -1.0 if value is None else from_mrad(value)
