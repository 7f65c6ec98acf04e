"""Compiled code on disk with one bit flipped: the image is right all the same, and a note says what was found."""

from collections import Counter
import random
import shutil
import subprocess

from .sets import TRACEBACK, content, environment, line_of, prepare


def _run(command, place, cache):
    place = prepare(command, place)
    return subprocess.run(line_of(command.words(1)), cwd=place, env=environment(NUMBRAGG_CACHE_DIR=str(cache)),
                          text=True, capture_output=True, timeout=600)


def run(command, folder, count, seed, report=print):
    """Flip so many bits, one at a time. Returns in which ways runs went wrong."""
    chance, faults = random.Random(seed), Counter()
    first = _run(command, folder / "first", folder / "cache")
    if first.returncode:
        raise RuntimeError(first.stderr)
    wanted, noted = content(folder / "first", command), 0
    files = sorted(path for path in (folder / "cache").rglob("*") if path.is_file() and path.stat().st_size)
    for number in range(count):
        target, cache, place = chance.choice(files), folder / "damaged", folder / "place"
        shutil.copytree(folder / "cache", cache)
        damaged = cache / target.relative_to(folder / "cache")
        damage = bytearray(damaged.read_bytes())
        place_of, bit = chance.randrange(len(damage)), chance.randrange(8)
        damage[place_of] ^= 1 << bit
        damaged.write_bytes(damage)
        ended = _run(command, place, cache)
        wrong = []
        if ended.returncode:
            wrong.append("crash" if ended.returncode < 0 else "exit status")
        elif content(place, command) != wanted:
            wrong.append("wrong image")
        if TRACEBACK in ended.stderr:
            wrong.append("traceback")
        noted += bool(ended.stderr.strip())
        # what was damaged is mended, so that the next run finds nothing to say
        again = _run(command, folder / "again", cache) if number % 10 == 0 else None
        if again is not None and (again.returncode or again.stderr.strip()):
            wrong.append("not mended")
        for word in wrong:
            faults[word] += 1
            report(f"bits, {target.name} byte {place_of} bit {bit}: {word}: exit {ended.returncode}: "
                   f"{ended.stderr.strip()[-300:]}")
        for used in (cache, place, folder / "again"):
            shutil.rmtree(used, ignore_errors=True)
    report(f"bits: {count} flipped, {noted} told, faults: {dict(faults) or 'none'}")
    return faults
