"""Oracle in plain Python: arithmetic of IEEE 754, vectors, detector, sources and per-pixel geometry.

Written from the formulas alone and importing nothing of the program under test; slow on purpose.
Vectors are tuples (x, y, z).  Sums and products stand in the order in which they are evaluated.
Where Python raises, the arithmetic here goes on as the processor does, so that NaN and infinity
come out where the formulas put them.
"""

import math
import struct

DBL_MIN = 2.2250738585072014e-308
RTD = 180.0 * (1.0 / math.pi)

#: What x86-64 makes of an invalid operation: a quiet NaN whose sign bit is set.
INVALID = struct.unpack("<d", b"\x00\x00\x00\x00\x00\x00\xf8\xff")[0]


def quotient(a, b):
    """a / b, with infinity for x/0 and NaN for 0/0."""
    if b != 0.0:
        return a / b
    if math.isnan(a):
        return a
    return INVALID if a == 0.0 else math.copysign(math.inf, a) * math.copysign(1.0, b)


def root(x):
    """sqrt(x), NaN below zero."""
    return INVALID if x < 0.0 else math.sqrt(x)


def sine(x):
    """sin(x) of the C library, NaN at infinity."""
    return INVALID if math.isinf(x) else math.sin(x)


def cosine(x):
    """cos(x) of the C library, NaN at infinity."""
    return INVALID if math.isinf(x) else math.cos(x)


def exponential(x):
    """exp(x) of the C library, infinity on overflow."""
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf


def whole(x):
    """int(x) toward zero; out of range and NaN give -2**31, as on x86-64."""
    if not -2147483649.0 < x < 2147483648.0:
        return -2147483648
    return int(x)


def ceiling(x):
    """ceil(x) as a double."""
    return float(math.ceil(x)) if math.isfinite(x) else x


def nearest(x):
    """int(ceil(x - 0.5)): the nearest whole number, halves go down."""
    return whole(ceiling(x - 0.5))


def wrapped(n):
    """n modulo 2**32 as a signed 32-bit number."""
    return (n + 2147483648) % 4294967296 - 2147483648


# -- vectors


def dot(x, y):
    """x1*y1 + x2*y2 + x3*y3."""
    return x[0] * y[0] + x[1] * y[1] + x[2] * y[2]


def cross(x, y):
    """(x2*y3 - x3*y2, x3*y1 - x1*y3, x1*y2 - x2*y1)."""
    return (x[1] * y[2] - x[2] * y[1], x[2] * y[0] - x[0] * y[2], x[0] * y[1] - x[1] * y[0])


def magnitude(v):
    """sqrt(v1*v1 + v2*v2 + v3*v3)."""
    return root(v[0] * v[0] + v[1] * v[1] + v[2] * v[2])


def unitize(v):
    """(v / |v|, |v|), zeros where |v| is zero."""
    m = magnitude(v)
    if m != 0.0:
        return (v[0] / m, v[1] / m, v[2] / m), m
    return (0.0, 0.0, 0.0), m


def scale(v, factor):
    """(factor*v1, factor*v2, factor*v3)."""
    return (factor * v[0], factor * v[1], factor * v[2])


def rescale(v, length):
    """v made `length` long: (length/|v|)*v, |v| taken as 1 if it is not positive."""
    m = magnitude(v)
    if m <= 0.0:
        m = 1.0
    return scale(v, length / m)


def rotate(v, phi_x, phi_y, phi_z):
    """v turned about x, then y, then z; an angle of exactly zero is skipped."""
    x, y, z = v
    if phi_x != 0.0:
        c, s = cosine(phi_x), sine(phi_x)
        y, z = y * c + z * (-s), y * s + z * c
    if phi_y != 0.0:
        c, s = cosine(phi_y), sine(phi_y)
        # the term with zero is kept: it matters for infinity and NaN
        x, z = x * c + y * 0.0 + z * s, x * (-s) + y * 0.0 + z * c
    if phi_z != 0.0:
        c, s = cosine(phi_z), sine(phi_z)
        x, y = x * c + y * (-s), x * s + y * c
    return (x, y, z)


def rotate_axis(v, axis, phi):
    """Rodrigues' formula: axis*(axis.v)*(1-cos) + v*cos + (axis x v)*sin; no shortcut at zero."""
    s, c = sine(phi), cosine(phi)
    along = (axis[0] * v[0] + axis[1] * v[1] + axis[2] * v[2]) * (1.0 - c)
    return (axis[0] * along + v[0] * c + (-axis[2] * v[1] + axis[1] * v[2]) * s,
            axis[1] * along + v[1] * c + (axis[2] * v[0] - axis[0] * v[2]) * s,
            axis[2] * along + v[2] * c + (-axis[1] * v[0] + axis[0] * v[1]) * s)


def rotate_umat(v, u):
    """U v for a matrix given as nine numbers, row by row."""
    return (u[0] * v[0] + u[1] * v[1] + u[2] * v[2],
            u[3] * v[0] + u[4] * v[1] + u[5] * v[2],
            u[6] * v[0] + u[7] * v[1] + u[8] * v[2])


# -- detector


def detector_size(p):
    """(pixels_f, pixels_s, size_f, size_s): pixel counts given beat the size given (4.1)."""
    size_f = p.pixel_size * p.pixels_f if p.pixels_f != 0 else p.detector_size_f
    size_s = p.pixel_size * p.pixels_s if p.pixels_s != 0 else p.detector_size_s
    return (nearest(quotient(size_f, p.pixel_size)), nearest(quotient(size_s, p.pixel_size)), size_f, size_s)


#: convention: beam, fast, slow, normal, twotheta axis, polarisation, spindle, pivot (4.3)
CONVENTIONS = {
    "adxv": ((0.0, 0.0, 1.0), (1.0, 0.0, 0.0), (0.0, -1.0, 0.0), (0.0, 0.0, 1.0),
             (-1.0, 0.0, 0.0), (1.0, 0.0, 0.0), (1.0, 0.0, 0.0), "beam"),
    "mosflm": ((1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.0, -1.0, 0.0), (1.0, 0.0, 0.0),
               (0.0, 0.0, -1.0), (0.0, 0.0, 1.0), (0.0, 0.0, 1.0), "beam"),
    "xds": ((0.0, 0.0, 1.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0),
            (1.0, 0.0, 0.0), (1.0, 0.0, 0.0), (1.0, 0.0, 0.0), "sample"),
    "dials": ((0.0, 0.0, 1.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0),
              (0.0, 1.0, 0.0), (0.0, 1.0, 0.0), (0.0, 1.0, 0.0), "sample"),
}
CONVENTIONS["denzo"] = CONVENTIONS["mosflm"]
VECTORS = ("beam", "f", "s", "o", "twotheta_axis", "polarisation", "spindle", "pivot")


def given(value, default):
    """value, or the default if value is NaN."""
    return default if math.isnan(value) else value


def beam_centre(p):
    """Xbeam, Ybeam, Fbeam, Sbeam, Fclose, Sclose and the convention's vectors as given (4.3)."""
    size_f, size_s = detector_size(p)[2:]
    pixel = p.pixel_size
    f_close = (size_f - 0 * pixel) / 2.0 if math.isnan(p.origin_x) else (p.origin_x - 0.5) * pixel
    s_close = (size_s + 0 * pixel) / 2.0 if math.isnan(p.origin_y) else (p.origin_y - 0.5) * pixel
    x_close, y_close = given(p.close_x, f_close), given(p.close_y, s_close)
    if p.convention == "adxv":
        x = given(p.beam_x, (size_f + pixel) / 2.0)
        y = given(p.beam_y, (size_s - pixel) / 2.0)
        f_beam, s_beam = x, size_s - y
    elif p.convention in ("mosflm", "denzo"):
        half = 0.5 if p.convention == "mosflm" else 0.0
        x = given(p.beam_x, (size_s + pixel) / 2.0)
        y = given(p.beam_y, (size_f + pixel) / 2.0)
        f_beam, s_beam = y + half * pixel, x + half * pixel
    else:
        x, y = given(p.beam_x, x_close), given(p.beam_y, y_close)
        f_beam, s_beam = x, y
    if p.convention == "custom":
        f_close, s_close = x, y
        vectors = (p.beam_vector, p.fast_axis, p.slow_axis, p.normal,
                   p.twotheta_axis, p.polarisation_axis, p.spindle_axis, p.pivot)
    else:
        vectors = CONVENTIONS[p.convention]
    result = dict(zip(VECTORS, vectors))
    result.update(Xbeam=x, Ybeam=y, Xclose=x_close, Yclose=y_close, Fbeam=f_beam, Sbeam=s_beam,
                  Fclose=f_close, Sclose=s_close)
    return result


def normalised(centre):
    """The vectors of 4.3 made unit vectors, and the vertical = beam x polarisation (4.4).

    The normal becomes f x s unless its length is exactly one; the two-theta axis stays as it is.
    """
    result = dict(centre)
    for name in ("beam", "f", "s", "polarisation", "spindle"):
        result[name] = unitize(tuple(float(v) for v in centre[name]))[0]
    result["o"], length = unitize(tuple(float(v) for v in centre["o"]))
    if length != 1.0:
        result["o"] = unitize(cross(result["f"], result["s"]))[0]
    result["vertical"] = unitize(cross(result["beam"], result["polarisation"]))[0]
    return result


def detector(p):
    """Position and axes of the detector, and what follows from them (4.5), as a dict."""
    d = normalised(beam_centre(p))
    turn = (p.rotation_x, p.rotation_y, p.rotation_z)
    beam, axis, pixel = d["beam"], d["twotheta_axis"], p.pixel_size
    f, s, o = d["f"], d["s"], d["o"]
    ratio = dot(beam, rotate(o, *turn))  # two-theta is left out here (Q25)
    if ratio == 0.0:
        ratio = DBL_MIN
    close = p.close_distance
    if math.isnan(close):
        close = abs(ratio * p.distance)
    distance = close / ratio
    if d["pivot"] == "sample":
        pix0 = tuple(-d["Fclose"] * f[i] - d["Sclose"] * s[i] + close * o[i] for i in range(3))
        pix0 = rotate_axis(rotate(pix0, *turn), axis, p.twotheta)
    f, s, o = (rotate_axis(rotate(v, *turn), axis, p.twotheta) for v in (f, s, o))
    if d["pivot"] == "beam":
        pix0 = tuple(-d["Fbeam"] * f[i] - d["Sbeam"] * s[i] + distance * beam[i] for i in range(3))
    close = dot(pix0, o)
    distance = close / ratio
    near = tuple(close / ratio * beam[i] - pix0[i] for i in range(3))
    f_close, s_close = -dot(pix0, f), -dot(pix0, s)
    d.update(pix0=pix0, f=f, s=s, o=o, ratio=ratio, close_distance=close, distance=distance,
             Fclose=f_close, Sclose=s_close, Fbeam=dot(f, near), Sbeam=dot(s, near),
             ORGX=f_close / pixel + 0.5, ORGY=s_close / pixel + 0.5,
             dials_origin=(1000.0 * dot(pix0, (0.0, 0.0, 1.0)), 1000.0 * dot(pix0, (0.0, 1.0, 0.0)),
                           1000.0 * dot(pix0, (-1.0, 0.0, 0.0))))
    return d


# -- sources


def sources(wavelength, d, h_grid, v_grid, dispersion, round_divergence, table=None):
    """[(unit direction, wavelength)]: every source, wavelength innermost (4.12).

    Grids are (steps, range, step) as the step rules leave them; d holds beam, polarisation and
    vertical.  A table of (X, Y, Z, intensity, wavelength) rows, NaN for a default, beats the grid.
    """
    found = []
    back = scale(d["beam"], -10.0)
    if table is not None:
        for x, y, z, _, length in table:
            at = tuple(given(float(v), back[i]) for i, v in enumerate((x, y, z)))
            found.append((unitize(at)[0], given(float(length), wavelength)))
        return found
    h_steps, h_range, h_step = h_grid
    v_steps, v_range, v_step = v_grid
    d_steps, d_range, d_step = dispersion
    for i in range(h_steps):
        h = h_step * i - h_range / 2.0
        for j in range(v_steps):
            v = v_step * j - v_range / 2.0
            t = quotient(quotient(h * h - h_step * h_step / 4.0 * (1 - h_steps % 2), h_range), h_range)
            t = t + quotient(quotient(v * v - v_step * v_step / 4.0 * (1 - v_steps % 2), v_range), v_range)
            if round_divergence and t * 4.0 > 1.1:
                continue
            at = rotate_axis(back, d["polarisation"], v)
            at = rotate_axis(at, d["vertical"], h)
            for k in range(d_steps):
                found.append((unitize(at)[0], wavelength * (1.0 + d_step * k - d_range / 2.0)))
    return found


# -- one sub-pixel


def subpixel_centre(index, sub, oversample, subpixel):
    """Distance from the detector's corner to a sub-pixel's middle along one axis (5.2 step 1)."""
    return subpixel * (index * oversample + sub) + subpixel / 2.0


def position(f_det, s_det, o_det, d):
    """Fdet*f + Sdet*s + Odet*o + pix0 (5.2 step 2)."""
    f, s, o, pix0 = d["f"], d["s"], d["o"], d["pix0"]
    return tuple(f_det * f[i] + s_det * s[i] + o_det * o[i] + pix0[i] for i in range(3))


def curved(flat, d):
    """The flat position rolled onto a sphere about the sample (5.2 step 3)."""
    at = scale(d["beam"], d["distance"])
    at = rotate_axis(at, d["s"], quotient(flat[1], d["distance"]))
    return rotate_axis(at, d["f"], quotient(flat[2], d["distance"]))


def solid_angle(pixel, airpath, close_distance, point_pixel):
    """pixel*pixel/airpath/airpath*close_distance/airpath; 1/airpath/airpath for a point (5.2)."""
    if point_pixel:
        return quotient(quotient(1.0, airpath), airpath)
    return quotient(quotient(quotient(pixel * pixel, airpath), airpath) * close_distance, airpath)


def capture_fraction(layer, step, mu, parallax):
    """exp(-t*step*mu/parallax) - exp(-(t+1)*step*mu/parallax) (5.2 step 7)."""
    return (exponential(quotient(float(-layer) * step * mu, parallax))
            - exponential(quotient(float(-(layer + 1)) * step * mu, parallax)))
