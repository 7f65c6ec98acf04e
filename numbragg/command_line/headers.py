"""Settings from headers of SMV images, as the C program enters them, and notes where they are not what they seem."""

import math

from ..io.errors import shown
from ..io.literals import c_number, leading_number
from ..notes import Loud
from ..scene.request import Draft
from ..scene.units import from_angstrom, from_degrees, from_mm, to_angstrom, to_mm
from .line import assign
from .values import quoted

# start-up: what looks at pixels, and NumPy with it, is imported where there is a header

__all__ = ["default_notes", "enter_header", "mask_notes"]

#: Keywords in the order in which they are looked up: the setting of each, its conversion, what may follow the number,
#: and the options that replace what the header says.
_KEYS = {
    "PIXEL_SIZE": (Draft.pixel_size, from_mm, "mm", ("-pixel",)),
    "DISTANCE": (Draft.distance, from_mm, "mm", ("-distance", "-close_distance")),
    "CLOSE_DISTANCE": (Draft.close_distance, from_mm, "mm", ("-close_distance",)),
    "WAVELENGTH": (Draft.wavelength, from_angstrom, "Angstrom", ("-lambda", "-energy")),
    "BEAM_CENTER_X": (Draft.beam_x, from_mm, "mm", ("-Xbeam",)),
    "BEAM_CENTER_Y": (Draft.beam_y, from_mm, "mm", ("-Ybeam",)),
    "ORGX": (Draft.origin_x, float, "pixels", ("-ORGX",)),
    "ORGY": (Draft.origin_y, float, "pixels", ("-ORGY",)),
    "PHI": (Draft.phi_start, from_degrees, "degrees", ("-phi",)),
    "OSC_RANGE": (Draft.oscillation, from_degrees, "degrees", ("-osc",)),
}
#: Words for these units, in small letters.
_UNITS = {"mm": ("mm",), "Angstrom": ("a", "ang", "angstrom", "angstroms"), "pixels": ("pixel", "pixels", "px"),
          "degrees": ("deg", "degs", "degree", "degrees")}
#: Longer keywords in which the shorter one is meant to be found: nanoBragg's own.
_MEANT = {b"DISTANCE": b"CLOSE_DISTANCE", b"ORGX": b"XDS_ORGX", b"ORGY": b"XDS_ORGY"}


def enter_header(line, name, header, flipped, program="nanoBragg"):
    """Enter the settings of an SMV header, as the C program does before it reads the options.

    Parameters
    ----------
    line : CommandLine
        Fresh, with the options that will follow in `uses`.
    name : str
        The file.
    header : numbragg.io.smv.SmvHeader
    flipped : bool
        Whether it is that of a mask, whose BEAM_CENTER_Y counts from the other edge.
    program : str
        Whose reading it is, for the notes.
    """
    p = line.draft
    given = {use.option.name for use in line.uses}
    p.pixels_f, p.pixels_s = header.width, header.height
    for key in ("SIZE1", "SIZE2"):
        if header.entry(key) is not None:
            line.notices += _notes(name, header, key, "pixels", program)
    for key, (setting, convert, unit, options) in _KEYS.items():
        entry = header.entry(key)
        if entry is not None and given.isdisjoint(options):
            line.notices += _notes(name, header, key, unit, program)
        if entry is not None and not math.isnan(entry.value):
            value = convert(entry.value)
            if key == "BEAM_CENTER_Y" and flipped:
                value = p.detector_size_s - value
            assign(line, setting, value)
            said = "" if _is_number(entry, unit) else f" ({shown(entry.text)})"
            line.origins[setting.__name__] = f"{quoted(name)}: {key} gives {entry.value:g}{said}, for the "
        if key == "PIXEL_SIZE":
            p.detector_size_f, p.detector_size_s = p.pixel_size * p.pixels_f, p.pixel_size * p.pixels_s
    twotheta = next((value for word, value in reversed(_entries(header)) if word == b"TWOTHETA"), b"")
    if c_number(twotheta) != 0.0 and twotheta and given.isdisjoint(("-twotheta", "-twotheta_axis")):
        line.notices.append(Loud(f"{quoted(name)}: TWOTHETA of the header, {shown(twotheta)}, is not used, as in"
                                 f" {program} (give -twotheta)"))


def _entries(header):
    from ..io.smv_pixels import entries

    return entries(header.text)


def _notes(name, header, key, unit, program):
    """Notes where the number that is used for a keyword is not what a reader of the header would take."""
    entry, word = header.entry(key), key.encode()
    used = f"{entry.value:g} {unit} is used, as {program} reads it"
    if math.isnan(entry.value):
        used = "it is not used"
    if entry.name not in (word, _MEANT.get(word)):
        yield Loud(f"{quoted(name)}: {key} is looked up in {shown(entry.name + b'=' + entry.text)}, its last occurrence"
                   f" in the header: {used}")
    elif not _is_number(entry, unit):
        yield Loud(f"{quoted(name)}: {key} is {shown(entry.text)}, which is not a number and nothing else: {used}")
    elif entry.name == word:
        others = [value for other, value in _entries(header) if other == word and leading_number(value) != entry.value]
        if others:
            yield Loud(f"{quoted(name)}: {key} is {shown(others[0])} and, later, {shown(entry.text)}: {used}")


def _is_number(entry, unit):
    """Whether the text of an entry is the number that was made of it, at most with its unit behind it."""
    number, *rest = entry.text.split() or [b""]
    behind = b" ".join(rest).decode("ascii", "replace").strip("()[]").lower()
    if behind and behind not in _UNITS[unit]:
        return False
    return c_number(number) == entry.value and math.isfinite(entry.value)


def default_notes(line, name):
    """Notes on what a header lacks and nothing else gives.

    Parameters
    ----------
    line : CommandLine
        With headers and options entered.
    name : str
        The image; the mask, where there is no image.

    Returns
    -------
    list of Loud
    """
    p, found = line.draft, line.origins
    given = {use.option.name for use in line.uses}
    missing = [
        ("PIXEL_SIZE", "pixel_size" in found, f"{to_mm(p.pixel_size):g} mm"),
        ("DISTANCE", "distance" in found or "close_distance" in found, f"{to_mm(p.distance):g} mm"),
        ("WAVELENGTH", "wavelength" in found, f"{to_angstrom(p.wavelength):g} Angstrom")]
    return [Loud(f"{quoted(name)}: the header gives no {key}: the default is used, {default} (give {_KEYS[key][3][0]})")
            for key, is_there, default in missing if not is_there and given.isdisjoint(_KEYS[key][3])]


def mask_notes(line, name, header):
    """Notes on what is made of the file of a mask that a reader of its header would not expect.

    Parameters
    ----------
    line : CommandLine
        With headers and options entered.
    name : str
        The mask.
    header : numbragg.io.smv.SmvHeader

    Returns
    -------
    list of Loud
    """
    from ..io.smv_pixels import stated_type

    notes = []
    try:
        word, value, kind = stated_type(header.text)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    if word is not None and kind not in ("u2", "i2"):
        notes.append(Loud(f"{quoted(name)}: {word} is {shown(value)}; as in nanoBragg the pixels of the mask are taken"
                          " for numbers of 16 bits"))
    centre = header.value("BEAM_CENTER_Y")
    taken = line.origins.get("beam_y", "").startswith(f"{quoted(name)}: ")
    if taken and "-Ybeam" not in {use.option.name for use in line.uses}:
        used = to_mm(line.draft.beam_y)
        if not math.isclose(used, centre, rel_tol=1e-6, abs_tol=1e-9):
            notes.append(Loud(f"{quoted(name)}: BEAM_CENTER_Y of a mask, {centre:g} mm, counts from the other edge, as"
                              f" in nanoBragg: {used:g} mm is used (give -Ybeam)"))
    return notes
