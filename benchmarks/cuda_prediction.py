"""Steps per second that the CUDA kernels can reach at most, predicted from their machine code.

    python benchmarks/cuda_prediction.py                  print the table
    python benchmarks/cuda_prediction.py --output FILE    also append the records
    python benchmarks/cuda_prediction.py --write FILE     put the table of a file of records into docs/benchmarks.md

No GPU takes part.  A kernel is compiled to machine code by NVIDIA's assembler, and the loop over
steps is the innermost one with arithmetic.  Its instructions are counted by the unit that executes
them; each unit, and the issue of instructions, has a published rate per clock; the slowest sets the
cycles of a step.  Nothing is charged for latencies, memory and what stands outside the loop, so
these are upper limits and no measurements.
"""

import argparse
import datetime
import importlib.metadata
import json
from pathlib import Path
import re
import subprocess
import sys
import tempfile

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "benchmarks.md"
START, END = "<!-- made by cuda_prediction.py -->", "<!-- end of what cuda_prediction.py made -->"

#: Multiprocessors, clock [Hz], and instructions per clock of one multiprocessor: CUDA C++ Programming Guide,
#: "Throughput of native arithmetic instructions" (capabilities 9.0, 8.0, 8.9), and the data sheets.  Loads: 128 bytes
#: per clock from the first-level cache.
DEVICES = {
    "H100 SXM": dict(capability=(9, 0), processors=132, clock=1.98e9, double=64, single=128, integer=64, special=16,
                     convert=16),
    "A100 SXM": dict(capability=(8, 0), processors=108, clock=1.41e9, double=32, single=64, integer=64, special=16,
                     convert=16),
    "RTX 4090": dict(capability=(8, 9), processors=128, clock=2.52e9, double=2, single=128, integer=64, special=16,
                     convert=2),
}
ISSUED, LOADED_BYTES = 128, 128

KERNELS = {
    "parallelepiped, exact": (0, False, True, 0, 0),
    "parallelepiped, exact, long reduction": (0, False, False, 0, 0),
    "sphere, exact": (1, False, False, 0, 0),
    "Gaussian, exact": (2, False, False, 0, 0),
    "top-hat, exact": (3, False, False, 0, 0),
    "parallelepiped, tricubic, exact": (0, True, True, 0, 0),
    "parallelepiped, compensated": (0, False, False, 1, 1),
    "parallelepiped, single": (0, False, False, 2, 0),
}

_UNITS = (
    ("double", r"D(?:FMA|MUL|ADD|SETP|MNMX)\b"),
    ("special", r"MUFU\b"),
    ("convert", r"(?:F2F|F2I|I2F|FRND)\b.*64|F2F\b"),
    ("special", r"(?:F2I|I2F|FRND|POPC|FLO)\b"),
    ("single", r"F(?:FMA|MUL|ADD|SETP|SEL|MNMX|SET|CHK)\b"),
    ("load", r"(?:LDG|STG|LDL|STL)\b"),
    ("integer", r"(?:IMAD|IADD3?|LEA|LOP3|PLOP3|SHF|SHL|SHR|ISETP|SEL|MOV|IABS|IMNMX|PRMT|VIADD)\b"),
)


def unit_of(instruction):
    """The unit that executes an instruction; "other" only takes its turn of issue."""
    return next((unit for unit, pattern in _UNITS if re.match(pattern, instruction)), "other")


def instructions_of(text):
    """Instructions and labels of the kernel in the disassembler's text, in order."""
    # the kernel's own section; divisions' slow paths follow it in the same section and hold no loop
    section = max(re.split(r"^//-+ \.text\.", text, flags=re.MULTILINE)[1:], key=len)
    found = []
    for line in section.splitlines():
        label = re.match(r"\s*(\.L_x_\d+):", line)
        code = re.match(r"\s*/\*[0-9a-f]{4,}\*/\s+(?:@!?U?P\w+\s+)?(.+?)\s*;", line)
        if label:
            found.append((label.group(1), None))
        elif code:
            found.append((None, code.group(1)))
    return found


def step_loop(found, least=30):
    """Instructions of the innermost loop with at least so many of arithmetic."""
    places = {label: n for n, (label, _) in enumerate(found) if label}
    loops = []
    for n, (_, code) in enumerate(found):
        target = re.match(r"BRA\b.*\(?(\.L_x_\d+)", code or "")
        if target and places.get(target.group(1), n) < n:
            body = [c for _, c in found[places[target.group(1)]:n + 1] if c]
            if sum(unit_of(c) in ("double", "single") for c in body) >= least:
                loops.append(body)
    if not loops:
        raise SystemExit("no loop over steps in the machine code")
    return min(loops, key=len)


def counts_of(body):
    """Instructions of each unit, and bytes loaded by a thread."""
    counts = {}
    for code in body:
        unit = unit_of(code)
        counts[unit] = counts.get(unit, 0) + 1
        if unit == "load":
            size = 8 if ".64" in code.split()[0] else 16 if ".128" in code.split()[0] else 4
            counts["bytes"] = counts.get("bytes", 0) + size
    counts["all"] = len(body)
    return counts


def prediction(counts, device):
    """Cycles of a multiprocessor for a step, by what takes them; the largest and the steps per second."""
    units = ("double", "single", "integer", "special", "convert")
    cycles = {unit: counts.get(unit, 0) / device[unit] for unit in units}
    cycles["load"] = counts.get("bytes", 0) / LOADED_BYTES
    cycles["issue"] = counts["all"] / ISSUED
    limit = max(cycles, key=cycles.get)
    return cycles, limit, device["processors"] * device["clock"] / cycles[limit]


def measure(name, variant, device_name):
    """One record."""
    sys.path.insert(0, str(ROOT / "tests"))
    from cuda_tools import assembled, fused, kernel_ptx, tool

    device = DEVICES[device_name]
    capability = device["capability"]
    ptx, = kernel_ptx(variant, [capability])
    with tempfile.TemporaryDirectory() as folder:
        registers, stack, spilled, cubin = assembled(ptx, capability, Path(folder))
        text = subprocess.run([tool("nvdisasm"), "-c", str(cubin)], capture_output=True, text=True, check=True).stdout
    counts = counts_of(step_loop(instructions_of(text)))
    cycles, limit, rate = prediction(counts, device)
    return {"what": "prediction, no measurement", "kernel": name, "device": device_name, "capability": list(capability),
            "registers": registers, "stack": stack, "spilled": spilled, "fused_in_ptx": fused(ptx), "counts": counts,
            "cycles": {unit: round(value, 3) for unit, value in cycles.items()}, "limit": limit,
            "steps_per_second": rate, "date": datetime.date.today().isoformat(),
            "versions": {package: importlib.metadata.version(package)
                         for package in ("numba-cuda", "nvidia-nvvm", "nvidia-cuda-nvcc")}}


def table(records):
    """The records in Markdown."""
    newest = {(r["kernel"], r["device"]): r for r in records}
    lines = ["Predicted, not measured: upper limits from the instruction counts of the loop over steps. Counts are "
             "those for the H100; *of doubles* are double-precision instructions.", "",
             "| kernel | registers (H100, A100, 4090) | instructions a step | of doubles | "
             + " | ".join(f"{name} [steps/s], limited by" for name in DEVICES) + " |",
             "| --- " * (4 + len(DEVICES)) + "|"]
    for kernel in KERNELS:
        row = [newest[kernel, name] for name in DEVICES]
        lines.append(f"| {kernel} | {', '.join(str(r['registers']) for r in row)} | {row[0]['counts']['all']} | "
                     f"{row[0]['counts'].get('double', 0)} | "
                     + " | ".join(f"{r['steps_per_second']:.2g}, {r['limit']}" for r in row) + " |")
    versions = ", ".join(f"{k} {v}" for k, v in next(iter(newest.values()))["versions"].items())
    spilled = sum(r["spilled"] for r in newest.values())
    return [*lines, "", f"Spilled bytes in all of them together: {spilled}. Compiled by {versions}."]


def with_table(page, records):
    """The page with the table of the records between its marks."""
    before, rest = page.split(START, 1)
    return before + START + "\n\n" + "\n".join(table(records)) + "\n\n" + END + rest.split(END, 1)[1]


def read_records(path):
    """Records of a file of JSON lines."""
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines() if line]


def main(argv=None):
    """Run the command line.

    Returns the exit status.
    """
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kernel", action="append", choices=list(KERNELS), help="may be repeated; default: all")
    parser.add_argument("--output", help="append the JSON lines to this file")
    parser.add_argument("--write", help="put the table of this file of records into docs/benchmarks.md, and stop")
    chosen = parser.parse_args(argv)
    if chosen.write:
        PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8"), read_records(chosen.write)), encoding="utf-8")
        return 0
    for name in chosen.kernel or KERNELS:
        for device in DEVICES:
            record = measure(name, KERNELS[name], device)
            print(f"{name:<40}{device:<10}{record['registers']:>4} registers{record['counts']['all']:>5} instructions  "
                  f"{record['steps_per_second']:.3g} steps/s ({record['limit']})  {record['counts']}", flush=True)
            if chosen.output:
                with open(chosen.output, "a", encoding="utf-8") as file:
                    file.write(json.dumps(record) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
