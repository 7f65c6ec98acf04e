"""`numbragg.peaks`, as it is documented; the code lives in `numbragg.compare.peaks`."""

from .compare.peaks import PeakMatch, find_peaks, match_peaks

__all__ = ["PeakMatch", "find_peaks", "match_peaks"]
