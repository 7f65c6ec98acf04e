"""Makes the tables of docs/benchmarks.md from the JSON lines in benchmarks/results.

    python benchmarks/make_table.py            write them
    python benchmarks/make_table.py --check    write nothing; exit status 1 if the page would change

Of each scene, machine and state of the kernels, all pairs that were measured count together; of
several states, the newest.
"""

import argparse
import json
from pathlib import Path
import statistics
import sys

__all__ = ["published_table", "speed_tables", "tables", "width_table"]

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "docs" / "benchmarks.md"
START, END = "<!-- made by make_table.py: {} -->", "<!-- end of what make_table.py made -->"


# -- records


def read_records(folder=HERE / "results"):
    """All records of the result files, in their order."""
    return [json.loads(line) for path in sorted(Path(folder).glob("*.jsonl"))
            for line in path.read_text(encoding="utf-8").splitlines()]


def _state(record):
    return (record["machine"]["processor"], record["versions"]["kernels"])


def gathered(records, benchmark, *keys):
    """Records of a benchmark with the same keys and machine, those of the newest kernels: lists of records."""
    groups = {}
    for record in records:
        if record["benchmark"] == benchmark:
            groups.setdefault((*(record[k] for k in keys), record["machine"]["processor"]), []).append(record)
    return [[r for r in group if _state(r) == _state(group[-1])] for group in groups.values()]


def _pooled(group, table, name):
    return [value for record in group for value in record.get(table, {}).get(name, [])]


# -- text


def _table(head, rows):
    if not rows:
        return "Not measured yet for this state of the program."
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def _number(values):
    if not values:
        return "-"
    value = statistics.median(values)
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


def _times(values):
    """Median of ratios, with their extremes."""
    if not values:
        return "-"
    return f"**{statistics.median(values):.2f}** ({min(values):.2f}-{max(values):.2f})"


def _wide(values):
    return f"**{statistics.median(values):.1f}** ({min(values):.1f}-{max(values):.1f})" if values else "-"


def _percent(value):
    """A part, with the digits that tell it from 0 and 1."""
    return f"{100 * value:.3g} %" if 0.001 < value < 0.99 or value in (0.0, 1.0) else f"{100 * value:.4f} %"


def _machines(records):
    """One line for each machine and set of versions."""
    lines = {}
    for r in records:
        if "device" in r:
            # these have a section of their own
            continue
        m, v = r["machine"], r["versions"]
        c = r.get("c")
        cores = "1 core" if m["cores"] == 1 else f"{m['cores']} cores"
        text = (f"{m['processor']}, {cores}, {' '.join(m['instructions'])}, {m['libc']}; "
                f"Python {v['python']}, NumPy {v['numpy']}, Numba {v['numba']}, numbragg {v['numbragg']}")
        lines.setdefault(text, set()).add(c["compiler"] if c else None)
    return "\n".join("Measured on: " + text + "".join(f"; C program by {c}" for c in sorted(filter(None, compilers)))
                     + "." for text, compilers in lines.items())


# -- the tables


def lane_table(records):
    """Lanes beside the C program."""
    rows = []
    for group in gathered(records, "speed", "scene"):
        r = group[-1]
        least = f"{r['least']:g}" if r["least"] else "-"
        rows.append([r["scene"], r["what"], _percent(r["zero_terms"]), _percent(r["lane_fraction"]),
                     _number(_pooled(group, "ns_per_step", "c")), _number(_pooled(group, "ns_per_step", "lanes")),
                     _wide(_pooled(group, "ratios", "c_over_lanes")),
                     _wide(_pooled(group, "ratios", "c_over_lanes_wall")),
                     least, _times(_pooled(group, "ratios", "lanes_threads"))])
    return _table(["scene", "what it is", "terms that are 0", "pixels in the lanes", "C [ns/step]", "lanes [ns/step]",
                   "C / lanes, CPU time", "C / lanes, wall time", "aim", "two threads over one"], rows)


def strict_table(records):
    """The strict evaluator beside the C program and the lanes."""
    rows = []
    for group in gathered(records, "speed", "scene"):
        strict, lanes = _pooled(group, "ns_per_step", "strict"), _pooled(group, "ns_per_step", "lanes")
        rows.append([group[-1]["scene"], _number(_pooled(group, "ns_per_step", "c_band")), _number(strict),
                     _times(_pooled(group, "ratios", "c_over_strict")),
                     _times(_pooled(group, "ratios", "strict_threads")), _wide([a / b for a, b in zip(strict, lanes)])])
    return _table(["scene", "C [ns/step]", "strict [ns/step]", "C / strict, CPU time", "two threads over one",
                   "strict / lanes"], rows)


def precision_table(records):
    """The other precisions beside the exact one."""
    names = ("compensated", "single", "single_kahan")
    rows = [[group[-1]["scene"], _number(_pooled(group, "ns_per_step", "lanes")),
             *(_number(_pooled(group, "ns_per_step", name)) for name in names),
             *(_times(_pooled(group, "ratios", f"lanes_over_{name}")) for name in names)]
            for group in gathered(records, "speed", "scene")]
    return _table(["scene", "exact [ns/step]", "compensated", "single", "single, Kahan", "exact / compensated",
                   "exact / single", "exact / single, Kahan"], rows)


def port_table(records):
    """The PyTorch port, where it was there."""
    rows = []
    for group in gathered(records, "port", "scene"):
        r = group[-1]
        edge = r["arguments"][r["arguments"].index("-detpixels") + 1]
        for way, found in r["ways"].items():
            if "failed" in found:
                rows.append([r["scene"], edge, way, "-", "-", f"failed: {found['failed']}"])
            else:
                ratio = found["ns_per_step"] / r["lanes_ns_per_step"]
                rows.append([r["scene"], edge, way, _number([found["ns_per_step"]]), _number([ratio]),
                             f"{found['correlation']:.6f}"])
    return _table(["scene", "pixels along an edge", "how it was run", "port [ns/step]", "port / lanes",
                   "correlation with our image"], rows)


def speed_tables(records):
    """All tables of `speed.py`."""
    return "\n\n".join(make(records) for make in (lane_table, strict_table, precision_table, port_table))


def start_table(records):
    """Start, reading and memory."""
    rows = []
    for group in gathered(records, "startup"):
        r = group[-1]
        s, q = r["seconds"], r["ratios"]
        clock = ", CPU time" if r.get("clock") == "cpu" else ""
        for name, ours, other, limit in (("frame", "frame", "import numba", "3 x `import numba`"),
                                         ("demo", "demo", "import numba", "-"),
                                         ("import", "import numbragg", "import numpy", "1.3 x `import numpy`")):
            # records of old have no demo
            if name not in q:
                continue
            what = {"frame": f"one-step frame of {r['pixels']} x {r['pixels']} with all five files",
                    "demo": "`numbragg demo` once more, over `import numba`", "import": "`import numbragg`"}[name]
            rows.append([what + clock, limit, f"**{q[name][1]:.2f}** x ({q[name][0]:.2f}-{q[name][2]:.2f}): "
                         f"{s[ours]:.3f} s, {s[other]:.3f} s"])
    for group in gathered(records, "read_hkl"):
        r = group[-1]
        for name, how in (("process", "in a running process"), ("command", "as a command, in a new process")):
            q = r["ratios"].get(f"c_over_{name}")
            if q:
                rows.append([f"reading {r['lines']} lines of structure factors, {how}", "the C program's time",
                             f"**{q[1]:.1f}** ({q[0]:.1f}-{q[2]:.1f}) times faster: {1e3 * r['seconds'][name]:.0f} ms, "
                             f"{1e3 * r['seconds']['c']:.0f} ms"])
    for group in gathered(records, "memory", "source"):
        r = group[-1]
        edge = round((r["table_bytes"] / 8) ** (1 / 3)) - 1
        source = "the C program's dump" if r["source"] == "dump" else f"a list of {edge ** 3} lines"
        rows.append([f"peak memory, {r['pixels']} x {r['pixels']} pixels, table of {edge}^3 from {source}",
                     f"{r['allowed_bytes'] / 1e6:.0f} MB", f"**{r['peak_bytes'] / 1e6:.0f} MB**"])
    return _table(["what", "limit set", "measured"], rows)


def balance_table(records):
    """One thread over all, with and without masked rows."""
    names = ("whole", "upper half masked", "random rows masked")
    rows = [[group[-1]["scene"], str(group[-1]["threads"]), _number([r["seconds"]["whole"] for r in group]),
             *(_times(_pooled(group, "ratios", name)) for name in names)]
            for group in gathered(records, "balance", "scene", "threads")]
    return _table(["scene", "threads", "one thread, whole image [s]", "whole image", *names[1:]], rows)


def compile_table(records):
    """Compilation of every variant."""
    rows = []
    for group in gathered(records, "compile_time", "variant"):
        cold = [r["seconds"] for r in group]
        rows.append([group[-1]["variant"], _number(cold), _number([r["load_seconds"] for r in group]),
                     f"{group[-1]['bytes'] / 1e6:.2f}"])
    return _table(["kernel", "compile, CPU time [s]", "load what was kept [s]", "size on disk [MB]"], rows)


def width_table(records):
    """Vectors of 512 bits beside those of 256, and both beside another checkout's."""
    rows = []
    for group in gathered(records, "vector width", "scene", "precision"):
        wide, narrow, *before = (_pooled(group, "ns_per_step", bits)
                                 for bits in ("512", "256", "before, 256", "before, 512"))
        rows.append([f"{group[-1]['scene']}: {group[-1]['what']}", group[-1]["precision"], _number(narrow),
                     _number(wide), _times([a / b for a, b in zip(narrow, wide)]),
                     *map(_number, before), "yes" if all(r["same_bits"] for r in group) else "NO"])
    return _table(["scene", "precision", "256 bits [ns/step]", "512 bits [ns/step]", "256 / 512", "before, 256 bits",
                   "before, 512 bits", "same bits"], rows)


def culling_table(records):
    """All terms over those that can matter: of compact spots, and of lists with zeros inside."""
    def rows(count):
        return [[r["scene"], *([f"{100 * r['left_out']:.3g} %"] if count else []),
                 *(f"{r[way]:.2f}" for way in ("plain_ns", "culled_ns")),
                 "**{1:.2f}** ({0:.2f}-{2:.2f})".format(*r["ratio"])]
                for r in _newest(records, "culling", "scene") if r["same_bits"] and ("left_out" in r) == count]

    return "\n\n".join(_table(["scene", *(["terms left out"] if count else []), "all terms [ns/step]",
                                "as it is [ns/step]", "all / as it is"], rows(count)) for count in (True, False))


#: Parts of a shot in the order in which they are done; one column each, the second for either precision.
_OF_A_SHOT = ("preparing", "Bragg", "background, each shot", "response", "writing")


def published_table(records):
    """A shot of a published training set, part by part."""
    rows = []
    for group in gathered(records, "published scene", "scene", "part"):
        r = group[-1]
        for state in [name for name in ("before", "this") if name in r]:
            seconds = {name: statistics.median(values) for name, values in r[state]["seconds"].items()}
            for precision, whole in r[state]["in_all"].items():
                seconds["Bragg"] = r["scale"] * seconds[f"Bragg, {precision}"]
                rows.append([f"{r['scene']}: {r['what']}", precision, f"`{r[state]['kernels'][:8]}`",
                             f"1 / {r['scale']:.3g}", *(f"{seconds[name]:.3g}" for name in _OF_A_SHOT),
                             f"**{statistics.median(whole):.3g}** ({min(whole):.3g}-{max(whole):.3g})",
                             f"{seconds['background, once']:.3g}",
                             f"{seconds['Bragg'] / (r['pixels'] * r['steps_per_pixel']) * 1e9:.3g}",
                             _times(r.get("ratios", {}).get(precision)) if state == "this" else "-"])
    machines = dict.fromkeys(f"{r['machine']['processor']} ({' '.join(r['machine']['instructions'])})"
                             for r in records if r["benchmark"] == "published scene")
    return "".join(f"One core of {machine}.\n\n" for machine in machines) + _table(
        ["scene", "precision", "kernels", "rows timed", "preparing [s]", "Bragg steps [s]", "background [s]",
         "noise [s]", "writing [s]", "a shot [s]", "background made once [s]", "ns a step", "before / this"], rows)


# -- campaigns, whose scripts make their tables; they are imported here, for they import this module


def campaign_table(records):
    """What campaigns cost beside kernels, noise and compression."""
    import campaign

    found = _newest(records, "campaign overhead", "edge", "steps")
    return campaign.table(found) if found else _table([], [])


def campaign_scaling_table(records):
    """Two workers over one, and the model."""
    import campaign_scaling

    found = _newest(records, "campaign scaling")
    return campaign_scaling.table(found[-1]) if found else _table([], [])


def campaign_published_table(records):
    """The published training set as a campaign."""
    import campaign_published

    own = _newest(records, "published scene as a campaign", "precision", "labels", "pixels")
    others = _newest(records, "published scene, others")
    return campaign_published.table(own, others[-1] if others else None) if own else _table([], [])


# -- on a device


def _newest(records, benchmark, *keys):
    """The newest record of a benchmark for each set of keys."""
    return list({tuple(r[k] for k in keys): r for r in records if r["benchmark"] == benchmark}.values())


def _device_line(records):
    """Device, machine and self-test in one paragraph."""
    last = records[-1]
    machine, v = last["machine"], last["versions"]
    tests = [r for r in records if r["benchmark"] == "cuda, selftest" and "scenes" in r]
    states = len({_state(r) for r in tests})
    total = {word: sum(r[word] for r in tests) for word in (
        "scenes", "pixels", "steps", "violations", "mismatches", "other_precisions_pixels",
        "other_precisions_mismatches")}
    ratio = max((r["largest_ratio"] for r in tests), default=0.0)
    return (f"**{last['device'].partition(': ')[2]}**, beside {machine['cores']} cores of {machine['processor']} "
            f"({' '.join(machine['instructions'])}); Python {v['python']}, NumPy {v['numpy']}, Numba {v['numba']}. "
            f"Self-tests of {states} states of the kernels: "
            f"{total['scenes']} scenes, {total['pixels']:.3g} pixels, {total['steps']:.3g} steps: "
            f"{total['violations']} violations, {total['mismatches']} mismatches, at most {ratio:.3f} of the bound; "
            f"the other precisions, device against CPU: {total['other_precisions_pixels']:.3g} pixels, "
            f"{total['other_precisions_mismatches']} mismatches.")


def _published(records):
    rows = []
    for r in _newest(records, "cuda, published table", "precision", "domains"):
        port = r["seconds_port_rtx4090"]
        rows.append([r["precision"], str(r["domains"]), f"{r['seconds']:.4f}", f"{r['seconds_left_there']:.4f}",
                     f"{r['seconds_cpu']:.4f}", "-" if port is None else f"{port:g}"])
    return ("Seconds for one image of 1024 x 1024 pixels, `-N 5`, one structure factor, no oversampling. *Port*: the "
            "PyTorch port's published time, compiled, on an RTX 4090, float64 beside exact, float32 beside single.\n\n"
            + _table(["precision", "mosaic domains", "copied to the host", "left there", "CPU, all cores",
                      "port, RTX 4090"], rows))


def _batches(records):
    rows = [[r["precision"], str(r["domains"]), str(r["crystals"]), f"{1e3 * r['seconds']:.1f}",
             f"{1e3 * r['seconds_left_there']:.1f}"] for r in _newest(records, "cuda, batch", "precision", "domains")]
    return ("Milliseconds an image in a batch of crystals on 1024 x 1024 pixels, everything included.\n\n"
            + _table(["precision", "mosaic domains", "crystals", "copied to the host", "left there"], rows))


def _device_scenes(records):
    scenes = {}
    for r in _newest(records, "cuda", "scene", "precision"):
        scenes.setdefault(r["scene"], {})[r["precision"]] = r
    rows = []
    for scene, found in scenes.items():
        some = next(iter(found.values()))
        times = (f"{found[p]['ns_per_step']:.3f}" if p in found else "-" for p in ("exact", "compensated", "single"))
        rows.append([scene, f"{some['pixels'] * some['steps_per_pixel']:.2g}", *times])
    return ("Nanoseconds a step for the scenes above, image left on the device, everything included: short scenes show "
            "what the host does for an image.\n\n" + _table(["scene", "steps", "exact", "compensated", "single"], rows))


def _whole_shots(records):
    """Shots of a published training set, with what is written for each; nothing where none was made."""
    rows = [[r["what"], r["precision"], str(r["processes"]), f"{r['seconds']:.3g}",
             ", ".join(f"{name} {seconds:.2g}" for name, seconds in r["parts"].items())]
            for r in _newest(records, "published scene, device", "scene", "precision", "processes") if "seconds" in r]
    if not rows:
        return ""
    return ("Seconds a shot of the [published training set](#a-published-training-set), files included "
            "(`benchmarks/published_device.py`).\n\n"
            + _table(["scene", "precision", "processes", "a shot [s]", "parts, in a process [s]"], rows))


def device_table(records):
    """What was found on each device: a line of text and tables."""
    devices = {}
    for r in records:
        if "device" in r:
            devices.setdefault(r["device"].partition(": ")[2], []).append(r)
    parts = (_device_line, _published, _batches, _device_scenes, _whole_shots)
    made = [part(found) for found in devices.values() for part in parts]
    return "\n\n".join(filter(None, made)) if made else "Not measured yet."


TABLES = {"lanes": lane_table, "strict": strict_table, "precision": precision_table, "port": port_table,
          "balance": balance_table, "start": start_table, "compile": compile_table, "machine": _machines,
          "published": published_table, "campaign": campaign_table, "campaign scaling": campaign_scaling_table,
          "campaign published": campaign_published_table, "width": width_table, "culling": culling_table,
          "device": device_table}


def tables(text, records):
    """A page with its tables made anew."""
    for name, make in TABLES.items():
        before, found, rest = text.partition(START.format(name))
        _, ended, after = rest.partition(END)
        if not found or not ended:
            raise SystemExit(f"{PAGE.name}: no place for the table {name!r}")
        text = f"{before}{found}\n\n{make(records)}\n\n{ended}{after}"
    return text


def main(argv=None):
    """Run the command line.

    Returns the exit status.
    """
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit status 1 if the page is stale")
    chosen = parser.parse_args(argv)
    old = PAGE.read_text(encoding="utf-8")
    new = tables(old, read_records())
    if new == old:
        return 0
    if chosen.check:
        print(f"{PAGE.name}: stale; run python benchmarks/make_table.py", file=sys.stderr)
        return 1
    PAGE.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
