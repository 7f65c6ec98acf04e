"""Rings of resolution on a picture of a detector: from the resolution at points of its panels, tilted or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .assembly import seen_at

if TYPE_CHECKING:
    from ..io.experiment import PanelPlace

__all__ = ["Rings", "rings_of"]

#: Points that resolution is computed at: of all panels, and along a side.
_POINTS, _LEAST_SIDE, _LARGEST_SIDE = 4_000_000, 16, 512
#: Where rings are by themselves, as shares of the largest 1/d.
_SHARES = (0.2, 0.4, 0.6, 0.8, 0.97)


@dataclass(frozen=True, slots=True, eq=False)
class Rings:
    """Rings and what they are drawn from.

    Attributes
    ----------
    levels : list of float
        Of each ring 1/d^2 [1/Angstrom^2], ascending.
    labels : list of str
    panels : list of tuple of three arrays
        Of each panel the places of points, to the right of the beam and above it [mm], and 1/d^2 there.
    """

    levels: list[float]
    labels: list[str]
    panels: list[tuple[Any, Any, Any]]


def rings_of(panels: Sequence[PanelPlace], wavelength_angstrom: float, wanted: Sequence[float] | None) -> Rings:
    """Rings on the panels of a detector.

    Parameters
    ----------
    panels : sequence of io.experiment.PanelPlace
    wavelength_angstrom : float
    wanted : sequence of float or None
        Resolutions [Angstrom]; None: some that are found on the detector.

    Returns
    -------
    Rings
    """
    side = min(max(int(math.sqrt(_POINTS / len(panels))), _LEAST_SIDE), _LARGEST_SIDE)
    grids = [_grid(panel, wavelength_angstrom, side) for panel in panels]
    if wanted is None:
        # shares of what is seen; each is two digits, rounded up
        largest = math.sqrt(max(float(squared.max()) for _, _, squared in grids))
        wanted = sorted({_two_digits(1.0 / (share * largest)) for share in _SHARES})
    distances = sorted({float(d) for d in wanted}, reverse=True)
    return Rings([1.0 / (d * d) for d in distances], [f"{d:.6g} \N{ANGSTROM SIGN}" for d in distances], grids)


def _two_digits(number: float) -> float:
    unit = 10.0 ** (math.floor(math.log10(number)) - 1)
    return float(f"{math.ceil(number / unit * (1.0 - 1e-9)) * unit:.2g}")


def _grid(panel: PanelPlace, wavelength: float, side: int) -> tuple[Any, Any, Any]:
    """Corners of pixels, not all of them where there are many, and 1/d^2 there."""
    fast, slow = (np.linspace(0.0, pixels, min(pixels, side) + 1) for pixels in panel.pixels)
    right, up = seen_at(panel, fast, slow[:, None])
    z = panel.origin_mm[2] + fast * panel.fast_mm[2] + slow[:, None] * panel.slow_mm[2]
    length = np.sqrt(right * right + up * up + z * z)
    # (2 sin(theta) / wavelength)^2; differences of nearly equal numbers are avoided near the beam
    radius = right * right + up * up
    away = np.where(z > 0.0, radius / (length + z), length - z)
    return right, up, 2.0 * away / length / wavelength ** 2
