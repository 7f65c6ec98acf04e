"""`numbragg demo`: a synthetic protein crystal, from a list of structure factors to a noisy frame.

It writes its own input files and runs nanoBragg's own command line on them, so the frame can be
repeated, with numbragg or with the C program.
"""

import contextlib
import math
import os

from ..io.literals import INT_MAX
from ..kernels.stopping import know, leave_nothing, nothing_left
from .arguments import Parser, count
from .printing import report, say_all

# start-up: what a run needs is imported when it runs, so that --help and refused words load neither NumPy nor Numba

__all__ = ["run", "synthetic_amplitudes", "ARGUMENTS"]

CELL = (79.1, 79.1, 37.9)
RESOLUTION = 1.8  # [Angstrom]
WILSON_B = 20.0  # [Angstrom^2]

HKL = "demo.hkl"
#: Rows of the list that are written at a time.
_BLOCK = 4096

ARGUMENTS = (f"-hkl {HKL} -cell 79.1 79.1 37.9 90 90 90 -misset 12 -41 63 -Na 18 -Nb 18 -Nc 36 "
             "-lambda 1.0 -dispersion 0.4 -dispsteps 5 -mosaic 0.25 -mosaic_dom 12 -phi 0.1 -osc 0.1 -phisteps 2 "
             "-distance 200 -detpixels 1024 -pixel 0.172 -oversample 1 -polar 0.95 -fluence 1.2e26 -water 10 "
             "-seed 1").split()


def _parser():
    parser = Parser(
        "demo", "[--folder FOLDER] [--threads N]",
        "Simulate one frame of a synthetic protein crystal: a cell like lysozyme's, Wilson-distributed amplitudes\n"
        "that fall off with resolution, mosaic domains, a bandwidth and photon noise.")
    parser.option("--folder", "FOLDER", "where the files go; made if it is not there (default: numbragg-demo)",
                  _folder_name)
    parser.option("--threads", "N", "number of threads (default: one per processor)", count(1, INT_MAX))
    return parser


def _folder_name(word):
    if not word:
        raise ValueError("must be the name of a folder")
    return word


def synthetic_amplitudes(cell=CELL, resolution=RESOLUTION, b_factor=WILSON_B, seed=20):
    """Structure factors of a crystal that does not exist.

    Intensities are exponentially distributed (Wilson statistics of acentric reflections) about a
    mean that falls off as exp(-B / (2 d^2)); equivalent reflections of Laue group 4/mmm are equal.

    Parameters
    ----------
    cell : three floats
        a, b (equal to a), c [Angstrom], all angles 90 degrees.
    resolution : float
        Smallest d [Angstrom].
    b_factor : float
        Overall B [Angstrom^2].
    seed : int

    Returns
    -------
    indices : (n, 3) int32 array
    amplitudes : (n,) float64 array
        In electrons, rounded to 0.01.

    References
    ----------
    Wilson (1949). Acta Cryst. 2, 318-321.
    """
    import numpy as np

    limits = [int(math.floor(length / resolution)) for length in cell]
    axes = [np.arange(-n, n + 1) for n in limits]
    h, k, l = (x.ravel() for x in np.meshgrid(*axes, indexing="ij"))
    s_sqr = (h / cell[0]) ** 2 + (k / cell[1]) ** 2 + (l / cell[2]) ** 2
    keep = (s_sqr <= 1.0 / resolution ** 2) & (s_sqr > 0.0)
    h, k, l, s_sqr = h[keep], k[keep], l[keep], s_sqr[keep]
    # one deviate for each set of equivalent reflections
    largest = np.maximum(abs(h), abs(k))
    smallest = np.minimum(abs(h), abs(k))
    key = (largest * 1000 + smallest) * 1000 + abs(l)
    unique, place = np.unique(key, return_inverse=True)
    deviates = -np.log1p(-np.random.RandomState(seed).random_sample(len(unique)))
    atoms = 0.01 * cell[0] * cell[1] * cell[2]
    mean = 49.0 * atoms * np.exp(-b_factor * s_sqr / 2.0)
    amplitudes = np.round(np.sqrt(mean * deviates[place]), 2)
    return np.column_stack([h, k, l]).astype(np.int32), amplitudes


def run(arguments):
    """Run the demonstration.

    Returns the exit code.
    """
    parser = _parser()
    values, rest = parser.read(arguments)
    if values is None:
        return 0
    if rest:
        parser.unknown(rest[0])
    folder = values.get("--folder", "numbragg-demo")
    words = ARGUMENTS + (["--threads", str(values["--threads"])] if "--threads" in values else []) + _picture()
    here, place = os.getcwd(), os.path.abspath(folder)
    new_folder, new_list = not os.path.exists(place), not os.path.lexists(os.path.join(place, HKL))

    def clean():
        with contextlib.suppress(OSError):
            if new_list:
                os.remove(os.path.join(place, HKL))
        with contextlib.suppress(OSError):
            if new_folder:
                os.rmdir(place)

    leave_nothing(clean, clean)
    os.makedirs(place, exist_ok=True)
    os.chdir(place)
    try:
        code = _simulate(words, folder)
    except BaseException:
        # whatever stopped it, nothing of this run is left
        clean()
        raise
    finally:
        nothing_left(clean)
        os.chdir(here)
    with report():
        print(f"the files are in {folder}")
    return code


def _picture():
    """Options that draw the picture, or none where matplotlib is missing, which is said."""
    from importlib.util import find_spec

    if find_spec("matplotlib") is not None:
        return ["--png", "demo.png"]
    say_all("no picture is drawn, for matplotlib is not installed (pip install matplotlib)")
    return []


def _rows(indices, amplitudes):
    """Text of a list of reflections, thousands of rows at a time: one by one they take twice as long."""
    import numpy as np

    for start in range(0, len(indices), _BLOCK):
        rows = np.column_stack((indices[start:start + _BLOCK], amplitudes[start:start + _BLOCK]))
        yield b"%d %d %d %.2f\n" * len(rows) % tuple(rows.ravel().tolist())


def _simulate(words, folder):
    """Write the structure factors and run the command line on them, in the current folder."""
    from ..io.output import OutputSet
    from .image import run as simulate

    with OutputSet() as outputs:
        outputs.reserve(HKL, "structure factors")
        indices, amplitudes = synthetic_amplitudes()
        with outputs.open(HKL) as file:
            file.writelines(_rows(indices, amplitudes))
        outputs.commit()
    # the list goes again if the run does not come to its end
    know("no file was written")
    say_all(f"wrote {len(indices)} structure factors to {os.path.join(folder, HKL)}; running\n"
            f"  numbragg {' '.join(words)}")
    return simulate(words)
