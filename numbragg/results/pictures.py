"""Images of a result for programs that know nothing of diffraction: TIFF, and PNG pictures to be looked at."""

from __future__ import annotations

from collections.abc import Sequence
import os
from typing import Any

import numpy as np

from ..configs.checks import choice, positive, shown
from ..io.one_image import file_images, one_image, panel_list
from ..io.output import write_whole
from ..io.png import write_assembled_png
from ..io.tiff import TYPES
from ..io.tiff import write_tiff as write_tiff_pages
from ..notes import Loud, warn
from .assembly import assemble_panels
from .counts import photons
from .files import checked_name, described
from .rings import rings_of

__all__ = ["write_picture", "write_png", "write_tiff"]


def write_tiff(path: str | os.PathLike[str], image: Any, *, dtype: str = "float32") -> None:
    """Write an image as TIFF, not compressed; the file appears whole or not at all.

    Parameters
    ----------
    path : str or path-like
        The file; one that is there is replaced.
    image : Result, (slow, fast) array, or sequence of arrays
        Of several panels each is a page, but for a result whose panels lie on one grid of pixels: these are one
        image, with gaps of 0.
    dtype : {"float32", "uint16", "uint32"}
        Of the pixels.  Whole numbers are rounded ones; below 0, and no number, is 0; a `NumbraggWarning` says how many
        pixels are above the largest of the type, which they are written as.  For photons that are counted give counts,
        such as those of `add_noise` or `Scan.counts`.

    Raises
    ------
    ValueError
        If the image is not two-dimensional or is empty, or the type is another.
    OSError
        The file cannot be written.

    Examples
    --------
    >>> import os, tempfile
    >>> import numbragg as nb
    >>> crystal = nb.Crystal(cell=(50, 60, 70, 90, 90, 90), n_cells=5)
    >>> result = nb.Simulator(nb.Detector(pixels=(64, 48)), nb.Beam(), 100.0).run(crystal)
    >>> path = os.path.join(tempfile.mkdtemp(), "counts.tif")
    >>> nb.write_tiff(path, nb.add_noise(result.image, seed=1, adc_offset=0), dtype="uint16")
    """
    checked_name(path, "TIFF")
    choice("dtype", dtype, TYPES)
    if hasattr(image, "prepared"):
        # what was counted, where it was
        pages = file_images(one_image(described(image)), getattr(image, "counts", image.image), lambda kind: True,
                            "numbers")
    else:
        pages = panel_list(image)
    wrong = next((page for page in pages if page.ndim != 2 or page.size == 0 or page.dtype.kind not in "biuf"), None)
    if not pages or wrong is not None:
        found = "nothing" if wrong is None else f"{wrong.dtype} of shape {wrong.shape}"
        raise ValueError(f"image: {found} must be numbers of two dimensions, neither of them empty")
    notes = []
    if dtype == "float32":
        made = [page.astype(np.float32) for page in pages]
    else:
        made = [photons(page, np.dtype(dtype), seed=None) for page in pages]
        largest = np.iinfo(dtype).max
        above = sum(int(np.count_nonzero(np.rint(page) > largest)) for page in pages)
        if above:
            notes.append(Loud(f"{os.fsdecode(path)}: {above} pixels are above {largest}, the largest of {dtype}, and "
                              "are written as that"))
    write_whole(path, "TIFF image", lambda file: write_tiff_pages(file, made, {"program": "numbragg"}))
    warn(notes)


def write_png(path: str | os.PathLike[str], result: Any, image: Any = None, *,
              rings: bool | Sequence[float] = True, title: str | None = None) -> None:
    """Write a picture of a result as seen along the beam, with rings of resolution and the place of the beam.

    Panels are where the geometry has them, pixels moved along the beam onto one plane.  Rings are lines of equal
    resolution on each panel, so that on tilted ones they are no circles.

    Parameters
    ----------
    path : str or path-like
        The file, of no other format by its name; one that is there is replaced.
    result : Result
        Of flat panels.
    image : (slow, fast) array, or sequence of one for each panel, optional
        Default: the result's own.
    rings : bool or sequence of float
        Resolutions [Angstrom]; True: some that are on the detector.
    title : str, optional
        Text above the picture.

    Raises
    ------
    ValueError
        If the image is not one of the detector, which is curved, or a resolution is not above 0.
    ImportError
        Matplotlib is not installed.
    OSError
        The file cannot be written.

    Examples
    --------
    >>> import os, tempfile
    >>> import numbragg as nb
    >>> crystal = nb.Crystal(cell=(50, 60, 70, 90, 90, 90), n_cells=5)
    >>> result = nb.Simulator(nb.Detector(pixels=(64, 48), twotheta_deg=20), nb.Beam(), 100.0).run(crystal)
    >>> nb.write_png(os.path.join(tempfile.mkdtemp(), "a.png"), result, rings=(40, 20, 10))
    """
    checked_name(path, "PNG")
    if title is not None and not isinstance(title, str):
        raise ValueError(f"title: {shown(title)} must be text")
    wanted: bool | list[float]
    if isinstance(rings, bool):
        wanted = rings
    elif isinstance(rings, str) or not hasattr(rings, "__iter__"):
        raise ValueError(f"rings: {shown(rings)} must be True, False or resolutions in Angstrom")
    else:
        wanted = [positive("rings", d, "Angstrom") for d in rings]
    experiment = described(result)
    images = file_images(experiment, result.image if image is None else image, lambda kind: kind.kind in "biuf",
                         "numbers")
    write_whole(path, "picture", lambda file: write_picture(file, experiment, images, wanted, title))


def write_picture(file: Any, experiment: Any, images: Sequence[Any], rings: bool | Sequence[float],
                  title: str | None) -> None:
    """The same into a file that is open, of an experiment whose panels are as they were simulated."""
    drawn = None if rings is False else rings_of(experiment.panels, experiment.wavelength_angstrom,
                                                 None if rings is True else rings)
    write_assembled_png(file, assemble_panels(images, experiment.panels), title, drawn)
