"""What a detector counts, as nanoBragg's command line asks for it: `--response` and `--counts`."""

import os

from ..command_line.dates import date_of
from ..command_line.values import CommandLineError, quoted
from ..io.endings import format_of_ending
from ..notes import Loud
from .running import told_of_ground

# start-up: what a run needs is imported when it runs, so that --help and refused words load neither NumPy nor Numba

__all__ = ["check_counts", "check_name", "counts_of", "facts_of_counts", "read_response_of", "recorded_by",
           "write_counts"]

#: Files of `--counts` and the types of their pixels; None: the response's own.
_TYPES = {"HDF5": "int32", "CBF": "int32", "SMV": "uint16", "TIFF": "uint32", "npy": None}


def check_counts(line):
    """Refuse a response without counts that it is of."""
    names = line.outputs
    if line.files.response is None:
        return
    said = line.given["--response"].said
    tiff = names.tiff is not None and names.tiff_type not in (None, "float32")
    if names.counts is None and names.cbf is None and names.smv_readable is None and not tiff:
        raise CommandLineError(f"{said}: needs --counts FILE, or --cbf, --smv-readable or a --tiff-type of counts")
    if not names.calculate_noise:
        raise CommandLineError(f"{said}: draws random numbers, and -nonoise wants none")


def read_response_of(line):
    """Read the file of `--response` into the command line."""
    if line.files.response is None:
        return
    from ..response.toml_file import read_response

    name, names = line.files.response, line.outputs
    line.response = read_response(name)
    cbf = names.cbf
    if cbf is None and names.counts is not None and format_of_ending(names.counts) == "CBF":
        cbf = names.counts
    # before anything is computed
    if cbf is not None and round(line.response.offset_adu):
        raise CommandLineError(f"{quoted(name)}: offset_adu: {line.response.offset_adu:g} must be 0 for "
                               f"{quoted(cbf)}: the header of miniCBF has no word for it, NXmx and SMV have")
    if cbf is not None and line.response.raw:
        raise CommandLineError(f"{quoted(name)}: gain_stages.output: 'raw' must be 'corrected' for {quoted(cbf)}: "
                               "miniCBF holds counts")


def seed_of(seed):
    """The seed of counts: a negative one is the C program's way to go on with the numbers of the simulation."""
    return None if seed is None else abs(seed)


def counts_of(line, name, images, shot, dtype, seed):
    """Counts of all panels, as a type of whole numbers; those that reach the largest that counts are noted.

    Parameters
    ----------
    line : numbragg.command_line.line.CommandLine
    name : str
        Of the file.
    images : sequence of (slow, fast) float32 array
    shot : sequence of tuple of scene.Prepared
    dtype : str
    seed : int or None
        None: means are rounded.

    Returns
    -------
    list of (slow, fast) array
    """
    import numpy as np

    seed = seed_of(seed)
    if line.response is None or seed is None:
        from ..results.counts import photons

        counts = [photons(image, np.dtype(dtype), seed=seed, panel=number) for number, image in enumerate(images)]
        largest, masked = np.iinfo(dtype).max, None
    else:
        from ..results.recording import count_panels

        response = line.response.of_type(dtype)
        counts = count_panels(response, images, shot, seed=seed, threads=line.threads)
        largest, masked = response.saturation, response.masked_value
    full = sum(int(np.count_nonzero(part == largest)) for part in counts)
    if full and largest != masked:
        line.notices.append(Loud(f"{os.fsdecode(name)}: {full} pixels hold {largest}, the largest that counts in "
                                 f"{dtype}, and may have had more photons"))
    return counts


def recorded_by(line, experiment, dtype, seed):
    """What a file of counts of a type says of them."""
    if line.response is None or seed is None:
        return experiment
    from ..results.recording import recorded

    return recorded(experiment, line.response.of_type(dtype), seed=seed_of(seed))


def facts_of_counts(line, seed):
    """What an account says of counts, by name; nothing where there are none."""
    if line.outputs.counts is None and line.response is None:
        return {}
    settings = None if line.response is None else line.response.settings()
    return {"counts": {"seed": seed_of(seed), "frame": 0, "response": settings}}


def write_counts(outputs, line, shot, images, ground, seed):
    """Write the file of `--counts` to its temporary place, if it is wanted. Returns its name in a list."""
    name = line.outputs.counts
    if name is None:
        return []
    kind = format_of_ending(name)
    own = "int32" if line.response is None else line.response.dtype
    dtype = _TYPES[kind] or own
    if kind in ("HDF5", "TIFF") and own == "uint16":
        dtype = own
    counts = counts_of(line, name, images, shot, dtype, seed)
    if kind == "npy":
        import numpy as np

        with outputs.open(name) as file:
            np.save(file, counts[0] if len(counts) == 1 else np.asarray(counts))
    elif kind == "TIFF":
        from ..io.tiff import write_tiff

        with outputs.open(name) as file:
            write_tiff(file, counts, facts_of_counts(line, seed) | {"program": "numbragg"})
    else:
        from ..results.experiment import describe

        experiment = recorded_by(line, told_of_ground(describe(shot), ground), dtype, seed)
        _write_described(outputs, line, experiment, counts, kind, seed)
    return [name]


def _write_described(outputs, line, experiment, counts, kind, seed):
    """Write counts with a header: NXmx, miniCBF or SMV."""
    from ..io.minicbf import write_minicbf
    from ..io.one_image import one_image
    from ..io.smv_readable import write_readable_smv
    from ..results.files import name_notes, reader_notes
    from ..results.recording import gain_notes

    name = line.outputs.counts
    experiment = one_image(experiment, line.outputs.panel_layout if kind == "HDF5" else None)
    said = {"HDF5": "NXmx", "CBF": "miniCBF", "SMV": "SMV"}[kind]
    with outputs.open(name) as file:
        if kind == "HDF5":
            file.write(_nexus(experiment, counts, date_of(line.date), seed))
        else:
            write = write_minicbf if kind == "CBF" else write_readable_smv
            write(file, counts, experiment, date=date_of(line.date))
    line.notices += reader_notes(experiment, said)
    if kind == "HDF5":
        from ..io.right_angles import at_right_angles

        line.notices += at_right_angles(experiment, "NXmx")[1]
    if kind != "SMV":
        line.notices += gain_notes(experiment, said)
    if kind != "HDF5":
        line.notices += name_notes(name)


def _nexus(experiment, counts, date, seed):
    from ..io.experiment import Series
    from ..io.nxmx import NexusWriter
    from ..results.recording import without_offset

    if experiment.recording is not None:
        counts = without_offset(counts, experiment.recording)
    with NexusWriter(None, experiment, Series(noise_seed=seed_of(seed)), counts[0].dtype, date=date) as file:
        file.write(0, counts)
        file.finish()
        return file.content()


def check_name(name, shapes):
    """Refuse panels of several sizes in one array."""
    if name is not None and format_of_ending(name) == "npy" and len(set(shapes)) > 1:
        raise CommandLineError(f"--counts {quoted(name)}: needs panels of one size")
