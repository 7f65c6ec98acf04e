"""Parser of reflection lists: bytes in, Miller indices and amplitudes out, in one pass.

It knows bytes and nothing of files.  A row that it cannot convert exactly is handed back marked,
and the caller converts that one number; a row that breaks a rule ends the pass.
"""

import numpy as np

from .compile.compilation import jit
from .stopping import aside

__all__ = [
    "FINE", "MISSING", "BAD_INDEX", "INDEX_RANGE", "BAD_NUMBER", "EXTRA_COLUMN",
    "largest_row_count", "parse_reflections", "fill_table",
]

#: Bytes of a list, a tenth of a second of work, from which on it is read beside the main thread.
_LONG = 1 << 23

# status of a pass
FINE = 0
MISSING = 1  # the line ends before its fourth column
BAD_INDEX = 2  # a token that is not a whole number where an index should be
INDEX_RANGE = 3  # an index that does not fit 32 bits
BAD_NUMBER = 4  # a token that is not a plain decimal number where F should be
EXTRA_COLUMN = 5  # a fifth column

# status of one number only: well formed, but more digits than a double's product can carry
_INEXACT = 6

_NEWLINE = 10
_PLUS = 43
_MINUS = 45
_POINT = 46
_ZERO = 48

# after one more digit the mantissa is still at most 2**53, hence exact as a double
_MANTISSA_LIMIT = 2**53 // 10 - 1
_EXPONENT_LIMIT = 10000
_INDEX_LIMIT = 2**31

# ten to the power 22 is the largest that is exact; written as text so that each is the nearest double
_POWERS = np.array([float(f"1e{power}") for power in range(23)])
_LARGEST_POWER = 22


@jit
def _is_blank(byte):
    """Whether a byte is white space within a line (the C library's set without the newline)."""
    return byte == 32 or (9 <= byte <= 13 and byte != _NEWLINE)


@jit
def _ends_token(data, position):
    """Whether no token goes on at a position: blank, end of line or end of data."""
    if position >= data.size:
        return True
    byte = np.int64(data[position])
    return byte == _NEWLINE or _is_blank(byte)


@jit
def _after_blanks(data, position):
    """Position of the next byte that is not blank."""
    while position < data.size and _is_blank(np.int64(data[position])):
        position += 1
    return position


@jit
def _whole_number(data, position):
    """One index: (value, position after it, status)."""
    if _ends_token(data, position):
        return 0, position, MISSING
    negative = False
    byte = np.int64(data[position])
    if byte == _PLUS or byte == _MINUS:
        negative = byte == _MINUS
        position += 1
    first = position
    value = 0
    while position < data.size:
        digit = np.int64(data[position]) - _ZERO
        if digit < 0 or digit > 9:
            break
        if value <= _INDEX_LIMIT:
            value = value * 10 + digit
        position += 1
    if position == first or not _ends_token(data, position):
        return 0, position, BAD_INDEX
    if negative:
        value = -value
    if value < -_INDEX_LIMIT or value >= _INDEX_LIMIT:
        return 0, position, INDEX_RANGE
    return value, position, FINE


@jit
def _decimal_number(data, position):
    """One amplitude: (value, position after it, status); the value is exact unless _INEXACT.

    A mantissa up to 2**53 and a power of ten up to 10**22 are both exact doubles, so their one
    product or quotient is the correctly rounded value of the text.
    """
    if _ends_token(data, position):
        return 0.0, position, MISSING
    negative = False
    byte = np.int64(data[position])
    if byte == _PLUS or byte == _MINUS:
        negative = byte == _MINUS
        position += 1
    mantissa = 0
    scale = 0
    digits = 0
    exact = True
    fraction = False
    while position < data.size:
        byte = np.int64(data[position])
        digit = byte - _ZERO
        if 0 <= digit <= 9:
            if mantissa <= _MANTISSA_LIMIT:
                mantissa = mantissa * 10 + digit
            else:
                exact = False
            digits += 1
            if fraction:
                scale -= 1
        elif byte == _POINT and not fraction:
            fraction = True
        else:
            break
        position += 1
    if digits == 0:
        return 0.0, position, BAD_NUMBER
    # e or E
    if position < data.size and (np.int64(data[position]) | 32) == 101:
        position += 1
        shrinks = False
        if position < data.size:
            byte = np.int64(data[position])
            if byte == _PLUS or byte == _MINUS:
                shrinks = byte == _MINUS
                position += 1
        first = position
        exponent = 0
        while position < data.size:
            digit = np.int64(data[position]) - _ZERO
            if digit < 0 or digit > 9:
                break
            if exponent < _EXPONENT_LIMIT:
                exponent = exponent * 10 + digit
            position += 1
        if position == first:
            return 0.0, position, BAD_NUMBER
        if exponent >= _EXPONENT_LIMIT:
            exact = False
        scale += -exponent if shrinks else exponent
    if not _ends_token(data, position):
        return 0.0, position, BAD_NUMBER
    value = np.float64(mantissa)
    if mantissa != 0:
        if 0 <= scale <= _LARGEST_POWER:
            value = value * _POWERS[scale]
        elif -_LARGEST_POWER <= scale < 0:
            value = value / _POWERS[-scale]
        else:
            exact = False
    if negative:
        value = -value
    return value, position, FINE if exact else _INEXACT


def largest_row_count(size):
    """Most rows that so many bytes can hold: none is shorter than eight, but for a last line of seven."""
    return (size + 1) // 8 + 1


@jit
def _parse(data, indices, f, inexact, found):
    """As `parse_reflections`, which returns what is found."""
    rows = 0
    marked = 0
    line = 0
    status = FINE
    line_start = 0
    token_start = 0
    position = 0
    while position < data.size:
        line += 1
        line_start = position
        position = _after_blanks(data, position)
        if position == data.size:
            break
        if data[position] == _NEWLINE:
            position += 1
            continue
        for column in range(3):
            token_start = position
            index, position, status = _whole_number(data, position)
            if status != FINE:
                break
            indices[rows, column] = index
            position = _after_blanks(data, position)
        if status != FINE:
            break
        token_start = position
        value, position, status = _decimal_number(data, position)
        if status == _INEXACT:
            inexact[marked, 0] = rows
            inexact[marked, 1] = line
            inexact[marked, 2] = token_start
            inexact[marked, 3] = position
            marked += 1
            status = FINE
        elif status != FINE:
            break
        f[rows] = value
        rows += 1
        position = _after_blanks(data, position)
        if position < data.size and data[position] != _NEWLINE:
            token_start = position
            status = EXTRA_COLUMN
            rows -= 1
            break
        position += 1
    found[0], found[1], found[2], found[3], found[4], found[5] = rows, marked, status, line, line_start, token_start


def parse_reflections(data, indices, f, inexact):
    """Rows ``int int int number`` of a reflection list.

    Parameters
    ----------
    data : (n,) uint8
        The bytes of the file.
    indices : (rows, 3) int32
        Filled with the Miller indices of the rows in order; blank lines are no rows.
    f : (rows,) float64
        Filled with the amplitudes, correctly rounded except in the rows named by `inexact`.
    inexact : (rows, 4) int64
        Filled with the rows whose amplitude must be converted by the caller: row, its line (from
        one), and where its token starts and stops in `data`.

        All three arrays are as long as `largest_row_count` says; not checked.

    Returns
    -------
    rows, marked : int
        How many entries of `indices` and `f`, and of `inexact`, were filled.
    status : int
        `FINE`, or the rule that the first bad row breaks; the rows before it are filled (and the bad
        one may be the last of `inexact`).
    line : int
        Line of that row, from one.
    line_start, token_start : int
        Where that line and the token at fault start in `data`.
    """
    found = np.zeros(6, np.int64)
    if data.size < _LONG:
        _parse(data, indices, f, inexact, found)
    else:
        aside(lambda: _parse(data, indices, f, inexact, found))
    return tuple(found.tolist())


@jit
def fill_table(table, indices, f, h_min, k_min, l_min):
    """Store amplitudes in a table in the order of the list, so that the last of equals stays.

    Parameters
    ----------
    table : (nh, nk, nl) float64
        Changed in place.  That every index lies inside is not checked.
    indices : (n, 3) int32
        Miller indices.
    f : (n,) float64
        Amplitudes.
    h_min, k_min, l_min : int
        Indices of the first entry of the table.
    """
    for row in range(f.size):
        table[indices[row, 0] - h_min, indices[row, 1] - k_min, indices[row, 2] - l_min] = f[row]
