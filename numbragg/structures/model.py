"""Amplitudes of a model of atoms: the sum over atoms and operations, with f' and f'', and bulk solvent."""

import math
from typing import NamedTuple

import numpy as np

from .. import memory
from ..io.kinds import naming_the_kind
from ..kernels.atoms import Sites, add_atoms, form_factors
from ..kernels.drive.crew import Crew, available_threads
from ..scene.matrices import product, sum_in_order
from ..scene.units import HC_EV_ANGSTROM
from .completeness import stol2
from .density import density_waves
from .expansion import LARGEST_INDEX, centric
from .library import gemmi_module, one_line, reading, text_content
from .occupancies import odd_occupancies, zero_occupancies
from .pdb_text import odd_records
from .reflections import Listed
from .small import is_small, other_symmetry, structure_of_small
from .symmetry import checked_cell, symmetry_of

__all__ = ["B_SOLVENT", "K_SOLVENT", "METHODS", "MOST_TERMS", "Atoms", "atoms_of", "check_structure",
           "model_reflections", "read_model", "read_model_with_notes"]

#: How a model is summed up: as its size has it, term by term, or by the density on a grid.
METHODS = ("auto", "sum", "fft")

#: Flat bulk solvent: its density [electrons/Angstrom^3] and B [Angstrom^2], means of many structures.
K_SOLVENT, B_SOLVENT = 0.35, 46.0

#: Terms of a sum, one for each atom, operation and reflection, that take some minutes; beyond, the density is used.
MOST_TERMS = 2e10

#: Reflections and atoms of a piece of the sum: some tenths of a second of work, after which signals act.
_REFLECTIONS, _TERMS = 4096, 1 << 24

#: Coordinates, occupancies and B factors beyond this are mistakes.
_LARGEST_NUMBER = 1e5

#: Bytes that a reflection takes while a model is summed up, besides 16 for each element.
_REFLECTION_BYTES = 160

#: Part of d_min by which the d of a reflection at it may be rounded.
_AT_THE_LIMIT = 1e-9

#: Part of an edge by which the axes of SCALEn may miss the cell.
_FRAME = 0.01

#: What X-rays that crystals diffract have [Angstrom]: anything else was probably meant in another unit.
WAVELENGTHS = (0.05, 10.0)

#: The last element with a table of f' and f''.
_LAST_ANOMALOUS = 92


class Atoms(NamedTuple):
    """Atoms of the asymmetric unit."""

    sites: Sites
    names: tuple  # of gemmi.Element, for the rows of sums
    unknown: int  # atoms of no known element, left out


def read_model(path, kind):
    """A gemmi.Structure of a file.

    Parameters
    ----------
    path : str or path-like
        The file; .gz is decompressed.
    kind : str
        "pdb" or "cif", as `kinds.file_kind` says.

    Returns
    -------
    gemmi.Structure

    Raises
    ------
    FileFormatError
        If it holds no atoms, or no crystal.
    OSError
        If it cannot be read.
    """
    return read_model_with_notes(path, kind)[0]


def read_model_with_notes(path, kind):
    """As `read_model`, and what is not as it seems in that file, as a tuple of str."""
    gemmi = gemmi_module()
    text = text_content(path).decode("latin-1")
    own = ("PDB" if kind == "pdb" else "CIF", "gzip-compressed")
    with naming_the_kind(path, "a model in a PDB file" if kind == "pdb" else "a CIF file", own):
        with reading(path, "model"):
            document = None if kind == "pdb" else gemmi.cif.read_string(text)
            structure = gemmi.read_pdb_string(text) if document is None else _of_macromolecule(gemmi, document)
        with reading(path, "model", ours=True):
            notes = () if kind != "pdb" else tuple(odd_records(text))
            if structure is None:
                structure, notes = _of_small_molecule(document)
            check_structure(structure)
    return structure, notes


def _of_macromolecule(gemmi, document):
    """The structure of the first block of a CIF file with atoms in orthogonal coordinates, or None."""
    block = next((block for block in document if block.find_loop("_atom_site.id")), None)
    return None if block is None else gemmi.make_structure_from_block(block)


def _of_small_molecule(document):
    """The structure of the first block of a CIF file with atoms in fractional coordinates, and notes on it."""
    block = next(filter(is_small, document), None)
    if block is None:
        with_reflections = any(each.find_values("_refln.index_h") or each.find_values("_refln_index_h")
                               for each in document)
        raise ValueError("has no atoms" + (", but reflections, which from_cif reads" if with_reflections else ""))
    return structure_of_small(block), other_symmetry(block)


def check_structure(structure):
    """The space group of a gemmi.Structure.

    Raises
    ------
    ValueError
        If there are no atoms, no cell or no space group that is known.
    """
    if len(structure) == 0 or structure[0].count_atom_sites() == 0:
        raise ValueError("has no atoms")
    checked_cell(structure.cell)
    space_group = structure.find_spacegroup()
    if space_group is None:
        raise ValueError(f"has the space group {structure.spacegroup_hm!a}, which is not known")
    return space_group


def _beta(atom, fractional):
    """Coefficients of h^2, k^2, l^2, hk, hl, kl in the exponent of an anisotropic atom, as a matrix."""
    u = np.array([[atom.aniso.u11, atom.aniso.u12, atom.aniso.u13], [atom.aniso.u12, atom.aniso.u22, atom.aniso.u23],
                  [atom.aniso.u13, atom.aniso.u23, atom.aniso.u33]])
    return 2.0 * math.pi ** 2 * product(product(fractional, u), fractional.T)


def _packed(matrix):
    (a, d, e), (_, b, f), (_, _, c) = matrix.tolist()
    return a, b, c, 2.0 * d, 2.0 * e, 2.0 * f


def atoms_of(structure, space_group):
    """The atoms of the first model of a gemmi.Structure.

    Raises
    ------
    ValueError
        If a coordinate, an occupancy or a B factor is not finite, or every occupancy is 0.
    """
    gemmi = gemmi_module()
    symmetry, cell = symmetry_of(space_group), structure.cell
    fractional = np.array(cell.frac.mat.tolist())
    rotations = symmetry.rotations.astype(np.float64)
    names, rows, unknown = [], [], 0
    for site in structure[0].all():
        atom = site.atom
        if atom.element.atomic_number == 0:
            unknown += 1
            continue
        if atom.element.name not in names:
            names.append(atom.element.name)
        images, b_iso = [(0.0,) * 6] * len(rotations), atom.b_iso
        if atom.aniso.nonzero():
            beta = _beta(atom, fractional)
            images, b_iso = [_packed(product(product(each, beta), each.T)) for each in rotations], math.nan
        place = cell.fractionalize(atom.pos).tolist()
        numbers = [*place, atom.occ, atom.b_iso, *images[0]]
        if not all(map(math.isfinite, numbers)) or max(map(abs, numbers)) > _LARGEST_NUMBER:
            raise ValueError(f"atom {site}: its place, occupancy or B factor is no sensible number")
        rows.append((place, atom.occ, b_iso, images, names.index(atom.element.name)))
    if not rows:
        raise ValueError("has no atoms of a known element")
    places, occupancies, b_iso, beta, elements = zip(*rows)
    if not any(occupancies):
        raise ValueError(f"all of its {len(rows)} atoms have an occupancy of 0, so that every amplitude would be 0; a"
                         " blank field of occupancy counts as 0")
    positions = np.array([[[sum(r * x for r, x in zip(line, place)) + t / 24.0 for line, t in zip(rotation, shift)]
                           for rotation, shift in zip(rotations.tolist(), symmetry.translations.tolist())]
                          for place in places])
    sites = Sites(positions, np.array(occupancies, float), np.array(b_iso, float), np.array(beta, float),
                  np.array(elements, np.int64))
    return Atoms(sites, tuple(map(gemmi.Element, names)), unknown)


def _sums(atoms, indices, s2):
    """Waves of all atoms, without form factors, by element: real and imaginary parts."""
    indices = np.ascontiguousarray(indices, np.int64)
    operations, size = atoms.sites.positions.shape[1], 2 * int(np.abs(indices).max()) + 1
    sums = np.zeros((2, len(atoms.names), len(indices)))

    def work(piece):
        start, stop = piece
        step = max(1, _TERMS // ((stop - start) * operations))
        part = np.zeros((2, len(atoms.names), stop - start))
        tables = np.empty((operations, 3, 2, size))
        for first in range(0, len(atoms.sites.elements), step):
            some = Sites(*(array[first:first + step] for array in atoms.sites))
            add_atoms(indices[start:stop], s2[start:stop], some, tables, part[0], part[1])
        sums[:, :, start:stop] = part

    # compiled before there are threads
    work((0, 1))
    Crew(available_threads()).run(work, [(start, min(start + _REFLECTIONS, len(indices)))
                                         for start in range(0, len(indices), _REFLECTIONS)])
    return sums


def _form_factors(names, s2):
    """Form factors of elements, (elements, n) [electrons]."""
    tables = [element.it92 for element in names]
    found = np.empty((len(names), len(s2)))
    form_factors(np.array([each.a for each in tables], float), np.array([each.b for each in tables], float),
                 np.array([each.c for each in tables], float), s2, found)
    return found


def _anomalous(elements, wavelength):
    """f' and f'' of elements at a wavelength [Angstrom], or zeros, by name."""
    if wavelength is None:
        return {element.name: (0.0, 0.0) for element in elements}
    gemmi = gemmi_module()
    return {element.name: gemmi.cromer_liberman(element.atomic_number, HC_EV_ANGSTROM / wavelength)
            for element in elements}


def _solvent(structure, space_group, d_min, indices, s2):
    """The scattering of flat bulk solvent, real and imaginary part."""
    gemmi = gemmi_module()
    grid = gemmi.FloatGrid()
    grid.set_unit_cell(structure.cell)
    grid.spacegroup = space_group
    points = math.prod(3.0 * length / d_min + 8.0 for length in structure.cell.parameters[:3])
    memory.require(int(24 * points), "bulk solvent: its mask")
    grid.set_size_from_spacing(min(d_min / 3.0, 1.0), gemmi.GridSizeRounding.Up)
    masker = gemmi.SolventMasker(gemmi.AtomicRadiiSet.Cctbx)
    try:
        masker.put_mask_on_float_grid(grid, structure[0])
    except RuntimeError as error:
        numbers = " ".join(f"{value:g}" for value in structure.cell.parameters)
        raise ValueError(f"bulk solvent: cannot be put into the cell {numbers} ({one_line(error)}); in Python,"
                         " solvent=False leaves it out") from None
    waves = gemmi.transform_map_to_f_phi(grid, half_l=True)
    found = waves.get_value_by_hkl(np.ascontiguousarray(indices, np.int32)).astype(np.complex128)
    damping = np.array([K_SOLVENT * math.exp(-B_SOLVENT * value) for value in s2.tolist()])
    return damping * found.real, damping * found.imag


def _wanted(structure, space_group, d_min, f000):
    """The reflections of an asymmetric unit to a resolution."""
    gemmi = gemmi_module()
    count = 4.2 * structure.cell.volume / d_min ** 3
    bytes_each = _REFLECTION_BYTES + 8 * len(space_group.operations())
    memory.require(int(min(bytes_each * count, 1e18)), f"model: {count:.3g} reflections to {d_min:g} Angstrom")
    if max(structure.cell.parameters[:3]) / d_min > LARGEST_INDEX // 3:
        raise ValueError(f"d_min_angstrom: {d_min:g} Angstrom; too many reflections")
    # what lies at d_min itself belongs to it, however its d is rounded
    indices = gemmi.make_miller_array(structure.cell, space_group, d_min * (1.0 - _AT_THE_LIMIT)).astype(np.int64)
    if f000:
        indices = np.concatenate([np.zeros((1, 3), np.int64), indices])
    if not len(indices):
        raise ValueError(f"d_min_angstrom: {d_min:g} Angstrom; no reflection of the cell reaches that far")
    return indices


def _whole(structure):
    """The structure in the usual frame, with copies by strict non-crystallographic symmetry, which files may leave out.
    """
    if structure.cell.explicit_matrices or not all(operation.given for operation in structure.ncs):
        structure = structure.clone()
    if structure.cell.explicit_matrices:
        _check_frame(structure.cell)
        structure.standardize_crystal_frame()
    if not all(operation.given for operation in structure.ncs):
        for site in structure[0].all():
            if not all(abs(x) <= _LARGEST_NUMBER for x in site.atom.pos.tolist()):
                raise ValueError(f"atom {site}: its place, occupancy or B factor is no sensible number")
        for operation in structure.ncs:
            _check_copy(operation)
        structure.expand_ncs(gemmi_module().HowToNameCopiedChain.Dup)
    return structure


def _check_copy(operation):
    """Refuse what is no rotation and shift: gemmi would search in all the space that copies spread over."""
    rows = operation.tr.mat.tolist()
    products = [sum_in_order(a * b for a, b in zip(one, other)) - (one is other) for one in rows for other in rows]
    shift = max(map(abs, operation.tr.vec.tolist()))
    # not a number is never within
    if not (all(abs(value) <= _FRAME for value in products) and shift <= _LARGEST_NUMBER):
        raise ValueError(f"its operation {operation.id!a} between copies (MTRIXn) is no rotation with a shift")


def _check_frame(cell):
    """Refuse SCALEn records that do not belong to the cell."""
    axes = np.array(cell.orth.mat.tolist()).T.tolist()
    for axis, length in zip(axes, cell.parameters[:3]):
        if not abs(math.sqrt(sum_in_order(x * x for x in axis)) - length) <= _FRAME * length:
            raise ValueError("its matrix of fractional coordinates (SCALEn) does not belong to its cell")


def _summed(atoms, indices, s2, anomalous):
    """The sums with f0 + f' and with f'', term by term: two pairs of real and imaginary parts."""
    memory.require(40 * len(atoms.names) * len(indices), f"model: {len(indices)} reflections")
    real, imaginary = _sums(atoms, indices, s2)
    f0 = _form_factors(atoms.names, s2)
    normal, odd = np.zeros((2, len(indices))), np.zeros((2, len(indices)))
    for row, element in enumerate(atoms.names):
        f1, f2 = anomalous[element.name]
        for part, waves in enumerate((real, imaginary)):
            # what overflows is refused by the caller
            with np.errstate(over="ignore", invalid="ignore"):
                normal[part] += (f0[row] + f1) * waves[row]
                odd[part] += f2 * waves[row]
    return normal, odd


def model_reflections(structure, d_min, wavelength=None, *, solvent=True, f000=False, method="auto"):
    """Amplitudes of a model, F(-h) kept apart.

    Parameters
    ----------
    structure : gemmi.Structure
        Its first model counts, with copies by strict non-crystallographic symmetry.
    d_min : float
        Resolution [Angstrom].
    wavelength : float, optional
        Of f' and f'' [Angstrom]; None: both are 0.
    solvent : bool
        Whether flat bulk solvent is added.
    f000 : bool
        Whether 0 0 0 is among the reflections.
    method : str
        One of `METHODS`.

    Returns
    -------
    reflections.Listed

    Raises
    ------
    ValueError
        As `check_structure` and `atoms_of`; or if there are no reflections or too many.

    Notes
    -----
    F(h) = sum over elements of (f0(s) + f' + i f'') S(h), where S is the sum over atoms of that element and over
    operations of occupancy, exp(-B s^2) or exp(-h beta h), and exp(2 pi i h x); s = sin(theta) / lambda.  S(-h) is the
    conjugate of S(h).  The solvent adds k exp(-B s^2) M(h), M being the transform of a mask.
    """
    space_group = check_structure(structure)
    structure = _whole(structure)
    indices = _wanted(structure, space_group, d_min, f000)
    cell = tuple(structure.cell.parameters)
    s2 = stol2(indices, cell)
    atoms = atoms_of(structure, space_group)
    anomalous = _anomalous(atoms.names, wavelength)
    if method == "auto":
        method = "fft" if float(atoms.sites.positions[..., 0].size) * len(indices) > MOST_TERMS else "sum"
    if method == "sum":
        normal, odd = _summed(atoms, indices, s2, anomalous)
    else:
        normal, odd = density_waves(structure, space_group, d_min, indices, anomalous)
    (re, im), (odd_re, odd_im) = normal, odd
    if solvent:
        mask_re, mask_im = _solvent(structure, space_group, d_min, indices, s2)
        re, im = re + mask_re, im + mask_im
    if not all(np.isfinite(part).all() for part in (re, im, odd_re, odd_im)):
        raise ValueError("its amplitudes are not finite: a B factor is far below zero")
    # A + iB for h; for -h, whose A and B are the conjugates, the modulus is that of A - iB
    plus, minus = _modulus(re - odd_im, im + odd_re), None
    if wavelength is not None:
        # of centric reflections they are the same but for rounding, which is a large part of small ones
        same = centric(indices, symmetry_of(space_group))
        minus = np.where(same, plus, _modulus(re + odd_im, im - odd_re))
    if not plus.any():
        raise ValueError("every amplitude of its atoms would be 0")
    said = _said(structure, atoms, wavelength, solvent) + (", from its density on a grid" if method == "fft" else "")
    return Listed(indices, plus, minus, cell, space_group, said, tuple(_left_out(atoms, wavelength)),
                  (*_odd(wavelength), *odd_occupancies(structure, atoms.sites, structure.cell)), wavelength)


def _modulus(re, im):
    with np.errstate(over="ignore"):
        found = np.sqrt(re * re + im * im)
    if not np.isfinite(found).all():
        raise ValueError("its amplitudes are too large: a B factor is far below zero")
    return found


def _odd(wavelength):
    """A wavelength that was probably meant in another unit."""
    low, high = WAVELENGTHS
    if wavelength is not None and not low <= wavelength <= high:
        yield (f"f' and f'' at {wavelength:g} Angstrom; wavelengths are in Angstrom, and X-rays that crystals diffract"
               f" have {low:g} to {high:g}")


def _left_out(atoms, wavelength):
    """What a model has and its amplitudes have not."""
    if atoms.unknown:
        yield f"{atoms.unknown} atoms of no known element"
    beyond = [element.name for element in atoms.names if element.atomic_number > _LAST_ANOMALOUS]
    if wavelength is not None and beyond:
        yield f"f' and f'' of {', '.join(beyond)}, for which there is no table"


def _said(structure, atoms, wavelength, solvent):
    said = f"model of {len(atoms.sites.elements)} atoms"
    at_rest = int(np.count_nonzero(atoms.sites.b_iso == 0.0))
    if at_rest:
        said += f", {at_rest} of them at rest (B 0)"
    absent = zero_occupancies(atoms.sites)
    if absent:
        said += f", {absent} of them of occupancy 0"
    if len(structure) > 1:
        said += f", the first of {len(structure)} models"
    said += ", no f' and f''" if wavelength is None else f", f' and f'' at {wavelength:.6g} Angstrom"
    return said + (", with bulk solvent" if solvent else ", without solvent")
