"""Small crystals and files for the tests of structure factors, made by gemmi."""

from pathlib import Path

import gemmi
import numpy as np
from places import ROOT
import pytest

#: Real files of the field lie beside the project, where they are at hand.
REAL = ROOT.parent / "shared" / "real"

ANISO = (0.05, 0.02, 0.08, 0.01, -0.02, 0.015)


def real(name):
    """The path of a real file, or a skipped test."""
    path = REAL / name
    if not path.exists():
        pytest.skip(f"{name} lies beside the project (../shared/real), and is not here")
    return path


def model(space_group="P 21 21 21", cell=(11.0, 13.0, 17.0, 90, 90, 90), elements="C N O Se"):
    """A structure of a few atoms in general places, some with anisotropic B factors."""
    structure = gemmi.Structure()
    structure.cell = gemmi.UnitCell(*cell)
    structure.spacegroup_hm = space_group
    structure.add_model(gemmi.Model(1))
    structure[0].add_chain(gemmi.Chain("A"))
    residue = gemmi.Residue()
    residue.name, residue.seqid = "LIG", gemmi.SeqId("1")
    for n, name in enumerate(elements.split()):
        atom = gemmi.Atom()
        atom.name, atom.element = f"{name}{n}", gemmi.Element(name)
        atom.pos = gemmi.Position(1.1 + 1.3 * n, 2.0 + 0.7 * n * n, 0.4 + 2.1 * n)
        atom.occ, atom.b_iso = 1.0 - 0.2 * n, 5.0 + 3.0 * n
        if n % 2:
            atom.aniso = gemmi.SMat33f(*ANISO)
        residue.add_atom(atom)
    structure[0][0].add_residue(residue)
    structure.setup_cell_images()
    return structure


def mtz(path, space_group, cell, columns, rows, wavelength=1.0):
    """Write an MTZ file: columns as (label, type), rows that begin with h, k, l."""
    made = gemmi.Mtz(with_base=True)
    made.spacegroup = gemmi.find_spacegroup_by_name(space_group, cell[3], cell[5])
    made.set_cell_for_all(gemmi.UnitCell(*cell))
    made.add_dataset("set").wavelength = wavelength
    for label, kind in columns:
        made.add_column(label, kind)
    made.set_data(np.array(rows, np.float32))
    made.write_to_file(str(path))
    return Path(path)
