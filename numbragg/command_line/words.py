"""A list of words split into options and their values, or refused with one line that says why.

Every word must be an option of the table or one of the values of the option before it.  Words that
the C program would ignore, or would take for a longer form of an option, are errors here.
"""

from dataclasses import dataclass
import math

from .effects import Use
from .suggestions import meant
from .table import EXACT, TABLE
from .values import CommandLineError, file_name, is_number, quoted, real, whole

__all__ = ["Vocabulary", "option_uses", "vocabulary"]


@dataclass(slots=True, repr=False, eq=False)
class Vocabulary:
    """The words of one program.

    Attributes
    ----------
    table : tuple of numbragg.command_line.table.Option
    accepted : dict
        The option of every word that is one.
    instead : dict
        What there is in the place of words that the program takes no notice of.
    """

    table: tuple
    accepted: dict
    instead: dict


def vocabulary(table, exact, instead):
    """The words of a table of options; those of `exact` are not found inside longer words by the C program."""
    words = {}
    for option in table:
        for spelling in option.spellings:
            words[spelling] = option
            if not option.own and spelling not in exact:
                words["-" + spelling] = option  # the C program finds the keyword in it
    return Vocabulary(table, words, instead)


#: Words of nanoBragg's documentation, or of programs beside it, that it takes no notice of: what there is instead.
_INSTEAD = {
    "-dispstep": "-dispsteps", "-detsize_x": "-detsize_f", "-detsize_y": "-detsize_s", "-xdet_vector": "-fdet_vector",
    "-ydet_vector": "-sdet_vector", "-zdet_vector": "-odet_vector", "-thick": "-sample_thick",
    "-detector_thickness": "-detector_thick", "-precision": "--precision", "-hdivergence": "-hdivrange",
    "-vdivergence": "-vdivrange",
}

NANOBRAGG = vocabulary(TABLE, EXACT, _INSTEAD)


def _suggestion(word, known):
    """ "; did you mean ...?" for an unknown word, or nothing."""
    plain = word.partition("=")[0]
    if plain in known.instead:
        return f"; did you mean {known.instead[plain]}?"
    found = meant(plain, (option.spellings for option in known.table))
    return f"; did you mean {' or '.join(map(quoted, found))}?" if found else ""


def _no_option(word, previous, known):
    """The error for a word that stands where an option should."""
    after = f" after {' '.join([previous.word, *map(quoted, previous.words)])}" if previous else ""
    if not word.startswith("-") or is_number(word):
        return CommandLineError(f"stray word {quoted(word)}{after}: it belongs to no option")
    return CommandLineError(f"unknown option {quoted(word)}{after}{_suggestion(word, known)}")


def _missing(option, word, given, stop, known):
    """The error for an option that has only the values `given`, before the word `stop`."""
    count = len(option.values)
    what = f"{count} values" if count > 1 else "a value"
    if option.kind == "misset":
        what += " or the word random"
    elif option.kind == "cell":
        what = "1 to 6 values"
    end = "the command line ends" if stop is None else f"{quoted(stop)} follows"
    after = f" after {' '.join(map(quoted, given))}" if given else ""
    if option.kind == "file" and stop is not None and stop not in known.accepted:
        end += f" (if that is the file, write ./{quoted(stop)})"
    return CommandLineError(f"{word}: needs {what} ({' '.join(option.values)}), but {end}{after}")


def _values_of(option, word, words, known):
    """The words among `words` that are the values of an option, by the rules for its kind."""
    taken = []
    if option.idle:
        return words[:1] if words and words[0] in option.idle else []
    count = len(option.values)
    if option.kind == "misset" and words and words[0].startswith("rand"):
        count = 1
    for candidate in words[:count]:
        if candidate.startswith("-") and (option.kind == "cell" or not is_number(candidate)):
            break
        taken.append(candidate)
    stop = words[len(taken)] if len(taken) < len(words) else None
    if option.kind == "cell" and taken:
        if len(taken) < count and stop is not None and is_number(stop):
            raise CommandLineError(f"{word} {quoted(stop)}: a cell has no negative length or angle")
    elif len(taken) < count:
        raise _missing(option, word, taken, stop, known)
    return taken


def _read_cell(word, words):
    values = [real(word, text) for text in words]
    for index, (text, value) in enumerate(zip(words, values)):
        if index == 0 and not value > 0.0:
            raise CommandLineError(f"{word} {quoted(text)}: the length a must be greater than zero")
        if value < 0.0 or (index > 2 and value >= 180.0):
            what = "a length must not be negative" if index < 3 else "an angle must be from 0 to below 180"
            raise CommandLineError(f"{word} {quoted(text)}: {what}")
    return values


def _read_depth(word, text):
    if text in ("inf", "infinity"):
        return math.inf
    value = real(word, text)
    if value != 0.0 and not abs(value) > 1e-290:
        raise CommandLineError(f"{word} {quoted(text)}: too small for an attenuation depth")
    return value


def _read(option, word, words):
    """Values of the words of one option.  Raises `CommandLineError`."""
    kind = option.kind
    if kind == "cell":
        return _read_cell(word, words)
    if kind == "depth":
        return [_read_depth(word, words[0])]
    if kind == "misset" and len(words) == 1:
        return ["random"]
    if option.idle:
        return []
    if kind == "file":
        name = file_name(word, words[0])
        if option.rule is not None:
            option.rule.check(word, name, name)
        return [name]
    if kind == "text":
        if not words[0]:
            raise CommandLineError(f"{word} '': must be {' '.join(option.values)}")
        if option.rule is not None:
            option.rule.check(word, words[0], words[0])
        return [words[0]]
    if kind == "choice":
        allowed = option.choices()
        if words[0] not in allowed:
            raise CommandLineError(f"{word} {quoted(words[0])}: must be {' or '.join(allowed)}")
        return [words[0]]
    values = [whole(word, text) if kind == "whole" else real(word, text) for text in words]
    if kind == "vector" and not any(values):
        raise CommandLineError(f"{word} {' '.join(map(quoted, words))}: a vector must not be zero")
    if option.rule is not None:
        for text, value in zip(words, values):
            option.rule.check(word, text, value)
    return values


def option_uses(words, known=NANOBRAGG):
    """The options of a command line with their values, in order.

    Parameters
    ----------
    words : list of str
        The command line.
    known : Vocabulary, optional
        The options that there are.

    Returns
    -------
    list of numbragg.command_line.effects.Use
        What was given; numbragg's own options are left out of each `following`, because the C
        program does not know them.

    Raises
    ------
    CommandLineError
        If a word is unknown or stray, a value missing or not allowed.
    """
    uses, seen_by_c, starts = [], [], []
    position = 0
    while position < len(words):
        word, value_words = words[position], words[position + 1:]
        position += 1
        option = known.accepted.get(word)
        head, equals, inline = word.partition("=")
        if option is None and equals and head in known.accepted and known.accepted[head].own:
            option, word = known.accepted[head], head
            if not option.values:
                raise CommandLineError(f"{quoted(words[position - 1])}: {head} takes no value")
            taken = [inline]
        elif option is None:
            raise _no_option(word, uses[-1] if uses else None, known)
        else:
            taken = _values_of(option, word, value_words, known)
            position += len(taken)
        uses.append(Use(option, word, taken, _read(option, word, taken)))
        if not option.own:
            seen_by_c += [word, *taken]
        starts.append(len(seen_by_c) - len(taken))
    for use, start in zip(uses, starts):
        use.following = seen_by_c[start:start + 3]
    return uses
