"""The words of noisify, and what a command line of it asks for."""

from dataclasses import dataclass

from ..command_line.effects import nothing, put, store
from ..command_line.line import CommandLine, Outputs
from ..command_line.table import NOT_NEGATIVE, POSITIVE, TABLE, Option, words
from ..command_line.values import CommandLineError, cut
from ..command_line.words import vocabulary
from ..scene.request import Draft
from ..scene.units import from_mm

__all__ = ["NOISIFY", "NoisifyLine", "with_bare_input"]

#: In a word, the name of the image that is read.
_INPUT = "floatimage.bin"


@dataclass(slots=True, kw_only=True, repr=False, eq=False)
class NoisifyLine(CommandLine):
    """What a command line of noisify asks for.

    Attributes
    ----------
    input, header : str or None
        The float image, and an SMV image whose header is copied.
    wavelength : float
        For the header [Angstrom].
    phi, oscillation : float
        For the header [degrees].
    fluence, photon_scale : float
        The image is multiplied by both and by r_e^2.
    readout, flicker, calibration : float
        Noise: in units of pixels; as parts of the photons.
    gain : float
        Units of pixels per photon.
    calibration_seed : int or None
        As given; None: noisify's own, which does not begin anew.
    psf : str or None
        Kind of point spread.
    psf_fwhm : float
        [m]
    psf_radius : int
        [pixels]; 0: automatic.
    bits : str
        Of the pixels of the files.
    """

    input: str | None = None
    header: str | None = None
    wavelength: float = 1.0
    phi: float = 0.0
    oscillation: float = 1.0
    fluence: float = 125932015286227086360700780544.0
    photon_scale: float = 1.0
    readout: float = 0.0
    flicker: float = 0.0
    calibration: float = 0.03
    gain: float = 1.0
    calibration_seed: int | None = None
    psf: str | None = None
    psf_fwhm: float = 46e-6
    psf_radius: int = 0
    bits: str = "16"


def _row(group, spellings, values, text, apply, **more):
    return Option(group=group, spellings=tuple(spellings.split()), values=tuple(values.split()), text=text,
                  apply=apply, **{"default": "", "kind": "real", "choices": None, "rule": None, "idle": (),
                                  "own": False} | more)


def _to(name, convert=float):
    return lambda line, use: setattr(line, name, convert(use.values[0]))


def _metres(micrometres):
    return micrometres / 1e6


_TABLE = (
    _row("photons", "-floatfile -floatimage -bin", "FILE", "the image: 4-byte floats without header; a word that has"
         f" {_INPUT} in it needs no option", _to("input", str), kind="file"),
    _row("photons", "-scale", "x", "the image is multiplied by it", _to("photon_scale"), default="1"),
    _row("photons", "-fluence", "x", "and by it, in units of its default", _to("fluence"), default="1.25932e29"),
    _row("noise", "-nonoise", "", "no noise, no noise image; the point spread is then that of -intfile",
         put(Outputs.calculate_noise, False)),
    _row("noise", "-seed", "S", "seed of all but the calibration", store(CommandLine.seed), kind="whole",
         default="from the clock"),
    _row("noise", "-calib_seed", "S", "seed of the calibration; both seeds share one generator, as in noisify, so that"
         " it is another with every -seed", _to("calibration_seed", int), kind="whole", default="its own"),
    _row("noise", "-badpix_seed -hotpix_seed", "S", "has no effect", nothing, kind="whole"),
    _row("noise", "-flicker", "x", "noise of the source, of every pixel, as part of its photons", _to("flicker"),
         default="0"),
    _row("noise", "-calibration", "x", "errors of the calibration, likewise", _to("calibration"), default="0.03"),
    _row("noise", "-readout -readout_noise -readnoise", "x", "read-out noise [units of the pixels]", _to("readout"),
         default="0"),
    _row("detector", "-gain", "x", "units of the pixels per photon", _to("gain"), default="1"),
    _row("detector", "-adc -adcoffset", "x", "offset of all pixels", store(CommandLine.adc_offset), default="40"),
    _row("detector", "-psf", "WORD", "kind of the point spread: gauss (or gaussian) or fiber", _to("psf", str),
         kind="choice", choices=words("gauss gaussian fiber"), default="none"),
    _row("detector", "-psf_fwhm -psf_size -psf_width", "L", "its width at half height [micrometres]; 0 or less: none",
         _to("psf_fwhm", _metres), default="46"),
    _row("detector", "-psf_rad -psf_radius", "n", "its radius [pixels], whole; 0: automatic",
         _to("psf_radius", int), kind="whole", default="0", rule=NOT_NEGATIVE),
    _row("detector", "-pixel -pixel_size -pixelsize", "L", "edge of a pixel [mm]",
         store(Draft.pixel_size, convert=from_mm), default="0.1", rule=POSITIVE),
    _row("detector", "-detpixels", "n", "number of pixels in both directions; 0: from the size of the image",
         store(Draft.pixels_f, Draft.pixels_s), kind="whole", rule=NOT_NEGATIVE, default="0"),
    _row("detector", "-detpixels_x", "n", "number of pixels, fast direction", store(Draft.pixels_f), kind="whole",
         rule=NOT_NEGATIVE, default="0"),
    _row("detector", "-detpixels_y", "n", "number of pixels, slow direction", store(Draft.pixels_s), kind="whole",
         rule=NOT_NEGATIVE, default="0"),
    _row("detector", "-detsize -detsize_x -detsize_y", "L", "has no effect, as in noisify", nothing),
    _row("header", "-distance", "L", "distance, for the headers [mm]", store(Draft.distance, convert=from_mm),
         default="100"),
    _row("header", "-lambda", "L", "wavelength, likewise [Angstrom]", _to("wavelength"), default="1"),
    _row("header", "-Xbeam", "x", "beam centre, likewise [mm]", store(Draft.beam_x, convert=from_mm),
         default="the middle"),
    _row("header", "-Ybeam", "y", "beam centre, likewise [mm]", store(Draft.beam_y, convert=from_mm),
         default="the middle"),
    _row("header", "-phi", "angle", "spindle angle, likewise [degrees]", _to("phi"), default="0"),
    _row("header", "-osc -oscillation", "angle", "oscillation range, likewise [degrees]", _to("oscillation"),
         default="1"),
    _row("header", "-header", "FILE", "SMV image whose header is copied, and gives the number of pixels",
         _to("header", str), kind="file"),
    _row("output", "-intfile -intimage", "FILE", "image without noise, SMV", store(Outputs.intfile), kind="file",
         default="intimage.img"),
    _row("output", "-noisefile -noiseimage", "FILE", "image with noise, SMV", store(Outputs.noisefile), kind="file",
         default="noiseimage.img"),
    _row("output", "-bits", "WORD", "of the pixels of both: 16 or 32", _to("bits", str), kind="choice",
         choices=words("16 32"), default="16"),
    _row("output", "-pgmfile -pgmimage", "FILE", "grey picture of the image without noise, PGM",
         store(Outputs.pgmfile), kind="file", default="image.pgm"),
    _row("output", "-nopgm", "", "no picture", put(Outputs.write_pgm, False)),
)

NOISIFY = vocabulary(
    (*_TABLE, *(option for option in TABLE if option.name in ("--threads", "--quiet", "--help", "--version"))),
    frozenset(("-detsize", "-detpixels", "-psf")),
    {"-detpixels_f": "-detpixels_x", "-detpixels_s": "-detpixels_y", "-detsize_f": "-detpixels_x",
     "-detsize_s": "-detpixels_y", "-img": "-header", "-wavelength": "-lambda"})


def with_bare_input(arguments):
    """The words with an option before a name of the image that stands alone.

    Raises
    ------
    CommandLineError
        If another option's file is one that noisify would take for the image.
    """
    out = []
    for word in arguments:
        before = NOISIFY.accepted.get(out[-1]) if out else None
        if _INPUT in word:
            if before is None or not before.values:
                out.append("-floatfile")
            elif before.name != "-floatfile":
                raise CommandLineError(f"noisify: {out[-1]} {cut(word)}: a word with {_INPUT} in it is the image that"
                                       " noisify reads; choose another name")
        out.append(word)
    return out
