"""Structure factors as an object: a dense table over Miller indices, and a default outside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import FrozenInstanceError
import os
from typing import TYPE_CHECKING, Any, BinaryIO, Self

import numpy as np

from ..io.literals import INT_MAX
from .checks import entries, finite, flag, optional, real_array, shown, whole

# start-up: readers are imported where there is a file to read; types of arrays are for checkers
if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["StructureFactors", "as_structure_factors"]


def _indices_of_box(field, value):
    """Three Miller indices of a corner of the table."""
    return tuple(whole(field, v, -INT_MAX) for v in entries(field, value, 3, "three whole numbers h, k, l"))


def _amplitudes(field, value, copy=False):
    """An array of real, finite amplitudes."""
    array = real_array(field, value, "real numbers [electrons]", copy)
    if not np.isfinite(array).all():
        raise ValueError(f"{field}: not all amplitudes are finite")
    return array


def _miller_indices(value, what):
    """Miller indices as integers of 64 bits, of any shape that ends in 3."""
    if isinstance(value, np.ma.MaskedArray):
        raise ValueError("indices: a masked array must be made a plain one first, its masked entries removed")
    try:
        array = np.asarray(value)
    except ValueError:
        # rows of several lengths
        raise ValueError(f"indices: {shown(value)}; must be {what}") from None
    if array.dtype.kind not in "iu" or array.ndim == 0 or array.shape[-1] != 3:
        raise ValueError(f"indices: shape {array.shape} of {array.dtype}; must be {what}")
    # compared before they are converted: the largest unsigned number would become -1
    if array.size and not (array.min() >= -INT_MAX and array.max() <= INT_MAX):
        raise ValueError("indices: beyond the range of 32-bit integers")
    return array.astype(np.int64)


class StructureFactors:
    """Amplitudes on a box of Miller indices of the P1 cell, and a default for everything else.

    Make one with `from_file`, `from_dump`, `from_reflections`, `from_array` or `constant`.  Nobody changes it
    afterwards: attributes cannot be set, `table` is a read-only copy.  Amplitudes are real numbers, for images do
    not depend on phases: complex numbers are refused, and ``numpy.abs`` gives their moduli.

    Parameters
    ----------
    table : (nh + 1, nk + 1, nl + 1) float64 array
        Amplitudes [electrons], with one plane of padding at the end of each axis.
    minimum, maximum : (h, k, l) int
        Index ranges of the box, both ends included.
    default : float
        Amplitude outside the box (and in gaps, for the constructors that fill them).
    filled : bool
        False: the table is empty and only the default counts.
    reflections : int, optional
        Number of reflections it was made of, for reports.
    source : str
        Where it came from, for reports.
    notes : sequence of str
        What a user should know of them, for reports and warnings.

    Raises
    ------
    ValueError
        If the table's shape and the index ranges disagree, an index is no whole number, or an amplitude is not a
        real, finite number (complex, masked, a truth value, text).

    Examples
    --------
    >>> import numpy as np, numbragg as nb
    >>> f = nb.StructureFactors.from_reflections([[0, 0, 1], [0, 0, 2]], [10.0, 20.0], default=1.0)
    >>> f.minimum, f.maximum, f.amplitude(0, 0, 2), f.amplitude(5, 0, 0)
    ((0, 0, 1), (0, 0, 2), 20.0, 1.0)
    >>> f.at([[0, 0, 1], [0, 0, 2], [0, 0, 3]])
    array([10., 20.,  1.])
    """

    __slots__ = ("table", "kernel_table", "minimum", "maximum", "default", "filled", "reflections", "source",
                 "notes")

    table: NDArray[np.float64]
    kernel_table: NDArray[np.float64]
    minimum: tuple[int, int, int]
    maximum: tuple[int, int, int]
    default: float
    filled: bool
    reflections: int | None
    source: str
    notes: tuple[str, ...]

    def __init__(self, table: ArrayLike, minimum: Sequence[int], maximum: Sequence[int], default: float = 0.0, *,
                 filled: bool = True, reflections: int | None = None, source: str = "memory",
                 notes: Sequence[str] = ()) -> None:
        self._take(_amplitudes("table", table, copy=True), minimum, maximum, default, flag("filled", filled),
                   optional(reflections, whole, "reflections", 0), source, notes)

    def _take(self, table, minimum, maximum, default, filled, reflections, source, notes):
        """Set everything; the table is not copied."""
        minimum, maximum = _indices_of_box("minimum", minimum), _indices_of_box("maximum", maximum)
        expected = tuple(high - low + 2 for low, high in zip(minimum, maximum))
        if table.shape != expected:
            raise ValueError(f"structure factors: table of shape {table.shape}, but indices {minimum} to {maximum} "
                             f"need {expected} (one plane of padding at the end of each axis)")
        if not isinstance(source, str):
            raise ValueError(f"source: {shown(source)} must be text")
        self.__setstate__((table, minimum, maximum, finite("default", default, "electrons"), filled, reflections,
                           source, tuple(notes)))

    def __setstate__(self, state):
        table, *others = state
        # kernels are compiled for arrays that may be written to; they take the owner, users see it through a view
        shown_table = table.view()
        shown_table.setflags(write=False)
        names = ("kernel_table", "table", "minimum", "maximum", "default", "filled", "reflections", "source", "notes")
        for name, value in zip(names, (table, shown_table, *others)):
            object.__setattr__(self, name, value)

    def __getstate__(self):
        return (self.kernel_table, self.minimum, self.maximum, self.default, self.filled, self.reflections,
                self.source, self.notes)

    def __setattr__(self, name: str, value: Any) -> None:
        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> None:
        raise FrozenInstanceError(f"cannot delete field {name!r}")

    def __repr__(self):
        if not self.filled:
            return f"StructureFactors.constant({self.default!r})"
        return (f"<StructureFactors h, k, l from {self.minimum} to {self.maximum}, default {self.default!r}, "
                f"from {self.source}>")

    @classmethod
    def owning(cls, table: NDArray[np.float64], minimum: Sequence[int], maximum: Sequence[int], default: float = 0.0,
               *, filled: bool = True, reflections: int | None = None, source: str = "memory",
               notes: Sequence[str] = ()) -> Self:
        """As the constructor, of a table that was made for this: neither copied nor searched for NaN.

        Tables can be a large part of the memory, and dumps hold whatever the C program would read.
        """
        made = cls.__new__(cls)
        made._take(np.ascontiguousarray(table, dtype=np.float64), minimum, maximum, default, filled, reflections,
                   source, notes)
        return made

    @classmethod
    def constant(cls, amplitude: float) -> Self:
        """The same amplitude [electrons] everywhere."""
        return cls(np.zeros((1, 1, 1)), (0, 0, 0), (-1, -1, -1), amplitude, filled=False, source="default")

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], default: float = 0.0) -> Self:
        """Read a text file of `h k l F` rows; gaps of the box get `default`, duplicates the last F."""
        from ..io.hkl import flag_note, read_hkl

        default = finite("default", default, "electrons")
        indices, f = read_hkl(path)
        note = flag_note(path, indices, f)
        try:
            return cls._from_reflections(indices, f, default, str(path), () if note is None else (note,))
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None

    @classmethod
    def from_reflections(cls, indices: ArrayLike, amplitudes: ArrayLike, default: float = 0.0) -> Self:
        """From (n, 3) Miller indices and (n,) amplitudes; gaps get `default`, duplicates the last F.

        Indices must be integers, amplitudes real and finite: complex ones are refused, ``numpy.abs`` gives moduli.
        """
        default = finite("default", default, "electrons")
        checked = _miller_indices(indices, "(n, 3) integers")
        if checked.ndim != 2:
            raise ValueError(f"indices: shape {checked.shape} of {checked.dtype}; must be (n, 3) integers")
        f = _amplitudes("amplitudes", amplitudes)
        if f.shape != (len(checked),) or len(checked) == 0:
            raise ValueError(f"amplitudes: shape {f.shape}; must be ({len(checked)},), at least one")
        from ..io.hkl import flag_note

        note = flag_note("amplitudes", checked, f)
        return cls._from_reflections(checked.astype(np.int32), f, default, "memory", () if note is None else (note,))

    @classmethod
    def _from_reflections(cls, indices, f, default, source, notes=()):
        from ..io.hkl import table_from_reflections

        table, minimum, maximum = table_from_reflections(indices, f, default)
        return cls.owning(table, minimum, maximum, default, reflections=len(f), source=source, notes=notes)

    @classmethod
    def from_array(cls, table: ArrayLike, minimum: Sequence[int], default: float = 0.0) -> Self:
        """From a dense (nh, nk, nl) array whose first entry has the indices `minimum`."""
        amplitudes = _amplitudes("table", table)
        if amplitudes.ndim != 3 or 0 in amplitudes.shape:
            raise ValueError(f"table: shape {amplitudes.shape}; must have three axes, none empty")
        low = _indices_of_box("minimum", minimum)
        if any(abs(first) + n > INT_MAX for first, n in zip(low, amplitudes.shape)):
            raise ValueError(f"minimum: {low}, must be three whole numbers h, k, l, so that all indices fit 32 bits")
        padded = np.zeros(tuple(n + 1 for n in amplitudes.shape))
        padded[:-1, :-1, :-1] = amplitudes
        high = tuple(first + n - 1 for first, n in zip(low, amplitudes.shape))
        return cls.owning(padded, low, high, default, reflections=amplitudes.size)

    @classmethod
    def from_dump(cls, path: str | os.PathLike[str], default: float = 0.0) -> Self:
        """Read nanoBragg's binary dump; `default` counts only outside its box."""
        from ..io.dump import read_dump

        default = finite("default", default, "electrons")
        dump = read_dump(path)
        return cls.owning(dump.table, dump.minimum, dump.maximum, default, source=str(path))

    def write_dump(self, file: BinaryIO) -> None:
        """Write nanoBragg's binary dump to an open binary file."""
        from ..io.dump import write_dump

        write_dump(file, self.table, self.minimum, self.maximum)

    def amplitude(self, h: int, k: int, l: int) -> float:
        """Amplitude at integer indices."""
        return float(self.at((h, k, l)))

    def at(self, hkl: ArrayLike) -> NDArray[np.float64]:
        """Amplitudes at Miller indices, as simulated where nothing is interpolated.

        Parameters
        ----------
        hkl : (..., 3) array_like of int
            One or many h, k, l.

        Returns
        -------
        (...) float64 array
            Amplitudes [electrons]; `default` outside the box.

        Raises
        ------
        ValueError
            If the indices are no integers of 32 bits, or their last axis is not h, k, l.
        """
        indices = _miller_indices(hkl, "(..., 3) integers")
        inside = np.logical_and(indices >= self.minimum, indices <= self.maximum).all(axis=-1)
        found = np.full(inside.shape, self.default)
        if self.filled:
            found[inside] = self.table[tuple(np.moveaxis(indices - self.minimum, -1, 0)[:, inside])]
        return found


def as_structure_factors(value):
    """What a user gave as structure factors: the object itself, or one amplitude everywhere.

    Raises
    ------
    ValueError
        If it is neither.
    """
    if isinstance(value, StructureFactors):
        return value
    try:
        amplitude = finite("structure_factors", value, "electrons")
    except ValueError:
        raise ValueError(f"structure_factors: {type(value).__name__} must be a StructureFactors object or one "
                         "finite amplitude") from None
    return StructureFactors.constant(amplitude)
