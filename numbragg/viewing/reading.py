"""What is looked at, read from files: frames, the panels of a geometry, beam, saturation, spots."""

from __future__ import annotations

import math
import os
import re
import warnings

import numpy as np

from .. import memory
from ..io.bounded import check_regular
from ..io.endings import format_of_ending
from ..io.errors import format_error
from ..io.literals import decimal
from ..io.trial import DamagedFile
from ..notes import Loud, Untaken
from .limits import NoSuchNumber, check_number, check_panels, check_place
from .scene import Frame, Seen, SeenPanel

# start-up: geometries, HDF5 and predictions are loaded where a file has them

__all__ = ["LOOK_BYTES", "read_seen"]

#: Memory that a page takes while it is made, in parts of that of its images: put in order, packed, as text, joined.
LOOK_BYTES = 7

_HDF5 = b"\x89HDF\r\n\x1a\n"
_CBF_WORDS = {"wavelength": re.compile(r"#\s*Wavelength:?\s*([0-9.eE+-]+)\s*A"),
              "saturation": re.compile(r"#\s*Count_cutoff:?\s*([0-9.eE+-]+)")}
#: Panels are side by side as they are from any distance [mm].
_SOME_MM = 100.0


def read_seen(path, *, frames=None, shape=None, geometry=None, distance_mm=None, spots=None, wavelength=None):
    """All that is shown of a file.

    Parameters
    ----------
    path : str
        An image, of any format that is read; for HDF5 also ``FILE::DATASET``.
    frames : range or None
        Frames of a series, from 0; None: the first.
    shape : tuple of two int or None
        Slow and fast pixels of a raw image.
    geometry : str or None
        A .geom or .expt; None: what the file says of itself, if anything.
    distance_mm : float or None
        In the place of the camera length of a .geom.
    spots : str or None
        A table of spots; None: those of the crystals that the file names, if any.
    wavelength : float or None
        [Angstrom]; None: what the files say.

    Returns
    -------
    numbragg.viewing.scene.Seen

    Raises
    ------
    ValueError, ImportError, OSError
        What is wrong with which file.
    """
    name, dataset = (path, None) if os.path.lexists(path) or "::" not in path else path.split("::", 1)
    check_regular(name, "an image")
    hdf5 = _starts(name, _HDF5)
    notes = []
    series = None
    if hdf5:
        from .series import read_series

        series = read_series(name, dataset, frames)
        images, numbers = series.frames, series.numbers
        _check_shape(name, images[0], shape)
        facts = {"wavelength": series.wavelength_angstrom, "saturation": series.saturation}
    else:
        if frames is not None and (frames.start, frames.stop) != (0, 1):
            from .series import in_words

            raise format_error(name, f"has one frame, number 0; not {in_words(frames)}")
        images, numbers = [_image(path, name, shape, geometry)], [0]
        memory.require(LOOK_BYTES * images[0].nbytes, f"{name}: to show its image would")
        facts = _header_facts(name)
    kind = images[0].dtype
    if geometry is not None:
        placed, own, far = _given_geometry(geometry, distance_mm, notes)
    else:
        placed, own, far = _own_geometry(name, notes), None, True
    if placed:
        check_panels(name if geometry is None else geometry, [panel for panel, _ in placed], "--geometry")
    if wavelength is not None:
        facts["wavelength"] = wavelength
        if not placed:
            notes.append(Loud(f"--wavelength {wavelength:g}: has no effect: the image has no geometry (--geometry FILE"
                              " tells one)"))
    elif own or facts["wavelength"]:
        source, field = (geometry, "wavelength") if own else (name, _wavelength_field(name))
        facts["wavelength"] = own or facts["wavelength"]
        check_number(source, field, facts["wavelength"], "Angstrom", "--wavelength")
    if not far:
        # at a length that is not known no angle is
        facts["wavelength"] = None
    cut = [_cut(name, image, placed) for image in images]
    notes.extend(_cut_notes(name, images[0], cut[0], placed, geometry))
    panels = [panel for panel, _ in placed] if placed else [_unplaced(images[0])]
    predictions = []
    if spots is not None:
        from .spots import read_spots

        predictions = read_spots(spots, panels)
    elif series is not None and placed and series.crystals and facts["wavelength"]:
        from .spots import predicted

        predictions, more = predicted(series, panels, facts["wavelength"])
        notes += more
    if placed and facts["wavelength"] is None and far:
        notes.append("no wavelength is known, so there are no rings of resolution; --wavelength tells it")
    shown = [Frame(f"frame {number}", own, series.phi_deg[at] if series else None)
             for at, (number, own) in enumerate(zip(numbers, cut))]
    marked = int(np.iinfo(kind).max) if hdf5 and kind.kind in "iu" else None
    least = 0.0 if kind.kind == "i" and (hdf5 or _starts(name, b"###CBF")) else None
    return Seen(os.path.basename(name), shown, panels, placed is not None, facts["wavelength"] if placed else None,
                facts["saturation"], marked, least, predictions, notes)


def _starts(path, mark):
    with open(path, "rb") as file:
        return file.read(len(mark)) == mark


def _image(path, name, shape, geometry):
    """The pixels of a file with one image, or with those of all panels."""
    if format_of_ending(name) == "npy" and _starts(name, b"\x93NUMPY"):
        from ..io.any_image import mapped_npy

        mapped = mapped_npy(name)
        if mapped.ndim == 3 and mapped.size and mapped.dtype.kind in "iuf" and mapped.dtype.itemsize <= 8:
            _check_shape(name, mapped, shape)
            return np.array(mapped, mapped.dtype.newbyteorder("="), order="C")
    if geometry is not None and shape is None and format_of_ending(name) in ("raw", None):
        from ..io.any_image import read_image

        try:
            return read_image(path).pixels
        except ValueError:
            size = os.path.getsize(name)
            if size and size % 4 == 0 and format_of_ending(name) == "raw":
                # of panels, one after the other
                memory.require(size, f"{name}: its image would")
                return np.fromfile(name, np.float32)
            raise
    from ..io.any_image import read_image

    return read_image(path, shape).pixels


def _check_shape(name, image, shape):
    """Refuse a shape that is asked for and is not that of the file."""
    if shape is not None and image.shape != tuple(shape):
        listed = " x ".join(map(str, image.shape))
        raise format_error(name, f"--shape {shape[0]}x{shape[1]}: is for raw images; this one has {listed} pixels")


def _wavelength_field(name):
    """What the wavelength is called in a file."""
    return "WAVELENGTH" if _starts(name, b"{") else "Wavelength" if _starts(name, b"###CBF") else "wavelength"


def _header_facts(name):
    """Wavelength and saturation of a header of text."""
    facts = dict.fromkeys(("wavelength", "saturation"))
    if _starts(name, b"{"):
        from ..io.smv import read_header

        words = dict(re.findall(rb"([A-Z_]+)=([^;\n]*)", read_header(name).text))
        found = {"wavelength": words.get(b"WAVELENGTH", b""),
                 "saturation": words.get(b"CCD_IMAGE_SATURATION", b"65535")}
    elif _starts(name, b"###CBF"):
        with open(name, "rb") as file:
            start = file.read(2 ** 16)
        found = {key: (match[1].encode() if (match := word.search(start.decode("ascii", "replace"))) else b"")
                 for key, word in _CBF_WORDS.items()}
    else:
        return facts
    for key, text in found.items():
        value = decimal(text.decode("ascii", "replace").strip())
        facts[key] = value if value is not None and value > 0.0 else None
    return facts


# -- geometry: pairs of a panel and the place of its pixels in the data, or None where they follow one another


def _own_geometry(name, notes):
    """What a file says of its own panels; None where it says nothing that can be used."""
    if _starts(name, _HDF5):
        read = _of_nxmx
    elif _starts(name, b"{") or _starts(name, b"###CBF"):
        read = _of_header
    else:
        return None
    try:
        return read(name, notes)
    except (DamagedFile, NoSuchNumber):
        raise
    except ValueError as error:
        # an image without a geometry can be looked at
        notes.append(f"no geometry: {str(error).removeprefix(name).lstrip(': ')}")
        return None


def _of_nxmx(name, notes):
    from ..io.nxmx_header import read_nxmx_geometry

    found = read_nxmx_geometry(name)
    notes.extend(found.notes)
    return [(SeenPanel(panel.name, panel.pixels, panel.origin, panel.fast, panel.slow, panel.mask), panel.first)
            for panel in found.panels]


def _of_header(name, notes):
    from ..configs.panels_from_headers import panels_of_header
    from ..io.image_headers import read_cbf_geometry, read_smv_geometry

    if _starts(name, b"{"):
        flat, pixel, distance, centre = read_smv_geometry(name), "PIXEL_SIZE", "DISTANCE", "beam centre"
    else:
        flat, pixel, distance, centre = read_cbf_geometry(name), "Pixel_size", "Detector_distance", "Beam_xy"
    for edge in flat.pixel:
        check_number(name, pixel, edge, "mm", "--geometry")
    check_number(name, distance, flat.distance, "mm", "--geometry")
    for place in flat.centre:
        check_place(name, centre, place, "--geometry")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        panels, more = panels_of_header(name)
    _add(notes, more)
    return [(_seen(panel), (0, 0)) for panel in panels]


def _seen(panel):
    return SeenPanel(panel.name, tuple(panel.pixels), tuple(panel.origin_mm), tuple(panel.fast_mm),
                     tuple(panel.slow_mm), panel.mask)


def _given_geometry(path, distance, notes):
    """Panels of a geometry file, its wavelength or None, and whether it is known how far they are."""
    ending = os.path.splitext(path)[1].lower()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if ending in (".expt", ".json"):
            from ..configs.panels_from_files import panels_of_expt
            from ..io.expt import read_expt

            if distance is not None:
                raise ValueError(f"{path}: a distance replaces the camera length of a .geom, and this is none")
            far = True
            panels, more = panels_of_expt(path, None)
            places, wavelength = [None] * len(panels), read_expt(path, None).wavelength
        elif ending == ".geom":
            from ..configs.panels_from_files import panels_of_geom
            from ..io.crystfel_data import wavelength_of
            from ..io.geom import read_geom

            said = read_geom(path)
            far = distance is not None or _has_distance(said)
            if not far:
                notes.append("geometry: the camera length stands in an image; --distance tells it, and without it "
                             "there are no rings")
            panels, more = panels_of_geom(path, distance if far else _SOME_MM, None, {})
            # an event's number and whole numbers before ss and fs say which array of a stack
            places = [(*(number for number in panel.dimensions if isinstance(number, int)), panel.edges[2],
                       panel.edges[0]) for panel in said.panels]
            wavelength = wavelength_of(*said.beam) if said.beam else None
        else:
            raise ValueError(f"{path}: a geometry must end in .geom (CrystFEL) or .expt (DIALS)")
    _add(notes, more)
    return [(_seen(panel), place) for panel, place in zip(panels, places)], wavelength, far


def _add(notes, more):
    """Notes of readers of geometries, without those on what simulations do not use and this does."""
    notes.extend(note for note in more if not isinstance(note, Untaken))


def _has_distance(said):
    lengths = [panel.clen or said.clen for panel in said.panels]
    return all(length is not None and length.metres is not None for length in lengths)


def _unplaced(image):
    """The one panel of an image without geometry: a millimetre a pixel, the first row above."""
    if image.ndim != 2:
        shape = (image.shape[-2] * image.shape[0], image.shape[-1]) if image.ndim == 3 else (1, image.size)
    else:
        shape = image.shape
    return SeenPanel("", (shape[1], shape[0]), (0.0, 0.0, 1.0), (-1.0, 0.0, 0.0), (0.0, -1.0, 0.0), None)


def _cut(name, image, placed):
    """The image of each panel."""
    if placed is None:
        return [np.ascontiguousarray(image.reshape(-1, image.shape[-1]) if image.ndim == 3 else image)]
    shapes = [panel.pixels[::-1] for panel, _ in placed]
    parts = [_part(image, place, shape) for (_, place), shape in zip(placed, shapes)]
    if all(part is not None for part in parts):
        return [np.ascontiguousarray(part) for part in parts]
    if image.ndim == 3 and len(image) == len(placed) and all(shape == image.shape[1:] for shape in shapes):
        return list(image)
    if image.size == sum(map(math.prod, shapes)) and (image.ndim == 1 or len({shape[1] for shape in shapes}) == 1):
        # one below the other, or one after the other
        ends = np.cumsum([math.prod(shape) for shape in shapes])
        return [image.reshape(-1)[end - math.prod(shape):end].reshape(shape) for end, shape in zip(ends, shapes)]
    total = sum(map(math.prod, shapes))
    listed = " x ".join(map(str, image.shape))
    raise format_error(name, f"is an image of {listed} numbers, and the geometry has {len(placed)} panels of {total} "
                             "pixels in all, which do not lie in it")


def _cut_notes(name, image, parts, placed, geometry):
    """Notes on what of an image is not shown, or not as it is."""
    if placed is None:
        if image.ndim == 3:
            listed = " x ".join(map(str, image.shape))
            yield Loud(f"{name}: an array of {listed} numbers is shown as one image, its {len(image)} parts one below"
                       " the other (--geometry FILE tells where panels are)")
        return
    left = image.size - sum(part.size for part in parts)
    if left > 0:
        yield Loud(f"{name}: {left} of {image.size} pixels are in no panel of {geometry or 'its own geometry'} and are"
                   " not shown")


def _part(image, place, shape):
    """The pixels of a panel where they lie in the data, or None where they do not."""
    if place is None:
        return image if image.shape == shape else None
    place = place[-image.ndim:]
    if len(place) != image.ndim or image.ndim < 2:
        return None
    size = (1,) * (image.ndim - 2) + tuple(shape)
    if any(first + length > whole for first, length, whole in zip(place, size, image.shape)):
        return None
    return image[tuple(slice(first, first + length) for first, length in zip(place, size))].reshape(shape)
