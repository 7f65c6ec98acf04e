"""A C binary on the same words and files: whether it makes the same image."""

import os
import re
import subprocess

import live_c
from option_tools import spellings

from numbragg.command_line.early import EARLY
from numbragg.command_line.table import TABLE

from .checks import Failure

__all__ = ["compared", "refusal", "run_c"]

_OWN = {word for option in TABLE if option.own for word in spellings(option)}
#: Words of ours that leave the C program's own files as they are; any other may make another image.
_BESIDE = {word for option in TABLE if option.own for word in spellings(option)
           if "also write" in option.text or option.name in (
               "--revision", "--precision", "--summation", "--backend", "--device", "--threads", "--quiet", "--date",
               "--tiff-type", "--png-rings", "--response", "--help", "--version")}
#: Seconds and KiB that it may take; it stops at nothing.
_SECONDS, _MEMORY = 4, 2_000_000


def c_words(case):
    """The words that are the C program's."""
    return [word for group in case.groups if group[0].partition("=")[0] not in _OWN for word in group]


def run_c(binary, words, folder):
    """Whether it ends normally."""
    try:
        done = subprocess.run(["sh", "-c", f'ulimit -v {_MEMORY}; ulimit -f 20000; ulimit -c 0; exec "$@"', "sh",
                               binary, *map(os.fsencode, words)],
                              cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, timeout=_SECONDS,
                              env={**os.environ, "OMP_NUM_THREADS": "1"})
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def comparable(case):
    """Whether the image of the words depends on nothing but them: no clock, no word that only we know."""
    words = case.words
    random = any("misset" in word for word in words) and any("rand" in word for word in words)
    clock = random and not any("misset_seed" in word for word in words)
    return (words and words[0].startswith("-") and not clock and not any(word in EARLY for word in words)
            and not any(word.partition("=")[0] in _OWN - _BESIDE for word in words))


def compared(case, ours, theirs, line):
    """Compare the files that both wrote, the float image first; raise `Failure` where they differ."""
    names = line.outputs
    kinds = [("float image", names.floatfile), ("int image", names.intfile)]
    kinds += [("grey image", names.pgmfile)] if names.write_pgm else []
    kinds += [("noise image", names.noisefile)] if names.calculate_noise else []
    kinds += [("dump", line.files.dump)] if line.files.hkl else []
    for kind, name in kinds:
        name = os.path.normpath(name)
        if name == os.devnull or ours.get(name) is None:
            continue
        if theirs.get(name) != ours[name]:
            other = theirs.get(name)
            raise Failure(f"C: {kind}", f"{name}: {'not there' if other is None else _difference(ours[name], other)}")


def _difference(ours, theirs):
    if len(ours) != len(theirs):
        return f"{len(ours)} bytes, the C program's has {len(theirs)}"
    differing = [i for i in range(len(ours)) if ours[i] != theirs[i]]
    first = differing[0] // 4 * 4
    return (f"{len(differing)} of {len(ours)} bytes differ; at {first} {ours[first:first + 8].hex()}, the C program has"
            f" {theirs[first:first + 8].hex()}")


def refusal(message):
    """A message of ours without what differs from case to case."""
    text = message.removeprefix("numbragg: error: ").strip()
    text = re.sub(r"^(Fdump|hkl|matrix|sources|stol|dump|smv|file|[ab]\.[a-z0-9.:]*)[^ ,]*(,? )", r"\1\2", text)
    text = re.sub(r"'[^']*'|\"[^\"]*\"", "'...'", text)
    return re.sub(r"(?<![A-Za-z_])[-+.0-9][^\s;,:)]*", "#", text)[:140]


revision_of = live_c.revision_of
