"""numba-cuda as we use it: finding a device, compiling without contraction, launching, errors in one line.

NVIDIA's compiler fuses a*b + c into one rounding unless it is told not to, and the option that
tells it so has no place in numba-cuda's decorator.  So kernels are compiled here, with libNVVM's
`fma=0`, which writes every sum and product as `.rn`: nothing later in the chain may fuse those.
That it did is read from the assembly of each kernel before the kernel is used.  On numba's CUDA
simulator kernels are Python functions, and nothing is compiled.
"""

import contextlib
import hashlib
import importlib.metadata
import os
import pickle
import re
import threading

import numba
from numba import typeof, types
import numpy as np

from . import cache
from .compilation import as_written

# start-up: numba-cuda takes a second, is an extra, and is imported with the first device

try:
    # numba's own, older CUDA target has the same name and is another
    _version = importlib.metadata.version("numba-cuda")
    from numba import cuda
except ImportError as problem:
    cuda, _version, _missing = None, None, problem
else:
    _missing = None

__all__ = ["Device", "DeviceError", "Kernel", "OLDEST", "SIMULATED", "assembly", "contracted", "cuda", "open_device",
           "to_device"]

#: Least compute capability: what CUDA 13 compiles for.
OLDEST = (7, 5)

#: Threads of a block.
THREADS = 128

#: Blocks that a multiprocessor must have room for, where a kernel says nothing else: that leaves a thread
#: 65536 / (128 * 4) = 128 registers.
BLOCKS = 4

SIMULATED = cuda is not None and bool(numba.config.ENABLE_CUDASIM)


class DeviceError(ValueError):
    """CUDA was asked for and cannot do it; the message says in one line why."""


def _first_line(error):
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    # numba-cuda puts the news behind a heading
    return next((line for line in lines if not line.endswith(":")), type(error).__name__).rstrip(".")


@contextlib.contextmanager
def device_errors(what):
    """Turn what CUDA says within this block into a `DeviceError` about `what`."""
    try:
        yield
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in ("cuda", "numba", "numba_cuda"):
            raise
        if "MEMORY" in str(error).upper() and "OUT" in str(error).upper():
            raise DeviceError(f"device: out of memory ({what})") from error
        raise DeviceError(f"device: {what} failed: {_first_line(error)}") from error


_FORKED = ("backend: 'cuda' cannot be used in a process that was forked from one that used it; start it by another "
           "method, such as multiprocessing's 'spawn'")

#: The process that first asked for a device, if any did.
_process = []


class Device:
    """One CUDA device.

    Attributes
    ----------
    number : int
    name : str
    compute_capability : tuple of int
    """

    def __init__(self, number, name, compute_capability):
        self.number, self.name, self.compute_capability = number, name, compute_capability
        self._process = os.getpid()

    def __str__(self):
        return f"{self.number}: {self.name}"

    def current(self):
        """Context manager within which this thread uses the device.

        Raises DeviceError in the child of a fork, which can use no CUDA that its parent began with.
        """
        if not SIMULATED and self._process != os.getpid():
            raise DeviceError(_FORKED)
        return cuda.gpus[self.number]

    def free_bytes(self):
        """Returns the bytes of memory that are free. To be called within `current`."""
        return cuda.current_context().get_memory_info()[0]


def open_device(number=None):
    """Find a device.

    Parameters
    ----------
    number : int or None
        None: the first.

    Returns
    -------
    Device

    Raises
    ------
    DeviceError
        No numba-cuda, no driver, no device, none of this number, or one that is too old; this process was forked from
        one that had asked.
    """
    if cuda is None:
        raise DeviceError("backend: 'cuda' needs numba-cuda and its CUDA wheels "
                          f"(pip install 'numba-cuda[cu13]>=0.30,<0.31'): {_first_line(_missing)}")
    if not SIMULATED:
        if _process and _process[0] != os.getpid():
            raise DeviceError(_FORKED)
        _process[:] = [os.getpid()]
    try:
        count = len(cuda.gpus)
    except Exception as error:
        raise DeviceError(f"backend: 'cuda' finds no CUDA driver and device: {_first_line(error)}") from error
    if count == 0:
        raise DeviceError("backend: 'cuda' finds a CUDA driver, but no device")
    number = 0 if number is None else number
    if number >= count:
        raise DeviceError(f"device: {number} does not exist; there are {count}, counted from 0")
    if SIMULATED:
        if not numba.config.DISABLE_JIT:
            raise DeviceError("backend: numba's CUDA simulator (NUMBA_ENABLE_CUDASIM) needs NUMBA_DISABLE_JIT=1 as "
                              "well")
        return Device(number, "CUDA simulator", (0, 0))
    with device_errors("asking for its name"):
        found = cuda.gpus[number]
        name = found.name.decode() if isinstance(found.name, bytes) else str(found.name)
        capability = tuple(found.compute_capability)[:2]
    if capability < OLDEST:
        raise DeviceError(f"device: {number} ({name}) has compute capability {capability[0]}.{capability[1]}; must be "
                          f"at least {OLDEST[0]}.{OLDEST[1]}")
    return Device(number, name, capability)


def _with_arrays(value, make):
    """A record, tuple or single value with make(array) in the place of every array; other values stay as they are."""
    if isinstance(value, tuple):
        made = [_with_arrays(v, make) for v in value]
        return type(value)(*made) if hasattr(value, "_fields") else tuple(made)
    return make(value) if hasattr(value, "dtype") and getattr(value, "ndim", 0) else value


def to_device(value):
    """A record with its arrays on the device, or one array; other values stay as they are."""
    return _with_arrays(value, lambda array: (cuda.to_device(np.ascontiguousarray(array))
                                              if isinstance(array, np.ndarray) else array))


# -- compiling

#: Arithmetic that a later stage may fuse or that is not rounded to nearest, and denormals flushed to zero.
_LOOSE = re.compile(r"^\s*(?:@!?%p\d+\s+)?((?:add|sub|mul|mad)\.f(?:32|64)|\S*\.ftz\S*|div\.(?:approx|full)\S*"
                    r"|sqrt\.approx\S*|rcp\.approx\S*)\s", re.MULTILINE)


def contracted(ptx):
    """Instructions of PTX text that may not be there: each occurrence by name."""
    return _LOOSE.findall(ptx)


def argument_types(arguments):
    """Numba's types of the arguments of a kernel, taken from empty host arrays in place of all arrays."""
    return tuple(map(typeof, _with_arrays(tuple(arguments), lambda array: np.empty((0,) * array.ndim, array.dtype))))


def _target(compute_capability):
    """The architecture that numba-cuda chooses for a device of that compute capability."""
    return (*compute_capability, "a" if tuple(compute_capability) >= (9, 0) else "")


@contextlib.contextmanager
def _names_of_older_numpy():
    """numba-cuda 0.30 names functions that NumPy 2.5 has no longer; within this block they are there."""
    missing = {name: getattr(np, still) for name, still in (("row_stack", "vstack"), ("in1d", "isin"))
               if not hasattr(np, name)}
    for name, function in missing.items():
        setattr(np, name, function)
    try:
        yield
    finally:
        for name in missing:
            delattr(np, name)


def _compile(function, signature, compute_capability, blocks=BLOCKS, fuse=False):
    """A kernel as numba-cuda's dispatcher would have made it, but for the option fma=0."""
    with _names_of_older_numpy():
        from numba.cuda.np import arraymath, arrayobj  # noqa: F401
    from numba.cuda.compiler import compile_cuda, kernel_fixup
    from numba.cuda.cudadrv import nvvm
    from numba.cuda.dispatcher import _Kernel

    options = {"opt": 3, "fma": bool(fuse)}
    result = compile_cuda(function, types.void, signature, nvvm_options=options, cc=compute_capability)
    library = result.library
    kernel = library.get_function(result.fndesc.llvm_func_name)
    library._entry_name = result.fndesc.llvm_func_name
    kernel_fixup(kernel, False)
    nvvm.set_launch_bounds(kernel, (THREADS, blocks))
    made = _Kernel._rebuild(cooperative=False, name=kernel.name, signature=result.signature, codelibrary=library,
                            debug=False, lineinfo=False, call_helper=result.call_helper, extensions=[])
    return made


def _checked(made, target):
    wrong = contracted(made._codelibrary.get_asm_str(cc=target))
    if wrong:
        raise RuntimeError(f"compiled for CUDA with {wrong[0]}, which could be fused: no kernel to be used")
    return made


@contextlib.contextmanager
def _as_if_on(compute_capability):
    """numba-cuda asks for the device even where it only compiles; this answers in its place."""
    from numba.cuda import dispatcher

    class Absent:
        pass

    absent = Absent()
    absent.compute_capability = compute_capability
    asked = dispatcher.get_current_device
    dispatcher.get_current_device = lambda: absent
    try:
        yield
    finally:
        dispatcher.get_current_device = asked


def assembly(kernel, arguments, compute_capabilities, fuse=False):
    """PTX of a kernel, made without a device.

    Parameters
    ----------
    kernel : Kernel
    arguments : tuple
        Examples of its arguments; arrays may be host arrays.
    compute_capabilities : list of (major, minor)
    fuse : bool
        Let NVIDIA's compiler contract, to see what it would do; never so for a kernel that is used.

    Returns
    -------
    list of str
    """
    with _as_if_on(compute_capabilities[0]):
        made = kernel.compile(argument_types(arguments), compute_capabilities[0], fuse)
        return [made._codelibrary.get_asm_str(cc=_target(c)) for c in compute_capabilities]


def _versions():
    from numba.cuda.cudadrv.nvvm import NVVM

    return _version, NVVM().get_version()


class Kernel:
    """A kernel, compiled for one device when it is first launched, and kept on disk.

    Parameters
    ----------
    function : Python function
        Calls `cuda` by that global name, as the simulator wants it.
    variant : hashable
        What tells kernels made of one piece of code apart.
    blocks : int
        Blocks that a multiprocessor must have room for.
    """

    def __init__(self, function, variant, blocks=BLOCKS):
        self._function, self._variant, self._blocks = function, variant, blocks
        self._made = {}
        self._lock = threading.Lock()

    def _path(self, device, signature):
        folder = cache.folder_in_use()
        if folder is None:
            return None
        text = repr((self._variant, signature, device.compute_capability, THREADS, self._blocks, _versions()))
        return os.path.join(folder, f"cuda.{hashlib.sha256(text.encode()).hexdigest()[:24]}.nbc")

    def kept(self, device, arguments):
        """Whether the kernel for such arguments need not be compiled."""
        if SIMULATED:
            return True
        path = self._path(device, argument_types(arguments))
        return path is not None and os.path.exists(path)

    def load(self, device, arguments):
        """Compile, or take from disk, the kernel for such arguments; to be called within `device.current`."""
        if SIMULATED:
            return cuda.jit(as_written(self._function))
        signature = argument_types(arguments)
        with self._lock:
            key = device.number, signature
            if key not in self._made:
                self._made[key] = (_read(self._path(device, signature))
                                   or self._new(device.compute_capability, signature, self._path(device, signature)))
            return self._made[key]

    def compile(self, signature, compute_capability, fuse=False):
        """Compile, and nothing else; see `assembly`."""
        return _compile(self._function, signature, compute_capability, self._blocks, fuse)

    def _new(self, compute_capability, signature, path):
        with device_errors("compiling a kernel"):
            made = _checked(self.compile(signature, compute_capability), _target(compute_capability))
            made._codelibrary.get_cubin(cc=_target(compute_capability))
        _write(path, made)
        return made

    def launch(self, device, count, arguments, made=None):
        """Start enough blocks for `count` threads; `made` is what `load` gives, if that is known already."""
        made = self.load(device, arguments) if made is None else made
        blocks = -(-count // THREADS)
        if SIMULATED:
            made[blocks, min(THREADS, count)](*arguments)
            return
        from numba.cuda.cudadrv.driver import _to_core_stream

        with device_errors("running a kernel"):
            # the default stream, in which copies are made too
            made.launch(arguments, (blocks, 1, 1), (THREADS, 1, 1), _to_core_stream(0))


def _read(path):
    """A kernel from disk, or None if there is none that can be used."""
    if path is None:
        return None
    from numba.cuda.dispatcher import _Kernel

    try:
        return _Kernel._rebuild(**pickle.loads(cache.read_checked(path)))
    except cache.Refused as problem:
        cache.drop(path, problem.why)
    except Exception:
        # costs a compilation, no more
        pass
    return None


def _write(path, made):
    """Keep a kernel on disk, whole or not at all; a disk that cannot be written does not cost the image."""
    if path is None:
        return
    from numba.cuda import serialize

    try:
        cache.make_folder(os.path.dirname(path))
        cache.write_checked(path, serialize.dumps(made._reduce_states()))
    except Exception:
        pass
