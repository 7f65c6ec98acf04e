"""Files of crystallography after -hkl: cells, columns, how far a model reaches, and what is refused."""

import gzip
import json

import numpy as np
import pytest
from structure_tools import model, mtz

import numbragg as nb
from numbragg.commands.cli import main

CELL = (30.0, 40.0, 50.0, 90, 100, 90)
TRICLINIC = (27.25, 31.98, 34.29, 88.53, 108.57, 111.85)
COMMON = "-N 5 -detpixels 40 -distance 10 -seed 1 -nopgm -nonoise --stats-json s.json".split()


def written(folder, cell=CELL, name="a.mtz", group="P 1 2 1"):
    random = np.random.default_rng(2)
    rows = [(h, k, l, *random.uniform(1, 99, 2)) for h in range(-4, 5) for k in range(5) for l in range(5)
            if (h, k, l) != (0, 0, 0) and (l > 0 or h > 0 or group == "P 1" and k > 0)]
    mtz(folder / name, group, cell, [("FP", "F"), ("FC", "F")], rows)
    return name


def run(*words):
    assert main([*words, *COMMON]) == 0
    with open("s.json", encoding="utf-8") as file:
        return np.fromfile("floatimage.bin", np.float32), json.load(file)


def test_the_cell_of_the_file(folder):
    """As if -cell had said it, to the bit."""
    name = written(folder)
    image, facts = run("-hkl", name)
    expected, _ = run("-hkl", name, "-cell", *map(str, CELL))
    assert image.tobytes() == expected.tobytes() and image.any()
    assert facts["crystal"]["cell_angstrom_deg"] == pytest.approx(CELL)
    assert f"unit cell 30 40 50 90 100 90 (Angstrom, degrees) taken from {name}" in facts["notices"]
    factors = nb.StructureFactors.from_mtz(name)
    about = facts["structure_factors"]
    assert about["sha256"] == factors.sha256 and about["summary"] == factors.summary().splitlines()
    assert about["space_group"] == "P 1 2 1" and about["cell_angstrom_deg"] == list(CELL)
    # the text list that people made of such files until now
    box = np.argwhere(factors.table != 0.0) + np.array(factors.minimum)
    lines = [f"{h} {k} {l} {factors.amplitude(h, k, l)!r}\n" for h, k, l in box.tolist()]
    (folder / "p1.hkl").write_text("".join(lines))
    assert run("-hkl", "p1.hkl", "-cell", *map(str, CELL))[0].tobytes() == image.tobytes()


def test_a_cell_that_would_be_bent_is_exact(folder):
    name = written(folder, TRICLINIC, group="P 1")
    image, facts = run("-hkl", name)
    assert facts["crystal"]["cell_angstrom_deg"] == pytest.approx(TRICLINIC, abs=1e-4)
    assert not [note for note in (*facts["notices"], *facts["warnings"]) if "simulated" in note]
    factors = nb.StructureFactors.from_mtz(name)
    same = nb.simulate(factors.crystal(n_cells=5), nb.Beam(), nb.Detector(pixels=(40, 40), distance_mm=10), factors)
    assert same.tobytes() == image.tobytes()
    _, bent = run("-hkl", name, "-cell", *map(str, TRICLINIC))
    assert [note for note in bent["warnings"] if note.startswith("cell: ")]


def test_a_matrix_or_a_cell_of_ones_own(folder, capsys):
    name = written(folder)
    (folder / "A.mat").write_text("0.03 0 0 0 0.03 0 0 0 0.03\n")
    _, facts = run("-hkl", name, "-mat", "A.mat", "--quiet")
    assert facts["crystal"]["cell_angstrom_deg"][:3] == pytest.approx([100 / 3] * 3)
    said = capsys.readouterr().err
    assert "numbragg: warning: structure factors: of the cell 30 40 50 90 100 90, but simulated is" in said
    run("-hkl", name, "-cell", "31", "40", "50", "90", "100", "90", "--quiet")
    assert "but simulated is 31 40 50 90 100 90" in capsys.readouterr().err


@pytest.mark.parametrize("words, column", [
    ((), "FP"), (("--hkl-columns", "auto"), "FP"), (("--hkl-columns", "FC"), "FC")])
def test_columns(folder, words, column):
    _, facts = run("-hkl", written(folder), *words)
    assert facts["structure_factors"]["summary"][1].split()[2] == column


def test_text_lists_with_columns(folder):
    (folder / "a.hkl").write_text("# from somewhere\nh k l sigF F\n0 0 1 0.1 50\n1 0 1 0.1 60\n")
    (folder / "b.hkl").write_text("0 0 1 50\n1 0 1 60\n")
    expected = run("-hkl", "b.hkl", "-cell", "30")[0].tobytes()
    for words in ("auto", "h,k,l,-,F"):
        assert run("-hkl", "a.hkl", "-cell", "30", "--hkl-columns", words)[0].tobytes() == expected
    (folder / "c.hkl").write_text("0 0 1 2500\n1 0 1 3600\n")
    words = ("-hkl", "c.hkl", "-cell", "30", "--hkl-columns", "h,k,l,I", "--intensities", "sqrt")
    assert run(*words)[0].tobytes() == expected


def corner(distance, edge, wavelength):
    """Resolution at the corner of a flat detector."""
    angle = np.arctan(edge / 2 * 2 ** 0.5 / distance)
    return wavelength / (2 * np.sin(angle / 2))


@pytest.mark.parametrize("words, wavelength", [((), 1.0), (("-lambda", "2"), 2.0),
                                               (("-lambda", "2", "-dispersion", "10", "-dispsteps", "3"), 1.9)])
def test_a_model_reaches_as_far_as_the_detector(folder, words, wavelength):
    model().write_pdb("a.pdb")
    _, facts = run("-hkl", "a.pdb", *words)
    seen = corner(10.0, 4.0, wavelength)
    factors = nb.StructureFactors.from_model("a.pdb", seen, 2.0 if words else 1.0)
    # all that is seen is there, and at most half a cell more in each direction
    for low, wanted, found in zip(factors.minimum, factors.maximum, facts["structure_factors"]["maximum_hkl"]):
        assert low == -wanted and wanted <= found <= wanted + 3
    assert not [note for note in facts["warnings"] if "detector sees to" in note]
    assert f"f' and f'' at {2 if words else 1} Angstrom, with bulk solvent" in facts["structure_factors"]["summary"][1]


@pytest.mark.parametrize("name", ["a.pdb", "a.ent", "A.PDB", "a.pdb.gz", "a.cif", "a.cif.gz"])
def test_models_to_dmin(folder, name):
    plain = "model.cif" if "cif" in name else "model.pdb"
    if "cif" in name:
        model().make_mmcif_document().write_file(plain)
    else:
        model().write_pdb(plain)
    data = (folder / plain).read_bytes()
    (folder / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    image, facts = run("-hkl", name, "-dmin", "3")
    factors = nb.StructureFactors.from_model(plain, 3.0, 1.0)
    assert facts["structure_factors"]["sha256"] == factors.sha256
    expected = nb.simulate(factors.crystal(n_cells=5), nb.Beam(d_min_angstrom=3.0),
                           nb.Detector(pixels=(40, 40), distance_mm=10), factors)
    assert image.tobytes() == expected.tobytes() and image.any()


@pytest.mark.parametrize("words, message", [
    (["-default_F", "1", "-cell", "30", "--hkl-columns", "auto"], "--hkl-columns auto: says how -hkl is read"),
    (["-default_F", "1", "-cell", "30", "--intensities", "sqrt"], "--intensities sqrt: says how -hkl is read"),
    (["-hkl", "a.pdb", "--intensities", "sqrt"], "--intensities sqrt: a.pdb is a model by its name"),
    (["-hkl", "a.cif", "--hkl-columns", "FP"], "-hkl a.cif: is a model, without the columns"),
    (["-hkl", "a.mtz", "--hkl-columns", "FX"], "a.mtz: column 'FX': is not there; the columns are H, K, L, FP, FC"),
    (["-hkl", "a.mtz", "--intensities", "sqrt"], "a.mtz: has no intensities"),
    (["-hkl", "a.mtz", "--intensities", "root"], "--intensities root: must be sqrt"),
    (["-hkl", "b.hkl", "-cell", "30", "--hkl-columns", "h,k,F"], "columns: 'h,k,F' must name h, k, l and F"),
    (["-hkl", "b.hkl", "-cell", "30", "--hkl-columns", ""], "--hkl-columns '': must be"),
    (["-hkl", "b.hkl"], "no crystal: give a unit cell (-cell) or an orientation matrix (-mat)"),
    (["-hkl", "none.mtz"], "none.mtz: No such file"), (["-hkl", "bad.mtz"], "bad.mtz: is no MTZ file"),
    (["-hkl", "bad.pdb"], "bad.pdb: has no atoms"), (["-hkl", "bad.cif"], "bad.cif: is no model that can be read")])
def test_refusals(folder, capsys, words, message):
    written(folder)
    model().write_pdb("a.pdb")
    model().make_mmcif_document().write_file("a.cif")
    for name in ("bad.mtz", "bad.pdb", "bad.cif", "b.hkl"):
        (folder / name).write_text("0 0 1 50\n")
    before = sorted(path.name for path in folder.iterdir())
    assert main([*words, *COMMON]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"numbragg: error: {message}") and said.count("\n") == 1
    assert sorted(path.name for path in folder.iterdir()) == before


def without_group(folder, item=""):
    (folder / "b.cif").write_text(
        "data_b\n_cell.length_a 30\n_cell.length_b 40\n_cell.length_c 50\n_cell.angle_alpha 90\n_cell.angle_beta 90\n"
        f"_cell.angle_gamma 90\n{item}\nloop_\n_refln.index_h\n_refln.index_k\n_refln.index_l\n_refln.F_meas_au\n"
        "1 2 3 10\n1 0 1 20\n")
    return "b.cif"


@pytest.mark.parametrize("words", ["P212121", "P 21 21 21", "19"])
@pytest.mark.parametrize("item", ["", "_space_group.IT_number 16"])
def test_a_space_group_by_option(folder, words, item):
    _, facts = run("-hkl", without_group(folder, item), "--space-group", words)
    factors = nb.StructureFactors.from_cif("b.cif", space_group="P 21 21 21")
    assert facts["structure_factors"]["sha256"] == factors.sha256
    assert facts["structure_factors"]["space_group"] == "P 21 21 21"
    _, of_mtz = run("-hkl", written(folder), "--space-group", "P 1")
    assert of_mtz["structure_factors"]["space_group"] == "P 1"


@pytest.mark.parametrize("words, message", [
    ("-hkl b.cif", "b.cif: has no space group, or one that is not known; give space_group (--space-group)"),
    ("-hkl b.cif --space-group P99", "--space-group P99: is no space group; a name such as 'P 21 21 21' or P212121"),
    ("-hkl b.cif --space-group 0", "--space-group 0: is no space group"),
    ("-hkl l.hkl -cell 30 --space-group 4", "--space-group 4: l.hkl is a text list by its name; no symmetry is"),
    ("-hkl a.pdb --space-group 4", "--space-group 4: a.pdb is a model by its name; models have their own"),
    ("-hkl m.cif --space-group 4", "-hkl m.cif: is a model, which has a space group of its own; --space-group is for"),
    ("-default_F 1 -cell 30 --space-group 4", "--space-group 4: says how -hkl is read, which is not given")])
def test_space_groups_that_are_refused(folder, capsys, words, message):
    without_group(folder)
    (folder / "l.hkl").write_text("1 2 3 10\n")
    model().make_mmcif_document().write_file("m.cif")
    model().write_pdb("a.pdb")
    assert main([*words.split(), *COMMON]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"numbragg: error: {message}") and said.count("\n") == 1


def test_columns_to_be_named_are_asked_for_by_option(folder, capsys):
    mtz(folder / "b.mtz", "P 1 2 1", CELL, [("FA", "F"), ("FB", "F")], [(1, 2, 3, 1, 2)])
    assert main(["-hkl", "b.mtz", *COMMON]) == 2
    assert capsys.readouterr().err == (
        "numbragg: error: b.mtz: several columns may be meant, FA, FB: name one (--hkl-columns)\n")
