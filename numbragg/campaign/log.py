"""How long files of shots took, and which worker made them: lines of JSON beside a data set, no part of it."""

from __future__ import annotations

import json
import math
import os
import socket
import time
from typing import Any

from ..io.bounded import open_regular
from .work import Done

__all__ = ["FOLDER", "Log", "read_log"]

#: Where logs are, in the folder of a campaign; it may be removed.
FOLDER = "log"
#: Largest log that is read [bytes], and longest name of a part of the time.
_LARGEST, _LONGEST = 1 << 28, 40
_NUMBERS = ("shard", "shots", "failed", "seconds", "end")


class Log:
    """What one run says of the files that it has made.

    A run that cannot write it goes on without.

    Parameters
    ----------
    folder : str
        Of the campaign.

    Attributes
    ----------
    failed : str or None
        Why it could not be written.
    """

    def __init__(self, folder: str) -> None:
        self._folder = os.path.join(folder, FOLDER)
        self.failed: str | None = None
        # runs on many machines have logs of their own: what is appended by several is mixed on some file systems
        self._name = f"{time.time_ns()}-{socket.gethostname()}-{os.getpid()}.jsonl"

    def add(self, done: Done) -> None:
        """Note a file that was made; not one that was there."""
        if done.kept or done.busy or self.failed is not None:
            return
        said = {name: getattr(done, name) for name in ("shard", "shots", "failed", "seconds", "spent", "worker",
                                                       "threads", "end")}
        try:
            os.makedirs(self._folder, exist_ok=True)
            with open(os.path.join(self._folder, self._name), "a", encoding="utf-8") as file:
                file.write(json.dumps(said) + "\n")
        except OSError as error:
            self.failed = error.strerror or str(error)


def read_log(folder: str) -> list[dict[str, Any]]:
    """What all runs of a campaign have noted, in the order of the files' ends.

    Parameters
    ----------
    folder : str
        Of the campaign.

    Returns
    -------
    list of dict
        Of each file that was made ``shard``, ``shots``, ``failed``, ``seconds``, ``spent`` (by parts [s]),
        ``worker``, ``threads`` and ``end`` [s since 1970].  Lines that were cut off, or are none of ours, are left out.
    """
    place, found = os.path.join(folder, FOLDER), []
    try:
        names = sorted(name for name in os.listdir(place) if name.endswith(".jsonl"))
    except OSError:
        return []
    for name in names:
        try:
            with open_regular(os.path.join(place, name)) as file:
                lines = file.read(_LARGEST).split(b"\n")
        except OSError:
            continue
        found += [said for said in map(_said, lines) if said is not None]
    return sorted(found, key=lambda said: said["end"])


def _said(line: bytes) -> dict[str, Any] | None:
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or not all(_is_number(said.get(name)) for name in _NUMBERS):
        return None
    spent = said.get("spent")
    if not isinstance(spent, dict) or not all(_is_number(value) and len(name) < _LONGEST
                                              for name, value in spent.items()):
        return None
    said["worker"] = str(said.get("worker", ""))
    return said


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) and value >= 0
