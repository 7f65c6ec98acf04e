"""Forks while other threads import, load or compile: the child simulates, or says why it cannot; it never hangs."""

import os
import subprocess
import sys
import textwrap

import forks
from formula_tools import INTERPRETED
import pytest

import numbragg as nb
from numbragg.kernels.compile import cuda_target

pytestmark = [pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork"),
              pytest.mark.skipif(INTERPRETED, reason="nothing is compiled")]

#: A child that takes longer is a hang.
COMMON = """
import os, signal, sys, threading, time, traceback
import numbragg as nb

def in_child(work, seconds=100):
    '''The exit code of a child that does some work, 0 if that returns something true.'''
    child = os.fork()
    if child == 0:
        signal.alarm(seconds)
        code = 1
        try:
            code = 0 if work() else 2
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

SCENE = nb.Beam(), nb.Detector(pixels=(12, 10), pixel_mm=2.0), 10.0

def image(shape):
    crystal = nb.Crystal(cell=(60, 70, 80, 90, 90, 90), n_cells=4, shape=shape)
    return nb.simulate(crystal, *SCENE, threads=2).tobytes()
"""


def run(scenario, **environment):
    done = forks.run(["-c", COMMON + textwrap.dedent(scenario)], environment=environment, seconds=900)
    assert done.returncode == 0, f"{done.returncode} {done.stdout} {done.stderr}"
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr, done.stderr
    return done.stdout


def run_afresh(folder, module, scenario):
    """Run a scenario in an interpreter that has loaded nothing, with a module numbragg.slow beside ours."""
    (folder / "slow.py").write_text(textwrap.dedent(module))
    code = COMMON + f"nb.__path__.append({str(folder)!r})\n" + textwrap.dedent(scenario)
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and done.stderr == "", f"{done.returncode} {done.stdout} {done.stderr}"


COMPILING = """
    from numbragg.kernels.compile.compilation import jit, variants

    @variants
    def kernel(number):
        # without a name for its variant it is not kept, so each is compiled anew
        return jit(lambda x: x * number + 0.5 + number)

    wanted = {shape: image(shape) for shape in ("square", "gauss")}
    stop, failures = threading.Event(), []

    def keep_busy(number):
        try:
            while not stop.is_set():
                number += 2
                assert kernel(number)(1.0) == 2 * number + 0.5
                time.sleep(0.001)
        except BaseException as failure:
            failures.append(failure)

    workers = [threading.Thread(target=keep_busy, args=(10000 * n,)) for n in (1, 2)]
    for worker in workers:
        worker.start()
    try:
        for n in range(50):
            time.sleep(0.013 * (n % 7))
            def work():
                return kernel(-n - 1)(1.0) == -2 * n - 1.5 and image("gauss") == wanted["gauss"]
            assert in_child(work) == 0, n
    finally:
        stop.set()
        for worker in workers:
            worker.join()
    assert not failures
"""


def test_forks_while_other_threads_compile():
    """Fifty, at moments of all kinds; each child compiles as well, and its image has the right bits."""
    run(COMPILING)


@pytest.mark.slow
def test_forks_while_other_threads_load_and_compile_the_kernels_of_images(tmp_path):
    """From no module and no kernel on: the cache is empty at first, later everything is loaded from it."""
    wanted = run("""
        import hashlib
        print([hashlib.sha256(image(shape)).hexdigest() for shape in ("square", "gauss", "round", "tophat")])
    """).strip()
    for n in range(50):
        cache = tmp_path / ("kept" if n % 10 else f"new{n}")
        delay = (0.31 * n) % (3.0 if n % 10 else 20.0)
        run(f"""
            import hashlib
            wanted = dict(zip(("square", "gauss", "round", "tophat"), {wanted}))
            workers = [threading.Thread(target=image, args=(shape,)) for shape in ("square", "round")]
            for worker in workers:
                worker.start()
            time.sleep({delay!r})
            shape = list(wanted)[{n} % 4]
            assert in_child(lambda: hashlib.sha256(image(shape)).hexdigest() == wanted[shape], 300) == 0
            for worker in workers:
                worker.join()
        """, NUMBRAGG_CACHE_DIR=str(cache))


@pytest.mark.parametrize("logging", ["import logging", ""])
def test_import_by_another_thread_is_waited_for(logging, tmp_path):
    """A child could never finish what the other thread began; nor may the fork hold what the import needs.

    A library that is loaded while the fork waits has not taken its locks, and yet releases them.
    """
    run_afresh(tmp_path, """
        import time
        time.sleep(0.6)
        import logging
        logging.getLogger("numbragg.slow")
        import concurrent.futures.thread
        value = 7
    """, f"""
        {logging}
        def load():
            import numbragg.slow
        worker = threading.Thread(target=load)
        worker.start()
        time.sleep(0.2)
        def work():
            from numbragg.slow import value
            import logging
            logging.getLogger("another")
            return value == 7
        assert in_child(work) == 0
        worker.join()
        import logging
        assert not logging._lock._is_owned()
        assert in_child(work) == 0
    """)


def test_import_that_never_ends_does_not_stop_forks(tmp_path):
    run_afresh(tmp_path, "import time\ntime.sleep(100)", """
        from numbragg.kernels.compile import forks
        forks.PATIENCE = 0.3
        def load():
            import numbragg.slow
        threading.Thread(target=load, daemon=True).start()
        time.sleep(0.2)
        def work():
            # what stands half made is seen so, and not waited for
            import numbragg.slow
            try:
                forks.refuse_if_unfit()
            except RuntimeError as error:
                return "forked while another thread" in str(error)
        began = time.monotonic()
        assert in_child(work, 20) == 0 and time.monotonic() - began < 20.0
        forks.refuse_if_unfit()
        os._exit(0)
    """)


@pytest.mark.parametrize("lock", ["making", "compiler", "llvmlite"])
def test_a_lock_that_is_never_released(lock):
    """The child goes on with what it has; a kernel that it would have to load or compile is an error in one line."""
    said = run(f"""
        import llvmlite.binding.ffi
        from numba.core.compiler_lock import global_compiler_lock
        from numbragg.kernels.compile import forks
        from numbragg.kernels.compile.compilation import jit
        lock = dict(making=forks.making, compiler=global_compiler_lock, llvmlite=llvmlite.binding.ffi.lib._lock)
        wanted = image("square")
        forks.PATIENCE = 0.3
        taken = threading.Event()
        def keep():
            with lock[{lock!r}]:
                taken.set()
                time.sleep(1000)
        threading.Thread(target=keep, daemon=True).start()
        taken.wait()

        @jit(variant="of a test")
        def new(x):
            return x + 2.5

        def work():
            assert image("square") == wanted
            try:
                new(1.0)
            except RuntimeError as error:
                print(error, flush=True)
                return True
        assert in_child(work, 60) == 0
        os._exit(0)
    """)
    assert said.count("\n") == 1 and "cannot be compiled" in said and "spawn" in said


def test_interrupt_while_a_fork_waits():
    """It comes when the fork is done, and nothing stays locked."""
    run("""
        from numbragg.kernels.compile import forks
        free = threading.Event()
        def keep():
            with forks.making:
                free.wait(60)
        worker = threading.Thread(target=keep)
        worker.start()
        threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
        came = False
        try:
            child = os.fork()
            if child == 0:
                os._exit(0)
            time.sleep(30)
        except KeyboardInterrupt:
            came = True
        assert came
        free.set()
        worker.join()
        got = []
        other = threading.Thread(target=lambda: got.append(forks.making.acquire(timeout=10)))
        other.start()
        other.join()
        assert got == [True]
    """)


def test_interrupt_that_another_thread_takes():
    """The system gives a signal to any thread; the exception comes up where the main one has just got a lock."""
    run("""
        from numbragg.kernels.compile import forks
        taken, free = threading.Event(), threading.Event()
        def keep():
            with forks.making:
                taken.set()
                free.wait(60)
        worker = threading.Thread(target=keep)
        worker.start()
        taken.wait()
        # the main thread takes none
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
        threading.Timer(1.5, free.set).start()
        came = False
        try:
            child = os.fork()
            if child == 0:
                os._exit(0)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
            time.sleep(30)
        except KeyboardInterrupt:
            came = True
        assert came
        worker.join()
        got = []
        other = threading.Thread(target=lambda: got.append(forks.making.acquire(timeout=10)))
        other.start()
        other.join()
        assert got == [True]
    """)


def test_fork_by_the_thread_that_holds_the_locks():
    run("""
        from numba.core.compiler_lock import global_compiler_lock
        from numbragg.kernels.compile import forks
        from numbragg.kernels.compile.compilation import jit
        with forks.making, global_compiler_lock:
            assert in_child(lambda: jit(lambda x: x + 1.5, variant=1)(1.0) == 2.5) == 0
        got = []
        other = threading.Thread(target=lambda: got.append(global_compiler_lock._lock.acquire(timeout=10)))
        other.start()
        other.join()
        assert got == [True]
    """)


def test_forks_cost_next_to_nothing():
    """Nothing is loaded for one where nothing of ours is in use yet."""
    code = ("import os, sys, numbragg\nchild = os.fork()\nif child == 0:\n    os._exit('numba' in sys.modules)\n"
            "sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))")
    assert subprocess.run([sys.executable, "-P", "-c", code]).returncode == 0


# -- CUDA, which no child can take over


def test_device_of_a_parent_is_refused(monkeypatch):
    monkeypatch.setattr(cuda_target, "SIMULATED", False)
    device = cuda_target.Device(0, "a device", (9, 0))
    device._process += 1
    with pytest.raises(cuda_target.DeviceError, match="forked from one that used it"):
        device.current()
    monkeypatch.setattr(cuda_target, "_process", [device._process])
    monkeypatch.setattr(cuda_target, "cuda", object())
    with pytest.raises(cuda_target.DeviceError, match="spawn"):
        cuda_target.open_device()
    assert issubclass(cuda_target.DeviceError, ValueError) and nb.__version__


@pytest.mark.parametrize("order", ["logging, concurrent.futures.thread, h5py, numbragg",
                                   "numbragg, logging, concurrent.futures.thread, h5py"])
def test_locks_of_libraries_are_free_after_a_fork(order):
    """Whether their hooks of forks were set before ours or behind them."""
    pytest.importorskip("h5py", reason="h5py is not installed")
    code = f"""
import {order}
import os, threading
import numbragg as nb
nb.simulate(nb.Crystal(cell=(79, 79, 38, 90, 90, 90), n_cells=2), nb.Beam(), nb.Detector(pixels=(8, 8)), 100.0)
for _ in range(2):
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
for lock in (logging._lock, concurrent.futures.thread._global_shutdown_lock, h5py._objects.phil):
    found = []
    thread = threading.Thread(target=lambda: found.append(lock.acquire(False) and lock.release() is None))
    thread.start()
    thread.join()
    print(*found)
"""
    done = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, timeout=300)
    assert done.stdout.split() == ["True"] * 3, done.stderr


@pytest.mark.parametrize("pause", [0.0, 0.01])
def test_a_library_without_hooks_has_its_lock_taken_and_given_back(pause, tmp_path):
    """As h5py of 2024 is, whose lock knows no limit of time; also where another thread has it nearly always."""
    run_afresh(tmp_path, "", f"""
        import types
        class Lock:
            def __init__(self):
                self.real = threading.RLock()
            def acquire(self, blocking=True):
                return self.real.acquire(blocking)
            def release(self):
                self.real.release()
            def _is_owned(self):
                return self.real._is_owned()
        h5py = types.ModuleType("h5py._objects")
        phil = h5py.phil = Lock()
        sys.modules["h5py._objects"] = h5py
        def is_free():
            found = []
            thread = threading.Thread(target=lambda: found.append(phil.acquire(False) and phil.release() is None))
            thread.start()
            thread.join()
            return found == [True]
        image("gauss")
        assert in_child(is_free) == 0 and is_free()
        stop = threading.Event()
        def keep_busy():
            while not stop.is_set():
                phil.acquire()
                time.sleep(0.02)
                phil.release()
                time.sleep({pause})
        worker = threading.Thread(target=keep_busy)
        worker.start()
        for _ in range(10):
            assert in_child(is_free) == 0
        stop.set()
        worker.join()
        assert is_free()
    """)


@pytest.mark.parametrize("library", ["h5py", "fabio", "gemmi", "tifffile", "matplotlib", "hdf5plugin", "xraydb", "PIL",
                                     "tqdm"])
def test_import_of_a_library_by_another_thread_is_waited_for(library, tmp_path):
    """Children that write files need them as well."""
    (tmp_path / f"{library}.py").write_text("import time\ntime.sleep(0.6)\nvalue = 7\n")
    run_afresh(tmp_path, "", f"""
        import importlib
        sys.path.insert(0, {str(tmp_path)!r})
        nb.simulate
        worker = threading.Thread(target=importlib.import_module, args=({library!r},))
        worker.start()
        time.sleep(0.2)
        assert in_child(lambda: importlib.import_module({library!r}).value == 7, 20) == 0
        worker.join()
    """)
