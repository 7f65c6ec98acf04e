"""The trace of one pixel: made, written, read, compared."""

from .quantities import STEP_FIELDS, UNITS, WHOLE
from .record import DEFAULT_STEPS, Trace, state_before, trace, trace_prepared

__all__ = ["DEFAULT_STEPS", "STEP_FIELDS", "Trace", "UNITS", "WHOLE", "state_before", "trace", "trace_prepared"]
