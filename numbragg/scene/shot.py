"""A shot: every crystal on every panel; what does not depend on both is derived once."""

from dataclasses import replace
import math
from typing import NamedTuple

from .. import memory
from ..kernels.arithmetic.vectors import dot
from ..kernels.physics.records import Window
from .kept import Kept
from .materials import attenuations
from .panels import distances, panel_geometry, window_geometry, with_material
from .prepare import prepare, uint8_mask
from .request import CrystalRequest, PanelRequest, Request, WindowRequest
from .units import from_degrees

__all__ = ["ANY_CRYSTAL", "in_regions", "prepare_shot", "scaled"]

#: Any crystal: what is prepared with it serves for the panel alone.
ANY_CRYSTAL = CrystalRequest(cell_given=True, cell_lengths=(50.0, 50.0, 50.0),
                             cell_angles=(from_degrees(90.0),) * 3)


def scaled(prepared, factor):
    """A prepared scene with all that it gives multiplied by a factor."""
    if factor == 1.0:
        return prepared
    sampling = prepared.scene.sampling
    return replace(prepared, scene=prepared.scene._replace(sampling=sampling._replace(scale=sampling.scale * factor)))


class _Plane(NamedTuple):
    """What panels of one size and one sensor share: what is prepared without knowing where they are."""

    pieces: list  # their numbers among all panels
    own: object  # `Prepared`, of any crystal


def _planes(pieces, factors, request):
    """The panels of a detector, those together that have one size and sensor."""
    found = {}
    for number, piece in enumerate(pieces):
        plane = piece.plane
        key = (plane.pixels_f, plane.pixels_s, plane.sensor_thickness, plane.attenuation, plane.point_pixel,
               plane.convention, plane.sensor_material, piece.layers)
        found.setdefault(key, []).append(number)
    made = []
    for numbers in found.values():
        # the same factors for all: what is asked of a panel's plane does not depend on them
        plane = replace(pieces[numbers[0]].plane, mask=None)
        if plane.sensor_material:
            mu, = attenuations(plane.sensor_material, [request.beam.wavelength]).tolist()
            plane = replace(plane, attenuation=mu)
        own = prepare(replace(request, crystal=ANY_CRYSTAL, detector=plane), factors)
        if plane.sensor_material:
            own = replace(own, scene=with_material(own.scene, plane.sensor_material))
        made.append(_Plane(numbers, own))
    return made


def _on_plane(prepared, own, layers):
    """A prepared scene with the size and sensor of a panel, still anywhere; `own` was prepared with that plane.

    Not the C program's rules for a sensor, by which layers overlap and the last one's captured fraction is that of
    all (docs/quirks): layers of a panel fill its sensor, and each has its own captured fraction and solid angle.
    Where the material absorbs the wavelengths differently, each source has a captured fraction of its own.
    """
    geometry = own.scene.geometry._replace(oversample=prepared.scene.geometry.oversample)
    scene, request = prepared.scene, prepared.request
    if geometry.thickness > 0.0:
        geometry = geometry._replace(layers=layers, layer_step=geometry.thickness / layers)
        by_source = own.scene.beam.attenuations
        each = {"oversample_thick": True, "oversample_omega": True} if layers > 1 else {}
        if len(by_source):
            each["oversample_thick"] = True
            scene = scene._replace(beam=scene.beam._replace(attenuations=by_source))
        if each:
            scene = scene._replace(sampling=scene.sampling._replace(running_product=False, **each))
            request = replace(request, sampling=replace(request.sampling, **each))
    counts = replace(prepared.counts, layers=geometry.layers, thickness=geometry.thickness,
                     layer_step=geometry.layer_step, attenuation=geometry.attenuation)
    request = replace(request, detector=own.request.detector)
    return replace(prepared, scene=scene._replace(geometry=geometry), request=request, counts=counts,
                   placement=replace(own.placement, spindle=prepared.placement.spindle), window=own.window)


def _on_panel(prepared, panel):
    """A prepared scene on a panel; it was prepared with the panel's plane."""
    geometry = panel_geometry(panel, prepared.scene.geometry, prepared.scene.beam)
    # the length that axes are in units of; a plane's pixel is as long as the longer side, for the steps it needs
    size = math.sqrt(dot(panel.fast, panel.fast))
    placement = replace(prepared.placement, fast=geometry.fast_axis, slow=geometry.slow_axis, normal=geometry.normal,
                        origin=panel.origin, distance=geometry.distance, close_distance=geometry.close_distance,
                        pixel_size=size, detsize_f=size * panel.plane.pixels_f, detsize_s=size * panel.plane.pixels_s)
    return replace(prepared, scene=prepared.scene._replace(geometry=geometry), placement=placement,
                   mask=uint8_mask(panel.plane.mask))


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


def _finest(panels, beam):
    """The plane of the panel that needs most sub-pixels, at its distance along the beam."""
    def fineness(panel):
        return panel.plane.pixel_size / abs(distances(panel, beam)[1])

    panel = max(panels, key=fineness)
    distance = abs(distances(panel, beam)[1])
    # a beam along the panel meets it nowhere; far away is as good
    return replace(panel.plane, mask=None, distance=min(distance, 1e6) if math.isfinite(distance) else 1e6)


def _pixels(piece):
    """Number of pixels of a panel or a window."""
    return piece.fast * piece.slow if isinstance(piece, WindowRequest) else piece.plane.pixels_f * piece.plane.pixels_s


def in_regions(shot, regions):
    """A shot of several panels, of which only a region each is computed.

    Parameters
    ----------
    shot : sequence of tuple of Prepared
        For each panel its crystals.
    regions : sequence of four int
        As `pixels.regions` makes them.

    Returns
    -------
    tuple of tuple of Prepared
    """
    return tuple(tuple(replace(prepared, window=Window(*numbers)) for prepared in panel)
                 for panel, numbers in zip(shot, regions))


def prepare_shot(crystals, pieces, request, kept=None):
    """Prepare every crystal on every panel.

    The number of sub-pixels, where it is automatic, is for each crystal that of the panel which needs most.

    Parameters
    ----------
    crystals : sequence of (request.CrystalRequest, StructureFactors, float)
        Each with its scale.
    pieces : sequence of PanelRequest, of WindowRequest of one plane, or one DetectorRequest
    request : request.Request
        All else.
    kept : kept.Kept, optional
        What earlier shots of the same pieces have left, and this one leaves to others.

    Returns
    -------
    tuple of tuple of Prepared
        For each panel, in their order, the crystals in theirs.

    Raises
    ------
    ValueError
        As `prepare.prepare`.
    """
    first, kept = pieces[0], Kept() if kept is None else kept
    if len(pieces) > 1:
        pixels = sum(_pixels(piece) for piece in pieces)
        memory.require(4 * pixels, f"detector: the images of {len(pieces)} panels, {pixels} pixels in all,")
    groups = []
    if isinstance(first, PanelRequest):
        groups = _planes(pieces, crystals[0][1], request)
        beam = groups[0].own.placement.beam
        plane = kept.get("finest plane", (pieces,), beam, lambda: _finest(pieces, beam))
    else:
        plane = first.plane if isinstance(first, WindowRequest) else first
    # hot path: `replace` would look at every field of a request
    whole = [scaled(prepare(Request(crystal=part, beam=request.beam, detector=plane, sampling=request.sampling,
                                    revision=request.revision), factors, kept), factor)
             for part, factors, factor in crystals]
    if groups:
        shot = [()] * len(pieces)
        for numbers, own in groups:
            there = [_on_plane(prepared, own, pieces[numbers[0]].layers) for prepared in whole]
            for number in numbers:
                shot[number] = tuple(_on_panel(prepared, pieces[number]) for prepared in there)
        return tuple(shot)
    if isinstance(first, WindowRequest):
        return tuple(tuple(_in_window(prepared, window) for prepared in whole) for window in pieces)
    return (tuple(whole),)
