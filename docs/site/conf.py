"""Settings of the site: all pages as one searchable site, made by Sphinx from the Markdown as it stands.

    python -m sphinx -W --keep-going -c docs/site . build/site

`-W` makes every warning an error.  README.md is the front page; pages keep their places, so that links among them
and to sources work here as they do where the repository is shown.
"""

from pathlib import Path
import re

ROOT = Path(__file__).resolve().parent.parent.parent

project = "numbragg"
author = "The numbragg developers"
copyright = author
version = re.search(r'__version__ = "([^"]+)"', (ROOT / "numbragg" / "_version.py").read_text(encoding="utf-8"))[1]
release = version

extensions = ["myst_parser"]
root_doc = "README"
include_patterns = ["*.md", "docs/*.md", "docs/accuracy/*.md"]
# not walked through: what is not of the repository, and what has no pages
exclude_patterns = [".*", "build", "dist", "venv", "benchmarks", "kernels", "numbragg", "tests"]
html_theme = "alabaster"
html_theme_options = {"page_width": "1200px", "fixed_sidebar": True}
html_sidebars = {"**": ["about.html", "searchbox.html", "navigation.html"]}
html_copy_source = False
html_show_sphinx = False

# headings have the anchors that web hosts give them
myst_heading_anchors = 4
# names of the interface stand below the page's title, smaller by two: no mistake
suppress_warnings = ["myst.header"]

#: Pages in the order of the navigation.
PAGES = ("start", "gallery", "realistic", "detectors", "conventions", "physics", "structure-factors", "beams",
         "background", "counts", "crystals", "command-line", "programs", "read", "view", "campaigns",
         "campaign-files", "faq", "parallel", "quirks", "accuracy", "accuracy/elementary", "accuracy/single",
         "accuracy/certificate", "accuracy/culling", "accuracy/counts", "precision", "summation", "selftest",
         "trace", "compare", "oracle", "cuda", "benchmarks", "architecture", "api", "citing")


def _with_contents(app, name, source):
    """The front page lists all pages for the navigation; what is not listed would be a warning."""
    if name == root_doc:
        lines = [f"/docs/{page}" for page in PAGES] + ["/CHANGELOG", "/CONTRIBUTING"]
        source[0] += "\n".join(["", "```{toctree}", ":hidden:", "", *lines, "```", ""])


def _with_index(app, error):
    """The address of the folder leads to the front page."""
    if error is None:
        text = f'<!doctype html><title>{project}</title><meta http-equiv="refresh" content="0; url={root_doc}.html">\n'
        Path(app.outdir, "index.html").write_text(text, encoding="utf-8")


def setup(app):
    """Called by Sphinx."""
    app.connect("source-read", _with_contents)
    app.connect("build-finished", _with_index)
