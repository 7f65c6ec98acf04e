"""`numbragg compare`: two images side by side in numbers; whether they are equal within what was asked."""

from ..io.json_text import json_ready
from ..scene.pixels import cropped
from .arguments import (
    Parser,
    check_endings,
    check_outputs,
    file_name,
    finite_number,
    out_name,
    region,
    shape,
    shown,
    whole_number,
)
from .printing import say_all

# start-up: what a run needs is imported when it runs, so that --help and refused words load neither NumPy nor Numba

__all__ = ["run"]

#: Bytes that a pixel of two images takes while both are drawn.
DRAWING_BYTES = 42


def _parser():
    parser = Parser(
        "compare", "A B [options]",
        "Compare two images: bits, units in the last place, correlation, sums, peaks.  Formats: raw 32-bit floats,\n"
        "SMV, npy, TIFF, PGM, and with fabio, h5py and hdf5plugin CBF and HDF5 (FILE.h5::DATASET[FRAME]);\n"
        "all of them also compressed by gzip or bzip2.",
        "Exit status 0 if the images are equal within all that was asked (without --min-correlation, --max-ulp and\n"
        "--at-least: if they have the same bits), 1 if not, 2 after an error.")
    parser.option("--shape", "SLOWxFAST", "pixels of raw images (default: they are square)", shape)
    parser.option("--roi", "F0 F1 S0 S1",
                  "compare this region only: fast from, to, slow from, to, inclusive", region)
    parser.option("--min-correlation", "X", "equal means: correlation of at least X", finite_number(-1, 1))
    parser.option("--max-ulp", "N", "equal means: no pixel more than N units in the last place apart",
                  whole_number(0, 2 ** 64 - 2))
    parser.option("--at-least", "X", "equal means: this fraction of the peaks is matched", finite_number(0, 1))
    parser.option("--peaks", "N", "how many of the strongest peaks are matched (default: 50)", whole_number(1, 500))
    parser.option("--within", "R", "within how many pixels (default: 0.5)", finite_number(0))
    parser.option("--json", "FILE", "write the account as JSON; - for standard output, instead of the text", out_name)
    parser.option("--png", "FILE", "draw both, their difference and the histogram of ulp distances", file_name)
    return parser


def _read(arguments):
    values, files = _parser().files(arguments)
    if values is not None and len(files) != 2:
        raise ValueError(f"compare: there must be two images, not {len(files)}; see numbragg compare --help")
    return values, files


def run(arguments):
    """Compare two images.

    Returns the exit code.
    """
    values, files = _read(arguments)
    if values is None:
        return 0
    from ..compare.images import WORKING_BYTES, compare_images
    from ..io.any_image import read_images
    from ..io.output import OutputSet
    from ..io.silence import silenced

    json_name, png_name = values.get("--json"), values.get("--png")
    outputs_wanted = [name for name in (json_name, png_name) if name not in (None, "-")]
    check_outputs("compare", outputs_wanted, files)
    check_endings("compare", (("--json", json_name, "JSON"), ("--png", png_name, "PNG")))
    with OutputSet() as outputs:
        for name, kind in ((json_name, "account"), (png_name, "picture")):
            if name not in (None, "-"):
                outputs.reserve(name, kind)
        made = _figure() if png_name else None
        images = read_images(files, values.get("--shape"), WORKING_BYTES if made is None else DRAWING_BYTES)
        found = compare_images(images[0].pixels, images[1].pixels, peaks=values.get("--peaks", 50),
                               within=values.get("--within", 0.5), roi=values.get("--roi"))
        checks = found.checks(values.get("--min-correlation"), values.get("--max-ulp"),
                              values.get("--at-least"))
        account = None
        if json_name:
            import json

            account = json.dumps(_account(files, images, values.get("--roi"), found, checks), indent=2,
                                 allow_nan=False) + "\n"
        if json_name not in (None, "-"):
            with outputs.open(json_name) as file:
                file.write(account.encode())
        if png_name:
            with silenced(), outputs.open(png_name) as file:
                _draw(made, files, images, values.get("--roi"), found)
                made.savefig(file, format="png")
        outputs.commit()
    # whoever looks at the first lines only still wants to know whether the images are equal
    say_all(account.rstrip("\n") if json_name == "-" else
            "\n".join(_text(files, images, values.get("--roi"), found, checks)))
    return 0 if all(check.passed for check in checks) else 1


# -- text


def _number(value):
    """A number of the report; words where there is none."""
    if value is None:
        return "undefined"
    if isinstance(value, int):
        return str(value)
    text = f"{value:.12g}"
    # what is not quite 1 must not look like it
    return "0.999999999999" if text == "1" and value < 1.0 else text


def _pixels(count):
    return f"{count} pixel" if count == 1 else f"{count} pixels"


def _both(pixel):
    a, b = pixel.bits()
    return f"fast {pixel.fast}, slow {pixel.slow}: {pixel.a!s} ({a}) and {pixel.b!s} ({b})"


def _bin(low, high):
    return str(low) if low == high else f"{low} to {high}"


def _text(files, images, roi, found, checks):
    for letter, name, image in zip("AB", files, images):
        slow, fast = image.pixels.shape
        kind = "" if image.format.endswith(image.pixels.dtype.name) else f" {image.pixels.dtype.name}"
        yield f"{letter}: {shown(name)}, {image.format}{kind}, {slow} x {fast} pixels (slow x fast)"
    if roi is not None:
        yield f"region: fast {roi[0]} to {roi[1]}, slow {roi[2]} to {roi[3]}"
    yield ""
    if found.identical:
        yield f"bits: identical in all {found.pixels} pixels"
    elif found.differing == 0:
        yield f"bits: the same values in all {found.pixels} pixels, but of different types"
    else:
        share = 100.0 * found.differing / found.pixels
        yield f"bits: different in {found.differing} of {found.pixels} pixels ({share:.3g} %)"
        yield f"  first at {_both(found.first)}"
    yield from _ulp_text(found)
    yield f"correlation: {_number(found.correlation)}"
    yield f"RMSE: {_number(found.rmse)}; largest difference {_number(found.largest_difference)}"
    yield f"sums: A {_number(found.sums[0])}, B {_number(found.sums[1])}; B / A {_number(found.sum_ratio)}"
    if found.finite < found.pixels:
        left_out = _pixels(found.pixels - found.finite)
        yield f"  left out of correlation, RMSE and sums: {left_out}, not finite in A or B"
    peaks = found.peaks
    yield (f"peaks: {peaks.matched} of {max(peaks.found)} matched within {peaks.within:g} pixel, mean "
           f"distance {_number(peaks.mean_distance)}")
    if peaks.found != (peaks.wanted, peaks.wanted):
        yield f"  {peaks.wanted} were wanted; A has {peaks.found[0]}, B has {peaks.found[1]}"
    yield ""
    for check in checks:
        yield (f"{'passed' if check.passed else 'FAILED'}: {check.what} {_number(check.value)}, limit "
               f"{_number(check.limit)}")
    yield "equal" if all(check.passed for check in checks) else "NOT equal"


def _ulp_text(found):
    unit = "counts" if found.ulp_type == "integer" else f"ulp of {found.ulp_type}"
    if found.largest_ulp is not None:
        yield f"distance: at most {found.largest_ulp} {unit}"
    if found.largest is not None:
        yield f"  first so far apart at {_both(found.largest)}"
    if found.unmatched:
        yield f"  none in {_pixels(found.unmatched)}: NaN or infinity in one image, other bits in the other"
    if found.largest_ulp:
        labels = [_bin(low, high) for low, high, _ in found.histogram]
        width = max(map(len, labels))
        for label, (_, _, count) in zip(labels, found.histogram):
            if count:
                yield f"  {label:>{width}}: {_pixels(count)}"


# -- JSON


def _pixel_account(pixel):
    if pixel is None:
        return None
    return {"fast": pixel.fast, "slow": pixel.slow, "values": [json_ready(pixel.a), json_ready(pixel.b)],
            "bits": list(pixel.bits())}


def _account(files, images, roi, found, checks):
    from .._version import __version__

    peaks = found.peaks
    return {
        "program": "numbragg compare", "version": __version__,
        "images": [{"path": shown(name), "format": image.format, "type": image.pixels.dtype.name,
                    "shape": list(image.pixels.shape)} for name, image in zip(files, images)],
        "roi": None if roi is None else list(roi), "pixels": found.pixels, "identical": found.identical,
        "differing": {"pixels": found.differing, "first": _pixel_account(found.first)},
        "ulp": {"type": found.ulp_type, "largest": found.largest_ulp,
                "first_largest": _pixel_account(found.largest), "without": found.unmatched,
                "histogram": [{"from": low, "to": high, "pixels": n} for low, high, n in found.histogram]},
        "finite": found.finite, "correlation": json_ready(found.correlation),
        "rmse": json_ready(found.rmse),
        "largest_difference": json_ready(found.largest_difference),
        "sums": [json_ready(total) for total in found.sums], "sum_ratio": json_ready(found.sum_ratio),
        "peaks": {"wanted": peaks.wanted, "found": list(peaks.found), "within": peaks.within,
                  "matched": peaks.matched, "fraction": peaks.fraction, "mean_distance": peaks.mean_distance},
        "checks": [{"what": check.what, "value": json_ready(check.value), "limit": check.limit,
                    "passed": check.passed} for check in checks],
        "equal": all(check.passed for check in checks),
    }


# -- picture


def _figure():
    from .figures import figure

    return figure(12.0, 9.0)


def _draw(made, files, images, roi, found):
    import numpy as np

    from .figures import black_level, short, show_image

    a, b = (cropped(image.pixels, roi).astype(np.float64) for image in images)
    offset = (0, 0) if roi is None else (roi[0], roi[2])
    axes = made.subplots(2, 2)
    black = black_level((a, b))
    show_image(made, axes[0, 0], a, offset, f"A: {short(files[0])}", black=black)
    show_image(made, axes[0, 1], b, offset, f"B: {short(files[1])}", black=black)
    with np.errstate(over="ignore", invalid="ignore"):
        # infinities on both sides are no difference
        difference = np.where(a == b, 0.0, b - a)
    finite = np.abs(difference[np.isfinite(difference)])
    largest = float(finite.max()) if finite.size and finite.max() > 0.0 else 1.0
    show_image(made, axes[1, 0], difference, offset, f"B - A, RMSE {_number(found.rmse)}", largest=largest)
    bars = axes[1, 1]
    labels = [_bin(low, high) for low, high, _ in found.histogram]
    counts = [count for _, _, count in found.histogram]
    if found.unmatched:
        labels.append("none")
        counts.append(found.unmatched)
    bars.bar(range(len(counts)), counts, color="0.3")
    bars.set_yscale("log", nonpositive="clip")
    bars.set_ylim(bottom=0.5)
    step = -(-len(labels) // 24)
    bars.set_xticks(range(0, len(labels), step), labels[::step], rotation=90, fontsize="small")
    bars.set_xlabel("difference" if found.ulp_type == "integer" else f"distance [ulp of {found.ulp_type}]")
    bars.set_ylabel("pixels")
    bars.set_title(f"different bits in {found.differing} of {found.pixels} pixels", loc="left",
                   fontsize="small")
