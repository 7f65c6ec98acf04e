"""Fields of configurations that another field, or the convention, leaves without effect: notes for a request."""

import math

import numpy as np

from ..notes import Loud
from ..scene.centres import CENTRES
from ..scene.notes_sources import other_wavelengths
from ..scene.request import DetectorRequest
from ..scene.units import from_angstrom
from .checks import Unset

__all__ = ["beam_notes", "detector_notes", "missets_note"]

#: An axis is of unit length if it differs by less: it was written with a few digits.
_UNIT = 1e-9
#: Fields of `Beam` that a list of sources replaces.
_SPREADS = ("divergence_h_mrad", "divergence_v_mrad", "divergence_h_step_mrad", "divergence_v_step_mrad",
            "divergence_h_steps", "divergence_v_steps", "dispersion_steps")
#: Fields of `Detector` with the centres that a convention may take.
_CENTRES = {"beam": "beam_centre_mm", "close": "close_point_mm", "ORG": "close_point_pixels"}


def _was_given(value):
    return type(value) is not Unset


def beam_notes(beam):
    """Notes on the fields of a `Beam`, as an iterator of `notes.Loud`."""
    if beam.flux_photons_per_s > 0.0:
        if _was_given(beam.fluence_photons_per_m2):
            yield Loud(f"fluence_photons_per_m2: {beam.fluence_photons_per_m2:g} has no effect: flux_photons_per_s,"
                       " exposure_s and size_mm give the fluence")
    elif _was_given(beam.exposure_s):
        yield Loud(f"exposure_s: {beam.exposure_s:g} has no effect without flux_photons_per_s")
    if beam.sources is None:
        return
    idle = [name for name in _SPREADS if getattr(beam, name) is not None]
    idle += [name for name in ("dispersion_percent",) if beam.dispersion_percent > 0.0]
    if idle:
        yield Loud(f"sources: they replace divergence and dispersion: no effect of {', '.join(idle)}")
    if _was_given(beam.wavelength_angstrom):
        other = other_wavelengths(from_angstrom(beam.wavelength_angstrom), beam.sources)
        if other:
            yield Loud(f"wavelength_angstrom: {beam.wavelength_angstrom:g} is not simulated: {other}")


def missets_note(path, missets):
    """A note on missetting angles [deg] that the file of a matrix names, as an iterator; none where all are 0."""
    if any(missets):
        yield Loud(f"{path}: the missetting angles of the file, {_listed(missets)} degrees, are not used, as in"
                   " nanoBragg")


def detector_notes(detector):
    """Notes on the fields of a `Detector` of one plane, as an iterator of `notes.Loud`."""
    d = detector
    if d.close_distance_mm is not None and _was_given(d.distance_mm) and d.distance_mm != d.close_distance_mm:
        yield Loud(f"distance_mm: {d.distance_mm:g} has no effect: close_distance_mm, {d.close_distance_mm:g}, wins"
                   " over it")
    if d.pivot == "sample" and d.convention in ("mosflm", "denzo", "adxv") and (any(d.rotation_deg) or d.twotheta_deg):
        yield Loud(f"pivot: {d.pivot!r} has no effect in the {d.convention} convention, whose detectors turn about the"
                   " beam spot")
    yield from _axes(d)
    used = CENTRES[d.convention]
    for kind, name in _CENTRES.items():
        value = getattr(d, name)
        if value is None or value == (None, None):
            continue
        better = [_CENTRES[other] for other in used[:used.index(kind)] if getattr(d, _CENTRES[other]) is not None
                  ] if kind in used else []
        if kind not in used:
            yield Loud(f"{name}: {_listed(value)} does not move the detector: the {d.convention} convention takes its"
                       f" centre from {_CENTRES[used[0]]}")
        elif better and all(v is None or b is not None for v, b in zip(value, getattr(d, better[0]))):
            yield Loud(f"{name}: {_listed(value)} has no effect: {better[0]} is given")


def _axes(d):
    """On axes of which not only the direction counts: the C program takes them as they are."""
    if d.twotheta_axis is not None and d.twotheta_deg and abs(math.hypot(*d.twotheta_axis) - 1.0) > _UNIT:
        yield Loud(f"twotheta_axis: {_listed(d.twotheta_axis)} is not of unit length, which distorts the detector")
    if d.normal is None or abs(math.hypot(*d.normal) - 1.0) <= _UNIT:
        return
    plain = DetectorRequest()
    product = np.cross(d.fast_axis or plain.fast_axis, d.slow_axis or plain.slow_axis)
    if math.hypot(*product) > 0.0 and math.dist(product / math.hypot(*product),
                                                np.divide(d.normal, math.hypot(*d.normal))) > _UNIT:
        yield Loud(f"normal: {_listed(d.normal)} is not of unit length, so fast x slow is the normal")


def _listed(values):
    return " ".join("None" if v is None else f"{v:g}" for v in values)
