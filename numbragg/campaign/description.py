"""The description of a campaign: one file of TOML, what it says in canonical form, and the hash of that."""

from __future__ import annotations

from dataclasses import dataclass
import hashlib
import json
import math
import os
from typing import Any, NamedTuple

from ..configs.checks import choice, shown, whole
from ..io.bounded import check_regular
from ..io.hdf5_filters import COMPRESSIONS
from ..io.one_image import LAYOUTS
from ..response.toml_file import check_keys, read_toml
from ..scene.draws import LARGEST_SEED
from .distributions import distribution
from .draws import Distribution, Source
from .fields import FIELDS, Field
from .labels import Labels, labels_of

__all__ = ["Description", "Output", "Values", "Varied", "read_description"]

#: Tables of a description.
TABLES = ("campaign", "structure", "detector", "beam", "crystal", "sampling", "evaluation", "background", "response",
          "output", "labels", "vary")
#: Most shots: a frame's number has 32 bits.
MOST_SHOTS = 2 ** 32 - 1
#: Most shots of a file, and most lattices of a shot.
_MOST_PER_FILE, MOST_LATTICES = 10 ** 6, 1000
_ALIKE = ("symmetry", "all", "none")


class Varied(NamedTuple):
    """A field that varies."""

    field: Field
    distribution: Distribution
    options: dict[str, Any]


class Output(NamedTuple):
    """What files hold."""

    kind: str = "counts"  # or mean: photons as float32
    compression: str = "gzip"
    layout: str | None = None  # of several panels


class Values(NamedTuple):
    """What varies, in one shot."""

    shot: dict[str, Any]  # by field
    lattices: tuple[dict[str, Any], ...]  # the same of each lattice
    blank: bool


@dataclass(frozen=True, eq=False)
class Description:
    """What a campaign is.

    Attributes
    ----------
    path, folder : str
        The file; where the files that it names are looked for.
    tables : dict
        As they stand in the file.
    shots, seed, shots_per_file : int
    varied : dict of str to Varied
    output : Output
    labels : Labels or None
    inputs : dict of str to str
        Files that are read, by the places where they are named.
    """

    path: str
    folder: str
    tables: dict[str, Any]
    shots: int
    seed: int
    shots_per_file: int
    varied: dict[str, Varied]
    output: Output
    labels: Labels | None
    inputs: dict[str, str]

    @property
    def shards(self) -> int:
        """How many files of shots there are."""
        return -(-self.shots // self.shots_per_file)

    def of_shard(self, number: int) -> range:
        """The shots of a file."""
        first = number * self.shots_per_file
        return range(first, min(first + self.shots_per_file, self.shots))

    def table(self, name: str) -> dict[str, Any]:
        """A table of the file, a copy; empty where there is none."""
        return dict(self.tables.get(name, {}))

    def find(self, place: str, name: Any) -> str:
        """The path of a file that is named at a place, noted among the inputs."""
        if not isinstance(name, str) or not name or "\0" in name:
            raise ValueError(f"{place}: {shown(name)} must be the name of a file")
        path = os.path.join(self.folder, name)
        try:
            check_regular(path, "a file of a campaign")
        except ValueError as error:
            raise ValueError(f"{place}: {error}") from None
        # of several at one place each has its own
        self.inputs[place if self.inputs.get(place, path) == path else f"{place} {name}"] = path
        return path

    def name_of(self, path: str) -> str:
        """How the description names a file: from its own folder."""
        return os.path.relpath(path, self.folder or os.curdir).replace(os.sep, "/")

    # -- what shots are made of

    def canonical(self) -> dict[str, Any]:
        """What shots and files depend on, without what they do not: how many there are, and where files lie."""
        tables = {name: _plain(table) for name, table in self.tables.items()}
        tables["campaign"] = {"seed": self.seed, "shots_per_file": self.shots_per_file}
        return {"tables": tables, "inputs": {place: _sha256(path) for place, path in sorted(self.inputs.items())}}

    def hash(self) -> str:
        """SHA-256 of the canonical form, hexadecimal."""
        return hashlib.sha256(canonical_text(self.canonical()).encode()).hexdigest()

    def values(self, shot: int) -> Values:
        """What varies in a shot: a function of the description and its number alone."""
        def drawn(name: str, lattice: int = 0) -> Any:
            return self.varied[name].distribution.draw(Source(self.seed, name, shot, lattice))

        of_shot = {name: drawn(name) for name, varied in self.varied.items() if not varied.field.of_lattice}
        lattices, blank = of_shot.pop("lattices", 1), of_shot.pop("blank", False)
        return Values(of_shot, tuple({name: drawn(name, lattice) for name, varied in self.varied.items()
                                      if varied.field.of_lattice} for lattice in range(lattices)), blank)


def canonical_text(value: Any) -> str:
    """JSON with keys in order and without blanks."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def _plain(value: Any) -> Any:
    """A value of TOML as canonical JSON has it: whole numbers are the same with and without a point."""
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    if isinstance(value, float):
        # numbers that JSON does not know, by their names
        return int(value) if value.is_integer() else value if math.isfinite(value) else repr(value)
    return value if isinstance(value, (str, int, bool)) else str(value)


def _sha256(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_description(path: str | os.PathLike[str], shots: int | None = None) -> Description:
    """Read the description of a campaign.

    Parameters
    ----------
    path : str or path-like
        A file of TOML; files that it names are looked for in its folder.
    shots : int, optional
        How many, in the place of what the file says.

    Returns
    -------
    Description
        Checked as far as that is possible without files that it names, but for lists of values.

    Raises
    ------
    ValueError
        Naming the file, the field, the value and the rule.
    OSError
        The file cannot be read.

    Examples
    --------
    >>> from numbragg.campaign.description import read_description
    >>> from numbragg.campaign.example import example
    >>> with open("set.toml", "w") as file:
    ...     _ = file.write(example(20))
    >>> campaign = read_description("set.toml")
    >>> campaign.shots, campaign.values(7) == campaign.values(7)
    (20, True)
    """
    name = os.fsdecode(path)
    # by each process of a run
    check_regular(path, "a description")
    try:
        return _checked(name, read_toml(path), shots)
    except ValueError as error:
        said = str(error)
        raise ValueError(said if said.startswith(f"{name}: ") else f"{name}: {said}") from None


def _checked(name: str, tables: dict[str, Any], shots: int | None) -> Description:
    check_keys(tables, list(TABLES), "")
    for key, table in tables.items():
        if not isinstance(table, dict):
            raise ValueError(f"{key}: {shown(table)} must be a table, [{key}]")
    own = tables.get("campaign", {})
    check_keys(own, ["shots", "seed", "shots_per_file"], "campaign.")
    for key in ("shots", "seed"):
        if key not in own:
            raise ValueError(f"campaign.{key}: is missing; must be a whole number")
    count = whole("campaign.shots", own["shots"] if shots is None else shots, 1, MOST_SHOTS)
    made = Description(
        path=name, folder=os.path.dirname(name), tables=tables, shots=count,
        seed=whole("campaign.seed", own["seed"], 0, LARGEST_SEED), varied={}, output=_output(tables),
        labels=labels_of(tables), inputs={},
        shots_per_file=whole("campaign.shots_per_file", own.get("shots_per_file", 100), 1, _MOST_PER_FILE))
    _vary(made, tables.get("vary", {}))
    return made


def _output(tables: dict[str, Any]) -> Output:
    table = tables.get("output", {})
    check_keys(table, ["kind", "compression", "layout"], "output.")
    layout = table.get("layout")
    made = Output(choice("output.kind", table.get("kind", "counts"), ("counts", "mean")),
                  choice("output.compression", table.get("compression", "gzip"), COMPRESSIONS),
                  None if layout is None else choice("output.layout", layout, LAYOUTS))
    if made.kind == "mean" and "response" in tables:
        raise ValueError('output.kind: "mean" has no counts, and [response] is of counts; leave one of them out')
    return made


def _vary(description: Description, table: dict[str, Any]) -> None:
    """Read what varies, in the order of the table of fields."""
    check_keys(table, list(FIELDS), "vary.")
    for field in FIELDS.values():
        if field.name in table:
            made = distribution(field, table[field.name], description.shots, description.find)
            description.varied[field.name] = Varied(field, made, _options(field, table[field.name]))
    many = table.get("lattices")
    if many is not None:
        if _largest(many) > MOST_LATTICES:
            raise ValueError(f"vary.lattices: must be at most {MOST_LATTICES}")
        for name, varied in description.varied.items():
            if varied.field.of_lattice and table[name]["distribution"] in ("list", "grid"):
                raise ValueError(f"vary.{name}.distribution: {table[name]['distribution']!r} has one value for a shot, "
                                 "and does not go with vary.lattices")


def _options(field: Field, table: dict[str, Any]) -> dict[str, Any]:
    """What a field has beside its distribution."""
    options: dict[str, Any] = {}
    if "alike" in table:
        options["alike"] = choice(f"vary.{field.name}.alike", table["alike"], _ALIKE)
    if "layer" in table:
        options["layer"] = whole(f"vary.{field.name}.layer", table["layer"], 0)
    return options


def _largest(table: dict[str, Any]) -> float:
    """The largest number that a distribution gives."""
    listed = table.get("values", [])
    return max([table[key] for key in ("value", "high") if key in table] + list(listed))
