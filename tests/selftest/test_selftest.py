"""The self-test: that it passes, that it covers the option space, and that it goes red when it should."""

from collections import Counter
import itertools
import json
import shutil

import forks
from formula_tools import INTERPRETED, bits
import numpy as np
from places import ROOT
import pytest

from numbragg.commands import selftest
from numbragg.commands.cli import main
from numbragg.kernels.drive import cpu as driver_cpu
from numbragg.kernels.evaluate.certificate import Bound
from numbragg.kernels.evaluate.cull import culling_of
from numbragg.kernels.physics import records
from numbragg.selftest import rounds
from numbragg.selftest.coverage import LASTS, RUNS_OUT
from numbragg.selftest.scenes import COMPACT, MOST_STEPS, random_scene

pytestmark = pytest.mark.skipif(INTERPRETED, reason="a hundred million steps are for compiled kernels")

OPTIONS = {
    "crystal": {"square", "round", "gauss", "tophat", "cubic", "tetragonal", "orthorhombic", "hexagonal",
                "monoclinic", "triclinic", "orientation matrix", "U matrix", "aligned", "misset angles",
                "random misset", "one unit cell", "2 to 99 cells", "1000 cells or more",
                "unequal numbers of cells", "sample size", "fudge", "mosaic domains", "phi steps",
                "phi of exactly 0 among others", "water", "spots in indices", "Gaussian mosaicity",
                "anisotropic mosaicity", "mosaicity of low discrepancy", "given mosaic rotations"},
    "beam": {"wavelength below 0.6 A", "wavelength above 2 A", "tiny fluence", "huge fluence", "flux",
             "unpolarised", "polarised", "polarised: fraction 1 or -1", "polarised: fraction beyond 1",
             "nopolar", "list of sources", "divergence", "dispersion", "resolution limit", "spectrum",
             "weights of wavelengths"},
    "detector": {*(f"convention {name}" for name in ("mosflm", "adxv", "denzo", "xds", "dials", "custom")),
                 "pivot on the sample", "pixel below 0.1 mm", "pixel above 1 mm", "distance below 5 cm",
                 "distance above 30 cm", "beam centre", "origin", "close distance", "tilt", "two-theta",
                 "curved detector", "point pixels", "sensor layers", "panel", "attenuation of each wavelength",
                 "region of interest", "mask"},
    "sampling": {"oversample 2", "oversample 3", "oversample 4", "oversample automatic", "oversample_thick",
                 "oversample_polar", "oversample_omega", "one step", "100 steps or more", "revision main"},
    "structure factors": {"one structure factor for all", "table, default 0", "table, default not 0",
                          "table, negative amplitudes", "table, half or more zeros", "huge amplitudes",
                          "tiny amplitudes", "interpolation"},
    "places": {"pixel centre in the beam", "whole index"},
}


def words(text):
    return ["selftest", *text.split()]


@pytest.fixture(scope="module")
def account(tmp_path_factory):
    """The account of a small run."""
    path = tmp_path_factory.mktemp("selftest") / "account.json"
    assert main(words("--pixels 2e5 --seed 0 --json") + [str(path)]) == 0
    return json.loads(path.read_text())


def scene_with(*wanted, without=(), seed="0"):
    """Name of the first scene that has some options, and not others."""
    for number in itertools.count():
        scene = random_scene(f"{seed}:{number}")
        if scene.options.issuperset(wanted) and scene.options.isdisjoint(without):
            return scene.name


@pytest.fixture(scope="module")
def gratings():
    """Name of a scene of one step with a large parallelepiped on a detector that all lanes see."""
    return scene_with("square", "one step", "1000 cells or more", "one structure factor for all",
                      without={"unequal numbers of cells", "huge fluence", "tiny fluence", "mask",
                               "revision main", "resolution limit", "region of interest",
                               "pixel below 0.1 mm", "pixel centre in the beam", "whole index"})


# -- it passes


def test_small_run_passes(account):
    total = account["total"]
    assert total["violations"] == total["mismatches"] == 0 and account["failures"] == []
    assert total["pixels"] >= 2e5 and total["steps"] > 10 * total["pixels"]
    assert account["lane_fraction"] > 0.9


def test_recomputed_as_predicted(account):
    """Pixels in doubt are not more than the half-widths let expect (chance: Poisson)."""
    predicted = account["total"]["predicted_doubtful"]
    assert 0.0 < predicted < 1e-3 * account["total"]["pixels"]
    doubtful = account["total"]["recomputed"].get("rounding in doubt", 0)
    assert doubtful < predicted + 6.0 * max(predicted, 4.0) ** 0.5


@pytest.mark.parametrize("shape", records.SHAPES)
def test_bounds_are_tight(account, shape):
    """The largest error that was seen is neither beyond the bound nor nothing beside it."""
    assert 0.01 < max(kind["largest_ratio"] for kind in account["kinds"] if kind["shape"] == shape) <= 1.0


def test_account_adds_up(account):
    kinds, total = account["kinds"], account["total"]
    in_lanes = sum(kind["scenes"] for kind in kinds)
    assert in_lanes + sum(account["refused"].values()) == total["scenes"]
    for name in ("lane_pixels", "violations", "mismatches"):
        assert sum(kind[name] for kind in kinds) == total[name]
    assert total["lane_pixels"] + sum(total["recomputed"].values()) <= total["pixels"]
    assert {kind["structure_factors"] for kind in kinds} == {"nearest", "tricubic", "tricubic, then nearest"}
    assert all(kind["lane_ns_per_step"] > 0.0 and kind["strict_ns_per_step"] > 0.0 for kind in kinds)
    assert set(account["versions"]) == {"numbragg", "python", "numpy", "numba", "llvmlite"}
    assert all(account["versions"].values()) and account["machine"]["processors"] >= 1


def test_bits_do_not_depend_on_threads():
    scene = random_scene(scene_with("interpolation", "mosaic domains")).prepared
    one, three = (rounds.compare(scene, threads=threads)[0] for threads in (1, 3))
    assert (one.ratio, one.lane_pixels, one.recomputed) == (three.ratio, three.lane_pixels, three.recomputed)


# -- what it covers


def test_every_option_is_in_a_twentieth_of_the_scenes(account):
    count = 600
    met = Counter()
    for number in range(count):
        scene = random_scene(f"0:{number}")
        met.update(scene.options)
        fast_min, fast_max, slow_min, slow_max = scene.prepared.window
        assert 2000 <= (fast_max - fast_min + 1) * (slow_max - slow_min + 1) <= 6500
        assert 1 <= scene.prepared.steps <= MOST_STEPS
    assert set(met) == set().union(*OPTIONS.values())
    assert {name: n for name, n in met.items() if n < 0.05 * count} == {}
    for name in (LASTS, RUNS_OUT):
        assert account["options"][name] >= 0.05 * account["total"]["scenes"]


def test_scene_is_made_of_its_name():
    one, again, other = (random_scene(name).prepared for name in ("3:14", "3:14", "3:15"))
    assert bits(one.scene.geometry) == bits(again.scene.geometry) != bits(other.scene.geometry)
    assert bits(one.scene.crystal.phi_cells) == bits(again.scene.crystal.phi_cells)
    assert np.array_equal(one.scene.lookup.table, again.scene.lookup.table)


def test_compact_scenes_are_made_for_what_can_be_left_out():
    met = Counter()
    for number in range(60):
        scene = random_scene(f"{COMPACT}0:{number}")
        prepared = scene.prepared
        assert prepared.scene.crystal.domains >= 8 and prepared.steps <= MOST_STEPS and not prepared.interpolating
        made = culling_of(prepared.scene, 1.0)
        met.update(scene.options | ({"culled"} if made is not None else set()))
    assert met["gauss"] + met["tophat"] == 60 and met["culled"] > 50
    assert min(met[name] for name in ("gauss", "tophat", "spots in indices", "mask", "curved detector")) >= 3
    one, again = (random_scene(f"{COMPACT}0:7").prepared for _ in range(2))
    assert bits(one.scene.geometry) == bits(again.scene.geometry)


def test_kind_of_scenes(capfd, tmp_path):
    path = tmp_path / "account.json"
    assert main(words("--kind compact --scene 0:7 --json") + [str(path)]) == 0
    account = json.loads(path.read_text())
    assert account["kind"] == "compact" and account["total"]["scenes"] == 1
    assert {row["shape"] for row in account["kinds"]} <= {"gauss", "tophat"}
    assert "scene compact 0:7:" in capfd.readouterr().out
    assert selftest._words_of("compact 0:7") == "--kind compact --scene 0:7"
    assert selftest._words_of("0:7") == "--scene 0:7"


# -- it goes red


def test_bound_ten_times_too_small(monkeypatch, capfd, gratings):
    plan = driver_cpu.plan

    def bolder(*how_asked):
        how = plan(*how_asked)
        return how._replace(bound=Bound(*(0.1 * v for v in how.bound)))

    monkeypatch.setattr(driver_cpu, "plan", bolder)
    assert main(words(f"--scene {gratings}")) == 1
    said = capfd.readouterr().out
    assert "violation in pixel fast" in said and f"--scene {gratings}" in said and "FAILED" in said


SINE = "return r * p * q\n"
WRONG_SINE = "return r * p * q * (1.0 + math.copysign(2.0 * SINE_CUBICS_BOUND * 2.0**-53, r))\n"


def copied_package(folder):
    """A copy of the package that can be changed."""
    leave = shutil.ignore_patterns("__pycache__", "kernels")
    shutil.copytree(ROOT / "numbragg", folder / "numbragg", ignore=leave)
    shutil.copytree(ROOT / "kernels", folder / "numbragg" / "kernels", ignore=leave)
    return folder / "numbragg"


def test_sine_wrong_by_twice_its_bound(tmp_path, gratings):
    """The sign of the error is the argument's, so that it does not cancel between the six sines."""
    source = copied_package(tmp_path) / "kernels" / "arithmetic" / "elementary.py"
    text = source.read_text()
    assert text.count(SINE) == 1
    text = text.replace("import struct\n", "import math\nimport struct\n", 1)
    source.write_text(text.replace(SINE, WRONG_SINE))
    done = forks.run(["-m", "numbragg", "selftest", "--scene", gratings, "--json", "-"], tmp_path,
                     {"NUMBRAGG_CACHE_DIR": str(tmp_path / "cache")}, first=tmp_path, seconds=600)
    assert done.returncode == 1, done.stderr
    account = json.loads(done.stdout)
    assert account["total"]["violations"] > 0
    assert account["failures"][0]["scene"] == gratings


def test_control_of_the_mutations(gratings, capfd):
    assert main(words(f"--scene {gratings}")) == 0
    assert "passed: 0 violations, 0 mismatches" in capfd.readouterr().out


def spoiling_lanes(monkeypatch, spoil):
    """Let `spoil(image, doubles)` change what the lanes give."""
    render = driver_cpu.render

    def changed(scene, target, modes, **options):
        outcome = render(scene, target, modes, **options)
        if modes.lanes:
            spoil(target.image, target.doubles)
        return outcome

    monkeypatch.setattr(driver_cpu, "render", changed)


def test_one_wrong_bit(monkeypatch, capfd, gratings):
    def spoil(image, doubles):
        image.view(np.uint32)[3, 5] ^= 1

    spoiling_lanes(monkeypatch, spoil)
    assert main(words(f"--scene {gratings}")) == 1
    said = capfd.readouterr().out
    assert "mismatch in pixel fast 5, slow 3" in said and "0 violations, 1 mismatches" in said


def test_sign_of_zero_is_a_bit():
    a, b = np.array([0.0, 1.0, np.nan], np.float32), np.array([-0.0, 1.0, -np.nan], np.float32)
    assert rounds._same_bits(a, b).tolist() == [False, True, True]


@pytest.mark.parametrize("wrong", [np.nan, np.inf, 1e300])
def test_one_wrong_double(monkeypatch, capfd, gratings, wrong):
    def spoil(image, doubles):
        doubles[7, 0] = wrong

    spoiling_lanes(monkeypatch, spoil)
    assert main(words(f"--scene {gratings} --json -")) == 1
    account = json.loads(capfd.readouterr().out)
    assert (account["total"]["violations"], account["total"]["mismatches"]) == (1, 0)
    failure, = account["failures"]
    assert failure["what"] == "violation" and repr(float(failure["lane"])) == repr(float(wrong))


def test_errors_name_the_scene(monkeypatch):
    def failing(*_, **__):
        raise RuntimeError("no such thing")

    monkeypatch.setattr(driver_cpu, "render", failing)
    with pytest.raises(RuntimeError) as caught:
        main(words("--seed 5 --pixels 1"))
    assert caught.value.__notes__ == ["in scene 5:0"]


# -- arguments


@pytest.mark.parametrize("line, hint", [
    ("--backend gpu", "cudasim"), ("--device 0", "--backend cuda only"), ("--backend", "needs a value"),
    ("--pixels 0", "at least 1"), ("--pixels 1.5", "whole number"), ("--pixels many", "whole number"),
    ("--pixels nan", "whole number"), ("--pixels inf", "whole number"), ("--threads 0", "at least 1"),
    ("--seed x", "whole number"), ("--scene 5", "colon"), ("--scene 1:2:3", "colon"),
    ("--scene ٣:٤", "colon"), ("--pixel 5", "--pixels"), ("extra", "--pixels"),
])
def test_bad_arguments(line, hint, capfd):
    assert main(words(line)) == 2
    said = capfd.readouterr()
    assert said.out == "" and said.err.count("\n") == 1 and hint in said.err and "selftest" in said.err


def test_account_that_cannot_be_written(tmp_path, capfd):
    assert main(words("--pixels 1 --json") + [str(tmp_path / "no" / "folder.json")]) == 2
    said = capfd.readouterr()
    assert said.out == "" and said.err.count("\n") == 1 and "folder.json" in said.err


def test_help(capfd):
    assert main(words("--help")) == 0
    said = capfd.readouterr().out
    assert all(word in said for word in ("--backend", "--pixels", "--seed", "--scene", "--threads", "--json"))


def test_scene_is_described(capfd, gratings):
    main(words(f"--scene {gratings} --threads 1"))
    said = capfd.readouterr().out
    for hint in (f"scene {gratings}", "options: ", "n_cells: (", "structure factors: ", "plan: Plan("):
        assert hint in said
