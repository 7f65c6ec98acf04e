"""A case: the words of a command line and the files that lie in its folder, both in parts that can be left out."""

import bz2
from dataclasses import dataclass, field, replace
import gzip
import shlex

__all__ = ["Case", "Content"]


@dataclass(frozen=True)
class Content:
    """What a file holds: valid bytes, and what was done to them."""

    base: bytes
    #: changes in their order: share of the length where it starts, bytes that go, bytes that come
    changes: tuple = ()
    #: "", "gzip" or "bzip2"
    packed: str = ""
    #: whether what is changed is the packed file, not what is in it
    outside: bool = False

    def bytes(self):
        if self.outside:
            return self.damage(self.pack(self.base))
        return self.pack(self.damage(self.base))

    def pack(self, content):
        """Content, compressed."""
        if self.packed == "gzip":
            return gzip.compress(content, mtime=0)
        return bz2.compress(content) if self.packed == "bzip2" else content

    def damage(self, content):
        """Content after the changes."""
        for place, removed, added in self.changes:
            start = int(place * len(content))
            content = content[:start] + added + content[start + removed:]
        return content

    def simpler(self):
        """The same with one change less, or not packed."""
        for i in range(len(self.changes)):
            yield replace(self, changes=self.changes[:i] + self.changes[i + 1:])
        if self.packed:
            yield replace(self, packed="")


@dataclass(frozen=True)
class Case:
    """One run of the program."""

    label: str
    #: words of the command line, option by option
    groups: tuple
    #: files of its folder by name; None is a folder
    files: dict = field(default_factory=dict)
    #: names that a subcommand must have written; for an image its words say it
    outputs: tuple = ()

    @property
    def words(self):
        return [word for group in self.groups for word in group]

    def shown(self):
        """The words as a shell takes them, in ASCII."""
        words = [shlex.quote(word) if word.isascii() and word.isprintable() else ascii(word) for word in self.words]
        return " ".join(word if len(word) < 200 else word[:80] + f"...({len(word)} characters)" for word in words)

    def simpler(self):
        """Cases with one part less: an option, a file, a change of a file."""
        for i in range(len(self.groups)):
            yield self._with(groups=self.groups[:i] + self.groups[i + 1:])
        for name, content in self.files.items():
            yield self._with(files={other: kept for other, kept in self.files.items() if other != name})
            if content is not None:
                for simpler in content.simpler():
                    yield self._with(files=self.files | {name: simpler})

    def _with(self, groups=None, files=None):
        groups = self.groups if groups is None else groups
        words = {word for group in groups for word in group}
        return replace(self, groups=groups, files=self.files if files is None else files,
                       outputs=tuple(name for name in self.outputs if name in words))
