"""What every command that takes nanoBragg's arguments does after reading the words: read files, settle seeds."""

import os
import sys

from ..notes import Loud
from ..scene.notes_sources import other_wavelengths
from ..scene.units import from_angstrom, to_angstrom
from .headers import default_notes, enter_header, mask_notes
from .headers_unused import unused_notes
from .parse import entered
from .values import CommandLineError, quoted, real

# start-up: readers, and NumPy with them, are imported where there is a file to read

__all__ = ["announce", "read_inputs", "take_misset_seed", "with_headers"]


# -- headers


def with_headers(line):
    """The same command line with what stands in the headers of `-mask` and `-img`, and the mask.

    The C program enters the headers, that of the mask first, before it obeys the first option; so the options
    are entered anew after them.

    Parameters
    ----------
    line : CommandLine
        As `parse` made it.

    Returns
    -------
    CommandLine
        The same object where neither option is given.

    Raises
    ------
    CommandLineError
        If the detector has no pixels, or 2^31 or more, for the mask to lie on.
    ValueError, OSError
        If a file is not an SMV image or cannot be read.
    """
    mask_name, image_name = line.files.mask, line.files.image
    if mask_name is None and image_name is None:
        return line
    from ..io.smv import read_header, read_mask

    headers = []
    if mask_name is not None:
        mask_header, mask = read_mask(mask_name)

        def enter_mask(line):
            line.draft.mask = mask
            enter_header(line, mask_name, mask_header, flipped=True)

        headers.append(enter_mask)
    if image_name is not None:
        image_header = read_header(image_name)
        headers.append(lambda line: enter_header(line, image_name, image_header, flipped=False))
    line = entered(line.uses, headers)
    if mask_name is not None:
        line.notices += [*mask_notes(line, mask_name, mask_header), *unused_notes(line, mask_name, mask_header)]
        if image_name is None:
            line.notices += default_notes(line, mask_name)
    if image_name is not None:
        line.notices += [*default_notes(line, image_name), *unused_notes(line, image_name, image_header)]
    return line


# -- other files

_OF_A_SPECTRUM = ("--spectrum-axis", "--spectrum-density", "--spectrum-samples", "--spectrum-seed")
#: Spectra about the wavelength, by their constructors' names.
_SPECTRA = ("gaussian", "tophat", "sase")


def _check_mosaicity(p):
    if p.mosaic_low_discrepancy and p.mosaicity == "cap":
        raise CommandLineError("--mosaic-even needs --mosaic-model gaussian: nanoBragg's own domains are random")
    if p.mosaicity != "cap" and p.mosaic_seed < 0:
        raise CommandLineError(f"-mosaic_seed {p.mosaic_seed}: must not be negative with --mosaic-model {p.mosaicity}")


def _enter_spectrum(line):
    """Read a spectrum; its mean is the wavelength unless an option or a header gave one."""
    path, p, given = line.files.spectrum, line.draft, line.given
    if path is None:
        idle = [name for name in _OF_A_SPECTRUM if name in given]
        if idle:
            raise CommandLineError(f"{idle[0]} needs --spectrum")
        return
    other = next((name for name in ("-sourcefile", "-dispersion", "-dispsteps") if name in given), None)
    if other is not None:
        raise CommandLineError(f"--spectrum and {other} both give wavelengths; give one of them")
    from ..configs.spectrum import Spectrum

    model, colon, bandwidth = path.partition(":")
    if colon and model in _SPECTRA:
        _enter_model(line, given, model, bandwidth)
        return
    if line.spectrum_seed is not None:
        raise CommandLineError(f"{given['--spectrum-seed'].said}: is for --spectrum sase:P, not for a file")
    spectrum = Spectrum.from_file(path, axis=line.spectrum_axis, density=line.spectrum_density)
    if line.spectrum_samples is not None:
        spectrum = spectrum.merged(line.spectrum_samples)
    p.spectrum, p.spectrum_notes = spectrum.pack(), spectrum.notes
    if not {"-lambda", "-energy", "-img", "-mask"} & set(given):
        p.wavelength = from_angstrom(spectrum.mean_wavelength_angstrom)


def _enter_model(line, given, model, bandwidth):
    """A spectrum about the wavelength, such as sase:0.3."""
    from ..configs.spectrum import Spectrum

    said = given["--spectrum"].said
    for name in ("--spectrum-axis", "--spectrum-density"):
        if name in given:
            raise CommandLineError(f"{name}: is for a file, not for {said}")
    if line.spectrum_seed is not None and model != "sase":
        raise CommandLineError(f"{given['--spectrum-seed'].said}: is for --spectrum sase:P, not for {said}")
    percent = real(f"--spectrum {model}:", bandwidth)
    more = {} if line.spectrum_samples is None else {"samples": line.spectrum_samples}
    if model == "sase":
        more["seed"] = 1 if line.spectrum_seed is None else line.spectrum_seed
    try:
        spectrum = getattr(Spectrum, model)(to_angstrom(line.draft.wavelength), percent, **more)
    except ValueError as error:
        raise CommandLineError(f"{said}: {error}") from error
    line.draft.spectrum, line.draft.spectrum_notes = spectrum.pack(), spectrum.notes


def _of_sources(line):
    """A note on a wavelength that was given beside a list of sources that has others."""
    use = next((use for use in reversed(line.uses) if use.option.name in ("-lambda", "-energy")), None)
    said = use.said if use is not None else "WAVELENGTH of a header" if "wavelength" in line.origins else None
    other = None if said is None else other_wavelengths(line.draft.wavelength, line.draft.sources)
    return [] if other is None else [Loud(f"{said} is not simulated: {other}")]


def read_inputs(line):
    """Read the files that a command line names.

    Parameters
    ----------
    line : CommandLine
        Checked.  Matrix and sources are entered into its draft, remarks into its notices; a cell too, if only the
        file of structure factors has one.

    Returns
    -------
    structure_factors.StructureFactors

    Raises
    ------
    CommandLineError
        If there are no structure factors.
    ValueError, OSError
        If a file is not what it should be, or cannot be read.
    """
    from ..configs.structure_factors import StructureFactors

    files, p = line.files, line.draft
    _check_mosaicity(p)
    # before the matrix, which is scaled by the wavelength
    _enter_spectrum(line)
    if files.matrix is not None:
        from ..io.matrix import matrix_notes, read_matrix_and_more

        p.matrix, numbers = read_matrix_and_more(files.matrix)
        line.notices += map(Loud, matrix_notes(files.matrix, to_angstrom(p.wavelength), numbers))
    if files.sources is not None:
        from ..io.tables import read_sources

        p.sources = read_sources(files.sources)
        line.notices += _of_sources(line)
    if files.stol is not None:
        from ..io.tables import read_stol

        read_stol(files.stol)
    if files.hkl is not None:
        from .structure_inputs import read_structure_factors

        return read_structure_factors(line)
    if os.path.exists(files.dump):
        from ..io.dump import read_dump

        dump = read_dump(files.dump)
        said = f"structure factors read from {files.dump}, for no -hkl was given"
        line.notices.append(Loud(f"{said}; -default_F counts outside of it only") if line.default_f else said)
        line.announcement = f"structure factors read from {quoted(files.dump)}, for no -hkl was given"
        if dump.warning:
            line.notices.append(Loud(dump.warning))
        return StructureFactors.owning(dump.table, dump.minimum, dump.maximum, line.default_f, source=files.dump)
    if line.default_f == 0.0:
        raise CommandLineError(
            f"no structure factors: give -hkl FILE or -default_F, for there is no {files.dump}")
    return StructureFactors.constant(line.default_f)


def announce(line):
    """Say on stderr which file is used though nobody named it, unless `--quiet`.

    To be called when nothing can be refused any more, so that a refusal stays one line.

    Parameters
    ----------
    line : CommandLine
        After `read_inputs`.
    """
    if line.announcement is not None and not line.quiet:
        print(f"numbragg: {line.announcement}", file=sys.stderr)


def take_misset_seed(line, now):
    """Give a random orientation without a seed one from the clock, and say so in the notices.

    Parameters
    ----------
    line : CommandLine
    now : int
        The time [s].
    """
    p = line.draft
    if p.misset == "random" and p.misset_seed is None:
        p.misset_seed = now
        line.notices.append(f"orientation seed {p.misset_seed} taken from the clock "
                            f"(-misset_seed {p.misset_seed} repeats it)")
