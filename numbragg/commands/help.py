"""`numbragg help`: the help text, or the part of it that a word asks for."""

from ..command_line.help import group_text, help_text, option_text
from ..command_line.table import GROUPS, TABLE
from .arguments import short
from .catalogue import COMMANDS, PLANNED, module_of, summaries

# start-up: what a run needs is imported when it runs, so that --help and refused words load neither NumPy nor Numba

__all__ = ["run"]

_HELP = """\
usage: numbragg help [TOPIC]

Print the help: all options, or what belongs to the topic: a command (numbragg help trace), an option
(numbragg help -mosaic, numbragg help mosaic), a heading (numbragg help beam) or the word commands."""


def _topic(word):
    """The text of a topic that is no command, or None."""
    if word == "commands":
        return "\n".join(["commands:", *(f"  {name:<12}{text}" for name, text in summaries())])
    if word in GROUPS:
        return group_text(word)
    plain = word.lstrip("-")
    for option in TABLE:
        if plain and plain in (spelling.lstrip("-") for spelling in option.spellings):
            return option_text(option)
    return None


def run(arguments):
    """Print a help text.

    Returns the exit code.
    """
    if not arguments:
        print(help_text())
        return 0
    # headings may have several words
    word = " ".join(arguments)
    if word in ("-h", "-help", "--help", "help") or len(arguments) > 1 and {"-h", "-help", "--help"} & {*arguments}:
        print(_HELP)
        return 0
    if word in COMMANDS:
        return module_of(word).run(["--help"])
    if word in PLANNED:
        raise ValueError(f"help: {word}: not available in this version")
    text = _topic(word)
    if text is None:
        raise ValueError(f"help: {short(word)}: no such topic; {_near(word)}")
    print(text)
    return 0


def _near(word):
    """What may have been meant."""
    import difflib

    topics = [*COMMANDS, *GROUPS, "commands", *(spelling for option in TABLE for spelling in option.spellings)]
    # an option may have been written without its dash
    forms = [form for form in (word, f"-{word}") if word]
    # the same letters first: options differ in capitals
    near = [topic for form in forms for topic in topics if topic.lower() == form.lower()]
    near += [found for form in forms for found in difflib.get_close_matches(form, topics, 1)]
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(COMMANDS)}, an option, {', '.join(GROUPS)}"
