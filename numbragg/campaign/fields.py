"""What can vary from shot to shot: names of fields, how many numbers each has, and what these may be."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..configs.checks import finite, not_negative, positive, shown, whole
from ..io.literals import INT_MAX
from ..scene.draws import LARGEST_SEED

__all__ = ["FIELDS", "Field", "checked"]


class Field(NamedTuple):
    """A field that can vary."""

    name: str
    owner: str  # the table of the description that has it: shot, crystal, beam, detector, background, response
    rule: str = "finite"  # of each number: finite, positive, not_negative, fraction, signed_fraction, count, seed,
    #                       mosaic_seed
    size: int = 1  # how many numbers it has
    one_for_all: bool = False  # whether one number may stand for all of them
    kind: str = "numbers"  # or flag, rotation, spectrum
    unit: str = ""

    @property
    def whole(self) -> bool:
        """Whether its numbers are whole ones."""
        return self.rule in ("count", "seed", "mosaic_seed")

    @property
    def each_its_own(self) -> bool:
        """Whether bounds that stand once are those of each of its numbers, which are drawn one by one."""
        return self.name.startswith("cell_")

    @property
    def of_lattice(self) -> bool:
        """Whether each lattice of a shot has its own."""
        return self.owner == "crystal"


def _rows() -> tuple[Field, ...]:
    return (
        Field("lattices", "shot", "count"),
        Field("blank", "shot", kind="flag"),
        Field("orientation", "crystal", kind="rotation", size=9),
        Field("cell_length_factor", "crystal", "positive", 3, True),
        Field("cell_angle_offset_deg", "crystal", "finite", 3, True, unit="deg"),
        Field("n_cells", "crystal", "count", 3, True),
        Field("size_mm", "crystal", "not_negative", 3, True, unit="mm"),
        Field("mosaic_spread_deg", "crystal", "not_negative", unit="deg"),
        Field("mosaic_domains", "crystal", "count"),
        Field("mosaic_seed", "crystal", "mosaic_seed"),
        Field("fudge", "crystal", "not_negative"),
        Field("scale", "crystal", "not_negative"),
        Field("phi_start_deg", "crystal", unit="deg"),
        Field("oscillation_deg", "crystal", "not_negative", unit="deg"),
        Field("wavelength_angstrom", "beam", "positive", unit="Angstrom"),
        Field("spectrum", "beam", kind="spectrum"),
        Field("fluence_photons_per_m2", "beam", "not_negative", unit="photons/m^2"),
        Field("flux_photons_per_s", "beam", "not_negative", unit="photons/s"),
        Field("dispersion_percent", "beam", "not_negative", unit="%"),
        Field("divergence_h_mrad", "beam", "not_negative", unit="mrad"),
        Field("divergence_v_mrad", "beam", "not_negative", unit="mrad"),
        Field("polarisation_fraction", "beam", "signed_fraction"),
        Field("distance_mm", "detector", "positive", unit="mm"),
        Field("beam_centre_mm", "detector", size=2, unit="mm"),
        Field("beam_centre_pixels", "detector", size=2, unit="pixels"),
        Field("shift_mm", "detector", size=2, unit="mm"),
        Field("rotation_deg", "detector", size=3, unit="deg"),
        Field("twotheta_deg", "detector", unit="deg"),
        Field("sensor_thickness_um", "detector", "positive", unit="micrometre"),
        Field("background_thickness_mm", "background", "positive", unit="mm"),
        Field("flicker_fraction", "response", "fraction"),
        Field("gain_adu_per_photon", "response", "positive", unit="ADU/photon"),
        Field("readout_adu", "response", "not_negative", unit="ADU"),
        Field("beamstop_centre_pixels", "response", size=2, unit="pixels"),
        Field("beamstop_radius_pixels", "response", "not_negative", unit="pixels"),
        Field("calibration_fraction", "response", "fraction"),
        Field("calibration_detector_seed", "response", "seed"),
        Field("point_spread_fwhm_um", "response", "positive", unit="micrometre"),
        Field("defects_dead_fraction", "response", "fraction"),
        Field("defects_hot_fraction", "response", "fraction"),
        Field("defects_detector_seed", "response", "seed"),
    )


#: All fields by their names, which are those of the configuration's; of a stage of the response behind its name.
FIELDS = {field.name: field for field in _rows()}


def checked(field: Field, said: str, value: Any) -> Any:
    """A number of a field, checked; ValueError naming it as `said`."""
    if field.rule == "count":
        return whole(said, value)
    if field.rule in ("seed", "mosaic_seed"):
        return whole(said, value, 0, LARGEST_SEED if field.rule == "seed" else INT_MAX)
    if field.rule == "positive":
        return positive(said, value, field.unit)
    if field.rule == "not_negative":
        return not_negative(said, value, field.unit)
    number = finite(said, value, field.unit)
    if field.rule == "fraction" and not 0.0 <= number <= 1.0:
        raise ValueError(f"{said}: {shown(value)} must be from 0 to 1")
    if field.rule == "signed_fraction" and not -1.0 <= number <= 1.0:
        raise ValueError(f"{said}: {shown(value)} must be from -1 to 1")
    return number
