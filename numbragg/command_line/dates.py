"""The time that files state: an option's, that of reproducible builds, or one fixed time; never the clock."""

from datetime import datetime, timezone
import os

from ..io.experiment import EPOCH

__all__ = ["date_of", "date_word", "is_date"]


def date_word(word):
    """Read a time: ISO 8601, UTC where it names no zone.

    Returns it as files have it.
    """
    try:
        when = datetime.fromisoformat(word)
    except ValueError:
        raise ValueError("must be a time such as 2026-11-26T22:00:00Z") from None
    if when.tzinfo is not None:
        when = when.astimezone(timezone.utc)
    return f"{when:%Y-%m-%dT%H:%M:%S}Z" if when.year >= 1000 else f"{when.year:04}{when:-%m-%dT%H:%M:%S}Z"


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
    word = os.environ.get("SOURCE_DATE_EPOCH")
    if given is not None or not word:
        return given or EPOCH
    try:
        return date_word(datetime.fromtimestamp(int(word), timezone.utc).isoformat())
    except (ValueError, OverflowError, OSError):
        raise ValueError(f"SOURCE_DATE_EPOCH: {word[:40]!r} must be a number of seconds since 1970") from None
