"""Notes on an image that is of little use: pixels that are no finite numbers, or negative."""

import numpy as np

from ..notes import Loud

__all__ = ["image_notes"]

#: Bits of infinity in float32.
_INFINITY = 0x7F800000


def image_notes(image, window):
    """Notes on the pixels of an image.

    Parameters
    ----------
    image : (slow, fast) float32 array
    window : kernels.physics.records.Window
        What was computed of it; nothing else is looked at.

    Returns
    -------
    tuple of numbragg.notes.Loud
        Empty for an image like most.
    """
    pixels = image[window.slow_min:window.slow_max + 1, window.fast_min:window.fast_max + 1]
    # one look at every pixel and no memory: as whole numbers infinity, NaN and all negative floats come last
    if pixels.size == 0 or pixels.view(np.uint32).max() < _INFINITY:
        return ()
    notes, odd = [], ~np.isfinite(pixels)
    if odd.any():
        slow, fast = divmod(int(odd.argmax()), pixels.shape[1])
        count = int(np.count_nonzero(odd))
        notes.append(Loud(f"image: {count} of {pixels.size} pixels infinite or NaN, the first at"
                          f" {fast + window.fast_min} {slow + window.slow_min} (fast slow): not all of them are finite"
                          " numbers, as with nanoBragg"))
    count = int(np.count_nonzero(pixels < 0.0))
    if count:
        least = float(np.min(pixels, initial=0.0, where=~np.isnan(pixels)))
        notes.append(Loud(f"image: {count} of {pixels.size} pixels negative, down to {least:.6g}, as with nanoBragg"))
    return tuple(notes)
