"""Panels made of what files say: CrystFEL geometries, DIALS models, headers of images.  All are in one frame.

That is CrystFEL's and McStas's: z along the beam, y up, x completes a right-handed system; millimetres.
"""

from __future__ import annotations

from dataclasses import replace
import math

import numpy as np

from .. import memory
from ..io.errors import format_error
from ..notes import Loud, Untaken, warn
from ..scene.units import from_mm, to_degrees, to_mm
from .checks import entries, finite
from .panel import Panel
from .panel_notes import geometry_notes

# start-up: each kind of file has its reader; conventions, and Numba with them, are loaded where panels are turned

__all__ = ["checked_panel", "dials_to_panels", "in_frame", "masked", "panels_of_expt", "panels_of_geom"]


def checked_panel(path, line=None, **fields):
    """A `Panel`; what it refuses is an error of the file."""
    try:
        return Panel(**fields)
    except ValueError as error:
        raise format_error(path, str(error), line) from None


def masked(shape, rectangles):
    """A mask of a panel that leaves out rectangles, each first fast, end fast, first slow, end slow; or None.

    Parameters
    ----------
    shape : (int, int)
        (slow, fast) pixels.
    rectangles : iterable of four int
        Ends do not belong to them; what lies outside of the panel does not matter.

    Returns
    -------
    (slow, fast) bool array or None
        None where nothing is left out.
    """
    mask = None
    for first_fast, end_fast, first_slow, end_slow in rectangles:
        first_fast, first_slow = max(first_fast, 0), max(first_slow, 0)
        if first_fast < min(end_fast, shape[1]) and first_slow < min(end_slow, shape[0]):
            mask = _all_good(shape) if mask is None else mask
            mask[first_slow:end_slow, first_fast:end_fast] = False
    return mask


def _all_good(shape):
    what = f"detector: the mask of a panel of {shape[1]} x {shape[0]} pixels"
    memory.require(shape[0] * shape[1], f"{what} would")
    try:
        return np.ones(shape, dtype=bool)
    except MemoryError:
        raise ValueError(f"{what} needs {shape[0] * shape[1] / 1e9:.4g} GB, which are not available") from None


# -- CrystFEL


def panels_of_geom(path, distance_mm, shift_mm, sensor):
    """Panels of a CrystFEL geometry file, and notes on what was not used of it.

    Parameters
    ----------
    path : str or path-like
    distance_mm : float or None
        Camera length, in the place of the file's `clen`.
    shift_mm : (float, float) or None
        In the place of the file's `detector_shift_x` and `_y`.
    sensor : dict
        Fields of all panels.

    Returns
    -------
    panels : tuple of Panel
    notes : tuple of str
    """
    from ..io.geom import read_geom

    geometry = read_geom(path)
    distance = None if distance_mm is None else from_mm(finite("distance_mm", distance_mm, "mm"))
    shift = _shift(path, geometry.shift, shift_mm)
    notes = list(geometry.notes)
    if distance is not None and any(length is not None and length.metres is not None
                                    for length in (geometry.clen, *(panel.clen for panel in geometry.panels))):
        notes.append(Untaken(f"geometry: distance_mm, {distance_mm:g}, replaces the file's clen"))
    notes += geometry_notes(geometry, distance)
    if distance is not None and any(panel.coffset for panel in geometry.panels):
        notes.append("geometry: coffset is added to distance_mm, as CrystFEL adds it to clen")
    if any(region.in_data and region.panel is None for region in geometry.regions) and len(geometry.panels) > 1:
        notes.append("geometry: bad regions of no panel count for the pixels of all panels that lie there in the data")
    masks = {}
    if any(panel.masks for panel in geometry.panels):
        from ..io.geom_masks import read_geom_masks

        masks, more = read_geom_masks(path, geometry.panels)
        notes += more
    panels = tuple(_geom_panel(path, geometry, panel, (distance, shift, sensor), masks) for panel in geometry.panels)
    if all(panel.mask is not None and not panel.mask.any() for panel in panels):
        notes.append(Loud("geometry: no pixel of any panel is good"))
    warn(notes)
    return panels, tuple(notes)


def _shift(path, lengths, shift_mm):
    """Shift of all panels along x and y [m]."""
    if shift_mm is not None:
        return tuple(from_mm(finite("shift_mm", v, "mm")) for v in entries("shift_mm", shift_mm, 2, "two numbers"))
    for axis, length in zip("xy", lengths):
        if length is not None and length.metres is None:
            raise format_error(path, f"detector_shift_{axis} stands in an image ({length.place!r}); give shift_mm",
                               length.line)
    return tuple(0.0 if length is None else length.metres for length in lengths)


def _camera_length(path, geometry, panel, distance):
    """Camera length of a panel [m], without its own offset."""
    if distance is not None:
        return distance
    length = panel.clen or geometry.clen
    if length is None:
        raise format_error(path, "has no clen (the camera length); give distance_mm")
    if length.metres is None:
        raise format_error(path, f"clen stands in an image ({length.place!r}); give distance_mm", length.line)
    return length.metres


def _geom_panel(path, geometry, panel, given, masks):
    distance, shift, sensor = given
    pitch = 1.0 / panel.res
    z = _camera_length(path, geometry, panel, distance) + panel.coffset
    corner = [c + s / pitch for c, s in zip(panel.corner, shift)]
    min_fs, max_fs, min_ss, max_ss = panel.edges
    pixels = (max_fs - min_fs + 1, max_ss - min_ss + 1)
    pitch_mm = to_mm(pitch)
    made = checked_panel(
        path, panel.line, name=_printable(panel.name), pixels=pixels,
        origin_mm=(corner[0] * pitch_mm, corner[1] * pitch_mm, to_mm(z)),
        fast_mm=[v * pitch_mm for v in panel.fast], slow_mm=[v * pitch_mm for v in panel.slow], **sensor)
    mask = _geom_mask(geometry, panel, corner, made.shape)
    if panel.name in masks:
        mask = masks[panel.name] if mask is None else mask & masks[panel.name]
    return made if mask is None else replace(made, mask=mask)


def _printable(name):
    return name.encode("ascii", "backslashreplace").decode("ascii")


def _geom_mask(geometry, panel, corner, shape):
    min_fs, _, min_ss, _ = panel.edges
    slow, fast = shape
    edge = panel.mask_edge_pixels
    rectangles = [(0, fast, 0, slow)] if panel.no_index else []
    if edge:
        rectangles += [(0, edge, 0, slow), (fast - edge, fast, 0, slow), (0, fast, 0, edge),
                       (0, fast, slow - edge, slow)]
    for region in geometry.regions:
        if region.in_data and region.panel in (None, panel.name):
            first_fs, last_fs, first_ss, last_ss = region.edges
            rectangles.append((first_fs - min_fs, last_fs + 1 - min_fs, first_ss - min_ss, last_ss + 1 - min_ss))
    mask = masked(shape, rectangles)
    for region in geometry.regions:
        if not region.in_data:
            mask = _without_lab_region(mask, panel, corner, region.edges, shape)
    return mask


def _without_lab_region(mask, panel, corner, edges, shape):
    """A mask without the pixels whose first corner lies in a rectangle of the laboratory, as CrystFEL has it."""
    min_x, max_x, min_y, max_y = edges
    low, high = (np.array(pair) for pair in ((min_x, min_y), (max_x, max_y)))
    ends = np.array([[f * v + s * w for v, w in zip(panel.fast[:2], panel.slow[:2])]
                     for f in (0, shape[1]) for s in (0, shape[0])]) + corner
    if (ends.max(axis=0) <= low).any() or (ends.min(axis=0) >= high).any():
        return mask
    mask = _all_good(shape) if mask is None else mask
    f = np.arange(shape[1], dtype=float)
    for s in range(shape[0]):
        x = f * panel.fast[0] + s * panel.slow[0] + corner[0]
        y = f * panel.fast[1] + s * panel.slow[1] + corner[1]
        mask[s] &= ~((x > min_x) & (x < max_x) & (y > min_y) & (y < max_y))
    return mask


# -- DIALS


def panels_of_expt(path, index):
    """Panels of an experiment of DIALS, and notes on what was not used of it; `index` as for `io.expt.read_expt`."""
    from ..io.expt import read_expt

    model = read_expt(path, index)
    turn = dials_to_panels(model.travel or (0.0, 0.0, -1.0))
    notes = []
    if model.travel is None:
        notes.append("experiments: no beam; it is taken for one along -z, as DIALS has it by default")
    elif abs(model.travel[2] + 1.0) > 1e-12:
        tilt = to_degrees(math.atan2(math.hypot(*model.travel[:2]), -model.travel[2]))
        notes.append(f"experiments: the beam is {tilt:.4g} degrees off DIALS's -z; panels are turned with it, for "
                     "theirs is along z")
    if model.wavelength is not None:
        notes.append(Untaken(f"experiments: the wavelength, {model.wavelength:g} Angstrom, is the beam's and not taken "
                             "over"))
    if model.others:
        notes.append(f"experiments: ignored, for they place no pixels: {', '.join(model.others)}")
    notes.append(Untaken("experiments: trusted ranges, gains and the parallax correction are ignored"))
    panels = []
    for number, panel in enumerate(model.panels):
        sensor, note = _expt_sensor(panel)
        if note is not None:
            notes.append(note)
        fast_mm, slow_mm = ([v * size for v in turn(axis)] for axis, size in zip((panel.fast, panel.slow), panel.pixel))
        # DIALS's rectangles end before their last numbers
        mask = masked(panel.size[::-1], [(f, end_f, s, end_s) for f, s, end_f, end_s in panel.mask])
        panels.append(checked_panel(path, name=_printable(panel.name) or f"panel {number}",
                                    origin_mm=turn(panel.origin), fast_mm=fast_mm, slow_mm=slow_mm, pixels=panel.size,
                                    mask=mask, **sensor))
    notes = tuple(dict.fromkeys(notes))
    warn(notes)
    return tuple(panels), notes


def dials_to_panels(travel):
    """The rotation from DIALS's laboratory frame to that of panels, for photons that travel along a unit vector.

    That is half a turn about y, and then the least turn that brings the beam to z.
    """
    from ..scene.placement import least_turn

    turn = least_turn((-travel[0], travel[1], -travel[2]), (0.0, 0.0, 1.0))
    return lambda vector: turn((-vector[0], vector[1], -vector[2]))


def in_frame(panels, start, end, direction):
    """Panels in the frame of another convention, turned with the beam; `direction` is the beam's in "custom"."""
    from ..kernels.arithmetic.vectors import unit
    from ..scene.placement import CONVENTIONS, least_turn

    def beam_of(convention):
        return unit(tuple(map(float, CONVENTIONS[convention].beam if convention in CONVENTIONS else direction)))[0]

    turn = least_turn(beam_of(start), beam_of(end))
    return tuple(replace(panel, origin_mm=turn(panel.origin_mm), fast_mm=turn(panel.fast_mm),
                         slow_mm=turn(panel.slow_mm)) for panel in panels)


def _expt_sensor(panel):
    """Fields of the sensor of a panel of DIALS, and a note or None."""
    thickness = panel.thickness_um
    if thickness == 0.0:
        return {}, None
    if panel.depth_um is not None:
        return {"sensor_thickness_um": thickness, "attenuation_depth_um": panel.depth_um}, None
    if panel.material:
        return {"sensor_thickness_um": thickness, "sensor_material": _printable(panel.material)}, None
    return {}, Loud(f"experiments: a sensor of {thickness:g} um without mu or material is left out: every photon"
                    " counts")
