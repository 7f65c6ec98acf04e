"""Distributions as a description has them: tables of TOML to what draws values, checked in one line an error."""

from __future__ import annotations

from collections.abc import Callable, Sequence
import os
from typing import Any

from ..configs.checks import entries, finite, flag, not_negative, positive, shown, whole
from ..configs.crystal import Crystal
from ..response.toml_file import check_keys
from .draws import Choice, Constant, Distribution, Grid, Listed, LogUniform, Normal, Rotation, Uniform, Vector
from .fields import Field, checked

__all__ = ["Files", "distribution"]

#: Finds a file that a description names: place, name; returns its path.
Files = Callable[[str, str], str]

#: Distributions of numbers and the keys of each: needed, optional.
_NUMBERS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "constant": (("value",), ()), "uniform": (("low", "high"), ()), "log-uniform": (("low", "high"), ()),
    "normal": (("mean", "sigma", "low", "high"), ()), "choice": (("values",), ("weights",)),
    "list": ((), ("values", "file", "repeat")), "grid": (("low", "high", "steps"), ("every",))}
_FLAGS = {name: _NUMBERS[name] for name in ("constant", "choice", "list")}
_FLAGS["list"] = (("values",), ("repeat",))
_ROTATIONS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "uniform": ((), ()), "constant": (("value",), ()), "choice": (("values",), ("weights",)),
    "list": ((), ("values", "file", "repeat")), "grid": ((), ("x_deg", "y_deg", "z_deg", "every"))}
_OF_SPECTRA = ("axis", "density", "threshold", "merged")
_SPECTRA: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "choice": (("files",), ("weights", *_OF_SPECTRA)), "list": (("files",), ("repeat", *_OF_SPECTRA)),
    "sase": (("bandwidth_percent",), ("samples", "spike_percent", "merged", "threshold"))}
_KINDS = {"numbers": _NUMBERS, "flag": _FLAGS, "rotation": _ROTATIONS, "spectrum": _SPECTRA}
#: Keys of fields that have some of their own.
_OF_FIELDS = {"background_thickness_mm": ("layer",), "cell_length_factor": ("alike",),
              "cell_angle_offset_deg": ("alike",)}
#: Most values of a list, and longest line of its file.
_MOST, _LONGEST = 10 ** 7, 1000


def distribution(field: Field, table: Any, shots: int, find: Files) -> Distribution:
    """What a table says that a field's values follow.

    Parameters
    ----------
    field : Field
    table : dict
        ``distribution`` and its numbers.
    shots : int
        How many there are.
    find : callable
        Finds a file.

    Returns
    -------
    Distribution
        Of numbers, or tuples of them; of rotations three rows, or three angles of a misset; of spectra what they are
        made of, as `scene.Scene` takes it.

    Raises
    ------
    ValueError
        Naming the field, the value and the rule.
    """
    said = f"vary.{field.name}"
    if not isinstance(table, dict):
        raise ValueError(f"{said}: {shown(table)} must be a table with a distribution")
    kinds = _KINDS[field.kind]
    name = table.get("distribution")
    if not isinstance(name, str) or name not in kinds:
        what = "is missing;" if name is None else shown(name)
        raise ValueError(f"{said}.distribution: {what} must be one of {', '.join(kinds)}")
    needed, more = kinds[name]
    check_keys(table, ["distribution", *needed, *more, *_OF_FIELDS.get(field.name, ())], f"{said}.")
    missing = [key for key in needed if key not in table]
    if missing:
        raise ValueError(f"{said}: {name} needs {', '.join(missing)}")
    if field.kind == "spectrum":
        return _spectra(said, name, table, shots, find)
    if name in ("uniform", "log-uniform", "normal", "grid"):
        if field.kind == "rotation":
            return Rotation() if name == "uniform" else _angles(said, table)
        return _between(field, said, name, table)
    read = _value_of(field)
    if name == "constant":
        return Constant(read(f"{said}.value", table["value"]))
    if name == "choice":
        values = [read(f"{said}.values", value) for value in _list(f"{said}.values", table["values"])]
        return Choice(values, _weights(said, table, len(values)))
    return Listed(_repeated(said, table, _listed(field, said, table, find), shots))


# -- between bounds


def _between(field: Field, said: str, name: str, table: dict[str, Any]) -> Distribution:
    """One distribution, or one for each number of the field."""
    keys = ("mean", "sigma", "low", "high") if name == "normal" else ("low", "high")
    listed = [key for key in keys if isinstance(table[key], (list, tuple))]
    if field.size == 1 or field.one_for_all and not listed:
        one = _one(field, said, name, table, keys)
        return Vector((one,) * field.size) if field.each_its_own else one
    for key in listed:
        entries(f"{said}.{key}", table[key], field.size, f"{field.size} numbers")
    if not listed:
        raise ValueError(f"{said}.{keys[0]}: {shown(table[keys[0]])} must be {field.size} numbers")
    parts = [{key: table[key][place] if key in listed else table[key] for key in keys} for place in range(field.size)]
    return Vector(tuple(_one(field, said, name, {**table, **part}, keys) for part in parts))


def _one(field: Field, said: str, name: str, table: dict[str, Any], keys: Sequence[str]) -> Distribution:
    values = {key: checked(field, f"{said}.{key}", table[key]) for key in ("low", "high")}
    low, high = values["low"], values["high"]
    if not low <= high or low == high and name != "grid":
        raise ValueError(f"{said}.high: {shown(table['high'])} must be above low, {shown(table['low'])}")
    if name == "uniform":
        return Uniform(low, high, field.whole)
    if name == "log-uniform":
        if not low > 0.0:
            raise ValueError(f"{said}.low: {shown(table['low'])} must be above 0 for log-uniform")
        return LogUniform(low, high, field.whole)
    if name == "grid":
        steps, every = whole(f"{said}.steps", table["steps"]), whole(f"{said}.every", table.get("every", 1))
        if field.whole and (high - low) % max(steps - 1, 1):
            raise ValueError(f"{said}.steps: {steps} from {low} to {high} must give whole numbers")
        return Grid(low, high, steps, every, field.whole)
    mean, sigma = finite(f"{said}.mean", table["mean"], field.unit), positive(f"{said}.sigma", table["sigma"])
    try:
        return Normal(mean, sigma, low, high, field.whole)
    except ValueError as error:
        raise ValueError(f"{said}.{error}") from None


# -- listed


def _value_of(field: Field) -> Callable[[str, Any], Any]:
    """What checks a value of a field, named as it is said."""
    def numbers(said: str, value: Any) -> Any:
        if field.size == 1 or field.one_for_all and not isinstance(value, (list, tuple)):
            return checked(field, said, value)
        return tuple(checked(field, said, number)
                     for number in entries(said, value, field.size, f"{field.size} numbers"))

    if field.kind == "flag":
        return flag
    return numbers if field.kind == "numbers" else _rotation


def _rotation(said: str, value: Any) -> tuple[tuple[float, ...], ...]:
    """Three rows of three numbers, or nine numbers by rows."""
    rule = "three rows of three numbers, or nine numbers by rows"
    if isinstance(value, (list, tuple)) and len(value) == 9:
        value = [value[0:3], value[3:6], value[6:9]]
    rows = [list(entries(said, row, 3, rule)) for row in entries(said, value, 3, rule)]
    try:
        made: Any = Crystal(cell=(1, 1, 1, 90, 90, 90), u_matrix=rows).u_matrix
        return tuple(made)
    except ValueError as error:
        raise ValueError(f"{said}: {str(error).partition(': ')[2]}") from None


def _list(said: str, value: Any) -> Sequence[Any]:
    if not isinstance(value, list) or not value:
        raise ValueError(f"{said}: {shown(value)} must be a list of one value or more")
    return value


def _weights(said: str, table: dict[str, Any], count: int) -> list[float] | None:
    if "weights" not in table:
        return None
    weights = [not_negative(f"{said}.weights", v) for v in entries(
        f"{said}.weights", table["weights"], count, f"{count} numbers, one for each value")]
    if not sum(weights) > 0.0:
        raise ValueError(f"{said}.weights: {shown(table['weights'])} must not all be 0")
    return weights


def _listed(field: Field, said: str, table: dict[str, Any], find: Files) -> list[Any]:
    """Values of a list, which stands in the description or in a file."""
    if ("values" in table) == ("file" in table):
        raise ValueError(f"{said}: list needs values or file, one of them")
    read = _value_of(field)
    if "values" in table:
        return [read(f"{said}.values", value) for value in _list(f"{said}.values", table["values"])]
    return _rows(field, find(f"{said}.file", table["file"]), read)


def _rows(field: Field, path: str, read: Callable[[str, Any], Any]) -> list[Any]:
    """Values of a text file, one a row; # begins a comment."""
    made: list[Any] = []
    with open(path, encoding="utf-8", errors="replace") as file:
        number = 0
        while line := file.readline(_LONGEST + 1):
            number += 1
            where = f"{os.fsdecode(path)}: line {number}"
            if len(line) > _LONGEST:
                # a part of it would be another row
                raise ValueError(f"{where}: must have less than {_LONGEST} characters")
            words = line.partition("#")[0].replace(",", " ").split()
            if not words:
                continue
            try:
                numbers = [int(word) if field.whole else float(word) for word in words]
            except ValueError:
                raise ValueError(f"{where}: {shown(line.strip()[:80])} must be numbers") from None
            if len(numbers) != field.size and not (field.one_for_all and len(numbers) == 1):
                raise ValueError(f"{where}: {len(numbers)} numbers; {field.name} has {field.size}")
            made.append(read(where, numbers[0] if len(numbers) == 1 else numbers))
            if len(made) > _MOST:
                raise ValueError(f"{os.fsdecode(path)}: must have at most {_MOST} rows")
    if not made:
        raise ValueError(f"{os.fsdecode(path)}: must have one row of numbers or more")
    return made


def _repeated(said: str, table: dict[str, Any], values: Sequence[Any], shots: int) -> tuple[Any, ...]:
    repeat = flag(f"{said}.repeat", table.get("repeat", False))
    if len(values) < shots and not repeat:
        raise ValueError(f"{said}: {len(values)} values must be as many as there are shots, {shots}, or repeat = true")
    return tuple(values)


def _angles(said: str, table: dict[str, Any]) -> Distribution:
    """All combinations of angles about x, y and z, those about z changing fastest."""
    axes = [[float(angle) for angle in _numbers(f"{said}.{key}", table.get(key, [0.0]))]
            for key in ("x_deg", "y_deg", "z_deg")]
    every = whole(f"{said}.every", table.get("every", 1))
    if len(axes[0]) * len(axes[1]) * len(axes[2]) * every > _MOST:
        raise ValueError(f"{said}: must have at most {_MOST} orientations")
    return Listed(tuple((x, y, z) for x in axes[0] for y in axes[1] for z in axes[2] for _ in range(every)))


def _numbers(said: str, value: Any) -> list[float]:
    return [finite(said, number, "deg") for number in _list(said, value)]


# -- spectra


def _spectra(said: str, name: str, table: dict[str, Any], shots: int, find: Files) -> Distribution:
    """Spectra by what they are made of: a dictionary with a file, or with the parameters of pulses."""
    options: dict[str, Any] = {key: table[key] for key in _OF_SPECTRA if key in table}
    if name == "sase":
        pulse = ("bandwidth_percent", "samples", "spike_percent")
        return _Pulses({"kind": "sase", **{key: table[key] for key in pulse if key in table}, **options})
    names = _list(f"{said}.files", table["files"])
    made = [{"file": find(f"{said}.files", each), **options} for each in names]
    if name == "choice":
        return Choice(made, _weights(said, table, len(made)))
    return Listed(_repeated(said, table, made, shots))


class _Pulses:
    """Pulses of a free-electron laser, each from a seed that is drawn."""

    __slots__ = ("_made_of",)

    def __init__(self, made_of: dict[str, Any]) -> None:
        self._made_of = made_of

    def draw(self, source: Any) -> dict[str, Any]:
        """The value for a shot."""
        return {**self._made_of, "seed": source.bits()}
