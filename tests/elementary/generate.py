"""Generator of the polynomial coefficients in kernels/arithmetic/elementary.py: minimax fits, rounded one by one.

Run as a script it prints the tuples as they stand in that module.  Each fit minimises the largest
weighted error over the interval of reduced arguments (Remez exchange, 50 digits).  The coefficient
of the lowest power is then rounded to double and the others are moved, again with the smallest
largest error, to make up for it, and so on: later coefficients absorb the rounding of earlier ones.
"""

import mpmath

DIGITS = 50
# reduced arguments overshoot pi/2 and log(2)/2 a little; docs/accuracy/elementary.md derives how little
SLACK = mpmath.mpf(2) ** -24
GRID_PER_COEFFICIENT = 40
EXCHANGES = 40


def sinc(z):
    """sin(r)/r as a function of z = r**2."""
    return mpmath.sinc(mpmath.sqrt(z))


def sine_tail(z):
    """(sin(r) - r)/r**3 as a function of z = r**2; its series, which does not cancel."""
    total, term, n = mpmath.mpf(0), -mpmath.mpf(1) / 6, 3
    while abs(term) > mpmath.mpf(10) ** -(DIGITS + 5):
        total += term
        n += 2
        term *= -z / (n * (n - 1))
    return total


def remez(target, weight, powers, low, high):
    """Coefficients of consecutive powers that minimise the largest |weight * (polynomial - target)|.

    Where the lowest power is p, errors alternate after division by x**p; so the errors at negative
    x are counted with the sign of x**p.
    """
    n = len(powers)

    def sample(x):
        w = -weight(x) if x < 0 and powers[0] % 2 else weight(x)
        return [w * x ** power for power in powers], w * target(x)

    # an odd number of steps has no point in the middle, where x = 0 would have the sign of noise
    count = GRID_PER_COEFFICIENT * n + 1
    samples = [sample((low + high) / 2 - (high - low) / 2 * mpmath.cos(mpmath.pi * i / count))
               for i in range(count + 1)]
    # the first nodes keep away from the ends, where a weight may vanish
    nodes = [samples[(2 * i + 1) * count // (2 * n + 2)] for i in range(n + 1)]
    for _ in range(EXCHANGES):
        matrix = mpmath.matrix(n + 1, n + 1)
        right = mpmath.matrix(n + 1, 1)
        for i, (terms, value) in enumerate(nodes):
            for j, term in enumerate(terms):
                matrix[i, j] = term
            matrix[i, n] = (-1) ** i
            right[i] = value
        solution = mpmath.lu_solve(matrix, right)
        coefficients = [solution[j] for j in range(n)]
        errors = [mpmath.fdot(coefficients, terms) - value for terms, value in samples]
        largest = max(abs(e) for e in errors)
        peaks = _alternating_peaks(errors)
        while len(peaks) > n + 1:
            peaks.pop(0 if abs(errors[peaks[0]]) < abs(errors[peaks[-1]]) else -1)
        # on the grid the exchange ends exactly: at the one best fit, whatever way led there
        if largest - abs(solution[n]) < largest * mpmath.mpf(10) ** -20:
            return coefficients, largest
        if len(peaks) < n + 1:
            break
        nodes = [samples[i] for i in peaks]
    raise ArithmeticError(f"no best fit with powers {powers} after {EXCHANGES} exchanges")


def _alternating_peaks(errors):
    """Index of the largest error in each run of one sign."""
    # an error of 0 plus noise has no sign: a fit that is exact at 0 would depend on the last digit
    nothing = max(abs(e) for e in errors) * mpmath.mpf(10) ** -15
    signed = [i for i, e in enumerate(errors) if abs(e) > nothing]
    peaks, group = [], signed[:1]
    for i in signed[1:]:
        if mpmath.sign(errors[i]) == mpmath.sign(errors[group[-1]]):
            group.append(i)
        else:
            peaks.append(max(group, key=lambda q: abs(errors[q])))
            group = [i]
    peaks.append(max(group, key=lambda q: abs(errors[q])))
    return peaks


def rounded_fit(target, weight, count, low, high, nearest=float):
    """Minimax coefficients as doubles (or `nearest`), ascending powers, rounded one by one."""
    wanted, _ = remez(target, weight, list(range(count)), low, high)
    rounded = []
    while wanted:
        power = len(rounded)
        rounded.append(nearest(wanted[0]))
        left = [wanted[0] - mpmath.mpf(float(rounded[-1]))] + wanted[1:]
        if not wanted[1:]:
            break

        def remainder(x):
            return mpmath.fsum(c * x ** (power + p) for p, c in enumerate(left))

        wanted, _ = remez(remainder, weight, list(range(power + 1, count)), low, high)
    return tuple(rounded)


def fits():
    """(target, weight, number of coefficients, low, high) of every polynomial, by its name in the kernel."""
    square = (mpmath.pi / 2 + SLACK) ** 2
    zero = mpmath.mpf(0)
    half_log_2 = mpmath.log(2) / 2 + SLACK

    def sine(count):
        # sin(r) = r + r**3 * polynomial(r**2), error relative to sin(r)
        return sine_tail, lambda z: z / sinc(z), count, zero, square

    def cosine(count):
        # cos(r) = polynomial(r**2), absolute error
        return lambda z: mpmath.cos(mpmath.sqrt(z)), lambda _: mpmath.mpf(1), count, zero, square

    def exponential(count):
        # exp(r) = polynomial(r), error relative to exp(r)
        return mpmath.exp, lambda r: mpmath.exp(-r), count, -half_log_2, half_log_2

    def squared_exponential(count):
        # exp(2 r) = polynomial(r), error relative to exp(2 r)
        return (lambda r: mpmath.exp(2 * r), lambda r: mpmath.exp(-2 * r), count,
                -half_log_2 / 2, half_log_2 / 2)

    return {
        "SINE": sine(8),
        "SINE_CUBICS": sine(6),
        "COSINE": cosine(9),
        "EXP": exponential(12),
        "EXP_SQUARED_COARSE": squared_exponential(9),
    }


def parts(value, count, nearest=float):
    """A number as a sum of `count` doubles (or `nearest`), each the nearest to what the earlier ones leave."""
    result = []
    for _ in range(count):
        result.append(nearest(value))
        value -= mpmath.mpf(float(result[-1]))
    return tuple(result)


def cubics(coefficients):
    """1 + z * polynomial(z) of degree six but for its scale: coefficients of two cubics, highest powers 1 and left out.

    Each has one of the two real roots, the smaller one with that complex pair whose real part is larger.
    """
    # the eigenvalues of the companion matrix (what `polyroots` asks for depends on mpmath's version)
    powers = [1, *coefficients]
    n = len(coefficients)
    companion = mpmath.matrix(n, n)
    for i in range(n):
        companion[i, n - 1] = -powers[i] / powers[n]
        if i:
            companion[i, i - 1] = 1
    roots = mpmath.eig(companion, left=False, right=False)
    noise = mpmath.mpf(10) ** (-DIGITS // 2)
    real = sorted((mpmath.re(r) for r in roots if abs(mpmath.im(r)) < noise))
    above = sorted((r for r in roots if mpmath.im(r) > noise), key=mpmath.re, reverse=True)
    (one, two), (first, second) = real, above
    found = []
    for root, complex_root in ((one, first), (two, second)):
        twice, square = 2 * mpmath.re(complex_root), abs(complex_root) ** 2
        found += [-(root + twice), root * twice + square, -root * square]
    return tuple(map(float, found))


def constants():
    """Every constant of kernels/arithmetic/elementary.py that comes from here, by name."""
    with mpmath.workdps(DIGITS):
        table = {
            "PI_PARTS": parts(+mpmath.pi, 3),
            "ONE_OVER_PI": float(1 / mpmath.pi),
            "LOG_2_PARTS": parts(mpmath.log(2), 2),
            "ONE_OVER_LOG_2": float(1 / mpmath.log(2)),
        }
        for name, fit in fits().items():
            table[name] = rounded_fit(*fit) if name != "SINE_CUBICS" else None
        target, weight, count, low, high = fits()["SINE_CUBICS"]
        table["SINE_CUBICS"] = cubics(remez(target, weight, list(range(count)), low, high)[0])
    return table


def show(table):
    """Print constants as they stand in a module."""
    for name, value in table.items():
        if isinstance(value, tuple):
            print(f"{name} = (\n" + "".join(f"    {c!r},\n" for c in value) + ")")
        else:
            print(f"{name} = {value!r}")


if __name__ == "__main__":
    show(constants())
