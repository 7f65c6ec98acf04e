"""One panel normal to the beam: what SMV, miniCBF and their readers can say of a detector."""

from __future__ import annotations

from dataclasses import dataclass, replace
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..kernels.arithmetic.vectors import cross, dot, unit
from ..notes import Misleading

if TYPE_CHECKING:
    from .experiment import Experiment

__all__ = ["FlatDetector", "flat", "in_frame_of_images", "polarisation_notes"]

#: Corners may be off by so much of a pixel.
_TOLERANCE = 0.01
#: The field of the polarisation may lie so far off [deg] where readers take it for granted.
_POLARISATION = 0.5


@dataclass(frozen=True, slots=True)
class FlatDetector:
    """A flat detector as headers have it."""

    pixels: tuple[int, int]  # fast, slow
    pixel_mm: tuple[float, float]  # fast, slow
    distance_mm: float
    beam_centre_pixels: tuple[float, float]  # fast, slow, from the corner of the first pixel


def flat(experiment: Experiment, kind: str, *, turning: bool, square: bool = False) -> FlatDetector:
    """The detector of an experiment as a header of a simple format has it.

    Readers of such a format know one arrangement: fast along the spindle, which turns right-handed about it, slow at
    right angles, and fast x slow along the beam.  The laboratory may stand in any way about the beam.

    Parameters
    ----------
    experiment : Experiment
    kind : str
        Name of the format, for the message.
    turning : bool
        Whether the spindle counts.
    square : bool
        Whether a header has one length for both edges of a pixel.

    Returns
    -------
    FlatDetector

    Raises
    ------
    ValueError
        Where the format cannot say what is so; NXmx can.
    """
    def refuse(what: str) -> ValueError:
        return ValueError(f"{kind}: {what}, which its header cannot say; NXmx can")

    if len(experiment.panels) != 1:
        raise refuse(f"the detector has {len(experiment.panels)} panels")
    panel = experiment.panels[0]
    (fast, pitch), (slow, height) = unit(panel.fast_mm), unit(panel.slow_mm)
    extent = max(panel.pixels) / _TOLERANCE
    if max(abs(fast[2]), abs(slow[2]), abs(dot(fast, slow))) * extent > 1.0:
        raise refuse("the detector is tilted, or its axes are not at right angles")
    if square and abs(pitch - height) * extent > min(pitch, height):
        raise refuse(f"pixels of {pitch:.9g} x {height:.9g} mm are not square")
    if cross(fast, slow)[2] < 0.0:
        raise refuse("fast x slow points to the sample, so that its readers see the mirror image")
    if turning and max(abs(s - f) for s, f in zip(experiment.spindle_axis, fast)) > 1e-6:
        if max(abs(s + f) for s, f in zip(experiment.spindle_axis, fast)) > 1e-6:
            raise refuse("the spindle does not turn about the fast axis")
        # as for detectors by name, whose frame is adxv's
        raise refuse("the spindle turns the other way about the fast axis than with -mosflm (in Python: "
                     "detector.in_convention('mosflm'))")
    distance = panel.origin_mm[2]
    if distance <= 0.0 or not math.isfinite(distance):
        raise refuse("the detector is not downstream of the sample")
    return FlatDetector(pixels=panel.pixels, pixel_mm=(pitch, height), distance_mm=distance,
                        beam_centre_pixels=(-dot(panel.origin_mm, fast) / pitch, -dot(panel.origin_mm, slow) / height))


def in_frame_of_images(experiment: Experiment) -> Experiment:
    """An experiment in the frame in which images of simple formats are read, whose headers have no directions.

    Fast lies along -x of NeXus's frame and slow along -y, which are x and -y of DIALS's.  In NXmx they may lie in any
    way about the beam: with the conventions of XDS and of DIALS they are half a turn off.

    Parameters
    ----------
    experiment : io.experiment.Experiment
        Of one panel, as `flat` accepts it.

    Returns
    -------
    io.experiment.Experiment
        Turned about the beam; the same one where it is there already.
    """
    x, y, _ = experiment.panels[0].fast_mm
    length = math.sqrt(x * x + y * y)
    x, y = x / length, y / length
    if (x, y) == (-1.0, 0.0):
        return experiment
    rows = ((-x, -y, 0.0), (y, -x, 0.0), (0.0, 0.0, 1.0))

    def turn(vector: Any) -> tuple[float, ...]:
        return tuple(dot(row, vector) for row in rows)

    def turned(matrix: Any) -> Any:
        return np.array([turn(column) for column in np.asarray(matrix).T.tolist()]).T.copy()

    def about(rotation: Any) -> Any:
        return turned(turned(rotation).T).T.copy()

    return replace(
        experiment, polarisation_axis=turn(experiment.polarisation_axis), spindle_axis=turn(experiment.spindle_axis),
        panels=tuple(replace(panel, origin_mm=turn(panel.origin_mm), fast_mm=turn(panel.fast_mm),
                             slow_mm=turn(panel.slow_mm)) for panel in experiment.panels),
        crystals=tuple(replace(crystal, a_matrix=turned(crystal.a_matrix),
                               mosaic_rotations=np.array([about(each) for each in crystal.mosaic_rotations]))
                       for crystal in experiment.crystals), turn=turned(experiment.turn))


def polarisation_notes(experiment: Experiment, kind: str, *, images: bool) -> tuple[str, ...]:
    """A note where readers of a format take the polarisation for one that was not simulated.

    None of the formats has a place for it that DIALS reads: it takes the electric field for horizontal, x of its frame,
    which is fast in images of simple formats.

    Parameters
    ----------
    experiment : io.experiment.Experiment
        As `one_image` left it.
    kind : str
        Name of the format, for the message.
    images : bool
        Whether it is a simple format, with a frame of its own.

    Returns
    -------
    tuple of str
        None or one.
    """
    fraction = experiment.polarisation_fraction
    if not fraction:
        # without any the direction is of no consequence
        return ()
    read = in_frame_of_images(experiment) if images else experiment
    off = _off(read)
    if off <= _POLARISATION:
        return ()
    x, y = (part / math.hypot(*read.polarisation_axis[:2]) for part in read.polarisation_axis[:2])
    # normal to beam and field, in DIALS's frame: half a turn about y
    normal = ",".join(f"{value + 0.0:.6g}" for value in (-round(y, 9), -round(x, 9), 0.0))
    where = "along slow" if images and abs(off - 90.0) <= _POLARISATION else f"{off:.3g} degrees off it"
    other = (f"; NXmx is read {'alike' if _off(experiment) > _POLARISATION else 'as simulated'}" if images else "")
    axis = "fast" if images else "x"
    said = f"{kind}: DIALS takes the polarisation for one along {axis}, but the field lies {where}: "
    return (Misleading(said + f"dials.import needs geometry.beam.polarization_normal={normal} geometry.beam."
                       f"polarization_fraction={0.5 * (1.0 + fraction):.6g}, as an .expt has them{other}"),)


def _off(experiment: Experiment) -> float:
    """Angle of the electric field from x, seen along the beam [deg]."""
    x, y, _ = experiment.polarisation_axis
    return math.degrees(math.atan2(abs(y), abs(x)))
