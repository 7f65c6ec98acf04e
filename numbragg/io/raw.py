"""Raw float images: native 32-bit floats row after row, no header (``floatimage.bin``)."""

import math
import os
import stat
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from .. import memory
from .errors import format_error

# start-up: output files are only made where something is written

__all__ = ["read_raw", "write_raw"]


def read_raw(path: str | os.PathLike[str], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Image from a raw file.

    Parameters
    ----------
    path : str or path-like
        The file.
    shape : tuple of two int
        Pixels along the slow and the fast axis; the file does not tell.

    Returns
    -------
    (slow, fast) float32
        The image.

    Raises
    ------
    FileFormatError
        The size of the file is not that of an image of this shape.
    OSError
        The file cannot be read.
    """
    with open(path, "rb") as file:
        expected = 4 * math.prod(shape)
        size = os.fstat(file.fileno())
        memory.require(expected, f"{os.fsdecode(path)}: an image of {shape[1]} x {shape[0]} pixels would")
        # nothing is allocated for a file that is shorter
        known = size.st_size if stat.S_ISREG(size.st_mode) else expected
        image = np.empty(0 if known < expected else shape, np.float32)
        there = known if known < expected else file.readinto(image.reshape(-1).view(np.uint8).data)
        if there < expected:
            raise format_error(path, f"has {there} bytes; an image of {shape[1]} x {shape[0]} pixels "
                                     f"has {expected}")
        if file.read(1):
            raise format_error(path, f"has more than the {expected} bytes of an image of {shape[1]} x "
                                     f"{shape[0]} pixels")
    return image


def write_raw(file: str | os.PathLike[str] | BinaryIO, image: NDArray[np.float32]) -> None:
    """Write a float image as the C program does: native 32-bit floats, row after row.

    Parameters
    ----------
    file : str, path-like or binary file object
        Where to write.  A file that is named appears whole or not at all, and replaces one that is there.
    image : (slow, fast) float32
        The image; all bits are kept, those of NaN too.

    Raises
    ------
    ValueError
        The image is not a two-dimensional array of 32-bit floats in native byte order.
    OSError
        The file cannot be written.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from numbragg.io.raw import read_raw, write_raw
    >>> path = os.path.join(tempfile.mkdtemp(), "floatimage.bin")
    >>> write_raw(path, np.array([[0.5, 1.5]], np.float32))
    >>> read_raw(path, (1, 2)).tolist()
    [[0.5, 1.5]]
    """
    image = np.asarray(image)
    if image.ndim != 2 or image.dtype != np.float32:
        raise ValueError(f"image: {image.ndim}-dimensional {image.dtype}; a raw image is 2-dimensional "
                         "float32")
    content = np.ascontiguousarray(image).reshape(-1).view(np.uint8).data
    if not isinstance(file, (str, bytes, os.PathLike)):
        file.write(content)
        return
    from .output import write_whole

    write_whole(file, "float image", lambda opened: opened.write(content))
