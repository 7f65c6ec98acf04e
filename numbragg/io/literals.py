"""Numbers written as text: what the C library reads at the start of one, and what is a number from end to end.

Every reader of words and files takes its numbers from here, so that all agree on what one looks like.  ASCII digits
only, no underscores; words are `str`, the content of files is `bytes`.
"""

import math
import re

__all__ = ["INT_MAX", "PRINTED", "c_number", "c_whole", "decimal", "decimal_comma", "leading_number", "next_number",
           "whole"]

#: The largest of the C program's integers.
INT_MAX = 2 ** 31 - 1

_BLANK = r"[ \t\n\v\f\r]*"
_SIGN = r"[+-]?"
_DECIMAL = r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?"
_HEXADECIMAL = r"0x(?:[0-9a-f]+\.?[0-9a-f]*|\.[0-9a-f]+)(?:p[+-]?[0-9]+)?"
_SPECIAL = r"inf(?:inity)?|nan(?:\([0-9a-z_]*\))?"

#: A number as programs print it, small or capital letters; for patterns of longer texts.
PRINTED = rf"{_SIGN}(?:{_DECIMAL}|nan|inf(?:inity)?)"


class _Pattern(dict):
    """A pattern for words (str) and for the content of files (bytes), compiled when it is first needed."""

    def __init__(self, pattern):
        super().__init__()
        self.pattern = pattern

    def __missing__(self, kind):
        made = (re.compile(self.pattern, re.IGNORECASE | re.ASCII) if kind is str
                else re.compile(self.pattern.encode("ascii"), re.IGNORECASE))
        self[kind] = made
        return made


#: What strtod accepts, longest first.
_ANY = _Pattern(rf"{_BLANK}({_SIGN}(?:{_HEXADECIMAL}|{_DECIMAL}|{_SPECIAL}))")
_FINITE = _Pattern(rf"{_BLANK}({_SIGN}(?:{_HEXADECIMAL}|{_DECIMAL}))")
_PLAIN = _Pattern(_SIGN + _DECIMAL)
#: What `atoi` takes whole: a point with zeros changes nothing.
_C_WHOLE = _Pattern(rf"{_BLANK}({_SIGN})0*([0-9]+)(?:\.0*)?")
_WHOLE = _Pattern(rf"({_SIGN})0*([0-9]{{1,20}})")


def _value(text):
    """The double nearest to what a pattern matched; infinite where it is too large."""
    text = (text if isinstance(text, str) else text.decode("ascii")).lower()
    if "x" in text:
        try:
            return float.fromhex(text)
        except OverflowError:
            return -math.inf if text.startswith("-") else math.inf
    return float(text.partition("(")[0])


def next_number(content, position=0):
    """The number at a place of a text, as C's ``strtod`` reads it.

    Parameters
    ----------
    content : bytes or str
        White space in front of the number is skipped.
    position : int
        Where to begin.

    Returns
    -------
    (float, int, int) or None
        Its value, correctly rounded, and where it begins and ends; None if there is none.  Hexadecimal, infinite
        and NaN values are recognised.
    """
    match = _ANY[type(content)].match(content, position)
    return None if match is None else (_value(match[1]), match.start(1), match.end())


def leading_number(text):
    """What C's ``atof`` makes of a text: the number it starts with, 0.0 if it does not.

    Parameters
    ----------
    text : bytes or str
        Leading white space is skipped; whatever follows the number is ignored.

    Returns
    -------
    float

    Examples
    --------
    >>> from numbragg.io.literals import leading_number
    >>> leading_number("1.5e3mm"), leading_number(b" 0x1p4"), leading_number("none")
    (1500.0, 16.0, 0.0)
    """
    found = next_number(text)
    return 0.0 if found is None else found[0]


def c_number(word):
    """The value of a word that C's ``atof`` reads to its last character, infinite where it is too large, else None.

    Decimal or hexadecimal; words for infinity and NaN are none.
    """
    match = _FINITE[type(word)].fullmatch(word)
    return None if match is None else _value(match[1])


def c_whole(word):
    """The value of a word that C's ``atoi`` reads to its last character, or ``5.0`` to its point, else None.

    It may be larger than any integer of C's; numbers of more than 20 digits are given as 10**20.
    """
    match = _C_WHOLE[type(word)].fullmatch(word)
    if match is None:
        return None
    # compared by length first: Python refuses to convert thousands of digits
    value = int(match[2]) if len(match[2]) <= 20 else 10 ** 20
    return -value if match[1] in ("-", b"-") else value


def decimal(word):
    """The value of a word that is a decimal number and finite, with nothing around it, else None."""
    if _PLAIN[type(word)].fullmatch(word) is None:
        return None
    value = _value(word)
    return value if math.isfinite(value) else None


def whole(word):
    """The value of a word that is a whole number: digits, with or without a sign, else None.

    More than 20 digits are no number here, leading zeros apart.
    """
    match = _WHOLE[type(word)].fullmatch(word)
    return None if match is None else int(match[1] + match[2])


_REMARK = re.compile(rb"[#!%]|//")
_ROUND_COMMA = re.compile(rb"[ \t]*,[ \t]+|[ \t]+,")
_APART = re.compile(rb"[ \t;]+")
_COMMA_WITHIN = re.compile(rb"[0-9],[0-9]")
_BEGINS = re.compile(rb"[+-]?[.,]?[0-9]")


def decimal_comma(row):
    """Whether a row of a table holds a decimal comma: one between digits where blanks, tabs or semicolons separate.

    Remarks after #, !, % or // are not looked at.

    Examples
    --------
    >>> from numbragg.io.literals import decimal_comma
    >>> decimal_comma(b"9490,5\\t3,2"), decimal_comma(b"1;2;10,5"), decimal_comma(b"9490,5"), decimal_comma(b"1.5, 2")
    (True, True, False, False)
    """
    row = _ROUND_COMMA.sub(b",", _REMARK.split(row, maxsplit=1)[0])
    pieces = [piece for piece in _APART.split(row.strip(b" \t\r,;")) if piece]
    return sum(_BEGINS.match(piece) is not None for piece in pieces) > 1 and any(map(_COMMA_WITHIN.search, pieces))
