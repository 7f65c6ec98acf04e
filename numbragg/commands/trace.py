"""`numbragg trace`: every intermediate of one pixel, printed in full or compared with what a file says."""

import sys
import time

from ..command_line.inputs import announce, read_inputs, take_misset_seed, with_headers
from ..command_line.parse import check, parse
from ..configs.run_options import Evaluation
from ..io.literals import whole

__all__ = ["run"]

USAGE = """usage: numbragg trace FAST SLOW [--text | --json | --csv] [--output FILE] [--against FILE]
                      [--steps N] nanoBragg's arguments

Print every intermediate of one pixel of the image that nanoBragg's arguments make: position,
directions, factors, each step of the sum, the scaling; 17 significant digits.  No image is written.

  FAST SLOW        the pixel, counted from 0
  --text           one quantity per line (default)
  --json, --csv    one object; one row per step
  --output FILE    write the trace to a file instead of standard output
  --against FILE   do not print the trace but compare it with a file: a trace of numbragg, the output of
                   nanoBragg with -printout, or lines such as: name = value.  Says which quantity is the
                   first that differs.  With --json the answer is JSON.  Exit status 1 if one differs
  --steps N        keep the first N steps and the last (default: 1000); all: keep every step"""

FORMS = ("--text", "--json", "--csv")
VALUED = ("--output", "--against", "--steps")


def _split(arguments):
    """Our options, and the words that are left."""
    ours, rest = {"form": None, "--output": None, "--against": None, "--steps": "1000"}, []
    words = iter(arguments)
    for word in words:
        name, equals, value = word.partition("=")
        if word in FORMS:
            if ours["form"] not in (None, word):
                raise ValueError(f"trace: {ours['form']} and {word}: one format at a time")
            ours["form"] = word
        elif name in VALUED:
            value = value if equals else next(words, None)
            if not value:
                raise ValueError(f"trace: {name} needs a value")
            ours[name] = value
        else:
            rest.append(word)
    return ours, rest


def _whole(what, word):
    number = whole(word)
    if number is None or number < 0:
        raise ValueError(f"trace: {what} {word}: must be a whole number, 0 or more")
    return number


def _steps(word):
    return word if word == "all" else _whole("--steps", word)


def _pixel(words):
    if len(words) < 2 or words[0].startswith("-") or words[1].startswith("-"):
        raise ValueError("trace: give the pixel first: numbragg trace FAST SLOW and nanoBragg's arguments")
    return _whole("FAST", words[0]), _whole("SLOW", words[1])


def _compiled():
    """Whether the evaluator with a record has been compiled before."""
    from ..kernels.compile.compilation import kept
    from ..kernels.evaluate.strict import trace_pixel

    return kept(trace_pixel)


def _traced(words, fast, slow, steps):
    """The trace that a command line asks for."""
    line = with_headers(parse(words))
    check(line)
    # what does not go together is refused as it is for an image
    Evaluation(line.precision, line.summation, line.threads, line.backend, line.device)
    if line.backend != "cpu":
        raise ValueError(f"--backend {line.backend}: a trace is computed on the CPU")
    if line.precision != "exact":
        raise ValueError(f"--precision {line.precision}: a trace shows the exact evaluation only")
    factors = read_inputs(line)
    take_misset_seed(line, int(time.time()))
    if not line.quiet:
        for notice in line.notices:
            print(f"numbragg: note: {notice}", file=sys.stderr)

    from ..scene.prepare import prepare
    from ..tracing.record import trace_prepared
    from .progress import say_compiling

    prepared = prepare(line.draft.freeze(), factors)
    announce(line)
    if not line.quiet and not _compiled():
        say_compiling("some 10 seconds")
    return trace_prepared(prepared, fast, slow, steps=steps, threads=line.threads)


def run(arguments):
    """Trace a pixel; returns the exit code: 0, or 1 if a comparison found a difference."""
    if any(word in ("-h", "-help", "--help") for word in arguments):
        print(USAGE)
        return 0
    ours, words = _split(arguments)
    fast, slow = _pixel(words)
    form = (ours["form"] or "--text").lstrip("-")
    output, against = ours["--output"], ours["--against"]

    from ..io.output import OutputSet

    with OutputSet() as outputs:
        if output is not None:
            outputs.reserve(output, "trace")
        if against is not None:
            # a name that is wrong is told before the work
            open(against, "rb").close()
        trace = _traced(words[2:], fast, slow, _steps(ours["--steps"]))
        comparison = None
        if against is not None:
            from ..tracing.compare import compare

            comparison = compare(trace, against)
        if output is not None:
            with outputs.open(output) as file:
                for text in trace.lines(form):
                    file.write(text.encode())
            outputs.commit()
    if comparison is not None:
        _tell(comparison, form)
        return 0 if comparison.same else 1
    if output is None:
        sys.stdout.writelines(trace.lines(form))
    return 0


def _tell(comparison, form):
    if form == "json":
        import json

        print(json.dumps(comparison.to_dict(), indent=2))
    else:
        print(comparison.to_text())
