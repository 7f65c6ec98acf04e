"""SMV images (ADSC style): a text header of keywords, then pixels, mostly of 16 bits without a sign.

Reading follows the C program's way of looking up keywords, oddities included, because the images
made from such headers depend on it.  Writing reproduces its header byte for byte.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
import io
import math
import os
import sys
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import memory
from .errors import FileFormatError, format_error, shown
from .literals import INT_MAX, leading_number
from .smv_pixels import DATA_TYPES, pixel_type

# start-up: output files are only made where something is written

__all__ = ["Entry", "SmvHeader", "HeaderValues", "general", "read_header", "read_mask", "read_image", "header_text",
           "made_header", "write_image", "write_smv"]

_SIGNATURE = b"{\nHEADER_BYT"
_LARGEST_HEADER = 1 << 26
_SMALLEST_HEADER = 512
_HEADER_END = b"}\f"
_BYTE_ORDER_KEY = b"BYTE_ORDER="
_DEGREES_PER_RADIAN = 180.0 * (1.0 / math.pi)


class Entry(NamedTuple):
    """What the C program finds for a keyword."""

    #: the keyword in whose place it was found: a longer one, say, that contains it
    name: bytes
    #: what stands there, up to the end of the line or the semicolon
    text: bytes
    #: the number that was made of it
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SmvHeader:
    """Header of an SMV image, with the keyword look-up of the C program."""

    #: bytes of the header up to the first zero byte
    text: bytes = field(repr=False)
    #: all bytes in front of the pixels
    content: bytes = field(repr=False)
    #: pixels along the fast and the slow axis
    width: int
    height: int
    #: size of the header that the header itself states
    header_bytes: int
    #: "little_endian" or "big_endian" (or whatever the file says)
    byte_order: str

    def value(self, key: str) -> float:
        """Number that belongs to a keyword.

        The last place where `key` occurs is taken, even inside a longer keyword (``DISTANCE`` finds
        ``CLOSE_DISTANCE``), then the number after the next equals sign.

        Parameters
        ----------
        key : str
            The keyword.

        Returns
        -------
        float
            NaN if the keyword does not occur, 0.0 if no equals sign or no number follows.
        """
        return _keyword_value(self.text, key)

    def entry(self, key: str) -> Entry | None:
        """What `value` is made of, None if the keyword does not occur."""
        return _entry(self.text, key)


def _keyword_value(text, key):
    found = _entry(text, key)
    return math.nan if found is None else found.value


def _entry(text, key):
    key = key.encode("ascii")
    place = text.rfind(key)
    if place < 0:
        return None
    equals = text.find(b"=", place + len(key))
    start = max(text.rfind(b"\n", 0, place), text.rfind(b";", 0, place)) + 1
    if equals < 0:
        return Entry(text[start:].strip(), b"", 0.0)
    after = text[equals + 1:]
    shown_text = after.partition(b"\n")[0].partition(b";")[0].strip()
    return Entry(text[start:equals].strip(), shown_text, leading_number(after))


def read_header(path):
    """Header of an SMV image; there need not be any pixels.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    SmvHeader
        The header.

    Raises
    ------
    FileFormatError
        Shorter than 512 bytes, another signature, or an impossible or missing HEADER_BYTES, BYTE_ORDER,
        SIZE1 or SIZE2.
    OSError
        The file cannot be read.
    """
    with open(path, "rb") as file:
        return _header(path, file)


def _header(path, file):
    """Header of an open file."""
    start = file.read(_SMALLEST_HEADER)
    if len(start) < _SMALLEST_HEADER:
        raise format_error(path, f"has {len(start)} bytes; the header of an SMV image has at least "
                                 f"{_SMALLEST_HEADER}")
    if not start.startswith(_SIGNATURE):
        raise format_error(path, f"starts with {shown(start[:len(_SIGNATURE)])}; an SMV image starts with "
                                 f"{shown(_SIGNATURE)}")
    if not file.seekable():
        raise format_error(path, "is a stream; an SMV image must be a file")
    size = file.seek(0, 2)
    header_bytes = _whole(_keyword_value(_c_string(start), "HEADER_BYTES"))
    if header_bytes is None or not _SMALLEST_HEADER <= header_bytes <= size:
        said = "no size" if header_bytes is None else header_bytes
        raise format_error(path, f"HEADER_BYTES gives {said}; it must be from {_SMALLEST_HEADER} to "
                                 f"the size of the file, {size}")
    if header_bytes > _LARGEST_HEADER:
        raise format_error(path, f"HEADER_BYTES gives {header_bytes}; no header is longer than {_LARGEST_HEADER} bytes")
    file.seek(0)
    content = file.read(header_bytes)
    text = _c_string(content)
    place = text.rfind(_BYTE_ORDER_KEY)
    if place < 0:
        raise format_error(path, "the header has no BYTE_ORDER; it must say little_endian or big_endian")
    order = text[place + len(_BYTE_ORDER_KEY):].partition(b"\n")[0].partition(b";")[0]
    width = _whole(_keyword_value(text, "SIZE1"))
    height = _whole(_keyword_value(text, "SIZE2"))
    keys = "SIZE1 and SIZE2"
    if width == 0:
        width = height = _whole(_keyword_value(text, "DETECTOR_DIMENSIONS"))
        keys = "DETECTOR_DIMENSIONS (SIZE1 being 0)"
    if width is None or height is None or width < 1 or height < 1:
        found = ", ".join("missing" if number is None else str(number) for number in (width, height))
        raise format_error(path, f"{keys} must give the numbers of pixels, 1 or more; found {found}")
    if width * height > INT_MAX:
        raise format_error(path, f"{keys} give {width} x {height} pixels; at most {INT_MAX} are "
                                 "possible")
    return SmvHeader(text=text, content=content, width=width, height=height, header_bytes=header_bytes,
                     byte_order=order.strip().decode("ascii", "backslashreplace"))


def _c_string(text):
    """Bytes up to the first zero byte."""
    return text.partition(b"\0")[0]


def _whole(value):
    """Whole part of a header number, None if there is none that fits 32 bits."""
    return int(value) if abs(value) < INT_MAX + 1 else None


def _data_start(header_bytes):
    """Where pixels start: the C program counts in pairs of bytes."""
    return header_bytes // 2 * 2


def _pixels(path, as_meant):
    """Header and pixels as stored: as the file means them, or where and as the C program takes them."""
    with open(path, "rb") as file:
        header = _header(path, file)
        start, size = _data_start(header.header_bytes), os.fstat(file.fileno()).st_size
        count = header.width * header.height
        item = pixel_type(path, header.text, count, size - start) if as_meant else np.dtype(np.uint16)
        needed = start + item.itemsize * count
        if size < needed:
            raise format_error(path, f"has {size} bytes; an image of {header.width} x {header.height} pixels of "
                                     f"{8 * item.itemsize} bits needs {needed}")
        if as_meant and b"}" not in header.text:
            # longer than it says; believed only if that accounts for every byte of the file
            file.seek(0)
            end = file.read(2 * header.header_bytes).find(_HEADER_END) + len(_HEADER_END)
            if end + item.itemsize * count == size:
                start = end
        memory.require(item.itemsize * count,
                       f"{os.fsdecode(path)}: an image of {header.width} x {header.height} pixels would")
        file.seek(0)
        header = replace(header, content=file.read(start))
        pixels = np.empty((header.height, header.width), item)
        if file.readinto(memoryview(pixels.reshape(-1).view(np.uint8))) != pixels.nbytes:
            raise format_error(path, "changed while it was read")
    return header, pixels


def read_mask(path):
    """Header and pixels of a mask, which are taken for 16-bit numbers whatever the header says.

    Parameters
    ----------
    path : str or path-like
        The file.  Its byte order does not matter.

    Returns
    -------
    header : SmvHeader
        The header.
    mask : (height, width) bool
        False where a pixel is to be skipped: zeros of the file.

    Raises
    ------
    FileFormatError, OSError
        As `read_header`; also for fewer pixels than the header says.
    """
    header, pixels = _pixels(path, as_meant=False)
    return header, pixels != 0


def read_image(path: str | os.PathLike[str]) -> tuple[SmvHeader, NDArray[Any]]:
    """Header and pixel values of an SMV image, of the type and in the order of bytes that its header says.

    Integers of 8, 16 and 32 bits and floats are read, as ADSC (TYPE) and d*TREK (Data_type) name them; without a
    name they are unsigned of 16 bits.  What is not certain is refused.  Of an image whose header is longer than it
    says (see `header_text`) the pixels are found all the same; `read_mask` takes them where the C program does.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    header : SmvHeader
        The header: `text`, `width`, `height`, and `value` to look up a keyword as the C program does.
    image : (height, width) array
        Values in native byte order; uint16 for images of the C program.

    Raises
    ------
    FileFormatError, OSError
        As `read_header`; also for fewer pixels than the header says, a type that is not known or contradicts the
        size of the file, compressed pixels, and a byte order other than little_endian and big_endian.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from numbragg.io.smv import read_image, write_image
    >>> path = os.path.join(tempfile.mkdtemp(), "image.img")
    >>> write_image(path, {"DISTANCE": 120.5, "WAVELENGTH": 0.9793}, np.ones((2, 3), np.uint16))
    >>> header, image = read_image(path)
    >>> image.shape, image.dtype.name, header.value("DISTANCE")
    ((2, 3), 'uint16', 120.5)
    """
    header, pixels = _pixels(path, as_meant=True)
    if _other_order(path, header):
        pixels.byteswap(inplace=True)
    return header, pixels


def _other_order(path, header):
    """Whether the bytes of a file are in the other order than this machine's."""
    if header.byte_order not in ("little_endian", "big_endian"):
        raise format_error(path, f"BYTE_ORDER is {header.byte_order!r}; it must be little_endian or "
                                 "big_endian")
    return header.byte_order != f"{sys.byteorder}_endian"


def general(value):
    """A number as C's ``%g`` prints it: six significant digits, and NaN with its sign."""
    if math.isnan(value):
        return "-nan" if math.copysign(1.0, value) < 0 else "nan"
    return f"{value:g}"


class HeaderValues(NamedTuple):
    """What the header of an output image is made of, in internal units.

    Centres and distances are those left after the detector was placed, not those asked for,
    except `beam_x` and `beam_y`.
    """

    #: pixels along the fast axis
    fast_pixels: int
    #: pixels along the slow axis
    slow_pixels: int
    #: edge of a pixel [m]
    pixel_size: float
    #: extent of the detector along the slow axis [m]
    detector_size_s: float
    #: sample to detector along the beam [m]
    distance: float
    #: sample to the nearest point of the detector's plane [m]
    close_distance: float
    #: wavelength [m]
    wavelength: float
    #: beam centre as asked for or by default, in the user's convention [m]
    beam_x: float
    beam_y: float
    #: beam centre along the fast and the slow axis (Fbeam, Sbeam) [m]
    beam_f: float
    beam_s: float
    #: point of closest approach in pixels, XDS style (ORGX, ORGY)
    origin_x: float
    origin_y: float
    #: detector origin in the DIALS frame, three numbers [mm]
    dials_origin: tuple
    #: start of the rotation, its range, and the detector's two-theta [rad]
    phi_start: float
    oscillation: float
    twotheta: float


def header_text(values, noise=False):
    """Header of an output image, byte for byte as the C program writes it.

    The text is padded with blanks to 512 bytes.  It can be longer than that; then nothing is padded
    and the pixels follow at once, although HEADER_BYTES still says 512.

    Parameters
    ----------
    values : HeaderValues
        Quantities in the header.
    noise : bool, optional
        Whether it is for the noise image, whose header differs in the sign of a zero.

    Returns
    -------
    bytes
        512 bytes or more.
    """
    v = values
    # adding or subtracting a zero decides the sign of a zero; infinite pixels make it NaN
    zero = 0.0 * v.pixel_size
    denzo_x, denzo_y = (v.beam_s + zero, v.beam_f + zero) if noise else (v.beam_s - zero, v.beam_f - zero)
    half = 0.5 * v.pixel_size
    phi = v.phi_start * _DEGREES_PER_RADIAN
    lines = [
        "{",
        "HEADER_BYTES=512;",
        "DIM=2;",
        f"BYTE_ORDER={sys.byteorder}_endian;",
        "TYPE=unsigned_short;",
        f"SIZE1={v.fast_pixels:d};",
        f"SIZE2={v.slow_pixels:d};",
        f"PIXEL_SIZE={general(v.pixel_size * 1000.0)};",
        f"DISTANCE={general(v.distance * 1000.0)};",
        f"WAVELENGTH={general(v.wavelength * 1e10)};",
        f"BEAM_CENTER_X={general(v.beam_x * 1000.0)};",
        f"BEAM_CENTER_Y={general(v.beam_y * 1000.0)};",
        f"ADXV_CENTER_X={general(v.beam_f * 1000.0)};",
        f"ADXV_CENTER_Y={general((v.detector_size_s - v.beam_s) * 1000.0)};",
        f"MOSFLM_CENTER_X={general((v.beam_s - half) * 1000.0)};",
        f"MOSFLM_CENTER_Y={general((v.beam_f - half) * 1000.0)};",
        f"DENZO_X_BEAM={general(denzo_x * 1000.0)};",
        f"DENZO_Y_BEAM={general(denzo_y * 1000.0)};",
        # no semicolon here
        "DIALS_ORIGIN=" + ",".join(general(component) for component in v.dials_origin),
        f"XDS_ORGX={general(v.origin_x)};",
        f"XDS_ORGY={general(v.origin_y)};",
        f"CLOSE_DISTANCE={general(v.close_distance * 1000.0)};",
        f"PHI={general(phi)};",
        f"OSC_START={general(phi)};",
        f"OSC_RANGE={general(v.oscillation * _DEGREES_PER_RADIAN)};",
        f"TWOTHETA={general(v.twotheta * _DEGREES_PER_RADIAN)};",
        "DETECTOR_SN=000;",
        "BEAMLINE=fake;",
        "}\f",
    ]
    return "\n".join(lines).encode("ascii").ljust(_SMALLEST_HEADER)


def write_smv(file, header, image):
    """Write an SMV image.

    Parameters
    ----------
    file : binary file object
        Where to write.
    header : bytes
        The header, of `header_text`.
    image : (slow, fast) uint16
        Pixels, written in native byte order.

    Raises
    ------
    ValueError
        The image is not a two-dimensional array of unsigned 16-bit numbers.
    """
    if image.ndim != 2 or image.dtype != np.uint16:
        raise ValueError(f"image: {image.ndim}-dimensional {image.dtype}; SMV needs 2-dimensional uint16")
    file.write(header)
    file.write(memoryview(np.ascontiguousarray(image).reshape(-1).view(np.uint8)))


# -- whole files

#: Keywords that follow from the pixels.
_OURS = ("HEADER_BYTES", "DIM", "BYTE_ORDER", "TYPE", "DATA_TYPE", "SIZE1", "SIZE2", "SIZE3", "COMPRESSION")
_NO_KEYWORD = frozenset("=;{}\"'")
_NO_VALUE = frozenset(";{}")


def write_image(path: str | os.PathLike[str], header: SmvHeader | Mapping[str, Any] | bytes,
                pixels: NDArray[Any]) -> None:
    """Write an SMV image; the file appears whole or not at all.

    Parameters
    ----------
    path : str or path-like
        The file; one that is there is replaced.
    header : SmvHeader, mapping or bytes
        The header of an image that was read: its bytes are written as they were, which gives the C program's file
        back.  Or keywords and their values, in their order: strings, numbers (written with all their digits) and
        sequences of numbers; size, type and byte order of the pixels are added in front, and blanks behind up to a
        multiple of 512 bytes.  Or the bytes of a whole header.
    pixels : (slow, fast) array
        Integers of 8, 16 or 32 bits or 32-bit floats; of the size and type that a given header names, written in the
        order of bytes that it names.  A mapping's header names uint16 as the C program does (TYPE) and others as
        d*TREK does (Data_type).

    Raises
    ------
    ValueError
        The pixels are no image of such a type or not the one of the header; a keyword or value cannot stand in a
        header, or is one of those that follow from the pixels.
    OSError
        The file cannot be written.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from numbragg.io.smv import read_image, write_image
    >>> folder = tempfile.mkdtemp()
    >>> first, second = os.path.join(folder, "first.img"), os.path.join(folder, "second.img")
    >>> write_image(first, {"PIXEL_SIZE": 0.1, "PHI": 0.5}, np.arange(6, dtype=np.int32).reshape(2, 3))
    >>> header, image = read_image(first)
    >>> write_image(second, header, image + 1)
    >>> read_image(second)[1].tolist()
    [[1, 2, 3], [4, 5, 6]]
    """
    from .output import write_whole

    pixels = np.asarray(pixels)
    kind = pixels.dtype.kind + str(pixels.dtype.itemsize)
    if pixels.ndim != 2 or pixels.size == 0 or kind not in DATA_TYPES:
        raise ValueError(f"pixels: shape {pixels.shape}, {pixels.dtype}; an SMV image has two dimensions, neither of "
                         "them empty, and integers of 8, 16 or 32 bits or 32-bit floats")
    content = (header.content if isinstance(header, SmvHeader)
               else header if isinstance(header, bytes) else made_header(header, pixels, kind))
    order = _agreed_order(content, pixels)

    def write(file):
        file.write(content)
        stored = np.ascontiguousarray(pixels, pixels.dtype.newbyteorder(order))
        file.write(stored.reshape(-1).view(np.uint8).data)

    write_whole(path, "SMV image", write)


def _agreed_order(content, pixels):
    """Order of bytes (``<`` or ``>``) that a header asks for; a header that is not of these pixels is refused."""
    name = "header"
    try:
        header = _header(name, io.BytesIO(content))
        kind = pixel_type(name, header.text, pixels.size, pixels.nbytes)
        _other_order(name, header)
    except FileFormatError as error:
        raise ValueError(str(error)) from None
    if len(content) != header.header_bytes and not (len(content) > header.header_bytes
                                                    and content.endswith(_HEADER_END)):
        raise ValueError(f"header: has {len(content)} bytes, but its HEADER_BYTES says {header.header_bytes}")
    if (header.height, header.width) != pixels.shape or kind != pixels.dtype.newbyteorder("="):
        raise ValueError(f"pixels: {pixels.shape[0]} x {pixels.shape[1]} (slow x fast) of {pixels.dtype.name}, but the "
                         f"header is that of {header.height} x {header.width} of {kind.name}")
    return "<" if header.byte_order == "little_endian" else ">"


def made_header(values, pixels, kind):
    """Header with the keywords of a mapping; `kind` is the type of the pixels, such as "u2"."""
    if not isinstance(values, Mapping):
        raise ValueError(f"header: {type(values).__name__}; must be the header of an image that was read, a mapping of "
                         "keywords to values, or bytes")
    stated = "TYPE=unsigned_short" if kind == "u2" else f"Data_type={DATA_TYPES[kind]}"
    lines = ["DIM=2", f"BYTE_ORDER={sys.byteorder}_endian", stated, f"SIZE1={pixels.shape[1]}",
             f"SIZE2={pixels.shape[0]}", *(f"{_keyword(key)}={_text(key, value)}" for key, value in values.items())]
    rest = "".join(f"{line};\n" for line in lines) + "}\f"
    size = _SMALLEST_HEADER
    while len(start := f"{{\nHEADER_BYTES={size};\n{rest}") > size:
        size += _SMALLEST_HEADER
    return start.encode("ascii").ljust(size)


def _keyword(key):
    if (not isinstance(key, str) or not key or not key.isascii() or not key.isprintable() or " " in key
            or _NO_KEYWORD & set(key)):
        raise ValueError(f"header: keyword {key!r}; must be printable ASCII without blanks, =, ;, quotes and braces")
    if key.upper() in _OURS:
        raise ValueError(f"header: {key} follows from the pixels and cannot be given")
    return key


def _text(key, value):
    """A value as it is written."""
    if isinstance(value, str):
        if not value.isascii() or not value.isprintable() and value or _NO_VALUE & set(value):
            raise ValueError(f"header: {key} is {value!r}; must be printable ASCII without ; and braces")
        return value
    numbers = value if isinstance(value, (list, tuple, np.ndarray)) else (value,)
    for number in numbers:
        if isinstance(number, (bool, np.bool_)) or not isinstance(number, (int, float, np.integer, np.floating)):
            raise ValueError(f"header: {key} is {value!r}; must be a string, a number or a sequence of numbers")
    # NumPy's numbers print their digits alone
    return " ".join(str(number) for number in numbers)
