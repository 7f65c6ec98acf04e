"""Notes on wavelengths, and on lists of sources: what of a list is not used, and units that are not meant."""

import math

from ..notes import Loud
from .units import to_angstrom

__all__ = ["other_wavelengths", "source_notes"]

#: What X-rays that crystals diffract have [m], and some more: anything else was probably meant in another unit.
WAVELENGTHS = (1e-12, 1e-8)

#: Wavelengths that differ by less, as a fraction, are the same: one was written with fewer digits.
SAME_WAVELENGTH = 1e-4


def source_notes(prepared):
    """Notes on the sources of a prepared scene, as an iterator; see `numbragg.scene.notes.scene_notes`."""
    beam = prepared.request.beam
    yield from beam.spectrum_notes
    # arrays, for lists of numbers would take several times the memory
    sources, wavelengths = beam.sources, prepared.scene.beam.wavelengths
    odd = wavelengths[~((wavelengths >= WAVELENGTHS[0]) & (wavelengths <= WAVELENGTHS[1]))][:1].tolist()
    shortest, longest = float(wavelengths.min()), float(wavelengths.max())
    slack = SAME_WAVELENGTH * shortest
    if beam.spectrum is not None and not shortest - slack <= beam.wavelength <= longest + slack:
        yield Loud(f"wavelength: {to_angstrom(beam.wavelength):g} Angstrom is not simulated: the spectrum has"
                   f" {to_angstrom(shortest):g} to {to_angstrom(longest):g} (an orientation matrix is"
                   " scaled by the one given)")
    if sources is None:
        if odd:
            yield Loud(f"wavelength: {to_angstrom(odd[0]):g} Angstrom; wavelengths are in Angstrom, energies in"
                       " electronvolt")
        return
    if odd:
        yield Loud(f"sources: a wavelength of {odd[0]:g} m; wavelengths of a list are in metres, not in Angstrom")
    yield from _weights(sources[:, 3])
    yield from _on_the_other_side(sources, prepared.placement.beam)


def _on_the_other_side(sources, beam):
    """Sources from which photons come against the beam; a source is where they come from, not where they go."""
    # what is missing (NaN) is where the nominal source is
    first, wrong = None, 0
    for row in sources:
        if sum(x * b for x, b in zip(row.tolist(), beam) if not math.isnan(x)) > 0.0:
            first, wrong = row if first is None else first, wrong + 1
    if wrong:
        place, nominal = (" ".join(f"{x + 0.0:g}" for x in vector) for vector in (first[:3], [-b for b in beam]))
        yield Loud(f"sources: the source at {place} is more than 90 degrees from that of the nominal beam, at"
                   f" {nominal}, and its photons travel against the beam ({wrong} of {len(sources)} sources)")


def _weights(listed):
    # what is missing (NaN) counts as 1
    isnan = listed != listed
    missing = int(isnan.sum())
    first = 1.0 if missing else listed[0]
    least, most = (float(find(where=~isnan, initial=first)) for find in (listed.min, listed.max))
    if least != most:
        yield Loud(f"sources: their intensities differ ({least:g} to {most:g}) and are not used: every"
                   " source counts the same, as in nanoBragg")
    elif least <= 0.0:
        yield Loud(f"sources: an intensity of {least:g} is not used: every source counts as 1, as in nanoBragg")
    elif 0 < missing < len(listed):
        yield Loud(f"sources: {missing} of {len(listed)} have no intensity (NaN): every source counts the same, as in"
                   " nanoBragg")


def other_wavelengths(wavelength, sources):
    """What the sources of a list have where none has the wavelength that was given, in words.

    Parameters
    ----------
    wavelength : float
        As given [m].
    sources : (n, 5) float64 array
        As in a request; NaN stands for the wavelength given.

    Returns
    -------
    str or None
        None where some source has it.
    """
    listed = sources[:, 4].tolist()
    if any(math.isnan(length) or abs(length - wavelength) <= SAME_WAVELENGTH * wavelength for length in listed):
        return None
    low, high = to_angstrom(min(listed)), to_angstrom(max(listed))
    said = f"{low:g} Angstrom" if low == high else f"{low:g} to {high:g} Angstrom"
    return f"the sources have wavelengths of their own, {said} (an orientation matrix is scaled by the one given)"
