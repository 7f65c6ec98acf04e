"""Images of seven formats, read for looking at and comparing: arrays with the file's own type of number."""

from contextlib import ExitStack, contextmanager
import errno
import math
import os
import re
import stat
from typing import NamedTuple

import numpy as np

from .. import memory
from .endings import format_of_ending, without_compression
from .errors import FileFormatError, format_error
from .kinds import COMPRESSED, SIGNATURES
from .silence import silenced
from .trial import try_reading

# start-up: a format's library is imported where a file has that format; fabio is an extra

__all__ = ["Image", "bit_patterns", "mapped_npy", "read_image", "read_images"]

#: Formats that are read, and what may lie around them.
_READ = ("npy", "TIFF", "SMV", "PGM", "CBF", "HDF5")
#: Where a map of CCP4 or MRC has its name.
_MAP = slice(208, 212)
#: Ends of names that say nothing about the content: other programs name images so too.
_LOOSE = ("SMV", "R-AXIS", "CCP4 map", "MATLAB")
_PGM = re.compile(rb"P[25][ \t\n\v\f\r#]")
_PNM = re.compile(rb"P([1-7Ff])[ \t\n\v\f\r#]")
_TEXT = re.compile(rb"\s*\{\s*(HEADER_BYTES|(?:EDF|Header)[A-Za-z_]*)\s*=")
_CBF_SIZE = re.compile(rb"^X-Binary-Size:\s*([0-9]+)\s*$", re.MULTILINE)
_CBF_AXIS = re.compile(rb"^X-Binary-Size-(?:Fastest|Second)-Dimension:\s*([0-9]{1,9})\s*$", re.MULTILINE)
_CBF_SECTION = b"--CIF-BINARY-FORMAT-SECTION--"
_CBF_START = b"\x0c\x1a\x04\xd5"
_HDF5_FRAME = re.compile(r"(.*)\[([0-9]+)\]", re.DOTALL)
_PIECE = 2 ** 20
#: Bytes of HDF5 that are read in a second, on a busy machine and packed.
_SLOWEST = 5e6
#: What other libraries say is cut here.
_LONGEST_REASON = 160


class Image(NamedTuple):
    """An image and the format of its file."""

    #: (slow, fast) array of integers or floats of at most 64 bits, native byte order
    pixels: np.ndarray
    #: "raw float32", "npy", "TIFF", "SMV", "PGM", "CBF" or "HDF5"
    format: str


def read_image(path: str | os.PathLike[str], shape: tuple[int, int] | None = None) -> Image:
    """Image from a file of any format known here, values and their type as they are in the file.

    The format follows from the first bytes of the file, or the end of the name (``.npy``, ``.tif``, ``.tiff``,
    ``.pgm``, ``.cbf``, ``.h5``, ``.hdf5``, ``.nxs``; ``.bin`` and ``.raw`` for raw floats).  What is not
    recognised is taken for native 32-bit floats without a header, as the C program writes them.  All of these may be
    compressed by gzip or bzip2.

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
        The content breaks the rules of its format, or is of a kind that is not read, or is not one two-dimensional
        image of integers or floats of at most 64 bits, or not of `shape`.
    ImportError
        CBF or HDF5, and fabio is not installed.
    OSError
        The file cannot be read.
    """
    return read_images([path], shape)[0]


def read_images(paths, shape=None, working=0):
    """Several images to be compared, as `read_image`; a raw one takes the shape of another one where that fits.

    Parameters
    ----------
    paths : sequence of str or path-like
        The files.
    shape : tuple of two int, optional
        As for `read_image`; for all of them.
    working : int
        Bytes that each pixel will take while the images are made use of, themselves left out; with these they must
        fit in memory.

    Returns
    -------
    list of Image
        In the order of `paths`.

    Raises
    ------
    FileFormatError, ImportError, OSError
        As `read_image`.
    """
    images = [None] * len(paths)
    with ExitStack() as stack:
        opened = [stack.enter_context(_opened(os.fsdecode(path))) for path in paths]
        # raw images last: by then others have told their shapes
        for number in sorted(range(len(paths)), key=lambda number: opened[number].kind == "raw"):
            file = opened[number]
            with _named(file):
                if file.kind == "raw":
                    others = [image.pixels.shape for image in images if image is not None]
                    images[number] = Image(_raw(file.place, shape, others), "raw float32")
                else:
                    images[number] = _told(file, shape)
            if images.count(None) == len(images) - 1:
                # the others will be as large
                height, width = images[number].pixels.shape
                memory.require(working * height * width + (len(images) - 1) * images[number].pixels.nbytes,
                               f"images: {len(images)} of {width} x {height} pixels")
    return images


class _File(NamedTuple):
    """A file as it is read."""

    path: str  # as the user named it
    place: str  # where its content lies, without compression
    dataset: str | None
    kind: str


def _told(file, shape):
    """An image of a format that tells its shape."""
    if file.kind == "HDF5":
        pixels = _hdf5(file.place, file.dataset)
    else:
        pixels = {"npy": _npy, "TIFF": _tiff, "SMV": _smv, "PGM": _pgm, "CBF": _cbf}[file.kind](file.place)
    pixels = _checked(file.path, pixels)
    if shape is not None and pixels.shape != tuple(shape):
        raise format_error(file.path, f"is an image of {_size(pixels.shape)} pixels (slow x fast), not "
                                      f"{_size(shape)}")
    return Image(pixels, file.kind)


@contextmanager
def _named(file):
    """Errors about a temporary file name the one that the user named."""
    try:
        yield
    except FileFormatError as error:
        if not str(error).startswith(file.place) or file.place == file.path:
            raise
        raise FileFormatError(file.path + str(error)[len(file.place):]) from None


@contextmanager
def _opened(path):
    """What a path names, decompressed where it is compressed; what is not read is refused by its kind."""
    name, dataset = path, None
    if "::" in path and not os.path.lexists(path):
        name, dataset = path.split("::", 1)
    if not stat.S_ISREG(os.stat(name).st_mode):
        if os.path.isdir(name):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), name)
        raise format_error(name, "is not a regular file")
    compression = _compression(name)
    if compression is None:
        yield _File(name, name, dataset, _kind(name, name, dataset))
        return
    # slow to import and rarely needed
    import tempfile

    with tempfile.TemporaryDirectory(prefix="numbragg-") as folder:
        inner = os.path.basename(without_compression(name)) or "image"
        place = os.path.join(folder, inner)
        _decompress(name, compression, place)
        yield _File(name, place, dataset, _kind(name, place, dataset))


def _compression(path):
    with open(path, "rb") as file:
        start = file.read(4)
    if format_of_ending(path) == "raw":
        # floats may begin like anything
        return None
    return next((kind for kind, signature in COMPRESSED.items() if start.startswith(signature)), None)


def _decompress(path, compression, place):
    """Write the content of a compressed file to a place; no more than memory could hold."""
    import zlib

    if compression == "gzip":
        from gzip import open as opened
    else:
        from bz2 import open as opened
    left = memory.available()
    with open(place, "xb") as output:
        try:
            with opened(path, "rb") as file:
                while piece := file.read(_PIECE):
                    output.write(piece)
                    left -= len(piece)
                    if left < 0:
                        raise format_error(path, "is larger, decompressed, than the memory that is available")
        except (OSError, EOFError, zlib.error) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise _unreadable(path, f"{compression} file", error) from error


class _TooLarge(FileFormatError):
    """An image that does not fit in memory, which says nothing against its file."""


def _require(path, shape, dtype, copies=1):
    """Refuse an image that does not fit in memory, before it is made; headers announce what they like."""
    dtype = np.dtype(dtype)
    try:
        memory.require(copies * math.prod(shape) * dtype.itemsize,
                       f"{path}: an image of {_size(shape)} values of type {dtype} would")
    except ValueError as error:
        raise _TooLarge(str(error)) from None


def _size(shape):
    return " x ".join(str(length) for length in shape)


def _kind(path, place, dataset):
    """The format of a file that is read.  Others are refused under the name that the user gave."""
    with open(place, "rb") as file:
        start = file.read(_MAP.stop)
    named = format_of_ending(place)
    found = next((kind for signature, kind in SIGNATURES if start.startswith(signature)), None)
    if found is None and start[_MAP] == b"MAP ":
        found = "CCP4 map"
    if _PGM.match(start):
        found = "PGM"
    elif found is None and _PNM.match(start):
        found = "PBM, PPM or PFM"
    elif found is None and (text := _TEXT.match(start)):
        found = "SMV-like (an SMV image starts with {, a line feed and HEADER_BYTES)" if b"BYTES" in text[1] else "EDF"
    # floats may begin like anything, but not all of a name by chance
    kind = named if named == "raw" or named in _READ and named not in _LOOSE else found
    kind = kind or (named if named not in (None, *_LOOSE, *COMPRESSED) else "raw")
    if kind not in ("raw", *_READ):
        raise format_error(path, f"is a file of kind {kind}, which is not read here; read are raw 32-bit floats, "
                                 f"{', '.join(_READ)}, and these compressed by gzip or bzip2")
    if dataset is not None and kind != "HDF5":
        raise format_error(path, f"has no datasets such as {dataset!r}, for it is not HDF5")
    return kind


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


def _raw(path, shape, others):
    from .raw import read_raw

    size = os.stat(path).st_size
    if size == 0:
        raise format_error(path, "is empty")
    if shape is None:
        shape = next((other for other in others if 4 * math.prod(other) == size), None)
    if shape is None:
        side = math.isqrt(size // 4)
        if 4 * side * side != size:
            raise format_error(path, f"has {size} bytes: as raw 32-bit floats no square image (give the "
                                     "shape, --shape SLOWxFAST), and no other format was recognised")
        shape = side, side
    return read_raw(path, shape)


def mapped_npy(path):
    """The array of an npy file, mapped, so that nothing of a size that is only announced is allocated.

    Raises
    ------
    FileFormatError
        What is no such file, whatever NumPy raises for it.
    OSError
        The file cannot be read.
    """
    try:
        with silenced():
            mapped = np.load(path, mmap_mode="r", allow_pickle=False)
        if not isinstance(mapped, np.memmap):
            raise ValueError("it is an archive")
        if mapped.offset + mapped.nbytes != os.stat(path).st_size:
            raise ValueError("bytes follow the array")
        return mapped
    except OSError as error:
        if error.errno == errno.ENOMEM:
            raise _TooLarge(f"{path}: its {os.stat(path).st_size / 1e9:.4g} GB do not fit in the memory that this "
                            "process may have") from error
        if error.errno is not None:
            raise
        raise _unreadable(path, "npy file", error) from error
    except Exception as error:
        raise _unreadable(path, "npy file", error) from error


def _npy(path):
    mapped = mapped_npy(path)
    _require(path, mapped.shape, mapped.dtype)
    # read, not copied from what is mapped, whose pages would count as well
    offset, order = mapped.offset, "F" if mapped.flags.f_contiguous and not mapped.flags.c_contiguous else "C"
    shape, dtype = mapped.shape, mapped.dtype
    del mapped
    return np.asarray(np.fromfile(path, dtype, math.prod(shape), offset=offset).reshape(shape, order=order), order="C")


def _unreadable(path, what, error):
    if isinstance(error, (AttributeError, TypeError, IndexError, AssertionError, NameError, SyntaxError, UnicodeError)):
        # a library met what it does not look for; its words are about its own code
        reason = "it is damaged"
    else:
        reason = " ".join(str(error).split()) or type(error).__name__
        if len(reason) > _LONGEST_REASON:
            # some repeat what they read
            reason = reason[:_LONGEST_REASON] + "..."
    return format_error(path, f"is not a readable {what} ({reason})")


def _tiff(path):
    import tifffile

    try:
        with silenced(), tifffile.TiffFile(path) as tiff:
            if len(tiff.pages) != 1:
                raise ValueError(f"it has {len(tiff.pages)} pages; one is wanted")
            page = tiff.pages[0]
            if page.dtype is None:
                raise ValueError("its type of pixels is not known")
            stored = sum(page.databytecounts)
            # looked at before anything of the announced size is allocated
            if page.compression == 1 and math.prod(page.shape) * page.dtype.itemsize > stored:
                raise ValueError("it is incomplete")
            if any(start + length > tiff.filehandle.size
                   for start, length in zip(page.dataoffsets, page.databytecounts)):
                raise ValueError("it is incomplete")
            _require(path, page.shape, page.dtype)
            return page.asarray()
    except _TooLarge:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise _unreadable(path, "TIFF file", error) from error


def _smv(path):
    from .smv import read_image as read_smv

    return read_smv(path)[1]


def _pgm(path):
    from .pgm import read_pgm

    return read_pgm(path)


def _fabio(path, what):
    try:
        with silenced():
            import fabio
    except ImportError as error:
        raise ImportError(f"{path}: reading {what} needs fabio, h5py and hdf5plugin: "
                          "pip install fabio h5py hdf5plugin") from error
    return fabio


def _cbf(path):
    _fabio(path, "CBF")
    from fabio.cbfimage import CbfImage

    # the file, and what fabio reads of it once more
    _require(path, (2 * os.stat(path).st_size,), np.uint8)
    with open(path, "rb") as file:
        content = file.read()
    # fabio looks for the pixels behind the section's mark, to the end of all days if there are none
    section, size = content.find(_CBF_SECTION), _CBF_SIZE.search(content)
    start = -1 if section < 0 else content.find(_CBF_START, section)
    if start < 0:
        raise format_error(path, "is not a readable CBF file (no pixels begin in it)")
    if size and start + len(_CBF_START) + int(size.group(1)) > len(content):
        # the decoder does not see where the data end
        raise format_error(path, f"is incomplete: its header says {size.group(1).decode()} bytes of pixels")
    pixels = math.prod(int(found[1]) for found in _CBF_AXIS.finditer(content, 0, start))
    del content
    _require(path, (pixels,), np.int32, 2)
    try:
        with silenced() as errors:
            pixels = CbfImage().read(path).data
        if errors:
            raise ValueError(errors[0])
        return np.asarray(pixels)
    except Exception as error:
        raise _unreadable(path, "CBF file", error) from error


def _hdf5(path, dataset):
    _fabio(path, "HDF5")
    # on what is damaged, or leads to a pipe, HDF5 may never come to an end
    try_reading(path, __name__, "_hdf5_pixels", "HDF5", [] if dataset is None else [dataset],
                os.stat(path).st_size / _SLOWEST)
    return _hdf5_pixels(path, dataset)


def _hdf5_pixels(path, dataset=None):
    fabio = _fabio(path, "HDF5")
    import h5py

    if not h5py.is_hdf5(path):
        # fabio would try its other readers
        raise format_error(path, "is not a readable HDF5 image (it is no HDF5 file, or its start is damaged)")
    frame = None
    if dataset is not None and (match := _HDF5_FRAME.fullmatch(dataset)):
        dataset, frame = match.group(1), int(match.group(2))
    image, plain = None, "/entry/data/data"
    try:
        with silenced():
            if dataset is None:
                with h5py.File(path, "r") as file:
                    found = file.get(plain)
                    # else fabio finds the dataset by itself, and takes for frames whatever has a name that begins so
                    dataset = plain if isinstance(found, h5py.Dataset) and found.ndim in (2, 3) else None
            if dataset is not None:
                with h5py.File(path, "r") as file:
                    found = file.get(dataset)
                    # a few bytes can announce anything: what was never written has a value, too
                    if isinstance(found, h5py.Dataset) and found.ndim in (2, 3):
                        _require(f"{path}::{dataset}", found.shape[-2:], found.dtype, 2)
            if dataset is None:
                image = fabio.open(path)
            else:
                from fabio.hdf5image import Hdf5Image

                image = Hdf5Image().read(f"{path}::{dataset}")
            if frame is None and image.nframes != 1:
                raise ValueError(f"it holds {image.nframes} frames; name one, such as "
                                 f"{os.path.basename(path)}::{dataset or plain}[0]")
            if frame is not None and frame >= image.nframes:
                raise ValueError(f"there is no frame {frame} among {image.nframes}, counted from 0")
            return np.array(image.data if frame is None else image.getframe(frame).data)
    except (MemoryError, _TooLarge):
        raise
    except Exception as error:
        name = path if dataset is None else f"{path}::{dataset}"
        raise _unreadable(name, "HDF5 image", error) from error
    finally:
        if image is not None:
            image.close()


def bit_patterns(image):
    """The bits of every pixel, as unsigned integers of the same size."""
    return np.ascontiguousarray(image).view(f"u{image.dtype.itemsize}")
