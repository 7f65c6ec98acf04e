"""What a detector counts, as nanoBragg's command line asks for it: `--response` and `--counts`."""

import os

from ..command_line.dates import date_of
from ..command_line.values import CommandLineError, quoted
from ..io.endings import format_of_ending
from .running import told_of_ground

# start-up: what a run needs is imported when it runs, so that --help and refused words load neither NumPy nor Numba

__all__ = ["Recorder", "check_counts", "check_name", "check_response", "facts_of_counts", "of_the_scene",
           "read_response_of", "write_counts"]

#: Files of `--counts` and the types of their pixels without a response; HDF5 of uint16, TIFF and npy have its own.
_TYPES = {"HDF5": "int32", "CBF": "int32", "SMV": "uint16", "TIFF": "uint32", "npy": "int32"}
#: What an account says of where and how fast an image was computed.
_OF_THE_MACHINE = frozenset(("seconds", "steps_per_second", "threads", "backend", "device", "pixels", "files"))


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


def read_response_of(line, images=None):
    """Read the file of `--response` into the command line; what files cannot say is refused before anything is made.

    Parameters
    ----------
    line : numbragg.command_line.line.CommandLine
    images : str, optional
        The names of a series' images.
    """
    if line.files.response is None:
        return
    from ..io.minicbf import check_recording
    from ..response.toml_file import read_response
    from ..results.recording import recording

    line.response = read_response(line.files.response)
    for name, kind in _files_of_counts(line, images):
        try:
            said = recording(line.response, seed=0, dtype=type_of_counts(line, kind))
            if kind == "CBF":
                check_recording(said)
        except ValueError as error:
            raise CommandLineError(f"{quoted(line.files.response)}: {error} ({quoted(name)})") from None


def _files_of_counts(line, images):
    """Files that the counts go to, and what they are."""
    names = line.outputs
    found = [(names.cbf, "CBF"), (names.smv_readable, "SMV"),
             (images, None if images is None else format_of_ending(images)),
             (names.counts, None if names.counts is None else format_of_ending(names.counts)),
             (None if names.tiff_type in (None, "float32") else names.tiff, names.tiff_type)]
    return [(name, kind) for name, kind in found if name is not None]


def type_of_counts(line, kind):
    """Type of the counts in a file of a kind, or of a type that was asked for."""
    if kind not in _TYPES:
        return kind
    if line.response is None:
        return _TYPES[kind]
    own = line.response.dtype
    if kind in ("npy", "TIFF") or kind == "HDF5" and own == "uint16":
        return own
    return _TYPES[kind]


def check_response(line, shot):
    """Refuse what a response cannot do on the detector of a shot; what has no effect there is noted."""
    if line.response is None:
        return
    from ..results.recording import response_notes

    name = os.fsdecode(line.files.response)
    try:
        notes = response_notes(line.response, shot)
    except ValueError as error:
        raise CommandLineError(f"{quoted(line.files.response)}: {error}") from None
    # of what kind each note is stays
    line.notices += [type(note)(f"{name}: {note}") for note in notes]


class Recorder:
    """The counts of a run, drawn once, for files of several types.

    Parameters
    ----------
    line : numbragg.command_line.line.CommandLine
    shot : sequence of tuple of scene.Prepared
    images : sequence of (slow, fast) float32 array
        Mean photons of all panels.
    seed : int or None
        None: means are rounded.
    render : callable
        Makes the images of a shot.
    ground : background.ground.Ground or None
        What was added to them.
    """

    def __init__(self, line, shot, images, seed, render, ground=None):
        self.line, self.shot, self.images = line, shot, images
        # a negative seed is the C program's way to go on with the numbers of the simulation
        self.seed = None if seed is None else abs(seed)
        self.response = None if seed is None else line.response
        self._render, self._ground, self._counts = render, ground, None

    def counts(self, name, dtype):
        """Counts of all panels for a file, as a type of whole numbers; what that type cuts is noted.

        Returns
        -------
        list of (slow, fast) array
        """
        import numpy as np

        from ..results.recording import cut_notes, full_note, full_notes, stored

        if self.response is None:
            from ..results.counts import photons

            counts = [photons(image, np.dtype(dtype), seed=self.seed, panel=number)
                      for number, image in enumerate(self.images)]
            largest = np.iinfo(dtype).max
            full = sum(int(np.count_nonzero(part == largest)) for part in counts)
            self.line.notices += [full_note(name, full, largest, dtype)] if full else []
            return counts
        if self._counts is None:
            self._counts = self._drawn()
        counts = stored(self._counts, self.response, dtype)
        self.line.notices += [*full_notes(name, counts, self.response, dtype), *cut_notes(name, self.response, dtype)]
        return counts

    def _drawn(self):
        """Counts of the response's own type."""
        from ..render.halo import halo_of
        from ..results.recording import count_panels

        line = self.line
        halo = halo_of(self.shot, self.response, None if self._ground is None else self._ground.background,
                       line.threads)
        return count_panels(self.response, self.images, self.shot, seed=self.seed, threads=line.threads,
                            around=None if halo is None else halo.images(self._render))

    def told(self, experiment, dtype):
        """What a file of counts of a type says of them."""
        if self.response is None:
            return experiment
        from ..results.recording import recorded

        return recorded(experiment, self.response, seed=self.seed, dtype=dtype)


def facts_of_counts(line, seed):
    """What an account says of counts, by name; nothing where there are none."""
    if line.outputs.counts is None and line.response is None:
        return {}
    settings = None if line.response is None else line.response.settings()
    return {"counts": {"seed": None if seed is None else abs(seed), "frame": 0, "response": settings}}


def of_the_scene(facts):
    """An account without what is of the machine: the same command makes the same bytes, wherever it runs."""
    return {name: value for name, value in facts.items() if name not in _OF_THE_MACHINE}


def write_counts(outputs, line, recorder, ground, facts):
    """Write the file of `--counts` to its temporary place, if it is wanted. Returns its name in a list."""
    name = line.outputs.counts
    if name is None:
        return []
    kind = format_of_ending(name)
    dtype = type_of_counts(line, kind)
    counts = recorder.counts(name, dtype)
    if kind == "npy":
        import numpy as np

        if line.outputs.stats_json is None:
            line.notices.append(f"{os.fsdecode(name)}: an npy file says nothing of how it was made; --stats-json does")
        with outputs.open(name) as file:
            np.save(file, counts[0] if len(counts) == 1 else np.asarray(counts))
    elif kind == "TIFF":
        from ..io.tiff import write_tiff

        with outputs.open(name) as file:
            write_tiff(file, counts, of_the_scene(facts))
    else:
        from ..results.experiment import describe

        experiment = recorder.told(told_of_ground(describe(recorder.shot), ground), dtype)
        _write_described(outputs, line, experiment, counts, kind, recorder.seed)
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
    with NexusWriter(None, experiment, Series(noise_seed=seed), counts[0].dtype, date=date) as file:
        file.write(0, counts)
        file.finish()
        return file.content()


def check_name(name, shapes):
    """Refuse panels of several sizes in one array."""
    if name is not None and format_of_ending(name) == "npy" and len(set(shapes)) > 1:
        raise CommandLineError(f"--counts {quoted(name)}: needs panels of one size")
