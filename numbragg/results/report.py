"""What a run says, as text: the decisions taken, the numbers found."""

from ..scene.units import to_angstrom

__all__ = ["listing", "report_lines"]


def _line(name, text):
    return f"  {name:<24}{text}"


def _floats(values, form="{:.6g}"):
    return "  ".join(form.format(v) for v in values)


def _of_plane(d):
    lines = [_line("pixels (fast x slow)",
                   f"{d['pixels_fast_slow'][0]} x {d['pixels_fast_slow'][1]} of {d['pixel_mm']:g} mm"),
             _line("distance", f"{d['distance_mm']:.6g} mm along the beam, {d['close_distance_mm']:.6g} mm closest"),
             _line("convention", f"{d['convention']}, pivot {d['pivot']}")]
    return lines + [_line("beam centre", f"{name:<30}{_floats(values)}") for name, values in d["beam_centre"].items()]


def _edges(size):
    """One edge of a pixel, or two."""
    return " x ".join(f"{edge:g}" for edge in size) if isinstance(size, list) else f"{size:g}"


def _of_panels(d):
    panels = d["panels"]
    sizes = sorted({(*panel["pixels_fast_slow"], _edges(panel["pixel_mm"])) for panel in panels})
    nearest, last = (end(panel["close_distance_mm"] for panel in panels) for end in (min, max))
    pixels = sum(panel["pixels_fast_slow"][0] * panel["pixels_fast_slow"][1] for panel in panels)
    return [_line("panels", f"{len(panels)}, {pixels} pixels in all"),
            *(_line("pixels (fast x slow)", f"{fast} x {slow} of {size} mm") for fast, slow, size in sizes),
            _line("distance", f"{nearest:.6g} to {last:.6g} mm closest"), _line("convention", d["convention"])]


def _image(i):
    lines = [_line("maximum", f"{i['maximum']:.9g} at pixel {i['maximum_at_fast_slow'][0]} "
                              f"{i['maximum_at_fast_slow'][1]} (fast slow)"),
             _line("mean, rms, rmsd", f"{_text(i['mean'])}, {_text(i['rms'])}, {_text(i['rms_deviation'])}"),
             _line("scales", f"integer {i['integer_scale']:g}, grey {i['grey_scale']:g}")]
    if i["photons"] is not None:
        lines.append(_line("noise", f"{_text(i['photons'])} photons, {i['overloads']} overloads"))
    return lines


def _image_of_panels(i):
    fast, slow = i["maximum_at_fast_slow"]
    where = "" if fast is None else f" on panel {i['maximum_on_panel']} at pixel {fast} {slow} (fast slow)"
    return [_line("maximum", f"{i['maximum']:.9g}{where}"), _line("mean", _text(i["mean"]))]


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
              "", "detector"]
    lines += _of_panels(d) if "panels" in d else _of_plane(d)
    lines += ["", "sampling",
              _line("sub-pixels per edge", f"{s['oversample']} (recommended {s['recommended_oversample']})"),
              _line("steps per pixel", f"{s['steps_per_pixel']}"),
              "", "image"]
    lines += _image_of_panels(i) if "panels" in i else _image(i)
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
