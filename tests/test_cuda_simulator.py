"""The CUDA driver on numba's simulator, in processes of their own: numba must know before it is imported."""

import json
import os
from pathlib import Path
import shutil
import subprocess
import sys

from cuda_tools import needs_numba_cuda
from formula_tools import INTERPRETED
import pytest

ROOT = Path(__file__).parent.parent

pytestmark = [needs_numba_cuda, pytest.mark.skipif(INTERPRETED, reason="starts interpreters of its own")]


def simulated(words):
    """Run Python with simulated CUDA."""
    environment = dict(os.environ, NUMBA_ENABLE_CUDASIM="1", NUMBA_DISABLE_JIT="1")
    return subprocess.run([sys.executable, *words], env=environment, capture_output=True, text=True, cwd=ROOT)


def test_every_path_of_the_driver():
    """The tests of tests/simulated."""
    done = simulated(["-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/simulated"])
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert " passed" in done.stdout and "skipped" not in done.stdout and "failed" not in done.stdout


def test_selftest_on_the_simulator():
    """The command chooses the simulator by itself."""
    done = subprocess.run([sys.executable, "-m", "numbragg", "selftest", "--backend", "cudasim", "--pixels", "60",
                           "--json", "-"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    account = json.loads(done.stdout)
    total = account["total"]
    assert account["backend"] == "cudasim" and account["device"] == "0: CUDA simulator"
    assert total["pixels"] >= 60 and total["other_precisions_pixels"] > 60
    assert total["violations"] == total["mismatches"] == total["other_precisions_mismatches"] == 0
    assert {row["precision"] for row in account["speed"]} == {"exact", "single"}
    assert all(row["same_bits"] and row["device_seconds"] > 0.0 for row in account["speed"])


def test_command_line_writes_the_same_files(tmp_path):
    words = ("-cell 50 55 60 90 90 90 -misset 10 20 30 -default_F 17 -N 3 -lambda 1.3 -distance 60 -detpixels 5 -pixel 2 "
             "-oversample 1 -noprogress -nonoise -curved_det --stats-json stats.json").split()
    files = {}
    for name, more in (("cpu", []), ("cuda", ["--backend", "cuda", "--device", "0"])):
        folder = tmp_path / name
        folder.mkdir()
        simulation = {"NUMBA_ENABLE_CUDASIM": "1", "NUMBA_DISABLE_JIT": "1"} if name == "cuda" else {}
        done = subprocess.run([sys.executable, "-m", "numbragg", *words, *more], cwd=folder,
                              env=dict(os.environ, **simulation), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        stats = json.loads((folder / "stats.json").read_text())
        assert (stats["backend"], stats["device"]) == (name, "0: CUDA simulator" if name == "cuda" else None)
        assert stats["pixels"]["lane"] >= 20
        assert ("computed on" in done.stdout) == (name == "cuda")
        files[name] = {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "stats.json"}
    assert files["cpu"] == files["cuda"] and set(files["cpu"]) >= {"floatimage.bin", "intimage.img"}


def test_the_simulator_wants_interpreted_kernels():
    done = subprocess.run([sys.executable, "-c", "from numbragg.kernels.drive.cuda import Session; Session()"],
                          env=dict(os.environ, NUMBA_ENABLE_CUDASIM="1"), capture_output=True, text=True)
    assert done.returncode == 1 and "(NUMBA_ENABLE_CUDASIM) needs NUMBA_DISABLE_JIT=1 as well" in done.stderr


MUTATION = ("cell[0] * q[0] + cell[1] * q[1] + cell[2] * q[2]", "cell[0] * q[0] - cell[1] * q[1] + cell[2] * q[2]")

IMAGES = """
import sys
if len(sys.argv) > 2:
    # an editable installation would come first
    sys.meta_path = [finder for finder in sys.meta_path if "Editable" not in getattr(finder, "__name__", "")]
    sys.path.insert(0, sys.argv[1])
import numpy as np
import numbragg as nb
from numbragg.kernels.drive import cpu as driver_cpu
from numbragg.kernels.physics import lattice
from numbragg.kernels.drive.cuda import Session

assert lattice.__file__.startswith(sys.argv[1]), lattice.__file__
prepared = nb.Simulator(nb.Detector(pixels=(3, 2), pixel_mm=2.0, distance_mm=60.0), nb.Beam(wavelength_angstrom=1.3),
                        17.0).prepare(nb.Crystal(cell=(50, 55, 60, 90, 90, 90), n_cells=3, misset_deg=(10, 20, 30)))
images = [np.zeros(prepared.shape, dtype=np.float32) for _ in range(3)]
targets = [driver_cpu.Target(prepared.window, None, image) for image in images]
one, strictly = driver_cpu.Modes(threads=1), driver_cpu.Modes(threads=1, lanes=False)
driver_cpu.render(prepared.scene, targets[0], strictly, interpolating=False)
driver_cpu.render(prepared.scene, targets[1], one, interpolating=False)
outcome, _ = Session().render(prepared.scene, targets[2], one, interpolating=False)
assert outcome.lane_pixels == 6
print(*(image.tobytes().hex() for image in images))
"""


@pytest.mark.parametrize("mutated", [False, True])
def test_one_physics(mutated, tmp_path):
    """A line of `lattice` that is changed shows in the strict evaluator, the lanes and the device alike."""
    shutil.copytree(ROOT / "numbragg", tmp_path / "numbragg", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "kernels", tmp_path / "numbragg" / "kernels", ignore=shutil.ignore_patterns("__pycache__"))
    if mutated:
        path = tmp_path / "numbragg" / "kernels" / "physics" / "lattice.py"
        text = path.read_text()
        assert text.count(MUTATION[0]) == 1
        path.write_text(text.replace(*MUTATION))
    done = simulated(["-c", IMAGES, str(tmp_path), "copy"])
    assert done.returncode == 0, done.stderr
    images = set(done.stdout.split())
    right = simulated(["-c", IMAGES, str(ROOT)]).stdout.split()
    assert len(images) == 1 == len(set(right))
    assert (images == set(right)) == (not mutated)
