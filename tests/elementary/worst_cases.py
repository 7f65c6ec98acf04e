"""Doubles nearest to multiples of pi, and a proof of how near they come.

The distance of m * 2**s from k * pi is 2**s times the distance of k * (pi / 2**s) from an integer, and
no k up to a limit comes nearer to an integer than the denominator of the last convergent below it
(best approximations of the second kind).  So one continued fraction per binade gives the smallest
distance that any double of that binade can have.
"""

from fractions import Fraction

import mpmath
import numpy as np

DIGITS = 120

# The hardest arguments: in each range 2**i <= k < 2**(i + 1), the k whose multiple of pi has the nearest
# double, that double, and the distance, by trying all k; made by running this file.
HARDEST = (
    (1, "0x1.921fb54442d18p+1", 1.2246467991473532e-16),
    (2, "0x1.921fb54442d18p+2", 2.4492935982947064e-16),
    (4, "0x1.921fb54442d18p+3", 4.898587196589413e-16),
    (8, "0x1.921fb54442d18p+4", 9.797174393178826e-16),
    (29, "0x1.6c6cbc45dc8dep+6", 1.2379612731767154e-18),
    (58, "0x1.6c6cbc45dc8dep+7", 2.475922546353431e-18),
    (116, "0x1.6c6cbc45dc8dep+8", 4.951845092706862e-18),
    (232, "0x1.6c6cbc45dc8dep+9", 9.903690185413723e-18),
    (464, "0x1.6c6cbc45dc8dep+10", 1.9807380370827447e-17),
    (928, "0x1.6c6cbc45dc8dep+11", 3.9614760741654893e-17),
    (1856, "0x1.6c6cbc45dc8dep+12", 7.922952148330979e-17),
    (3712, "0x1.6c6cbc45dc8dep+13", 1.5845904296661957e-16),
    (7424, "0x1.6c6cbc45dc8dep+14", 3.1691808593323915e-16),
    (14479, "0x1.635e3d74befcap+15", 3.6197476400270156e-16),
    (29327, "0x1.67e57cdd4dc54p+16", 2.7186140786377673e-16),
    (58285, "0x1.65a1dd290660fp+17", 4.520881201416264e-16),
    (87981, "0x1.0dec1da5fa53fp+18", 8.155842235913302e-16),
    (204551, "0x1.39c6fd67805a7p+19", 8.859201669192259e-17),
    (409102, "0x1.39c6fd67805a7p+20", 1.7718403338384517e-16),
    (818204, "0x1.39c6fd67805a7p+21", 3.5436806676769034e-16),
    (1081409, "0x1.9eb7148f354d6p+21", 1.007627322679405e-16),
    (2162818, "0x1.9eb7148f354d6p+22", 2.01525464535881e-16),
    (4325636, "0x1.9eb7148f354d6p+23", 4.03050929071762e-16),
    (9206271, "0x1.b951f1572eba5p+24", 3.3970076597972008e-18),
    (18412542, "0x1.b951f1572eba5p+25", 6.7940153195944015e-18),
    (36825084, "0x1.b951f1572eba5p+26", 1.3588030639188803e-17),
)


def _pi():
    with mpmath.workdps(DIGITS):
        return Fraction(int(mpmath.floor(mpmath.pi * mpmath.mpf(2) ** 380)), 2**380)


PI = _pi()


def smallest_distance_in_binade(exponent):
    """Lower bound of |x - k pi| over the doubles 2**exponent <= x < 2**(exponent + 1) and all k >= 1."""
    step = Fraction(2) ** (exponent - 52)
    ratio = PI / step
    limit = int(Fraction(2) ** (exponent + 1) / PI) + 1
    # convergents of the ratio; a denominator is a k
    before, now = (0, 1), (1, 0)
    rest = ratio
    best = None
    while True:
        whole = rest.numerator // rest.denominator
        before, now = now, (whole * now[0] + before[0], whole * now[1] + before[1])
        if now[1] > limit:
            return float(best)
        best = abs(now[1] * ratio - now[0]) * step
        rest = 1 / (rest - whole)


def smallest_distance(largest):
    """Smallest distance of any double 1 <= x <= largest from a multiple of pi: a lower bound."""
    top = int(np.floor(np.log2(largest)))
    return min(smallest_distance_in_binade(e) for e in range(0, top + 1))


def _parts_of_pi(bits, count):
    rest, result = PI, []
    for _ in range(count):
        exponent = 0
        while rest * 2**exponent < 2 ** (bits - 1):
            exponent += 1
        scaled = rest * 2**exponent
        chopped = scaled.numerator // scaled.denominator
        result.append(np.ldexp(np.longdouble(chopped), -exponent))
        rest -= Fraction(chopped, 2**exponent)
    return result


PI_PARTS = _parts_of_pi(36, 4)


def remainder(x, k):
    """x - k pi as long doubles of 64 bits, for integers |k| < 2**27: relative error below 2**-62.

    Parts of 36 bits times k are exact; the first three differences are multiples of the last bit of
    the part and small enough to be exact, or large enough for their rounding not to matter.
    """
    result = np.asarray(x, dtype=np.longdouble)
    k = np.asarray(k, dtype=np.longdouble)
    for part in PI_PARTS:
        result = result - k * part
    return result


def closest_doubles(k):
    """The doubles nearest to k pi and their signed distances from it (long doubles), for integers k."""
    k = np.asarray(k, dtype=np.longdouble)
    x = (k * (PI_PARTS[0] + PI_PARTS[1])).astype(np.float64)
    return x, remainder(x, k)


def hardest(low, high, chunk=2**18):
    """(k, x, distance) for the k in [low, high) that has a double x nearest to k pi, by trying all k."""
    best = (np.inf, 0, 0.0)
    for start in range(low, high, chunk):
        k = np.arange(start, min(high, start + chunk))
        x, distance = closest_doubles(k)
        i = int(np.argmin(abs(distance)))
        best = min(best, (float(abs(distance[i])), int(k[i]), float(x[i])))
    return best[1], best[2], best[0]


if __name__ == "__main__":
    for power in range(26):
        k, x, distance = hardest(2**power, 2 ** (power + 1))
        print(f'    ({k}, "{x.hex()}", {distance!r}),')
