"""The cell and the space group of a block of an mmCIF file, by whichever of its items has them."""

import math

from .library import gemmi_module, one_line
from .symmetry import checked_cell

__all__ = ["cell_of_block", "space_group_of_block"]

#: Items of the space group by what they hold, in the order in which they count.
_NAMES = ("_symmetry.space_group_name_H-M", "_space_group.name_H-M_alt", "_symmetry_space_group_name_H-M",
          "_space_group_name_H-M_alt", "_space_group.name_H-M_ref")
_HALL = ("_symmetry.space_group_name_Hall", "_space_group.name_Hall", "_symmetry_space_group_name_Hall",
         "_space_group_name_Hall")
_NUMBERS = ("_symmetry.Int_Tables_number", "_space_group.IT_number", "_symmetry_Int_Tables_number",
            "_space_group_IT_number")

_CELL = tuple(f"_cell.{name}" for name in ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta",
                                           "angle_gamma"))


def _values(block, items):
    """Item and text of those that a block has."""
    gemmi = gemmi_module()
    for item in items:
        text = block.find_value(item)
        if text is not None and not gemmi.cif.is_null(text) and gemmi.cif.as_string(text).strip():
            yield item, gemmi.cif.as_string(text).strip()


def _by_hall(gemmi, text):
    try:
        return gemmi.find_spacegroup_by_ops(gemmi.symops_from_hall(text))
    except (RuntimeError, ValueError):
        return None


def _by_number(gemmi, text):
    return gemmi.find_spacegroup_by_number(int(text)) if text.isdecimal() and 0 < int(text[:9]) <= 230 else None


def space_group_of_block(block, cell):
    """The space group that a block names.

    Parameters
    ----------
    block : gemmi.cif.Block
    cell : six floats
        Tells the settings of the rhombohedral space groups apart.

    Returns
    -------
    gemmi.SpaceGroup or None
        By its name, else its Hall symbol, else its number, of which the usual setting counts.
    str
        The items that name one which is not known, for messages; nothing where there are none.
    tuple of str
        Items that name another one.
    """
    gemmi = gemmi_module()
    readers = ((_NAMES, lambda text: gemmi.find_spacegroup_by_name(text, cell[3], cell[5])),
               (_HALL, lambda text: _by_hall(gemmi, text)), (_NUMBERS, lambda text: _by_number(gemmi, text)))
    claims = [(item, text, read(text)) for items, read in readers for item, text in _values(block, items)]
    known = [claim for claim in claims if claim[2] is not None]
    unknown = ", ".join(f"{item} {one_line(ascii(text))}" for item, text, group in claims if group is None)
    if not known:
        return None, unknown, ()
    item, _, counted = known[0]
    # a number has several settings
    others = tuple(f"the space group is {counted.xhm()} by {item}, which counts, but {group.xhm()} by {other}"
                   for other, _, group in known[1:]
                   if group.number != counted.number
                   or other not in _NUMBERS and group.operations() != counted.operations())
    return counted, unknown, others


def cell_of_block(cell, block):
    """The six numbers of a cell.

    Parameters
    ----------
    cell : gemmi.UnitCell
        As gemmi has it, of this block or one before.
    block : gemmi.cif.Block
        For messages.

    Raises
    ------
    ValueError
        If they are those of no crystal: the item that is wrong, or not there, is named.
    """
    gemmi = gemmi_module()
    texts = {item: block.find_value(item) for item in _CELL}
    for item, text in texts.items():
        if text is not None and not gemmi.cif.is_null(text):
            number = gemmi.cif.as_number(text)
            if not (math.isfinite(number) and number > 0.0):
                raise ValueError(f"{item}: {one_line(ascii(gemmi.cif.as_string(text)))} must be a number above 0")
    try:
        return checked_cell(cell)
    except ValueError as error:
        missing = [item for item, text in texts.items() if text is None or gemmi.cif.is_null(text)]
        raise ValueError(f"{error}; {missing[0]} is not there" if missing else str(error)) from None
