"""Counts of a detector's response for files: images, and what headers say of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
import json
import os
from typing import Any

import numpy as np

from ..io.experiment import Experiment, Recording
from ..io.json_text import json_ready
from ..io.literals import INT_MAX
from ..io.one_image import panel_list
from ..notes import Loud
from ..response.effects import effects
from ..response.response import Response
from ..scene.units import to_mm
from .experiment import computed

__all__ = ["TYPES", "count_panels", "counting_pixels", "cut_notes", "full_note", "full_notes", "gain_notes",
           "recorded", "recording", "response_notes", "stored", "without_offset"]

#: Types of counts in files that have one only.
TYPES = {"miniCBF": "int32", "SMV": "uint16"}

#: Rows of counts that are made another type at once.
_ROWS = 64


def _edges_mm(prepared: Any) -> tuple[float, float]:
    fast, slow = prepared.placement.pixel_edges
    return to_mm(fast), to_mm(slow)


def response_notes(response: Response, shot: Any) -> list[str]:
    """As `response.effects.effects`, on the panels of a shot; and on its masks."""
    notes = effects(response, [panel[0].shape for panel in shot], [_edges_mm(panel[0]) for panel in shot])
    masks = [panel[0].mask for panel in shot if panel[0].mask is not None]
    masked = sum(int(np.count_nonzero(np.asarray(mask) == 0)) for mask in masks)
    if masked and response.point_spread is not None:
        notes.append(f"point_spread: no light falls on the {masked} pixels that the detector's mask leaves out, and "
                     "none spreads from them")
    return notes


def count_panels(response: Response, images: Any, shot: Any, *, seed: int, frame: int = 0,
                 threads: int | None = None, around: Any = None) -> list[Any]:
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
    around : sequence of (slow, fast) array, optional
        Mean photons around regions of interest, 0 elsewhere, whose light spreads into them (`render.halo`).

    Returns
    -------
    list of (slow, fast) array
        Of the response's type.  Outside a region there is no light, but what the detector adds.
    """
    made = []
    for number, (image, panel) in enumerate(zip(images, shot)):
        window, edges = panel[0].window, _edges_mm(panel[0])

        def apply(means: Any, camera: Response, roi: Any = None) -> Any:
            return camera.apply(means, seed=seed, frame=frame, panel=number, pixel_mm=edges, roi=roi, threads=threads)

        if response.point_spread is None or window.pixels == image.shape[0] * image.shape[1]:
            made.append(apply(image, response))
            continue
        # nothing is known of the light beyond, so that none is drawn there that would have spread
        counts = apply(image, replace(response, point_spread=None))
        if window.pixels:
            light = image if around is None else image + around[number]
            window.of(counts)[...] = apply(light, response, tuple(window))
        made.append(counts)
    return made


def stored(counts: Sequence[Any], response: Response, dtype: str) -> list[Any]:
    """Counts as a file of another type holds them: cut where it ends, masked pixels marked in its way.

    Parameters
    ----------
    counts : sequence of (slow, fast) array
        Of the response's type, of all panels.
    response : Response
    dtype : str

    Returns
    -------
    list of (slow, fast) array

    Raises
    ------
    ValueError
        As `Response.limits`.
    """
    if all(part.dtype == dtype for part in counts):
        return list(counts)
    least, largest, masked = response.limits(dtype)
    made = []
    for number, part in enumerate(counts):
        left_out, new = _left_out(part, response, number), np.empty(part.shape, dtype)
        for row in range(0, part.shape[0], _ROWS):
            rows = slice(row, row + _ROWS)
            new[rows] = np.clip(part[rows].astype(np.int64), least, largest)
        if left_out is not None:
            new[left_out] = masked
        made.append(new)
    return made


def _left_out(part: Any, response: Response, number: int) -> Any:
    """Gaps and dead pixels of a panel's counts; None where there cannot be any."""
    if response.gaps is None and response.defects is None:
        return None
    if response.least < 0:
        # noise makes -1, too
        return response.mask(part.shape, number) == 0
    return part == response.masked_value


def full_notes(name: Any, counts: Sequence[Any], response: Response, dtype: str, offset: int = 0) -> list[str]:
    """A note on pixels of counts that hold the largest number that counts, in a file without an offset of theirs."""
    full = min(response.saturated_value, response.limits(dtype)[1])
    pixels = sum(int(np.count_nonzero(part == full)) for part in counts)
    return [full_note(name, pixels, full - offset, dtype)] if pixels else []


def full_note(name: Any, pixels: int, largest: int, dtype: str) -> Loud:
    """A note on so many pixels that hold the largest number."""
    return Loud(f"{os.fsdecode(name)}: {pixels} pixels hold {largest}, the largest that counts in {dtype}, and may "
                "have had more photons")


def cut_notes(name: Any, response: Response, dtype: str) -> list[str]:
    """Notes on a file whose type has no room for counts below 0, or on one of raw numbers."""
    notes: list[str] = []
    if response.below_zero and not dtype.startswith("i"):
        notes.append(Loud(f"{os.fsdecode(name)}: {response.below_zero} makes counts below 0, which are 0 in {dtype}"))
    if response.raw:
        notes.append(Loud(f"{os.fsdecode(name)}: pixels are raw numbers of three gains, not counts: a limit of "
                          f"saturation says nothing of them; one that is full holds {response.saturated_value}"))
    return notes


def recording(response: Response, *, seed: int, frame: int = 0, dtype: str | None = None) -> Recording:
    """How counts were recorded, in a file of a type; by default of the response's own.

    Raises
    ------
    ValueError
        As `Response.limits`.
    """
    least, largest, _ = response.limits(dtype or response.dtype)
    given = {name: value for name, value in response.settings().items() if value is not None}
    return Recording(
        gain=response.gain_adu_per_photon, offset=round(response.offset_adu), saturation=largest,
        full=min(response.saturated_value, largest), least=least,
        settings=json.dumps(json_ready(given, not_finite=lambda number: None)), seed=seed, first_frame=frame,
        raw=response.raw, below_zero=response.below_zero)


def recorded(experiment: Experiment, response: Response, *, seed: int, frame: int = 0,
             dtype: str | None = None) -> Experiment:
    """What files say of counts: how they were recorded, and gaps and dead pixels in the masks of the panels.

    Parameters
    ----------
    experiment : io.experiment.Experiment
        Panels as they were simulated.
    response : Response
    seed, frame : int
    dtype : str, optional
        Of the file's counts; by default the response's own.

    Returns
    -------
    io.experiment.Experiment

    Raises
    ------
    ValueError
        As `Response.limits`.
    """
    panels = experiment.panels
    if response.gaps is not None or response.defects is not None:
        panels = tuple(replace(panel, mask=_with_mask(response.mask(panel.pixels[::-1], number), panel.mask))
                       for number, panel in enumerate(panels))
    return replace(experiment, panels=panels, recording=recording(response, seed=seed, frame=frame, dtype=dtype))


def _with_mask(mask: Any, own: Any) -> Any:
    """Two masks, zero: left out, in the first; None where nothing is."""
    if own is not None:
        mask &= np.asarray(own) != 0
    return None if mask.all() else mask


def counting_pixels(prepared: Any, response: Response, number: int) -> Any:
    """Pixels of a panel that count, 1: as files have them, without gaps, dead pixels and what was not computed."""
    mask = response.mask(prepared.shape, number)
    own = computed(prepared)
    return mask if own is None else mask & (np.asarray(own) != 0).astype(np.uint8)


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
