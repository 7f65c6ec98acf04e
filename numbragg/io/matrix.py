"""Orientation matrices: nine numbers of text."""

import math
import os
import sys

from .errors import format_error, shown
from .literals import next_number

# start-up: few matrices need exact fractions

__all__ = ["read_matrix"]

# a column triple product below this part of the product of the lengths is rounding noise: three
# products of three rounded numbers each are uncertain by a few units of 2**-53
_SINGULAR = 1e-15


def read_matrix(path: str | os.PathLike[str]) -> tuple[float, ...]:
    """Orientation matrix of a text file (MOSFLM style): its first nine numbers.

    Numbers are read as C's ``%lg`` does: separated by white space or by nothing but a sign.  The
    rest of the file is ignored (MOSFLM writes more).

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    tuple of nine float
        Row by row; the columns are a*, b*, c* times the wavelength [dimensionless].

    Raises
    ------
    FileFormatError
        Fewer than nine numbers, a number that is not finite, or columns that lie in one plane.
    OSError
        The file cannot be read.
    """
    with open(path, "rb") as file:
        content = file.read()
    numbers: list[float] = []
    position = 0
    while len(numbers) < 9:
        found = next_number(content, position)
        if found is None:
            raise _too_few(path, content, position, len(numbers))
        value, start, end = found
        text, after = content[start:end], content[end:end + 1].lower()
        # scanf takes the e of a missing exponent and the x of a missing hexadecimal digit, then fails
        if after == b"e" or (after == b"x" and text.lstrip(b"+-") == b"0"):
            raise _too_few(path, content, position, len(numbers))
        if not math.isfinite(value):
            raise format_error(path, f"found {shown(text)}; the nine numbers of a matrix must be finite",
                               content.count(b"\n", 0, start) + 1)
        numbers.append(value)
        position = end
    if _is_singular(numbers):
        raise format_error(path, "the matrix is singular: its columns a*, b*, c* lie in one plane")
    return tuple(numbers)


def _too_few(path, content, position, count):
    rest = content[position:].lstrip()
    found = shown(rest.split(None, 1)[0]) if rest else "the end of the file"
    line = content.count(b"\n", 0, len(content) - len(rest)) + 1
    return format_error(path, f"found {found} after {count} numbers; a matrix is nine numbers", line)


def _is_singular(numbers):
    """Whether the columns of a 3 x 3 matrix lie in one plane to within rounding."""
    # slow to import, so only when needed
    from fractions import Fraction

    a, b, c = ([Fraction(number) for number in numbers[column::3]] for column in range(3))
    triple = (a[0] * (b[1] * c[2] - b[2] * c[1]) + a[1] * (b[2] * c[0] - b[0] * c[2])
              + a[2] * (b[0] * c[1] - b[1] * c[0]))
    lengths = math.prod(sum(x * x for x in vector) for vector in (a, b, c))
    if abs(triple) < sys.float_info.min:
        return True
    # squares, so that the comparison is exact
    return triple * triple <= Fraction(_SINGULAR)**2 * lengths
