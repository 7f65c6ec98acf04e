"""kill -9 at random moments and in the middle of the renames: the next run in the folder completes or names the set."""

import time

from .sets import TRACEBACK, Command, finish, hidden
from .signals import repeat, started

#: A run that writes one file of another name.
OTHER = Command("other", lambda number: ["-default_F", "1", "-cell", "80", "80", "80", "90", "90", "90", "-N", "2",
                                         "-lambda", "1", "-detpixels", "8", "-floatfile", "other.bin", "-nonoise",
                                         "-nopgm", "-intfile", "other.img", "--quiet"])


def _inodes(place, names):
    out = []
    for name in names:
        try:
            out.append((place / name).stat().st_ino)
        except FileNotFoundError:
            out.append(None)
    return out


def _wait(process, place, names, chance, seconds):
    """Wait for the moment: any, or that in which the first file has been renamed."""
    if chance.random() < 0.5:
        time.sleep(chance.uniform(0, seconds))
        return
    before = _inodes(place, names)
    while process.poll() is None and _inodes(place, names) == before:
        pass


def attack(sets, chance, place, seconds):
    """One run that is killed, then another one there and the same once more. Returns what was wrong, and a line."""
    process = started(sets.command.words(2), place)
    where = place / sets.command.out
    _wait(process, where, sorted(sets.wanted[1]), chance, seconds)
    process.kill()
    process.communicate()
    killed = sets.which(place, killed=True)
    other = finish(OTHER, where, 1)
    for name in ("other.bin", "other.img"):
        (where / name).unlink(missing_ok=True)
    after = sets.which(place, killed=True)
    again = finish(sets.command, place, 2)
    wrong = []
    if other.returncode or again.returncode:
        wrong.append("exit status")
    if TRACEBACK in other.stderr + again.stderr:
        wrong.append("traceback")
    if after == 0 and not any(name in other.stderr for name in sets.wanted[1]):
        wrong.append("mixed files, and not named")
    if sets.which(place) != 2 or any((where / name).exists() for name in sets.command.also):
        wrong.append("not whole at the end")
    left = hidden(sets.command, place)
    if left:
        wrong.append("files left over")
    return wrong, (f"files {killed} when killed, {after} after another run, left {left}: "
                   f"{other.stderr.strip()[-200:]} {again.stderr.strip()[-200:]}")


def run(all_sets, count, seed, report=print):
    """Kill so many runs. Returns in which ways what followed was wrong."""
    return repeat("kills", attack, all_sets, count, seed, report)
