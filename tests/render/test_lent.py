"""Memory of images: lent once at a time, taken back when nobody looks at it any more, filled in full."""

import gc

import numpy as np
import pytest

import numbragg as nb
from numbragg.render import lent as lent_module
from numbragg.render.lent import Lent


def address(array):
    return array.__array_interface__["data"][0]


@pytest.mark.parametrize("hold", [
    lambda image: image, lambda image: image[2:, ::3], lambda image: image.T[1:].T, memoryview,
    lambda image: memoryview(image[1:]), lambda image: image.view(np.uint32), lambda image: np.asarray(image)[None],
    lambda image: np.lib.stride_tricks.as_strided(image, (2,), (4,)), lambda image: image.flat, lambda image: [image],
    lambda image: np.frombuffer(image), lambda image: image.reshape(-1)[3:]])
def test_nothing_is_lent_twice(hold):
    """Whatever looks at an image keeps its memory, and without it that is lent again."""
    lent = Lent(1 << 20)
    image = lent.image((6, 8))
    assert image.shape == (6, 8) and image.dtype == np.float32 and image.flags.writeable and image.flags.c_contiguous
    place, held = address(image), hold(image)
    del image
    others = [lent.image((6, 8)) for _ in range(3)]
    assert place not in map(address, others)
    del held, others
    gc.collect()
    again = [lent.image((6, 8)) for _ in range(4)]
    assert place in map(address, again) and len(set(map(address, again))) == 4


def test_sizes_are_not_mixed_and_limits_kept():
    lent = Lent(2 * 4 * 48)
    images = [lent.image((6, 8)) for _ in range(5)] + [lent.image((6, 9))]
    del images[:]
    assert {size: len(found) for size, found in lent._free.items()} == {4 * 48: 2, 4 * 54: 1} and not lent._watched
    image = lent.image((8, 6))
    lent.close()
    assert not lent._free
    del image
    assert not any(lent._free.values()) and not lent._watched


@pytest.mark.filterwarnings("ignore::numbragg.NumbraggWarning")
@pytest.mark.parametrize("fields", [{}, {"mask": np.arange(48 * 40).reshape(40, 48) % 3 > 0},
                                    {"windows": ((0, 0, 24, 40), (24, 0, 24, 40))}], ids=["plane", "mask", "windows"])
@pytest.mark.parametrize("roi", [None, (3, 20, 5, 30)])
@pytest.mark.parametrize("n_cells", [2, 4])
def test_no_pixel_of_an_earlier_image_is_left(fields, roi, n_cells, monkeypatch):
    """Also where a mask or a region leaves pixels alone, and where indices leave the list."""
    image = Lent.image

    def dirty(self, shape):
        made = image(self, shape)
        made.fill(np.nan)
        dirtied.append(made.shape)
        return made

    dirtied = []
    monkeypatch.setattr(lent_module.Lent, "image", dirty)
    detector = nb.Detector(pixels=(48, 40), pixel_mm=1.0, **fields)
    roi = [roi, None] if roi and "windows" in fields else roi
    made = nb.Simulator(detector, nb.Beam(polarisation_fraction=0.9), nb.StructureFactors.from_array(
        np.arange(1.0, 344.0).reshape(7, 7, 7), (-3, -3, -3)), roi=roi, threads=2)
    crystals = [nb.Crystal(cell=(60, 70, 80, 90, 90, 90), n_cells=n_cells, misset_deg=(n, 0, 0)) for n in range(7)]
    found = [np.array(one).tobytes() for one in made.images(crystals)]
    assert found == [np.array(made.image(each)).tobytes() for each in crystals]
    assert bool(dirtied) == (roi is None and "mask" not in fields)


@pytest.mark.filterwarnings("ignore::numbragg.NumbraggWarning")
def test_images_that_are_kept_stay_what_they_are():
    made = nb.Simulator(nb.Detector(pixels=(32, 32), pixel_mm=1.0), nb.Beam(), 100.0, threads=2)
    crystals = [nb.Crystal(cell=(60, 70, 80, 90, 90, 90), n_cells=4, misset_deg=(n, 0, 0)) for n in range(300)]
    kept, then = [], []
    for number, image in enumerate(made.images(crystals)):
        if number % 7 == 0:
            kept.append(image[3:])
            then.append(image[3:].tobytes())
    assert [image.tobytes() for image in kept] == then and len(set(then)) == len(then)
