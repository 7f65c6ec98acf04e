"""Reflection lists of people: comments, a header line, standard deviations, phases and flags beside h, k, l, F."""

import math
import re
from typing import NamedTuple

import numpy as np

from ..io.errors import format_error, shown
from ..io.kinds import naming_the_kind
from ..io.literals import INT_MAX, decimal, decimal_comma, whole
from .columns import ROOTS
from .library import text_content
from .reflections import is_flag
from .shelx import fixed_rows, without_end

__all__ = ["TextList", "column_names", "read_text_columns"]

_SPLIT = re.compile(rb"[ \t,;]+")
_COMMENTS = (b"#", b"!")

#: What headers call the columns that are needed; compared in capitals, without signs.
_NAMES = {"H": "h", "K": "k", "L": "l", "F": "F", "FP": "F", "FOBS": "F", "FO": "F", "FMODEL": "F", "FC": "F",
          "FCALC": "F", "FMEAS": "F", "AMPLITUDE": "F", "FHKL": "F", "I": "I", "INTENSITY": "I", "IOBS": "I",
          "FSQUARED": "I", "FSQ": "I", "F2": "I"}

#: Names of what was calculated, which is taken where nothing was observed.
_CALCULATED = frozenset(("FMODEL", "FC", "FCALC"))

#: One of a Friedel pair: F(+), I-, Fobs_minus, but not F-obs.
_MATE = re.compile(r"\([+-]\)|[+-]\W*$|(PLUS|MINUS)\W*$")

#: Words that stand for what was not measured.
_MISSING = frozenset((b"?", b".", b"nan", b"-nan", b"na", b"n/a", b"*"))


class TextList(NamedTuple):
    """What a list holds."""

    indices: np.ndarray  # (n, 3) int32
    f: np.ndarray  # (n,) float64
    said: str  # which columns these are
    dropped: tuple  # what was left out, with counts
    loud: tuple = ()  # what is not as it seems


class _Layout(NamedTuple):
    """Which column is which."""

    names: tuple  # h, k, l, F or I, and nothing for others
    label: str = ""  # what a header calls the column of F or I
    loud: tuple = ()


def _plain(name):
    return re.sub("[^A-Z0-9]", "", name.upper())


def _meaning(name):
    """h, k, l, F or I for the name of a column, or nothing."""
    return _NAMES.get(_plain(name), "")


def column_names(text):
    """The names of columns, from a comma-separated text.

    Parameters
    ----------
    text : str
        Such as "h,k,l,F,sigma": what each column is, in order; columns that are not used may have any name.

    Returns
    -------
    tuple of str

    Raises
    ------
    ValueError
        Unless h, k, l are there once each, and one of F and I (intensities).

    Examples
    --------
    >>> from numbragg.structures.text_columns import column_names
    >>> column_names("h,k,l,-,F")
    ('h', 'k', 'l', '', 'F')
    """
    names = tuple(_meaning(part.strip()) for part in text.split(","))
    if sorted(filter(None, names)) not in (sorted("hklF"), sorted("hklI")):
        raise ValueError(f"columns: {text!r} must name h, k, l and F (or I, intensities) once each, such as h,k,l,F,-"
                         " where the fifth is not used")
    return names


def _rows(path, data):
    """Number and words of each line that is no comment."""
    for number, line in enumerate(data.split(b"\n"), 1):
        words = line.strip(b" \t,;\r")
        if words and not words.startswith(_COMMENTS):
            if decimal_comma(words):
                raise format_error(path, f"found {shown(words)}; numbers are written with a decimal point", number)
            yield number, _SPLIT.split(words)


def _is_mate(name):
    """Whether a column is of one of each Friedel pair only."""
    found = _MATE.search(name.upper())
    return found is not None and _meaning(name.upper().replace("PLUS", "").replace("MINUS", "")) in ("F", "I")


def _from_header(path, line, words):
    """The layout that a line of words tells, or None."""
    # F (+), with a blank
    words = re.sub(rb" (\([+-]\))", rb"\1", b" ".join(words)).split(b" ")
    texts = [word.decode("ascii", "replace") for word in words]
    mates = [text for text in texts if _is_mate(text)]
    names = ["" if text in mates else _meaning(text) for text in texts]
    if mates and "F" not in names and "I" not in names:
        raise format_error(path, f"its columns {', '.join(mates)} are each of one of a Friedel pair, but a list has"
                                 " one F in a row; give -h, -k, -l rows of their own, or name the column to take"
                                 " (h,k,l,F,-)", line)
    if not all(names.count(axis) == 1 for axis in "hkl"):
        return None
    for name in "FI":
        if name in names:
            # what was observed, else what was calculated; of several the first
            places = [n for n, each in enumerate(names) if each == name]
            taken = min(places, key=lambda n: _plain(texts[n]) in _CALCULATED)
            return _Layout(tuple(each if each in ("h", "k", "l") or n == taken else "" for n, each in enumerate(names)),
                           texts[taken], tuple(_passed(texts, names, taken)))
    return None


def _passed(texts, names, taken):
    """Calculated amplitudes that are taken where intensities were measured."""
    measured = [text for text, name in zip(texts, names) if name == "I"]
    if measured and _plain(texts[taken]) in _CALCULATED:
        yield (f"column {texts[taken]}: calculated amplitudes are taken, and measured intensities ({measured[0]})"
               f" passed over; name the columns (h,k,l,I) for {ROOTS}")


def _is_number(word):
    return decimal(word) is not None or word.lower() in _MISSING


def _of_comment(path, data, rows):
    """The layout by the last comment before the rows that names as many and h, k, l among them, or None."""
    line, words = rows[0]
    for number, content in reversed(list(enumerate(data.split(b"\n", line)[:line - 1], 1))):
        found = _SPLIT.split(content.strip(b" \t,;\r").lstrip(b"#! \t"))
        glued = re.sub(rb" (\([+-]\))", rb"\1", b" ".join(found)).split(b" ")
        if len(glued) == len(words) and {b"h", b"k", b"l"} <= {word.lower() for word in glued}:
            return _from_header(path, number, glued)
    return None


def _layout(path, data, rows, wanted, of_shelx):
    """The layout, and the rows without a header line.

    `of_shelx` is None; or of a list of SHELX's, whether intensities are wanted.
    """
    header = None
    # flags may follow numbers
    if rows and not _is_number(rows[0][1][0]):
        header = rows[0]
        rows = rows[1:]
    if not rows:
        raise format_error(path, "has no reflections")
    if wanted != "auto":
        return _Layout(column_names(wanted)), rows
    if header is not None:
        found = _from_header(path, *header)
        if found is None:
            raise format_error(path, f"the header {shown(b' '.join(header[1]))} does not name h, k, l and F; name the"
                                     " columns (h,k,l,F)", header[0])
        return found, rows
    if len(rows[0][1]) < 4:
        raise format_error(path, f"has {len(rows[0][1])} columns; h, k, l and F are needed", rows[0][0])
    found = _of_comment(path, data, rows)
    if found is None and of_shelx is not None:
        found = _shelx(path, of_shelx)
    return found or _Layout(("h", "k", "l", "F")), rows


def _shelx(path, squared):
    """The layout of a list of SHELX's where nothing else tells it, or a refusal."""
    if squared:
        return _Layout(("h", "k", "l", "I"))
    raise format_error(path, "is a list of SHELX's by its fixed columns or its end (0 0 0), whose fourth column holds"
                             " intensities (HKLF 4) or amplitudes (HKLF 3): columns h,k,l,I with"
                             ' intensities="sqrt", or columns h,k,l,F (--hkl-columns, --intensities sqrt)')


def _index(path, line, word, axis):
    value = whole(word)
    if value is None:
        number = decimal(word)
        value = int(number) if number is not None and number == math.floor(number) and abs(number) < 2**40 else None
    if value is None or abs(value) > INT_MAX:
        raise format_error(path, f"found {shown(word)} where the index {axis} should be, a whole number", line)
    return value


def _refuse_unmerged(path, data):
    if data.startswith(b"!FORMAT=XDS_ASCII"):
        raise format_error(path, "is an XDS_ASCII file: intensities that are not merged, or not amplitudes; convert it"
                                 " to MTZ first")


def read_text_columns(path, columns="auto", *, squared=False):
    """Reflections of a text list with columns of several kinds.

    Lines that begin with # or ! are comments, a first line that begins with a word is a header; without one, so is a
    comment that names as many columns, h, k and l among them.  Columns are separated by blanks, tabs, commas or
    semicolons.

    Parameters
    ----------
    path : str or path-like
        The file; .gz is decompressed.
    columns : str
        As `column_names`; or "auto": as the header names them, without one h, k, l, F and whatever follows.
    squared : bool
        Roots of the column I are taken.

    Returns
    -------
    TextList

    Raises
    ------
    FileFormatError
        A row that has too few columns, no whole numbers as indices, no number as F or a decimal comma; a negative
        amplitude, or amplitudes of Friedel mates in columns of their own, where columns were not named one by one;
        no row.
    ValueError
        If columns are not named right.
    OSError
        The file cannot be read.
    """
    if columns != "auto":
        column_names(columns)
    data = text_content(path)
    _refuse_unmerged(path, data)
    with naming_the_kind(path, "a list of h, k, l and F", ("gzip-compressed",)):
        return _read(path, data, columns, squared)


def _read(path, data, columns, squared):
    rows, below = list(_rows(path, data)), 0
    lines = data.split(b"\n")
    fixed, cut = fixed_rows([(number, lines[number - 1]) for number, _ in rows])
    if fixed:
        rows, below = fixed, cut
    else:
        rows, ended = without_end(rows)
        below = int(ended)
    layout, rows = _layout(path, data, rows, columns, squared if fixed or below else None)
    kind = "F" if "F" in layout.names else "I"
    if (kind == "I") != squared:
        raise format_error(path, f"its column I holds intensities; {ROOTS}" if kind == "I" else
                           "has no intensities to take roots of: name a column I (h,k,l,I)")
    places = [layout.names.index(name) for name in ("h", "k", "l", kind)]
    indices, f, dropped = _values(path, rows, places, (kind, columns))
    if below:
        dropped += ("ends at its row 0 0 0" + (f", {below - 1} lines below it left out" if below > 1 else ""),)
    said = "columns " + " ".join(f"{name}={place + 1}" for name, place in zip(("h", "k", "l", kind), places))
    if layout.label.upper() not in ("", kind):
        said += f" ({layout.label})"
    return TextList(indices, f, said, dropped, layout.loud)


def _values(path, rows, places, wanted):
    """Indices and amplitudes of rows, and what was dropped; `wanted` is F or I, and the columns as a user has them."""
    kind, columns = wanted
    indices, f, missing, flagged, negative = [], [], 0, 0, 0
    for line, words in rows:
        if len(words) <= max(places):
            raise format_error(path, f"found {len(words)} columns; {max(places) + 1} are needed", line)
        hkl = [_index(path, line, words[place], axis) for place, axis in zip(places, "hkl")]
        word = words[places[3]]
        if word.lower() in _MISSING:
            missing += 1
            continue
        value = decimal(word)
        if value is None:
            raise format_error(path, f"found {shown(word)} where {kind} should be, a finite number", line)
        if is_flag(value):
            flagged += 1
            continue
        if value < 0.0 and kind == "I":
            negative, value = negative + 1, 0.0
        elif value < 0.0 and columns == "auto":
            raise format_error(path, f"found {shown(word)} where F should be; amplitudes are not negative: name the"
                                     " columns (h,k,l,I for intensities)", line)
        indices.append(hkl)
        f.append(math.sqrt(value) if kind == "I" else value)
    if not f:
        raise format_error(path, "has no reflections with a value")
    counts = ((flagged, "flagged as missing"), (missing, "without a value"),
              (negative, "negative intensities taken for 0"))
    return np.array(indices, np.int32), np.array(f), tuple(f"{count} {what}" for count, what in counts if count)
