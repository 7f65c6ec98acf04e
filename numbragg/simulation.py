"""`numbragg.simulation`, as it is documented; the code lives in `numbragg.render.simulation`."""

from .render.result import Result
from .render.simulation import Simulator, render_prepared, simulate

__all__ = ["Result", "Simulator", "render_prepared", "simulate"]
