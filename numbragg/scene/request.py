"""What was asked for, in SI units and radians, unset values included: the meeting point of the two front ends.

The configuration objects (field units) and the command line (nanoBragg's own rules, some of which
cannot pass through millimetres without losing bits) both make a `Request`; `numbragg.scene.prepare`
derives everything else from it.  It holds what was asked, never what was derived, and nobody changes
it.  It validates nothing; the front ends do.

Defaults are nanoBragg's.  A step count, range or step that was not given is negative (-1); a length
that was not given is NaN, as in the C program, because its rules for filling them in depend on these
values.  Seeds are stored as on the command line (not negated).
"""

from dataclasses import dataclass, fields
import math
from typing import Any

from .frozen import Frozen
from .revisions import DEFAULT

__all__ = ["DEFAULTS", "BeamRequest", "CrystalRequest", "DetectorRequest", "Draft", "Request", "SamplingRequest"]

NAN = math.nan

#: Photons per square metre that make the squared classical electron radius times fluence 1.
UNIT_FLUENCE = 125932015286227086360700780544.0


@dataclass(slots=True, kw_only=True, init=False, repr=False, eq=False)
class CrystalRequest(Frozen):
    """The crystal, its orientation and rotation; the water around it."""

    n_cells: tuple = (1.0, 1.0, 1.0)  # Na, Nb, Nc, whole numbers
    cell_given: bool = False
    cell_lengths: tuple = (0.0, 0.0, 0.0)  # a, b, c [Angstrom]
    cell_angles: tuple = (0.0, 0.0, 0.0)  # alpha, beta, gamma [rad]
    matrix: tuple | None = None  # 9 numbers, rows; columns are a*, b*, c* times wavelength
    u_matrix: tuple | None = None  # 9 numbers, rows; rotates a*, b*, c* before the misset angles
    misset: str = "none"  # "none", "angles" or "random"
    misset_angles: tuple = (0.0, 0.0, 0.0)  # about x, y, z [rad]
    misset_seed: int | None = None  # None: taken from the clock
    sample_size: tuple = (0.0, 0.0, 0.0)  # x, y, z [m]
    shape: str = "square"  # "square", "round", "gauss" or "tophat"
    fudge: float = 1.0
    mosaic_spread: float = -1.0  # [rad]
    mosaic_domains: int = -1
    mosaic_seed: int = 12345678
    phi_start: float = 0.0  # [rad]
    oscillation: float = -1.0  # [rad]
    phi_step: float = -1.0  # [rad]
    phi_steps: int = -1
    spindle_axis: tuple = (0.0, 0.0, 1.0)  # of the custom convention
    water_size: float = 0.0  # [m]
    spot_metric: str = "nanobragg"  # "nanobragg" or "hkl": how distances from a lattice point are measured
    mosaicity: str = "cap"  # "cap" (the C program's), "gaussian" or "anisotropic"
    mosaic_spreads: tuple | None = None  # about the three axes of the cell [rad]; anisotropic
    mosaic_low_discrepancy: bool = False  # domains that fill space evenly, however many there are
    mosaic_rotations: Any = None  # (n, 9) float64: a rotation matrix of each domain, instead of all else
    matrix_cell: tuple | None = None  # what the file of the matrix says of the cell [Angstrom, deg], to compare
    crystal_notes: tuple = ()  # of str: on the words of a front end


@dataclass(slots=True, kw_only=True, init=False, repr=False, eq=False)
class BeamRequest(Frozen):
    """What hits the crystal."""

    wavelength: float = 1.0e-10  # [m]
    fluence: float = UNIT_FLUENCE  # [photons/m^2]
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
    sources: Any = None  # (n, 5) float64: X, Y, Z, intensity, wavelength [m]; NaN: default
    d_min: float = 0.0  # [m]; 0: no limit
    beam_vector: tuple = (1.0, 0.0, 0.0)  # of the custom convention, as are the next ones
    polarisation_axis: tuple = (0.0, 0.0, 1.0)
    spectrum: Any = None  # (n, 2) float64: wavelength [m], weight with a mean of 1; for every direction
    spectrum_notes: tuple = ()  # of str: what in it was taken for what
    beam_notes: tuple = ()  # of str: on the words of a front end, such as those without effect


@dataclass(slots=True, kw_only=True, init=False, repr=False, eq=False)
class DetectorRequest(Frozen):
    """The detector: size, place, sensor."""

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
    fast_axis: tuple = (0.0, 0.0, 1.0)
    slow_axis: tuple = (0.0, -1.0, 0.0)
    normal: tuple = (1.0, 0.0, 0.0)
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
    sensor_material: str = ""  # of a panel, in the place of mu
    mask: Any = None  # (slow, fast) array; zero: pixel is skipped
    detector_notes: tuple = ()  # of str: on the words of a front end


@dataclass(slots=True, kw_only=True, init=False, repr=False, eq=False)
class PanelRequest(Frozen):
    """A panel with a place of its own."""

    plane: DetectorRequest  # a detector of one plane with the panel's pixels and sensor, anywhere
    origin: tuple  # corner of the first pixel [m]
    fast: tuple  # from a pixel to the next [m]
    slow: tuple
    layers: int  # of the sensor, of equal thickness


@dataclass(slots=True, kw_only=True, init=False, repr=False, eq=False)
class WindowRequest(Frozen):
    """A part of a plane that is an image of its own."""

    plane: DetectorRequest
    first_fast: int
    first_slow: int
    fast: int  # pixels
    slow: int


@dataclass(slots=True, kw_only=True, init=False, repr=False, eq=False)
class SamplingRequest(Frozen):
    """How finely a pixel is sampled, what is computed per step, and which pixels."""

    oversample: int = -1  # sub-pixels per edge; not positive: automatic
    oversample_thick: bool = False
    oversample_polar: bool = False
    oversample_omega: bool = False
    interpolation: bool | None = None  # None: automatic
    roi: tuple = (-1, -1, -1, -1)  # fast min, max, slow min, max; negative: that end of the detector


@dataclass(slots=True, kw_only=True, init=False, repr=False, eq=False)
class Request(Frozen):
    """Everything that was asked for."""

    crystal: CrystalRequest = CrystalRequest()
    beam: BeamRequest = BeamRequest()
    detector: DetectorRequest = DetectorRequest()
    sampling: SamplingRequest = SamplingRequest()
    revision: str = DEFAULT  # one of revisions.revision_names()


#: The parts of a request, by the field that holds them.
_PARTS = {"crystal": CrystalRequest, "beam": BeamRequest, "detector": DetectorRequest, "sampling": SamplingRequest}

#: Every setting side by side, and its default; two parts never have one of the same name.
DEFAULTS = {item.name: item.default for kind in _PARTS.values() for item in fields(kind)} | {"revision": DEFAULT}

#: For type checkers: any attribute.
_Settings: Any = object


class Draft(_Settings):
    """A request that is being written: every setting of all its parts, side by side, to be set in any order.

    `Draft.fudge` and its like, read from the class, stand for the setting; a name that no part has is an
    `AttributeError` there, and where it is set.
    """

    # not a dataclass: of so many fields that takes longer to make than all else that a start loads
    __slots__ = tuple(DEFAULTS)

    def __init__(self, **settings: Any) -> None:
        for name, value in (DEFAULTS | settings).items():
            setattr(self, name, value)

    def freeze(self):
        """The request that these settings make; lists become tuples."""
        def settled(name):
            value = getattr(self, name)
            return tuple(value) if isinstance(value, list) else value

        parts = {part: kind(**{item.name: settled(item.name) for item in fields(kind)})
                 for part, kind in _PARTS.items()}
        return Request(**parts, revision=self.revision)
