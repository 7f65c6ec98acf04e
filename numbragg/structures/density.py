"""The transform of a model's electron density on a grid: for models too large to be summed up atom by atom."""

import math

import numpy as np

from .. import memory
from .library import gemmi_module

__all__ = ["density_waves"]

#: Points of the grid for each d_min / 2, and the density at which an atom is cut off, relative to its middle: with
#: these amplitudes are within 1e-5 of the sum, on average.
_RATE, _CUTOFF = 2.5, 1e-7


def _calculator(structure, space_group, d_min):
    gemmi = gemmi_module()
    made = gemmi.DensityCalculatorX()
    made.d_min, made.rate, made.cutoff = d_min, _RATE, _CUTOFF
    points = math.prod(2.0 * _RATE * length / d_min + 8.0 for length in structure.cell.parameters[:3])
    memory.require(int(16 * points), "model: the grid of its density")
    made.grid.set_unit_cell(structure.cell)
    made.grid.spacegroup = space_group
    made.set_refmac_compatible_blur(structure[0])
    return gemmi, made


def _transformed(gemmi, made, indices):
    waves = gemmi.transform_map_to_f_phi(made.grid, half_l=True)
    found = waves.get_value_by_hkl(np.ascontiguousarray(indices, np.int32), unblur=made.blur)
    return found.real.astype(np.float64), found.imag.astype(np.float64)


def density_waves(structure, space_group, d_min, indices, anomalous):
    """Waves of a model, from its density.

    Parameters
    ----------
    structure : gemmi.Structure
        Its first model counts.
    space_group : gemmi.SpaceGroup
    d_min : float
        [Angstrom]
    indices : (n, 3) integers
    anomalous : dict
        f' and f'' [electrons] by the name of the element.

    Returns
    -------
    (normal_re, normal_im), (odd_re, odd_im)
        The sums with f0 + f' and with f'', (n,) float64 each.
    """
    gemmi, made = _calculator(structure, space_group, d_min)
    for name, (f1, _) in anomalous.items():
        made.addends.set(gemmi.Element(name), f1)
    made.put_model_density_on_grid(structure[0])
    normal = _transformed(gemmi, made, indices)
    if not any(f2 for _, f2 in anomalous.values()):
        return normal, (np.zeros(len(indices)), np.zeros(len(indices)))
    # f'' does not depend on the angle: every atom is a Gaussian of its B alone
    gemmi, made = _calculator(structure, space_group, d_min)
    made.initialize_grid()
    for site in structure[0].all():
        f2 = anomalous.get(site.atom.element.name, (0.0, 0.0))[1]
        if f2 != 0.0:
            made.add_c_contribution_to_grid(site.atom, f2)
    made.grid.symmetrize_sum()
    return normal, _transformed(gemmi, made, indices)
