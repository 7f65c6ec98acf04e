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
from .files import checked_name, counts_of, described
from .rings import rings_of
from .stated import stated

__all__ = ["write_picture", "write_png", "write_tiff"]


def write_tiff(path: str | os.PathLike[str], image: Any, *, dtype: str | None = None) -> None:
    """Write an image as TIFF, not compressed; the file appears whole or not at all.

    ImageDescription has, as JSON, what is known of a result: geometry, beam, crystals, background, and of counts seed
    and response.

    Parameters
    ----------
    path : str or path-like
        The file; one that is there is replaced.
    image : Result, counts of `simulate_counts`, (slow, fast) array, or sequence of arrays
        Of several panels each is a page, but for a result whose panels lie on one grid of pixels: these are one
        image, with gaps of 0.
    dtype : {"float32", "uint16", "uint32", "int32", "int16"}, optional
        Of the pixels; by default that of such counts, and float32 of all else.  Whole numbers are rounded ones; no
        number is 0; a `NumbraggWarning` says how many pixels are above the largest of the type or below its least (0
        of one without signs), which they are written as, and how many whole numbers float32 cannot hold.  For photons
        that are counted give counts, such as those of `add_noise` or `Scan.counts`.

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
    if dtype is not None:
        choice("dtype", dtype, TYPES)
    said: dict[str, Any] = {"program": "numbragg"}
    notes: list[str] = []
    if hasattr(image, "prepared"):
        experiment = one_image(described(image))
        found = image.image
        # what was counted, where it was
        if experiment.recording is not None:
            found, dtype = image.counts, dtype or image.response.dtype
            if dtype != "float32":
                found, notes = counts_of(path, image, dtype)
        pages, said = file_images(experiment, found, lambda kind: True, "numbers"), stated(experiment)
    else:
        pages = panel_list(image)
    dtype = dtype or "float32"
    wrong = next((page for page in pages if page.ndim != 2 or page.size == 0 or page.dtype.kind not in "biuf"), None)
    if not pages or wrong is not None:
        found = "nothing" if wrong is None else f"{wrong.dtype} of shape {wrong.shape}"
        raise ValueError(f"image: {found} must be numbers of two dimensions, neither of them empty")
    made, cut = _of_type(os.fsdecode(path), pages, dtype)
    write_whole(path, "TIFF image", lambda file: write_tiff_pages(file, made, said))
    warn((*notes, *cut))


def _of_type(name: str, pages: Sequence[Any], dtype: str) -> tuple[list[Any], list[str]]:
    """Pages as a type of pixels holds them, and notes on those that it cannot."""
    if dtype == "float32":
        made = [page.astype(np.float32) for page in pages]
        odd = sum(int(np.count_nonzero(new.astype(np.float64) != page)) for new, page in zip(made, pages)
                  if page.dtype.kind in "iu")
        return made, [Loud(f"{name}: {odd} pixels are whole numbers that float32 cannot hold, and are written as the "
                           "nearest that it can")] if odd else []
    made, above, below = [], 0, 0
    least, largest = np.iinfo(dtype).min, np.iinfo(dtype).max
    for page in pages:
        numbers = np.rint(np.nan_to_num(page.astype(np.float64), nan=0.0, posinf=np.inf, neginf=-np.inf))
        above += int(np.count_nonzero(numbers > largest))
        below += int(np.count_nonzero(numbers < least))
        made.append(np.clip(numbers, least, largest).astype(dtype))
    found = ((above, "above", largest, "largest"), (below, "below", least, "least"))
    return made, [Loud(f"{name}: {pixels} pixels are {where} {end}, the {which} of {dtype}, and are written as that")
                  for pixels, where, end, which in found if pixels]


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
