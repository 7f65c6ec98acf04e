"""Arrays of positions, scattering vectors and solid angles: the bits of traced pixels, and geometry by hand."""

import math

from hypothesis import assume, given, settings
from hypothesis import strategies as st
import numpy as np
import pytest
from strategies import detectors, with_fields

import numbragg as nb
from numbragg.tracing.record import trace_prepared

FEW = settings(max_examples=40, deadline=None, derandomize=True)
CRYSTAL = nb.Crystal(cell=(50, 60, 70, 90, 90, 90))
ONE = nb.Sampling(oversample=1)


def vector(step, name):
    return [step[f"{name}_{axis}"] if name else step[axis] for axis in "xyz"]


def assert_as_traced(detector, beam, number, panel, fast, slow):
    """One pixel of every array has the bits of the trace of that pixel."""
    simulator = nb.Simulator(detector, beam, 1.0, sampling=ONE, threads=1)
    prepared = simulator.prepare_shot(CRYSTAL)[number][0]
    trace = trace_prepared(prepared, fast, slow)
    step = trace.step(0)
    assert step["layer"] == 0
    at = (slow, fast)
    place = detector.pixel_positions_mm(panel, beam=beam)[at]
    geometry = prepared.scene.geometry
    if detector.panels is not None and geometry.thickness > 0.0:
        # a panel's pixels are traced in the middle of its layers, and mapped at the front of its sensor
        into = np.array(geometry.normal) * geometry.layer_step / 2.0 * 1e3
        assert np.abs(place + into - [v * 1e3 for v in vector(step, "")]).max() < 1e-12
        return
    assert place.tolist() == [v * 1e3 for v in vector(step, "")]
    assert detector.scattering_vectors(beam, panel)[at].tolist() == [v * 1e-10 for v in vector(step, "q")]
    if trace.steps_summed == 1:
        # of several layers the trace keeps the last one's
        assert detector.solid_angles(panel, beam=beam)[at] == trace.final["solid_angle"]
    d = detector.resolutions_angstrom(beam, panel)[at]
    assert d == (1.0 / (2.0 * step["stol"] * 1e-10) if step["stol"] else math.inf)
    # from the places alone
    wavelength = beam.wavelength_angstrom
    s0 = np.array(vector(step, "s0"))
    angle = math.degrees(math.acos(max(-1.0, min(1.0, float(place @ s0) / math.sqrt(float(place @ place))))))
    two_theta = detector.scattering_angles_deg(panel, beam=beam)[at]
    # what an arc cosine near 1 or -1 can tell apart: the root of twice the rounding of its argument
    assert abs(two_theta - angle) < math.degrees(math.sqrt(8 * 2.0 ** -52))
    assert math.isclose(2.0 * d * math.sin(math.radians(two_theta) / 2.0), wavelength, rel_tol=1e-9) or not step["stol"]


@FEW
@given(detector=detectors(), data=st.data())
def test_pixels_are_where_the_trace_has_them(detector, data):
    slow_size, fast_size = detector.shape
    beam = nb.Beam(wavelength_angstrom=1.3)
    if detector.convention == "custom":
        beam = nb.Beam(wavelength_angstrom=1.3, direction=(1.0, 0.1, -0.2), polarisation_axis=(0.0, 0.3, 1.0))
    for _ in range(3):
        fast, slow = data.draw(st.integers(0, fast_size - 1)), data.draw(st.integers(0, slow_size - 1))
        try:
            nb.Simulator(detector, beam, 1.0).prepare(CRYSTAL)
        except ValueError:
            assume(False)
        assert_as_traced(detector, beam, 0, None, fast, slow)


PANELS = [nb.Panel(origin_mm=(100, 5, -5), fast_mm=(0, 0.01, 0.1), slow_mm=(0, -0.12, 0), pixels=(6, 4)),
          nb.Panel(origin_mm=(-80, 5, 30), fast_mm=(0.1, 0, 0.1), slow_mm=(0, 0.1, 0.02), pixels=(6, 4),
                   sensor_thickness_um=300, attenuation_depth_um=200),
          nb.Panel(origin_mm=(20, 50, 3), fast_mm=(0.1, 0, 0), slow_mm=(0, 0, 0.1), pixels=(3, 2))]


@pytest.mark.parametrize("detector", [
    nb.Detector(panels=PANELS), nb.Detector(panels=PANELS[:2], convention="custom", point_pixel=True),
    nb.Detector(panels=PANELS[1:2]),
    nb.Detector(pixels=(20, 30), rotation_deg=(1, 2, 3), windows=[(3, 4, 6, 4), (10, 20, 5, 5)])])
def test_panels(detector):
    beam = nb.Beam(wavelength_angstrom=1.1)
    for number, (slow, fast) in enumerate(detector.shapes):
        for place in ((0, 0), (fast - 1, slow - 1), (1, 0)):
            assert_as_traced(detector, beam, number, number, *place)
    for name, arguments in (("pixel_positions_mm", ()), ("scattering_vectors", (beam,)), ("solid_angles", ()),
                            ("resolutions_angstrom", (beam,)), ("scattering_angles_deg", ())):
        method = getattr(detector, name)
        every = method(*arguments)
        each = [method(*arguments, panel=number) for number in range(len(detector.shapes))]
        if len(each) == 1:
            assert (every == each[0]).all()
        elif detector.shape is None:
            assert isinstance(every, list) and all((a == b).all() for a, b in zip(every, each))
        else:
            assert (every == np.stack(each)).all()
        for one, shape in zip(each, detector.shapes):
            assert one.dtype == np.float64 and one.shape[:2] == shape


def test_panels_by_hand():
    """Positions are origin + (f + 1/2) fast + (s + 1/2) slow, solid angles those of small parallelograms."""
    detector = nb.Detector(panels=PANELS)
    for number, panel in enumerate(PANELS):
        found, angles = detector.pixel_positions_mm(number), detector.solid_angles(number)
        origin, f, s = (np.array(v, float) for v in (panel.origin_mm, panel.fast_mm, panel.slow_mm))
        area = np.cross(f, s)
        for slow in range(panel.shape[0]):
            for fast in range(panel.shape[1]):
                place = origin + (fast + 0.5) * f + (slow + 0.5) * s
                assert np.allclose(found[slow, fast], place, rtol=1e-14, atol=1e-13)
                wanted = abs(area @ place) / math.sqrt(place @ place) ** 3
                assert math.isclose(angles[slow, fast], wanted, rel_tol=1e-12)


def test_a_whole_sphere_has_four_pi():
    """Six sides of a cube about the sample: the solid angles of all pixels are a sphere's."""
    n, half = 40, 50.0
    axes = np.eye(3)
    panels = []
    for normal in range(3):
        f, s = axes[(normal + 1) % 3] * 2 * half / n, axes[(normal + 2) % 3] * 2 * half / n
        for sign in (-1.0, 1.0):
            panels.append(nb.Panel(origin_mm=axes[normal] * half * sign - n / 2 * (f + s), fast_mm=f, slow_mm=s,
                                   pixels=(n, n)))
    total = nb.Detector(panels=panels).solid_angles().sum()
    # the middle of a pixel stands for it: an error of second order in the pixel's edge over the distance
    assert abs(total / (4.0 * math.pi) - 1.0) < (2.0 / n) ** 2


def test_beams_and_wavelengths():
    detector = nb.Detector(pixels=(8, 6), convention="xds")
    beam = nb.Beam(wavelength_angstrom=1.7, dispersion_percent=3.0, dispersion_steps=3, divergence_h_mrad=2.0)
    assert (detector.scattering_vectors(beam) == detector.scattering_vectors(1.7)).all()
    assert (detector.scattering_vectors(np.float64(1.7)) == detector.scattering_vectors(1.7)).all()
    assert np.allclose(detector.scattering_vectors(3.4) * 2.0, detector.scattering_vectors(1.7), rtol=1e-14)
    # where the beam matters for positions: along it
    custom = with_fields(detector, convention="custom")
    along = nb.Beam(direction=(1.0, 0.5, 0.0))
    assert not np.array_equal(custom.pixel_positions_mm(beam=along), custom.pixel_positions_mm())


def test_the_direct_beam_has_no_resolution():
    detector = nb.Detector(panels=[nb.Panel(origin_mm=(100, -0.05, -0.05), fast_mm=(0, 0.1, 0), slow_mm=(0, 0, 0.1),
                                            pixels=(1, 1))])
    assert detector.resolutions_angstrom(1.0).tolist() == [[math.inf]]
    assert detector.scattering_angles_deg().tolist() == [[0.0]]


def test_more_than_memory_holds(monkeypatch):
    from numbragg.scene.pixel_maps import PIXEL_BYTES

    monkeypatch.setattr("numbragg.memory.available", lambda: 80 * 80 * PIXEL_BYTES - 1)
    few = nb.Detector(pixels=(79, 80))
    assert few.scattering_vectors(1.0).shape == (80, 79, 3)
    with pytest.raises(ValueError, match="^detector: vectors of 6400 pixels need .* GB"):
        nb.Detector(pixels=(80, 80)).scattering_vectors(1.0)


@pytest.mark.parametrize("call, words", [
    (lambda d: d.pixel_positions_mm(2), "^panel: 2 must be a whole number from 0 to 1"),
    (lambda d: d.pixel_positions_mm(-1), "^panel: "), (lambda d: d.solid_angles(True), "^panel: "),
    (lambda d: d.pixel_positions_mm(beam="x"), "^beam: 'x' must be a Beam object or a wavelength"),
    (lambda d: d.scattering_vectors(None), "^beam: None must be"), (lambda d: d.scattering_vectors(0.0), "^beam: "),
    (lambda d: d.resolutions_angstrom(math.nan), "^beam: "), (lambda d: d.resolutions_angstrom(True), "^beam: "),
    (lambda d: d.scattering_vectors(CRYSTAL), "^beam: "), (lambda d: d.scattering_vectors(None), "^beam: ")])
def test_refused(call, words):
    with pytest.raises(ValueError, match=words) as caught:
        call(nb.Detector(panels=PANELS[:2]))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("method", ["pixel_positions_mm", "solid_angles", "scattering_angles_deg"])
@pytest.mark.parametrize("given, said", [(nb.Beam(), "Beam"), (1.5, "1.5")])
def test_a_beam_in_the_place_of_a_panel(method, given, said):
    with pytest.raises(ValueError, match=f"^panel: {said} is not the number of a panel; a beam is given by name, as "
                                         "beam=$"):
        getattr(nb.Detector(pixels=(4, 4)), method)(given)
    for bad in (1, -1, True, "0", None):
        if bad is not None:
            with pytest.raises(ValueError, match="^panel: "):
                getattr(nb.Detector(pixels=(4, 4)), method)(bad)
    assert getattr(nb.Detector(pixels=(4, 4)), method)(np.int64(0)).shape[:2] == (4, 4)
