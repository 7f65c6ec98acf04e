"""Campaigns ended by signals or killed, again and again, two at a time: at the end the bytes of one left in peace."""

from collections import Counter
import os
from pathlib import Path
import random
import re
import shutil
import signal
import subprocess
import time

from .sets import CAMPAIGN, TRACEBACK, Command, content, environment, line_of, prepare
from .signals import SIGNALS, patience, started

DESCRIPTION = CAMPAIGN.format(shots=24, seed=5, pixels=[400, 320], pixel_mm=0.05)

COMMAND = Command("campaign", None, {"set.toml": DESCRIPTION})

#: Ways of making one, and how often each is attacked: to start workers takes long.
WAYS = {("--shard", "0/1"): 4, ("--shard", "1/2"): 2, ("--workers", "2"): 1}


def words(way):
    """The words of a run."""
    return ["campaign", "run", "set.toml", "--out", "out", "--quiet", *way]


def finish(place, *command):
    """Run a command to its end. Returns the finished process."""
    return subprocess.run(line_of(command), cwd=place, env=environment(), text=True, capture_output=True, timeout=600)


def descendants(pid):
    """Processes that a process has started, and theirs."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            own = [int(each) for each in task.read_text().split()]
        except OSError:
            own = []
        for each in own:
            found += [each, *descendants(each)]
    return found


def alive(pids):
    """Those that run; others wait for somebody who sees to their end, or are gone."""
    found = []
    for pid in pids:
        try:
            if "zombie" not in Path(f"/proc/{pid}/status").read_text():
                found.append(pid)
        except OSError:
            pass
    return found


def unfinished(folder):
    """What is none of the finished files."""
    return [path.name for path in folder.iterdir() if path.name.startswith(".numbragg") or
            path.name.endswith((".tmp", ".partial"))] if folder.is_dir() else []


def damaged(place, wanted):
    """Files of shots that are not those of an undisturbed run, or are not all there for an account that is."""
    out = place / "out"
    if not out.is_dir():
        return []
    found = {name: value for name, value in content(out, COMMAND).items()
             if re.fullmatch(r"shots_\d+\.(h5|parquet|json)", name)}
    wrong = [name for name, value in found.items() if value != wanted.get(name)]
    return wrong + [name for name in found if name.endswith(".json") and not
                    {name[:-4] + "h5", name[:-4] + "parquet"} <= set(found)]


def disturbed(place, chance, seconds, wanted):
    """Start one run, or two of one name, and end them somehow. Returns what was wrong, and how they ended."""
    # of a run that was killed, until one comes to these shots
    before = set(unfinished(place / "out"))
    ways = [each for each, often in WAYS.items() for _ in range(often)]
    runs = [(way, started(words(way), place)) for way in chance.sample(ways, chance.choice((1, 1, 1, 2)))]
    killed = chance.random() < 0.4
    wrong, ends = [], []
    time.sleep(chance.uniform(0, 1.2 * seconds) * (4.0 if ("--workers", "2") in [way for way, _ in runs] else 1.0))
    for way, process in runs:
        children = descendants(process.pid)
        sent = [signal.SIGKILL] if killed else [chance.choice(SIGNALS) for _ in range(chance.choice((1, 1, 2)))]
        limit = patience()
        for number in sent:
            if process.poll() is None:
                process.send_signal(number)
            time.sleep(chance.choice((0, 0, 0.05)))
        try:
            _, errors = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            wrong.append("hang")
            continue
        said = [line for line in errors.splitlines() if line.startswith("numbragg: ") and "warning" not in line]
        code = process.returncode
        if not killed and code not in (0, *(128 + number for number in sent)):
            wrong.append("crash" if code < 0 else "exit status")
        if TRACEBACK in errors:
            wrong.append("traceback")
        if not killed and code and (len(said) != 1 or not re.search(r"\d+ of \d+ shots are written|no file was wri",
                                                                    said[0])):
            wrong.append("not one line")
        until = time.monotonic() + patience()
        while alive(children) and time.monotonic() < until:
            time.sleep(0.05)
        if alive(children):
            wrong.append("children left")
            for pid in alive(children):
                os.kill(pid, signal.SIGKILL)
        ends.append(f"{' '.join(way)} exit {code}: {errors.strip()[-300:]}")
    if damaged(place, wanted):
        wrong.append(f"damaged files {damaged(place, wanted)}")
    more = [name for name in unfinished(place / "out") if name not in before]
    if not killed and more and all(way[0] == "--shard" for way, _ in runs):
        wrong.append(f"files left over {more}")
    return wrong, "; ".join(ends)


def attack(place, chance, seconds, wanted):
    """One campaign, disturbed some times and then finished. Returns what was wrong, and how it went."""
    wrong, ends = [], []
    for _ in range(chance.choice((1, 2, 3))):
        more, end = disturbed(place, chance, seconds, wanted)
        wrong += more
        ends.append(end)
    last = finish(place, *words(("--shard", "0/1")))
    merged = finish(place, "campaign", "merge", "out")
    if last.returncode or merged.returncode or TRACEBACK in last.stderr + merged.stderr:
        wrong.append("not finished")
        ends.append(last.stderr.strip()[-300:] + merged.stderr.strip()[-300:])
    elif content(place / "out", COMMAND) != wanted or unfinished(place / "out"):
        wrong.append("not the same at the end")
    return wrong, " | ".join(ends)


def run(folder, count, seed, report=print):
    """Disturb so many campaigns. Returns in which ways they went wrong."""
    chance, faults = random.Random(seed), Counter()
    whole = prepare(COMMAND, folder / "whole")
    # kernels are compiled first
    for _ in range(2):
        shutil.rmtree(whole / "out", ignore_errors=True)
        begun = time.monotonic()
        done = finish(whole, *words(("--shard", "0/1")))
        seconds = time.monotonic() - begun
    if done.returncode or finish(whole, "campaign", "merge", "out").returncode:
        raise RuntimeError(done.stderr)
    wanted = content(whole / "out", COMMAND)
    for number in range(count):
        place = prepare(COMMAND, folder / f"campaign {number}")
        wrong, end = attack(place, chance, seconds, wanted)
        for word in wrong:
            faults[word.split(" [")[0]] += 1
            report(f"campaigns, {number}: {word}: {end}")
        shutil.rmtree(place)
    report(f"campaigns: {count}, faults: {dict(faults) or 'none'}")
    return faults
