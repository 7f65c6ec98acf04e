"""Oracle in plain Python: the whole simulation, one readable loop nest, one pixel after the other.

Written from the formulas alone and importing nothing of the program under test; slow on purpose.
`image(p, ...)` makes the picture for a record of settings p in SI units and radians (any object with
the attributes of the program's settings record).  Everything that depends on the order of pixels is
carried as one thread of the C program carries it: the crystal vectors of the last phi step (Q1), the
products of the running sum (Q2), the interpolation switch (Q3), the re-normalised axis (Q20).
The parts live in `naive_geometry` and `naive_crystal` and are re-exported here.
"""

from types import SimpleNamespace

from naive_crystal import (  # noqa: F401 (names for the tests)
    clipped_sample,
    crystal_size,
    extended,
    gauss_factor,
    interference,
    interpolable,
    interpolated_f,
    lattice_factor,
    matrix_vectors,
    nearest_f,
    orient,
    oversample_advice,
    polarisation_factor,
    polynomial,
    reciprocal_cell,
    round_factor,
    sphere,
    square_factor,
    squared_distance,
    tophat_factor,
)
from naive_geometry import (  # noqa: F401
    DBL_MIN,
    INVALID,
    RTD,
    beam_centre,
    capture_fraction,
    ceiling,
    cosine,
    cross,
    curved,
    detector,
    detector_size,
    dot,
    exponential,
    magnitude,
    nearest,
    normalised,
    position,
    quotient,
    rescale,
    root,
    rotate,
    rotate_axis,
    rotate_umat,
    scale,
    sine,
    solid_angle,
    sources,
    subpixel_centre,
    unitize,
    whole,
    wrapped,
)
import numpy as np

#: Square of the classical electron radius [m^2], and Avogadro's number, as nanoBragg has them.
R_E_SQR = 7.94079248018965e-30
AVOGADRO = 6.02214179e23
IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


# -- step counts (4.7): each returns (steps, range, step)


def phi_counts(steps, osc, step):
    """Phi steps, oscillation and step [rad] for what was given (negative: not given)."""
    if steps < 0:
        if osc < 0.0:
            return (1, 0.0, 0.0) if step <= 0.0 else (2, step, step)
        if step <= 0.0:
            return 2, osc, osc / 2.0
        return whole(ceiling(osc / step)), osc, step
    steps = steps or 1
    if osc < 0.0:
        if step > 0.0:
            return 2, step, step
        osc = 1.0 / RTD
        return steps, osc, osc / steps
    return (steps, osc, osc / steps) if step < 0.0 else (steps, osc, step)


def range_counts(steps, extent, step):
    """Steps, range and step of a divergence or the dispersion, the sanity rule not yet applied."""
    if steps <= 0:
        if extent < 0.0:
            return (1, 0.0, 0.0) if step <= 0.0 else (2, step, step)
        if step <= 0.0:
            return 2, extent, extent
        return whole(ceiling(extent / step)), extent, step
    if extent < 0.0:
        return (steps, 1.0, 1.0 / steps) if step <= 0.0 else (2, step, step)
    if step <= 0.0:
        steps = max(steps, 2)
        return steps, extent, extent / (steps - 1)
    return steps, extent, step


def sensor_counts(layers, thick):
    """Layers, thickness and layer spacing [m], the sanity rule not yet applied."""
    if layers <= 0:
        return (1, 0.0, 0.0) if thick < 0.0 else (2, thick, thick / 2)
    if thick < 0.0:
        thick = 0.5e-6
        return layers, thick, thick / layers
    layers = max(layers, 2)
    return layers, thick, thick / (layers - 1)


def sane(steps, extent, step):
    """One step of nothing unless count, range and step are all positive."""
    return (1, 0.0, 0.0) if extent <= 0.0 or step <= 0.0 or steps <= 0 else (steps, extent, step)


def attenuation(mu, thick):
    """mu [1/m]: 1/thick for a thick sensor whose mu was not given; thick as before the sanity rule."""
    return 1.0 / thick if thick > 0.0 and mu < 0.0 else mu


def mosaic_counts(domains, spread):
    """(domains, spread [rad])."""
    if domains <= 0:
        if spread < 0.0:
            return 1, 0.0
        return (1, spread) if spread == 0.0 else (10, spread)
    if spread < 0.0:
        return 1, 0.0
    return (1, spread) if spread == 0.0 else (domains, spread)


def step_counts(p):
    """Every count, range and step of p after all rules, as a dict."""
    thick = sensor_counts(p.sensor_layers, p.sensor_thickness)
    return {
        "phi": phi_counts(p.phi_steps, p.oscillation, p.phi_step),
        "hdiv": sane(*range_counts(p.divergence_h_steps, p.divergence_h, p.divergence_h_step)),
        "vdiv": sane(*range_counts(p.divergence_v_steps, p.divergence_v, p.divergence_v_step)),
        "dispersion": sane(*range_counts(p.dispersion_steps, p.dispersion, -1.0)),
        "sensor": sane(*thick),
        "attenuation": attenuation(p.attenuation, thick[1]),
        "mosaic": mosaic_counts(p.mosaic_domains, p.mosaic_spread),
    }


# -- beam


def fluence(p):
    """flux*exposure/beamsize/beamsize where a flux is given, else the fluence (4.2)."""
    if p.flux != 0.0 and p.exposure > 0.0 and p.beam_size >= 0.0:
        return quotient(quotient(p.flux * p.exposure, p.beam_size), p.beam_size)
    return p.fluence


def background(water, beam_fluence):
    """F*F*re^2*fluence*w*w*w*1e6*Avogadro/MW of a water drop, F = 2.57, MW = 18 (4.14)."""
    return 2.57 * 2.57 * R_E_SQR * beam_fluence * water * water * water * 1e6 * AVOGADRO / 18.0


# -- the loop nest (section 5)


def scene(p, table=None, hkl_min=None, hkl_max=None, default_f=0.0, umats=None, misset_angles=None):
    """Everything that is derived once: p's settings resolved, as a namespace for `pixel`."""
    counts = step_counts(p)
    domains, spread = counts["mosaic"]
    if umats is None:
        if domains > 1:
            raise ValueError("mosaic domains need their matrices")
        umats = [IDENTITY]
    if misset_angles is None and p.misset != "none":
        if p.misset == "random":
            raise ValueError("a random orientation needs its misset angles")
        misset_angles = p.misset_angles
    d = detector(p)
    cell = reciprocal_cell(p.cell_lengths, p.cell_angles) if p.cell_given else None
    crystal = orient(cell, p.matrix, p.wavelength, misset_angles, p.u_matrix)
    sample = clipped_sample(p.sample_size, p.beam_size)
    *n_cells, longest = crystal_size(p.n_cells, sample, crystal["a"], crystal["b"], crystal["c"])
    interpolate = p.interpolation
    if interpolate is None:
        interpolate = any(n <= 2 for n in p.n_cells)  # as asked for, not as sized
    oversample = p.oversample
    if oversample <= 0:
        oversample = oversample_advice(longest, p.wavelength, d["distance"], p.pixel_size)
    beams = sources(p.wavelength, d, counts["hdiv"], counts["vdiv"], counts["dispersion"],
                    p.round_divergence, p.sources)
    spectrum = getattr(p, "spectrum", None)
    weights = [1.0] * len(beams)
    attenuations = getattr(p, "attenuations", None)
    if spectrum is not None:
        # every direction has all wavelengths, one after the other
        weights = [weight for _ in beams for _, weight in spectrum.tolist()]
        if attenuations is not None:
            attenuations = [mu for _ in beams for mu in attenuations]
        beams = [(direction, wavelength) for direction, _ in beams for wavelength, _ in spectrum.tolist()]
    shape = p.shape
    if shape in ("gauss", "tophat") and getattr(p, "spot_metric", "nanobragg") == "hkl":
        shape += "_hkl"
    beam_fluence = fluence(p)
    pixels_f, pixels_s = detector_size(p)[:2]
    roi = [edge if edge >= 0 else default for edge, default in zip(p.roi, (0, pixels_f, 0, pixels_s))]
    return SimpleNamespace(
        p=p, counts=counts, d=d, crystal=crystal, n_cells=n_cells, oversample=oversample,
        subpixel=p.pixel_size / oversample, sources=beams, weights=weights,
        attenuations=attenuations or [None] * len(beams), shape=shape, fluence=beam_fluence,
        background=background(p.water_size, beam_fluence), pixels_f=pixels_f, pixels_s=pixels_s, roi=roi,
        spread=spread, umats=[[float(x) for x in np.ravel(u)] for u in umats][:domains],
        steps=wrapped(len(beams) * domains * counts["phi"][0] * oversample * oversample),
        table=table, hkl_min=hkl_min, hkl_max=hkl_max, default_f=default_f,
        interpolate=bool(interpolate) and table is not None,
        stars=(crystal["a_star"], crystal["b_star"], crystal["c_star"]))


def initial_state(s):
    """What one pixel leaves to the next: crystal vectors, polarisation axis, interpolation switch."""
    return SimpleNamespace(vectors=(s.crystal["a"], s.crystal["b"], s.crystal["c"]),
                           axis=s.d["polarisation"], interpolate=s.interpolate)


def structure_factor(s, state, indices, near):
    """F at one point, interpolated while the switch is on; out of range switches it off for good (Q3)."""
    if state.interpolate:
        if interpolable(*indices, s.hkl_min, s.hkl_max):
            return interpolated_f(*indices, s.table, s.hkl_min)
        state.interpolate = False
    return nearest_f(*near, s.table, s.hkl_min, s.hkl_max, s.default_f)


def flagged(p, value, capture, polar, omega):
    """value times those factors that the oversample flags ask for at every step."""
    if p.oversample_thick:
        value = value * capture
    if p.oversample_polar:
        value = value * polar
    if p.oversample_omega:
        value = value * omega
    return value


def pixel(s, state, slow, fast, credits=None):
    """The double that is rounded into one pixel (5.1 to 5.5); changes `state`.

    `credits` is a list that gets, of every step, h, k, l rounded, the sub-pixel (slow, fast) and the photons.
    """
    p, d, counts = s.p, s.d, s.counts
    a0, b0, c0 = s.crystal["a"], s.crystal["b"], s.crystal["c"]
    layers, thick, layer_step = counts["sensor"]
    phi_steps, _, phi_step = counts["phi"]
    mu = counts["attenuation"]
    total = s.background
    polar = 1.0 if p.unpolarised_factor else 0.0
    omega = 0.0
    for layer in range(layers):
        capture = 1.0 if thick == 0.0 else 0.0
        for sub_s in range(s.oversample):
            for sub_f in range(s.oversample):
                flat = position(subpixel_centre(fast, sub_f, s.oversample, s.subpixel),
                                subpixel_centre(slow, sub_s, s.oversample, s.subpixel),
                                layer * layer_step, d)
                diffracted, airpath = unitize(curved(flat, d) if p.curved else flat)
                if omega == 0.0 or p.oversample_omega:
                    omega = solid_angle(p.pixel_size, airpath, d["close_distance"], p.point_pixel)
                if capture == 0.0 or p.oversample_thick:
                    capture = capture_fraction(layer, layer_step, mu, dot(diffracted, d["o"]))
                for (direction, wavelength), weight, own in zip(s.sources, s.weights, s.attenuations):
                    incident = (-direction[0], -direction[1], -direction[2])
                    q = tuple(quotient(diffracted[j] - incident[j], wavelength) for j in range(3))
                    stol = 0.5 * magnitude(q)
                    if p.d_min > 0.0 and stol > 0.0 and p.d_min > 0.5 / stol:
                        continue
                    if own is not None:
                        # a sensor of a material: each wavelength has an attenuation of its own
                        capture = capture_fraction(layer, layer_step, own, dot(diffracted, d["o"]))
                    if polar == 0.0 or p.oversample_polar:
                        polar, incident, diffracted, state.axis = polarisation_factor(
                            p.polarisation_fraction, incident, diffracted, state.axis)
                    for n in range(phi_steps):
                        phi = p.phi_start + phi_step * n
                        if phi != 0.0:
                            state.vectors = tuple(rotate_axis(v, d["spindle"], phi) for v in (a0, b0, c0))
                        elif p.revision == "fixed":
                            state.vectors = (a0, b0, c0)
                        for umat in s.umats:
                            vectors = state.vectors
                            if s.spread > 0.0:
                                vectors = tuple(rotate_umat(v, umat) for v in vectors)
                            indices = tuple(dot(v, q) for v in vectors)
                            near = tuple(nearest(x) for x in indices)
                            factor = lattice_factor(s.shape, *indices, *near, s.n_cells, p.fudge, s.stars)
                            if factor == 0.0 and p.water_size == 0.0:
                                continue
                            f = structure_factor(s, state, indices, near)
                            term = f * f * factor * factor * weight
                            if credits is not None:
                                credits.append([near, sub_s, sub_f, flagged(p, term, capture, polar, omega)])
                            if p.revision == "fixed":
                                total = total + flagged(p, term, capture, polar, omega)
                            else:
                                total = flagged(p, total + term, capture, polar, omega)
    for credit in credits or ():
        credit[-1] = scaled(s, credit[-1], capture, polar, omega)
    return scaled(s, total, capture, polar, omega)


def scaled(s, total, capture, polar, omega):
    """Photons, from the sum of a pixel."""
    p, value = s.p, quotient(R_E_SQR * s.fluence * total, s.steps)
    if not p.oversample_thick:
        value = value * capture
    if not p.oversample_polar:
        value = value * polar
    if not p.oversample_omega:
        value = value * omega
    return value


def skipped(s, slow, fast):
    """Whether a pixel lies outside the region of interest (both ends inside) or under the mask."""
    low_f, high_f, low_s, high_s = s.roi
    if not (low_f <= fast <= high_f and low_s <= slow <= high_s):
        return True
    return s.p.mask is not None and not s.p.mask[slow][fast]


def image(p, table=None, hkl_min=None, hkl_max=None, default_f=0.0, umats=None, misset_angles=None,
          pixels=None):
    """The float32 image (slow, fast).

    `table` is padded by one plane per axis and starts at hkl_min, its last reflection is hkl_max;
    `umats` are the mosaic domains' matrices (the first is the identity), `misset_angles` [rad] those
    of a random orientation.  `pixels`, a list of (slow, fast), restricts the work; the others stay
    zero, and where the order of pixels matters the result is that of visiting these alone.
    """
    s = scene(p, table, hkl_min, hkl_max, default_f, umats, misset_angles)
    state = initial_state(s)
    result = np.zeros((s.pixels_s, s.pixels_f), np.float32)
    if pixels is None:
        pixels = ((slow, fast) for slow in range(s.pixels_s) for fast in range(s.pixels_f))
    with np.errstate(over="ignore", invalid="ignore"):
        for slow, fast in pixels:
            if not skipped(s, slow, fast):
                result[slow, fast] = np.float32(0.0 + pixel(s, state, slow, fast))
    return result
