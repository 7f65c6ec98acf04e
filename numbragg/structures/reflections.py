"""Reflections as a file lists them, and what is dropped of them before they are expanded."""

from typing import NamedTuple

import numpy as np

from .columns import ROOTS

__all__ = ["MODULI", "Listed", "given", "is_flag", "listed", "moduli"]

#: What is said of complex amplitudes.
MODULI = "complex numbers, of which the moduli are taken"

#: Numbers that stand for what was not measured in files of old: nines, at least three.
_FLAGS = tuple(float("9" * digits) for digits in range(3, 11)) + (9999.99, 99999.99, 999.99, 999.9, 9999.9)


_UNMEASURED = "of 0 with a standard deviation of 0, taken for not measured"


class Listed(NamedTuple):
    """Reflections of a file, not expanded."""

    indices: np.ndarray  # (n, 3) int64
    plus: np.ndarray  # (n,) float64 amplitudes [electrons]; NaN: missing
    minus: np.ndarray | None  # of -h, -k, -l
    cell: tuple | None  # six floats [Angstrom, deg]
    space_group: object  # gemmi.SpaceGroup
    said: str  # which columns these are
    remarks: tuple  # what was dropped, with counts
    loud: tuple = ()  # what is not as it seems
    wavelength: float | None = None  # of f' and f'' [Angstrom]


def moduli(values):
    """Moduli of complex numbers, by operations that are rounded exactly, so with the same bits everywhere."""
    re, im = np.ascontiguousarray(values.real, np.float64), np.ascontiguousarray(values.imag, np.float64)
    return np.sqrt(re * re + im * im)


def is_flag(value):
    """Whether a number stands for what was not measured: -999, -9999 and their like."""
    return -value in _FLAGS


def _amplitudes(values, squared, column, indices, counts):
    """One column as amplitudes, flags as NaN, intensities as roots; and where there were flags.

    `column` is its name and its standard deviations, or None in their place.
    """
    label, sigmas = column
    values = np.array(values, np.float64)
    flagged = np.isin(-values, _FLAGS) | np.isinf(values)
    counts["flagged as missing"] += int(np.count_nonzero(flagged))
    if sigmas is not None:
        # files of old have nothing else to say so; what was measured as 0 has a standard deviation
        unmeasured = (values == 0.0) & (sigmas <= 0.0)
        counts[_UNMEASURED] += int(np.count_nonzero(unmeasured))
        flagged |= unmeasured
    values[flagged] = np.nan
    negative = values < 0.0
    if squared:
        counts["negative intensities taken for 0"] += int(np.count_nonzero(negative))
        values[negative] = 0.0
        return np.sqrt(values), flagged
    if negative.any():
        first = int(np.flatnonzero(negative)[0])
        raise ValueError(f"column {label}: {values[first]:g} of {' '.join(map(str, indices[first].tolist()))}; "
                         f"amplitudes are not negative ({np.count_nonzero(negative)} are)")
    return values, flagged


def listed(indices, columns, taken, cell, space_group, *, f000=False, sigmas=(None, None)):
    """Reflections with their amplitudes checked.

    Parameters
    ----------
    indices : (n, 3) integers
    columns : (plus, minus) arrays of (n,) numbers
        The second may be None.
    taken : columns.Taken
    cell, space_group
        As in `Listed`.
    f000 : bool
        Whether 0 0 0 is kept.
    sigmas : (plus, minus) arrays of (n,) numbers, or None for each
        Standard deviations: an amplitude of 0 that has one of 0 or less was not measured.

    Returns
    -------
    Listed

    Raises
    ------
    ValueError
        If an amplitude is negative, none is left, or all are 0.
    """
    indices = np.asarray(indices, np.int64)
    counts = {"flagged as missing": 0, _UNMEASURED: 0, "negative intensities taken for 0": 0}
    plus, flagged = _amplitudes(columns[0], taken.squared, (taken.plus.label, sigmas[0]), indices, counts)
    minus = None
    if columns[1] is not None:
        minus, flagged_minus = _amplitudes(columns[1], taken.squared, (taken.minus.label, sigmas[1]), indices,
                                            counts)
        flagged |= flagged_minus
    if minus is None and taken.plus.role.endswith("-"):
        indices = -indices
    there = ~np.isnan(plus) if minus is None else ~(np.isnan(plus) & np.isnan(minus))
    # what is flagged is counted as such
    counts["without a value"] = int(np.count_nonzero(~there & ~flagged))
    origin = there & ~indices.any(axis=1)
    if not f000:
        counts["0 0 0 left out"] = int(np.count_nonzero(origin))
        there &= ~origin
    if not there.any():
        raise ValueError(f"column {taken.label}: has no value for any reflection")
    kept = None if minus is None else minus[there]
    # NaN is not above 0
    if not ((plus[there] > 0.0).any() or kept is not None and (kept > 0.0).any()):
        raise ValueError(f"column {taken.label}: all amplitudes are 0")
    said = f"column {taken.label}" + (", roots of intensities" if taken.squared else "")
    if taken.others:
        said += f" (not {', '.join(taken.others)})"
    remarks = tuple(f"{count} {what}" for what, count in counts.items() if count)
    return Listed(indices[there], plus[there], kept, cell, space_group, said, remarks, tuple(_loud(taken)))


def _loud(taken):
    if taken.passed:
        yield (f"column {taken.label}: calculated amplitudes are taken, and measured intensities"
               f" ({', '.join(taken.passed)}) passed over; {ROOTS}")
    if taken.minus is None and taken.plus.role.endswith(("+", "-", "?")):
        yield (f"column {taken.label}: is of one of each Friedel pair, and the other has no column; both have its"
               " amplitudes")


def given(indices, amplitudes, cell, space_group, *, f000=False, said=()):
    """Reflections given as arrays.

    Parameters
    ----------
    indices : (n, 3) int64
    amplitudes : (n,) float64
        Finite, not negative [electrons].
    cell : six floats or None
        [Angstrom, deg]
    space_group : gemmi.SpaceGroup
    f000 : bool
        Whether 0 0 0 is kept.
    said : tuple of str
        What is known of the amplitudes.

    Returns
    -------
    Listed

    Raises
    ------
    ValueError
        If an amplitude is negative or there is nothing but 0 0 0.
    """
    if (amplitudes < 0.0).any():
        raise ValueError("amplitudes: some are negative; with space_group they must not be")
    kept = np.full(len(indices), True) if f000 else indices.any(axis=1)
    if not kept.any():
        raise ValueError("amplitudes: there is none but that of 0 0 0, which is left out; f000=True keeps it")
    left_out = int(np.count_nonzero(~kept))
    remarks = (*said, *((f"{left_out} 0 0 0 left out",) if left_out else ()))
    return Listed(indices[kept], amplitudes[kept], None, cell, space_group, "amplitudes given as arrays", remarks)
