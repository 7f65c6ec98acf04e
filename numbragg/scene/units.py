"""Units of the field to metres, radians and fractions and back: each factor in one place, inward and outward.

Inward every conversion is one operation of the C program's: a division by 1000 and a multiplication by 0.001 differ in
the last bit, and so would images.  Outward numbers are for reading, and are multiplied.
"""

import math

__all__ = ["DEGREES_PER_RADIAN", "HC_EV_ANGSTROM", "angstrom_from_ev", "attenuation_from_um", "from_angstrom",
           "from_degrees", "from_ev", "from_mm", "from_mrad", "from_percent", "resolution_from_angstrom",
           "sensor_from_um", "to_angstrom", "to_degrees", "to_mm", "to_per_angstrom", "to_percent", "to_um",
           "water_from_um"]

#: Degrees are divided by this number to give radians, radians multiplied to give degrees.
DEGREES_PER_RADIAN = 180.0 * (1.0 / math.pi)

#: Planck's constant times the speed of light [eV Angstrom], the value nanoBragg uses.
HC_EV_ANGSTROM = 12398.42


# -- inward


def from_mm(length):
    """Metres from millimetres."""
    return length / 1000.0


def from_mrad(angle):
    """Radians from milliradians."""
    return angle / 1000.0


def from_degrees(angle):
    """Radians from degrees."""
    return angle / DEGREES_PER_RADIAN


def from_percent(part):
    """A fraction from percent."""
    return part / 100.0


def from_angstrom(wavelength):
    """A wavelength [m] from Angstrom."""
    return wavelength / 1.0e10


def angstrom_from_ev(energy):
    """The wavelength [Angstrom] of photons of an energy [eV]."""
    return HC_EV_ANGSTROM / energy


def from_ev(energy):
    """The wavelength [m] of photons of an energy [eV]."""
    return from_angstrom(angstrom_from_ev(energy))


def resolution_from_angstrom(d):
    """A limit of resolution [m] from Angstrom."""
    return d * 1e-10


def water_from_um(edge):
    """The edge of the water [m] from micrometres."""
    return edge / 1e6


def sensor_from_um(thickness):
    """The thickness of a sensor [m] from micrometres."""
    return thickness * 1e-6


def attenuation_from_um(depth):
    """The attenuation [1/m] of a sensor from its 1/e depth in micrometres, which must not be 0."""
    return 1.0 / (depth * 1e-6)


# -- outward


def to_mm(length):
    """Millimetres from metres."""
    return length * 1e3


def to_um(length):
    """Micrometres from metres."""
    return length * 1e6


def to_angstrom(length):
    """Angstrom from metres."""
    return length * 1e10


def to_per_angstrom(inverse):
    """Inverse Angstrom from inverse metres."""
    return inverse * 1e-10


def to_degrees(angle):
    """Degrees from radians."""
    return angle * DEGREES_PER_RADIAN


def to_percent(part):
    """Percent from a fraction."""
    return part * 100.0
