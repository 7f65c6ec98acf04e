"""What is made of tables of structure factors, kept from image to image while these are the same; no physics."""

import threading

from ..stamp import stamp

__all__ = ["Made", "Tables"]

#: Tables of which something is kept at most, and bytes of all but the last of them.
MOST_TABLES, MOST_BYTES = 4, 1 << 28


class _Kept:
    """What was made of one table, and the stamp that this had; without one it is for a single call."""

    def __init__(self, table, mark=None):
        # held, so that its address stands for no other one
        self.table, self.mark, self.made = table, mark, {}


class Tables:
    """Squares, and what else is made of tables of structure factors.

    Whoever renders asks `checked` for a look at each table, at most once a call: what is kept is used only where a
    table has the content that it was made of, so that a table may be changed in place between two calls.  No lock:
    two calls at once make the same twice, and a fork finds nothing taken.
    """

    def __init__(self):
        self._kept = {}

    def checked(self, tables):
        """What there is of some tables, for a call.

        Parameters
        ----------
        tables : iterable of float64 array

        Returns
        -------
        Made
        """
        return Made({id(table): self._look(table) for table in tables})

    def _look(self, table):
        kept = self._kept.pop(id(table), None)
        if kept is None:
            # most programs make one image: a stamp is for those who come again
            found, kept = _Kept(table), _Kept(table)
        else:
            mark = stamp(table)
            found = kept = kept if kept.mark == mark else _Kept(table, mark)
        self._kept[id(table)] = kept
        self._forget()
        return found

    def _forget(self):
        """Keep what the last table has, whatever its size, and of those before it not too much."""
        entries = list(self._kept.items())
        left = MOST_BYTES
        for number, (key, kept) in enumerate(reversed(entries)):
            if number:
                left -= kept.table.nbytes
            if number >= MOST_TABLES or left < 0:
                self._kept.pop(key, None)


class Made:
    """What was made of some tables, for as long as nobody changes them."""

    def __init__(self, kept=None):
        self._kept = {} if kept is None else kept
        # of a call, not of what is kept: a child that is forked meanwhile makes another one
        self._lock = threading.Lock()

    def get(self, table, key, make):
        """What goes by a name, made if it is not there."""
        with self._lock:
            kept = self._kept.get(id(table))
            if kept is None:
                kept = self._kept[id(table)] = _Kept(table)
            if key not in kept.made:
                kept.made[key] = make()
            return kept.made[key]

    def has(self, table, key):
        """Whether it is there."""
        kept = self._kept.get(id(table))
        return kept is not None and key in kept.made
