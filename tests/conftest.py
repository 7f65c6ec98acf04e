"""What all tests share."""

import faulthandler
import functools
import gc
import os
import signal
import sys
import tempfile

from places import BENCHMARKS
import pytest

#: Seconds that a test may take which is not marked as a long one; the longest take two minutes on busy processors.
PATIENCE = 900

#: Marks of tests that take as long as they are told to.
LONG = {"slow", "dials", "browser"}

#: Where a test that takes longer is told of, as tests have a standard error of their own.
_said = pytest.StashKey()


def pytest_configure(config):
    """Set up what takes no part in a test, and would take time in all of them."""
    config.stash[_said] = os.dup(2)
    config.add_cleanup(functools.partial(os.close, config.stash[_said]))
    collector_seldom()
    byte_code_elsewhere(config)
    compiler_untraced()


def collector_seldom():
    """Let the garbage collector begin after many more objects: tests that are collected are that many, and stay."""
    gc.set_threshold(50_000, 20, 20)


def byte_code_elsewhere(config):
    """Where none is written beside the sources, processes that tests start share theirs in a folder of this run."""
    if sys.dont_write_bytecode and os.environ.get("PYTHONDONTWRITEBYTECODE"):
        folder = tempfile.TemporaryDirectory(prefix="numbragg-tests-")
        config.add_cleanup(folder.cleanup)
        del os.environ["PYTHONDONTWRITEBYTECODE"]
        os.environ["PYTHONPYCACHEPREFIX"] = folder.name


def compiler_untraced():
    """Keep coverage out of Numba's compiler, where it would see nothing of ours and take half as long again."""
    import numba.core.compiler as compiler

    compile_extra = compiler.compile_extra

    @functools.wraps(compile_extra)
    def untraced(*arguments, **named):
        tracer = sys.gettrace()
        if tracer is None:
            return compile_extra(*arguments, **named)
        sys.settrace(None)
        try:
            return compile_extra(*arguments, **named)
        finally:
            sys.settrace(tracer)

    compiler.compile_extra = untraced


_tracer = None


@pytest.hookimpl(tryfirst=True)
def pytest_collection():
    """Keep coverage out of what pytest itself does, much of a short test's time: it sees what `_seen` is about.

    Where nothing is traced by this interpreter's own means there is nothing to keep out.
    """
    global _tracer
    _tracer = sys.gettrace()
    sys.settrace(None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    """End a process whose test hangs, with what its threads are at: the run names the test and goes on with others."""
    if LONG & set(item.keywords):
        return (yield)
    faulthandler.dump_traceback_later(PATIENCE, exit=True, file=item.config.stash[_said])
    try:
        return (yield)
    finally:
        faulthandler.cancel_dump_traceback_later()


@pytest.hookimpl(wrapper=True)
def _seen():
    """Let coverage see; also a test that asks for a fixture, once that is made."""
    before = sys.gettrace()
    sys.settrace(_tracer)
    try:
        return (yield)
    finally:
        sys.settrace(before)


#: Modules that are imported, fixtures, and tests.
pytest_make_collect_report = pytest_fixture_setup = pytest_pyfunc_call = _seen


def pytest_collection_finish():
    """Let the garbage collector pass over what was loaded; while Numba compiles it would go through all of it often."""
    gc.freeze()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _unmoved(number, frame):
    """What is caught here has its usual effect in a program that is started, as what is ignored has not."""


@pytest.fixture
def interruptible():
    """Processes that a test starts obey signals, also where the tests run in the background or under nohup.

    These tests themselves go on ignoring what they ignored: a hang-up would end them all without a word.
    """
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGHUP, signal.SIGTERM):
        if before[number] == signal.SIG_IGN:
            signal.signal(number, _unmoved)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def traced():
    """The trace of one pixel of the scene of `trace_tools`."""
    import trace_tools

    import numbragg as nb

    return nb.trace(*trace_tools.SCENE, 9, 5, sampling=trace_tools.TWO)


@pytest.fixture
def benchmark_scripts(monkeypatch):
    """The scripts of benchmarks/ import each other, as they do when they are run."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.delenv("NB_C_BIN", raising=False)
