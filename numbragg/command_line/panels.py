"""What `--detector` names: a detector of panels, by its name or from a file, in the place of nanoBragg's one plane."""

import os

from ..io.endings import without_compression
from .values import CommandLineError, quoted

# start-up: detectors, and NumPy with them, are imported where one is named

__all__ = ["OF_A_PLANE", "check_panels", "read_panels"]

#: What describes nanoBragg's own plane, or is made of it only.
OF_A_PLANE = (
    "-close_distance -pixel -detpixels -detpixels_f -detpixels_s -detsize -detsize_f -detsize_s -img -mask -Xbeam"
    " -Ybeam -Xclose -Yclose -ORGX -ORGY -detector_rotx -detector_roty -detector_rotz -twotheta -curved_det"
    " -point_pixel -beam_vector -fdet_vector -sdet_vector -odet_vector -polar_vector -spindle_axis -twotheta_axis"
    " -pix0_vector -pivot -roi -intfile -scale -adc"
    " -noisefile -pgmfile -pgmscale -printout -printout_pixel").split()
_SENSOR = ("-detector_thick", "-detector_abs", "-detector_thicksteps")
_GEOMETRY, _EXPERIMENTS = (".geom",), (".expt", ".json")


def _kind(name):
    """"geometry", "experiments" or "header", by the name of a file; "name" for a detector's own."""
    from ..detectors import __all__ as names

    if name in names:
        return "name"
    plain = without_compression(name).lower()
    if plain.endswith(_GEOMETRY):
        return "geometry"
    if plain.endswith(_EXPERIMENTS):
        return "experiments"
    if not os.path.exists(name):
        raise CommandLineError(f"--detector {quoted(name)}: is neither a file nor one of {', '.join(sorted(names))}")
    return "header"


def check_panels(line):
    """Refuse options that do not go with `--detector`, or need it.

    Parameters
    ----------
    line : numbragg.command_line.line.CommandLine
        As `parse` made it.

    Raises
    ------
    CommandLineError
    """
    given = line.given
    if line.detector is None:
        if line.detector_model is not None:
            raise CommandLineError(f"{given['--detector-model'].said}: needs --detector and a file of DIALS's models")
        if line.beam_centre_pixels is not None:
            raise CommandLineError(f"{given['--beam-centre-pixels'].said}: needs --detector and a detector's name; for "
                                   "nanoBragg's plane there are -Xbeam and -Ybeam")
        return
    said = given["--detector"].said
    for name in OF_A_PLANE:
        if name in given:
            raise CommandLineError(f"{given[name].said}: does not go with {said}: it is of nanoBragg's one plane")


def read_panels(line):
    """The detector that `--detector` names, in the frame of the convention that was asked for, by default "adxv".

    Parameters
    ----------
    line : numbragg.command_line.line.CommandLine
        After `check_panels`.  Convention and sizes are entered into its draft, what is worth knowing into its notices.

    Returns
    -------
    numbragg.Detector

    Raises
    ------
    CommandLineError
        If an option does not go with the kind of detector.
    ValueError, OSError
        If there is no such detector, or the file is not what it should be, or cannot be read.
    """
    import warnings

    from ..notes import NumbraggWarning
    from .remarks_detector import CONVENTIONS

    given, kind = line.given, _kind(line.detector)
    said = given["--detector"].said
    takes = {"name": {"-distance", "-detector_thick", "--beam-centre-pixels"}, "geometry": {"-distance", *_SENSOR},
             "experiments": {"--detector-model"}, "header": set()}[kind]
    if "--detector-model" in given and "--detector-model" not in takes:
        raise CommandLineError(f"{given['--detector-model'].said}: does not go with {said}; it is for DIALS's models"
                               " (.expt, .json)")
    for name in ("-distance", *_SENSOR, "--beam-centre-pixels"):
        if name in given and name not in takes:
            raise CommandLineError(f"{given[name].said}: does not go with {said}, which has its own")
    if kind == "name" and "-distance" not in given:
        raise CommandLineError(f"{said}: needs -distance, from the sample to its plane [mm]")
    named = [name for name in CONVENTIONS if name in given]
    with warnings.catch_warnings():
        # they are among the notes
        warnings.simplefilter("ignore", NumbraggWarning)
        detector = _read(line, kind, {name: use.values[0] for name, use in given.items() if use.values})
    if named:
        detector = detector.in_convention(line.draft.convention)
    line.draft.convention = detector.convention
    # what Python calls an argument is an option here
    line.notices += [type(note)(note.replace("distance_mm", "-distance")) for note in detector.notes]
    return detector


def _of_experiment(detectors, line):
    try:
        return detectors.from_expt(line.detector, line.detector_model)
    except ValueError as error:
        said = str(error)
        if not said.startswith("index: "):
            raise
        number = "is not given" if line.detector_model is None else str(line.detector_model)
        raise CommandLineError("--detector-model: " + number + said.removeprefix("index: ").removeprefix(
            str(line.detector_model)).replace("(index, --detector-model)", "(--detector-model)")) from error


def _read(line, kind, values):
    from .. import detectors
    from ..configs.detector import Detector

    if kind == "header":
        return Detector.from_header(line.detector)
    if kind == "experiments":
        return _of_experiment(Detector, line)
    thickness = values.get("-detector_thick")
    if kind == "name":
        more = {} if thickness is None else {"sensor_thickness_um": thickness}
        return getattr(detectors, line.detector)(values["-distance"], beam_centre_pixels=line.beam_centre_pixels,
                                                 **more)
    depth = values.get("-detector_abs")
    try:
        return Detector.from_geom(line.detector, values.get("-distance"), sensor_thickness_um=thickness or 0.0,
                                  attenuation_depth_um=depth, sensor_layers=values.get("-detector_thicksteps"))
    except ValueError as error:
        said = str(error).replace("give distance_mm", "give -distance").replace(
            "attenuation_depth_um or sensor_material", "-detector_abs").replace(
            "give shift_mm", "put a number there (Python's shift_mm has no option)")
        raise CommandLineError(said.replace("sensor_thickness_um:", "-detector_thick:")) from error
