"""What is looked at: frames cut into panels, where these are, and what is known of the beam and of spots."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["Frame", "Seen", "SeenPanel", "on_frame"]


class SeenPanel(NamedTuple):
    """A panel, with what `results.assembly` and `results.rings` ask for."""

    name: str
    pixels: tuple[int, int]  # fast, slow
    origin_mm: tuple[float, ...]  # of the frame of files: z along the beam, y up
    fast_mm: tuple[float, ...]
    slow_mm: tuple[float, ...]
    mask: Any  # (slow, fast), zero: left out; or None


class Frame(NamedTuple):
    """An image."""

    name: str
    images: list[Any]  # of each panel, (slow, fast)
    phi_deg: tuple[float, float] | None  # from, to; of a still the same


class Seen(NamedTuple):
    """All that is shown."""

    title: str
    frames: list[Frame]
    panels: list[SeenPanel]
    #: Whether panels are placed; else there is one, whose millimetres are pixels.
    placed: bool
    wavelength_angstrom: float | None
    saturation: float | None
    marked: int | None  # the value of pixels that were not measured
    least: float | None  # pixels below were not measured
    spots: list[tuple[Any, ...]]  # panel, fast, slow, h, k, l, phi [deg] or None: on all frames
    notes: list[str]


def on_frame(frame, spot):
    """Whether a spot is one of a frame."""
    phi = spot[6]
    # a still's own angle may have been through other units
    return frame.phi_deg is None or phi is None or frame.phi_deg[0] <= phi < frame.phi_deg[1] or (
        abs(phi - frame.phi_deg[0]) < 1e-9)
