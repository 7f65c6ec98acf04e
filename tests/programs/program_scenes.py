"""Command lines of nonBragg and noisify, and the files that they read; the C programs' hashes are in programs.json."""

import json
from pathlib import Path

import numpy as np

from numbragg.commands.cli import main

__all__ = ["RECORDED", "SCENES", "images_of", "prepare", "recorded"]

RECORDED = Path(__file__).with_name("programs.json")

#: Tables of structure factors: about water, negative and missing values, one row, not in order, twice the same.
TABLES = {
    "liquid.stol": "0 2.5\n0.04 2.6\n0.08 3\n0.13 5.5\n0.165 8.1\n0.19 7\n0.22 6.6\n0.25 6\n0.3 4.4\n0.4 4\n0.55 3\n",
    "ring.stol": "0.01 1\n\n0.1,1.2\n0.125 -3.5\n0.128;14\n0.131 2\n0.2 nan\n0.3\n0.41 0.5 77",
    "one.stol": "# a word\n0.2 3.25\n#\n",
    "mixed.stol": "0.3 4\n0.1 7\n0.2 5\n0.05 2\n0.4 1\n",
    "crlf.stol": "0 2.5\r\n0.05 3\r\n0.1\r\n\r\n0.2 \r\n# ice\r\n0.3 1 7\r\n0.35\n0.4, 5\r\n",
    "signs.stol": "0.1 4\n0.2 -8\n",
    "twice.stol": "0.02 1\n0.1 4\n0.1 4\n0.2 3\n0.3 2\n",
}
SOURCES = "-10 0 0 1 1e-10\n-10 0.02 0.01 2.5 1.02e-10\n-9 -0.03 0\n0.5 , 0.1 0 0.25 0.98e-10\n"
HEADER = ("{\nHEADER_BYTES=512;\nDIM=2;\nBYTE_ORDER=little_endian;\nTYPE=unsigned_short;\nSIZE1=24;\nSIZE2=20;\n"
          "PIXEL_SIZE=0.15;\nDISTANCE=77;\nWAVELENGTH=1.3;\nBEAM_CENTER_X=2;\nBEAM_CENTER_Y=1;\nPHI=3;\nOSC_RANGE=0.5;\n"
          "}\f")

_COMMON = "-fluence 1e22 -pixel 0.8 -distance 60 -seed 3"
NONBRAGG = {
    "plain": f"-stol liquid.stol -detpixels 61 {_COMMON}",
    "sampled": f"-4stol liquid.stol -detpixels_x 40 -detpixels_y 31 -oversample 3 -polar 0.93 {_COMMON}",
    "divergent": f"-Q liquid.stol -detpixels 32 -hdivrange 12 -vdivrange 8 -hdivsteps 3 -vdivsteps 4 -dispersion 6"
                 f" -dispsteps 3 -polar -0.4 -source_distance 150 {_COMMON}",
    "square": f"-stol ring.stol -detsize_x 20 -detsize_y 26 -divergence 5 -divsteps 4 -square_div -nopolar -nopgm"
              f" -point_pixel {_COMMON}",
    "sources": f"-stol ring.stol -detpixels 30 -sourcefile sources.txt -oversample 2 -adc -5 -scale 0.5 {_COMMON}",
    "tilted": f"-stol liquid.stol -detpixels 41 -lambda 1.7 -Xbeam 11 -Ybeam 19.5 -detector_rotx 5 -detector_roty -12"
              f" -detector_rotz 3 -twotheta 20 -pivot sample -polar 1 {_COMMON}",
    "curved": f"-stol one.stol -energy 9000 -detpixels 33 -curved_det -close_distance 70 -ORGX 3.5 -ORGY 20"
              f" -twotheta_axis 0 0.6 0.8 -fdet_vector 0 0.1 1 -roi 2 30 -1 17 {_COMMON}",
    "volume": "-stol mixed.stol -detpixels 35 -pixel 1.2 -distance 55 -seed -4 -flux 1e11 -exposure 0.3 -beamsize 0.05"
              " -thickness 2 -width 0.02 -sample_z 0.4 -density 1.3 -MW 28 -pgmscale 0.01 -phi 12 -osc 0.5",
    "molecules": f"-stol twice.stol -detpixels 28 -molecules 1e14 -samplesize 0.3 -beam_vector 1 0.05 -0.02"
                 f" -polar_vector 0.1 0.2 1 -polar 0.5 -Xclose 5 -Yclose 9 -nonoise {_COMMON}",
    "map": "-stol ring.stol -img header.img -Fmap -fluence 1e20 -pixel 1 -seed 8 -pgmscale 3 -phistep 0.2 -phisteps 3",
    "image": "-stol ring.stol -img header.img -fluence 1e20 -pixel 1 -distance 300 -seed 8 -ignore 5 -ignore 200"
             " -oversample 2 -roi 1 22 2 18",
    "no sample": f"-stol ring.stol -detpixels 40 -thick 0 {_COMMON}",
    "no density": f"-stol signs.stol -detpixels 20 -density 0 {_COMMON}",
    "no density, map": f"-stol signs.stol -detpixels 20 -density 0 -Fmap {_COMMON}",
    "crlf": f"-stol crlf.stol -detpixels 30 {_COMMON}",
}

#: Float images for noisify, made by nonBragg's kernels and, of spots, by nanoBragg's.
INPUTS = {
    "liquid.bin": f"nonbragg {NONBRAGG['plain']} --quiet",
    "strong.bin": "nonbragg -stol liquid.stol -detpixels_x 24 -detpixels_y 20 -pixel 2 -distance 60 -fluence 3e25"
                  " -seed 1 --quiet",
    "negative.bin": f"nonbragg {NONBRAGG['square']} --quiet",
    "floatimage.bin.spots": "-cell 40 50 60 90 90 90 -default_F 30 -N 6 -lambda 2 -distance 60 -pixel 0.9"
                            " -detpixels_f 37 -detpixels_s 29 -fluence 4e23 -misset 10 20 30 -nonoise --quiet",
}
NOISIFY = {
    "plain": "-floatfile liquid.bin -seed 5",
    "bare": "floatimage.bin.spots -detpixels_x 37 -seed 12 -calib_seed 77 -readout 3 -adc 10",
    "flicker": "-bin liquid.bin -detpixels 61 -flicker 0.1 -calibration 0.2 -seed -2 -gain 1.7 -calib_seed -9",
    "no calibration": "-floatfile liquid.bin -calibration 0 -seed 1 -scale 0.01 -lambda 0.9793 -distance 250.5 -phi 10",
    "gauss": "-floatfile floatimage.bin.spots -detpixels_y 29 -psf gauss -psf_fwhm 180 -seed 3 -readout 0.5",
    "fiber": "-floatfile floatimage.bin.spots -detpixels_y 29 -psf fiber -seed 3 -pixel 0.05 -Xbeam 1.2 -Ybeam 0.3",
    "radius": "-floatfile liquid.bin -psf fiber -psf_fwhm 120 -psf_radius 6 -flicker 0.02 -seed 0 -nopgm",
    "overloads": "-floatfile strong.bin -header header.img -seed 4 -psf gauss -gain 2.5 -readout 20",
    "long": "-floatfile strong.bin -detpixels_x 24 -bits 32 -seed 4 -scale 30 -gain 40 -psf gauss -psf_rad 2",
    "negative": "-floatfile negative.bin -detpixels_x 25 -seed 6 -scale 1e-9 -adc -30.5 -readout 8 -bits 32 -osc 0.5",
    "noiseless": "-floatfile strong.bin -detpixels 0 -nonoise -psf fiber -psf_fwhm 250 -seed 1 -adc 0",
}
SCENES = {"nonbragg": NONBRAGG, "noisify": NOISIFY}


def images_of(program, words):
    """Names of the images that a command line writes."""
    names = ["floatimage.bin"] if program == "nonbragg" else []
    names.append("intimage.img")
    if "-nopgm" not in words or program == "nonbragg":
        names.append("image.pgm")
    if "-nonoise" not in words:
        names.append("noiseimage.img")
    return names


def prepare(program, folder, monkeypatch):
    """Write the files that the scenes of a program read, and work in their folder."""
    monkeypatch.chdir(folder)
    for name, text in TABLES.items():
        Path(name).write_text(text, newline="")
    Path("sources.txt").write_text(SOURCES)
    Path("header.img").write_bytes(HEADER.ljust(512).encode() + np.arange(480, dtype="<u2").tobytes())
    if program == "noisify":
        for name, words in INPUTS.items():
            assert main(words.split()) == 0
            Path("floatimage.bin").replace(name)
        for name in ("intimage.img", "image.pgm", "noiseimage.img"):
            Path(name).unlink(missing_ok=True)


def recorded():
    """The hashes of the C programs' images, by program, scene and name."""
    return json.loads(RECORDED.read_text())
