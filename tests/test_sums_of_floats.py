"""Bits do not depend on how Python adds up floats: `sum` carries lost digits along from 3.12 on."""

import builtins
import sys

import numpy as np
import pytest
from structure_tools import model

import numbragg as nb
from numbragg.io.matrix import _cell
from numbragg.kernels.arithmetic.vectors import unit
from numbragg.results.experiment import describe
from numbragg.scene.matrices import product, sum_in_order
from numbragg.scene.placement import least_turn
from numbragg.structures.completeness import metric
from numbragg.structures.model import model_reflections

plainly = builtins.sum


def otherwise(numbers, /, start=0):
    """`sum` as the other kind of Python has it."""
    numbers = list(numbers)
    if not numbers or any(type(number) is not float for number in numbers):
        return plainly(numbers, start)
    total, lost = float(start), 0.0
    for number in numbers:
        added = total + number
        if sys.version_info < (3, 12):
            # Neumaier's
            lost += (total - added) + number if abs(total) >= abs(number) else (number - added) + total
        total = added
    return total + lost


def numbers_of(found):
    """All numbers of nested records, as bytes."""
    if isinstance(found, (str, type(None))):
        return repr(found).encode()
    if isinstance(found, (list, tuple)):
        return b"".join(map(numbers_of, found))
    if hasattr(found, "__dataclass_fields__"):
        return b"".join(numbers_of(getattr(found, name)) for name in found.__dataclass_fields__)
    return np.asarray(found).tobytes()


def _experiment():
    panels = [nb.Panel(pixels=(20, 16), origin_mm=(70.0, -3.0, 2.0 - 5.0 * n), fast_mm=(0.0, 0.2 * 0.98, 0.2 * 0.199),
                       slow_mm=(0.21 * 0.6, -0.21 * 0.8 * 0.199, 0.21 * 0.8 * 0.98), sensor_thickness_um=300,
                       sensor_material="Si") for n in range(2)]
    detector = nb.Detector(panels=panels)
    crystal = nb.Crystal(cell=(61.3, 72.9, 83.1, 91, 102, 113), n_cells=5, misset_deg=(12.3, 45.6, 78.9),
                         mosaic_spread_deg=0.3, mosaic_domains=5)
    spectrum = nb.Spectrum((0.97, 1.0, 1.03, 1.07), (0.3, 1.7, 0.9, 0.1))
    simulator = nb.Simulator(detector, nb.Beam(spectrum=spectrum), 100.0)
    return describe(simulator.prepare_shot(crystal))


def _many(shape):
    return np.random.default_rng(3).normal(size=(50, *shape))


WAYS = {
    "products of matrices": lambda: [product(*pair) for pair in _many((2, 3, 3))],
    "sums": lambda: [sum_in_order([0.1] * 10), sum_in_order([1e16, 1.0, -1e16])],
    "turns": lambda: [least_turn(unit(start)[0], unit(end)[0])((0.1, 0.2, 0.3))
                      for start, end in _many((2, 3)).tolist()],
    "metric": lambda: [metric((61.3 + a, 72.9, 83.1, 91 + b, 102 + c, 113)) for a, b, c in _many((3,)).tolist()],
    "cell of a matrix": lambda: [_cell((0.01 * matrix).tolist(), 0.98) for matrix in _many((9,))],
    "amplitudes": lambda: model_reflections(model("P 1", (9, 10, 12, 88.5, 108.6, 111.9)), 3.0).plus,
    "experiment": _experiment,
}


@pytest.mark.filterwarnings("ignore::numbragg.NumbraggWarning")
@pytest.mark.parametrize("way", WAYS)
def test_sums_of_either_kind_give_the_same(way, monkeypatch):
    expected = numbers_of(WAYS[way]())
    monkeypatch.setattr(builtins, "sum", otherwise)
    assert sum([0.1] * 10) != plainly([0.1] * 10)
    found = numbers_of(WAYS[way]())
    monkeypatch.undo()
    assert found == expected and len(found) > 10
