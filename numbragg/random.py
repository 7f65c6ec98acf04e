"""`numbragg.random`, as it is documented; the code lives in `numbragg.scene.rotations`."""

from .scene.rotations import Generator, misset_angles, mosaic_domains, random_misset

__all__ = ["Generator", "misset_angles", "mosaic_domains", "random_misset"]
