"""How an image is computed: precision, summation, threads, backend.  What is computed is said elsewhere."""

from dataclasses import dataclass

from .checks import choice, optional, whole

# start-up: kernels, and Numba with them, are imported with the first image

__all__ = ["BACKENDS", "Evaluation", "PRECISIONS", "SUMMATIONS"]

#: Precisions, and the ways of adding up that each has, its own first.
PRECISIONS = {"exact": ("sequential",), "compensated": ("kahan",), "single": ("sequential", "kahan")}
SUMMATIONS = ("sequential", "kahan")
BACKENDS = ("cpu", "cuda", "auto")


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How an image is computed.

    Attributes
    ----------
    precision : {"exact", "compensated", "single"}
        "exact": the C program's bits.  "compensated": double precision, from formulas that lose
        nothing, with compensated summation.  "single": indices in double precision, all that is
        made of them in float32.
    summation : {None, "sequential", "kahan"}
        How terms are added up, in the C program's order; None: as the precision has it.
    threads : int or None
        None: one per processor.  The image does not depend on it.
    backend : {"cpu", "cuda", "auto"}
        What computes it; the image does not depend on it.  "auto": CUDA where there is a device.
    device : int or None
        Number of the CUDA device; None: the first.

    Raises
    ------
    ValueError
        Naming the field, the value and the rule.
    """

    precision: str = "exact"
    summation: str | None = None
    threads: int | None = None
    backend: str = "cpu"
    device: int | None = None

    def __post_init__(self):
        choice("precision", self.precision, tuple(PRECISIONS))
        allowed = PRECISIONS[self.precision]
        if self.summation is None:
            object.__setattr__(self, "summation", allowed[0])
        choice("summation", self.summation, SUMMATIONS)
        if self.summation not in allowed:
            raise ValueError(f"summation: {self.summation!r} does not go with precision={self.precision!r}, "
                             f"which has {' or '.join(map(repr, allowed))}")
        object.__setattr__(self, "threads", optional(self.threads, whole, "threads"))
        choice("backend", self.backend, BACKENDS)
        object.__setattr__(self, "device", optional(self.device, whole, "device", 0))
        if self.device is not None and self.backend == "cpu":
            raise ValueError(f"device: {self.device} does not go with backend='cpu', which has none")

    @property
    def modes(self):
        """What the kernels know of it: `kernels.drive.cpu.Modes`."""
        from ..kernels.drive.cpu import Modes
        from ..kernels.physics import records

        return Modes(records.PRECISIONS[self.precision], records.SUMMATIONS[self.summation], self.threads)
