"""What is drawn for a shot: numbers by (seed, name of the field, shot, lattice), and the distributions of them.

Nothing is carried from one number to the next, so that more shots, or one more field that varies, leave all other
numbers as they are.  Bits are the same on all processors: sums, products, quotients, roots and our own logarithm,
exponential and normal deviate only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
import functools
import hashlib
import math
from typing import Any, Protocol

import numpy as np

from ..kernels.detector.deviates import falling_exponential, logarithm, normal_deviate

__all__ = ["BITS", "Choice", "Constant", "Distribution", "Grid", "Listed", "LogUniform", "Normal", "Rotation", "Source",
           "Uniform", "Vector"]

#: Random bits of a number.
BITS = 53
_STEP = 2.0 ** -BITS
_DROPPED = 64 - BITS
#: Of the generator: rounds, multipliers of the counter, and what keys grow by.
_ROUNDS, _FACTORS, _GROWTH = 10, (0xD2E7470EE14C6C93, 0xCA5A826395121157), (0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B)
_WORD = (1 << 64) - 1
#: Least share of a normal distribution that its bounds may leave.
LEAST_SHARE = 1e-6


@functools.lru_cache(maxsize=256)
def _number_of(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")


def _philox(key: tuple[int, int], counter: tuple[int, int, int, int]) -> list[int]:
    """Four words of Philox4x64-10 (Salmon et al., 2011, doi 10.1145/2063384.2063405), the last of them first.

    In whole numbers of Python: of so few words another library's object takes several times as long to be made.
    """
    (a, b, c, d), (k, m), (first, second), (grow, more) = counter, key, _FACTORS, _GROWTH
    for _ in range(_ROUNDS):
        left, right = first * a, second * c
        a, b, c, d = right >> 64 ^ b ^ k, right & _WORD, left >> 64 ^ d ^ m, left & _WORD
        k, m = k + grow & _WORD, m + more & _WORD
    return [d, c, b, a]


class Source:
    """Random numbers of one field of one shot.

    64-bit words of the counter-based generator Philox4x64-10, whose key is the seed and the first eight bytes (the
    lowest first) of the SHA-256 of the field's name, and whose counter is (number, shot, lattice, 0); words of
    counters from 1 on, four each.

    Parameters
    ----------
    seed : int
        From 0 to 2^63 - 1.
    name : str
        Of the field.
    shot, lattice : int
        From 0.

    Attributes
    ----------
    shot : int
    """

    def __init__(self, seed: int, name: str, shot: int, lattice: int = 0) -> None:
        self.shot = shot
        self._key, self._counter, self._lattice = (seed, _number_of(name)), 0, lattice
        self._words: list[int] = []

    def bits(self) -> int:
        """The next whole number from 0 to 2^53 - 1: the upper bits of a word."""
        if not self._words:
            self._counter += 1
            self._words = _philox(self._key, (self._counter, self.shot, self._lattice, 0))
        return self._words.pop() >> _DROPPED

    def uniform(self) -> float:
        """The next number of [0, 1), a multiple of 2^-53."""
        return self.bits() * _STEP

    def below(self, count: int) -> int:
        """The next whole number from 0 to count - 1; each is as likely as another, within 2^-53."""
        return self.bits() * count >> BITS


class Distribution(Protocol):
    """What a field's values follow."""

    def draw(self, source: Source) -> Any:
        """The value for a shot."""


@dataclass(frozen=True, slots=True)
class Constant:
    """The same in all shots."""

    value: Any

    def draw(self, source: Source) -> Any:
        """The value for a shot."""
        return self.value


@dataclass(frozen=True, slots=True)
class Uniform:
    """Every number between two bounds, or every whole number, both ends included."""

    low: float
    high: float
    whole: bool = False

    def draw(self, source: Source) -> float:
        """The value for a shot."""
        if self.whole:
            return int(self.low) + source.below(int(self.high) - int(self.low) + 1)
        return min(self.low + source.uniform() * (self.high - self.low), self.high)


class LogUniform:
    """Numbers between two bounds above 0 whose logarithms are uniform; whole ones are rounded down.

    Parameters
    ----------
    low, high : float
    whole : bool
        Then both ends can come.
    """

    __slots__ = ("_ends", "_fall", "_whole")

    def __init__(self, low: float, high: float, whole: bool = False) -> None:
        self._ends, self._whole = (low, high), whole
        top = high + 1.0 if whole else high
        self._fall = logarithm(top / low), top

    def draw(self, source: Source) -> float:
        """The value for a shot."""
        fall, top = self._fall
        value = top * falling_exponential((source.uniform() - 1.0) * fall)
        low, high = self._ends
        value = min(max(value, low), high if not self._whole else top)
        return min(int(value), int(high)) if self._whole else value


class Normal:
    """Normal numbers between two bounds; whole ones are rounded to the nearest between them.

    Parameters
    ----------
    mean, sigma : float
        Of the distribution before what is beyond the bounds is left out.
    low, high : float
    whole : bool

    Raises
    ------
    ValueError
        If the bounds leave less than a millionth.
    """

    __slots__ = ("_ends", "_first", "_many", "_mean", "_sigma", "_whole")

    def __init__(self, mean: float, sigma: float, low: float, high: float, whole: bool = False) -> None:
        self._mean, self._sigma, self._whole = mean, sigma, whole
        self._ends = (math.ceil(low), math.floor(high)) if whole else (low, high)
        # of the 2^53 numbers those whose deviates lie between the bounds: they rise with their number
        self._first = self._find(low, lambda value, bound: value >= bound)
        self._many = self._find(high, lambda value, bound: value > bound) - self._first
        if self._many * _STEP < LEAST_SHARE:
            raise ValueError(f"low: {low:g} to high: {high:g} must leave at least a millionth of a normal distribution "
                             f"of mean {mean:g} and sigma {sigma:g}")

    def _value(self, number: int) -> float:
        return self._mean + self._sigma * normal_deviate(np.uint64(number))

    def _find(self, bound: float, reached: Any) -> int:
        """The first number whose deviate has reached a bound, or 2^53."""
        low, high = 0, 1 << BITS
        while low < high:
            middle = (low + high) // 2
            if reached(self._value(middle), bound):
                high = middle
            else:
                low = middle + 1
        return low

    def draw(self, source: Source) -> float:
        """The value for a shot."""
        value = self._value(self._first + source.below(self._many))
        low, high = self._ends
        return int(min(max(round(value), low), high)) if self._whole else min(max(value, low), high)


class Choice:
    """One of some values.

    Parameters
    ----------
    values : sequence
    weights : sequence of float, optional
        How likely each is, in any unit; by default all alike.
    """

    __slots__ = ("_below", "_values")

    def __init__(self, values: Sequence[Any], weights: Sequence[float] | None = None) -> None:
        self._values, self._below = tuple(values), None
        if weights is not None:
            total, below = math.fsum(weights), 0.0
            ends = []
            for weight in weights:
                below += weight
                ends.append(below / total)
            # whatever rounding makes of the sum
            last = max(place for place, weight in enumerate(weights) if weight > 0.0)
            self._below = (*ends[:last], *[1.0] * (len(ends) - last))

    def draw(self, source: Source) -> Any:
        """The value for a shot."""
        if self._below is None:
            return self._values[source.below(len(self._values))]
        number = source.uniform()
        return next(value for value, end in zip(self._values, self._below) if number < end)


@dataclass(frozen=True, slots=True)
class Listed:
    """The value of each shot, one after the other; behind the last the first comes again."""

    values: tuple[Any, ...]

    def draw(self, source: Source) -> Any:
        """The value for a shot."""
        return self.values[source.shot % len(self.values)]


@dataclass(frozen=True, slots=True)
class Grid:
    """Numbers in equal steps from one end to the other, and from the beginning again; each stays for some shots."""

    low: float
    high: float
    steps: int
    every: int = 1
    whole: bool = False

    def draw(self, source: Source) -> float:
        """The value for a shot."""
        step = source.shot // self.every % self.steps
        if step == self.steps - 1 and step:
            return self.high
        if self.whole:
            return int(self.low) + step * ((int(self.high) - int(self.low)) // max(self.steps - 1, 1))
        return self.low + (self.high - self.low) * (step / max(self.steps - 1, 1))


@dataclass(frozen=True, slots=True)
class Vector:
    """Several numbers, each with a distribution of its own, drawn one after the other."""

    parts: tuple[Distribution, ...]

    def draw(self, source: Source) -> tuple[Any, ...]:
        """The value for a shot."""
        return tuple(part.draw(source) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Rotation:
    """Rotations, uniform over all of them (Haar measure): three rows of three numbers.

    A unit quaternion of two points of the unit disc, by the method of Marsaglia (1972), which needs roots only.
    """

    def draw(self, source: Source) -> tuple[tuple[float, ...], ...]:
        """The value for a shot."""
        x, y, first = _in_disc(source)
        z, t, second = _in_disc(source)
        while second == 0.0:
            z, t, second = _in_disc(source)
        far = math.sqrt((1.0 - first) / second)
        z, t = z * far, t * far
        return ((1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - z * t), 2.0 * (x * z + y * t)),
                (2.0 * (x * y + z * t), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - x * t)),
                (2.0 * (x * z - y * t), 2.0 * (y * z + x * t), 1.0 - 2.0 * (x * x + y * y)))


def _in_disc(source: Source) -> tuple[float, float, float]:
    """A point of the unit disc, and the square of its distance from the middle."""
    while True:
        a, b = 2.0 * source.uniform() - 1.0, 2.0 * source.uniform() - 1.0
        square = a * a + b * b
        if square < 1.0:
            return a, b, square
