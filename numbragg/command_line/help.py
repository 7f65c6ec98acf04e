"""The help text of the command line, made from the table of options.

Every row of `numbragg.command_line.table` is printed under its heading with its values, spellings, units and
default, so the text cannot fall behind the table.
"""

import textwrap

from .table import GROUPS, TABLE

__all__ = ["group_text", "help_text", "option_text"]

WIDTH = 100
INDENT = 30

_TIE = "\N{NO-BREAK SPACE}"

_HEAD = """\
usage: numbragg OPTIONS...
       numbragg COMMAND ...      (for example: numbragg demo)
       numbragg help [TOPIC]     (a command, an option, or a heading of this text)

Computes the X-ray diffraction image of a small crystal. With options it acts as nanoBragg: the same
options, the same files, the same bytes. A command line must give a crystal (-cell or -mat) and structure
factors (-hkl, a dump file or -default_F). The last of repeated options counts."""

_EXAMPLE = """\
example: numbragg -hkl P1.hkl -mat A.mat -lambda 6.2 -N 10 -distance 100 -detpixels 512"""


def _entry(option):
    """The lines of one option."""
    also = f"; also {', '.join(option.spellings[1:])}" if len(option.spellings) > 1 else ""
    default = f" (default: {option.default})" if option.default else ""
    if 0 < len(default) < 30:
        default = " " + default[1:].replace(" ", _TIE)
    head = "  " + " ".join((option.name, *option.values))
    lines = textwrap.wrap(option.text + default + also, WIDTH - INDENT, break_on_hyphens=False)
    lines = [text.replace(_TIE, " ") for text in lines]
    if len(head) < INDENT - 1:
        lines[0] = head.ljust(INDENT) + lines[0]
        return lines[:1] + [" " * INDENT + text for text in lines[1:]]
    return [head] + [" " * INDENT + text for text in lines]


def option_text(option):
    """The entry of one option.

    Parameters
    ----------
    option : numbragg.command_line.table.Option

    Returns
    -------
    str
        Lines of at most 100 ASCII characters, without a final newline.
    """
    return "\n".join(_entry(option))


def group_text(group):
    """A heading and the entries below it.

    Parameters
    ----------
    group : str
        One of `numbragg.command_line.table.GROUPS`.

    Returns
    -------
    str
        Lines of at most 100 ASCII characters, without a final newline.
    """
    return "\n".join([f"{group}:", *(option_text(option) for option in TABLE if option.group == group)])


def help_text():
    """The help text.

    Returns
    -------
    str
        Lines of at most 100 ASCII characters, without a final newline.

    Examples
    --------
    >>> from numbragg.command_line.help import help_text
    >>> help_text().splitlines()[0]
    'usage: numbragg OPTIONS...'
    """
    lines = [textwrap.fill(part, WIDTH) if part[0] == "C" else part for part in _HEAD.split("\n\n")]
    return "\n\n".join(["\n\n".join(lines), _EXAMPLE, *map(group_text, GROUPS)])
