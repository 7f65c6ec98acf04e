"""nanoBragg's command line with `--detector`: the image of all panels, in files of ours."""

from .. import memory
from ..command_line.inputs import announce, read_inputs
from ..command_line.panels import read_panels
from ..command_line.values import CommandLineError, quoted
from .counted import Recorder, check_name, check_response, facts_of_counts, read_response_of, write_counts
from .readable import described, of_counts, readable_files, write_readable, write_tiff
from .running import Clock, ground_of, keep_what_is_read, opened, settle_seeds, tell, told_of_ground, write_statistics
from .sizes import output_bytes

# start-up: what a run needs is imported when it runs, so that refused words load neither NumPy nor Numba

__all__ = ["run_panels"]


def run_panels(argv, line):
    """Simulate the panels that a command line names.

    Parameters
    ----------
    argv : list of str
        Its words.
    line : numbragg.command_line.line.CommandLine
        What they say, checked.

    Returns
    -------
    int
        The exit code.
    """
    from ..configs.run_options import Evaluation
    from ..io.output import OutputSet
    from ..results.account import account_of_panels
    from ..scene.shot import prepare_shot

    names = line.outputs
    # the C program's noise image is none of ours, but the seed of counts is the same
    names.calculate_noise, names.write_pgm = names.calculate_noise and of_counts(names), False
    evaluation = Evaluation(line.precision, line.summation, line.threads, line.backend, line.device)
    clock = Clock()
    backend = opened(line, evaluation)
    clock.lap("backend")
    read_response_of(line)
    line.panels = read_panels(line)
    _check_names(line)
    check_name(names.counts, line.panels.shapes)
    factors = read_inputs(line)
    clock.lap("read")
    settle_seeds(line)
    request = line.draft.freeze()
    shot = prepare_shot([(request.crystal, factors, 1.0)], line.panels.pieces(), request)
    check_response(line, shot)
    pixels = sum(panel[0].shape[0] * panel[0].shape[1] for panel in shot)
    memory.require(output_bytes(names, pixels, int(pixels ** 0.5), integers=False),
                   f"detector: the images of {len(shot)} panels, {pixels} pixels in all, and the files made of them,")
    experiment = described(line, shot)
    ground = ground_of(line, shot, evaluation.threads)
    experiment = told_of_ground(experiment, ground)
    with OutputSet() as outputs:
        for name, kind in _wanted(line.outputs):
            outputs.reserve(name, kind)
        keep_what_is_read(line, outputs.paths)
        announce(line)
        clock.lap("prepare")
        images, accounts = _render(line, shot, evaluation, backend, clock)
        if ground is not None:
            ground.add(images)
            accounts[0].remarks = (*accounts[0].remarks, *ground.notes)
        clock.lap("render")
        facts = account_of_panels(shot, accounts, images, clock.seconds, argv)
        if ground is not None:
            facts["background"] = ground.account()
        seed = line.seed if names.calculate_noise else None
        facts |= {"precision": evaluation.precision, "summation": evaluation.summation, **facts_of_counts(line, seed)}
        written = _write_images(outputs, line, experiment, images, " ".join(argv))
        recorder = Recorder(line, shot, images, seed, lambda those: backend.render_shot(those, evaluation)[0], ground)
        written += write_tiff(outputs, line, experiment, images, facts, recorder)
        written += write_readable(outputs, line, experiment, images, recorder)
        written += write_counts(outputs, line, recorder, ground, facts)
        clock.lap("write")
        facts |= {"notices": list(line.notices), "files": written, "seconds": dict(clock.seconds)}
        write_statistics(outputs, line.outputs, facts)
        outputs.commit()
    tell(line, facts)
    return 0


def _check_names(line):
    """Refuse what cannot hold panels of several sizes."""
    sizes = sorted(set(line.panels.shapes))
    if line.outputs.npy is not None and len(sizes) > 1:
        listed = ", ".join(f"{fast} x {slow}" for slow, fast in sizes[:3])
        raise CommandLineError(f"--npy {quoted(line.outputs.npy)}: needs panels of one size, not of {listed} pixels")


def _wanted(names):
    """The files that are written, and what they are."""
    every = ((names.floatfile, "float image"), (names.npy, "npy image"), (names.tiff, "TIFF image"),
             (names.png, "picture"), (names.stats_json, "statistics"))
    return [(name, kind) for name, kind in every if name is not None] + readable_files(names)


def _render(line, shot, evaluation, backend, clock):
    """Images of all panels and the driver's accounts."""
    from .progress import Progress, say_compiling

    first = shot[0][0]
    if not line.quiet and not backend.loaded(first, evaluation):
        say_compiling("some 10 seconds")
    backend.load(first, evaluation)
    clock.lap("load")
    with Progress(sum(panel[0].window.pixels for panel in shot),
                  line.progress is not False and not line.quiet) as progress:
        return backend.render_shot(shot, evaluation, progress)


def _write_images(outputs, line, experiment, images, title):
    """Write the images to their temporary places. Returns their names."""
    from ..io.raw import write_raw

    names = line.outputs
    with outputs.open(names.floatfile) as file:
        # one panel after the other
        for image in images:
            write_raw(file, image)
    written = [names.floatfile]
    if names.npy is not None:
        import numpy as np

        with outputs.open(names.npy) as file:
            np.save(file, np.asarray(images))
        written.append(names.npy)
    if names.png is not None:
        title = f"numbragg {title}"[:89]
        with outputs.open(names.png) as file:
            if names.png_rings is None:
                from ..io.png import write_assembled_png
                from ..results.assembly import assemble

                write_assembled_png(file, assemble(images, line.panels), title=title)
            else:
                from ..results.pictures import write_picture

                write_picture(file, experiment, images, names.png_rings or True, title)
        written.append(names.png)
    return written
