"""What a campaign will take: bytes and hours, from a few of its shots."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import numpy as np

from ..io.hdf5_filters import filters
from .labels import spots_bytes
from .shots import Maker, Shot

# start-up: h5py is an extra, and imported where files are written

__all__ = ["Estimate", "estimate"]


class Estimate(NamedTuple):
    """What shots take, measured."""

    measured: int  # how many shots
    seconds: float  # of a shot, of one process, compression included
    bytes: int  # of a shot, as files have it
    failed: list[tuple[int, str]]  # of those that were measured


def estimate(maker: Maker, shots: int = 2) -> Estimate:
    """Measure the first shots, after one that loads what all need.

    Parameters
    ----------
    maker : Maker
    shots : int

    Returns
    -------
    Estimate
    """
    numbers = range(min(shots, maker.description.shots))
    # one that is blank would not load all of it
    maker.shot(next((number for number in numbers if not maker.description.values(number).blank), 0))
    seconds, sizes, failed = [], [], []
    for number in numbers:
        start = time.perf_counter()
        shot = maker.shot(number)
        size = _size(maker, shot)
        if shot.failed is not None:
            failed.append((number, shot.failed))
            continue
        seconds.append(time.perf_counter() - start)
        sizes.append(size)
    count = max(len(sizes), 1)
    return Estimate(len(numbers), sum(seconds) / count, sum(sizes) // count, failed)


def _size(maker: Maker, shot: Shot) -> int:
    """Bytes of the compressed frame of a shot, and of its labels."""
    if shot.images is None:
        return 0
    labels, asked = shot.labels, maker.description.labels
    size = _compressed(maker, shot.images)
    if labels is not None and labels.masks is not None:
        size += _compressed(maker, labels.masks)
    if labels is not None and asked is not None and asked.spots:
        # without what a table has once
        size += len(spots_bytes([(shot.number, labels.spots)])) - len(spots_bytes([]))
    return size


def _compressed(maker: Maker, images: Any) -> int:
    import h5py

    pixels: Any = np.concatenate([np.asarray(image).reshape(-1) for image in images]).reshape(1, -1)
    with h5py.File("estimate", "w", driver="core", backing_store=False) as file:
        data = file.create_dataset("data", data=pixels, chunks=pixels.shape,
                                   **filters(maker.description.output.compression))
        return int(data.id.get_storage_size())
