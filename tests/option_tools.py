"""Functions shared by the tests of the command line."""

from numbragg.command_line.table import EXACT


def flat(line):
    """All settings of a command line in one dictionary, by the names of `naive_options`."""
    found = {}
    for part in (line, line.draft, line.files, line.outputs):
        found |= {name: getattr(part, name) for name in part.__slots__}
    return found


def _plain(value):
    return tuple(value) if isinstance(value, list) else value


def differences(found, wanted):
    """Names whose values differ; NaN equals NaN, and 0.0 differs from -0.0 and from 0."""
    return [name for name, value in wanted.items() if repr(_plain(found[name])) != repr(_plain(value))]


def spellings(option):
    """Every word that stands for an option, those with a second dash included."""
    doubled = [] if option.own else ["-" + text for text in option.spellings if text not in EXACT]
    return [*option.spellings, *doubled]
