"""Words of a subcommand read strictly: files, options with their values, and numbers; output files."""

import argparse
import math
import re

from ..command_line.values import cut
from ..io.endings import ending_of, fits_ending
from ..io.literals import decimal, whole
from ..scene.pixels import PIXEL_LIMIT, reversed_axes

# start-up: what compares files is imported where there are outputs

__all__ = ["Parser", "check_endings", "check_outputs", "choice", "count", "file_name", "finite_number", "out_name",
           "region", "shape", "short", "shown", "whole_number"]

_HELP = ("-h", "-help", "--help")


class _Once(argparse.Action):
    """An option that is given once; its reader makes the value of its words."""

    def __init__(self, option_strings, dest, reader=None, **settings):
        super().__init__(option_strings, dest, **settings)
        self.reader = reader

    def __call__(self, parser, namespace, values, option_string=None):
        if hasattr(namespace, self.dest):
            raise ValueError(f"{parser.command}: {self.dest} is given twice")
        words = [values] if isinstance(values, str) else values
        try:
            value = self.reader(*words) if self.reader else True
        except ValueError as error:
            raise ValueError(f"{parser.command}: {self.dest} {' '.join(map(short, words))}: {error}") from None
        setattr(namespace, self.dest, value)


class Parser(argparse.ArgumentParser):
    """The options of a subcommand.

    Strict where `argparse` is not: no option is shortened or given twice, and what is wrong is a
    `ValueError` of one line, which the command line prints in its own way.

    Parameters
    ----------
    command : str
        Its name, for messages.
    words : str
        What follows the name, for the help.
    about, ending : str
        Paragraphs above and below the options in the help.
    """

    def __init__(self, command, words, about, ending=""):
        super().__init__(usage=f"numbragg {command} {words}", description=about, epilog=ending, allow_abbrev=False,
                         add_help=False, exit_on_error=False, argument_default=argparse.SUPPRESS,
                         formatter_class=_formatter)
        self.command = command

    def option(self, name, shows, text, reader=None):
        """Add an option.

        Parameters
        ----------
        name : str
            Its one spelling, with two dashes.
        shows : str
            What the help shows for the words that follow it: as many as there are; "" where none does.
        text : str
            What it means.
        reader : callable, optional
            Takes the words and returns the value, or raises `ValueError` with the rule they break.
        """
        placeholders = tuple(shows.split())
        # no count at all: one word, which may then follow an equals sign
        number = {} if len(placeholders) == 1 else {"nargs": len(placeholders)}
        self.add_argument(name, dest=name, action=_Once, reader=reader, help=text.replace("%", "%%"),
                          metavar=placeholders if len(placeholders) > 1 else shows, **number)

    def read(self, arguments):
        """Read the words after the subcommand's name.

        Parameters
        ----------
        arguments : list of str
            The words.  Where one of them asks for help, it is printed.

        Returns
        -------
        values : dict or None
            Value of each option that was given; True where no word follows.  None if help was asked for.
        rest : list of str
            All other words, in their order.

        Raises
        ------
        ValueError
            An option is repeated, lacks a word or has one too many, or has a value that breaks its rule.
        """
        if any(word in _HELP for word in arguments):
            print(self.format_help(), end="")
            return None, []
        try:
            namespace, rest = self.parse_known_args(self._joined(arguments))
        except argparse.ArgumentError as error:
            # rules of values are the readers', so it can only be a wrong number of words
            number = self._options()[error.argument_name].nargs
            needs = {0: "takes no value", None: "needs a value"}.get(
                number, f"needs {number} values, without an equals sign")
            raise ValueError(f"{self.command}: {error.argument_name} {needs}") from None
        return vars(namespace), rest

    def files(self, arguments):
        """Read words of which those that belong to no option are names of files.

        Parameters
        ----------
        arguments : list of str
            The words after the subcommand's name.

        Returns
        -------
        values : dict or None
            As in `read`.
        files : list of str
            Names of files.

        Raises
        ------
        ValueError
            As in `read`; or a word looks like an option and is none.
        """
        values, rest = self.read(arguments)
        for word in rest:
            if word.startswith("-"):
                self.unknown(word)
        return values, rest

    def unknown(self, word):
        """Refuse a word that is no option."""
        name = word.partition("=")[0]
        raise ValueError(f"{self.command}: {short(name)} is not known; there are {', '.join(self._options())}")

    def error(self, message):
        """What `argparse` has to say, as our error."""
        raise ValueError(f"{self.command}: {message}")

    def options(self):
        """The options, in the order of the help.

        Returns
        -------
        list of (str, tuple of str, callable or None, str)
            Spelling, what the help shows for each word that follows, reader, meaning.
        """
        return [(action.dest, _words_of(action), action.reader, action.help.replace("%%", "%"))
                for action in self._actions]

    def _options(self):
        return {action.dest: action for action in self._actions}

    def _joined(self, arguments):
        """`--option value` as `--option=value`, so that a value may begin with a dash."""
        one_word = {name for name, action in self._options().items() if action.nargs is None}
        words, joined = list(reversed(arguments)), []
        while words:
            word = words.pop()
            if word in one_word and words and not words[-1].startswith("--"):
                word += "=" + words.pop()
            joined.append(word)
        return joined


def _words_of(action):
    """What the help shows for each word that follows an option."""
    if isinstance(action.metavar, tuple):
        return action.metavar
    return (action.metavar,) if action.metavar else ()


def _formatter(prog):
    # the same on every terminal
    return argparse.RawDescriptionHelpFormatter(prog, max_help_position=26, width=110)


def shown(text):
    """A word or a file name as it is printed: as it is where that is safe, else quoted and escaped."""
    return text if text and text.isprintable() else ascii(text)


def short(word):
    """A word of the command line in a message: as `shown`, and not too long."""
    return shown(cut(word))


# -- values: each reader takes words and returns their value, or raises the rule that they break


def whole_number(minimum, maximum):
    """Reader of whole numbers between two limits."""
    def read(word):
        number = whole(word)
        if number is None or not minimum <= number <= maximum:
            raise ValueError(f"must be a whole number from {minimum} to {maximum}")
        return number
    return read


def count(minimum, maximum=None):
    """Reader of whole numbers that may be written as 2e6; either limit may be None."""
    def read(word):
        value = decimal(word)
        if value is None or not value.is_integer() or abs(value) > 2.0 ** 53:
            raise ValueError("must be a whole number")
        if minimum is not None and value < minimum:
            raise ValueError(f"must be at least {minimum}")
        if maximum is not None and value > maximum:
            raise ValueError(f"must be at most {maximum}")
        return int(value)
    return read


def finite_number(minimum, maximum=math.inf):
    """Reader of decimal numbers between two limits."""
    rule = f"from {minimum:g} to {maximum:g}" if maximum < math.inf else f"of at least {minimum:g}"

    def read(word):
        value = decimal(word)
        if value is None or not minimum <= value <= maximum:
            raise ValueError(f"must be a number {rule}")
        return value
    return read


def choice(*words):
    """Reader of one of several words."""
    def read(word):
        if word not in words:
            raise ValueError(f"there are {', '.join(words)}")
        return word
    # the completion of a shell offers them
    read.words = words
    return read


def region(*words):
    """Four pixel numbers: fast from, to, slow from, to, inclusive."""
    numbers = tuple(map(whole, words))
    if any(number is None or number < 0 for number in numbers):
        raise ValueError("must be four pixel numbers: fast from, to, slow from, to (inclusive)")
    if reversed_axes(numbers):
        raise ValueError("must be fast from, to, slow from, to, the smaller number of each pair first")
    return numbers


def shape(word):
    """SLOWxFAST, such as 1024x2048."""
    match = re.fullmatch(r"([0-9]{1,10})x([0-9]{1,10})", word)
    if not match or not 0 < int(match[1]) * int(match[2]) < PIXEL_LIMIT:
        raise ValueError("must be SLOWxFAST, two numbers of pixels such as 1024x2048")
    return int(match[1]), int(match[2])


def out_name(word):
    """Name of a file to be written; a dash is standard output."""
    if not word or (word.startswith("-") and word != "-"):
        raise ValueError("must be the name of a file")
    return word


def file_name(word):
    """Name of a file to be written, which cannot be standard output."""
    if word == "-":
        raise ValueError("must be the name of a file")
    return out_name(word)


# -- output


def check_outputs(command, outputs, inputs, options=None):
    """Refuse to replace a file that is read.

    Parameters
    ----------
    command : str
        Name of the subcommand.
    outputs, inputs : sequences of str
        Names of files.
    options : dict, optional
        By outputs that have a name even if none is given, the option that gives them another.
    """
    from ..io.destinations import read_too

    output = read_too(outputs, lambda: inputs)
    if output is not None:
        more = f"; give it another name: {options[output]} FILE" if output in (options or {}) else ""
        raise ValueError(f"{command}: {shown(output)} is read and cannot be written too{more}")


def check_endings(command, outputs):
    """Refuse an output whose name is that of another format.

    Parameters
    ----------
    command : str
        Name of the subcommand.
    outputs : sequence of (str, str or None, str)
        Option, name of the file if one was given, and format.
    """
    for option, name, kind in outputs:
        if name is not None and not fits_ending(name, kind):
            raise ValueError(f"{command}: {option} {shown(name)}: must not have the name of another format: what is"
                             f" written is {kind} ({ending_of(kind)})")
