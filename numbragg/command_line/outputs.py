"""What options of output mean together: rings on a picture, types of pixels, how panels lie in files."""

from ..io.endings import endings_of, format_of_ending
from ..io.literals import decimal
from .values import CommandLineError

__all__ = ["COUNTS", "RINGS", "are_rings", "check_partners", "is_of_counts", "ring_words"]

#: Formats of `--counts`, and what their names end in.
_OF_COUNTS = ("HDF5", "CBF", "SMV", "TIFF", "npy")
COUNTS = f"end in {endings_of(_OF_COUNTS)}"

#: What `--png-rings` must be, in words.
RINGS = "be auto, or resolutions in Angstrom above 0 with commas between them, such as 8,4,2"


def ring_words(word):
    """Resolutions [Angstrom]; none where they are to be found.

    Raises
    ------
    ValueError
    """
    if word == "auto":
        return ()
    found = tuple(map(decimal, word.split(",")))
    if not all(number is not None and 0.0 < number < float("inf") for number in found):
        raise ValueError(f"must {RINGS}")
    return found


def are_rings(word):
    """Whether `ring_words` reads it."""
    try:
        ring_words(word)
    except ValueError:
        return False
    return True


def is_of_counts(name):
    """Whether counts can be written to a file of this name."""
    return format_of_ending(name) in _OF_COUNTS


def check_partners(line):
    """Refuse options of output that need another one.

    Parameters
    ----------
    line : numbragg.command_line.line.CommandLine
        As `parse` made it.

    Raises
    ------
    CommandLineError
    """
    names = line.outputs
    given = line.given
    needs = (("--tiff-type", "--tiff", names.tiff), ("--png-rings", "--png", names.png),
             ("--panel-layout", "--detector", line.detector), ("--crystfel", "--detector", line.detector))
    for name, other, value in needs:
        if name in given and value is None:
            raise CommandLineError(f"{given[name].said}: needs {other}")
    if names.crystfel is not None and not line.detector.lower().endswith(".geom"):
        raise CommandLineError(f"{given['--crystfel'].said}: needs a CrystFEL geometry (.geom) as --detector, whose "
                               "data layout it has")
