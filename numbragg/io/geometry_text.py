"""The geometry of an image for other programs: CrystFEL's .geom, DIALS's .expt, XDS.INP; text, written only."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from ..kernels.arithmetic.vectors import cross, dot
from ..notes import Loud
from .literals import INT_MAX
from .rectangles import masked_rectangles
from .right_angles import at_right_angles

if TYPE_CHECKING:
    from .experiment import Experiment

__all__ = ["expt_text", "geom_text", "mask_notes", "xds_text"]

#: Rectangles of masked pixels of all panels that a file lists.
_GEOM_RECTANGLES, _EXPT_RECTANGLES = 500, 20_000


def _numbers(values: Any) -> list[float]:
    # no negative zeros
    return [float(value) + 0.0 for value in values]


def _masked(experiment: Experiment, most: int) -> list[list[tuple[int, int, int, int]]] | None:
    """Masked rectangles of each panel; None where there are too many in all."""
    found = []
    for panel in experiment.panels:
        rectangles = masked_rectangles(panel.mask, most)
        if rectangles is None or len(rectangles) > most:
            return None
        most -= len(rectangles)
        found.append(rectangles)
    return found


def mask_notes(experiment: Experiment, name: str, kind: str) -> tuple[str, ...]:
    """A note where a file leaves out masked pixels because there are too many of them to be listed.

    Parameters
    ----------
    experiment : io.experiment.Experiment
    name : str
        The file, for the message.
    kind : {"geom", "expt"}

    Returns
    -------
    tuple of str
        None or one.
    """
    most = _GEOM_RECTANGLES if kind == "geom" else _EXPT_RECTANGLES
    if _masked(experiment, most) is not None:
        return ()
    where = ("names the mask of the NXmx file, which CrystFEL reads beside it" if kind == "geom"
             else "has no mask; that of the images counts")
    return (Loud(f"{name}: masked pixels are more than {most} rectangles, which it does not list: it {where}"),)


# -- CrystFEL


def geom_text(experiment: Experiment, data: str = "/entry/data/data",
              mask: str | None = "/entry/instrument/detector/pixel_mask") -> str:
    """A CrystFEL geometry that opens the NXmx file of the same experiment.

    Parameters
    ----------
    experiment : io.experiment.Experiment
    data : str
        Where the images lie: (frame, rows, columns), one panel below the other.
    mask : str or None
        Where the mask lies; named if masked pixels are too many rectangles to be listed as bad regions.

    Returns
    -------
    str
    """
    nearest = min(panel.origin_mm[2] for panel in experiment.panels)
    lines = ["; written by numbragg; x and y of the first panel's corner, z and fs, ss as simulated",
             f"wavelength = {experiment.wavelength_angstrom!r} A", f"clen = {nearest / 1000.0!r} m",
             "adu_per_photon = 1", f"data = {data}", "dim0 = %", "dim1 = ss", "dim2 = fs"]
    rectangles = _masked(experiment, _GEOM_RECTANGLES)
    if rectangles is None and mask is not None:
        lines += [f"mask = {mask}", "mask_good = 0x0", "mask_bad = 0xffffffff"]
    row = 0
    for number, panel in enumerate(experiment.panels):
        pitch = math.hypot(*panel.fast_mm)
        fast, slow = panel.pixels
        lines += ["", f"p{number}/res = {1000.0 / pitch!r}",
                  f"p{number}/min_fs = 0", f"p{number}/max_fs = {fast - 1}",
                  f"p{number}/min_ss = {row}", f"p{number}/max_ss = {row + slow - 1}",
                  f"p{number}/corner_x = {panel.origin_mm[0] / pitch!r}",
                  f"p{number}/corner_y = {panel.origin_mm[1] / pitch!r}",
                  f"p{number}/coffset = {(panel.origin_mm[2] - nearest) / 1000.0!r}",
                  f"p{number}/fs = {_direction(panel.fast_mm, pitch)}",
                  f"p{number}/ss = {_direction(panel.slow_mm, pitch)}"]
        if rectangles is not None:
            for region, (first_f, end_f, first_s, end_s) in enumerate(rectangles[number]):
                name = f"bad_{number}_{region}"
                lines += [f"{name}/min_fs = {first_f}", f"{name}/max_fs = {end_f - 1}",
                          f"{name}/min_ss = {row + first_s}", f"{name}/max_ss = {row + end_s - 1}",
                          f"{name}/panel = p{number}"]
        row += slow
    return "\n".join(lines) + "\n"


def _direction(vector: Any, pitch: float) -> str:
    """A sum of x, y and z in pixels."""
    return " ".join(f"{value / pitch:+.17g}{axis}" for value, axis in zip(_numbers(vector), "xyz"))


# -- DIALS


def _dials(vector: Any) -> list[float]:
    """In DIALS's frame: half a turn about y."""
    x, y, z = _numbers(vector)
    return _numbers((-x, y, -z))


def expt_text(experiment: Experiment, frames: int = 1, largest: int = INT_MAX) -> str:
    """DIALS models of beam, detector, spindle and the first crystal, without images.

    Parameters
    ----------
    experiment : io.experiment.Experiment
        In the frame in which DIALS reads the images (`flat.in_frame_of_images`); as it is, that is NXmx's.
    frames : int
        Of a rotation.
    largest : int
        The largest value that counts in the images.

    Returns
    -------
    str
        JSON.
    """
    experiment, _ = at_right_angles(experiment, "DIALS models")
    turning = experiment.oscillation_deg != 0.0
    masks = _masked(experiment, _EXPT_RECTANGLES)
    made: dict[str, Any] = {
        "__id__": "ExperimentList",
        "experiment": [{"__id__": "Experiment", "identifier": "", "beam": 0, "detector": 0, "crystal": 0}
                       | ({"goniometer": 0, "scan": 0} if turning else {})],
        "imageset": [], "profile": [], "scaling_model": [],
        "beam": [{"__id__": "monochromatic", "direction": [0.0, 0.0, 1.0], "divergence": 0.0, "sigma_divergence": 0.0,
                  "wavelength": experiment.wavelength_angstrom, "flux": 0.0, "transmission": 1.0,
                  "polarization_normal": _dials(_normal(experiment)),
                  "polarization_fraction": _dials_fraction(experiment.polarisation_fraction)}],
        "detector": [{"panels": [_dials_panel(number, panel, largest, masks[number] if masks is not None else [])
                                 for number, panel in enumerate(experiment.panels)],
                      "hierarchy": {"name": "", "type": "", "fast_axis": [1.0, 0.0, 0.0], "slow_axis": [0.0, 1.0, 0.0],
                                    "origin": [0.0, 0.0, 0.0], "raw_image_offset": [0, 0], "image_size": [0, 0],
                                    "pixel_size": [0.0, 0.0], "trusted_range": [0.0, 0.0], "thickness": 0.0,
                                    "material": "", "mu": 0.0, "identifier": "", "mask": [], "gain": 1.0,
                                    "pedestal": 0.0, "px_mm_strategy": {"type": "SimplePxMmStrategy"},
                                    "children": [{"panel": n} for n in range(len(experiment.panels))]}}],
        "goniometer": [], "scan": [],
        "crystal": [_dials_crystal(experiment.crystals[0])],
    }
    if turning:
        made["goniometer"] = [{"rotation_axis": _dials(experiment.spindle_axis),
                               "fixed_rotation": [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
                               "setting_rotation": [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]}]
        made["scan"] = [{"image_range": [1, frames], "batch_offset": 0, "valid_image_ranges": {},
                         "oscillation": [experiment.phi_start_deg, experiment.oscillation_deg],
                         "exposure_time": [experiment.exposure_s] * frames, "epochs": [0.0] * frames}]
    return json.dumps(made, indent=1) + "\n"


def _normal(experiment: Experiment) -> Any:
    """Normal of the plane of polarisation: at right angles to the beam and the electric field."""
    x, y, _ = experiment.polarisation_axis
    return (y, -x, 0.0)


def _dials_fraction(kahn: float | None) -> float:
    """DIALS's fraction of photons, from the degree of polarisation."""
    return 0.5 if kahn is None else 0.5 * (1.0 + kahn)


def _dials_panel(number: int, panel: Any, largest: int, mask: Any) -> dict[str, Any]:
    sensor = _dials_sensor(panel)
    fast, slow = (math.hypot(*vector) for vector in (panel.fast_mm, panel.slow_mm))
    return {"name": f"p{number}", "type": "SENSOR_PAD", "identifier": "",
            "fast_axis": _dials(v / fast for v in panel.fast_mm), "slow_axis": _dials(v / slow for v in panel.slow_mm),
            "origin": _dials(panel.origin_mm), "raw_image_offset": [0, 0], "image_size": list(panel.pixels),
            "pixel_size": [fast, slow], "trusted_range": [0.0, float(largest)], **sensor,
            "mask": [[f, s, end_f, end_s] for f, end_f, s, end_s in mask], "gain": 1.0, "pedestal": 0.0}


def _dials_sensor(panel: Any) -> dict[str, Any]:
    """Thickness [mm], attenuation [1/mm] and the correction that goes with them: spots lie at the depth of a sensor."""
    thickness, mu = panel.thickness_um / 1000.0, 1000.0 / panel.depth_um if panel.depth_um > 0.0 else 0.0
    strategy = ({"type": "ParallaxCorrectedPxMmStrategy"} if thickness > 0.0 and mu > 0.0
                else {"type": "SimplePxMmStrategy"})
    return {"thickness": thickness, "material": panel.material, "mu": mu, "px_mm_strategy": strategy}


def _dials_crystal(crystal: Any) -> dict[str, Any]:
    a, b, c = (tuple(column) for column in crystal.a_matrix.T.tolist())
    volume = dot(a, cross(b, c))
    real = [[v / volume for v in cross(*pair)] for pair in ((b, c), (c, a), (a, b))]
    return {"__id__": "crystal", **{f"real_space_{name}": _dials(row) for name, row in zip("abc", real)},
            "space_group_hall_symbol": " P 1"}


# -- XDS


def xds_text(experiment: Experiment, template: str, frames: int = 1, first: int = 1) -> str:
    """An XDS.INP for a rotation series of one panel; the frame is that of NXmx.

    Parameters
    ----------
    experiment : io.experiment.Experiment
    template : str
        Names of the images, with question marks for the number.
    frames : int
    first : int
        Number of the first image.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If there are several panels, or the axes are not at right angles; or names have control characters.
    """
    if len(experiment.panels) != 1:
        raise ValueError(f"XDS.INP: the detector has {len(experiment.panels)} panels; one is written")
    if any(c < " " for c in template):
        raise ValueError(f"XDS.INP: {template!r} must have no line feeds or other control characters, for it is a word"
                         " of a line")
    panel = experiment.panels[0]
    fast, slow = (math.hypot(*vector) for vector in (panel.fast_mm, panel.slow_mm))
    x, y = ([v / length for v in vector] for vector, length in ((panel.fast_mm, fast), (panel.slow_mm, slow)))
    if abs(sum(a * b for a, b in zip(x, y))) > 1e-6:
        raise ValueError("XDS.INP: fast and slow are not at right angles")
    normal = (x[1] * y[2] - x[2] * y[1], x[2] * y[0] - x[0] * y[2], x[0] * y[1] - x[1] * y[0])
    origin = panel.origin_mm
    # XDS's pixels have their centres at whole numbers from 1
    centre = [0.5 - math.fsum(o * a for o, a in zip(origin, axis)) / length for axis, length in ((x, fast), (y, slow))]

    smv, numbers = template.endswith(".img"), f"{first} {first + frames - 1}"

    def vector(values: Any) -> str:
        return " ".join(f"{value:.9f}" for value in _numbers(values))

    fraction = 0.5 if experiment.polarisation_fraction is None else 0.5 * (1.0 + experiment.polarisation_fraction)
    return "\n".join((
        "! written by numbragg",
        "JOB= XYCORR INIT COLSPOT IDXREF DEFPIX INTEGRATE CORRECT",
        f"NAME_TEMPLATE_OF_DATA_FRAMES= {template}", f"DATA_RANGE= {numbers}",
        f"SPOT_RANGE= {numbers}",
        f"DETECTOR= {'ADSC' if smv else 'PILATUS'} MINIMUM_VALID_PIXEL_VALUE= 0 OVERLOAD= {65535 if smv else INT_MAX}",
        f"NX= {panel.pixels[0]} NY= {panel.pixels[1]} QX= {fast:.9g} QY= {slow:.9g}",
        f"ORGX= {centre[0]:.6f} ORGY= {centre[1]:.6f}",
        f"DETECTOR_DISTANCE= {math.fsum(o * n for o, n in zip(origin, normal)):.6f}",
        f"DIRECTION_OF_DETECTOR_X-AXIS= {vector(x)}", f"DIRECTION_OF_DETECTOR_Y-AXIS= {vector(y)}",
        f"ROTATION_AXIS= {vector(experiment.spindle_axis)}", "INCIDENT_BEAM_DIRECTION= 0 0 1",
        f"X-RAY_WAVELENGTH= {experiment.wavelength_angstrom:.9g}",
        f"STARTING_ANGLE= {experiment.phi_start_deg:.9g} OSCILLATION_RANGE= {experiment.oscillation_deg:.9g}",
        f"FRACTION_OF_POLARIZATION= {fraction:.6g}",
        f"POLARIZATION_PLANE_NORMAL= {vector(_normal(experiment))}",
        "SPACE_GROUP_NUMBER= 0", "TRUSTED_REGION= 0.0 1.5", "")) + "\n"
