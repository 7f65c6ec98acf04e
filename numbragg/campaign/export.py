"""Writes a campaign as the loaders of public networks read it: resonet's, BraggNN's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
import math
import os
from typing import Any

import numpy as np

from ..configs.checks import choice
from ..io.held_file import HeldFile, unfinished_name, uninterrupted
from ..io.output import OutputSet
from ..kernels.arithmetic.vectors import cross, dot, unit
from ..kernels.stopping import poll
from .reader import CampaignReader
from .store import check_outputs

# start-up: h5py is an extra, and imported where files are written

__all__ = ["LAYOUTS", "PATCH", "export"]

#: By name what is written.
LAYOUTS = ("resonet", "braggnn")
#: Edge of a patch of BraggNN [pixels].
PATCH = 11

#: What HDF5 files begin with.
_SIGNATURE = b"\x89HDF\r\n\x1a\n"

#: Columns of resonet's labels.
_LABELS = ("reso", "one_over_reso", "is_multi", "num_lat", "detdist", "wavelen", "beam_center_fast",
           "beam_center_slow", "Na", "Nb", "Nc", *(f"r{n}" for n in range(1, 10)), "bg_only")
#: And of its geometry.
_GEOMETRY = ("detdist", "wavelen", "pixsize", "xdim", "ydim")
#: From the frame of NeXus to that of dxtbx: half a turn about y.
_TO_DXTBX = (-1.0, 1.0, -1.0)


def export(folder: str | os.PathLike[str], layout: str, out: str | os.PathLike[str], patch: int = PATCH,
           progress: Callable[[int], object] | None = None) -> tuple[list[str], int]:
    """Write the shots of a campaign that did not fail in the layout of a public network's loader.

    Parameters
    ----------
    folder : str or path-like
        Of the campaign; it has lists of spots.
    layout : {"resonet", "braggnn"}
    out : str or path-like
        resonet: the file.  braggnn: the folder, made if it is not there, for the two files whose names the loader has
        built in.
    patch : int
        braggnn: edge of a patch [pixels].
    progress : callable, optional
        Called with the number of shots that were looked at.

    Returns
    -------
    files : list of str
        What was written.
    shots : int
        How many are in it.

    Raises
    ------
    ValueError
        The campaign cannot be written so, or is not whole; or its own files would be replaced.
    OSError
        A file cannot be written; none is in its place then.
    """
    choice("layout", layout, LAYOUTS)
    with CampaignReader(folder) as shots:
        labels = shots.head.labels
        if labels is None or not labels.spots:
            raise ValueError(f"{os.fsdecode(folder)}: has no lists of spots, which {layout} needs; [labels] with spots "
                             "= true makes them")
        # what is missing is found before the first file is written
        kept = [number for number in range(len(shots)) if shots.truth(number)["failed"] is None]
        if not kept:
            raise ValueError(f"{os.fsdecode(folder)}: all shots failed; there is nothing to export")
        if layout == "resonet":
            return _resonet(shots, kept, os.fsdecode(out), progress), len(kept)
        return _braggnn(shots, kept, os.fsdecode(out), (patch, progress)), len(kept)


# -- files


@contextmanager
def _files(paths: Sequence[str]) -> Iterator[list[Any]]:
    """HDF5 files that appear together at the end, if nothing is raised before."""
    import h5py

    held: list[HeldFile] = []
    opened: list[Any] = []
    done = False
    try:
        for path in paths:
            with OutputSet() as outputs:
                # whether it can be written at all
                outputs.reserve(path, "HDF5 file")
            held.append(HeldFile(unfinished_name(path), path, _SIGNATURE))
            held[-1].truncate(0)
            opened.append(h5py.File(held[-1], "w", libver=("earliest", "v110")))
        yield opened
        with uninterrupted():
            for file in opened:
                file.close()
        for file in held:
            file.check()
        with OutputSet() as outputs:
            for path, file in zip(paths, held):
                outputs.adopt(path, "HDF5 file", file.path)
            outputs.commit()
        done = True
    except RuntimeError:
        # what HDF5 says where a write failed
        for file in held:
            file.check()
        raise
    finally:
        with uninterrupted():
            for file in opened:
                try:
                    file.close()
                except (OSError, RuntimeError):
                    # a write that failed, which is known
                    pass
            for file in held:
                if not done:
                    file.remove()
                file.close()


@contextmanager
def _made(folder: str) -> Iterator[None]:
    """A folder, which goes again if it was made here and something is raised."""
    there = os.path.isdir(folder)
    os.makedirs(folder, exist_ok=True)
    try:
        yield
    except BaseException:
        if not there:
            try:
                os.rmdir(folder)
            except OSError:
                # something is in it
                pass
        raise


def _photons(image: Any) -> Any:
    """Pixels as float32; those that do not count are 0."""
    if image.dtype.kind == "f":
        return np.nan_to_num(image, nan=0.0).astype(np.float32)
    return np.where(image == np.iinfo(image.dtype).max, 0, image).astype(np.float32)


def _frames(file: Any, name: str, count: int, shape: tuple[int, int]) -> Any:
    return file.create_dataset(name, (count, *shape), np.float32, chunks=(1, *shape), compression="gzip",
                               compression_opts=4, shuffle=True, track_times=False)


# -- resonet


def _resonet(shots: CampaignReader, kept: list[int], path: str,
             progress: Callable[[int], object] | None) -> list[str]:
    check_outputs(shots.folder, [path])
    shape = shots.image(kept[0]).shape
    rows = [_row(shots, number, shape) for number in kept]
    with _files([path]) as (file,):
        images = _frames(file, "images", len(kept), shape)
        for place, number in enumerate(kept):
            poll()
            images[place] = _photons(shots.image(number))
            if progress is not None:
                progress(number + 1)
        for name, columns in (("labels", _LABELS), ("geom", _GEOMETRY)):
            values = np.array([[row[column] for column in columns] for row in rows], np.float32)
            file.create_dataset(name, data=values, track_times=False).attrs["names"] = list(columns)
        file.create_dataset("shots", data=np.array(kept, np.int64), track_times=False)
    return [path]


def _row(shots: CampaignReader, number: int, shape: tuple[int, int]) -> dict[str, float]:
    """Labels and geometry of a shot; of one without crystals those of crystals are NaN."""
    truth, spots = shots.truth(number), shots.spots(number)
    distance, pixel, centre = _plane(shots, number)
    finest = min(spots["resolution_angstrom"].tolist(), default=math.nan)
    lattices = truth["lattices"]
    row = {"reso": finest, "one_over_reso": 1.0 / finest, "is_multi": lattices > 1, "num_lat": lattices,
           "detdist": distance, "wavelen": truth["wavelength_angstrom"], "pixsize": pixel,
           "beam_center_fast": centre[0], "beam_center_slow": centre[1], "xdim": shape[1], "ydim": shape[0],
           "bg_only": truth["blank"]}
    first = truth["n_cells"][0] if lattices else [math.nan] * 3
    turned = [math.nan] * 9
    if lattices:
        turn, u = shots.dataset(number, "entry/numbragg/laboratory_to_nexus")[()].tolist(), truth["u_matrix"][0]
        turned = [sign * dot(turn[i], (u[j], u[3 + j], u[6 + j])) for i, sign in enumerate(_TO_DXTBX) for j in range(3)]
    return {**row, **dict(zip(("Na", "Nb", "Nc"), first)), **{f"r{n}": value for n, value in enumerate(turned, 1)}}


def _plane(shots: CampaignReader, number: int) -> tuple[float, float, tuple[float, float]]:
    """Distance of the plane of the image [mm], its pixels [mm], and where the beam meets it [pixels, from the corner].

    The beam is along z.
    """
    detector, moves = "entry/instrument/detector", shots.has(number, "entry/numbragg/shots/panel_origin_mm")
    if moves and len(shots.places()) > 1:
        raise ValueError(f"{shots.folder}: has panels that move from shot to shot, and resonet one plane")
    if shots.has(number, f"{detector}/module_1"):
        raise ValueError(f'{shots.folder}: has panels one below the other, and resonet one plane; [output] with layout '
                         '= "whole" makes one image of panels on one grid')
    if moves:
        frame = number % shots.head.shots_per_file
        origin, fast, slow = (tuple(shots.dataset(number, f"entry/numbragg/shots/panel_{name}_mm")[frame, 0].tolist())
                              for name in ("origin", "fast", "slow"))
    else:
        origin, fast, slow = (_vector(shots.dataset(number, f"{detector}/{name}")) for name in (
            "transformations/origin_0", "module_0/fast_pixel_direction", "module_0/slow_pixel_direction"))
    normal = unit(cross(fast, slow))[0]
    distance = dot(origin, normal)
    along = distance / normal[2] if normal[2] else math.nan
    away = (-origin[0], -origin[1], along - origin[2])
    ff, fs, ss = dot(fast, fast), dot(fast, slow), dot(slow, slow)
    below = ff * ss - fs * fs
    f, s = dot(away, fast), dot(away, slow)
    return abs(distance), math.sqrt(ff), ((ss * f - fs * s) / below, (ff * s - fs * f) / below)


def _vector(dataset: Any) -> Any:
    """A length with its direction, as NeXus has it."""
    return tuple(float(dataset[0]) * float(part) for part in dataset.attrs["vector"])


# -- BraggNN


def _braggnn(shots: CampaignReader, kept: list[int], folder: str, how: Any) -> list[str]:
    patch, progress = how
    shape, places = shots.image(kept[0]).shape, shots.places()
    paths = [os.path.join(folder, name) for name in ("frames-exp4train.hdf5", f"peaks-exp4train-psz{patch}.hdf5")]
    check_outputs(shots.folder, paths)
    peaks: list[Any] = []
    if not any(len(shots.spots(number)["h"]) for number in kept):
        raise ValueError(f"{shots.folder}: has no spots; BraggNN has nothing to learn from them")
    with _made(folder), _files(paths) as (frames, table):
        images = _frames(frames, "frames", len(kept), shape)
        for place, number in enumerate(kept):
            poll()
            image, spots = _photons(shots.image(number)), shots.spots(number)
            images[place] = image
            row, column = (spots[name] + places[spots["panel"], axis] for name, axis in (("slow", 1), ("fast", 0)))
            peaks += [(place, r, c, *_patch(image, (r, c), (row, column), patch))
                      for r, c in zip(row.tolist(), column.tolist())]
            if progress is not None:
                progress(number + 1)
        for name, kind, values in zip(("peak_fidx", "peak_row", "peak_col", "npeaks", "deviations"),
                                      (np.uint32, np.float32, np.float32, np.uint16, np.float32), zip(*peaks)):
            table.create_dataset(name, data=np.array(values, kind), track_times=False)
        for file in (frames, table):
            file.create_dataset("shots", data=np.array(kept, np.int64), track_times=False)
    return paths


def _patch(image: Any, centre: tuple[float, float], spots: Any, size: int) -> tuple[int, float]:
    """How many spots have their centres in the patch about one, and how far the brightest pixel is from it [pixels]."""
    top, left = (max(0, int(x) - size // 2) for x in centre)
    bottom, right = (int(x) + size // 2 + size % 2 for x in centre)
    rows, columns = spots
    inside = (rows >= top) & (rows < bottom) & (columns >= left) & (columns < right)
    part = image[top:bottom, left:right]
    slow, fast = divmod(int(part.argmax()), part.shape[1])
    return int(inside.sum()), math.hypot(top + slow + 0.5 - centre[0], left + fast + 0.5 - centre[1])
