"""The words of nonBragg: those that it shares with nanoBragg, its own, and what a command line of it asks for."""

from dataclasses import dataclass, field, replace
import math

from ..command_line.effects import nothing, store
from ..command_line.line import CommandLine
from ..command_line.table import POSITIVE, TABLE, Option
from ..command_line.values import CommandLineError, Rule
from ..command_line.words import vocabulary
from ..scene.units import from_mm

__all__ = ["NONBRAGG", "NonBraggLine", "check_words"]

#: As the table's scale is made in the C program [1/m].
_PER_ANGSTROM = 1e10


@dataclass(slots=True, kw_only=True, repr=False, eq=False)
class NonBraggLine(CommandLine):
    """What a command line of nonBragg asks for, beside what nanoBragg has too.

    Attributes
    ----------
    sample_x, sample_y, sample_z : float
        Thickness, height and width of the sample [m].
    density : float
        [g/m^3]
    molecular_weight : float
        [g/mol]
    molecules : float
        Number of molecules; 0: from the density.
    source_distance : float
        From the sample to the sources [m].
    stol_scale : float
        By which the table's first column is multiplied [1/m].
    amplitude_map : bool
        Whether pixels are structure factors.
    ignored : list of int
        Values of pixels that do not count in the image of `-img`.
    stol_out : str or None
        Name of the table that would be made of the image of `-img`.
    """

    sample_x: float = 1e-4
    sample_y: float = 1e-4
    sample_z: float = 1e-4
    density: float = 1e6
    molecular_weight: float = 18.0
    molecules: float = 0.0
    source_distance: float = 10.0
    stol_scale: float = _PER_ANGSTROM
    amplitude_map: bool = False
    ignored: list = field(default_factory=list)
    stol_out: str | None = None


def _cube(line, use):
    line.sample_x = line.sample_y = line.sample_z = from_mm(use.values[0])


def _table_of(scale):
    def apply(line, use):
        line.files.stol, line.stol_scale = use.values[0], scale
    return apply


def _per_cubic_metre(density):
    return density * 1e6


def _set(name, value):
    return lambda line, use: setattr(line, name, value)


def _put(name, convert=float):
    return lambda line, use: setattr(line, name, convert(use.values[0]))


def _ignore(line, use):
    line.ignored.append(int(use.values[0]) & 0xFFFF)


def _row(spellings, values, text, apply, **more):
    return Option(spellings=tuple(spellings.split()), values=tuple(values.split()), text=text, apply=apply,
                  **{"group": "sample", "default": "", "kind": "real", "choices": None, "rule": None, "idle": (),
                     "own": False} | more)


_SAMPLE = (
    _row("-stol", "FILE", "table of sin(theta)/lambda [1/Angstrom] and structure factor of one molecule [electrons]",
         _table_of(_PER_ANGSTROM), kind="file"),
    _row("-4stol", "FILE", "the same, against 4 sin(theta)/lambda", _table_of(_PER_ANGSTROM / 4), kind="file"),
    _row("-Q", "FILE", "the same, against Q", _table_of(_PER_ANGSTROM / math.pi / 4), kind="file"),
    _row("-samplesize -sample_size", "L", "edge of the sample [mm]", _cube, default="0.1"),
    _row("-thick -thickness -sample_thick -sample_thickness -sample_x", "L", "thickness of the sample along the beam"
         " [mm]", _put("sample_x", from_mm), default="0.1"),
    _row("-height -heigh -sample_height -sample_heigh -sample_z", "L", "size of the sample across, not more than the"
         " beam [mm]", _put("sample_z", from_mm), default="0.1"),
    _row("-width -sample_width -sample_y", "L", "size of the sample across, not more than the beam [mm]",
         _put("sample_y", from_mm), default="0.1"),
    _row("-density -sample_den -sample_density", "D", "density [g/cm^3]", _put("density", _per_cubic_metre),
         default="1"),
    _row("-MW -molecular -molecular_weight", "W", "molecular weight [g/mol]", _put("molecular_weight"), default="18",
         rule=POSITIVE),
    _row("-molecules -sample_molecules", "n", "number of molecules; replaces the density", _put("molecules"),
         default="from the density"),
    _row("-Fmap", "", "write the structure factor of every pixel in the place of photons", _set("amplitude_map", True)),
    _row("-ignore", "n", "value of pixels of the image of -img that do not count; again: one more", _ignore,
         kind="whole"),
    _row("-stolout", "FILE", "table made of the image of -img; refused with -img", _put("stol_out", str), kind="file"),
    _row("-noreject", "", "has no effect", nothing),
    _row("-gain", "x", "of the image of -img; has no effect", nothing),
    _row("-source_distance", "L", "distance to the sources [mm]", _put("source_distance", from_mm), default="10000",
         group="beam", rule=Rule("not be zero", lambda value: value != 0.0)),
)

#: Options of nanoBragg that mean the same, in the order of its table.
_SHARED = set("""
    -phi -osc -phistep -phisteps -lambda -energy -fluence -flux -exposure -beamsize -polar -nopolar -dispersion
    -dispsteps -divergence -hdivrange -vdivrange -hdiv -vdiv -hdivstep -vdivstep -divsteps -hdivsteps -vdivsteps
    -round_div -square_div -coherent -distance -close_distance -pixel -detpixels -detpixels_f -detpixels_s -detsize
    -detsize_f -detsize_s -img -Xbeam -Ybeam -Xclose -Yclose -ORGX -ORGY -detector_rotx -detector_roty -detector_rotz
    -twotheta -curved_det -point_pixel -beam_vector -fdet_vector -sdet_vector -odet_vector -polar_vector -spindle_axis
    -twotheta_axis -pix0_vector -pivot -oversample -roi -floatfile -intfile -scale -adc -noisefile -nonoise -seed
    -pgmfile -pgmscale -nopgm -printout -printout_pixel -progress -noprogress -sourcefile --threads --quiet --help
    --version""".split())

#: What differs of them.
_CHANGED = {
    "-detsize_f": {"spellings": ("-detsize_x",)},
    "-detsize_s": {"spellings": ("-detsize_y",)},
    "-odet_vector": {"text": "has no effect: the normal is that of fast and slow", "apply": nothing},
    "-pix0_vector": {"text": "has no effect", "apply": nothing},
    "-phi": {"text": "spindle angle, for the headers [degrees]"},
    "-osc": {"text": "oscillation range, for the headers [degrees]"},
    "-phistep": {"text": "as -phisteps [degrees]"},
    "-phisteps": {"text": "has no effect: an amorphous sample is the same at every angle; without -osc it gives"
                          " OSC_RANGE of the headers"},
    "-spindle_axis": {"text": "has no effect: an amorphous sample is the same at every angle"},
    "-progress": {"text": "has no effect: no progress is shown"},
    "-noprogress": {"text": "no progress is shown"},
    "-sourcefile": {"text": "text file of sources: X Y Z weight wavelength [m]; replaces divergence and dispersion"},
    "-oversample": {"text": "sub-pixels along each edge of a pixel", "default": "1"},
    "-Xbeam": {"text": "beam centre, fast direction [mm]", "default": "the point nearest to the sample"},
    "-Ybeam": {"text": "beam centre, slow direction [mm]", "default": "the point nearest to the sample"},
    "-nopgm": {"text": "has no effect: the picture is always written", "apply": nothing},
    "-pgmfile": {"text": "grey picture, PGM"},
    "-pgmscale": {"text": "scale of the picture; 0 or less: automatic", "apply": store(CommandLine.pgm_scale)},
    "-coherent": {},
    "-printout": {"text": "refused: nonBragg prints what it has not computed"},
    "-printout_pixel": {"text": "refused likewise"},
    "-curved_det": {"text": "all pixels at one distance from the sample; without effect as the last word"},
    "-polar_vector": {"apply": lambda line, use: setattr(line.draft, "polarisation_axis", tuple(use.values))},
}

NONBRAGG = vocabulary(
    (*_SAMPLE, *(replace(option, **_CHANGED.get(option.name, {})) for option in TABLE if option.name in _SHARED)),
    frozenset("-MW -detsize -detpixels -polar -hdiv -vdiv -hdivstep -vdivstep -phi -phistep -stol -4stol -Q".split()),
    {"-dispstep": "-dispsteps", "-detsize_f": "-detsize_x", "-detsize_s": "-detsize_y", "-mask": "-img",
     "-water": "-stol", "-hdivergence": "-hdivrange", "-vdivergence": "-vdivrange"})


def check_words(line):
    """Refuse what nonBragg cannot do, or does with memory that it never wrote."""
    if line.files.stol is None:
        raise CommandLineError("nonbragg: no table of structure factors: give -stol (or -4stol, or -Q)")
    if line.printout:
        raise CommandLineError("nonbragg: -printout: nonBragg prints numbers there that it never computed;"
                               " there is no such listing")
    if line.files.image is not None and line.stol_out is not None:
        raise CommandLineError(f"nonbragg: -stolout {line.stol_out}: a table made of an image is not written, for"
                               " nonBragg's has columns that it never computed")
