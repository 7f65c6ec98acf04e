"""What a response does on a detector: both edges of a pixel, regions and masks, stages that hit nothing."""

from dataclasses import replace
import warnings

import numpy as np
import pytest

import numbragg as nb
from numbragg.response import Beamstop, Defects, Gaps, PointSpread
from numbragg.response.effects import effects

CRYSTAL = nb.Crystal(cell=(79, 79, 38, 90, 90, 90), n_cells=2, misset_deg=(10, 20, 30))
BEAM = nb.Beam(fluence_photons_per_m2=1e21)
PLANE = nb.Detector(pixels=(64, 48), distance_mm=100)
SPREAD = PointSpread(kind="gaussian", fwhm_um=500, method="direct")


def counted(detector=PLANE, **arguments):
    return nb.simulate_counts(CRYSTAL, BEAM, detector, 1e3, **{"seed": 9, **arguments})


# -- edges of pixels

def oblong(fast_mm, slow_mm):
    """A panel of which one pixel has light."""
    mask = np.zeros((41, 41), np.uint8)
    mask[20, 20] = 1
    panel = nb.Panel(origin_mm=(-20 * fast_mm, -20 * slow_mm, 60.0), fast_mm=(fast_mm, 0, 0), slow_mm=(0, slow_mm, 0),
                     pixels=(41, 41), mask=mask)
    return nb.Detector(panels=[panel])


@pytest.mark.parametrize("edges", [(0.1, 0.2), (0.2, 0.1), (0.1, 0.1)])
@pytest.mark.filterwarnings("ignore::numbragg.NumbraggWarning")
def test_light_spreads_equally_far_on_oblong_pixels(edges):
    camera = nb.Response(counting=False, point_spread=SPREAD)
    shot = counted(oblong(*edges), response=camera)
    camera = replace(camera, gain_adu_per_photon=1e8 / shot.image.max())
    shot = counted(oblong(*edges), response=camera)
    counts = shot.counts.astype(float)
    assert counts.sum() == pytest.approx(1e8, rel=1e-4)
    for axis, edge in ((0, edges[0]), (1, edges[1])):
        profile, at = counts.sum(axis), 1e3 * edge * (np.arange(41) - 20)
        # of a Gaussian: full width by 2.3548; pixels are means over their edge
        expected = (500 / 2.3548) ** 2 + (1e3 * edge) ** 2 / 12
        assert (profile * at ** 2).sum() / profile.sum() == pytest.approx(expected, rel=0.06)
    assert (shot.counts == camera.apply(shot.image, seed=9, pixel_mm=edges)).all()


def test_an_account_names_both_edges():
    from numbragg.results.account import account_of_panels
    from numbragg.results.report import _edges

    for edges, said, text in (((0.1, 0.2), [0.1, 0.2], "0.1 x 0.2"), ((0.1, 0.1), 0.1, "0.1")):
        result = nb.Simulator(oblong(*edges), BEAM, 1e3).run(CRYSTAL)
        facts = account_of_panels(result._panels, [result.outcome], [result.image], {})
        found = facts["detector"]["panels"][0]["pixel_mm"]
        assert found == pytest.approx(said) and _edges(found) == text


# -- regions and masks

ROI = (10, 39, 10, 29)
CAMERA = nb.Response(point_spread=SPREAD, readout_adu=3.0, offset_adu=40.0, dtype="uint16")


@pytest.mark.parametrize("background", [None, "water:5um"])
@pytest.mark.parametrize("method", ["direct", "fft"])
def test_counts_of_a_region_are_those_of_the_whole_image(method, background):
    camera = replace(CAMERA, point_spread=replace(SPREAD, method=method))
    whole, part = (counted(response=camera, background=background, roi=roi) for roi in (None, ROI))
    inside = np.s_[10:30, 10:40]
    assert (whole.image[inside] == part.image[inside]).all()
    assert (whole.counts[inside] == part.counts[inside]).all()
    if background:
        # light of the region alone would not do
        alone = camera.apply(part.image, seed=9, pixel_mm=0.1)
        assert (alone[inside] != part.counts[inside]).any()
    outside = np.ones(part.counts.shape, bool)
    outside[inside] = False
    # read-out noise and offset, and no light
    assert (part.image[outside] == 0).all() and abs(part.counts[outside].mean() - 40) < 0.5
    assert (part.mask == ~outside).all() and whole.mask.all()


def test_a_series_of_a_region():
    crystal = replace(CRYSTAL, oscillation_deg=0.5, phi_steps=2)
    whole, part = (nb.scan(nb.Simulator(PLANE, BEAM, 1e3, roi=roi, background="water:5um"), crystal, 2, noise_seed=9,
                           response=CAMERA) for roi in (None, ROI))
    for frame in (1, 0):
        assert (whole.counts(frame)[10:30, 10:40] == part.counts(frame)[10:30, 10:40]).all()


def test_regions_of_panels():
    panels = [nb.Panel(pixels=(40, 30), origin_mm=(-2 + 6.0 * n, -1, 80), fast_mm=(0.1, 0, 0), slow_mm=(0, 0.1, 0))
              for n in range(3)]
    detector = nb.Detector(panels=panels)
    whole, part = (counted(detector, response=CAMERA, roi=roi) for roi in (None, {0: (20, 39, 0, 9), 1: None}))
    assert (whole.counts[0][:10, 20:] == part.counts[0][:10, 20:]).all() and (whole.counts[1] == part.counts[1]).all()
    assert part.mask[0].sum() == 200 and part.mask[1].all() and not part.mask[2].any()


def test_masked_pixels_are_dark_and_do_not_count():
    mask = np.ones((48, 64), np.uint8)
    mask[:, 30:34] = 0
    camera = replace(CAMERA, defects=Defects(dead_pixels=[(0, 3, 4)]))
    shot = counted(replace(PLANE, mask=mask), response=camera)
    assert ("point_spread: no light falls on the 192 pixels that the detector's mask leaves out, and none spreads "
            "from them") in shot.notes
    mask[4, 3] = 0
    assert (shot.mask == mask).all()
    assert (shot.counts == camera.apply(shot.image, seed=9, pixel_mm=0.1)).all()


# -- what hits nothing

SHAPES, EDGES = [(48, 64), (20, 30)], [(0.1, 0.1), (0.1, 0.2)]


@pytest.mark.parametrize("camera, said", [
    (nb.Response(defects=Defects(dead_pixels=[(0, 63, 47), (1, 29, 19)])), []),
    (nb.Response(defects=Defects(dead_pixels=[(0, 63, 47), (1, 30, 4)])),
     ["defects.dead_pixels: (1, 30, 4) lies outside its panel of 30 x 20 pixels (fast x slow), and has no effect"]),
    (nb.Response(defects=Defects(dead_pixels=[(0, 0, 48), (1, 30, 4), (1, 31, 4), (1, 32, 4)])),
     ["defects.dead_pixels: (0, 0, 48), (1, 30, 4), (1, 31, 4) and 1 more lie outside their panels, the first of 64 x "
      "48 pixels (fast x slow), and have no effect"]),
    (nb.Response(defects=Defects(hot_adu=3)),
     ["defects.hot_adu: 3 has no effect without a hot_fraction: no pixel is hot"]),
    (nb.Response(defects=Defects(hot_adu=3, hot_fraction=0.1)), []),
    (nb.Response(beamstop=Beamstop(centre_pixels=(70, 20), radius_pixels=6.6)), []),
    (nb.Response(beamstop=Beamstop(centre_pixels=(70, 20), radius_pixels=6.4)),
     ["beamstop: a disc of radius 6.4 at 70 20 covers no pixel of its panel of 64 x 48 pixels (fast x slow), and has "
      "no effect"]),
    (nb.Response(beamstop=Beamstop(centre_pixels=(10, 20), radius_pixels=0.4)),
     ["beamstop: a disc of radius 0.4 at 10 20 covers no pixel of its panel of 64 x 48 pixels (fast x slow), and has "
      "no effect"]),
    (nb.Response(gaps=Gaps(module_pixels=(64, 48), gap_pixels=(2, 2))),
     ["gaps: no pixel lies between modules of 64 x 48 with gaps of 2 x 2 pixels: no panel is larger than a module"]),
    (nb.Response(gaps=Gaps(module_pixels=(31, 48), gap_pixels=(2, 2))), []),
    (nb.Response(gaps=Gaps(module_pixels=(30, 30), gap_pixels=(2, 2))),
     ["gaps: panel 0 of 64 x 48 pixels (fast x slow) is not made of whole modules of 30 x 30 with gaps of 2 x 2 pixels,"
      " which are laid from its corner on: 312 pixels lie in gaps"]),
    (nb.Response(gaps=Gaps(module_pixels=(3, 3), gap_pixels=(0, 0))), ["gaps: of 0 x 0 pixels have no effect"]),
])
def test_stages_that_hit_nothing(camera, said):
    assert effects(camera, SHAPES, EDGES) == said
    # what is said is what is so
    masked = sum(int((camera.mask(shape, number) == 0).sum()) for number, shape in enumerate(SHAPES))
    if camera.gaps is not None and said and "lie in gaps" in said[0]:
        assert f" {masked} pixels lie in gaps" in said[0]
    if camera.gaps is not None and said and "no" in said[0].split():
        assert masked == 0
    if camera.beamstop is not None:
        dark = replace(camera, counting=False).apply(np.ones((48, 64)), seed=1)
        assert (dark == 0).any() == (not said)


@pytest.mark.parametrize("camera, message", [
    (nb.Response(beamstop=Beamstop(centre_pixels=(1, 1), radius_pixels=3, panel=2)),
     "beamstop.panel: 2 must have a panel from 0 to 1, as the detector has 2"),
    (nb.Response(defects=Defects(dead_pixels=[(0, 1, 1), (7, 3, 4)])),
     "defects.dead_pixels: (7, 3, 4) must have a panel from 0 to 1, as the detector has 2"),
    (nb.Response(point_spread=PointSpread(kind="fibre", fwhm_um=8000)),
     "point_spread: fwhm_um 8000 with accuracy 0.01 spreads over 5219.06 pixels of 0.1 mm in each direction; must be "
     "at most 1000"),
])
def test_what_cannot_be_on_a_detector(camera, message):
    with pytest.raises(ValueError) as error:
        effects(camera, SHAPES, EDGES)
    assert str(error.value) == message


def test_before_anything_is_computed(monkeypatch):
    from numbragg.render.backends import CPU

    def stop(*_):
        raise AssertionError("rendered")

    monkeypatch.setattr(CPU, "render_shot", stop)
    wide = nb.Response(point_spread=PointSpread(kind="fibre", fwhm_um=8000))
    with pytest.raises(ValueError, match="point_spread: fwhm_um 8000"):
        counted(response=wide)
    crystal = replace(CRYSTAL, oscillation_deg=0.5, phi_steps=2)
    with pytest.raises(ValueError, match="point_spread: fwhm_um 8000"):
        nb.scan(nb.Simulator(PLANE, BEAM, 1e3), crystal, 2, response=wide)


def test_warned_once_and_in_the_notes():
    camera = nb.Response.named("pilatus")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        shot = counted(nb.Detector(pixels=(30, 240), pixel_mm=0.172), response=camera)
    said = [str(each.message) for each in told if "gaps" in str(each.message)]
    assert said == ["gaps: the panel of 30 x 240 pixels (fast x slow) is not made of whole modules of 487 x 195 with "
                    "gaps of 7 x 17 pixels, which are laid from its corner on: 510 pixels lie in gaps"]
    assert said[0] in shot.notes and (shot.mask == 0).sum() == 510
    assert "gaps: no pixel lies between modules" in " ".join(counted(response=camera).notes)


def test_named_detectors_whole_are_made_of_modules():
    for name, pixels in (("pilatus", (2463, 2527)), ("eiger", (4148, 4362)), ("jungfrau", (2068, 2164))):
        assert effects(nb.Response.named(name), [pixels[::-1]], [(0.1, 0.1)]) == []
