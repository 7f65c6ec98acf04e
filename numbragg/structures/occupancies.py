"""Occupancies that are not what they seem: of 0, beyond 1, and more than one atom's worth at one place."""

from collections import Counter
import itertools
import math

import numpy as np

from .. import memory

__all__ = ["odd_occupancies", "of_blank_fields", "zero_occupancies"]

#: Atoms nearer than this are at one place [Angstrom]: symmetry copies on a special position, or one atom twice.
SAME_PLACE = 0.3

#: Bytes that each place of an atom takes while they are sorted.
_PLACE_BYTES = 100

#: Atoms that are looked at of each box; a box of some tenths of an Angstrom has few.
_MOST_IN_A_BOX = 100

#: What occupancies may sum up to beyond 1, and what each of them may have been rounded by, in two decimals.
_TOLERANCE, _ROUNDING = 0.01, 0.005


def zero_occupancies(sites):
    """How many atoms do not scatter, for they have an occupancy of 0."""
    return int(np.count_nonzero(sites.occupancies == 0.0))


def odd_occupancies(structure, sites, cell):
    """What is odd of the occupancies of a model, which count as they stand in its file.

    Parameters
    ----------
    structure : gemmi.Structure
        Its first model counts.
    sites : kernels.atoms.Sites
        Its atoms of known elements, in their order.
    cell : gemmi.UnitCell

    Yields
    ------
    str
        One text for each kind, with the first atom and their number.
    """
    # copies of chains have their names
    chains = (number for number, chain in enumerate(structure[0]) for residue in chain for _ in residue)
    known = [each for each in zip(structure[0].all(), chains) if each[0].atom.element.atomic_number]
    atoms = [site for site, _ in known]
    occupancies = sites.occupancies
    beyond = np.flatnonzero((occupancies > 1.0) | (occupancies < 0.0))
    if beyond.size:
        first = beyond[0]
        yield (f"atom {atoms[first]}: an occupancy of {occupancies[first]:g}, taken as it is; they lie between 0 and 1"
               f" ({_atoms(beyond.size)})")
    # an atom beyond 1 has been named
    usual = np.where(np.isin(np.arange(len(atoms)), beyond), 0.0, occupancies)
    copies, others = _at_one_place(sites.positions, usual, cell)
    yield from _special(atoms, usual, copies)
    yield from _crowded(atoms, usual, copies, others)
    yield from _alternatives(known, usual)


def _atoms(number):
    return "1 atom" if number == 1 else f"{number} atoms"


def _too_much(total, count):
    return total > 1.0 + np.maximum(_TOLERANCE, _ROUNDING * count)


def _special(atoms, occupancies, copies):
    special = np.flatnonzero((copies > 1) & _too_much(occupancies * copies, copies))
    if special.size:
        first = special[0]
        times, occupancy = copies[first], occupancies[first]
        yield (f"atom {atoms[first]}: lies on a special position, where {times} symmetry copies of occupancy"
               f" {occupancy:g} count as {times * occupancy:g} atoms; occupancies are taken as they stand, and"
               f" {1.0 / times:.3g} would be one atom ({_atoms(special.size)})")


def _crowded(atoms, occupancies, copies, others):
    """Different atoms, or copies of them by symmetry, at one place."""
    total, count = others[0] + occupancies * copies, others[1] + copies
    crowded = np.flatnonzero((others[0] > 0.0) & (occupancies > 0.0) & _too_much(total, count))
    if crowded.size:
        first = crowded[0]
        yield (f"atom {atoms[first]}: {count[first]} atoms within {SAME_PLACE:g} Angstrom, symmetry copies among them,"
               f" have occupancies of {total[first]:g} together; each counts ({_atoms(crowded.size)}): an atom listed"
               " twice, or the wrong space group")


def _alternatives(known, occupancies):
    """Alternative locations of one atom, by its name, whose occupancies sum up to more than 1."""
    sums, counts, first = Counter(), Counter(), {}
    for (site, chain), occupancy in zip(known, occupancies.tolist()):
        if site.atom.altloc == "\0":
            continue
        key = (chain, str(site.residue.seqid), site.atom.name)
        sums[key] += occupancy
        counts[key] += 1
        first.setdefault(key, site)
    odd = [key for key, total in sums.items() if counts[key] > 1 and _too_much(total, counts[key])]
    if odd:
        yield (f"atom {first[odd[0]]}: its {counts[odd[0]]} alternative locations have occupancies of"
               f" {sums[odd[0]]:g} together, taken as they are ({_atoms(len(odd))})")


def _at_one_place(positions, occupancies, cell):
    """Copies of each atom by symmetry at its own place, itself included; occupancies and number of other atoms there.

    Atoms are sorted into boxes no smaller than `SAME_PLACE`, so that only neighbouring boxes need to be looked at.
    """
    atoms, operations = positions.shape[:2]
    memory.require(_PLACE_BYTES * atoms * operations, f"model: {atoms} atoms and {operations} operations")
    places = positions.reshape(-1, 3) - np.floor(positions.reshape(-1, 3))
    heights = [1.0 / length for length in cell.reciprocal().parameters[:3]]
    boxes = [min(max(int(height / SAME_PLACE), 1), 1 << 20) for height in heights]
    # what is just below a whole number may be rounded up to it
    inside = np.minimum((places * boxes).astype(np.int64), np.array(boxes) - 1)
    keys = _key(inside, boxes)
    order = np.argsort(keys, kind="stable")
    keys, own = keys[order], inside[::operations]
    orth = np.array(cell.orth.mat.tolist())
    copies, total, count = np.zeros(atoms, np.int64), np.zeros(atoms), np.zeros(atoms, np.int64)
    for step in itertools.product(*((0, 1, -1)[:min(number, 3)] for number in boxes)):
        wanted = _key((own + step) % boxes, boxes)
        start, stop = np.searchsorted(keys, wanted, "left"), np.searchsorted(keys, wanted, "right")
        for more in range(min(int((stop - start).max()), _MOST_IN_A_BOX)):
            one = np.flatnonzero(stop - start > more)
            other = order[start[one] + more]
            apart = places[one * operations] - places[other]
            apart -= np.round(apart)
            near = np.square(apart @ orth.T).sum(axis=1) < SAME_PLACE ** 2
            one, other = one[near], other[near] // operations
            mine = one == other
            np.add.at(copies, one[mine], 1)
            np.add.at(total, one[~mine], occupancies[other[~mine]])
            np.add.at(count, one[~mine], occupancies[other[~mine]] > 0.0)
    return copies, (total, count)


def _key(inside, boxes):
    return (inside[:, 0] * boxes[1] + inside[:, 1]) * boxes[2] + inside[:, 2]


def of_blank_fields(lines):
    """Atoms of a PDB file whose field of occupancy has no number, which is read as 0.

    Parameters
    ----------
    lines : sequence of str

    Yields
    ------
    str
        At most one text, with the first atom and their number.
    """
    blank = [line for line in lines if line[:6].rstrip().upper() in ("ATOM", "HETATM")
             # a shorter line has no such field, and an occupancy of 1
             and len(line) >= _SHORTEST and not _is_number(line[54:60])]
    if blank:
        yield (f"atom {' '.join(blank[0][6:26].split())}: its field of occupancy is "
               f"{'blank' if not blank[0][54:60].strip() else 'no number'}, which counts as 0 ({_atoms(len(blank))})")


#: Characters of a line from which there is an occupancy, as gemmi has it.
_SHORTEST = 58


def _is_number(text):
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
