"""Structure factors as an object: a dense table over Miller indices, and a default outside it."""

from __future__ import annotations

from collections.abc import Sequence
import math
import operator
import os
from typing import TYPE_CHECKING, BinaryIO, Self

import numpy as np

from ..io.literals import INT_MAX
from ..notes import Loud

# start-up: readers are imported where there is a file to read; types of arrays are for checkers
if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["StructureFactors", "as_structure_factors"]


class StructureFactors:
    """Amplitudes on a box of Miller indices of the P1 cell, and a default for everything else.

    Make one with `from_file`, `from_dump`, `from_reflections`, `from_array` or `constant`.

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
        If the table's shape and the index ranges disagree, or an amplitude is not finite.

    Examples
    --------
    >>> import numpy as np, numbragg as nb
    >>> f = nb.StructureFactors.from_reflections([[0, 0, 1], [0, 0, 2]], [10.0, 20.0], default=1.0)
    >>> f.minimum, f.maximum, f.amplitude(0, 0, 2), f.amplitude(5, 0, 0)
    ((0, 0, 1), (0, 0, 2), 20.0, 1.0)
    """

    __slots__ = ("table", "minimum", "maximum", "default", "filled", "reflections", "source", "notes")

    def __init__(self, table: ArrayLike, minimum: Sequence[int], maximum: Sequence[int], default: float = 0.0, *,
                 filled: bool = True, reflections: int | None = None, source: str = "memory",
                 notes: Sequence[str] = ()) -> None:
        table = np.ascontiguousarray(table, dtype=np.float64)
        minimum, maximum = tuple(int(v) for v in minimum), tuple(int(v) for v in maximum)
        expected = tuple(high - low + 2 for low, high in zip(minimum, maximum))
        if table.shape != expected:
            raise ValueError(f"structure factors: table of shape {table.shape}, but indices {minimum} to {maximum} "
                             f"need {expected} (one plane of padding at the end of each axis)")
        self.default = float(default)
        if not math.isfinite(self.default):
            raise ValueError(f"structure factors: default {default!r} is not a finite amplitude")
        self.table, self.minimum, self.maximum = table, minimum, maximum
        self.filled = bool(filled)
        self.reflections = reflections
        self.source = source
        self.notes = tuple(notes)

    def __repr__(self):
        if not self.filled:
            return f"StructureFactors.constant({self.default!r})"
        return (f"<StructureFactors h, k, l from {self.minimum} to {self.maximum}, default {self.default!r}, "
                f"from {self.source}>")

    @classmethod
    def constant(cls, amplitude: float) -> Self:
        """The same amplitude [electrons] everywhere."""
        return cls(np.zeros((1, 1, 1)), (0, 0, 0), (-1, -1, -1), amplitude, filled=False, source="default")

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], default: float = 0.0) -> Self:
        """Read a text file of `h k l F` rows; gaps of the box get `default`, duplicates the last F."""
        from ..io.hkl import flag_note, read_hkl

        indices, f = read_hkl(path)
        note = flag_note(path, indices, f)
        try:
            return cls._from_reflections(indices, f, default, str(path), () if note is None else (Loud(note),))
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None

    @classmethod
    def from_reflections(cls, indices: ArrayLike, amplitudes: ArrayLike, default: float = 0.0) -> Self:
        """From (n, 3) Miller indices and (n,) amplitudes; gaps get `default`, duplicates the last F."""
        indices = np.asarray(indices)
        amplitudes = np.asarray(amplitudes, dtype=np.float64)
        if indices.ndim != 2 or indices.shape[1] != 3 or not np.issubdtype(indices.dtype, np.integer):
            raise ValueError(f"indices: shape {indices.shape} of {indices.dtype}; must be (n, 3) integers")
        if amplitudes.shape != (len(indices),) or len(indices) == 0:
            raise ValueError(f"amplitudes: shape {amplitudes.shape}; must be ({len(indices)},), at least one")
        if not np.isfinite(amplitudes).all():
            raise ValueError("amplitudes: not all are finite")
        if np.abs(indices.astype(np.int64)).max() > INT_MAX:
            raise ValueError("indices: beyond the range of 32-bit integers")
        return cls._from_reflections(indices.astype(np.int32), amplitudes, default, "memory")

    @classmethod
    def _from_reflections(cls, indices, f, default, source, notes=()):
        from ..io.hkl import table_from_reflections

        table, minimum, maximum = table_from_reflections(indices, f, default)
        return cls(table, minimum, maximum, default, reflections=len(f), source=source, notes=notes)

    @classmethod
    def from_array(cls, table: ArrayLike, minimum: Sequence[int], default: float = 0.0) -> Self:
        """From a dense (nh, nk, nl) array whose first entry has the indices `minimum`."""
        table = np.asarray(table, dtype=np.float64)
        if table.ndim != 3 or 0 in table.shape:
            raise ValueError(f"table: shape {table.shape}; must have three axes, none empty")
        if not np.isfinite(table).all():
            raise ValueError("table: not all amplitudes are finite")
        try:
            minimum = tuple(operator.index(v) for v in minimum)
        except TypeError:
            minimum = ()
        if len(minimum) != 3 or any(abs(low) + n > INT_MAX for low, n in zip(minimum, table.shape)):
            raise ValueError("minimum: must be three whole numbers h, k, l, so that all indices fit 32 bits")
        padded = np.zeros(tuple(n + 1 for n in table.shape))
        padded[:-1, :-1, :-1] = table
        maximum = tuple(int(low) + n - 1 for low, n in zip(minimum, table.shape))
        return cls(padded, minimum, maximum, default, reflections=table.size)

    @classmethod
    def from_dump(cls, path: str | os.PathLike[str], default: float = 0.0) -> Self:
        """Read nanoBragg's binary dump; `default` counts only outside its box."""
        from ..io.dump import read_dump

        dump = read_dump(path)
        return cls(dump.table, dump.minimum, dump.maximum, default, source=str(path))

    def write_dump(self, file: BinaryIO) -> None:
        """Write nanoBragg's binary dump to an open binary file."""
        from ..io.dump import write_dump

        write_dump(file, self.table, self.minimum, self.maximum)

    def amplitude(self, h: int, k: int, l: int) -> float:
        """Amplitude at integer indices."""
        if self.filled and all(low <= v <= high for v, low, high in zip((h, k, l), self.minimum, self.maximum)):
            return float(self.table[h - self.minimum[0], k - self.minimum[1], l - self.minimum[2]])
        return self.default


def as_structure_factors(value):
    """What a user gave as structure factors: the object itself, or one amplitude everywhere.

    Raises
    ------
    ValueError
        If it is neither.
    """
    if isinstance(value, StructureFactors):
        return value
    if isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool):
        return StructureFactors.constant(float(value))
    raise ValueError(f"structure_factors: {type(value).__name__} must be a StructureFactors object or one amplitude")
