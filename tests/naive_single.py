"""Single precision operation by operation, by numpy: the oracle for the bits of `precision="single"`.

Of ours it knows the constants only.  Every array is float32 unless a comment says otherwise, and so
is every result: numpy rounds each operation of two such arrays once.
"""

import numpy as np

from numbragg.kernels.arithmetic import elementary_single as single

F = np.float32


def fused(a, b, c):
    """a * b + c for float32 arrays, rounded once.

    The product is exact in double; the sum is rounded to odd there, so that rounding it again to
    float32 is right.
    """
    product, c = a.astype("f8") * b, np.broadcast_to(np.float64(c), a.shape)
    total = product + c
    part = total - product
    error = (product - (total - part)) + (c - part)
    bits = total.view("i8")
    towards = np.where((error > 0) == (total > 0), 1, -1)
    odd = np.where((error != 0) & (bits & 1 == 0), bits + towards, bits).view("f8")
    return odd.astype(F)


def emulated_sine(r):
    """sine_pi_polynomial by numpy."""
    z = r * r
    q = fused(np.full_like(z, single.SINE_PI[3]), z, single.SINE_PI[2])
    q = fused(q, z, single.SINE_PI[1])
    q = fused(q, z, single.SINE_PI[0])
    t = fused(q, z, single.PI_PARTS[1])
    return fused(r, np.full_like(r, single.PI_PARTS[0]), r * t)


def emulated_cosine(r):
    """cosine_pi_polynomial by numpy."""
    z = r * r
    c = np.full_like(z, single.COSINE_PI[5])
    for coefficient in single.COSINE_PI[4::-1]:
        c = fused(c, z, coefficient)
    return c


def emulated_exp(x):
    """exp_negative_single by numpy."""
    shifted = fused(x, np.full_like(x, single.ONE_OVER_LOG_2), single.EXPONENT_ROUNDER)
    k = shifted - single.EXPONENT_ROUNDER
    r = fused(-k, np.full_like(x, single.LOG_2_PARTS[1]), fused(-k, np.full_like(x, single.LOG_2_PARTS[0]), x))
    p = np.full_like(r, single.EXP[6])
    for coefficient in single.EXP[5::-1]:
        p = fused(p, r, coefficient)
    return np.where(x < single.EXP_SMALLEST, F(0), p * np.ldexp(F(1), k.astype(int)).astype(F))


def emulated_sphere(y):
    """sphere_transform_single by numpy."""
    x = y * single.PI_PARTS[0]
    z = x * x
    q = np.full_like(z, single.SPHERE[6])
    for coefficient in single.SPHERE[5::-1]:
        q = fused(q, z, coefficient)
    near = y <= F(0.5)
    inverse = F(1) / np.where(near, F(1), x)
    r = y - np.floor(y + F(0.5))
    far = F(3) * fused(emulated_sine(r), inverse, -emulated_cosine(r)) * inverse * inverse
    return np.where(near, q, far)


def emulated_parallelepiped(f, g, h, n):
    """parallelepiped_single by numpy."""
    def limited(x):
        return np.where(np.abs(x) >= single.SMALLEST_FRACTION, x, single.SMALLEST_FRACTION)

    def many(x, count):
        k = (F(count) * x + single.ROUNDER) - single.ROUNDER
        return emulated_sine(fused(np.full_like(x, count), x, -k))

    def product(a, b, c):
        p = a * b
        return fused(p, c, fused(a, b, -p) * c)

    f, g, h = limited(f), limited(g), limited(h)
    return (product(many(f, n[0]), many(g, n[1]), many(h, n[2]))
            / product(emulated_sine(f), emulated_sine(g), emulated_sine(h)))


def _squared_distance(f, g, h, n, stars):
    x, y, z = (f * F(stars[i]) + g * F(stars[3 + i]) + h * F(stars[6 + i]) for i in range(3))
    total = x * x + y * y + z * z
    for count in n:
        total = total * F(count) * F(count)
    return total


def squared_lattice_factor(shape, f, g, h, n_cells, stars, fudge):
    """Squared lattice factor of fractions f, g, h of the indices (float32 arrays)."""
    n = [F(count) for count in n_cells]
    many = F(float(n_cells[0]) * float(n_cells[1]) * float(n_cells[2]))
    if shape == "square":
        factor = np.ones_like(f) if max(n_cells) <= 1 else emulated_parallelepiped(f, g, h, n)
        return factor * factor
    if shape == "round":
        r = f * f * n[0] * n[0] + g * g * n[1] * n[1] + h * h * n[2] * n[2]
        factor = many * F(0.723601254558268) * emulated_sphere(np.sqrt(r * F(fudge)))
        return factor * factor
    r = _squared_distance(f, g, h, n, stars)
    if shape == "gauss":
        return many * many * emulated_exp(r * F(-2.0 / 0.63 * fudge))
    return np.where(r * F(fudge) < F(0.3969), many * many, F(0))


def interpolated(values, t):
    """Tricubic interpolation in 4 x 4 x 4 float32 values at the fractions t within the middle cell."""
    def weights(x):
        d0, d2, d3 = x + F(1), x - F(1), x - F(2)
        return (-(x * d2 * d3 * F(1 / 6)), d0 * d2 * d3 * F(0.5), -(d0 * x * d3 * F(0.5)), d0 * x * d2 * F(1 / 6))

    for x in t[::-1]:
        w = weights(F(x))
        values = values[..., 0] * w[0] + values[..., 1] * w[1] + values[..., 2] * w[2] + values[..., 3] * w[3]
    return values


def summed(start, terms):
    """Terms added to a start one after the other, in float32."""
    total = F(start)
    for term in terms:
        total = total + term
    return float(total)


def summed_by_neumaier(start, terms):
    """The same with the compensation of Neumaier, as his paper has it."""
    total, correction = F(start), F(0)
    for term in terms:
        now = total + term
        if abs(total) >= abs(term):
            correction = correction + ((total - now) + term)
        else:
            correction = correction + ((term - now) + total)
        total = now
    return float(total) + float(correction)
