"""What a user may give by mistake, in every field of every configuration: one line that names the field."""

import copy
import dataclasses
from fractions import Fraction
import math
import pickle
import warnings

import numpy as np
import pytest
from test_configurations import BAD, NEEDED, TOGETHER

import numbragg as nb
from numbragg.configs.checks import entries, finite, real_array, shown, triple, vector, whole
from numbragg.configs.run_options import Evaluation

HUGE = 10 ** 400
#: Values that are no number for any field; Python cannot even print the third.
NONSENSE = {"huge": HUGE, "minus huge": -HUGE, "too long to print": 10 ** 5000, "truth": True, "NumPy truth": np.True_,
            "complex": 1 + 2j, "NumPy complex": np.complex128(1.0), "text": "5", "bytes": b"5", "NaN": math.nan,
            "NumPy NaN": np.float32("nan"), "infinity": math.inf, "array of no axes": np.array(math.nan),
            "array": np.array([[1.0, 2.0]] * 9), "masked": np.ma.masked, "set": {1.0, 2.0, 3.0},
            "date": np.datetime64(1, "s")}

#: Fields of one number, and a value that each of them takes.
NUMBERS = {
    nb.Crystal: {"random_misset_seed": 3, "n_cells": 3, "size_mm": 3, "fudge": 3, "mosaic_spread_deg": 3,
                 "mosaic_domains": 3, "mosaic_seed": 3, "phi_start_deg": 3, "oscillation_deg": 3, "phi_step_deg": 3,
                 "phi_steps": 3, "water_size_um": 3, "scale": 3, "mosaic_spread_per_axis_deg": 3},
    nb.Beam: {"wavelength_angstrom": 3, "fluence_photons_per_m2": 3, "flux_photons_per_s": 3, "exposure_s": 3,
              "size_mm": 3, "polarisation_fraction": 1, "divergence_h_mrad": 3, "divergence_v_mrad": 3,
              "divergence_h_step_mrad": 3, "divergence_v_step_mrad": 3, "divergence_h_steps": 3,
              "divergence_v_steps": 3, "dispersion_percent": 3, "dispersion_steps": 3, "d_min_angstrom": 3},
    nb.Detector: {"pixel_mm": 3, "distance_mm": 3, "close_distance_mm": 3, "twotheta_deg": 3,
                  "sensor_thickness_um": 3, "attenuation_depth_um": 3, "sensor_layers": 3},
    nb.Panel: {"sensor_thickness_um": 3, "attenuation_depth_um": 3, "sensor_layers": 3},
    nb.Sampling: {"oversample": 3}, Evaluation: {"threads": 3, "device": 3},
}
#: Fields of several numbers: one of them is replaced.
SEVERAL = {
    nb.Crystal: {"cell": (50, 60, 70, 80, 90, 100), "matrix": np.eye(3).tolist(), "u_matrix": np.eye(3).tolist(),
                 "misset_deg": (1, 2, 3), "n_cells": (1, 2, 3), "size_mm": (1, 2, 3), "spindle_axis": (1, 2, 3)},
    nb.Beam: {"polarisation_axis": (1, 2, 3), "direction": (1, 2, 3)},
    nb.Detector: {"pixels": (5, 6), "size_mm": (5, 6), "beam_centre_mm": (1, 2), "close_point_mm": (1, 2),
                  "close_point_pixels": (1, 2), "rotation_deg": (1, 2, 3), "fast_axis": (1, 2, 3),
                  "slow_axis": (1, 2, 3), "normal": (1, 2, 3), "twotheta_axis": (1, 2, 3)},
    nb.Panel: {"origin_mm": (100, 5, -5), "fast_mm": (0, 0, 1), "slow_mm": (0, 1, 0), "pixels": (5, 6)},
}
#: What a field needs beside itself.
BESIDE = {"mosaic_spread_per_axis_deg": dict(mosaicity="gaussian")}
MORE = {nb.Panel: dict(origin_mm=(100, 5, -5), fast_mm=(0, 0, 0.1), slow_mm=(0, -0.1, 0), pixels=(64, 32),
                        attenuation_depth_um=100.0),
        Evaluation: dict(backend="cuda")}
#: Fields that are neither: words, truths, arrays, parts.
OTHERS = {nb.Crystal: {"shape", "structure_factors", "spot_metric", "mosaicity", "mosaic_low_discrepancy",
                       "mosaic_rotations"},
          nb.Beam: {"round_divergence", "sources", "spectrum"},
          nb.Detector: {"convention", "pivot", "curved", "point_pixel", "mask", "panels", "windows"},
          nb.Panel: {"mask", "name", "sensor_material"}, nb.Sampling: {"per_step", "interpolation"},
          Evaluation: {"precision", "summation", "backend"}}


def made(config, **arguments):
    field, = arguments
    together = TOGETHER.get(field, {}) if config is nb.Detector else BESIDE.get(field, {})
    return config(**((NEEDED | MORE)[config] | together | arguments))


def refused(config, field, value):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError) as caught:
            made(config, **{field: value})
    message = str(caught.value)
    assert message.startswith(f"{field}: ") and "\n" not in message and len(message) < 400, message
    assert len(message) > len(field) + 10


def test_every_field_is_tried():
    for config in (NEEDED | MORE):
        names = {item.name for item in dataclasses.fields(config)}
        assert set(NUMBERS[config]) | set(SEVERAL.get(config, {})) | OTHERS[config] == names
    assert set(BAD) == set(NEEDED)


@pytest.mark.parametrize("config, field", [(config, field) for config, table in NUMBERS.items() for field in table],
                         ids=lambda item: getattr(item, "__name__", item))
def test_numbers(config, field):
    for value in NONSENSE.values():
        refused(config, field, value)
    good = NUMBERS[config][field]
    plain = getattr(made(config, **{field: good}), field)
    values = [np.int32(good), np.uint8(good), np.array(good)]
    if isinstance(plain, float):
        values += [np.float32(good), np.array(float(good)), Fraction(good)]
    for value in values:
        found = getattr(made(config, **{field: value}), field)
        assert found == plain and type(found) is type(plain)


@pytest.mark.parametrize("config, field", [(config, field) for config, table in SEVERAL.items() for field in table],
                         ids=lambda item: getattr(item, "__name__", item))
def test_several_numbers(config, field):
    good = SEVERAL[config][field]
    plain = getattr(made(config, **{field: good}), field)
    rows = isinstance(good[0], list)
    assert getattr(made(config, **{field: np.array(good)}), field) == plain
    for value in NONSENSE.values():
        bad = [[value, *good[0][1:]], *good[1:]] if rows else (value, *good[1:])
        refused(config, field, bad)
    for bad in (b"abcdef"[:len(good)], "123456"[:len(good)], dict.fromkeys(range(1, len(good) + 1)),
                set(range(1, len(good) + 1))):
        refused(config, field, bad)


@pytest.mark.parametrize("config, field", [(nb.Detector, "mask"), (nb.Panel, "mask")])
def test_masks(config, field):
    shape = made(config, mask=None).shape
    truths = np.ones(shape, bool)
    assert made(config, mask=truths).mask.all()
    for bad in (truths.astype(str), np.where(truths, math.nan, 1.0), np.ma.masked_array(truths, ~truths),
                truths.astype(object), truths.astype(complex), truths.astype("datetime64[s]")):
        refused(config, field, bad)
    given = np.ones(shape)
    kept = made(config, mask=given)
    given[:] = 0.0
    assert kept.mask.all()


@pytest.mark.parametrize("bad", [
    [["0", "0", "1", "1", "1e-10"]], np.ones((2, 5), bool), np.ones((2, 5), complex),
    np.ma.masked_array(np.ones((2, 5)), np.eye(2, 5)), [[HUGE, 0, 0, 1, 1e-10]], [[None, 0, 0, 1, 1e-10]],
    np.array([[True, 0, 0, 1, 1e-10]], object)])
def test_sources(bad):
    refused(nb.Beam, "sources", bad)


@pytest.mark.parametrize("row, said", [
    ((1, 0, 0, 1, -2e-10), "sources: -2e-10 in row 2, the wavelength, must be a number above 0 m"),
    ((0, 0, 0, 1, 1e-10), r"sources: \[0.0, 0.0, 0.0\] in row 2 has no direction"),
    ((1, 0, np.inf, 1, 1e-10), r"sources: \[1.0, 0.0, inf, 1.0, 1e-10\] in row 2 must be finite numbers, or NaN")])
def test_a_source_that_is_none_is_named(row, said):
    with pytest.raises(ValueError, match=f"^{said}"):
        nb.Beam(sources=[(1, 0, 0, 1, 1e-10), row])


def test_text_is_no_number_of_cells():
    with pytest.raises(ValueError, match="^n_cells: '8' is not a whole number$"):
        nb.Crystal(cell=(50, 60, 70, 90, 90, 90), n_cells="8")
    with pytest.raises(ValueError, match="^size_mm: '0.1' is not a number in mm$"):
        nb.Crystal(cell=(50, 60, 70, 90, 90, 90), size_mm="0.1")


def test_sources_are_copied():
    given = np.array([[-1.0, 0.0, 0.0, 1.0, 1e-10]])
    beam = nb.Beam(sources=given)
    given[:] = 7.0
    assert beam.sources.tolist() == [[-1.0, 0.0, 0.0, 1.0, 1e-10]]
    with pytest.raises(ValueError, match="read-only"):
        beam.sources[0, 0] = 5.0


def test_checks():
    assert shown(10 ** 5000) == "int too long to be shown" and shown(np.eye(2)) == "array([[1., 0.], [0., 1.]])"
    assert len(shown("x" * 1000)) == 120
    assert finite("x", np.array(5)) == 5.0 and whole("x", np.array(5)) == 5
    assert triple("x", np.array(5), whole) == (5, 5, 5) and vector("x", np.array([1, 2, 3])) == (1.0, 2.0, 3.0)
    assert whole("x", 2 ** 40, 0, 2 ** 50) == 2 ** 40
    assert entries("x", (value for value in (1, 2)), 2, "two") == (1, 2)
    given = np.ones(3)
    assert real_array("x", given, "numbers", copy=False) is given and real_array("x", given, "numbers") is not given
    assert real_array("x", [2 ** 70, Fraction(1, 2)], "numbers").tolist() == [2.0 ** 70, 0.5]
    assert real_array("x", np.ones((2, 3), order="F"), "numbers").flags.c_contiguous


# -- structure factors

BOX = ((0, 0, 0), (0, 0, 0))
CUBE = np.ones((2, 2, 2))
ONE = [[0, 0, 1]]
BAD_AMPLITUDES = {
    "complex NaN": lambda a: a * (1 + 1j) * math.nan, "text": lambda a: a.astype(str), "truths": lambda a: a > 0.0,
    "NaN": lambda a: a * math.nan, "infinite": lambda a: a * math.inf,
    "masked": lambda a: np.ma.masked_array(a, a > 5.0), "objects": lambda a: np.full(a.shape, None),
    "huge": lambda a: np.full(a.shape, HUGE, object), "dates": lambda a: a.astype("datetime64[s]")}


@pytest.mark.parametrize("spoil", BAD_AMPLITUDES.values(), ids=BAD_AMPLITUDES)
def test_amplitudes(spoil):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for field, make in (("table", lambda: nb.StructureFactors(spoil(CUBE), *BOX)),
                            ("table", lambda: nb.StructureFactors.from_array(spoil(CUBE), (0, 0, 0))),
                            ("amplitudes", lambda: nb.StructureFactors.from_reflections(ONE, spoil(np.ones(1))))):
            with pytest.raises(ValueError, match=f"^{field}: ") as caught:
                make()
            assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


@pytest.mark.parametrize("values", [CUBE * (1 + 2j), CUBE.astype(complex)], ids=["complex", "real parts"])
def test_complex_tables_are_told_what_to_do(values):
    for make in (lambda: nb.StructureFactors(values, *BOX), lambda: nb.StructureFactors.from_array(values, (0, 0, 0))):
        with pytest.raises(ValueError, match=r"^table: complex numbers; must be real .*the moduli \(numpy.abs"):
            make()


def test_of_complex_reflections_the_modulus_is_taken():
    factors = nb.StructureFactors.from_reflections([[0, 0, 1], [0, 0, 2]], [3 + 4j, -2j])
    assert factors.at([[0, 0, 1], [0, 0, 2]]).tolist() == [5.0, 2.0]
    assert factors.notes == ("amplitudes: complex numbers, of which the moduli are taken",)


@pytest.mark.parametrize("bad", [
    np.array([[0, 0, 2 ** 64 - 1]], np.uint64), [[0, 0, 2 ** 64 - 1]], [[0, 0, 2 ** 31]], [[0, 0, -2 ** 31]],
    [[0, 0, -2 ** 63]], [[0, 0, 0.7]], [[0.0, 0.0, 1.0]], [["0", "0", "1"]], [[True, False, True]], [[0, 0, None]],
    [[0, 0, 1j]], [[0, 0, HUGE]], np.ma.masked_array([[0, 0, 1]], [[0, 0, 1]]), [[0, 1]], [0, 0, 1], 5, "x",
    [[0, 0, 1], [0, 1]], [[[0, 0, 1]]]])
def test_miller_indices(bad):
    with pytest.raises(ValueError, match="^indices: ") as caught:
        nb.StructureFactors.from_reflections(bad, [1.0])
    assert "\n" not in str(caught.value)
    if not (isinstance(bad, list) and bad in ([0, 0, 1], [[[0, 0, 1]]])):
        with pytest.raises(ValueError, match="^indices: "):
            nb.StructureFactors.constant(1.0).at(bad)


@pytest.mark.parametrize("bad", [(0, 0, 0.7), (0, 0, 0.0), ("0", "0", "0"), "000", b"000", (0, 0, True), (0, 0, None),
                                 (0, 0), 5, (0, 0, math.nan), (0, 0, 2 ** 64 - 1), {0: 1, 1: 1, 2: 1}, (0, 0, HUGE)])
def test_corners_of_the_box(bad):
    for field, make in (("minimum", lambda: nb.StructureFactors(CUBE, bad, (0, 0, 0))),
                        ("maximum", lambda: nb.StructureFactors(CUBE, (0, 0, 0), bad)),
                        ("minimum", lambda: nb.StructureFactors.from_array(CUBE, bad))):
        with pytest.raises(ValueError, match=f"^{field}: "):
            make()


@pytest.mark.parametrize("bad", [*NONSENSE.values(), None], ids=[*NONSENSE, "None"])
def test_defaults(bad, tmp_path):
    (tmp_path / "list.hkl").write_text("0 0 1 5.0\n")
    for make in (lambda: nb.StructureFactors(CUBE, *BOX, bad), lambda: nb.StructureFactors.constant(bad),
                 lambda: nb.StructureFactors.from_array(CUBE, (0, 0, 0), bad),
                 lambda: nb.StructureFactors.from_reflections(ONE, [1.0], bad),
                 lambda: nb.StructureFactors.from_file(tmp_path / "list.hkl", bad)):
        with pytest.raises(ValueError, match="^default: "):
            make()


@pytest.mark.parametrize("arguments", [dict(filled=1), dict(reflections=-1), dict(reflections=2.5), dict(source=5)])
def test_what_else_is_given(arguments):
    with pytest.raises(ValueError, match=f"^{next(iter(arguments))}: "):
        nb.StructureFactors(CUBE, *BOX, **arguments)


def test_the_table_is_a_copy():
    given = np.ones((2, 2, 2))
    factors = nb.StructureFactors(given, *BOX)
    given[:] = 7.0
    assert factors.amplitude(0, 0, 0) == 1.0 and not np.shares_memory(given, factors.kernel_table)
    whole_numbers = nb.StructureFactors(np.ones((2, 2, 2), np.uint8), *BOX)
    assert whole_numbers.table.dtype == np.float64 and whole_numbers.amplitude(0, 0, 0) == 1.0
    given, indices = np.ones(1), np.array(ONE)
    factors = nb.StructureFactors.from_reflections(indices, given)
    given[:], indices[:] = 7.0, 3
    assert factors.amplitude(0, 0, 1) == 1.0


def test_structure_factors_are_frozen():
    factors = nb.StructureFactors.from_array(np.arange(8.0).reshape(2, 2, 2), (0, 0, 0), 3.0)
    for name in ("maximum", "table", "default", "anything"):
        with pytest.raises(AttributeError, match="cannot assign"):
            setattr(factors, name, (9, 9, 9))
    with pytest.raises(AttributeError, match="cannot delete"):
        del factors.table
    with pytest.raises(ValueError, match="read-only"):
        factors.table[0, 0, 0] = 5.0
    assert factors.maximum == (1, 1, 1) and not factors.table.flags.writeable


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda f: pickle.loads(pickle.dumps(f))])
def test_structure_factors_can_be_sent(again):
    factors = nb.StructureFactors.from_array(np.arange(8.0).reshape(2, 2, 2), (0, 1, 2), 3.0)
    other = again(factors)
    assert repr(other) == repr(factors) and (other.table == factors.table).all() and other.reflections == 8
    assert not other.table.flags.writeable and np.shares_memory(other.table, other.kernel_table)
    with pytest.raises(AttributeError):
        other.default = 5.0


def test_amplitudes_at_indices():
    table = np.arange(24.0).reshape(2, 3, 4)
    factors = nb.StructureFactors.from_array(table, (-1, 0, 5), 99.0)
    every = np.moveaxis(np.mgrid[-3:3, -2:6, 3:12], 0, -1)
    found = factors.at(every)
    assert found.shape == every.shape[:-1] and found.dtype == np.float64
    for h, k, l in every.reshape(-1, 3).tolist():
        inside = -1 <= h <= 0 and 0 <= k <= 2 and 5 <= l <= 8
        wanted = table[h + 1, k, l - 5] if inside else 99.0
        assert found[h + 3, k + 2, l - 3] == wanted == factors.amplitude(h, k, l)
    assert factors.at((0, 0, 5)).shape == () and factors.at(np.zeros((0, 3), int)).shape == (0,)
    assert (nb.StructureFactors.constant(5.0).at(every) == 5.0).all()
    assert factors.at(np.array([[0, 0, 5]], np.uint8)) == table[1, 0, 0]
    found[:] = -1.0
    assert factors.amplitude(0, 0, 5) == table[1, 0, 0]
