"""Binary tables of amplitudes (``Fdump.bin``), written after a reflection list was read.

A line of six decimal numbers ``h_min h_max k_min k_max l_min l_max``, a newline, a form feed, then
native doubles with l fastest, one plane of padding at the end of each axis included.
"""

import io
import math
import os
import re
import stat
from typing import NamedTuple

import numpy as np

from .. import memory
from .errors import format_error
from .literals import INT_MAX
from .output import write_whole

__all__ = ["Dump", "read_dump", "write_dump"]

# six 32-bit numbers and a newline and a form feed take at most 73 bytes; other programs may pad them
_HEADER = re.compile(rb"[ \t\n\v\f\r]*([+-]?[0-9]{1,20})" + rb"[ \t\n\v\f\r]+([+-]?[0-9]{1,20})" * 5)
_LONGEST_HEADER = 4096
#: Entries, or bytes, that are looked at or moved together.
_BLOCK = 1 << 20
_WHITE_SPACE = b" \t\n\v\f\r"
_WHITE_SPACE_BYTES = frozenset(bytes([byte]) for byte in _WHITE_SPACE)


class Dump(NamedTuple):
    """Content of a dump file."""

    #: (nh + 1, nk + 1, nl + 1) float64, padding included
    table: np.ndarray
    #: smallest h, k, l
    minimum: tuple
    #: largest h, k, l, inclusive
    maximum: tuple
    #: what is odd about the file, in one line, or None
    warning: str | None


def read_dump(path):
    """Table of amplitudes from a dump file, as the C program would have read it.

    The six numbers may have any white space before, between and behind them, as for the C program; how much of what
    follows belongs to them shows in the size of the file.

    The C program skips white space after the header, and in doing so eats the first bytes of the
    table if they happen to be white space; everything behind them then moves forward.  The file is
    all right, the reading is not; since images depend on it, it is done the same way here and said
    in `Dump.warning`.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    Dump
        The table, its ranges of indices and perhaps a warning.

    Raises
    ------
    FileFormatError
        The header is not one of a dump, or the size of the file is not what its header says, or
        the table holds values that are not finite, or does not fit in memory, or `path` is not a regular file.
    OSError
        The file cannot be read.
    """
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise format_error(path, "is not a regular file; a dump of structure factors must be one")
    with open(path, "rb") as file:
        head = file.read(_LONGEST_HEADER)
        minimum, maximum, end = _header(path, head)
        shape = tuple(high - low + 2 for low, high in zip(minimum, maximum))
        size = os.fstat(file.fileno()).st_size
        start = size - 8 * math.prod(shape)
        if not _separated(head, end, start):
            raise format_error(path, f"has {size} bytes; by its header a dump of {' x '.join(map(str, shape))} doubles "
                                     f"has {end + 2 + 8 * math.prod(shape)}")
        # the size that the file has is no proof of its content: it may have holes
        memory.require(memory.table_bytes(shape), f"{os.fsdecode(path)}: its table of {' x '.join(map(str, shape))}"
                                                  " structure factors, and their squares,")
        try:
            table = np.empty(shape)
        except MemoryError:
            raise format_error(path, f"the table of {size / 1e9:.4g} GB does not fit the memory") from None
        # a flat view of the bytes; the file need not be held twice
        raw = table.reshape(-1).view(np.uint8)
        file.seek(start)
        if file.readinto(memoryview(raw)) != raw.size:
            raise format_error(path, "changed while it was read")
    eaten = _leading_white_space(raw)
    if eaten == 0:
        flat = table.reshape(-1)
        if not all(np.isfinite(flat[start:start + _BLOCK]).all() for start in range(0, flat.size, _BLOCK)):
            raise format_error(path, "holds values that are not finite numbers")
        return Dump(table, minimum, maximum, None)
    for start in range(0, raw.size - eaten, _BLOCK):
        end = min(start + _BLOCK, raw.size - eaten)
        raw[start:end] = raw[start + eaten:end + eaten].copy()
    raw[raw.size - eaten:] = 0
    warning = (f"{os.fsdecode(path)}: the first value starts with {eaten} bytes that look like white space; "
               "as in nanoBragg they are skipped and all structure factors are shifted (read the hkl file "
               "instead)")
    return Dump(table, minimum, maximum, warning)


def _header(path, head):
    """Smallest and largest indices from the beginning of a dump, and where their text ends."""
    match = _HEADER.match(head)
    if match is None:
        raise format_error(path, "is not a dump of structure factors; one starts with a line of six whole numbers "
                                 "and a form feed")
    limits = [int(number) for number in match.groups()]
    minimum, maximum = tuple(limits[0::2]), tuple(limits[1::2])
    for name, low, high in zip("hkl", minimum, maximum):
        if not -INT_MAX - 1 <= low <= high <= INT_MAX:
            raise format_error(path, f"the header gives {name} from {low} to {high}; these must be 32-bit numbers, "
                                     "the smaller one first")
    return minimum, maximum, match.end()


def _separated(head, end, start):
    """Whether a table that begins at `start` follows a text that ends at `end`: nothing missing, nothing too much."""
    separator = head[end:start]
    if not end <= start <= len(head) or separator.strip(_WHITE_SPACE):
        return False
    # without a form feed a table that begins with white space may as well be one that lost its end
    return separator.endswith(b"\f") or head[start:start + 1] not in _WHITE_SPACE_BYTES


def _leading_white_space(raw):
    """How many of the first bytes are white space."""
    block = 4096
    for start in range(0, raw.size, block):
        piece = raw[start:start + block].tobytes()
        left = len(piece.lstrip(_WHITE_SPACE))
        if left:
            return start + len(piece) - left
    return raw.size


def write_dump(file, table, minimum, maximum):
    """Write a table of amplitudes byte for byte as the C program does.

    Parameters
    ----------
    file : str, path-like or binary file object
        Where to write.  A file that is named appears whole or not at all, and replaces one that is there.
    table : (nh + 1, nk + 1, nl + 1) float64
        Amplitudes, with the padding.
    minimum, maximum : sequence of three int
        Ranges of the indices, inclusive; nh = h_max - h_min + 1 and so on.

    Raises
    ------
    ValueError
        The shape of the table does not follow from the ranges, or `file` is none.
    OSError
        The file cannot be written.
    """
    table = np.ascontiguousarray(table, np.float64)
    shape = tuple(high - low + 2 for low, high in zip(minimum, maximum))
    if table.shape != shape:
        raise ValueError(f"table: shape {table.shape}; the ranges {tuple(minimum)} to {tuple(maximum)} "
                         f"with one plane of padding per axis need {shape}")
    if isinstance(file, (str, bytes, os.PathLike)):
        write_whole(file, "dump of structure factors", lambda opened: write_dump(opened, table, minimum, maximum))
        return
    if not hasattr(file, "write") or isinstance(file, io.TextIOBase):
        raise ValueError(f"file: {type(file).__name__} must be a path or an open binary file")
    limits = " ".join(f"{low} {high}" for low, high in zip(minimum, maximum))
    file.write(f"{limits}\n\f".encode("ascii"))
    file.write(memoryview(table.reshape(-1).view(np.uint8)))
