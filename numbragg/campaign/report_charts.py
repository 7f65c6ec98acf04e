"""Charts of a campaign's report: how often values were drawn, beside what their distribution says; as SVG."""

from __future__ import annotations

from collections.abc import Callable, Sequence
import html
import math
from typing import Any, NamedTuple

import numpy as np

from .fields import FIELDS

__all__ = ["Chart", "charts_of", "svg"]

#: Bins of a histogram, most values of a choice that have bars of their own, and most charts of a field.
_BINS, _MOST_BARS = 24, 24
#: Keys of distributions that may have a number for each of a field's.
_OF_NUMBERS = ("low", "high", "mean", "sigma")
#: Size of a chart, and its margins: left, right, top, bottom.
_WIDTH, _HEIGHT, _MARGINS = 320.0, 190.0, (44.0, 22.0, 10.0, 40.0)


class Chart(NamedTuple):
    """Numbers of values in bins, or of each value."""

    title: str
    axis: str  # with its unit
    counts: list[int]
    expected: list[float] | None  # of the same bins
    edges: list[float] | None = None  # of bins; None: there are names
    names: Sequence[str] = ()
    logarithmic: bool = False
    bounds: tuple[float, float] | None = None
    said: str = ""  # what the distribution is


def charts_of(name: str, table: dict[str, Any], values: Any) -> list[Chart]:
    """Charts of a field: one, or one for each of its numbers where they differ.

    Parameters
    ----------
    name : str
        Of the field.
    table : dict
        Its distribution, as a description has it.
    values : (n, size) array
        What was drawn.

    Returns
    -------
    list of Chart
    """
    field, said = FIELDS[name], _said(table)
    if values.size == 0:
        return []
    if field.kind == "rotation":
        return _rotations(name, table, values, said)
    unit = f" [{field.unit}]" if field.unit else ""
    alike = values.shape[1] > 1 and bool((values == values[:, :1]).all())
    columns = [0] if alike else range(values.shape[1])
    made = []
    for column in columns:
        own = {key: _of_column(value, column) if key in _OF_NUMBERS else value for key, value in table.items()}
        which = f", number {column + 1}" if len(columns) > 1 else ""
        made.append(_chart(f"{name}{which}", f"{name}{unit}", own, values[:, column], field.whole)._replace(said=said))
    return made


def _of_column(value: Any, column: int) -> Any:
    """Of bounds that are a list the one of a number."""
    return value[column] if isinstance(value, list) else value


def _said(table: dict[str, Any]) -> str:
    """A distribution in words."""
    words = []
    for key, value in table.items():
        if key == "distribution":
            continue
        text = ", ".join(f"{each:g}" if isinstance(each, (int, float)) and not isinstance(each, bool) else str(each)
                         for each in (value if isinstance(value, list) else [value]))
        words.append(f"{key} {text if len(text) < 60 else text[:57] + '...'}")
    return f"{table.get('distribution', '')} {'; '.join(words)}".strip()


def _chart(title: str, axis: str, table: dict[str, Any], values: Any, whole: bool) -> Chart:
    kind, low, high = table.get("distribution"), table.get("low"), table.get("high")
    found = np.unique(values)
    if kind in ("choice", "constant", "list", "grid") and len(found) <= _MOST_BARS:
        return _bars(title, axis, table, values, found)
    if low is None or high is None or not low < high:
        low, high = float(values.min()), float(values.max())
        bounds = None
    else:
        bounds = float(low), float(high)
    if not low < high:
        return _bars(title, axis, table, values, found)
    logarithmic = kind == "log-uniform"
    if whole:
        # a bin has the same number of whole values as another, but for the last
        step = -(-(int(high) - int(low) + 1) // _BINS)
        edges = np.arange(int(low), int(high) + step + 1, step) - 0.5
    elif logarithmic:
        edges = np.exp(np.linspace(math.log(low), math.log(high), _BINS + 1))
    else:
        edges = np.linspace(float(low), float(high), _BINS + 1)
    # rounding takes no value out of its bounds
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
    expected = _expected(table, edges, whole)
    return Chart(title, axis, counts.tolist(), None if expected is None else [len(values) * e for e in expected],
                 edges.tolist(), logarithmic=logarithmic and not whole, bounds=bounds)


def _bars(title: str, axis: str, table: dict[str, Any], values: Any, found: Any) -> Chart:
    """Each value has a bar."""
    listed, expected = table.get("values"), None
    if table.get("distribution") == "choice" and isinstance(listed, list) and not isinstance(listed[0], list):
        weights = table.get("weights") or [1.0] * len(listed)
        share = {float(value): 0.0 for value in listed}
        for value, weight in zip(listed, weights):
            share[float(value)] += weight / math.fsum(weights)
        found = np.array(sorted({*found.tolist(), *share}))
        expected = [len(values) * share.get(float(value), 0.0) for value in found]
    counts = [int(np.count_nonzero(values == value)) for value in found]
    return Chart(title, axis, counts, expected, names=[f"{value:g}" for value in found])


def _expected(table: dict[str, Any], edges: Any, whole: bool) -> list[float] | None:
    """The share of each bin in a distribution; None where there is none to be told."""
    below = _cumulative(table, whole)
    if below is None:
        return None
    shares = [min(max(below(edge), 0.0), 1.0) for edge in map(float, edges)]
    return [b - a for a, b in zip(shares, shares[1:])]


def _cumulative(table: dict[str, Any], whole: bool) -> Callable[[float], float] | None:
    """The share of what lies below a number; of whole numbers halves between them are asked for."""
    kind, half = table.get("distribution"), 0.5 if whole else 0.0
    if kind not in ("uniform", "log-uniform", "normal"):
        return None
    low, high = float(table["low"]), float(table["high"])
    if kind == "uniform":
        return lambda v: (v - low + half) / (high - low + 2.0 * half)
    if kind == "log-uniform":
        # whole ones are rounded down
        return lambda v: math.log((v + half) / low) / math.log((high + 2.0 * half) / low)
    mean, sigma = float(table["mean"]), float(table["sigma"])
    first, last = (math.ceil(low) - half, math.floor(high) + half) if whole else (low, high)

    def whole_line(v: float) -> float:
        return 0.5 * math.erfc((mean - v) / (sigma * math.sqrt(2.0)))

    return lambda v: (whole_line(v) - whole_line(first)) / (whole_line(last) - whole_line(first))


def _rotations(name: str, table: dict[str, Any], values: Any, said: str) -> list[Chart]:
    """Angle and direction of rotations; of missets the three angles."""
    if values.shape[1] == 3:
        return [_chart(f"{name}, misset about {axis}", f"angle about {axis} [deg]", {"distribution": "grid"},
                       values[:, column], False)._replace(said=said) for column, axis in enumerate("xyz")]
    uniform = table.get("distribution") == "uniform"
    # in degrees of the turn by which the crystal differs from the one that is not turned
    angles = np.degrees(np.arccos(np.clip(0.5 * (values[:, 0] + values[:, 4] + values[:, 8] - 1.0), -1.0, 1.0)))
    edges = np.linspace(0.0, 180.0, _BINS + 1)
    counts, _ = np.histogram(angles, edges)
    # a uniform rotation has the angle t with the density (1 - cos t) / pi
    share = [(t - math.sin(t)) / math.pi for t in np.radians(edges).tolist()]
    expected = [len(values) * (b - a) for a, b in zip(share, share[1:])] if uniform else None
    made = [Chart(f"{name}, angle of the rotation", "angle [deg]", counts.tolist(), expected, edges.tolist(),
                  said=said)]
    edges = np.linspace(-1.0, 1.0, _BINS + 1)
    for column, axis in ((0, "x"), (4, "y"), (8, "z")):
        counts, _ = np.histogram(np.clip(values[:, column], -1.0, 1.0), edges)
        made.append(Chart(f"{name}, {axis} axis", f"cosine between the turned {axis} axis and {axis}", counts.tolist(),
                          [len(values) / _BINS] * _BINS if uniform else None, edges.tolist(), said=said))
    return made


# -- drawing


def svg(chart: Chart) -> str:
    """A chart as an SVG element; colours are those of the page's style."""
    left, right, top, bottom = _MARGINS
    width, height = _WIDTH - left - right, _HEIGHT - top - bottom
    highest = max(1.0, float(max(chart.counts)), *(chart.expected or [0.0]))
    ticks = _ticks(0.0, highest)
    highest = max(highest, ticks[-1])

    def up(count: float) -> float:
        return top + height * (1.0 - count / highest)

    parts = [f'<svg viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" role="img" aria-label="{html.escape(chart.title)}">']
    for tick in ticks:
        parts.append(f'<line class="grid" x1="{left:g}" x2="{left + width:g}" y1="{up(tick):.1f}" y2="{up(tick):.1f}"/>'
                     f'<text class="tick" text-anchor="end" x="{left - 4:g}" y="{up(tick) + 3:.1f}">{tick:g}</text>')
    across = _across(chart, left, width)
    for number, count in enumerate(chart.counts):
        begin, end = across(number), across(number + 1)
        parts.append(f'<rect class="bar" x="{begin:.2f}" width="{max(end - begin, 0.5):.2f}" y="{up(count):.2f}" '
                     f'height="{top + height - up(count):.2f}"><title>{html.escape(_told(chart, number))}</title>'
                     "</rect>")
    if chart.expected is not None:
        points = " ".join(f"{across(place):.2f},{up(share):.2f}" for number, share in enumerate(chart.expected)
                          for place in (number, number + 1))
        parts.append(f'<polyline class="expected" points="{points}"/>')
    parts += _axis(chart, across, left, width, top + height)
    return "".join((*parts, "</svg>"))


def _told(chart: Chart, number: int) -> str:
    """What a bar says when it is pointed at."""
    where = chart.names[number] if chart.edges is None else (
        f"{chart.edges[number]:.6g} to {chart.edges[number + 1]:.6g}")
    expected = "" if chart.expected is None else f" (expected {chart.expected[number]:.1f})"
    return f"{where}: {chart.counts[number]}{expected}"


def _across(chart: Chart, left: float, width: float) -> Callable[[float], float]:
    """Where the edge of a bin is."""
    count, edges = len(chart.counts), chart.edges
    if edges is None or chart.logarithmic:
        # the bins of logarithms are equal
        return lambda number: left + width * number / count
    return lambda number: left + width * (edges[int(number)] - edges[0]) / (edges[-1] - edges[0])


def _axis(chart: Chart, across: Callable[[float], float], left: float, width: float, bottom: float) -> list[str]:
    """The line below, its ticks, its name, and the bounds of the distribution."""
    made = [f'<line class="axis" x1="{left:g}" x2="{left + width:g}" y1="{bottom:.1f}" y2="{bottom:.1f}"/>']
    places = []
    if chart.edges is None:
        step = max(1, -(-len(chart.names) // 8))
        places = [(0.5 * (across(n) + across(n + 1)), chart.names[n]) for n in range(0, len(chart.names), step)]
    else:
        low, high = chart.edges[0], chart.edges[-1]

        def at(value: float) -> float:
            part = math.log(value / low) / math.log(high / low) if chart.logarithmic else (value - low) / (high - low)
            return left + width * part

        values = _decades(low, high) if chart.logarithmic else [v for v in _ticks(low, high) if low <= v <= high]
        places = [(at(value), f"{value:.6g}") for value in values]
        for bound in chart.bounds or ():
            if low <= bound <= high:
                made.append(f'<line class="bound" x1="{at(bound):.1f}" x2="{at(bound):.1f}" y1="{_MARGINS[2]:g}" '
                            f'y2="{bottom:.1f}"><title>bound {bound:g}</title></line>')
    for x, text in places:
        made.append(f'<text class="tick" text-anchor="middle" x="{x:.1f}" y="{bottom + 12:.1f}">'
                    f'{html.escape(text)}</text>')
    made.append(f'<text class="name" text-anchor="middle" x="{left + 0.5 * width:.1f}" y="{bottom + 28:.1f}">'
                f'{html.escape(chart.axis)}</text>')
    return made


def _ticks(low: float, high: float) -> list[float]:
    """Three to seven round numbers from one end to the other."""
    span = high - low
    if not span > 0.0 or not math.isfinite(span):
        return [low]
    rough = 10.0 ** math.floor(math.log10(span / 4.0))
    step = next(rough * factor for factor in (1.0, 2.0, 5.0, 10.0) if span / (rough * factor) <= 5.0)
    first = math.ceil(low / step - 1e-9)
    return [float(f"{number * step:.12g}") for number in range(first, math.floor(high / step + 1e-9) + 1)]


def _decades(low: float, high: float) -> list[float]:
    """Powers of ten between two numbers, with 2 and 5 times these or the ends where there are few."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    for factors in ((1,), (1, 3), (1, 2, 5), range(1, 10)):
        found = [float(f"{factor}e{power}") for power in range(first, last + 1) for factor in factors]
        found = [value for value in found if low <= value <= high]
        if len(found) >= 3:
            return found[::-(-len(found) // 7)]
    return [low, high]
