"""What does the order of accumulation do to an image?  Error, plateaus, peaks and speed of ten orders.

    python benchmarks/summation.py --output FILE      measure; one JSON line per scene
    python benchmarks/summation.py --table FILE       the table of docs/summation.md from such lines

The terms are those of the strict evaluator, step by step in the C program's order, as doubles.  An
order that works in float32 gets them rounded to float32, and every array and number that it makes
on the way is asserted to be float32.  The reference is the exact sum of the doubles (math.fsum).  The last
rows go further and compute the terms in float32 as well, from the scattering vector on.
"""

import argparse
import json
import math
import statistics
import sys
import time

from measuring import emit
import numba
import numpy as np

F = np.float32
PEAKS, WITHIN = 50, 0.5
REPEATS = 5

#: Words of the command line, edge of the square of pixels in the middle of the detector that is summed.
_COMMON = "-lambda 6.2 -cell 100 100 100 90 90 90 -default_F 100 -N 5 -distance 100 -detpixels 1024 -pixel 0.1 "
SCENES = {
    1: (_COMMON + "-oversample 1", 128),
    10: (_COMMON + "-oversample 1 -mosaic 1 -mosaic_dom 10", 128),
    100: (_COMMON + "-oversample 10", 128),
    1000: (_COMMON + "-oversample 1 -mosaic 1 -mosaic_dom 10 -osc 1 -phisteps 10 -dispersion 1 -dispsteps 10", 64),
    10_000: (_COMMON + "-oversample 2 -mosaic 1 -mosaic_dom 25 -osc 1 -phisteps 10 -dispersion 1 -dispsteps 10", 20),
    100_000: (_COMMON + "-oversample 5 -mosaic 1 -mosaic_dom 40 -osc 1 -phisteps 10 -dispersion 1 -dispsteps 10", 20),
}


def load(words):
    """Prepared scene of a command line."""
    from numbragg import StructureFactors
    from numbragg.command_line.parse import parse
    from numbragg.scene.prepare import prepare

    line = parse((words + " -nonoise -nopgm -noprogress").split())
    return prepare(line.draft.freeze(), StructureFactors.constant(line.default_f))


def axes(prepared):
    """How many sub-pixels, sources, spindle angles and domains the terms run over, slowest first."""
    scene = prepared.scene
    return (scene.geometry.oversample ** 2, len(scene.beam.wavelengths), len(scene.crystal.phi_rows),
            scene.crystal.domains)


def pixel_terms(prepared, fast, slow, record):
    """All terms of a pixel in the C program's order, and the factor that makes photons of their sum."""
    from numbragg.kernels.evaluate.strict import RECORD_FIELDS, trace_pixel
    from numbragg.kernels.physics.records import initial_state

    at = RECORD_FIELDS.index
    _, _, capture, polar, omega, steps = trace_pixel(prepared.scene, fast, slow, initial_state(False), record)
    amplitude = record[:steps, at("f_cell")] * record[:steps, at("f_latt")]
    factor = prepared.scene.sampling.scale / prepared.scene.sampling.steps * capture * polar * omega
    return amplitude * amplitude, factor, _narrow_terms(prepared, record[:steps], at)


def _narrow_terms(prepared, record, at):
    """The terms as a program in float32 has them, from the scattering vector and the cell on."""
    def columns(name):
        return [record[:, at(f"{name}_{x}")].astype(F) for x in "xyz"]

    q = columns("q")
    amplitude = record[:, at("f_cell")].astype(F)
    for name, n in zip("abc", prepared.scene.crystal.n_cells):
        x = F(math.pi) * sum((v * w for v, w in zip(columns(name), q)), np.zeros(len(record), F))
        with np.errstate(all="ignore"):
            amplitude = amplitude * np.where(x == 0, F(n), checked(np.sin(F(n) * x) / np.sin(x), F))
    return checked(amplitude * amplitude, F)


# -- the orders: each takes (pixels, n) terms and the numbers of `axes`, and returns a sum for each pixel

_compile = numba.njit(nogil=True, error_model="numpy")


@_compile
def _sequential(terms, totals):
    for i in range(terms.shape[0]):
        total = totals[i]
        for j in range(terms.shape[1]):
            total += terms[i, j]
        totals[i] = total


@_compile
def _kahan(terms, totals):
    for i in range(terms.shape[0]):
        total = totals[i]
        carried = total - total
        for j in range(terms.shape[1]):
            term = terms[i, j] - carried
            now = total + term
            carried = (now - total) - term
            total = now
        totals[i] = total


@_compile
def _neumaier(terms, totals):
    for i in range(terms.shape[0]):
        total = totals[i]
        correction = total - total
        for j in range(terms.shape[1]):
            term = terms[i, j]
            now = total + term
            part = now - total
            correction += (total - (now - part)) + (term - part)
            total = now
        totals[i] = total + correction


def checked(array, kind):
    """An array, after asserting that it has the type which the experiment claims."""
    if array.dtype != kind:
        raise TypeError(f"an experiment in {np.dtype(kind)} made an array of {array.dtype}")
    return array


def _looped(loop, kind):
    def order(terms, counts):
        totals = np.zeros(len(terms), dtype=kind)
        loop(checked(terms, kind), totals)
        # compiled for this type: no silent promotion
        wanted = numba.from_dtype(np.dtype(kind))
        assert any(terms.dtype == totals.dtype == wanted for terms, totals in loop.signatures)
        return checked(totals, kind)

    return order


def _flat(terms, counts):
    """One call of numpy's sum: blocks of 128, eight sums in each, the blocks pairwise."""
    return checked(np.sum(checked(terms, F), axis=1), F)


def _stages(terms, counts):
    """A reduction per axis, fastest first, as a program for a tensor library has it."""
    values = checked(terms, F).reshape(-1, *counts)
    for _ in counts:
        values = checked(values.sum(axis=-1), F)
    return values


def _pairwise(terms, counts):
    """Halves added to halves, down to single terms."""
    values = checked(terms, F)
    while values.shape[1] > 1:
        odd = values[:, -1:] if values.shape[1] % 2 else values[:, :0]
        values = np.concatenate([checked(values[:, :-1:2] + values[:, 1::2] if values.shape[1] % 2
                                         else values[:, ::2] + values[:, 1::2], F), odd], axis=1)
    return values[:, 0]


def _wide(terms, counts):
    """float32 terms, added one after the other in float64."""
    totals = np.zeros(len(terms))
    _sequential(checked(terms, F), totals)
    return checked(totals, np.float64)


#: What stands for terms that are computed in float32, too.
NARROW = "narrow"

#: Name in the table; type of the terms; the order.
ORDERS = {
    "C order, float64": (np.float64, _looped(_sequential, np.float64)),
    "C order, float64, Neumaier": (np.float64, _looped(_neumaier, np.float64)),
    "C order, float32": (F, _looped(_sequential, F)),
    "C order, float32, Kahan": (F, _looped(_kahan, F)),
    "C order, float32, Neumaier": (F, _looped(_neumaier, F)),
    "float32 terms, float64 sum": (F, _wide),
    "pairwise, float32": (F, _pairwise),
    "one sum, float32 (numpy)": (F, _flat),
    "a sum per axis, float32 (numpy)": (F, _stages),
    "terms in float32, C order, float32": (NARROW, _looped(_sequential, F)),
    "terms in float32, a sum per axis, float32": (NARROW, _stages),
}


def _torch_version():
    try:
        import torch
    except ImportError:
        return None
    return torch.__version__.partition("+")[0]


def _torch_orders():
    try:
        import torch
    except ImportError:
        return {}

    torch.set_num_threads(1)

    def tensor(terms):
        made = torch.from_numpy(checked(terms, F))
        assert made.dtype == torch.float32
        return made

    def flat(terms, counts):
        return checked(torch.sum(tensor(terms), dim=1).numpy(), F)

    def stages(terms, counts):
        values = tensor(terms).reshape(-1, *counts)
        for _ in counts:
            values = torch.sum(values, dim=-1)
            assert values.dtype == torch.float32
        return checked(values.numpy(), F)

    return {"one sum, float32 (torch)": (F, flat), "a sum per axis, float32 (torch)": (F, stages)}


def image_of(totals, factors, edge):
    """Photons as float32; the scaling is in double for all, so that only the order differs."""
    return (totals.astype(np.float64) * factors).astype(F).reshape(edge, edge)


def measure(count, edge=None):
    """One scene in all orders; its record."""
    from numbragg.compare.peaks import find_peaks, match_peaks
    from numbragg.kernels.evaluate.strict import RECORD_FIELDS

    words, default = SCENES[count]
    edge = default if edge is None else edge
    prepared = load(words)
    counts = axes(prepared)
    assert math.prod(counts) == count
    record = np.zeros((count + 2, len(RECORD_FIELDS)))
    first = 512 - edge // 2
    terms, factors = np.empty((edge * edge, count)), np.empty(edge * edge)
    computed_narrow = np.empty((edge * edge, count), dtype=F)
    for number in range(edge * edge):
        slow, fast = divmod(number, edge)
        terms[number], factors[number], computed_narrow[number] = pixel_terms(prepared, first + fast, first + slow,
                                                                              record)
    exact = np.array([math.fsum(row) for row in terms])
    narrow = terms.astype(F)
    found, wanted = {}, None
    for name, (kind, order) in {**ORDERS, **_torch_orders()}.items():
        given = {np.float64: terms, F: narrow, NARROW: computed_narrow}[kind]
        checked(given, F if kind is NARROW else kind)
        totals = order(given, counts)
        seconds = []
        for _ in range(REPEATS):
            # CPU time, so that other work on the machine counts for little; all orders run on one thread
            start = time.process_time()
            order(given, counts)
            seconds.append(time.process_time() - start)
        error = np.abs(totals.astype(np.float64) - exact) / exact * 2.0**24
        image = image_of(totals, factors, edge)
        peaks = find_peaks(image, PEAKS)
        wanted = (peaks, statistics.median(seconds)) if wanted is None else wanted
        match = match_peaks(wanted[0], peaks, WITHIN, PEAKS)
        middle = edge // 2
        found[name] = {
            "rms_error": float(np.sqrt(np.mean(error**2))), "largest_error": float(error.max()),
            "distinct": len(np.unique(image[middle - 10:middle + 10, middle - 10:middle + 10])),
            "matched": match.matched, "peaks": min(match.found),
            "ns_per_term": statistics.median(seconds) / terms.size * 1e9,
            "ns_per_term_range": [min(seconds) / terms.size * 1e9, max(seconds) / terms.size * 1e9],
            "time_over_c_order": statistics.median(seconds) / wanted[1]}
    return {"benchmark": "summation", "terms": count, "axes": list(counts), "pixels": edge * edge,
            "arguments": words.split(), "repeats": REPEATS, "torch": _torch_version(), "orders": found}


def table(records):
    """The table in Markdown: a row per order, a group of columns per number of terms."""
    records = sorted(records, key=lambda r: r["terms"])
    lines = ["| order | " + " | ".join(f"{r['terms']} term{'s' * (r['terms'] > 1)}" for r in records) + " |",
             "|---|" + "---|" * len(records)]
    names = list(dict.fromkeys(name for r in records for name in r["orders"]))
    for name in names:
        cells = []
        for r in records:
            o = r["orders"].get(name)
            cells.append("" if o is None else f"{o['rms_error']:.2g} v · {o['distinct']} · {o['matched']}/{o['peaks']} · "
                                              f"{o['time_over_c_order']:.2g}×")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main(argv=None):
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--terms", type=int, action="append", choices=list(SCENES), help="may be repeated; default: all")
    parser.add_argument("--edge", type=int, help="pixels along the edge of the region, to try this script out")
    parser.add_argument("--output", help="append the JSON lines to this file")
    parser.add_argument("--table", metavar="FILE", help="measure nothing; print the table of such a file")
    chosen = parser.parse_args(argv)
    if chosen.table:
        with open(chosen.table, encoding="utf-8") as file:
            print(table([json.loads(line) for line in file if '"summation"' in line]))
        return 0
    for count in chosen.terms or SCENES:
        emit(measure(count, chosen.edge), chosen.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
