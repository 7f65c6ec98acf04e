"""Spectra as people have them: two columns, a wavelength or an energy and a weight, with or without a header.

Columns are separated by blanks, tabs, commas or semicolons.  Lines that begin with #, !, % or // are comments; a line
of words before the first number is a header, which may name the axis and its unit.
"""

import re
from typing import NamedTuple

from .errors import format_error, shown
from .kinds import naming_the_kind
from .literals import decimal

__all__ = ["AXES", "SpectrumTable", "read_spectrum"]

#: More bytes than any spectrum has, so that an endless file is refused.
MOST_BYTES = 1 << 24

#: What an axis may be, by name: what it is a table of, and its unit in Angstrom or electronvolt.
AXES = {"angstrom": ("wavelength", 1.0), "nm": ("wavelength", 10.0), "m": ("wavelength", 1e10),
        "ev": ("energy", 1.0), "kev": ("energy", 1000.0)}

_SPLIT = re.compile(rb"[ \t,;]+")
_COMMENT = (b"#", b"!", b"%", b"//")
_WORD = re.compile(rb"[a-z]+")
_UNITS = {b"angstrom": "angstrom", b"angstroms": "angstrom", b"ang": "angstrom", b"nm": "nm", b"m": "m",
          b"metre": "m", b"meter": "m", b"metres": "m", b"meters": "m", b"ev": "ev", b"kev": "kev"}
_QUANTITIES = {b"wavelength": "wavelength", b"wavelengths": "wavelength", b"lambda": "wavelength", b"lam": "wavelength",
               b"energy": "energy", b"energies": "energy"}

_PLURAL = {"wavelength": "wavelengths", "energy": "energies"}

#: What values of each axis look like, least and largest: where no unit is named.
_RANGES = {"wavelength": (("angstrom", 0.05, 50.0), ("m", 5e-12, 5e-9)),
           "energy": (("ev", 250.0, 250e3), ("kev", 0.25, 249.0))}

#: What is certain without a header: no keV or nanometre is of such a size in crystallography.
_CERTAIN = (("angstrom", 0.05, 3.5), ("ev", 250.0, 250e3), ("m", 5e-12, 5e-9))


class SpectrumTable(NamedTuple):
    """The two columns of a file."""

    values: list  # wavelengths or energies, as they stand there
    weights: list
    axis: str  # one of AXES
    notes: tuple  # of str: what was taken for what


def read_spectrum(path, axis=None):
    """The two columns of a file with a spectrum.

    Parameters
    ----------
    path : str or path-like
    axis : str, optional
        What the first column is: "angstrom", "nm", "m", "ev" or "kev"; by default what the header names, else what
        its values can only be.

    Returns
    -------
    SpectrumTable
        Rows in the order of the file.

    Raises
    ------
    FileFormatError
        No row, a word or fewer than two numbers in a row, a value that is not positive, a negative weight, an axis
        that nothing tells, or a file of more than 16 MB.
    OSError
        The file cannot be read.
    """
    with naming_the_kind(path, "a spectrum"):
        return _read(path, axis)


def _read(path, axis):
    values, weights, header, more, first = [], [], b"", 0, 0
    for line, content in _lines(path):
        words = [word for word in _SPLIT.split(content.strip(b" \t,;")) if word]
        if not values and content.startswith(_COMMENT):
            header = content.lstrip(b"#!%/ ") or header
            continue
        if not words or content.startswith(_COMMENT):
            continue
        if not values and decimal(words[0]) is None and _WORD.match(words[0].strip(b"\"'").lower()):
            header = content
            continue
        if b";" in content and b"," in content:
            raise format_error(path, f"found {shown(content)}; numbers are written with a decimal point", line)
        value, weight = _row(path, line, words)
        values.append(value)
        weights.append(weight)
        first, more = first or line, more + (len(words) > 2)
    if not values:
        raise format_error(path, "has no rows; a spectrum needs at least one, of a wavelength or energy and a weight")
    named, notes = (axis, []) if axis is not None else _named(path, header, values)
    if more:
        notes.append(f"spectrum {path}: columns after the second are not used")
    return SpectrumTable(values, weights, named, tuple(notes))


def _lines(path):
    """Number and content of each line that is not blank."""
    with open(path, "rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise format_error(path, f"has more than {MOST_BYTES} bytes; that is no spectrum")
    for line, piece in enumerate(content.removeprefix(b"\xef\xbb\xbf").replace(b"\r", b"\n").split(b"\n"), 1):
        piece = piece.strip()
        if piece:
            yield line, piece


def _row(path, line, words):
    if len(words) < 2:
        raise format_error(path, f"found {shown(words[0])} alone; a row is a wavelength or energy and a weight", line)
    numbers = []
    for word in words[:2]:
        number = decimal(word)
        if number is None:
            raise format_error(path, f"found {shown(word)} where a finite number should be", line)
        numbers.append(number)
    if not numbers[0] > 0.0:
        raise format_error(path, f"found the wavelength or energy {numbers[0]:g}; it must be greater than zero", line)
    if numbers[1] < 0.0:
        raise format_error(path, f"found the weight {numbers[1]:g}; weights are numbers of photons and not negative: "
                                 "subtract the background, and set what is below it to 0", line)
    return numbers


def _fits(values, low, high):
    return low <= min(values) and max(values) <= high


def _named(path, header, values):
    """The axis that a header names, or the values; and what is to be said of it."""
    words = _WORD.findall(_SPLIT.split(header.strip(), maxsplit=1)[0].lower() if header else b"")
    # the unit may stand apart, as in "wavelength (nm), intensity"
    words += _WORD.findall(header.lower().partition(b",")[0])
    quantity = next((_QUANTITIES[word] for word in words if word in _QUANTITIES), None)
    unit = next((_UNITS[word] for word in words if word in _UNITS), None)
    if unit is not None and quantity in (None, AXES[unit][0]):
        return unit, []
    span = f"{min(values):g} to {max(values):g}"
    ranges = _CERTAIN if quantity is None else _RANGES[quantity]
    found = next((name for name, low, high in ranges if _fits(values, low, high)), None)
    if found is None:
        raise format_error(path, f"nothing tells whether its first column, {span}, is a wavelength or an energy, and "
                                 "in which unit; name it in a header, such as 'energy_ev,weight'")
    return found, [f"spectrum {path}: its first column, {span}, is taken for {_PLURAL[AXES[found][0]]} in {found}"]
