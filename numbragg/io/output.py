"""Output files that appear whole or not at all: written beside their place, renamed at the end."""

from contextlib import contextmanager
from dataclasses import dataclass
import os

from ..kernels.stopping import finish, leave_nothing, nothing_left, poll
from ..notes import warn
from .destinations import copy_to, destination, pieces_of, same_name, streams
from .journal import about
from .locks import LOCKS, START, create_locked, machine
from .renaming import Finished, look_after, put_in_place

# start-up: few outputs need another temporary name

__all__ = ["OutputSet", "check_destination", "write_whole"]


@dataclass(slots=True, eq=False)
class _Output:
    """One reserved destination."""

    path: str  # as the user named it
    kind: str
    place: object  # what the name stands for
    temporary: str | None  # None: the destination is a device and is written at the commit
    descriptor: int | None = None  # of the temporary file, whose lock says that this process lives
    buffer: object = None  # what will be copied to a device
    written: bool = False
    adopted: bool = False  # whether the temporary file is somebody else's to remove

    def close(self):
        """Let go of the lock."""
        if self.descriptor is not None:
            descriptor, self.descriptor = self.descriptor, None
            os.close(descriptor)


class OutputSet:
    """The files of one run, all of them put in place together.

    Destinations are reserved before the work starts, so that a folder that does not exist or
    cannot be written is found out early.  Each is then written to a temporary file in the folder
    of its destination, and `commit` renames them all.  Used as a context manager, whatever was
    not committed is removed at the end, be it an exception, an interrupt or a mere return.

    Devices and pipes (``/dev/null``, ``/dev/stdout``) cannot be renamed to; what is written for
    them is kept and copied to them at the commit, before any file is renamed.  Links are followed:
    the file that a link names is replaced, the link stays.

    Two runs that write the same names never mix their files, and what a run that was killed left is
    cleared away, or completed, by the next in that folder (`io.leftovers`), with a `NumbraggWarning`
    where it completes files.

    Parameters
    ----------
    sparing : bool, optional
        For one set of many, one after the other: a folder that has just been looked at for what dead
        runs left is not looked at again.

    Examples
    --------
    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "image.bin")
    >>> with OutputSet() as out:
    ...     _ = out.reserve(path, "float image")
    ...     with out.open(path) as file:
    ...         _ = file.write(b"data")
    ...     out.commit()
    >>> os.listdir(os.path.dirname(path))
    ['image.bin']
    """

    def __init__(self, sparing=False):
        self._outputs = []
        self._sparing = sparing
        self._closed = False
        self._folders = set()
        # a child that a fork made removes nothing
        self._process = os.getpid()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.discard()

    @property
    def paths(self):
        """Destinations that are reserved, as the user named them."""
        return [output.path for output in self._outputs]

    def reserve(self, path, kind, optional=False):
        """Claim a destination.

        Parameters
        ----------
        path : str or path-like
            Where the file shall appear.
        kind : str
            What it is, for messages: "float image", "PGM image" ...
        optional : bool, optional
            Whether the run goes on without this file if it cannot be created.

        Returns
        -------
        bool
            False if `optional` and the file cannot be created, else True.

        Raises
        ------
        OSError
            The file cannot be created; `filename` is `path`.
        ValueError
            Another output has the same destination.
        """
        self._check_open()
        poll()
        path = os.fsdecode(path)
        try:
            place = destination(path)
        except OSError as error:
            if optional:
                return False
            raise about(error, path) from error
        output = _Output(path, kind, place, None)
        if not place.lost:
            # whatever goes there is lost; any number of outputs may
            self._check_alone(output)
        leave_nothing(self, self.discard)
        # remembered before it exists, so that an interrupt between the two leaves nothing behind
        self._outputs.append(output)
        if place.device:
            return True
        try:
            self._create(output)
        except OSError as error:
            self._outputs.remove(output)
            if optional:
                return False
            raise about(error, path) from error
        for other in self._outputs[:-1]:
            if same_name(other.place.target, place.target, output.temporary):
                self._refuse(other.kind, output)
        return True

    def _check_alone(self, output):
        """Refuse two outputs that would go to one place."""
        place = output.place
        for other in self._outputs:
            if other.place.target == place.target or place.there is not None and other.place.there == place.there:
                self._refuse(other.kind, output)
        if not place.device and place.there in (going := streams()):
            raise ValueError(f"{output.path}: is where {going[place.there]} goes and the destination of the "
                             f"{output.kind}; every output needs a file of its own")

    @staticmethod
    def _refuse(other, output):
        raise ValueError(f"{output.path}: is the destination of the {other} and of the {output.kind}; every "
                         "output needs a file of its own")

    def _create(self, output):
        """Make the temporary file of an output, and see what dead runs left beside it."""
        folder = os.path.dirname(output.place.target)
        if folder not in self._folders:
            self._folders.add(folder)
            warn(look_after(folder, sparingly=self._sparing))
        while output.descriptor is None:
            output.temporary = os.path.join(folder, f"{START}{machine()}-{os.urandom(8).hex()}.tmp")
            # mode bits as for any new file: the system applies the umask
            output.descriptor = create_locked(output.temporary)
        if not LOCKS:
            # open files have no other names there
            output.close()

    def adopt(self, path, kind, temporary):
        """Put a file that somebody else has written in place together with the others; if that fails, it stays.

        Parameters
        ----------
        path, kind : str
            As of `reserve`.
        temporary : str
            The file, whole, in the folder of its destination.
        """
        self._check_open()
        try:
            output = _Output(path, kind, destination(path), temporary, written=True, adopted=True)
        except OSError as error:
            raise about(error, path) from error
        self._check_alone(output)
        self._outputs.append(output)

    @contextmanager
    def open(self, path):
        """Binary file in which the content of a reserved destination is written.

        Opening a destination again starts it anew.  If anything is raised while it is open, all
        temporary files of the set are removed.

        Parameters
        ----------
        path : str or path-like
            As given to `reserve`.

        Yields
        ------
        binary file object
            Closed at the end of the block.

        Raises
        ------
        OSError
            The content cannot be written, for instance because the disk is full; `filename` is
            `path`.
        ValueError
            `path` was not reserved.
        """
        poll()
        output = self._reserved(path)
        try:
            output.written = False
            if output.temporary is None:
                if output.buffer is None:
                    # slow to import and rarely needed
                    import tempfile

                    output.buffer = tempfile.TemporaryFile()
                output.buffer.seek(0)
                output.buffer.truncate()
                yield output.buffer
                output.buffer.flush()
            else:
                with open(output.temporary, "wb") as file:
                    yield file
            output.written = True
        except OSError as error:
            self.discard()
            # an error about another file keeps its name
            if error.filename not in (None, output.temporary):
                raise
            raise about(error, output.path) from error
        except BaseException:
            self.discard()
            raise

    def _reserved(self, path):
        self._check_open()
        path = os.fsdecode(path)
        output = next((output for output in self._outputs if output.path == path), None)
        if output is None:
            raise ValueError(f"{path}: was not reserved as an output")
        return output

    def commit(self):
        """Put all files that were written in their places; what was only reserved is dropped.

        A replaced file passes its mode bits on, and its owner where that is allowed.  What a signal raises while
        files are renamed comes behind that.

        Raises
        ------
        OSError
            A device cannot be written (then no file was replaced) or a file cannot be renamed (then
            the message names the files that already were).  All temporary files are removed.
        """
        self._check_open()
        notes, copied, done = [], [], []

        def rename():
            notes.extend(put_in_place(files))
            done.append(True)

        try:
            for output in self._outputs:
                if output.written and output.place.device:
                    try:
                        # a pipe may wait for its reader
                        copy_to(output.path, output.place.descriptor, pieces_of(output.buffer))
                    except OSError as error:
                        note = f" (already written: {', '.join(copied)})" if copied else ""
                        raise about(error, output.path, note) from error
                    copied.append(output.path)
            files = [Finished(output.temporary, output.place.target, output.path)
                     for output in self._outputs if output.written and not output.place.device]
            finish(rename, "all files are in place")
        except KeyboardInterrupt as stop:
            if done and not stop.args:
                stop.args = (f"all files are in place: {', '.join(file.said for file in files)}",)
            raise
        finally:
            self.discard()
        warn(notes)

    def discard(self):
        """Remove all temporary files; destinations stay as they are.  Safe to call twice."""
        self._closed = True
        if os.getpid() != self._process:
            return
        while self._outputs:
            output = self._outputs[-1]
            if output.buffer is not None:
                try:
                    output.buffer.close()
                except OSError:
                    # the flush of a buffer that no longer matters
                    pass
            if output.temporary is not None and not output.adopted:
                try:
                    os.unlink(output.temporary)
                except OSError:
                    # renamed, never created, or beyond our reach
                    pass
            output.close()
            # forgotten only now: an interrupt in between leaves it to the next call
            self._outputs.pop()
        nothing_left(self)

    def _check_open(self):
        if self._closed:
            raise RuntimeError("outputs: already committed or discarded")


def write_whole(path, kind, write):
    """Write one file that appears whole or not at all.

    Parameters
    ----------
    path : str or path-like
        The file; one that is there is replaced.
    kind : str
        What it is, for messages.
    write : callable
        Takes the open binary file.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    with OutputSet(sparing=True) as outputs:
        outputs.reserve(path, kind)
        with outputs.open(path) as file:
            write(file)
        outputs.commit()


def check_destination(path):
    """Refuse what cannot be replaced, and leave nothing behind.

    Parameters
    ----------
    path : str
        A destination, as the user named it.

    Raises
    ------
    OSError
        It is a folder, or protected; `filename` is `path`.
    """
    try:
        destination(path)
    except OSError as error:
        raise about(error, path) from error
