"""Options of the subcommands: what all of them have in common."""

from cli_tools import error_line
import pytest

from numbragg.commands.arguments import Parser, count, out_name, region, whole_number
from numbragg.commands.cli import COMMANDS, main

#: A subcommand, words before the option, an option of it with one word, and a value that is right.
ONE_WORD = {"compare": (["a.bin", "b.bin"], "--max-ulp", "1"), "plateau": (["a.bin"], "--csv", "t.csv"),
            "view": (["a.bin"], "--rings", "5"),
            "selftest": ([], "--seed", "1"), "demo": ([], "--threads", "1"), "trace": (["1", "2"], "--steps", "3"),
            "scan": (["--nexus", "a.nxs"], "--frames", "2"), "campaign": (["check", "a.toml"], "--shots", "2")}


#: Subcommands whose words are no options.
#: Those that take words of other programs are tested in tests/programs.
WITHOUT_OPTIONS = {"help", "completion", "nonbragg", "noisify"}


def parser():
    made = Parser("thing", "[options]", "Something.")
    made.option("--number", "N", "a number of 100 %", count(None))
    made.option("--limit", "N", "a limit", whole_number(-5, 5))
    made.option("--roi", "A B C D", "a region", region)
    made.option("--output", "FILE", "a file", out_name)
    made.option("--flag", "", "whether")
    return made


def refused(*words):
    with pytest.raises(ValueError) as caught:
        parser().files(words)
    return str(caught.value)


def test_every_subcommand_is_tested_here():
    assert ONE_WORD.keys() | WITHOUT_OPTIONS == COMMANDS.keys() and not ONE_WORD.keys() & WITHOUT_OPTIONS


@pytest.mark.parametrize("name", ONE_WORD)
def test_options_of_all_subcommands_alike(name, folder, capfd):
    before, option, value = ONE_WORD[name]
    for words, says in (([option, value, option, value], f"{option} is given twice"),
                        ([f"{option}={value}", option, value], f"{option} is given twice"),
                        ([option], f"{option} needs a value"), ([option, "--quiet"], f"{option} needs a value")):
        assert main([name, *before, *words]) == 2
        assert f"numbragg: error: {name}: {says}\n" == error_line(capfd)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("name", sorted(ONE_WORD.keys() - {"trace", "scan"}))
def test_no_option_is_shortened(name, folder, capfd):
    before, option, value = ONE_WORD[name]
    # what trace and scan do not know is nanoBragg's
    for word in (option[:-1], option + "x", option[1:], "--", "-", "-x"):
        assert main([name, *before, word, value]) == 2
        assert f"{name}: {word} is not known; there are --" in error_line(capfd)


@pytest.mark.parametrize("name", ONE_WORD)
@pytest.mark.parametrize("word", ["-h", "-help", "--help"])
def test_help_goes_to_standard_output(name, word, folder, capfd):
    assert main([name, "--nonsense", word]) == 0
    said = capfd.readouterr()
    assert said.err == "" and said.out.startswith(f"usage: numbragg {name} ") and ONE_WORD[name][1] in said.out


def test_values():
    values, files = parser().files(["--number=-2e3", "a", "--limit", "-3", "--flag", "b", "--roi", "1", "2", "3", "4",
                                    "--output", "-", "c"])
    assert values == {"--number": -2000, "--limit": -3, "--flag": True, "--roi": (1, 2, 3, 4), "--output": "-"}
    assert files == ["a", "b", "c"]
    assert parser().files(["--number", "-1e3"])[0] == {"--number": -1000}
    assert parser().files([]) == ({}, [])


@pytest.mark.parametrize("words, message", [
    (["--limit", "6"], "--limit 6: must be a whole number from -5 to 5"),
    (["--limit", "1.0"], "--limit 1.0: must be a whole number from -5 to 5"),
    (["--number", "1_0"], "--number 1_0: must be a whole number"),
    (["--number", "nan"], "--number nan: must be a whole number"),
    (["--number", "\u0661"], "--number \u0661: must be a whole number"),
    (["--output", "-x"], "--output -x: must be the name of a file"),
    (["--output="], "--output : must be the name of a file"),
    (["--flag=yes"], "--flag takes no value"), (["--flag="], "--flag takes no value"),
    (["--roi=1", "2", "3", "4"], "--roi needs 4 values, without an equals sign"),
    (["--roi", "1", "2", "3"], "--roi needs 4 values, without an equals sign"),
    (["--roi", "1", "2", "--flag", "4"], "--roi needs 4 values, without an equals sign"),
])
def test_refusals(words, message):
    assert refused(*words) == f"thing: {message}".replace(" : ", " '': ")


@pytest.mark.parametrize("words", ["compare --shape {}", "plateau --{}", "trace {} 1", "help {}", "{}",
                                   "plateau --roi 1 2 3 {}"])
def test_long_words_are_cut(words, folder, capfd):
    assert main(words.format("x" * 5000).split()) == 2
    line = error_line(capfd)
    assert "x" * 50 in line and len(line) < 500


def test_words_of_others_keep_their_order():
    """`trace` hands them on, and nanoBragg's values may begin with a dash."""
    words = "1 2 -cell 5 -6 7e-1 -hkl x -misset -1e-3 .5 --threads=2 -N 5 --quiet --steps=1 -- a".split()
    made = Parser("trace", "", "")
    made.option("--steps", "N", "steps", count(0))
    values, rest = made.read(words)
    assert values == {"--steps": 1} and rest == [word for word in words if word != "--steps=1"]


def test_options_are_listed():
    found = [(spelling, shows) for spelling, shows, _, _ in parser().options()]
    assert found == [("--number", ("N",)), ("--limit", ("N",)), ("--roi", ("A", "B", "C", "D")),
                     ("--output", ("FILE",)), ("--flag", ())]
    assert parser().options()[0][3] == "a number of 100 %"


@pytest.mark.parametrize("name, words, says", [
    ("demo", "--folder new --threads zero", "--threads zero: must be a whole number"),
    ("demo", "--folder new --threads 0", "--threads 0: must be at least 1"),
    ("demo", "--folder new --threads 3e9", "--threads 3e9: must be at most 2147483647"),
    ("demo", "--folder new more", "more is not known"), ("demo", "--folder new --quiet", "--quiet is not known"),
    ("demo", "--folder", "--folder needs a value"),
    ("selftest", "--json new.json --threads 3e9", "--threads 3e9: must be at most 2147483647"),
    ("selftest", "--json new.json --backend gpu", "--backend gpu: there are cpu, cuda, cudasim"),
    ("selftest", "--json new.json --device 1", "--device 1: goes with --backend cuda only"),
    ("selftest", "--json new.json --backend cuda --device 3e9", "--device 3e9: must be at most 2147483647"),
    ("selftest", "--json new/a.json --pixels 1", "new/a.json: No such file or directory"),
    ("trace", "1 x --output new -default_F 1 -cell 50 -N 3", "SLOW x: must be a whole number"),
    ("trace", "1 1 --output new -default_F 1 -cell 50 -N three", "-N three: must be"),
    ("trace", "1 1 --output new -default_F 1 -cell 50 -N 3 --threads 3e9", "--threads 3e9: must be"),
    ("trace", "1 1 --output new -default_F 1 -cell 50 -N 3 --against nothing", "nothing: No such file"),
    ("trace", "1 1 --output a.txt -default_F 1 -cell 50 -N 3 --against a.txt", "a.txt is read and cannot be written"),
    ("compare", "a.bin b.bin --json new --max-ulp many", "--max-ulp many: must be"),
    ("compare", "a.bin b.bin --json new", "a.bin: "), ("compare", "a.txt --json new", "must be two images"),
    ("plateau", "a.bin --csv new --shape 3", "--shape 3: must be SLOWxFAST"), ("plateau", "--csv new", "at least one"),
    ("plateau", "a.bin --csv new", "a.bin: "),
    ("completion", "csh", "csh: there are"), ("help", "nonsense", "nonsense: no such topic")])
def test_nothing_is_made_before_all_words_are_right(name, words, says, folder, capfd):
    (folder / "a.txt").write_text("a = 1\n")
    assert main([name, *words.split()]) == 2
    assert says in error_line(capfd)
    assert [path.name for path in folder.iterdir()] == ["a.txt"] and (folder / "a.txt").read_text() == "a = 1\n"


def test_help_names_every_option():
    text = parser().format_help()
    assert all(option in text for option in ("--number N", "--roi A B C D", "--output FILE", "--flag ", "100 %"))
