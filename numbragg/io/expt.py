"""DIALS's experiment lists (.expt, experiments.json): the detectors in them, in DIALS's laboratory frame.

DIALS's frame has z towards the source of an ideal beam.  A panel's and a group's axes and origin are those in the frame
of the group that holds it; lengths are millimetres.
"""

import json
import math
from typing import NamedTuple

from ..kernels.arithmetic.vectors import cross
from .errors import format_error, shown
from .kinds import naming_the_kind
from .literals import INT_MAX

__all__ = ["ExptPanel", "Model", "read_expt"]

#: A longer file is not read: a list of a million experiments takes less [bytes].
LONGEST = 2 ** 30

#: What DIALS allows between the axes of a panel: the cosine of their angle.
LARGEST_COSINE = 1e-7


class ExptPanel(NamedTuple):
    """A panel in DIALS's laboratory frame."""

    name: str
    fast: tuple  # unit vectors
    slow: tuple
    origin: tuple  # corner of the first pixel [mm]
    pixel: tuple  # fast, slow [mm]
    size: tuple  # pixels, fast and slow
    thickness_um: float  # of the sensor
    depth_um: float | None  # 1/mu; None: not given
    material: str
    mask: tuple  # of (fast, slow, end fast, end slow), ends excluded


class Model(NamedTuple):
    """The detector of an experiment, and its beam."""

    panels: tuple
    travel: tuple | None  # direction of the photons, unit vector; None: the file has no beam
    wavelength: float | None  # [Angstrom]
    others: tuple  # kinds of models that the file holds besides
    experiments: int


class _Frame(NamedTuple):
    fast: tuple
    slow: tuple
    origin: tuple


_LABORATORY = _Frame((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 0.0))


class _File:
    """Looks things up in what was read, and names the place where they should be."""

    def __init__(self, path):
        self.path = path

    def error(self, place, value, rule):
        text = shown(json.dumps(value)[:200].encode("ascii", "replace")) if value is not None else "nothing"
        return format_error(self.path, f"{place}: {text} must be {rule}")

    def of(self, kind, holder, key, place, rule, otherwise=None):
        value = holder.get(key, otherwise) if isinstance(holder, dict) else None
        if not isinstance(value, kind) or isinstance(value, bool):
            raise self.error(f"{place}{key}", value, rule)
        return value

    def number(self, holder, key, place, otherwise=None):
        value = self.of((int, float), holder, key, place, "a number", otherwise)
        return self._finite(value, f"{place}{key}")

    def _finite(self, value, place):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise self.error(place, value, "a finite number")
        return number

    def numbers(self, holder, key, place, count):
        rule = f"{count} numbers"
        values = self.of(list, holder, key, place, rule)
        if len(values) != count or any(isinstance(v, bool) or not isinstance(v, (int, float)) for v in values):
            raise self.error(f"{place}{key}", values, rule)
        return tuple(self._finite(v, f"{place}{key}") for v in values)

    def unit(self, holder, key, place, otherwise=None):
        if otherwise is not None and isinstance(holder, dict) and key not in holder:
            return otherwise
        vector = self.numbers(holder, key, place, 3)
        length = math.hypot(*vector)
        if not 0.0 < length < math.inf:
            raise self.error(f"{place}{key}", list(vector), "a vector with a direction")
        return tuple(v / length for v in vector)


def read_expt(path, index=None):
    """The detector of one experiment of a list.

    Parameters
    ----------
    path : str or path-like
    index : int, optional
        Number of the experiment, from 0; may be left out where all have one detector and one beam.

    Returns
    -------
    Model

    Raises
    ------
    FileFormatError
        Not JSON, not such a list, or a model that breaks a rule.
    ValueError
        If there is no experiment of that number, or one must be named.
    OSError
        The file cannot be read.
    """
    with naming_the_kind(path, "a list of experiments of DIALS", ("JSON", "UTF-16 text")):
        file, content = _File(path), _content(path)
    if not isinstance(content, dict) or "detector" not in content:
        raise format_error(path, "is not a list of experiments of DIALS: it has no 'detector'")
    experiment, count = _experiment(file, content, index)
    detector, name = _model(file, content, experiment, "detector")
    if detector is None:
        raise format_error(path, f"experiment {index or 0} has no detector")
    beam, beam_name = _model(file, content, experiment, "beam")
    panels = _panels(file, detector, name)
    travel = wavelength = None
    if beam is not None:
        # the file has the direction from the sample to the source
        towards = file.unit(beam, "direction", beam_name, (0.0, 0.0, 1.0))
        travel = tuple(-v for v in towards)
        wavelength = file.number(beam, "wavelength", beam_name) if "wavelength" in beam else None
    others = tuple(kind for kind in ("crystal", "goniometer", "scan", "imageset") if content.get(kind))
    return Model(panels, travel, wavelength, others, count)


def _content(path):
    with open(path, "rb") as file:
        content = file.read(LONGEST + 1)
    if len(content) > LONGEST:
        raise format_error(path, f"is longer than {LONGEST} bytes")
    try:
        return json.loads(content)
    except RecursionError:
        raise format_error(path, "is nested too deeply") from None
    except UnicodeDecodeError as error:
        found = shown(content[error.start:error.start + 1])
        raise format_error(path, f"is not JSON (found {found} at byte {error.start}, which is no {error.encoding})"
                           ) from None
    except ValueError as error:
        raise format_error(path, f"is not JSON ({' '.join(str(error).split())[:100]})".encode(
            "ascii", "backslashreplace").decode("ascii")) from None


def _experiment(file, content, index):
    """The experiment of a number, and how many there are; of a list without experiments one for each detector."""
    listed = content.get("experiment")
    if not isinstance(listed, list) or not listed:
        detectors = file.of(list, content, "detector", "", "a list of models")
        listed = [{"detector": number, "beam": 0 if content.get("beam") else None} for number in range(len(detectors))]
    if any(not isinstance(each, dict) for each in listed):
        raise format_error(file.path, "experiment: every one must be a JSON object")
    if index is None:
        models = {json.dumps([each.get("detector"), each.get("beam")]) for each in listed}
        if len(models) > 1:
            raise ValueError(f"index: None, but the {len(listed)} experiments of {file.path} have {len(models)} "
                             "different detectors and beams; give the number of one, from 0 (index, --detector-model)")
        index = 0
    if not 0 <= index < len(listed):
        raise ValueError(f"index: {index}, but {file.path} has {len(listed)} experiments, counted from 0")
    return listed[index], len(listed)


def _model(file, content, experiment, kind):
    """A model of an experiment and the name of its place, or None where there is none."""
    number = experiment.get(kind)
    if number is None:
        return None, ""
    models = file.of(list, content, kind, "", "a list of models", [])
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < len(models):
        raise file.error(f"experiment: {kind}", number, f"the number of one of {len(models)} models of this file")
    if not isinstance(models[number], dict):
        raise file.error(f"{kind}[{number}]", models[number], "a JSON object")
    return models[number], f"{kind}[{number}]."


# -- frames


def _local(file, holder, place):
    """The frame that an object states, in that of what holds it."""
    fast, slow = (file.unit(holder, f"{name}_axis", place) for name in ("fast", "slow"))
    if not abs(sum(f * s for f, s in zip(fast, slow))) < LARGEST_COSINE:
        raise file.error(f"{place}slow_axis", list(slow), f"at right angles to fast_axis, {list(fast)}")
    return _Frame(fast, slow, file.numbers(holder, "origin", place, 3))


def _inside(outer, inner):
    """A frame that is given in another one."""
    normal = cross(outer.fast, outer.slow)

    def turned(vector):
        return tuple(vector[0] * f + vector[1] * s + vector[2] * n for f, s, n in zip(outer.fast, outer.slow, normal))

    return _Frame(turned(inner.fast), turned(inner.slow),
                  tuple(o + v for o, v in zip(outer.origin, turned(inner.origin))))


def _panels(file, detector, name):
    listed = file.of(list, detector, "panels", name, "a list of panels")
    if not listed:
        raise file.error(f"{name}panels", listed, "one or more panels")
    outer = [None] * len(listed)
    if detector.get("hierarchy") is not None:
        _place(file, detector["hierarchy"], f"{name}hierarchy", _LABORATORY, outer)
        if None in outer:
            raise format_error(file.path, f"{name}hierarchy: panel {outer.index(None)} is not in it")
    else:
        outer = [_LABORATORY] * len(listed)
    return tuple(_panel(file, panel, f"{name}panels[{number}].", frame)
                 for number, (panel, frame) in enumerate(zip(listed, outer)))


def _place(file, node, place, holder, found):
    """Enter the frame of the group that holds it for every panel."""
    frame = _inside(holder, _local(file, node, f"{place}."))
    for number, child in enumerate(file.of(list, node, "children", f"{place}.", "a list")):
        if not isinstance(child, dict) or "panel" not in child:
            _place(file, child, f"{place}.children[{number}]", frame, found)
            continue
        panel = child["panel"]
        if not isinstance(panel, int) or isinstance(panel, bool) or not 0 <= panel < len(found):
            raise file.error(f"{place}.children[{number}].panel", panel, f"the number of one of {len(found)} panels")
        if found[panel] is not None:
            raise format_error(file.path, f"{place}: panel {panel} is in it twice")
        found[panel] = frame


def _panel(file, panel, place, outer):
    frame = _inside(outer, _local(file, panel, place))
    pixel, size = file.numbers(panel, "pixel_size", place, 2), file.numbers(panel, "image_size", place, 2)
    if not min(pixel) > 0.0:
        raise file.error(f"{place}pixel_size", list(pixel), "two lengths above 0 mm")
    if not min(size) >= 1.0 or any(v != int(v) or v > INT_MAX for v in size):
        raise file.error(f"{place}image_size", list(size), "two numbers of pixels, 1 or more")
    thickness, mu = file.number(panel, "thickness", place, 0.0), file.number(panel, "mu", place, 0.0)
    strategy = panel.get("px_mm_strategy")
    if isinstance(strategy, dict) and "mu" in strategy and "t0" in strategy:
        # older files have the sensor there
        thickness, mu = (file.number(strategy, key, f"{place}px_mm_strategy.") for key in ("t0", "mu"))
    if min(thickness, mu) < 0.0:
        raise file.error(f"{place}thickness and mu", [thickness, mu], "0 or above")
    rows = file.of(list, panel, "mask", place, "a list of rectangles", [])
    mask = tuple(_rectangle(file, rows, f"{place}mask[{number}]", number) for number in range(len(rows)))
    name, material = (file.of(str, panel, key, place, "text", "") for key in ("name", "material"))
    depth = 1000.0 / mu if mu > 0.0 else None
    return ExptPanel(name, *frame, pixel, tuple(map(int, size)), 1000.0 * thickness, depth, material, mask)


def _rectangle(file, rows, place, number):
    values = file.numbers({"": rows[number]}, "", place, 4)
    if any(v != int(v) or abs(v) > INT_MAX for v in values):
        raise file.error(place, list(values), "four numbers of pixels: fast, slow, end fast, end slow")
    return tuple(map(int, values))
