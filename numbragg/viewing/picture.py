"""A look as a picture or in a window: one frame, panels where they are, rings and spots."""

from __future__ import annotations

import numpy as np

from ..io.png import Look, draw_marks, draw_rings, drawable, norm_of, write_assembled_png, write_png
from .contrast import contrast, counting
from .scene import on_frame

# start-up: what assembles panels, and Matplotlib, an extra, are loaded where something is drawn

__all__ = ["open_window", "write_picture"]

#: Matplotlib's backends that write files only; it chooses the first where there is no display.
_WITHOUT_WINDOW = ("agg", "cairo", "pdf", "pgf", "ps", "svg", "template")


def write_picture(file, seen, limits=None, scale="sqrt", rings=None):
    """Write the first frame as PNG; parameters as of `page.page`."""
    frame = seen.frames[0]
    images = _measured(seen, frame)
    title = seen.title if len(seen.frames) == 1 and frame.name == "frame 0" else f"{seen.title}, {frame.name}"
    look = Look(*contrast(seen, limits), scale, seen.saturation, tuple(_spots(seen, frame)))
    if seen.placed:
        write_assembled_png(file, _assembled(seen, images), title, _rings(seen, rings), look)
    else:
        write_png(file, images[0], title, look)


def _measured(seen, frame):
    """Images with NaN where nothing was measured."""
    return [np.where(counting(seen, panel, image), image, np.nan).astype(_kind(image), copy=False)
            for panel, image in zip(seen.panels, frame.images)]


def _kind(image):
    """The type of number of a picture: float32, but for values that it does not hold."""
    return np.float64 if image.dtype == np.float64 else np.float32


def _assembled(seen, images):
    from ..results.assembly import assemble_panels

    # no number is no largest: it would win over all others
    return assemble_panels([np.where(np.isnan(image), -np.inf, image) for image in images], seen.panels,
                           kind=images[0].dtype)


def _rings(seen, rings):
    if rings is False or seen.wavelength_angstrom is None:
        return None
    from ..results.rings import rings_of

    return rings_of(seen.panels, seen.wavelength_angstrom, rings)


def _spots(seen, frame):
    """Where spots of a frame are: to the right and above, or fast and slow."""
    from ..results.assembly import seen_at

    for spot in seen.spots:
        if on_frame(frame, spot):
            panel, fast, slow = spot[:3]
            yield seen_at(seen.panels[panel], fast, slow) if seen.placed else (fast, slow)


# -- window


def open_window(seen, limits=None, scale="sqrt", rings=None):
    """Show all frames in a window until it is closed: Matplotlib's own, with its zoom; left and right change frames.

    Raises
    ------
    ImportError
        Matplotlib is not installed.
    ValueError
        There is no display.
    """
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError("a window needs matplotlib: pip install matplotlib; --html FILE needs nothing") from error
    from matplotlib import get_backend

    if get_backend().lower() in _WITHOUT_WINDOW:
        raise ValueError("view: there is no display for a window; --html FILE writes a page, --png FILE a picture")
    figure = make_window(pyplot.figure(figsize=(9.0, 8.0)), seen, contrast(seen, limits), scale, rings)
    figure.canvas.manager.set_window_title(f"numbragg: {drawable(seen.title)}")
    pyplot.show()
    return figure


def make_window(figure, seen, limits, scale, rings):
    """Fill a figure: the picture, what a pixel holds under the pointer, keys for frames."""
    state = {"frame": 0}

    def draw():
        figure.clear()
        axes, frame = figure.add_subplot(), seen.frames[state["frame"]]
        images = _measured(seen, frame)
        look = Look(*limits, scale, seen.saturation, tuple(_spots(seen, frame)))
        if seen.placed:
            whole = _assembled(seen, images)
            rows, columns = whole.image.shape
            values, extent = whole.image, (whole.left_mm, whole.left_mm + columns * whole.pixel_mm,
                                           whole.top_mm - rows * whole.pixel_mm, whole.top_mm)
        else:
            values, extent = images[0], (0, images[0].shape[1], images[0].shape[0], 0)
        from matplotlib import colormaps

        shown = axes.imshow(np.ma.masked_invalid(values), cmap=colormaps["gray_r"].with_extremes(bad="lightsteelblue"),
                            norm=norm_of(look), extent=extent, interpolation="nearest")
        # the numbers of the pixel are enough: what is drawn there may be an average of pixels
        shown.format_cursor_data = lambda data: ""
        draw_marks(axes, values, look, extent)
        drawn = _rings(seen, rings) if seen.placed else None
        if drawn is not None:
            draw_rings(axes, drawn, extent)
        axes.set_aspect("equal")
        axes.set_xlabel("right of the beam [mm]" if seen.placed else "fast [pixel]")
        axes.set_ylabel("above the beam [mm]" if seen.placed else "slow [pixel]")
        axes.set_title(drawable(f"{seen.title}, {frame.name}" if len(seen.frames) > 1 else seen.title), loc="left",
                       parse_math=False)
        axes.format_coord = lambda x, y: pixel_text(seen, frame, x, y)
        figure.canvas.draw_idle()

    def key(event):
        step = {"left": -1, "right": 1}.get(event.key, 0)
        wanted = min(max(state["frame"] + step, 0), len(seen.frames) - 1)
        if wanted != state["frame"]:
            state["frame"] = wanted
            draw()

    draw()
    figure.canvas.mpl_connect("key_press_event", key)
    return figure


def pixel_text(seen, frame, x, y):
    """The numbers of the pixel at a place of the window."""
    for number, panel in enumerate(seen.panels):
        if seen.placed:
            a, b, c, d = -panel.fast_mm[0], panel.fast_mm[1], -panel.slow_mm[0], panel.slow_mm[1]
            right, up, size = x + panel.origin_mm[0], y - panel.origin_mm[1], a * d - b * c
            if size == 0.0:
                continue
            fast, slow = int((d * right - c * up) // size), int((a * up - b * right) // size)
        else:
            fast, slow = int(x // 1), int(y // 1)
        if 0 <= fast < panel.pixels[0] and 0 <= slow < panel.pixels[1]:
            where = f"   panel {number}" if len(seen.panels) > 1 else ""
            return f"fast {fast}   slow {slow}{where}   value {frame.images[number][slow, fast]}"
    return "no pixel here"
