"""What a tile of pixels and an orientation cannot add to a sum: bounds of terms over tiles, for exact culling.

A leaf is 4 x 4 pixels.  The scattering vectors of its lanes are q0 + s U + t V + d with |s|, |t| <= 1 and |d| <= rho:
U and V are one pair for all leaves of a block, and rho is the largest deviation that the lanes really have, so nothing
is taken for granted of detectors, pixels and masks.  An orientation A makes of it the indices

    A q0 + s A U + t A V + A d,

and its squared distance from the nearest lattice point, in either metric, is x' G x of the fractions x.  From that
follow lower bounds of the distance over the leaf, and so upper bounds of the term; and lower bounds of the difference
of two exponents, and so upper bounds of the ratio of two terms.  They are derived in docs/accuracy/culling.md.
"""

import math
from typing import NamedTuple

import numpy as np

from ..arithmetic.fused import ceil, fma, sqrt
from ..compile.compilation import inlined, jit
from ..physics.shapes import SHAPE_OF, kind_of
from ..physics.view import orientations, rotated_cell, views_per_pixel
from .lane_rows import BLOCK, FAST, QX, QY, QZ, SLOW
from .step import nearest_place

__all__ = ["Culling", "FLOOR_BITS", "GROUP", "LEAF", "RELATIVE_BITS", "TILE_FAST", "TILE_SLOW", "axis_bound",
           "culling_of", "enter_boxes", "enter_cells", "enter_extents", "enter_model", "enter_nearest", "least_square",
           "log2_above", "log2_below", "nearest_bounds"]

#: Pixels of a tile, whose leaves stand one after the other in a block, and lanes of a leaf.
TILE_FAST, TILE_SLOW, EDGE, LEAF = 16, 8, 4, 16

#: Orientations that are looked at together.
GROUP = 128

#: All that is left out of a pixel for being small is below two to minus this: float32's least number is 2^-149 ...
FLOOR_BITS = 164.0
#: ... or below this part of the sum.
RELATIVE_BITS = 42.0

#: Orientations whose cells are kept at most: 9 MB.
MOST_ORIENTATIONS = 1 << 17

#: Half a leaf's edge between the centres of its outermost pixels.
_HALF = 1.5

#: Stands for the roundings of all bounds, of relative size.
_MORE, _LESS = 1.0 + 1e-9, 1.0 - 1e-9

#: Of the indices of a leaf's centre: ninety times what three products and sums can lose.
_INDEX_ROUNDING = 1e-14

# -- rows of what is known of the orientations of a group
(EXTENT_H, EXTENT_K, EXTENT_L, LINEAR_UU, LINEAR_UV, LINEAR_VV, OVER_UU, OVER_VV, OVER_BOTH, LOW) = [
    row * GROUP for row in range(10)]
ROWS_SIZE = 10 * GROUP
# of those listed for a leaf, about the lattice point that is nearest to its centre
(SQUARE_NOW, U_NOW, V_NOW, LENGTH_NOW, LOW_NOW, PLACE_NOW, ALONE_NOW) = [row * GROUP for row in range(7)]
FOUND_SIZE = 7 * GROUP

# -- the model of a block: U and V, then the centre of each leaf
U_AT, V_AT, CENTRES = 0, 3, 6
MODEL_SIZE = 6 + 3 * (BLOCK // LEAF)


class Culling(NamedTuple):
    """What culling needs to know of a crystal and its structure factors."""

    cells: np.ndarray  # (9, orientations): a, b, c [m], a row for each number
    form: tuple  # the quadratic form of the fractions: hh, kk, ll, hk, hl, kl
    least: tuple  # a diagonal form that is nowhere larger
    edges: tuple  # no a, b, c is longer [m]
    stretch: float  # no vector d of reciprocal space [1/m] is longer than this times |d|, measured by the form
    rounding: float  # what the form of fractions can be off
    decay: float  # terms fall as 2^(-decay x' G x)
    inverse: float  # 1 / decay, or more
    reach: float  # and are exactly 0 from this on
    many: float  # log2 of the squared number of cells, or more
    largest: float  # the same with the largest squared structure factor
    terms: float  # log2 of the number of steps of a pixel, or more


@jit
def enter_cells(crystal, out):
    """Enter a, b, c [m] of every orientation, in the order of the sum: (9, orientations), a row for each number."""
    place = 0
    for phi_step in range(crystal.phi_rows.shape[0]):
        for domain in range(crystal.domains):
            cell = rotated_cell(crystal, crystal.phi_rows[phi_step], domain)
            for i in range(9):
                out[i, place] = cell[i]
            place += 1


def _form(crystal, shape):
    """The quadratic form whose value at the fractions of the indices is the squared distance, as a matrix."""
    n = np.array(crystal.n_cells)
    if not shape.measured:
        return np.diag(n * n)
    axes = np.array(crystal.reciprocal).reshape(3, 3) * math.prod(crystal.n_cells)
    return axes @ axes.T


def _least_form(form):
    """A diagonal form that is nowhere larger than the one given."""
    scale = np.sqrt(np.diag(form))
    smallest = np.linalg.eigvalsh(form / np.outer(scale, scale))[0] - 1e-12
    return np.diag(form) * max(smallest, 0.0) * _LESS


def culling_of(scene, largest):
    """What culling needs to know of a scene, or None where it cannot be or cannot pay.

    Parameters
    ----------
    scene : records.Scene
    largest : float
        Largest squared structure factor, the default among them.

    Returns
    -------
    Culling or None
    """
    crystal = scene.crystal
    shape = SHAPE_OF[kind_of(crystal)]
    if shape.reach is None or not 8 <= orientations(crystal) <= MOST_ORIENTATIONS:
        return None
    decay = shape.decay(crystal) / math.log(2.0)
    cells = np.empty((9, orientations(crystal)))
    enter_cells(crystal, cells)
    with np.errstate(all="ignore"):
        form = _form(crystal, shape)
        each = cells.reshape(3, 3, -1)
        edges = np.sqrt((each ** 2).sum(axis=1).max(axis=1)) * _MORE
        stretch = math.sqrt(float(np.einsum("ijm,ik,kjm->m", each, form, each).max())) * _MORE
        numbers = np.array([*form.ravel(), *edges, stretch, decay])
        if not (np.isfinite(numbers).all() and (np.diag(form) > 0.0).all()):
            return None
        least = _least_form(form)
        many = 2.0 * math.log2(math.prod(crystal.n_cells)) + 0.01
    return Culling(cells, (form[0, 0], form[1, 1], form[2, 2], form[0, 1], form[0, 2], form[1, 2]),
                   tuple(least.tolist()), tuple(edges.tolist()), stretch, 1e-11 * float(np.abs(form).sum()),
                   decay * _LESS, _MORE / decay if decay > 0.0 else 0.0, shape.reach(crystal) * _MORE, many,
                   many + (math.log2(largest) + 0.01 if largest > 0.0 else -2000.0),
                   math.log2(views_per_pixel(scene) * orientations(crystal)) + 0.01)


# -- logarithms that are surely above or below


@inlined
def _octaves(x):
    """The logarithm to base 2 of a positive double, by a straight line between powers of two."""
    return np.float64(np.float64(x).view(np.int64)) * 2.0 ** -52 - 1023.0


@inlined
def log2_below(x):
    """No more than log2(x), for a positive double that is not denormal."""
    return _octaves(x) - 1e-9


@inlined
def log2_above(x):
    """No less than log2(x), for a double that is positive or 0."""
    # the logarithm is nowhere 0.0861 above its chord from one power of two to the next
    return _octaves(x) + 0.0861


# -- the affine model of a block


@inlined
def _leaf_origin(place, first, scratch):
    """Centre of the leaf whose lanes begin here, in pixels."""
    fast, slow = np.int64(scratch[FAST + first]) - place[0], np.int64(scratch[SLOW + first]) - place[1]
    return (np.float64(place[0] + fast - fast % EDGE) + _HALF, np.float64(place[1] + slow - slow % EDGE) + _HALF)


@inlined
def _is_whole(first, scratch):
    """Whether all four corners of a leaf are there."""
    fast, slow = scratch[FAST + first], scratch[SLOW + first]
    return (scratch[FAST + first + 3] == fast + 3.0 and scratch[SLOW + first + 12] == slow + 3.0
            and scratch[FAST + first + 15] == fast + 3.0 and scratch[SLOW + first + 15] == slow + 3.0)


@inlined
def enter_model(place, n, scratch, model, worst):
    """Enter U, V and the centres of a block's leaves.

    Returns the largest deviation of a lane from them, and the largest sum of the sizes of a centre's three numbers.
    """
    leaves = n // LEAF
    for number in range(leaves):
        first = (number + leaves // 2) % leaves * LEAF
        if _is_whole(first, scratch):
            for axis in range(3):
                at = QX + axis * BLOCK + first
                q0, q1, q2, q3 = scratch[at], scratch[at + 3], scratch[at + 12], scratch[at + 15]
                model[U_AT + axis] = 0.25 * ((q1 - q0) + (q3 - q2))
                model[V_AT + axis] = 0.25 * ((q2 - q0) + (q3 - q1))
            break
    for i in range(LEAF):
        worst[i] = 0.0
    size = 0.0
    ux, uy, uz, vx, vy, vz = model[0], model[1], model[2], model[3], model[4], model[5]
    for leaf in range(leaves):
        first = leaf * LEAF
        fast, slow = _leaf_origin(place, first, scratch)
        x = y = z = 0.0
        for corner in range(4):
            i = first + (corner & 1) * 3 + (corner >> 1) * 12
            s, t = (scratch[FAST + i] - fast) / _HALF, (scratch[SLOW + i] - slow) / _HALF
            x += 0.25 * (scratch[QX + i] - s * ux - t * vx)
            y += 0.25 * (scratch[QY + i] - s * uy - t * vy)
            z += 0.25 * (scratch[QZ + i] - s * uz - t * vz)
        at = CENTRES + 3 * leaf
        model[at], model[at + 1], model[at + 2] = x, y, z
        size = max(size, abs(x) + abs(y) + abs(z))
        for i in range(LEAF):
            s = (scratch[FAST + first + i] - fast) * (1.0 / _HALF)
            t = (scratch[SLOW + first + i] - slow) * (1.0 / _HALF)
            dx = scratch[QX + first + i] - x - s * ux - t * vx
            dy = scratch[QY + first + i] - y - s * uy - t * vy
            dz = scratch[QZ + first + i] - z - s * uz - t * vz
            square = dx * dx + dy * dy + dz * dz
            # a lane that is not finite spoils the block: it is kept as a whole
            worst[i] = (square if square > worst[i] else worst[i]) + 0.0 * square
    rho = 0.0
    for i in range(LEAF):
        rho = (worst[i] if worst[i] > rho else rho) + 0.0 * worst[i]
    return sqrt(rho) * _MORE + _INDEX_ROUNDING * size, size


@inlined
def _product(cells, j, x, y, z):
    """The indices that an orientation makes of a vector; fused, for its roundings are provided for."""
    return (fma(cells[0, j], x, fma(cells[1, j], y, cells[2, j] * z)),
            fma(cells[3, j], x, fma(cells[4, j], y, cells[5, j] * z)),
            fma(cells[6, j], x, fma(cells[7, j], y, cells[8, j] * z)))


@inlined
def _formed(form, x):
    """The form times a vector."""
    return (fma(form[0], x[0], fma(form[3], x[1], form[4] * x[2])),
            fma(form[3], x[0], fma(form[1], x[1], form[5] * x[2])),
            fma(form[4], x[0], fma(form[5], x[1], form[2] * x[2])))


@inlined
def _dot(x, y):
    return fma(x[0], y[0], fma(x[1], y[1], x[2] * y[2]))


@inlined
def enter_extents(culling, first, count, model, rho, rows):
    """Enter how far each orientation's indices reach about a leaf's centre, and its quadratic part."""
    cells, form, edges = culling.cells, culling.form, culling.edges
    ux, uy, uz, vx, vy, vz = model[0], model[1], model[2], model[3], model[4], model[5]
    for i in range(count):
        j = np.uint64(first + i)
        u, v = _product(cells, j, ux, uy, uz), _product(cells, j, vx, vy, vz)
        rows[EXTENT_H + i] = (abs(u[0]) + abs(v[0])) + edges[0] * rho
        rows[EXTENT_K + i] = (abs(u[1]) + abs(v[1])) + edges[1] * rho
        rows[EXTENT_L + i] = (abs(u[2]) + abs(v[2])) + edges[2] * rho
        gu, gv = _formed(form, u), _formed(form, v)
        rows[LINEAR_UU + i] = _dot(gu, u)
        rows[LINEAR_UV + i] = _dot(gu, v)
        rows[LINEAR_VV + i] = _dot(gv, v)
    for i in range(count):
        uu, uv, vv = rows[LINEAR_UU + i], rows[LINEAR_UV + i], rows[LINEAR_VV + i]
        determinant = uu * vv - uv * uv
        rows[OVER_UU + i] = 1.0 / uu
        rows[OVER_VV + i] = 1.0 / vv
        # 0: U and V are nearly parallel
        rows[OVER_BOTH + i] = 1.0 / determinant if determinant > 1e-4 * uu * vv else 0.0


@inlined
def _beyond(x, extent):
    """How far a fraction at least is from 0 over a leaf."""
    x = abs(x - ceil(x - 0.5)) - extent
    return x if x > 0.0 else 0.0


@inlined
def enter_boxes(culling, first, count, x, y, z, rows):
    """Enter a lower bound of the squared distance over a leaf, whichever lattice points are nearest."""
    cells, least = culling.cells, culling.least
    for i in range(count):
        f = _product(cells, np.uint64(first + i), x, y, z)
        h, k = _beyond(f[0], rows[EXTENT_H + i]), _beyond(f[1], rows[EXTENT_K + i])
        l = _beyond(f[2], rows[EXTENT_L + i])
        rows[LOW + i] = least[0] * h * h + least[1] * k * k + least[2] * l * l


@inlined
def axis_bound(x, extent, least):
    """A lower bound of an axis' part of the squared distance, from a fraction that reaches so far about x."""
    x = abs(x) - extent
    return least * x * x if x > 0.0 else 0.0


@inlined
def nearest_bounds(culling, j, x, u, v, reach, spread):
    """Bounds over a leaf of one orientation, where one lattice point is the nearest.

    Parameters
    ----------
    j : int
        Orientation.
    x : tuple of 3 float64
        Indices of the leaf's centre less those of the lattice point.
    u, v : tuples of 3 float64
        U and V of the block.
    reach : float
        No deviation from the model is longer, measured by the form.
    spread : float
        No s U + t V is longer, measured by the form.

    Returns
    -------
    square, along_u, along_v, size, low : float
        Squared distance at the centre, its half derivatives along U and V, the length to which deviations are to be
        compared, and a lower bound of the squared distance.
    """
    cells = culling.cells
    g = _formed(culling.form, x)
    square = _dot(g, x)
    # the gradient in reciprocal space
    w = (fma(cells[0, j], g[0], fma(cells[3, j], g[1], cells[6, j] * g[2])),
         fma(cells[1, j], g[0], fma(cells[4, j], g[1], cells[7, j] * g[2])),
         fma(cells[2, j], g[0], fma(cells[5, j], g[1], cells[8, j] * g[2])))
    along_u, along_v = _dot(w, u), _dot(w, v)
    size = sqrt(square + culling.rounding) + spread
    low = square - 2.0 * (abs(along_u) + abs(along_v)) - 2.0 * reach * size - culling.rounding
    return square, along_u, along_v, size, low


@inlined
def _limited(x):
    """x limited to -1..1; one of them if it is not a number."""
    x = x if x < 1.0 else 1.0
    return x if x > -1.0 else -1.0


@inlined
def _smaller(x, y):
    return x if x < y else y


@inlined
def _on_edge(square, along, own, over, other, across, mixed):
    """The smallest value on an edge of the square where the other variable is `other`; over: 1 / own."""
    slope = along + other * mixed
    t = _limited(-slope * over)
    return square + 2.0 * other * across + (2.0 * slope + own * t) * t


@inlined
def least_square(square, along_u, along_v, number, rows):
    """The smallest value of square + 2 s along_u + 2 t along_v + s s uu + 2 s t uv + t t vv for |s|, |t| <= 1.

    Where U and V are nearly parallel a lower bound of it.
    """
    uu, uv, vv = rows[LINEAR_UU + number], rows[LINEAR_UV + number], rows[LINEAR_VV + number]
    over_uu, over_vv, over_both = rows[OVER_UU + number], rows[OVER_VV + number], rows[OVER_BOTH + number]
    edges_u = uu + _smaller(_on_edge(square, along_v, vv, over_vv, 1.0, along_u, uv),
                            _on_edge(square, along_v, vv, over_vv, -1.0, along_u, uv))
    edges_v = vv + _smaller(_on_edge(square, along_u, uu, over_uu, 1.0, along_v, uv),
                            _on_edge(square, along_u, uu, over_uu, -1.0, along_v, uv))
    edges = _smaller(edges_u, edges_v)
    s = (uv * along_v - vv * along_u) * over_both
    t = (uv * along_u - uu * along_v) * over_both
    inside = _smaller(square + along_u * s + along_v * t, edges)
    found = inside if (abs(s) < 1.000001) & (abs(t) < 1.000001) else edges
    return found if over_both > 0.0 else square - 2.0 * (abs(along_u) + abs(along_v))


@inlined
def _other_bound(x, extent, least, nearest):
    """What a box bound grows by if the next lattice point along an axis is taken instead; much if that is not near."""
    other = axis_bound(1.0 - abs(x), extent, least)
    return other - nearest if not abs(x) + extent < 0.5 else 1e300


@inlined
def enter_nearest(culling, grid, listing_of, centre, tile, cut, rows, found):
    """Enter bounds of listed orientations about the lattice points nearest to a leaf's centre, by vector code.

    They are given as the first of the group, how many are listed, and their places in the group.
    ALONE_NOW becomes 1 where no other lattice point counts, and a pixel that is nearer to another one may be taken
    for nearest to this one; 0 where that is to be looked at.
    """
    cells, least = culling.cells, culling.least
    first, listed, lists = listing_of
    u, v, reach, spread = tile
    far = (0.2499999 * least[0] > cut, 0.2499999 * least[1] > cut, 0.2499999 * least[2] > cut)
    for listing in range(listed):
        number = np.uint64(lists[listing])
        j = np.uint64(first) + number
        f = _product(cells, j, centre[0], centre[1], centre[2])
        nearest = (ceil(f[0] - 0.5), ceil(f[1] - 0.5), ceil(f[2] - 0.5))
        x = (f[0] - nearest[0], f[1] - nearest[1], f[2] - nearest[2])
        eh, ek, el = rows[EXTENT_H + number], rows[EXTENT_K + number], rows[EXTENT_L + number]
        h, k, l = axis_bound(x[0], eh, least[0]), axis_bound(x[1], ek, least[1]), axis_bound(x[2], el, least[2])
        other_h, other_k = _other_bound(x[0], eh, least[0], h), _other_bound(x[1], ek, least[1], k)
        other_l = _other_bound(x[2], el, least[2], l)
        box = h + k + l
        alone = ((far[0] | (other_h == 1e300)) & (far[1] | (other_k == 1e300)) & (far[2] | (other_l == 1e300))
                 & (box + other_h > cut) & (box + other_k > cut) & (box + other_l > cut)
                 & (eh < 0.5) & (ek < 0.5) & (el < 0.5))
        square, along_u, along_v, size, _ = nearest_bounds(culling, j, x, u, v, reach, spread)
        low = least_square(square, along_u, along_v, number, rows) - 2.0 * reach * size - culling.rounding
        found[SQUARE_NOW + listing] = square
        found[U_NOW + listing] = along_u
        found[V_NOW + listing] = along_v
        found[LENGTH_NOW + listing] = size
        found[LOW_NOW + listing] = low if low > box else box
        found[PLACE_NOW + listing] = nearest_place(grid, nearest, 0.0)
        found[ALONE_NOW + listing] = 1.0 if alone else 0.0
