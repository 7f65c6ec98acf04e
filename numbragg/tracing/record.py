"""The trace of one pixel: every intermediate, read from the record that the strict evaluator fills.

Nothing here is computed a second time.  What a step leaves comes from `kernels.evaluate.strict`; what is
constant comes from the scene that the evaluator reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import memory
from .._version import __version__
from ..configs.beam import Beam
from ..configs.checks import choice, whole
from ..configs.crystal import Crystal
from ..configs.detector import Detector
from ..configs.sampling import Sampling
from ..configs.structure_factors import StructureFactors
from ..kernels.evaluate.strict import RECORD_FIELDS
from ..kernels.physics.records import AXIS, FRESH, INTERPOLATING, initial_state
from ..scene.revisions import DEFAULT
from . import formats
from .quantities import STEP_FIELDS, UNITS, WHOLE

# start-up: kernels, and Numba with them, are imported with the first trace

__all__ = ["DEFAULT_STEPS", "STEP_FIELDS", "Trace", "UNITS", "WHOLE", "state_before", "trace", "trace_prepared"]

#: Steps that are kept, besides the last one, unless more are asked for.
DEFAULT_STEPS = 1000


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """What happened in one pixel.

    Attributes
    ----------
    fast, slow : int
        The pixel.
    revision : str
        Revision of the C program that was reproduced.
    before : dict
        What holds before the first step: the pixel, counts, settings, and the state that the pixels
        before left.
    numbers : (n,) int64 array
        Which steps were kept, counted from 0: the first ones and the last.
    table : (n, len(STEP_FIELDS)) float64 array
        Their values, in the order of `numbragg.tracing.STEP_FIELDS`.
    final : dict
        The sum, the factors, the scaling, the value before and after its rounding to float32.
    version : str
        Version of numbragg.
    """

    fast: int
    slow: int
    revision: str
    before: dict
    numbers: np.ndarray
    table: np.ndarray
    final: dict
    version: str = __version__

    def __repr__(self):
        return (f"<Trace of pixel {self.fast} {self.slow} (fast slow): {self.steps_summed} steps, "
                f"{self.value:.9g} photons>")

    @property
    def value(self) -> float:
        """The double that is rounded to the pixel."""
        return self.final["photons"]

    @property
    def pixel(self) -> np.float32:
        """The pixel of the image: a float32."""
        return np.float32(self.final["pixel"])

    @property
    def steps_summed(self) -> int:
        """Steps that the pixel summed; those of sources beyond the resolution limit are not among them."""
        return self.final["steps_summed"]

    @property
    def left_out(self) -> tuple[int, int] | None:
        """First and last number of the steps that were not kept, or None."""
        kept = len(self.numbers)
        return (kept - 1, self.steps_summed - 2) if kept < self.steps_summed else None

    def column(self, name: str) -> NDArray[np.float64]:
        """One quantity of all steps kept: an array.

        Parameters
        ----------
        name : str
            One of `numbragg.tracing.STEP_FIELDS`.
        """
        return self.table[:, STEP_FIELDS.index(name)]

    def step(self, number: int) -> dict[str, float]:
        """All quantities of one step kept, by name.

        Parameters
        ----------
        number : int
            Number of the step; -1 is the last.

        Raises
        ------
        IndexError
            If the step was not kept.
        """
        if number < 0:
            number += self.steps_summed
        at = int(np.searchsorted(self.numbers, number))
        if at == len(self.numbers) or self.numbers[at] != number:
            raise IndexError(f"step {number} is not among the {len(self.numbers)} steps kept of "
                             f"{self.steps_summed}")
        return _named(self.table[at])

    def quantities(self) -> Iterator[tuple[str | int, str, Any]]:
        """All quantities in the order of evaluation: (section, name, value) triples.

        A section is ``"before"``, the number of a step or ``"final"``.
        """
        for name, value in self.before.items():
            yield "before", name, value
        for number, row in zip(self.numbers.tolist(), self.table):
            for name, value in _named(row).items():
                yield number, name, value
        for name, value in self.final.items():
            yield "final", name, value

    def lines(self, form: str) -> Iterator[str]:
        """The trace in a text format, line by line.

        Parameters
        ----------
        form : {"text", "json", "csv"}

        Yields
        ------
        str
            A line with its end.
        """
        yield from formats.WRITERS[choice("form", form, tuple(formats.WRITERS))](self)

    def to_text(self) -> str:
        """As text: a section per step, a line per quantity, 17 significant digits."""
        return "".join(self.lines("text"))

    def to_json(self) -> str:
        """As JSON; numbers have 17 significant digits, those that are not finite are strings."""
        return "".join(self.lines("json"))

    def to_csv(self) -> str:
        """As CSV: a row per step; what does not belong to a step stands in front, after `#`."""
        return "".join(self.lines("csv"))


def _named(row):
    return {name: int(value) if name in WHOLE else value for name, value in zip(STEP_FIELDS, row.tolist())}


# -- the state that the pixels before leave


def state_before(scene, window, mask, interpolating, fast, slow, threads=None):
    """What the C program carries into a pixel, in one-thread order.

    The same as evaluating all pixels before it, and mostly much quicker: once spindle and polarisation
    axis have settled, only the end of interpolation and alternating axes need the pixels in between.

    Parameters
    ----------
    scene, window, mask, interpolating
        As in `kernels.drive.cpu.render`.
    fast, slow : int
        The pixel, inside the window.
    threads : int or None
        None: all processors.

    Returns
    -------
    (STATE_SIZE,) int64
    """
    from ..kernels.drive.cpu import Modes, Target, render
    from ..kernels.drive.order import NO_LIST, NO_MASK, counting_scene, settle
    from ..kernels.physics.records import Pixels
    from ..kernels.physics.view import is_polarised, steps_per_pixel
    from ..kernels.stopping import halting

    number = (slow - window.slow_min) * window.width + fast - window.fast_min
    places = NO_MASK if mask is None else mask
    polarised = is_polarised(scene.beam, scene.sampling)
    settled = int(scene.beam.next_axis[-1]) if polarised else 0
    state = initial_state(interpolating)
    before, steps = Pixels(window.place, places, NO_LIST, 0, number), number * steps_per_pixel(scene)
    start = halting(lambda halt: settle(scene, before, state, halt, settled), steps)
    if state[INTERPOLATING] and start < number:
        image = np.zeros((slow + 1, window.fast_max + 1), np.float32)
        target = Target(window._replace(slow_max=slow), mask, image)
        given_up = render(scene, target, Modes(threads=threads), interpolating=True).first_out_of_range
        if given_up is not None and (given_up[1], given_up[0]) < (slow, fast):
            state[INTERPOLATING] = 0
    if polarised and len(scene.beam.next_axis) - settled > 1:
        # an axis that alternates
        between = before._replace(start=start)
        halting(lambda halt: settle(counting_scene(scene), between, state, halt), steps)
    return state


# -- tracing


def _check_place(prepared, fast, slow):
    slow_size, fast_size = prepared.shape
    if not (0 <= fast < fast_size and 0 <= slow < slow_size):
        raise ValueError(f"pixel {fast} {slow} (fast slow): the detector has {fast_size} x {slow_size} "
                         "pixels, counted from 0")
    fast_min, fast_max, slow_min, slow_max = prepared.window
    if not (fast_min <= fast <= fast_max and slow_min <= slow <= slow_max):
        raise ValueError(f"pixel {fast} {slow} (fast slow): outside the region of interest, fast {fast_min} "
                         f"to {fast_max}, slow {slow_min} to {slow_max}; nothing is computed there")
    if prepared.mask is not None and not prepared.mask[slow, fast]:
        raise ValueError(f"pixel {fast} {slow} (fast slow): masked; nothing is computed there")


def _rows(prepared, steps):
    """Rows to keep: the steps asked for, and one for the last."""
    rows = prepared.steps if steps == "all" else min(prepared.steps, whole("steps", steps, 0) + 1)
    needed = 8 * rows * (len(RECORD_FIELDS) + len(STEP_FIELDS) + 1)
    available = memory.available()
    if needed > available:
        raise MemoryError(f"trace: {rows} steps need {needed / 1e9:.4g} GB; {available / 1e9:.4g} GB of "
                          "memory are available")
    return rows


def _before(prepared, fast, slow, state):
    scene = prepared.scene
    axis = scene.beam.polarisation_axes[state[AXIS]].tolist()
    return {
        "fast": fast, "slow": slow,
        "layers": scene.geometry.layers, "oversample": scene.geometry.oversample, "sources": prepared.sources,
        "phi_steps": len(scene.crystal.phi_rows), "domains": scene.crystal.domains,
        "oversample_thick": int(scene.sampling.oversample_thick),
        "oversample_polar": int(scene.sampling.oversample_polar),
        "oversample_omega": int(scene.sampling.oversample_omega),
        "interpolating": int(state[INTERPOLATING]), "first_sweep": int(state[FRESH]),
        "axis_x": axis[0], "axis_y": axis[1], "axis_z": axis[2],
        "background": float(scene.sampling.background)}


def _table(scene, record):
    from ..kernels.physics.view import is_weighted

    columns = dict(zip(RECORD_FIELDS, record.T))
    source = columns["source"].astype(np.int64)
    each = scene.beam.per_direction
    number = source % each if each > 1 else source
    columns["wavelength"] = scene.beam.wavelengths[number]
    columns["source_weight"] = scene.beam.weights[number] if is_weighted(scene.beam.weights) else 1.0
    for axis, values in zip("xyz", scene.beam.directions[source // each].T):
        columns[f"s0_{axis}"] = -values
    columns["skipped"] = (columns["f_latt"] == 0.0) & scene.sampling.skip_zero
    table = np.empty((len(record), len(STEP_FIELDS)))
    for place, name in enumerate(STEP_FIELDS):
        table[:, place] = columns[name]
    return table


def trace_prepared(prepared, fast, slow, *, steps=DEFAULT_STEPS, threads=None):
    """Trace one pixel of a prepared scene.

    Parameters
    ----------
    prepared : scene.Prepared
    fast, slow : int
        The pixel, counted from 0.
    steps : int or "all"
        Steps to keep, besides the last.
    threads : int, optional
        By default one per processor.

    Returns
    -------
    Trace

    Raises
    ------
    ValueError
        If nothing is computed for the pixel.
    MemoryError
        If the record of the steps would not fit.
    """
    from ..kernels.evaluate.strict import trace_pixel
    from ..scene.size import R_E_SQR

    fast, slow = whole("fast", fast, 0), whole("slow", slow, 0)
    _check_place(prepared, fast, slow)
    record = np.zeros((_rows(prepared, steps), len(RECORD_FIELDS)))
    scene = prepared.scene
    state = state_before(scene, prepared.window, prepared.mask, prepared.interpolating, fast, slow, threads)
    before = _before(prepared, fast, slow, state)
    value, total, capture, polar, omega, summed = trace_pixel(scene, fast, slow, state, record)
    numbers = np.arange(min(len(record), summed))
    if len(numbers):
        numbers[-1] = summed - 1
    # the addition and the rounding with which the image is filled
    pixel = np.float32(0.0 + value)
    final = {"sum": total, "steps_summed": int(summed), "steps": int(scene.sampling.steps),
             "r_e_sqr": R_E_SQR, "fluence": float(prepared.fluence), "scale": float(scene.sampling.scale),
             "capture_fraction": capture, "polarisation_factor": polar, "solid_angle": omega,
             "photons": value, "pixel": float(pixel), "interpolating": int(state[INTERPOLATING])}
    table = _table(scene, record[:len(numbers)])
    return Trace(fast, slow, prepared.request.revision, before, numbers, table, final)


def trace(crystal: Crystal, beam: Beam, detector: Detector, structure_factors: StructureFactors | float, fast: int,
          slow: int, *, sampling: Sampling | None = None, roi: Sequence[int] | None = None, revision: str = DEFAULT,
          steps: int | str = DEFAULT_STEPS, threads: int | None = None, panel: int | None = None) -> Trace:
    """Trace one pixel of the image that `simulate` makes of the same arguments.

    Parameters
    ----------
    crystal : Crystal
    beam : Beam
    detector : Detector
    structure_factors : StructureFactors or float
        A number stands for the same amplitude [electrons] everywhere.
    fast, slow : int
        The pixel, counted from 0.
    sampling : Sampling, optional
    roi : four int, optional
        As for `simulate`: in some scenes a pixel depends on those that are computed before it.
    revision : str
        Which revision of the C program to reproduce, "fixed" or "main".
    steps : int or "all"
        Steps to keep, besides the last.
    threads : int, optional
        For what is computed before the pixel; by default one per processor.
    panel : int, optional
        Number of the panel, from 0; needed where the detector has several.

    Returns
    -------
    Trace

    Raises
    ------
    ValueError
        Naming the field, the value and the rule; also for a pixel that is masked or outside `roi`.
    MemoryError
        If the record of the steps would not fit.

    Examples
    --------
    >>> import numbragg as nb
    >>> scene = (nb.Crystal(cell=(100, 100, 100, 90, 90, 90), n_cells=5), nb.Beam(wavelength_angstrom=6.2),
    ...          nb.Detector(pixels=(64, 64), pixel_mm=0.1, distance_mm=100.0), 100.0)
    >>> trace = nb.trace(*scene, 40, 30)
    >>> bool(trace.pixel == nb.simulate(*scene)[30, 40])
    True
    >>> trace.step(0)["h0"], trace.steps_summed
    (0, 1)
    """
    from ..render.simulation import Simulator

    simulator = Simulator(detector, beam, structure_factors, sampling=sampling, roi=roi, threads=threads,
                          revision=revision)
    if panel is None:
        prepared = simulator.prepare(crystal)
    else:
        if not isinstance(crystal, Crystal):
            raise ValueError(f"crystal: {type(crystal).__name__} must be a Crystal object")
        prepared = simulator.prepare_shot(crystal)[whole("panel", panel, 0, len(detector.shapes) - 1)][0]
    return trace_prepared(prepared, fast, slow, steps=steps, threads=simulator.evaluation.threads)
