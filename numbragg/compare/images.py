"""Two images compared: bits, units in the last place, correlation, sums, and peaks matched one to one."""

from collections.abc import Sequence
from dataclasses import dataclass
import math
from typing import NamedTuple

import numpy as np

from .. import memory
from ..io.any_image import bit_patterns
from ..scene.pixels import cropped
from .peaks import PeakMatch, find_peaks, match_peaks
from .ulp import NO_DISTANCE, histogram_of, ulp_distances, ulp_histogram

__all__ = ["Check", "Comparison", "Pixel", "PeakMatch", "compare_images", "find_peaks", "match_peaks",
           "ulp_distances", "ulp_histogram"]

#: Bytes that a pixel takes while two images are compared, beside the images: two doubles and their product.
WORKING_BYTES = 25
#: Pixels that are compared at a time, where this makes no difference.
_BLOCK = 1 << 18


class Pixel(NamedTuple):
    """One pixel of two images."""

    #: place in the whole image, region or not
    fast: int
    slow: int
    #: the values, as NumPy numbers of the images' own types
    a: np.generic
    b: np.generic

    def bits(self) -> tuple[str, ...]:
        """Both bit patterns in hexadecimal."""
        sizes = self.a.dtype.itemsize, self.b.dtype.itemsize
        return tuple(f"0x{int(v.view(f'u{n}')):0{2 * n}x}" for v, n in zip((self.a, self.b), sizes))


class Check(NamedTuple):
    """One thing that was asked of two images."""

    what: str
    #: None where it is not defined, and then not passed
    value: float | int | None
    limit: float | int
    passed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What `compare_images` found.

    Attributes
    ----------
    types : tuple of two str
        Types of the pixels.
    shape : tuple of two int
        Pixels along the slow and the fast axis that were compared.
    identical : bool
        Same type and the same bits everywhere.
    differing : int
        Pixels with other bits.  Where the types differ, both are first converted to a type that holds all
        values of both.
    first : Pixel or None
        The first of them, row by row.
    ulp_type : str
        Type whose units in the last place are counted: the images' own or, where they differ, the coarser
        one; among integers, the difference itself is counted.
    unmatched : int
        Pixels without a distance: NaN or an infinity in one image and other bits in the other.
    largest_ulp : int or None
        Largest distance, None if no pixel has one.  Zeros of either sign are at distance 0.
    largest : Pixel or None
        The first pixel at the largest distance, None if that is 0.
    histogram : tuple of (int, int, int)
        Smallest and largest distance of a bin, and the number of pixels in it.
    finite : int
        Pixels that are finite in both images; what follows is about these.
    correlation : float or None
        Pearson's; 1 for equal values, None if one image is constant and not equal to the other.
    rmse : float or None
        Root of the mean squared difference.
    largest_difference : float or None
        Largest absolute difference.
    sums : tuple of two float
        Sums of all values.
    sum_ratio : float or None
        Second sum over the first.
    peaks : PeakMatch
        The strongest peaks.
    """

    types: tuple
    shape: tuple
    identical: bool
    differing: int
    first: Pixel | None
    ulp_type: str
    unmatched: int
    largest_ulp: int | None
    largest: Pixel | None
    histogram: tuple
    finite: int
    correlation: float | None
    rmse: float | None
    largest_difference: float | None
    sums: tuple
    sum_ratio: float | None
    peaks: PeakMatch

    @property
    def pixels(self) -> int:
        """Number of pixels compared."""
        return math.prod(self.shape)

    def checks(self, min_correlation: float | None = None, max_ulp: int | None = None,
               at_least: float | None = None) -> list[Check]:
        """What was asked, and whether it holds.

        With any limit, NaN and infinities must have the same bits in both images too.

        Parameters
        ----------
        min_correlation : float, optional
            Lower limit of the correlation.
        max_ulp : int, optional
            Upper limit of the distance in units in the last place.
        at_least : float, optional
            Lower limit of the fraction of peaks that are matched.

        Returns
        -------
        list of Check
            Without any limit the one check that the images are identical.
        """
        if min_correlation is None and max_ulp is None and at_least is None:
            others = self.differing if self.types[0] == self.types[1] else self.pixels
            return [Check("pixels with other bits or of another type", others, 0, self.identical)]
        checks = [Check("pixels with NaN or infinity and other bits", self.unmatched, 0, self.unmatched == 0)]
        if min_correlation is not None:
            passed = self.correlation is not None and self.correlation >= min_correlation
            checks.append(Check("correlation", self.correlation, min_correlation, passed))
        if max_ulp is not None:
            passed = self.largest_ulp is not None and self.largest_ulp <= max_ulp
            checks.append(Check("largest distance in ulp", self.largest_ulp, max_ulp, passed))
        if at_least is not None:
            fraction = self.peaks.fraction
            checks.append(Check("fraction of peaks matched", fraction, at_least,
                                fraction is not None and fraction >= at_least))
        return checks


def compare_images(a: np.ndarray, b: np.ndarray, *, peaks: int = 50, within: float = 0.5,
                   roi: Sequence[int] | None = None) -> Comparison:
    """Compare two images of one shape.

    Parameters
    ----------
    a, b : (slow, fast) array
        Integers or floats of at most 64 bits.
    peaks : int
        How many of the strongest peaks are matched.
    within : float
        Largest distance of two matched peaks [pixel].
    roi : four int, optional
        Region to be compared as if it were the whole image: first and last pixel along the fast, then along
        the slow axis, inclusive.

    Returns
    -------
    Comparison
        All of it.

    Raises
    ------
    ValueError
        Shapes differ, types are not those of images, 64-bit integers that no common type holds, or an
        impossible `roi`, `peaks` or `within`.

    Examples
    --------
    >>> import numpy as np
    >>> a = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)
    >>> b = a.copy()
    >>> b[1, 0] = np.nextafter(b[1, 0], np.float32(9))
    >>> found = compare_images(a, b)
    >>> found.identical, found.differing, found.largest_ulp, found.first.slow
    (False, 1, 1, 1)
    """
    a, b = (_image(name, image) for name, image in (("a", a), ("b", b)))
    if a.shape != b.shape:
        raise ValueError(f"images: of {a.shape[0]} x {a.shape[1]} and {b.shape[0]} x {b.shape[1]} pixels "
                         "(slow x fast); only images of one shape can be compared")
    a, b = (np.ascontiguousarray(cropped(image, roi)) for image in (a, b))
    offset = (0, 0) if roi is None else (roi[0], roi[2])
    memory.require(WORKING_BYTES * a.size, f"images: to compare {a.shape[1]} x {a.shape[0]} pixels would")
    bits = _Bits(a, b, offset)
    return Comparison(
        types=(a.dtype.name, b.dtype.name), shape=a.shape, identical=a.dtype == b.dtype and bits.differing == 0,
        differing=bits.differing, first=bits.first, ulp_type=bits.ulp_type, unmatched=bits.unmatched,
        largest_ulp=bits.largest_ulp, largest=bits.largest, histogram=bits.histogram, **_statistics(a, b),
        peaks=match_peaks(find_peaks(a, peaks), find_peaks(b, peaks), within, peaks))


class _Bits:
    """What is counted pixel by pixel, some rows at a time: distances of all pixels would take far more memory."""

    def __init__(self, a, b, offset):
        self.differing, self.first, self.unmatched, self.largest_ulp, self.largest = 0, None, 0, None, None
        counts, rows = np.zeros(0, np.int64), max(1, _BLOCK // a.shape[1])
        common = _common_type(a, b)
        for start in range(0, len(a), rows):
            parts = a[start:start + rows], b[start:start + rows]
            place = (offset[0], offset[1] + start)
            wide = [part.astype(common, copy=False) for part in parts]
            other = bit_patterns(wide[0]) != bit_patterns(wide[1])
            self.differing += int(np.count_nonzero(other))
            self.first = self.first or _pixel(*parts, other, place)
            distances, self.ulp_type = _distances(*parts)
            matched = distances != NO_DISTANCE
            self.unmatched += int(matched.size - np.count_nonzero(matched))
            if matched.any():
                largest = int(distances.max(where=matched, initial=0))
                if self.largest_ulp is None or largest > self.largest_ulp:
                    self.largest_ulp = largest
                    chosen = matched & (distances == np.uint64(largest))
                    self.largest = _pixel(*parts, chosen, place) if largest else None
            more = np.array([count for _, _, count in ulp_histogram(distances[matched])])
            counts, more = sorted((counts, more), key=len)
            more[:len(counts)] += counts
            counts = more
        self.histogram = histogram_of(counts)


def _image(name, image):
    image = np.asarray(image)
    if image.dtype == bool:
        image = image.view(np.uint8)
    if image.ndim != 2 or image.size == 0 or image.dtype.kind not in "iuf" or image.dtype.itemsize > 8:
        raise ValueError(f"{name}: shape {image.shape}, {image.dtype}; an image has two dimensions, neither "
                         "of them empty, and integers or floats of at most 64 bits")
    return image.astype(image.dtype.newbyteorder("="), copy=False)


def _pixel(a, b, chosen, offset):
    """The first chosen pixel, None if there is none."""
    place = int(chosen.argmax())
    slow, fast = divmod(place, a.shape[1])
    if not chosen[slow, fast]:
        return None
    return Pixel(fast + offset[0], slow + offset[1], a[slow, fast], b[slow, fast])


def _common_type(a, b):
    """A type that holds every value of both images."""
    if a.dtype == b.dtype:
        return a.dtype
    common = np.promote_types(a.dtype, b.dtype)
    for image in (a, b):
        # only integers of 64 bits can suffer
        if (image.dtype.kind in "iu" and image.dtype.itemsize == 8 and common.kind == "f"
                and max(abs(int(image.min())), int(image.max())) > 2 ** 53):
            raise ValueError(f"images: {a.dtype} and {b.dtype} with integers beyond 2**53 cannot be "
                             "compared, for no common type holds all values")
    return common


# -- units in the last place


def _distances(a, b):
    """Distances of `ulp_distances`, for any two types, and the name of the type they are counted in."""
    if a.dtype.kind != "f" and b.dtype.kind != "f":
        common = _common_type(a, b)
        return ulp_distances(a.astype(common, copy=False), b.astype(common, copy=False)), "integer"
    floats = [image.dtype for image in (a, b) if image.dtype.kind == "f"]
    coarser = min(floats, key=lambda kind: kind.itemsize)
    if len(floats) == 1:
        # counts of a detector overflow 16-bit floats
        coarser = max(coarser, np.dtype(np.float32), key=lambda kind: kind.itemsize)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        return ulp_distances(a.astype(coarser, copy=False), b.astype(coarser, copy=False)), coarser.name


# -- statistics


def _statistics(a, b):
    """The numbers of `Comparison` that are about values, in doubles."""
    finite = np.isfinite(a)
    finite &= np.isfinite(b)
    x, y = (_doubles(image, finite) for image in (a, b))
    del finite
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        sums = float(np.sum(x)), float(np.sum(y))
        ratio = sums[1] / sums[0] if sums[0] and math.isfinite(sums[0]) and math.isfinite(sums[1]) else None
        largest, rmse = _deviation(x, y)
        return {"finite": int(x.size), "correlation": _correlation(x, y), "rmse": rmse,
                "largest_difference": largest, "sums": sums, "sum_ratio": ratio}


def _doubles(image, chosen):
    """The chosen pixels as doubles, an array of its own."""
    return image.astype(np.float64).reshape(-1) if chosen.all() else image[chosen].astype(np.float64)


def _deviation(x, y):
    """Largest absolute difference, and the root of the mean squared one."""
    difference = y - x
    largest = _largest(difference) if x.size else None
    rmse = largest
    if largest and math.isfinite(largest):
        # squares of neither huge nor tiny differences leave the range of doubles
        difference /= largest
        np.square(difference, out=difference)
        rmse = largest * math.sqrt(float(np.mean(difference)))
    return largest, rmse


def _largest(values):
    """Largest absolute value; NaN where there is one."""
    return float(np.maximum(values.max(), -values.min())) + 0.0


def _correlation(x, y):
    """Pearson's correlation; in place, so that both arrays are used up."""
    if x.size == 0:
        return None
    if np.array_equal(x, y):
        return 1.0
    for values in (x, y):
        scale = _largest(values)
        if values.min() == values.max():
            return None
        # scaled twice: the values, so that their sum is finite, and the deviations, so that squares are
        values /= scale
        values -= np.mean(values)
        largest = _largest(values)
        if largest == 0.0:
            return None
        values /= largest
    correlation = float(np.sum(x * y)) / math.sqrt(_sum_of_squares(x) * _sum_of_squares(y))
    return max(-1.0, min(1.0, correlation))


def _sum_of_squares(values):
    np.square(values, out=values)
    return float(np.sum(values))
