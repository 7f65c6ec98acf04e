"""`numbragg.plateaus`, as it is documented; the code lives in `numbragg.compare.plateaus`."""

from .compare.plateaus import Plateaus, plateaus

__all__ = ["Plateaus", "plateaus"]
