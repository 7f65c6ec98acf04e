"""An image as a sum of contributions: which share a running sum, their order, and the certificate of the whole.

A contribution is a crystal with its structure factors, seen by some sources on one panel, with a
divisor and a scale.  Those that agree in divisor, scale and all factors that are held through a
pixel share one running sum: it is begun by the first, added to by each and scaled to photons by the
last.  Others have sums of their own, which are scaled to photons in double and added up in the
order in which they were handed in.  What the C program carries from pixel to pixel, each
contribution carries as if it were alone.  One contribution is the image that it always was.
"""

from functools import partial
from typing import Callable, NamedTuple

import numpy as np

from ..evaluate.certificate import DOUBTFUL, REASONS, shared_plan, sum_of_values
from ..evaluate.strict import strict_pixels
from ..physics.records import (
    AXIS,
    EXACT,
    FRESH,
    INTERPOLATING,
    Filled,
    Part,
    Pixels,
    Scene,
    Until,
    initial_state,
    never,
)
from ..physics.shapes import SHAPE_OF
from ..physics.view import is_polarised
from ..stopping import Halted, halting
from .cpu import Evaluator, Modes, planned, render, rotated_cells, steps_of_target
from .crew import Chunk, Crew, available_threads
from .order import NO_DOUBLES, NO_IMAGE, NO_LIST, NO_MASK, Outcome, render_in_order

__all__ = ["Contribution", "in_groups", "merged", "render_sum"]

#: Largest table of rotated cells that is made to put crystals side by side (entries of 72 bytes).
MOST_CELLS = 1 << 22

#: Pixels that one thread takes at a time when all contributions of doubtful pixels are evaluated strictly.
STRICT_CHUNK = 256


class Contribution(NamedTuple):
    """One term of an image."""

    scene: Scene
    interpolating: bool  # start with interpolated structure factors


# -- who shares a sum


def _same(a, b):
    """Return whether two records hold the same, arrays bit by bit."""
    if isinstance(a, np.ndarray):
        return a is b or (a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes())
    if isinstance(a, tuple):
        return len(a) == len(b) and all(_same(x, y) for x, y in zip(a, b))
    return a == b


def _same_sources(a, b):
    """Return whether factors that are held come out the same under two lists of sources.

    Lists may differ from their second source on, so that one that is too long for a table can be
    handed in in parts: what is held is found with the first.
    """
    if _same(a, b):
        return True
    lists = {"directions": NO_LIST, "wavelengths": NO_LIST, "per_direction": 1, "weights": NO_LIST,
             "attenuations": NO_LIST}
    return (a.d_min == b.d_min == 0.0 and _same(a.directions[:1], b.directions[:1])
            and _same(a._replace(**lists), b._replace(**lists)))


def _agree(a, b):
    """Return whether two contributions share one running sum."""
    rules = [scene.sampling._replace(background=0.0, skip_zero=False) for scene in (a.scene, b.scene)]
    return (_same(*rules) and not a.scene.sampling.running_product and _same(a.scene.geometry, b.scene.geometry)
            and _same_sources(a.scene.beam, b.scene.beam))


def in_groups(contributions):
    """Put together the contributions that share a running sum.

    Parameters
    ----------
    contributions : sequence of Contribution

    Returns
    -------
    list of list of Contribution
        In the order of their first members; within each in the order given.
    """
    groups = []
    for contribution in contributions:
        group = next((g for g in groups if _agree(g[0], contribution)), None)
        if group is None:
            groups.append([contribution])
        else:
            group.append(contribution)
    return groups


def _joined(a, b):
    """Two crystals of one shape, size and set of spindle angles as one that has the domains of both, or None."""
    shared = ["n_cells", "shape", "fudge", "phi_rows", "first_phi_rows"]
    if SHAPE_OF[a.shape].measured:
        shared.append("reciprocal")
    if not all(_same(getattr(a, name), getattr(b, name)) for name in shared):
        return None
    if len(a.mosaic) and len(b.mosaic) and _same(a.phi_cells, b.phi_cells):
        mosaic = np.concatenate([a.mosaic, b.mosaic])
        cells = [a.cells, b.cells] if len(a.cells) and len(b.cells) else None
        return a._replace(mosaic=mosaic, domains=a.domains + b.domains,
                          cells=np.empty((0, 0, 9)) if cells is None else np.concatenate(cells, axis=1))
    if len(a.phi_cells) != len(b.phi_cells) or len(a.phi_cells) * (a.domains + b.domains) > MOST_CELLS:
        return None
    cells = [crystal.cells if len(crystal.cells) else rotated_cells(crystal) for crystal in (a, b)]
    # the table stands for the rotations; these are kept for what bounds the indices
    return a._replace(cells=np.concatenate(cells, axis=1), domains=a.domains + b.domains,
                      phi_cells=np.concatenate([a.phi_cells, b.phi_cells]),
                      mosaic=np.concatenate([a.mosaic, b.mosaic]))


def merged(group):
    """Join neighbours that differ in orientations only, so that their steps are added in the order of one crystal's.

    Parameters
    ----------
    group : list of Contribution
        That share a running sum.

    Returns
    -------
    list of Contribution
    """
    made = group[:1]
    for contribution in group[1:]:
        last, scene = made[-1], contribution.scene
        crystal = None
        if (last.interpolating == contribution.interpolating and _same(last.scene.beam, scene.beam)
                and last.scene.lookup.table is scene.lookup.table
                and last.scene.lookup._replace(table=None) == scene.lookup._replace(table=None)
                and last.scene.sampling.skip_zero == scene.sampling.skip_zero):
            crystal = _joined(last.scene.crystal, scene.crystal)
        if crystal is None:
            made.append(contribution)
            continue
        background = last.scene.sampling.background + scene.sampling.background
        made[-1] = last._replace(scene=last.scene._replace(
            crystal=crystal, sampling=last.scene.sampling._replace(background=background)))
    return made


# -- the sum


class _Group(NamedTuple):
    """Contributions that share a running sum, and what became of it."""

    members: list
    outcomes: list
    refused: str | None
    values: np.ndarray  # (pixels, 2): photons before rounding, and half-widths


def _added(members, target, modes, make, progress):
    """Begin a running sum, add contributions to it, and finish it. Returns a `_Group`."""
    plans = [planned(member.scene, modes) for member in members]
    shared = shared_plan(plans)
    count = target.window.pixels
    values = np.zeros((count, 2))
    sums = np.zeros((count, 2)) if len(members) > 1 else NO_DOUBLES
    outcomes = []
    for number, (member, plan) in enumerate(zip(members, plans)):
        part = Part(number == 0, number == len(members) - 1)
        how = plan._replace(bound=shared.bound, reason=shared.reason)
        evaluator = make(member.scene, how, target._replace(doubles=values, part=part, sums=sums), modes)
        outcomes.append(render_in_order(evaluator, member.interpolating, progress))
    return _Group(members, outcomes, shared.reason, values)


def _trips(group):
    """Return whether interpolation switched itself off in any contribution."""
    return any(outcome.first_out_of_range is not None for outcome in group.outcomes)


def _strictly(group, listed, target, threads):
    """Evaluate listed pixels strictly, all contributions of a running sum, as if each were alone.

    What is carried from pixel to pixel is known: up to the last pixel in which any state settled,
    pixels are evaluated in their order; where interpolation switched itself off, the one pass has told.

    Returns
    -------
    (pixels,) float64
        Photons before rounding; right at the listed pixels.
    """
    window = target.window
    mask, count, place = NO_MASK if target.mask is None else target.mask, window.pixels, window.place
    values = np.zeros((count, 2))
    sums = np.zeros((count, 2)) if len(group.members) > 1 else NO_DOUBLES
    settled = max(outcome.settled for outcome in group.outcomes)
    later = listed[listed >= settled]
    for number, (member, outcome) in enumerate(zip(group.members, group.outcomes)):
        scene = member.scene
        part = Part(number == 0, number == len(group.members) - 1)
        axis = int(scene.beam.next_axis[-1]) if is_polarised(scene.beam, scene.sampling) else 0
        state = initial_state(member.interpolating)
        filled, until = Filled(NO_IMAGE, values, part, sums, target.halt), Until(False, axis, False)
        strict_pixels(scene, Pixels(place, mask, NO_LIST, 0, settled), state, until, filled)
        if target.halt[0]:
            raise Halted
        trip = count
        if outcome.first_out_of_range is not None:
            fast, slow = outcome.first_out_of_range
            trip = (slow - place[1]) * place[2] + fast - place[0]

        def work(chunk):
            own = state.copy()
            own[FRESH], own[AXIS] = 0, max(int(own[AXIS]), axis)
            pixels = later[chunk.start:chunk.stop]
            for some, on in ((pixels[pixels <= trip], member.interpolating), (pixels[pixels > trip], False)):
                own[INTERPOLATING] = int(on)
                if len(some):
                    strict_pixels(scene, Pixels(place, mask, some, 0, len(some)), own, until, filled)
            if target.halt[0]:
                raise Halted

        Crew(threads).run(work, [Chunk(first, min(first + STRICT_CHUNK, len(later)), 0)
                                 for first in range(0, len(later), STRICT_CHUNK)])
    return values[:, 0]


def _unmasked(window, mask):
    """Return which pixels of a window are evaluated, as a flat array of truths."""
    if mask is None:
        return np.ones(window.pixels, dtype=bool)
    return np.ascontiguousarray(window.of(mask) != 0).reshape(-1)


def render_sum(contributions, target, modes=Modes(), *, progress=None, make: Callable = Evaluator,
               alone: Callable = render, made=None):
    """Fill a window of an image with the sum of several contributions.

    Parameters
    ----------
    contributions : sequence of Contribution
        On one panel.
    target : cpu.Target
    modes : cpu.Modes
    progress : callable or None
        Called with the number of pixels just finished, of one contribution.
    make : callable
        Makes what evaluates the pixels of one contribution: `cpu.Evaluator`, or a CUDA session's `evaluator`.
    alone : callable
        Renders an image of a single contribution: `cpu.render`, or a session's `render`.
    made : tables.Made or None
        What was made of the tables of structure factors for other images; for these two of `cpu` only.

    Returns
    -------
    Outcome

    Raises
    ------
    ValueError
        If a scene is possible with records.EXACT only.
    """
    if made is not None:
        make, alone = partial(Evaluator, made=made), partial(render, made=made)
    given = in_groups(contributions)
    groups = [merged(group) for group in given]
    if len(groups) == 1 and len(groups[0]) == 1:
        only, = groups[0]
        outcome = alone(only.scene, target, modes, interpolating=only.interpolating, progress=progress)
        if outcome.first_out_of_range is None or len(contributions) == 1:
            return outcome
        # where interpolation switches itself off, it does so for each crystal alone
        groups = given

    def work(halt):
        done, flags = [], np.zeros(target.window.pixels, dtype=np.uint8)
        inner = target._replace(image=None, flags=flags, halt=halt)
        for group, members in zip(groups, given):
            added = _added(group, inner, modes, make, progress)
            if len(group) < len(members) and _trips(added):
                added = _added(members, inner, modes, make, progress)
            done.append(added)
        return _finish(done, flags, target._replace(halt=halt), modes)

    if made is None and alone is not render:
        # a device belongs to the thread that opened it
        return work(never())
    return halting(work, sum(steps_of_target(member.scene, target) for member in contributions), target.halt)


def _settle_doubts(groups, listed, value, half, target, threads):
    """Put the strict sum in the place of what the lanes found, at the pixels listed."""
    for number, group in enumerate(groups):
        strict = group.values[:, 0] if group.refused is not None else _strictly(group, listed, target, threads)
        value[listed] = strict[listed] if number == 0 else value[listed] + strict[listed]
    half[listed] = 0.0


def _finish(groups, flags, target, modes):
    """Add up the values of all groups, evaluate what is in doubt strictly, and round to the image."""
    window, threads = target.window, modes.threads or available_threads()
    evaluated = _unmasked(window, target.mask)
    value, half, certain = sum_of_values([group.values for group in groups])
    outcome = Outcome(pixels=window.pixels, masked=int(np.count_nonzero(~evaluated)), threads=threads,
                      contributions=tuple(o for group in groups for o in group.outcomes),
                      refused=next((group.refused for group in groups if group.refused is not None), None))
    outcome.first_out_of_range = next((o.first_out_of_range for o in outcome.contributions
                                       if o.first_out_of_range is not None), None)
    computed, in_lanes = window.pixels - outcome.masked, [group.refused is None for group in groups]
    if any(in_lanes):
        if modes.precision == EXACT:
            flags[~certain & (flags == 0)] = DOUBTFUL
        settled = max(o.settled for group, lanes in zip(groups, in_lanes) if lanes for o in group.outcomes)
        first = (np.arange(len(flags)) < settled) & (flags == 0) & evaluated
        listed = np.flatnonzero(first | ((flags != 0) & evaluated))
        if len(listed):
            _settle_doubts(groups, listed, value, half, target, threads)
        outcome.strict_pixels = len(listed)
        outcome.reasons = {"state of the first pixels": int(first.sum())} if first.any() else {}
        for flag in flags[listed][flags[listed] != 0].tolist():
            outcome.reasons[REASONS[flag]] = outcome.reasons.get(REASONS[flag], 0) + 1
    else:
        outcome.strict_pixels, outcome.reasons = computed, {outcome.refused: computed}
    outcome.lane_pixels = computed - outcome.strict_pixels
    outcome.left_out = sum(each.left_out for each in outcome.contributions)
    if target.image is not None:
        with np.errstate(over="ignore"):
            found = (0.0 + value).astype(np.float32).reshape(window.height, window.width)
        np.copyto(window.of(target.image), found, where=evaluated.reshape(window.height, window.width))
    if target.doubles is not None:
        target.doubles[:, 0], target.doubles[:, 1] = value, half
    return outcome

