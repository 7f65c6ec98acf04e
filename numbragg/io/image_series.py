"""A file for each frame of a series, written so that an interrupted one can be gone on with."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from .experiment import EPOCH
from .flat import flat
from .minicbf import write_minicbf
from .one_image import one_image
from .output import OutputSet
from .smv_readable import write_readable_smv

if TYPE_CHECKING:
    from .experiment import Experiment

__all__ = ["ENDINGS", "ImageSeries", "check_template", "name_of"]

#: What a series of images can be, by the ending of its names.
ENDINGS: dict[str, Any] = {".img": write_readable_smv, ".cbf": write_minicbf}


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

    Raises
    ------
    ValueError
        If the template, or the detector, is not possible.
    OSError
        If nothing can be written there.
    """

    def __init__(self, template: str, experiment: Experiment, frames: int, *, date: str = EPOCH,
                 key: str = "") -> None:
        check_template(template, frames)
        ending = os.path.splitext(template)[1]
        experiment = one_image(experiment)
        flat(experiment, {".img": "SMV", ".cbf": "miniCBF"}[ending], turning=True, square=ending == ".img")
        self._template, self._experiment, self._date, self._key = template, experiment, date, key
        self._write = ENDINGS[ending]
        self._state = f"{template}.partial"
        self.done = self._found(frames)
        self._remember()

    def __enter__(self) -> ImageSeries:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def _found(self, frames: int) -> int:
        try:
            with open(self._state, "rb") as file:
                state = json.loads(file.read(1000))
            done = state["done"] if state["key"] == self._key else 0
        except (OSError, ValueError, KeyError, TypeError):
            return 0
        # a frame that somebody has removed is made again, and so are those behind it
        return next((frame for frame in range(min(done, frames))
                     if not os.path.isfile(name_of(self._template, frame))), min(done, frames))

    def _remember(self) -> None:
        with OutputSet() as outputs:
            outputs.reserve(self._state, "state of the series")
            with outputs.open(self._state) as file:
                file.write(json.dumps({"key": self._key, "done": self.done}).encode())
            outputs.commit()

    def write(self, frame: int, image: Any, start_deg: float) -> None:
        """Write a frame: (slow, fast) integers, of several panels a list, and where its spindle starts."""
        name = name_of(self._template, frame)
        with OutputSet() as outputs:
            outputs.reserve(name, "image")
            with outputs.open(name) as file:
                self._write(file, image, self._experiment, start_deg=start_deg, date=self._date)
            outputs.commit()
        # first the frame, then that it is there
        self.done = frame + 1
        self._remember()

    def finish(self) -> None:
        """Say that all frames are there."""
        os.unlink(self._state)
