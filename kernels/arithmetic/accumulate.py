"""How terms are added up: one after the other, or with what each addition rounds off carried along.

All in the precision of their arguments, in the order in which the terms come: that of the C program.
"""

import numpy as np

from ..compile.compilation import inlined

__all__ = ["add", "add_compensated", "compensated_total"]


@inlined
def add(total, term):
    """The sum so far and one term more, rounded."""
    return total + term


@inlined
def add_compensated(total, correction, term):
    """The sum so far and one term more, with a second sum of what was rounded off.

    Parameters
    ----------
    total, correction : float32 or float64
        Both 0 (the first may be the start of the sum) before the first term.
    term : the same type

    Returns
    -------
    total, correction : the same type

    Notes
    -----
    Neumaier's variant of Kahan's summation: the rounding error of the addition, whichever of the
    two is larger.  It is a floating-point number, found here without a comparison (Knuth's two-sum).

    References
    ----------
    Neumaier (1974). ZAMM 54, 39-51.  Knuth (1998). The Art of Computer Programming 2, 4.2.2, theorem B.
    """
    now = total + term
    part = now - total
    return now, correction + ((total - (now - part)) + (term - part))


@inlined
def compensated_total(total, correction):
    """The compensated sum as a double; an infinite sum has no correction."""
    return np.float64(total) + np.float64(correction) if correction == correction else np.float64(total)
