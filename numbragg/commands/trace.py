"""`numbragg trace`: every intermediate of one pixel, printed in full or compared with what a file says."""

import os
import sys
import time

from ..command_line.inputs import read_inputs, take_misset_seed, with_headers
from ..command_line.parse import check, parse
from ..io.literals import whole
from .arguments import Parser, check_outputs, file_name, short
from .printing import say_all
from .running import keep_what_is_read, tell_notes

# start-up: what a run needs is imported when it runs, so that --help and refused words load neither NumPy nor Numba

__all__ = ["refused", "run"]

FORMS = ("--text", "--json", "--csv")


def _parser():
    parser = Parser(
        "trace", "FAST SLOW [options] nanoBragg's arguments",
        "Print every intermediate of one pixel of the image that nanoBragg's arguments make: position, directions,\n"
        "factors, each step of the sum, the scaling; 17 significant digits.  No image is written.  The pixel FAST\n"
        "SLOW is counted from 0.")
    parser.option("--text", "", "one quantity per line (default)")
    parser.option("--json", "", "one object")
    parser.option("--csv", "", "one row per step")
    parser.option("--output", "FILE", "write the trace to a file instead of standard output", file_name)
    parser.option("--against", "FILE",
                  "do not print the trace but compare it with a file: a trace of numbragg, the output of nanoBragg "
                  "with -printout, or lines such as: name = value.  Says which quantity is the first that "
                  "differs.  With --json the answer is JSON.  Exit status 1 if one differs", _read_name)
    parser.option("--steps", "N", "keep the first N steps and the last (default: 1000); all: keep every step", _steps)
    parser.option("--panel", "N", "which panel of --detector the pixel is on, from 0", _whole)
    return parser


def _read_name(word):
    if not word:
        raise ValueError("must be the name of a file")
    return word


def _steps(word):
    return word if word == "all" else _whole(word)


def _whole(word):
    number = whole(word)
    if number is None or number < 0:
        raise ValueError("must be a whole number, 0 or more")
    return number


def _pixel(words):
    if len(words) < 2 or words[0].startswith("-") or words[1].startswith("-"):
        raise ValueError("trace: give the pixel first: numbragg trace FAST SLOW and nanoBragg's arguments")
    pixel = []
    for name, word in zip(("FAST", "SLOW"), words):
        try:
            pixel.append(_whole(word))
        except ValueError as error:
            raise ValueError(f"trace: {name} {short(word)}: {error}") from None
    return pixel


def refused(option):
    """Whether a word of nanoBragg's is not for a trace, or takes only what it is without the word."""
    return option.name in ("--background", "--precision", "--summation", "--backend", "--device")


def _compiled():
    """Whether the evaluator with a record has been compiled before."""
    from ..kernels.compile.cache import kept
    from ..kernels.evaluate.strict import traced_pixel

    return kept(traced_pixel)


def _on_panel(line, factors, panel):
    """What is prepared for a panel of the detector that `--detector` names."""
    from ..scene.shot import prepare_shot

    count = len(line.panels.shapes)
    if panel is None and count > 1:
        raise ValueError(f"trace: give --panel, from 0 to {count - 1}: the detector has {count} panels")
    if panel is not None and panel >= count:
        raise ValueError(f"trace: --panel {panel}: must be from 0 to {count - 1}")
    request = line.draft.freeze()
    shot = prepare_shot([(request.crystal, factors, 1.0)], line.panels.pieces(), request)
    return shot[panel or 0][0]


def _traced(words, fast, slow, steps, panel, output):
    """The trace that a command line asks for; the line; notes to be told when nothing can be refused any more."""
    from ..configs.run_options import Evaluation

    line = with_headers(parse(words))
    check(line)
    keep_what_is_read(line, () if output is None else (output,))
    # what does not go together is refused as it is for an image
    Evaluation(line.precision, line.summation, line.threads, line.backend, line.device)
    if line.backend != "cpu":
        raise ValueError(f"--backend {line.backend}: a trace is computed on the CPU")
    if line.precision != "exact":
        raise ValueError(f"--precision {line.precision}: a trace shows the exact evaluation only")
    if line.background is not None:
        raise ValueError("--background: a trace shows what crystals scatter only")
    if line.detector is not None:
        from ..command_line.panels import read_panels

        line.panels = read_panels(line)
    elif panel is not None:
        raise ValueError(f"trace: --panel {panel}: goes with --detector, which is not given")
    factors = read_inputs(line)
    take_misset_seed(line, int(time.time()))
    from ..scene.notes import scene_notes
    from ..scene.prepare import prepare
    from ..tracing.record import trace_prepared
    from .progress import say_compiling

    prepared = prepare(line.draft.freeze(), factors) if line.panels is None else _on_panel(line, factors, panel)
    notes = (*line.notices, *scene_notes(((prepared,),)))
    if not line.quiet and not _compiled():
        say_compiling("some 10 seconds")
    return trace_prepared(prepared, fast, slow, steps=steps, threads=line.threads), line, notes


def run(arguments):
    """Trace a pixel.

    Returns the exit code: 0, or 1 if a comparison found a difference.
    """
    values, words = _parser().read(arguments)
    if values is None:
        return 0
    forms = [name for name in values if name in FORMS]
    if len(forms) > 1:
        raise ValueError(f"trace: {' and '.join(forms)}: one format at a time")
    form = forms[0].lstrip("-") if forms else "text"
    fast, slow = _pixel(words)
    output, against, steps = values.get("--output"), values.get("--against"), values.get("--steps", 1000)

    if output is not None and against is not None:
        check_outputs("trace", [output], [against])
    from ..io.output import OutputSet

    with OutputSet() as outputs:
        if output is not None:
            outputs.reserve(output, "trace")
        if against is not None and (os.path.isfile(against) or os.path.isdir(against) or not os.path.exists(against)):
            # a name that is wrong is told before the work; but who writes to a pipe would find it closed
            open(against, "rb").close()
        trace, line, notes = _traced(words[2:], fast, slow, steps, values.get("--panel"), output)
        comparison = None
        if against is not None:
            from ..tracing.compare import compare

            comparison = compare(trace, against)
        if output is not None:
            with outputs.open(output) as file:
                for text in trace.lines(form):
                    file.write(text.encode())
            outputs.commit()
    tell_notes(line, notes)
    if comparison is not None:
        _tell(comparison, form)
        return 0 if comparison.same else 1
    if output is None:
        sys.stdout.writelines(trace.lines(form))
    return 0


def _tell(comparison, form):
    if form == "json":
        import json

        say_all(json.dumps(comparison.to_dict(), indent=2))
    else:
        say_all(comparison.to_text())
