"""nonBragg's image: amorphous scattering from a table of structure factors, a cubic through four of its points.

The order of operations, the walk of the pointer through the table and the repeated normalising of vectors are the C
program's.  Arguments are not checked.
"""

from typing import NamedTuple

import numpy as np

from ..arithmetic.vectors import magnitude, unit
from ..compile.compilation import inlined, jit
from ..physics.geometry import solid_angle, sub_pixel_position
from ..physics.polarisation import polarisation_factor
from ..physics.view import incident_direction, polarisation_axis, scattering_vector, sub_pixel_number

__all__ = ["Amorphous", "amorphous_pixels", "cubic_divisors"]


class Amorphous(NamedTuple):
    """What scatters, by what light, and how a sum becomes photons."""

    stol: np.ndarray  # (n,) float64: sin(theta)/wavelength [1/m], guard points at both ends, NaN behind them
    amplitudes: np.ndarray  # (n,) float64
    divisors: np.ndarray  # (n, 4) float64: of the cubic whose second point is that of the row
    directions: np.ndarray  # (sources, 3) unit vectors from the sample to the sources
    wavelengths: np.ndarray  # (sources,) [m]
    weights: np.ndarray  # (sources,)
    polarisation_fraction: float  # Kahn factor
    unpolarised_factor: bool  # the factor is 1
    polarisation_axes: np.ndarray  # (m, 3): the axis and what repeated normalising makes of it
    repeated: int  # the row that follows the last one
    factors: tuple  # r_e^2, fluence and number of molecules, multiplied one after the other
    steps: float  # by which the sum is divided
    amplitude_map: bool  # a pixel is its last structure factor, not photons


def cubic_divisors(x):
    """Divisors of the four terms of each cubic through a point, its predecessor and the two points behind it.

    Parameters
    ----------
    x : (n,) float64 array

    Returns
    -------
    (n, 4) float64 array
        NaN where there are no four points.
    """
    out = np.full((len(x), 4), np.nan)
    with np.errstate(all="ignore"):
        a, b, c, d = x[:-3], x[1:-2], x[2:-1], x[3:]
        out[1:-2] = np.stack([(a - b) * (a - c) * (a - d), (b - a) * (b - c) * (b - d),
                              (c - a) * (c - b) * (c - d), (d - a) * (d - b) * (d - c)], axis=1)
    return out


@inlined
def _amplitude(table, n, x):
    """The cubic through points n - 1 to n + 2."""
    first = max(n - 1, 0)
    x0, x1, x2, x3 = (x - table.stol[first], x - table.stol[first + 1], x - table.stol[first + 2],
                      x - table.stol[first + 3])
    y, divisors = table.amplitudes, table.divisors
    return (x1 * x2 * x3 * y[first] / divisors[first + 1, 0] + x0 * x2 * x3 * y[first + 1] / divisors[first + 1, 1]
            + x0 * x1 * x3 * y[first + 2] / divisors[first + 1, 2] + x0 * x1 * x2 * y[first + 3]
            / divisors[first + 1, 3])


@inlined
def _walked(x, last, n, value):
    """Where the pointer stands after it was moved to a value."""
    while n <= last and value > x[n]:
        n += 1
    while n >= 2 and value < x[n]:
        n -= 1
    return n


@jit
def amorphous_pixels(geometry, table, window, start, stop, image, rows):
    """Compute pixels start..stop-1 of a window, along rows.

    Parameters
    ----------
    geometry : records.Geometry
        Of one layer.
    table : Amorphous
    window : tuple of 4 int
        First and last fast, first and last slow pixel; in the image.
    start, stop : int
        Pixels of the window.
    image : (slow, fast) float32
        Filled where the pixels are.
    rows : (slow, fast) or (0, 0) int32
        Likewise, with the row of the table that the pixel's last step is nearest to.

    Notes
    -----
    The pointer begins at the first point of the table.  Where the points increase, it ends at the last one that is
    not above the value wherever it comes from, so that pixels may be taken in any order.
    """
    width = window[1] - window[0] + 1
    sources = len(table.wavelengths)
    # the table has four guard points, and behind them what the C program has allocated
    last = len(table.stol) - 6
    axes = len(table.polarisation_axes)
    squared, fluence, molecules = table.factors
    steps_of_pixel = geometry.oversample * geometry.oversample * sources
    n = 0
    for pixel in range(start, stop):
        row = pixel // width
        slow, fast = window[2] + row, window[0] + pixel - row * width
        total, amplitude, stol = 0.0, 0.0, 0.0
        for sub_slow in range(geometry.oversample):
            for sub_fast in range(geometry.oversample):
                # the axis has been normalised once more by every step before
                done = pixel * steps_of_pixel + sub_pixel_number(geometry, 0, sub_slow, sub_fast) * sources
                s1, airpath = unit(sub_pixel_position(geometry, fast, slow, 0, sub_slow, sub_fast))
                omega = solid_angle(geometry, airpath)
                for source in range(sources):
                    s0 = incident_direction(table.directions, source)
                    stol = 0.5 * magnitude(scattering_vector(s1, s0, table.wavelengths[source]))
                    n = _walked(table.stol, last, n, stol)
                    amplitude = _amplitude(table, n, stol)
                    sign = -1.0 if amplitude < 0.0 else 1.0
                    polar = 1.0
                    if not table.unpolarised_factor:
                        s0, _ = unit(s0)
                        # stays so for the sources that follow
                        s1, _ = unit(s1)
                        turn = done + source + 1
                        if turn >= axes:
                            turn = table.repeated + (turn - axes) % (axes - table.repeated)
                        polar = polarisation_factor(table.polarisation_fraction, s0, s1,
                                                    polarisation_axis(table.polarisation_axes, turn))
                    total += sign * amplitude * amplitude * polar * omega * table.weights[source]
        if rows.size:
            rows[slow, fast] = n + 1 if stol > (table.stol[n] + table.stol[n + 1]) / 2.0 else n
        # added to an empty pixel, as in the C program: of a negative zero that makes a positive one
        value = 0.0 + total * squared * fluence * molecules / table.steps
        image[slow, fast] = np.float32(amplitude) if table.amplitude_map else np.float32(value)
