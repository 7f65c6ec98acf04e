"""Every setting of a simulation in SI units and radians, unset values included.

This is the meeting point of the two front ends: the configuration objects (field units) and the
command line (nanoBragg's own rules, some of which cannot pass through millimetres without losing
bits) both fill one `Parameters`; `numbragg.scene.prepare` derives everything else from it.  It holds what
was asked, never what was derived.  It validates nothing; the front ends do.
"""

from dataclasses import dataclass, field
import math

from .revisions import DEFAULT

__all__ = ["Parameters", "DEGREES_PER_RADIAN", "HC_EV_ANGSTROM"]

NAN = math.nan

#: Degrees are divided by this number to give radians, radians multiplied to give degrees.
DEGREES_PER_RADIAN = 180.0 * (1.0 / math.pi)

#: Planck's constant times the speed of light [eV Angstrom], the value nanoBragg uses.
HC_EV_ANGSTROM = 12398.42


@dataclass(slots=True, kw_only=True)
class Parameters:
    """What was asked for, in SI units and radians; defaults are nanoBragg's.

    A step count, range or step that was not given is negative (-1); a length that was not given
    is NaN, as in the C program, because its rules for filling them in depend on these values.
    Seeds are stored as on the command line (not negated).
    """

    # -- crystal
    n_cells: list = field(default_factory=lambda: [1.0, 1.0, 1.0])  # Na, Nb, Nc, whole numbers
    cell_given: bool = False
    cell_lengths: list = field(default_factory=lambda: [0.0, 0.0, 0.0])  # a, b, c [Angstrom]
    cell_angles: list = field(default_factory=lambda: [0.0, 0.0, 0.0])  # alpha, beta, gamma [rad]
    matrix: tuple | None = None  # 9 numbers, rows; columns are a*, b*, c* times wavelength
    u_matrix: tuple | None = None  # 9 numbers, rows; rotates a*, b*, c* before the misset angles
    misset: str = "none"  # "none", "angles" or "random"
    misset_angles: list = field(default_factory=lambda: [0.0, 0.0, 0.0])  # about x, y, z [rad]
    misset_seed: int | None = None  # None: taken from the clock
    sample_size: list = field(default_factory=lambda: [0.0, 0.0, 0.0])  # x, y, z [m]
    shape: str = "square"  # "square", "round", "gauss" or "tophat"
    fudge: float = 1.0
    mosaic_spread: float = -1.0  # [rad]
    mosaic_domains: int = -1
    mosaic_seed: int = 12345678
    phi_start: float = 0.0  # [rad]
    oscillation: float = -1.0  # [rad]
    phi_step: float = -1.0  # [rad]
    phi_steps: int = -1
    water_size: float = 0.0  # [m]

    # -- beam
    wavelength: float = 1.0e-10  # [m]
    fluence: float = 125932015286227086360700780544.0  # [photons/m^2]
    flux: float = 0.0  # [photons/s]
    exposure: float = 1.0  # [s]
    beam_size: float = 1e-4  # [m]
    polarisation_fraction: float = 0.0  # Kahn factor
    unpolarised_factor: bool = False  # True: the polarisation factor is 1 (-nopolar)
    dispersion: float = 0.0  # full spread as a fraction of the wavelength
    dispersion_steps: int = -1
    divergence_h: float = -1.0  # full range [rad]
    divergence_v: float = -1.0
    divergence_h_step: float = -1.0  # [rad]
    divergence_v_step: float = -1.0
    divergence_h_steps: int = -1
    divergence_v_steps: int = -1
    round_divergence: bool = True
    sources: object = None  # (n, 5) float64: X, Y, Z, intensity, wavelength [m]; NaN: default
    d_min: float = 0.0  # [m]; 0: no limit

    # -- detector
    pixel_size: float = 0.1e-3  # [m]
    detector_size_f: float = 102.4e-3  # [m]
    detector_size_s: float = 102.4e-3
    pixels_f: int = 0  # 0: from the size
    pixels_s: int = 0
    distance: float = 100.0e-3  # [m]
    close_distance: float = NAN  # [m]
    beam_x: float = NAN  # Xbeam [m]; its axis depends on the convention
    beam_y: float = NAN
    close_x: float = NAN  # Xclose [m]
    close_y: float = NAN
    origin_x: float = NAN  # ORGX [pixels]
    origin_y: float = NAN
    convention: str = "mosflm"  # "mosflm", "adxv", "denzo", "xds", "dials" or "custom"
    pivot: str = "beam"  # "beam" or "sample"; only "custom" obeys it
    # vectors of the custom convention (nanoBragg's start values)
    beam_vector: tuple = (1.0, 0.0, 0.0)
    fast_axis: tuple = (0.0, 0.0, 1.0)
    slow_axis: tuple = (0.0, -1.0, 0.0)
    normal: tuple = (1.0, 0.0, 0.0)
    polarisation_axis: tuple = (0.0, 0.0, 1.0)
    spindle_axis: tuple = (0.0, 0.0, 1.0)
    twotheta_axis: tuple = (0.0, 1.0, 0.0)
    twotheta: float = 0.0  # [rad]
    rotation_x: float = 0.0  # [rad]
    rotation_y: float = 0.0
    rotation_z: float = 0.0
    curved: bool = False
    point_pixel: bool = False
    sensor_thickness: float = 0.0  # [m]
    sensor_layers: int = -1
    attenuation: float = -1.0  # mu [1/m]; negative: not given
    roi: list = field(default_factory=lambda: [-1, -1, -1, -1])  # fast min, max, slow min, max
    mask: object = None  # (slow, fast) array; zero: pixel is skipped

    # -- sampling
    oversample: int = -1  # sub-pixels per edge; not positive: automatic
    oversample_thick: bool = False
    oversample_polar: bool = False
    oversample_omega: bool = False
    interpolation: bool | None = None  # None: automatic
    revision: str = DEFAULT  # one of revisions.revision_names()
