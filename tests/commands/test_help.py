"""`numbragg help`: the whole text, and the parts that a word asks for."""

import subprocess
import sys

from cli_tools import error_line
import pytest

from numbragg.command_line.help import group_text, help_text, option_text
from numbragg.command_line.table import GROUPS, TABLE
from numbragg.commands.catalogue import COMMANDS
from numbragg.commands.cli import main


def said(capfd, *words):
    """What `numbragg help` prints."""
    assert main(["help", *words]) == 0
    told = capfd.readouterr()
    assert told.err == ""
    return told.out


def test_the_whole_text(capfd):
    assert said(capfd) == help_text() + "\n"


@pytest.mark.parametrize("name", sorted(COMMANDS.keys() - {"help"}))
def test_commands(name, capfd):
    text = said(capfd, name)
    assert text.startswith(f"usage: numbragg {name} ")
    assert main([name, "--help"]) == 0 and capfd.readouterr().out == text


@pytest.mark.parametrize("group", GROUPS)
def test_headings(group, capfd):
    text = said(capfd, *group.split())
    assert text == group_text(group) + "\n" and text in help_text() + "\n\n"
    assert said(capfd, group) == text


@pytest.mark.parametrize("option", TABLE, ids=lambda option: option.name)
def test_options(option, capfd):
    for spelling in option.spellings:
        words = {spelling, spelling.lstrip("-")} - {*COMMANDS, *GROUPS, "-h", "-help", "--help"}
        for word in words:
            assert said(capfd, word) == option_text(option) + "\n"


def test_commands_are_listed(capfd):
    lines = said(capfd, "commands").splitlines()
    assert [line.split()[0] for line in lines[1:]] == list(COMMANDS)
    assert all(len(line.split()) > 4 for line in lines[1:])


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["help"], ["trace", "--help"]])
def test_help_of_help(words, capfd):
    assert said(capfd, *words).startswith("usage: numbragg help [TOPIC...]\n")


@pytest.mark.parametrize("word, hint", [("trac", "did you mean trace?"), ("mosiac", "-mosaic"),
                                        ("--thread", "--threads"), ("qqq", "there are demo"), ("", "there are demo"),
                                        ("structure", "did you mean structure factors?"), ("a", "there are demo"),
                                        ("hdivs", "did you mean -hdivsteps or -hdivstep?")])
def test_unknown_topics(word, hint, capfd):
    assert main(["help", word]) == 2
    line = error_line(capfd)
    assert "no such topic" in line and hint in line


def test_several_topics(capfd):
    text = said(capfd, "-mosaic", "phi", "structure factors")
    assert text == "\n\n".join(option_text(option) for option in TABLE if option.name in ("-mosaic", "-phi")) + (
        "\n\n" + group_text("structure factors") + "\n")
    for words, unknown in ((["a", "b", "c"], "help: a: no such topic"), (["-mosaic", "qq"], "help: qq: no such topic"),
                           (["-mosaic", "trace"], "help: trace: a command, and so a topic of its own")):
        assert main(["help", *words]) == 2
        assert unknown in error_line(capfd)


@pytest.mark.parametrize("words", [[], ["trace"], ["beam"], ["commands"], ["-lambda"]])
def test_it_needs_nothing(words):
    """Neither numpy nor numba is loaded to print a text."""
    code = (f"import sys; from numbragg.commands.cli import main; main({['help', *words]}); "
            "print(sorted(sys.modules), file=sys.stderr)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert "'numba'" not in done.stderr and "'numpy'" not in done.stderr


#: The worst of docs/quirks.md, each with the options and the fields of Python that lead to it, and what they must say.
TRAPS = {
    "Q10": [("-water", "divided by the number of steps"), ("Crystal.water_size_um", "divided by the number of steps")],
    "Q13": [("-sourcefile", "weight is never used"), ("Beam.sources", "intensity (never used")],
    "Q18": [("-gauss_xtal", "whatever the shape of the crystal"), ("-tophat_spots", "as with -gauss_xtal"),
            ("Crystal.shape", "whatever the shape of the crystal")],
    "Q31": [("-misset", "not uniform"), ("Crystal.random_misset_seed", "not uniform")],
    "Q48": [("-intfile", "pixels shifted"), ("-noisefile", "header as -intfile")],
}


@pytest.mark.parametrize("quirk, name, words", [(quirk, *row) for quirk, rows in TRAPS.items() for row in rows])
def test_traps_are_told_where_they_are_met(quirk, name, words):
    if name.startswith("-"):
        text, = (option.text for option in TABLE if option.name == name)
    else:
        import numbragg as nb

        owner, field = name.split(".")
        lines = getattr(nb, owner).__doc__.splitlines()
        start = next(number for number, line in enumerate(lines) if line.startswith(f"    {field} : "))
        rest = lines[start + 1:]
        text = " ".join(rest[:next(number for number, line in enumerate(rest) if not line.startswith(" " * 8))])
    assert words in " ".join(text.split())


@pytest.mark.parametrize("word, meant", [("-xbeam", "-Xbeam"), ("-xclose", "-Xclose"), ("-orgX", "-ORGX"),
                                         ("mosflm", "-mosflm")])
def test_a_topic_in_other_letters(word, meant, capfd):
    code = main(["help", word])
    said = capfd.readouterr()
    assert code == 0 and meant in said.out or code == 2 and f"did you mean {meant}?" in said.err
