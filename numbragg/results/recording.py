"""Counts of a detector's response for files: images, and what headers say of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
import json
from typing import Any

import numpy as np

from ..io.experiment import Experiment, Recording
from ..io.json_text import json_ready
from ..io.literals import INT_MAX
from ..io.one_image import panel_list
from ..notes import Loud
from ..response.response import Response
from ..scene.units import to_mm

__all__ = ["count_panels", "gain_notes", "recorded", "without_offset"]


def count_panels(response: Response, images: Any, shot: Any, *, seed: int, frame: int = 0,
                 threads: int | None = None) -> list[Any]:
    """Counts of the panels of a shot.

    Parameters
    ----------
    response : Response
    images : sequence of (slow, fast) array
        Mean photons of all panels.
    shot : sequence of tuple of scene.Prepared
        For each panel its crystals.
    seed, frame : int
    threads : int, optional

    Returns
    -------
    list of (slow, fast) array
        Of the response's type.
    """
    return [response.apply(image, seed=seed, frame=frame, panel=number, pixel_mm=to_mm(panel[0].placement.pixel_size),
                           threads=threads) for number, (image, panel) in enumerate(zip(images, shot))]


def recorded(experiment: Experiment, response: Response, *, seed: int, frame: int = 0) -> Experiment:
    """What files say of counts: how they were recorded, and gaps and dead pixels in the masks of the panels.

    Parameters
    ----------
    experiment : io.experiment.Experiment
        Panels as they were simulated.
    response : Response
    seed, frame : int

    Returns
    -------
    io.experiment.Experiment
    """
    panels = experiment.panels
    if response.gaps is not None or response.defects is not None:
        panels = tuple(replace(panel, mask=_mask(panel, response, number)) for number, panel in enumerate(panels))
    given = {name: value for name, value in response.settings().items() if value is not None}
    settings = json.dumps(json_ready(given, not_finite=lambda number: None))
    return replace(experiment, panels=panels, recording=Recording(
        gain=response.gain_adu_per_photon, offset=round(response.offset_adu), saturation=response.saturation,
        least=response.least, settings=settings, seed=seed, first_frame=frame))


def _mask(panel: Any, response: Response, number: int) -> Any:
    """The mask of a panel, zero: left out; None where nothing is."""
    mask = response.mask(panel.pixels[::-1], number)
    if panel.mask is not None:
        mask &= np.asarray(panel.mask) != 0
    return None if mask.all() else mask


def without_offset(images: Any, recording: Recording) -> list[Any]:
    """Counts without the offset that all of them have, for files that have no word for it."""
    parts = panel_list(images)
    if not recording.offset and all(part.dtype in (np.int32, np.uint16) for part in parts):
        return parts
    return [np.minimum(part.astype(np.int64) - recording.offset, INT_MAX).astype(np.int32) for part in parts]


def gain_notes(experiment: Experiment, kind: str) -> Sequence[str]:
    """A note on a gain that readers of a format do not look for: "NXmx" or "miniCBF"."""
    recording = experiment.recording
    if recording is None or recording.gain == 1.0:
        return ()
    return (Loud(f"{kind}: the gain of {recording.gain:g} ADU a photon is not read from it: DIALS takes 1, and its "
                 f"integration needs gain={recording.gain:g}"),)
