"""Two images compared: bits, units in the last place, peaks, plateaus; no simulation."""

from .images import Check, Comparison, Pixel, compare_images
from .peaks import PeakMatch, find_peaks, match_peaks
from .ulp import ulp_distances, ulp_histogram

__all__ = ["Check", "Comparison", "Pixel", "PeakMatch", "compare_images", "find_peaks", "match_peaks",
           "ulp_distances", "ulp_histogram"]
