"""Reflection lists: text with rows ``h k l F``, and the table of amplitudes made from one.

Only rows of exactly four columns are read: three whole numbers and one plain decimal number.  The
C program reads tokens without regard to lines, so a comment, a fifth column or an index with a
point silently shifts or ends its list; here each is an error that names the line.
"""

import math
import os
import stat

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
#: Bytes that are read at a time, and what rows take in memory.
_PIECE, _ROW_BYTES = 1 << 20, 20
#: What no list has: a longer line, more bytes without a row.
_LONGEST_LINE, _LARGEST_GAP = 1 << 16, 1 << 26
#: A stream of so many rows must not have more of one reflection, so that an endless one ends.
_MANY_ROWS, _MOST_REPEATS = 1 << 24, 1000
#: Rows that are compared with others at a time.
_BLOCK = 1 << 18
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
    with open(path, "rb") as file:
        rows = _Rows(path, os.fstat(file.fileno()))
        # one buffer, so that nothing is copied; what has no end of a line yet is moved to its front
        buffer = bytearray(_LONGEST_LINE + _PIECE)
        rest = 0
        with memoryview(buffer) as view:
            while length := file.readinto(view[rest:rest + _PIECE]):
                length += rest
                # a row is parsed when its end has been read
                end = buffer.rfind(b"\n", rest, length) + 1
                if end:
                    rows.take(buffer, end)
                rest = length - end
                if rest > _LONGEST_LINE:
                    raise format_error(path, f"starts a line with {shown(buffer[end:length])}, more than"
                                             f" {_LONGEST_LINE} characters; {_RULE}", rows.line + 1)
                view[:rest] = bytes(view[end:length])
    rows.take(buffer, rest)
    if rows.count == 0:
        raise format_error(path, f"has no reflections; {_RULE}")
    return rows.indices[:rows.count], rows.f[:rows.count]


class _Rows:
    """Rows of a list as they are read, piece by piece: neither the text nor more than the rows is held."""

    def __init__(self, path, state):
        # compiled code is loaded only when a list is read
        from ..kernels import text

        self.text, self.path = text, path
        self.count = self.line = self.blank = self.read = self.pieces = 0
        # of a stream the size shows when it ends
        self.regular = stat.S_ISREG(state.st_mode)
        self.size = state.st_size if self.regular else 0
        self.indices, self.f = np.empty((0, 3), np.int32), np.empty(0)
        self.inexact = np.empty((text.largest_row_count(_PIECE + _LONGEST_LINE), 4), np.int64)

    def take(self, buffer, length):
        """Parse lines, so many bytes of a buffer; the last one may lack its end."""
        text, path = self.text, self.path
        room = text.largest_row_count(length)
        if self.count + room > len(self.f):
            self._grow(room)
        rows, marked, status, line, line_start, token_start = text.parse_reflections(
            _read_only(buffer, length), self.indices[self.count:], self.f[self.count:], self.inexact)
        if marked:
            self._convert(buffer, self.inexact[:marked])
        if status != text.FINE:
            problem = _problem(text, bytes(buffer[:length]), status, line_start, token_start)
            raise format_error(path, problem, self.line + line)
        self.count, self.line, self.read = self.count + rows, self.line + line, self.read + length
        self.blank = 0 if rows else self.blank + length
        if self.blank > _LARGEST_GAP:
            raise format_error(path, f"has more than {_LARGEST_GAP} bytes without a row; {_RULE}", self.line)
        self.pieces += 1
        if self.regular and self.pieces & (self.pieces - 1) == 0:
            # seldom, for what is left tells of all that follows
            self._check(self._expected())

    def _convert(self, content, inexact):
        """Amplitudes of more digits than the parser takes."""
        values = np.array([float(content[start:stop]) for start, stop in inexact[:, 2:].tolist()])
        for row in np.flatnonzero(~np.isfinite(values)):
            _, number_line, start, stop = inexact[row].tolist()
            problem = f"found {shown(content[start:stop])} where F should be; a double cannot hold it"
            raise format_error(self.path, problem, self.line + number_line)
        self.f[self.count:][inexact[:, 0]] = values

    def _check(self, rows):
        """Refuse more rows than there will be memory for."""
        memory.require(_ROW_BYTES * rows, f"{os.fsdecode(self.path)}: {self.count} reflections and {rows} more")

    def _expected(self):
        """Rows that the rest of a file has, if they are as long as those before."""
        return int(self.count / max(self.read, 1) * max(self.size - self.read, 0))

    def _grow(self, room):
        """Make place for more rows."""
        if not self.regular:
            self._refuse_repetition()
        more = max(room, self._expected() + room if self.regular else self.count // 4)
        self._check(0 if self.regular else more)
        capacity = self.count + more
        if self.count > more:
            # reallocated, for a copy would take as much again
            self.indices.resize((capacity, 3), refcheck=False)
            self.f.resize(capacity, refcheck=False)
            return
        # a few rows are copied: pages of new arrays that are never written to cost nothing
        indices, f = np.empty((capacity, 3), np.int32), np.empty(capacity)
        indices[:self.count], f[:self.count] = self.indices[:self.count], self.f[:self.count]
        self.indices, self.f = indices, f

    def _refuse_repetition(self):
        """Refuse a list that repeats a few reflections again and again, such as an endless stream."""
        if self.count < _MANY_ROWS:
            return
        indices = self.indices[:self.count]
        places = math.prod(high - low + 1 for low, high in zip(*index_ranges(indices)))
        if self.count > _MOST_REPEATS * places:
            raise format_error(self.path, f"has {self.count} rows of {places} reflections at most; a list has no more"
                                          f" than {_MOST_REPEATS} of each")


def _read_only(buffer, length):
    """Bytes of a buffer as the parser is compiled for them."""
    data = np.frombuffer(buffer, np.uint8, length)
    data.flags.writeable = False
    return data


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
    others = max(float(np.abs(part).max(where=~np.isin(part, list(suspects)), initial=0.0)) for part in _parts(f))
    flags = [value for value, count in suspects.items() if _is_flag(value, count, f.size, others)]
    if not flags:
        return None
    marked = np.concatenate([np.isin(part, flags) for part in _parts(f)])
    first, size = int(marked.argmax()), int(np.count_nonzero(marked))
    h, k, l = indices[first].tolist()
    count = f"{size} amplitudes look" if size > 1 else "1 amplitude looks"
    return Loud(f"{os.fsdecode(path)}: {count} like a flag for missing values, the first {f[first]:.12g} of {h} {k}"
                f" {l}; as in nanoBragg they are used as amplitudes (leave out what was not measured)")


def _suspects(f):
    """Values that may be flags, and how often each occurs; quickly, and few for a list like most."""
    found = {}
    lowest = f.min()
    # amplitudes with signs are many; a flag is one value
    one_negative = lowest < 0.0 and all(part.max(where=part < 0.0, initial=lowest) == lowest for part in _parts(f))
    for part in _parts(f):
        large = part[np.abs(part) >= _SMALLEST_FLAG]
        exponents = np.log10(np.abs(large))
        # digits that are all nines lie just below a power of ten; few other numbers do
        chosen = [large[(exponents > np.ceil(exponents) - 1e-3) | np.isin(large, list(_LIMITS))]]
        if lowest < 0.0:
            chosen.append(part[part < 0.0] if one_negative else part[part == -99.0])
        values, counts = np.unique(np.concatenate(chosen), return_counts=True)
        for value, count in zip(values.tolist(), counts.tolist()):
            found[value] = found.get(value, 0) + count
    return sorted(found.items())


def _parts(f):
    """The list in parts: what is made of all at once takes as much memory as the list."""
    return (f[start:start + _BLOCK] for start in range(0, len(f), _BLOCK))


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
    low = np.array(minimum, np.int32)
    rows = np.concatenate([start + np.flatnonzero(
        table[tuple((indices[start:start + _BLOCK] - low).T)] != f[start:start + _BLOCK])
        for start in range(0, len(f), _BLOCK)])
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
    memory.require(memory.table_bytes(shape, None if default_f != 0.0 else len(f), _ROW_BYTES * len(f)),
                   f"{table_needed}; it and its squares")
    try:
        table = np.zeros(shape)
    except MemoryError:
        raise ValueError(f"{table_needed}; this much memory is not available") from None
    if default_f != 0.0:
        table[:-1, :-1, :-1] = default_f
    text.fill_table(table, indices, f, *minimum)
    return table, minimum, maximum
