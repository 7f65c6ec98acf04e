"""The time that files state: an option's, that of reproducible builds, or one fixed time; never the clock."""

from contextlib import contextmanager
import os
import re

from ..io.dates import VARIABLE, date_text, loadable

# start-up: what a date needs is imported where one is made

__all__ = ["date_of", "date_word", "is_date", "out_of_the_way"]

#: The last second of the year 9999.
_LAST = 253402300799

_taken = []


@contextmanager
def out_of_the_way():
    """Keep a value of SOURCE_DATE_EPOCH that libraries do not load with from them while a command runs.

    `date_of` knows it all the same, and refuses it where a file has a date.
    """
    word = os.environ.get(VARIABLE)
    if loadable(word):
        yield
        return
    _taken.append(os.environ.pop(VARIABLE))
    try:
        yield
    finally:
        os.environ[VARIABLE] = _taken.pop()


def date_word(word):
    """Read a time: ISO 8601, UTC where it names no zone.

    Returns it as files have it.
    """
    return date_text(word)


def is_date(word):
    """Whether `date_word` reads it."""
    try:
        date_word(word)
    except ValueError:
        return False
    return True


def date_of(given):
    """The time that files state.

    Parameters
    ----------
    given : str or None
        What `date_word` read.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If there is none and SOURCE_DATE_EPOCH is no number of seconds.
    """
    from datetime import datetime, timezone

    from ..io.experiment import EPOCH

    word = _taken[-1] if _taken else os.environ.get(VARIABLE)
    if given is not None or not word:
        return given or EPOCH
    if not re.fullmatch("[0-9]{1,20}", word) or int(word) > _LAST:
        raise ValueError(f"{VARIABLE}: {word[:40]!r} must be a number of seconds since 1970, whole, from 0 to {_LAST}")
    return date_text(datetime.fromtimestamp(int(word), timezone.utc).isoformat())
