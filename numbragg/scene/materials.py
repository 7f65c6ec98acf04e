"""Materials of sensors: how fast they absorb at a wavelength, from the tables of xraydb."""

import numpy as np

from .units import to_angstrom

__all__ = ["MATERIALS", "attenuations"]

#: Names as files have them, in small letters: formula and density [g/cm^3].
MATERIALS = {"si": ("Si", 2.329), "silicon": ("Si", 2.329), "ge": ("Ge", 5.323), "germanium": ("Ge", 5.323),
             "gaas": ("GaAs", 5.316), "cdte": ("CdTe", 5.85), "gd2o2s": ("Gd2O2S", 7.34), "csi": ("CsI", 4.51)}

#: hc [eV Angstrom], as for a beam that is given by its energy.
ENERGY_WAVELENGTH = 12398.42


def attenuations(material, wavelengths):
    """Attenuation of a sensor's material at each wavelength, all processes together.

    Parameters
    ----------
    material : str
        One of `MATERIALS`, capital letters or small.
    wavelengths : (n,) float64
        [m]

    Returns
    -------
    (n,) float64
        [1/m], to nine significant digits, which the tables do not reach: so they are the same on every machine.

    Raises
    ------
    ImportError
        xraydb is not installed.
    ValueError
        The tables end before a wavelength.
    """
    # start-up: slow to import, an extra, and rarely needed
    try:
        import xraydb
    except ImportError as error:
        raise ImportError(f"sensor_material: {material!r} needs the tables of xraydb: pip install xraydb; or give "
                          "attenuation_depth_um") from error
    formula, density = MATERIALS[material.lower()]
    # sources often have few wavelengths, and the tables are slow
    each, where = np.unique(wavelengths, return_inverse=True)
    with np.errstate(divide="ignore"):
        energies = ENERGY_WAVELENGTH / to_angstrom(each)
    for energy in energies.tolist():
        if not 250.0 <= energy <= 800e3:
            raise ValueError(f"sensor_material: {material!r} at {energy:.6g} eV; the tables have 250 to 800000 eV; "
                             "give attenuation_depth_um")
    found = [float(f"{100.0 * mu:.8e}") for mu in xraydb.material_mu(formula, energies, density=density).tolist()]
    return np.array(found)[where.reshape(-1)]
