"""The response of a detector: a frozen record of its stages, in the order of light."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..configs.checks import choice, finite, flag, not_negative, positive, shown
from .stages import LARGEST_DEVIATE, Beamstop, Calibration, Defects, GainStages, Gaps, PointSpread, fraction

__all__ = ["DTYPES", "NAMED", "RECORDS", "Response"]

#: Types that counts can have.
DTYPES = ("int32", "uint32", "int16", "uint16")

#: Responses of detectors by their names: `named` fills it, which the package imports.
NAMED: dict[str, Response] = {}

#: Stages that are records of their own.
RECORDS = {"beamstop": Beamstop, "gaps": Gaps, "calibration": Calibration, "point_spread": PointSpread,
            "gain_stages": GainStages, "defects": Defects}


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What a detector makes of mean photons; stages in the order of light, each of them optional.

    A pixel's mean is 0 in gaps and behind the beamstop; is multiplied by the strength of the source in this frame; is
    counted; multiplied by the map of the detector; spread over its neighbours; multiplied by the gain, or converted by
    one of three gains; read-out noise and offset are added; it is rounded to a whole number and cut at saturation.
    Gaps and dead pixels hold -1, or the largest number of a type without signs.

    Every random number is drawn for (seed, stage, frame, panel, slow, fast).  A frame is the same alone, in a series,
    in any order and on any number of threads; a stage that is left out does not change what the others draw.

    Parameters
    ----------
    beamstop : Beamstop, optional
    gaps : Gaps, optional
    flicker_fraction : float
        Standard deviation of the strength of the source from frame to frame, 0 to 1.
    counting : bool
        Photons are counted: Poisson deviates.  False: means go on as they are.
    calibration : Calibration, optional
    point_spread : PointSpread, optional
    gain_adu_per_photon : float
        Above 0.
    gain_stages : GainStages, optional
        In the place of gain, read-out noise and offset.
    readout_adu : float
        Standard deviation of the read-out noise [ADU].
    offset_adu : float
        Added to every pixel [ADU].
    saturation_adu : float, optional
        The largest number that counts, offset included [ADU]; by default, and at most, one below the largest of the
        type.
    defects : Defects, optional
    dtype : {"int32", "uint32", "int16", "uint16"}
        Of the counts.
    name : str
        What it is, for files.

    Raises
    ------
    ValueError
        Naming the field, the value and the rule.

    Examples
    --------
    >>> import numpy as np, numbragg as nb
    >>> means = np.full((2, 4), 20.0)
    >>> camera = nb.Response(gain_adu_per_photon=2.0, readout_adu=3.0, offset_adu=40.0, dtype="uint16")
    >>> counts = camera.apply(means, seed=1, frame=17)
    >>> counts.dtype, counts.shape, (counts == camera.apply(means, seed=1, frame=17)).all()
    (dtype('uint16'), (2, 4), np.True_)
    """

    beamstop: Beamstop | None = None
    gaps: Gaps | None = None
    flicker_fraction: float = 0.0
    counting: bool = True
    calibration: Calibration | None = None
    point_spread: PointSpread | None = None
    gain_adu_per_photon: float = 1.0
    gain_stages: GainStages | None = None
    readout_adu: float = 0.0
    offset_adu: float = 0.0
    saturation_adu: float | None = None
    defects: Defects | None = None
    dtype: str = "int32"
    name: str = ""

    def __post_init__(self) -> None:
        for field, kind in RECORDS.items():
            value = getattr(self, field)
            if value is not None and not isinstance(value, kind):
                raise ValueError(f"{field}: {shown(value)} must be a {kind.__name__} object, or None")
        self._put("flicker_fraction", fraction("flicker_fraction", self.flicker_fraction))
        self._put("counting", flag("counting", self.counting))
        self._put("gain_adu_per_photon", positive("gain_adu_per_photon", self.gain_adu_per_photon, "ADU/photon"))
        self._put("readout_adu", not_negative("readout_adu", self.readout_adu, "ADU"))
        self._put("offset_adu", finite("offset_adu", self.offset_adu, "ADU"))
        self._put("dtype", choice("dtype", self.dtype, DTYPES))
        if not isinstance(self.name, str):
            raise ValueError(f"name: {shown(self.name)} must be text")
        if self.saturation_adu is not None:
            self._put("saturation_adu", positive("saturation_adu", self.saturation_adu, "ADU"))
        if self.gain_stages is not None:
            for field, default in (("gain_adu_per_photon", 1.0), ("readout_adu", 0.0), ("offset_adu", 0.0)):
                if getattr(self, field) != default:
                    raise ValueError(f"{field}: {getattr(self, field):g} must not be given with gain_stages, which "
                                     "have their own")
            if self.raw and self.dtype != "uint16":
                raise ValueError(f"dtype: {self.dtype!r} must be 'uint16' for raw gain_stages")
        if abs(self.offset_adu) > self.type_largest:
            raise ValueError(f"offset_adu: {self.offset_adu:g} must be at most {self.type_largest} in size, the "
                             f"largest of {self.dtype}")

    def _put(self, field: str, value: Any) -> None:
        object.__setattr__(self, field, value)

    # -- what files say

    @property
    def raw(self) -> bool:
        """Whether pixels are the raw numbers of three gains."""
        return self.gain_stages is not None and self.gain_stages.output == "raw"

    @property
    def type_largest(self) -> int:
        """The largest number of the type."""
        return int(np.iinfo(self.dtype).max)

    @property
    def saturation(self) -> int:
        """The largest number that counts: a whole one, below the largest of the type."""
        largest = self.type_largest - 1
        if self.gain_stages is not None and not self.raw:
            largest = min(largest, self.gain_stages.largest_photons)
        return largest if self.saturation_adu is None else int(min(largest, self.saturation_adu))

    @property
    def least(self) -> int:
        """The least number that noise can make of a pixel: 0, or one below it where the type has signs."""
        signed = self.dtype.startswith("i") and not self.raw
        noisy = self.readout_adu > 0.0 or self.offset_adu < 0.0 or self.gain_stages is not None
        return -self.type_largest if signed and noisy else 0

    @property
    def masked_value(self) -> int:
        """What gaps and dead pixels hold."""
        return -1 if self.dtype.startswith("i") else self.type_largest

    @property
    def saturated_value(self) -> int:
        """What a pixel with more light than it can say holds: the largest number that counts.

        Raw numbers of gain stages do not rise with the light: there it is the number where the last gain's converter
        ends, 49152 if that gain is negative.
        """
        if self.raw and self.gain_stages is not None and self.gain_stages.gains_adu_per_kev[2] < 0.0:
            return min(3 << 14, self.saturation)
        return self.saturation

    @property
    def below_zero(self) -> str:
        """Which fields can make numbers below 0, with their values; empty where nothing does."""
        if self.least == 0:
            return ""
        defects, stages = self.defects, self.gain_stages
        if defects is not None and defects.hot_fraction > 0.0 and (defects.hot_adu or 0.0) <= -0.5:
            return f"defects.hot_adu: {defects.hot_adu:g}"
        if stages is not None:
            return f"gain_stages.noises_kev: {shown(stages.noises_kev)}" if stages.least_photons < 0 else ""
        if self.offset_adu - LARGEST_DEVIATE * self.readout_adu >= -0.5:
            return ""
        return f"readout_adu: {self.readout_adu:g} with offset_adu: {self.offset_adu:g}"

    def limits(self, dtype: str) -> tuple[int, int, int]:
        """Numbers in a file of another type: the least and the largest that count, and what masked pixels hold.

        A pixel is cut where this response cuts it, and then where the file's type ends.

        Raises
        ------
        ValueError
            If the offset does not fit that type.
        """
        end = int(np.iinfo(dtype).max)
        if abs(self.offset_adu) > end:
            raise ValueError(f"offset_adu: {self.offset_adu:g} must be at most {end} in size, the largest of {dtype}")
        signed = dtype.startswith("i")
        return max(self.least, -end if signed else 0), min(self.saturation, end - 1), -1 if signed else end

    def settings(self) -> dict[str, Any]:
        """All stages as plain numbers, text, lists and dictionaries; None where there are none."""
        return asdict(self)

    @classmethod
    def named(cls, name: str, **changes: Any) -> Response:
        """The response of a detector that has a name.

        Parameters
        ----------
        name : {"pilatus", "eiger", "rayonix", "jungfrau"}
        **changes
            Fields with other values.

        Returns
        -------
        Response

        Raises
        ------
        ValueError
            Naming the name, or the field, the value and the rule.

        Examples
        --------
        >>> import numbragg as nb
        >>> nb.Response.named("rayonix", offset_adu=10).offset_adu
        10.0
        """
        found = NAMED.get(name.lower()) if isinstance(name, str) else None
        if found is None:
            raise ValueError(f"name: {shown(name)} must be one of {', '.join(NAMED)}")
        known = {each.name for each in fields(cls)}
        for field in changes:
            if field not in known:
                raise ValueError(f"{field}: is no field of Response; must be one of {', '.join(sorted(known))}")
        return replace(found, **changes)

    # -- images

    def apply(self, image: ArrayLike, *, seed: int, frame: int = 0, panel: int = 0,
              pixel_mm: float | Sequence[float] | None = None, roi: Sequence[int] | None = None,
              origin: Sequence[int] = (0, 0), threads: int | None = None) -> NDArray[Any] | Any:
        """Counts of mean photons.

        Parameters
        ----------
        image : (slow, fast) array_like of float, or sequence of one for each panel
            Mean photons, used as float32 or float64; what is below 0, or no number, counts 0.
        seed : int
            Of the noise, 0 or more.
        frame : int
            Number of the frame, from 0.
        panel : int
            Number of the panel, from 0; of the first one, of several.
        pixel_mm : float or (float, float), optional
            Edge of a pixel, or edges along fast and slow [mm]; needed for a point spread.
        roi : four int, optional
            Pixels that are wanted, both ends included: fast min, fast max, slow min, slow max.  They have the numbers
            that they have in the whole image.
        origin : (int, int)
            First fast and slow pixel of the image in its panel, where it is a part of it.
        threads : int, optional
            By default one per processor.  Counts do not depend on it.

        Returns
        -------
        (slow, fast) array
            Of the response's type; of several panels a list.

        Raises
        ------
        ValueError
            Naming the argument, the value and the rule.

        Examples
        --------
        >>> import numpy as np, numbragg as nb
        >>> nb.Response(counting=False, gain_adu_per_photon=2.0).apply([[0.0, 1.0, 2.5]], seed=1)
        array([[0, 2, 5]], dtype=int32)
        """
        # start-up: threads and Fourier transforms
        from .apply import apply

        return apply(self, image, seed=seed, frame=frame, panel=panel, where=(pixel_mm, roi, origin),
                     threads=threads)

    def mask(self, shape: Sequence[int], panel: int = 0) -> NDArray[np.uint8]:
        """Which pixels of a panel count: 1; gaps and dead ones are 0.

        Parameters
        ----------
        shape : (int, int)
            Slow and fast.
        panel : int
            Its number.

        Returns
        -------
        (slow, fast) uint8 array

        Raises
        ------
        ValueError
            Naming the argument, the value and the rule.

        Examples
        --------
        >>> import numbragg as nb
        >>> nb.response.EIGER.mask((1, 1040)).sum()
        np.uint64(1028)
        """
        # start-up: as above
        from .apply import mask

        return mask(self, shape, panel)
