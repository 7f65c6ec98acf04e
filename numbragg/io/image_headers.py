"""Geometry in the headers of SMV and miniCBF images: one flat panel, normal to the beam, and what is said besides."""

import math
import re
from typing import NamedTuple

from ..notes import Loud
from .bounded import check_regular
from .errors import format_error, shown
from .literals import PRINTED, decimal
from .smv import read_header

__all__ = ["FlatPanel", "kind_of_header", "read_cbf_geometry", "read_smv_geometry"]

#: Bytes at the start of a CBF file among which its header ends.
LONGEST_HEADER = 2 ** 20

_START_OF_PIXELS = b"\x0c\x1a\x04\xd5"
_NUMBER = f"({PRINTED})"
_SENSOR = re.compile(rf"#\s*(\w+)\s+sensor,?\s*thickness\s+{_NUMBER}\s*m\b", re.IGNORECASE)


class FlatPanel(NamedTuple):
    """A panel normal to the beam; lengths in millimetres."""

    pixels: tuple  # fast, slow
    pixel: tuple  # fast, slow [mm]
    distance: float
    centre: tuple  # where the beam meets it, from the corner of the first pixel, along fast and slow [mm]
    thickness_um: float  # of the sensor; 0: not given
    material: str
    notes: tuple  # of str
    tilts: tuple  # words of the header that turn the detector, as they stand there


def kind_of_header(path):
    """What kind of image a file is: "SMV", "CBF" or "HDF5"; FileFormatError for any other."""
    check_regular(path, "an image")
    with open(path, "rb") as file:
        start = file.read(64)
    for kind, found in (("SMV", start.startswith(b"{")), ("CBF", start.startswith(b"###CBF")),
                        ("HDF5", start.startswith(b"\x89HDF\r\n\x1a\n"))):
        if found:
            return kind
    raise format_error(path, f"starts with {shown(start[:8])}: neither SMV, CBF nor HDF5, whose headers are read")


# -- SMV


def _smv_number(path, header, words, positive=True):
    """The number of the first of some words that a header has, and that word."""
    values = _smv_words(header)
    for word in words:
        if word in values:
            number = decimal(values[word])
            if number is None or (positive and not number > 0.0):
                rule = "a number above 0" if positive else "a number"
                raise format_error(path, f"{word}: {shown(values[word].encode('ascii', 'replace'))} must be {rule}")
            return number, word
    raise format_error(path, f"its header has no {' or '.join(words)}, so the detector has no place")


def _smv_words(header):
    return dict(_smv_pairs(header))


def _smv_pairs(header):
    """Words and values, in their order."""
    pairs = []
    for line in re.split(rb"[;\n]", header.text):
        word, equals, value = line.partition(b"=")
        if equals:
            pairs.append((word.strip().decode("ascii", "replace"), value.strip().decode("ascii", "replace")))
    return pairs


def read_smv_geometry(path):
    """Geometry of an SMV image.

    The beam centre is ADXV_CENTER_X, _Y where there is one; else BEAM_CENTER_X, _Y in MOSFLM's sense, X along slow.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    FlatPanel

    Raises
    ------
    FileFormatError
        No SMV header, or one that lacks pixel size, distance or beam centre.
    OSError
        The file cannot be read.
    """
    header = read_header(path)
    words = _smv_words(header)
    pixel, _ = _smv_number(path, header, ("PIXEL_SIZE",))
    distance, _ = _smv_number(path, header, ("DISTANCE",))
    x, named = _smv_number(path, header, ("ADXV_CENTER_X", "BEAM_CENTER_X"), positive=False)
    y, _ = _smv_number(path, header, (named[:-1] + "Y",), positive=False)
    if named.startswith("ADXV"):
        centre, sense = (x, pixel * header.height - y), "ADXV_CENTER: X along fast, Y against slow from the last row"
    else:
        centre, sense = (y, x), "BEAM_CENTER, in MOSFLM's sense: X along slow, Y along fast"
    tilts = tuple(f"{word} = {words[word]}" for word in ("TWOTHETA", "ROTX", "ROTY", "ROTZ", "TILT")
                  if word in words and decimal(words[word]) != 0.0)
    close = decimal(words.get("CLOSE_DISTANCE", ""))
    if close is not None and abs(close - distance) > 1e-6 * distance:
        tilts = (*tilts, f"CLOSE_DISTANCE = {close:g} where DISTANCE = {distance:g}")
    size = (header.width, header.height)
    used = ("PIXEL_SIZE", "DISTANCE", named, named[:-1] + "Y")
    notes = (f"header: the beam centre is {sense}", *_repeated(header, used),
             *_far_off(named[:-2], centre, [pixel * n for n in size], "mm"))
    return FlatPanel(size, (pixel, pixel), distance, centre, 0.0, "", notes, tilts)


def _repeated(header, used):
    """Words that are there with several values, of which the last counts."""
    pairs = _smv_pairs(header)
    for word in used:
        values = [value for name, value in pairs if name == word]
        if len({decimal(value) for value in values}) > 1:
            yield Loud(f"header: {word} is there {len(values)} times; {shown(values[-1].encode('ascii', 'replace'))}"
                       f" counts, the last, and {shown(values[0].encode('ascii', 'replace'))} does not")


def _far_off(word, centre, size, unit):
    """A beam centre that is farther from the panel than the panel is wide [mm]: probably in another unit."""
    if any(not -length <= place <= 2.0 * length for place, length in zip(centre, size)):
        yield Loud(f"header: {word} puts the beam at {centre[0]:g} mm along fast and {centre[1]:g} mm along slow, far"
                   f" off the panel of {size[0]:g} x {size[1]:g} mm; its numbers are in {unit}")


# -- miniCBF


def _cbf_text(path):
    with open(path, "rb") as file:
        start = file.read(LONGEST_HEADER)
    end = start.find(_START_OF_PIXELS)
    if end < 0:
        raise format_error(path, f"no pixels begin in its first {LONGEST_HEADER} bytes")
    return start[:end].decode("ascii", "replace").replace("\r\n", "\n")


def _cbf_numbers(path, text, pattern, what):
    found = re.search(pattern, text, re.MULTILINE | re.IGNORECASE)
    if found is None:
        raise format_error(path, f"its header has no {what}, so the detector has no place; read are miniCBF headers")
    return tuple(map(float, found.groups()))


def read_cbf_geometry(path):
    """Geometry of a miniCBF image, as Pilatus and Eiger detectors write them.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    FlatPanel

    Raises
    ------
    FileFormatError
        No CBF file, or a header that lacks pixel size, distance, beam centre or the numbers of pixels.
    OSError
        The file cannot be read.
    """
    text = _cbf_text(path)
    pixel = _cbf_numbers(path, text, rf"^#\s*Pixel_size:?\s*{_NUMBER}\s*m\s*x\s*{_NUMBER}\s*m\b",
                         "'Pixel_size ... m x ... m'")
    distance, = _cbf_numbers(path, text, rf"^#\s*Detector_distance:?\s*{_NUMBER}\s*m\b", "'Detector_distance ... m'")
    centre = _cbf_numbers(path, text, rf"^#\s*Beam_xy:?\s*\(\s*{_NUMBER}\s*,\s*{_NUMBER}\s*\)\s*pixels",
                          "'Beam_xy (..., ...) pixels'")
    size = tuple(int(_cbf_numbers(path, text, rf"^X-Binary-Size-{axis}-Dimension:\s*([0-9]{{1,9}})\s*$",
                                  f"X-Binary-Size-{axis}-Dimension")[0]) for axis in ("Fastest", "Second"))
    for what, values in (("Pixel_size", pixel), ("Detector_distance", (distance,)), ("numbers of pixels", size)):
        if not all(0.0 < v < math.inf for v in values):
            raise format_error(path, f"{what}: {' '.join(f'{v:g}' for v in values)} must be above 0")
    if not all(map(math.isfinite, centre)):
        raise format_error(path, "Beam_xy: must be two finite numbers")
    sensor = _SENSOR.search(text)
    tilts = []
    for word in ("Detector_2theta", "Detector_Voffset"):
        found = re.search(rf"^#\s*{word}:?\s*{_NUMBER}", text, re.MULTILINE)
        if found and float(found[1]) != 0.0:
            tilts.append(f"{word} = {found[1]}")
    pixel, centre = tuple(1000.0 * v for v in pixel), tuple(1000.0 * c * v for c, v in zip(centre, pixel))
    notes = tuple(_far_off("Beam_xy", centre, [n * v for n, v in zip(size, pixel)], "pixels"))
    return FlatPanel(size, pixel, 1000.0 * distance, centre, 1e6 * float(sensor[2]) if sensor else 0.0,
                     sensor[1] if sensor else "", notes, tuple(tilts))
