"""Traces of others, and our own, read from a file: quantities by section and name, numbers as printed."""

from dataclasses import dataclass, field
import json
import re

from ..io.bounded import bounded_content
from ..io.errors import format_error
from ..io.literals import PRINTED
from .formats import FORMAT
from .quantities import UNITS
from .record import STEP_FIELDS

__all__ = ["Printed", "Reference", "read_trace", "FULL", "DIGITS", "OWN", "LISTING", "PLAIN"]

#: How a number was printed: all digits of a double, or some (else: a format of Python's).
FULL, DIGITS = "full", "digits"

#: Sorts of files.
OWN, LISTING, PLAIN = "a trace of numbragg", "nanoBragg's -printout", "names and numbers"

#: Bytes that no text has, not even one with a terminal's colours.
_NO_TEXT = re.compile(rb"[\x00-\x06\x0e-\x1a]")
#: Bytes that a trace may have, and memory that a byte takes while it is read.
_LARGEST, _PER_BYTE = 1 << 28, 10.0

#: Significant digits that give a double back, whatever it is.
ENOUGH = 17


@dataclass(frozen=True, slots=True)
class Printed:
    """A number as a file has it.

    Attributes
    ----------
    text : str
    form : str
        `FULL`, `DIGITS` or a format.
    factor : float
        The file has the quantity times this number.
    """

    text: str
    form: str
    factor: float = 1.0


@dataclass(slots=True)
class Reference:
    """What a file says about a pixel.

    Attributes
    ----------
    path : str
    kind : str
        `OWN`, `LISTING` or `PLAIN`.
    values : dict
        Lists of `Printed` by (section, name); a section is ``"before"``, a step's number, ``"final"`` or
        ``"step"``: a step that the file does not number.
    notes : list of str
    unknown : list of str
        Names, with a number behind them, of which nothing could be made.
    """

    path: str
    kind: str
    values: dict = field(default_factory=dict)
    notes: list = field(default_factory=list)
    unknown: list = field(default_factory=list)

    def add(self, section, name, printed):
        """Enter one number."""
        self.values.setdefault((section, name), []).append(printed)


# -- names

BEFORE = ("fast", "slow", "layers", "oversample", "sources", "phi_steps", "domains", "oversample_thick",
          "oversample_polar", "oversample_omega", "first_sweep", "axis_x", "axis_y", "axis_z", "background")
FINAL = ("sum", "sum_per_step", "steps_summed", "steps", "r_e_sqr", "fluence", "scale", "capture_fraction",
         "polarisation_factor", "solid_angle", "photons", "pixel")

_XYZ = ("x", "y", "z")
_ANGSTROM = 1e10


def _names():
    """Other people's names in small letters: (section, our names, factor)."""
    table = {
        ("final", ("sum",), 1.0): "i intensity i_before_scaling",
        ("final", ("sum_per_step",), 1.0): "i/steps",
        ("final", ("r_e_sqr",), 1.0): "r_e_m_sqr r_e_squared",
        ("final", ("fluence",), 1.0): "fluence_photons_per_m2",
        ("final", ("capture_fraction",), 1.0): "capfrac capture",
        ("final", ("polarisation_factor",), 1.0): "polar polarization polarisation kahn_factor"
                                                     " polarization_factor",
        ("final", ("solid_angle",), 1.0): "omega omega_pixel omega_pixel_sr",
        ("final", ("photons",), 1.0): "i_pixel_final",
        ("final", ("pixel",), 1.0): "floatimage floatimage_accumulated",
        ("before", ("fast",), 1.0): "fpixel",
        ("before", ("slow",), 1.0): "spixel",
        ("before", ("background",), 1.0): "i_bg",
        ("step", ("airpath",), 1.0): "airpath_m airpath_meters",
        ("step", ("wavelength",), 1.0): "lambda lambda_m lambda_meters wavelength_m",
        ("step", ("wavelength",), _ANGSTROM): "lambda_a lambda_angstrom lambda_angstroms wavelength_angstrom",
        ("step", ("f_cell",), 1.0): "fcell",
        ("step", ("f_latt",), 1.0): "flatt",
        ("step", _XYZ, 1.0): "position pixel_pos pixel_pos_m pixel_pos_meters pixel_position",
        ("step", ("s1_x", "s1_y", "s1_z"), 1.0): "s1 diffracted diffracted_vec",
        ("step", ("s0_x", "s0_y", "s0_z"), 1.0): "s0 incident incident_vec",
        # called after the Angstrom in debugging prints of the C program, though printed per metre
        ("step", ("q_x", "q_y", "q_z"), 1.0): "q scattering scattering_vec scattering_vector"
                                               " scattering_vec_a_inv",
        ("step", ("h", "k", "l"), 1.0): "hkl hkl_frac",
        ("step", ("h0", "k0", "l0"), 1.0): "hkl0 hkl_rounded hkl_int",
    }
    for v in "abc":
        components = tuple(f"{v}_{axis}" for axis in _XYZ)
        table["step", components, 1.0] = f"{v} rot_{v} rot_{v}_m rot_{v}_meters"
        table["step", components, _ANGSTROM] = (f"{v}_angstrom {v}_angstroms rot_{v}_angstrom"
                                                f" rot_{v}_angstroms")
    names = {other: place for place, others in table.items() for other in others.split()}
    names |= {name: ("step", (name,), 1.0) for name in STEP_FIELDS}
    names |= {name: ("final", (name,), 1.0) for name in FINAL}
    return names | {name: ("before", (name,), 1.0) for name in BEFORE}


ALIASES = _names()


# -- units

_TO_METRES = {unit: factor for factor, units in (
    (1.0, "m metre metres meter meters"), (1e2, "cm"), (1e3, "mm millimetre millimetres millimeter millimeters"),
    (1e6, "um µm μm micron microns micrometre micrometres micrometer micrometers"), (1e9, "nm nanometres nanometers"),
    (1e10, "a å ang angstrom angstroms ångström ångströms"), (1e12, "pm")) for unit in units.split()}
#: How many of a unit there are in one of ours, by our unit; all in small letters.
_FACTORS = {
    "m": _TO_METRES,
    "1/m": {form.format(unit): 1.0 / factor for unit, factor in _TO_METRES.items()
            for form in ("1/{}", "{}^-1", "{}^(-1)", "{}-1", "{}**-1", "/{}", "{}⁻¹")},
    "m^2": {f"{unit}{power}": factor * factor for unit, factor in _TO_METRES.items()
            for power in ("^2", "2", "**2", "²")},
    "photons/m^2": {f"{particle}/{unit}{power}": 1.0 / (factor * factor) for unit, factor in _TO_METRES.items()
                    for power in ("^2", "2", "**2", "²") for particle in ("photons", "photon", "ph")},
    "sr": {"sr": 1.0, "steradian": 1.0, "steradians": 1.0, "rad^2": 1.0, "msr": 1e3, "mrad^2": 1e6,
           "usr": 1e6, "µsr": 1e6, "μsr": 1e6, "urad^2": 1e12},
    "electrons": {"electrons": 1.0, "electron": 1.0, "e": 1.0, "e-": 1.0},
    "photons": {"photons": 1.0, "photon": 1.0, "ph": 1.0, "counts": 1.0},
}
#: Whatever is one of these behind a number is its unit.
_ALL_UNITS = frozenset(unit for units in _FACTORS.values() for unit in units) | {
    "deg", "degree", "degrees", "rad", "radian", "radians", "mrad", "urad", "ev", "kev", "inch", "in", "ft", "km"}


def _unit_factor(name, unit):
    """How many of a unit one of ours is, for one of our quantities; None where it is no unit of that."""
    ours = UNITS.get(name)
    word = unit.lower().replace(" ", "")
    if ours is None:
        # what else a program puts in brackets: frac, unit, dimensionless
        return None if word in _ALL_UNITS else 1.0
    return _FACTORS[ours].get(word)


# -- our own formats

_SECTION = re.compile(r"\[(before|final|step (\d+))\]")
_OWN_LINE = re.compile(r"(\w+) = (\S+)")


def _section(word):
    return int(word.rpartition(" ")[2]) if word.startswith("step") else word


def _own_comment(reference, line, number):
    """What a comment of our CSV says."""
    if found := re.match(r"# (before|final)\.(\w+) = (\S+)", line):
        section, name, text = found.groups()
        reference.add(section, name, Printed(_number(reference, text, number), FULL))


def _read_text(reference, lines):
    section = None
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        if found := _SECTION.match(line):
            section = _section(found.group(1))
        else:
            found = _OWN_LINE.match(line)
            if section is None or not found:
                problem = f"{line[:40]!r} is neither a section nor a quantity"
                raise format_error(reference.path, problem, number)
            name, text = found.groups()
            reference.add(section, name, Printed(_number(reference, text, number), FULL))


def _read_csv(reference, lines):
    names = None
    for number, line in enumerate(lines, 1):
        if line.startswith("#"):
            _own_comment(reference, line, number)
            continue
        words = line.strip().split(",")
        if words == [""]:
            continue
        if names is None:
            names = words
            continue
        if len(words) != len(names) or not words[0].isdecimal():
            raise format_error(reference.path, f"{len(words)} columns; must be a step's number and "
                                               f"{len(names) - 1} quantities", number)
        for name, text in zip(names[1:], words[1:]):
            reference.add(int(words[0]), name, Printed(_number(reference, text, number), FULL))


def _read_own_json(reference, data):
    def enter(section, values):
        for name, value in values.items():
            if name != "step":
                reference.add(section, name, Printed(_number(reference, str(value)), FULL))

    try:
        for section in ("before", "final"):
            enter(section, data[section])
        for step in data["steps"]:
            enter(int(step["step"]), step)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise format_error(reference.path, f"not a whole trace ({type(error).__name__}: {error})") from None


# -- the C program's listing

# a warning about interpolation may stand in the same line
_C_HEAD = re.compile(r"^(?:WARNING: .*! )? *(\d+) +(\d+) : stol = (\S+) or \S+ *$", re.MULTILINE)
_C_LINES = (
    (1, r"at (\S+) (\S+) (\S+)", "step", _XYZ, ".6g", 1.0),
    (2, r"hkl= (\S+) (\S+) (\S+) +hkl0= .*", "step", ("h", "k", "l"), ".6f", 1.0),
    (2, r"hkl= .* hkl0= (\S+) (\S+) (\S+)", "step", ("h0", "k0", "l0"), ".0f", 1.0),
    (3, r" F_cell=(\S+) +F_latt=(\S+) +I = (\S+)", "step", ("f_cell", "f_latt", "sum"), ".6g", 1.0),
    (4, r"I/steps +(\S+)", "final", ("sum_per_step",), ".10g", 1.0),
    (5, r"polar +(\S+)", "final", ("polarisation_factor",), ".10g", 1.0),
    (6, r"omega +(\S+)", "final", ("solid_angle",), ".10g", 1.0),
    (7, r"capfrac +(\S+)", "final", ("capture_fraction",), ".10g", 1.0),
    (8, r"pixel +(\S+)", "final", ("pixel",), ".10g", 1.0),
    (9, r"real-space cell vectors.*", "step", (), "", 1.0),
    (10, r" +a +b +c", "step", (), "", 1.0),
    (11, r"X: +(\S+) +(\S+) +(\S+)", "step", ("a_x", "b_x", "c_x"), ".8f", _ANGSTROM),
    (12, r"Y: +(\S+) +(\S+) +(\S+)", "step", ("a_y", "b_y", "c_y"), ".8f", _ANGSTROM),
    (13, r"Z: +(\S+) +(\S+) +(\S+)", "step", ("a_z", "b_z", "c_z"), ".8f", _ANGSTROM))


def _read_listing(reference, text, pixel):
    """The block of one pixel in what the C program prints; the last step is what it shows."""
    blocks = [found for found in _C_HEAD.finditer(text) if (int(found[1]), int(found[2])) == pixel]
    if not blocks:
        raise format_error(reference.path, f"lists no pixel {pixel[0]} {pixel[1]} (fast slow)")
    head = blocks[-1]
    if len(blocks) > 1:
        reference.notes.append(f"{reference.path} lists the pixel {len(blocks)} times; the last one is"
                               " compared")
    first = text.count("\n", 0, head.start()) + 1
    lines = text[head.start():].split("\n", len(_C_LINES) + 1)
    reference.add("step", "stol", Printed(head[3], ".6g"))
    for offset, pattern, section, names, form, factor in _C_LINES:
        line = lines[offset].rstrip() if offset < len(lines) else ""
        found = re.fullmatch(pattern, line)
        if not found:
            problem = f"{line[:40]!r} is not what nanoBragg prints there"
            raise format_error(reference.path, problem, first + offset)
        for name, number in zip(names, found.groups()):
            # a sum that no step has changed is printed too
            place = "final" if name == "sum" else section
            reference.add(place, name, Printed(_number(reference, number, first + offset), form, factor))


# -- anything with names and numbers

_C_BANNER = re.compile(r"nanoBragg\b.*simulator")
_PREFIX = re.compile(r"\s*[A-Z]+_[A-Z]+:\s+")
_PLACE = re.compile(r"(before|final|step ?\[?(\d+)\]?)\.(\w+)")
_STEP = re.compile(r"\s*\[?step\s*\[?(\d+)\]?:?\s*", re.I)
_NAME = re.compile(r"([A-Za-z_][\w/.\[\]]*)\s*(?:[(\[]\s*([^()\[\]=:]*?(?:\(-1\))?)\s*[)\]]\s*(?=[=:]))?")
_ATTACHED = re.compile(rf"[\s,\[(]*({PRINTED})(?=([a-zµμå]+)(?![\w.]))", re.I)
#: A unit behind the numbers: a word, or anything in brackets; what an equals sign follows is a name.
_BEHIND = re.compile(r"[)\]]?\s*(?:[(\[]\s*([^()\[\]=:]+?)\s*[)\]]|([^\s,;=:()\[\]]+)(?=[\s,;)\]]|$)(?!\s*[=:]))")
#: A unit as the last part of a name.
_SUFFIX = re.compile(r"(.+?)_(?:in_)?([a-zµμå]+)(_inv)?")
_VALUE = re.compile(rf"{PRINTED}(?![\w.])", re.I)


def _known(name):
    """Section, our names and factor of a name, or None."""
    if found := _PLACE.fullmatch(name):
        word, step, own = found.groups()
        return (int(step) if step else word), (own,), 1.0
    return ALIASES.get(name.lower()) or _known_with_unit(name.lower())


def _known_with_unit(name):
    """As `_known`, of a name that ends in a unit: ``distance_mm``."""
    found = _SUFFIX.fullmatch(name)
    known = ALIASES.get(found[1]) if found else None
    if known is None:
        return None
    section, names, _ = known
    factor = _unit_factor(names[0], f"1/{found[2]}" if found[3] else found[2])
    return None if factor is None else (section, names, factor)


def _number_at(text):
    """The match of a number at the start of a text, a unit directly behind it or not."""
    number = re.match(r"[\s,\[(]*(" + _VALUE.pattern + ")", text, re.I)
    if number is None:
        number = _ATTACHED.match(text)
        if number and number[2].lower() not in _ALL_UNITS:
            return None
    return number


def _assignments(line):
    """(name, numbers, unit) of a line such as ``name = 1 2 3``, ``TRACE_X: name 1`` or ``a (mm) = 1  b = 2 mm``.

    The unit is None where there is none.
    """
    prefix = _PREFIX.match(line)
    rest = line[prefix.end():] if prefix else line
    while found := _NAME.search(rest):
        name, unit, rest = found.group(1), found.group(2), rest[found.end():]
        marked = rest.startswith(("=", ":"))
        if not marked and not prefix:
            continue
        values = []
        rest = rest[1:] if marked else rest
        while number := _number_at(rest):
            values.append(number.group(1))
            rest = rest[number.end():]
        behind = _BEHIND.match(rest) if values and unit is None else None
        if behind and (behind[1] or behind[2].lower() in _ALL_UNITS):
            unit, rest = behind[1] or behind[2], rest[behind.end():]
        yield name, values, unit


def _enter(reference, name, values, step, unknown, unit=None):
    """One name and its numbers, which belong to a step where one has been named."""
    known = _known(name)
    if known is None:
        unknown.append(name)
        return
    section, names, factor = known
    if unit:
        factor = _unit_factor(names[0], unit)
        if factor is None:
            unknown.append(f"{name} in {unit}")
            return
    if len(values) < len(names):
        unknown.append(f"{name} ({len(values)} number(s) instead of {len(names)})")
        return
    if section == "step" and step is not None:
        section = step
    for own, value in zip(names, values):
        reference.add(section, own, Printed(value, DIGITS, factor))


def _read_plain(reference, lines):
    if lines and _C_BANNER.match(lines[0]):
        # its account of the scene has names such as x, of other things
        lines = [line for line in lines if _PREFIX.match(line)]
        if not lines:
            raise format_error(reference.path, "is nanoBragg's output without a listing of pixels; "
                               "run it with -printout")
    step = None
    unknown = []
    for line in lines:
        if found := _STEP.fullmatch(line):
            step = int(found.group(1))
            continue
        for name, values, unit in _assignments(line):
            if values:
                _enter(reference, name, values, step, unknown, unit)
    _tell_unknown(reference, unknown)


_JSON_NAME = re.compile(r"(.*?)\s*[(\[]\s*([^()\[\]]+?)\s*[)\]]")


def _read_flat_json(reference, data):
    unknown = []
    for name, value in data.items():
        values = value if isinstance(value, list) else [value]
        if all(isinstance(v, str) and _VALUE.fullmatch(v) for v in values):
            found = _JSON_NAME.fullmatch(name)
            _enter(reference, found[1] if found else name, values, None, unknown, found[2] if found else None)
        else:
            unknown.append(name)
    _tell_unknown(reference, unknown)


def _tell_unknown(reference, unknown):
    if unknown:
        names = list(dict.fromkeys(unknown))
        reference.unknown += names
        more = f" and {len(names) - 10} more" if len(names) > 10 else ""
        reference.notes.append(f"not known: {', '.join(names[:10])}{more}")


def _digits(text):
    """Significant digits of a number as printed."""
    mantissa = re.split("[eE]", text)[0]
    return len(re.sub(r"\D", "", mantissa).lstrip("0"))


def _take_in_full(reference):
    """Numbers of a file that prints some number in full are all taken to be in full."""
    if any(_digits(printed.text) >= ENOUGH for values in reference.values.values() for printed in values):
        for key, values in reference.values.items():
            reference.values[key] = [Printed(p.text, FULL, p.factor) for p in values]


# -- all of them


def _number(reference, text, line=None):
    """A word that is a number."""
    if not _VALUE.fullmatch(text):
        raise format_error(reference.path, f"{text[:40]!r} is not a number", line)
    return text


def read_trace(path, pixel):
    """Read what a file says about a pixel.

    Parameters
    ----------
    path : str or path-like
        A trace of ours, text that holds the C program's listing (`-printout`), lines such as
        ``name = value``, or a JSON object of names and numbers.
    pixel : (fast, slow)
        Which block of a listing to take.

    Returns
    -------
    Reference

    Raises
    ------
    FileFormatError
        If nothing in it belongs to a trace, or something that should is damaged.
    OSError
        If it cannot be read.
    """
    content = bounded_content(path, _LARGEST, "no trace is so long", per_byte=_PER_BYTE)
    if _NO_TEXT.search(content):
        # an image, say: among its bytes there is always some name with a number behind it
        raise format_error(path, "is not text")
    text = "\n".join(content.decode("utf-8", errors="replace").splitlines())
    reference = Reference(str(path), "")
    data = None
    if text.lstrip().startswith("{"):
        try:
            # numbers stay as they are printed
            data = json.loads(text, parse_float=str, parse_int=str, parse_constant=str)
        except RecursionError:
            raise format_error(path, "not JSON of a trace: it is nested too deep") from None
        except ValueError as error:
            raise format_error(path, f"not JSON: {error}") from None
    lines = text.splitlines()
    if data is not None and data.get("format") == FORMAT:
        reference.kind = OWN
        _read_own_json(reference, data)
    elif data is not None:
        reference.kind = PLAIN
        _read_flat_json(reference, data)
        _take_in_full(reference)
    elif text.startswith(f"# {FORMAT},"):
        reference.kind = OWN
        read = _read_csv if any(line.startswith("step,") for line in lines) else _read_text
        read(reference, lines)
    elif _C_HEAD.search(text):
        reference.kind = LISTING
        _read_listing(reference, text, tuple(pixel))
    else:
        reference.kind = PLAIN
        _read_plain(reference, lines)
        _take_in_full(reference)
    if not reference.values:
        raise format_error(path, "holds no quantity of a trace; it must be one of numbragg's, nanoBragg's "
                                 "-printout, or lines such as: name = value")
    return reference
