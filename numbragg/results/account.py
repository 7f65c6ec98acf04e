"""What a run found: the decisions taken, the numbers, as a dictionary."""

from collections import Counter
import math

import numpy as np

from .._version import __version__
from ..kernels.arithmetic.vectors import dot
from ..scene.notes import rendering_notes, scene_notes
from ..scene.units import to_angstrom, to_degrees, to_mm, to_um
from .statistics import image_statistics
from .truth import crystal_truth, source_truth

__all__ = ["account", "account_of_panels"]

#: What is said of each panel.
_OF_PANEL = ("pixels_fast_slow", "pixel_mm", "fast_axis", "slow_axis", "normal", "origin_mm", "layers",
             "sensor_thickness_um")


def _beam_centres(prepared):
    place = prepared.placement
    half = 0.5 * place.pixel_size
    def in_mm(*lengths):
        return tuple(map(to_mm, lengths))

    return {
        "as given (Xbeam, Ybeam) [mm]": in_mm(place.beam_x, place.beam_y),
        "fast, slow [mm]": in_mm(place.fast_beam, place.slow_beam),
        "mosflm [mm]": in_mm(place.slow_beam - half, place.fast_beam - half),
        "denzo [mm]": in_mm(place.slow_beam, place.fast_beam),
        "adxv [mm]": in_mm(place.fast_beam, place.detsize_s - place.slow_beam),
        "xds ORGX, ORGY [pixels]": (place.origin_x, place.origin_y),
        "dials origin [mm]": place.dials_origin,
    }


def account(prepared, outcome, products, timings, arguments=None, remarks=()):
    """Everything worth knowing about a run, as a dictionary.

    Parameters
    ----------
    prepared : scene.Prepared
    outcome : kernels.drive.order.Outcome
    products : products.Products
    timings : dict
        Seconds by name.
    arguments : list of str, optional
    remarks : sequence of str
        On what was made of the image, to be added to those on the scene and on its rendering.

    Returns
    -------
    dict
    """
    return {
        **_program(prepared, arguments),
        "detector": _plane(prepared), "beam": _beam(prepared), "crystal": _crystal(prepared),
        "structure_factors": _factors(prepared, outcome.first_out_of_range), "sampling": _sampling(prepared),
        "pixels": _pixels(outcome), "image": _image(products),
        **_effort(prepared, (outcome,), timings),
        "warnings": [*scene_notes(((prepared,),)), *rendering_notes(outcome), *remarks],
    }


def _program(prepared, arguments):
    return {"program": "numbragg", "version": __version__, "revision": prepared.request.revision,
            "arguments": arguments}


def _plane(prepared):
    place, counts, detector = prepared.placement, prepared.counts, prepared.request.detector
    return {
        "pixels_fast_slow": [place.fpixels, place.spixels], "pixel_mm": to_mm(place.pixel_size),
        "distance_mm": to_mm(place.distance), "close_distance_mm": to_mm(place.close_distance),
        "convention": place.convention, "pivot": place.pivot,
        "beam_centre": {name: list(values) for name, values in _beam_centres(prepared).items()},
        "fast_axis": list(place.fast), "slow_axis": list(place.slow), "normal": list(place.normal),
        "origin_mm": [to_mm(v) for v in place.origin], "layers": counts.layers,
        "sensor_thickness_um": to_um(counts.thickness), "window_fast_slow": list(prepared.window),
        "rotation_deg": [to_degrees(v) for v in (detector.rotation_x, detector.rotation_y, detector.rotation_z)],
        "twotheta_deg": to_degrees(detector.twotheta), "curved": detector.curved,
        "point_pixel": detector.point_pixel,
    }


def _panel(prepared):
    """A panel: where its front is; kernels have a plane of their own in its sensor."""
    place = prepared.placement
    fast, slow = map(to_mm, place.pixel_edges)
    # two numbers where pixels are not square
    return {name: value for name, value in _plane(prepared).items() if name in _OF_PANEL} | {
        "pixel_mm": fast if math.isclose(fast, slow, rel_tol=1e-4) else [fast, slow],
        "close_distance_mm": to_mm(abs(dot(place.origin, place.normal)))}


def _beam(prepared):
    beam, counts = prepared.request.beam, prepared.counts
    return {
        "wavelength_angstrom": to_angstrom(beam.wavelength), "fluence_photons_per_m2": prepared.fluence,
        "sources": prepared.sources, "source_list": source_truth(prepared),
        "wavelengths": len(np.unique(prepared.scene.beam.wavelengths)), "listed": beam.sources is not None,
        "spectrum": None if beam.spectrum is None else len(beam.spectrum),
        "polarisation_fraction": None if beam.unpolarised_factor else beam.polarisation_fraction,
        "dispersion": list(counts.dispersion), "divergence_h_rad": list(counts.divergence_h),
        "divergence_v_rad": list(counts.divergence_v), "d_min_angstrom": to_angstrom(beam.d_min),
    }


def _crystal(prepared):
    crystal, counts = prepared.request.crystal, prepared.counts
    return {
        **crystal_truth(prepared), "volume_angstrom3": prepared.orientation.volume,
        "misset_deg": [to_degrees(v) for v in prepared.orientation.misset],
        "n_cells": [int(n) for n in prepared.n_cells], "size_um": [to_um(s) for s in prepared.crystal_size],
        "shape": crystal.shape, "spot_metric": crystal.spot_metric,
        "mosaicity": "rotations" if crystal.mosaic_rotations is not None else crystal.mosaicity,
        "mosaic_domains": counts.mosaic_domains,
        "mosaic_spread_deg": to_degrees(counts.mosaic_spread),
        "phi_start_deg": to_degrees(crystal.phi_start), "phi_steps": counts.phi_steps,
        "phi_step_deg": to_degrees(counts.phi_step),
        "oscillation_deg": to_degrees(counts.oscillation), "fudge": crystal.fudge,
        "water_size_um": to_um(crystal.water_size), "mosaic_seed": crystal.mosaic_seed,
        "random_misset_seed": crystal.misset_seed if crystal.misset == "random" else None,
    }


def _factors(prepared, first_out_of_range):
    factors = prepared.structure_factors
    return {
        "source": factors.source, "reflections": factors.reflections, "default": factors.default,
        "cell_angstrom_deg": None if factors.cell is None else list(factors.cell),
        "space_group": factors.space_group,
        # what a library has computed may differ elsewhere
        "sha256": None if factors.about is None else factors.sha256,
        "summary": None if factors.about is None else factors.summary().splitlines(),
        "minimum_hkl": list(factors.minimum) if factors.filled else None,
        "maximum_hkl": list(factors.maximum) if factors.filled else None,
        "interpolated": prepared.interpolating, "interpolation_given_up_at_fast_slow": first_out_of_range,
    }


def _sampling(prepared):
    sampling = prepared.request.sampling
    return {
        "oversample": prepared.oversample, "recommended_oversample": prepared.recommended_oversample,
        "steps_per_pixel": prepared.steps,
        "per_step": [name for name, wanted in (
            ("capture", sampling.oversample_thick), ("polarisation", sampling.oversample_polar),
            ("solid_angle", sampling.oversample_omega)) if wanted],
    }


def _pixels(outcome):
    return {"computed": outcome.pixels - outcome.masked, "masked": outcome.masked, "lane": outcome.lane_pixels,
            "strict": outcome.strict_pixels, "left_out_terms": outcome.left_out,
            "strict_reasons": dict(outcome.reasons)}


def _image(products):
    summary = products.summary
    return {
        "maximum": summary.maximum,
        "maximum_at_fast_slow": [int(summary.maximum_fast), int(summary.maximum_slow)],
        "sum": summary.total, "mean": summary.mean, "rms": summary.rms,
        "rms_deviation": summary.rms_deviation, "integer_scale": products.scale,
        "grey_scale": products.grey_scale, "photons": products.photons, "overloads": products.overloads,
    }


def _effort(prepared, outcomes, timings):
    steps = prepared.steps * sum(outcome.pixels - outcome.masked for outcome in outcomes)
    return {"threads": outcomes[0].threads, "backend": outcomes[0].backend, "device": outcomes[0].device,
            "seconds": dict(timings), "steps": steps,
            "steps_per_second": steps / timings["render"] if timings.get("render") else None}


def account_of_panels(shot, outcomes, images, timings, arguments=None):
    """The same of one crystal on the panels of a detector.

    Parameters
    ----------
    shot : sequence of (scene.Prepared,)
        For each panel.
    outcomes : sequence of kernels.drive.order.Outcome
    images : sequence of (slow, fast) array
    timings : dict
        Seconds by name.
    arguments : list of str, optional

    Returns
    -------
    dict
        `detector` and `image` have a list of `panels`; all numbers of pixels are those of all of them.
    """
    first = shot[0][0]
    panels = [_panel(panel[0]) for panel in shot]
    given_up = next((outcome.first_out_of_range for outcome in outcomes if outcome.first_out_of_range), None)
    counted = [_pixels(outcome) for outcome in outcomes]
    reasons = Counter()
    for each in counted:
        reasons.update(each["strict_reasons"])
    found = [image_statistics(image) for image in images]
    brightest = max(range(len(found)), key=lambda number: found[number].maximum)
    total = math.fsum(each.sum for each in found)
    return {
        **_program(first, arguments),
        "detector": {"convention": first.placement.convention, "panels": panels},
        "beam": _beam(first), "crystal": _crystal(first),
        "structure_factors": _factors(first, given_up), "sampling": _sampling(first),
        "pixels": {name: dict(reasons) if name == "strict_reasons" else sum(each[name] for each in counted)
                   for name in counted[0]},
        "image": {
            "maximum": found[brightest].maximum, "maximum_on_panel": brightest,
            "maximum_at_fast_slow": [found[brightest].maximum_fast, found[brightest].maximum_slow],
            "sum": total, "mean": total / sum(each.pixels for each in found),
            "panels": [{"maximum": each.maximum, "sum": each.sum, "mean": each.mean} for each in found],
        },
        **_effort(first, outcomes, timings),
        "warnings": list(dict.fromkeys([*scene_notes(shot),
                                        *(note for outcome in outcomes for note in rendering_notes(outcome))])),
    }
