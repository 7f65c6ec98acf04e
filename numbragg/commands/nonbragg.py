"""`numbragg nonbragg`: nonBragg's own arguments: the image of an amorphous sample, from a table of its scattering."""

import os

from ..command_line.words import option_uses
from ..notes import Loud
from ..programs.nonbragg_words import NONBRAGG, NonBraggLine, check_words
from ..programs.without_effect import nonbragg_notes
from .arguments import check_outputs
from .running import options_of, say, settle_noise_seed

# start-up: what a run needs is imported when it runs, so that --help and refused words load neither NumPy nor Numba

__all__ = ["WORDS", "run"]

WORDS = NONBRAGG


def run(arguments):
    """Run one command line of nonBragg.

    Returns the exit code.
    """
    from ..programs.asked import asked_for_text

    if asked_for_text("nonbragg", NONBRAGG, arguments):
        return 0
    line = _read(option_uses(list(arguments), NONBRAGG))
    _check(line)
    from ..io.output import OutputSet
    from ..programs.asked import report

    settle_noise_seed(line)
    names = line.outputs
    wanted = [(names.floatfile, "float image"), (names.intfile, "integer image"), (names.pgmfile, "grey image")]
    if names.calculate_noise:
        wanted.append((names.noisefile, "noise image"))
    check_outputs("nonbragg", [name for name, _ in wanted],
                  [name for name in (line.files.stol, line.files.sources, line.files.image) if name is not None],
                  options_of(line))
    with OutputSet() as outputs:
        for name, kind in wanted:
            outputs.reserve(name, kind)
        lines = _simulate(line, outputs)
        outputs.commit()
    lines.append("wrote " + ", ".join(os.fsdecode(name) for name, _ in wanted))
    say(line, (), lambda: report(line, lines))
    return 0


def _read(uses):
    """Enter headers, then options, as the C program does."""
    line = NonBraggLine(uses=tuple(uses))
    images = [use.values[0] for use in uses if use.option.name == "-img"]
    if images:
        from ..command_line.headers import enter_header
        from ..io.smv import read_header

        enter_header(line, images[-1], read_header(images[-1]), flipped=True, program="nonBragg")
    for use in uses:
        use.option.apply(line, use)
    curved = [use for use in uses if use.option.name == "-curved_det"]
    if curved:
        line.draft.curved = any(use.following for use in curved)
        if not line.draft.curved:
            line.notices.append(Loud("-curved_det is the last word, where nonBragg does not see it: the detector is"
                                     " flat"))
    if any(use.option.name == "-nopgm" for use in uses):
        line.notices.append(Loud(f"-nopgm: nonBragg has the word and writes the picture all the same: "
                                 f"{line.outputs.pgmfile}"))
    if images:
        line.notices.append(Loud("-img: nonBragg makes a table of the image too (output.stol); it is not written here,"
                                 " for two of its columns are never computed"))
    line.notices += nonbragg_notes(line)
    return line


def _check(line):
    """Refuse what makes no image, before a file is opened."""
    check_words(line)
    import math

    from ..command_line.parse import check_settings, checked_pixels
    from ..command_line.values import CommandLineError
    from ..programs.asked import pixels_rounded_up

    for name in ("sample_x", "sample_y", "sample_z", "density", "molecular_weight", "molecules"):
        if not math.isfinite(getattr(line, name)):
            raise CommandLineError(f"nonbragg: {name.replace('_', ' ')}: {getattr(line, name)} is not a finite number")
    check_settings(line, lambda line: checked_pixels(line, pixels_rounded_up))


def _simulate(line, outputs):
    """Compute the images and write them to their temporary places. Returns lines of the report."""
    import numpy as np

    from ..io.pgm import write_pgm
    from ..io.raw import write_raw
    from ..io.smv import write_smv
    from ..kernels.detector import digitise
    from ..kernels.detector.random import noise_image
    from ..programs.asked import not_finite
    from ..programs.nonbragg import amorphous_image, header, pixels_of_last_row, prepared
    from ..results.digitise import automatic_grey_scale, cut_off_note, integer_scale
    from ..scene.rotations import Generator

    scene = prepared(line)
    rows = None
    if line.files.image is not None:
        rows = np.zeros((scene.placement.spixels, scene.placement.fpixels), np.int32)
    image = amorphous_image(scene, line.threads, rows)
    names, window = line.outputs, scene.window
    if scene.table.wavelengths.size:
        line.notices += not_finite(os.fsdecode(names.floatfile), image)
    summary = digitise.image_summary(image, window, digitise.NO_MASK)
    if rows is not None:
        # nonBragg's table of the image leaves its last count of pixels where that of the image should be
        summary = summary._replace(mean=summary.total / max(pixels_of_last_row(scene, line, image, rows), 1))
    # nonBragg's deviation is that of the pixel behind each, in file order
    behind = np.append(image.reshape(-1)[1:], np.float32(0.0)).reshape(image.shape)
    summary = summary._replace(rms_deviation=digitise.rms_deviation(behind, window, summary.mean))
    # as large as the image
    del behind, rows
    scale = line.scale if line.scale > 0.0 else integer_scale(summary)
    grey_scale = line.pgm_scale if line.pgm_scale > 0.0 else automatic_grey_scale(summary, scale)
    integers, greys = np.zeros(image.shape, np.uint16), np.zeros(image.shape, np.uint8)
    digitise.digital_images(image, window, scale, line.adc_offset, integers, grey_scale, greys)
    line.notices += cut_off_note(os.fsdecode(names.intfile), integers, scale, line.adc_offset)
    text = header(scene)
    with outputs.open(names.floatfile) as file:
        write_raw(file, image)
    with outputs.open(names.intfile) as file:
        write_smv(file, text, integers)
    with outputs.open(names.pgmfile) as file:
        write_pgm(file, greys, grey_scale)
    slow, fast = image.shape
    lines = [f"{fast} x {slow} pixels, {scene.table.wavelengths.size} sources, {int(scene.table.steps)} steps",
             f"largest pixel {summary.maximum:g}, mean {summary.mean:g}; scale {scale:g}, of the picture"
             f" {grey_scale:g}"]
    if names.calculate_noise:
        photons, overloads = noise_image(image, window, line.adc_offset, Generator().stream(line.seed), integers)
        with outputs.open(names.noisefile) as file:
            write_smv(file, text, integers)
        lines.append(f"{photons:.0f} photons on the noise image ({overloads} overloads)")
    return lines
