"""Descriptions: what is read, what is refused in one line, what the hash is of, and that draws stay."""

from campaign_tools import SMALL, changed, write
import pytest

from numbragg.campaign.description import read_description
from numbragg.campaign.example import example
from numbragg.campaign.fields import FIELDS
from numbragg.campaign.parts import Parts
from numbragg.campaign.shots import Maker
from numbragg.notes import Loud


def parts(text, **more):
    return Parts(read_description(write(text), **more))


def refusal(text):
    """The one line that a description is refused with."""
    with pytest.raises(ValueError) as refused:
        parts(text)
    said = str(refused.value)
    assert said.startswith("set.toml: ") and "\n" not in said
    return said.removeprefix("set.toml: ")


def test_example_is_a_description(folder):
    found = parts(example(33)).description
    assert found.shots == 33 and len(found.varied) >= 5
    # tables whose headings stand in it are all that it has
    assert example(33).count("[vary.") == len(found.varied)


def test_the_example_warns_of_nothing(folder):
    """The size of its beam is of no use for spots, but its background needs it."""
    text = example(3)
    assert "size_mm" in text and not [note for note in Maker(write(text), threads=1).notes if isinstance(note, Loud)]
    without = text[:text.index("[background]")] + text[text.index("[response]"):]
    assert [note for note in Maker(write(without), threads=1).notes if "size of the beam" in note]


@pytest.mark.parametrize("old, new, said", [
    ("[campaign]", "[campain]", "campain: unknown key; did you mean campaign?"),
    ("seed = 5", "sed = 5", "campaign.sed: unknown key; did you mean campaign.seed?"),
    ("seed = 5", "", "campaign.seed: is missing; must be a whole number"),
    ("seed = 5", "seed = -1", "campaign.seed: -1 must be a whole number from 0 to 9223372036854775807"),
    ("shots = 12", "shots = 1.5", "campaign.shots: 1.5 is not a whole number"),
    ("distance_mm = 60.0", "distance_mm = -1", "detector.distance_mm: -1 must be above 0 in mm"),
    ("cell = [60, 60, 80, 90, 90, 90]", "cell = [60, 60, 80, 170, 170, 170]",
     "crystal.cell: angles of 170, 170 and 170 degrees leave no volume; each must be below the sum of the other "
     "two, and all together below 360"),
    ("distance_mm = 60.0", "distanse_mm = 1", "detector.distanse_mm: unknown key; did you mean detector.distance_mm?"),
    ("pixels = [40, 32]", "", "detector: needs pixels, or a name or a file"),
    ("pixels = [40, 32]", 'name = "eiger"', "detector.name: 'eiger' must be one of 'eiger2_16m', 'eiger2_4m', "
     "'jungfrau_4m', 'pilatus3_6m', 'rayonix_mx340hs'"),
    ("constant = 100.0", "", "structure: give constant or file, one of them"),
    ("constant = 100.0", "constant = 1\ndefault = 0",
     "structure.default: does not go with constant, which has constant"),
    ("cell = [60, 60, 80, 90, 90, 90]", "", "crystal.cell: is missing; the structure has none"),
    ("cell = [60, 60, 80, 90, 90, 90]", "cell = [60, 60]",
     "crystal.cell: [60, 60] must be six numbers, a b c [Angstrom] and alpha beta gamma [deg]"),
    ("n_cells = 20", "u_matrix = [[1, 0, 0], [0, 1, 0], [0, 0, 1]]",
     "crystal.u_matrix: is replaced by vary.orientation; leave one of them out"),
    ("[vary.lattices]", "[vary.latices]", "vary.latices: unknown key; did you mean vary.lattices?"),
    ("low = 1e24", "low = -1", "vary.fluence_photons_per_m2.low: -1 must not be negative in photons/m^2"),
    ("low = 1e24", "low = 0", "vary.fluence_photons_per_m2.low: 0 must be above 0 for log-uniform"),
    ("low = 1e24", "low = 2e25", "vary.fluence_photons_per_m2.high: 1e+25 must be above low, 2e+25"),
    ("low = 1e24", "", "vary.fluence_photons_per_m2: log-uniform needs low"),
    ("low = 1e24", "low = 1e24\nmean = 3",
     "vary.fluence_photons_per_m2.mean: unknown key; must be one of distribution, low, high"),
    ("low = 1\n", "low = 0.5\n", "vary.lattices.low: 0.5 is not a whole number"),
    ("low = 1\nhigh = 2", "low = 1\nhigh = 2000", "vary.lattices: must be at most 1000"),
    ('"log-uniform"', '"loguniform"', "vary.fluence_photons_per_m2.distribution: 'loguniform' must be one of constant, "
     "uniform, log-uniform, normal, choice, list, grid"),
    ("weights = [1, 4]", "weights = [1]", "vary.blank.weights: [1] must be 2 numbers, one for each value"),
    ("weights = [1, 4]", "weights = [0, 0]", "vary.blank.weights: [0, 0] must not all be 0"),
    ("values = [true, false]", "values = [1, 0]", "vary.blank.values: 1 must be True or False"),
    ("[sampling]", "[output]\nkind = \"mean\"\n[response]\nreadout_adu = 1\n[sampling]",
     'output.kind: "mean" has no counts, and [response] is of counts; leave one of them out'),
    ("[sampling]", '[response.point_spread]\nkind = "gaussian"\nfwhm_um = 80\nmethod = "fft"\n[sampling]',
     'response.point_spread.method: "fft" has bits that depend on the machine; must be "direct" in a campaign'),
    ("[sampling]", '[background]\nlayers = "lead:5um"\n[sampling]', "background: 'lead:5um' lacks density [g/cm^3] and "
     "molecular weight [g/mol]: FILE:EXTENT:DENSITY:WEIGHT (built in are air, ice, water)"),
    ("[sampling]", '[evaluation]\nprecision = "double"\n[sampling]',
     "evaluation.precision: 'double' must be one of 'exact', 'compensated', 'single'"),
    ("[sampling]", '[beam.spectrum]\nkind = "gaussian"\n[sampling]',
     "beam.spectrum.bandwidth_percent: is missing; gaussian needs it"),
])
def test_refusals(old, new, said, folder):
    assert refusal(changed((old, new))) == said


@pytest.mark.parametrize("table, said", [
    ('[vary.beamstop_radius_pixels]\ndistribution = "constant"\nvalue = 3',
     "vary.beamstop_radius_pixels: needs [response.beamstop]"),
    ('[vary.shift_mm]\ndistribution = "uniform"\nlow = [0, 0]\nhigh = [1, 1]',
     "vary.shift_mm: cannot vary on a detector that is given by fields; distance_mm, beam_centre_mm, rotation_deg, "
     "twotheta_deg, sensor_thickness_um can"),
    ('[vary.rotation_deg]\ndistribution = "uniform"\nlow = 0\nhigh = 1', "vary.rotation_deg.low: 0 must be 3 numbers"),
    ('[vary.background_thickness_mm]\ndistribution = "constant"\nvalue = 1', "vary.background_thickness_mm.layer: 0 of "
     "0 layers of [background]; must be the number of one, from 0"),
    ('[vary.distance_mm]\ndistribution = "list"\nvalues = [60, 61]',
     "vary.distance_mm: 2 values must be as many as there are shots, 12, or repeat = true"),
    ('[vary.distance_mm]\ndistribution = "normal"\nmean = 60\nsigma = 1\nlow = 80\nhigh = 90',
     "vary.distance_mm.low: 80 to high: 90 must leave at least a millionth of a normal distribution of mean 60 and "
     "sigma 1"),
    ('[vary.n_cells]\ndistribution = "list"\nvalues = [1]\nrepeat = true', "vary.n_cells.distribution: 'list' has one "
     "value for a shot, and does not go with vary.lattices"),
])
def test_refusals_of_what_varies(table, said, folder):
    assert refusal(f"{SMALL}\n{table}\n") == said


def test_files_that_are_missing(folder):
    for text in (changed(("constant = 100.0", 'file = "no.mtz"')),
                 f'{SMALL}\n[vary.distance_mm]\ndistribution = "list"\nfile = "no.txt"\n'):
        with pytest.raises(OSError) as refused:
            parts(text)
        assert refused.value.filename.startswith("no.")


def test_hash_is_of_what_shots_depend_on(folder):
    first = parts(SMALL).description.hash()

    def other(*pairs, **more):
        return parts(changed(*pairs), **more).description.hash() != first

    assert not other(("shots = 12", "shots = 120 # more"))
    assert not parts(SMALL, shots=500).description.hash() != first
    assert not other(("distance_mm = 60.0", "distance_mm = 60"))
    assert not other(("[campaign]", "# comment\n[campaign]"))
    assert other(("distance_mm = 60.0", "distance_mm = 60.5"))
    assert other(("seed = 5", "seed = 6"))
    assert other(("shots_per_file = 4", "shots_per_file = 5"))
    assert other(("high = 1e25", "high = 2e25"))


def test_hash_is_of_the_content_of_files(folder):
    text = changed(("constant = 100.0", 'file = "list.hkl"\ndefault = 1.0'))
    (folder / "list.hkl").write_text("1 0 0 10\n0 0 2 20\n")
    first = parts(text).description.hash()
    (folder / "list.hkl").write_text("1 0 0 10\n0 0 2 21\n")
    assert parts(text).description.hash() != first


def test_draws_stay_whatever_else_varies(folder):
    first = read_description(write())
    more = read_description(write(f'{SMALL}\n[vary.distance_mm]\ndistribution = "uniform"\nlow = 60\nhigh = 61\n'), 500)
    for shot in range(12):
        old, new = first.values(shot), more.values(shot)
        assert new.shot.pop("distance_mm") >= 60 and new == old
    # more lattices leave those that there are
    many = read_description(write(changed(("low = 1\nhigh = 2", "low = 3\nhigh = 4"))))
    for shot in range(12):
        assert many.values(shot).lattices[:len(first.values(shot).lattices)] == first.values(shot).lattices


def test_every_field_can_vary(folder):
    """A table for each, and a shot in which it has the value that was drawn."""
    values = {"orientation": [0, 1, 0, 0, 0, 1, 1, 0, 0], "blank": True, "lattices": 2, "n_cells": [4, 5, 6],
              "size_mm": [0.001, 0.002, 0.003], "cell_length_factor": [1.01, 1.02, 1.03], "cell_angle_offset_deg": 0.5,
              "beam_centre_mm": [9, 8], "beam_centre_pixels": [500, 600], "shift_mm": [1, 2],
              "rotation_deg": [1, 2, 3], "beamstop_centre_pixels": [3, 4], "polarisation_fraction": 0.5,
              "defects_dead_fraction": 0.1, "defects_hot_fraction": 0.1, "flicker_fraction": 0.1,
              "calibration_fraction": 0.1, "mosaic_domains": 3, "mosaic_seed": 7, "calibration_detector_seed": 3,
              "defects_detector_seed": 4}
    stages = ('[response.beamstop]\ncentre_pixels = [9, 9]\nradius_pixels = 2\n'
              '[response.calibration]\nfraction = 0.01\n'
              '[response.point_spread]\nkind = "gaussian"\nfwhm_um = 100\n[background]\nlayers = "water:5um"\n')
    plain = changed(("[vary.orientation]\ndistribution = \"uniform\"\n", ""),
                    ('[vary.lattices]\ndistribution = "uniform"\nlow = 1\nhigh = 2\n', ""),
                    ('[vary.fluence_photons_per_m2]\ndistribution = "log-uniform"\nlow = 1e24\nhigh = 1e25\n', ""),
                    ('[vary.blank]\ndistribution = "choice"\nvalues = [true, false]\nweights = [1, 4]\n', ""))
    for name in FIELDS:
        if name in ("spectrum", "shift_mm", "beam_centre_pixels", "sensor_thickness_um"):
            # of other detectors; spectra have a test of their own
            continue
        value = values.get(name, 1.5)
        text = plain + stages + f'[vary.{name}]\ndistribution = "constant"\nvalue = {str(value).lower()}\n'
        if name == "mosaic_domains":
            text = text.replace("n_cells = 20", "n_cells = 20\nmosaic_spread_deg = 0.1")
        shot = Maker(write(text)).shot(0)
        assert shot.failed is None, (name, shot.failed)
        found = shot.row.get(f"vary.{name}")
        if name == "blank":
            assert shot.row["blank"] is True and shot.row["cell"] == []
        elif name == "lattices":
            assert shot.row["lattices"] == 2 and len(shot.row["cell"]) == 2
        else:
            while isinstance(found[0], list):
                found = found[0]
            assert found == ([value] * len(found) if not isinstance(value, list) else value), name


def test_jitter_of_cells_keeps_what_is_alike(folder):
    table = '[vary.cell_length_factor]\ndistribution = "uniform"\nlow = 0.9\nhigh = 1.1\n'
    for alike, same in (("", (True, False)), ('alike = "all"', (True, True)), ('alike = "none"', (False, False))):
        made = parts(f"{SMALL}\n{table}{alike}\n")
        a, b, c = made.crystals(made.description.values(0))[0].cell[:3]
        assert (a == b, abs(a / 60 - c / 80) < 1e-12) == same
    offsets = '[vary.cell_angle_offset_deg]\ndistribution = "uniform"\nlow = 0.5\nhigh = 1\n'
    made = parts(f"{SMALL}\n{offsets}")
    assert made.crystals(made.description.values(0))[0].cell[3:] == (90, 90, 90)
    made = parts(f'{SMALL}\n{offsets}alike = "none"\n')
    crystal = made.crystals(made.description.values(0))[0]
    assert len(set(crystal.cell[3:])) == 3 and crystal.matrix is not None


def test_the_page_names_all_that_there_is():
    """Tables, fields, distributions and columns of the truth."""
    from places import ROOT

    from numbragg.campaign import description, distributions, truth

    text = (ROOT / "docs" / "campaign-files.md").read_text(encoding="utf-8")
    words = [f"`{name}`" for name in (*FIELDS, *(name for name, _ in truth._COLUMNS))]
    words += [f"`[{name}" for name in description.TABLES]
    for kinds in distributions._KINDS.values():
        words += [f"`{word}`" for kind, (needed, more) in kinds.items() for word in (kind, *needed, *more)]
    assert [word for word in words if word not in text] == []
