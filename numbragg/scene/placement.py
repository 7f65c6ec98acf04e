"""Where the detector is: size, beam centre in six conventions, rotations, pivot.

The order of operations is the C program's; a beam centre, distance and origin come back as what
its headers print.
"""

from dataclasses import dataclass
import math

from ..kernels.arithmetic.vectors import cross, dot, rotate_axis, rotate_xyz, unit
from .pixels import edge, pixels_along
from .units import to_mm

__all__ = ["Frame", "Placement", "CONVENTIONS", "detector_size", "least_turn", "place_detector",
           "placed"]

TINY = 2.2250738585072014e-308


@dataclass(frozen=True, slots=True)
class Frame:
    """The vectors of a convention before they are rotated."""

    beam: tuple
    fast: tuple
    slow: tuple
    normal: tuple
    twotheta: tuple
    polarisation: tuple
    spindle: tuple
    pivot: str


CONVENTIONS = {
    "adxv": Frame((0, 0, 1), (1, 0, 0), (0, -1, 0), (0, 0, 1), (-1, 0, 0), (1, 0, 0), (1, 0, 0), "beam"),
    "mosflm": Frame((1, 0, 0), (0, 0, 1), (0, -1, 0), (1, 0, 0), (0, 0, -1), (0, 0, 1), (0, 0, 1), "beam"),
    "denzo": Frame((1, 0, 0), (0, 0, 1), (0, -1, 0), (1, 0, 0), (0, 0, -1), (0, 0, 1), (0, 0, 1), "beam"),
    "xds": Frame((0, 0, 1), (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 0, 0), (1, 0, 0), (1, 0, 0), "sample"),
    "dials": Frame((0, 0, 1), (1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 1, 0), (0, 1, 0), (0, 1, 0), "sample"),
}


#: x, y and z of DIALS in MOSFLM's frame.
DIALS_AXES = ((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (-1.0, 0.0, 0.0))


@dataclass(frozen=True, slots=True)
class Placement:
    """The detector in the laboratory frame; lengths in metres."""

    fpixels: int
    spixels: int
    detsize_f: float
    detsize_s: float
    pixel_size: float
    beam: tuple
    fast: tuple
    slow: tuple
    normal: tuple
    origin: tuple  # corner of the first pixel
    polarisation: tuple
    spindle: tuple
    vertical: tuple
    twotheta_axis: tuple
    pivot: str
    convention: str
    beam_x: float  # Xbeam, Ybeam as given or by default
    beam_y: float
    fast_beam: float  # beam spot from the corner, along fast and slow
    slow_beam: float
    fast_close: float  # point of closest approach, likewise
    slow_close: float
    distance: float
    close_distance: float
    origin_x: float  # ORGX, ORGY [pixels]
    origin_y: float
    dials_origin: tuple  # [mm]
    normal_generated: bool  # the normal was replaced by fast x slow

    @property
    def pixel_edges(self):
        """Edges of a pixel along fast and slow [m]: axes of a panel are its pitches over that along fast."""
        length = math.sqrt(dot(self.slow, self.slow))
        # unit vectors are not exactly of length 1
        return self.pixel_size, self.pixel_size * length if abs(length - 1.0) > 1e-9 else self.pixel_size


def least_turn(start, end):
    """The least rotation that brings one unit vector to another, as a function; half a turn is one about y."""
    # 0 and not -0 where all products are -0
    cosine = 0.0 + dot(start, end)
    if start == end:
        return tuple
    if cosine < -1.0 + 1e-12:
        return lambda vector: (-vector[0], vector[1], -vector[2])
    axis = cross(start, end)

    def turn(vector):
        along = dot(axis, vector) / (1.0 + cosine)
        return tuple(cosine * v + c + along * a for v, c, a in zip(vector, cross(axis, vector), axis))

    return turn


def detector_size(detector):
    """Size [m] and number of pixels along fast and slow: (detsize_f, detsize_s, fpixels, spixels)."""
    sizes = [edge(detector.pixel_size, pixels, size) for pixels, size in (
        (detector.pixels_f, detector.detector_size_f), (detector.pixels_s, detector.detector_size_s))]
    return (*sizes, *(pixels_along(size, detector.pixel_size) for size in sizes))


def _default(value, default):
    return default if math.isnan(value) else value


def _beam_centre(detector, detsize_f, detsize_s):
    """(Xbeam, Ybeam, Fbeam, Sbeam, Fclose, Sclose) of the convention, before any rotation."""
    p = detector
    pixel = p.pixel_size
    fast_close = (p.origin_x - 0.5) * pixel if not math.isnan(p.origin_x) else (detsize_f - 0 * pixel) / 2.0
    slow_close = (p.origin_y - 0.5) * pixel if not math.isnan(p.origin_y) else (detsize_s + 0 * pixel) / 2.0
    close_x = _default(p.close_x, fast_close)
    close_y = _default(p.close_y, slow_close)
    x, y = p.beam_x, p.beam_y
    if p.convention == "adxv":
        x = _default(x, (detsize_f + pixel) / 2.0)
        y = _default(y, (detsize_s - pixel) / 2.0)
        return x, y, x, detsize_s - y, fast_close, slow_close
    if p.convention in ("mosflm", "denzo"):
        half = 0.5 if p.convention == "mosflm" else 0.0
        x = _default(x, (detsize_s + pixel) / 2.0)
        y = _default(y, (detsize_f + pixel) / 2.0)
        return x, y, y + half * pixel, x + half * pixel, fast_close, slow_close
    x = _default(x, close_x)
    y = _default(y, close_y)
    if p.convention == "custom":
        return x, y, x, y, x, y
    return x, y, x, y, fast_close, slow_close


def _floats(vector):
    return tuple(float(v) for v in vector)


def _frame(request):
    detector, beam = request.detector, request.beam
    if detector.convention == "custom":
        return Frame(beam.beam_vector, detector.fast_axis, detector.slow_axis, detector.normal, detector.twotheta_axis,
                     beam.polarisation_axis, request.crystal.spindle_axis, detector.pivot)
    return CONVENTIONS[detector.convention]


def place_detector(request):
    """Place the detector.

    Parameters
    ----------
    request : request.Request

    Returns
    -------
    Placement

    Raises
    ------
    ValueError
        If the vectors leave the detector no area or no defined place.
    """
    detector = request.detector
    size = detector_size(detector)
    return placed(detector, _frame(request), size, _beam_centre(detector, *size[:2]), abs)


def placed(detector, frame, size, centre, nearest):
    """Place a detector whose frame, size and centre are known.

    Parameters
    ----------
    detector : request.DetectorRequest
    frame : Frame
        Vectors of any length; a normal whose length is not 1 is replaced by that of fast and slow.
    size : tuple
        As of `detector_size`.
    centre : tuple of 6 float
        Xbeam and Ybeam as asked for, the beam's spot and the point of closest approach, each along fast and slow [m].
    nearest : callable
        Makes the distance of closest approach of what follows from the distance along the beam.

    Returns
    -------
    Placement

    Raises
    ------
    ValueError
        As `place_detector`.
    """
    detsize_f, detsize_s, fpixels, spixels = size
    beam_x, beam_y, fast_beam, slow_beam, fast_close, slow_close = centre
    beam, _ = unit(_floats(frame.beam))
    fast, _ = unit(_floats(frame.fast))
    slow, _ = unit(_floats(frame.slow))
    normal, length = unit(_floats(frame.normal))
    generated = length != 1.0
    if generated:
        normal, _ = unit(cross(fast, slow))
    polarisation, _ = unit(_floats(frame.polarisation))
    spindle, _ = unit(_floats(frame.spindle))
    vertical, _ = unit(cross(beam, polarisation))
    twotheta_axis = _floats(frame.twotheta)
    for name, vector in (("beam_vector", beam), ("fdet_vector", fast), ("sdet_vector", slow),
                         ("odet_vector", normal), ("spindle_axis", spindle)):
        if vector == (0.0, 0.0, 0.0):
            raise ValueError(f"{name}: no direction can be made of it; a vector must not be zero, "
                             "and fdet_vector and sdet_vector must not be parallel")

    # -- distance: two-theta is left out here, as in the C program
    angles = (detector.rotation_x, detector.rotation_y, detector.rotation_z)
    ratio = dot(beam, rotate_xyz(normal, angles))
    if ratio == 0.0:
        ratio = TINY
    close_distance = detector.close_distance
    if math.isnan(close_distance):
        close_distance = nearest(ratio * detector.distance)
    distance = close_distance / ratio

    def turn(vector):
        return rotate_axis(rotate_xyz(vector, angles), twotheta_axis, detector.twotheta)

    if frame.pivot == "sample":
        origin = turn(tuple(-fast_close * f - slow_close * s + close_distance * o
                            for f, s, o in zip(fast, slow, normal)))
    fast, slow, normal = turn(fast), turn(slow), turn(normal)
    if frame.pivot == "beam":
        origin = tuple(-fast_beam * f - slow_beam * s + distance * b for f, s, b in zip(fast, slow, beam))

    # -- what follows from the final position
    fast_close = -dot(origin, fast)
    slow_close = -dot(origin, slow)
    close_distance = dot(origin, normal)
    spot = tuple(close_distance / ratio * b - o for b, o in zip(beam, origin))
    return Placement(
        fpixels=fpixels, spixels=spixels, detsize_f=detsize_f, detsize_s=detsize_s, pixel_size=detector.pixel_size,
        beam=beam, fast=fast, slow=slow, normal=normal, origin=origin, polarisation=polarisation,
        spindle=spindle, vertical=vertical, twotheta_axis=twotheta_axis, pivot=frame.pivot,
        convention=detector.convention, beam_x=beam_x, beam_y=beam_y,
        fast_beam=dot(fast, spot), slow_beam=dot(slow, spot),
        fast_close=fast_close, slow_close=slow_close, distance=close_distance / ratio,
        close_distance=close_distance, origin_x=fast_close / detector.pixel_size + 0.5,
        origin_y=slow_close / detector.pixel_size + 0.5,
        dials_origin=tuple(to_mm(dot(origin, axis)) for axis in DIALS_AXES),
        normal_generated=generated)
