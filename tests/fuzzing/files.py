"""Damaged files of every kind that is read, each for the command that takes it."""

from dataclasses import replace
import random
import re

from .cases import Case, Content
from .lines import WRONG
from .seeds import IMAGES, ODD, VALID, image_bytes, trace_bytes

__all__ = ["damaged", "random_file"]

SCENE = tuple("-cell 80 -default_F 100 -N 5 -detpixels 5 -oversample 1 -seed 1".split())
_SCENE_GROUPS = (("-cell", "80"), ("-default_F", "100"), ("-N", "5"), ("-detpixels", "5"), ("-oversample", "1"),
                 ("-seed", "1"))
#: Options that read a file, and its kind; and what the line then need not have.
_READ_BY = (("-hkl", "hkl"), ("-hkl", "hkl"), ("-mat", "matrix"), ("-sourcefile", "sources"), ("-stol", "stol"),
            ("-4stol", "stol"), ("-Q", "stol"), ("-dump", "dump"), ("-dump", "dump"), ("-img", "smv"), ("-mask", "smv"),
            ("--response", "response"))
_LEFT_OUT = {"-dump": ("-default_F",), "-img": ("-detpixels",), "-mask": ("-detpixels",), "-mat": ("-cell",)}
_LOGS = ("--text", "--json", "--csv", "-printout", "--stats-json")
_LINES = (b"Wavelength (A): 6.2\nfast = 1\nslow: 1\n distance = 100 mm\nomega_pixel = 1e-6 (sr)\npolar = nan\n"
          b"F_latt = inf\n")

_PIECES = (b"\n", b" ", b"-", b"9" * 12, b"e", b"\0", b"nan", b"=", b"1e9", b"\xff" * 4, b"1e400", b"\r\n", b"\f", b";",
           b"}", b"\0" * 64, b"\xef\xbb\xbf", b"[" * 50, b"{" * 50, b"0x", b"99999999999999999999", b"-1", b"\x80",
           b"#", b"\t")
_NUMBERS = (b"0", b"-1", b"1", b"2", b"255", b"65535", b"65536", b"2147483647", b"2147483648", b"4294967295", b"1e400",
            b"nan", b"inf", b"1e-320", b"0.5", b"", b"99999999999999999999", b"x", b"-0", b"1e3", b"30000", b"-inf")
_DIGITS = re.compile(rb"-?[0-9][0-9.e+-]*")


def _change(r, content):
    """One change of some bytes: where (a share of their length), how many go, what comes."""
    length = max(len(content), 1)
    # headers decide most, so half of all changes are near the start
    at = min(r.randrange(length), r.randrange(length)) if r.random() < 0.5 else r.randrange(min(length, 200))
    kind = r.choice(("bit", "bit", "byte", "cut", "insert", "repeat", "remove", "number", "number", "zero", "end",
                     "word"))
    place = (at + 0.5) / length
    if kind == "bit":
        old = content[at] if content else 0
        return place, 1, bytes([old ^ (1 << r.randrange(8))])
    if kind == "byte":
        return place, 1, bytes([r.choice((0, 255, 10, 32, 45, 57, r.randrange(256)))])
    if kind == "cut":
        return place, length, b""
    if kind == "repeat":
        return place, 0, content[at:at + r.choice((1, 8, 40, 200))] * r.choice((1, 1, 2, 20))
    if kind == "remove":
        return place, r.choice((1, 2, 7, 64)), b""
    if kind == "zero":
        return place, r.choice((4, 16)), bytes(r.choice((4, 16)))
    if kind == "end":
        return (length - 0.5) / length, 0, r.choice(_PIECES) * r.choice((1, 3, 50))
    if kind == "word":
        # a number of the length that binary headers have
        size = r.choice((2, 4, 8))
        number = r.choice((0, 1, 2, 2 ** 15, 2 ** 31 - 1, 2 ** 31, 2 ** 63, 2 ** 64 - 1, r.randrange(2 ** 32)))
        return place, size, (number % 2 ** (8 * size)).to_bytes(size, r.choice(("little", "big")))
    found = list(_DIGITS.finditer(content[:4000]))
    if kind == "number" and found:
        match = r.choice(found)
        return (match.start() + 0.5) / length, len(match[0]), r.choice(_NUMBERS)
    return place, 0, r.choice(_PIECES)


def damaged(r, base, packed=""):
    """Contents made from valid ones by up to five changes, each drawn for what the one before left."""
    content = Content(base, (), packed, outside=bool(packed) and r.random() < 0.3)
    for _ in range(r.choice((0, 1, 1, 1, 2, 2, 3, 5))):
        now = content.damage(content.pack(base) if content.outside else base)
        content = replace(content, changes=(*content.changes, _change(r, now)))
    return content


def _any_base(r):
    """Valid content of any kind at all."""
    kind = r.choice((*VALID, *IMAGES, *_LOGS))
    if kind in VALID:
        return VALID[kind]
    return image_bytes(kind) if kind in IMAGES else trace_bytes(SCENE, kind)


def _image_run(r, label):
    option, kind = r.choice(_READ_BY)
    base = _any_base(r) if r.random() < 0.08 else r.choice((VALID[kind], VALID[kind], r.choice(ODD[kind])))
    left_out = _LEFT_OUT.get(option, ())
    groups = [group for group in _SCENE_GROUPS if group[0] not in left_out or r.random() < 0.3]
    if option == "--response":
        groups.append(("--counts", r.choice(("c.npy", "c_1.img", "c.tif", "c.h5"))))
    groups += [(option, "file")] + ([("--quiet",)] if r.random() < 0.4 else [])
    return Case(label, tuple(groups), {"file": damaged(r, base)})


def _name(r, kind, packed):
    ending = IMAGES[kind]
    if r.random() < 0.1:
        ending = r.choice((*IMAGES.values(), ".raw", ".mccd", "", ".npz", ".hdf5", ".nxs"))
    if packed and r.random() < 0.8:
        ending += {"gzip": ".gz", "bzip2": ".bz2"}[packed]
    return "a" + ending


def _odd_option(r, command):
    """An option with a value that may be wrong."""
    number = lambda: r.choice(_NUMBERS).decode() if r.random() < 0.5 else r.choice(WRONG)
    names = ("--peaks", "--within", "--min-correlation", "--max-ulp", "--at-least") if command == "compare" else ()
    option = r.choice((*names, "--shape", "--roi", "--unknown", "-x"))
    if option == "--shape":
        return option, f"{number()}x{number()}"
    return option, *(number() for _ in range(4 if option == "--roi" else 1))


def _compared(r, label):
    kind = r.choice(tuple(IMAGES))
    packed = r.choice(("", "", "", "gzip", "bzip2"))
    base = _any_base(r) if r.random() < 0.05 else image_bytes(kind)
    name = _name(r, kind, packed)
    files = {name: damaged(r, base, packed)}
    dataset = r.choice(("", "", "::/entry/data/data", "::/entry/data/data[0]", "::/entry/data/data[7]", "::/x", "::"))
    said = name + (dataset if kind.startswith("hdf5") else r.choice(("", "", "", "", "", "", "::/x")))
    if kind == "hdf5 stack" and r.random() < 0.7:
        said = name + "::entry/data/data[1]"
    command = r.choice(("compare", "plateau"))
    groups = [(command,), (said,)]
    if command == "compare":
        other = r.choice(("smv", "raw", "npy", "pgm", kind))
        second = "b" + IMAGES[other]
        files[second] = damaged(r, image_bytes(other)) if r.random() < 0.1 else Content(image_bytes(other))
        groups.insert(r.choice((1, 2)), (second + ("::entry/data/data[0]" if other == "hdf5 stack" else ""),))
    outputs = []
    if r.random() < 0.2:
        groups.append(("--shape", r.choice(("5x5", "25x1", "1x25", "2x2", "99999x9999"))))
    if r.random() < 0.2:
        groups.append(("--roi", *r.choice(("0 1 0 1", "1 4 0 4", "0 9 0 9", "0 0 0 0")).split()))
    if r.random() < 0.15:
        groups.append(_odd_option(r, command))
    if r.random() < 0.2:
        option = "--json" if command == "compare" else "--csv"
        outputs.append("account" + {"--json": ".json", "--csv": ".csv"}[option])
        groups.append((option, outputs[0]))
    elif r.random() < 0.2:
        groups.append(("--json", "-") if command == "compare" else ("--json",))
    if r.random() < 0.02:
        outputs.append("picture.png")
        groups.append(("--png", "picture.png"))
    return Case(label, tuple(groups), files, tuple(outputs))


def _traced(r, label):
    form = r.choice((*_LOGS, "lines"))
    base = _LINES if form == "lines" else trace_bytes(SCENE, form)
    if r.random() < 0.05:
        base = _any_base(r)
    groups = [("trace", "1", "1"), ("--against", "log"), *_SCENE_GROUPS]
    groups += [("--json",)] if r.random() < 0.2 else []
    return Case(label, tuple(groups), {"log": damaged(r, base)})


def random_file(seed, number):
    """The case of a seed and a number."""
    label = f"files {seed} {number}"
    r = random.Random(label)
    return r.choices((_image_run, _compared, _traced), (4, 5, 1))[0](r, label)
