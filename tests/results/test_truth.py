"""The truth of an image: spots lie where the stated orientation puts them, by arithmetic that knows nothing of ours."""

import itertools
import json
import math

import numpy as np
import pytest

import numbragg as nb
from numbragg.commands.cli import main
from numbragg.io.json_text import json_text
from numbragg.results.truth import crystal_truth, lattice_rows
from numbragg.scene.matrices import product, product_of_rows

ORIGIN, FAST, SLOW = (60.0, 25.0, -25.0), (0.0, 0.02, 0.25), (0.0, -0.25, 0.01)
DETECTOR = nb.Detector(panels=[nb.Panel(origin_mm=ORIGIN, fast_mm=FAST, slow_mm=SLOW, pixels=(200, 200))])
#: The beam travels along x in the frame of "mosflm".
BEAM = np.array([1.0, 0.0, 0.0])
WAVELENGTH = 1.0
TURN = nb.random_rotations(3, seed=5)[2]
CELL = (50.0, 60.0, 70.0, 90.0, 90.0, 90.0)
MATRIX = (TURN @ np.array([[0.02, 0.003, -0.001], [0.0, 0.018, 0.002], [0.0, 0.0, 0.015]])) * WAVELENGTH

CRYSTALS = {
    "default": nb.Crystal(cell=CELL, n_cells=12),
    "monoclinic": nb.Crystal(cell=(50, 60, 70, 90, 105, 90), n_cells=12, u_matrix=TURN),
    "u matrix": nb.Crystal(cell=CELL, n_cells=12, u_matrix=TURN),
    "misset": nb.Crystal(cell=CELL, n_cells=12, misset_deg=(11, 22, 33)),
    "u matrix and misset": nb.Crystal(cell=CELL, n_cells=12, u_matrix=TURN, misset_deg=(11, 22, 33)),
    "random": nb.Crystal(cell=CELL, n_cells=12, random_misset_seed=17),
    "matrix": nb.Crystal(matrix=MATRIX, n_cells=12),
    "left-handed matrix": nb.Crystal(matrix=-MATRIX, n_cells=12),
    "matrix and cell": nb.Crystal(matrix=MATRIX, cell=CELL, n_cells=12),
    # two angles that are not right: nanoBragg builds another cell, and its reciprocal vectors are another's
    "another cell": nb.Crystal(cell=(40, 50, 60, 80, 95, 100), n_cells=12, u_matrix=TURN),
    "far from right": nb.Crystal(cell=(45, 45, 45, 65, 65, 65), n_cells=12, u_matrix=TURN),
    "spindle": nb.Crystal(cell=CELL, n_cells=12, u_matrix=TURN, phi_start_deg=37.0, phi_steps=1, oscillation_deg=0.1),
}


def turned(axis, degrees):
    """Rotation matrix about an axis, right-handed, by Rodrigues' formula."""
    x, y, z = axis
    k = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    angle = math.radians(degrees)
    return np.eye(3) + math.sin(angle) * k + (1.0 - math.cos(angle)) * k @ k


def seen_on(a_matrix, wavelength, largest=30):
    """Reflections that nearly diffract, best first: what is missed [1/Angstrom], indices, and where on the panel."""
    hkl = np.mgrid[-largest:largest + 1, -largest:largest + 1, -largest:largest + 1].reshape(3, -1)
    s1 = BEAM[:, np.newaxis] / wavelength + a_matrix @ hkl
    missed = np.abs(np.sqrt((s1 ** 2).sum(axis=0)) - 1.0 / wavelength)
    for number in np.argsort(missed)[:2000]:
        # origin + fast f + slow s = t s1
        f, s, t = np.linalg.solve(np.array([FAST, SLOW, -s1[:, number]]).T, np.negative(ORIGIN))
        if hkl[:, number].any() and t > 0.0 and 5.0 < f < 195.0 and 5.0 < s < 195.0:
            yield missed[number], hkl[:, number], f, s


def assert_spots(image, a_matrix, wavelength=WAVELENGTH, wanted=4, share=0.05, crowded=False):
    """The reflections that diffract best have a bright maximum within a pixel of where they should be.

    All amplitudes are equal, so that such a spot is a good part of the brightest; one of 12 cells of 50 Angstrom at
    60 mm is 0.4 pixels wide.  Where spots of other orientations are near, it need not be
    the brightest of the neighbourhood.
    """
    best = list(itertools.islice(seen_on(a_matrix, wavelength), wanted))
    assert len(best) == wanted and best[-1][0] < 2e-4
    for _, hkl, f, s in best:
        fast, slow = int(f), int(s)
        reach = 1 if crowded else 3
        around = image[slow - reach:slow + reach + 1, fast - reach:fast + reach + 1]
        at = np.unravel_index(np.argmax(around), around.shape)
        assert max(abs(at[0] - reach), abs(at[1] - reach)) <= 1, (hkl, f, s, at)
        assert around.max() > share * image.max(), hkl


def simulated(crystal, beam=None, detector=DETECTOR):
    beam = nb.Beam(wavelength_angstrom=WAVELENGTH) if beam is None else beam
    return nb.Simulator(detector, beam, 100.0, sampling=nb.Sampling(oversample=3)).run(crystal)


@pytest.mark.parametrize("crystal", CRYSTALS.values(), ids=CRYSTALS)
def test_spots_are_where_the_a_matrix_puts_them(crystal):
    result = simulated(crystal)
    a = result.a_matrix
    angle, = result.phi_deg
    assert angle == pytest.approx(crystal.phi_start_deg, abs=1e-12)
    assert_spots(result.image, turned(result.spindle_axis, angle) @ a)
    # the test sees a wrong one
    with pytest.raises(AssertionError):
        assert_spots(result.image, turned((0.6, 0.0, 0.8), 1.5) @ a)


def test_spindle_steps():
    crystal = nb.Crystal(cell=CELL, n_cells=12, u_matrix=TURN, phi_start_deg=10.0, oscillation_deg=9.0, phi_steps=3)
    result = simulated(crystal)
    assert result.phi_deg == pytest.approx([10.0, 13.0, 16.0], abs=1e-12)
    for angle in result.phi_deg:
        assert_spots(result.image, turned(result.spindle_axis, angle) @ result.a_matrix, share=0.02, crowded=True)


def test_the_spindle_of_the_crystal_is_that_of_every_panel():
    """The custom frame has a spindle of its own, which a panel must not change."""
    crystal = nb.Crystal(cell=CELL, n_cells=12, u_matrix=TURN, phi_start_deg=40.0, spindle_axis=(0, 2, 0), phi_steps=1)
    detector = nb.Detector(panels=DETECTOR.panels, convention="custom")
    result = simulated(crystal, detector=detector)
    assert result.spindle_axis.tolist() == [0.0, 1.0, 0.0]
    assert_spots(result.image, turned((0, 1, 0), 40.0) @ result.a_matrix)


def test_mosaic_domains():
    crystal = nb.Crystal(cell=CELL, n_cells=12, u_matrix=TURN, mosaic_spread_deg=3.0, mosaic_domains=4, phi_steps=1,
                         phi_start_deg=20.0)
    result = simulated(crystal)
    rotations = result.mosaic_rotations
    assert rotations.shape == (4, 3, 3) and (rotations[0] == np.eye(3)).all()
    turn = turned(result.spindle_axis, 20.0)
    with pytest.raises(AssertionError):
        assert_spots(result.image, rotations[1].T @ turn @ result.a_matrix, share=0.02, crowded=True)
    for rotation in rotations:
        assert np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
        assert_spots(result.image, rotation @ turn @ result.a_matrix, share=0.02, crowded=True)
    with pytest.raises(ValueError, match="read-only"):
        rotations[0, 0, 0] = 5.0
    assert simulated(CRYSTALS["default"]).mosaic_rotations.tolist() == [np.eye(3).tolist()]


def test_sources():
    """Each wavelength has its spots, and directions are those of the sources."""
    beam = nb.Beam(wavelength_angstrom=WAVELENGTH, dispersion_percent=4.0, dispersion_steps=3)
    result = simulated(CRYSTALS["u matrix"], beam)
    directions, wavelengths, weights = result.sources
    assert wavelengths == pytest.approx([0.98, 1.0, 1.02]) and weights == pytest.approx([1 / 3] * 3)
    assert np.allclose(directions, -BEAM)
    for wavelength in wavelengths:
        assert_spots(result.image, result.a_matrix, wavelength, share=0.02, crowded=True)
    given = [[-3.0, 0.0, 0.0, 7.0, 1.1e-10], [-1.0, 0.1, 0.0, 1.0, 1.2e-10]]
    listed = simulated(CRYSTALS["u matrix"], nb.Beam(sources=given)).sources
    assert listed.wavelengths_angstrom == pytest.approx([1.1, 1.2], rel=1e-15)
    assert np.allclose(np.linalg.norm(listed.directions, axis=1), 1.0)
    assert np.allclose(np.cross(listed.directions[1], given[1][:3]), 0.0)
    # intensities are never used
    assert listed.weights.tolist() == [0.5, 0.5]


def naive_b(a, b, c, alpha, beta, gamma):
    """B of Busing and Levy (1967), their equation 3, from the cell alone."""
    alpha, beta, gamma = map(math.radians, (alpha, beta, gamma))
    v = a * b * c * math.sqrt(1 - math.cos(alpha) ** 2 - math.cos(beta) ** 2 - math.cos(gamma) ** 2
                              + 2 * math.cos(alpha) * math.cos(beta) * math.cos(gamma))
    stars = b * c * math.sin(alpha) / v, c * a * math.sin(beta) / v, a * b * math.sin(gamma) / v
    cos_beta = (math.cos(alpha) * math.cos(gamma) - math.cos(beta)) / (math.sin(alpha) * math.sin(gamma))
    cos_gamma = (math.cos(alpha) * math.cos(beta) - math.cos(gamma)) / (math.sin(alpha) * math.sin(beta))
    return np.array([[stars[0], stars[1] * cos_gamma, stars[2] * cos_beta],
                     [0.0, stars[1] * math.sqrt(1 - cos_gamma ** 2),
                      -stars[2] * math.sqrt(1 - cos_beta ** 2) * math.cos(alpha)],
                     [0.0, 0.0, 1.0 / c]])


@pytest.mark.parametrize("crystal", CRYSTALS.values(), ids=CRYSTALS)
def test_matrices_agree(crystal):
    simulator = nb.Simulator(DETECTOR, nb.Beam(wavelength_angstrom=WAVELENGTH), 1.0, roi=(0, 1, 0, 1))
    result = simulator.run(crystal)
    a, u, b = result.a_matrix, result.u_matrix, result.b_matrix
    assert np.allclose(u @ b, a, rtol=1e-13, atol=1e-16)
    assert np.allclose(u.T @ u, np.eye(3), atol=1e-14) and math.isclose(np.linalg.det(u), 1.0, rel_tol=1e-13)
    assert (np.tril(b, -1) == 0.0).all() and b[0, 0] > 0.0 and b[1, 1] > 0.0
    assert np.allclose(result.real_space_vectors @ a, np.eye(3), atol=1e-13)
    axes = result.real_space_vectors
    lengths = np.linalg.norm(axes, axis=1)
    angles = [math.degrees(math.acos(axes[i] @ axes[j] / lengths[i] / lengths[j])) for i, j in ((1, 2), (2, 0), (0, 1))]
    assert np.allclose(result.cell, [*lengths, *angles], rtol=1e-12)
    left = crystal is CRYSTALS["left-handed matrix"]
    assert (b[2, 2] < 0.0) == left == (np.linalg.det(a) < 0.0)
    if not left:
        # angles near 90 degrees keep 1e-13 of what an arc cosine is of them
        assert np.allclose(b, naive_b(*result.cell), rtol=1e-10, atol=1e-14)


def test_what_was_given_comes_back():
    def run(name):
        return nb.Simulator(DETECTOR, nb.Beam(wavelength_angstrom=1.5), 1.0, roi=(0, 1, 0, 1)).run(CRYSTALS[name])

    assert np.allclose(run("u matrix").u_matrix, TURN, atol=1e-14)
    assert np.allclose(run("monoclinic").u_matrix, TURN, atol=1e-14)
    assert np.allclose(run("monoclinic").cell, (50, 60, 70, 90, 105, 90), rtol=1e-13)
    assert np.allclose(run("matrix").a_matrix * 1.5, MATRIX, rtol=1e-12)
    # quirk Q30: not the cell that was asked for
    assert np.allclose(run("another cell").cell[3:], (79.9796, 95.0104, 100.003), atol=1e-3)
    result = run("u matrix and misset")
    again = nb.Crystal(cell=CELL, n_cells=12, u_matrix=result.u_matrix)
    other = nb.Simulator(DETECTOR, nb.Beam(wavelength_angstrom=1.5), 1.0, roi=(0, 1, 0, 1)).run(again)
    assert np.allclose(other.a_matrix, result.a_matrix, rtol=1e-13, atol=1e-16)


def test_revision_main_keeps_a_rotation_at_zero():
    crystal = nb.Crystal(cell=CELL, phi_start_deg=-1.0, phi_step_deg=1.0, phi_steps=3, oscillation_deg=3.0)
    shown = {revision: nb.Simulator(DETECTOR, nb.Beam(), 1.0, revision=revision, roi=(0, 1, 0, 1)).run(crystal).phi_deg
             for revision in ("fixed", "main")}
    assert shown["fixed"] == pytest.approx([-1.0, 0.0, 1.0], abs=1e-12)
    assert shown["main"] == pytest.approx([-1.0, -1.0, 1.0], abs=1e-12)


NAMES = ("a_matrix", "b_matrix", "u_matrix", "cell", "mosaic_rotations", "phi_deg", "sources", "spindle_axis",
         "real_space_vectors")


@pytest.mark.parametrize("name", NAMES)
def test_nested_as_prepared(name):
    crystals = [CRYSTALS["u matrix"], CRYSTALS["misset"]]
    panels = nb.Detector(panels=[*DETECTOR.panels, nb.Panel(origin_mm=(90, 1, 1), fast_mm=(0, 0, 0.1),
                                                            slow_mm=(0, 0.1, 0), pixels=(3, 4))])
    one = {number: getattr(simulated(crystal), name) for number, crystal in enumerate(crystals)}

    def same(found, wanted):
        return all(np.array_equal(a, b) for a, b in zip(found, wanted, strict=True))

    beam = nb.Beam(wavelength_angstrom=WAVELENGTH)
    for detector, given in ((DETECTOR, crystals), (panels, crystals[0]), (panels, crystals)):
        result = nb.Simulator(detector, beam, 1.0, sampling=nb.Sampling(oversample=1)).run(given)
        found = getattr(result, name)
        assert isinstance(found, tuple) and len(found) == len(detector.shapes) == len(result.prepared)
        for panel, prepared in zip(found, result.prepared):
            assert isinstance(panel, tuple) and len(panel) == len(prepared)
            for number, value in enumerate(panel):
                assert type(value) is type(one[number]) and same(value, one[number])


def test_the_account_holds_the_same(folder):
    words = ("-cell 50 60 70 90 105 90 -misset 10 20 30 -N 5 -default_F 10 -detpixels 16 -dispersion 1 -dispsteps 3 "
             "-phi 5 -osc 2 -phisteps 2 -mosaic 1 -mosaic_dom 3 -seed 1 --quiet --stats-json s.json")
    assert main(words.split()) == 0
    facts = json.loads((folder / "s.json").read_text())
    crystal = nb.Crystal(cell=(50, 60, 70, 90, 105, 90), misset_deg=(10, 20, 30), n_cells=5, phi_start_deg=5,
                         oscillation_deg=2, phi_steps=2, mosaic_spread_deg=1, mosaic_domains=3)
    result = nb.Simulator(nb.Detector(pixels=(16, 16)), nb.Beam(dispersion_percent=1, dispersion_steps=3),
                          10.0).run(crystal)
    told = facts["crystal"]
    assert told["a_matrix_per_angstrom"] == result.a_matrix.tolist() and told["u_matrix"] == result.u_matrix.tolist()
    assert told["b_matrix_per_angstrom"] == result.b_matrix.tolist() and told["phi_deg"] == result.phi_deg.tolist()
    assert told["mosaic_rotations"] == result.mosaic_rotations.tolist()
    assert told["real_space_vectors_angstrom"] == result.real_space_vectors.tolist()
    assert told["cell_angstrom_deg"] == list(result.cell)
    assert told["spindle_axis"] == result.spindle_axis.tolist()
    assert [source["wavelength_angstrom"] for source in facts["beam"]["source_list"]] == (
        result.sources.wavelengths_angstrom.tolist())
    assert facts["beam"]["source_list"][0]["direction"] == result.sources.directions[0].tolist()
    assert (told["mosaic_domains"], told["mosaic_seed"]) == (3, 12345678)
    statistics = nb.image_statistics(np.fromfile("floatimage.bin", np.float32).reshape(16, 16))
    told = facts["image"]
    assert [told["maximum"], *told["maximum_at_fast_slow"], told["sum"], told["mean"], told["rms"],
            told["rms_deviation"]] == [statistics.maximum, statistics.maximum_fast, statistics.maximum_slow,
                                       statistics.sum, statistics.mean, statistics.rms, statistics.rms_deviation]


def test_long_lists_are_left_out_of_the_account(folder):
    words = ("-cell 50 50 50 90 90 90 -N 1 -default_F 10 -detpixels 2 -dispersion 1 -dispsteps 101 -osc 1 "
             "-phisteps 101 -mosaic 1 -mosaic_dom 101 -seed 1 --quiet --stats-json s.json")
    assert main(words.split()) == 0
    facts = json.loads((folder / "s.json").read_text())
    assert facts["crystal"]["phi_deg"] is None and facts["beam"]["source_list"] is None
    assert facts["crystal"]["mosaic_rotations"] is None
    assert facts["beam"]["sources"] == 101 and facts["crystal"]["phi_steps"] == 101


def test_axes_without_a_volume_have_an_account():
    """What is simulated all the same is told, with numbers that are not finite where a division by zero would be."""
    crystal = nb.Crystal(matrix=((1, 0, 1), (0, 1, 1), (0, 0, 1e-20)), cell=(1e-102, 1e-102, 1e-102, 90, 90, 90))
    result = nb.Simulator(nb.Detector(pixels=(2, 2)), nb.Beam(), 1.0, sampling=nb.Sampling(oversample=1)).run(crystal)
    a, b, c = result.real_space_vectors
    assert a @ np.cross(b, c) == 0.0 and not np.isfinite(result.a_matrix).all()
    assert result.cell[:3] == pytest.approx([1e-102] * 3) and result.u_matrix.shape == (3, 3)
    assert json.loads(json_text(crystal_truth(result.prepared)))["b_matrix_per_angstrom"][1][0] == 0.0


@pytest.mark.parametrize("crystal", CRYSTALS.values(), ids=CRYSTALS)
def test_rows_are_those_of_the_matrices(crystal):
    """As plain numbers, for tables of many shots; their products are those of arrays, each sum in its order."""
    result = nb.Simulator(DETECTOR, nb.Beam(), 100.0, threads=1).run(crystal)
    a_matrix, u_matrix = lattice_rows(result.prepared)
    assert np.array(a_matrix).tobytes() == result.a_matrix.tobytes()
    assert np.array(u_matrix).tobytes() == result.u_matrix.tobytes()
    wanted = [[0 + row[0] * column[0] + row[1] * column[1] + row[2] * column[2] for column in zip(*a_matrix)]
              for row in TURN.tolist()]
    assert product_of_rows(TURN.tolist(), a_matrix) == wanted == product(TURN, result.a_matrix).tolist()
