"""What a file with structure factors is by its name; nothing is opened here."""

import os
import re

__all__ = ["CRYSTALLOGRAPHIC", "file_kind"]

#: Endings of files that hold a cell and a space group beside their reflections or atoms.
CRYSTALLOGRAPHIC = {".mtz": "mtz", ".cif": "cif", ".mmcif": "cif", ".pdb": "pdb", ".ent": "pdb"}


def file_kind(path):
    """The kind of a file by the ending of its name.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    str or None
        "mtz", "cif" (reflections or atoms) or "pdb", compressed or not; None for a text list.

    Examples
    --------
    >>> from numbragg.structures.kinds import file_kind
    >>> file_kind("1abc.PDB.gz"), file_kind("1abc.pdb1"), file_kind("list.hkl")
    ('pdb', 'pdb', None)
    """
    stem, ending = os.path.splitext(os.fsdecode(path).lower())
    if ending == ".gz":
        ending = os.path.splitext(stem)[1]
    # biological assemblies are numbered: .pdb1
    return CRYSTALLOGRAPHIC.get(re.sub(r"\A\.pdb[0-9]{1,2}\Z", ".pdb", ending))
