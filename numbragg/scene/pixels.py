"""Pixels: how many a detector has, and which of them are asked for.  The one rule for counts and regions.

A region is four numbers, first and last pixel along the fast axis, first and last along the slow
axis, both ends included.  Nothing here needs NumPy, so that a command line is read without it.
"""

from collections.abc import Mapping, Set
import math
import operator

from ..io.literals import INT_MAX

__all__ = ["LARGEST_PIXEL", "NOTHING", "PIXEL_LIMIT", "WHOLE", "check_image", "check_pixels", "clipped", "cropped",
           "edge", "pixels_along", "region", "regions", "reversed_axes"]

#: Numbers of pixels from here on do not fit the integers of the C program.
PIXEL_LIMIT = INT_MAX + 1

#: What a pixel of 16 bits can hold.
LARGEST_PIXEL = 65535

#: The region that stands for the whole detector, whatever its size: each end is the detector's own.
WHOLE = (-1, -1, -1, -1)

#: The region without a pixel.
NOTHING = (0, -1, 0, -1)

_WORDS = "fast from, to, slow from, to"


# -- how many


def edge(pixel_size, pixels, size):
    """Length of one edge [m]: from the number of pixels where that is given (not 0), else as given."""
    return pixel_size * pixels if pixels else size


def pixels_along(size, pixel_size):
    """Pixels along an edge: an int; what the division gives where that is not finite."""
    pixels = size / pixel_size
    return math.ceil(pixels - 0.5) if math.isfinite(pixels) else pixels


def check_pixels(fast, slow):
    """ValueError unless there is a pixel each way, and there are fewer than `PIXEL_LIMIT` in all."""
    if not (fast >= 1 and slow >= 1 and fast * slow < PIXEL_LIMIT):
        raise ValueError(f"detector: {fast:.10g} x {slow:.10g} pixels; must be at least 1 each way and "
                         "less than 2^31 in all")


# -- which


def reversed_axes(numbers):
    """Axes along which a region ends before it starts, a list of (name, first, last).

    Negative ends stand for the detector's own.
    """
    fast_min, fast_max, slow_min, slow_max = numbers
    return [(name, first, last) for name, first, last in (("fast", fast_min, fast_max), ("slow", slow_min, slow_max))
            if 0 <= last < first]


def region(value, shape, field="roi"):
    """A region that lies in an image.

    Parameters
    ----------
    value : four int, or None
        The region; None: the whole image.
    shape : (slow, fast)
        Pixels of the image.
    field : str
        What it is called, for the message.

    Returns
    -------
    tuple of four int

    Raises
    ------
    ValueError
        Unless it is four whole numbers in the image, the smaller one of each pair first.

    Examples
    --------
    >>> from numbragg.scene.pixels import region
    >>> region([2, 5, 0, 3], (4, 8)), region(None, (4, 8))
    ((2, 5, 0, 3), (0, 7, 0, 3))
    """
    slow, fast = shape
    if value is None:
        return 0, fast - 1, 0, slow - 1
    try:
        numbers = tuple(map(_whole, value))
    except (TypeError, ValueError):
        numbers = ()
    if isinstance(value, (str, bytes)) or len(numbers) != 4:
        raise ValueError(f"{field}: {value!r} must be four whole numbers: {_WORDS} (ends included)")
    if reversed_axes(numbers) or min(numbers) < 0 or numbers[1] >= fast or numbers[3] >= slow:
        raise ValueError(f"{field}: {' '.join(map(str, numbers))} ({_WORDS}, ends included) must lie within "
                         f"0 to {fast - 1} and 0 to {slow - 1}, the smaller number first")
    return numbers


def regions(value, shapes, field="roi"):
    """A region for each of several panels.

    Parameters
    ----------
    value : sequence of (four int or None), or mapping of int to (four int or None)
        For each panel its region, or None: all of it; or those of some panels by their numbers, of the others nothing.
    shapes : sequence of (slow, fast)
        Pixels of the panels.
    field : str
        What it is called, for the message.

    Returns
    -------
    tuple of four int, of each panel
        `NOTHING` of one that is left out.

    Raises
    ------
    ValueError
        Naming the panel, if a number is no panel's or a region does not lie in it.
    """
    rule = (f"{field}: {value!r} must have a region, or None, for each of {len(shapes)} panels; or be a dictionary of "
            "panels' numbers and regions")
    if isinstance(value, Mapping):
        try:
            numbered = {_whole(number): one for number, one in value.items()}
        except TypeError:
            raise ValueError(rule) from None
        missing = [number for number in numbered if not 0 <= number < len(shapes)]
        if missing or not numbered:
            raise ValueError(f"{rule}, which are 0 to {len(shapes) - 1}")
        return tuple(region(numbered[n], shape, f"{field}[{n}]") if n in numbered else NOTHING
                     for n, shape in enumerate(shapes))
    try:
        each = () if isinstance(value, (str, bytes, Set)) else tuple(value)
    except TypeError:
        each = ()
    if len(each) != len(shapes):
        raise ValueError(rule)
    return tuple(region(one, shape, f"{field}[{n}]") for n, (one, shape) in enumerate(zip(each, shapes)))


def _whole(value):
    """An int of any library's whole number, floats that are whole included."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, bool):
        raise TypeError("a truth value")
    return operator.index(value)


def clipped(numbers, shape):
    """The pixels of a region that lie in an image: the C program's rule.

    A negative limit stands for the image's own.  There may be none: a last pixel before the first.
    """
    slow, fast = shape
    fast_min, fast_max, slow_min, slow_max = numbers
    fast_max = fast - 1 if fast_max < 0 else min(fast_max, fast - 1)
    slow_max = slow - 1 if slow_max < 0 else min(slow_max, slow - 1)
    return (max(fast_min, 0), fast_max, max(slow_min, 0), slow_max)


def check_image(image):
    """Refuse what is not one image, such as a stack of panels."""
    if len(image.shape) != 2:
        raise ValueError(f"image: shape {tuple(image.shape)} must be (slow, fast): one image, or one panel of several")


def cropped(image, numbers):
    """Part of an image, as a view; None: all of it.  ValueError as `check_image` and `region`."""
    check_image(image)
    fast_min, fast_max, slow_min, slow_max = region(numbers, image.shape)
    return image[slow_min:slow_max + 1, fast_min:fast_max + 1]
