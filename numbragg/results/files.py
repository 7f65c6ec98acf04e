"""Files of a result that other programs read: NXmx, miniCBF, SMV, and geometry for CrystFEL, DIALS and XDS."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from ..io import minicbf, smv_readable
from ..io.experiment import EPOCH
from ..io.geometry_text import expt_text, geom_text, xds_text
from ..io.literals import INT_MAX
from ..io.nxmx import COMPRESSIONS, nexus_bytes
from ..io.output import OutputSet
from .experiment import describe

__all__ = ["write_geometry", "write_minicbf", "write_nexus", "write_smv"]


def _described(result: Any) -> Any:
    prepared = result.prepared
    return describe(prepared if isinstance(prepared, tuple) else ((prepared,),))


def _write(path: str | os.PathLike[str], kind: str, write: Any) -> None:
    with OutputSet() as outputs:
        outputs.reserve(path, kind)
        with outputs.open(path) as file:
            write(file)
        outputs.commit()


def write_nexus(path: str | os.PathLike[str], result: Any, image: Any = None, *, compression: str = "gzip",
                saturation: float | None = None, date: str = EPOCH) -> None:
    """Write a result as NXmx (NeXus, HDF5), with its geometry and its truth; the file appears whole or not at all.

    Of one panel or of many, which lie one below the other.  DIALS and CrystFEL open it as it is (docs/read.md).  The
    group ``entry/numbragg`` has the truth: cell and A matrix of each crystal, mosaic rotations, spectrum,
    polarisation, mean spindle angle, in the frame of the file.

    Parameters
    ----------
    path : str or path-like
        The file; one that is there is replaced.
    result : Result
    image : (slow, fast) array, or sequence of one for each panel, optional
        float32, int32 or uint16.  Default: the result's own, mean photons.
    compression : {"gzip", "bitshuffle", "zstd", "none"}
        The second and third need hdf5plugin, also to be read.
    saturation : float, optional
        The largest value that counts.
    date : str
        Time that the file states, ISO 8601, UTC.

    Raises
    ------
    ValueError
        If the image is of another size than the detector or of another type; or the detector is curved.
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
    if compression not in COMPRESSIONS:
        raise ValueError(f"compression: {compression!r} must be one of {', '.join(COMPRESSIONS)}")
    experiment = _described(result)
    shapes = [panel.pixels[::-1] for panel in experiment.panels]
    given = result.image if image is None else image
    images = [np.asarray(given)] if np.ndim(given[0]) == 1 else [np.asarray(part) for part in given]
    if [part.shape for part in images] != shapes or {str(part.dtype) for part in images} not in (
            {"float32"}, {"int32"}, {"uint16"}):
        found = ", ".join(f"{part.dtype} {part.shape}" for part in images[:3])
        raise ValueError(f"image: {found} must be float32, int32 or uint16 of shape "
                         f"{', '.join(map(str, shapes[:3]))}")
    _write(path, "NXmx file", lambda file: file.write(
        nexus_bytes(experiment, images, compression=compression, saturation=saturation, date=date)))


def write_minicbf(path: str | os.PathLike[str], result: Any, image: Any, *, count_cutoff: int = INT_MAX,
                  date: str = EPOCH) -> None:
    """Write an image of counts as miniCBF, with the geometry of a result; the file appears whole or not at all.

    Parameters
    ----------
    path : str or path-like
        The file; one that is there is replaced.
    result : Result
        Of one flat panel normal to the beam; others need `write_nexus`.
    image : (slow, fast) array of integers
        Of at most 32 bits; masked pixels are written as -1.
    count_cutoff : int
        The largest value that counts.
    date : str
        Time that the file states, ISO 8601.

    Raises
    ------
    ValueError
        If the image is not of such integers, or of another size than the detector; or if a header cannot say what
        the detector is.
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
    experiment = _described(result)
    _write(path, "CBF image", lambda file: minicbf.write_minicbf(
        file, image, experiment, count_cutoff=count_cutoff, date=date))


def write_smv(path: str | os.PathLike[str], result: Any, image: Any, *, pedestal: float = 0.0,
              date: str = EPOCH) -> None:
    """Write an image as SMV that other programs place as it was simulated; it appears whole or not at all.

    nanoBragg's own header says BEAMLINE=fake, by which dxtbx takes the beam centre for adxv's; this one is as ADSC's
    detectors have it, in as many bytes as its lines need, with MOSFLM's beam centre.

    Parameters
    ----------
    path : str or path-like
        The file; one that is there is replaced.
    result : Result
        Of one flat panel normal to the beam; others need `write_nexus`.
    image : (slow, fast) uint16 array
        Masked pixels are written as 0.
    pedestal : float
        What was added to every pixel.
    date : str
        Time that the file states, ISO 8601.

    Raises
    ------
    ValueError
        If the image is not of such integers, or of another size than the detector; or if a header cannot say what
        the detector is.
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
    experiment = _described(result)
    _write(path, "SMV image", lambda file: smv_readable.write_readable_smv(
        file, image, experiment, pedestal=pedestal, date=date))


def write_geometry(path: str | os.PathLike[str], result: Any, images: str | None = None) -> None:
    """Write the geometry of a result for another program, which the name of the file chooses.

    Parameters
    ----------
    path : str or path-like
        Ending in .geom: a CrystFEL geometry, which opens the file of `write_nexus`; .expt: DIALS models of beam,
        detector, spindle and crystal; .INP or .inp: an XDS.INP.
    result : Result
    images : str, optional
        For XDS: names of the images, with a question mark for each digit of the number.

    Raises
    ------
    ValueError
        If the name ends otherwise; if XDS's images are not named, or the detector is more than it can be told.
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
    name = os.fsdecode(path)
    ending = os.path.splitext(name)[1].lower()
    if ending not in (".geom", ".expt", ".inp"):
        raise ValueError(f"{name}: must end in .geom, .expt or .INP")
    if (ending == ".inp") != isinstance(images, str):
        raise ValueError(f"images: {images!r} must be names such as frame_????.cbf for an XDS.INP, and None for others")
    experiment = _described(result)
    text = (geom_text(experiment) if ending == ".geom" else expt_text(experiment) if ending == ".expt"
            else xds_text(experiment, str(images)))
    _write(path, "geometry", lambda file: file.write(text.encode()))
