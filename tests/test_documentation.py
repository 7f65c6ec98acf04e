"""Documentation that cannot go stale: its code runs, its links resolve, its generated parts are fresh."""

import ast
import doctest
import importlib
import os
import re
import shutil
import subprocess
import sys

import forks
import numpy as np
from places import ROOT
import pytest
from test_layers import own_names

from numbragg.command_line.table import TABLE

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_FUNCTION = re.compile(r"`((?:kernels|numbragg)(?:\.\w+)+)`")


# -- what a page holds


def blocks(page, *languages):
    """Fenced blocks of a page in these languages: (language, text) pairs."""
    return [(language, text) for language, text in _FENCE.findall(page.read_text(encoding="utf-8"))
            if language in languages]


def prose(page):
    """A page without its fenced blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def anchors(page):
    """Anchors of the headings of a page, as web hosts make them."""
    heads = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


# -- running it


def transcript(text):
    """Commands of a console block with the output that is shown: (command, output) pairs."""
    steps = []
    for line in text.splitlines(keepends=True):
        if line.startswith("$ "):
            steps.append([line[2:].rstrip("\n"), ""])
        else:
            steps[-1][1] += line
    return steps


def shows(expected, output):
    """Whether a shown output fits; a line of three dots stands for any lines, or none."""
    parts = [re.escape(part) for part in re.split(r"^\.\.\.\n", expected, flags=re.MULTILINE)]
    return re.fullmatch("(?:.*\n)*".join(parts), output) is not None


def path_with_command(folder):
    """A PATH on which `numbragg` is this package and `python` this interpreter."""
    for name, words in (("numbragg", "-m numbragg "), ("python", "")):
        command = folder / name
        command.write_text(f'#!/bin/sh\nexec "{sys.executable}" {words}"$@"\n')
        command.chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


def run_console(text, folder, path):
    """Run the commands of a console block; each must show what the page shows."""
    environment = dict(os.environ, PATH=path, LC_ALL="C", PYTHONWARNINGS="default")
    for command, expected in transcript(text):
        words = forks.words_of(command)
        if words is not None:
            done = forks.run(words, folder, environment, merged=True, seconds=600)
        else:
            done = subprocess.run(["sh", "-c", command], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600)
        assert shows(expected, done.stdout), f"$ {command}\n{done.stdout}\ninstead of\n{expected}"
        refused = "numbragg: error:" in expected
        assert done.returncode == (2 if refused else 0), command


def run_page(page, folder, path):
    """Run all Python and console blocks of a page, in their order, in the current folder.

    A Python block whose first line is the comment `# NAME.py` is a script: it is written to that file, for console
    blocks to run.  Returns the names that the others leave."""
    namespace = {"__name__": "__main__"}
    for language, text in blocks(page, "python", "console"):
        script = re.match(r"# (\w+\.py)\n", text)
        if script:
            (folder / script[1]).write_text(text, encoding="utf-8")
        elif language == "python":
            exec(compile(text, str(page), "exec"), namespace)
        else:
            run_console(text, folder, path)
    return namespace


@pytest.fixture
def command_path(tmp_path_factory):
    if shutil.which("sh") is None:
        pytest.skip("console blocks need a POSIX shell")
    return path_with_command(tmp_path_factory.mktemp("path"))


@pytest.mark.parametrize("name", [name for name, page in zip(NAMES, PAGES)
                                  if blocks(page, "python", "console")])
def test_code_of_page_runs(name, folder, command_path):
    if "tests/golden" in (ROOT / name).read_text(encoding="utf-8") and name != "README.md":
        (folder / "tests").symlink_to(ROOT / "tests")
    run_page(ROOT / name, folder, command_path)


def test_readme_examples_are_one_scene(folder, command_path):
    """The README says that its Python example and its command line give the same bits."""
    namespace = run_page(ROOT / "README.md", folder, command_path)
    image = namespace["image"]
    assert image.shape == (96, 128) and image.dtype == np.float32
    assert (folder / "floatimage.bin").read_bytes() == image.tobytes()
    assert namespace["counts"].dtype == np.uint16


def test_readme_has_both_setup_commands():
    commands = [text.strip() for _, text in blocks(ROOT / "README.md", "sh")]
    assert 'python3 -m venv .venv && .venv/bin/pip install ".[demo]" && .venv/bin/numbragg demo' in commands
    assert ('python3 -m venv .venv && .venv/bin/pip install -e ".[test,test-cuda]" && .venv/bin/python tests/check.py'
            in commands)


#: What needs an extra, as it stands in examples, and what a page with it must name.
NEEDS = {r"--nexus|write_nexus|\.nxs|\.h5\b|--crystfel|write_crystfel": r"h5py", r"--png": r"matplotlib|\[plot|\[demo",
         r"from_mtz|from_cif|from_model|\.mtz|\.pdb|\.cif\b": r"gemmi"}


@pytest.mark.parametrize("name", ["README.md", "docs/start.md", "docs/view.md", "docs/gallery.md", "docs/detectors.md",
                                  "docs/read.md", "docs/structure-factors.md", "docs/compare.md", "docs/programs.md"])
def test_pages_name_what_their_examples_need(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    code = "\n".join(code for _, code in blocks(ROOT / name, "python", "py", "console", "sh"))
    for used, named in NEEDS.items():
        assert not re.search(used, code) or re.search(named, text, re.IGNORECASE), (used, named)


def test_pages_name_what_there_is():
    """What is there is offered where nanoBragg's own is said to fall short, and is not said to be missing."""
    pages = {name: (ROOT / name).read_text(encoding="utf-8") for name in (
        "README.md", "docs/physics.md", "docs/faq.md", "docs/realistic.md")}
    assert all("--background" in text for text in pages.values())
    for name, heading in (("README.md", "## Limits"), ("docs/physics.md", "## Not modelled")):
        part = re.split("^## ", pages[name].split(heading)[1], flags=re.MULTILINE)[0]
        missing = part.split("radiation damage")[0]
        assert not re.search("point spread|read-out|air|background", missing) and "counts.md" in part
    own = {word for option in TABLE if option.own for word in option.spellings}
    files = {option.name for option in TABLE if option.own and option.group == "output" and option.kind == "file"}
    files |= {option.name for option in TABLE if option.own and option.kind == "file" and "also write" in option.text}
    table = pages["README.md"].split("| file | content | written |")[1].split("\n\n")[0]
    assert set(re.findall("--[a-z-]+", pages["README.md"].split("two dashes")[1].split("All")[0])) <= own
    assert files and all(f"`{name}`" in table for name in files), files


def test_a_wrong_transcript_is_seen(folder, command_path):
    run_console("$ echo one; echo two; echo three\none\n...\nthree\n", folder, command_path)
    for text in ("$ echo one\ntwo\n", "$ echo one; echo two\none\n", "$ false\n"):
        with pytest.raises(AssertionError):
            run_console(text, folder, command_path)


# -- links and names


@pytest.mark.parametrize("name", NAMES)
def test_links_resolve(name):
    page = ROOT / name
    broken = []
    for link in _LINK.findall(prose(page)):
        if re.match(r"[a-z]+://", link):
            continue
        target, _, anchor = link.partition("#")
        path = (page.parent / target) if target else page
        if not path.exists() or (anchor and anchor not in anchors(path)):
            broken.append(link)
    assert broken == []


def top_level_names(path):
    """Names that a source file has at its top level, imported ones included, and methods of its classes."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return own_names(body) | {f"{node.name}.{inner.name}" for node in body if isinstance(node, ast.ClassDef)
                              for inner in node.body if isinstance(inner, ast.FunctionDef)}


def is_defined(qualified):
    """Whether a dotted name is a module of the project or something that one has."""
    words = qualified.removeprefix("numbragg." if qualified.startswith("numbragg.kernels") else "").split(".")
    for count in range(len(words), 0, -1):
        path = ROOT.joinpath(*words[:count])
        rest = ".".join(words[count:])
        if path.is_dir():
            names = next((path / name for name in ("__init__.pyi", "__init__.py") if (path / name).exists()), None)
            return not rest or names is not None and rest in top_level_names(names)
        if path.with_suffix(".py").is_file():
            return not rest or rest in top_level_names(path.with_suffix(".py"))
    return False


@pytest.mark.parametrize("name", NAMES)
def test_named_code_exists(name):
    """`kernels.module.function` and `numbragg.module.function` in the prose are there."""
    assert [word for word in _FUNCTION.findall(prose(ROOT / name)) if not is_defined(word)] == []


def test_a_missing_name_is_seen():
    for name in ("kernels.physics.lattice.nearest_index", "numbragg.io.output.OutputSet.commit", "numbragg.kernels",
                 "numbragg.kernels.physics.shapes", "numbragg.kernels.physics.lattice.nearest_index",
                 "numbragg.simulate", "numbragg.noise.add_noise", "numbragg.tracing.STEP_FIELDS", "numbragg.__all__"):
        assert is_defined(name), name
    for name in ("kernels.physics.lattice.no_such_function", "numbragg.no_such_module", "numbragg.io.no_such_thing",
                 "numbragg.io.output.OutputSet.no_such_method", "no_such_package",
                 "numbragg.kernels.no_such_room"):
        assert not is_defined(name), name


def test_every_quirk_that_is_cited_has_a_row():
    page = (ROOT / "docs" / "quirks.md").read_text(encoding="utf-8")
    rows = set(re.findall(r"^\| (Q\d+) \|", page, re.MULTILINE))
    assert rows == {f"Q{number}" for number in range(1, len(rows) + 1)} and len(rows) >= 57
    for page in PAGES:
        cited = set(re.findall(r"\bQ\d+\b", prose(page)))
        assert cited <= rows, page.name


def test_public_names_do_not_depend_on_the_order_of_imports():
    """A submodule must not hide the public function of its name."""
    program = ("import numbragg as nb; nb.Simulator; import numbragg.commands.image; "
               "assert callable(nb.simulate), nb.simulate")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


# -- generated parts


def make_docs(*arguments, root=ROOT):
    return subprocess.run([sys.executable, str(root / "docs" / "make_docs.py"), *arguments],
                          capture_output=True, text=True, timeout=120)


def test_generated_parts_are_fresh():
    done = make_docs("--check")
    assert done.returncode == 0, done.stdout + done.stderr


def test_stale_part_is_seen_and_repaired(tmp_path):
    copy = tmp_path / "clone"
    for folder in ("docs", "kernels", "numbragg"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    make_docs(root=copy)
    assert make_docs("--check", root=copy).returncode == 0
    source = copy / "kernels" / "arithmetic" / "vectors.py"
    source.write_text(source.read_text().replace('"""Vectors', '"""Other vectors', 1))
    stale = make_docs("--check", root=copy)
    assert stale.returncode == 1 and stale.stdout.startswith("docs/architecture.md: stale")
    assert make_docs(root=copy).returncode == 0
    assert make_docs("--check", root=copy).returncode == 0


# -- examples in docstrings


def modules_with_examples():
    """Import names of the package's modules whose docstrings hold examples."""
    names = []
    for path in sorted((ROOT / "numbragg").rglob("*.py")):
        if ">>> " in path.read_text(encoding="utf-8"):
            relative = path.relative_to(ROOT).with_suffix("")
            names.append(".".join(part for part in relative.parts if part != "__init__"))
    return names


@pytest.mark.parametrize("name", modules_with_examples())
def test_docstring_examples(name, folder):
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted > 0 and result.failed == 0


# -- citation


def test_citation_is_that_of_this_version():
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    keys = dict(re.findall(r"^([a-z-]+): *(.*)$", text, re.MULTILINE))
    assert keys.keys() >= {"cff-version", "title", "message", "authors", "version", "license"}
    import numbragg

    assert (keys["cff-version"], keys["version"], keys["license"]) == ("1.2.0", numbragg.__version__, "MIT")
    assert all(name in text for name in ("title: nanoBragg", "Holton", "James", "Frankel", "Ken"))


# -- style of the pages


@pytest.mark.parametrize("name", NAMES)
def test_pages_say_nothing_they_must_not(name):
    """No machine paths, no hosts of package registries, no American spelling of common words."""
    text = (ROOT / name).read_text(encoding="utf-8")
    assert re.findall(r"(?<![\w.])/(?:work|tmp|root|home)\b", text) == []
    assert re.findall(r"pypi\.|files\.pythonhosted", text, re.IGNORECASE) == []
    american = r"\b(?:color|polarization|normalized|normalize|center|centered|gray)\b"
    assert re.findall(american, prose(ROOT / name)) == []


# -- what takes minutes is tried small


def test_gallery_from_a_model(folder, monkeypatch):
    """One command and five lines of Python make one image, tried with a small model and few pixels."""
    from structure_tools import model

    import numbragg as nb
    from numbragg.commands.cli import main

    def coarse(distance_mm, *, beam_centre_pixels=None, sensor_thickness_um=450.0):
        return nb.Detector(convention="adxv", panels=[
            nb.Panel(pixels=(12, 6), origin_mm=(x, y, distance_mm), fast_mm=(-6, 0, 0), slow_mm=(0, -6, 0),
                     sensor_thickness_um=sensor_thickness_um, sensor_material="Si")
            for y in (80.0, 30.0) for x in (75.0, -5.0)])

    page = ROOT / "docs" / "gallery.md"
    (words,) = re.findall(r"^numbragg (-hkl .*)\n", "\n".join(text for _, text in blocks(page, "sh")), re.MULTILINE)
    ((_, code),) = blocks(page, "py")
    assert len(code.strip().splitlines()) == 5
    model().write_pdb("1AKI.pdb")
    monkeypatch.setattr(nb.detectors, "eiger2_16m", coarse)
    namespace = {"nb": nb}
    exec(code, namespace)
    image = namespace["image"]
    assert image.shape == (4, 6, 12) and image.any()
    assert main([*words.split(), "--quiet"]) == 0
    assert (folder / "floatimage.bin").read_bytes() == image.tobytes()
    assert (folder / "gallery-model.png").stat().st_size > 0


def test_background_of_a_model(folder):
    """The page's code, tried with a small model and few pixels, draws what it says: two images, one with more in it."""
    from structure_tools import model

    PIL = pytest.importorskip("PIL.Image", reason="the picture needs Pillow, which comes with Matplotlib")
    ((_, code),) = blocks(ROOT / "docs" / "background.md", "py")
    few, smaller = re.subn(r"\(512, 512\), ", "(48, 32), ", code)
    assert smaller == 1
    model().write_pdb("1AKI.pdb")
    exec(few.replace("0.344", "4.0"), {})
    with PIL.open("background-lysozyme.png") as picture:
        grey = np.asarray(picture.convert("L")).astype(int)
    assert grey.shape == (32, 48 + 8 + 48)
    without, with_it = grey[:, :48], grey[:, 56:]
    assert with_it.mean() < without.mean() - 20
    figure = ROOT / "docs" / "figures" / "background-lysozyme.png"
    with PIL.open(figure) as picture:
        assert picture.size == (512 + 8 + 512, 512)
    assert figure.stat().st_size < 300_000
