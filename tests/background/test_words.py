"""Words for layers, tables of users, and what is refused."""

import ice_ih
import numpy as np
import pytest

from numbragg import Background, Beam, Crystal, Detector, NumbraggWarning, Simulator
from numbragg.background import Layer, Table, ice_table

CRYSTAL = Crystal(cell=(50, 60, 70, 90, 90, 90), n_cells=5)


@pytest.mark.parametrize("words, part", [
    ("water", "must be MATERIAL:EXTENT"), ("water:5", "must be MATERIAL:EXTENT"), ("water:0um", "no thickness"),
    ("water:5um:-1", "above 0"), ("oil.stol:5um", "lacks density"), ("oil.stol:5um:0.9", "lacks density"),
    ("air:20mm..-30mm", "no thickness"), ("", "must be MATERIAL:EXTENT")])
def test_words_are_refused_in_one_line(words, part):
    with pytest.raises(ValueError, match=part) as caught:
        Background(words)
    assert "\n" not in str(caught.value)


def test_a_file_of_a_user_with_comments_and_a_third_column(tmp_path):
    path = tmp_path / "oil.stol"
    path.write_text("#Curve 0\n#x y type\n0 3 i\n0.2 2.5 i\n0.5 1 i\n")
    layer, = Background(f"{path}:-1mm..2mm:0.9:40").layers
    assert layer.material.stol == (0.0, 0.2, 0.5) and layer.material.f == (3.0, 2.5, 1.0)
    assert (layer.begin_mm, layer.end_mm, layer.material.molecular_weight) == (-1.0, 2.0, 40.0)
    path.write_text("0 3\n0.2 nan\n")
    with pytest.raises(ValueError, match="line 2"):
        Background(f"{path}:5um:0.9:40")


def test_a_layer_that_reaches_the_detector_is_refused():
    with pytest.raises(ValueError, match="reaches the plane of the detector, at 20 mm"):
        Simulator(Detector(pixels=(8, 8), distance_mm=20), Beam(), 1.0, background="air:50mm").run(CRYSTAL)


def test_pixels_beyond_the_table_are_told():
    near = Simulator(Detector(pixels=(64, 64), pixel_mm=2, distance_mm=20), Beam(), 1.0, background="water:5um")
    with pytest.warns(NumbraggWarning, match="beyond the table of water"):
        near.run(CRYSTAL)


def test_the_table_of_ice_is_made_from_its_structure():
    assert list(ice_table.F) == pytest.approx(ice_ih.table(), abs=2e-3)
    # 100, 002 and 101, in Angstrom, and no 001
    strong = [i for i in range(1, len(ice_table.F) - 1) if ice_table.F[i - 1] < ice_table.F[i] > ice_table.F[i + 1]]
    assert [round(0.5 / (i * ice_table.STEP), 1) for i in strong[:3]] == [3.9, 3.7, 3.4]


@pytest.mark.parametrize("rows, part", [
    ("0 1\n1e-170 2\n0.5 1\n", "must be 1e-12 /Angstrom apart or more"),
    ("0 1\n0.1 2\n0.1000000000000001 1\n", "apart or more"),
    ("0 1\n1e300 2\n", "must be at most 1e+06, in 1/Angstrom"), ("0 1e200\n0.5 1\n", "must be at most 1e+09")])
def test_numbers_whose_integrals_are_none_are_refused(rows, part, tmp_path):
    path = tmp_path / "odd.stol"
    path.write_text(rows)
    with pytest.raises(ValueError, match="odd.stol: ") as caught:
        Background(f"{path}:5um:0.9:40")
    assert part in str(caught.value) and "\n" not in str(caught.value)


def test_the_widest_and_narrowest_rows_are_doubles():
    """What is just allowed ends in photons, and in no warning."""
    for table in (Table("narrow", (0.0, 1e-12, 2e-12, 0.5), (0.0, 1e9, 0.0, 1.0), 1.0, 18.0),
                  Table("wide", (0.0, 0.1, 1e6), (1e9, 0.0, 1e9), 1.0, 18.0)):
        found = Simulator(Detector(pixels=(8, 6)), Beam(), 1.0, background=Background([Layer(table, 0.005)]),
                          threads=1).run(CRYSTAL).background
        assert np.isfinite(found).all() and found.min() >= 0.0
