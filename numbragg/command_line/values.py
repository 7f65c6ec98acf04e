"""Words of the command line turned into numbers, file names and choices, strictly.

nanoBragg reads numbers with the C library's `atof` and `atoi`, which take whatever prefix makes
sense and turn a word into 0.  Here a word must be a number from its first to its last character;
what passes has the value that the C functions give it.
"""

from dataclasses import dataclass
import math
import re
from typing import Callable

__all__ = ["CommandLineError", "Rule", "atof", "file_name", "quoted", "real", "whole"]

#: The integers of the C program have 32 bits; seeds are negated there, so the lowest one is out.
INT_MAX = 2147483647

#: Words longer than this are cut in messages.
_LONGEST_SHOWN = 60

_BLANK = r"[ \t\n\v\f\r]*"
_HEXADECIMAL = r"0[xX](?:[0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)(?:[pP][+-]?[0-9]+)?"
_DECIMAL = r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_REAL = re.compile(rf"{_BLANK}([+-]?(?:({_HEXADECIMAL})|{_DECIMAL}))")
_SPECIAL = re.compile(rf"{_BLANK}([+-]?(?:inf|nan))", re.IGNORECASE)
_WHOLE = re.compile(rf"{_BLANK}([+-]?[0-9]+)(?:\.0*)?")


class CommandLineError(ValueError):
    """A command line that cannot be obeyed; the message is one line."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition on one value.

    Attributes
    ----------
    text : str
        The condition in words, to follow "must".
    holds : callable
        Takes the value, returns whether it is allowed.
    """

    text: str
    holds: Callable

    def check(self, option, word, value):
        """Raise `CommandLineError` unless `value`, written as `word`, is allowed for `option`."""
        if not self.holds(value):
            raise CommandLineError(f"{option} {quoted(word)}: must {self.text}")


def quoted(word):
    """The word as it is shown in a message: in quotes where it would be hard to read bare, and not too long."""
    if len(word) > _LONGEST_SHOWN:
        word = word[:_LONGEST_SHOWN] + "..."
    return word if word and word.isprintable() and " " not in word else repr(word)


def _parsed(match):
    """Value of a match of `_REAL`, infinite where it is too large, as in C."""
    text, hexadecimal = match.groups()
    if not hexadecimal:
        return float(text)
    try:
        return float.fromhex(text)
    except OverflowError:
        return -math.inf if text.startswith("-") else math.inf


def atof(word):
    """The C library's `atof`: the longest prefix that is a number, else 0.

    Parameters
    ----------
    word : str
        Any text.

    Returns
    -------
    float
        Its value; not finite for words that begin with ``inf`` or ``nan``, in any case.
    """
    match = _REAL.match(word)
    if match:
        return _parsed(match)
    match = _SPECIAL.match(word)
    return float(match[1]) if match else 0.0


def is_number(word):
    """Whether the whole word is a finite or overflowing number, in decimal or hexadecimal."""
    return _REAL.fullmatch(word) is not None


def real(option, word):
    """The value of a word that is a finite number.

    Parameters
    ----------
    option : str
        The option as written, for the message.
    word : str
        Its value as written.

    Returns
    -------
    float
        What `atof` gives for it.

    Raises
    ------
    CommandLineError
        If the word is not a number to its last character, or is not finite.
    """
    match = _REAL.fullmatch(word)
    if match is None:
        raise CommandLineError(f"{option} {quoted(word)}: must be a finite number")
    value = _parsed(match)
    if not math.isfinite(value):
        raise CommandLineError(f"{option} {quoted(word)}: too large for a number")
    return value


def whole(option, word):
    """The value of a word that is a whole number of at most 32 bits.

    Parameters
    ----------
    option, word : str
        The option and its value as written.

    Returns
    -------
    int
        What `atoi` gives for it.

    Raises
    ------
    CommandLineError
        If the word is anything else.  ``5.0`` is 5 for `atoi` too and passes; ``5.5`` and ``1e3``, of which it
        would make 5 and 1, do not.
    """
    match = _WHOLE.fullmatch(word)
    if match is None:
        hint = " (no fraction or exponent)" if is_number(word) else ""
        raise CommandLineError(f"{option} {quoted(word)}: must be a whole number{hint}")
    digits = match[1].lstrip("+-").lstrip("0") or "0"
    # Compared by length first: Python refuses to convert thousands of digits.
    if len(digits) > 10 or int(digits) > INT_MAX:
        raise CommandLineError(f"{option} {quoted(word)}: must lie within -{INT_MAX} and {INT_MAX}")
    return -int(digits) if match[1].startswith("-") else int(digits)


def file_name(option, word):
    """The word itself, if it can be a file name.

    Raises
    ------
    CommandLineError
        If it is empty, or begins with a dash: nanoBragg would test such a name as an option.
    """
    if not word:
        raise CommandLineError(f"{option} '': must be a file name")
    if word.startswith("-"):
        raise CommandLineError(
            f"{option} {quoted(word)}: a file name must not begin with '-' (write ./{quoted(word)})")
    return word
