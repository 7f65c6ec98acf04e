"""Text tables: lists of sources (five columns) and scattering curves (two columns).

Columns are separated by any of blank, tab and ``, ; : !``; lines of separators only are skipped;
columns beyond the last one wanted are ignored.  CRLF line ends are read as LF (the C program turns
the missing columns of such lines to zero).  Words and comments, which the C program takes for
zeros, are refused.
"""

import math
import re

import numpy as np

from .errors import format_error, shown
from .literals import decimal

__all__ = ["read_sources", "read_stol"]

_DELIMITERS = b" \t,;:!"
_SPLIT = re.compile(rb"[ \t,;:!]+")

# the C program reads a longer line in pieces
_LONGEST_LINE = 10239


def read_sources(path):
    """Directions, intensities and wavelengths of a list of sources.

    Parameters
    ----------
    path : str or path-like
        The file; columns X, Y, Z, intensity, wavelength [m].

    Returns
    -------
    (n, 5) float64
        Missing columns are NaN (to be filled with defaults), except in a last line without its
        newline, where they are 0.0 as in the C program.

    Raises
    ------
    FileFormatError
        No row, a word where a number should be, a number that is not finite, a line over 10239
        characters, a row with X = Y = Z = 0, or a wavelength that is not greater than zero.
    OSError
        The file cannot be read.
    """
    rows, columns_given = _table(path, 5, "a list of sources")
    for row, line in zip(rows, columns_given):
        if row[0] == row[1] == row[2] == 0.0:
            raise format_error(path, "a source at 0 0 0 has no direction", line)
        # zeros of a last line without its newline were not written by anybody
        if columns_given[line] == 5 and not row[4] > 0.0:
            raise format_error(path, f"found the wavelength {row[4]:g}; it must be greater than zero [m]", line)
    return rows


def read_stol(path):
    """A scattering curve: two columns, sin(theta)/lambda and F.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    (n, 2) float64
        As read; nothing in the simulation depends on it.

    Raises
    ------
    FileFormatError
        As `read_sources`, and for rows with fewer than two numbers.
    OSError
        The file cannot be read.
    """
    rows, _ = _table(path, 2, "a scattering curve", complete=True)
    return rows


def _table(path, columns, what, complete=False):
    """Rows of a table as (n, columns) array, and by the line each comes from how many numbers it has."""
    with open(path, "rb") as file:
        pieces = file.read().replace(b"\r\n", b"\n").split(b"\n")
    rows = []
    given = {}
    for line, piece in enumerate(pieces, 1):
        # what follows the last newline is a line without one
        has_newline = line < len(pieces)
        if len(piece) + has_newline > _LONGEST_LINE:
            raise format_error(path, f"has {len(piece)} characters; the limit is {_LONGEST_LINE - 1}", line)
        content = piece.strip(_DELIMITERS)
        if not content:
            if piece and not has_newline:
                raise format_error(path, "the last line has no number and no newline; remove it", line)
            continue
        tokens = _SPLIT.split(content)[:columns]
        values = [_number(path, token, line) for token in tokens]
        missing = columns - len(values)
        if complete and missing:
            raise format_error(path, f"found {len(values)} of {columns} columns of {what}", line)
        rows.append(values + [math.nan if has_newline else 0.0] * missing)
        given[line] = len(values)
    if not rows:
        raise format_error(path, f"has no rows; {what} needs at least one")
    return np.array(rows), given


def _number(path, token, line):
    value = decimal(token)
    if value is None:
        raise format_error(path, f"found {shown(token)} where a finite number should be; comments are not "
                                 "allowed", line)
    return value
