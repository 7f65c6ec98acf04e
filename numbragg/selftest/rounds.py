"""Lanes against the strict evaluator on random scenes: doubles before rounding, and float32 bits.

Agreeing float32 bits prove little, for they hide all but one error in a million.  So every pixel's
value before rounding is compared with what the certificate says: a *violation* is a pixel that the
lanes vouched for and whose strict value lies further away than its half-width, a *mismatch* one
whose float32 bits differ.  The largest ratio of distance to half-width says how tight the bounds are.

With a device the lanes' images come from there, and the other precisions, which have no strict
form, are compared with the CPU's lanes: every pixel must have the same bits.
"""

from dataclasses import dataclass, field, replace
import time

import numpy as np

from ..kernels.drive import cpu as driver_cpu
from ..kernels.evaluate.certificate import plan
from ..kernels.physics import records
from .coverage import LASTS, RUNS_OUT
from .scenes import random_scene

__all__ = ["Comparison", "Failure", "Tally", "campaign", "compare"]

#: Failures that are kept for the account; all are counted.
FAILURES_KEPT = 20


@dataclass(slots=True)
class Failure:
    """A pixel that is not what it should be."""

    scene: str
    what: str  # "violation" or "mismatch", or the latter in a named precision
    fast: int
    slow: int
    lane: float
    strict: float
    half_width: float

    def __str__(self):
        distance = abs(self.lane - self.strict)
        return (f"scene {self.scene}: {self.what} in pixel fast {self.fast}, slow {self.slow}: "
                f"lanes {self.lane!r}, strict {self.strict!r}, "
                f"distance {distance:.3g}, half-width {self.half_width:.3g}")


@dataclass(slots=True)
class Comparison:
    """What one scene gave; also a sum of such results (`add`)."""

    scenes: int = 1
    pixels: int = 0
    steps: int = 0
    lane_pixels: int = 0
    lane_steps: int = 0  # of scenes that the lanes took
    lane_seconds: float = 0.0  # both for these scenes
    strict_seconds: float = 0.0
    predicted: float = 0.0  # pixels to be recomputed because their rounding is in doubt
    ratio: float = 0.0
    ratio_scene: str = ""
    violations: int = 0
    mismatches: int = 0
    recomputed: dict = field(default_factory=dict)  # reason: pixels
    refused: str | None = None  # why the lanes did not take it
    others: int = 0  # pixels compared in the other precisions, device against CPU
    others_mismatches: int = 0
    failures: list = field(default_factory=list)

    def add(self, other):
        """Add another result to this one."""
        if other.ratio > self.ratio:
            self.ratio, self.ratio_scene = other.ratio, other.ratio_scene
        for name in ("scenes", "pixels", "steps", "lane_pixels", "lane_steps", "lane_seconds",
                     "strict_seconds", "predicted", "violations", "mismatches", "others", "others_mismatches"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for reason, pixels in other.recomputed.items():
            self.recomputed[reason] = self.recomputed.get(reason, 0) + pixels
        self.failures = (self.failures + other.failures)[:FAILURES_KEPT]


@dataclass(slots=True)
class Tally:
    """Results of a campaign: in all, by kind of scene, by reason of refusal, and the options met."""

    total: Comparison = field(default_factory=lambda: Comparison(scenes=0))
    kinds: dict = field(default_factory=dict)  # (shape, structure factors): Comparison
    refused: dict = field(default_factory=dict)  # reason: scenes
    options: dict = field(default_factory=dict)  # name: scenes
    skipped: int = 0  # scenes with too many steps for the simulator

    def add(self, kind, options, result):
        """Add the result of one scene."""
        self.total.add(result)
        if result.refused is None:
            self.kinds.setdefault(kind, Comparison(scenes=0)).add(result)
        else:
            self.refused[result.refused] = self.refused.get(result.refused, 0) + 1
        for name in options:
            self.options[name] = self.options.get(name, 0) + 1


def _evaluate(prepared, threads, lanes, session=None):
    """Image, doubles, outcome and seconds; the lanes on a device, if there is one."""
    fast_min, fast_max, slow_min, slow_max = prepared.window
    image = np.zeros(prepared.shape, dtype=np.float32)
    doubles = np.zeros(((fast_max - fast_min + 1) * (slow_max - slow_min + 1), 2))
    start = time.perf_counter()
    target = driver_cpu.Target(prepared.window, prepared.mask, image, doubles)
    # few steps are no reason not to leave out what cannot matter
    modes = driver_cpu.Modes(threads=threads, lanes=lanes, culled=0)
    if session is not None:
        outcome, _ = session.render(prepared.scene, target, modes, interpolating=prepared.interpolating)
    else:
        outcome = driver_cpu.render(prepared.scene, target, modes, interpolating=prepared.interpolating)
    return image, doubles, outcome, time.perf_counter() - start


def _recomputation(value, half_width):
    """How many pixels an interval of this width about such values leaves in doubt, on average."""
    with np.errstate(all="ignore"):
        spacing = np.spacing(np.abs(value).astype(np.float32)).astype(np.float64)
        share = np.minimum(2.0 * half_width / spacing, 1.0)
    share[~np.isfinite(half_width)] = 1.0
    return float(np.nansum(share))  # there is no spacing, nor doubt, beyond the largest float32


def _same_bits(a, b):
    return (a.view(np.uint32) == b.view(np.uint32)) | (np.isnan(a) & np.isnan(b))


def _check(result, name, window, evaluated, lane, strict, kept):
    """Enter ratio, violations and mismatches."""
    (lane_image, lane_doubles), (strict_image, strict_doubles) = lane, strict
    fast_min, fast_max, slow_min, slow_max = window
    width = fast_max - fast_min + 1
    value, half_width, true = lane_doubles[:, 0], lane_doubles[:, 1], strict_doubles[:, 0]
    # what was recomputed is equal, and has nothing to show; what is left has a half-width
    different = evaluated & (value != true) & ~(np.isnan(value) & np.isnan(true))
    with np.errstate(all="ignore"):
        distance = np.abs(value - true)
        violated = different & ~(distance <= half_width)
        ratio = distance[different] / half_width[different]
    if len(ratio):
        result.ratio = float(np.nan_to_num(ratio, nan=np.inf, posinf=np.inf).max())
        result.ratio_scene = name
    parts = [np.ascontiguousarray(image[slow_min:slow_max + 1, fast_min:fast_max + 1])
             for image in (lane_image, strict_image)]
    mismatched = ~_same_bits(*parts).ravel()
    result.violations, result.mismatches = int(violated.sum()), int(mismatched.sum())
    for what, where in (("violation", violated), ("mismatch", mismatched)):
        for index in np.flatnonzero(where)[:kept].tolist():
            result.failures.append(Failure(name, what, fast_min + index % width, slow_min + index // width,
                                           float(value[index]), float(true[index]), float(half_width[index])))
    if result.refused is None:
        result.predicted = _recomputation(value[evaluated], half_width[evaluated])


_OTHERS = {"compensated": (records.COMPENSATED, records.KAHAN), "single": (records.SINGLE, records.SEQUENTIAL),
           "single, Kahan": (records.SINGLE, records.KAHAN)}


def _check_others(result, prepared, name, threads, session, kept):
    """Enter how the other precisions compare, device against CPU."""
    fast_min, _, slow_min, _ = prepared.window
    for word, (precision, summation) in _OTHERS.items():
        if plan(prepared.scene, precision).reason is not None:
            continue
        images = [np.zeros(prepared.shape, dtype=np.float32) for _ in range(2)]
        targets = [driver_cpu.Target(prepared.window, prepared.mask, image) for image in images]
        modes = driver_cpu.Modes(precision, summation, threads)
        outcome = driver_cpu.render(prepared.scene, targets[0], modes, interpolating=prepared.interpolating)
        session.render(prepared.scene, targets[1], modes, interpolating=prepared.interpolating)
        different = ~_same_bits(*images)
        result.others += outcome.pixels - outcome.masked
        result.others_mismatches += int(different.sum())
        for slow, fast in np.argwhere(different)[:kept].tolist():
            result.failures.append(Failure(name, f"mismatch ({word})", fast, slow, float(images[1][slow, fast]),
                                           float(images[0][slow, fast]), 0.0))


def _trimmed(prepared, steps):
    """The same scene with a window of so few pixels that it has no more steps, or None if one pixel has more."""
    side = min(int((steps / prepared.steps) ** 0.5), 6)
    if side < 1:
        return None
    window = prepared.window
    return replace(prepared, window=window._replace(fast_max=min(window.fast_max, window.fast_min + side - 1),
                                                    slow_max=min(window.slow_max, window.slow_min + side - 1)))


def compare(prepared, name="", threads=None, kept=FAILURES_KEPT, session=None):
    """Render a scene with both evaluators and compare.

    Parameters
    ----------
    prepared : scene.Prepared
    name : str
        For messages.
    threads : int, optional
        By default one per processor.
    kept : int
        Failures to keep, of each sort.
    session : kernels.drive.cuda.Session, optional
        The device to render the lanes' images on.

    Returns
    -------
    Comparison
    outcome : kernels.drive.cpu.Outcome
        Of the lanes.
    """
    lane_image, lane_doubles, outcome, lane_seconds = _evaluate(prepared, threads, True, session)
    strict_image, strict_doubles, _, strict_seconds = _evaluate(prepared, threads, False)
    pixels = outcome.pixels - outcome.masked
    result = Comparison(pixels=pixels, steps=pixels * prepared.steps, refused=plan(prepared.scene).reason)
    if result.refused is None:
        result.lane_pixels, result.lane_steps = outcome.lane_pixels, result.steps
        result.lane_seconds, result.strict_seconds = lane_seconds, strict_seconds
        result.recomputed = dict(outcome.reasons)
    fast_min, fast_max, slow_min, slow_max = prepared.window
    evaluated = np.ones(outcome.pixels, dtype=bool)
    if prepared.mask is not None:
        evaluated = prepared.mask[slow_min:slow_max + 1, fast_min:fast_max + 1].ravel() != 0
    _check(result, name, prepared.window, evaluated, (lane_image, lane_doubles),
           (strict_image, strict_doubles), kept)
    if session is not None:
        _check_others(result, prepared, name, threads, session, kept)
    return result, outcome


def _kind(prepared, outcome):
    """Crystal shape, and how structure factors were found."""
    shape = prepared.request.crystal.shape
    if shape == "square" and max(prepared.n_cells) == 1.0:
        shape = "one cell"
    if not prepared.interpolating:
        return shape, "nearest"
    return shape, "tricubic" if outcome.first_out_of_range is None else "tricubic, then nearest"


def campaign(names, pixels, threads=None, progress=None, kept=4, session=None, most_steps=None):
    """Compare scene after scene.

    Parameters
    ----------
    names : iterable of str
        Names of scenes (`scenes.random_scene`).
    pixels : int
        Stop when so many have been compared.
    threads : int, optional
    progress : callable, optional
        Called with the number of pixels just compared.
    kept : int
        Failures to keep of each scene, of each sort.
    session : kernels.drive.cuda.Session, optional
        The device to render the lanes' images on.
    most_steps : int, optional
        Take no more pixels of a scene than make so many steps, and leave out scenes that have more in one.

    Returns
    -------
    Tally
    """
    tally = Tally()
    seen = set()
    for name in names:
        try:
            scene = random_scene(name)
            prepared = scene.prepared
            if most_steps is not None:
                prepared = _trimmed(prepared, most_steps)
                if prepared is None:
                    tally.skipped += 1
                    continue
            result, outcome = compare(prepared, name, threads, kept, session)
            kind = _kind(prepared, outcome)
            variant = (kind, plan(prepared.scene)[:2])
            if variant not in seen:
                # the first time was spent compiling
                seen.add(variant)
                if most_steps is None:
                    result, outcome = compare(prepared, name, threads, kept, session)
        except Exception as error:
            error.add_note(f"in scene {name}")
            raise
        lasting = {"tricubic": {LASTS}, "tricubic, then nearest": {RUNS_OUT}}.get(kind[1], set())
        tally.add(kind, scene.options | lasting, result)
        if progress is not None:
            progress(result.pixels)
        if tally.total.pixels >= pixels:
            break
    return tally
