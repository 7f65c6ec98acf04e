"""Options that later ones undo: found by entering a command line without them."""

from ..scene.request import DEFAULTS
from .line import CommandLine, Files, Outputs

__all__ = ["overridden"]

_FILES, _OUTPUTS = tuple(Files.__slots__), tuple(Outputs.__slots__)
_OTHERS = tuple(name for name in CommandLine.__slots__
                if name not in ("draft", "files", "outputs", "uses", "notices", "announcement", "origins"))


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
        The one without effect and the one that sets the same; none for an option that says what holds anyway.
    """
    line = start()
    before, changes = _state(line), []
    for use in uses:
        use.option.apply(line, use)
        after = _state(line)
        changes.append({place: value for place, value in after.items() if not _same(value, before[place])})
        before = after
    for index, use in enumerate(uses):
        lost = [place for place, value in changes[index].items() if not _same(value, before[place])]
        if lost and _entered([*uses[:index], *uses[index + 1:]], start, before):
            last = max(later for later in range(index + 1, len(uses)) if any(place in changes[later] for place in lost))
            yield use, uses[last]


def _state(line):
    parts = (line.draft, DEFAULTS), (line.files, _FILES), (line.outputs, _OUTPUTS), (line, _OTHERS)
    return {(index, name): getattr(part, name) for index, (part, names) in enumerate(parts) for name in names}


def _same(value, other):
    # the same array, for a mask; a NaN is set once and for all
    return value is other or value == other


def _entered(uses, start, wanted):
    """Whether these options make the wanted settings."""
    line = start()
    for use in uses:
        use.option.apply(line, use)
    state = _state(line)
    return all(_same(value, state[place]) for place, value in wanted.items())
