"""The pages as one site: it builds without a warning, and a mistake in a page stops it."""

import html
import re
import shlex
import shutil
import subprocess
import sys

from places import ROOT
import pytest
from test_documentation import PAGES, blocks

#: What Sphinx is told, as the page for contributors has it.
COMMAND = next(text for _, text in blocks(ROOT / "CONTRIBUTING.md", "sh") if "-m sphinx" in text)


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A copy of the repository that may be changed."""
    for name in ("sphinx", "myst_parser"):
        pytest.importorskip(name, reason=f"{name} is not installed: the extra docs of setup.cfg")
    folder = tmp_path_factory.mktemp("site") / "clone"
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(".*", "__pycache__", "build", "dist", "*.egg-info"))
    return folder


def build(clone):
    """Build the site with the command of CONTRIBUTING.md.

    Returns the process and the folder of the site.
    """
    words = shlex.split(COMMAND.partition("&&")[2])
    assert words[:3] == [".venv/bin/python", "-m", "sphinx"]
    done = subprocess.run([sys.executable, *words[1:]], cwd=clone, capture_output=True, text=True, timeout=600)
    return done, clone / words[-1]


def test_site(clone):
    done, site = build(clone)
    assert done.returncode == 0, done.stderr
    for page in PAGES:
        assert (site / page.relative_to(ROOT).with_suffix(".html")).is_file()
    # every page is found from the front page, and by a search
    front = (site / "README.html").read_text(encoding="utf-8")
    links = {html.unescape(link) for link in re.findall(r'href="([^"#]+)', front)}
    wanted = {page.relative_to(ROOT).with_suffix(".html").as_posix() for page in PAGES}
    assert wanted - {"README.html"} <= links
    assert "url=README.html" in (site / "index.html").read_text(encoding="utf-8")
    assert "polaris" in (site / "searchindex.js").read_text(encoding="utf-8")


def test_mistakes_stop_it(clone):
    """A link, an anchor and a picture that lead nowhere, and a page that nobody lists."""
    mistakes = ["[a](no-such-page.md)", "[b](quirks.md#no-such-heading)", "![c](figures/no-such-figure.png)"]
    page = clone / "docs" / "citing.md"
    page.write_text("\n\n".join([page.read_text(encoding="utf-8"), *mistakes, ""]), encoding="utf-8")
    (clone / "docs" / "lost.md").write_text("# Lost\n", encoding="utf-8")
    done, _ = build(clone)
    assert done.returncode != 0
    for words in ("no-such-page", "no-such-heading", "no-such-figure", "lost.md"):
        assert [line for line in done.stderr.splitlines() if "WARNING" in line and words in line], words
