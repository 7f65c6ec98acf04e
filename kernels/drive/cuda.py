"""Runs the lanes' physics on a CUDA device, one thread per pixel; owns memory and launches and no physics.

The device evaluates pixels with the functions of the lanes (`gpu_pixel`), the CPU contributes what
needs the C library (`gpu_inputs`) and evaluates strictly what the certificate does not vouch for.
What depends on the order of pixels is `order.render_in_order`'s, here as there: the same bits.
"""

import numpy as np

from ..compile.compilation import variants
from ..compile.cuda_target import BLOCKS, DeviceError, Kernel, cuda, device_errors, open_device, to_device
from ..evaluate.gpu_inputs import empty_inputs, enter_inputs, input_rows
from ..evaluate.gpu_pixel import CARRIED, Outputs, Span, thread_pixel
from ..evaluate.zeros import NOT_ASKED
from ..physics.records import COMPENSATED, EXACT, INTERPOLATING, SINGLE, WHOLE, Pixels, initial_state
from ..physics.structure_factor import squared_grid
from ..physics.view import number_of_sources, orientations, views_per_pixel
from ..stamp import stamp
from .contributions import render_sum
from .cpu import Evaluator, Modes, compiled, planned, rotated_cells, small
from .crew import Chunk, Crew
from .order import NO_LIST, render_in_order

__all__ = ["Session", "pixel_kernel", "spans"]

#: Steps (tricubic ones count for more) of one launch, all pixels together: 0.3 s on a device that is slow
#: with doubles (3 ns a step), milliseconds on a fast one.
LAUNCH_STEPS = 100_000_000
TRICUBIC_STEPS = 6

#: Blocks on a multiprocessor for tricubic interpolation, which needs more registers: up to 168, and up to 255
#: in single precision, where the compiler loads all 64 neighbours at once.
TRICUBIC_BLOCKS = {EXACT: 3, COMPENSATED: 3, SINGLE: 2}

#: Pixels of one tile at most, and bytes of what a tile needs on the device.
TILE_PIXELS = 1 << 22
TILE_BYTES = 1 << 29

#: Bytes of inputs that are kept on the device for the next crystal, those of all panels together.
KEPT_BYTES = 1 << 31

#: Tables of structure factors that are kept: those of the crystals of a shot.
KEPT_TABLES = 8

#: Pixels whose inputs one thread of the CPU prepares at a time.
INPUT_CHUNK = 1 << 14


@variants
def pixel_kernel(variant):
    """The kernel of one variant (see `lanes.lane_kernel`): 58 there can be, each compiled when it is needed."""
    pixel = thread_pixel(*variant)

    def every_pixel(scene, grid, bound, pixels, inputs, span, outputs):
        number = cuda.grid(1)
        if number < pixels.stop - pixels.start:
            pixel(scene, grid, bound, pixels, inputs, span, number, outputs)

    return Kernel(every_pixel, variant, TRICUBIC_BLOCKS[variant[3]] if variant[1] else BLOCKS)


def _replace_pixels(image, first_row, rows, columns, values):
    n = cuda.grid(1)
    if n < values.shape[0]:
        image[rows[n] - first_row, columns[n]] = values[n]


_REPLACE = Kernel(_replace_pixels, "replace")


def spans(scene, pixels, launch_steps):
    """Parts of the steps of a pixel, none of them with more than `launch_steps` for all pixels (or one each).

    Returns
    -------
    list of thread.Span
    """
    sources, over, domains = number_of_sources(scene.beam), scene.geometry.oversample, scene.crystal.domains
    views, turns = views_per_pixel(scene), orientations(scene.crystal)
    each = max(1, launch_steps // max(pixels, 1))
    if each >= turns:
        ends = [(v, min(v + each // turns, views), 0, turns) for v in range(0, views, each // turns)]
    else:
        ends = [(v, v + 1, o, min(o + each, turns)) for v in range(views) for o in range(0, turns, each)]
    return [Span(*end, end[0] // (sources * over ** 2), end[0] // (sources * over) % over, end[0] // sources % over,
                 end[0] % sources, end[2] // domains, end[2] % domains, n == 0, n == len(ends) - 1)
            for n, end in enumerate(ends)]


class _DeviceEvaluator(Evaluator):
    """The evaluators applied to one window of one image, the lanes' on a device."""

    def __init__(self, session, stays, *rest):
        self.session, self.stays = session, stays
        super().__init__(*rest)
        scene = self.scene
        self.patched = [NO_LIST]
        if self.lanes:
            with device_errors("copying the scene"):
                # structure factors come in a grid of their own
                self._scene = to_device(scene._replace(
                    lookup=scene.lookup._replace(table=np.empty((1, 1, 1))), crystal=session.crystal(scene.crystal)))
                self._mask, self._no_list = session.mask(self.mask), to_device(NO_LIST)
                self._image, self._first_row = self._make_image()

    def made_culling(self, culled):
        """Nothing is left out on a device."""
        return None

    def made_beyond(self, culled):
        """Nothing is left out on a device."""
        return np.inf

    def made_zeros(self, culled):
        """Nothing is left out on a device."""
        return NOT_ASKED

    def squared_grid(self):
        return self.session.host_grid(self.scene.lookup, self.precision)

    def _make_image(self):
        """Rows of the detector on the device, and which is the first."""
        height, width = self.image.shape
        if not self.stays:
            # whatever is written, a column has its own place
            return self.session.rows(self.window.height, max(width, self.window.fast_max + 1)), self.window.slow_min
        if self.count < height * width or self.mask.shape[0]:
            return to_device(np.zeros((height, width), dtype=np.float32)), 0
        return cuda.device_array((height, width), dtype=np.float32), 0

    @property
    def crew(self):
        # the device takes one tile after the other, in this thread
        return 1 if self.lanes else self.threads

    def _tile(self):
        """Pixels of a tile."""
        doubles = sum(input_rows(self.scene)) + CARRIED + 3
        return max(1, min(TILE_PIXELS, TILE_BYTES // (8 * doubles)))

    def chunks(self, start, stop, axis):
        if not self.lanes:
            return super().chunks(start, stop, axis)
        tile = self._tile()
        return [Chunk(first, min(first + tile, stop), axis) for first in range(start, stop, tile)]

    def strict(self, chunk, state, *, until_settled=False, until_trip=False, listed=NO_LIST):
        single = super().strict
        if len(listed) and not until_trip:
            def work(part):
                single(part, state.copy(), listed=listed[part.start:part.stop])

            size = max(1, -(-len(listed) // (4 * self.threads)))
            Crew(self.threads).run(work, [Chunk(first, min(first + size, len(listed)), chunk.axis)
                                          for first in range(0, len(listed), size)])
            following = len(listed)
        else:
            following = single(chunk, state, until_settled=until_settled, until_trip=until_trip, listed=listed)
        if self.lanes:
            self.patched.append(listed[:following] if len(listed) else np.arange(chunk.start, following))
        return following

    def _arguments(self, interpolating, inputs, span, start, outputs):
        """Arguments of the kernel."""
        grid = self.session.grid(self._grid, interpolating)
        pixels = Pixels(self.place, self._mask, self._no_list, start, start + outputs.flags.shape[0])
        return (self._scene, grid, self.plan.bound, pixels, inputs, span, outputs)

    def _outputs(self, start, count, parts):
        doubles = count if self.doubles.shape[0] else 0
        sums = (to_device(self.sums[start:start + count]) if self.part != WHOLE else cuda.device_array((0, 2)))
        return Outputs(self._image, self._first_row, cuda.device_array((doubles, 2)),
                       cuda.device_array(count, dtype=np.uint8),
                       cuda.device_array((CARRIED, count if parts > 1 else 0)), self.part, sums)

    def examples(self, interpolating):
        """Arguments of the right types, for one pixel."""
        inputs = to_device(empty_inputs(self.scene, 1))
        return self._arguments(interpolating, inputs, Span(*[0] * 10, True, True), 0, self._outputs(0, 1, 2))

    def load(self, interpolating):
        super().strict(Chunk(0, 0, 0), initial_state(False))
        if self.lanes:
            for on in {bool(interpolating), False}:
                pixel_kernel(self.variant(on)).load(self.session.device, self.examples(on))

    def evaluate(self, chunk, state, until_trip=False):
        if not self.lanes:
            return super().evaluate(chunk, state, until_trip)
        interpolating, count = bool(state[INTERPOLATING]), chunk.stop - chunk.start
        parts = spans(self.scene, count, LAUNCH_STEPS // (TRICUBIC_STEPS if interpolating else 1))
        kernel, device = pixel_kernel(self.variant(interpolating)), self.session.device
        with device_errors("preparing pixels"):
            inputs = self.session.inputs(self, chunk)
            outputs = self._outputs(chunk.start, count, len(parts))
        made = None
        for span in parts:
            arguments = self._arguments(interpolating, inputs, span, chunk.start, outputs)
            made = kernel.load(device, arguments) if made is None else made
            kernel.launch(device, count, arguments, made)
        with device_errors("running a kernel"):
            flags = outputs.flags.copy_to_host()
            if self.doubles.shape[0]:
                self.doubles[chunk.start:chunk.stop] = outputs.doubles.copy_to_host()
            if not self.part.ends:
                self.sums[chunk.start:chunk.stop] = outputs.sums.copy_to_host()
        return self.take_over(chunk, state, flags, until_trip)

    def gather(self):
        """Bring host and device together: strict values to the device, or the device's to the host's image."""
        places = np.unique(np.concatenate(self.patched))
        rows, columns = self.place[1] + places // self.place[2], self.place[0] + places % self.place[2]
        if self.mask.shape[0]:
            kept = self.mask[rows, columns] != 0
            rows, columns = rows[kept], columns[kept]
        values = self.image[rows, columns]
        with device_errors("copying the image"):
            if self.stays:
                if len(values):
                    _REPLACE.launch(self.session.device, len(values),
                                    (self._image, self._first_row, *to_device((rows, columns, values))))
                cuda.synchronize()
                return
            found = self._image.copy_to_host()[:, self.window.fast_min:self.window.fast_max + 1]
        where = self.window.of(self.mask) != 0 if self.mask.shape[0] else True
        np.copyto(self.window.of(self.image), found, where=where)
        self.image[rows, columns] = values

    @property
    def device_image(self):
        """The image on the device: (slow, fast) float32."""
        return self._image if self.lanes else to_device(self.image)


class Session:
    """A device and what it holds, for many images of one detector.

    Structure factors, and what the host contributes to the pixels, are copied when they differ from
    those of the image before.  One image at a time: not for two Python threads at once.

    Parameters
    ----------
    device : int or None
        Number of the device; None: the first.

    Raises
    ------
    DeviceError
    """

    def __init__(self, device=None):
        self.device = open_device(device)
        self.uploads = {"structure factors": 0, "pixels": 0}  # how often each was copied
        self._tables = {}  # what was asked for: host's grid, the device's, and the table, so that no other gets its id
        self._panels, self._kept_bytes = {}, 0
        self._rows = None

    # -- what is kept

    def host_grid(self, lookup, precision):
        """Structure factors for the lanes, on the host."""
        # a table may be changed in place between two images
        key = (id(lookup.table), stamp(lookup.table), lookup._replace(table=None), precision == SINGLE)
        if key not in self._tables:
            while len(self._tables) >= KEPT_TABLES:
                del self._tables[next(iter(self._tables))]
            made = squared_grid(lookup, np.float32 if precision == SINGLE else np.float64)
            self._tables[key] = made, {}, lookup.table
        # the one used last is the last to go
        self._tables[key] = found = self._tables.pop(key)
        return found[0]

    def grid(self, host, interpolating):
        """The same on the device: amplitudes, or their squares."""
        grids, = (grids for made, grids, _ in self._tables.values() if made is host)
        if interpolating not in grids:
            nothing = np.empty(1, dtype=host.squares.dtype)
            needed = (host._replace(squares=nothing) if interpolating else host._replace(amplitudes=nothing))
            size = needed.squares.nbytes + needed.amplitudes.nbytes
            if size > self.device.free_bytes():
                for _, kept, _ in self._tables.values():
                    kept.clear()
            free = self.device.free_bytes()
            if size > free:
                raise DeviceError(f"structure_factors: a table of {size / 1e9:.3g} GB does not fit into the "
                                  f"{free / 1e9:.3g} GB that are free on device {self.device}")
            with device_errors("copying structure factors"):
                grids[interpolating] = to_device(needed)
            self.uploads["structure factors"] += 1
        return grids[interpolating]

    def crystal(self, crystal):
        """A crystal with a table of all its rotated cells, which then stands for the rotations."""
        size = len(crystal.phi_cells) * crystal.domains * 72
        free = self.device.free_bytes()
        if size > free:
            raise DeviceError(f"crystal: {len(crystal.phi_cells)} orientations of {crystal.domains} mosaic domains "
                              f"take {size / 1e9:.3g} GB, more than the {free / 1e9:.3g} GB that are free on device "
                              f"{self.device}")
        cells = crystal.cells if len(crystal.cells) else rotated_cells(crystal)
        return crystal._replace(cells=cells, mosaic=np.empty((0, 9)))

    def mask(self, mask):
        """The mask on the device."""
        return to_device(mask)

    def rows(self, height, width):
        """Memory for rows of an image, used again for the next one."""
        if self._rows is None or self._rows.shape != (height, width):
            self._rows = None
            self._rows = cuda.device_array((height, width), dtype=np.float32)
        return self._rows

    def inputs(self, evaluator, chunk):
        """What the host contributes to the pixels of a chunk, on the device; kept by panel."""
        key, place = _inputs_key(evaluator), (chunk.start, chunk.stop)
        kept = self._panels.setdefault(key, {})
        if place not in kept:
            host = _prepared_inputs(evaluator, chunk)
            size = sum(array.nbytes for array in host)
            while self._kept_bytes + size > KEPT_BYTES and len(self._panels) > 1:
                # the panel that came first makes room
                gone = self._panels.pop(next(name for name in self._panels if name != key))
                self._kept_bytes -= sum(each for _, each in gone.values())
            made = to_device(host)
            self.uploads["pixels"] += 1
            if self._kept_bytes + size > KEPT_BYTES:
                return made
            self._kept_bytes += size
            kept[place] = made, size
        return kept[place][0]

    # -- images

    def evaluator(self, scene, plan, target, modes, stays=False):
        """The evaluators applied to one window of one image, the lanes' on the device."""
        return _DeviceEvaluator(self, stays, scene, plan, target, modes)

    def _example(self, scene, modes):
        little, target = small(scene)
        target = target._replace(image=np.zeros((1, 1), dtype=np.float32))
        return self.evaluator(little, planned(little, modes), target, modes._replace(threads=1))

    def load(self, scene, interpolating, modes=Modes()):
        """Compile the kernels that a scene needs, or load them from disk, and compute nothing."""
        with self.device.current():
            self._example(scene, modes).load(interpolating)

    def loaded(self, scene, interpolating, modes=Modes()):
        """Return whether the kernels that a scene needs have been compiled before and are kept on disk."""
        with self.device.current():
            evaluator = self._example(scene, modes)
            # the strict kernel for the CPU is needed in any case
            return compiled() and (not evaluator.lanes or all(
                pixel_kernel(evaluator.variant(on)).kept(self.device, evaluator.examples(on))
                for on in {bool(interpolating), False}))

    def render(self, scene, target, modes=Modes(), *, interpolating, progress=None, stays=False):
        """Fill a window of an image with the bits that `kernels.drive.cpu.render` gives it; the parameters are its.

        Parameters
        ----------
        stays : bool
            Leave the image on the device; the target's gets some of its pixels only.

        Returns
        -------
        outcome : order.Outcome
        device_image : device array of the size of the detector, or None
            None unless it stays.
        """
        with self.device.current():
            evaluator = self.evaluator(scene, planned(scene, modes), target, modes, stays)
            outcome = render_in_order(evaluator, interpolating, progress)
            if evaluator.lanes and evaluator.count:
                evaluator.gather()
            outcome.backend, outcome.device = "cuda", str(self.device)
            return outcome, evaluator.device_image if stays else None

    def render_sum(self, contributions, target, modes=Modes(), *, progress=None):
        """Fill a window of an image with a sum, as `contributions.render_sum`. Returns an Outcome."""
        with self.device.current():
            outcome = render_sum(contributions, target, modes, progress=progress, make=self.evaluator,
                                 alone=lambda *given, **named: self.render(*given, **named)[0])
            outcome.backend, outcome.device = "cuda", str(self.device)
            return outcome


def _inputs_key(evaluator):
    """All that the host's contribution depends on."""
    scene = evaluator.scene
    beam = tuple(v.tobytes() if isinstance(v, np.ndarray) else v for v in scene.beam)
    return (scene.geometry, beam, scene.sampling.oversample_thick, scene.sampling.oversample_polar,
            scene.sampling.oversample_omega, evaluator.window, evaluator.mask.tobytes())


def _prepared_inputs(evaluator, chunk):
    """The host's contribution to the pixels of a chunk, by all threads."""
    scene = evaluator.scene
    inputs = empty_inputs(scene, chunk.stop - chunk.start)
    if not any(input_rows(scene)):
        return inputs
    axis = len(scene.beam.next_axis) - 1

    def work(part):
        pixels = Pixels(evaluator.place, evaluator.mask, NO_LIST, part.start, part.stop)
        enter_inputs(scene, pixels, chunk.start, axis, inputs)

    Crew(evaluator.threads).run(work, [Chunk(first, min(first + INPUT_CHUNK, chunk.stop), axis)
                                       for first in range(chunk.start, chunk.stop, INPUT_CHUNK)])
    return inputs
