"""The oracle for other people's tests: reference images, their cache, assertions, fixtures."""

from concurrent.futures import ThreadPoolExecutor
import hashlib
import subprocess
import sys

from formula_tools import alter
import numpy as np
import pytest

import numbragg as nb
from numbragg.commands.cli import main
from numbragg.testing import oracle
from numbragg.testing.oracle import as_numpy, assert_matches, assert_same_bits, reference_image

WORDS = "-cell 80 80 80 90 90 90 -default_F 100 -N 5 -lambda 1.2 -pixel 0.2 -detpixels_f 24 -detpixels_s 20"
OBJECTS = (nb.Crystal(cell=(80, 80, 80, 90, 90, 90), n_cells=5), nb.Beam(wavelength_angstrom=1.2),
           nb.Detector(pixels=(24, 20), pixel_mm=0.2), 100.0)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """A cache of reference images of its own; compiled kernels stay where they are."""
    monkeypatch.setattr(oracle, "_cache_folder", lambda: tmp_path / "reference")
    return tmp_path / "reference"


@pytest.fixture
def image():
    """An image with peaks and a plateau."""
    slow, fast = np.mgrid[:40, :50]
    waves = (2 + np.sin(slow * 0.9) * np.cos(fast * 0.7)).astype(np.float32)
    waves[10:14, 10:14] = 7.0
    return waves


# -- reference images


def test_command_line_and_objects_give_the_program_s_image(folder):
    assert main([*WORDS.split(), "-seed", "1", "--quiet"]) == 0
    wanted = np.fromfile("floatimage.bin", dtype=np.float32).reshape(20, 24)
    for scene in ((WORDS,), (WORDS.split(),), OBJECTS):
        found = reference_image(*scene)
        assert found.dtype == np.float32 and found.tobytes() == wanted.tobytes()
    part = reference_image(*OBJECTS, roi=(2, 9, 3, 7))
    assert np.array_equal(part[3:8, 2:10], wanted[3:8, 2:10]) and not part[0].any()


def test_revision_and_folder(tmp_path):
    (tmp_path / "two.hkl").write_text("0 0 0 10\n1 0 0 70\n")
    words = WORDS.replace("-default_F 100", "-hkl two.hkl") + " -phi 0 -osc 1 -phisteps 2"
    fixed = reference_image(words, folder=tmp_path)
    assert np.array_equal(fixed, reference_image(words, folder=tmp_path, revision="fixed"))
    main_ = reference_image(words, folder=tmp_path, revision="main")
    assert not np.array_equal(fixed, main_)
    assert np.array_equal(main_, reference_image(words + " --revision main", folder=tmp_path))
    # the file's content counts, not its name
    (tmp_path / "two.hkl").write_text("0 0 0 11\n1 0 0 70\n")
    assert not np.array_equal(fixed, reference_image(words, folder=tmp_path))


def test_folders_of_threads(tmp_path, monkeypatch):
    """The working folder, which threads share, is never changed: each reads the files of its own folder."""
    def no_change(path):
        raise AssertionError(f"the working folder became {path}")

    words, header = WORDS.replace("-default_F 100", "-hkl one.hkl -mat A.mat -sourcefile s.txt"), "0 0 0 {}\n1 0 0 70\n"
    folders = [tmp_path / name for name in "abcd"]
    for number, place in enumerate(folders):
        place.mkdir()
        (place / "one.hkl").write_text(header.format(10 + number))
        (place / "A.mat").write_text(f"0.01 0 0\n0 0.01{number} 0\n0 0 0.01\n")
        (place / "s.txt").write_text("-1 0 0 1 1.2e-10\n")
    wanted = []
    for place in folders:
        with monkeypatch.context() as patch:
            patch.chdir(place)
            wanted.append(reference_image(words, cache=False).tobytes())
    assert len(set(wanted)) == len(folders)
    monkeypatch.setattr(oracle.os, "chdir", no_change)
    with ThreadPoolExecutor(len(folders)) as pool:
        for _ in range(10):
            found = pool.map(lambda place: reference_image(words, folder=place, cache=False).tobytes(), folders)
            assert list(found) == wanted


def test_files_that_nobody_named_are_of_the_folder(tmp_path, monkeypatch):
    """Fdump.bin is read where no reflections are given, as the C program does; in the folder, not elsewhere."""
    (tmp_path / "one.hkl").write_text("0 0 0 10\n1 0 0 70\n")
    (tmp_path / "empty").mkdir()
    with monkeypatch.context() as patch:
        patch.chdir(tmp_path)
        assert main([*WORDS.replace("-default_F 100", "-hkl one.hkl").split(), "-seed", "1", "--quiet"]) == 0
    wanted = np.fromfile(tmp_path / "floatimage.bin", dtype=np.float32)
    plain = WORDS.replace("-default_F 100", "")
    assert reference_image(plain, folder=tmp_path).tobytes() == wanted.tobytes()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="no structure factors"):
        reference_image(plain, folder=tmp_path / "empty")
    model = reference_image(WORDS + " --spectrum tophat:1", folder=tmp_path)
    assert model.tobytes() == reference_image(WORDS + " --spectrum tophat:1").tobytes()


@pytest.mark.parametrize("arguments, said", [
    (((WORDS,), {"roi": (0, 1, 0, 1)}), "roi cannot be added to a command line"),
    (((WORDS + " --precision single",), {}), "a reference image is exact"),
    (((WORDS + " --summation kahan",), {}), "'kahan' does not go with precision='exact'"),
    ((OBJECTS, {"precision": "single"}), "a reference image is exact"),
    ((OBJECTS, {"folder": "."}), "folder: goes with a command line"),
    ((OBJECTS[:3], {}), "must be a command line, or a crystal"),
    (((3,), {}), "scene: int must be a command line"), (((WORDS.encode(),), {}), "scene: bytes must be a command line"),
    (((WORDS + " -misset random",), {}), "needs -misset_seed"),
    (((WORDS + " -nosuch",), {}), "nosuch"),
])
def test_scenes_that_are_refused(arguments, said):
    scene, settings = arguments
    with pytest.raises(ValueError, match=said):
        reference_image(*scene, **settings)


def renderings(monkeypatch):
    """List that grows with each image that is really computed."""
    from numbragg.render import simulation

    counted, real = [], simulation.render_prepared

    def render(*arguments, **settings):
        counted.append(1)
        return real(*arguments, **settings)

    monkeypatch.setattr(simulation, "render_prepared", render)
    return counted


def test_cache_is_used_and_knows_what_differs(own_cache, monkeypatch):
    counted = renderings(monkeypatch)
    first = reference_image(WORDS)
    again = reference_image(*OBJECTS)
    assert len(counted) == 1 and again.tobytes() == first.tobytes() and again is not first
    again[:] = 0
    assert reference_image(WORDS).any() and len(counted) == 1
    reference_image(WORDS + " -misset 1 2 3")
    reference_image(WORDS.replace("-default_F 100", "-default_F 101"))
    reference_image(*OBJECTS, roi=(0, 3, 0, 3))
    assert len(counted) == 4 and len(list(own_cache.iterdir())) == 4
    reference_image(WORDS, cache=False)
    assert len(counted) == 5
    assert oracle.clear_cache() == 4 and not list(own_cache.iterdir())


def test_a_mask_and_the_least_bit_of_a_number_make_another_key():
    prepared = oracle.prepare_scene(WORDS)
    key = oracle._key(prepared)
    assert oracle._key(oracle.prepare_scene(WORDS)) == key
    alter(prepared, mask=np.ones((20, 24), dtype=np.uint8))
    masked = oracle._key(prepared)
    prepared.mask[3, 4] = 0
    assert len({key, masked, oracle._key(prepared)}) == 3
    prepared = oracle.prepare_scene(WORDS)
    alter(prepared, scene=prepared.scene._replace(sampling=prepared.scene.sampling._replace(
        scale=np.nextafter(prepared.scene.sampling.scale, 1.0))))
    assert oracle._key(prepared) != key


@pytest.mark.parametrize("harm", [lambda content: content[:-7], lambda content: b"", lambda content: content[:40],
                                  lambda content: content[:-1] + bytes([content[-1] ^ 1])])
def test_damaged_files_are_made_anew(own_cache, monkeypatch, harm):
    counted = renderings(monkeypatch)
    wanted = reference_image(WORDS)
    path, = own_cache.iterdir()
    whole = path.read_bytes()
    path.write_bytes(harm(whole))
    assert reference_image(WORDS).tobytes() == wanted.tobytes()
    assert len(counted) == 2 and path.read_bytes() == whole


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(own_cache, monkeypatch):
    own_cache.write_text("in the way")
    counted = renderings(monkeypatch)
    assert reference_image(WORDS).tobytes() == reference_image(WORDS).tobytes()
    assert len(counted) == 2 and own_cache.read_text() == "in the way"


def test_two_processes_at_once(tmp_path):
    script = ("from numbragg.testing.oracle import reference_image; import hashlib, sys; "
              f"print(hashlib.sha256(reference_image({WORDS!r}).tobytes()).hexdigest())")
    wanted = hashlib.sha256(reference_image(WORDS, cache=False).tobytes()).hexdigest()
    both = [subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [process.communicate(timeout=300)[0].strip() for process in both] == [wanted, wanted]


# -- other libraries


class WithDlpack:
    """An array of a library that speaks DLPack only."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self, **how):
        return self.array.__dlpack__(**how)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


class WithArray:
    """An object with __array__."""

    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        return self.array


class OnDevice:
    """An array in the memory of a device, as CuPy and Numba have them."""

    __cuda_array_interface__ = {"version": 3}

    def __init__(self, array, word):
        setattr(self, word, lambda: array)


class Tensor:
    """A tensor with a gradient, on a device."""

    def __init__(self, array, steps=()):
        self.array, self.steps = array, steps

    def detach(self):
        return Tensor(self.array, (*self.steps, "detach"))

    def cpu(self):
        return WithArray(self.array) if self.steps == ("detach",) else None


@pytest.mark.parametrize("wrap", [lambda a: a, WithDlpack, WithArray, Tensor, lambda a: OnDevice(a, "get"),
                                  lambda a: OnDevice(a, "copy_to_host")])
def test_arrays_of_other_libraries(image, wrap):
    assert np.array_equal(as_numpy(wrap(image)), image) and as_numpy(wrap(image)).dtype == np.float32
    assert_same_bits(wrap(image), image)
    assert_matches(image, wrap(image))


class FarAway(WithDlpack):
    """An array on a device that copies to the host when it is asked to."""

    def __init__(self, array, device):
        super().__init__(array)
        self.device, self.asked = device, []

    def __dlpack_device__(self):
        return self.device, 0

    def __dlpack__(self, *, dl_device=None, copy=None, **how):
        self.asked.append(dl_device)
        if self.device == 2 and dl_device != (1, 0):
            raise BufferError("this memory is the device's")
        return self.array.__dlpack__(**how)


@pytest.mark.skipif(np.lib.NumpyVersion(np.__version__) < "2.1.0", reason="NumPy before 2.1 cannot ask for a copy")
def test_dlpack_on_a_device(image):
    far = FarAway(image, 2)
    assert_same_bits(far, image)
    assert far.asked == [(1, 0)]
    pinned = FarAway(image, 3)  # memory of the host
    assert_same_bits(pinned, image)
    assert pinned.asked == [None]


def test_byte_order_and_masks(image):
    assert_same_bits(image.astype(">f4"), image)
    assert as_numpy(image.astype(">f4")).dtype == np.float32
    with pytest.raises(ValueError, match="a masked array; fill it first"):
        as_numpy(np.ma.masked_less(image, 1.5))


def test_torch_tensors(image):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    for tensor in (torch.from_numpy(image).T.clone().T, torch.nn.Parameter(torch.from_numpy(image)),
                   # a view with the sign to be changed when it is read, which DLPack does not tell
                   torch.complex(torch.from_numpy(image), torch.from_numpy(-image)).conj().imag):
        assert_same_bits(tensor, image)
    rounded = torch.from_numpy(image).bfloat16()
    assert as_numpy(rounded).dtype == np.float32
    assert_matches(rounded, image, min_correlation=0.999, at_least=None)
    with pytest.raises(AssertionError, match="pixels have other bits"):
        assert_same_bits(rounded, image)
    for unreadable in (torch.from_numpy(image).to_sparse(), torch.empty(3, 4, device="meta")):
        with pytest.raises(ValueError, match="torch.Tensor cannot be read as an array"):
            as_numpy(unreadable)
    tensor = torch.from_numpy(image.copy()).requires_grad_()
    assert_same_bits(tensor * 1, image)
    with pytest.raises(AssertionError, match="1 of 2000 pixels"):
        broken = tensor.detach().clone()
        broken[3, 4] += 1
        assert_same_bits(broken, image)


@pytest.mark.parametrize("thing", [[[1.0]], "image", None, 3.0])
def test_what_is_no_array(thing):
    with pytest.raises(ValueError, match="is no array"):
        as_numpy(thing)


def test_what_has_no_two_dimensions():
    with pytest.raises(ValueError, match=r"shape \(2, 3, 4\) must have two dimensions"):
        as_numpy(np.zeros((2, 3, 4)))


# -- assertions


def test_messages_say_where_and_by_how_much(image):
    other = image.copy()
    other[5, 7] = np.nextafter(other[5, 7], np.float32(9))
    other[30, 2] *= 1.5
    with pytest.raises(AssertionError) as caught:
        assert_same_bits(other, image)
    said = str(caught.value)
    assert "2 of 2000 pixels have other bits" in said
    assert "first at fast 7, slow 5" in said and "fast 2, slow 30" in said and "ulp of float32" in said
    assert f"0x{other[5, 7].view('u4'):08x}" in said and f"0x{image[5, 7].view('u4'):08x}" in said


def test_types_and_shapes(image):
    with pytest.raises(AssertionError, match="image of float64, reference of float32"):
        assert_same_bits(image.astype("f8"), image)
    assert_matches(image.astype("f8"), image, max_ulp=0)
    for check in (assert_same_bits, assert_matches):
        with pytest.raises(AssertionError, match="image of 39 x 50 pixels, reference of 40 x 50"):
            check(image[1:], image)


@pytest.mark.parametrize("limits, said", [
    ({"min_correlation": 0.999999}, "correlation: 0.9"),
    ({"max_ulp": 3}, "largest distance in ulp"),
    ({"at_least": 1.0}, "fraction of peaks matched"),
    ({"max_distinct_ratio": 1.0, "at_least": None}, "distinct float32 values"),
])
def test_each_limit_can_fail_and_hold(image, limits, said):
    rng = np.random.default_rng(1)
    other = (image * (1 + 0.05 * rng.uniform(-1, 1, image.shape))).astype(np.float32)
    with pytest.raises(AssertionError, match=said):
        assert_matches(other, image, **{"at_least": None, **limits})
    assert_matches(image, image, **{"at_least": None, **limits})


def test_region(image):
    other = image.copy()
    other[0, 0] = 100.0
    with pytest.raises(AssertionError):
        assert_matches(other, image, max_ulp=0)
    assert_matches(other, image, max_ulp=0, roi=(1, 49, 1, 39))


def test_nothing_asked_for(image):
    with pytest.raises(ValueError, match="nothing is asked for"):
        assert_matches(image, image, at_least=None)


def test_blank_images_have_no_peaks_to_match():
    """Nothing was compared, so nothing passes; the message says why."""
    blank = np.zeros((8, 9), np.float32)
    assert_same_bits(blank, blank)
    with pytest.raises(AssertionError) as caught:
        assert_matches(blank, blank)
    assert "fraction of peaks matched: undefined, limit 0.95" in str(caught.value)
    assert "none, for neither image has a peak" in str(caught.value)
    assert_matches(blank, blank, max_ulp=0, at_least=None)


def test_nan_is_no_match(image):
    other = image.copy()
    other[1, 1] = np.nan
    with pytest.raises(AssertionError, match="1 pixels are NaN or infinite in one image only"):
        assert_matches(other, image, min_correlation=0.5, at_least=None)


# -- fixtures

PYTEST_FILE = """
import sys

def test_light():
    assert not {"numba", "numbragg.testing.oracle", "numbragg.kernels"} & set(sys.modules)

def test_same(numbragg_reference, numbragg_assert_same_bits, numbragg_assert_matches):
    words = "%s"
    image = numbragg_reference(words)
    numbragg_assert_same_bits(image, numbragg_reference(words))
    numbragg_assert_matches(image, image)

def test_not_same(numbragg_reference, numbragg_assert_same_bits):
    image = numbragg_reference("%s")
    numbragg_assert_same_bits(image * 2, image)
""" % (WORDS, WORDS)


def test_fixtures_for_pytest(tmp_path):
    """In a project of its own, which knows of numbragg only that it is installed."""
    from importlib.metadata import entry_points

    names = [point.value for point in entry_points(group="pytest11")]
    assert "numbragg.testing.plugin" in names, "installed without its entry point; install it again"
    (tmp_path / "test_theirs.py").write_text(PYTEST_FILE)
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_theirs.py"],
                          cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert "1 failed, 2 passed" in done.stdout, done.stdout + done.stderr
    assert "480 of 480 pixels have other bits" in done.stdout
