"""Files with spectra, as they are in the wild."""

import pytest

import numbragg as nb
from numbragg.io import spectra
from numbragg.io.errors import FileFormatError


def read(folder, content, **more):
    (folder / "s").write_bytes(content if isinstance(content, bytes) else content.encode())
    return nb.Spectrum.from_file(folder / "s", **more)


@pytest.mark.parametrize("content", [
    "wavelength,intensity\n1.0,1\n1.1,3\n",
    "Wavelength (nm); counts\n0.1; 1\n0.11; 3\n",
    "# lambda_A  photons\n1.0 1\n1.1 3\n",
    "1.1\t3\r\n1.0\t1\r\n",
    "\ufeff1.0 0 \n! what lies between\n1.0 1\n\n1.1 3\n1.2 0\n",
    "wavelength [m], weight\n1e-10, 0.5\n1.1e-10, 1.5\n",
    "1.0e-10 2\n1.1e-10 6",
    "\"wavelength\",\"weight\",\"x\"\n1.0,2,7\n1.1,6,8\n",
], ids=range(8))
def test_wavelengths(folder, content):
    spectrum = read(folder, content)
    assert spectrum.wavelengths_angstrom.tolist() == pytest.approx([1.0, 1.1], rel=1e-15)
    assert spectrum.weights.tolist() == [0.5, 1.5]


@pytest.mark.parametrize("content", [
    "energy_ev,photons\n9000,1\n10000,3\n", "E (eV) I\n9000 1\n10000 3\n", "energy counts\n9.0 1\n10.0 3\n",
    "photon energy (keV), flux\n10.0, 3\n9.0, 1\n", "9000 1\n10000 3\n"])
def test_energies(folder, content):
    spectrum = read(folder, content)
    assert spectrum.energies_ev.tolist() == pytest.approx([10000.0, 9000.0], rel=1e-15)
    assert spectrum.weights.tolist() == [1.5, 0.5]


def test_what_is_taken_for_what_is_said(folder):
    assert read(folder, "energy_ev,w\n9000,1\n10000,3\n").notes == ()
    note, = read(folder, "9000 1\n10000 3\n").notes
    assert note == f"spectrum {folder / 's'}: its first column, 9000 to 10000, is taken for energies in ev"
    first, second = read(folder, "1.0 1 5\n1.1 3 5\n").notes
    assert "is taken for wavelengths in angstrom" in first and "columns after the second are not used" in second


def test_an_axis_that_is_given_wins(folder):
    assert read(folder, "9.0 1\n10.0 3\n", axis="kev").energies_ev.tolist() == pytest.approx([10000.0, 9000.0])
    assert read(folder, "frequency w\n9.0 1\n", axis="kev").energies_ev.tolist() == pytest.approx([9000.0])
    assert read(folder, "I,energy\n7,9.0\n", axis="kev").energies_ev.tolist() == pytest.approx([9000.0])
    assert read(folder, "m weight\n500 1\n", axis="angstrom").wavelengths_angstrom.tolist() == [500.0]
    assert read(folder, "0.1 1\n", axis="nm").wavelengths_angstrom.tolist() == pytest.approx([1.0])
    with pytest.raises(ValueError, match="axis: 'joule' must be one of 'angstrom', 'nm', 'm', 'ev', 'kev'"):
        read(folder, "9.0 1\n", axis="joule")


@pytest.mark.parametrize("content, wavelengths", [
    ("# monochromator at 9480 eV\n1.30 1\n1.31 2\n", [1.30, 1.31]), ("# m\n1.30 1\n1.31 2\n", [1.30, 1.31]),
    ("# energy (keV), weight\n# ---\n12.39842 1\n", [1.0]), ("# photon energy spectrum, converted\n1.30 1\n", [1.30]),
    ("# photon energy spectrum, converted\n1.30,1\n", [1.30]), ("# energy 9480\n1.30 1\n", [1.30]),
    ("# Wavelength / nm\tPhotons / s\n0.1\t1\n", [1.0]), ("wavelength [\u00c5] counts\n0.2 1\n", [0.2]),
    ("Photon energy in keV; flux (ph/s, in 0.1 eV)\n12.39842; 1\n", [1.0]),
    ("EnergykeV,I(E)\n12.39842,1\n", [1.0]), ("hv/keV I\n12.39842 1\n", [1.0]), ("A,weight\n0.2,1\n", [0.2]),
    ("\u00c5 I\n0.2 1\n", [0.2]), ("# flux vs energy (eV)\n1.3 1 9480\n", [1.3]), ("1.3 1 # 5,3\n", [1.3]),
    ("a title of mine\n1.30 1\n", [1.30]), ("# \u03bb(nm) I\n0.1 1\n", [1.0])])
def test_only_a_header_names_the_axis(folder, content, wavelengths):
    assert read(folder, content).wavelengths_angstrom.tolist() == pytest.approx(wavelengths, rel=1e-12)


@pytest.mark.parametrize("content, columns", [
    ("intensity,energy_ev\n1,10000\n3,9000\n", "column 2 is the axis, column 1 the weights"),
    ("# intensity energy(keV)\n1 10\n3 9\n", "column 2 is the axis, column 1 the weights"),
    ("E_eV,sigma,I\n9000,7,3\n10000,8,1\n", "column 1 is the axis, column 3 the weights"),
    ("pixel energy_ev err_flux w\n1 9000 7 3\n2 10000 8 1\n", "column 2 is the axis, column 4 the weights"),
    ("weight photons/eV energy (eV)\n3 1 9000\n1 1 10000\n", "column 3 is the axis, column 1 the weights")])
def test_columns_in_another_order_are_used_by_their_names(folder, content, columns):
    spectrum = read(folder, content)
    assert spectrum.energies_ev.tolist() == pytest.approx([10000.0, 9000.0]) and spectrum.weights.tolist() == [0.5, 1.5]
    assert spectrum.notes == (f"spectrum {folder / 's'}: as its header says, {columns}; no other is used",)


def test_density(folder):
    content = "energy_ev w\n9000 1\n9001 1\n9003 1\n9004 1\n"
    assert read(folder, content, density=True).weights.tolist() == pytest.approx([0.8, 1.2, 1.2, 0.8])
    with pytest.raises(ValueError, match="s: energies_ev: 9000.0 stands there twice"):
        read(folder, "energy_ev w\n9000 1\n9000 1\n", density=True)


@pytest.mark.parametrize("content, message", [
    ("", ": has no rows"), ("# nothing\n", ": has no rows"), ("energy weight\n", ": has no rows"),
    ("1.0 1\n1.1\n", ", line 2: found '1.1' alone"), ("1.0 1\n1.1 x\n", ", line 2: found 'x' where a finite number"),
    ("1.0 1\nx 2\n", ", line 2: found 'x' where"), ("1.0 nan\n", ", line 1: found 'nan' where"),
    ("1.0 1\n0 1\n", ", line 2: found the wavelength or energy 0"),
    ("1.0 1\n1.1 -1\n", ", line 2: found the weight -1"),
    ("1,02;0,5\n", ", line 1: found '1,02;0,5'; numbers are written with a decimal point"),
    ("9.0 1\n9.5 1\n", ": nothing tells whether its first column, 9 to 9.5, is a wavelength or an energy"),
    ("1.0 1\n9490,5\t3,2\n", ", line 2: found '9490,5\\t3,2'; numbers are written with a decimal point"),
    ("1,5 3\n", ", line 1: found '1,5 3'; numbers are written"), ("1.0,1 5\n", ", line 1: found '1.0,1 5'; numbers"),
    ("energy w\n1e-5 1\n", ": nothing tells"), ("0.1 1\n0.101 3\n", "(such wavelengths are nanometres, or Angstrom"),
    ("wavelength I\n0.1 1\n", "(such wavelengths are nanometres, or Angstrom"),
    ("energy I\n1.3 1\n", ": nothing tells whether its first column, 1.3 to 1.3, is"),
    ("# ev weight\n1.3 1\n", ": its header 'ev weight' makes 1.3 to 1.3 ev of its values, which are 9537 to 9537 "
                             "Angstrom and must be 0.01 to 100"),
    ("# m weight\n1.3 1\n", ": its header 'm weight' makes 1.3 to 1.3 m of its values"),
    ("energy (keV), weight\n9480, 1\n", "makes 9480 to 9480 kev of its values, which are 0.001308 to 0.001308"),
    ("frequency,weight\n2.3e18,1\n", ": its header 'frequency,weight' names 'frequency'; one column must be"),
    ("# wavenumber I\n0.7 1\n", ": its header 'wavenumber I' names 'wavenumber'"),
    ("wavelength (pm), I\n130, 1\n", "names 'wavelength(pm)'"), ("k (1/A) I\n0.7 1\n", "names 'k(1/A)'"),
    ("energy_furlong I\n0.7 1\n", "names 'energy_furlong'"), ("energy_nm I\n0.7 1\n", "names 'energy_nm'"),
    ("# 1/wavelength I\n0.7 1\n", "names '1/wavelength'"), ("intensity counts\n1.3 1\n", "names 'intensity'"),
    ("lambda sigma\n1.3 1\n", ": its header 'lambda sigma' does not tell which column is the weights"),
    ("lambda a b\n1.3 1 2\n", ": its header 'lambda a b' does not tell which column is the weights"),
    ("wavelength,weight\n1.0,2,7\n", ": its header 'wavelength,weight' does not name its 3 columns"),
    ("lambda,sigma,I\n1.3,1,1\n1.3,,5\n", ", line 3: found 2 columns; 3 are needed"),
    ("1.0 0\n1.1 0\n", ": weights: the largest is 0.0"),
])
def test_refuses(folder, content, message):
    with pytest.raises(ValueError) as caught:
        read(folder, content)
    said = str(caught.value)
    assert said.startswith(str(folder / "s")) and message in said and "\n" not in said


def test_an_endless_file_is_refused(monkeypatch, folder):
    monkeypatch.setattr(spectra, "MOST_BYTES", 100)
    with pytest.raises(FileFormatError, match="has more than 100 bytes"):
        read(folder, "1.0 1\n" * 20)
