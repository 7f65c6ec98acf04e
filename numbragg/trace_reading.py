"""`numbragg.trace_reading`, as it is documented; the code lives in `numbragg.tracing.reading`."""

from .tracing.reading import Printed, Reference, read_trace

__all__ = ["Printed", "Reference", "read_trace"]
