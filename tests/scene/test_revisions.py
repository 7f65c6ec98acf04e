"""Revisions are rows of rules: nobody else compares their names, and one more row is one more revision."""

import ast
import dataclasses
import importlib.util

import numpy as np
from places import DOCS
import pytest
from test_layers import TREES

import numbragg as nb
from numbragg.command_line.parse import CommandLineError, parse
from numbragg.commands.cli import main
from numbragg.scene import revisions
from numbragg.scene.revisions import REVISIONS, Revision, revision_names, revision_rules

RULES = [rule.name for rule in dataclasses.fields(Revision) if rule.metadata.get("quirks")]


def compared(tree, names):
    """Lines of a module where one of these words is compared, is looked for among others, or chooses."""
    def words(node):
        return {part.value for part in ast.walk(node) if isinstance(part, ast.Constant) and isinstance(part.value, str)}

    for node in ast.walk(tree):
        if isinstance(node, (ast.Compare, ast.MatchValue)) and words(node) & names:
            yield node.lineno
        elif isinstance(node, ast.Subscript) and isinstance(node.value, ast.Dict) and words(node.value) & names:
            yield node.lineno
        elif (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
              and node.func.attr in ("get", "index", "startswith", "__eq__") and words(node) & names):
            yield node.lineno


@pytest.mark.parametrize("module", sorted(set(TREES) - {"numbragg.scene.revisions"}))
def test_nobody_else_compares_their_names(module):
    assert list(compared(TREES[module], set(revision_names()))) == []


@pytest.mark.parametrize("code", [
    "p.revision == 'main'", "'fixed' != p.revision", "revision in ('main', 'fixed')", "revision not in {'main'}",
    "rule = {'main': 1, 'fixed': 2}[revision]", "{'main': 1}.get(revision)",
    "match revision:\n    case 'main':\n        pass"])
def test_a_comparison_is_seen(code):
    assert list(compared(ast.parse(code), set(revision_names())))


def test_a_name_may_be_said():
    assert not list(compared(ast.parse("__all__ = ['main']\nmain(revision='fixed')"), set(revision_names())))


def test_every_rule_is_decided_in_every_row():
    assert RULES and all(type(getattr(row, rule)) is bool for row in REVISIONS for rule in RULES)
    for item in dataclasses.fields(Revision):
        assert item.default is item.default_factory is dataclasses.MISSING
    with pytest.raises(TypeError, match=RULES[0]):
        Revision(name="third", text="a rule is not decided",
                 **{rule: True for rule in RULES if rule != RULES[0]})
    with pytest.raises(dataclasses.FrozenInstanceError):
        REVISIONS[0].name = "other"


def test_unknown_revision():
    with pytest.raises(ValueError, match="revision: 'other' must be one of 'main', 'fixed'"):
        revision_rules("other")


# -- one more row


@pytest.fixture
def third(monkeypatch):
    """A revision with the spindle of `main` and the sums of `fixed`."""
    row = Revision(name="third", text="half of each", zero_angle_keeps_rotation=True,
                   flags_multiply_running_sum=False, ignores_last_curved_det=True)
    monkeypatch.setattr(revisions, "REVISIONS", (*REVISIONS, row))
    return row


SWEEP = {"phi_start_deg": 0.0, "oscillation_deg": 3.0, "phi_steps": 3}


def image(revision, per_step=(), **crystal):
    return nb.simulate(nb.Crystal(cell=(50, 60, 70, 90, 90, 90), n_cells=5, **crystal), nb.Beam(),
                       nb.Detector(pixels=(16, 12), pixel_mm=4.0), 100.0, revision=revision, threads=1,
                       sampling=nb.Sampling(oversample=2, per_step=per_step))


def test_third_row_from_python(third):
    sweep = {name: image(name, **SWEEP) for name in ("main", "fixed", "third")}
    assert np.array_equal(sweep["third"], sweep["main"]) and not np.array_equal(sweep["third"], sweep["fixed"])
    flags = {name: image(name, ["solid_angle"]) for name in ("main", "fixed", "third")}
    assert np.array_equal(flags["third"], flags["fixed"]) and not np.array_equal(flags["third"], flags["main"])


def test_third_row_from_the_command_line(third, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ("-cell 50 60 70 -N 5 -default_F 100 -detpixels_f 16 -detpixels_s 12 -pixel 4 -phi 0 -osc 3 -phisteps 3 "
             "-oversample 2 -nonoise --threads 1 --quiet").split()
    assert main([*words, "--revision", "third"]) == 0
    found = np.fromfile("floatimage.bin", np.float32).reshape(12, 16)
    assert np.array_equal(found, image("third", **SWEEP)) and found.any()
    assert any("nanoBragg third would ignore it" in text
               for text in parse(["--revision", "third", "-curved_det"]).notices)
    with pytest.raises(CommandLineError, match="--revision old: must be main or fixed or third"):
        parse(["--revision", "old"])


def test_without_the_row_it_is_refused():
    with pytest.raises(ValueError, match="revision: 'third' must be one of 'main', 'fixed'"):
        image("third")
    with pytest.raises(CommandLineError, match="--revision third: must be main or fixed"):
        parse(["--revision", "third"])


# -- the columns of docs/quirks



@pytest.fixture(scope="module")
def make_docs():
    found = importlib.util.spec_from_file_location("make_docs", DOCS / "make_docs.py")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_columns_of_quirks_are_made_from_the_rows(make_docs, third):
    page = (DOCS / "quirks.md").read_text(encoding="utf-8")
    assert make_docs.with_revision_columns(page, REVISIONS) == page
    other = (*REVISIONS[:1], dataclasses.replace(REVISIONS[1], zero_angle_keeps_rotation=True))
    assert make_docs.with_revision_columns(page, other) != page
    more = make_docs.with_revision_columns(page, revisions.REVISIONS)
    assert more.count("| `main` | `fixed` | `third` |") == 3
    row, = [line for line in more.split("\n") if line.startswith("| Q1 ")]
    assert row.endswith("| reproduced | an angle of 0 gives the unrotated crystal | reproduced |")
    assert make_docs.with_revision_columns(more, REVISIONS) == page


def test_a_rule_whose_quirk_is_missing_is_seen(make_docs):
    page = (DOCS / "quirks.md").read_text(encoding="utf-8")
    with pytest.raises(SystemExit, match="Q2: "):
        make_docs.with_revision_columns(page.replace("| Q2 |", "| Q2a |"), REVISIONS)
