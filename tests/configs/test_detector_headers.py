"""Detectors from the headers of images: SMV, miniCBF, NXmx; places against each format's rules."""

import math

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
import numpy as np
import pytest

import numbragg as nb
from numbragg.commands.cli import main

SMV = b"""{
HEADER_BYTES=512;
DIM=2;
BYTE_ORDER=little_endian;
TYPE=unsigned_short;
SIZE1=30;
SIZE2=20;
PIXEL_SIZE=0.1;
DISTANCE=150;
BEAM_CENTER_X=1.1;
BEAM_CENTER_Y=0.7;
WAVELENGTH=1;
}\f"""

CBF = b"""###CBF: VERSION 1.5\r
data_x\r
_array_data.header_convention "SLS_1.0"\r
_array_data.header_contents\r
;\r
# Detector: PILATUS 6M, S/N 60-0000\r
# Pixel_size 172e-6 m x 175e-6 m\r
# Silicon sensor, thickness 0.000320 m\r
# Wavelength 0.9763 A\r
# Detector_distance 0.21500 m\r
# Beam_xy (12.5, -3.25) pixels\r
;\r
_array_data.data\r
--CIF-BINARY-FORMAT-SECTION--\r
X-Binary-Size-Fastest-Dimension: 40\r
X-Binary-Size-Second-Dimension: 30\r
\r
\x0c\x1a\x04\xd5"""


def detector_of(folder, content, name="image"):
    (folder / name).write_bytes(content)
    return nb.Detector.from_header(name)


@pytest.mark.parametrize("words", ["", "-mosflm", "-denzo", "-adxv", "-xds", "-dials", "-Xbeam 1.3 -Ybeam 2.9",
                                   "-distance 77.5 -pixel 0.075"])
def test_our_own_images_describe_their_detector(folder, words):
    """The plane that was simulated, as the frame of its convention has it, is that of the header to its digits."""
    scene = "-cell 60 60 60 90 90 90 -default_F 1 -N 1 -detpixels 32 -roi 0 0 0 0"
    main([*scene.split(), "--quiet", "-seed", "1", "-intfile", "a.img", *words.split()])
    found = nb.Detector.from_header("a.img")
    fields = {"pixel_mm": 0.075, "distance_mm": 77.5} if "-pixel" in words else {}
    if "-Xbeam" in words:
        fields["beam_centre_mm"] = (1.3, 2.9)
    name = words[1:] if words[1:] in ("denzo", "adxv", "xds", "dials") else "mosflm"
    plane = nb.Detector(pixels=(32, 32), convention=name, **fields)
    # along the beam, across it to the right, and down: what every convention calls so
    ours, theirs = found.pixel_positions_mm(), plane.pixel_positions_mm()
    beam, right, down = {"mosflm": (0, 2, -1), "denzo": (0, 2, -1), "adxv": (2, 0, -1), "xds": (2, 0, 1),
                         "dials": (2, 0, 1)}[name]
    down = -theirs[..., 1] if down < 0 else theirs[..., 1]
    assert np.abs(ours[..., 2] - theirs[..., beam]).max() < 1e-5
    assert np.abs(-ours[..., 0] - theirs[..., right]).max() < 1e-5
    assert np.abs(-ours[..., 1] - down).max() < 1e-5


def test_beam_centre_of_other_smv_images(folder):
    panel, = detector_of(folder, SMV.ljust(512)).panels
    assert panel.pixels == (30, 20) and panel.fast_mm == (-0.1, 0, 0) and panel.slow_mm == (0, -0.1, 0)
    # MOSFLM's X runs along slow
    assert panel.origin_mm == (0.7, 1.1, 150.0)
    with pytest.warns(nb.NumbraggWarning, match="normal to the beam: TWOTHETA = 5"):
        detector_of(folder, SMV.replace(b"WAVELENGTH=1", b"TWOTHETA=5").ljust(512))


@pytest.mark.parametrize("old, new, message", [
    (b"PIXEL_SIZE=0.1;\n", b"", "header has no PIXEL_SIZE"),
    (b"DISTANCE=150", b"DISTANCE=0", "DISTANCE: '0' must be a"),
    (b"BEAM_CENTER_X=1.1;\n", b"", "no ADXV_CENTER_X or BEAM_CENTER_X"),
    (b"BEAM_CENTER_Y=0.7", b"BEAM_CENTER_Y=a", "BEAM_CENTER_Y: 'a' must be a number")])
def test_refused_smv(folder, old, new, message):
    with pytest.raises(ValueError, match=f"^image: .*{message}"):
        detector_of(folder, SMV.replace(old, new).ljust(512))


def test_minicbf(folder):
    detector = detector_of(folder, CBF)
    panel, = detector.panels
    assert panel.pixels == (40, 30)
    assert panel.origin_mm == pytest.approx((12.5 * 0.172, -3.25 * 0.175, 215.0), abs=1e-12)
    assert panel.fast_mm == pytest.approx((-0.172, 0, 0)) and panel.slow_mm == pytest.approx((0, -0.175, 0))
    assert panel.sensor_material == "Silicon" and panel.sensor_thickness_um == pytest.approx(320)
    with pytest.warns(nb.NumbraggWarning, match="Detector_2theta = 12"):
        detector_of(folder, CBF.replace(b"# Wavelength 0.9763 A", b"# Detector_2theta 12 deg."))
    with pytest.warns(nb.NumbraggWarning, match="of 'Unobtainium' is left out"):
        assert detector_of(folder, CBF.replace(b"Silicon", b"Unobtainium")).panels[0].sensor_thickness_um == 0.0


@pytest.mark.parametrize("old, new, message", [
    (b"# Pixel_size 172e-6 m x 175e-6 m", b"", "no 'Pixel_size"),
    (b"0.21500 m", b"0 m", "Detector_distance: 0 must be"),
    (b"0.21500 m", b"215 mm", "no 'Detector_distance ... m'"),
    (b"Beam_xy", b"Beam", "no 'Beam_xy"), (b"Dimension: 30", b"Dimension: x", "X-Binary-Size-Second-Dimension"),
    (b"\x0c\x1a\x04\xd5", b"", "no pixels begin"), (b"###CBF", b"##CBF", "neither SMV, CBF nor HDF5")])
def test_refused_cbf(folder, old, new, message):
    with pytest.raises(ValueError, match=f"^image: .*{message}"):
        detector_of(folder, CBF.replace(old, new))


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(smv=st.booleans(), changes=st.lists(st.tuples(
    st.floats(0, 1), st.integers(0, 12), st.sampled_from([b"0", b"9" * 15, b"nan", b"-", b"=", b"\n", b";", b"\xff"])),
    min_size=1, max_size=4))
def test_whatever_the_header_it_is_read_or_refused_in_one_line(folder, smv, changes):
    content = SMV.ljust(512) if smv else CBF
    for place, removed, added in changes:
        start = int(place * len(content))
        content = content[:start] + added + content[start + removed:]
    try:
        detector_of(folder, content)
    except ValueError as error:
        assert "\n" not in str(error) and str(error).isascii()


# -- NXmx


def dataset(group, name, value, **attributes):
    made = group.create_dataset(name, data=value)
    for key, given_value in attributes.items():
        made.attrs[key] = given_value
    return made


def write_nxmx(folder, name="a.nxs", mask=None, change=None):
    """Two modules, on an arm that is turned by 30 degrees about y and an arm's length away."""
    h5py = pytest.importorskip("h5py", exc_type=ImportError)
    with h5py.File(folder / name, "w") as file:
        entry = file.create_group("entry")
        entry.attrs["NX_class"] = "NXentry"
        detector = entry.create_group("instrument/detector")
        detector.attrs["NX_class"] = "NXdetector"
        dataset(detector, "sensor_thickness", 0.45, units="mm")
        dataset(detector, "sensor_material", b"Si")
        if mask is not None:
            dataset(detector, "pixel_mask", mask)
        steps = detector.create_group("transformations")
        where = steps.name
        dataset(steps, "swing", 30.0, units="deg", transformation_type="rotation", vector=(0, 1, 0), depends_on=".")
        dataset(steps, "arm", [0.2], units="m", transformation_type="translation", vector=(0, 0, 1), offset=(0, 0, 0),
                depends_on=f"{where}/swing")
        for number in range(2):
            dataset(steps, f"corner{number}", 1.0, units="mm", transformation_type="translation",
                    vector=(1.0, 0, 0), offset=(0, -5.0 * number, 0), offset_units="mm", depends_on="arm")
            module = detector.create_group(f"module{number}")
            module.attrs["NX_class"] = "NXdetector_module"
            dataset(module, "data_origin", (number, 0, 0))
            dataset(module, "data_size", (1, 4, 6))
            for axis, vector, size in (("fast", (-1, 0, 0), 75.0), ("slow", (0, -2, 0), 80.0)):
                dataset(module, f"{axis}_pixel_direction", size, units="um", transformation_type="translation",
                        vector=vector, depends_on=f"{where}/corner{number}")
        if change is not None:
            change(detector)
    return name


def test_modules_of_nxmx(folder):
    mask = np.zeros((2, 4, 6), np.uint32)
    mask[1, 2, 3:] = 8
    detector = nb.Detector.from_header(write_nxmx(folder, mask=mask))
    cosine, sine = math.cos(math.pi / 6), math.sin(math.pi / 6)
    turn = np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]])
    for number, panel in enumerate(detector.panels):
        for name, vector in (("origin_mm", (1.0, -5.0 * number, 200.0)), ("fast_mm", (-0.075, 0, 0)),
                             ("slow_mm", (0, -0.08, 0))):
            assert np.abs(turn @ vector - getattr(panel, name)).max() < 1e-12
        assert panel.pixels == (6, 4) and panel.sensor_material == "Si" and panel.sensor_thickness_um == 450.0
    assert detector.panels[0].mask is None
    assert np.argwhere(~detector.panels[1].mask).tolist() == [[2, 3], [2, 4], [2, 5]]


def test_modules_on_the_axis_of_the_beam_take_their_place_from_its_centre(folder):
    def change(detector):
        for number in range(2):
            del detector[f"module{number}/data_origin"], detector[f"transformations/corner{number}"]
            dataset(detector, f"transformations/corner{number}", 0.0, units="mm", transformation_type="translation",
                    vector=(1, 0, 0), depends_on=".")
        del detector["module1"]
        dataset(detector, "beam_center_x", 3.0)
        dataset(detector, "beam_center_y", 2.0)

    panel, = nb.Detector.from_header(write_nxmx(folder, change=lambda detector: (
        change(detector), detector["transformations/corner0"].attrs.modify("offset", (0, 0, 100.0)),
        detector["transformations/corner0"].attrs.modify("offset_units", "mm")))).panels
    assert panel.origin_mm == pytest.approx((0.225, 0.16, 100.0), abs=1e-12)


def test_older_eiger(folder):
    def change(detector):
        for number in range(2):
            del detector[f"module{number}"]
        for name, value in (("x_pixels_in_detector", 6), ("y_pixels_in_detector", 4)):
            dataset(detector, f"detectorSpecific/{name}", value)
        for name, value in (("beam_center_x", 3.0), ("beam_center_y", 1.0)):
            dataset(detector, name, value)
        for name, value in (("x_pixel_size", 75e-6), ("y_pixel_size", 75e-6), ("detector_distance", 0.2)):
            dataset(detector, name, value, units="m")

    panel, = nb.Detector.from_header(write_nxmx(folder, change=change)).panels
    assert panel.origin_mm == pytest.approx((0.225, 0.075, 200.0)) and panel.pixels == (6, 4)


@pytest.mark.parametrize("change, message", [
    (lambda d: d["transformations/swing"].attrs.modify("depends_on", "arm"), "goes in a circle"),
    (lambda d: d["transformations/arm"].attrs.modify("depends_on", "nowhere"), "'nowhere', which is not there"),
    (lambda d: d["transformations/arm"].attrs.modify("units", "furlong"), "units, 'furlong', must be one of m"),
    (lambda d: d["transformations/arm"].attrs.modify("transformation_type", "shear"), "'shear', must be translation"),
    (lambda d: d["transformations/arm"].attrs.modify("vector", (0, 0, 0)), "has no direction"),
    (lambda d: d.pop("module1/data_size"), "module module1 has no data_size"),
    (lambda d: [d.pop("module0"), d.pop("module1")], "no modules"),
    (lambda d: d.attrs.modify("NX_class", "NXnothing"), "0 groups of class NXdetector")])
def test_refused_nxmx(folder, change, message):
    with pytest.raises(ValueError, match=message) as caught:
        nb.Detector.from_header(write_nxmx(folder, change=change))
    assert str(caught.value).startswith("a.nxs: ") and "\n" not in str(caught.value)


def test_damaged_hdf5(folder):
    content = (folder / write_nxmx(folder)).read_bytes()
    for size in (8, 100, 1000, len(content) // 2):
        with pytest.raises(ValueError, match="^b.nxs: is not a readable NXmx file") as caught:
            detector_of(folder, content[:size], "b.nxs")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("by_name", [False, True])
def test_order_of_many_modules(folder, by_name):
    """HDF5 lists module_10 before module_2; pixels lie in the order of data_origin."""
    def change(detector):
        for number in range(2):
            del detector[f"module{number}"]
        where = detector["transformations"].name
        for number in range(12):
            # against the names, where there is an origin
            module = detector.create_group(f"module_{number}" if by_name else f"m{(number * 7) % 12}")
            module.attrs["NX_class"] = "NXdetector_module"
            if not by_name:
                dataset(module, "data_origin", (number, 0, 0))
            dataset(module, "data_size", (1, 4, 6))
            for axis, vector in (("fast", (-1, 0, 0)), ("slow", (0, -1, 0))):
                dataset(module, f"{axis}_pixel_direction", 75.0, units="um", transformation_type="translation",
                        vector=vector, offset=(number, 0, 0), offset_units="mm", depends_on=f"{where}/arm")
        detector["transformations/swing"][()] = 0.0

    mask = np.zeros((12, 4, 6), np.uint32)
    mask[2, 0, :] = 1
    detector = nb.Detector.from_header(write_nxmx(folder, change=change, mask=None if by_name else mask))
    assert [panel.origin_mm[0] for panel in detector.panels] == pytest.approx(range(12))
    if by_name:
        assert [panel.name for panel in detector.panels] == [f"module_{number}" for number in range(12)]
    else:
        assert [panel.mask is not None for panel in detector.panels] == [number == 2 for number in range(12)]


@pytest.mark.parametrize("old, new, note", [
    (b"BEAM_CENTER_X=1.1", b"BEAM_CENTER_X=500", "header: BEAM_CENTER puts the beam at 0.7 mm along fast and 500 mm"
     " along slow, far off the panel of 3 x 2 mm; its numbers are in mm"),
    (b"DISTANCE=150", b"DISTANCE=150;\nDISTANCE=250",
     "header: DISTANCE is there 2 times; '250' counts, the last, and '150' does not"),
    (b"BEAM_CENTER_Y=0.7", b"BEAM_CENTER_Y=0.7;\nBEAM_CENTER_Y=0.75",
     "header: BEAM_CENTER_Y is there 2 times; '0.75' counts, the last, and '0.7' does not")])
def test_headers_that_are_probably_not_meant(folder, old, new, note):
    with pytest.warns(nb.NumbraggWarning) as caught:
        detector = detector_of(folder, SMV.replace(old, new).ljust(512) + bytes(1200))
    assert [str(warning.message) for warning in caught] == [note] and note in detector.notes
    if b"DISTANCE" in old:
        assert detector.panels[0].origin_mm[2] == 250.0


def test_what_is_there_twice_with_one_value_is_nothing(folder):
    text = SMV.replace(b"DISTANCE=150", b"DISTANCE=150;\nDISTANCE=150.0")
    detector = detector_of(folder, text.ljust(512) + bytes(1200))
    assert len(detector.notes) == 2


def test_a_beam_far_off_in_a_cbf(folder):
    with pytest.warns(nb.NumbraggWarning, match="Beam_xy puts the beam at .* far off .* in pixels"):
        detector_of(folder, CBF.replace(b"12.5, -3.25", b"1250, -3.25"))
