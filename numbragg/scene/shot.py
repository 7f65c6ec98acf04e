"""A shot: every crystal on every panel; what does not depend on both is derived once."""

from dataclasses import replace
import math

from .. import memory
from ..kernels.physics.records import Window
from .panels import panel_geometry, window_geometry
from .prepare import prepare
from .request import CrystalRequest, PanelRequest, WindowRequest
from .units import from_degrees

__all__ = ["ANY_CRYSTAL", "prepare_shot", "scaled"]

#: Any crystal: what is prepared with it serves for the panel alone.
ANY_CRYSTAL = CrystalRequest(cell_given=True, cell_lengths=(50.0, 50.0, 50.0),
                             cell_angles=(from_degrees(90.0),) * 3)


def scaled(prepared, factor):
    """A prepared scene with all that it gives multiplied by a factor."""
    if factor == 1.0:
        return prepared
    sampling = prepared.scene.sampling
    return replace(prepared, scene=prepared.scene._replace(sampling=sampling._replace(scale=sampling.scale * factor)))


def _on_panel(prepared, panel, own):
    """A prepared scene on a panel; `own` is what was prepared with the panel's plane."""
    plane = own.scene.geometry._replace(oversample=prepared.scene.geometry.oversample)
    if plane.thickness > 0.0:
        # not the C program's rule, by which layers overlap (docs/quirks): a panel of its own has layers that fill it
        plane = plane._replace(layers=panel.layers, layer_step=plane.thickness / panel.layers)
    geometry = panel_geometry(panel, plane)
    placement = replace(own.placement, fast=geometry.fast_axis, slow=geometry.slow_axis, normal=geometry.normal,
                        origin=geometry.origin, distance=geometry.distance, close_distance=geometry.close_distance,
                        spindle=prepared.placement.spindle)
    counts = replace(prepared.counts, layers=geometry.layers, thickness=geometry.thickness,
                     layer_step=geometry.layer_step, attenuation=geometry.attenuation)
    return replace(prepared, scene=prepared.scene._replace(geometry=geometry), placement=placement, counts=counts,
                   mask=own.mask, window=own.window)


def _in_window(prepared, window):
    """A prepared scene of a plane, for a window of it only."""
    geometry = window_geometry(prepared.scene.geometry, window.first_fast, window.first_slow)
    mask = prepared.mask
    if mask is not None:
        mask = mask[window.first_slow:window.first_slow + window.slow,
                    window.first_fast:window.first_fast + window.fast].copy()
    return replace(prepared, scene=prepared.scene._replace(geometry=geometry), mask=mask,
                   placement=replace(prepared.placement, fpixels=window.fast, spixels=window.slow),
                   window=Window(0, window.fast - 1, 0, window.slow - 1))


def _finest(panels, owns):
    """The plane of the panel that needs most sub-pixels, at its distance along the beam."""
    fineness = []
    for panel, own in zip(panels, owns):
        distance = abs(panel_geometry(panel, own.scene.geometry).distance)
        fineness.append((panel.plane.pixel_size / distance, distance, panel.plane))
    _, distance, plane = max(fineness, key=lambda item: item[0])
    # a beam along the panel meets it nowhere; far away is as good
    return replace(plane, distance=min(distance, 1e6) if math.isfinite(distance) else 1e6)


def _pixels(piece):
    """Number of pixels of a panel or a window."""
    return piece.fast * piece.slow if isinstance(piece, WindowRequest) else piece.plane.pixels_f * piece.plane.pixels_s


def prepare_shot(crystals, pieces, request):
    """Prepare every crystal on every panel.

    The number of sub-pixels, where it is automatic, is for each crystal that of the panel which needs most.

    Parameters
    ----------
    crystals : sequence of (request.CrystalRequest, StructureFactors, float)
        Each with its scale.
    pieces : sequence of PanelRequest, of WindowRequest of one plane, or one DetectorRequest
    request : request.Request
        All else.

    Returns
    -------
    tuple of tuple of Prepared
        For each panel, in their order, the crystals in theirs.

    Raises
    ------
    ValueError
        As `prepare.prepare`.
    """
    first = pieces[0]
    if len(pieces) > 1:
        pixels = sum(_pixels(piece) for piece in pieces)
        memory.require(4 * pixels, f"detector: the images of {len(pieces)} panels, {pixels} pixels in all,")
    owns = []
    if isinstance(first, PanelRequest):
        # the same factors for all: what is asked of a panel's plane does not depend on them
        owns = [prepare(replace(request, crystal=ANY_CRYSTAL, detector=piece.plane), crystals[0][1])
                for piece in pieces]
        plane = _finest(pieces, owns)
    else:
        plane = first.plane if isinstance(first, WindowRequest) else first
    whole = [scaled(prepare(replace(request, crystal=part, detector=plane), factors), factor)
             for part, factors, factor in crystals]
    if owns:
        return tuple(tuple(_on_panel(prepared, panel, own) for prepared in whole) for panel, own in zip(pieces, owns))
    if isinstance(first, WindowRequest):
        return tuple(tuple(_in_window(prepared, window) for prepared in whole) for window in pieces)
    return (tuple(whole),)

