"""How kernels are compiled: the one `jit` decorator, and a disk cache that notices every edit.

Numba's own cache looks only at the file of the function it compiles, so an edit in a module that
is called from there would be answered with stale machine code.  Here the cache lives in a folder
named after a hash of every source file of this package; an edit anywhere opens a new folder.
Where the folder cannot be written, kernels are compiled anew in each process.
"""

import functools
import hashlib
import inspect
import os
from pathlib import Path
import re
import sys
import threading
import time

import numba
from numba import _dynfunc, types
from numba.core import caching, codegen, compiler, dispatcher, registry

from ..stopping import aside, handled, poll

__all__ = ["jit", "inlined", "rule", "variants", "cache_folder", "enter_folder", "kept", "source_hash"]

#: Days that compiled code is kept after its last use, once another version has come.
KEPT_DAYS = 90

_OURS = re.compile("[0-9a-f]{16}")


#: The folder of all kernels.
PACKAGE = Path(__file__).parent.parent


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


def cache_folder():
    """Folder of the compiled kernels: NUMBRAGG_CACHE_DIR, else the user's cache folder."""
    base = os.environ.get("NUMBRAGG_CACHE_DIR")
    if not base:
        base = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "numbragg")
    return os.path.join(base, _own_hash())


@functools.cache
def _own_hash():
    """What `source_hash` makes of this package, once in a process."""
    return source_hash()


def kept(function):
    """Whether machine code of a kernel, or of one that a function makes, is kept on disk."""
    prefix = f"{Path(inspect.getfile(inspect.unwrap(function))).stem}.{function.__qualname__}"
    try:
        return any(name.startswith((prefix + "-", prefix + ".")) for name in os.listdir(cache_folder()))
    except OSError:
        return False


class _Locator(caching._CacheLocator):
    """Puts the compiled code of every kernel into `cache_folder`."""

    def __init__(self, folder, stamp, room):
        self._folder = folder
        self._stamp = stamp
        self._room = room

    def get_cache_path(self):
        return self._folder

    def get_source_stamp(self):
        return self._stamp

    def get_disambiguator(self):
        # part of the file's name: two modules of one name in two folders keep apart
        return self._room

    @classmethod
    def from_function(cls, py_func, py_file):
        folder = _folder_once()
        if folder is None:
            return None
        # the folder's name already stands for the sources of this package
        inside = Path(py_file).is_relative_to(PACKAGE)
        room = ".".join(Path(py_file).parent.relative_to(PACKAGE).parts) if inside else "foreign"
        locator = cls(folder, 0 if inside else _digest(py_file), room or "kernels")
        try:
            locator.ensure_cache_path()
        except OSError:
            return None
        return locator


def _digest(path):
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        # typed in by hand: never the same twice
        return str(os.urandom(8))


_folder = []


def _folder_once():
    if not _folder:
        try:
            _folder.append(cache_folder())
            enter_folder(_folder[0])
        except OSError:
            _folder.append(None)
    return _folder[0]


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
                if file.endswith((".nbi", ".nbc")):
                    os.unlink(os.path.join(entry.path, file))
            os.rmdir(entry.path)
        except OSError:
            # in use, protected, or holding something of somebody's
            continue


class _CacheImpl(caching.CompileResultCacheImpl):
    _locator_classes = [_Locator]


class _CacheFile(caching.IndexDataCacheFile):
    """Files named after what is in them: two processes that compile at once never share a name."""

    def save(self, key, data):
        name = f"{self._filename_base}.{hashlib.sha256(repr(key).encode()).hexdigest()[:20]}.nbc"
        self._save_data(name, data)
        overloads = self._load_index()
        overloads[key] = name
        self._save_index(overloads)


class _Cache(caching.FunctionCache):
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
        return sig, codegen.magic_tuple(), self._variant

    def load_overload(self, sig, target_context):
        try:
            return super().load_overload(sig, target_context)
        except Exception:
            # damaged files cost a compilation, no more; without its index the rest is never looked at
            try:
                os.unlink(self._cache_file._index_path)
            except OSError:
                pass
            return None

    def save_overload(self, sig, data):
        try:
            super().save_overload(sig, data)
        except Exception:
            # nor does a full disk cost the image
            pass


def _options(given):
    """The options of every kernel, and those given."""
    if "fastmath" in given:
        raise TypeError("kernels are never compiled with fastmath")
    # kernels allocate nothing, so they need no reference counts (twenty calls a step otherwise)
    return {"nogil": True, "error_model": "numpy", "_nrt": False, **given}


class _Kernel(registry.CPUDispatcher):
    """A function that is compiled, or loaded from disk, beside the main thread.

    There a handler of signals may raise an exception, and in the middle of it Numba's and LLVM's locks would stay
    taken, or a callback from the compiler swallow it.

    For the same reason Python gets a number or nothing from it: to make a tuple with names, compiled code would run
    Python, and crash where a handler raises in there.
    """

    #: Whether it is a part, which Python calls in tests only.
    is_part = False

    def _compile_for_args(self, *arguments, **named):
        compile_or_load = super()._compile_for_args
        if handled():
            # start-up: no handler raises anything, and a thread has memory of its own to be set up
            poll()
            made = compile_or_load(*arguments, **named)
        else:
            made = aside(lambda: compile_or_load(*arguments, **named))
        if not self.is_part and isinstance(self.nopython_signatures[-1].return_type, types.BaseTuple):
            raise TypeError(f"{self.py_func.__qualname__}: a kernel that Python calls must return a number or nothing")
        return made


def jit(function=None, *, variant=None, **options):
    """Compile a kernel: no Python objects, no contraction, no reassociation, no global lock held.

    `fastmath` is refused: every floating-point operation is the one that is written.  Functions
    made by one piece of code in several variants must say which they are, or they are not kept on
    disk: `variant` is any value with a repr of its own.
    """
    if function is None:
        return lambda f: jit(f, variant=variant, **options)
    made = numba.njit(**_options(options))(function)
    if not numba.config.DISABLE_JIT:
        made.__class__ = _Kernel
    told_apart = variant is not None or not function.__closure__
    if not numba.config.DISABLE_JIT and told_apart:
        try:
            made._cache = _Cache(made.py_func, variant)
        except RuntimeError:
            # no folder can be written
            pass
    return made


class _PartLibrary(codegen.JITCodeLibrary):
    """LLVM code that is linked into kernels; no machine code is made of it alone, which takes a tenth of the time."""

    def _finalize_final_module(self):
        self._finalize_dynamic_globals()
        self._verify_declare_only_symbols()
        self._finalized = True


class _PartCompiler(dispatcher._FunctionCompiler):
    """Compiles a part as far as optimised LLVM code."""

    def _compile_core(self, args, return_type):
        flags = compiler.Flags()
        self.targetdescr.options.parse_as_flags(flags, self.targetoptions)
        flags.no_compile = True
        typing, target = self.targetdescr.typing_context, self.targetdescr.target_context
        library = _PartLibrary(target.codegen(), self.py_func.__qualname__)
        made = compiler.compile_extra(typing, target, self.py_func, args=args, return_type=return_type, flags=flags,
                                      locals=self.locals, library=library, pipeline_class=self.pipeline_class)
        # callers find the code by this object; from Python it is never called (see `_Part.__call__`)
        entry = _dynfunc.make_function(made.fndesc.lookup_module(), self.py_func.__name__, "part of kernels", 0,
                                       made.environment, (library,))
        target.insert_user_function(entry, made.fndesc, [library])
        return made._replace(entry_point=entry)


class _Part(registry.CPUDispatcher):
    """A function with no entry from Python, which would take as long to compile as the function.

    Called from Python all the same, it becomes a kernel of its own.
    """

    def __init__(self, function, **named):
        super().__init__(function, **named)
        # start-up: another one would look at the function's signature once more
        self._compiler.__class__ = _PartCompiler

    @functools.cached_property
    def _kernel(self):
        made = jit(self.py_func)
        made.is_part = True
        return made

    def __call__(self, *arguments, **named):
        return self._kernel(*arguments, **named)


class _Rule(_Part):
    """A part that decides and computes nothing, so that Python may run it as it is written."""

    def __call__(self, *arguments, **named):
        return self.py_func(*arguments, **named)


def _part(function, kind):
    if numba.config.DISABLE_JIT:
        return function
    return kind(function, targetoptions=_options({"nopython": True, "forceinline": True, "no_cpython_wrapper": True,
                                                  "no_cfunc_wrapper": True}))


def inlined(function):
    """Compile a kernel that is part of every kernel calling it; never called from Python in earnest.

    Scenes are records of a hundred fields: a call that is not inlined copies them all.
    """
    return _part(function, _Part)


def rule(function):
    """Compile a question about flags that kernels and the host ask alike.

    The host's calls run as Python: to load a kernel for one comparison takes longer than many an image.
    """
    return _part(function, _Rule)


_making = threading.RLock()


def _renew_lock():
    """In the child of a fork nobody else is at work, whatever other threads of its parent held."""
    global _making
    _making = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


def variants(make):
    """Keep what a function makes for each set of (positional) arguments; threads that ask at once all get the same.

    `functools.cache` would let each of them make, and load or compile, a kernel of its own.
    """
    made = {}

    @functools.wraps(make)
    def variant(*key):
        if key not in made:
            with _making:
                if key not in made:
                    made[key] = make(*key)
        return made[key]

    return variant
