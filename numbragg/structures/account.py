"""What became of a file with structure factors: a record of it, its notes, and the summary that prints."""

import math
from typing import NamedTuple

import numpy as np

from ..io.hkl import table_from_reflections
from ..notes import Loud
from .completeness import Reach, reach
from .expansion import absent, expand
from .symmetry import check_cell, symmetry_of

__all__ = ["About", "expanded_table", "notes", "short_summary", "summary"]


class About(NamedTuple):
    """Where a table of amplitudes comes from."""

    said: str  # which columns, or what model
    listed: int  # reflections of the file
    expanded: int  # reflections in P1
    space_group: str
    cell: tuple | None  # six floats [Angstrom, deg]
    reach: Reach | None
    friedel: bool  # whether F(h) and F(-h) are kept apart
    remarks: tuple  # of str: what was dropped, merged or set, with counts
    loud: tuple = ()  # of str: what is not as it seems
    wavelength: float | None = None  # of f' and f'' [Angstrom], where there are any


def _clear_absences(table, minimum, symmetry):
    """Set the systematic absences inside the box of a table to zero, plane by plane."""
    k, l = (axis.ravel() for axis in np.meshgrid(np.arange(table.shape[1] - 1), np.arange(table.shape[2] - 1)))
    for h in range(table.shape[0] - 1):
        points = np.stack([np.full(k.size, h + minimum[0]), k + minimum[1], l + minimum[2]], axis=1)
        gone = absent(points, symmetry)
        table[h, k[gone], l[gone]] = 0.0


def expanded_table(listed, default):
    """A table of amplitudes in P1, and the record of how it came about.

    Parameters
    ----------
    listed : reflections.Listed
    default : float
        Amplitude of gaps [electrons]; systematic absences are 0 all the same.

    Returns
    -------
    table, minimum, maximum
        As `numbragg.io.hkl.table_from_reflections`.
    About

    Raises
    ------
    ValueError
        If the cell does not go with the space group, or as `expansion.expand` and `table_from_reflections`.
    """
    if listed.cell is not None:
        check_cell(listed.cell, listed.space_group)
    symmetry = symmetry_of(listed.space_group)
    whole = expand(listed.indices, listed.plus, listed.minus, symmetry)
    table, minimum, maximum = table_from_reflections(whole.indices, whole.f, default)
    if default != 0.0:
        _clear_absences(table, minimum, symmetry)
    remarks = list(listed.remarks)
    for count, what in ((whole.absences, "systematically absent, taken for 0"),
                        (whole.merged, "equivalent to others of the same amplitude"),
                        (whole.unpaired, "without a Friedel mate of their own, which has the same amplitude")):
        if count:
            remarks.append(f"{count} {what}")
    covered = None if listed.cell is None else reach(whole.indices, listed.cell, symmetry)
    # in order, so that the mate of the first is the last; they may have rows of their own
    apart = listed.minus is not None or not np.array_equal(whole.f, whole.f[::-1])
    about = About(listed.said, len(listed.indices), len(whole.f), symmetry.name, listed.cell, covered, apart,
                  tuple(remarks), listed.loud, listed.wavelength)
    return table, minimum, maximum, about


def _percent(fraction):
    return f"{100.0 * fraction:.1f} %"


def _resolution(about):
    if about.reach is None or not math.isfinite(about.reach.low):
        return ""
    text = f"{about.reach.low:.4g} to {about.reach.high:.4g} Angstrom"
    complete = about.reach.complete
    return text if math.isnan(complete) else f"{text}, {_percent(complete)} complete"


def notes(about, source, default):
    """Notes on structure factors, for reports: one on all of them, and warnings."""
    text = (f"{source}: {about.said}; {about.listed} reflections in {about.space_group}, {about.expanded} in P1"
            f" ({'Friedel mates kept apart' if about.friedel else 'Friedel mates included'})")
    for more in (_resolution(about), *about.remarks):
        text += f"; {more}" if more else ""
    return (text + f"; gaps have {default:g}", *(Loud(f"{source}: {loud}") for loud in about.loud))


def short_summary(source, reflections, default, sha256):
    """The same of structure factors that came with no cell."""
    lines = [("from", source)] + [("reflections", f"{reflections}")] * (reflections is not None)
    return _text([*lines, ("gaps", f"{default:g}"), ("sha256 of the table", sha256)])


def _text(lines):
    return "\n".join(f"{name:<20}{text}" for name, text in lines)


def summary(about, source, default, sha256):
    """Everything known of structure factors, as text of several lines."""
    lines = [("from", source), ("taken", about.said), ("reflections", f"{about.listed}, {about.expanded} in P1"),
             ("space group", about.space_group)]
    if about.cell is not None:
        lines.append(("cell", " ".join(f"{value:.6g}" for value in about.cell) + "   Angstrom, deg"))
    lines.append(("Friedel mates", "kept apart" if about.friedel else "included, of the same amplitude"))
    lines += [("", text) for text in (*about.remarks, *about.loud)]
    if _resolution(about):
        lines.append(("resolution", _resolution(about)))
        lines += [("", f"{shell.low:7.3f} to {shell.high:7.3f}: {shell.present:8d} of {shell.possible:8d}  "
                       f"{_percent(shell.present / shell.possible) if shell.possible else '-':>7}")
                  for shell in about.reach.shells]
    lines += [("gaps", f"{default:g}"), ("sha256 of the table", sha256)]
    return _text(lines)
