"""What the drop-ins have in common: help, sizes, headers and reports."""

import math

from ..command_line.help import option_text
from ..command_line.values import CommandLineError
from ..notes import Loud, Misleading

# start-up: help and refused words load neither NumPy nor Numba

__all__ = ["asked_for_text", "header_of", "not_finite", "pixels_rounded_up", "report"]

_PROGRAMS = {"nonbragg": "nonBragg", "noisify": "noisify"}


def asked_for_text(command, known, arguments):
    """Print the help or the version, if it is asked for.

    Parameters
    ----------
    command : str
        Name of the subcommand.
    known : numbragg.command_line.words.Vocabulary
    arguments : list of str

    Returns
    -------
    bool
        Whether that is all.

    Raises
    ------
    CommandLineError
        If there are no arguments.
    """
    if not arguments:
        raise CommandLineError(f"{command}: nothing to do; see numbragg {command} --help")
    for word in arguments:
        option = known.accepted.get(word)
        if option is not None and option.name == "--help":
            print(_help(command, known))
            return True
        if option is not None and option.name == "--version":
            from .._version import __version__

            print(f"numbragg {__version__}")
            return True
    return False


def _help(command, known):
    groups = dict.fromkeys(option.group for option in known.table)
    text = [f"usage: numbragg {command} ARGUMENTS\n",
            f"Acts as the C program {_PROGRAMS[command]}: the same words, the same files, the same bytes. The last of "
            "repeated\nwords counts."]
    for group in groups:
        text.append("\n".join([f"\n{group}:", *(option_text(o) for o in known.table if o.group == group)]))
    return "\n".join(text)


def pixels_rounded_up(size, pixel_size):
    """Pixels along an edge: rounded up, so that a last bit of the quotient can make one more, as in nonBragg."""
    pixels = size / pixel_size
    return math.ceil(pixels) if math.isfinite(pixels) else pixels


def not_finite(name, image):
    """A note on pixels that are infinite or NaN, if there are any; a list.

    Parameters
    ----------
    name : str
        What has them.
    image : array of float
    """
    import numpy as np

    count = image.size - int(np.count_nonzero(np.isfinite(image)))
    return [Loud(f"{name}: {count} of {image.size} pixels are not finite (infinite or NaN)")] if count else []


def header_of(values):
    """The SMV header of keywords and their texts, as both programs write it: 512 bytes or more."""
    return ("{\n" + "".join(f"{key}={value};\n" for key, value in values) + "}\f").encode("ascii").ljust(512)


def report(line, lines):
    """The lines of a report: notes, but for those that are said on stderr in any case, and what was done."""
    told = [f"note: {note}" for note in line.notices if not isinstance(note, Misleading)]
    return [*told, *(f"  {text}" for text in lines)]
