"""What must hold after every run: exit status, what is said, which files there are and what is in them."""

import json
import math
import os
import re

import numpy as np

from numbragg.command_line.early import EARLY
from numbragg.command_line.parse import parse

from .seeds import PANELS

__all__ = ["Failure", "content", "files_after", "said"]

_FOREIGN = re.compile(r"Traceback \(most recent|[A-Za-z]Warning: |^Exception ignored", re.MULTILINE)
#: What a person cannot make sense of.
_PYTHON = re.compile(r"object has no attribute|NoneType|unsupported operand|not subscriptable|positional argument"
                     r"|ndarray|cannot reshape|could not broadcast|codec can't|out of bounds for axis"
                     r"|surrogates not allowed")
#: Commands whose answer is no report of an image.
_READING = ("trace", "from_geom", "from_expt", "from_header")
_ANSWERING = ("compare", "plateau", "help", "completion", *_READING)
#: Drop-ins for other programs.
_PROGRAMS = ("nonbragg", "noisify")
_ERROR = "numbragg: error: "
_WARNING = "numbragg: warning: "


class Failure(Exception):
    """A property that does not hold: its kind, which shrinking keeps, and what was seen."""

    def __init__(self, kind, seen=""):
        super().__init__(kind, seen)
        self.kind, self.seen = kind, seen


def content(folder):
    """What is in a folder: bytes by name; None for what is no file."""
    found = {}
    for entry in os.scandir(folder):
        if entry.is_file():
            with open(entry.path, "rb") as file:
                found[entry.name] = file.read()
        elif entry.is_dir():
            found[entry.name] = None
            found |= {os.path.join(entry.name, name): inner for name, inner in content(entry.path).items()}
        else:
            found[entry.name] = None
    return found


def said(case, code, out, err):
    """Check the exit status and both streams."""
    command = case.words[0] if case.words else ""
    if _FOREIGN.search(err) or _FOREIGN.search(out):
        raise Failure("traceback or foreign warning", err[-600:] or out[-600:])
    if code not in ((0, 1, 2) if command in ("compare", "trace") else (0, 2)):
        raise Failure("exit status", f"{code}; {err[-300:]}")
    if code == 1 and command == "trace" and "--against" not in case.words:
        raise Failure("exit status", "1 without --against")
    if code == 2:
        if not case.words:
            return
        errors = err.splitlines()
        if len(errors) != 1 or not errors[0].startswith(_ERROR) or not err.endswith("\n"):
            raise Failure("not one line of error", err[:600])
        if len(errors[0]) > 1500:
            raise Failure("a long error", errors[0][:200])
        if not errors[0][len(_ERROR):].strip():
            raise Failure("an empty error")
        if _PYTHON.search(errors[0]):
            raise Failure("an error of Python's", errors[0])
        if out:
            raise Failure("stdout beside an error", out[:300])
        return
    # help and version are printed all the same
    quiet = "--quiet" in case.words and not EARLY.keys() & case.words
    for line in err.splitlines():
        if not line.startswith(_WARNING if quiet else "numbragg: "):
            raise Failure("stderr beside success", line[:300])
        if line.startswith(_ERROR):
            raise Failure("an error with exit status 0", line[:300])
    listing = any("printout" in word for word in case.words)
    if command in _ANSWERING:
        if not out and not any(word.startswith("--output") for word in case.words):
            raise Failure("no answer")
    elif quiet and out and not listing:
        raise Failure("stdout under --quiet", out[:300])
    elif not quiet and (not out if command in _PROGRAMS else "numbragg" not in out):
        raise Failure("no report", out[:300])


# -- files


def _whole_json(data):
    def refuse(word):
        raise ValueError(word)

    json.loads(data, parse_constant=refuse)


def _whole_npy(data, shape):
    import io

    if np.load(io.BytesIO(data), allow_pickle=False).shape != shape:
        raise ValueError("another shape")


def _whole_tiff(data, shape, dtype):
    import io

    import tifffile

    with tifffile.TiffFile(io.BytesIO(data)) as file:
        pages = np.stack([page.asarray() for page in file.pages])
    if pages.reshape(shape).dtype != (dtype or np.float32):
        raise ValueError("another type")


def _whole_hdf5(data):
    import io

    import h5py

    with h5py.File(io.BytesIO(data)) as file:
        found = []
        file.visititems(lambda name, item: found.append(item[()]) if isinstance(item, h5py.Dataset) else None)
    return len(found) > 0


def _check(name, data, whole):
    if data is None:
        raise Failure("a file is missing", name)
    try:
        right = whole(data)
    except Exception as error:
        raise Failure("a file is not whole", f"{name}: {error!r}") from None
    if right is False:
        raise Failure("a file is not whole", f"{name}: {len(data)} bytes")


def _whole_counts(data):
    """Of several formats: whole means that there is something."""
    return len(data) > 100


def _of_panels(names):
    """The same for the one detector of panels that command lines have."""
    wanted = [(names.floatfile, lambda data: len(data) == 4 * math.prod(PANELS)),
              (names.tiff, lambda data: _whole_tiff(data, PANELS, names.tiff_type)),
              (names.nexus, _whole_hdf5), (names.crystfel, _whole_hdf5), (names.expt, _whole_json),
              (names.geom, lambda data: data.endswith(b"\n")),
              (names.npy, lambda data: _whole_npy(data, PANELS)),
              (names.png, lambda data: data.startswith(b"\x89PNG") and data.endswith(b"IEND\xaeB`\x82")),
              (names.stats_json, _whole_json), (names.counts, _whole_counts)]
    return [pair for pair in wanted if pair[0] is not None]


def image_outputs(words, prepared):
    """What an image run must have written: by name, what tells whether the content is whole."""
    line = parse(words)
    if line.detector is not None:
        return _of_panels(line.outputs), []
    names, (slow, fast) = line.outputs, prepared.shape
    pixels = slow * fast

    def smv(data):
        header = data.find(b"}\x0c") + 2
        return (header > 1 and data.startswith(b"{\nHEADER_BYTES=512;\n")
                and len(data) == 2 * pixels + max(512, header))

    wanted = [(names.floatfile, lambda data: len(data) == 4 * pixels), (names.intfile, smv)]
    if names.write_pgm:
        wanted.append((names.pgmfile, lambda data: data.startswith(b"P5\n") and len(data) > pixels))
    if names.calculate_noise:
        wanted.append((names.noisefile, smv))
    wanted.append((names.npy, lambda data: _whole_npy(data, (slow, fast))))
    wanted.append((names.tiff, lambda data: _whole_tiff(data, (slow, fast), names.tiff_type)))
    wanted.append((names.png, lambda data: data.startswith(b"\x89PNG") and data.endswith(b"IEND\xaeB`\x82")))
    wanted.append((names.stats_json, _whole_json))
    wanted.append((names.nexus, _whole_hdf5))
    wanted.append((names.cbf, lambda data: data.startswith(b"###CBF") and data.endswith(b";\r\n")))
    wanted.append((names.counts, _whole_counts))
    wanted.append((names.smv_readable, lambda data: data.startswith(b"{\nHEADER_BYTES=")
                   and (len(data) - 2 * pixels) % 512 == 0))
    wanted.append((names.expt, _whole_json))
    wanted += [(name, lambda data: data.endswith(b"\n")) for name in (names.geom, names.xds_inp)]
    optional = []
    if line.files.hkl is not None:
        optional = [(line.files.dump, lambda data: data.count(b"\n\x0c") > 0)]
    return [pair for pair in wanted if pair[0] is not None], optional


def _no_silent_nan(after, name, said):
    data = after.get(os.path.normpath(name))
    if data and not np.isfinite(np.frombuffer(data, np.float32)).all() and "not all of them are finite" not in said:
        raise Failure("an image that is not finite, without a word", name)


def _all_or_none(case, before, after):
    """Check what a drop-in has written beside inputs, which stay."""
    for name, data in before.items():
        if after.get(name) != data:
            raise Failure("an input is changed", name)
    smallest = 1 if case.words[0] == "noisify" else 3
    if len(after.keys() - before.keys()) < smallest and not {os.devnull, "--help", "--version"} & {*case.words}:
        raise Failure("a file is missing", ", ".join(sorted(after)))


def files_after(case, code, before, after, prepared, out):
    """Check what is in the folder, before and after; `out` is what was said, on both streams."""
    command = case.words[0] if case.words else ""
    expected, replaced = {}, ()
    if command in _PROGRAMS and code == 0:
        # their names are in the report, or are the default ones
        _all_or_none(case, before, after)
        return
    if code == 2 or command in _READING or (prepared is None and not case.outputs):
        pass
    elif command in ("compare", "plateau"):
        expected = {name: None for name in case.outputs}
        for name in case.outputs:
            _check(name, after.get(name), _whole_json if name.endswith(".json") else lambda data: len(data) > 8)
    else:
        wanted, optional = image_outputs(case.words, prepared)
        # the table of the reflections that were read
        replaced = [os.path.normpath(name) for name, _ in optional]
        expected = {os.path.normpath(name): None for name, _ in (*wanted, *optional)}
        for name, whole in wanted:
            if name != os.devnull:
                _check(name, after.get(os.path.normpath(name)), whole)
        _no_silent_nan(after, wanted[0][0], out)
        for name, whole in optional:
            if after.get(os.path.normpath(name)) is not None and "cannot be written" not in out:
                _check(name, after[os.path.normpath(name)], whole)
    for name, data in before.items():
        if after.get(name) != data and name not in replaced:
            raise Failure("an input is changed", name)
    left = sorted(after.keys() - before.keys() - expected.keys())
    if left:
        raise Failure("files left over", ", ".join(map(ascii, left)))
