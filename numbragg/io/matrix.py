"""Orientation matrices: nine numbers of text, and numbers as the C library reads them."""

import math
import os
import re
import sys

from .errors import format_error, shown

__all__ = ["leading_number", "read_matrix"]

# what strtod accepts, longest first: hexadecimal, decimal, infinity, not a number
_NUMBER = re.compile(
    rb"[ \t\n\v\f\r]*"
    rb"([+-]?(?:0x(?:[0-9a-f]+\.?[0-9a-f]*|\.[0-9a-f]+)(?:p[+-]?[0-9]+)?"
    rb"|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?"
    rb"|inf(?:inity)?|nan(?:\([0-9a-z_]*\))?))",
    re.IGNORECASE,
)

# a column triple product below this part of the product of the lengths is rounding noise: three
# products of three rounded numbers each are uncertain by a few units of 2**-53
_SINGULAR = 1e-15


def _value(token):
    """The double nearest to a token that `_NUMBER` matched."""
    text = token.decode("ascii").lower()
    if "x" in text:
        try:
            return float.fromhex(text)
        except OverflowError:
            return -math.inf if text.startswith("-") else math.inf
    return float(text.partition("(")[0])


def leading_number(text):
    """What C's ``atof`` makes of some bytes: the number they start with, 0.0 if they do not.

    Parameters
    ----------
    text : bytes
        Leading white space is skipped; whatever follows the number is ignored.

    Returns
    -------
    float
        Correctly rounded; hexadecimal, infinite and NaN values are recognised.
    """
    match = _NUMBER.match(text)
    return 0.0 if match is None else _value(match[1])


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
        match = _NUMBER.match(content, position)
        after = content[match.end():match.end() + 1].lower() if match else b""
        # scanf takes the e of a missing exponent and the x of a missing hexadecimal digit, then fails
        if match is None or after == b"e" or (after == b"x" and match[1].lstrip(b"+-") == b"0"):
            raise _too_few(path, content, position, len(numbers))
        value = _value(match[1])
        if not math.isfinite(value):
            raise format_error(path, f"found {shown(match[1])}; the nine numbers of a matrix must be finite",
                               content.count(b"\n", 0, match.start(1)) + 1)
        numbers.append(value)
        position = match.end()
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
