"""Merged reflections of an mmCIF file, as the Protein Data Bank keeps structure factors."""

import re

import numpy as np

from ..io.errors import format_error
from ..io.kinds import naming_the_kind
from ..io.literals import whole
from .cif_symmetry import cell_of_block, space_group_of_block
from .columns import Column, choose, is_map_coefficient
from .library import gemmi_module, one_line, reading, text_content
from .reflections import listed
from .symmetry import NO_GROUP, settled

__all__ = ["has_reflections", "read_refln_cif", "reflections_of_block"]

_ROLES = {"F_meas_au": "F", "F_meas": "F", "F_calc": "F", "F_calc_au": "F", "pdbx_F_calc_with_solvent": "F",
          "pdbx_F_plus": "F+", "pdbx_F_minus": "F-", "intensity_meas": "I", "F_squared_meas": "I",
          "F_squared_calc": "I", "intensity_calc": "I", "pdbx_I_plus": "I+", "pdbx_I_minus": "I-"}

#: Where standard deviations of a column are.
_SIGMAS = {"F_meas_au": "F_meas_sigma_au", "F_meas": "F_meas_sigma", "pdbx_F_plus": "pdbx_F_plus_sigma",
           "pdbx_F_minus": "pdbx_F_minus_sigma", "intensity_meas": "intensity_sigma",
           "F_squared_meas": "F_squared_sigma", "pdbx_I_plus": "pdbx_I_plus_sigma",
           "pdbx_I_minus": "pdbx_I_minus_sigma"}

_INDICES = ("index_h", "index_k", "index_l")

#: How names of items are written here; files may have them in any case.
_USUAL = {name.lower(): name for name in (*_INDICES, "status", *_ROLES, *_SIGMAS.values())}
_ITEM = re.compile(rb"(?<!\S)_refln\.(\S+)", re.IGNORECASE)

#: Values of _refln.status of what was not measured, or not reliably, and of what is systematically absent.
_UNUSABLE = frozenset("x-")


def _columns(block):
    found = []
    for number, label in enumerate(block.column_labels()):
        role, what = _ROLES.get(label, ""), "another quantity"
        if is_map_coefficient(label):
            what = "coefficients of a map"
        elif "phase" in label.lower() or "PHWT" in label.upper():
            what = "phases"
        elif "sigma" in label.lower():
            what = "standard deviations"
        found.append(Column(label, role, number, what))
    return found


def reflections_of_block(block, column=None, *, squared=False, space_group=None, f000=False, otherwise=None):
    """The reflections of a gemmi.ReflnBlock.

    Parameters
    ----------
    block : gemmi.ReflnBlock
    column, squared, space_group, f000
        As in `mtz.reflections_of_mtz`; the column is named without ``_refln.``.
    otherwise : gemmi.SpaceGroup, optional
        That of a block before, where this one names none.

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
    cell = cell_of_block(block.cell, block.block)
    own, unknown, others = space_group_of_block(block.block, cell)
    own = own or block.spacegroup or otherwise
    if own is None and space_group is None and unknown:
        raise ValueError(f"{NO_GROUP}: {unknown}")
    group, replaced = settled(space_group, own, cell)
    if column is not None and column.lower().startswith("_refln."):
        column = column[len("_refln."):]
    taken = choose(_columns(block), column, squared)
    both = (taken.plus, taken.minus)
    plus, minus = (None if one is None else _numbers(block, one) for one in both)
    sigmas = tuple(None if one is None else _deviations(block, one) for one in both)
    found = listed(_indices(block), (plus, minus), taken, cell, group, f000=f000, sigmas=sigmas)
    loud = others if space_group is None else ()
    return found._replace(remarks=replaced + found.remarks, loud=found.loud + loud)


def _indices(block):
    """Miller indices of a block, (n, 3)."""
    try:
        indices = block.make_miller_array()
    except (RuntimeError, ValueError) as error:
        loop, labels = block.default_loop, list(block.column_labels())
        for name in _INDICES:
            if name not in labels:
                raise ValueError(f"has no _refln.{name}") from None
            for row in range(loop.length()):
                text = loop[row, labels.index(name)]
                if whole(text) is None:
                    raise ValueError(f"_refln.{name}: {one_line(ascii(text))} of reflection {row + 1} must be a whole"
                                     " number") from None
        raise ValueError(f"index_h, index_k, index_l: {one_line(error)}") from None
    if len(indices) == 0:
        raise ValueError("has no reflections")
    return indices


def _deviations(block, column):
    """The standard deviations of a column, or None where there are none."""
    label = _SIGMAS.get(column.label)
    return None if label not in block.column_labels() else block.make_float_array(label)


def _numbers(block, column):
    """A column as numbers, NaN where the file has ? or . for what is not there; other text is refused."""
    gemmi = gemmi_module()
    found, loop = block.make_float_array(column.label), block.default_loop
    for row in np.flatnonzero(np.isnan(found)).tolist():
        text = loop[row, column.number]
        if not gemmi.cif.is_null(text):
            hkl = " ".join(loop[row, block.column_labels().index(name)] for name in _INDICES)
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
    return re.search(rb"_refln[._]index_h", data, re.IGNORECASE) is not None


def _usual_names(data):
    """The text of a file with the items of reflections written as they usually are."""
    return _ITEM.sub(lambda found: b"_refln." + _USUAL.get(
        found[1].decode("latin-1").lower(), found[1].decode("latin-1")).encode("latin-1"), data)


def _with_loop(block):
    """A block whose one reflection stands in items of their own, with a loop of one row in their place."""
    pairs = [item.pair for item in block if item.pair is not None and item.pair[0].lower().startswith("_refln.")]
    if "_refln.index_h" not in [name for name, _ in pairs]:
        return
    for name, _ in pairs:
        block.find_pair_item(name).erase()
    block.init_loop("_refln.", [name.partition(".")[2] for name, _ in pairs]).add_row([text for _, text in pairs])


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
        document = gemmi.cif.read_string(_usual_names(data).decode("latin-1"))
        for each in document:
            _with_loop(each)
        names = [each.name for each in document]
        with_loops = [each for each in document if each.find_loop("_refln.index_h")]
        # gemmi carries the cell of one block over to those after it
        blocks = list(gemmi.as_refln_blocks(document)) if with_loops else []
    if not blocks:
        old = " (_refln_index_h is that of small molecules)" if has_reflections(data) else ""
        raise format_error(path, f"has no reflections (_refln.index_h){old}")
    if block is not None:
        blocks = [each for each in blocks if each.block.name == block]
        if not blocks:
            raise format_error(path, f"has no block {block!r} with reflections; its blocks are {', '.join(names[:20])}"
                                     + (f" and {len(names) - 20} more" if len(names) > 20 else ""))
    failure, before = None, None
    for each in blocks:
        try:
            with reading(path, "CIF file", ours=True):
                dropped = _usable(each, gemmi)
                # a block without one has that of a block before it, as it has the cell
                before = space_group_of_block(each.block, each.cell.parameters)[0] or each.spacegroup or before
                found = reflections_of_block(each, column, otherwise=before, **options)
        except ValueError as error:
            failure = failure or error
            continue
        said = f"block {each.block.name}, {found.said}" if len(blocks) > 1 else found.said
        remarks = found.remarks + ((f"{dropped} of a status that says not measured",) if dropped else ())
        return found._replace(said=said, remarks=remarks)
    raise failure
