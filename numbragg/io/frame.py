"""A picture's frame drawn without Matplotlib: axes, a scale bar, a title.  Its text is in Matplotlib's own font.

To load Matplotlib and to draw with it takes longer than many an image, and Pillow, without which it does not come, can
draw rectangles and text as well.
"""

from __future__ import annotations

import math
import os
from typing import Any

import numpy as np

# start-up: Pillow is loaded with the first picture

__all__ = ["draw_framed", "font_file", "greys", "ticks"]

#: Height of letters [dots]: ten points, a whole number for older versions of Pillow.
_LETTERS = 14
#: Length of a tick, its distance from its number, and the width of the scale bar and its distance from the image.
_TICK, _GAP, _BAR, _BESIDE = 5, 4, 18, 20
#: Part of the scale bar that is the tip for all that is brighter.
_TIP = 0.05
#: Dots that a tick has for itself, along and across lines of text.
_ROOM_ACROSS, _ROOM_ALONG = 110, 60
_MOST_TICKS = 10
#: What the logarithmic scale adds to a value, as a part of its range.
_ADDED = 1e-3

_COLOURS = {"red": (255, 0, 0), "lightsteelblue": (176, 196, 222)}
_ORANGE, _BLACK, _WHITE = (255, 127, 14), (0, 0, 0), (255, 255, 255)


def font_file() -> str | None:
    """The file of Matplotlib's font, or None where that or Pillow is not found."""
    from importlib.util import find_spec

    try:
        found, pillow = find_spec("matplotlib"), find_spec("PIL")
    except (ImportError, ValueError):
        return None
    if found is None or pillow is None or not found.submodule_search_locations:
        return None
    name = os.path.join(next(iter(found.submodule_search_locations)), "mpl-data", "fonts", "ttf", "DejaVuSans.ttf")
    return name if os.path.exists(name) else None


def ticks(first: float, last: float, most: int) -> list[float]:
    """Round numbers between two others, both included, in at most so many steps of 1, 2 or 5 times a power of ten."""
    low, high = min(first, last), max(first, last)
    if not 0.0 < high - low < math.inf:
        return [low]
    power = 10.0 ** math.floor(math.log10((high - low) / max(most, 1)))
    step = next((factor * power for factor in (1, 2, 5, 10) if (high - low) / (factor * power) <= most), 20 * power)
    slack = 1e-9 * step
    begin, end = math.ceil((low - slack) / step), math.floor((high + slack) / step)
    return [float(f"{number * step:.12g}") for number in range(begin, end + 1)]


def _said(value: float) -> str:
    """A number in few letters."""
    digits, power, exponent = f"{value:.4g}".partition("e")
    return f"{digits}e{int(exponent)}" if power else digits


def _share(values: Any, look: Any) -> Any:
    """How black values are, from 0 to 1; NaN stays."""
    span = look.high - look.low
    if not span > 0.0:
        return np.zeros_like(values)
    with np.errstate(invalid="ignore"):
        part = np.clip((values - look.low) / span, 0.0, 1.0)
    if look.scale == "log":
        return np.log1p(part / _ADDED) / math.log1p(1.0 / _ADDED)
    return np.sqrt(part) if look.scale == "sqrt" else part


def greys(values: Any, look: Any) -> Any:
    """Grey of each value, 255 for white; what is no finite number has any."""
    with np.errstate(invalid="ignore"):
        return (255 - np.minimum(256.0 * _share(values, look), 255.0).astype(np.uint8)).astype(np.uint8)


def _coloured(values: Any, look: Any, bad: str) -> Any:
    """Pixels: grey alone, or three colours where there is need of them."""
    grey, finite = greys(values, look), np.isfinite(values)
    full = np.zeros_like(finite) if look.saturation is None else finite & (values >= look.saturation)
    if finite.all() and not full.any():
        return grey
    made = np.repeat(grey[:, :, None], 3, axis=2)
    made[~finite] = _COLOURS[bad]
    made[full] = _ORANGE
    return made


class _Page:
    """A white page, and what is drawn on it."""

    def __init__(self, width: int, height: int, mode: str, font: str) -> None:
        from PIL import Image, ImageDraw, ImageFont

        self._image = Image
        self.page = Image.new(mode, (width, height), _WHITE if mode == "RGB" else 255)
        self.pen = ImageDraw.Draw(self.page)
        self.font = ImageFont.truetype(font, _LETTERS)
        self.ink = _BLACK if mode == "RGB" else 0

    def put(self, pixels: Any, left: int, top: int) -> None:
        self.page.paste(self._image.fromarray(pixels), (left, top))

    def line(self, *ends: int) -> None:
        self.pen.line(ends, fill=self.ink)

    def box(self, left: int, top: int, right: int, bottom: int) -> None:
        """A line about pixels, which hides none of them."""
        self.pen.rectangle((left - 1, top - 1, right, bottom), outline=self.ink)

    def text(self, across: float, along: float, words: str, anchor: str) -> None:
        """Words at a place; `anchor` is Pillow's word for which part of them is there."""
        self.pen.text((across, along), words, fill=self.ink, font=self.font, anchor=anchor)

    def upwards(self, across: float, middle: float, words: str) -> None:
        """Words that are read from below, to the right of a place."""
        left, top, right, bottom = map(int, self.font.getbbox(words, anchor="ls"))
        mask = self._image.new("L", (right - left + 2, bottom - top + 2), 0)
        type(self.pen)(mask).text((1 - left, 1 - top), words, fill=255, font=self.font, anchor="ls")
        mask = mask.rotate(90, expand=True)
        # where numbers are long it touches them, and is seen
        across = min(round(across), self.page.width - mask.width)
        self.page.paste(self.ink, (across, round(middle - mask.height / 2)), mask)


def _numbers(page: _Page, frame: Any, place: tuple[int, int, int, int]) -> None:
    """Ticks with their numbers, and what these are."""
    left, top, width, height = place
    begin, end, bottom, first = frame.extent
    for value in ticks(begin, end, min(_MOST_TICKS, max(2, width // _ROOM_ACROSS))):
        dot = left + round((value - begin) / (end - begin) * width)
        page.line(dot, top + height, dot, top + height + _TICK)
        page.text(dot, top + height + _TICK + _GAP, _said(value), "mt")
    for value in ticks(bottom, first, min(_MOST_TICKS, max(2, height // _ROOM_ALONG))):
        dot = top + round((value - first) / (bottom - first) * height)
        page.line(left - 1 - _TICK, dot, left - 1, dot)
        page.text(left - 1 - _TICK - _GAP, dot, _said(value), "rm")
    page.text(left + width / 2, top + height + 36, frame.across, "ms")
    page.upwards(12, top + height / 2, frame.along)


def _bar(page: _Page, look: Any, scale: str, place: tuple[int, int, int]) -> None:
    """The bar with the values that greys stand for, its tip for all that is brighter."""
    left, top, height = place
    tip = round(_TIP * height)
    body = height - tip
    shades = 255 - np.minimum(np.arange(body) * 256 // body, 255)
    page.put(np.repeat(shades[::-1, None], _BAR, axis=1).astype(np.uint8), left, top + tip)
    page.box(left, top + tip, left + _BAR, top + height)
    page.pen.polygon([(left - 1, top + tip - 1), (left + _BAR // 2, top), (left + _BAR, top + tip - 1)], fill=page.ink)
    if look.scale == "log":
        span = look.high - look.low
        values = [look.low + math.expm1(part * math.log1p(1.0 / _ADDED)) * _ADDED * span
                  for part in (0.0, 0.25, 0.5, 0.75, 1.0)]
        # few digits are enough for numbers that are not round
        values = [float(f"{value:.2g}") for value in values]
    else:
        values = ticks(look.low, look.high, min(8, max(2, height // _ROOM_ALONG)))
    widest, last = 0.0, math.inf
    for value, said in zip(values, map(_said, values)):
        dot = top + height - round(float(_share(np.float64(value), look)) * body)
        page.line(left + _BAR + 1, dot, left + _BAR + _TICK, dot)
        if last - dot > _LETTERS:
            page.text(left + _BAR + _TICK + _GAP, dot, said, "lm")
            widest, last = max(widest, page.font.getlength(said)), dot
    page.upwards(left + _BAR + _TICK + 2 * _GAP + widest, top + height / 2, f"intensity, {scale} scale")


def draw_framed(file: Any, values: Any, look: Any, frame: Any, words: tuple[str, str], place: tuple[int, ...],
                font: str) -> None:
    """Write a picture with axes and a scale bar.

    Parameters
    ----------
    file : binary file object
    values : (slow, fast) float64 array
        NaN and infinities may be in it.
    look : png.Look
        Without spots.
    frame : png._Frame
    words : two str
        The title, and the name of the scale.
    place : seven int
        Dots of a pixel, margins left, right, bottom and top, the scale bar's least height.
    font : str
        File of a font.
    """
    dots, left, right, bottom, top, least = place
    pixels = _coloured(values, look, frame.bad)
    height, width = (dots * side for side in values.shape)
    tall = max(height, least)
    page = _Page(left + width + right, top + tall + bottom, "L" if pixels.ndim == 2 else "RGB", font)
    # lower edges are at one height, as they always were
    beneath = top + tall
    page.put(pixels.repeat(dots, axis=0).repeat(dots, axis=1), left, beneath - height)
    page.box(left, beneath - height, left + width, beneath)
    _numbers(page, frame, (left, beneath - height, width, height))
    page.text(left, beneath - height - 8, words[0], "ls")
    _bar(page, look, words[1], (left + width + _BESIDE, beneath - tall, tall))
    page.page.save(file, format="PNG")
