"""Docstrings agree with signatures; and those of kernels, too, hold no untested example."""

import doctest
import importlib
import inspect
import re

import pytest
from test_layers import MODULES, begins_with_a_sentence

import numbragg

SECTIONS = ("Parameters", "Returns", "Yields", "Raises", "Attributes", "Examples", "Notes", "References")


def sections(doc):
    """The numpydoc sections of a docstring, by heading."""
    found, current = {}, None
    lines = inspect.cleandoc(doc).splitlines()
    for line, below in zip(lines, [*lines[1:], ""]):
        if re.fullmatch("-{3,}", below) and line.strip():
            current = found.setdefault(line, [])
        elif current is not None and not re.fullmatch("-{3,}", line):
            current.append(line)
    return found


def documented(lines):
    """Names of the entries of a Parameters or Attributes section."""
    names = []
    for line in lines:
        if line and not line.startswith(" "):
            names += [name.strip().lstrip("*") for name in line.partition(" : ")[0].split(",")]
    return names


def public():
    """Public functions, classes and methods: qualified name and object."""
    for name in sorted(MODULES):
        if name.endswith("__main__"):
            continue
        module = importlib.import_module(name)
        for word in getattr(module, "__all__", []):
            thing = getattr(module, word)
            thing = getattr(thing, "py_func", thing)
            if getattr(thing, "__module__", None) != name:
                continue
            if inspect.isclass(thing) or inspect.isfunction(thing):
                yield f"{name}.{word}", thing
            if inspect.isclass(thing):
                for attribute, method in vars(thing).items():
                    method = getattr(method, "__func__", method)
                    if inspect.isfunction(method) and not attribute.startswith("_"):
                        yield f"{name}.{word}.{attribute}", method


PUBLIC = dict(public())


def parameters(thing):
    """Names of the parameters a caller gives."""
    try:
        signature = inspect.signature(thing)
    except ValueError:
        return None
    return [name for name in signature.parameters if name not in ("self", "cls")]


def test_enough_is_found():
    assert len(PUBLIC) > 100
    assert {"numbragg.render.simulation.simulate", "numbragg.kernels.physics.lattice.lattice_factor",
            "numbragg.io.output.OutputSet.reserve"} <= PUBLIC.keys()


@pytest.mark.parametrize("name", PUBLIC)
def test_public_things_are_documented(name):
    assert begins_with_a_sentence(inspect.getdoc(PUBLIC[name]))


@pytest.mark.parametrize("name", PUBLIC)
def test_parameters_agree_with_the_signature(name):
    """A Parameters section names every parameter, in order, and nothing else; kernels may leave some out."""
    thing = PUBLIC[name]
    found = sections(thing.__doc__)
    assert not [heading for heading in found if heading not in SECTIONS]
    given = parameters(thing)
    if "Parameters" in found and given is not None:
        named = documented(found["Parameters"])
        if name.startswith("numbragg.kernels"):
            given = [parameter for parameter in given if parameter in named]
        assert named == given


@pytest.mark.parametrize("word", [word for word in numbragg.__all__ if not word.startswith("_")])
def test_what_the_package_offers_is_explained(word):
    """Parameters, what is raised and an example that runs (`test_documentation` runs it)."""
    found = sections(getattr(numbragg, word).__doc__)
    assert {"Parameters", "Raises", "Examples"} <= found.keys()


@pytest.mark.parametrize("name", [name for name in MODULES if name.startswith("numbragg.kernels")])
def test_examples_of_kernels(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_disagreement_is_seen():
    def function(a, b):
        """Something.

        Parameters
        ----------
        a, c : int
            Text.
        """

    assert documented(sections(function.__doc__)["Parameters"]) == ["a", "c"] != parameters(function)
