"""JSON as all our accounts have it: numbers that it does not know, and those of NumPy, in one way."""

import json
import math

__all__ = ["json_ready", "json_text"]


def _word(number):
    return str(number)


def json_ready(value, not_finite=_word):
    """A value made of what JSON can hold.

    Parameters
    ----------
    value : object
        Strings, numbers, booleans, None, arrays and numbers of NumPy, and lists, tuples and dictionaries of these.
    not_finite : callable
        What stands for a number that is infinite or NaN; by default a word: ``"inf"``, ``"-inf"``, ``"nan"``.

    Returns
    -------
    object
        A 32-bit float becomes the shortest decimal number that names it.

    Examples
    --------
    >>> from numbragg.io.json_text import json_ready
    >>> json_ready({"limit": float("inf"), "sums": (1, 2.5)})
    {'limit': 'inf', 'sums': [1, 2.5]}
    """
    if isinstance(value, dict):
        return {str(key): json_ready(item, not_finite) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_ready(item, not_finite) for item in value]
    kind = getattr(value, "dtype", None)
    if kind is not None:
        if getattr(value, "ndim", 0):
            return [json_ready(item, not_finite) for item in value]
        value = float(str(value[()])) if kind.kind == "f" and kind.itemsize < 8 else value.tolist()
    if isinstance(value, float) and not math.isfinite(value):
        return not_finite(value)
    return value


def json_text(value):
    """An account as text: indented, with an end of line, numbers as `json_ready` has them."""
    return json.dumps(json_ready(value), indent=2, allow_nan=False) + "\n"
