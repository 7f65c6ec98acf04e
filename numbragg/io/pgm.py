"""PGM images: a short text header, then one byte per pixel.  Written only."""

import numpy as np

from .smv import general

__all__ = ["write_pgm"]


def write_pgm(file, image, scale):
    """Write a grey image byte for byte as the C program does.

    Parameters
    ----------
    file : binary file object
        Where to write.
    image : (slow, fast) uint8
        Grey values.
    scale : float
        Factor that was applied to the pixels; only named in a comment of the header.

    Raises
    ------
    ValueError
        The image is not a two-dimensional array of bytes.
    """
    if image.ndim != 2 or image.dtype != np.uint8:
        raise ValueError(f"image: {image.ndim}-dimensional {image.dtype}; PGM needs 2-dimensional uint8")
    slow, fast = image.shape
    file.write(f"P5\n{fast} {slow}\n# pixels scaled by {general(scale)}\n255\n".encode("ascii"))
    file.write(memoryview(np.ascontiguousarray(image).reshape(-1)))
