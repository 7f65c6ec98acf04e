"""Signals at random moments: the run ends soon, with the right status, one line, and all of its files or none."""

from collections import Counter
import os
import random
import shutil
import signal
import subprocess
import time

from .sets import TRACEBACK, environment, hidden, line_of

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

#: Seconds after which a run that was told to end hangs, or is slow to end, on a machine that does nothing else.
PATIENCE, SOON = 30.0, 5.0


#: What a program of the command line finds where nobody has let it ignore them.
_USUAL = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL, signal.SIGHUP: signal.SIG_DFL}


def heard():
    """Let no signal be ignored by what is attacked because it is here: by nohup, or a shell's job in the background."""
    for number in SIGNALS:
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, _USUAL[number])


def busy():
    """How many processes each processor has to do with, at least one: what takes a time takes so many times longer."""
    return max(1.0, os.getloadavg()[0] / len(os.sched_getaffinity(0)))


def patience():
    """Seconds after which a run that was told to end hangs."""
    return PATIENCE * busy()


def catches(process):
    """Whether a process has said that it handles SIGTERM: before, the system ends it and no line of ours is run."""
    try:
        with open(f"/proc/{process.pid}/status", encoding="ascii") as file:
            caught = next(int(line.split()[1], 16) for line in file if line.startswith("SigCgt"))
    except (OSError, StopIteration):
        return False
    return bool(caught >> (signal.SIGTERM - 1) & 1)


def started(words, folder, ignored=(), **more):
    """Start a run and wait until it handles signals, but for those that it finds ignored, as under nohup."""
    def ignore():
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)

    process = subprocess.Popen(line_of(words), cwd=folder, env=environment(**more), text=True, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, start_new_session=True, preexec_fn=ignore if ignored else None)
    while process.poll() is None and not catches(process):
        time.sleep(0.001)
    return process


def attack(sets, chance, place, seconds):
    """One run and one to three signals. Returns what was wrong with it, and how it ended."""
    ignored = {signal.SIGHUP} if chance.random() < 0.15 else set()
    process = started(sets.command.words(2), place, ignored)
    time.sleep(chance.uniform(0, 1.1 * seconds))
    sent = [signal.SIGHUP if ignored else chance.choice(SIGNALS)]
    sent += [chance.choice(SIGNALS) for _ in range(chance.choice((0, 0, 0, 1, 2)))]
    heeded = [number for number in sent if number not in ignored]
    begun, limit = time.monotonic(), patience()
    for number in sent:
        if process.poll() is None:
            process.send_signal(number)
        time.sleep(chance.choice((0, 0, 0.002, 0.05)))
    try:
        said, errors = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return ["hang"], f"signals {sent}, ignored {ignored}: still there after {limit:.0f} s"
    took = time.monotonic() - begun
    return judged(sets, place, process.returncode, errors, {128 + number for number in heeded}, took if heeded else 0.0)


def judged(sets, place, code, errors, codes, took=0.0):
    """What is wrong with an end, in words, and the end."""
    wrong, which = [], sets.which(place)
    if code < 0:
        wrong.append("crash")
    elif code and code not in codes:
        wrong.append("exit status")
    if TRACEBACK in errors:
        wrong.append("traceback")
    ours = [line for line in errors.splitlines() if line.startswith("numbragg: ") and "warning" not in line]
    if code and len(ours) != 1:
        wrong.append("not one line")
    if which == 0:
        wrong.append("mixed files")
    if code == 0 and which != 2 or "no file was written" in errors and which != 1:
        wrong.append("false report")
    left = hidden(sets.command, place)
    if left:
        wrong.append("files left over")
    if took > SOON * busy():
        wrong.append("slow to end")
    return wrong, f"exit {code}, files {which}, {took:.2f} s, left {left}: {errors.strip()[-300:]}"


def repeat(name, one, all_sets, count, seed, report=print):
    """Attack so many runs by `one`, whose arguments and returns are those of `attack`. Returns the faults, by kind."""
    chance, faults, ends, spent = random.Random(seed), Counter(), Counter(), {}
    for number in range(count):
        sets = all_sets[number % len(all_sets)]
        command = sets.command
        if command.name not in spent:
            begun = time.monotonic()
            place = sets.begin("timed")
            started(command.words(2), place).communicate()
            spent[command.name] = time.monotonic() - begun
            shutil.rmtree(place)
        place = sets.begin(f"attacked {number}")
        wrong, end = one(sets, chance, place, spent[command.name])
        ends[end.split(",")[0]] += 1
        for word in wrong:
            faults[word] += 1
            report(f"{name}, run {number}, {command.name}: {word}: {end}")
        shutil.rmtree(place)
    report(f"{name}: {count} runs, {dict(sorted(ends.items()))}, faults: {dict(faults) or 'none'}")
    return faults


def run(all_sets, count, seed, report=print):
    """Attack so many runs. Returns the faults, by kind."""
    return repeat("signals", attack, all_sets, count, seed, report)
