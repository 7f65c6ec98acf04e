"""The report of a campaign as one page of HTML: nothing is loaded from elsewhere, and nothing in it runs."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
import html
from importlib.resources import files
import json
from typing import Any

import numpy as np

from ..io.png import indexed_png, reduced_by
from ..viewing.contrast import contrast
from ..viewing.scene import Frame, Seen, SeenPanel
from ..viewing.template import content_hash, filled
from .report import MOST_FAILED, Picture, Report
from .report_charts import Chart, charts_of, svg

__all__ = ["page"]

#: Longest side of a picture, in dots, and most workers and damaged files that are listed.
_LONGEST, _MOST_WORKERS, _MOST_DAMAGED = 512, 64, 20
#: Numbers of colours in pictures: grey to black, then masked pixels and what is no number.
_GREYS, _MASKED, _NO_NUMBER = 254, 254, 255
_COLOURS = [(level, level, level) for level in (255 - round(255 * n / (_GREYS - 1)) for n in range(_GREYS))] + [
    (0xa0, 0xa0, 0xe0), (0xe0, 0x20, 0x20)]
#: Parts of the time of a shot, in words.
_PARTS = {"prepare": "preparing", "simulate": "photons", "label": "labels", "count": "counting",
          "describe": "table of truth", "rest": "compression, files"}


def page(report: Report) -> bytes:
    """The page.

    Parameters
    ----------
    report : Report

    Returns
    -------
    bytes
        UTF-8; the same of the same files.
    """
    room = files(__package__)
    style = (room / "report.css").read_text(encoding="utf-8")
    head = report.head
    parts = {"style": style, "style_hash": content_hash(style), "title": _text(f"{report.folder} - numbragg campaign"),
             "name": _text(report.folder), "state": _state(report), "facts": _facts(report),
             "pictures": _gallery(report), "drawn": _charts(report), "rates": _rates(report),
             "failures": _failures(report), "description": _text(_toml(head.description["tables"])),
             "inputs": _inputs(head.description.get("inputs", {}))}
    return filled((room / "report.html").read_text(encoding="utf-8"), parts)


def _text(words: Any) -> str:
    return html.escape(str(words))


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table; all but the first column to the right."""
    lines = ["<div class=\"wide\"><table><tr>" + "".join(f"<th>{_text(word)}</th>" for word in head) + "</tr>"]
    lines += ["<tr>" + "".join(f"<td>{_text(word)}</td>" for word in row) + "</tr>" for row in rows]
    return "\n".join((*lines, "</table></div>"))


# -- what it is


def _state(report: Report) -> str:
    head = report.head
    if report.there == head.shots and not report.damaged:
        return f'<p class="done">All {head.shots} shots are there.</p>'
    words = f"Not finished: {report.there} of {head.shots} shots are there"
    if report.damaged:
        words += f", and {len(report.damaged)} files are damaged"
    return f'<p class="open">{_text(words)}. numbragg campaign run goes on.</p>'


def _facts(report: Report) -> str:
    head = report.head
    versions = ", ".join(f"{name} {value}" for name, value in head.versions.items())
    rows = [("shots", f"{report.there} of {head.shots}, in {head.shards} files of {head.shots_per_file}"),
            ("seed", head.description["tables"]["campaign"]["seed"]),
            ("size", f"{report.bytes / 1e6:.4g} MB" if report.bytes >= 1e6 else f"{report.bytes / 1e3:.4g} kB"),
            ("failed", len(report.failed)), ("campaign", head.campaign), ("begun with", versions)]
    if report.there:
        rows.insert(3, ("size of a shot", f"{report.bytes / report.there / 1e3:.4g} kB"))
    return "<dl>" + "".join(f"<dt>{_text(name)}</dt><dd>{_text(value)}</dd>" for name, value in rows) + "</dl>"


def _toml(tables: dict[str, Any], place: str = "") -> str:
    """Tables as a description has them; those that are empty, too."""
    lines = []
    plain = {name: value for name, value in tables.items() if not isinstance(value, dict)}
    if place and (plain or not tables):
        lines.append(f"[{place}]")
    lines += [f"{name} = {_value(value)}" for name, value in plain.items()]
    for name, value in tables.items():
        if isinstance(value, dict):
            lines += ["", _toml(value, f"{place}.{name}" if place else name)]
    return "\n".join(lines).strip("\n")


def _value(value: Any) -> str:
    """A value in words of TOML; the canonical form has whole numbers without a point, and of large ones all digits."""
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    large = isinstance(value, int) and abs(value) >= 2 ** 53
    return repr(float(value)) if large else json.dumps(value, ensure_ascii=False)


def _inputs(inputs: dict[str, str]) -> str:
    if not inputs:
        return "<p>No files are read.</p>"
    return _table(("file of", "SHA-256"), sorted(inputs.items()))


# -- pictures


def _gallery(report: Report) -> str:
    if not report.pictures:
        return "<p>No shot is there.</p>"
    count, marks = len(report.pictures), any(picture.spots is not None for picture in report.pictures)
    words = (f"{'All' if count == report.there else count} of {report.there} shots that are there"
             + (", spread evenly over their numbers" if count < report.there else "")
             + ". Fast to the right, slow downwards; square root of the value, from 0 to where one positive pixel in a "
             "thousand is brighter; masked pixels are blue."
             + (" Circles are spots of the lists, the strongest of each shot." if marks else ""))
    return f"<p>{_text(words)}</p>\n<div class=\"gallery\">" + "\n".join(map(_figure, report.pictures)) + "</div>"


def _figure(picture: Picture) -> str:
    said = [f"shot {picture.shot}: {picture.said}"]
    if picture.spots is not None:
        more = f", {picture.more_spots} weaker ones are not marked" if picture.more_spots else ""
        said.append(f"{len(picture.spots) + picture.more_spots} spots{more}")
    if picture.why:
        said.append(picture.why)
    caption = f"<figcaption>{_text('; '.join(said))}</figcaption>"
    if picture.image is None:
        return f'<figure><div class="none">no image</div>{caption}</figure>'
    slow, fast = picture.image.shape
    address = "data:image/png;base64," + base64.b64encode(indexed_png(_levels(picture), _COLOURS)).decode()
    marks = "" if picture.spots is None else "".join(
        f'<circle cx="{x:.2f}" cy="{y:.2f}" r="{max(fast, slow) / 60.0:.2f}"><title>{h:g} {k:g} {l:g}</title></circle>'
        for x, y, h, k, l in picture.spots.tolist())
    return (f'<figure><svg viewBox="0 0 {fast} {slow}" role="img" aria-label="shot {picture.shot}">'
            f'<image href="{address}" width="{fast}" height="{slow}"/>{marks}</svg>{caption}</figure>')


def _levels(picture: Picture) -> Any:
    """Numbers of colours, of the brightest pixels of squares where an image is large."""
    image = picture.image
    panel = SeenPanel("", image.shape[::-1], (0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), None)
    seen = Seen("", [Frame("", [image], None)], [panel], False, None, None, picture.marked, None, [], [])
    low, high = contrast(seen)
    bad = np.isnan(image) if picture.marked is None else image == picture.marked
    factor = -(-max(image.shape) // _LONGEST)
    # what does not count is no largest, unless there is nothing else
    values = reduced_by(np.where(bad, -np.inf, image), factor)
    part = np.sqrt(np.clip((np.where(np.isfinite(values), values, low) - low) / (high - low), 0.0, 1.0))
    made = np.rint(part * (_GREYS - 1)).astype(np.uint8)
    made[values == -np.inf] = _NO_NUMBER if picture.marked is None else _MASKED
    return made


# -- what was drawn


def _charts(report: Report) -> str:
    if not report.varied:
        return "<p>Nothing varies but the noise.</p>"
    made: list[Chart] = []
    for name, table in report.varied.items():
        if name == "blank":
            made += _flags(report, table)
        elif name == "spectrum":
            made += _spectra(report)
        elif name in report.drawn:
            made += charts_of(name, table, report.drawn[name])
    if not made:
        return "<p>No shot is there.</p>"
    words = ("Bars are what was drawn for shots that are there; the line is what the distribution says, dashes are its "
             "bounds. Fields of crystals have a value for each lattice; of blank shots nothing is told of crystals.")
    return f"<p>{_text(words)}</p>\n<div class=\"charts\">" + "\n".join(
        f"<figure>{svg(chart)}<figcaption><b>{_text(chart.title)}</b>{_text(': ' + chart.said if chart.said else '')}"
        "</figcaption></figure>" for chart in made) + "</div>"


def _flags(report: Report, table: dict[str, Any]) -> list[Chart]:
    if not report.there:
        return []
    values = np.array([1.0] * report.blank + [0.0] * (report.there - report.blank)).reshape(-1, 1)
    made, = charts_of("blank", table, values)
    return [made._replace(names=["true" if name == "1" else "false" for name in made.names])]


def _spectra(report: Report) -> list[Chart]:
    if not report.spectra:
        return []
    names = sorted(report.spectra)
    return [Chart("spectrum", "file", [report.spectra[name] for name in names], None, names=names)]


# -- rates and failures


def _rates(report: Report) -> str:
    log = [said for said in report.log if said["shots"] > 0 and said["seconds"] > 0.0]
    if not log:
        return "<p>The folder has no log of how long its files took.</p>"
    shots, seconds = sum(said["shots"] for said in log), sum(said["seconds"] for said in log)
    by_worker: dict[str, list[float]] = {}
    parts: dict[str, float] = {}
    for said in log:
        own = by_worker.setdefault(said["worker"], [0.0, 0.0, 0.0])
        own[0], own[1], own[2] = own[0] + said["shots"], own[1] + said["seconds"], own[2] + 1
        for name, value in said["spent"].items():
            parts[name] = parts.get(name, 0.0) + value
    parts["rest"] = max(seconds - sum(parts.values()), 0.0)
    words = (f"{shots:g} shots in {seconds:.4g} s of workers: {shots / seconds:.3g} shots a second and worker, "
             f"{len(by_worker)} workers; files that were made again count, too.")
    rows = [(name, f"{own[0]:g}", f"{own[2]:g}", f"{own[1]:.4g}", f"{own[0] / own[1]:.3g}")
            for name, own in sorted(by_worker.items(), key=lambda item: -item[1][0])]
    more = f"<p>{len(rows) - _MOST_WORKERS} more workers.</p>" if len(rows) > _MOST_WORKERS else ""
    whole = sum(parts.values())
    times = [(_PARTS.get(name, name), f"{1e3 * value / shots:.4g}", f"{100.0 * value / whole:.3g} %")
             for name, value in parts.items()]
    return (f"<p>{_text(words)}</p>\n" + _table(("part", "ms a shot", "of the time"), times) + "\n"
            + _table(("worker", "shots", "files", "seconds", "shots a second"), rows[:_MOST_WORKERS]) + more)


def _failures(report: Report) -> str:
    made = ""
    if report.damaged:
        listed = "".join(f"<li>{_text(line)}</li>" for line in report.damaged[:_MOST_DAMAGED])
        made = f"<p>{len(report.damaged)} files are not whole:</p><ul>{listed}</ul>\n"
    if not report.failed:
        return made + "<p>No shot that is there has failed.</p>"
    reasons: dict[str, int] = {}
    for _, reason in report.failed:
        reasons[reason] = reasons.get(reason, 0) + 1
    words = f"{len(report.failed)} of {report.there} shots have no image; their frames are masked."
    more = len(report.failed) - MOST_FAILED
    return (made + f"<p>{_text(words)}</p>" + _table(("reason", "shots"), [
        (reason, count) for reason, count in sorted(reasons.items(), key=lambda item: -item[1])[:MOST_FAILED]])
        + "<details><summary>each of them</summary>"
        + _table(("shot", "reason"), report.failed[:MOST_FAILED])
        + (f"<p>{more} more.</p>" if more > 0 else "") + "</details>")
