"""`numbragg scan`: a rotation series, each frame nanoBragg's image at the next spindle angle, in files."""

import math
import os

from .. import memory
from ..command_line.dates import date_of
from ..command_line.inputs import read_inputs, with_headers
from ..command_line.panels import read_panels
from ..command_line.parse import check, parse
from ..command_line.values import CommandLineError, quoted
from ..io.hdf5_filters import COMPRESSIONS
from ..io.literals import whole
from ..kernels.stopping import know
from .arguments import Parser, check_outputs, file_name
from .counted import check_response, read_response_of
from .printing import report
from .readable import notes_on_series, write_geometries
from .running import Clock, files_read, ground_of, opened, settle_seeds, tell_notes

# start-up: what a run needs is imported when it runs, so that --help and refused words load neither NumPy nor Numba

__all__ = ["refused", "run"]

#: Bytes of a pixel: as it is simulated, as it is counted, and the frame as it is written.
_FRAME_BYTES = 12
#: Options of output that a series has, too.
_OF_OUTPUT = frozenset(("-seed", "-nonoise", "-progress", "-noprogress"))
#: Options of ours that name files.
_FILES = frozenset(("--tiff", "--npy", "--png", "--stats-json", "--smv-readable", "--cbf", "--crystfel", "--counts"))


def _parser():
    parser = Parser(
        "scan", "--frames N (--nexus FILE | --images name_####.img|.cbf) [options] nanoBragg's arguments",
        "Simulate a rotation series.  Frame i, from 0, is nanoBragg's image of the same arguments with -phi phi + i\n"
        "osc.  Files hold counts, Poisson deviates of seed -seed (default 1; -nonoise: rounded means), or what\n"
        "the detector of --response makes of them.  After an interrupt the same command goes on where it was.")
    parser.option("--frames", "N", "how many frames", _frames)
    parser.option("--nexus", "FILE", "write all frames to one NXmx file (needs h5py)", file_name)
    parser.option("--images", "NAME", "write a file for each frame: NAME has one # for each digit of its number, "
                  "counted from 1, and ends in .img (SMV that other programs read) or .cbf (miniCBF; needs fabio)",
                  file_name)
    parser.option("--float", "", "write mean photons as float32, not counts; with --nexus")
    parser.option("--phi-midpoints", "", "centre the steps of each frame: nanoBragg's begin at its edge, so that their "
                  "mean lies half a step before its middle")
    parser.option("--compression", "WORD", "of --nexus: gzip (default), bitshuffle, zstd or none", _compression)
    return parser


def _frames(word):
    number = whole(word)
    if number is None or not 1 <= number < 10 ** 7:
        raise ValueError("must be a whole number from 1 to 9999999")
    return number


def _compression(word):
    if word not in COMPRESSIONS:
        raise ValueError(f"must be one of {', '.join(COMPRESSIONS)}")
    return word


# the completion of a shell offers them
_compression.words = COMPRESSIONS


def _check_words(values):
    """Refuse options that do not go together."""
    if "--frames" not in values:
        raise ValueError("scan: give --frames N")
    if ("--nexus" in values) == ("--images" in values):
        raise ValueError("scan: give --nexus FILE or --images NAME, one of them")
    for name in ("--float", "--compression"):
        if name in values and "--nexus" not in values:
            raise ValueError(f"scan: {name} is for --nexus; images of --images hold counts")


def refused(option):
    """Whether a word of nanoBragg's is for a single image."""
    return option.group == "output" and option.name not in _OF_OUTPUT or option.name in _FILES


def _check_line(line, floats, images):
    for use in line.uses:
        option = use.option
        if refused(option):
            raise CommandLineError(f"{use.said}: is for a single image; a scan writes what --nexus or --images names")
        if option.name == "-dump" and line.files.hkl is not None:
            raise CommandLineError(f"{use.said}: with -hkl it is written with a single image; a scan writes none")
    if line.seed is not None and line.seed < 0:
        raise CommandLineError(f"-seed {line.seed}: must not be negative in a scan, whose frames have streams of "
                               "their own")
    if line.draft.misset == "random" and line.draft.misset_seed is None:
        raise CommandLineError("-misset random: needs -misset_seed in a scan, so that the same command makes the same "
                               "frames")
    # not from the clock, for the same reason
    line.seed = 1 if line.seed is None else line.seed
    if line.outputs.xds_inp is not None and not images:
        raise CommandLineError("--xds-inp: names the images, so it needs --images")
    if line.files.response is not None and (floats or not line.outputs.calculate_noise):
        why = "is of counts, and --float writes means" if floats else "draws random numbers, and -nonoise wants none"
        raise CommandLineError(f"{line.given['--response'].said}: {why}")
    if line.printout:
        raise CommandLineError("-printout: is for a single image")
    if floats:
        line.outputs.calculate_noise = False


def _geometry_names(line):
    names = line.outputs
    return [name for name in (names.geom, names.expt, names.xds_inp) if name is not None]


def _check_names(line, values):
    """Refuse to write what is read, or two things to one file."""
    read, geometries, template = files_read(line), _geometry_names(line), values.get("--images")
    written = list(geometries)
    if "--nexus" in values:
        written += [values["--nexus"], f"{os.path.realpath(values['--nexus'])}.partial"]
    check_outputs("scan", written, read)
    if template is None:
        return
    from ..io.image_series import check_template, names_in_series

    check_template(template, values["--frames"])
    places = read + [name.partition("::")[0] for name in read]
    for name in names_in_series(template, values["--frames"], places):
        raise CommandLineError(f"scan: {quoted(name)} is read and cannot be written too, as one of --images "
                               f"{quoted(template)}")
    for name in names_in_series(template, values["--frames"], geometries):
        raise CommandLineError(f"scan: {quoted(name)} is one of --images {quoted(template)}; every output needs a file "
                               "of its own")


def _degrees(line, name, angle):
    """An angle [deg]: the word of an option, or of a header what gives the same radians."""
    from ..scene.units import from_degrees, to_degrees

    for use in reversed(line.uses):
        if use.option.name == name:
            return use.values[0]
    found = to_degrees(angle)
    near = (found, math.nextafter(found, math.inf), math.nextafter(found, -math.inf))
    return next((number for number in near if from_degrees(number) == angle), found)


def _shot(line):
    """The first frame, prepared; phi and oscillation [deg]."""
    from ..scene.shot import prepare_shot

    if line.detector is not None:
        line.panels = read_panels(line)
    factors = read_inputs(line)
    oscillation = _degrees(line, "-osc", line.draft.oscillation)
    if not oscillation > 0.0:
        raise CommandLineError("scan: give -osc, the width of a frame; it must be greater than zero")
    settle_seeds(line)
    request = line.draft.freeze()
    pieces = [request.detector] if line.panels is None else line.panels.pieces()
    shot = prepare_shot([(request.crystal, factors, 1.0)], pieces, request)
    return shot, _degrees(line, "-phi", line.draft.phi_start), oscillation


def run(arguments):
    """Simulate a series.

    Returns the exit code.
    """
    values, words = _parser().read(arguments)
    if values is None:
        return 0
    _check_words(values)
    line = with_headers(parse(words))
    if line.help or line.version:
        raise ValueError("scan: --version is no option of it")
    check(line)
    date = date_of(line.date)
    floats = "--float" in values
    _check_line(line, floats, "--images" in values)
    _check_names(line, values)
    from ..configs.run_options import Evaluation
    from .progress import FrameProgress, say_compiling

    evaluation = Evaluation(line.precision, line.summation, line.threads, line.backend, line.device)
    clock = Clock()
    read_response_of(line, values.get("--images"))
    backend = opened(line, evaluation)
    shot, phi, oscillation = _shot(line)
    check_response(line, shot)
    from ..io.image_series import format_of
    from ..render.scan import Rotation, Scan

    pixels = sum(panel[0].shape[0] * panel[0].shape[1] for panel in shot)
    memory.require(_FRAME_BYTES * pixels, f"scan: a frame of {pixels} pixels, and what is written of it,")
    ground = ground_of(line, shot, evaluation.threads)
    line.notices += () if ground is None else ground.notes
    rotation = Rotation((phi,) * len(shot[0]), oscillation, values["--frames"], "--phi-midpoints" in values)
    frames = Scan(shot, rotation,
                  render=lambda turned: backend.render_shot(turned, evaluation)[0],
                  noise_seed=line.seed if line.outputs.calculate_noise else None,
                  response=line.response, ground=ground)
    # what is wrong with them is found out before the first frame
    _try_geometries(line, frames, values)
    if not line.quiet and not backend.loaded(shot[0][0], evaluation):
        say_compiling("some 10 seconds")
    backend.load(shot[0][0], evaluation)
    kind = "NXmx" if "--nexus" in values else format_of(values["--images"])
    line.notices += notes_on_series(frames.experiment, line.outputs, kind)
    progress = FrameProgress(len(frames), False if line.quiet else line.progress)
    know(lambda: _how_far(values, progress, len(frames)))
    try:
        written = _write(line, frames, values, date, floats, progress)
    except KeyboardInterrupt as stop:
        stop.args = (_how_far(values, progress, len(frames)),)
        raise
    finally:
        progress.close()
    clock.lap("frames")
    written += "".join(f", {name}" for name in _geometry_names(line))
    _tell(line, shot, frames, written, clock)
    return 0


def _how_far(values, progress, frames):
    """What an interrupted series leaves."""
    if not progress.started:
        return "no frame was added; the same command goes on where it was"
    done = progress.done
    unfinished = f"{os.path.realpath(values['--nexus'])}.partial" if "--nexus" in values else (
        f"{values['--images']}.partial")
    if done == frames and not os.path.exists(unfinished):
        return "all files are in place"
    said = f"{done} of {frames} frames are written; the same command goes on from there"
    if "--images" in values:
        from ..io.image_series import others

        more = len(others(values["--images"], done))
        if more:
            many = f"are {more} files" if more > 1 else "is 1 file"
            said += f"; of other series there {many} of this name"
    return said


def _write(line, frames, values, date, floats, progress):
    """Write all frames. Returns what was written, in words."""
    from ..render.scan import images_of, nexus_of

    def beside(outputs):
        _write_geometries(line, frames, values, outputs)

    if "--nexus" in values:
        notes = nexus_of(frames, values["--nexus"], floats=floats, compression=values.get("--compression", "gzip"),
                         date=date, layout=line.outputs.panel_layout, progress=progress, beside=beside)
        written = values["--nexus"]
    else:
        names, notes = images_of(frames, values["--images"], date=date, progress=progress, beside=beside)
        written = names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
    line.notices += notes
    return written


def _try_geometries(line, frames, values):
    """Find out whether .geom, .expt and XDS.INP can be written, and the series, before kernels are compiled for it."""
    from ..io.held_file import unfinished_name
    from ..io.image_series import name_of
    from ..io.output import OutputSet

    nexus = values.get("--nexus")
    with OutputSet() as outputs:
        _write_geometries(line, frames, values, outputs)
        if nexus is not None:
            # no other output may have these names
            outputs.reserve(nexus, "NXmx file")
            outputs.reserve(unfinished_name(nexus), "unfinished NXmx file")
            return
        template = values["--images"]
        try:
            outputs.reserve(name_of(template, 0), "first image")
        except OSError as error:
            # as the user named it
            raise OSError(error.errno, error.strerror, template) from error


def _write_geometries(line, frames, values, outputs):
    """Write .geom, .expt and XDS.INP to their temporary places."""
    for name in _geometry_names(line):
        outputs.reserve(name, "geometry")
    write_geometries(outputs, line.outputs, frames.experiment, values.get("--images"), len(frames))


def _tell(line, shot, frames, written, clock):
    from ..scene.notes import scene_notes

    tell_notes(line, (*line.notices, *scene_notes(shot)))
    if not line.quiet:
        seconds, first = clock.seconds["frames"], frames.experiment
        with report():
            print(f"  {len(frames)} frames from {first.phi_start_deg:g} deg, {first.oscillation_deg:g} deg each, "
                  f"in {seconds:.1f} s")
            print(f"  wrote {written}")
