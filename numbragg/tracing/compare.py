"""A trace against what a file says of the same pixel: the first quantity that differs, and by how much."""

from dataclasses import dataclass
from decimal import Decimal, localcontext
import math
import os
from typing import Any

from ..compare.ulp import ulps
from ..io.errors import format_error
from .formats import printed as in_full
from .reading import DIGITS, FULL, LISTING, OWN, PLAIN, read_trace
from .record import Trace

__all__ = ["Comparison", "Difference", "compare"]

#: A number that was converted to another unit may be so many ulp off: one for each of two roundings.
CONVERTED_ULPS = 2

#: Names of differing quantities that are listed in a text.
LISTED = 10


@dataclass(frozen=True, slots=True)
class Difference:
    """A quantity that differs.

    Attributes
    ----------
    name : str
    here, there : str
        Both numbers as printed.
    ulps : int or None
        How far they are apart; None where the file has not all digits.
    detail : str
        The distance in words.
    """

    name: str
    here: str
    there: str
    ulps: int | None
    detail: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a comparison found.

    Attributes
    ----------
    path, kind : str
        The file and what sort it is.
    fast, slow : int
        The pixel.
    exact : bool
        Whether the file has numbers in full; else they are compared to the digits that it has.
    compared : int
        Number of quantities in both.
    differences : tuple of Difference
        In the order of evaluation.
    uncompared : tuple of str
        Quantities of the file that nothing was compared with: names that are not known, units that are none of the
        quantity's, what another moment than the last step shows.
    notes : tuple of str
    """

    path: str
    kind: str
    fast: int
    slow: int
    exact: bool
    compared: int
    differences: tuple
    uncompared: tuple
    notes: tuple

    @property
    def same(self) -> bool:
        """Whether nothing of what was compared differs."""
        return not self.differences

    @property
    def first(self) -> Difference | None:
        """The first difference, or None."""
        return self.differences[0] if self.differences else None

    def to_dict(self) -> dict[str, Any]:
        """As a dictionary that JSON can hold."""
        shown = [{name: getattr(d, name) for name in Difference.__slots__} for d in self.differences]
        return {"file": self.path, "kind": self.kind, "fast": self.fast, "slow": self.slow,
                "in_full": self.exact, "compared": self.compared, "same": self.same, "differences": shown,
                "uncompared": list(self.uncompared), "notes": list(self.notes)}

    def to_text(self) -> str:
        """As lines of text."""
        how = "in full" if self.exact else "to the digits printed"
        lines = [f"pixel {self.fast} {self.slow} (fast slow) against {self.path} ({self.kind}): "
                 f"{self.compared} quantities compared {how}"]
        if self.first is None and self.uncompared:
            names = ", ".join(self.uncompared[:LISTED])
            more = f" and {len(self.uncompared) - LISTED} more" if len(self.uncompared) > LISTED else ""
            lines.append(f"no difference in what could be compared; of the file not compared: {names}{more}")
        elif self.first is None:
            lines.append("no difference")
        else:
            first, width = self.first, max(len("here"), len(self.path))
            lines += [f"first difference: {first.name}, {first.detail}", f"  {'here':<{width}}  {first.here}",
                      f"  {self.path:<{width}}  {first.there}"]
            names = [d.name for d in self.differences]
            more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
            lines.append(f"{len(names)} differ: {', '.join(names[:LISTED])}{more}")
        return "\n".join(lines + [f"note: {note}" for note in self.notes])


# -- one number


def _last_digit(text):
    """The unit of the last digit printed."""
    return Decimal(1).scaleb(Decimal(text).as_tuple().exponent)


def _units(here, there, unit):
    """How many units of the last digit, in words."""
    return f"{float(abs(here - there) / unit):.3g} in the last digit printed"


def _difference(value, printed, single):
    """(ulps, detail) of one number, or None where it agrees."""
    theirs = float(printed.text)
    ours = float(value) if printed.factor == 1.0 else value * printed.factor
    if not math.isfinite(ours) or not math.isfinite(theirs):
        same = ours == theirs or (math.isnan(ours) and math.isnan(theirs))
        return None if same else (None, "not both finite")
    if printed.form == FULL:
        apart = ulps(ours, theirs, single)
        if apart <= (0 if printed.factor == 1.0 else CONVERTED_ULPS):
            return None
        unit = "ulp" if not single else "ulp of float32"
        return apart, f"{apart} {unit}" + ("" if printed.factor == 1.0 else " after conversion of the unit")
    with localcontext() as context:
        # enough for the exact value of any double
        context.prec = 1100
        if printed.form == DIGITS:
            here, there, unit = Decimal(ours), Decimal(printed.text), _last_digit(printed.text)
            slack = 0 if printed.factor == 1.0 else CONVERTED_ULPS * Decimal(math.ulp(ours))
            return None if abs(here - there) <= unit / 2 + slack else (None, _units(here, there, unit))
        shown = format(ours, printed.form)
        here, there = Decimal(shown), Decimal(printed.text)
        if here == there:
            return None
        return None, _units(here, there, min(_last_digit(shown), _last_digit(printed.text)))


# -- all numbers


def _label(section, name):
    return f"step[{section}].{name}" if isinstance(section, int) else f"{section}.{name}"


def _out_of_date(trace):
    """What the C program's listing shows of another moment than our last step: names and reasons."""
    if trace.steps_summed == 0:
        return {}
    last, before = trace.step(-1), trace.before
    sub_pixel = (before["layers"] - 1, before["oversample"] - 1, before["oversample"] - 1)
    there = (last["layer"], last["sub_slow"], last["sub_fast"]) == sub_pixel
    reasons = {}
    if not there:
        reasons |= dict.fromkeys("xyz", "the last sub-pixel lies beyond the resolution limit")
    if not there or last["source"] != before["sources"] - 1:
        reasons["stol"] = "the last source lies beyond the resolution limit"
    if last["skipped"]:
        reasons["f_cell"] = "the last step was skipped, and what is printed belongs to one before it"
    return reasons


def _placed(reference, trace, notes, uncompared):
    """Numbers of a file by section and name, those of unnumbered steps given their number."""
    summed = trace.steps_summed
    stale = _out_of_date(trace) if reference.kind == LISTING else {}
    placed, left = {}, {}
    for (section, name), values in reference.values.items():
        if section != "step":
            placed[section, name] = values[-1]
        elif summed == 0:
            left.setdefault("no step was summed", []).append(name)
        elif name in stale:
            left.setdefault(stale[name], []).append(name)
        elif len(values) == summed:
            placed |= {(number, name): value for number, value in enumerate(values)}
        else:
            placed[summed - 1, name] = values[-1]
            if len(values) > 1:
                notes.append(f"{name} stands {len(values)} times in the file, for {summed} step(s); the last "
                             "one is compared with the last step")
    notes += [f"not compared, for {reason}: {', '.join(names)}" for reason, names in left.items()]
    uncompared += [name for names in left.values() for name in names]
    return placed


def _quantities(trace):
    """Those of the trace, and what only the C program's listing has."""
    for section, name, value in trace.quantities():
        yield section, name, value
        if (section, name) == ("final", "sum"):
            yield "final", "sum_per_step", value / trace.final["steps"]


def _tell_uncompared(placed, ours, reference, notes):
    """Notes on steps that only one side has. Returns the names of what has nothing like it here."""
    theirs, steps = {section for section, _ in reference.values if isinstance(section, int)}, []
    if only := len(theirs - ours):
        notes.append(f"{only} step(s) of the file are not kept here; --steps all keeps them")
        steps = [f"{only} step(s)"]
    if reference.kind == OWN and (only := len(ours - theirs)):
        notes.append(f"{only} step(s) kept here are not in the file")
    names = sorted({name for section, name in placed if not isinstance(section, int) or section in ours})
    if names:
        notes.append(f"not compared, for there is nothing like it here: {', '.join(names)}")
    return [*steps, *names]


def compare(trace: Trace, path: str | os.PathLike[str]) -> Comparison:
    """Compare a trace with a file.

    Parameters
    ----------
    trace : tracing.Trace
    path : str or path-like
        What `numbragg.trace_reading.read_trace` reads.

    Returns
    -------
    Comparison

    Raises
    ------
    FileFormatError
        If the file holds nothing that can be compared.
    OSError
        If it cannot be read.
    """
    reference = read_trace(path, (trace.fast, trace.slow))
    notes, uncompared = list(reference.notes), list(reference.unknown)
    placed = _placed(reference, trace, notes, uncompared)
    differences, compared, exact = [], 0, True
    for section, name, value in _quantities(trace):
        printed = placed.pop((section, name), None)
        if printed is None:
            continue
        compared += 1
        exact = exact and printed.form == FULL
        found = _difference(value, printed, single=(section, name) == ("final", "pixel"))
        if found is not None:
            shown = value if printed.factor == 1.0 else value * printed.factor
            differences.append(Difference(_label(section, name), in_full(shown), printed.text, *found))
    if compared == 0:
        raise format_error(path, "holds no quantity that the trace has")
    uncompared += _tell_uncompared(placed, set(trace.numbers.tolist()), reference, notes)
    if reference.kind == PLAIN and not exact:
        notes.append("no number of the file has 17 digits, so all are compared to the digits that they have")
    return Comparison(reference.path, reference.kind, trace.fast, trace.slow, exact, compared,
                      tuple(differences), tuple(dict.fromkeys(uncompared)), tuple(notes))
