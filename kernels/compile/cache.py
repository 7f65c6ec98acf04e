"""Compiled kernels on disk: where they lie, whose files are believed, and a checksum for every file.

Numba's own cache looks only at the file of the function it compiles, so an edit in a module that is called from there
would be answered with stale machine code.  Here the cache lives in a folder named after a hash of every source file
of this package; an edit anywhere opens a new folder.

What is loaded runs as this user.  So a folder counts only if it and the one above it belong to the user, or to root,
and nobody else can write them; the same holds for each file, of which nothing is unpickled before its checksum is
known to be right.  All else is left alone or replaced, said once in a process on the standard error stream, and
compiled anew; no image depends on it.  Where there is no folder, kernels are compiled anew in each process.
"""

import functools
import hashlib
import inspect
import os
from pathlib import Path
import pickle
import re
import stat
import sys
import time

import numba
from numba.core import caching

from . import forks
from .width import vector_bits

__all__ = ["KEPT_DAYS", "PACKAGE", "Refused", "cache_folder", "cache_of", "drop", "enter_folder", "folder_in_use",
           "kept", "make_folder", "read_checked", "source_hash", "write_checked"]

#: Days that compiled code is kept after its last use, once another version has come.
KEPT_DAYS = 90

#: The folder of all kernels.
PACKAGE = Path(__file__).parent.parent

_OURS = re.compile("[0-9a-f]{16}")

#: Compiled code, whole or left by a process that was ended while it wrote.
_FILES = re.compile(r"\.nb[ic](\.tmp\.[0-9a-f]{16})?\Z")

_CHECK_BYTES = hashlib.sha256().digest_size


class Refused(Exception):
    """A file that is not to be believed: its path, and why."""

    def __init__(self, path, why):
        super().__init__(f"{path}: {why}")
        self.path, self.why = path, why


_said = set()


def _say(kind, text):
    """Tell the user, once for each kind: as a line, as a warning that is an error would cost an image."""
    if kind not in _said and sys.stderr is not None:
        _said.add(kind)
        try:
            print(f"numbragg: warning: {text}", file=sys.stderr)
        except (OSError, ValueError):
            # nobody reads it
            pass


# -- where


def source_hash(folder=None):
    """Hash of all Python sources of the kernels package, folders in it included, and of the numba version.

    Sixteen hexadecimal digits.
    """
    digest = hashlib.sha256()
    folder = os.fspath(PACKAGE if folder is None else folder)
    # start-up: pathlib would take three times as long
    for path in sorted(os.path.join(place, name) for place, _, names in os.walk(folder) for name in names):
        if not path.endswith(".py"):
            continue
        with open(path, "rb") as file:
            digest.update(os.path.relpath(path, folder).replace(os.sep, "/").encode() + b"\0" + file.read() + b"\0")
    digest.update(f"numba {numba.__version__} python {sys.version_info[:3]}".encode())
    return digest.hexdigest()[:16]


@functools.cache
def _own_hash():
    """What `source_hash` makes of this package, once in a process."""
    return source_hash()


def _home():
    """The user's home folder, or None; never a path that depends on the current folder."""
    home = os.environ.get("HOME")
    if os.name == "posix" and not (home and os.path.isabs(home)):
        # start-up: seldom needed
        import pwd

        try:
            home = pwd.getpwuid(os.getuid()).pw_dir
        except KeyError:
            return None
    elif os.name != "posix":
        home = os.path.expanduser("~")
    return home if os.path.isabs(home) else None


def cache_folder():
    """Folder of the compiled kernels of this version, whether it is there and can be used or not.

    In NUMBRAGG_CACHE_DIR, else in the user's cache folder.  None where neither is an absolute path: code from wherever
    the current folder is must not be run.
    """
    base = os.environ.get("NUMBRAGG_CACHE_DIR")
    if base and not os.path.isabs(base):
        _say("relative", f"NUMBRAGG_CACHE_DIR: {base!r} is no absolute path; compiled kernels are not kept")
        return None
    if not base:
        caches = os.environ.get("XDG_CACHE_HOME", "")
        if not os.path.isabs(caches):
            # which the XDG specification says to ignore
            home = _home()
            if home is None:
                return None
            caches = os.path.join(home, ".cache")
        base = os.path.join(caches, "numbragg")
    return os.path.join(base, _own_hash())


def _believed(status):
    """Whether what has this status is the user's or root's, and nobody else can write it."""
    if not hasattr(os, "geteuid"):
        return True
    return status.st_uid in (os.geteuid(), 0) and not status.st_mode & 0o022


def make_folder(folder):
    """Make a folder and those above it for the user alone."""
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        pass
    except FileNotFoundError:
        make_folder(os.path.dirname(folder))
        os.mkdir(folder, 0o700)


def _checked_folder(folder):
    """A folder, marked as used and made if need be, or None if it cannot be or is not to be believed."""
    if folder is None:
        return None
    try:
        # what is looked at is what a link leads to
        folder = os.path.realpath(folder)
        base = os.path.dirname(folder)
        make_folder(base)
        for place in (base, folder):
            if place == folder:
                enter_folder(folder)
                make_folder(folder)
            status = os.stat(place)
            if not stat.S_ISDIR(status.st_mode):
                return None
            if not _believed(status):
                _say("folder", f"{place}: belongs to somebody else, or others can write it (chmod go-w makes it safe, "
                     "if all that is in it is yours); kernels are compiled anew and not kept")
                return None
    except OSError:
        return None
    return folder


_folder = []


def folder_in_use():
    """The folder that this process reads and writes, or None; looked for once."""
    if not _folder:
        _folder.append(_checked_folder(cache_folder()))
    return _folder[0]


def kept(function):
    """Whether machine code of a kernel, or of one that a function makes, is kept on disk."""
    prefix = f"{Path(inspect.getfile(inspect.unwrap(function))).stem}.{function.__qualname__}"
    try:
        return any(name.startswith((prefix + "-", prefix + ".")) for name in os.listdir(folder_in_use() or os.devnull))
    except OSError:
        return False


def enter_folder(folder):
    """Mark a cache folder as used now; where there is none yet, remove those that were not used for long.

    A new folder means a new version, so that is when old ones are looked for.  Only folders named as ours are,
    and in them only files of compiled code, are removed; a folder that holds anything else stays.
    """
    try:
        if os.path.isdir(folder):
            os.utime(folder)
        else:
            _remove_old(os.path.dirname(folder), time.time() - KEPT_DAYS * 86400.0)
    except OSError:
        # not ours to write; then it is somebody else's to tidy up
        pass


def _remove_old(base, oldest):
    for entry in os.scandir(base):
        if not (_OURS.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False)):
            continue
        try:
            if entry.stat(follow_symlinks=False).st_mtime >= oldest:
                continue
            for file in os.listdir(entry.path):
                if _FILES.search(file):
                    os.unlink(os.path.join(entry.path, file))
            os.rmdir(entry.path)
        except OSError:
            # in use, protected, or holding something of somebody's
            continue


# -- files


def _checksum(path, content):
    """Of a file's name and content: a file in the place of another one is as wrong as a damaged one."""
    digest = hashlib.sha256(os.path.basename(path).encode() + b"\0")
    digest.update(content)
    return digest.digest()


def read_checked(path):
    """The content of a file that `write_checked` wrote.

    Raises OSError if it cannot be read, Refused if it is not to be believed.
    """
    # a pipe would wait for whoever writes to it
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | getattr(os, "O_NONBLOCK", 0))) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise Refused(path, "is no file")
        if not _believed(status):
            raise Refused(path, "belongs to somebody else, or others can write it")
        content = memoryview(file.read())
    if _checksum(path, content[_CHECK_BYTES:]) != content[:_CHECK_BYTES]:
        raise Refused(path, "is damaged")
    return content[_CHECK_BYTES:]


def write_checked(path, content):
    """Write a file with its checksum, whole or not at all; nobody else can write it."""
    beside = f"{path}.tmp.{os.urandom(8).hex()}"
    try:
        # whatever the umask
        number = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
        with os.fdopen(number, "wb") as file:
            file.write(_checksum(path, content))
            file.write(content)
        os.replace(beside, path)
    except BaseException:
        try:
            os.unlink(beside)
        except OSError:
            pass
        raise


def drop(path, why, what="the kernel"):
    """Say what is wrong with a file of something, and remove it, so that another one can take its place."""
    _say(why, f"{path}: {why}; {what} is made anew")
    try:
        os.unlink(path)
    except OSError:
        pass


# -- what Numba asks for


class _Locator(caching._CacheLocator):
    """Puts the compiled code of a function into the folder in use."""

    def __init__(self, folder, py_file):
        # the folder's name already stands for the sources of this package
        inside = Path(py_file).is_relative_to(PACKAGE)
        room = ".".join(Path(py_file).parent.relative_to(PACKAGE).parts) if inside else "foreign"
        self._folder, self._room = folder, room or "kernels"
        self._stamp = 0 if inside else _digest(py_file)

    def ensure_cache_path(self):
        make_folder(self._folder)

    def get_cache_path(self):
        return self._folder

    def get_source_stamp(self):
        return self._stamp

    def get_disambiguator(self):
        # part of the file's name: two modules of one name in two folders keep apart
        return self._room


def _digest(path):
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        # typed in by hand: never the same twice
        return str(os.urandom(8))


class _CacheImpl(caching.CompileResultCacheImpl):
    def __init__(self, py_func):
        # Numba would let a variable of the environment choose another folder
        path = inspect.getfile(py_func)
        self._lineno, self._locator = py_func.__code__.co_firstlineno, _Locator(folder_in_use(), path)
        name = f"{os.path.splitext(os.path.basename(path))[0]}.{py_func.__qualname__}"
        self._filename_base = self.get_filename_base(name, getattr(sys, "abiflags", ""))


class _CacheFile(caching.IndexDataCacheFile):
    """Files named after what is in them: two processes that compile at once never share a name."""

    def save(self, key, data):
        name = f"{self._filename_base}.{hashlib.sha256(repr(key).encode()).hexdigest()[:20]}.nbc"
        self._save_data(name, data)
        try:
            overloads = self._load_index()
        except Exception:
            # it is replaced
            overloads = {}
        overloads[key] = name
        self._save_index(overloads)

    def _load_index(self):
        try:
            content = read_checked(self._index_path)
        except FileNotFoundError:
            return {}
        stamp, overloads = pickle.loads(content)
        return overloads if stamp == self._source_stamp else {}

    def _save_index(self, overloads):
        write_checked(self._index_path, self._dump((self._source_stamp, overloads)))

    def _load_data(self, name):
        return pickle.loads(read_checked(self._data_path(name)))

    def _save_data(self, name, data):
        write_checked(self._data_path(name), self._dump(data))


class _Cache(caching.FunctionCache):
    """What is on disk of one kernel."""

    _impl_class = _CacheImpl

    def __init__(self, py_func, variant):
        super().__init__(py_func)
        self._variant = repr(variant)
        self._cache_file = _CacheFile(cache_path=self._cache_path, filename_base=self._impl.filename_base,
                                      source_stamp=self._impl.locator.get_source_stamp())
        self._cache_file._filename_base = self._impl.filename_base

    def _index_key(self, sig, codegen):
        # Numba would add the functions that a closure refers to, which never look the same twice;
        # their sources are in the folder's name
        magic = codegen.magic_tuple()
        return sig, magic, vector_bits(*magic[1:]), self._variant

    def load_overload(self, sig, target_context):
        forks.refuse_if_unfit()
        try:
            # start-up: Numba would first load all that it can compile, SciPy with it, which takes as long as Numba
            # itself; machine code needs none of it, and whoever compiles loads it then
            with self._guard_against_spurious_io_errors():
                return self._load_overload(sig, target_context)
        except Refused as problem:
            drop(problem.path, problem.why)
        except Exception as problem:
            # a compilation, no more; without its index the rest is never looked at
            drop(self._cache_file._index_path, f"cannot be used ({type(problem).__name__})")
        return None

    def save_overload(self, sig, data):
        try:
            super().save_overload(sig, data)
        except Exception:
            # nor does a full disk cost the image
            pass


def cache_of(function, variant):
    """What is on disk of a Python function to be compiled, told apart from others of its code by a variant.

    None where there is no folder for it.
    """
    return None if folder_in_use() is None else _Cache(function, variant)
