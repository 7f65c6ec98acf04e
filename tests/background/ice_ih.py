"""The table of ice from its structure: ordinary ice Ih as a powder, in `numbragg/background/ice_table.py`.

Run it to write that file anew.  Amplitudes are of a molecule: F**2 is the mean over all orientations of the
scattering of a crystal, over its number of molecules,

    F**2(s) = sum over hkl |F_hkl|**2 g(s - s_hkl) / (4 pi s**2 V Z) + sum over atoms f**2 (1 - exp(-2 B stol**2)),

s = 1/d = 2 stol; g is a Gaussian of FWHM 0.006 1/Angstrom (crystallites of some 150 Angstrom, by Scherrer), the second
term what thermal motion takes from the rings.  Cell: a 4.4969, c 7.3211 Angstrom at 100 K (Roettger et al. 1994, Acta
Cryst. B50, 644); P63/mmc, O at (1/3, 2/3, 0.0622), half hydrogens on the bonds at (1/3, 2/3, 0.199) and (0.455, 0.910,
0.018) (Kuhs & Lehmann 1983); B 1.0 (O), 2.0 (H) Angstrom^2.  f: Cromer & Mann's, International Tables C, 6.1.1.4.
"""

import math
from pathlib import Path

A, C = 4.4969, 7.3211
VOLUME = A * A * C * math.sqrt(3.0) / 2.0
MOLECULES = 4
MOLECULAR_WEIGHT = 18.015
AVOGADRO = 6.02214179e23
FWHM = 0.006
STEP, LAST = 0.0005, 0.7
B_O, B_H = 1.0, 2.0

OXYGEN = ((3.0485, 13.2771), (2.2868, 5.7011), (1.5463, 0.3239), (0.867, 32.9089)), 0.2508
HYDROGEN = ((0.489918, 20.6593), (0.262003, 7.74039), (0.196767, 49.5519), (0.049879, 2.20159)), 0.001305


def form_factor(kind, stol):
    """Scattering factor of an atom at rest [electrons]."""
    terms, constant = kind
    return constant + sum(a * math.exp(-b * stol * stol) for a, b in terms)


def sites():
    """Fractional places of one cell: (x, y, z, is it oxygen, occupancy)."""
    found = []

    def axis(z, oxygen, occupancy):
        # 4f
        for x, y, height in ((1 / 3, 2 / 3, z), (2 / 3, 1 / 3, z + 0.5), (2 / 3, 1 / 3, -z), (1 / 3, 2 / 3, 0.5 - z)):
            found.append((x, y, height, oxygen, occupancy))

    axis(0.0622, True, 1.0)
    axis(0.199, False, 0.5)
    x, z = 0.455, 0.018
    # 12k
    for u, v in ((x, 2 * x), (-2 * x, -x), (x, -x)):
        found.extend([(u, v, z, False, 0.5), (-u, -v, z + 0.5, False, 0.5), (-u, -v, -z, False, 0.5),
                      (u, v, 0.5 - z, False, 0.5)])
    return found


def inverse_d(h, k, l):
    """1/d [1/Angstrom] of a hexagonal cell."""
    return math.sqrt(4.0 / 3.0 * (h * h + h * k + k * k) / (A * A) + l * l / (C * C))


def square(h, k, l):
    """|F|**2 of a reflection, thermal motion included."""
    stol = 0.5 * inverse_d(h, k, l)
    f = {True: form_factor(OXYGEN, stol) * math.exp(-B_O * stol * stol),
         False: form_factor(HYDROGEN, stol) * math.exp(-B_H * stol * stol)}
    real = imaginary = 0.0
    for x, y, z, oxygen, occupancy in sites():
        angle = 2.0 * math.pi * (h * x + k * y + l * z)
        real += occupancy * f[oxygen] * math.cos(angle)
        imaginary += occupancy * f[oxygen] * math.sin(angle)
    return real * real + imaginary * imaginary


def rings():
    """(1/d, |F|**2) of all reflections that the table meets, rings of equal 1/d together."""
    found = {}
    largest = 2.0 * LAST + 4.0 * FWHM
    n, m = int(largest * A) + 2, int(largest * C) + 1
    for h in range(-n, n + 1):
        for k in range(-n, n + 1):
            for l in range(-m, m + 1):
                s = inverse_d(h, k, l)
                if 0.0 < s < largest:
                    found[round(s, 9)] = found.get(round(s, 9), 0.0) + square(h, k, l)
    return sorted(found.items())


def table():
    """F [electrons] of a molecule at 0, STEP, 2 STEP and so on."""
    sigma = FWHM / math.sqrt(8.0 * math.log(2.0))
    every, values = rings(), []
    for i in range(round(LAST / STEP) + 1):
        stol = i * STEP
        s = 2.0 * stol
        total = (form_factor(OXYGEN, stol) ** 2 * -math.expm1(-2.0 * B_O * stol * stol)
                 + 2.0 * form_factor(HYDROGEN, stol) ** 2 * -math.expm1(-2.0 * B_H * stol * stol))
        for ring, strength in every:
            if abs(s - ring) < 6.0 * sigma:
                peak = math.exp(-0.5 * ((s - ring) / sigma) ** 2) / (sigma * math.sqrt(2.0 * math.pi))
                total += strength * peak / (4.0 * math.pi * s * s * VOLUME * MOLECULES)
        values.append(round(math.sqrt(total), 3))
    return values


def module():
    """Text of the module that holds the table."""
    density = MOLECULES * MOLECULAR_WEIGHT / (VOLUME * 1e-24 * AVOGADRO)
    lines = ['"""Ice Ih as a powder: amplitude of a molecule, from its structure by tests/background/ice_ih.py."""',
             "", '__all__ = ["DENSITY", "F", "MOLECULAR_WEIGHT", "STEP"]', "",
             "#: From row to row, sin(theta)/lambda [1/Angstrom]; the first is at 0.", f"STEP = {STEP}",
             "#: [g/cm^3] and [g/mol].", f"DENSITY, MOLECULAR_WEIGHT = {density:.4f}, {MOLECULAR_WEIGHT}",
             "#: [electrons]", "F = ("]
    row = "   "
    for value in table():
        word = f" {value:g},"
        if len(row) + len(word) > 118:
            lines.append(row)
            row = "   "
        row += word
    return "\n".join([*lines, row, ")", ""])


if __name__ == "__main__":
    target = Path(__file__).resolve().parents[2] / "numbragg" / "background" / "ice_table.py"
    target.write_text(module(), encoding="utf-8")
