"""Docstrings agree with signatures; and those of kernels, too, hold no untested example."""

import doctest
import importlib
import inspect
import re

from places import ROOT
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
    assert {"numbragg.render.simulation.simulate", "numbragg.kernels.physics.shapes.lattice_factor",
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
    value = getattr(numbragg, word)
    found = sections(value.__doc__)
    wanted = set() if isinstance(value, type) and issubclass(value, Warning) else {"Parameters", "Raises"}
    assert wanted | {"Examples"} <= found.keys()


@pytest.mark.parametrize("name", [name for name in MODULES if name.startswith("numbragg.kernels")])
def test_examples_of_kernels(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


# -- the page of the public interface

API = re.findall(r"^### (numbragg(?:\.\w+)+)$", (ROOT / "docs" / "api.md").read_text(encoding="utf-8"), re.MULTILINE)


#: Names that were documented once, and are not on the page (any more).
ONCE = ["numbragg.trace_reading.read_trace", "numbragg.tracing.Trace"]


def named(qualified):
    """The object of a dotted name, imported from where it says."""
    module, _, name = qualified.rpartition(".")
    return getattr(importlib.import_module(module), name)


def without_types(thing):
    """Names of the parts of a function's or class's face that have no type: parameters, results, fields."""
    missing = []
    if inspect.isclass(thing):
        own = {name: member for name, member in vars(thing).items() if not name.startswith("_") or name == "__init__"}
        for name, member in own.items():
            member = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
            # the __init__ of a dataclass has the types of its fields
            if inspect.isfunction(member):
                missing += [f"{name}: {part}" for part in without_types(member)]
        return missing
    signature = inspect.signature(thing)
    missing += [name for name, parameter in signature.parameters.items()
                if parameter.annotation is parameter.empty and name not in ("self", "cls")]
    return missing + (["returns"] if signature.return_annotation is signature.empty else [])


def test_the_page_has_names():
    assert len(API) > 30 and len(set(API)) == len(API)
    assert {"numbragg.Beam", "numbragg.simulation.Result", "numbragg.io.smv.read_image"} <= set(API)


@pytest.mark.parametrize("qualified", [*API, *ONCE])
def test_documented_name_is_there(qualified):
    """Importable from where the page says, and in the module's `__all__`."""
    thing = named(qualified)
    assert callable(thing)
    module, _, name = qualified.rpartition(".")
    assert name in importlib.import_module(module).__all__


@pytest.mark.parametrize("word", [word for word in numbragg.__all__ if word != "__version__"])
def test_public_name_is_on_the_page(word):
    assert f"numbragg.{word}" in API


@pytest.mark.parametrize("qualified", API)
def test_documented_name_has_types(qualified):
    """Of all parameters, results and methods; mypy looks whether they are right."""
    assert without_types(named(qualified)) == []


def test_missing_types_are_seen():
    class Thing:
        def __init__(self, a, b: int) -> None:
            pass

        def method(self, c: int):
            pass

        @property
        def value(self):
            pass

    assert without_types(Thing) == ["__init__: a", "method: returns", "value: returns"]
    with pytest.raises(AttributeError):
        named("numbragg.no_such_thing")
    with pytest.raises(ImportError):
        named("numbragg.no_such_module.thing")


def test_disagreement_is_seen():
    def function(a, b):
        """Something.

        Parameters
        ----------
        a, c : int
            Text.
        """

    assert documented(sections(function.__doc__)["Parameters"]) == ["a", "c"] != parameters(function)
