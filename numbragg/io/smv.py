"""SMV images (ADSC style): a text header of keywords, then unsigned 16-bit pixels.

Reading follows the C program's way of looking up keywords, oddities included, because the images
made from such headers depend on it.  Writing reproduces its header byte for byte.
"""

from dataclasses import dataclass, field
import math
import os
import sys
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .errors import format_error, shown
from .literals import INT_MAX, leading_number

__all__ = ["SmvHeader", "HeaderValues", "general", "read_header", "read_mask", "read_image", "header_text",
           "write_smv"]

_SIGNATURE = b"{\nHEADER_BYT"
_SMALLEST_HEADER = 512
_HEADER_END = b"}\f"
_BYTE_ORDER_KEY = b"BYTE_ORDER="
_DEGREES_PER_RADIAN = 180.0 * (1.0 / math.pi)


@dataclass(frozen=True, slots=True, kw_only=True)
class SmvHeader:
    """Header of an SMV image, with the keyword look-up of the C program."""

    #: bytes of the header up to the first zero byte
    text: bytes = field(repr=False)
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


def _keyword_value(text, key):
    key = key.encode("ascii")
    place = text.rfind(key)
    if place < 0:
        return math.nan
    equals = text.find(b"=", place + len(key))
    return leading_number(text[equals + 1:]) if equals >= 0 else 0.0


def read_header(path):
    """Header of an SMV image; that the pixels are complete is checked too.

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
        Shorter than 512 bytes, another signature, an impossible or missing HEADER_BYTES, BYTE_ORDER,
        SIZE1 or SIZE2, or fewer pixels than the header says.
    OSError
        The file cannot be read.
    """
    with open(path, "rb") as file:
        return _header(path, file)


def _header(path, file):
    """Header of an open file, checked against the size of the file."""
    start = file.read(_SMALLEST_HEADER)
    if len(start) < _SMALLEST_HEADER:
        raise format_error(path, f"has {len(start)} bytes; the header of an SMV image has at least "
                                 f"{_SMALLEST_HEADER}")
    if not start.startswith(_SIGNATURE):
        raise format_error(path, f"starts with {shown(start[:len(_SIGNATURE)])}; an SMV image starts with "
                                 f"{shown(_SIGNATURE)}")
    size = file.seek(0, 2)
    header_bytes = _whole(_keyword_value(_c_string(start), "HEADER_BYTES"))
    if header_bytes is None or not _SMALLEST_HEADER <= header_bytes <= size:
        said = "no size" if header_bytes is None else header_bytes
        raise format_error(path, f"HEADER_BYTES gives {said}; it must be from {_SMALLEST_HEADER} to "
                                 f"the size of the file, {size}")
    file.seek(0)
    text = _c_string(file.read(header_bytes))
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
    needed = _data_start(header_bytes) + 2 * width * height
    if size < needed:
        raise format_error(path, f"has {size} bytes; an image of {width} x {height} pixels needs {needed}")
    return SmvHeader(text=text, width=width, height=height, header_bytes=header_bytes,
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


def _pixels(path, find_end=False):
    """Header and raw pixels; optionally the true end of a header longer than it says is looked for."""
    with open(path, "rb") as file:
        header = _header(path, file)
        start = _data_start(header.header_bytes)
        pixels = np.empty((header.height, header.width), np.uint16)
        if find_end and b"}" not in header.text:
            file.seek(0)
            end = file.read(2 * header.header_bytes).find(_HEADER_END) + len(_HEADER_END)
            # only if that accounts for every byte of the file
            if end + pixels.nbytes == os.fstat(file.fileno()).st_size:
                start = end
        file.seek(start)
        if file.readinto(memoryview(pixels.reshape(-1).view(np.uint8))) != pixels.nbytes:
            raise format_error(path, "changed while it was read")
    return header, pixels


def read_mask(path):
    """Header and pixels of a mask.

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
        As `read_header`.
    """
    header, pixels = _pixels(path)
    return header, pixels != 0


def read_image(path: str | os.PathLike[str]) -> tuple[SmvHeader, NDArray[np.uint16]]:
    """Header and pixel values of an SMV image, bytes swapped as its header says.

    Of an image whose header is longer than it says (see `header_text`) the pixels are found all the
    same; `read_mask` takes them where the C program does.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    header : SmvHeader
        The header.
    image : (height, width) uint16
        Values in native byte order.

    Raises
    ------
    FileFormatError, OSError
        As `read_header`; also for a byte order other than little_endian and big_endian.
    """
    header, pixels = _pixels(path, find_end=True)
    if header.byte_order not in ("little_endian", "big_endian"):
        raise format_error(path, f"BYTE_ORDER is {header.byte_order!r}; it must be little_endian or "
                                 "big_endian")
    if header.byte_order != f"{sys.byteorder}_endian":
        pixels.byteswap(inplace=True)
    return header, pixels


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
