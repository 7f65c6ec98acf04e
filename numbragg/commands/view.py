"""`numbragg view`: a look at an image: a window, a picture, or one page for a browser, with every pixel's number."""

import re
import sys

from ..io.literals import decimal
from ..notes import Loud
from .arguments import Parser, check_endings, check_outputs, choice, file_name, finite_number, out_name, shape, shown
from .printing import report

# start-up: what a run needs is imported when it runs, so that --help and refused words load neither NumPy nor Numba

__all__ = ["run"]

#: As `viewing.contrast.SCALES`, which needs NumPy.
_SCALES = ("linear", "sqrt", "log")
#: As `viewing.limits`, likewise: wavelengths and resolutions [Angstrom].
_LEAST, _MOST = 1e-6, 1e6


def _parser():
    parser = Parser(
        "view", "IMAGE [options]",
        "Look at an image: panels where their geometry has them, rings of resolution, predicted spots, and every\n"
        "pixel's number.  A window, or with --html one page that a browser shows without a network, or with --png\n"
        "a picture.\n"
        "Formats: see numbragg compare --help; of HDF5 also series, and npy and raw floats of several panels.")
    parser.option("--html", "FILE", "write a page: zoom, contrast, frames, rings, spots, pixels' numbers", file_name)
    parser.option("--png", "FILE", "write a picture of one frame", file_name)
    parser.option("--frame", "N", "this frame of a series, from 0 (default: the first)", _frame)
    parser.option("--frames", "A:B", "frames A to before B; of a page or a window", _frames)
    parser.option("--geometry", "FILE", "where panels are: .geom (CrystFEL) or .expt (DIALS); default: as the image\n"
                  "says",
                  out_name)
    parser.option("--distance", "MM", "camera length, in the place of that of a .geom [mm]", finite_number(1e-3, 1e9))
    parser.option("--spots", "FILE", "spots to be marked, a table as Spots.write_csv writes it; default: those of the\n"
                  "crystals that an NXmx file of numbragg names", out_name)
    parser.option("--wavelength", "A", "of the beam [Angstrom], for rings (default: as files say)",
                  finite_number(_LEAST, _MOST))
    parser.option("--rings", "D,D,...", "resolutions of rings [Angstrom], or none (default: some that are seen)",
                  _rings)
    parser.option("--contrast", "LOW:HIGH", "values of the lightest and the darkest pixel; with %% percentiles, such\n"
                  "as 1%:99.5% (default: from 0 to the 99.9th of values above 0)".replace("%%", "%"), _contrast)
    parser.option("--scale", "WORD", "linear, sqrt or log (default: sqrt)", choice(*_SCALES))
    parser.option("--shape", "SLOWxFAST", "pixels of raw images (default: they are square)", shape)
    return parser


def _frame(word):
    number = int(word) if re.fullmatch("[0-9]{1,9}", word) else None
    if number is None:
        raise ValueError("must be the number of a frame, from 0")
    return range(number, number + 1)


def _frames(word):
    match = re.fullmatch("([0-9]{1,9}):([0-9]{1,9})", word)
    if not match or not int(match[1]) < int(match[2]):
        raise ValueError("must be A:B, two numbers of frames, the first below the second")
    return range(int(match[1]), int(match[2]))


def _rings(word):
    if word == "none":
        return False
    numbers = [decimal(part) for part in word.split(",")]
    if any(number is None or not _LEAST <= number <= _MOST for number in numbers):
        raise ValueError(f"must be resolutions from {_LEAST:g} to {_MOST:g} with commas between them, or none")
    return numbers


def _contrast(word):
    """Two numbers, each with whether it is a percentile."""
    found = []
    for part in word.split(":"):
        number = decimal(part.removesuffix("%"))
        if number is None or part.endswith("%") and not 0.0 <= number <= 100.0:
            found = []
            break
        found.append((number, part.endswith("%")))
    if len(found) != 2 or found[0][1] == found[1][1] and not found[0][0] < found[1][0]:
        raise ValueError("must be LOW:HIGH, two numbers or percentiles (1%:99%), the first below the second")
    return tuple(found)


def _read(arguments):
    values, files = _parser().files(arguments)
    if values is None:
        return None, None
    if len(files) != 1:
        raise ValueError(f"view: there must be one image, not {len(files)}; see numbragg view --help")
    if "--frame" in values and "--frames" in values:
        raise ValueError("view: --frame and --frames exclude one another")
    if "--distance" in values and "--geometry" not in values:
        raise ValueError("view: --distance replaces the camera length of --geometry, which is not given")
    if "--png" in values and len(values.get("--frames", range(1))) > 1:
        raise ValueError("view: --frames: a picture has one frame; use --frame N")
    return values, files[0]


def run(arguments):
    """Look at an image.

    Returns the exit code.
    """
    values, name = _read(arguments)
    if values is None:
        return 0
    from ..io.output import OutputSet
    from ..viewing.limits import ring_notes
    from ..viewing.reading import read_seen

    wanted = [(option, values[option], kind, what) for option, kind, what in (
        ("--html", "HTML", "page"), ("--png", "PNG", "picture")) if option in values]
    inputs = [name, *(values[option] for option in ("--geometry", "--spots") if option in values)]
    check_outputs("view", [path for _, path, _, _ in wanted], inputs)
    check_endings("view", [(option, path, kind) for option, path, kind, _ in wanted])
    with OutputSet() as outputs:
        for _, path, _, what in wanted:
            outputs.reserve(path, what)
        seen = read_seen(name, frames=values.get("--frame", values.get("--frames")), shape=values.get("--shape"),
                         geometry=values.get("--geometry"), distance_mm=values.get("--distance"),
                         spots=values.get("--spots"), wavelength=values.get("--wavelength"))
        look = values.get("--contrast"), values.get("--scale", "sqrt"), values.get("--rings")
        seen.notes.extend(ring_notes(seen, values.get("--rings")))
        # a window stays open
        for note in seen.notes:
            if isinstance(note, Loud):
                print(f"numbragg: warning: {note}", file=sys.stderr)
        if not wanted:
            from ..viewing.picture import open_window

            open_window(seen, *look)
        said = []
        for option, path, _, _ in wanted:
            said.append(_write(outputs, option, path, seen, look))
        outputs.commit()
    with report():
        if said:
            print("\n".join(said))
    return 0


def _write(outputs, option, path, seen, look):
    """Write a file. Returns a line that says so."""
    if option == "--png":
        from ..viewing.picture import write_picture

        with outputs.open(path) as file:
            write_picture(file, seen, *look)
        return f"{shown(path)}: a picture of {seen.frames[0].name}"
    from ..viewing.page import page

    content = page(seen, *look)
    with outputs.open(path) as file:
        file.write(content)
    frames = "1 frame" if len(seen.frames) == 1 else f"{len(seen.frames)} frames"
    return f"{shown(path)}: a page of {frames}, {len(content) / 1e6:.1f} MB"
