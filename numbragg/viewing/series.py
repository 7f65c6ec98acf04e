"""Frames of an HDF5 file and what it says of them: beam, spindle, crystals; by h5py alone, frame by frame."""

from __future__ import annotations

from contextlib import contextmanager
import json
import math
import re
from typing import Any, NamedTuple

import numpy as np

from .. import memory
from ..io.crystfel_data import HC_2019_EV_ANGSTROM
from ..io.errors import format_error
from ..io.trial import try_reading

# start-up: h5py is an extra and imported with the first file

__all__ = ["Series", "in_words", "read_series"]

_METRES = {"angstrom": 1.0, "angstroms": 1.0, "a": 1.0, "nm": 10.0, "m": 1e10}
#: What a frame may take to be read [s]; large ones take some tenths.
_SECONDS_A_FRAME = 3.0
#: Memory that looking takes, in parts of that of the frames: these, and what a page takes (`reading.LOOK_BYTES`).
_FRAME_BYTES = 8
#: The group that our own files have.
_OURS = "entry/numbragg"
_EIGER = re.compile(r"data_[0-9]+")


class Series(NamedTuple):
    """What was read."""

    frames: list[Any]  # arrays, whole as they are stored: (slow, fast) or (panel, slow, fast)
    numbers: list[int]
    wavelength_angstrom: float | None
    saturation: float | None
    phi_deg: list[tuple[float, float] | None]  # of each frame from and to, of a still the same
    spindle: tuple[float, ...] | None
    crystals: list[tuple[Any, float]]  # A (3, 3) [1/Angstrom] at phi = 0, and spread [rad]
    bandwidth: float  # relative width of the spectrum


def in_words(frames: range) -> str:
    """Frames as they are asked for: the number of one, or the first and the one behind the last."""
    return f"{frames.start}" if len(frames) == 1 else f"{frames.start}:{frames.stop}"


def read_series(path: str, dataset: str | None, wanted: range | None) -> Series:
    """Read some frames.

    Parameters
    ----------
    path : str
        The file.
    dataset : str or None
        Where its pixels are; None: ``/entry/data/data``, Eiger's numbered ones, or the only one that may be images.
    wanted : range or None
        Frames, from 0; None: the first.

    Raises
    ------
    FileFormatError
        No such frames, no images, or a file on which the library hangs or crashes.
    ImportError
        h5py is not installed.
    """
    try:
        import h5py  # noqa: F401
    except ImportError as error:
        raise ImportError(f"{path}: reading HDF5 needs h5py and hdf5plugin: pip install h5py hdf5plugin") from error
    # errors of the system are told from those of the content
    with open(path, "rb"):
        pass
    wanted = range(1) if wanted is None else wanted
    # all of it, pixels too: what is damaged may be a packed part of one frame
    try_reading(path, __name__, "_trial", "HDF5", [json.dumps([dataset, wanted.start, wanted.stop])],
                _SECONDS_A_FRAME * (len(wanted) - 1))
    return _read(path, dataset, wanted)


def _trial(path, said):
    dataset, start, stop = json.loads(said)
    _read(path, dataset, range(start, stop))


def _read(path, dataset, wanted):
    import h5py

    try:
        # its import registers what images are packed with
        import hdf5plugin  # noqa: F401
    except ImportError:
        pass
    with _reading(path), h5py.File(path, "r") as file:
        places = _places(h5py, path, file, dataset)
        counts = [1 if place.ndim == 2 else place.shape[0] for place in places]
        total = sum(counts)
        if not wanted or wanted.stop > total:
            raise format_error(path, f"has {total} frames, from 0 to {total - 1}; not {in_words(wanted)}")
        # what a file announces need not be in it
        size = max(math.prod(place.shape[-2:]) * place.dtype.itemsize for place in places) * len(wanted)
        memory.require(_FRAME_BYTES * size, f"{path}: to show {len(wanted)} frames would")
        frames = [_frame(places, counts, number) for number in wanted]
        return Series(frames, list(wanted), _wavelength(file), _number(file, "entry/instrument/detector", (
            "saturation_value",)), [_phi(file, number) for number in wanted], _spindle(file), _crystals(file),
            _bandwidth(file))


@contextmanager
def _reading(path):
    """What a library has to say of a damaged file, in one line."""
    try:
        yield
    except (ImportError, MemoryError):
        raise
    except Exception as error:
        if isinstance(error, ValueError) and str(error).startswith(path):
            raise
        reason = " ".join(str(error).split()) or type(error).__name__
        raise format_error(path, f"is not a readable HDF5 image ({reason[:200]})") from error


def _places(h5py, path, file, dataset):
    if dataset is not None:
        place = file.get(dataset)
        if not isinstance(place, h5py.Dataset):
            raise format_error(path, f"has no dataset {dataset!r}")
        places = [place]
    elif isinstance(file.get("entry/data/data"), h5py.Dataset):
        places = [file["entry/data/data"]]
    else:
        group = file.get("entry/data", {})
        places = [group[name] for name in sorted(group) if _EIGER.fullmatch(name)] or _only(h5py, path, file)
    for place in places:
        if place.ndim not in (2, 3, 4) or 0 in place.shape or place.dtype.kind not in "iuf":
            raise format_error(path, f"{place.name}: {place.dtype} of shape {place.shape} is no series of images")
    return places


def _only(h5py, path, file):
    found = []
    file.visititems(lambda _, item: found.append(item) if isinstance(item, h5py.Dataset) and item.ndim in (2, 3, 4)
                    and min(item.shape[-2:]) > 8 and item.dtype.kind in "iuf" else None)
    if len(found) != 1:
        raise format_error(path, f"has {len(found)} datasets that may be images; name one, FILE::DATASET")
    return found


def _frame(places, counts, number):
    for place, count in zip(places, counts):
        if number < count:
            return np.asarray(place[()] if place.ndim == 2 else place[number])
        number -= count
    raise IndexError(number)


def _array(file, place):
    found = file.get(place)
    return None if found is None or not hasattr(found, "shape") else np.asarray(found[()], float).reshape(-1)


def _number(file, group, names):
    for name in names:
        values = _array(file, f"{group}/{name}")
        if values is not None and values.size and np.isfinite(values[0]):
            return float(values[0])
    return None


def _units(file, place, kinds):
    units = file[place].attrs.get("units", "")
    return kinds.get((units.decode() if isinstance(units, bytes) else str(units)).lower())


def _wavelength(file):
    for place in ("entry/instrument/beam/incident_wavelength", "entry/sample/beam/incident_wavelength"):
        values = _array(file, place)
        if values is not None and values.size and 0.0 < values[0] < np.inf:
            unit = _units(file, place, _METRES)
            return None if unit is None else float(values[0]) * unit
    energy = _number(file, "entry/instrument/beam", ("incident_energy",))
    if energy is not None and energy > 0.0:
        unit = _units(file, "entry/instrument/beam/incident_energy", {"ev": 1.0, "kev": 1e3})
        return None if unit is None else HC_2019_EV_ANGSTROM / (energy * unit)
    return None


def _phi(file, number):
    starts, ends = (_array(file, f"entry/sample/transformations/{name}") for name in ("omega", "omega_end"))
    if starts is None and ends is None:
        # a still of ours
        starts = _array(file, f"{_OURS}/phi_start")
    if starts is None or number >= len(starts) or not np.isfinite(starts[number]):
        return None
    start = float(starts[number])
    end = float(ends[number]) if ends is not None and number < len(ends) else start
    return start, end if start < end < np.inf else start


def _spindle(file):
    axis = file.get("entry/sample/transformations/omega")
    vector = _array(file, f"{_OURS}/spindle_axis") if axis is None else axis.attrs.get("vector")
    vector = np.zeros(0) if vector is None else np.asarray(vector, float).reshape(-1)
    return tuple(vector.tolist()) if len(vector) == 3 and 0.0 < np.linalg.norm(vector) < np.inf else None


def _crystals(file):
    """Of a file of ours."""
    group, found = file.get(_OURS, {}), []
    while f"crystal_{len(found)}" in group:
        own = group[f"crystal_{len(found)}"]
        turns = np.asarray(own["mosaic_rotations"][()]).reshape(-1, 3, 3)
        cosine = (np.trace(turns, axis1=1, axis2=2) - 1.0) / 2.0
        spread = float(np.sqrt(np.mean(np.arccos(np.clip(cosine, -1.0, 1.0)) ** 2)))
        a_matrix = np.asarray(own["a_matrix"][()], float).reshape(3, 3)
        if not 0.0 < abs(np.linalg.det(a_matrix)) < np.inf or not np.isfinite(spread):
            raise ValueError(f"{own.name}: its a_matrix and mosaic_rotations are those of no crystal")
        found.append((a_matrix, spread))
    return found


def _bandwidth(file):
    wavelengths, weights = (_array(file, f"{_OURS}/spectrum_{name}") for name in ("wavelengths", "weights"))
    if wavelengths is None or weights is None or len(wavelengths) < 2:
        return 0.0
    mean = float(np.average(wavelengths, weights=weights))
    return float(np.sqrt(np.average((wavelengths - mean) ** 2, weights=weights)) / mean)
