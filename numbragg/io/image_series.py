"""A file for each frame of a series, written so that an interrupted one can be gone on with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
import json
import os
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from .experiment import EPOCH
from .flat import flat
from .held_file import HeldFile
from .minicbf import check_recording, write_minicbf
from .one_image import one_image
from .output import OutputSet, check_destination, write_whole
from .smv_readable import write_readable_smv

if TYPE_CHECKING:
    from .experiment import Experiment

__all__ = ["ENDINGS", "ImageSeries", "check_template", "format_of", "name_of", "names_in_series", "others"]

#: What a series of images can be, by the ending of its names.
ENDINGS: dict[str, Any] = {".img": write_readable_smv, ".cbf": write_minicbf}
#: What says how far a series has come begins with this.
_STATE = b'{"key": "'
#: Bytes that say how far a series has come: always as many, so that a full disk has room for the next ones.
_STATE_BYTES = 256


def format_of(template: str) -> str:
    """The name of the format of a series' images."""
    return "SMV" if template.endswith(".img") else "miniCBF"


def check_template(template: str, frames: int) -> None:
    """Refuse a name that does not make one name for each frame.

    Parameters
    ----------
    template : str
        With one run of #, one for each digit.
    frames : int

    Raises
    ------
    ValueError
    """
    name = os.path.basename(template)
    digits = name.count("#")
    if not digits or "#" * digits not in name or "#" in os.path.dirname(template):
        raise ValueError(f"images: {template} must have one # in a row for each digit of the frame's number, "
                         "such as name_####.img")
    if os.path.splitext(name)[1] not in ENDINGS:
        raise ValueError(f"images: {template} must end in {' or '.join(ENDINGS)}")
    if len(str(frames)) > digits:
        raise ValueError(f"images: {template} has {digits} # for {frames} frames; must have "
                         f"{len(str(frames))}, one for each digit")


def name_of(template: str, frame: int) -> str:
    """The name of a frame's file; frames count from 0, files from 1."""
    digits = template.count("#")
    return template.replace("#" * digits, f"{frame + 1:0{digits}}")


def _pattern(template: str) -> re.Pattern[str]:
    """What the names of files are, without their folder."""
    name = os.path.basename(template)
    digits = name.count("#")
    before, _, after = name.partition("#" * digits)
    return re.compile(f"{re.escape(before)}([0-9]{{{digits}}}){re.escape(after)}", re.DOTALL)


def _there(template: str) -> dict[int, str]:
    """Files of a template's names that are there already, by their numbers."""
    folder, pattern = os.path.dirname(template), _pattern(template)
    with os.scandir(folder or os.curdir) as entries:
        return {int(found[1]): os.path.join(folder, entry.name) for entry in entries
                if (found := pattern.fullmatch(entry.name))}


def others(template: str, frames: int) -> list[str]:
    """Files of a template's names that are none of so many frames, in order."""
    return [name for number, name in sorted(_there(template).items()) if not 1 <= number <= frames]


def names_in_series(template: str, frames: int, paths: Sequence[str]) -> list[str]:
    """Which of some paths are files that a series writes.

    Parameters
    ----------
    template : str
        As `check_template` wants it.
    frames : int
    paths : sequence of str

    Returns
    -------
    list of str
        By their names or, through links, as the same files.
    """
    folder, name = os.path.split(template)
    try:
        there = {number: path for number, path in _there(template).items() if 1 <= number <= frames}
    except OSError:
        # without the folder there are no files in it
        return []
    written = {_identity(path) for path in (*there.values(), f"{template}.partial")} - {None}
    pattern = _pattern(template)

    def is_frame(path: str) -> bool:
        at, own = os.path.split(os.path.realpath(path))
        if at != os.path.realpath(folder or os.curdir):
            return False
        found = pattern.fullmatch(own)
        return own == f"{name}.partial" or found is not None and 1 <= int(found[1]) <= frames

    return [path for path in paths if is_frame(path) or _identity(path) in written]


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


class ImageSeries:
    """Writes a file for each frame, in their order.

    Each file appears whole.  A file of the template's name and ".partial" says how far the series has come, until
    all of it is there.

    Parameters
    ----------
    template : str
        As `check_template` wants it.
    experiment : io.experiment.Experiment
        Of the first frame.
    frames : int
    date : str
        ISO 8601.
    key : str
        What the pixels are of: an unfinished series of the same key is gone on with.

    Attributes
    ----------
    done : int
        Frames that are there already.
    full : tuple of int
        How many pixels hold the largest of their type, and in how many frames.

    Raises
    ------
    ValueError
        If the template, or the detector, is not possible.
    OSError
        If nothing can be written there, or another run writes this series.
    """

    def __init__(self, template: str, experiment: Experiment, frames: int, *, date: str = EPOCH,
                 key: str = "") -> None:
        check_template(template, frames)
        ending = os.path.splitext(template)[1]
        experiment = one_image(experiment)
        flat(experiment, format_of(template), turning=True, square=ending == ".img")
        self._template, self._experiment, self._date, self._key = template, experiment, date, key
        self._write = ENDINGS[ending]
        if ending == ".cbf" and experiment.recording is not None:
            check_recording(experiment.recording)
        self.done, self.full = 0, (0, 0)
        try:
            there = _there(template)
        except OSError as error:
            raise OSError(error.errno, error.strerror, template) from error
        for number, name in there.items():
            if 1 <= number <= frames:
                check_destination(name)
        self._held, self._begun = HeldFile(f"{template}.partial", template, _STATE), False
        try:
            self._go_on(frames)
            self._begun = True
            self._remember()
        except BaseException:
            self._end()
            raise

    def __enter__(self) -> ImageSeries:
        return self

    def __exit__(self, *exception: object) -> None:
        self._end()

    def _end(self) -> None:
        # not what an interrupt left that came before it was looked into
        if not self.done and (self._begun or self._held.empty):
            self._held.remove()
        self._held.close()

    def _go_on(self, frames: int) -> None:
        """Find out what an interrupted run of the same series has done."""
        try:
            self._held.seek(0)
            state = json.loads(self._held.read(_STATE_BYTES).rstrip(b"\0"))
            if state["key"] != self._key:
                return
            done, pixels, of_frames = (int(state[name]) for name in ("done", "full", "full_frames"))
        except (ValueError, KeyError, TypeError):
            return
        # a frame that somebody has removed is made again, and so are those behind it
        self.done = next((frame for frame in range(min(done, frames))
                          if not os.path.isfile(name_of(self._template, frame))), min(done, frames))
        if self.done == done:
            self.full = pixels, of_frames
        elif pixels:
            # which of the frames they are in is not known
            self.done = 0

    def _remember(self) -> None:
        state = {"key": self._key, "done": self.done, "full": self.full[0], "full_frames": self.full[1]}
        # in its place, for a file that is renamed would lose the lock
        self._held.seek(0)
        self._held.write(json.dumps(state).encode().ljust(_STATE_BYTES))
        self._held.truncate(_STATE_BYTES)
        self._held.check()

    def write(self, frame: int, image: Any, start_deg: float) -> None:
        """Write a frame: (slow, fast) integers, of several panels a list, and where its spindle starts."""
        name = name_of(self._template, frame)
        write_whole(name, "image", lambda file: self._write(file, image, self._experiment, start_deg=start_deg,
                                                            date=self._date))
        panels = image if isinstance(image, (list, tuple)) else [image]
        recording = self._experiment.recording
        full = sum(int(np.count_nonzero(panel == (np.iinfo(panel.dtype).max if recording is None
                                                  else recording.full))) for panel in panels)
        if full:
            self.full = self.full[0] + full, self.full[1] + 1
        # first the frame, then that it is there
        self.done = frame + 1
        self._remember()

    def finish(self, beside: Callable[[OutputSet], object] | None = None) -> None:
        """Say that all frames are there.

        Parameters
        ----------
        beside : callable, optional
            Writes files that belong to them into a set; until they are in place the series is not finished.
        """
        if beside is not None:
            with OutputSet() as outputs:
                beside(outputs)
                outputs.commit()
        self._held.remove()
