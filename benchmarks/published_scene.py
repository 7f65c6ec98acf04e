"""What does a shot of a published training set cost?  Seconds of one core, part by part, exact and single.

    python benchmarks/published_scene.py                     measure, an eighth of the rows
    python benchmarks/published_scene.py --part 1            all rows
    python benchmarks/published_scene.py --baseline ROOT     another checkout in turn with this one
    python benchmarks/published_scene.py --table             end with the table of docs/benchmarks.md

The scene is that of resonet, which trains networks on stills made by simtbx (Mendez et al. (2024), Acta Cryst. D80,
doi 10.1107/S2059798323010586); SCENES and the constants below say which value is from where.  Structure factors are
synthetic.  The image is checked before it is timed: exact against the strict evaluator, bit for bit, in rows spread
over the detector, and single against exact there.  All parts are those of the whole detector, but for the Bragg steps:
they are timed in every --part-th block of rows and scaled by their number.  Every round is a process of its own, so
that another checkout can have its turn; its image must have the same bits.  One JSON line a scene; exit status 1 if an
image is wrong.
"""

import argparse
from dataclasses import dataclass
import importlib.util
import json
import math
from pathlib import Path
import sys
import tempfile
import warnings

from make_table import published_table
from measuring import emit, python_program, quartiles, run_program, spent
import numpy as np


@dataclass(frozen=True)
class Scene:
    """A detector and the shape of spots."""

    what: str
    pixels: tuple[int, int]  # fast, slow
    pixel_mm: float
    response: str
    crystal: dict[str, str]


#: "pilatus": the smaller of two detectors that resonet's models are for (doc/site.md of github.com/ssrl-px/resonet),
#: with Gaussian spots in the metric of indices, the default of github.com/dermen/resonet from 13 December 2023 on.
#: "as printed": what the command beside the published time draws where it was first printed (1cbbcad, 8 December 2023):
#: no geometry is named, so that of sims/mosflm_geom.py, and parallelepipeds (make_crystal.py).
SCENES = {
    "pilatus": Scene("2463 x 2527 pixels, Gaussian spots", (2463, 2527), 0.172, "pilatus",
                     {"shape": "gauss", "spot_metric": "hkl"}),
    "as printed": Scene("4150 x 4371 pixels, parallelepipeds", (4150, 4371), 0.075, "eiger", {"shape": "square"})}

# resonet's sims/mosflm_geom.py
DISTANCE_MM, WAVELENGTH = 200.0, 0.977794
# sims/paths_and_const.py: photons of a shot, beam, crystal, mosaic domain
FLUX, BEAM_MM, CRYSTAL_MM, DOMAIN_MM = 4e11, 0.03, 0.025, 5e-5
# sims/make_sims.py, choose_mos: spreads are drawn from 0.2 to 0.506 degrees; this is the middle, with its domains.
# Half of int(1000 + 50 spread^2), made even, are drawn (simulator.py), and simtbx takes each rotation and its inverse.
SPREAD_DEG, DOMAINS = 0.353, 1008
# Water and air are made once for a detector, plastic for every shot (simulator.py); densities and weights are theirs.
STAYS, OF_A_SHOT = "water:25um:1:18,air:5mm:0.0012:14", "{}:25um:1:12"
# set_noise in make_sims.py: photons are counted, calibration is off by 3 %, nothing else
CALIBRATION = 0.03
#: Ours: a cell like lysozyme's, amplitudes to 1.2 Angstrom, where resonet cuts its own (CUT_1P2); their B has that by
#: which resonet's images fall off (get_deltaB_factor with FIX_RES), on top of 20 A^2.
CELL, RESOLUTION, B_FACTOR = (79.1, 79.1, 37.9), 1.2, 33.0

#: Published: 8.03 hours for 10,000 shots, six processes on one A100 (doc/site.md of github.com/ssrl-px/resonet).
PUBLISHED_SECONDS = 8.03 * 3600.0 / 10_000

#: Rows of a block; lanes and tiles find pixels side by side in it.
BLOCK = 32
#: Rows that are checked, spread over the detector, and the least correlation of single with exact in them.
CHECKED, LEAST_CORRELATION = 5, 0.9999
PRECISIONS = ("exact", "single")


# -- the scene


class Shot:
    """A shot of a scene, on a detector of as many pixels as are asked for, over the same angles."""

    def __init__(self, scene, pixels, domains):
        import numbragg as nb
        from numbragg.commands.demo import synthetic_amplitudes

        fast, slow = pixels or scene.pixels
        self.shape, self.response = (slow, fast), scene.response
        self._pixel_mm = scene.pixel_mm * scene.pixels[0] / fast
        self.beam = nb.Beam(wavelength_angstrom=WAVELENGTH, flux_photons_per_s=FLUX, exposure_s=1.0, size_mm=BEAM_MM,
                            polarisation_fraction=1.0)
        self.factors = nb.StructureFactors.from_reflections(*synthetic_amplitudes(CELL, RESOLUTION, B_FACTOR))
        # at least three, as get_Nabc in make_crystal.py has it
        cells = [max(3, math.ceil(DOMAIN_MM * 1e7 / edge)) for edge in CELL]
        self.crystal = nb.Crystal(
            cell=(*CELL, 90, 90, 90), u_matrix=nb.random_rotations(1, seed=16)[0], n_cells=cells, mosaicity="gaussian",
            mosaic_spread_deg=SPREAD_DEG, mosaic_domains=domains, scale=(CRYSTAL_MM / DOMAIN_MM) ** 3, **scene.crystal)

    def simulator(self, rows=None, **how):
        """Of one thread, for all rows or those that are marked."""
        import numbragg as nb

        mask = None if rows is None else np.broadcast_to(rows[:, None], self.shape).astype(np.uint8)
        detector = nb.Detector(pixels=self.shape[::-1], pixel_mm=self._pixel_mm, distance_mm=DISTANCE_MM, mask=mask)
        return nb.Simulator(detector, self.beam, self.factors, threads=1, sampling=nb.Sampling(oversample=1), **how)


def blocks(rows, part):
    """Marks every part-th block of rows; the middle one of each group."""
    return (np.arange(rows) // BLOCK) % part == (part // 2 if rows > BLOCK * (part // 2) else 0)


def checked_rows(rows):
    """Marks the rows that are checked."""
    marked = np.zeros(rows, bool)
    marked[((np.arange(CHECKED) + 0.5) * rows / CHECKED).astype(int)] = True
    return marked


def plastic(folder):
    """A table of scattering as plastics have it: rings on a slope.  Synthetic; resonet draws one of many."""
    stol = np.linspace(0.0, 0.6, 121)
    f = 2.0 + 4.0 * np.exp(-8.0 * stol) + 3.0 * np.exp(-((stol - 0.11) / 0.015) ** 2)
    path = Path(folder) / "plastic.stol"
    np.savetxt(path, np.column_stack([stol, f]), fmt="%.4f")
    return path


# -- what a process of its own does


def checked(shot):
    """Differences from the strict evaluator, correlation of single, part of the pixels in the lanes; and a hash."""
    import hashlib

    from numbragg.kernels.drive import cpu as driver_cpu

    rows = checked_rows(shot.shape[0])
    images, lanes = {}, 0
    for precision in PRECISIONS:
        simulator = shot.simulator(rows, precision=precision)
        (((prepared,),), (image,), (outcome,)) = _rendered(simulator, shot.crystal)
        images[precision] = image[rows]
        if precision == "exact":
            strict = np.zeros_like(image)
            lanes = outcome.lane_pixels / max(outcome.lane_pixels + outcome.strict_pixels, 1)
            driver_cpu.render(prepared.scene, driver_cpu.Target(prepared.window, prepared.mask, strict),
                              driver_cpu.Modes(threads=1, lanes=False), interpolating=prepared.interpolating)
    exact = images["exact"]
    return {"differ": int(np.count_nonzero(exact.view("u4") != strict[rows].view("u4"))), "lane_fraction": lanes,
            "correlation": float(np.corrcoef(exact.ravel(), images["single"].ravel())[0, 1]),
            "sha256": hashlib.sha256(exact.tobytes()).hexdigest(), "checked_rows": int(rows.sum())}


def _rendered(simulator, crystal):
    shot = simulator.prepare_shot(crystal)
    return shot, *simulator.backend.render_shot(shot, simulator.evaluation)


def timed(shot, part, folder):
    """CPU seconds of every part, and by how many times all Bragg steps are more than those that were timed."""
    import numbragg as nb
    from numbragg.background.ground import Ground
    from numbragg.render.result import Result
    from numbragg.response import Calibration

    whole, rows = shot.simulator(), blocks(shot.shape[0], part)
    response = nb.Response.named(shot.response, calibration=Calibration(fraction=CALIBRATION))
    simulators = {precision: shot.simulator(rows, precision=precision) for precision in PRECISIONS}
    prepared = {precision: simulator.prepare_shot(shot.crystal) for precision, simulator in simulators.items()}
    stays, of_a_shot = nb.Background(STAYS), nb.Background(OF_A_SHOT.format(plastic(folder)))
    # kernels are compiled, or loaded, before anything is timed
    few = np.zeros(shot.shape[0], bool)
    few[shot.shape[0] // 2] = True
    for precision in PRECISIONS:
        _rendered(shot.simulator(few, precision=precision), shot.crystal)
    near = shot.simulator(roi=(0, 7, 0, 7)).prepare_shot(shot.crystal)
    Ground(stays, near, 1), Ground(of_a_shot, near, 1)
    response.apply(np.ones((8, 8), np.float32), seed=1, threads=1)

    seconds, made = {}, {}

    def take(name, function):
        used, made[name] = spent(function)
        seconds[name] = used.cpu

    # the first has what is made once for a simulator
    whole.prepare_shot(shot.crystal)
    take("preparing", lambda: whole.prepare_shot(shot.crystal))
    for precision, simulator in simulators.items():
        take(f"Bragg, {precision}", lambda: simulator.backend.render_shot(prepared[precision], simulator.evaluation))
    (image,), (outcome,) = made["Bragg, exact"]
    take("background, once", lambda: Ground(stays, made["preparing"], 1))

    def ground():
        own = Ground(of_a_shot, made["preparing"], 1)
        made["background, once"].add([image])
        own.add([image])

    take("background, each shot", ground)
    take("response", lambda: response.apply(image, seed=1, threads=1))
    result, path = Result(image, made["preparing"][0][0], outcome), Path(folder) / "shot_0001.nxs"
    nb.write_nexus(path, result, made["response"])
    take("writing", lambda: nb.write_nexus(path, result, made["response"]))
    return {"seconds": seconds, "scale": shot.shape[0] / int(rows.sum()), "steps": made["preparing"][0][0].steps,
            "bytes": path.stat().st_size, "mean_counts": float(made["response"].clip(0).mean())}


def root_of(baseline, parser):
    """Root of the checkout that --baseline names, as an absolute path, or None."""
    if baseline is None:
        return None
    if not (Path(baseline) / "kernels" / "__init__.py").is_file():
        parser.error(f"--baseline: {baseline} must be the root of a checkout, with kernels/__init__.py")
    return str(Path(baseline).resolve())


def use(root):
    """Import numbragg from another checkout."""
    sys.path.insert(0, str(root))
    import numbragg

    # the installed package maps the kernels to its own folder, wherever numbragg itself is from
    folder = Path(root) / "kernels"
    found = importlib.util.spec_from_file_location("numbragg.kernels", folder / "__init__.py",
                                                   submodule_search_locations=[str(folder)])
    sys.modules["numbragg.kernels"] = numbragg.kernels = importlib.util.module_from_spec(found)
    found.loader.exec_module(numbragg.kernels)
    if Path(numbragg.__file__).resolve().parent.parent != Path(root).resolve():
        raise SystemExit(f"--baseline: numbragg is imported from {Path(numbragg.__file__).parent}, not from {root}")


def work(job):
    """One process: check or time; one JSON line."""
    if job["root"] is not None:
        use(job["root"])
    import numbragg as nb
    from numbragg.kernels.compile.cache import source_hash

    # one sub-pixel a pixel is the pipeline's choice, and so is where the amplitudes end
    warnings.simplefilter("ignore", nb.NumbraggWarning)
    shot = Shot(SCENES[job["scene"]], job["pixels"], job["domains"])
    with tempfile.TemporaryDirectory() as folder:
        found = checked(shot) if job["check"] else timed(shot, job["part"], folder)
    print(json.dumps({**found, "kernels": source_hash()}, allow_nan=False))


# -- what all of them are for


def _ask(**job):
    words = python_program(str(Path(__file__).resolve()), "--work", json.dumps(job))
    # another checkout stays as it is
    done = run_program(words, environment={"PYTHONDONTWRITEBYTECODE": "1"}, check=False)
    last = (done.output.splitlines() or [f"exit status {done.code}"])[-1]
    if done.code != 0:
        raise SystemExit(f"scene {job['scene']}, {job['root'] or 'this checkout'}: {last}")
    return json.loads(last)


def in_all(round_):
    """Seconds of a shot in each precision: its Bragg steps, scaled, and all else that is done for each shot."""
    taken = round_["seconds"]
    rest = sum(taken[name] for name in ("preparing", "background, each shot", "response", "writing"))
    return {precision: rest + round_["scale"] * taken[f"Bragg, {precision}"] for precision in PRECISIONS}


def gathered(rounds):
    """What a record says of the rounds of one checkout."""
    return {"kernels": rounds[0]["kernels"],
            "seconds": {name: [each["seconds"][name] for each in rounds] for name in rounds[0]["seconds"]},
            "in_all": {precision: [in_all(each)[precision] for each in rounds] for precision in PRECISIONS}}


def complaint(name, states):
    """What is wrong with the images of the checkouts, or None."""
    for found in states:
        if found["differ"]:
            return f"scene {name}: {found['differ']} pixels differ from strict; not timed"
        if not found["correlation"] >= LEAST_CORRELATION:
            return f"scene {name}: correlation of single with exact is {found['correlation']:.6f}; not timed"
    if len({found["sha256"] for found in states}) > 1:
        return f"scene {name}: the two checkouts have other images; not timed"
    return None


def measure(name, rounds, baseline=None, **how):
    """Check and time one scene, alternating with another checkout.

    Returns its record, and what is wrong.
    """
    roots = [None] if baseline is None else [None, baseline]
    ask = {root: {"scene": name, "root": root, **how} for root in roots}
    states = [_ask(check=True, **job) for job in ask.values()]
    scene, wrong = SCENES[name], complaint(name, states)
    record = {"benchmark": "published scene", "scene": name, "what": scene.what,
              "pixels": math.prod(how["pixels"] or scene.pixels), "part": how["part"], "domains": how["domains"],
              "check": {key: states[0][key] for key in ("differ", "lane_fraction", "correlation", "checked_rows")}}
    if wrong is not None:
        return record, wrong
    done = {root: [] for root in roots}
    for number in range(rounds):
        # neither is always the first
        for root in roots[::-1] if number % 2 else roots:
            done[root].append(_ask(check=False, **ask[root]))
    last = done[None][-1]
    record |= {"steps_per_pixel": last["steps"], "scale": last["scale"], "file_bytes": last["bytes"],
               "mean_counts": last["mean_counts"], "this": gathered(done[None])}
    if baseline is not None:
        record["before"] = gathered(done[baseline])
        record["ratios"] = {precision: [b / a for a, b in zip(record["this"]["in_all"][precision],
                                                             record["before"]["in_all"][precision])]
                            for precision in PRECISIONS}
    return record, None


def _said(record):
    """Lines for who waits."""
    for state in ("this", "before"):
        for precision, values in record.get(state, {}).get("in_all", {}).items():
            yield (f"{record['scene']}, {state}, {precision}: {quartiles(values)[1]:.3g} s a shot and core; published "
                   f"{PUBLISHED_SECONDS:.3g} s an A100")
    for precision, values in record.get("ratios", {}).items():
        yield f"{record['scene']}, {precision}: before over this {' '.join(f'{v:.2f}' for v in quartiles(values))}"


def main(argv=None):
    """Run the command line.

    Returns the exit status.
    """
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--scene", action="append", choices=list(SCENES), help="may be repeated; default: all")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each part (default 3)")
    parser.add_argument("--part", type=int, default=8, help="one block of rows in how many has Bragg steps (default 8)")
    parser.add_argument("--domains", type=int, default=DOMAINS, help=f"mosaic domains (default {DOMAINS})")
    parser.add_argument("--pixels", type=int, nargs=2, metavar=("FAST", "SLOW"),
                        help="fewer and larger pixels, to try this script out")
    parser.add_argument("--baseline", metavar="ROOT", help="root of another checkout, run with this Python in turn")
    parser.add_argument("--output", help="append the JSON lines to this file")
    parser.add_argument("--table", action="store_true", help="end with the table in Markdown")
    parser.add_argument("--work", type=json.loads, help=argparse.SUPPRESS)
    chosen = parser.parse_args(argv)
    if chosen.work is not None:
        work(chosen.work)
        return 0
    if min(chosen.rounds, chosen.part, chosen.domains, *(chosen.pixels or [1])) < 1:
        parser.error("--rounds, --part, --domains and --pixels must be 1 or more")
    baseline = root_of(chosen.baseline, parser)
    records, status = [], 0
    for name in chosen.scene or SCENES:
        record, wrong = measure(name, chosen.rounds, baseline, part=chosen.part, domains=chosen.domains,
                                pixels=chosen.pixels)
        records.append(emit(record, chosen.output))
        for line in _said(record) if wrong is None else [wrong]:
            print(line, file=sys.stderr)
        status = status or int(wrong is not None)
    if chosen.table:
        print(published_table(records))
    return status


if __name__ == "__main__":
    sys.exit(main())
