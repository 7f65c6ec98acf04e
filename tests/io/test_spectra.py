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
    "\"wavelength\",\"weight\"\n1.0,2,7\n1.1,6,8\n",
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
    with pytest.raises(ValueError, match="axis: 'joule' must be one of 'angstrom', 'nm', 'm', 'ev', 'kev'"):
        read(folder, "9.0 1\n", axis="joule")


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
    ("energy w\n1e-5 1\n", ": nothing tells"), ("1.0 0\n1.1 0\n", ": weights: the largest is 0.0"),
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
