"""How finely a layer is sampled, along the beam and in pixels: no finer than makes a difference."""

import math
from typing import NamedTuple

import numpy as np

from ..kernels.physics.amorphous import Amorphous, Subdivisions, cells_needed, integral_errors
from ..kernels.physics.amorphous_pixels import COLUMNS, POINTS, fill_photons
from ..kernels.physics.view import number_of_sources
from ..scene.size import AVOGADRO, R_E_SQR
from ..scene.units import from_mm, to_mm
from .pieces import of_table
from .quadrature import nodes
from .tables import Table

__all__ = ["Cost", "sampled"]

#: What sums over nodes, and means over a pixel, may be wrong by, of a pixel or of a thousandth of the greatest.
_ALONG, _ACROSS, _FLOOR = 1.8e-4, 2e-4, 1e-3
#: Nodes along the beam that are tried, and segments where those are too few.
_NODES, _SEGMENTS = (1, 2, 3, 4, 5, 6, 8, 12, 16, 24), (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
#: The first of the latter for layers that are about as near to pixels as these are large.
_NEAR_SEGMENTS = 4
#: Cells of a pixel per edge, and points of Gauss's rules.
_CELLS, _POINTS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 24, 32, 48), (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 32, 48)
#: What pixels that see a layer under smaller angles need is looked up by their angle, each so much smaller.
_LEVELS, _SMALLER = 6, 0.25
_MOST_PARTS = 1 << 16
#: Parts of the range of sin(theta)/lambda for the width of a pixel, to meet F where it bends at a row of the table; and
#: on each side those that a part stands for.
_PARTS, _BESIDE = 8.0, 3
#: Pixels that are tried, of all panels together.
_TRIED = 1024
#: Sizes of a pixel to which layers may come near, and from which on cells of pixels are fine enough.
_LEAST, _CLOSE = 0.5, 2.0
#: Rows of a table that are looked at one by one, where they are closer than a pixel sees of a layer.
_SHARPEST = 1 << 12
#: What a layer may make of the width of a ring, in pixels, for nodes; and nodes for the whole of it, as a stair.
_THIN, _STAIRS = 0.25, 100.0
_FLAT = Table("", (0.0, 1.0), (1.0, 1.0), 1.0, 1.0)
#: What a segment costs, in nodes.
_NODES_OF_SEGMENT = 12
_NOTHING = np.empty(0)


class Cost(NamedTuple):
    """About how much is to be evaluated for a layer."""

    points: float  # of all pixels
    each: int  # nodes along the beam, of all sources and layers of the sensor, for each
    edge: int  # points per edge of the pixels that were tried, at most

    @property
    def evaluations(self):
        """All of them."""
        return self.points * self.each


def sampled(layer, panels):
    """A layer as kernels take it, fine enough for all panels, and what it costs.

    Parameters
    ----------
    layer : numbragg.background.Layer
    panels : sequence of panels.Panel

    Returns
    -------
    Amorphous
    Cost
    """
    begin, end = from_mm(layer.begin_mm), from_mm(layer.end_mm)
    tried = _Tried(panels, (begin, end))
    made = _unsampled(layer, panels[0], (begin, end))
    nearest, longest = min(panel.nearest(made.ends) for panel in panels), max(panel.longest for panel in panels)
    # what comes too near for cells of pixels has integrals that are smooth enough for Gauss's rules
    sharp = _Sharp(made, nearest, longest, float(panels[0].beam.wavelengths.min()), tried.largest(made))
    made = _along_the_beam(made, layer, tried, sharp, nearest < _CLOSE * longest)
    if not nearest >= _LEAST * longest:
        raise ValueError(f"{_said(layer)} comes to {to_mm(nearest):.3g} mm from pixels of {to_mm(longest):g} mm; must "
                         f"be at least {to_mm(_LEAST * longest):.2g} mm from them, half a pixel")
    made = _in_pixels(made, panels, nearest, longest)
    beam, geometry = panels[0].beam, panels[0].geometry
    each = len(made.places) or _NODES_OF_SEGMENT * made.segments
    points, edge = tried.points(made)
    return made, Cost(points, each * number_of_sources(beam) * geometry.layers, edge)


def _unsampled(layer, panel, ends):
    """A layer of which all is known but how finely it is sampled."""
    table, beam = layer.material, panel.prepared.request.beam
    photons = panel.prepared.fluence * beam.beam_size * beam.beam_size
    molecules = table.density_g_per_cm3 * 1e6 * AVOGADRO / table.molecular_weight * (ends[1] - ends[0])
    return Amorphous(
        **of_table(table), places=_NOTHING, weights=_NOTHING,
        ends=ends, segments=0, scale=R_E_SQR * photons * molecules, subdivisions=_cells(), near=False,
        fineness=np.empty(0, dtype=np.uint8), errors=np.empty((0, 0, 0)), ratios=_NOTHING, inverse_part=0.0,
        tolerance=_ACROSS)


# -- along the beam


class _Tried:
    """Pixels that are tried: spread evenly over panels, their corners among them."""

    def __init__(self, panels, ends):
        self._work = np.empty((COLUMNS, POINTS))
        # of very many sources fewer pixels
        each = max(9, min(_TRIED, 64 * _TRIED // number_of_sources(panels[0].beam)) // len(panels))
        self._panels = [(panel, *panel.spread(each, ends)) for panel in panels]

    def _evaluated(self, layer):
        for panel, fast, slow, even in self._panels:
            out, points = np.empty(len(fast)), np.empty(len(fast))
            fill_photons(panel.geometry, panel.beam, layer, fast, slow, False, self._work, (out, points, np.empty(2)))
            yield panel, out, points, even

    def photons(self, layer):
        """Of a layer, in all tried pixels."""
        return np.concatenate([out for _, out, _, _ in self._evaluated(layer)])

    def largest(self, layer):
        """The largest sin(theta)/lambda [1/m] under which a tried pixel sees the layer: its end."""
        found = np.zeros((len(self._panels), 2))
        end = layer._replace(places=np.array(layer.ends[1:]), weights=np.ones(1))
        for (panel, fast, slow, _), each in zip(self._panels, found):
            fill_photons(panel.geometry, panel.beam, end, fast, slow, False, self._work,
                         (np.empty(len(fast)), np.empty(len(fast)), each))
        return float(found[:, 1].max())

    def points(self, layer):
        """About how many points a layer needs in all pixels that are wanted, and how many per edge at most."""
        wanted, most = 0.0, 1.0
        for panel, _, points, even in self._evaluated(layer):
            if len(points):
                # the middle comes first
                all_points = np.where(points > 1.0, points + 1.0, 1.0)
                wanted += panel.prepared.window.pixels * float(all_points[:even].mean())
                most = max(most, float(points.max()))
        return wanted, math.isqrt(round(most))


class _Sharp:
    """Rows of the table closer than what a pixel sees of a layer at once: lines that tried pixels may not meet.

    Between the ends of a layer sin(theta)/lambda changes by itself times the thickness over the distance, at most; in a
    pixel by half of its longer edge over the distance and the wavelength.
    """

    def __init__(self, made, nearest, longest, shortest, largest):
        knots, square = made.pieces[1:, 0], np.square(made.pieces[1:, 2])
        thickness = made.ends[1] - made.ends[0]
        seen = knots * min(thickness / nearest, 1.0)
        steps = np.minimum(np.diff(knots, prepend=-np.inf), np.diff(knots, append=np.inf))
        bent = np.abs(square - 0.5 * (np.append(square[:1], square[:-1]) + np.append(square[1:], square[-1:])))
        found = np.flatnonzero((steps < 0.5 * seen) & (bent > 0.0) & (knots - seen <= largest))
        # where F**2 bends most, if they are many
        self._rows = found[np.argsort(-bent[found], kind="stable")[:_SHARPEST]]
        self._made, self._seen, self._square = made, seen[self._rows], square[self._rows]
        self._floors = _floors(made, knots[self._rows])
        # what pixels see of the layer, over what they see of the table
        self._share = 2.0 * shortest * thickness / longest * float(knots[self._rows].max(initial=0.0))

    def fail(self, count):
        """Whether so many nodes miss a peak, or make too much of it: one that a node meets, against the exact mean."""
        if not len(self._rows):
            return False
        places, weights = nodes(-0.5, 0.5, count)
        middle = count // 2
        low = self._made.pieces[1 + self._rows, 0] - (places[middle] + 0.5) * self._seen
        means = (self._integral(low + self._seen) - self._integral(low)) / self._seen
        found = weights[middle] * self._square
        for i in range(count):
            if i != middle:
                found = found + weights[i] * self._squared(low + (places[i] + 0.5) * self._seen)
        return bool((np.abs(found - means) > 10.0 * _ALONG * np.maximum(means, self._floors)).any())

    def in_pixels(self):
        """Nodes for a layer so thin that its peaks are narrower than pixels; None if it is not."""
        return None if self._share > _THIN else next(n for n in _NODES if n >= min(_NODES[-1], _STAIRS * self._share))

    def _squared(self, x):
        """F**2."""
        c, t = self._at(np.abs(x))
        f = c[:, 2] + t * (c[:, 3] + t * (c[:, 4] + t * c[:, 5]))
        return f * f

    def _integral(self, x):
        """Integral from 0 of F**2, odd."""
        c, t = self._at(np.abs(x))
        parts = self._made.parts[np.searchsorted(self._made.pieces[:, 0], np.abs(x), side="right") - 1, 0]
        total = parts[:, 6]
        for i in range(5, -1, -1):
            total = total * t + parts[:, i]
        return np.sign(x) * (c[:, 6] + t * total)

    def _at(self, x):
        pieces = self._made.pieces
        found = pieces[np.searchsorted(pieces[:, 0], x, side="right") - 1]
        return found, x - found[:, 0]


def _along_the_beam(made, layer, tried, sharp, exactly):
    """As many nodes, or else segments, as twice as many make no difference."""
    def with_nodes(count):
        places, weights = nodes(*made.ends, count)
        return made._replace(places=np.array(places), weights=np.array(weights))

    def flat(count):
        return with_nodes(count)._replace(**of_table(_FLAT))

    def with_segments(count):
        return made._replace(segments=count, subdivisions=_points())

    counts = () if exactly else tuple(count for count in _NODES if not sharp.fail(count))
    least = None if counts or exactly else sharp.in_pixels()
    if least is not None:
        # rings that are narrower than pixels, in which a mean meets them all
        for count in _NODES:
            if count >= least and _close(tried.photons(flat(count)), tried.photons(flat(2 * count))):
                return with_nodes(count)
    for ways, counts in ((with_nodes, counts),
                         # a pixel sees a layer so near under all angles: its middle does not stand for it
                         (with_segments, _SEGMENTS[_NEAR_SEGMENTS:] if exactly else _SEGMENTS)):
        found = {}
        for count in counts:
            for each in (count, 2 * count):
                if each not in found:
                    found[each] = tried.photons(ways(each))
            if _close(found[count], found[2 * count]):
                return ways(count)
    raise ValueError(f"{_said(layer)} cannot be integrated to {_ALONG:g} of itself: {_SEGMENTS[-1]} segments of it are "
                     "too few; must be thicker, or further from pixels")


def _said(layer):
    return f"background: {layer.material.name} from {layer.begin_mm:g} to {layer.end_mm:g} mm along the beam"


def _close(now, then):
    greatest = float(np.abs(then).max(initial=0.0))
    return bool((np.abs(then - now) <= _ALONG * np.maximum(np.abs(then), _FLOOR * greatest)).all())


# -- in pixels


def _cells():
    """Equal cells of a pixel, each right to second order; the solid angle's is at most 12 over the squared distance."""
    return _subdivisions([(tuple((i + 0.5) / edge - 0.5 for i in range(edge)), (1.0 / edge,) * edge)
                          for edge in _CELLS], [2.0 * math.hypot(1.0, math.sqrt(4.0 / _ACROSS) / edge)
                                                for edge in _CELLS])


def _points():
    """Gauss's rules; each point more makes the error smaller by the square of the ellipse's half axes' sum.

    How large errors are to begin with was tried: F has a slope where the beam meets a pixel.
    """
    return _subdivisions([nodes(-0.5, 0.5, count) for count in _POINTS],
                         [2.0 * math.cosh(0.5 * math.log(8.0 * count ** 3 / _ACROSS) / count) for count in _POINTS])


def _subdivisions(rules, reaches):
    """Of places and weights along an edge."""
    counts = [len(places) for places, _ in rules]
    return Subdivisions(np.array(counts), np.cumsum([0, *counts[:-1]]),
                        np.array([x for places, _ in rules for x in places]),
                        np.array([w for _, weights in rules for w in weights]), np.array(reaches))


def _in_pixels(made, panels, nearest, longest):
    """Cells or points in pixels that are coarser than the table, or than the geometry near by."""
    made = made._replace(near=4.0 * nearest < longest * float(made.subdivisions.reaches[0]))
    ratio, wavelengths = longest / nearest, panels[0].beam.wavelengths
    if made.segments > 0:
        return _for_integrals(made, ratio, float(wavelengths.min()))
    # what is near the beam is seen under the largest angle, and thus changes most in a pixel
    width = min(0.5 * ratio, 1.0) / float(wavelengths.min())
    last = min(made.last, 1.0 / float(wavelengths.min())) + width
    parts = min(int(last / width * _PARTS) + 2, _MOST_PARTS)
    centres = (np.arange(parts) + 0.5) * (last / parts)
    needs = np.empty(parts, dtype=np.uint8)
    cells_needed(made, centres, width, _bends(centres, ratio, wavelengths), _floors(made, 2.0 * centres + width), needs)
    if needs.max() == 0:
        return made
    for _ in range(_BESIDE):
        needs = _with_neighbours(needs)
    return made._replace(fineness=needs, inverse_part=parts / last)


def _for_integrals(made, ratio, shortest):
    """What points in pixels make wrong of the integral of F**2, for pixels near the beam and further away."""
    levels = 1
    while levels < _LEVELS and ratio * _SMALLER ** (levels - 1) > 0.01:
        levels += 1
    shares = [_SMALLER ** level for level in range(levels)]
    widths = [min(0.5 * ratio * share, 1.0) / shortest for share in shares]
    last = min(made.last, 1.0 / shortest) + widths[0]
    parts = min(int(last / widths[-1] * 4.0) + 2, _MOST_PARTS)
    centres = (np.arange(parts) + 0.5) * (last / parts)
    errors, floor = np.zeros((levels, len(_POINTS), parts)), float(_floors(made, np.array([made.last]))[0])
    for level, each in enumerate(widths):
        integral_errors(made, centres, each, _ACROSS * _FLOOR * floor * each, errors[level])
    return made._replace(errors=_with_neighbours(errors), ratios=np.array([ratio * share for share in shares]),
                         inverse_part=parts / last)


def _bends(centres, ratio, wavelengths):
    """What part of the differences of F**2 in a pixel its middle, and its mean, miss of all that is not even in it.

    Rings are curved, which counts to the first order of the pixel over their radius for the middle, and to the second
    for a mean, where the first is corrected; and of what the solid angle and the rest differ from edge to edge a third
    is not.
    """
    found = np.zeros((2, len(centres)))
    for wavelength in (float(wavelengths.min()), float(wavelengths.max())):
        angle = 2.0 * wavelength * centres
        for i, curved in enumerate((ratio / angle / 24.0, np.square(ratio / angle) / 40.0)):
            found[i] = np.maximum(found[i], curved + 0.08 * ratio * angle)
    return found


def _floors(made, ends):
    """A thousandth of the largest F**2 of the table up to each sin(theta)/lambda.

    What is scattered under larger angles still makes nothing less exact: a small detector about the beam does not see
    it.
    """
    pieces = made.pieces
    largest = np.maximum.accumulate(np.square(pieces[:, 2]))
    # F is monotone between rows: the largest of a piece is at its begin or end
    following = np.minimum(np.searchsorted(pieces[:, 0], ends, side="left"), len(pieces) - 1)
    return _FLOOR * largest[following]


def _with_neighbours(parts):
    """The largest of each part and those beside it: a part stands for the scattering vectors in it."""
    right = np.concatenate([parts[..., 1:], parts[..., -1:]], axis=-1)
    left = np.concatenate([parts[..., :1], parts[..., :-1]], axis=-1)
    return np.maximum(parts, np.maximum(left, right))
