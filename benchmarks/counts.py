"""What does it cost to draw counts?  Nanoseconds a pixel, draw and count together, on one thread, by mean.

    python benchmarks/counts.py                    measure; one JSON line
    python benchmarks/counts.py --table            and the table of docs/benchmarks.md

Before it is timed, an image of a mean is checked: its mean and variance, and that a part of it, drawn alone, has the
same counts.
"""

import argparse
import statistics
import sys

from measuring import emit, spent
import numpy as np

MEANS = (0.01, 0.1, 1.0, 3.0, 10.0, 15.9, 16.0, 30.0, 100.0, 1e3, 1e4, 1e5, 1e6, 1e9)
SEED = np.uint64(20)


def drawn(mean, edge, place=(0, 0)):
    """A square of counts of one mean."""
    from numbragg.kernels.detector.draws import COUNTING
    from numbragg.kernels.detector.poisson import replace_by_counts

    pixels = np.full((edge, edge), mean)
    # an array is filled in half a nanosecond a pixel, and is timed with the rest
    replace_by_counts(pixels, SEED, COUNTING, 1, 0, *place)
    return pixels


def check(mean, edge):
    """Stop where counts are wrong."""
    counts = drawn(mean, edge)
    pixels = counts.size
    half = edge // 2
    if not np.array_equal(counts[half:, half:][:half, :half], drawn(mean, half, (half, half))):
        sys.exit(f"counts of mean {mean}: a part drawn alone differs")
    # five standard deviations
    if (abs(counts.mean() - mean) > 5 * (mean / pixels) ** 0.5
            or abs(((counts - mean) ** 2).mean() - mean) > 5 * ((mean + 2 * mean**2) / pixels) ** 0.5):
        sys.exit(f"counts of mean {mean}: mean {counts.mean()}, variance {counts.var()}")


def measure(mean, edge, repeats):
    """Nanoseconds a pixel of each repeat."""
    check(mean, edge)
    return [spent(lambda: drawn(mean, edge))[0].cpu / edge**2 * 1e9 for _ in range(repeats)]


def table(times):
    """Markdown: the median, and the smallest and largest."""
    rows = [f"| {float(mean):g} | {statistics.median(each):.1f} ({min(each):.1f}-{max(each):.1f}) |"
            for mean, each in times.items()]
    return "\n".join(["| mean [photons] | ns a pixel |", "| --- | --- |", *rows])


def main():
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--edge", type=int, default=1024, help="pixels of a side (default 1024)")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--table", action="store_true", help="print the table, too")
    parser.add_argument("--output", metavar="FILE", help="append the JSON line to a file")
    given = parser.parse_args()
    times = {str(mean): measure(mean, given.edge, given.repeats) for mean in MEANS}
    emit({"benchmark": "counts", "edge": given.edge, "ns": times}, given.output)
    if given.table:
        print(table(times))


if __name__ == "__main__":
    main()
