"""Disks that are full, and files that may not grow: one line, the files from before, and nothing left."""

from contextlib import contextmanager
import os
import resource
import shutil
import subprocess

from .sets import TRACEBACK, environment, hidden, line_of
from .signals import repeat

#: A disk that holds what is there before any attack [bytes], and what may be free of it.
_DISK = 1 << 26
_FREE = (0, 4096, 20_000, 60_000, 150_000, 400_000, 1_000_000)


@contextmanager
def small_disk(place):
    """A file system of its own at a place, if this user may mount one. Yields whether it is there."""
    os.makedirs(place, exist_ok=True)
    try:
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_DISK}", "tmpfs", place],
                                 capture_output=True).returncode == 0
    except OSError:
        mounted = False
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "-l", place], check=True)
        os.rmdir(place)


def _filled(place, free):
    """Leave so many bytes free."""
    path = place.parent / "filling"
    with open(path, "wb") as file:
        space = os.statvfs(path)
        file.truncate(0)
        os.posix_fallocate(file.fileno(), 0, max(space.f_bavail * space.f_frsize - free, 1))
    return path


def _run(command, place, limit):
    def limited():
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    # compiled modules would be cut off, too, and stay
    quiet = environment(PYTHONDONTWRITEBYTECODE="1")
    return subprocess.run(line_of(command.words(2)), cwd=place, env=quiet, text=True, capture_output=True,
                          timeout=600, preexec_fn=limited)


def attack(sets, chance, place, seconds):
    """One run that has no room, and the same with room. Returns what was wrong, and a line."""
    command, room = sets.command, chance.choice(_FREE)
    with small_disk(place.parent / "disk") as mounted:
        used, filling, limit = place, None, None
        if mounted and chance.random() < 0.7:
            used = place.parent / "disk" / "place"
            shutil.copytree(place, used)
            filling = _filled(used, room)
        else:
            # of what no two files reach, of all that is written, or of some
            limit = chance.choice((0, chance.randrange(1, 3000), chance.randrange(3000, 400_000)))
        ended = _run(command, used, limit)
        which, left, errors = sets.which(used), hidden(command, used), ended.stderr
        wrong = []
        said = [line for line in errors.splitlines() if line.startswith("numbragg: error: ")]
        if ended.returncode not in (0, 2):
            wrong.append("crash" if ended.returncode < 0 else "exit status")
        if TRACEBACK in errors or any(not line.startswith("numbragg: ") for line in errors.splitlines()):
            wrong.append("traceback or others' words")
        if ended.returncode and len(said) != 1:
            wrong.append("not one line")
        if which != (1 if ended.returncode else 2):
            wrong.append("mixed files" if ended.returncode else "false success")
        if left:
            wrong.append("files left over")
        if filling is not None:
            filling.unlink()
        again = _run(command, used, None)
        if again.returncode or sets.which(used) != 2 or hidden(command, used):
            wrong.append("not whole at the end")
    how = f"free {room}" if limit is None else f"limit {limit}"
    return wrong, (f"exit {ended.returncode}, {how}, files {which}, left {left}: {errors.strip()[-300:]} "
                   f"{again.stderr.strip()[-200:]}")


def run(all_sets, count, seed, report=print):
    """Let so many runs have no room. Returns the faults, by kind."""
    return repeat("disks", attack, all_sets, count, seed, report)
