"""The spectrum of a beam: wavelengths and how many photons each has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
import math
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..io.errors import format_error
from ..io.errors import shown as shown_bytes
from ..io.spectra import AXES, SpectrumTable, read_spectrum
from ..memory import require
from ..notes import Loud
from ..scene.draws import LARGEST_SEED, normals, uniforms
from ..scene.units import HC_EV_ANGSTROM, angstrom_from_ev, from_angstrom
from .checks import choice, entries, finite, positive, real_array, shown, whole

__all__ = ["Spectrum"]

#: How far samples of a line reach from its middle, in units of its full width at half maximum.
REACH = 1.5

#: Steps of an axis are even if they differ by no more than this part: numbers of a file are rounded.
EVEN = 0.01

#: Wavelengths that the header of a file may lead to [Angstrom].
CREDIBLE = (0.01, 100.0)

#: Fewer wavelengths are lines, not samples of a curve.
FEW = 10

#: Photons of how many moments in a pulse make the spikes of `Spectrum.sase`.
MOMENTS = 200


class Spectrum:
    """Weighted wavelengths: a spectrum that every direction of the beam has.

    Weights are numbers of photons.  They are scaled to a mean of 1, so that the fluence of the beam is that of all
    wavelengths together; where all are equal they are exactly 1, and an image has the bits of one without weights.
    Samples without photons are left out.  An image takes time in proportion to the number of samples: `merged` and
    `threshold` make it smaller.

    Parameters
    ----------
    wavelengths_angstrom : (n,) array_like, optional
        In any order [Angstrom]; or else `energies_ev`.
    weights : (n,) array_like, optional
        Photons of each, 0 or above, in any unit; by default all alike.
    energies_ev : (n,) array_like, optional
        Photon energies instead [eV].
    density : bool or {"ev", "angstrom"}
        False: a weight is the number of photons of its sample.  Otherwise weights are photons per electronvolt or
        per Angstrom (True: per unit of what was given), and each is multiplied by the width of its sample in that
        unit: samples reach to the middles between them, the outermost as far out as in.
    threshold : float
        Samples with at most this part of the largest weight are left out; 0 leaves out those without photons only.

    Attributes
    ----------
    wavelengths_angstrom : (n,) float64
        Ascending, read-only [Angstrom].
    weights : (n,) float64
        Photons, scaled to a mean of 1; read-only.
    left_out : float
        Part of all photons that the threshold left out.
    notes : tuple of str
        What was taken for what.

    Raises
    ------
    ValueError
        Naming the field, the value and the rule.

    Examples
    --------
    >>> import numbragg as nb
    >>> spectrum = nb.Spectrum([1.0, 1.01], [1, 3])
    >>> spectrum.weights.tolist(), round(spectrum.mean_wavelength_angstrom, 4)
    ([0.5, 1.5], 1.0075)
    >>> beam = nb.Beam(spectrum=nb.Spectrum.gaussian(1.0332, bandwidth_percent=1.0, samples=11))
    """

    __slots__ = ("wavelengths_angstrom", "weights", "left_out", "notes")

    wavelengths_angstrom: NDArray[np.float64]
    weights: NDArray[np.float64]
    left_out: float
    notes: tuple[str, ...]

    def __init__(self, wavelengths_angstrom: Any = None, weights: Any = None, *, energies_ev: Any = None,
                 density: bool | str = False, threshold: float = 0.0) -> None:
        if (wavelengths_angstrom is None) == (energies_ev is None):
            raise ValueError("wavelengths_angstrom: give either wavelengths or energies_ev")
        if energies_ev is None:
            name, axis = "wavelengths_angstrom", _column("wavelengths_angstrom", wavelengths_angstrom)
        else:
            name, axis = "energies_ev", _column("energies_ev", energies_ev)
        for value in axis:
            positive(name, value, "eV" if energies_ev is not None else "Angstrom")
        given = [1.0] * len(axis) if weights is None else _column("weights", weights)
        if len(given) != len(axis):
            raise ValueError(f"weights: {len(given)} of them for {len(axis)} {name}")
        for value in given:
            if finite("weights", value) < 0.0:
                raise ValueError(f"weights: {value!r} must not be negative, for weights are numbers of photons")
        unit = _density_unit(density, name)
        part = finite("threshold", threshold)
        if not 0.0 <= part < 1.0:
            raise ValueError(f"threshold: {part!r} must be from 0 to below 1, a part of the largest weight")
        notes: list[str] = []
        if unit is None:
            notes += _uneven(axis, name) if weights is not None else []
        else:
            given = [value * width for value, width in zip(given, _widths(axis, name, unit))]
        self._settle([angstrom_from_ev(v) for v in axis] if energies_ev is not None else axis, given, part, notes)

    def _settle(self, wavelengths: Sequence[float], photons: Sequence[float], threshold: float,
                notes: Iterable[str]) -> None:
        """Sort, leave out, scale and freeze."""
        largest = max(photons)
        if not 0.0 < largest < math.inf:
            raise ValueError(f"weights: the largest is {largest!r}; a spectrum needs photons")
        if not all(0.0 < v < math.inf and 1.0 / v < math.inf for v in wavelengths):
            raise ValueError("wavelengths_angstrom: a wavelength, or its inverse, is beyond the range of a double")
        # an exact 1 for the largest, and no sum that overflows
        rows = sorted((w, p / largest) for w, p in zip(wavelengths, photons))
        kept = [(w, p) for w, p in rows if p > threshold]
        total, taken = math.fsum(p for _, p in rows), math.fsum(p for _, p in kept)
        weights = _scaled([p for _, p in kept], taken)
        if not min(weights) > 0.0:
            raise ValueError("weights: one is too small beside the others; give a threshold")
        self._freeze([w for w, _ in kept], weights, max(0.0, (total - taken) / total), notes)

    def _freeze(self, wavelengths: Sequence[float], weights: Sequence[float], left_out: float,
                notes: Iterable[str]) -> None:
        for name, values in (("wavelengths_angstrom", wavelengths), ("weights", weights)):
            column = np.array(values, dtype=np.float64)
            column.setflags(write=False)
            object.__setattr__(self, name, column)
        object.__setattr__(self, "left_out", left_out)
        object.__setattr__(self, "notes", tuple(notes))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a Spectrum does not change: {name} cannot be set")

    def __reduce__(self) -> Any:
        return _restored, (self.wavelengths_angstrom.tolist(), self.weights.tolist(), self.left_out, self.notes)

    # -- where spectra come from

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], *, axis: str | None = None, density: bool | str = False,
                  threshold: float = 0.0) -> Spectrum:
        """A spectrum from a text file of two columns, a wavelength or an energy and a weight.

        Parameters
        ----------
        path : str or path-like
            Columns separated by blanks, tabs, commas or semicolons, in any order of rows; comments begin with # or !.
            A header names the columns, which may then be in any order.
        axis : {"angstrom", "nm", "m", "ev", "kev"}, optional
            What the first column is, or the one that a header names.  By default what a header names, if that gives
            0.01 to 100 Angstrom, else what the values can only be, which is said; where that is not certain the
            file is refused.
        density : bool or {"ev", "angstrom"}
            As for `Spectrum`; True: per unit of the first column.
        threshold : float
            As for `Spectrum`.

        Returns
        -------
        Spectrum

        Raises
        ------
        FileFormatError
            A ValueError in one line, which names the file, the line and the rule.
        OSError
            The file cannot be read.
        """
        if axis is not None:
            choice("axis", axis, tuple(AXES))
        table = read_spectrum(path, axis)
        quantity, unit = AXES[table.axis]
        column = [value * unit for value in table.values]
        _check_credible(path, table, column if quantity == "wavelength" else [angstrom_from_ev(v) for v in column])
        try:
            made = (cls(column, table.weights, density=density, threshold=threshold) if quantity == "wavelength" else
                    cls(None, table.weights, energies_ev=column, density=density, threshold=threshold))
        except ValueError as error:
            raise type(error)(f"{os.fsdecode(path)}: {error}") from None
        return _restored(made.wavelengths_angstrom.tolist(), made.weights.tolist(), made.left_out,
                         (*table.notes, *made.notes))

    @classmethod
    def gaussian(cls, wavelength_angstrom: float, bandwidth_percent: float, samples: int = 21) -> Spectrum:
        """A Gaussian line, sampled evenly in energy to 1.5 widths on each side.

        Parameters
        ----------
        wavelength_angstrom : float
            Of the middle (in energy) [Angstrom].
        bandwidth_percent : float
            Full width at half maximum in percent of the energy, below 60.
        samples : int

        Returns
        -------
        Spectrum
        """
        middle, width = _line(wavelength_angstrom, bandwidth_percent, 2.0 * REACH)
        places = _even(_possible(samples, 400))
        return cls([angstrom_from_ev(middle + 2.0 * REACH * x * width) for x in places], [_bell(x) for x in places])

    @classmethod
    def tophat(cls, wavelength_angstrom: float, bandwidth_percent: float, samples: int = 21) -> Spectrum:
        """A band of equal weights: the middles of equal steps in energy.

        Parameters
        ----------
        wavelength_angstrom : float
            Of the middle (in energy) [Angstrom].
        bandwidth_percent : float
            Full width in percent of the energy, below 200.
        samples : int

        Returns
        -------
        Spectrum
        """
        middle, width = _line(wavelength_angstrom, bandwidth_percent, 1.0)
        n = _possible(samples, 275)
        return cls([angstrom_from_ev(middle + ((i + 0.5) / n - 0.5) * width) for i in range(n)])

    @classmethod
    def two_colour(cls, wavelengths_angstrom: Sequence[float], photons: Sequence[float] = (1.0, 1.0),
                   bandwidth_percent: float = 0.0, samples: int = 11) -> Spectrum:
        """Two colours: two wavelengths, or two Gaussian lines.

        Parameters
        ----------
        wavelengths_angstrom : two floats
            [Angstrom].
        photons : two floats
            Of each colour, in any unit.
        bandwidth_percent : float
            Full width at half maximum of each in percent of its energy; 0: a wavelength each.
        samples : int
            Of each colour, where it has a width.

        Returns
        -------
        Spectrum
        """
        colours = [positive("wavelengths_angstrom", v, "Angstrom")
                   for v in entries("wavelengths_angstrom", wavelengths_angstrom, 2, "two wavelengths")]
        shares = [positive("photons", v) for v in entries("photons", photons, 2, "two numbers of photons")]
        if finite("bandwidth_percent", bandwidth_percent, "%") == 0.0:
            return cls(colours, shares)
        lines = [cls.gaussian(colour, bandwidth_percent, samples) for colour in colours]
        return cls([v for line in lines for v in line.wavelengths_angstrom.tolist()],
                   [share * w for share, line in zip(shares, lines) for w in line.weights.tolist()])._quiet()

    @classmethod
    def sase(cls, wavelength_angstrom: float, bandwidth_percent: float, seed: int, *, samples: int = 100,
             spike_percent: float | None = None) -> Spectrum:
        """One pulse of a free-electron laser: spikes under a Gaussian envelope, from a seed.

        The field is that of many short bursts at random moments of a Gaussian pulse (shot noise), filtered by the
        envelope: intensities are distributed exponentially about it, and a spike is as wide as the pulse is short.
        Averaged over seeds the spectrum is the envelope.

        Parameters
        ----------
        wavelength_angstrom : float
            Of the middle (in energy) [Angstrom].
        bandwidth_percent : float
            Full width at half maximum of the envelope in percent of the energy, below 60.
        seed : int
            From 0 to 2^63 - 1; each seed is a pulse.
        samples : int
            Evenly in energy, to 1.5 widths on each side.
        spike_percent : float, optional
            Full width at half maximum of a spike (of the intensities' correlation) in percent of the energy; by
            default a twentieth of the bandwidth, but no less than two samples.

        Returns
        -------
        Spectrum

        Examples
        --------
        >>> import numbragg as nb
        >>> pulse = nb.Spectrum.sase(1.3, bandwidth_percent=0.5, seed=1)
        >>> len(pulse.weights), bool(abs(pulse.weights.mean() - 1.0) < 1e-12)
        (100, True)
        """
        middle, width = _line(wavelength_angstrom, bandwidth_percent, 2.0 * REACH)
        key, places = whole("seed", seed, 0, LARGEST_SEED), _even(_possible(samples, 440, 2))
        if spike_percent is None:
            spike = max(width / 20.0, 4.0 * REACH * width / (len(places) - 1))
        else:
            spike = positive("spike_percent", spike_percent, "%") / 100.0 * middle
        numbers = uniforms(key, 3 * MOMENTS)
        moments, phases = normals(numbers[:2 * MOMENTS]), [2.0 * math.pi * v for v in numbers[2 * MOMENTS:]]
        energies = [2.0 * REACH * x * width for x in places]
        # moments of width 1 correlate intensities as exp(-x^2), x the distance in phase
        scale = 2.0 * math.sqrt(math.log(2.0)) / spike
        photons = []
        for x, energy in zip(places, energies):
            angles = [energy * scale * moment + phase for moment, phase in zip(moments, phases)]
            real, imaginary = math.fsum(map(math.cos, angles)), math.fsum(map(math.sin, angles))
            photons.append(_bell(x) * (real * real + imaginary * imaginary) / MOMENTS)
        return cls([angstrom_from_ev(middle + energy) for energy in energies], photons)._quiet()

    # -- what is made of it

    def merged(self, n: int) -> Spectrum:
        """At most `n` samples in the place of all: neighbours are added up, to parts of about equal photons.

        Each part has the photons of its samples, at their mean wavelength; so the mean wavelength of the whole stays.

        Parameters
        ----------
        n : int
            1 or more; a spectrum that has no more samples comes back as it is.

        Returns
        -------
        Spectrum
        """
        parts = whole("n", n)
        if parts >= len(self.weights):
            return self
        total, before = math.fsum(self.weights.tolist()), 0.0
        groups: dict[int, list[tuple[float, float]]] = {}
        for wavelength, weight in zip(self.wavelengths_angstrom.tolist(), self.weights.tolist()):
            middle = (before + 0.5 * weight) / total
            groups.setdefault(min(int(middle * parts), parts - 1), []).append((wavelength, weight))
            before += weight
        sums = [math.fsum(w for _, w in group) for group in groups.values()]
        means = [math.fsum(v * w for v, w in group) / summed for group, summed in zip(groups.values(), sums)]
        return _restored(means, _scaled(sums, math.fsum(sums)), self.left_out, self.notes)

    def _quiet(self) -> Spectrum:
        """The same without notes: of samples that we chose ourselves."""
        return _restored(self.wavelengths_angstrom.tolist(), self.weights.tolist(), self.left_out, ())

    @property
    def energies_ev(self) -> NDArray[np.float64]:
        """Photon energies [eV], in the order of the wavelengths: descending."""
        return HC_EV_ANGSTROM / self.wavelengths_angstrom

    @property
    def mean_wavelength_angstrom(self) -> float:
        """Mean of the wavelengths, by photons [Angstrom]."""
        summed = math.fsum(w * v for v, w in zip(self.wavelengths_angstrom.tolist(), self.weights.tolist()))
        return summed / math.fsum(self.weights.tolist())

    def pack(self) -> NDArray[np.float64]:
        """(n, 2) float64: wavelengths [m] and weights."""
        return np.array([(from_angstrom(v), w) for v, w
                         in zip(self.wavelengths_angstrom.tolist(), self.weights.tolist())], dtype=np.float64)

    def __len__(self) -> int:
        return len(self.weights)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Spectrum) and self.pack().tobytes() == other.pack().tobytes()

    def __hash__(self) -> int:
        return hash(self.pack().tobytes())

    def __repr__(self) -> str:
        low, high = float(self.wavelengths_angstrom[0]), float(self.wavelengths_angstrom[-1])
        return (f"<Spectrum of {len(self)} wavelengths, {low:.6g} to {high:.6g} Angstrom, "
                f"mean {self.mean_wavelength_angstrom:.6g}>")


def _restored(wavelengths: Sequence[float], weights: Sequence[float], left_out: float,
              notes: Iterable[str]) -> Spectrum:
    made = Spectrum.__new__(Spectrum)
    made._freeze(wavelengths, weights, left_out, notes)
    return made


def _check_credible(path: str | os.PathLike[str], table: SpectrumTable, wavelengths: Sequence[float]) -> None:
    """Refuse a header that cannot be of the values below it."""
    (low, high), first, last = CREDIBLE, min(wavelengths), max(wavelengths)
    if table.header and not (low <= first and last <= high):
        raise format_error(path, f"its header {shown_bytes(table.header)} makes {min(table.values):g} to "
                                 f"{max(table.values):g} {table.axis} of its values, which are {first:.4g} to"
                                 f" {last:.4g} Angstrom and must be {low:g} to {high:g}; axis would tell what they are")


def _column(name: str, value: Any) -> list[float]:
    column = real_array(name, value, "a list of numbers")
    if column.ndim != 1 or len(column) == 0:
        raise ValueError(f"{name}: shape {column.shape} must be (n,), one number or more")
    return column.tolist()


def _scaled(weights: Sequence[float], total: float) -> list[float]:
    """Weights with a mean of 1: exactly 1 where all are equal."""
    if min(weights) == max(weights):
        return [1.0] * len(weights)
    return [w * len(weights) / total for w in weights]


# -- samples as densities


def _density_unit(density: bool | str, name: str) -> str | None:
    own = "ev" if name == "energies_ev" else "angstrom"
    if isinstance(density, (bool, np.bool_)):
        return own if density else None
    if density not in ("ev", "angstrom"):
        raise ValueError(f"density: {shown(density)} must be True, False, 'ev' or 'angstrom'")
    return str(density)


def _uneven(axis: Sequence[float], name: str) -> list[str]:
    """What is to be said of samples that are not evenly spaced."""
    ordered = sorted(axis)
    steps = [b - a for a, b in zip(ordered, ordered[1:])]
    if len(axis) < FEW or max(steps) - min(steps) <= EVEN * max(steps):
        return []
    return [Loud(f"spectrum: {name} are {min(steps):.3g} to {max(steps):.3g} apart, and each weight is taken for the"
                 " photons of its sample; density=True takes them for a density, times the width of each")]


def _widths(axis: Sequence[float], name: str, unit: str) -> list[float]:
    """Width of each sample in the unit of a density: of what lies between the middles."""
    if len(axis) < 2:
        raise ValueError(f"density: one of the {name} alone has no width")
    order = sorted(range(len(axis)), key=axis.__getitem__)
    x = [axis[i] for i in order]
    if any(a == b for a, b in zip(x, x[1:])):
        raise ValueError(f"{name}: {next(a for a, b in zip(x, x[1:]) if a == b)!r} stands there twice, which a density "
                         "cannot")
    middles = [a + 0.5 * (b - a) for a, b in zip(x, x[1:])]
    edges = [x[0] - (middles[0] - x[0]), *middles, x[-1] + (x[-1] - middles[-1])]
    if (unit == "ev") != (name == "energies_ev"):
        if not edges[0] > 0.0:
            raise ValueError(f"{name}: the first sample reaches to {edges[0]:g}; it must end above 0")
        # the Jacobian, over the whole width of a sample
        edges = [HC_EV_ANGSTROM / edge for edge in edges]
    widths = [0.0] * len(axis)
    for place, (low, high) in zip(order, zip(edges, edges[1:])):
        widths[place] = abs(high - low)
    return widths


# -- lines


def _line(wavelength_angstrom: float, bandwidth_percent: float, reach: float) -> tuple[float, float]:
    """Energy of the middle and width of a line [eV]; it must not reach to zero."""
    middle = angstrom_from_ev(positive("wavelength_angstrom", wavelength_angstrom, "Angstrom"))
    bandwidth = positive("bandwidth_percent", bandwidth_percent, "%")
    if not bandwidth * reach / 2.0 < 95.0:
        raise ValueError(f"bandwidth_percent: {bandwidth!r} must be below {190.0 / reach:.3g} %, or energies vanish")
    return middle, middle * bandwidth / 100.0


def _possible(samples: int, size: int, least: int = 1) -> int:
    """A number of samples that there is memory for, so many bytes each (measured: lists, and what is made of them)."""
    n = whole("samples", samples, least)
    require(size * n, f"samples: {n} wavelengths of a spectrum")
    return n


def _even(samples: int) -> list[float]:
    """So many numbers from -1/2 to 1/2; 0 alone for one."""
    return [i / (samples - 1) - 0.5 for i in range(samples)] if samples > 1 else [0.0]


def _bell(x: float) -> float:
    """The Gaussian of a line at a place of `_even`."""
    distance = 2.0 * REACH * x
    return math.exp(-4.0 * math.log(2.0) * distance * distance)
