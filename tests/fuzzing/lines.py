"""Random command lines from the table of options, with small scenes and small files."""

import random

from option_tools import spellings

from numbragg.command_line.panels import OF_A_PLANE
from numbragg.command_line.table import TABLE

from .cases import Case, Content
from .seeds import ODD, VALID

__all__ = ["WRONG", "random_line"]

SANE = "0 1 -1 0.5 2.5 7 30 90 -90 180 1e-3 100".split()
EDGE = ("-0 0.0 0x10 0x1p-3 1e-320 5e-324 1e308 -1e308 1e30 1e19 -1e-5 .5 5. +1 007 1E2 359.9999999 1e-30 1e15"
        " 12345.678 2147483648 -7").split()
WRONG = ("", "nan", "NaN", "-nan", "inf", "-inf", "infinity", "1e400", "-1e400", "0x1p5000", "abc", "1,5", "1_0", "1mm",
         "0x", "1e", "--1", "1 2", " 1", "1 ", "1\n", "\n", "\t", "\u0663", "\u00e9", "1\u00a0", "\udcff", "9" * 400,
         "x" * 5000, "1;", "1e99999999999999999999", "-", "--", "=", "\x7f", "\x1b[31m", "\u202e1", "\U0001d7d9",
         "-x", "1.5.2", "None")

#: Numbers of steps and pixels are kept small: what is tried is reading, not speed.
COUNTS = "-3 -1 0 1 2 3 -0 +2 007 2.0".split()
OWN_POOL = {name: COUNTS for name in ("-mosaic_dom -phisteps -hdivsteps -vdivsteps -divsteps -dispsteps"
                                      " -detector_thicksteps -oversample").split()} | {
    name: "0 1 3 5 8".split() for name in "-detpixels -detpixels_f -detpixels_s".split()} | {
    "-roi": "-1 0 1 3 4 9 -5".split(), "-printout_pixel": "0 1 4 -1 9".split(), "--threads": "1 2 3 0 -1 64".split(),
    "--device": "0 1 -1".split(), "-N": "1 2 5 -3 0 1000000".split(), "-Na": "1 3 20 2147483647".split(),
    "-pixel": "0.1 0.05 1 5".split(), "-lambda": "0.5 1 6.2".split(), "-energy": "100 12398.42 1e5".split(),
    "-detsize": "0.1 0.5 1".split(), "-detsize_f": "0.1 0.5 1".split(), "-detsize_s": "0.1 0.5 1".split(),
    "-distance": "100 -50 3 1e6".split(), "-hdiv": ["0"], "-vdiv": ["0"], "-mosaic_seed": "1 -1 0 2147483647".split(),
    "--background": ("water:5um air:-30mm..20mm ice:1um water:5um,air:9mm water:5um:0.9:18 air water:0um :5um "
                     "water:-1um oil.stol:5um:1:18 water:1e300m air:50mm..-1mm water:5um, water:nanum").split(),
    "--png-rings": "auto 8,4,2 2.5 1e400 3,,1 0 -2 1e-3,900".split(),
    "--date": "2026-11-26T22:00:00Z 2026-11-26 1970-01-01T00:00:00+02:00 0001-01-01".split(),
    "-cell": "50 60 70 80 90 100 120".split(), "-seed": "1 -1 0 2147483647 -2147483648".split(),
}
#: Options whose edges would be a matter of hours or of gigabytes.
NO_EDGE = {name for name, pool in OWN_POOL.items() if pool is COUNTS} | {"-detpixels", "-detpixels_f", "-detpixels_s"}
WHOLE_WRONG = ("2147483648", "-2147483649", "99999999999999999999", "1e3", "2.5", "0x2", "1e1")

INPUTS = {"-mat": "matrix", "-hkl": "hkl", "-dump": "dump", "-img": "smv", "-mask": "smv", "-sourcefile": "sources",
          "-stol": "stol", "-4stol": "stol", "-Q": "stol", "--spectrum": "spectrum", "--response": "response"}
ENDINGS = {"--tiff": ".tif", "--npy": ".npy", "--png": ".png", "--stats-json": ".json", "-pgmfile": ".pgm",
           "--nexus": ".nxs", "--crystfel": ".h5", "--cbf": ".cbf",
           "--smv-readable": ".img", "--counts": None, "--geom": ".geom", "--expt": ".expt",
           "--xds-inp": ".INP", "-floatfile": ".bin", "-intfile": ".img", "-noisefile": ".img", "-stolout": ".stol"}
#: Of `--counts`, which has several.
COUNTED = (".npy", ".img", ".tif", ".h5", ".cbf", ".nxs")
ODD_NAMES = ("missing/x", "folder", "", ".", "..", "folder/", "x" * 300, "a b", "\u00e9.bin", "line\nend", "\udcff.bin",
             "/dev/null", "folder/y", "-", "-x.img", "x.img", "x.tif.gz", "x.png", "X.NPY", "x::y[1]", "%s%n", "x.",
             "~", "*.img",
             "folder/../z", "./w")
#: Of other programs, of other spellings, of the documentation's.
FOREIGN = (("-i", "3"), ("--verbose",), ("-o", "out.cbf"), ("--output=x.cbf",), ("-nocuda",), ("-dispstep", "1"),
           ("-thick", "1"), ("-hdivrange=3",), ("--threads=2",), ("--threads=",), ("--quiet=1",),
           ("-source_distance", "10"), ("-xbeam", "1"), ("-CELL", "50"), ("-lamda", "1"), ("--",), ("-",),
           ("image.img",), ("-adcoffset", "10"), ("-np", "4"), ("-h=1",), ("---quiet",), ("-oversample_thick", "1"),
           ("-seed=1",), ("@file",), ("-detector_thickness", "1"))


class _Line:
    """One command line in the making."""

    def __init__(self, r, number):
        self.r, self.files, self.number = r, {}, number
        self.mood = r.choices(("sane", "edge", "wrong"), (5, 4, 3))[0]
        self.outputs = 0

    def value(self, option, at):
        r = self.r
        pool = OWN_POOL.get(option.name, SANE)
        if option.kind == "choice":
            pool = option.choices()
        elif option.kind == "whole" and option.name not in OWN_POOL:
            pool = "1 2 5 3.0 0 -1".split()
        elif option.kind == "vector":
            pool = "0 1 -1 0.5 0.1 3".split()
        elif option.name == "-cell":
            pool = pool[:5] if at < 3 else pool[2:]
        if self.mood != "sane" and r.random() < 0.2 and option.name not in NO_EDGE and option.kind != "choice":
            return r.choice(EDGE)
        if self.mood == "wrong" and r.random() < 0.12:
            return r.choice(WHOLE_WRONG if option.kind == "whole" and r.random() < 0.4 else WRONG)
        if self.mood == "sane" and option.rule is not None and option.kind != "text":
            pool = [word for word in pool if option.rule.holds(float(word))]
        return r.choice(pool)

    def file(self, option):
        r = self.r
        if option.name in ENDINGS:
            if self.mood == "wrong" and r.random() < 0.3 or self.mood == "edge" and r.random() < 0.1:
                name = r.choice((*ODD_NAMES, *self.files))
                if name.startswith("folder"):
                    self.files.setdefault("folder", None)
                return name
            self.outputs += 1
            return f"out{self.outputs}{ENDINGS[option.name] or r.choice(COUNTED)}"
        kind = INPUTS[option.name]
        name = f"{kind}{len(self.files)}"
        if self.mood == "wrong" and r.random() < 0.25:
            self.files.setdefault("folder", None)
            if r.random() < 0.5:
                return r.choice(ODD_NAMES)
            kind = r.choice(sorted(VALID))
        odd = self.mood != "sane" and r.random() < 0.5
        self.files[name] = Content(r.choice(ODD[kind]) if odd else VALID[kind])
        return name

    def group(self, option):
        """An option with its values; rarely one too few or too many."""
        r = self.r
        word = r.choice(spellings(option))
        if option.kind == "file":
            words = [word, self.file(option)]
        elif option.kind == "misset" and r.random() < 0.4:
            words = [word, r.choice(("random", "rand", "randomly", "Random"))]
        elif option.kind == "depth" and r.random() < 0.3:
            words = [word, r.choice(("inf", "infinity", "Inf", "info"))]
        else:
            count = len(option.values)
            if option.kind == "cell":
                count = r.choice((1, 3, 6, 6, 6))
            words = [word, *(self.value(option, i) for i in range(count))]
        if self.mood == "wrong" and r.random() < 0.03:
            words = words[:-1] or words
        if self.mood == "wrong" and r.random() < 0.02:
            words.append(r.choice(("1", "x", "")))
        return tuple(words)


def _on_panels(r, line, groups):
    """The same with panels of a file in the place of the plane; rarely with a word that does not go with them."""
    line.files["panels.geom"] = Content(r.choice(ODD["geom"]) if r.random() < 0.3 else VALID["geom"])
    of_a_plane = {word for option in TABLE if option.name in OF_A_PLANE for word in spellings(option)}
    kept = [group for group in groups if group[0] not in of_a_plane or line.mood == "wrong" and r.random() < 0.1]
    named = r.choice(("eiger2-4m", "x.expt")) if r.random() < 0.1 else "panels.geom"
    kept.append(("--detector", named))
    if named == "x.expt" and r.random() < 0.5:
        kept.append(("--detector-model", r.choice(("0", "1", "7"))))
    if r.random() < 0.3:
        kept.append(("--crystfel", f"panels{r.choice(('.h5', '.cxi', '', '.png'))}"))
    if r.random() < 0.3:
        kept.append(("--panel-layout", r.choice(("whole", "stacked", "stacked", "none"))))
    if r.random() < 0.3:
        kept += [("--tiff", "panels.tif"), ("--tiff-type", r.choice(("float32", "uint16", "uint32")))]
    if r.random() < 0.3:
        kind, percent = r.choice(("sase", "gaussian", "tophat", "pink")), r.choice(("0.3", "1", "", "-1"))
        kept.append(("--spectrum", f"{kind}:{percent}"))
    return kept


_BY_NAME = {option.name: option for option in TABLE}
_EARLY = ("--help", "--version")
_RARE = ("--png", "--backend", "--device", *_EARLY)  # slow, or without effect on the rest


def random_line(seed, number):
    """The case of a seed and a number."""
    label = f"lines {seed} {number}"
    r = random.Random(label)
    line = _Line(r, number)
    groups = [("-detpixels", r.choice("1355")), ("-seed", r.choice(("1", "2", "-7"))), ("-oversample", r.choice("112"))]
    drawn = [option for option in r.sample(TABLE, r.randint(0, 9)) if option.name not in _RARE or r.random() < 0.15]
    drawn += [r.choice(drawn) for _ in range(2) if drawn and r.random() < 0.15]
    if r.random() < 0.97:
        drawn.append(_BY_NAME[r.choice(("-cell", "-cell", "-cell", "-mat"))])
    if r.random() < 0.35:
        drawn.append(_BY_NAME["-hkl"])
    elif r.random() < 0.1:
        line.files["Fdump.bin"] = Content(r.choice((VALID["dump"], *ODD["dump"])))
    groups += [("-default_F", "100")] if r.random() < 0.93 else []
    groups += [("--quiet",)] if r.random() < 0.3 else []
    if r.random() < 0.06:
        # else a response would seldom have counts that it is of
        drawn += [_BY_NAME["--response"], _BY_NAME[r.choice(("--counts", "--counts", "--cbf", "--smv-readable"))]]
    groups += [line.group(option) for option in drawn]
    if line.mood == "wrong" and r.random() < 0.15:
        groups.append(r.choice(FOREIGN))
    r.shuffle(groups)
    if r.random() < 0.06:
        groups = _on_panels(r, line, groups)
    if r.random() < 0.01:
        words = [r.choice(WRONG), r.choice(spellings(r.choice(TABLE))), r.choice(("trace", "beam", "bash", "zsh"))]
        first = r.choice(("help", "completion", "selftests", r.choice(WRONG)))
        return Case(label, ((first, *words[r.randint(0, 3):]),))
    if r.random() < 0.04:
        groups.insert(0, ("trace", r.choice("0129"), r.choice("0123")))
        groups += [("--steps", r.choice(("0", "1", "5", "all")))] if r.random() < 0.3 else []
        groups += [(r.choice(("--text", "--json", "--csv")),)] if r.random() < 0.5 else []
    return Case(label, tuple(groups), line.files)
