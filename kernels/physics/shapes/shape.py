"""What a crystal shape is to the evaluators: its lattice factor in four forms, and what is known of their errors.

The lattice factor (lattice transform, interference function) is the sum of the phase factors of
all unit cells, as an amplitude.  The strict form has every operation of the C program in its order,
with the C library's functions.  The others are squared already, branch-free, and made of our own
elementary functions: the exact form, whose error the certificate knows; the accurate form, which
works from the exact fraction of an index to the last digits, and so comes nearer to the formula
than the C program does; and the form in single precision, from that fraction rounded to float32.
"""

from typing import Callable, NamedTuple

from ...compile.compilation import inlined

__all__ = ["Brief", "Shape", "Stages", "always_tested", "no_multiple"]


class Stages(NamedTuple):
    """The exact form in three parts, for loops over lanes.

    A processor looks some sixty vector operations ahead.  A step of one long chain after the other has too few in
    there that do not wait; parts of it, each in a loop over many lanes, keep it busy.  Where vectors are wide there are
    fewer that wait, and the last two parts have one loop.

    Attributes
    ----------
    early : function
        early(crystal, hkl, nearest) -> two vectors of three numbers that are kept.
    middle : function
        middle(crystal, first, second) -> two numbers, of these vectors.
    late : function
        late(crystal, first, second) -> (square, factor of its absolute error), of these numbers.
    """

    early: Callable
    middle: Callable
    late: Callable


class Brief(NamedTuple):
    """A shorter form of the square, of the same fractions of the indices but regrouped, for culled spots.

    Attributes
    ----------
    numbers : function
        numbers(crystal): what is made of a crystal once; the last is a factor of all squares.
    square : function
        square(numbers, constants, dh, dk, dl): the square over that factor; constants are those of
        `elementary.exp_squared_of`.
    error : function
        error(smallest): what it may be off besides the exact form's error, relative, in u; `smallest` is the smallest
        eigenvalue of the distance's quadratic form with its diagonal scaled to 1.
    """

    numbers: Callable
    square: Callable
    error: Callable


class Shape(NamedTuple):
    """One crystal shape; functions of kernels but for the last three.

    Attributes
    ----------
    strict : function
        strict(crystal, hkl, nearest): the amplitude.
    exact : function
        exact(about) makes the function (crystal, hkl, nearest) -> (square, factor of its absolute
        error); `about`: use the shorter reduction of sines' arguments, where there is one.
    accurate : function
        accurate(crystal, hkl, nearest) -> (square, 0.0).
    single : function
        single(numbers, dh, dk, dl) -> float32 square, from what `lattice.single_crystal` gives and
        the fractions of the indices as float32.
    is_tested : function
        is_tested(crystal, hkl, nearest, skip_zero): whether the C program tests the margins of the
        table, which it does where its lattice factor is not 0.  To test too often does no harm.
    error : function
        error(about): relative errors of the square, exact and strict form together, in u = 2**-53.
    largest_multiple : function
        largest_multiple(crystal, index): no sine or cosine of the lanes has an argument beyond this
        multiple of pi, where no Miller index is beyond `index`.
    budgeted : bool
        Whether the exact form has an absolute error, summed up beside the terms.
    measured : bool
        Whether distances are measured in reciprocal space, by a*, b*, c*, and not in units of cells.
    stages : function or None
        stages(about) makes `Stages` for the lanes; None: the exact form is short enough as it is.
    reach, decay : function or None
        Of shapes that depend on that squared distance only, r: reach(crystal), from where on the square is exactly 0;
        decay(crystal), so that it falls as exp(-decay r), 0 where it does not fall before.
    brief : Brief or None
        None: the exact form is short enough.
    """

    strict: Callable
    exact: Callable
    accurate: Callable
    single: Callable
    is_tested: Callable
    error: Callable
    largest_multiple: Callable
    budgeted: bool
    measured: bool
    stages: Callable | None = None
    reach: Callable | None = None
    decay: Callable | None = None
    brief: Brief | None = None


@inlined
def always_tested(crystal, hkl, nearest, skip_zero):
    """For shapes whose lattice factor is hardly ever exactly 0."""
    return True


def no_multiple(crystal, index):
    """For shapes without sines and cosines."""
    return 0.0
