"""A file of consecutive shots: NXmx with the truth of each beside it, tables of that, an account with checksums."""

from __future__ import annotations

from collections.abc import Callable, Sequence
import hashlib
import math
import os
from typing import Any

import numpy as np

from ..io.bounded import check_regular, open_regular
from ..io.experiment import Series
from ..io.json_text import json_text
from ..io.nxmx import NexusWriter
from ..io.output import OutputSet
from .description import Description
from .labels import nothing, spots_bytes
from .shots import Maker, Shot
from .truth import table_bytes
from .versions import versions

__all__ = ["MASK", "PLACES", "SPOTS", "file_sha256", "names_of", "write_shard"]

#: How the name of a table of spots ends, and where masks of them and places of panels are in a file of shots.
SPOTS, MASK, PLACES = ".spots.parquet", "entry/numbragg/spot_mask", "entry/numbragg/panels/places"

#: What stands in an unfinished file.
_KEY = "campaign"
#: Columns of the truth that the file has for each shot, and for each lattice.
_OF_SHOTS = ("shot", "blank", "lattices", "wavelength_angstrom", "fluence_photons_per_m2", "d_min_angstrom", "photons",
             "largest_mean", "counts", "largest_count")
_OF_LATTICES = (("cell", (6,)), ("n_cells", (3,)), ("mosaic_domains", ()), ("mosaic_seed", ()))


def names_of(number: int) -> tuple[str, str, str]:
    """Names of the files of a shard: images, table of truth, account."""
    return f"shots_{number:06d}.h5", f"shots_{number:06d}.parquet", f"shots_{number:06d}.json"


def file_sha256(path: str) -> str:
    """SHA-256 of a file, hexadecimal."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_shard(maker: Maker, number: int, folder: str, campaign: str,
                progress: Callable[[int], object] | None = None) -> dict[str, Any]:
    """Make the shots of a file and write its files, which appear together when they are whole.

    Parameters
    ----------
    maker : Maker
    number : int
        Of the file, from 0.
    folder : str
        Of the store.
    campaign : str
        The hash of the description.
    progress : callable, optional
        Called with the number of shots that are done.

    Returns
    -------
    dict
        The account.

    Raises
    ------
    OSError
        A file cannot be written, or another run is writing it.
    MemoryError
        A shot does not fit.
    """
    description, shots = maker.description, maker.description.of_shard(number)
    images, table, account = (os.path.join(os.path.realpath(folder), name) for name in names_of(number))
    for path in (table, account):
        check_regular(path, "a file of a campaign")
    rows: list[dict[str, Any]] = []
    spots: list[tuple[int, Any]] = []
    found: dict[str, Any] = {}

    def beside(outputs: OutputSet, written: str) -> None:
        tables = [(table, "table of truth", table_bytes(description, rows))]
        if description.labels is not None and description.labels.spots:
            tables.append((table.removesuffix(".parquet") + SPOTS, "table of spots", spots_bytes(spots)))
        found.update(_account(description, number, campaign, rows, {
            os.path.basename(images): (os.path.getsize(written), file_sha256(written)),
            **{os.path.basename(path): (len(content), hashlib.sha256(content).hexdigest())
               for path, _, content in tables}}))
        for path, kind, what in (*tables, (account, "account", json_text(found).encode())):
            outputs.reserve(path, kind)
            with outputs.open(path) as file:
                file.write(what)

    # the number of a frame is that of its shot less that of the file's first
    series = Series(frames=len(shots), noise_seed=None if maker.response is None else description.seed)
    with _Writer(images, maker.experiment(shots.start), series, maker.type,
                 compression=description.output.compression, key=_KEY) as file:
        panels, shapes = [], [part[0].shape for part in maker.base]
        name, dtype = os.path.basename(images), maker.type
        for some in maker.together(shots):
            # as those are made: what is done in Python for all of them before the library packs the first
            laid_out = [file.of_shot(shot, shapes, dtype) for shot in some]
            for shot, (whole, full) in zip(some, laid_out):
                frame = len(rows)
                file.put(frame, whole, full)
                if description.labels is not None and description.labels.mask:
                    labels = shot.labels or nothing(description.labels, shapes)
                    file.write_beside(MASK, frame, labels.masks, description.output.compression)
                rows.append({**shot.row, "file": name, "frame": frame})
                panels.append(shot.panels)
                if shot.labels is not None:
                    spots.append((shot.number, shot.labels.spots))
                if progress is not None:
                    progress(frame + 1)
        # in the frame of the file
        file.add_columns("shots", _of_shots(description, rows, panels if maker.panels_vary else None, len(shapes)))
        file.add_columns("lattices", _of_lattices(description, rows))
        if description.labels is not None:
            file.add_columns("panels", {"places": file.tiles})
        file.finish(lambda outputs: beside(outputs, file.unfinished))
    return found


def _account(description: Description, number: int, campaign: str, rows: Sequence[dict[str, Any]],
             files: dict[str, tuple[int, str]]) -> dict[str, Any]:
    return {"campaign": campaign, "shard": number, "first": rows[0]["shot"], "shots": len(rows),
            "files": {name: {"bytes": size, "sha256": digest} for name, (size, digest) in files.items()},
            "failed": [[row["shot"], row["failed"]] for row in rows if row["failed"] is not None],
            "versions": versions(description.output.compression)}


class _Writer(NexusWriter):
    """Writes shots, each frame with the pixels that count in it; one that was gone on with would have other bytes."""

    resumes = False

    def __enter__(self) -> _Writer:
        return self

    def of_shot(self, shot: Shot, shapes: Sequence[tuple[int, int]], dtype: Any) -> tuple[Any, int]:
        """The frame of a shot, as `put` takes it; of one that failed all pixels are masked, or no numbers."""
        images, masks = shot.images, shot.masks
        if images is None:
            whole = dtype.kind != "f"
            images = [np.full(shape, 0 if whole else math.nan, dtype) for shape in shapes]
            masks = [np.zeros(shape, np.uint8) for shape in shapes] if whole else None
        return self.laid_out(images, masks)


def _of_shots(description: Description, rows: Sequence[dict[str, Any]], panels: Any, count: int) -> dict[str, Any]:
    """Columns of a number or some for each shot; NaN, or 0, where it failed."""
    made = {name: _column([row[name] for row in rows]) for name in _OF_SHOTS if rows[0][name] is not None or any(
        row[name] is not None for row in rows)}
    made["failed"] = np.array([row["failed"] is not None for row in rows], np.uint8)
    for name, varied in description.varied.items():
        if not varied.field.of_lattice and f"vary.{name}" in rows[0]:
            made[f"vary_{name}"] = np.array([row[f"vary.{name}"] for row in rows])
    if panels is not None:
        nowhere = [(math.nan,) * 3] * count
        for name in ("origin_mm", "fast_mm", "slow_mm"):
            made[f"panel_{name}"] = np.array([nowhere if each is None else [getattr(place, name) for place in each]
                                              for each in panels]).reshape(len(panels), count, 3)
    return made


def _column(values: Sequence[Any]) -> Any:
    """Numbers of one type; truth values as 0 and 1."""
    known = [value for value in values if value is not None]
    if all(isinstance(value, bool) for value in known):
        return np.array([bool(value) for value in values], np.uint8)
    if all(isinstance(value, int) for value in known):
        return np.array([0 if value is None else value for value in values], np.int64)
    return np.array([math.nan if value is None else value for value in values], np.float64)


def _of_lattices(description: Description, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Columns with a row for each lattice of each shot that did not fail."""
    made = [row for row in rows if row["failed"] is None]
    columns: dict[str, Any] = {
        "shot": np.array([row["shot"] for row in made for _ in range(row["lattices"])], np.int64),
        "a_matrix": _stacked([each for row in made for each in row["a_matrix_nexus"]], (3, 3)),
    }
    for name, shape in _OF_LATTICES:
        columns[name] = _stacked([each for row in made for each in row[name]], shape)
    for name, varied in description.varied.items():
        if varied.field.of_lattice:
            listed = [each for row in made for each in row[f"vary.{name}"]]
            # a misset is three angles, a matrix nine numbers
            size = len(listed[0]) if listed else varied.field.size
            columns[f"vary_{name}"] = _stacked(listed, (size,))
    return columns


def _stacked(values: Sequence[Any], shape: tuple[int, ...]) -> Any:
    return np.array(values).reshape((len(values), *shape)) if len(values) else np.zeros((0, *shape))
