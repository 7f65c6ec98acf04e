"""Who may import whom, and other rules of the house, read from the sources with `ast`.

Ready-made import linters do not see `kernels/`, which lies beside the package that it belongs to.
"""

import ast
from collections.abc import Mapping
import configparser
import functools
import subprocess
import sys

from places import ROOT
import pytest

FOLDERS = {"numbragg": ROOT / "numbragg", "numbragg.kernels": ROOT / "kernels"}

#: Longest module, in lines.
LIMIT = 600

#: What kernels may import besides each other and the standard library.
KERNEL_LIBRARIES = {"numpy", "numba", "llvmlite"}

#: Packages whose names are loaded when they are first used.
LAZY = ("numbragg", "numbragg.testing")

#: What a user sets, one module a thing.
CONFIGURATIONS = {"numbragg.configs.beam", "numbragg.configs.crystal", "numbragg.configs.detector",
                  "numbragg.configs.sampling"}
ALLOWED_IN_CONFIGURATIONS = {"numbragg.scene.request", "numbragg.scene.units", "numbragg.scene.pixels",
                             "numbragg.configs.checks", "numbragg.configs.without_effect", "numbragg.io.literals",
                             "numbragg.io.matrix"}

#: What a user sets as a part of something else.
PARTS = {"numbragg.configs.crystal": {"numbragg.configs.structure_factors", "numbragg.scene.draws"},
         "numbragg.configs.beam": {"numbragg.configs.spectrum"},
         "numbragg.configs.detector": {"numbragg.configs.panel", "numbragg.configs.panels_from_files",
                                      "numbragg.configs.panels_from_headers", "numbragg.scene.pixel_maps"}}


def modules():
    """Every module: its import name and its file."""
    found = {}
    for package, folder in FOLDERS.items():
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            found[".".join([package, *(part for part in parts if part != "__init__")])] = path
    return found


@functools.cache
def parsed(path):
    """The tree of a source."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


MODULES = modules()


class _Trees(Mapping):
    """The tree of each module, made when it is asked for: each process that collects tests loads this."""

    def __getitem__(self, name):
        return parsed(MODULES[name])

    def __iter__(self):
        return iter(MODULES)

    def __len__(self):
        return len(MODULES)


TREES = _Trees()


def resolve(name, path, node):
    """Absolute names that an import statement of a module may mean."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    base = node.module or ""
    if node.level:
        package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
        package = package[:len(package) - (node.level - 1)]
        base = ".".join([*package, *([base] if base else [])])
    # `from package import module` may import a module
    return [f"{base}.{alias.name}" if f"{base}.{alias.name}" in MODULES else base for alias in node.names]


def imports(name, when_loaded=False):
    """Absolute names that a module imports, anywhere or only while it is loaded."""
    tree = TREES[name]
    nodes = ast.walk(tree) if not when_loaded else _outside_functions(tree)
    return {target for node in nodes if isinstance(node, (ast.Import, ast.ImportFrom))
            for target in resolve(name, MODULES[name], node)}


def _outside_functions(node):
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            yield child
            yield from _outside_functions(child)


def kernels_may_import(name):
    top = name.partition(".")[0]
    return (name.startswith("numbragg.kernels") or top in KERNEL_LIBRARIES or top in sys.stdlib_module_names)


KERNELS = sorted(name for name in MODULES if name.startswith("numbragg.kernels"))
OUTER = sorted(set(MODULES) - set(KERNELS))


def test_modules_are_found():
    assert "numbragg.kernels.evaluate.strict" in KERNELS and "numbragg.io.smv" in OUTER and len(MODULES) > 40
    assert "numbragg.kernels.arithmetic.vectors" in imports("numbragg.kernels.evaluate.strict")
    assert "numbragg.scene.request" in imports("numbragg.configs.beam")


@pytest.mark.parametrize("name", KERNELS)
def test_kernels_know_nothing_of_the_layer_above(name):
    assert [target for target in imports(name) if not kernels_may_import(target)] == []
    for node in ast.walk(TREES[name]):
        # relative ones only, so that there is never a second copy of a kernel
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            assert not (node.module or "").startswith(("numbragg", "kernels"))


def ring(graph):
    """Nodes of a graph that lie on a ring or lead to one, or None."""
    graph = dict(graph)
    while graph:
        leaves = [name for name, targets in graph.items() if not targets & graph.keys()]
        if not leaves:
            return sorted(graph)
        for name in leaves:
            del graph[name]
    return None


def room_of(name):
    """The folder of a module, as the name of a package; the module itself where it lies in `numbragg` or `kernels`."""
    if MODULES[name].name == "__init__.py":
        return name
    room = name.rpartition(".")[0]
    return name if room in FOLDERS else room


def arrows(of=lambda name: name):
    """What imports what, functions' imports included, after `of` has been applied to each end."""
    graph = {of(name): set() for name in MODULES}
    for name in MODULES:
        graph[of(name)] |= {of(target) for target in imports(name) if target in MODULES and of(target) != of(name)}
    return graph


def test_no_import_cycles():
    assert ring(arrows()) is None


def test_no_cycles_of_rooms():
    assert ring(arrows(room_of)) is None


def test_rings_are_seen():
    assert ring({"a": {"b"}, "b": {"c"}, "c": set()}) is None
    assert ring({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == ["a", "b", "c"]


def lazy(tree):
    """Import statements inside functions."""
    return [node for function in ast.walk(tree) if isinstance(function, ast.FunctionDef)
            for node in ast.walk(function) if isinstance(node, (ast.Import, ast.ImportFrom))]


def test_imports_inside_functions_save_start_up_and_say_so():
    having = [name for name in MODULES if lazy(TREES[name])]
    assert len(having) > 20
    assert [name for name in having if "start-up" not in MODULES[name].read_text(encoding="utf-8")] == []


@pytest.mark.parametrize("name", sorted(CONFIGURATIONS))
def test_configurations_do_not_know_each_other(name):
    ours = {target for target in imports(name) if target.startswith("numbragg")}
    assert ours <= ALLOWED_IN_CONFIGURATIONS | PARTS.get(name, set()) | {"numbragg.kernels.physics.records"}


@pytest.mark.parametrize("name", OUTER)
def test_nobody_imports_the_command_line(name):
    if name == "numbragg.__main__":
        return
    assert "numbragg.commands.cli" not in imports(name)
    if not name.startswith("numbragg.commands"):
        assert not [target for target in imports(name) if target.startswith("numbragg.commands")]


@pytest.mark.parametrize("name", [name for name in OUTER if name.startswith("numbragg.io")])
def test_formats_know_no_simulation(name):
    ours = {target for target in imports(name) if target.startswith("numbragg")}
    allowed = ("numbragg.memory", "numbragg.notes")
    assert [t for t in ours if not t.startswith(("numbragg.io", "numbragg.kernels", *allowed))] == []


def every_source():
    return sorted([*MODULES.values(), *(ROOT / "tests").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py"),
                   *(ROOT / "docs").rglob("*.py")])


@pytest.mark.parametrize("path", every_source(), ids=lambda path: str(path.relative_to(ROOT)))
def test_kernels_are_never_imported_as_a_top_level_package(path):
    """From the root of a clone that would load a second copy."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            assert not [a.name for a in node.names if a.name.partition(".")[0] == "kernels"]
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            assert (node.module or "").partition(".")[0] != "kernels"


@pytest.mark.parametrize("path", every_source(), ids=lambda path: str(path.relative_to(ROOT)))
def test_module_says_what_it_is_and_is_not_too_long(path):
    text = path.read_text(encoding="utf-8")
    assert begins_with_a_sentence(ast.get_docstring(parsed(path)))
    assert len(text.splitlines()) <= LIMIT


def begins_with_a_sentence(doc):
    """Whether the first line of a docstring is a sentence, with nothing or an empty line after it."""
    first, *rest = (doc or "").splitlines() or [""]
    return len(first) > 1 and first.endswith(".") and not (rest and rest[0])


@pytest.mark.parametrize("path", every_source(), ids=lambda path: str(path.relative_to(ROOT)))
def test_docstrings_say_what_is_returned_in_a_sentence(path):
    """Not after a semicolon."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.FunctionDef):
            assert not returns_after_a_semicolon(ast.get_docstring(node)), node.name


def returns_after_a_semicolon(doc):
    return "; returns " in (doc or "")


def own_names(body):
    """Names that statements of a module define in it, those inside functions and classes not among them."""
    names = set()
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {word.id for target in targets for word in ast.walk(target) if isinstance(word, ast.Name)}
        for part in ("body", "orelse", "finalbody", "handlers"):
            if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                below = getattr(node, part, [])
                names |= own_names(below if part != "handlers" else [line for each in below for line in each.body])
    return names


def exported(tree):
    """Names of `__all__`; None where there is none."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets):
            return ast.literal_eval(node.value)
    return None


@pytest.mark.parametrize("name", sorted(MODULES))
def test_all_is_right(name):
    """`__all__` names what the module has at its top level, once; and star imports are nowhere."""
    tree = TREES[name]
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            assert not [alias for alias in node.names if alias.name == "*"]
    names = exported(tree) or []
    assert len(set(names)) == len(names)
    if name not in LAZY:
        assert set(names) - own_names(tree.body) == set()


@pytest.mark.parametrize("name", LAZY)
def test_names_that_are_loaded_lazily_are_there(name):
    """What such a package offers, it has; and its stub says the same to type checkers."""
    import importlib

    package = importlib.import_module(name)
    assert [word for word in package.__all__ if not hasattr(package, word)] == []
    stub = ast.parse(MODULES[name].with_suffix(".pyi").read_text(encoding="utf-8"))
    assert sorted(exported(stub)) == sorted(package.__all__)
    assert own_names(stub.body) - {"__all__"} >= set(package.__all__)
    for node in stub.body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                home = importlib.import_module("." * node.level + node.module, name)
                assert getattr(home, alias.name) is getattr(package, alias.name)


def test_every_package_is_installed():
    """An editable installation finds all folders; others have those that setup.cfg names."""
    config = configparser.ConfigParser(interpolation=None)
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    packages = {name for name, path in MODULES.items() if path.name == "__init__.py"}
    named = config["options"]["packages"].split()
    assert sorted(named) == sorted(packages)
    places = dict(line.split(" = ") for line in config["options"]["package_dir"].strip().splitlines())
    assert places.keys() <= packages
    for name in packages:
        owner = max((place for place in places if f"{name}.".startswith(f"{place}.")), key=len)
        # setuptools looks below the folder of the nearest package that has one
        below = name.removeprefix(owner).strip(".").replace(".", "/")
        assert ROOT / places[owner] / below == MODULES[name].parent, name


@pytest.mark.parametrize("code", ["import numbragg", "import numbragg.commands.cli", "import numbragg; dir(numbragg)"])
def test_importing_is_light(code):
    """Neither NumPy nor Numba is loaded before it is needed."""
    program = f"{code}; import sys; print(sorted({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(ast.literal_eval(done.stdout))
    assert not loaded & {"numpy", "numba", "llvmlite", "matplotlib", "tifffile", "tqdm"}


def test_clone_cannot_be_used_as_a_top_level_package():
    """`import kernels` in the root of a clone is an error that says what to do."""
    done = subprocess.run([sys.executable, "-c", "import kernels.evaluate.strict"], cwd=ROOT, capture_output=True,
                          text=True)
    assert done.returncode == 1
    assert done.stderr.endswith("ImportError: import numbragg.kernels, not kernels (after: pip install -e .)\n")


def test_rules_can_be_broken():
    """The tests above see what they forbid."""
    assert not kernels_may_import("numbragg.scene.prepare") and not kernels_may_import("scipy.special")
    assert kernels_may_import("numbragg.kernels.physics.records") and kernels_may_import("math")
    path = MODULES["numbragg.kernels.evaluate.strict"]
    node, = ast.parse("from ...scene import prepare").body
    assert resolve("numbragg.kernels.evaluate.strict", path, node) == ["numbragg.scene.prepare"]
    node, = ast.parse("from ...scene.prepare import prepare").body
    assert resolve("numbragg.kernels.evaluate.strict", path, node) == ["numbragg.scene.prepare"]
    node, = ast.parse("from ..physics import records, geometry").body
    assert resolve("numbragg.kernels.evaluate.strict", path, node) == ["numbragg.kernels.physics.records",
                                                                       "numbragg.kernels.physics.geometry"]
    tree = ast.parse("import a.b\nx, (y, z) = 1, (2, 3)\nif x:\n    w: int = 1\ndef f():\n    inner = 1\n"
                     "    def nested(): pass\nclass C:\n    attribute = 1\ntry:\n    t = 1\nexcept E:\n    u = 2\n")
    assert own_names(tree.body) == {"a.b", "x", "y", "z", "w", "f", "C", "t", "u"}
    assert begins_with_a_sentence("A thing.") and begins_with_a_sentence("A thing.\n\nMore")
    for doc in (None, "", ".", "A thing", "A thing\n\nMore.", "A thing\nthat is long.", "A thing.\nMore."):
        assert not begins_with_a_sentence(doc)
    assert returns_after_a_semicolon("Write it; returns the number of them.")
    assert not returns_after_a_semicolon("Write it.\n\nReturns the number of them; none if there are none.")
