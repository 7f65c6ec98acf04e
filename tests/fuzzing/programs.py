"""Random command lines of the drop-ins for nonBragg and noisify, from their own tables."""

import random

from option_tools import spellings

from numbragg.programs.noisify_words import NOISIFY
from numbragg.programs.nonbragg_words import NONBRAGG

from .cases import Case, Content
from .lines import EDGE, ODD_NAMES, OWN_POOL, SANE, WRONG
from .seeds import ODD, VALID

__all__ = ["random_program"]

_INPUTS = {"-stol": "stol", "-4stol": "stol", "-Q": "stol", "-sourcefile": "sources", "-img": "smv", "-header": "smv"}
_COUNTS = "-1 0 1 2 3".split()
_EARLY = ("--help", "--version")


def _value(r, option, mood):
    if mood == "wrong" and r.random() < 0.12:
        return r.choice(WRONG)
    if option.kind == "choice":
        return r.choice(option.choices())
    if option.name.startswith("-detpixels"):
        return r.choice("01358")
    if mood != "sane" and option.kind != "whole" and option.name not in OWN_POOL and r.random() < 0.2:
        return r.choice(EDGE)
    return r.choice(OWN_POOL.get(option.name, _COUNTS if option.kind == "whole" else SANE))


def _group(r, option, mood, files):
    """An option with its values, and the file it reads."""
    word = r.choice(spellings(option))
    if option.kind != "file":
        return word, *(_value(r, option, mood) for _ in option.values)
    if mood == "wrong" and r.random() < 0.2:
        return word, r.choice([name for name in ODD_NAMES if not name.startswith("folder")])
    if option.name not in _INPUTS:
        return word, f"out{len(files)}{r.randint(0, 9)}"
    kind = _INPUTS[option.name]
    name = f"{kind}{len(files)}"
    files[name] = Content(r.choice(ODD[kind]) if mood != "sane" and r.random() < 0.5 else VALID[kind])
    return word, name


def random_program(seed, number):
    """The case of a seed and a number."""
    label = f"programs {seed} {number}"
    r = random.Random(label)
    mood, files = r.choices(("sane", "edge", "wrong"), (5, 4, 3))[0], {}
    program, known = r.choice((("nonbragg", NONBRAGG), ("noisify", NOISIFY)))
    table = [option for option in known.table if option.name not in _EARLY
             and not (program == "noisify" and option.name == "-floatfile")]
    groups = [("-detpixels", r.choice("135")), ("-seed", "1")] if r.random() < 0.9 else []
    if program == "nonbragg":
        groups.append(_group(r, next(option for option in table if option.name == "-stol"), mood, files))
        groups += [("-pixel", "1")] if r.random() < 0.9 else []
    else:
        name = r.choice(("in.bin", "floatimage.bin"))
        zeros = bytes(r.choice((36, 100, 4, 35, 0)))
        files[name] = Content(zeros if r.random() < 0.3 else b"\0\0\x80?\0\0 A\0\0zD" * 3)
        groups.append(("-floatfile", name) if name == "in.bin" or r.random() < 0.5 else (name,))
    groups += [_group(r, option, mood, files) for option in r.sample(table, r.randint(0, 8))]
    groups += [("--quiet",)] if r.random() < 0.3 else []
    r.shuffle(groups)
    return Case(label, ((program,), *groups), files)
