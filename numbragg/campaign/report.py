"""What there is of a campaign, for its report: shots that are there, what was drawn, failures, rates, some pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
import os
from typing import Any, NamedTuple

import numpy as np

from .fields import FIELDS
from .log import read_log
from .reader import CampaignReader
from .shard import names_of
from .store import Head, account_of, read_head, wrong_with
from .versions import versions

# start-up: h5py and pyarrow are extras, and imported where files are read

__all__ = ["Picture", "Report", "collect", "labels_of"]

#: Failed shots that are listed with their reasons, and spots that are marked in a picture, the strongest.
MOST_FAILED, MOST_SPOTS = 200, 500
#: Columns of the truth beside what varied.
_COLUMNS = ("shot", "failed", "blank", "lattices")


class Picture(NamedTuple):
    """A shot to be shown."""

    shot: int
    image: Any  # (slow, fast), as the file has it; None: it failed, or cannot be read
    marked: int | None  # the value of pixels that do not count; None: no number
    said: str  # what stands below
    spots: Any = None  # (n, 5): fast, slow, h, k, l; None: there are no lists of them
    more_spots: int = 0  # that are not marked
    why: str = ""  # there is no image


@dataclass
class Report:
    """What a report tells.

    Attributes
    ----------
    folder : str
    head : Head
    there : int
        Shots that are there.
    bytes : int
        Of the files of shots.
    damaged : list of str
        Files that are not whole.
    failed : list of (int, str)
        Numbers of shots without an image, and why.
    drawn : dict of str to (n, size) array
        What was drawn, of the shots that are there, by the names of fields; of those of a lattice a row for each.
    blank : int
        Shots without a crystal.
    spectra : dict of str to int
        How many shots have the spectrum of a file.
    log : list of dict
        As `log.read_log`.
    pictures : list of Picture
    """

    folder: str
    head: Head
    there: int = 0
    bytes: int = 0
    blank: int = 0
    damaged: list[str] = field(default_factory=list)
    failed: list[tuple[int, str]] = field(default_factory=list)
    drawn: dict[str, Any] = field(default_factory=dict)
    spectra: dict[str, int] = field(default_factory=dict)
    log: list[dict[str, Any]] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)

    @property
    def varied(self) -> dict[str, dict[str, Any]]:
        """The tables of what varies, as the description has them."""
        found: dict[str, dict[str, Any]] = self.head.description["tables"].get("vary", {})
        return found


def collect(folder: str, shots: int) -> Report:
    """Read what there is of a campaign, finished or not.

    Parameters
    ----------
    folder : str
    shots : int
        How many are shown at most: of those that are there, spread evenly over their numbers, first and last included.

    Returns
    -------
    Report

    Raises
    ------
    ValueError
        There is no campaign.
    ImportError
        h5py or pyarrow is not installed.
    """
    head = read_head(folder)
    # says what is not installed
    versions()
    found = Report(folder, head, log=read_log(folder))
    whole = []
    parts: dict[str, list[Any]] = {}
    for number in range(head.shards):
        wrong = wrong_with(folder, head, number, deep=False)
        if wrong == "missing":
            continue
        account = account_of(folder, number)
        columns = None if wrong is not None or account is None else _columns(folder, number, found.varied)
        if columns is None or account is None:
            found.damaged.append(wrong or f"{names_of(number)[1]}: cannot be read as Parquet")
            continue
        whole.append(number)
        found.there += account["shots"]
        found.bytes += sum(about["bytes"] for about in account["files"].values())
        found.failed += [(shot, reason) for shot, reason in account["failed"]]
        found.blank += int(np.count_nonzero(columns.pop("blank")))
        for name in columns.pop("spectrum_file", ()):
            if name is not None:
                found.spectra[name] = found.spectra.get(name, 0) + 1
        for name, values in columns.items():
            parts.setdefault(name, []).append(values)
    for name, some in parts.items():
        found.drawn[name] = np.concatenate(some)
    shown = _spread([shot for number in whole for shot in head.of_shard(number)], shots)
    found.pictures = list(_pictures(folder, shown, dict(found.failed)))
    return found


def _spread(numbers: list[int], count: int) -> list[int]:
    """So many of some numbers, evenly spread, the first and the last included."""
    if len(numbers) <= count:
        return numbers
    if count < 2:
        return numbers[:count]
    return [numbers[place * (len(numbers) - 1) // (count - 1)] for place in range(count)]


# -- what was drawn


def _columns(folder: str, number: int, varied: dict[str, Any]) -> dict[str, Any] | None:
    """What was drawn for the shots of a file, by fields; None if the table cannot be read."""
    import pyarrow
    import pyarrow.parquet

    path = os.path.join(folder, names_of(number)[1])
    names = [f"vary.{name}" for name in varied if name not in ("lattices", "blank", "spectrum")]
    with_spectrum = ["spectrum_file"] if "spectrum" in varied else []
    try:
        table = pyarrow.parquet.read_table(path, columns=[*_COLUMNS, *with_spectrum, *names])
    except (OSError, pyarrow.ArrowException):
        return None
    made: dict[str, Any] = {"blank": np.array(table["blank"].to_pylist(), bool)}
    if with_spectrum:
        made["spectrum_file"] = table["spectrum_file"].to_pylist()
    if "lattices" in varied:
        # of a blank shot it is not told how many would have been there
        lattices = np.array(table["lattices"].to_pylist(), np.int64)
        made["lattices"] = lattices[~made["blank"]].reshape(-1, 1)
    for name in names:
        own = FIELDS[name.removeprefix("vary.")]
        rows = table[name].to_pylist()
        listed = [part for row in rows for part in row] if own.of_lattice else rows
        size = len(listed[0]) if listed else own.size
        made[own.name] = np.array(listed, np.float64).reshape(-1, size)
    return made


# -- pictures


def _pictures(folder: str, numbers: list[int], failed: dict[int, str]) -> Iterator[Picture]:
    with CampaignReader(folder) as shots:
        for number in numbers:
            if number in failed:
                yield Picture(number, None, None, "failed", why=failed[number])
                continue
            try:
                image, found = shots.image(number), labels_of(shots, number)
            except (KeyError, OSError, ValueError) as error:
                yield Picture(number, None, None, "cannot be read", why=" ".join(f"{error}".split())[:200])
                continue
            marked = None if image.dtype.kind == "f" else int(np.iinfo(image.dtype).max)
            spots, more = (None, 0) if found is None else _marks(*found)
            counting = np.isfinite(image) if marked is None else image != marked
            largest = image[counting].max() if counting.any() else 0
            what = "counts" if marked is not None else "photons"
            yield Picture(number, image, marked, f"largest pixel {largest:g} {what}", spots, more)


def labels_of(shots: CampaignReader, number: int) -> tuple[dict[str, Any], Any] | None:
    """The spots of a shot, by columns, and the places of panels in its image; None where a campaign has no lists."""
    labels = shots.head.labels
    return (shots.spots(number), shots.places(number)) if labels is not None and labels.spots else None


def _marks(spots: dict[str, Any], places: Any) -> tuple[Any, int]:
    """The strongest spots as they lie in the frame, and how many are left out."""
    order = np.argsort(-spots["intensity"], kind="stable")[:MOST_SPOTS]
    corners = places[spots["panel"][order]]
    marks = np.column_stack([spots["fast"][order] + corners[:, 0], spots["slow"][order] + corners[:, 1],
                             *(spots[name][order] for name in "hkl")])
    return marks, len(spots["intensity"]) - len(order)
