"""Options that later ones undo: found by entering a command line without them."""

from ..scene.request import DEFAULTS
from .line import CommandLine, Files, Outputs

__all__ = ["overridden"]

_FILES, _OUTPUTS = tuple(Files.__slots__), tuple(Outputs.__slots__)
_OTHERS = tuple(name for name in CommandLine.__slots__
                if name not in ("draft", "files", "outputs", "uses", "notices", "announcement", "origins"))
#: Stands for what an option does not set.
_UNTOUCHED = object()
#: Settings of which options set some elements only.
_SHARED = {name: len(DEFAULTS[name]) for name in ("n_cells", "sample_size", "cell_lengths", "cell_angles")}


def overridden(uses, start):
    """Options without effect because of one behind them.

    Parameters
    ----------
    uses : sequence of numbragg.command_line.effects.Use
        The options as given.
    start : callable
        Returns a command line as it is before the first option.

    Yields
    ------
    (Use, Use)
        The one without effect and the last one that sets the same; none for an option that says what holds anyway.
    """
    written = [_written(use) for use in uses]
    places = [place for one in written for place in one]
    if len(set(places)) == len(places):
        return  # nothing is set twice
    wanted = _entered(uses, start)
    for index, use in enumerate(uses):
        mine = written[index]
        later = [(other, values) for other, values in zip(uses[index + 1:], written[index + 1:])
                 if mine.keys() & values.keys()]
        # each setting is set again, and not all of them to the same
        again = set().union(*(values for _, values in later))
        if mine.keys() <= again and any(value != wanted[place] for place, value in mine.items()):
            if _entered([*uses[:index], *uses[index + 1:]], start) == wanted:
                yield use, later[-1][0]


def _places(line):
    """The parts of a command line and the names of their settings."""
    return (line.draft, DEFAULTS), (line.files, _FILES), (line.outputs, _OUTPUTS), (line, _OTHERS)


def _state(line):
    """Every setting by its place; the elements of those that options share each for itself."""
    state = {}
    for index, (part, names) in enumerate(_places(line)):
        for name in names:
            value = getattr(part, name)
            if name in _SHARED:
                state.update({(index, name, element): one for element, one in enumerate(value)})
            else:
                state[index, name] = value
    if line.draft.misset == "random":
        state[0, "misset_angles"] = None  # set by it, so to say: they are not used then
    return state


def _written(use):
    """What an option sets, whatever held before, by place."""
    line = CommandLine()
    for part, names in _places(line):
        for name in names:
            setattr(part, name, (_UNTOUCHED,) * _SHARED[name] if name in _SHARED else _UNTOUCHED)
    use.option.apply(line, use)
    return {place: value for place, value in _state(line).items() if value is not _UNTOUCHED}


def _entered(uses, start):
    """The settings that these options make."""
    line = start()
    for use in uses:
        use.option.apply(line, use)
    return _state(line)
