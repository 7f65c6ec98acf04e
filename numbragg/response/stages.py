"""Stages of a detector's response that take more than one number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..configs.checks import choice, entries, finite, not_negative, positive, shown, whole
from ..kernels.detector.point_spread import FIBRE_LENGTH, fibre_weights, gaussian_outside, gaussian_weights
from ..kernels.detector.response import LARGEST_ADC, photons_of
from ..scene.draws import LARGEST_SEED

__all__ = ["Beamstop", "Calibration", "Defects", "GainStages", "Gaps", "PointSpread", "fraction"]

#: Farthest that light spreads, in pixels.
LARGEST_REACH = 1000
#: Normal deviates are less than this in size (`kernels.detector.normal`).
LARGEST_DEVIATE = 8.3
#: Most pixels that can be listed as dead.
_LISTED = 10 ** 6


def fraction(field: str, value: Any, largest: float = 1.0) -> float:
    """A finite float from 0 to 1, or less."""
    number = finite(field, value)
    if not 0.0 <= number <= largest:
        raise ValueError(f"{field}: {shown(value)} must be from 0 to {largest:g}")
    return number


def _set(record: Any, name: str, value: Any) -> None:
    object.__setattr__(record, name, value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Beamstop:
    """A disc that no light passes; pixels in its shadow are read out all the same.

    Parameters
    ----------
    centre_pixels : (float, float)
        Its middle, fast and slow, from the corner of the panel [pixels].
    radius_pixels : float
    panel : int, optional
        Number of the panel that it covers.

    Raises
    ------
    ValueError
        Naming the field, the value and the rule.

    Examples
    --------
    >>> from numbragg.response import Beamstop
    >>> Beamstop(centre_pixels=(737.5, 739.5), radius_pixels=20).panel
    0
    """

    centre_pixels: Sequence[float]
    radius_pixels: float
    panel: int = 0

    def __post_init__(self) -> None:
        _set(self, "centre_pixels", tuple(finite("centre_pixels", v, "pixels") for v in entries(
            "centre_pixels", self.centre_pixels, 2, "two numbers, fast and slow")))
        _set(self, "radius_pixels", not_negative("radius_pixels", self.radius_pixels, "pixels"))
        _set(self, "panel", whole("panel", self.panel, 0, 2 ** 24 - 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Gaps:
    """Gaps between modules of one panel, from its corner on: pixels that are none.

    The detectors of `numbragg.detectors` have a panel for each module, in which there are no gaps.

    Parameters
    ----------
    module_pixels, gap_pixels : (int, int)
        Fast and slow.

    Raises
    ------
    ValueError
        Naming the field, the value and the rule.

    Examples
    --------
    >>> from numbragg.response import Gaps
    >>> Gaps(module_pixels=(487, 195), gap_pixels=(7, 17)).gap_pixels
    (7, 17)
    """

    module_pixels: Sequence[int]
    gap_pixels: Sequence[int]

    def __post_init__(self) -> None:
        for name, least in (("module_pixels", 1), ("gap_pixels", 0)):
            _set(self, name, tuple(whole(name, v, least, 2 ** 30) for v in entries(
                name, getattr(self, name), 2, "two whole numbers, fast and slow")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What is left of the differences between pixels: light times 1 + fraction g, g normal, the same in every frame.

    Parameters
    ----------
    fraction : float
        Standard deviation, 0 to 1.
    detector_seed : int, optional
        Which detector it is: another one has another map, whatever the seed of the noise.

    Raises
    ------
    ValueError
        Naming the field, the value and the rule.

    Examples
    --------
    >>> from numbragg.response import Calibration
    >>> Calibration(fraction=0.03).detector_seed
    1
    """

    fraction: float
    detector_seed: int = 1

    def __post_init__(self) -> None:
        _set(self, "fraction", fraction("fraction", self.fraction))
        _set(self, "detector_seed", whole("detector_seed", self.detector_seed, 0, LARGEST_SEED))


@dataclass(frozen=True, slots=True, kw_only=True)
class PointSpread:
    """How the light of a photon spreads over pixels; what leaves the panel is lost.

    Parameters
    ----------
    kind : {"fibre", "gaussian"}
        "fibre": g / (2 pi) (g^2 + r^2)^(-3/2), g = 0.652383 `fwhm_um`, with tails as a fibre optic has them.
    fwhm_um : float
        Full width at half maximum [micrometre], above 0.
    accuracy : float, optional
        Share of the light that may fall beyond the farthest pixel that is reached; the rest is made 1.  1e-6 to 0.5.
    method : {"fft", "direct"}
        "fft": by Fourier transforms, whose last bits are those of this machine.  "direct": the sum written out, the
        same bits everywhere, and slower the farther light spreads.

    Raises
    ------
    ValueError
        Naming the field, the value and the rule.

    Examples
    --------
    >>> from numbragg.response import PointSpread
    >>> spread = PointSpread(kind="gaussian", fwhm_um=80.0)
    >>> spread.reach_um(), spread.weights((0.08, 0.08)).shape
    (104.0, (5, 5))
    """

    kind: str
    fwhm_um: float
    accuracy: float = 0.01
    method: str = "fft"

    def __post_init__(self) -> None:
        _set(self, "kind", choice("kind", self.kind, ("fibre", "gaussian")))
        _set(self, "fwhm_um", positive("fwhm_um", self.fwhm_um, "micrometre"))
        accuracy = finite("accuracy", self.accuracy)
        if not 1e-6 <= accuracy <= 0.5:
            raise ValueError(f"accuracy: {shown(self.accuracy)} must be from 1e-6 to 0.5")
        _set(self, "accuracy", accuracy)
        _set(self, "method", choice("method", self.method, ("fft", "direct")))

    def reach_um(self) -> float:
        """Farthest that light is followed [micrometre]: beyond it is the share `accuracy`, or less."""
        if self.kind == "fibre":
            return FIBRE_LENGTH * self.fwhm_um / self.accuracy
        steps = 1
        # in steps of a tenth of the width, so that no logarithm is asked for
        while gaussian_outside(0.1 * steps, 1.0) > self.accuracy:
            steps += 1
        return 0.1 * steps * self.fwhm_um

    def weights(self, pixel_mm: Sequence[float]) -> NDArray[np.float64]:
        """Share of each pixel in the light of the middle one.

        Parameters
        ----------
        pixel_mm : (float, float)
            Edges of a pixel, fast and slow [mm].

        Returns
        -------
        (2 m + 1, 2 n + 1) float64 array
            Its sum is 1.

        Raises
        ------
        ValueError
            If light spreads over more than 1000 pixels.
        """
        edges = [1e3 * edge for edge in pixel_mm]
        fast, slow = self.reach_pixels(pixel_mm)
        made = np.empty((2 * slow + 1, 2 * fast + 1))
        fill = fibre_weights if self.kind == "fibre" else gaussian_weights
        fill(self.fwhm_um, edges[0], edges[1], self.reach_um(), made)
        return made

    def reach_pixels(self, pixel_mm: Sequence[float]) -> tuple[int, int]:
        """The same in pixels, fast and slow, of edges [mm]; ValueError if they are more than 1000."""
        reach = self.reach_um()
        # no integer is made of what is infinite
        needed = [reach / (1e3 * edge) for edge in pixel_mm]
        if not max(needed) < LARGEST_REACH:
            edge = min(pixel_mm)
            raise ValueError(f"point_spread: fwhm_um {self.fwhm_um:g} with accuracy {self.accuracy:g} spreads over "
                             f"{max(needed):.6g} pixels of {edge:.6g} mm in each direction; must be at most "
                             f"{LARGEST_REACH}")
        return 1 + int(needed[0]), 1 + int(needed[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class GainStages:
    """A pixel that switches to a lower gain where there is more light, as those of JUNGFRAU do.

    Each gain has noise and pedestal of its own; the converter has 14 bits.

    Parameters
    ----------
    photon_kev : float
        Energy of a photon [keV].
    gains_adu_per_kev : (float, float, float)
        Of the first, second and third gain; not 0.
    pedestals_adu : (float, float, float)
        What the converter says without light, 0 to 16383.
    noises_kev : (float, float, float)
        Standard deviations.
    switches_kev : (float, float)
        Up to where the first and the second are used, ascending.
    output : {"corrected", "raw"}
        Photons, rounded; or the converter's number with the gain in the two bits above it: 00, 01, 11.

    Raises
    ------
    ValueError
        Naming the field, the value and the rule.

    Examples
    --------
    >>> from numbragg.response import JUNGFRAU
    >>> stages = JUNGFRAU.gain_stages
    >>> [round(photons) for photons in stages.switches_photons]
    [24, 750]
    """

    photon_kev: float
    gains_adu_per_kev: Sequence[float]
    pedestals_adu: Sequence[float]
    noises_kev: Sequence[float]
    switches_kev: Sequence[float]
    output: str = "corrected"

    def __post_init__(self) -> None:
        _set(self, "photon_kev", positive("photon_kev", self.photon_kev, "keV"))
        for name, unit, check in (("gains_adu_per_kev", "ADU/keV", finite), ("pedestals_adu", "ADU", not_negative),
                                  ("noises_kev", "keV", not_negative)):
            _set(self, name, tuple(check(name, v, unit) for v in entries(name, getattr(self, name), 3,
                                                                          "three numbers, one for each gain")))
        _set(self, "switches_kev", tuple(positive("switches_kev", v, "keV") for v in entries(
            "switches_kev", self.switches_kev, 2, "two numbers, where the first and the second gain end")))
        if 0.0 in self.gains_adu_per_kev:
            raise ValueError(f"gains_adu_per_kev: {shown(self.gains_adu_per_kev)} must not be 0")
        if max(self.pedestals_adu) > LARGEST_ADC:
            raise ValueError(f"pedestals_adu: {shown(self.pedestals_adu)} must be at most {LARGEST_ADC}, 14 bits")
        if not self.switches_kev[0] < self.switches_kev[1]:
            raise ValueError(f"switches_kev: {shown(self.switches_kev)} must ascend")
        _set(self, "output", choice("output", self.output, ("corrected", "raw")))

    @property
    def gains_adu_per_photon(self) -> tuple[float, ...]:
        """Of each gain."""
        return tuple(gain * self.photon_kev for gain in self.gains_adu_per_kev)

    @property
    def noises_photons(self) -> tuple[float, ...]:
        """Standard deviation of each gain, in photons."""
        return tuple(noise / self.photon_kev for noise in self.noises_kev)

    @property
    def switches_photons(self) -> tuple[float, ...]:
        """Up to how many photons the first and the second gain are used."""
        return tuple(switch / self.photon_kev for switch in self.switches_kev)

    @property
    def largest_photons(self) -> int:
        """Where the last gain's converter comes to its end, in whole photons."""
        gain, pedestal = self.gains_adu_per_photon[2], self.pedestals_adu[2]
        return int(((0.0 if gain < 0.0 else float(LARGEST_ADC)) - pedestal) / gain)

    @property
    def least_photons(self) -> int:
        """The least number that noise can make of a pixel."""
        found = []
        for gain, pedestal, noise, light in zip(self.gains_adu_per_photon, self.pedestals_adu, self.noises_photons,
                                                (0.0, *self.switches_photons)):
            # the converter rounds to whole numbers, and ends
            least = light - LARGEST_DEVIATE * noise - 0.5 / abs(gain)
            ends = ((0.0 if gain > 0.0 else float(LARGEST_ADC)) - pedestal) / gain
            found.append(math.floor(max(least, ends) + 0.5))
        return min(found)

    def photons(self, raw: ArrayLike) -> NDArray[np.float64]:
        """Photons of raw numbers, not rounded: pedestals taken away, divided by gains.

        Parameters
        ----------
        raw : array_like of uint16
            As ``output="raw"`` makes them.

        Returns
        -------
        float64 array
            Of the same shape; NaN where the bits of the gain are 10, which is none.

        Raises
        ------
        ValueError
            If they are of another type.

        Examples
        --------
        >>> import numpy as np
        >>> from numbragg.response import JUNGFRAU
        >>> JUNGFRAU.gain_stages.photons(np.array([3000, 3000 + 508], np.uint16)).round(2).tolist()
        [0.0, 1.0]
        """
        numbers = np.asarray(raw)
        if numbers.dtype != np.uint16:
            raise ValueError(f"raw: numbers of {numbers.dtype} must be uint16")
        flat = np.ascontiguousarray(numbers).reshape(-1)
        made = np.empty(flat.shape)
        photons_of(flat, np.array(self.gains_adu_per_photon), np.array(self.pedestals_adu), made)
        return made.reshape(numbers.shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class Defects:
    """Pixels that do not count, the same in every frame: dead ones are masked, hot ones hold one number for ever.

    Parameters
    ----------
    dead_fraction, hot_fraction : float, optional
        So many of all pixels, drawn for each.
    dead_pixels : sequence of (int, int, int), optional
        Panel, fast and slow of single pixels.
    hot_adu : float, optional
        What hot pixels hold; by default the largest number that counts.
    detector_seed : int, optional
        Which detector it is, as of `Calibration`.

    Raises
    ------
    ValueError
        Naming the field, the value and the rule.

    Examples
    --------
    >>> from numbragg.response import Defects
    >>> Defects(dead_fraction=1e-4, dead_pixels=[(0, 17, 4)]).dead_pixels
    ((0, 17, 4),)
    """

    dead_fraction: float = 0.0
    hot_fraction: float = 0.0
    dead_pixels: Sequence[Sequence[int]] = ()
    hot_adu: float | None = None
    detector_seed: int = 1

    def __post_init__(self) -> None:
        for name in ("dead_fraction", "hot_fraction"):
            _set(self, name, fraction(name, getattr(self, name)))
        what = "a list of panel, fast and slow of each pixel"
        try:
            # text and what has no order are no lists of pixels
            listed = None if isinstance(self.dead_pixels, (str, bytes, Mapping, Set)) else tuple(self.dead_pixels)
        except TypeError:
            listed = None
        if listed is None:
            raise ValueError(f"dead_pixels: {shown(self.dead_pixels)} must be {what}")
        if len(listed) > _LISTED:
            raise ValueError(f"dead_pixels: {len(listed)} pixels must be at most {_LISTED}; a mask of the detector "
                             "holds more")
        _set(self, "dead_pixels", tuple(tuple(whole("dead_pixels", v, 0) for v in entries(
            "dead_pixels", each, 3, what)) for each in listed))
        if self.hot_adu is not None:
            _set(self, "hot_adu", finite("hot_adu", self.hot_adu, "ADU"))
        _set(self, "detector_seed", whole("detector_seed", self.detector_seed, 0, LARGEST_SEED))
