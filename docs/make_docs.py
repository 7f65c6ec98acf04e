"""Writes the generated parts of the documentation: table of options, map of modules, API pages, revisions.

    python docs/make_docs.py            write what has changed
    python docs/make_docs.py --check    write nothing; exit status 1 if something would change

Generated text stands between two comments in a Markdown file; everything around it is written by
hand.  Tables of quirks are written by hand too, but for their last columns, one for each revision.
Sources are parsed, not imported, but for the table of options and the revisions, which need neither
numpy nor numba.
"""

import argparse
import ast
import copy
import dataclasses
import importlib
from pathlib import Path
import re
import sys
import textwrap

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
END = "<!-- end of generated text -->"

#: Folders whose modules are mapped, with the name under which each is imported.
FOLDERS = (("kernels", "numbragg.kernels"), ("numbragg", "numbragg"))

#: Names documented besides those of `numbragg.__all__`: imported from where, living in which module, names.
FURTHER = (("simulation", "render.result", ("Result",)), ("render.scan", "render.scan", ("Scan",)),
           ("results.spots", "results.spots", ("Spots",)), ("device_image", "render.device_image", ("DeviceImage",)),
           ("tracing", "tracing.record", ("Trace",)),
           ("detectors", "detectors", ("eiger2_16m", "eiger2_4m", "pilatus3_6m", "jungfrau_4m", "rayonix_mx340hs")),
           ("noise", "results.digitise", ("photon_counts", "grey_image")),
           ("results.statistics", "results.statistics", ("ImageStatistics",)), ("io.hkl", "io.hkl", ("read_hkl",)),
           ("io.matrix", "io.matrix", ("read_matrix",)), ("io.smv", "io.smv", ("read_image", "write_image")),
           ("io.raw", "io.raw", ("read_raw", "write_raw")), ("io.tiff", "io.tiff", ("read_tiff",)),
           ("images", "io.any_image", ("read_image",)),
           ("compare", "compare.images", ("compare_images", "Comparison")),
           ("peaks", "compare.peaks", ("find_peaks", "match_peaks", "PeakMatch")),
           ("plateaus", "compare.plateaus", ("plateaus", "Plateaus")),
           ("trace_compare", "tracing.compare", ("compare", "Comparison", "Difference")),
           ("testing", "testing.oracle",
            ("reference_image", "assert_same_bits", "assert_matches", "as_numpy", "clear_cache")))

#: Methods that serve the package itself.
INTERNAL = {"owning", "pack", "prepare", "prepare_quietly", "with_surroundings"}


# -- Markdown


def escaped(text):
    """Prose with the characters that Markdown would act on made harmless, outside `code` and **bold**."""
    parts = re.split(r"(``?[^`]+``?|(?<!\S)\*\*[^\s*][^*]*\*\*)", text)
    return "".join(part if part.startswith(("`", "**")) else _plain(part) for part in parts)


def _plain(text):
    return re.sub(r"(?<=\S)  +", " ", text.replace("*", "\\*").replace("<", "&lt;"))


def cell_text(text):
    """Text for a cell of a table."""
    return escaped(text).replace("|", "\\|").replace("\n", " ")


def table(head, rows):
    """A Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


# -- options


def package_module(name):
    """A module of this clone's package, which may not be the one that is installed."""
    sys.path.insert(0, str(ROOT))
    try:
        return importlib.import_module(f"numbragg.{name}")
    finally:
        sys.path.remove(str(ROOT))


def options_text():
    """The table of options, one per group."""
    options = package_module("command_line.table")
    GROUPS, TABLE = options.GROUPS, options.TABLE
    lines = []
    for group in GROUPS:
        rows = []
        for option in TABLE:
            if option.group != group:
                continue
            words = " ".join((option.name, *option.values))
            others = ", ".join(f"`{spelling}`" for spelling in option.spellings[1:])
            rows.append([f"`{words}`", cell_text(option.text), cell_text(option.default), others])
        lines += [f"### {group[0].upper()}{group[1:]}", ""]
        lines += table(["option", "meaning", "default", "other spellings"], rows) + [""]
    return lines[:-1]


# -- map of modules


def parsed(path):
    """Syntax tree of a source file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def first_line(path, tree):
    """First line of a module's docstring, or None for empty and private files without one."""
    doc = ast.get_docstring(tree)
    if doc:
        return doc.splitlines()[0]
    if not tree.body or path.stem.startswith("_"):
        return None
    raise SystemExit(f"{path.relative_to(ROOT)}: has no docstring; its first line goes into the map")


def siblings(tree):
    """Names of the modules of the same package that a module imports when it is loaded."""
    names = set()
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            names |= {node.module.partition(".")[0]} if node.module else {alias.name for alias in node.names}
    return names


def in_order(trees):
    """Module names so that each stands after those it imports."""
    depths = {}

    def depth(name):
        if name not in depths:
            depths[name] = 0  # ends the search should there be a circle
            imported = siblings(trees[name]) & set(trees)
            depths[name] = 1 + max(map(depth, imported), default=0)
        return depths[name]

    return sorted(trees, key=lambda name: (name != "__init__", depth(name), name))


def rooms():
    """Every folder with modules, and the name under which it is imported."""
    for folder, package in FOLDERS:
        for path in sorted({found.parent for found in (ROOT / folder).rglob("*.py")}):
            name = path.relative_to(ROOT).as_posix()
            yield name, package + name[len(folder):].replace("/", ".")


def map_text():
    """The map of modules: one table per folder, in the order of dependence."""
    lines = []
    for folder, package in rooms():
        trees = {path.stem: parsed(path) for path in sorted((ROOT / folder).glob("*.py"))}
        rows = []
        for name in in_order(trees):
            line = first_line(ROOT / folder / f"{name}.py", trees[name])
            if line is not None:
                rows.append([f"[`{name}`](../{folder}/{name}.py)", cell_text(line)])
        lines += [f"### `{package}` ({folder}/)", ""] + table(["module", "what it is"], rows) + [""]
    return lines[:-1]


# -- API


def paragraphs(lines):
    """Docstring prose as Markdown."""
    text = textwrap.dedent("\n".join(lines)).strip("\n")
    return escaped(text).split("\n") if text else []


def entries(lines):
    """An enumeration of a docstring (Parameters, Returns, Raises ...) as a Markdown list."""
    out = []
    for line in lines:
        if not line.strip():
            continue
        if not line.startswith(" "):
            name, colon, kind = line.partition(" : ")
            out.append(f"- **`{name.strip()}`**" + (f" : {escaped(kind.strip())}" if colon else ""))
        else:
            out.append("  " + escaped(line.strip()))
    # a description starts on the line of its name
    joined = []
    for line, before in zip(out, ["", *out]):
        if line.startswith("  ") and joined:
            joined[-1] += (" — " if before.startswith("- **") else " ") + line.strip()
        else:
            joined.append(line)
    return joined


def split_sections(doc):
    """Sections of a numpydoc text: (heading, lines) pairs, the first without heading."""
    lines = doc.splitlines()
    sections = [("", [])]
    skip = False
    for line, following in zip(lines, [*lines[1:], ""]):
        if skip:
            skip = False
        elif line.strip() and following and set(following) == {"-"}:
            sections.append((line.strip(), []))
            skip = True
        else:
            sections[-1][1].append(line)
    return sections


def docstring_text(doc):
    """A numpydoc docstring as Markdown."""
    out = []
    for heading, lines in split_sections(doc):
        if not heading:
            out += paragraphs(lines)
        elif heading == "Examples":
            out += ["", "```pycon", *textwrap.dedent("\n".join(lines)).strip("\n").split("\n"), "```"]
        elif heading in ("Parameters", "Returns", "Yields", "Raises", "Attributes"):
            out += ["", f"*{heading}*", "", *entries(lines)]
        else:
            out += ["", f"*{heading}*", "", *paragraphs(lines)]
    return out


def is_decorated(node, name):
    return any(ast.unparse(d).partition("(")[0] == name for d in node.decorator_list)


def signature(name, node, drop_first=False):
    """Call of a function or class as one wrapped line of code."""
    if isinstance(node, ast.ClassDef):
        init = next((n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"), None)
        if init is not None:
            return signature(name, init, drop_first=True)
        fields = [n for n in node.body if isinstance(n, ast.AnnAssign)]
        arguments = [n.target.id + (f"={_default(n.value)}" if n.value else "") for n in fields]
        if any("kw_only" in ast.unparse(decorator) for decorator in node.decorator_list):
            arguments.insert(0, "*")
        text = ", ".join(arguments)
    else:
        text = ast.unparse(_without_types(node.args))
        if drop_first:
            text = text.partition(", ")[2]
    return textwrap.wrap(f"{name}({text})", 96, subsequent_indent="    ", break_long_words=False,
                         break_on_hyphens=False)


def _default(node):
    """A default as code; the number where it is marked as one that nobody gave."""
    text = ast.unparse(node)
    return text.removeprefix("Unset(").removesuffix(")") if text.startswith("Unset(") else text


def _without_types(arguments):
    """Arguments as the page shows them: what the docstring says of their types says more."""
    plain = copy.deepcopy(arguments)
    for node in ast.walk(plain):
        if isinstance(node, ast.arg):
            node.annotation = None
    return plain


def code(lines):
    return ["```text", *lines, "```"]


def documented(qualified, node):
    """One function or class with its public methods."""
    lines = [f"### {qualified}", "", *code(signature(qualified.rpartition(".")[2], node)), ""]
    lines += docstring_text(ast.get_docstring(node) or "")
    if isinstance(node, ast.ClassDef):
        for method in node.body:
            if not isinstance(method, ast.FunctionDef):
                continue
            if method.name.startswith("_") or method.name in INTERNAL:
                continue
            doc = ast.get_docstring(method) or ""
            if is_decorated(method, "property"):
                call = f"{method.name}"
            else:
                call = " ".join(part.strip() for part in signature(method.name, method, drop_first=True))
                call = call.replace("( ", "(")
            if is_decorated(method, "classmethod"):
                call = f"{node.name}.{call}"
            lines += ["", f"**`{call}`**", "", *docstring_text(doc)]
    return lines


def definitions(module):
    """Public definitions of a module of the package, by name."""
    tree = parsed(ROOT / "numbragg" / f"{module.replace('.', '/')}.py")
    return {node.name: node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}


def public_names():
    """Names in `numbragg.__all__`, but for the version, and the module of each, in that order."""
    names, homes = [], {}
    for node in parsed(ROOT / "numbragg" / "__init__.py").body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "__all__":
            names = ast.literal_eval(node.value)
        elif isinstance(node, ast.Assign) and node.targets[0].id == "_HOMES":
            homes = ast.literal_eval(node.value)
    return {name: homes[name] for name in names if not name.startswith("__")}


def api_text():
    """All public functions and classes."""
    lines = []
    homes = public_names()
    sections = [(f"numbragg.{name}", name, home) for name, home in homes.items()]
    for module, home, names in FURTHER:
        sections += [(f"numbragg.{module}.{name}", name, home) for name in names]
    for qualified, name, module in sections:
        lines += documented(qualified, definitions(module)[name]) + [""]
    return lines[:-1]


# -- revisions

#: First columns of a table of quirks, written by hand; a column for each revision follows.
QUIRKS_HEAD = ("#", "what happens, and when", "numbragg", "note")


def quirk_cells(revisions):
    """What becomes of each quirk that a rule decides: a cell for each revision, by the number of the quirk."""
    cells = {}
    for rule in dataclasses.fields(revisions[0]):
        for quirk, (holds, holds_not) in rule.metadata.get("quirks", {}).items():
            if quirk in cells:
                raise SystemExit(f"{quirk}: two rules say what becomes of it")
            cells[quirk] = [cell_text(holds if getattr(row, rule.name) else holds_not) for row in revisions]
    return cells


def with_revision_columns(text, revisions):
    """A page whose tables of quirks have their last columns replaced."""
    cells = quirk_cells(revisions)
    lines, inside = [], False
    for line in text.split("\n"):
        row = [part.strip() for part in re.split(r"(?<!\\)\|", line)[1:-1]]
        inside = line.startswith("|") and (inside or tuple(row[:4]) == QUIRKS_HEAD)
        if not inside:
            lines.append(line)
            continue
        if tuple(row[:4]) == QUIRKS_HEAD:
            made = [f"`{revision.name}`" for revision in revisions]
        elif row[0] == "---":
            made = ["---"] * len(revisions)
        else:
            made = cells.pop(row[0], ["same"] * len(revisions))
        lines.append("| " + " | ".join([*row[:4], *made]) + " |")
    if cells:
        raise SystemExit(f"{', '.join(cells)}: a rule decides it, but no table of quirks has it")
    return "\n".join(lines)


def with_revisions(text):
    """The page of quirks with the columns of the package's revisions."""
    return with_revision_columns(text, package_module("scene.revisions").REVISIONS)


# -- files


def part(name, make):
    """What makes a page from itself: the part of this name is replaced."""
    return lambda text: with_generated(text, name, make())


#: Pages, and what makes each from itself.
GENERATED = (("command-line.md", part("options", options_text)), ("architecture.md", part("map", map_text)),
             ("api.md", part("api", api_text)), ("quirks.md", with_revisions))


def with_generated(text, name, lines):
    """A page with its generated part replaced."""
    start = f"<!-- generated by make_docs.py: {name} -->"
    before, found, rest = text.partition(start)
    _, ended, after = rest.partition(END)
    if not found or not ended:
        raise SystemExit(f"no {start!r} ... {END!r} to fill")
    body = "\n".join(line.rstrip() for line in lines)
    return f"{before}{start}\n\n{body}\n\n{END}{after}"


def main(arguments=None):
    """Write or check the pages.

    Returns the exit status.
    """
    parser = argparse.ArgumentParser(description="Write the generated parts of the documentation.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit status 1 if stale")
    options = parser.parse_args(arguments)
    stale = []
    for page, make in GENERATED:
        path = DOCS / page
        old = path.read_text(encoding="utf-8")
        new = make(old)
        if new != old:
            stale.append(page)
            if not options.check:
                path.write_text(new, encoding="utf-8")
    for page in stale:
        print(f"docs/{page}: {'stale; run python docs/make_docs.py' if options.check else 'written'}")
    return 1 if stale and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
