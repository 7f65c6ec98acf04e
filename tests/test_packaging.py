"""What is handed out: the source archive is complete, and its metadata say who, what and under which licence."""

import configparser
import email
import fnmatch
import re
import subprocess
import sys
import tarfile

from places import ROOT
import pytest

CONFIG = configparser.ConfigParser(interpolation=None)
CONFIG.read_string((ROOT / "setup.cfg").read_text(encoding="utf-8"))

#: Tracked files that the archive does not hold: large records of measurements.
LEFT_OUT = "benchmarks/results/*-h100.jsonl"

#: What setuptools writes into an archive.
MADE = re.compile(r"PKG-INFO|numbragg\.egg-info/.*")


def extra(name):
    """Requirements of an extra, without versions and markers."""
    lines = CONFIG["options.extras_require"][name].split("\n")
    return [line.partition(";")[0].strip() for line in lines if line.strip()]


def tracked():
    """Files that git tracks, or a skip where this is no clone."""
    try:
        done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, timeout=60)
    except FileNotFoundError:
        pytest.skip("git is not installed")
    if done.returncode != 0:
        pytest.skip("this is no clone")
    # a file that is deleted and not yet committed is no file
    return {name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()}


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """The source archive of a copy of the tracked files: its names, and the text of its PKG-INFO."""
    pytest.importorskip("setuptools", reason="setuptools is not installed")
    folder = tmp_path_factory.mktemp("archive")
    for name in tracked():
        target = folder / "clone" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((ROOT / name).read_bytes())
    # what lies about in a clone is not for others
    (folder / "clone" / "numbragg" / "__pycache__").mkdir()
    (folder / "clone" / "numbragg" / "__pycache__" / "a.cpython-311.pyc").write_bytes(b"")
    program = f"from setuptools import build_meta; build_meta.build_sdist({str(folder)!r})"
    done = subprocess.run([sys.executable, "-c", program], cwd=folder / "clone", capture_output=True, text=True,
                          timeout=300)
    assert done.returncode == 0, done.stderr
    made, = folder.glob("*.tar.gz")
    with tarfile.open(made) as tar:
        names = {member.name.partition("/")[2] for member in tar.getmembers() if member.isfile()}
        info = next(member for member in tar.getmembers() if member.name.count("/") == 1
                    and member.name.endswith("/PKG-INFO"))
        return names, tar.extractfile(info).read().decode()


def test_archive_is_complete(archive):
    names = {name for name in archive[0] if not MADE.fullmatch(name)}
    # setup.cfg may be written anew by setuptools, under its own name
    wanted = {name for name in tracked() if not fnmatch.fnmatch(name, LEFT_OUT)}
    assert wanted - names == set() and names - wanted == set()


def test_something_is_left_out_and_it_is_large():
    found = [name for name in tracked() if fnmatch.fnmatch(name, LEFT_OUT)]
    assert found and all((ROOT / name).stat().st_size > 100_000 for name in found)


def test_metadata(archive):
    info = email.message_from_string(archive[1])
    assert info["Name"] == "numbragg" and info["Author"] == CONFIG["metadata"]["author"]
    assert info.get_all("License-File") == ["LICENSE"]
    for line in info.get_all("Project-URL"):
        label, address = line.split(", ")
        assert 0 < len(label) <= 32 and address.startswith("https://")
    extras = set(info.get_all("Provides-Extra"))
    assert extras == {"campaign", "cuda", "demo", "docs", "io", "plot", "test", "test-cuda"}


def test_licence_is_an_spdx_expression(archive):
    import setuptools

    if int(setuptools.__version__.partition(".")[0]) < 77:
        pytest.skip(f"setuptools {setuptools.__version__} writes none; pip takes the one that pyproject.toml asks for")
    info = email.message_from_string(archive[1])
    assert info["License-Expression"] == "MIT"
    # the two forms exclude each other
    assert not [line for line in info.get_all("Classifier") if line.startswith("License")]


def test_citation_and_metadata_name_the_same():
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    metadata = CONFIG["metadata"]
    assert f"  - name: {metadata['author']}\n" in text and f"\nlicense: {metadata['license_expression']}\n" in text
    addresses = [line.partition(" = ")[2] for line in metadata["project_urls"].split("\n") if line.strip()]
    assert addresses and all(address in text for address in addresses)
    assert "THE SOFTWARE IS PROVIDED" in (ROOT / metadata["license_files"]).read_text(encoding="utf-8")


def test_only_one_extra_brings_cuda_compilers_for_the_tests():
    assert not [line for line in extra("test") if re.match("numba-cuda|nvidia", line)]
    assert sum(line.startswith("nvidia-") for line in extra("test-cuda")) == 2
    assert extra("cuda")[0] in extra("test-cuda")
    for name in ("demo", "plot", "io", "campaign", "docs"):
        assert set(extra(name)) <= set(extra("test")), name


# -- what is told where a library is missing


_NAME = "(?:'[^']*'|[a-z0-9][a-z0-9-]*)"


def told():
    """Every `pip install ...` in a message of the package: file and what would be installed."""
    for folder in ("numbragg", "kernels"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            text = re.sub(r"\"\s*\n\s*f?\"", "", path.read_text(encoding="utf-8"))
            for words in re.findall(f"pip install ({_NAME}(?: {_NAME})*)", text):
                yield path.relative_to(ROOT).as_posix(), words.replace("'", "").split()


def test_what_is_told_can_be_installed_anywhere():
    """Names of the libraries, which work for a clone as for an installed package, and never an extra of numbragg."""
    found = list(told())
    assert len(found) >= 5
    known = {line for name in CONFIG["options.extras_require"] for line in extra(name)}
    names = {re.split("[<>=]", line)[0] for line in known}
    for path, words in found:
        for word in words:
            assert word in known | names, (path, word)


def test_no_message_asks_for_an_extra():
    for folder in ("numbragg", "kernels"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            assert not re.search(r"numbragg\[|extra \[", path.read_text(encoding="utf-8")), path


def test_page_of_citations_names_this_version():
    from numbragg._version import __version__

    text = (ROOT / "docs" / "citing.md").read_text(encoding="utf-8")
    assert f"version = {{{__version__}}}" in text
    # the paper stands in both, alike
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert "10.1111/febs.12922" in text and "doi: 10.1111/febs.12922" in citation


@pytest.mark.parametrize("path", sorted((ROOT / "docs" / "figures").glob("*.png")), ids=lambda path: path.name)
def test_pictures_are_small(path):
    assert path.stat().st_size < 150_000
    name, made = {"view-page.png": ("view.md", ""), "background-lysozyme.png": ("background.md", f'"{path.name}"')}.get(
        path.name, ("gallery.md", f" --png {path.name}\n"))
    page = (ROOT / "docs" / name).read_text(encoding="utf-8")
    # shown, and made by what stands on the page, but for what a browser shows
    assert f"](figures/{path.name})" in page and made in page
