"""Random command lines against a C binary of the user's own: all files, byte for byte, one thread.

    NB_RUN_PARALLEL=1 NB_C_BIN=./nanoBragg pytest tests/parity/test_random_lines.py

NB_RANDOM_LINES is their number (50).  The values go to the edges: zeros, negative numbers, right
angles, more than the C program has types for.
"""

import os
import random
import subprocess

import live_c
from live_c import content, run_c
import pytest

from numbragg.commands.cli import main

NUMBER = int(os.environ.get("NB_RANDOM_LINES", "50"))

#: Values to draw from, by option.
VALUES = {
    "-N": "0 -5 1 2 7", "-Na": "2 12", "-Nc": "-1 9", "-fudge": "0 1e-9 0.5 30", "-xtalsize": "0 0.00005",
    "-mosaic": "0 -5 1.5 180", "-mosaic_dom": "-3 0 1 4", "-mosaic_seed": "0 -1 99 2147483647",
    "-phi": "0 -90 7.5 1e6", "-osc": "-0.5 0.5 360", "-phisteps": "-4 0 1 3", "-phistep": "-1 0.25",
    "-lambda": "0.1 1.0 6.2 0x1p0", "-energy": "100 12398.42", "-fluence": "0 1e20 1e31 1e45", "-flux": "0 1e20",
    "-exposure": "-1 0 1e-3", "-beamsize": "-1 1e-4 10", "-polar": "-1 0 0.9 1 3", "-dispersion": "-1 0 2 100",
    "-dispsteps": "-1 0 1 3", "-divergence": "0 12", "-hdivrange": "-1 0 20", "-hdivsteps": "0 1 3",
    "-vdivrange": "0 9", "-vdivsteps": "2 4", "-vdivstep": "-1 5", "-dmin": "-1 0 2 1000", "-water": "0 1e-3 50",
    "-distance": "-50 3 100 1e6", "-close_distance": "-30 40", "-Xbeam": "-100 0 4", "-Ybeam": "0 3.5",
    "-Xclose": "-7 0", "-Yclose": "3", "-ORGX": "-20 0.5 6", "-ORGY": "0 10", "-detector_rotx": "-90 5 180",
    "-detector_roty": "3 60 90", "-detector_rotz": "2 180 270", "-twotheta": "-90 20 180",
    "-detector_abs": "inf 0 234 -50", "-detector_thick": "0 450", "-thicksteps": "-1 0 1 3", "-scale": "-1 0 1e20 3",
    "-adc": "-5 0 0.5 70000", "-pgmscale": "-1 0 2 1e20", "-default_F": "-5 100 1e6 5e-324",
}
FLAGS = ("-round_xtal -gauss_xtal -tophat_spots -interpolate -nointerpolate -nopolar -curved_det -point_pixel -mosflm"
         " -oversample_thick -oversample_polar -oversample_omega -xds -adxv -denzo -dials -square_div -nonoise -nopgm"
         ).split()
CELLS = ("50", "50 60 70", "40 50 60 80 95 100", "60 60 90 90 90 120", "50 60 70 30 40 100", "1 1 1 90 90 90",
         "50 0 0 0 0 0", "50 60 70 1 90 90", "5 5 5 109.47 109.47 109.47")
VECTORS = ("-beam_vector", "-fdet_vector", "-sdet_vector", "-odet_vector", "-polar_vector", "-spindle_axis")


def random_line(r):
    """Words of a command line that the C program can obey."""
    groups = [["-cell", *r.choice(CELLS).split()], ["-detpixels", r.choice("1 5 8 13".split())],
              ["-pixel", r.choice(".05 1 5 30".split())], ["-oversample", r.choice("1 1 2".split())],
              ["-default_F", "100"], ["-seed", r.choice("-5 0 1 2147483647".split())], ["-noprogress"]]
    if r.random() < 0.5:
        groups.append(["-hkl", "some.hkl"])
    if r.random() < 0.6:
        groups.append(["-misset", *(r.choice("0 13 45 90 -90 180 1e3".split()) for _ in range(3))])
    groups += [[name, r.choice(VALUES[name].split())] for name in r.sample(sorted(VALUES), r.randint(2, 12))]
    groups += [[name] for name in r.sample(FLAGS, r.randint(0, 4))]
    groups += [[name, *(r.choice("0.5 1 -1 3".split()) for _ in range(3))] for name in VECTORS if r.random() < 0.04]
    r.shuffle(groups)
    if groups[-1] == ["-curved_det"]:
        groups.reverse()  # the last word is where revision main ignores it
    return [word for group in groups for word in group]


@live_c.skipped
@pytest.mark.parametrize("seed", range(NUMBER))
def test_same_files(seed, revision, tmp_path, monkeypatch):
    """The same files, or a refusal where the C program makes something of nothing."""
    r = random.Random(seed)
    words = random_line(r)
    theirs, ours = tmp_path / "c", tmp_path / "numbragg"
    table = "".join(f"{h} {k} {l} {r.choice(['7', '0.5', '-3', '1e3'])}\n"
                    for h in range(-6, 7) for k in range(-5, 6) for l in range(-4, 8) if r.random() < 0.9)
    for folder in (theirs, ours):
        folder.mkdir()
        (folder / "some.hkl").write_text(table)
    try:
        run_c(words, theirs, timeout=60)
        failed = False
    except subprocess.TimeoutExpired:
        pytest.skip("the C program takes more than a minute")
    except AssertionError:
        failed = True
    monkeypatch.chdir(ours)
    code = main([*words, "--revision", revision, "--quiet"])
    print(" ".join(words))
    if code == 2:
        assert content(ours).keys() == {"some.hkl"}
    else:
        assert (code, failed) == (0, False)
        assert content(ours) == content(theirs)


def test_refusals_are_few():
    """Most of the lines drawn are images: what is refused would test nothing."""
    from numbragg.command_line.parse import check, parse

    refused = 0
    for seed in range(200):
        try:
            check(parse(random_line(random.Random(seed))))
        except ValueError:
            refused += 1
    assert refused < 20
