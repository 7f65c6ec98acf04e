"""Whether two runs are of the same images: one number of everything that pixels depend on."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from .._version import __version__

__all__ = ["fingerprint"]


def fingerprint(*parts: Any) -> str:
    """A hash of records, arrays and numbers, and of this version.

    Parameters
    ----------
    *parts : object
        Scenes of `kernels.physics.records` and plain values, nested in any way.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    digest = hashlib.sha256(f"numbragg {__version__}".encode())
    seen: dict[int, bytes] = {}

    def feed(value: Any) -> None:
        if isinstance(value, np.ndarray):
            if id(value) not in seen:
                # the table of structure factors is that of every panel
                text = f"{value.dtype} {value.shape}".encode()
                seen[id(value)] = hashlib.sha256(text + np.ascontiguousarray(value).tobytes()).digest()
            digest.update(seen[id(value)])
        elif isinstance(value, (tuple, list)):
            digest.update(f"({len(value)}".encode())
            for part in value:
                feed(part)
        else:
            digest.update(f"{type(value).__name__} {value!r};".encode())

    feed(parts)
    return digest.hexdigest()
