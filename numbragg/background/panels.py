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

    def nearest(self, ends):
        """A distance [m] that no point of the panel is nearer than to the beam between two ends; never 0."""
        heights = [self.height(z) for z in ends]
        if self.geometry.curved:
            return min(heights)
        # cells of the panel: as far as their middle, less half a diagonal
        numbers = [np.linspace(0.0, count, 65) for count in reversed(self.shape)]
        fast, slow = (0.5 * (each[1:] + each[:-1]) for each in numbers)
        cell = 0.5 * math.hypot(*(each[1] for each in numbers)) * self.longest
        places = self._places(*np.meshgrid(fast, slow))
        beam = np.array(self.geometry.beam)
        along = np.clip(places @ beam, *ends)
        far = np.sqrt(np.square(places - along[..., None] * beam).sum(axis=-1)).min() - cell
        return max(float(far), min(heights))

    def _places(self, fast, slow):
        """Laboratory positions [m] of points of a flat panel, in pixels."""
        geometry, size = self.geometry, self.geometry.sub_pixel_size
        return (np.array(geometry.origin) + ((fast + geometry.first_fast) * size)[..., None] * geometry.fast_axis
                + ((slow + geometry.first_slow) * size)[..., None] * geometry.slow_axis)

    def _close_to(self, z):
        """The pixel that is nearest to a point of the beam."""
        axes = np.array([self.geometry.fast_axis, self.geometry.slow_axis]) * self.geometry.sub_pixel_size
        away = z * np.array(self.geometry.beam) - self._places(np.zeros(()), np.zeros(()))
        at = np.linalg.solve(axes @ axes.T, axes @ away)
        return [int(min(max(math.floor(x), 0), count - 1)) for x, count in zip(at, reversed(self.shape))]

    def meets_mm(self, end):
        """Where the beam meets it [mm], on the side of an end; infinite where it is along the plane."""
        towards = dot(self.geometry.beam, self.geometry.normal)
        if self.geometry.curved:
            return math.copysign(to_mm(self.geometry.distance), end)
        return to_mm(self.geometry.close_distance / towards) if towards else math.inf

    def spread(self, count, ends):
        """Fast and slow pixel numbers of so many pixels, spread evenly, and of some behind them; and how many are even.

        These are the corners, and those nearest to two points of the beam [m]: a layer differs most where its ends are
        near.  All pixels of small panels.
        """
        slows, fasts = self.shape
        if slows * fasts <= count:
            numbers = np.arange(slows * fasts)
            return numbers % fasts, numbers // fasts, len(numbers)
        # steps that are badly approximated by fractions; whole numbers of 2**-32, whose products are exact
        steps = np.arange(count, dtype=np.uint64)
        fast, slow = ((steps * np.uint64(step) % np.uint64(1 << 32) * np.uint64(size) >> np.uint64(32)).astype(np.int64)
                      for step, size in ((3242174889, fasts), (2447445413, slows)))
        near = [self._close_to(z) for z in ends]
        return (np.append(fast, [0, fasts - 1, 0, fasts - 1, *(each[0] for each in near)]),
                np.append(slow, [0, 0, slows - 1, slows - 1, *(each[1] for each in near)]), count)


def _equal(a, b):
    return np.array_equal(a, b) if isinstance(a, np.ndarray) or isinstance(b, np.ndarray) else a == b
