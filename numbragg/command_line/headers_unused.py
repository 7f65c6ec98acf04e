"""Notes on what the header of an SMV image says of a geometry that is not simulated: keywords that nobody reads."""

import math
import re

from ..io.errors import shown
from ..io.literals import decimal
from ..notes import Loud
from ..scene.centres import CENTRES
from ..scene.units import to_degrees
from .values import quoted

# start-up: what takes a header apart, and NumPy with it, is imported where there is a header

__all__ = ["unused_notes"]

#: Keywords of angles that change what is simulated where they are not 0, and the options that say the same.
_ANGLES = (
    (re.compile(r"OSC_START|(GONIO_)?(OMEGA|KAPPA|CHI)(_START)?|ROTATION(_START)?|CRYSTAL_GONIO_VALUES"), ("-phi",)),
    (re.compile(r"(DET(ECTOR)?_)?(ROT_?[XYZ]|TILT(_?[XYZ])?|ROLL|PITCH|YAW)"),
     ("-detector_rotx", "-detector_roty", "-detector_rotz")),
    (re.compile(r"(DET(ECTOR)?_)?(TWO_THETA|2_?THETA|TTH)|DET(ECTOR)?_TWOTHETA"), ("-twotheta", "-twotheta_axis")),
    (re.compile(r"(?!CRYSTAL_)(\w*_)?GONIO_VALUES"), ("-detector_rotx", "-twotheta", "-distance", "-close_distance")),
)
#: Keywords of beam centres.
_CENTRE = re.compile(r"BEAM_CENTER_[XY]|(ADXV|MOSFLM)_CENTER_[XY]|DENZO_([XY]_BEAM|[XY]BEAM)|(XDS_)?ORG[XY]|"
                     r"(DETECTOR_)?(BEAM|CENT(ER|RE))_?[XY]|BEAM_?[XY]|\w*SPATIAL_BEAM_POSITION")
#: The centres that are read, by their kind, and the options for them.
_READ = {"beam": ("BEAM_CENTER_X", "BEAM_CENTER_Y", "-Xbeam", "-Ybeam"), "close": ("", "", "-Xclose", "-Yclose"),
         "ORG": ("ORGX", "ORGY", "-ORGX", "-ORGY")}
_NOT_BINNED = ("", "NONE", "1", "1X1", "1 1", "HWUNBINNED")


def unused_notes(line, name, header):
    """Notes on keywords of a header that are not read and would change the geometry.

    Parameters
    ----------
    line : numbragg.command_line.line.CommandLine
        With headers and options entered.
    name : str
        The file.
    header : numbragg.io.smv.SmvHeader

    Returns
    -------
    list of str
        Those on angles and centres are `notes.Loud`.
    """
    from ..io.smv_pixels import entries

    words = {word.decode("ascii", "replace"): value.decode("ascii", "replace").strip()
             for word, value in entries(header.text)}
    given = {use.option.name for use in line.uses}
    notes = [*_angles(line.draft, name, words, given), *_centres(line.draft, name, words)]
    binning = words.get("BIN", "")
    if binning.upper() not in _NOT_BINNED and "-pixel" not in given:
        notes.append(f"{quoted(name)}: BIN of the header, {_said(binning)}, is not used: PIXEL_SIZE is taken for that"
                     " of the binned pixels")
    return notes


def _said(value):
    return shown(value.encode("ascii", "replace"))


def _angles(draft, name, words, given):
    phi, unused = to_degrees(draft.phi_start), []
    for word, value in words.items():
        numbers = [number for text in re.split(r"[\s,]+", value) if (number := decimal(text)) is not None]
        for pattern, options in _ANGLES:
            if not pattern.fullmatch(word) or not given.isdisjoint(options):
                continue
            # the spindle angle under another name
            same = "-phi" in options and all(math.isclose(number, phi, abs_tol=1e-6) for number in numbers)
            if any(numbers) and not same:
                unused.append(f"{word}={_said(value)}")
    if unused:
        yield Loud(f"{quoted(name)}: not used of the header, as in nanoBragg: {', '.join(unused)} (give -phi, -misset,"
                   " -twotheta or -detector_rotx, -detector_roty, -detector_rotz where they matter)")


def _centres(draft, name, words):
    """On a header with a centre that does not place the detector, which is centred then."""
    there = {"beam": (draft.beam_x, draft.beam_y), "close": (draft.close_x, draft.close_y),
             "ORG": (draft.origin_x, draft.origin_y)}
    used = CENTRES[draft.convention]
    stated = [word for word, value in words.items() if _CENTRE.fullmatch(word)]
    if stated and not any(value == value for kind in used for value in there[kind]):
        keys, options = _READ[used[0]][:2], _READ[used[0]][2:]
        yield Loud(f"{quoted(name)}: {', '.join(stated)} of the header does not place the detector: the"
                   f" {draft.convention} convention takes its centre from {' '.join(keys)}, and without it the middle"
                   f" is used (give {' '.join(options)})")
