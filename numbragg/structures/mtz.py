"""Merged reflections of an MTZ file, or of a gemmi.Mtz."""

import os
import struct
import tempfile

import numpy as np

from ..io.errors import format_error, shown
from ..io.kinds import kind_of
from ..io.literals import whole
from .columns import Column, choose, is_map_coefficient
from .expansion import LARGEST_INDEX
from .library import content, gemmi_module, reading
from .mates import glued_sign, mate_stem, sigma_number, signed
from .reflections import listed
from .symmetry import checked_cell, settled

__all__ = ["read_mtz", "reflections_of_mtz"]

#: Types of columns that have a role; the signs of pairs are in their names.
_ROLES = {"F": "F", "G": "F", "J": "I", "K": "I"}

_TYPES = {"H": "indices", "P": "phases", "W": "weights", "Q": "standard deviations", "I": "flags",
          "A": "phase probabilities", "D": "anomalous differences", "M": "standard deviations",
          "L": "standard deviations", "E": "normalised amplitudes", "B": "batch numbers", "Y": "symmetry codes",
          "R": "real numbers of no stated kind"}

_HEADER = 80


def _columns(mtz):
    found = []
    labels = [column.label for column in mtz.columns]
    for number, column in enumerate(mtz.columns):
        role, what = _ROLES.get(column.type, ""), _TYPES.get(column.type, f"type {column.type}")
        if role and is_map_coefficient(column.label):
            role, what = "", "coefficients of a map"
            stem = ""
        else:
            sign, stem = _sign(column, [each.label for each in mtz.columns if each.type == column.type])
            role += sign if role else ""
        label = column.label
        if labels.count(label) > 1:
            # the same name in several data sets
            label = f"{mtz.dataset(column.dataset_id).dataset_name}/{label}"
            stem = f"{mtz.dataset(column.dataset_id).dataset_name}/{stem}" if stem else ""
        found.append(Column(label, role, number, what, stem))
    return found


def _sign(column, labels):
    """Which of a Friedel pair a column is by its type and name, "?" where it is one; and what the pair has in common.
    """
    if column.type in "GK":
        sign, stem = signed(column.label)
        return (sign, stem) if sign else glued_sign(column.label, labels)
    if "(+)" in column.label or "(-)" in column.label:
        return signed(column.label)
    # any name may end in P or M
    if not column.label.endswith(("+", "-")):
        return "", column.label
    return mate_stem(column.label, labels)


def _unmerged(mtz):
    """By batches, or by the code of the operation that each observation has; a merged file may have codes ISYM too."""
    return len(mtz.batches) > 0 or any(
        column.type == "B" or column.label.upper().replace("_", "/") == "M/ISYM" for column in mtz.columns)


def reflections_of_mtz(mtz, column=None, *, squared=False, space_group=None, f000=False):
    """The reflections of a gemmi.Mtz.

    Parameters
    ----------
    mtz : gemmi.Mtz
    column : str, optional
        The column to take; see `columns.choose`.
    squared : bool
        Roots of intensities are taken.
    space_group : str, int or gemmi.SpaceGroup, optional
        Replaces that of the file.
    f000 : bool
        Whether 0 0 0 is kept.

    Returns
    -------
    reflections.Listed

    Raises
    ------
    ValueError
        If the data are unmerged, or there is no cell, space group or column.
    """
    if _unmerged(mtz):
        raise ValueError("holds unmerged data; amplitudes of merged reflections are wanted")
    taken = choose(_columns(mtz), column, squared)
    cell = mtz.get_cell(mtz.columns[taken.plus.number].dataset_id)
    cell = checked_cell(cell)
    group, replaced = settled(space_group, mtz.spacegroup, cell)
    array = mtz.array
    if array.ndim != 2 or array.shape[0] == 0:
        raise ValueError("has no reflections")
    if [column.type for column in mtz.columns][:3] != ["H"] * 3:
        raise ValueError("does not begin with three columns of indices")
    # numbers that are none may be of any kind
    with np.errstate(invalid="ignore"):
        indices = array[:, :3]
        if not (abs(indices) <= LARGEST_INDEX).all() or (indices != indices.round()).any():
            raise ValueError("has indices that are no whole numbers, or far too large")
        both = (taken.plus, taken.minus)
        plus, minus = (None if one is None else _with_flags(mtz, array, one.number) for one in both)
        sigmas = tuple(None if one is None else _deviations(mtz, array, one.number) for one in both)
    found = listed(indices, (plus, minus), taken, cell, group, f000=f000, sigmas=sigmas)
    return found._replace(remarks=replaced + found.remarks)


def _with_flags(mtz, array, number):
    """A column in which the file's own value for what is missing is NaN."""
    values = array[:, number].astype("float64")
    if mtz.valm == mtz.valm:
        values[values == mtz.valm] = float("nan")
    return values


def _deviations(mtz, array, number):
    """The standard deviations of a column, or None where there are none."""
    place = sigma_number([(each.label, each.type) for each in mtz.columns], number)
    return None if place is None else array[:, place].astype("float64")


def _check_size(path, data):
    """Refuse a file that is none, or whose header announces more than there is: nothing is allocated for it."""
    if data[:4] != b"MTZ " or len(data) < _HEADER:
        kind = kind_of(data)
        raise format_error(path, "is no MTZ file: it does not begin with MTZ"
                                 + (f" and is of kind {kind}" if kind not in (None, "MTZ") else ""))
    order = "<" if data[8:10] in (b"DA", b"\x44\x41") else ">"
    place = struct.unpack(order + "i", data[4:8])[0]
    if place == -1:
        place = struct.unpack(order + "q", data[12:20])[0]
    start = 4 * (place - 1)
    if not _HEADER <= start < len(data):
        raise format_error(path, f"its header should begin at byte {start} of {len(data)}; the file is cut off")
    if data[start:start + 4] != b"VERS":
        raise format_error(path, f"its header is not at byte {start}, where it should begin: bytes were lost or added"
                                 " on the way, as by a transfer in text mode")
    for at in range(start, len(data), _HEADER):
        words = data[at:at + _HEADER].split()
        if words[:1] == [b"NCOL"]:
            columns, rows = (whole(word) for word in (*words[1:3], b"", b"")[:2])
            if columns is None or rows is None:
                raise format_error(path, f"its header has {shown(b' '.join(words[:3]))} where the numbers of columns"
                                         " and reflections should be")
            if columns < 4 or rows < 0 or 4 * columns * rows > start - _HEADER:
                raise format_error(path, f"its header announces {rows} reflections of {columns} columns, but it has"
                                         f" {(start - _HEADER) // 4} numbers")
            return
    raise format_error(path, "its header has no number of columns")


def _start(path):
    with open(path, "rb") as file:
        return file.read(64)


def read_mtz(path, column=None, **options):
    """The reflections of an MTZ file, as `reflections_of_mtz`.

    Parameters
    ----------
    path : str or path-like
        The file; .gz is decompressed.
    column, options
        As in `reflections_of_mtz`.

    Raises
    ------
    FileFormatError
        If it is no such file, or as `reflections_of_mtz` says.
    OSError
        If it cannot be read.
    """
    gemmi = gemmi_module()
    data = content(path)
    with reading(path, "MTZ file"):
        _check_size(path, data)
        if os.fsdecode(path).lower().endswith(".gz") or kind_of(_start(path)) == "gzip-compressed":
            # gemmi reads files by name only, and goes by its end
            with tempfile.TemporaryDirectory() as folder:
                name = os.path.join(folder, "it.mtz")
                with open(name, "wb") as file:
                    file.write(data)
                with reading(path, "MTZ file", name=name):
                    mtz = gemmi.read_mtz_file(name)
        else:
            mtz = gemmi.read_mtz_file(os.fsdecode(path))
    with reading(path, "MTZ file", ours=True):
        return reflections_of_mtz(mtz, column, **options)
