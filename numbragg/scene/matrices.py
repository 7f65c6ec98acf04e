"""Products of matrices whose bits are the same everywhere."""

import numpy as np

__all__ = ["product"]


def product(first, second):
    """Two matrices multiplied, each sum in its order, whatever library NumPy has.

    Parameters
    ----------
    first : (n, m) array
    second : (m, k) array

    Returns
    -------
    (n, k) array
    """
    return np.array([[sum(a * b for a, b in zip(row, column)) for column in second.T.tolist()]
                     for row in first.tolist()])
