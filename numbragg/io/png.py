"""PNG pictures of an image, for looking at: grey scale, axes, a scale bar, rings of resolution.  Written only."""

import struct
from typing import NamedTuple
import zlib

import numpy as np

from .frame import draw_framed, font_file
from .silence import silenced

# start-up: Matplotlib takes long, and is an extra

__all__ = ["Look", "draw_marks", "draw_rings", "drawable", "indexed_png", "norm_of", "reduced_by",
           "write_assembled_png", "write_png"]

_DOTS_PER_INCH = 100
#: What rounding may not take away, in dots.
_HAIR = 1e-6
# pixels of the picture around the image: left, right, bottom, top
_MARGINS = 80, 130, 60, 50
# and the least height of the scale bar
_LEAST_BAR = 200
_LARGEST_SIDE = 2048
_SMALLEST_SIDE = 600
_SCALES = {"sqrt": "square-root", "linear": "linear", "log": "logarithmic"}
# the brightest part of a pixel in a thousand may be black
_BLACK_PERCENTILE = 99.9


class Look(NamedTuple):
    """How a picture shows values, where it is not as usual."""

    low: float
    high: float
    scale: str = "sqrt"  # or "linear", "log"
    saturation: float | None = None  # values from here on are orange
    spots: tuple = ()  # of (across, along), where circles are drawn


def write_png(file, image, title=None, look=None):
    """Write a picture of an image: dark spots on white, square root of the intensity.

    Every pixel of the image is a whole number of dots wide.  Images over 2048 pixels wide or high
    are reduced by the maximum over squares, so that no spot is lost.  Pixels that are not
    finite are red.

    Parameters
    ----------
    file : binary file object
        Where to write.
    image : (slow, fast) array
        The image; zeros, NaN and infinities may be in it.
    title : str, optional
        Text above the picture.
    look : Look, optional

    Raises
    ------
    ImportError
        Matplotlib is not installed.
    ValueError
        The image is not two-dimensional or is empty.
    """
    image = np.asarray(image)
    if image.ndim != 2 or image.size == 0:
        raise ValueError(f"image: shape {image.shape}; a picture needs two dimensions, neither of them empty")
    factor = -(-max(image.shape) // _LARGEST_SIDE)
    reduced = reduced_by(image, factor)
    # pixel i spans i to i + 1, row 0 is at the top
    rows, columns = reduced.shape
    frame = _Frame("fast axis [pixel]", "slow axis [pixel]", (0, columns * factor, rows * factor, 0))
    # letters that no font has, numbers that overflow: a picture is for looking at
    with silenced():
        _draw(file, reduced, look or Look(0.0, _black_level(image)), frame, title)


def write_assembled_png(file, assembled, title=None, rings=None, look=None):
    """Write a picture of the panels of a detector, in the same manner; blue where there is no pixel.

    Parameters
    ----------
    file : binary file object
        Where to write.
    assembled : results.assembly.Assembled
    title : str, optional
    rings : results.rings.Rings, optional
        Lines of equal resolution, and a cross where the beam goes.
    look : Look, optional

    Raises
    ------
    ImportError
        Matplotlib is not installed.
    """
    rows, columns = assembled.image.shape
    frame = _Frame("right of the beam [mm]", "above the beam [mm]", (
        assembled.left_mm, assembled.left_mm + columns * assembled.pixel_mm,
        assembled.top_mm - rows * assembled.pixel_mm, assembled.top_mm), "lightsteelblue")
    with silenced():
        _draw(file, assembled.image.astype(np.float64), look or Look(0.0, _black_level(assembled.image)), frame, title,
              rings)


class _Frame(NamedTuple):
    """What stands around a picture."""

    across: str
    along: str
    extent: tuple  # of its sides: left, right, bottom, top
    bad: str = "red"  # colour of what is no finite number


def _draw(file, reduced, look, frame, title, rings=None):
    dots = max(1, _SMALLEST_SIDE // max(reduced.shape))
    font = font_file() if rings is None and not look.spots else None
    if font is not None:
        draw_framed(file, reduced, look, frame, (drawable(title or ""), _SCALES[look.scale]),
                    (dots, *_MARGINS, _LEAST_BAR), font)
        return
    # never pyplot: it would look for a display
    try:
        from matplotlib import colormaps
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("writing PNG pictures needs matplotlib: pip install matplotlib") from error

    height, width = (side * dots for side in reduced.shape)
    left, right, bottom, top = _MARGINS
    total_width = left + width + right
    total_height = bottom + max(height, _LEAST_BAR) + top

    # older Matplotlib takes whole dots of the page downwards and those of an image upwards
    figure = Figure(figsize=((total_width + _HAIR) / _DOTS_PER_INCH, (total_height + _HAIR) / _DOTS_PER_INCH),
                    dpi=_DOTS_PER_INCH)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((left / total_width, bottom / total_height, (width - 2 * _HAIR) / total_width,
                            (height - 2 * _HAIR) / total_height))
    colours = colormaps["gray_r"].with_extremes(bad=frame.bad)
    shown = axes.imshow(np.ma.masked_invalid(reduced), cmap=colours, norm=norm_of(look), extent=frame.extent,
                        aspect="auto", interpolation="nearest")
    draw_marks(axes, reduced, look, frame.extent)
    if rings is not None:
        draw_rings(axes, rings, frame.extent)
    axes.set_xlabel(frame.across)
    axes.set_ylabel(frame.along)
    if title:
        axes.set_title(drawable(title), loc="left", fontsize="medium", parse_math=False)
    bar = figure.add_axes(((left + width + 20) / total_width, bottom / total_height, 18 / total_width,
                           max(height, _LEAST_BAR) / total_height))
    figure.colorbar(shown, cax=bar, extend="max", label=f"intensity, {_SCALES[look.scale]} scale")
    figure.savefig(file, format="png", dpi=_DOTS_PER_INCH)


def drawable(text):
    """Text with escapes for what is no character that can be drawn, such as bytes of a name that is not UTF-8."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def norm_of(look):
    """Matplotlib's scale of a look."""
    from matplotlib.colors import FuncNorm, PowerNorm

    if look.scale == "log":
        # values below have no logarithm: a thousandth of what is shown is added
        span = look.high - look.low
        return FuncNorm((lambda v: np.log1p(np.maximum(v - look.low, 0.0) * 1000.0 / span),
                         lambda v: np.expm1(v) * span / 1000.0 + look.low), look.low, look.high, clip=True)
    return PowerNorm(0.5 if look.scale == "sqrt" else 1.0, look.low, look.high, clip=True)


def draw_marks(axes, values, look, extent):
    """What is saturated, orange, and circles around spots."""
    if look.saturation is not None and (full := values >= look.saturation).any():
        from matplotlib.colors import ListedColormap

        axes.imshow(np.ma.masked_where(~full, full.astype(float)), cmap=ListedColormap(["tab:orange"]), extent=extent,
                    aspect="auto", interpolation="nearest")
    if look.spots:
        axes.plot(*zip(*look.spots), "o", color="tab:green", markersize=7, fillstyle="none", markeredgewidth=0.8)


def draw_rings(axes, rings, extent):
    """Lines of equal resolution on each panel, one label a ring, and a cross where the beam goes."""
    left, right, bottom, top = extent
    # whole labels fit
    inner, nearest = 0.03 * min(right - left, top - bottom), {}
    for across, up, squared in rings.panels:
        levels = [level for level in rings.levels if squared.min() < level < squared.max()]
        if not levels:
            continue
        lines = axes.contour(across, up, squared, levels=levels, colors="tab:blue", linewidths=0.8, alpha=0.8)
        for level, pieces in zip(levels, lines.allsegs):
            for x, y in (point for piece in pieces for point in piece[::8]):
                # labels stand to the upper right of the beam, or where a ring comes nearest to that
                if left + inner <= x <= right - inner and bottom + inner <= y <= top - inner:
                    nearest.setdefault(level, []).append((-(x + y) / max((x * x + y * y) ** 0.5, 1e-9), x, y))
    for level, places in nearest.items():
        _, x, y = min(places)
        axes.text(x, y, rings.labels[rings.levels.index(level)], color="tab:blue", fontsize="small", ha="center",
                  va="center", clip_on=True, bbox={"facecolor": "white", "alpha": 0.7, "linewidth": 0, "pad": 1})
    if left <= 0.0 <= right and bottom <= 0.0 <= top:
        axes.plot(0.0, 0.0, "+", color="tab:red", markersize=12, markeredgewidth=1.5)
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)


def indexed_png(levels, colours):
    """A PNG picture of numbers of colours, dot by dot, without a library.

    Parameters
    ----------
    levels : (rows, columns) uint8
    colours : sequence of (red, green, blue)
        Of each number, 0 to 255; 256 at most.

    Returns
    -------
    bytes

    References
    ----------
    Portable Network Graphics, second edition, W3C (2003): colour type 3, no filter, no interlace.
    """
    rows, columns = levels.shape
    # each row begins with the number of its filter
    lines = np.zeros((rows, columns + 1), np.uint8)
    lines[:, 1:] = levels
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", columns, rows, 8, 3, 0, 0, 0)), (b"PLTE", bytes(sum(colours, ()))),
              (b"IDAT", zlib.compress(lines.tobytes(), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(what)) + kind + what + struct.pack(">I", zlib.crc32(kind + what))
        for kind, what in chunks)


def reduced_by(image, factor):
    """Maxima of an image over squares of so many pixels a side, as doubles."""
    if factor == 1:
        return image.astype(np.float64)
    slow, fast = (-(-side // factor) for side in image.shape)
    reduced = np.empty((slow, fast))
    # row by row: the whole as doubles would take several times the memory of the image
    padded = np.empty((factor, fast * factor))
    for row in range(slow):
        part = image[row * factor:(row + 1) * factor]
        padded.fill(-np.inf)
        padded[:len(part), :image.shape[1]] = part
        # a NaN wins over every number
        reduced[row] = padded.reshape(factor, fast, factor).max(axis=(0, 2))
    return reduced


def _black_level(image):
    """Intensity shown black: high among the positive ones, 1 if there are none."""
    shown = np.isfinite(image)
    shown &= image > 0
    bright = image[shown]
    del shown
    if bright.size == 0:
        return 1.0
    # only two of them count, so that no other need be a double
    place = 0.01 * _BLACK_PERCENTILE * (bright.size - 1)
    below = int(place)
    above = min(below + 1, bright.size - 1)
    bright.partition((below, above))
    low, high = float(bright[below]), float(bright[above])
    return low + (high - low) * (place - below)
