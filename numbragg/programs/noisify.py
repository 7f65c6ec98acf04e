"""What noisify makes of a float image: photons, point spread, pixels, and headers."""

from dataclasses import dataclass
import math
import os
import stat
import sys

import numpy as np

from .. import memory
from ..io.errors import format_error
from ..io.literals import INT_MAX
from ..io.smv import general, read_header
from ..kernels.detector.random import empty_table, new_stream
from ..kernels.drive.crew import Chunk, Crew, available_threads
from ..kernels.programs.noisify import digitise, draw_photons, photon_scale
from ..kernels.programs.spread import FIBER, GAUSS, largest_radius, scatter, spread_radii, spread_table
from ..notes import Loud, Misleading
from ..scene.pixels import LARGEST_PIXEL
from ..scene.size import R_E_SQR
from ..scene.units import from_mm
from .asked import header_of, not_finite

__all__ = ["Noisy", "made"]

_KINDS = {"gauss": GAUSS, "gaussian": GAUSS, "fiber": FIBER}
#: noisify's own seed of the calibration: positive, and so the generator does not begin anew with it.
_CALIBRATION_SEED = 123456789
#: Steps of rows that a thread takes at once.
_BANDS = 4
#: Pixels that are doubles at once.
_AT_ONCE = 1 << 18


@dataclass(slots=True, eq=False)
class Noisy:
    """The images of a run."""

    header: bytes
    pixels: np.ndarray  # (slow, fast) uint16 or uint32, without noise
    greys: np.ndarray  # (slow, fast) uint8
    noisy: np.ndarray | None
    lines: list  # of the report


# -- size and header


def _guessed(pixels):
    """Numbers of pixels (fast, slow) of an image of so many: the divisors nearest to each other."""
    fast = math.isqrt(pixels)
    while pixels % fast:
        fast -= 1
    return fast, pixels // fast


def _shape(line, size):
    """Numbers of pixels (fast, slow) of so many bytes; of a stream, whose size is None, they must be given."""
    if size is None:
        fast, slow = line.draft.pixels_f, line.draft.pixels_s
        if not fast or not slow:
            raise format_error(line.input, "is a stream, whose size does not tell the numbers of pixels: give "
                                           "-detpixels, or both -detpixels_x and -detpixels_y, or -header")
        return fast, slow
    fast, slow, pixels = line.draft.pixels_f, line.draft.pixels_s, size // 4
    if not pixels:
        raise format_error(line.input, f"has {size} bytes, not one pixel of 4")
    if not fast and not slow:
        fast, slow = _guessed(pixels)
        line.notices.append(f"number of pixels guessed from the size of the image: {fast} x {slow} (give -detpixels)")
    fast, slow = fast or pixels // slow, slow or pixels // fast
    if not fast or not slow or 4 * fast * slow > size:
        raise format_error(line.input, f"has {size} bytes; an image of {fast} x {slow} pixels has {4 * fast * slow}")
    if 4 * fast * slow < size:
        line.notices.append(Loud(f"{os.fsdecode(line.input)}: has {size} bytes; an image of {fast} x {slow} pixels has"
                                 f" {4 * fast * slow}: the rest is left out, as in noisify"))
    return fast, slow


def _of_stream(line, file, fast, slow):
    """The image, flat, from a pipe or a terminal; what follows is left unread."""
    image = np.empty(fast * slow, np.float32)
    # as much as there is, however it comes
    there = file.readinto(memoryview(image.view(np.uint8)))
    if there < image.nbytes:
        raise format_error(line.input, f"ends after {there} bytes; an image of {fast} x {slow} pixels has "
                                       f"{image.nbytes}")
    if file.read(1):
        line.notices.append(Loud(f"{os.fsdecode(line.input)}: has more than the {image.nbytes} bytes of an image of "
                                 f"{fast} x {slow} pixels: the rest is left out, as in noisify"))
    return image


def _copied_header(line):
    """The header of another image, whose numbers of pixels are entered."""
    header = read_header(line.header)
    line.draft.pixels_f, line.draft.pixels_s = header.width, header.height
    pixel = header.value("PIXEL_SIZE")
    if not math.isnan(pixel):
        if not 0.0 < pixel < math.inf:
            raise format_error(line.header, f"PIXEL_SIZE gives {pixel:g}; must be greater than zero and finite")
        line.draft.pixel_size = from_mm(pixel)
    if line.bits == "32":
        line.notices.append(Misleading(f"{os.fsdecode(line.header)}: its header is copied as it is, whatever it says of"
                                       " the pixels: those that follow have 32 bits"))
    return header.content


def _made_header(line, fast, slow):
    """A header as noisify makes it."""
    p = line.draft
    size_f, size_s = p.pixel_size * fast, p.pixel_size * slow
    x = size_f / 2.0 if math.isnan(p.beam_x) else p.beam_x
    y = size_s / 2.0 if math.isnan(p.beam_y) else p.beam_y
    phi = general(line.phi)
    values = [
        ("HEADER_BYTES", "512"), ("DIM", "2"), ("BYTE_ORDER", f"{sys.byteorder}_endian"),
        ("TYPE", "unsigned_short" if line.bits == "16" else "long_integer"), ("SIZE1", str(fast)), ("SIZE2", str(slow)),
        ("PIXEL_SIZE", general(p.pixel_size * 1000.0)), ("DISTANCE", general(p.distance * 1000.0)),
        ("WAVELENGTH", general(line.wavelength)), ("BEAM_CENTER_X", general(x * 1000.0)),
        ("BEAM_CENTER_Y", general((size_s - y) * 1000)), ("PHI", phi), ("OSC_START", phi),
        ("OSC_RANGE", general(line.oscillation)), ("DETECTOR_SN", "000"), ("BEAMLINE", "fake")]
    return header_of(values)


def _read(line):
    """The image, flat, its shape and the header."""
    header = None if line.header is None else _copied_header(line)
    with open(line.input, "rb") as file:
        found = os.fstat(file.fileno())
        size = found.st_size if stat.S_ISREG(found.st_mode) else None
        fast, slow = _shape(line, size)
        # the image, both kinds of integers, both images that are written, the grey one; what is spread
        each = 4 + 2 + 4 + 2 * (2 if line.bits == "16" else 4) + 1 + (8 if line.psf is not None else 0)
        memory.require(each * fast * slow, f"noisify: the images of {fast} x {slow} pixels")
        # a file that is shorter has been refused, and a stream may be
        image = np.fromfile(file, np.float32, fast * slow) if size is not None else _of_stream(line, file, fast, slow)
    if header is None:
        header = _made_header(line, fast, slow)
    if len(header) > 512 and line.header is None:
        line.notices.append(Misleading(f"the SMV header takes {len(header)} bytes but says 512, as in noisify: readers"
                                       " will find the pixels shifted"))
    return image, fast, slow, header


# -- point spread


def _scaled(line, image):
    """Bring the image to photons, in place, and note what is odd. Returns a line of the report."""
    name, notes = os.fsdecode(line.input), line.notices
    factor = line.fluence * R_E_SQR * line.photon_scale
    of_file = not_finite(name, image)
    largest, negative = photon_scale(image, factor)
    if negative:
        notes.append(Loud(f"{name}: {negative} pixels are negative"))
    # what spreads light needs numbers, and names what has none
    wanted = "" if line.psf is None or not line.psf_fwhm > 0.0 else "; the point spread (-psf) needs numbers"
    found = of_file or not_finite(f"{name}: multiplied by {factor:g} (-scale, -fluence)", image)
    if found and wanted:
        raise ValueError(f"{found[0]}{wanted}")
    notes += found
    photons = largest * line.photon_scale * line.fluence * R_E_SQR
    return f"largest {largest:g} ({photons:g} photons)"


def _spread(line, image, fast, slow):
    """The image after the point spread, flat."""
    if found := not_finite("noise image", image):
        raise ValueError(f"noisify: {found[0]}; the point spread (-psf) needs numbers")
    kind, fwhm = _KINDS[line.psf], float(np.float32(line.psf_fwhm)) / line.draft.pixel_size
    most = max(fast, slow)
    brightest = max(0.0, float(image.max()))
    out = np.zeros_like(image)
    if brightest <= 0.0:
        line.notices.append("no photons: no point spread")
        return out
    radius = min(line.psf_radius, most) or largest_radius(kind, fwhm, brightest, most)
    memory.require(8 * (2 * radius + 1) ** 2, f"noisify: weights of a point spread of {radius} pixels")
    table = np.zeros((2 * radius + 1, 2 * radius + 1))
    spread_table(kind, fwhm, radius, table)
    radii = np.zeros(len(image), np.int32)
    lost = spread_radii(kind, fwhm, line.psf_radius, most, image, radii)
    threads = line.threads or available_threads()
    rows = max(1, -(-slow // (_BANDS * threads))) if threads > 1 else slow
    reach = int(radii.max())

    def work(band):
        scatter(image, fast, radii, table, reach, band.start, band.stop, out)

    Crew(threads).run(work, [Chunk(first, min(first + rows, slow), 0) for first in range(0, slow, rows)])
    # summed as a double and spread evenly
    for start in range(0, len(out), _AT_ONCE):
        part = out[start:start + _AT_ONCE]
        part[:] = (part.astype(np.float64) + lost / len(out)).astype(np.float32)
    return out


# -- the run


def _streams(line):
    """Streams of both seeds: they share table, spare deviate and what is remembered of the last mean."""
    own = new_stream(-line.seed, empty_table())
    seed = _CALIBRATION_SEED if line.calibration_seed is None else -line.calibration_seed
    return own, own._replace(seed=np.array([seed], dtype=np.int64))


def made(line):
    """Read the image and make everything.

    Parameters
    ----------
    line : numbragg.programs.noisify_words.NoisifyLine
        With a seed.

    Returns
    -------
    Noisy

    Raises
    ------
    ValueError, OSError
        If a file cannot be read or has not the pixels that are asked for.
    """
    image, fast, slow, header = _read(line)
    noise = line.outputs.calculate_noise
    lines = [f"{fast} x {slow} pixels; {_scaled(line, image)}"]
    spreads = line.psf is not None and line.psf_fwhm > 0.0
    if spreads and not noise:
        image = _spread(line, image, fast, slow)
    own, of_calibration = _streams(line)
    shorts, integers = np.empty(len(image), np.uint16), np.empty(len(image), np.uint32)

    def pixels():
        return (shorts if line.bits == "16" else integers).reshape(slow, fast).copy()

    # noisify cuts even the 32-bit image at 65535 here
    digitise(image, line.gain, line.adc_offset, 0.0, own, float(LARGEST_PIXEL), shorts, integers)
    out = Noisy(header, pixels(), np.minimum(shorts, 255).astype(np.uint8).reshape(slow, fast), None, lines)
    if noise:
        draw_photons(image, line.flicker, line.calibration, own, of_calibration)
        if spreads:
            image = _spread(line, image, fast, slow)
        total, *overloads = digitise(image, line.gain, line.adc_offset, line.readout, own, float(INT_MAX), shorts,
                                     integers)
        out.noisy = pixels()
        lines.append(f"{total:.0f} photons on the noise image ({overloads[line.bits == '32']} overloads)")
    return out
