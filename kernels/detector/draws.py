"""Random numbers by counter: each has a name (seed, stage, frame, panel, pixel) and no place in a sequence.

Philox4x32-10 (J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, "Parallel random numbers: as easy as
1, 2, 3", SC11, 2011) turns a counter of four words and a key of two into four words, by whole numbers
alone, so that bits are the same everywhere.  Nothing is carried from one number to the next: a pixel's
is the same alone and in an image, in any order and on any number of threads.

The counter is (fast, slow, frame, panel << 8 | stage), the key the seed's low and high word.
"""

import numpy as np

from ..compile.compilation import inlined

__all__ = ["COUNTING", "CALIBRATION", "FLICKER", "READOUT", "GAIN_STAGE", "POINT_SPREAD", "DEAD", "HOT", "BITS",
           "draw", "philox"]

#: Stages of a detector, each with numbers of its own; at most 255.
COUNTING, CALIBRATION, FLICKER, READOUT, GAIN_STAGE, POINT_SPREAD, DEAD, HOT = range(1, 9)

#: Random bits of a number.
BITS = 53

_MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_WEYL = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)
_WORD = np.uint64(32)
_BYTE = np.uint64(8)
_DROPPED = np.uint64(64 - BITS)


@inlined
def _round(x0, x1, x2, x3, key0, key1):
    """One of the ten rounds. Words of 32 bits in 64, so that products are whole."""
    first, second = _MULTIPLIERS[0] * x0, _MULTIPLIERS[1] * x2
    return ((second >> _WORD) ^ x1 ^ key0, second & _LOW, (first >> _WORD) ^ x3 ^ key1, first & _LOW)


@inlined
def philox(counter, key):
    """Philox4x32-10.

    Parameters
    ----------
    counter : tuple of 4 uint64
        Each below 2**32.
    key : tuple of 2 uint64
        Each below 2**32.

    Returns
    -------
    tuple of 4 uint64
        Each below 2**32.
    """
    x0, x1, x2, x3 = counter
    key0, key1 = key
    x0, x1, x2, x3 = _round(x0, x1, x2, x3, key0, key1)
    for _ in range(9):
        key0, key1 = (key0 + _WEYL[0]) & _LOW, (key1 + _WEYL[1]) & _LOW
        x0, x1, x2, x3 = _round(x0, x1, x2, x3, key0, key1)
    return x0, x1, x2, x3


@inlined
def draw(seed, stage, frame, panel, slow, fast):
    """53 random bits of a pixel.

    Parameters
    ----------
    seed : uint64
    stage : int
        `COUNTING` and so on; 0 to 255.
    frame : int
        0 to 2**32 - 1.
    panel : int
        0 to 2**24 - 1.
    slow, fast : int
        0 to 2**32 - 1.

    Returns
    -------
    uint64
        k, 0 <= k < 2**53. It stands for the uniform number (k + 1/2) 2**-53, strictly between 0 and 1,
        whose complement to 1 is exactly the number of 2**53 - 1 - k.

    """
    seed = np.uint64(seed)
    x0, x1, _, _ = philox((np.uint64(fast), np.uint64(slow), np.uint64(frame),
                           np.uint64(panel) << _BYTE | np.uint64(stage)), (seed & _LOW, seed >> _WORD))
    return (x1 << _WORD | x0) >> _DROPPED
