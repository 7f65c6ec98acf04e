"""Forks while other threads load and compile kernels: every child simulates, with the right bits."""

from collections import Counter
import subprocess
import sys

from .sets import TRACEBACK, environment

#: A process whose threads compile and load kernels of several kinds while it forks; prints a word for each child.
PROGRAM = '''
import os, random, sys, threading, time
import numbragg as nb

count, seed, patience = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
chance = random.Random(seed)
beam = nb.Beam(wavelength_angstrom=1.2)
detector = nb.Detector(pixels=(16, 12), pixel_mm=0.2)


def image(shape, precision="exact"):
    crystal = nb.Crystal(cell=(80, 80, 80, 90, 90, 90), n_cells=5, shape=shape)
    return nb.simulate(crystal, beam, detector, 100.0, precision=precision, threads=1)


KINDS = [(shape, precision) for shape in ("square", "round", "gauss", "tophat") for precision in ("exact", "single")]
WANTED = KINDS[0]


def work():
    while not stop.is_set():
        for kind in chance.sample(KINDS, len(KINDS)):
            try:
                image(*kind)
            except ValueError:
                pass
            if stop.is_set():
                return


stop = threading.Event()
children = []
threads = [threading.Thread(target=work, daemon=True) for _ in range(2)]
for thread in threads:
    thread.start()
for _ in range(count):
    time.sleep(chance.uniform(0, 0.4))
    child = os.fork()
    if child == 0:
        import hashlib
        try:
            digest = hashlib.sha256(image(*WANTED).tobytes()).hexdigest()
            os.write(1, f"image {digest}\\n".encode())
        except BaseException as error:
            os.write(1, f"error {type(error).__name__}: {error}\\n".encode())
        os._exit(0)
    begun = time.monotonic()
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            if status:
                os.write(1, f"crash {status}\\n".encode())
            break
        if time.monotonic() - begun > patience:
            os.kill(child, 9)
            os.waitpid(child, 0)
            os.write(1, b"hang\\n")
            break
        time.sleep(0.01)
stop.set()
import hashlib
os.write(1, f"wanted {hashlib.sha256(image(*WANTED).tobytes()).hexdigest()}\\n".encode())
os._exit(0)
'''


def run(folder, count, seed, report=print, each=10, patience=240):
    """Fork so often, with a cold cache for every `each` of them. Returns in which ways children went wrong."""
    faults, done = Counter(), 0
    while done < count:
        some = min(each, count - done)
        ended = subprocess.run([sys.executable, "-c", PROGRAM, str(some), str(seed + done), str(patience)], text=True,
                               env=environment(NUMBRAGG_CACHE_DIR=str(folder / f"cache {done}")), capture_output=True,
                               cwd=folder, timeout=(some + 1) * patience)
        lines = ended.stdout.splitlines()
        wanted = [line.split()[1] for line in lines if line.startswith("wanted ")]
        ends = [line for line in lines if not line.startswith("wanted ")]
        if ended.returncode or TRACEBACK in ended.stderr or len(wanted) != 1 or len(ends) != some:
            faults["parent"] += 1
            report(f"forks from {done}: exit {ended.returncode}: {ended.stderr.strip()[-500:]}")
        for line in ends:
            kind, _, rest = line.partition(" ")
            if kind != "image" or [rest] != wanted:
                faults["wrong image" if kind == "image" else kind] += 1
                report(f"forks from {done}: {line}")
        done += some
    report(f"forks: {count}, faults: {dict(faults) or 'none'}")
    return faults
