"""A panel and the beam as a background sees them, without what belongs to a crystal."""

import math

import numpy as np

from ..kernels.arithmetic.vectors import dot
from ..scene.units import to_mm

__all__ = ["Panel"]


class Panel:
    """A panel and the beam, without what belongs to a crystal."""

    def __init__(self, prepared):
        self.prepared, self.shape = prepared, prepared.shape
        # sub-pixels are our own, and so are bits: they depend on no crystal
        size = prepared.placement.pixel_size
        self.geometry = prepared.scene.geometry._replace(oversample=1, sub_pixel_size=size)
        self.beam = prepared.scene.beam
        self.longest = size * max(math.sqrt(dot(axis, axis)) for axis in (self.geometry.fast_axis,
                                                                          self.geometry.slow_axis))

    def same(self, other):
        """Whether another panel has the same background."""
        ours, theirs = self.prepared, other.prepared
        if (self.geometry, ours.window, ours.fluence, ours.request.beam.beam_size, self.shape) != (
                other.geometry, theirs.window, theirs.fluence, theirs.request.beam.beam_size, other.shape):
            return False
        masks = ours.mask, theirs.mask
        return ((masks[0] is masks[1] or None not in (masks[0] is None, masks[1] is None) and _equal(*masks))
                and all(_equal(a, b) for a, b in zip(self.beam, other.beam)))

    def height(self, z):
        """How far a point of the beam is before the plane of the panel [m]: the least distance of any pixel."""
        if self.geometry.curved:
            return self.geometry.distance - abs(z)
        return self.geometry.close_distance - z * dot(self.geometry.beam, self.geometry.normal)

    @property
    def meets_mm(self):
        """Where the beam meets it [mm]; infinite where it is along the plane."""
        towards = dot(self.geometry.beam, self.geometry.normal)
        if self.geometry.curved:
            return to_mm(self.geometry.distance)
        return to_mm(self.geometry.close_distance / towards) if towards else math.inf

    def spread(self, count):
        """Fast and slow pixel numbers of so many pixels, spread evenly, and of the corners; less of small panels."""
        slows, fasts = self.shape
        if slows * fasts <= count:
            numbers = np.arange(slows * fasts)
            return numbers % fasts, numbers // fasts
        # steps that are badly approximated by fractions; whole numbers of 2**-32, whose products are exact
        steps = np.arange(count, dtype=np.uint64)
        fast, slow = ((steps * np.uint64(step) % np.uint64(1 << 32) * np.uint64(size) >> np.uint64(32)).astype(np.int64)
                      for step, size in ((3242174889, fasts), (2447445413, slows)))
        return (np.append(fast, [0, fasts - 1, 0, fasts - 1]), np.append(slow, [0, 0, slows - 1, slows - 1]))


def _equal(a, b):
    return np.array_equal(a, b) if isinstance(a, np.ndarray) or isinstance(b, np.ndarray) else a == b
