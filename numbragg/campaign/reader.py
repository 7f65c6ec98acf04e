"""Reads a campaign shot by shot: images, truth, spots and masks by the number of a shot."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
import os
from typing import Any, NamedTuple

import numpy as np

from ..configs.checks import shown
from ..io.hdf5_filters import filters
from .labels import COLUMNS
from .shard import MASK, PLACES, names_of
from .store import files_of, read_head, wrong_with

# start-up: h5py and pyarrow are extras, and imported with the first file

__all__ = ["CampaignReader", "Record"]

#: Files of shots that are open at a time, and tables that are kept.
_OPEN = 8


class Record(NamedTuple):
    """A shot.

    Attributes
    ----------
    number : int
    image : (slow, fast) array
        As the file has it: counts, or mean photons as float32; several panels as one image.
    truth : dict
        Its row of the table of truth.
    """

    number: int
    image: Any
    truth: dict[str, Any]


class CampaignReader:
    """The shots of a campaign, by their numbers.

    Files are opened when they are needed, and anew in every process: a reader may be handed to workers that are forked
    or spawned.  It reads what is there, before `numbragg campaign merge` too.

    Parameters
    ----------
    folder : str or path-like

    Attributes
    ----------
    folder : str
    head : store.Head
        What the campaign is.

    Raises
    ------
    ValueError
        It is no campaign's.

    Examples
    --------
    >>> from numbragg.campaign.example import example
    >>> from numbragg.campaign.reader import CampaignReader
    >>> from numbragg.commands.cli import main
    >>> with open("set.toml", "w") as file:
    ...     _ = file.write(example(4))
    >>> main(["campaign", "run", "set.toml", "--out", "set", "--shard", "0/1", "--quiet"])
    0
    >>> with CampaignReader("set") as shots:
    ...     len(shots), shots[3].image.shape, shots.truth(3)["shot"]
    (4, (256, 256), 3)
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = os.path.abspath(os.fsdecode(folder))
        self.head = read_head(self.folder)
        self._forget()

    def _forget(self) -> None:
        self._process = os.getpid()
        self._files: OrderedDict[int, Any] = OrderedDict()
        self._tables: OrderedDict[str, Any] = OrderedDict()

    def __getstate__(self) -> dict[str, Any]:
        # what is open stays here
        return {"folder": self.folder, "head": self.head}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.folder, self.head = state["folder"], state["head"]
        self._forget()

    def __enter__(self) -> CampaignReader:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all files; they are opened again where they are needed."""
        if self._process == os.getpid():
            for file in self._files.values():
                file.close()
        self._forget()

    def __len__(self) -> int:
        return self.head.shots

    def __getitem__(self, number: int) -> Record:
        """A shot by its number; negative ones count from the end.

        Raises
        ------
        IndexError
            There is none.
        ValueError, OSError
            Its files are missing or damaged.
        """
        number = self._number(number)
        return Record(number, self.image(number), self.truth(number))

    def __iter__(self) -> Iterator[Record]:
        return (self[number] for number in range(len(self)))

    # -- parts of a shot

    def image(self, number: int) -> Any:
        """The frame of a shot: (slow, fast).

        Pixels that do not count have the largest number of their type, or NaN where a shot failed and photons are
        written.

        Raises
        ------
        IndexError, ValueError, OSError
            As of an item.
        """
        return self._frame(number, "entry/data/data")

    def mask(self, number: int) -> Any:
        """Numbers of the spots of a shot, (slow, fast) int32: 1 is the first row of `spots`, 0 is none.

        Raises
        ------
        ValueError
            The campaign has no masks of spots; or as of an item.
        IndexError, OSError
            As of an item.
        """
        labels = self.head.labels
        if labels is None or not labels.mask:
            raise ValueError(f"{self.folder}: has no masks of spots; [labels] with mask = true makes them")
        return self._frame(number, MASK)

    def truth(self, number: int) -> dict[str, Any]:
        """The row of a shot in the table of truth, by the names of its columns.

        Raises
        ------
        IndexError, ValueError, OSError
            As of an item.
        """
        number = self._number(number)
        row: dict[str, Any] = self._table(number, 1).slice(self._place(number)[1], 1).to_pylist()[0]
        return row

    def spots(self, number: int) -> dict[str, Any]:
        """The spots of a shot: (n,) arrays by the names of `labels.COLUMNS`, in the order of the masks' numbers.

        ``slow`` and ``fast`` are in pixels from the corner of the panel, where a pixel's centre is at a half.

        Raises
        ------
        ValueError
            The campaign has no lists of spots; or as of an item.
        IndexError, OSError
            As of an item.
        """
        labels = self.head.labels
        if labels is None or not labels.spots:
            raise ValueError(f"{self.folder}: has no lists of spots; [labels] with spots = true makes them")
        number = self._number(number)
        table = self._table(number, 2)
        shots = table["shot"]
        first, last = (int(np.searchsorted(shots, number, side)) for side in ("left", "right"))
        return {name: table[name][first:last].copy() for name, _ in COLUMNS}

    def places(self, number: int = 0) -> Any:
        """Where panels are in an image, (panels, 4) int64: first fast and slow pixel, sizes along fast and slow.

        A spot is at ``fast + places[panel, 0]``, ``slow + places[panel, 1]`` of the image.  It is the same for all
        shots, and read from the file of the one that is named.

        Raises
        ------
        ValueError
            The campaign has no labels; or as of an item.
        OSError
            As of an item.
        """
        if self.head.labels is None:
            raise ValueError(f"{self.folder}: has no labels; [labels] in the description makes them")
        return self.dataset(number, PLACES)[()]

    def has(self, number: int, name: str) -> bool:
        """Whether the HDF5 file that has a shot has a dataset or group.

        Raises
        ------
        IndexError, ValueError, OSError
            As of an item.
        """
        return name in self.dataset(number, "entry").file

    def dataset(self, number: int, name: str) -> Any:
        """A dataset of the HDF5 file that has a shot, of h5py, open until the reader is closed or opens many others.

        Raises
        ------
        IndexError, ValueError, OSError
            As of an item.
        """
        import h5py

        self._of_process()
        shard = self._place(self._number(number))[0]
        file = self._files.get(shard)
        path = os.path.join(self.folder, names_of(shard)[0])
        if file is None:
            self._check(shard)
            # imports what the pixels are compressed with
            filters(self.head.description["tables"].get("output", {}).get("compression", "gzip"))
            try:
                file = h5py.File(path, "r")
            except OSError as error:
                raise ValueError(f"{path}: cannot be read as HDF5 ({_first_line(error)})") from None
            self._files[shard] = file
            if len(self._files) > _OPEN:
                self._files.popitem(last=False)[1].close()
        self._files.move_to_end(shard)
        try:
            return file[name]
        except (KeyError, OSError) as error:
            raise ValueError(f"{path}: {name} cannot be read ({_first_line(error)})") from None

    # -- files

    def _number(self, number: Any) -> int:
        try:
            found = int(number.__index__())
        except AttributeError:
            raise TypeError(f"a shot is asked for by its number, not by {shown(number)}") from None
        size = len(self)
        if not -size <= found < size:
            raise IndexError(f"{self.folder}: has shots 0 to {size - 1}, and not {found}")
        return found % size

    def _place(self, number: int) -> tuple[int, int]:
        """The shard of a shot, and its frame in there."""
        return divmod(number, self.head.shots_per_file)

    def _of_process(self) -> None:
        """Let go of what a parent process has opened: it is still its own."""
        if self._process != os.getpid():
            # not closed, which would unlock them for the parent as well
            self._parents = self._files
            self._forget()

    def _check(self, shard: int) -> None:
        """Refuse files that are not whole, by their account and their sizes."""
        wrong = wrong_with(self.folder, self.head, shard, deep=False)
        if wrong is not None:
            said = f"{names_of(shard)[0]}: missing" if wrong == "missing" else wrong
            raise ValueError(f"{self.folder}: shots from {self.head.of_shard(shard).start} on are not there ({said}); "
                             "numbragg campaign run makes them")

    def _frame(self, number: int, name: str) -> Any:
        frame = self._place(self._number(number))[1]
        data = self.dataset(number, name)
        try:
            return data[frame]
        except (OSError, ValueError) as error:
            raise ValueError(f"{data.file.filename}: frame {frame} of {name} cannot be read "
                             f"({_first_line(error)})") from None

    def _table(self, number: int, which: int) -> Any:
        """A table of the shard of a shot: that of truth, or the spots as arrays."""
        import pyarrow
        import pyarrow.parquet

        self._of_process()
        shard = self._place(number)[0]
        name = files_of(self.head, shard)[which]
        if name not in self._tables:
            self._check(shard)
            path = os.path.join(self.folder, name)
            try:
                # not from a pool of threads: a child that is forked meanwhile would wait for them
                table = pyarrow.parquet.read_table(path, use_threads=False)
            except (OSError, pyarrow.ArrowException) as error:
                raise ValueError(f"{path}: cannot be read as Parquet ({_first_line(error)})") from None
            if which == 2:
                table = {column: table.column(column).to_numpy() for column in table.column_names}
            self._tables[name] = table
            if len(self._tables) > 2 * _OPEN:
                self._tables.popitem(last=False)
        self._tables.move_to_end(name)
        return self._tables[name]


def _first_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:120]
