"""Generator of the polynomial coefficients in kernels/elementary.py: minimax fits, rounded one by one.

Run as a script it prints the tuples as they stand in that module.  Each fit minimises the largest
weighted error over the interval of reduced arguments (Remez exchange, 50 digits).  The coefficient
of the lowest power is then rounded to double and the others fitted anew to what is left, and so on:
the last coefficients absorb the rounding of the first ones.
"""

import mpmath

DIGITS = 50
# reduced arguments overshoot pi/2 and log(2)/2 a little; docs/accuracy/elementary.md derives how little
SLACK = mpmath.mpf(2) ** -24
SINE_LIMIT = mpmath.mpf(2) ** -24
GRID_PER_COEFFICIENT = 60
EXCHANGES = 12


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
    """Coefficients of the given powers that minimise the largest |weight * (polynomial - target)|."""
    n = len(powers)

    def points(count):
        return [(low + high) / 2 - (high - low) / 2 * mpmath.cos(mpmath.pi * i / count)
                for i in range(count + 1)]

    grid = points(GRID_PER_COEFFICIENT * n)
    samples = [(x, weight(x), target(x)) for x in grid]
    nodes = [(x, weight(x), target(x)) for x in points(n)]
    for _ in range(EXCHANGES):
        matrix = mpmath.matrix(n + 1, n + 1)
        right = mpmath.matrix(n + 1, 1)
        for i, (x, w, f) in enumerate(nodes):
            for j, power in enumerate(powers):
                matrix[i, j] = w * x ** power
            matrix[i, n] = (-1) ** i
            right[i] = w * f
        solution = mpmath.lu_solve(matrix, right)
        coefficients = [solution[j] for j in range(n)]
        errors = [w * (mpmath.fsum(c * x ** p for c, p in zip(coefficients, powers)) - f)
                  for x, w, f in samples]
        largest = max(abs(e) for e in errors)
        peaks = _alternating_peaks(errors)
        while len(peaks) > n + 1:
            peaks.pop(0 if abs(errors[peaks[0]]) < abs(errors[peaks[-1]]) else -1)
        if len(peaks) < n + 1 or largest - abs(solution[n]) < largest / 1000:
            break
        nodes = [samples[i] for i in peaks]
    return coefficients, largest


def _alternating_peaks(errors):
    peaks, group = [], [0]
    for i in range(1, len(errors)):
        if mpmath.sign(errors[i]) == mpmath.sign(errors[group[-1]]):
            group.append(i)
        else:
            peaks.append(max(group, key=lambda q: abs(errors[q])))
            group = [i]
    peaks.append(max(group, key=lambda q: abs(errors[q])))
    return peaks


def rounded_fit(target, weight, count, low, high):
    """Minimax coefficients as doubles, ascending powers, rounded one by one."""
    rounded = []
    while len(rounded) < count:
        fixed = list(rounded)

        def remainder(x):
            return target(x) - mpmath.fsum(c * x ** p for p, c in enumerate(fixed))

        powers = list(range(len(fixed), count))
        coefficients, _ = remez(remainder, weight, powers, low, high)
        rounded.append(float(coefficients[0]))
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
        return lambda z: mpmath.cos(mpmath.sqrt(z)), lambda z: mpmath.mpf(1), count, zero, square

    def exponential(count):
        # exp(r) = polynomial(r), error relative to exp(r)
        return mpmath.exp, lambda r: mpmath.exp(-r), count, -half_log_2, half_log_2

    def squared_exponential(count):
        # exp(2 r) = polynomial(r), error relative to exp(2 r)
        return (lambda r: mpmath.exp(2 * r), lambda r: mpmath.exp(-2 * r), count,
                -half_log_2 / 2, half_log_2 / 2)

    return {
        "SINE": sine(8),
        "SINE_COARSE": sine(6),
        "COSINE": cosine(9),
        "COSINE_COARSE": cosine(8),
        "EXP": exponential(12),
        "EXP_SQUARED_COARSE": squared_exponential(9),
    }


def parts(value, count):
    """A number as a sum of `count` doubles, each the nearest to what the earlier ones leave."""
    result = []
    for _ in range(count):
        result.append(float(value))
        value -= mpmath.mpf(result[-1])
    return tuple(result)


def constants():
    """Every constant of kernels/elementary.py that comes from here, by name."""
    with mpmath.workdps(DIGITS):
        table = {
            "PI_PARTS": parts(+mpmath.pi, 3),
            "ONE_OVER_PI": float(1 / mpmath.pi),
            "LOG_2_PARTS": parts(mpmath.log(2), 2),
            "ONE_OVER_LOG_2": float(1 / mpmath.log(2)),
        }
        for name, fit in fits().items():
            table[name] = rounded_fit(*fit)
    return table


if __name__ == "__main__":
    for name, value in constants().items():
        if isinstance(value, tuple):
            print(f"{name} = (\n" + "".join(f"    {c!r},\n" for c in value) + ")")
        else:
            print(f"{name} = {value!r}")
