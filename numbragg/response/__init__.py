"""What a detector makes of mean photons: its stages in the order of light, named detectors, TOML files."""

from .named import DETECTORS, EIGER, JUNGFRAU, PILATUS, RAYONIX
from .response import Response
from .stages import Beamstop, Calibration, Defects, GainStages, Gaps, PointSpread
from .toml_file import read_response

__all__ = ["Beamstop", "Calibration", "DETECTORS", "Defects", "EIGER", "GainStages", "Gaps", "JUNGFRAU", "PILATUS",
           "PointSpread", "RAYONIX", "Response", "read_response"]
