"""Checks of configuration fields: each returns the canonical value or raises one clear line."""

from collections.abc import Mapping, Set
import math
import numbers
import operator

import numpy as np

from ..io.literals import INT_MAX

__all__ = ["angles", "choice", "count", "entries", "finite", "flag", "given", "not_negative", "optional",
           "panel_number", "positive", "real_array", "shown", "triple", "Unset", "vector", "whole"]


class Unset(float):
    """A number that nobody gave: told from the same one that somebody did by what it is.

    Checks leave it what it is, so that a copy with another field replaced still knows.
    """

    __slots__ = ()


#: Characters of a value that a message shows.
_SHOWN = 120


def shown(value):
    """A value as messages show it: on one line, cut where it is long."""
    try:
        text = " ".join(repr(value).split())
    except ValueError:
        # Python writes no integer of more than some thousand digits
        text = f"{type(value).__name__} too long to be shown"
    return text if len(text) <= _SHOWN else text[:_SHOWN - 3] + "..."


def _plain(value):
    """An array of no axes as the number in it; anything else as it is."""
    return value[()] if type(value) is np.ndarray and value.ndim == 0 else value


def _number(field, value, unit):
    # hot path: a plain number is what nearly all are, and to ask what else is one takes longer than all else here
    if type(value) is float or type(value) is Unset:
        return value
    number = _plain(value)
    if isinstance(number, bool) or not isinstance(number, numbers.Real):
        raise ValueError(f"{field}: {shown(value)} is not a number{_in(unit)}")
    try:
        return float(number)
    except OverflowError:
        raise ValueError(f"{field}: {shown(value)} must be a number that a double can hold{_in(unit)}") from None


def _in(unit):
    return f" in {unit}" if unit else ""


def finite(field, value, unit=""):
    """A finite float."""
    number = _number(field, value, unit)
    if not math.isfinite(number):
        raise ValueError(f"{field}: {shown(value)} must be a finite number{_in(unit)}")
    return number


def positive(field, value, unit=""):
    """A finite float above zero."""
    number = finite(field, value, unit)
    if number <= 0.0:
        raise ValueError(f"{field}: {shown(value)} must be above 0{_in(unit)}")
    return number


def not_negative(field, value, unit=""):
    """A finite float, zero or above."""
    number = finite(field, value, unit)
    if number < 0.0:
        raise ValueError(f"{field}: {shown(value)} must not be negative{_in(unit)}")
    return number


def whole(field, value, minimum=1, maximum=INT_MAX):
    """An integer from `minimum` to `maximum`; a truth value is none."""
    try:
        plain = value if type(value) is int else _plain(value)
        if isinstance(plain, (bool, np.bool_)):
            raise TypeError
        number = operator.index(plain)
    except TypeError:
        raise ValueError(f"{field}: {shown(value)} is not a whole number") from None
    if number < minimum or number > maximum:
        raise ValueError(f"{field}: {shown(value)} must be a whole number from {minimum} to {maximum}")
    return number


def panel_number(panel, panels):
    """Number of one of so many panels; a beam stands first in some methods and is given by name in others."""
    number = _plain(panel)
    if hasattr(panel, "pack") or isinstance(number, numbers.Real) and not isinstance(number, numbers.Integral):
        what = type(panel).__name__ if hasattr(panel, "pack") else shown(panel)
        raise ValueError(f"panel: {what} is not the number of a panel; a beam is given by name, as beam=")
    return whole("panel", panel, 0, panels - 1)


def real_array(field, value, what, copy=True):
    """An array of real numbers, float64 and C-contiguous.

    Whatever NumPy would turn into numbers with a loss or by guessing is refused: complex numbers, truth values,
    text, masked entries, integers that a double cannot hold.  Infinity and NaN are not looked for.

    Parameters
    ----------
    field : str
    value : array_like
    what : str
        What it should be, for the message, in which it follows "must be".
    copy : bool
        False: it may be the array that was given.

    Raises
    ------
    ValueError
        Naming the field, what is wrong and what it should be.
    """
    if isinstance(value, np.ma.MaskedArray):
        raise ValueError(f"{field}: a masked array must be made a plain one first, its masked entries filled")
    try:
        array = np.asarray(value)
        if array.dtype.kind == "O":
            # numbers of other libraries, and integers beyond 64 bits
            array = np.array([_number(field, each, "") for each in array.reshape(-1)]).reshape(array.shape)
    except (TypeError, ValueError):
        # rows of several lengths, or entries that are no numbers
        raise ValueError(f"{field}: {shown(value)} must be {what}") from None
    if array.dtype.kind == "c":
        raise ValueError(f"{field}: complex numbers; must be {what}, the moduli (numpy.abs) if these are amplitudes "
                         "with phases")
    if array.dtype.kind not in "fiu":
        raise ValueError(f"{field}: {shown(value)}, an array of {array.dtype}, must be {what}")
    with np.errstate(over="ignore"):
        return (np.array if copy else np.asarray)(array, dtype=np.float64, order="C")


def choice(field, value, allowed):
    """One of a few words."""
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{field}: {shown(value)} must be one of {', '.join(map(repr, allowed))}")
    return str(value)


def flag(field, value):
    """True or False."""
    if not isinstance(_plain(value), (bool, np.bool_)):
        raise ValueError(f"{field}: {shown(value)} must be True or False")
    return bool(value)


def entries(field, value, count, what):
    """A tuple of so many entries in an order; `what` says what they should be."""
    try:
        # text is no sequence of numbers, nor are bytes, which Python takes for one; sets and mappings have no order
        # hot path: a tuple is none of these
        values = value if type(value) is tuple else () if isinstance(
            value, (str, bytes, bytearray, Mapping, Set)) else tuple(value)
    except TypeError:
        values = ()
    if len(values) != count:
        raise ValueError(f"{field}: {shown(value)} must be {what}")
    return values


def triple(field, value, check, *arguments):
    """Three numbers, each passing `check`; one number stands for three equal ones."""
    if type(value) is not tuple and isinstance(_plain(value), (numbers.Real, str, bytes)):
        # text fails as a number does that is none
        value = (value,) * 3
    return tuple(check(field, v, *arguments) for v in entries(field, value, 3, "one number or three"))


def angles(field, value):
    """Three finite angles [deg]."""
    return tuple(finite(field, v, "deg") for v in entries(field, value, 3, "three angles in deg, about x, y, z"))


def vector(field, value):
    """Three finite numbers that are not all zero."""
    values = tuple(finite(field, v) for v in entries(field, value, 3, "three components"))
    if values == (0.0, 0.0, 0.0):
        raise ValueError(f"{field}: {shown(value)} has no direction")
    return values


def optional(value, check, field, *arguments):
    """None, or what passes `check`."""
    return None if value is None else check(field, value, *arguments)


# -- for the parts of a request


def given(fields):
    """Those of some fields that are not None."""
    return {name: value for name, value in fields.items() if value is not None}


def count(number):
    """A number of steps as a request has it: -1 stands for none given."""
    return -1 if number is None else number
