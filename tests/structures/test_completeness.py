"""Resolution and completeness: against counts of every lattice point."""

import gemmi
import numpy as np
import pytest

from numbragg.structures import completeness
from numbragg.structures.completeness import metric, reach, stol2
from numbragg.structures.symmetry import symmetry_of

CELLS = {"P 1": (9, 10, 12, 88.5, 108.6, 111.9), "C 1 2 1": (16, 11, 13, 90, 101.2, 90),
         "R 3:R": (14, 14, 14, 80.25, 80.25, 80.25)}
CUBE = np.stack(np.meshgrid(*[np.arange(-9, 10)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)


@pytest.mark.parametrize("name", CELLS)
def test_metric_and_resolution_like_gemmi(name):
    cell = gemmi.UnitCell(*CELLS[name])
    np.testing.assert_allclose(4.0 * stol2(CUBE, CELLS[name]), [cell.calculate_1_d2(hkl) for hkl in CUBE.tolist()],
                               rtol=1e-12, atol=1e-15)
    # the metric times that of the direct cell is the identity
    np.testing.assert_allclose(np.array(metric(CELLS[name])) @ np.array(cell.metric_tensor().as_mat33().tolist()),
                               np.eye(3), atol=1e-12)


@pytest.mark.parametrize("name", CELLS)
def test_shells(name):
    cell, group = gemmi.UnitCell(*CELLS[name]), gemmi.find_spacegroup_by_name(name)
    inside = [hkl for hkl in CUBE.tolist() if any(hkl) and cell.calculate_d(hkl) >= 2.0
              and not group.operations().is_systematically_absent(hkl)]
    assert np.abs(inside).max() < 9
    found = reach(np.array(inside), CELLS[name], symmetry_of(group))
    d = sorted(map(cell.calculate_d, inside))
    assert (found.high, found.low) == (pytest.approx(d[0]), pytest.approx(d[-1])) and found.complete == 1.0
    assert [shell.possible for shell in found.shells] == [shell.present for shell in found.shells]
    assert sum(shell.possible for shell in found.shells) == len(inside)
    for shell in found.shells:
        assert shell.present == sum(shell.high * (1 - 1e-9) <= one < shell.low * (1 + 1e-9) for one in d)
    # every second one
    half = reach(np.array(inside)[::2], CELLS[name], symmetry_of(group))
    assert 0.4 < half.complete < 0.6


def test_large_lists_are_not_counted(monkeypatch):
    monkeypatch.setattr(completeness, "MOST_POINTS", 10)
    found = reach(np.array([[5, 5, 5], [0, 0, 1]]), CELLS["P 1"], symmetry_of(gemmi.find_spacegroup_by_name("P 1")))
    assert found.shells == () and np.isnan(found.complete) and found.low > found.high
