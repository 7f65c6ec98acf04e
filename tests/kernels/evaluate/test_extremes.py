"""What a plan takes from the arrays of a scene, against NumPy's own words for it."""

from types import SimpleNamespace

import numpy as np
import pytest

from numbragg.kernels.evaluate import certificate


def scene(seed, domains, sources, weighted):
    """The arrays that are looked at."""
    random = np.random.default_rng(seed)
    directions = random.normal(size=(sources, 3))
    return SimpleNamespace(
        crystal=SimpleNamespace(phi_cells=random.normal(size=(3, 9)), mosaic=random.normal(size=(domains, 9))),
        beam=SimpleNamespace(wavelengths=random.uniform(0.5e-10, 2e-10, sources),
                             directions=directions / np.linalg.norm(directions, axis=1)[:, None] * 1.001,
                             weights=random.uniform(0.1, 3.0, sources if weighted else 0)))


def naive(scene):
    crystal, beam = scene.crystal, scene.beam
    u = crystal.mosaic.reshape(-1, 3, 3)
    sums = np.abs(np.einsum("nki,nkj->nij", u, u)).sum(axis=2)
    weights = beam.weights if len(beam.weights) else None
    return [(crystal.phi_cells.reshape(-1, 3) ** 2).sum(axis=1).max(), sums.max() if len(u) else 0.0,
            beam.wavelengths.min(), beam.wavelengths.max(), np.abs((beam.directions ** 2).sum(axis=1) - 1.0).max(),
            np.inf if weights is None else weights.min(), -np.inf if weights is None else weights.max()]


@pytest.mark.parametrize("domains, sources, weighted", [(0, 1, False), (1, 1, True), (7, 3, False), (40, 20, True)])
def test_numbers(domains, sources, weighted):
    for seed in range(5):
        made = scene(seed, domains, sources, weighted)
        assert certificate._extremes(made) == pytest.approx(naive(made), rel=1e-13, abs=1e-15)
        # the same bits, whoever does it
        assert certificate._extremes(made, True) == certificate._extremes(made)


@pytest.mark.parametrize("where, numbers", [("phi_cells", [0]), ("mosaic", [1]), ("wavelengths", [2, 3]),
                                            ("directions", [4]), ("weights", [5, 6])])
@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_what_is_not_finite_is_seen_wherever_it_is(where, numbers, wrong):
    """NaN is not passed over, as comparisons may do, whatever follows it."""
    for place in (0, -1, 11):
        made = scene(1, 5, 12, True)
        array = getattr(made.crystal, where, getattr(made.beam, where, None)).reshape(-1)
        array[place] = wrong
        found = np.array(certificate._extremes(made))[numbers]
        assert np.isnan(found).all() if wrong != wrong else (~np.isfinite(found)).any()
