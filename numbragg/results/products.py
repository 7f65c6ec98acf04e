"""What is made of a float image and written to disk: statistics, integer, grey and noise image.

The order is the C program's: statistics, float image, integer image, grey image, noise image.
"""

from dataclasses import dataclass

import numpy as np

__all__ = ["Products", "make_products", "header_values"]


@dataclass(slots=True)
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
    from ..io.smv import HeaderValues

    p, place = prepared.parameters, prepared.placement
    return HeaderValues(
        fast_pixels=place.fpixels, slow_pixels=place.spixels, pixel_size=p.pixel_size,
        detector_size_s=place.detsize_s, distance=place.distance, close_distance=place.close_distance,
        wavelength=p.wavelength, beam_x=place.beam_x, beam_y=place.beam_y, beam_f=place.fast_beam,
        beam_s=place.slow_beam, origin_x=place.origin_x, origin_y=place.origin_y, dials_origin=place.dials_origin,
        phi_start=p.phi_start, oscillation=prepared.counts.oscillation, twotheta=p.twotheta)


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
    from ..kernels.detector import digitise as kernels
    from .noise import grey_scale as automatic_grey_scale, integer_scale

    window = prepared.window
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
    from ..kernels.detector.random import noise_image

    stream = prepared.random.stream(seed)
    products.photons, products.overloads = noise_image(image, prepared.window, adc_offset, stream, products.integers)
