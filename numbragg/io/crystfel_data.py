"""HDF5 files laid out as a CrystFEL geometry says its data lie, so that the same .geom opens them: one image.

Rules are those of CrystFEL's crystfel_geometry: ranges of fs and ss are within the array at `data`, each `dim` is fs,
ss, an event's (%) or a fixed number; lengths that stand in the file are in mm for clen and in m for shifts, unless a
unit says otherwise.
"""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import memory
from ..notes import Loud, Misleading
from .errors import format_error
from .hdf5_filters import filters
from .literals import decimal

if TYPE_CHECKING:
    import os

    from .experiment import Experiment, PanelPlace
    from .geom import Geometry, GeometryPanel, Length, Mask

# start-up: h5py is an extra and imported with the first file

__all__ = ["HC_2019_EV_ANGSTROM", "check_crystfel", "crystfel_bytes", "wavelength_of"]

#: What stands for an event where the name of a place depends on it.
_EVENT = "0"
#: Pixels of the geometry may be so far from those that were simulated, in pixels.
_TOLERANCE = 0.1
#: Energy times wavelength [eV Angstrom], as CrystFEL has it: of the constants of 2019.
HC_2019_EV_ANGSTROM = 12398.419843320026
_ENERGIES = {"": 1.0, "eV": 1.0, "keV": 1e3, "MeV": 1e6}
_WAVELENGTHS = {"": 1e-10, "m": 1.0, "A": 1e-10}
_LENGTHS = {"m": 1.0, "mm": 1e-3}


def check_crystfel(path: str | os.PathLike[str], geometry: Geometry, experiment: Experiment) -> None:
    """Refuse what `crystfel_bytes` would, before there are images."""
    _check_panels(path, geometry, experiment)
    shapes = _shapes(path, geometry)
    _check_places(path, [*shapes, *_masks(path, geometry, shapes)], _values(path, geometry, experiment, []))


def wavelength_of(word: str, text: str) -> float | None:
    """The wavelength [Angstrom] that a word of a geometry tells, or None."""
    number, _, unit = text.strip().partition(" ")
    value = decimal(number)
    units = {"photon_energy": _ENERGIES, "wavelength": _WAVELENGTHS}.get(word, {})
    scale = {name.lower(): size for name, size in units.items()}.get(unit.strip().lower())
    if value is None or scale is None or not 0.0 < value < math.inf:
        return None
    return HC_2019_EV_ANGSTROM / (value * scale) if word == "photon_energy" else value * scale * 1e10


def crystfel_bytes(path: str | os.PathLike[str], geometry: Geometry, experiment: Experiment, images: Any, *,
                   compression: str) -> tuple[bytes, tuple[str, ...]]:
    """The HDF5 file that a geometry file opens.

    Parameters
    ----------
    path : str or path-like
        The geometry file, for messages.
    geometry : io.geom.Geometry
    experiment : io.experiment.Experiment
        Of the same panels in the same order.
    images : list of (slow, fast) array
        Of the panels, of one type.
    compression : str
        One of `io.hdf5_filters.COMPRESSIONS`.

    Returns
    -------
    bytes
    tuple of str
        Notes on what the geometry says that is not so.

    Raises
    ------
    ValueError
        If the panels are others, or cannot lie in a file as the geometry has it.
    ImportError
        h5py or hdf5plugin is not installed.
    """
    try:
        import h5py
    except ImportError as error:
        raise ImportError("writing HDF5 needs h5py: pip install h5py") from error
    _check_panels(path, geometry, experiment)
    packing = filters(compression)
    largest = np.nan if images[0].dtype.kind == "f" else np.iinfo(images[0].dtype).max
    arrays: dict[str, Any] = {}
    shapes = _shapes(path, geometry)
    for place, shape in shapes.items():
        memory.require(2 * math.prod(shape) * images[0].dtype.itemsize, f"{place}: data of {shape}")
        arrays[place] = np.zeros(shape, images[0].dtype)
    masks = {place: np.full(shape, good, dtype) for place, (shape, good, dtype) in
             _masks(path, geometry, shapes).items()}
    notes: list[str] = []
    unsaid = 0
    for panel, simulated, image in zip(geometry.panels, experiment.panels, images):
        left_out = None if simulated.mask is None else np.asarray(simulated.mask) == 0
        where = _slices(panel)
        arrays[_named(panel.data)][where] = _turned(panel, image if left_out is None
                                                    else np.where(left_out, images[0].dtype.type(largest), image))
        if left_out is None:
            continue
        told = [mask for mask in panel.masks if mask.file is None and _bad_value(path, mask) is not None]
        for mask in told:
            masks[_named(mask.place)][where][_turned(panel, left_out)] = _bad_value(path, mask)
        unsaid += 0 if told else int(left_out.sum())
    if unsaid:
        notes.append(f"{unsaid} masked pixels are of no mask in the file; they hold {largest}")
    values = _values(path, geometry, experiment, notes)
    _check_places(path, [*arrays, *masks], values)
    _compare(path, geometry, experiment, notes)
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", libver=("earliest", "v110")) as file:
        try:
            for place, array in (arrays | masks).items():
                chunks = tuple(length if word in ("fs", "ss") else 1
                               for word, length in zip(_words(geometry, place), array.shape))
                file.create_dataset(place, data=array, track_times=False, chunks=chunks, **packing)
            for place, value in values.items():
                file.create_dataset(place, data=value, track_times=False)
        except (ValueError, TypeError, OSError, RuntimeError) as error:
            raise format_error(path, "names places that no HDF5 file can have "
                                     f"({' '.join(str(error).split())[:200]})") from error
    return buffer.getvalue(), tuple(notes)


# -- where data lie


def _named(place: str) -> str:
    """A place with the name of an event."""
    place = place.replace("%", _EVENT)
    return place if place.startswith("/") else f"/{place}"


def _check_places(path: Any, arrays: list[str], values: dict[str, float]) -> None:
    places = [*arrays, *values]
    for number, place in enumerate(places):
        for other in places[:number]:
            if place == other or place.startswith(f"{other}/") or other.startswith(f"{place}/"):
                raise format_error(path, f"{other!a} and {place!a} cannot both be places in one HDF5 file")


def _words(geometry: Geometry, place: str) -> tuple[Any, ...]:
    for panel in geometry.panels:
        if place == _named(panel.data) or any(place == _named(mask.place) for mask in panel.masks):
            return panel.dimensions
    raise KeyError(place)


def _check_panels(path: Any, geometry: Geometry, experiment: Experiment) -> None:
    if len(geometry.panels) != len(experiment.panels):
        raise format_error(path, f"has {len(geometry.panels)} panels; {len(experiment.panels)} were simulated")
    for panel, simulated in zip(geometry.panels, experiment.panels):
        min_fs, max_fs, min_ss, max_ss = panel.edges
        size = max_fs - min_fs + 1, max_ss - min_ss + 1
        if size != simulated.pixels:
            raise format_error(path, f"panel {panel.name!a} has {size[0]} x {size[1]} pixels (fast x slow); "
                                     f"{simulated.pixels[0]} x {simulated.pixels[1]} were simulated", panel.line)
        if sorted(word for word in panel.dimensions if word in ("fs", "ss")) != ["fs", "ss"]:
            raise format_error(path, f"panel {panel.name!a}: its dimensions, "
                                     f"{', '.join(map(str, panel.dimensions))}, must have fs and ss once each",
                               panel.line)


def _ends(panel: GeometryPanel) -> tuple[tuple[int, int], ...]:
    """First and last index of a panel along each dimension of its data."""
    ranges = {"fs": panel.edges[:2], "ss": panel.edges[2:], "%": (0, 0)}
    return tuple(ranges[word] if isinstance(word, str) else (word, word) for word in panel.dimensions)


def _slices(panel: GeometryPanel) -> tuple[Any, ...]:
    return tuple(slice(first, last + 1) if word in ("fs", "ss") else first
                 for word, (first, last) in zip(panel.dimensions, _ends(panel)))


def _turned(panel: GeometryPanel, image: Any) -> Any:
    """An image as its dimensions have it: fs may stand before ss."""
    return image.T if panel.dimensions.index("fs") < panel.dimensions.index("ss") else image


def _shapes(path: Any, geometry: Geometry) -> dict[str, tuple[int, ...]]:
    """Arrays that hold all panels: by their place, which no two panels share in part."""
    found: dict[str, list[GeometryPanel]] = {}
    for panel in geometry.panels:
        found.setdefault(_named(panel.data), []).append(panel)
    shapes = {}
    for place, panels in found.items():
        ends = [_ends(panel) for panel in panels]
        for panel in panels:
            if len(panel.dimensions) != len(panels[0].dimensions):
                raise format_error(path, f"panel {panel.name!a}: {place!a} has {len(panel.dimensions)} dimensions "
                                         f"here and {len(panels[0].dimensions)} for {panels[0].name!a}", panel.line)
        for number, (panel, mine) in enumerate(zip(panels, ends)):
            for other, theirs in zip(panels[:number], ends):
                if all(a <= d and c <= b for (a, b), (c, d) in zip(mine, theirs)):
                    raise format_error(path, f"panel {panel.name!a}: its data lie where those of {other.name!a} do",
                                       panel.line)
        shapes[place] = tuple(max(last for _, last in along) + 1 for along in zip(*ends))
    return shapes


# -- masks


def _bad_value(path: Any, mask: Mask) -> int | None:
    """A value of bad pixels; None where every value is that of a good one."""
    if mask.good & mask.bad:
        raise format_error(path, f"mask{mask.number}: no value is good, for bits {mask.good & mask.bad:#x} must be "
                                 "set and must not", mask.line)
    return mask.bad or (0 if mask.good else None)


def _masks(path: Any, geometry: Geometry, shapes: dict[str, Any]) -> dict[str, tuple[Any, int, Any]]:
    """Masks that lie beside the data: by their place the shape, the value of good pixels and the type."""
    found: dict[str, tuple[Any, int, Any]] = {}
    owners: dict[str, str] = {}
    for panel in geometry.panels:
        for mask in panel.masks:
            if mask.file is not None:
                continue
            place, said = _named(mask.place), f"mask{mask.number}"
            bits = mask.good | (_bad_value(path, mask) or 0)
            dtype = np.uint16 if bits < 2 ** 16 else np.uint32
            shape, good, known = found.get(place, (shapes[_named(panel.data)], mask.good, dtype))
            if place in shapes or owners.setdefault(place, panel.data) != panel.data:
                raise format_error(path, f"{said}_data: {mask.place!a} is the place of other data, too", mask.line)
            if mask.good != good:
                raise format_error(path, f"{said}_goodbits: {mask.good:#x} and {good:#x} are of the same mask, "
                                         f"{mask.place!a}", mask.line)
            found[place] = shape, good, max(known, dtype, key=lambda kind: np.iinfo(kind).max)
    return found


# -- numbers that stand in the file


def _value_in(unit: str, units: dict[str, float], path: Any, said: str) -> float:
    if unit not in units:
        raise format_error(path, f"{said}: unit {unit!a} must be one of {', '.join(filter(None, units))}")
    return units[unit]


def _values(path: Any, geometry: Geometry, experiment: Experiment, notes: list[str]) -> dict[str, float]:
    """What the geometry reads from the file: camera lengths, shifts, the wavelength; by place."""
    found: dict[str, float] = {}

    def put(word: str, place: str, value: float) -> None:
        place = _named(place)
        if abs(found.setdefault(place, value) - value) > 1e-9 * abs(value):
            raise format_error(path, f"{word}: {place!a} must be both {found[place]!r} and {value!r}")

    for panel, simulated in zip(geometry.panels, experiment.panels):
        length = panel.clen or geometry.clen
        if length is not None and length.place is not None:
            place, scale = _length(path, "clen", length, 1e-3)
            put("clen", place, (simulated.origin_mm[2] / 1e3 - panel.coffset) / scale)
    for axis, length in enumerate(geometry.shift):
        if length is not None and length.place is not None:
            word = f"detector_shift_{'xy'[axis]}"
            place, scale = _length(path, word, length, 1.0)
            first, simulated = geometry.panels[0], experiment.panels[0]
            put(word, place, (simulated.origin_mm[axis] / 1e3 - first.corner[axis] / first.res) / scale)
    if geometry.beam is not None:
        _put_beam(path, geometry.beam, experiment.wavelength_angstrom, put, notes)
    return found


def _length(path: Any, word: str, length: Length, otherwise: float) -> tuple[str, float]:
    """The place of a length, and its unit [m]."""
    place, _, unit = str(length.place).partition(" ")
    return place, _value_in(unit.strip(), _LENGTHS | {"": otherwise}, path, word)


def _put_beam(path: Any, beam: tuple[str, str], wavelength: float, put: Any, notes: list[str]) -> None:
    word, text = beam
    said, _, unit = text.partition(" ")
    if word == "electron_voltage":
        notes.append(Loud(f"{word} is of electrons; the wavelength that was simulated is not in the file"))
        return
    scale = _value_in(unit.strip(), _ENERGIES if word == "photon_energy" else _WAVELENGTHS, path, word)
    value = (HC_2019_EV_ANGSTROM / wavelength if word == "photon_energy" else wavelength * 1e-10) / scale
    number = decimal(said)
    if number is None:
        put(word, said, value)
    elif abs(number - value) > 1e-4 * abs(value):
        notes.append(Misleading(f"the geometry says {word} = {text}, but {wavelength:.6g} Angstrom were simulated, "
                                f"which is {value:.6g}"))


# -- whether it is the detector that was simulated


def _compare(path: Any, geometry: Geometry, experiment: Experiment, notes: list[str]) -> None:
    """Tell if the geometry has pixels elsewhere; numbers that stand in the file are those that were simulated."""
    shift = [0.0 if length is None else length.metres for length in geometry.shift]
    if shift.count(None):
        first, simulated = geometry.panels[0], experiment.panels[0]
        shift = [simulated.origin_mm[axis] / 1e3 - first.corner[axis] / first.res if metres is None else metres
                 for axis, metres in enumerate(shift)]
    worst, where = 0.0, ""
    for panel, simulated in zip(geometry.panels, experiment.panels):
        off = _off(panel, simulated, shift, panel.clen or geometry.clen)
        if not off <= worst:
            worst, where = off, panel.name
    if worst > _TOLERANCE:
        notes.append(Misleading(f"the geometry has pixels of panel {where!a} up to {worst:.3g} pixels from where they "
                                "were simulated"))


def _off(panel: GeometryPanel, simulated: PanelPlace, shift: Any, length: Length | None) -> float:
    """By how many pixels corners of a panel are off."""
    pitch = 1e3 / panel.res
    # without a length, or with one that stands in the file, it is what was simulated
    z = (simulated.origin_mm[2] if length is None or length.metres is None
         else (length.metres + panel.coffset) * 1e3)
    origin = (*(corner * pitch + 1e3 * move for corner, move in zip(panel.corner, shift)), z)
    worst = 0.0
    for f in (0, simulated.pixels[0]):
        for s in (0, simulated.pixels[1]):
            worst = max(worst, math.dist(
                [o + pitch * (f * a + s * b) for o, a, b in zip(origin, panel.fast, panel.slow)],
                [o + f * a + s * b for o, a, b in zip(simulated.origin_mm, simulated.fast_mm, simulated.slow_mm)]))
    return worst / pitch
