"""Options of spectra, spot metrics and mosaicity: what they set, the image that they give, what is refused."""

import numpy as np
import pytest

import numbragg as nb
from numbragg.commands.cli import main

LINE = "-cell 50 60 70 90 90 90 -misset 10 20 30 -N 4 -default_F 10 -detpixels 24 -pixel 2 -oversample 1 -seed 1 -nopgm"
SPECTRUM = "energy_ev,photons\n9400,2\n9420,0\n9440,5\n9500,1\n"


def run(words, expected=0):
    assert main(f"{LINE} {words} --npy made.npy --quiet".split()) == expected
    return np.load("made.npy") if expected == 0 else None


def simulated(beam=None, **more):
    """The same image by the Python interface."""
    crystal = nb.Crystal(cell=(50, 60, 70, 90, 90, 90), misset_deg=(10, 20, 30), n_cells=4, **more)
    return nb.simulate(crystal, beam or nb.Beam(), nb.Detector(pixels=(24, 24), pixel_mm=2.0), 10.0,
                       sampling=nb.Sampling(oversample=1))


@pytest.mark.parametrize("words, more", [
    ("", {}), ("--spectrum-samples 2", {"merged": 2}), ("--spectrum-density", {"density": True}),
    ("-hdivrange 2 -hdivsteps 2", {}), ("-lambda 1.3", {"wavelength": 1.3})])
def test_spectrum(folder, words, more):
    (folder / "s.csv").write_text(SPECTRUM)
    spectrum = nb.Spectrum.from_file("s.csv", density=more.get("density", False)).merged(more.get("merged", 99))
    given = {"wavelength_angstrom": more["wavelength"]} if "wavelength" in more else {}
    if "hdivrange" in words:
        given |= {"divergence_h_mrad": 2.0, "divergence_h_steps": 2}
    image = run(f"--spectrum s.csv {words}")
    assert (image == simulated(nb.Beam(spectrum=spectrum, **given))).all() and image.any()


def test_its_mean_is_the_wavelength(folder, capsys):
    (folder / "s.csv").write_text(SPECTRUM)
    assert main(f"{LINE} --spectrum s.csv".split()) == 0
    said = capsys.readouterr().out
    mean = nb.Spectrum.from_file("s.csv").mean_wavelength_angstrom
    assert f"{mean:.6g} Angstrom" in said and "3 (a spectrum of 3 wavelength(s), 1 x 1 directions asked for)" in said
    # and that is what a matrix was made with
    (folder / "a.mat").write_text("0.02 0 0\n0 0.02 0\n0 0 0.02\n")
    for words, wavelength in (("", mean), ("-lambda 1.0", 1.0)):
        assert main(f"-mat a.mat -default_F 1 -detpixels 8 --spectrum s.csv {words} -seed 1".split()) == 0
        cell = next(line for line in capsys.readouterr().out.splitlines() if line.strip().startswith("cell "))
        assert float(cell.split()[1]) == pytest.approx(wavelength / 0.02, rel=1e-4)


def test_axis(folder):
    (folder / "s.txt").write_text("9.4 2\n9.44 5\n")
    image = run("--spectrum s.txt --spectrum-axis kev")
    assert (image == simulated(nb.Beam(spectrum=nb.Spectrum(energies_ev=[9400.0, 9440.0], weights=[2, 5])))).all()


@pytest.mark.parametrize("words, more", [
    ("-gauss_xtal --spot-metric hkl -fudge 0.1", dict(shape="gauss", spot_metric="hkl", fudge=0.1)),
    ("-tophat_spots --spot-metric hkl -fudge 0.1", dict(shape="tophat", spot_metric="hkl", fudge=0.1)),
    ("-mosaic 0.5 -mosaic_dom 6 --mosaic-model gaussian", dict(mosaicity="gaussian", mosaic_spread_deg=0.5,
                                                               mosaic_domains=6)),
    ("-mosaic 0.5 -mosaic_dom 6 --mosaic-model gaussian --mosaic-even -mosaic_seed 9",
     dict(mosaicity="gaussian", mosaic_spread_deg=0.5, mosaic_domains=6, mosaic_low_discrepancy=True, mosaic_seed=9))])
def test_crystals(folder, words, more):
    image = run(words)
    assert (image == simulated(**more)).all() and image.any()
    assert (image != run("")).any()


@pytest.mark.parametrize("words, message", [
    ("--spectrum missing", "missing"), ("--spectrum bad", "bad, line 1: found 'x' where a finite number should be"),
    ("--spectrum s.csv -dispersion 1", "--spectrum and -dispersion both give wavelengths"),
    ("--spectrum s.csv -sourcefile s.csv", "--spectrum and -sourcefile both give wavelengths"),
    ("--spectrum-samples 3", "--spectrum-samples needs --spectrum"),
    ("--spectrum-density", "--spectrum-density needs --spectrum"),
    ("--spectrum s.csv --spectrum-samples 0", "--spectrum-samples 0: must be at least 1"),
    ("--spectrum s.csv --spectrum-axis joule", "--spectrum-axis joule: must be"),
    ("--mosaic-even", "--mosaic-even needs --mosaic-model gaussian"),
    ("--mosaic-model gaussian -mosaic 1 -mosaic_seed -3", "-mosaic_seed -3: must not be negative"),
])
def test_refuses(folder, words, message, capsys):
    (folder / "s.csv").write_text(SPECTRUM)
    (folder / "bad").write_text("1.0 x\n")
    run(words, 2)
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1
    assert sorted(path.name for path in folder.iterdir()) == ["bad", "s.csv"]


def test_gaussian_without_a_spread_is_said(folder, capsys):
    run("--mosaic-model gaussian")
    assert "mosaicity: gaussian has no effect without a mosaic spread" in capsys.readouterr().err
