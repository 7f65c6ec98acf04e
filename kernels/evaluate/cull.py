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

from ..arithmetic.elementary import EXP_SQUARED_CONSTANTS
from ..arithmetic.fused import ceil, fma, sqrt, whole_double
from ..compile.compilation import inlined, jit
from ..physics.error import U
from ..physics.shapes import SHAPE_OF, kind_of
from ..physics.view import orientations, rotated_cell, views_per_pixel
from .lane_rows import BLOCK, FAST, QX, QY, QZ, SLOW
from .step import nearest_place

__all__ = ["Culling", "FLOOR_BITS", "GROUP", "LEAF", "RELATIVE_BITS", "SQUARE_EXTENT", "TILE_FAST", "TILE_SLOW",
           "culling_of", "cut_of", "enter_cells", "enter_extents", "enter_model", "enter_nearest", "enter_square",
           "least_difference", "least_square", "limits_of", "list_boxes", "list_of_those", "log2_above", "log2_below",
           "middle_of", "with_cells"]

#: Pixels of a tile, whose leaves stand one after the other in a block, and lanes of a leaf.
TILE_FAST, TILE_SLOW, EDGE, LEAF = 16, 8, 4, 16

#: Orientations that are looked at together.
GROUP = 128

#: All that is left out of a pixel for being small is below two to minus this: float32's least number is 2^-149 ...
FLOOR_BITS = 160.0
#: ... or below this part of the sum.
RELATIVE_BITS = 38.0

#: Orientations whose cells are kept at most: 9 MB.
MOST_ORIENTATIONS = 1 << 17

#: Cells so oblique that the form and its diagonal part differ more are not culled.
LEAST_PART = 1e-3

#: Half a leaf's edge between the centres of its outermost pixels.
_HALF = 1.5

#: How far the centres of a square's four leaves are from its own, in half edges of a leaf.
_APART = 2.0 / _HALF

#: How many times as far as a leaf's the indices of a square of four leaves extend.
SQUARE_EXTENT = 1.0 + _APART

#: Stands for the roundings of all bounds, of relative size.
_MORE, _LESS = 1.0 + 1e-9, 1.0 - 1e-9

#: Of the indices of a leaf's centre: ninety times what three products and sums can lose.
_INDEX_ROUNDING = 1e-14

# -- rows of what is known of the orientations of a group at a tile: how far indices reach about a leaf's centre; U, V
# and their products as the form measures them; the bound of a leaf
(EXTENT_H, EXTENT_K, EXTENT_L, U_ROW, _, _, V_ROW, _, _, LINEAR_UU, LINEAR_UV, LINEAR_VV, OVER_UU, LOW) = [
    row * GROUP for row in range(14)]
ROWS_SIZE = 14 * GROUP
# of those listed for a leaf, about the lattice point that is nearest to its centre; some have a row for each half
(SQUARE_NOW, U_NOW, V_NOW, UU_NOW, UV_NOW, VV_NOW, POINT_NOW, _, _, PLACE_NOW, ALONE_NOW, F_NOW, OCTAVES_NOW, LOW_NOW,
 _, BRIGHT_NOW, _, KEPT_NOW, _) = [row * GROUP for row in range(19)]
FOUND_SIZE = 19 * GROUP

# in the list of orientations: those of a leaf, those of its square of four leaves, those that are added
LISTED, ADDED, LISTS_SIZE = GROUP, 2 * GROUP, 3 * GROUP

# -- the model of a block: U and V, then the centre of each leaf
U_AT, V_AT, CENTRES = 0, 3, 6
MODEL_SIZE = 6 + 3 * (BLOCK // LEAF)


class Culling(NamedTuple):
    """What culling needs to know of a crystal and its structure factors."""

    cells: np.ndarray  # (9, orientations): a, b, c [m], a row for each number
    root: tuple  # a square root of the quadratic form of the fractions: x' G x = |B x|^2, B above its diagonal
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
    relative: float  # the part of a sum by which it is off besides, for terms that others dominate and brief factors
    constants: np.ndarray  # of the exponential; a compiler that does not know them makes better code


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


def _smallest_part(form):
    """A form is nowhere below its diagonal times this: its smallest eigenvalue where that is scaled to 1."""
    scale = np.sqrt(np.diag(form))
    return max(float(np.linalg.eigvalsh(form / np.outer(scale, scale))[0]) - 1e-12, 0.0)


def _root(form):
    """B of x' form x = |B x|^2: three rows above the diagonal, one after the other; None if there is none."""
    try:
        b = np.linalg.cholesky(form).T
    except np.linalg.LinAlgError:
        return None
    return tuple(b[np.triu_indices(3)].tolist())


def _stretch(each, form):
    """No vector of reciprocal space is longer than this times its length, measured by the form in any orientation."""
    metric = np.einsum("ijm,ik,klm->mjl", each, form, each)
    trace = metric.trace(axis1=1, axis2=2)
    # the largest eigenvalue is no more than the eighth root of the sum of their eighth powers: in units of the trace
    fourth = metric / trace[:, None, None]
    for _ in range(2):
        fourth = fourth @ fourth
    return math.sqrt(float((trace * ((fourth ** 2).sum(axis=(1, 2)) ** 0.125)).max()))


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
        stretch = _stretch(each, form) * _MORE
        numbers = np.array([*form.ravel(), *edges, stretch, decay])
        if not (np.isfinite(numbers).all() and (np.diag(form) > 0.0).all()):
            return None
        smallest, root = _smallest_part(form), _root(form)
        many = 2.0 * math.log2(math.prod(crystal.n_cells)) + 0.01
    if smallest < LEAST_PART or root is None:
        return None
    brief = 0.0 if shape.brief is None else shape.brief.error(smallest) * U
    return Culling(cells, root, tuple((np.diag(form) * (smallest * _LESS)).tolist()), tuple(edges.tolist()), stretch,
                   1e-11 * float(np.abs(form).sum()), decay * _LESS, _MORE / decay if decay > 0.0 else 0.0,
                   shape.reach(crystal) * _MORE, many, many + (math.log2(largest) + 0.01 if largest > 0.0 else -2000.0),
                   math.log2(views_per_pixel(scene) * orientations(crystal)) + 0.01,
                   2.0 ** -RELATIVE_BITS + brief if decay > 0.0 else 0.0, np.array(EXP_SQUARED_CONSTANTS))


@inlined
def with_cells(culling, cells):
    """The same of other orientations, those of a table of its kind."""
    c = culling
    return Culling(cells, c.root, c.least, c.edges, c.stretch, c.rounding, c.decay, c.inverse, c.reach, c.many,
                   c.largest, c.terms, c.relative, c.constants)


# -- logarithms that are surely above or below


@inlined
def _octaves(x):
    """The logarithm to base 2 of a positive double, by a straight line between powers of two."""
    # as vector code, which does not convert integers: the first bits are the last ones of a double beyond 2^52
    return (whole_double(np.float64(x).view(np.int64) >> 12) - 2.0 ** 52) * 2.0 ** -40 - 1023.0


@inlined
def log2_below(x):
    """No more than log2(x), for a positive double that is not denormal."""
    return _octaves(x) - 1e-9


@inlined
def log2_above(x):
    """No less than log2(x), for a double that is positive or 0."""
    # the logarithm is nowhere 0.0861 above its chord from one power of two to the next
    return _octaves(x) + 0.08611


# -- what is too little to matter


@inlined
def limits_of(culling, brightest, weight, least):
    """What a term must not exceed to be left out, and log2 of the largest weight over that.

    Parameters
    ----------
    brightest : float
        The largest factor from a sum to photons.
    weight : float
        The largest weight of a term.
    least : float
        The smallest sum of the pixels so far.
    """
    small, part = 2.0 ** -FLOOR_BITS / brightest, least * 2.0 ** -RELATIVE_BITS
    # of terms that do not fall off nothing would be left out
    small = part if part > small and part < np.inf and culling.decay > 0.0 else small
    # of all steps of a pixel
    small = small * 2.0 ** -culling.terms
    return small, log2_above(weight) - log2_below(small)


@inlined
def cut_of(culling, brightness):
    """The squared distance from which on no term counts, whatever its structure factor is."""
    cut = culling.reach
    if culling.decay > 0.0:
        cut = min(cut, (brightness + culling.largest) * culling.inverse)
    return cut


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
            s, t = (scratch[FAST + i] - fast) * (1.0 / _HALF), (scratch[SLOW + i] - slow) * (1.0 / _HALF)
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
def _measured(root, x):
    """B x: its length is what the form gives."""
    return (fma(root[0], x[0], fma(root[1], x[1], root[2] * x[2])), fma(root[3], x[1], root[4] * x[2]), root[5] * x[2])


@inlined
def _dot(x, y):
    return fma(x[0], y[0], fma(x[1], y[1], x[2] * y[2]))


@inlined
def _enter_three(x, rows, at):
    rows[at], rows[at + GROUP], rows[at + 2 * GROUP] = x[0], x[1], x[2]


@inlined
def _at(rows, row, number):
    # no sign, no test of it
    return rows[np.uint64(row + np.int64(number))]


@inlined
def _three(rows, row, number):
    return _at(rows, row, number), _at(rows, row + GROUP, number), _at(rows, row + 2 * GROUP, number)


@inlined
def enter_extents(culling, first, count, model, rho, rows):
    """Enter how far each orientation's indices reach about a leaf's centre, and its quadratic part."""
    cells, root, edges = culling.cells, culling.root, culling.edges
    ux, uy, uz, vx, vy, vz = model[0], model[1], model[2], model[3], model[4], model[5]
    for i in range(count):
        j = np.uint64(first + i)
        u, v = _product(cells, j, ux, uy, uz), _product(cells, j, vx, vy, vz)
        rows[EXTENT_H + i] = (abs(u[0]) + abs(v[0])) + edges[0] * rho
        rows[EXTENT_K + i] = (abs(u[1]) + abs(v[1])) + edges[1] * rho
        rows[EXTENT_L + i] = (abs(u[2]) + abs(v[2])) + edges[2] * rho
        u, v = _measured(root, u), _measured(root, v)
        _enter_three(u, rows, U_ROW + i)
        _enter_three(v, rows, V_ROW + i)
        uu = _dot(u, u)
        rows[LINEAR_UU + i] = uu
        rows[LINEAR_UV + i] = _dot(u, v)
        rows[LINEAR_VV + i] = _dot(v, v)
        rows[OVER_UU + i] = 1.0 / uu


@inlined
def _beyond(x, extent):
    """How far a fraction at least is from 0 over a leaf."""
    x = abs(x - ceil(x - 0.5)) - extent
    return x if x > 0.0 else 0.0


@inlined
def _box(least, f, extents):
    h, k, l = _beyond(f[0], extents[0]), _beyond(f[1], extents[1]), _beyond(f[2], extents[2])
    return least[0] * h * h + least[1] * k * k + least[2] * l * l


@inlined
def list_boxes(culling, first, count, centre, extent, cut, rows, lists):
    """List the orientations of a group that a box of pixels may get something of, whichever lattice points are nearest.

    Parameters
    ----------
    centre : tuple of 3 float64
        Scattering vector about which the box extends ...
    extent : tuple of 2 float64
        ... so many times as far as a leaf, and so much further.
    cut : float
        Squared distance beyond which terms do not count.

    Returns
    -------
    int
        How many there are; their places in the group are the first entries of lists.
    """
    cells, least, (times, more) = culling.cells, culling.least, extent
    more_h, more_k, more_l = culling.edges[0] * more, culling.edges[1] * more, culling.edges[2] * more
    for i in range(count):
        f = _product(cells, np.uint64(first + i), centre[0], centre[1], centre[2])
        rows[LOW + i] = _box(least, f, (rows[EXTENT_H + i] * times + more_h, rows[EXTENT_K + i] * times + more_k,
                                        rows[EXTENT_L + i] * times + more_l))
    listed = 0
    for i in range(count):
        lists[np.uint64(listed)] = i
        listed += 0 if rows[LOW + i] > cut else 1
    return listed


@inlined
def list_of_those(culling, first, listed, centre, cut, rows, lists):
    """The same for a leaf, of the orientations that are listed at LISTED; how many of them are listed now."""
    cells, least = culling.cells, culling.least
    for i in range(listed):
        number = np.uint64(lists[LISTED + i])
        f = _product(cells, np.uint64(first) + number, centre[0], centre[1], centre[2])
        rows[LOW + i] = _box(least, f, _three(rows, EXTENT_H, number))
    left = 0
    for i in range(listed):
        lists[np.uint64(left)] = lists[LISTED + i]
        left += 0 if rows[LOW + i] > cut else 1
    return left


@inlined
def enter_square(model, number):
    """Centre of one of the two squares of four leaves of a whole tile, and how far these are from where they should be.

    They are the leaves 2 number, 2 number + 1 and the same of the second row.
    """
    x = y = z = 0.0
    for leaf in range(4):
        at = CENTRES + 3 * (2 * number + leaf % 2 + leaf // 2 * 4)
        x += 0.25 * model[at]
        y += 0.25 * model[at + 1]
        z += 0.25 * model[at + 2]
    off = 0.0
    for leaf in range(4):
        at = CENTRES + 3 * (2 * number + leaf % 2 + leaf // 2 * 4)
        s, t = (leaf % 2 - 0.5) * (2.0 * _APART), (leaf // 2 - 0.5) * (2.0 * _APART)
        dx = model[at] - x - s * model[U_AT] - t * model[V_AT]
        dy = model[at + 1] - y - s * model[U_AT + 1] - t * model[V_AT + 1]
        dz = model[at + 2] - z - s * model[U_AT + 2] - t * model[V_AT + 2]
        square = dx * dx + dy * dy + dz * dz
        off = (square if square > off else off) + 0.0 * square
    return (x, y, z), sqrt(off) * _MORE + _INDEX_ROUNDING * (abs(x) + abs(y) + abs(z))


@inlined
def _limited(x):
    """x limited to -1..1; one of them if it is not a number."""
    x = x if x < 1.0 else 1.0
    return x if x > -1.0 else -1.0


@inlined
def middle_of(half):
    """Where the middle of a half of a leaf is along V: at two of its four rows' middle."""
    return (half - 0.5) * (4.0 / 3.0)


#: Half of what a half of a leaf extends along V.
_WIDTH = 1.0 / 3.0


@inlined
def least_square(t, square, along, quadratic, over):
    """A lower bound, on half a leaf whose middle is at t, of a quadratic form of s and t.

    It is square + 2 s along_u + 2 t along_v + s s uu + 2 s t uv + t t vv; exact along s; over: 1 / uu.
    """
    uu, uv, vv = quadratic
    along_u, along_v = along[0] + t * uv, along[1] + t * vv
    s = _limited(-along_u * over)
    return ((square + t * (along[1] + along_v)) + (2.0 * along_u + uu * s) * s
            - 2.0 * _WIDTH * (abs(along_v) + abs(uv)))


@inlined
def least_difference(t, square, along, quadratic):
    """The same for a form that need not be positive: of the differences of two such sums."""
    uu, uv, vv = quadratic
    along_u, along_v = along[0] + t * uv, along[1] + t * vv
    return ((square + t * (along[1] + along_v)) - 2.0 * abs(along_u) + (uu if uu < 0.0 else 0.0)
            - 2.0 * _WIDTH * (abs(along_v) + abs(uv)) + _WIDTH * _WIDTH * (vv if vv < 0.0 else 0.0))


@inlined
def _other_beyond(cut, least):
    """Below which sum of a fraction and its extent no other lattice point counts along an axis."""
    far = 1.0 - 1.000001 * sqrt(cut / least)
    return far if far > 0.5 else 0.5


@inlined
def enter_nearest(culling, grid, listing_of, centre, reach, cut, rows, found):
    """Enter bounds of listed orientations about the lattice points nearest to a leaf's centre, by vector code.

    They are given as the first of the group, how many are listed, and their places in the group; reach is how long a
    deviation from the model is at most, measured by the form.  ALONE_NOW becomes 1 where no other lattice point
    counts, and a pixel that is nearer to another one may be taken for nearest to this one; 0 where that is not known.
    """
    cells, root = culling.cells, culling.root
    first, listed, lists = listing_of
    cut = cut if cut > 1e-300 else 1e-300
    side = sqrt(cut) if cut < 1e300 else 1e150
    limit_h, limit_k = _other_beyond(cut, culling.least[0]), _other_beyond(cut, culling.least[1])
    limit_l = _other_beyond(cut, culling.least[2])
    # sqrt(R) is at most (R / side + side) / 2
    part, less = 1.0 - reach / side, reach * side + culling.rounding
    for listing in range(listed):
        number = np.uint64(lists[listing])
        f = _product(cells, np.uint64(first) + number, centre[0], centre[1], centre[2])
        nearest = (ceil(f[0] - 0.5), ceil(f[1] - 0.5), ceil(f[2] - 0.5))
        x = (f[0] - nearest[0], f[1] - nearest[1], f[2] - nearest[2])
        extents = _three(rows, EXTENT_H, number)
        alone = ((abs(x[0]) + extents[0] < limit_h) & (abs(x[1]) + extents[1] < limit_k)
                 & (abs(x[2]) + extents[2] < limit_l) & (part > 0.0))
        y = _measured(root, x)
        square, along = _dot(y, y), (_dot(y, _three(rows, U_ROW, number)), _dot(y, _three(rows, V_ROW, number)))
        quadratic = (_at(rows, LINEAR_UU, number), _at(rows, LINEAR_UV, number), _at(rows, LINEAR_VV, number))
        over = _at(rows, OVER_UU, number)
        found[LOW_NOW + listing] = part * least_square(middle_of(0), square, along, quadratic, over) - less
        found[LOW_NOW + GROUP + listing] = part * least_square(middle_of(1), square, along, quadratic, over) - less
        found[SQUARE_NOW + listing] = square
        found[U_NOW + listing], found[V_NOW + listing] = along
        found[UU_NOW + listing], found[UV_NOW + listing], found[VV_NOW + listing] = quadratic
        _enter_three(nearest, found, POINT_NOW + listing)
        found[PLACE_NOW + listing] = nearest_place(grid, nearest, 0.0)
        found[ALONE_NOW + listing] = 1.0 if alone else 0.0
