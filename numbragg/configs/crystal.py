"""The crystal: cell, orientation, size and shape, mosaicity, rotation during the exposure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
import math
import os
from typing import Any, Self

from ..io.literals import INT_MAX
from ..scene.request import CrystalRequest
from ..scene.units import from_degrees, from_mm, water_from_um
from .checks import (
    angles,
    choice,
    count,
    entries,
    finite,
    flag,
    given,
    not_negative,
    optional,
    positive,
    real_array,
    shown,
    triple,
    vector,
    whole,
)
from .structure_factors import as_structure_factors

# start-up: readers are imported where there is a file to read, records with the first crystal, NumPy for rotations

__all__ = ["Crystal"]


def _cell(value):
    values = entries("cell", value, 6, "six numbers, a b c [Angstrom] and alpha beta gamma [deg]")
    lengths = tuple(positive("cell", v, "Angstrom") for v in values[:3])
    angles = tuple(positive("cell", v, "deg") for v in values[3:])
    if max(angles) >= 180.0:
        raise ValueError(f"cell: {shown(value)}, an angle of {max(angles)!r} deg must be below 180")
    return lengths + angles


def _matrix(field, value):
    rule = "three rows of three numbers"
    rows = [tuple(finite(field, v) for v in entries(field, row, 3, rule)) for row in entries(field, value, 3, rule)]
    if _determinant(*rows) == 0.0:
        raise ValueError(f"{field}: {rows!r} is singular")
    return tuple(rows)


def _determinant(a, b, c):
    return (a[0] * (b[1] * c[2] - b[2] * c[1]) - a[1] * (b[0] * c[2] - b[2] * c[0])
            + a[2] * (b[0] * c[1] - b[1] * c[0]))


def _rotation(field, value):
    rows = _matrix(field, value)
    if _determinant(*rows) < 0.0:
        raise ValueError(f"{field}: {rows!r} is not a rotation, for it changes the hand: these rows have the "
                         "determinant -1 and not 1")
    for i in range(3):
        for j in range(3):
            product = math.fsum(x * y for x, y in zip(rows[i], rows[j]))
            # a matrix written with six decimals passes
            if abs(product - (i == j)) > 1e-5:
                raise ValueError(f"{field}: {rows!r} is not a rotation, for rows {i + 1} and {j + 1} have the product "
                                 f"{product:.6g} and not {int(i == j)}")
    return rows


def _rotations(value):
    """Rotation matrices as tuples of nine numbers, by rows."""
    rule = "(n, 3, 3) numbers, a rotation matrix for each mosaic domain"
    matrices = real_array("mosaic_rotations", value, rule)
    if matrices.ndim != 3 or matrices.shape[1:] != (3, 3) or not len(matrices):
        raise ValueError(f"mosaic_rotations: shape {matrices.shape} must be {rule}")
    return tuple(_by_rows(_rotation("mosaic_rotations", rows)) for rows in matrices.tolist())


def _seed(field, value):
    return whole(field, value, -INT_MAX)


class _Read:
    __slots__ = ("_stated",)  # what a file said beside the matrix, which no user sets


@dataclass(frozen=True, slots=True, kw_only=True)
class Crystal(_Read):
    """A small crystal and its orientation.

    Parameters
    ----------
    cell : six floats, optional
        a, b, c [Angstrom], alpha, beta, gamma [deg].
    matrix : three rows of three floats, optional
        MOSFLM's A: columns a*, b*, c* times the wavelength.  Replaces the orientation of `cell`;
        with both, the lengths of the direct axes are those of `cell`, and a warning tells where the matrix has
        others (in 1/Angstrom, without the wavelength, too).  One of the two is needed.
    u_matrix : three rows of three floats, optional
        Rotation applied to a*, b*, c* of the default orientation, or of `matrix` (A = U B).
    misset_deg : three floats, optional
        Rotations about the laboratory x, y, z axes, in this order [deg].
    random_misset_seed : int, optional
        Draw nanoBragg's random orientation from this seed instead, which is not uniform (docs/quirks Q31); for
        orientations that are, give `u_matrix` one of `random_rotations`.
    n_cells : int or three ints
        Unit cells along a, b, c.
    size_mm : float or three floats, optional
        Size along a, b, c [mm]; replaces `n_cells` where it is above 0.
    shape : {"square", "round", "gauss", "tophat"}
        Parallelepiped, sphere, Gaussian or top-hat spots.  Spots of the last two are round, of a width that
        depends on the product of `n_cells` only, whatever the shape of the crystal.
    spot_metric : {"nanobragg", "hkl"}
        How Gaussian and top-hat spots are measured.  "nanobragg": in reciprocal space, times the product of `n_cells`;
        round spots.  "hkl": in indices, times `n_cells` along each axis, so that a spot has the proportions of the
        crystal and a width that falls with its length, as in simtbx.  The other two shapes are measured in indices.
    fudge : float
        Scales the squared radius of the spots (not of "square"); 0 or above.
    mosaicity : {"cap", "gaussian", "anisotropic"}
        How mosaic domains are rotated.  "cap": nanoBragg's rotations by up to the spread.  "gaussian": by angles of a
        normal distribution about axes that are uniform on the sphere.  "anisotropic": by normal angles with widths of
        their own about the cell's a, b and c.
    mosaic_spread_deg : float or three floats, optional
        Largest rotation ("cap"), standard deviation of the angle of rotation ("gaussian") or three of them, about
        a, b and c ("anisotropic") [deg].  The spread **about one axis**, which DIALS and XDS report, is that of
        "gaussian" divided by the square root of 3.
    mosaic_spread_per_axis_deg : float, optional
        With "gaussian", the spread about any one axis instead [deg].
    mosaic_domains : int, optional
        Number of domains; 10 where only a spread is given, 1 without spread.
    mosaic_seed : int
        Seed of the domains; "anisotropic" ones have none unless they are of low discrepancy.
    mosaic_low_discrepancy : bool
        Take rotations from a sequence that covers axes and angles evenly, not at random: more domains only refine the
        same picture.  Not with "cap".
    mosaic_rotations : (n, 3, 3) array_like, optional
        A rotation matrix for each domain, applied after the spindle's in the laboratory frame; in the place of all
        other words on mosaicity.
    phi_start_deg, oscillation_deg, phi_step_deg : float
        Spindle angle at the start, range and step [deg].
    phi_steps : int, optional
        Number of spindle angles; they start at `phi_start_deg` and leave out the end of the range.
    spindle_axis : three floats, optional
        Only with `Detector.convention` "custom".
    water_size_um : float
        Thickness of the cube of water whose scattering is added [micrometre].  As in nanoBragg it is divided by the
        number of steps, sub-pixels included, and multiplied twice by the fluence in units of its default.
    structure_factors : StructureFactors or float, optional
        Of this crystal, where several are in a shot; by default those of the shot.
    scale : float
        Factor of all that this crystal adds to an image, its water included.

    Raises
    ------
    ValueError
        Naming the field, the value and the rule.

    Examples
    --------
    >>> import numbragg as nb
    >>> nb.Crystal(cell=(79, 79, 38, 90, 90, 90), n_cells=10, misset_deg=(10, 20, 30)).n_cells
    (10, 10, 10)
    """

    cell: Sequence[float] | None = None
    matrix: Any = None
    u_matrix: Any = None
    misset_deg: Sequence[float] | None = None
    random_misset_seed: int | None = None
    n_cells: int | Sequence[int] = (1, 1, 1)
    size_mm: float | Sequence[float] = (0.0, 0.0, 0.0)
    shape: str = "square"
    spot_metric: str = "nanobragg"
    fudge: float = 1.0
    mosaicity: str = "cap"
    mosaic_spread_deg: float | Sequence[float] | None = None
    mosaic_spread_per_axis_deg: float | None = None
    mosaic_domains: int | None = None
    mosaic_seed: int = 12345678
    mosaic_low_discrepancy: bool = False
    mosaic_rotations: Any = None
    phi_start_deg: float = 0.0
    oscillation_deg: float | None = None
    phi_step_deg: float | None = None
    phi_steps: int | None = None
    spindle_axis: Sequence[float] | None = None
    water_size_um: float = 0.0
    structure_factors: object = None
    scale: float = 1.0

    def __post_init__(self):
        from ..kernels.physics.records import SHAPES

        def put(name, value):
            object.__setattr__(self, name, value)

        if self.cell is None and self.matrix is None:
            raise ValueError("cell: a cell or a matrix is needed")
        if self.misset_deg is not None and self.random_misset_seed is not None:
            raise ValueError("misset_deg: give angles or random_misset_seed, not both")
        put("cell", None if self.cell is None else _cell(self.cell))
        put("matrix", None if self.matrix is None else _matrix("matrix", self.matrix))
        put("u_matrix", None if self.u_matrix is None else _rotation("u_matrix", self.u_matrix))
        put("misset_deg", None if self.misset_deg is None else angles("misset_deg", self.misset_deg))
        put("n_cells", triple("n_cells", self.n_cells, whole))
        put("size_mm", triple("size_mm", self.size_mm, not_negative, "mm"))
        put("shape", choice("shape", self.shape, tuple(SHAPES)))
        put("fudge", not_negative("fudge", self.fudge))
        put("spot_metric", choice("spot_metric", self.spot_metric, ("nanobragg", "hkl")))
        put("mosaic_domains", optional(self.mosaic_domains, whole, "mosaic_domains"))
        put("mosaic_seed", _seed("mosaic_seed", self.mosaic_seed))
        put("mosaic_low_discrepancy", flag("mosaic_low_discrepancy", self.mosaic_low_discrepancy))
        put("mosaicity", choice("mosaicity", self.mosaicity, ("cap", "gaussian", "anisotropic")))
        put("mosaic_spread_deg", _spread(self))
        put("mosaic_spread_per_axis_deg", _spread_per_axis(self))
        put("mosaic_rotations", None if self.mosaic_rotations is None else _rotations(self.mosaic_rotations))
        _check_mosaicity(self)
        put("random_misset_seed", optional(self.random_misset_seed, _seed, "random_misset_seed"))
        put("phi_start_deg", finite("phi_start_deg", self.phi_start_deg, "deg"))
        put("oscillation_deg", optional(self.oscillation_deg, not_negative, "oscillation_deg", "deg"))
        put("phi_step_deg", optional(self.phi_step_deg, not_negative, "phi_step_deg", "deg"))
        put("phi_steps", optional(self.phi_steps, whole, "phi_steps"))
        put("spindle_axis", optional(self.spindle_axis, vector, "spindle_axis"))
        put("water_size_um", not_negative("water_size_um", self.water_size_um, "micrometre"))
        if self.structure_factors is not None:
            put("structure_factors", as_structure_factors(self.structure_factors))
        put("scale", not_negative("scale", self.scale))

    @classmethod
    def from_matrix_file(cls, path: str | os.PathLike[str], **fields: Any) -> Self:
        """A crystal oriented by a MOSFLM matrix file (a*, b*, c* times the wavelength by columns).

        A warning tells where the file has missetting angles, or a cell that the matrix has not at the beam's
        wavelength.
        """
        from ..io.matrix import read_matrix_and_more, stated

        m, numbers = read_matrix_and_more(path)
        made = cls(matrix=(m[0:3], m[3:6], m[6:9]), **fields)
        object.__setattr__(made, "_stated", (os.fsdecode(path), stated(numbers)))
        return made

    def pack(self) -> CrystalRequest:
        """This crystal as a part of a request, in SI units and radians."""
        cell: dict[str, Any] = {}
        turned: dict[str, Any] = {}
        if self.cell is not None:
            cell = {"cell_given": True, "cell_lengths": self.cell[:3],
                    "cell_angles": tuple(map(from_degrees, self.cell[3:]))}
        if self.misset_deg is not None:
            turned = {"misset": "angles", "misset_angles": tuple(map(from_degrees, self.misset_deg))}
        elif self.random_misset_seed is not None:
            turned = {"misset": "random", "misset_seed": self.random_misset_seed}
        # three each since they were checked
        n_cells: Any = self.n_cells
        size: Any = self.size_mm
        return CrystalRequest(
            **cell, matrix=_by_rows(self.matrix), u_matrix=_by_rows(self.u_matrix), **turned,
            n_cells=tuple(map(float, n_cells)), sample_size=tuple(map(from_mm, size)),
            shape=self.shape, spot_metric=self.spot_metric, fudge=self.fudge, **_mosaic_settings(self),
            phi_start=from_degrees(self.phi_start_deg), oscillation=_radians(self.oscillation_deg),
            phi_step=_radians(self.phi_step_deg), phi_steps=count(self.phi_steps), **_stated(self),
            water_size=water_from_um(self.water_size_um), **given({"spindle_axis": self.spindle_axis}))


def _stated(crystal):
    """What a request says of the file of a matrix."""
    name, stated = getattr(crystal, "_stated", ("", None))
    if stated is None:
        return {}
    # start-up: few matrices come from files
    from .without_effect import missets_note

    return {"matrix_cell": stated[0], "crystal_notes": tuple(missets_note(name, stated[1]))}


# -- mosaicity


def _spread(crystal):
    value = crystal.mosaic_spread_deg
    if crystal.mosaicity != "anisotropic":
        return optional(value, not_negative, "mosaic_spread_deg", "deg")
    rule = 'three spreads about a, b and c in deg, for "anisotropic"'
    return tuple(positive("mosaic_spread_deg", v, "deg") for v in entries("mosaic_spread_deg", value, 3, rule))


def _spread_per_axis(crystal):
    value = optional(crystal.mosaic_spread_per_axis_deg, not_negative, "mosaic_spread_per_axis_deg", "deg")
    if value is not None and crystal.mosaicity != "gaussian":
        raise ValueError(f"mosaic_spread_per_axis_deg: {value!r} needs mosaicity \"gaussian\"")
    if value is not None and crystal.mosaic_spread_deg is not None:
        raise ValueError("mosaic_spread_per_axis_deg: give it or mosaic_spread_deg, not both")
    return value


def _largest_seed():
    # start-up: nanoBragg's own domains are drawn otherwise
    from ..scene.draws import LARGEST_SEED

    return LARGEST_SEED


def _check_mosaicity(crystal):
    """Refuse words that would be without effect."""
    if crystal.mosaic_rotations is not None:
        words = ("mosaicity", "mosaic_spread_deg", "mosaic_spread_per_axis_deg", "mosaic_domains", "mosaic_seed",
                 "mosaic_low_discrepancy")
        for name in words:
            if getattr(crystal, name) != Crystal.__dataclass_fields__[name].default:
                raise ValueError(f"mosaic_rotations: they are all that is simulated; leave out {name}")
        return
    own, even = crystal.mosaicity != "cap", crystal.mosaic_low_discrepancy
    if even and not own:
        raise ValueError('mosaic_low_discrepancy: the domains of mosaicity "cap" are nanoBragg\'s random ones')
    if own and not 0 <= crystal.mosaic_seed <= _largest_seed():
        raise ValueError(f"mosaic_seed: {crystal.mosaic_seed!r} must not be negative with mosaicity "
                         f"{crystal.mosaicity!r}")
    if crystal.mosaicity == "anisotropic" and not even:
        if (crystal.mosaic_domains or 0) % 2:
            raise ValueError(f"mosaic_domains: {crystal.mosaic_domains} must be even with mosaicity \"anisotropic\", "
                             "for every axis turns both ways")
        if crystal.mosaic_seed != Crystal.__dataclass_fields__["mosaic_seed"].default:
            raise ValueError('mosaic_seed: mosaicity "anisotropic" has none, unless it is of low discrepancy')


def _mosaic_settings(crystal):
    """What a request says of mosaicity."""
    if crystal.mosaic_rotations is not None:
        import numpy as np

        return {"mosaic_rotations": np.array(crystal.mosaic_rotations, dtype=np.float64)}
    spread, spreads = crystal.mosaic_spread_deg, None
    if crystal.mosaicity == "anisotropic":
        spreads = tuple(map(from_degrees, spread))
        spread = max(spread)
    elif crystal.mosaic_spread_per_axis_deg is not None:
        spread = math.sqrt(3.0) * crystal.mosaic_spread_per_axis_deg
    return {"mosaicity": crystal.mosaicity, "mosaic_spread": _radians(spread), "mosaic_spreads": spreads,
            "mosaic_domains": count(crystal.mosaic_domains), "mosaic_seed": crystal.mosaic_seed,
            "mosaic_low_discrepancy": crystal.mosaic_low_discrepancy}


def _by_rows(matrix):
    return None if matrix is None else (*matrix[0], *matrix[1], *matrix[2])


def _radians(angle_deg):
    return -1.0 if angle_deg is None else from_degrees(angle_deg)
