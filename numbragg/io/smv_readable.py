"""SMV images that other programs place rightly: a header as ADSC's detectors have it, and its beam centre as MOSFLM's.

nanoBragg's own header (`smv.header_text`) says BEAMLINE=fake, by which dxtbx takes the beam centre for adxv's.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from .dates import date_text
from .experiment import EPOCH, plain_text
from .flat import flat
from .one_image import file_images, one_image
from .smv import made_header

if TYPE_CHECKING:
    from .experiment import Experiment

__all__ = ["write_readable_smv"]


def write_readable_smv(file: BinaryIO, image: Any, experiment: Experiment, *, start_deg: float | None = None,
                       pedestal: float = 0.0, date: str = EPOCH) -> None:
    """Write an image as SMV that dxtbx and MOSFLM place as it was simulated.

    Parameters
    ----------
    file : binary file object
    image : (slow, fast) uint16 array, or sequence of one for each panel
        Masked pixels, and those between panels, are written as 0.
    experiment : io.experiment.Experiment
        One flat panel normal to the beam, or several on one grid of pixels; pixels are square.
    start_deg : float or None
        Spindle at the start of the frame; None: as in the experiment.
    pedestal : float
        What was added to every pixel; of an experiment that has a recording, that says it.
    date : str
        ISO 8601.

    Raises
    ------
    ValueError
        If the image is not of such integers, or of another size than the detector; or if a header cannot say what
        the detector is; or the date is none.
    """
    date = date_text(date)
    experiment = one_image(experiment)
    detector = flat(experiment, "SMV", turning=experiment.oscillation_deg != 0.0, square=True)
    pixels, = file_images(experiment, image, lambda dtype: dtype == np.uint16, "uint16")
    mask = experiment.panels[0].mask
    if mask is not None:
        pixels = np.where(np.asarray(mask) == 0, np.uint16(0), pixels)
    pitch, (fast, slow) = detector.pixel_mm[0], detector.beam_centre_pixels
    values = {
        "PIXEL_SIZE": pitch, "DISTANCE": detector.distance_mm, "WAVELENGTH": experiment.wavelength_angstrom,
        # MOSFLM's x is along slow
        "BEAM_CENTER_X": slow * pitch, "BEAM_CENTER_Y": fast * pitch,
        # XDS's pixels have their centres at whole numbers from 1
        "XDS_ORGX": fast + 0.5, "XDS_ORGY": slow + 0.5,
        "PHI": experiment.phi_start_deg if start_deg is None else start_deg,
        "OSC_START": experiment.phi_start_deg if start_deg is None else start_deg,
        "OSC_RANGE": experiment.oscillation_deg, "TWOTHETA": 0.0, "AXIS": "phi",
        "TIME": experiment.exposure_s, "EXPOSURE": experiment.exposure_s, "DATE": _date(date),
        "IMAGE_PEDESTAL": pedestal, "GAIN": 1.0, "CCD_IMAGE_SATURATION": np.iinfo(np.uint16).max,
        "DETECTOR_SN": "1"}
    recording = experiment.recording
    if recording is not None:
        values |= {"IMAGE_PEDESTAL": float(recording.offset), "GAIN": recording.gain,
                   "CCD_IMAGE_SATURATION": recording.saturation, "RESPONSE": recording.text}
    if experiment.background:
        values["BACKGROUND"] = plain_text(experiment.background)
    file.write(made_header(values, pixels, "u2"))
    file.write(np.ascontiguousarray(pixels).reshape(-1).view(np.uint8).data)


def _date(text: str) -> str:
    """ISO 8601 as ADSC's headers have it: Thu Jan 1 00:00:00 1970, in English whatever the locale."""
    when = datetime.fromisoformat(text)
    day = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[when.weekday()]
    month = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")[when.month - 1]
    return f"{day} {month} {when.day:2} {when:%H:%M:%S} {when.year}"
