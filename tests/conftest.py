"""What all tests share."""

import signal

from places import BENCHMARKS
import pytest


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def interruptible():
    """Processes that a test starts obey SIGINT, also where the tests run in the background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


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
