"""Statistics of an image: the numbers that reports show, for any image."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..kernels.detector import digitise as kernels
from ..scene.pixels import region
from .digitise import float32_image

__all__ = ["ImageStatistics", "image_statistics"]


@dataclass(frozen=True, slots=True)
class ImageStatistics:
    """What a report says of an image.

    Attributes
    ----------
    maximum : float
        The largest pixel; 0 if none is above 0.  NaN never is.
    maximum_fast, maximum_slow : int or None
        The first pixel that has it, row by row; None if none is above 0.
    sum, mean : float
        Sum and mean of the pixels.
    rms : float
        Root of the sum of squares over the number of pixels less one, as nanoBragg has it.
    rms_deviation : float
        The same of the deviations from the mean; pixels that are masked count here, as in nanoBragg.
    pixels : int
        Pixels that were looked at.
    """

    maximum: float
    maximum_fast: int | None
    maximum_slow: int | None
    sum: float
    mean: float
    rms: float
    rms_deviation: float
    pixels: int


def image_statistics(image: ArrayLike, *, roi: Sequence[int] | None = None,
                     mask: ArrayLike | None = None) -> ImageStatistics:
    """Maximum and where it is, sum, mean and root mean squares of an image.

    The same function and the same bits as in the report and in `--stats-json`.

    Parameters
    ----------
    image : (slow, fast) array_like of float
        Photons per pixel.  Used as float32.
    roi : sequence of 4 int, optional
        First and last fast, first and last slow pixel, both ends included; by default the whole image.
    mask : (slow, fast) array_like, optional
        Pixels where it is zero are left out.

    Returns
    -------
    ImageStatistics

    Raises
    ------
    ValueError
        If `image` is not a two-dimensional array of real numbers, `mask` has another shape, or `roi` is not four
        whole numbers in the image.

    Examples
    --------
    >>> import numbragg as nb
    >>> found = nb.image_statistics([[0.0, 1.0, 2.0], [7.0, 2.0, 0.0]])
    >>> found.maximum, (found.maximum_fast, found.maximum_slow), found.mean, found.sum
    (7.0, (0, 1), 2.0, 12.0)
    """
    pixels = float32_image(image)
    window = region(roi, pixels.shape)
    places = kernels.NO_MASK
    if mask is not None:
        places = np.ascontiguousarray(np.asarray(mask) != 0)
        if places.shape != pixels.shape:
            raise ValueError(f"mask has shape {places.shape}: it must be that of the image, {pixels.shape}")
    found = kernels.image_summary(pixels, window, places)
    dark = found.maximum_fast < 0
    return ImageStatistics(
        maximum=float(found.maximum), maximum_fast=None if dark else int(found.maximum_fast),
        maximum_slow=None if dark else int(found.maximum_slow), sum=float(found.total), mean=float(found.mean),
        rms=float(found.rms), rms_deviation=float(found.rms_deviation), pixels=int(found.count))
