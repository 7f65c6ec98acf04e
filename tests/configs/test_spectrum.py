"""Spectra: weights, densities, models, merging; what is refused and what is said."""

import math
import pickle

import mpmath
import numpy as np
import pytest

import numbragg as nb

HC = 12398.42


def weights(spectrum):
    return spectrum.weights.tolist()


# -- from arrays


def test_weights_have_a_mean_of_one():
    spectrum = nb.Spectrum([1.2, 1.0, 1.1], [4.0, 1.0, 3.0])
    assert spectrum.wavelengths_angstrom.tolist() == [1.0, 1.1, 1.2]
    assert weights(spectrum) == [0.375, 1.125, 1.5]
    for array in (spectrum.weights, spectrum.wavelengths_angstrom):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 2.0
    with pytest.raises(AttributeError, match="does not change"):
        spectrum.weights = 1.0


@pytest.mark.parametrize("n", [1, 2, 3, 7, 10, 49, 1000])
@pytest.mark.parametrize("value", [0.1, 1.0 / 3.0, 1e-310, 1.7e308])
def test_equal_weights_are_exactly_one(n, value):
    assert weights(nb.Spectrum(np.linspace(1.0, 1.1, n), [value] * n)) == [1.0] * n


def test_energies():
    spectrum = nb.Spectrum(energies_ev=[10000.0, 9000.0], weights=[1.0, 3.0])
    assert spectrum.wavelengths_angstrom.tolist() == [HC / 10000.0, HC / 9000.0] and weights(spectrum) == [0.5, 1.5]
    assert spectrum.energies_ev.tolist() == pytest.approx([10000.0, 9000.0], rel=1e-15)
    assert spectrum.mean_wavelength_angstrom == pytest.approx((HC / 10000.0 + 3.0 * HC / 9000.0) / 4.0, rel=1e-15)


def test_samples_without_photons_are_left_out():
    spectrum = nb.Spectrum([1.0, 1.1, 1.2, 1.3], [0.0, 2.0, 6.0, 0.0])
    assert spectrum.wavelengths_angstrom.tolist() == [1.1, 1.2] and weights(spectrum) == [0.5, 1.5]
    assert spectrum.left_out == 0.0


def test_threshold_says_what_it_leaves_out():
    spectrum = nb.Spectrum([1.0, 1.1, 1.2], [1.0, 100.0, 300.0], threshold=0.01)
    assert spectrum.wavelengths_angstrom.tolist() == [1.1, 1.2] and weights(spectrum) == [0.5, 1.5]
    assert spectrum.left_out == pytest.approx(1.0 / 401.0, rel=1e-12)


def test_equality_and_pickles():
    one, other = nb.Spectrum([1.0, 1.1], [1, 2]), nb.Spectrum([1.1, 1.0], [4, 2])
    assert one == other and hash(one) == hash(other) and one != nb.Spectrum([1.0, 1.1], [1, 3])
    assert pickle.loads(pickle.dumps(one)) == one and len(one) == 2
    assert repr(one) == "<Spectrum of 2 wavelengths, 1 to 1.1 Angstrom, mean 1.06667>"


# -- densities


def test_density_takes_the_widths_of_samples():
    # 9 to 13 in steps of 1, 2 and 1: widths 1, 1.5, 1.5, 1
    spectrum = nb.Spectrum([12.0, 9.0, 10.0, 13.0], [1.0, 1.0, 1.0, 1.0], density=True)
    assert weights(spectrum) == pytest.approx([0.8, 1.2, 1.2, 0.8], rel=1e-15) and spectrum.notes == ()


def test_density_per_electronvolt_on_wavelengths():
    """Samples of one curve, on either axis, are the same photons."""
    energies = np.linspace(9000.0, 10000.0, 201)
    curve = np.exp(-((energies - 9400.0) / 150.0) ** 2)
    # per Angstrom the same curve has the Jacobian hc / wavelength^2 in it
    per_angstrom = curve * energies ** 2 / HC
    wavelengths = HC / energies
    a = nb.Spectrum(energies_ev=energies, weights=curve, density=True)
    b = nb.Spectrum(wavelengths, curve, density="ev")
    c = nb.Spectrum(wavelengths, per_angstrom, density=True)
    d = nb.Spectrum(energies_ev=energies, weights=per_angstrom, density="angstrom")
    for other in (b, c, d):
        # samples are 1/2000 wide: what is inside differs by squares of that, the outermost are cut otherwise
        assert other.weights[1:-1] == pytest.approx(a.weights[1:-1], rel=2e-5)
        assert other.weights[[0, -1]] == pytest.approx(a.weights[[0, -1]], rel=1e-3)
    samples = nb.Spectrum(wavelengths, per_angstrom)
    assert abs(samples.mean_wavelength_angstrom - a.mean_wavelength_angstrom) > 1e-4
    assert any("density=True" in note for note in samples.notes)


def test_uneven_samples_are_said():
    uneven = [1.0 + 0.001 * n * n for n in range(12)]
    spectrum = nb.Spectrum(uneven, range(1, 13))
    note, = spectrum.notes
    assert note.startswith("spectrum: wavelengths_angstrom are 0.001 to 0.021 apart")
    detector, crystal = nb.Detector(pixels=(3, 2)), nb.Crystal(cell=(50, 50, 50, 90, 90, 90))
    with pytest.warns(nb.NumbraggWarning, match="are 0.001 to 0.021 apart"):
        nb.simulate(crystal, nb.Beam(spectrum=spectrum), detector, 1.0)
    for quiet in (nb.Spectrum(np.linspace(1, 2, 12), range(1, 13)), nb.Spectrum(uneven),
                  nb.Spectrum([1.0, 1.1, 1.5], [1, 2, 3]), nb.Spectrum(uneven, range(1, 13), density=True)):
        assert quiet.notes == ()


# -- models


def test_gaussian():
    spectrum = nb.Spectrum.gaussian(1.3, bandwidth_percent=2.0, samples=31)
    middle = HC / 1.3
    assert len(spectrum) == 31 and spectrum.weights.argmax() == 15
    assert spectrum.wavelengths_angstrom[15] == pytest.approx(1.3, rel=1e-15)
    # half of the maximum where the energy is half the width off: a third of the way to either end
    half = spectrum.weights[[10, 20]] / spectrum.weights[15]
    assert half == pytest.approx([0.5, 0.5], rel=1e-12)
    assert spectrum.energies_ev[[10, 20]] == pytest.approx([middle * 1.01, middle * 0.99], rel=1e-12)


def test_tophat_is_not_weighted():
    spectrum = nb.Spectrum.tophat(1.3, bandwidth_percent=2.0, samples=10)
    assert weights(spectrum) == [1.0] * 10
    middle = HC / 1.3
    assert spectrum.energies_ev[[0, -1]] == pytest.approx([middle * 1.009, middle * 0.991], rel=1e-12)
    assert nb.Spectrum.tophat(1.3, 2.0, samples=1).wavelengths_angstrom[0] == pytest.approx(1.3, rel=1e-15)


def test_two_colours():
    plain = nb.Spectrum.two_colour((1.0, 1.02), photons=(3.0, 1.0))
    assert plain == nb.Spectrum([1.0, 1.02], [3.0, 1.0])
    wide = nb.Spectrum.two_colour((1.0, 1.02), photons=(3.0, 1.0), bandwidth_percent=0.2, samples=9)
    first = wide.wavelengths_angstrom < 1.01
    assert first.sum() == 9 and wide.weights[first].sum() / wide.weights.sum() == pytest.approx(0.75, rel=1e-12)
    assert wide.notes == ()


def test_sase_is_noise_under_its_envelope():
    """Exponential intensities: over seeds each sample has the envelope as its mean and as its standard deviation."""
    pulses = np.array([nb.Spectrum.sase(1.3, 0.5, seed, samples=21, spike_percent=0.05).weights for seed in range(400)])
    # the samples are three spikes apart; a mean of 400 exponential numbers is within 1/20 of itself, 5 of these
    envelope = np.exp(-4.0 * math.log(2.0) * np.linspace(-1.5, 1.5, 21) ** 2)[::-1]
    middle = slice(6, 15)
    ratio = pulses.mean(axis=0)[middle] / envelope[middle]
    assert ratio / ratio.mean() == pytest.approx(np.ones(9), abs=0.25)
    # scaling to a mean of 1 takes some of the noise
    spread = pulses.std(axis=0)[middle] / pulses.mean(axis=0)[middle]
    assert spread == pytest.approx(np.full(9, 0.93), abs=0.2)


def test_spikes_are_as_wide_as_asked_for():
    """The correlation of intensities falls to a half at half the width of a spike."""
    n, width = 301, 0.5
    step = 3.0 * width / (n - 1)
    spike = 10.0 * step
    lags = {0: 0.0, 5: 0.0, 40: 0.0}
    envelope = np.exp(-4.0 * math.log(2.0) * np.linspace(-1.5, 1.5, n) ** 2)[::-1]
    middle = slice(100, 201)
    for seed in range(60):
        flat = nb.Spectrum.sase(1.3, width, seed, samples=n, spike_percent=spike).weights / envelope
        flat = flat[middle] / flat[middle].mean() - 1.0
        for lag in lags:
            lags[lag] += float((flat[:len(flat) - lag] * flat[lag:]).mean())
    assert 0.35 < lags[5] / lags[0] < 0.65 and abs(lags[40]) < 0.15 * lags[0]


def test_sase_is_made_of_its_seed():
    assert nb.Spectrum.sase(1.3, 0.5, 3) == nb.Spectrum.sase(1.3, 0.5, 3) != nb.Spectrum.sase(1.3, 0.5, 4)


def test_sase_against_the_formula():
    spectrum = nb.Spectrum.sase(1.3, 0.5, 3, samples=11)
    words = [int(word >> np.uint64(11)) / 2.0 ** 53 for word in np.random.Philox(key=3).random_raw(600)]
    with mpmath.workdps(30):
        moments = [mpmath.sqrt(-2 * mpmath.log(1 - u)) * mpmath.cos(2 * mpmath.pi * v)
                   for u, v in zip(words[0:400:2], words[1:400:2])]
        spike = mpmath.mpf("0.5") * 6 / 10  # two samples: a twentieth of the width is less
        photons = []
        for k in range(11):
            x = mpmath.mpf(k) / 10 - mpmath.mpf("0.5")
            away = 3 * x * mpmath.mpf("0.5")
            field = sum(mpmath.expj(away * 2 * mpmath.sqrt(mpmath.log(2)) / spike * m + 2 * mpmath.pi * u)
                        for m, u in zip(moments, words[400:]))
            photons.append(mpmath.exp(-4 * mpmath.log(2) * (3 * x) ** 2) * abs(field) ** 2)
        expected = [float(11 * p / sum(photons)) for p in photons][::-1]
    assert spectrum.weights == pytest.approx(expected, rel=1e-10)


# -- merging


def test_merged_keeps_photons_and_the_mean():
    spectrum = nb.Spectrum.sase(1.3, 0.5, 1, samples=200)
    for n in (1, 2, 7, 50):
        merged = spectrum.merged(n)
        assert 1 <= len(merged) <= n
        assert merged.weights.mean() == pytest.approx(1.0, rel=1e-14)
        assert merged.mean_wavelength_angstrom == pytest.approx(spectrum.mean_wavelength_angstrom, rel=1e-14)
        # parts of about equal photons: no more than its share and one sample
        assert merged.weights.max() * len(spectrum) / len(merged) <= len(spectrum) / n + spectrum.weights.max() + 1e-9
    assert spectrum.merged(200) is spectrum and spectrum.merged(1000) is spectrum


# -- beams


def test_wavelength_of_a_beam_is_the_mean_unless_given():
    spectrum = nb.Spectrum([1.1, 1.3], [1, 3])
    assert nb.Beam(spectrum=spectrum).wavelength_angstrom == spectrum.mean_wavelength_angstrom
    assert nb.Beam(spectrum=spectrum, wavelength_angstrom=1.0).wavelength_angstrom == 1.0
    assert nb.Beam().wavelength_angstrom == 1.0


@pytest.mark.parametrize("make, message", [
    (lambda: nb.Spectrum(), "wavelengths_angstrom: give either wavelengths or energies_ev"),
    (lambda: nb.Spectrum([1.0], energies_ev=[1.0]), "wavelengths_angstrom: give either"),
    (lambda: nb.Spectrum([]), r"wavelengths_angstrom: shape \(0,\) must be \(n,\)"),
    (lambda: nb.Spectrum([[1.0]]), r"wavelengths_angstrom: shape \(1, 1\)"),
    (lambda: nb.Spectrum([1.0, -1.0]), "wavelengths_angstrom: -1.0 must be above 0 in Angstrom"),
    (lambda: nb.Spectrum([1.0, math.nan]), "wavelengths_angstrom: nan must be a finite number"),
    (lambda: nb.Spectrum(energies_ev=[0.0]), "energies_ev: 0.0 must be above 0 in eV"),
    (lambda: nb.Spectrum([1e-320]), "wavelengths_angstrom: a wavelength, or its inverse, is beyond"),
    (lambda: nb.Spectrum([1.0, 1.1], [1.0]), "weights: 1 of them for 2 wavelengths_angstrom"),
    (lambda: nb.Spectrum([1.0, 1.1], [1.0, -0.5]), "weights: -0.5 must not be negative"),
    (lambda: nb.Spectrum([1.0, 1.1], [1.0, math.inf]), "weights: inf must be a finite number"),
    (lambda: nb.Spectrum([1.0, 1.1], [0.0, 0.0]), "weights: the largest is 0.0; a spectrum needs photons"),
    (lambda: nb.Spectrum([1.0, 1.1], [1.0, 1j]), "weights: complex numbers"),
    (lambda: nb.Spectrum([1.0], threshold=1.0), "threshold: 1.0 must be from 0 to below 1"),
    (lambda: nb.Spectrum([1.0], density=True), "density: one of the wavelengths_angstrom alone has no width"),
    (lambda: nb.Spectrum([1.0, 1.0], density=True), "wavelengths_angstrom: 1.0 stands there twice"),
    (lambda: nb.Spectrum([1.0, 9.0], density="ev"), "wavelengths_angstrom: the first sample reaches to -3"),
    (lambda: nb.Spectrum([1.0, 1.1], density="nm"), "density: 'nm' must be True, False, 'ev' or 'angstrom'"),
    (lambda: nb.Spectrum.gaussian(1.0, 90.0), "bandwidth_percent: 90.0 must be below 63.3 %"),
    (lambda: nb.Spectrum.gaussian(0.0, 1.0), "wavelength_angstrom: 0.0 must be above 0"),
    (lambda: nb.Spectrum.tophat(1.0, 1.0, samples=0), "samples: 0 must be a whole number from 1"),
    (lambda: nb.Spectrum.sase(1.0, 1.0, -1), "seed: -1 must be a whole number from 0"),
    (lambda: nb.Spectrum.sase(1.0, 1.0, 1, spike_percent=0.0), "spike_percent: 0.0 must be above 0"),
    (lambda: nb.Spectrum.two_colour((1.0,)), "wavelengths_angstrom: .* must be two wavelengths"),
    (lambda: nb.Spectrum([1.0]).merged(0), "n: 0 must be a whole number from 1"),
    (lambda: nb.Beam(spectrum=[1.0, 1.1]), r"spectrum: \[1.0, 1.1\] must be a numbragg.Spectrum"),
    (lambda: nb.Beam(spectrum=nb.Spectrum([1.0]), dispersion_percent=1.0), "spectrum: give a spectrum or a dispersion"),
    (lambda: nb.Beam(spectrum=nb.Spectrum([1.0]), sources=[[1, 0, 0, 1, 1e-10]]), "spectrum: a list of sources"),
])
def test_refuses(make, message):
    with pytest.raises(ValueError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)
