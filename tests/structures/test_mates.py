"""Columns of Friedel mates by all the names that they have, halves of pairs, and what was not measured."""

import gemmi
import numpy as np
import pytest
from structure_tools import mtz

import numbragg as nb
from numbragg.notes import Loud
from numbragg.structures.mates import sigma_number, signed

CELL = (30.0, 40.0, 50.0, 90, 90, 90)
ROWS = [(1, 2, 3, 10, 1, 20, 2), (2, 1, 1, 30, 1, 40, 2)]
MATES = [[1, 2, 3], [-1, -2, -3], [2, 1, 1], [-2, -1, -1]]


def read(folder, columns, rows=ROWS, **options):
    columns = [tuple(word.split("=")) for word in columns.split()]
    return nb.StructureFactors.from_mtz(mtz(folder / "a.mtz", "P 21 21 21", CELL, columns, rows), **options)


def loud(factors):
    return [str(note) for note in factors.notes if isinstance(note, Loud)]


@pytest.mark.parametrize("plus, minus", [
    ("F(+)", "F(-)"), ("F_p", "F_m"), ("FP_P", "FP_M"), ("Fobs_pos", "Fobs_neg"), ("FPLUS", "FMINUS"), ("F+", "F-"),
    ("F_plus", "F_minus"), ("F_set_p", "F_set_m"), ("F_p_set", "F_m_set"), ("F-obs(+)", "F-obs(-)"), ("Fp", "Fm"),
    ("F_p", "F_n"), ("Fpos", "Fneg"), ("F_P(+)", "F_P(-)"), ("F(+)_set", "F(-)_set")])
@pytest.mark.parametrize("turned", [False, True])
def test_pairs_by_their_names(folder, plus, minus, turned):
    first, second = (minus, plus) if turned else (plus, minus)
    factors = read(folder, f"{first}=G S=L {second}=G T=L")
    values = factors.at(MATES).tolist()
    assert values == ([20, 10, 40, 30] if turned else [10, 20, 30, 40]) and loud(factors) == []
    assert f"column {plus} and {minus}" in factors.notes[0]
    roots = read(folder, f"{first.replace('F', 'I')}=K S=M {second.replace('F', 'I')}=K T=M", intensities="sqrt")
    assert roots.at(MATES).tolist() == np.sqrt(values).tolist()


def test_pairs_of_the_type_of_mean_amplitudes(folder):
    assert read(folder, "F+=F S=Q F-=F T=Q").at(MATES).tolist() == [10, 20, 30, 40]
    # a name that ends in P is none of a pair
    assert read(folder, "FP=F S=Q FM=F T=Q").at(MATES).tolist() == [10, 10, 30, 30]


def test_one_of_a_pair_is_never_the_mean_in_silence(folder):
    factors = read(folder, "F_p=G S=L X=R T=L")
    assert factors.at(MATES).tolist() == [10, 10, 30, 30]
    assert loud(factors) == [f"{folder / 'a.mtz'}: column F_p: is of one of each Friedel pair, and the other has no"
                             " column; both have its amplitudes"]
    with pytest.raises(ValueError, match=r"columns Fa, Fb: one of each Friedel pair by type, but which is not told by"
                                         r" \(\+\) and \(-\) or the like in the name; name one"):
        read(folder, "Fa=G S=L Fb=G T=L")
    with pytest.raises(ValueError, match="column Ia: one of each Friedel pair by type"):
        read(folder, "Ia=K S=M X=R T=L", intensities="sqrt")
    assert "column Fb: is of one" in loud(read(folder, "Fa=G S=L Fb=G T=L", column="Fb"))[0]
    # beside a mean they are not taken
    assert "column FP;" in read(folder, "FP=F S=Q Fb=G T=L").notes[0]


@pytest.mark.parametrize("sigma", [0, -1])
def test_zeros_without_a_standard_deviation_were_not_measured(folder, sigma):
    factors = read(folder, "FP=F SIGFP=Q X=R FREE=I", [(1, 2, 3, 0, sigma, 0, 0), (2, 1, 1, 30, 1, 0, 0)], default=7.0)
    assert factors.at(MATES).tolist() == [7, 7, 30, 30]
    assert "; 1 of 0 with a standard deviation of 0, taken for not measured;" in factors.notes[0]
    pair = read(folder, "F(+)=G S=L F(-)=G T=L", [(1, 2, 3, 10, 1, 0, sigma), (2, 1, 1, 30, 1, 31, 2)])
    assert pair.at(MATES).tolist() == [10, 10, 30, 31] and "1 of 0 with a standard" in pair.notes[0]


def test_zeros_with_a_standard_deviation_stay(folder):
    rows = [(1, 2, 3, 0, 0.5, 0, 0), (2, 1, 1, 30, 0, 0, 0)]
    factors = read(folder, "FP=F SIGFP=Q X=R FREE=I", rows, default=7.0)
    assert factors.at(MATES).tolist() == [0, 0, 30, 30] and "standard deviation" not in factors.notes[0]
    # what has no standard deviations at all is as it stands
    assert read(folder, "FP=F A=R X=R FREE=I", rows, default=7.0).at(MATES).tolist() == [0, 0, 30, 30]


def test_amplitudes_that_are_all_zero(folder):
    with pytest.raises(ValueError, match="column FP: all amplitudes are 0"):
        read(folder, "FP=F A=R X=R FREE=I", [(1, 2, 3, 0, 0, 0, 0)])


def test_zeros_of_gemmi_s_arrays_with_deviations():
    made = gemmi.Mtz(with_base=True)
    made.spacegroup = gemmi.SpaceGroup("P 21 21 21")
    made.set_cell_for_all(gemmi.UnitCell(*CELL))
    made.add_dataset("set")
    for label, kind in (("F", "F"), ("SIGF", "Q")):
        made.add_column(label, kind)
    made.set_data(np.array([(1, 2, 3, 0, 0), (2, 1, 1, 30, 1)], np.float32))
    factors = nb.StructureFactors.from_gemmi(made.get_value_sigma("F", "SIGF"), default=3.0)
    assert factors.at(MATES).tolist() == [3, 3, 30, 30]


def test_standard_deviations_by_name_before_place():
    columns = [("F", "F"), ("G", "F"), ("SIG_G", "Q"), ("SIGF", "Q"), ("X", "F")]
    assert [sigma_number(columns, n) for n in (0, 1, 4)] == [3, 2, None]
    assert sigma_number([("F(+)", "G"), ("S", "L")], 0) == 1 and signed("F-model") == ("", "F-model")


def test_arrays_with_symmetry():
    """Moduli and what is left out are said."""
    indices, f = [[0, 0, 0], [1, 2, 3]], np.array([500 + 0j, 3 + 4j])
    options = {"space_group": "P 2 2 2", "cell": CELL}
    factors = nb.StructureFactors.from_reflections(indices, f, **options)
    assert factors.at([[0, 0, 0], [1, 2, 3]]).tolist() == [0, 5]
    assert "; complex numbers, of which the moduli are taken; 1 0 0 0 left out;" in factors.notes[0]
    assert "moduli" in factors.summary() and "0 0 0 left out" in factors.summary()
    kept = nb.StructureFactors.from_reflections(indices, f.real, f000=True, **options)
    assert kept.at([[0, 0, 0], [1, 2, 3]]).tolist() == [500, 3]
    assert "moduli" not in kept.notes[0] and "left out" not in kept.notes[0]
    # without symmetry a list is as it stands
    assert nb.StructureFactors.from_reflections(indices, f.real).amplitude(0, 0, 0) == 500
    with pytest.raises(ValueError, match="there is none but that of 0 0 0, which is left out; f000=True keeps it"):
        nb.StructureFactors.from_reflections([[0, 0, 0]], [5.0], **options)


def test_complex_arrays_of_gemmi_say_so():
    data = gemmi.ComplexAsuData(gemmi.UnitCell(*CELL), gemmi.SpaceGroup("P 2 2 2"), np.array([[1, 2, 3]], np.int32),
                                np.array([3 + 4j], np.complex64))
    factors = nb.StructureFactors.from_gemmi(data)
    assert factors.amplitude(1, 2, 3) == 5 and "of which the moduli are taken" in factors.notes[0]


@pytest.mark.parametrize("number, name", [(146, "R 3"), (155, "R 3 2"), (148, "R -3"), (166, "R -3 m")])
def test_numbers_of_rhombohedral_groups_have_the_setting_of_the_cell(number, name):
    for cell, setting in (((30, 30, 30, 80, 80, 80), "R"), ((30, 30, 50, 90, 90, 120), "H")):
        by_number, by_name = (nb.StructureFactors.from_reflections([[1, 1, 3]], [5.0], space_group=group, cell=cell)
                              for group in (number, name))
        assert by_number.space_group == by_name.space_group == f"{name}:{setting}"
