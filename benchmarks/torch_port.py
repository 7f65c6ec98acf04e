"""How fast is the PyTorch port (nanobrag_torch) on a scene?  Runs it in a process of its own, one thread.

    python benchmarks/torch_port.py --scene A --dtype float64 --compiled

The port's own command line is run on the scene's arguments, first to warm up and to compile, then
--repeats times.  Its image is compared with `ours.npy` in the folder, where that is: the port does not
claim the C program's bits, so the correlation is given.  The last line printed is a JSON object.
"""

import argparse
import functools
import importlib.util
import json
import os
from pathlib import Path
import re
import statistics
import sys

from measuring import python_program, run_program, spent
from scenes import SCENES, write_inputs

#: Runs before the first that is timed: compilation goes on into the second.
WARM_UPS = 3

#: Terms that the port holds in memory at a time (it takes some 300 bytes for each).
TERMS = 2_000_000


def missing():
    """Why the port cannot be timed, or None."""
    for name in ("torch", "nanobrag_torch"):
        if importlib.util.find_spec(name) is None:
            return f"{name} is not installed"
    return None


def ways():
    """How the port is run, by name: functions of scene, folder and pixels."""
    return {f"{dtype} {mode}": functools.partial(_run, dtype, mode == "compiled")
            for dtype in ("float64", "float32") for mode in ("eager", "compiled")}


def _run(dtype, compiled, scene, folder, pixels):
    words = [str(Path(__file__).resolve()), "--scene", scene.name, "--dtype", dtype, "--folder", str(folder)]
    words += ["--compiled"] if compiled else []
    words += ["--pixels", str(pixels)] if pixels is not None else []
    done = run_program(python_program(*words), check=False)
    lines = done.output.strip().splitlines()
    if done.code != 0:
        # without what tells of this machine
        return {"failed": re.sub(r"/\S+", "...", lines[-1][:200]) if lines else f"exit status {done.code}"}
    return json.loads(lines[-1])


def _arguments(scene, pixels, dtype, steps):
    words = scene.arguments(pixels)
    fast = int(words[words.index("-detpixels") + 1])
    rows = max(1, TERMS // (fast * steps))
    return [*words, "-dtype", dtype, "-pixel_batch_size", str(rows), "-floatfile", "port.bin"]


def time_port(scene, folder, pixels, dtype, compiled, repeats):
    """Run the port in this process.

    Returns a dictionary of what was found.
    """
    if not compiled:
        os.environ["NANOBRAGG_DISABLE_COMPILE"] = "1"
    from nanobrag_torch import __main__ as program
    import numpy as np
    from scenes import load
    import torch

    torch.set_num_threads(1)
    prepared = load(scene, folder, pixels)
    taken = []

    class Timed(program.Simulator):
        """The port's simulator, run again and again."""

        def run(self, **how):
            for _ in range(WARM_UPS):
                with torch.no_grad():
                    image = super().run(**how)
            for _ in range(repeats):
                with torch.no_grad():
                    taken.append(spent(functools.partial(super().run, **how))[0])
            return image

    program.Simulator = Timed
    sys.argv = ["port", *_arguments(scene, pixels, dtype, prepared.steps)]
    os.chdir(folder)
    program.main()
    terms = prepared.shape[0] * prepared.shape[1] * prepared.steps
    found = {"ns_per_step": statistics.median(t.cpu for t in taken) / terms * 1e9,
             "ns_per_step_wall": statistics.median(t.wall for t in taken) / terms * 1e9, "torch": torch.__version__}
    if os.path.exists("ours.npy"):
        ours, theirs = np.load("ours.npy").astype(np.float64), np.fromfile("port.bin", "<f4").astype(np.float64)
        found["correlation"] = float(np.corrcoef(ours.ravel(), theirs)[0, 1])
    return found


def main(argv=None):
    """Run the command line.

    Returns the exit status.
    """
    import tempfile

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--scene", choices=list(SCENES), required=True)
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float64")
    parser.add_argument("--compiled", action="store_true", help="with torch.compile")
    parser.add_argument("--pixels", type=int, help="shrink the detector")
    parser.add_argument("--folder", help="where the inputs of the scene lie; default: they are made")
    parser.add_argument("--repeats", type=int, default=2)
    chosen = parser.parse_args(argv)
    reason = missing()
    if reason is not None:
        print(f"skipped: {reason}", file=sys.stderr)
        return 0
    scene = SCENES[chosen.scene]
    with tempfile.TemporaryDirectory() as folder:
        if chosen.folder is None:
            write_inputs(scene, Path(folder))
        found = time_port(scene, Path(chosen.folder or folder), chosen.pixels, chosen.dtype, chosen.compiled,
                          chosen.repeats)
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
