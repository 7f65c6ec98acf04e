"""Masks of CrystFEL's geometry files that lie in HDF5 files of their own: which pixels are good, panel by panel."""

import os
import stat

import numpy as np

from .. import memory
from ..notes import Loud
from .errors import FileFormatError, format_error
from .geom import read_geom
from .trial import try_reading

# start-up: h5py is an extra and imported with the first mask

#: What a pixel takes while its mask is made.
_PIXEL_BYTES = 32

__all__ = ["read_geom_masks"]


def read_geom_masks(path, panels):
    """The pixels that masks of files leave out.

    Parameters
    ----------
    path : str or path-like
        The geometry file, for messages.
    panels : sequence of geom.GeometryPanel

    Returns
    -------
    masks : dict
        By the name of the panel a (slow, fast) bool array, False: bad; only of panels that have such a mask.
    notes : tuple of str
        Masks that are not read, and why.

    Raises
    ------
    FileFormatError
        A file that is there, but has no such mask of numbers, or one that does not have the panel.
    OSError
        A file cannot be read.

    Notes
    -----
    As CrystFEL has it, a pixel is bad unless its value has all bits of `good` and none of those of `bad`; names of
    files are absolute or relative to the current folder.
    """
    if any(_why_not(mask) is None for panel in panels for mask in panel.masks):
        try_reading(path, __name__, "_trial", "HDF5, which its masks are in,")
    return _read(path, panels)


def _trial(path):
    _read(path, read_geom(path).panels)


def _read(path, panels):
    masks, notes, files = {}, {}, {}
    try:
        for panel in panels:
            for mask in panel.masks:
                problem = _why_not(mask)
                if problem is not None:
                    notes[problem] = None
                    continue
                if mask.file not in files:
                    files[mask.file] = _opened(mask.file)
                good = _good(path, panel, mask, files[mask.file])
                masks[panel.name] = masks[panel.name] & good if panel.name in masks else good
    finally:
        for file in files.values():
            file.close()
    return masks, tuple(notes)


def _why_not(mask):
    """A note on a mask that is not read, or None."""
    said = f"mask{mask.number}_data"
    if mask.file is None:
        return f"geometry: {said} of no {said[:5]}_file lies in the images and is not read; bad regions are"
    if "%" in mask.place:
        return Loud(f"geometry: {said} has placeholders of events; it is not read, and its bad pixels count")
    try:
        import h5py  # noqa: F401
    except ImportError:
        return Loud(f"geometry: mask file {mask.file!a} is not read and its bad pixels count: pip install h5py "
                    "hdf5plugin")
    try:
        state = os.stat(mask.file)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        # a name with a zero byte is none
        return Loud(f"geometry: mask file {mask.file!a} is not there: the pixels that it leaves out count")
    if not stat.S_ISREG(state.st_mode):
        raise format_error(mask.file, "is no regular file; a mask lies in an HDF5 file")
    return None


def _opened(name):
    import h5py

    try:
        # its import registers what masks are packed with
        import hdf5plugin  # noqa: F401
    except ImportError:
        pass
    # errors of the system are told from those of the content
    with open(name, "rb"):
        pass
    try:
        return h5py.File(name, "r")
    except Exception as error:
        raise format_error(name, f"is not a readable HDF5 file ({_reason(error)})") from error


def _place(mask):
    return f"{mask.place!a} of {mask.file!a}"


def _reason(error):
    return (" ".join(str(error).split()) or type(error).__name__)[:200]


def _good(path, panel, mask, file):
    """Which pixels of a panel are good, (slow, fast)."""
    place = _place(mask)
    try:
        dataset = file.get(mask.place)
        shape = getattr(dataset, "shape", None)
        if not shape or dataset.dtype.kind not in "biuf":
            raise format_error(path, f"mask{mask.number}_data: {place} is no array of numbers", mask.line)
        where = _slices(path, panel, mask, shape)
        count = (panel.edges[1] - panel.edges[0] + 1) * (panel.edges[3] - panel.edges[2] + 1)
        memory.require(_PIXEL_BYTES * count, f"geometry: the mask of panel {panel.name!a} would")
        values = np.asarray(dataset[where])
    except FileFormatError:
        raise
    except Exception as error:
        raise format_error(path, f"mask{mask.number}_data: {place} cannot be read ({_reason(error)})",
                           mask.line) from error
    values = values.astype(np.int64) if values.dtype.kind != "f" else _whole(path, mask, place, values)
    if panel.dimensions.index("fs") < panel.dimensions.index("ss"):
        values = values.T
    return ((values & mask.good) == mask.good) & ((values & mask.bad) == 0)


def _whole(path, mask, place, values):
    if not (np.isfinite(values).all() and (values == np.floor(values)).all() and (abs(values) < 2.0 ** 62).all()):
        raise format_error(path, f"mask{mask.number}_data: {place} holds values that are no whole numbers", mask.line)
    return values.astype(np.int64)


def _slices(path, panel, mask, shape):
    """Where a panel is in an array; a mask may lack the dimension of events, or have it once."""
    named = panel.dimensions
    if sorted(word for word in named if word in ("fs", "ss")) != ["fs", "ss"]:
        raise format_error(path, f"panel {panel.name!a}: its dimensions, {', '.join(map(str, named))}, must have fs"
                                 " and ss once each", panel.line)
    wanted = named if len(shape) == len(named) else tuple(word for word in named if word != "%")
    min_fs, max_fs, min_ss, max_ss = panel.edges
    if len(wanted) == len(shape):
        ranges = {"fs": (min_fs, max_fs), "ss": (min_ss, max_ss), "%": (0, 0)}
        pairs = [ranges.get(word, (word, word)) for word in wanted]
        if all(last < length for (_, last), length in zip(pairs, shape)) and all(
                length == 1 for word, length in zip(wanted, shape) if word == "%"):
            return tuple(slice(first, last + 1) if word in ("fs", "ss") else first
                         for word, (first, last) in zip(wanted, pairs))
    raise format_error(path, f"mask{mask.number}_data: {_place(mask)}, of shape {shape}, does not have panel "
                             f"{panel.name!a} (dimensions {', '.join(map(str, named))}; fs {min_fs} to {max_fs}, ss "
                             f"{min_ss} to {max_ss})", mask.line)
