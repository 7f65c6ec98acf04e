"""Reflection lists: text with rows ``h k l F``, and the table of amplitudes made from one.

Only rows of exactly four columns are read: three whole numbers and one plain decimal number.  The
C program reads tokens without regard to lines, so a comment, a fifth column or an index with a
point silently shifts or ends its list; here each is an error that names the line.
"""

import math
import os

import numpy as np
from numpy.typing import NDArray

from .. import memory
from ..notes import Loud
from .errors import format_error, shown
from .literals import INT_MAX

# start-up: the compiled parser, and Numba with it, is imported where there is a list to read

__all__ = ["read_hkl", "flag_note", "index_ranges", "repeated_note", "table_from_reflections"]

_RULE = "a row is three whole numbers h k l and one number F"
_LARGEST_TABLE = INT_MAX
#: Amplitudes of at least this size whose digits are all nines may stand for what was not measured.
_SMALLEST_FLAG = 999.0
#: A value above zero that is not the largest of its list is a flag if it occurs as often as this, and in this part of
#: the list: a single 999 among many whole numbers is an amplitude like others.
_FLAG_COUNT, _FLAG_SHARE = 3, 1e-3
#: Limits of the types of integers: what programs write for no value.
_LIMITS = frozenset(float(sign * (2 ** bits - below)) for sign in (1, -1) for bits in (15, 16, 31, 32)
                    for below in (0, 1))
#: Powers of ten from this one on may be flags: 1e10, 1e36.
_SMALLEST_POWER = 6
#: A power of ten, or a limit, is a flag if all other amplitudes are so much smaller.
_FAR_BEYOND = 100.0


def read_hkl(path: str | os.PathLike[str]) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Miller indices and structure factor amplitudes of a reflection list.

    Blank lines, trailing blanks, CRLF line ends and a last line without its end are fine.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    indices : (n, 3) int32
        h, k, l of every row in the order of the file, duplicates included.
    f : (n,) float64
        Amplitudes; each is the double nearest to the decimal number in the file.

    Raises
    ------
    FileFormatError
        A row that is anything but ``int int int number``, an index beyond 32 bits, an amplitude
        that is not finite, or no row at all.
    OSError
        The file cannot be read.
    """
    # compiled code is loaded only when a list is read
    from ..kernels import text

    with open(path, "rb") as file:
        content = file.read()
    # pages that are never written to cost nothing
    capacity = text.largest_row_count(len(content))
    indices = np.empty((capacity, 3), np.int32)
    f = np.empty(capacity)
    inexact = np.empty((capacity, 4), np.int64)
    rows, marked, status, line, line_start, token_start = text.parse_reflections(
        np.frombuffer(content, np.uint8), indices, f, inexact)
    if marked:
        inexact = inexact[:marked]
        values = np.array([float(content[start:stop]) for start, stop in inexact[:, 2:].tolist()])
        for row in np.flatnonzero(~np.isfinite(values)):
            _, number_line, start, stop = inexact[row].tolist()
            problem = f"found {shown(content[start:stop])} where F should be; a double cannot hold it"
            raise format_error(path, problem, number_line)
        f[inexact[:, 0]] = values
    if status != text.FINE:
        raise format_error(path, _problem(text, content, status, line_start, token_start), line)
    indices, f = indices[:rows], f[:rows]
    if f.size == 0:
        raise format_error(path, f"has no reflections; {_RULE}")
    return indices, f


def _problem(text, content, status, line_start, token_start):
    """What a bad row holds and which rule it breaks, in words."""
    end = content.find(b"\n", line_start)
    row = content[line_start:end if end >= 0 else len(content)]
    if status == text.MISSING:
        return f"found {len(row.split())} columns, {shown(row.strip())}; {_RULE}"
    before = len(content[line_start:token_start].split())
    token = row[token_start - line_start:].split(None, 1)[0]
    if status == text.EXTRA_COLUMN:
        return f"found {shown(token)} after F; {_RULE}, and nothing else"
    if status == text.INDEX_RANGE:
        return f"found {shown(token)} for the index {'hkl'[before]}, which must fit 32 bits"
    if status == text.BAD_INDEX:
        return f"found {shown(token)} where the index {'hkl'[before]} should be; {_RULE}"
    if token.lower().lstrip(b"+-").startswith((b"nan", b"inf")):
        return f"found {shown(token)} where F should be; leave out the reflections that were not measured"
    return f"found {shown(token)} where F should be; {_RULE}"


def flag_note(path, indices, f):
    """A note on amplitudes that look like flags for missing values: -999, 9999.0, -99999.99 and the like.

    nanoBragg takes them for amplitudes, and so does everything here.

    Parameters
    ----------
    path : str or path-like
        The file, named as the user named it, or another word for where they come from.
    indices : (n, 3) int32
        h, k, l.
    f : (n,) float64
        Amplitudes.

    Returns
    -------
    notes.Loud or None
        None if there are none.
    """
    suspects = {value: count for value, count in _suspects(f) if _is_written_as_flag(value)}
    if not suspects:
        return None
    others = float(np.abs(f).max(where=~np.isin(f, list(suspects)), initial=0.0))
    flags = [value for value, count in suspects.items() if _is_flag(value, count, f.size, others)]
    if not flags:
        return None
    places = np.flatnonzero(np.isin(f, flags))
    first = places.min()
    h, k, l = indices[first].tolist()
    count = f"{places.size} amplitudes look" if places.size > 1 else "1 amplitude looks"
    return Loud(f"{os.fsdecode(path)}: {count} like a flag for missing values, the first {f[first]:.12g} of {h} {k}"
                f" {l}; as in nanoBragg they are used as amplitudes (leave out what was not measured)")


def _suspects(f):
    """Values that may be flags, and how often each occurs; quickly, and few for a list like most."""
    large = f[np.abs(f) >= _SMALLEST_FLAG]
    exponents = np.log10(np.abs(large))
    # digits that are all nines lie just below a power of ten; few other numbers do
    chosen = [large[(exponents > np.ceil(exponents) - 1e-3) | np.isin(large, list(_LIMITS))]]
    if f.min() < 0.0:
        negative = f[f < 0.0]
        # amplitudes with signs are many; a flag is one value
        chosen.append(negative[negative == -99.0] if negative.min() != negative.max() else negative)
    values, counts = np.unique(np.concatenate(chosen), return_counts=True)
    return zip(values.tolist(), counts.tolist())


def _is_written_as_flag(value):
    """Whether somebody may have written a number for what was not measured, whatever stands beside it."""
    power = abs(value) >= 10.0 ** _SMALLEST_POWER and _digits(value).rstrip("0") == "1"
    return _is_nines(value) or value in _LIMITS or power or -_SMALLEST_FLAG < value < 0.0 and value == int(value)


def _is_flag(value, count, size, others):
    """Whether it is a flag and no amplitude, in the company in which it is; `others` is the largest of these."""
    often = count >= max(_FLAG_COUNT, _FLAG_SHARE * size)
    if _is_nines(value):
        return value < 0.0 or value > others or often
    if -_SMALLEST_FLAG < value < 0.0:
        return often and count < size
    return value in _LIMITS and value < 0.0 or 0.0 < _FAR_BEYOND * others < abs(value)


def _digits(value):
    """Digits of a number as it is written, without its exponent."""
    return repr(abs(value)).partition("e")[0].removesuffix(".0").replace(".", "")


def _is_nines(value):
    """Whether a number is written with nines alone, at least three, or two of a negative one."""
    digits = _digits(value)
    return len(digits) >= (2 if value < 0.0 else 3) and set(digits) == {"9"}


def repeated_note(path, indices, f, table, minimum):
    """A note on reflections that are listed more than once with different amplitudes.

    Parameters
    ----------
    path : str or path-like
        As for `flag_note`.
    indices : (n, 3) int32
    f : (n,) float64
    table : (nh + 1, nk + 1, nl + 1) float64
        What `table_from_reflections` made of them.
    minimum : tuple of three int
        Its smallest indices.

    Returns
    -------
    notes.Loud or None
        None if there are none.
    """
    # an entry that is not what its row says was written to again
    rows = np.flatnonzero(table[tuple((indices - np.array(minimum, np.int32)).T)] != f)
    if rows.size == 0:
        return None
    h, k, l = indices[rows[0]].tolist()
    taken = table[h - minimum[0], k - minimum[1], l - minimum[2]]
    count = len(np.unique(indices[rows], axis=0))
    reflections = f"{count} reflections are" if count > 1 else "1 reflection is"
    return Loud(f"{os.fsdecode(path)}: {reflections} listed more than once with different amplitudes, the first"
                f" {h} {k} {l} ({f[rows[0]]:.12g} and {taken:.12g}); as in nanoBragg the last one counts")


def index_ranges(indices):
    """Smallest and largest Miller indices of a list.

    Parameters
    ----------
    indices : (n, 3) int array
        h, k, l; at least one row.

    Returns
    -------
    minimum, maximum : tuple of three int
        Both inclusive.
    """
    return tuple(indices.min(axis=0).tolist()), tuple(indices.max(axis=0).tolist())


def table_from_reflections(indices, f, default_f=0.0):
    """Table of amplitudes over the box of indices of a list, one plane of padding per axis.

    Parameters
    ----------
    indices : (n, 3) int32
        h, k, l; at least one row.
    f : (n,) float64
        Amplitudes.  Where an index occurs more than once, the last one counts.
    default_f : float, optional
        Amplitude of the indices inside the box that the list lacks.  The padding stays zero.

    Returns
    -------
    table : (nh + 1, nk + 1, nl + 1) float64
        Entry [h - h_min, k - k_min, l - l_min] with nh = h_max - h_min + 1 and so on.
    minimum, maximum : tuple of three int
        Ranges of the indices, inclusive.

    Raises
    ------
    ValueError
        The table would have more than 2**31 - 1 entries or not fit the memory available.
    """
    from ..kernels import text

    indices = np.ascontiguousarray(indices, np.int32)
    f = np.ascontiguousarray(f, np.float64)
    if indices.ndim != 2 or indices.shape[1] != 3 or f.shape != indices.shape[:1] or f.size == 0:
        raise ValueError(f"reflections: indices of shape {indices.shape} and f of shape {f.shape}; "
                         "they must be (n, 3) and (n,) with n at least 1")
    minimum, maximum = index_ranges(indices)
    shape = tuple(high - low + 2 for low, high in zip(minimum, maximum))
    entries = math.prod(shape)
    size = entries * 8
    ranges = ", ".join(f"{name} {low} to {high}" for name, low, high in zip("hkl", minimum, maximum))
    table_needed = f"structure factors: indices {ranges} need a table of {size / 1e9:.4g} GB"
    if entries > _LARGEST_TABLE:
        raise ValueError(f"{table_needed}; it has {entries} entries, the limit is {_LARGEST_TABLE}")
    available = memory.available()
    if size > available:
        raise ValueError(f"{table_needed}; {available / 1e9:.4g} GB of memory are available")
    try:
        table = np.zeros(shape)
    except MemoryError:
        raise ValueError(f"{table_needed}; this much memory is not available") from None
    if default_f != 0.0:
        table[:-1, :-1, :-1] = default_f
    text.fill_table(table, indices, f, *minimum)
    return table, minimum, maximum
