"""The background of a shot: photons of all layers in the pixels of all panels, made once for a geometry and a beam."""

import math

import numpy as np

from .. import memory
from ..kernels.drive.crew import Chunk, Crew, available_threads
from ..kernels.physics.amorphous_pixels import COLUMNS, POINTS, fill_photons
from ..notes import Loud
from ..scene.units import from_mm, to_mm, to_per_angstrom, to_um
from .panels import Panel
from .sampling import sampled

__all__ = ["Ground"]

#: About how many pixels a chunk of rows has.
_CHUNK = 1 << 14
#: Rows of an image that are added to at once.
_ROWS = 64
#: Evaluations of a layer that are announced, minutes of a thread, and those that are refused, weeks of one.
_LONG, _TOO_LONG = 1e10, 1e14
#: About what one takes [s].
_SECONDS = 1e-8
#: Bytes of a pixel: doubles of the background, the image that it is added to, and what is made of that.
_PIXEL_BYTES = 8 + 7


class Ground:
    """Photons of a background in every pixel of a shot.

    Parameters
    ----------
    background : numbragg.background.Background
    shot : tuple of tuple of scene.Prepared
        For each panel its crystals, of which the first stands for all.
    threads : int, optional
        By default one per processor.  No bit depends on it.
    announce : callable of str, optional
        Told, before it begins, of work that takes long; by default a note says so afterwards.

    Attributes
    ----------
    images : tuple of (slow, fast) float64 array
        For each panel, read-only; 0 outside the region of interest and where the mask is.
    notes : tuple of str
        What is worth knowing.

    Raises
    ------
    ValueError
        If a layer reaches a detector, the beam has no size, or a layer would take weeks.
    MemoryError
        If the images do not fit.
    """

    def __init__(self, background, shot, threads=None, announce=None):
        self.background = background
        self._panels = [Panel(panel[0]) for panel in shot]
        self._check()
        pixels = sum(math.prod(panel.shape) for panel in self._panels)
        memory.require(_PIXEL_BYTES * pixels, f"background: images of {pixels} pixels, and those that it is added to,")
        self.images = tuple(np.zeros(panel.shape) for panel in self._panels)
        self._layers, notes = [(layer, *sampled(layer, self._panels)) for layer in background.layers], []
        for line in [_costly(layer, wanted) for layer, _, wanted in self._layers]:
            if line is not None:
                (announce or notes.append)(Loud(line))
        for layer, made, _ in self._layers:
            notes += self._fill(layer, made, Crew(threads or available_threads()))
        for image in self.images:
            image.setflags(write=False)
        if shot[0][0].request.crystal.water_size > 0.0:
            notes.append(Loud(f"-water {to_um(shot[0][0].request.crystal.water_size):g} um and a background: the image "
                              "has the photons of both"))
        self.notes = tuple(dict.fromkeys(notes))

    def fits(self, shot):
        """Whether another shot has this background: it has the same detector, regions and beam."""
        return len(shot) == len(self._panels) and all(
            panel.same(Panel(other[0])) for panel, other in zip(self._panels, shot))

    def add(self, images):
        """Add the photons to float32 images of all panels: sums in double, rounded once."""
        for image, own in zip(images, self.images):
            for row in range(0, image.shape[0], _ROWS):
                part = slice(row, row + _ROWS)
                image[part] = (image[part].astype(np.float64) + own[part]).astype(np.float32)

    def add_to(self, images, outcomes):
        """Add the photons to the images of a shot, and what is worth knowing to its accounts."""
        self.add(images)
        outcomes[0].remarks = (*outcomes[0].remarks, *self.notes)

    @property
    def image(self):
        """The images as a result has them: one array of one panel, else a tuple."""
        return self.images[0] if len(self.images) == 1 else self.images

    def account(self):
        """Settings and sums for the account of a run."""
        layers = []
        for layer, made, wanted in self._layers:
            table = layer.material
            layers.append({
                "material": table.name, "begin_mm": layer.begin_mm, "end_mm": layer.end_mm,
                "density_g_per_cm3": table.density_g_per_cm3, "molecular_weight": table.molecular_weight,
                "table_rows": len(table.stol), "table_end_per_angstrom": table.stol[-1],
                "nodes": len(made.places) or 3 * made.segments,
                "sub_pixels": wanted.edge})
        sums = [float(image.sum()) for image in self.images]
        return {"layers": layers, "sum": math.fsum(sums), "panels": sums}

    # -- what is checked

    def _check(self):
        first = self._panels[0].prepared
        if not first.request.beam.beam_size > 0.0:
            raise ValueError(f"background: a beam size of {to_mm(first.request.beam.beam_size):g} mm (size_mm, "
                             "-beamsize); must be above 0, for photons are the fluence times its square")
        for panel in self._panels:
            for layer in self.background.layers:
                for end in (layer.begin_mm, layer.end_mm):
                    if not panel.height(from_mm(end)) > 0.0:
                        raise ValueError(
                            f"background: {layer.material.name} from {layer.begin_mm:g} to {layer.end_mm:g} mm along "
                            f"the beam reaches the plane of the detector, at {panel.meets_mm(end):g} mm; must "
                            f"{'begin behind' if panel.meets_mm(end) < 0.0 else 'end before'} it")

    # -- what is made

    def _fill(self, layer, made, crew):
        """Add a layer to all images. Returns notes."""
        beyond, largest, pixels = 0, 0.0, 0
        for panel, image in zip(self._panels, self.images):
            window, found = panel.prepared.window, []

            def work(chunk, panel=panel, image=image, window=window, found=found):
                first, top, width = window.place
                part = slice(top + chunk.start, top + chunk.stop), slice(first, first + width)
                fast = np.tile(np.arange(first, first + width), chunk.stop - chunk.start)
                slow = np.repeat(np.arange(top + chunk.start, top + chunk.stop), width)
                wanted = None if panel.prepared.mask is None else panel.prepared.mask[part] != 0
                if wanted is not None:
                    fast, slow = fast[wanted.ravel()], slow[wanted.ravel()]
                out, each = np.empty(len(fast)), np.zeros(2)
                fill_photons(panel.geometry, panel.beam, made, fast, slow, True, np.empty((COLUMNS, POINTS)),
                             (out, np.empty(len(fast)), each))
                if wanted is None:
                    image[part] += out.reshape(-1, width)
                else:
                    image[part][wanted] += out
                found.append(each.tolist())

            if not window.pixels:
                continue
            width = window.place[2]
            height, rows = window.pixels // width, max(1, _CHUNK // width)
            crew.run(work, [Chunk(row, min(row + rows, height), 0) for row in range(0, height, rows)])
            pixels += window.pixels
            beyond += int(sum(each[0] for each in found))
            largest = max(largest, *(each[1] for each in found), 0.0)
        if not beyond:
            return []
        table = layer.material
        return [Loud(f"background: {beyond} of {pixels} pixels reach beyond the table of {table.name}, which ends at "
                     f"sin(theta)/lambda {table.stol[-1]:g} (pixels to {to_per_angstrom(largest):.4g}) /Angstrom: its "
                     f"last F, {table.f[-1]:g}, is taken there")]


def _costly(layer, wanted):
    """A line on what takes long, None of what does not; what takes far too long is refused."""
    if wanted.evaluations < _LONG:
        return None
    seconds = wanted.evaluations * _SECONDS
    said = (f"background: {layer.material.name} from {layer.begin_mm:g} to {layer.end_mm:g} mm needs about "
            f"{wanted.evaluations:.1g} evaluations, {wanted.points:.1g} points in pixels times {wanted.each} along the "
            f"beam, of sources and of sensor layers: some {_time(seconds)} of one thread")
    if wanted.evaluations > _TOO_LONG:
        raise ValueError(f"{said}; must be at most {_TOO_LONG:.0g}: fewer sources, a region, smaller pixels or a "
                         "thinner layer take less")
    return said


def _time(seconds):
    """In the unit in which it is at least one."""
    for unit, size in (("days", 86400.0), ("hours", 3600.0)):
        if seconds >= size:
            return f"{seconds / size:.2g} {unit}"
    return f"{seconds / 60.0:.2g} minutes"
