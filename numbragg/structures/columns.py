"""Which columns of a file hold amplitudes: never phases, weights, flags, or coefficients of maps."""

import re
from typing import NamedTuple

__all__ = ["ROOTS", "Column", "Taken", "choose", "is_map_coefficient"]

#: Names under which observed amplitudes and intensities go, the preferred first; compared without case and signs.
_OBSERVED = ("FP", "FOBS", "FOBSFILTERED", "FOBSX", "FMEASAU", "FMEAS", "F", "FMEAN", "FO", "FNAT", "FNATIVE",
             "FPSHELX", "FPOBS", "FOBSERVED", "FMEASURED", "FEXP", "PDBXF", "INTENSITYMEAS", "FSQUAREDMEAS")

#: And calculated ones, which never go before what was observed.
_CALCULATED = ("FMODEL", "FCALCAU", "FCALC", "PDBXFCALCWITHSOLVENT", "FC", "FCALL", "FCALLLS", "FCALCULATED",
               "INTENSITYCALC", "FSQUAREDCALC", "ICALC", "IC", "IMODEL")

#: Columns of maps: amplitudes weighted, doubled and subtracted, of the type of amplitudes.
_MAP = re.compile(r"FWT|FOD?FC|DELF|DELW|MAPCOEF|FDIFF|^FAN$|^FANOM|^FDM$|^FEM$|^FLAD|FBSHA")

#: Names of maps or of a part of the scattering, which are taken where somebody names them only.
_NOT_BY_ITSELF = re.compile(r"FPHI|FMAP|FWEIGHT|FPFOM|FFOM|FDELTA|DELTAF|FBULK|FMASK|FPART|FSOLV")

_AMPLITUDES, _INTENSITIES = ("F", "F+", "F-", "F?"), ("I", "I+", "I-", "I?")


#: How intensities are used, for messages.
ROOTS = 'intensities="sqrt" (--intensities sqrt) takes their roots'

#: What to do about a name that is not known.
_HINT = "name one if it is meant (column, --hkl-columns)"


class Column(NamedTuple):
    """A column of a file."""

    label: str
    role: str  # "F", "F+", "F-", "F?" (one of a pair, not known which), "I" and its like, or "" for anything else
    number: int  # its place in the file
    what: str = ""  # what a column without a role is, for messages
    stem: str = ""  # its name without the sign of a pair; nothing: as PLUS and MINUS tell


class Taken(NamedTuple):
    """The columns that amplitudes come from."""

    plus: Column
    minus: Column | None  # of -h, -k, -l, where the file keeps Friedel mates apart
    squared: bool  # they are intensities
    others: tuple  # labels of further columns that could have been taken
    passed: tuple = ()  # labels of measured intensities, where what was taken is calculated

    @property
    def label(self):
        return self.plus.label if self.minus is None else f"{self.plus.label} and {self.minus.label}"


def _plain(label):
    return re.sub("[^A-Z0-9]", "", label.upper())


def is_map_coefficient(label):
    """Whether a column of this name belongs to a map.

    Examples
    --------
    >>> from numbragg.structures.columns import is_map_coefficient
    >>> [is_map_coefficient(label) for label in ("FWT", "DELFWT", "2FOFCWT", "FP", "F-model")]
    [True, True, True, False, False]
    """
    return _MAP.search(_plain(label)) is not None


def _sides(columns, roles):
    """Pairs of F+ and F- (or I), by what their names have in common, then single columns, preferred ones first."""
    single, plus, minus, unsigned = roles
    of_minus = {_bare(column): column for column in columns if column.role == minus}
    pairs = [(column, of_minus.get(_bare(column))) for column in columns if column.role == plus]
    used = [other for _, other in pairs]
    pairs += [(column, None) for column in columns if column.role == minus and column not in used]
    # one of a pair by its type only is nothing but itself, and taken where it is named
    pairs += [(column, None) for column in columns if column.role == unsigned]
    singles = [(column, None) for column in columns if column.role == single]
    return [pair for pair in pairs if pair[1]], singles, [pair for pair in pairs if not pair[1]]


def _bare(column):
    return _plain(column.stem) if column.stem else re.sub("PLUS|MINUS", "", _plain(column.label))


def _is_calculated(column):
    return _bare(column) in _CALCULATED


def _rank(column):
    """What comes first: observed names in their order, then unknown ones, then calculated ones."""
    names = (*_OBSERVED, None, *_CALCULATED)
    name = _bare(column)
    return names.index(name if name in names else None)


def _named(columns, wanted, squared):
    """The columns that a user named."""
    found = [column for column in columns if column.label == wanted] or [
        column for column in columns if column.label.lower() == wanted.lower()]
    listed = ", ".join(column.label for column in columns)
    if not found:
        raise ValueError(f"column {wanted!r}: is not there; the columns are {listed}")
    if len(found) > 1:
        raise ValueError(f"column {wanted!r}: is there {len(found)} times; the columns are {listed}")
    column = found[0]
    if not column.role:
        raise ValueError(f"column {column.label}: holds no amplitudes but {column.what or 'something else'}")
    of_intensity = column.role in _INTENSITIES
    if of_intensity and not squared:
        raise ValueError(f"column {column.label}: holds intensities; {ROOTS}")
    if squared and not of_intensity:
        raise ValueError(f'column {column.label}: holds amplitudes, of which intensities="sqrt" takes no roots')
    pairs, singles, halves = _sides(columns, _INTENSITIES if of_intensity else _AMPLITUDES)
    return next(pair for pair in (*pairs, *singles, *halves) if column in pair)


def choose(columns, wanted, squared):
    """The columns to take.

    Parameters
    ----------
    columns : sequence of Column
    wanted : str or None
        The name of one; of a pair either name.  None: F+ and F- where both are there, else the one whose name comes
        first among the usual ones, observed before calculated; an amplitude of another name is not taken.
    squared : bool
        Intensities are wanted.

    Returns
    -------
    Taken

    Raises
    ------
    ValueError
        If there is none, or it cannot be told which.
    """
    if wanted is not None:
        plus, minus = _named(columns, wanted, squared)
        return Taken(plus, minus, squared, ())
    groups = _sides([column for column in columns
                     if not (_NOT_BY_ITSELF.search(_plain(column.label)) or column.role.endswith("?"))],
                    _INTENSITIES if squared else _AMPLITUDES)
    # observed before calculated, pairs before single columns before halves of pairs
    ranked = [((_is_calculated(pair[0]), number, _rank(pair[0])), pair)
              for number, group in enumerate(groups) for pair in group]
    if not ranked:
        raise ValueError(_nothing(columns, squared))
    best = min(rank for rank, _ in ranked)
    chosen = [pair for rank, pair in ranked if rank == best]
    if len(chosen) > 1:
        labels = ", ".join(pair[0].label for pair in chosen)
        raise ValueError(f"several columns may be meant, {labels}: name one (column)")
    taken = chosen[0][0]
    if taken.role == "F" and best[2] == len(_OBSERVED):
        raise ValueError(f"column {taken.label}: is no usual name of amplitudes, and may be that of a map; {_HINT}; the"
                         f" columns are {', '.join(column.label for column in columns)}")
    others = [pair[0].label for _, pair in ranked if pair != chosen[0]]
    passed = [column.label for column in columns if column.role in _INTENSITIES and not _is_calculated(column)
              and _is_calculated(taken) and not squared]
    return Taken(*chosen[0], squared, tuple(others), tuple(passed))


def _nothing(columns, squared):
    listed = ", ".join(column.label for column in columns)
    unsigned = [column.label for column in columns if column.role == ("I?" if squared else "F?")]
    if unsigned:
        return (f"column{'s' * (len(unsigned) > 1)} {', '.join(unsigned)}: one of each Friedel pair by type, but which"
                " is not told by (+) and (-) or the like in the name; name one, to take it for both (column,"
                " --hkl-columns)")
    if squared:
        return f'has no intensities, of which intensities="sqrt" takes the roots; the columns are {listed}'
    squares = [column.label for column in columns if column.role in _INTENSITIES]
    if squares:
        return (f'has intensities only ({", ".join(squares)}), no amplitudes; {ROOTS}')
    if any(column.role in _AMPLITUDES for column in columns):
        return f"has no column that is of amplitudes by its name; {_HINT}; the columns are {listed}"
    return f"has no column of amplitudes; the columns are {listed}"
