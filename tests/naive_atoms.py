"""Oracle in plain Python: structure factors as sums over atoms and symmetry operations, and expansion to P1.

Written from the formulas, with complex numbers and one term at a time; imports nothing of the program under test.
Space groups and form factors are tables of gemmi's, which both sides take as given.
"""

import cmath
import math

__all__ = ["amplitude_table", "form_factor", "structure_factor"]


def form_factor(element, stol2):
    """Of a free atom [electrons]."""
    table = element.it92
    return sum(a * math.exp(-b * stol2) for a, b in zip(table.a, table.b)) + table.c


def structure_factor(structure, hkl, anomalous=None):
    """F(hkl) of the first model of a gemmi.Structure, complex [electrons]; `anomalous` has (f', f'') by element."""
    cell = structure.cell
    stol2 = 0.25 * cell.calculate_1_d2(hkl)
    total = 0j
    for operation in structure.find_spacegroup().operations():
        for site in structure[0].all():
            atom = site.atom
            f1, f2 = (anomalous or {}).get(atom.element.name, (0.0, 0.0))
            x = operation.apply_to_xyz(cell.fractionalize(atom.pos).tolist())
            wave = cmath.exp(2j * math.pi * sum(h * value for h, value in zip(hkl, x)))
            total += atom.occ * _damping(atom, cell, operation, hkl, stol2) * wave * (
                form_factor(atom.element, stol2) + f1 + 1j * f2)
    return total


def _damping(atom, cell, operation, hkl, stol2):
    if not atom.aniso.nonzero():
        return math.exp(-atom.b_iso * stol2)
    # the image of an atom at h scatters as the atom itself at h R
    turned = [sum(h * row[n] for h, row in zip(hkl, operation.rot)) / 24 for n in range(3)]
    star = [sum(h * row[n] for h, row in zip(turned, cell.frac.mat.tolist())) for n in range(3)]
    u = atom.aniso
    mean = (u.u11 * star[0] ** 2 + u.u22 * star[1] ** 2 + u.u33 * star[2] ** 2
            + 2.0 * (u.u12 * star[0] * star[1] + u.u13 * star[0] * star[2] + u.u23 * star[1] * star[2]))
    return math.exp(-2.0 * math.pi ** 2 * mean)


def amplitude_table(rows, operations):
    """Amplitudes in P1, by indices, of rows (hkl, F+, F-): every operation, then the mates that are not there yet."""
    plus, minus, mates = {}, {}, {}
    for hkl, f_plus, f_minus in rows:
        for operation in operations:
            image = tuple(operation.apply_to_hkl(list(hkl)))
            mate = tuple(-h for h in image)
            if f_plus is not None:
                plus.setdefault(image, f_plus)
                mates.setdefault(mate, f_plus)
            if f_minus is not None:
                minus.setdefault(mate, f_minus)
                mates.setdefault(image, f_minus)
    return mates | minus | plus
