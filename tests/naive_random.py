"""Slow plain-Python oracle of the random numbers, the photon noise and the digitised images.

Written from the specification, one number at a time, and sharing no code with the package.  Single
precision is numpy's float32 scalar, everything else a Python float; the C library's powf is called
through ctypes because numpy's may differ.
"""

import ctypes
import ctypes.util
import math

import numpy as np

F = np.float32
IM = 2147483647

_libm = ctypes.CDLL(ctypes.util.find_library("m"))
_libm.powf.restype = ctypes.c_float
_libm.powf.argtypes = [ctypes.c_float, ctypes.c_float]


class NaiveTable:
    """What the streams of one run share: last output and shuffle table."""

    def __init__(self):
        self.last = 0
        self.numbers = [0] * 32


def quotient(a, b):
    """Integer quotient rounded towards zero."""
    q = abs(a) // b
    return q if a >= 0 else -q


def next_state(i):
    k = quotient(i, 127773)
    i = 16807 * (i - k * 127773) - 2836 * k
    return i + IM if i < 0 else i


class NaiveStream:
    """One stream; `seed` as on the command line."""

    def __init__(self, seed, table=None):
        self.i = -seed
        self.table = NaiveTable() if table is None else table
        self.old = F(-1)
        self.sq = self.log = self.g = F(0)
        self.spare = None

    def uniform(self):
        t = self.table
        if self.i <= 0 or t.last == 0:
            self.i = max(1, -self.i)
            for j in reversed(range(40)):
                self.i = next_state(self.i)
                if j < 32:
                    t.numbers[j] = self.i
            t.last = t.numbers[0]
        self.i = next_state(self.i)
        j = quotient(t.last, 67108864)
        t.last = t.numbers[j]
        t.numbers[j] = self.i
        r = F((1.0 / IM) * t.last)
        return F(1.0 - 1.2e-7) if float(r) > 1.0 - 1.2e-7 else r

    def gaussian(self):
        if self.spare is not None:
            value, self.spare = self.spare, None
            return value
        while True:
            a = F(2.0 * float(self.uniform()) - 1.0)
            b = F(2.0 * float(self.uniform()) - 1.0)
            r = F(a * a) + F(b * b)
            if 0 < r < 1:
                break
        factor = F(math.sqrt(-2.0 * math.log(float(r)) / float(r)))
        self.spare = a * factor
        return b * factor

    def poisson(self, x):
        x = F(x)
        with np.errstate(all="ignore"):
            if x > 1e6:
                return F(np.float64(x) + np.sqrt(np.float64(x)) * np.float64(self.gaussian()))
            if x < 12:
                return self._by_product(x)
            return self._by_rejection(x)

    def _by_product(self, x):
        if x != self.old:
            self.old = x
            self.g = F(np.exp(-np.float64(x))) if -float(x) > 700 else F(math.exp(-float(x)))
        n = 0
        t = F(1) * self.uniform()
        while t > self.g:
            n += 1
            t = t * self.uniform()
        return F(n)

    def _by_rejection(self, x):
        if x != self.old:
            self.old = x
            self.sq = F(math.sqrt(2.0 * float(x)))
            self.log = F(math.log(float(x)))
            self.g = x * self.log - naive_log_gamma(F(float(x) + 1.0))
        while True:
            while True:
                y = F(math.tan(math.pi * float(self.uniform())))
                em = self.sq * y + x
                if not em < 0:
                    break
            em = F(np.floor(np.float64(em)))
            e = em * self.log - naive_log_gamma(F(float(em) + 1.0)) - self.g
            t = F(0.9 * (1.0 + float(y * y)) * math.exp(float(e)))
            if not self.uniform() > t:
                return em

    def rotation(self, m):
        """Random rotation matrix, rows."""
        r1, r2, r3 = (2.0 * float(self.uniform()) - 1.0 for _ in range(3))
        xy = math.sqrt(1.0 - r2 * r2)
        rot = float(F(m) * F(_libm.powf(F(1.0 - r3 * r3), F(1.0 / 3.0))))
        v = [xy * math.sin(math.pi * r1), xy * math.cos(math.pi * r1), r2]
        c, s = math.cos(rot), math.sin(rot)
        t = 1.0 - c
        u = [[c + t * (v[0] * v[0]), 0, 0], [0, c + t * (v[1] * v[1]), 0], [0, 0, c + t * (v[2] * v[2])]]
        for i, j, k, sign in ((0, 1, 2, 1), (0, 2, 1, -1), (1, 2, 0, 1)):
            symmetric, skew = t * v[i] * v[j], s * v[k] * sign
            u[i][j], u[j][i] = symmetric - skew, symmetric + skew
        return u


def naive_log_gamma(x):
    x = float(x)
    q = x + 5.5
    q = q - (x + 0.5) * math.log(q)
    total, y = 1.000000000190015, x
    for c in (76.18009172947146, -86.50532032941677, 24.01409824083091, -1.231739572450155,
              0.1208650973866179e-2, -0.5395239384953e-5):
        y += 1
        total += c / y
    return F(-q + math.log(2.5066282746310005 * total / x))


def naive_int(x):
    """A double as x86 makes it a 32-bit integer."""
    if math.isnan(x) or math.isinf(x) or not -2**31 <= math.trunc(x) < 2**31:
        return -2**31
    return math.trunc(x)


def pixels(shape, roi):
    """Indices in the region of interest (ends included), row by row."""
    for slow in range(shape[0]):
        for fast in range(shape[1]):
            if roi[0] <= fast <= roi[1] and roi[2] <= slow <= roi[3]:
                yield slow, fast


def naive_noise(image, roi, adc, stream):
    """Noise image, sum of counts, overloads."""
    out = np.zeros(image.shape, dtype=np.uint16)
    total, overloads = 0.0, 0
    for at in pixels(image.shape, roi):
        n = float(stream.poisson(image[at]))
        total += n
        t = n + adc
        if t > 65535.0:
            t = 65535.0
            overloads += 1
        out[at] = naive_int(t) % 65536
    return out, total, overloads


def naive_counts(image, roi, stream):
    """Poisson deviates."""
    out = np.zeros(image.shape, dtype=np.float32)
    for at in pixels(image.shape, roi):
        out[at] = stream.poisson(image[at])
    return out


def naive_integer(image, roi, scale, adc):
    """Integer image."""
    out = np.zeros(image.shape, dtype=np.uint16)
    for at in pixels(image.shape, roi):
        t = float(image[at]) * scale + adc
        t = 65535.0 if t > 65535.0 else 0.0 if t < 0.0 else t
        out[at] = 0 if math.isnan(t) else int(np.floor(F(t + 0.5)))
    return out


def naive_grey(image, roi, scale):
    """Grey image."""
    out = np.zeros(image.shape, dtype=np.uint8)
    for at in pixels(image.shape, roi):
        t = float(image[at]) * scale
        out[at] = naive_int(255.0 if t > 255.0 else t) % 256
    return out


def naive_statistics(image, roi, mask=None):
    """Maximum, its place, sums, count, mean, rms, rms deviation."""
    largest, place = 0.0, (-1, -1)
    total = squares = 0.0
    count = 0
    with np.errstate(all="ignore"):
        for at in pixels(image.shape, roi):
            if mask is not None and not mask[at]:
                continue
            if image[at] > largest:
                largest, place = float(image[at]), at
            total += float(image[at])
            squares += float(image[at] * image[at])
            count += 1
    mean = total / max(count, 1)
    rms = math.sqrt(squares / ((count if count > 1 else 2) - 1))
    deviations, inside = 0.0, 0
    for at in pixels(image.shape, roi):
        deviations += (float(image[at]) - mean) ** 2
        inside += 1
    rmsd = math.sqrt(deviations / ((inside if inside > 1 else 2) - 1))
    return largest, *place, total, squares, count, mean, rms, rmsd
