"""The folder of a campaign: what is in it, what is missing, and the tables of all shots."""

from __future__ import annotations

from collections.abc import Callable, Iterable
import json
import os
import re
from typing import Any, NamedTuple

from ..configs.checks import shown
from ..io.bounded import check_regular, open_regular
from ..io.destinations import read_too
from ..io.json_text import json_text
from ..io.output import OutputSet, write_whole
from ..notes import Loud
from .description import Description
from .labels import Labels, labels_of
from .shard import SPOTS, file_sha256, names_of
from .versions import versions

# start-up: pyarrow is an extra, and imported where tables are merged

__all__ = ["ALL_SPOTS", "HEAD", "Head", "MANIFEST", "TRUTH", "account_of", "check_inputs", "check_outputs", "files_of",
           "merge", "open_store", "read_head", "tables_of", "wrong_with"]

#: Files of a store beside those of its shots.
HEAD, TRUTH, MANIFEST, ALL_SPOTS = "campaign.json", "truth.parquet", "manifest.json", "spots.parquet"
_OF_SHOTS = re.compile(r"shots_[0-9]{6,}\.(h5|parquet|spots\.parquet|json)(\.partial)?")
_FORMAT, _VERSION = "numbragg campaign", 1
#: Largest head and account, in bytes.
_LARGEST = 1 << 28


class Head(NamedTuple):
    """What a store is of."""

    campaign: str  # hash of the description
    shots: int
    shots_per_file: int
    description: dict[str, Any]  # in canonical form
    versions: dict[str, Any]  # that it was begun with

    @property
    def shards(self) -> int:
        """How many files of shots there are."""
        return -(-self.shots // self.shots_per_file)

    @property
    def labels(self) -> Labels | None:
        """The labels that its shots have."""
        return labels_of(self.description["tables"])

    def of_shard(self, number: int) -> range:
        """The shots of a file."""
        first = number * self.shots_per_file
        return range(first, min(first + self.shots_per_file, self.shots))


def files_of(head: Head, number: int) -> list[str]:
    """Names of the files of a shard, but for its account: images, table of truth, and of spots where there is one."""
    images, table, _ = names_of(number)
    labels = head.labels
    return [images, table] + ([table.removesuffix(".parquet") + SPOTS] if labels is not None and labels.spots else [])


def tables_of(head: Head) -> list[str]:
    """Names of the tables of all shots, in the order of those of a shard in `files_of`."""
    return [TRUTH, ALL_SPOTS][:len(files_of(head, 0)) - 1]


def _read_json(path: str) -> Any:
    with open_regular(path) as file:
        content = file.read(_LARGEST)
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise ValueError(f"{path}: must be JSON, as numbragg wrote it") from None


def read_head(folder: str) -> Head:
    """What a store is of.

    Raises
    ------
    ValueError
        There is none.
    """
    path = os.path.join(folder, HEAD)
    try:
        found = _read_json(path)
    except FileNotFoundError:
        raise ValueError(f"{folder}: is no campaign's folder, which has a file {HEAD}") from None
    if not isinstance(found, dict) or found.get("format") != _FORMAT or found.get("version") != _VERSION:
        raise ValueError(f"{path}: must be the head of a campaign, format {_FORMAT!r}, version {_VERSION}")
    try:
        return Head(**{name: found[name] for name in Head._fields})
    except KeyError as error:
        raise ValueError(f"{path}: lacks {error.args[0]!r}") from None


def check_inputs(folder: str, inputs: Iterable[str]) -> None:
    """Refuse files that are read where the files of a campaign will be.

    Parameters
    ----------
    folder : str
        Of the campaign.
    inputs : iterable of str
        The description, and what it names.

    Raises
    ------
    ValueError
    """
    place = os.path.realpath(folder)
    for path in inputs:
        there, name = os.path.split(os.path.realpath(path))
        if there == place and _is_of_store(name):
            raise ValueError(f"{path}: is read, and {name} in {folder} is written; give another folder")


def check_outputs(folder: str, outputs: Iterable[str]) -> None:
    """Refuse to write over the files of a campaign, and where those are to be that it has not yet.

    Parameters
    ----------
    folder : str
        Of the campaign.
    outputs : iterable of str
        What is to be written about it.

    Raises
    ------
    ValueError
    """
    place, outputs = os.path.realpath(folder), list(outputs)
    for path in outputs:
        there, name = os.path.split(os.path.realpath(path))
        if there == place and _is_of_store(name):
            raise ValueError(f"{path}: is a file of the campaign in {folder}; give another name")
    # links from elsewhere
    same = read_too(outputs, lambda: (os.path.join(place, name) for name in os.listdir(place) if _is_of_store(name)))
    if same is not None:
        raise ValueError(f"{same}: is a file of the campaign in {folder}; give another name")


def _is_of_store(name: str) -> bool:
    return name in (HEAD, TRUTH, MANIFEST, ALL_SPOTS) or _OF_SHOTS.fullmatch(name) is not None


def open_store(folder: str, description: Description, campaign: str) -> list[str]:
    """Make the folder of a campaign, or see that it is this one's.

    Parameters
    ----------
    folder : str
    description : Description
    campaign : str
        Its hash.

    Returns
    -------
    list of str
        Notes.

    Raises
    ------
    ValueError
        If it is another campaign's, or has more shots.
    OSError
        It cannot be written.
    """
    own = versions(description.output.compression)
    canonical = description.canonical()
    place = os.path.join(folder, HEAD)
    if not os.path.exists(place):
        try:
            os.makedirs(folder, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise ValueError(f"{folder}: must be a folder, or none yet, for files of a campaign") from None
        begun = any(name.startswith("shots_") for name in os.listdir(folder))
        # of processes that start together another one may just have written it
        if begun and not os.path.exists(place):
            raise ValueError(f"{folder}: has files of shots and no {HEAD}; give an empty folder, or a new one")
        if not begun:
            _write_head(folder, Head(campaign, description.shots, description.shots_per_file, canonical, own))
            return []
    head = read_head(folder)
    if head.campaign != campaign:
        raise ValueError(f"{folder}: is of another description{_difference(head.description, canonical)}; only more "
                         "shots may be asked for, all else needs a new folder")
    if description.shots < head.shots:
        raise ValueError(f"campaign.shots: {description.shots} must be at least {head.shots}, which {folder} is of; "
                         f"--shots {head.shots} asks for as many")
    if description.shots > head.shots:
        _write_head(folder, head._replace(shots=description.shots))
    other = [f"{name} {head.versions.get(name)} and now {value}" for name, value in own.items()
             if head.versions.get(name) != value]
    return [Loud(f"{folder}: was begun with {', '.join(other)}: bytes of files may differ")] if other else []


def _write_head(folder: str, head: Head) -> None:
    content = json_text({"format": _FORMAT, "version": _VERSION, **head._asdict()}).encode()
    write_whole(os.path.join(folder, HEAD), "head of a campaign", lambda file: file.write(content))


def _difference(old: Any, new: Any, place: str = "") -> str:
    """Where two canonical forms differ first, in words."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}):
            if old.get(key) != new.get(key):
                below = place if not place and key in ("tables", "inputs") else f"{place}.{key}" if place else key
                return _difference(old.get(key), new.get(key), below)
    return f": {place} was {shown(old)} and is {shown(new)}" if place else ""


# -- files of shots


def account_of(folder: str, number: int) -> dict[str, Any] | None:
    """The account of a shard, or None where there is none that can be read."""
    try:
        found = _read_json(os.path.join(folder, names_of(number)[2]))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def wrong_with(folder: str, head: Head, number: int, deep: bool = True) -> str | None:
    """What is wrong with the files of a shard; None where they are whole.

    Parameters
    ----------
    folder : str
    head : Head
    number : int
        Of the shard.
    deep : bool
        Compare checksums, not sizes alone.
    """
    account = account_of(folder, number)
    names = names_of(number)
    if account is None:
        return "missing"
    shots = head.of_shard(number)
    said = account.get("campaign"), account.get("shard"), account.get("first"), account.get("shots")
    if said != (head.campaign, number, shots.start, len(shots)):
        return f"{names[2]}: is of other shots"
    files = account.get("files")
    if not isinstance(files, dict) or sorted(files) != sorted(files_of(head, number)):
        return f"{names[2]}: names no files"
    for name, about in files.items():
        path = os.path.join(folder, name)
        try:
            size = os.path.getsize(path)
            if size != about["bytes"]:
                return f"{name}: {size} bytes, and must be {about['bytes']}"
            if deep and file_sha256(path) != about["sha256"]:
                return f"{name}: another checksum than when it was written"
        except OSError:
            return f"{name}: missing"
        except (KeyError, TypeError):
            return f"{names[2]}: has no checksums"
    return None


def merge(folder: str, progress: Callable[[int], object] | None = None) -> tuple[Head, int]:
    """Write the table of truth of all shots, that of their spots if they have any, and a manifest of checksums.

    The same files make the same bytes, however they were made.

    Parameters
    ----------
    folder : str
    progress : callable, optional
        Called with the number of shots that were looked at.

    Returns
    -------
    head : Head
    failed : int
        How many shots have no image.

    Raises
    ------
    ValueError
        If files are missing or damaged.
    OSError
        The files cannot be written.
    """
    head = read_head(folder)
    missing = []
    for number in range(head.shards):
        wrong = wrong_with(folder, head, number)
        if wrong is not None:
            missing.append(f"shard {number}: {wrong}")
        if progress is not None:
            progress(head.of_shard(number).stop)
    if missing:
        raise ValueError(f"{folder}: {len(missing)} of {head.shards} files of shots are not whole ({missing[0]}); run "
                         "the campaign again")
    import pyarrow.parquet

    accounts = [account_of(folder, number) or {} for number in range(head.shards)]
    failed = sum(len(account["failed"]) for account in accounts)
    tables = [os.path.join(folder, name) for name in tables_of(head)]
    manifest = os.path.join(folder, MANIFEST)
    for path in (*tables, manifest):
        check_regular(path, "a file of a campaign")
    with OutputSet() as outputs:
        for table in tables:
            outputs.reserve(table, "table of all shots")
        outputs.reserve(manifest, "manifest")
        for place, table in enumerate(tables, 1):
            with outputs.open(table) as file:
                writer = None
                for number in range(head.shards):
                    part = pyarrow.parquet.read_table(os.path.join(folder, files_of(head, number)[place]))
                    if writer is None:
                        writer = pyarrow.parquet.ParquetWriter(file, part.schema, compression="zstd",
                                                               store_schema=False)
                    writer.write_table(part)
                if writer is not None:
                    writer.close()
                file.flush()
        files = {name: about for account in accounts for name, about in account["files"].items()}
        for number, account in enumerate(accounts):
            own = names_of(number)[2]
            path = os.path.join(folder, own)
            files[own] = {"bytes": os.path.getsize(path), "sha256": file_sha256(path)}
        for table in tables:
            files[os.path.basename(table)] = {"bytes": os.path.getsize(_temporary(outputs, table)),
                                              "sha256": file_sha256(_temporary(outputs, table))}
        with outputs.open(manifest) as file:
            file.write(json_text({"campaign": head.campaign, "shots": head.shots, "failed": failed,
                                  "files": dict(sorted(files.items()))}).encode())
        outputs.commit()
    return head, failed


def _temporary(outputs: OutputSet, path: str) -> str:
    """Where an output is until all of them are put in place."""
    return str(outputs._reserved(path).temporary)
