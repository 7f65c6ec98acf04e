"""`numbragg noisify`: noisify's own arguments: noise, point spread and read-out of a float image."""

import os

from ..command_line.words import option_uses
from ..programs.asked import asked_for_text, report
from ..programs.noisify_words import NOISIFY, NoisifyLine, with_bare_input
from ..programs.without_effect import noisify_notes
from .arguments import check_outputs
from .running import options_of, say, settle_noise_seed

# start-up: what a run needs is imported when it runs, so that --help and refused words load neither NumPy nor Numba

__all__ = ["WORDS", "run"]

WORDS = NOISIFY


def run(arguments):
    """Run one command line of noisify.

    Returns the exit code.
    """
    if asked_for_text("noisify", NOISIFY, arguments):
        return 0
    uses = option_uses(with_bare_input(arguments), NOISIFY)
    line = NoisifyLine(uses=tuple(uses))
    for use in uses:
        use.option.apply(line, use)
    if line.input is None:
        raise ValueError("noisify: no image: give -floatfile FILE")
    line.notices += noisify_notes(line)
    settle_noise_seed(line)
    names = line.outputs
    wanted = [(names.intfile, "integer image")]
    if names.write_pgm:
        wanted.append((names.pgmfile, "grey image"))
    if names.calculate_noise:
        wanted.append((names.noisefile, "noise image"))
    check_outputs("noisify", [name for name, _ in wanted],
                  [name for name in (line.input, line.header) if name is not None],
                  options_of(line))
    from ..io.output import OutputSet

    with OutputSet() as outputs:
        for name, kind in wanted:
            outputs.reserve(name, kind)
        lines = _write(line, outputs)
        outputs.commit()
    lines.append("wrote " + ", ".join(os.fsdecode(name) for name, _ in wanted))
    say(line, (), lambda: report(line, lines))
    return 0


def _write(line, outputs):
    """Make the images and write them to their temporary places. Returns lines of the report."""
    from ..io.pgm import write_pgm
    from ..programs.noisify import made

    names, images = line.outputs, made(line)
    for name, pixels in ((names.intfile, images.pixels), (names.noisefile, images.noisy)):
        if pixels is not None:
            with outputs.open(name) as file:
                file.write(images.header)
                file.write(pixels.tobytes())
    if names.write_pgm:
        with outputs.open(names.pgmfile) as file:
            write_pgm(file, images.greys, 1.0)
    return images.lines
