"""A parallelepiped of one unit cell: its lattice factor is 1, in every form and without error."""

import numpy as np

from ...compile.compilation import inlined
from .shape import Shape, always_tested, no_multiple
from .square import square_factor

__all__ = ["ONE_CELL_SHAPE"]


@inlined
def _one(crystal, hkl, nearest):
    return 1.0, 0.0


@inlined
def _single(numbers, dh, dk, dl):
    return np.float32(1.0)


ONE_CELL_SHAPE = Shape(strict=square_factor, exact=lambda about: _one, accurate=_one, single=_single,
                       is_tested=always_tested, error=lambda about: 0.0, largest_multiple=no_multiple, budgeted=False, measured=False)
