"""Standard normal deviates by the inverse of the distribution: one uniform number each.

The rational functions are those of algorithm AS 241, PPND16 (M. J. Wichura, Applied Statistics 37 (1988) 477);
logarithm and root are ours and the processor's, so that bits are the same everywhere.
"""

import numpy as np

from ..arithmetic.fused import sqrt
from ..arithmetic.logarithm import log
from ..compile.compilation import inlined, jit
from ..compile.stack import on_stack
from .draws import draw

__all__ = ["CENTRAL", "NORMAL_BOUND", "central_deviate", "deviate_of_tail", "normal", "normal_row"]

#: Largest distance of the uniform number from 1/2 for `central_deviate`.
CENTRAL = 0.425

#: Error of `normal`, relative, in units of 2**-53 (tests/kernels/detector/test_normal.py).
NORMAL_BOUND = 16.0

_HALF = 2.0**52
_STEP = 2.0**-53
_BLOCK = 512

# numerators and denominators, the highest power first
_CENTRE = (
    (2509.0809287301226727, 33430.575583588128105, 67265.770927008700853, 45921.953931549871457,
     13731.693765509461125, 1971.5909503065514427, 133.14166789178437745, 3.3871328727963666080),
    (5226.4952788528545610, 28729.085735721942674, 39307.895800092710610, 21213.794301586595867,
     5394.1960214247511077, 687.18700749205790830, 42.313330701600911252, 1.0),
)
_TAIL = (
    (7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1, 1.27045825245236838258,
     3.64784832476320460504, 5.76949722146069140550, 4.63033784615654529590, 1.42343711074968357734),
    (1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2, 1.48103976427480074590e-1,
     6.89767334985100004550e-1, 1.67638483018380384940, 2.05319162663775882187, 1.0),
)
_FAR_TAIL = (
    (2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3, 2.65321895265761230930e-2,
     2.96560571828504891230e-1, 1.78482653991729133580, 5.46378491116411436990, 6.65790464350110377720),
    (2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5, 7.86869131145613259100e-4,
     1.48753612908506148525e-2, 1.36929880922735805310e-1, 5.99832206555887937690e-1, 1.0),
)


@inlined
def _ratio(c, r):
    above, below = c
    p = ((((((above[0] * r + above[1]) * r + above[2]) * r + above[3]) * r + above[4]) * r + above[5]) * r
         + above[6]) * r + above[7]
    q = ((((((below[0] * r + below[1]) * r + below[2]) * r + below[3]) * r + below[4]) * r + below[5]) * r
         + below[6]) * r + below[7]
    return p / q


@inlined
def central_deviate(q):
    """The standard normal deviate whose probability is 1/2 + q; |q| <= `CENTRAL`."""
    return q * _ratio(_CENTRE, 0.180625 - q * q)


@inlined
def deviate_of_tail(t):
    """The number, 0 or above, that a standard normal deviate exceeds with probability t; 2**-54 <= t <= 1/2."""
    q = 0.5 - t
    if q <= CENTRAL:
        return central_deviate(q)
    r = sqrt(-log(t))
    if r <= 5.0:
        return _ratio(_TAIL, r - 1.6)
    return _ratio(_FAR_TAIL, r - 5.0)


@inlined
def normal(k):
    """Standard normal deviate of 53 random bits.

    Parameters
    ----------
    k : uint64
        As `draws.draw` makes it: the uniform number is (k + 1/2) 2**-53.

    Returns
    -------
    float
        Between -8.3 and 8.3; error at most `NORMAL_BOUND`. That of 2**53 - 1 - k is exactly the negative.
    """
    x = np.float64(k)
    if x < _HALF:
        return -deviate_of_tail((x + 0.5) * _STEP)
    return deviate_of_tail((2.0**53 - 1.0 - x + 0.5) * _STEP)


@jit
def normal_row(out, seed, stage, frame, panel, slow, fast):
    """Standard normal deviates of pixels that are neighbours in the fast direction, each as `normal` makes it.

    Parameters
    ----------
    out : (n,) float64 array
        Filled.
    seed : uint64
    stage, frame, panel, slow, fast : int
        As of `draws.draw`, those of the first pixel.
    """
    numbers = on_stack(_BLOCK, np.uint64)
    for first in range(0, out.shape[0], _BLOCK):
        size = min(_BLOCK, out.shape[0] - first)
        for i in range(size):
            numbers[i] = draw(seed, stage, frame, panel, slow, fast + first + i)
        # vector code: exact differences, as in `normal`
        for i in range(size):
            q = (np.float64(numbers[i]) - (_HALF - 0.5)) * _STEP
            out[first + i] = central_deviate(min(max(q, -CENTRAL), CENTRAL))
        for i in range(size):
            if abs((np.float64(numbers[i]) - (_HALF - 0.5)) * _STEP) > CENTRAL:
                out[first + i] = normal(numbers[i])
