"""PGM images: a short text header, then one or two bytes per pixel, or numbers as text."""

import os
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import memory
from .errors import format_error, shown
from .smv import general

__all__ = ["read_pgm", "write_pgm"]

#: White space between two numbers of a header, with comments to the end of their line.
_GAP = rb"(?:[ \t\n\v\f\r]|#[^\n\r]*[\n\r])+"
_HEADER = re.compile(rb"P([25])" + _GAP + rb"([0-9]{1,10})" + _GAP + rb"([0-9]{1,10})" + _GAP + rb"([0-9]{1,10})"
                     rb"(?:#[^\n\r]*)?[ \t\n\v\f\r]")
#: A header is looked for in so many bytes.
_LONGEST_HEADER = 2 ** 16


def read_pgm(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Grey values of a PGM image, binary (P5) or text (P2).

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    (slow, fast) uint8 or uint16
        Values as stored; uint16 where the header allows more than 255.

    Raises
    ------
    FileFormatError
        Not a PGM image, or more or fewer pixels than its header says, or a larger one.
    OSError
        The file cannot be read.
    """
    with open(path, "rb") as file:
        start = file.read(_LONGEST_HEADER)
        found = _HEADER.match(start)
        if found is None:
            raise format_error(path, f"starts with {shown(start[:20])}; a PGM image starts with P5 or P2, its width, "
                                     "height and largest value")
        width, height, largest = (int(found[group]) for group in (2, 3, 4))
        if not (width and height and 0 < largest < 65536):
            raise format_error(path, f"{width} x {height} pixels up to {largest}; a PGM image has pixels, and values up"
                                     " to 65535")
        file.seek(found.end())
        count = width * height
        # each number of a text is an object for a while
        each, least = (6, 1) if found[1] == b"5" else (100, 2)
        # one that is incomplete is refused for that
        if least * count <= os.fstat(file.fileno()).st_size:
            memory.require(each * count, f"{os.fsdecode(path)}: an image of {width} x {height} pixels would")
        read = _read_bytes if found[1] == b"5" else _read_text
        pixels = read(path, file, width * height, np.dtype(np.uint8 if largest < 256 else ">u2"))
    if pixels.max() > largest:
        raise format_error(path, f"has a pixel of {pixels.max()}; its header says at most {largest}")
    return pixels.astype(pixels.dtype.newbyteorder("=")).reshape(height, width)


def _read_bytes(path, file, count, item):
    needed = count * item.itemsize
    # nothing of a size that is only announced is allocated
    left = os.fstat(file.fileno()).st_size - file.tell()
    content = file.read(min(needed + 1, left))
    # the end of a line behind the last pixel does no harm
    if len(content) < needed or file.read(1) or len(content) > needed and content[needed:] not in (b"\n", b"\r"):
        few = "fewer" if len(content) < needed else "more"
        raise format_error(path, f"has {few} bytes of pixels than the {needed} that its header announces")
    return np.frombuffer(content, item, count)


def _read_text(path, file, count, item):
    # a pixel takes six characters, or some more; a file with holes can be longer than the memory, and nothing of a size
    # that is only announced is allocated
    left = os.fstat(file.fileno()).st_size - file.tell()
    words = file.read(min(_LONGEST_HEADER + 64 * count, left)).split()
    if len(words) != count:
        raise format_error(path, f"has {len(words)} numbers; its header announces {count}")
    for word in words:
        if not word.isdigit() or len(word) > 10 or int(word) > 65535:
            raise format_error(path, f"found {shown(word)}; a pixel is a whole number up to 65535")
    values = np.array([int(word) for word in words])
    return values.astype(item) if values.max() <= np.iinfo(item).max else values


def write_pgm(file, image, scale):
    """Write a grey image byte for byte as the C program does.

    Parameters
    ----------
    file : binary file object
        Where to write.
    image : (slow, fast) uint8
        Grey values.
    scale : float
        Factor that was applied to the pixels; only named in a comment of the header.

    Raises
    ------
    ValueError
        The image is not a two-dimensional array of bytes.
    """
    if image.ndim != 2 or image.dtype != np.uint8:
        raise ValueError(f"image: {image.ndim}-dimensional {image.dtype}; PGM needs 2-dimensional uint8")
    slow, fast = image.shape
    file.write(f"P5\n{fast} {slow}\n# pixels scaled by {general(scale)}\n255\n".encode("ascii"))
    file.write(memoryview(np.ascontiguousarray(image).reshape(-1)))
