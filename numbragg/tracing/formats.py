"""A trace as text, JSON and CSV: numbers in full, lines that are made one by one."""

import json
import math

from ..io.json_text import json_ready
from .quantities import STEP_FIELDS, UNITS, WHOLE

__all__ = ["FORMAT", "WRITERS", "printed", "text_lines", "json_lines", "csv_lines"]

#: First words of a trace; the number is that of the format.
FORMAT = "numbragg trace 1"


def printed(value):
    """A number with 17 significant digits, which give the double back.

    Examples
    --------
    >>> from numbragg.tracing.formats import printed
    >>> printed(0.1), printed(3), printed(float("nan"))
    ('0.10000000000000001', '3', 'nan')
    """
    return str(value) if isinstance(value, int) else f"{value:.17g}"


def _json(value):
    if isinstance(value, int):
        return str(value)
    if not math.isfinite(value):
        return json.dumps(json_ready(value))
    text = printed(value)
    # a sign before an integer zero is lost on most readers
    return text if set(text) & set(".e") else text + ".0"


def _about(trace):
    yield f"# {FORMAT}, made by numbragg {trace.version}, revision {trace.revision}\n"
    yield f"# pixel {trace.fast} {trace.slow} (fast slow): {trace.steps_summed} steps\n"
    if trace.left_out:
        yield "# steps {} to {} are left out; --steps all keeps them\n".format(*trace.left_out)


def _rows(trace):
    for number, row in zip(trace.numbers.tolist(), trace.table):
        yield number, [int(value) if name in WHOLE else value
                       for name, value in zip(STEP_FIELDS, row.tolist())]


# -- the formats


def text_lines(trace):
    """A section per step, a line per quantity."""

    def lines(pairs):
        for name, value in pairs:
            unit = UNITS.get(name)
            yield f"{name} = {printed(value)}{f' {unit}' if unit else ''}\n"

    yield from _about(trace)
    yield "[before]\n"
    yield from lines(trace.before.items())
    for number, row in _rows(trace):
        yield f"[step {number}]\n"
        yield from lines(zip(STEP_FIELDS, row))
    yield "[final]\n"
    yield from lines(trace.final.items())


def json_lines(trace):
    """One object; a line per step."""

    def members(pairs):
        return "{" + ", ".join(f'"{name}": {_json(value)}' for name, value in pairs) + "}"

    yield f'{{"format": "{FORMAT}", "version": {json.dumps(trace.version)}, "revision": "{trace.revision}",\n'
    yield f' "units": {json.dumps(UNITS)},\n'
    yield f' "before": {members(trace.before.items())},\n'
    yield ' "steps": ['
    separator = "\n"
    for number, row in _rows(trace):
        yield f"{separator}  {members([('step', number), *zip(STEP_FIELDS, row)])}"
        separator = ",\n"
    yield "],\n"
    yield f' "steps_left_out": {json.dumps(trace.left_out)},\n'
    yield f' "final": {members(trace.final.items())}}}\n'


def csv_lines(trace):
    """A row per step under a row of names; before it, after `#`, what does not belong to a step."""
    yield from _about(trace)
    for section, values in (("before", trace.before), ("final", trace.final)):
        for name, value in values.items():
            yield f"# {section}.{name} = {printed(value)}\n"
    yield ",".join(("step", *STEP_FIELDS)) + "\n"
    for number, row in _rows(trace):
        yield ",".join((str(number), *map(printed, row))) + "\n"


#: By the name of the format.
WRITERS = {"text": text_lines, "json": json_lines, "csv": csv_lines}
