"""Structure factors as an object: a dense table over Miller indices, and a default outside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import FrozenInstanceError
import os
from typing import TYPE_CHECKING, Any, BinaryIO, Self

import numpy as np

from ..io.literals import INT_MAX
from ..notes import Loud
from .checks import choice, entries, finite, flag, optional, positive, real_array, shown, whole

# start-up: readers are imported where there is a file to read; types are for checkers
if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from .. import Crystal
    from ..structures.account import About

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


def _of_complex(value):
    """Real amplitudes, or the moduli of complex ones and a note that says so."""
    array = np.asarray(value) if not isinstance(value, np.ma.MaskedArray) else value
    if array.dtype.kind != "c":
        return _amplitudes("amplitudes", value), ()
    if isinstance(array, np.ma.MaskedArray):
        raise ValueError("amplitudes: a masked array must be made a plain one first, its masked entries removed")
    from ..structures.reflections import MODULI, moduli

    return _amplitudes("amplitudes", moduli(array)), (MODULI,)


def _squared(intensities):
    """Whether roots of intensities are to be taken."""
    return optional(intensities, lambda field, value: choice(field, value, ("sqrt",)), "intensities") is not None


def _text(field, value):
    if not isinstance(value, str) or not value:
        raise ValueError(f"{field}: {shown(value)} must be text")
    return value


def _unit_cell(value):
    lengths_and_angles = tuple(positive("cell", v) for v in entries("cell", value, 6, "six numbers"))
    if max(lengths_and_angles[3:]) >= 180.0:
        raise ValueError(f"cell: {shown(value)}, an angle must be below 180 deg")
    return lengths_and_angles


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


class _IndicesOfArray:
    """h, k, l of the n-th entry of an array, without a list of all."""

    def __init__(self, shape, low):
        self.shape, self.low = shape, low

    def __getitem__(self, number):
        return np.array(np.unravel_index(number, self.shape)) + self.low


class StructureFactors:
    """Amplitudes on a box of Miller indices of the P1 cell, and a default for everything else.

    Make one with `from_mtz`, `from_cif`, `from_model`, `from_gemmi`, `from_file`, `from_dump`, `from_reflections`,
    `from_array` or `constant`.  Nobody changes it afterwards: attributes cannot be set, `table` is a read-only copy.
    Amplitudes are real numbers, for images do not depend on phases.  Of complex numbers `from_reflections` takes the
    moduli; elsewhere they are refused.

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

    Attributes
    ----------
    cell : six floats or None
        a, b, c [Angstrom], alpha, beta, gamma [deg] of the file or model they are of.
    space_group : str or None
        Its space group; the table itself is always that of P1.
    sha256 : str
        Hash of the table and its index ranges, computed when asked for.

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

    __slots__ = ("_kernel_table", "table", "is_lent", "minimum", "maximum", "default", "filled", "reflections",
                 "source", "notes", "about")

    table: NDArray[np.float64]
    _kernel_table: NDArray[np.float64]
    is_lent: bool
    minimum: tuple[int, int, int]
    maximum: tuple[int, int, int]
    default: float
    filled: bool
    reflections: int | None
    source: str
    notes: tuple[str, ...]
    about: About | None

    def __init__(self, table: ArrayLike, minimum: Sequence[int], maximum: Sequence[int], default: float = 0.0, *,
                 filled: bool = True, reflections: int | None = None, source: str = "memory",
                 notes: Sequence[str] = ()) -> None:
        self._take(_amplitudes("table", table, copy=True), (minimum, maximum), default, flag("filled", filled),
                   optional(reflections, whole, "reflections", 0), source, notes)

    def _take(self, table, box, default, filled, reflections, source, notes, about=None):
        """Set everything; the table is not copied.  `box` is the smallest and largest indices."""
        minimum, maximum = (_indices_of_box(*corner) for corner in zip(("minimum", "maximum"), box))
        expected = tuple(high - low + 2 for low, high in zip(minimum, maximum))
        if table.shape != expected:
            raise ValueError(f"structure factors: table of shape {table.shape}, but indices {minimum} to {maximum} "
                             f"need {expected} (one plane of padding at the end of each axis)")
        if not isinstance(source, str):
            raise ValueError(f"source: {shown(source)} must be text")
        self.__setstate__((table, minimum, maximum, finite("default", default, "electrons"), filled, reflections,
                           source, tuple(notes), about))

    def __setstate__(self, state):
        table, *others = state
        # kernels are compiled for arrays that may be written to; they take the owner, users see it through a view that
        # they cannot make writeable
        shown_table = np.asarray(memoryview(table).toreadonly())
        for name, value in zip(self.__slots__, (table, shown_table, False, *others)):
            object.__setattr__(self, name, value)

    @property
    def kernel_table(self) -> NDArray[np.float64]:
        """The table, writeable; `is_lent` then says that somebody may write to it."""
        object.__setattr__(self, "is_lent", True)
        return self._kernel_table

    def _unlent(self):
        object.__setattr__(self, "is_lent", False)
        return self

    def __getstate__(self):
        return (self._kernel_table, self.minimum, self.maximum, self.default, self.filled, self.reflections,
                self.source, self.notes, self.about)

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

        Tables can be large, and dumps hold whatever the C program would read.  `is_lent`: others may write to it.
        """
        made = cls.__new__(cls)
        made._take(np.ascontiguousarray(table, dtype=np.float64), (minimum, maximum), default, filled, reflections,
                   source, notes)
        object.__setattr__(made, "is_lent", True)
        return made

    @classmethod
    def constant(cls, amplitude: float) -> Self:
        """The same amplitude [electrons] everywhere."""
        return cls(np.zeros((1, 1, 1)), (0, 0, 0), (-1, -1, -1), amplitude, filled=False, source="default")

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], default: float = 0.0, columns: str | None = None, *,
                  intensities: str | None = None) -> Self:
        """Read a text file of `h k l F` rows; gaps of the box get `default`, duplicates the last F.

        With `columns` the file may have comments, a header line and further columns: they are named in order, as in
        "h,k,l,F,sigma", or found ("auto").  `intensities` "sqrt" takes roots of a column I.
        """
        default = finite("default", default, "electrons")
        squared = _squared(intensities)
        if columns is None and not squared:
            from ..io.hkl import flag_note, read_hkl
            from ..io.kinds import naming_the_kind

            with naming_the_kind(path, "a list of h, k, l and F"):
                indices, f = read_hkl(path)
            said = []
        else:
            from ..io.hkl import flag_note
            from ..structures.text_columns import read_text_columns

            found = read_text_columns(path, _text("columns", "auto" if columns is None else columns), squared=squared)
            indices, f = found.indices, found.f
            said = ["; ".join([f"{os.fsdecode(path)}: {found.said}, {len(f)} rows", *found.dropped]),
                    *(Loud(f"{os.fsdecode(path)}: {text}") for text in found.loud)]
        note = flag_note(path, indices, f)
        try:
            return cls._from_reflections(indices, f, default, os.fsdecode(path),
                                         (*said, *(() if note is None else (note,))))
        except ValueError as error:
            raise ValueError(f"{os.fsdecode(path)}: {error}") from None

    @classmethod
    def from_reflections(cls, indices: ArrayLike, amplitudes: ArrayLike, default: float = 0.0, *,
                         space_group: Any = None, cell: Sequence[float] | None = None, f000: bool = False) -> Self:
        """From (n, 3) Miller indices and (n,) amplitudes; gaps get `default`, duplicates the last F.

        Indices must be integers, amplitudes finite; of complex ones the modulus is taken.  With `space_group` (a name,
        a number or a gemmi.SpaceGroup) they are expanded to P1: all equivalents, and Friedel mates unless -h -k -l is
        there too; a reflection given twice must then have one amplitude, and 0 0 0 is left out unless `f000`.  Without
        it the list is taken as it is.  `cell` (six numbers) is what they belong to.
        """
        default = finite("default", default, "electrons")
        checked = _miller_indices(indices, "(n, 3) integers")
        if checked.ndim != 2:
            raise ValueError(f"indices: shape {checked.shape} of {checked.dtype}; must be (n, 3) integers")
        f, said = _of_complex(amplitudes)
        if f.shape != (len(checked),) or len(checked) == 0:
            raise ValueError(f"amplitudes: shape {f.shape}; must be ({len(checked)},), at least one")
        if space_group is not None or cell is not None:
            if space_group is None:
                raise ValueError("cell: belongs to a space group; give space_group too ('P 1' where there is none)")
            from ..structures.reflections import given
            from ..structures.symmetry import space_group_of

            cell = None if cell is None else _unit_cell(cell)
            found = given(checked, f, cell, space_group_of(space_group, cell), f000=flag("f000", f000), said=said)
            return cls._expanded(found, default, "memory")
        from ..io.hkl import flag_note

        note = flag_note("amplitudes", checked, f)
        return cls._from_reflections(checked.astype(np.int32), f, default, "memory",
                                     (*(f"amplitudes: {text}" for text in said), *(() if note is None else (note,))))

    @classmethod
    def _expanded(cls, listed, default, source, loud=()):
        """From reflections of a file or model, expanded to P1."""
        from ..structures.account import expanded_table, notes

        try:
            table, minimum, maximum, about = expanded_table(listed, default)
        except ValueError as error:
            raise ValueError(f"{source}: {error}" if source != "memory" else str(error)) from None
        about = about._replace(loud=(*about.loud, *loud))
        made = cls.__new__(cls)
        made._take(table, (minimum, maximum), default, True, about.expanded, source, notes(about, source, default),
                   about)
        return made

    @classmethod
    def from_mtz(cls, path: str | os.PathLike[str], column: str | None = None, default: float = 0.0, *,
                 space_group: Any = None, intensities: str | None = None, f000: bool = False) -> Self:
        """Read merged amplitudes of an MTZ file and expand them to P1 (needs gemmi).

        Parameters
        ----------
        path : str or path-like
            The file; .gz is decompressed.
        column : str, optional
            The column of amplitudes, of F(+) and F(-) either; by default the pair where there is one, else the usual
            names, observed before calculated.  `summary` says which was taken.
        default : float
            Amplitude of gaps, and outside the box [electrons]; systematic absences are 0.
        space_group : str, int or gemmi.SpaceGroup, optional
            Replaces that of the file.
        intensities : {"sqrt"}, optional
            Take roots of intensities, negative ones as 0.
        f000 : bool
            Keep 0 0 0, which is otherwise left out.

        Returns
        -------
        StructureFactors
            With `cell` and `space_group`.

        Raises
        ------
        ValueError
            If the file is not what it should be, its data are unmerged, or no column can be told to hold amplitudes:
            phases, intensities and coefficients of maps are never taken for them.
        """
        from ..structures.mtz import read_mtz

        return cls._read(read_mtz, path, column, default, space_group=space_group, intensities=intensities, f000=f000)

    @classmethod
    def from_cif(cls, path: str | os.PathLike[str], column: str | None = None, default: float = 0.0, *,
                 block: str | None = None, space_group: Any = None, intensities: str | None = None,
                 f000: bool = False) -> Self:
        """Read merged amplitudes of an mmCIF file (``_refln``) and expand them to P1 (needs gemmi).

        As `from_mtz`; `column` is named as in the file without ``_refln.``, and of several blocks the first with
        amplitudes is taken, or `block`.
        """
        from ..structures.refln_cif import read_refln_cif

        return cls._read(read_refln_cif, path, column, default, block=optional(block, _text, "block"),
                         space_group=space_group, intensities=intensities, f000=f000)

    @classmethod
    def _read(cls, reader, data, column, default, *, space_group, intensities, f000, source=None, **more):
        """Read reflections and expand them."""
        default = finite("default", default, "electrons")
        listed = reader(data, optional(column, _text, "column"), squared=_squared(intensities),
                        f000=flag("f000", f000), space_group=space_group, **more)
        return cls._expanded(listed, default, os.fsdecode(data) if source is None else source)

    @classmethod
    def from_gemmi(cls, data: Any, column: str | None = None, default: float = 0.0, *, space_group: Any = None,
                   intensities: str | None = None, f000: bool = False) -> Self:
        """From a gemmi.Mtz, a gemmi.ReflnBlock, or an array of gemmi's with indices (FloatAsuData and its like).

        As `from_mtz`; of complex values the modulus is taken, of values with sigma the value.
        """
        from ..structures.gemmi_objects import reflections_of

        return cls._read(reflections_of, data, column, default, space_group=space_group, intensities=intensities,
                         f000=f000, source=f"gemmi.{type(data).__name__}")

    @classmethod
    def from_model(cls, model: Any, d_min_angstrom: float, wavelength_angstrom: float | None = None,
                   solvent: bool = True, default: float = 0.0, *, f000: bool = False, method: str = "auto") -> Self:
        """Amplitudes of a model of atoms, in P1 (needs gemmi).

        Occupancies, isotropic and anisotropic B factors and strict non-crystallographic symmetry count, of several
        models the first.  Form factors are those of neutral atoms (International Tables C, four Gaussians).

        Parameters
        ----------
        model : str, path-like or gemmi.Structure
            A PDB or CIF file (mmCIF or that of a small molecule; .gz is decompressed), or what gemmi read.
        d_min_angstrom : float
            Resolution to which reflections are computed [Angstrom].
        wavelength_angstrom : float, optional
            Wavelength of f' and f'' [Angstrom], Cromer and Liberman's; F(h) and F(-h) are then kept apart.  Without
            it both are 0.  A beam of another one is simulated as asked for, with a warning.
        solvent : bool
            Add flat bulk solvent of 0.35 electrons/Angstrom^3, B 46 Angstrom^2.
        default : float
            Amplitude beyond the resolution [electrons].
        f000 : bool
            Compute 0 0 0 too, which is otherwise left out.
        method : {"auto", "sum", "fft"}
            Sum up every atom and symmetry operation, or transform the density on a grid, whose amplitudes are within
            some 1e-5 of the sum; auto: the grid where the sum would take minutes.  `summary` says which.

        Returns
        -------
        StructureFactors
            With `cell` and `space_group`; `sha256` tells whether a table is the same elsewhere.

        Raises
        ------
        ValueError
            If there are no atoms, no cell or no known space group, or the reflections are too many.
        """
        from ..structures.kinds import file_kind
        from ..structures.model import METHODS, read_model_with_notes

        default = finite("default", default, "electrons")
        d_min = positive("d_min_angstrom", d_min_angstrom, "Angstrom")
        wavelength = optional(wavelength_angstrom, positive, "wavelength_angstrom", "Angstrom")
        solvent, f000 = flag("solvent", solvent), flag("f000", f000)
        method = choice("method", method, METHODS)
        source, loud = "gemmi.Structure", ()
        if isinstance(model, (str, bytes, os.PathLike)):
            source, kind = os.fsdecode(model), file_kind(model)
            if kind not in ("pdb", "cif"):
                raise ValueError(f"model: {shown(model)} must be a PDB or CIF file (.pdb, .ent, .cif, .mmcif; .gz)")
            model, loud = read_model_with_notes(model, kind)
        elif type(model).__name__ != "Structure":
            raise ValueError(f"model: {shown(model)} must be a file or a gemmi.Structure")
        return cls._of_structure(model, source, d_min, wavelength, default=default, solvent=solvent, f000=f000,
                                method=method, loud=loud)

    @classmethod
    def _of_structure(cls, structure, source, d_min, wavelength, *, default=0.0, loud=(), **options):
        """As `from_model`, of a gemmi.Structure that goes by the name `source` in reports; `options` as there."""
        from ..structures.library import one_line
        from ..structures.model import model_reflections

        try:
            listed = model_reflections(structure, d_min, wavelength, **options)
        except (ValueError, RuntimeError) as error:
            raise ValueError(f"{source}: {one_line(error)}") from None
        models = [f"{len(structure)} models; the first is taken"] if len(structure) > 1 else []
        left_out = (f"left out: {text}" for text in listed.remarks)
        return cls._expanded(listed, default, source, [*loud, *models, *left_out])

    @classmethod
    def _from_reflections(cls, indices, f, default, source, notes=()):
        from ..io.hkl import repeated_note, table_from_reflections

        table, minimum, maximum = table_from_reflections(indices, f, default)
        twice = repeated_note(source if source != "memory" else "amplitudes", indices, f, table, minimum)
        notes = notes if twice is None else (*notes, twice)
        return cls.owning(table, minimum, maximum, default, reflections=len(f), source=source, notes=notes)._unlent()

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
        from ..io.hkl import flag_note

        note = flag_note("table", _IndicesOfArray(amplitudes.shape, low), amplitudes.ravel())
        return cls.owning(padded, low, high, default, reflections=amplitudes.size,
                          notes=() if note is None else (note,))._unlent()

    @classmethod
    def from_dump(cls, path: str | os.PathLike[str], default: float = 0.0) -> Self:
        """Read nanoBragg's binary dump; `default` counts only outside its box."""
        from ..io.dump import read_dump

        default = finite("default", default, "electrons")
        dump = read_dump(path)
        return cls.owning(dump.table, dump.minimum, dump.maximum, default, source=str(path))._unlent()

    def write_dump(self, file: str | os.PathLike[str] | BinaryIO) -> None:
        """Write nanoBragg's binary dump to a file, by its name or open for bytes; `from_dump` reads it."""
        from ..io.dump import write_dump

        write_dump(file, self.table, self.minimum, self.maximum)

    @property
    def cell(self) -> tuple[float, ...] | None:
        """a, b, c [Angstrom], alpha, beta, gamma [deg] of what they belong to, or None."""
        return None if self.about is None else self.about.cell

    @property
    def space_group(self) -> str | None:
        """Space group of what they belong to, or None; the table is that of P1."""
        return None if self.about is None else self.about.space_group

    @property
    def sha256(self) -> str:
        """Hash of the table's numbers and index ranges, hexadecimal."""
        from hashlib import sha256

        found = sha256(repr((self.minimum, self.maximum)).encode())
        found.update(np.ascontiguousarray(self._kernel_table).data)
        return found.hexdigest()

    def summary(self) -> str:
        """What they are, as text to be printed.

        The column taken, numbers of reflections, resolution, completeness by shell, what stands in gaps, and the hash
        of the table.
        """
        from ..structures.account import short_summary, summary

        if self.about is None:
            return short_summary(self.source, self.reflections, self.default, self.sha256)
        return summary(self.about, self.source, self.default, self.sha256)

    def crystal(self, **fields: Any) -> Crystal:
        """A crystal with the cell that these structure factors have, exactly.

        Parameters
        ----------
        fields
            All other fields of `Crystal`, such as `n_cells`; `cell` and `matrix` are taken from here.

        Returns
        -------
        Crystal
            With a `cell` where at most one angle is not 90 degrees, and a `matrix` otherwise: of such a cell nanoBragg
            makes another one (docs/quirks Q30).

        Raises
        ------
        ValueError
            If the cell is not known, or one of the fields is not right.
        """
        # start-up, and the package's own name: crystals know structure factors, which cannot import them in turn
        from .. import Crystal
        from ..structures.cells import cell_fields

        if self.cell is None:
            raise ValueError("structure factors: their cell is not known; give Crystal a cell")
        for name in ("cell", "matrix"):
            if name in fields:
                raise ValueError(f"{name}: is that of the structure factors; for another one make a Crystal")
        return Crystal(**cell_fields(self.cell), **fields)

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
