"""Text tables: lists of sources (five columns) and scattering curves (two columns).

Columns are separated by any of blank, tab and ``, ; : !``; lines of separators only are skipped;
columns beyond the last one wanted are ignored.  CRLF line ends are read as LF (the C program turns
the missing columns of such lines to zero), except where a table is read as the C program does.
Words and comments, which the C program takes for zeros, are refused in a list of sources; lines of a
scattering curve that begin with a word are comments, for nothing depends on them.
"""

from array import array
import math
import os
import re

import numpy as np

from .. import memory
from .bounded import bounded_content
from .errors import format_error, shown
from .literals import PRINTED, decimal, leading_number, next_number

__all__ = ["read_amplitudes", "read_sources", "read_stol"]

_DELIMITERS = b" \t,;:!"
_SPLIT = re.compile(rb"[ \t,;:!]+")

#: The rest of a word and what parts it from the next.
_WORD = re.compile(rb"\A[^ \t,;:!]*[ \t,;:!]*")

#: A line that begins with two numbers, as nearly every line of a table does: read in a tenth of the time.
_PAIR = re.compile(rb"[ \t,;:!]*(" + PRINTED.encode() + rb")[ \t,;:!]+(" + PRINTED.encode() + rb")(?:[ \t,;:!]|\r?\Z)",
                   re.IGNORECASE)

#: Characters that the C program takes for those of numbers.
_OF_NUMBERS = b"0123456789-+.EGeg"

# the C program reads a longer line in pieces
_LONGEST_LINE = 10239

#: Bytes that a table may have, and memory that a byte of it takes when rows are as short as they can be.
_LARGEST, _PER_BYTE = 1 << 28, 12.0
#: Bytes that a source takes until there is a scene, its text included while that is there.
_ROW_BYTES = 96


def read_sources(path, as_c=False):
    """Directions, intensities and wavelengths of a list of sources.

    Parameters
    ----------
    path : str or path-like
        The file; columns X, Y, Z, intensity, wavelength [m].
    as_c : bool
        Refuse lines with a CRLF end whose missing columns the C program takes for zeros.

    Returns
    -------
    (n, 5) float64
        Missing columns are NaN (to be filled with defaults), except in a last line without its
        newline, where they are 0.0 as in the C program.

    Raises
    ------
    FileFormatError
        No row, a word where a number should be, a number that is not finite, a line over 10239
        characters, a row with X = Y = Z = 0, a wavelength that is not greater than zero, or what `as_c` refuses.
    OSError
        The file cannot be read.
    """
    content = _content(path)
    if as_c:
        _refuse_zeros_of_crlf(path, content, 5)
    rows, lines, given = _table(path, content, 5, "a list of sources")
    for row, line, columns_given in zip(rows, lines, given):
        if row[0] == row[1] == row[2] == 0.0:
            raise format_error(path, "a source at 0 0 0 has no direction", line)
        # zeros of a last line without its newline were not written by anybody
        if columns_given == 5 and not row[4] > 0.0:
            raise format_error(path, f"found the wavelength {row[4]:g}; it must be greater than zero [m]", line)
    return rows


def read_stol(path):
    """A scattering curve: two columns, sin(theta)/lambda and F.

    Parameters
    ----------
    path : str or path-like
        The file.  A line that does not begin with a number is a comment; further columns are ignored.

    Returns
    -------
    (n, 2) float64
        As read, NaN where a row has no second number; nothing in the simulation depends on it.

    Raises
    ------
    FileFormatError
        No line begins with a number, or a line has over 10238 characters.
    OSError
        The file cannot be read.
    """
    rows = array("d")
    for _, tokens, _ in _lines(path, _content(path)):
        first, second = (_value(token) for token in (*tokens, b"", b"")[:2])
        if first is not None:
            rows.extend((first, math.nan if second is None else second))
    if not rows:
        raise format_error(path, "has no rows; a scattering curve needs at least one")
    return np.array(rows).reshape(-1, 2)


def read_amplitudes(path):
    """A table of structure factors that are used: two columns, sin(theta)/lambda and F, read as the C program does.

    Parameters
    ----------
    path : str or path-like
        The file.  Further columns are ignored.

    Returns
    -------
    rows : (n, 2) float64
        F is NaN where it is missing or says so, but 0.0 where something that is no number, a CR or the end of the
        file takes its place.
    doubtful : list of int
        Numbers of the lines of which something that is no number was taken for 0, or for the number it begins with:
        comments, mostly, and blank lines with a CRLF end.

    Raises
    ------
    FileFormatError
        No row, no F, a NUL, or a line over 10238 characters.
    OSError
        The file cannot be read.
    """
    content = _content(path)
    rows, doubtful = array("d"), []
    for line, piece, has_newline in _pieces(path, content):
        pair = _PAIR.match(piece)
        if pair is not None:
            rows.extend((float(pair[1]), float(pair[2])))
        elif piece.strip(_DELIMITERS) or piece and not has_newline:
            if b"\0" in piece:
                raise format_error(path, "has a NUL, which no text has", line)
            row, plain = _amplitude(piece, has_newline)
            rows.extend(row)
            if not plain:
                doubtful.append(line)
    if not rows:
        raise format_error(path, "has no rows; a table of structure factors needs at least one")
    rows = np.array(rows).reshape(-1, 2)
    if np.isnan(rows[:, 1]).all():
        raise format_error(path, "has no structure factor in its second column")
    return rows, doubtful


def _amplitude(piece, has_newline):
    """Both numbers that the C program finds in a line, and whether they are what is written."""
    text = piece.lstrip(_DELIMITERS) + b"\n" * has_newline
    tokens = _SPLIT.split(piece.strip(_DELIMITERS))[:2]
    plain = all(_value(token) is not None for token in (tokens[0], *(t.removesuffix(b"\r") for t in tokens[1:])))
    # the C program looks for the end of the line right behind the number, then behind the word
    rest = text.lstrip(_OF_NUMBERS)
    if rest != b"\n":
        rest = _WORD.sub(b"", rest, count=1)
    return [leading_number(text), math.nan if rest == b"\n" else leading_number(rest)], plain


def _refuse_zeros_of_crlf(path, content, columns):
    for line, piece, has_newline in _pieces(path, content):
        if not has_newline:
            continue
        given = len(_SPLIT.split(piece[:-1].strip(_DELIMITERS))) if piece[:-1].strip(_DELIMITERS) else 0
        if piece.endswith(b"\r") and given < columns:
            raise format_error(path, f"has {given or 'no'} columns and a CRLF end, which the C program takes for "
                               f"zeros; give all {columns}, or LF ends", line)


def _value(token):
    """The number that a word is to its last character, infinite and NaN included, or None."""
    found = next_number(token)
    return found[0] if found is not None and found[2] == len(token) else None


def _content(path):
    """The bytes of a table; more than a table has are refused."""
    return bounded_content(path, _LARGEST, "no table is so long", per_byte=_PER_BYTE, longest_line=_LONGEST_LINE)


def _pieces(path, content):
    """Number, content and whether there is a newline, of each line; one by one, for a list of all takes much memory."""
    line, start = 0, 0
    while start <= len(content):
        line, end = line + 1, content.find(b"\n", start)
        # what follows the last newline is a line without one
        has_newline = end >= 0
        piece = content[start:end] if has_newline else content[start:]
        start = end + 1 if has_newline else len(content) + 1
        if len(piece) + has_newline > _LONGEST_LINE:
            raise format_error(path, f"has {len(piece)} characters; the limit is {_LONGEST_LINE - 1}", line)
        yield line, piece, has_newline


def _lines(path, content):
    """Number, words and whether there is a newline, of each line that has words."""
    for line, piece, has_newline in _pieces(path, content.replace(b"\r\n", b"\n")):
        words = piece.strip(_DELIMITERS)
        if words:
            yield line, _SPLIT.split(words), has_newline
        elif piece and not has_newline:
            yield line, [], has_newline


def _table(path, content, columns, what):
    """Rows of a table as (n, columns) array, and of each its line and how many numbers it has."""
    count = content.count(b"\n")
    memory.require(max(_ROW_BYTES * count - len(content), 0), f"{os.fsdecode(path)}: {what} of {count} lines would")
    rows, lines, given = array("d"), array("q"), bytearray()
    for line, tokens, has_newline in _lines(path, content):
        if not tokens:
            raise format_error(path, "the last line has no number and no newline; remove it", line)
        values = [_number(path, token, line) for token in tokens[:columns]]
        rows.extend(values + [math.nan if has_newline else 0.0] * (columns - len(values)))
        lines.append(line)
        given.append(len(values))
    if not rows:
        raise format_error(path, f"has no rows; {what} needs at least one")
    # no copy
    return np.frombuffer(rows).reshape(-1, columns), lines, given


def _number(path, token, line):
    value = decimal(token)
    if value is None:
        raise format_error(path, f"found {shown(token)} where a finite number should be; comments are not "
                                 "allowed", line)
    return value
