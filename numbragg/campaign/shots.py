"""One shot of a campaign: images, counts and truth, a pure function of the description and the shot's number."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
import os
import time
from typing import Any
import warnings

import numpy as np

from ..io.experiment import Experiment
from ..io.one_image import one_image
from ..notes import NumbraggWarning
from ..render.simulation import Simulator
from ..response.response import Response
from ..results.experiment import describe
from ..results.recording import count_panels, recorded, recording, response_notes, stored, without_offset
from ..scene.notes import NOT_OF_SPOTS, warnings_of
from .description import Description, Values, read_description
from .draws import Choice, Constant, Grid, Listed
from .labels import Labelled, label_shot, nothing, obstacle
from .parts import Parts
from .truth import row_of

__all__ = ["Maker", "Shot", "Spent"]

#: Detectors and beams that are kept, with what kernels need of them, where they come again.
_KEPT = 4
#: Pixels of shots that are made together.
_PIXELS_AT_ONCE = 1 << 20
#: What of a description they are made of.
_SHARED = ("beam", "detector", "background")


@dataclass(slots=True)
class Spent:
    """Seconds that shots took: to be prepared, simulated, labelled, counted, and described by a row of the truth."""

    prepare: float = 0.0
    simulate: float = 0.0
    label: float = 0.0
    count: float = 0.0
    describe: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """A shot.

    Attributes
    ----------
    number : int
    values : Values
        What varied.
    images : list of (slow, fast) array, or None
        Of all panels, as files have them: counts without an offset, or mean photons; None: it failed.
    masks : list of (slow, fast) uint8 array, or None
        Pixels that count, 1, where they vary from shot to shot.
    row : dict
        Its row of the table of truth.
    panels : tuple of io.experiment.PanelPlace, or None
        Where they are, where that varies from shot to shot.
    labels : labels.Labelled or None
        Its spots, where a campaign has labels and the shot has not failed.
    """

    number: int
    values: Values
    images: Any
    masks: Any
    row: dict[str, Any]
    panels: Any = None
    labels: Labelled | None = None

    @property
    def failed(self) -> str | None:
        """Why there is no image."""
        reason: str | None = self.row["failed"]
        return reason


@dataclass(slots=True, eq=False)
class _Begun:
    """A shot that is being made."""

    number: int
    values: Values
    simulator: Any = None
    response: Any = None
    crystals: Any = None
    shot: Any = None  # as `Simulator.prepare_shot` makes it
    ground: Any = None
    images: Any = None
    counts: Any = None
    masks: Any = None
    labels: Labelled | None = None
    made: Shot | None = None
    failed: str | None = None


class Maker:
    """Makes the shots of a campaign; what several have in common is made once.

    Shots that share detector, beam and background share a `Simulator` with its tables, compiled kernels and background.

    Parameters
    ----------
    description : Description or path-like
    shots : int, optional
        In the place of those of a file.
    threads : int, optional
        By default one per processor.  No bit depends on it.
    backend : {"cpu", "cuda", "auto"}
    device : int, optional

    Attributes
    ----------
    description : Description
    parts : Parts
    spent : Spent

    Raises
    ------
    ValueError
        Naming the file, the field, the value and the rule.
    OSError
        A file cannot be read.

    Examples
    --------
    >>> from numbragg.campaign.example import example
    >>> from numbragg.campaign.shots import Maker
    >>> with open("set.toml", "w") as file:
    ...     _ = file.write(example(20))
    >>> shot = Maker("set.toml").shot(3)
    >>> shot.images[0].shape, shot.images[0].dtype
    ((256, 256), dtype('int32'))
    """

    def __init__(self, description: Description | str | os.PathLike[str], *, shots: int | None = None,
                 threads: int | None = None, backend: str = "cpu", device: int | None = None) -> None:
        if not isinstance(description, Description):
            description = read_description(description, shots)
        self.description, self.spent = description, Spent()
        with _quietly():
            self.parts = Parts(description)
            self._how = {"threads": threads, "backend": backend, "device": device, **self.parts.evaluation}
            self._kept: OrderedDict[Any, Simulator] = OrderedDict()
            self._first: Simulator | None = None
            come_again = all(isinstance(each.distribution, (Constant, Choice, Listed, Grid))
                             for each in description.varied.values() if each.field.owner in _SHARED)
            self._keeps = _KEPT if come_again else 1
            base = Values({}, ({},), False)
            simulator, crystals = self._simulator(base), self.parts.crystals(base)
            self.base = simulator.prepare_shot(crystals)
            # one that is missing is not the shots' failure
            simulator.backend
        if description.labels is not None:
            reason = obstacle(self.base)
            if reason is not None:
                raise ValueError(f"{description.path}: labels: {reason}")
        self.response = self.parts.response(base)
        # the settings of one that does not vary are put into words once
        self._recording = None if self.response is None else recording(
            self.response, seed=description.seed, dtype=self.type.name)
        #: Whether pixels that count vary from shot to shot.
        self.masks_vary = any(name.startswith("defects_") for name in description.varied)
        #: Whether panels are elsewhere from shot to shot.
        self.panels_vary = any(varied.field.owner == "detector" for varied in description.varied.values())
        self._common = describe(self.base)

    @property
    def notes(self) -> tuple[str, ...]:
        """What is not as the description says, and what is worth knowing of its shot without what varies."""
        response = () if self.response is None else response_notes(self.response, self.base)
        # of a background it is what makes photons of a fluence
        known = "background" in self.description.tables
        own = [note for note in warnings_of(self.base) if not (known and note.endswith(NOT_OF_SPOTS))]
        return tuple(dict.fromkeys((*self.parts.notes, *own, *response)))

    @property
    def type(self) -> Any:
        """The type of the pixels in files."""
        if self.response is None:
            return np.dtype(np.float32)
        return np.dtype(np.uint16 if self.response.raw else np.int32)

    def experiment(self, first: int) -> Experiment:
        """What a file says that begins with a shot: the base of the description, without crystals."""
        made = replace(self._common, crystals=())
        if self.response is not None:
            response = replace(self.response, defects=None) if self.masks_vary else self.response
            made = recorded(made, response, seed=self.description.seed, frame=first, dtype=self.type.name)
        return one_image(made, self.description.output.layout)

    def _simulator(self, values: Values) -> Simulator:
        """The simulator of a shot: that of an earlier one with the same detector, beam and background."""
        key = tuple((name, _frozen(value)) for name, value in values.shot.items()
                    if self.description.varied[name].field.owner in _SHARED)
        found = self._kept.get(key)
        if found is None:
            around = self.parts.detector(values), self.parts.beam(values), self.parts.background(values)
            if self._first is None:
                self._first = Simulator(around[0], around[1], self.parts.structure, sampling=self.parts.sampling,
                                        background=around[2], **self._how)
                found = self._first
            else:
                # tables, domains and a device serve for all
                found = self._first.with_surroundings(*around)
            self._kept[key] = found
            if len(self._kept) > self._keeps:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return found

    def shot(self, number: int) -> Shot:
        """Make a shot; what a simulation refuses is its failure, and told in its row.

        Parameters
        ----------
        number : int
            From 0.
        """
        return self._together([number])[0]

    def shots(self, numbers: Iterable[int]) -> Iterator[Shot]:
        """Make shots, one after the other, as of `shot`, in the order of their numbers."""
        for some in self.together(numbers):
            yield from some

    def together(self, numbers: Iterable[int]) -> Iterator[list[Shot]]:
        """Make shots; of small ones each step is done for some before the next.

        So a processor has the code of a step at hand, which of small shots saves a fifth of all that is not kernels.

        Parameters
        ----------
        numbers : iterable of int

        Yields
        ------
        list of Shot
            As of `shot`, in the order of the numbers.
        """
        at_once = max(1, _PIXELS_AT_ONCE // sum(panel[0].shape[0] * panel[0].shape[1] for panel in self.base))
        left = iter(numbers)
        while some := list(islice(left, at_once)):
            yield self._together(some)

    def _together(self, numbers: Sequence[int]) -> list[Shot]:
        """Make some shots, step by step."""
        begun = [_Begun(number, self.description.values(number)) for number in numbers]
        with _quietly():
            for step in (self._take, self._prepare, self._simulate, self._label, self._shine, self._count,
                         self._describe):
                for each in begun:
                    if each.failed is None:
                        self._try(step, each)
        return [each.made or Shot(each.number, each.values, None, None, row_of(
            self.description, each.number, each.values, failed=each.failed)) for each in begun]

    def _try(self, step: Callable[[_Begun], None], begun: _Begun) -> None:
        """Do a step of a shot, or note why it cannot be done."""
        try:
            step(begun)
        except (MemoryError, OSError):
            # of this machine, not of the shot
            raise
        except Exception as error:
            if _of_memory(error):
                raise MemoryError(f"shot {begun.number}: {error}") from None
            reason = " ".join(f"{error}".split()) or type(error).__name__
            begun.failed = reason if isinstance(error, ValueError) else f"{type(error).__name__}: {reason}"

    def _take(self, begun: _Begun) -> None:
        """Take what the shot is of."""
        start, values = time.perf_counter(), begun.values
        begun.simulator, begun.response = self._simulator(values), self.parts.response(values)
        begun.crystals = self.parts.crystals(values)
        self.spent.prepare += time.perf_counter() - start

    def _prepare(self, begun: _Begun) -> None:
        start = time.perf_counter()
        begun.shot = begun.simulator.prepare_quietly(begun.crystals)
        begun.ground = begun.simulator.ground(begun.shot)
        self.spent.prepare += time.perf_counter() - start

    def _simulate(self, begun: _Begun) -> None:
        start, simulator = time.perf_counter(), begun.simulator
        if begun.values.blank:
            begun.images = [np.zeros(panel[0].shape, np.float32) for panel in begun.shot]
        else:
            begun.images = list(simulator.backend.render_shot(begun.shot, simulator.evaluation)[0])
        self.spent.simulate += time.perf_counter() - start

    def _label(self, begun: _Begun) -> None:
        """Of photons of the crystals alone."""
        start, asked = time.perf_counter(), self.description.labels
        if asked is not None and begun.values.blank:
            begun.labels = nothing(asked, [panel[0].shape for panel in begun.shot])
        elif asked is not None:
            begun.labels = label_shot(asked, begun.shot, begun.images, self._how["threads"])
        self.spent.label += time.perf_counter() - start

    def _shine(self, begun: _Begun) -> None:
        """Add the background."""
        start = time.perf_counter()
        if begun.ground is not None:
            begun.ground.add(begun.images)
        self.spent.simulate += time.perf_counter() - start

    def _count(self, begun: _Begun) -> None:
        start = time.perf_counter()
        begun.counts = begun.images
        if begun.response is not None:
            begun.counts, begun.masks = self._counted(begun.response, begun.images, begun.shot, begun.number)
        self.spent.count += time.perf_counter() - start

    def _describe(self, begun: _Begun) -> None:
        start, number, values, shot = time.perf_counter(), begun.number, begun.values, begun.shot
        row = row_of(self.description, number, values, shot=shot, images=begun.images, counts=begun.counts,
                     turn=self._common.turn)
        panels = describe([panel[:1] for panel in shot]).panels if self.panels_vary else None
        begun.made = Shot(number, values, begun.counts, begun.masks, row, panels, begun.labels)
        self.spent.describe += time.perf_counter() - start

    def _counted(self, response: Response, images: Any, shot: Any, number: int) -> tuple[Any, Any]:
        """Counts as files have them, and which pixels count where that varies."""
        seed, dtype = self.description.seed, self.type.name
        counts = stored(count_panels(response, images, shot, seed=seed, frame=number, threads=self._how["threads"]),
                        response, dtype)
        masks = None
        if self.masks_vary:
            masks = [response.mask(panel[0].shape, place) if panel[0].mask is None else
                     response.mask(panel[0].shape, place) & (np.asarray(panel[0].mask) != 0).astype(np.uint8)
                     for place, panel in enumerate(shot)]
        said = self._recording if response is self.response else None
        said = said or recording(response, seed=seed, dtype=dtype)
        return without_offset(counts, said), masks


def _of_memory(error: BaseException) -> bool:
    """Whether it is this machine's memory that is too small: the shot may be made by another one."""
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_globals.get("__name__") == "numbragg.memory":
            return True
        trace = trace.tb_next
    return False


def _frozen(value: Any) -> Any:
    """A value that can be a key."""
    return tuple(sorted(value.items())) if isinstance(value, dict) else value


class _quietly(warnings.catch_warnings):
    """Without warnings of what is simulated: of a million shots they would be said a million times."""

    def __enter__(self) -> Any:
        entered = super().__enter__()
        warnings.simplefilter("ignore", NumbraggWarning)
        return entered
