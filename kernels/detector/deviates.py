"""Normal deviates, logarithms and exponentials one at a time, for what is drawn before an image.

Their bits are the same everywhere.  The functions are those of `normal`, `logarithm` and `elementary`, which loops
take as parts.
"""

from ..arithmetic.elementary import exp_negative
from ..arithmetic.logarithm import log
from ..compile.compilation import jit
from .normal import normal

__all__ = ["falling_exponential", "logarithm", "normal_deviate"]


@jit
def normal_deviate(k):
    """Standard normal deviate of 53 random bits, as `normal.normal`; k is a uint64."""
    return normal(k)


@jit
def logarithm(x):
    """Natural logarithm of a positive normal number, as `logarithm.log`."""
    return log(x)


@jit
def falling_exponential(x):
    """exp(x), as `elementary.exp_negative`; x from its least to 0."""
    return exp_negative(x)
