"""Detectors from files and by name: places against each format's own rules, frames, masks, sensors."""

import itertools
import json
import math
import warnings

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
import numpy as np
import pytest

import numbragg as nb
from numbragg.io.errors import FileFormatError
from numbragg.scene.placement import CONVENTIONS

CORNERS = [(0, 0), (1, 0), (0, 1), (3, 2)]

# -- CrystFEL

GEOM = """\
clen = 0.2
res = 13333.3
{extra}
a/min_fs = 0
a/max_fs = 5
a/min_ss = 0
a/max_ss = 3
a/corner_x = 3.5
a/corner_y = -2.25
a/fs = +0.9x -0.1y +0.01z
a/ss = +0.1x +1.1y
b/min_fs = 6
b/max_fs = 11
b/min_ss = 0
b/max_ss = 3
b/corner_x = -9
b/corner_y = 4
b/coffset = -0.0101
b/fs = -y
b/ss = -x
{more}
"""


def geom(folder, extra="", more="", **how):
    path = folder / "a.geom"
    path.write_text(GEOM.format(extra=extra, more=more))
    return nb.Detector.from_geom(path, **how)


def test_places_by_crystfels_rules(folder):
    """Corner, fs and ss are in pixels of 1/res metres; clen and coffset are metres; nothing is normalised."""
    detector = geom(folder, "detector_shift_x = 0.3 mm\ndetector_shift_y = -0.0001")
    assert detector.convention == "adxv" and detector.shape == (2, 4, 6)
    rows = [((3.5, -2.25), (0.9, -0.1, 0.01), (0.1, 1.1, 0.0), 0.2), ((-9, 4), (0, -1, 0), (-1, 0, 0), 0.2 - 0.0101)]
    for panel, (corner, fs, ss, z) in zip(detector.panels, rows, strict=True):
        for f, s in CORNERS:
            place = [(c + f * v + s * w) / 13333.3 for c, v, w in zip((*corner, 0.0), fs, ss)]
            place = [1000 * (place[0] + 0.0003), 1000 * (place[1] - 0.0001), 1000 * (place[2] + z)]
            ours = np.array(panel.origin_mm) + f * np.array(panel.fast_mm) + s * np.array(panel.slow_mm)
            assert np.abs(ours - place).max() < 1e-12
    # the middle of a pixel, as it is simulated
    middle = detector.pixel_positions_mm(1)[2, 3]
    assert np.abs(middle - [1000 * (-9 - 2.5) / 13333.3 + 0.3, 1000 * (4 - 3.5) / 13333.3 - 0.1, 189.9]).max() < 1e-12


def test_the_hand_of_a_panel_is_kept(folder):
    """An odd number of inversions is no mistake to be mended: b's fast x slow points against the beam."""
    a, b = geom(folder).panels
    assert np.cross(a.fast_mm, a.slow_mm)[2] > 0 > np.cross(b.fast_mm, b.slow_mm)[2]
    image = nb.simulate(nb.Crystal(cell=(60, 70, 80, 90, 90, 90), n_cells=4, misset_deg=(5, 6, 7)), nb.Beam(),
                        geom(folder), 100.0)
    # the same pixels with fast and slow exchanged: the transposed image of the other hand
    turned = nb.Panel(origin_mm=b.origin_mm, fast_mm=b.slow_mm, slow_mm=b.fast_mm, pixels=(4, 6))
    other = nb.simulate(nb.Crystal(cell=(60, 70, 80, 90, 90, 90), n_cells=4, misset_deg=(5, 6, 7)), nb.Beam(),
                        nb.Detector(panels=[turned], convention="adxv"), 100.0)
    assert np.allclose(image[1], other.T, rtol=1e-5) and image[1].any()


def test_camera_length_to_be_given(folder):
    text = GEOM.replace("clen = 0.2", "clen = /place mm").format(extra="", more="")
    (folder / "a.geom").write_text(text)
    with pytest.raises(ValueError, match="line 1: clen stands in an image .*give distance_mm"):
        nb.Detector.from_geom("a.geom")
    detector = nb.Detector.from_geom("a.geom", 150.0)
    assert [panel.origin_mm[2] for panel in detector.panels] == [150.0, pytest.approx(139.9, abs=1e-12)]
    assert any("coffset is added to distance_mm" in note for note in detector.notes)
    (folder / "b.geom").write_text(GEOM.replace("clen = 0.2\n", "").format(extra="", more=""))
    with pytest.raises(ValueError, match="has no clen"):
        nb.Detector.from_geom("b.geom")
    assert any("replaces the file's clen" in note for note in geom(folder, distance_mm=90).notes)
    with pytest.raises(ValueError, match="detector_shift_x stands in an image .*give shift_mm"):
        geom(folder, "detector_shift_x = /place")
    assert geom(folder, "detector_shift_x = /place", shift_mm=(1, 0)).panels[1].origin_mm[0] == pytest.approx(
        1 - 9000 / 13333.3)


def naive_good(detector, name, regions, edge=0):
    """Which pixels are good, one by one: regions as (kind, panel, four edges)."""
    panel = next(panel for panel in detector.panels if panel.name == name)
    first = {"a": (0, 0), "b": (6, 0)}[name]
    corner = {"a": ((3.5, -2.25), (0.9, -0.1), (0.1, 1.1)), "b": ((-9, 4), (0, -1), (-1, 0))}[name]
    good = np.ones(panel.shape, bool)
    for s, f in itertools.product(range(panel.shape[0]), range(panel.shape[1])):
        x, y = (c + f * v + s * w for c, v, w in zip(*corner))
        for kind, owner, (low_1, high_1, low_2, high_2) in regions:
            if kind == "data" and owner in (None, name):
                bad = low_1 <= f + first[0] <= high_1 and low_2 <= s + first[1] <= high_2
            else:
                bad = kind == "lab" and low_1 < x < high_1 and low_2 < y < high_2
            good[s, f] &= not bad
        if min(f, s, panel.shape[1] - 1 - f, panel.shape[0] - 1 - s) < edge:
            good[s, f] = False
    return good


REGIONS = [("data", "a", (1, 2, 0, 3)), ("data", None, (4, 7, 2, 2)), ("lab", None, (-11.0, -9.5, -0.5, 3.5)),
           ("lab", None, (4.0, 6.5, -9, 0.3))]


@pytest.mark.parametrize("edge", [0, 1])
@pytest.mark.parametrize("chosen", [[0], [1], [2], [3], [0, 1, 2, 3]])
def test_bad_regions(folder, chosen, edge):
    lines = []
    for number in chosen:
        kind, panel, edges = REGIONS[number]
        words = ("min_fs", "max_fs", "min_ss", "max_ss") if kind == "data" else ("min_x", "max_x", "min_y", "max_y")
        lines += [f"bad{number}/{word} = {v}" for word, v in zip(words, edges)]
        lines += [f"bad{number}/panel = {panel}"] if panel else []
    detector = geom(folder, f"mask_edge_pixels = {edge}", "\n".join(lines))
    left_out = 0
    for panel in detector.panels:
        good = naive_good(detector, panel.name, [REGIONS[number] for number in chosen], edge)
        assert (np.ones(panel.shape, bool) if panel.mask is None else panel.mask).tolist() == good.tolist()
        left_out += int((~good).sum())
    assert left_out
    image = nb.simulate(nb.Crystal(cell=(60, 70, 80, 90, 90, 90), n_cells=1), nb.Beam(), detector, 100.0)
    assert all(((i == 0) | p.mask).all() for i, p in zip(image, detector.panels) if p.mask is not None)


def test_panels_not_to_be_used(folder):
    a, b = geom(folder, more="b/no_index = 1").panels
    assert a.mask is None and not b.mask.any()
    with pytest.warns(nb.NumbraggWarning, match="no pixel of any panel is good"):
        geom(folder, "no_index = 1")


MASKED = """\
mask0_data = /entry/mask
mask0_file = mask.h5
mask0_badbits = 0x6
mask0_goodbits = 0x1
"""


def masks(folder, values, words="", top=""):
    """The masks of both panels, of a file with an array."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(folder / "mask.h5", "w") as file:
        file["entry/mask"] = values
    return [panel.mask for panel in geom(folder, MASKED + top, words).panels]


@pytest.mark.parametrize("kind", ["u1", "<i8", "f4", ">u2"])
@pytest.mark.parametrize("layout", ["plain", "turned", "event", "module"])
def test_masks_of_files(folder, layout, kind):
    """A pixel is good if it has all good bits and no bad one, whatever the order of dimensions."""
    values = np.random.default_rng(5).choice([0, 1, 1, 1, 3, 5, 9, 17], (4, 12))
    top = {"plain": "", "turned": "dim0 = fs\ndim1 = ss", "event": "dim0 = %\ndim1 = ss\ndim2 = fs",
           "module": "dim0 = 1\ndim1 = ss\ndim2 = fs"}[layout]
    stored = {"plain": values, "turned": values.T, "event": values, "module": np.stack([0 * values, values])}[layout]
    found = masks(folder, stored.astype(kind), "bad_r/panel = b\nbad_r/min_fs = 6\nbad_r/max_fs = 6\nbad_r/min_ss = 1\n"
                                               "bad_r/max_ss = 1", top)
    good = np.array([[int(v) & 1 == 1 and int(v) & 6 == 0 for v in row] for row in values])
    good[1, 6] = False
    assert [mask.tolist() for mask in found] == [good[:, :6].tolist(), good[:, 6:].tolist()]


@pytest.mark.parametrize("change, message", [
    ("mask0_badbits = -1", r"a.geom, line 7: mask0_badbits: '-1' must be a whole number of 32 bits"),
    ("mask0_data = /entry/none", "a.geom, line 7: mask0_data: '/entry/none' of 'mask.h5' is no array of numbers"),
    ("mask0_data = /entry", "a.geom, line 7: mask0_data: '/entry' of 'mask.h5' is no array of numbers"),
    ("dim0 = ss\ndim1 = ss", "dimensions, ss, ss, must have fs and ss once each"),
    ("dim0 = fs\ndim1 = ss", r"of shape \(4, 12\), does not have panel 'a' \(dimensions fs, ss; fs 0 to 5, ss 0 to 3"),
    ("mask0_file = a.geom", "a.geom: is not a readable HDF5 file"),
    ("mask0_file = .", ".: is no regular file"),
])
def test_masks_that_are_refused(folder, change, message):
    with pytest.raises(FileFormatError, match=message) as caught:
        masks(folder, np.ones((4, 12), np.uint8), "", change)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("change, words, loud", [
    ("mask0_file = none.h5", "mask file 'none.h5' is not there", True),
    ("mask0_data = /entry/%/mask", "has placeholders of events", True),
    ("mask0_file =", "lies in the images and is not read", False)])
def test_masks_that_are_not_read_are_told(folder, change, words, loud):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        detector = geom(folder, MASKED + change)
    assert any(words in note for note in detector.notes)
    assert [words in str(each.message) for each in caught] == [True] * loud
    assert all(panel.mask is None for panel in detector.panels)


def test_a_panel_that_cannot_be_is_an_error_of_the_file(folder):
    (folder / "a.geom").write_text(GEOM.format(extra="", more="b/ss = 2y\n"))
    with pytest.raises(ValueError, match="a.geom, line 12: panel 'b': slow_mm: .* must not be parallel"):
        nb.Detector.from_geom("a.geom")


# -- frames


def test_each_convention_sees_the_same_scene(folder):
    """Panels turned with the beam, y kept: scattering angles and distances stay, and the beam is along its axis."""
    detector = geom(folder)
    angles = detector.scattering_angles_deg()
    for convention, frame in CONVENTIONS.items():
        turned = detector.in_convention(convention)
        assert turned.convention == convention
        assert np.abs(turned.scattering_angles_deg() - angles).max() < 1e-12
        beam = np.array(frame.beam, float)
        for before, after in zip(detector.panels, turned.panels, strict=True):
            # z goes to the beam, y stays, x completes the frame
            axes = np.stack([np.cross((0, 1, 0), beam), (0, 1, 0), beam], axis=1)
            for name in ("origin_mm", "fast_mm", "slow_mm"):
                assert np.array_equal(axes @ getattr(before, name), getattr(after, name))
        back = turned.in_convention("adxv")
        assert all(p.origin_mm == q.origin_mm and p.slow_mm == q.slow_mm
                   for p, q in zip(back.panels, detector.panels, strict=True))
    custom = detector.in_convention("custom", beam_direction=(0.1, -2.0, 0.3))
    beam = nb.Beam(direction=(0.1, -2.0, 0.3), polarisation_axis=(1, 0, 0))
    assert np.abs(custom.scattering_angles_deg(beam=beam) - angles).max() < 1e-12
    dials = detector.in_convention("custom", beam_direction=(0, 0, -1)).panels[0]
    x, y, z = detector.panels[0].origin_mm
    assert dials.origin_mm == (-x, y, -z)


@pytest.mark.parametrize("convention, axes", [("mosflm", ("z", "y", "-x")), ("denzo", ("z", "y", "-x")),
                                              ("adxv", ("x", "y", "z")), ("xds", ("x", "y", "z")),
                                              ("dials", ("x", "y", "z"))])
def test_axes_of_each_convention(convention, axes):
    panel = nb.Panel(origin_mm=(1, 2, 3), fast_mm=(0, 0.1, 0), slow_mm=(0.1, 0, 0), pixels=(2, 2))
    values = {"x": 1.0, "y": 2.0, "z": 3.0, "-x": -1.0}
    turned = nb.Detector(panels=[panel], convention="adxv").in_convention(convention).panels[0]
    assert turned.origin_mm == tuple(values[axis] for axis in axes)


@pytest.mark.parametrize("detector, how, message", [
    (nb.Detector(), dict(convention="xds"), "this detector is one plane"),
    (nb.detectors.eiger2_4m(100), dict(convention="x"), "convention: 'x' must be one of"),
    (nb.detectors.eiger2_4m(100), dict(convention="custom"), "beam_direction: None goes with"),
    (nb.detectors.eiger2_4m(100), dict(convention="xds", beam_direction=(0, 0, 1)), "goes with convention 'custom'"),
    (nb.Detector(panels=nb.detectors.rayonix_mx340hs(9).panels, convention="custom"), dict(convention="xds"),
     "in the frame custom")])
def test_what_cannot_be_put_into_another_frame(detector, how, message):
    with pytest.raises(ValueError, match=message):
        detector.in_convention(**how)


# -- DIALS

RNG = np.random.default_rng(3)


def rotation():
    found, _ = np.linalg.qr(RNG.normal(size=(3, 3)))
    return found * math.copysign(1.0, np.linalg.det(found))


def frame_of(turn, origin):
    return {"fast_axis": turn[:, 0].tolist(), "slow_axis": turn[:, 1].tolist(), "origin": list(origin)}


def write_expt(folder, name="a.expt", towards=(0.0, 0.0, 1.0), **more):
    """Three panels in two groups. Returns the path and each panel's matrix (columns fast, slow, origin)."""
    turns = [rotation() for _ in range(6)]
    shifts = [RNG.uniform(-20, 20, 3) for _ in range(6)]
    shifts[0] = shifts[0] - [0, 0, 250]
    panels = [frame_of(turns[n], shifts[n]) | {"name": f"p{n}", "pixel_size": [0.1, 0.2], "image_size": [5, 4 + n],
                                               "thickness": 0.3, "mu": 4.0, "mask": [[1, 2, 3, 4]]}
              for n in (3, 4, 5)]
    hierarchy = frame_of(turns[0], shifts[0]) | {"children": [
        frame_of(turns[1], shifts[1]) | {"children": [{"panel": 2}, {"panel": 0}]},
        frame_of(turns[2], shifts[2]) | {"children": [{"panel": 1}]}]}
    content = {"__id__": "ExperimentList", "experiment": [{"detector": 0, "beam": 0}],
               "detector": [{"panels": panels, "hierarchy": hierarchy}],
               "beam": [{"direction": list(towards), "wavelength": 1.1}], "crystal": [], **more}
    path = folder / name
    path.write_text(json.dumps(content))
    places = []
    for number, group in ((3, 1), (4, 2), (5, 1)):
        outer = turns[0] @ turns[group]
        origin = turns[0] @ (turns[group] @ shifts[number] + shifts[group]) + shifts[0]
        places.append(np.stack([outer @ turns[number][:, 0] * 0.1, outer @ turns[number][:, 1] * 0.2, origin], axis=1))
    return path, places


@pytest.mark.parametrize("towards", [(0.0, 0.0, 1.0), (0.0, 0.0, 3.0), (0.02, -0.03, 1.0), (1.0, 0.0, 0.0)])
def test_places_of_dials(folder, towards):
    """A frame in a frame in a frame; then half a turn about y, and the beam brought to z by the least turn."""
    path, places = write_expt(folder, towards=towards)
    detector = nb.Detector.from_expt(path)
    half = np.diag([-1.0, 1.0, -1.0])
    beam = half @ (-np.array(towards) / np.linalg.norm(towards))
    # two reflections make the least turn: through the plane half way, and through that of the beam
    middle = (beam + (0, 0, 1)) / np.linalg.norm(beam + (0, 0, 1))
    least = (np.eye(3) - 2 * np.outer((0, 0, 1), (0, 0, 1))) @ (np.eye(3) - 2 * np.outer(middle, middle))
    assert np.allclose(least @ beam, (0, 0, 1), atol=1e-15)
    for panel, place in zip(detector.panels, places, strict=True):
        for f, s in CORNERS:
            ours = np.array(panel.origin_mm) + f * np.array(panel.fast_mm) + s * np.array(panel.slow_mm)
            assert np.abs(ours - least @ half @ place @ (f, s, 1)).max() < 1e-9
    assert [panel.pixels for panel in detector.panels] == [(5, 7), (5, 8), (5, 9)]
    assert detector.panels[0].sensor_thickness_um == 300.0 and detector.panels[0].attenuation_depth_um == 250.0
    expected = np.ones((7, 5), bool)
    expected[2:4, 1:3] = False
    assert detector.panels[0].mask.tolist() == expected.tolist()
    assert any("degrees off" in note for note in detector.notes) == (towards[0] != 0.0)


def test_experiments_by_number(folder):
    path, _ = write_expt(folder)
    content = json.loads(path.read_text())
    second = json.loads(json.dumps(content["detector"][0]))
    second["panels"][0]["image_size"] = [9, 9]
    content["detector"].append(second)
    content["experiment"] += [{"detector": 1, "beam": 0}]
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match="index: None, but the 2 experiments .* have 2 different"):
        nb.Detector.from_expt(path)
    assert nb.Detector.from_expt(path, 0).panels[0].pixels == (5, 7)
    assert nb.Detector.from_expt(path, 1).panels[0].pixels == (9, 9)
    with pytest.raises(ValueError, match="index: 2, but .* has 2 experiments"):
        nb.Detector.from_expt(path, 2)
    with pytest.raises(ValueError, match="index: -1"):
        nb.Detector.from_expt(path, -1)


def test_no_beam_no_hierarchy_and_an_older_sensor(folder):
    path, _ = write_expt(folder)
    content = json.loads(path.read_text())
    del content["beam"], content["detector"][0]["hierarchy"], content["experiment"][0]["beam"]
    content["detector"][0]["panels"][1]["px_mm_strategy"] = {"type": "x", "mu": 2.0, "t0": 0.1}
    path.write_text(json.dumps(content))
    detector = nb.Detector.from_expt(path)
    x, y, z = content["detector"][0]["panels"][2]["origin"]
    assert detector.panels[2].origin_mm == (-x, y, -z) and "no beam" in detector.notes[0]
    assert (detector.panels[1].sensor_thickness_um, detector.panels[1].attenuation_depth_um) == (100.0, 500.0)


@pytest.mark.parametrize("change, message", [
    (lambda c: c.pop("detector"), "it has no 'detector'"),
    (lambda c: c["experiment"][0].update(detector=3), "experiment: detector: '3' must be the number of one of 1"),
    (lambda c: c["experiment"][0].pop("detector"), "experiment 0 has no detector"),
    (lambda c: c["detector"][0]["panels"][0].pop("origin"), r"panels\[0\].origin: 'nothing'|nothing must be 3 numbers"),
    (lambda c: c["detector"][0]["panels"][1].update(fast_axis=[0, 0, 0]), r"panels\[1\].fast_axis: .* a direction"),
    (lambda c: c["detector"][0]["panels"][1].update(slow_axis=c["detector"][0]["panels"][1]["fast_axis"]),
     "at right angles"),
    (lambda c: c["detector"][0]["panels"][1].update(fast_axis=[1, 0, 0], slow_axis=[-0.5, -0.866, 0]),
     "at right angles"),
    (lambda c: c["detector"][0]["panels"][0].update(pixel_size=[0, 1]), "pixel_size: .* above 0 mm"),
    (lambda c: c["detector"][0]["panels"][0].update(image_size=[1.5, 1]), "image_size: .* numbers of pixels"),
    (lambda c: c["detector"][0]["panels"][0].update(thickness=-1), "0 or above"),
    (lambda c: c["detector"][0]["hierarchy"]["children"].pop(), "panel 1 is not in it"),
    (lambda c: c["detector"][0]["hierarchy"]["children"].append({"panel": 1}), "panel 1 is in it twice"),
    (lambda c: c["detector"][0]["hierarchy"]["children"].append({"panel": 7}), "number of one of 3 panels"),
    (lambda c: c["detector"][0]["panels"][0].update(mask=[[1, 2]]), r"mask\[0\]: .* must be 4 numbers"),
    (lambda c: c["beam"][0].update(direction=[0, 0, 0]), "direction"),
    (lambda c: c["detector"][0].update(panels=[]), "one or more panels")])
def test_refusals_name_the_place(folder, change, message):
    path, _ = write_expt(folder)
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=message) as caught:
        nb.Detector.from_expt(path)
    assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe", b"[" * 200000,
                                     b'{"detector": ' + b"9" * 5000 + b"}"])
def test_what_is_no_list_of_experiments(folder, content):
    (folder / "x.expt").write_bytes(content)
    with pytest.raises(ValueError, match="^x.expt: ") as caught:
        nb.Detector.from_expt("x.expt")
    assert "\n" not in str(caught.value) and str(caught.value).isascii()


PIECES = st.sampled_from(["null", "[]", "{}", "-1", "1e999", "NaN", '"a"', "0", ",", "]", "true", "0.5"])


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 12), PIECES), min_size=1, max_size=3))
def test_whatever_the_text_it_is_read_or_refused_in_one_line(folder, changes):
    path, _ = write_expt(folder)
    text = path.read_text()
    for place, removed, added in changes:
        start = int(place * len(text))
        text = text[:start] + added + text[start + removed:]
    path.write_text(text)
    try:
        nb.Detector.from_expt(path)
    except ValueError as error:
        assert "\n" not in str(error) and str(error).isascii()


# -- by name


@pytest.mark.parametrize("name, modules, whole, module, pixel", [
    ("eiger2_16m", (4, 8), (4148, 4362), (1028, 512), 0.075),
    ("eiger2_4m", (2, 4), (2068, 2162), (1028, 512), 0.075),
    ("pilatus3_6m", (5, 12), (2463, 2527), (487, 195), 0.172),
    ("jungfrau_4m", (2, 4), (2068, 2164), (1030, 514), 0.075),
    ("rayonix_mx340hs", (1, 1), (3840, 3840), (3840, 3840), 0.08854)])
def test_named_detectors(name, modules, whole, module, pixel):
    make = getattr(nb.detectors, name)
    detector = make(123.0)
    assert len(detector.panels) == modules[0] * modules[1] and detector.notes
    assert {panel.pixels for panel in detector.panels} == {module}
    # pixels of the whole that modules cover, none twice, from the corner of the first to that of the last
    covered = np.zeros(whole[::-1], bool)
    left, top, _ = detector.panels[0].origin_mm
    for panel in detector.panels:
        x, y, z = panel.origin_mm
        fast, slow = round((left - x) / pixel), round((top - y) / pixel)
        part = covered[slow:slow + module[1], fast:fast + module[0]]
        assert part.shape == module[::-1] and not part.any() and z == 123.0
        assert abs((left - x) / pixel - fast) < 1e-9 and panel.sensor_thickness_um > 0.0
        part[:] = True
    assert covered[0, 0] and covered[-1, -1]
    assert abs(left - whole[0] * pixel / 2) < 1e-9 and abs(top - whole[1] * pixel / 2) < 1e-9
    moved = make(123.0, beam_centre_pixels=(10.0, 20.0), sensor_thickness_um=0.0)
    assert moved.panels[0].origin_mm == pytest.approx((10 * pixel, 20 * pixel, 123.0))
    assert moved.panels[0].sensor_thickness_um == 0.0
    with pytest.raises(ValueError, match="distance_mm: 0 must be above 0"):
        make(0)


def test_binning():
    assert nb.detectors.rayonix_mx340hs(100, binning=8).shape == (960, 960)
    with pytest.raises(ValueError, match="binning: 7 must be one of"):
        nb.detectors.rayonix_mx340hs(100, binning=7)


@pytest.mark.parametrize("extra, how, note", [
    ("clen = 100", {}, "clen and coffset put panel a 100000 mm from the sample; clen is in metres, where no mm stands"
     " behind it (2 of 2 panels)"),
    ("clen = 0.2 mm", {}, "clen and coffset put panel a 0.2 mm from the sample; clen is in metres, where no mm stands"
     " behind it (2 of 2 panels)"),
    ("clen = -0.1", {}, "clen and coffset put panel a -100 mm from the sample; pixels lie on the side where the beam"
     " comes from (2 of 2 panels)"),
    ("", {"distance_mm": 1e5}, "distance_mm and coffset put panel a 100000 mm from the sample; distance_mm is in"
     " millimetres (2 of 2 panels)"),
    ("res = 0.0001", {}, "res of panel a, 0.0001 pixels per metre, makes pixels of 1e+07 mm; res is 1 / the size of a"
     " pixel [m] (2 of 2 panels)"),
    ("res = 100e-6", {}, "res of panel a, 0.0001 pixels per metre, makes pixels of 1e+07 mm; res is 1 / the size of a"
     " pixel [m] (2 of 2 panels)"),
    ("", {"distance_mm": 50, "more": "a/clen = 0.07\nb/clen = 0.08"}, "distance_mm, 50, replaces the clen of every"
     " panel, 70 to 80 mm: their offsets along the beam are lost, but for coffset")])
def test_numbers_that_are_probably_in_another_unit(folder, extra, how, note):
    with pytest.warns(nb.NumbraggWarning) as caught:
        detector = geom(folder, extra, **how)
    assert f"geometry: {note}" in [str(warning.message) for warning in caught]
    assert f"geometry: {note}" in detector.notes


def test_a_tab_before_the_unit(folder):
    detector = geom(folder, "clen = 100\tmm")
    assert detector.panels[0].origin_mm[2] == pytest.approx(100.0)
