"""Detectors by name, with their modules, gaps and sensors; each says where its numbers are from.

All are flat and normal to the beam, in the frame of `Detector.from_geom` (z along the beam, y up), fast to the right
and slow down for someone who looks along the beam.  `Detector.in_convention` puts them into another frame.
"""

from __future__ import annotations

from collections.abc import Sequence

from .configs.checks import entries, finite, not_negative, positive, shown
from .configs.detector import Detector
from .configs.panel import Panel

__all__ = ["eiger2_16m", "eiger2_4m", "jungfrau_4m", "pilatus3_6m", "rayonix_mx340hs"]


def _tiled(modules, module, gap, pixel_mm, place, sensor, notes):
    """A detector of modules in rows and columns; pairs are along fast and slow, `gap` is in pixels."""
    distance_mm, beam_centre_pixels = place
    size = [n * m + (n - 1) * g for n, m, g in zip(modules, module, gap)]
    z = positive("distance_mm", distance_mm, "mm")
    centre = [n / 2.0 for n in size] if beam_centre_pixels is None else [
        finite("beam_centre_pixels", v, "pixels") for v in entries("beam_centre_pixels", beam_centre_pixels, 2,
                                                                   "two numbers")]
    thickness, depth = not_negative("sensor_thickness_um", sensor[0], "micrometre"), sensor[1]
    fields = {"sensor_thickness_um": thickness, **depth} if thickness > 0.0 else {}
    panels = []
    for row in range(modules[1]):
        for column in range(modules[0]):
            first = column * (module[0] + gap[0]), row * (module[1] + gap[1])
            panels.append(Panel(
                name=f"row {row} column {column}", pixels=module, fast_mm=(-pixel_mm, 0.0, 0.0),
                slow_mm=(0.0, -pixel_mm, 0.0),
                origin_mm=((centre[0] - first[0]) * pixel_mm, (centre[1] - first[1]) * pixel_mm, z), **fields))
    return Detector._noted(panels, notes)


def eiger2_16m(distance_mm: float, *, beam_centre_pixels: Sequence[float] | None = None,
               sensor_thickness_um: float = 450.0, sensor_material: str = "Si") -> Detector:
    """DECTRIS EIGER2 X 16M: 4 x 8 modules of 1028 x 512 pixels of 75 um, 12 and 38 pixels apart; 4148 x 4362 in all.

    Source: DECTRIS, EIGER2 X/XE 16M technical specifications (modules, gaps; silicon of 450 um, or CdTe of 750 um).

    Parameters
    ----------
    distance_mm : float
        Sample to the plane of the sensor [mm].
    beam_centre_pixels : (float, float), optional
        Where the beam meets it along fast and slow, from the corner of the whole, gaps included; by default the middle.
    sensor_thickness_um : float, optional
        Thickness of the sensor [micrometre]; 0: every photon is counted.
    sensor_material : str, optional
        As for `Panel`; its depth is looked up in the tables of xraydb.

    Returns
    -------
    Detector
        With a panel for each module, row by row.

    Raises
    ------
    ValueError
        Naming the field, the value and the rule.

    Examples
    --------
    >>> import numbragg as nb
    >>> detector = nb.detectors.eiger2_16m(200.0)
    >>> detector.shape, round(detector.panels[1].origin_mm[0], 3)
    ((32, 512, 1028), 77.55)
    """
    return _tiled((4, 8), (1028, 512), (12, 38), 0.075, (distance_mm, beam_centre_pixels),
                  (sensor_thickness_um, {"sensor_material": sensor_material}),
                  ("EIGER2 X 16M: modules, gaps and sensor of DECTRIS's technical specifications",))


def eiger2_4m(distance_mm: float, *, beam_centre_pixels: Sequence[float] | None = None,
              sensor_thickness_um: float = 450.0, sensor_material: str = "Si") -> Detector:
    """DECTRIS EIGER2 X 4M: 2 x 4 modules of 1028 x 512 pixels of 75 um, 12 and 38 pixels apart; 2068 x 2162 in all.

    Source: DECTRIS, EIGER2 X/XE 4M technical specifications (modules, gaps; silicon of 450 um, or CdTe of 750 um).

    Parameters
    ----------
    distance_mm, beam_centre_pixels, sensor_thickness_um, sensor_material
        As for `eiger2_16m`.

    Returns
    -------
    Detector
        With a panel for each module, row by row.

    Raises
    ------
    ValueError
        Naming the field, the value and the rule.
    """
    return _tiled((2, 4), (1028, 512), (12, 38), 0.075, (distance_mm, beam_centre_pixels),
                  (sensor_thickness_um, {"sensor_material": sensor_material}),
                  ("EIGER2 X 4M: modules, gaps and sensor of DECTRIS's technical specifications",))


def pilatus3_6m(distance_mm: float, *, beam_centre_pixels: Sequence[float] | None = None,
                sensor_thickness_um: float = 320.0, sensor_material: str = "Si") -> Detector:
    """DECTRIS PILATUS3 6M: 5 x 12 modules of 487 x 195 pixels of 172 um, 7 and 17 pixels apart; 2463 x 2527 in all.

    Source: DECTRIS, PILATUS3 6M technical specifications (modules, gaps; silicon of 320, 450 or 1000 um).

    Parameters
    ----------
    distance_mm, beam_centre_pixels, sensor_thickness_um, sensor_material
        As for `eiger2_16m`.

    Returns
    -------
    Detector
        With a panel for each module, row by row.

    Raises
    ------
    ValueError
        Naming the field, the value and the rule.
    """
    return _tiled((5, 12), (487, 195), (7, 17), 0.172, (distance_mm, beam_centre_pixels),
                  (sensor_thickness_um, {"sensor_material": sensor_material}),
                  ("PILATUS3 6M: modules, gaps and sensor of DECTRIS's technical specifications",))


def jungfrau_4m(distance_mm: float, *, beam_centre_pixels: Sequence[float] | None = None,
                sensor_thickness_um: float = 320.0, sensor_material: str = "Si") -> Detector:
    """PSI JUNGFRAU 4M: 2 x 4 modules of 1030 x 514 pixels of 75 um, 8 and 36 pixels apart; 2068 x 2164 in all.

    A module has 4 x 2 chips of 256 x 256 pixels, those at the inner edges being larger; its image has two pixels more
    at each, as converted images have it.

    Source: Leonarski et al. (2018). Nature Methods 15, 799; Leonarski et al. (2023). Structural Dynamics 10, 014701
    (modules, converted images; silicon of 320 um).

    Parameters
    ----------
    distance_mm, beam_centre_pixels, sensor_thickness_um, sensor_material
        As for `eiger2_16m`.

    Returns
    -------
    Detector
        With a panel for each module, row by row.

    Raises
    ------
    ValueError
        Naming the field, the value and the rule.
    """
    return _tiled((2, 4), (1030, 514), (8, 36), 0.075, (distance_mm, beam_centre_pixels),
                  (sensor_thickness_um, {"sensor_material": sensor_material}),
                  ("JUNGFRAU 4M: modules of converted images; pixels between chips are taken for ordinary ones",))


def rayonix_mx340hs(distance_mm: float, *, beam_centre_pixels: Sequence[float] | None = None,
                    sensor_thickness_um: float = 32.0, binning: int = 2,
                    attenuation_depth_um: float = 17.0) -> Detector:
    """Rayonix MX340-HS: one plane of 7680 x 7680 pixels of 44.27 um without gaps; by default binned 2 x 2.

    Source: Rayonix, MX-HS series specifications (340 mm, 4 x 4 sensors behind one phosphor, pixels); thickness and
    depth of the phosphor are those of DIALS's models of it near 1 Angstrom, for tables do not know how it is packed.

    Parameters
    ----------
    distance_mm, beam_centre_pixels, sensor_thickness_um
        As for `eiger2_16m`; the sensor is the phosphor.
    binning : {1, 2, 3, 4, 5, 6, 8, 10}
        Edge of a pixel in unbinned ones.
    attenuation_depth_um : float, optional
        1/e depth of the phosphor [micrometre].

    Returns
    -------
    Detector
        Of one panel.

    Raises
    ------
    ValueError
        Naming the field, the value and the rule.
    """
    if isinstance(binning, bool) or binning not in (1, 2, 3, 4, 5, 6, 8, 10):
        raise ValueError(f"binning: {shown(binning)} must be one of 1, 2, 3, 4, 5, 6, 8, 10")
    return _tiled((1, 1), (7680 // binning,) * 2, (0, 0), 0.04427 * binning, (distance_mm, beam_centre_pixels),
                  (sensor_thickness_um, {"attenuation_depth_um": attenuation_depth_um}),
                  ("MX340-HS: pixels of Rayonix's specifications, the phosphor as DIALS has it near 1 Angstrom",))
