"""What does a published training set cost as a campaign?  Seconds of a shot and core, hours on 16 cores by arithmetic.

    python benchmarks/campaign_published.py [--precision single] [--labels] [--shots N] [--output FILE] [--table]

The scene is "pilatus" of published_scene.py, whose constants are used, as the description of a campaign: a shot has an
orientation and a plastic of its own, so that its background is made anew; counts by a PILATUS whose calibration is off
by 3 %; NXmx, gzip, and the table of truth.  With --labels, where this numbragg has them, lists of spots and masks.
Files are made in one process with one thread; a small campaign before loads what all need.  CPU time.

The C program (named by NB_C_BIN) and the PyTorch port (nanobrag_torch; NB_TORCH_PYTHON names a Python that has it, by
default this one) compute the same crystal on a part of the pixels and domains, without background, noise and files of
counts, and are scaled by steps: part of what ours does, and marked so.  Their Gaussian spots are their own
(-gauss_xtal).
"""

import argparse
import importlib.util
import json
import math
import os
from pathlib import Path
import sys
import tempfile
import time

from campaign import in_a_thread, markdown
from measuring import c_binary, c_facts, emit, run_program, spent
from published_scene import (
    B_FACTOR,
    BEAM_MM,
    CALIBRATION,
    CELL,
    CRYSTAL_MM,
    DISTANCE_MM,
    DOMAIN_MM,
    DOMAINS,
    FLUX,
    OF_A_SHOT,
    PUBLISHED_SECONDS,
    RESOLUTION,
    SCENES,
    SPREAD_DEG,
    STAYS,
    WAVELENGTH,
    plastic,
)

#: Shots of the published set, and cores of the arithmetic.
PUBLISHED_SHOTS, CORES = 10_000, 16
#: Of each edge of the detector, and of the domains, the others have one in so many.
EDGE_PART, DOMAIN_PART = 8, 4

TEXT = """\
[campaign]
shots = {shots}
seed = 16
shots_per_file = {shots}

[structure]
file = "list.hkl"

[detector]
pixels = [{fast}, {slow}]
pixel_mm = {pixel_mm!r}
distance_mm = {distance}

[beam]
wavelength_angstrom = {wavelength}
flux_photons_per_s = {flux}
exposure_s = 1.0
size_mm = {beam}
polarisation_fraction = 1.0

[crystal]
cell = [{cell}, 90, 90, 90]
n_cells = {n_cells}
mosaicity = "gaussian"
mosaic_spread_deg = {spread}
mosaic_domains = {domains}
scale = {scale!r}
shape = "gauss"
spot_metric = "hkl"

[sampling]
oversample = 1

[evaluation]
precision = "{precision}"

[background]
layers = "{layers}"

[response]
detector = "pilatus"

[response.calibration]
fraction = {calibration}

[vary.orientation]
distribution = "uniform"

[vary.background_thickness_mm]
layer = 2
distribution = "uniform"
low = 0.02
high = 0.03
"""


def write_description(folder, shots, precision, pixels=None, domains=DOMAINS, labels=False):
    """Write the description with its files into a folder. Returns its path."""
    from numbragg.commands.demo import synthetic_amplitudes

    scene = SCENES["pilatus"]
    fast, slow = pixels or scene.pixels
    indices, amplitudes = synthetic_amplitudes(CELL, RESOLUTION, B_FACTOR)
    with open(Path(folder) / "list.hkl", "w", encoding="ascii") as file:
        file.writelines(f"{h} {k} {l} {f:.3f}\n" for (h, k, l), f in zip(indices.tolist(), amplitudes.tolist()))
    text = TEXT.format(
        shots=shots, fast=fast, slow=slow, pixel_mm=scene.pixel_mm * scene.pixels[0] / fast, distance=DISTANCE_MM,
        wavelength=WAVELENGTH, flux=FLUX, beam=BEAM_MM, cell=", ".join(map(str, CELL)), n_cells=list(cells()),
        spread=SPREAD_DEG, domains=domains, scale=(CRYSTAL_MM / DOMAIN_MM) ** 3, precision=precision,
        layers=f"{STAYS},{OF_A_SHOT.format(plastic(folder).name)}", calibration=CALIBRATION)
    path = Path(folder) / "set.toml"
    path.write_text(text + ("\n[labels]\nspots = true\nmask = true\n" if labels else ""), encoding="utf-8")
    return str(path)


def cells():
    """Cells of a domain along each axis, at least three."""
    return [max(3, math.ceil(DOMAIN_MM * 1e7 / edge)) for edge in CELL]


def made(path, shots):
    """Make the one file of a campaign: CPU time, seconds by parts, bytes, steps of a pixel."""
    from numbragg.campaign.shard import write_shard
    from numbragg.campaign.shots import Maker

    maker = Maker(path, shots=shots, threads=1)
    with tempfile.TemporaryDirectory() as folder:
        taken, account = in_a_thread(lambda: spent(lambda: write_shard(maker, 0, folder, maker.description.hash())))
        if account["failed"]:
            raise SystemExit(f"a shot failed: {account['failed'][0][1]}; not timed")
        size = sum(os.path.getsize(Path(folder) / name) for name in os.listdir(folder))
    return taken, {name: getattr(maker.spent, name) for name in maker.spent.__slots__}, size, maker.base[0][0].steps


# -- others, on a part


def _words(pixels, pixel_mm, domains):
    a, b, c = cells()
    return (f"-hkl list.hkl -cell {' '.join(map(str, CELL))} 90 90 90 -Na {a} -Nb {b} -Nc {c} -lambda {WAVELENGTH} "
            f"-distance {DISTANCE_MM} -detpixels_x {pixels[0]} -detpixels_y {pixels[1]} -pixel {pixel_mm!r} "
            f"-mosaic {SPREAD_DEG} -mosaic_dom {domains} -oversample 1 -gauss_xtal -misset 12 -41 63 -noprogress "
            "-nonoise -nopgm").split()


def time_c(folder, pixels, pixel_mm, domains):
    """CPU seconds of the C program for the steps of a part: what fewer domains take is taken away. None without it."""
    program = c_binary()
    if program is None:
        return None
    few = max(1, domains // 10)
    taken = {count: run_program([program, *_words(pixels, pixel_mm, count), "-floatfile", "c.bin"], folder).spent.cpu
             for count in (few, domains)}
    return (taken[domains] - taken[few]) / (domains - few) * domains, c_facts(program)


_PORT = """
import json, os, sys, time
os.environ["NANOBRAGG_DISABLE_COMPILE"] = "1"
from nanobrag_torch import __main__ as program
import torch
torch.set_num_threads(1)
taken = []
class Timed(program.Simulator):
    def run(self, **how):
        for _ in range(2):
            start = time.process_time()
            with torch.no_grad():
                image = super().run(**how)
            taken.append(time.process_time() - start)
        return image
program.Simulator = Timed
program.main()
print(json.dumps({"seconds": min(taken), "torch": torch.__version__}))
"""


def time_port(folder, pixels, pixel_mm, domains):
    """CPU seconds of the PyTorch port for a part, float32, one thread, eager; or why there are none."""
    python = os.environ.get("NB_TORCH_PYTHON", sys.executable)
    # the port's memory: some 300 bytes a term
    rows = max(1, 2_000_000 // (pixels[0] * domains))
    words = [*_words(pixels, pixel_mm, domains), "-dtype", "float32", "-pixel_batch_size", str(rows), "-floatfile",
             "port.bin"]
    done = run_program([python, "-c", _PORT, *words], folder, check=False)
    lines = done.output.strip().splitlines() or [f"exit status {done.code}"]
    return json.loads(lines[-1]) if done.code == 0 else {"failed": lines[-1][:200]}


def others(pixels, domains):
    """The C program and the port on a part of a scene, scaled by steps to all of it."""
    scene = SCENES["pilatus"]
    fast, slow = pixels or scene.pixels
    few, part = [max(8, side // EDGE_PART) for side in (fast, slow)], max(1, domains // DOMAIN_PART)
    scale = fast * slow * domains / (few[0] * few[1] * part)
    found = {"pixels": few, "domains": part, "scale": scale}
    with tempfile.TemporaryDirectory() as folder:
        write_description(folder, 1, "exact", (8, 8), 1)
        pixel_mm = scene.pixel_mm * scene.pixels[0] / few[0]
        by_c = time_c(folder, few, pixel_mm, part)
        if by_c is not None:
            found["c"] = {"seconds": by_c[0], "scaled": scale * by_c[0], **by_c[1]}
        port = time_port(folder, few, pixel_mm, part)
        found["port"] = port if "failed" in port else {**port, "scaled": scale * port["seconds"]}
    return found


def record_of(precision, chosen):
    """Make some shots in a precision, and tell what they took."""
    with tempfile.TemporaryDirectory() as folder:
        small = write_description(folder, 1, precision, (64, 48), 4, chosen.labels)
        made(small, 1)
        path = write_description(folder, chosen.shots, precision, chosen.pixels, chosen.domains, chosen.labels)
        start = time.perf_counter()
        taken, parts, size, steps = made(path, chosen.shots)
        wall = time.perf_counter() - start
    seconds = taken.cpu / chosen.shots
    return {"benchmark": "published scene as a campaign", "precision": precision, "labels": chosen.labels,
            "pixels": math.prod(chosen.pixels or SCENES["pilatus"].pixels), "steps": steps, "shots": chosen.shots,
            "seconds": seconds, "wall": wall / chosen.shots, "bytes": size / chosen.shots,
            # of the wall time, which other programs share
            "parts": {name: value / taken.wall for name, value in parts.items()},
            "hours_16": seconds * PUBLISHED_SHOTS / CORES / 3600.0,
            "hours_published": PUBLISHED_SECONDS * PUBLISHED_SHOTS / 3600.0}


def table(records, found):
    """What a shot takes, as a table of Markdown."""
    rows = [(f"campaign, {each['precision']}{', labels' if each['labels'] else ''}", f"{each['seconds']:.3g}",
             f"{each['hours_16']:.3g}", f"all, {each['shots']} shots") for each in records]
    part = "" if found is None else (f"{found['pixels'][0]} x {found['pixels'][1]} pixels, {found['domains']} domains; "
                                     f"**scaled** by {found['scale']:.4g}; photons alone")
    for name, said in (("c", "C program, -gauss_xtal"), ("port", "nanobrag_torch, float32, eager, CPU")):
        if found is not None and "scaled" in found.get(name, {}):
            seconds = found[name]["scaled"]
            rows.append((said, f"{seconds:.3g}", f"{seconds * PUBLISHED_SHOTS / CORES / 3600.0:.3g}", part))
    rows.append(("published: resonet with simtbx, an A100", "-", f"{PUBLISHED_SECONDS * PUBLISHED_SHOTS / 3600.0:.3g} "
                 "on the A100", "wall time, six processes"))
    return markdown(("what", "seconds of a core and shot", f"hours of {PUBLISHED_SHOTS} shots on {CORES} cores",
                     "measured"), rows)


def main(argv=None):
    """Measure.

    Returns the exit status.
    """
    import warnings

    import numbragg as nb

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--precision", action="append", choices=("exact", "single"), help="default: both")
    parser.add_argument("--shots", type=int, default=1)
    parser.add_argument("--labels", action="store_true", help="with lists of spots and masks")
    parser.add_argument("--domains", type=int, default=DOMAINS, help=f"mosaic domains (default {DOMAINS})")
    parser.add_argument("--pixels", type=int, nargs=2, metavar=("FAST", "SLOW"),
                        help="fewer and larger pixels, to try this script out")
    parser.add_argument("--alone", action="store_true", help="leave the C program and the port out")
    parser.add_argument("--output", help="append the JSON lines to this file")
    parser.add_argument("--table", action="store_true", help="print a table, too")
    chosen = parser.parse_args(argv)
    if min(chosen.shots, chosen.domains, *(chosen.pixels or [1])) < 1:
        parser.error("--shots, --domains and --pixels must be 1 or more")
    if chosen.labels and importlib.util.find_spec("numbragg.campaign.labels") is None:
        parser.error("--labels: this numbragg makes none")
    warnings.simplefilter("ignore", nb.NumbraggWarning)
    records = [emit(record_of(precision, chosen), chosen.output)
               for precision in chosen.precision or ("exact", "single")]
    found = None if chosen.alone else others(chosen.pixels, chosen.domains)
    if found is not None:
        emit({"benchmark": "published scene, others", **found}, chosen.output)
        if "failed" in found["port"]:
            print(f"nanobrag_torch: {found['port']['failed']}", file=sys.stderr)
    if chosen.table:
        print(table(records, found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
