"""Processes of campaigns in tests: they are watched, and gone at the end."""

import os
import re
import signal
import subprocess
import sys
import time

from places import ROOT
import psutil


def _documented(what):
    """The words of a command of Dask as docs/campaigns.md has it, for `python -m`."""
    text = (ROOT / "docs" / "campaigns.md").read_text(encoding="utf-8")
    line, = re.findall(rf"^dask {what} (.*)$", text, re.MULTILINE)
    # any port that is free: the one of the page may be another program's
    return (f"distributed.cli.dask_{what}", *line.replace("--port 8786", "--port 0").split())


#: A scheduler and a worker as they are started by hand.
SCHEDULER, WORKER = _documented("scheduler"), _documented("worker")


class Process:
    """A command that runs, with what it says; it and its children are gone at the end."""

    def __init__(self, *words):
        # a test run in the background ignores interrupts, and its children would
        self.started = subprocess.Popen([sys.executable, "-m", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        for process in self.family():
            try:
                process.kill()
            except psutil.NoSuchProcess:
                pass
        self.started.communicate(timeout=60)

    def family(self):
        """What it has started, and itself; nothing where it has ended, for its number may be another's by now."""
        if self.started.poll() is not None:
            return []
        try:
            mine = psutil.Process(self.started.pid)
            return [*mine.children(recursive=True), mine]
        except psutil.NoSuchProcess:
            return []

    def workers(self):
        """Processes of workers on this machine."""
        return [each for each in self.family() if "spawn_main" in " ".join(each.cmdline())]

    def end(self):
        said = self.started.communicate(timeout=300)
        return self.started.returncode, *said


def until(condition, seconds=240.0):
    """Wait for a condition."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def alive(processes):
    """Those that run; one that has ended may wait for somebody who sees to it."""
    found = []
    for each in processes:
        try:
            if each.is_running() and each.status() != psutil.STATUS_ZOMBIE:
                found.append(each)
        except psutil.NoSuchProcess:
            pass
    return found


def accounts(where="out"):
    there = os.listdir(where) if os.path.isdir(where) else []
    return [name for name in there if re.fullmatch(r"shots_\d+.json", name)]


def scheduler_address():
    """Waits until a scheduler that was started says where it is."""
    until(lambda: os.path.exists("scheduler.json") and os.path.getsize("scheduler.json"))
    with open("scheduler.json", encoding="utf-8") as file:
        return re.search(r'"address": "(tcp://[^"]+)"', file.read())[1]
