"""A detector's response pixel by pixel in plain Python, after its description."""

import math

from numbragg.kernels.detector import draws
from numbragg.kernels.detector.normal import normal
from numbragg.kernels.detector.poisson import count


def gap(gaps, slow, fast):
    if gaps is None:
        return False
    (mf, ms), (gf, gs) = gaps.module_pixels, gaps.gap_pixels
    return fast % (mf + gf) >= mf or slow % (ms + gs) >= ms


def light_of(r, means, seed, frame, panel):
    """Photons before they spread, a dictionary by (slow, fast)."""
    factor = 1.0
    if r.flicker_fraction:
        factor = max(0.0, 1.0 + r.flicker_fraction * normal(draws.draw(seed, draws.FLICKER, frame, 0, 0, 0)))
    found = {}
    for slow, row in enumerate(means):
        for fast, mean in enumerate(row):
            mean = float(mean) * factor
            stop = r.beamstop
            dark = stop is not None and stop.panel == panel and math.hypot(
                fast + 0.5 - stop.centre_pixels[0], slow + 0.5 - stop.centre_pixels[1]) <= stop.radius_pixels
            if dark or gap(r.gaps, slow, fast) or not mean > 0.0:
                mean = 0.0
            n = count(mean, draws.draw(seed, draws.COUNTING, frame, panel, slow, fast)) if r.counting else mean
            if r.calibration is not None:
                g = normal(draws.draw(r.calibration.detector_seed, draws.CALIBRATION, 0, panel, slow, fast))
                n *= max(0.0, 1.0 + r.calibration.fraction * g)
            found[slow, fast] = n
    return found


def stored(r, n, key):
    """The number that is stored of so many photons in an ordinary pixel."""
    seed, frame, panel, slow, fast = key
    stages = r.gain_stages
    if stages is not None:
        s = sum(n * stages.photon_kev > switch for switch in stages.switches_kev)
        g = normal(draws.draw(seed, draws.GAIN_STAGE, frame, panel, slow, fast))
        gain = stages.gains_adu_per_kev[s] * stages.photon_kev
        adc = math.floor(stages.pedestals_adu[s] + gain * (n + stages.noises_kev[s] / stages.photon_kev * g) + 0.5)
        adc = min(max(adc, 0), 2 ** 14 - 1)
        if stages.output == "raw":
            return adc | (0, 1, 3)[s] << 14
        return math.floor((adc - stages.pedestals_adu[s]) / gain + 0.5)
    value = n * r.gain_adu_per_photon
    if r.readout_adu:
        value += r.readout_adu * normal(draws.draw(seed, draws.READOUT, frame, panel, slow, fast))
    value = math.floor(value + r.offset_adu + 0.5)
    return min(max(value, r.least), r.saturation)


def counts_of(r, means, seed, frame=0, panel=0):
    """Counts as rows of whole numbers, without a point spread."""
    light = light_of(r, means, seed, frame, panel)
    rows = [[0] * len(means[0]) for _ in means]
    for (slow, fast), n in light.items():
        d = r.defects
        rows[slow][fast] = stored(r, n, (seed, frame, panel, slow, fast))
        if d is not None:
            u = [draws.draw(d.detector_seed, stage, 0, panel, slow, fast) / 2.0 ** 53
                 for stage in (draws.DEAD, draws.HOT)]
            if u[1] < d.hot_fraction:
                rows[slow][fast] = r.saturation if d.hot_adu is None else round(d.hot_adu)
            if u[0] < d.dead_fraction or (panel, fast, slow) in d.dead_pixels:
                rows[slow][fast] = r.masked_value
        if gap(r.gaps, slow, fast):
            rows[slow][fast] = r.masked_value
    return rows
