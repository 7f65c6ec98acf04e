"""How finely a pixel is sampled, and which corrections are made per step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..scene.request import SamplingRequest
from .checks import choice, count, flag, optional, shown, whole

__all__ = ["Sampling"]

PER_STEP = ("capture", "polarisation", "solid_angle")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """Sub-pixels, corrections per step, interpolation of structure factors.

    Parameters
    ----------
    oversample : int, optional
        Sub-pixels per edge; by default enough for three samples per fringe of the crystal.
    per_step : sequence of {"capture", "polarisation", "solid_angle"}
        Factors computed and multiplied at every step, and not once per pixel.
    interpolation : bool, optional
        Tricubic structure factors; by default for crystals of two cells or fewer along an edge.

    Raises
    ------
    ValueError
        Naming the field, the value and the rule.

    Examples
    --------
    >>> import numbragg as nb
    >>> nb.Sampling(oversample=2, per_step=["solid_angle"]).per_step
    ('solid_angle',)
    """

    oversample: int | None = None
    per_step: Sequence[str] = ()
    interpolation: bool | None = None

    def __post_init__(self):
        object.__setattr__(self, "oversample", optional(self.oversample, whole, "oversample"))
        if isinstance(self.per_step, str):
            object.__setattr__(self, "per_step", (self.per_step,))
        try:
            tuple(self.per_step)
        except TypeError:
            raise ValueError(f"per_step: {shown(self.per_step)} must be a sequence of {', '.join(PER_STEP)}") from None
        object.__setattr__(self, "per_step", tuple(choice("per_step", name, PER_STEP) for name in self.per_step))
        if self.interpolation is not None:
            object.__setattr__(self, "interpolation", flag("interpolation", self.interpolation))

    def pack(self) -> SamplingRequest:
        """These choices as a part of a request."""
        return SamplingRequest(
            oversample=count(self.oversample), oversample_thick="capture" in self.per_step,
            oversample_polar="polarisation" in self.per_step, oversample_omega="solid_angle" in self.per_step,
            interpolation=self.interpolation)
