"""Words of the drop-ins that change nothing on a command line: notes, so that none is passed over in silence."""

import os

from ..command_line.effects import nothing
from ..notes import Loud

# start-up: refused words load neither NumPy nor Numba

__all__ = ["noisify_notes", "nonbragg_notes"]

#: What a list of sources replaces.
_SPREADS = ("-divergence", "-hdivrange", "-vdivrange", "-divsteps", "-hdivsteps", "-vdivsteps", "-hdivstep",
            "-vdivstep", "-dispersion", "-dispsteps", "-round_div", "-square_div", "-source_distance")
#: What is for a header that noisify makes, and what its numbers of pixels are.
_OF_HEADER = ("-distance", "-lambda", "-Xbeam", "-Ybeam", "-phi", "-osc")
_PIXELS = ("-detpixels", "-detpixels_x", "-detpixels_y")


def _said(given, names):
    """Those words of some options that are given, as they stand, or nothing."""
    return ", ".join(given[name].said for name in names if name in given)


def _idle(given, program, told=()):
    """Words that change nothing on any command line."""
    for name, use in given.items():
        if use.option.apply is nothing and name not in told:
            said = f"{use.said} has no effect, as in {program}"
            # these can only be 0, as everyone has them
            yield said if name in ("-hdiv", "-vdiv") else Loud(said)


def nonbragg_notes(line):
    """Notes on a command line of nonBragg.

    Parameters
    ----------
    line : numbragg.programs.nonbragg_words.NonBraggLine
        With headers and options entered.

    Yields
    ------
    str
        `Loud` where the image is not what the word says.
    """
    given, draft = line.given, line.draft
    # whether it writes the picture is told with its name
    yield from _idle(given, "nonBragg", told=("-nopgm",))
    if found := _said(given, ("-spindle_axis", "-phistep", "-phisteps")):
        header = " but on OSC_RANGE of the headers" if draft.oscillation < 0.0 and "-spindle_axis" not in given else ""
        yield f"{found}: no effect{header}: an amorphous sample is the same at every angle"
    if line.files.image is None and (found := _said(given, ("-stolout", "-ignore"))):
        yield Loud(f"{found}: no effect without -img")
    if line.molecules != 0.0 and (found := _said(given, ("-density",))):
        yield Loud(f"{found} has no effect: {given['-molecules'].said} gives the number of molecules")
    if line.files.sources is not None and (found := _said(given, _SPREADS)):
        yield Loud(f"{found}: no effect: {given['-sourcefile'].said} replaces divergence and dispersion")
    if draft.unpolarised_factor and (found := _said(given, ("-polar", "-polar_vector"))):
        yield Loud(f"{found}: no effect: -nopolar leaves the polarisation out")
    for origin, close in (("-ORGX", "-Xclose"), ("-ORGY", "-Yclose")):
        if origin in given and close in given:
            yield Loud(f"{given[close].said} has no effect: {given[origin].said} gives that point")
    if "-progress" in given and line.progress:
        yield "-progress has no effect: no progress is shown"
    yield from _fluence(given, draft)
    yield from _noise(line, given)


def _fluence(given, draft):
    if draft.flux != 0.0 and not (draft.exposure > 0.0 and draft.beam_size >= 0.0):
        yield Loud("-flux has no effect: the exposure is not positive or the beam size negative")
    elif draft.flux != 0.0 and "-fluence" in given:
        yield Loud(f"{given['-fluence'].said} has no effect: the flux, exposure and beam size give the fluence")
    elif draft.flux == 0.0 and "-exposure" in given:
        yield Loud(f"{given['-exposure'].said} has no effect without -flux")


def _noise(line, given):
    """What a command line without noise says of it."""
    if line.outputs.calculate_noise:
        return
    if found := _said(given, ("-seed", "-calib_seed", "-noisefile")):
        yield f"{found}: no effect: there is no noise image"
    if found := _said(given, ("-flicker", "-calibration", "-readout")):
        yield Loud(f"{found}: no effect: -nonoise leaves all noise out")


def noisify_notes(line):
    """The same of noisify; `line` is a `numbragg.programs.noisify_words.NoisifyLine`."""
    given = line.given
    yield from _idle(given, "noisify")
    if line.header is not None:
        if found := _said(given, _OF_HEADER):
            yield Loud(f"{found}: no effect: the header is copied from {os.fsdecode(line.header)}")
        if found := _said(given, _PIXELS):
            yield Loud(f"{found}: no effect: the numbers of pixels are those of the header of"
                       f" {os.fsdecode(line.header)}")
    if line.psf is None and (found := _said(given, ("-psf_fwhm", "-psf_rad"))):
        yield Loud(f"{found}: no effect without -psf")
    if line.outputs.calculate_noise and not line.calibration > 0.0 and (found := _said(given, ("-calib_seed",))):
        yield f"{found}: no effect: there are no errors of the calibration"
    if not line.outputs.write_pgm and (found := _said(given, ("-pgmfile",))):
        yield Loud(f"{found} has no effect: -nopgm leaves the picture out")
    yield from _noise(line, given)
