"""The detector: pixels, distance, beam centre, frame, tilt, sensor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
import math
import numbers
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from ..scene.pixels import pixels_along
from ..scene.request import BeamRequest, DetectorRequest, PanelRequest, WindowRequest
from ..scene.units import attenuation_from_um, from_angstrom, from_degrees, from_mm, sensor_from_um
from .checks import (
    Unset,
    angles,
    choice,
    count,
    entries,
    finite,
    flag,
    given,
    not_negative,
    optional,
    panel_number,
    positive,
    shown,
    vector,
    whole,
)
from .panel import Panel, checked_mask

# start-up: kernels, and Numba with them, are imported with the first array of positions
if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Detector"]

CONVENTIONS = ("mosflm", "adxv", "denzo", "xds", "dials", "custom")


def _pair(field, value, check, *arguments):
    return tuple(check(field, v, *arguments) for v in entries(field, value, 2, "two numbers"))


def _open_pair(field, value, check, *arguments):
    """Two numbers, either of which may be None: left to its default."""
    values = entries(field, value, 2, "two numbers")
    return tuple(None if v is None else check(field, v, *arguments) for v in values)


class _Noted:
    __slots__ = ("_notes",)  # what a user does not set


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Detector(_Noted):
    """A flat (or curved) detector, or several flat panels.

    An image has the shape (slow, fast).  With several panels it is (panel, slow, fast) where all have
    the same size, and a list of (slow, fast) where they have not.

    Parameters
    ----------
    pixels : (int, int)
        Fast and slow.
    size_mm : (float, float), optional
        Fast and slow [mm]; instead of `pixels`.
    pixel_mm : float
        Edge of a pixel [mm].
    distance_mm : float
        Sample to the beam spot [mm].
    close_distance_mm : float, optional
        Sample to the nearest point of the detector's plane [mm]; replaces `distance_mm`.
    convention : {"mosflm", "adxv", "denzo", "xds", "dials", "custom"}
        Laboratory frame, meaning of the beam centre and pivot; docs/conventions has the table.
    beam_centre_mm : (float, float), optional
        Xbeam, Ybeam [mm].  In "mosflm" and "denzo" X runs along the slow axis; "xds" and "dials" do not look at it.
    close_point_mm : (float, float), optional
        Xclose, Yclose: stands in for the beam centre in "custom" [mm]; no other convention looks at it.
    close_point_pixels : (float, float), optional
        ORGX, ORGY: point of closest approach, XDS style [pixels]; places the detector in "xds" and "dials".
    rotation_deg : three floats
        Rotations about laboratory x, y, z, in this order [deg].
    twotheta_deg : float
        Swing about the two-theta axis [deg].
    fast_axis, slow_axis, normal, twotheta_axis : three floats, optional
        Only with `convention` "custom"; defaults are those of "mosflm" but for two-theta: (0, 1, 0).
    pivot : {"beam", "sample"}
        What stays in place when the detector is rotated; only "custom" obeys it.
    sensor_thickness_um, attenuation_depth_um : float, optional
        Thickness and 1/e depth of the sensor [micrometre]; no thickness: every photon is counted.
    sensor_layers : int, optional
        Layers the sensor is divided into.
    curved : bool
        All pixels at the same distance from the sample.
    point_pixel : bool
        No solid angle of a pixel, only 1/distance^2.
    mask : (slow, fast) array, optional
        Zero or False: the pixel is skipped and stays 0.
    panels : sequence of Panel, optional
        Panels anywhere in the laboratory, which replace all of the above but `convention` (the frame,
        and the direction of the beam in it) and `point_pixel`; each has its own sensor and mask.
    windows : sequence of four int, optional
        Cuts the one plane that is described into panels: first fast and first slow pixel, number of
        pixels along fast and slow.  Its pixels have the bits that they have in the whole.

    Raises
    ------
    ValueError
        Naming the field, the value and the rule.

    Examples
    --------
    >>> import numbragg as nb
    >>> nb.Detector(pixels=(512, 400), pixel_mm=0.172, distance_mm=200.0).shape
    (400, 512)
    """

    pixels: Sequence[int] | None = None
    size_mm: Sequence[float] | None = None
    pixel_mm: float = 0.1
    distance_mm: float = Unset(100.0)
    close_distance_mm: float | None = None
    convention: str = "mosflm"
    beam_centre_mm: Sequence[float] | None = None
    close_point_mm: Sequence[float] | None = None
    close_point_pixels: Sequence[float | None] | None = None
    rotation_deg: Sequence[float] = (0.0, 0.0, 0.0)
    twotheta_deg: float = 0.0
    fast_axis: Sequence[float] | None = None
    slow_axis: Sequence[float] | None = None
    normal: Sequence[float] | None = None
    twotheta_axis: Sequence[float] | None = None
    pivot: str = "beam"
    sensor_thickness_um: float = 0.0
    attenuation_depth_um: float | None = None
    sensor_layers: int | None = None
    curved: bool = False
    point_pixel: bool = False
    mask: object = None
    panels: Sequence[Panel] | None = None
    windows: Sequence[Sequence[int]] | None = None

    def __post_init__(self):
        def put(name, value):
            object.__setattr__(self, name, value)

        if self.pixels is not None and self.size_mm is not None:
            raise ValueError("pixels: give pixels or size_mm, not both")
        put("pixels", None if self.pixels is None else _pair("pixels", self.pixels, whole))
        put("size_mm", None if self.size_mm is None else _pair("size_mm", self.size_mm, positive, "mm"))
        put("pixel_mm", positive("pixel_mm", self.pixel_mm, "mm"))
        put("distance_mm", positive("distance_mm", self.distance_mm, "mm"))
        put("close_distance_mm", optional(self.close_distance_mm, positive, "close_distance_mm", "mm"))
        put("convention", choice("convention", self.convention, CONVENTIONS))
        put("pivot", choice("pivot", self.pivot, ("beam", "sample")))
        for name, unit in (("beam_centre_mm", "mm"), ("close_point_mm", "mm"), ("close_point_pixels", "pixels")):
            value = getattr(self, name)
            put(name, None if value is None else _open_pair(name, value, finite, unit))
        put("rotation_deg", angles("rotation_deg", self.rotation_deg))
        put("twotheta_deg", finite("twotheta_deg", self.twotheta_deg, "deg"))
        for name in ("fast_axis", "slow_axis", "normal", "twotheta_axis"):
            value = getattr(self, name)
            put(name, optional(value, vector, name))
            if value is not None and self.convention != "custom":
                raise ValueError(f"{name}: {shown(value)} needs convention='custom', not {self.convention!r}")
        put("sensor_thickness_um", not_negative("sensor_thickness_um", self.sensor_thickness_um, "micrometre"))
        put("attenuation_depth_um", optional(self.attenuation_depth_um, positive, "attenuation_depth_um", "micrometre"))
        put("sensor_layers", optional(self.sensor_layers, whole, "sensor_layers"))
        put("curved", flag("curved", self.curved))
        put("point_pixel", flag("point_pixel", self.point_pixel))
        if self.mask is not None:
            put("mask", checked_mask(self.mask, self._plane_shape))
        if self.panels is not None:
            put("panels", self._checked_panels())
        put("windows", None if self.windows is None else self._checked_windows())

    @classmethod
    def from_geom(cls, path: str | os.PathLike[str], distance_mm: float | None = None, *,
                  shift_mm: Sequence[float] | None = None, sensor_thickness_um: float = 0.0,
                  attenuation_depth_um: float | None = None, sensor_material: str | None = None,
                  sensor_layers: int | None = None) -> Detector:
        """The panels of a CrystFEL geometry file.

        Panels are in CrystFEL's frame, z along the beam and y up, which is that of the convention "adxv"; in that of
        another one `in_convention` puts them.  Vectors are taken as they are: neither normalised nor put at right
        angles, nor is their hand changed.  Bad regions become masks, and masks that have an HDF5 file of their own,
        named from the current folder, are read (needs h5py).

        Parameters
        ----------
        path : str or path-like
        distance_mm : float, optional
            Camera length [mm], in the place of the file's `clen`; needed where that stands in an image.  The panels'
            `coffset` is added to it, as CrystFEL does.
        shift_mm : (float, float), optional
            In the place of `detector_shift_x` and `detector_shift_y` [mm].
        sensor_thickness_um, attenuation_depth_um, sensor_material, sensor_layers
            Of all panels, as for `Panel`; the files have no sensor.

        Returns
        -------
        Detector
            Its `notes` say what was not used of the file.

        Raises
        ------
        ValueError
            Naming the file, the line, the word and the rule; also where the camera length must be given.
        OSError
            The file cannot be read.

        Examples
        --------
        >>> import numbragg as nb
        >>> lines = ["res = 10000", "clen = 0.2", "p/min_fs = 0", "p/max_fs = 9", "p/min_ss = 0", "p/max_ss = 4",
        ...          "p/corner_x = -5", "p/corner_y = 2.5", "p/fs = x", "p/ss = -y"]
        >>> with open("small.geom", "w") as file:
        ...     _ = file.write(chr(10).join(lines))
        >>> nb.Detector.from_geom("small.geom").panels[0].origin_mm
        (-0.5, 0.25, 200.0)
        """
        from .panels_from_files import panels_of_geom

        sensor = {"sensor_thickness_um": sensor_thickness_um, "attenuation_depth_um": attenuation_depth_um,
                  "sensor_material": sensor_material, "sensor_layers": sensor_layers}
        return cls._noted(*panels_of_geom(path, distance_mm, shift_mm, sensor))

    @classmethod
    def from_expt(cls, path: str | os.PathLike[str], index: int | None = None) -> Detector:
        """The detector of an experiment of DIALS (.expt, or the older experiments.json).

        Panels are in the frame that `from_geom` has, with the beam of the experiment along z: DIALS's frame turned by
        half a turn about y, and by what the beam is off -z there.  Pixels are where the axes and the origin put their
        corners; DIALS's parallax correction is no geometry.

        Parameters
        ----------
        path : str or path-like
        index : int, optional
            Number of the experiment, from 0; needed where several have different detectors or beams.

        Returns
        -------
        Detector
            With the sensors of the file.  Its `notes` say what was not used.

        Raises
        ------
        ValueError, OSError
            As `from_geom`, with the place in the file; also if there is no experiment of that number.
        """
        from .panels_from_files import panels_of_expt

        return cls._noted(*panels_of_expt(path, None if index is None else whole("index", index, 0)))

    @classmethod
    def from_header(cls, image: str | os.PathLike[str]) -> Detector:
        """The detector that the header of an image describes: SMV, miniCBF or NXmx (HDF5).

        SMV and miniCBF headers know one flat panel, normal to the beam: fast is to the right and slow down for
        someone who looks along the beam.  NXmx has panels anywhere.  The frame is that of `from_geom`.

        Parameters
        ----------
        image : str or path-like
            The file; of NXmx the one that has the geometry (the master file).  It needs h5py, and hdf5plugin for masks.

        Returns
        -------
        Detector
            Its `notes` say what was taken for granted and what was not used.

        Raises
        ------
        ValueError, OSError
            As `from_geom`, with what the header lacks.
        ImportError
            NXmx, and h5py is not installed.
        """
        from .panels_from_headers import panels_of_header

        return cls._noted(*panels_of_header(image))

    @classmethod
    def _noted(cls, panels, notes, convention="adxv", point_pixel=False):
        """A detector of panels, by default in the frame of files, and what is to be said of it."""
        made = cls(panels=panels, convention=convention, point_pixel=point_pixel)
        object.__setattr__(made, "_notes", tuple(notes))
        return made

    @property
    def notes(self) -> tuple[str, ...]:
        """What is worth knowing of where the detector comes from, such as what a file said that was not used."""
        return getattr(self, "_notes", ())

    def in_convention(self, convention: str, *, beam_direction: Sequence[float] | None = None) -> Detector:
        """These panels in the laboratory frame of another convention, with the beam along it.

        They are turned by the least rotation that brings this convention's beam to the other's: y stays y.  Where
        the beam is to travel against z, it is half a turn about y.

        Parameters
        ----------
        convention : {"mosflm", "adxv", "denzo", "xds", "dials", "custom"}
        beam_direction : three floats, optional
            Direction of the beam in the frame of "custom", where it is needed: what `Beam.direction` will be.

        Returns
        -------
        Detector

        Raises
        ------
        ValueError
            If the detector has no panels, or is in the frame "custom", whose beam it does not know.

        Examples
        --------
        >>> import numbragg as nb
        >>> panel = nb.Panel(origin_mm=(1, 2, 100), fast_mm=(-0.1, 0, 0), slow_mm=(0, -0.1, 0), pixels=(64, 32))
        >>> turned = nb.Detector(panels=[panel], convention="adxv").in_convention("mosflm")
        >>> turned.panels[0].origin_mm, turned.panels[0].fast_mm
        ((100.0, 2.0, -1.0), (0.0, 0.0, 0.1))
        """
        from .panels_from_files import in_frame

        choice("convention", convention, CONVENTIONS)
        if (beam_direction is None) == (convention == "custom"):
            raise ValueError(f"beam_direction: {shown(beam_direction)} goes with convention 'custom', which needs it")
        if self.panels is None or self.convention == "custom":
            raise ValueError("in_convention: only panels in the frame of a named convention can be turned; this "
                             f"detector is {'one plane' if self.panels is None else 'in the frame custom'}")
        direction = None if beam_direction is None else vector("beam_direction", beam_direction)
        return self._noted(in_frame(self.panels, self.convention, convention, direction), self.notes, convention,
                           self.point_pixel)

    def _checked_panels(self):
        try:
            panels = tuple(self.panels)
        except TypeError:
            panels = ()
        if not panels or not all(isinstance(panel, Panel) for panel in panels):
            raise ValueError(f"panels: {shown(self.panels)} must be one or more Panel objects")
        for item in fields(self):
            if item.name not in ("panels", "convention", "point_pixel"):
                value = getattr(self, item.name)
                if value is not None and (item.default is None or np.any(np.asarray(value) != item.default)):
                    said = "an array" if isinstance(value, np.ndarray) else repr(value)
                    raise ValueError(f"{item.name}: {said} does not go with panels, which have their own")
        return panels

    def _checked_windows(self):
        if self.curved:
            raise ValueError("windows: a curved detector cannot be cut into panels")
        slow_size, fast_size = self._plane_shape
        rule = "four pixel numbers: first fast, first slow, pixels along fast and slow"
        try:
            given = tuple(self.windows)
        except TypeError:
            given = ()
        if not given:
            raise ValueError(f"windows: {shown(self.windows)} must be one or more windows")
        windows = []
        for window in given:
            first_fast, first_slow, fast, slow = (whole("windows", v, low) for v, low in
                                                  zip(entries("windows", window, 4, rule), (0, 0, 1, 1)))
            if first_fast + fast > fast_size or first_slow + slow > slow_size:
                raise ValueError(f"windows: {shown(window)} must lie in {fast_size} x {slow_size} pixels (fast x slow)")
            windows.append((first_fast, first_slow, fast, slow))
        return tuple(windows)

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """(slow, fast) pixels of each panel."""
        if self.panels is not None:
            return tuple(panel.shape for panel in self.panels)
        if self.windows is not None:
            return tuple((slow, fast) for _, _, fast, slow in self.windows)
        return (self._plane_shape,)

    @property
    def shape(self) -> tuple[int, ...] | None:
        """(slow, fast) pixels; of several panels (panel, slow, fast), or None where they differ in size."""
        shapes = self.shapes
        if len(shapes) == 1:
            return shapes[0]
        return (len(shapes), *shapes[0]) if len(set(shapes)) == 1 else None

    @property
    def _plane_shape(self):
        """(slow, fast) pixels of the one plane that is described."""
        if self.pixels is not None:
            return (self.pixels[1], self.pixels[0])
        plain = DetectorRequest()
        sizes = map(from_mm, self.size_mm) if self.size_mm else (plain.detector_size_f, plain.detector_size_s)
        fast, slow = (pixels_along(size, from_mm(self.pixel_mm)) for size in sizes)
        return (slow, fast)

    def _map(self, name, beam, panel):
        """An array of `scene.pixel_maps`, of one panel or of all."""
        from ..scene import pixel_maps

        pieces = self.pieces()
        if panel is not None:
            pieces = (pieces[panel_number(panel, len(pieces))],)
        found = [getattr(pixel_maps, name)(plane) for plane in pixel_maps.planes(pieces, _beam_request(beam))]
        if len(found) == 1:
            return found[0]
        return np.stack(found) if len(set(self.shapes)) == 1 else found

    def pixel_positions_mm(self, panel: int | None = None, *, beam: Any = None) -> NDArray[np.float64] | Any:
        """Where the pixels are: the positions of their centres in the laboratory, at the front of the sensor [mm].

        They are what the simulation has with one sub-pixel, to the bit (but for the factor from metres).

        Parameters
        ----------
        panel : int, optional
            One panel, counted from 0; by default all.
        beam : Beam, optional
            Needed where `Beam.direction` is given, for the detector is placed along the beam.

        Returns
        -------
        (slow, fast, 3) float64 array
            Of several panels (panel, slow, fast, 3), or a list of arrays where they differ in size.

        Raises
        ------
        ValueError
            If there is no such panel, or `beam` is neither a `Beam` nor a wavelength.

        Examples
        --------
        >>> import numbragg as nb
        >>> detector = nb.Detector(pixels=(4, 2), pixel_mm=0.5, distance_mm=100.0)
        >>> detector.pixel_positions_mm().shape, detector.pixel_positions_mm()[0, 1].round(6).tolist()
        ((2, 4, 3), [100.0, 0.75, -0.75])
        """
        return self._map("positions_mm", beam, panel)

    def scattering_vectors(self, beam: Any, panel: int | None = None) -> NDArray[np.float64] | Any:
        """Scattering vectors q = (s1 - s0) / wavelength of the pixels' centres in the laboratory [1/Angstrom].

        ``numpy.linalg.inv(result.a_matrix) @ q`` are the Miller indices of a pixel for a crystal at phi = 0.

        Parameters
        ----------
        beam : Beam or float
            Or its wavelength [Angstrom].  Of a `Beam` the nominal wavelength and direction count, not its dispersion,
            divergence or list of sources.
        panel : int, optional
            One panel, counted from 0; by default all.

        Returns
        -------
        (slow, fast, 3) float64 array
            Of several panels (panel, slow, fast, 3), or a list of arrays where they differ in size.

        Raises
        ------
        ValueError
            As `pixel_positions_mm`.
        """
        return self._map("scattering_vectors", _needed(beam), panel)

    def resolutions_angstrom(self, beam: Any, panel: int | None = None) -> NDArray[np.float64] | Any:
        """Resolution d = 1/abs(q) of the pixels' centres [Angstrom], infinite in the direct beam.

        Parameters
        ----------
        beam : Beam or float
            As for `scattering_vectors`.
        panel : int, optional
            One panel, counted from 0; by default all.

        Returns
        -------
        (slow, fast) float64 array
            Of several panels as an image: (panel, slow, fast), or a list.

        Raises
        ------
        ValueError
            As `pixel_positions_mm`.
        """
        return self._map("resolutions_angstrom", _needed(beam), panel)

    def scattering_angles_deg(self, panel: int | None = None, *, beam: Any = None) -> NDArray[np.float64] | Any:
        """Scattering angle two-theta of the pixels' centres, between 0 and 180 [deg].

        Parameters
        ----------
        panel, beam
            As for `pixel_positions_mm`.

        Returns
        -------
        (slow, fast) float64 array
            Of several panels as an image: (panel, slow, fast), or a list.

        Raises
        ------
        ValueError
            As `pixel_positions_mm`.
        """
        return self._map("scattering_angles_deg", beam, panel)

    def solid_angles(self, panel: int | None = None, *, beam: Any = None) -> NDArray[np.float64] | Any:
        """Solid angle of each pixel at its centre, obliquity included [sr], as the simulation has it.

        Area over squared distance times the cosine of obliquity.  With `point_pixel` it is 1/distance^2 [1/m^2], which
        is what images are then multiplied with.

        Parameters
        ----------
        panel, beam
            As for `pixel_positions_mm`.

        Returns
        -------
        (slow, fast) float64 array
            Of several panels as an image: (panel, slow, fast), or a list.

        Raises
        ------
        ValueError
            As `pixel_positions_mm`.
        """
        return self._map("solid_angles", beam, panel)

    def pieces(self) -> tuple[DetectorRequest | PanelRequest | WindowRequest, ...]:
        """The panels as parts of a request: `PanelRequest`s, `WindowRequest`s, or the one `DetectorRequest`."""
        if self.panels is not None:
            return tuple(panel.pack(convention=self.convention, point_pixel=self.point_pixel) for panel in self.panels)
        plane = self.pack()
        if self.windows is None:
            return (plane,)
        return tuple(WindowRequest(plane=plane, first_fast=first_fast, first_slow=first_slow, fast=fast, slow=slow)
                     for first_fast, first_slow, fast, slow in self.windows)

    def pack(self) -> DetectorRequest:
        """This detector as a part of a request, in SI units and radians."""
        # start-up: where something is simulated
        from .without_effect import detector_notes

        size: dict[str, Any] = {}
        place: dict[str, Any] = {}
        if self.pixels is not None:
            size = dict(zip(("pixels_f", "pixels_s"), self.pixels))
        if self.size_mm is not None:
            size = dict(zip(("detector_size_f", "detector_size_s"), map(from_mm, self.size_mm)))
        if self.close_distance_mm is not None:
            place = {"close_distance": from_mm(self.close_distance_mm)}
        if self.close_point_pixels is not None:
            place |= {name: v for name, v in zip(("origin_x", "origin_y"), self.close_point_pixels) if v is not None}
        if self.attenuation_depth_um is not None:
            place |= {"attenuation": attenuation_from_um(self.attenuation_depth_um)}
        beam_x, beam_y = _metres(self.beam_centre_mm)
        close_x, close_y = _metres(self.close_point_mm)
        rotation_x, rotation_y, rotation_z = map(from_degrees, self.rotation_deg)
        axes = {"fast_axis": self.fast_axis, "slow_axis": self.slow_axis, "normal": self.normal,
                "twotheta_axis": self.twotheta_axis}
        return DetectorRequest(
            pixel_size=from_mm(self.pixel_mm), **size, distance=from_mm(self.distance_mm), **place,
            convention=self.convention, pivot=self.pivot, beam_x=beam_x, beam_y=beam_y,
            close_x=close_x, close_y=close_y, rotation_x=rotation_x, rotation_y=rotation_y, rotation_z=rotation_z,
            twotheta=from_degrees(self.twotheta_deg), mask=self.mask, **given(axes),
            sensor_thickness=sensor_from_um(self.sensor_thickness_um), sensor_layers=count(self.sensor_layers),
            curved=self.curved, point_pixel=self.point_pixel, detector_notes=tuple(detector_notes(self)))


def _metres(pair_mm):
    if pair_mm is None:
        return math.nan, math.nan
    return tuple(math.nan if v is None else from_mm(v) for v in pair_mm)


def _beam_request(beam):
    """The beam that a detector is placed along: of a `Beam`, of a wavelength, or the default one."""
    if beam is None:
        return BeamRequest()
    # configurations do not know each other; what a beam packs tells it
    packed = beam.pack() if hasattr(beam, "pack") else None
    if isinstance(packed, BeamRequest):
        return packed
    if packed is not None or not isinstance(beam, numbers.Real):
        raise ValueError(f"beam: {shown(beam)} must be a Beam object or a wavelength in Angstrom")
    return BeamRequest(wavelength=from_angstrom(positive("beam", beam, "Angstrom")))


def _needed(beam):
    if beam is None:
        raise ValueError("beam: None must be a Beam object or a wavelength in Angstrom")
    return beam
