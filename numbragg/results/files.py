"""Files of a result that other programs read: NXmx, CrystFEL's HDF5, miniCBF, SMV, and geometry by itself."""

from __future__ import annotations

import os
import re
from typing import Any

import numpy as np

from ..configs.checks import choice, finite, positive, shown, whole
from ..io import minicbf, smv_readable
from ..io.crystfel_data import crystfel_bytes
from ..io.dates import date_text
from ..io.destinations import read_too
from ..io.endings import ending_of, fits_ending
from ..io.experiment import EPOCH
from ..io.flat import flat, in_frame_of_images, polarisation_notes
from ..io.geom import read_geom
from ..io.geometry_text import expt_text, geom_text, mask_notes, xds_text
from ..io.hdf5_filters import COMPRESSIONS
from ..io.literals import INT_MAX
from ..io.nxmx import nexus_bytes
from ..io.one_image import LAYOUTS, file_images, one_image, panel_list
from ..io.output import write_whole
from ..io.right_angles import at_right_angles
from ..io.sensors import sensor_notes
from ..notes import Loud, warn
from .experiment import describe, with_background
from .recording import (
    TYPES,
    cut_notes,
    full_notes,
    gain_notes,
    recorded,
    stored,
    without_offset,
)

__all__ = ["checked_name", "counts_of", "described", "expt_of_images", "reader_notes", "write_crystfel",
           "write_geometry", "write_minicbf", "write_nexus", "write_smv"]

#: Types of pixels of HDF5 files.
_TYPES, _TYPES_SAID = ("float32", "int32", "uint16"), "float32, int32 or uint16"


def _checked_layout(layout: str | None) -> str | None:
    return None if layout is None else choice("layout", layout, LAYOUTS)


def described(result: Any, image: Any = None, dtype: str | None = None) -> Any:
    """What files say of a result; of counts also how they were recorded, unless another image is written.

    Counts are of their response's type, or as a file of another `dtype` holds them.
    """
    prepared = getattr(result, "prepared", None)
    if prepared is None:
        raise ValueError(f"result: {shown(result)} must be a Result, as Simulator.run returns it")
    experiment = describe(prepared if isinstance(prepared, tuple) else ((prepared,),))
    # counts have the result that they are of
    means = getattr(result, "result", result)
    experiment = with_background(experiment, getattr(means, "background_settings", None))
    response = getattr(result, "response", None)
    if response is None or image is not None:
        return experiment
    return recorded(experiment, response, seed=result.seed, frame=result.frame, dtype=dtype)


def counts_of(name: Any, result: Any, dtype: str) -> tuple[list[Any], list[str]]:
    """The counts of a shot of `simulate_counts` as a file of a type holds them, and notes on what it cuts."""
    counts = stored(panel_list(result.counts), result.response, dtype)
    return counts, [*full_notes(name, counts, result.response, dtype), *cut_notes(name, result.response, dtype)]


def _counted(path: Any, result: Any, image: Any, kind: str) -> tuple[Any, Any, list[str]]:
    """For a format of counts: what its file says, an image that was given or those counts, and notes on them."""
    experiment = one_image(described(result, image, TYPES[kind]))
    if image is not None:
        return experiment, image, []
    if experiment.recording is None:
        raise ValueError(f"image: must be given for {kind}, unless the result is that of simulate_counts, which has "
                         "counts")
    if kind == "miniCBF":
        minicbf.check_recording(experiment.recording)
    return experiment, *counts_of(path, result, TYPES[kind])


def checked_name(path: Any, kind: str | None) -> str:
    """The name of a file; a number is none, and a name may not be that of another format."""
    if not isinstance(path, (str, os.PathLike)):
        raise ValueError(f"path: {shown(path)} must be the name of a file")
    name = os.fsdecode(path)
    if kind is not None and not fits_ending(name, kind):
        raise ValueError(f"path: {name} must not have the name of another format; that of {kind} ends in "
                         f"{ending_of(kind)}")
    return name


def write_nexus(path: str | os.PathLike[str], result: Any, image: Any = None, *, compression: str = "gzip",
                saturation: float | None = None, date: str = EPOCH, layout: str | None = None) -> None:
    """Write a result as NXmx (NeXus, HDF5), with its geometry and its truth; the file appears whole or not at all.

    Of one panel or of many.  DIALS and CrystFEL open it as it is (docs/read.md).  The group ``entry/numbragg`` has the
    truth: cell and A matrix of each crystal, mosaic rotations, spectrum, polarisation, mean spindle angle, in the
    frame of the file.  Readers know axes at right angles only: panels that have others are written as the nearest
    that have, and if that shifts a pixel by more than 0.1 of one, a `NumbraggWarning` says so; so it does where DIALS
    takes polarisation or sensor for others than were simulated.

    Parameters
    ----------
    path : str or path-like
        The file; one that is there is replaced.
    result : Result
    image : (slow, fast) array, or sequence of one for each panel, optional
        float32, int32 or uint16.  Default: the result's own, mean photons; of `simulate_counts` its counts, without
        the detector's offset, for which NXmx has no word that is read.
    compression : {"gzip", "bitshuffle", "zstd", "none"}
        The second and third need hdf5plugin, also to be read.
    saturation : float, optional
        The largest value that counts, a whole number of 1 or more.
    date : str
        Time that the file states, ISO 8601; UTC where it names no zone.
    layout : {"whole", "stacked"}, optional
        How several panels lie in the file: as one image with masked gaps, as files of EIGER, PILATUS and JUNGFRAU
        have it, or one below the other.  Default: one image where panels lie on one grid of pixels and gaps are less
        than half of it.

    Raises
    ------
    ValueError
        If the image is of another size than the detector or of another type; the detector is curved; one image is
        asked for and panels do not lie on one grid; or an argument breaks its rule.
    ImportError
        h5py or hdf5plugin is not installed.
    OSError
        The file cannot be written.

    Examples
    --------
    >>> import os, tempfile
    >>> import numbragg as nb
    >>> crystal = nb.Crystal(cell=(50, 60, 70, 90, 90, 90), n_cells=5)
    >>> result = nb.Simulator(nb.Detector(pixels=(64, 48)), nb.Beam(), 100.0).run(crystal)
    >>> path = os.path.join(tempfile.mkdtemp(), "image.nxs")
    >>> nb.write_nexus(path, result)
    >>> nb.Detector.from_header(path).shape
    (48, 64)
    """
    checked_name(path, "HDF5")
    choice("compression", compression, COMPRESSIONS)
    date = date_text(date)
    if saturation is not None and (positive("saturation", saturation) < 1.0 or saturation != int(saturation)):
        raise ValueError(f"saturation: {shown(saturation)} must be a whole number, 1 or more")
    whole_image = one_image(described(result, image), _checked_layout(layout))
    experiment, notes = at_right_angles(whole_image, "NXmx")
    if image is None:
        image = without_offset(result.counts, whole_image.recording) if whole_image.recording else result.image
    images = file_images(experiment, image, lambda dtype: dtype in _TYPES, _TYPES_SAID)
    if whole_image.recording:
        # its offset is taken away, and numbers below 0 have room
        response, dtype = result.response, "uint16" if result.response.raw else "int32"
        counts = stored(panel_list(result.counts), response, dtype)
        notes = (*notes, *full_notes(path, counts, response, dtype, whole_image.recording.offset),
                 *cut_notes(path, response, dtype))
    write_whole(path, "NXmx file", lambda file: file.write(
        nexus_bytes(experiment, images, compression=compression, saturation=saturation, date=date, layout="stacked")))
    warn((*notes, *gain_notes(whole_image, "NXmx"), *reader_notes(whole_image, "NXmx")))


def name_notes(name: str | os.PathLike[str]) -> tuple[str, ...]:
    """A note if an image of a simple format has a name by which DIALS cannot open it."""
    said = os.path.basename(os.fsdecode(name))
    return () if re.search(r"[0-9]\.[^.]*$", said) else (
        Loud(f"{said}: DIALS and XDS know images by the number at the end of their name, such as name_0001.cbf, and "
             "do not open this one"),)


def reader_notes(experiment: Any, kind: str) -> tuple[str, ...]:
    """Notes on what readers of a format take for granted: "NXmx", "miniCBF" or "SMV"."""
    return (*polarisation_notes(experiment, kind, images=kind != "NXmx"),
            *sensor_notes(experiment, kind, has_sensor=kind != "SMV"))


def write_crystfel(path: str | os.PathLike[str], result: Any, geometry: str | os.PathLike[str], image: Any = None, *,
                   compression: str = "gzip") -> None:
    """Write a result as HDF5 that a .geom of yours opens unchanged; the file appears whole or not at all.

    Pixels lie where the geometry file says: in the arrays that its ``data`` names, panel by panel, at its ``min_fs``,
    ``max_fs``, ``min_ss``, ``max_ss`` and ``dim0``, ``dim1`` and so on; one event.  What it reads from the file
    besides is there, too: camera length, shift of the detector, wavelength or photon energy, and masks of no file of
    their own, by their good and bad bits.  Masked pixels are NaN, or the largest of whole numbers.  A `NumbraggWarning`
    says if the geometry file puts pixels elsewhere, by more than 0.1 pixels, or names another wavelength.  Pixels are
    photons, whatever ``adu_per_photon`` or ``adu_per_eV`` say, by which CrystFEL estimates errors.

    Parameters
    ----------
    path : str or path-like
        The file; one that is there is replaced.
    result : Result
        Of the panels of the geometry file, as `Detector.from_geom` makes them.
    geometry : str or path-like
        The geometry file.
    image : (slow, fast) array, or sequence of one for each panel, optional
        float32, int32 or uint16.  Default: the result's own, mean photons.
    compression : {"gzip", "bitshuffle", "zstd", "none"}
        The second and third need hdf5plugin, also to be read.

    Raises
    ------
    ValueError
        If the geometry file is of other panels, or its data cannot lie as it says; or the image is of another size
        or type.
    ImportError
        h5py or hdf5plugin is not installed.
    OSError
        The file cannot be written, or the geometry file not be read.

    Examples
    --------
    >>> import os, tempfile
    >>> import numbragg as nb
    >>> lines = ["res = 10000", "clen = 0.2", "data = /run/frames", "dim0 = %", "dim1 = ss", "dim2 = fs",
    ...          "p/min_fs = 4", "p/max_fs = 35", "p/min_ss = 0", "p/max_ss = 23", "p/corner_x = -16",
    ...          "p/corner_y = 12", "p/fs = x", "p/ss = -y"]
    >>> folder = tempfile.mkdtemp()
    >>> geometry = os.path.join(folder, "mine.geom")
    >>> with open(geometry, "w") as file:
    ...     _ = file.write(chr(10).join(lines))
    >>> simulator = nb.Simulator(nb.Detector.from_geom(geometry), nb.Beam(), 100.0)
    >>> result = simulator.run(nb.Crystal(cell=(50, 60, 70, 90, 90, 90), n_cells=5))
    >>> nb.write_crystfel(os.path.join(folder, "image.h5"), result, geometry)
    """
    checked_name(path, "HDF5")
    choice("compression", compression, COMPRESSIONS)
    if read_too([os.fsdecode(path)], lambda: [os.fsdecode(geometry)]) is not None:
        raise ValueError(f"path: {os.fsdecode(path)} is the geometry file, which is read and cannot be written too")
    experiment = described(result)
    images = file_images(experiment, result.image if image is None else image, lambda dtype: dtype in _TYPES,
                         _TYPES_SAID)
    content, notes = crystfel_bytes(geometry, read_geom(geometry), experiment, images, compression=compression)
    write_whole(path, "HDF5 file", lambda file: file.write(content))
    warn(notes)


def write_minicbf(path: str | os.PathLike[str], result: Any, image: Any = None, *, count_cutoff: int = INT_MAX,
                  date: str = EPOCH) -> None:
    """Write an image of counts as miniCBF, with the geometry of a result; the file appears whole or not at all.

    A `NumbraggWarning` says so where DIALS takes polarisation or sensor for others than were simulated.

    Parameters
    ----------
    path : str or path-like
        The file; one that is there is replaced.
    result : Result
        Of one flat panel normal to the beam, or of several on one grid of pixels, as those of EIGER and PILATUS, which
        become one image with gaps; others need `write_nexus`.
    image : (slow, fast) array of integers, or sequence of one for each panel
        Counts, 0 or more, of at most 32 bits; masked pixels, whatever they hold, and gaps are written as -1.  By
        default the counts of `simulate_counts`, as int32: what exceeds it becomes the largest that counts, which a
        `NumbraggWarning` says.
    count_cutoff : int
        The largest value that counts, 1 or more.
    date : str
        Time that the file states, ISO 8601; UTC where it names no zone.

    Raises
    ------
    ValueError
        If the image is not of such integers, or of another size than the detector; a header cannot say what the
        detector is; or an argument breaks its rule.

    ImportError
        fabio is not installed.
    OSError
        The file cannot be written.

    Examples
    --------
    >>> import os, tempfile
    >>> import numbragg as nb
    >>> crystal = nb.Crystal(cell=(50, 60, 70, 90, 90, 90), n_cells=5)
    >>> result = nb.Simulator(nb.Detector(pixels=(64, 48)), nb.Beam(), 100.0).run(crystal)
    >>> path = os.path.join(tempfile.mkdtemp(), "image_0001.cbf")
    >>> nb.write_minicbf(path, result, nb.add_noise(result.image, seed=1, adc_offset=0))
    """
    checked_name(path, "CBF")
    count_cutoff, date = whole("count_cutoff", count_cutoff), date_text(date)
    experiment, image, notes = _counted(path, result, image, "miniCBF")
    write_whole(path, "CBF image", lambda file: minicbf.write_minicbf(
        file, image, experiment, count_cutoff=count_cutoff, date=date))
    warn((*notes, *gain_notes(experiment, "miniCBF"), *reader_notes(experiment, "miniCBF"), *name_notes(path)))


def write_smv(path: str | os.PathLike[str], result: Any, image: Any = None, *, pedestal: float = 0.0,
              date: str = EPOCH) -> None:
    """Write an image as SMV that other programs place as it was simulated; it appears whole or not at all.

    nanoBragg's own header says BEAMLINE=fake, by which dxtbx takes the beam centre for adxv's; this one is as ADSC's
    detectors have it, in as many bytes as its lines need, with MOSFLM's beam centre.  A `NumbraggWarning` says so where
    DIALS takes polarisation or sensor for others than were simulated.

    Parameters
    ----------
    path : str or path-like
        The file; one that is there is replaced.
    result : Result
        Of one flat panel normal to the beam, or of several on one grid of pixels, which become one image; others, and
        pixels that are not square, need `write_nexus`.
    image : (slow, fast) uint16 array, or sequence of one for each panel
        Masked pixels and gaps are written as 0.  By default the counts of `simulate_counts`, as uint16: what exceeds
        it becomes the largest that counts, and what is below 0 becomes 0, which a `NumbraggWarning` says.
    pedestal : float
        What was added to every pixel, a finite number; of such counts their response says it.
    date : str
        Time that the file states, ISO 8601; UTC where it names no zone.

    Raises
    ------
    ValueError
        If the image is not of such integers, or of another size than the detector; a header cannot say what the
        detector is; or an argument breaks its rule.

    OSError
        The file cannot be written.

    Examples
    --------
    >>> import os, tempfile
    >>> import numbragg as nb
    >>> crystal = nb.Crystal(cell=(50, 60, 70, 90, 90, 90), n_cells=5)
    >>> result = nb.Simulator(nb.Detector(pixels=(64, 48)), nb.Beam(), 100.0).run(crystal)
    >>> path = os.path.join(tempfile.mkdtemp(), "image_0001.img")
    >>> nb.write_smv(path, result, nb.add_noise(result.image, seed=1), pedestal=40)
    """
    checked_name(path, "SMV")
    pedestal, date = finite("pedestal", pedestal), date_text(date)
    experiment, image, notes = _counted(path, result, image, "SMV")
    write_whole(path, "SMV image", lambda file: smv_readable.write_readable_smv(
        file, image, experiment, pedestal=pedestal, date=date))
    warn((*notes, *reader_notes(experiment, "SMV"), *name_notes(path)))


def write_geometry(path: str | os.PathLike[str], result: Any, images: str | None = None, *,
                   layout: str | None = None) -> None:
    """Write the geometry of a result for another program, which the name of the file chooses.

    DIALS's axes are at right angles: panels that have others are written as the nearest that have, and if that shifts
    a pixel by more than 0.1 of one, a `NumbraggWarning` says so; so it does where masked pixels are too many for the
    file to list.

    Parameters
    ----------
    path : str or path-like
        Ending in .geom: a CrystFEL geometry, which opens the file of `write_nexus`; .expt: DIALS models of beam,
        detector, spindle and crystal; .INP or .inp: an XDS.INP.
    result : Result
    images : str, optional
        For XDS: names of the images, with a question mark for each digit of the number.  For DIALS: name of an image
        that the models go with: one that ends in .cbf or .img is read in a frame that may be turned about the beam
        from that of NXmx, which is the default.
    layout : {"whole", "stacked"}, optional
        As of `write_nexus`.

    Raises
    ------
    ValueError
        If the name ends otherwise; if XDS's images are not named, or the detector is more than it can be told; or if
        one image is asked for and panels do not lie on one grid.
    OSError
        The file cannot be written.

    Examples
    --------
    >>> import os, tempfile
    >>> import numbragg as nb
    >>> crystal = nb.Crystal(cell=(50, 60, 70, 90, 90, 90), n_cells=5)
    >>> result = nb.Simulator(nb.Detector(pixels=(64, 48)), nb.Beam(), 100.0).run(crystal)
    >>> path = os.path.join(tempfile.mkdtemp(), "scene.geom")
    >>> nb.write_geometry(path, result)
    >>> nb.Detector.from_geom(path).shape
    (48, 64)
    """
    name = checked_name(path, None)
    ending = os.path.splitext(name)[1].lower()
    if ending not in (".geom", ".expt", ".inp"):
        raise ValueError(f"{name}: must end in .geom, .expt or .INP")
    if ending == ".inp" and not (isinstance(images, str) and "?" in images):
        raise ValueError(f"images: {shown(images)} must be names such as frame_????.cbf for an XDS.INP, with a question"
                         " mark for each digit of the number")
    if ending == ".geom" and images is not None or not isinstance(images, (str, type(None))):
        raise ValueError(f"images: {shown(images)} must be None for a .geom, and the name of an image or None for an "
                         ".expt")
    experiment = one_image(described(result), _checked_layout(layout))
    notes = () if ending == ".inp" else mask_notes(experiment, name, ending[1:])
    if ending == ".expt":
        notes = (*at_right_angles(experiment, name)[1], *notes)
    text = (geom_text(experiment) if ending == ".geom" else expt_of_images(experiment, images) if ending == ".expt"
            else xds_text(experiment, str(images)))
    write_whole(path, "geometry", lambda file: file.write(text.encode(errors="surrogateescape")))
    warn(notes)


def expt_of_images(experiment: Any, images: str | None, frames: int = 1) -> str:
    """DIALS models in the frame in which images of a name are read; None: NXmx."""
    kind = os.path.splitext(images or "")[1].lower()
    if kind not in (".cbf", ".img"):
        return expt_text(experiment, frames)
    flat(experiment, f"DIALS models of {images}", turning=experiment.oscillation_deg != 0.0)
    return expt_text(in_frame_of_images(experiment), frames,
                     np.iinfo(np.uint16).max if kind == ".img" else INT_MAX)
