"""Pixels around regions of interest, whose light a point spread brings into them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..kernels.physics.records import Window
from ..scene.pixels import NOTHING
from ..scene.units import to_mm

# start-up: the background is imported where there is one

__all__ = ["Halo", "halo_of"]


class Halo:
    """The surroundings of the regions of a shot, prepared.

    Parameters
    ----------
    shot : tuple of tuple of scene.Prepared
        For each panel its crystals, as `halo_of` makes them.
    ground : background.ground.Ground or None
        The background there.
    """

    def __init__(self, shot: Any, ground: Any) -> None:
        self.shot, self.ground = shot, ground

    def images(self, render: Any, shot: Any = None) -> Any:
        """Mean photons around the regions, 0 elsewhere: (slow, fast) float32 arrays of all panels.

        `render` makes images of a shot; `shot` is this one, turned to another frame.
        """
        images = render(self.shot if shot is None else shot)
        if self.ground is not None:
            self.ground.add(images)
        return images


def halo_of(shot: Any, response: Any, background: Any = None, threads: int | None = None) -> Halo | None:
    """The pixels around the regions of a shot from which light spreads into them.

    Parameters
    ----------
    shot : sequence of tuple of scene.Prepared
        For each panel its crystals.
    response : numbragg.Response or None
    background : numbragg.background.Background or None
    threads : int, optional

    Returns
    -------
    Halo or None
        None where no light spreads, or there is none around.
    """
    if response is None or response.point_spread is None:
        return None
    made = tuple(_around(panel, response.point_spread) for panel in shot)
    if not any(panel[0].window.pixels for panel in made):
        return None
    ground = None
    if background is not None:
        from ..background.ground import Ground

        ground = Ground(background, made, threads)
    return Halo(made, ground)


def _around(panel: Any, spread: Any) -> Any:
    """The crystals on a panel, of which only the pixels around the region are computed."""
    first = panel[0]
    (slow, fast), window = first.shape, first.window
    wide = Window(*NOTHING)
    if 0 < window.pixels < slow * fast:
        across, down = spread.reach_pixels(tuple(map(to_mm, first.placement.pixel_edges)))
        wide = Window(max(window.fast_min - across, 0), min(window.fast_max + across, fast - 1),
                      max(window.slow_min - down, 0), min(window.slow_max + down, slow - 1))
    mask = np.ones((slow, fast), np.uint8) if first.mask is None else first.mask.copy()
    # these are computed as they are, with what the C program carries from one pixel to the next
    window.of(mask)[...] = 0
    if not wide.pixels or not wide.of(mask).any():
        wide = Window(*NOTHING)
    return tuple(replace(prepared, window=wide, mask=mask) for prepared in panel)
