"""Responses as records: named detectors, TOML files, and messages of what cannot be."""

from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

import numbragg as nb
from numbragg.response import (
    DETECTORS,
    Beamstop,
    Calibration,
    Defects,
    GainStages,
    Gaps,
    PointSpread,
    read_response,
)

STAGES = {"photon_kev": 12.4, "gains_adu_per_kev": (41, -1.4, -0.1), "pedestals_adu": (3000, 15000, 14500),
          "noises_kev": (0.3, 3, 35), "switches_kev": (300, 9300)}


def test_frozen_equal_and_hashable():
    one, two = (nb.Response(point_spread=PointSpread(kind="fibre", fwhm_um=40),
                            defects=Defects(dead_pixels=[[0, 1, 2]])) for _ in range(2))
    assert one == two and hash(one) == hash(two) and one != replace(one, readout_adu=1)
    with pytest.raises(FrozenInstanceError):
        one.readout_adu = 3.0


@pytest.mark.parametrize("name", DETECTORS)
def test_named(name):
    response = nb.Response.named(name.upper())
    assert response is not None and response == DETECTORS[name] and response.name
    counts = response.apply(np.full((30, 30), 1e7), seed=1, pixel_mm=0.1)
    assert counts.max() == response.saturation


def test_named_ones_are_what_they_are_said_to_be():
    assert DETECTORS["pilatus"].saturation == 1048575 and DETECTORS["eiger"].saturation == 65535
    assert DETECTORS["rayonix"].saturation == 65534 and DETECTORS["rayonix"].offset_adu == 40
    assert 1e4 < DETECTORS["jungfrau"].saturation < 1.3e4
    for name, detector, axis in (("eiger", nb.detectors.eiger2_4m(200), 2),
                                 ("pilatus", nb.detectors.pilatus3_6m(200), 5),
                                 ("jungfrau", nb.detectors.jungfrau_4m(200), 2)):
        gaps = DETECTORS[name].gaps
        assert gaps.module_pixels == detector.panels[0].pixels
        assert DETECTORS[name].mask(detector.panels[0].pixels[::-1]).all()
        # as far apart as modules are
        steps = [abs(detector.panels[n].origin_mm[k] - detector.panels[0].origin_mm[k]) / abs(edge[k])
                 for n, k, edge in ((1, 0, detector.panels[0].fast_mm), (axis, 1, detector.panels[0].slow_mm))]
        assert steps == pytest.approx([m + g for m, g in zip(gaps.module_pixels, gaps.gap_pixels)])


def test_raw_and_corrected_go_round():
    """Raw numbers give the photons that the corrected output rounds, and the gain that switched."""
    corrected = DETECTORS["jungfrau"]
    stages = replace(corrected.gain_stages, output="raw")
    raw = replace(corrected, gain_stages=stages, dtype="uint16")
    means = np.geomspace(0.01, 2e4, 40000).reshape(200, 200)
    numbers, photons = raw.apply(means, seed=4), corrected.apply(means, seed=4)
    back = np.floor(stages.photons(numbers) + 0.5)
    full = photons == corrected.saturation
    assert (back[~full] == photons[~full]).all() and full.any()
    assert set(np.unique(numbers >> 14)) == {0, 1, 3}
    counted = nb.Response().apply(means, seed=4)
    assert ((numbers >> 14 == 0) == (counted <= stages.switches_photons[0])).all()
    assert ((numbers >> 14 == 3) == (counted > stages.switches_photons[1])).all()
    assert np.isnan(stages.photons(np.array([2 << 14], np.uint16))).all()
    with pytest.raises(ValueError, match="raw: numbers of int64 must be uint16"):
        stages.photons([1])


@pytest.mark.parametrize("made, message", [
    (lambda: nb.Response(readout_adu=-1), "readout_adu: -1 must not be negative in ADU"),
    (lambda: nb.Response(gain_adu_per_photon=0), "gain_adu_per_photon: 0 must be above 0 in ADU/photon"),
    (lambda: nb.Response(flicker_fraction=2), "flicker_fraction: 2 must be from 0 to 1"),
    (lambda: nb.Response(counting=1), "counting: 1 must be True or False"),
    (lambda: nb.Response(dtype="float32"), "dtype: 'float32' must be one of 'int32', 'uint32', 'int16', 'uint16'"),
    (lambda: nb.Response(offset_adu=1e5, dtype="uint16"),
     "offset_adu: 100000 must be at most 65535 in size, the largest of uint16"),
    (lambda: nb.Response(saturation_adu=0), "saturation_adu: 0 must be above 0 in ADU"),
    (lambda: nb.Response(name=3), "name: 3 must be text"),
    (lambda: nb.Response(gaps=(1, 2)), "gaps: (1, 2) must be a Gaps object, or None"),
    (lambda: nb.Response(gain_stages=GainStages(**STAGES), readout_adu=1),
     "readout_adu: 1 must not be given with gain_stages, which have their own"),
    (lambda: nb.Response(gain_stages=GainStages(**STAGES, output="raw")),
     "dtype: 'int32' must be 'uint16' for raw gain_stages"),
    (lambda: nb.Response.named("mar"), "name: 'mar' must be one of pilatus, eiger, rayonix, jungfrau"),
    (lambda: Beamstop(centre_pixels=3, radius_pixels=1), "centre_pixels: 3 must be two numbers, fast and slow"),
    (lambda: Beamstop(centre_pixels=(3, 3), radius_pixels=-1), "radius_pixels: -1 must not be negative in pixels"),
    (lambda: Gaps(module_pixels=(0, 1), gap_pixels=(1, 1)),
     f"module_pixels: 0 must be a whole number from 1 to {2 ** 30}"),
    (lambda: Calibration(fraction=-0.1), "fraction: -0.1 must be from 0 to 1"),
    (lambda: PointSpread(kind="box", fwhm_um=1), "kind: 'box' must be one of 'fibre', 'gaussian'"),
    (lambda: PointSpread(kind="fibre", fwhm_um=0), "fwhm_um: 0 must be above 0 in micrometre"),
    (lambda: PointSpread(kind="fibre", fwhm_um=1, accuracy=0), "accuracy: 0 must be from 1e-6 to 0.5"),
    (lambda: PointSpread(kind="fibre", fwhm_um=1, method="fast"), "method: 'fast' must be one of 'fft', 'direct'"),
    (lambda: Defects(dead_pixels=[(1, 2)]), "dead_pixels: (1, 2) must be a list of panel, fast and slow of each pixel"),
    (lambda: Defects(dead_pixels=3), "dead_pixels: 3 must be a list of panel, fast and slow of each pixel"),
    (lambda: GainStages(**STAGES | {"gains_adu_per_kev": (1, 0, 1)}),
     "gains_adu_per_kev: (1.0, 0.0, 1.0) must not be 0"),
    (lambda: GainStages(**STAGES | {"switches_kev": (3, 2)}), "switches_kev: (3.0, 2.0) must ascend"),
    (lambda: GainStages(**STAGES | {"pedestals_adu": (3, 2, 20000)}),
     "pedestals_adu: (3.0, 2.0, 20000.0) must be at most 16383, 14 bits"),
    (lambda: GainStages(**STAGES | {"noises_kev": 2}), "noises_kev: 2 must be three numbers, one for each gain"),
])
def test_messages(made, message):
    with pytest.raises(ValueError) as error:
        made()
    assert str(error.value) == message


def written(tmp_path, text):
    path = tmp_path / "camera.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_toml(tmp_path):
    text = """
detector = "rayonix"
readout_adu = 4
calibration = false
[point_spread]
fwhm_um = 80
[defects]
dead_fraction = 1e-4
dead_pixels = [[0, 3, 4], [0, 5, 6]]
[beamstop]
centre_pixels = [10, 12.5]
radius_pixels = 3
"""
    assert read_response(written(tmp_path, text)) == nb.Response.named(
        "rayonix", readout_adu=4, calibration=None, point_spread=PointSpread(kind="fibre", fwhm_um=80),
        defects=Defects(dead_fraction=1e-4, dead_pixels=[(0, 3, 4), (0, 5, 6)]),
        beamstop=Beamstop(centre_pixels=(10, 12.5), radius_pixels=3))
    assert read_response(written(tmp_path, "")) == nb.Response()
    text = "\n".join(f"{name} = {list(value) if isinstance(value, tuple) else value}" for name, value in STAGES.items())
    assert read_response(written(tmp_path, f"[gain_stages]\n{text}\n")).gain_stages == GainStages(**STAGES)


@pytest.mark.parametrize("text, message", [
    ("gain = 2", "gain: unknown key; did you mean gain_stages?"),
    ("[point_spread]\nfwhm = 2", "point_spread.fwhm: unknown key; did you mean point_spread.fwhm_um?"),
    ("[point_spread]\nkind = 'fibre'", "point_spread: needs fwhm_um"),
    ("[point_spread]\nkind = 'fibre'\nfwhm_um = -2", "point_spread.fwhm_um: -2 must be above 0 in micrometre"),
    ("point_spread = 3", "point_spread: 3 must be a table, [point_spread], or false"),
    ("detector = 'mar'", "detector: 'mar' must be one of pilatus, eiger, rayonix, jungfrau"),
    ("detector = 3", "detector: 3 must be one of pilatus, eiger, rayonix, jungfrau"),
    ("readout_adu = nan", "readout_adu: nan must be a finite number in ADU"),
    ("readout_adu = 2020-01-01", "readout_adu: datetime.date(2020, 1, 1) is not a number in ADU"),
    ("readout_adu = ", "must be TOML: Invalid value (at end of document)"),
    ("[defects]\ndead_pixels = [[0, 1]]",
     "defects.dead_pixels: [0, 1] must be a list of panel, fast and slow of each pixel"),
])
def test_toml_that_cannot_be(tmp_path, text, message):
    path = written(tmp_path, text)
    with pytest.raises(ValueError) as error:
        read_response(path)
    assert str(error.value) == f"{path}: {message}"


def test_toml_of_other_bytes(tmp_path):
    path = tmp_path / "camera.toml"
    for content in (b"\xff\xfe", b"a = " + b"[" * 5000, bytes(2 ** 25 + 2)):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="camera.toml: must be ") as error:
            read_response(path)
        assert "\n" not in str(error.value)
