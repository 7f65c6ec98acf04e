"""How the pixels of HDF5 files are compressed."""

from __future__ import annotations

from typing import Any

# start-up: hdf5plugin is an extra and imported where one of its filters is wanted

__all__ = ["COMPRESSIONS", "filters"]

#: Compressions by name; without one pixels lie as they are.
COMPRESSIONS = ("gzip", "bitshuffle", "zstd", "none")


def filters(compression: str) -> dict[str, Any]:
    """What h5py is told of a compression, one of `COMPRESSIONS`.

    Raises
    ------
    ImportError
        hdf5plugin, which two of them need, is not installed.
    """
    if compression == "none":
        return {}
    if compression == "gzip":
        return {"compression": "gzip", "compression_opts": 4, "shuffle": True}
    try:
        import hdf5plugin
    except ImportError as error:
        raise ImportError(f"{compression} needs hdf5plugin: pip install hdf5plugin") from error
    return dict(hdf5plugin.Bitshuffle() if compression == "bitshuffle" else hdf5plugin.Zstd())
