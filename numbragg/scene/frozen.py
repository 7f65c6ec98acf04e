"""Records whose methods are written once, most of which nobody changes, at next to no cost at a start.

`dataclass` writes and compiles methods for each class, which for a dozen of them takes longer than all else that
`--help` loads. Here they are written once: classes are `dataclass(slots=True, kw_only=True, init=False, repr=False,
eq=False)` with `Frozen` or `Settable` as their base.
"""

from dataclasses import MISSING, FrozenInstanceError, fields
from functools import cache
from typing import Any

__all__ = ["Frozen", "Settable"]


@cache
def _defaults(kind):
    """Defaults of all fields, and the names of those that have none, or one that is made anew each time."""
    defaults = {item.name: item.default for item in kind.__dataclass_fields__.values()}
    return defaults, tuple(name for name, value in defaults.items() if value is MISSING)


class Settable:
    """Base of records: every field by keyword, those without a default needed."""

    __slots__ = ()

    def __init__(self, **settings: Any) -> None:
        put, defaults, made = object.__setattr__, *_defaults(type(self))
        # hot path: every shot has three of them
        values = {**defaults, **settings}
        if len(values) != len(defaults):
            unknown = ", ".join(name for name in settings if name not in defaults)
            raise TypeError(f"{type(self).__name__} has no {unknown}")
        for name in made:
            if name not in settings:
                values[name] = self._default(name)
        for name, value in values.items():
            put(self, name, value)

    def _default(self, name):
        """A default that each record has of its own, or the error that there is none."""
        factory = self.__dataclass_fields__[name].default_factory  # type: ignore[attr-defined]
        if factory is MISSING:
            raise TypeError(f"{type(self).__name__} needs {name}")
        return factory()


class Frozen(Settable):
    """The same, and nothing is changed afterwards."""

    __slots__ = ()

    def __setattr__(self, name, value):
        raise FrozenInstanceError(f"cannot assign to {name!r}")

    def __delattr__(self, name):
        raise FrozenInstanceError(f"cannot delete {name!r}")

    def _values(self):
        return tuple(getattr(self, item.name) for item in fields(self))

    def __eq__(self, other):
        return self._values() == other._values() if type(other) is type(self) else NotImplemented

    def __hash__(self):
        return hash(self._values())

    def __repr__(self):
        said = (f"{item.name}={value!r}" for item, value in zip(fields(self), self._values()))
        return f"{type(self).__name__}({', '.join(said)})"

    def __getstate__(self):
        return self._values()

    def __setstate__(self, state):
        for item, value in zip(fields(self), state):
            object.__setattr__(self, item.name, value)
