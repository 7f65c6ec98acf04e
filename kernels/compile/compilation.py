"""How kernels are compiled: the one `jit` decorator, parts of kernels, and kernels made in variants."""

import functools
from types import FunctionType

import numba
from numba import _dynfunc, types
from numba.core import compiler, dispatcher, registry
from numba.core.compiler_lock import global_compiler_lock
import numpy as np

from ..stopping import aside, handled, poll
from . import forks
from .cache import cache_of
from .width import KernelLibrary, vector_bits

__all__ = ["as_written", "inlined", "is_wide", "jit", "rule", "variants"]


def _options(given):
    """The options of every kernel, and those given."""
    if "fastmath" in given:
        raise TypeError("kernels are never compiled with fastmath")
    if "_nrt" in given:
        # nor is there what it takes where kept ones are loaded
        raise TypeError("kernels have no reference counts")
    # kernels allocate nothing, so they need no reference counts (twenty calls a step otherwise)
    return {"nogil": True, "error_model": "numpy", "_nrt": False, **given}


def _compiled(maker, kind, args, return_type, **flags):
    """What Numba's compiler makes of a function, in a library of our own kind."""
    given = compiler.Flags()
    maker.targetdescr.options.parse_as_flags(given, maker.targetoptions)
    for name, value in flags.items():
        setattr(given, name, value)
    typing, target = maker.targetdescr.typing_context, maker.targetdescr.target_context
    library = kind(target.codegen(), maker.py_func.__qualname__)
    # so that it can be kept on disk; Numba does so for a library that it makes itself
    library.enable_object_caching()
    return compiler.compile_extra(typing, target, maker.py_func, args=args, return_type=return_type, flags=given,
                                  locals=maker.locals, library=library, pipeline_class=maker.pipeline_class)


class _KernelCompiler(dispatcher._FunctionCompiler):
    """Compiles a kernel as Numba does, with vectors of our width."""

    def _compile_core(self, args, return_type):
        return _compiled(self, KernelLibrary, args, return_type)


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
        if handled() or forks.making._is_owned() or global_compiler_lock.is_locked():
            # start-up: no handler raises anything, and a thread has memory of its own to be set up; or another thread
            # would wait for what this one holds
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
    options = _options(options)
    if numba.config.DISABLE_JIT:
        return as_written(function)
    made = numba.njit(**options)(function)
    made.__class__ = _Kernel
    # start-up: another one would look at the function's signature once more
    made._compiler.__class__ = _KernelCompiler
    if variant is not None or not function.__closure__:
        kept_code = cache_of(made.py_func, variant)
        if kept_code is not None:
            made._cache = kept_code
    return made


def as_written(function):
    """A kernel that Python runs: an overflow is an infinity and no warning, as where it is compiled."""
    quiet = functools.partial(np.errstate, all="ignore")

    def kernel(*arguments, **named):
        with quiet():
            return function(*arguments, **named)

    # Numba's simulator puts its own devices into the module of the function that it gets
    return functools.wraps(function)(FunctionType(kernel.__code__, function.__globals__, closure=kernel.__closure__))


class _PartLibrary(KernelLibrary):
    """LLVM code that is linked into kernels; no machine code is made of it alone, which takes a tenth of the time."""

    def _finalize_final_module(self):
        self._finalize_dynamic_globals()
        self._verify_declare_only_symbols()
        self._finalized = True


class _PartCompiler(dispatcher._FunctionCompiler):
    """Compiles a part as far as optimised LLVM code."""

    def _compile_core(self, args, return_type):
        made = _compiled(self, _PartLibrary, args, return_type, no_compile=True)
        library = made.library
        target = self.targetdescr.target_context
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

    @property
    def _kernel(self):
        # no cached_property: before Python 3.12 its lock would be one more to be held at a fork
        with forks.making:
            if "_as_kernel" not in vars(self):
                self._as_kernel = jit(self.py_func)
                self._as_kernel.is_part = True
            return self._as_kernel

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


def is_wide():
    """Whether kernels that are compiled in this process ask for vectors of 512 bits."""
    return vector_bits(*registry.cpu_target.target_context.codegen().magic_tuple()[1:]) == 512


def variants(make):
    """Keep what a function makes for each set of (positional) arguments; threads that ask at once all get the same.

    `functools.cache` would let each of them make, and load or compile, a kernel of its own.
    """
    made = {}

    @functools.wraps(make)
    def variant(*key):
        if key not in made:
            with forks.making:
                if key not in made:
                    made[key] = make(*key)
        return made[key]

    return variant
