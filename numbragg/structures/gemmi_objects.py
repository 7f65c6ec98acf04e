"""Reflections of what somebody has read with gemmi: an Mtz, a ReflnBlock, an array with indices."""

import numpy as np

from .columns import Column, Taken
from .library import gemmi_module, one_line
from .mtz import reflections_of_mtz
from .reflections import MODULI, listed, moduli
from .refln_cif import reflections_of_block
from .symmetry import checked_cell, settled

__all__ = ["reflections_of"]

#: Arrays of values over an asymmetric unit.
_ARRAYS = ("FloatAsuData", "ComplexAsuData", "ValueSigmaAsuData")


def reflections_of(data, column=None, *, squared=False, space_group=None, f000=False):
    """The reflections of an object of gemmi's.

    Parameters
    ----------
    data : gemmi.Mtz, gemmi.ReflnBlock, gemmi.FloatAsuData, gemmi.ComplexAsuData or gemmi.ValueSigmaAsuData
    column : str, optional
        Of the first two only.
    squared : bool
        Roots of intensities are taken.
    space_group : str, int or gemmi.SpaceGroup, optional
        Replaces that of the object.
    f000 : bool
        Whether 0 0 0 is kept.

    Returns
    -------
    reflections.Listed

    Raises
    ------
    ValueError
        If it is another object, or as its reader says.
    """
    gemmi = gemmi_module()
    options = {"squared": squared, "space_group": space_group, "f000": f000}
    name = type(data).__name__
    try:
        if isinstance(data, gemmi.Mtz):
            return reflections_of_mtz(data, column, **options)
        if isinstance(data, gemmi.ReflnBlock):
            return reflections_of_block(data, column, **options)
        if name not in _ARRAYS or not isinstance(data, getattr(gemmi, name)):
            raise ValueError(f"{name}: is none of gemmi.Mtz, gemmi.ReflnBlock, "
                             + ", ".join(f"gemmi.{each}" for each in _ARRAYS))
        if column is not None:
            raise ValueError(f"column {column!r}: a gemmi.{name} has no columns")
        return _of_array(data, name, **options)
    except (RuntimeError, UnicodeDecodeError) as error:
        raise ValueError(f"gemmi.{name}: {one_line(error)}") from None


def _of_array(data, name, *, squared, space_group, f000):
    said, sigmas = (), None
    if name == "ValueSigmaAsuData":
        # one by one: gemmi 0.7 shows the array of these with a wrong step from one to the next
        pairs = np.array([(each.value.value, each.value.sigma) for each in data], float).reshape(-1, 2)
        values, sigmas = pairs[:, 0], pairs[:, 1]
    else:
        values = np.asarray(data.value_array)
    if values.dtype.kind == "c":
        if squared:
            raise ValueError(f'gemmi.{name}: holds complex amplitudes, of which intensities="sqrt" takes no roots')
        values, said = moduli(values), (MODULI,)
    taken = Taken(Column("values", "I" if squared else "F", 0), None, squared, ())
    cell = checked_cell(data.unit_cell)
    group, replaced = settled(space_group, data.spacegroup, cell)
    found = listed(np.asarray(data.miller_array), (values, None), taken, cell, group, f000=f000, sigmas=(sigmas, None))
    return found._replace(remarks=replaced + said + found.remarks)
