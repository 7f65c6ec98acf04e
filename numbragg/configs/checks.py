"""Checks of configuration fields: each returns the canonical value or raises one clear line."""

import math
import numbers
import operator

import numpy as np

from ..io.literals import INT_MAX

__all__ = ["angles", "choice", "count", "entries", "finite", "flag", "given", "not_negative", "optional", "positive",
           "triple", "vector", "whole"]


def _number(field, value, unit):
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise ValueError(f"{field}: {value!r} is not a number{_in(unit)}")
    return float(value)


def _in(unit):
    return f" in {unit}" if unit else ""


def finite(field, value, unit=""):
    """A finite float."""
    number = _number(field, value, unit)
    if not math.isfinite(number):
        raise ValueError(f"{field}: {value!r} must be a finite number{_in(unit)}")
    return number


def positive(field, value, unit=""):
    """A finite float above zero."""
    number = finite(field, value, unit)
    if number <= 0.0:
        raise ValueError(f"{field}: {value!r} must be above 0{_in(unit)}")
    return number


def not_negative(field, value, unit=""):
    """A finite float, zero or above."""
    number = finite(field, value, unit)
    if number < 0.0:
        raise ValueError(f"{field}: {value!r} must not be negative{_in(unit)}")
    return number


def whole(field, value, minimum=1):
    """An integer of at least `minimum`, below 2^31."""
    try:
        number = operator.index(value)
    except TypeError:
        raise ValueError(f"{field}: {value!r} is not a whole number") from None
    if number < minimum or number > INT_MAX:
        raise ValueError(f"{field}: {value!r} must be a whole number from {minimum} to {INT_MAX}")
    return number


def choice(field, value, allowed):
    """One of a few words."""
    if value not in allowed:
        raise ValueError(f"{field}: {value!r} must be one of {', '.join(map(repr, allowed))}")
    return value


def flag(field, value):
    """True or False."""
    if not isinstance(value, (bool, np.bool_)):
        raise ValueError(f"{field}: {value!r} must be True or False")
    return bool(value)


def entries(field, value, count, what):
    """A tuple of so many entries; `what` says what they should be."""
    try:
        values = tuple(value)
    except TypeError:
        values = ()
    if isinstance(value, (str, bytes)) or len(values) != count:
        raise ValueError(f"{field}: {value!r} must be {what}")
    return values


def triple(field, value, check, *arguments):
    """Three numbers, each passing `check`; one number stands for three equal ones."""
    if isinstance(value, numbers.Real):
        value = (value,) * 3
    try:
        values = tuple(value)
    except TypeError:
        values = ()
    if len(values) != 3:
        raise ValueError(f"{field}: {value!r} must be one number or three")
    return tuple(check(field, v, *arguments) for v in values)


def angles(field, value):
    """Three finite angles [deg]."""
    return tuple(finite(field, v, "deg") for v in entries(field, value, 3, "three angles in deg, about x, y, z"))


def vector(field, value):
    """Three finite numbers that are not all zero."""
    try:
        values = tuple(value)
    except TypeError:
        values = ()
    if len(values) != 3:
        raise ValueError(f"{field}: {value!r} must have three components")
    values = tuple(finite(field, v) for v in values)
    if values == (0.0, 0.0, 0.0):
        raise ValueError(f"{field}: {value!r} has no direction")
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
