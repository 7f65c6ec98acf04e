"""Which orientations come near a patch of pixels: the lattice points within reach of it, before any pixel is looked at.

A patch is 32 x 16 pixels, four tiles of 16 x 8 or 32 leaves.  Of a flat detector its scattering vectors are known from
its middle alone,

    q = q0 + s U + t V + d,   |s| <= 1, |t| <= 1, |d| <= rho,

with U and V the derivatives there and rho what second and third ones can add.  For an orientation that is a piece of a
plane among the lattice points: those near it are looked for column by column, and each has an ellipse of the patch
within which it counts.  What is entered of it are the leaves that the ellipse's box touches.  An orientation that has
none in a tile adds nothing there; a tile that no orientation is entered for is dark.  Derived in
docs/accuracy/culling.md.
"""

import numpy as np

from ..arithmetic.fused import ceil, floor, fma, sqrt
from ..arithmetic.vectors import dot, unit
from ..compile.compilation import inlined
from ..physics.geometry import flat_position, solid_angle
from ..physics.view import (
    incident_direction,
    is_captured,
    is_weighted,
    number_of_sources,
    photons,
    place_of_source,
    weigh_step,
)
from .certificate import LARGEST_FACTOR
from .cull import GROUP, cut_of, limits_of

__all__ = ["LARGEST_POLAR", "NEAR_SIZE", "PATCH_FAST", "PATCH_LEAVES", "PATCH_SLOW", "enter_near", "factors_of",
           "leaves_of_tile", "look_near", "patch_of", "patches_of"]

#: Pixels of a patch, and its leaves along the fast axis.
PATCH_FAST, PATCH_SLOW, PATCH_LEAVES = 32, 16, 8

#: Of the bits of leaves, the first in each row.
_FIRST_OF_ROWS = 0x01010101

#: Stands for roundings, of relative size.
_MORE, _LESS = 1.0 + 1e-9, 1.0 - 1e-9

#: Of directions: ten times what a position, its length and a quotient can lose.
_DIRECTION_ROUNDING = 1e-13

#: No polarisation factor is larger, nor negative, where the Kahn factor is within -1..1.
LARGEST_POLAR = 1.0001

#: Columns of lattice points, and points of a column, that are worth while to look at.
_MOST_COLUMNS, _MOST_POINTS = 64, 3

#: Patches that are nearly edge-on, as the form measures them, are left alone.
_LEAST_ANGLE = 1e-6

# -- rows of what is known of the orientations of a group at a patch: indices of its middle, two across the columns and
# one along them; how far these change along a column; the same as the form measures it; points of a column
(X_P, X_Q, X_M, BASE, SLOPE_P, SLOPE_Q, THICK, BU_ROW, _, _, BV_ROW, _, _, UU_ROW, UV_ROW, VV_ROW, OVER_ROW, POINT_ROW,
 AWAY_ROW) = [row * GROUP for row in range(19)]
NEAR_SIZE = 19 * GROUP
# rows of what is found of those listed: their boxes, and where F is
(LOW_S, HIGH_S, LOW_T, HIGH_T, PLACE_ROW) = [row * GROUP for row in range(5)]


@inlined
def patch_of(geometry, beam, layer, source, column, row):
    """The scattering vectors of a patch of a flat detector.

    Parameters
    ----------
    column, row : int
        Its first pixel, of the panel.

    Returns
    -------
    (q0, U, V), rho : vectors and float [1/m]
        rho is infinite where nothing is known.
    least : float
        No pixel is nearer [m].
    faces : bool
        Whether all of its pixels look at the sample from the front.
    """
    size = geometry.sub_pixel_size * geometry.oversample
    f = (np.float64(column + geometry.first_fast) + 0.5 * PATCH_FAST) * size
    s = (np.float64(row + geometry.first_slow) + 0.5 * PATCH_SLOW) * size
    depth = layer * geometry.layer_step
    middle = flat_position(geometry, f, s, depth)
    fast, slow = geometry.fast_axis, geometry.slow_axis
    wide, high = 0.5 * PATCH_FAST * size, 0.5 * PATCH_SLOW * size
    x, y = (fast[0] * wide, fast[1] * wide, fast[2] * wide), (slow[0] * high, slow[1] * high, slow[2] * high)
    xx, xy, yy = dot(x, x), dot(x, y), dot(y, y)
    # from the middle to a corner
    reach = sqrt(xx + yy + 2.0 * abs(xy)) * _MORE
    n, length = unit(middle)
    origin = geometry.origin
    sizes = (abs(f) + wide) * sqrt(dot(fast, fast)) + (abs(s) + high) * sqrt(dot(slow, slow)) + abs(depth) + sqrt(
        dot(origin, origin))
    least = (length - reach) * _LESS - _DIRECTION_ROUNDING * sizes
    nx, ny = dot(n, x), dot(n, y)
    # of steps from the middle, over the distance: squared parts across the ray, and parts along it, at most
    across = (xx - nx * nx + yy - ny * ny + 2.0 * abs(xy - nx * ny)) / (length * length)
    along = (abs(nx) + abs(ny)) / length
    sag, cubic = 0.25 * across, (reach / least) * (reach / least) * (reach / least)
    number, which = place_of_source(beam.per_direction, source)
    s0, wavelength = incident_direction(beam.directions, number), beam.wavelengths[which]
    # half the way from the middle to where the ends sag to
    q0 = ((n[0] - s0[0] - sag * n[0]) / wavelength, (n[1] - s0[1] - sag * n[1]) / wavelength,
          (n[2] - s0[2] - sag * n[2]) / wavelength)
    over = 1.0 / (length * wavelength)
    u = ((x[0] - n[0] * nx) * over, (x[1] - n[1] * nx) * over, (x[2] - n[2] * nx) * over)
    v = ((y[0] - n[0] * ny) * over, (y[1] - n[1] * ny) * over, (y[2] - n[2] * ny) * over)
    known = (least > 0.1 * length) & (least < np.inf)
    rho = (sqrt(sag * sag + along * along * across) * _MORE + 0.5 * cubic
           + _DIRECTION_ROUNDING * (sizes / least + 4.0)) / wavelength
    normal = geometry.normal
    front = dot(middle, normal) - abs(dot(x, normal)) - abs(dot(y, normal))
    return (q0, u, v), rho if known else np.inf, least, front > 1e-9 * sizes


@inlined
def factors_of(geometry, sampling, weight, least):
    """What a sum is scaled by to photons, and the largest weight of a term, at most; and the largest solid angle."""
    omega = solid_angle(geometry, least)
    return (photons(sampling, 1.0, 1.0, LARGEST_POLAR, omega) * _MORE,
            weigh_step(sampling, weight, 1.0, LARGEST_POLAR, omega) * _MORE, omega)


@inlined
def leaves_of_tile(column, row):
    """Bits of the leaves of a tile, of so many pixels from the patch's first."""
    return 0x0F0F << (column // 4 + row // 4 * PATCH_LEAVES)


@inlined
def _product(cells, j, x):
    return (fma(cells[0, j], x[0], fma(cells[1, j], x[1], cells[2, j] * x[2])),
            fma(cells[3, j], x[0], fma(cells[4, j], x[1], cells[5, j] * x[2])),
            fma(cells[6, j], x[0], fma(cells[7, j], x[1], cells[8, j] * x[2])))


@inlined
def _turned(x, m):
    """Three numbers in cyclic order, that of axis m last."""
    if m == 2:
        return x[0], x[1], x[2]
    if m == 1:
        return x[2], x[0], x[1]
    return x[1], x[2], x[0]


@inlined
def _columns_of(root, m):
    """The columns of the form's root, that of axis m last."""
    r = root
    return _turned(((r[0], 0.0, 0.0), (r[1], r[3], 0.0), (r[2], r[4], r[5])), m)


@inlined
def _cross(u, v):
    return u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]


@inlined
def _axis_of(cells, middle, vectors):
    """The axis along which the columns stand: the one that an orientation's patch is most nearly perpendicular to."""
    w = _cross(_product(cells, middle, vectors[1]), _product(cells, middle, vectors[2]))
    h, k, l = abs(w[0]), abs(w[1]), abs(w[2])
    if h >= k and h >= l:
        return 0
    return 1 if k >= l else 2


@inlined
def _enter_plane(culling, first, count, m, vectors, reach, near):
    """Enter where the patch is for each orientation of a group, and how thick the plane is along the columns.

    Returns
    -------
    low_p, high_p, low_q, high_q : float
        Between which columns there are.
    most : float
        The largest thickness; infinite where something is not known.
    """
    cells, root, least = culling.cells, culling.root, culling.least
    beyond = _turned((reach / sqrt(least[0]), reach / sqrt(least[1]), reach / sqrt(least[2])), m)
    c0, c1, c2 = _columns_of(root, m)
    for i in range(count):
        j = np.uint64(first + i)
        x, u, v = (_turned(_product(cells, j, vectors[0]), m), _turned(_product(cells, j, vectors[1]), m),
                   _turned(_product(cells, j, vectors[2]), m))
        w = _cross(u, v)
        near[X_P + i], near[X_Q + i], near[X_M + i] = x
        slope_p, slope_q = -w[0] / w[2], -w[1] / w[2]
        near[SLOPE_P + i], near[SLOPE_Q + i] = slope_p, slope_q
        near[BASE + i] = x[2] - slope_p * x[0] - slope_q * x[1]
        bu = (c0[0] * u[0] + c1[0] * u[1] + c2[0] * u[2], c0[1] * u[0] + c1[1] * u[1] + c2[1] * u[2],
              c0[2] * u[0] + c1[2] * u[1] + c2[2] * u[2])
        bv = (c0[0] * v[0] + c1[0] * v[1] + c2[0] * v[2], c0[1] * v[0] + c1[1] * v[1] + c2[1] * v[2],
              c0[2] * v[0] + c1[2] * v[1] + c2[2] * v[2])
        near[BU_ROW + i], near[BU_ROW + GROUP + i], near[BU_ROW + 2 * GROUP + i] = bu
        near[BV_ROW + i], near[BV_ROW + GROUP + i], near[BV_ROW + 2 * GROUP + i] = bv
        uu, uv, vv = dot(bu, bu), dot(bu, bv), dot(bv, bv)
        determinant = uu * vv - uv * uv
        near[UU_ROW + i], near[UV_ROW + i], near[VV_ROW + i] = uu, uv, vv
        near[OVER_ROW + i] = 1.0 / determinant
        # the length of the inverse transposed root's product with w is that of bu x bv over the root's determinant
        thick = sqrt(determinant) / (root[0] * root[3] * root[5] * abs(w[2])) * reach
        thick += 1e-9 + 1e-13 * (abs(x[2]) + abs(slope_p) * (abs(x[0]) + abs(u[0]) + abs(v[0]) + beyond[0])
                                 + abs(slope_q) * (abs(x[1]) + abs(u[1]) + abs(v[1]) + beyond[1]))
        near[THICK + i] = thick if determinant > _LEAST_ANGLE * uu * vv else np.inf
        # for a moment: how far the patch extends across the columns
        near[POINT_ROW + i], near[AWAY_ROW + i] = abs(u[0]) + abs(v[0]), abs(u[1]) + abs(v[1])
    low_p, high_p, low_q, high_q, most = np.inf, -np.inf, np.inf, -np.inf, 0.0
    for i in range(count):
        p, q, e, f = near[X_P + i], near[X_Q + i], near[POINT_ROW + i] + beyond[0], near[AWAY_ROW + i] + beyond[1]
        low_p, high_p = min(low_p, p - e), max(high_p, p + e)
        low_q, high_q = min(low_q, q - f), max(high_q, q + f)
        # what is not a number is not known
        most = most if near[THICK + i] <= most else near[THICK + i]
        most = most if p + q + e + f < np.inf else np.inf
    return low_p, high_p, low_q, high_q, most if most == most else np.inf


@inlined
def _list_points(count, p, q, further, near, lists):
    """List the orientations of a group that have a point of a column within the plane's thickness."""
    for i in range(count):
        along = fma(near[SLOPE_P + i], p, fma(near[SLOPE_Q + i], q, near[BASE + i]))
        point = ceil(along - near[THICK + i]) + further
        near[POINT_ROW + i] = point
        near[AWAY_ROW + i] = point - along - near[THICK + i]
    listed = 0
    for i in range(count):
        lists[np.uint64(listed)] = i
        listed += 1 if near[AWAY_ROW + i] <= 0.0 else 0
    return listed


@inlined
def _at(near, row, number):
    return near[np.uint64(row + np.int64(number))]


@inlined
def _enter_boxes(listed, column, turned, reach, near, lists, found):
    """Enter the boxes, in s and t, of the ellipses within which listed points count, and where F is."""
    (p, q), (c0, c1, c2), (low, high, stride) = column, turned[0], turned[1]
    # into an array of their own: a compiler need not fear that they are read again
    square = reach * reach
    place_p = (_clipped(p, low[0], high[0]) - low[0]) * stride[0]
    place_q = (_clipped(q, low[1], high[1]) - low[1]) * stride[1]
    for k in range(listed):
        i = np.uint64(lists[k])
        n = _at(near, POINT_ROW, i)
        x, y, z = p - _at(near, X_P, i), q - _at(near, X_Q, i), n - _at(near, X_M, i)
        b0, b1, b2 = (fma(c0[0], x, fma(c1[0], y, c2[0] * z)), fma(c0[1], x, fma(c1[1], y, c2[1] * z)),
                      fma(c0[2], x, fma(c1[2], y, c2[2] * z)))
        along_u = fma(b0, _at(near, BU_ROW, i), fma(b1, _at(near, BU_ROW + GROUP, i),
                                                    b2 * _at(near, BU_ROW + 2 * GROUP, i)))
        along_v = fma(b0, _at(near, BV_ROW, i), fma(b1, _at(near, BV_ROW + GROUP, i),
                                                    b2 * _at(near, BV_ROW + 2 * GROUP, i)))
        uu, uv, vv, over = (_at(near, UU_ROW, i), _at(near, UV_ROW, i), _at(near, VV_ROW, i),
                            _at(near, OVER_ROW, i))
        s = fma(along_u, vv, -along_v * uv) * over
        t = fma(along_v, uu, -along_u * uv) * over
        length = fma(b0, b0, fma(b1, b1, b2 * b2))
        left = square - length + s * along_u + t * along_v + 1e-8 * length
        # a box with nothing in it where nothing is left
        ds, dt = sqrt(left * vv * over), sqrt(left * uu * over)
        found[LOW_S + k] = s - ds if left >= 0.0 else 9.0
        found[HIGH_S + k] = s + ds
        found[LOW_T + k] = t - dt
        found[HIGH_T + k] = t + dt
        found[PLACE_ROW + k] = place_p + place_q + (_clipped(n, low[2], high[2]) - low[2]) * stride[2]


@inlined
def _clipped(x, low, high):
    x = x if x > low else low
    return x if x < high else high


#: What is added to a box for roundings: of half a patch.
_SLACK = 1e-6


@inlined
def _first_leaf(low, leaves):
    at = floor((low - _SLACK + 1.0) * (0.5 * leaves))
    return np.int64(at if at > 0.0 else 0.0)


@inlined
def _last_leaf(high, leaves):
    at = floor((high + _SLACK + 1.0) * (0.5 * leaves))
    return np.int64(at if at < leaves - 1.0 else leaves - 1.0)


@inlined
def _mark(grid, first, listed, found, lists, marks):
    """Enter the leaves of listed boxes, of points with a structure factor. Returns the bits that were entered."""
    entered, edge = np.int64(0), 1.0 + _SLACK
    for k in range(listed):
        if not (found[LOW_S + k] <= edge and found[HIGH_S + k] >= -edge and found[LOW_T + k] <= edge
                and found[HIGH_T + k] >= -edge):
            continue
        if grid.squares[np.uint64(np.int64(found[PLACE_ROW + k]))] == 0.0:
            continue
        a, b = _first_leaf(found[LOW_S + k], 8.0), _last_leaf(found[HIGH_S + k], 8.0)
        c, d = _first_leaf(found[LOW_T + k], 4.0), _last_leaf(found[HIGH_T + k], 4.0)
        rows = (_FIRST_OF_ROWS << (8 * c)) & (_FIRST_OF_ROWS >> (8 * (3 - d)))
        bits = ((2 << b) - (1 << a)) * rows
        j = first + lists[k]
        marks[j] |= np.uint32(bits)
        entered |= bits
    return entered


@inlined
def enter_near(culling, grid, vectors, limits, work, marks):
    """Enter for each orientation the leaves of a patch that it may add something to.

    Parameters
    ----------
    vectors : tuple of 3 vectors
        q0, U, V of the patch, `patch_of`.
    limits : tuple of 2 float
        How far scattering vectors are from them at most; squared distance beyond which terms do not count.
    work : tuple of arrays
        Of NEAR_SIZE, GROUP and cull.FOUND_SIZE numbers, the second of them integers.
    marks : (orientations,) uint32
        Gets a bit for each leaf, row by row.

    Returns
    -------
    int
        All bits that were entered; -1 where nothing is known of the patch, and marks are of no use.
    """
    (rho, cut), (near, lists, found) = limits, work
    total, entered = culling.cells.shape[1], np.int64(0)
    for j in range(total):
        marks[j] = 0
    if cut < 0.0:
        return entered
    # a vector d is no longer, as the form measures it, than stretch times |d|
    reach = (sqrt(cut + culling.rounding) + culling.stretch * rho) * _MORE
    if not reach < 1e100:
        return np.int64(-1)
    for first in range(0, total, GROUP):
        count = min(GROUP, total - first)
        m = _axis_of(culling.cells, np.uint64(first + count // 2), vectors)
        low_p, high_p, low_q, high_q, most = _enter_plane(culling, first, count, m, vectors, reach, near)
        if not (2.0 * most < _MOST_POINTS and (high_p - low_p + 2.0) * (high_q - low_q + 2.0) < 4.0 * _MOST_COLUMNS):
            return np.int64(-1)
        points = np.int64(2.0 * most) + 1
        turned = (_columns_of(culling.root, m),
                  (_turned(grid.low, m), _turned(grid.high, m), _turned((grid.stride_h, grid.stride_k, 1.0), m)))
        for p in range(np.int64(ceil(low_p - 1e-9)), np.int64(floor(high_p + 1e-9)) + 1):
            for q in range(np.int64(ceil(low_q - 1e-9)), np.int64(floor(high_q + 1e-9)) + 1):
                for further in range(points):
                    listed = _list_points(count, np.float64(p), np.float64(q), np.float64(further), near, lists)
                    if listed > 0:
                        _enter_boxes(listed, (np.float64(p), np.float64(q)), turned, reach, near, lists, found)
                        entered |= _mark(grid, first, listed, found, lists, marks)
    return entered


@inlined
def look_near(scene, grid, culling, corner, work, marks):
    """Enter which orientations come near a patch, for every layer and source.

    Parameters
    ----------
    corner : tuple of 2 int
        Its first pixel, of the panel.
    work : tuple of arrays
        As `enter_near` has it.
    marks : (layers x sources, orientations) uint32

    Returns
    -------
    entered : int
        The leaves that any is entered for; -1 where that is not known.
    brightest, weight, far, is_scaled : tuple
        The largest factor from a sum to photons and the largest weight of a term; what a pixel loses of the
        orientations that are not entered, at most; and whether a sum of 0 is surely 0 photons.
    """
    geometry, beam, sampling = scene.geometry, scene.beam, scene.sampling
    nothing, sources, captured = (0.0, 0.0, 0.0, False), number_of_sources(beam), is_captured(geometry, sampling)
    entered, brightest, weight, far = np.int64(0), 0.0, 0.0, 0.0
    for layer in range(geometry.layers):
        for source in range(sources):
            vectors, rho, least, faces = patch_of(geometry, beam, layer, source, corner[0], corner[1])
            if not (rho < np.inf and (faces or not captured)):
                return np.int64(-1), nothing
            _, number = place_of_source(beam.per_direction, source)
            own = beam.weights[number] if is_weighted(beam.weights) else 1.0
            factor, heavy, omega = factors_of(geometry, sampling, own, least)
            if not (factor >= 1e-60 and heavy > 1e-200 and omega < LARGEST_FACTOR):
                return np.int64(-1), nothing
            brightest, weight = max(brightest, factor), max(weight, heavy)
            # a limit of its own: what is left out here is counted with it
            tau, visible = limits_of(culling, factor, heavy, 0.0)
            leaves = enter_near(culling, grid, vectors, (rho, cut_of(culling, visible)), work,
                                marks[layer * sources + source])
            if leaves < 0:
                return np.int64(-1), nothing
            entered |= leaves
            far = max(far, tau * (2.0 * culling.cells.shape[1]))
    return entered, (brightest, weight, far, not captured or geometry.layers == 1)


#: Numbers that are kept of orientations, layers and sources at most: 8 MB.
_MOST_MARKS = 1 << 21


def patches_of(scene):
    """How many views of a patch are looked at for what comes near: layers times sources; 0 where that is not possible.

    The detector is flat, and all factors of a term but the solid angle are surely within 0..1 (polarisation: within
    0..`LARGEST_POLAR`) where it faces the sample.
    """
    geometry, beam = scene.geometry, scene.beam
    views = geometry.layers * number_of_sources(beam)
    axes = beam.polarisation_axes
    numbers = [geometry.pixel_area, geometry.close_distance, geometry.layer_step]
    if is_captured(geometry, scene.sampling):
        numbers += [geometry.attenuation, *beam.attenuations.tolist()]
    usable = (not geometry.curved and abs(beam.polarisation_fraction) <= 1.0
              and all(0.0 <= x < 1e100 for x in numbers) and bool((np.abs(axes) <= 2.0).all())
              and views * len(scene.crystal.phi_rows) * scene.crystal.domains <= _MOST_MARKS)
    return views if usable else 0
