"""What the options of the command line set, each in the C program's own arithmetic.

An effect is a function of a `numbragg.command_line.parse.CommandLine` and one `Use` of an option; the functions
here make them for `numbragg.command_line.table`.  nanoBragg's surprises are kept: `-misset_seed` and
`-twotheta_axis` set a second thing each, because the C program finds one word inside another.
"""

from dataclasses import dataclass, field

from ..scene.request import DEGREES_PER_RADIAN, HC_EV_ANGSTROM
from .values import atof

__all__ = ["Use", "sets_misset_angles"]


@dataclass(slots=True)
class Use:
    """One occurrence of an option in a command line.

    Attributes
    ----------
    option : numbragg.command_line.table.Option
        Its row of the table.
    word : str
        The spelling used.
    words, values : list
        Its values as written and as read.
    following : list of str
        The words after it that nanoBragg would see, its own values included.
    """

    option: object
    word: str
    words: list
    values: list
    following: list = field(default_factory=list)


# -- units of the command line to those of `Parameters`; each in the C program's own operation


def same(value):
    return value


def thousandths(value):  # mm to m, mrad to rad
    return value / 1000.0


def percent(value):
    return value / 100.0


def degrees(value):
    return value / DEGREES_PER_RADIAN


def angstrom(value):
    return value / 1.0e10


def energy(value):
    return (HC_EV_ANGSTROM / value) / 1.0e10


# -- effects


def _assign(line, path, value):
    """Set what the path names: "x" in the parameters, "line.x" in `line`, "part.x" in its part."""
    part, _, name = path.rpartition(".")
    if part == "line":
        target = line
    else:
        target = getattr(line, part or "parameters")
    setattr(target, name, value)


def store(*paths, convert=same, also=()):
    """Effect: put the value into each path, then each (path, constant) of `also`."""
    def apply(line, use):
        for path in paths:
            _assign(line, path, convert(use.values[0]))
        for path, constant in also:
            _assign(line, path, constant)
    return apply


def put(path, constant, *also):
    """Effect: put constants into paths."""
    return store(also=((path, constant), *also))


def elements(name, indices, convert=same):
    """Effect: put the value into these elements of a list."""
    def apply(line, use):
        for index in indices:
            getattr(line.parameters, name)[index] = convert(use.values[0])
    return apply


def convention(name, pivot):
    return put("convention", name, ("pivot", pivot))


def vector(name):
    """Effect: choose the custom convention and set one of its vectors."""
    def apply(line, use):
        line.parameters.convention = "custom"
        setattr(line.parameters, name, tuple(use.values))
    return apply


def set_twotheta_axis(line, use):
    # The word contains -twotheta, so the C program also reads x as that option's value.
    vector("twotheta_axis")(line, use)
    line.parameters.twotheta = degrees(use.values[0])
    line.parameters.pivot = "sample"


def set_pix0_vector(line, use):
    # Recomputed from the beam centre whatever is given.
    line.parameters.convention = "custom"


def set_cell(line, use):
    line.parameters.cell_given = True
    for index, value in enumerate(use.values):
        if index < 3:
            line.parameters.cell_lengths[index] = value
        else:
            line.parameters.cell_angles[index - 3] = degrees(value)


def set_misset(line, use):
    if use.values == ["random"]:
        line.parameters.misset = "random"
    else:
        line.parameters.misset = "angles"
        line.parameters.misset_angles = [degrees(value) for value in use.values]


def sets_misset_angles(use):
    """Whether this use of `-misset_seed` acts as `-misset` too: with three words after it, it does."""
    return len(use.following) >= 3


def set_misset_seed(line, use):
    # The word contains -misset, so the C program also reads three angles from the words that
    # follow, whatever they are.
    if sets_misset_angles(use):
        line.parameters.misset = "angles"
        line.parameters.misset_angles = [degrees(atof(word)) for word in use.following[:3]]
    line.parameters.misset_seed = use.values[0]


def set_detector_abs(line, use):
    depth = use.values[0]
    if depth == 0.0 or depth == float("inf"):
        line.parameters.sensor_thickness = 0.0
        line.parameters.attenuation = 0.0
    else:
        line.parameters.attenuation = 1.0 / (depth * 1e-6)


def set_roi(line, use):
    line.parameters.roi = list(use.values)


def set_printout_pixel(line, use):
    line.printout = True
    line.printout_pixel = tuple(use.values)


def set_stol(line, use):
    line.files.stol = use.values[0]


def nothing(line, use):
    pass
