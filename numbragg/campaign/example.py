"""The description that `numbragg campaign init` writes: a small campaign that runs as it is, with comments."""

from __future__ import annotations

__all__ = ["example"]

_TEXT = """\
# A campaign: a data set of simulated shots, each a function of this file and its number alone.
# numbragg campaign check FILE            what it will make
# numbragg campaign run FILE --out DIR    make it; the same command goes on after an interrupt
# Names of fields are those of Python's interface (docs/api.md); docs/campaign-files.md has all tables.

[campaign]
shots = {shots}
seed = 1                  # of all that is drawn
shots_per_file = 50

[structure]               # file = "1aki.mtz", .cif, .pdb (with d_min_angstrom) or .hkl
constant = 1000.0         # the same amplitude everywhere [electrons]

[detector]                # name = "eiger2_4m" with distance_mm, or file = "panels.geom", .expt, or an image
pixels = [256, 256]       # fast, slow
pixel_mm = 0.1
distance_mm = 40.0

[beam]
wavelength_angstrom = 1.0
fluence_photons_per_m2 = 3e25
size_mm = 0.0003          # 0.3 micrometres, of the background

[crystal]                 # without a cell: that of the structure
cell = [60.0, 60.0, 80.0, 90.0, 90.0, 90.0]
n_cells = 6
shape = "gauss"
spot_metric = "hkl"
mosaicity = "gaussian"
mosaic_spread_deg = 0.1
mosaic_domains = 5

[sampling]
oversample = 4

[background]
layers = "water:0.1um"

[response]                # detector = "eiger", "pilatus", "rayonix" or "jungfrau"; or fields, or file = "camera.toml"
gain_adu_per_photon = 1.0

[output]
kind = "counts"           # or "mean": photons as float32
compression = "gzip"

# [labels]                # spots of each shot, and a mask of their pixels
# min_photons = 1.0       # a reflection with more is a spot
# mask_photons = 0.1      # a pixel with more of it is the spot's

# -- what varies from shot to shot; each has numbers of its own, whatever else varies

[vary.orientation]        # also: list (of a file), choice, grid, constant
distribution = "uniform"

[vary.cell_length_factor] # lengths that are equal stay equal
distribution = "normal"
mean = 1.0
sigma = 0.003
low = 0.99
high = 1.01

[vary.n_cells]
distribution = "log-uniform"
low = 4
high = 8

[vary.fluence_photons_per_m2]
distribution = "log-uniform"
low = 1e25
high = 1e26

[vary.distance_mm]
distribution = "uniform"
low = 39.0
high = 41.0

[vary.lattices]           # crystals in a shot
distribution = "choice"
values = [1, 2]
weights = [9, 1]

[vary.blank]              # no crystal was hit
distribution = "choice"
values = [false, true]
weights = [9, 1]
"""


def example(shots: int) -> str:
    """A description of so many shots, as text.

    Examples
    --------
    >>> from numbragg.campaign.example import example
    >>> example(200).splitlines()[6]
    'shots = 200'
    """
    return _TEXT.replace("{shots}", str(shots))
