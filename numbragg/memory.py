"""How much memory is left, and the refusal of what would not fit in it."""

import math

__all__ = ["available", "require"]


def available():
    """Bytes that can still be allocated; infinite where the system does not tell."""
    left = math.inf
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            for line in file:
                if line.startswith("MemAvailable:"):
                    left = int(line.split()[1]) * 1024
        # a container may hold less than the machine
        with open("/sys/fs/cgroup/memory.max", encoding="ascii") as file:
            limit = file.read().strip()
        with open("/sys/fs/cgroup/memory.current", encoding="ascii") as file:
            used = int(file.read())
        if limit != "max":
            left = min(left, max(int(limit) - used, 0))
    except (OSError, ValueError, IndexError):
        pass
    return left


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
    left = available()
    if size > left:
        raise ValueError(f"{what} need {size / 1e9:.4g} GB; {left / 1e9:.4g} GB of memory are available")
