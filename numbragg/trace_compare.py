"""`numbragg.trace_compare`, as it is documented; the code lives in `numbragg.tracing.compare`."""

from .tracing.compare import Comparison, Difference, compare

__all__ = ["Comparison", "Difference", "compare"]
