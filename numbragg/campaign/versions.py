"""Versions of what files are made by: with the same ones they have the same bytes."""

from __future__ import annotations

from importlib import metadata
from typing import Any

from .._version import __version__

# start-up: libraries that are extras are imported where files are written

__all__ = ["versions"]


def versions(compression: str = "gzip") -> dict[str, Any]:
    """Versions by name; hdf5plugin's where a compression needs it.

    Raises
    ------
    ImportError
        One of them is not installed.
    """
    try:
        import h5py
        import pyarrow
    except ImportError as error:
        raise ImportError("a campaign needs HDF5 and Parquet: pip install h5py pyarrow") from error
    found = {"numbragg": __version__, "h5py": h5py.__version__, "hdf5": h5py.version.hdf5_version,
             "pyarrow": pyarrow.__version__}
    if compression in ("bitshuffle", "zstd"):
        found["hdf5plugin"] = metadata.version("hdf5plugin")
    return found
