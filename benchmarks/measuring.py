"""What all benchmarks share: the machine they ran on, the time a program took, ratios of pairs, JSON lines."""

from dataclasses import dataclass
import datetime
import functools
import hashlib
import json
import os
from pathlib import Path
import platform
import re
import statistics
import subprocess
import sys
import time

__all__ = ["Run", "Spent", "c_binary", "c_facts", "emit", "facts", "pair_ratios", "python_program", "quartiles",
           "run_program", "spent"]

ROOT = Path(__file__).resolve().parent.parent

#: Wall times count where other programs used less than this part of one core meanwhile.
QUIET = 0.1


@dataclass
class Spent:
    """Seconds of one measurement."""

    cpu: float
    wall: float
    others: float = 0.0  # part of one core that other programs used meanwhile

    def __sub__(self, other):
        return Spent(self.cpu - other.cpu, self.wall - other.wall, max(self.others, other.others))


class _Clock:
    """Time since it was made."""

    def __init__(self):
        self.busy, self.wall = _busy(), time.perf_counter()

    def read(self, cpu, in_all):
        """`Spent`, given the CPU time that counts and all CPU time that is ours."""
        wall = time.perf_counter() - self.wall
        busy = _busy()
        others = 0.0 if busy is None else max(0.0, (busy - self.busy - in_all) / wall)
        return Spent(cpu, wall, others)


def _busy():
    """Seconds that all processors together were busy, or None where the system does not say."""
    try:
        with open("/proc/stat", encoding="ascii") as file:
            ticks = [int(word) for word in file.readline().split()[1:9]]
    except OSError:
        return None
    # without the two that count idle time; time stolen by the host is time that others used
    return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")


@dataclass
class Run:
    """One run of a program."""

    spent: Spent  # user CPU time, wall time [s]
    peak_bytes: int  # largest resident set
    code: int
    output: str


def spent(function, repeats=1):
    """Time that a function takes in this process, all its threads counted: `Spent`, and what it returned."""
    clock, cpu = _Clock(), time.process_time()
    for _ in range(repeats):
        result = function()
    cpu = time.process_time() - cpu
    whole = clock.read(cpu, cpu)
    return Spent(whole.cpu / repeats, whole.wall / repeats, whole.others), result


# -- programs


def run_program(command, folder=None, environment=None, check=True):
    """Run a program to its end and account for it alone.

    Parameters
    ----------
    command : list of str
    folder : path, optional
        Where it runs.
    environment : dict, optional
        Added to our own.
    check : bool
        Raise RuntimeError, with the end of what it printed, if it fails.

    Returns
    -------
    Run
    """
    clock = _Clock()
    with subprocess.Popen(command, cwd=folder, env={**os.environ, **(environment or {})}, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        taken = clock.read(usage.ru_utime, usage.ru_utime + usage.ru_stime)
        process.returncode = os.waitstatus_to_exitcode(status)
    if check and process.returncode != 0:
        raise RuntimeError(f"{Path(command[0]).name}: exit status {process.returncode}: {output[-500:]}")
    return Run(taken, usage.ru_maxrss * 1024, process.returncode, output)


def python_program(*words):
    """Command that runs this Python with these arguments."""
    return [sys.executable, *words]


def c_binary():
    """The C program to compare with, named by the environment's NB_C_BIN, as an absolute path; or None."""
    name = os.environ.get("NB_C_BIN")
    if not name:
        return None
    path = Path(name).resolve()
    if not os.access(path, os.X_OK):
        raise SystemExit(f"NB_C_BIN: {name} is not a program")
    return str(path)


@functools.cache
def c_facts(path):
    """What is known of a C program: its hash and the compiler that it names."""
    content = Path(path).read_bytes()
    compiler = re.search(rb"GCC: \([^)]*\) [\d.]+|clang version [\d.]+", content)
    return {"md5": hashlib.md5(content).hexdigest(), "compiler": compiler[0].decode() if compiler else None,
            "threads": 1}


# -- pairs


def pair_ratios(theirs, ours, clock="cpu"):
    """Ratio of each pair of `Spent`: how many times ours is faster.

    Of wall times, pairs count that other programs did not disturb; there may be none.
    """
    return [getattr(a, clock) / getattr(b, clock) for a, b in zip(theirs, ours)
            if clock == "cpu" or max(a.others, b.others) < QUIET]


def quartiles(values):
    """Lower quartile, median and upper quartile; nothing of nothing."""
    if len(values) < 2:
        return list(values) * 3
    return statistics.quantiles(values, n=4, method="inclusive")


# -- records


def _processor():
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return platform.processor() or platform.machine(), []
    model = re.search(r"^model name\s*: (.*)$", text, re.MULTILINE)
    numbers = [re.search(rf"^{name}\s*: (.*)$", text, re.MULTILINE) for name in ("cpu family", "model")]
    flags = re.search(r"^flags\s*: (.*)$", text, re.MULTILINE)
    flags = set(flags[1].split()) if flags else set()
    name = model[1] if model else platform.machine()
    if all(numbers):
        name += f" (family {numbers[0][1]}, model {numbers[1][1]})"
    return name, [flag for flag in ("avx2", "fma", "avx512f") if flag in flags]


def _revision():
    def git(*words):
        done = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True)
        return done.stdout.strip() if done.returncode == 0 else None

    try:
        revision, changes = git("rev-parse", "HEAD"), git("status", "--porcelain", "--", "kernels", "numbragg")
    except OSError:
        return None
    return revision and revision[:12] + ("+" if changes else "")


@functools.cache
def facts():
    """The machine and the versions, as a dictionary that goes into every record."""
    import llvmlite
    import numba
    import numpy

    import numbragg
    from numbragg.kernels.compile.cache import source_hash

    processor, instructions = _processor()
    return {
        "machine": {"processor": processor, "instructions": instructions, "cores": len(os.sched_getaffinity(0)),
                    "system": platform.system(), "libc": " ".join(platform.libc_ver())},
        "versions": {"python": platform.python_version(), "numpy": numpy.__version__, "numba": numba.__version__,
                     "llvmlite": llvmlite.__version__, "numbragg": numbragg.__version__, "kernels": source_hash(),
                     "git": _revision()},
    }


def emit(record, output=None):
    """Print a record as one JSON line, with machine, versions and date, and append it to a file.

    Returns the whole record.
    """
    now = datetime.datetime.now(datetime.timezone.utc)
    record = {**record, **facts(), "date": now.strftime("%Y-%m-%d")}
    line = json.dumps(record, allow_nan=False)
    print(line, flush=True)
    if output is not None:
        with open(output, "a", encoding="utf-8") as file:
            file.write(line + "\n")
    return record
