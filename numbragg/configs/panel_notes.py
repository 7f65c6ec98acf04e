"""Panels of files whose numbers are probably meant in another unit: what is said of them, which changes nothing."""

from __future__ import annotations

from ..notes import Loud
from ..scene.units import to_mm

__all__ = ["geometry_notes"]

#: Camera lengths [m] and pixels per metre of which there are detectors, and some more.
_CAMERA, _RESOLUTION = (1e-3, 10.0), (100.0, 1e7)


def geometry_notes(geometry, distance):
    """Notes on the camera lengths and pixels of a CrystFEL geometry.

    Parameters
    ----------
    geometry : io.geom.Geometry
    distance : float or None
        Camera length in the place of the file's [m].

    Yields
    ------
    Loud
    """
    yield from _sizes(geometry.panels)
    lengths = [(panel, distance if distance is not None else _own(geometry, panel)) for panel in geometry.panels]
    odd = [(panel, length + panel.coffset) for panel, length in lengths
           if length is not None and not _CAMERA[0] <= length + panel.coffset <= _CAMERA[1]]
    if odd:
        panel, length = odd[0]
        name = "clen" if distance is None else "distance_mm"
        why = ("pixels lie on the side where the beam comes from" if length < 0.0 else
               f"{name} is in {'metres, where no mm stands behind it' if distance is None else 'millimetres'}")
        yield Loud(f"geometry: {name} and coffset put panel {_printable(panel.name)} {to_mm(length):g} mm from the"
                   f" sample; {why} ({len(odd)} of {len(lengths)} panels)")
    own = {_own(geometry, panel) for panel in geometry.panels} - {None}
    if distance is not None and len(own) > 1:
        yield Loud(f"geometry: distance_mm, {to_mm(distance):g}, replaces the clen of every panel, {to_mm(min(own)):g}"
                   f" to {to_mm(max(own)):g} mm: their offsets along the beam are lost, but for coffset")


def _own(geometry, panel):
    length = panel.clen or geometry.clen
    return None if length is None else length.metres


def _sizes(panels):
    odd = [panel for panel in panels if not _RESOLUTION[0] <= panel.res <= _RESOLUTION[1]]
    if odd:
        yield Loud(f"geometry: res of panel {_printable(odd[0].name)}, {odd[0].res:g} pixels per metre, makes pixels of"
                   f" {to_mm(1.0 / odd[0].res):g} mm; res is 1 / the size of a pixel [m] ({len(odd)} of {len(panels)}"
                   " panels)")


def _printable(name):
    return name.encode("ascii", "backslashreplace").decode("ascii")
