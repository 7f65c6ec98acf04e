"""Materials of sensors: how fast they absorb at a wavelength, from the tables of xraydb."""

from .units import to_angstrom

__all__ = ["MATERIALS", "attenuation"]

#: Names as files have them, in small letters: formula and density [g/cm^3].
MATERIALS = {"si": ("Si", 2.329), "silicon": ("Si", 2.329), "ge": ("Ge", 5.323), "germanium": ("Ge", 5.323),
             "gaas": ("GaAs", 5.316), "cdte": ("CdTe", 5.85), "gd2o2s": ("Gd2O2S", 7.34), "csi": ("CsI", 4.51)}

#: hc [eV Angstrom], as for a beam that is given by its energy.
ENERGY_WAVELENGTH = 12398.42


def attenuation(material, wavelength):
    """Attenuation of a sensor's material [1/m], all processes together.

    Parameters
    ----------
    material : str
        One of `MATERIALS`, capital letters or small.
    wavelength : float
        [m]

    Returns
    -------
    float
        To nine significant digits, which the tables do not reach: so it is the same on every machine.

    Raises
    ------
    ImportError
        xraydb is not installed.
    ValueError
        The tables end before this wavelength.
    """
    # start-up: slow to import, an extra, and rarely needed
    try:
        import xraydb
    except ImportError as error:
        raise ImportError(f"sensor_material: {material!r} needs the tables of xraydb: pip install xraydb; or give "
                          "attenuation_depth_um") from error
    formula, density = MATERIALS[material.lower()]
    energy = ENERGY_WAVELENGTH / to_angstrom(wavelength)
    if not 250.0 <= energy <= 800e3:
        raise ValueError(f"sensor_material: {material!r} at {energy:.6g} eV; the tables have 250 to 800000 eV; give "
                         "attenuation_depth_um")
    return float(f"{100.0 * float(xraydb.material_mu(formula, energy, density=density)):.8e}")
