"""gemmi, imported where a file of crystallography is read, and its complaints in one line."""

from contextlib import contextmanager
import gzip
import io
import os
import re
import stat
import zlib

from .. import memory
from ..io.errors import FileFormatError, format_error, shown
from ..io.kinds import COMPRESSED

# start-up: gemmi is imported where there is a file for it

__all__ = ["content", "gemmi_module", "one_line", "reading", "text_content"]

#: What a compressed file may grow to, times its size: text compresses some five to twenty times.
GROWTH = 100

#: Characters of what an exception says.
_LONGEST = 240

#: How gemmi names a place of a text: line, column, byte.
_PLACE = re.compile(r"\bstring:([0-9]+)(?::[0-9]+\([0-9]+\))?")

#: What a small compressed file may grow to in any case [bytes].
_SMALL = 1 << 20


def gemmi_module():
    """The library gemmi.

    Raises
    ------
    ValueError
        If it is not installed.
    """
    try:
        import gemmi
    except ImportError as error:
        raise ValueError("files of crystallography are read by gemmi, which cannot be imported"
                         f" ({one_line(error)}): pip install gemmi") from None
    return gemmi


def one_line(error):
    """What an exception says, as ASCII on one line and not too long."""
    text = " ".join(str(error).encode("ascii", "backslashreplace").decode().split())
    return _PLACE.sub(r"line \1", text or type(error).__name__)[:_LONGEST]


@contextmanager
def reading(path, what, ours=False, name=None):
    """Whatever gemmi raises on the content of a file becomes one line that names the file.

    With `ours`, a `ValueError` is one of our own and only gets the name of the file.  `name` is that of a copy, which
    gemmi may mention.
    """
    try:
        yield
    except (FileFormatError, OSError):
        raise
    except MemoryError:
        # numbers of a damaged file that gemmi believes
        raise format_error(path, f"is no {what} that can be read: it asks for more memory than there is") from None
    except UnicodeDecodeError as error:
        found = shown(error.object[error.start:error.start + 1])
        raise format_error(path, f"is no {what} that can be read: the byte {found} in a name or a title of it is no"
                                 f" {error.encoding}") from None
    except ValueError as error:
        problem = str(error) if ours else f"is no {what} that can be read: {one_line(error)}"
        raise format_error(path, problem) from None
    except (RuntimeError, TypeError, IndexError, KeyError, ArithmeticError, AttributeError) as error:
        reason = one_line(error)
        for known in filter(None, (os.fsdecode(path), name)):
            reason = reason.replace(f": {known}", "").replace(known, "it")
        raise format_error(path, f"is no {what} that can be read: {reason}") from None


def content(path):
    """The bytes of a file, decompressed where it is compressed by gzip, whatever its name.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    bytes

    Raises
    ------
    FileFormatError
        If it is no regular file, does not fit in memory, or its compression is broken or of more than 100 times.
    OSError
        If it cannot be read.
    """
    with open(path, "rb") as file:
        state = os.fstat(file.fileno())
        if not stat.S_ISREG(state.st_mode):
            raise format_error(path, "is no regular file; such a file has no end that could be known beforehand")
        memory.require(4 * state.st_size, f"{os.fsdecode(path)}: reading it would")
        data = file.read(state.st_size + 1)
    if not data.startswith(COMPRESSED["gzip"]):
        return data
    limit = max(GROWTH * len(data), _SMALL)
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
            found = packed.read(limit + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise format_error(path, f"cannot be decompressed: {one_line(error)}") from None
    if len(found) > limit:
        raise format_error(path, f"grows to more than {GROWTH} times its size when it is decompressed")
    return found


def text_content(path):
    """The bytes of a text, as `content`: no byte order mark, and nothing but line feeds at the ends of lines."""
    data = content(path).removeprefix(b"\xef\xbb\xbf")
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in data else data
