"""Whether files hold what their description says: checksums of all, and shots that are made again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..io.one_image import file_images
from .draws import Source
from .labels import nothing
from .reader import CampaignReader
from .shots import Maker, Shot
from .store import Head, files_of, wrong_with

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
    different: list[str] = []
    experiment = maker.experiment(0)
    with CampaignReader(folder) as stored:
        for done, number in enumerate(numbers, 1):
            wrong = wrong_with(folder, head, number // head.shots_per_file, deep=False)
            try:
                different += _differ(maker.shot(number), maker, experiment, stored) if wrong is None else [
                    f"shot {number}: {wrong}"]
            except ValueError as error:
                # what cannot be read
                different.append(f"shot {number}: {error}")
            if progress is not None:
                progress(done)
    return different


def _differ(shot: Shot, maker: Maker, experiment: Any, stored: CampaignReader) -> list[str]:
    """What of a shot is other than in its files."""
    image, row = stored.image(shot.number), stored.truth(shot.number)
    shard, frame = divmod(shot.number, stored.head.shots_per_file)
    names, found = files_of(stored.head, shard), []
    images, table = names[:2]
    if not _same(experiment, shot, image):
        found.append(f"shot {shot.number}: pixels of frame {frame} of {images} are others")
    found += _labels_differ(shot, maker, experiment, stored, (names, frame))
    own = {**shot.row, "file": images, "frame": frame}
    for name, value in row.items():
        if repr(value) != repr(own.get(name)):
            found.append(f"shot {shot.number}: {name} in {table} is {_short(value)}, and must be "
                         f"{_short(own.get(name))}")
            break
    return found


def _labels_differ(shot: Shot, maker: Maker, experiment: Any, stored: CampaignReader,
                   place: tuple[Sequence[str], int]) -> list[str]:
    """What of the labels of a shot is other than in its files; `place`: their names, and its frame."""
    asked = maker.description.labels
    if asked is None:
        return []
    names, frame = place
    labels, found = shot.labels or nothing(asked, [panel[0].shape for panel in maker.base]), []
    if asked.mask:
        mask, row, alike = stored.mask(shot.number), 0, True
        for part in file_images(experiment, labels.masks, lambda dtype: dtype == np.int32, "int32"):
            slow, fast = part.shape
            alike = alike and bool((mask[row:row + slow, :fast] == part).all())
            row += slow
        if not alike:
            found.append(f"shot {shot.number}: the mask of spots of frame {frame} of {names[0]} is another")
    if asked.spots:
        for name, column in stored.spots(shot.number).items():
            own = labels.spots[name]
            if column.dtype != own.dtype or column.tobytes() != own.tobytes():
                found.append(f"shot {shot.number}: spots in {names[2]} have another {name}")
                break
    return found


def _same(experiment: Any, shot: Shot, stored: Any) -> bool:
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
