"""Orientation matrices: nine numbers of text."""

import math
import os
import sys

from .errors import format_error, shown
from .literals import next_number

# start-up: few matrices need exact fractions

__all__ = ["matrix_notes", "other_cell", "read_matrix", "read_matrix_and_more", "stated"]

#: What MOSFLM writes behind the matrix: missetting angles, the orientation alone, the cell; and where they begin.
_MISSETS, _CELL, _ALL = 9, 21, 27
#: So much of a file is read: MOSFLM's are far shorter.
_LONGEST = 2 ** 16
#: Cells that differ by less are one cell: lengths in parts of them, angles in degrees.
_SAME_LENGTH, _SAME_ANGLE = 1e-3, 0.05

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
    return _matrix_of(path, _start(path))


def read_matrix_and_more(path):
    """As `read_matrix`, and what else the file says: a pipe can be read but once.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    matrix : tuple of nine float
    numbers : list of float
        All numbers of a file that has what MOSFLM writes behind the nine; an empty list of any other.

    Raises
    ------
    FileFormatError, OSError
        As `read_matrix`.
    """
    content = _start(path)
    return _matrix_of(path, content), _all_numbers(content)


def _start(path):
    """The first bytes of a file, for whatever is behind them is ignored."""
    with open(path, "rb") as file:
        return file.read(_LONGEST)


def _matrix_of(path, content):
    """The nine numbers at the start of a text."""
    numbers: list[float] = []
    position = 0
    while len(numbers) < 9:
        found = next_number(content, position)
        if found is None or found[2] == _LONGEST:
            if len(content) == _LONGEST and (found is not None or not content[position:].strip()):
                raise format_error(path, f"has {len(numbers)} numbers in its first {_LONGEST} bytes; a matrix is nine"
                                         " numbers")
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


def matrix_notes(path, wavelength, numbers=None):
    """Notes where a file of MOSFLM's says more than its first nine numbers, and something else.

    Parameters
    ----------
    path : str or path-like
        The file, which `read_matrix` has read.
    wavelength : float
        That of the simulation [Angstrom].
    numbers : list of float, optional
        As `read_matrix_and_more` has them; by default they are read.

    Returns
    -------
    list of str
        Empty where nothing follows the nine numbers, or nothing that looks like MOSFLM's.
    """
    numbers = _all_numbers(_start(path)) if numbers is None else numbers
    found = stated(numbers)
    if found is None:
        return []
    (cell, missets), name, notes = found, os.fsdecode(path), []
    if any(missets):
        notes.append(f"{name}: the missetting angles of the file, {_listed(missets)} degrees, are not used, as in"
                     " nanoBragg")
    simulated = _cell(numbers[:9], wavelength)
    if other_cell(cell, simulated):
        notes.append(f"{name}: the cell of the file is {_listed(cell)}, but at {wavelength:g} Angstrom its matrix is"
                     f" that of {_listed(simulated)}, which is simulated (was it made for another wavelength?)")
    return notes


def other_cell(one, other):
    """Whether two cells are not the same, written with a few digits."""
    limits = [_SAME_LENGTH * length for length in one[:3]] + [_SAME_ANGLE] * 3
    return any(abs(a - b) > limit for a, b, limit in zip(one, other, limits))


def stated(numbers):
    """What a file of MOSFLM's says behind its matrix: the cell and the missetting angles [Angstrom, degrees].

    Parameters
    ----------
    numbers : list of float
        As `read_matrix_and_more` has them.

    Returns
    -------
    tuple of six float, tuple of three float; or None
        None where nothing follows the nine numbers, or nothing that looks like MOSFLM's.
    """
    return (tuple(numbers[_CELL:_ALL]), tuple(numbers[_MISSETS:_MISSETS + 3])) if numbers else None


def _all_numbers(content):
    """All numbers of a text that has what MOSFLM writes behind the nine of the matrix; an empty list of any other."""
    numbers, position = [], 0
    while len(numbers) < _ALL and (found := next_number(content, position)) is not None:
        numbers.append(found[0])
        position = found[2]
    stated = numbers[_CELL:_ALL]
    looks = (len(numbers) == _ALL and all(map(math.isfinite, numbers)) and all(length > 1.0 for length in stated[:3])
             and all(10.0 < angle < 170.0 for angle in stated[3:]))
    return numbers if looks else []


def _listed(numbers):
    return " ".join(f"{number:.6g}" for number in numbers)


def _cell(numbers, wavelength):
    """Cell of a matrix: three lengths [Angstrom] and three angles [degrees]."""
    stars = [[number / wavelength for number in numbers[column::3]] for column in range(3)]
    products = [_cross(stars[(axis + 1) % 3], stars[(axis + 2) % 3]) for axis in range(3)]
    volume = _dot(stars[0], products[0])
    a, b, c = ([x / volume for x in product] for product in products)
    lengths = [math.hypot(*vector) for vector in (a, b, c)]
    pairs = (b, c), (a, c), (a, b)
    return lengths + [math.degrees(math.acos(max(-1.0, min(1.0, _dot(u, v) / (math.hypot(*u) * math.hypot(*v))))))
                      for u, v in pairs]


def _dot(u, v):
    return u[0] * v[0] + u[1] * v[1] + u[2] * v[2]


def _cross(u, v):
    return [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]]
