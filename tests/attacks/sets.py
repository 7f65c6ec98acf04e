"""Commands that write a set of files, and what is in a folder after one of them ended somehow."""

from dataclasses import dataclass, field
import hashlib
import os
from pathlib import Path
import shutil
import subprocess
import sys
import tempfile

#: What Python says where an exception went through.
TRACEBACK = "Traceback (most recent call last)"

CRYSTAL = "-default_F 100 -cell 80 80 80 90 90 90 -N 5 -lambda 1.2 -distance 100 -pixel 0.2".split()

#: A detector that counts, with everything that a response may have and that costs little.
RESPONSE = 'dtype = "uint16"\nreadout_adu = 2.0\noffset_adu = 40.0\n'


@dataclass
class Command:
    """A command whose files depend on one number.

    Attributes
    ----------
    name : str
    words : callable
        Takes the number, returns the words.
    inputs : dict
        Files that it reads, by name.
    also : tuple of str
        How names of files begin that an interrupted run may leave on purpose, to go on with.
    killed : tuple of str
        Names of files that only a run that is killed leaves, and the next of these words takes away.
    make : callable or None
        Takes a folder and the number, and makes there what else is read.
    out : str
        The folder of the outputs, in that in which it runs.
    only : tuple of str
        Names of the outputs, where that folder has other files, too.
    """

    name: str
    words: object
    inputs: dict = field(default_factory=dict)
    also: tuple = ()
    killed: tuple = ()
    make: object = None
    out: str = "."
    only: tuple = ()


def _image(pixels, steps):
    def words(number):
        return [*CRYSTAL, "-detpixels", str(pixels), "-mosaic", "1", "-mosaic_dom", str(steps), "-seed", str(number),
                "-mosaic_seed", str(number), "-phi", str(number), "-nonoise", "--png", "picture.png",
                "--npy", "image.npy"]

    return words


def _scan(*output):
    def words(number):
        return ["scan", "--frames", "6", *output, *CRYSTAL, "-detpixels", "160", "-osc", "1", "-phi", str(10 * number),
                "-mosaic", "1", "-mosaic_dom", "40", "-seed", "3"]

    return words


def _counted(number):
    return [*CRYSTAL, "-detpixels", "200", "-phi", str(number), "-seed", "5", "--background",
            "water:20um,air:20mm", "--response", "response.toml", "--counts", "counts.img", "--npy", "image.npy"]


def _readable(number):
    return [*CRYSTAL, "-detpixels", "120", "-phi", str(number), "-seed", "5", "--nexus", "image.nxs", "--cbf",
            "image_0001.cbf", "--smv-readable", "image_0001.img", "--tiff", "image.tif", "--geom", "image.geom",
            "--expt", "image.expt", "--xds-inp", "XDS.INP", "--counts", "counts.h5"]


def _noisify(number):
    return ["noisify", "-floatfile", "in.bin", "-detpixels", "200", "-distance", "100", "-seed", str(number), "-psf",
            "fiber"]


def _view(number):
    return ["view", f"image{number}.pgm", "--html", "page.html", "--png", "page.png"]


def _nonbragg(number):
    return ["nonbragg", "-stol", "table.stol", "-detpixels", "300", "-pixel", "0.2", "-distance", "100", "-thick",
            str(number), "-seed", "1"]


def _compare(number):
    return ["compare", f"image{number}.pgm", f"image{number}.pgm", "--json", "account.json", "--png", "account.png"]


def _plateau(number):
    return ["plateau", f"image{number}.pgm", "--csv", "account.csv", "--png", "account.png"]


def _trace(number):
    return ["trace", "40", "50", "--output", "trace.txt", *CRYSTAL, "-detpixels", "100", "-phi", str(number)]


# -- campaigns

#: Shots that take some milliseconds, in some files.
CAMPAIGN = """\
[campaign]
shots = {shots}
seed = {seed}
shots_per_file = 2

[structure]
constant = 100.0

[detector]
pixels = {pixels}
pixel_mm = {pixel_mm}
distance_mm = 60.0

[beam]
fluence_photons_per_m2 = 1e25
size_mm = 0.01

[crystal]
cell = [60, 60, 80, 90, 90, 90]
n_cells = 20
shape = "gauss"
spot_metric = "hkl"

[sampling]
oversample = 1

[vary.orientation]
distribution = "uniform"
"""

#: Campaigns by their words, made once for a whole attack.
_made = {}


def _campaign(seed, shots=10):
    """A folder with a campaign of which no tables of all shots are made."""
    if (seed, shots) not in _made:
        held = tempfile.TemporaryDirectory()
        place = Path(held.name)
        (place / "set.toml").write_text(CAMPAIGN.format(
            shots=10, seed=seed, pixels=[90, 80], pixel_mm=0.3) + "\n[labels]\nspots = true\n")
        subprocess.run(line_of(["campaign", "run", "set.toml", "--out", "out", "--shots", str(shots), "--shard", "0/1",
                                "--quiet"]), cwd=place, env=environment(), check=True)
        # of what time it took a page would tell
        shutil.rmtree(place / "out" / "log", ignore_errors=True)
        _made[seed, shots] = held, place / "out"
    return _made[seed, shots][1]


def _two_campaigns(place, _):
    for seed in (1, 2):
        shutil.copytree(_campaign(seed), place / f"campaign{seed}", dirs_exist_ok=True)
    (place / "export").mkdir(exist_ok=True)


def _one_campaign(place, number):
    """A campaign of some shots and then of more, where the tables of those from before are."""
    shutil.copytree(_campaign(1, 4 if number == 1 else 10), place / "campaign", dirs_exist_ok=True)


TABLES = ("truth.parquet", "spots.parquet", "manifest.json")
IMAGES = {f"image{number}.pgm": "P2 60 40 255\n" + f"{number} 9 7\n" * 800 for number in (1, 2)}

COMMANDS = [
    Command("image", _image(160, 10)),
    Command("many steps", _image(300, 60)),
    Command("reflections", lambda number: [*_image(120, 5)(number), "-hkl", "list.hkl"],
            {"list.hkl": "".join(f"{h} {k} {l} {100 + 7 * h + k}\n" for h in range(-9, 10) for k in range(-9, 10)
                                 for l in range(-9, 10))}),
    Command("counted", _counted, {"response.toml": RESPONSE}),
    Command("scan, NXmx", _scan("--nexus", "series.nxs"), also=("series.nxs.partial",)),
    Command("scan, images", _scan("--images", "frame_####.img"), also=("frame_####.img.partial", "frame_0")),
    Command("scan, counted", _scan("--nexus", "series.nxs", "--background", "water:20um", "--response",
                                   "response.toml"), {"response.toml": RESPONSE}, also=("series.nxs.partial",)),
    Command("readable files", _readable),
    Command("noisify", _noisify, {"in.bin": "?@AB" * 200 ** 2}),
    Command("view", _view, IMAGES),
    Command("nonbragg", _nonbragg, {"table.stol": "0.0 2.5\n0.1 3\n0.3 5\n0.6 2\n"}),
    Command("compare", _compare, IMAGES),
    Command("plateau", _plateau, IMAGES),
    Command("trace", _trace),
    Command("campaign merge", lambda number: ["campaign", "merge", "campaign"], make=_one_campaign, out="campaign",
            only=TABLES),
    Command("campaign report", lambda number: ["campaign", "report", f"campaign{number}", "--out", "page.html"],
            make=_two_campaigns),
    Command("campaign export, resonet", lambda number: ["campaign", "export", f"campaign{number}", "--layout",
                                                        "resonet", "--out", "set.h5"], make=_two_campaigns,
            killed=("set.h5.partial",)),
    Command("campaign export, braggnn", lambda number: ["campaign", "export", f"campaign{number}", "--layout",
                                                        "braggnn", "--out", "export"], make=_two_campaigns,
            out="export", killed=("frames-exp4train.hdf5.partial", "peaks-exp4train-psz11.hdf5.partial")),
]


def line_of(words):
    """The words of a process of its own."""
    return [sys.executable, "-m", "numbragg", *words]


def environment(**more):
    """The environment of all runs: dates that do not pass, so that the same command writes the same bytes."""
    return {**os.environ, "SOURCE_DATE_EPOCH": "1700000000", **more}


def prepare(command, folder, number=1):
    """Make a folder with what a command reads."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in command.inputs.items():
        (folder / name).write_text(content)
    if command.make is not None:
        command.make(folder, number)
    return folder


def hidden(command, folder):
    """Names of files in the folder of the outputs that are of no use, and of nobody."""
    return [path.name for path in (Path(folder) / command.out).iterdir() if path.name.startswith(".numbragg")]


def finish(command, folder, number):
    """Run a command to its end. Returns the finished process."""
    return subprocess.run(line_of(command.words(number)), cwd=folder, env=environment(), text=True, capture_output=True,
                          timeout=600)


def content(folder, command):
    """Hash of every file in a folder that is seen there, by name; without what the command reads."""
    out = {}
    # a folder of a campaign's has how long it took
    for path in sorted(path for path in (Path(folder) / command.out).iterdir() if path.is_file()):
        if path.name in command.only or not (command.only or path.name.startswith(".") or path.name in command.inputs):
            out[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return out


class Sets:
    """What a command writes with two numbers: the files that are there before an attack, and those after it."""

    def __init__(self, command, folder):
        self.command, self.folder, self.wanted = command, Path(folder), {}
        for number in (1, 2):
            place = prepare(command, self.folder / f"whole {number}", number)
            ended = finish(command, place, number)
            if ended.returncode:
                raise RuntimeError(f"{command.name}: {ended.stderr}")
            self.wanted[number] = content(place, command)
        if self.wanted[1] == self.wanted[2] or set(self.wanted[1]) != set(self.wanted[2]):
            raise RuntimeError(f"{command.name}: the two sets cannot be told apart")

    def begin(self, name):
        """A new folder that holds the files of the first number."""
        place = self.folder / name
        shutil.copytree(self.folder / "whole 1", place)
        return prepare(self.command, place, 2)

    def which(self, place, killed=False):
        """1 or 2 if the folder holds just the files of that number, 0 for a mixture.

        A series writes its files one after the other: those that are there are whole, of one number or the other.
        """
        found = content(place, self.command)
        passed = {*self.command.also, *(self.command.killed if killed else ())}
        kept = {name: value for name, value in found.items() if name not in passed}
        for number, wanted in self.wanted.items():
            if kept == wanted:
                return number
        if any(name.startswith(start) for name in kept for start in self.command.also) and all(
                value in (self.wanted[1].get(name), self.wanted[2].get(name)) for name, value in kept.items()):
            return 1
        return 0
