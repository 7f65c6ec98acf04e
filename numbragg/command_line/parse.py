"""The command line of nanoBragg, read strictly: words to options, options to a draft of a request.  No file is opened.

A command line is a sequence of options, each followed by its values; anything else is refused with
one line that names the option, the value and the rule.  What passes acts exactly as in the C
program: headers first, if `numbragg.command_line.inputs` has read them, then every option in its order,
with the double meanings that the C program's substring matching gives to `-misset_seed` and
`-twotheta_axis`, and where the revision has it so, without a `-curved_det` that is the last word.

numpy and numba are not imported here, so that `--help` and errors are quick.
"""

import math

from ..scene.pixels import check_pixels, edge, pixels_along, reversed_axes
from ..scene.request import DEFAULTS
from ..scene.revisions import revision_rules
from ..scene.units import to_angstrom, to_mm, to_percent
from .early import early_answer
from .line import CommandLine, Files, Outputs
from .outputs import check_partners
from .overridden import overridden
from .panels import check_panels
from .remarks import remarks
from .structure_inputs import check_words, crystal_may_be_read
from .values import CommandLineError, quoted
from .words import option_uses

__all__ = ["CommandLine", "CommandLineError", "Files", "Outputs", "check", "check_settings", "checked_pixels",
           "entered", "parse"]

#: Settings that are NaN where they were not given.
_UNSET_AS_NAN = frozenset(name for name, default in DEFAULTS.items() if default != default)


# -- the size of the detector


def _refuse(text):
    raise CommandLineError(text)


def _pixels(line):
    """Numbers of pixels (fast, slow) as the C program ends up with.  Raises `CommandLineError`."""
    return checked_pixels(line, pixels_along)


def checked_pixels(line, along):
    """Numbers of pixels (fast, slow) by a rule of a size and a pixel size.  Raises `CommandLineError`."""
    p = line.draft
    if not 0.0 < p.pixel_size < math.inf:
        _refuse(f"{line.origins.get('pixel_size', '')}pixel size: {to_mm(p.pixel_size):g} mm; "
                "must be greater than zero and finite")
    axes = (p.detector_size_f, p.pixels_f), (p.detector_size_s, p.pixels_s)
    fast, slow = (along(edge(p.pixel_size, count, size), p.pixel_size) for size, count in axes)
    try:
        check_pixels(fast, slow)
    except ValueError as error:
        _refuse(str(error))
    return fast, slow


def _fit_mask(line):
    """Lay out a mask of another shape as the C program does: in file order, row by row."""
    fast, slow = _pixels(line)
    mask = line.draft.mask
    if tuple(mask.shape) != (slow, fast) and mask.size >= fast * slow:
        line.draft.mask = mask.reshape(-1)[:fast * slow].reshape(slow, fast)
        line.notices.append(
            f"{quoted(line.files.mask)}: {mask.shape[1]} x {mask.shape[0]} pixels on a detector of"
            f" {fast} x {slow}: as in nanoBragg, they are taken in file order")


# -- the public steps


def parse(argv):
    """Read a command line.

    Parameters
    ----------
    argv : list of str
        The words after the name of the program.

    Returns
    -------
    CommandLine
        The settings.  With `help` or `version` set, nothing else was read.

    Raises
    ------
    CommandLineError
        If a word is unknown, a value missing or out of bounds.

    Examples
    --------
    >>> from numbragg.command_line.parse import parse
    >>> line = parse("-cell 50 60 70 90 90 90 -lambda 2 -Na 5".split())
    >>> line.draft.cell_lengths, line.draft.n_cells
    ((50.0, 60.0, 70.0), (5.0, 1.0, 1.0))
    """
    answer = early_answer(argv)
    if answer is not None:
        return CommandLine(help=answer == "help", version=answer == "version")
    return entered(option_uses(list(argv)))


def entered(uses, headers=()):
    """Options entered into a fresh command line, in their order.

    Parameters
    ----------
    uses : sequence of numbragg.command_line.effects.Use
        What was given.
    headers : sequence of callable
        Called with the command line before the first option: what the headers of files set.

    Returns
    -------
    CommandLine
    """
    def start():
        line = CommandLine(uses=tuple(uses))
        for enter in headers:
            enter(line)
        return line

    line = start()
    for use in uses:
        use.option.apply(line, use)
    curved = [use for use in uses if use.option.name == "-curved_det"]
    if curved and revision_rules(line.draft.revision).ignores_last_curved_det:
        line.draft.curved = any(use.following for use in curved)
    if line.draft.mask is not None:
        _fit_mask(line)
    line.notices += remarks(line, uses, list(overridden(uses, start)))
    return line


def check(line):
    """Refuse settings that make no image together.

    To be called after `parse` and `inputs.with_headers`, before any file is written.  Whether there are
    structure factors is not checked: that depends on files.

    Parameters
    ----------
    line : CommandLine
        What `parse` returned.

    Raises
    ------
    CommandLineError
        If there is no crystal; if a wavelength, pixel size or distance from a header is of no use; if the
        detector has no pixels, 2^31 or more, or more than the mask; if the region of interest ends
        before it starts; if a misset angle, the fluence or another number is not finite; if the
        dispersion reaches a wavelength of zero.
    """
    p = line.draft
    if line.printout and line.precision != "exact":
        _refuse(f"--precision {line.precision}: -printout lists the exact evaluation only")
    check_panels(line)
    check_partners(line)
    check_words(line)
    if line.background is not None:
        # start-up: nothing is read or computed here
        from ..background.layers import split_words

        split_words(line.background)
    if line.files.matrix is None and p.matrix is None and not p.cell_given and not crystal_may_be_read(line.files):
        _refuse("no crystal: give a unit cell (-cell) or an orientation matrix (-mat)")
    if p.misset == "angles" and not all(map(math.isfinite, p.misset_angles)):
        _refuse("-misset_seed: the words after it, read as misset angles, are not finite numbers")
    check_settings(line, _pixels)


def check_settings(line, pixels):
    """Refuse settings of beam and detector that make no image together: the part of `check` without a crystal.

    Parameters
    ----------
    line : CommandLine
    pixels : callable
        Returns the numbers of pixels of a command line (fast, slow), or refuses them.

    Raises
    ------
    CommandLineError
        As `check`.
    """
    p = line.draft

    def origin(name):
        return line.origins.get(name, "")

    pixels(line)
    for name in DEFAULTS:
        value = getattr(p, name)
        for number in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(number, float) and not math.isfinite(number) and not (
                    name in _UNSET_AS_NAN and math.isnan(number)):
                _refuse(f"{origin(name)}{name.replace('_', ' ')}: {number} is not a finite number")
    if not p.wavelength > 0.0:
        _refuse(f"{origin('wavelength')}wavelength: {to_angstrom(p.wavelength):g} Angstrom; must be greater than zero")
    fast, slow = pixels(line)
    if p.mask is not None and tuple(p.mask.shape) != (slow, fast):
        _refuse(f"mask: {p.mask.shape[1]} x {p.mask.shape[0]} pixels, but the detector has {fast} x {slow}"
                " (fast x slow)")
    for name, first, last in reversed_axes(p.roi):
        _refuse(f"-roi: the {name} range ends at {last}, before it starts at {first}")
    decisive = "distance" if math.isnan(p.close_distance) else "close_distance"
    if getattr(p, decisive) == 0.0:
        _refuse(f"{origin(decisive)}distance: the detector is at the sample; must not be zero")
    if line.files.sources is None and not p.dispersion < 2.0:
        _refuse(f"dispersion: {to_percent(p.dispersion):g} percent; must be below 200")
    if p.flux != 0.0 and p.exposure > 0.0 and p.beam_size >= 0.0:
        area = p.beam_size * p.beam_size
        if area == 0.0 or not math.isfinite(p.flux * p.exposure / area):
            _refuse(f"beam size: {to_mm(p.beam_size):g} mm; too small for a fluence from -flux")
