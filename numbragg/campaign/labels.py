"""Labels of a shot: which reflections are in it, where, with how many photons, and in which pixels.

They come from the steps of the image, summed up reflection by reflection (`kernels.evaluate.attribute`): of every
layer, sub-pixel, source, spindle angle and mosaic domain the very term that the image has, credited to the nearest
lattice point, halves going down, as nanoBragg rounds.  Photons are means, of Bragg scattering alone: without
background, noise, and what a detector makes of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import memory
from ..configs.checks import flag, positive
from ..response.toml_file import check_keys

# start-up: kernels are imported with the first image, pyarrow, an extra, with the first table

__all__ = ["COLUMNS", "Labels", "Labelled", "label_shot", "labels_of", "nothing", "spots_bytes", "spots_schema"]

#: All photons that are left out of a shot are at most this part of `min_photons`, and of a pixel of `mask_photons`.
LEFT_OUT = 1e-6

#: Columns of a list of spots behind the shot's number, and their types.
COLUMNS = (("lattice", np.int32), ("h", np.int32), ("k", np.int32), ("l", np.int32), ("panel", np.int32),
           ("slow", np.float64), ("fast", np.float64), ("intensity", np.float64), ("pixels", np.int64),
           ("overlap", np.bool_), ("resolution_angstrom", np.float64))


class Labels(NamedTuple):
    """What is asked for.

    Attributes
    ----------
    spots, mask : bool
        A list of spots; an image of their numbers.
    min_photons : float
        A reflection of a lattice is a spot of a panel if it has more photons there.
    mask_photons : float
        A pixel is a spot's if more photons of the reflection are in it.
    """

    spots: bool = True
    mask: bool = True
    min_photons: float = 1.0
    mask_photons: float = 0.1


class Labelled(NamedTuple):
    """Labels of a shot.

    Attributes
    ----------
    spots : dict of str to (n,) array
        By `COLUMNS`, ordered by lattice, h, k, l and panel.
    masks : list of (slow, fast) int32 array, or None
        For each panel the number of the strongest spot of each pixel, from 1 in the order of `spots`; 0: none.
    """

    spots: dict[str, Any]
    masks: list[Any] | None


def labels_of(tables: dict[str, Any]) -> Labels | None:
    """The labels that a description asks for; None where it has no table of them.

    Raises
    ------
    ValueError
        Naming the field, the value and the rule.
    """
    table = tables.get("labels")
    if table is None:
        return None
    check_keys(table, list(Labels._fields), "labels.")
    usual = Labels()
    made = Labels(*(flag(f"labels.{name}", table.get(name, getattr(usual, name))) for name in ("spots", "mask")),
                  *(positive(f"labels.{name}", table.get(name, getattr(usual, name)), "photons")
                    for name in ("min_photons", "mask_photons")))
    if not (made.spots or made.mask):
        raise ValueError("labels: spots and mask are both false; ask for one of them, or leave the table out")
    return made


def nothing(labels: Labels, shapes: Sequence[tuple[int, int]]) -> Labelled:
    """Labels of a shot without spots."""
    return Labelled({name: np.empty(0, kind) for name, kind in COLUMNS},
                    [np.zeros(shape, np.int32) for shape in shapes] if labels.mask else None)


def obstacle(shot: Any) -> str | None:
    """Why a prepared shot cannot have labels; None where it can."""
    from ..kernels.drive.attribution import obstacle as of_scene

    return next((found for panel in shot for prepared in panel
                 if (found := of_scene(prepared.scene)) is not None), None)


def label_shot(labels: Labels, shot: Any, images: Sequence[Any], threads: int | None = None) -> Labelled:
    """Find the spots of a shot.

    Parameters
    ----------
    labels : Labels
    shot : tuple of tuple of scene.Prepared
        For each panel its crystals, without an `obstacle`.
    images : sequence of (slow, fast) float32 array
        Mean photons of them on each panel, without a background.  Pixels are passed over that have so few that all of
        them together have at most LEFT_OUT of `min_photons`.
    threads : int or None
        No bit depends on it.

    Returns
    -------
    Labelled

    Raises
    ------
    ValueError
        It does not fit in memory, or cannot be done.
    """
    reason = obstacle(shot)
    if reason is not None:
        raise ValueError(f"labels: {reason}")
    pixels = sum(panel[0].window.pixels for panel in shot)
    floor = LEFT_OUT * min(labels.min_photons / max(pixels, 1), labels.mask_photons)
    parts: list[_Part] = []
    for number, (panel, image) in enumerate(zip(shot, images)):
        parts += _of_panel(labels, number, panel, image, floor, threads)
    spots, numbers = _listed(labels, parts)
    overlap = np.zeros(len(numbers), np.uint8)
    begins = np.cumsum([0, *(len(part.found.keys) for part in parts)])
    masks = [_settled(panel, [(part, begin) for part, begin in zip(parts, begins) if part.panel == number], numbers,
                      overlap) for number, panel in enumerate(shot)]
    order = np.flatnonzero(numbers)
    spots["overlap"][numbers[order] - 1] = overlap[order] != 0
    return Labelled(spots, masks if labels.mask else None)


class _Part(NamedTuple):
    """Reflections of one lattice on one panel."""

    panel: int
    lattice: int
    found: Any  # kernels.drive.attribution.Reflections
    hkl: Any  # (n, 3) int64
    resolutions: Any


def _of_panel(labels: Labels, number: int, panel: Any, image: Any, floor: float, threads: int | None) -> list[_Part]:
    from ..kernels.drive.attribution import attributed, bytes_of
    from ..kernels.drive.crew import available_threads
    from ..kernels.evaluate.reflections import indices_of, resolutions
    from ..results import truth

    window, mask = panel[0].window, panel[0].mask
    what = f"labels: reflections in {window.width} x {window.height} pixels"
    bright = window.of(image) > np.float32(floor)
    every = np.ones_like(bright) if mask is None else window.of(mask) != 0
    made = []
    for lattice, prepared in enumerate(panel):
        # the first pixel in which interpolation leaves its table may be a dark one
        listed = np.flatnonzero(every if prepared.interpolating else bright & every)
        memory.require(bytes_of(prepared.scene, len(listed), threads or available_threads()), what)
        found = attributed(prepared.scene, prepared.interpolating, window, listed, labels.mask_photons, threads,
                           lambda size: memory.require(size, what))
        hkl, d = np.empty((len(found.keys), 3), np.int64), np.empty(len(found.keys))
        indices_of(found.keys, hkl)
        resolutions(tuple(truth.a_matrix(prepared).T.reshape(-1).tolist()), found.keys, d)
        made.append(_Part(number, lattice, found, hkl, d))
    return made


def _listed(labels: Labels, parts: list[_Part]) -> tuple[dict[str, Any], Any]:
    """The list of spots, and for every reflection of all parts, one after the other, its number in it, from 1; or 0."""
    counts = [len(part.found.keys) for part in parts]
    lattice, panel = (np.repeat([getattr(part, name) for part in parts], counts).astype(np.int32)
                      for name in ("lattice", "panel"))
    hkl = np.concatenate([part.hkl for part in parts])
    sums = np.concatenate([part.found.sums for part in parts])
    kept = np.flatnonzero(sums[:, 0] > labels.min_photons)
    kept = kept[np.lexsort((panel[kept], *hkl[kept].T[::-1], lattice[kept]))]
    numbers = np.zeros(len(sums), np.int64)
    numbers[kept] = np.arange(1, len(kept) + 1)
    photons = sums[kept, 0]
    columns = {"lattice": lattice[kept], "h": hkl[kept, 0], "k": hkl[kept, 1], "l": hkl[kept, 2],
               "panel": panel[kept],
               # divisions one by one have the same bits everywhere
               "slow": sums[kept, 1] / photons, "fast": sums[kept, 2] / photons, "intensity": photons,
               "pixels": np.concatenate([part.found.counts for part in parts])[kept],
               "overlap": np.zeros(len(kept), np.bool_),
               "resolution_angstrom": np.concatenate([part.resolutions for part in parts])[kept]}
    return {name: np.ascontiguousarray(columns[name], kind) for name, kind in COLUMNS}, numbers


def _settled(panel: Any, parts: Any, numbers: Any, overlap: Any) -> Any:
    """The mask of a panel; marks reflections that share a pixel.

    `parts` are its own, each with the number of its first reflection among all.
    """
    from ..kernels.evaluate.reflections import settle

    window, shape = panel[0].window, panel[0].shape
    memory.require(20 * window.pixels + 4 * shape[0] * shape[1],
                   f"labels: spots of {window.width} x {window.height} pixels")
    owners, largest = np.zeros(window.pixels, np.int64), np.zeros(window.pixels)
    mask = np.zeros(window.pixels, np.int32)
    for part, begin in parts:
        entries = begin + np.arange(len(part.found.keys))
        settle(part.found.bright, entries, numbers, overlap, owners, largest, mask)
    made = np.zeros(shape, np.int32)
    window.of(made)[...] = mask.reshape(window.height, window.width)
    return made


# -- tables


def spots_schema() -> Any:
    """The columns of a table of spots, for pyarrow."""
    import pyarrow

    return pyarrow.schema([pyarrow.field("shot", pyarrow.int64()),
                           *(pyarrow.field(name, pyarrow.from_numpy_dtype(kind)) for name, kind in COLUMNS)])


def spots_bytes(shots: Sequence[tuple[int, dict[str, Any]]]) -> bytes:
    """The spots of shots, by their numbers, as a Parquet file; the same bytes of the same version of pyarrow."""
    import io

    import pyarrow
    import pyarrow.parquet

    numbers = np.repeat(np.array([number for number, _ in shots], np.int64),
                        [len(spots["h"]) for _, spots in shots])
    arrays = [pyarrow.array(numbers, pyarrow.int64())]
    for name, kind in COLUMNS:
        joined = np.concatenate([spots[name] for _, spots in shots]) if shots else np.empty(0, kind)
        arrays.append(pyarrow.array(joined, pyarrow.from_numpy_dtype(kind)))
    file = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_arrays(arrays, schema=spots_schema()), file, compression="zstd",
                                store_schema=False)
    return file.getvalue()
