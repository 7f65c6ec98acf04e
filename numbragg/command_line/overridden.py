"""Options that later ones undo: found by entering a command line without them."""

from ..scene.request import DEFAULTS, Draft
from .line import CommandLine, Files, Outputs

__all__ = ["overridden"]

#: Stands for what an option does not set.
_UNTOUCHED = object()
#: Settings of which options set some elements only, all untouched.
_SHARED = {setting: (_UNTOUCHED,) * len(DEFAULTS[setting.__name__])
           for setting in (Draft.n_cells, Draft.sample_size, Draft.cell_lengths, Draft.cell_angles)}
_PARTS = (CommandLine.draft, CommandLine.files, CommandLine.outputs)
_NO_SETTINGS = (*_PARTS, CommandLine.uses, CommandLine.notices, CommandLine.announcement, CommandLine.origins)
#: The settings of each part of a command line, and of what is in none.
_SETTINGS = tuple((part, tuple(getattr(kind, name) for name in kind.__slots__))
                  for part, kind in zip(_PARTS, (Draft, Files, Outputs)))
_OTHERS = tuple(setting for setting in (getattr(CommandLine, name) for name in CommandLine.__slots__)
                if setting not in _NO_SETTINGS)


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
    blank = _blank(CommandLine())
    written = [_written(use, blank) for use in uses]
    settings = [setting for one in written for setting in one]
    if len(set(settings)) == len(settings):
        return  # nothing is set twice
    wanted = _entered(uses, start)
    for index, use in enumerate(uses):
        mine = written[index]
        later = [(other, values) for other, values in zip(uses[index + 1:], written[index + 1:])
                 if mine.keys() & values.keys()]
        # each setting is set again, and not all of them to the same
        again = set().union(*(values for _, values in later))
        if mine.keys() <= again and any(value != wanted[setting] for setting, value in mine.items()):
            if _entered([*uses[:index], *uses[index + 1:]], start) == wanted:
                yield use, later[-1][0]


def _settings(line):
    """Each setting of a command line, and the part that holds it."""
    for part, settings in _SETTINGS:
        holder = part.__get__(line)
        for setting in settings:
            yield holder, setting
    for setting in _OTHERS:
        yield line, setting


def _state(line):
    """Every setting; the elements of those that options share each for itself."""
    state = {}
    for holder, setting in _settings(line):
        _enter(state, setting, setting.__get__(holder))
    return _without_angles(state, line.draft.misset)


def _enter(state, setting, value):
    if setting in _SHARED:
        state.update({(setting, element): one for element, one in enumerate(value) if one is not _UNTOUCHED})
    else:
        state[setting] = value


def _without_angles(state, misset):
    """A random orientation sets the angles, so to say, for they are not used then."""
    if misset == "random":
        state[Draft.misset_angles] = None
    return state


def _blank(line):
    """The same command line with nothing in it, so that whatever an option sets can be seen."""
    for holder, setting in _settings(line):
        setting.__set__(holder, _SHARED.get(setting, _UNTOUCHED))
    return line


def _written(use, blank):
    """What an option sets, whatever held before; the blank line is blank again afterwards."""
    use.option.apply(blank, use)
    written = {}
    misset = blank.draft.misset
    for holder, setting in _settings(blank):
        value, untouched = setting.__get__(holder), _SHARED.get(setting, _UNTOUCHED)
        if value != untouched:
            _enter(written, setting, value)
            setting.__set__(holder, untouched)
    return _without_angles(written, misset)


def _entered(uses, start):
    """The settings that these options make."""
    line = start()
    for use in uses:
        use.option.apply(line, use)
    return _state(line)
