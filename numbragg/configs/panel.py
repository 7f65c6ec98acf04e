"""One panel of a detector: where its first pixel is, and the vectors from pixel to pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
import math
from typing import Any

import numpy as np

from ..scene.pixels import check_pixels
from ..scene.request import DetectorRequest, PanelRequest
from ..scene.units import attenuation_from_um, from_mm, sensor_from_um
from .checks import entries, finite, not_negative, optional, positive, shown, vector, whole

__all__ = ["Panel", "checked_mask"]

#: Layers of a sensor where no number is given.
LAYERS = 2

#: Least sine of the angle between the two pitch vectors.
LEAST_SINE = 1e-6

#: Between these is the length of a pitch vector [mm]: beyond, squares of lengths are 0 or infinite.
SHORTEST_PITCH, LONGEST_PITCH = 1e-12, 1e12


def checked_mask(mask, shape):
    """A mask as a read-only array of truths. Raises ValueError if it has not this (slow, fast) shape."""
    try:
        array = np.asarray(mask)
    except ValueError:
        # rows of several lengths
        raise ValueError(f"mask: {shown(mask)} must be an array of shape {shape} (slow, fast)") from None
    if array.shape != shape:
        raise ValueError(f"mask: shape {array.shape} must be {shape} (slow, fast)")
    if array.dtype.kind not in "biuf" or isinstance(mask, np.ma.MaskedArray) or np.isnan(array).any():
        raise ValueError(f"mask: {shown(mask)} must be an array of truths or of numbers, none of them NaN or masked")
    # NumPy 2.0 makes a plain truth of one number
    array = np.asarray(array != 0)
    array.setflags(write=False)
    return array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Panel:
    """A flat panel of a detector, anywhere in the laboratory.

    Parameters
    ----------
    origin_mm : three floats
        Corner of the first pixel, from the sample [mm].
    fast_mm, slow_mm : three floats
        Vectors from a pixel to the next along the fast and the slow axis [mm].  Their lengths are the
        pitch; they need be neither equal nor quite at right angles.
    pixels : (int, int)
        Fast and slow.
    sensor_thickness_um, attenuation_depth_um : float, optional
        Thickness and 1/e depth of the sensor [micrometre]; no thickness: every photon is counted.  With one, the
        depth or `sensor_material` is needed.
    sensor_layers : int, optional
        Layers of equal thickness that the sensor is divided into; by default 2.  A layer's photons are those at its
        middle, and each captures its own share of them.
    sensor_material : str, optional
        In the place of `attenuation_depth_um`: "Si", "CdTe", "GaAs", "Ge", "Gd2O2S" or "CsI", whose depth at
        each wavelength of the beam is looked up in the tables of xraydb.
    mask : (slow, fast) array, optional
        Zero or False: the pixel is skipped and stays 0.
    name : str
        For messages.

    Raises
    ------
    ValueError
        Naming the field, the value and the rule.

    Examples
    --------
    >>> import numbragg as nb
    >>> panel = nb.Panel(origin_mm=(100, 5, -5), fast_mm=(0, 0, 0.1), slow_mm=(0, -0.1, 0), pixels=(64, 32))
    >>> panel.shape, round(panel.pixel_mm, 3)
    ((32, 64), 0.1)
    """

    origin_mm: Sequence[float]
    fast_mm: Sequence[float]
    slow_mm: Sequence[float]
    pixels: Sequence[int]
    sensor_thickness_um: float = 0.0
    attenuation_depth_um: float | None = None
    sensor_layers: int | None = None
    sensor_material: str | None = None
    mask: object = None
    name: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise ValueError(f"name: {shown(self.name)} must be text")
        try:
            self._check()
        except ValueError as error:
            raise ValueError(f"panel {self.name!r}: {error}" if self.name else str(error)) from None

    def _check(self) -> None:
        def put(name, value):
            object.__setattr__(self, name, value)

        put("origin_mm", tuple(finite("origin_mm", v, "mm") for v in entries("origin_mm", self.origin_mm, 3,
                                                                            "three coordinates in mm")))
        put("fast_mm", vector("fast_mm", self.fast_mm))
        put("slow_mm", vector("slow_mm", self.slow_mm))
        for name, pitch in (("fast_mm", self.fast_mm), ("slow_mm", self.slow_mm)):
            if not SHORTEST_PITCH <= math.hypot(*pitch) <= LONGEST_PITCH:
                raise ValueError(f"{name}: {pitch!r} must be {SHORTEST_PITCH:g} to {LONGEST_PITCH:g} mm long")
        put("pixels", tuple(whole("pixels", v) for v in entries("pixels", self.pixels, 2, "two numbers")))
        check_pixels(*self.pixels)
        put("sensor_thickness_um", not_negative("sensor_thickness_um", self.sensor_thickness_um, "micrometre"))
        put("attenuation_depth_um", optional(self.attenuation_depth_um, positive, "attenuation_depth_um", "micrometre"))
        put("sensor_layers", optional(self.sensor_layers, whole, "sensor_layers"))
        if self.sensor_material is not None:
            self._check_material()
        elif self.sensor_thickness_um > 0.0 and self.attenuation_depth_um is None:
            raise ValueError(f"sensor_thickness_um: {self.sensor_thickness_um!r} needs attenuation_depth_um or "
                             "sensor_material, or nobody knows what the sensor captures")
        put("mask", None if self.mask is None else checked_mask(self.mask, self.shape))
        area = math.hypot(*np.cross(self.fast_mm, self.slow_mm))
        if not area > LEAST_SINE * math.hypot(*self.fast_mm) * math.hypot(*self.slow_mm):
            raise ValueError(f"slow_mm: {self.slow_mm!r} must not be parallel to fast_mm, {self.fast_mm!r}")
        distance = abs(np.dot(np.cross(self.fast_mm, self.slow_mm), self.origin_mm)) / area
        if not distance > 0.0:
            raise ValueError(f"origin_mm: {self.origin_mm!r}, the plane of the panel must not go through the sample")

    def _check_material(self):
        # start-up: few panels have a material
        from ..scene.materials import MATERIALS

        material = self.sensor_material
        if not isinstance(material, str) or material.lower() not in MATERIALS:
            names = dict.fromkeys(formula for formula, _ in MATERIALS.values())
            raise ValueError(f"sensor_material: {shown(material)} must be one of {', '.join(names)}")
        if self.attenuation_depth_um is not None:
            raise ValueError(f"sensor_material: {shown(material)} does not go with attenuation_depth_um; give one")
        if not self.sensor_thickness_um > 0.0:
            raise ValueError(f"sensor_material: {shown(material)} needs a sensor_thickness_um above 0")

    @property
    def shape(self) -> tuple[int, int]:
        """(slow, fast) pixels."""
        return (self.pixels[1], self.pixels[0])

    def pack(self, **frame: Any) -> PanelRequest:
        """This panel as a part of a request, in SI units; `frame` is of the detector that it belongs to."""
        depth = {}
        if self.attenuation_depth_um is not None:
            depth = {"attenuation": attenuation_from_um(self.attenuation_depth_um)}
        # what is sampled too coarsely is the longer side
        longest = max(self.pixel_mm, math.hypot(*self.slow_mm))
        plane = DetectorRequest(pixel_size=from_mm(longest), pixels_f=self.pixels[0], pixels_s=self.pixels[1],
                                sensor_thickness=sensor_from_um(self.sensor_thickness_um),
                                sensor_material=self.sensor_material or "",
                                mask=self.mask, **depth, **frame)
        origin, fast, slow = (tuple(map(from_mm, v)) for v in (self.origin_mm, self.fast_mm, self.slow_mm))
        return PanelRequest(plane=plane, origin=origin, fast=fast, slow=slow, layers=self.sensor_layers or LAYERS)

    @property
    def pixel_mm(self) -> float:
        """Length of the fast pitch vector [mm]."""
        return math.hypot(*self.fast_mm)
