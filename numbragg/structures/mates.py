"""Columns of Friedel mates, told by the signs in their names, and the columns of standard deviations beside them."""

import re

__all__ = ["glued_sign", "mate_stem", "sigma_number", "signed"]

#: How names tell F(h) from F(-h), the surest first: signs in brackets, words, signs, letters that stand alone.
_SIGNS = tuple((re.compile(plus, re.IGNORECASE), re.compile(minus, re.IGNORECASE)) for plus, minus in (
    (r"\(\+\)", r"\(-\)"), (r"PLUS|POSITIVE", r"MINUS|NEGATIVE"), (r"\+", r"-(?![A-Z0-9])"),
    (r"POS(?![A-Z0-9])", r"NEG(?![A-Z0-9])"), (r"(?<=[^A-Z0-9])P$", r"(?<=[^A-Z0-9])[MN]$"),
    (r"(?<=[^A-Z0-9])P(?![A-Z0-9])", r"(?<=[^A-Z0-9])[MN](?![A-Z0-9])")))

#: Types of columns of standard deviations, by the type of what they belong to.
_DEVIATIONS = {"F": "Q", "J": "Q", "G": "L", "K": "M"}


def signed(label):
    """The sign that the name of a column has, and the name without it.

    Parameters
    ----------
    label : str

    Returns
    -------
    str, str
        "+", "-" or nothing; and what both of a pair have in common.

    Examples
    --------
    >>> from numbragg.structures.mates import signed
    >>> signed("F(+)"), signed("Fobs_neg"), signed("FP_P"), signed("F-obs")
    (('+', 'F'), ('-', 'Fobs_'), ('+', 'FP_'), ('', 'F-obs'))
    """
    for pair in _SIGNS:
        for sign, pattern in zip("+-", pair):
            found = pattern.search(label)
            if found is not None:
                return sign, label[:found.start()] + label[found.end():]
    return "", label


def mate_stem(label, others):
    """As `signed`, but only where there is a mate among other names: of columns whose type does not tell."""
    sign, stem = signed(label)
    if any(other != label and signed(other)[1] == stem and signed(other)[0] not in ("", sign) for other in others):
        return sign, stem
    return "", label


def glued_sign(label, others):
    """"+" or "-" where a name ends in P or M and that of its mate in the other, else "?"; and the stem."""
    names = {other.upper() for other in others}
    for sign, own, mate in (("+", "P", "M"), ("-", "M", "P")):
        if label.upper().endswith(own) and label[:-1].upper() + mate in names:
            return sign, label[:-1]
    return "?", label


def sigma_number(columns, number):
    """The place of the standard deviations of a column of an MTZ file, or None.

    Parameters
    ----------
    columns : sequence of (label, type)
    number : int
        The place of the column that they belong to.

    Returns
    -------
    int or None
        The column that has its name and SIG, else the one that follows it.
    """
    label, kind = columns[number]
    wanted = _DEVIATIONS.get(kind)
    plain = re.sub("[ _]", "", label.upper())
    for place, (other, of_kind) in enumerate(columns):
        if of_kind in (wanted, "Q") and re.sub("[ _]", "", other.upper()) in (f"SIG{plain}", f"SIGMA{plain}"):
            return place
    if number + 1 < len(columns) and columns[number + 1][1] == wanted:
        return number + 1
    return None
