"""Signals at the worst moments: one line, the exit status of the signal, nothing left; callers' handlers untouched."""

import os
from pathlib import Path
import signal
import subprocess
import sys
import threading
import time

from cli_tools import command, content
from cuda_tools import needs_numba_cuda
import numpy as np
import pytest

import numbragg as nb
from numbragg.commands.cli import main
from numbragg.kernels import stopping

SIGNALS = [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "terminated"), (signal.SIGHUP, "terminated")]

SMALL = "-default_F 1 -cell 79 79 38 90 90 90 -N 8 -oversample 1 -seed 1 --quiet".split()

#: One pixel of two thousand million steps, and what makes it go through each evaluator.
ONE_PIXEL = [*SMALL, "-detpixels", "1", "-oversample", "44", "-mosaic", "1", "-mosaic_dom", "1000", "-phi", "1", "-osc",
             "1", "-phisteps", "1000"]
STRICT = ["--revision", "main", "-phi", "0"]

#: Seconds within which a signal must have ended a process on an idle machine are two; here others may be at work.
SOON = 10.0


def started(words, folder, **named):
    return subprocess.Popen(command(*words), cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, **named)


def begun(process, folder):
    """Wait until a run has its temporary files."""
    until = time.monotonic() + 120.0
    while not any(path.name.startswith(".numbragg-") for path in folder.iterdir()):
        assert process.poll() is None and time.monotonic() < until
        time.sleep(0.01)


def ended(process, number, seconds=SOON):
    """Send a signal. Returns what is said on stderr; compiling apart."""
    process.send_signal(number)
    start = time.monotonic()
    try:
        _, said = process.communicate(timeout=120)
    finally:
        process.kill()
    assert time.monotonic() - start < seconds
    return "".join(line for line in said.splitlines(True) if "compiling" not in line)


@pytest.mark.parametrize("number, word, way", [(*signal, []) for signal in SIGNALS] + [(*SIGNALS[0], STRICT)])
def test_one_pixel_of_two_thousand_million_steps(number, word, way, folder, interruptible):
    process = started([*ONE_PIXEL, *way], folder)
    begun(process, folder)
    time.sleep(1.0)
    assert ended(process, number) == f"numbragg: {word}; no file was written\n"
    assert process.returncode == 128 + number and content(folder) == {}


def test_a_trace_of_two_thousand_million_steps(folder, interruptible):
    process = started(["trace", "0", "0", *ONE_PIXEL, "--output", "t.txt"], folder)
    begun(process, folder)
    time.sleep(1.0)
    assert ended(process, signal.SIGINT) == "numbragg: interrupted; no file was written\n"
    assert process.returncode == 130 and content(folder) == {}


def test_noise_of_a_large_image(folder, interruptible):
    """The kernels behind the image work in pieces; none of them lets Python run in its middle."""
    process = started([*SMALL, "-detpixels", "2000", "-fluence", "1e32"], folder)
    begun(process, folder)
    # the float image has been written; integers, greys and noise follow
    until = time.monotonic() + 120.0
    while sum(path.stat().st_size for path in folder.iterdir()) < 16_000_000 and time.monotonic() < until:
        time.sleep(0.01)
    assert ended(process, signal.SIGTERM) == "numbragg: terminated; no file was written\n"
    assert process.returncode == 143 and content(folder) == {}


@pytest.mark.parametrize("number, word", SIGNALS)
def test_a_reader_that_waits_for_ever(number, word, folder, interruptible):
    """Nothing looks for signals while a pipe is opened; the process ends all the same."""
    os.mkfifo(folder / "slow.hkl")
    process = started([*SMALL, "-hkl", "slow.hkl"], folder)
    time.sleep(1.0)
    assert process.poll() is None
    assert ended(process, number) == f"numbragg: {word}; no file was written\n"
    assert process.returncode == 128 + number and [path.name for path in folder.iterdir()] == ["slow.hkl"]


def test_an_output_that_waits_for_ever(folder, interruptible):
    """A pipe that nobody reads: nothing has been put in place yet, and the temporary files go."""
    os.mkfifo(folder / "out")
    process = started([*SMALL, "-detpixels", "20", "-floatfile", "out"], folder)
    begun(process, folder)
    time.sleep(3.0)
    assert process.poll() is None
    assert ended(process, signal.SIGTERM) == "numbragg: terminated; no file was written\n"
    assert process.returncode == 143 and [path.name for path in folder.iterdir()] == ["out"]


def test_the_first_of_two_signals_counts(folder, interruptible):
    os.mkfifo(folder / "slow.hkl")
    process = started([*SMALL, "-hkl", "slow.hkl"], folder)
    time.sleep(1.0)
    process.send_signal(signal.SIGTERM)
    time.sleep(0.1)
    assert ended(process, signal.SIGINT) == "numbragg: terminated; no file was written\n"
    assert process.returncode == 143


def test_the_main_thread_that_comes_last_says_it_all_the_same(folder, interruptible):
    """It finds a safe place just before the other thread ends the process, and is slow to say so."""
    code = ("import os, signal, sys, time\n"
            "from numbragg.commands import cli, program, signals\n"
            "from numbragg.kernels import stopping\n"
            "say = signals.say_end\n"
            "def late(words=''):\n"
            "    time.sleep(0.3)\n"
            "    return say(words)\n"
            "def command(argv):\n"
            "    os.kill(os.getpid(), signal.SIGTERM)\n"
            "    time.sleep(signals._GRACE - 0.1)\n"
            "    stopping.poll()\n"
            "signals.say_end, program._command = late, command\n"
            "sys.argv = ['numbragg', 'x']\n"
            "cli.entry()\n")
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (143, "numbragg: terminated; no file was written\n")


def test_tests_under_nohup_live_on(folder):
    """What a test starts obeys a hang-up, the tests themselves do not: all would end without a word."""
    (folder / "test_it.py").write_text("""
import os, signal, subprocess, sys
def test_it(interruptible):
    os.kill(os.getpid(), signal.SIGHUP)
    child = subprocess.run([sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGHUP)"])
    assert child.returncode == -signal.SIGHUP
""")
    tests = Path(__file__).parents[1]
    (folder / "conftest.py").write_text((tests / "conftest.py").read_text(encoding="utf-8"), encoding="utf-8")
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py"], cwd=folder,
                          capture_output=True, text=True, timeout=240, env=os.environ | {"PYTHONPATH": str(tests)},
                          preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("number", [number for number, _ in SIGNALS])
def test_ignored_at_the_start_stays_ignored(number, folder):
    """As nohup does with SIGHUP, and sh with SIGINT for what runs in the background."""
    def ignore():
        signal.signal(number, signal.SIG_IGN)

    process = started([*SMALL, "-detpixels", "20"], folder, preexec_fn=ignore)
    for _ in range(5):
        time.sleep(0.1)
        process.send_signal(number)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert sorted(content(folder)) == ["floatimage.bin", "image.pgm", "intimage.img", "noiseimage.img"]


def test_a_signal_behind_the_last_moment_changes_nothing(folder, interruptible):
    """Once files are being put in place, the run is done: the report follows, and the exit status is 0."""
    code = ("import os, signal, sys\n"
            "from numbragg.io import output\n"
            "put = output.put_in_place\n"
            "def late(each):\n"
            "    os.kill(os.getpid(), signal.SIGTERM)\n"
            "    return put(each)\n"
            "output.put_in_place = late\n"
            "from numbragg.commands.cli import entry\n"
            f"sys.argv = ['numbragg', *{[*SMALL, '-detpixels', '20']!r}]\n"
            "entry()\n")
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(content(folder)) == ["floatimage.bin", "image.pgm", "intimage.img", "noiseimage.img"]


def test_random_moments(folder, interruptible):
    """Whatever it is doing: one line and the exit status of the signal, or the whole run; never a part."""
    words = [*SMALL, "-detpixels", "64"]
    assert main(words) == 0
    whole = content(folder)
    random = np.random.default_rng(15)
    seen = set()
    for path in folder.iterdir():
        path.unlink()
    start = time.monotonic()
    assert subprocess.run(command(*words), cwd=folder, capture_output=True).returncode == 0
    length = time.monotonic() - start
    for name in whole:
        (folder / name).unlink()
    for number, word in SIGNALS * 3:
        process = started(words, folder)
        # Python itself starts without us
        time.sleep(0.1 + length * random.random())
        said = ended(process, number)
        seen.add(process.returncode)
        if process.returncode == 0:
            assert said == "" and content(folder) == whole
            for name in whole:
                (folder / name).unlink()
        else:
            assert content(folder) == {}
            assert (process.returncode, said) == (128 + number, f"numbragg: {word}; no file was written\n")
    assert len(seen) > 1


# -- in a process that is not ours


def interrupt_soon():
    """A thread that interrupts this process once, while the main thread waits for another one."""
    def work():
        until = time.monotonic() + 60.0
        while all(thread.name != "numbragg" for thread in threading.enumerate()) and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def one_pixel():
    return (nb.Simulator(nb.Detector(pixels=(1, 1)), nb.Beam(), 100.0, sampling=nb.Sampling(oversample=44)),
            nb.Crystal(cell=(79, 79, 38, 90, 90, 90), n_cells=8, mosaic_spread_deg=1, mosaic_domains=1000,
                       oscillation_deg=1, phi_steps=1000))


def test_an_interrupt_ends_long_work_at_once(interruptible):
    """The handlers are the caller's; what computes is told to leave, and nothing of it is left at work."""
    simulator, crystal = one_pixel()
    # loaded
    simulator.run(nb.Crystal(cell=(79, 79, 38, 90, 90, 90), n_cells=8, mosaic_spread_deg=1, mosaic_domains=2,
                             oscillation_deg=1, phi_steps=2))
    before, before_us = [signal.getsignal(number) for number, _ in SIGNALS], threading.active_count()
    thread, start = interrupt_soon(), time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        simulator.run(crystal)
    assert time.monotonic() - start < SOON
    thread.join()
    assert [signal.getsignal(number) for number, _ in SIGNALS] == before
    until = time.monotonic() + 5.0
    while threading.active_count() > before_us and time.monotonic() < until:
        time.sleep(0.01)
    assert threading.active_count() == before_us
    # and it goes on
    assert np.isfinite(simulator.run(nb.Crystal(cell=(79, 79, 38, 90, 90, 90), n_cells=8)).image).all()


def test_an_interrupt_of_a_handler_of_the_callers(interruptible):
    class Enough(Exception):
        pass

    def enough(number, frame):
        raise Enough

    simulator, crystal = one_pixel()
    signal.signal(signal.SIGINT, enough)
    thread = interrupt_soon()
    with pytest.raises(Enough):
        simulator.run(crystal)
    thread.join()
    assert signal.getsignal(signal.SIGINT) is enough


def test_compiling_is_left_to_itself(interruptible, monkeypatch):
    """The main thread is free at once, and no lock stays taken."""
    from numbragg.kernels.compile import compilation

    slow = threading.Event()
    monkeypatch.setattr(compilation.registry.CPUDispatcher, "_compile_for_args",
                        lambda self, *arguments, **named: slow.wait(60.0))

    @compilation.jit
    def kernel(x):
        return x + 1.0

    thread, start = interrupt_soon(), time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            kernel(1.0)
        assert time.monotonic() - start < SOON
    finally:
        slow.set()
    thread.join()
    monkeypatch.undo()
    assert kernel(1.0) == 2.0


def test_what_is_beside_the_main_thread():
    assert stopping.aside(lambda: threading.current_thread() is threading.main_thread()) is False
    with pytest.raises(ZeroDivisionError):
        stopping.aside(lambda: 1 // 0)
    found = []
    thread = threading.Thread(target=lambda: found.append(stopping.aside(threading.current_thread)))
    thread.start()
    thread.join()
    # no other thread hears of signals
    assert found == [thread]


def test_renames_are_not_broken_off(folder, interruptible, monkeypatch):
    """An interrupt between two of them comes up when all are done."""
    from numbragg.io.output import OutputSet

    replace = os.replace

    def slowly(old, new):
        replace(old, new)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.2)

    monkeypatch.setattr(os, "replace", slowly)
    with pytest.raises(KeyboardInterrupt, match="all files are in place: a, b, c"), OutputSet() as outputs:
        for name in "abc":
            outputs.reserve(name, "image")
            with outputs.open(name) as file:
                file.write(b"new")
        outputs.commit()
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == dict.fromkeys("abc", b"new")


def test_no_python_runs_in_the_middle_of_compiled_code():
    """Handlers that raise while kernels are at work: an exception every time, never a crash."""
    code = """
import signal
import warnings

import numpy as np

import numbragg as nb

warnings.simplefilter("ignore")

class Enough(Exception):
    pass

armed = []

def raise_enough(number, frame):
    if armed:
        armed.clear()
        raise Enough

signal.signal(signal.SIGALRM, raise_enough)
image = np.random.default_rng(1).random((1500, 1500)).astype(np.float32)

def everything():
    nb.image_statistics(image)
    nb.integer_image(image)
    nb.add_noise(image[:300, :300], seed=1)

everything()
stopped = 0
for turn in range(100):
    armed.append(True)
    signal.setitimer(signal.ITIMER_REAL, 0.0003 * (turn + 1))
    try:
        while armed:
            everything()
    except Enough:
        stopped += 1
print(stopped)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    # one may come up where Python ignores it, such as in a finaliser
    assert done.returncode == 0 and int(done.stdout) > 90, done.stderr


def children_of(process):
    return [int(name) for place in Path(f"/proc/{process.pid}/task").glob("*/children")
            for name in place.read_text().split()]


@needs_numba_cuda
@pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="this system does not list children")
@pytest.mark.parametrize("number, word, seconds", [(*signal, n) for n, signal in enumerate(SIGNALS)])
def test_the_process_of_a_simulated_device_ends_with_its_parent(number, word, seconds, folder, interruptible):
    process = started(["selftest", "--backend", "cudasim", "--pixels", "1000000"], folder)
    try:
        until = time.monotonic() + 120.0
        while not (children := children_of(process)):
            assert process.poll() is None and time.monotonic() < until
            time.sleep(0.01)
        time.sleep(seconds)
    finally:
        said = ended(process, number)
    assert said == f"numbragg: {word}; no file was written\n" and process.returncode == 128 + number
    for child in children:
        # whose zombies somebody else sees to
        assert not os.path.exists(f"/proc/{child}") or "zombie" in Path(f"/proc/{child}/status").read_text()
