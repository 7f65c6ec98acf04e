"""Records whose methods are written once, most of which nobody changes, at next to no cost at a start.

`dataclass` writes and compiles methods for each class, which for a dozen of them takes longer than all else that
`--help` loads. Here they are written once: classes are `dataclass(slots=True, kw_only=True, init=False, repr=False,
eq=False)` with `Frozen` or `Settable` as their base.
"""

from dataclasses import MISSING, FrozenInstanceError, fields
from typing import Any

__all__ = ["Frozen", "Settable"]


class Settable:
    """Base of records: every field by keyword, those without a default needed."""

    __slots__ = ()

    def __init__(self, **settings: Any) -> None:
        put = object.__setattr__
        for name, item in self.__dataclass_fields__.items():  # type: ignore[attr-defined]
            if name in settings:
                value = settings.pop(name)
            else:
                value = item.default if item.default_factory is MISSING else item.default_factory()
                if value is MISSING:
                    raise TypeError(f"{type(self).__name__} needs {name}")
            put(self, name, value)
        if settings:
            raise TypeError(f"{type(self).__name__} has no {', '.join(settings)}")


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
