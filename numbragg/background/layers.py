"""Layers of amorphous material along the beam, and the words that stand for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
import math
import os
import re

from .tables import MATERIALS, Table, material, read_table

__all__ = ["Background", "Layer", "split_words"]

#: Units of lengths in millimetres, as a division or a factor, each exact.
_UNITS = {"nm": 1e-6, "um": 1e-3, "mm": 1.0, "m": 1e3}

_LENGTH = re.compile(r"(.+?)\s*(nm|um|µm|mm|m)$")
_RULE = ("must be MATERIAL:EXTENT[:DENSITY[:WEIGHT]], such as water:5um, air:-30mm..20mm or FILE.stol:5um:0.92:18.015; "
         "units nm, um, mm, m")


@dataclass(frozen=True, slots=True, repr=False)
class Layer:
    """One layer of a material across the beam.

    Parameters
    ----------
    material : Table or str
        A table, or the name of one that is built in: "water", "air", "ice".
    thickness_mm : float, optional
        Along the beam; the layer lies around the sample, half of it upstream.
    begin_mm, end_mm : float, optional
        In its place: from where to where it is, along the beam from the sample, upstream negative [mm].

    Raises
    ------
    ValueError
        Naming the field, the value and the rule.

    Examples
    --------
    >>> from numbragg.background import Layer
    >>> Layer("water", 0.005)
    Layer('water', -0.0025..0.0025 mm)
    >>> Layer("air", begin_mm=-30, end_mm=20).thickness_mm
    50.0
    """

    material: Table | str
    thickness_mm: float | None = None
    begin_mm: float | None = None
    end_mm: float | None = None

    def __post_init__(self):
        put = object.__setattr__
        if isinstance(self.material, str):
            if self.material not in MATERIALS:
                raise ValueError(f"material: {self.material!r} must be a Table or one of {', '.join(MATERIALS)}")
            put(self, "material", material(self.material))
        elif not isinstance(self.material, Table):
            raise ValueError(f"material: {type(self.material).__name__} must be a Table or one of "
                             f"{', '.join(MATERIALS)}")
        ends = (self.begin_mm, self.end_mm)
        if (self.thickness_mm is None) == (ends == (None, None)) or (None in ends and ends != (None, None)):
            raise ValueError("thickness_mm: give a thickness, or begin_mm and end_mm")
        for name in ("thickness_mm", "begin_mm", "end_mm"):
            if getattr(self, name) is not None:
                put(self, name, _number(name, getattr(self, name)))
        if self.thickness_mm is not None:
            if not self.thickness_mm > 0.0:
                raise ValueError(f"thickness_mm: {self.thickness_mm!r} must be above 0 mm")
            put(self, "begin_mm", -0.5 * self.thickness_mm)
            put(self, "end_mm", 0.5 * self.thickness_mm)
        elif not self.end_mm > self.begin_mm:
            raise ValueError(f"end_mm: {self.end_mm!r} must be above begin_mm, {self.begin_mm!r} mm")
        else:
            put(self, "thickness_mm", self.end_mm - self.begin_mm)

    def __repr__(self):
        return f"Layer({self.material.name!r}, {self.begin_mm:g}..{self.end_mm:g} mm)"


def _number(name, value):
    try:
        if isinstance(value, (bool, str)):
            raise TypeError
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{name}: {str(value)[:80]!r} is not a number in mm") from None
    if not math.isfinite(number):
        raise ValueError(f"{name}: {number!r} must be a finite number in mm")
    return number


@dataclass(frozen=True, slots=True, repr=False)
class Background:
    """Amorphous material in the beam: layers whose photons are added to an image.

    Parameters
    ----------
    layers : str or sequence of Layer
        Words such as ``"water:5um,air:50mm"``, or the layers themselves.

    Raises
    ------
    ValueError
        Naming the layer, the value and the rule.
    OSError
        The file of a table cannot be read.

    Examples
    --------
    >>> import numbragg as nb
    >>> nb.Background("water:5um,air:-30mm..20mm")
    Background('water:-0.0025..0.0025mm, air:-30..20mm')
    """

    layers: tuple[Layer, ...]

    def __init__(self, layers: str | Layer | Sequence[Layer]) -> None:
        if isinstance(layers, str):
            made = tuple(_layer(*parts) for parts in split_words(layers))
        elif isinstance(layers, Layer):
            made = (layers,)
        else:
            try:
                made = tuple(layers)
            except TypeError:
                made = ()
        if not made or not all(isinstance(each, Layer) for each in made):
            raise ValueError("layers: must be words such as 'water:5um,air:50mm', or Layer objects, one or more")
        object.__setattr__(self, "layers", made)

    def __repr__(self):
        said = ", ".join(f"{each.material.name}:{each.begin_mm:g}..{each.end_mm:g}mm" for each in self.layers)
        return f"Background({said!r})"


def split_words(words):
    """What words say of each layer, without opening a file.

    Returns
    -------
    list of (str, dict, float or None, float or None)
        Material, extent as arguments of `Layer`, density [g/cm^3], molecular weight [g/mol].

    Raises
    ------
    ValueError
        In one line that shows the word.
    """
    found = []
    for word in words.split(","):
        word = word.strip()
        fields = word.split(":")
        # a name may hold colons: the extent is the first field that is one
        place = next((i for i in range(1, len(fields)) if _extent(fields[i]) is not None), None)
        if place is None or len(fields) > place + 3 or not ":".join(fields[:place]):
            raise ValueError(f"background: {word[:100]!r} {_RULE}")
        name = ":".join(fields[:place])
        numbers = [_given(word, text) for text in fields[place + 1:]] + [None, None]
        if name not in MATERIALS and None in numbers[:2]:
            raise ValueError(f"background: {word[:100]!r} lacks density [g/cm^3] and molecular weight [g/mol]: "
                             f"FILE:EXTENT:DENSITY:WEIGHT (built in are {', '.join(MATERIALS)})")
        extent = _extent(fields[place])
        begin, end = extent if isinstance(extent, tuple) else (0.0, extent)
        if not end > begin:
            raise ValueError(f"background: {word[:100]!r} has no thickness: must be above 0, or end behind its begin")
        of_layer = ({"begin_mm": begin, "end_mm": end} if isinstance(extent, tuple) else {"thickness_mm": extent})
        found.append((name, of_layer, numbers[0], numbers[1]))
    return found


def _given(word, text):
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number > 0.0):
        raise ValueError(f"background: {word[:100]!r}: {text[:40]!r} must be a finite number above 0, density [g/cm^3] "
                         "and then molecular weight [g/mol]")
    return number


def _length(text):
    """Millimetres, or None where a text is no length."""
    match = _LENGTH.match(text.strip())
    if match is None:
        return None
    try:
        number = float(match[1]) * _UNITS[match[2].replace("µ", "u")]
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _extent(text):
    """A thickness [mm], begin and end [mm], or None where a text is neither."""
    begin, dots, end = text.partition("..")
    if not dots:
        return _length(text)
    ends = _length(begin), _length(end)
    return None if None in ends else ends


def _layer(name, extent, density, weight):
    table = material(name, density, weight) if name in MATERIALS else read_table(os.fspath(name), density, weight)
    return Layer(table, **extent)
