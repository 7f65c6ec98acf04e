"""Prints the series of kernels/detector/poisson.py, in fractions until the last step.

With a the shape of a gamma distribution, z a standard normal deviate and s = z / sqrt(a), the quantile of the same
probability is T = a L(s; 1/a), L = L0(s) + L1(s)/a + L2(s)/a**2 ...  Equal probabilities mean dT/dz = normal density
over gamma density, or, with the scaled gamma function G* = 1 + 1/(12 a) + ... (Stirling),

    dL/ds = G* L exp(a (L - 1 - log L - s**2/2)).

The leading order makes the exponent finite: L0 - 1 - log L0 = s**2/2.  With L = L0 (1 + w), w = w1/a + w2/a**2 ...,
the logarithm of both sides is, order by order, an equation for the next w that needs no integration:

    log(L0'/L0) + log(1 + (L0/L0') w'/(1 + w)) = log G* + a (L0 w - log(1 + w)).

The count's continuation x at the mean m solves T = m for the shape, at the deviate -z: x = m B(z / sqrt(m); 1/m).
"""

from fractions import Fraction

TERMS = 16
ORDERS = 3
#: Degrees that are kept, by order.
GAMMA_DEGREES, POISSON_DEGREES = (12, 8, 6, 4), (10, 6, 3, 1)
#: log G* in powers of 1/a.
STIRLING = (Fraction(0), Fraction(1, 12), Fraction(0), Fraction(-1, 360))


# -- power series in s: lists of fractions


def zero():
    return [Fraction(0)] * TERMS


def constant(c):
    return [Fraction(c), *zero()[1:]]


def plus(a, b):
    return [x + y for x, y in zip(a, b)]


def scaled(a, c):
    return [x * c for x in a]


def times(a, b):
    made = zero()
    for i, x in enumerate(a):
        if x:
            for j in range(TERMS - i):
                made[i + j] += x * b[j]
    return made


def inverse(a):
    made = [1 / a[0]]
    for n in range(1, TERMS):
        made.append(-sum(a[i] * made[n - i] for i in range(1, n + 1)) / a[0])
    return made


def derivative(a):
    return [a[i + 1] * (i + 1) for i in range(TERMS - 1)] + [Fraction(0)]


def logarithm(a):
    """Of a series that begins with 1."""
    ratio = times(derivative(a), inverse(a))
    return [Fraction(0)] + [ratio[i] / (i + 1) for i in range(TERMS - 1)]


def power(a, exponent):
    """Of a series that begins with 1."""
    made = [Fraction(1)]
    for n in range(1, TERMS):
        made.append(sum((exponent * i - (n - i)) * a[i] * made[n - i] for i in range(1, n + 1)) / n)
    return made


def without_first(a):
    """The series over s."""
    assert a[0] == 0
    return a[1:] + [Fraction(0)]


# -- series in 1/a of such series


def products(a, b):
    made = [zero() for _ in range(ORDERS + 1)]
    for i in range(ORDERS + 1):
        for j in range(ORDERS + 1 - i):
            made[i + j] = plus(made[i + j], times(a[i], b[j]))
    return made


def composed(coefficients, w):
    """sum c_i w**i."""
    made = [zero() for _ in range(ORDERS + 1)]
    raised = [constant(1)] + [zero() for _ in range(ORDERS)]
    for c in coefficients:
        made = [plus(x, scaled(y, c)) for x, y in zip(made, raised)]
        raised = products(raised, w)
    return made


def implicit(right):
    """y = s + ... for which right(y), whose coefficient n grows by (n + 1) y_n, is zero."""
    y = zero()
    y[1] = Fraction(1)
    for n in range(2, TERMS):
        y[n] = Fraction(0)
        y[n] = -right(y)[n] / (n + 1)
    return y


def gamma_series():
    """L, by order: lists of coefficients of s.  The last coefficients of higher orders are not yet right."""
    s = [Fraction(0), Fraction(1), *zero()[2:]]
    # y y' = s (1 + y), y = L0 - 1
    y = implicit(lambda y: plus(times(derivative(y), y), scaled(times(s, plus(constant(1), y)), -1)))
    over_slope = without_first(y)
    over_y = inverse(over_slope)
    w = [zero() for _ in range(ORDERS + 1)]
    signs = [Fraction((-1) ** i) for i in range(ORDERS + 2)]
    logs = [Fraction(0)] + [-signs[i] / i for i in range(1, ORDERS + 2)]
    rests = [Fraction(0), Fraction(0)] + [signs[i] / i for i in range(2, ORDERS + 2)]
    for j in range(1, ORDERS + 1):
        slopes = products([times(over_slope, derivative(x)) for x in w], composed(signs, w))
        left = composed(logs, slopes)[j - 1]
        if j == 1:
            left = plus(left, scaled(logarithm(over_slope), -1))
        known = plus(constant(STIRLING[j - 1]), composed(rests, w)[j])
        w[j] = times(without_first(plus(left, scaled(known, -1))), over_y)
    first = plus(constant(1), y)
    return [first] + [times(first, w[j]) for j in range(1, ORDERS + 1)]


def poisson_series(gamma):
    """B, by order, from L: 1 = B L(-s B**(-1/2); 1/(m B))."""
    s = [Fraction(0), Fraction(1), *zero()[2:]]
    # y' log(1 + y) = s: B0 log B0 - B0 + 1 = s**2 / 2
    first = plus(constant(1), implicit(
        lambda y: plus(times(derivative(y), logarithm(plus(constant(1), y))), scaled(s, -1))))
    root = power(first, Fraction(-1, 2))
    argument = scaled(times(s, root), -1)

    def at_argument(series):
        made = zero()
        for c in reversed(series):
            made = plus(times(made, argument), constant(c))
        return made

    slope = plus(at_argument(gamma[0]), scaled(times(argument, at_argument(derivative(gamma[0]))), Fraction(-1, 2)))
    b = [zero() for _ in range(ORDERS + 1)]

    def binomial(exponent):
        made = [Fraction(1)]
        for i in range(1, ORDERS + 1):
            made.append(made[-1] * (exponent - i + 1) / i)
        return made

    for j in range(1, ORDERS + 1):
        arguments = [scaled(times(times(s, root), x), -1) for x in composed(binomial(Fraction(-1, 2)), b)]
        over_m = [times(inverse(first), x) for x in composed(binomial(Fraction(-1)), b)]
        total = [zero() for _ in range(ORDERS + 1)]
        raised = [constant(1)] + [zero() for _ in range(ORDERS)]
        for i in range(ORDERS + 1):
            here = [zero() for _ in range(ORDERS + 1)]
            for c in reversed(gamma[i]):
                here = products(here, arguments)
                here[0] = plus(here[0], constant(c))
            here = products(here, raised)
            for order in range(ORDERS + 1 - i):
                total[order + i] = plus(total[order + i], here[order])
            raised = products(raised, over_m)
        left = products([times(first, x) for x in composed([1, 1], b)], total)
        b[j] = times(scaled(left[j], -1), inverse(times(first, slope)))
    return [first] + [times(first, b[j]) for j in range(1, ORDERS + 1)]


def constants():
    """The constants of the kernel: (GAMMA, POISSON), the parts 1 + s of the first series left out."""
    gamma = gamma_series()
    kept = []
    for series, degrees in ((gamma, GAMMA_DEGREES), (poisson_series(gamma), POISSON_DEGREES)):
        kept.append(tuple(tuple(map(float, coefficients[0 if order else 2:degree + 1]))
                          for order, (coefficients, degree) in enumerate(zip(series, degrees))))
    return tuple(kept)


if __name__ == "__main__":
    for name, value in zip(("_GAMMA", "_POISSON"), constants()):
        print(f"{name} = {value}")
