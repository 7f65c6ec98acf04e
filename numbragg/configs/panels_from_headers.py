"""Panels made of the headers of images, in the frame of `panels_from_files`: z along the beam, y up."""

from __future__ import annotations

from ..io.image_headers import kind_of_header, read_cbf_geometry, read_smv_geometry
from ..notes import Loud, LoudlyUntaken, Untaken, warn
from ..scene.materials import MATERIALS
from .panels_from_files import checked_panel

# start-up: the reader of NXmx is loaded with the first such file

__all__ = ["panels_of_header"]

#: No sensor is so thin [um]; `io.nxmx` writes half of it where every photon counts.
_NO_SENSOR_UM = 2e-3


def panels_of_header(path):
    """Panels of an image, and notes on what was taken for granted and what was not used."""
    kind = kind_of_header(path)
    panels, notes = _of_nxmx(path) if kind == "HDF5" else _flat(path, kind)
    warn(notes)
    return panels, notes


def _flat(path, kind):
    found = (read_smv_geometry if kind == "SMV" else read_cbf_geometry)(path)
    notes = [*found.notes, "header: one flat panel normal to the beam, fast to the right and slow down along the beam"]
    if found.tilts:
        notes.append(Loud(f"header: not used, the panel is taken for normal to the beam: {', '.join(found.tilts)}"))
    if kind == "CBF":
        notes.append(Untaken("header: values of pixels that mean gaps are not read; no pixel is left out"))
    sensor, more = _sensor(found.thickness_um, found.material)
    # someone who looks along z with y up has x to the left
    panel = checked_panel(path, origin_mm=(*found.centre, found.distance), fast_mm=(-found.pixel[0], 0.0, 0.0),
                          slow_mm=(0.0, -found.pixel[1], 0.0), pixels=found.pixels, **sensor)
    return (panel,), (*notes, *more)


def _of_nxmx(path):
    from ..io.nxmx_header import read_nxmx_geometry

    found = read_nxmx_geometry(path)
    sensor, notes = _sensor(found.thickness_um, found.material)
    panels = tuple(checked_panel(path, name=panel.name.encode("ascii", "backslashreplace").decode("ascii"),
                                 origin_mm=panel.origin, fast_mm=panel.fast, slow_mm=panel.slow, pixels=panel.pixels,
                                 mask=panel.mask, **sensor) for panel in found.panels)
    return panels, (*found.notes, *notes, Untaken("header: the beam, the goniometer and saturation are not used"))


def _sensor(thickness, material):
    """Fields of a sensor of a thickness [um], and notes."""
    # a thinner one stands for none, which some readers do not take
    if not thickness > _NO_SENSOR_UM:
        return {}, ()
    if material.lower() not in MATERIALS:
        named = f"of {material.encode('ascii', 'replace').decode('ascii')!r}" if material else "of no named material"
        return {}, (LoudlyUntaken(f"header: a sensor of {thickness:g} um {named} is left out: every photon counts"),)
    return {"sensor_thickness_um": thickness, "sensor_material": material}, ()
