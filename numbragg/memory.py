"""How much memory is left, and the refusal of what would not fit in it."""

import math
import time

try:
    import resource
except ImportError:
    # no such limits
    resource = None

__all__ = ["available", "grid_bytes", "require", "table_bytes"]

#: Where the limits of a container are.
_GROUP = "/sys/fs/cgroup"
#: Seconds for which an answer is good, and the part of it that is given away meanwhile.
_MOMENT, _LITTLE = 0.1, 1 / 256
#: Bytes of a large array that come into being when one of them is written to.
_PAGE = 1 << 21


def available():
    """Bytes that can still be allocated, by the system and its limits (ulimit); infinite where it does not tell."""
    left = math.inf
    try:
        left = 1024 * _number(_content("/proc/meminfo"), "MemAvailable:")
    except (OSError, ValueError):
        pass
    try:
        # a container may hold less than the machine
        limit, used = (_content(f"{_GROUP}/memory.{name}").strip() for name in ("max", "current"))
        if limit != "max":
            # what is kept of files counts as used, but is given up when memory is needed
            stat = _content(f"{_GROUP}/memory.stat")
            kept = sum(_number(stat, name, 0) for name in ("active_file", "inactive_file", "slab_reclaimable"))
            left = min(left, max(int(limit) - int(used) + kept, 0))
    except (OSError, ValueError):
        pass
    return min(left, _allowed())


def _allowed():
    """Bytes of addresses, or of data, that this process may still ask for; infinite where there is no limit."""
    if resource is None:
        return math.inf
    left = math.inf
    # their places in what the system tells of a process, in pages
    for kind, place in (("RLIMIT_AS", 0), ("RLIMIT_DATA", 5)):
        limit = resource.getrlimit(getattr(resource, kind))[0] if hasattr(resource, kind) else resource.RLIM_INFINITY
        if limit != resource.RLIM_INFINITY:
            try:
                used = int(_content("/proc/self/statm").split()[place]) * resource.getpagesize()
            except (OSError, ValueError, IndexError):
                continue
            left = min(left, max(limit - used, 0))
    return left


class _Answer:
    """What the system said last, good for a moment and for little of it: a shot asks for many small things."""

    def __init__(self):
        self._asked, self._until, self._small = None, 0.0, 0.0

    def has(self, size):
        """Whether so many bytes are nothing beside what was left a moment ago, with all that was granted since."""
        if self._asked is not available or time.monotonic() > self._until or size > self._small:
            return False
        self._small -= size
        return True

    def take(self, left):
        """Remember an answer."""
        self._asked, self._until, self._small = available, time.monotonic() + _MOMENT, left * _LITTLE


_last = _Answer()


def _content(path):
    with open(path, encoding="ascii") as file:
        return file.read()


def _number(text, name, otherwise=""):
    """The first number behind a name that begins a line; this is asked for every image."""
    rest = f"\n{text}".partition(f"\n{name} ")[2]
    return int(rest.split(maxsplit=1)[0] if rest else otherwise)


def require(size, what):
    """Refuse what does not fit in memory, before it is made.

    Parameters
    ----------
    size : int
        Bytes needed.
    what : str
        What needs them, to be followed by "need ... GB".

    Raises
    ------
    ValueError
        If there are fewer bytes left.

    Examples
    --------
    >>> from numbragg.memory import require
    >>> require(1000, "detector: 10 x 10 pixels")
    >>> require(10 ** 18, "detector: 10 x 10 pixels")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    ValueError: detector: 10 x 10 pixels need 1e+09 GB; ... GB of memory are available
    """
    # hot path: to ask the system takes longer than to prepare many a crystal
    if not size or _last.has(size):
        return
    left = available()
    _last.take(left)
    if size > left:
        raise ValueError(f"{what} need {size / 1e9:.4g} GB; {left / 1e9:.4g} GB of memory are available")


def grid_bytes(shape):
    """Bytes of the table of squared structure factors that most images are computed with, by that of the amplitudes.

    Parameters
    ----------
    shape : tuple of three int
        Of the table of amplitudes, its padding included.

    Returns
    -------
    int
    """
    # in doubles, with a border on either side; in single precision there are amplitudes beside them
    return 8 * math.prod(n + 1 for n in shape)


def table_bytes(shape, rows=None, listed=0):
    """Bytes that a table of structure factors takes until an image is computed of it, that of the squares included.

    Parameters
    ----------
    shape : tuple of three int
        Of the table, its padding included.
    rows : int, optional
        How many reflections are written to a table that is empty otherwise: of one with few of them most takes no
        memory.  By default all of it does.
    listed : int
        Bytes of a list of them that is there meanwhile, and no longer when the squares are made.

    Returns
    -------
    int
    """
    table = 8 * math.prod(shape)
    table = table if rows is None else min(table, rows * _PAGE)
    return table + max(grid_bytes(shape) - listed, 0)
