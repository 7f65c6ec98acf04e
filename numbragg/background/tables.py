"""Tables of sin(theta)/lambda and the amplitude of a molecule: built in, or from a user's file; and the curve through.

Pure Python: its bits are the same everywhere, and words are checked before NumPy is loaded.
"""

from __future__ import annotations

from dataclasses import dataclass
import math
import os

# start-up: the long table of ice is loaded where it is used

__all__ = ["MATERIALS", "Table", "material", "read_table", "slopes"]

#: Water of 1 g/cm^3 and air: sin(theta)/lambda [1/Angstrom] and F [electrons], after simtbx.
_WATER = ((0.0, 2.57), (0.0365, 2.58), (0.07, 2.8), (0.12, 5.0), (0.162, 8.0), (0.18, 7.32), (0.2, 6.75),
          (0.216, 6.75), (0.236, 6.5), (0.28, 4.5), (0.3, 4.3), (0.345, 4.36), (0.436, 3.77), (0.5, 3.17))
_AIR = ((0.0, 14.1), (0.045, 13.5), (0.174, 8.35), (0.35, 4.78), (0.5, 4.22))

#: Names of the materials that are built in.
MATERIALS = ("air", "ice", "water")

#: Rows of a table at most, and bytes of its file.
_ROWS, _BYTES = 1_000_000, 64 << 20
#: What sin(theta)/lambda and F may be at most, and steps at least: far beyond all that is, and so that integrals of
#: F**2 and their coefficients are doubles.
_MOST_STOL, _MOST_F, _STEP = 1e6, 1e9, 1e-12


@dataclass(frozen=True, slots=True, repr=False)
class Table:
    """Amplitude of a molecule against sin(theta)/lambda, and how dense its molecules are.

    Between rows F is the monotone piecewise cubic of Fritsch and Butland (1984), which overshoots nowhere; before the
    first and behind the last row it stays what it is there.

    Parameters
    ----------
    name : str
        What messages call it.
    stol : sequence of float
        sin(theta)/lambda [1/Angstrom], increasing, not negative; two rows or more.
    f : sequence of float
        Amplitude of a molecule [electrons], not negative.
    density_g_per_cm3 : float
    molecular_weight : float
        [g/mol]

    Raises
    ------
    ValueError
        Naming the field, the value and the rule.

    Examples
    --------
    >>> from numbragg.background import Table
    >>> Table("gas", (0.0, 0.5), (10.0, 4.0), 1.2e-3, 28.0)
    Table('gas', 2 rows to 0.5 /Angstrom, 0.0012 g/cm^3, 28 g/mol)
    """

    name: str
    stol: tuple[float, ...]
    f: tuple[float, ...]
    density_g_per_cm3: float
    molecular_weight: float

    def __post_init__(self):
        put = object.__setattr__
        if not isinstance(self.name, str):
            raise ValueError(f"name: {self.name!r} must be text")
        for field in ("stol", "f"):
            put(self, field, _column(field, getattr(self, field)))
        if len(self.stol) != len(self.f):
            raise ValueError(f"f: {len(self.f)} values for {len(self.stol)} of stol; must be as many")
        if len(self.stol) < 2:
            raise ValueError(f"stol: {len(self.stol)} rows; must be two or more")
        if self.stol[0] < 0.0:
            raise ValueError(f"stol: {self.stol[0]!r} must not be negative, in 1/Angstrom")
        for low, high in zip(self.stol, self.stol[1:]):
            if not high > low:
                raise ValueError(f"stol: {high!r} follows {low!r}; rows must be in increasing order")
            if not high - low >= _STEP:
                raise ValueError(f"stol: {high!r} follows {low!r}; rows must be {_STEP:g} /Angstrom apart or more")
        if self.stol[-1] > _MOST_STOL:
            raise ValueError(f"stol: {self.stol[-1]!r} must be at most {_MOST_STOL:g}, in 1/Angstrom")
        if max(self.f) > _MOST_F:
            raise ValueError(f"f: {max(self.f)!r} must be at most {_MOST_F:g}, in electrons")
        if min(self.f) < 0.0:
            raise ValueError(f"f: {min(self.f)!r} must not be negative, in electrons")
        if not max(self.f) > 0.0:
            raise ValueError("f: 0.0 in all rows; must be above 0 somewhere")
        for field, unit in (("density_g_per_cm3", "g/cm^3"), ("molecular_weight", "g/mol")):
            put(self, field, _above_zero(field, getattr(self, field), unit))

    def __repr__(self):
        return (f"Table({self.name!r}, {len(self.stol)} rows to {self.stol[-1]:g} /Angstrom, "
                f"{self.density_g_per_cm3:g} g/cm^3, {self.molecular_weight:g} g/mol)")


def _above_zero(field, value, unit):
    try:
        if isinstance(value, (bool, str)):
            raise TypeError
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{field}: {str(value)[:80]!r} is not a number in {unit}") from None
    if not (math.isfinite(number) and number > 0.0):
        raise ValueError(f"{field}: {number!r} must be a finite number above 0 {unit}")
    return number


def _column(field, values):
    try:
        if isinstance(values, (str, bytes)):
            raise TypeError
        numbers = tuple(float(value) for value in values)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{field}: must be a sequence of numbers") from None
    if len(numbers) > _ROWS:
        raise ValueError(f"{field}: {len(numbers)} rows; must be at most {_ROWS}")
    for number in numbers:
        if not math.isfinite(number):
            raise ValueError(f"{field}: {number!r} must be a finite number")
    return numbers


def material(name, density=None, weight=None):
    """A built-in table, with another density or molecular weight where they are given."""
    if name == "ice":
        from .ice_table import DENSITY, MOLECULAR_WEIGHT, STEP, F

        stol, f, standard = tuple(i * STEP for i in range(len(F))), F, (DENSITY, MOLECULAR_WEIGHT)
    else:
        rows, *standard = {"water": (_WATER, 1.0, 18.0), "air": (_AIR, 1.2e-3, 28.0)}[name]
        stol, f = zip(*rows)
    return Table(name, stol, f, standard[0] if density is None else density,
                 standard[1] if weight is None else weight)


def read_table(path, density, weight):
    """A table from a text file: sin(theta)/lambda [1/Angstrom] and F [electrons] in its first two columns.

    Lines without numbers in front are passed over (comments, a header); further columns too.  Rows that are not in
    order are put in order.

    Raises
    ------
    ValueError
        Naming the file, the line and the rule.
    OSError
        The file cannot be read.
    """
    said = os.fsdecode(path)
    with open(path, "rb") as file:
        data = file.read(_BYTES + 1)
    if len(data) > _BYTES:
        raise ValueError(f"{said}: more than {_BYTES >> 20} MiB; no table of amplitudes is so long")
    if b"\0" in data:
        raise ValueError(f"{said}: is no text; must be two columns, sin(theta)/lambda and F")
    rows = {}
    for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
        row = _row(said, number, line)
        if row is None:
            continue
        if row[0] in rows:
            raise ValueError(f"{said}: line {number}: sin(theta)/lambda {row[0]!r} is there twice")
        rows[row[0]] = row[1]
    if len(rows) < 2:
        raise ValueError(f"{said}: {len(rows)} rows of numbers; must be two or more, sin(theta)/lambda and F")
    stol = sorted(rows)
    try:
        return Table(said, tuple(stol), tuple(rows[each] for each in stol), density, weight)
    except ValueError as error:
        raise ValueError(f"{said}: {error}") from error


def _row(said, number, line):
    """Two numbers of a line; None if it is a comment."""
    words = line.replace(",", " ").split()
    if not words or words[0][0] in "#!;%":
        return None
    values = []
    for word in words[:2]:
        try:
            values.append(float(word))
        except ValueError:
            break
    if not values:
        # a header
        return None
    if len(values) < 2 or not all(map(math.isfinite, values)):
        raise ValueError(f"{said}: line {number}: {line.strip()[:60]!r} must be two finite numbers, sin(theta)/lambda "
                         "[1/Angstrom] and F [electrons]")
    return values


def slopes(x, y):
    """Slopes at the knots of the monotone cubic of Fritsch and Butland, as PCHIP has it."""
    steps = [b - a for a, b in zip(x, x[1:])]
    secants = [(b - a) / step for a, b, step in zip(y, y[1:], steps)]
    if len(secants) == 1:
        return [secants[0], secants[0]]
    inner = []
    for (h0, d0), (h1, d1) in zip(zip(steps, secants), zip(steps[1:], secants[1:])):
        if d0 * d1 <= 0.0:
            inner.append(0.0)
        else:
            w0, w1 = 2.0 * h1 + h0, h1 + 2.0 * h0
            inner.append((w0 + w1) / (w0 / d0 + w1 / d1))
    return [_end(steps[0], steps[1], secants[0], secants[1]), *inner,
            _end(steps[-1], steps[-2], secants[-1], secants[-2])]


def _end(h0, h1, d0, d1):
    """Slope at an end: of the parabola through three points, held so that the curve stays monotone."""
    slope = ((2.0 * h0 + h1) * d0 - h0 * d1) / (h0 + h1)
    if slope * d0 <= 0.0:
        return 0.0
    if d0 * d1 <= 0.0 and abs(slope) > 3.0 * abs(d0):
        return 3.0 * d0
    return slope
