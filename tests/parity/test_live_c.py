"""Parity with a C binary of the user's own: all files, byte for byte, one thread; and what -printout lists.

    NB_RUN_PARALLEL=1 NB_C_BIN=./nanoBragg pytest tests/parity

Which revision the binary is (main or fixed) is found out by a scene on which they differ, or said by
NB_C_REVISION.  A binary that is neither (another version, or built with contracted multiply-adds) fails.
"""

from pathlib import Path
import re

import live_c
from live_c import content, run_c
import pytest

from numbragg.commands.cli import main

pytestmark = live_c.skipped

CELL = "-cell 40 50 60 80 95 100 -misset 10 20 30"
SEEN = "-lambda 1.2 -distance 60 -pixel 0.6 -detpixels 48"
F = "-default_F 100"
BASE = f"{CELL} {SEEN} {F} -N 5"
TABLE = f"{CELL} {SEEN} -hkl some.hkl -N 4"
DENSE = f"{CELL} {SEEN} -hkl dense.hkl"
MOSAIC = "-mosaic 0.8 -mosaic_dom 4"
PHI = "-phi 10 -osc 2 -phisteps 3"
SOURCES = "-dispersion 2 -dispsteps 3"
SENSOR = "-detector_thick 300 -detector_abs 200 -detector_thicksteps 3"

#: In every image, region and mask of the matrix: fast, slow.
PIXEL = ("21", "20")

#: Name: words.  One binary, one folder and one comparison each.
MATRIX = {
    # crystals
    "plain": BASE, "cubic, unrotated": f"-cell 50 50 50 90 90 90 {SEEN} {F} -N 5",
    "unequal edges": f"{CELL} {SEEN} {F} -Na 3 -Nb 7 -Nc 12", "one cell": f"{CELL} {SEEN} {F} -N 1",
    "one long edge": f"{CELL} {SEEN} {F} -Na 1 -Nb 1 -Nc 40",
    "size of a crystal": f"{CELL} {SEEN} {F} -xtalsize 0.0003 -roi 16 26 12 22",
    # 750 sub-pixels along an edge, a number that the program finds itself
    "many cells": f"{CELL} {SEEN} {F} -N 500 -roi 20 22 19 21",
    "sphere": f"{BASE} -round_xtal", "Gaussian": f"{BASE} -gauss_xtal",
    "top-hat": f"{BASE} -tophat_spots", "sphere, fudge": f"{BASE} -round_xtal -fudge 0.7",
    "Gaussian, fudge": f"{BASE} -gauss_xtal -fudge 0.01", "top-hat, fudge": f"{BASE} -tophat_spots -fudge 0.01",
    "matrix": f"-mat A.mat {SEEN} {F} -N 5", "matrix, misset": f"-mat A.mat -misset 1 2 3 {SEEN} {F} -N 5",
    "random orientation": f"-cell 40 50 60 80 95 100 -misset random -misset_seed 7 {SEEN} {F} -N 5",
    "mosaic": f"{BASE} {MOSAIC}", "mosaic, seed": f"{BASE} {MOSAIC} -mosaic_seed 99", "spindle": f"{BASE} {PHI}",
    "spindle axis": f"{BASE} {PHI} -spindle_axis 0 1 1", "spindle and mosaic": f"{BASE} {PHI} {MOSAIC}",
    # structure factors
    "list": TABLE, "list and default": f"{TABLE} -default_F 3", "list, mosaic, spindle": f"{TABLE} {MOSAIC} {PHI}",
    "interpolated": f"{DENSE} -N 1 -interpolate", "interpolated, Gaussian": f"{DENSE} -N 3 -interpolate -gauss_xtal",
    "interpolated, runs out": f"{TABLE} -interpolate", "not interpolated, N = 2": f"{DENSE} -N 2 -nointerpolate",
    "interpolated by itself, N = 2": f"{DENSE} -N 2",
    # beam
    "wavelengths": f"{BASE} {SOURCES}", "divergence": f"{BASE} -hdivrange 2 -hdivsteps 3 -vdivrange 1 -vdivsteps 2",
    "divergence, round": f"{BASE} -divergence 3 -divsteps 3", "sources from a file": f"{BASE} -sourcefile sources.txt",
    "polarised": f"{BASE} -polar 0.9", "not polarised": f"{BASE} -nopolar",
    "polarised, sources": f"{BASE} -polar 0.8 {SOURCES}",
    "energy": f"{CELL} {F} -N 5 -energy 9000 -distance 60 -pixel 0.6 -detpixels 48",
    "flux": f"{BASE} -flux 1e12 -exposure 0.1 -beamsize 0.05", "fluence": f"{BASE} -fluence 1e24",
    "resolution limit": f"{BASE} -dmin 2.5", "water": f"{BASE} -water 50",
    "all of the beam": f"{BASE} {SOURCES} -polar 0.9 -dmin 2 -water 10",
    # sampling
    "oversampled": f"{BASE} -oversample 3",
    "oversampled, polarisation": f"{BASE} -oversample 2 -oversample_polar -polar 0.9",
    "oversampled, solid angle": f"{BASE} -oversample 2 -oversample_omega",
    "oversampled, sensor": f"{BASE} -oversample 2 -oversample_thick {SENSOR}",
    "oversampled, all": f"{BASE} -oversample 2 -oversample_thick -oversample_polar -oversample_omega {SENSOR} "
                        "-polar 0.9",
    # detector
    "sensor": f"{BASE} {SENSOR}", "sensor, one layer": f"{BASE} -detector_thick 450 -detector_abs 234",
    "curved": f"{BASE} -curved_det", "curved, rotated": f"{BASE} -curved_det -detector_rotx 3 -detector_rotz 20",
    "point pixels": f"{BASE} -point_pixel", "rotated": f"{BASE} -detector_rotx 5 -detector_roty 3 -detector_rotz 2",
    "two theta": f"{BASE} -twotheta 20", "two theta axis": f"{BASE} -twotheta 20 -twotheta_axis 0 1 0",
    "pivot": f"{BASE} -twotheta 20 -pivot sample", "beam centre": f"{BASE} -Xbeam 10 -Ybeam 17",
    "close distance": f"{CELL} {F} -N 5 -lambda 1.2 -close_distance 55 -pixel 0.6 -detpixels 48 -twotheta 12",
    "oblong": f"{CELL} {F} -N 5 -lambda 1.2 -distance 60 -pixel 0.6 -detpixels_f 64 -detpixels_s 24",
    "size of the detector": f"{CELL} {F} -N 5 -lambda 1.2 -distance 60 -pixel 0.6 -detsize_f 30 -detsize_s 24",
    **{f"convention {name}": f"{BASE} -{name} -Xbeam 13 -Ybeam 16 -detector_roty 4 -twotheta 5"
       for name in ("mosflm", "xds", "adxv", "denzo", "dials")},
    "custom axes": f"{BASE} -fdet_vector 0 0 1 -sdet_vector 0 -1 0 -odet_vector 1 0 0 -beam_vector 1 0 0",
    "region": f"{BASE} -roi 5 30 10 40", "mask": f"{BASE} -mask mask.img",
    # files
    "names of files": f"{BASE} -floatfile f.bin -intfile i.img -noisefile n.img -pgmfile p.pgm",
    "scales": f"{BASE} -scale 3 -pgmscale 0.5 -adc 100", "no noise, no picture": f"{BASE} -nonoise -nopgm",
    "bright noise": f"{BASE} -fluence 1e31 -seed 5", "faint noise": f"{BASE} -fluence 1e26 -seed 6",
}


#: What the command lines read: content by name.
INPUTS = {
    "some.hkl": "".join(f"{h} {k} {l} {(h * 7 + k * 5 + l * 3) % 23 + 0.5}\n"
                        for h in range(-6, 7, 2) for k in range(-5, 6) for l in range(-4, 8)),
    "dense.hkl": "".join(f"{h} {k} {l} {(h * h + 3 * k * k + 5 * l * l + h * k) % 41 + 1}\n"
                         for h in range(-24, 25) for k in range(-24, 25) for l in range(-24, 25)),
    "A.mat": " 0.02 0.001 0.0005\n -0.001 0.018 0.002\n 0.0004 -0.002 0.015\n",
    "sources.txt": "-1 0 0 1 1.2e-10\n-1 0.001 0 2 1.21e-10\n-1 0 0.002 0.5 1.19e-10\n",
}


def write_inputs(words, folder, mask):
    """Write the input files that a command line names."""
    folder.mkdir()
    for name in set(words) & set(INPUTS):
        (folder / name).write_text(INPUTS[name])
    if "mask.img" in words:
        (folder / "mask.img").write_bytes(mask)


@pytest.fixture(scope="module")
def mask(tmp_path_factory):
    """An SMV image of the scene with some pixels masked."""
    folder = tmp_path_factory.mktemp("mask")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main([*f"{BASE} -seed 1 -nopgm -nonoise --quiet".split()]) == 0
    content = bytearray((folder / "intimage.img").read_bytes())
    pixels = memoryview(content)[512:].cast("H")
    for i in range(len(pixels)):
        pixels[i] = 0 if 300 < i < 700 or i % 7 == 0 else 1
    return bytes(content)


def test_matrix_is_large():
    assert len(MATRIX) >= 60 and len(set(MATRIX.values())) == len(MATRIX)


def words_of(name):
    """The command line of a scene, with all that makes it repeatable."""
    words = [*MATRIX[name].split(), "-noprogress"]
    return words if "-seed" in words else [*words, "-seed", "1"]


@pytest.mark.parametrize("name", MATRIX)
def test_trace_agrees_with_what_this_binary_lists(name, revision, mask, tmp_path, monkeypatch, capsys):
    """One pixel with all its intermediates; the last step is what the C program shows."""
    words, (fast, slow) = words_of(name), PIXEL
    write_inputs(words, tmp_path / "c", mask)
    listing = run_c([*words, "-printout", "-printout_pixel", fast, slow], tmp_path / "c")
    monkeypatch.chdir(tmp_path / "c")
    Path("listing.txt").write_bytes(listing)
    arguments = ["trace", fast, slow, *words, "--revision", revision, "--quiet", "--against", "listing.txt"]
    assert main(arguments) == 0, capsys.readouterr()
    assert re.search("nanoBragg's -printout.: 2[0-9] quantities compared", capsys.readouterr().out)


@pytest.mark.parametrize("name", MATRIX)
def test_same_files_as_this_binary(name, revision, mask, tmp_path, monkeypatch):
    words = words_of(name)
    theirs, ours = tmp_path / "c", tmp_path / "numbragg"
    for folder in (theirs, ours):
        write_inputs(words, folder, mask)
    run_c(words, theirs)
    monkeypatch.chdir(ours)
    assert main([*words, "--revision", revision, "--quiet"]) == 0
    wanted = content(theirs)
    assert Path("f.bin" if "f.bin" in words else "floatimage.bin").name in wanted
    assert content(ours) == wanted
