"""Words of the command line turned into numbers, file names and choices, strictly.

nanoBragg reads numbers with the C library's `atof` and `atoi`, which take whatever prefix makes
sense and turn a word into 0.  Here a word must be a number from its first to its last character;
what passes has the value that the C functions give it.
"""

import math
from typing import Callable

from ..io.literals import INT_MAX, c_number, c_whole

__all__ = ["CommandLineError", "Rule", "cut", "file_name", "is_number", "quoted", "real", "whole"]

#: Words longer than this are cut in messages.
_LONGEST_SHOWN = 60


class CommandLineError(ValueError):
    """A command line that cannot be obeyed; the message is one line."""


class Rule:
    """A condition on one value.

    Attributes
    ----------
    text : str
        The condition in words, to follow "must".
    holds : callable
        Takes the value, returns whether it is allowed.
    """

    __slots__ = ("text", "holds")

    def __init__(self, text: str, holds: Callable) -> None:
        self.text, self.holds = text, holds

    def check(self, option, word, value):
        """Raise `CommandLineError` unless `value`, written as `word`, is allowed for `option`."""
        if not self.holds(value):
            raise CommandLineError(f"{option} {quoted(word)}: must {self.text}")


def cut(word):
    """The word, or as much of it as a message shows."""
    return word if len(word) <= _LONGEST_SHOWN else word[:_LONGEST_SHOWN] + "..."


def quoted(word):
    """The word as it is shown in a message: in quotes where it would be hard to read bare, and not too long."""
    word = cut(word)
    return word if word and word.isprintable() and " " not in word else repr(word)


def is_number(word):
    """Whether the whole word is a finite or overflowing number, in decimal or hexadecimal."""
    return c_number(word) is not None


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
        What the C library's `atof` gives for it.

    Raises
    ------
    CommandLineError
        If the word is not a number to its last character, or is not finite.
    """
    value = c_number(word)
    if value is None:
        raise CommandLineError(f"{option} {quoted(word)}: must be a finite number")
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
    value = c_whole(word)
    if value is None:
        hint = " (no fraction or exponent)" if is_number(word) else ""
        raise CommandLineError(f"{option} {quoted(word)}: must be a whole number{hint}")
    # seeds are negated in the C program, so the lowest of its integers is out
    if abs(value) > INT_MAX:
        raise CommandLineError(f"{option} {quoted(word)}: must lie within -{INT_MAX} and {INT_MAX}")
    return value


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
