"""What differs from what the words say is told: in the report, on stderr under --quiet, as a warning in Python."""

import functools
import re
import sys
import warnings

from cli_tools import SMALL
from places import ROOT
import pytest

import numbragg as nb
from numbragg.commands.cli import main
from numbragg.notes import Loud, Misleading, warn

#: A header of 525 bytes.
LONG_HEADER = ("-cell 79 79 38 90 90 90 -default_F 10 -N 3 -oversample 1 -detpixels 1475 -pixel 0.172 -distance 199.87 "
               "-lambda 0.97934 -Xbeam 126.8423 -Ybeam 126.3117 -phi 12.35 -osc 0.15 -phisteps 1 -roi 0 9 0 9 "
               "-seed 1").split()


def test_only_loud_notes_are_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn(["a plain note"])
        warn([])
    with pytest.warns(nb.NumbraggWarning, match="^what differs$") as record:
        warn(["a plain note", Loud("what differs")])
    assert len(record) == 1 and issubclass(nb.NumbraggWarning, UserWarning)


def test_warnings_point_to_the_caller():
    """However many of our own frames lie between."""
    source = "from numbragg.notes import Loud, warn\ndef inner():\n    warn([Loud('x')])\n"
    ours = {"__name__": "numbragg.somewhere"}
    exec(source, ours)
    with pytest.warns(nb.NumbraggWarning) as record:
        ours["inner"](); line = sys._getframe().f_lineno  # noqa: E702
    assert (record[0].filename, record[0].lineno) == (__file__, line)


@pytest.mark.parametrize("quiet", [[], ["--quiet"]])
def test_a_header_that_is_too_long_is_said_in_any_case(quiet, folder, capfd):
    assert main([*LONG_HEADER, *quiet]) == 0
    said = capfd.readouterr()
    for name in ("intimage.img", "noiseimage.img"):
        assert f"numbragg: warning: {name}: the SMV header takes 525 bytes but says 512" in said.err
        assert (f"note: {name}: the SMV header takes 525" in said.out) == (not quiet)
        assert len((folder / name).read_bytes()) == 525 + 2 * 1475 ** 2
    assert isinstance(Misleading("x"), Loud)


def test_a_header_that_fits_is_not_worth_a_word(folder, capfd):
    assert main([*SMALL, "--quiet"]) == 0
    said = capfd.readouterr()
    assert said.out == said.err == ""


def test_a_seed_is_told_only_where_there_is_noise(folder, capfd):
    words = SMALL[:SMALL.index("-seed")]
    assert main(words) == 0
    assert "noise seed" in capfd.readouterr().out
    assert main([*words, "-nonoise"]) == 0
    assert "seed" not in capfd.readouterr().out


# -- the column of docs/quirks


#: Warnings whose text is not written where they become one.
INDIRECT = {"that look like white space", "-default_F counts outside of it only"}


def quoted_notes():
    """(quirk, whether it is a warning, words) of every note that docs/quirks quotes."""
    found = []
    for line in (ROOT / "docs" / "quirks.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if line.startswith("| Q"):
            quotes = re.findall(r"(\*\*)?`([^`]+)`", cells[3])
            assert quotes or cells[3] == "none", line
            found += [(cells[0], bool(bold), words) for bold, words in quotes]
    return found


@functools.cache
def sources():
    """Calls that make warnings, and all other text of the package, string literals joined."""
    loud, plain = [], []
    for path in sorted((ROOT / "numbragg").rglob("*.py")):
        text = re.sub(r"[\"']\s*\n\s*f?[\"']", "", path.read_text(encoding="utf-8"))
        calls = re.findall(r"(?:Loud|Misleading)\((?:[^\n]|\n\s+f?[\"'])*", text)
        loud += calls
        plain.append(text)
    return "\n".join(loud), "\n".join(plain)


@pytest.mark.parametrize("quirk, is_warning, words", quoted_notes())
def test_quirks_quote_what_is_said(quirk, is_warning, words):
    loud, text = sources()
    assert words in text
    # some are made first and become warnings in another line
    assert not is_warning or words in loud or words in INDIRECT
