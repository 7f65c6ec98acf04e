"""Merged reflections of an mmCIF file, as the Protein Data Bank keeps structure factors."""

import numpy as np

from ..io.errors import format_error
from ..io.kinds import naming_the_kind
from .columns import Column, choose, is_map_coefficient
from .library import gemmi_module, one_line, reading, text_content
from .reflections import listed
from .symmetry import checked_cell, settled

__all__ = ["has_reflections", "read_refln_cif", "reflections_of_block"]

_ROLES = {"F_meas_au": "F", "F_meas": "F", "F_calc": "F", "F_calc_au": "F", "pdbx_F_calc_with_solvent": "F",
          "pdbx_F_plus": "F+", "pdbx_F_minus": "F-", "intensity_meas": "I", "F_squared_meas": "I",
          "F_squared_calc": "I", "intensity_calc": "I", "pdbx_I_plus": "I+", "pdbx_I_minus": "I-"}

#: Values of _refln.status of what was not measured, or not reliably, and of what is systematically absent.
_UNUSABLE = frozenset("x-")


def _columns(block):
    found = []
    for number, label in enumerate(block.column_labels()):
        role, what = _ROLES.get(label, ""), "another quantity"
        if is_map_coefficient(label):
            what = "coefficients of a map"
        elif "phase" in label or "PHWT" in label:
            what = "phases"
        elif "sigma" in label:
            what = "standard deviations"
        found.append(Column(label, role, number, what))
    return found


def reflections_of_block(block, column=None, *, squared=False, space_group=None, f000=False):
    """The reflections of a gemmi.ReflnBlock.

    Parameters
    ----------
    block : gemmi.ReflnBlock
    column, squared, space_group, f000
        As in `mtz.reflections_of_mtz`; the column is named without ``_refln.``.

    Returns
    -------
    reflections.Listed

    Raises
    ------
    ValueError
        If the data are unmerged, or there is no cell, space group or column.
    """
    if block.is_unmerged():
        raise ValueError("holds unmerged data; amplitudes of merged reflections are wanted")
    cell = checked_cell(block.cell)
    group, replaced = settled(space_group, block.spacegroup, cell)
    taken = choose(_columns(block), column, squared)
    plus, minus = (None if one is None else _numbers(block, one) for one in (taken.plus, taken.minus))
    try:
        indices = block.make_miller_array()
    except (RuntimeError, ValueError) as error:
        raise ValueError(f"index_h, index_k, index_l: {one_line(error)}") from None
    if len(indices) == 0:
        raise ValueError("has no reflections")
    found = listed(indices, (plus, minus), taken, cell, group, f000=f000)
    return found._replace(remarks=replaced + found.remarks)


def _numbers(block, column):
    """A column as numbers, NaN where the file has ? or . for what is not there; other text is refused."""
    gemmi = gemmi_module()
    found, loop = block.make_float_array(column.label), block.default_loop
    for row in np.flatnonzero(np.isnan(found)).tolist():
        text = loop[row, column.number]
        if not gemmi.cif.is_null(text):
            hkl = " ".join(loop[row, block.column_labels().index(name)] for name in ("index_h", "index_k", "index_l"))
            raise ValueError(f"column {column.label}: {one_line(ascii(text))} of {one_line(hkl)} is no number; what is"
                             " missing is ? or .")
    return found


def _usable(block, gemmi):
    """A block without the rows whose status says that they were not measured, and how many these are."""
    if "status" not in block.column_labels():
        return 0
    loop = block.default_loop
    at = block.column_labels().index("status")
    width, values = loop.width(), list(loop.values)
    rows = [values[start:start + width] for start in range(0, len(values), width)]
    kept = [row for row in rows if gemmi.cif.as_string(row[at]) not in _UNUSABLE]
    if len(kept) < len(rows):
        loop.set_all_values([list(column) for column in zip(*kept)] if kept else [[] for _ in range(width)])
    return len(rows) - len(kept)


def has_reflections(data):
    """Whether the text of a CIF file has reflections, rather than atoms."""
    return b"_refln.index_h" in data or b"_refln_index_h" in data


def read_refln_cif(path, column=None, *, block=None, **options):
    """The reflections of a file, as `reflections_of_block`.

    Parameters
    ----------
    path : str or path-like
        The file; .gz is decompressed.
    column
        As in `reflections_of_block`.
    block : str, optional
        Name of the data block; by default the first with a column to take.
    options
        As in `reflections_of_block`.

    Returns
    -------
    reflections.Listed

    Raises
    ------
    FileFormatError
        If it is no such file, or as `reflections_of_block` says.
    OSError
        If it cannot be read.
    """
    gemmi = gemmi_module()
    data = text_content(path)
    with naming_the_kind(path, "a CIF file", ("CIF", "gzip-compressed")), reading(path, "CIF file"):
        document = gemmi.cif.read_string(data.decode("latin-1"))
        names = [each.name for each in document]
        with_loops = [each for each in document if each.find_loop("_refln.index_h")]
        # gemmi carries the cell of one block over to those after it
        blocks = list(gemmi.as_refln_blocks(document)) if with_loops else []
    if not blocks:
        old = " (_refln_index_h is that of small molecules)" if b"_refln_index_h" in data else ""
        raise format_error(path, f"has no reflections (_refln.index_h){old}")
    if block is not None:
        blocks = [each for each in blocks if each.block.name == block]
        if not blocks:
            raise format_error(path, f"has no block {block!r} with reflections; its blocks are {', '.join(names[:20])}"
                                     + (f" and {len(names) - 20} more" if len(names) > 20 else ""))
    failure = None
    for each in blocks:
        try:
            with reading(path, "CIF file", ours=True):
                dropped = _usable(each, gemmi)
                found = reflections_of_block(each, column, **options)
        except ValueError as error:
            failure = failure or error
            continue
        said = f"block {each.block.name}, {found.said}" if len(blocks) > 1 else found.said
        remarks = found.remarks + ((f"{dropped} of a status that says not measured",) if dropped else ())
        return found._replace(said=said, remarks=remarks)
    raise failure
