"""TIFF images, not compressed: 32-bit floats or counts, with the settings as JSON in ImageDescription."""

import io
import json
import math
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import memory
from .errors import format_error
from .json_text import json_ready
from .silence import silenced

# start-up: tifffile is imported where there is a TIFF image

__all__ = ["TYPES", "read_tiff", "write_tiff"]

#: Types of pixels that are written.
TYPES = ("float32", "uint16", "uint32", "int32", "int16")


def write_tiff(file, image, metadata):
    """Write an image with its settings.

    Parameters
    ----------
    file : binary file object
        Where to write.
    image : (slow, fast) array, or sequence of them
        Of one of `TYPES`; all bits are kept, those of NaN too.  Of several each is a page, the first has the settings.
    metadata : dict
        Names and values: strings, numbers, booleans, None, arrays, and lists, tuples and
        dictionaries of these.  Numbers that are not finite are written as null, for JSON has none.

    Raises
    ------
    ValueError
        The image is not a two-dimensional array of such a type, or is empty.
    TypeError
        The metadata hold something else.
    """
    # slow to import, so only when needed
    import tifffile

    pages = [image] if isinstance(image, np.ndarray) else list(image)
    for page in pages:
        if page.ndim != 2 or page.dtype not in TYPES or page.size == 0:
            raise ValueError(f"image: shape {page.shape}, {page.dtype}; TIFF needs 2-dimensional "
                             f"{', '.join(TYPES)}, not empty")
    # a blank before each colon: tifffile takes JSON with "shape": anywhere in it for its own, and then cannot read it
    description = json.dumps(json_ready(metadata, not_finite=lambda number: None), allow_nan=False,
                             separators=(", ", " : "))
    # written in memory first: TIFF needs seeking, which a pipe cannot
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as tiff:
        for number, page in enumerate(pages):
            tiff.write(np.ascontiguousarray(page), photometric="minisblack", metadata=None,
                       description=None if number else description)
    file.write(buffer.getbuffer())


def read_tiff(path: str | os.PathLike[str]) -> tuple[NDArray[np.float32], dict[str, Any]]:
    """Float image and its settings.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    image : (slow, fast) float32
        The image.
    metadata : dict
        What `write_tiff` was given; for a file of another program, its description under
        ``"description"``.

    Raises
    ------
    FileFormatError
        Not a TIFF file, or not one uncompressed two-dimensional image of 32-bit floats.
    OSError
        The file cannot be read.
    """
    import tifffile

    with open(path, "rb") as file:
        memory.require(2 * os.fstat(file.fileno()).st_size, f"{os.fsdecode(path)}: its image would")
        content = file.read()
    try:
        with silenced(), tifffile.TiffFile(io.BytesIO(content)) as tiff:
            # a page, not a frame, which shares the description of another
            page = tiff.pages.first
            # looked at before anything of the announced size is allocated
            plain = page.compression == 1 and page.dtype == np.float32 and len(page.shape) == 2
            complete = plain and 0 < 4 * math.prod(page.shape) <= len(content)
            image = page.asarray() if complete else None
            description = page.description
    except Exception as error:
        raise format_error(path, f"is not a readable TIFF file ({' '.join(str(error).split())})") from error
    if image is None:
        raise format_error(path, "is not one complete, uncompressed, two-dimensional TIFF image of 32-bit "
                                 "floats")
    try:
        metadata = json.loads(description)
    except (ValueError, RecursionError):
        # of another program
        metadata = description
    if not isinstance(metadata, dict):
        metadata = {"description": description} if description else {}
    return np.ascontiguousarray(image, np.float32), metadata
