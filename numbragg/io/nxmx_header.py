"""Geometry in NXmx files (NeXus, HDF5): modules of a detector, placed by chains of translations and rotations.

The frame is McStas's, in which NeXus has its vectors: z along the beam, y up.  Lengths come out in millimetres.
"""

import math
import os
import re
from typing import NamedTuple

import numpy as np

from .errors import format_error
from .trial import try_reading

# start-up: h5py is an extra and imported with the first file

__all__ = ["NxPanel", "NxDetector", "read_nxmx_geometry"]

_LENGTHS = {"m": 1000.0, "metre": 1000.0, "meter": 1000.0, "meters": 1000.0, "metres": 1000.0, "cm": 10.0, "mm": 1.0,
            "um": 1e-3, "µm": 1e-3, "micron": 1e-3, "microns": 1e-3, "nm": 1e-6}
_ANGLES = {"deg": math.pi / 180.0, "degree": math.pi / 180.0, "degrees": math.pi / 180.0, "rad": 1.0, "radian": 1.0,
           "radians": 1.0}

#: Steps of a chain of transformations at most; a longer one goes in a circle.
LONGEST_CHAIN = 100


class NxPanel(NamedTuple):
    """A module."""

    name: str
    pixels: tuple  # fast, slow
    origin: tuple  # [mm]
    fast: tuple  # from a pixel to the next [mm]
    slow: tuple
    mask: np.ndarray | None  # (slow, fast), False: left out
    first: tuple = (0, 0)  # where its pixels begin in a frame of the data, slow and fast last


class NxDetector(NamedTuple):
    """A detector: its modules and its sensor."""

    panels: tuple
    thickness_um: float  # 0: not given
    material: str
    notes: tuple


class _Broken(Exception):
    """A rule of the format that a file breaks."""


def read_nxmx_geometry(path):
    """Geometry of an NXmx file, or of an older one of an Eiger detector.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    NxDetector

    Raises
    ------
    FileFormatError
        No HDF5 file, one that does not place its modules, or one on which the library hangs or crashes.
    ImportError
        h5py is not installed.
    OSError
        The file cannot be read.
    """
    try:
        import h5py  # noqa: F401
    except ImportError as error:
        raise ImportError(f"{os.fsdecode(path)}: reading HDF5 needs h5py and hdf5plugin: "
                          "pip install h5py hdf5plugin") from error
    # errors of the system are told from those of the content
    with open(path, "rb"):
        pass
    try_reading(path, __name__, "_read", "HDF5")
    return _read(path)


def _read(path):
    import h5py

    try:
        with h5py.File(path, "r") as file:
            return _detector(h5py, _only(h5py, file, "NXdetector"))
    except _Broken as error:
        raise format_error(path, str(error)) from None
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise format_error(path, f"is not a readable NXmx file ({reason[:200]})") from error


def _text(value):
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.reshape(-1)[0]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _class(item):
    return _text(item.attrs.get("NX_class", ""))


def _only(h5py, file, kind):
    """The one group of a class of NeXus in a file."""
    found = []

    def look(_, item):
        if isinstance(item, h5py.Group) and _class(item) == kind:
            found.append(item.name)

    file.visititems(look)
    if len(found) != 1:
        raise _Broken(f"it has {len(found)} groups of class {kind}; one is read")
    return file[found[0]]


def _numbers(values, place, count=None):
    array = np.asarray(values, dtype=float).reshape(-1)
    if (count is not None and array.size != count) or array.size == 0 or not np.isfinite(array).all():
        raise _Broken(f"{place}: must be {count or 'some'} finite numbers")
    return tuple(array.tolist())


def _unit(attributes, key, kinds, place):
    unit = _text(attributes.get(key, ""))
    if unit not in kinds:
        raise _Broken(f"{place}: its {key}, {unit!r}, must be one of {', '.join(kinds)}")
    return kinds[unit]


def _length(group, name):
    """A length of a detector [mm], or None where there is none."""
    if name not in group:
        return None
    return _numbers(group[name][()], f"{name}")[0] * _unit(group[name].attrs, "units", _LENGTHS, name)


# -- chains


def _vector(dataset):
    vector = _numbers(dataset.attrs.get("vector", ()), f"{dataset.name}: its vector", 3)
    size = math.hypot(*vector)
    if not size > 0.0:
        raise _Broken(f"{dataset.name}: its vector has no direction")
    return tuple(v / size for v in vector)


def _offset(dataset):
    if "offset" not in dataset.attrs:
        return np.zeros(3)
    values = np.array(_numbers(dataset.attrs["offset"], f"{dataset.name}: its offset", 3))
    if not values.any():
        return values
    key = "offset_units" if "offset_units" in dataset.attrs else "units"
    return values * _unit(dataset.attrs, key, _LENGTHS, dataset.name)


def _step(dataset):
    """One transformation: a rotation matrix and a translation [mm]."""
    value, vector = _numbers(dataset[()], dataset.name)[0], np.array(_vector(dataset))
    kind = _text(dataset.attrs.get("transformation_type", ""))
    if kind == "translation":
        return np.eye(3), value * _unit(dataset.attrs, "units", _LENGTHS, dataset.name) * vector + _offset(dataset)
    if kind != "rotation":
        raise _Broken(f"{dataset.name}: its transformation_type, {kind!r}, must be translation or rotation")
    angle = value * _unit(dataset.attrs, "units", _ANGLES, dataset.name)
    if angle == 0.0:
        return np.eye(3), _offset(dataset)
    x, y, z = vector.tolist()
    across = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    turn = np.eye(3) + math.sin(angle) * across + (1.0 - math.cos(angle)) * across.dot(across)
    return turn, _offset(dataset)


def _next(dataset):
    """What a transformation depends on, or None."""
    place = _text(dataset.attrs.get("depends_on", "."))
    if place in (".", ""):
        return None
    holder = dataset.parent
    if place not in holder:
        raise _Broken(f"{dataset.name}: it depends on {place!r}, which is not there")
    return holder[place]


def _chain(dataset):
    """The rotation and translation [mm] of a transformation and all that it depends on; None stands for nothing."""
    turn, shift = np.eye(3), np.zeros(3)
    for _ in range(LONGEST_CHAIN):
        if dataset is None:
            return turn, shift
        step_turn, step_shift = _step(dataset)
        # matrices are small: no BLAS, whose last bits differ
        turn, shift = _times(step_turn, turn), _times(step_turn, shift) + step_shift
        dataset = _next(dataset)
    raise _Broken("a chain of transformations goes in a circle")


def _times(matrix, other):
    return sum(matrix[:, i:i + 1] * other[i:i + 1] for i in range(3)) if other.ndim == 2 else np.array(
        [row[0] * other[0] + row[1] * other[1] + row[2] * other[2] for row in matrix])


# -- modules


def _detector(h5py, group):
    notes = []
    modules = _in_order([item for item in group.values()
                         if isinstance(item, h5py.Group) and _class(item) == "NXdetector_module"])
    mask = next((place[()] for name in ("pixel_mask", "detectorSpecific/pixel_mask")
                 if name in group and isinstance(place := group[name], h5py.Dataset)), None) if _mask_readable(
                     group, notes) else None
    panels = tuple(_module(group, module, mask, notes) for module in modules) or (_eiger(group, mask, notes),)
    thickness = 1000.0 * (_length(group, "sensor_thickness") or 0.0)
    material = _text(group["sensor_material"][()]) if "sensor_material" in group else ""
    return NxDetector(panels, thickness, material, tuple(dict.fromkeys(notes)))


def _in_order(modules):
    """Modules in the order in which their pixels lie in the data, else in that of the numbers in their names.

    HDF5 lists names as text: module_10 before module_2.
    """
    modules = sorted(modules, key=lambda module: [int(part) if part.isdecimal() else part for part in
                                                  re.split("([0-9]+)", module.name.rpartition("/")[2])])
    if not all("data_origin" in module for module in modules):
        return modules
    origins = [_numbers(module["data_origin"][()], f"{module.name}/data_origin") for module in modules]
    if len(set(map(len, origins))) > 1:
        return modules
    # those of one place stay in the order of their names
    return [module for _, module in sorted(zip(origins, modules), key=lambda pair: pair[0])]


def _mask_readable(group, notes):
    if "pixel_mask" not in group and "detectorSpecific/pixel_mask" not in group:
        return False
    try:
        # its import registers what masks are packed with
        import hdf5plugin  # noqa: F401
    except ImportError:
        notes.append("header: the pixel mask is left out where it is packed, for hdf5plugin is not installed")
    return True


def _module(group, module, mask, notes):
    name = module.name.rpartition("/")[2]
    for needed in ("data_size", "fast_pixel_direction", "slow_pixel_direction"):
        if needed not in module:
            raise _Broken(f"module {name} has no {needed}")
    size = [int(v) for v in _numbers(module["data_size"][()], f"{name}/data_size")]
    first = [int(v) for v in _numbers(module["data_origin"][()], f"{name}/data_origin")] if "data_origin" in module \
        else [0] * len(size)
    if len(size) < 2 or len(first) != len(size) or min(size) < 1 or min(first) < 0:
        raise _Broken(f"{name}: data_size {size} and data_origin {first} must be numbers of pixels, slow and fast last")
    axes, edges = [], []
    for axis in ("fast", "slow"):
        dataset = module[f"{axis}_pixel_direction"]
        pitch = _numbers(dataset[()], dataset.name)[0] * _unit(dataset.attrs, "units", _LENGTHS, dataset.name)
        turn, shift = _chain(_next(dataset))
        axes.append(_times(turn, pitch * np.array(_vector(dataset))))
        edges.append(_times(turn, _offset(dataset)) + shift)
    origin = _chain(module["module_offset"])[1] if "module_offset" in module else edges[0]
    if origin[0] == origin[1] == 0.0 and "beam_center_x" in group:
        centre = [_numbers(group[f"beam_center_{axis}"][()], f"beam_center_{axis}")[0] for axis in "xy"]
        origin = origin - centre[0] * axes[0] - centre[1] * axes[1]
        notes.append("header: modules are on the axis of the beam; beam_center_x and _y put them in their place")
    return NxPanel(name, (size[-1], size[-2]), tuple(origin.tolist()), *(tuple(axis.tolist()) for axis in axes),
                   _mask_of(mask, first, size), tuple(first))


def _mask_of(mask, first, size):
    if mask is None:
        return None
    first, size = first[-mask.ndim:], size[-mask.ndim:]
    part = mask[tuple(slice(start, start + length) for start, length in zip(first, size))]
    part = part.reshape(part.shape[-2:]) if part.size == size[-1] * size[-2] else part
    if part.shape != tuple(size[-2:]):
        raise _Broken(f"its pixel mask of shape {mask.shape} does not cover the modules")
    return None if not part.any() else part == 0


def _eiger(group, mask, notes):
    """The one plane of an older file of an Eiger detector, normal to the beam."""
    def number(name):
        if name not in group:
            raise _Broken(f"it has no modules of class NXdetector_module, and no {name} in their place")
        return _numbers(group[name][()], name)[0]

    size = [int(number(f"detectorSpecific/{axis}_pixels_in_detector")) for axis in "xy"]
    pixel = [_length(group, f"{axis}_pixel_size") for axis in "xy"]
    distance = _length(group, "detector_distance") or _length(group, "distance")
    if None in pixel or distance is None:
        raise _Broken("it has no modules of class NXdetector_module, and no x_pixel_size, y_pixel_size and "
                      "detector_distance in their place")
    centre = number("beam_center_x"), number("beam_center_y")
    notes.append("header: no modules of class NXdetector_module; one plane normal to the beam is taken for granted")
    return NxPanel("", (size[0], size[1]), (centre[0] * pixel[0], centre[1] * pixel[1], distance),
                   (-pixel[0], 0.0, 0.0), (0.0, -pixel[1], 0.0), _mask_of(mask, [0, 0], [size[1], size[0]]))
