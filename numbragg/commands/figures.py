"""What the pictures of several subcommands share: a figure without a display, images reduced to fit it."""

import numpy as np

from ..io.silence import silenced

# start-up: what a run needs is imported when it runs, so that --help and refused words load neither NumPy nor Numba

__all__ = ["figure", "black_level", "reduced", "show_image", "short"]

#: Pixels of an image along its longer side in a picture.
_LARGEST_SIDE = 700


def figure(width, height):
    """A figure of so many inches that belongs to no window."""
    # never pyplot: it would look for a display
    try:
        # it may complain of its folders
        with silenced():
            from matplotlib.backends.backend_agg import FigureCanvasAgg
            from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("writing PNG pictures needs matplotlib: pip install matplotlib") from error
    made = Figure(figsize=(width, height), dpi=100, layout="constrained")
    FigureCanvasAgg(made)
    return made


def reduced(values, signed=False):
    """An image small enough to be shown: over squares of pixels the largest value, or the farthest from zero.

    So no single pixel is lost.  A square with a NaN in it is NaN.
    """
    factor = -(-max(values.shape) // _LARGEST_SIDE)
    if factor == 1:
        return values
    slow, fast = (-(-side // factor) for side in values.shape)
    padded = np.full((slow * factor, fast * factor), 0.0 if signed else -np.inf)
    padded[:values.shape[0], :values.shape[1]] = values
    squares = padded.reshape(slow, factor, fast, factor)
    highest = squares.max(axis=(1, 3))
    if not signed:
        return highest
    lowest = squares.min(axis=(1, 3))
    return np.where(-lowest > highest, lowest, highest)


def black_level(images):
    """Intensity shown black: high among the positive ones of all images, 1 if there are none."""
    levels = []
    for image in images:
        bright = image[np.isfinite(image) & (image > 0)]
        if bright.size:
            levels.append(float(np.percentile(bright.astype(np.float64), 99.9)))
    return max(levels, default=1.0)


def show_image(made, axes, values, offset, title, *, black=None, limits=None, largest=None):
    """Draw an image with its colour bar.

    In grey with a square-root scale up to `black`, or with a linear one between two `limits`; or in two
    colours up to a `largest` value of either sign.
    """
    from matplotlib import colormaps
    from matplotlib.colors import Normalize, PowerNorm

    signed = largest is not None
    if signed:
        colours, norm = colormaps["RdBu_r"].with_extremes(bad="black"), Normalize(-largest, largest)
    else:
        colours = colormaps["gray_r"].with_extremes(bad="red")
        norm = PowerNorm(0.5, 0.0, black) if limits is None else Normalize(*limits)
    slow, fast = values.shape
    small = reduced(np.asarray(values, np.float64), signed)
    factor = -(-max(values.shape) // _LARGEST_SIDE)
    extent = (offset[0], offset[0] + small.shape[1] * factor, offset[1] + small.shape[0] * factor, offset[1])
    drawn = axes.imshow(np.ma.masked_invalid(small), cmap=colours, norm=norm, extent=extent,
                        interpolation="nearest",
                        aspect="equal" if max(slow, fast) < 8 * min(slow, fast) else "auto")
    axes.set_title(title, loc="left", fontsize="small", parse_math=False)
    axes.set_xlabel("fast axis [pixel]")
    axes.set_ylabel("slow axis [pixel]")
    made.colorbar(drawn, ax=axes, shrink=0.8)


def short(name, length=44):
    """The end of a file's name, in ASCII, so that every font can draw it."""
    name = ascii(name)[1:-1]
    return name if len(name) <= length else "..." + name[3 - length:]
