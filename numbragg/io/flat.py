"""One panel normal to the beam: what SMV, miniCBF and their readers can say of a detector."""

from __future__ import annotations

from dataclasses import dataclass
import math
from typing import TYPE_CHECKING

from ..kernels.arithmetic.vectors import cross, dot, unit

if TYPE_CHECKING:
    from .experiment import Experiment

__all__ = ["FlatDetector", "flat"]

#: Corners may be off by so much of a pixel.
_TOLERANCE = 0.01


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
        raise refuse("the spindle does not turn about the fast axis")
    distance = panel.origin_mm[2]
    if distance <= 0.0 or not math.isfinite(distance):
        raise refuse("the detector is not downstream of the sample")
    return FlatDetector(pixels=panel.pixels, pixel_mm=(pitch, height), distance_mm=distance,
                        beam_centre_pixels=(-dot(panel.origin_mm, fast) / pitch, -dot(panel.origin_mm, slow) / height))
