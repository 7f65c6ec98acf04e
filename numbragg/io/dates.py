"""Times that files state, from text; and the variable of reproducible builds, which libraries stumble over."""

from __future__ import annotations

import os
import sys
import time
from typing import Any

# start-up: NumPy is imported where the variable is bad only, datetime where a date is read

__all__ = ["VARIABLE", "date_text", "let_load", "loadable"]

#: The variable of the environment that names the time of files, in seconds since 1970.
VARIABLE = "SOURCE_DATE_EPOCH"


def date_text(value: Any, field: str = "date") -> str:
    """A time as files have it: ISO 8601, UTC, whole seconds.

    Parameters
    ----------
    value : str
        ISO 8601; UTC where it names no zone.
    field : str
        For the message.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If it is no such text, or a time outside of the years 1 to 9999.

    Examples
    --------
    >>> from numbragg.io.dates import date_text
    >>> date_text("2026-01-02T03:04:05+02:00")
    '2026-01-02T01:04:05Z'
    """
    from datetime import datetime, timezone

    try:
        when = datetime.fromisoformat(value)
        if when.tzinfo is not None:
            when = when.astimezone(timezone.utc)
    except (TypeError, ValueError, OverflowError):
        shown = " ".join(repr(value).split())[:60]
        raise ValueError(f"{field}: {shown} must be a time such as 2026-11-26T22:00:00Z") from None
    return f"{when.year:04}{when:-%m-%dT%H:%M:%S}Z"


def loadable(word: str | None) -> bool:
    """Whether NumPy loads with this value of the variable, which its f2py reads when Numba compiles."""
    try:
        return word is None or bool(time.asctime(time.gmtime(int(word))))
    except (ValueError, OverflowError, OSError):
        return False


def let_load() -> None:
    """Let Numba compile whatever the variable says, by leaving the part of NumPy that stumbles over it for later.

    The environment is the caller's and stays as it is.  SciPy, which Numba looks for before it compiles, takes all
    names of NumPy, and so loads f2py, of which nobody needs anything.
    """
    if loadable(os.environ.get(VARIABLE)) or "numpy.f2py" in sys.modules:
        return
    import importlib.util

    import numpy

    spec = importlib.util.find_spec("numpy.f2py")
    if spec is None or spec.loader is None:
        return
    # loaded when an attribute of it is first asked for; whoever does has its own message
    spec.loader = importlib.util.LazyLoader(spec.loader)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    setattr(numpy, "f2py", module)
