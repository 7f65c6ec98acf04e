"""Expansion to P1: against a naive one, gemmi's absences, and files that hold both."""

import gemmi
import naive_atoms
import numpy as np
import pytest
from structure_tools import real

import numbragg as nb
from numbragg.structures.expansion import LARGEST_INDEX, absent, centric, expand
from numbragg.structures.symmetry import space_group_of, symmetry_of

GROUPS = ("P 1", "P -1", "P 1 21 1", "C 1 2 1", "P 21 21 21", "F d d 2", "P 41 21 2", "R 3:H", "R 3 2:R", "P 61 2 2",
          "I a -3 d", "F d -3 m:2")
CUBE = np.stack(np.meshgrid(*[np.arange(-4, 5)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)


def group(name):
    return gemmi.find_spacegroup_by_name(name)


@pytest.mark.parametrize("name", GROUPS)
def test_absences_are_those_of_gemmi(name):
    operations = group(name).operations()
    expected = [operations.is_systematically_absent(hkl) for hkl in CUBE.tolist()]
    assert absent(CUBE, symmetry_of(group(name))).tolist() == expected
    assert any(expected) == (name not in ("P 1", "P -1", "R 3 2:R"))


@pytest.mark.parametrize("name", GROUPS)
def test_centric_reflections_are_those_of_gemmi(name):
    operations = group(name).operations()
    expected = [operations.is_reflection_centric(hkl) for hkl in CUBE.tolist()]
    assert centric(CUBE, symmetry_of(group(name))).tolist() == expected


@pytest.mark.parametrize("name, hkl, count", [("P 21 21 21", [[1, 2, 0], [1, 2, 3]], 1),
                                              ("P -1", [[1, 2, 0], [0, 2, 3]], 2)])
def test_both_sides_of_a_centric_reflection_are_equivalents(name, hkl, count):
    symmetry = symmetry_of(group(name))
    with pytest.raises(ValueError, match="^reflections (1 2 0 and -1 -2 0|0 2 3 and 0 -2 -3) are equivalent, but have"
                                         rf" amplitudes 10 and 20; .* \({count} such reflections\)$"):
        expand(np.array(hkl), np.array([10.0, 10.0]), np.array([20.0, 20.0]), symmetry)
    found = expand(np.array(hkl), np.array([10.0, 10.0]), np.array([10.05, np.nan]), symmetry)
    assert set(found.f.tolist()) == {10.0} and found.merged == 0


def test_equivalents_by_their_minus_sides():
    with pytest.raises(ValueError, match="^reflections -1 -2 -3 and -1 -2 3 are equivalent, .* 10 and 20"):
        expand(np.array([[1, 2, 3], [1, 2, -3]]), np.array([5.0, np.nan]), np.array([10.0, 20.0]),
               symmetry_of(group("P 1 1 m")))


def asymmetric_unit(name):
    unit = gemmi.ReciprocalAsu(group(name))
    return [hkl for hkl in CUBE.tolist() if unit.is_in(hkl) and any(hkl)]


@pytest.mark.parametrize("name", GROUPS)
@pytest.mark.parametrize("apart", [False, True])
def test_like_the_naive_expansion(name, apart):
    random = np.random.default_rng(5)
    operations = group(name).operations()
    rows = []
    for hkl in asymmetric_unit(name):
        gone = operations.is_systematically_absent(hkl)
        plus, minus = (0.0, 0.0) if gone else random.uniform(1.0, 9.0, 2).tolist()
        if operations.is_reflection_centric(hkl):
            minus = plus
        rows.append((hkl, plus, minus if apart else None))
    expected = naive_atoms.amplitude_table(rows, list(operations))
    found = expand(np.array([row[0] for row in rows]), np.array([row[1] for row in rows]),
                   np.array([row[2] for row in rows]) if apart else None, symmetry_of(group(name)))
    assert dict(zip(map(tuple, found.indices.tolist()), found.f.tolist())) == expected
    assert found.absences == found.merged == found.unpaired == 0


@pytest.mark.parametrize("name", ["1CTJ", "2QXX"])
def test_like_files_that_hold_both(name):
    factors = nb.StructureFactors.from_mtz(real(f"{name}.mtz"))
    listed = gemmi.read_mtz_file(str(real(f"{name}_p1.mtz")))
    indices, f = listed.make_miller_array(), listed.array[:, listed.column_labels().index("FMODEL")].astype(float)
    assert len(f) in (249, 1978)
    assert np.array_equal(factors.at(indices), f) and np.array_equal(factors.at(-indices), f)
    # and nothing else
    assert np.count_nonzero(factors.table) == 2 * np.count_nonzero(f)


def test_what_is_given_wins_over_what_follows():
    """F+ of a centric reflection; a row of its own over a Friedel mate; a mate where nothing is given."""
    symmetry = symmetry_of(group("P 1 2 1"))
    found = expand([[1, 0, 2], [1, 1, 1], [2, 1, 1]], np.array([5.0, 6.0, np.nan]), np.array([5.01, np.nan, 7.0]),
                   symmetry)
    table = dict(zip(map(tuple, found.indices.tolist()), found.f.tolist()))
    # k = 0 is centric in this group
    assert table[1, 0, 2] == table[-1, 0, -2] == 5.0
    assert table[1, 1, 1] == table[-1, 1, -1] == table[-1, -1, -1] == 6.0
    assert table[2, 1, 1] == table[-2, -1, -1] == table[2, -1, 1] == 7.0
    assert found.unpaired == 2
    rows = nb.StructureFactors.from_reflections([[1, 2, 3], [-1, -2, -3]], [3.0, 4.0], space_group="P 1")
    assert rows.at([[1, 2, 3], [-1, -2, -3]]).tolist() == [3.0, 4.0]


@pytest.mark.parametrize("f, words", [([3.0, 4.0, 5.0], "kept apart"), ([3.0, 3.0, 5.0], "included"),
                                      ([3.0, 3.001, 5.0], "kept apart")])
def test_friedel_mates_by_rows_of_their_own(f, words):
    factors = nb.StructureFactors.from_reflections([[1, 2, 3], [-1, -2, -3], [2, 0, 1]], f, space_group="P 1",
                                                   cell=(10, 11, 12, 90, 90, 90))
    assert f"(Friedel mates {words})" in factors.notes[0]
    assert f"Friedel mates       {words}" in factors.summary()
    assert factors.at([[1, 2, 3], [-1, -2, -3], [2, 0, 1], [-2, 0, -1]]).tolist() == [f[0], f[1], f[2], f[2]]


def test_absences_are_zero_whatever_was_given():
    factors = nb.StructureFactors.from_reflections([[0, 1, 0], [0, 2, 0], [1, 4, 1]], [9.0, 8.0, 7.0], default=2.0,
                                                   space_group="P 1 21 1")
    assert factors.at([[0, 1, 0], [0, 2, 0], [0, 3, 0], [0, -3, 0], [1, 3, 1], [0, 5, 0]]).tolist() == [
        0.0, 8.0, 0.0, 0.0, 2.0, 2.0]
    assert "1 systematically absent, taken for 0" in factors.notes[0]


def test_equivalents_must_agree():
    symmetry = symmetry_of(group("P 1 2 1"))
    found = expand([[1, 2, 3], [-1, 2, -3]], np.array([100.0, 100.5]), None, symmetry)
    assert found.merged == 1 and set(found.f) == {100.0}
    with pytest.raises(ValueError, match=r"^reflections 1 2 3 and -1 2 -3 are equivalent, but have amplitudes 100 and "
                                         r"102; unmerged data, or the wrong space group \(1 such reflections\)$"):
        expand([[1, 2, 3], [-1, 2, -3]], np.array([100.0, 102.0]), None, symmetry)
    with pytest.raises(ValueError, match="^reflection 1 2 3 is there twice, with amplitudes 1 and 2; "):
        expand([[1, 2, 3], [1, 2, 3]], np.array([1.0, 2.0]), None, symmetry)


def test_indices_have_a_limit():
    symmetry = symmetry_of(group("P 1"))
    last = LARGEST_INDEX // 3
    assert len(expand([[last, 0, -last]], np.ones(1), None, symmetry).f) == 2
    with pytest.raises(ValueError, match="^indices: beyond 349525"):
        expand([[last + 1, 0, 0]], np.ones(1), None, symmetry)


def test_space_groups_by_name_number_and_object():
    assert space_group_of("P212121").number == space_group_of(19).number == 19
    assert space_group_of(group("P 1")) == group("P 1")
    assert space_group_of("R 3", (40, 40, 40, 80, 80, 80)).xhm() == "R 3:R"
    assert space_group_of("R 3", (40, 40, 40, 90, 90, 120)).xhm() == "R 3:H"
    for bad in ("Q 7", "", 231, 0, 2.0, True, None, []):
        with pytest.raises(ValueError, match="^space_group: .* is no space group; "):
            space_group_of(bad)
