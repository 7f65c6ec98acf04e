"""Forked children, several Python threads, loaders with worker processes: same bits, no crash.

Every scenario runs in a process of its own, forked before anything of ours was loaded, with a time limit, so that a
deadlock is a failure and a crash shows as an exit code.
"""

import importlib.util
import os
import subprocess
import sys
import textwrap

import forks
import pytest

#: What every scenario begins with: scenes, and their images as hashes.
COMMON = """
import hashlib, multiprocessing, os, sys, threading, traceback
import numpy as np
import numbragg as nb

DETECTOR = nb.Detector(pixels=(60, 50), pixel_mm=0.5)
TABLE = np.random.default_rng(1).uniform(1, 100, (21, 21, 21))
FACTORS = nb.StructureFactors.from_array(TABLE, (-10, -10, -10), 5.0)
BEAM = nb.Beam(polarisation_fraction=0.9)

def crystal(number):
    return nb.Crystal(cell=(60, 70, 80, 90, 90, 90), n_cells=4, misset_deg=(number, 2 * number, 3),
                      mosaic_spread_deg=1.0, mosaic_domains=3)

def image(number, threads=2):
    return nb.simulate(crystal(number), BEAM, DETECTOR, FACTORS, threads=threads)

def digest(number, threads=2):
    return hashlib.sha256(image(number, threads).tobytes()).hexdigest()
"""


def run(scenario, timeout=300):
    """Run a scenario after the common part.

    Returns what it printed.
    """
    code = COMMON + textwrap.dedent(scenario)
    # an interpreter would be started for it anew, which takes as long as the images
    done = forks.run(["-c", "import faulthandler\nfaulthandler.enable()\n" + code], seconds=timeout)
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stderr}"
    assert "Traceback" not in done.stderr and "Fatal" not in done.stderr, done.stderr
    return done.stdout


pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


@pytest.mark.parametrize("threads", [1, 3])
def test_child_of_fork(threads):
    """A child forked after a simulation, which used threads, simulates too."""
    run(f"""
        wanted = digest(1, {threads})
        other = digest(2, {threads})
        for round in range(3):
            child = os.fork()
            if child == 0:
                code = 1
                try:
                    code = 0 if digest(1, {threads}) == wanted and digest(2, 1) == other else 2
                except BaseException:
                    traceback.print_exc()
                finally:
                    os._exit(code)
            assert os.waitpid(child, 0)[1] == 0
            assert digest(2, {threads}) == other
    """)


def test_child_of_fork_between_two_images_of_many():
    """Between two calls of a generator no thread of ours lives: a child goes on where its parent was."""
    run("""
        crystals = [crystal(n) for n in range(12)]
        simulator = nb.Simulator(DETECTOR, BEAM, FACTORS, threads=3)
        images = simulator.images(crystals)
        wanted = [image(n, 1).tobytes() for n in range(12)]
        for number in range(12):
            child = os.fork()
            if child == 0:
                code = 1
                try:
                    code = 0 if [i.tobytes() for i in images] == wanted[number:] else 2
                except BaseException:
                    traceback.print_exc()
                finally:
                    os._exit(code)
            assert os.waitpid(child, 0)[1] == 0, number
            assert next(images).tobytes() == wanted[number]
    """)


def test_child_of_a_child():
    run("""
        wanted = digest(1)
        def deep(level):
            assert digest(1) == wanted
            if level:
                process = multiprocessing.get_context("fork").Process(target=deep, args=(level - 1,))
                process.start()
                process.join()
                assert process.exitcode == 0
        deep(2)
    """)


def test_fork_while_a_thread_simulates():
    """The child owns only the forking thread; nothing of ours may be left locked in it."""
    run("""
        wanted = {n: digest(n) for n in range(4)}
        stop = threading.Event()
        def keep_busy():
            while not stop.is_set():
                assert digest(3) == wanted[3]
        thread = threading.Thread(target=keep_busy)
        thread.start()
        try:
            for n in range(4):
                child = os.fork()
                if child == 0:
                    code = 1
                    try:
                        code = 0 if digest(n % 3) == wanted[n % 3] else 2
                    except BaseException:
                        traceback.print_exc()
                    finally:
                        os._exit(code)
                assert os.waitpid(child, 0)[1] == 0
        finally:
            stop.set()
            thread.join()
    """)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_pool_of_processes(method, tmp_path):
    """A pool of workers, started either way, and the parent goes on."""
    script = tmp_path / "pool.py"
    script.write_text(COMMON + textwrap.dedent(f"""
        if __name__ == "__main__":
            wanted = [digest(n) for n in range(6)]
            with multiprocessing.get_context({method!r}).Pool(2) as pool:
                assert pool.map(digest, range(6)) == wanted
            assert digest(0) == wanted[0]
    """))
    done = subprocess.run([sys.executable, "-X", "faulthandler", str(script)], capture_output=True, text=True,
                          timeout=300)
    assert done.returncode == 0, done.stderr


def test_python_threads_at_once():
    """Several threads simulate at once, each with threads of its own."""
    run("""
        wanted = [digest(n) for n in range(8)]
        found = {}
        barrier = threading.Barrier(4)
        def simulate(worker):
            barrier.wait()
            for n in range(worker, 8, 4):
                for threads in (1, 2, 3):
                    found[n, threads] = digest(n, threads)
        workers = [threading.Thread(target=simulate, args=(n,)) for n in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert found == {(n, threads): wanted[n] for n in range(8) for threads in (1, 2, 3)}
    """)


def test_python_threads_compile_at_once(tmp_path, monkeypatch):
    """The very first calls of a process may come from several threads: they compile, or wait."""
    monkeypatch.setenv("NUMBRAGG_CACHE_DIR", str(tmp_path))
    run("""
        found = [None] * 3
        barrier = threading.Barrier(3)
        def simulate(number):
            barrier.wait()
            found[number] = digest(1)
        workers = [threading.Thread(target=simulate, args=(n,)) for n in range(3)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert None not in found and len(set(found)) == 1
    """, timeout=600)


def test_one_simulator_in_several_threads():
    """A simulator holds nothing that changes."""
    run("""
        simulator = nb.Simulator(DETECTOR, nb.Beam(polarisation_fraction=0.9), FACTORS, threads=2)
        wanted = [simulator.image(crystal(n)).tobytes() for n in range(6)]
        found = {}
        def simulate(numbers):
            for n in numbers:
                found[n] = simulator.image(crystal(n)).tobytes()
        workers = [threading.Thread(target=simulate, args=(range(start, 6, 2),)) for start in range(2)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert [found[n] for n in range(6)] == wanted
    """)


def test_threads_end_with_the_call():
    """No thread outlives a simulation."""
    run("""
        before = threading.active_count()
        image(1, 4)
        assert threading.active_count() == before
    """)


LOADER = """
    class Images:
        '''A data set as PyTorch wants it.'''

        def __len__(self):
            return 8

        def __getitem__(self, number):
            return number, image(number)

    def work(tasks, results):
        images = Images()
        for number in iter(tasks.get, None):
            number, pixels = images[number]
            results.put((number, hashlib.sha256(pixels.tobytes()).hexdigest()))
"""


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_loader_of_worker_processes(method, tmp_path):
    """What a PyTorch loader does: workers take numbers from a queue and send images back."""
    script = tmp_path / "loader.py"
    script.write_text(COMMON + textwrap.dedent(LOADER) + textwrap.dedent(f"""
        if __name__ == "__main__":
            wanted = {{n: digest(n) for n in range(8)}}
            context = multiprocessing.get_context({method!r})
            for epoch in range(2):
                tasks, results = context.Queue(), context.Queue()
                workers = [context.Process(target=work, args=(tasks, results)) for _ in range(2)]
                for worker in workers:
                    worker.start()
                for n in [*range(8), None, None]:
                    tasks.put(n)
                assert dict(results.get(timeout=200) for _ in range(8)) == wanted
                for worker in workers:
                    worker.join(timeout=60)
                    assert worker.exitcode == 0
                assert digest(3) == wanted[3]
    """))
    done = subprocess.run([sys.executable, "-X", "faulthandler", str(script)], capture_output=True, text=True,
                          timeout=600)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch is not installed")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_pytorch_loader(method, tmp_path):
    """The real thing."""
    script = tmp_path / "torch_loader.py"
    script.write_text(COMMON + textwrap.dedent(LOADER) + textwrap.dedent(f"""
        if __name__ == "__main__":
            import torch

            wanted = [image(n) for n in range(8)]
            torch.ones(1000, 1000).sum()
            loader = torch.utils.data.DataLoader(Images(), batch_size=2, num_workers=2,
                                                 multiprocessing_context={method!r})
            for epoch in range(2):
                for numbers, images in loader:
                    for n, pixels in zip(numbers.tolist(), images):
                        assert pixels.numpy().tobytes() == wanted[n].tobytes()
    """))
    done = subprocess.run([sys.executable, "-X", "faulthandler", str(script)], capture_output=True, text=True,
                          timeout=600)
    assert done.returncode == 0, done.stderr
