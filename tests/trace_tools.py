"""Scenes and listings of the C program for the tests of traces."""

import numbragg as nb
from numbragg.command_line.inputs import read_inputs, with_headers
from numbragg.command_line.parse import check, parse
from numbragg.scene.prepare import prepare

CRYSTAL = nb.Crystal(cell=(50, 60, 70, 80, 95, 100), n_cells=5, misset_deg=(10, 20, 30),
                     mosaic_spread_deg=0.5, mosaic_domains=2, phi_start_deg=1, oscillation_deg=1, phi_steps=2)
SCENE = (CRYSTAL, nb.Beam(wavelength_angstrom=1.2, polarisation_fraction=0.9),
         nb.Detector(pixels=(16, 16), pixel_mm=1.0, distance_mm=60.0), 100.0)
TWO = nb.Sampling(oversample=2)

#: The same as a command line.
ARGUMENTS = ("-cell 50 60 70 80 95 100 -misset 10 20 30 -default_F 100 -lambda 1.2 -N 5 -distance 60 "
             "-detpixels 16 -pixel 1 -mosaic 0.5 -mosaic_dom 2 -phi 1 -osc 1 -phisteps 2 -oversample 2 "
             "-polar 0.9").split()

#: What the C program prints for pixel 9 5 of it, with lines before and after.
LISTED = """\
  2x2 pixel oversample steps

  noise image paramters:
  seed: -1
  water droplet size: 0 m
   9    5 : stol = 2.31358e+08 or 0.0231358
at 0.06 0.00325 0.00075
hkl= 0.497344 2.555027 0.735278  hkl0= 0 3 1
 F_cell=100  F_latt=-0.757562   I = 144034
I/steps      9002.10151
polar      0.9997890222
omega   0.0002761509214
capfrac               1
pixel       2.485414267
real-space cell vectors (Angstrom):
     a           b           c
X: 41.28246340 -23.83582852 26.57618812
Y: 17.34551786 51.53989804  2.13567820
Z: -22.24615081 19.37762083 64.72360546

solid angle subtended by detector = 0.0174475 steradian ( 0.138843% sphere)
"""

#: A scene that starts at a spindle angle of 0, in a sensor of two layers, and how both revisions list it.
FROM_ZERO = ("-cell 50 60 70 90 90 90 -misset 10 20 30 -default_F 100 -lambda 1.2 -N 5 -distance 60 "
             "-detpixels 16 -pixel 1 -phi 0 -osc 1 -phisteps 2 -detector_thick 300 -detector_abs 200 "
             "-detector_thicksteps 2 -polar 0.9 -roi 3 12 2 9").split()
LISTED_FIXED = """\
   9    5 : stol = 2.19757e+08 or 0.0219757
at 0.0603 0.00303333 0.000966667
hkl= 0.723197 2.368801 0.895999  hkl0= 1 2 1
 F_cell=100  F_latt=1.95344   I = 1.16325e+09
I/steps      2584993.64
polar      0.9997821252
omega   0.0002759664332
capfrac    0.1729426257
pixel        123.345459
real-space cell vectors (Angstrom):
     a           b           c
X: 40.48332820 -26.91927281 26.48453981
Y: 23.84650272 52.72094262  1.49315692
Z: -17.10100717  9.79055467 64.77916049
"""
LISTED_MAIN = (LISTED_FIXED.replace("1.16325e+09", "1.26619e+09").replace("2584993.64", "2813750.332")
               .replace("123.345459", "134.2608032"))


def from_arguments(arguments):
    """The prepared scene of a command line."""
    line = with_headers(parse(list(arguments)))
    check(line)
    factors = read_inputs(line)
    return prepare(line.draft.freeze(), factors)
