"""CrystFEL's geometry files: panels, where they are, bad regions and masks; what else there is, is named, not used.

Rules are CrystFEL's: a line is `word = value` or `panel/word = value`, what follows a semicolon is a comment.  A word
without a panel is the default of the panels that are first named below it.  Lengths of vectors and corners are in
pixels, `res` is pixels per metre, `clen` and `coffset` are metres.
"""

import math
import re
from typing import NamedTuple

from ..notes import Loud, Untaken
from .bounded import check_regular
from .errors import format_error, shown
from .kinds import naming_the_kind
from .literals import INT_MAX, c_number, decimal

__all__ = ["BadRegion", "Geometry", "GeometryPanel", "Length", "Mask", "read_geom"]

#: A longer file is none of geometry [bytes].
LONGEST = 2 ** 26

_TERM = re.compile(r"([^xyz]*)([xyz])")
_UNITS = {"m": 1.0, "mm": 1e-3}
_EDGES = ("min_fs", "max_fs", "min_ss", "max_ss")
_LAB_EDGES = ("min_x", "max_x", "min_y", "max_y")

#: Words that say how values lie in a file or what they mean: read, and of no effect on where pixels are.
_OF_DATA = ("data", "adu_per_eV", "adu_per_photon", "max_adu", "saturation_map", "saturation_map_file", "flag_equal",
            "flag_lessthan", "flag_morethan", "badrow_direction", "peak_list", "peak_list_type", "peak_info_location",
            "bandwidth", "integr_radius", "peak_sep", "photon_energy_scale", "beam_bandwidth", "profile_radius")
_OF_BEAM = ("photon_energy", "wavelength", "electron_voltage")
_DIMENSION = re.compile(r"dim([0-9]{1,3})")
_MASK = re.compile(r"mask[0-7]_(data|file|goodbits|badbits)")
#: Older spellings.
_MASK_0 = {"mask": "mask0_data", "mask_file": "mask0_file", "mask_good": "mask0_goodbits", "mask_bad": "mask0_badbits"}
_LARGEST_BITS = 2 ** 32 - 1


class Length(NamedTuple):
    """A length as a file gives it: a number, or the place in an image where it stands."""

    metres: float | None
    place: str | None
    line: int


class BadRegion(NamedTuple):
    """Pixels that do not count: a rectangle of the data, both ends included, or one of the laboratory, without."""

    name: str
    panel: str | None
    in_data: bool
    edges: tuple  # min_fs, max_fs, min_ss, max_ss or min_x, max_x, min_y, max_y [pixels]
    line: int


class Mask(NamedTuple):
    """Where the values are that tell good pixels from bad ones, and which of their bits do."""

    number: int
    place: str  # in an HDF5 file
    file: str | None  # None: that of the image
    good: int  # bits that good pixels have, all of them
    bad: int  # bits of which good pixels have none
    line: int  # of the place


class GeometryPanel(NamedTuple):
    """A panel: places are corner + f fast + s slow, in pixels of 1/res metres."""

    name: str
    edges: tuple  # min_fs, max_fs, min_ss, max_ss in the data, both ends included
    fast: tuple  # x, y, z [pixels]
    slow: tuple
    corner: tuple  # x, y [pixels]
    res: float  # [pixels per metre]
    clen: Length | None  # of this panel only, as older files have it
    coffset: float  # [m], added to the camera length
    no_index: bool
    mask_edge_pixels: int
    masks: tuple  # of Mask
    dimensions: tuple  # of the data, the slowest first: "fs", "ss", "%" (an event's) or a whole number
    line: int  # where it is first named
    data: str  # where its pixels are in an HDF5 file


class Geometry(NamedTuple):
    """What a file says."""

    panels: tuple
    regions: tuple
    clen: Length | None
    shift: tuple  # of the detector along x and y: `Length` or None
    groups: dict  # names of panels or groups by the name of their group
    notes: tuple  # of str
    beam: tuple | None = None  # the word and the value that tell the wavelength


class _Reading:
    """What has been read so far."""

    def __init__(self, path):
        self.path = path
        self.defaults, self.panels, self.regions, self.groups = {}, {}, {}, {}
        self.top = {}
        self.ignored, self.unknown, self.unused = {}, {}, {}
        self.dimensions = set()

    def error(self, line, problem):
        return format_error(self.path, problem, line)


def read_geom(path):
    """A CrystFEL geometry file.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    Geometry

    Raises
    ------
    FileFormatError
        A line that breaks a rule, a panel that lacks something, or no panel at all; or a pipe.
    OSError
        The file cannot be read.
    """
    # by masks, and for files that are written in its layout
    check_regular(path, "a geometry")
    with open(path, "rb") as file:
        content = file.read(LONGEST + 1)
    if len(content) > LONGEST:
        raise format_error(path, f"is longer than {LONGEST} bytes; no geometry file is")
    with naming_the_kind(path, "a CrystFEL geometry", ("CrystFEL geometry",)):
        return _read(path, content)


def _read(path, content):
    reading = _Reading(path)
    # as CrystFEL has it, a carriage return ends a line; pairs would shift the numbers of lines
    lines = content.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    text = lines.decode("utf-8", "replace")
    for number, line in enumerate(text.split("\n"), 1):
        _read_line(reading, number, line.partition(";")[0].strip(" \t"))
    return _settled(reading)


def _quoted(text):
    return shown(text.encode("utf-8", "replace"))


def _read_line(reading, number, line):
    if not line:
        return
    key, equals, value = line.partition("=")
    key, value = key.strip(), value.strip()
    if not equals or not key:
        raise reading.error(number, f"{_quoted(line)} must be 'word = value' or 'panel/word = value'")
    owner, slash, word = key.partition("/")
    if not slash:
        _top_level(reading, number, key, value)
    elif owner.startswith("bad"):
        _region_word(reading, number, owner, word, value)
    else:
        if not owner:
            raise reading.error(number, f"{_quoted(key)} names no panel")
        if owner not in reading.panels:
            reading.panels[owner] = {"": (None, number)} | reading.defaults
            reading.unused = {}
        _panel_word(reading, number, reading.panels[owner], word, value)


# -- values


def _number(reading, line, word, value):
    number = decimal(value)
    if number is None:
        raise reading.error(line, f"{word}: {_quoted(value)} is not a number")
    return number


def _whole(reading, line, word, value):
    number = _number(reading, line, word, value)
    if number != int(number) or abs(number) > INT_MAX:
        raise reading.error(line, f"{word}: {_quoted(value)} must be a whole number of pixels, {INT_MAX} at most")
    return int(number)


def _truth(reading, line, word, value):
    known = {"true": True, "false": False}
    if value.lower() in known:
        return known[value.lower()]
    number = decimal(value)
    if number is None:
        raise reading.error(line, f"{word}: {_quoted(value)} must be true, false or a number")
    return number != 0.0


def _length(reading, line, word, value, of_image=True):
    """A length, or with `of_image` the place of one; a unit may follow after a blank or a tab."""
    text, unit = (*value.split(None, 1), "", "")[:2]
    if unit and unit not in _UNITS:
        raise reading.error(line, f"{word}: unit {_quoted(unit)} must be m or mm")
    number = decimal(text)
    if number is not None:
        return Length(number * _UNITS[unit or "m"], None, line)
    if not of_image or not text.startswith("/") and not text[:1].isalpha():
        raise reading.error(line, f"{word}: {_quoted(value)} must be a number, with m or mm behind it"
                                  + (", or a place in an image" if of_image else ""))
    return Length(None, value, line)


def _direction(reading, line, word, value):
    """x, y and z of a sum such as `-0.5x +y`."""
    text, place, found = value.replace(" ", "").replace("\t", ""), 0, [0.0, 0.0, 0.0]
    while place < len(text):
        term = _TERM.match(text, place)
        if term is None or (place and not term[1].startswith(("+", "-"))):
            break
        size = decimal(f"{term[1]}1" if term[1] in ("", "+", "-") else term[1])
        if size is None:
            break
        found["xyz".index(term[2])] += size
        place = term.end()
    if not text or place < len(text) or not all(map(math.isfinite, found)):
        raise reading.error(line, f"{word}: {_quoted(value)} must be a sum of numbers times x, y and z, such as "
                                  "-0.5x+0.9y")
    return tuple(found)


# -- words


def _top_level(reading, line, word, value):
    if word == "clen" or word in ("detector_shift_x", "detector_shift_y"):
        reading.top[word] = _length(reading, line, word, value)
    elif word in _OF_BEAM:
        reading.top["beam"] = word, value
    elif word.startswith(("rigid_group", "group_")):
        members = [name.strip() for name in value.split(",")]
        if not all(members):
            raise reading.error(line, f"{word}: {_quoted(value)} must be names, with commas between them")
        # names of groups are those of their panels' collections; which word defines them makes no difference here
        name = re.sub("^(rigid_group_collection_|rigid_group_|group_|rigid_group)", "", word)
        reading.groups[name] = (members, line)
    else:
        if _panel_word(reading, line, reading.defaults, word, value):
            reading.unused[word] = line


def _panel_word(reading, line, panel, word, value):
    """Enter a word of a panel. Returns whether it places pixels or leaves some out."""
    if word in _EDGES:
        number = _whole(reading, line, word, value)
        if number < 0:
            raise reading.error(line, f"{word}: {_quoted(value)} must not be negative")
        panel[word] = number, line
    elif word in ("fs", "ss"):
        panel[word] = _direction(reading, line, word, value), line
    elif word in ("corner_x", "corner_y"):
        panel[word] = _number(reading, line, word, value), line
    elif word == "res":
        number = _number(reading, line, word, value)
        if not number > 0.0 or not math.isfinite(1.0 / number):
            raise reading.error(line, f"res: {_quoted(value)} must be above 0 pixels per metre")
        panel[word] = number, line
    elif word == "coffset":
        panel[word] = _length(reading, line, word, value, of_image=False).metres, line
    elif word == "clen":
        panel[word] = _length(reading, line, word, value), line
    elif word == "no_index":
        panel[word] = _truth(reading, line, word, value), line
    elif word == "mask_edge_pixels":
        number = _whole(reading, line, word, value)
        if number < 0:
            raise reading.error(line, f"{word}: {_quoted(value)} must not be negative")
        panel[word] = number, line
    elif _MASK.fullmatch(word := _MASK_0.get(word, word)):
        panel[word] = _bits(reading, line, word, value) if word.endswith("bits") else value, line
    else:
        _other_word(reading, line, panel, word, value)
        return False
    return True


def _bits(reading, line, word, value):
    number = c_number(value)
    if number is None or number != math.floor(number) or not 0 <= number <= _LARGEST_BITS:
        raise reading.error(line, f"{word}: {_quoted(value)} must be a whole number of 32 bits, such as 0xff")
    return int(number)


def _other_word(reading, line, panel, word, value):
    """A word that places nothing: kept for the notes."""
    if _DIMENSION.fullmatch(word):
        if value not in ("fs", "ss", "%") and not value.isdecimal():
            raise reading.error(line, f"{word}: {_quoted(value)} must be fs, ss, % or a whole number")
        reading.dimensions.add(word)
        panel[word] = int(value) if value.isdecimal() else value, line
    elif word in _OF_DATA:
        reading.ignored.setdefault(word, line)
        if word == "data":
            panel[word] = value, line
    else:
        reading.unknown.setdefault(word, line)


def _region_word(reading, line, name, word, value):
    region = reading.regions.setdefault(name, {"": line})
    if word in _EDGES or word in _LAB_EDGES:
        others = _LAB_EDGES if word in _EDGES else _EDGES
        if any(other in region for other in others):
            raise reading.error(line, f"bad region {_quoted(name)}: {word} must not be mixed with edges of the other "
                                      "kind, fs and ss or x and y")
        read = _whole if word in _EDGES else _number
        region[word] = read(reading, line, word, value)
    elif word == "panel":
        region[word] = value
    else:
        reading.unknown.setdefault(f"{name}/{word}", line)


# -- the whole


def _settled(reading):
    if not reading.panels:
        raise format_error(reading.path, "describes no panel; one needs lines such as 'p0/min_fs = 0'")
    panels = tuple(_panel(reading, name, words) for name, words in reading.panels.items())
    regions = tuple(_bad_region(reading, name, words) for name, words in reading.regions.items())
    known = set(reading.panels) | set(reading.groups)
    for name, (members, line) in reading.groups.items():
        missing = next((member for member in members if member not in known), None)
        if missing is not None:
            raise reading.error(line, f"group {_quoted(name)}: {_quoted(missing)} is neither a panel nor a group")
    shift = tuple(reading.top.get(f"detector_shift_{axis}") for axis in "xy")
    return Geometry(panels, regions, reading.top.get("clen"), shift,
                    {name: tuple(members) for name, (members, _) in reading.groups.items()}, _notes(reading),
                    reading.top.get("beam"))


def _panel(reading, name, words):
    line = words[""][1]
    for word in (*_EDGES, "fs", "ss", "corner_x", "corner_y", "res"):
        if word not in words:
            raise reading.error(line, f"panel {_quoted(name)} has no {word}")
    edges = tuple(words[edge][0] for edge in _EDGES)
    for low, high, axis in ((*edges[:2], "fs"), (*edges[2:], "ss")):
        if low > high:
            raise reading.error(words[f"max_{axis}"][1], f"panel {_quoted(name)}: max_{axis}, {high}, must not be "
                                                         f"below min_{axis}, {low}")
    def value(word, otherwise):
        return words.get(word, (otherwise, line))[0]

    return GeometryPanel(name, edges, words["fs"][0], words["ss"][0], (words["corner_x"][0], words["corner_y"][0]),
                         words["res"][0], value("clen", None), value("coffset", 0.0), value("no_index", False),
                         value("mask_edge_pixels", 0), _masks(words), _dimensions(words), line,
                         value("data", "/data/data"))


def _masks(words):
    """The masks of a panel that have a place."""
    found = []
    for number in range(8):
        place, file, good, bad = (words.get(f"mask{number}_{what}", (otherwise, 0)) for what, otherwise in (
            ("data", None), ("file", None), ("goodbits", 0), ("badbits", 0)))
        if place[0]:
            found.append(Mask(number, place[0], file[0] or None, good[0], bad[0], place[1]))
    return tuple(found)


def _dimensions(words):
    given = {int(word[3:]): value for word, (value, _) in words.items() if _DIMENSION.fullmatch(word)}
    # as CrystFEL has them
    given = {0: "ss", 1: "fs"} | given
    return tuple(given[number] for number in sorted(given))


def _bad_region(reading, name, words):
    line = words[""]
    kinds = [kind for kind in (_EDGES, _LAB_EDGES) if any(edge in words for edge in kind)]
    if not kinds or not all(edge in words for edge in kinds[0]):
        missing = [edge for edge in (kinds or (_EDGES,))[0] if edge not in words]
        raise reading.error(line, f"bad region {_quoted(name)} has no {missing[0]}; it needs {', '.join(_EDGES)} or "
                                  f"{', '.join(_LAB_EDGES)}")
    edges, panel = tuple(words[edge] for edge in kinds[0]), words.get("panel")
    if panel is not None:
        if panel not in reading.panels:
            raise reading.error(line, f"bad region {_quoted(name)}: there is no panel {_quoted(panel)}")
        inside = tuple(reading.panels[panel][edge][0] for edge in _EDGES)
        if kinds[0] is _EDGES and not (inside[0] <= edges[0] and edges[1] <= inside[1] and inside[2] <= edges[2]
                                       and edges[3] <= inside[3]):
            raise reading.error(line, f"bad region {_quoted(name)}: fs {edges[0]} to {edges[1]}, ss {edges[2]} to "
                                      f"{edges[3]} must lie in panel {_quoted(panel)}, fs {inside[0]} to {inside[1]}, "
                                      f"ss {inside[2]} to {inside[3]}")
    return BadRegion(name, panel, kinds[0] is _EDGES, edges, line)


def _listed(words):
    shown_words = [f"{_quoted(word)[1:-1]} (line {line})" for word, line in list(words.items())[:6]]
    return ", ".join(shown_words) + (f" and {len(words) - 6} more" if len(words) > 6 else "")


def _notes(reading):
    notes = []
    if reading.unknown:
        notes.append(Loud(f"geometry: not CrystFEL's words, and ignored: {_listed(reading.unknown)}"))
    if reading.unused:
        notes.append(Loud(f"geometry: without effect, for they stand below all panels: {_listed(reading.unused)}"))
    if reading.ignored:
        notes.append(f"geometry: ignored, for they place no pixels: {_listed(reading.ignored)}")
    if reading.dimensions:
        notes.append(Untaken(f"geometry: {', '.join(sorted(reading.dimensions))} say how data lie in a file, which "
                             "counts for masks only: an image is (panel, slow, fast)"))
    if reading.groups:
        notes.append(f"geometry: {len(reading.groups)} groups of panels are read and place no pixels")
    if "beam" in reading.top:
        said = _quoted(" = ".join(reading.top["beam"]))[1:-1]
        notes.append(Untaken(f"geometry: {said} is the beam's and not taken over"))
    return tuple(notes)
