"""What a response does on a given detector: what cannot be is refused, what hits no pixel is noted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..notes import Loud

__all__ = ["effects"]

#: Pixels that a note lists.
_LISTED = 3


def effects(response: Any, shapes: Sequence[tuple[int, int]], edges_mm: Sequence[tuple[float, float]]) -> list[str]:
    """Notes on the stages of a response that do other than they say on a detector.

    Parameters
    ----------
    response : Response
    shapes : sequence of (int, int)
        Slow and fast pixels of each panel.
    edges_mm : sequence of (float, float)
        Edges of its pixels, fast and slow [mm].

    Returns
    -------
    list of str

    Raises
    ------
    ValueError
        Naming the field, the value and the rule: a panel that there is not, or a point spread over too many pixels.

    Examples
    --------
    >>> import numbragg as nb
    >>> from numbragg.response.effects import effects
    >>> camera = nb.Response(defects=nb.response.Defects(dead_pixels=[(0, 70, 4)]))
    >>> effects(camera, [(48, 64)], [(0.1, 0.1)])
    ['defects.dead_pixels: (0, 70, 4) lies outside its panel of 64 x 48 pixels (fast x slow), and has no effect']
    """
    if response.point_spread is not None:
        for edges in edges_mm:
            response.point_spread.reach_pixels(edges)
    return [*_stop(response.beamstop, shapes), *_defects(response.defects, shapes), *_gaps(response.gaps, shapes)]


def _size(shape: tuple[int, int]) -> str:
    return f"{shape[1]} x {shape[0]} pixels"


def _check_panel(field: str, value: Any, panel: int, shapes: Sequence[Any]) -> None:
    if panel >= len(shapes):
        raise ValueError(f"{field}: {value} must have a panel from 0 to {len(shapes) - 1}, as the detector has "
                         f"{len(shapes)}")


def _stop(stop: Any, shapes: Sequence[tuple[int, int]]) -> Iterator[str]:
    if stop is None:
        return
    _check_panel("beamstop.panel", stop.panel, stop.panel, shapes)
    shape = shapes[stop.panel]
    # the pixel whose middle is nearest
    away = [middle - (min(max(int(min(max(middle, 0.0), size)), 0), size - 1) + 0.5)
            for middle, size in zip(stop.centre_pixels, shape[::-1])]
    if away[0] * away[0] + away[1] * away[1] > stop.radius_pixels * stop.radius_pixels:
        yield Loud(f"beamstop: a disc of radius {stop.radius_pixels:g} at {stop.centre_pixels[0]:g} "
                   f"{stop.centre_pixels[1]:g} covers no pixel of its panel of {_size(shape)} (fast x slow), and has "
                   "no effect")


def _defects(defects: Any, shapes: Sequence[tuple[int, int]]) -> Iterator[str]:
    if defects is None:
        return
    outside = []
    for pixel in defects.dead_pixels:
        panel, fast, slow = pixel
        _check_panel("defects.dead_pixels", pixel, panel, shapes)
        if fast >= shapes[panel][1] or slow >= shapes[panel][0]:
            outside.append(pixel)
    if len(outside) == 1:
        yield Loud(f"defects.dead_pixels: {outside[0]} lies outside its panel of {_size(shapes[outside[0][0]])} "
                   "(fast x slow), and has no effect")
    elif outside:
        listed = ", ".join(map(str, outside[:_LISTED]))
        more = f" and {len(outside) - _LISTED} more" if len(outside) > _LISTED else ""
        yield Loud(f"defects.dead_pixels: {listed}{more} lie outside their panels, the first of "
                   f"{_size(shapes[outside[0][0]])} (fast x slow), and have no effect")
    if defects.hot_adu is not None and not defects.hot_fraction:
        yield Loud(f"defects.hot_adu: {defects.hot_adu:g} has no effect without a hot_fraction: no pixel is hot")


def _gaps(gaps: Any, shapes: Sequence[tuple[int, int]]) -> Iterator[str]:
    if gaps is None or not any(gaps.gap_pixels):
        if gaps is not None:
            yield Loud("gaps: of 0 x 0 pixels have no effect")
        return
    odd = [number for number, shape in enumerate(shapes) if not all(
        _whole_modules(*sizes) for sizes in zip(shape[::-1], gaps.module_pixels, gaps.gap_pixels))]
    masked = sum(_masked(shapes[number], gaps) for number in odd)
    what = "modules of {} x {} with gaps of {} x {} pixels".format(*gaps.module_pixels, *gaps.gap_pixels)
    if masked:
        many = "the panel of" if len(shapes) == 1 else f"panel {odd[0]} of"
        yield Loud(f"gaps: {many} {_size(shapes[odd[0]])} (fast x slow) is not made of whole {what}, which are laid "
                   f"from its corner on: {masked} pixels{' of all panels' if len(odd) > 1 else ''} lie in gaps")
    elif not any(_masked(shape, gaps) for shape in shapes):
        # a part of a module has none, and panels of one module each
        yield f"gaps: no pixel lies between {what}: no panel is larger than a module"


def _whole_modules(size: int, module: int, gap: int) -> bool:
    """Whether a panel ends where a module does, or within the first one."""
    return size <= module or (size + gap) % (module + gap) == 0


def _masked(shape: tuple[int, int], gaps: Any) -> int:
    """Pixels of a panel that lie in gaps."""
    left = 1
    for size, module, gap in zip(shape[::-1], gaps.module_pixels, gaps.gap_pixels):
        whole, rest = divmod(size, module + gap)
        left *= whole * module + min(rest, module)
    return shape[0] * shape[1] - left
