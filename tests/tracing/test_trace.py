"""Traces of pixels: against the image and the oracle; what is kept, how it is printed, the command."""

import csv
import io
import itertools
import json

from golden_cases import CASES, INPUTS
from hypothesis import given, settings
from hypothesis import strategies as st
import naive
import naive_arguments
import numpy as np
import pytest
from strategies import scenes
from trace_tools import ARGUMENTS, CRYSTAL, LISTED, SCENE, TWO, from_arguments

import numbragg as nb
from numbragg.commands.cli import main
from numbragg.configs.run_options import Evaluation
from numbragg.kernels.evaluate import strict
from numbragg.kernels.evaluate.strict import RECORD_FIELDS
from numbragg.kernels.physics.records import initial_state
from numbragg.render.simulation import render_prepared
from numbragg.tracing.compare import compare
from numbragg.tracing.record import STEP_FIELDS, WHOLE, state_before, trace_prepared


def same_pixel(trace, image):
    """Whether a trace ends in the image's bits."""
    pixel = image[trace.slow, trace.fast]
    assert np.float32(0.0 + trace.value).tobytes() == trace.pixel.tobytes()
    return trace.pixel.tobytes() == pixel.tobytes()


def check_steps(trace):
    """What must hold between the steps of a whole trace."""
    before, count = trace.before, len(trace.numbers)
    assert count == trace.steps_summed and trace.left_out is None
    places = trace.table[:, [STEP_FIELDS.index(n) for n in
                             ("layer", "sub_slow", "sub_fast", "source", "phi_step", "domain")]]
    assert sorted(map(tuple, places.tolist())) == list(map(tuple, places.tolist()))
    limits = [before[n] for n in ("layers", "oversample", "oversample", "sources", "phi_steps", "domains")]
    assert (places < limits).all() and (places >= 0).all()
    if count:
        assert trace.column("sum")[-1] == trace.final["sum"]
        assert trace.step(-1)["sum"] == trace.final["sum"]


# -- against the image


@settings(max_examples=12, deadline=None, derandomize=True)
@given(scene=scenes(), place=st.tuples(st.integers(0, 10 ** 6), st.integers(0, 10 ** 6)))
def test_traces_end_in_the_image(scene, place):
    simulator = scene.simulator()
    result = simulator.run(scene.crystal)
    slow_size, fast_size = result.image.shape
    fast, slow = place[0] % fast_size, place[1] % slow_size
    trace = nb.trace(scene.crystal, scene.beam, scene.detector, scene.structure_factors, fast, slow,
                     sampling=scene.sampling, steps="all")
    assert same_pixel(trace, result.image)
    check_steps(trace)


def carried(ready):
    """Every pixel in the C program's order with the state that it finds."""
    state = initial_state(ready.interpolating)
    record = np.zeros((1, len(RECORD_FIELDS)))
    fast_min, fast_max, slow_min, slow_max = ready.window
    for slow, fast in itertools.product(range(slow_min, slow_max + 1), range(fast_min, fast_max + 1)):
        if ready.mask is None or ready.mask[slow, fast]:
            yield fast, slow, state.copy()
            strict.trace_pixel(ready.scene, fast, slow, state, record)


def sparse_factors():
    """A table that ends inside the picture, so that interpolation does too."""
    table = np.random.default_rng(1).uniform(1.0, 99.0, (12, 12, 12))
    return nb.StructureFactors.from_array(table, (-6, -6, -6))


def order_dependent(kind):
    """A prepared scene in which a pixel depends on those before it."""
    mask = np.ones((7, 9), dtype=bool)
    mask[0, :4] = mask[3, 3] = False
    if kind == "spindle":
        crystal = nb.Crystal(cell=(50, 60, 70, 90, 90, 90), n_cells=5, oscillation_deg=3, phi_steps=3)
        detector = nb.Detector(pixels=(9, 7), pixel_mm=2.0, mask=mask)
        return nb.Simulator(detector, nb.Beam(), 100.0, revision="main", sampling=TWO,
                            roi=(2, 8, 0, 6)).prepare(crystal)
    if kind == "interpolation":
        crystal = nb.Crystal(cell=(60, 60, 60, 90, 90, 90), n_cells=2, misset_deg=(1, 2, 3))
        detector = nb.Detector(pixels=(9, 7), pixel_mm=2.0)
        return nb.Simulator(detector, nb.Beam(), sparse_factors(),
                            sampling=nb.Sampling(oversample=1)).prepare(crystal)
    crystal = nb.Crystal(cell=(60, 60, 60, 90, 90, 90), n_cells=3, oscillation_deg=2, phi_steps=2)
    # normalised again and again, this axis alternates for ever
    axis = (-0.16, 1.1, 1.65) if kind == "axis" else (-1.3, 0.91, 0.45)
    detector = nb.Detector(pixels=(9, 7), pixel_mm=2.0, convention="custom", mask=mask)
    beam = nb.Beam(polarisation_axis=axis, polarisation_fraction=0.8, d_min_angstrom=15.0)
    return nb.Simulator(detector, beam, 100.0, sampling=nb.Sampling(oversample=1)).prepare(crystal)


@pytest.mark.parametrize("kind", ["spindle", "interpolation", "axis", "settling axis"])
def test_state_of_the_pixels_before(kind):
    """Q1, Q3, Q20: each pixel starts from the state that one thread brings to it, and ends in the image."""
    ready = order_dependent(kind)
    image = render_prepared(ready, Evaluation(threads=2))[0]
    states = set()
    for fast, slow, state in carried(ready):
        found = state_before(ready.scene, ready.window, ready.mask, ready.interpolating, fast, slow, 1)
        assert found.tolist() == state.tolist(), (fast, slow)
        states.add(tuple(state.tolist()))
        assert same_pixel(trace_prepared(ready, fast, slow, threads=1), image)
    assert len(states) > 1


def test_state_is_shown():
    """The first pixel sees the unrotated crystal, all others the rotation of the last step (Q1)."""
    ready = order_dependent("spindle")
    first, second = (trace_prepared(ready, fast, 0) for fast in (4, 5))
    assert (first.before["first_sweep"], second.before["first_sweep"]) == (1, 0)
    unrotated = ready.scene.crystal.phi_cells[-1]
    assert [first.step(0)[f"a_{x}"] for x in "xyz"] == unrotated[:3].tolist()
    assert [second.step(0)[f"a_{x}"] for x in "xyz"] == [second.step(-1)[f"a_{x}"] for x in "xyz"]
    ready = order_dependent("interpolation")
    states = [trace_prepared(ready, fast, slow) for fast, slow, _ in carried(ready)]
    trips = [t for t in states if t.before["interpolating"] and not t.final["interpolating"]]
    assert len(trips) == 1
    outcome = render_prepared(ready, Evaluation(threads=1))[1]
    assert outcome.first_out_of_range == (trips[0].fast, trips[0].slow)


# -- against the oracle

#: Reference runs and a pixel (fast, slow) of each.
PIXELS = {
    "oversample-thick": (20, 31), "oversample-all-three": (17, 40), "phi-starts-at-zero-roi": (13, 12),
    "phi-starts-at-zero-oversample-sources": (3, 0), "interp-runs-out-first-pixel": (2, 0),
    "interp-roi-crosses-edge": (34, 28), "interp-sparse-negative-amplitude": (40, 0),
    "shape-gauss-water": (30, 20), "shape-round-N1": (3, 9), "sensor-tilted": (12, 44),
    "misset-random-triclinic-hkl": (40, 33), "shape-binary-spots": (30, 30),
    "dispersion-steps-only": (33, 20), "dmin-water-nopolar": (0, 0), "curved": (50, 3),
    "custom-pivot-beam-rot": (9, 40)}
NAIVE = [(name, revision, pixel) for name, pixel in PIXELS.items() for revision in ("fixed", "main")
         if revision == "fixed" or "outputs_fixed" in CASES[name]]

#: Those whose pixel needs the ones before it.
IN_ORDER = {"phi-starts-at-zero-roi", "phi-starts-at-zero-oversample-sources", "interp-runs-out-first-pixel",
            "interp-roi-crosses-edge", "interp-sparse-negative-amplitude"}


@pytest.mark.parametrize("name, revision, pixel", NAIVE)
def test_steps_are_those_of_the_oracle(name, revision, pixel, monkeypatch):
    """Every step's indices, factors and place, bit for bit, as the slow reading of the formulas has them."""
    p, keywords = naive_arguments.read_arguments(CASES[name]["args"], INPUTS, revision)
    s = naive.scene(p, **keywords)
    state = naive.initial_state(s)
    fast, slow = pixel
    if name in IN_ORDER:
        for before in itertools.product(range(slow + 1), range(s.pixels_f)):
            if before < (slow, fast) and not naive.skipped(s, *before):
                naive.pixel(s, state, *before)
    calls = {}

    def watched(function):
        original = getattr(naive, function)

        def call(*arguments):
            result = original(*arguments)
            calls.setdefault(function, []).append((arguments, result))
            return result

        monkeypatch.setattr(naive, function, call)

    for function in ("unitize", "lattice_factor", "structure_factor",
                     "solid_angle", "capture_fraction", "magnitude"):
        watched(function)
    value = naive.pixel(s, state, slow, fast)
    monkeypatch.chdir(INPUTS)
    ready = from_arguments([*CASES[name]["args"], "--revision", revision])
    trace = trace_prepared(ready, fast, slow, steps="all")
    check_steps(trace)
    assert trace.value.hex() == float(value).hex()
    steps = [trace.step(number) for number in range(trace.steps_summed)]
    found = [(t["h"], t["k"], t["l"], t["h0"], t["k0"], t["l0"], t["f_latt"]) for t in steps]
    assert found == [(*a[1:7], result) for a, result in calls.get("lattice_factor", [])]
    factors = [result for _, result in calls.get("structure_factor", [])]
    assert [t["f_cell"] for t in steps if not t["skipped"]] == factors
    places = list(dict.fromkeys((t["x"], t["y"], t["z"], t["airpath"]) for t in steps))
    assert set(places) <= {(*a[0], length) for a, (_, length) in calls["unitize"]}
    assert {t["stol"] for t in steps} <= {0.5 * r for _, r in calls["magnitude"]}
    assert {t["solid_angle"] for t in steps} <= {r for _, r in calls["solid_angle"]}
    assert {t["capture_fraction"] for t in steps} <= {r for _, r in calls.get("capture_fraction", [])} | {1.0}


# -- what is kept


@pytest.mark.parametrize("steps, kept", [(0, [15]), (1, [0, 15]), (14, [*range(14), 15]), (15, range(16)),
                                         (1000, range(16)), ("all", range(16))])
def test_steps_kept(steps, kept, traced):
    trace = nb.trace(*SCENE, 9, 5, sampling=TWO, steps=steps)
    assert trace.numbers.tolist() == list(kept) and trace.final == traced.final
    for number in kept:
        assert trace.step(number) == traced.step(number)
    assert trace.left_out == (None if len(kept) == 16 else (len(kept) - 1, 14))
    said = "are left out" in trace.to_text()
    assert said == (trace.left_out is not None) == ("left out" in trace.to_csv())
    assert json.loads(trace.to_json())["steps_left_out"] == (list(trace.left_out) if said else None)
    if 5 not in kept:
        with pytest.raises(IndexError, match="step 5"):
            trace.step(5)
    for number in (16, -17):
        with pytest.raises(IndexError):
            trace.step(number)


def test_a_thousand_steps_are_kept_by_default():
    crystal = nb.Crystal(cell=(50, 50, 50, 90, 90, 90), n_cells=3, mosaic_spread_deg=1, mosaic_domains=1200)
    trace = nb.trace(crystal, *SCENE[1:], 9, 5, sampling=nb.Sampling(oversample=1))
    assert trace.numbers.tolist() == [*range(1000), 1199]
    assert trace.step(-1)["domain"] == 1199 and trace.step(999)["domain"] == 999


def test_no_step_at_all(folder):
    """A pixel beyond the resolution limit: what does not belong to a step is there."""
    trace = nb.trace(CRYSTAL, nb.Beam(d_min_angstrom=50.0), SCENE[2], 100.0, 0, 0)
    assert trace.steps_summed == 0 and len(trace.numbers) == 0 and trace.value == 0.0
    for form in ("text", "json", "csv"):
        (folder / form).write_text("".join(trace.lines(form)))
        assert compare(trace, form).same


def test_refusals(monkeypatch):
    with pytest.raises(ValueError, match="16 x 16"):
        nb.trace(*SCENE, 16, 0)
    with pytest.raises(ValueError, match="region of interest"):
        nb.trace(*SCENE, 3, 3, roi=(4, 9, 0, 9))
    with pytest.raises(ValueError, match="steps"):
        nb.trace(*SCENE, 3, 3, steps=-1)
    mask = np.ones((16, 16), dtype=bool)
    mask[3, 4] = False
    masked = nb.Detector(pixels=(16, 16), pixel_mm=1.0, distance_mm=60.0, mask=mask)
    with pytest.raises(ValueError, match="masked"):
        nb.trace(*SCENE[:2], masked, 100.0, 4, 3)
    monkeypatch.setattr("numbragg.memory.available", lambda: 1500)
    with pytest.raises(MemoryError, match="GB of memory are available"):
        nb.trace(*SCENE, 3, 3, steps="all")


def test_the_public_function_is_not_hidden_by_a_module():
    import numbragg.commands.trace  # noqa: F401

    assert callable(nb.trace) and "trace" in nb.__all__


# -- formats


def test_numbers_come_back(traced):
    """17 digits give every double back, in each format."""
    data = json.loads(traced.to_json())
    rows = list(csv.DictReader(line for line in io.StringIO(traced.to_csv()) if not line.startswith("#")))
    text = traced.to_text()
    for number, row, object_ in zip(range(16), rows, data["steps"]):
        values = traced.step(number)
        assert {name: float(row[name]) for name in values} == values
        assert {name: object_[name] for name in values} == values
        section = text.partition(f"[step {number}]\n")[2].partition("[")[0]
        assert [line.split()[0] for line in section.splitlines()] == list(STEP_FIELDS)
        assert [float(line.split()[2]) for line in section.splitlines()] == list(values.values())
    assert data["final"] == traced.final and data["before"] == traced.before
    assert data["revision"] == "fixed" and data["units"]["q_x"] == "1/m"
    assert len(rows) == len(data["steps"]) == 16
    assert all(isinstance(data["steps"][0][name], int) for name in WHOLE)


# -- the command


def test_command_prints_the_trace(folder, capfd, traced):
    for form, made in ((None, traced.to_text()), ("--json", traced.to_json()), ("--csv", traced.to_csv())):
        assert main(["trace", "9", "5", *ARGUMENTS, *([form] if form else [])]) == 0
        assert capfd.readouterr().out == made
    assert main(["trace", "--csv", "--steps=2", "9", "5", "--output=t.csv", *ARGUMENTS]) == 0
    assert capfd.readouterr().out == ""
    assert (folder / "t.csv").read_text() == nb.trace(*SCENE, 9, 5, sampling=TWO, steps=2).to_csv()
    assert [path.name for path in folder.iterdir()] == ["t.csv"]


def test_command_compares(folder, capfd):
    (folder / "c.txt").write_text(LISTED)
    assert main(["trace", "9", "5", *ARGUMENTS, "--against", "c.txt"]) == 0
    assert capfd.readouterr().out.endswith("27 quantities compared to the digits printed\nno difference\n")
    (folder / "c.txt").write_text(LISTED.replace("2.555027", "2.555029"))
    assert main(["trace", "9", "5", *ARGUMENTS, "--against", "c.txt", "--output", "t.txt"]) == 1
    said = capfd.readouterr().out
    assert "first difference: step[15].k, 2 in the last digit printed" in said
    assert "1 differ: step[15].k" in said
    assert (folder / "t.txt").read_text().startswith("# numbragg trace 1")
    assert main(["trace", "9", "5", *ARGUMENTS, "--against", "c.txt", "--json"]) == 1
    data = json.loads(capfd.readouterr().out)
    assert data["differences"][0]["name"] == "step[15].k" and data["same"] is False and data["compared"] == 27


@pytest.mark.parametrize("words, message", [
    ("", "pixel first"), ("9", "pixel first"), ("-cell 1 2 3", "pixel first"), ("x 5", "FAST x"),
    ("9 5.0", "SLOW 5.0"),
    ("9 5 --steps -1", "--steps -1"), ("9 5 --steps", "needs a value"), ("9 5 --json --csv", "one format"),
    ("9 5 --against missing.txt", "missing.txt"), ("9 5 --celll", "celll"), ("16 0", "16 x 16"),
    ("9 5 --output no/such/folder", "no/such/folder"),
])
def test_command_refuses(words, message, folder, capfd):
    words = words.split()
    arguments = [*words[:2], *ARGUMENTS, *words[2:]] if len(words) > 1 and words[0] != "-cell" else words
    assert main(["trace", *arguments]) == 2
    said = capfd.readouterr()
    assert said.out == "" and said.err.startswith("numbragg: error: ") and said.err.count("\n") == 1
    assert message in said.err and list(folder.iterdir()) == []


def test_command_refuses_in_one_line_where_there_are_notes(folder, capfd):
    (folder / "c.txt").write_text("nothing of a trace\n")
    words = ["trace", "9", "5", *ARGUMENTS, "-oversample", "1"]
    assert main(words) == 0
    assert "numbragg: note: " in capfd.readouterr().err
    assert main([*words, "--against", "c.txt"]) == 2
    said = capfd.readouterr()
    assert said.out == "" and said.err.startswith("numbragg: error: ") and said.err.count("\n") == 1


def test_command_help_and_notes(folder, capfd):
    assert main(["trace", "--help"]) == 0
    assert "usage: numbragg trace FAST SLOW" in capfd.readouterr().out
    random = [*ARGUMENTS, "-misset", "random"]
    assert main(["trace", "9", "5", *random]) == 0
    assert "taken from the clock" in capfd.readouterr().err
    assert main(["trace", "9", "5", *random, "--quiet"]) == 0
    # what is not the cell that was given is said all the same
    assert [line.split(": ")[:3] for line in capfd.readouterr().err.splitlines()] == [["numbragg", "warning", "cell"]]
