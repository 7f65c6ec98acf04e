"""Completion of words by a shell: the scripts, in the shells that are installed."""

import os
import shutil
import subprocess
import sys

from cli_tools import error_line
import pytest

from numbragg.command_line.table import TABLE
from numbragg.commands.catalogue import COMMANDS, parser_of
from numbragg.commands.cli import main
from numbragg.commands.completion import SHELLS, script

OWN = {spelling for option in TABLE for spelling in option.spellings}


def shell(name):
    """Path of a shell, or a skip."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


def offered(words, folder):
    """What bash offers for the last of some words."""
    quoted = " ".join("'" + word.replace("'", "'\\''") + "'" for word in words)
    program = (f"{script('bash')}\nCOMP_WORDS=( {quoted} )\nCOMP_CWORD={len(words) - 1}\n_numbragg\n"
               "printf '%s\\n' \"${COMPREPLY[@]}\"\n")
    done = subprocess.run([shell("bash"), "--norc", "-u", "-c", program], cwd=folder, capture_output=True, text=True,
                          timeout=60)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return done.stdout.split("\n")[:-1] if done.stdout != "\n" else []


@pytest.mark.parametrize("words, result", [
    ("numbragg d", ["demo"]), ("numbragg co", ["compare", "completion"]), ("numbragg nonsense ", []),
    ("numbragg -mosaic_d", ["-mosaic_dom", "-mosaic_domain", "-mosaic_domains"]),
    ("numbragg -N 5 --prec", ["--precision"]), ("numbragg --precision ", ["exact", "compensated", "single"]),
    ("numbragg -N 5 --backend cu", ["cuda"]), ("numbragg -pivot ", ["beam", "sample"]),
    ("numbragg --revision m", ["main"]),
    # a number is nobody's business, but a dash begins an option
    ("numbragg -N ", []), ("numbragg -nopgm ", []), ("numbragg -lambda -dista", ["-distance"]),
    ("numbragg demo --", ["--folder", "--threads", "--help"]), ("numbragg demo --threads ", []),
    ("numbragg demo --folder ", ["a folder"]), ("numbragg selftest --backend cuda", ["cuda", "cudasim"]),
    ("numbragg trace 1 2 --aga", ["--against"]), ("numbragg trace 1 2 -hkl P", ["P1.hkl"]),
    ("numbragg trace 1 2 --against P", ["P1.hkl"]), ("numbragg trace 1 2 --summation k", []),
    ("numbragg -hkl P", ["P1.hkl"]), ("numbragg -hkl a", ["a folder"]), ("numbragg compare P", ["P1.hkl"]),
    ("numbragg compare --png P", ["P1.hkl"]), ("numbragg compare P1.hkl --mi", ["--min-correlation"]),
    ("numbragg plateau i", ["image one.bin", "image two.bin"]), ("numbragg plateau --cs", ["--csv"]),
    ("numbragg completion ", ["bash", "zsh", "fish"]), ("numbragg completion f", ["fish"]),
    ("numbragg scan --re", ["--response", "--revision"]),
    ("numbragg scan --response x --ba", ["--backend", "--background"]),
    ("numbragg scan --nexus a --thr", ["--threads"]), ("numbragg scan --frames 3 -ce", ["-cell"]),
    ("numbragg scan --compression ", ["gzip", "bitshuffle", "zstd", "none"]),
    ("numbragg scan --precision s", ["single"]), ("numbragg scan -hkl P", ["P1.hkl"]),
    # what a scan refuses is not offered
    ("numbragg scan -int", ["-interpolate"]), ("numbragg scan --np", []),
    ("numbragg view P1.hkl --scale ", ["linear", "sqrt", "log"]), ("numbragg view --geometry P", ["P1.hkl"]),
    ("numbragg view i", ["image one.bin", "image two.bin"]), ("numbragg noisify -psf ", ["gauss", "gaussian", "fiber"]),
    ("numbragg noisify -bits ", ["16", "32"]), ("numbragg nonbragg -stol P", ["P1.hkl"]),
    ("numbragg help tr", ["trace"]), ("numbragg help -mosaic_s", ["-mosaic_spr", "-mosaic_spread", "-mosaic_seed"]),
])
def test_bash(words, result, folder):
    for name in ("P1.hkl", "image one.bin", "image two.bin"):
        (folder / name).write_bytes(b"")
    (folder / "a folder").mkdir()
    # files come in the order of the folder
    assert sorted(offered(words.split(" "), folder)) == sorted(result)


def test_bash_offers_everything(folder):
    assert set(offered(["numbragg", ""], folder)) == set(COMMANDS)
    assert set(offered(["numbragg", "-"], folder)) == OWN
    for name in COMMANDS:
        parser = parser_of(name)
        options = {spelling for spelling, *_ in parser.options()} if parser is not None else set()
        assert options <= set(offered(["numbragg", name, "-"], folder))


def test_bash_offers_every_word_that_a_scan_takes(folder):
    from numbragg.commands.scan import refused

    taken = {spelling for option in TABLE if not refused(option) for spelling in option.spellings}
    assert {"-N", "-cell", "--response", "--background", "-seed"} <= taken < OWN
    assert taken <= set(offered(["numbragg", "scan", "-"], folder))
    assert not (OWN - taken) & set(offered(["numbragg", "scan", "-"], folder))


def test_bash_offers_no_word_that_a_trace_refuses(folder):
    there = set(offered(["numbragg", "trace", "-"], folder))
    words = "trace 1 1 -default_F 1 -cell 50 -N 5 -detpixels 8 --quiet".split()
    refused = [["--background", "water:5um"], ["--device", "0"], ["--precision", "single"], ["--summation", "kahan"],
               ["--backend", "auto"]]
    for more in refused:
        assert main([*words, *more]) == 2 and more[0] not in there
    assert {"-N", "-cell", "--detector", "--output", "--threads", "-seed"} < there
    assert OWN - there == {option for option, _ in refused}


@pytest.mark.parametrize("typed, wanted", [
    ("numbragg scan --respo", "numbragg scan --response "),
    ("numbragg scan -N 5 --thr", "numbragg scan -N 5 --threads "),
    ("numbragg scan --compression bi", "numbragg scan --compression bitshuffle "),
    ("numbragg view a.npy --scale sq", "numbragg view a.npy --scale sqrt "), ("numbragg trace 1 2 -lam",
                                                                             "numbragg trace 1 2 -lambda ")])
def test_bash_completes_what_is_typed(typed, wanted, folder):
    """In a terminal, by the tabulator."""
    import pty

    (folder / "script").write_text(script("bash"))
    (folder / "rc").write_text("bind 'set enable-bracketed-paste off'\nPS1='ready> '\nsource ./script\n")
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(folder)
        os.execve(shell("bash"), ["bash", "--noprofile", "--rcfile", "rc", "-i"],
                  os.environ | {"TERM": "dumb", "INPUTRC": os.devnull, "COLUMNS": "200"})
    try:
        seen = _read_until(terminal, "ready> ")
        os.write(terminal, typed.encode() + b"\t")
        seen = _read_until(terminal, wanted)
        assert wanted in seen
    finally:
        os.close(terminal)
        os.waitpid(process, 0)


def _read_until(terminal, wanted, seconds=20.0):
    """What a terminal says until it has said something."""
    import select
    import time

    seen, end = "", time.monotonic() + seconds
    while wanted not in seen and (left := end - time.monotonic()) > 0.0:
        if select.select([terminal], [], [], left)[0]:
            seen += os.read(terminal, 4096).decode()
    return seen


def test_bash_takes_it_as_told(folder):
    """The line of the help, in a bash that is asked for its completions."""
    program = (f"numbragg() {{ '{sys.executable}' -m numbragg \"$@\"; }}\neval \"$(numbragg completion bash)\"\n"
               "complete -p numbragg\n")
    done = subprocess.run([shell("bash"), "--norc", "-c", program], cwd=folder, capture_output=True, text=True,
                          timeout=60)
    assert done.stdout == "complete -F _numbragg numbragg\n" and done.stderr == ""


@pytest.mark.parametrize("name", SHELLS)
def test_syntax(name, folder):
    (folder / "script").write_text(script(name), encoding="utf-8")
    done = subprocess.run([shell(name), "-n", "script"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and done.stderr == ""
    (folder / "script").write_text(script(name) + "\nif (\n", encoding="utf-8")
    assert subprocess.run([shell(name), "-n", "script"], capture_output=True, timeout=60).returncode != 0


@pytest.mark.parametrize("words, wanted", [
    ("numbragg de", {"demo"}), ("numbragg selftest --backend cuda", {"cuda", "cudasim"}),
    ("numbragg --precision s", {"single"}), ("numbragg -mosaic_s", {"-mosaic_spr", "-mosaic_spread", "-mosaic_seed"}),
    ("numbragg completion z", {"zsh"}), ("numbragg scan --resp", {"--response"}),
    ("numbragg scan --compression z", {"zstd"}), ("numbragg trace 1 2 --revis", {"--revision"}),
    ("numbragg view --scale sq", {"sqrt"})])
def test_fish(words, wanted, folder):
    (folder / "script.fish").write_text(script("fish"), encoding="utf-8")
    done = subprocess.run([shell("fish"), "--no-config", "-c", f"source script.fish; complete -C '{words}'"],
                          capture_output=True, text=True, timeout=60)
    assert {line.partition("\t")[0] for line in done.stdout.splitlines()} == wanted, done.stderr


@pytest.mark.parametrize("name", SHELLS)
def test_script_names_every_option(name, capfd):
    assert main(["completion", name]) == 0
    said = capfd.readouterr()
    assert said.out == script(name) and said.err == "" and said.out.isascii()
    for spelling in OWN:
        assert spelling.lstrip("-") in said.out


@pytest.mark.parametrize("words, message", [([], "no shell: there are bash"), (["csh"], "csh: there are bash"),
                                            (["bash", "zsh"], "bash zsh: there are"), (["--x"], "--x is not known")])
def test_refusals(words, message, capfd):
    assert main(["completion", *words]) == 2
    line = error_line(capfd)
    assert line.startswith("numbragg: error: completion: ") and message in line
