"""Files that other programs read, of one image: NXmx, miniCBF, SMV, and geometry by itself."""

import os
import re

from ..command_line.dates import date_of
from ..command_line.values import CommandLineError, quoted
from ..io.endings import format_of_ending
from ..notes import Misleading
from .counted import of_the_scene

# start-up: what a run needs is imported when it runs, so that --help and refused words load neither NumPy nor Numba

__all__ = ["described", "notes_on_series", "of_counts", "readable_files", "write_geometries", "write_readable",
           "write_tiff"]


def readable_files(names):
    """The files that are wanted, and what they are."""
    every = ((names.nexus, "NXmx file"), (names.crystfel, "HDF5 file"), (names.cbf, "CBF image"),
             (names.smv_readable, "SMV image"), (names.geom, "CrystFEL geometry"), (names.expt, "DIALS models"),
             (names.xds_inp, "XDS.INP"), (names.counts, "counts"))
    return [(name, kind) for name, kind in every if name is not None]


def _dated(names):
    """Whether a file is wanted that states a time."""
    return any(name is not None for name in (names.nexus, names.cbf, names.smv_readable, names.counts))


def of_counts(names):
    """Whether a file is wanted that holds counts."""
    return names.cbf is not None or names.smv_readable is not None or names.counts is not None or (
        names.tiff is not None and names.tiff_type not in (None, "float32"))


def described(line, shot):
    """What the files say of a shot, if each of them can say it.

    Parameters
    ----------
    line : numbragg.command_line.line.CommandLine
    shot : sequence of tuple of scene.Prepared

    Returns
    -------
    io.experiment.Experiment or None
        None where no such file is wanted.

    Raises
    ------
    ValueError
        Naming what a file cannot say.
    """
    names = line.outputs
    if _dated(names):
        # before anything is computed
        date_of(line.date)
    _check_header_of_counts(names, shot)
    if all(kind == "counts" for _, kind in readable_files(names)) and names.png_rings is None and (
            line.panels is None or names.tiff is None):
        return None
    from ..io.flat import flat
    from ..io.one_image import one_image
    from ..results.experiment import describe
    from ..results.files import name_notes

    if names.xds_inp is not None and names.cbf is None and names.smv_readable is None:
        raise CommandLineError(f"--xds-inp {quoted(names.xds_inp)}: names the images, so it needs --cbf or "
                               "--smv-readable")
    experiment = describe(shot)
    try:
        one_image(experiment, names.panel_layout)
    except ValueError as error:
        raise CommandLineError(f"--panel-layout {error}".replace("layout: 'whole'", "whole:", 1)) from error
    for name, kind in ((names.cbf, "--cbf: miniCBF"), (names.smv_readable, "--smv-readable: SMV")):
        if name is not None:
            flat(one_image(experiment), kind, turning=experiment.oscillation_deg != 0.0,
                 square=name == names.smv_readable)
    if names.xds_inp is not None and "?" not in _template(names.cbf or names.smv_readable):
        raise CommandLineError(f"--xds-inp {quoted(names.xds_inp)}: XDS knows images by their number, so the name of "
                               f"{quoted(names.cbf or names.smv_readable)} must have one: a_0001.cbf")
    if names.crystfel is not None:
        from ..io.crystfel_data import check_crystfel
        from ..io.geom import read_geom

        check_crystfel(line.detector, read_geom(line.detector), experiment)
    line.notices += _notes(experiment, names, [kind for kind, name in (
        ("NXmx", names.nexus), ("miniCBF", names.cbf), ("SMV", names.smv_readable)) if name is not None])
    line.notices += [note for name in (names.cbf, names.smv_readable) if name is not None for note in name_notes(name)]
    return experiment


def _check_header_of_counts(names, shot):
    """Refuse a file of counts whose header cannot say what the detector is, before anything is computed."""
    kind = None if names.counts is None else format_of_ending(names.counts)
    if kind not in ("CBF", "SMV"):
        return
    from ..io.flat import flat
    from ..io.one_image import one_image
    from ..results.experiment import describe

    experiment = describe(shot)
    flat(one_image(experiment), f"--counts: {'miniCBF' if kind == 'CBF' else kind}",
         turning=experiment.oscillation_deg != 0.0, square=kind == "SMV")


def notes_on_series(experiment, names, kind):
    """Notes on the files of a series, NXmx, miniCBF or SMV, whose readers take something for granted."""
    return _notes(experiment, names, [kind])


def _notes(experiment, names, formats):
    """Notes on files whose readers know axes at right angles only, or take other things for granted."""
    from ..io.geometry_text import mask_notes
    from ..io.one_image import one_image
    from ..io.right_angles import at_right_angles
    from ..results.files import reader_notes

    laid_out, plane = one_image(experiment, names.panel_layout), one_image(experiment)
    kinds = " and ".join(kind for kind, wanted in (
        ("NXmx", "NXmx" in formats), ("DIALS models", names.expt is not None)) if wanted)
    notes = list(at_right_angles(laid_out, kinds)[1]) if kinds else []
    for kind in formats:
        notes += reader_notes(laid_out if kind == "NXmx" else plane, kind)
    for name, kind in ((names.geom, "geom"), (names.expt, "expt")):
        if name is not None:
            notes += mask_notes(laid_out, os.fsdecode(name), kind)
    if names.expt is not None and "NXmx" in formats and len(formats) > 1:
        notes += _two_frames(plane, names)
    return notes


def _two_frames(plane, names):
    """A note if an image is read in another frame than the NXmx file, whose frame the .expt has."""
    from ..io.flat import in_frame_of_images

    if all(abs(a - b) < 1e-9 for one, other in zip(in_frame_of_images(plane).panels, plane.panels)
           for a, b in zip(one.fast_mm, other.fast_mm)):
        return []
    return [Misleading(f"{os.fsdecode(names.expt)}: is in the frame of the NXmx file, turned about the beam from that "
                       f"in which DIALS reads {os.fsdecode(names.cbf or names.smv_readable)}; without --nexus it is in "
                       "the frame of that image")]


def write_readable(outputs, line, experiment, images, recorder):
    """Write the files to their temporary places.

    Parameters
    ----------
    outputs : io.output.OutputSet
    line : numbragg.command_line.line.CommandLine
    experiment : io.experiment.Experiment or None
    images : sequence of (slow, fast) float32 array
        Of all panels.
    recorder : counted.Recorder
        Of the counts.

    Returns
    -------
    list of str
        Their names.
    """
    if experiment is None:
        return []
    from ..io.minicbf import write_minicbf
    from ..io.nxmx import nexus_bytes
    from ..io.smv_readable import write_readable_smv

    names = line.outputs
    date = date_of(line.date) if _dated(names) else None
    if names.nexus is not None:
        with outputs.open(names.nexus) as file:
            file.write(nexus_bytes(experiment, images, date=date, layout=names.panel_layout))
    if names.crystfel is not None:
        _write_crystfel(outputs, line, experiment, images)
    for name, write, dtype in ((names.cbf, write_minicbf, "int32"), (names.smv_readable, write_readable_smv, "uint16")):
        if name is not None:
            with outputs.open(name) as file:
                write(file, recorder.counts(name, dtype), recorder.told(experiment, dtype), date=date)
    write_geometries(outputs, names, experiment, names.cbf or names.smv_readable)
    return [name for name, kind in readable_files(names) if kind != "counts"]


def _write_crystfel(outputs, line, experiment, images):
    from ..io.crystfel_data import crystfel_bytes
    from ..io.geom import read_geom

    content, notes = crystfel_bytes(line.detector, read_geom(line.detector), experiment, images, compression="gzip")
    with outputs.open(line.outputs.crystfel) as file:
        file.write(content)
    line.notices += notes


def write_tiff(outputs, line, experiment, images, facts, recorder):
    """Write the image as TIFF, if it is wanted: one image, or a page for each panel. Returns its name in a list."""
    names = line.outputs
    if names.tiff is None:
        return []
    from ..io.one_image import file_images, one_image
    from ..io.tiff import write_tiff as write_pages

    pages = images
    if names.tiff_type not in (None, "float32"):
        pages = recorder.counts(names.tiff, names.tiff_type)
    if experiment is not None:
        pages = file_images(one_image(experiment, names.panel_layout), pages, lambda dtype: True, "numbers")
    with outputs.open(names.tiff) as file:
        write_pages(file, pages, of_the_scene(facts))
    return [names.tiff]


def write_geometries(outputs, names, experiment, image, frames=1):
    """Write .geom, .expt and XDS.INP to their temporary places; `image` is the name of the (first) image.

    The .expt is in the frame in which that image is read, or in that of the NXmx file if there is one.
    """
    from ..io.geometry_text import geom_text, xds_text
    from ..io.one_image import one_image
    from ..results.files import expt_of_images

    if names.geom is None and names.expt is None and names.xds_inp is None:
        return
    # images of XDS are of one plane
    plane = one_image(experiment)
    experiment = one_image(experiment, names.panel_layout)

    def make_expt():
        return expt_of_images(*((plane, image) if image and names.nexus is None else (experiment, None)), frames)

    for name, make in ((names.geom, lambda: geom_text(experiment)), (names.expt, make_expt),
                       (names.xds_inp, lambda: xds_text(plane, *_numbered(image, names.xds_inp, frames)))):
        if name is not None:
            with outputs.open(name) as file:
                # names of images as the system has them
                file.write(make().encode(errors="surrogateescape"))


def _numbered(image, file, frames):
    """What an XDS.INP says of its images: their names as its folder has them, how many, the number of the first."""
    template = _template(os.path.relpath(image, os.path.dirname(file) or "."))
    number = re.search(r"(\d+)\.[^.]*$", image)
    return template, frames, int(number[1]) if number else 1


def _template(name):
    """The name of an image as XDS has it: a question mark for each digit of its number."""
    stem, dot, ending = name.rpartition(".")
    return re.sub(r"(\d+|#+)$", lambda digits: "?" * len(digits[0]), stem) + dot + ending
