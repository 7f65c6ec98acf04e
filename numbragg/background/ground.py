"""The background of a shot: photons of all layers in the pixels of all panels, made once for a geometry and a beam."""

import math

import numpy as np

from .. import memory
from ..kernels.arithmetic.vectors import dot
from ..kernels.drive.crew import Chunk, Crew, available_threads
from ..kernels.physics.amorphous import Amorphous, add_photons, box_means, photons_at
from ..notes import Loud
from ..scene.size import AVOGADRO, R_E_SQR
from ..scene.units import from_mm, to_mm, to_per_angstrom, to_um
from .quadrature import first_guess, nodes
from .tables import slopes

__all__ = ["Ground"]

#: Pixels of a chunk.
_CHUNK = 1 << 14
#: Rows of an image that are added to at once.
_ROWS = 64
#: What sums over sub-pixels and nodes may be wrong by, of a pixel or of a thousandth of the greatest.
_TOLERANCE, _FLOOR = 2e-4, 1e-3
_SUB_PIXELS, _REFERENCE = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48), 192
_MOST_NODES, _MOST_PARTS = 512, 1 << 16
#: Pixels along an edge that rules are tried on, of all panels together some thousand.
_TRIED = 33
_NO_MASK = np.empty((0, 0), dtype=np.uint8)
#: Bytes of a pixel: doubles of the background, the image that it is added to, and what is made of that.
_PIXEL_BYTES = 8 + 7
_UNIT = 1e10  # 1/m of a 1/Angstrom


class Ground:
    """Photons of a background in every pixel of a shot.

    Parameters
    ----------
    background : numbragg.background.Background
    shot : tuple of tuple of scene.Prepared
        For each panel its crystals, of which the first stands for all.
    threads : int, optional
        By default one per processor.  No bit depends on it.

    Attributes
    ----------
    images : tuple of (slow, fast) float64 array
        For each panel, read-only; 0 outside the region of interest and where the mask is.
    notes : tuple of str
        What is worth knowing.

    Raises
    ------
    ValueError
        If a layer reaches a detector, or the beam has no size.
    MemoryError
        If the images do not fit.
    """

    def __init__(self, background, shot, threads=None):
        self.background = background
        self._panels = [_Panel(panel[0]) for panel in shot]
        self._check()
        pixels = sum(math.prod(panel.shape) for panel in self._panels)
        memory.require(_PIXEL_BYTES * pixels, f"background: images of {pixels} pixels, and those that it is added to,")
        self.images = tuple(np.zeros(panel.shape) for panel in self._panels)
        self._layers, notes = [], []
        for layer in background.layers:
            made = self._prepared(layer)
            self._layers.append((layer, made))
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
            panel.same(_Panel(other[0])) for panel, other in zip(self._panels, shot))

    def add(self, images):
        """Add the photons to float32 images of all panels: sums in double, rounded once."""
        for image, own in zip(images, self.images):
            for row in range(0, image.shape[0], _ROWS):
                part = slice(row, row + _ROWS)
                image[part] = (image[part].astype(np.float64) + own[part]).astype(np.float32)

    @property
    def image(self):
        """The images as a result has them: one array of one panel, else a tuple."""
        return self.images[0] if len(self.images) == 1 else self.images

    def account(self):
        """Settings and sums for the account of a run."""
        layers = []
        for layer, made in self._layers:
            table = layer.material
            layers.append({
                "material": table.name, "begin_mm": layer.begin_mm, "end_mm": layer.end_mm,
                "density_g_per_cm3": table.density_g_per_cm3, "molecular_weight": table.molecular_weight,
                "table_rows": len(table.stol), "table_end_per_angstrom": table.stol[-1], "nodes": len(made.places),
                "sub_pixels": max(made.sub_pixels, int(made.fineness.max(initial=1)))})
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
                            f"the beam reaches the plane of the detector, at {panel.meets_mm:g} mm; must end before it")

    # -- what is prepared

    def _prepared(self, layer):
        """A layer as kernels take it."""
        first = self._panels[0].prepared
        table = layer.material
        begin, end = from_mm(layer.begin_mm), from_mm(layer.end_mm)
        knots = [stol * _UNIT for stol in table.stol]
        photons = first.fluence * first.request.beam.beam_size * first.request.beam.beam_size
        molecules = table.density_g_per_cm3 * 1e6 * AVOGADRO / table.molecular_weight * (end - begin)
        count = first_guess(begin, end, [at for panel in self._panels for at in panel.singular()])
        places, weights = nodes(begin, end, count)
        made = Amorphous(np.array(knots), _pieces(knots, table.f), *_bins(knots), table.f[0] * table.f[0],
                         table.f[-1] * table.f[-1], np.array(places), np.array(weights),
                         R_E_SQR * photons * molecules, np.empty(0, dtype=np.uint8), 0.0, 1)
        made = self._with_nodes(made, begin, end, count)
        return self._with_sub_pixels(made, begin, end)

    def _with_nodes(self, made, begin, end, count):
        """As many nodes as twice as many make no difference."""
        now = self._tried(made)
        while count < _MOST_NODES:
            places, weights = nodes(begin, end, 2 * count)
            finer = made._replace(places=np.array(places), weights=np.array(weights))
            then = self._tried(finer)
            if (np.abs(then - now) <= _TOLERANCE * np.maximum(then, _FLOOR * then.max())).all():
                break
            made, now, count = finer, then, 2 * count
        return made

    def _tried(self, layer):
        values = []
        for panel in self._panels:
            fast, slow = panel.grid(max(3, math.isqrt(_TRIED * _TRIED // len(self._panels))))
            out = np.empty(len(fast))
            photons_at(panel.geometry, panel.beam, layer, fast, slow, out)
            values.append(out)
        return np.concatenate(values)

    def _with_sub_pixels(self, made, begin, end):
        """Sub-pixels where pixels are coarser than the table, or than the geometry near by."""
        nearest = min(panel.height(z) for panel in self._panels for z in (begin, end))
        size = max(panel.longest for panel in self._panels)
        # the second derivative of the solid angle over itself is at most 12 over the squared distance
        steep, sub_pixels = 0.5 * (size / nearest) ** 2, 1
        while steep > _TOLERANCE * sub_pixels * sub_pixels and sub_pixels < 16:
            sub_pixels += 1
        beam = self._panels[0].beam
        width = 0.5 * size / nearest / float(beam.wavelengths.min())
        last = float(made.knots[-1]) + width
        parts = min(int(last / width * 4.0) + 2, _MOST_PARTS)
        centres = (np.arange(parts) + 0.5) * (last / parts)
        right, found = np.empty(parts), np.empty(parts)
        box_means(made, centres, width, _REFERENCE, right)
        # a part stands for the scattering vectors in it: its neighbours' needs are its own
        fineness = np.full(parts, _SUB_PIXELS[-1], dtype=np.uint8)
        floor = _FLOOR * max(float(right.max()), 1e-300)
        for points in reversed(_SUB_PIXELS):
            box_means(made, centres, width, points, found)
            good = np.abs(found - right) <= _TOLERANCE * np.maximum(right, floor)
            fineness[good & (fineness >= points)] = points
            if points == 1 and good.all():
                return made._replace(sub_pixels=sub_pixels)
        fineness = np.maximum(fineness, np.maximum(np.append(fineness[1:], fineness[-1]),
                                                   np.append(fineness[0], fineness[:-1])))
        return made._replace(sub_pixels=sub_pixels, fineness=fineness, inverse_part=parts / last)

    # -- what is made

    def _fill(self, layer, made, crew):
        """Add a layer to all images. Returns notes."""
        beyond, largest, pixels = 0, 0.0, 0
        for panel, image in zip(self._panels, self.images):
            window, found = panel.prepared.window, []
            mask = _NO_MASK if panel.prepared.mask is None else panel.prepared.mask

            def work(chunk, panel=panel, image=image, window=window, mask=mask, found=found):
                found.append(add_photons(panel.geometry, panel.beam, made, mask, window.place, chunk.start, chunk.stop,
                                         image))

            crew.run(work, [Chunk(start, min(start + _CHUNK, window.pixels), 0)
                            for start in range(0, window.pixels, _CHUNK)])
            pixels += window.pixels
            beyond += sum(each[0] for each in found)
            largest = max(largest, *(each[1] for each in found), 0.0)
        if not beyond:
            return []
        table = layer.material
        return [Loud(f"background: {beyond} of {pixels} pixels reach beyond the table of {table.name}, which ends at "
                     f"sin(theta)/lambda {table.stol[-1]:g} (pixels to {to_per_angstrom(largest):.4g}) /Angstrom: its "
                     f"last F, {table.f[-1]:g}, is taken there")]


class _Panel:
    """A panel and the beam, without what belongs to a crystal."""

    def __init__(self, prepared):
        self.prepared, self.shape = prepared, prepared.shape
        # sub-pixels are our own, and so are bits: they depend on no crystal
        size = prepared.placement.pixel_size
        self.geometry = prepared.scene.geometry._replace(oversample=1, sub_pixel_size=size)
        self.beam = prepared.scene.beam
        self.longest = size * max(math.sqrt(dot(axis, axis)) for axis in (self.geometry.fast_axis,
                                                                          self.geometry.slow_axis))

    def same(self, other):
        """Whether another panel has the same background."""
        ours, theirs = self.prepared, other.prepared
        if (self.geometry, ours.window, ours.fluence, ours.request.beam.beam_size, self.shape) != (
                other.geometry, theirs.window, theirs.fluence, theirs.request.beam.beam_size, other.shape):
            return False
        masks = ours.mask, theirs.mask
        return ((masks[0] is masks[1] or None not in (masks[0] is None, masks[1] is None) and _equal(*masks))
                and all(_equal(a, b) for a, b in zip(self.beam, other.beam)))

    def height(self, z):
        """How far a point of the beam is before the plane of the panel [m]: the least distance of any pixel."""
        if self.geometry.curved:
            return self.geometry.distance - abs(z)
        return self.geometry.close_distance - z * dot(self.geometry.beam, self.geometry.normal)

    @property
    def meets_mm(self):
        """Where the beam meets it [mm]; infinite where it is along the plane."""
        towards = dot(self.geometry.beam, self.geometry.normal)
        if self.geometry.curved:
            return to_mm(self.geometry.distance)
        return to_mm(self.geometry.close_distance / towards) if towards else math.inf

    def grid(self, edge):
        """Fast and slow pixel numbers of a grid over the window, ends included."""
        window = self.prepared.window

        def along(first, last):
            count = min(edge, last - first + 1)
            if count <= 1:
                return [first]
            return [first + (last - first) * i // (count - 1) for i in range(count)]

        if window.pixels == 0:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
        fast, slow = along(window.fast_min, window.fast_max), along(window.slow_min, window.slow_max)
        return (np.array(fast * len(slow), dtype=np.int64),
                np.array([s for s in slow for _ in fast], dtype=np.int64))

    def singular(self):
        """Where what a layer gives to pixels is singular along the beam: at the pixels themselves, and before."""
        geometry, found = self.geometry, []
        for fast, slow in zip(*(part.tolist() for part in self.grid(9))):
            f = (fast + geometry.first_fast + 0.5) * geometry.sub_pixel_size
            s = (slow + geometry.first_slow + 0.5) * geometry.sub_pixel_size
            place = [f * a + s * b + o for a, b, o in zip(geometry.fast_axis, geometry.slow_axis, geometry.origin)]
            along = dot(place, geometry.beam)
            found.append((along, math.sqrt(max(dot(place, place) - along * along, 0.0))))
        return found


def _equal(a, b):
    return np.array_equal(a, b) if isinstance(a, np.ndarray) or isinstance(b, np.ndarray) else a == b


def _pieces(knots, values):
    """Coefficients of the cubic between knots."""
    tangents, rows = slopes(knots, values), []
    for i in range(len(knots) - 1):
        step = knots[i + 1] - knots[i]
        secant = (values[i + 1] - values[i]) / step
        rows.append((values[i], tangents[i], (3.0 * secant - 2.0 * tangents[i] - tangents[i + 1]) / step,
                     (tangents[i] + tangents[i + 1] - 2.0 * secant) / (step * step)))
    return np.array(rows)


def _bins(knots):
    """For each of equal parts the piece in which it begins, and parts per unit."""
    count = min(4 * len(knots), 1 << 16)
    inverse = count / (knots[-1] - knots[0])
    found, piece = [], 0
    for part in range(count):
        while knots[piece + 1] <= knots[0] + part / inverse and piece < len(knots) - 2:
            piece += 1
        found.append(piece)
    return np.array(found, dtype=np.int64), inverse
