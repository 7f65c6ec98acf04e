"""The records that cross from the Python side into kernels: every field, its unit and its shape.

Kernels read nothing else: no globals that can change, no configuration objects.  Lengths are in
metres, angles in radians, vectors in the laboratory frame, all floats double precision, all
arrays C-contiguous.  Vectors are tuples of three floats, which a compiler keeps in registers.
"""

from typing import NamedTuple

import numpy as np

__all__ = ["AXIS", "COMPENSATED", "EXACT", "FRESH", "GAUSS", "GAUSS_HKL", "IN_CELLS", "INTERPOLATING", "KAHAN",
           "ONE_CELL", "PRECISIONS", "ROUND", "SEQUENTIAL", "SHAPES", "SINGLE", "SQUARE", "STATE_SIZE", "SUMMATIONS",
           "TOPHAT", "TOPHAT_HKL", "WHOLE", "Filled", "Geometry", "Lattice", "Lookup", "Part", "Pixels", "Scene",
           "Sources", "Summation", "Until", "Window", "initial_state", "never"]

# -- crystal shapes, as Lattice.shape holds them
SQUARE, ROUND, GAUSS, TOPHAT, GAUSS_HKL, TOPHAT_HKL = 0, 1, 2, 3, 4, 5
SHAPES = {"square": SQUARE, "round": ROUND, "gauss": GAUSS, "tophat": TOPHAT}
#: Shapes whose spots are measured in units of cells, by those of the C program that are measured otherwise.
IN_CELLS = {GAUSS: GAUSS_HKL, TOPHAT: TOPHAT_HKL}
#: Stands for the shape of a parallelepiped of one unit cell, where a kernel is made for one shape.
ONE_CELL = -1

# -- arithmetic of the lanes, and how they add up
EXACT, COMPENSATED, SINGLE = 0, 1, 2
PRECISIONS = {"exact": EXACT, "compensated": COMPENSATED, "single": SINGLE}
SEQUENTIAL, KAHAN = 0, 1
SUMMATIONS = {"sequential": SEQUENTIAL, "kahan": KAHAN}

# -- what the C program carries from pixel to pixel, as an int64 array
AXIS = 0  # row of Sources.polarisation_axes now in use
INTERPOLATING = 1  # 1 until an index first leaves the range of the table
FRESH = 2  # 1 until a sweep of phi has been evaluated
STATE_SIZE = 3


def initial_state(interpolating):
    """The state before the first pixel."""
    state = np.zeros(STATE_SIZE, dtype=np.int64)
    state[INTERPOLATING] = int(interpolating)
    state[FRESH] = 1
    return state


def never():
    """What halts a kernel (see `Filled.halt`), and has not yet."""
    return np.zeros(1, dtype=np.uint8)


class Part(NamedTuple):
    """Where a contribution stands in the running sum of a pixel."""

    begins: bool  # nothing has been added before
    ends: bool  # nothing follows: the sum is scaled to photons


#: The only contribution to its sum.
WHOLE = Part(True, True)


class Pixels(NamedTuple):
    """Pixels start..stop-1 of a window."""

    place: tuple  # first fast, first slow, fast size: pixels are numbered row by row inside the window
    mask: np.ndarray  # (slow, fast) uint8; zero: left alone; no rows: nothing is masked
    listed: np.ndarray  # (n,) int64: pixels to take instead, listed[start] to listed[stop - 1]; empty: all
    start: int
    stop: int


class Until(NamedTuple):
    """When to stop before the last pixel."""

    settled: bool  # after the pixel that leaves nothing fresh and the polarisation axis at `settled_axis` or later
    settled_axis: int
    trip: bool  # after the pixel in which interpolation switched itself off


class Filled(NamedTuple):
    """What is written of pixels; arrays without rows are not."""

    image: np.ndarray  # (slow, fast) float32
    doubles: np.ndarray  # (pixels, 2) float64: value before rounding and half-width
    part: Part  # where this contribution stands in the running sum of a pixel
    sums: np.ndarray  # (pixels, 2) float64: running sums, from the contribution before and for the next
    halt: np.ndarray = never()  # (1,) uint8: not zero: leave at once, and nothing that is written counts


class Window(NamedTuple):
    """Pixels of an image, both ends included; empty where an end lies before its beginning."""

    fast_min: int
    fast_max: int
    slow_min: int
    slow_max: int

    @property
    def width(self):
        """Number of pixels along the fast axis."""
        return max(self.fast_max - self.fast_min + 1, 0)

    @property
    def height(self):
        """Number of pixels along the slow axis."""
        return max(self.slow_max - self.slow_min + 1, 0)

    @property
    def pixels(self):
        """Number of pixels."""
        return self.width * self.height

    @property
    def place(self):
        """What kernels need to number the pixels row by row: first fast, first slow, width."""
        return (self.fast_min, self.slow_min, self.fast_max - self.fast_min + 1)

    def of(self, pixels):
        """Return the window's part of an array of the size of the detector."""
        return pixels[self.slow_min:self.slow_max + 1, self.fast_min:self.fast_max + 1]


class Geometry(NamedTuple):
    """Where the pixels of a panel are and how they absorb.

    The axes are the pitch vectors of a pixel over `pixel_size`: unit vectors where pixels are square
    and at right angles.
    """

    fast_axis: tuple
    slow_axis: tuple
    normal: tuple  # unit vector
    origin: tuple  # corner of the first pixel of the plane [m]
    first_fast: int  # pixel of the plane that is the panel's first
    first_slow: int
    beam: tuple  # direction of travel, unit vector
    distance: float  # sample to beam spot, as the curved detector uses it [m]
    close_distance: float  # sample to detector plane [m]
    pixel_area: float  # [m^2]
    sub_pixel_size: float  # [m]
    oversample: int  # sub-pixels per edge
    curved: bool
    point_pixel: bool
    thickness: float  # of the sensor [m]
    layers: int
    layer_step: float  # [m]
    attenuation: float  # [1/m], unless the beam has one for each wavelength


class Sources(NamedTuple):
    """Where the photons come from."""

    directions: np.ndarray  # (directions, 3) unit vectors from the sample to the source
    wavelengths: np.ndarray  # (wavelengths,) [m]
    per_direction: int  # 1: one wavelength to a direction; else all of them follow each other for every direction
    weights: np.ndarray  # (wavelengths,) positive, with a mean of 1; no rows: every source counts the same
    attenuations: np.ndarray  # (wavelengths,) of the sensor [1/m], and then Summation.oversample_thick; no rows: one
    d_min: float  # [m]; 0: no limit
    polarisation_fraction: float  # Kahn factor
    unpolarised_factor: bool  # the factor is 1 unless it is asked for per step
    polarisation_axes: np.ndarray  # (m, 3): the axis and what repeated normalising makes of it
    next_axis: np.ndarray  # (m,) int64: the row that follows a row


class Lattice(NamedTuple):
    """How large the crystal is, and its orientations."""

    n_cells: tuple  # Na, Nb, Nc as floats
    shape: int
    fudge: float
    reciprocal: tuple  # a*, b*, c* of the unrotated crystal, 9 numbers [1/Angstrom]
    phi_cells: np.ndarray  # (rows, 9): a, b, c [m] after the spindle rotation
    phi_rows: np.ndarray  # (phi steps,) int64: row of each step
    first_phi_rows: np.ndarray  # the same for the first sweep of all (revision main)
    mosaic: np.ndarray  # (domains, 9) rotation matrices by rows; empty: no mosaic rotation
    domains: int
    cells: np.ndarray  # (rows, domains, 9): both rotations applied; empty: apply them per step


class Lookup(NamedTuple):
    """Structure factors on a grid of Miller indices."""

    table: np.ndarray  # (h, k, l), with one plane of padding at the end of each axis
    minimum: tuple  # smallest h, k, l
    maximum: tuple  # largest h, k, l
    filled: bool  # False: nothing was read, every lookup gives the default
    default: float


class Summation(NamedTuple):
    """What is summed and how the sum becomes photons."""

    background: float  # start of the sum
    scale: float  # squared classical electron radius times fluence
    steps: int  # the C program's divisor (without layers)
    oversample_thick: bool
    oversample_polar: bool
    oversample_omega: bool
    running_product: bool  # revision main: the flags multiply the running sum
    skip_zero: bool  # a step whose lattice factor is 0 is skipped


class Scene(NamedTuple):
    """Everything that a driver needs."""

    geometry: Geometry
    beam: Sources
    crystal: Lattice
    lookup: Lookup
    sampling: Summation
