"""Rules that stand once: regions and counts of pixels, numbers as text and for JSON; and few parameters."""

import ast
import inspect
import json
import math

import numpy as np
import pytest
from test_layers import MODULES, TREES

from numbragg.commands.arguments import region as region_of_words
from numbragg.compare.images import compare_images
from numbragg.compare.plateaus import plateaus
from numbragg.io.json_text import json_ready, json_text
from numbragg.io.literals import c_number, c_whole, decimal, leading_number, next_number, whole
from numbragg.results.digitise import add_noise
from numbragg.scene import pixels

# -- regions and counts of pixels

IMAGE = np.arange(24, dtype=np.float32).reshape(4, 6)


@pytest.mark.parametrize("bad", [(0, 6, 0, 3), (0, 5, 0, 4), (-1, 5, 0, 3), (3, 2, 0, 3), (0, 5, 3, 2), (0, 5, 0),
                                 "0 5 0 3", 5, (0, 1.5, 0, 3), (0, None, 0, 3), (0, math.nan, 0, 3),
                                 (0, math.inf, 0, 3)])
def test_a_region_is_refused_in_the_same_words_everywhere(bad):
    """By whatever takes one: noise, comparison, plateaus; the rule itself says why."""
    said = set()
    for take in (lambda roi: pixels.region(roi, IMAGE.shape), lambda roi: pixels.cropped(IMAGE, roi),
                 lambda roi: add_noise(IMAGE, seed=1, roi=roi), lambda roi: compare_images(IMAGE, IMAGE, roi=roi),
                 lambda roi: plateaus(IMAGE, roi)):
        with pytest.raises(ValueError, match="^roi: ") as caught:
            take(bad)
        said.add(str(caught.value))
    assert len(said) == 1


def test_regions():
    assert pixels.region(None, (4, 6)) == pixels.clipped(pixels.WHOLE, (4, 6)) == (0, 5, 0, 3)
    assert pixels.region(np.array([1, 2, 0, 3]), (4, 6)) == pixels.region([1.0, 2.0, 0.0, 3.0], (4, 6)) == (1, 2, 0, 3)
    assert pixels.cropped(IMAGE, (1, 2, 0, 3)).tolist() == IMAGE[0:4, 1:3].tolist()
    assert np.shares_memory(pixels.cropped(IMAGE, (1, 2, 0, 3)), IMAGE)
    assert region_of_words("1", "2", "0", "3") == (1, 2, 0, 3)
    assert pixels.clipped((2, 99, -5, -1), (4, 6)) == (2, 5, 0, 3)
    assert pixels.reversed_axes((3, 2, 5, 1)) == [("fast", 3, 2), ("slow", 5, 1)]
    assert pixels.reversed_axes((3, -1, 5, -1)) == []


def test_counts_of_pixels():
    assert pixels.pixels_along(0.1, 1e-4) == 1000 and pixels.pixels_along(1e-5, 1e-4) == 0
    assert pixels.pixels_along(math.inf, 1.0) == math.inf
    pixels.check_pixels(1, 2 ** 31 - 1)
    for fast, slow in ((0, 5), (5, 0), (2 ** 16, 2 ** 15), (math.inf, 1), (math.nan, 1), (10 ** 300, 10 ** 300)):
        with pytest.raises(ValueError, match="detector: .* pixels; must be at least 1 each way and less than 2.31"):
            pixels.check_pixels(fast, slow)


# -- numbers as text


def test_numbers_as_text():
    for word in ("5", "-5.", ".5", "1e3", "+1.5E-3"):
        assert decimal(word) == decimal(word.encode()) == c_number(word) == leading_number(word + "mm") == float(word)
    for word in ("", ".", "x", "1_0", "\u0661", "1e", "5 ", " 5", "0x5", "nan", "inf", "1e999", "--5"):
        assert decimal(word) is None, word
    assert c_number(" 0x1p4") == 16.0 and c_number("1e999") == math.inf and c_number("-0x1p5000") == -math.inf
    assert c_number("nan") is None and math.isnan(leading_number("nan(3)"))
    assert leading_number(b"-infinity") == -math.inf
    assert next_number(b"a  12b", 1) == (12.0, 3, 5) and next_number(b"a") is None
    assert [whole(word) for word in ("5", "-007", "+0", "1" * 20)] == [5, -7, 0, int("1" * 20)]
    assert [whole(word) for word in ("5.0", "1e3", "", "5 ", "1" * 21, "\u0661")] == [None] * 6
    assert [c_whole(word) for word in ("5", " -5.00", "+7.", "5.5", "1e3", "0x5")] == [5, -5, 7, None, None, None]
    assert c_whole("-" + "9" * 5000) == -10 ** 20


# -- numbers that JSON cannot hold


def test_json():
    value = {"a": [math.inf, -math.inf, math.nan, 1.5, 2, None, True, "x"],
             3: (np.float32(0.1), np.float64(0.1), np.uint16(7))}
    assert json_ready(value) == {"a": ["inf", "-inf", "nan", 1.5, 2, None, True, "x"], "3": [0.1, 0.1, 7]}
    assert json_ready(np.array([[1.0, np.nan]])) == [[1.0, "nan"]] and json_ready(np.float32(np.inf)) == "inf"
    assert json_ready(math.nan, not_finite=lambda number: None) is None
    assert json.loads(json_text(value))["a"][0] == "inf" and json_text(1.0) == "1.0\n"


# -- nobody has a second one


def strings(tree):
    docs = {id(node.body[0].value) for node in ast.walk(tree)
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and node.body
            and isinstance(node.body[0], ast.Expr)}
    return [node.value for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes)) and id(node) not in docs]


def second_rules(tree):
    """What looks like another rule for numbers as text, for the largest integer, or for numbers of JSON."""
    for text in strings(tree):
        text = text if isinstance(text, str) else text.decode("latin-1")
        if "]+\\.?" in text or "\\d+\\.?" in text or "[eE][+-]" in text:
            yield text
    for node in ast.walk(tree):
        code = ast.unparse(node) if isinstance(node, (ast.BinOp, ast.Constant)) else ""
        if code in ("2 ** 31", "2.0 ** 31", "2147483647", "2147483647.0", "2147483648"):
            yield code
        if isinstance(node, ast.FunctionDef) and node.name in ("_region", "_roi", "window_of", "cropped", "json_number",
                                                               "ulps", "_parsed", "atof"):
            yield node.name


EXEMPT = {"numbragg.io.literals", "numbragg.scene.pixels", "numbragg.compare.ulp",
          "numbragg.selftest.scenes"}  # the last draws seeds below 2**31, which is no limit


@pytest.mark.parametrize("module", sorted(name for name in MODULES
                                          if name not in EXEMPT and not name.startswith("numbragg.kernels")))
def test_no_second_rule(module):
    assert list(second_rules(TREES[module])) == []


@pytest.mark.parametrize("code", [r"re.compile(r'[+-]?(?:[0-9]+\.?[0-9]*)')", r"re.compile(rb'\d+\.?\d*')",
                                  "x >= 2 ** 31", "x > 2147483647", "def _region(roi, shape): pass",
                                  "def json_number(v): pass"])
def test_a_second_rule_is_seen(code):
    assert list(second_rules(ast.parse(code)))


# -- parameters

MOST = 8

#: Functions with more, and why.
MORE = {
    "numbragg.render.simulation.Simulator.__init__": "what a user chooses, by keyword",
    "numbragg.render.simulation.simulate": "the same, in one call",
    "numbragg.render.counting.simulate_counts": "the same, counted",
    "numbragg.tracing.record.trace": "the same, of one pixel",
    "numbragg.testing.oracle.assert_matches": "limits of an assertion, by keyword",
}


def parameters(tree, module):
    """Functions of a module and how many parameters each has; `self` and `cls` do not count."""
    def walk(node, name):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, (ast.FunctionDef, ast.ClassDef)):
                if isinstance(child, ast.FunctionDef):
                    a = child.args
                    names = [arg.arg for arg in (*a.posonlyargs, *a.args, *a.kwonlyargs)]
                    yield f"{name}.{child.name}", len([n for n in names if n not in ("self", "cls")])
                yield from walk(child, f"{name}.{child.name}")
            else:
                yield from walk(child, name)

    return dict(walk(tree, module))


@pytest.mark.parametrize("module", sorted(MODULES))
def test_functions_take_eight_parameters_at_most(module):
    found = {name: count for name, count in parameters(TREES[module], module).items() if count > MOST}
    assert set(found) == {name for name in MORE if name.rpartition(".")[0] in (module, f"{module}.Simulator")}, found


def test_long_lists_are_seen():
    code = inspect.cleandoc("""
        class A:
            def f(self, a, b, c, d, e, f, g, *, h, i): pass""")
    assert parameters(ast.parse(code), "m") == {"m.A.f": 9}
