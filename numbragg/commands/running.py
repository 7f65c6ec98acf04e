"""What the runs of nanoBragg's command line have in common, on its one plane or on panels."""

from dataclasses import fields
import sys
import time

from ..command_line.inputs import announce, take_misset_seed
from ..command_line.values import CommandLineError, quoted
from ..notes import Loud, Misleading
from . import printing

# start-up: what a run needs is imported when it runs, so that --help and refused words load neither NumPy nor Numba

__all__ = ["Clock", "files_read", "ground_of", "keep_what_is_read", "opened", "options_of", "say", "settle_noise_seed",
           "settle_seeds", "tell", "tell_notes", "told_of_ground", "write_statistics"]


class Clock:
    """Seconds spent, by name."""

    def __init__(self):
        self.seconds = {}
        self._last = time.perf_counter()

    def lap(self, name):
        """Add the time since the last lap to a name."""
        now = time.perf_counter()
        self.seconds[name] = self.seconds.get(name, 0.0) + now - self._last
        self._last = now


def opened(line, evaluation):
    """What computes the image. What "auto" chose is remarked upon."""
    from ..render.backends import open_backend

    backend = open_backend(evaluation)
    if backend.remark is not None:
        line.notices.append(backend.remark)
    return backend


def _tables_read(line):
    """Names of the files that `--background` reads."""
    if line.background is None:
        return []
    from ..background.layers import split_words
    from ..background.tables import MATERIALS

    return [layer[0] for layer in split_words(line.background) if layer[0] not in MATERIALS]


def files_read(line):
    """Names of all files that a command line reads."""
    files = line.files
    # of -dump what other commands read without -hkl
    read = [getattr(files, each.name) for each in fields(files) if each.name != "dump" or files.hkl is None]
    read += [line.detector, *_tables_read(line)]
    if line.detector is not None and line.detector.lower().endswith(".geom"):
        from ..io.geom import read_geom

        read += [mask.file for panel in read_geom(line.detector).panels for mask in panel.masks]
    return [name for name in read if name is not None]


def keep_what_is_read(line, written):
    """Refuse to write what is read.

    Parameters
    ----------
    line : numbragg.command_line.line.CommandLine
    written : sequence of str or bytes
        Names of outputs.
    """
    from ..io.destinations import read_too

    output = read_too(written, lambda: files_read(line))
    if output is not None:
        option = options_of(line).get(output)
        more = f"; give it another name: {option} FILE" if option else ""
        raise CommandLineError(f"{quoted(output)}: is read and cannot be written too{more}")


def options_of(line):
    """Options that would name the C programs' files, by the names that these have because none was given."""
    names, given = line.outputs, line.given
    return {name: option for name, option in (
        (names.floatfile, "-floatfile"), (names.pgmfile, "-pgmfile"), (names.noisefile, "-noisefile"),
        (names.intfile, "-intfile")) if option not in given}


def ground_of(line, shot, threads):
    """The background of a prepared shot (`background.ground.Ground`); None without `--background`."""
    if line.background is None:
        return None
    from ..background.ground import Ground
    from ..background.layers import Background

    def announce(said):
        # before the work, not in the report behind it
        if not line.quiet:
            print(f"numbragg: {said}", file=sys.stderr, flush=True)

    return Ground(Background(line.background), shot, threads, announce)


def told_of_ground(experiment, ground):
    """What files say, the background included; either may be None."""
    if experiment is None or ground is None:
        return experiment
    from ..results.experiment import with_background

    return with_background(experiment, ground.account())


def settle_noise_seed(line):
    """Take the seed of the noise from the clock where it was not given, and say so in the notices.

    Returns what the clock says.
    """
    now = int(time.time())
    if line.seed is None:
        line.seed = now
        if line.outputs.calculate_noise:
            line.notices.append(f"noise seed {now} taken from the clock (-seed {now} repeats it)")
    return now


def settle_seeds(line):
    """Take the seeds that were not given from the clock, and say so in the notices."""
    take_misset_seed(line, settle_noise_seed(line))


def write_statistics(outputs, names, facts):
    """Write the account of a run to its temporary place, and its name into the account, if it is wanted."""
    if names.stats_json is None:
        return
    from ..io.json_text import json_text

    facts["files"].append(names.stats_json)
    with outputs.open(names.stats_json) as file:
        file.write(json_text(facts).encode())


def tell(line, facts, print_more=None):
    """Print warnings and, unless `--quiet`, the report; all files are in place.

    Parameters
    ----------
    line : numbragg.command_line.line.CommandLine
    facts : dict
        The account of the run.
    print_more : callable, optional
        Prints what comes before the report.
    """
    def report():
        from ..results.report import report_lines

        return [*report_lines(facts, line.notices), "  wrote " + ", ".join(facts["files"])]

    say(line, facts["warnings"], report, print_more)


def say(line, warnings, report, print_more=None):
    """Print warnings and, unless `--quiet`, a report; all files are in place.

    Parameters
    ----------
    line : numbragg.command_line.line.CommandLine
    warnings : sequence of str
        Notes beside those of the line.
    report : callable
        Returns the lines of the report.
    print_more : callable, optional
        Prints what comes before it.
    """
    for note in (*line.notices, *warnings):
        if isinstance(note, Misleading) or line.quiet and isinstance(note, Loud):
            print(f"numbragg: warning: {note}", file=sys.stderr)
    with printing.report():
        if print_more is not None:
            print_more()
        if not line.quiet:
            print("\n".join(report()))


def tell_notes(line, notes):
    """Say notes on stderr, where standard output has something else to say; of `--quiet` only warnings are left."""
    for note in notes:
        if not line.quiet or isinstance(note, Loud):
            print(f"numbragg: {'warning' if line.quiet else 'note'}: {note}", file=sys.stderr)
    announce(line)
