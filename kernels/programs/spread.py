"""Point spread as noisify has it: pixels are scattered over their neighbours in float32, with the C program's bounds.

Kernels are Gaussian or that of a fibre-coupled detector, integrated over pixels.  Arguments are not checked.

References
----------
Holton, Nielsen & Frankel (2012). J. Synchrotron Rad. 19, 1006-1011 (the fibre's point spread).
"""

import math

import numpy as np

from ..arithmetic.c_library import c_atan, c_erf, c_exp, c_log
from ..compile.compilation import inlined, jit
from ..detector.point_spread import FIBRE_LENGTH

__all__ = ["FIBER", "GAUSS", "largest_radius", "scatter", "spread_radii", "spread_table"]

GAUSS, FIBER = 1, 2

#: Of the noise of a pixel, what may be lost.
_LOSS = 10.0
_LOG_2, _LOG_4, _LOG_16 = math.log(2.0), math.log(4.0), math.log(16.0)
_ROOT_LOG_2, _ROOT_LOG_16, _ROOT_RATIO = math.sqrt(_LOG_2), math.sqrt(_LOG_16), math.sqrt(_LOG_16 / _LOG_2)


@inlined
def _gauss_corner(x, y):
    """Integral of a Gaussian of unit width up to a corner."""
    return 0.125 * (c_erf(2.0 * x * _ROOT_LOG_2) * c_erf(y * _ROOT_LOG_16) * _ROOT_RATIO)


@inlined
def _fiber_corner(x, y, g):
    return c_atan((x * y) / (g * math.sqrt(g * g + x * x + y * y))) / 2.0 / math.pi


@inlined
def _weight(kind, dx, dy, fwhm):
    """Part of the light that a pixel gets which is dx, dy from the middle."""
    if kind == GAUSS:
        x, y, half = dx / fwhm, dy / fwhm, 1.0 / fwhm / 2.0
        return (_gauss_corner(x + half, y + half) - _gauss_corner(x + half, y - half)
                - _gauss_corner(x - half, y + half) + _gauss_corner(x - half, y - half))
    g, half = fwhm * FIBRE_LENGTH, 0.5
    return (_fiber_corner(dx + half, dy + half, g) - _fiber_corner(dx + half, dy - half, g)
            - _fiber_corner(dx - half, dy + half, g) + _fiber_corner(dx - half, dy - half, g))


@inlined
def _limited(radius, most):
    """1 and a radius rounded up, at most `most`; 1 where there is none, for light of less than a hundredth photon."""
    if not radius >= 0.0:
        return 1
    return most if radius >= most else min(1 + int(math.ceil(radius)), most)


@jit
def largest_radius(kind, fwhm, brightest, most):
    """Radius of the table of weights, for the brightest pixel, at most `most`."""
    lost = math.sqrt(brightest) / _LOSS
    if kind == GAUSS:
        return _limited(math.sqrt(-c_log(lost / brightest) / _LOG_4 / 2.0) * fwhm, most)
    return _limited(fwhm * FIBRE_LENGTH * (brightest / lost), most)


@jit
def spread_table(kind, fwhm, radius, out):
    """Fill the weights about the middle of a (2 radius + 1, 2 radius + 1) float64 array, which starts as zeros."""
    for dy in range(-radius, radius + 1):
        for dx in range(-radius, radius + 1):
            if dx * dx + dy * dy <= radius * radius:
                out[radius + dy, radius + dx] = _weight(kind, float(dx), float(dy), fwhm)


@jit
def spread_radii(kind, fwhm, radius, most, image, radii):
    """How far the light of every pixel goes, and how much is lost beyond.

    Parameters
    ----------
    kind : int
        GAUSS or FIBER.
    fwhm : float
        [pixels]
    radius : int
        0: by the light of the pixel.
    most : int
        Limit of all radii.
    image : (pixels,) float32
    radii : (pixels,) int32
        Filled; 0 for pixels without light.

    Returns
    -------
    float
        Photons lost, summed in the order of pixels.
    """
    g = fwhm * FIBRE_LENGTH
    total = 0.0
    for i in range(len(image)):
        light = np.float64(image[i])
        radii[i] = 0
        if light <= 0.0:
            continue
        reach = min(radius, most)
        if radius == 0:
            lost = math.sqrt(light) / _LOSS
            if kind == GAUSS:
                reach = _limited(math.sqrt(-c_log(lost / light) / _LOG_16) * fwhm, most)
            else:
                reach = _limited(g * (light / lost), most)
        if kind == GAUSS:
            part = reach / fwhm
            lost = light * c_exp(-_LOG_16 * (part * part))
        else:
            lost = light * g / math.sqrt(g * g + np.float64(reach * reach))
        total += lost
        radii[i] = reach
    return total


@jit
def scatter(image, width, radii, table, most, first, last, out):
    """Scatter all pixels over rows first..last-1 of the image.

    Parameters
    ----------
    image : (pixels,) float32
        In file order, rows of `width`.
    radii : (pixels,) int32
        As of `spread_radii`.
    table : (n, n) float64
        As of `spread_table`.
    most : int
        The largest of the radii.
    first, last : int
        Rows of the result.
    out : (pixels,) float32
        Starts as zeros; only these rows are changed.

    Notes
    -----
    Every sum has its terms in the order of the pixels they come from, rounded to float32 one after the other.  What
    falls on the column behind the last one falls on the first pixel of the next row, as in the C program, where it
    comes after what falls on that pixel itself.
    """
    height = len(image) // width
    middle = table.shape[0] // 2
    for y0 in range(max(first - most - 1, 0), min(last + most, height)):
        for x0 in range(width):
            i = y0 * width + x0
            # rounding may make the brightest pixel's radius one more than that of the table
            reach = min(np.int64(radii[i]), middle)
            if reach == 0:
                continue
            light = np.float64(image[i])
            for y in range(max(y0 - reach, first), min(y0 + reach, last - 1) + 1):
                dy = y - y0
                across = int(math.sqrt(np.float64(reach * reach - dy * dy)))
                start, stop = max(x0 - across, 0), min(x0 + across, width - 1)
                row, place = table[middle + dy], y * width
                for x in range(start, stop + 1):
                    out[place + x] = np.float32(np.float64(out[place + x]) + light * row[middle + x - x0])
            dx = width - x0
            if dx > reach:
                continue
            for y in range(max(y0 - reach, first - 1, 0), min(y0 + reach, last - 2) + 1):
                dy = y - y0
                if dx * dx + dy * dy <= reach * reach:
                    j = (y + 1) * width
                    out[j] = np.float32(np.float64(out[j]) + light * table[middle + dy, middle + dx])
