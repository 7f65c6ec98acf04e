"""Requests: frozen parts, drafts whose names are checked, units in one place, words that open no file."""

import ast
import builtins
import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
from test_layers import MODULES, TREES

import numbragg as nb
from numbragg.command_line.line import CommandLine, Files, assign
from numbragg.command_line.parse import parse
from numbragg.scene import request as requests
from numbragg.scene import units
from numbragg.scene.request import Draft, Request

PARTS = {"crystal": requests.CrystalRequest, "beam": requests.BeamRequest, "detector": requests.DetectorRequest,
         "sampling": requests.SamplingRequest}


def same(a, b):
    return a == b or (isinstance(a, float) and math.isnan(a) and math.isnan(b))


# -- frozen


def test_nobody_changes_a_request():
    asked = Request()
    with pytest.raises(dataclasses.FrozenInstanceError):
        asked.revision = "main"
    for part, kind in PARTS.items():
        assert type(getattr(asked, part)) is kind
        for item in dataclasses.fields(kind):
            with pytest.raises(dataclasses.FrozenInstanceError):
                setattr(getattr(asked, part), item.name, 0)
            hash(item.default)  # nothing that could be changed in place


def test_a_prepared_scene_is_not_changed_by_rendering():
    ready = nb.Simulator(nb.Detector(pixels=(4, 4)), nb.Beam(), 1.0).prepare(nb.Crystal(cell=(50, 50, 50, 90, 90, 90)))
    with pytest.raises(dataclasses.FrozenInstanceError):
        ready.window = (0, 0, 0, 0)


def test_configurations_return_their_parts():
    crystal = nb.Crystal(cell=(50, 60, 70, 80, 90, 100), spindle_axis=(0, 1, 0), n_cells=(2, 3, 4), size_mm=0.3)
    beam, detector, sampling = nb.Beam(direction=(0, 0, 1)), nb.Detector(convention="custom"), nb.Sampling(oversample=3)
    for config, kind in zip((crystal, beam, detector, sampling), PARTS.values()):
        assert type(config.pack()) is kind
    part = crystal.pack()
    assert part.cell_lengths == (50.0, 60.0, 70.0) and part.spindle_axis == (0.0, 1.0, 0.0)
    assert part.n_cells == (2.0, 3.0, 4.0) and part.sample_size == (0.3 / 1000.0,) * 3
    assert beam.pack().beam_vector == (0.0, 0.0, 1.0) and sampling.pack().oversample == 3


def test_plain_configurations_make_the_plain_request():
    """What is not said is nanoBragg's default in both front ends; the cell alone is always said in Python."""
    for config, part in ((nb.Beam(), "beam"), (nb.Detector(), "detector"), (nb.Sampling(), "sampling")):
        made, plain = config.pack(), getattr(Request(), part)
        differing = [item.name for item in dataclasses.fields(plain)
                     if not same(getattr(made, item.name), getattr(plain, item.name))]
        assert differing == []


def test_a_coordinate_of_the_closest_point_may_be_left_open():
    part = nb.Detector(close_point_pixels=(None, 3.0)).pack()
    assert math.isnan(part.origin_x) and part.origin_y == 3.0


# -- drafts


def test_parts_have_no_name_in_common():
    names = [item.name for kind in PARTS.values() for item in dataclasses.fields(kind)]
    assert len(names) == len(set(names)) > 60
    assert sorted([*names, "revision"]) == sorted(Draft.__slots__)


def test_a_draft_freezes_to_what_was_set():
    draft = Draft(fudge=2.0, roi=[1, 2, 3, 4])
    draft.n_cells, draft.revision = [1.0, 2.0, 3.0], "main"
    asked = draft.freeze()
    assert (asked.crystal.fudge, asked.crystal.n_cells, asked.sampling.roi) == (2.0, (1.0, 2.0, 3.0), (1, 2, 3, 4))
    assert asked.revision == "main" and asked.beam == Request().beam
    draft.fudge = 3.0
    assert asked.crystal.fudge == 2.0


def test_a_misspelt_setting_is_an_error():
    with pytest.raises(AttributeError):
        Draft.fugde  # noqa: B018
    with pytest.raises(AttributeError):
        Draft().fugde = 1.0
    with pytest.raises(AttributeError):
        Draft(fugde=1.0)
    with pytest.raises(TypeError, match="not a setting of a command line"):
        assign(CommandLine(), requests.CrystalRequest.fudge, 1.0)


def test_settings_are_assigned_where_they_live():
    line = CommandLine()
    for setting, value, where in ((Draft.fudge, 2.0, line.draft), (Files.hkl, "a", line.files),
                                  (CommandLine.scale, 3.0, line)):
        assign(line, setting, value)
        assert getattr(where, setting.__name__) == value


@pytest.mark.parametrize("name", sorted(name for name in MODULES if name.startswith("numbragg.command_line")))
def test_no_setting_is_named_by_a_string(name):
    """Neither `setattr` nor a dotted name of a setting."""
    names = set(Draft.__slots__)
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("setattr", "delattr", "vars"), ast.unparse(node)
            if node.func.id in ("store", "put", "elements", "vector", "assign"):
                said = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
                assert not set(said) & names, ast.unparse(node)


# -- words alone


@pytest.mark.parametrize("words", ["-mask no.img -img no2.img -hkl no.hkl -mat no.mat -sourcefile no.txt -stol no",
                                   "-img no.img -distance 50"])
def test_reading_words_opens_no_file(words, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    def refuse(*arguments, **more):
        raise AssertionError(f"opened {arguments}")

    monkeypatch.setattr(builtins, "open", refuse)
    line = parse(words.split())
    assert line.files.image.startswith("no") and line.draft.mask is None


# -- units


def test_units_keep_the_operations_of_the_c_program():
    """Each is one operation, and another one would give other bits somewhere."""
    values = np.random.default_rng(1).uniform(0.001, 500.0, 2000)
    tau = 180.0 * (1.0 / math.pi)
    rules = {units.from_mm: (lambda v: v / 1000.0, lambda v: v * 1e-3),
             units.from_mrad: (lambda v: v / 1000.0, lambda v: v * 1e-3),
             units.from_percent: (lambda v: v / 100.0, lambda v: v * 0.01),
             units.from_degrees: (lambda v: v / tau, lambda v: v * (math.pi / 180.0)),
             units.from_angstrom: (lambda v: v / 1e10, lambda v: v * 1e-10),
             units.from_ev: (lambda v: (12398.42 / v) / 1e10, lambda v: 12398.42e-10 / v),
             units.resolution_from_angstrom: (lambda v: v * 1e-10, lambda v: v / 1e10),
             units.water_from_um: (lambda v: v / 1e6, lambda v: v * 1e-6),
             units.sensor_from_um: (lambda v: v * 1e-6, lambda v: v / 1e6),
             units.attenuation_from_um: (lambda v: 1.0 / (v * 1e-6), lambda v: 1e6 / v)}
    for convert, (right, wrong) in rules.items():
        found = [convert(v) for v in values.tolist()]
        assert found == [right(v) for v in values.tolist()], convert
        assert found != [wrong(v) for v in values.tolist()], convert


_FACTORS = {1000, 1e-3, 1e6, 1e-6, 1e10, 1e-10, 180}


def factors_in(tree):
    """Unit factors that are multiplied or divided by."""
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Mult, ast.Div)):
            for side in (node.left, node.right):
                if isinstance(side, ast.Constant) and side.value in _FACTORS:
                    yield ast.unparse(node)


@pytest.mark.parametrize("name", sorted(
    name for name in MODULES if name.startswith((
        "numbragg.configs", "numbragg.command_line", "numbragg.results", "numbragg.scene.placement",
        "numbragg.scene.prepare", "numbragg.commands.image"))))
def test_unit_factors_stand_in_one_place(name):
    assert list(factors_in(TREES[name])) == []


def test_a_unit_factor_is_seen():
    assert list(factors_in(ast.parse("y = x / 1000.0"))) and list(factors_in(ast.parse("y = 1e-10 * x")))
    assert list(factors_in(ast.parse(Path(units.__file__).read_text(encoding="utf-8"))))
