"""What every command that takes nanoBragg's arguments does first: read their files, settle their seeds."""

import os
import sys

from .values import CommandLineError, quoted

__all__ = ["announce", "read_inputs", "take_misset_seed"]

#: Wavelengths from here on [m] are hardly meant: the list of sources was probably written in Angstrom.
_LONG_WAVELENGTH = 1e-6


def read_inputs(line):
    """Read the files that a command line names.

    Parameters
    ----------
    line : options.CommandLine
        Checked.  Matrix and sources are entered into its parameters, remarks into its notices.

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

    files, p = line.files, line.parameters
    if files.matrix is not None:
        from ..io.matrix import read_matrix

        p.matrix = tuple(read_matrix(files.matrix))
    if files.sources is not None:
        from ..io.tables import read_sources

        p.sources = read_sources(files.sources)
        longest = max((row[4] for row in p.sources.tolist() if row[4] > _LONG_WAVELENGTH), default=None)
        if longest is not None:
            line.notices.append(f"{quoted(files.sources)}: a wavelength of {longest:g} m; the fifth column is in"
                                " metres, not in Angstrom")
    if files.stol is not None:
        from ..io.tables import read_stol

        read_stol(files.stol)
    if files.hkl is not None:
        return StructureFactors.from_file(files.hkl, line.default_f)
    if os.path.exists(files.dump):
        from ..io.dump import read_dump

        dump = read_dump(files.dump)
        line.notices.append(f"structure factors read from {files.dump}, for no -hkl was given")
        line.announcement = f"structure factors read from {quoted(files.dump)}, for no -hkl was given"
        if dump.warning:
            line.notices.append(dump.warning)
        return StructureFactors(dump.table, dump.minimum, dump.maximum, line.default_f, source=files.dump)
    if line.default_f == 0.0:
        raise CommandLineError(
            f"no structure factors: give -hkl FILE or -default_F, for there is no {files.dump}")
    return StructureFactors.constant(line.default_f)


def announce(line):
    """Say on stderr which file is used though nobody named it, unless `--quiet`.

    To be called when nothing can be refused any more, so that a refusal stays one line.

    Parameters
    ----------
    line : options.CommandLine
        After `read_inputs`.
    """
    if line.announcement is not None and not line.quiet:
        print(f"numbragg: {line.announcement}", file=sys.stderr)


def take_misset_seed(line, now):
    """Give a random orientation without a seed one from the clock, and say so in the notices.

    Parameters
    ----------
    line : options.CommandLine
    now : int
        The time [s].
    """
    p = line.parameters
    if p.misset == "random" and p.misset_seed is None:
        p.misset_seed = now
        line.notices.append(f"orientation seed {p.misset_seed} taken from the clock "
                            f"(-misset_seed {p.misset_seed} repeats it)")
