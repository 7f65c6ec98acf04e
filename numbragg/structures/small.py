"""Small-molecule CIF (_atom_site_fract_x and its like): its atoms as those of any other model."""

import math

from ..scene.matrices import sum_in_order
from .library import gemmi_module, one_line

__all__ = ["is_small", "other_symmetry", "structure_of_small"]

#: B = 8 pi^2 U.
_B_OF_U = 8.0 * math.pi ** 2


def is_small(block):
    """Whether a block of a CIF file has atoms with fractional coordinates only, as those of small molecules do."""
    return bool(block.find_values("_atom_site_fract_x"))


def structure_of_small(block):
    """A gemmi.Structure of the atoms of a block.

    Parameters
    ----------
    block : gemmi.cif.Block

    Returns
    -------
    gemmi.Structure
        Occupancies are those of PDB files, in which an atom on a twofold axis has half of it.

    Raises
    ------
    ValueError
        If coordinates or occupancies are no numbers, or the space group is not known.
    """
    gemmi = gemmi_module()
    small = gemmi.make_small_structure_from_block(block)
    if small.spacegroup is None:
        named = one_line(small.spacegroup_hm or "none")
        raise ValueError(f"its space group ({named}) is not known, or its symmetry operations are not those of one")
    _with_b(small, block)
    small.change_occupancies_to_crystallographic()
    residue = gemmi.Residue()
    residue.name, residue.seqid = "SML", gemmi.SeqId("1")
    for site in small.sites:
        residue.add_atom(_atom(gemmi, small.cell, site))
    chain, model, made = gemmi.Chain("A"), gemmi.Model(1), gemmi.Structure()
    chain.add_residue(residue)
    model.add_chain(chain)
    made.cell, made.spacegroup_hm = small.cell, small.spacegroup.xhm()
    made.add_model(model)
    made.setup_cell_images()
    return made


def other_symmetry(block):
    """Where what a block says of its space group disagrees with the one that counts.

    Parameters
    ----------
    block : gemmi.cif.Block

    Returns
    -------
    tuple of str
        One text for each of name, Hall symbol and number that stands for another one.
    """
    gemmi = gemmi_module()
    small = gemmi.make_small_structure_from_block(block)
    counted = small.spacegroup
    if counted is None:
        return ()
    by = "its symmetry operations" if small.symops else "the rest of the file"
    return tuple(f"the space group is {counted.xhm()} by {by}, which counts, but {said} by its {what}"
                 for what, said in _claims(gemmi, small, counted))


def _claims(gemmi, small, counted):
    """Name, Hall symbol and number, as they are written, where they stand for another space group."""
    named = gemmi.find_spacegroup_by_name(small.spacegroup_hm) if small.spacegroup_hm else None
    # a name without a setting may mean any one of it
    if named is not None and (named.hm != counted.hm or ":" in small.spacegroup_hm and named.xhm() != counted.xhm()):
        yield "name", named.xhm()
    if small.spacegroup_hall:
        try:
            other = gemmi.symops_from_hall(small.spacegroup_hall) != counted.operations()
        except (RuntimeError, ValueError):
            # as unknown as a name may be
            other = False
        if other:
            yield "Hall symbol", one_line(small.spacegroup_hall)
    if small.spacegroup_number and small.spacegroup_number != counted.number:
        yield "number", str(small.spacegroup_number)


def _with_b(small, block):
    """Older files have B in the place of U, which gemmi does not read."""
    table = block.find("_atom_site_", ["label", "B_iso_or_equiv"])
    found = {row.str(0): gemmi_module().cif.as_number(row[1]) for row in table}
    for site in small.sites:
        b = found.get(site.label, math.nan)
        if site.u_iso == 0.0 and math.isfinite(b):
            site.u_iso = b / _B_OF_U


def _atom(gemmi, cell, site):
    atom = gemmi.Atom()
    atom.name, atom.element, atom.occ = site.label[:8], site.element, site.occ
    atom.pos, atom.b_iso = cell.orthogonalize(site.fract), _B_OF_U * site.u_iso
    if site.aniso.nonzero():
        atom.aniso = _cartesian(gemmi, cell, site.aniso)
        atom.b_iso = _B_OF_U * atom.aniso.trace() / 3.0
    return atom


def _cartesian(gemmi, cell, u):
    """U of a CIF file, along the reciprocal axes, in Cartesian axes."""
    reciprocal = cell.reciprocal().parameters[:3]
    # columns of the matrix are a, b, c; each by the length of its reciprocal axis
    axes = [[value * length for value, length in zip(row, reciprocal)] for row in cell.orth.mat.tolist()]
    rows = ((u.u11, u.u12, u.u13), (u.u12, u.u22, u.u23), (u.u13, u.u23, u.u33))

    def element(i, j):
        return sum_in_order(axes[i][m] * rows[m][n] * axes[j][n] for m in range(3) for n in range(3))

    return gemmi.SMat33f(*(element(i, j) for i, j in ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))))
