"""The evaluation of a pixel by a GPU's thread, compiled for the CPU: the lanes' bits, in any parts.

Values before rounding, half-widths and flags are compared, not only images: what a device does is
this code, but for the compiler.
"""

from dataclasses import replace
import functools

from formula_tools import INTERPRETED, prepared_example
import numpy as np
import pytest

from numbragg.kernels.compile.compilation import jit
from numbragg.kernels.drive.cpu import rotated_cells
from numbragg.kernels.drive.cuda import spans
from numbragg.kernels.drive.order import NO_DOUBLES, NO_LIST
from numbragg.kernels.evaluate import gpu_inputs, gpu_pixel
from numbragg.kernels.evaluate.certificate import plan
from numbragg.kernels.evaluate.lanes import lane_kernel
from numbragg.kernels.physics.records import (
    COMPENSATED,
    EXACT,
    KAHAN,
    SEQUENTIAL,
    SINGLE,
    SQUARE,
    WHOLE,
    Filled,
    Pixels,
)
from numbragg.kernels.physics.shapes import kind_of
from numbragg.kernels.physics.structure_factor import squared_grid
from numbragg.selftest.scenes import random_scene

pytestmark = pytest.mark.skipif(INTERPRETED, reason="thousands of steps are for compiled kernels")

OTHERS = {"compensated": (COMPENSATED, KAHAN), "single": (SINGLE, SEQUENTIAL), "single-kahan": (SINGLE, KAHAN)}

#: Every shape, tricubic and nearest, curved and flat, layers, sources, sub-pixels, a mask, factors per step.
SCENES = ("0:5", "0:11", "0:18", "0:36", "0:71", "0:95", "0:206")


@functools.cache
def _loop(variant):
    pixel = gpu_pixel.thread_pixel(*variant)

    @jit(variant=("loop over threads", variant))
    def run(scene, grid, bound, pixels, inputs, span, outputs):
        for number in range(pixels.stop - pixels.start):
            pixel(scene, grid, bound, pixels, inputs, span, number, outputs)

    return run


class Window:
    """A scene's window, and its evaluation in one way or the other."""

    def __init__(self, prepared, precision, summation):
        crystal = prepared.scene.crystal._replace(cells=rotated_cells(prepared.scene.crystal))
        self.prepared, self.scene = prepared, prepared.scene._replace(crystal=crystal)
        self.plan = plan(self.scene, precision)
        crystal = self.scene.crystal
        shape = kind_of(crystal)
        about = self.plan.about and shape == SQUARE and precision == EXACT
        self.variant = shape, bool(prepared.interpolating), about, precision, summation
        fast_min, fast_max, slow_min, slow_max = prepared.window
        self.place = fast_min, slow_min, fast_max - fast_min + 1
        self.count = self.place[2] * (slow_max - slow_min + 1)
        self.mask = np.empty((0, 0), np.uint8) if prepared.mask is None else prepared.mask
        self.grid = squared_grid(self.scene.lookup, np.float32 if precision == SINGLE else np.float64)
        self.axis = len(self.scene.beam.next_axis) - 1

    def pixels(self, start, stop):
        return Pixels(self.place, self.mask, NO_LIST, start, stop)

    def results(self):
        return np.zeros(self.prepared.shape, np.float32), np.zeros((self.count, 2)), np.zeros(self.count, np.uint8)

    def lanes(self):
        image, doubles, flags = self.results()
        lane_kernel(*self.variant)(self.scene, self.grid, self.plan.bound, self.pixels(0, self.count), self.axis,
                                   Filled(image, doubles, WHOLE, NO_DOUBLES), flags)
        return image, doubles, flags

    def threads(self, launch_steps, tile):
        image, doubles, flags = self.results()
        for start in range(0, self.count, tile):
            stop = min(start + tile, self.count)
            inputs = gpu_inputs.empty_inputs(self.scene, stop - start)
            gpu_inputs.enter_inputs(self.scene, self.pixels(start, stop), start, self.axis, inputs)
            parts = spans(self.scene, stop - start, launch_steps)
            carried = np.full((gpu_pixel.CARRIED, stop - start if len(parts) > 1 else 0), np.nan)
            outputs = gpu_pixel.Outputs(image, 0, doubles[start:stop], flags[start:stop], carried, WHOLE, NO_DOUBLES)
            for part in parts:
                _loop(self.variant)(self.scene, self.grid, self.plan.bound, self.pixels(start, stop), inputs, part,
                                    outputs)
        return image, doubles, flags

    def evaluated(self, pixels):
        """Those of a list that are not masked."""
        if not self.mask.shape[0]:
            return pixels
        fast_min, fast_max, slow_min, slow_max = self.prepared.window
        return pixels[self.mask[slow_min:slow_max + 1, fast_min:fast_max + 1].ravel() != 0]


def same(a, b):
    """Equal bits; any NaN is like any other."""
    kind = {4: np.uint32, 8: np.uint64}[a.itemsize]
    return bool(((a.view(kind) == b.view(kind)) | (np.isnan(a) & np.isnan(b))).all())


def check(window):
    """Images, values before rounding, half-widths and flags, however the work is shared out."""
    assert window.plan.reason is None
    image, doubles, flags = window.lanes()
    assert flags.any() or image.any() or doubles.any()
    steps = window.prepared.steps
    # in one part; every view for itself; some orientations at a time
    for launch_steps, tile in ((2 ** 62, 2 ** 62), (window.count * max(1, steps // 3), 1000), (1, 777)):
        got = window.threads(launch_steps, tile)
        assert same(got[0], image) and same(got[1], doubles)
        assert (window.evaluated(got[2]) == window.evaluated(flags)).all()


@pytest.mark.parametrize("name", SCENES)
def test_thread_has_the_bits_of_the_lanes(name):
    check(Window(random_scene(name).prepared, EXACT, SEQUENTIAL))


@pytest.mark.parametrize("asked", [
    {}, {"oversample_polar": True, "oversample_omega": True}, {"unpolarised_factor": True, "oversample": 2},
    {"curved": True, "d_min": 2e-10}], ids=str)
def test_thread_has_the_bits_of_the_lanes_where_sources_are_absorbed_differently(asked):
    spectrum = np.array([(1.0e-10, 0.2), (1.02e-10, 2.3), (1.05e-10, 0.5)])
    settings = {"n_cells": [5.0, 4.0, 3.0], "oversample_thick": True, "sensor_thickness": 4e-4, "sensor_layers": 2,
                "pixels_f": 23, "pixels_s": 19, "spectrum": spectrum, "divergence_h": 0.004, "divergence_h_steps": 2}
    prepared = prepared_example(**settings | asked)
    scene = prepared.scene
    attenuations = np.array([2000.0, 2300.0, 900.0])
    scene = scene._replace(beam=scene.beam._replace(attenuations=attenuations))
    check(Window(replace(prepared, scene=scene), EXACT, SEQUENTIAL))
    views = scene.geometry.layers * scene.geometry.oversample ** 2 * 6
    assert gpu_inputs.input_rows(scene)[1] == views > gpu_inputs.input_rows(prepared.scene)[1] == views // 6


@pytest.mark.parametrize("name, precision", [("0:72", "single"), ("0:72", "compensated"), ("0:11", "single-kahan"),
                                             ("0:11", "compensated")])
def test_thread_has_the_bits_of_the_lanes_in_other_precisions(name, precision):
    check(Window(random_scene(name).prepared, *OTHERS[precision]))


def test_scenes_have_what_they_are_for():
    options = set().union(*(random_scene(name).options for name in SCENES))
    assert options >= {"square", "round", "gauss", "tophat", "one unit cell", "curved detector", "mask",
                       "list of sources", "oversample_polar", "oversample_thick", "oversample_omega", "interpolation",
                       "mosaic domains", "resolution limit", "sensor layers", "phi steps", "region of interest",
                       "point pixels", "nopolar", "polarised", "unpolarised"}


@pytest.mark.parametrize("pixels, limit", [
    (1, 1), (100, 10 ** 9), (100, 2500), (100, 1000), (100, 300), (100, 1), (5, 31)])
def test_spans_cover_every_step_once_and_in_order(pixels, limit):
    """With the places in the loop nest that belong to their numbers."""
    scene = random_scene("0:206").prepared.scene
    layers, over, sources = 2, 3, 4
    scene = scene._replace(
        geometry=scene.geometry._replace(layers=layers, oversample=over),
        beam=scene.beam._replace(directions=np.ones((2, 3)), wavelengths=np.ones(2), per_direction=2,
                                 weights=np.array([0.5, 1.5])),
        crystal=scene.crystal._replace(domains=5, phi_rows=np.zeros(2, dtype=np.int64)))
    parts = spans(scene, pixels, limit)
    steps = [(v, o) for p in parts for v in range(p.first_view, p.last_view) for o in range(p.first, p.last)]
    assert steps == [(v, o) for v in range(72) for o in range(10)]
    for p in parts:
        assert p.first_view == ((p.layer * over + p.sub_slow) * over + p.sub_fast) * sources + p.source
        assert p.source < sources and p.sub_fast < over and p.sub_slow < over and p.domain < 5
        assert p.first == p.phi_step * 5 + p.domain
    assert [p.begins for p in parts] == [True] + [False] * (len(parts) - 1)
    assert [p.ends for p in parts] == [False] * (len(parts) - 1) + [True]
    largest = max((p.last_view - p.first_view) * (p.last - p.first) * pixels for p in parts)
    assert largest <= max(limit, pixels)
