"""nanoBragg's own command line: read, simulate, write the C program's files and ours."""

from dataclasses import dataclass
import os

from .. import memory
from ..command_line.inputs import announce, read_inputs, with_headers
from ..command_line.parse import check, parse
from ..notes import Loud, Misleading
from .counted import Recorder, check_counts, check_response, facts_of_counts, read_response_of, write_counts
from .readable import described, readable_files, write_readable, write_tiff
from .running import Clock, ground_of, keep_what_is_read, opened, settle_seeds, tell, told_of_ground, write_statistics
from .sizes import output_bytes

# start-up: what a run needs is imported when it runs, so that --help and refused words load neither NumPy nor Numba

__all__ = ["run"]


@dataclass(slots=True, kw_only=True)
class _Run:
    """One run, from the words to the account."""

    argv: list
    line: object
    evaluation: object
    clock: Clock
    prepared: object
    image: object = None
    outcome: object = None
    recorder: object = None  # the counts
    dump: bool = False  # whether the structure factors are to be written
    ground: object = None  # the background
    experiment: object = None  # what files for other programs say

    @property
    def noise_seed(self):
        return self.line.seed if self.line.outputs.calculate_noise else None


def run(argv):
    """Run one command line.

    Returns the exit code.
    """
    line = with_headers(parse(argv))
    check(line)
    check_counts(line)
    if line.detector is not None:
        from .panels import run_panels

        return run_panels(argv, line)
    # these load numpy, which help and errors above have no need of
    from ..configs.run_options import Evaluation

    evaluation = Evaluation(line.precision, line.summation, line.threads, line.backend, line.device)
    clock = Clock()
    backend = opened(line, evaluation)
    clock.lap("backend")
    read_response_of(line)
    factors = read_inputs(line)
    clock.lap("read")

    from ..io.output import OutputSet
    from ..scene.prepare import image_bytes, prepare

    settle_seeds(line)
    prepared = prepare(line.draft.freeze(), factors)
    slow, fast = prepared.shape
    memory.require(output_bytes(line.outputs, image_bytes(fast, prepared.window, 1), max(fast, slow)),
                   f"detector: the images of {fast} x {slow} pixels, and the files made of them,")
    with OutputSet() as outputs:
        this = _Run(argv=argv, line=line, evaluation=evaluation, clock=clock, prepared=prepared)
        check_response(line, ((prepared,),))
        this.experiment = described(line, ((prepared,),))
        this.ground = ground_of(line, ((prepared,),), evaluation.threads)
        this.experiment = told_of_ground(this.experiment, this.ground)
        this.dump = _reserve(outputs, line)
        keep_what_is_read(line, outputs.paths)
        announce(line)
        clock.lap("prepare")
        this.image, this.outcome = _render(this, backend)
        if this.ground is not None:
            this.ground.add([this.image])
            this.outcome.remarks = (*this.outcome.remarks, *this.ground.notes)
        this.recorder = Recorder(line, ((prepared,),), [this.image], this.noise_seed,
                                 lambda shot: backend.render_shot(shot, evaluation)[0], this.ground)
        clock.lap("render")
        facts = _write(outputs, this)
        outputs.commit()
    tell(line, facts, (lambda: _print_pixels(line, prepared)) if line.printout else None)
    return 0


def _reserve(outputs, line):
    """Claim all output files. Returns whether the dump can be written."""
    names = line.outputs
    outputs.reserve(names.floatfile, "float image")
    outputs.reserve(names.intfile, "integer image")
    if names.write_pgm:
        outputs.reserve(names.pgmfile, "grey image")
    if names.calculate_noise:
        outputs.reserve(names.noisefile, "noise image")
    for name, kind in ((names.npy, "npy image"), (names.tiff, "TIFF image"), (names.png, "picture"),
                       (names.stats_json, "statistics"), *readable_files(names)):
        if name is not None:
            outputs.reserve(name, kind)
    if line.files.hkl is None:
        return False
    if not outputs.reserve(line.files.dump, "dump", optional=True):
        line.notices.append(f"{line.files.dump}: the dump of the structure factors cannot be written")
        return False
    return True


def _render(this, backend):
    from .progress import Progress, say_compiling

    line, prepared, evaluation = this.line, this.prepared, this.evaluation
    if not line.quiet and not backend.loaded(prepared, evaluation):
        say_compiling("some 10 seconds")
    backend.load(prepared, evaluation)
    this.clock.lap("load")
    width, height = prepared.window.width, prepared.window.height
    wanted = line.progress is not False and not line.quiet and not line.printout
    with Progress(width * height, wanted) as progress:
        return backend.render(prepared, evaluation, progress)


def _write(outputs, this):
    """Write all files to their temporary places. Returns the account of the run."""
    from ..results.digitise import make_products

    line, names = this.line, this.line.outputs
    products = make_products(this.image, this.prepared, scale=line.scale, grey_scale=line.pgm_scale,
                             adc_offset=line.adc_offset, grey=names.write_pgm)
    written, remarks = _write_as_c(outputs, this, products)
    facts = _facts(this, products, remarks)
    written += _write_ours(outputs, this, facts)
    written += write_readable(outputs, line, this.experiment, [this.image], this.recorder)
    written += write_counts(outputs, line, this.recorder, this.ground, facts)
    facts["files"], facts["notices"] = written, list(line.notices)
    this.clock.lap("write")
    facts["seconds"] = dict(this.clock.seconds)
    write_statistics(outputs, names, facts)
    return facts


def _write_as_c(outputs, this, products):
    """The files of the C program: their names, and remarks on them."""
    from ..io.pgm import write_pgm
    from ..io.raw import write_raw
    from ..io.smv import header_text, write_smv
    from ..results.digitise import cut_off_note, draw_noise, header_values

    line, names = this.line, this.line.outputs
    values = header_values(this.prepared)
    headers = [(names.intfile, header_text(values))]
    if names.calculate_noise:
        headers.append((names.noisefile, header_text(values, noise=True)))
    remarks = [Misleading(f"{os.fsdecode(name)}: the SMV header takes {len(text)} bytes but says 512, as in nanoBragg:"
                          " readers will find the pixels shifted")
               for name, text in headers if len(text) > 512]
    if products.scale == 0.0:
        remarks.append(Loud(f"{os.fsdecode(names.intfile)}: its automatic scale is 0, for the largest pixel is"
                            " infinite: pixels that are finite hold nothing but the offset"))
    remarks += cut_off_note(os.fsdecode(names.intfile), products.integers, products.scale, line.adc_offset)
    with outputs.open(names.floatfile) as file:
        write_raw(file, this.image)
    with outputs.open(names.intfile) as file:
        write_smv(file, headers[0][1], products.integers)
    written = [names.floatfile, names.intfile]
    if names.write_pgm:
        with outputs.open(names.pgmfile) as file:
            write_pgm(file, products.greys, products.grey_scale)
        written.append(names.pgmfile)
        products.greys = None
    if this.noise_seed is not None:
        draw_noise(this.image, this.prepared, products, this.noise_seed, line.adc_offset)
        with outputs.open(names.noisefile) as file:
            write_smv(file, headers[1][1], products.integers)
        written.append(names.noisefile)
    if this.dump:
        with outputs.open(line.files.dump) as file:
            this.prepared.structure_factors.write_dump(file)
        written.append(line.files.dump)
    return written, remarks


def _facts(this, products, remarks):
    """The account of the run, but for its files."""
    from ..results.account import account

    facts = account(this.prepared, this.outcome, products, this.clock.seconds, this.argv, remarks)
    facts["precision"], facts["summation"] = this.evaluation.precision, this.evaluation.summation
    facts["notices"] = list(this.line.notices)
    facts["image"]["adc_offset"] = this.line.adc_offset
    facts["image"]["noise_seed"] = this.noise_seed
    if this.ground is not None:
        facts["background"] = this.ground.account()
    return facts | facts_of_counts(this.line, this.noise_seed)


def _write_ours(outputs, this, facts):
    """Write the formats that the C program does not have. Returns their names."""
    names, image, written = this.line.outputs, this.image, []
    if names.npy is not None:
        import numpy as np

        with outputs.open(names.npy) as file:
            np.save(file, image)
        written.append(names.npy)
    written += write_tiff(outputs, this.line, None, [image], facts, this.recorder)
    if names.png is not None:
        title = "numbragg " + " ".join(facts["arguments"] or [])[:80]
        with outputs.open(names.png) as file:
            if names.png_rings is None:
                from ..io.png import write_png

                write_png(file, image, title=title)
            else:
                from ..results.pictures import write_picture

                write_picture(file, this.experiment, [image], names.png_rings or True, title)
        written.append(names.png)
    return written


def _print_pixels(line, prepared):
    """The listing of -printout, in the order of pixels."""
    from ..kernels.drive.order import listed_pixels
    from ..kernels.evaluate.strict import RECORD_FIELDS
    from ..results.report import listing

    only = line.printout_pixel
    found = False
    for fast, slow, row, value in listed_pixels(prepared.scene, prepared.window, prepared.mask,
                                                prepared.interpolating, only):
        found = True
        print(listing(fast, slow, RECORD_FIELDS, row, value, prepared.scene))
    if only is not None and not found:
        print(f"-printout_pixel {only[0]} {only[1]}: masked, or outside the region of interest; nothing is"
              " computed there")
