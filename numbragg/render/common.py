"""What the shots of a simulator have in common, made once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..scene.kept import Kept
from ..scene.request import Request

__all__ = ["Common"]


class Common:
    """The requests of a simulator's attributes, for as long as these are the same objects.

    Parameters
    ----------
    beam, detector, sampling, roi, revision
        As `Simulator` has them.
    other : Common, optional
        Of another simulator of the same sampling and revision, which has derived something that serves here too.

    Attributes
    ----------
    kept : scene.kept.Kept
        What is derived of them for one shot and serves for others.
    pieces : tuple
        As of `Detector.pieces`.
    """

    def __init__(self, beam: Any, detector: Any, sampling: Any, roi: Any, revision: str,
                 other: Common | None = None) -> None:
        # start-up: what prepares, and kernels with it, comes with the first shot
        from ..scene import shot

        self._prepare, self._cut = shot.prepare_shot, shot.in_regions
        self._attributes = beam, detector, sampling, roi, revision
        self._beam, self._revision = beam, revision
        self.kept: Kept = Kept() if other is None else other.kept
        same = other is not None and other._attributes[1] is detector
        self.pieces: Any = other.pieces if other is not None and same else detector.pieces()
        same = other is not None and other._attributes[2] is sampling and other._attributes[3] is roi
        self._sampling: Any = other._sampling if other is not None and same else replace(sampling.pack(), roi=roi)
        # what has arrays packs copies of them: these are made each time, for arrays can be changed in place
        has_arrays = beam.sources is not None or beam.spectrum is not None
        self._request = None if has_arrays else Request(beam=beam.pack(), sampling=self._sampling, revision=revision)

    def fits(self, *attributes: Any) -> bool:
        """Whether these are still the attributes."""
        return all(old is new for old, new in zip(self._attributes, attributes))

    def request(self) -> Request:
        """All that is asked for but the crystal and the panels."""
        if self._request is None:
            return Request(beam=self._beam.pack(), sampling=self._sampling, revision=self._revision)
        return self._request

    def prepared(self, crystals: Any) -> Any:
        """What `scene.shot.prepare_shot` makes of crystals, each with its structure factors and its scale."""
        return self._prepare(crystals, self.pieces, self.request(), self.kept)

    def in_regions(self, shot: Any, regions: Any) -> Any:
        """What `scene.shot.in_regions` makes of a shot; all of it where there are no regions."""
        return shot if regions is None else self._cut(shot, regions)
