"""Spectra as people have them: two columns, a wavelength or an energy and a weight, with or without a header.

Columns are separated by blanks, tabs, commas or semicolons.  Lines that begin with #, !, % or // are comments.  A
header is a line of as many names as there are columns, the first of which is a quantity or a unit: the first line, or
the last such comment before the numbers.  It tells the columns, the axis and its unit; all other words tell nothing.
"""

import re
from typing import NamedTuple

from .errors import format_error, shown
from .kinds import naming_the_kind
from .literals import decimal, decimal_comma

__all__ = ["AXES", "SpectrumTable", "read_spectrum"]

#: More bytes than any spectrum has, so that an endless file is refused.
MOST_BYTES = 1 << 24

#: What an axis may be, by name: what it is a table of, and its unit in Angstrom or electronvolt.
AXES = {"angstrom": ("wavelength", 1.0), "nm": ("wavelength", 10.0), "m": ("wavelength", 1e10),
        "ev": ("energy", 1.0), "kev": ("energy", 1000.0)}

_SPLIT = re.compile(rb"[ \t,;]+")
_COMMENT = (b"#", b"!", b"%", b"//")
_WORD = re.compile(rb"[a-z]+")
_BRACKETED = re.compile(rb"[ \t]*([(\[])([^()\[\]]*)([)\]])")
_OVER = re.compile(rb"[ \t]*/[ \t]*")
#: 1/A, A^-1, cm-1
_INVERSE = re.compile(rb"1/|\^[({]?-|[a-z]-1")
#: Letters beyond ASCII: Angstrom in UTF-8, twice, and Latin-1; lambda.
_LETTERS = ((b"\xc3\x85", b"angstrom"), (b"\xe2\x84\xab", b"angstrom"), (b"\xc5", b"angstrom"),
            (b"\xce\xbb", b"lambda"))

_UNITS = {b"angstrom": "angstrom", b"angstroms": "angstrom", b"ang": "angstrom", b"nm": "nm", b"nanometer": "nm",
          b"nanometers": "nm", b"nanometre": "nm", b"nanometres": "nm", b"m": "m", b"metre": "m", b"meter": "m",
          b"metres": "m", b"meters": "m", b"ev": "ev", b"kev": "kev"}
_QUANTITIES = {b"wavelength": "wavelength", b"wavelengths": "wavelength", b"lambda": "wavelength",
               b"lambdas": "wavelength", b"lam": "wavelength", b"wl": "wavelength",
               b"energy": "energy", b"energies": "energy", b"e": "energy", b"en": "energy",
               b"hv": "energy", b"hnu": "energy"}
_GLUED = re.compile(rb"(?<![a-z])(photon)?(energy|wavelength|lambda)(?=(?:kev|ev|nm|m|a|angstroms?)?(?![a-z]))")
_WEIGHTS = frozenset(b"weight weights intensity intensities i int flux fluxes photons counts count cts w fluence power"
                     b" signal rate brightness brilliance yield irradiance nphotons".split())
#: What errors and widths are called: never a weight.
_DEVIATIONS = frozenset(b"sigma sig sigi sigmai sd std stdev stddev esd err error errors ierr uncertainty unc variance"
                        b" var rms delta fwhm width bandwidth background bkg bg di".split())
#: Axes and units that are none of ours.
_FOREIGN = frozenset(b"frequency freq frequencies nu omega wavenumber wavenumbers k q theta twotheta tth angle bragg d"
                     b" spacing momentum velocity time index channel channels pixel pixels bin point pm um fm mm cm hz"
                     b" khz mhz ghz thz phz ehz mev gev joule joules hartree".split())
#: What may stand beside a quantity.
_BESIDE = frozenset(b"photon x ray xray beam incident mean central centre center monochromator mono in of the source"
                    .split())

#: What is a sentence and no name.
_PROSE = frozenset(b"vs versus of at for from and in the to is as with on by = - :".split())

_PLURAL = {"wavelength": "wavelengths", "energy": "energies"}
_WANTED = "a wavelength or an energy in angstrom, nm, m, eV or keV"

#: What values of each axis look like, least and largest: where no unit is named.
_RANGES = {"wavelength": (("angstrom", 0.35, 50.0), ("m", 5e-12, 5e-9)),
           "energy": (("ev", 250.0, 250e3), ("kev", 3.5, 249.0))}

#: What is certain without a header: no keV or nanometre is of such a size in crystallography.  From 0.05 to 0.35 it
#: can be either nanometres or Angstrom of hard X-rays.
_CERTAIN = (("angstrom", 0.35, 3.5), ("ev", 250.0, 250e3), ("m", 5e-12, 5e-9))

class SpectrumTable(NamedTuple):
    """The two columns of a file."""

    values: list  # wavelengths or energies, as they stand there
    weights: list
    axis: str  # one of AXES
    notes: tuple  # of str: what was taken for what
    header: bytes  # what named the axis; empty where axis was given, or there is none


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
    rows, lines = [], []
    for line, content in _lines(path):
        for letters, word in _LETTERS if not rows else ():
            content = content.replace(letters, word)
        words = [word for word in _SPLIT.split(content.strip(b" \t,;")) if word]
        comment = content.startswith(_COMMENT)
        if not rows and (comment or words and decimal(words[0]) is None
                         and _WORD.match(words[0].strip(b"\"'([").lower())):
            lines.append((content.lstrip(b"#!%/ \t") if comment else content, comment))
        elif words and not comment:
            if decimal_comma(content):
                raise format_error(path, f"found {shown(content)}; numbers are written with a decimal point", line)
            rows.append((line, words))
    if not rows:
        raise format_error(path, "has no rows; a spectrum needs at least one, of a wavelength or energy and a weight")
    header, names = _header(path, lines, len(rows[0][1]), axis)
    first, second = (0, 1) if names is None else _columns(path, header, names, axis)
    values, weights = [], []
    for line, words in rows:
        value, weight = _row(path, line, words, first, second)
        values.append(value)
        weights.append(weight)
    named, notes = (axis, []) if axis is not None else _named(path, names and names[first], values)
    if (first, second) != (0, 1):
        notes.append(f"spectrum {path}: as its header says, column {first + 1} is the axis, column {second + 1} the"
                     " weights; no other is used")
    elif any(len(words) > 2 for _, words in rows):
        notes.append(f"spectrum {path}: columns after the second are not used")
    return SpectrumTable(values, weights, named, tuple(notes), b"" if axis is not None else header)


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


def _row(path, line, words, first, second):
    if len(words) < 2:
        raise format_error(path, f"found {shown(words[0])} alone; a row is a wavelength or energy and a weight", line)
    needed = max(first, second) + 1
    if len(words) < needed:
        raise format_error(path, f"found {len(words)} columns; {needed} are needed", line)
    numbers = []
    for word in (words[first], words[second]):
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


# -- headers


class _Name(NamedTuple):
    """The name of a column, and what it means."""

    text: bytes
    role: str  # "axis", "weight", "deviation", "foreign"; "" if nothing
    quantity: str = ""
    unit: str = ""


def _name(text):
    small = _GLUED.sub(rb"\2_", text.lower())
    words = _WORD.findall(small)
    known = set(words)
    if known & _DEVIATIONS:
        return _Name(text, "deviation")
    quantity = next((_QUANTITIES[word] for word in words if word in _QUANTITIES), "")
    # I(E), photons/eV, but energy (counts)
    if next((word in _WEIGHTS for word in words if word in _WEIGHTS or word in _QUANTITIES), False):
        return _Name(text, "weight")
    # an article is no unit
    units = {**_UNITS, b"a": "angstrom"} if quantity or text == b"A" else _UNITS
    unit = next((units[word] for word in words if word in units), "")
    if _INVERSE.search(small) or known & _FOREIGN:
        return _Name(text, "foreign")
    if not quantity and not unit:
        return _Name(text, "")
    more = [word for word in words if word not in _QUANTITIES and word not in units and word not in _BESIDE]
    if more and re.search(rb"[ \t]", text):
        return _Name(text, "")  # prose
    if more or (quantity and unit and AXES[unit][0] != quantity):
        return _Name(text, "foreign")
    return _Name(text, "axis", quantity or AXES[unit][0], unit)


def _names(content, n):
    """The names that a line gives to so many columns, or nothing where it is no header."""
    content = _BRACKETED.sub(lambda found: found[1] + re.sub(rb"[ \t,;]+", b"_", found[2]) + found[3], content)
    content = _OVER.sub(b"/", content).strip(b" \t,;:")
    splits = [content.split(mark) for mark in (b"\t", b";", b",") if mark in content] + [_SPLIT.split(content)]
    for fields in splits:
        fields = [field.strip(b" \t\"'") for field in fields]
        if len(fields) == n > 1 and not any(decimal(field) is not None or field.lower() in _PROSE for field in fields):
            names = [_name(field) for field in fields]
            if names[0].role:
                return names
    return None


def _header(path, lines, n, axis):
    """The header among the lines before the numbers, and its names; or nothing."""
    for content, comment in reversed(sorted(lines, key=lambda line: not line[1])):
        names = _names(content, n)
        if names is not None:
            return content, names
        told = {*_WORD.findall(content.lower())}
        if not comment and axis is None and told & {*_UNITS, *_QUANTITIES, *_FOREIGN}:
            raise format_error(path, f"its header {shown(content)} does not name its {n} columns, the first a quantity;"
                                     " name each, such as 'energy_ev,weight'")
    return b"", None


def _columns(path, header, names, axis):
    """Which column is the axis, and which the weights."""
    roles = [name.role for name in names]
    if "axis" in roles:
        first = roles.index("axis")
    elif axis is None:
        wrong = next((name for name in names if name.role == "foreign"), names[0])
        raise format_error(path, f"its header {shown(header)} names {shown(wrong.text)}; one column must be {_WANTED}")
    else:
        first = next((n for n, role in enumerate(roles) if role in ("foreign", "")), 0)
    if "weight" in roles and roles.index("weight") != first:
        return first, roles.index("weight")
    others = [n for n, role in enumerate(roles) if n != first and role == ""]
    if len(others) != 1:
        raise format_error(path, f"its header {shown(header)} does not tell which column is the weights; name one"
                                 " weight, intensity, flux, photons or counts")
    return first, others[0]


def _fits(values, low, high):
    return low <= min(values) and max(values) <= high


def _named(path, name, values):
    """The axis that a header names, or the values; and what is to be said of it."""
    if name is not None and name.unit:
        return name.unit, []
    span = f"{min(values):g} to {max(values):g}"
    ranges = _CERTAIN if name is None else _RANGES[name.quantity]
    found = next((unit for unit, low, high in ranges if _fits(values, low, high)), None)
    if found is None:
        either = "" if not _fits(values, 0.05, 3.5) or name is not None and name.quantity == "energy" else (
            " (such wavelengths are nanometres, or Angstrom of hard X-rays)")
        raise format_error(path, f"nothing tells whether its first column, {span}, is a wavelength or an energy, and "
                                 f"in which unit{either}; name it in a header, such as 'energy_ev,weight', or as axis")
    return found, [f"spectrum {path}: its first column, {span}, is taken for {_PLURAL[AXES[found][0]]} in {found}"]
