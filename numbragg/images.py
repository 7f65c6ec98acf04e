"""`numbragg.images`, as it is documented; the code lives in `numbragg.io.any_image`."""

from .io.any_image import read_image

__all__ = ["read_image"]
