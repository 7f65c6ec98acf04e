"""Images that are no use are told of: in Python, on the command line, of every panel."""

import warnings

import numpy as np
import pytest

import numbragg as nb
from numbragg.commands.cli import main
from numbragg.io.smv import read_image
from numbragg.kernels.physics.records import Window
from numbragg.render.image_notes import image_notes

CRYSTAL = nb.Crystal(cell=(50, 60, 70, 90, 90, 90), n_cells=3)
SCENE = "-cell 50 60 70 90 90 90 -N 3 -detpixels 8 -seed 1 --quiet".split()


@pytest.mark.parametrize("value, said", [
    (np.inf, "image: 1 of 6 pixels infinite or NaN, the first at 2 1 (fast slow): not all of them are finite"),
    (np.nan, "image: 1 of 6 pixels infinite or NaN, the first at 2 1"),
    (-np.inf, "image: 1 of 6 pixels infinite or NaN"),
    (-2.5, "image: 1 of 6 pixels negative, down to -2.5"), (-0.0, None), (3.4e38, None), (0.0, None)])
def test_odd_pixels(value, said):
    image = np.ones((4, 5), np.float32)
    image[1, 2] = value
    notes = image_notes(image, Window(1, 2, 0, 2))
    assert notes == () if said is None else notes[0].startswith(said)
    assert len(notes) == (0 if said is None else 2 if value == -np.inf else 1)
    # what was not computed is not looked at
    assert image_notes(image, Window(3, 4, 0, 3)) == image_notes(image, Window(3, 2, 0, 3)) == ()


@pytest.mark.parametrize("detector, crystals", [
    (nb.Detector(pixels=(8, 6)), CRYSTAL), (nb.Detector(pixels=(8, 6)), [CRYSTAL, CRYSTAL]),
    (nb.Detector(pixels=(8, 6), windows=[(0, 0, 8, 3), (0, 3, 8, 3)]), CRYSTAL)])
def test_an_image_that_overflows_is_a_warning(detector, crystals):
    with pytest.warns(nb.NumbraggWarning, match="^image: .* not all of them are finite") as record:
        result = nb.Simulator(detector, nb.Beam(), 1e300).run(crystals)
    assert len(record) == 1 and record[0].filename == __file__
    assert str(record[0].message) in result.notes and not np.isfinite(result.image).all()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nb.Simulator(detector, nb.Beam(), 10.0).run(crystals)


def test_the_integer_image_of_an_infinite_one(folder, capfd):
    assert main([*SCENE, "-default_F", "1e300"]) == 0
    said = capfd.readouterr().err
    assert "warning: image: 64 of 64 pixels infinite or NaN" in said
    assert "warning: intimage.img: its automatic scale is 0, for the largest pixel is infinite" in said
    assert main([*SCENE, "-default_F", "1e300", "-scale", "1"]) == 0
    assert "automatic scale" not in capfd.readouterr().err


@pytest.mark.parametrize("words, cut", [
    ("-scale 1e9", True), ("-scale 1e-9", False), ("-adc 30000", True), ("-adc 10000", False), ("", False),
    ("-adc 70000", False), ("-scale 1e9 -adc 70000", False)])
def test_an_integer_image_that_is_cut_off(words, cut, folder, capfd):
    """By the scale or the offset; an offset that leaves nothing is told of without a number."""
    assert main([*SCENE, "-default_F", "10", *words.split()]) == 0
    said, full = capfd.readouterr().err, np.count_nonzero(read_image("intimage.img")[1] == 65535)
    numbers = [line for line in said.splitlines() if "at 65535, the limit of 16 bits: the scale is " in line]
    assert len(numbers) == cut and (not cut or f"warning: intimage.img: {full} pixel" in numbers[0])
    assert ("-adc 70000: beyond 16 bits" in said) == (words.endswith("70000")) and (full > 0) == (said != "")


def test_an_integer_image_that_is_cut_off_in_python():
    image = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)
    for settings, said in (({"scale": 25000.0}, "integer image: 2 pixels at 65535, .* the scale is 25000, the offset"),
                           ({"adc_offset": 12000.0}, "integer image: 1 pixel at 65535, .* the offset 12000"),
                           ({"adc_offset": 7e4}, "adc_offset: 70000 is beyond 16 bits: every pixel becomes 65535")):
        with pytest.warns(nb.NumbraggWarning, match=f"^{said}") as record:
            nb.integer_image(image, **settings)
        assert len(record) == 1 and record[0].filename == __file__
    for offset, said in ((7e4, "adc_offset: 70000 is beyond 16 bits"), (-5.0, "adc_offset: -5: the noise image has")):
        with pytest.warns(nb.NumbraggWarning, match=f"^{said}") as record:
            nb.add_noise(image, seed=1, adc_offset=offset)
        assert len(record) == 1 and record[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nb.integer_image(image, scale=16000.0)
        nb.add_noise(image, seed=1, adc_offset=1000.0)


def test_the_integer_image_of_an_infinite_one_in_python():
    image = np.array([[1.0, np.inf], [np.nan, 3.0]], np.float32)
    with pytest.warns(nb.NumbraggWarning, match="^integer image: its automatic scale is 0") as record:
        integers = nb.integer_image(image)
    assert integers.tolist() == [[40, 0], [0, 40]] and record[0].filename == __file__
    with pytest.warns(nb.NumbraggWarning, match="^integer image: 1 pixel at 65535") as record:
        nb.integer_image(image, scale=1.0)
    assert len(record) == 1


def test_a_detector_from_behind(folder, capfd):
    assert main([*SCENE, "-default_F", "10", "-twotheta", "180"]) == 0
    said = capfd.readouterr().err
    assert "warning: detector: turned so far that it is hit from behind" in said
    assert "warning: image: 64 of 64 pixels negative, down to -" in said
    with pytest.warns(nb.NumbraggWarning, match="hit from behind"):
        nb.simulate(CRYSTAL, nb.Beam(), nb.Detector(pixels=(8, 6), twotheta_deg=180.0), 10.0)


def test_a_kahn_factor_that_there_is_none_of(folder, capfd):
    assert main([*SCENE, "-default_F", "10", "-polar", "2"]) == 0
    assert "warning: polarisation: a Kahn factor of 2, which is used as it is" in capfd.readouterr().err
    for words in (["-polar", "-1"], ["-polar", "2", "-nopolar"]):
        assert main([*SCENE, "-default_F", "10", *words]) == 0
        assert capfd.readouterr().err == ""
