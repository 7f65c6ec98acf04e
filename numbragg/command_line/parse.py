"""The command line of nanoBragg, read strictly into one record of settings.

A command line is a sequence of options, each followed by its values; anything else is refused with
one line that names the option, the value and the rule.  What passes acts exactly as in the C
program: the headers of `-mask` and `-img` first, then every option in its order, with the double
meanings that the C program's substring matching gives to `-misset_seed` and `-twotheta_axis`.

numpy and numba are not imported here, so that `--help` and errors are quick.
"""

from dataclasses import dataclass, field, fields
import math

from ..scene.request import DEGREES_PER_RADIAN, Parameters
from .remarks import remarks
from .values import CommandLineError, quoted
from .words import EARLY, option_uses

__all__ = ["CommandLine", "CommandLineError", "Files", "Outputs", "check", "parse"]

#: Numbers of pixels from here on do not fit the integers of the C program.
PIXEL_LIMIT = 2 ** 31

#: Parameters that are NaN where they were not given.
_UNSET_AS_NAN = ("close_distance", "beam_x", "beam_y", "close_x", "close_y", "origin_x", "origin_y")


@dataclass(slots=True, kw_only=True)
class Files:
    """Names of the files to read; None where not given."""

    hkl: str | None = None
    dump: str = "Fdump.bin"  # written with an hkl file, read without one
    matrix: str | None = None
    mask: str | None = None
    image: str | None = None
    sources: str | None = None
    stol: str | None = None


@dataclass(slots=True, kw_only=True)
class Outputs:
    """Names of the files to write, and whether the optional ones are wanted."""

    floatfile: str = "floatimage.bin"
    intfile: str = "intimage.img"
    pgmfile: str = "image.pgm"
    noisefile: str = "noiseimage.img"
    write_pgm: bool = True
    calculate_noise: bool = True
    tiff: str | None = None
    npy: str | None = None
    png: str | None = None
    stats_json: str | None = None


@dataclass(slots=True, kw_only=True)
class CommandLine:
    """What a command line asks for.

    Attributes
    ----------
    parameters : Parameters
        The scene; `mask` is filled in, `matrix` and `sources` are left to the reader of the files.
    files, outputs : Files, Outputs
        Names of files.
    default_f : float
        Structure factor where there is none [electrons].
    scale, pgm_scale : float
        Scales of the integer image and of the PGM; not positive: automatic.
    adc_offset : float
        Offset of the integer and noise images.
    seed : int or None
        Seed of the noise as given; None: from the clock.
    progress : bool or None
        Whether to show a progress meter; None: nothing was said.
    printout : bool
        Whether to list the pixels.
    printout_pixel : tuple of int or None
        The one pixel to list (fast, slow).
    quiet, help, version : bool
        The options of that name.
    precision, summation, threads, backend, device
        As in `evaluation.Evaluation`.
    notices : list of str
        One-line remarks: options without effect, surprises that took effect.
    announcement : str or None
        What a user must know before the image is there, in one line.
    origins : dict of str
        Where parameters come from that a header gave, by name, to begin an error with.
    """

    parameters: Parameters = field(default_factory=Parameters)
    files: Files = field(default_factory=Files)
    outputs: Outputs = field(default_factory=Outputs)
    default_f: float = 0.0
    scale: float = 0.0
    pgm_scale: float = 0.0
    adc_offset: float = 40.0
    seed: int | None = None
    progress: bool | None = None
    printout: bool = False
    printout_pixel: tuple | None = None
    quiet: bool = False
    precision: str = "exact"
    summation: str | None = None
    threads: int | None = None
    backend: str = "cpu"
    device: int | None = None
    notices: list = field(default_factory=list)
    announcement: str | None = None
    origins: dict = field(default_factory=dict)
    help: bool = False
    version: bool = False


# -- headers


def _apply_header(line, name, header, flipped):
    """Enter the settings of an SMV header, as the C program does before it reads the options."""
    p = line.parameters
    p.pixels_f, p.pixels_s = header.width, header.height

    def enter(key, attribute, convert):
        value = header.value(key)
        if not math.isnan(value):
            setattr(p, attribute, convert(value))
            line.origins[attribute] = f"{quoted(name)}: {key} gives {value:g}, for the "

    enter("PIXEL_SIZE", "pixel_size", lambda v: v / 1000.0)
    p.detector_size_f, p.detector_size_s = p.pixel_size * p.pixels_f, p.pixel_size * p.pixels_s
    enter("DISTANCE", "distance", lambda v: v / 1000.0)
    enter("CLOSE_DISTANCE", "close_distance", lambda v: v / 1000.0)
    enter("WAVELENGTH", "wavelength", lambda v: v / 1e10)
    enter("BEAM_CENTER_X", "beam_x", lambda v: v / 1000.0)
    enter("BEAM_CENTER_Y", "beam_y", lambda v: p.detector_size_s - v / 1000.0 if flipped else v / 1000.0)
    enter("ORGX", "origin_x", float)
    enter("ORGY", "origin_y", float)
    enter("PHI", "phi_start", lambda v: v / DEGREES_PER_RADIAN)
    enter("OSC_RANGE", "oscillation", lambda v: v / DEGREES_PER_RADIAN)
    twotheta = header.value("TWOTHETA")
    if not math.isnan(twotheta) and twotheta != 0.0:
        line.notices.append(f"{quoted(name)}: TWOTHETA of the header is not used")


def _read_headers(line, uses):
    names = {use.option.name: use.values[0] for use in uses if use.option.name in ("-mask", "-img")}
    if not names:
        return
    from ..io.smv import read_header, read_mask

    if "-mask" in names:
        header, line.parameters.mask = read_mask(names["-mask"])
        _apply_header(line, names["-mask"], header, flipped=True)
    if "-img" in names:
        _apply_header(line, names["-img"], read_header(names["-img"]), flipped=False)


# -- the size of the detector


def _refuse(text):
    raise CommandLineError(text)


def _pixels(line):
    """Numbers of pixels (fast, slow) as the C program ends up with.  Raises `CommandLineError`."""
    p = line.parameters
    if not 0.0 < p.pixel_size < math.inf:
        _refuse(f"{line.origins.get('pixel_size', '')}pixel size: {p.pixel_size * 1000.0:g} mm; "
                "must be greater than zero and finite")
    axes = (p.detector_size_f, p.pixels_f), (p.detector_size_s, p.pixels_s)
    edges = [(p.pixel_size * count if count else size) / p.pixel_size for size, count in axes]
    if not all(0.5 < edge < PIXEL_LIMIT for edge in edges):
        _refuse(f"detector: {edges[0]:.6g} x {edges[1]:.6g} pixels; must be at least 1 and less than 2^31")
    fast, slow = (math.ceil(edge - 0.5) for edge in edges)
    if fast * slow >= PIXEL_LIMIT:
        _refuse(f"detector: {fast} x {slow} pixels; must be less than 2^31 in all")
    return fast, slow


def _fit_mask(line):
    """Lay out a mask of another shape as the C program does: in file order, row by row."""
    fast, slow = _pixels(line)
    mask = line.parameters.mask
    if tuple(mask.shape) != (slow, fast) and mask.size >= fast * slow:
        line.parameters.mask = mask.reshape(-1)[:fast * slow].reshape(slow, fast)
        line.notices.append(
            f"{quoted(line.files.mask)}: {mask.shape[1]} x {mask.shape[0]} pixels on a detector of"
            f" {fast} x {slow}: as in nanoBragg, they are taken in file order")


# -- the two public steps


def parse(argv):
    """Read a command line.

    Parameters
    ----------
    argv : list of str
        The words after the name of the program.

    Returns
    -------
    CommandLine
        The settings.  With `help` or `version` set, nothing else was read.

    Raises
    ------
    CommandLineError
        If a word is unknown, a value missing or out of bounds.
    ValueError, OSError
        If the file of `-mask` or `-img` is not an SMV image or cannot be read.  No other file is
        opened.

    Examples
    --------
    >>> from numbragg.command_line.parse import parse
    >>> line = parse("-cell 50 60 70 90 90 90 -lambda 2 -Na 5".split())
    >>> line.parameters.cell_lengths, line.parameters.n_cells
    ([50.0, 60.0, 70.0], [5.0, 1.0, 1.0])
    """
    line = CommandLine()
    for word in argv:
        if word in EARLY:
            setattr(line, EARLY[word].lstrip("-"), True)
            return line
    uses = option_uses(list(argv))
    _read_headers(line, uses)
    for use in uses:
        use.option.apply(line, use)
    if line.parameters.mask is not None:
        _fit_mask(line)
    line.notices += remarks(line, uses)
    return line


def check(line):
    """Refuse settings that make no image together.

    To be called after `parse` and before any file is written.  Whether there are structure factors
    is not checked: that depends on files.

    Parameters
    ----------
    line : CommandLine
        What `parse` returned.

    Raises
    ------
    CommandLineError
        If there is no crystal; if a wavelength, pixel size or distance from a header is of no use; if the
        detector has no pixels, 2^31 or more, or more than the mask; if the region of interest ends
        before it starts; if a misset angle, the fluence or another number is not finite; if the
        dispersion reaches a wavelength of zero.
    """
    p = line.parameters

    def origin(name):
        return line.origins.get(name, "")

    if line.printout and line.precision != "exact":
        _refuse(f"--precision {line.precision}: -printout lists the exact evaluation only")
    if line.files.matrix is None and p.matrix is None and not p.cell_given:
        _refuse("no crystal: give a unit cell (-cell) or an orientation matrix (-mat)")
    if p.misset == "angles" and not all(map(math.isfinite, p.misset_angles)):
        _refuse("-misset_seed: the words after it, read as misset angles, are not finite numbers")
    _pixels(line)
    for item in fields(p):
        value = getattr(p, item.name)
        for number in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(number, float) and not math.isfinite(number) and not (
                    item.name in _UNSET_AS_NAN and math.isnan(number)):
                _refuse(f"{origin(item.name)}{item.name.replace('_', ' ')}: {number} is not a finite number")
    if not p.wavelength > 0.0:
        _refuse(f"{origin('wavelength')}wavelength: {p.wavelength * 1e10:g} Angstrom; must be greater than zero")
    fast, slow = _pixels(line)
    if p.mask is not None and tuple(p.mask.shape) != (slow, fast):
        _refuse(f"mask: {p.mask.shape[1]} x {p.mask.shape[0]} pixels, but the detector has {fast} x {slow}"
                " (fast x slow)")
    for name, low, high in (("fast", *p.roi[:2]), ("slow", *p.roi[2:])):
        if 0 <= high < low:
            _refuse(f"-roi: the {name} range ends at {high}, before it starts at {low}")
    decisive = "distance" if math.isnan(p.close_distance) else "close_distance"
    if getattr(p, decisive) == 0.0:
        _refuse(f"{origin(decisive)}distance: the detector is at the sample; must not be zero")
    if line.files.sources is None and not p.dispersion < 2.0:
        _refuse(f"dispersion: {p.dispersion * 100.0:g} percent; must be below 200")
    if p.flux != 0.0 and p.exposure > 0.0 and p.beam_size >= 0.0:
        area = p.beam_size * p.beam_size
        if area == 0.0 or not math.isfinite(p.flux * p.exposure / area):
            _refuse(f"beam size: {p.beam_size * 1000.0:g} mm; too small for a fluence from -flux")
