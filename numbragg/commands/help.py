"""`numbragg help`: the help text, or the part of it that a word asks for."""

from ..command_line.help import group_text, help_text, option_text
from ..command_line.suggestions import meant
from ..command_line.table import GROUPS, TABLE
from .arguments import short
from .catalogue import COMMANDS, module_of, summaries

# start-up: what a run needs is imported when it runs, so that --help and refused words load neither NumPy nor Numba

__all__ = ["run"]

_HELP = """\
usage: numbragg help [TOPIC...]

Print the help: all options, or what belongs to each topic: a command (numbragg help trace), an option
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
    return _of_programs(plain)


def _of_programs(plain):
    """The text of an option that only the drop-ins for other programs have, or None."""
    from ..programs.noisify_words import NOISIFY
    from ..programs.nonbragg_words import NONBRAGG

    found = [f"numbragg {command}:\n{option_text(option)}"
             for command, known in (("nonbragg", NONBRAGG), ("noisify", NOISIFY)) for option in known.table
             if plain and plain in (spelling.lstrip("-") for spelling in option.spellings)]
    return "\n".join(found) or None


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
    print("\n\n".join(_text(topic) for topic in ([word] if _topic(word) is not None else arguments)))
    return 0


def _text(word):
    """The text of one topic.  Raises ValueError if there is none."""
    if word in COMMANDS:
        raise ValueError(f"help: {word}: a command, and so a topic of its own (numbragg help {word})")
    text = _topic(word)
    if text is None:
        raise ValueError(f"help: {short(word)}: no such topic; {_near(word)}")
    return text


def _near(word):
    """What may have been meant."""
    topics = [*((name,) for name in (*COMMANDS, *GROUPS, "commands")), *(option.spellings for option in TABLE)]
    # an option may have been written without its dash
    found = meant(word, topics) or (meant(f"-{word}", topics) if len(word) > 1 else [])
    return (f"did you mean {' or '.join(found)}?" if found
            else f"there are {', '.join(COMMANDS)}, an option, {', '.join(GROUPS)}")
