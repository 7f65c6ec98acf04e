"""Crystal shapes, one file each with all its forms, and the choice among them: here, and nowhere else."""

import numpy as np

from ...compile.compilation import inlined, variants
from ..lattice import fractions, single_crystal
from ..records import COMPENSATED, EXACT, GAUSS, GAUSS_HKL, ONE_CELL, ROUND, SINGLE, SQUARE, TOPHAT, TOPHAT_HKL
from .gauss import GAUSS_HKL_SHAPE, GAUSS_SHAPE
from .one_cell import ONE_CELL_SHAPE
from .round import ROUND_SHAPE
from .square import SQUARE_SHAPE
from .tophat import TOPHAT_HKL_SHAPE, TOPHAT_SHAPE

__all__ = ["SHAPE_OF", "kind_of", "lane_factor", "lane_stages", "lattice_factor"]

#: By the number that `Lattice.shape` holds, and ONE_CELL.
SHAPE_OF = {SQUARE: SQUARE_SHAPE, ROUND: ROUND_SHAPE, GAUSS: GAUSS_SHAPE, TOPHAT: TOPHAT_SHAPE,
            GAUSS_HKL: GAUSS_HKL_SHAPE, TOPHAT_HKL: TOPHAT_HKL_SHAPE, ONE_CELL: ONE_CELL_SHAPE}


def kind_of(crystal):
    """Number of the shape that the lanes take a crystal for: a parallelepiped of one cell is a shape of its own."""
    return ONE_CELL if crystal.shape == SQUARE and max(crystal.n_cells) <= 1.0 else crystal.shape


def _chosen(shapes):
    """One function for all shapes: the first if the crystal's shape is one of its, else the choice among the others."""
    (strict, numbers), *others = shapes
    if not others:
        return strict
    rest, number, other = _chosen(others), numbers[0], numbers[-1]

    @inlined
    def choice(crystal, hkl, nearest):
        if crystal.shape == number or crystal.shape == other:
            return strict(crystal, hkl, nearest)
        return rest(crystal, hkl, nearest)

    return choice


def _strict_forms():
    """Strict forms, each with the one number or the two that have it."""
    found = {}
    for number, shape in SHAPE_OF.items():
        if number != ONE_CELL:
            found.setdefault(shape.strict, []).append(number)
    assert all(len(numbers) <= 2 for numbers in found.values())
    return list(found.items())


_strict = _chosen(_strict_forms())


@inlined
def lattice_factor(crystal, hkl, nearest):
    """Lattice factor (an amplitude) at real-valued Miller indices, strictly.

    Parameters
    ----------
    crystal : records.Lattice
    hkl, nearest : tuples of 3 float64
        Real-valued indices, and those of the nearest lattice point.
    """
    return _strict(crystal, hkl, nearest)


def _single_lane(of_fractions):
    @inlined
    def factor(crystal, hkl, nearest):
        dh, dk, dl = fractions(hkl, nearest)
        return of_fractions(single_crystal(crystal), np.float32(dh), np.float32(dk), np.float32(dl)), 0.0

    return factor


@variants
def lane_factor(shape, precision, about):
    """Make the lane form of the lattice factor.

    Parameters
    ----------
    shape : int
        records.SQUARE, ROUND, GAUSS, TOPHAT, GAUSS_HKL, TOPHAT_HKL or ONE_CELL.
    precision : int
        records.EXACT, COMPENSATED or SINGLE.
    about : bool
        Exact: use the shorter reduction of sines' arguments, where there is one.

    Returns
    -------
    function
        factor(crystal, hkl, nearest): the squared lattice factor (float32 in single precision), and
        the factor of its absolute error, 0 where there is none.
    """
    made = SHAPE_OF[shape]
    return {EXACT: lambda: made.exact(about), COMPENSATED: lambda: made.accurate,
            SINGLE: lambda: _single_lane(made.single)}[precision]()


@variants
def lane_stages(shape, precision, about):
    """Make the parts of the lattice factor for loops over lanes: `Stages`, or None where `lane_factor` is the whole."""
    stages = SHAPE_OF[shape].stages
    return stages(about) if stages is not None and precision == EXACT else None
