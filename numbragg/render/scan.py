"""A series of frames, each a nanoBragg image at the next spindle angle, and the files that they are written to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
import os
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .. import memory
from ..configs.checks import choice, flag, shown, whole
from ..io.experiment import EPOCH, Series
from ..io.hdf5_filters import COMPRESSIONS
from ..io.image_series import ImageSeries, format_of, name_of, others
from ..io.literals import INT_MAX
from ..io.nxmx import NexusWriter
from ..io.one_image import LAYOUTS, one_image
from ..io.right_angles import at_right_angles
from ..notes import Loud, Misleading, warn
from ..results.counts import photons
from ..results.experiment import describe, with_background
from ..results.files import reader_notes
from ..results.fingerprint import fingerprint
from ..results.recording import (
    count_panels,
    cut_notes,
    gain_notes,
    recorded,
    response_notes,
    stored,
    without_offset,
)
from ..scene.draws import LARGEST_SEED
from ..scene.prepare import turned
from ..scene.units import from_degrees, to_degrees
from .counting import checked_response
from .halo import halo_of
from .simulation import Simulator, crystals_of

# start-up: kernels, and Numba with them, are imported with the first image
if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..configs.crystal import Crystal
    from ..io.experiment import Experiment
    from ..io.output import OutputSet
    from ..response.response import Response

__all__ = ["Rotation", "Scan", "images_of", "nexus_of", "scan"]

#: A few angles of each frame, and the place of its chunk.
_FRAME_BYTES = 100


class Rotation(NamedTuple):
    """What the spindle does in a series."""

    starts_deg: tuple[float, ...]  # of the first frame, for each crystal
    oscillation_deg: float  # width of a frame
    frames: int
    midpoints: bool = False  # whether steps lie around the middle of a frame, not from its edge on


class Scan:
    """Frames of a rotation series; each is made when it is asked for.

    Frame i is nanoBragg's image with ``-phi`` phi + i oscillation, the angle computed and not added up, and has its
    float32 bits.  `scan` makes one.

    Attributes
    ----------
    noise_seed : int or None
        Of the counts; None: means are rounded.
    response : Response or None
        Of the detector; None: photons are counted.
    experiment : io.experiment.Experiment
        Detector, beam, spindle and crystals of the first frame, in the frame of NeXus.

    Examples
    --------
    >>> import numbragg as nb
    >>> crystal = nb.Crystal(cell=(50, 50, 50, 90, 90, 90), n_cells=5, oscillation_deg=0.5, phi_steps=5)
    >>> frames = nb.scan(nb.Simulator(nb.Detector(pixels=(32, 24)), nb.Beam(), 100.0), crystal, 3)
    >>> len(frames), frames.phi_deg, [image.shape for image in frames]
    (3, (0.0, 0.5, 1.0), [(24, 32), (24, 32), (24, 32)])
    >>> frames.counts(2).dtype
    dtype('int32')
    """

    def __init__(self, shot: Sequence[Sequence[Any]], rotation: Rotation, *, render: Callable[[Any], Any],
                 noise_seed: int | None = None, response: Response | None = None, ground: Any = None) -> None:
        self._shot, self._render, self._ground = shot, render, ground
        self.noise_seed, self.response = noise_seed, response
        #: What the response does not do on this detector.
        self.notes: tuple[str, ...] = () if response is None else tuple(response_notes(response, shot))
        self._halo = halo_of(shot, response, None if ground is None else ground.background)
        starts_deg, oscillation_deg, self._frames, midpoints = rotation
        counts = shot[0][0].counts
        step = to_degrees(counts.phi_step)
        # from where steps begin to where they begin if their mean is the middle of the frame
        self._shift = 0.5 * (oscillation_deg - step * (counts.phi_steps - 1)) if midpoints else 0.0
        self._starts, self._width = starts_deg, oscillation_deg
        self._mean = self._shift + step * (0.5 * (counts.phi_steps - 1))
        described = with_background(describe(shot), None if ground is None else ground.account())
        self.experiment = replace(described, phi_start_deg=starts_deg[0], oscillation_deg=oscillation_deg)

    def __len__(self) -> int:
        return self._frames

    def _start(self, frame: int, crystal: int = 0) -> float:
        """Where a frame begins [deg]: computed, not added up."""
        return self._starts[crystal] + frame * self._width

    @property
    def phi_deg(self) -> tuple[float, ...]:
        """Spindle angle at which each frame begins [deg]; made when it is asked for."""
        return tuple(self._start(frame) for frame in range(len(self)))

    @property
    def mean_phi_deg(self) -> tuple[float, ...]:
        """Mean of the angles that a frame is simulated at [deg]; made when it is asked for.

        nanoBragg's steps begin at the frame's edge, so that it lies half a step before the middle, unless steps were
        centred.
        """
        return tuple(self._start(frame) + self._mean for frame in range(len(self)))

    def __iter__(self) -> Iterator[NDArray[np.float32] | Any]:
        for frame in range(len(self)):
            yield self.image(frame)

    def _turned(self, shot: Any, frame: int) -> Any:
        starts = [self._start(frame, crystal) for crystal in range(len(self._starts))]
        angles = [from_degrees(start + self._shift if self._shift else start) for start in starts]
        return tuple(tuple(turned(prepared, angle) for prepared, angle in zip(panel, angles)) for panel in shot)

    def _images(self, frame: int) -> Any:
        """The images of all panels."""
        if not 0 <= frame < len(self):
            raise IndexError(f"frame: {frame} of {len(self)}; must be from 0 to {len(self) - 1}")
        images = self._render(self._turned(self._shot, frame))
        if self._ground is not None:
            self._ground.add(images)
        return images

    def _counted(self, frame: int, dtype: Any) -> list[Any]:
        if self.response is None:
            return [photons(image, dtype, seed=self.noise_seed, frame=frame, panel=number)
                    for number, image in enumerate(self._images(frame))]
        images, around = self._images(frame), None
        if self._halo is not None:
            around = self._halo.images(self._render, self._turned(self._halo.shot, frame))
        counts = count_panels(self.response, images, self._shot, seed=self._seed, frame=frame, around=around)
        return stored(counts, self.response, np.dtype(dtype).name)

    @property
    def _seed(self) -> int:
        """The seed of a response, which `scan` gives no series without."""
        assert self.noise_seed is not None
        return self.noise_seed

    def image(self, frame: int) -> NDArray[np.float32] | Any:
        """Mean photons per pixel of a frame.

        Parameters
        ----------
        frame : int
            From 0.

        Returns
        -------
        (slow, fast) float32 array
            Of several panels (panel, slow, fast), or a list of arrays where they differ in size.
        """
        images = self._images(frame)
        return images[0] if len(images) == 1 else images

    def counts(self, frame: int) -> NDArray[np.int32] | Any:
        """Counts of a frame: Poisson deviates of its image, or its detector's response, the same alone and in a series.

        Parameters
        ----------
        frame : int
            From 0.

        Returns
        -------
        (slow, fast) int32 array
            Or of the response's type; of several panels a list.
        """
        counted = self._counted(frame, np.int32 if self.response is None else self.response.dtype)
        return counted[0] if len(counted) == 1 else counted

    # -- files

    def _recorded(self, dtype: str) -> Experiment:
        """What files of counts of a type say."""
        if self.response is None:
            return self.experiment
        return recorded(self.experiment, self.response, seed=self._seed, dtype=dtype)

    @property
    def series(self) -> Series:
        """What files say of the frames."""
        # as mean_phi_deg, in little memory
        means = self._starts[0] + np.arange(len(self)) * self._width + self._mean
        return Series(len(self), self._width, means, self.noise_seed)

    def _key(self, *more: Any) -> str:
        """What the pixels depend on, as one word."""
        scenes = [prepared.scene for panel in self._shot for prepared in panel]
        masks = [panel[0].mask for panel in self._shot]
        return fingerprint(scenes, masks, [panel[0].window for panel in self._shot], self._starts, len(self),
                           self._width, self._shift, self.noise_seed,
                           None if self.response is None else self.response.settings(), *more,
                           *([] if self._ground is None else self._ground.images))

    def write_nexus(self, path: str | os.PathLike[str], *, floats: bool = False, compression: str = "gzip",
                    date: str = EPOCH, layout: str | None = None,
                    progress: Callable[[int], object] | None = None) -> None:
        """Write all frames to one NXmx file.

        The file appears when it is whole.  Until then ``path + ".partial"`` has what is done; if the same series is
        written again after an interrupt, it goes on from there.  Saturated pixels, and axes that are not at right
        angles, are a `NumbraggWarning`.

        Parameters
        ----------
        path : str or path-like
        floats : bool
            Write mean photons (float32), not counts (int32).
        compression : {"gzip", "bitshuffle", "zstd", "none"}
            The second and third need hdf5plugin, also to be read.
        date : str
            Time that the file states, ISO 8601, UTC.
        layout : {"whole", "stacked"}, optional
            How several panels lie in the file, as of `numbragg.write_nexus`.
        progress : callable, optional
            Called with the number of frames that are done.

        Raises
        ------
        ValueError
            Naming the field, the value and the rule.
        ImportError
            h5py or hdf5plugin is not installed.
        OSError
            The file cannot be written, or another run is writing it.
        """
        notes = nexus_of(self, path, floats=floats, compression=compression, date=date, layout=layout,
                         progress=progress)
        experiment = one_image(self.experiment, layout)
        warn((*at_right_angles(experiment, "NXmx")[1], *notes, *reader_notes(experiment, "NXmx")))

    def write_images(self, template: str | os.PathLike[str], *, date: str = EPOCH,
                     progress: Callable[[int], object] | None = None) -> list[str]:
        """Write a file of counts for each frame.

        After an interrupt a second call of the same series goes on behind the last file that was written; until all
        are there, a file of the template's name and ".partial" holds what series it is.  Saturated pixels, and files of
        other series among the template's names, are a `NumbraggWarning`.

        Parameters
        ----------
        template : str or path-like
            Name of the files, with one # for each digit of the frame's number, which is counted from 1.  Ending in
            .cbf (miniCBF) or .img (SMV that other programs read).
        date : str
            Time that the files state, ISO 8601, UTC.
        progress : callable, optional
            Called with the number of frames that are done.

        Returns
        -------
        list of str
            Names of all files.

        Raises
        ------
        ValueError
            If the name is none of these, or a header of that kind cannot say what the detector is.
        ImportError
            fabio, which writes .cbf, is not installed.
        OSError
            A file cannot be written, or another run is writing this series.
        """
        template = os.fsdecode(template)
        names, notes = images_of(self, template, date=date, progress=progress)
        warn((*notes, *reader_notes(one_image(self.experiment), format_of(template))))
        return names


def nexus_of(frames: Scan, path: str | os.PathLike[str], *, floats: bool = False, compression: str = "gzip",
             date: str = EPOCH, layout: str | None = None,
             progress: Callable[[int], object] | None = None,
             beside: Callable[[OutputSet], object] | None = None) -> list[str]:
    """As `Scan.write_nexus`, which warns of the notes that this returns; `beside` is that of `NexusWriter.finish`."""
    choice("compression", compression, COMPRESSIONS)
    if layout is not None:
        choice("layout", layout, LAYOUTS)
    path = os.fsdecode(path)
    # what is held of every frame, by us and by HDF5
    memory.require(_FRAME_BYTES * len(frames), f"frames: the angles of {len(frames)} frames")
    dtype = np.dtype(np.float32 if floats else np.uint16 if frames.response and frames.response.raw else np.int32)
    experiment = one_image(frames.experiment if floats else frames._recorded(_wide(frames)), layout)
    with NexusWriter(path, experiment, frames.series, dtype, compression=compression, date=date,
                     key=frames._key(floats, compression, date, layout)) as file:
        for frame in _left(file, len(frames), progress):
            file.write(frame, frames._images(frame) if floats else _for_nexus(frames, frame, experiment))
        file.finish(beside)
    if floats:
        return _above(path, file.full)
    recording = experiment.recording
    largest = INT_MAX - 1 if recording is None else recording.full - recording.offset
    return [*_saturated(path, file.full, largest), *_cut(frames, path, _wide(frames)), *gain_notes(experiment, "NXmx")]


def _wide(frames: Scan) -> str:
    """The type of the counts for NXmx, as the response makes them: with the offset, which is taken away then."""
    return "int32" if frames.response is None or not frames.response.raw else "uint16"


def _cut(frames: Scan, name: str, dtype: str) -> list[str]:
    """Notes on what a type of counts has no room for."""
    return [] if frames.response is None else cut_notes(name, frames.response, dtype)


def _for_nexus(frames: Scan, frame: int, experiment: Experiment) -> list[Any]:
    """Counts as NXmx has them: without an offset."""
    counts = frames._counted(frame, _wide(frames))
    return counts if experiment.recording is None else without_offset(counts, experiment.recording)


def images_of(frames: Scan, template: str | os.PathLike[str], *, date: str = EPOCH,
              progress: Callable[[int], object] | None = None,
              beside: Callable[[OutputSet], object] | None = None) -> tuple[list[str], list[str]]:
    """As `Scan.write_images`, which warns of the notes that this returns behind the names.

    `beside` is that of `ImageSeries.finish`.
    """
    template = os.fsdecode(template)
    dtype = np.dtype(np.uint16 if template.endswith(".img") else np.int32)
    experiment = frames._recorded(dtype.name)
    with ImageSeries(template, experiment, len(frames), date=date, key=frames._key(date)) as files:
        for frame in _left(files, len(frames), progress):
            files.write(frame, frames._counted(frame, dtype), frames._start(frame))
        files.finish(beside)
    recording = experiment.recording
    largest = (65535 if dtype == np.uint16 else INT_MAX) if recording is None else recording.full
    notes = _saturated(template, files.full, largest) + _not_of_it(template, len(frames))
    notes += _cut(frames, template, dtype.name)
    if format_of(template) == "miniCBF":
        notes += gain_notes(experiment, "miniCBF")
    return [name_of(template, frame) for frame in range(len(frames))], notes


def _left(files: Any, frames: int, progress: Callable[[int], object] | None) -> Iterator[int]:
    """The frames that are not written yet, one after the other; `progress` is told how many are."""
    done = files.done
    if progress is not None:
        progress(done)
    for frame in range(done, frames):
        yield frame
        if progress is not None:
            progress(frame + 1)


def _saturated(name: str, full: tuple[int, int], largest: int) -> list[str]:
    """A note on pixels that reached the end of their type, as a single image has it."""
    return [Loud(f"{name}: {_pixels(*full)} hold {largest}, the largest that is counted, and may have had more "
                 "photons")] if full[0] else []


def _above(name: str, full: tuple[int, int]) -> list[str]:
    """A note on means that readers of NXmx take for saturated."""
    return [Loud(f"{name}: {_pixels(*full)} hold 2147483647 or more, the largest saturation value that readers know: "
                 "they leave them out")] if full[0] else []


def _pixels(pixels: int, frames: int) -> str:
    return f"{pixels} pixel{'s' if pixels > 1 else ''} in {frames} frame{'s' if frames > 1 else ''}"


def _not_of_it(template: str, frames: int) -> list[str]:
    """A note on files of an earlier series, which programs that take all files of a name would read as well."""
    names = others(template, frames)
    if not names:
        return []
    many = f"{len(names)} files of this name, {names[0]} to {names[-1]}, are" if len(names) > 1 else (
        f"a file of this name, {names[0]}, is")
    return [Misleading(f"{template}: {many} not of this series, and readers will take them for frames of it")]


def scan(simulator: Simulator, crystal: Crystal | Sequence[Crystal], frames: int, *, phi_midpoints: bool = True,
         noise_seed: int | None = 1, response: Response | None = None) -> Scan:
    """A rotation series: frame i begins at the crystal's phi + i oscillation.

    Parameters
    ----------
    simulator : Simulator
    crystal : Crystal or sequence of Crystal
        With ``oscillation_deg`` above 0, the same for all, and ``phi_steps``.
    frames : int
        How many; 1 or more.
    phi_midpoints : bool
        Centre the steps of each frame, so that their mean is its middle.  False: as in nanoBragg, whose steps begin
        at the frame's edge; frames then have the bits of its images.
    noise_seed : int or None
        Seed of the counts, 0 or more; None: none are drawn, means are rounded.
    response : Response, optional
        Of the detector, whose counts files then hold; by default photons are counted.

    Returns
    -------
    Scan
        Its frames are made when they are asked for; `Scan.write_nexus` and `Scan.write_images` write files.

    Raises
    ------
    ValueError
        Naming the field, the value and the rule.

    Examples
    --------
    >>> import os, tempfile
    >>> import numbragg as nb
    >>> crystal = nb.Crystal(cell=(50, 50, 50, 90, 90, 90), n_cells=5, oscillation_deg=0.5, phi_steps=5)
    >>> frames = nb.scan(nb.Simulator(nb.Detector(pixels=(32, 24)), nb.Beam(), 100.0), crystal, 3)
    >>> names = frames.write_images(os.path.join(tempfile.mkdtemp(), "frame_####.img"))
    >>> [os.path.basename(name) for name in names]
    ['frame_0001.img', 'frame_0002.img', 'frame_0003.img']
    """
    if not isinstance(simulator, Simulator):
        raise ValueError(f"simulator: {type(simulator).__name__} must be a Simulator object")
    crystals = crystals_of(crystal)
    count = whole("frames", frames)
    seed = None if noise_seed is None else whole("noise_seed", noise_seed, 0, LARGEST_SEED)
    if response is not None:
        checked_response(response)
        if seed is None:
            raise ValueError("response: needs a noise_seed, from which it draws")
    widths = {each.oscillation_deg for each in crystals}
    width = crystals[0].oscillation_deg
    if len(widths) > 1 or width is None or not width > 0.0:
        raise ValueError(f"oscillation_deg: {shown(width)} must be above 0, and the same for all crystals, "
                         "in a scan")
    shot = simulator.prepare_shot(crystals)
    # frames have the background of all of them: a spindle turns crystals
    ground = simulator.ground(shot)
    if ground is not None:
        warn(ground.notes)
    rotation = Rotation(tuple(each.phi_start_deg for each in crystals), width, count,
                        flag("phi_midpoints", phi_midpoints))
    frames_made = Scan(shot, rotation, noise_seed=seed, response=response, ground=ground,
                       render=lambda turned_shot: simulator.backend.render_shot(turned_shot, simulator.evaluation)[0])
    warn(frames_made.notes)
    return frames_made
