"""The table of options: spellings, values, units, defaults, and what each one sets.

One row is one setting of nanoBragg's command line or one of numbragg's own.  `numbragg.command_line.parse`
walks a command line with it and `numbragg.command_line.help` prints it.  Spellings are listed one by one:
the C program takes any word that contains a keyword, which lets misprints through.
"""

from dataclasses import dataclass
from typing import Callable

from ..io.endings import ending_of, fits_ending
from ..scene.frozen import Frozen
from ..scene.request import Draft
from ..scene.revisions import DEFAULT, REVISIONS, revision_names
from ..scene.units import (
    from_angstrom,
    from_degrees,
    from_ev,
    from_mm,
    from_mrad,
    from_percent,
    resolution_from_angstrom,
    sensor_from_um,
    water_from_um,
)
from .dates import date_word, is_date
from .early import spellings_of
from .effects import (
    convention,
    elements,
    nothing,
    put,
    set_beam_centre_pixels,
    set_cell,
    set_detector_abs,
    set_misset,
    set_misset_seed,
    set_pix0_vector,
    set_printout_pixel,
    set_roi,
    set_twotheta_axis,
    store,
    vector,
)
from .line import CommandLine, Files, Outputs
from .outputs import COUNTS, RINGS, are_rings, is_of_counts, ring_words
from .values import Rule

__all__ = ["EXACT", "GROUPS", "Option", "TABLE"]

#: Spellings that the C program compares whole or by length: a second dash makes them unknown to it.
EXACT = frozenset(
    "-N -MW -detector_thick -detsize -detpixels -polar -mosaic -hdiv -vdiv -hdivstep -vdivstep -phi -phistep"
    " -stol -4stol -Q".split())

POSITIVE = Rule("be greater than zero", lambda value: value > 0.0)
NOT_NEGATIVE = Rule("not be negative", lambda value: value >= 0.0)
NOT_ZERO = Rule("not be zero", lambda value: value != 0.0)
AT_LEAST_ONE = Rule("be at least 1", lambda value: value >= 1)


def _zero_for(name):
    """Rule of a word that the C program's examples have and the program has not."""
    return Rule(f"be 0, for nanoBragg has no such option and takes no notice of it; the range is {name}",
                lambda value: value == 0.0)


@dataclass(slots=True, kw_only=True, init=False, repr=False, eq=False)
class Option(Frozen):
    """One row of the table.

    Attributes
    ----------
    spellings : tuple of str
        Accepted words; the first is the option's name.
    values : tuple of str
        Names of its values, for messages and the help text.
    group : str
        Heading of the help text under which it stands.
    text : str
        What it sets, with the unit in brackets.
    default : str
        What holds without it; empty where nothing needs saying.
    kind : str
        How its words are read: "real", "whole", "file" or "text" for each of them; "vector": three reals,
        not all zero; "choice": one of a few words; "cell", "misset" and "depth": as these options need.
    choices : callable or None
        Returns the words that a "choice" allows, when asked: revisions may come to be more.
    rule : Rule or None
        Condition on each value.
    apply : callable
        ``apply(line, use)`` enters a `Use` of it into a `numbragg.command_line.line.CommandLine`.
    idle : tuple of str
        Words that may follow and change nothing.
    own : bool
        Whether it is numbragg's and unknown to nanoBragg.
    """

    spellings: tuple
    values: tuple
    group: str
    text: str
    default: str
    kind: str
    choices: Callable | None
    rule: Rule | None
    apply: Callable
    idle: tuple
    own: bool

    @property
    def name(self):
        """The first spelling."""
        return self.spellings[0]


def _row(spellings, values, text, apply, **more):
    return {"spellings": tuple(spellings.split()), "values": tuple(values.split()), "text": text, "apply": apply,
            "default": "", "kind": "real", "choices": None, "rule": None, "idle": ()} | more


def _named(kind):
    """Rule of a file whose format is ours to choose: its name may not be that of another format."""
    return Rule(f"not have the name of another format: what is written is {kind} ({ending_of(kind)})",
                lambda name: fits_ending(name, kind))


def words(text):
    """What a choice allows, for good."""
    return lambda: tuple(text.split())


def _axis(spelling, setting, text, default):
    return _row(spelling, "x y z", text + "; chooses the custom convention", vector(setting), default=default,
                kind="vector")


_CRYSTAL = (
    _row("-cell", "a b c alpha beta gamma",
         "unit cell [Angstrom, degrees]; from one to six values; lengths left out (or 0) are a, angles 90",
         set_cell, kind="cell"),
    _row("-mat -matrix -matfile", "FILE",
         "reciprocal cell and orientation: nine numbers, times the wavelength, as MOSFLM writes them",
         store(Files.matrix), kind="file"),
    _row("-misset", "x y z", "rotations of the crystal about x, y, z [degrees]; or: -misset random, whose "
         "orientations are not uniform", set_misset, default="none", kind="misset"),
    _row("-misset_seed", "S", "seed of -misset random; unless at most two words follow, it also sets the "
         "angles of -misset, as in nanoBragg: give it before -misset, or last",
         set_misset_seed, default="from the clock", kind="whole"),
    _row("-N", "n", "number of unit cells along a, b and c", elements(Draft.n_cells, (0, 1, 2), float),
         default="1", kind="whole"),
    _row("-Na", "n", "number of unit cells along a", elements(Draft.n_cells, (0,), float), default="1",
         kind="whole"),
    _row("-Nb", "n", "number of unit cells along b", elements(Draft.n_cells, (1,), float), default="1",
         kind="whole"),
    _row("-Nc", "n", "number of unit cells along c", elements(Draft.n_cells, (2,), float), default="1",
         kind="whole"),
    _row("-xtalsize -xtal_size -samplesize -sample_size", "L", "edge of the crystal, replaces -N [mm]",
         elements(Draft.sample_size, (0, 1, 2), from_mm), default="from -N", rule=NOT_NEGATIVE),
    _row("-sample_x -sample_thick -xtal_x -xtal_thick", "L", "size of the crystal along a [mm]",
         elements(Draft.sample_size, (0,), from_mm), default="from -Na", rule=NOT_NEGATIVE),
    _row("-sample_y -sample_width -xtal_y -xtal_width -width", "L", "size of the crystal along b [mm]",
         elements(Draft.sample_size, (1,), from_mm), default="from -Nb", rule=NOT_NEGATIVE),
    _row("-sample_z -sample_height -sample_heigh -xtal_z -xtal_height -xtal_heigh -height -heigh", "L",
         "size of the crystal along c [mm]", elements(Draft.sample_size, (2,), from_mm), default="from -Nc",
         rule=NOT_NEGATIVE),
    _row("-square_xtal", "", "parallelepiped crystal", put(Draft.shape, "square"), default="this shape"),
    _row("-round_xtal", "", "ellipsoidal crystal", put(Draft.shape, "round")),
    _row("-gauss_xtal", "", "Gaussian spots without fringes; round, their width from the product Na Nb Nc, "
         "whatever the shape of the crystal", put(Draft.shape, "gauss")),
    _row("-tophat_spots -binary_spots", "", "spots of one height, without fringes; round, as with -gauss_xtal",
         put(Draft.shape, "tophat")),
    _row("-fudge", "x", "widens (below 1) or narrows the spots of all but the parallelepiped",
         store(Draft.fudge), default="1", rule=NOT_NEGATIVE),
    _row("-mosaic -mosaici -mosaicity -mosaic_spr -mosaic_spread", "angle",
         "mosaic spread; 90 for a powder; negative: not given [degrees]",
         store(Draft.mosaic_spread, convert=from_degrees), default="0"),
    _row("-mosaic_dom -mosaic_domain -mosaic_domains", "n", "number of mosaic domains",
         store(Draft.mosaic_domains), default="10 with a spread, else 1", kind="whole"),
    _row("-mosaic_seed", "S", "seed of the mosaic domains", store(Draft.mosaic_seed), default="12345678",
         kind="whole"),
    _row("-phi", "angle", "spindle angle at the start [degrees]", store(Draft.phi_start, convert=from_degrees),
         default="0"),
    _row("-osc -oscillation", "angle", "oscillation range [degrees]", store(Draft.oscillation, convert=from_degrees),
         default="0"),
    _row("-phistep", "angle", "spindle step [degrees]", store(Draft.phi_step, convert=from_degrees),
         default="the range divided by the steps"),
    _row("-phisteps", "n", "number of spindle steps", store(Draft.phi_steps), kind="whole",
         default="2 with a range, else 1"),
    _row("-water", "L", "edge of the water around the crystal, for the background, which is divided by the number "
         "of steps, sub-pixels included, and multiplied twice by the fluence in units of its default [micrometres]",
         store(Draft.water_size, convert=water_from_um), default="0", rule=NOT_NEGATIVE),
    _row("-density -sample_den -sample_density", "D", "density [g/cm^3]; has no effect", nothing),
    _row("-MW -molec -molecular_weight", "W", "molecular weight [g/mol]; has no effect", nothing),
)

_STRUCTURE_FACTORS = (
    _row("-hkl -hklfile", "FILE", "text file of h, k, l and F; or reflections or a model, with a cell: .mtz, .cif, "
         ".pdb, .ent, also .gz", store(Files.hkl), kind="file"),
    _row("-default_F", "F", "structure factor of everything that is not in the file",
         store(CommandLine.default_f), default="0"),
    _row("-dump -dumpfile", "FILE", "binary copy of the table: written with -hkl, read without",
         store(Files.dump), default="Fdump.bin", kind="file"),
    _row("-interpolate", "", "interpolate F between the reflections", put(Draft.interpolation, True),
         default="if N is 2 or less in any direction"),
    _row("-nointerpolate", "", "take F of the nearest reflection", put(Draft.interpolation, False)),
    _row("-stol", "FILE", "table of a background profile; read, and has no effect", store(Files.stol), kind="file"),
    _row("-4stol", "FILE", "the same, against 4 sin(theta)/lambda", store(Files.stol), kind="file"),
    _row("-Q", "FILE", "the same, against Q", store(Files.stol), kind="file"),
    _row("-stolout", "FILE", "has no effect", nothing, kind="file"),
)

_BEAM = (
    _row("-lambda -wave -wavelength", "L", "wavelength [Angstrom]", store(Draft.wavelength, convert=from_angstrom),
         default="1", rule=POSITIVE),
    _row("-energy", "E", "photon energy, instead of the wavelength [eV]", store(Draft.wavelength, convert=from_ev),
         rule=POSITIVE),
    _row("-fluence", "x", "photons per area [photons/m^2]", store(Draft.fluence), default="1.25932e29",
         rule=NOT_NEGATIVE),
    _row("-flux", "x", "with -exposure and -beamsize, replaces -fluence [photons/s]", store(Draft.flux),
         default="not used", rule=NOT_NEGATIVE),
    _row("-exposure", "t", "exposure time [s]", store(Draft.exposure), default="1"),
    _row("-beamsize", "L", "edge of the beam; clips larger crystals; negative: not used [mm]",
         store(Draft.beam_size, convert=from_mm), default="0.1"),
    _row("-polar", "x", "Kahn polarisation factor, -1 to 1", store(Draft.polarisation_fraction,
         also=[(Draft.unpolarised_factor, False)]), default="0"),
    _row("-nopolar", "", "no polarisation factor at all", put(Draft.unpolarised_factor, True)),
    _row("-dispersion", "x", "full spread of the wavelength [percent]", store(Draft.dispersion, convert=from_percent),
         default="0"),
    _row("-dispsteps", "n", "number of wavelengths", store(Draft.dispersion_steps), kind="whole",
         default="2 with a range, else 1"),
    _row("-divergence", "x", "full divergence, both directions [mrad]",
         store(Draft.divergence_h, Draft.divergence_v, convert=from_mrad), default="0"),
    _row("-hdivrange", "x", "full horizontal divergence [mrad]", store(Draft.divergence_h, convert=from_mrad),
         default="0"),
    _row("-vdivrange", "x", "full vertical divergence [mrad]", store(Draft.divergence_v, convert=from_mrad),
         default="0"),
    _row("-hdiv", "0", "no option of nanoBragg, though its examples have it; must be 0: give -hdivrange", nothing,
         rule=_zero_for("-hdivrange")),
    _row("-vdiv", "0", "the same for -vdivrange", nothing, rule=_zero_for("-vdivrange")),
    _row("-hdivstep", "x", "horizontal step [mrad]", store(Draft.divergence_h_step, convert=from_mrad),
         default="from range and steps"),
    _row("-vdivstep", "x", "vertical step [mrad]", store(Draft.divergence_v_step, convert=from_mrad),
         default="from range and steps"),
    _row("-divsteps", "n", "number of directions each way", store(Draft.divergence_h_steps, Draft.divergence_v_steps),
         kind="whole", default="2 with a range, else 1"),
    _row("-hdivsteps", "n", "number of horizontal directions", store(Draft.divergence_h_steps), kind="whole",
         default="2 with a range, else 1"),
    _row("-vdivsteps", "n", "number of vertical directions", store(Draft.divergence_v_steps), kind="whole",
         default="2 with a range, else 1"),
    _row("-round_div", "", "cut the corners of the divergence", put(Draft.round_divergence, True), default="so"),
    _row("-square_div", "", "keep the corners of the divergence", put(Draft.round_divergence, False)),
    _row("-sourcefile", "FILE",
         "text file of sources: X Y Z weight wavelength [m]; the weight is never used, every source counts the same; "
         "replaces divergence and dispersion",
         store(Files.sources), kind="file"),
    _row("-dmin", "d", "leave out what is beyond this resolution [Angstrom]",
         store(Draft.d_min, convert=resolution_from_angstrom), default="no limit"),
    _row("-coherent", "", "has no effect", nothing),
)

_DETECTOR = (
    _row("-distance", "L", "distance along the beam; -close_distance wins over it [mm]",
         store(Draft.distance, convert=from_mm, also=[(Draft.pivot, "beam")]), default="100", rule=NOT_ZERO),
    _row("-close_distance", "L", "distance from the sample to the detector plane [mm]",
         store(Draft.close_distance, convert=from_mm, also=[(Draft.pivot, "sample")]), default="from -distance",
         rule=NOT_ZERO),
    _row("-pixel -pixel_size -pixelsize", "L", "edge of a pixel [mm]",
         store(Draft.pixel_size, convert=from_mm), default="0.1", rule=POSITIVE),
    _row("-detpixels", "n", "number of pixels in both directions; 0: from -detsize",
         store(Draft.pixels_f, Draft.pixels_s), kind="whole", rule=NOT_NEGATIVE, default="0"),
    _row("-detpixels_f -detpixels_x", "n", "number of pixels, fast direction", store(Draft.pixels_f),
         kind="whole", rule=NOT_NEGATIVE, default="0"),
    _row("-detpixels_s -detpixels_y", "n", "number of pixels, slow direction", store(Draft.pixels_s),
         kind="whole", rule=NOT_NEGATIVE, default="0"),
    _row("-detsize", "L", "edge of the detector [mm]",
         store(Draft.detector_size_f, Draft.detector_size_s, convert=from_mm), default="102.4", rule=POSITIVE),
    _row("-detsize_f", "L", "edge of the detector, fast direction [mm]",
         store(Draft.detector_size_f, convert=from_mm), default="102.4", rule=POSITIVE),
    _row("-detsize_s", "L", "edge of the detector, slow direction [mm]",
         store(Draft.detector_size_s, convert=from_mm), default="102.4", rule=POSITIVE),
    _row("-img", "FILE", "SMV image whose header gives size, distance, wavelength, centre and spindle",
         store(Files.image), kind="file"),
    _row("-mask -maskfile", "FILE", "SMV image; zero: leave the pixel out; its header acts like that of -img",
         store(Files.mask), kind="file"),
    _row("-Xbeam", "x", "beam centre, first number of the convention [mm]",
         store(Draft.beam_x, convert=from_mm, also=[(Draft.pivot, "beam")]), default="the middle"),
    _row("-Ybeam", "y", "beam centre, second number of the convention [mm]",
         store(Draft.beam_y, convert=from_mm, also=[(Draft.pivot, "beam")]), default="the middle"),
    _row("-Xclose", "x", "point nearest to the sample, fast direction [mm]",
         store(Draft.close_x, convert=from_mm, also=[(Draft.pivot, "sample")]), default="the middle"),
    _row("-Yclose", "y", "point nearest to the sample, slow direction [mm]",
         store(Draft.close_y, convert=from_mm, also=[(Draft.pivot, "sample")]), default="the middle"),
    _row("-ORGX", "x", "point nearest to the sample, as in XDS, fast direction [pixels]",
         store(Draft.origin_x, also=[(Draft.pivot, "sample")]), default="the middle"),
    _row("-ORGY", "y", "point nearest to the sample, as in XDS, slow direction [pixels]",
         store(Draft.origin_y, also=[(Draft.pivot, "sample")]), default="the middle"),
    _row("-detector_rotx", "angle", "rotation of the detector about x [degrees]",
         store(Draft.rotation_x, convert=from_degrees), default="0"),
    _row("-detector_roty", "angle", "rotation of the detector about y [degrees]",
         store(Draft.rotation_y, convert=from_degrees), default="0"),
    _row("-detector_rotz", "angle", "rotation of the detector about z [degrees]",
         store(Draft.rotation_z, convert=from_degrees), default="0"),
    _row("-twotheta", "angle", "rotation of the detector about the two-theta axis [degrees]",
         store(Draft.twotheta, convert=from_degrees, also=[(Draft.pivot, "sample")]), default="0"),
    _row("-curved_det -curved_detector", "", "all pixels at one distance from the sample",
         put(Draft.curved, True)),
    _row("-point_pixel", "", "inverse square law instead of the solid angle", put(Draft.point_pixel, True)),
    _row("-detector_abs -detector_absorb -detector_absorption", "L",
         "attenuation depth of the sensor; inf or 0: no sensor [micrometres]", set_detector_abs, kind="depth",
         default="the thickness"),
    _row("-detector_thick", "L", "thickness of the sensor [micrometres]",
         store(Draft.sensor_thickness, convert=sensor_from_um), default="0", rule=NOT_NEGATIVE),
    _row("-detector_thicksteps -thicksteps", "n", "number of sensor layers", store(Draft.sensor_layers),
         default="2 with a thickness, else 1", kind="whole"),
)

_AXES = (
    _row("-mosflm", "", "MOSFLM's axes and beam centre", convention("mosflm", "beam"), default="this one"),
    _row("-denzo", "", "DENZO's axes and beam centre", convention("denzo", "beam")),
    _row("-adxv", "", "adxv's axes and beam centre", convention("adxv", "beam")),
    _row("-xds", "", "XDS's axes and beam centre", convention("xds", "sample")),
    _row("-dials", "", "DIALS's axes and beam centre", convention("dials", "beam")),
    _axis("-beam_vector", Draft.beam_vector, "direction of the beam", "1 0 0"),
    _axis("-fdet_vector", Draft.fast_axis, "fast direction of the detector", "0 0 1"),
    _axis("-sdet_vector", Draft.slow_axis, "slow direction of the detector", "0 -1 0"),
    _axis("-odet_vector", Draft.normal, "normal of the detector, away from the sample", "1 0 0"),
    _axis("-polar_vector", Draft.polarisation_axis, "electric field of the beam", "0 0 1"),
    _axis("-spindle_axis", Draft.spindle_axis, "axis of -phi", "0 0 1"),
    _row("-twotheta_axis", "x y z", "axis of -twotheta; chooses the custom convention; also sets -twotheta "
         "to x, as in nanoBragg: give -twotheta after it", set_twotheta_axis, default="0 1 0", kind="vector"),
    _row("-pix0_vector", "x y z", "chooses the custom convention; the vector itself is not used",
         set_pix0_vector),
    _row("-pivot", "WORD", "what stays in place when the detector rotates, in the custom convention: "
         "beam or sample", store(Draft.pivot), default="set by the last option of distance or centre",
         kind="choice",
         choices=words("beam sample")),
)

_SAMPLING = (
    _row("-oversample", "n", "sub-pixels along each edge of a pixel; 0 or less: automatic",
         store(Draft.oversample), default="automatic", kind="whole"),
    _row("-oversample_thick", "", "sensor absorption for every sub-pixel; a 0 or 1 after it changes nothing, as in "
         "nanoBragg", put(Draft.oversample_thick, True), idle=("0", "1")),
    _row("-oversample_polar", "", "polarisation for every step", put(Draft.oversample_polar, True)),
    _row("-oversample_omega", "", "solid angle for every sub-pixel", put(Draft.oversample_omega, True)),
    _row("-roi", "fmin fmax smin smax",
         "only these pixels, ends included; fast, then slow; negative: that end of the detector",
         set_roi, kind="whole", default="all"),
)

_OUTPUT = (
    _row("-floatfile -floatimage", "FILE", "photons per pixel, 4-byte floats without header",
         store(Outputs.floatfile), default="floatimage.bin", kind="file"),
    _row("-intfile -intimage", "FILE",
         "scaled image without noise, SMV; numbers of many digits can make its header longer than it says, and readers "
         "then find the pixels shifted", store(Outputs.intfile),
         default="intimage.img", kind="file"),
    _row("-scale", "x", "scale of -intfile; 0 or less: automatic", store(CommandLine.scale), default="0"),
    _row("-adc -adcoffset", "x", "offset of -intfile and -noisefile", store(CommandLine.adc_offset), default="40"),
    _row("-noisefile -noiseimage", "FILE",
         "photons with Poisson noise, SMV, with such a header as -intfile; turns the noise on",
         store(Outputs.noisefile, also=[(Outputs.calculate_noise, True)]), default="noiseimage.img",
         kind="file"),
    _row("-nonoise", "", "no noise image", put(Outputs.calculate_noise, False)),
    _row("-seed", "S", "seed of the noise", store(CommandLine.seed), default="from the clock", kind="whole"),
    _row("-pgmfile -pgmimage", "FILE", "grey picture, PGM; turns it on",
         store(Outputs.pgmfile, also=[(Outputs.write_pgm, True)]), default="image.pgm", kind="file"),
    _row("-pgmscale", "x", "scale of the picture, turns it on; 0 or less: automatic",
         store(CommandLine.pgm_scale, also=[(Outputs.write_pgm, True)]), default="0"),
    _row("-nopgm", "", "no picture", put(Outputs.write_pgm, False)),
    _row("-printout", "", "print the pixels", put(CommandLine.printout, True)),
    _row("-printout_pixel", "f s", "print this pixel only (fast, slow)", set_printout_pixel, kind="whole"),
    _row("-progress", "", "show the progress", put(CommandLine.progress, True)),
    _row("-noprogress", "", "do not show the progress", put(CommandLine.progress, False)),
)

_OWN = (
    _row("--revision", "WORD", "what is reproduced: " + "; ".join(f"{row.text} ({row.name})" for row in REVISIONS),
         store(Draft.revision), default=DEFAULT, kind="choice", choices=revision_names),
    _row("--precision", "WORD", "the C program's bits (exact), better than that (compensated), or float32 (single)",
         store(CommandLine.precision), default="exact", kind="choice",
         choices=words("exact compensated single")),
    _row("--summation", "WORD", "how terms are added up: sequential, or kahan with compensated and single",
         store(CommandLine.summation), default="as the precision has it", kind="choice",
         choices=words("sequential kahan")),
    _row("--backend", "WORD",
         "what computes the image, which does not depend on it: cpu, cuda, or auto, CUDA where there is a device",
         store(CommandLine.backend), default="cpu", kind="choice",
         choices=words("cpu cuda auto")),
    _row("--device", "N", "number of the CUDA device, from 0", store(CommandLine.device), default="the first",
         kind="whole", rule=NOT_NEGATIVE),
    _row("--hkl-columns", "WORDS", "which columns of -hkl are taken: h,k,l,F and so on for a text list, which may then "
         "have comments and further columns; a column's name for .mtz and .cif; or auto",
         store(CommandLine.hkl_columns), default="four columns; auto", kind="text"),
    _row("--intensities", "WORD", "sqrt: take roots of the intensities of -hkl, negative ones as 0",
         store(CommandLine.intensities), default="refused", kind="choice", choices=words("sqrt")),
    _row("--space-group", "WORD", "space group of the reflections of -hkl, by its name (P212121) or number, in the "
         "place of the file's", store(CommandLine.space_group), default="that of the file", kind="text"),
    _row("--threads", "N", "number of threads", store(CommandLine.threads), default="all processors", kind="whole",
         rule=AT_LEAST_ONE),
    _row("--detector", "WORD", "detector of panels in the place of nanoBragg's plane: its name, a CrystFEL geometry "
         "(.geom), DIALS models (.expt, .json), or an image with a header; no SMV images are written of it",
         store(CommandLine.detector), kind="text"),
    _row("--detector-model", "N", "number of the experiment in DIALS models whose detector is taken, from 0",
         store(CommandLine.detector_model), default="the only one", kind="whole", rule=NOT_NEGATIVE),
    _row("--beam-centre-pixels", "f s",
         "where the beam meets a detector that has a name, from its corner, fast and slow",
         set_beam_centre_pixels, default="the middle"),
    _row("--spectrum", "FILE", "text file of two columns, wavelength or energy and weight: the wavelengths of every "
         "direction, weighted; replaces the dispersion, and its mean is the wavelength where none is given. Or "
         "gaussian:P, tophat:P, sase:P about the wavelength, of a bandwidth of P percent",
         store(Files.spectrum), kind="file"),
    _row("--spectrum-seed", "N", "which pulse --spectrum sase:P is", store(CommandLine.spectrum_seed), default="1",
         kind="whole", rule=NOT_NEGATIVE),
    _row("--spectrum-axis", "WORD", "what the first column of the spectrum is: angstrom, nm, m, ev or kev",
         store(CommandLine.spectrum_axis),
         default="as its header or its values tell", kind="choice", choices=words("angstrom nm m ev kev")),
    _row("--spectrum-density", "", "weights of the spectrum are a density: each counts times the width of its sample",
         put(CommandLine.spectrum_density, True)),
    _row("--spectrum-samples", "N", "merge the spectrum to so many wavelengths; or make it of so many",
         store(CommandLine.spectrum_samples),
         default="all that have photons; 21, sase 100", kind="whole", rule=AT_LEAST_ONE),
    _row("--background", "LAYERS", "add what amorphous material scatters: MATERIAL:THICKNESS (water, air, ice), or "
         "MATERIAL:BEGIN..END along the beam from the sample, or FILE.stol:THICKNESS:DENSITY:WEIGHT; several with "
         "commas: water:5um,air:50mm", store(CommandLine.background), kind="text", default="none"),
    _row("--spot-metric", "WORD", "how Gaussian and top-hat spots are measured: in reciprocal space (nanobragg), or in "
         "indices, with the proportions of the crystal (hkl)", store(Draft.spot_metric), default="nanobragg",
         kind="choice", choices=words("nanobragg hkl")),
    _row("--mosaic-model", "WORD", "rotations of mosaic domains by up to -mosaic (cap), or by normal angles of that "
         "standard deviation (gaussian)", store(Draft.mosaicity), default="cap",
         kind="choice", choices=words("cap gaussian")),
    _row("--mosaic-even", "", "gaussian mosaic domains that cover axes and angles evenly: more of them only refine the "
         "same picture", put(Draft.mosaic_low_discrepancy, True)),
    _row("--tiff", "FILE", "also write the float image as TIFF", store(Outputs.tiff), kind="file",
         rule=_named("TIFF")),
    _row("--tiff-type", "WORD", "type of the pixels of --tiff: float32, or photon counts as of --cbf, uint16, "
         "uint32, int32 or int16",
         store(Outputs.tiff_type), default="float32", kind="choice",
         choices=words("float32 uint16 uint32 int32 int16")),
    _row("--npy", "FILE", "also write the float image as a numpy array", store(Outputs.npy), kind="file",
         rule=_named("npy")),
    _row("--png", "FILE", "also write a picture (needs matplotlib)", store(Outputs.png), kind="file",
         rule=_named("PNG")),
    _row("--png-rings", "WORD", "picture of --png as seen along the beam, with a cross where the beam goes and rings "
         "of resolution: auto, or resolutions in Angstrom, such as 8,4,2", store(Outputs.png_rings, convert=ring_words),
         default="none", kind="text", rule=Rule(RINGS, are_rings)),
    _row("--nexus", "FILE", "also write the float image as NXmx (HDF5), with its geometry and its truth (needs h5py)",
         store(Outputs.nexus), kind="file", rule=_named("HDF5")),
    _row("--crystfel", "FILE", "also write the float image as HDF5 in the data layout of the .geom of --detector, "
         "which opens it unchanged (needs h5py)", store(Outputs.crystfel), kind="file", rule=_named("HDF5")),
    _row("--panel-layout", "WORD", "how several panels lie in files: as one image with masked gaps (whole), or one "
         "below the other (stacked)", store(Outputs.panel_layout), default="whole where they lie on one grid of pixels",
         kind="choice", choices=words("whole stacked")),
    _row("--cbf", "FILE", "also write photon counts as miniCBF: Poisson deviates of seed -seed, with -nonoise rounded "
         "means; of one plane normal to the beam (needs fabio)", store(Outputs.cbf), kind="file", rule=_named("CBF")),
    _row("--smv-readable", "FILE", "also write such counts as SMV, with a header by which other programs place the "
         "image as it was simulated", store(Outputs.smv_readable), kind="file", rule=_named("SMV")),
    _row("--counts", "FILE", "also write what a detector counts, with seed -seed: photons, or by --response; NXmx "
         "(.h5, .nxs), miniCBF (.cbf), SMV (.img), TIFF (.tif) or a numpy array (.npy)", store(Outputs.counts),
         kind="file", rule=Rule(COUNTS, is_of_counts)),
    _row("--response", "FILE", "detector that counts, in TOML (docs/counts.md): noise, point spread, gain, offset and "
         "more, of --counts, --cbf, --smv-readable, --tiff-type and a scan", store(Files.response),
         default="photons are counted", kind="file"),
    _row("--geom", "FILE", "also write a CrystFEL geometry, which opens the file of --nexus", store(Outputs.geom),
         kind="file"),
    _row("--expt", "FILE", "also write DIALS models of beam, detector, spindle and crystal", store(Outputs.expt),
         kind="file"),
    _row("--xds-inp", "FILE", "also write an XDS.INP for the image of --cbf or --smv-readable", store(Outputs.xds_inp),
         kind="file"),
    _row("--date", "TIME", "time that these files state, ISO 8601, UTC", store(CommandLine.date, convert=date_word),
         default="that of SOURCE_DATE_EPOCH, else 1970-01-01T00:00:00Z", kind="text",
         rule=Rule("be a time such as 2026-11-26T22:00:00Z", is_date)),
    _row("--stats-json", "FILE", "also write counts and timings of the run", store(Outputs.stats_json),
         kind="file", rule=_named("JSON")),
    _row("--quiet", "", "print nothing but errors and warnings", put(CommandLine.quiet, True)),
    _row(spellings_of("help"), "", "print this text", put(CommandLine.help, True)),
    _row(spellings_of("version"), "", "print the version", put(CommandLine.version, True)),
)

_GROUPED = {
    "crystal": _CRYSTAL,
    "structure factors": _STRUCTURE_FACTORS,
    "beam": _BEAM,
    "detector": _DETECTOR,
    "detector axes": _AXES,
    "sampling": _SAMPLING,
    "output": _OUTPUT,
    "numbragg's own": _OWN,
}

#: Every option, in the order of the help text.
TABLE = tuple(Option(group=group, own=rows is _OWN, **row)
              for group, rows in _GROUPED.items() for row in rows)

#: Headings of the help text.
GROUPS = tuple(_GROUPED)
