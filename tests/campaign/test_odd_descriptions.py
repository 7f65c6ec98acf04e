"""Descriptions that are odd: each is read, or refused in one line of error that names the file; no traceback."""

import os
import random
import tomllib

from campaign_tools import SMALL, write
import pytest

from numbragg.campaign.description import read_description
from numbragg.campaign.fields import FIELDS
from numbragg.campaign.parts import Parts
from numbragg.commands.cli import main

#: Values in the place of any other.
ODD = ("0", "-1", "1e400", "nan", "inf", "-inf", "true", '""', '"x"', "[]", "[1]", "[[1]]", "[1, 2, 3]", "{}",
       "{a = 1}", "1979-05-27", "9223372036854775807", "0.5", '"\\u0000"', "1e-300", "1e300", "[true]", "[nan, 1, 2]")

TABLES = SMALL + """
[background]
layers = "water:5um,air:1mm"
[response]
detector = "rayonix"
[response.beamstop]
centre_pixels = [3, 4]
radius_pixels = 2
[beam.spectrum]
kind = "gaussian"
bandwidth_percent = 0.5
samples = 3
[output]
kind = "counts"
compression = "gzip"
layout = "whole"
[evaluation]
precision = "exact"
revision = "fixed"
[vary.distance_mm]
distribution = "normal"
mean = 60.0
sigma = 1.0
low = 59.0
high = 61.0
[vary.n_cells]
distribution = "grid"
low = 5
high = 15
steps = 11
every = 2
[vary.rotation_deg]
distribution = "list"
values = [[0, 0, 1], [1, 0, 0]]
repeat = true
""".replace('[vary.n_cells]\ndistribution = "grid"', '[vary.twotheta_deg]\ndistribution = "grid"')


def survives(text):
    """Whether a description is read; a refusal is one line that begins with the name of the file."""
    try:
        description = read_description(write(text))
        Parts(description)
        assert len(description.hash()) == 64
        description.values(3)
    except (ValueError, OSError) as error:
        said = str(error) if isinstance(error, ValueError) else ""
        assert "\n" not in said and (isinstance(error, OSError) or said.startswith("set.toml: ")), said
        return False
    return True


def test_it_is_right_before_it_is_odd(folder):
    assert survives(TABLES)


@pytest.mark.parametrize("part", range(8))
def test_odd_values(part, folder):
    lines = TABLES.splitlines()
    draws = random.Random(part)
    places = [number for number, line in enumerate(lines) if " = " in line]
    refused = 0
    for _ in range(60):
        number, odd = draws.choice(places), draws.choice(ODD)
        changed = [*lines]
        changed[number] = f"{lines[number].partition(' = ')[0]} = {odd}"
        refused += not survives("\n".join(changed))
    assert refused > 20


def test_odd_fields(folder):
    """Every field with every distribution, and with numbers that do not suit it."""
    draws = random.Random(9)
    read = 0
    for name in FIELDS:
        for kind in ("constant", "uniform", "log-uniform", "normal", "choice", "list", "grid", "sase"):
            words = {"constant": "value = {0}", "choice": "values = [{0}]", "list": "values = [{0}]\nrepeat = true",
                     "normal": "mean = {0}\nsigma = {1}\nlow = {0}\nhigh = {1}", "sase": "bandwidth_percent = {0}",
                     "grid": "low = {0}\nhigh = {1}\nsteps = 2"}.get(kind, "low = {0}\nhigh = {1}")
            for low, high in (("1", "3"), ("[1, 2]", "[3, 4]"), (draws.choice(ODD), draws.choice(ODD))):
                table = f'[vary.{name}]\ndistribution = "{kind}"\n{words.format(low, high)}\n'
                read += survives(SMALL.partition("[vary.")[0] + table)
    assert read > 60


@pytest.mark.parametrize("content", [
    b"", b"\xff\xfe", b"[", b"a = 1", b"[campaign]\nshots = 1\nseed = 1", b"[[campaign]]\nshots = 1", b"campaign = 3",
    b"[vary]\nx = 1", b"a." * 5000 + b"b=1"])
def test_odd_files(content, folder):
    (folder / "set.toml").write_bytes(content)
    with pytest.raises(ValueError) as refused:
        Parts(read_description("set.toml"))
    assert str(refused.value).startswith("set.toml: ") and "\n" not in str(refused.value)


def test_the_odd_values_are_toml():
    for odd in ODD:
        tomllib.loads(f"a = {odd}")


@pytest.mark.parametrize("old, new, said", [
    ("pixels = [40, 32]", "pixels = [100000, 100000]", "detector: 100000 x 100000 pixels"),
    ("n_cells = 20", "n_cells = 20\nmosaic_spread_deg = 1\nmosaic_domains = 2000000000", "mosaic domains: 2000000000")])
@pytest.mark.parametrize("way", [("--shard", "0/1"), ("--workers", "2")])
def test_what_cannot_be_made_leaves_no_folder(old, new, said, way, folder, capfd):
    """Which would be of that description for ever."""
    text = SMALL.replace(old, new)
    assert text != SMALL
    assert main(["campaign", "run", write(text), "--out", "out", *way]) == 2
    err = capfd.readouterr().err
    assert err.startswith("numbragg: error: ") and said in err and err.count("\n") == 1
    assert os.listdir() == ["set.toml"]


def test_a_file_that_is_none_is_named_with_its_place(folder, capfd):
    text = SMALL.replace("constant = 100.0", 'file = "/dev/zero"')
    assert main(["campaign", "check", write(text)]) == 2
    assert capfd.readouterr().err == ("numbragg: error: set.toml: structure.file: /dev/zero: is not a regular file; a "
                                      "file of a campaign must be one, for it is read more than once\n")


@pytest.mark.parametrize("table, said", [
    ("[beam.spectrum]\nkind = \"sase\"\nseed = 1\nbandwidth_percent = -1\n",
     "beam.spectrum.bandwidth_percent: -1 must be above 0 in %"),
    ('[vary.spectrum]\ndistribution = "sase"\nbandwidth_percent = -1\n',
     "vary.spectrum.bandwidth_percent: -1 must be above 0 in %"),
    ('[vary.spectrum]\ndistribution = "sase"\nbandwidth_percent = 1\nsamples = []\n',
     "vary.spectrum.samples: [] is not a whole number"),
    ('[vary.spectrum]\ndistribution = "sase"\nbandwidth_percent = 1\nthreshold = []\n',
     "vary.spectrum.threshold: [] is not a number"),
    ('[vary.spectrum]\ndistribution = "sase"\nbandwidth_percent = 1\nmerged = 0\n',
     "vary.spectrum.merged: 0 must be a whole number"),
    ('[vary.spectrum]\ndistribution = "choice"\nfiles = ["no.csv"]\n', "vary.spectrum: no.csv: has no rows"),
    ('[vary.polarisation_fraction]\ndistribution = "uniform"\nlow = 0\nhigh = 1.5\n',
     "vary.polarisation_fraction.high: 1.5 must be from -1 to 1")])
def test_what_would_be_wrong_with_every_shot_is_said_before(table, said, folder):
    (folder / "no.csv").write_text("x y z\n")
    with pytest.raises(ValueError) as refused:
        Parts(read_description(write(SMALL + table)))
    assert str(refused.value).startswith(f"set.toml: {said}")


@pytest.mark.parametrize("old, new, said", [
    ("size_mm = 0.01", "spectrum = 5", "beam.spectrum: 5 must be a table, or the name of a file"),
    ("constant = 100.0", "constant = inf", "structure.constant: inf must be a finite number")])
def test_fields_are_named_as_they_are_written(old, new, said, folder):
    with pytest.raises(ValueError) as refused:
        Parts(read_description(write(SMALL.replace(old, new))))
    assert str(refused.value).startswith(f"set.toml: {said}")


def test_a_long_line_of_a_list_is_refused_and_not_cut(folder):
    """A cut would make two rows of it, and a comment's rest numbers."""
    table = '[vary.distance_mm]\ndistribution = "list"\nfile = "list.txt"\nrepeat = true\n'
    for line in (" " * 998 + "60.0", "61.0 # " + "x" * 990 + " 99"):
        (folder / "list.txt").write_text(f"{line}\n")
        with pytest.raises(ValueError, match="list.txt: line 1: must have less than 1000 characters"):
            read_description(write(SMALL + table))
    (folder / "list.txt").write_text(" " * 990 + "60.0\n")
    assert read_description(write(SMALL + table)).values(0).shot["distance_mm"] == 60.0
