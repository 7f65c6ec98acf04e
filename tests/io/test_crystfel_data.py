"""HDF5 in the data layout of a user's .geom: read by a small reader of its own, from CrystFEL's rules."""

import warnings

import h5py
import numpy as np
import pytest

import numbragg as nb
from numbragg.commands.cli import main

CRYSTAL = nb.Crystal(cell=(50, 60, 70, 90, 95, 90), misset_deg=(10, 20, 30), n_cells=5)
PLACE = "corner_x = {x}\ncorner_y = {y}\nfs = 0.999x +0.01y\nss = -0.01x +0.999y\n"


def panel(name, edges, x, y, *more):
    """Lines of a panel; `edges` are min_fs, max_fs, min_ss, max_ss."""
    lines = [f"{word} = {value}" for word, value in zip(("min_fs", "max_fs", "min_ss", "max_ss"), edges)]
    lines += [*PLACE.format(x=x, y=y).split("\n")[:-1], *more]
    return "".join(f"{name}/{line}\n" for line in lines)


#: A CSPAD of Cheetah: one array, a mask for each event beside it, camera length and energy in the file.
CSPAD = ("res = 9090.91 ; pixels per metre\nclen = /LCLS/detector_1/EncoderValue\ncoffset = 0.573224\n"
         "photon_energy = /LCLS/photon_energy_eV\ndim0 = %\ndim1 = ss\ndim2 = fs\ndata = /entry_1/data_1/data\n"
         "mask = /entry_1/data_1/mask\nmask_good = 0x0000\nmask_bad = 0xffff\n"
         + panel("q0a0", (0, 19, 0, 9), -30, 4) + panel("q0a1", (20, 39, 0, 9), -8, 4, "coffset = 0.5742")
         + panel("q1a0", (0, 19, 10, 24), -30, 20) + "badline/min_fs = 3\nbadline/max_fs = 4\nbadline/min_ss = 2\n"
         "badline/max_ss = 5\nbadline/panel = q0a0\n")
#: An AGIPD: fixed numbers in dimensions, an array for each module, good and bad bits, a wavelength in metres.
AGIPD = ("res = 5000\nclen = 0.12 m\nwavelength = /run/wavelength m\ndim0 = %\ndim1 = 0\ndim2 = ss\ndim3 = fs\n"
         "mask0_goodbits = 0x100\nmask0_badbits = 0x20000\n"
         + panel("p0a0", (0, 11, 0, 7), 3, 3, "data = /0CH0:xtdf/image/data", "mask0_data = /0CH0:xtdf/image/mask")
         + panel("p0a1", (0, 11, 8, 15), 3, 14, "data = /0CH0:xtdf/image/data", "mask0_data = /0CH0:xtdf/image/mask",
                 "no_index = 1")
         + panel("p1a0", (2, 13, 1, 8), -20, 3, "data = /1CH0:xtdf/image/data", "dim1 = 1",
                 "mask0_data = /1CH0:xtdf/image/mask"))
#: One image, without a mask: what CrystFEL has where nothing is said, but for the place of an event in a name.
PLAIN = ("res = 10000\nclen = 0.1\nphoton_energy = 12398.42 eV\ndata = /runs/%/frame\n"
         + panel("0", (0, 29, 0, 24), -12, -8) + "bad_stop/min_x = -4\nbad_stop/max_x = 4\nbad_stop/min_y = -3\n"
         "bad_stop/max_y = 3\n")
SLOW_FIRST = "res = 10000\nclen = 0.1\ndim0 = fs\ndim1 = ss\n" + panel("a", (0, 9, 3, 24), -12, -8)
GEOMETRIES = {"cspad": CSPAD, "agipd": AGIPD, "plain": PLAIN, "slow first": SLOW_FIRST}


# -- an independent reader


def words_of(text):
    """Of each panel its words, those above it included."""
    defaults, panels = {}, {}
    for line in text.split("\n"):
        key, _, value = (part.strip() for part in line.split(";")[0].partition("="))
        if "/" not in key:
            defaults[key] = value
        elif not key.startswith("bad"):
            name, word = key.split("/")
            panels.setdefault(name, dict(defaults))[word] = value
    return defaults, panels


def cut(file, words, place):
    """Pixels of a panel: dims one by one, ends included."""
    array = file[place.replace("%", list(file["runs"])[0] if "%" in place else "")][()]
    dims = {word: words[word] for word in words if word.startswith("dim")} or {"dim0": "ss", "dim1": "fs"}
    assert array.ndim == len(dims)
    kept = []
    for number in reversed(range(len(dims))):
        word = dims[f"dim{number}"]
        if word in ("fs", "ss"):
            array = array.take(range(int(words[f"min_{word}"]), int(words[f"max_{word}"]) + 1), axis=number)
            kept.insert(0, word)
        else:
            array = array.take(0 if word == "%" else int(word), axis=number)
    return array if kept == ["ss", "fs"] else array.T


def bad(file, words):
    """Pixels that the mask of a panel marks."""
    place = words.get("mask", words.get("mask0_data"))
    good_bits, bad_bits = (int(words[word], 16) for word in (
        ("mask_good", "mask_bad") if "mask" in words else ("mask0_goodbits", "mask0_badbits")))
    values = cut(file, words, place).astype(np.int64)
    return ((values & good_bits) != good_bits) | ((values & bad_bits) != 0)


def made(folder, kind):
    (folder / "mine.geom").write_text(GEOMETRIES[kind])
    distance = 150 - 573.224 if kind == "cspad" else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        detector = nb.Detector.from_geom("mine.geom", distance_mm=distance)
    return nb.Simulator(detector, nb.Beam(wavelength_angstrom=1.0), 100.0, sampling=nb.Sampling(oversample=1)).run(
        CRYSTAL)


def panels_of(result):
    return [result.image] if isinstance(result.prepared, tuple) is False or len(result.prepared) == 1 else result.image


@pytest.mark.parametrize("kind", GEOMETRIES)
@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.uint16])
def test_pixels_are_where_the_geometry_says(folder, kind, dtype):
    result = made(folder, kind)
    images = [np.rint(image).astype(dtype) if dtype != np.float32 else image for image in panels_of(result)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nb.write_crystfel("a.h5", result, "mine.geom", images)
    _, panels = words_of(GEOMETRIES[kind])
    shot = result.prepared if isinstance(result.prepared, tuple) else ((result.prepared,),)
    with h5py.File("a.h5") as file:
        for (name, words), image, prepared in zip(panels.items(), images, shot):
            found = cut(file, words, words.get("data", "/data/data"))
            mask = prepared[0].mask
            left_out = np.zeros(image.shape, bool) if mask is None else np.asarray(mask) == 0
            assert found.dtype == dtype and np.array_equal(found[~left_out], image[~left_out])
            marked = np.isnan(found[left_out]) if dtype == np.float32 else found[left_out] == np.iinfo(dtype).max
            assert marked.all() and (kind in ("agipd", "slow first") or name not in ("q0a0", "0") or left_out.any())
            if "mask" in words or "mask0_data" in words:
                assert np.array_equal(bad(file, words), left_out)


def test_numbers_in_the_file(folder):
    result = made(folder, "cspad")
    nb.write_crystfel("a.h5", result, "mine.geom")
    with h5py.File("a.h5") as file:
        # in mm, for no unit is said
        assert file["LCLS/detector_1/EncoderValue"][()] == pytest.approx(150 - 573.224, abs=1e-9)
        assert file["LCLS/photon_energy_eV"][()] == pytest.approx(12398.4198, rel=1e-8)
    nb.write_crystfel("b.h5", made(folder, "agipd"), "mine.geom")
    with h5py.File("b.h5") as file:
        assert file["run/wavelength"][()] == pytest.approx(1e-10, rel=1e-12)
        assert file["0CH0:xtdf/image/data"].shape == (1, 1, 16, 12)
        assert file["1CH0:xtdf/image/data"].shape == (1, 2, 9, 14)


def test_shifts_in_the_file(folder):
    text = ("detector_shift_x = /run/x mm\ndetector_shift_y = /run/y\nclen = /run/z m\nres = 10000\n"
            + panel("0", (0, 9, 0, 9), 5, 5))
    (folder / "mine.geom").write_text(text)
    detector = nb.Detector.from_geom("mine.geom", 80.0, shift_mm=(0.7, -0.3))
    nb.write_crystfel("a.h5", nb.Simulator(detector, nb.Beam(), 100.0).run(CRYSTAL), "mine.geom")
    with h5py.File("a.h5") as file:
        assert [file[f"run/{axis}"][()] for axis in "xyz"] == pytest.approx([0.7, -0.3e-3, 0.08], abs=1e-12)


def test_the_same_bytes(folder):
    result = made(folder, "cspad")
    for compression in ("gzip", "bitshuffle", "zstd", "none"):
        nb.write_crystfel("a.h5", result, "mine.geom", compression=compression)
        nb.write_crystfel("b.h5", result, "mine.geom", compression=compression)
        assert (folder / "a.h5").read_bytes() == (folder / "b.h5").read_bytes()


@pytest.mark.parametrize("old, new, said", [
    ("clen = 0.1", "clen = 0.101", "the geometry has pixels of panel '0' up to 10 pixels from where"),
    ("corner_x = -12", "corner_x = -13.5", "up to 1.5 pixels from where"),
    ("12398.42 eV", "9500", "the geometry says photon_energy = 9500, but 1 Angstrom were simulated, which is 12398.4"),
    ("12398.42 eV", "9.5 keV", "the geometry says photon_energy = 9.5 keV, but")])
def test_another_geometry_is_told(folder, old, new, said):
    result = made(folder, "plain")
    (folder / "other.geom").write_text(PLAIN.replace(old, new))
    with pytest.warns(nb.NumbraggWarning, match=said):
        nb.write_crystfel("a.h5", result, "other.geom")
    assert (folder / "a.h5").exists()


@pytest.mark.parametrize("kind, old, new, said", [
    ("plain", "max_fs = 29", "max_fs = 30", "line 5: panel '0' has 31 x 25 pixels"),
    ("cspad", "q1a0/", "q0a1/", "has 2 panels; 3 were simulated"),
    ("cspad", "q0a1/min_fs = 20\nq0a1/max_fs = 39", "q0a1/min_fs = 19\nq0a1/max_fs = 38",
     "panel 'q0a1': its data lie where those of 'q0a0' do"),
    ("plain", "data = /runs/%/frame", "dim0 = ss\ndim1 = ss", "panel '0': its dimensions, ss, ss, must have fs and ss"),
    ("cspad", "mask_good = 0x0000", "mask_good = 0x0001", "mask0: no value is good, for bits 0x1 must be set and must"),
    ("cspad", "mask = /entry_1/data_1/mask", "mask = /entry_1/data_1/data", "is the place of other data, too"),
    ("cspad", "mask = /entry_1/data_1/mask", "mask = /entry_1/data_1/data/x", "cannot both be places in one HDF5 file"),
    ("plain", "data = /runs/%/frame", "data = /", "names places that no HDF5 file can have"),
    ("agipd", "p1a0/dim1 = 1", "p1a0/dim1 = 1\np1a0/dim4 = 0", None),
    ("agipd", "wavelength m", "wavelength nm", "wavelength: unit 'nm' must be one of m, A")])
def test_what_cannot_be(folder, kind, old, new, said):
    result = made(folder, kind)
    assert old in GEOMETRIES[kind]
    (folder / "other.geom").write_text(GEOMETRIES[kind].replace(old, new))
    if said is None:
        nb.write_crystfel("a.h5", result, "other.geom")
        with h5py.File("a.h5") as file:
            assert file["1CH0:xtdf/image/data"].shape == (1, 2, 9, 14, 1)
        return
    with pytest.raises(ValueError, match=f"other.geom.*{said}"):
        nb.write_crystfel("a.h5", result, "other.geom")
    assert sorted(path.name for path in folder.iterdir()) == ["mine.geom", "other.geom"]


def test_bad_arguments(folder):
    result = made(folder, "plain")
    with pytest.raises(ValueError, match="image: float64 of shape .* must be float32, int32 or uint16 of shape"):
        nb.write_crystfel("a.h5", result, "mine.geom", result.image.astype(float))
    with pytest.raises(ValueError, match="compression: 'rar' must be one of"):
        nb.write_crystfel("a.h5", result, "mine.geom", compression="rar")
    with pytest.raises(OSError):
        nb.write_crystfel("a.h5", result, "none.geom")
    electrons = PLAIN.replace("photon_energy = 12398.42 eV", "electron_voltage = 300 kV")
    (folder / "other.geom").write_text(electrons)
    with pytest.warns(nb.NumbraggWarning, match="electron_voltage is of electrons"):
        nb.write_crystfel("a.h5", result, "other.geom")


WORDS = "-cell 50 60 70 90 95 90 -default_F 100 -N 5 -lambda 1 -oversample 1 -seed 2 --quiet".split()


def test_command_line(folder, capfd):
    for kind in ("agipd", "plain"):
        (folder / "mine.geom").write_text(GEOMETRIES[kind])
        assert main([*WORDS, "--detector", "mine.geom", "--crystfel", f"{kind}.h5"]) == 0
    assert capfd.readouterr().err == ""
    image = np.fromfile("floatimage.bin", np.float32).reshape(25, 30)
    with h5py.File("plain.h5") as file:
        found = file["runs/0/frame"][()]
        assert np.array_equal(found[~np.isnan(found)], image[~np.isnan(found)]) and np.isnan(found).sum() > 5
    # a camera length of the command line, not the file's
    assert main([*WORDS, "--detector", "mine.geom", "-distance", "101", "--crystfel", "a.h5"]) == 0
    assert "numbragg: warning: the geometry has pixels of panel '0' up to 10 pixels" in capfd.readouterr().err


@pytest.mark.parametrize("words, said", [
    ("--crystfel a.h5", "--crystfel a.h5: needs --detector"),
    ("--detector eiger2_4m -distance 100 --crystfel a.h5", "--crystfel a.h5: needs a CrystFEL geometry (.geom) as"),
    ("--detector mine.geom --crystfel a.cbf", "--crystfel a.cbf: must not have the name of another format"),
    ("--detector odd.geom --crystfel a.h5", "odd.geom, line 15: panel 'b': its data lie where those of 'a' do"),
    ("--panel-layout whole", "--panel-layout whole: needs --detector"),
    ("--detector mine.geom --panel-layout both", "--panel-layout both: must be whole or stacked")])
def test_command_line_refusals(folder, capfd, words, said):
    (folder / "mine.geom").write_text(PLAIN)
    (folder / "odd.geom").write_text("res = 9000\nclen = 0.1\n" + panel("a", (0, 9, 0, 9), 0, 0) + "\n\n\n\n"
                                     + panel("b", (5, 14, 0, 9), 20, 0))
    assert main([*WORDS, *words.split()]) == 2
    assert said in capfd.readouterr().err
    assert sorted(path.name for path in folder.iterdir()) == ["mine.geom", "odd.geom"]
