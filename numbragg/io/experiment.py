"""What files say of an image beside its pixels: detector, beam, spindle and crystals, in the frame of NeXus.

That is McStas's, and CrystFEL's: z along the beam, y up where the convention's y is up, x completes a right-handed
system.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["CrystalTruth", "EPOCH", "Experiment", "PanelPlace", "Recording", "Series", "plain_text"]

#: The time that stands in files where none is given: the same command gives the same bytes.
EPOCH = "1970-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True, eq=False)
class PanelPlace:
    """A panel: pixel (f, s) has its corner at origin + f fast + s slow."""

    pixels: tuple[int, int]  # fast, slow
    origin_mm: tuple[float, ...]
    fast_mm: tuple[float, ...]  # from a pixel to the next
    slow_mm: tuple[float, ...]
    thickness_um: float
    material: str  # "": not known
    mask: Any  # (slow, fast) array, zero: left out; or None
    depth_um: float = 0.0  # at which 1/e of photons are left; 0: not known


@dataclass(frozen=True, slots=True, eq=False)
class CrystalTruth:
    """A crystal as it was simulated."""

    cell: tuple[float, ...]  # [Angstrom, deg]
    a_matrix: Any  # columns a*, b*, c* [1/Angstrom] at phi = 0
    mosaic_rotations: Any  # (domains, 3, 3)
    mosaic_seed: int
    misset_seed: int | None = None  # of an orientation that was drawn


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """How counts came from photons, as far as headers say it; and the settings, for the truth."""

    gain: float  # [ADU/photon]
    offset: int  # that is in every pixel [ADU]
    saturation: int  # the largest number that counts, offset included [ADU]
    full: int  # what a pixel with more light than it can say holds
    least: int  # the least one, offset included [ADU]
    settings: str  # JSON
    seed: int
    first_frame: int = 0  # of the numbers that were drawn
    raw: bool = False  # the words of three gains, which are no counts
    below_zero: str = ""  # which settings make counts below 0, with their values; empty: none does

    @property
    def text(self) -> str:
        """Settings as headers hold them that know neither braces nor lines."""
        return f"seed {self.seed} frame {self.first_frame} {plain_text(self.settings)}"


def plain_text(settings: str) -> str:
    """JSON as headers hold it that know neither braces, quotes nor ends of lines in a value."""
    return settings.translate({ord("{"): "(", ord("}"): ")", ord('"'): None, ord(","): None, ord(";"): "."})


@dataclass(frozen=True, slots=True, eq=False)
class Experiment:
    """The surroundings of an image, or of the first of a series."""

    panels: tuple[PanelPlace, ...]
    wavelength_angstrom: float
    spectrum: tuple[Any, Any]  # wavelengths [Angstrom] and weights, which sum up to 1
    fluence: float  # [photons/m^2]
    exposure_s: float
    polarisation_fraction: float | None
    polarisation_axis: tuple[float, ...]
    spindle_axis: tuple[float, ...]  # right-handed
    phi_start_deg: float
    oscillation_deg: float
    phi_deg: Any  # of each step
    crystals: tuple[CrystalTruth, ...]
    turn: Any  # (3, 3): from the laboratory's frame to this one
    convention: str  # of the laboratory
    #: Where simulated panels lie in the one panel: first fast, first slow, fast, slow; none: panels are as simulated.
    tiles: tuple[tuple[int, int, int, int], ...] = ()
    recording: Recording | None = None  # None: photons, or counts of them
    background: str = ""  # settings and sums of amorphous material, JSON


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """The frames of a file: how many, how far apart, and what was drawn for them."""

    frames: int = 1
    width_deg: float = 0.0  # from a frame to the next; 0: stills
    mean_phi_deg: Any = ()  # (frames,) of the steps of each frame
    noise_seed: int | None = None  # of counts
