"""From the image of mean photons to what a detector would store: photon noise, 16-bit and grey images.

The results are the C program's, byte for byte: `add_noise` makes its noise image, `integer_image`
its integer image and `grey_image` its grey image, each without the file's header.  `make_products`
makes what a run writes, in the C program's order: statistics, float image, integer image, grey
image, noise image.
"""

from collections.abc import Sequence
from dataclasses import dataclass
import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..configs.checks import shown
from ..io.smv import HeaderValues
from ..kernels.detector import digitise as kernels
from ..kernels.detector.random import noise_image, photon_image
from ..notes import Loud, warn
from ..scene.pixels import LARGEST_PIXEL, region
from ..scene.rotations import Generator, checked_seed

__all__ = ["Products", "add_noise", "cut_off_note", "draw_noise", "float32_image", "grey_image", "header_values",
           "integer_image", "make_products", "photon_counts"]


def add_noise(image: ArrayLike, *, seed: int, adc_offset: float = 40.0, roi: Sequence[int] | None = None,
              generator: Generator | None = None) -> NDArray[np.uint16]:
    """Draw photon counts and digitise them: the C program's noise image.

    Counts are Poisson deviates of the pixels (above one million photons Gaussian deviates, which
    are not whole numbers; negative pixels count as 0). The offset is added, what exceeds 65535 is
    cut there, and the rest is truncated. There is no lower limit: with a negative offset, a
    negative number wraps around (-5 is stored as 65531). NaN is stored as 0. A warning tells of such an
    offset, and of one that leaves no room in 16 bits.

    Parameters
    ----------
    image : (slow, fast) array_like of float
        Mean photons per pixel. Used as float32.
    seed : int
        Seed of the noise. Seeds 0 and 1 are the same. A negative seed continues the random numbers
        of the simulation before it and so needs `generator`.
    adc_offset : float, optional
        Added to every pixel of the region of interest.
    roi : sequence of 4 int, optional
        Region of interest: first and last fast, first and last slow pixel, both ends included. The
        other pixels become 0 and draw no random numbers. Default: the whole image.
    generator : numbragg.random.Generator, optional
        The generator from which orientation and mosaic domains were drawn. Makes a difference for
        negative seeds only. Its table is changed.

    Returns
    -------
    (slow, fast) uint16 array

    Raises
    ------
    ValueError
        If `image` is not a two-dimensional array of real numbers, `seed` is not a whole number of at
        most 2**63 - 1 in size, or negative without `generator`, `adc_offset` is not finite, or `roi`
        is not four whole numbers in the image.

    Examples
    --------
    >>> import numpy as np
    >>> from numbragg.noise import add_noise
    >>> add_noise(np.full((2, 4), 20.0), seed=1)
    array([[58, 57, 61, 57],
           [56, 59, 54, 58]], dtype=uint16)
    """
    image = float32_image(image)
    roi = region(roi, image.shape)
    adc_offset = _finite("adc_offset", adc_offset)
    stream = _stream(seed, generator)
    if adc_offset < 0.0:
        warn([Loud(f"adc_offset: {adc_offset:g}: the noise image has no lower limit: -1 becomes 65535")])
    warn(_offset_notes(adc_offset))
    out = np.zeros(image.shape, dtype=np.uint16)
    noise_image(image, roi, adc_offset, stream, out)
    return out


def photon_counts(image: ArrayLike, *, seed: int, roi: Sequence[int] | None = None,
                  generator: Generator | None = None) -> NDArray[np.float32]:
    """The photon counts behind `add_noise`, before offset, limit and truncation.

    Parameters
    ----------
    image, seed, roi, generator
        As for `add_noise`.

    Returns
    -------
    (slow, fast) float32 array
        Whole numbers up to a mean of one million photons; NaN where the image is NaN.

    Raises
    ------
    ValueError
        As `add_noise`.

    Examples
    --------
    >>> import numpy as np
    >>> from numbragg.noise import photon_counts
    >>> photon_counts([[0.0, 5.0, 500.0]], seed=1)
    array([[  0.,   6., 488.]], dtype=float32)
    """
    image = float32_image(image)
    roi = region(roi, image.shape)
    stream = _stream(seed, generator)
    out = np.zeros(image.shape, dtype=np.float32)
    photon_image(image, roi, stream, out)
    return out


def integer_image(image: ArrayLike, *, scale: float | None = None, adc_offset: float = 40.0,
                  roi: Sequence[int] | None = None) -> NDArray[np.uint16]:
    """Scale an image to 16 bits without noise: the C program's integer image.

    pixel * scale + adc_offset, limited to 0..65535 and rounded to the nearest whole number (in
    float32, so that x.498 and more may round up above 32768). NaN is stored as 0. A warning tells of
    pixels at 65535.

    Parameters
    ----------
    image : (slow, fast) array_like of float
        Used as float32.
    scale : float, optional
        Default, and if not positive: 55000 divided by the largest pixel; 1 if no pixel is above 0.
    adc_offset, roi
        As for `add_noise`. Pixels outside the region of interest become 0.

    Returns
    -------
    (slow, fast) uint16 array

    Raises
    ------
    ValueError
        If `image` is not a two-dimensional array of real numbers, `scale` or `adc_offset` is not
        finite, or `roi` is not four whole numbers in the image.

    Examples
    --------
    >>> from numbragg.noise import integer_image
    >>> integer_image([[0.0, 1.0, 4.0]])
    array([[   40, 13790, 55040]], dtype=uint16)
    """
    image = float32_image(image)
    roi = region(roi, image.shape)
    scale = 0.0 if scale is None else _finite("scale", scale)
    adc_offset = _finite("adc_offset", adc_offset)
    if scale <= 0.0:
        scale = integer_scale(kernels.image_summary(image, roi, kernels.NO_MASK))
    if scale == 0.0:
        warn([Loud("integer image: its automatic scale is 0, for the largest pixel is infinite: pixels that are finite"
                   " hold nothing but the offset")])
    out = np.zeros(image.shape, dtype=np.uint16)
    kernels.integer_image(image, roi, scale, adc_offset, out)
    warn(_offset_notes(adc_offset))
    warn(cut_off_note("integer image", out, scale, adc_offset))
    return out


def _offset_notes(adc_offset):
    if adc_offset >= LARGEST_PIXEL:
        yield Loud(f"adc_offset: {adc_offset:g} is beyond 16 bits: every pixel becomes 65535")


def cut_off_note(name, integers, scale, adc_offset):
    """A note on pixels that the scale, or the offset, has brought to the limit of 16 bits.

    Parameters
    ----------
    name : str
        What to call the image.
    integers : (slow, fast) uint16 array
        An integer image.
    scale, adc_offset : float
        What it was made with.

    Returns
    -------
    iterator of Loud
        None where the offset alone reaches the limit, which is said of the offset.
    """
    if adc_offset >= LARGEST_PIXEL:
        return
    # row by row: of all at once a truth value each would be held
    full = sum(int(np.count_nonzero(row == LARGEST_PIXEL)) for row in integers)
    if full:
        pixels = "pixel" if full == 1 else "pixels"
        yield Loud(f"{name}: {full} {pixels} at 65535, the limit of 16 bits: the scale is {scale:g},"
                   f" the offset {adc_offset:g}")


def grey_image(image: ArrayLike, *, scale: float | None = None, roi: Sequence[int] | None = None,
               mask: ArrayLike | None = None) -> NDArray[np.uint8]:
    """Scale an image to 8 bits for display: the C program's grey image.

    pixel * scale, limited to 255 and truncated. There is no lower limit: a negative number wraps
    around. NaN is stored as 0.

    Parameters
    ----------
    image : (slow, fast) array_like of float
        Used as float32.
    scale : float, optional
        Default, and if not positive: 250 divided by five times the root mean square deviation from
        the mean; where that deviation is 0, the default scale of `integer_image`.
    roi : sequence of 4 int, optional
        As for `add_noise`. Pixels outside become 0.
    mask : (slow, fast) array_like, optional
        Pixels where it is zero do not enter the mean that gives the default scale; they do enter
        the deviation.

    Returns
    -------
    (slow, fast) uint8 array

    Raises
    ------
    ValueError
        If `image` is not a two-dimensional array of real numbers, `mask` has another shape, `scale`
        is not finite, or `roi` is not four whole numbers in the image.

    Examples
    --------
    >>> from numbragg.noise import grey_image
    >>> grey_image([[0.0, 1.0, 400.0]], scale=2.5)
    array([[  0,   2, 255]], dtype=uint8)
    """
    image = float32_image(image)
    roi = region(roi, image.shape)
    scale = 0.0 if scale is None else _finite("scale", scale)
    if mask is None:
        mask = kernels.NO_MASK
    else:
        mask = np.ascontiguousarray(np.asarray(mask) != 0)
        if mask.shape != image.shape:
            raise ValueError(f"mask has shape {mask.shape}: it must be that of the image, {image.shape}")
    if scale <= 0.0:
        summary = kernels.image_summary(image, roi, mask)
        scale = automatic_grey_scale(summary, integer_scale(summary))
    out = np.zeros(image.shape, dtype=np.uint8)
    kernels.grey_image(image, roi, scale, out)
    return out


def integer_scale(summary):
    return 55000.0 / summary.maximum if summary.maximum > 0.0 else 1.0


def automatic_grey_scale(summary, otherwise):
    """Default scale of the grey image; `otherwise` where the image has no spread."""
    return 250.0 / (5.0 * summary.rms_deviation) if summary.rms_deviation > 0.0 else otherwise


def _stream(seed, generator):
    seed = checked_seed(seed)
    if generator is None:
        if seed < 0:
            raise ValueError(f"seed is {seed}: a negative seed continues the generator of a simulation, "
                             "so it needs generator=")
        generator = Generator()
    return generator.stream(seed)


def float32_image(image):
    """A two-dimensional array of real numbers as kernels take it: float32, C-contiguous, writeable.

    Raises
    ------
    ValueError
        If it is none.
    """
    if isinstance(image, np.ma.MaskedArray):
        raise ValueError("image is a masked array: it must be a plain one, its masked pixels filled")
    try:
        array = np.asarray(image)
    except ValueError:
        raise ValueError("image has rows of different lengths: it must be a two-dimensional array of "
                         "real numbers") from None
    if array.ndim != 2 or array.dtype.kind not in "fiub":
        raise ValueError(f"image has shape {array.shape} and type {array.dtype}: "
                         "it must be a two-dimensional array of real numbers")
    with np.errstate(over="ignore"):
        # writeable, although nothing is written: a kernel would be compiled anew for read-only arrays
        return np.require(array, dtype=np.float32, requirements="CAW")


def _finite(name, value):
    try:
        # what Python and NumPy would make a number of, but is none
        if isinstance(value, (bool, np.bool_, str, bytes, np.ma.MaskedArray)) or np.iscomplexobj(value):
            raise TypeError
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{name} is {shown(value)}: it must be a number") from None
    if not math.isfinite(number):
        raise ValueError(f"{name} is {number}: it must be finite")
    return number


# -- what a run writes


@dataclass(slots=True, eq=False)
class Products:
    """Numbers and images derived from a float image."""

    summary: object  # kernels.detector.digitise.Summary
    scale: float  # of the integer image
    grey_scale: float
    integers: np.ndarray  # uint16; becomes the noise image when that is drawn
    greys: np.ndarray | None  # uint8
    photons: float | None = None  # drawn for the noise image
    overloads: int | None = None


def header_values(prepared):
    """What the SMV header of a prepared scene says."""
    asked, place = prepared.request, prepared.placement
    return HeaderValues(
        fast_pixels=place.fpixels, slow_pixels=place.spixels, pixel_size=asked.detector.pixel_size,
        detector_size_s=place.detsize_s, distance=place.distance, close_distance=place.close_distance,
        wavelength=asked.beam.wavelength, beam_x=place.beam_x, beam_y=place.beam_y, beam_f=place.fast_beam,
        beam_s=place.slow_beam, origin_x=place.origin_x, origin_y=place.origin_y, dials_origin=place.dials_origin,
        phi_start=asked.crystal.phi_start, oscillation=prepared.counts.oscillation, twotheta=asked.detector.twotheta)


def make_products(image, prepared, *, scale=0.0, grey_scale=0.0, adc_offset=40.0, grey=True):
    """Statistics, the integer image and the grey image.

    Parameters
    ----------
    image : (slow, fast) float32 array
    prepared : scene.Prepared
    scale, grey_scale : float
        Not positive: automatic.
    adc_offset : float
    grey : bool
        Whether the grey image is wanted.

    Returns
    -------
    Products
    """
    window = tuple(prepared.window)
    mask = kernels.NO_MASK if prepared.mask is None else prepared.mask.view(np.bool_)
    summary = kernels.image_summary(image, window, mask)
    if scale <= 0.0:
        scale = integer_scale(summary)
    if grey_scale <= 0.0:
        grey_scale = automatic_grey_scale(summary, scale)
    integers = np.zeros(image.shape, dtype=np.uint16)
    greys = np.zeros(image.shape, dtype=np.uint8)
    kernels.digital_images(image, window, scale, adc_offset, integers, grey_scale, greys)
    return Products(summary, scale, grey_scale, integers, greys if grey else None)


def draw_noise(image, prepared, products, seed, adc_offset):
    """Turn the integer image into the noise image, in place; (photons, overloads) are noted."""
    stream = prepared.random.stream(seed)
    window = tuple(prepared.window)
    products.photons, products.overloads = noise_image(image, window, adc_offset, stream, products.integers)
