"""`numbragg plateau`: how far flat tops are broken up: distinct values and runs of equal pixels."""

from ..io.json_text import json_ready
from ..scene.pixels import cropped
from .arguments import Parser, check_endings, check_outputs, file_name, region, shape, shown

# start-up: what a run needs is imported when it runs, so that --help and refused words load neither NumPy nor Numba

__all__ = ["run"]

#: A picture has a column for every image.
_MOST_IMAGES = 24


def _parser():
    parser = Parser(
        "plateau", "IMAGE [IMAGE ...] [options]",
        "Distinct values, runs of equal pixels along rows and a histogram of one region in each image, and the\n"
        "number of distinct values relative to the first image.  Formats: see numbragg compare --help.")
    parser.option("--roi", "F0 F1 S0 S1",
                  "the region: fast from, to, slow from, to, inclusive (default: everything)", region)
    parser.option("--shape", "SLOWxFAST", "pixels of raw images (default: they are square)", shape)
    parser.option("--csv", "FILE", "write all values and all run lengths with their counts as a table", file_name)
    parser.option("--png", "FILE", "draw regions, values and run lengths side by side", file_name)
    parser.option("--json", "", "print the account as JSON instead of the text")
    return parser


def _read(arguments):
    values, files = _parser().files(arguments)
    if values is None:
        return None, []
    if not files:
        raise ValueError("plateau: there must be at least one image; see numbragg plateau --help")
    if "--png" in values and len(files) > _MOST_IMAGES:
        raise ValueError(f"plateau: {len(files)} images; with --png there can be at most {_MOST_IMAGES}")
    return values, files


def run(arguments):
    """Describe plateaus.

    Returns the exit code.
    """
    values, files = _read(arguments)
    if values is None:
        return 0
    from ..compare.plateaus import common_histogram, plateaus
    from ..io.any_image import read_image
    from ..io.output import OutputSet
    from ..io.silence import silenced

    csv_name, png_name, roi = values.get("--csv"), values.get("--png"), values.get("--roi")
    wanted = [(name, kind) for name, kind in ((csv_name, "table"), (png_name, "picture")) if name is not None]
    check_outputs("plateau", [name for name, _ in wanted], files)
    check_endings("plateau", (("--csv", csv_name, "CSV"), ("--png", png_name, "PNG")))
    with OutputSet() as outputs:
        for name, kind in wanted:
            outputs.reserve(name, kind)
        made = _figure(len(files)) if png_name else None
        rows, regions = [], []
        for name in files:
            image = read_image(name, values.get("--shape"))
            try:
                found = plateaus(image.pixels, roi)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
            rows.append((name, image.format, image.pixels.shape, found))
            if png_name:
                regions.append(cropped(image.pixels, roi).copy())
        histogram = common_histogram([row[-1] for row in rows])
        if csv_name:
            with outputs.open(csv_name) as file:
                file.write(_table(rows).encode())
        if png_name:
            with silenced(), outputs.open(png_name) as file:
                _draw(made, rows, regions, roi)
                made.savefig(file, format="png")
        outputs.commit()
    if "--json" in values:
        import json

        print(json.dumps(_account(rows, roi, histogram), indent=2, allow_nan=False))
    else:
        print("\n".join(_text(rows, roi, histogram)))
    return 0


# -- text


def _columns(lines):
    """Lines of words in columns, the first to the left, the others to the right."""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    for line in lines:
        right = [word.rjust(width) for word, width in zip(line[1:], widths[1:])]
        yield "  ".join([line[0].ljust(widths[0])] + right)


def _ratio(rows, found):
    return found.distinct / rows[0][-1].distinct


def _run_lengths(rows):
    """Run lengths of all images in bins 1, 2, 3 to 4, 5 to 8 and so on: label, numbers of runs."""
    longest = max(found.longest_run for *_, found in rows)
    low, high = 1, 1
    while low <= longest:
        counts = [int(found.run_counts[(found.run_lengths >= low) & (found.run_lengths <= high)].sum())
                  for *_, found in rows]
        yield (str(low) if low == high else f"{low} to {high}"), counts
        low, high = high + 1, 2 * high


def _text(rows, roi, histogram):
    if roi is not None:
        yield f"region: fast {roi[0]} to {roi[1]}, slow {roi[2]} to {roi[3]}"
        yield ""
    lines = [("image", "type", "pixels", "distinct", "ratio", "runs", "mean run", "longest")]
    for number, (name, _, _, found) in enumerate(rows, 1):
        lines.append((f"[{number}] {shown(name)}", found.values.dtype.name, str(found.pixels),
                      str(found.distinct), f"{_ratio(rows, found):.3f}", str(found.runs),
                      f"{found.mean_run:.3f}", str(found.longest_run)))
    yield from _columns(lines)
    marks = [f"[{number}]" for number in range(1, len(rows) + 1)]
    yield ""
    lines = [("run length [pixel]", *marks)]
    lines += [(label, *map(str, counts)) for label, counts in _run_lengths(rows)]
    yield from _columns(lines)
    yield ""
    edges, counts = histogram
    lines = [("pixels with values", *marks)]
    for i in range(len(edges) - 1):
        label = f"{edges[i]:.9g}" if edges[i] == edges[i + 1] else f"{edges[i]:.9g} to {edges[i + 1]:.9g}"
        lines.append((label, *(str(one[i]) for one in counts)))
    rest = [found.pixels - int(one.sum()) for (*_, found), one in zip(rows, counts)]
    if any(rest):
        lines.append(("not finite", *map(str, rest)))
    yield from _columns(lines)


# -- files


def _table(rows):
    import csv
    import io

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("image", "quantity", "value", "count"))
    for name, _, _, found in rows:
        writer.writerow((shown(name), "pixels", "", found.pixels))
        writer.writerow((shown(name), "distinct values", "", found.distinct))
        writer.writerow((shown(name), "runs", "", found.runs))
        writer.writerows((shown(name), "value", str(value), count)
                         for value, count in zip(found.values, found.counts.tolist()))
        writer.writerows((shown(name), "run length", length, count)
                         for length, count in zip(found.run_lengths.tolist(), found.run_counts.tolist()))
    return text.getvalue()


def _account(rows, roi, histogram):
    from .._version import __version__

    edges, counts = histogram
    return {
        "program": "numbragg plateau", "version": __version__, "roi": None if roi is None else list(roi),
        "images": [{"path": shown(name), "format": kind, "type": found.values.dtype.name,
                    "shape": list(whole), "pixels": found.pixels, "distinct": found.distinct,
                    "ratio": _ratio(rows, found),
                    "runs": found.runs, "mean_run": found.mean_run, "longest_run": found.longest_run,
                    "values": [[json_ready(value), count] for value, count in
                               zip(found.values, found.counts.tolist())],
                    "run_lengths": [[length, count] for length, count in
                                    zip(found.run_lengths.tolist(), found.run_counts.tolist())]}
                   for name, kind, whole, found in rows],
        "histogram": {"edges": edges.tolist(), "pixels": [one.tolist() for one in counts]},
    }


def _figure(images):
    from .figures import figure

    return figure(max(4.0, 3.6 * images), 9.0)


def _draw(made, rows, regions, roi):
    import numpy as np

    from ..compare.plateaus import common_histogram
    from .figures import short, show_image

    axes = made.subplots(3, len(rows), squeeze=False, sharey="row")
    offset = (0, 0) if roi is None else (roi[0], roi[2])
    edges, counts = common_histogram([row[-1] for row in rows], 50)
    # steps of a plateau are small beside its height, so the scale starts at the lowest value
    limits = edges[0], max(edges[-1], np.nextafter(edges[0], np.inf))
    runs = list(_run_lengths(rows))
    for column, ((name, _, _, found), pixels) in enumerate(zip(rows, regions)):
        top, middle, bottom = axes[:, column]
        show_image(made, top, pixels, offset, short(name, 36), limits=limits)
        middle.stairs(counts[column], edges, fill=True, color="0.3")
        middle.set_title(f"{found.distinct} distinct values, ratio {_ratio(rows, found):.2f}", loc="left",
                         fontsize="small")
        middle.set_xlabel("value")
        middle.tick_params(axis="x", labelrotation=30)
        bottom.bar(np.arange(len(runs)), [numbers[column] for _, numbers in runs], color="0.3")
        bottom.set_xticks(np.arange(len(runs)), [label for label, _ in runs], rotation=90)
        bottom.set_title(f"{found.runs} runs, longest {found.longest_run}", loc="left", fontsize="small")
        bottom.set_xlabel("run length [pixel]")
    axes[1, 0].set_ylabel("pixels")
    axes[2, 0].set_ylabel("runs")
