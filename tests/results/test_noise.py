"""Photon noise, integer and grey images, statistics: bits against the oracle, and every refusal."""

import doctest

from naive_random import NaiveStream, NaiveTable, naive_counts, naive_grey, naive_integer, naive_noise, naive_statistics
import numpy as np
import pytest

from numbragg.kernels.detector import digitise as kernels
from numbragg.kernels.detector.random import noise_image
import numbragg.results.digitise
from numbragg.results.digitise import add_noise, grey_image, integer_image, photon_counts
from numbragg.scene.rotations import Generator, mosaic_domains

F = np.float32

# the interpreted kernels meet NaN and overflow in numpy scalars, which warn
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

SPECIAL = np.array([
    [np.nan, np.inf, -np.inf, 0.0, -0.0, -3.0, 1e-40, 3e38],
    [12.0, np.nextafter(F(12), F(0)), 1e6, np.nextafter(F(1e6), F(2e6)), 65495.0, 65535.0, 65536.0, 2.5e6],
    [0.5, 1.5, 2.5, 254.4, 254.6, 255.0, 256.0, 1e10]], dtype=np.float32)
WHOLE = (0, 7, 0, 2)


def picture(seed=1, shape=(13, 17), top=5.0):
    return (10.0 ** np.random.default_rng(seed).uniform(-2, top, shape)).astype(np.float32)


def noise(image, roi, adc, stream, out):
    return noise_image(np.ascontiguousarray(image, dtype=np.float32), roi, float(adc), stream, out)


# -- noise


@pytest.mark.parametrize("seed", [0, 1, 2, 12345, 2147483647, 2**63 - 1])
@pytest.mark.parametrize("adc", [40.0, 0.0, -5.0, 0.75, -0.5, -990000.0, 1e30, -1e30, 65535.0])
def test_noise_as_the_oracle(seed, adc):
    for image in (SPECIAL, picture(seed % 97)):
        roi = (0, image.shape[1] - 1, 0, image.shape[0] - 1)
        expected, total, overloads = naive_noise(image, roi, adc, NaiveStream(seed))
        out = np.zeros(image.shape, dtype=np.uint16)
        got = noise(image, roi, adc, Generator().stream(seed), out)
        assert (out == expected).all()
        assert (got[0] == total or np.isnan(got[0]) and np.isnan(total)) and got[1] == overloads
        assert (add_noise(image, seed=seed, adc_offset=adc) == expected).all()


def test_noise_worst_values():
    # zero photons, so the offset alone is digitised
    zero = np.zeros((1, 1))
    for adc, expected in ((40, 40), (65535, 65535), (65535.5, 65535), (np.nextafter(65535, 0), 65534),
                          (1e300, 65535), (-5, 65531), (-0.9, 0), (-1.0, 65535), (-1e300, 0), (-2.0**31, 0),
                          (-2.0**31 - 1, 0), (-2.0**31 + 1, 1), (-2.0**31 - 0.5, 0)):
        assert add_noise(zero, seed=1, adc_offset=adc)[0, 0] == expected, adc
    out = np.ones((1, 1), dtype=np.uint16)
    # infinite offsets cannot be asked for, but are defined
    assert noise(zero, (0, 0, 0, 0), np.nan, Generator().stream(1), out) == (0.0, 0) and out[0, 0] == 0
    assert noise(zero, (0, 0, 0, 0), np.inf, Generator().stream(1), out) == (0.0, 1) and out[0, 0] == 65535
    assert noise(zero, (0, 0, 0, 0), -np.inf, Generator().stream(1), out) == (0.0, 0) and out[0, 0] == 0


def test_noise_outside_the_region_keeps_the_integer_image():
    image = picture(3)
    out = np.full(image.shape, 7, dtype=np.uint16)
    roi = (2, 9, 4, 4)
    noise(image, roi, 40, Generator().stream(5), out)
    inside = np.zeros(image.shape, dtype=bool)
    inside[4:5, 2:10] = True
    expected, _, _ = naive_noise(image, roi, 40.0, NaiveStream(5))
    assert (out[inside] == expected[inside]).all() and (out[~inside] == 7).all()
    assert (add_noise(image, seed=5, roi=roi) == expected).all()
    # the region alone draws, so it is the noise of the region cut out
    assert (add_noise(image[4:5, 2:10], seed=5) == expected[4:5, 2:10]).all()


def test_regions_beyond_the_image_are_clipped_by_the_kernel():
    image = picture(3)
    out = np.zeros(image.shape, dtype=np.uint16)
    noise(image, (-3, 17, -1, 500), 40, Generator().stream(5), out)
    assert (out == add_noise(image, seed=5)).all()
    out[:] = 0
    assert noise(image, (50, 60, 0, 3), 40, Generator().stream(5), out) == (0.0, 0)
    assert not out.any()


def test_noise_of_a_simulation_with_negative_seed():
    generator, table = Generator(), NaiveTable()
    mosaic_domains(generator, 3, 0.01, 9)
    naive = NaiveStream(9, table)
    for _ in range(3):
        naive.rotation(0.01)
    image = picture(4)
    expected, _, _ = naive_noise(image, (0, 16, 0, 12), 40.0, NaiveStream(-5, table))
    assert (add_noise(image, seed=-5, generator=generator) == expected).all()
    # an ordinary seed does not care
    assert (add_noise(image, seed=5, generator=generator) == add_noise(image, seed=5)).all()


def test_photon_counts():
    for image in (SPECIAL, picture(8, top=7)):
        roi = (1, 6, 0, 1)
        expected = naive_counts(image, roi, NaiveStream(3))
        got = photon_counts(image, seed=3, roi=roi)
        assert got.dtype == np.float32
        np.testing.assert_array_equal(got, expected)  # NaN equals NaN here
    image = picture(8, top=4)
    whole = photon_counts(image, seed=3)
    assert (whole == np.floor(whole)).all()
    assert (add_noise(image, seed=3) == (whole + 40).astype(np.uint16)).all()


@pytest.mark.parametrize("form", ["list", "float64", "read-only", "transposed", "big-endian", "int"])
def test_forms_of_images(form):
    image = np.floor(picture(2, (6, 6), top=3))
    given = {"list": image.tolist(), "float64": image.astype(float), "read-only": image.copy(),
             "transposed": image.T.copy().T, "big-endian": image.astype(">f4"),
             "int": image.astype(int)}[form]
    if form == "read-only":
        given.flags.writeable = False
    assert (add_noise(given, seed=1) == add_noise(image, seed=1)).all()
    assert (integer_image(given) == integer_image(image)).all()
    assert (grey_image(given) == grey_image(image)).all()


def test_the_image_is_left_alone():
    image = picture()
    before = image.copy()
    add_noise(image, seed=1)
    photon_counts(image, seed=1)
    integer_image(image)
    grey_image(image)
    assert (image == before).all()


# -- integer and grey images


@pytest.mark.parametrize("scale, adc", [(1.0, 40.0), (0.3, 0.0), (1e-3, -5.0), (1e40, 40.0), (1.0, 1e300),
                                        (1.0, -1e300)])
def test_integer_image_as_the_oracle(scale, adc):
    for image in (SPECIAL, picture(6)):
        for roi in ((0, image.shape[1] - 1, 0, image.shape[0] - 1), (1, 5, 1, 2)):
            expected = naive_integer(image, roi, scale, adc)
            assert (integer_image(image, scale=scale, adc_offset=adc, roi=roi) == expected).all()


def test_integer_image_rounds_in_single_precision():
    # steps of float32 are 1/256 from 32768 on: 65000.498 + 0.5 becomes 65001 exactly
    image = np.zeros((1, 1), dtype=np.float32)
    for adc, expected in ((65000.498, 65000), (65000.4985, 65001), (0.498, 0), (0.5, 1), (65534.4999, 65535),
                          (65535.4, 65535), (-0.4, 0)):
        assert integer_image(image, scale=1.0, adc_offset=adc)[0, 0] == expected, adc
        assert naive_integer(image, (0, 0, 0, 0), 1.0, adc)[0, 0] == expected, adc


def test_integer_image_default_scale():
    image = picture(5)
    scale = 55000.0 / float(image.max())
    expected = naive_integer(image, (0, 16, 0, 12), scale, 40.0)
    for given in (None, 0, -1.5):
        assert (integer_image(image, scale=given) == expected).all()
    assert (integer_image(np.array([[0.0, -2.0, np.nan]])) == [[40, 38, 0]]).all()


@pytest.mark.parametrize("scale", [1.0, 0.37, -1.0, 1e30])
def test_grey_image_as_the_oracle(scale):
    for image in (SPECIAL, picture(7, top=3)):
        for roi in ((0, image.shape[1] - 1, 0, image.shape[0] - 1), (1, 5, 1, 2)):
            out = np.zeros(image.shape, dtype=np.uint8)
            kernels.grey_image(image, roi, scale, out)
            assert (out == naive_grey(image, roi, scale)).all()
            if scale > 0:
                assert (grey_image(image, scale=scale, roi=roi) == out).all()


def test_grey_image_default_scale():
    image = picture(5)
    roi = (0, 16, 0, 12)
    mask = np.random.default_rng(1).integers(0, 3, image.shape)
    for given in (None, mask):
        rmsd = naive_statistics(image, roi, given)[-1]
        assert (grey_image(image, mask=given) == naive_grey(image, roi, 250.0 / (5.0 * rmsd))).all()
    # no spread: the scale of the integer image
    assert (grey_image(np.full((2, 2), 3.0)) == 255).all()
    assert (grey_image(np.zeros((2, 2))) == 0).all()
    assert (grey_image(np.full((1, 1), -3.0), scale=-1) == 253).all()
    assert (grey_image(np.array([[np.nan, 7.0]])) == [[0, 255]]).all()


# -- statistics


@pytest.mark.parametrize("roi", [(0, 16, 0, 12), (3, 3, 2, 2), (2, 9, 0, 12), (0, 16, 12, 12)])
def test_statistics_as_the_oracle(roi):
    image = picture(9, top=12)
    mask = np.random.default_rng(2).random(image.shape) > 0.4
    for given in (kernels.NO_MASK, mask, np.zeros_like(mask)):
        expected = naive_statistics(image, roi, None if given is kernels.NO_MASK else given)
        assert kernels.image_statistics(image, roi, given) == expected[:6]
        assert kernels.image_summary(image, roi, given) == expected
        assert kernels.rms_deviation(image, roi, expected[6]) == expected[8]


def test_statistics_of_special_values():
    image = np.array([[-1.0, np.nan, 5.0, 5.0]], dtype=np.float32)
    assert kernels.image_statistics(image, (0, 3, 0, 0), kernels.NO_MASK)[:3] == (5.0, 0, 2)
    assert kernels.image_statistics(image, (0, 1, 0, 0), kernels.NO_MASK)[:3] == (0.0, -1, -1)
    # the square overflows in single precision
    huge = np.array([[2e19]], dtype=np.float32)
    assert kernels.image_statistics(huge, (0, 0, 0, 0), kernels.NO_MASK)[4] == np.inf
    empty = kernels.image_summary(huge, (3, 2, 0, 0), kernels.NO_MASK)
    assert empty == (0.0, -1, -1, 0.0, 0.0, 0, 0.0, 0.0, 0.0)


def test_both_images_in_one_call():
    image = picture(1, top=3)
    integers, greys = np.zeros(image.shape, np.uint16), np.zeros(image.shape, np.uint8)
    kernels.digital_images(image, (2, 8, 1, 9), 2.0, 40.0, integers, 0.5, greys)
    assert (integers == naive_integer(image, (2, 8, 1, 9), 2.0, 40.0)).all()
    assert (greys == naive_grey(image, (2, 8, 1, 9), 0.5)).all()


@pytest.mark.parametrize("x, expected", [
    (np.nan, 0), (np.inf, 0), (-np.inf, 0), (2.0**31, 0), (2.0**31 - 0.5, 65535), (-2.0**31 - 0.5, 0),
    (-2.0**31 - 1, 0), (-1.0, 65535), (-0.99, 0), (65536.0, 0), (65537.9, 1)])
def test_low_bits(x, expected):
    assert kernels.low_bits(x, 0xFFFF) == expected


# -- refusals


GOOD = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]


@pytest.mark.parametrize("function", [lambda image, **k: add_noise(image, seed=1, **k),
                                      lambda image, **k: photon_counts(image, seed=1, **k),
                                      integer_image, grey_image])
def test_bad_images_and_regions(function):
    for image in ([1.0, 2.0], 3.0, [[1j]], [["a"]], np.zeros((1, 2, 3)), [[None]]):
        with pytest.raises(ValueError, match="^image has shape .* two-dimensional array of real numbers$"):
            function(image)
    with pytest.raises(ValueError, match="^image has rows of different lengths"):
        function([[1.0], [1.0, 2.0]])
    for roi in ((0, 3, 0, 1), (0, 2, 0, 2), (-1, 1, 0, 1), (2, 1, 0, 0), (0, 1, 1, 0), (0, 1), "abcd", 5,
                (0.5, 1, 0, 1), (0, 1, 0, None), (0, np.nan, 0, 1), (0, np.inf, 0, 1)):
        with pytest.raises(ValueError, match="^roi: "):
            function(GOOD, roi=roi)


def test_masked_images():
    for function in (lambda image: add_noise(image, seed=1), integer_image, grey_image):
        with pytest.raises(ValueError, match="^image is a masked array: it must be"):
            function(np.ma.masked_array(GOOD, np.eye(2, 3)))


@pytest.mark.parametrize("value", [np.nan, np.inf, 10**400, "x", None, [1, 2], True, np.True_, "5", b"5", 1j,
                                   np.complex128(1), np.ma.masked, pytest.param(10**5000, id="unprintable")])
def test_bad_numbers(value):
    with pytest.raises(ValueError, match="^adc_offset is .* must be"):
        add_noise(GOOD, seed=1, adc_offset=value)
    with pytest.raises(ValueError, match="^adc_offset is .* must be"):
        integer_image(GOOD, adc_offset=value)
    if value is not None:
        for function in (integer_image, grey_image):
            with pytest.raises(ValueError, match="^scale is .* must be"):
                function(GOOD, scale=value)


@pytest.mark.parametrize("function", [add_noise, photon_counts])
def test_bad_seeds(function):
    for seed in (1.0, None, "7", 2**63, False):
        with pytest.raises(ValueError, match="^seed is .* must"):
            function(GOOD, seed=seed)
    with pytest.raises(ValueError, match="^seed is -3: a negative seed .* needs generator=$"):
        function(GOOD, seed=-3)
    assert function(GOOD, seed=np.int64(3)).shape == (2, 3)


def test_bad_mask():
    with pytest.raises(ValueError, match=r"^mask has shape \(3, 2\): it must be .* \(2, 3\)$"):
        grey_image(GOOD, mask=np.ones((3, 2)))


def test_examples():
    result = doctest.testmod(numbragg.results.digitise)
    assert result.attempted > 0 and result.failed == 0
