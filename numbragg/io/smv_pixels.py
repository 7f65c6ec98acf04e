"""Types of the pixels of SMV images: what a header says in the words of its writer; what is not certain is refused."""

import re

import numpy as np

from .errors import format_error, shown
from .literals import leading_number

__all__ = ["DATA_TYPES", "entries", "pixel_type", "stated_type"]

#: Words of d*TREK, whose headers have the keyword Data_type, by NumPy's name of the type.
DATA_TYPES = {"i1": "signed char", "u1": "unsigned char", "i2": "short int", "u2": "unsigned short int",
              "i4": "long int", "u4": "unsigned long int", "f4": "float IEEE"}
#: Words of all writers, with blanks for underscores; a plain char has a sign on some machines only, so it is not here.
_TYPES = {word: kind for kind, words in {
    "i1": "signed char, int8, signed byte",
    "u1": "unsigned char, uint8, unsigned byte",
    "i2": "short, short int, signed short, signed short int, int16",
    "u2": "unsigned short, unsigned short int, uint16",
    "i4": "long, long int, signed long, signed long int, int, signed int, int32",
    "u4": "unsigned long, unsigned long int, unsigned int, uint32",
    "f4": "float, float ieee, float32",
    "f8": "double, double ieee, float64",
}.items() for word in words.split(", ")}
_TYPE_KEYS = ("data_type", "type")
_NO_COMPRESSION = ("", "none", "no", "uncompressed", "0", "1")


def entries(text):
    """Keywords and values of a header, as its writer meant them: each at the start of its line, the last one counts.

    Parameters
    ----------
    text : bytes
        The header.

    Returns
    -------
    list of (bytes, bytes)
        In the order of the header, without blanks around them.
    """
    pairs = (line.partition(b"=") for line in re.split(rb"[;\n\r]", text))
    return [(name.strip(b" \t{"), value.strip()) for name, equals, value in pairs if equals]


def _words(value):
    return " ".join(value.decode("ascii", "backslashreplace").lower().replace("_", " ").strip("'\"").split())


def stated_type(text):
    """What a header says of the type of the pixels.

    Parameters
    ----------
    text : bytes
        The header.

    Returns
    -------
    (str, bytes, str or None)
        Keyword and value, and NumPy's name of the type, None where the words are not known; all three are None
        where the header says nothing.

    Raises
    ------
    ValueError
        It says two things.
    """
    found = [(name.decode(), value, _TYPES.get(_words(value))) for name, value in entries(text)
             if name.lower().decode("ascii", "replace") in _TYPE_KEYS]
    # TYPE has other uses (what kind of experiment it was) where a Data_type stands beside it
    known = [entry for entry in found if entry[2] is not None]
    if len({kind for _, _, kind in known}) > 1:
        said = " and ".join(f"{name}={value.decode('ascii', 'backslashreplace')}" for name, value, _ in known)
        raise ValueError(f"the header says {said}; a pixel has one type")
    unknown = [entry for entry in found if entry[0].lower() == "data_type" and entry[2] is None]
    return (unknown or known or found or [(None, None, None)])[-1]


def pixel_type(path, text, count, stored):
    """Type of the pixels of an image.

    Parameters
    ----------
    path : str or path-like
        The file, for messages.
    text : bytes
        Its header.
    count : int
        Number of pixels.
    stored : int
        Bytes behind the header.

    Returns
    -------
    numpy.dtype
        In native byte order.

    Raises
    ------
    FileFormatError
        The words for the type are not known or contradict each other or the size of the file, the pixels are
        compressed, or there are more than two dimensions.
    """
    _check_layout(path, text)
    try:
        name, value, kind = stated_type(text)
    except ValueError as error:
        raise format_error(path, str(error)) from None
    if name is not None and kind is None:
        raise format_error(path, f"{name} is {shown(value)}; read are integers of 8, 16 and 32 bits and floats, named "
                                 "as in unsigned_short, long int or float IEEE")
    item = np.dtype(kind or "u2")
    others = [width for width in (1, 2, 4, 8) if width != item.itemsize and stored == width * count]
    if others and stored > item.itemsize * count:
        said = f"{name} is {shown(value)}" if name else "the header names no TYPE, which means unsigned_short"
        raise format_error(path, f"{said}, {item.itemsize} bytes a pixel, but the file has {others[0]}")
    if name is None and stored >= 4 * count and count > 1:
        raise format_error(path, f"the header names no TYPE, which means 2 bytes a pixel, but {stored} bytes for"
                                 f" {count} pixels follow it")
    if item == np.uint16 and _ratio(text) > 1.0:
        raise format_error(path, f"RAXIS_COMPRESSION_RATIO is {_ratio(text):g}: large pixels are stored divided by it,"
                                 " which is not read")
    return item


def _ratio(text):
    return next((leading_number(value) for name, value in reversed(entries(text))
                 if name == b"RAXIS_COMPRESSION_RATIO"), 0.0)


def _check_layout(path, text):
    said = {name.lower(): value for name, value in entries(text)}
    compression = said.get(b"compression", b"")
    if _words(compression) not in _NO_COMPRESSION:
        raise format_error(path, f"COMPRESSION is {shown(compression)}; compressed pixels are not read")
    third = leading_number(said.get(b"size3", b"1"))
    dimensions = leading_number(said.get(b"dim", b"2"))
    if third != 1.0 or dimensions not in (2.0, 3.0):
        place = "SIZE3" if third != 1.0 else "DIM"
        raise format_error(path, f"{place} is {shown(said[place.lower().encode()])}; an image has two dimensions")
