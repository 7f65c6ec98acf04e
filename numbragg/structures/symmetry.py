"""Space groups: what stands for one, its operations as whole numbers, and whether a cell goes with it."""

import math
from typing import NamedTuple

import numpy as np

from .library import gemmi_module, one_line

__all__ = ["DENOMINATOR", "NO_GROUP", "Symmetry", "check_cell", "checked_cell", "settled", "space_group_of",
           "symmetry_of"]

#: Translations are in units of one part in this many of an axis.
DENOMINATOR = 24

#: What is said of a file without one.
NO_GROUP = "has no space group, or one that is not known; give space_group (--space-group)"

#: Edges from here on [Angstrom] are mistakes.
_LONGEST_EDGE = 1e6

#: Parts of an edge and of a radian by which a cell may miss the metric that its space group asks for.
_METRIC = 0.01


class Symmetry(NamedTuple):
    """The operations of a space group, centring included."""

    name: str  # Hermann-Mauguin, with the setting where there are several
    rotations: np.ndarray  # (n, 3, 3) int64
    translations: np.ndarray  # (n, 3) int64, in units of 1/24


def space_group_of(value, cell=None):
    """The gemmi.SpaceGroup that a name, a number or such an object stands for.

    Parameters
    ----------
    value : str, int or gemmi.SpaceGroup
    cell : six floats, optional
        Tells the settings of the rhombohedral space groups apart.

    Raises
    ------
    ValueError
        If there is no such space group.
    """
    gemmi = gemmi_module()
    if isinstance(value, gemmi.SpaceGroup):
        return value
    found = None
    if isinstance(value, str):
        alpha, gamma = (cell[3], cell[5]) if cell is not None else (0.0, 0.0)
        found = gemmi.find_spacegroup_by_name(value, alpha, gamma)
    # gemmi has a number 0
    elif isinstance(value, (int, np.integer)) and not isinstance(value, bool) and value > 0:
        found = gemmi.find_spacegroup_by_number(int(value))
        if found is not None and cell is not None and found.hm.startswith("R"):
            # the usual setting of these is the hexagonal one; the cell tells which it is, as with a name
            found = gemmi.find_spacegroup_by_name(found.hm, cell[3], cell[5])
    if found is None:
        raise ValueError(f"space_group: {one_line(repr(value))} is no space group; a name such as 'P 21 21 21', a "
                         "number or a gemmi.SpaceGroup is wanted")
    return found


def settled(asked, own, cell):
    """The space group to use, and a remark where it is not the file's own.

    Parameters
    ----------
    asked : str, int, gemmi.SpaceGroup or None
        What a user asked for.
    own : gemmi.SpaceGroup or None
        What the file says.
    cell : six floats

    Returns
    -------
    gemmi.SpaceGroup, tuple of str

    Raises
    ------
    ValueError
        If there is neither.
    """
    if asked is None:
        if own is None:
            raise ValueError(NO_GROUP)
        return own, ()
    group = space_group_of(asked, cell)
    if own is None or own.xhm() == group.xhm():
        return group, ()
    return group, (f"space group {own.xhm()} of the file replaced, as asked for",)


def symmetry_of(space_group):
    """The operations of a gemmi.SpaceGroup."""
    operations = list(space_group.operations())
    rotations = np.array([op.rot for op in operations], np.int64)
    if (rotations % DENOMINATOR).any():
        raise ValueError(f"space_group: {space_group.xhm()}: its operations are not whole numbers")
    return Symmetry(space_group.xhm(), rotations // DENOMINATOR,
                    np.array([op.tran for op in operations], np.int64) % DENOMINATOR)


def checked_cell(cell):
    """The six numbers of a gemmi.UnitCell.

    Raises
    ------
    ValueError
        If they are those of no crystal.
    """
    numbers = tuple(cell.parameters)
    if not (cell.is_crystal() and all(map(math.isfinite, numbers)) and min(numbers) > 0.0 and cell.volume > 0.0
            and max(numbers[:3]) < _LONGEST_EDGE and max(numbers[3:]) < 180.0):
        raise ValueError("has no unit cell (what is no crystal has 1 1 1 90 90 90), or one of no volume")
    return numbers


def check_cell(cell, space_group):
    """Refuse a cell whose metric is not that of its space group.

    Raises
    ------
    ValueError
        If lengths or angles miss it by more than a hundredth: a wrong space group, or another setting.
    """
    gemmi = gemmi_module()
    if not gemmi.UnitCell(*cell).is_compatible_with_spacegroup(space_group, _METRIC):
        numbers = " ".join(f"{value:g}" for value in cell)
        raise ValueError(f"space group {space_group.xhm()}: the cell {numbers} does not have its symmetry")
