"""NXmx files (NeXus, HDF5): images of one or many panels, stills and rotation series, with the truth beside them.

Written to what dxtbx (DIALS), CrystFEL and fabio read; geometry is read by `nxmx_header`.  The frame is McStas's: z
along the beam, y up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import accumulate
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..kernels.arithmetic.vectors import unit
from .dates import date_text
from .experiment import EPOCH, Series
from .hdf5_filters import filters
from .held_file import HeldFile, unfinished_name, uninterrupted
from .literals import INT_MAX
from .one_image import file_images, one_image
from .output import OutputSet
from .right_angles import at_right_angles
from .sensors import sensor_of

if TYPE_CHECKING:
    from .experiment import Experiment, PanelPlace

# start-up: h5py is an extra and imported with the first file

__all__ = ["NexusWriter", "nexus_bytes"]

#: What HDF5 files begin with.
_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_TRUTH = "numbragg"
#: Attributes: of which series a file is that is not finished (empty: it is), and how many frames it has.
_KEY, _DONE = "numbragg_unfinished", "numbragg_frames_written"
#: Another one: how many pixels are saturated, and of how many frames.
_FULL = "numbragg_saturated"


class NexusWriter:
    """Writes one NXmx file, a frame at a time.

    Parameters
    ----------
    path : str or None
        Where; a file that is there is replaced.  None: in memory, for `content`.
    experiment : io.experiment.Experiment
        Of the first frame; panels are one below the other, unless `io.one_image` has made one of them.
    series : io.experiment.Series
    dtype : numpy dtype
        Of the pixels: float32, int32 or uint16.
    compression : str
        One of `io.hdf5_filters.COMPRESSIONS`.
    saturation : float or None
        The largest value that counts; None: all that the type has, but for its largest, which marks masked pixels.
    date : str
        ISO 8601, UTC.
    key : str
        What the pixels are of: until `finish` the file is ``path + ".partial"``, and one of the same key is gone on
        with.  Empty: it is at its place from the start.

    Attributes
    ----------
    done : int
        Frames that the file has already.
    full : tuple of int
        How many pixels are saturated, and in how many frames.
    resumes : bool
        Whether a file is gone on with after an interrupt, for which each frame is on disk before the next.  Of the
        class: one that sets it False begins an unfinished file anew, and leaves none behind an error.

    Raises
    ------
    ImportError
        h5py or hdf5plugin is not installed.
    ValueError
        The date is none.
    OSError
        The file cannot be written, or another run writes it; `write` and `close` raise it too.
    """

    resumes = True

    def __init__(self, path: str | None, experiment: Experiment, series: Series, dtype: Any, *,
                 compression: str = "gzip", saturation: float | None = None, date: str = EPOCH, key: str = "") -> None:
        date = date_text(date)
        try:
            import h5py
        except ImportError as error:
            raise ImportError("writing HDF5 needs h5py: pip install h5py") from error
        experiment, _ = at_right_angles(experiment, "NXmx")
        self._h5py, self._experiment, self._dtype = h5py, experiment, np.dtype(dtype)
        self._slabs = _slabs(experiment.panels)
        self._largest = None if self._dtype.kind == "f" else np.iinfo(self._dtype).max
        self.done, self.full = 0, (0, 0)
        packing = filters(compression)
        self._file: Any = None
        self._begun = False
        # where it is put at the end
        self._place = path if key else None
        self._beside: dict[str, Any] = {}
        self._held = None if path is None else HeldFile(_partial(path) if key else path, path, _SIGNATURE)
        try:
            with self._writing():
                if not (key and self.resumes and self._goes_on(key)):
                    self._begin(series, packing, saturation, date, key)
                # once, for each takes some time of the library
                self._filtered = self._data.id.get_create_plist().get_nfilters() > 0
                self._space, self._frame = self._data.id.get_space(), (1, *self._data.shape[1:])
        except BaseException:
            self._end()
            raise

    def _begin(self, series: Series, packing: Any, saturation: float | None, date: str, key: str) -> None:
        """Write all but the pixels."""
        self._begun = True
        if self._held is None:
            self._file = self._h5py.File("numbragg", "w", libver=("earliest", "v110"), driver="core",
                                         backing_store=False)
        else:
            # what was there before
            self._held.truncate(0)
            self._file = self._h5py.File(self._held, "w", libver=("earliest", "v110"))
        attributes, panels = self._file.attrs, self._experiment.panels
        attributes[_KEY], attributes[_DONE], attributes[_FULL] = np.bytes_(key), 0, self.full
        self._fill(series, saturation, date)
        shape = self._slabs[-1].stop, max(panel.pixels[0] for panel in panels)
        data = _group(self._file["entry"], "data", "NXdata")
        data.attrs["signal"] = "data"
        # photons: a gain of 1, unless a detector has another
        recording = self._experiment.recording
        _put(data, "data_scale_factor", 1.0 if recording is None else 1.0 / recording.gain)
        # a chunk a frame: what readers ask for at once
        self._data = data.create_dataset("data", (series.frames, *shape), self._dtype, track_times=False,
                                         chunks=(1, *shape), **packing)
        self._file.flush()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Say what was not written as the OSError that it is."""
        with uninterrupted():
            try:
                yield
            except (OSError, RuntimeError):
                if self._held is not None:
                    self._held.check()
                raise
            if self._held is not None:
                self._held.check()

    def _goes_on(self, key: str) -> bool:
        """Open an unfinished file of the same key, if there is one whose frames can be read."""
        if self._held is None or self._held.empty:
            return False
        try:
            self._file = self._h5py.File(self._held, "r+")
        except OSError:
            return False
        try:
            if bytes(self._file.attrs[_KEY]) == key.encode():
                self._data, done = self._file["entry/data/data"], int(self._file.attrs[_DONE])
                pixels, frames = (int(number) for number in self._file.attrs[_FULL])
                for frame in range(done):
                    # what a killed process left may be damaged
                    if not self._data.id.get_chunk_info_by_coord((frame, 0, 0)).size:
                        raise KeyError(frame)
                    self._data[frame]
                self.done, self.full = done, (pixels, frames)
                return True
        except (KeyError, OSError, RuntimeError, ValueError):
            pass
        self._file.close()
        return False

    def __enter__(self) -> NexusWriter:
        return self

    def __exit__(self, *exception: object) -> None:
        if exception[0] is not None:
            if not self.resumes:
                # nothing of it is of use, and the disk may be full: the file goes
                self.done = 0
            # what is wrong is known
            self._end()
        else:
            self.close()

    def close(self) -> None:
        """Write what is left; the file stays unfinished unless `finish` was called, and is removed if it is empty."""
        self._end()
        if self._held is not None:
            self._held.check()

    def _end(self) -> None:
        with uninterrupted():
            self._close_hdf5()
            if self._held is not None:
                # not what an interrupt left that came before it was looked into
                if not self.done and (self._begun or self._held.empty):
                    self._held.remove()
                self._held.close()

    def _close_hdf5(self) -> None:
        if self._file is None:
            return
        try:
            self._file.close()
        except (OSError, RuntimeError):
            if self._held is None or not self._held.failed:
                raise

    def finish(self, beside: Callable[[OutputSet], object] | None = None) -> None:
        """Say that all frames are there, and put the file in its place.

        Parameters
        ----------
        beside : callable, optional
            Writes files that appear together with it into a set; the file is closed, and still at `unfinished`.
        """
        if not self.resumes:
            self._note_progress(self.full != (0, 0))
        with self._writing():
            # emptied in place: HDF5 leaves another gap where what was removed had been read from the file
            kind = self._file.attrs.get_id(_KEY).dtype
            self._file.attrs.modify(_KEY, np.zeros((), kind))
            if self._place is not None and self._held is not None:
                self._close_hdf5()
                self._held.check()
                # as long as it is locked
                with OutputSet() as outputs:
                    if beside is not None:
                        beside(outputs)
                    outputs.adopt(self._place, "NXmx file", self._held.path)
                    outputs.commit()

    @property
    def unfinished(self) -> str:
        """Where the file is until `finish` puts it in its place; empty: in memory."""
        return "" if self._held is None else self._held.path

    def content(self) -> bytes:
        """The file's bytes, where it is in memory."""
        self._file.flush()
        return self._file.id.get_file_image()

    def write(self, frame: int, image: Any, masks: Sequence[Any] | None = None) -> None:
        """Write a frame: (slow, fast) of one panel, (panel, slow, fast) or a list of several.

        Masked pixels of whole numbers, gaps between panels too, are marked by the largest of their type; others are
        saturated at the number before it.  `masks` are those of this frame, one for each panel as they are simulated,
        in the place of the panels' own.
        """
        self.put(frame, *self.laid_out(image, masks))

    def laid_out(self, image: Any, masks: Sequence[Any] | None = None) -> tuple[Any, int]:
        """An image as `put` writes it, and how many of its pixels are saturated; parameters as of `write`."""
        images = file_images(self._experiment, image, lambda dtype: dtype == self._dtype, str(self._dtype))
        own = [place.mask for place in self._experiment.panels] if masks is None else file_images(
            self._experiment, masks, lambda dtype: dtype == np.uint8, "uint8")
        panels, full = [], 0
        for panel, mask in zip(images, own):
            marked, more = self._marked(panel, mask)
            panels.append(marked)
            full += more
        if len({np.shape(panel) for panel in panels}) == 1:
            whole = np.concatenate(panels) if len(self._slabs) > 1 else panels[0]
        else:
            whole = np.full(self._data.shape[1:], self._largest or 0, self._dtype)
            for slab, panel in zip(self._slabs, panels):
                whole[slab, :panel.shape[1]] = panel
        # as the library's low level takes it: h5py's own way spends more on a small frame than on all that is above
        return np.ascontiguousarray(whole, self._dtype), full

    def put(self, frame: int, whole: Any, full: int) -> None:
        """Write a frame that `laid_out` has made."""
        with self._writing():
            if self._filtered:
                self._space.select_hyperslab((frame, 0, 0), self._frame)
                self._data.id.write(self._h5py.h5s.create_simple(self._frame), self._space, whole)
            else:
                # a chunk as it lies in memory: the library's own way copies it, at a third of the speed
                self._data.id.write_direct_chunk((frame, 0, 0), whole)
            if self.resumes:
                # first the frame, then that it is there
                self._file.flush()
        if full:
            self.full = self.full[0] + full, self.full[1] + 1
        self.done = frame + 1
        if self.resumes:
            self._note_progress(full > 0)

    def _note_progress(self, full: bool) -> None:
        """Write how many frames there are, and of how many pixels are saturated."""
        with self._writing():
            # in place: made anew, their places in the file would tell what was interrupted
            self._file.attrs.modify(_DONE, self.done)
            if full:
                self._file.attrs.modify(_FULL, self.full)
            self._file.flush()

    def add_columns(self, name: str, columns: Mapping[str, Any]) -> None:
        """Write a group of arrays beside the truth, ``/entry/numbragg/NAME``."""
        with self._writing():
            made = self._file[f"entry/{_TRUTH}"].create_group(name)
            made.attrs["NX_class"] = "NXcollection"
            for column, values in columns.items():
                made.create_dataset(column, data=values, track_times=False)

    def write_beside(self, path: str, frame: int, images: Any, compression: str) -> None:
        """Write a frame of whole numbers beside that of the image, such as labels of its pixels; gaps have 0.

        Parameters
        ----------
        path : str
            Of the array in the file, which the first frame makes.
        frame : int
        images : sequence of (slow, fast) int32 array
            One for each panel as they are simulated.
        compression : str
        """
        parts = file_images(self._experiment, images, lambda dtype: dtype == np.int32, "int32")
        whole = np.zeros(self._data.shape[1:], np.int32)
        for slab, part in zip(self._slabs, parts):
            whole[slab, :part.shape[1]] = part
        with self._writing():
            if frame == 0:
                self._beside[path] = self._file.create_dataset(path, self._data.shape, np.int32, track_times=False,
                                                               chunks=self._data.chunks, **filters(compression))
            self._beside[path][frame] = whole
            # held open, and each frame given its place now: a thread that looks at frames of the interpreter, as Dask's
            # profiler does, would else put off the moment at which it is closed, and with that its place in the file
            self._beside[path].id.flush()

    @property
    def tiles(self) -> Any:
        """First fast and slow pixel and sizes of every simulated panel in an image of the file: (panels, 4) int64."""
        own = [(0, slab.start, *panel.pixels) for slab, panel in zip(self._slabs, self._experiment.panels)]
        return np.array(self._experiment.tiles or own, np.int64).reshape(-1, 4)

    @property
    def _limit(self) -> int:
        """The largest number that counts; readers take whole numbers of 32 bits."""
        largest = INT_MAX if self._largest is None else self._largest - 1
        recording = self._experiment.recording
        return largest if recording is None else min(largest, recording.saturation - recording.offset)

    def _marked(self, panel: Any, mask: Any) -> tuple[Any, int]:
        """A panel as it is written, and how many of its pixels are saturated."""
        # means stay as they are, but readers leave out what is above the saturation value
        limit, full = self._dtype.type(self._limit), 0
        recording = self._experiment.recording
        raw = recording if recording is not None and recording.raw else None
        # few images have any; a maximum that is no number says nothing; raw numbers do not rise with the light
        if panel.size and (raw is not None or not panel.max() < limit):
            above = panel >= limit if raw is None else panel == raw.full
            full = int(np.count_nonzero(above if mask is None else above & (np.asarray(mask) != 0)))
            panel = panel if self._largest is None else np.minimum(panel, limit)
        if mask is not None and self._largest is not None:
            panel = np.where(np.asarray(mask) == 0, self._dtype.type(self._largest), panel)
        return panel, full

    # -- all but the pixels

    def _fill(self, series: Series, saturation: float | None, date: str) -> None:
        file = self._file
        file.attrs["NX_class"], file.attrs["default"] = "NXroot", "entry"
        entry = _group(file, "entry", "NXentry")
        entry.attrs["default"] = "data"
        _put(entry, "definition", "NXmx")
        _put(entry, "start_time", date)
        _put(entry, "end_time_estimated", date)
        _put(_group(entry, "source", "NXsource"), "name", "simulated")
        self._sample(entry, series.frames, series.width_deg)
        instrument = _group(entry, "instrument", "NXinstrument")
        _put(instrument, "name", "numbragg")
        self._beam(instrument)
        self._detector(instrument, saturation)
        self._truth(entry, series)

    def _sample(self, entry: Any, frames: int, width_deg: float) -> None:
        sample = _group(entry, "sample", "NXsample")
        _put(sample, "name", "simulated crystal")
        experiment = self._experiment
        if width_deg == 0.0 and experiment.oscillation_deg == 0.0:
            _put(sample, "depends_on", ".")
            return
        step = width_deg or experiment.oscillation_deg
        _put(sample, "depends_on", "/entry/sample/transformations/omega")
        axis = _group(sample, "transformations", "NXtransformations")
        starts = experiment.phi_start_deg + np.arange(frames) * step
        omega = _put(axis, "omega", starts, "deg")
        omega.attrs["transformation_type"], omega.attrs["depends_on"] = "rotation", "."
        omega.attrs["vector"] = np.array(experiment.spindle_axis)
        _put(axis, "omega_end", starts + experiment.oscillation_deg, "deg")
        _put(axis, "omega_increment_set", np.full(frames, experiment.oscillation_deg), "deg")

    def _beam(self, instrument: Any) -> None:
        beam = _group(instrument, "beam", "NXbeam")
        wavelengths, weights = self._experiment.spectrum
        if len(wavelengths) == 1:
            _put(beam, "incident_wavelength", float(wavelengths[0]), "angstrom")
            return
        nominal = _put(beam, "incident_wavelength", self._experiment.wavelength_angstrom, "angstrom")
        nominal.attrs["variant"] = "incident_wavelength_1Dspectrum"
        _put(beam, "incident_wavelength_1Dspectrum", wavelengths, "angstrom")
        _put(beam, "incident_wavelength_1Dspectrum_weights", weights)

    def _detector(self, instrument: Any, saturation: float | None) -> None:
        panels = self._experiment.panels
        detector = _group(instrument, "detector", "NXdetector")
        material, thickness = sensor_of(panels[0], self._experiment.wavelength_angstrom)
        _put(detector, "description", "simulated detector")
        _put(detector, "sensor_material", material)
        _put(detector, "sensor_thickness", thickness, "um")
        largest, recording = self._limit, self._experiment.recording
        _put(detector, "saturation_value", int(largest if saturation is None else min(saturation, largest)))
        _put(detector, "underload_value", 0 if recording is None else max(recording.least - recording.offset, -INT_MAX))
        _put(detector, "depends_on", "/entry/instrument/detector/transformations/origin_0")
        mask = self._mask()
        if mask is not None:
            detector.create_dataset("pixel_mask", data=mask, track_times=False, compression="gzip")
        places = _group(detector, "transformations", "NXtransformations")
        for number, (panel, slab) in enumerate(zip(panels, self._slabs)):
            _place(places, detector, number, panel, slab.start)

    def _mask(self) -> Any:
        """Pixels that were not computed, 1, among all, 0; None where there are none."""
        panels = self._experiment.panels
        widest = max(panel.pixels[0] for panel in panels)
        mask = np.ones((self._slabs[-1].stop, widest), np.int32)
        for panel, slab in zip(panels, self._slabs):
            mask[slab, :panel.pixels[0]] = 0 if panel.mask is None else np.asarray(panel.mask) == 0
        return mask if mask.any() else None

    def _truth(self, entry: Any, series: Series) -> None:
        """A group of ours: what was simulated, in the frame of this file."""
        experiment = self._experiment
        group = entry.create_group(_TRUTH)
        group.attrs["NX_class"] = "NXcollection"
        _put(group, "fluence", experiment.fluence).attrs["units"] = "1/m^2"
        if experiment.polarisation_fraction is not None:
            _put(group, "polarisation_fraction", experiment.polarisation_fraction)
        _put(group, "polarisation_axis", np.array(experiment.polarisation_axis))
        _put(group, "spectrum_wavelengths", experiment.spectrum[0], "angstrom")
        _put(group, "spectrum_weights", experiment.spectrum[1])
        _put(group, "laboratory_to_nexus", experiment.turn)
        _put(group, "laboratory", experiment.convention)
        # the C program's steps begin at the edge of a frame, so their mean is not its middle
        means = series.mean_phi_deg if len(series.mean_phi_deg) else [np.mean(experiment.phi_deg)]
        _put(group, "phi_mean", np.array(means), "deg")
        _put(group, "phi_start", np.array([experiment.phi_start_deg + n * series.width_deg
                                           for n in range(series.frames)]), "deg")
        _put(group, "phi_width", experiment.oscillation_deg, "deg")
        _put(group, "phi_steps", len(experiment.phi_deg))
        # of stills too, which have no goniometer in the file
        _put(group, "spindle_axis", np.array(experiment.spindle_axis))
        _put(group, "sensor_thickness", np.array([panel.thickness_um for panel in experiment.panels]), "um")
        _put(group, "sensor_attenuation_depth", np.array([panel.depth_um or math.inf for panel in experiment.panels]),
             "um")
        if series.noise_seed is not None:
            _put(group, "noise_seed", series.noise_seed)
        if experiment.background:
            _put(group, "background", experiment.background)
        recording = experiment.recording
        if recording is not None:
            _put(group, "response", recording.settings)
            _put(group, "response_seed", recording.seed)
            _put(group, "response_first_frame", recording.first_frame)
            _put(group, "offset_taken_away", recording.offset)
        for number, crystal in enumerate(experiment.crystals):
            own = group.create_group(f"crystal_{number}")
            _put(own, "unit_cell", np.array(crystal.cell))
            _put(own, "a_matrix", crystal.a_matrix, "1/angstrom")
            _put(own, "mosaic_rotations", crystal.mosaic_rotations)
            _put(own, "mosaic_seed", crystal.mosaic_seed)
            if crystal.misset_seed is not None:
                _put(own, "misset_seed", crystal.misset_seed)


def nexus_bytes(experiment: Experiment, images: Any, *, compression: str = "gzip", saturation: float | None = None,
                date: str = EPOCH, layout: str | None = None) -> bytes:
    """The NXmx file of one shot.

    Parameters
    ----------
    experiment : io.experiment.Experiment
    images : sequence of (slow, fast) array
        Of all panels, of one type.
    compression, saturation, date
        As of `NexusWriter`.
    layout : {"whole", "stacked"} or None
        As of `io.one_image.one_image`.

    Returns
    -------
    bytes
    """
    experiment = one_image(experiment, layout)
    with NexusWriter(None, experiment, Series(), np.asarray(images[0]).dtype, compression=compression,
                     saturation=saturation, date=date) as file:
        file.write(0, images)
        file.finish()
        return file.content()


def _partial(path: str) -> str:
    """Where a file is written until it is whole, if it can be written at all."""
    with OutputSet() as outputs:
        outputs.reserve(path, "NXmx file")
    return unfinished_name(path)


def _group(parent: Any, name: str, kind: str) -> Any:
    group = parent.create_group(name)
    group.attrs["NX_class"] = kind
    return group


def _put(group: Any, name: str, value: Any, units: str | None = None) -> Any:
    made = group.create_dataset(name, data=value, track_times=False)
    if units is not None:
        made.attrs["units"] = units
    return made


def _translation(dataset: Any, direction: Any, depends_on: str) -> None:
    dataset.attrs["transformation_type"], dataset.attrs["depends_on"] = "translation", depends_on
    dataset.attrs["vector"], dataset.attrs["offset"] = np.array(direction), np.zeros(3)
    dataset.attrs["offset_units"] = "mm"


def _slabs(panels: Sequence[PanelPlace]) -> list[slice]:
    """Rows of each panel: they lie one below the other, which every reader of several modules knows."""
    ends = list(accumulate(panel.pixels[1] for panel in panels))
    return [slice(end - panel.pixels[1], end) for panel, end in zip(panels, ends)]


def _place(places: Any, detector: Any, number: int, panel: PanelPlace, row: int) -> None:
    """A module and the corner that it starts from."""
    direction, length = unit(panel.origin_mm)
    _translation(_put(places, f"origin_{number}", np.array([length]), "mm"), direction, ".")
    module = _group(detector, f"module_{number}", "NXdetector_module")
    _put(module, "data_origin", np.array([row, 0], np.int32))
    _put(module, "data_size", np.array(panel.pixels[::-1], np.int32))
    for name, vector in (("fast", panel.fast_mm), ("slow", panel.slow_mm)):
        direction, length = unit(vector)
        _translation(_put(module, f"{name}_pixel_direction", np.array([length]), "mm"), direction,
                     f"/entry/instrument/detector/transformations/origin_{number}")
