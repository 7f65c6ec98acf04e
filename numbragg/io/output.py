"""Output files that appear whole or not at all: written beside their place, renamed at the end."""

from contextlib import contextmanager
from dataclasses import dataclass
import errno
import os
import stat

from ..kernels.stopping import finish, leave_nothing, nothing_left, poll

# start-up: few outputs need another temporary name

__all__ = ["OutputSet", "check_destination", "put_in_place", "write_whole"]


@dataclass(slots=True, eq=False)
class _Output:
    """One reserved destination."""

    path: str  # as the user named it
    kind: str
    target: str  # behind all links; what is replaced
    temporary: str | None  # None: the destination is a device and is written at the commit
    buffer: object = None  # what will be copied to a device
    written: bool = False


class OutputSet:
    """The files of one run, all of them put in place together.

    Destinations are reserved before the work starts, so that a folder that does not exist or
    cannot be written is found out early.  Each is then written to a temporary file in the folder
    of its destination, and `commit` renames them all.  Used as a context manager, whatever was
    not committed is removed at the end, be it an exception, an interrupt or a mere return.

    Devices and pipes (``/dev/null``, ``/dev/stdout``) cannot be renamed to; what is written for
    them is kept and copied to them at the commit, before any file is renamed.  Links are followed:
    the file that a link names is replaced, the link stays.

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

    def __init__(self):
        self._outputs = []
        self._closed = False

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
            output = self._prepared(path, kind)
        except OSError as error:
            if optional:
                return False
            raise _about(error, path) from error
        if output.temporary is None and output.target == os.path.realpath(os.devnull):
            # whatever goes there is lost; any number of outputs may
            self._outputs.append(output)
            return True
        for other in self._outputs:
            if other.target == output.target:
                raise ValueError(f"{path}: is the destination of the {other.kind} and of the {kind}; every "
                                 "output needs a file of its own")
        leave_nothing(self, self.discard)
        # remembered before it exists, so that an interrupt between the two leaves nothing behind
        self._outputs.append(output)
        if output.temporary is not None:
            try:
                # mode bits as for any new file: the system applies the umask
                os.close(os.open(output.temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
            except OSError as error:
                self._outputs.remove(output)
                if optional:
                    return False
                raise _about(error, path) from error
        return True

    @staticmethod
    def _prepared(path, kind):
        """The record of a destination. Raises OSError if nothing can be written there."""
        if not path:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        if path.endswith(os.sep):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        if _is_descriptor(path):
            return _Output(path, kind, os.path.abspath(path), None)
        target = os.path.realpath(path)
        try:
            mode = os.stat(path).st_mode
        except FileNotFoundError:
            mode = None
        if mode is not None:
            if stat.S_ISDIR(mode):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
            # a rename would replace a file that its owner protected
            if not os.access(path, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
            if not stat.S_ISREG(mode):
                return _Output(path, kind, target, None)
        name = f".numbragg-{os.urandom(8).hex()}.tmp"
        return _Output(path, kind, target, os.path.join(os.path.dirname(target), name))

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
        self._check_open()
        poll()
        path = os.fsdecode(path)
        output = next((output for output in self._outputs if output.path == path), None)
        if output is None:
            raise ValueError(f"{path}: was not reserved as an output")
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
            raise _about(error, path) from error
        except BaseException:
            self.discard()
            raise

    def commit(self):
        """Put all files that were written in their places; what was only reserved is dropped.

        A replaced file passes its mode bits on, and its owner where that is allowed.

        Raises
        ------
        OSError
            A device cannot be written (then no file was replaced) or a file cannot be renamed (then
            the message names the files that already were).  All temporary files are removed.
        """
        self._check_open()
        finished = []

        def each(outputs, put):
            for output in outputs:
                try:
                    put(output)
                except OSError as error:
                    note = f" (already written: {', '.join(finished)})" if finished else ""
                    raise _about(error, output.path, note) from error
                finished.append(output.path)

        try:
            written = [output for output in self._outputs if output.written]
            # a pipe may wait for its reader
            each([output for output in written if output.temporary is None], _copy_to_device)
            finish(lambda: each([output for output in written if output.temporary is not None], _put_in_place),
                   "all files are in place")
        finally:
            self.discard()

    def discard(self):
        """Remove all temporary files; destinations stay as they are.  Safe to call twice."""
        self._closed = True
        while self._outputs:
            output = self._outputs[-1]
            if output.buffer is not None:
                try:
                    output.buffer.close()
                except OSError:
                    # the flush of a buffer that no longer matters
                    pass
            if output.temporary is not None:
                try:
                    os.unlink(output.temporary)
                except OSError:
                    # renamed, never created, or beyond our reach
                    pass
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
    with OutputSet() as outputs:
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
        OutputSet._prepared(path, "")
    except OSError as error:
        raise _about(error, path) from error


def put_in_place(temporary, path):
    """Put a finished file in the place of another, as `OutputSet.commit` does with all of its own.

    Parameters
    ----------
    temporary : str
        The file, in the folder of its destination.
    path : str
        The destination, as the user named it.

    Raises
    ------
    OSError
        The file cannot be renamed; `filename` is `path`.
    """
    try:
        _put_in_place(_Output(path, "", os.path.realpath(path), temporary))
    except OSError as error:
        raise _about(error, path) from error


def _about(error, path, note=""):
    """The same error, about the file that the user named."""
    if error.errno is None:
        return OSError(errno.EIO, f"{error}{note}", path)
    return OSError(error.errno, f"{os.strerror(error.errno)}{note}", path)


def _is_descriptor(path):
    """Whether a path names an open file of a process, such as /dev/stdout or /dev/fd/3.

    These look like links to files but must be written to, not replaced.
    """
    for _ in range(40):
        folder = os.path.realpath(os.path.dirname(path))
        if folder == "/dev/fd" or (folder.startswith("/proc/") and os.path.basename(folder) == "fd"):
            return True
        if not os.path.islink(path):
            return False
        path = os.path.join(folder, os.readlink(path))
    return False


def _copy_to_device(output):
    output.buffer.seek(0)
    with open(output.path, "wb") as file:
        while piece := output.buffer.read(2**20):
            file.write(piece)


def _put_in_place(output):
    try:
        old = os.stat(output.target)
    except FileNotFoundError:
        old = None
    if old is not None:
        new = os.stat(output.temporary)
        if hasattr(os, "chown") and (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
            try:
                os.chown(output.temporary, old.st_uid, old.st_gid)
            except OSError:
                # only the superuser may give files away
                pass
        os.chmod(output.temporary, stat.S_IMODE(old.st_mode))
    os.replace(output.temporary, output.target)
