"""Files read as a whole, which cannot fill the memory: what is endless or huge is refused after a bounded read."""

import errno
import os
import stat

from .errors import format_error

# start-up: the memory that is left is asked for where a file is read

__all__ = ["PIECE", "bounded_content", "check_regular", "open_regular"]

#: Bytes of a stream that are read at a time.
PIECE = 1 << 20


def bounded_content(path, largest, rule, *, per_byte=1.0, longest_line=None):
    """The bytes of a file or a stream that ends.

    Parameters
    ----------
    path : str or path-like
        The file, or a pipe.
    largest : int
        Bytes that it may have.
    rule : str
        What is said of a larger one, such as "no list of sources is so long".
    per_byte : float
        Memory that a byte of it takes while it is read and made use of: what does not fit is refused too.
    longest_line : int, optional
        Bytes that a line of a stream may have; seen while it is read, so that what has no lines does not take long.

    Returns
    -------
    bytes

    Raises
    ------
    FileFormatError
        If it is larger, or needs more memory than is available, or a line is longer.
    OSError
        If it cannot be read.
    """
    from ..memory import available

    with open(path, "rb") as file:
        left = available()
        if per_byte * largest > left:
            largest = int(left / per_byte)
            rule = f"to read more would need over {left / 1e9:.4g} GB, the memory that is available"
        state = os.fstat(file.fileno())
        regular = stat.S_ISREG(state.st_mode)
        if regular and state.st_size > largest:
            raise _too_large(path, largest, rule)
        pieces, size, line, tail = [], 0, 1, 0
        # of a regular file all at once: it need not be put together
        while piece := file.read(state.st_size + 1 if regular and not pieces else PIECE):
            pieces.append(piece)
            size += len(piece)
            if size > largest:
                raise _too_large(path, largest, rule)
            if longest_line is not None:
                lines = piece.count(b"\n")
                line, tail = line + lines, len(piece) - 1 - piece.rfind(b"\n") + (0 if lines else tail)
                if tail > longest_line:
                    raise format_error(path, f"has more than {longest_line} characters; no line is so long", line)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def check_regular(path, what):
    """Refuse a pipe, or another stream, where a file is opened more than once: it would wait there for ever.

    Parameters
    ----------
    path : str or path-like
        What is not there, or is a folder, is left to whoever opens it.
    what : str
        What it should be, such as "a geometry".

    Raises
    ------
    FileFormatError
    """
    if os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path):
        raise format_error(path, f"is not a regular file; {what} must be one, for it is read more than once")


def open_regular(path):
    """Open a file of ours, which nobody writes to while it is read: what stands in its place is not waited for.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    binary file object

    Raises
    ------
    OSError
        It cannot be opened, or is no regular file.
    """
    file = open(path, "rb", opener=_at_once)
    if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        return file
    file.close()
    raise OSError(errno.EINVAL, "is no regular file", os.fsdecode(path))


def _at_once(path, flags):
    # a pipe would wait for whoever writes to it
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _too_large(path, largest, rule):
    return format_error(path, f"has more than {largest} bytes; {rule}")
