"""Files that other programs read, of one image: NXmx, miniCBF, SMV, and geometry by itself."""

import re

from ..command_line.dates import date_of
from ..command_line.values import CommandLineError, quoted

# start-up: what a run needs is imported when it runs, so that --help and refused words load neither NumPy nor Numba

__all__ = ["described", "of_counts", "readable_files", "write_geometries", "write_readable"]


def readable_files(names):
    """The files that are wanted, and what they are."""
    every = ((names.nexus, "NXmx file"), (names.cbf, "CBF image"), (names.smv_readable, "SMV image"),
             (names.geom, "CrystFEL geometry"), (names.expt, "DIALS models"), (names.xds_inp, "XDS.INP"))
    return [(name, kind) for name, kind in every if name is not None]


def of_counts(names):
    """Whether a file is wanted that holds counts."""
    return names.cbf is not None or names.smv_readable is not None


def described(line, shot):
    """What the files say of a shot, if each of them can say it.

    Parameters
    ----------
    line : numbragg.command_line.line.CommandLine
    shot : sequence of tuple of scene.Prepared

    Returns
    -------
    io.experiment.Experiment or None
        None where no such file is wanted.

    Raises
    ------
    ValueError
        Naming what a file cannot say.
    """
    names = line.outputs
    if not readable_files(names):
        return None
    from ..io.flat import flat
    from ..results.experiment import describe

    if names.xds_inp is not None and not of_counts(names):
        raise CommandLineError(f"--xds-inp {quoted(names.xds_inp)}: names the images, so it needs --cbf or "
                               "--smv-readable")
    experiment = describe(shot)
    for name, kind in ((names.cbf, "--cbf: miniCBF"), (names.smv_readable, "--smv-readable: SMV")):
        if name is not None:
            flat(experiment, kind, turning=experiment.oscillation_deg != 0.0)
    return experiment


def write_readable(outputs, line, experiment, images, seed):
    """Write the files to their temporary places.

    Parameters
    ----------
    outputs : io.output.OutputSet
    line : numbragg.command_line.line.CommandLine
    experiment : io.experiment.Experiment or None
    images : sequence of (slow, fast) float32 array
        Of all panels.
    seed : int or None
        Of the counts; None: means are rounded.

    Returns
    -------
    list of str
        Their names.
    """
    if experiment is None:
        return []
    import numpy as np

    from ..io.minicbf import write_minicbf
    from ..io.nxmx import nexus_bytes
    from ..io.smv_readable import write_readable_smv
    from ..results.counts import photons

    names, date = line.outputs, date_of(line.date)
    # a negative seed is the C program's way to go on with the numbers of the simulation
    seed = None if seed is None else abs(seed)
    if names.nexus is not None:
        with outputs.open(names.nexus) as file:
            file.write(nexus_bytes(experiment, images, date=date))
    for name, write, dtype in ((names.cbf, write_minicbf, np.int32),
                               (names.smv_readable, write_readable_smv, np.uint16)):
        if name is not None:
            with outputs.open(name) as file:
                write(file, photons(images[0], dtype, seed=seed), experiment, date=date)
    write_geometries(outputs, names, experiment, names.cbf or names.smv_readable)
    return [name for name, _ in readable_files(names)]


def write_geometries(outputs, names, experiment, image, frames=1):
    """Write .geom, .expt and XDS.INP to their temporary places; `image` is the name of the (first) image."""
    from ..io.geometry_text import expt_text, geom_text, xds_text

    for name, make in ((names.geom, lambda: geom_text(experiment)), (names.expt, lambda: expt_text(experiment, frames)),
                       (names.xds_inp, lambda: xds_text(experiment, _template(image), frames))):
        if name is not None:
            with outputs.open(name) as file:
                file.write(make().encode())


def _template(name):
    """The name of an image as XDS has it: a question mark for each digit of its number."""
    stem, dot, ending = name.rpartition(".")
    return re.sub(r"(\d+|#+)$", lambda digits: "?" * len(digits[0]), stem) + dot + ending
