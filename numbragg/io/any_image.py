"""Images of six formats, read for looking at and comparing: arrays with the file's own type of number."""

from contextlib import contextmanager
import errno
import math
import os
import re
import stat
from typing import NamedTuple

import numpy as np

from .errors import format_error

# start-up: a format's library is imported where a file has that format; fabio is an extra

__all__ = ["Image", "bit_patterns", "read_image"]

#: What is recognised by the end of a name, before the content is looked at.
_SUFFIXES = {".npy": "npy", ".tif": "TIFF", ".tiff": "TIFF", ".cbf": "CBF", ".h5": "HDF5", ".hdf5": "HDF5",
             ".nxs": "HDF5", ".bin": "raw", ".raw": "raw"}
#: What is recognised by its first bytes.
_SIGNATURES = ((b"\x93NUMPY", "npy"), (b"II*\0", "TIFF"), (b"MM\0*", "TIFF"), (b"II+\0", "TIFF"),
               (b"MM\0+", "TIFF"), (b"{\nHEADER_BYT", "SMV"), (b"###CBF", "CBF"),
               (b"\x89HDF\r\n\x1a\n", "HDF5"))
_SMV_TYPE = re.compile(rb"(?<![A-Z_])TYPE=([^;\n]*)")
_CBF_SIZE = re.compile(rb"^X-Binary-Size:\s*([0-9]+)\s*$", re.MULTILINE)
_CBF_START = b"\x0c\x1a\x04\xd5"
_HDF5_FRAME = re.compile(r"(.*)\[([0-9]+)\]", re.DOTALL)


class Image(NamedTuple):
    """An image and the format of its file."""

    #: (slow, fast) array of integers or floats of at most 64 bits, native byte order
    pixels: np.ndarray
    #: "raw float32", "npy", "TIFF", "SMV", "CBF" or "HDF5"
    format: str


def read_image(path: str | os.PathLike[str], shape: tuple[int, int] | None = None) -> Image:
    """Image from a file of any format known here, values and their type as they are in the file.

    The format follows from the end of the name (``.npy``, ``.tif``, ``.tiff``, ``.cbf``, ``.h5``, ``.hdf5``,
    ``.nxs``; ``.bin`` and ``.raw`` for raw floats), else from the first bytes of the file.  What is not
    recognised is taken for native 32-bit floats without a header, as the C program writes them.

    Parameters
    ----------
    path : str or path-like
        The file.  For HDF5 a dataset may follow, and for a stack the number of a frame, from zero:
        ``file.h5::/entry/data/data[3]``.
    shape : tuple of two int, optional
        Pixels along the slow and the fast axis.  Raw files do not tell; without this they must be
        square.  Files that do tell must agree.

    Returns
    -------
    Image
        The pixels and the name of the format.

    Raises
    ------
    FileFormatError
        The content breaks the rules of its format, or is not one two-dimensional image of integers or
        floats of at most 64 bits, or not of `shape`.
    ImportError
        CBF or HDF5, and fabio is not installed.
    OSError
        The file cannot be read.
    """
    path = os.fsdecode(path)
    file_name, dataset = path, None
    if "::" in path and not os.path.lexists(path):
        file_name, dataset = path.split("::", 1)
    if not stat.S_ISREG(os.stat(file_name).st_mode):
        if os.path.isdir(file_name):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), file_name)
        raise format_error(file_name, "is not a regular file")
    kind = _kind(file_name)
    if dataset is not None and kind != "HDF5":
        raise format_error(file_name, f"has no datasets such as {dataset!r}, for it is not HDF5")
    if kind == "raw":
        return Image(_raw(file_name, shape), "raw float32")
    if kind == "HDF5":
        pixels = _hdf5(file_name, dataset)
    else:
        pixels = {"npy": _npy, "TIFF": _tiff, "SMV": _smv, "CBF": _cbf}[kind](file_name)
    pixels = _checked(path, pixels)
    if shape is not None and pixels.shape != tuple(shape):
        raise format_error(path, f"is an image of {_size(pixels.shape)} pixels (slow x fast), not "
                                 f"{_size(shape)}")
    return Image(pixels, kind)


def _size(shape):
    return " x ".join(str(length) for length in shape)


def _kind(path):
    suffix = _SUFFIXES.get(os.path.splitext(path)[1].lower())
    if suffix is not None:
        return suffix
    with open(path, "rb") as file:
        start = file.read(16)
    return next((kind for signature, kind in _SIGNATURES if start.startswith(signature)), "raw")


def _checked(path, pixels):
    """Returns the array in native byte order; what is no image is refused."""
    if pixels.ndim != 2 or pixels.size == 0:
        raise format_error(path, f"holds an array of shape {pixels.shape}; an image has two dimensions, "
                                 "neither of them empty")
    if pixels.dtype == bool:
        pixels = pixels.view(np.uint8)
    if pixels.dtype.kind not in "iuf" or pixels.dtype.itemsize > 8:
        raise format_error(path, f"holds values of type {pixels.dtype}; an image has integers or floats of "
                                 "at most 64 bits")
    return np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("="))


# -- formats


def _raw(path, shape):
    from .raw import read_raw

    if shape is None:
        size = os.stat(path).st_size
        side = math.isqrt(size // 4)
        if size == 0:
            raise format_error(path, "is empty")
        if 4 * side * side != size:
            raise format_error(path, f"has {size} bytes: as raw 32-bit floats no square image (give the "
                                     "shape, --shape SLOWxFAST), and no other format was recognised")
        shape = side, side
    return read_raw(path, shape)


def _npy(path):
    try:
        # mapped, so that nothing of a size that is only announced is allocated
        mapped = np.load(path, mmap_mode="r", allow_pickle=False)
        if not isinstance(mapped, np.memmap):
            raise ValueError("it is an archive")
        if mapped.offset + mapped.nbytes != os.stat(path).st_size:
            raise ValueError("bytes follow the array")
        return np.array(mapped, order="C")
    except OSError as error:
        if error.errno is not None:
            raise
        raise _unreadable(path, "npy file", error) from error
    except Exception as error:
        raise _unreadable(path, "npy file", error) from error


def _unreadable(path, what, error):
    reason = " ".join(str(error).split()) or type(error).__name__
    return format_error(path, f"is not a readable {what} ({reason})")


def _tiff(path):
    import tifffile

    try:
        with _quiet("tifffile"), tifffile.TiffFile(path) as tiff:
            if len(tiff.pages) != 1:
                raise ValueError(f"it has {len(tiff.pages)} pages; one is wanted")
            page = tiff.pages[0]
            stored = sum(page.databytecounts)
            # looked at before anything of the announced size is allocated
            if page.compression == 1 and math.prod(page.shape) * page.dtype.itemsize > stored:
                raise ValueError("it is incomplete")
            if any(start + length > tiff.filehandle.size
                   for start, length in zip(page.dataoffsets, page.databytecounts)):
                raise ValueError("it is incomplete")
            return page.asarray()
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise _unreadable(path, "TIFF file", error) from error


def _smv(path):
    from .smv import read_image as read_smv

    header, pixels = read_smv(path)
    stated = _SMV_TYPE.search(header.text)
    if stated and stated.group(1).strip() not in (b"unsigned_short", b"unsigned short"):
        raise format_error(path, f"TYPE is {stated.group(1).decode('ascii', 'backslashreplace')}; only "
                                 "unsigned_short is read")
    return pixels


@contextmanager
def _quiet(name, errors=None):
    """Keep a library's log from stderr; its errors go to a list."""
    import logging

    class Collector(logging.Handler):
        def emit(self, record):
            if errors is not None and record.levelno >= logging.ERROR:
                errors.append(record.getMessage())

    logger, collector = logging.getLogger(name), Collector()
    propagate, logger.propagate = logger.propagate, False
    logger.addHandler(collector)
    try:
        yield
    finally:
        logger.removeHandler(collector)
        logger.propagate = propagate


def _fabio(path, what):
    try:
        with _quiet("fabio"):
            import fabio
    except ImportError as error:
        raise ImportError(f"{path}: reading {what} needs fabio, h5py and hdf5plugin: "
                          "pip install fabio h5py hdf5plugin") from error
    return fabio


def _cbf(path):
    _fabio(path, "CBF")
    from fabio.cbfimage import CbfImage

    errors = []
    with open(path, "rb") as file:
        content = file.read()
    size, start = _CBF_SIZE.search(content), content.find(_CBF_START)
    if start < 0:
        raise format_error(path, "is not a readable CBF file (no pixels begin in it)")
    if size and start + len(_CBF_START) + int(size.group(1)) > len(content):
        # the decoder does not see where the data end
        raise format_error(path, f"is incomplete: its header says {size.group(1).decode()} bytes of pixels")
    del content
    try:
        with _quiet("fabio", errors):
            pixels = CbfImage().read(path).data
        if errors:
            raise ValueError(errors[0])
        return np.asarray(pixels)
    except Exception as error:
        raise _unreadable(path, "CBF file", error) from error


def _hdf5(path, dataset):
    fabio = _fabio(path, "HDF5")
    frame = None
    if dataset is not None and (match := _HDF5_FRAME.fullmatch(dataset)):
        dataset, frame = match.group(1), int(match.group(2))
    image = None
    try:
        with _quiet("fabio"):
            if dataset is None:
                image = fabio.open(path)
            else:
                from fabio.hdf5image import Hdf5Image

                image = Hdf5Image().read(f"{path}::{dataset}")
            if frame is None and image.nframes != 1:
                raise ValueError(f"it holds {image.nframes} frames; name one, such as "
                                 f"{os.path.basename(path)}::{dataset or '/entry/data/data'}[0]")
            if frame is not None and frame >= image.nframes:
                raise ValueError(f"there is no frame {frame} among {image.nframes}, counted from 0")
            return np.array(image.data if frame is None else image.getframe(frame).data)
    except Exception as error:
        name = path if dataset is None else f"{path}::{dataset}"
        raise _unreadable(name, "HDF5 image", error) from error
    finally:
        if image is not None:
            image.close()


def bit_patterns(image):
    """The bits of every pixel, as unsigned integers of the same size."""
    return np.ascontiguousarray(image).view(f"u{image.dtype.itemsize}")
