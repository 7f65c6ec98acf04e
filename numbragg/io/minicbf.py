"""miniCBF images: one flat plane, 32-bit integers packed by differences, a header as Pilatus detectors have it."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from .dates import date_text
from .experiment import EPOCH, plain_text
from .flat import flat
from .literals import INT_MAX
from .one_image import file_images, one_image
from .sensors import sensor_of

if TYPE_CHECKING:
    from .experiment import Experiment, Recording

# start-up: fabio is an extra and imported with the first file

__all__ = ["check_recording", "write_minicbf"]

_START = b"\x0c\x1a\x04\xd5"
#: Sensors as the header names them; without one readers move no pixel for its depth.
_SENSORS = {"Si": "Silicon", "CdTe": "CdTe", "GaAs": "GaAs"}


def check_recording(recording: Recording) -> None:
    """Refuse what is no count, before anything is computed: ValueError that names the field of the response."""
    if recording.raw:
        raise ValueError("gain_stages.output: 'raw' must be 'corrected' in miniCBF, which holds counts; NXmx and SMV "
                         "hold raw numbers")
    if recording.offset:
        raise ValueError(f"offset_adu: {recording.offset} must be 0 in miniCBF, whose header has no word for it; NXmx "
                         "and SMV have")
    if recording.below_zero:
        raise ValueError(f"{recording.below_zero} makes counts below 0, which in miniCBF are pixels that are left out; "
                         "NXmx holds them, and so does an unsigned dtype, which cuts them at 0")


def write_minicbf(file: BinaryIO, image: Any, experiment: Experiment, *, start_deg: float | None = None,
                  count_cutoff: int = INT_MAX, date: str = EPOCH) -> None:
    """Write an image as miniCBF.

    Parameters
    ----------
    file : binary file object
    image : (slow, fast) array of integers, or sequence of one for each panel
        Of at most 32 bits; masked pixels, and those between panels, are written as -1.
    experiment : io.experiment.Experiment
        One flat panel normal to the beam, or several on one grid of pixels.
    start_deg : float or None
        Spindle at the start of the frame; None: as in the experiment.
    count_cutoff : int
        The largest value that counts.
    date : str
        ISO 8601.

    Raises
    ------
    ImportError
        fabio is not installed.
    ValueError
        If the image is not of such integers, or of another size than the detector; or if a header cannot say what
        the detector is; or the date is none.
    """
    date = date_text(date)
    experiment = one_image(experiment)
    detector = flat(experiment, "miniCBF", turning=experiment.oscillation_deg != 0.0)
    recording = experiment.recording
    if recording is not None:
        check_recording(recording)
        count_cutoff = min(count_cutoff, recording.saturation)
    try:
        from fabio.compression import compByteOffset
    except ImportError as error:
        raise ImportError("writing CBF images needs fabio: pip install fabio") from error
    pixels, = file_images(experiment, image, lambda dtype: dtype.kind in "iu", "whole numbers")
    panel = experiment.panels[0]
    mask = None if panel.mask is None else np.asarray(panel.mask) == 0
    counted = pixels if mask is None else np.where(mask, pixels.dtype.type(0), pixels)
    if counted.size and int(counted.max()) > INT_MAX:
        raise ValueError("image: a pixel is above 2^31 - 1, the largest of a CBF image")
    if counted.size and int(counted.min()) < 0:
        raise ValueError(f"image: {int(counted.min())} must be 0 or more, a count; -1 marks pixels that the detector's "
                         "mask leaves out")
    pixels = counted.astype(np.int32, copy=False)
    if mask is not None:
        pixels = np.where(mask, np.int32(-1), pixels)
    blob = compByteOffset(np.ascontiguousarray(pixels))
    fast, slow = detector.pixels
    binary = "\r\n".join((
        "--CIF-BINARY-FORMAT-SECTION--", "Content-Type: application/octet-stream;",
        '     conversions="x-CBF_BYTE_OFFSET"', "Content-Transfer-Encoding: BINARY", f"X-Binary-Size: {len(blob)}",
        "X-Binary-ID: 1", 'X-Binary-Element-Type: "signed 32-bit integer"',
        "X-Binary-Element-Byte-Order: LITTLE_ENDIAN",
        "Content-MD5: " + base64.b64encode(hashlib.md5(blob, usedforsecurity=False).digest()).decode(),
        f"X-Binary-Number-of-Elements: {fast * slow}", f"X-Binary-Size-Fastest-Dimension: {fast}",
        f"X-Binary-Size-Second-Dimension: {slow}", "X-Binary-Size-Padding: 0", "", ""))
    material, thickness = sensor_of(panel, experiment.wavelength_angstrom)
    start = experiment.phi_start_deg if start_deg is None else start_deg
    header = "\r\n".join(f"# {line}" for line in (
        "Detector: numbragg simulated, S/N 00-0000", date.rstrip("Z") + ".000",
        f"Pixel_size {detector.pixel_mm[0] * 1e-3:.10g} m x {detector.pixel_mm[1] * 1e-3:.10g} m",
        *([f"{_SENSORS[material]} sensor, thickness {thickness * 1e-6:.6f} m"] if panel.thickness_um > 0.0 else []),
        f"Exposure_time {experiment.exposure_s:.7f} s", f"Exposure_period {experiment.exposure_s:.7f} s",
        f"Count_cutoff {count_cutoff} counts",
        f"Wavelength {experiment.wavelength_angstrom:.8g} A", f"Detector_distance {detector.distance_mm * 1e-3:.9g} m",
        f"Beam_xy ({detector.beam_centre_pixels[0]:.6f}, {detector.beam_centre_pixels[1]:.6f}) pixels",
        f"Start_angle {start:.10g} deg.", f"Angle_increment {experiment.oscillation_deg:.10g} deg.",
        *([] if recording is None else [f"Response: {recording.text}"]),
        *([f"Background: {plain_text(experiment.background)}"] if experiment.background else [])))
    text = "\r\n".join((
        "###CBF: VERSION 1.5, numbragg", "", "data_image", "", '_array_data.header_convention "GENERIC_MINI"',
        "_array_data.header_contents", ";", header, ";", "", "_array_data.data", ";", ""))
    file.write(text.encode("ascii") + binary.encode("ascii") + _START + blob +
               b"\r\n--CIF-BINARY-FORMAT-SECTION----\r\n;\r\n")
