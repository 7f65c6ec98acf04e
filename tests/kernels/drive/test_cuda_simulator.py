"""The CUDA driver on numba's simulator, in processes of their own: numba must know before it is imported."""

import json
import os
import shutil
import subprocess
import sys

from cuda_tools import needs_numba_cuda
from formula_tools import INTERPRETED
from places import ROOT
import pytest

pytestmark = [needs_numba_cuda, pytest.mark.skipif(INTERPRETED, reason="starts interpreters of its own")]

SIMULATION = {"NUMBA_ENABLE_CUDASIM": "1", "NUMBA_DISABLE_JIT": "1"}
#: Renders scenes with all three evaluators of the packages that it is told.
EVALUATORS = ROOT / "tests" / "simulated" / "evaluators.py"


def test_every_path_of_the_driver():
    """The tests of tests/simulated."""
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/simulated"],
                          env=dict(os.environ, **SIMULATION), capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert " passed" in done.stdout and "skipped" not in done.stdout and "failed" not in done.stdout


def test_selftest_on_the_simulator():
    """The command chooses the simulator by itself."""
    done = subprocess.run([sys.executable, "-m", "numbragg", "selftest", "--backend", "cudasim", "--pixels", "60",
                           "--json", "-"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    account = json.loads(done.stdout)
    total = account["total"]
    assert account["backend"] == "cudasim" and account["device"] == "0: CUDA simulator"
    assert total["pixels"] >= 60 and total["other_precisions_pixels"] > 60
    assert total["violations"] == total["mismatches"] == total["other_precisions_mismatches"] == 0
    assert {row["precision"] for row in account["speed"]} == {"exact", "single"}
    assert all(row["same_bits"] and row["device_seconds"] > 0.0 for row in account["speed"])


def test_command_line_writes_the_same_files(tmp_path):
    words = ("-cell 50 55 60 90 90 90 -misset 10 20 30 -default_F 17 -N 3 -lambda 1.3 -distance 60 -detpixels 5 -pixel "
             "2 -oversample 1 -noprogress -nonoise -curved_det --stats-json stats.json").split()
    files = {}
    for name, more in (("cpu", []), ("cuda", ["--backend", "cuda", "--device", "0"])):
        folder = tmp_path / name
        folder.mkdir()
        simulation = SIMULATION if name == "cuda" else {}
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


#: Lines of rules that all evaluators share: module, what stands there, and what is put in its place.
MUTATIONS = {
    "indices": ("physics/lattice.py", "cell[0] * q[0] + cell[1] * q[1] + cell[2] * q[2]",
                "cell[0] * q[0] - cell[1] * q[1] + cell[2] * q[2]"),
    # of one cell, or the lanes' sines would be outside their domain
    "nearest lattice point": ("physics/lattice.py", "ceil(x - 0.5)", "ceil(x + 0.5)", 1),
    "place of a sub-pixel": ("physics/geometry.py", "+ geometry.sub_pixel_size / 2.0",
                             "+ geometry.sub_pixel_size / 3.0"),
    "depth of a layer": ("physics/geometry.py", "layer * geometry.layer_step)", "(layer + 1) * geometry.layer_step)"),
    "solid angle": ("physics/geometry.py", "geometry.close_distance / airpath", "geometry.close_distance * airpath"),
    "captured fraction": ("physics/geometry.py", "float(-(layer + 1)) * step", "float(-(layer + 2)) * step"),
    "polarisation": ("physics/polarisation.py", "0.5 * (1.0 + cos_sqr", "0.5 * (2.0 + cos_sqr"),
    "scattering vector": ("physics/view.py", "((s1[0] - s0[0]) / wavelength,", "((s1[0] - 1.01 * s0[0]) / wavelength,"),
    "resolution limit": ("physics/view.py", "d_min > 0.5 / stol", "d_min < 0.5 / stol"),
    "what is held": ("physics/view.py", "return (before == 0.0) | each", "return (before == 0.0) & each"),
    "first captured fraction": ("physics/view.py", "return 1.0 if geometry.thickness == 0.0 else 0.0",
                                "return 1.5 if geometry.thickness == 0.0 else 0.0"),
    "first polarisation": ("physics/view.py", "return 1.0 if beam.unpolarised_factor else 0.0",
                           "return 1.5 if beam.unpolarised_factor else 0.0"),
    "weight of a step": ("physics/view.py", "    if sampling.oversample_polar:\n        value = value * polar",
                         "    if sampling.oversample_polar:\n        value = value * polar * polar"),
    "weight of a sum": ("physics/view.py", "    if not sampling.oversample_omega:\n        value = value * omega",
                        "    if not sampling.oversample_omega:\n        value = value * omega * 0.5"),
    "photons": ("physics/view.py", "sampling.scale * total / sampling.steps",
                "sampling.scale * total / (sampling.steps + 1)"),
    "rotation of a domain": ("arithmetic/vectors.py", "return (u[0] * v[0] + u[1] * v[1] + u[2] * v[2],",
                             "return (u[0] * v[0] - u[1] * v[1] + u[2] * v[2],"),
}

@pytest.fixture(scope="module")
def package_copy(tmp_path_factory):
    """A folder with a copy of the package, kernels inside."""
    folder = tmp_path_factory.mktemp("copy")
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "numbragg", folder / "numbragg", ignore=ignore)
    shutil.copytree(ROOT / "kernels", folder / "numbragg" / "kernels", ignore=ignore)
    return folder


@pytest.fixture(scope="module")
def images_of(package_copy):
    """A function: for each scene the images of strict evaluator, lanes and device, of the package as it is now."""
    with subprocess.Popen([sys.executable, EVALUATORS, package_copy], env=dict(os.environ, **SIMULATION), text=True,
                          cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:

        def images(n_cells, unchanged=False):
            print(json.dumps([n_cells, unchanged]), file=server.stdin, flush=True)
            answer = json.loads(server.stdout.readline())
            assert "failure" not in answer, answer["failure"]
            return answer["images"]

        yield images
        server.stdin.close()


@pytest.fixture(scope="module")
def right_images(images_of):
    """By the number of cells along an edge."""
    return {n_cells: images_of(n_cells, unchanged=True) for n_cells in (1, 3)}


@pytest.mark.parametrize("n_cells", (1, 3))
def test_evaluators_agree(n_cells, right_images):
    images = right_images[n_cells]
    assert len(images) == 3 and all(len(set(scene)) == 1 and len(scene) == 3 for scene in images)


@pytest.mark.parametrize("name", MUTATIONS)
def test_one_physics(name, package_copy, images_of, right_images):
    """A changed line of any shared rule shows in the strict evaluator, the lanes and the device alike."""
    module, old, new, *n_cells = MUTATIONS[name]
    n_cells = n_cells[0] if n_cells else 3
    path = package_copy / "numbragg" / "kernels" / module
    text, times = path.read_text(), path.stat()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
    try:
        changed = images_of(n_cells)
    finally:
        path.write_text(text)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert all(len(set(scene)) == 1 for scene in changed), "not in all evaluators alike"
    assert changed != right_images[n_cells]
