"""Words of a subcommand read strictly: files, options with their values, and numbers; output files."""

import math
import os
import re

from ..io.literals import decimal, whole
from ..scene.pixels import PIXEL_LIMIT, reversed_axes

__all__ = ["check_outputs", "finite_number", "out_name", "read_words", "region", "shape",
           "shown", "whole_number"]

def read_words(command, arguments, known):
    """Files and options of a subcommand.

    Parameters
    ----------
    command : str
        Its name, for messages.
    arguments : list of str
        Words after the name.
    known : dict
        For each option the number of words that follow it, and a function that takes these and returns the
        value, or raises `ValueError` with a rule to follow "must be".

    Returns
    -------
    files : list of str
        Words that belong to no option; None if help was asked for.
    values : dict
        Value of each option that was given; True where no word follows.

    Raises
    ------
    ValueError
        An unknown or repeated option, a missing word, or a value that breaks its rule.
    """
    if "-h" in arguments or "--help" in arguments:
        return None, {}
    files, values = [], {}
    words = list(reversed(arguments))
    while words:
        word = words.pop()
        if not word.startswith("-"):
            files.append(word)
            continue
        name, equals, value = word.partition("=")
        if name not in known:
            raise ValueError(f"{command}: {shown(name)} is not known; there are {', '.join(known)}")
        count, reader = known[name]
        if name in values:
            raise ValueError(f"{command}: {name} is given twice")
        if equals and count != 1:
            raise ValueError(f"{command}: {shown(word)}: {name} takes {count or 'no'} words after it, "
                             "without an equals sign")
        given = [value] if equals else []
        while len(given) < count:
            if not words or words[-1].startswith("--"):
                raise ValueError(f"{command}: {name} needs {'a value' if count == 1 else f'{count} values'}")
            given.append(words.pop())
        try:
            values[name] = reader(*given) if count else True
        except ValueError as error:
            raise ValueError(f"{command}: {name} {' '.join(map(shown, given))}: must be {error}") from None
    return files, values


def shown(text):
    """A word or a file name as it is printed: as it is where that is safe, else quoted and escaped."""
    return text if text and text.isprintable() else ascii(text)


# -- values


def whole_number(minimum, maximum):
    """Reader of whole numbers between two limits."""
    def read(word):
        number = whole(word)
        if number is None or not minimum <= number <= maximum:
            raise ValueError(f"a whole number from {minimum} to {maximum}")
        return number
    return read


def finite_number(minimum, maximum=math.inf):
    """Reader of decimal numbers between two limits."""
    rule = f"from {minimum:g} to {maximum:g}" if maximum < math.inf else f"of at least {minimum:g}"

    def read(word):
        value = decimal(word)
        if value is None or not minimum <= value <= maximum:
            raise ValueError(f"a number {rule}")
        return value
    return read


def region(*words):
    """Four pixel numbers: fast from, to, slow from, to, inclusive."""
    numbers = tuple(map(whole, words))
    if any(number is None or number < 0 for number in numbers):
        raise ValueError("four pixel numbers: fast from, to, slow from, to (inclusive)")
    if reversed_axes(numbers):
        raise ValueError("fast from, to, slow from, to, the smaller number of each pair first")
    return numbers


def shape(word):
    """SLOWxFAST, such as 1024x2048."""
    match = re.fullmatch(r"([0-9]{1,10})x([0-9]{1,10})", word)
    if not match or not 0 < int(match[1]) * int(match[2]) < PIXEL_LIMIT:
        raise ValueError("SLOWxFAST, two numbers of pixels such as 1024x2048")
    return int(match[1]), int(match[2])


def out_name(word):
    """Name of a file to be written."""
    if not word or (word.startswith("-") and word != "-"):
        raise ValueError("the name of a file")
    return word


# -- output


def check_outputs(command, outputs, inputs):
    """Refuse to replace a file that is read.

    Parameters
    ----------
    command : str
        Name of the subcommand.
    outputs, inputs : sequences of str
        Names of files.
    """
    for output in outputs:
        for name in inputs:
            for place in (name, name.partition("::")[0]):
                if os.path.exists(output) and os.path.exists(place) and os.path.samefile(output, place):
                    raise ValueError(f"{command}: {shown(output)} is read and cannot be written too")
