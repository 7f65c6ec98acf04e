"""SHELX's reflection lists (HKLF): columns of fixed width, glued together where numbers are long, to a row of 0 0 0."""

import re

from ..io.literals import decimal, whole

__all__ = ["fixed_rows", "without_end"]

#: h, k, l of four characters each, a value and its deviation of eight, and mostly a batch number.
_ROW = re.compile(rb"([ 0-9-]{3}[0-9])([ 0-9-]{3}[0-9])([ 0-9-]{3}[0-9])([ 0-9.-]{7}[0-9.])([ 0-9.-]{7}[0-9.])"
                  rb"( {0,3}-?[0-9]{1,4})?[ \t\r]*")


def fixed_rows(numbered):
    """Rows of a list of fixed columns.

    Parameters
    ----------
    numbered : sequence of (int, bytes)
        Numbers of lines, and lines that are neither blank nor comments.

    Returns
    -------
    list of (int, list of bytes) or None
        Numbers of lines, and five or six words of each, up to the row of 0 0 0; None where it is no such list.
    int
        Rows and other lines that are left out, that of 0 0 0 and what is below.
    """
    rows = []
    for number, line in numbered:
        found = _ROW.fullmatch(line)
        words = [] if found is None else [word.strip() for word in found.groups() if word is not None]
        if not words or None in map(whole, words[:3]) or None in map(decimal, words[3:]) or b"." not in words[3]:
            return None, 0
        if [whole(word) for word in words[:3]] == [0, 0, 0]:
            return rows, len(numbered) - len(rows)
        rows.append((number, words))
    return rows, 0


def without_end(rows):
    """Rows without the last one where that is the end of a list of SHELX's, 0 0 0 0 0; and whether it was.

    `rows` are numbers of lines and their words.
    """
    words = rows[-1][1] if rows else []
    if len(words) >= 5 and all(decimal(word) == 0.0 for word in words):
        return rows[:-1], True
    return rows, False
