"""Attacks on whole runs: what a hostile day on a cluster does to them, at random moments and often.

    python tests/attack.py signals --count 500
    python tests/attack.py kills --count 200
    python tests/attack.py forks --count 50
    python tests/attack.py disks --count 100
    python tests/attack.py bits --count 200
    python tests/attack.py campaigns --count 100
    python tests/attack.py all

signals: INT, TERM and HUP, one to three of them: exit status, one line, all files or none, nothing left, no hang.
kills: kill -9, half of them between the renames at the end: the next run there completes or names the set.
disks: full ones, and files that may not grow: one line, the files from before, all of it when there is room.
forks: children of a process whose threads compile and load kernels, each of which simulates.
bits: one bit flipped in the compiled code on disk.
campaigns: signals and kill -9, two runs at a time, by parts and by workers; at the end the bytes of one left in peace.

Exit status 1 if anything was wrong; every fault is a line.
"""

import argparse
from pathlib import Path
import sys
import tempfile

from attacks import bits, campaigns, disks, forked, kills, signals
from attacks.sets import COMMANDS, Sets

#: How many of each are enough to see what is rare.
COUNTS = {"signals": 500, "kills": 200, "disks": 100, "forks": 50, "bits": 200, "campaigns": 100}


def attacked(what, count, seed, folder, report=print, names=None):
    """Attack in one way. Returns the faults, by kind."""
    folder = Path(folder)
    if what == "forks":
        return forked.run(folder, count, seed, report)
    if what == "bits":
        return bits.run(COMMANDS[0], folder, count, seed, report)
    if what == "campaigns":
        return campaigns.run(folder, count, seed, report)
    wanted = [command for command in COMMANDS if names is None or command.name in names]
    all_sets = [Sets(command, folder / command.name.replace(", ", " ")) for command in wanted]
    return {"signals": signals, "kills": kills, "disks": disks}[what].run(all_sets, count, seed, report)


def main(words=None):
    """Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=[*COUNTS, "all"])
    parser.add_argument("--count", type=int, help=f"how many (default: {COUNTS})")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--command", action="append", choices=[command.name for command in COMMANDS],
                        help="only this one (signals, kills, disks)")
    options = parser.parse_args(words)
    faults = 0
    signals.heard()
    for what in COUNTS if options.what == "all" else [options.what]:
        with tempfile.TemporaryDirectory() as folder:
            count = COUNTS[what] if options.count is None else options.count
            found = attacked(what, count, options.seed, folder, names=options.command,
                             report=lambda line: print(line, flush=True))
            faults += sum(found.values())
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
