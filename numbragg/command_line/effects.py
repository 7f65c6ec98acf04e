"""What the options of the command line set, each in the C program's own arithmetic.

An effect is a function of a `numbragg.command_line.line.CommandLine` and one `Use` of an option; the functions
here make them for `numbragg.command_line.table`.  nanoBragg's surprises are kept: `-misset_seed` and
`-twotheta_axis` set a second thing each, because the C program finds one word inside another.
"""

from dataclasses import dataclass, field

from ..io.literals import leading_number
from ..scene.request import Draft
from ..scene.units import attenuation_from_um, from_degrees
from .line import assign
from .values import quoted

__all__ = ["Use", "sets_misset_angles"]


@dataclass(slots=True, repr=False, eq=False)
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

    @property
    def said(self):
        """The option with its values as they were written, for messages."""
        return " ".join([self.word, *map(quoted, self.words)])


# -- effects; a setting is read from its class, such as `Draft.fudge`


def same(value):
    return value


def store(*settings, convert=same, also=()):
    """Effect: put the value into each setting, then each (setting, constant) of `also`."""
    def apply(line, use):
        for setting in settings:
            assign(line, setting, convert(use.values[0]))
        for setting, constant in also:
            assign(line, setting, constant)
    return apply


def put(setting, constant, *also):
    """Effect: put constants into settings."""
    return store(also=((setting, constant), *also))


def elements(setting, indices, convert=same):
    """Effect: put the value into these elements of a tuple."""
    def apply(line, use):
        old = setting.__get__(line.draft)
        value = convert(use.values[0])
        assign(line, setting, tuple(value if index in indices else other for index, other in enumerate(old)))
    return apply


def convention(name, pivot):
    return put(Draft.convention, name, (Draft.pivot, pivot))


def vector(setting):
    """Effect: choose the custom convention and set one of its vectors."""
    def apply(line, use):
        line.draft.convention = "custom"
        assign(line, setting, tuple(use.values))
    return apply


def set_twotheta_axis(line, use):
    # The word contains -twotheta, so the C program also reads x as that option's value.
    vector(Draft.twotheta_axis)(line, use)
    line.draft.twotheta = from_degrees(use.values[0])
    line.draft.pivot = "sample"


def set_pix0_vector(line, use):
    # Recomputed from the beam centre whatever is given.
    line.draft.convention = "custom"


def set_cell(line, use):
    draft, values = line.draft, use.values
    lengths, angles = tuple(values[:3]), tuple(map(from_degrees, values[3:]))
    draft.cell_given = True
    draft.cell_lengths = lengths + draft.cell_lengths[len(lengths):]
    draft.cell_angles = angles + draft.cell_angles[len(angles):]


def set_misset(line, use):
    if use.values == ["random"]:
        line.draft.misset = "random"
    else:
        line.draft.misset = "angles"
        line.draft.misset_angles = tuple(map(from_degrees, use.values))


def sets_misset_angles(use):
    """Whether this use of `-misset_seed` acts as `-misset` too: with three words after it, it does."""
    return len(use.following) >= 3


def set_misset_seed(line, use):
    # The word contains -misset, so the C program also reads three angles from the words that
    # follow, whatever they are.
    if sets_misset_angles(use):
        line.draft.misset = "angles"
        line.draft.misset_angles = tuple(from_degrees(leading_number(word)) for word in use.following[:3])
    line.draft.misset_seed = use.values[0]


def set_detector_abs(line, use):
    depth = use.values[0]
    if depth == 0.0 or depth == float("inf"):
        line.draft.sensor_thickness = 0.0
        line.draft.attenuation = 0.0
    else:
        line.draft.attenuation = attenuation_from_um(depth)


def set_roi(line, use):
    line.draft.roi = tuple(use.values)


def set_printout_pixel(line, use):
    line.printout = True
    line.printout_pixel = tuple(use.values)


def set_beam_centre_pixels(line, use):
    line.beam_centre_pixels = tuple(use.values)


def nothing(line, use):
    pass
