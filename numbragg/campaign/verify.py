"""Whether files hold what their description says: checksums of all, and shots that are made again."""

from __future__ import annotations

from collections.abc import Callable
import os
from typing import Any

import numpy as np

from ..io.one_image import file_images
from .draws import Source
from .labels import COLUMNS, nothing
from .shard import MASK, names_of
from .shots import Maker
from .store import Head, files_of, wrong_with

# start-up: h5py and pyarrow are extras, and imported where there are files

__all__ = ["sample", "verify_shots"]


def sample(head: Head, count: int, seed: int = 0) -> list[int]:
    """Numbers of so many shots, drawn; all of them where there are no more."""
    if count >= head.shots:
        return list(range(head.shots))
    found: set[int] = set()
    source = Source(seed, "verify", 0)
    while len(found) < count:
        found.add(source.below(head.shots))
    return sorted(found)


def verify_shots(maker: Maker, folder: str, head: Head, numbers: list[int],
                 progress: Callable[[int], object] | None = None) -> list[str]:
    """Make shots again and compare them with what files have, bit by bit.

    Parameters
    ----------
    maker : Maker
    folder : str
    head : Head
    numbers : list of int
    progress : callable, optional
        Called with the number of shots that were compared.

    Returns
    -------
    list of str
        What differs, a line each.
    """
    import h5py
    import pyarrow.parquet

    different: list[str] = []
    experiment = maker.experiment(0)
    for done, number in enumerate(numbers, 1):
        shard = number // head.shots_per_file
        images, table, _ = (os.path.join(folder, name) for name in names_of(shard))
        wrong = wrong_with(folder, head, shard, deep=False)
        if wrong is not None:
            different.append(f"shot {number}: {wrong}")
            continue
        frame = number - head.of_shard(shard).start
        shot = maker.shot(number)
        with h5py.File(images, "r") as file:
            stored = file["entry/data/data"][frame]
            mask = file[MASK][frame] if MASK in file else None
        row = pyarrow.parquet.read_table(table).slice(frame, 1).to_pylist()[0]
        if not _same(experiment, shot, stored):
            different.append(f"shot {number}: pixels of frame {frame} of {os.path.basename(images)} are others")
        different += _labels_differ(maker, shot, mask, experiment, (folder, files_of(head, shard), frame))
        own = {**shot.row, "file": os.path.basename(images), "frame": frame}
        for name, value in row.items():
            if repr(value) != repr(own.get(name)):
                different.append(f"shot {number}: {name} in {os.path.basename(table)} is {_short(value)}, and must be "
                                 f"{_short(own.get(name))}")
                break
        if progress is not None:
            progress(done)
    return different


def _labels_differ(maker: Maker, shot: Any, mask: Any, experiment: Any, place: Any) -> list[str]:
    """What of the labels of a shot is other than in its files; `place`: folder, names of its files, frame."""
    asked = maker.description.labels
    if asked is None:
        return []
    import pyarrow.parquet

    folder, names, frame = place
    labels, found = shot.labels or nothing(asked, [panel[0].shape for panel in maker.base]), []
    if asked.mask:
        row, alike = 0, mask is not None
        for part in file_images(experiment, labels.masks, lambda dtype: dtype == np.int32, "int32") if alike else []:
            slow, fast = part.shape
            alike = alike and bool((mask[row:row + slow, :fast] == part).all())
            row += slow
        if not alike:
            found.append(f"shot {shot.number}: the mask of spots of frame {frame} of {names[0]} is another")
    if asked.spots:
        table = pyarrow.parquet.read_table(os.path.join(folder, names[2]))
        mine = np.flatnonzero(table.column("shot").to_numpy() == shot.number)
        for name, kind in COLUMNS:
            column = table.column(name).to_numpy()[mine]
            if column.dtype != kind or column.tobytes() != labels.spots[name].tobytes():
                found.append(f"shot {shot.number}: spots in {names[2]} have another {name}")
                break
    return found


def _same(experiment: Any, shot: Any, stored: Any) -> bool:
    """Whether a frame has the pixels of a shot: what its masks leave out is not compared, but must be marked."""
    if shot.images is None:
        return bool((np.isnan(stored) if stored.dtype.kind == "f" else stored == np.iinfo(stored.dtype).max).all())
    parts = file_images(experiment, shot.images, lambda dtype: dtype == stored.dtype, str(stored.dtype))
    masks = [panel.mask for panel in experiment.panels]
    if shot.masks is not None:
        masks = file_images(experiment, shot.masks, lambda dtype: dtype == np.uint8, "uint8")
    row = 0
    for part, mask in zip(parts, masks):
        slow, fast = part.shape
        found, row = stored[row:row + slow, :fast], row + slow
        if stored.dtype.kind == "f":
            if found.tobytes() != np.ascontiguousarray(part).tobytes():
                return False
            continue
        largest = np.iinfo(stored.dtype).max
        counts = np.minimum(part, largest - 1)
        if experiment.recording is not None:
            counts = np.minimum(counts, experiment.recording.saturation - experiment.recording.offset)
        expected = counts if mask is None else np.where(np.asarray(mask) == 0, largest, counts)
        if not np.array_equal(found, expected):
            return False
    return True


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
