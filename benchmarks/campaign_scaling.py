"""How far does a campaign scale?  One and two workers here, and a model with measured constants up to 1,000 of them.

    python benchmarks/campaign_scaling.py [--rounds N] [--shots N] [--tasks N] [--output FILE] [--table]

Measured: CPU time and bytes of a shot, for the sizes of campaign.py; runs of `numbragg campaign run` with one worker
and with two in turn, whose rate is that of the log between the ends of the first and the last file, and whose CPU time
is that of the whole command; tasks a second that Dask's scheduler, client and one worker get through on loopback, by
the CPU time of the process that has scheduler and client; bytes a second that are written and synchronised here.
The model takes the lowest of what workers make, scheduler and storage take.  It is a model: nothing of it but the first
two rows was run.
"""

import argparse
import os
from pathlib import Path
import sys
import tempfile
import time

from campaign import SIZES, make_file, maker_of, markdown, write_description
from measuring import emit, python_program, quartiles, run_program, spent

#: Workers of the model.
WORKERS = (1, 2, 16, 64, 256, 1000)
#: Shots of a file, as a description has them by default.
SHOTS_PER_FILE = 100
#: What a cluster has, where nothing can be measured here: bytes a second of a link of 10 Gbit/s, the least that the
#: nodes of a cluster share with its storage.
NETWORK_BYTES = 1.25e9


def shot_cost(edge, steps, shots):
    """CPU time of a shot in a worker [s], and its bytes in files."""
    with tempfile.TemporaryDirectory() as folder:
        maker = maker_of(folder, edge, steps, shots)
        sizes = []
        # the first loads what the others have
        taken = [make_file(maker, sizes.append)[0].cpu / shots for _ in range(3)][1:]
    return min(taken), sizes[-1] / shots


def two_workers(shots, rounds):
    """Ratios of runs with two workers to runs with one: of rates, and of CPU time of a shot; and both rates."""
    from numbragg.campaign.log import read_log

    found = {"rate": [], "cpu": [], "rates": {1: [], 2: []}}
    with tempfile.TemporaryDirectory() as folder:
        before = os.getcwd()
        os.chdir(folder)
        try:
            write_description(256, 10, shots)
            text = Path("set.toml").read_text(encoding="utf-8")
            Path("set.toml").write_text(text.replace(f"shots_per_file = {shots}", "shots_per_file = 10"))
            for number in range(rounds + 1):
                rate, cpu = {}, {}
                for workers in (1, 2) if number % 2 else (2, 1):
                    out = f"out-{number}-{workers}"
                    done = run_program(python_program("-m", "numbragg", "campaign", "run", "set.toml", "--out", out,
                                                      "--workers", str(workers), "--threads", "1", "--quiet"))
                    log = read_log(out)
                    rate[workers] = (sum(said["shots"] for said in log[workers:])
                                     / (log[-1]["end"] - log[workers - 1]["end"]))
                    cpu[workers] = done.spent.cpu
                if number:
                    found["rate"].append(rate[2] / rate[1])
                    found["cpu"].append(cpu[2] / cpu[1])
                    for workers in (1, 2):
                        found["rates"][workers].append(rate[workers])
        finally:
            os.chdir(before)
    return found


def _task(plan, number):
    """What a shard that is there answers: as large as a real answer."""
    return [number, 100, 0, True, False, 0.1, dict(plan["spent"]), "host 12345", 1, 0.0]


def scheduler_tasks(tasks):
    """Tasks a second that scheduler and client together get through, by their CPU time."""
    import distributed

    plan = {"spent": {"prepare": 0.1, "simulate": 0.2, "count": 0.1, "describe": 0.1}, "head": "x" * 4000}
    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0",
                                  silence_logs=50) as cluster, distributed.Client(cluster) as client:
        client.gather([client.submit(_task, plan, number, pure=False) for number in range(100)])

        def many():
            return client.gather([client.submit(_task, plan, number, pure=False, key=f"task-{number}")
                                  for number in range(tasks)])

        taken, _ = spent(many)
    return tasks / taken.cpu


def storage_bytes(size=64 * 2 ** 20):
    """Bytes a second that are written to this machine's disk and synchronised; the best of three."""
    content, best = os.urandom(2 ** 20), 0.0
    for _ in range(3):
        with tempfile.NamedTemporaryFile() as file:
            start = time.perf_counter()
            for _ in range(size // len(content)):
                file.write(content)
            file.flush()
            os.fsync(file.fileno())
            best = max(best, size / (time.perf_counter() - start))
    return best


def limits(cost, constants, workers, shots_per_file=SHOTS_PER_FILE):
    """Shots a second that each part gets through, by its name."""
    return {"workers": workers / cost["seconds"], "scheduler": constants["tasks"] * shots_per_file,
            "storage": constants["storage"] / cost["bytes"], "network": constants["network"] / cost["bytes"]}


def saturation(cost, constants):
    """How many workers each part is enough for, by its name."""
    found = limits(cost, constants, 1)
    return {name: rate / found["workers"] for name, rate in found.items() if name != "workers"}


def table(record):
    """The record as tables of Markdown."""
    lines = [("shot", "workers", "shots a second", "MB a second", "what limits it")]
    for cost in record["shots"]:
        name = f"{cost['edge']} x {cost['edge']}, {cost['steps']} steps"
        for workers in WORKERS:
            found = limits(cost, record["constants"], workers)
            least = min(found, key=found.get)
            lines.append((name, str(workers), f"{found[least]:.4g}", f"{found[least] * cost['bytes'] / 1e6:.4g}",
                          least))
    made = markdown(lines[0], lines[1:])
    lines = [("shot", "seconds of a core", "kB in files", *(f"{name}: workers" for name in ("scheduler", "storage",
                                                                                           "network")))]
    for cost in record["shots"]:
        enough = saturation(cost, record["constants"])
        lines.append((f"{cost['edge']} x {cost['edge']}, {cost['steps']} steps", f"{cost['seconds']:.3g}",
                      f"{cost['bytes'] / 1e3:.3g}", *(f"{enough[name]:.3g}" for name in ("scheduler", "storage",
                                                                                       "network"))))
    two, rates = record["two_over_one"], record["rates"]
    measured = markdown(("workers", "shots a second, wall time", "over one worker", "CPU time over one worker's"), [
        (number, f"{rates[number][1]:.3g}", *(_three(two[name]) if number == "2" else "1" for name in ("rate", "cpu")))
        for number in ("1", "2")])
    constants = record["constants"]
    said = (f"Constants: {constants['tasks']:.0f} tasks a second by the CPU time of scheduler and client, "
            f"{constants['storage'] / 1e6:.0f} MB/s written and synchronised on this machine's disk, a network of "
            f"{constants['network'] / 1e9:.3g} GB/s (assumed), {record['shots_per_file']} shots a file.")
    return f"{measured}\n\n**A model**, from constants that were measured:\n\n{made}\n\n" \
           f"{markdown(lines[0], lines[1:])}\n\n{said}"


def _three(values):
    return f"{values[1]:.2f} ({values[0]:.2f}-{values[2]:.2f})"


def main(argv=None):
    """Measure, and print the model.

    Returns the exit status.
    """
    import warnings

    import numbragg as nb

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="pairs of runs with one worker and two")
    parser.add_argument("--shots", type=int, default=400, help="of such a run")
    parser.add_argument("--tasks", type=int, default=2000, help="that the scheduler is timed with")
    parser.add_argument("--edge", type=int, help="one size of shot only, of 10 steps")
    parser.add_argument("--output", help="append the JSON line to this file")
    parser.add_argument("--table", action="store_true", help="print the tables, too")
    chosen = parser.parse_args(argv)
    if min(chosen.rounds, chosen.tasks) < 1 or chosen.shots < 40:
        parser.error("--rounds and --tasks must be 1 or more, --shots 40 or more")
    warnings.simplefilter("ignore", nb.NumbraggWarning)
    sizes = [size[:3] for size in SIZES] if chosen.edge is None else [(chosen.edge, 10, 20)]
    costs = []
    for edge, steps, shots in sizes:
        seconds, size = shot_cost(edge, steps, shots)
        costs.append({"edge": edge, "steps": steps, "seconds": seconds, "bytes": size})
    constants = {"tasks": scheduler_tasks(chosen.tasks), "storage": storage_bytes(), "network": NETWORK_BYTES}
    pairs = two_workers(chosen.shots, chosen.rounds)
    record = emit({
        "benchmark": "campaign scaling", "shots": costs, "constants": constants, "shots_per_file": SHOTS_PER_FILE,
        "two_over_one": {"rate": quartiles(pairs["rate"]), "cpu": quartiles(pairs["cpu"])},
        "rates": {str(workers): quartiles(rates) for workers, rates in pairs["rates"].items()}}, chosen.output)
    if chosen.table:
        print(table(record))
    return 0


if __name__ == "__main__":
    sys.exit(main())
