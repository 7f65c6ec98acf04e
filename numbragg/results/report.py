"""What a run says: the decisions taken, the numbers found, as text and as a dictionary."""

from .._version import __version__
from ..scene.notes import rendering_notes, scene_notes
from ..scene.units import to_angstrom, to_degrees, to_mm, to_um
from .truth import crystal_truth, source_truth

__all__ = ["account", "listing", "report_lines"]


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
    asked, place, counts, summary = prepared.request, prepared.placement, prepared.counts, products.summary
    crystal, beam, detector, sampling = asked.crystal, asked.beam, asked.detector, asked.sampling
    factors = prepared.structure_factors
    steps = prepared.steps * (outcome.pixels - outcome.masked)
    return {
        "program": "numbragg", "version": __version__, "revision": asked.revision,
        "arguments": arguments,
        "detector": {
            "pixels_fast_slow": [place.fpixels, place.spixels], "pixel_mm": to_mm(detector.pixel_size),
            "distance_mm": to_mm(place.distance), "close_distance_mm": to_mm(place.close_distance),
            "convention": place.convention, "pivot": place.pivot,
            "beam_centre": {name: list(values) for name, values in _beam_centres(prepared).items()},
            "fast_axis": list(place.fast), "slow_axis": list(place.slow), "normal": list(place.normal),
            "origin_mm": [to_mm(v) for v in place.origin], "layers": counts.layers,
            "sensor_thickness_um": to_um(counts.thickness), "window_fast_slow": list(prepared.window),
            "rotation_deg": [to_degrees(v) for v in (detector.rotation_x, detector.rotation_y, detector.rotation_z)],
            "twotheta_deg": to_degrees(detector.twotheta), "curved": detector.curved,
            "point_pixel": detector.point_pixel,
        },
        "beam": {
            "wavelength_angstrom": to_angstrom(beam.wavelength), "fluence_photons_per_m2": prepared.fluence,
            "sources": prepared.sources, "source_list": source_truth(prepared),
            "wavelengths": len(set(prepared.scene.beam.wavelengths.tolist())), "listed": beam.sources is not None,
            "spectrum": None if beam.spectrum is None else len(beam.spectrum),
            "polarisation_fraction": None if beam.unpolarised_factor else beam.polarisation_fraction,
            "dispersion": list(counts.dispersion), "divergence_h_rad": list(counts.divergence_h),
            "divergence_v_rad": list(counts.divergence_v), "d_min_angstrom": to_angstrom(beam.d_min),
        },
        "crystal": {
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
        },
        "structure_factors": {
            "source": factors.source, "reflections": factors.reflections, "default": factors.default,
            "cell_angstrom_deg": None if factors.cell is None else list(factors.cell),
            "space_group": factors.space_group,
            # what a library has computed may differ elsewhere
            "sha256": None if factors.about is None else factors.sha256,
            "summary": None if factors.about is None else factors.summary().splitlines(),
            "minimum_hkl": list(factors.minimum) if factors.filled else None,
            "maximum_hkl": list(factors.maximum) if factors.filled else None,
            "interpolated": prepared.interpolating, "interpolation_given_up_at_fast_slow": outcome.first_out_of_range,
        },
        "sampling": {
            "oversample": prepared.oversample, "recommended_oversample": prepared.recommended_oversample,
            "steps_per_pixel": prepared.steps,
            "per_step": [name for name, wanted in (
                ("capture", sampling.oversample_thick), ("polarisation", sampling.oversample_polar),
                ("solid_angle", sampling.oversample_omega)) if wanted],
        },
        "pixels": {
            "computed": outcome.pixels - outcome.masked, "masked": outcome.masked, "lane": outcome.lane_pixels,
            "strict": outcome.strict_pixels, "strict_reasons": dict(outcome.reasons),
        },
        "image": {
            "maximum": summary.maximum,
            "maximum_at_fast_slow": [int(summary.maximum_fast), int(summary.maximum_slow)],
            "sum": summary.total, "mean": summary.mean, "rms": summary.rms,
            "rms_deviation": summary.rms_deviation, "integer_scale": products.scale,
            "grey_scale": products.grey_scale, "photons": products.photons, "overloads": products.overloads,
        },
        "threads": outcome.threads,
        "backend": outcome.backend, "device": outcome.device,
        "seconds": dict(timings),
        "steps": steps,
        "steps_per_second": steps / timings["render"] if timings.get("render") else None,
        "warnings": [*scene_notes(((prepared,),)), *rendering_notes(outcome), *remarks],
    }


def _line(name, text):
    return f"  {name:<24}{text}"


def _floats(values, form="{:.6g}"):
    return "  ".join(form.format(v) for v in values)


def report_lines(facts, notices=()):
    """The account as text for people, one string per line."""
    d, b, c, f = facts["detector"], facts["beam"], facts["crystal"], facts["structure_factors"]
    s, i = facts["sampling"], facts["image"]
    lines = [f"numbragg {facts['version']}, after nanoBragg (revision {facts['revision']}) "
             "by James Holton and Ken Frankel",
             "", "crystal"]
    lines += [
        _line("cell", _floats(c["cell_angstrom_deg"]) + "   Angstrom, deg"),
        _line("volume", f"{c['volume_angstrom3']:.6g} Angstrom^3"),
        _line("cells along a, b, c", f"{c['n_cells'][0]} x {c['n_cells'][1]} x {c['n_cells'][2]} "
                                     f"({_floats(c['size_um'], '{:.4g}')} um), {c['shape']}"
                                     f"{'' if c['spot_metric'] == 'nanobragg' else ', measured in indices'}"),
        _line("misset", _floats(c["misset_deg"]) + "   deg about x, y, z"),
        _line("mosaic domains", f"{c['mosaic_domains']}, spread {c['mosaic_spread_deg']:g} deg"
                                f"{'' if c['mosaicity'] == 'cap' else ', ' + c['mosaicity']}"),
        _line("phi", f"{c['phi_start_deg']:g} deg, {c['phi_steps']} step(s) of {c['phi_step_deg']:g} deg"),
    ]
    if f["minimum_hkl"] is None:
        lines.append(_line("structure factors", f"{f['default']:g} everywhere"))
    else:
        low, high = f["minimum_hkl"], f["maximum_hkl"]
        count = "" if f["reflections"] is None else f"{f['reflections']} reflections, "
        lines.append(_line("structure factors", f"{f['source']}: {count}h {low[0]}..{high[0]}, k {low[1]}..{high[1]}, "
                                                f"l {low[2]}..{high[2]}, else {f['default']:g}"))
    how = "tricubic interpolation" if f["interpolated"] else "nearest"
    if f["interpolation_given_up_at_fast_slow"]:
        x, y = f["interpolation_given_up_at_fast_slow"]
        how += f" up to pixel {x} {y} (fast slow), the first one out of range; nearest from there on"
    lines.append(_line("look-up", how))
    lines += ["", "beam",
              _line("wavelength", f"{b['wavelength_angstrom']:.6g} Angstrom"),
              _line("sources", f"{b['sources']} ({_origin_of_sources(b)})"),
              _line("fluence", f"{b['fluence_photons_per_m2']:.6g} photons/m^2"),
              "", "detector",
              _line("pixels (fast x slow)",
                    f"{d['pixels_fast_slow'][0]} x {d['pixels_fast_slow'][1]} of {d['pixel_mm']:g} mm"),
              _line("distance", f"{d['distance_mm']:.6g} mm along the beam, {d['close_distance_mm']:.6g} mm closest"),
              _line("convention", f"{d['convention']}, pivot {d['pivot']}")]
    for name, values in d["beam_centre"].items():
        lines.append(_line("beam centre", f"{name:<30}{_floats(values)}"))
    lines += ["", "sampling",
              _line("sub-pixels per edge", f"{s['oversample']} (recommended {s['recommended_oversample']})"),
              _line("steps per pixel", f"{s['steps_per_pixel']}"),
              "", "image",
              _line("maximum", f"{i['maximum']:.9g} at pixel {i['maximum_at_fast_slow'][0]} "
                               f"{i['maximum_at_fast_slow'][1]} (fast slow)"),
              _line("mean, rms, rmsd", f"{_text(i['mean'])}, {_text(i['rms'])}, {_text(i['rms_deviation'])}"),
              _line("scales", f"integer {i['integer_scale']:g}, grey {i['grey_scale']:g}")]
    if i["photons"] is not None:
        lines.append(_line("noise", f"{_text(i['photons'])} photons, {i['overloads']} overloads"))
    rate = f", {facts['steps_per_second']:.3g} steps/s" if facts["steps_per_second"] else ""
    lines += ["", _line("time", "  ".join(f"{name} {value:.2f} s" for name, value in facts["seconds"].items())
                        + f"   ({facts['threads']} thread(s){rate})")]
    if facts["device"] is not None:
        lines.append(_line("computed on", f"{facts['backend']} device {facts['device']}"))
    for text in [*notices, *facts["warnings"]]:
        lines.append(f"  note: {text}")
    return lines


def _origin_of_sources(beam):
    if beam["listed"]:
        return f"a list, {beam['wavelengths']} wavelength(s)"
    if beam["spectrum"] is not None:
        return (f"a spectrum of {beam['spectrum']} wavelength(s), {beam['divergence_h_rad'][0]} x"
                f" {beam['divergence_v_rad'][0]} directions asked for")
    return (f"{beam['dispersion'][0]} wavelength(s), {beam['divergence_h_rad'][0]} x {beam['divergence_v_rad'][0]}"
            " directions asked for")


def _text(value):
    return f"{value:.6g}"


def listing(fast, slow, fields, row, value, scene):
    """The -printout block of one pixel: the last step's intermediates and the final factors."""
    r = dict(zip(fields, row))
    steps = scene.sampling.steps
    vectors = [[to_angstrom(r[f"{v}_{x}"]) for x in "xyz"] for v in "abc"]
    lines = [f"pixel {fast} {slow} (fast slow)",
             f"  position [m]   {r['x']:.10g} {r['y']:.10g} {r['z']:.10g}   stol [1/m] {r['stol']:.10g}",
             f"  hkl            {r['h']:.6f} {r['k']:.6f} {r['l']:.6f}   "
             f""
             f"nearest {int(r['h0'])} {int(r['k0'])} {int(r['l0'])}",
             f"  F_cell {r['f_cell']:.10g}   F_latt {r['f_latt']:.10g}   I {r['sum']:.10g}   "
             f"I/steps {r['sum'] / steps:.10g}",
             f"  polar {r['polarisation_factor']:.10g}   omega {r['solid_angle']:.10g}   "
             f"capture {r['capture_fraction']:.10g}   photons {value:.10g}"]
    for name, vector in zip("abc", vectors):
        lines.append(f"  {name} [Angstrom]   " + " ".join(f"{v:.8f}" for v in vector))
    return "\n".join(lines)
