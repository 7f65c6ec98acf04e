"""Sums and products of matrices whose bits are the same everywhere."""

import numpy as np

__all__ = ["product", "product_of_rows", "sum_in_order"]


def sum_in_order(numbers):
    """Numbers added up from the first one on; Python's own `sum` of floats carries lost digits along from 3.12 on.

    Parameters
    ----------
    numbers : iterable of float

    Returns
    -------
    float
    """
    total = 0.0
    for number in numbers:
        total += number
    return total


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
    return np.array(product_of_rows(first.tolist(), second.tolist()))


def product_of_rows(first, second):
    """The same of rows of numbers, for small matrices that no array is made of. Returns a list of rows."""
    columns = list(zip(*second))
    return [[sum_in_order([a * b for a, b in zip(row, column)]) for column in columns] for row in first]
